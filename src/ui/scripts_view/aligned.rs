//! Two dump scripts in memory: their alignment, and their lines for searching, since a search must not align what
//! nobody looks at.

use std::ops::Range;

use memchr::memmem::Finder;

use crate::compare::Subject;
use crate::compare::sides::{Pair, Part, Section, Sides, State};
use crate::dump::Script;
use crate::ui::text;

/// Two dump scripts, aligned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aligned {
    sides: Sides,
    old: Lines,
    new: Lines,
    #[cfg(test)]
    pairs: Vec<Vec<Pair>>,
}

impl Aligned {
    /// Aligns the scripts of these texts. May take a second for very large ones.
    #[must_use]
    pub fn new(old: &str, new: &str) -> Self {
        let sides = Sides::new((old, &Script::read(old)), (new, &Script::read(new)));
        Self {
            sides,
            old: Lines::of(old),
            new: Lines::of(new),
            #[cfg(test)]
            pairs: Vec::new(),
        }
    }

    /// Makes an alignment of known parts and lines, whoever aligns real ones.
    #[cfg(test)]
    pub fn known(sections: Vec<(Part, State, Vec<Pair>)>) -> Self {
        let mut aligned = Self::default();
        for (part, state, pairs) in sections {
            let from = (aligned.old.count(), aligned.new.count());
            for pair in &pairs {
                for (line, lines) in [(&pair.old, &mut aligned.old), (&pair.new, &mut aligned.new)] {
                    if let Some(line) = line {
                        lines.push(&line.pieces.iter().map(|(text, _)| text.as_str()).collect::<String>());
                    }
                }
            }
            let (old, new) = (from.0..aligned.old.count(), from.1..aligned.new.count());
            aligned.sides.sections.push(Section { part, state, old, new });
            aligned.pairs.push(pairs);
        }
        aligned
    }

    /// Returns the parts.
    #[must_use]
    pub fn sections(&self) -> &[Section] {
        &self.sides.sections
    }

    /// Aligns the lines of a part.
    #[must_use]
    pub fn pairs(&self, section: usize) -> Vec<Pair> {
        #[cfg(test)]
        if let Some(pairs) = self.pairs.get(section) {
            return pairs.clone();
        }
        self.sides.pairs(section)
    }

    /// Returns the greatest line number.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.old.count().max(self.new.count())
    }

    /// Tells whether a part may have a line with the needle.
    #[must_use]
    pub fn has(&self, section: usize, needle: &Needle) -> bool {
        let Some(section) = self.sections().get(section) else { return false };
        self.old.has(&section.old, needle) || self.new.has(&section.new, needle)
    }

    /// Returns the part that belongs to a subject: the function of its table.
    #[must_use]
    pub fn section_of(&self, subject: &Subject) -> Option<usize> {
        let (place, _) = subject.place();
        let by_model = matches!(subject, Subject::Model(_) | Subject::Field(..));
        let table = place.replace('.', "_");
        let mut sections = self.sections().iter();
        sections.position(|section| match &section.part {
            Part::Function { model: Some(model), .. } if by_model => model.eq_ignore_ascii_case(place),
            Part::Function { table: known, .. } => known.eq_ignore_ascii_case(&table),
            Part::Other(_) => false,
        })
    }

    /// Returns the first part that differs.
    #[must_use]
    pub fn first_difference(&self) -> Option<usize> {
        let differs = |section: &Section| !matches!(section.state, State::Equal | State::Noise);
        self.sections().iter().position(differs)
    }
}

/// What is looked for, made ready for many parts.
#[derive(Debug)]
pub struct Needle {
    finder: Finder<'static>,
    case_sensitive: bool,
}

impl Needle {
    /// Makes a needle ready. Case matters only when it has a capital letter.
    #[must_use]
    pub fn new(needle: &str) -> Self {
        let case_sensitive = text::case_sensitive(needle);
        let folded = if case_sensitive { needle.to_owned() } else { needle.to_lowercase() };
        Self { finder: Finder::new(&folded).into_owned(), case_sensitive }
    }
}

/// The lines of a script, as they are and in small letters, so that a search runs at the speed of memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Lines {
    text: String,
    folded: String,
    /// Where each line begins, in both.
    starts: Vec<(usize, usize)>,
}

impl Lines {
    fn of(text: &str) -> Self {
        let mut lines = Self::default();
        text.lines().for_each(|line| lines.push(line));
        lines
    }

    fn push(&mut self, line: &str) {
        self.starts.push((self.text.len(), self.folded.len()));
        self.text.push_str(line);
        self.text.push('\n');
        self.folded.push_str(&line.to_lowercase());
        self.folded.push('\n');
    }

    const fn count(&self) -> usize {
        self.starts.len()
    }

    fn has(&self, range: &Range<usize>, needle: &Needle) -> bool {
        let end = (self.text.len(), self.folded.len());
        let start = |line: usize| self.starts.get(line).copied().unwrap_or(end);
        let (from, to) = (start(range.start), start(range.end));
        let lines = if needle.case_sensitive { self.text.get(from.0..to.0) } else { self.folded.get(from.1..to.1) };
        lines.is_some_and(|lines| needle.finder.find(lines.as_bytes()).is_some())
    }
}
