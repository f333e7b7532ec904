//! How a refused row stands: decided, asked, or still open.

use super::super::cause::Causes;
use super::super::failure::Failure;
use super::{Choice, Decision, Decisions, Scope};

/// How a refused row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// Nothing is decided for it.
    Undecided,
    /// The developer is asked.
    Asked,
    /// The row that it follows from is decided so that it will be there: this one needs nothing.
    Follows,
    /// It will not be loaded.
    LeftOut,
    /// Something is changed so that it may be loaded.
    Changed,
}

impl Standing {
    /// Tells whether somebody has still to decide.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Undecided | Self::Asked)
    }
}

impl Decisions {
    /// Tells how a failure stands, which is given by its place in `causes`.
    #[must_use]
    pub fn standing(&self, causes: &Causes, row: usize) -> Standing {
        let own = |row: usize| causes.failures.get(row).map_or(Standing::Undecided, |failure| self.own(failure));
        let standing = own(row);
        if standing != Standing::Undecided {
            return standing;
        }
        let mut leader = causes.leader(row);
        // A leader that is itself open leads on; circles were opened when the causes were found.
        while let Some(current) = leader {
            match own(current) {
                Standing::Changed => return Standing::Follows,
                Standing::LeftOut | Standing::Asked => return Standing::Undecided,
                Standing::Undecided | Standing::Follows => leader = causes.leader(current),
            }
        }
        Standing::Undecided
    }

    /// Returns the failures that are still open, as places in `causes`.
    #[must_use]
    pub fn undecided(&self, causes: &Causes) -> Vec<usize> {
        (0..causes.failures.len()).filter(|&row| self.standing(causes, row).is_open()).collect()
    }

    /// Tells what the row's own decisions say.
    fn own(&self, failure: &Failure) -> Standing {
        let mut standing = Standing::Undecided;
        for decision in self.of_row(failure) {
            standing = match &decision.choice {
                Choice::Undecided => Standing::Undecided,
                Choice::Ask(_) => Standing::Asked,
                Choice::LeaveOut => Standing::LeftOut,
                _ if !speaks_to(decision, failure) => standing,
                _ => Standing::Changed,
            };
        }
        standing
    }
}

/// Tells whether a decision speaks to what was refused. One for the row itself does; one for all rows of the model does
/// when its field is what was refused.
fn speaks_to(decision: &Decision, failure: &Failure) -> bool {
    if matches!(decision.rows, Scope::These(_)) || matches!(decision.choice, Choice::Rename(_)) {
        return true;
    }
    let mut fields = decision.choice.values();
    fields.extend(decision.choice.places());
    if let Choice::Copy(names) = &decision.choice {
        fields.extend(names.keys().map(String::as_str));
    }
    fields.iter().any(|field| {
        let plain = field.strip_suffix("_id").unwrap_or(field);
        failure.messages.iter().any(|(of, texts)| {
            of == field || of == plain || of.is_empty() && texts.iter().any(|text| has_word(text, field))
        })
    })
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|letter: char| letter != '_' && !letter.is_alphanumeric()).any(|part| part == word)
}
