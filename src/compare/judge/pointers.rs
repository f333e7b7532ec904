//! Rows that may point to a row of any model, and point to one of a model that is gone: the create function asks for
//! its content type, and the restore ends.

use std::collections::BTreeSet;

use super::super::difference::{Change, Class, Difference, Question, Rows, Subject};
use super::super::evidence::{Effect, Touched};
use super::Sources;
use super::ground::Ground;
use super::merge::Merged;
use crate::dump::{Conversion, Function};

/// Names that are told of a longer list.
const NAMED: usize = 4;

/// Returns one difference for each such field of a table that has rows, when models are gone.
pub fn to_what_is_gone(sources: &Sources, merged: &[Merged]) -> Vec<Difference> {
    let Some(script) = &sources.script else { return Vec::new() };
    let is_gone = |merged: &&Merged| merged.difference.change == Change::Removed;
    let gone: BTreeSet<&str> = merged
        .iter()
        .filter(is_gone)
        .filter_map(|merged| match &merged.difference.subject {
            Subject::Model(model) => Some(model.as_str()),
            _ => None,
        })
        .filter(|model| script.models.iter().any(|known| known.name == *model))
        .collect();
    if gone.is_empty() {
        return Vec::new();
    }
    let known = script.models.iter().filter(|model| !gone.contains(model.name.as_str()));
    let known: Vec<String> = known.map(|model| model.variable.clone()).collect();
    let mut found = Vec::new();
    for function in &script.functions {
        let Some(model) = script.model_of(function).filter(|model| !gone.contains(model)) else { continue };
        if sources.rows_of(&function.table).unwrap_or_default() == 0 {
            continue;
        }
        for name in pointers(function) {
            let rows = Rows::NotIn(name.to_owned(), known.clone());
            found.push(difference(model, name, &gone, Question { table: function.table.clone(), rows }));
        }
    }
    found
}

/// The values of a create function that are content types.
fn pointers(function: &Function) -> impl Iterator<Item = &str> {
    let all = function.parameters.iter().filter(|parameter| parameter.conversion == Conversion::ContentType);
    all.map(|parameter| parameter.name.as_str())
}

fn difference(model: &str, name: &str, gone: &BTreeSet<&str>, question: Question) -> Difference {
    let subject = Subject::Field(model.to_owned(), name.to_owned());
    let mut text = gone.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    if gone.len() > NAMED {
        text = format!("{text} and {} other models", gone.len() - NAMED);
    }
    let are = if gone.len() == 1 { "which is" } else { "which are" };
    Difference {
        class: Class::Destructive,
        sentence: format!("{subject} may not point to {text} any more, {are} gone."),
        subject,
        change: Change::Choices { added: Vec::new(), removed: gone.iter().map(|model| (*model).to_owned()).collect() },
        questions: vec![question],
    }
}

/// Tells whether a difference is one of these.
pub fn is_one(ground: &Ground<'_>, difference: &Difference) -> bool {
    let name = difference.subject.place().1;
    let parameter = ground.function.and_then(|function| function.parameter(name));
    matches!(difference.change, Change::Choices { .. })
        && parameter.is_some_and(|parameter| parameter.conversion == Conversion::ContentType)
}

/// Foretells what becomes of the rows; `file` has the first of them.
pub fn effect(ground: &Ground<'_>, touched: &Touched, file: Option<String>) -> Effect {
    match touched {
        Touched::Rows(0) => Effect::Loads,
        Touched::Rows(_) => Effect::Stops { file: file.unwrap_or_else(|| ground.file()) },
        Touched::Unknown(_) => Effect::Unknown,
    }
}

/// What can be done about it.
pub fn remedy(create: &str) -> String {
    format!(
        "Delete these rows in the old version before the upgrade, or leave them out in {create} with @override in a \
         migrator. When the model was only renamed, its new name in the copy of restore.py is enough."
    )
}
