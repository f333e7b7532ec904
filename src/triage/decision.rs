//! Decisions: what the operator chose for rows, fields and models that the new version does not take.
//!
//! A later decision wins over an earlier one of the same rows and field, and every step can be taken back. What a
//! decision becomes in the dump script is said in `fit`.

mod bulk;
mod place;
mod spoken;
mod standing;
#[cfg(test)]
mod tests;
mod value;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::failure::Failure;

pub use bulk::{Bulk, bulk};
use place::{checked, place};
use spoken::Spoken;
pub use standing::Standing;
pub use value::Given;

/// What was chosen for rows of one model.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The model, `contacts.Partner`, or the table where the new version has no such model.
    pub model: String,
    /// Its rows.
    pub rows: Scope,
    /// What becomes of them.
    pub choice: Choice,
    /// The message of the cause, for people. It comes from the site: it is not to be trusted.
    pub because: String,
}

/// Rows of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of them: so many when it was decided.
    All(u64),
    /// Those with these primary keys, as the failures name them.
    These(Vec<String>),
}

/// What becomes of rows.
#[derive(Clone, Debug, PartialEq)]
pub enum Choice {
    /// Fields get a value.
    Set(BTreeMap<String, Given>),
    /// Fields are emptied.
    Empty(Vec<String>),
    /// Foreign keys point to another row, by its primary key.
    Point(BTreeMap<String, String>),
    /// Fields have another name: the new one, and the old one. For all rows.
    Copy(BTreeMap<String, String>),
    /// Fields are dropped. For all rows.
    Drop(Vec<String>),
    /// The rows are not loaded; for all rows: the model is left out.
    LeaveOut,
    /// The model has another name. For all rows.
    Rename(String),
    /// Not decided yet, and that on purpose.
    Undecided,
    /// The developer is asked.
    Ask(String),
}

impl Scope {
    /// Counts the rows.
    #[must_use]
    pub fn count(&self) -> u64 {
        match self {
            Self::All(count) => *count,
            Self::These(keys) => keys.len() as u64,
        }
    }

    /// Tells whether it has a row.
    #[must_use]
    pub fn contains(&self, key: &str) -> bool {
        match self {
            Self::All(_) => true,
            Self::These(keys) => keys.iter().any(|known| known == key),
        }
    }
}

