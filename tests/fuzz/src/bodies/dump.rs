//! Dump scripts: they are read twice alike, every place lies in the file, and an edited script is still one.

use lino_upgrade::dump::edit::{Change, Rows, What, edit, merge, migrator};
use lino_upgrade::dump::{Lines, Script};

use super::is_calm;

/// Create functions of one script that are edited.
const EDITED: usize = 3;

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let script = Script::read(text);
    assert_eq!(script, Script::read(text));
    places(text, &script);
    line_ends(text, &script);
    edits(text, &script);
}

/// Every place lies in the file, and what is said of it stands there.
fn places(text: &str, script: &Script) {
    let all: Vec<&str> = text.split('\n').collect();
    let said = |lines: Lines, text: &str| {
        inside(lines, &all);
        let there = all[lines.first as usize - 1..lines.last as usize].join("\n");
        assert!(there.contains(text), "{lines:?} has no {text:?}");
    };
    script.header.lines.into_iter().for_each(|lines| inside(lines, &all));
    script.languages_line.into_iter().for_each(|line| inside(Lines::one(line), &all));
    script.imports.iter().for_each(|import| said(import.lines, &import.text));
    script.models.iter().for_each(|model| said(model.lines, &model.variable));
    script.cycles.iter().for_each(|cycle| said(cycle.lines, &cycle.model));
    script.loads.iter().for_each(|load| said(load.lines, &load.file));
    script.tolerated.iter().for_each(|table| said(table.lines, &table.table));
    script.loader.iter().for_each(|loader| inside(loader.lines, &all));
    script.options.iter().for_each(|option| inside(option.lines, &all));
    script.handlers.iter().for_each(|handler| said(handler.lines, &handler.text));
    script.edits.iter().for_each(|edit| said(edit.lines, &edit.text));
    let mut behind = 0;
    for function in &script.functions {
        said(function.lines, &function.table);
        assert!(function.lines.first > behind, "functions do not lie in each other");
        behind = function.lines.last;
        for parameter in &function.parameters {
            let lines = [Some(parameter.line), parameter.converted.map(u32::from), parameter.stored.map(u32::from)];
            assert!(lines.into_iter().flatten().all(|line| function.lines.contains(line)), "{parameter:?}");
        }
        assert_eq!(function.parameters.as_slice().len(), function.parameters.iter().count());
    }
    for problem in script.problems.iter().chain(&script.cut_off) {
        let line = usize::try_from(problem.line).ok().and_then(|line| all.get(line.checked_sub(1)?));
        let line = line.unwrap_or_else(|| panic!("{problem} lies outside"));
        let width = line.chars().count() as u64;
        assert!((1..=width + 1).contains(&problem.column), "{problem} lies outside of {line:?}");
    }
}

fn inside(lines: Lines, all: &[&str]) {
    assert!(1 <= lines.first && lines.first <= lines.last && lines.last as usize <= all.len(), "{lines:?}");
}

/// With the line ends of Windows it says the same.
fn line_ends(text: &str, script: &Script) {
    if text.contains(['\r', '\\']) || !script.problems.is_empty() {
        return;
    }
    let other = Script::read(&text.replace('\n', "\r\n"));
    // What is cut out of more than one line has other line ends.
    let plain = |script: &Script| {
        let said = (&script.functions, &script.models, &script.loads, &script.languages, &script.edits);
        format!("{said:?} {:?}", script.source_version).replace("\\r\\n", "\\n")
    };
    assert_eq!(plain(script), plain(&other));
    assert_eq!(script.problems, other.problems);
    assert_eq!(script.cut_off.is_some(), other.cut_off.is_some());
}

/// What an operator may decide for the tables of a script.
fn changes(script: &Script) -> Vec<Change> {
    let mut changes = Vec::new();
    for function in script.functions.iter().take(EDITED) {
        let Some(key) = function.parameters.first().map(|parameter| parameter.name.to_string()) else { continue };
        let these = |keys: &[&str]| Rows::These {
            key: key.clone(),
            literals: keys.iter().map(|key| (*key).to_owned()).collect(),
        };
        let mut take = |rows, what| {
            let (table, note) = (function.table.clone(), "it is\nwrong \u{1b}[31m".to_owned());
            changes.push(Change { table, rows, what, note });
        };
        take(these(&["1", "'\\''"]), What::LeaveOut);
        take(Rows::All, What::Assign(vec![("quite_new".to_owned(), "date(2020,2,29)".to_owned())]));
        for parameter in function.parameters.iter().skip(1).take(2) {
            let name = parameter.name.to_string();
            take(these(&["7"]), What::Assign(vec![(name.clone(), "None".to_owned())]));
            let to = format!("{name}_new");
            take(Rows::All, What::Copy { from: name.clone(), to: to.clone() });
            take(Rows::All, What::CopyText { from: name.clone(), to });
            take(Rows::All, What::Drop(name));
        }
        take(Rows::All, What::Rename("app.Model".to_owned()));
        take(Rows::All, What::LeaveOut);
    }
    changes
}

fn edits(text: &str, script: &Script) {
    let untouched = edit(text, &[]);
    assert_eq!((untouched.text.as_str(), untouched.refused.len()), (text, 0));
    let changes = changes(script);
    if changes.is_empty() {
        return;
    }
    let edited = edit(text, &changes);
    assert_eq!(edited.places.len(), changes.len());
    for (number, why) in &edited.refused {
        assert!(edited.places[*number].is_empty(), "{why}");
        assert!(is_calm(why, &[]) && why.ends_with('.'), "{why:?}");
    }
    let mut rest = text.split_inclusive('\n');
    let all: Vec<&str> = edited.text.split_inclusive('\n').collect();
    let lines: Vec<Lines> = edited.places.iter().flatten().copied().collect();
    for lines in &lines {
        inside(*lines, &all);
    }
    for (number, line) in (1..).zip(&all) {
        let from_a_change = lines.iter().any(|lines| lines.contains(number));
        assert!(from_a_change || rest.any(|old| old == *line), "line {number} comes from nowhere: {line:?}");
    }
    let again = Script::read(&edited.text);
    places(&edited.text, &again);
    if script.problems.is_empty() && script.cut_off.is_none() {
        assert_eq!((&again.problems, &again.cut_off), (&Vec::new(), &None), "{}", edited.text);
        let tables = |script: &Script| script.functions.iter().map(|it| it.table.clone()).collect::<Vec<_>>();
        assert_eq!(tables(&again), tables(script), "{}", edited.text);
    }
    merged(text, &edited.text);
    let written = migrator(text, &changes, &[], "1.0");
    assert_eq!(written.is_some(), script.source_version.is_some());
}

/// What only one side has changed is taken over as it is.
fn merged(text: &str, edited: &str) {
    for (base, mine, new) in [(text, edited, text), (text, text, edited), (text, edited, edited)] {
        let merged = merge(base, mine, new);
        assert_eq!((merged.text.as_str(), merged.conflicts.len()), (edited, 0));
    }
}
