//! Decisions: what the operator chose for rows, fields and models that the new version does not take.
//!
//! A later decision wins over an earlier one of the same rows and field, and every step can be taken back. What a
//! decision becomes in the dump script is said in `fit`.

mod bulk;
mod standing;
#[cfg(test)]
mod tests;
mod value;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::failure::Failure;

pub use bulk::{Bulk, bulk};
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
    past: Vec<Vec<Arc<Decision>>>,
    future: Vec<Vec<Arc<Decision>>>,
}

impl PartialEq for Decisions {
    /// Two are equal when they decide the same; how it came to that does not matter.
    fn eq(&self, other: &Self) -> bool {
        self.now == other.now
    }
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
        let mut next = self.now.clone();
        for decision in decisions {
            place(&mut next, decision)?;
        }
        self.step(next);
        Ok(())
    }

    /// Takes one back, by its place in the list; nothing happens where there is none.
    pub fn remove(&mut self, place: usize) {
        let mut next = self.now.clone();
        if place < next.len() {
            next.remove(place);
            self.step(next);
        }
    }

    fn step(&mut self, next: Vec<Arc<Decision>>) {
        if next != self.now {
            self.past.push(std::mem::replace(&mut self.now, next));
            self.future.clear();
        }
    }

    /// Takes the last step back; tells whether there was one.
    pub fn undo(&mut self) -> bool {
        let Some(before) = self.past.pop() else { return false };
        self.future.push(std::mem::replace(&mut self.now, before));
        true
    }

    /// Does again what was taken back last; tells whether there was something.
    pub fn redo(&mut self) -> bool {
        let Some(after) = self.future.pop() else { return false };
        self.past.push(std::mem::replace(&mut self.now, after));
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

/// Puts a decision behind the others, and takes out of them what it replaces.
fn place(list: &mut Vec<Arc<Decision>>, mut decision: Decision) -> Result<(), Refused> {
    let model = decision.model.clone();
    if let Scope::These(keys) = &mut decision.rows {
        let mut seen = HashSet::new();
        keys.retain(|key| seen.insert(key.clone()));
    }
    if model.trim().is_empty() || decision.choice.is_empty() || decision.rows == Scope::These(Vec::new()) {
        return Err(Refused::Empty(model));
    }
    let is_for_all = matches!(decision.rows, Scope::All(_));
    if decision.choice.is_for_all() && !is_for_all {
        return Err(Refused::ForAllOnly(model));
    }
    let same = canonical(&model);
    let leaves_model_out = is_for_all && decision.choice == Choice::LeaveOut;
    let replaces_all = leaves_model_out || is_for_all && decision.choice.is_open();
    for known in list.iter().filter(|known| canonical(&known.model) == same) {
        let is_for_all = matches!(known.rows, Scope::All(_));
        if is_for_all && known.choice == Choice::LeaveOut && !replaces_all {
            return Err(Refused::LeftOut(model));
        }
        if let Choice::Drop(fields) = &known.choice
            && let Some(field) = decision.choice.values().into_iter().find(|field| fields.iter().any(|f| f == field))
        {
            return Err(Refused::Dropped(model, field.to_owned()));
        }
    }
    let rows: HashSet<&str> = match &decision.rows {
        Scope::All(_) => HashSet::new(),
        Scope::These(keys) => keys.iter().map(String::as_str).collect(),
    };
    let mut kept = Vec::with_capacity(list.len() + 2);
    for known in list.drain(..) {
        if canonical(&known.model) != same {
            kept.push(known);
        } else if is_for_all {
            kept.extend(beside_all(known, &decision));
        } else {
            kept.extend(beside_some(known, &decision, &rows));
        }
    }
    kept.push(Arc::new(decision));
    *list = kept;
    Ok(())
}

/// Returns what is left of a decision once a later one is taken for all rows of the same model.
fn beside_all(known: Arc<Decision>, later: &Decision) -> Option<Arc<Decision>> {
    let mut left = Decision::clone(&known);
    let places = later.choice.places();
    match &later.choice {
        Choice::LeaveOut => return None,
        // What is said of the model as a whole replaces what was said of it so.
        Choice::Undecided | Choice::Ask(_) | Choice::Rename(_) => {
            let is_name = |choice: &Choice| matches!(choice, Choice::Rename(_));
            let is_replaced = matches!(known.rows, Scope::All(_))
                && (known.choice.is_whole() || is_name(&known.choice))
                && is_name(&known.choice) == is_name(&later.choice);
            return (!is_replaced).then_some(known);
        }
        // The value of a field that is dropped does not matter.
        Choice::Drop(_) => left.choice.without(&places, &places),
        Choice::Copy(_) => left.choice.without(&[], &places),
        _ => left.choice.without(&later.choice.values(), &[]),
    }
    (!left.choice.is_empty()).then(|| Arc::new(left))
}

/// Returns what is left of a decision once a later one is taken for some rows of the same model.
fn beside_some(known: Arc<Decision>, later: &Decision, rows: &HashSet<&str>) -> Vec<Arc<Decision>> {
    let Scope::These(keys) = &known.rows else { return vec![known] };
    let (taken, others): (Vec<String>, Vec<String>) = keys.iter().cloned().partition(|key| rows.contains(key.as_str()));
    if taken.is_empty() {
        return vec![known];
    }
    let part = |keys: Vec<String>| Decision { rows: Scope::These(keys), ..Decision::clone(&known) };
    let mut left = vec![part(others)];
    if !later.choice.is_whole() && !known.choice.is_whole() {
        let mut same_rows = part(taken);
        same_rows.choice.without(&later.choice.values(), &[]);
        if same_rows.choice == known.choice {
            return vec![known];
        }
        left.push(same_rows);
    }
    left.retain(|decision| !decision.choice.is_empty() && decision.rows != Scope::These(Vec::new()));
    left.into_iter().map(Arc::new).collect()
}
