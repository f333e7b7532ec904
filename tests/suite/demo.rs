//! The demo: the program builds a real Lino site from the package index and upgrades it.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use assert_fs::TempDir;

use crate::shop::{PROGRAM, all, ended};

/// Counts the rows of all tables of a SQLite file.
pub fn rows(site: &Path, database: &str) -> BTreeMap<String, u64> {
    let script = "import sqlite3, sys\nc = sqlite3.connect('file:%s?mode=ro' % sys.argv[1], uri=True)\n\
        for (t,) in c.execute(\"select name from sqlite_master where type = 'table'\").fetchall():\n\
        \x20   print(t, c.execute('select count(*) from \"%s\"' % t).fetchone()[0])\n";
    let output = Command::new("env/bin/python").args(["-c", script, database]).current_dir(site).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.split_once(' ').unwrap()).map(|(t, n)| (t.to_owned(), n.parse().unwrap())).collect()
}

#[test]
fn the_demo_upgrades_its_site_and_keeps_all_rows() {
    let home = TempDir::new().unwrap();
    let site = home.path().join("site");
    let mut demo = Command::new(PROGRAM);
    demo.args(["demo", "--app", "cosi", "--headless", "--dir"])
        .arg(&site)
        .stdin(Stdio::null())
        .env("LC_ALL", "C.UTF-8");
    let output = demo.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let stopped = Command::new("./web.sh").arg("stop").current_dir(&site).status();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(stopped.unwrap().success());
    let lines = String::from_utf8(output.stdout).unwrap();
    let events: Vec<_> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (done, other): (Vec<_>, Vec<_>) = ended(&events).into_iter().partition(|(_, state)| state == "done");
    assert_eq!(
        (done.len(), other),
        (12, all(&[("install", "skipped"), ("triage", "skipped"), ("buildindexes", "skipped")]))
    );
    let version = "import lino_cosi; print(lino_cosi.__version__)";
    let version = Command::new("env/bin/python").args(["-c", version]).current_dir(&site).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&version.stdout), "25.3.0\n");
    let before = rows(&site, ".lino-upgrade/protect/run-0001/database.sqlite");
    assert!(before.values().sum::<u64>() > 400, "{before:?}");
    assert_eq!(rows(&site, "default.db"), before);
}
