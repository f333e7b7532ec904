//! `lino-upgrade account` as somebody calls it: on dumps of real sites that were really restored, on the recorded dumps,
//! and on bad input.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use assert_fs::TempDir;
use serde_json::{Value, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::shop::{PROGRAM, Shop};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/dumps").join(name)
}

fn account(before: &Path, after: &Path, options: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.env_clear().stdin(Stdio::null()).arg("account").args([before, after]).args(options).output().unwrap()
}

fn as_json(before: &Path, after: &Path) -> (Option<i32>, Value) {
    let output = account(before, after, &["--json"]);
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Copies a recorded dump, and changes texts of its files.
fn copy(name: &str, dir: &TempDir, changes: &[(&str, &str, &str)]) -> PathBuf {
    let to = dir.path().join("after");
    fs::create_dir(&to).unwrap();
    for entry in fs::read_dir(fixture(name)).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
    for (file, old, new) in changes {
        let path = to.join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(old), "{old} is not in {text}");
        fs::write(&path, text.replace(old, new)).unwrap();
    }
    to
}

fn archive(from: &Path, to: &Path) {
    let mut zip = ZipWriter::new(fs::File::create(to).unwrap());
    let options = SimpleFileOptions::default().last_modified_time(zip::DateTime::default());
    let mut paths: Vec<PathBuf> = fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        zip.start_file(format!("snapshot/{}", path.file_name().unwrap().to_str().unwrap()), options).unwrap();
        zip.write_all(&fs::read(&path).unwrap()).unwrap();
    }
    zip.finish().unwrap();
}

/// The sums of an account.
fn sums(found: &Value) -> [u64; 4] {
    ["equal", "changed", "missing", "new"].map(|key| found[key].as_u64().unwrap())
}

fn table<'a>(found: &'a Value, name: &str) -> &'a Value {
    found["tables"].as_array().unwrap().iter().find(|table| table["table"] == name).unwrap()
}

/// Runs a command of a site.
fn manage(shop: &Shop, arguments: &[&str]) -> String {
    let output = Command::new("env/bin/python")
        .arg("manage.py")
        .args(arguments)
        .current_dir(&shop.dir)
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    // Lino before 25.8 says so also when it has lost rows.
    assert_eq!(output.status.code(), Some(0), "{text}");
    text
}

/// Dumps the site, restores the dump, and dumps the site again.
fn round_trip(shop: &Shop) -> (PathBuf, PathBuf) {
    manage(shop, &["dump2py", "before"]);
    manage(shop, &["run", "before/restore.py", "--noinput"]);
    manage(shop, &["dump2py", "after"]);
    (shop.dir.join("before"), shop.dir.join("after"))
}

#[test]
fn a_site_that_was_restored_has_all_rows() {
    let shop = Shop::build_new_on("sqlite");
    let (before, after) = round_trip(&shop);
    let (status, found) = as_json(&before, &after);
    assert_eq!((status, &found["problems"]), (Some(0), &json!([])));
    let rows = found["equal"].as_u64().unwrap();
    assert_eq!((sums(&found), rows > 400), ([rows, 0, 0, 0], true));
    let zip = shop.dir.join("before.zip");
    archive(&before, &zip);
    assert_eq!(as_json(&zip, &after), (Some(0), found.clone()));
    // Countries are known by their code, which is not the first value of a row.
    let site = shop.dir.to_str().unwrap();
    let output = account(&before.join("restore.py"), &zip, &["--json", "--site", site]);
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap(), found);
}

#[test]
fn rows_that_an_old_lino_loses_silently_are_found() {
    let shop = Shop::build();
    let (before, after) = round_trip(&shop);
    let (status, found) = as_json(&before, &after);
    assert_eq!(
        (status, &found["missing"], &found["changed"], &found["new"]),
        (Some(1), &json!(4), &json!(0), &json!(0))
    );
    for name in ["shop_author", "shop_book"] {
        let table = table(&found, name);
        assert_eq!((&table["missing"], &table["missing_pks"]), (&json!(2), &json!([1, 2])));
        assert_eq!(table["samples"][0]["before"], json!({"file": format!("{name}.py"), "line": 4}));
    }
}

#[test]
fn a_dump_that_a_newer_lino_restored_has_all_rows_with_other_fields() {
    let (old, new) = (Shop::build(), Shop::build_new_on("sqlite"));
    manage(&old, &["dump2py", "before"]);
    let before = new.dir.join("before");
    fs::create_dir(&before).unwrap();
    for entry in fs::read_dir(old.dir.join("before")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, before.join(path.file_name().unwrap())).unwrap();
    }
    manage(&new, &["run", "before/restore.py", "--noinput"]);
    manage(&new, &["dump2py", "after"]);
    let (status, found) = as_json(&before, &new.dir.join("after"));
    let rows = found["equal"].as_u64().unwrap();
    assert_eq!((status, sums(&found), rows > 400), (Some(0), [rows, 0, 0, 0], true));
    let fields = json!({"build_method": 0, "forget_me_since": 0});
    assert_eq!(table(&found, "users_user")["fields_new"], fields);
}

#[test]
fn times_that_django_sets_itself_are_set_apart_when_the_site_says_which() {
    let shop = Shop::new_with_schema("remembered");
    let (before, after) = round_trip(&shop);
    let (status, found) = as_json(&before, &after);
    let notes = table(&found, "shop_note")["changed"].as_u64().unwrap();
    assert_eq!((status, &table(&found, "shop_note")["fields"], notes > 0), (Some(1), &json!({"created": notes}), true));
    let output = account(&before, &after, &["--json", "--site", shop.dir.to_str().unwrap()]);
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &found["changed"], &found["by_lino"]), (Some(0), &json!(0), &json!(notes)));
    assert_eq!(table(&found, "shop_note")["lino"], json!({"save_times": {"created": notes}}));
}

