//! The index of a snapshot directory: finds rows by table and primary key or by file and line, what they point to, and
//! what points to them. A row file is read once, when something of it is first asked for, and again after it was changed.
//! It needs 16 bytes for each row and each value that rows are looked up by, and no row is kept.

mod detail;
mod files;
mod known;
mod many;
mod pointers;
mod row;
mod scan;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::files::Files;
use self::known::{Known, RowFile, Want};
pub use self::row::Written;
use self::scan::{Stamp, mark_of};
use super::verify::{SnapshotError, unreadable};
use crate::compare::Models;
use crate::dump::literal;
use crate::triage::{PointedAt, RowDetail, Stored};

/// The index. Several threads may ask; one of them reads files while the others wait.
#[derive(Debug)]
pub struct Index {
    path: PathBuf,
    models: Option<Models>,
    state: Mutex<State>,
    trouble: Mutex<Option<SnapshotError>>,
}

#[derive(Debug)]
struct State {
    known: Arc<Known>,
    files: Files,
}

/// A row that was found.
struct Hit {
    file: String,
    skipped: bool,
    at: u64,
    written: Written,
}

impl Index {
    /// Begins with a dump script or the directory that holds `restore.py`; reads no row file yet. `models` are those of
    /// the version that made the snapshot, where they are known.
    pub fn open(script: &Path, models: Option<&Models>) -> Result<Self, SnapshotError> {
        let path = if script.is_dir() { script.join("restore.py") } else { script.to_owned() };
        let folder = match path.parent() {
            Some(folder) if folder.as_os_str().is_empty() => PathBuf::from("."),
            folder => folder.map(Path::to_owned).unwrap_or_default(),
        };
        let known = Arc::new(Known::read(&path, models)?);
        let state = State { known, files: Files::new(folder) };
        Ok(Self { path, models: models.cloned(), state: Mutex::new(state), trouble: Mutex::default() })
    }

    /// Returns a row with its fields and the names of what they point to; none when no row has this key. What points to
    /// it is not there: see [`Self::pointed_at`]. Of several rows with one key it is the first.
    pub fn row(&self, table: &str, key: &str) -> Result<Option<RowDetail>, SnapshotError> {
        let mut state = self.state()?;
        let known = Arc::clone(&state.known);
        let Some(place) = known.keys.get(table) else { return Ok(None) };
        let hits = state.find((table, *place), key, 1)?;
        let Some(hit) = hits.into_iter().next() else { return Ok(None) };
        let line = state.files.line_at(&hit.file, hit.at)?;
        state.detail(&hit.file, line, &hit.written).map(Some)
    }

    /// Returns the row that begins in a line of a row file; none when the file has no such line.
    ///
    /// # Errors
    /// When the line is no row, too.
    pub fn at(&self, file: &str, line: u64) -> Result<Option<RowDetail>, SnapshotError> {
        let mut state = self.state()?;
        let Some(written) = state.line(file, line)? else { return Ok(None) };
        if written.call().is_none() {
            return Err(unreadable(&self.path.with_file_name(file), format!("line {line} is no row")));
        }
        state.detail(file, line, &written).map(Some)
    }

    /// Returns the row that begins in a line of a row file as it is written there; none when the file has no such line.
    pub fn written(&self, file: &str, line: u64) -> Result<Option<Written>, SnapshotError> {
        let mut state = self.state()?;
        state.line(file, line)
    }

    /// Returns which rows point to a row, by model and field. All tables that may are read when it is first asked.
    pub fn pointed_at(&self, table: &str, key: &str) -> Result<Vec<PointedAt>, SnapshotError> {
        self.state()?.pointed_at(table, key)
    }

    /// Does the same as [`Self::at`], and adds what points to the row.
    pub fn whole(&self, file: &str, line: u64) -> Result<Option<RowDetail>, SnapshotError> {
        let Some(mut row) = self.at(file, line)? else { return Ok(None) };
        row.pointed_at = self.pointed_at(&row.table, &row.key)?;
        Ok(Some(row))
    }

