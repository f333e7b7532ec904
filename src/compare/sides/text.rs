//! A text whose lines are found without looking at it again.

use std::ops::Range;

/// A text in lines. A line ends at a line feed; a carriage return before it belongs to the break.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text {
    text: String,
    /// Where each line begins.
    starts: Vec<usize>,
}

impl Text {
    pub fn new(text: String) -> Self {
        let breaks = || memchr::memchr_iter(b'\n', text.as_bytes());
        // Counting them takes less than to grow.
        let mut starts = Vec::with_capacity(breaks().count() + 1);
        starts.extend(std::iter::once(0).chain(breaks().map(|at| at + 1)).filter(|start| *start < text.len()));
        Self { text, starts }
    }

    /// Returns the number of its lines.
    pub const fn len(&self) -> usize {
        self.starts.len()
    }

    /// Returns a line without its break; an empty one beyond the end.
    pub fn line(&self, at: usize) -> &str {
        let line = self.raw(at..at.saturating_add(1));
        line.strip_suffix('\n').map_or(line, |line| line.strip_suffix('\r').unwrap_or(line))
    }

    /// Returns lines as they are, with their breaks.
    pub fn raw(&self, lines: Range<usize>) -> &str {
        let start = self.starts.get(lines.start).copied().unwrap_or(self.text.len());
        let end = self.starts.get(lines.end).copied().unwrap_or(self.text.len());
        self.text.get(start..end).unwrap_or_default()
    }

    /// Tells whether these lines are those of the other text, whatever their breaks.
    pub fn same(&self, lines: &Range<usize>, other: &Self, others: &Range<usize>) -> bool {
        lines.len() == others.len()
            && (self.raw(lines.clone()) == other.raw(others.clone())
                || lines.clone().zip(others.clone()).all(|(at, there)| self.line(at) == other.line(there)))
    }
}
