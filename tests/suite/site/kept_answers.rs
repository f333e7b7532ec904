//! An answer of the site's Python is given again without asking while all that it rests on is as it was.

use std::time::{Duration, Instant};

use lino_upgrade::site::Site;
use lino_upgrade::site::facts::{ask, connection};

use super::World;
use crate::shop::Shop;

/// A site whose python says what the answer rests on, and notes that it was asked.
struct Asked {
    world: World,
    site: Site,
}

impl Asked {
    /// The answer has this beside its sources.
    fn with(more: &str) -> Self {
        let world = World::with_tools();
        world.write("prod/settings.py", "one");
        world.write("prod/lib/there.py", "");
        let sources = serde_json::json!({
            "files": [world.path("prod/settings.py"), world.path("prod/never.ini")],
            "directories": [world.path("prod"), world.path("prod/lib"), world.path("prod/nowhere")],
            "present": [world.path("prod/lib/there.py")],
            "absent": [world.path("prod/debug")],
        });
        Self::saying(world, &format!(r#"{{"format": 1, "sources": {sources}{more}}}"#), "")
    }

    /// The answer is this; before, this is done.
    fn saying(world: World, answer: &str, first: &str) -> Self {
        world.write("answer", answer);
        world.write("line", &format!("@lino-upgrade-connection {answer}\n"));
        world.script(
            "prod/env/bin/python",
            &format!(
                "#!/bin/sh\necho >> {0}/asked\n{first}\nif [ \"$3\" = --connection ]; then cat {0}/line; else cp \
                 {0}/answer \"$3\"; fi\n",
                world.base().display()
            ),
        );
        let site = world.site();
        site.prepare_state_dir().unwrap();
        Self { world, site }
    }

    fn times(&self) -> usize {
        std::fs::read_to_string(self.world.path("asked")).unwrap_or_default().lines().count()
    }

    /// Asks, and tells whether Python had to answer.
    async fn asks(&self) -> bool {
        let before = self.times();
        ask(&self.site).await.unwrap();
        self.times() > before
    }

    /// Asks until all that the answer rests on is so old that it is kept.
    async fn settle(&self) {
        let started = Instant::now();
        while self.asks().await {
            assert!(started.elapsed() < Duration::from_secs(30), "the answer is never kept");
        }
    }
}

/// What changes, how, and whether Python is asked again.
type Change<'a> = (&'a str, Box<dyn Fn() + 'a>, bool);

const REACHED: &str = r#", "database": {"reachable": true}"#;

#[tokio::test]
async fn nobody_is_asked_again_until_something_changes_that_the_answer_rests_on() {
    let asked = Asked::with(REACHED);
    let world = &asked.world;
    let write = |path: &str| drop(world.write(path, "two"));
    let remove = |path: &str| std::fs::remove_file(world.path(path)).unwrap();
    let changes: [Change<'_>; 13] = [
        ("nothing", Box::new(|| ()), false),
        ("a file that was read", Box::new(|| write("prod/settings.py")), true),
        ("one that could not be read is there", Box::new(|| write("prod/never.ini")), true),
        ("and is gone", Box::new(|| remove("prod/never.ini")), true),
        ("a new module", Box::new(|| write("prod/lib/new.py")), true),
        ("a file beside it is written", Box::new(|| write("prod/lib/new.py")), false),
        ("a module is gone", Box::new(|| remove("prod/lib/new.py")), true),
        ("a directory that was searched is there", Box::new(|| write("prod/nowhere/module.py")), true),
        ("a file that was looked for is there", Box::new(|| write("prod/debug")), true),
        ("and is gone", Box::new(|| remove("prod/debug")), true),
        ("what SQLite writes", Box::new(|| write("prod/default.db-journal")), false),
        ("byte code", Box::new(|| write("prod/lib/__pycache__/there.pyc")), false),
        (
            "the environment",
            Box::new(|| std::fs::rename(world.path("prod/lib"), world.path("prod/old")).unwrap()),
            true,
        ),
    ];
    asked.settle().await;
    for (what, change, again) in changes {
        change();
        assert_eq!(asked.asks().await, again, "{what}");
        if what == "the environment" || world.path("prod/debug").exists() {
            // What was looked for is otherwise now: no answer that says so is kept.
            assert!(asked.asks().await, "{what}");
        } else {
            asked.settle().await;
        }
    }
}

#[tokio::test]
async fn an_answer_that_may_have_changed_meanwhile_is_not_kept() {
    let world = World::with_tools();
    let settings = world.write("prod/settings.py", "one");
    let answer = serde_json::json!({"format": 1, "database": {"reachable": true}, "sources":
        {"files": [settings], "directories": [], "present": [], "absent": []}});
    let asked = Asked::saying(world, &answer.to_string(), "echo two >> settings.py");
    for _ in 0..3 {
        assert!(asked.asks().await);
    }
}

#[tokio::test]
async fn an_answer_whose_sources_are_unknown_or_whose_database_is_away_is_not_kept() {
    let unknown = r#"{"format": 1, "sources": null, "database": {"reachable": true}}"#;
    let asked = Asked::saying(World::with_tools(), unknown, "");
    let away = Asked::with(r#", "database": {"reachable": false}"#);
    for _ in 0..3 {
        assert!(asked.asks().await && away.asks().await);
    }
}

#[tokio::test]
async fn the_connection_is_kept_like_the_facts_and_apart_from_them() {
    let asked =
        Asked::with(r#", "engine": "sqlite", "backend": "b", "name": "default.db", "database": {"reachable": true}"#);
    let started = Instant::now();
    let mut before = usize::MAX;
    while asked.times() != before {
        before = asked.times();
        assert_eq!(connection(&asked.site).await.unwrap().file(), Some(asked.world.path("prod/default.db")));
        assert!(started.elapsed() < Duration::from_secs(30));
    }
    assert!(asked.asks().await);
    asked.world.write("prod/settings.py", "two");
    before = asked.times();
    connection(&asked.site).await.unwrap();
    assert_eq!(asked.times(), before + 1);
}

#[tokio::test]
async fn two_who_ask_at_the_same_time_get_one_answer() {
    let asked = Asked::with(REACHED);
    asked.settle().await;
    let before = asked.times();
    let (one, two) = tokio::join!(ask(&asked.site), ask(&asked.site));
    assert_eq!(one.unwrap(), two.unwrap());
    assert_eq!(asked.times(), before);
}

/// A real Lino: what its answers rest on is known, and whatever changes them is seen.
#[tokio::test]
async fn a_real_site_is_asked_again_when_its_code_settings_or_packages_change() {
    let shop = Shop::light_on("sqlite", "new_blank");
    let world = World::with_tools();
    let mut site = lino_upgrade::site::find(Some(&shop.dir), &shop.dir, &world.around).unwrap();
    let count = world.path("asked");
    let real = site.python.clone();
    site.python = world.script(
        "counting-python",
        &format!("#!/bin/sh\necho >> {}\nexec {} \"$@\"\n", count.display(), real.display()),
    );
    let times = || std::fs::read_to_string(&count).unwrap_or_default().lines().count();
    // The first one may come right after the site was made.
    ask(&site).await.unwrap();
    let facts = ask(&site).await.unwrap();
    connection(&site).await.unwrap();
    connection(&site).await.unwrap();
    let asked = times();
    assert_eq!(ask(&site).await.unwrap(), facts);
    connection(&site).await.unwrap();
    assert_eq!(times(), asked);

    let settings = shop.dir.join("settings.py");
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(
        &settings,
        format!("{text}SITE.verbose_name = 'Corner shop'\nDATABASES['default']['NAME'] += '2'\n"),
    )
    .unwrap();
    assert_eq!(ask(&site).await.unwrap().site.name.as_deref(), Some("Corner shop"));
    assert!(connection(&site).await.unwrap().name.ends_with("default.db2"));
    std::fs::write(&settings, &text).unwrap();
    assert_eq!(ask(&site).await.unwrap(), facts);

    // Looking for a library of the system runs linkers; what another program says cannot be known.
    for (code, again) in [
        ("import ctypes.util; ctypes.util.find_library('no-such-library')", 0),
        ("import subprocess; subprocess.run(['true'])", 1),
    ] {
        std::fs::write(&settings, format!("{text}{code}\n")).unwrap();
        connection(&site).await.unwrap();
        connection(&site).await.unwrap();
        let before = times();
        connection(&site).await.unwrap();
        assert_eq!(times() - before, again, "{code}");
    }
    std::fs::write(&settings, &text).unwrap();

    let packages =
        std::fs::read_dir(shop.dir.join("env/lib")).unwrap().next().unwrap().unwrap().path().join("site-packages");
    let metadata = packages.join("corner-7.dist-info/METADATA");
    std::fs::create_dir(metadata.parent().unwrap()).unwrap();
    std::fs::write(&metadata, "Metadata-Version: 2.1\nName: corner\nVersion: 7\n").unwrap();
    assert_eq!(ask(&site).await.unwrap().installed.get("corner").map(String::as_str), Some("7"));
    std::fs::write(&metadata, "Metadata-Version: 2.1\nName: corner\nVersion: 8\n").unwrap();
    assert_eq!(ask(&site).await.unwrap().installed.get("corner").map(String::as_str), Some("8"));
}
