//! `triage LOG --snapshot DIR` on real logs and real dumps, and on what is no log and no dump.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use assert_fs::TempDir;
use serde_json::{Value, json};

use crate::shop::PROGRAM;

const SCRIPT: &str = "# This is a Python dump created using dump2py.\nSOURCE_VERSION = '1.0'\n\
    shop_Partner = resolve_model(\"shop.Partner\")\nshop_Sale = resolve_model(\"shop.Sale\")\n\n\
    def create_shop_partner(id, name):\n    kw = dict()\n    kw.update(id=id)\n    kw.update(name=name)\n    return \
    shop_Partner(**kw)\n\ndef create_shop_sale(id, partner_id):\n    kw = dict()\n    kw.update(id=id)\n    \
    kw.update(partner_id=partner_id)\n    return shop_Sale(**kw)\n\ndef main(args):\n    loader = \
    DpyLoader(globals(), quick=args.quick)\n    execfile(\"shop_partner.py\", *args)\n    execfile(\"shop_sale.py\", \
    *args)\n    loader.finalize()\n";

/// A snapshot of partners, whose names are given as Python writes them, and of as many sales that point to them.
fn snapshot(dir: &Path, names: &[&str]) {
    std::fs::create_dir_all(dir).unwrap();
    std::fs::write(dir.join("restore.py"), SCRIPT).unwrap();
    let (mut partners, mut sales) = (String::new(), String::new());
    let head = |table: &str, fields: &str| {
        let count = names.len();
        format!(
            "# -*- coding: UTF-8 -*-\nlogger.info(\"Loading {count} objects to table {table}...\")\n# fields: {fields}\n"
        )
    };
    for (key, name) in (1..).zip(names) {
        writeln!(partners, "loader.save(create_shop_partner({key},{name}))").unwrap();
        writeln!(sales, "loader.save(create_shop_sale({key},{key}))").unwrap();
    }
    std::fs::write(dir.join("shop_partner.py"), head("shop_partner", "id, name") + &partners).unwrap();
    std::fs::write(dir.join("shop_sale.py"), head("shop_sale", "id, partner") + &sales).unwrap();
}

fn triage(log: &Path, snapshot: &Path, options: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.arg("triage").arg(log).arg("--snapshot").arg(snapshot).args(options).env("LC_ALL", "C.UTF-8");
    command.stdin(Stdio::null()).output().unwrap()
}

fn said(output: &Output) -> Value {
    let stderr = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"))
}

const LOG: &str = "Source version is 1.0 : no migration needed
`initdb ` started on database default.db.
Loading 3 objects to table shop_partner...
Loading 3 objects to table shop_sale...
Abandoning with 3 unsaved instances:
- shop.Partner {'name': ['Is \"\\x1b[31mred\\x1b[0m\"\\nbelow']} (1 object(s) with primary key 2)
- shop.Sale {'partner': ['partner instance with id 2 is not a valid choice.']} (2 object(s) with primary key 2, 3)
Loaded 3 objects
";

