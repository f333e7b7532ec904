//! Undoing upgrades of real sites, from every step, after their end, and after an undo that was itself killed. A site is
//! back when the old version runs on the old packages, with every row as it was.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lino_upgrade::procedure::StepId;
use serde_json::{Value, json};

use crate::shop::{Contents, PROGRAM, Shop, all, ended, without_pip_settings};

/// What must be as it was before the upgrade.
#[derive(Debug, PartialEq)]
pub struct Before {
    contents: Contents,
    packages: String,
    schema: String,
}

impl Before {
    pub fn of(shop: &Shop) -> Self {
        let script = "import importlib.metadata as m\n\
                      for line in sorted(d.metadata['Name'] + ' ' + d.version for d in m.distributions()): print(line)";
        let output = Command::new("env/bin/python").args(["-I", "-c", script]).current_dir(&shop.dir).output().unwrap();
        Self {
            contents: shop.contents(),
            packages: String::from_utf8(output.stdout).unwrap(),
            schema: std::fs::read_to_string(shop.dir.join("env/schema.txt")).unwrap(),
        }
    }

    /// The tables of the application.
    pub fn goods(&self) -> Contents {
        let goods = self.contents.iter().filter(|(table, _)| table.starts_with("shop_"));
        goods.map(|(table, rows)| (table.clone(), rows.clone())).collect()
    }

    /// The packages with their versions.
    pub fn packages(&self) -> &str {
        &self.packages
    }
}

/// Prepares `lino-upgrade ARGUMENTS` for the site.
pub fn program(shop: &Shop, arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.arg("--site").arg(&shop.dir).args(arguments).env("LC_ALL", "C.UTF-8");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    without_pip_settings(&mut command);
    command
}

