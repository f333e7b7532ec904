//! Nobody writes: real processes, sessions and scripts that disturb a real upgrade are seen while they do, and named; and
//! `check` changes nothing.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::servers::Servers;
use crate::shop::{PROGRAM, Shop, WHOLE, all, all_but_install, ended, without_pip_settings};

/// A program that is ended with the test.
struct Other(Child);

impl Other {
    fn start(command: &mut Command) -> Self {
        Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn me() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Lets `make_snapshot.sh` wait for a file `go` before it begins.
fn snapshot_waits(shop: &Shop) {
    let script = shop.dir.join("make_snapshot.sh");
    let text = std::fs::read_to_string(&script).unwrap();
    let waiting = "set -e\nwhile [ ! -e go ]; do sleep 0.1; done\n";
    std::fs::write(&script, text.replacen("set -e\n", waiting, 1)).unwrap();
}

fn go(shop: &Shop) {
    File::create(shop.dir.join("go")).unwrap();
}

fn begins(event: &Value, step: &str) -> bool {
    event["event"] == "command_started" && event["step"] == step
}

/// Returns the warnings among the notices.
fn notices(events: &[Value]) -> Vec<&str> {
    let warnings = events.iter().filter(|event| event["event"] == "noticed" && event["level"] == "warning");
    warnings.map(|event| event["text"].as_str().unwrap()).collect()
}

/// Returns what the last attempt of a step found, but for what passed.
fn found(events: &[Value], step: &str) -> Vec<Value> {
    let end = events.iter().rfind(|event| event["event"] == "step_ended" && event["step"] == step).unwrap();
    let findings = end["findings"].as_array().unwrap();
    findings.iter().filter(|finding| finding["level"] != "PASS").cloned().collect()
}

fn made_again(text: &str) -> Vec<Value> {
    let remedy = "End it, then make the snapshot again: nobody knows whether it holds what was written meanwhile.";
    vec![json!({"level": "FAIL", "subject": "database", "text": text, "remedy": remedy})]
}

#[test]
fn programs_beside_snapshot_and_restore_are_named_while_they_run() {
    let shop = Shop::light_on("sqlite", "new_blank");
    snapshot_waits(&shop);
    let database = shop.dir.join("default.db");
    let user = me();

    let mut holder = None;
    let (status, events, said) = shop.upgrade_watched(|event| {
        if begins(event, "snapshot") {
            let file = File::open(&database).unwrap();
            holder = Some(Other::start(Command::new("sleep").arg("600").current_dir("/").stdin(file)));
        }
        if event["event"] == "noticed" {
            go(&shop);
        }
    });
    let text = format!(
        "sleep 600 ({}) had {} open as {user} while the snapshot was made.",
        holder.as_ref().unwrap().id(),
        database.display()
    );
    assert_eq!((notices(&events), found(&events, "snapshot")), (vec![text.as_str()], made_again(&text)), "{said}");
    assert_eq!(status, Some(1));
    assert_eq!(ended(&events), all(&[("check", "done"), ("stop-services", "done"), ("snapshot", "failed")]));

    drop(holder);
    let mut shell = None;
    let (status, events, said) = shop.upgrade_watched(|event| {
        // The account of every row runs a command, too.
        if begins(event, "restore") && shell.is_none() {
            let mut command = Command::new("env/bin/python");
            command.args(["manage.py", "shell"]).current_dir(&shop.dir).stdin(Stdio::piped());
            shell = Some(Other::start(&mut command));
        }
    });
    let doing = |what: &str| {
        let id = shell.as_ref().unwrap().id();
        format!("env/bin/python manage.py shell ({id}) ran the site's code as {user} while {what}.")
    };
    let (text, later) = (doing("the snapshot was restored"), doing("the data was checked"));
    let remedy = "End it. The account of every row tells what it changed; if it did, restore again.";
    let finding = json!({"level": "WARN", "subject": "database", "text": text, "remedy": remedy});
    let told = vec![text.as_str(), later.as_str()];
    assert_eq!((notices(&events), found(&events, "restore")), (told, vec![finding]), "{said}");
    assert_eq!((status, said.as_str()), (Some(0), "The site was upgraded from 1.0 to 2.0.\n"));
    assert_eq!(ended(&events), all_but_install(&WHOLE[2..]));
}

#[test]
fn a_script_that_wipes_the_snapshot_and_rows_entered_after_it_stop_the_upgrade() {
    let shop = Shop::light_on("sqlite", "new_blank");
    let wipe = || {
        let script = "rm snapshot/*; rmdir snapshot";
        assert!(Command::new("sh").args(["-c", script]).current_dir(&shop.dir).status().unwrap().success());
    };
    let (status, events, said) = shop.upgrade_watched(|event| {
        if begins(event, "protect") {
            wipe();
        }
    });
    let finding = json!({
        "level": "FAIL", "subject": "snapshot", "text": "snapshot vanished while the way back was recorded.",
        "remedy": "Look for a cron job or another operator who makes snapshots, keep them from it, then make the \
                   snapshot again.",
    });
    assert_eq!((status, found(&events, "protect")), (Some(1), vec![finding]), "{said}");
    assert!(
        said.contains("Record the way back failed: the snapshot was touched while the way back was recorded\n"),
        "{said}"
    );

    // The snapshot is put back as it was in its archive, for the rest of this test.
    let unzip = "import zipfile; zipfile.ZipFile('snapshot.zip').extractall('.')";
    let python = Command::new("env/bin/python").args(["-c", unzip]).current_dir(&shop.dir).status().unwrap();
    assert!(python.success());
    let (status, events, said) = shop.upgrade_watched(|event| {
        if event["event"] == "step_started" && event["step"] == "compare" {
            let change = "import sqlite3; c = sqlite3.connect('default.db'); \
                          c.execute(\"update shop_setting set value = 'new' where id = 1\"); c.commit()";
            let done = Command::new("python3").args(["-c", change]).current_dir(&shop.dir).status().unwrap();
            assert!(done.success());
        }
    });
    let text = "Rows were changed since the snapshot was verified: shop_setting (1 new or changed, 1 gone or changed).";
    assert_eq!((status, found(&events, "restore")), (Some(3), vec![changed(text)]), "{said}");
    assert!(
        said.contains(&format!(
            "A decision is needed. restore.changed: The data was changed since the snapshot. {text}"
        ))
    );
    assert_eq!(
        shop.query("cursor.execute('select count(*) from shop_sale')\nprint(cursor.fetchone()[0] > 0)"),
        "True\n"
    );
}

fn changed(text: &str) -> Value {
    let remedy = "Go back to the old version, make the snapshot again, and upgrade again; or restore and lose it.";
    json!({"level": "FAIL", "subject": "changes", "text": text, "remedy": remedy})
}

/// Upgrades a site on a server twice: with a session of somebody else while the snapshot is made, then with a row that
/// somebody changes later.
fn sessions_and_changes(engine: &'static str, program: &str, how: &str) {
    let servers = Servers::start();
    let shop = Shop::light_on(engine, "new_blank");
    snapshot_waits(&shop);
    let mut session = None;
    let (status, events, said) = shop.upgrade_watched(|event| {
        if begins(event, "snapshot") {
            session = Some(servers.session(engine, &shop.database));
        }
        if event["event"] == "noticed" {
            go(&shop);
        }
    });
    let one = session.as_ref().unwrap();
    let text =
        format!("lino ({program}) ({}) had a session from {}, idle while the snapshot was made.", one.id, one.address);
    assert_eq!((notices(&events), found(&events, "snapshot")), (vec![text.as_str()], made_again(&text)), "{said}");
    assert_eq!(status, Some(1));

    drop(session);
    let (status, events, said) = shop.upgrade_watched(|event| {
        if event["event"] == "step_started" && event["step"] == "compare" {
            let mut client = servers.client(engine, &shop.database).spawn().unwrap();
            let change = b"update shop_setting set value = 'new' where id = 1;\n";
            client.stdin.take().unwrap().write_all(change).unwrap();
            assert!(client.wait().unwrap().success());
        }
    });
    let text = format!("Rows were changed since the snapshot was verified: shop_setting ({how}).");
    assert_eq!((status, found(&events, "restore")), (Some(3), vec![changed(&text)]), "{said}");
    assert_eq!(notices(&events), Vec::<&str>::new());
    let steps = ended(&events);
    assert_eq!(steps, all_but_install(&[&WHOLE[2..8], &[("restore", "interrupted")]].concat()));
}

#[test]
#[ignore = "takes a minute or two; tests/run --full asks for it"]
fn matrix_sessions_and_changes_on_postgresql_are_named() {
    sessions_and_changes("postgresql", "psql", "1 changed");
}

#[test]
#[ignore = "takes a minute or two; tests/run --full asks for it"]
fn matrix_sessions_and_changes_on_mariadb_are_named() {
    sessions_and_changes("mariadb", "Sleep", "its contents are others");
}

/// Returns every file below `dir`, but for links, with its size, its time and a sum of its bytes.
fn everything(dir: &Path) -> BTreeMap<PathBuf, (u64, i64, u64)> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![dir.to_owned()];
    while let Some(dir) = waiting.pop() {
        for entry in std::fs::read_dir(&dir).unwrap() {
            let entry = entry.unwrap();
            let data = entry.metadata().unwrap();
            let mut sum = 0;
            if data.is_dir() {
                waiting.push(entry.path());
            } else if data.is_file() {
                let bytes = std::fs::read(entry.path()).unwrap();
                sum = bytes.iter().fold(5381, |sum: u64, byte| sum.wrapping_mul(33) ^ u64::from(*byte));
            }
            found.insert(entry.path(), (data.len(), data.mtime_nsec(), sum));
        }
    }
    found
}

#[test]
fn the_checklist_is_complete_and_changes_nothing() {
    let shop = Shop::build();
    // What the first start of Lino writes anew belongs to no question of ours.
    shop.start_lino();
    let run = || {
        let mut command = Command::new(PROGRAM);
        command.arg("--site").arg(&shop.dir).args(["check", "--json"]).env("LC_ALL", "C.UTF-8");
        without_pip_settings(&mut command);
        let output = command.env_remove("PYTHONDONTWRITEBYTECODE").output().unwrap();
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), answer)
    };
    let before = everything(&shop.dir);
    let (status, answer) = run();
    assert_eq!(everything(&shop.dir), before);
    assert_eq!((status, &answer["ok"]), (Some(0), &json!(true)), "{answer}");
    let mut subjects: Vec<&str> =
        answer["findings"].as_array().unwrap().iter().map(|finding| finding["subject"].as_str().unwrap()).collect();
    subjects.dedup();
    assert_eq!(
        subjects,
        [
            "Lino",
            "database",
            "database rights",
            "version jump",
            "new versions",
            "text and time",
            "Python",
            "writable directories",
            "free disk space",
            "pull.sh",
            "make_snapshot.sh",
            "memory",
            "local changes",
            "services",
            "cron jobs",
            "second operator",
            "former run",
            "kept copies"
        ]
    );
    let mut command = Command::new("env/bin/python");
    command.args(["manage.py", "shell"]).current_dir(&shop.dir).stdin(Stdio::piped());
    let shell = Other::start(&mut command);
    shop.process("manage.py\0shell");
    let (_, answer) = run();
    let finding = json!({
        "level": "WARN", "subject": "second operator",
        "text": format!("env/bin/python manage.py shell ({}) runs the site's code as {}.", shell.id(), me()),
        "remedy": "Wait until it has ended, or ask whoever started it: what it writes could be lost.",
    });
    assert!(answer["findings"].as_array().unwrap().contains(&finding), "{answer}");
}
