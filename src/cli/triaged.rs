//! Rows that were refused, by cause, for people and for programs: what `rehearse` and `triage` have in common.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value as Json, json};

use crate::dump::{Row, Rows, Script, Value};
use crate::messages::line::plain;
use crate::snapshot::index::Index;
use crate::triage::{Cause, Causes, Failure, Why, remedy, saying};
use crate::ui::text::wrap;

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

/// Tells every cause, each after an empty line.
pub(super) fn tell(causes: &Causes, out: &mut dyn Write) -> io::Result<()> {
    causes.causes.iter().try_for_each(|cause| {
        writeln!(out)?;
        tell_one(cause, causes, out)
    })
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

/// Returns the groups in the form of `triage --json`, with all fields of each row.
pub(super) fn groups(causes: &Causes, script: &Path) -> io::Result<Vec<Json>> {
    let dump = Script::read(&String::from_utf8_lossy(&std::fs::read(script)?));
    // A script that nobody would take for a dump can be rehearsed all the same; then rows have no fields.
    let mut lines = BTreeMap::new();
    if let Ok(index) = Index::open(script, None) {
        for Failure { file, line, .. } in causes.failures.iter().filter(|failure| failure.line > 0) {
            if let Some(row) = index.written(file, *line).map_err(io::Error::other)? {
                lines.insert((file, *line), row.bytes);
            }
        }
    }
    let row = |index: &usize| {
        let failure = causes.failures.get(*index)?;
        let line = lines.get(&(&failure.file, failure.line));
        let fields = line.map(|line| fields(&dump, &failure.table, line)).unwrap_or_default();
        // A row that the snapshot does not have lies nowhere.
        let place = (failure.line > 0).then_some((&failure.file, failure.line));
        Some(json!({
            "pk": failure.key, "file": place.map(|place| place.0), "line": place.map(|place| place.1),
            "fields": fields, "messages": failure.messages,
        }))
    };
    let group = |cause: Json, model: &str, message: &str, rows: &[usize]| {
        json!({
            "model": model, "message": message, "count": rows.len(), "cause": cause,
            "rows": rows.iter().filter_map(row).collect::<Vec<_>>(),
        })
    };
    let mut groups = Vec::new();
    for cause in &causes.causes {
        groups.push(group(Json::Null, &cause.model, &message(&cause.messages), &cause.rows));
        for &leader in &cause.rows {
            let mut by_model: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
            for follower in causes.all_followers(leader) {
                let model = causes.failures.get(follower).map_or("", Failure::model_or_table);
                by_model.entry(model).or_default().push(follower);
            }
            let Some(leader) = causes.failures.get(leader) else { continue };
            let because = json!({"model": leader.model_or_table(), "pk": leader.key});
            for (model, rows) in by_model {
                let first = rows.first().and_then(|row| causes.failures.get(*row));
                let said: Vec<(String, String)> = first
                    .into_iter()
                    .flat_map(|failure| &failure.messages)
                    .map(|(field, texts)| (field.clone(), texts.join(" ")))
                    .collect();
                groups.push(group(because.clone(), model, &message(&said), &rows));
            }
        }
    }
    Ok(groups)
}

/// Joins the messages of a cause.
pub(super) fn message(messages: &[(String, String)]) -> String {
    let said =
        messages.iter().map(|(field, text)| if field.is_empty() { text.clone() } else { format!("{field}: {text}") });
    said.collect::<Vec<_>>().join(" ")
}

/// Returns the values of a row by the names of its fields.
fn fields(dump: &Script, table: &str, line: &[u8]) -> serde_json::Map<String, Json> {
    let Some(function) = dump.function(table) else { return serde_json::Map::new() };
    let Some(row) = Rows::new(line).find(|row: &Row<'_>| row.table == table.as_bytes()) else {
        return serde_json::Map::new();
    };
    let names = function.parameters.iter().map(|parameter| parameter.name.to_string());
    names.zip(row.values().map_while(Result::ok)).map(|(name, value)| (name, of(&value))).collect()
}

/// Returns a value as a program reads it.
pub(super) fn of(value: &Value<'_>) -> Json {
    match value {
        Value::None => Json::Null,
        Value::Bool(yes) => json!(yes),
        Value::Int(number) => json!(number),
        Value::Float(number) => json!(number),
        Value::Text(text) => json!(text),
        Value::Large(number) => json!(number),
        Value::Name(name) => json!(name),
        Value::List(values) | Value::Tuple(values) | Value::Set(values) => values.iter().map(of).collect(),
        Value::Call { function, arguments } => {
            let inner: Vec<String> = arguments.iter().map(|argument| plainly(&of(&argument.value))).collect();
            json!(format!("{function}({})", inner.join(", ")))
        }
        Value::Surrogates(_) | Value::Named(_) | Value::Bytes(_) | Value::Dict(_) => json!(format!("{value:?}")),
    }
}

/// Returns a value as a person reads it.
pub(super) fn plainly(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}
