//! The decisions file: answers to questions and decisions for rows, in a form that a person can read and edit.
//!
//! ```toml
//! [answers]
//! "sign-in.confirm" = "y"
//!
//! [[decision]]
//! model = "contacts.Partner"
//! rows = ["101", "102"]
//! count = 2
//! because = "VAT identification number is greater than 19999999"
//! empty = ["vat_id"]
//! ```

mod raw;
#[cfg(test)]
mod tests;
mod write;

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use super::decision::{Decision, Decisions, Scope};
use super::fit::{At, Unfit};

pub use write::write;

/// A decisions file that was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DecisionsFile {
    /// Answers by the name of the question, for example `"sign-in.confirm" = "y"`.
    pub answers: BTreeMap<String, String>,
    /// The decisions.
    pub decisions: Decisions,
    /// Where each decision of the file stands, and its number in `decisions`.
    places: Vec<Place>,
}

/// Where a decision stands in the text.
#[derive(Clone, Debug, PartialEq)]
struct Place {
    decision: Decision,
    model: Range<usize>,
    kind: Range<usize>,
    rows: Vec<(String, Range<usize>)>,
    fields: Vec<(String, Range<usize>)>,
}

/// What is wrong in a decisions file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Mistake {
    /// Its bytes in the text.
    pub span: Range<usize>,
    /// What is wrong: a sentence.
    pub message: String,
}

impl DecisionsFile {
    /// Reads a file.
    pub fn read(text: &str) -> Result<Self, Mistake> {
        let raw: raw::File = toml::from_str(text)
            .map_err(|error| Mistake { span: error.span().unwrap_or(0..0), message: sentence(error.message()) })?;
        let places: Vec<Place> = raw.decision.into_iter().map(raw::Raw::read).collect::<Result<_, _>>()?;
        let taken = Decisions::each(places.iter().map(|place| place.decision.clone()));
        let decisions = taken.map_err(|(at, why)| {
            let span = places.get(at).map_or(0..0, |place| place.kind.clone());
            Mistake { span, message: why.to_string() }
        })?;
        Ok(Self { answers: raw.answers, decisions, places })
    }

    /// Tells where in the file stands what does not fit; none when that decision is not one of the file.
    #[must_use]
    pub fn mistake(&self, unfit: &Unfit) -> Option<Mistake> {
        let decision = self.decisions.iter().nth(unfit.decision)?;
        let is_same_kind = |place: &&Place| {
            let same_kind = std::mem::discriminant(&place.decision.choice) == std::mem::discriminant(&decision.choice);
            place.decision.model == decision.model && same_kind && covers(&place.decision.rows, &decision.rows)
        };
        let mut places = self.places.iter().filter(is_same_kind);
        let exact = places.clone().find(|place| place.decision == *decision);
        let place = exact.or_else(|| places.next())?;
        let of = |named: &[(String, Range<usize>)], name: &str| {
            named.iter().find(|(known, _)| known == name).map(|(_, span)| span.clone())
        };
        let span = match &unfit.at {
            At::Model => Some(place.model.clone()),
            At::Field(field) => of(&place.fields, field),
            At::Rows(rows) => rows.first().and_then(|row| of(&place.rows, row)),
        };
        Some(Mistake { span: span.unwrap_or_else(|| place.model.clone()), message: unfit.sentence.clone() })
    }
}

/// Tells whether the rows of a decision in the file hold those that are left of it.
fn covers(whole: &Scope, left: &Scope) -> bool {
    match (whole, left) {
        (Scope::All(_), Scope::All(_)) => true,
        (Scope::These(whole), Scope::These(left)) => {
            let whole: HashSet<&String> = whole.iter().collect();
            left.iter().all(|key| whole.contains(key))
        }
        _ => false,
    }
}

/// Makes a sentence of what the reader of TOML says.
fn sentence(message: &str) -> String {
    let first = message.lines().next().unwrap_or_default().trim();
    let mut letters = first.chars();
    let capital: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    let end = if first.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{capital}{}{end}", letters.as_str())
}
