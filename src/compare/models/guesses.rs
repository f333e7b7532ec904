//! What was probably only renamed: which models and fields are candidates.

use super::super::column_type::ColumnType;
use super::super::difference::{Guess, Subject};
use super::super::guessing::{self, Candidate, Shape};
use super::{Field, Model, Models, languages, named};

pub(super) fn guess(before: &Models, after: &Models) -> Vec<Guess> {
    let missing = |these: &Models, from: &Models| -> Vec<Shape> {
        these.models.iter().filter(|model| named(from, &model.model).is_none()).map(shape).collect()
    };
    let mut guesses = guessing::models(&missing(before, after), &missing(after, before));
    let told = languages::changed(before, after);
    for model in &after.models {
        let Some(former) = named(before, &model.model) else { continue };
        let own = |field: &&Field| !languages::explains(told, former, model, field);
        let missing = |these: &Model, from: &Model| -> Vec<Candidate> {
            let fields = these.fields.iter().filter(|field| from.field(&field.name).is_none()).filter(own);
            fields.map(|field| candidate(model, field)).collect()
        };
        guesses.extend(guessing::fields(&missing(former, model), &missing(model, former), "type"));
    }
    guesses
}

fn shape(model: &Model) -> Shape {
    let fields = model.fields.iter().filter(|field| !field.primary_key).map(|field| field.name.clone()).collect();
    Shape { model: model.model.clone(), fields }
}

fn candidate(model: &Model, field: &Field) -> Candidate {
    Candidate {
        subject: Subject::Field(model.model.clone(), field.name.clone()),
        name: field.name.clone(),
        kind: kind(field),
    }
}

/// What a field and the one that it was renamed to have in common.
pub fn kind(field: &Field) -> String {
    let text = field.db_type.as_deref().unwrap_or_default();
    let column = ColumnType::read(text, field.db_check.as_deref()).name;
    let texts = if field.babel { "per language" } else { "" };
    format!("{column} {} {texts}", field.target.as_deref().unwrap_or_default())
}
