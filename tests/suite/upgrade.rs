//! Upgrades of real Lino sites by the real program: `tests/sites` builds them, pip really upgrades them.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use assert_fs::TempDir;
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_lino-upgrade");

/// A site of the small application `shop`, on Lino 25.1 and SQLite, whose `pull.sh` brings Lino 26.10.
struct Shop {
    dir: PathBuf,
    _home: TempDir,
}

impl Shop {
    fn build() -> Self {
        let home = TempDir::new().unwrap();
        let dir = home.path().join("shop");
        let status = sites("make_site").args(["--env", "old", "--dir"]).arg(&dir).status().unwrap();
        assert!(status.success(), "make_site: {status}");
        // The wheels of the tests do not hold what this Lino would like to have and runs without.
        let config = dir.join("lino-upgrade.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        std::fs::write(&config, format!("{text}\n[steps]\ninstall = \"skip\"\n")).unwrap();
        Self { dir, _home: home }
    }

    fn headless(&self) -> Command {
        let mut command = Command::new(PROGRAM);
        command.arg("--site").arg(&self.dir).args(["run", "--headless", "--yes"]);
        command.env("LC_ALL", "C.UTF-8").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the upgrade to its end; returns the exit status, all events, and what was said.
    fn upgrade(&self) -> (Option<i32>, Vec<Value>, String) {
        let output = self.headless().output().unwrap();
        let events =
            String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (output.status.code(), events, String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Counts the rows of the tables that the dump holds.
    fn rows(&self) -> Vec<(String, i64)> {
        let script = "import sqlite3\nc = sqlite3.connect('file:default.db?mode=ro', uri=True)\n\
            for (t,) in c.execute(\"select name from sqlite_master where type='table' and name like 'shop_%' order by 1\"):\n\
            \x20   print(t, c.execute('select count(*) from ' + t).fetchone()[0])\n";
        let output = Command::new("env/bin/python").args(["-c", script]).current_dir(&self.dir).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(|line| {
                let (table, rows) = line.split_once(' ').unwrap();
                (table.to_owned(), rows.parse().unwrap())
            })
            .collect()
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = sites("drop_site").arg(&self.dir).stdout(Stdio::null()).status();
    }
}

fn sites(script: &str) -> Command {
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sites").join(script));
    command.stdin(Stdio::null());
    command
}

/// Returns step and state of every step that ended, in order.
fn ended(events: &[Value]) -> Vec<(String, String)> {
    events
        .iter()
        .filter(|event| event["event"] == "step_ended")
        .map(|event| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            (text(&event["step"]), text(&event["state"]["state"]))
        })
        .collect()
}

fn all(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(step, state)| ((*step).to_owned(), (*state).to_owned())).collect()
}

const WHOLE: [(&str, &str); 15] = [
    ("check", "done"),
    ("stop-services", "done"),
    ("snapshot", "done"),
    ("verify-snapshot", "done"),
    ("protect", "done"),
    ("pull", "done"),
    ("install", "skipped"),
    ("compare", "done"),
    ("restore", "done"),
    ("triage", "skipped"),
    ("buildindexes", "skipped"),
    ("collectstatic", "done"),
    ("checkdata", "done"),
    ("start-services", "done"),
    ("sign-in", "done"),
];

#[test]
fn a_real_site_is_upgraded_and_keeps_all_its_rows() {
    let shop = Shop::build();
    let before = shop.rows();
    let (status, events, said) = shop.upgrade();
    assert_eq!((status, said.as_str()), (Some(0), "The site was upgraded from 1.0 to 2.0.\n"));
    assert_eq!(ended(&events), all(&WHOLE));
    assert!(before.iter().map(|(_, rows)| rows).sum::<i64>() > 200, "{before:?}");
    assert_eq!(shop.rows(), before);
}

fn next_event(lines: &mut impl Iterator<Item = std::io::Result<String>>, wanted: impl Fn(&Value) -> bool) {
    for line in lines {
        let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
        if wanted(&event) {
            return;
        }
    }
    panic!("the event did not come");
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_restore_goes_on_when_its_operator_is_killed_and_is_taken_up_again() {
    let shop = Shop::build();
    let before = shop.rows();
    let mut first = shop.headless().spawn().unwrap();
    let mut lines = BufReader::new(first.stdout.take().unwrap()).lines();
    next_event(&mut lines, |event| event["event"] == "command_started" && event["step"] == "restore");
    kill(first);
    let (status, events, said) = shop.upgrade();
    assert_eq!((status, said.as_str()), (Some(0), "The site was upgraded from 1.0 to 2.0.\n"));
    assert_eq!(ended(&events), all(&WHOLE[8..]));
    let started: Vec<&Value> =
        events.iter().filter(|event| event["event"] == "step_started" && event["step"] == "restore").collect();
    assert_eq!(started.iter().map(|event| &event["attempt"]).collect::<Vec<_>>(), [1]);
    assert_eq!(shop.rows(), before);
}

#[test]
fn a_second_operator_is_refused_and_told_who_is_at_work() {
    let shop = Shop::build();
    let mut first = shop.headless().spawn().unwrap();
    let mut lines = BufReader::new(first.stdout.take().unwrap()).lines();
    next_event(&mut lines, |event| event["event"] == "run_opened");
    let (status, events, said) = shop.upgrade();
    assert_eq!(status, Some(2), "{said}");
    assert!(said.ends_with("is upgrading this site.\n"), "{said}");
    assert_eq!(ended(&events), vec![]);
    kill(first);
}
