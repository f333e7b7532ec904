//! One choice for many rows: exactly those that are shown.

use std::collections::BTreeMap;

use super::super::cause::Causes;
use super::{Choice, Decision, Scope, canonical};

/// A choice for the rows that are shown, before it is taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Bulk {
    /// The decisions: one for each model.
    pub decisions: Vec<Decision>,
    /// The rows that it touches, each counted once.
    pub count: u64,
}

/// Prepares a choice for failures, which are given by their places in `causes`.
#[must_use]
pub fn bulk(causes: &Causes, rows: impl IntoIterator<Item = usize>, choice: &Choice, because: &str) -> Bulk {
    let mut by_model: BTreeMap<String, (String, Vec<String>)> = BTreeMap::new();
    for failure in rows.into_iter().filter_map(|row| causes.failures.get(row)) {
        let model = failure.model_or_table();
        let entry = by_model.entry(canonical(model)).or_insert_with(|| (model.to_owned(), Vec::new()));
        entry.1.push(failure.key.clone());
    }
    let decisions: Vec<Decision> = by_model
        .into_values()
        .map(|(model, mut keys)| {
            let mut seen = std::collections::HashSet::new();
            keys.retain(|key| seen.insert(key.clone()));
            Decision { model, rows: Scope::These(keys), choice: choice.clone(), because: because.to_owned() }
        })
        .collect();
    let count = decisions.iter().map(|decision| decision.rows.count()).sum();
    Bulk { decisions, count }
}
