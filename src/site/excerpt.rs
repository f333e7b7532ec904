//! An excerpt of a file that a person wrote: the line with a mistake, and a caret below it.

use std::ops::Range;

use unicode_width::UnicodeWidthStr;

use super::text::{one_line, printable};

/// Finds line and column of a span and draws the line with a caret below it.
#[must_use]
pub fn locate(text: &str, span: &Range<usize>, name: &str, message: &str) -> (usize, usize, String) {
    let start = floor(text, span.start);
    let before = text.get(..start).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let number = before.matches('\n').count() + 1;
    let lead = text.get(line_start..start).unwrap_or_default();
    let line = text.get(line_start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let end = floor(text, span.end.min(line_start + line.len())).max(start);
    let marked = text.get(start..end).unwrap_or_default();
    let column = lead.chars().count() + 1;
    let margin = " ".repeat(number.to_string().len());
    let excerpt = format!(
        "{margin}--> {}:{number}:{column}\n{margin} |\n{number} | {}\n{margin} | {}{} {}",
        one_line(name),
        printable(line),
        " ".repeat(printable(lead).width()),
        "^".repeat(printable(marked).width().max(1)),
        one_line(message),
    );
    (number, column, excerpt)
}

fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}
