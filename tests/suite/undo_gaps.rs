//! What can go wrong around an undo: others who write while it runs, services that somebody starts in its middle, copies
//! that are not there, processes that are killed. Whatever was entered is kept, and the old version comes back.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use lino_upgrade::procedure::StepId;
use serde_json::{Value, json};

use crate::servers::Servers;
use crate::shop::{Shop, ended, sites, watched};
use crate::undo::{Before, events, is_up, program, ran, runs, steps, up_to, web};

/// A program that is ended with the test.
struct Other(Child);

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A program of somebody who has the database file open and does nothing with it.
fn holder(shop: &Shop) -> Other {
    let file = File::open(shop.dir.join("default.db")).unwrap();
    let mut command = Command::new("sleep");
    command.arg("600").current_dir("/").stdin(file).stdout(Stdio::null()).stderr(Stdio::null());
    Other(command.spawn().unwrap())
}

/// Undoes with a fault; returns exit status, events and what was said.
fn undo_with(shop: &Shop, fault: Option<&str>, each: impl FnMut(&Value)) -> (Option<i32>, Vec<Value>, String) {
    let mut command = program(shop, &["undo", "--yes", "--json"]);
    command.envs(fault.map(|fault| ("LINO_UPGRADE_FAULT", fault)));
    watched(command, each)
}

/// Undoes until this step fails by a fault.
fn stops_at(shop: &Shop, step: &str) {
    let (status, _, said) = undo_with(shop, Some(&format!("fail@{step}")), |_| {});
    assert_eq!(status, Some(1), "{said}");
}

/// Undoes to the end.
fn comes_back(shop: &Shop) -> Vec<(String, String)> {
    let (status, events, said) = undo_with(shop, None, |_| {});
    assert_eq!((status, said.as_str()), (Some(0), "The old version is back: 1.0.\n"), "{events:?}");
    ended(&events)
}

/// Returns the text of each finding of the last attempt of a step that did not pass.
fn found(events: &[Value], step: &str) -> Vec<String> {
    let end = events.iter().rfind(|event| event["event"] == "step_ended" && event["step"] == step).unwrap();
    let findings = end["findings"].as_array().unwrap().iter().filter(|finding| finding["level"] != "PASS");
    findings.map(|finding| finding["text"].as_str().unwrap().to_owned()).collect()
}

fn plan(shop: &Shop) -> Value {
    let (status, printed, said) = ran(shop, &["undo", "--plan", "--json"]);
    assert_eq!((status, said.as_str()), (Some(0), ""));
    serde_json::from_str(&printed).unwrap()
}

fn enter(shop: &Shop, name: &str) {
    shop.query(&format!("cursor.execute(\"insert into shop_setting (name, value) values ('{name}', '1')\")"));
}

fn kept(shop: &Shop) -> PathBuf {
    shop.dir.join(".lino-upgrade/undone/run-0001")
}

/// Returns the rows that were exported in this directory, without their keys: what, table and name.
fn exported(dir: &Path) -> Vec<String> {
    let mut rows = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let table = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        for line in text.lines().skip(1) {
            let words: Vec<&str> = line.split(',').collect();
            rows.push(format!("{table} {} {}", words[0], words[2]));
        }
    }
    rows.sort();
    rows
}