    /// Tells how a key is written in the row files that the script loads. After an error nothing is found any more: see
    /// [`Self::trouble`].
    #[must_use]
    pub fn stored(&self, table: &str, key: &str) -> Stored {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if trouble.is_some() {
            return Stored::Missing;
        }
        self.look_up(table, key).unwrap_or_else(|error| {
            *trouble = Some(error);
            Stored::Missing
        })
    }

    /// Returns why [`Self::stored`] could not read, once.
    #[must_use]
    pub fn trouble(&self) -> Option<SnapshotError> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Returns the files that were changed after they had been read, and were read again, since this was last asked.
    #[must_use]
    pub fn read_again(&self) -> Vec<String> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut state.files.read_again).into_iter().collect()
    }

    /// Returns how many bytes the index has in memory for row files, apart from their names.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.files.bytes()
    }

    /// Waits for its turn, and reads the dump script again when it was changed.
    fn state(&self) -> Result<MutexGuard<'_, State>, SnapshotError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let data = std::fs::metadata(&self.path).map_err(|error| unreadable(&self.path, error))?;
        if Stamp::of(&data) != state.known.stamp {
            state.known = Arc::new(Known::read(&self.path, self.models.as_ref())?);
            state.files.clear();
            state.files.read_again.extend(self.path.file_name().map(|name| name.to_string_lossy().into_owned()));
        }
        Ok(state)
    }

    fn look_up(&self, table: &str, key: &str) -> Result<Stored, SnapshotError> {
        let mut state = self.state()?;
        let known = Arc::clone(&state.known);
        let Some(place) = known.keys.get(table).copied() else { return Ok(Stored::Missing) };
        let mut found = Stored::Missing;
        for hit in state.find((table, place), key, usize::MAX)? {
            let raw = hit.written.call().and_then(|(_, arguments)| literal::argument(arguments, place));
            let Some(raw) = raw.filter(|raw| !hit.skipped && literal::key(raw).as_deref() == Some(key)) else {
                continue;
            };
            if found != Stored::Missing {
                return Ok(Stored::Several);
            }
            found = Stored::Once(String::from_utf8_lossy(raw).into_owned());
        }
        Ok(found)
    }
}

impl State {
    /// Finds the first rows of a table with this value.
    fn find(&mut self, (table, place): (&str, usize), value: &str, limit: usize) -> Result<Vec<Hit>, SnapshotError> {
        self.files.read(&self.known.script, self.known.wants(table, &[place]))?;
        self.hits((table, place), value, limit).map(|(_, hits)| hits)
    }

    /// Counts the rows of a table with this value, whose files were read, and returns the first of them.
    fn hits(
        &self,
        (table, place): (&str, usize),
        value: &str,
        limit: usize,
    ) -> Result<(usize, Vec<Hit>), SnapshotError> {
        let mark = mark_of(value);
        let (mut count, mut hits) = (0, Vec::new());
        for RowFile { name, skipped } in self.known.files.get(table).into_iter().flatten() {
            let alike = self.files.marked(name, place, mark);
            count += alike.len();
            if alike.is_empty() || hits.len() >= limit {
                continue;
            }
            let file = self.files.open(name)?;
            for entry in alike {
                let written = self.files.row(&file, name, entry.at)?;
                // What is cut off before the value cannot be compared.
                let same = self.known.value(&written, place).is_some_and(|found| found == value);
                if !same && !written.cut {
                    count -= 1;
                    continue;
                }
                hits.push(Hit { file: name.clone(), skipped: *skipped, at: entry.at, written });
                if hits.len() >= limit {
                    break;
                }
            }
        }
        Ok((count, hits))
    }

    /// Reads the row or line that begins in a line of a file.
    fn line(&mut self, name: &str, line: u64) -> Result<Option<Written>, SnapshotError> {
        let known = Arc::clone(&self.known);
        let table = known.table_of(name).unwrap_or_default();
        let places = Vec::from_iter(known.keys.get(table).copied());
        self.files.read(&known.script, [Want { file: name, table, places }])?;
        let Some(begin) = self.files.begin_of(name, line)? else { return Ok(None) };
        let file = self.files.open(name)?;
        let there = file.metadata().is_ok_and(|data| begin < data.len());
        if there { self.files.row(&file, name, begin).map(Some) } else { Ok(None) }
    }
}
