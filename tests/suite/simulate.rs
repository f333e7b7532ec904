//! Simulated dumps of real sites: written where the command of the documents fails, while the site is only read.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::SystemTime;

use assert_fs::TempDir;
use lino_upgrade::snapshot::MARK;
use serde_json::Value;

use crate::shop::{PROGRAM, Shop, WHOLE, all, ended};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/python/simulate.py");

/// The changes of the models with which the command of the documents fails: a table of the new version is missing.
const MISSING: [(&str, &str); 3] =
    [("new_table", "shop_tag"), ("new_in_circle", "shop_publisher"), ("renamed_table", "shop_option")];

/// Runs the site's python in the project directory with these changes of the models.
fn python(shop: &Shop, schema: &str, words: &[&str]) -> Output {
    let mut command = Command::new("env/bin/python");
    command.args(words).current_dir(&shop.dir).env("LC_ALL", "C.UTF-8").env("SCHEMA", schema);
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Writes a simulated dump to `out`, which must work and change nothing, and returns its script.
fn simulate(shop: &Shop, schema: &str, out: &Path) -> String {
    let before = files(&shop.dir);
    let output = python(shop, schema, &[SCRIPT, &out.to_string_lossy()]);
    assert_eq!(output.status.code(), Some(0), "{schema}: {}", said(&output));
    assert_eq!(changed(&before, &files(&shop.dir)), Vec::<PathBuf>::new(), "{schema}");
    assert!(out.join(MARK).is_file());
    assert_eq!(std::fs::read_dir(out.parent().unwrap()).unwrap().count(), 1, "the scratch database is still there");
    std::fs::read_to_string(out.join("restore.py")).unwrap()
}

/// Runs the command of the documents; returns its exit status and what it said.
fn as_documented(shop: &Shop, schema: &str, out: &Path) -> (Option<i32>, String) {
    let output = python(shop, schema, &["manage.py", "dump2py", "-os", &out.to_string_lossy()]);
    (output.status.code(), said(&output))
}

type Files = BTreeMap<PathBuf, (SystemTime, u64, Option<Vec<u8>>)>;

/// Everything in the project directory, its environment included; with the contents of the database.
fn files(dir: &Path) -> Files {
    let mut found = Files::new();
    let mut rest = vec![dir.to_owned()];
    while let Some(path) = rest.pop() {
        let data = path.symlink_metadata().unwrap();
        if data.is_dir() {
            rest.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        let bytes = path.extension().is_some_and(|end| end == "db").then(|| std::fs::read(&path).unwrap());
        found.insert(path, (data.modified().unwrap(), data.len(), bytes));
    }
    found
}

fn changed(before: &Files, after: &Files) -> Vec<PathBuf> {
    let all: std::collections::BTreeSet<&PathBuf> = before.keys().chain(after.keys()).collect();
    all.into_iter().filter(|path| before.get(*path) != after.get(*path)).cloned().collect()
}

/// The script without the line that stops it.
fn without_stop(script: &str) -> String {
    let (stop, rest): (Vec<&str>, Vec<&str>) =
        script.split_inclusive('\n').partition(|line| line.starts_with("raise SystemExit("));
    assert_eq!(stop.len(), 1, "{script}");
    rest.concat()
}

/// Writes a simulated dump for each change of the models, and shows that the command of the documents cannot.
fn every_change_is_simulated(shop: &Shop) {
    let place = TempDir::new().unwrap();
    let other = TempDir::new().unwrap();
    let (ours, theirs) = (place.path().join("t"), other.path().join("t"));
    let unchanged = without_stop(&simulate(shop, "", &ours));
    let (status, text) = as_documented(shop, "", &theirs);
    assert_eq!(status, Some(0), "{text}");
    assert_eq!(unchanged, std::fs::read_to_string(theirs.join("restore.py")).unwrap());
    for (schema, table) in MISSING {
        let (status, text) = as_documented(shop, schema, &theirs);
        assert_eq!(status, Some(1), "{text}");
        assert!(text.contains(table) && (text.contains("no such table") || text.contains("does not exist")), "{text}");
        let script = simulate(shop, schema, &ours);
        assert!(script.contains(&format!("def create_{table}(")), "{schema}");
        assert!(script.contains(&format!("    execfile(\"{table}.py\", *args)\n")), "{schema}");
        assert!(script.trim_end().ends_with("main(args)"), "{schema}");
    }
}

#[test]
fn the_old_lino_simulates_new_and_renamed_tables_and_circles() {
    let shop = Shop::build();
    every_change_is_simulated(&shop);
    settings_are_found_however_they_are_arranged(&shop);
    a_simulated_dump_is_never_restored(&shop);
    settings_that_write_are_stopped(&shop);
}

/// A log file that Django opens when it starts.
const OWN_LOG: &str = "LOGGING = {'version': 1, 'handlers': {'own': {'class': 'logging.FileHandler', 'filename':\n\
    str(HERE / 'log/own.log')}}, 'root': {'handlers': ['own'], 'level': 'DEBUG'}}\n";

fn settings_are_found_however_they_are_arranged(shop: &Shop) {
    let place = TempDir::new().unwrap();
    let plain = simulate(shop, "", &place.path().join("t"));
    let (file, package) = (shop.dir.join("settings.py"), shop.dir.join("conf/settings"));
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text
        .replace(".parent\n", ".parent.parent.parent\n")
        .replace("str(HERE / \"default.db\")", "os.environ[\"SHOP_DATABASE\"]");
    std::fs::create_dir_all(&package).unwrap();
    std::fs::write(package.join("__init__.py"), "from .site import *\n").unwrap();
    std::fs::write(package.join("site.py"), text + OWN_LOG).unwrap();
    let manage = std::fs::read_to_string(shop.dir.join("manage.py")).unwrap();
    let other = manage.replace("\"settings\")", "\"settings\")\n    sys.path.insert(0, \"conf\")");
    std::fs::write(shop.dir.join("manage.py"), &other).unwrap();
    std::fs::rename(&file, shop.dir.join("unused.py")).unwrap();
    let before = files(&shop.dir);
    let mut command = Command::new("env/bin/python");
    command.arg(SCRIPT).arg(place.path().join("t")).current_dir(&shop.dir);
    let output = command.env("SHOP_DATABASE", shop.dir.join("default.db")).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(changed(&before, &files(&shop.dir)), Vec::<PathBuf>::new());
    assert_eq!(std::fs::read_to_string(place.path().join("t/restore.py")).unwrap(), plain);
    std::fs::write(shop.dir.join("manage.py"), manage).unwrap();
    std::fs::rename(shop.dir.join("unused.py"), file).unwrap();
}

fn a_simulated_dump_is_never_restored(shop: &Shop) {
    let place = TempDir::new().unwrap();
    let out = place.path().join("t");
    simulate(shop, "", &out);
    let before = shop.contents();
    let script = out.join("restore.py");
    let output = python(shop, "", &["manage.py", "run", &script.to_string_lossy(), "--noinput"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("This is a simulated dump without data"), "{}", said(&output));
    assert_eq!(shop.contents(), before);
    let output = Command::new(PROGRAM).arg("verify").arg(&out).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let expected =
        format!("{} is a simulated dump. It has no data: restoring it would empty the database.", out.display());
    assert!(said(&output).contains(&expected), "{}", said(&output));
    // What is not ours is not written over.
    std::fs::remove_file(out.join(MARK)).unwrap();
    let output = python(shop, "", &[SCRIPT, &out.to_string_lossy()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("exists and is no simulated dump. Nothing was done."), "{}", said(&output));
}

fn settings_that_write_are_stopped(shop: &Shop) {
    let place = TempDir::new().unwrap();
    let out = place.path().join("t");
    let file = shop.dir.join("settings.py");
    let text = std::fs::read_to_string(&file).unwrap();
    let lines = [
        ("(HERE / 'media/new.txt').write_text('')", "must not touch"),
        ("import sqlite3; sqlite3.connect(str(HERE / 'default.db'))", "must not touch"),
        ("import socket; socket.create_connection(('127.0.0.1', 25))", "connects to no server"),
    ];
    for (line, reason) in lines {
        std::fs::write(&file, format!("{text}\n{line}\n")).unwrap();
        let before = files(&shop.dir);
        let output = python(shop, "", &[SCRIPT, &out.to_string_lossy()]);
        assert_eq!(output.status.code(), Some(1), "{line}");
        assert!(said(&output).contains(&format!("a simulated dump {reason}")), "{}", said(&output));
        assert_eq!(changed(&before, &files(&shop.dir)), Vec::<PathBuf>::new(), "{line}");
    }
}

#[test]
#[ignore = "takes a minute or two; tests/run --full asks for it"]
fn matrix_a_server_is_never_asked_for_a_simulated_dump() {
    let shop = Shop::build_on("postgresql");
    every_change_is_simulated(&shop);
    // Whoever connects now would be seen.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = format!("\"PORT\": {},", listener.local_addr().unwrap().port());
    let file = shop.dir.join("settings.py");
    let text = std::fs::read_to_string(&file).unwrap();
    let line = text.lines().find(|line| line.trim().starts_with("\"PORT\":")).unwrap().trim();
    std::fs::write(&file, text.replace(line, &port)).unwrap();
    let place = TempDir::new().unwrap();
    simulate(&shop, "new_in_circle", &place.path().join("t"));
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    std::fs::write(&file, text).unwrap();
}

/// The command lines of a step, and what it found: level and subject.
fn step(events: &[Value], step: &str) -> (Vec<String>, Vec<(String, String)>) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let of = |kind| events.iter().filter(move |event| event["event"] == kind && event["step"] == step);
    let lines = of("command_started").map(|event| text(&event["line"])).collect();
    let findings = of("step_ended").flat_map(|event| event["findings"].as_array().unwrap());
    (lines, findings.map(|finding| (text(&finding["level"]), text(&finding["subject"]))).collect())
}

#[test]
#[ignore = "takes a minute or two; tests/run --full asks for it"]
fn matrix_an_upgrade_has_the_new_version_write_a_simulated_dump_and_goes_on() {
    let shop = Shop::with_schema_after("new_in_circle");
    let (status, events, said_by) = shop.upgrade();
    assert_eq!(status, Some(0), "{said_by}");
    assert_eq!(ended(&events), all(&WHOLE));
    let line = "python .lino-upgrade/python/simulate.py .lino-upgrade/compare/run-0001/t";
    assert_eq!(step(&events, "compare"), (vec![line.into()], vec![("PASS".into(), "simulated dump".into())]));
    let script = shop.dir.join(".lino-upgrade/compare/run-0001/t/restore.py");
    let written = std::fs::read_to_string(&script).unwrap();
    assert!(written.contains("SOURCE_VERSION = '2.0'\n") && written.contains("def create_shop_publisher("));
    // The line is what an operator could type.
    let typed = format!(". env/bin/activate && {line}");
    let output = Command::new("sh").args(["-c", &typed]).current_dir(&shop.dir).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(std::fs::read_to_string(&script).unwrap(), written);
    // The site is now one of the new Lino; its tables are those of `new_in_circle`.
    std::fs::write(shop.dir.join("env/schema.txt"), "").unwrap();
    for (schema, table) in [MISSING[0], MISSING[2]] {
        let place = TempDir::new().unwrap();
        let (status, text) = as_documented(&shop, schema, &place.path().join("theirs/t"));
        assert_eq!(status, Some(1), "{text}");
        assert!(text.contains(&format!("no such table: {table}")), "{text}");
        let script = simulate(&shop, schema, &place.path().join("ours/t"));
        assert!(script.contains(&format!("def create_{table}(")) && script.trim_end().ends_with("main(args)"));
    }
}

#[test]
#[ignore = "takes a minute or two; tests/run --full asks for it"]
fn matrix_a_simulated_dump_that_fails_does_not_keep_from_restoring_but_its_mark_does() {
    let shop = Shop::build();
    // Not ours, so it is not written over.
    std::fs::create_dir_all(shop.dir.join(".lino-upgrade/compare/run-0001/t")).unwrap();
    std::fs::create_dir(shop.dir.join("t")).unwrap();
    std::fs::write(shop.dir.join("t").join(MARK), "").unwrap();
    let config = shop.dir.join("lino-upgrade.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text + "\n[commands]\nrestore = \"python manage.py run t/restore.py\"\n").unwrap();
    let before = shop.contents();
    let (status, events, said_by) = shop.upgrade();
    assert_eq!(status, Some(1), "{said_by}");
    assert_eq!(ended(&events)[7..], all(&[("compare", "done"), ("restore", "failed")]));
    let left_out = [("WARN".into(), "simulated dump".into()), ("WARN".into(), "left out".into())];
    assert_eq!(step(&events, "compare").1, left_out);
    assert_eq!(step(&events, "restore"), (vec![], vec![("FAIL".into(), "snapshot".into())]));
    assert!(said_by.contains("this is a simulated dump, and restoring it would empty the database"), "{said_by}");
    assert_eq!(shop.contents(), before);
}
