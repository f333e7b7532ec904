//! Which model a foreign key points to, where only a dump tells: it has the field and the value, but not the model.
//!
//! By the name of the field, by what the message calls the row that is missing, and where both say nothing by the
//! values: the model among whose refused rows all of them are.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::failure::Failure;
use super::from_log::Tables;
use super::links::{Classes, beside};

/// Knows what each foreign key points to.
pub(super) struct Targets {
    found: BTreeMap<(String, String), String>,
}

impl Targets {
    /// Finds it out for all fields of failures that complain of them.
    pub(super) fn of(tables: &Tables, failures: &[Failure]) -> Self {
        let mut refused: BTreeMap<&str, HashSet<&str>> = BTreeMap::new();
        // For each field of a table the failures that point by it.
        let mut fields: BTreeMap<(&str, &str), Vec<&Failure>> = BTreeMap::new();
        for failure in failures {
            if let Some(model) = &failure.model {
                refused.entry(model).or_default().insert(&failure.key);
            }
            for point in failure.points.iter().filter(|point| point.1.is_empty()) {
                fields.entry((&failure.table, &point.0)).or_default().push(failure);
            }
        }
        let classes = Classes::of(tables.of_model.keys().map(String::as_str));
        let mut found = BTreeMap::new();
        for ((table, field), rows) in fields {
            let own = tables.models.get(table).map_or("", String::as_str);
            let complaining: Vec<&Failure> =
                rows.iter().copied().filter(|row| row.messages.contains_key(field)).collect();
            let said: BTreeSet<String> = complaining.iter().filter_map(|row| called(row, field)).collect();
            let nearest = |name: &str| nearest(classes.called(name), own, |model| refused.contains_key(model));
            let model = said
                .iter()
                .find_map(|name| nearest(name))
                .or_else(|| nearest(&field.replace('_', "")))
                .or_else(|| by_values(&complaining, field, &refused, tables.depends_on.get(own)))
                .or_else(|| nearest(field.rsplit('_').next().unwrap_or(field)));
            if let Some(model) = model {
                found.insert((table.to_owned(), field.to_owned()), model.to_owned());
            }
        }
        Self { found }
    }

    /// Sets the models of what rows point to; what nobody knows is left out.
    pub(super) fn aim(&self, failures: &mut [Failure]) {
        let mut place = (String::new(), String::new());
        for failure in failures {
            for point in failure.points.iter_mut().filter(|point| point.1.is_empty()) {
                place.0.clone_from(&failure.table);
                place.1.clone_from(&point.0);
                if let Some(model) = self.found.get(&place) {
                    point.1.clone_from(model);
                }
            }
            failure.points.retain(|point| !point.1.is_empty());
        }
    }
}

/// Of several models of one name the one of the same application, else one that has refused rows.
fn nearest<'a>(all: &[&'a str], own: &str, refused: impl Fn(&str) -> bool) -> Option<&'a str> {
    let refused = || all.iter().copied().find(|model| refused(model));
    beside(all, own).next().or_else(refused).or_else(|| all.first().copied())
}

/// What the message calls the row that is missing: `partner instance with id 3 …`. In other languages, or where a model
/// has another name for people, nothing comes of it.
fn called(row: &Failure, field: &str) -> Option<String> {
    let text = row.messages.get(field)?.first()?;
    let (name, _) = text.split_once(" instance with ")?;
    Some(name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect())
}

/// The model among whose refused rows all are that the field names; of several the one with the fewest.
fn by_values<'a>(
    rows: &[&Failure],
    field: &str,
    refused: &BTreeMap<&'a str, HashSet<&str>>,
    depends_on: Option<&Vec<String>>,
) -> Option<&'a str> {
    let values: BTreeSet<&str> = rows
        .iter()
        .flat_map(|row| row.points.iter().filter(|point| point.0 == field).map(|point| point.2.as_str()))
        .collect();
    if values.is_empty() {
        return None;
    }
    let known = |model: &str| depends_on.is_none_or(|models| models.iter().any(|name| name == model));
    let all = refused.iter().filter(|(model, keys)| known(model) && values.iter().all(|value| keys.contains(value)));
    all.min_by_key(|(_, keys)| keys.len()).map(|(model, _)| *model)
}
