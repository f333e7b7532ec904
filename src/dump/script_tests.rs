//! Scripts of every generation of `dump2py`, against Python's own parser; hand-made and broken ones.
//!
//! The fixtures named after a version were written by the `dump2py` of that version, from one and the same small
//! database; those named after Noi are the scripts of two real dumps.

use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/dumps")
}

/// The scripts that Python can read, with their names.
fn scripts() -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = fs::read_dir(fixtures())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir() && !path.to_string_lossy().ends_with("-tolerated"))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(path.join("restore.py")).unwrap())
        })
        .collect();
    found.sort();
    assert_eq!(found.len(), 20);
    found
}

fn fixture(name: &str) -> String {
    fs::read_to_string(fixtures().join(name).join("restore.py")).unwrap()
}

fn conversion(parameter: &Parameter) -> String {
    match &parameter.conversion {
        Conversion::Plain | Conversion::Choice { looked_up: false, .. } => "plain".into(),
        Conversion::Decimal => "decimal".into(),
        Conversion::Choice { list, .. } => format!("choice {list}"),
        Conversion::ContentType => "content type".into(),
        Conversion::Babel => "babel".into(),
        Conversion::ParentLink => "parent".into(),
    }
}

/// Says a script in the words of the Python program.
fn said(script: &Script) -> Json {
    let functions: Vec<Json> = script
        .functions
        .iter()
        .map(|function| {
            let parameters: Vec<Json> = function
                .parameters
                .iter()
                .map(|parameter| {
                    json!([parameter.name.as_str(), parameter.line, conversion(parameter), parameter.stored])
                })
                .collect();
            json!([
                function.table,
                function.model,
                function.parent,
                [function.lines.first, function.lines.last],
                parameters
            ])
        })
        .collect();
    json!({
        "version": script.source_version,
        "models": script.models.iter().map(|model| json!([model.name, model.variable, model.lines.first])).collect::<Vec<_>>(),
        "functions": functions,
        "loads": script.loads.iter().filter(|load| !load.skipped).map(|load| json!([load.file, load.lines.first])).collect::<Vec<_>>(),
        "languages": script.languages,
        "options": script.options.iter().map(|option| json!([option.names, [option.lines.first, option.lines.last]])).collect::<Vec<_>>(),
        "imports": script.imports.iter().map(|import| import.lines.first).collect::<Vec<_>>(),
    })
}

#[test]
fn scripts_of_all_generations_are_what_python_reads() {
    let scripts = scripts();
    let paths = scripts.iter().map(|(name, _)| fixtures().join(name).join("restore.py"));
    let output = Command::new("python3").arg(fixtures().join("scripts.py")).args(paths).output().unwrap();
    let python = String::from_utf8(output.stdout).unwrap();
    let found: Vec<Json> = python.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(found.len(), scripts.len(), "{}", String::from_utf8_lossy(&output.stderr));
    for ((name, text), expected) in scripts.iter().zip(found) {
        let ours = said(&Script::read(text));
        for key in ["version", "models", "loads", "languages", "options", "imports"] {
            assert_eq!(ours[key], expected[key], "{name} {key}");
        }
        let pairs = ours["functions"].as_array().unwrap().iter().zip(expected["functions"].as_array().unwrap());
        pairs.for_each(|(ours, expected)| assert_eq!(ours, expected, "{name}"));
        assert_eq!(ours, expected, "{name}");
    }
}

#[test]
fn nothing_that_dump2py_writes_is_an_edit_or_a_problem() {
    for (name, text) in scripts() {
        let script = Script::read(&text);
        assert_eq!((&script.edits, &script.problems, &script.cut_off), (&vec![], &vec![], &None), "{name}");
        assert!(script.functions.iter().all(|function| !function.edited), "{name}");
        assert!(script.is_dump && script.loader.is_some(), "{name}");
        let old = ["2014-12", "2015-01", "1.7.0", "1.7.5", "17.10", "17.12"];
        assert_eq!(script.python2, old.contains(&name.as_str()), "{name}");
        assert_eq!(script, Script::read(&text.replace('\n', "\r\n")), "{name} with line ends of Windows");
    }
}

