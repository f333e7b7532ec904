//! What both versions know of the thing that a difference is about.

use super::super::difference::Subject;
use super::super::migrator::Course;
use super::super::model::{Field, Model, Models};
use super::Sources;
use crate::dump::Function;

/// Model, field, table and create function of a subject, as far as they are known.
#[derive(Clone, Debug)]
pub struct Ground<'a> {
    pub sources: &'a Sources,
    /// The model after.
    pub after: Option<&'a Model>,
    /// The field before.
    pub old: Option<&'a Field>,
    /// The field after.
    pub new: Option<&'a Field>,
    /// The table before.
    pub table: Option<String>,
    /// The create function.
    pub function: Option<&'a Function>,
}

pub fn named<'a>(models: &'a Models, name: &str) -> Option<&'a Model> {
    models.models.iter().find(|model| model.model == name)
}

pub fn with_table<'a>(models: &'a Models, table: &str) -> Option<&'a Model> {
    models.models.iter().find(|model| model.table == table && model.has_table())
}

impl<'a> Ground<'a> {
    pub fn new(sources: &'a Sources, subject: &Subject) -> Self {
        let models = sources.models.as_ref().ok();
        let (before, after) = (models.map(|[before, _]| before), models.map(|[_, after]| after));
        let (name, field, by_table) = match subject {
            Subject::Site => ("", "", false),
            Subject::Model(name) => (name.as_str(), "", false),
            Subject::Field(name, field) => (name.as_str(), field.as_str(), false),
            Subject::Table(table) => (table.as_str(), "", true),
            Subject::Column(table, column) => (table.as_str(), column.as_str(), true),
        };
        let find = |models: Option<&'a Models>| {
            let models = models?;
            if by_table { with_table(models, name) } else { named(models, name) }
        };
        let (mut before, mut after) = (find(before), find(after));
        if by_table {
            // A table may belong to a model that had another one.
            before = before.or_else(|| named(&models?[0], &after?.model));
            after = after.or_else(|| named(&models?[1], &before?.model));
        }
        let of = |model: Option<&'a Model>| {
            let known = |known: &&Field| {
                if by_table {
                    known.column.as_deref() == Some(field)
                } else {
                    [&known.name, &known.attname].contains(&&field.to_owned())
                }
            };
            model?.fields.iter().find(known)
        };
        let table = before.map(|model| model.table.clone()).or_else(|| {
            if by_table {
                Some(name.to_owned())
            } else {
                sources
                    .script
                    .as_ref()
                    .and_then(|script| script.function_of(name).map(|function| function.table.clone()))
            }
        });
        let function = sources.script.as_ref().zip(table.as_ref()).and_then(|(script, table)| script.function(table));
        Self { sources, old: of(before), new: of(after), after, table, function }
    }

    /// Returns the rows that the restore would load into the table.
    pub fn rows(&self) -> u64 {
        self.function.and_then(|function| self.sources.rows_of(&function.table)).unwrap_or(0)
    }

    /// Returns the first of its row files.
    pub fn file(&self) -> String {
        let table = self.table.clone().unwrap_or_default();
        let load = self
            .sources
            .script
            .as_ref()
            .and_then(|script| script.loads.iter().find(|load| load.table == table && !load.skipped));
        load.map_or_else(|| format!("{table}.py"), |load| load.file.clone())
    }

    /// Tells whether the restore calls its create function at all.
    pub fn is_loaded(&self) -> bool {
        self.function.is_some() && self.rows() > 0
    }

    /// Tells whether a row that cannot be saved ends the restore: Lino tries only those again that point to others.
    pub fn is_independent(&self) -> bool {
        let points =
            |model: &Model| !model.parents.is_empty() || model.fields.iter().any(|field| field.target.is_some());
        self.after.is_some_and(|model| !points(model))
    }

    /// Tells whether its rows are parts of rows of another table, which Lino saves without validating them.
    pub fn is_child(&self) -> bool {
        self.function.is_some_and(|function| function.parent.is_some())
    }

    /// Tells whether the model is a part of another now, and was none.
    pub fn gains_parents(&self) -> bool {
        let was_none = self.function.is_some_and(|function| function.parent.is_none());
        was_none && self.after.is_some_and(|model| !model.parents.is_empty())
    }

    /// Returns the model that has the field now, when the rows are parts of rows of that model.
    pub fn moved_to(&self) -> Option<&'a Model> {
        let moves = self.new.is_none() && (self.is_child() || self.gains_parents());
        let name = &self.old.filter(|_| moves)?.name;
        self.ancestors().into_iter().find(|parent| parent.field(name).is_some())
    }

    /// Returns the models that the model is a part of now, the nearest first.
    pub fn ancestors(&self) -> Vec<&'a Model> {
        let (Ok([_, models]), Some(model)) = (&self.sources.models, self.after) else { return Vec::new() };
        let mut found: Vec<&Model> = Vec::new();
        let mut waiting: Vec<&String> = model.parents.iter().collect();
        while let Some(parent) = waiting.pop().and_then(|parent| named(models, parent)) {
            if found.iter().all(|known| known.model != parent.model) {
                found.push(parent);
                waiting.extend(&parent.parents);
            }
        }
        found
    }

    /// Tells whether a step of the migrator that would run names its create function.
    pub fn is_migrated(&self) -> bool {
        let Ok(Course::Steps { steps, .. }) = &self.sources.course else { return false };
        self.table.as_ref().is_some_and(|table| steps.iter().any(|step| step.creates.contains(table)))
    }
}
