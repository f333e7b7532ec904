//! Every change on scripts of every Lino, read again by Python and by our own reader.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::*;

const DUMPS: [&str; 18] = [
    "2014-12",
    "2015-01",
    "1.7.0",
    "1.7.5",
    "17.10",
    "17.12",
    "18.1",
    "18.1-args",
    "18.2",
    "18.3",
    "18.4",
    "18.8.0",
    "18.12",
    "20.12.1",
    "23.9.1",
    "24.6.1",
    "25.8.0",
    "26.10.8",
];

fn script(dump: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/dumps").join(dump).join("restore.py");
    std::fs::read_to_string(path).unwrap()
}

fn these(key: &str, literals: &[&str]) -> Rows {
    Rows::These { key: key.into(), literals: literals.iter().map(|literal| (*literal).to_owned()).collect() }
}

fn change(table: &str, rows: Rows, what: What, note: &str) -> Change {
    Change { table: table.into(), rows, what, note: note.into() }
}

fn assign(values: &[(&str, &str)]) -> What {
    What::Assign(values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

fn copy(from: &str, to: &str) -> What {
    What::Copy { from: from.into(), to: to.into() }
}

/// One change of each kind, on functions of each kind.
fn all_kinds() -> Vec<Change> {
    vec![
        change("contacts_partner", these("id", &["102", "101"]), assign(&[("remarks", "''")]), "remarks are emptied"),
        change("contacts_partner", these("id", &["103"]), What::LeaveOut, "the row is left out"),
        change("contacts_partner", these("id", &["100"]), assign(&[("country_id", "'BE'")]), "country points to BE"),
        change("contacts_partner", Rows::All, assign(&[("vat_id", "'-'")]), "vat_id is new"),
        change("contacts_partner", Rows::All, copy("name", "title"), "name is called title"),
        change(
            "countries_country",
            these("isocode", &["'EE'", "'O\\'B'"]),
            assign(&[("name", "['a', None, 'ü']")]),
            "x",
        ),
        change("countries_country", Rows::All, copy("name", "designation"), "name is called designation"),
        change("accounting_account", Rows::All, What::Drop("amount".into()), "amount is dropped"),
        change("accounting_account", Rows::All, What::Drop("common_account".into()), "common_account is dropped"),
        change("contacts_person", Rows::All, What::Drop("first_name".into()), "first_name is dropped"),
        change("contacts_person", Rows::All, copy("birth", "birth_date"), "birth is called birth_date"),
        change("contacts_person", these("partner_ptr_id", &["100"]), assign(&[("age", "7")]), "age is new"),
        change("memo_mention", these("id", &["1"]), assign(&[("owner_type_id", "contacts_Person")]), "another owner"),
        change("memo_empty", Rows::All, What::LeaveOut, "the model is left out"),
        change("cycle_left", Rows::All, What::Rename("cycle.First".into()), "cycle.Left is called cycle.First"),
    ]
}

/// Lets Python read texts; panics with what it says.
fn python_reads<'a>(texts: impl IntoIterator<Item = &'a str>) {
    let code = "import ast, json, sys\nfor text in json.load(sys.stdin):\n    ast.parse(text.encode('utf-8'))\n";
    let mut child = Command::new("python3").args(["-c", code]).stdin(Stdio::piped()).spawn().unwrap();
    let texts: Vec<&str> = texts.into_iter().collect();
    child.stdin.take().unwrap().write_all(serde_json::to_string(&texts).unwrap().as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

/// Runs the create functions of a script with models and helpers that only note what they get.
fn python_creates(text: &str, calls: &[&str]) -> Vec<String> {
    let code = r#"
import json, sys, ast
from decimal import Decimal
from datetime import date
text, calls = json.load(sys.stdin)
class Noted:
    def __init__(self, name): self.name = name
    def __call__(self, *args, **kw): return (self.name,) + tuple(a.name if isinstance(a, Noted) else a for a in args) + (kw,)
class Anything:
    def __getattr__(self, name): return self
    def __call__(self, value): return value
space = dict(Decimal=Decimal, date=date, bv2kw=lambda n, v: {n: v}, new_content_type_id=lambda m: m.name,
    create_mti_child=Noted("child"), resolve_model=Noted, settings=Anything())
tree = ast.parse(text)
def wanted(node):
    if isinstance(node, ast.FunctionDef):
        return node.name.startswith("create_")
    return isinstance(node, ast.Assign) and ("_" in getattr(node.targets[0], "id", "")) and node.targets[0].id != "SOURCE_VERSION"
tree.body = [n for n in tree.body if wanted(n)]
for n in tree.body:
    if isinstance(n, ast.Assign) and isinstance(n.value, ast.Call): n.value.args[:] = n.value.args[:1]
exec(compile(tree, "restore", "exec"), space)
space = dict(space)
for name in list(space):
    if isinstance(space[name], tuple): space[name] = Noted(space[name][0])
print(json.dumps([repr(eval(call, space)) for call in calls]))
"#;
    let mut child =
        Command::new("python3").args(["-c", code]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let given = serde_json::to_string(&(text, calls)).unwrap();
    child.stdin.take().unwrap().write_all(given.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn without_changes_a_script_stays_as_it_is() {
    for dump in DUMPS {
        let text = script(dump);
        assert_eq!(edit(&text, &[]), Edited { text, places: Vec::new(), refused: Vec::new() });
    }
}

#[test]
fn a_script_of_today_is_edited_as_by_hand() {
    let old = script("26.10.8");
    let edited = edit(&old, &all_kinds());
    assert_eq!(edited.refused, []);
    let diff = similar::TextDiff::from_lines(&old, &edited.text);
    insta::assert_snapshot!(diff.unified_diff().context_radius(1).to_string());
}

#[test]
fn a_script_of_2015_is_edited_as_by_hand() {
    let old = script("1.7.0");
    let edited = edit(&old, &all_kinds());
    assert_eq!(edited.refused, []);
    let diff = similar::TextDiff::from_lines(&old, &edited.text);
    insta::assert_snapshot!(diff.unified_diff().context_radius(1).to_string());
}

#[test]
fn edited_scripts_of_all_versions_are_python_and_still_dump_scripts() {
    let mut texts = Vec::new();
    for dump in DUMPS {
        let old = script(dump);
        let edited = edit(&old, &all_kinds());
        assert_eq!(edited.refused, [], "{dump}");
        let (before, after) = (Script::read(&old), Script::read(&edited.text));
        assert_eq!((after.problems, after.cut_off), (before.problems, before.cut_off), "{dump}");
        let names =
            |script: &Script| script.functions.iter().map(|function| function.table.clone()).collect::<Vec<_>>();
        assert_eq!(names(&Script::read(&edited.text)), names(&Script::read(&old)), "{dump}");
        let left_out: Vec<_> = after.loads.iter().filter(|load| load.skipped).map(|load| load.table.as_str()).collect();
        assert_eq!(left_out, ["memo_empty"], "{dump}");
        assert!(edited.places.iter().all(|places| !places.is_empty()), "{dump}: {:?}", edited.places);
        texts.push(edited.text);
    }
    python_reads(texts.iter().map(String::as_str));
}

#[test]
fn rows_are_created_as_decided() {
    let calls = [
        "create_contacts_partner(101, 'A', None, 'x')",
        "create_contacts_partner(100, 'B', None, 'x')",
        "create_contacts_partner(103, 'C', None, 'x')",
        "create_countries_country('O\\'B', ['Belgium', None, None])",
        "create_countries_country('BE', ['Belgium', None, None])",
        "create_accounting_account(1, '4000', '12.50', True, None)",
        "create_contacts_person(100, 'Luc', None)",
        "create_contacts_person(101, 'Luc', None)",
        "create_memo_mention(1, cycle_Left, 1, None, None, None)",
        "create_cycle_left(1, 2)",
    ];
    let expected = [
        "('contacts.Partner', {'id': 101, 'title': 'A', 'country_id': None, 'remarks': '', 'vat_id': '-'})",
        "('contacts.Partner', {'id': 100, 'title': 'B', 'country_id': 'BE', 'remarks': 'x', 'vat_id': '-'})",
        "None",
        "('countries.Country', {'isocode': \"O'B\", 'designation': ['a', None, 'ü']})",
        "('countries.Country', {'isocode': 'BE', 'designation': ['Belgium', None, None]})",
        "('accounting.Account', {'id': 1, 'flag': True, 'data': None})",
        "('child', 'contacts.Partner', 100, 'contacts.Person', {'birth_date': None, 'age': 7})",
        "('child', 'contacts.Partner', 101, 'contacts.Person', {'birth_date': None})",
        "('memo.Mention', {'id': 1, 'owner_type_id': 'contacts.Person', 'owner_id': 1, 'seen': None, 'at': None, 'spent': None})",
        "('cycle.First', {'id': 1, 'right_id': 2})",
    ];
    for dump in ["2014-12", "1.7.0", "17.10", "20.12.1", "26.10.8"] {
        assert_eq!(python_creates(&edit(&script(dump), &all_kinds()).text, &calls), expected, "{dump}");
    }
}

#[test]
fn the_rest_of_the_script_stays_byte_for_byte() {
    for dump in ["1.7.0", "26.10.8"] {
        for (old, end) in [(script(dump), "\n"), (script(dump).replace('\n', "\r\n"), "\r\n")] {
            let edited = edit(&old, &all_kinds());
            assert_eq!(edited.text.matches('\n').count(), edited.text.matches(end).count());
            // Without the lines of the changes, what is left are lines of the original, in their order.
            let inserted: Vec<Lines> = edited.places.iter().flatten().copied().collect();
            let mut rest = old.split_inclusive('\n');
            let kept = (1_u32..)
                .zip(edited.text.split_inclusive('\n'))
                .filter(|(number, _)| !inserted.iter().any(|lines| lines.contains(*number)));
            for (number, line) in kept {
                assert!(rest.any(|old| old == line), "line {number}: {line}");
            }
        }
    }
}

#[test]
fn many_keys_become_a_set_that_is_written_once() {
    let keys: Vec<String> = (0..3000).map(|number| (number * 7).to_string()).collect();
    let rows = || Rows::These { key: "id".into(), literals: keys.clone() };
    let changes = [
        change("contacts_partner", rows(), assign(&[("remarks", "None")]), "a"),
        change("contacts_partner", rows(), assign(&[("name", "'x'")]), "b"),
        change("contacts_partner", these("id", &["1", "2"]), What::LeaveOut, "c"),
    ];
    let edited = edit(&script("26.10.8"), &changes);
    assert_eq!(edited.text.matches("ROWS_OF_CONTACTS_PARTNER = {  # lino-upgrade: 3000 rows\n").count(), 1);
    assert_eq!(edited.text.matches("    if id in ROWS_OF_CONTACTS_PARTNER:\n").count(), 2);
    assert!(edited.text.lines().all(|line| line.len() <= 120));
    python_reads([edited.text.as_str()]);
    let calls = ["create_contacts_partner(7, 'A', None, 'x')", "create_contacts_partner(8, 'A', None, 'x')"];
    let expected = [
        "('contacts.Partner', {'id': 7, 'name': 'x', 'country_id': None, 'remarks': None})",
        "('contacts.Partner', {'id': 8, 'name': 'A', 'country_id': None, 'remarks': 'x'})",
    ];
    assert_eq!(python_creates(&edited.text, &calls), expected);
}

#[test]
fn what_cannot_be_done_is_refused_with_a_sentence_and_changes_nothing() {
    let text = script("26.10.8");
    let cases = [
        (change("gone", Rows::All, What::Drop("x".into()), ""), "The dump script has no function create_gone."),
        (change("gone", Rows::All, What::LeaveOut, ""), "The dump script loads no row file of gone."),
        (
            change("contacts_partner", Rows::All, What::Drop("x".into()), ""),
            "create_contacts_partner has no parameter x.",
        ),
        (
            change("contacts_person", Rows::All, What::Drop("partner_ptr_id".into()), ""),
            "partner_ptr_id is the key of the rows; it cannot be changed here.",
        ),
        (
            change("contacts_partner", these("id", &["1"]), assign(&[("id", "2")]), ""),
            "id is the key of the rows; it cannot be changed here.",
        ),
        (
            change("contacts_partner", Rows::All, copy("name", "remarks"), ""),
            "remarks is a field of its own, which has values.",
        ),
        (
            change("contacts_partner", these("id", &["1); evil("]), What::LeaveOut, ""),
            "“1); evil(” is no value that a row can have.",
        ),
        (
            change("contacts_partner", Rows::All, copy("name", "x=1) or y"), ""),
            "“x=1) or y” cannot be the name of a field.",
        ),
        (change("contacts_partner", Rows::All, What::Rename("x".into()), ""), "“x” is no name of a model."),
    ];
    for (change, sentence) in cases {
        let edited = edit(&text, std::slice::from_ref(&change));
        assert_eq!(edited.refused, [(0, sentence.to_owned())]);
        assert_eq!(edited.text, text, "{sentence}");
    }
}

#[test]
fn a_parameter_may_be_called_like_what_makes_its_value() {
    let text = script("26.10.8").replace("remarks", "date");
    let values = assign(&[("date", "date(2020,2,29)"), ("name", "time(23,30,0)")]);
    let edited = edit(&text, &[change("contacts_partner", Rows::All, values, "")]);
    assert!(edited.text.contains("    date = dt(2020,2,29).date()\n    name = time(23,30,0)\n"), "{}", edited.text);
    let text = text.replace("country_id", "time").replace("isocode", "dt");
    let values = assign(&[("date", "time(23,30,0)")]);
    let edited = edit(&text, &[change("contacts_partner", Rows::All, values.clone(), "")]);
    assert!(edited.text.contains("    date = dt(2000,1,1,23,30,0).time()\n"));
    let text = text.replace("create_contacts_partner(id, name", "create_contacts_partner(id, dt");
    let edited = edit(&text, &[change("contacts_partner", Rows::All, values, "")]);
    assert_eq!(edited.refused, [(0, "A parameter of create_contacts_partner is called dt.".to_owned())]);
}

#[test]
fn functions_that_a_hand_has_changed_are_edited_too() {
    let text = script("26.10.8").replace(
        "def create_contacts_partner(id, name, country_id, remarks):\n    kw = dict()\n",
        "def create_contacts_partner(id, name,\n        country_id, remarks):\n    \"\"\"Known\n    partners.\"\"\"\n\
         \x20   # Nobody knows why.\n    if name is None:\n        return None\n    kw = dict()\n",
    );
    let edited = edit(&text, &all_kinds());
    assert_eq!(edited.refused, []);
    python_reads([edited.text.as_str()]);
    let calls = ["create_contacts_partner(101, 'A', None, 'x')", "create_contacts_partner(1, None, None, 'x')"];
    let expected =
        ["('contacts.Partner', {'id': 101, 'title': 'A', 'country_id': None, 'remarks': '', 'vat_id': '-'})", "None"];
    assert_eq!(python_creates(&edited.text, &calls), expected);
}

#[test]
fn a_note_cannot_leave_its_comment() {
    let note = "x\nimport os\rimport sys\u{2028}\u{0}'''\\";
    let mut texts = Vec::new();
    for mut change in all_kinds() {
        change.note = note.into();
        texts.push(edit(&script("26.10.8"), &[change]).text);
    }
    python_reads(texts.iter().map(String::as_str));
    assert!(texts.iter().all(|text| !text.contains("\nimport sys") && text.matches("\nimport os\n").count() == 1));
}

#[test]
fn the_migrator_does_the_same() {
    let asked = [Asked { table: "cycle_right".into(), text: "What becomes of it?".into() }];
    let text = migrator(&script("26.10.8"), &all_kinds(), &asked, "26.10.8").unwrap();
    python_reads([text.as_str()]);
    insta::assert_snapshot!(text);
}

#[test]
fn a_hand_edit_survives_a_new_snapshot() {
    let changes = all_kinds();
    let old = script("26.10.8");
    let base = edit(&old, &changes).text;
    let by_hand = "    # Ours.\n    remarks = remarks.strip()\n";
    let mine = base
        .replace("def create_memo_empty(id):\n", "def create_memo_empty(id):\n    id = id + 1000\n")
        .replace("    kw.update(remarks=remarks)\n", &format!("{by_hand}    kw.update(remarks=remarks)\n"));
    // The new snapshot has other parts and another version, and one more row is decided.
    let snapshot = old.replace("SOURCE_VERSION = '1.2.3'", "SOURCE_VERSION = '1.2.4'").replace(
        "    execfile(\"contacts_partner_3.py\", *args)\n",
        "    execfile(\"contacts_partner_3.py\", *args)\n    execfile(\"contacts_partner_4.py\", *args)\n",
    );
    let mut more = changes.clone();
    more[0].rows = these("id", &["101", "102", "105"]);
    let new = edit(&snapshot, &more).text;
    let merged = merge(&base, &mine, &new);
    assert_eq!(merged.conflicts, []);
    assert!(merged.text.contains(by_hand) && merged.text.contains("    id = id + 1000\n"));
    assert!(merged.text.contains("if id in (101, 102, 105):") && merged.text.contains("contacts_partner_4.py"));
    python_reads([merged.text.as_str()]);

    let mine =
        base.replace("    if id in (101, 102):\n        remarks = ''\n", "    if id > 100:\n        remarks = ''\n");
    let merged = merge(&base, &mine, &new);
    let [conflict] = merged.conflicts.as_slice() else { panic!("{:?}", merged.conflicts) };
    assert_eq!(
        (conflict.mine.text.as_str(), conflict.new.text.as_str()),
        ("    if id > 100:\n", "    if id in (101, 102, 105):\n")
    );
    let line = |text: &str, number: usize| text.lines().nth(number - 1).unwrap().to_owned() + "\n";
    assert_eq!(line(&mine, conflict.mine.first), conflict.mine.text);
    assert_eq!(line(&new, conflict.new.first), conflict.new.text);
}

/// Every function that the real and the made scripts have, with its first field dropped and its last set.
#[test]
fn every_function_of_real_scripts_can_be_edited() {
    let mut texts = Vec::new();
    for dump in DUMPS.iter().chain(&["noi-25.1.1"]) {
        let old = script(dump);
        let mut changes = Vec::new();
        for function in &Script::read(&old).functions {
            let key = &function.parameters[0].name;
            let others = function.parameters.iter().skip(1);
            for parameter in others.filter(|parameter| parameter.conversion != crate::dump::Conversion::ParentLink) {
                let rows = these(key, &["1", "2"]);
                changes.push(change(&function.table, rows, assign(&[(&parameter.name, "None")]), ""));
                let to = format!("{}_new", parameter.name);
                changes.push(change(&function.table, Rows::All, copy(&parameter.name, &to), ""));
            }
            changes.push(change(&function.table, Rows::All, assign(&[("quite_new", "1")]), ""));
        }
        let edited = edit(&old, &changes);
        assert_eq!(edited.refused, [], "{dump}");
        texts.push(edited.text);
    }
    python_reads(texts.iter().map(String::as_str));
}

#[test]
fn a_block_that_loses_its_only_statement_stays_a_block() {
    let text = script("26.10.8")
        .replace("    kw.update(remarks=remarks)\n", "    if remarks:\n        kw.update(remarks=remarks)\n")
        .replace("    kw.update(name=name)\n", "    if name:\n        kw.update(name=name)\n")
        .replace("memo_Empty = resolve_model(", "if True:\n    memo_Empty = resolve_model(\n        ")
        .replace(
            "execfile(\"memo_empty.py\", *args)\n",
            "if True:\n        execfile(\"memo_empty.py\",\n            *args)\n",
        );
    let changes = [
        change("contacts_partner", Rows::All, What::Drop("remarks".into()), "a"),
        change("contacts_partner", Rows::All, copy("name", "title"), "b"),
        change("memo_empty", Rows::All, What::Rename("memo.Full".into()), "c"),
        change("memo_empty", Rows::All, What::LeaveOut, "d"),
    ];
    let edited = edit(&text, &changes);
    assert_eq!(edited.refused, []);
    python_reads([edited.text.as_str()]);
    for block in [
        "    if remarks:\n        # lino-upgrade: a\n        # kw.update(remarks=remarks)\n        pass\n",
        "    if name:\n        # lino-upgrade: b\n        # kw.update(name=name)\n        kw.update(title=name)\n",
        "if True:\n    # lino-upgrade: c\n    # memo_Empty = resolve_model(\n        # \"memo.Empty\")\n    memo_Empty = \
         resolve_model(\"memo.Full\")\n",
        "    if True:\n        # lino-upgrade: d\n        # execfile(\"memo_empty.py\",\n            # *args)\n        pass\n",
    ] {
        assert!(edited.text.contains(block), "{block}\n{}", edited.text);
    }
}
