//! Journals of other versions of lino-upgrade: an older one is taken up where its run stood, a newer one is left alone.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};

use assert_fs::TempDir;
use lino_upgrade::runner::{Client, Operator, Role};
use serde_json::{Value, json};

use super::ran;
use crate::shop::{PROGRAM, Shop};

/// What each format looked like, and its number.
const FORMATS: [(i64, &str); 3] = [
    (1, include_str!("../../fixtures/journals/format-1.sql")),
    (2, include_str!("../../fixtures/journals/format-2.sql")),
    (3, include_str!("../../fixtures/journals/format-3.sql")),
];

/// Runs statements on the journal of the site; returns what they answer.
fn sql(shop: &Shop, statements: &str) -> String {
    let script = "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\nc.executescript(sys.stdin.read())\n\
                  print(c.execute('pragma user_version').fetchone()[0])";
    let mut child = Command::new("python3")
        .args(["-c", script])
        .arg(shop.dir.join(".lino-upgrade/journal.sqlite"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(statements.as_bytes()).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap().trim().to_owned()
}

fn web(shop: &Shop, wish: &str) {
    let status = Command::new("./web.sh").arg(wish).current_dir(&shop.dir).stdout(Stdio::null()).status().unwrap();
    assert!(status.success());
}

#[test]
#[ignore = "takes a minute; tests/run --full asks for it"]
fn matrix_a_run_in_a_journal_of_every_older_format_goes_on_where_it_stood() {
    let shop = Shop::light_on("sqlite", "new_blank");
    let state = shop.dir.join(".lino-upgrade");
    for (format, text) in FORMATS {
        web(&shop, "stop");
        fs::create_dir(&state).unwrap();
        assert_eq!(sql(&shop, &text.replace("@DIR@", shop.dir.to_str().unwrap())), format.to_string());
        let (status, printed, said) = ran(&shop, &["history", "--json"]);
        let runs: Value = serde_json::from_str(&printed).unwrap();
        let told =
            |run: usize| json!([runs[run]["run"], runs[run]["operator"], runs[run]["outcome"], runs[run]["undoes"]]);
        assert_eq!((status, said.as_str()), (Some(0), ""));
        assert_eq!([told(0), told(1)], [json!([2, "anna", null, null]), json!([1, "anna", "done", null])]);
        let (status, printed, said) = ran(&shop, &["run", "--headless", "--yes", "--until", "verify-snapshot"]);
        assert_eq!(status, Some(4), "format {format}: {said}");
        let events: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let opened = events.iter().find(|event| event["event"] == "run_opened").unwrap();
        assert_eq!((&opened["run"], &opened["resumed"]), (&json!(2), &json!(true)));
        let begun: Vec<&Value> =
            events.iter().filter(|event| event["event"] == "step_started").map(|event| &event["step"]).collect();
        assert_eq!(begun, ["snapshot", "verify-snapshot"], "format {format}");
        assert_eq!(sql(&shop, ""), "3", "it has the newest format now");
        fs::remove_dir_all(&state).unwrap();
    }
}

#[test]
fn a_journal_of_a_newer_format_is_left_alone_by_every_subcommand() {
    let shop = Shop::light_on("sqlite", "new_blank");
    let journal = shop.dir.join(".lino-upgrade/journal.sqlite");
    fs::create_dir(shop.dir.join(".lino-upgrade")).unwrap();
    assert_eq!(sql(&shop, &format!("{}; pragma user_version = 4;", FORMATS[2].1)), "4");
    let before = fs::read(&journal).unwrap();
    let expected = "The journal of this site was written by a newer lino-upgrade (format 4).\nNothing was read or changed.\n\
                    → Install the newer lino-upgrade and start it again.\n";
    for words in [
        &["status"][..],
        &["history", "--json"],
        &["run", "--headless", "--yes"],
        &["undo", "--yes"],
        &["undo", "--copies"],
    ] {
        let (status, _, said) = ran(&shop, words);
        assert_eq!(status, Some(2), "{words:?}: {said}");
        assert!(said.starts_with(expected), "{words:?}: {said}");
    }
    assert_eq!(fs::read(&journal).unwrap(), before);
}

#[tokio::test]
async fn a_runner_of_another_version_is_told_apart_by_its_protocol() {
    let root = TempDir::new().unwrap();
    let dir = root.path().join("runner");
    let operator = Operator { user: "first".into(), pid: 7, tty: None, from: None, since: 0 };
    let exe = Path::new(PROGRAM);
    let (client, _events) = Client::attach_or_launch(&dir, Some(exe), operator, Role::Driver).await.unwrap();
    let mut stream = UnixStream::connect(dir.join("sock")).unwrap();
    let hello = json!({"n": 1, "request": "hello", "protocol": 99, "role": "driver",
                       "operator": {"user": "x", "pid": 1, "tty": null, "from": null, "since": 0}});
    writeln!(stream, "{hello}").unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    let answer: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(answer, json!({"line": "answer", "n": 1, "answer": {"answer": "other_protocol", "protocol": 1}}));
    client.shutdown().await.unwrap();
}
