//! What the restore of the snapshot as it is would do because of a difference.
//!
//! The rules were read in `lino/utils/dpy.py` and seen on real sites: an error inside a create function ends the
//! restore; one while a row is validated or saved only puts the row off, unless its model points to nothing.

use super::super::column_type::ColumnType;
use super::super::difference::{Change, Difference, Subject};
use super::super::evidence::{Effect, Touched};
use super::super::model::Field;
use super::ground::Ground;
use super::{parents, pointers};
use crate::dump::Conversion;

/// Foretells it. `counted` are the rows that are refused, and the file of the first of them.
pub fn of(ground: &Ground<'_>, difference: &Difference, touched: &Touched, counted: (u64, Option<String>)) -> Effect {
    if let Change::LanguageRemoved(_) = difference.change {
        return loses(touched);
    }
    if !ground.is_loaded() {
        return match (&difference.subject, touched) {
            (Subject::Column(..), Touched::Unknown(_)) => Effect::Unknown,
            _ => Effect::Loads,
        };
    }
    let stops = || Effect::Stops { file: ground.file() };
    match &difference.change {
        Change::Removed => removed(ground, &difference.subject, touched),
        Change::Parents { from, .. } if !from.is_empty() => stops(),
        Change::Parents { .. } => parents::effect(ground, touched, counted.0),
        Change::Key { .. } => Effect::Unknown,
        Change::Choices { .. } if pointers::is_one(ground, difference) => pointers::effect(ground, touched, counted.1),
        // The create function names the field by its attribute.
        Change::Type { .. } | Change::Target { .. } | Change::Class { .. } if is_called_otherwise(ground) => stops(),
        Change::Type { to, .. } if takes_whole(to) && is_decimal(ground) => loses(touched),
        Change::Untranslated => {
            let languages = ground.sources.models.as_ref().map_or(2, |[_, after]| after.languages.len());
            if languages > 1 { stops() } else { Effect::Loads }
        }
        Change::Added if difference.questions.is_empty() => Effect::Loads,
        Change::Added if is_filled(ground) && *touched != Touched::Rows(0) => Effect::Unknown,
        Change::Written { .. } if *touched != Touched::Rows(0) => Effect::Unknown,
        change => match touched {
            Touched::Rows(0) => Effect::Loads,
            Touched::Unknown(_) => Effect::Unknown,
            Touched::Rows(_) if ground.is_child() => of_child(ground, change, counted.0),
            Touched::Rows(_) if ground.is_independent() => {
                Effect::Stops { file: counted.1.unwrap_or_else(|| ground.file()) }
            }
            Touched::Rows(_) => Effect::Fails(counted.0),
        },
    }
}

pub fn loses(touched: &Touched) -> Effect {
    match touched {
        Touched::Rows(0) => Effect::Loads,
        Touched::Rows(rows) => Effect::Loses(*rows),
        Touched::Unknown(_) => Effect::Unknown,
    }
}

fn removed(ground: &Ground<'_>, subject: &Subject, touched: &Touched) -> Effect {
    let name = match subject {
        Subject::Model(_) => return Effect::Stops { file: ground.file() },
        Subject::Field(_, name) | Subject::Column(_, name) => ground.old.map_or(name, |field| &field.attname),
        Subject::Site | Subject::Table(_) => return Effect::Loads,
    };
    if let Some(parent) = ground.moved_to() {
        return parents::moved(ground, parent, touched);
    }
    match ground.function.and_then(|function| function.parameter(name)) {
        // Somebody has taken out the line that gives it to the model.
        Some(parameter) if parameter.stored.is_none() => loses(touched),
        Some(_) => Effect::Stops { file: ground.file() },
        // The snapshot knows nothing of it, so the restore drops what the database has.
        None => loses(touched),
    }
}

/// Tells whether the application's own code may give a value to rows that have none. It does so when it validates
/// them; rows that are parts of others are not validated.
fn is_filled(ground: &Ground<'_>) -> bool {
    ground.new.is_some_and(|field| field.filled) && !ground.is_child()
}

fn is_called_otherwise(ground: &Ground<'_>) -> bool {
    ground.old.zip(ground.new).is_some_and(|(old, new)| old.attname != new.attname)
}

fn takes_whole(kind: &str) -> bool {
    ColumnType::read(kind, None).name.contains("int")
}

fn is_decimal(ground: &Ground<'_>) -> bool {
    let name = ground.old.map(|field| field.attname.as_str()).unwrap_or_default();
    let parameter = ground.function.and_then(|function| function.parameter(name));
    parameter.is_some_and(|parameter| parameter.conversion == Conversion::Decimal)
}

/// Rows that are parts of others are saved without being validated: only the database itself refuses them.
fn of_child(ground: &Ground<'_>, change: &Change, refused: u64) -> Effect {
    let is_text = |field: &Field| {
        let kind = ColumnType::read(field.db_type.as_deref().unwrap_or_default(), None).name;
        field.target.is_none() && (kind.ends_with("char") || kind.ends_with("text"))
    };
    match change {
        Change::Added if ground.new.is_some_and(is_text) => Effect::Loads,
        Change::Length { .. } if ground.sources.engine == "sqlite" => Effect::Loads,
        Change::Class { .. } | Change::Limited(_) | Change::Validators { .. } => Effect::Loads,
        Change::Choices { .. } if ground.new.is_some_and(|field| field.choicelist.is_none()) => Effect::Loads,
        Change::Required if ground.new.is_some_and(|field| field.null) => Effect::Loads,
        Change::Added | Change::Length { .. } | Change::NotNull | Change::Unique(_) | Change::Target { .. } => {
            Effect::Fails(refused)
        }
        _ => Effect::Unknown,
    }
}