/// Returns which of three names a copy of the SQLite database holds.
fn settings_in(shop: &Shop, copy: &Path) -> String {
    let script = format!(
        "import sqlite3\nc = sqlite3.connect('file:{}?mode=ro', uri=True)\n\
         names = c.execute(\"select name from shop_setting where name in ('first', 'second', 'third') order by id\")\n\
         print(','.join(row[0] for row in names))",
        copy.display()
    );
    let output = Command::new("python3").args(["-c", &script]).current_dir(&shop.dir).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Returns the first line of what was said.
fn first(said: &str) -> &str {
    said.lines().next().unwrap_or_default()
}

const AGAIN: &str =
    "somebody has used the site since; it is stopped again, and what was entered is kept, when the undo goes on";

#[test]
fn rows_are_counted_before_and_what_is_entered_in_the_middle_of_an_undo_is_kept_too() {
    let shop = Shop::light_on("sqlite", "new_blank");
    let before = Before::of(&shop);
    let (status, _, said) = shop.upgrade();
    assert_eq!(status, Some(0), "{said}");
    // What the check of the data has repaired was entered by nobody.
    assert_eq!(plan(&shop)["rows_lost"], json!(0));
    enter(&shop, "first");
    let shown = plan(&shop);
    assert_eq!(shown["rows_lost"], json!(1), "{shown}");
    assert!(shown["losses"][1].as_str().unwrap().starts_with("1 row was entered, changed or deleted since"), "{shown}");

    // Kept, and then somebody starts the services again.
    stops_at(&shop, "undo-environment");
    assert_eq!(exported(&kept(&shop).join("rows")), ["shop_setting new first"]);
    web(&shop, "start");
    enter(&shop, "second");
    let (status, events, said) = undo_with(&shop, None, |_| {});
    assert_eq!((status, first(&said)), (Some(4), format!("Bring packages back: {AGAIN}").as_str()));
    let told = found(&events, "undo-environment");
    assert_eq!(told[0], "The database was changed since the undo has stopped the site.", "{told:?}");
    assert!(Before::of(&shop) != before);
    // Once more, when the packages are back already; this time nobody sees a service.
    stops_at(&shop, "undo-database");
    assert_eq!(exported(&kept(&shop).join("rows-2")), ["shop_setting new first", "shop_setting new second"]);
    assert!(!is_up(&shop));
    shop.query("cursor.execute(\"insert into shop_setting (name, value) values ('third', '1')\")");
    let (status, _, said) = undo_with(&shop, None, |_| {});
    assert_eq!((status, first(&said)), (Some(4), format!("Bring database back: {AGAIN}").as_str()));
    let (status, events, said) = undo_with(&shop, None, |_| {});
    assert_eq!((status, said.as_str()), (Some(0), "The old version is back: 1.0.\n"));
    let told = found(&events, "undo-keep");
    assert!(told[0].ends_with("Others than before: shop_setting (1 new or changed, 0 gone or changed)."), "{told:?}");
    let copies = ["database.sqlite", "database-2.sqlite", "database-3.sqlite"];
    let held = copies.map(|copy| settings_in(&shop, &kept(&shop).join(copy)));
    assert_eq!(held, ["first", "first,second", "first,second,third"]);
    assert_eq!(Before::of(&shop), before);
    assert_eq!(runs(&shop), [(2, "done".into(), Some(1)), (1, "undone".into(), None)]);
}

#[test]
#[ignore = "takes a minute; tests/run --full asks for it"]
fn matrix_programs_that_have_the_database_open_while_it_is_kept_or_accounted_for_are_named() {
    let shop = Shop::light_on("sqlite", "new_blank");
    let before = Before::of(&shop);
    let (status, _, said) = shop.upgrade();
    assert_eq!(status, Some(0), "{said}");
    for (step, doing) in
        [("undo-keep", "what was entered was written down"), ("undo-account", "the rows were accounted for")]
    {
        let mut other = None;
        let (status, events, said) = undo_with(&shop, None, |event| {
            if event["event"] == "command_started" && event["step"] == step {
                other = Some(holder(&shop));
            }
        });
        let id = other.as_ref().unwrap().0.id();
        let database = shop.dir.join("default.db");
        let text = format!("sleep 600 ({id}) had {} open as {} while {doing}.", database.display(), me());
        let told = found(&events, step);
        assert_eq!((status, &told[0]), (Some(1), &text), "{said} {told:?}");
        assert!(events.iter().any(|event| event["event"] == "noticed" && event["text"] == text.as_str()));
        assert!(said.contains(&format!("failed: somebody could write while {doing}")), "{said}");
    }
    comes_back(&shop);
    assert_eq!(Before::of(&shop), before);
}

fn me() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
#[ignore = "takes two minutes; tests/run --full asks for it"]
fn matrix_a_session_on_postgresql_while_what_was_entered_is_kept_is_named() {
    let servers = Servers::start();
    let shop = Shop::light_on("postgresql", "new_blank");
    let before = Before::of(&shop);
    let (status, _, said) = shop.upgrade();
    assert_eq!(status, Some(0), "{said}");
    enter(&shop, "entered");
    assert_eq!(plan(&shop)["rows_lost"], json!(1));
    let mut session = None;
    let (status, events, said) = undo_with(&shop, None, |event| {
        if event["event"] == "command_started" && event["step"] == "undo-keep" && session.is_none() {
            session = Some(servers.session("postgresql", &shop.database));
        }
    });
    let one = session.as_ref().unwrap();
    let text = format!(
        "lino (psql) ({}) had a session from {}, idle while what was entered was written down.",
        one.id, one.address
    );
    assert_eq!((status, &found(&events, "undo-keep")[0]), (Some(1), &text), "{said}");
    drop(session);
    comes_back(&shop);
    assert_eq!(Before::of(&shop), before);
    assert_eq!(exported(&kept(&shop).join("rows")), ["shop_setting new entered"]);
    a_new_row_gets_a_fresh_key(&shop);
}

/// Enters a row as Django does, which leaves the key to the database.
fn a_new_row_gets_a_fresh_key(shop: &Shop) {
    let text = shop.query(
        "cursor.execute('select max(id) from shop_setting')\nmost = cursor.fetchone()[0]\n\
         cursor.execute(\"insert into shop_setting (name, value) values ('fresh', '1')\")\n\
         cursor.execute(\"select id from shop_setting where name = 'fresh'\")\nprint(cursor.fetchone()[0] > most)\n",
    );
    assert_eq!(text, "True\n");
}

#[test]
#[ignore = "takes two minutes; tests/run --full asks for it"]
fn matrix_after_an_undo_on_mariadb_only_what_people_entered_is_exported_and_new_rows_get_fresh_keys() {
    let shop = Shop::light_on("mariadb", "new_blank");
    let before = Before::of(&shop);
    let (status, _, said) = shop.upgrade();
    assert_eq!(status, Some(0), "{said}");
    enter(&shop, "entered");
    assert_eq!(plan(&shop)["rows_lost"], json!(1));
    stops_at(&shop, "undo-environment");
    enter(&shop, "later");
    let (status, _, said) = undo_with(&shop, None, |_| {});
    assert_eq!((status, first(&said)), (Some(4), format!("Bring packages back: {AGAIN}").as_str()));
    comes_back(&shop);
    assert_eq!(Before::of(&shop), before);
    assert_eq!(exported(&kept(&shop).join("rows-2")), ["shop_setting new entered", "shop_setting new later"]);
    a_new_row_gets_a_fresh_key(&shop);
}

/// Lets pip find the old versions as well as the new ones, as the package index of a real site does.
fn index_has_all_versions(shop: &Shop) {
    let output = sites("make_env").args(["--wheels", "old"]).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    let old = String::from_utf8(output.stdout).unwrap();
    let pull = fs::read_to_string(shop.dir.join("pull.sh")).unwrap();
    let new = pull.lines().find_map(|line| line.strip_prefix("export PIP_FIND_LINKS=")).unwrap().trim_matches('"');
    let settings = format!("[global]\nno-index = true\nfind-links = {} {new}\n", old.trim());
    fs::write(shop.dir.join("env/pip.conf"), settings).unwrap();
}

/// Undoes an upgrade on a server whose copy of the database is gone: the old version loads the snapshot.
fn without_copies(engine: &'static str) {
    let shop = Shop::build_on(engine);
    let before = Before::of(&shop);
    up_to(&shop, StepId::Restore);
    let protected = shop.dir.join(".lino-upgrade/protect/run-0001");
    for name in ["env", "database.sqlite", "database.sql"] {
        let path = protected.join(name);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else {
            let _ = fs::remove_file(path);
        }
    }
    let missing: Vec<String> =
        plan(&shop)["missing"].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect();
    assert_eq!(missing.len(), 2, "{missing:?}");
    assert!(missing[0].starts_with("There is no copy of the environment: "), "{missing:?}");
    assert!(
        missing[1].starts_with("There is no copy of the database: the old version loads the snapshot"),
        "{missing:?}"
    );
    index_has_all_versions(&shop);
    let ended = comes_back(&shop);
    assert_eq!(ended, steps(&["undo-keep", "undo-static", "undo-indexes"]));
    let after = Before::of(&shop);
    assert_eq!(after.goods(), before.goods());
    assert_eq!(after.packages(), before.packages());
    assert!(is_up(&shop));
    if engine != "sqlite" {
        a_new_row_gets_a_fresh_key(&shop);
    }
}

#[test]
#[ignore = "takes two minutes; tests/run --full asks for it"]
fn matrix_without_copies_the_old_packages_are_installed_and_the_old_version_loads_the_snapshot() {
    without_copies("sqlite");
}

#[test]
#[ignore = "takes two minutes; tests/run --full asks for it"]
fn matrix_without_copies_on_postgresql() {
    without_copies("postgresql");
}

#[test]
#[ignore = "takes two minutes; tests/run --full asks for it"]
fn matrix_without_copies_on_mariadb() {
    without_copies("mariadb");
}

/// A small file system; gone with the test.
struct Small(PathBuf);

impl Small {
    /// None on a machine that does not permit it.
    fn mount(place: &Path, size: &str) -> Option<Self> {
        fs::create_dir_all(place).unwrap();
        let size = format!("size={size},mode=0700");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "none"]).arg(place).output().unwrap();
        mounted.status.success().then(|| Self(place.to_owned()))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
#[ignore = "takes two minutes and mounts a file system; tests/run --full asks for it"]
fn matrix_without_room_for_copies_the_operator_decides_and_an_undo_works_all_the_same() {
    let shop = Shop::light_on("sqlite", "new_blank");
    let Some(_small) = Small::mount(&shop.dir.join(".lino-upgrade"), "30m") else { return };
    let before = Before::of(&shop);
    let schema = shop.dir.join("env/schema.txt");
    let old = fs::read(&schema).unwrap();
    let until = ["run", "--headless", "--yes", "--until", "restore"];
    let (status, _, said) = ran(&shop, &until);
    assert_eq!(status, Some(3), "{said}");
    assert!(said.contains("protect.space: No room for the copies. "), "{said}");
    let decisions = shop.dir.join("answers.toml");
    fs::write(&decisions, "[answers]\n\"protect.space\" = \"n\"\n").unwrap();
    let mut command = vec!["run", "--headless", "--yes", "--until", "restore", "--decisions"];
    let decisions = decisions.display().to_string();
    command.push(&decisions);
    let (status, printed, said) = ran(&shop, &command);
    assert_eq!(status, Some(4), "{said}");
    let told = found(&events(&printed), "protect");
    assert_eq!(told[0], "It was not copied, as you have decided: there is no room.", "{told:?}");
    let shown = plan(&shop);
    assert_eq!(shown["missing"].as_array().unwrap().len(), 2, "{shown}");
    index_has_all_versions(&shop);
    // Which models a light site has is written there, and not in a package that pip could bring back.
    fs::write(schema, old).unwrap();
    comes_back(&shop);
    let after = Before::of(&shop);
    assert_eq!((after.goods(), after.packages()), (before.goods(), before.packages()));
}

#[test]
#[ignore = "takes two minutes; tests/run --full asks for it"]
fn matrix_static_files_outside_of_the_environment_are_as_before() {
    let shop = Shop::build();
    let settings = shop.dir.join("settings.py");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, text.replace("HERE / \"env\" / \"static_root\"", "HERE / \"static_files\"")).unwrap();
    let root = shop.dir.join("static_files");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("of_before.css"), "before").unwrap();
    fs::write(root.join("logo.svg"), "by hand").unwrap();
    let before = Before::of(&shop);
    up_to(&shop, StepId::CollectStatic);
    assert!(fs::read_dir(&root).unwrap().count() > 2);
    fs::remove_file(root.join("of_before.css")).unwrap();
    let (status, events, said) = undo_with(&shop, Some("lose-runner@undo-static"), |_| {});
    assert_eq!(status, Some(4), "{said} {events:?}");
    comes_back(&shop);
    assert_eq!(Before::of(&shop), before);
    let mut names: Vec<String> =
        fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    assert_eq!(names, ["logo.svg", "of_before.css"]);
    assert_eq!(fs::read_to_string(root.join("of_before.css")).unwrap(), "before");
    let beside: Vec<PathBuf> = fs::read_dir(&shop.dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    let left = beside.iter().filter(|path| path.to_string_lossy().contains("static_files."));
    assert_eq!(left.count(), 0, "{beside:?}");
}

