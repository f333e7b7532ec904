//! The site's models before and after `pull`, as Django describes them on the same connection.

mod fields;
mod guesses;
mod languages;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use super::difference::{Change, Class, Difference, Guess, Question, Rows, Subject};
use super::model::{Field, Model, Models};
pub(super) use guesses::kind;

/// What changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// The differences, sorted by model and field.
    pub differences: Vec<Difference>,
    /// What was probably only renamed: each guess is about a difference that says "removed" and one that says "added".
    pub guesses: Vec<Guess>,
}

/// Compares the models of the old version with those of the new one.
#[must_use]
pub fn compare(before: &Models, after: &Models) -> Comparison {
    let mut found = languages::compare(before, after);
    for model in &after.models {
        match named(before, &model.model) {
            Some(former) => compare_models(former, model, before, after, &mut found),
            None => found.push(added(model)),
        }
    }
    found.extend(before.models.iter().filter(|model| named(after, &model.model).is_none()).map(removed));
    // Stable: what is said of one field keeps its order.
    found.sort_by(|one, other| one.subject.place().cmp(&other.subject.place()));
    Comparison { differences: found, guesses: guesses::guess(before, after) }
}

fn named<'a>(models: &'a Models, name: &str) -> Option<&'a Model> {
    models.models.iter().find(|model| model.model == name)
}

fn added(model: &Model) -> Difference {
    let class = if model.has_table() { Class::Additive } else { Class::Noise };
    let subject = Subject::Model(model.model.clone());
    difference(class, subject, Change::Added, "is new", (&model.table, vec![]))
}

fn removed(model: &Model) -> Difference {
    let subject = Subject::Model(model.model.clone());
    if !model.has_table() {
        return difference(Class::Noise, subject, Change::Removed, "is gone", (&model.table, vec![]));
    }
    let text = "is gone: its rows have no place in the new version";
    difference(Class::Destructive, subject, Change::Removed, text, (&model.table, vec![Rows::All]))
}

fn difference(
    class: Class,
    subject: Subject,
    change: Change,
    text: &str,
    (table, rows): (&str, Vec<Rows>),
) -> Difference {
    let sentence = format!("{subject} {text}.");
    let questions = rows.into_iter().map(|rows| Question { table: table.to_owned(), rows }).collect();
    Difference { class, subject, change, sentence, questions }
}

fn compare_models(former: &Model, model: &Model, before: &Models, after: &Models, found: &mut Vec<Difference>) {
    let subject = || Subject::Model(model.model.clone());
    if former.table != model.table {
        let text = format!("moves from table {} to {}", former.table, model.table);
        let change = Change::Place { from: former.table.clone(), to: model.table.clone() };
        found.push(difference(Class::Additive, subject(), change, &text, (&former.table, vec![])));
    }
    if former.parents != model.parents {
        let name = |parents: &[String]| if parents.is_empty() { "nothing".to_owned() } else { parents.join(", ") };
        let text = format!("was a part of {} and is one of {}", name(&former.parents), name(&model.parents));
        let change = Change::Parents { from: former.parents.clone(), to: model.parents.clone() };
        found.push(difference(Class::Destructive, subject(), change, &text, (&former.table, vec![Rows::All])));
    } else if former.pk != model.pk {
        let text = format!("has the primary key {} instead of {}", model.pk, former.pk);
        let change = Change::Key { from: vec![former.pk.clone()], to: vec![model.pk.clone()] };
        found.push(difference(Class::DataDependent, subject(), change, &text, (&former.table, vec![Rows::All])));
    }
    if !former.has_table() && !model.has_table() {
        return;
    }
    // What comes and goes with a language is told once, for the site.
    let told = languages::changed(before, after);
    for field in &model.fields {
        match former.field(&field.name) {
            Some(known) => fields::compare(former, (known, field), after, found),
            None if languages::explains(told, former, model, field) => {}
            None => found.push(fields::added(model, field)),
        }
    }
    for field in former.fields.iter().filter(|field| model.field(&field.name).is_none()) {
        if !languages::explains(told, former, model, field) {
            found.push(fields::removed(former, field));
        }
    }
    compare_unique(former, model, found);
    compare_constraints(former, model, found);
}

/// Compares the rules that no column shows. Nobody here can ask them.
fn compare_constraints(former: &Model, model: &Model, found: &mut Vec<Difference>) {
    let missing = |these: &Model, from: &Model| -> Vec<String> {
        these.constraints.iter().filter(|rule| !from.constraints.contains(rule)).cloned().collect()
    };
    let (added, removed) = (missing(model, former), missing(former, model));
    let (class, text, rows) = match (added.as_slice(), removed.as_slice()) {
        ([], []) => return,
        ([], gone) => (Class::Additive, format!("is not kept to {} any more", gone.join(", ")), vec![]),
        (new, _) => {
            let rows = vec![Rows::Unfit(former.pk.clone(), "constraint".to_owned())];
            (Class::DataDependent, format!("is kept to {} by the database", new.join(", ")), rows)
        }
    };
    let subject = Subject::Model(model.model.clone());
    let change = Change::Validators { added, removed };
    found.push(difference(class, subject, change, &text, (&former.table, rows)));
}

/// The sets of fields that are unique together, single fields included, the primary key not among them.
fn unique(model: &Model) -> BTreeSet<BTreeSet<&str>> {
    let alone = model.fields.iter().filter(|field| field.unique && !field.primary_key);
    let alone = alone.map(|field| BTreeSet::from([field.name.as_str()]));
    alone.chain(model.unique_together.iter().map(|names| names.iter().map(String::as_str).collect())).collect()
}

fn compare_unique(former: &Model, model: &Model, found: &mut Vec<Difference>) {
    let (old, new) = (unique(former), unique(model));
    let subject = |names: &[String]| match names {
        [name] => Subject::Field(model.model.clone(), name.clone()),
        _ => Subject::Model(model.model.clone()),
    };
    for set in new.difference(&old) {
        let names: Vec<String> = set.iter().map(|name| (*name).to_owned()).collect();
        let text = match names.as_slice() {
            [_] => "must be unique in all rows now".to_owned(),
            _ => format!("may not have two rows with the same {} any more", names.join(", ")),
        };
        // All rows of today get NULL there, which is equal to nothing.
        let starts_empty = |name: &String| {
            former.field(name).is_none() && model.field(name).is_some_and(|field| field.null && !field.has_default)
        };
        let (class, rows) = if names.iter().any(starts_empty) {
            (Class::Additive, vec![])
        } else {
            let columns = names.iter().map(|name| attribute(model, name)).collect();
            (Class::DataDependent, vec![Rows::Duplicates(columns)])
        };
        let change = Change::Unique(names.clone());
        found.push(difference(class, subject(&names), change, &text, (&former.table, rows)));
    }
    // That a field is gone says enough.
    let whole = |set: &&BTreeSet<&str>| set.iter().all(|name| model.field(name).is_some());
    for set in old.difference(&new).filter(whole) {
        let names: Vec<String> = set.iter().map(|name| (*name).to_owned()).collect();
        let text = match names.as_slice() {
            [_] => "need not be unique any more".to_owned(),
            _ => format!("may have several rows with the same {} now", names.join(", ")),
        };
        let change = Change::NotUnique(names.clone());
        found.push(difference(Class::Additive, subject(&names), change, &text, (&former.table, vec![])));
    }
}

fn attribute(model: &Model, field: &str) -> String {
    model.field(field).map_or_else(|| field.to_owned(), |field| field.attname.clone())
}
