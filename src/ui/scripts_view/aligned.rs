//! Two dump scripts in memory: their alignment, and their lines for searching, since a search must not align what
//! nobody looks at.

use crate::compare::Subject;
use crate::compare::sides::{Pair, Part, Section, Sides, State};
use crate::dump::Script;

/// Two dump scripts, aligned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aligned {
    sides: Sides,
    old: Vec<String>,
    new: Vec<String>,
    #[cfg(test)]
    pairs: Vec<Vec<Pair>>,
}

impl Aligned {
    /// Aligns the scripts of these texts. May take a second for very large ones.
    #[must_use]
    pub fn new(old: &str, new: &str) -> Self {
        let sides = Sides::new((old, &Script::read(old)), (new, &Script::read(new)));
        let lines = |text: &str| text.lines().map(str::to_owned).collect();
        Self {
            sides,
            old: lines(old),
            new: lines(new),
            #[cfg(test)]
            pairs: Vec::new(),
        }
    }

    /// Makes an alignment of known parts and lines, whoever aligns real ones.
    #[cfg(test)]
    pub fn known(sections: Vec<(Part, State, Vec<Pair>)>) -> Self {
        let mut aligned = Self::default();
        for (part, state, pairs) in sections {
            let from = (aligned.old.len(), aligned.new.len());
            let text = |line: &crate::compare::sides::Line| line.pieces.iter().map(|(text, _)| text.as_str()).collect();
            aligned.old.extend(pairs.iter().filter_map(|pair| pair.old.as_ref()).map(text));
            aligned.new.extend(pairs.iter().filter_map(|pair| pair.new.as_ref()).map(text));
            let (old, new) = (from.0..aligned.old.len(), from.1..aligned.new.len());
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
        self.old.len().max(self.new.len())
    }

    /// Tells whether a part has a line that is wanted.
    pub fn any(&self, section: usize, wanted: impl Fn(&str) -> bool) -> bool {
        let Some(section) = self.sections().get(section) else { return false };
        let of = |lines: &[String], range: &std::ops::Range<usize>| {
            lines.get(range.clone()).is_some_and(|lines| lines.iter().any(|line| wanted(line)))
        };
        of(&self.old, &section.old) || of(&self.new, &section.new)
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
