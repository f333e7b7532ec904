//! Finds single rows of a snapshot by their keys, or one by its place, with what they point to: one pass over the row
//! files of the tables that are asked for.
//!
//! A dump does not say which field is the primary key. Mostly it is `id`, or the link to the parent; else it is the
//! field that has most of the keys that are looked for.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;

use super::archive::{Content, Source};
use super::scan::{Block, Lines};
use super::verify::SnapshotError;
use crate::dump::{Conversion, Function, Heading, Row, Rows, Script, literal};
use crate::triage;
use crate::triage::{Found, Tables, Wanted};

/// Returns what a dump script tells of models and tables.
#[must_use]
pub fn tables(script: &Script) -> Tables {
    let mut found = Tables::default();
    for function in &script.functions {
        let model = function.model.as_ref().and_then(|model| name_of(script, model));
        if let Some(model) = model {
            found.of_model.insert(model.to_owned(), function.table.clone());
            found.models.insert(function.table.clone(), model.to_owned());
        }
    }
    for load in script.loads.iter().filter(|load| !load.skipped) {
        found.files.insert(load.file.clone(), load.table.clone());
    }
    for cycle in &script.cycles {
        found.depends_on.insert(cycle.model.clone(), cycle.depends_on.clone());
    }
    found
}

fn name_of<'a>(script: &'a Script, variable: &str) -> Option<&'a str> {
    script.models.iter().find(|model| model.variable == variable).map(|model| model.name.as_str())
}

/// Finds the rows.
///
/// # Errors
/// When a row file is there and cannot be read.
pub fn locate(snapshot: &Path, script: &Script, wanted: &Wanted) -> Result<triage::Rows, SnapshotError> {
    let mut source = Source::open(snapshot)?;
    let mut found = triage::Rows::default();
    let mut block = Block::default();
    for (table, keys) in &wanted.keys {
        let Some(function) = script.function(table) else { continue };
        let mut search = Search::new(script, function, keys);
        for load in script.loads.iter().filter(|load| load.table == *table && !load.skipped) {
            source.with(&load.file, |from| search.file(&load.file, from, &mut block))?;
        }
        found.by_key.insert(table.clone(), search.finish());
    }
    if let Some((file, line)) = &wanted.place {
        let load = script.loads.iter().find(|load| load.file == *file);
        let function = load.and_then(|load| script.function(&load.table));
        if let Some(function) = function {
            let none = HashSet::new();
            let mut search = Search::new(script, function, &none);
            search.at = Some(*line);
            source.with(file, |from| search.file(file, from, &mut block))?;
            found.at_place = search.place;
        }
    }
    Ok(found)
}

/// Looks for rows of one table.
struct Search<'a> {
    keys: &'a HashSet<String>,
    /// Which value is the key, where that is known.
    key: Option<usize>,
    /// Names of all values, and the model that the parent's link points to.
    names: Vec<&'a str>,
    parent: Option<(usize, &'a str)>,
    /// Which values are foreign keys, and the fields' names; known from the heading of a file.
    pointing: Vec<(usize, String, Option<String>)>,
    /// By the value that may be the key, the rows whose value there is one that is looked for.
    hits: HashMap<usize, HashMap<String, Found>>,
    /// The line of a row that is looked for by its place.
    at: Option<u64>,
    place: Option<Found>,
}

impl<'a> Search<'a> {
    fn new(script: &'a Script, function: &'a Function, keys: &'a HashSet<String>) -> Self {
        let parameters = &function.parameters;
        let link = parameters.iter().position(|parameter| parameter.conversion == Conversion::ParentLink);
        let parent = function.parent.as_ref().and_then(|parent| name_of(script, parent));
        Self {
            keys,
            key: link.or_else(|| function.position("id")),
            names: parameters.iter().map(|parameter| parameter.name.as_str()).collect(),
            parent: link.zip(parent),
            pointing: Vec::new(),
            hits: HashMap::new(),
            at: None,
            place: None,
        }
    }

    fn file(&mut self, name: &str, mut from: Content<'_>, block: &mut Block) -> io::Result<()> {
        let mut lines = Lines::new(block);
        let (mut head, mut line) = (true, 0);
        while let Some(bytes) = lines.next(&mut from)? {
            if std::mem::take(&mut head) {
                self.read_heading(bytes);
            }
            let mut rows = Rows::after(bytes, line);
            for row in rows.by_ref() {
                self.row(name, &row);
            }
            line = rows.line();
        }
        Ok(())
    }

    /// In the heading a foreign key has no `_id`, as in the create function.
    fn read_heading(&mut self, bytes: &[u8]) {
        let heading = Heading::read(bytes).map(|heading| heading.fields).filter(|fields| !fields.is_empty());
        let points = |(at, name): (usize, &&str)| {
            let field = name.strip_suffix("_id")?;
            let told = heading.as_ref().is_none_or(|fields| fields.contains(&field) && !fields.contains(name));
            let parent = self.parent.filter(|(link, _)| *link == at).map(|(_, model)| model.to_owned());
            told.then(|| (at, field.to_owned(), parent))
        };
        self.pointing = self.names.iter().enumerate().filter_map(points).collect();
    }

    fn row(&mut self, file: &str, row: &Row<'_>) {
        if let Some(at) = self.at {
            if row.line == at {
                let raw =
                    row.arguments.and_then(|arguments| literal::argument(arguments, self.key.unwrap_or_default()));
                let key = raw.and_then(literal::key).unwrap_or_default();
                self.place = Some(Found { key, ..self.found(file, row) });
            }
            return;
        }
        let Some(arguments) = row.arguments else { return };
        if let Some(place) = self.key {
            let key = literal::argument(arguments, place).and_then(literal::key);
            if let Some(key) = key.filter(|key| self.keys.contains(key)) {
                self.hit(place, key, file, row);
            }
            return;
        }
        for (place, raw) in literal::arguments(arguments).enumerate() {
            if let Some(key) = literal::key(raw).filter(|key| self.keys.contains(key)) {
                self.hit(place, key, file, row);
            }
        }
    }

    fn hit(&mut self, place: usize, key: String, file: &str, row: &Row<'_>) {
        let found = self.found(file, row);
        self.hits.entry(place).or_default().entry(key).or_insert(found);
    }

    fn found(&self, file: &str, row: &Row<'_>) -> Found {
        let arguments = row.arguments.unwrap_or_default();
        let points = self.pointing.iter().filter_map(|(at, field, model)| {
            let value = literal::key(literal::argument(arguments, *at)?)?;
            Some((field.clone(), model.clone(), value))
        });
        Found { file: file.to_owned(), line: row.line, key: String::new(), points: points.collect() }
    }

    /// Of several fields that have such keys the one that has most is the key.
    fn finish(self) -> HashMap<String, Found> {
        let most = self.hits.into_iter().max_by_key(|(place, rows)| (rows.len(), std::cmp::Reverse(*place)));
        most.map(|(_, rows)| rows).unwrap_or_default()
    }
}
