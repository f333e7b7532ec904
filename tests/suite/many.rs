//! A hundred thousand refused rows and more, and rows of many megabytes: counts are exact, what people read stays short,
//! and what was refused is held in memory once.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use assert_fs::TempDir;
use lino_upgrade::engine::{Deciding, Event, Handle, Wish};
use lino_upgrade::triage::{Choice, Decision, Scope, Triage, bulk};
use serde_json::{Value, json};

use crate::rehearsal_by_wish::{opened, until};
use crate::shop::{PROGRAM, Shop};

/// Writes a snapshot of so many refused rows, and what tells of them.
fn made(dir: &Path, count: usize, kind: &str, levels: usize) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sites/many_failures.py");
    let mut command = Command::new("python3");
    command.arg(script).arg(dir).args([&count.to_string(), kind, &levels.to_string()]).stdin(Stdio::null());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn run(arguments: &[&str], dir: &Path) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).current_dir(dir).env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    command.output().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn of_thousands_of_causes_those_with_most_rows_are_told_and_json_tells_all() {
    let dir = TempDir::new().unwrap();
    made(dir.path(), 20_000, "thousand", 4);
    let triage = ["triage", "restore.log", "--snapshot", "."];
    let output = run(&triage, dir.path());
    let text = text(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert_eq!(text.matches("\nshop.Partner: 5 rows\n").count(), 200);
    let end = "And 800 more causes of 4000 rows, which --json tells.\n\n1000 causes, 5000 rows refused, 15000 rows that \
               follow.\n";
    assert!(text.ends_with(end), "{}", &text[text.len() - 300..]);

    let output = run(&["triage", "restore.log", "--snapshot", ".", "--json"], dir.path());
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let groups = said["groups"].as_array().unwrap();
    let rows = |group: &Value| group["rows"].as_array().unwrap().len() as u64;
    assert!(groups.iter().all(|group| group["count"] == json!(rows(group))));
    let sums: (usize, u64) =
        (groups.iter().filter(|group| group["cause"].is_null()).count(), groups.iter().map(rows).sum());
    assert_eq!((sums, &said["unsaved"], &said["outcome"]), ((1000, 20_000), &json!(20_000), &json!("abandoned")));
    let own = groups.iter().find(|group| group["rows"][0]["pk"] == "1" && group["cause"].is_null()).unwrap();
    assert_eq!(own["message"], "name: Reason b forbids this name.");
    let row = json!({
        "pk": "1001", "file": "shop_partner.py", "line": 1004,
        "fields": {"id": 1001, "name": "Partner number 1001", "ref": "R1001"},
        "messages": {"name": ["Reason b forbids this name."]},
    });
    assert_eq!(own["rows"][1], row);
}

#[test]
fn a_report_of_a_hundred_thousand_causes_can_be_read() {
    let dir = TempDir::new().unwrap();
    made(dir.path(), 100_000, "each", 1);
    for form in ["--html", "--markdown"] {
        let output = run(&["report", "--log", "restore.log", "--snapshot", ".", form, "-"], dir.path());
        let text = text(&output);
        assert_eq!(output.status.code(), Some(0), "{text}");
        assert!(text.contains("100000 causes, 100000 rows refused."), "{form}");
        assert!(text.contains("99800 more causes are left off."), "{form}");
        assert!(!text.contains("Partner number"), "{form}: texts of rows are masked");
        assert!(text.len() < 500_000, "{form}: {}", text.len());
    }
}

#[test]
fn all_keys_of_a_long_line_are_read_and_so_is_the_end_of_a_long_message() {
    const ROWS: usize = 200_000;
    let dir = TempDir::new().unwrap();
    made(dir.path(), ROWS, "one", 1);
    let log = |list: &str| {
        let text = format!(
            "Source version is 1.0 : no migration needed\n`initdb ` started on database default.db.\nLoading {ROWS} \
             objects to table shop_partner...\n{list}Loaded 0 objects\nDone manage.py run snapshot/restore.py (PID 1)\n"
        );
        std::fs::write(dir.path().join("restore.log"), text).unwrap();
        text_of_triage(dir.path())
    };
    let keys: Vec<String> = (1..=ROWS).map(|key| key.to_string()).collect();
    let list = format!(
        "Abandoning with {ROWS} unsaved instances:\n- shop.Partner {{'name': ['Too long.']}} ({ROWS} object(s) with \
         primary key {})\n",
        keys.join(", ")
    );
    assert!(list.len() > 1 << 20);
    let told = log(&list);
    assert!(told.ends_with("\n1 cause, 200000 rows refused.\n"), "{told}");
    assert!(told.contains("\nshop.Partner: 200000 rows\n  name: Too long.\n"), "{told}");

    // Newer releases put the name of the row before the message; it may be a text of any length.
    let list = format!(
        "Abandoning with 1 unsaved instances:\n- shop.Partner [\"{}\\\\n : {{'name': ['Too long.']}}\"] (1 object(s) \
         with primary key 7)\n",
        "Ä".repeat(25_000_000)
    );
    let told = log(&list);
    let expected =
        "\nshop.Partner: 1 row\n  name: Too long.\n  shop_partner_1.py: 7 (line 10)\n\n1 cause, 1 row refused.\n";
    assert!(told.ends_with(expected), "{}", told.chars().take(2000).collect::<String>());
}

fn text_of_triage(dir: &Path) -> String {
    text(&run(&["triage", "restore.log", "--snapshot", "."], dir))
}

async fn triaged(handle: &mut Handle) -> Arc<Triage> {
    until(handle, |event| if let Event::Triaged { triage, .. } = event { triage } else { None }).await
}

/// Undecided rows, decisions, and rows of the first of them.
fn sums(triage: &Triage) -> (usize, usize, u64) {
    (triage.open(), triage.decisions.iter().len(), triage.decisions.iter().next().map_or(0, |one| one.rows.count()))
}

#[tokio::test]
async fn many_refused_rows_are_held_once_however_much_is_decided() {
    const ROWS: usize = 40_000;
    let shop = Shop::of_one_lino("short_name");
    let snapshot = shop.dir.join("many");
    made(&snapshot, ROWS, "thousand", 4);
    let dir = shop.dir.join(".lino-upgrade/rehearsal");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::rename(snapshot.join("rehearsal.jsonl"), dir.join("rehearsal.jsonl")).unwrap();
    let script = snapshot.join("restore.py");
    let data = std::fs::metadata(&script).unwrap();
    let about = json!({
        "script": script, "stamp": [data.len(), data.mtime()], "source_version": "1.0", "rows": ROWS,
    });
    std::fs::write(dir.join("rehearsed.json"), about.to_string()).unwrap();

    let mut handle = opened(&shop);
    let first = triaged(&mut handle).await;
    assert_eq!((first.causes.causes.len(), first.causes.failures.len()), (1000, ROWS));
    assert_eq!(sums(&first), (ROWS, 0, 0));
    let take = |decisions| Wish::Decide(Deciding::Take(decisions));
    let one = bulk(&first.causes, [0], &Choice::LeaveOut, "one").decisions;
    handle.wish(take(one));
    let decided = triaged(&mut handle).await;
    // What follows the row that is left out stays undecided.
    assert_eq!(sums(&decided), (ROWS - 1, 1, 1));
    let all = bulk(&first.causes, 0..ROWS / 4, &Choice::Empty(vec!["name".into()]), "all").decisions;
    handle.wish(take(all));
    let emptied = loop {
        let triage = triaged(&mut handle).await;
        if triage.open() == 0 {
            break triage;
        }
        assert!(Arc::ptr_eq(&first.causes, &triage.causes));
    };
    assert_eq!(sums(&emptied), (0, 1, 10_000));
    handle.wish(Wish::Decide(Deciding::Undo));
    let undone = loop {
        let triage = triaged(&mut handle).await;
        if triage.open() > 0 {
            break triage;
        }
        assert!(Arc::ptr_eq(&first.causes, &triage.causes));
    };
    assert_eq!(sums(&undone), (ROWS - 1, 1, 1));
    for later in [&decided, &emptied, &undone] {
        assert!(Arc::ptr_eq(&first.causes, &later.causes), "the rows were copied");
    }
    let known = Decision {
        model: "shop.Partner".into(),
        rows: Scope::These(vec!["1".into()]),
        choice: Choice::LeaveOut,
        because: "one".into(),
    };
    assert_eq!(undone.decisions.iter().collect::<Vec<_>>(), [&known]);
    handle.wish(Wish::Leave);
    while handle.events.recv().await.is_some() {}
}

#[test]
fn a_row_of_fifty_megabytes_is_refused_like_the_others() {
    let shop = Shop::on_release("new");
    let mut dump = Command::new(shop.dir.join("env/bin/python"));
    dump.args(["manage.py", "dump2py", "whole"]).current_dir(&shop.dir).env("LC_ALL", "C.UTF-8");
    assert!(dump.output().unwrap().status.success());
    let partners = shop.dir.join("whole/shop_partner.py");
    let rows = std::fs::read_to_string(&partners).unwrap();
    // Lino puts the name of the row before its message.
    let long = rows.replacen("'Bäckerei Ausdemwald 0'", &format!("'{}'", "Ä".repeat(25_000_000)), 1);
    assert!(long.len() > 50_000_000);
    std::fs::write(&partners, long).unwrap();
    let mut rehearse = Command::new(PROGRAM);
    rehearse.arg("--site").arg(&shop.dir).args(["rehearse", "--snapshot"]).arg(shop.dir.join("whole"));
    rehearse.arg("--python").arg(shop.dir.join("env/bin/python")).arg("--json");
    let output = rehearse.env("SCHEMA", "short_name").env("LC_ALL", "C.UTF-8").stdin(Stdio::null()).output().unwrap();
    let said: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output)));
    let own: Vec<&Value> = said["groups"].as_array().unwrap().iter().filter(|group| group["cause"].is_null()).collect();
    let [cause] = own.as_slice() else { panic!("{} causes", own.len()) };
    assert_eq!((&cause["count"], &cause["rows"][0]["pk"]), (&json!(9), &json!("1")));
    assert_eq!(cause["message"], "name: Ensure this value has at most 20 characters (it has …).");
    assert!(output.stdout.len() < 200_000, "{}", output.stdout.len());
}
