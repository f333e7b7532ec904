//! Rehearsals of real sites: the new version is brought beside the old one, and every row that it refuses is told.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::shop::{PROGRAM, Shop, without_pip_settings};

pub fn dump(shop: &Shop) {
    let mut command = Command::new(shop.dir.join("env/bin/python"));
    command.args(["manage.py", "dump2py", "snapshot"]).current_dir(&shop.dir).env("LC_ALL", "C.UTF-8");
    assert!(command.output().unwrap().status.success());
}

pub fn rehearse(shop: &Shop, schema: Option<&str>, options: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.arg("--site").arg(&shop.dir).arg("rehearse").args(options).env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    if let Some(schema) = schema {
        command.env("SCHEMA", schema);
    }
    without_pip_settings(&mut command);
    command.output().unwrap()
}

fn said(output: &Output) -> Value {
    let stderr = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"))
}

type Group<'a> = (&'a str, &'a str, u64, Option<(&'a str, &'a str)>);

/// Model, message and number of rows.
type Cause = (&'static str, &'static str, u64);

/// Of each group: model, message, how many rows, and what they follow from.
fn groups(said: &Value) -> Vec<Group<'_>> {
    let mut found = Vec::new();
    for group in said["groups"].as_array().unwrap() {
        let cause = &group["cause"];
        let cause = (!cause.is_null()).then(|| (cause["model"].as_str().unwrap(), cause["pk"].as_str().unwrap()));
        let (model, message) = (group["model"].as_str().unwrap(), group["message"].as_str().unwrap());
        found.push((model, message, group["count"].as_u64().unwrap(), cause));
    }
    found
}

#[test]
#[ignore = "takes a minute or two; tests/run --full asks for it"]
fn matrix_the_new_version_is_brought_beside_the_old_one_and_the_site_stays_as_it_is() {
    let shop = Shop::with_schema_after("short_name");
    dump(&shop);
    let (contents, packages) = (shop.contents(), packages(&shop.dir));
    let first = rehearse(&shop, None, &["--json"]);
    let found = said(&first);
    assert_eq!(first.status.code(), Some(1), "{}", String::from_utf8_lossy(&first.stderr));
    assert_eq!((&found["source"], &found["outcome"]), (&json!("rehearsal"), &json!("abandoned")));
    assert_eq!((&found["loaded"], &found["unsaved"]), (&json!(365), &json!(41)));
    let told = groups(&found);
    let too_long = "name: Ensure this value has at most 20 characters (it has …).";
    assert_eq!(told[0], ("shop.Partner", too_long, 9, None));
    assert!(told[1..].iter().all(|group| group.3.is_some_and(|(model, _)| model == "shop.Partner")), "{told:?}");
    assert_eq!(told[1..].iter().map(|group| group.2).sum::<u64>(), 32);
    let row = &found["groups"][0]["rows"][0];
    assert_eq!((&row["pk"], &row["file"], &row["line"]), (&json!("1"), &json!("shop_partner.py"), &json!(4)));
    assert_eq!(row["fields"]["name"], json!("Bäckerei Ausdemwald 0"));
    assert_eq!((shop.contents(), self::packages(&shop.dir)), (contents, packages));

    // What was brought is kept.
    let second = rehearse(&shop, None, &[]);
    let stderr = String::from_utf8(second.stderr).unwrap();
    let again = "The new version was brought before, and is taken again. To bring it anew: --fresh.\n";
    assert!(stderr.starts_with(again) && !stderr.contains("Copying"), "{stderr}");
    let text = String::from_utf8(second.stdout).unwrap();
    let expected = "Rehearsed with version 2.0 on Lino 26.10.8, Django 5.2.19.\n\nshop.Partner: 9 rows\n  name: Ensure this \
                    value has at most 20 characters (it has …).\n  shop_partner.py: 1 (line 4), 10 (line 13), ";
    assert!(text.starts_with(expected), "{text}");
    assert!(text.contains("\n  32 rows follow: 9 of shop.Person, 23 of shop.Sale\n"), "{text}");
    assert!(text.contains("\n1 cause, 9 rows refused, 32 rows that follow.\nThe log is "), "{text}");
}

