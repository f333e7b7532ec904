//! The restore of a SQLite site by the script that does not wait for the disk: it does what the plain command line does.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::fs;
use std::process::{Command, Output, Stdio};

use lino_upgrade::site::{Surroundings, find, restore};
use serde_json::Value;

use crate::shop::{PROGRAM, Shop};

const PLAIN: &str = "python manage.py run snapshot/restore.py --noinput";

/// Runs a command line in the site's environment.
fn sh(shop: &Shop, line: &str, schema: &str) -> Output {
    let line = format!(". env/bin/activate && {line}");
    let mut command = Command::new("bash");
    command.args(["-c", &line]).current_dir(&shop.dir).env("LC_ALL", "C.UTF-8").env("SCHEMA", schema);
    command.stdin(Stdio::null()).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

fn fast(shop: &Shop) -> String {
    let site = find(Some(&shop.dir), &shop.dir, &Surroundings::of_this_process()).unwrap();
    restore::prepare(&site).unwrap();
    restore::line(&site, "sqlite", PLAIN).unwrap()
}

/// The lines of Lino's loader, without times.
fn loader(output: &Output) -> Vec<String> {
    let words = ["Loading ", "Loaded ", "Deferred ", "Abandoning ", "- shop", "Saved "];
    let said = said(output);
    said.lines().filter(|line| words.iter().any(|word| line.contains(word))).map(str::to_owned).collect()
}

#[test]
fn a_restore_that_does_not_wait_for_the_disk_loads_the_same_rows() {
    let shop = Shop::build_new_on("sqlite");
    assert!(sh(&shop, "python manage.py dump2py snapshot", "").status.success());
    let fast = fast(&shop);
    assert_eq!(fast, "python .lino-upgrade/python/restore.py manage.py run snapshot/restore.py --noinput");
    for (schema, succeeds) in [("", true), ("short_name", false)] {
        let mut loaded = Vec::new();
        for (line, dump) in [(PLAIN, "plain"), (fast.as_str(), "fast")] {
            let output = sh(&shop, line, schema);
            assert_eq!(output.status.success(), succeeds, "{}", said(&output));
            loaded.push(loader(&output));
            assert!(!shop.dir.join("default.db-journal").exists(), "{line}");
            let dumped = sh(&shop, &format!("python manage.py dump2py -o {dump}"), schema);
            assert!(dumped.status.success(), "{}", said(&dumped));
        }
        assert!(loaded[0].len() > 10 && loaded[0] == loaded[1], "{loaded:?}");
        let output = Command::new(PROGRAM)
            .args(["account", "--json", "plain", "fast"])
            .current_dir(&shop.dir)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        let sums = ["changed", "missing", "new"].map(|name| found[name].as_u64().unwrap());
        assert_eq!((output.status.code(), sums), (Some(0), [0; 3]), "{found}");
        let equal = found["equal"].as_u64().unwrap();
        assert_eq!(equal, if succeeds { 406 } else { 365 });
    }
}

#[test]
fn the_script_changes_the_connection_and_nothing_that_a_program_of_the_site_sees() {
    let shop = Shop::build_new_on("sqlite");
    let probe = "import sys, os, gc\nfrom django.db import connection\nfrom django.conf import settings\n\
        with connection.cursor() as cursor:\n    for name in ('synchronous', 'journal_mode', 'foreign_keys'):\n        \
        print(name, cursor.execute('PRAGMA ' + name).fetchone()[0])\n\
        print('seen', settings.DEBUG, sys.argv, sys.path[0], os.getcwd())\nprint('log', len(connection.queries))\n";
    fs::write(shop.dir.join("probe.py"), probe).unwrap();
    let line = fast(&shop).replace("snapshot/restore.py --noinput", "probe.py --noinput");
    let told = |line: &str| {
        let output = sh(&shop, line, "");
        assert!(output.status.success(), "{}", said(&output));
        let lines = ["synchronous ", "journal_mode ", "foreign_keys ", "seen ", "log "];
        let said = said(&output);
        let kept = |line: &&str| lines.iter().any(|word| line.starts_with(word));
        said.lines().filter(kept).map(str::to_owned).collect::<Vec<_>>()
    };
    let plain = told("python manage.py run probe.py --noinput");
    let fast = told(&line);
    assert_eq!(plain[..3], ["synchronous 2", "journal_mode delete", "foreign_keys 1"]);
    assert_eq!(fast[..3], ["synchronous 0", "journal_mode truncate", "foreign_keys 1"]);
    assert_eq!(plain[3], fast[3]);
    assert_eq!(fast[4], "log 0");
    // The next program finds the database as ever.
    assert_eq!(told("python manage.py run probe.py --noinput"), plain);
}

#[test]
fn a_target_that_was_removed_is_missed_although_it_was_found_before() {
    let shop = Shop::build_new_on("sqlite");
    let probe = r#"
from django.db import connection, transaction
from django.core.exceptions import ValidationError
from lino_shop.shop.models import Country, Partner

def told(what):
    try:
        Partner(name="x", country_id="ZZ").full_clean()
        print("told", what, "is there")
    except ValidationError as cause:
        print("told", what, cause.message_dict)

def sql(text):
    with connection.cursor() as cursor:
        cursor.execute(text)

told("before")
Country(isocode="ZZ", name="a").save()
told("made"), told("again")
Country.objects.filter(isocode="ZZ").update(name="b")
told("updated")
Country.objects.filter(isocode="ZZ").update(isocode="YY")
told("renamed")
Country.objects.filter(isocode="YY").update(isocode="ZZ")
told("back")
Country.objects.filter(isocode="ZZ").delete()
told("deleted")
Country(isocode="ZZ", name="a").save()
told("made")
Country.objects.get(isocode="ZZ").delete()
told("deleted one")
Country(isocode="ZZ", name="a").save()
told("made")
sql("delete from shop_country where isocode = 'ZZ'")
told("deleted by hand")
try:
    with transaction.atomic():
        Country(isocode="ZZ", name="a").save()
        told("made within")
        raise KeyError
except KeyError:
    told("taken back")
for value in (None, "", "BE"):
    try:
        Partner(name="x", country_id=value).full_clean()
        print("told", value, "taken")
    except ValidationError as cause:
        print("told", value, cause.message_dict)
"#;
    fs::write(shop.dir.join("probe.py"), probe).unwrap();
    let told = |line: &str| {
        let output = sh(&shop, line, "");
        assert!(output.status.success(), "{}", said(&output));
        said(&output).lines().filter(|line| line.starts_with("told ")).map(str::to_owned).collect::<Vec<_>>()
    };
    let plain = told("python manage.py run probe.py");
    let fast = told(&fast(&shop).replace("snapshot/restore.py --noinput", "probe.py"));
    assert_eq!(plain.iter().filter(|line| line.ends_with("is there")).count(), 7, "{plain:?}");
    assert_eq!(plain.len(), 16, "{plain:?}");
    assert_eq!(plain, fast);
}
