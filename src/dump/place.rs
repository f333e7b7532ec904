//! Places in a dump: lines, and what is wrong at one of them.

use std::fmt;

/// Lines of a file, from 1, the last one included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lines {
    /// The first.
    pub first: u32,
    /// The last.
    pub last: u32,
}

impl Lines {
    /// Names one line.
    #[must_use]
    pub const fn one(line: u32) -> Self {
        Self { first: line, last: line }
    }

    /// Tells whether a line is one of them.
    #[must_use]
    pub const fn contains(self, line: u32) -> bool {
        self.first <= line && line <= self.last
    }
}

/// One thing that Python could not read, or that this reader cannot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1.
    pub line: u64,
    /// The character in that line, from 1.
    pub column: u64,
    /// What is wrong: lower case, no period.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.text)
    }
}

impl std::error::Error for Problem {}

/// A problem at a byte of a text, before its line and column are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub at: usize,
    pub text: String,
}

impl Fault {
    pub fn new(at: usize, text: impl Into<String>) -> Self {
        Self { at, text: text.into() }
    }

    /// Counts line and column in `bytes`, which begin at `line` and `column` of their file.
    pub fn problem(self, bytes: &[u8], line: u64, column: u64) -> Problem {
        let before = bytes.get(..self.at.min(bytes.len())).unwrap_or_default();
        let breaks = memchr::memchr_iter(b'\n', before).count() as u64;
        let start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
        let passed = characters(before.get(start..).unwrap_or_default()) as u64;
        let first = if breaks == 0 { column } else { 1 };
        Problem { line: line + breaks, column: first + passed, text: self.text }
    }
}

/// Counts the characters of UTF-8.
pub(super) fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}