#[test]
fn the_real_dumps_are_read_whole() {
    let counts = |name| {
        let script = Script::read(&fixture(name));
        let parameters: Vec<&Parameter> = script.functions.iter().flat_map(|function| &function.parameters).collect();
        let count = |wanted: fn(&Conversion) -> bool| parameters.iter().filter(|one| wanted(&one.conversion)).count();
        [
            script.models.len(),
            script.functions.len(),
            script.loads.len(),
            parameters.len(),
            count(|one| *one == Conversion::Decimal),
            count(|one| matches!(one, Conversion::Choice { .. })),
            count(|one| *one == Conversion::ContentType),
            count(|one| *one == Conversion::Babel),
            count(|one| *one == Conversion::ParentLink),
            script.cycles.len(),
        ]
    };
    assert_eq!(counts("noi-25.1.1"), [90, 90, 90, 788, 21, 72, 16, 36, 6, 0]);
    assert_eq!(counts("noi-26.9.2-simulated"), [80, 80, 80, 690, 23, 64, 15, 27, 6, 39]);
}

#[test]
fn every_part_has_its_value_and_its_place() {
    let script = Script::read(&fixture("26.10.8"));
    let header = Header {
        written_by: Some("dump2py".into()),
        settings_module: Some("shop.settings".into()),
        time_zone: Some("Europe/Brussels".into()),
        other_sources: None,
        lines: Some(Lines { first: 4, last: 5 }),
    };
    assert_eq!((script.header, script.source_version), (header, Some("1.2.3".into())));
    let cycle = |model: &str, other: &str, line| Cycle {
        model: model.into(),
        rows: Some(1),
        depends_on: vec![other.into()],
        lines: Lines::one(line),
    };
    assert_eq!(script.cycles, [cycle("cycle.Left", "cycle.Right", 69), cycle("cycle.Right", "cycle.Left", 70)]);
    let parameter = |name: &str, conversion, converted: Option<u32>, stored| Parameter {
        name: name.into(),
        line: 72,
        conversion,
        converted: converted.and_then(NonZeroU32::new),
        stored: NonZeroU32::new(stored),
    };
    let list = "accounting.CommonAccounts".into();
    let account = Function {
        table: "accounting_account".into(),
        model: Some("accounting_Account".into()),
        parent: None,
        parameters: vec![
            parameter("id", Conversion::Plain, None, 76),
            parameter("common_account", Conversion::Choice { list, looked_up: false }, Some(73), 77),
            parameter("amount", Conversion::Decimal, Some(74), 78),
            parameter("flag", Conversion::Plain, None, 79),
            parameter("data", Conversion::Plain, None, 80),
        ]
        .into(),
        lines: Lines { first: 72, last: 81 },
        edited: false,
    };
    assert_eq!(script.functions[0], account);
    let load = |file: &str, table: &str, part, line| Load {
        file: file.into(),
        table: table.into(),
        part,
        skipped: false,
        lines: Lines::one(line),
    };
    assert_eq!(
        script.loads[1..5],
        [
            load("countries_country.py", "countries_country", None, 143),
            load("contacts_partner_1.py", "contacts_partner", Some(1), 144),
            load("contacts_partner_2.py", "contacts_partner", Some(2), 145),
            load("contacts_partner_3.py", "contacts_partner", Some(3), 146),
        ]
    );
    let loader = Loader { quick: Some("args.quick".into()), strict: Some("True".into()), lines: Lines::one(135) };
    assert_eq!(script.loader, Some(loader));
    assert_eq!(script.options[0].names, ["-b", "--noinput", "--batch"]);
    assert_eq!(
        Script::read(&fixture("23.9.1")).header.other_sources,
        Some("{'lino_xl': '25.1.0', 'lino_noi': '25.1.0'}".into())
    );
    let old = Script::read(&fixture("2014-12")).header.written_by;
    assert_eq!(old, Some("Lino Shop 0.1, Lino 1.6, Django 1.6.11, Python 2.7.4".into()));
}