/// The runner is killed in each step of an undo that has a command, twice in the same.
fn runner_lost(engine: &'static str) {
    let shop = Shop::light_on(engine, "new_blank");
    let before = Before::of(&shop);
    let (status, _, said) = shop.upgrade();
    assert_eq!(status, Some(0), "{said}");
    enter(&shop, "entered");
    let mut lost = Vec::new();
    for step in ["undo-keep", "undo-keep", "undo-environment", "undo-environment", "undo-database", "undo-account"] {
        let (status, events, said) = undo_with(&shop, Some(&format!("lose-runner@{step}")), |_| {});
        if status == Some(0) {
            break;
        }
        assert_eq!(status, Some(4), "{step}: {said} {events:?}");
        lost.push(step);
    }
    let expected: &[&str] = match engine {
        // Its file is copied without a command, and with it ends the list.
        "sqlite" => &["undo-keep", "undo-keep", "undo-environment", "undo-environment", "undo-account"],
        _ => &["undo-keep", "undo-keep", "undo-environment", "undo-environment", "undo-database", "undo-account"],
    };
    if engine == "sqlite" {
        assert_eq!(lost, &expected[..4]);
    } else {
        assert_eq!(lost, expected);
        comes_back(&shop);
    }
    assert_eq!(Before::of(&shop), before);
    assert_eq!(exported(&kept(&shop).join("rows")), ["shop_setting new entered"]);
    assert_eq!(runs(&shop), [(2, "done".into(), Some(1)), (1, "undone".into(), None)]);
    a_new_row_gets_a_fresh_key(&shop);
}

