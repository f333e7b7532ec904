//! A text whose lines are found without looking at it again.

use std::ops::Range;

/// A text in lines. A line ends at a line feed; a carriage return before it belongs to the break.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    text: String,
    /// Where each line begins. No script has 4 GB; what is behind them would belong to the last line.
    starts: Vec<u32>,
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::new(text.to_owned())
    }
}

impl From<&String> for Text {
    fn from(text: &String) -> Self {
        Self::new(text.clone())
    }
}

impl Text {
    fn new(text: String) -> Self {
        // Lines are longer on the average, and memory that is not used costs nothing; to grow costs more.
        let mut starts = Vec::with_capacity(text.len() / 32);
        let breaks = memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1);
        let begin = std::iter::once(0).chain(breaks).filter(|start| *start < text.len());
        starts.extend(begin.map_while(|start| u32::try_from(start).ok()));
        Self { text, starts }
    }

    /// Returns the number of its lines.
    pub(super) const fn len(&self) -> usize {
        self.starts.len()
    }

    /// Returns a line without its break; an empty one beyond the end.
    pub(super) fn line(&self, at: usize) -> &str {
        let line = self.raw(at..at.saturating_add(1));
        line.strip_suffix('\n').map_or(line, |line| line.strip_suffix('\r').unwrap_or(line))
    }

    /// Returns lines as they are, with their breaks.
    fn raw(&self, lines: Range<usize>) -> &str {
        self.text.get(self.start(lines.start)..self.start(lines.end)).unwrap_or_default()
    }

    fn start(&self, line: usize) -> usize {
        self.starts.get(line).map_or(self.text.len(), |start| *start as usize)
    }

    /// Tells whether these lines are those of the other text, whatever their breaks.
    pub(super) fn same(&self, lines: &Range<usize>, other: &Self, others: &Range<usize>) -> bool {
        lines.len() == others.len()
            && (self.raw(lines.clone()) == other.raw(others.clone())
                || lines.clone().zip(others.clone()).all(|(at, there)| self.line(at) == other.line(there)))
    }
}