#[test]
fn recorded_dumps_are_equal_to_themselves_in_any_form() {
    let dir = TempDir::new().unwrap();
    for name in ["1.7.0", "26.10.8", "noi-25.1.1"] {
        let zip = dir.path().join(format!("{name}.zip"));
        archive(&fixture(name), &zip);
        for after in [fixture(name), fixture(name).join("restore.py"), zip] {
            let (_, found) = as_json(&fixture(name), &after);
            let [equal, others @ ..] = sums(&found);
            assert_eq!((equal > 10, others), (true, [0, 0, 0]), "{name}");
        }
    }
}

#[test]
fn what_was_done_to_a_dump_is_told_without_values() {
    let dir = TempDir::new().unwrap();
    let after = copy(
        "26.10.8",
        &dir,
        &[
            ("accounting_account.py", "'12.50'", "\"12.5\""),
            ("contacts_partner_1.py", "Rumma & Ko", "Changed & Ko"),
            ("contacts_partner_2.py", "create_contacts_partner(102,", "create_contacts_partner(999,"),
            (
                "countries_country.py",
                "loader.save(create_countries_country('EE'",
                "# loader.save(create_countries_country('EE'",
            ),
            ("memo_mention.py", "'1:05:00'))", "'1:05:00'"),
            ("restore.py", "remarks", "notes"),
        ],
    );
    let output = account(&fixture("26.10.8"), &after, &[]);
    assert_eq!((output.status.code(), output.stderr.is_empty()), (Some(1), true));
    let shown = text(&output).replace(&*after.to_string_lossy(), "AFTER").replace(env!("CARGO_MANIFEST_DIR"), "");
    assert!(!shown.contains("Ko") && !shown.contains('\u{1b}'), "{shown}");
    insta::assert_snapshot!("account_of_a_changed_dump", shown);
    let all = account(&fixture("26.10.8"), &after, &["--all"]);
    assert!(text(&all).lines().any(|line| line.starts_with("own_table  ")), "{}", text(&all));
}

#[test]
fn a_table_of_another_name_is_told() {
    let dir = TempDir::new().unwrap();
    let after = copy("noi-25.1.1", &dir, &[("restore.py", "lists_member", "lists_membership")]);
    let rows = fs::read_to_string(after.join("lists_member.py")).unwrap().replace("lists_member", "lists_membership");
    fs::write(after.join("lists_membership.py"), rows).unwrap();
    let (status, found) = as_json(&fixture("noi-25.1.1"), &after);
    assert_eq!(status, Some(1));
    let (old, new) = (table(&found, "lists_member"), table(&found, "lists_membership"));
    assert_eq!((&old["missing"], &old["same_keys_as"]), (&json!(82), &json!("lists_membership")));
    assert_eq!((&new["new"], &new["same_keys_as"]), (&json!(82), &json!("lists_member")));
}

#[test]
fn bad_input_is_told_with_its_place_and_a_way_out() {
    let dir = TempDir::new().unwrap();
    let refused = |before: &Path, after: &Path| {
        let output = account(before, after, &["--json"]);
        assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(2), true));
        String::from_utf8(output.stderr).unwrap().replace(&*dir.path().to_string_lossy(), "DIR")
    };
    let noi = fixture("noi-25.1.1");
    let other = copy("26.10.8", &dir, &[("restore.py", "resolve_model(\"", "resolve_model(\"x")]);
    let message = refused(&noi, &other);
    assert!(message.contains("is of another application"), "{message}");
    let message = refused(&fixture("noi-26.9.2-simulated"), &noi);
    assert!(message.contains("it was made with --simulate"), "{message}");
    assert!(refused(&dir.path().join("nowhere"), &noi).contains("DIR/nowhere is no snapshot: it does not exist"));
    let empty = dir.path().join("empty");
    fs::create_dir(&empty).unwrap();
    assert!(refused(&noi, &empty).contains("DIR/empty is no snapshot: it has no restore.py"));
    let zip = dir.path().join("cut.zip");
    archive(&noi, &zip);
    let bytes = fs::read(&zip).unwrap();
    fs::write(&zip, &bytes[..bytes.len() / 2]).unwrap();
    assert!(refused(&noi, &zip).contains("DIR/cut.zip cannot be read"));
    assert_eq!(account(&noi, &noi, &["--json", "--all"]).status.code(), Some(2));
}

#[test]
fn a_damaged_file_is_a_problem_and_never_equal() {
    let dir = TempDir::new().unwrap();
    let after = copy("26.10.8", &dir, &[]);
    fs::remove_file(after.join("contacts_partner_2.py")).unwrap();
    let path = after.join("countries_country.py");
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(7).position(|window| window == b"Belgium").unwrap();
    bytes[at] = 0xff;
    fs::write(&path, bytes).unwrap();
    let (status, found) = as_json(&fixture("26.10.8"), &after);
    assert_eq!(status, Some(1));
    assert_eq!(table(&found, "countries_country")["unreadable"], json!([0, 1]));
    let problems: Vec<(&str, &str, &Value)> = found["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| (problem["side"].as_str().unwrap(), problem["path"].as_str().unwrap(), &problem["line"]))
        .collect();
    assert!(problems.contains(&("after", "contacts_partner_2.py", &Value::Null)), "{problems:?}");
    assert!(problems.contains(&("after", "countries_country.py", &json!(4))), "{problems:?}");
}