#[test]
#[ignore = "takes three minutes; tests/run --full asks for it"]
fn matrix_an_undo_whose_runner_is_killed_again_and_again_comes_to_its_end() {
    runner_lost("sqlite");
}

#[test]
#[ignore = "takes three minutes; tests/run --full asks for it"]
fn matrix_an_undo_on_postgresql_whose_runner_is_killed_again_and_again_comes_to_its_end() {
    runner_lost("postgresql");
}

#[test]
#[ignore = "takes three minutes; tests/run --full asks for it"]
fn matrix_an_undo_on_mariadb_whose_runner_is_killed_again_and_again_comes_to_its_end() {
    runner_lost("mariadb");
}

/// Kills the wizard before each write of the journal of an undo, from its begin to its end.
#[test]
#[ignore = "takes some minutes; tests/run --full asks for it"]
fn matrix_an_undo_that_is_killed_at_each_write_of_its_journal_comes_to_its_end() {
    let shop = Shop::light_on("sqlite", "new_blank");
    let before = Before::of(&shop);
    up_to(&shop, StepId::Restore);
    let mut killed = 0;
    loop {
        // The first writes of a start repeat what the last one did: one more than it came to.
        let (status, _, said) = undo_with(&shop, Some(&format!("kill@journal:{}", 3 + killed % 8)), |_| {});
        match status {
            Some(0) => break,
            None | Some(4) => killed += 1,
            other => panic!("{other:?}: {said}"),
        }
        assert!(killed < 200, "{said}");
    }
    assert!(killed >= 5, "{killed}");
    assert_eq!(Before::of(&shop), before);
    assert_eq!(runs(&shop)[..2], [(2, "done".into(), Some(1)), (1, "undone".into(), None)]);
}

