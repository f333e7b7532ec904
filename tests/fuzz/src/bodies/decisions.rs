//! Decisions files: what is read is written and read again alike, mistakes are shown at their place, and decisions become
//! edits of a real script that stays one.

use lino_upgrade::dump::Script;
use lino_upgrade::dump::edit::edit;
use lino_upgrade::site::excerpt::locate;
use lino_upgrade::site::text::one_line;
use lino_upgrade::triage::{DecisionsFile, Fit, Given, Known, Mistake, Stored, fit, write};

use super::is_calm;

const SCRIPT: &str = include_str!("../../../fixtures/dumps/26.10.8/restore.py");

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let file = match DecisionsFile::read(text) {
        Ok(file) => file,
        Err(mistake) => return shown(text, &mistake),
    };
    assert_eq!(DecisionsFile::read(text).as_ref(), Ok(&file));
    let written = write(&file.answers, &file.decisions);
    assert!(is_calm(&written, &['\n']), "{written:?}");
    let again = DecisionsFile::read(&written).unwrap_or_else(|error| panic!("{error} in\n{written}"));
    assert_eq!(again.answers, file.answers);
    assert!(again.decisions.iter().eq(file.decisions.iter()), "\n{text}\n\n{written}");
    assert_eq!(write(&again.answers, &again.decisions), written);
    fitted(text, &file);
    taken_back(&file);
    for name in file.answers.values() {
        for class in ["BooleanField", "DateField", "FloatField", "IntegerField", "CharField"] {
            let _ = Given::typed(name, Some(class));
        }
    }
}

/// A mistake is at its place in the text, and is drawn there.
fn shown(text: &str, mistake: &Mistake) {
    let Mistake { span, message } = mistake;
    assert!(span.start <= span.end && span.end <= text.len(), "{span:?} of {}", text.len());
    assert!(message.ends_with(['.', '!', '?']), "{message:?}");
    placed(text, span, message);
}

/// Line and column are in the text, and the caret stands below the line.
pub fn placed(text: &str, span: &std::ops::Range<usize>, message: &str) {
    let (line, column, excerpt) = locate(text, span, "decisions.toml", message);
    let there = text.split('\n').nth(line - 1).unwrap_or_else(|| panic!("there is no line {line}"));
    assert!((1..=there.chars().count() + 1).contains(&column), "{column} in {there:?}");
    caret(&excerpt, &one_line(message));
}

pub fn caret(excerpt: &str, message: &str) {
    assert!(is_calm(excerpt, &['\n']), "{excerpt:?}");
    let lines: Vec<&str> = excerpt.split('\n').collect();
    let [_, _, line, below] = lines.as_slice() else { panic!("an excerpt has four lines: {excerpt:?}") };
    let drawn = below.strip_suffix(message).and_then(|below| below.strip_suffix(' '));
    let drawn = drawn.unwrap_or_else(|| panic!("{below:?} has no {message:?}"));
    assert!(drawn.ends_with('^'), "{excerpt}");
    let (above, below) = (line.split_once('|').unwrap().1, drawn.split_once('|').unwrap().1);
    // Columns are at most two for each character.
    assert!(below.chars().count() <= 2 * above.chars().count() + 1, "{excerpt}");
}

fn fitted(text: &str, file: &DecisionsFile) {
    let script = Script::read(SCRIPT);
    let key = |_: &str, key: &str| match key.len() % 3 {
        0 => Stored::Missing,
        1 if key == "2" => Stored::Several,
        _ => Stored::Once(lino_upgrade::dump::edit::python::text(key)),
    };
    let known = Known { script: &script, key: &key, before: None, after: None };
    let Fit { changes, decisions, unfit } = fit(&file.decisions, &known);
    assert_eq!(changes.len(), decisions.len());
    for unfit in &unfit {
        let mistake = file.mistake(unfit).expect("what does not fit has a place in the file");
        assert!(is_calm(&mistake.message, &[]), "{:?}", mistake.message);
        shown(text, &mistake);
    }
    let edited = edit(SCRIPT, &changes);
    for (_, why) in &edited.refused {
        assert!(is_calm(why, &[]) && why.ends_with('.'), "{why:?}");
    }
    assert!(is_calm(&edited.text, &['\n']), "{}", edited.text);
    let again = Script::read(&edited.text);
    assert_eq!((&again.problems, &again.cut_off), (&script.problems, &script.cut_off), "{}", edited.text);
    assert_eq!(again.functions.len(), script.functions.len());
}

/// Each decision is a step, which can be taken back and done again.
fn taken_back(file: &DecisionsFile) {
    let mut decisions = file.decisions.clone();
    let mut steps = 0;
    while decisions.undo() {
        steps += 1;
    }
    assert!(decisions.is_empty());
    for _ in 0..steps {
        assert!(decisions.redo());
    }
    assert!(!decisions.redo() && decisions.iter().eq(file.decisions.iter()));
}
