//! Many rows at once, as a log names them: by their keys, with what they point to.
//!
//! A log names up to a million rows, so they are looked up in the order in which they lie in their files, and each file
//! is passed over once more at most. Its keys may be only parts of keys, and a dump does not say which field is the
//! primary key: where nothing tells it, it is the field that has most of the keys.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::known::Known;
use super::scan::mark_of;
use super::{Index, State};
use crate::dump::{Function, Heading, literal};
use crate::snapshot::verify::SnapshotError;
use crate::triage::{ForeignKey, Found, Rows, Wanted, foreign_keys};

impl Index {
    /// Finds the rows that a log names, in the row files that the script loads. Of several rows with one key it is the
    /// first.
    pub fn named(&self, wanted: &Wanted) -> Result<Rows, SnapshotError> {
        let mut state = self.state()?;
        let known = Arc::clone(&state.known);
        let mut found = Rows::default();
        for (table, keys) in &wanted.keys {
            if let Some(function) = known.script.function(table) {
                found.by_key.insert(table.clone(), state.by_keys(&known, function, keys)?);
            }
        }
        if let Some((file, line)) = &wanted.place {
            found.at_place = state.at_place(&known, file, *line)?;
        }
        Ok(found)
    }
}

impl State {
    fn by_keys(
        &mut self,
        known: &Known,
        function: &Function,
        keys: &HashSet<String>,
    ) -> Result<HashMap<String, Found>, SnapshotError> {
        let table = function.table.as_str();
        let places: Vec<usize> = match known.keys.get(table) {
            Some(key) if !known.keyless.contains(table) => vec![*key],
            _ => (0..function.parameters.len()).collect(),
        };
        self.files.read(&known.script, known.wants(table, &places))?;
        // In the order of the marks, so that they are found near each other.
        let mut marks: Vec<(u64, &str)> = keys.iter().map(|key| (mark_of(key), key.as_str())).collect();
        marks.sort_unstable();
        let mut found: HashMap<usize, HashMap<String, Found>> = HashMap::new();
        for file in known.files.get(table).into_iter().flatten().filter(|file| !file.skipped) {
            let mut hits: Vec<(u64, usize, &str)> = Vec::new();
            for &place in &places {
                for &(mark, key) in &marks {
                    hits.extend(self.files.marked(&file.name, place, mark).iter().map(|entry| (entry.at, place, key)));
                }
            }
            if hits.is_empty() {
                continue;
            }
            hits.sort_unstable();
            let pointing = self.foreign_keys(known, function, &file.name)?;
            let begins: Vec<u64> =
                hits.chunk_by(|one, other| one.0 == other.0).filter_map(|row| Some(row.first()?.0)).collect();
            let mut hits = hits.into_iter().peekable();
            self.files.rows(&file.name, begins, |begin, line, written| {
                let arguments = written.call().map(|(_, arguments)| arguments).unwrap_or_default();
                while let Some((_, place, key)) = hits.next_if(|(at, ..)| *at == begin) {
                    let value = literal::argument(arguments, place).and_then(literal::key);
                    // What is cut off before the value cannot be compared.
                    if value.as_deref() == Some(key) || value.is_none() && written.cut {
                        let row = || row(&file.name, line, arguments, &pointing);
                        found.entry(place).or_default().entry(key.to_owned()).or_insert_with(row);
                    }
                }
            })?;
        }
        let most = found.into_iter().max_by_key(|(place, rows)| (rows.len(), Reverse(*place)));
        Ok(most.map(|(_, rows)| rows).unwrap_or_default())
    }

    /// Returns the row that begins in a line of a file, with its key.
    fn at_place(&mut self, known: &Known, file: &str, line: u64) -> Result<Option<Found>, SnapshotError> {
        let Some(function) = known.table_of(file).and_then(|table| known.script.function(table)) else {
            return Ok(None);
        };
        let Some(written) = self.line(file, line)? else { return Ok(None) };
        let Some((_, arguments)) = written.call() else { return Ok(None) };
        let place = known.keys.get(&function.table).copied().unwrap_or_default();
        let key = literal::argument(arguments, place).and_then(literal::key).unwrap_or_default();
        let pointing = self.foreign_keys(known, function, file)?;
        Ok(Some(Found { key, ..row(file, line, arguments, &pointing) }))
    }

    fn foreign_keys(&self, known: &Known, function: &Function, file: &str) -> Result<Vec<ForeignKey>, SnapshotError> {
        let head = self.files.head(file)?.unwrap_or_default();
        Ok(foreign_keys(&known.script, function, Heading::read(&head).as_ref()))
    }
}

fn row(file: &str, line: u64, arguments: &[u8], pointing: &[ForeignKey]) -> Found {
    let points = pointing.iter().filter_map(|key| Some((key.field.clone(), key.model.clone(), key.value(arguments)?)));
    Found { file: file.to_owned(), line, key: String::new(), points: points.collect() }
}