#[test]
fn what_an_undo_has_put_aside_is_listed_and_deleted_with_the_copies_and_the_journal_says_so() {
    let shop = Shop::light_on("sqlite", "new_blank");
    up_to(&shop, StepId::Pull);
    comes_back(&shop);
    // As an attempt leaves it of which nobody knows any more.
    let left = ["env.undone-0001-1790000000", "env.part-0001", "env.undone-0010"].map(|name| shop.dir.join(name));
    for dir in &left {
        fs::create_dir(dir).unwrap();
        fs::write(dir.join("file"), "x".repeat(100_000)).unwrap();
    }
    let listed = || -> Value { serde_json::from_str(&ran(&shop, &["undo", "--copies", "--json"]).1).unwrap() };
    let copies = listed();
    let dir = shop.dir.canonicalize().unwrap();
    let paths = |names: &[&str]| names.iter().map(|name| dir.join(name).display().to_string()).collect::<Vec<_>>();
    let expected =
        paths(&[".lino-upgrade/protect/run-0001", "env.part-0001", "env.undone-0001", "env.undone-0001-1790000000"]);
    assert_eq!(copies[0]["paths"], json!(expected));
    assert!(copies[0]["bytes"].as_u64().unwrap() > 200_000, "{copies}");
    let (status, printed, said) = ran(&shop, &["undo", "--forget", "1", "--yes"]);
    assert_eq!(status, Some(0), "{said}");
    assert!(printed.contains("env.undone-0001-1790000000"), "{printed}");
    assert_eq!(listed(), json!([]));
    assert_eq!(left.map(|dir| dir.exists()), [false, false, true]);
    let script = "import sqlite3, json\nc = sqlite3.connect('file:.lino-upgrade/journal.sqlite?mode=ro', uri=True)\n\
                  for run, value in c.execute(\"select run, value from facts where name = 'forgotten'\"):\n\
                  \x20   value = json.loads(value)\n\
                  \x20   print(run, value['done'], len(value['paths']), value['bytes'] > 200000, bool(value['by']))\n";
    let output = Command::new("python3").args(["-c", script]).current_dir(&shop.dir).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "1 True 4 True True\n");
}

