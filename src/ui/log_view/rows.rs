//! Lines of a log as the pane has them at hand.

use crate::messages::line::Severity;
use crate::ui::line::Segment;
use crate::ui::text;

/// A line of a log, cleaned for the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Text in pieces of one style; no control sequences are left in it.
    pub segments: Vec<Segment>,
    /// Set when the line was longer than what is read of it.
    pub cut: bool,
    /// How much it matters.
    pub severity: Severity,
}

impl Row {
    /// Returns the text without styles.
    #[must_use]
    pub fn text(&self) -> String {
        self.segments.iter().map(|segment| segment.text.as_str()).collect()
    }
}

/// Consecutive lines of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Number of the first one, from 0.
    pub first: u64,
    /// The lines.
    pub rows: Vec<Row>,
}

impl Rows {
    /// Returns the line of this number, when it is in the window.
    #[must_use]
    pub fn row(&self, number: u64) -> Option<&Row> {
        let at = number.checked_sub(self.first)?;
        self.rows.get(usize::try_from(at).ok()?)
    }
}

/// A range of lines to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// First line, from 0.
    pub first: u64,
    /// How many.
    pub count: usize,
}

/// Returns where a line is broken: pairs of columns, at least one. A wide character is not split.
#[must_use]
pub fn breaks(row: &Row, columns: usize) -> Vec<(usize, usize)> {
    let columns = columns.max(2);
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut end = 0;
    for c in row.segments.iter().flat_map(|segment| segment.text.chars()) {
        let width = text::char_width(c);
        if end + width > start + columns {
            pieces.push((start, end));
            start = end;
        }
        end += width;
    }
    pieces.push((start, end.max(start)));
    pieces
}
