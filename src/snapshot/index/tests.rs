//! Tests of the index on small directories.

use std::fs;

use assert_fs::TempDir;

use super::*;
use crate::compare::Model;
use crate::dump::Rows;
use crate::snapshot::script::read_script;
use crate::triage::{FieldValue, Target, Wanted};

const SCRIPT: &str = r#"# -*- coding: UTF-8 -*-
# This is a Python dump created using dump2py.
SOURCE_VERSION = '1.0'
def bv2kw(fieldname, values):
    return settings.SITE.babelkw(fieldname, en=values[0],de=values[1])
a_Country = resolve_model("a.Country")
a_Note = resolve_model("a.Note")
a_Partner = resolve_model("a.Partner")
a_Person = resolve_model("a.Person")
def create_a_country(isocode, name):
    kw = dict()
    kw.update(isocode=isocode)
    if name is not None: kw.update(bv2kw('name',name))
    return a_Country(**kw)

def create_a_partner(id, name, country_id, born):
    kw = dict()
    kw.update(id=id)
    kw.update(name=name)
    kw.update(country_id=country_id)
    kw.update(born=born)
    return a_Partner(**kw)

def create_a_person(partner_ptr_id, title):
    kw = dict()
    kw.update(title=title)
    return create_mti_child(a_Partner, partner_ptr_id, a_Person, **kw)

def create_a_note(id, owner_type_id, owner_id, person_id, text):
    owner_type_id = new_content_type_id(owner_type_id)
    kw = dict()
    kw.update(id=id)
    kw.update(owner_type_id=owner_type_id)
    kw.update(owner_id=owner_id)
    kw.update(person_id=person_id)
    kw.update(text=text)
    return a_Note(**kw)

def main(args):
    loader = DpyLoader(globals(), quick=args.quick)
    execfile("a_country.py", *args)
    execfile("a_partner_1.py", *args)
    execfile("a_partner_2.py", *args)
    execfile("a_person.py", *args)
#    execfile("a_note.py", *args)
    loader.finalize()

if __name__ == '__main__':
    main()
"#;

/// A row file, as `dump2py` writes it.
fn rows(table: &str, rows: &[&str]) -> String {
    let all: String = rows.iter().flat_map(|row| ["loader.save(create_", table, "(", row, "))\n"]).collect();
    format!(
        "# -*- coding: UTF-8 -*-\nlogger.info(\"Loading {} objects to table {table}...\")\n# fields: x\n{all}\n\
         loader.flush_deferred_objects()\n",
        rows.len()
    )
}