/// Returns the seconds of processor time that a process has used itself.
fn used(pid: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<f64> =
        text.rsplit_once(") ").unwrap().1.split(' ').skip(11).take(2).map(|field| field.parse().unwrap()).collect();
    (fields[0] + fields[1]) / 100.0
}

/// Measures what the program takes from one core while it watches over a snapshot that is made for 20 seconds.
fn share_while_watching(engine: &'static str) -> f64 {
    let shop = Shop::light_on(engine, "new_blank");
    let script = shop.dir.join("make_snapshot.sh");
    let text = fs::read_to_string(&script).unwrap();
    fs::write(&script, text.replacen("set -e\n", "set -e\nsleep 25\n", 1)).unwrap();
    let mut child = program(&shop, &["run", "--headless", "--yes", "--until", "snapshot"]).spawn().unwrap();
    let pid = child.id();
    let mut share = 0.0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
        if event["event"] == "command_started" && event["step"] == "snapshot" {
            // The first look asks the site where its database is.
            std::thread::sleep(std::time::Duration::from_secs(3));
            let before = used(pid);
            std::thread::sleep(std::time::Duration::from_secs(20));
            share = (used(pid) - before) / 20.0;
        }
    }
    assert_eq!(child.wait().unwrap().code(), Some(4));
    share
}

#[test]
#[ignore = "takes two minutes; tests/run --full asks for it"]
fn matrix_watching_takes_less_than_a_fiftieth_of_a_core_even_without_optimisation() {
    let shares = ["sqlite", "postgresql", "mariadb"].map(share_while_watching);
    assert!(shares.iter().all(|share| *share < 0.02), "{shares:?}");
}

#[test]
#[ignore = "takes a minute; tests/run --full asks for it"]
fn matrix_services_that_were_started_by_hand_in_the_middle_of_an_upgrade_are_no_reason_to_lose_rows() {
    let shop = Shop::light_on("sqlite", "new_blank");
    let before = Before::of(&shop);
    up_to(&shop, StepId::CheckData);
    let shown = plan(&shop);
    assert_eq!(shown["rows_lost"], json!(0));
    assert!(shown["losses"][0].as_str().unwrap().starts_with("No row is lost: "), "{shown}");
    web(&shop, "start");
    enter(&shop, "by hand");
    let shown = plan(&shop);
    assert_eq!(shown["rows_lost"], json!(1));
    let losses = shown["losses"][0].as_str().unwrap();
    assert!(losses.starts_with("1 row was entered, changed or deleted while the site was to be down."));
    let states = comes_back(&shop);
    assert_eq!(states[1], ("undo-keep".to_owned(), "done".to_owned()));
    assert_eq!(Before::of(&shop), before);
    assert_eq!(exported(&kept(&shop).join("rows")), ["shop_setting new by hand"]);
}

/// What the new version says when half of it is gone is nothing that anybody has to be told.
#[test]
fn an_answer_that_comes_while_the_packages_are_exchanged_scares_nobody() {
    let shop = Shop::light_on("sqlite", "new_blank");
    up_to(&shop, StepId::Pull);
    // Lino is asked for its facts, and does not start until the old packages are back: then it fails.
    let python = shop.dir.join("env/bin/python");
    fs::rename(&python, python.with_extension("real")).unwrap();
    let script = "#!/bin/sh\ncase \"$*\" in\n  *--connection) ;;\n  *facts.py*)\n    touch asked\n    until [ -e \
                  env.undone-0001 ]; do sleep 0.05; done\n    exit 1 ;;\nesac\nexec \"$0.real\" \"$@\"\n";
    fs::write(&python, script).unwrap();
    fs::set_permissions(&python, PermissionsExt::from_mode(0o755)).unwrap();
    comes_back(&shop);
    assert!(shop.dir.join("asked").exists());
    assert!(shop.dir.join("env.undone-0001/bin/python.real").exists());
}
