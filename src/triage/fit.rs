//! Decisions against a snapshot: what they become in its dump script, and which of them do not fit any more.

#[cfg(test)]
mod tests;
mod values;

use super::decision::{Choice, Decision, Decisions, Given, Scope, canonical};
use crate::compare::{Field, Model, Models};
use crate::dump::edit::{Change, Rows, What, python};
use crate::dump::{Conversion, Function, Script};

/// What is known of a key in a table of the snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// No row has it.
    Missing,
    /// One row has it, and the row file writes it so: `101`, `'BE'`.
    Once(String),
    /// Several rows have it, which cannot be told apart.
    Several,
}

/// What decisions are held against.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// The dump script of the snapshot.
    pub script: &'a Script,
    /// Looks for a row by table and primary key.
    pub key: &'a dyn Fn(&str, &str) -> Stored,
    /// The models of the version that made the snapshot, where they are known.
    pub before: Option<&'a Models>,
    /// The models of the new version, where they are known.
    pub after: Option<&'a Models>,
}

/// What decisions become.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fit {
    /// The changes, in the order of the decisions.
    pub changes: Vec<Change>,
    /// For each change its decision, as a place in the list of decisions.
    pub decisions: Vec<usize>,
    /// What does not fit.
    pub unfit: Vec<Unfit>,
}

/// A decision, or a part of it, that is not applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// The decision, as a place in the list of decisions.
    pub decision: usize,
    /// What of it does not fit.
    pub at: At,
    /// Why, for people.
    pub sentence: String,
}

/// A part of a decision.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum At {
    /// Its model: nothing of the decision is applied.
    Model,
    /// One of its fields.
    Field(String),
    /// Some of its rows.
    Rows(Vec<String>),
}

/// Holds decisions against a snapshot.
#[must_use]
pub fn fit(decisions: &Decisions, known: &Known<'_>) -> Fit {
    let mut found = Fit::default();
    for (number, decision) in decisions.iter().enumerate() {
        let fitted = match Fitting::new(decision, decisions, known) {
            Ok(fitting) => fitting,
            Err(sentence) => {
                found.unfit.push(Unfit { decision: number, at: At::Model, sentence });
                continue;
            }
        };
        let (changes, unfit) = fitted.changes();
        found.decisions.extend(changes.iter().map(|_| number));
        found.changes.extend(changes);
        found.unfit.extend(unfit.into_iter().map(|(at, sentence)| Unfit { decision: number, at, sentence }));
    }
    found
}

/// One decision while it is fitted.
struct Fitting<'a> {
    decision: &'a Decision,
    all: &'a Decisions,
    known: &'a Known<'a>,
    function: &'a Function,
}

type Missing = Vec<(At, String)>;

impl<'a> Fitting<'a> {
    fn new(decision: &'a Decision, all: &'a Decisions, known: &'a Known<'a>) -> Result<Self, String> {
        let function = function_for(known.script, all, &decision.model)
            .ok_or_else(|| format!("The snapshot has no table of {}.", python::harmless(&decision.model)))?;
        Ok(Self { decision, all, known, function })
    }

