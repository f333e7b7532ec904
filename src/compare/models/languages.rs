//! Languages that the site gains or loses: each has a column in every babel field.

use super::super::difference::{Difference, Question, Rows};
use super::{Field, Model, Models};

/// Whether the languages of the site changed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Languages {
    /// They did.
    Changed,
    /// They did not, or nobody knows.
    AsBefore,
}

pub(super) fn changed(before: &Models, after: &Models) -> Languages {
    if before.languages == after.languages || before.languages.is_empty() || after.languages.is_empty() {
        Languages::AsBefore
    } else {
        Languages::Changed
    }
}

/// Tells whether the field came or went because the languages changed, or with the babel field that it translates.
pub(super) fn explains(told: Languages, former: &Model, model: &Model, field: &Field) -> bool {
    let Some(babel) = &field.babel_of else { return false };
    match (former.field(babel), model.field(babel)) {
        // A babel field that became a plain one loses its translations, which is said of itself.
        (Some(old), Some(new)) => !(old.babel && new.babel) || told == Languages::Changed,
        // A translation comes and goes with what it translates.
        (Some(_), None) | (None, Some(_)) => true,
        (None, None) => false,
    }
}

pub(super) fn compare(before: &Models, after: &Models) -> Vec<Difference> {
    if changed(before, after) == Languages::AsBefore {
        return Vec::new();
    }
    let all = || babel_fields(before).map(|(table, field)| question(table, &field.attname)).collect();
    super::super::languages::compare(
        &before.languages,
        &after.languages,
        |language| translations(before, language),
        all,
    )
}

fn babel_fields(models: &Models) -> impl Iterator<Item = (&str, &Field)> {
    let tables = models.models.iter().filter(|model| model.has_table());
    tables
        .flat_map(|model| model.fields.iter().map(|field| (model.table.as_str(), field)))
        .filter(|(_, field)| field.babel)
}

/// Asks for the texts in one language. The main language has no name in its columns.
fn translations(models: &Models, language: &str) -> Vec<Question> {
    let main = models.languages.first().is_some_and(|main| main == language);
    let suffix = format!("_{}", language.replace('-', "_")).to_lowercase();
    babel_fields(models)
        .filter(|(_, field)| match &field.babel_of {
            None => main,
            Some(babel) => field.name.to_lowercase() == babel.to_lowercase() + &suffix,
        })
        .map(|(table, field)| question(table, &field.attname))
        .collect()
}

fn question(table: &str, column: &str) -> Question {
    Question { table: table.to_owned(), rows: Rows::NotEmpty(column.to_owned()) }
}