#[test]
fn what_a_hand_has_changed_is_kept_with_its_lines() {
    let text = fixture("26.10.8")
        .replace("    execfile(\"memo_empty.py\", *args)", "#    execfile(\"memo_empty.py\", *args)")
        .replace(
            "    kw.update(remarks=remarks)\n",
            "    # kw.update(remarks=remarks)\n    if id == 101: return None\n",
        )
        .replace("(isocode, name):", "(isocode, name,\n        actual_name=None):")
        .replace(
            "    loader.initialize()\n",
            "    loader.initialize()\n    loader.before_load_handlers.append(clean)\n",
        )
        .replace(
            "\n\n\ndef main(",
            "\n\n\ndef clean(loader):\n    \"\"\"Removes\n    what is old.\"\"\"\n    pass\n\ndef main(",
        );
    let script = Script::read(&text);
    assert_eq!((&script.problems, &script.cut_off), (&vec![], &None));
    let edits: Vec<(&str, u32, u32)> =
        script.edits.iter().map(|edit| (edit.text.as_str(), edit.lines.first, edit.lines.last)).collect();
    assert_eq!(
        edits,
        [
            ("def create_countries_country(isocode, name,\n        actual_name=None):", 83, 84),
            ("# kw.update(remarks=remarks)", 95, 95),
            ("if id == 101: return None", 96, 96),
            ("def clean(loader):", 136, 136),
            ("\"\"\"Removes\n    what is old.\"\"\"", 137, 138),
            ("pass", 139, 139),
            ("loader.before_load_handlers.append(clean)", 147, 147),
            ("#    execfile(\"memo_empty.py\", *args)", 157, 157),
        ]
    );
    let edited: Vec<&str> =
        script.functions.iter().filter(|function| function.edited).map(|function| function.table.as_str()).collect();
    assert_eq!(edited, ["countries_country", "contacts_partner"]);
    assert_eq!(script.function("countries_country").unwrap().parameter("actual_name").unwrap().line, 84);
    assert_eq!(script.function("contacts_partner").unwrap().parameter("remarks").unwrap().stored, None);
    let skipped: Vec<&Load> = script.loads.iter().filter(|load| load.skipped).collect();
    assert_eq!(
        skipped.iter().map(|load| (load.table.as_str(), load.lines.first)).collect::<Vec<_>>(),
        [("memo_empty", 157)]
    );
    assert_eq!(script.handlers.len(), 1);
    assert_eq!((script.handlers[0].moment, script.handlers[0].lines.first), (Moment::BeforeLoad, 147));
}

#[test]
fn a_line_that_stores_a_field_is_found_however_it_ends() {
    let read = |lines: &str| {
        let script =
            Script::read(&format!("def create_a_b(id, a, ab, c):\n    kw = dict()\n    kw.update(id=id)\n{lines}"));
        let function = &script.functions[0];
        let stored: Vec<Option<u32>> = function.parameters.iter().map(|one| one.stored.map(NonZeroU32::get)).collect();
        (stored, function.lines, script.edits.into_iter().map(|edit| edit.text).collect::<Vec<_>>())
    };
    let until = |last| Lines { first: 1, last };
    let usual = "    kw.update(a=a)\n    kw.update(ab=ab)\n    kw.update(c=c)\n    return a_B(**kw)\n";
    let whole = vec![Some(3), Some(4), Some(5), Some(6)];
    assert_eq!(read(usual), (whole.clone(), until(7), vec![]));
    assert_eq!(read(&usual.replace('\n', "\r\n")), (whole.clone(), until(7), vec![]));
    assert_eq!(
        read("    kw.update(a=a)\n    kw.update(ab=ab)\n# three\n    kw.update(c=c)").0,
        [Some(3), Some(4), Some(5), Some(7)]
    );
    // What begins like the line that is expected next, and is another one.
    let other = "    kw.update(a=ab)\n    kw.update(ab=ab); kw.clear()\n     kw.update(c=c)\n";
    let edits = ["kw.update(a=ab)", "kw.update(ab=ab); kw.clear()"].map(str::to_owned).to_vec();
    assert_eq!(read(other), (vec![Some(3), None, None, Some(6)], until(6), edits));
    assert_eq!(read("    kw.update(c=c)\n    kw.update(a=a)\nkw.update(ab=ab)\n").0, [Some(3), Some(5), None, Some(4)]);
}

#[test]
fn a_tolerated_error_of_several_lines_does_not_hide_what_follows() {
    for name in ["18.4-tolerated", "26.10.8-tolerated"] {
        let script = Script::read(&fixture(name));
        assert_eq!((script.edits, script.problems, script.cut_off), (vec![], vec![], None), "{name}");
        let tolerated = &script.tolerated[0];
        assert_eq!(
            (tolerated.table.as_str(), tolerated.lines.last - tolerated.lines.first),
            ("memo_broken", 3),
            "{name}"
        );
        assert!(tolerated.text.starts_with("relation \"memo_broken\" does not exist\nLINE 1"), "{name}");
        assert_eq!(script.loads.last().map(|load| load.file.as_str()), Some("own_table.py"), "{name}");
    }
}

