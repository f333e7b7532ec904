//! The two dump scripts, model by model and function by function.
//!
//! A script shows which fields a model has and how their values are read. It does not show lengths, null, unique,
//! types, choices or defaults, and not whether a field must have a value: that no difference is found here proves
//! nothing. Fields are named as the scripts name them, a foreign key with its `_id`.

mod by_hand;
mod functions;
mod noise;
mod side;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use self::functions::Both;
use self::side::Side;
use super::difference::{Change, Class, Difference, Guess, Question, Rows, Subject};
use super::guessing::{self, Candidate, Shape};
use super::languages;
use crate::dump::{Conversion, Function, Parameter, Script};

pub(super) use self::by_hand::edits_only_here;
pub(super) use self::functions::is_noise;

/// Names that are told of a longer list.
const NAMED: usize = 8;

/// What differs between two dump scripts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// The differences, noise included, sorted by model and field.
    pub differences: Vec<Difference>,
    /// What was probably only renamed.
    pub guesses: Vec<Guess>,
    /// What could not be compared, and why: sentences.
    pub left_out: Vec<String>,
}

/// Compares the script of the old version with that of the new one.
#[must_use]
pub fn compare(old: &Script, new: &Script) -> Comparison {
    let (old, new) = (Side::new("old", old), Side::new("new", new));
    let mut found = languages(&old, &new);
    for model in new.models.difference(&old.models) {
        found.extend(old.has_all_models().then(|| added(model)));
    }
    for model in old.models.difference(&new.models) {
        found.extend(new.has_all_models().then(|| removed(model, &old)));
    }
    let common: Vec<Both<'_>> =
        old.common(&new).map(|(model, former, function)| Both::new(model, former, function)).collect();
    for both in &common {
        functions::compare(both, &old, &new, &mut found);
    }
    noise::compare(&old, &new, &mut found);
    by_hand::compare(&old, &new, &mut found);
    // Stable: what is said of one field keeps its order.
    found.sort_by(|one, other| one.subject.place().cmp(&other.subject.place()));
    Comparison { differences: found, guesses: guesses(&old, &new, &common), left_out: left_out(&old, &new) }
}

fn difference(class: Class, subject: Subject, change: Change, text: &str, rows: Vec<(&str, Rows)>) -> Difference {
    let sentence = format!("{subject} {text}.");
    let questions = rows.into_iter().map(|(table, rows)| Question { table: table.to_owned(), rows }).collect();
    Difference { class, subject, change, sentence, questions }
}

fn added(model: &str) -> Difference {
    difference(Class::Additive, Subject::Model(model.to_owned()), Change::Added, "is new", Vec::new())
}

fn removed(model: &str, old: &Side<'_>) -> Difference {
    let text = "is gone: its rows have no place in the new version";
    let table = old.table(model);
    let subject = Subject::Model(model.to_owned());
    difference(Class::Destructive, subject, Change::Removed, text, vec![(&table, Rows::All)])
}

fn languages(old: &Side<'_>, new: &Side<'_>) -> Vec<Difference> {
    let (before, after) = (&old.script.languages, &new.script.languages);
    if before.is_empty() || after.is_empty() {
        return Vec::new();
    }
    let fields = || old.script.functions.iter().flat_map(|function| babel(function).map(move |name| (function, name)));
    let ask =
        |function: &Function, column: String| Question { table: function.table.clone(), rows: Rows::NotEmpty(column) };
    let texts = |language: &str| {
        let suffix = suffix(before, language);
        fields().map(|(function, name)| ask(function, format!("{name}{suffix}"))).collect()
    };
    let all = || fields().map(|(function, name)| ask(function, name.to_owned())).collect();
    languages::compare(before, after, texts, all)
}

fn babel(function: &Function) -> impl Iterator<Item = &str> {
    let fields = function.parameters.iter().filter(|parameter| parameter.conversion == Conversion::Babel);
    fields.map(|parameter| parameter.name.as_str())
}