/// Runs it to its end; returns exit status, what it printed and what it said.
pub fn ran(shop: &Shop, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = program(shop, arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

pub fn events(printed: &str) -> Vec<Value> {
    printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Upgrades to the end of a step, which is not skipped.
pub fn up_to(shop: &Shop, last: StepId) {
    let (status, printed, said) = ran(shop, &["run", "--headless", "--yes", "--until", last.id()]);
    let expected = if last == StepId::SignIn { 0 } else { 4 };
    assert_eq!(status, Some(expected), "{last}: {said}");
    assert_eq!(ended(&events(&printed)).last(), Some(&(last.id().to_owned(), "done".to_owned())));
}

/// Returns number, outcome and what is undone of every run, newest first.
pub fn runs(shop: &Shop) -> Vec<(i64, String, Option<i64>)> {
    let (status, printed, said) = ran(shop, &["history", "--json"]);
    assert_eq!(status, Some(0), "{said}");
    let runs: Vec<Value> = serde_json::from_str(&printed).unwrap();
    let outcome = |run: &Value| run["outcome"].as_str().unwrap_or("unfinished").to_owned();
    runs.iter().map(|run| (run["run"].as_i64().unwrap(), outcome(run), run["undoes"].as_i64())).collect()
}

pub fn is_up(shop: &Shop) -> bool {
    Command::new("./web.sh").arg("status").current_dir(&shop.dir).output().unwrap().status.success()
}

pub fn web(shop: &Shop, wish: &str) {
    let status = Command::new("./web.sh").arg(wish).current_dir(&shop.dir).stdout(Stdio::null()).status().unwrap();
    assert!(status.success(), "{wish}");
}

/// Undoes what was begun; returns how its steps ended.
pub fn undone(shop: &Shop, run: i64) -> Vec<(String, String)> {
    let (status, printed, said) = ran(shop, &["undo", "--yes", "--json"]);
    assert_eq!((status, said.as_str()), (Some(0), "The old version is back: 1.0.\n"), "{printed}");
    assert_eq!(runs(shop)[..2], [(run + 1, "done".into(), Some(run)), (run, "undone".into(), None)]);
    assert!(is_up(shop));
    ended(&events(&printed))
}

/// How the steps of an undo end in which those that are named are skipped.
pub fn steps(skipped: &[&str]) -> Vec<(String, String)> {
    let state = |id: &str| if skipped.contains(&id) { "skipped" } else { "done" };
    all(&StepId::UNDO.map(|step| (step.id(), state(step.id()))))
}

pub const DATABASE: [&str; 3] = ["undo-keep", "undo-database", "undo-account"];
pub const FILES: [&str; 2] = ["undo-static", "undo-indexes"];

#[test]
fn an_upgrade_is_undone_after_the_pull_and_the_next_one_after_the_restore() {
    undone_twice(&Shop::light_on("sqlite", "new_blank"));
}

#[test]
#[ignore = "takes two minutes; tests/run --full asks for it"]
fn matrix_an_upgrade_of_all_packages_is_undone_after_the_pull_and_the_next_one_after_the_restore() {
    undone_twice(&Shop::build());
}

fn undone_twice(shop: &Shop) {
    web(shop, "start");
    let before = Before::of(shop);
    up_to(shop, StepId::Pull);
    assert_ne!(Before::of(shop), before);
    // What the operator reads before anything is done.
    let (status, printed, said) = ran(shop, &["undo", "--plan", "--json"]);
    assert_eq!((status, said.as_str()), (Some(0), ""));
    let plan: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((&plan["run"], &plan["to_version"], &plan["impossible"]), (&json!(1), &json!("1.0"), &Value::Null));
    assert_eq!(plan["losses"], json!(["No row is lost: the database stays as it is."]));
    assert_eq!(plan["missing"], json!([]));
    assert!(plan["seconds"].as_u64().unwrap() > 0, "{plan}");
    assert_eq!(ran(shop, &["undo"]).0, Some(3));
    assert_eq!(undone(shop, 1), steps(&[&DATABASE[..], &FILES].concat()));
    assert_eq!(Before::of(shop), before);

    let (status, _, said) = ran(shop, &["undo", "--yes"]);
    assert_eq!((status, said.as_str()), (Some(2), ""));
    up_to(shop, StepId::Restore);
    assert_eq!(undone(shop, 3), steps(&[&["undo-keep"][..], &FILES].concat()));
    assert_eq!(Before::of(shop), before);
    copies_are_listed_and_deleted(shop);
}

/// Copies stay until the operator wants them deleted.
fn copies_are_listed_and_deleted(shop: &Shop) {
    let listed = || -> Vec<i64> {
        let found: Vec<Value> = serde_json::from_str(&ran(shop, &["undo", "--copies", "--json"]).1).unwrap();
        assert!(found.iter().all(|one| one["bytes"].as_u64() > Some(0)), "{found:?}");
        found.iter().map(|one| one["run"].as_i64().unwrap()).collect()
    };
    assert_eq!(listed(), [3, 1]);
    assert_eq!(ran(shop, &["undo", "--forget", "3"]).0, Some(3));
    assert_eq!(listed(), [3, 1]);
    assert_eq!(ran(shop, &["undo", "--forget", "3", "--yes"]).0, Some(0));
    assert_eq!(ran(shop, &["undo", "--forget", "3", "--yes"]).0, Some(2));
    assert_eq!(listed(), [1]);
    let state = shop.dir.join(".lino-upgrade");
    assert!(!state.join("protect/run-0003").exists() && !shop.dir.join("env.undone-0003").exists());
}

#[test]
#[ignore = "takes a minute or two; tests/run --full asks for it"]
fn matrix_what_users_have_entered_is_exported_before_a_confirmed_upgrade_is_undone() {
    let shop = Shop::build();
    let before = Before::of(&shop);
    let (status, _, said) = shop.upgrade();
    assert_eq!((status, said.as_str()), (Some(0), "The site was upgraded from 1.0 to 2.0.\n"));
    let now = shop.contents();
    shop.query(
        "cursor.execute(\"insert into shop_setting (name, value) values ('entered', 'two\\nlines, \\\"quoted\\\"')\")\n\
         cursor.execute(\"update shop_setting set value = 'changed' where id = 1\")\n\
         cursor.execute('delete from shop_setting where id = 2')\n",
    );
    assert_ne!(shop.contents(), now);
    let (_, printed, _) = ran(&shop, &["undo", "--plan", "--json"]);
    let plan: Value = serde_json::from_str(&printed).unwrap();
    let losses: Vec<&str> = plan["losses"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    let kept = shop.dir.canonicalize().unwrap().join(".lino-upgrade/undone/run-0001");
    assert!(losses[0].starts_with("The new version was confirmed, and users have worked with it since "), "{losses:?}");
    assert!(losses[1].contains(&kept.display().to_string()), "{losses:?}");

    assert_eq!(undone(&shop, 1), steps(&FILES));
    assert_eq!(Before::of(&shop), before);
    let rows = std::fs::read_to_string(kept.join("rows/shop_setting.csv")).unwrap();
    let lines: Vec<&str> = rows.split('\n').collect();
    assert_eq!(lines[0], "row,id,name,value", "{rows}");
    assert!(rows.contains(",entered,\"two\nlines, \"\"quoted\"\"\"\n"), "{rows}");
    assert!(rows.contains("changed,1,") && rows.contains("before,1,") && rows.contains("deleted,2,"), "{rows}");
    // The amounts that checkdata repaired are not among them.
    assert!(!kept.join("rows/shop_sale.csv").exists() && kept.join("dump/restore.py").exists());
    assert!(kept.join("database.sqlite").exists());
    private(&kept);
}

/// Nobody else may read what is kept.
fn private(dir: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let open: Vec<PathBuf> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .chain([dir.to_owned()])
        .filter(|path| std::fs::metadata(path).unwrap().permissions().mode() & 0o077 != 0)
        .collect();
    assert_eq!(open, Vec::<PathBuf>::new());
}

#[test]
#[ignore = "takes a minute or two; tests/run --full asks for it"]
fn matrix_an_undo_that_is_killed_in_each_of_its_steps_goes_on_where_it_stopped() {
    let shop = Shop::build();
    let before = Before::of(&shop);
    up_to(&shop, StepId::CollectStatic);
    let mut killed = Vec::new();
    let last = loop {
        let mut child = program(&shop, &["undo", "--yes", "--json"]).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let fresh = |event: &Value| {
            let step = event["step"].as_str().unwrap_or_default();
            // In the middle: after the first command of the step began, where it has any.
            let wordless = ["undo-database", "undo-confirm"].contains(&step);
            let begun = event["event"] == "command_started" || wordless && event["event"] == "step_started";
            (begun && step.starts_with("undo-") && !killed.iter().any(|known| known == step)).then(|| step.to_owned())
        };
        let step = lines.by_ref().find_map(|line| fresh(&serde_json::from_str(&line.unwrap()).unwrap()));
        let Some(step) = step else { break child };
        child.kill().unwrap();
        child.wait().unwrap();
        killed.push(step);
    };
    let output = last.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), said.as_str()), (Some(0), "The old version is back: 1.0.\n"));
    assert!(killed.len() >= 5, "{killed:?}");
    assert_eq!(runs(&shop), [(2, "done".into(), Some(1)), (1, "undone".into(), None)]);
    assert_eq!(Before::of(&shop), before);
    assert!(is_up(&shop));
}

#[test]
fn an_upgrade_is_refused_while_an_undo_is_unfinished() {
    let shop = Shop::light_on("sqlite", "new_blank");
    up_to(&shop, StepId::StopServices);
    let mut child = program(&shop, &["undo", "--yes", "--json"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let opened = |line: &String| {
        let event: Value = serde_json::from_str(line).unwrap();
        event["event"] == "run_opened" && event["undoes"] == 1
    };
    assert!(lines.by_ref().map(Result::unwrap).any(|line| opened(&line)));
    child.kill().unwrap();
    child.wait().unwrap();
    let (status, _, said) = shop.upgrade();
    let expected = "An undo of this site was begun and is not finished. Go on with it: lino-upgrade undo\n";
    assert_eq!((status, said.as_str()), (Some(2), expected));
    let (status, _, said) = ran(&shop, &["undo", "--yes"]);
    assert_eq!((status, said.as_str()), (Some(0), "The old version is back: 1.0.\n"));
}

/// Undoes an upgrade on a server, and looks that no password stayed anywhere.
fn undone_on(engine: &'static str) {
    let shop = Shop::build_on(engine);
    shop.query("cursor.execute(\"update shop_setting set value = '🛒' where id = 1\")");
    let before = Before::of(&shop);
    up_to(&shop, StepId::Restore);
    assert_eq!(undone(&shop, 1), steps(&[&["undo-keep"][..], &FILES].concat()));
    assert_eq!(Before::of(&shop), before);
    let settings = std::fs::read_to_string(shop.dir.join("settings.py")).unwrap();
    let line = settings.lines().find(|line| line.contains("\"PASSWORD\"")).unwrap();
    let secret = line.split('"').nth(3).unwrap();
    let kept = |path: &PathBuf| path.components().any(|part| part.as_os_str() == ".lino-upgrade");
    let with: Vec<PathBuf> = shop.files_with(secret).into_iter().filter(kept).collect();
    assert_eq!(with, Vec::<PathBuf>::new());
}

#[test]
#[ignore = "takes two minutes; tests/run --full asks for it"]
fn matrix_an_upgrade_on_postgresql_is_undone_after_the_restore() {
    undone_on("postgresql");
}

#[test]
#[ignore = "takes two minutes; tests/run --full asks for it"]
fn matrix_an_upgrade_on_mariadb_is_undone_after_the_restore() {
    undone_on("mariadb");
}

#[test]
#[ignore = "takes two minutes; tests/run --full asks for it"]
fn matrix_an_upgrade_without_restore_is_undone_after_users_were_let_in() {
    let shop = Shop::of_one_lino("other_words,new_default,light");
    let before = Before::of(&shop);
    let (status, events, said) = shop.upgrade();
    assert_eq!((status, said.as_str()), (Some(0), "The site was upgraded from 1.0 to 2.0.\n"));
    assert!(ended(&events).contains(&("restore".to_owned(), "skipped".to_owned())));
    shop.query("cursor.execute(\"insert into shop_setting (name, value) values ('entered', '1')\")");
    assert_eq!(undone(&shop, 1), steps(&FILES));
    assert_eq!(Before::of(&shop), before);
    let rows = std::fs::read_to_string(shop.dir.join(".lino-upgrade/undone/run-0001/rows/shop_setting.csv")).unwrap();
    assert!(rows.lines().any(|line| line.starts_with("new,") && line.ends_with(",entered,1")), "{rows}");
}

/// A site whose whole directory is kept, to be looked at more than once.
struct Kept {
    dir: PathBuf,
    aside: PathBuf,
}

impl Kept {
    fn of(shop: &Shop) -> Self {
        let aside = shop.dir.with_extension("kept");
        let status = Command::new("cp").args(["-a", "--reflink=auto"]).arg(&shop.dir).arg(&aside).status().unwrap();
        assert!(status.success());
        Self { dir: shop.dir.clone(), aside }
    }

    fn bring_back(self) {
        std::fs::remove_dir_all(&self.dir).unwrap();
        std::fs::rename(self.aside, self.dir).unwrap();
    }
}

#[test]
#[ignore = "takes a quarter of an hour; tests/run --full asks for it"]
fn matrix_undo_after_each_step_of_an_upgrade_on_sqlite() {
    let shop = Shop::build();
    web(&shop, "start");
    let before = Before::of(&shop);
    let mut tried = 0;
    for last in StepId::ALL.into_iter().filter(|step| !matches!(step, StepId::Triage | StepId::BuildIndexes)) {
        up_to(&shop, last);
        let kept = Kept::of(&shop);
        if last == StepId::Check {
            assert_eq!(ran(&shop, &["undo", "--yes"]).0, Some(2));
        } else {
            undone(&shop, 1);
        }
        assert_eq!(Before::of(&shop), before, "{last}");
        assert!(is_up(&shop), "{last}");
        tried += 1;
        let stopped = matches!(last, StepId::Check | StepId::StartServices | StepId::SignIn);
        web(&shop, "stop");
        kept.bring_back();
        if stopped {
            web(&shop, "start");
        }
    }
    assert_eq!(tried, 13);
}