#[test]
fn a_break_is_named_with_its_place_and_the_rest_is_read() {
    let whole = fixture("25.8.0");
    let place = |from: &str, to: &str| {
        let script = Script::read(&whole.replacen(from, to, 1));
        assert_eq!(script.functions.len(), 8, "{to}");
        let found: Vec<String> = script.problems.iter().map(ToString::to_string).collect();
        found.join("; ")
    };
    assert_eq!(place("kw.update(flag=flag)", "kw.update(flag=flag"), "line 77, column 14: the bracket is never closed");
    assert_eq!(
        place("kw.update(flag=flag)", "kw.update(flag=flag))"),
        "line 77, column 25: the bracket closes none that is open"
    );
    assert_eq!(place("SOURCE_VERSION = '", "SOURCE_VERSION = '''"), "line 10, column 18: the string has no end");
    assert_eq!(place("SOURCE_VERSION = '1.2.3'", "SOURCE_VERSION = 'é"), "line 10, column 18: the string has no end");
    assert_eq!(
        place("    kw.update(flag", "     kw.update(flag"),
        "line 77, column 6: the line is indented without reason"
    );
    assert_eq!(
        place("    kw.update(flag", "  kw.update(flag"),
        "line 77, column 3: the indentation fits no line above; line 78, column 5: the line is indented without reason"
    );
    assert_eq!(
        place("    kw.update(flag", "    $kw.update(flag"),
        "line 77, column 5: this character means nothing in Python"
    );
}

#[test]
fn a_script_cut_anywhere_before_its_end_is_not_complete_and_loses_nothing_before() {
    for name in ["2014-12", "26.10.8"] {
        let text = fixture(name);
        let whole = Script::read(&text);
        let end = text.trim_end().len();
        for cut in (0..end).filter(|cut| text.is_char_boundary(*cut)) {
            let script = Script::read(&text[..cut]);
            assert!(!script.is_complete(), "{name} {cut}");
            assert_eq!(script.problems, [], "{name} {cut}");
            let kept = script.functions.len().saturating_sub(1);
            assert_eq!(script.functions[..kept], whole.functions[..kept], "{name} {cut}");
        }
    }
}

#[test]
fn comments_in_a_signature_are_no_parameters() {
    let text = "def create_a(id,  # the key (a number)\n        name='#',  # a, b\n        other):  # (c)\n    return a(**kw)\n\
                def create_b(id, name):  # (two)\n    return b(**kw)\n";
    let script = Script::read(text);
    let found: Vec<Vec<(&str, u32)>> = script
        .functions
        .iter()
        .map(|function| function.parameters.iter().map(|it| (it.name.as_str(), it.line)).collect())
        .collect();
    assert_eq!(found, [vec![("id", 1), ("name", 2), ("other", 3)], vec![("id", 5), ("name", 5)]]);
}

#[test]
fn deep_nesting_and_unclosed_things_cost_no_stack_and_no_time() {
    for text in [
        "(".repeat(2_000_000),
        "(\n".repeat(500_000),
        "'''\n\\'''".repeat(200_000),
        "'".repeat(999_999),
        "x = [\ndef \n".repeat(100_000),
    ] {
        let script = Script::read(&text);
        assert!(script.problems.len() <= 100);
        assert!(!script.is_complete());
    }
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "(?s).{0,300}") {
        let _ = Script::read(&text);
    }

    #[test]
    fn damaged_scripts_never_panic(at in any::<prop::sample::Index>(), length in 0_usize..40, new in "[-'\"\\\\(){}:=,#\n\té a]{0,12}") {
        let mut text = fixture("26.10.8");
        let from = at.index(text.len());
        let from = (0..=from).rfind(|at| text.is_char_boundary(*at)).unwrap();
        let to = (from + length..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
        text.replace_range(from..to, &new);
        let script = Script::read(&text);
        for lines in script.functions.iter().map(|function| function.lines).chain(script.edits.iter().map(|edit| edit.lines)) {
            prop_assert!(lines.first <= lines.last && lines.last as usize <= text.lines().count());
        }
    }
}
