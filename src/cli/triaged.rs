//! Rows that were refused, by cause, for people and for programs: what `rehearse` and `triage` have in common.

mod groups;

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};

use serde::Serialize;

use crate::messages::line::plain;
use crate::triage::{Cause, Causes, Failure, Why, remedy, saying};
use crate::ui::text::wrap;

pub(super) use groups::{Groups, of, plainly};

/// Causes that are told to people; they are those with most rows.
const MOST_CAUSES: usize = 200;
/// Keys that are named of each cause.
const NAMED: usize = 8;
/// Letters of a message that are shown.
const SHOWN: usize = 300;
/// Columns of the text, as people have them everywhere.
const COLUMNS: usize = 80;
/// A space at which no line is broken.
const TOGETHER: char = '\u{a0}';

/// Cleans and cuts a text that comes from the site.
pub(super) fn shown(text: &str) -> String {
    let text = plain(text.replace('\n', " ").as_bytes()).into_owned();
    if text.chars().count() > SHOWN { text.chars().take(SHOWN).chain(['…']).collect() } else { text }
}

/// Writes a text behind a margin, broken at words; its further lines are set in.
pub(super) fn paragraph(out: &mut dyn Write, margin: &str, text: &str) -> io::Result<()> {
    let mut rest = wrap(text, COLUMNS - margin.chars().count()).into_iter();
    let with_spaces = |line: &str| line.replace(TOGETHER, " ");
    if let Some(first) = rest.next() {
        writeln!(out, "{margin}{}", with_spaces(&first))?;
    }
    // What follows has less room, so it is broken anew.
    let after: Vec<String> = rest.collect();
    if !after.is_empty() && !margin.is_empty() {
        for line in wrap(&after.join(" "), COLUMNS - margin.chars().count() - 2) {
            writeln!(out, "{margin}  {}", with_spaces(&line))?;
        }
        return Ok(());
    }
    after.iter().try_for_each(|line| writeln!(out, "{}", with_spaces(line)))
}

/// Tells the causes, each after an empty line.
pub(super) fn tell(causes: &Causes, out: &mut dyn Write) -> io::Result<()> {
    for cause in causes.causes.iter().take(MOST_CAUSES) {
        writeln!(out)?;
        tell_one(cause, causes, out)?;
    }
    let others = causes.causes.get(MOST_CAUSES..).unwrap_or_default();
    if others.is_empty() {
        return Ok(());
    }
    let count = others.iter().map(|cause| cause.rows.len()).sum();
    let more = if others.len() == 1 { "1 more cause".to_owned() } else { format!("{} more causes", others.len()) };
    writeln!(out)?;
    paragraph(out, "", &format!("And {more} of {}, which --json tells.", rows(count)))
}

/// Says `1 row` or `3 rows`.
pub(super) fn rows(number: usize) -> String {
    if number == 1 { "1 row".to_owned() } else { format!("{number} rows") }
}

fn tell_one(cause: &Cause, causes: &Causes, out: &mut dyn Write) -> io::Result<()> {
    let of = |row: &usize| causes.failures.get(*row);
    writeln!(out, "{}: {}", shown(&cause.model), rows(cause.rows.len()))?;
    let first = cause.rows.first().and_then(of);
    for (field, message) in &cause.messages {
        let field = if field.is_empty() { String::new() } else { format!("{}: ", shown(field)) };
        let message = first.map_or_else(|| message.clone(), |failure| saying(failure, message));
        paragraph(out, "  ", &format!("{field}{}", shown(&message)))?;
    }
    if let Some(remedy) = first.and_then(|row| cause.messages.iter().find_map(|(_, message)| remedy(row, message))) {
        paragraph(out, "  ", &remedy)?;
    }
    let named: Vec<&Failure> = cause.rows.iter().filter_map(of).take(NAMED).collect();
    let more = cause.rows.len().saturating_sub(named.len());
    for (at, in_file) in named.chunk_by(|one, other| one.file == other.file).enumerate() {
        let last = named.chunk_by(|one, other| one.file == other.file).count() == at + 1;
        let more = if last && more > 0 { format!(" and {more} more") } else { String::new() };
        let file = in_file.first().map_or("", |failure| failure.file.as_str());
        let file = if file.is_empty() { "not in the snapshot".to_owned() } else { shown(file) };
        let keys: Vec<String> = in_file.iter().map(|failure| place(failure)).collect();
        paragraph(out, "  ", &format!("{file}: {}{more}", keys.join(", ")))?;
    }
    if cause.why == Why::Circle {
        paragraph(out, "  ", "They point to rows that point back to them, so none can be loaded first.")?;
    }
    if cause.follow > 0 {
        let mut by_model: BTreeMap<&str, usize> = BTreeMap::new();
        for follower in cause.rows.iter().flat_map(|row| causes.all_followers(*row)) {
            let model = causes.failures.get(follower).map_or("", Failure::model_or_table);
            *by_model.entry(model).or_default() += 1;
        }
        let models: Vec<String> =
            by_model.iter().map(|(model, count)| format!("{count} of {}", shown(model))).collect();
        let follow = if cause.follow == 1 { "1 row follows" } else { &format!("{} rows follow", cause.follow) };
        paragraph(out, "  ", &format!("{follow}: {}", models.join(", ")))?;
    }
    if cause.rows.iter().filter_map(of).any(|failure| failure.forbidden) {
        let text = "The rehearsal allows no file of the site to be written and no server to be reached; a restore may.";
        paragraph(out, "  ", text)?;
    }
    if cause.phase.stops() {
        writeln!(out, "  A restore stops at the first of them.")?;
    }
    Ok(())
}

fn place(failure: &Failure) -> String {
    match failure.line {
        0 => shown(&failure.key),
        line => format!("{} (line{TOGETHER}{line})", shown(&failure.key)).replace(" (", "\u{a0}("),
    }
}

/// Writes an object as one line, with little of it in memory.
pub(super) fn print(out: &mut dyn Write, whole: &impl Serialize) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    serde_json::to_writer(&mut out, whole)?;
    writeln!(out)?;
    out.flush()
}

/// Joins the messages of a cause.
pub(super) fn message(messages: &[(String, String)]) -> String {
    let said =
        messages.iter().map(|(field, text)| if field.is_empty() { text.clone() } else { format!("{field}: {text}") });
    said.collect::<Vec<_>>().join(" ")
}