impl Choice {
    /// Returns the name of its kind in a decisions file.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Set(_) => "set",
            Self::Empty(_) => "empty",
            Self::Point(_) => "point",
            Self::Copy(_) => "copy",
            Self::Drop(_) => "drop",
            Self::LeaveOut => "leave_out",
            Self::Rename(_) => "rename",
            Self::Undecided => "undecided",
            Self::Ask(_) => "ask",
        }
    }

    /// Returns the fields whose values it changes.
    #[must_use]
    pub fn values(&self) -> Vec<&str> {
        match self {
            Self::Set(values) => values.keys().map(String::as_str).collect(),
            Self::Empty(fields) => fields.iter().map(String::as_str).collect(),
            Self::Point(targets) => targets.keys().map(String::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// Returns the fields, by their old names, that it gives another name or drops.
    #[must_use]
    pub fn places(&self) -> Vec<&str> {
        match self {
            Self::Copy(names) => names.values().map(String::as_str).collect(),
            Self::Drop(fields) => fields.iter().map(String::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// Tells whether it makes sense for all rows of a model only.
    #[must_use]
    pub const fn is_for_all(&self) -> bool {
        matches!(self, Self::Copy(_) | Self::Drop(_) | Self::Rename(_))
    }

    /// Tells whether it leaves the rows as they are: nothing is decided yet.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self, Self::Undecided | Self::Ask(_))
    }

    /// Tells whether it speaks of rows as a whole, and not of their fields.
    const fn is_whole(&self) -> bool {
        matches!(self, Self::LeaveOut | Self::Undecided | Self::Ask(_))
    }

    /// Tells whether nothing is in it.
    fn is_empty(&self) -> bool {
        match self {
            Self::Set(values) => values.is_empty(),
            Self::Empty(fields) | Self::Drop(fields) => fields.is_empty(),
            Self::Point(names) | Self::Copy(names) => names.is_empty(),
            Self::Ask(text) | Self::Rename(text) => text.trim().is_empty(),
            Self::LeaveOut | Self::Undecided => false,
        }
    }

    /// Takes fields out that a later decision speaks of.
    fn without(&mut self, values: &[&str], places: &[&str]) {
        match self {
            Self::Set(fields) => fields.retain(|field, _| !values.contains(&field.as_str())),
            Self::Empty(fields) => fields.retain(|field| !values.contains(&field.as_str())),
            Self::Point(fields) => fields.retain(|field, _| !values.contains(&field.as_str())),
            Self::Copy(names) => names.retain(|_, old| !places.contains(&old.as_str())),
            Self::Drop(fields) => fields.retain(|field| !places.contains(&field.as_str())),
            _ => {}
        }
    }
}

/// Why a decision is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It speaks of no row or no field.
    #[error("The decision for {0} speaks of no row or no field.")]
    Empty(String),
    /// It is possible for all rows of a model only.
    #[error("For {0}, this can be decided for all rows of the model only.")]
    ForAllOnly(String),
    /// The whole model is left out.
    #[error("{0} is left out as a whole; take that back first.")]
    LeftOut(String),
    /// The field is dropped.
    #[error("The field {1} of {0} is dropped; take that back first.")]
    Dropped(String, String),
}

/// The decisions of an upgrade, in the order in which they were taken.
#[derive(Clone, Debug, Default)]
pub struct Decisions {
    now: Vec<Arc<Decision>>,
    past: Vec<Step>,
    future: Vec<Step>,
}

/// A step: it leaves so many decisions at the beginning as they are, and puts others in the place of the rest.
#[derive(Clone, Debug)]
struct Step {
    kept: usize,
    before: Vec<Arc<Decision>>,
    after: Vec<Arc<Decision>>,
}

impl PartialEq for Decisions {
    /// Two are equal when they decide the same; how it came to that does not matter.
    fn eq(&self, other: &Self) -> bool {
        self.now.len() == other.now.len() && kept(&self.now, &other.now) == self.now.len()
    }
}

/// Counts the decisions at the beginning that are the same in both lists. Mostly they are shared: no key of them is
/// looked at.
fn kept(one: &[Arc<Decision>], other: &[Arc<Decision>]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| Arc::ptr_eq(one, other) || one == other).count()
}

/// Returns a name by which models and their tables are the same, `contacts_partner`.
pub(super) fn canonical(model: &str) -> String {
    model.replace('.', "_").to_lowercase()
}

/// Tells whether a failure is one of a decision's model.
fn is_of(decision: &Decision, failure: &Failure) -> bool {
    let model = canonical(&decision.model);
    canonical(failure.model_or_table()) == model || failure.table == model || failure.table == decision.model
}

impl Decisions {
    /// Takes decisions in their order, as one step; none is taken when one is refused.
    pub fn add(&mut self, decisions: impl IntoIterator<Item = Decision>) -> Result<(), Refused> {
        let decisions: Vec<Decision> = decisions.into_iter().collect();
        let mut next = self.now.clone();
        // For one decision it takes less time to look at all others.
        let mut spoken = (decisions.len() > 1).then(|| Spoken::of(&next));
        for decision in decisions {
            if spoken.as_mut().is_some_and(|spoken| spoken.take(&decision)) {
                next.push(Arc::new(checked(decision)?));
            } else {
                place(&mut next, decision)?;
            }
        }
        self.step(next);
        Ok(())
    }

    /// Takes decisions in their order, each as a step of its own.
    ///
    /// # Errors
    /// The place of the first one that is refused, and why.
    pub(super) fn each(decisions: impl IntoIterator<Item = Decision>) -> Result<Self, (usize, Refused)> {
        let (mut list, mut spoken) = (Self::default(), Spoken::default());
        for (at, decision) in decisions.into_iter().enumerate() {
            if spoken.take(&decision) {
                let decision = Arc::new(checked(decision).map_err(|why| (at, why))?);
                let (kept, after) = (list.now.len(), vec![Arc::clone(&decision)]);
                list.past.push(Step { kept, before: Vec::new(), after });
                list.now.push(decision);
            } else {
                list.add([decision]).map_err(|why| (at, why))?;
            }
        }
        Ok(list)
    }

    /// Takes one back, by its place in the list; nothing happens where there is none.
    pub fn remove(&mut self, place: usize) {
        let mut next = self.now.clone();
        if place < next.len() {
            next.remove(place);
            self.step(next);
        }
    }

    fn step(&mut self, mut next: Vec<Arc<Decision>>) {
        let kept = kept(&self.now, &next);
        let after = next.split_off(kept);
        let before = self.now.split_off(kept);
        self.now.extend_from_slice(&after);
        if !before.is_empty() || !after.is_empty() {
            self.past.push(Step { kept, before, after });
            self.future.clear();
        }
    }

    /// Takes the last step back; tells whether there was one.
    pub fn undo(&mut self) -> bool {
        let Some(step) = self.past.pop() else { return false };
        self.now.truncate(step.kept);
        self.now.extend_from_slice(&step.before);
        self.future.push(step);
        true
    }

    /// Does again what was taken back last; tells whether there was something.
    pub fn redo(&mut self) -> bool {
        let Some(step) = self.future.pop() else { return false };
        self.now.truncate(step.kept);
        self.now.extend_from_slice(&step.after);
        self.past.push(step);
        true
    }

    /// Returns what is decided, the earliest first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Decision> + DoubleEndedIterator {
        self.now.iter().map(AsRef::as_ref)
    }

    /// Tells whether nothing is decided.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.now.is_empty()
    }

    /// Returns what is decided for a row: its own decisions and those for all rows of its model, the earliest first.
    #[must_use]
    pub fn of_row(&self, failure: &Failure) -> Vec<&Decision> {
        self.iter().filter(|decision| decision.rows.contains(&failure.key) && is_of(decision, failure)).collect()
    }
}
