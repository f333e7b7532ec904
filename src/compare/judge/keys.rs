//! By what differences of different sources are known to be the same.

use std::collections::BTreeSet;

use super::super::difference::{Change, Difference, Subject};
use super::super::model::{Field, Model, Models};
use super::Sources;
use super::ground::{named, with_table};

/// What of a table or column differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Aspect {
    TableAdded,
    TableRemoved,
    Added,
    Removed,
    /// Its type, length, digits or class.
    Value,
    /// Whether it must have a value.
    Stricter,
    Looser,
    Unique(BTreeSet<String>),
    NotUnique(BTreeSet<String>),
    Choices,
    Target,
    Key,
    Collation,
    Validators,
    Other,
}

/// A table, a column or nothing, and what of it differs.
pub type Key = (String, String, Aspect);

/// Returns all that a difference of models or scripts says about tables and columns; a difference of the catalogue
/// says one thing.
pub fn of(sources: &Sources, difference: &Difference) -> Vec<Key> {
    let empty = Models::default();
    let [before, after] = sources.models.as_ref().map_or([&empty, &empty], |[before, after]| [before, after]);
    let change = &difference.change;
    let key = |table: &str, column: &str, aspect: Aspect| (table.to_owned(), column.to_owned(), aspect);
    match &difference.subject {
        Subject::Site => languages(before, after, change),
        Subject::Table(table) => vec![key(table, "", of_table(change))],
        Subject::Column(table, column) => vec![key(table, column, aspect(change))],
        Subject::Model(name) => {
            let (old, new) = (named(before, name), named(after, name));
            let table = |model: Option<&Model>| model.map_or_else(|| name.clone(), |model| model.table.clone());
            match change {
                Change::Added => vec![key(&table(new), "", Aspect::TableAdded)],
                Change::Removed => vec![key(&table(old), "", Aspect::TableRemoved)],
                Change::Place { from, to } => {
                    vec![key(to, "", Aspect::TableAdded), key(from, "", Aspect::TableRemoved)]
                }
                Change::Unique(names) => vec![key(&table(new), "", Aspect::Unique(columns(new, names)))],
                Change::NotUnique(names) => vec![key(&table(new), "", Aspect::NotUnique(columns(old, names)))],
                change => vec![key(&table(new), "", of_table(change))],
            }
        }
        Subject::Field(name, field) => {
            let (old, new) = (named(before, name), named(after, name));
            let table = new.or(old).map_or_else(|| name.clone(), |model| model.table.clone());
            let of = |model: Option<&Model>| column(model, field);
            let mine = new.and_then(|_| of(new)).or_else(|| of(old)).unwrap_or_else(|| field.clone());
            let translated = |model: Option<&Model>, aspect: Aspect| -> Vec<Key> {
                let fields = model.into_iter().flat_map(|model| &model.fields);
                let texts = fields.filter(|known| known.babel_of.as_ref() == Some(field));
                texts.filter_map(|known| Some(key(&table, known.column.as_ref()?, aspect.clone()))).collect()
            };
            let plus = |first: Key, rest: Vec<Key>| std::iter::once(first).chain(rest).collect();
            match change {
                Change::Added => plus(key(&table, &mine, Aspect::Added), translated(new, Aspect::Added)),
                Change::Removed => plus(
                    key(&table, &of(old).unwrap_or_else(|| field.clone()), Aspect::Removed),
                    translated(old, Aspect::Removed),
                ),
                Change::Translated => plus(key(&table, &mine, Aspect::Value), translated(new, Aspect::Added)),
                Change::Untranslated => plus(key(&table, &mine, Aspect::Value), translated(old, Aspect::Removed)),
                Change::Place { from, to } => {
                    vec![key(&table, to, Aspect::Added), key(&table, from, Aspect::Removed)]
                }
                Change::Unique(names) => vec![key(&table, "", Aspect::Unique(columns(new, names)))],
                Change::NotUnique(names) => vec![key(&table, "", Aspect::NotUnique(columns(old, names)))],
                change => vec![key(&table, &mine, aspect(change))],
            }
        }
    }
}

fn of_table(change: &Change) -> Aspect {
    match change {
        Change::Added => Aspect::TableAdded,
        Change::Removed => Aspect::TableRemoved,
        change => aspect(change),
    }
}

fn aspect(change: &Change) -> Aspect {
    let set = |names: &[String]| names.iter().cloned().collect();
    match change {
        Change::Added => Aspect::Added,
        Change::Removed => Aspect::Removed,
        Change::Type { .. } | Change::Length { .. } | Change::Digits { .. } | Change::Class { .. } => Aspect::Value,
        Change::NotNull | Change::Required => Aspect::Stricter,
        Change::Nullable | Change::Optional => Aspect::Looser,
        Change::Unique(names) => Aspect::Unique(set(names)),
        Change::NotUnique(names) => Aspect::NotUnique(set(names)),
        Change::Choices { .. } | Change::Limited(_) | Change::Unlimited => Aspect::Choices,
        Change::Target { .. } => Aspect::Target,
        Change::Parents { .. } | Change::Key { .. } => Aspect::Key,
        Change::Collation { .. } => Aspect::Collation,
        Change::Validators { .. } => Aspect::Validators,
        _ => Aspect::Other,
    }
}

fn column(model: Option<&Model>, field: &str) -> Option<String> {
    let known = |known: &&Field| known.name == field || known.attname == field;
    model?.fields.iter().find(known)?.column.clone()
}

fn columns(model: Option<&Model>, names: &[String]) -> BTreeSet<String> {
    names.iter().map(|name| column(model, name).unwrap_or_else(|| name.clone())).collect()
}

/// Columns that come and go with a language.
fn languages(before: &Models, after: &Models, change: &Change) -> Vec<Key> {
    let all = |models: &Models, language: Option<&str>, aspect: &Aspect| -> Vec<Key> {
        let suffix = language.map(|language| format!("_{}", language.replace('-', "_")).to_lowercase());
        let of_language = |field: &Field| suffix.as_ref().is_none_or(|end| field.name.to_lowercase().ends_with(end));
        let tables = models.models.iter().filter(|model| with_table(models, &model.table).is_some());
        tables
            .flat_map(|model| model.fields.iter().map(move |field| (&model.table, field)))
            .filter(|(_, field)| field.babel_of.is_some() && of_language(field))
            .filter_map(|(table, field)| Some((table.clone(), field.column.clone()?, aspect.clone())))
            .collect()
    };
    match change {
        Change::LanguageAdded(language) => all(after, Some(language), &Aspect::Added),
        Change::LanguageRemoved(language) => all(before, Some(language), &Aspect::Removed),
        Change::MainLanguage { .. } => [all(after, None, &Aspect::Added), all(before, None, &Aspect::Removed)].concat(),
        _ => Vec::new(),
    }
}
