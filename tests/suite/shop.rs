//! The site that the suite upgrades: the application `shop`, made by `tests/sites`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use assert_fs::TempDir;
use serde_json::Value;

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_lino-upgrade");

/// A site of the small application `shop`, on Lino 25.1 and SQLite, whose `pull.sh` brings Lino 26.10.
pub struct Shop {
    /// The project directory.
    pub dir: PathBuf,
    _home: TempDir,
}

impl Shop {
    /// Builds the site; its environment and data are copies of what the cache holds.
    pub fn build() -> Self {
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

    /// Prepares the upgrade without a wizard.
    pub fn headless(&self) -> Command {
        let mut command = Command::new(PROGRAM);
        command.arg("--site").arg(&self.dir).args(["run", "--headless", "--yes"]);
        command.env("LC_ALL", "C.UTF-8").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the upgrade to its end; returns the exit status, all events, and what was said.
    pub fn upgrade(&self) -> (Option<i32>, Vec<Value>, String) {
        let output = self.headless().output().unwrap();
        let events =
            String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (output.status.code(), events, String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Counts the rows of the tables that the dump holds.
    pub fn rows(&self) -> Vec<(String, i64)> {
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

/// Prepares a script of `tests/sites`.
pub fn sites(script: &str) -> Command {
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sites").join(script));
    command.stdin(Stdio::null());
    command
}

/// Returns step and state of every step that ended, in order.
pub fn ended(events: &[Value]) -> Vec<(String, String)> {
    events
        .iter()
        .filter(|event| event["event"] == "step_ended")
        .map(|event| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            (text(&event["step"]), text(&event["state"]["state"]))
        })
        .collect()
}

/// Returns the pairs as [`ended`] does.
pub fn all(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(step, state)| ((*step).to_owned(), (*state).to_owned())).collect()
}
