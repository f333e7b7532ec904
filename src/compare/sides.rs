//! Two dump scripts side by side: aligned by what they consist of, then line by line and word by word.
//!
//! Aligning the parts is done at once; the lines of a part only when somebody looks at it.

mod lines;
mod sections;
mod text;
mod words;

#[cfg(test)]
mod tests;

use std::ops::Range;

pub use self::text::Text;
use crate::dump::Script;

/// What a part of a script is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The create function of a table.
    Function {
        /// The table.
        table: String,
        /// The model, `tickets.Ticket`; none when the function does not say.
        model: Option<String>,
    },
    /// Anything else; the text names it: `heading`, `models`, `cycles`, `load order`, `end`.
    Other(&'static str),
}

/// How a part differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Both sides have the same lines.
    Equal,
    /// Both sides have it, and it differs.
    Changed,
    /// It differs, and that is noise.
    Noise,
    /// Only the old script has it.
    Removed,
    /// Only the new script has it.
    Added,
}

/// A part of the scripts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// What it is.
    pub part: Part,
    /// How it differs.
    pub state: State,
    /// Its lines in the old script, from 0, the end not included; empty when it is not there.
    pub old: Range<usize>,
    /// Its lines in the new script.
    pub new: Range<usize>,
}

/// A line of one side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its number in its script, from 1.
    pub number: usize,
    /// Its text in pieces, and whether each differs from the other side. Joined they are the line as it is in the
    /// file, without its line break; whoever shows it must make control characters harmless.
    pub pieces: Vec<(String, bool)>,
}

/// Two lines that stand side by side; at least one is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Of the old script.
    pub old: Option<Line>,
    /// Of the new script.
    pub new: Option<Line>,
}

impl Pair {
    /// Tells whether both sides are there and equal.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        let same = |line: &Line| line.pieces.iter().all(|(_, differs)| !differs);
        matches!((&self.old, &self.new), (Some(old), Some(new)) if same(old) && same(new))
    }
}

/// What a section consists of, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// Equal lines: those of the old script, from 0, and where they begin in the new one.
    Equal(Range<usize>, usize),
    /// Two lines that differ, or one without an equal.
    Differs(Pair),
}

/// Two scripts, aligned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sides {
    /// Their parts, in the order in which they are shown: that of the new script, with what is gone at its old place.
    pub sections: Vec<Section>,
    old: Text,
    new: Text,
}

impl Sides {
    /// Aligns two scripts, which were read from these texts; a text that is given away is not copied.
    #[must_use]
    pub fn new(old: (impl Into<Text>, &Script), new: (impl Into<Text>, &Script)) -> Self {
        let (old_text, new_text) = (old.0.into(), new.0.into());
        let sections = sections::align((&old_text, old.1), (&new_text, new.1));
        Self { sections, old: old_text, new: new_text }
    }

    /// Returns the lines of a section side by side; none for an index beyond the last section.
    #[must_use]
    pub fn pairs(&self, section: usize) -> Vec<Pair> {
        let mut pairs = Vec::new();
        for block in self.blocks(section) {
            match block {
                Block::Equal(old, new) => pairs.extend(self.equal(old, new)),
                Block::Differs(pair) => pairs.push(pair),
            }
        }
        pairs
    }

    /// Returns the same without building the lines that are equal, for whoever shows only a few of them.
    #[must_use]
    pub fn blocks(&self, section: usize) -> Vec<Block> {
        let Some(section) = self.sections.get(section) else { return Vec::new() };
        lines::blocks((&self.old, &section.old), (&self.new, &section.new))
    }

    /// Returns the texts of equal lines, of a block or of a part of it; they may differ in their breaks only.
    pub fn texts(&self, old: Range<usize>, new: usize) -> impl Iterator<Item = (&str, &str)> {
        old.zip(new..).map(|(at, there)| (self.old.line(at), self.new.line(there)))
    }

    /// Returns equal lines, of a block or of a part of it.
    pub fn equal(&self, old: Range<usize>, new: usize) -> impl Iterator<Item = Pair> {
        let line = |text: &str, at: usize| Some(Line { number: at + 1, pieces: vec![(text.to_owned(), false)] });
        old.zip(new..).map(move |(at, there)| {
            let (old, new) = (line(self.old.line(at), at), line(self.new.line(there), there));
            Pair { old, new }
        })
    }
}