#[test]
fn rows_are_told_with_their_place_their_values_and_what_follows() {
    let dir = TempDir::new().unwrap();
    let (log, shop) = (dir.path().join("restore.log"), dir.path().join("snapshot"));
    snapshot(&shop, &["'a'", r#"'it\'s\n"b"\x1b[31m'"#, "'c'"]);
    let sales = std::fs::read_to_string(shop.join("shop_sale.py")).unwrap();
    std::fs::write(shop.join("shop_sale.py"), sales.replace("(3,3)", "(3,2)")).unwrap();
    // As a terminal was recorded: with returns, colours, and bytes that are no text.
    let recorded = format!("\u{1b}[31;1m\u{7}\r\nno text: \u{0}\r\n{}", LOG.replace('\n', "\r\n"));
    let mut bytes = recorded.into_bytes();
    bytes.extend(b"\xff\xfe\r\n");
    std::fs::write(&log, bytes).unwrap();

    let output = triage(&log, &shop, &["--json", "--exit", "0"]);
    let sale = |pk: &str, line: u64| {
        json!({"pk": pk, "file": "shop_sale.py", "line": line, "fields": {"id": line - 3, "partner_id": 2},
               "messages": {"partner": ["partner instance with id 2 is not a valid choice."]}})
    };
    let text = "Is \"\u{1b}[31mred\u{1b}[0m\"\nbelow";
    let expected = json!({
        "source": "log", "outcome": "abandoned", "loaded": 3, "unsaved": 3, "fatal": null, "notes": [],
        "groups": [
            {"model": "shop.Partner", "message": format!("name: {text}"), "count": 1, "cause": null, "rows": [
                {"pk": "2", "file": "shop_partner.py", "line": 5, "messages": {"name": [text]},
                 "fields": {"id": 2, "name": "it's\n\"b\"\u{1b}[31m"}}]},
            {"model": "shop.Sale", "message": "partner: partner instance with id 2 is not a valid choice.", "count": 2,
             "cause": {"model": "shop.Partner", "pk": "2"}, "rows": [sale("2", 5), sale("3", 6)]},
        ],
    });
    assert_eq!((output.status.code(), said(&output)), (Some(1), expected));

    let output = triage(&log, &shop, &[]);
    let expected = "3 rows could not be saved, so the database is not complete.
The restore had emptied the database, and not all rows came back.

shop.Partner: 1 row
  name: Is \"red\" below
  shop_partner.py: 2 (line 5)
  2 rows follow: 2 of shop.Sale

1 cause, 1 row refused, 2 rows that follow.
";
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
}

#[test]
fn what_is_no_log_of_this_snapshot_is_told_and_why() {
    let dir = TempDir::new().unwrap();
    let (log, shop) = (dir.path().join("restore.log"), dir.path().join("snapshot"));
    snapshot(&shop, &["'a'", "'b'", "'c'"]);
    let wrong = |text: &[u8], snapshot: &Path| {
        std::fs::write(&log, text).unwrap();
        let output = triage(&log, snapshot, &[]);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
        let stderr = String::from_utf8(output.stderr).unwrap();
        stderr.lines().next().unwrap().replace(dir.path().to_str().unwrap(), "")
    };
    assert_eq!(wrong(b"", &shop), "/restore.log is empty.");
    assert_eq!(wrong(b"hello\nworld\n", &shop), "Nothing in /restore.log was printed by a restore.");
    assert_eq!(wrong(&vec![0xff; 100_000], &shop), "Nothing in /restore.log was printed by a restore.");
    let other = "/restore.log is not the log of a restore of this snapshot: ";
    let unknown = LOG.replace("table shop_sale", "table tickets_ticket");
    assert_eq!(
        wrong(unknown.as_bytes(), &shop),
        format!("{other}it loads the table tickets_ticket, which the snapshot does not have.")
    );
    let unknown = LOG.replace("- shop.Sale", "- tickets.Ticket");
    assert_eq!(
        wrong(unknown.as_bytes(), &shop),
        format!("{other}it names rows of tickets.Ticket, which the snapshot does not have.")
    );
    let keys = LOG.replace("key 2, 3", "key 77, 78");
    assert_eq!(
        wrong(keys.as_bytes(), &shop),
        format!("{other}2 of 3 rows that it names are not in the snapshot, for example shop.Sale 77.")
    );
    let zip = dir.path().join("snapshot.zip");
    std::fs::write(&zip, "PK").unwrap();
    assert_eq!(wrong(LOG.as_bytes(), &zip), "/snapshot.zip is an archive, and the new version loads files.");
    assert_eq!(wrong(LOG.as_bytes(), &dir.path().join("gone")), "There is no snapshot /gone.");
    assert_eq!(wrong(LOG.as_bytes(), dir.path()), " has no restore.py.");
    let output = triage(&dir.path().join("no.log"), &shop, &[]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("no.log cannot be read: No such file"));
    let output = triage(dir.path(), &shop, &[]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("cannot be read: is a directory"));
}

#[test]
fn a_log_that_breaks_off_says_so() {
    let dir = TempDir::new().unwrap();
    let (log, shop) = (dir.path().join("restore.log"), dir.path().join("snapshot"));
    snapshot(&shop, &["'a'", "'b'", "'c'"]);
    let said = |text: &str, options: &[&str]| {
        std::fs::write(&log, text).unwrap();
        let found = said(&triage(&log, &shop, &[options, &["--json"]].concat()));
        (found["outcome"].clone(), found["unsaved"].clone(), found["notes"].clone())
    };
    let (list, _) = LOG.split_once("- shop.Sale").unwrap();
    let note = "The log ends before the list of rows does: it names 1 of 3.";
    assert_eq!(said(list, &[]), (json!("abandoned"), json!(3), json!([note])));
    let (head, _) = LOG.split_once("- shop.Partner").unwrap();
    let note = "The log ends before the list of its 3 rows.";
    assert_eq!(said(head, &[]), (json!("abandoned"), json!(3), json!([note])));
    let (tables, _) = LOG.split_once("Abandoning").unwrap();
    let note = "The log ends before the restore does, so it cannot be told how it ended.";
    assert_eq!(said(tables, &[]), (json!("interrupted"), json!(0), json!([note])));
    assert_eq!(said(tables, &["--exit", "137"]), (json!("interrupted"), json!(0), json!([])));
    let whole = LOG.replace("Loaded 3", "Loaded 6");
    let (start, end) = (whole.split_once("Abandoning").unwrap().0, "Loaded 6 objects\n");
    assert_eq!(said(&format!("{start}{end}"), &[]), (json!("loaded"), json!(0), json!([])));
}

fn report(log: &Path, snapshot: &Path, options: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.arg("report").arg("--log").arg(log).arg("--snapshot").arg(snapshot).args(options).env("LC_ALL", "C.UTF-8");
    command.stdin(Stdio::null()).output().unwrap()
}

#[test]
fn a_report_of_a_log_tells_no_text_of_rows_unless_asked() {
    let dir = TempDir::new().unwrap();
    let (log, shop) = (dir.path().join("restore.log"), dir.path().join("snapshot"));
    snapshot(&shop, &["'Anna'", r"'Bert <b>O\'Neill</b>'", "'Cecily'"]);
    std::fs::write(&log, LOG.replace("Is \"\\x1b[31mred\\x1b[0m\"\\nbelow", "Bert <b>O\\'Neill</b> is odd")).unwrap();
    let (page, text) = (dir.path().join("report.html"), dir.path().join("report.md"));
    let (page_name, text_name) = (page.to_str().unwrap(), text.to_str().unwrap());
    let masked = String::from_utf8(report(&log, &shop, &[]).stdout).unwrap();
    assert!(
        masked.contains("- **name**: ▒▒▒ is odd\n") && masked.contains("| name | text, 19 letters | ▒▒▒ |\n"),
        "{masked}"
    );
    assert_eq!(report(&log, &shop, &["--html", page_name]).status.code(), Some(0));
    assert_eq!(report(&log, &shop, &["--markdown", text_name, "--with-values"]).status.code(), Some(0));
    let (page, text) = (std::fs::read_to_string(page).unwrap(), std::fs::read_to_string(text).unwrap());
    for told in [&masked, &page] {
        assert!(["Anna", "Bert", "Neill", "Cecily"].iter().all(|name| !told.contains(name)), "{told}");
    }
    assert!(text.contains("- **name**: Bert &lt;b>O'Neill&lt;/b> is odd\n"), "{text}");
    let output = Command::new(PROGRAM).args(["report", "--log", "x"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}