    fn changes(&self) -> (Vec<Change>, Missing) {
        let mut missing = Vec::new();
        if self.decision.choice.is_open() {
            return (Vec::new(), missing);
        }
        let Some(rows) = self.rows(&mut missing) else { return (Vec::new(), missing) };
        let kinds: Vec<(What, String)> = match &self.decision.choice {
            Choice::Set(values) => {
                let values = values.iter().filter_map(|(field, given)| {
                    kept(At::Field(field.clone()), self.value(field, given), &mut missing)
                });
                assignment(values.collect(), "set")
            }
            Choice::Empty(fields) => {
                let values =
                    fields.iter().filter_map(|field| kept(At::Field(field.clone()), self.emptied(field), &mut missing));
                assignment(values.collect(), "emptied")
            }
            Choice::Point(targets) => {
                let values = targets
                    .iter()
                    .filter_map(|(field, key)| kept(At::Field(field.clone()), self.target(field, key), &mut missing));
                assignment(values.collect(), "pointed to another row")
            }
            Choice::Copy(names) => names
                .iter()
                .filter_map(|(to, from)| kept(At::Field(from.clone()), self.renamed(from, to), &mut missing))
                .collect(),
            Choice::Drop(fields) => fields
                .iter()
                .filter_map(|field| kept(At::Field(field.clone()), self.parameter(field), &mut missing))
                .map(|name| (What::Drop(name.clone()), format!("{name} is dropped")))
                .collect(),
            Choice::LeaveOut => {
                let what = if rows == Rows::All { "the rows of this table are not loaded" } else { "left out" };
                vec![(What::LeaveOut, what.to_owned())]
            }
            Choice::Rename(name) => vec![(What::Rename(name.clone()), format!("the model is called {name} now"))],
            Choice::Undecided | Choice::Ask(_) => Vec::new(),
        };
        let change = |(what, says): (What, String)| Change {
            table: self.function.table.clone(),
            rows: rows.clone(),
            what,
            note: self.note(&rows, &says),
        };
        (kinds.into_iter().map(change).collect(), missing)
    }

    /// Says what is done and why.
    fn note(&self, rows: &Rows, says: &str) -> String {
        let of = match rows {
            Rows::All => String::new(),
            Rows::These { literals, .. } if literals.len() == 1 => "1 row: ".to_owned(),
            Rows::These { literals, .. } => format!("{} rows: ", literals.len()),
        };
        let because = self.decision.because.trim();
        if because.is_empty() { format!("{of}{says}.") } else { format!("{of}{says}, because: {because}") }
    }

    /// Returns the rows that are there; none when all are missing.
    fn rows(&self, missing: &mut Missing) -> Option<Rows> {
        let Scope::These(keys) = &self.decision.rows else { return Some(Rows::All) };
        let table = &self.function.table;
        let (mut literals, mut gone, mut several) = (Vec::new(), Vec::new(), Vec::new());
        for key in keys {
            match (self.known.key)(table, key) {
                Stored::Once(literal) => literals.push(literal),
                Stored::Missing => gone.push(key.clone()),
                Stored::Several => several.push(key.clone()),
            }
        }
        if !gone.is_empty() {
            let sentence = match gone.as_slice() {
                [only] => format!("The snapshot has no row {} in {table}.", python::harmless(only)),
                keys => format!("{} of the rows are not in {table} of the snapshot: {}.", keys.len(), shown(keys)),
            };
            missing.push((At::Rows(gone), sentence));
        }
        if !several.is_empty() {
            let keys = shown(&several);
            let sentence = format!("More than one row of {table} has the key {keys}; edit its row file by hand.");
            missing.push((At::Rows(several), sentence));
        }
        (!literals.is_empty()).then(|| Rows::These { key: self.key_parameter(), literals })
    }

    /// Returns the parameter that holds the primary key.
    fn key_parameter(&self) -> String {
        let models = [self.model(self.known.before), self.model(self.known.after)];
        let known = models.into_iter().flatten().map(|model| model.pk.as_str());
        let key = self.function.parameters.get(self.function.key(known).unwrap_or_default());
        key.map_or("id", |parameter| parameter.name.as_str()).to_owned()
    }