/// What the columns of a language have behind the name of the field: nothing for the main language.
fn suffix(languages: &[String], language: &str) -> String {
    match languages.first() {
        Some(main) if main == language => String::new(),
        _ => format!("_{}", language.replace('-', "_")),
    }
}

fn guesses(old: &Side<'_>, new: &Side<'_>, common: &[Both<'_>]) -> Vec<Guess> {
    let missing = |these: &Side<'_>, from: &Side<'_>| -> Vec<Shape> {
        let known = these.models.difference(&from.models).filter(|_| from.has_all_models());
        known.map(|model| shape(model, these.function(model))).collect()
    };
    let mut guesses = guessing::models(&missing(old, new), &missing(new, old));
    for Both { model, fields: [former, latter], .. } in common {
        // Without one of them nothing can be a renaming.
        if former.is_empty() || latter.is_empty() {
            continue;
        }
        let missing = |these: &[Parameter], from: &[Parameter]| -> Vec<Candidate> {
            let known: BTreeSet<&str> = from.iter().map(|parameter| parameter.name.as_str()).collect();
            let fields = these.iter().filter(|parameter| !known.contains(parameter.name.as_str()));
            let own = fields.filter(|parameter| parameter.conversion != Conversion::ParentLink);
            own.map(|parameter| candidate(model, &parameter.name, &parameter.conversion)).collect()
        };
        guesses.extend(guessing::fields(&missing(former, latter), &missing(latter, former), "kind"));
    }
    guesses
}

fn shape(model: &str, function: Option<&Function>) -> Shape {
    let parameters = function.map(|function| function.parameters.as_slice()).unwrap_or_default();
    let fields = parameters.iter().filter(|parameter| {
        // What nearly every model has says nothing.
        parameter.name != "id" && parameter.conversion != Conversion::ParentLink
    });
    Shape { model: model.to_owned(), fields: fields.map(|parameter| parameter.name.to_string()).collect() }
}

fn candidate(model: &str, name: &str, conversion: &Conversion) -> Candidate {
    // Foreign keys end like that, and hardly anything else.
    let foreign = if name.ends_with("_id") { "foreign key" } else { "value" };
    Candidate {
        subject: Subject::Field(model.to_owned(), name.to_owned()),
        name: name.to_owned(),
        kind: format!("{foreign} {}", functions::word(conversion)),
    }
}

fn left_out(old: &Side<'_>, new: &Side<'_>) -> Vec<String> {
    let mut said = Vec::new();
    let common = old.models.intersection(&new.models).count();
    let least = old.models.len().min(new.models.len());
    if common * 4 < least || (least == 0 && old.models.len() != new.models.len()) {
        said.push(format!(
            "Only {common} of the {} models of the old script are among the {} of the new one: they are probably dumps of \
             different applications, so the differences say little.",
            old.models.len(),
            new.models.len()
        ));
    }
    said.extend(old.left_out());
    said.extend(new.left_out());
    for (side, other) in [(old, new), (new, old)] {
        if side.has_all_functions() {
            continue;
        }
        let without: Vec<&str> = side
            .models
            .intersection(&other.models)
            .filter(|model| side.function(model).is_none() && other.function(model).is_some())
            .copied()
            .collect();
        if !without.is_empty() {
            said.push(format!(
                "The fields of {} could not be compared: the {} script has no complete create function for {}.",
                named(&without),
                side.word,
                if without.len() == 1 { "it" } else { "them" }
            ));
        }
    }
    said
}

/// Names the first of a list, and says how many more there are.
fn named(names: &[&str]) -> String {
    match names {
        [] => "nothing".to_owned(),
        [one] => (*one).to_owned(),
        _ if names.len() <= NAMED => {
            let (last, rest) = names.split_last().map_or(("", names), |(last, rest)| (*last, rest));
            format!("{} and {last}", rest.join(", "))
        }
        _ => {
            let first: Vec<&str> = names.iter().take(NAMED).copied().collect();
            format!("{} and {} more", first.join(", "), names.len() - NAMED)
        }
    }
}
