//! One of the two scripts, with what is looked up in it again and again.

use std::collections::{BTreeMap, BTreeSet};

use foldhash::HashMap;

use super::named;
use crate::dump::{Conversion, Function, Parameter, Script};

/// A script.
pub(super) struct Side<'a> {
    /// Which of the two: `old` or `new`.
    pub word: &'static str,
    /// What was read.
    pub script: &'a Script,
    /// The models that it looks up or builds.
    pub models: BTreeSet<&'a str>,
    /// Whether it names choicelists: before 2016 no script did.
    pub choicelists: bool,
    names: HashMap<&'a str, &'a str>,
    functions: BTreeMap<&'a str, &'a Function>,
}

impl<'a> Side<'a> {
    pub fn new(word: &'static str, script: &'a Script) -> Self {
        let names: HashMap<&str, &str> =
            script.models.iter().map(|model| (model.variable.as_str(), model.name.as_str())).collect();
        let models: BTreeSet<&str> = script.models.iter().map(|model| model.name.as_str()).collect();
        let choice = |parameter: &Parameter| matches!(parameter.conversion, Conversion::Choice { .. });
        let choicelists =
            !script.python2 || script.functions.iter().flat_map(|function| &function.parameters).any(choice);
        let mut side = Self { word, script, models, choicelists, names, functions: BTreeMap::new() };
        let mut functions = Vec::with_capacity(script.functions.len());
        // Built only for a script in which a function does not say what it builds.
        let mut tables: Option<HashMap<String, &str>> = None;
        for function in side.whole_functions() {
            let said = function.model.as_deref().and_then(|variable| side.names.get(variable).copied());
            // A function that a hand has changed may not say what it builds; its name does, nearly always.
            let model = said.unwrap_or_else(|| {
                let tables = tables.get_or_insert_with(|| {
                    side.models.iter().map(|model| (model.replace('.', "_").to_lowercase(), *model)).collect()
                });
                tables.get(&function.table).copied().unwrap_or(&function.table)
            });
            if said.is_none() {
                side.models.insert(model);
            }
            functions.push((model, function));
        }
        // Of several of one model the last one counts, as in Python.
        side.functions = functions.into_iter().collect();
        side
    }

    /// The create functions that are there to their end.
    fn whole_functions(&self) -> &'a [Function] {
        let functions = self.script.functions.as_slice();
        let broken = self.script.cut_off.is_some() && self.script.loads.is_empty();
        match functions.split_last() {
            Some((_, rest)) if broken => rest,
            _ => functions,
        }
    }

    /// Returns the create function of a model.
    pub fn function(&self, model: &str) -> Option<&'a Function> {
        self.functions.get(model).copied()
    }

    /// Tells whether it has a create function of every model.
    pub fn has_all_functions(&self) -> bool {
        // Whatever a function builds is one of the models.
        self.functions.len() == self.models.len()
    }

    /// The models of which both have a create function.
    pub fn common<'b>(&'b self, other: &'b Self) -> impl Iterator<Item = (&'a str, &'a Function, &'a Function)> + 'b {
        let mut theirs = other.functions().peekable();
        self.functions().filter_map(move |(model, function)| {
            while theirs.next_if(|(name, _)| *name < model).is_some() {}
            theirs.next_if(|(name, _)| *name == model).map(|(_, twin)| (model, function, twin))
        })
    }

    /// The create functions by model.
    pub fn functions(&self) -> impl Iterator<Item = (&'a str, &'a Function)> {
        self.functions.iter().map(|(model, function)| (*model, *function))
    }

    /// Returns the table of a model: that of its create function, else the one that Django would name.
    pub fn table(&self, model: &str) -> String {
        self.function(model).map_or_else(|| model.replace('.', "_").to_lowercase(), |function| function.table.clone())
    }

    /// Returns the name of the model that a variable holds.
    pub fn name(&self, variable: &'a str) -> &'a str {
        self.names.get(variable).copied().unwrap_or(variable)
    }

    /// Tells whether it names every model: one that breaks off early does not.
    pub const fn has_all_models(&self) -> bool {
        self.script.cut_off.is_none() || !self.script.functions.is_empty() || !self.script.cycles.is_empty()
    }

    /// Tells whether it loads every table that it has rows of: one that breaks off may not.
    pub const fn has_all_loads(&self) -> bool {
        self.script.cut_off.is_none()
    }

    /// Says what in it cannot be compared.
    pub fn left_out(&self) -> Vec<String> {
        let (script, word) = (self.script, self.word);
        let mut said = Vec::new();
        if script.python2 {
            said.push(format!(
                "The {word} script was written for Python 2, so that today's Lino cannot run it; its models and fields \
                 were compared all the same."
            ));
        }
        if script.source_version.is_none() {
            said.push(format!("The {word} script does not say of which version it is."));
        }
        if let Some((first, more)) = script.problems.split_first() {
            let more = match more.len() {
                0 => String::new(),
                1 => ", and there is another such place".to_owned(),
                count => format!(", and there are {count} more such places"),
            };
            said.push(format!(
                "Python cannot read the {word} script at line {}: {}{more}. What stands there may be missing in the \
                 comparison.",
                first.line, first.text
            ));
        }
        if let Some(end) = &script.cut_off {
            said.push(format!(
                "The {word} script breaks off at line {}: {}. What should follow could not be compared.",
                end.line, end.text
            ));
        }
        // The new version only counts rows, and there are none to count.
        if word == "old" && !script.tolerated.is_empty() {
            let tables: Vec<&str> = script.tolerated.iter().map(|tolerated| tolerated.table.as_str()).collect();
            said.push(format!(
                "The old script has no rows of {}: dump2py met an error of the database there and went on.",
                named(&tables)
            ));
        }
        said
    }
}