fn packages(dir: &Path) -> Vec<String> {
    let mut found: Vec<String> = std::fs::read_dir(dir.join("env/lib/python3.11/site-packages"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    found
}

#[test]
fn all_failures_are_found_in_one_pass_also_those_that_stop_a_restore() {
    let shop = Shop::build_new_on("sqlite");
    dump(&shop);
    let python = shop.dir.join("env/bin/python");
    let python = python.to_str().unwrap();
    // For each change: how a restore would end, and each cause with its rows and how many rows follow.
    let cases: [(&str, &str, &[Cause], u64); 8] = [
        ("", "loaded", &[], 0),
        // Without the fields that are gone the rows are loaded, so that nothing follows from them.
        ("drop_email", "crashed", &[("shop.Partner", "Partner() got unexpected keyword arguments: 'email'", 80)], 0),
        (
            "category_gone",
            "crashed",
            &[
                ("shop.Product", "Product() got unexpected keyword arguments: 'category_id'", 20),
                ("shop_category", "'UnresolvedModel' object is not callable", 3),
            ],
            0,
        ),
        ("new_required", "abandoned", &[("shop.Partner", "vat_id: This field cannot be blank.", 80)], 227),
        (
            "no_registered",
            "abandoned",
            &[(
                "shop.Sale",
                "Unresolved value '20' (<class 'str'>) for shop.States (set Site.strict_choicelist_values to False to \
                 ignore this)",
                67,
            )],
            0,
        ),
        ("strict_code", "crashed", &[("shop.Setting", "There is no setting3 any more.", 1)], 0),
        // Rows without a field that is gone, nine of which are refused besides: they are told twice.
        (
            "drop_email,short_name",
            "crashed",
            &[
                ("shop.Partner", "Partner() got unexpected keyword arguments: 'email'", 80),
                ("shop.Partner", "name: Ensure this value has at most 20 characters (it has …).", 9),
            ],
            32,
        ),
        // Two reasons at once.
        (
            "strict_code,no_registered",
            "crashed",
            &[
                (
                    "shop.Sale",
                    "Unresolved value '20' (<class 'str'>) for shop.States (set Site.strict_choicelist_values to False \
                     to ignore this)",
                    67,
                ),
                ("shop.Setting", "There is no setting3 any more.", 1),
            ],
            0,
        ),
    ];
    for (schema, outcome, causes, follow) in cases {
        let output = rehearse(&shop, Some(schema), &["--json", "--python", python]);
        let found = said(&output);
        assert_eq!((output.status.code(), &found["outcome"]), (Some(i32::from(outcome != "loaded")), &json!(outcome)));
        let told = groups(&found);
        let of_their_own: Vec<(&str, &str, u64)> =
            told.iter().filter(|group| group.3.is_none()).map(|group| (group.0, group.1, group.2)).collect();
        assert_eq!(of_their_own, causes, "{schema}");
        let following: u64 = told.iter().filter(|group| group.3.is_some()).map(|group| group.2).sum();
        assert_eq!(following, follow, "{schema}");
        let twice = if schema == "drop_email,short_name" { 9 } else { 0 };
        let refused = causes.iter().map(|cause| cause.2).sum::<u64>() + following - twice;
        assert_eq!((&found["unsaved"], &found["loaded"]), (&json!(refused), &json!(406 - refused)), "{schema}");
    }
}

#[test]
fn a_broken_row_file_is_told_with_its_line_and_the_others_are_loaded() {
    let shop = Shop::build_new_on("sqlite");
    dump(&shop);
    let python = shop.dir.join("env/bin/python");
    let path = shop.dir.join("snapshot/shop_note.py");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("loader.save(", "loader.save((", 1)).unwrap();
    let output = rehearse(&shop, None, &["--python", python.to_str().unwrap()]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("\nshop_note.py:4: SyntaxError: '(' was never closed (shop_note.py, line 4)\n"), "{text}");
    assert!(text.contains("\n346 objects were loaded in "), "{text}");
}

#[test]
fn what_is_no_snapshot_is_told_before_anything_begins() {
    let shop = Shop::build_new_on("sqlite");
    let output = rehearse(&shop, None, &[]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    let snapshot = shop.dir.join("snapshot");
    assert!(stderr.contains(&format!("There is no snapshot {}.", snapshot.display())), "{stderr}");
    assert!(!shop.dir.join(".lino-upgrade/rehearsal").exists());
}

#[test]
fn what_is_decided_in_a_file_is_rehearsed_in_a_copy_and_changes_by_hand_are_kept() {
    let shop = Shop::build_new_on("sqlite");
    dump(&shop);
    let python = shop.dir.join("env/bin/python");
    let python = python.to_str().unwrap();
    let (file, snapshot) = (shop.dir.join("decisions.toml"), shop.dir.join("snapshot"));
    let name = file.to_str().unwrap();
    let original = std::fs::read(snapshot.join("restore.py")).unwrap();
    let schema = Some("short_name,strict_code");

    // First the rows to be decided are written into a file.
    let output = rehearse(&shop, schema, &["--python", python, "--write-decisions", name]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("\n2 causes, 10 rows refused, 32 rows that follow.\n"), "{text}");
    let written = std::fs::read_to_string(&file).unwrap();
    assert_eq!(written.matches("\nundecided = true").count(), 2, "{written}");

    assert!(written.contains("model = \"shop.Partner\"\nrows = [\"1\","), "{written}");

    // Where no row of a model can be made, the decision is for all of them, and what it means is said.
    let all = shop.dir.join("all.toml");
    let output = rehearse(&shop, Some("drop_email"), &["--python", python, "--write-decisions", all.to_str().unwrap()]);
    let text = String::from_utf8(output.stdout).unwrap();
    let meaning = "\n  The new version has no field email.\n  Copy it to the field that takes its place, or drop it.\n";
    assert!(text.contains(meaning), "{text}");
    let text = std::fs::read_to_string(&all).unwrap();
    assert!(text.contains("\nmodel = \"shop.Partner\"\nrows = \"all\"\ncount = 80\nbecause = \""), "{text}");

    // Then a person edits it.
    let decided = written.replacen("\nundecided = true", "\nset = { name = \"Short\" }", 1);
    let decided = decided.replacen("\nundecided = true", "\nleave_out = true", 1);
    std::fs::write(&file, decided).unwrap();
    let output = rehearse(&shop, schema, &["--python", python, "--decisions", name]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("\n405 objects were loaded in "), "{text}");
    assert!(text.ends_with("\nThe new version takes every row.\n"), "{text}");
    assert_eq!(std::fs::read(snapshot.join("restore.py")).unwrap(), original);

    // A change by hand survives another decision.
    let copy = snapshot.join("restore_decided.py");
    let mine = std::fs::read_to_string(&copy).unwrap();
    let by_hand = mine.replacen("def create_shop_note(", "# by hand\ndef create_shop_note(", 1);
    assert_ne!(mine, by_hand);
    std::fs::write(&copy, by_hand).unwrap();
    let more = std::fs::read_to_string(&file).unwrap()
        + "\n[[decision]]\nmodel = \"shop.Sale\"\nrows = [\"200\"]\nleave_out = true\n";
    std::fs::write(&file, more).unwrap();
    let output = rehearse(&shop, schema, &["--python", python, "--decisions", name, "--json"]);
    assert_eq!((output.status.code(), &said(&output)["loaded"]), (Some(0), &json!(404)));
    let both = std::fs::read_to_string(&copy).unwrap();
    assert!(both.contains("# by hand\ndef create_shop_note(") && both.contains("200"), "{both}");

    // A decision for a row that is not there is told with its place.
    let wrong = std::fs::read_to_string(&file).unwrap().replace("\"200\"", "\"2000\"");
    std::fs::write(&file, wrong).unwrap();
    let output = rehearse(&shop, schema, &["--python", python, "--decisions", name]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("decisions.toml has a mistake.") && stderr.contains("rows = [\"2000\"]"), "{stderr}");
    assert_eq!(std::fs::read_to_string(&copy).unwrap(), both);
}

const MIGRATOR: &str = "from lino.utils.dpy import Migrator as Base\n\n\
    class Migrator(Base):\n    def migrate_from_1_0(self, globals_dict):\n        def last(loader):\n\
    \x20           print('The handler runs.')\n        self.after_load(last)\n        return '2.0'\n";

#[test]
fn a_handler_of_the_migrator_runs_once_and_a_script_that_breaks_off_has_told_what_was_refused() {
    let shop = Shop::build_new_on("sqlite");
    dump(&shop);
    std::fs::write(shop.dir.join("migrate_by_us.py"), MIGRATOR).unwrap();
    let script = shop.dir.join("snapshot/restore.py");
    let text = std::fs::read_to_string(&script).unwrap();
    let old = text.replace("SOURCE_VERSION = '2.0'", "SOURCE_VERSION = '1.0'");
    assert_ne!(old, text);
    std::fs::write(&script, &old).unwrap();
    let python = shop.dir.join("env/bin/python");
    let rehearsed = || {
        let mut command = Command::new(PROGRAM);
        command.arg("--site").arg(&shop.dir).args(["rehearse", "--python"]).arg(&python);
        command.env("LC_ALL", "C.UTF-8").env("SCHEMA", "short_name").env("MIGR", "migrate_by_us.Migrator");
        let output = command.stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
        let log = std::fs::read_to_string(shop.dir.join(".lino-upgrade/rehearsal/rehearsal.log")).unwrap();
        (String::from_utf8(output.stdout).unwrap(), log.matches("The handler runs.").count())
    };
    let (text, handled) = rehearsed();
    assert_eq!(handled, 1, "{text}");
    assert!(text.contains("\n1 cause, 9 rows refused, 32 rows that follow.\n"), "{text}");

    std::fs::write(&script, old.replace("    loader.finalize()", "    raise Exception('Half way.')")).unwrap();
    let (text, handled) = rehearsed();
    assert_eq!(handled, 0, "{text}");
    assert!(text.contains("\nThe rehearsal could not go on: Exception: Half way.\n"), "{text}");
    assert!(text.contains("\n1 cause, 9 rows refused, 32 rows that follow.\n"), "{text}");
}