    /// Returns the model as a version describes it: by the name that it has there, or by its table.
    fn model<'m>(&self, models: Option<&'m Models>) -> Option<&'m Model> {
        let label = self.function.model.as_deref();
        let renamed = self.all.iter().find_map(|decision| match &decision.choice {
            Choice::Rename(name)
                if *name == self.decision.model || canonical(&decision.model) == canonical(&self.decision.model) =>
            {
                Some(name)
            }
            _ => None,
        });
        let all = &models?.models;
        renamed
            .and_then(|name| all.iter().find(|model| model.model == *name))
            .or_else(|| all.iter().find(|model| Some(model.model.replace('.', "_").as_str()) == label))
            .or_else(|| all.iter().find(|model| model.table == self.function.table))
    }

    /// Returns the field as the new version describes it.
    fn new_field(&self, name: &str) -> Option<&'a Field> {
        let fields = &self.model(self.known.after)?.fields;
        fields.iter().find(|field| field.name == name || field.attname == name)
    }

    fn parameter(&self, field: &str) -> Result<String, String> {
        self.known_parameter(field).ok_or_else(|| self.no_field(field))
    }

    /// Returns the parameter of a field, which is called `partner_id` for a foreign key `partner`.
    fn known_parameter(&self, field: &str) -> Option<String> {
        let attribute = format!("{field}_id");
        let found = self.function.parameter(field).or_else(|| self.function.parameter(&attribute));
        found.map(|parameter| parameter.name.to_string())
    }

    fn no_field(&self, field: &str) -> String {
        format!("{} has no field {}.", self.function.table, python::harmless(field))
    }

    /// Returns what takes the value of a field: a parameter, or the attribute of a field that is new.
    fn place(&self, field: &str) -> Result<String, String> {
        let new = || self.new_field(field).map(|field| field.attname.clone());
        self.known_parameter(field).or_else(new).ok_or_else(|| self.no_field(field))
    }

    fn renamed(&self, from: &str, to: &str) -> Result<(What, String), String> {
        let from = self.parameter(from)?;
        let to = match self.new_field(to) {
            Some(field) => field.attname.clone(),
            None if self.model(self.known.after).is_some() => {
                return Err(format!(
                    "The new version has no field {} in {}.",
                    python::harmless(to),
                    self.decision.model
                ));
            }
            None if from.ends_with("_id") && !to.ends_with("_id") => format!("{to}_id"),
            None => to.to_owned(),
        };
        // A field that is not translated has no place for more than one text.
        let is_text = self.conversion(&from) == Conversion::Babel && self.new_field(&to).is_some_and(|new| !new.babel);
        if is_text {
            let says = format!("{from} is called {to} now, and has the text in the main language alone");
            return Ok((What::CopyText { from, to }, says));
        }
        let says = format!("{from} is called {to} now");
        Ok((What::Copy { from, to }, says))
    }
}

fn assignment(values: Vec<(String, String)>, done: &str) -> Vec<(What, String)> {
    if values.is_empty() {
        return Vec::new();
    }
    let names: Vec<&str> = values.iter().map(|(name, _)| name.as_str()).collect();
    let verb = if names.len() == 1 { "is" } else { "are" };
    let says = format!("{} {verb} {done}", names.join(", "));
    vec![(What::Assign(values), says)]
}

/// Names the first few keys.
fn shown(keys: &[String]) -> String {
    const FEW: usize = 5;
    let named: Vec<String> = keys.iter().take(FEW).map(|key| python::harmless(key)).collect();
    let more = keys.len().saturating_sub(FEW);
    if more == 0 { named.join(", ") } else { format!("{} and {more} more", named.join(", ")) }
}

fn kept<T>(at: At, found: Result<T, String>, missing: &mut Missing) -> Option<T> {
    found.map_err(|sentence| missing.push((at, sentence))).ok()
}

/// Returns the table of a model of which a decision speaks.
pub(super) fn table_of(script: &Script, decisions: &Decisions, model: &str) -> Option<String> {
    function_for(script, decisions, model).map(|function| function.table.clone())
}

/// Returns the create function of a model of which a decision speaks.
fn function_for<'a>(script: &'a Script, all: &Decisions, model: &str) -> Option<&'a Function> {
    // Rows that are made under the new name of a model are reported under it.
    let old_name = all.iter().find_map(|other| match &other.choice {
        Choice::Rename(name) if name == model => Some(other.model.as_str()),
        _ => None,
    });
    function_of(script, model).or_else(|| function_of(script, old_name?))
}

/// Returns the create function of a model or table.
fn function_of<'a>(script: &'a Script, model: &str) -> Option<&'a Function> {
    let by_table = || script.function(model).or_else(|| script.function(&canonical(model)));
    script.function_of(model).or_else(by_table)
}
