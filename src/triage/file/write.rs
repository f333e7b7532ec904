//! Writes a decisions file.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::super::decision::{Choice, Decision, Decisions, Given, Scope};

/// Width at which lists are wrapped.
const WIDTH: usize = 100;

const HEAD: &str = "\
# Decisions for the upgrade of a Lino site, written by lino-upgrade. You may edit this file.
#
# A decision names a model, its rows (a list of primary keys, or \"all\"), and one of
#   set = { FIELD = VALUE }      empty = [\"FIELD\"]       point = { FIELD = \"KEY\" }   leave_out = true
#   copy = { NEW = \"OLD\" }       drop = [\"FIELD\"]        rename = \"app.Model\"        (these for all rows)
#   undecided = true             ask = \"a question to the developer\"
# Later decisions win over earlier ones. \"count\" and \"because\" are for people.
";

/// Writes answers and decisions: the answers by name, the decisions in their order.
#[must_use]
pub fn write(answers: &BTreeMap<String, String>, decisions: &Decisions) -> String {
    let mut text = HEAD.to_owned();
    if !answers.is_empty() {
        text.push_str("\n# Answers to questions of the upgrade, by their names.\n[answers]\n");
        for (question, answer) in answers {
            let _ = writeln!(text, "{} = {}", key(question), quoted(answer));
        }
    }
    for decision in decisions.iter() {
        one(&mut text, decision);
    }
    text
}

fn one(text: &mut String, decision: &Decision) {
    let _ = writeln!(text, "\n[[decision]]\nmodel = {}", quoted(&decision.model));
    let rows = match &decision.rows {
        Scope::All(_) => quoted("all"),
        Scope::These(keys) => list(keys.iter().map(|key| quoted(key)), "rows = ".len()),
    };
    let _ = writeln!(text, "rows = {rows}\ncount = {}", decision.rows.count());
    if !decision.because.is_empty() {
        let _ = writeln!(text, "because = {}", quoted(&decision.because));
    }
    let fields = |fields: &[String]| list(fields.iter().map(|field| quoted(field)), "empty = ".len());
    let names = |names: &BTreeMap<String, String>| table(names.iter().map(|(name, text)| (name, quoted(text))));
    let _ = match &decision.choice {
        Choice::Set(values) => {
            writeln!(text, "set = {}", table(values.iter().map(|(name, given)| (name, value(given)))))
        }
        Choice::Empty(names) => writeln!(text, "empty = {}", fields(names)),
        Choice::Point(targets) => writeln!(text, "point = {}", names(targets)),
        Choice::Copy(pairs) => writeln!(text, "copy = {}", names(pairs)),
        Choice::Drop(names) => writeln!(text, "drop = {}", fields(names)),
        Choice::LeaveOut => writeln!(text, "leave_out = true"),
        Choice::Rename(model) => writeln!(text, "rename = {}", quoted(model)),
        Choice::Undecided => writeln!(text, "undecided = true"),
        Choice::Ask(note) => writeln!(text, "ask = {}", quoted(note)),
    };
}

fn value(given: &Given) -> String {
    match given {
        Given::Bool(flag) => flag.to_string(),
        Given::Int(number) => number.to_string(),
        Given::Float(number) => format!("{number:?}"),
        Given::Text(text) => quoted(text),
        Given::When(when) => when.to_string(),
        Given::Texts(texts) => format!("[{}]", texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", ")),
    }
}

fn table<'a>(pairs: impl Iterator<Item = (&'a String, String)>) -> String {
    let pairs: Vec<String> = pairs.map(|(name, value)| format!("{} = {value}", key(name))).collect();
    format!("{{ {} }}", pairs.join(", "))
}

/// Writes a list in one line, or wrapped where it does not fit.
fn list(items: impl Iterator<Item = String>, before: usize) -> String {
    let items: Vec<String> = items.collect();
    let short = format!("[{}]", items.join(", "));
    if before + short.chars().count() <= WIDTH || items.len() < 2 {
        return short;
    }
    let mut lines = vec!["[".to_owned()];
    let mut line = String::new();
    for item in items {
        if !line.is_empty() && line.chars().count() + item.chars().count() + 2 > WIDTH {
            lines.push(std::mem::take(&mut line));
        }
        line.push_str(if line.is_empty() { "    " } else { " " });
        line.push_str(&item);
        line.push(',');
    }
    lines.push(line);
    lines.push("]".to_owned());
    lines.join("\n")
}

fn key(name: &str) -> String {
    let is_bare = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    if !name.is_empty() && name.chars().all(is_bare) { name.to_owned() } else { quoted(name) }
}

/// Writes a text in one line; what would steer a terminal is escaped.
fn quoted(text: &str) -> String {
    let mut written = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => written.extend(['\\', letter]),
            '\n' => written.push_str("\\n"),
            '\t' => written.push_str("\\t"),
            '\r' => written.push_str("\\r"),
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => {
                let _ = write!(written, "\\u{:04x}", u32::from(letter));
            }
            letter if letter.is_control() => {
                let _ = write!(written, "\\u{:04x}", u32::from(letter));
            }
            letter => written.push(letter),
        }
    }
    written.push('"');
    written
}
