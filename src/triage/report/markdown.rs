//! The report as Markdown. Texts of the site are escaped: none of them can become a heading, a link or HTML.

use std::fmt::Write as _;

use super::{Report, Told, Values};
use crate::messages::line::plain;

/// Writes the report.
#[must_use]
pub fn markdown(report: &Report) -> String {
    let mut out = String::from("# What the new version refuses\n\n");
    for sentence in &report.origin {
        let _ = writeln!(out, "{}", escaped(sentence));
    }
    let masked = match report.values {
        Values::Masked => {
            "Texts of rows are masked (▒▒▒), also in messages and tracebacks; numbers, dates, choices and keys are not. \
             `--with-values` tells them."
        }
        Values::Told => "This report has values of rows: treat it as the data itself.",
    };
    let _ = writeln!(out, "\n{masked}\n");
    if !report.versions.is_empty() {
        out.push_str("| | before | after |\n| --- | --- | --- |\n");
        for (what, old, new) in &report.versions {
            let _ = writeln!(out, "| {} | {} | {} |", escaped(what), escaped(old), escaped(new));
        }
        out.push('\n');
    }
    let _ = writeln!(out, "## Causes\n\n{}", escaped(&capital(&report.summary)));
    for (number, cause) in (1..).zip(&report.causes) {
        tell(&mut out, number, cause);
    }
    if report.more > 0 {
        let _ = writeln!(out, "\n{} more causes are left off.", report.more);
    }
    if !report.broken.is_empty() {
        out.push_str("\n## What else failed\n");
        for (place, said, traceback) in &report.broken {
            let _ = writeln!(out, "\n**{}**: {}", escaped(place), escaped(said));
            block(&mut out, "", traceback.as_deref());
        }
    }
    if !report.decisions.is_empty() {
        out.push_str("\n## Decisions so far\n\n");
        for decision in &report.decisions {
            let _ = writeln!(out, "- {}", escaped(decision));
        }
    }
    if report.edits.is_some() {
        out.push_str("\n## How restore.py was edited\n");
        block(&mut out, "diff", report.edits.as_deref());
    }
    if report.migrator.is_some() {
        out.push_str("\n## The same as a migrator, to begin with\n");
        block(&mut out, "python", report.migrator.as_deref());
    }
    out
}

fn tell(out: &mut String, number: usize, cause: &Told) {
    let rows = if cause.rows == 1 { "1 row".to_owned() } else { format!("{} rows", cause.rows) };
    let _ = writeln!(out, "\n### {number}. {}: {rows}\n", escaped(&cause.model));
    for (field, message) in &cause.messages {
        let field = if field.is_empty() { String::new() } else { format!("**{}**: ", escaped(field)) };
        let _ = writeln!(out, "- {field}{}", escaped(message));
    }
    let exception =
        if cause.exception.is_empty() { String::new() } else { format!(" ({})", escaped(&cause.exception)) };
    let _ = writeln!(out, "\n{}{exception}", cause.phase);
    if !cause.follow.is_empty() {
        let models: Vec<String> =
            cause.follow.iter().map(|(model, count)| format!("{count} of {}", escaped(model))).collect();
        let _ = writeln!(out, "\nRows that only follow from these: {}.", models.join(", "));
    }
    for sample in &cause.samples {
        let place = sample.place.as_ref().map_or("not in the snapshot".to_owned(), |place| escaped(place));
        let _ = writeln!(out, "\n{} **{}** ({place})\n", escaped(&cause.model), escaped(&sample.key));
        if !sample.fields.is_empty() {
            out.push_str("| field | kind | value |\n| --- | --- | --- |\n");
        }
        for (name, kind, value) in &sample.fields {
            let _ = writeln!(out, "| {} | {} | {} |", escaped(name), escaped(kind), escaped(value));
        }
        for (head, names) in sample.empties() {
            let _ = writeln!(out, "\n{head}: {}.", escaped(&names));
        }
    }
    block(out, "", cause.traceback.as_deref());
}

/// Makes the first letter a capital.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A text in one line, in which nothing is markup.
fn escaped(text: &str) -> String {
    let mut found = String::new();
    for letter in plain(text.replace('\n', " ").as_bytes()).chars() {
        match letter {
            '<' => found.push_str("&lt;"),
            '&' => found.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '!' | '~' | '$' => {
                // Within a word an underscore means nothing.
                let word = letter == '_' && found.ends_with(char::is_alphanumeric);
                if !word {
                    found.push('\\');
                }
                found.push(letter);
            }
            letter => found.push(letter),
        }
    }
    found
}

/// Lines as they are, in a fence that is longer than any within.
fn block(out: &mut String, language: &str, text: Option<&str>) {
    let Some(text) = text else { return };
    let longest = text.split(|letter| letter != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    let _ = writeln!(out, "\n{fence}{language}");
    for line in text.lines() {
        let _ = writeln!(out, "{}", plain(line.as_bytes()));
    }
    let _ = writeln!(out, "{fence}");
}
