//! A retry loads only what the last rehearsal refused, and comes to the same end as a whole rehearsal.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lino_upgrade::site::rehearse::{self, places};
use lino_upgrade::site::{Site, Surroundings, find};
use lino_upgrade::triage::{Failure, Rehearsed};

use crate::shop::Shop;

const PARTNER: &str = "def create_shop_partner(id, name, country_id, email):\n";
const SETTING: &str = "def create_shop_setting(id, name, value):\n";
const SHORT: &str = "short_name,strict_code";

/// A site with a snapshot, whose new version has these changes of the models.
struct Subject {
    shop: Shop,
    site: Site,
    within: Vec<String>,
    original: String,
}

/// What a rehearsal said, without what may differ between two that come to the same end.
#[derive(Debug, PartialEq)]
struct Outcome {
    failures: Vec<Failure>,
    loaded: u64,
    broken: usize,
}

impl Subject {
    fn new(schema: &str) -> Self {
        let shop = Shop::build_new_on("sqlite");
        let mut command = Command::new(shop.dir.join("env/bin/python"));
        command.args(["manage.py", "dump2py", "snapshot"]).current_dir(&shop.dir).env("LC_ALL", "C.UTF-8");
        assert!(command.output().unwrap().status.success());
        let site = find(Some(&shop.dir), &shop.dir, &Surroundings::of_this_process()).unwrap();
        let original = fs::read_to_string(shop.dir.join("snapshot/restore.py")).unwrap();
        let within = vec!["env".to_owned(), "LC_ALL=C.UTF-8".to_owned(), format!("SCHEMA={schema}")];
        Self { shop, site, within, original }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.shop.dir.join("snapshot").join(name)
    }

    /// Replaces a text in a file of the snapshot.
    fn change(&self, name: &str, old: &str, new: &str) {
        let text = fs::read_to_string(self.file(name)).unwrap();
        assert!(text.contains(old), "{old} is not in {name}: {text}");
        fs::write(self.file(name), text.replacen(old, new, 1)).unwrap();
    }

    /// Writes the copy of the dump script with some lines more in create functions.
    fn decide(&self, lines: &[(&str, &str)]) -> PathBuf {
        let mut text = self.original.clone();
        for (head, more) in lines {
            assert!(text.contains(head), "{head} is not in {text}");
            text = text.replacen(head, &format!("{head}{more}"), 1);
        }
        let path = self.file("restore_decided.py");
        fs::write(&path, text).unwrap();
        path
    }

    fn run(&self, script: &Path, again: bool) -> Rehearsed {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let python = self.shop.dir.join("env/bin/python");
        let new = (self.within.as_slice(), python.as_path());
        let status = if again {
            runtime.block_on(rehearse::retry(&self.site, new, script, |_| ()))
        } else {
            runtime.block_on(rehearse::run(&self.site, new, script, |_| ()))
        };
        let log = fs::read_to_string(places(&self.site).log).unwrap();
        assert!(status.unwrap().success(), "{log}");
        let mut found = Rehearsed::default();
        for line in fs::read_to_string(places(&self.site).told).unwrap().lines() {
            found.take(line).unwrap();
        }
        assert!(found.ended.as_ref().unwrap().ended && found.stopped.is_none(), "{found:?}");
        found
    }

    /// Retries with a script, then rehearses it whole beside it and compares; returns what was read by the retry, and
    /// why it loaded everything.
    fn retry(&self, script: &Path) -> (u64, Option<String>) {
        let kept = places(&self.site).dir;
        let retried = self.run(script, true);
        // The next retry must find what this one left, and not what the comparison leaves.
        let aside = kept.with_file_name("aside");
        fs::rename(&kept, &aside).unwrap();
        let whole = self.run(script, false);
        fs::remove_dir_all(&kept).unwrap();
        fs::rename(&aside, &kept).unwrap();
        assert_eq!(outcome(&retried), outcome(&whole), "{:?}", retried.anew);
        let read = retried.ended.unwrap().tables.values().map(|(read, _)| read).sum();
        (read, retried.anew)
    }
}

fn outcome(of: &Rehearsed) -> Outcome {
    let ended = of.ended.as_ref().unwrap();
    let without = |failure: &Failure| Failure { traceback: None, ..failure.clone() };
    let failures = of.failures.iter().map(without).collect();
    Outcome { failures, loaded: ended.loaded + ended.kept, broken: of.broken.len() }
}

