//! Row files: a value that is written is read again as it was, and the index finds what a look at every line finds.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use assert_fs::TempDir;
use lino_upgrade::dump::edit::python;
use lino_upgrade::dump::{self, Heading, Key, Row, Rows, Script, Value, literal, parse};
use lino_upgrade::snapshot::index::Index;
use lino_upgrade::triage::{self, Stored};

/// The script beside the row file.
const SCRIPT: &str = "# -*- coding: UTF-8 -*-\nSOURCE_VERSION = '1'\na_A = resolve_model(\"a.A\")\n\
    def create_a(id, name, parent_id):\n    kw = dict()\n    kw.update(id=id)\n    kw.update(name=name)\n    \
    kw.update(parent_id=parent_id)\n    return a_A(**kw)\n\ndef main(args):\n    loader = DpyLoader(globals())\n    \
    execfile(\"a.py\", *args)\n    loader.finalize()\n\nif __name__ == '__main__':\n    main()\n";
/// Keys that are looked up.
const ASKED: usize = 4;

pub fn run(data: &[u8]) {
    let rows: Vec<Row<'_>> = Rows::new(data).collect();
    let lines = data.split(|byte| *byte == b'\n').count() as u64;
    for row in &rows {
        assert!((1..=lines).contains(&row.line));
        values(row);
    }
    if let Some(heading) = Heading::read(data) {
        assert!(!heading.table.contains('\n'));
    }
    let _ = dump::announced(data);
    let others: Vec<u64> = dump::others(data).map(|(line, _)| line).collect();
    assert!(rows.iter().all(|row| !others.contains(&row.line)));
    if rows.iter().any(|row| row.table == b"a") {
        found(data, &rows);
    }
}

fn values(row: &Row<'_>) {
    let all: Vec<_> = row.values().collect();
    let broken = all.iter().position(Result::is_err);
    assert!(broken.is_none_or(|at| at + 1 == all.len()), "nothing comes behind a problem");
    for problem in all.iter().filter_map(|value| value.as_ref().err()) {
        assert!(problem.line >= row.line && problem.column >= 1);
    }
    if broken.is_none() {
        for (place, value) in all.iter().enumerate() {
            assert_eq!(row.value(place).as_ref(), Some(value), "value {place} of {row:?}");
        }
        assert_eq!(row.value(all.len()).and_then(Result::ok), None);
    }
    for value in all.iter().flatten() {
        let text = written(value);
        assert_eq!(parse(text.as_bytes()).as_ref(), Ok(value), "{text}");
    }
    for raw in row.arguments.into_iter().flat_map(literal::arguments) {
        key(raw);
    }
}

/// What is read as a key at speed is what the reader of values says.
fn key(raw: &[u8]) {
    let Some(key) = literal::key(raw) else { return };
    assert_eq!(Key::read(raw), Some(Key::of(&key)));
    match parse(raw) {
        Ok(Value::Text(text)) => assert_eq!(text, key),
        Ok(Value::Int(number)) => assert_eq!(number.to_string(), key),
        Ok(Value::Large(number)) => assert_eq!(number, key),
        Ok(other) => panic!("{other:?} is read as the key {key:?}"),
        Err(_) => {}
    }
}

/// Writes a value as Python's `repr` would, or nearly so.
fn written(value: &Value<'_>) -> String {
    let list = |values: &[Value<'_>]| values.iter().map(written).collect::<Vec<_>>().join(", ");
    match value {
        Value::None => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::Large(text) => text.clone().into_owned(),
        Value::Float(number) if number.is_infinite() => format!("{}1e999", if *number < 0.0 { "-" } else { "" }),
        Value::Float(number) => format!("{number:?}"),
        Value::Text(text) => python::text(text),
        Value::Surrogates(points) => {
            points.iter().fold("'".to_owned(), |mut text, point| {
                let _ = write!(text, "\\U{point:08x}");
                text
            }) + "'"
        }
        Value::Named(text) => format!("({text})"),
        Value::Bytes(bytes) => {
            bytes.iter().fold("b'".to_owned(), |mut text, byte| {
                let _ = write!(text, "\\x{byte:02x}");
                text
            }) + "'"
        }
        Value::List(values) => format!("[{}]", list(values)),
        Value::Tuple(values) => format!("({}{})", list(values), if values.len() == 1 { "," } else { "" }),
        Value::Set(values) => format!("{{{}}}", list(values)),
        Value::Dict(pairs) => {
            let pairs = pairs.iter().map(|(key, value)| format!("{}: {}", written(key), written(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        Value::Name(name) => (*name).to_owned(),
        Value::Call { function, arguments } => {
            let one = |it: &dump::Argument<'_>| {
                it.name.map_or_else(|| written(&it.value), |name| format!("{name}={}", written(&it.value)))
            };
            format!("{function}({})", arguments.iter().map(one).collect::<Vec<_>>().join(", "))
        }
    }
}

thread_local! {
    static DIR: RefCell<Option<TempDir>> = const { RefCell::new(None) };
}

/// Finds rows by their keys, and compares with a look at every line.
fn found(data: &[u8], rows: &[Row<'_>]) {
    DIR.with_borrow_mut(|dir| {
        let dir = dir.get_or_insert_with(|| {
            let dir = TempDir::new().unwrap();
            std::fs::write(dir.path().join("restore.py"), SCRIPT).unwrap();
            dir
        });
        std::fs::write(dir.path().join("a.py"), data).unwrap();
        looked_up(&Index::open(dir.path(), None).unwrap(), rows);
    });
}

/// The value where keys are.
fn first<'a>(row: &Row<'a>) -> Option<&'a [u8]> {
    literal::argument(row.arguments?, 0)
}

fn looked_up(index: &Index, rows: &[Row<'_>]) {
    let script = Script::read(SCRIPT);
    let own = || rows.iter().filter(|row| row.table == b"a");
    let is_whole = own().all(|row| first(row).is_some_and(|raw| parse(raw).is_ok()));
    let mut keys: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for row in own() {
        if let Some(key) = first(row).filter(|raw| parse(raw).is_ok()).and_then(|raw| triage::text(&script, raw)) {
            keys.entry(key).or_default().push(row.line);
        }
    }
    for (key, lines) in keys.iter().take(ASKED) {
        let row = index.row("a", key).unwrap().unwrap_or_else(|| panic!("{key:?} in {lines:?} is not found"));
        assert_eq!((&row.key, row.line <= lines[0]), (key, true), "{lines:?}");
        if is_whole {
            assert_eq!(row.line, lines[0]);
        }
        assert_eq!(index.at("a.py", row.line).unwrap().as_ref(), Some(&row));
        match index.stored("a", key) {
            Stored::Once(raw) => assert_eq!(literal::key(raw.as_bytes()).as_ref(), Some(key)),
            Stored::Several => assert!(!is_whole || lines.len() > 1),
            Stored::Missing => {}
        }
        assert!(index.trouble().is_none());
    }
    if let Some(key) = keys.keys().next() {
        index.pointed_at("a", key).unwrap();
    }
    assert_eq!(index.read_again(), Vec::<String>::new());
}
