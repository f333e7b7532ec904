//! What the dump script says about the row files: what they hold, which value is the key, and what they point to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::row::Written;
use super::scan::Stamp;
use crate::compare::{Model, Models};
use crate::dump::{Conversion, Function, Script, literal};
use crate::snapshot::script::read_script;
use crate::snapshot::verify::{SnapshotError, unreadable};
use crate::triage::{self, FieldValue, Link};

/// What the dump script says.
#[derive(Debug)]
pub(super) struct Known {
    pub stamp: Stamp,
    pub script: Script,
    pub links: Vec<Link>,
    /// Values that are keys of rows of any table.
    pub any_links: Vec<AnyLink>,
    /// The place of the primary key, by table.
    pub keys: BTreeMap<String, usize>,
    /// The tables of which nothing tells the key: it is taken to be the first value.
    pub keyless: BTreeSet<String>,
    /// The row files, by table.
    pub files: BTreeMap<String, Vec<RowFile>>,
}

#[derive(Clone, Debug)]
pub(super) struct RowFile {
    pub name: String,
    /// Whether the line that loads it is commented out.
    pub skipped: bool,
}

/// A row file, its table, and the values by which its rows are to be found.
pub(super) struct Want<'a> {
    pub file: &'a str,
    pub table: &'a str,
    pub places: Vec<usize>,
}

/// A value that is the key of a row whose model stands in another value: `owner_id` beside `owner_type_id`.
#[derive(Debug)]
pub(super) struct AnyLink {
    /// The table whose rows point.
    pub table: String,
    /// The place of the key.
    pub place: usize,
    /// The place of the model.
    pub kind: usize,
    /// The parameter that takes the key.
    pub field: String,
}

impl AnyLink {
    fn of(function: &Function) -> impl Iterator<Item = Self> {
        function.parameters.iter().enumerate().filter_map(|(kind, parameter)| {
            let name = parameter.name.strip_suffix("_type_id")?;
            let field = format!("{name}_id");
            let place = function.position(&field).filter(|_| parameter.conversion == Conversion::ContentType)?;
            Some(Self { table: function.table.clone(), place, kind, field })
        })
    }
}

impl Known {
    pub fn read(path: &Path, models: Option<&Models>) -> Result<Self, SnapshotError> {
        let data = std::fs::metadata(path).map_err(|error| unreadable(path, error))?;
        let found = read_script(path)?;
        if found.path != path {
            let text = "it is an archive: unpack it first".to_owned();
            return Err(SnapshotError::NoSnapshot { path: path.to_owned(), text });
        }
        let script = found.script;
        let links = triage::links(&script, models);
        let by_table: BTreeMap<&str, &Model> =
            models.into_iter().flat_map(|models| &models.models).map(|model| (model.table.as_str(), model)).collect();
        let by_name: BTreeMap<&str, &Model> =
            models.into_iter().flat_map(|models| &models.models).map(|model| (model.model.as_str(), model)).collect();
        let key = |function: &Function| {
            let named = script.model_of(function).and_then(|name| by_name.get(name));
            let model = named.or_else(|| by_table.get(function.table.as_str()));
            function.key(model.map(|model| model.pk.as_str()))
        };
        let told: BTreeMap<&str, Option<usize>> =
            script.functions.iter().map(|function| (&*function.table, key(function))).collect();
        let keys = told.iter().map(|(table, place)| ((*table).to_owned(), place.unwrap_or_default())).collect();
        let keyless =
            told.into_iter().filter(|(_, place)| place.is_none()).map(|(table, _)| table.to_owned()).collect();
        let mut files: BTreeMap<String, Vec<RowFile>> = BTreeMap::new();
        for load in &script.loads {
            let files = files.entry(load.table.clone()).or_default();
            match files.iter_mut().find(|file| file.name == load.file) {
                Some(file) => file.skipped &= load.skipped,
                None => files.push(RowFile { name: load.file.clone(), skipped: load.skipped }),
            }
        }
        let any_links = script.functions.iter().flat_map(AnyLink::of).collect();
        Ok(Self { stamp: Stamp::of(&data), script, links, any_links, keys, keyless, files })
    }

    pub fn wants<'a>(&'a self, table: &'a str, places: &[usize]) -> Vec<Want<'a>> {
        let files = self.files.get(table).into_iter().flatten();
        files.map(|file| Want { file: &file.name, table, places: places.to_vec() }).collect()
    }

    pub fn table_of(&self, file: &str) -> Option<&str> {
        let has = |files: &Vec<RowFile>| files.iter().any(|known| known.name == file);
        self.files.iter().find(|(_, files)| has(files)).map(|(table, _)| table.as_str())
    }

    pub fn link(&self, table: &str, place: usize) -> Option<&Link> {
        self.links.iter().find(|link| link.table == table && link.place == place)
    }

    /// Returns the model of a table, or the table.
    pub fn model(&self, table: &str) -> String {
        let function = self.script.function(table);
        function.and_then(|function| self.script.model_of(function)).unwrap_or(table).to_owned()
    }

    /// Returns a value of a row as the database shows it.
    pub fn value(&self, row: &Written, place: usize) -> Option<String> {
        let (_, arguments) = row.call()?;
        triage::text(&self.script, literal::argument(arguments, place)?)
    }

    /// Returns what a key points to whose model stands in another field of the row.
    pub fn any_model(
        &self,
        table: &str,
        fields: &[FieldValue],
        place: usize,
    ) -> Option<(String, Option<String>, usize)> {
        let link = self.any_links.iter().find(|link| link.table == table && link.place == place)?;
        let model = fields.get(link.kind)?.value.clone()?;
        let other = self.script.function_of(&model);
        let place = other.and_then(|other| self.keys.get(&other.table)).copied().unwrap_or_default();
        Some((model, other.map(|other| other.table.clone()), place))
    }
}
