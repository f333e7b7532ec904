//! Models that become parts of others: `create_X` still makes them of one piece, and Django shares the values out.

use super::super::difference::{Change, Difference, Question, Rows, Subject};
use super::super::evidence::{Effect, Touched};
use super::super::model::{Field, Model};
use super::Sources;
use super::effect::loses;
use super::ground::{Ground, named, with_table};

/// Tells whether a difference is that a model without parents has some now.
pub fn gains(sources: &Sources, difference: &Difference) -> bool {
    let models = sources.models.is_ok();
    models && matches!(&difference.change, Change::Parents { from, to } if from.is_empty() && !to.is_empty())
}

/// Asks which rows have the key of a row that a parent has already: the row of the parent must be a new one.
pub fn questions(sources: &Sources, subject: &Subject) -> Vec<Question> {
    let ground = Ground::new(sources, subject);
    let (Ok([before, _]), Some(after), Some(table)) = (&sources.models, ground.after, &ground.table) else {
        return Vec::new();
    };
    let Some(old) = with_table(before, table) else { return Vec::new() };
    let taken =
        |parent: &Model| Rows::Taken { column: old.pk.clone(), table: parent.table.clone(), key: parent.pk.clone() };
    let parents = after.parents.iter().filter_map(|parent| named(before, parent));
    parents.map(|parent| Question { table: table.clone(), rows: taken(parent) }).collect()
}

/// Foretells what becomes of the rows of a model that gains parents.
pub fn effect(ground: &Ground<'_>, touched: &Touched, refused: u64) -> Effect {
    let (Ok([before, _]), Some(after), Some(function)) = (&ground.sources.models, ground.after, ground.function) else {
        return Effect::Unknown;
    };
    let given = |field: &Field| function.parameter(&field.attname).is_some();
    let complete = |field: &Field| given(field) || field.blank || field.has_default || field.auto_now;
    if !ground.ancestors().iter().flat_map(|parent| &parent.fields).all(|field| field.primary_key || complete(field)) {
        return Effect::Unknown;
    }
    match touched {
        Touched::Rows(0) => Effect::Loads,
        Touched::Unknown(_) => Effect::Unknown,
        Touched::Rows(_) => {
            // Whoever comes first has the key.
            let parents = after.parents.iter().filter_map(|parent| named(before, parent));
            let mut places = parents.map(|parent| ground.sources.place_of(&parent.table));
            let own = ground.sources.place_of(&function.table);
            if places.all(|place| place < own) { Effect::Fails(refused) } else { Effect::Unknown }
        }
    }
}

/// Foretells what becomes of the values of a field that moves to a parent.
pub fn moved(ground: &Ground<'_>, parent: &Model, touched: &Touched) -> Effect {
    let Some(old) = ground.old else { return Effect::Unknown };
    if ground.is_child() {
        // `create_mti_child` gives the parent what it knows by the name of the value, which a foreign key has not.
        return if old.attname == old.name { Effect::Loads } else { loses(touched) };
    }
    let alike = |new: &Field| {
        (&new.class, &new.db_type, new.null, &new.target) == (&old.class, &old.db_type, old.null, &old.target)
            && (new.blank || !old.blank)
            && new.unique == old.unique
            && new.validators == old.validators
            && new.choices == old.choices
    };
    if parent.field(&old.name).is_some_and(alike) { Effect::Loads } else { Effect::Unknown }
}

/// Returns the value of row files that becomes the key, when a model gains parents: Django takes it over.
pub fn former_key(sources: &Sources, table: &str, key: &str) -> Option<String> {
    let [before, after] = sources.models.as_ref().ok()?;
    let old = with_table(before, table).filter(|model| model.parents.is_empty())?;
    let new = named(after, &old.model).filter(|model| !model.parents.is_empty())?;
    (new.pk_column == key && old.pk_column != key).then(|| old.pk.clone())
}
