//! Every kind of failure, provoked for real on four releases of Lino: what the log of the restore comes to in `triage`.
//!
//! What can stand together is one restore; what makes Lino stop has one of its own. Beside what is expected by hand, the
//! database is asked: a row that is told must be missing there, or lack what it points to, and no other row may.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::shop::{PROGRAM, Shop};

/// A release: the environment of `make_site`, whether a restore ends with status 1 when it gave up rows, whether rows of
/// a circle are lost, and what Django says of a row that is not there.
struct Release {
    environment: &'static str,
    strict: bool,
    missing: &'static str,
}

const NEWEST: Release = Release { environment: "new", strict: true, missing: "is not a valid choice." };
const LINO_25_8: Release = Release { environment: "lino25_8", strict: true, missing: "is not a valid choice." };
const LINO_25_1: Release = Release { environment: "old", strict: false, missing: "is not a valid choice." };
const LINO_22: Release = Release { environment: "lino22", strict: false, missing: "does not exist." };

/// A change of the snapshot before it is restored.
enum Edit {
    /// In a file, in the line with this text, another text becomes a third.
    Change(&'static str, &'static str, &'static str, &'static str),
    /// From a file, lines that begin so.
    Remove(&'static str, &'static str),
    /// Adds sales with these keys that point to a product which is not there.
    Sales(std::ops::Range<u32>),
    /// A file.
    Delete(&'static str),
}

use Edit::{Change, Delete, Remove, Sales};

fn edit(dir: &Path, edits: &[Edit]) {
    let change = |file: &str, change: &dyn Fn(&str) -> String| {
        let path = dir.join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        let changed = change(&text);
        assert!(text != changed, "{file}");
        std::fs::write(path, changed).unwrap();
    };
    for edit in edits {
        match edit {
            Change(file, line, old, new) => change(file, &|text| {
                let lines = text
                    .lines()
                    .map(|found| if found.contains(line) { found.replacen(old, new, 1) } else { found.to_owned() });
                lines.map(|line| line + "\n").collect()
            }),
            Remove(file, start) => change(file, &|text| {
                let rest = text.lines().filter(|line| !line.starts_with(start));
                rest.flat_map(|line| [line, "\n"]).collect()
            }),
            Sales(keys) => change("shop_sale.py", &|text| {
                let first =
                    text.lines().find(|line| line.starts_with("loader.save(create_shop_sale(2,2,2,2,")).unwrap();
                let more: Vec<String> =
                    keys.clone().map(|key| first.replace("(2,2,2,2,", &format!("({key},2,2,999,")) + "\n").collect();
                text.replace(
                    "\nloader.flush_deferred_objects()",
                    &format!("{}\nloader.flush_deferred_objects()", more.concat()),
                )
            }),
            Delete(file) => std::fs::remove_file(dir.join(file)).unwrap(),
        }
    }
}

struct Restored {
    shop: Shop,
    snapshot: std::path::PathBuf,
    said: Value,
    text: String,
    log: String,
    code: Option<i32>,
}

/// A site of the release with its snapshot.
fn site(release: &Release) -> Shop {
    let shop = Shop::on_release(release.environment);
    let mut command = manage(&shop, "");
    assert!(command.args(["dump2py", "whole"]).output().unwrap().status.success());
    shop
}

fn manage(shop: &Shop, schema: &str) -> Command {
    let mut command = Command::new(shop.dir.join("env/bin/python"));
    command.arg("manage.py").current_dir(&shop.dir).env("LC_ALL", "C.UTF-8").env("SCHEMA", schema);
    command.stdin(Stdio::null());
    command
}

/// Restores the edited snapshot by Lino itself and triages what it printed.
fn restore(shop: Shop, schema: &str, edits: &[Edit]) -> Restored {
    let snapshot = shop.dir.join("snapshot");
    let _ = std::fs::remove_dir_all(&snapshot);
    std::fs::create_dir(&snapshot).unwrap();
    for entry in std::fs::read_dir(shop.dir.join("whole")).unwrap().map(Result::unwrap).filter(|e| e.path().is_file()) {
        std::fs::copy(entry.path(), snapshot.join(entry.file_name())).unwrap();
    }
    edit(&snapshot, edits);
    let log = shop.dir.join("restore.log");
    // One pipe for both channels, as in a shell.
    let file = std::fs::File::create(&log).unwrap();
    let mut command = manage(&shop, schema);
    command.args(["run", "snapshot/restore.py", "--noinput"]).env("PYTHONUNBUFFERED", "1");
    let status = command.stdout(file.try_clone().unwrap()).stderr(file).status().unwrap();
    let triage = |options: &[&str]| {
        let mut command = Command::new(PROGRAM);
        command.arg("triage").arg(&log).arg("--snapshot").arg(&snapshot).args(options).env("LC_ALL", "C.UTF-8");
        let output = command.stdin(Stdio::null()).output().unwrap();
        assert!(output.status.code() != Some(2), "{}", String::from_utf8_lossy(&output.stderr));
        output
    };
    let said = serde_json::from_slice(&triage(&["--json"]).stdout).unwrap();
    let code = status.code().unwrap();
    let knowing: Value = serde_json::from_slice(&triage(&["--json", "--exit", &code.to_string()]).stdout).unwrap();
    assert_eq!(said, knowing, "the exit status tells nothing that the log does not");
    let text = String::from_utf8(triage(&[]).stdout).unwrap();
    let log = String::from_utf8_lossy(&std::fs::read(&log).unwrap()).into_owned();
    Restored { shop, snapshot, said, text, log, code: status.code() }
}

/// Of each group: model, message, what it follows from, and its keys.
fn groups(said: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let group = |group: &Value| {
        let keys: Vec<String> = group["rows"].as_array().unwrap().iter().map(|row| text(&row["pk"])).collect();
        assert_eq!(group["count"], keys.len());
        let cause = &group["cause"];
        if cause.is_null() {
            format!("{}: {} [{}]", text(&group["model"]), text(&group["message"]), keys.join(" "))
        } else {
            let (model, key) = (text(&cause["model"]), text(&cause["pk"]));
            format!("  {} [{}] after {model} {key}", text(&group["model"]), keys.join(" "))
        }
    };
    said["groups"].as_array().unwrap().iter().map(group).collect()
}

/// Rows by table and key.
type Rows = BTreeSet<(String, String)>;

/// All rows that are told.
fn told(said: &Value) -> Rows {
    let groups = said["groups"].as_array().unwrap().iter();
    let rows = groups.flat_map(|group| group["rows"].as_array().unwrap().iter().map(move |row| (group, row)));
    rows.map(|(group, row)| {
        let table = group["model"].as_str().unwrap().replace('.', "_").to_lowercase();
        (table, row["pk"].as_str().unwrap().to_owned())
    })
    .collect()
}

/// Rows of the snapshot that the database does not have, and those that have lost what they pointed to.
fn lost(restored: &Restored) -> (Rows, Rows) {
    let (mut gone, mut emptied) = (BTreeSet::new(), BTreeSet::new());
    for (table, key, points) in [
        ("shop_partner", "id", Some("country_id")),
        ("shop_person", "partner_ptr_id", None),
        ("shop_product", "id", None),
        ("shop_sale", "id", None),
        ("shop_author", "id", None),
        ("shop_book", "id", None),
        ("shop_setting", "id", None),
    ] {
        let columns = points.map_or_else(|| key.to_owned(), |points| format!("{key}, {points}"));
        let text = restored.shop.query(&format!(
            "cursor.execute('select {columns} from {table}')\nfor row in cursor.fetchall(): print(*row)\n"
        ));
        let stored: BTreeMap<&str, Option<&str>> = text
            .lines()
            .map(|line| line.split_once(' ').map_or((line, None), |(key, points)| (key, Some(points))))
            .collect();
        let rows = std::fs::read_to_string(restored.snapshot.join(format!("{table}.py"))).unwrap();
        for row in rows.lines().filter_map(|line| line.strip_prefix(&format!("loader.save(create_{table}("))) {
            let (key, rest) = row.split_once(',').unwrap();
            let place = (table.to_owned(), key.to_owned());
            match stored.get(key) {
                None => drop(gone.insert(place)),
                Some(Some("None")) if !rest.contains(",None") => drop(emptied.insert(place)),
                Some(_) => {}
            }
        }
    }
    (gone, emptied)
}

const LONG: &str =
    "'A name that is longer than eighty letters, which is what the field takes, and not one letter more.'";

/// Everything that can stand together, with the switches `email_field` and `sale_unique`.
const TOGETHER: [Edit; 10] = [
    // A partner may be without country; a sale needs its product.
    Change("shop_partner.py", "shop_partner(3,", "'CI'", "'XX'"),
    Remove("shop_product.py", "loader.save(create_shop_product(3,"),
    // The parent of person 4 is gone.
    Remove("shop_partner.py", "loader.save(create_shop_partner(4,"),
    Change("shop_partner.py", "shop_partner(2,", "'p1@example.com'", "'p1 at example'"),
    // A partner who is a person.
    Change("shop_partner.py", "shop_partner(10,", "'Bäckerei Ausdemwald 9'", LONG),
    // Two reasons at once.
    Change("shop_partner.py", "shop_partner(5,", "'Étoile filante 4'", LONG),
    Change("shop_partner.py", "shop_partner(5,", "'p4@example.com'", "'p4 at example'"),
    // Sale 81 is of partner 1 on the day of sale 1.
    Change("shop_sale.py", "shop_sale(81,", "date(2024,3,21)", "date(2024,1,1)"),
    Change("shop_sale.py", "shop_sale(86,", "'20',''", "'99',''"),
    Change("shop_sale.py", "shop_sale(87,", "(87,3,7,7,", "(87,3,7,999,"),
];

const SWITCHES: &str = "email_field,sale_unique";

/// What [`TOGETHER`] comes to: each cause with its rows, and below it those that follow.
fn expected(release: &Release) -> Vec<String> {
    let missing = release.missing;
    let mut all = vec![format!(
        "shop.Sale: product: Product instance with id … {missing} [3 23 43 63 83 87 103 123 143 163 183]"
    )];
    let too_long = "name: Ensure this value has at most 80 characters (it has 98).";
    let no_address = "email: Enter a valid email address.";
    all.extend([
        format!("shop.Partner: {too_long} [10]"),
        "  shop.Person [10] after shop.Partner 10".into(),
        "  shop.Sale [10 90 170] after shop.Partner 10".into(),
        format!("shop.Partner: {no_address} [2]"),
        "  shop.Sale [2 82 162] after shop.Partner 2".into(),
        format!("shop.Partner: {no_address} {too_long} [5]"),
        "  shop.Sale [5 85 165] after shop.Partner 5".into(),
    ]);
    if !release.strict {
        // Before 25.8 rows of a circle are always lost.
        all.extend([
            format!("shop.Author: favorite: Book instance with id … {missing} [1 2]"),
            "  shop.Book [1] after shop.Author 1".into(),
            "  shop.Book [2] after shop.Author 2".into(),
        ]);
    }
    all.extend([
        format!("shop.Sale: partner: Partner instance with id 4 {missing} [4 84 164]"),
        format!("shop.Partner: country: Country instance with isocode 'XX' {missing} [3]"),
        "shop.Person: FOREIGN KEY constraint failed [4]".into(),
        "shop.Sale: Sale with this Partner and Date already exists. [81]".into(),
        "shop.Sale: Unresolved value '99' (<class 'str'>) for shop.States (set Site.strict_choicelist_values to False to \
         ignore this) [86]"
            .into(),
    ]);
    all
}

/// Everything together, on one release: what is told, and what the database says of it.
fn together(release: &Release) -> Restored {
    let restored = restore(site(release), SWITCHES, &TOGETHER);
    assert_eq!(groups(&restored.said), expected(release));
    let (unsaved, loaded) = if release.strict { (31, Value::Null) } else { (35, Value::from(369)) };
    assert_eq!(restored.code, Some(i32::from(release.strict)));
    let said = &restored.said;
    assert_eq!((&said["outcome"], &said["unsaved"], &said["loaded"]), (&"abandoned".into(), &unsaved.into(), &loaded));
    assert_eq!((&said["fatal"], &said["notes"], &said["source"]), (&Value::Null, &Value::Array(vec![]), &"log".into()));
    let (gone, emptied) = lost(&restored);
    let without_country = BTreeSet::from([("shop_partner".to_owned(), "3".to_owned())]);
    // Since 25.8 a row that may be without what it points to is saved without it.
    assert_eq!(emptied, if release.strict { without_country } else { BTreeSet::new() });
    assert_eq!(told(said), gone.union(&emptied).cloned().collect());
    let place = &said["groups"][1]["rows"][0];
    assert_eq!((&place["file"], &place["line"]), (&"shop_partner.py".into(), &12.into()));
    assert_eq!(place["fields"]["email"], "");
    assert!(restored.text.lines().all(|line| line.chars().count() <= 80), "{}", restored.text);
    restored
}

#[test]
fn all_kinds_together_are_told_on_the_newest_lino_as_a_rehearsal_tells_them() {
    let restored = together(&NEWEST);
    let mut command = Command::new(PROGRAM);
    command.arg("--site").arg(&restored.shop.dir).args(["rehearse", "--json", "--python"]);
    command.arg(restored.shop.dir.join("env/bin/python")).env("SCHEMA", SWITCHES).env("LC_ALL", "C.UTF-8");
    let output = command.stdin(Stdio::null()).output().unwrap();
    let rehearsed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(groups(&rehearsed), groups(&restored.said));
    let rows = |said: &Value| -> Vec<Value> {
        said["groups"].as_array().unwrap().iter().flat_map(|group| group["rows"].as_array().unwrap().clone()).collect()
    };
    assert_eq!(rows(&rehearsed), rows(&restored.said));
    // Lino's own log file has no list of the rows that were given up. It names all of them but one of two persons
    // with the same message.
    let log = restored.shop.dir.join("log/lino.log");
    let mut command = Command::new(PROGRAM);
    command.arg("triage").arg(log).arg("--snapshot").arg(&restored.snapshot).arg("--json").env("LC_ALL", "C.UTF-8");
    let said: Value = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
    let note = "The log has no list of the rows that were given up. 31 rows waited at last; the log names 30 of them.";
    assert_eq!(
        (&said["outcome"], &said["unsaved"], &said["notes"][0]),
        (&"abandoned".into(), &31.into(), &note.into())
    );
    let but_one: Vec<String> =
        expected(&NEWEST).into_iter().filter(|group| !group.starts_with("  shop.Person")).collect();
    assert_eq!(groups(&said).into_iter().collect::<BTreeSet<_>>(), but_one.into_iter().collect());
}

#[test]
fn all_kinds_together_are_told_on_lino_25_1_which_ends_as_if_nothing_was_lost() {
    together(&LINO_25_1);
}

#[test]
#[ignore = "one of `tests/run --full`"]
fn matrix_of_logs_all_kinds_together_on_lino_25_8() {
    together(&LINO_25_8);
}

#[test]
#[ignore = "one of `tests/run --full`"]
fn matrix_of_logs_all_kinds_together_on_lino_22() {
    together(&LINO_22);
}

/// What makes Lino stop: switches, edits, the group that is told, and the exception with its row.
type Stop = (&'static str, &'static [Edit], &'static str, &'static str, Option<(&'static str, &'static str)>);

const STOPS: [Stop; 9] = [
    (
        "category_gone",
        &[],
        "shop_category: 'UnresolvedModel' object is not callable [1]",
        "TypeError",
        Some(("shop_category", "1")),
    ),
    (
        "drop_email",
        &[],
        "shop.Partner: Partner() got unexpected keyword arguments: 'email' [1]",
        "TypeError",
        Some(("shop.Partner", "1")),
    ),
    ("strict_code", &[], "shop.Setting: There is no setting3 any more. [4]", "Exception", Some(("shop.Setting", "4"))),
    (
        "setting_unique",
        &[Change("shop_setting.py", "(2,'setting1'", "'setting1'", "'setting0'")],
        "shop.Setting: name: Setting with this Name already exists. [2]",
        "Exception",
        Some(("shop.Setting", "2")),
    ),
    (
        "value_number",
        &[Change("shop_setting.py", "(3,'setting2'", "'14'", "'fourteen'")],
        "shop.Setting: value: “fourteen” value must be an integer. [3]",
        "Exception",
        Some(("shop.Setting", "3")),
    ),
    (
        "",
        &[Change("shop_setting.py", "(2,'setting1'", "(2,", "(1,")],
        "shop.Setting: id: Setting with this ID already exists. [1]",
        "Exception",
        Some(("shop.Setting", "1")),
    ),
    ("", &[Change("shop_note.py", "shop_note(1,", "loader.save(", "loader.save((")], "", "SyntaxError", None),
    ("", &[Delete("shop_note.py")], "", "FileNotFoundError", None),
    ("", &[Change("restore.py", "def main(", "def main(", "def main((")], "", "SyntaxError", None),
];

fn stops(release: &Release) {
    let mut shop = Some(site(release));
    for (switches, edits, group, exception, row) in STOPS {
        let restored = restore(shop.take().unwrap(), switches, edits);
        let said = &restored.said;
        let expected: Vec<String> = (!group.is_empty()).then(|| group.to_owned()).into_iter().collect();
        assert_eq!(groups(said), expected, "{switches} {exception}\n{}", restored.log);
        assert_eq!((restored.code, &said["outcome"]), (Some(1), &"crashed".into()), "{switches} {exception}");
        let fatal = &said["fatal"];
        let (model, key) = row.map_or((Value::Null, Value::Null), |(model, key)| (model.into(), key.into()));
        assert_eq!(
            (&fatal["exception"], &fatal["model"], &fatal["pk"]),
            (&exception.into(), &model, &key),
            "{switches}"
        );
        shop = Some(restored.shop);
    }
    // More rows wait than the loader allows; since 2026 each has a message of its own, and it allows all.
    let keys = if release.strict { 1000..5200 } else { 1000..2100 };
    let restored = restore(shop.take().unwrap(), "", &[Sales(keys.clone())]);
    let said = &restored.said;
    let group = &said["groups"][0];
    assert_eq!(group["message"], format!("product: Product instance with id 999 {}", release.missing));
    if release.environment == "new" {
        assert_eq!((&said["outcome"], &group["count"]), (&"abandoned".into(), &keys.len().into()));
    } else {
        assert_eq!((&said["outcome"], &said["fatal"]["exception"]), (&"crashed".into(), &"Exception".into()));
        // The first of them, and the one that was too many.
        let told: Vec<&str> = group["rows"].as_array().unwrap().iter().map(|row| row["pk"].as_str().unwrap()).collect();
        let limit = if release.strict { 5000 } else { 2000 };
        let last: u32 = told[1].parse().unwrap();
        assert!(told[0] == "1000" && told.len() == 2 && (limit..limit + 10).contains(&last), "{told:?}");
    }
    // A field that is new and required refuses all partners, and all that points to them.
    let restored = restore(restored.shop, "new_required", &[]);
    let causes: Vec<String> = groups(&restored.said).into_iter().filter(|group| !group.starts_with(' ')).collect();
    let all: Vec<String> = (1..=80).map(|key| key.to_string()).collect();
    assert_eq!(causes[0], format!("shop.Partner: vat_id: This field cannot be blank. [{}]", all.join(" ")));
    assert_eq!(
        (causes.len(), restored.said["unsaved"].as_u64()),
        if release.strict { (1, Some(307)) } else { (2, Some(311)) }
    );
}

#[test]
#[ignore = "one of `tests/run --full`"]
fn matrix_of_logs_what_makes_lino_stop_on_the_newest() {
    stops(&NEWEST);
}

#[test]
#[ignore = "one of `tests/run --full`"]
fn matrix_of_logs_what_makes_lino_stop_on_25_8() {
    stops(&LINO_25_8);
}

#[test]
#[ignore = "one of `tests/run --full`"]
fn matrix_of_logs_what_makes_lino_stop_on_25_1() {
    stops(&LINO_25_1);
}

#[test]
#[ignore = "one of `tests/run --full`"]
fn matrix_of_logs_what_makes_lino_stop_on_22() {
    stops(&LINO_22);
}