#[test]
fn only_what_was_refused_is_loaded_as_long_as_decisions_touch_nothing_else() {
    let subject = Subject::new(SHORT);
    let original = subject.file("restore.py");
    let first = subject.run(&original, false);
    assert_eq!((first.failures.len(), first.ended.unwrap().loaded), (42, 364));
    // Nothing was decided yet.
    assert_eq!(subject.retry(&original), (42, None));
    let four = subject.decide(&[(PARTNER, "    if id in (1, 10, 19, 28):\n        name = 'Short'\n")]);
    assert_eq!(subject.retry(&four), (42, None));
    let more = "    if id in (1, 10, 19, 28):\n        name = 'Short'\n    if id in (37, 46):\n        return None\n";
    let script = subject.decide(&[(PARTNER, more), (SETTING, "    if id == 4:\n        return None\n")]);
    assert_eq!(subject.retry(&script), (22, None));
    // What was loaded is looked at, too: partner 1 in the first line of its file.
    let anew = Some("A decision changes shop_partner.py:4, which was loaded.".to_owned());
    assert_eq!(subject.retry(&original), (406, anew));
    let anew = Some("A decision changes shop_setting.py:5, which was loaded.".to_owned());
    let script = subject.decide(&[(SETTING, "    if id == 2:\n        name = 'other'\n")]);
    assert_eq!(subject.retry(&script), (406, anew));
    let text = subject.original.replace("    execfile(\"shop_note.py\"", "    # execfile(\"shop_note.py\"");
    fs::write(&script, text).unwrap();
    let (read, anew) = subject.retry(&script);
    assert_eq!((read, anew.as_deref()), (346, Some("shop_note.py is not loaded any more, and rows of it were.")));
    subject.change("restore_decided.py", "SOURCE_VERSION = ", "print('x')\nSOURCE_VERSION = ");
    let (_, anew) = subject.retry(&script);
    assert_eq!(anew.as_deref(), Some("The dump script was changed in another way than by decisions."));
    let (_, anew) = subject.retry(&original);
    assert_eq!(anew.as_deref(), Some("shop_note.py is loaded now, and was not before."));
}

#[test]
fn what_a_refused_row_has_left_in_the_database_is_taken_back_first() {
    let subject = Subject::new(SHORT);
    // Newer versions of Lino save such a row without its country, and sales that point to it are loaded.
    subject.change("shop_partner.py", "(5,", "(5 ,");
    let text = fs::read_to_string(subject.file("shop_partner.py")).unwrap();
    let row = text.lines().find(|line| line.contains("(5 ,")).unwrap();
    let mut values: Vec<&str> = row.split(',').collect();
    values[2] = "'XX'";
    subject.change("shop_partner.py", row, &values.join(","));
    let original = subject.file("restore.py");
    assert_eq!(subject.run(&original, false).failures.len(), 43);
    let script = subject.decide(&[(PARTNER, "    if id == 5:\n        country_id = 'BE'\n")]);
    assert_eq!(subject.retry(&script), (43, None));
    assert_eq!(subject.run(&original, false).failures.len(), 43);
    let script = subject.decide(&[(PARTNER, "    if id == 5:\n        return None\n")]);
    let (read, anew) = subject.retry(&script);
    let expected = "Rows of shop_sale point to a row that is refused now in another way.";
    assert_eq!((read, anew.as_deref()), (406, Some(expected)));
}

#[test]
#[ignore = "takes a minute or two; tests/run --full asks for it"]
fn matrix_a_row_that_becomes_like_a_later_one_is_not_blamed_for_it() {
    let subject = Subject::new("setting_unique");
    subject.change("shop_setting.py", "'setting2'", "'setting1'");
    let original = subject.file("restore.py");
    assert_eq!(subject.run(&original, false).failures.len(), 1);
    let script = subject.decide(&[(SETTING, "    if id == 3:\n        name = 'setting4'\n")]);
    let (read, anew) = subject.retry(&script);
    assert_eq!((read, anew.as_deref()), (406, Some("shop_setting.py:6 may be like a row that is loaded later.")));
    let script = subject.decide(&[(SETTING, "    if id == 3:\n        name = 'other'\n")]);
    subject.run(&original, false);
    assert_eq!(subject.retry(&script), (1, None));
}