fn snapshot() -> TempDir {
    let dir = TempDir::new().unwrap();
    let files = [
        ("restore.py", SCRIPT.to_owned()),
        (
            "a_country.py",
            rows("a_country", &["'BE',['Belgium','Belgien']", r"'Nõue 0, osa «0»',['x',None]", r"'it\'s',None"]),
        ),
        ("a_partner_1.py", rows("a_partner", &["7,'Anna, b','BE',date(2020,1,2)", "3,'Zoë','XX',None"])),
        (
            "a_partner_2.py",
            rows("a_partner", &["1,'','it\\'s',None", "3,'again',None,None", "5,'\\n'\n  ,None,\n None"]),
        ),
        ("a_person.py", rows("a_person", &["7,'Dr.'", "1,''"])),
        ("a_note.py", rows("a_note", &["1,a_Partner,7,7,'one'", "2,a_Gone,9,None,'two'", "3,a_Partner,8,7,None"])),
    ];
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

fn field(name: &str, value: Option<&str>) -> FieldValue {
    FieldValue { name: name.into(), value: value.map(Into::into), ..FieldValue::default() }
}

fn target(model: &str, name: Option<&str>) -> Target {
    Target { model: model.into(), name: name.map(Into::into) }
}

#[test]
fn a_row_has_its_fields_and_the_names_of_what_they_point_to() {
    let dir = snapshot();
    let index = Index::open(dir.path(), None).unwrap();
    let expected = RowDetail {
        table: "a_partner".into(),
        model: Some("a.Partner".into()),
        key: "7".into(),
        file: "a_partner_1.py".into(),
        line: 4,
        fields: vec![
            field("id", Some("7")),
            field("name", Some("Anna, b")),
            FieldValue { target: Some(target("a.Country", Some("Belgium"))), ..field("country_id", Some("BE")) },
            field("born", Some("2020-01-02")),
        ],
        pointed_at: vec![],
        new_fields: vec![],
        cut: false,
    };
    assert_eq!(index.row("a_partner", "7").unwrap(), Some(expected.clone()));
    assert_eq!(index.at("a_partner_1.py", 4).unwrap(), Some(expected));
    assert_eq!(index.row("a_partner", "9").unwrap(), None);
    assert_eq!(index.row("a_gone", "9").unwrap(), None);
    let targets = |table: &str, key: &str| {
        let fields = index.row(table, key).unwrap().unwrap().fields;
        fields.into_iter().filter_map(|field| Some((field.name, field.target?))).collect::<Vec<_>>()
    };
    let told = |field: &str, model: &str, name| (field.to_owned(), target(model, name));
    // The first of two rows with one key; no row is called `XX`.
    assert_eq!(targets("a_partner", "3"), [told("country_id", "a.Country", None)]);
    // A person has no name but that of the partner; one without any is called by its key.
    assert_eq!(targets("a_person", "7"), [told("partner_ptr_id", "a.Partner", Some("Anna, b"))]);
    assert_eq!(targets("a_person", "1"), [told("partner_ptr_id", "a.Partner", Some("1"))]);
    assert_eq!(
        targets("a_note", "1"),
        [told("owner_id", "a.Partner", Some("Anna, b")), told("person_id", "a.Person", Some("Dr."))]
    );
    assert_eq!(targets("a_note", "2"), [told("owner_id", "a_Gone", None)]);
    let languages = index.row("a_country", "Nõue 0, osa «0»").unwrap().unwrap().fields.pop().unwrap().languages;
    assert_eq!(languages, [("en".to_owned(), Some("x".to_owned())), ("de".to_owned(), None)]);
}

#[test]
fn what_points_to_a_row_is_counted_by_model_and_field() {
    let dir = snapshot();
    let index = Index::open(&dir.path().join("restore.py"), None).unwrap();
    let told = |model: &str, field: &str, keys: &[&str]| PointedAt {
        model: model.into(),
        field: field.into(),
        count: keys.len(),
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
    };
    assert_eq!(
        index.pointed_at("a_partner", "7").unwrap(),
        [told("a.Person", "partner_ptr_id", &["7"]), told("a.Note", "owner_id", &["1"])]
    );
    let row = index.whole("a_partner_1.py", 4).unwrap().unwrap();
    assert_eq!(row.pointed_at, index.pointed_at("a_partner", "7").unwrap());
    assert_eq!(index.pointed_at("a_person", "7").unwrap(), [told("a.Note", "person_id", &["1", "3"])]);
    assert_eq!(index.pointed_at("a_country", "it's").unwrap(), [told("a.Partner", "country_id", &["1"])]);
    assert_eq!(index.pointed_at("a_country", "nobody").unwrap(), []);
    assert_eq!(index.pointed_at("a_gone", "7").unwrap(), []);
}

#[test]
fn keys_are_told_as_the_row_files_that_are_loaded_write_them() {
    let dir = snapshot();
    let index = Index::open(dir.path(), None).unwrap();
    let once = |text: &str| Stored::Once(text.to_owned());
    let found = ["BE", "Nõue 0, osa «0»", "it's", "it", "None"].map(|key| index.stored("a_country", key));
    assert_eq!(found, [once("'BE'"), once("'Nõue 0, osa «0»'"), once(r"'it\'s'"), Stored::Missing, Stored::Missing]);
    let found = ["1", "3", "5", "01"].map(|key| index.stored("a_partner", key));
    assert_eq!(found, [once("1"), Stored::Several, once("5"), Stored::Missing]);
    assert_eq!(index.stored("a_note", "1"), Stored::Missing, "its file is not loaded");
    assert_eq!(index.stored("a_gone", "1"), Stored::Missing);
    assert!(index.trouble().is_none());
}

#[test]
fn the_models_of_the_version_know_which_value_is_the_key() {
    let dir = snapshot();
    let model = Model { model: "a.Partner".into(), table: "x".into(), pk: "name".into(), ..Model::default() };
    let models = Models { models: vec![model], ..Models::default() };
    let index = Index::open(dir.path(), Some(&models)).unwrap();
    assert_eq!(index.stored("a_partner", "Zoë"), Stored::Once("'Zoë'".to_owned()));
    assert_eq!(
        index.row("a_partner", "Zoë").unwrap().map(|row| (row.file, row.line)),
        Some(("a_partner_1.py".into(), 5))
    );
}

#[test]
fn rows_over_several_lines_are_found_and_other_lines_are_told() {
    let dir = snapshot();
    let index = Index::open(dir.path(), None).unwrap();
    let row = index.row("a_partner", "5").unwrap().unwrap();
    let values: Vec<_> = row.fields.iter().map(|field| field.value.as_deref()).collect();
    assert_eq!((row.line, values), (6, vec![Some("5"), Some("\n"), None, None]));
    let written = index.written("a_partner_2.py", 6).unwrap().unwrap();
    assert_eq!(written.bytes, b"loader.save(create_a_partner(5,'\\n'\n  ,None,\n None))");
    assert_eq!(index.written("a_partner_2.py", 7).unwrap().unwrap().bytes, b"  ,None,");
    let error = index.at("a_partner_2.py", 7).unwrap_err().to_string();
    assert!(error.ends_with("a_partner_2.py cannot be read: line 7 is no row"), "{error}");
    let missing = [("a_partner_2.py", 99), ("a_partner_2.py", 0), ("gone.py", 1)];
    assert_eq!(missing.map(|(file, line)| index.written(file, line).unwrap()), [None, None, None]);
    let error = index.at("../restore.py", 1).unwrap_err().to_string();
    assert!(error.ends_with("cannot be read: ../restore.py is no file of this directory"), "{error}");
    // A file that the script does not load is read as well.
    fs::write(dir.path().join("other.py"), "\n  loader.save(create_a_person(1,'x'))").unwrap();
    let row = index.at("other.py", 2).unwrap().unwrap();
    assert_eq!((row.model.as_deref(), row.key.as_str(), row.fields.len()), (Some("a.Person"), "1", 2));
    assert_eq!(index.at("other.py", 3).unwrap(), None);
}

#[test]
fn a_file_that_was_changed_is_read_again_and_told() {
    let dir = snapshot();
    let index = Index::open(dir.path(), None).unwrap();
    assert_eq!(index.row("a_person", "7").unwrap().unwrap().line, 4);
    assert_eq!(index.pointed_at("a_person", "7").unwrap()[0].count, 2);
    assert_eq!(index.read_again(), Vec::<String>::new());
    fs::write(dir.path().join("a_person.py"), rows("a_person", &["2,'Mr.'", "7,'Dr.'"])).unwrap();
    assert_eq!(index.row("a_person", "7").unwrap().unwrap().line, 5);
    assert_eq!(index.stored("a_person", "1"), Stored::Missing);
    fs::remove_file(dir.path().join("a_note.py")).unwrap();
    assert_eq!(index.pointed_at("a_person", "7").unwrap(), []);
    assert_eq!(index.read_again(), ["a_note.py", "a_person.py"]);
    assert_eq!(index.read_again(), Vec::<String>::new());
    let other = SCRIPT.replace("(partner_ptr_id, title)", "(partner_ptr_id, salutation)");
    fs::write(dir.path().join("restore.py"), other).unwrap();
    assert_eq!(index.row("a_person", "7").unwrap().unwrap().fields[1].name, "salutation");
    assert_eq!(index.read_again(), ["restore.py"]);
}

#[test]
fn what_cannot_be_read_is_told_with_its_file() {
    let dir = snapshot();
    fs::remove_file(dir.path().join("a_person.py")).unwrap();
    fs::create_dir(dir.path().join("a_person.py")).unwrap();
    let index = Index::open(dir.path(), None).unwrap();
    assert_eq!(index.stored("a_person", "1"), Stored::Missing);
    assert!(index.trouble().unwrap().to_string().contains("a_person.py"));
    assert!(index.trouble().is_none());
    assert!(index.row("a_person", "1").unwrap_err().to_string().contains("a_person.py"));
    assert!(Index::open(&dir.path().join("gone.py"), None).is_err());
    fs::write(dir.path().join("restore.py"), "print(1)\n").unwrap();
    assert!(index.row("a_country", "BE").unwrap_err().to_string().contains("line 1 is"));
}

#[test]
fn lines_far_from_the_beginning_are_found_behind_rows_of_any_length() {
    let dir = snapshot();
    let long = format!("50,'{}',None,None", "x".repeat(3 << 20));
    let many: Vec<String> = (100..3000).map(|key| format!("{key},'{}',None,None", "y".repeat(key % 97))).collect();
    let mut all: Vec<&str> = many.iter().map(String::as_str).collect();
    all.insert(1000, &long);
    fs::write(dir.path().join("a_partner_1.py"), rows("a_partner", &all)).unwrap();
    let index = Index::open(dir.path(), None).unwrap();
    for (key, line) in [("100", 4), ("1099", 1003), ("50", 1004), ("1100", 1005), ("2999", 2904)] {
        let row = index.row("a_partner", key).unwrap().unwrap();
        assert_eq!((row.line, row.cut), (line, key == "50"), "{key}");
        assert_eq!(index.at("a_partner_1.py", line).unwrap(), Some(row));
    }
    let row = index.row("a_partner", "50").unwrap().unwrap();
    assert_eq!(row.fields.len(), 2);
    assert!(row.fields[1].value.as_ref().unwrap().len() > 1_000_000);
    assert_eq!(index.stored("a_partner", "50"), Stored::Once("50".to_owned()));
    assert!(index.bytes() < 20 * 2_906, "{} bytes", index.bytes());
}

#[test]
fn every_row_of_the_recorded_dumps_is_found_by_key_and_by_line_as_the_other_reader_sees_it() {
    let dumps = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/dumps");
    let mut seen = 0;
    for dump in fs::read_dir(dumps).unwrap().map(|entry| entry.unwrap().path()) {
        let Ok(index) = Index::open(&dump, None) else { continue };
        let script = read_script(&dump.join("restore.py")).unwrap().script;
        for load in script.loads.iter().filter(|load| !load.skipped) {
            let Ok(bytes) = fs::read(dump.join(&load.file)) else { continue };
            for row in Rows::new(&bytes) {
                let detail = index.at(&load.file, row.line).unwrap().unwrap();
                let function = script.function(&load.table).unwrap();
                let given = row.values().count();
                assert_eq!((detail.fields.len(), given), (given, function.parameters.len()), "{dump:?} {detail:?}");
                let found = index.row(&load.table, &detail.key).unwrap().unwrap();
                assert_eq!((found.key, found.file), (detail.key, load.file.clone()));
                seen += 1;
            }
        }
    }
    assert!(seen > 50, "{seen} rows");
}

/// A row that a log names: key, file, line, and what it points to.
type Named = (String, String, u64, Vec<(String, Option<String>, String)>);

fn named(index: &Index, table: &str, keys: &[&str]) -> Vec<Named> {
    let keys = keys.iter().map(|key| (*key).to_owned()).collect();
    let wanted = Wanted { keys: [(table.to_owned(), keys)].into(), place: None };
    let rows = index.named(&wanted).unwrap().by_key.remove(table).unwrap_or_default();
    let mut found: Vec<_> = rows.into_iter().map(|(key, row)| (key, row.file, row.line, row.points)).collect();
    found.sort();
    found
}

#[test]
fn rows_that_a_log_names_are_found_with_what_the_heading_tells_that_they_point_to() {
    let dir = snapshot();
    let text = rows("a_partner", &["7,'Anna','BE',date(2020,1,2)", "3,'Zoë','XX',None", "9,'',None,None"]);
    fs::write(dir.path().join("a_partner_1.py"), text.replace("fields: x", "fields: id, name, country, born")).unwrap();
    let text = rows("a_person", &["7,'Dr.'"]).replace("fields: x", "fields: partner_ptr, title");
    fs::write(dir.path().join("a_person.py"), text).unwrap();
    let index = Index::open(dir.path(), None).unwrap();
    let point =
        |field: &str, model: Option<&str>, value: &str| (field.to_owned(), model.map(str::to_owned), value.to_owned());
    let at = |key: &str, file: &str, line, points: &[_]| (key.to_owned(), file.to_owned(), line, points.to_vec());
    // The first of two rows with one key; a row over several lines; keys that are not there.
    assert_eq!(
        named(&index, "a_partner", &["3", "5", "7", "9", "1", "4", "7, 9", "x"]),
        [
            at("1", "a_partner_2.py", 4, &[]),
            at("3", "a_partner_1.py", 5, &[point("country", None, "XX")]),
            at("5", "a_partner_2.py", 6, &[]),
            at("7", "a_partner_1.py", 4, &[point("country", None, "BE")]),
            at("9", "a_partner_1.py", 6, &[]),
        ]
    );
    let parent = [point("partner_ptr", Some("a.Partner"), "7")];
    assert_eq!(named(&index, "a_person", &["7"]), [at("7", "a_person.py", 4, &parent)]);
    // A file that is not loaded, and a table that nobody knows.
    assert_eq!(named(&index, "a_note", &["1"]), []);
    assert_eq!(named(&index, "a_gone", &["1"]), []);
    let place = |file: &str, line| Wanted { place: Some((file.to_owned(), line)), ..Wanted::default() };
    let found = index.named(&place("a_person.py", 4)).unwrap().at_place.unwrap();
    assert_eq!(
        (found.key.as_str(), found.file.as_str(), found.line, found.points),
        ("7", "a_person.py", 4, parent.into())
    );
    for (file, line) in [("a_person.py", 1), ("a_person.py", 99), ("gone.py", 1)] {
        assert_eq!(index.named(&place(file, line)).unwrap().at_place, None, "{file} {line}");
    }
}

#[test]
fn where_nothing_tells_the_key_it_is_the_field_that_has_most_of_the_keys() {
    let dir = snapshot();
    let index = Index::open(dir.path(), None).unwrap();
    let keys =
        |keys: &[&str]| -> Vec<String> { named(&index, "a_country", keys).into_iter().map(|(key, ..)| key).collect() };
    assert_eq!(keys(&["BE", "it's", "gone"]), ["BE", "it's"]);
    let text = rows("a_country", &["'A','x'", "'B','y'", "'x','z'"]);
    fs::write(dir.path().join("a_country.py"), text).unwrap();
    assert_eq!(keys(&["x", "y", "z"]), ["x", "y", "z"]);
    assert_eq!(keys(&["x"]), ["x"]);
    assert_eq!(named(&index, "a_country", &["x"])[0].2, 6);
    assert_eq!(named(&index, "a_country", &["x", "y"])[0].2, 4);
}

#[test]
fn any_number_of_rows_is_found_as_a_reader_of_the_whole_file_sees_them() {
    let dir = snapshot();
    let long = format!("50,'{}',None,None", "x".repeat(3 << 20));
    let many: Vec<String> = (100..9000).map(|key| format!("{key},'{}',None,None", "y".repeat(key % 97))).collect();
    let mut all: Vec<&str> = many.iter().map(String::as_str).collect();
    all.insert(1000, &long);
    let text = rows("a_partner", &all);
    fs::write(dir.path().join("a_partner_1.py"), &text).unwrap();
    let index = Index::open(dir.path(), None).unwrap();
    let key = |row: &crate::dump::Row<'_>| literal::key(literal::argument(row.arguments.unwrap(), 0).unwrap()).unwrap();
    for apart in [1, 7, 2000] {
        let mut expected: Vec<(String, u64)> =
            Rows::new(text.as_bytes()).step_by(apart).map(|row| (key(&row), row.line)).collect();
        expected.sort();
        let keys: Vec<&str> = expected.iter().map(|(key, _)| key.as_str()).collect();
        let found: Vec<(String, u64)> =
            named(&index, "a_partner", &keys).into_iter().map(|(key, _, line, _)| (key, line)).collect();
        assert_eq!(found, expected);
    }
}