#[test]
#[ignore = "takes a minute or two; tests/run --full asks for it"]
fn matrix_another_snapshot_and_another_version_are_noticed() {
    let mut subject = Subject::new(SHORT);
    let original = subject.file("restore.py");
    let because = |subject: &Subject| subject.retry(&original).1.unwrap();
    assert_eq!(because(&subject), "No rehearsal came to its end before.");
    subject.change("shop_note.py", "\nloader.save(", "\n\nloader.save(");
    assert_eq!(because(&subject), "shop_note.py was changed since the last rehearsal.");
    subject.within.push("SCHEMA=short_name".to_owned());
    assert_eq!(because(&subject), "The new version or its settings were changed since the last rehearsal.");
    fs::write(places(&subject.site).dir.join("rehearsal.jsonl.sqlite3"), "").unwrap();
    assert_eq!(because(&subject), "The scratch database is not as the last rehearsal left it.");
    subject.change("shop_partner.py", "\nloader.save(", "\n_ = 0\nloader.save(");
    subject.run(&original, false);
    assert_eq!(because(&subject), "shop_partner.py was edited by hand in line 4.");
}

const MIGRATOR: &str = "from lino.utils.dpy import Migrator as Base, override\n\nclass Migrator(Base):\n    \
    def migrate_from_1_0(self, globals_dict):\n        from lino_shop.shop.models import Setting\n\n        \
    def last(loader):\n            Setting(name='handled').save()\n            \
    print('%d settings.' % Setting.objects.count())\n\n        self.after_load(last)\n        return '2.0'\n";

#[test]
#[ignore = "takes a minute or two; tests/run --full asks for it"]
fn matrix_handlers_of_a_migrator_run_once_on_what_was_loaded() {
    let mut subject = Subject::new(SHORT);
    fs::write(subject.shop.dir.join("migrate_by_us.py"), MIGRATOR).unwrap();
    subject.within.push("MIGR=migrate_by_us.Migrator".to_owned());
    subject.original = subject.original.replace("SOURCE_VERSION = '2.0'", "SOURCE_VERSION = '1.0'");
    let original = subject.file("restore.py");
    fs::write(&original, &subject.original).unwrap();
    let handled = || {
        let log = fs::read_to_string(places(&subject.site).log).unwrap();
        log.lines().filter(|line| line.ends_with(" settings.")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!((subject.run(&original, false).failures.len(), handled()), (42, vec!["5 settings.".to_owned()]));
    assert_eq!((subject.retry(&original), handled()), ((42, None), vec!["5 settings.".to_owned()]));
    let script = subject.decide(&[(SETTING, "    if id == 4:\n        name = 'other'\n")]);
    assert_eq!((subject.retry(&script), handled()), ((42, None), vec!["6 settings.".to_owned()]));
    assert_eq!((subject.retry(&script), handled()), ((41, None), vec!["6 settings.".to_owned()]));

    // A migrator that remembers rows must see them all.
    let remembers = MIGRATOR.replace("        def last(", "        seen = []\n\n        def last(");
    let remembers = remembers.replace("Setting(name='handled').save()", "seen.append(1)");
    fs::write(subject.shop.dir.join("migrate_by_us.py"), remembers).unwrap();
    subject.run(&script, false);
    let because = subject.retry(&script).1;
    assert_eq!(because.as_deref(), Some("The migrator may remember rows that were loaded."));
}

#[test]
fn texts_that_only_the_own_database_of_the_site_refuses_are_told() {
    let subject = Subject::new("short_first_name");
    let original = subject.file("restore.py");
    assert_eq!(subject.run(&original, false).failures.len(), 0);
    let settings = subject.shop.dir.join("settings.py");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, text + "\nDATABASES[\"default\"][\"ENGINE\"] = \"django.db.backends.postgresql\"\n").unwrap();
    let found = subject.run(&original, false);
    let first = &found.failures[0];
    assert_eq!((found.failures.len(), first.model.as_deref()), (27, Some("shop.Person")));
    assert_eq!(first.exception, "django.db.utils.DataError");
    let told: Vec<_> = first.messages.keys().map(String::as_str).collect();
    assert_eq!(told, ["first_name"]);
    assert!(first.messages["first_name"][0].starts_with("The database takes at most 2 characters (it has "));
}
