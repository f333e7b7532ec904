//! Reads a whole snapshot and says what is wrong with it: script, row files, announced rows, keys that come twice.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use serde::Serialize;
use thiserror::Error;

use super::archive::Source;
use crate::dump::{self, Load, Script, Tolerated, literal};
use crate::error::{Kind, Report, Tell};

/// The file that marks a simulated dump, whose script would empty the database; `assets/python/simulate.py` writes it.
pub const MARK: &str = "NEVER_RESTORE";
/// How the row files of `dump2py --simulate` begin their only statement.
const WITHOUT_DATA: &[u8] = b"raise Exception(\"The data of table ";

/// Problems of one kind that are listed for a table; more are only counted.
const LISTED: usize = 10;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file, as named in the snapshot.
    pub path: String,
    /// The line, from 1, when it is about one.
    pub line: Option<u64>,
    /// What is wrong, one sentence.
    pub message: String,
}

/// The rows of one table.
#[derive(Clone, Debug, Default)]
pub struct TableRows {
    /// How many.
    pub rows: u64,
    /// Hashes of their keys; none when the keys are of a kind that is compared by count alone.
    pub keys: Option<HashSet<u64>>,
    /// Name of the argument that holds the key.
    pub key_argument: Option<String>,
}

/// What was found in a snapshot.
#[derive(Clone, Debug, Default)]
pub struct Verification {
    /// The version that made it.
    pub source_version: Option<String>,
    /// Rows and keys, by table.
    pub tables: BTreeMap<String, TableRows>,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

impl Verification {
    /// Tells whether nothing is wrong.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.problems.is_empty()
    }

    /// Returns the number of rows in all tables.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.tables.values().map(|table| table.rows).sum()
    }
}

/// What cannot be looked at as a snapshot at all.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// It cannot be read.
    #[error("{path} cannot be read: {text}")]
    Unreadable {
        /// The snapshot.
        path: PathBuf,
        /// What the system or the archive library says.
        text: String,
    },
    /// It has no dump script, or what is called so is none.
    #[error("{path} is no snapshot: {text}")]
    NoSnapshot {
        /// The directory or archive.
        path: PathBuf,
        /// What is missing.
        text: String,
    },
    /// It has no data and must never be restored.
    #[error("{path} is a simulated dump")]
    Simulated {
        /// The directory or archive.
        path: PathBuf,
    },
}

impl Tell for SnapshotError {
    fn tell(&self) -> Report {
        match self {
            Self::Unreadable { path, text } => {
                Report::new(Kind::Environment, format!("{} cannot be read: {text}.", path.display()))
                    .next("Make a new snapshot.")
            }
            Self::NoSnapshot { path, text } => {
                Report::new(Kind::Environment, format!("{} is no snapshot: {text}.", path.display()))
                    .next("Name a directory written by dump2py, or a snapshot.zip.")
            }
            Self::Simulated { path } => {
                let what = "is a simulated dump. It has no data: restoring it would empty the database";
                Report::new(Kind::Environment, format!("{} {what}.", path.display()))
                    .unchanged("Nothing was changed.")
                    .next("Name the snapshot that the old version made.")
            }
        }
    }
}

/// Verifies a directory or a `snapshot.zip`. `key_arguments` names, by table, the argument that holds the primary
/// key; for other tables it is the first.
pub fn verify(path: &Path, key_arguments: &BTreeMap<String, String>) -> Result<Verification, SnapshotError> {
    let mut source = Source::open(path)?;
    let mut found = Verification { problems: source.problems(), ..Verification::default() };
    if source.read(MARK)?.is_some() {
        return Err(SnapshotError::Simulated { path: path.to_owned() });
    }
    let Some(bytes) = source.read("restore.py")? else {
        return Err(SnapshotError::NoSnapshot { path: path.to_owned(), text: "it has no restore.py".into() });
    };
    let script = match String::from_utf8(bytes) {
        Ok(text) => Script::read(&text),
        Err(error) => {
            found.problem("restore.py", None, "It is not valid UTF-8.");
            Script::read(&String::from_utf8_lossy(error.as_bytes()))
        }
    };
    if !script.is_dump {
        let text = "its restore.py was not written by dump2py".to_owned();
        return Err(SnapshotError::NoSnapshot { path: path.to_owned(), text });
    }
    found.source_version.clone_from(&script.source_version);
    check_script(&mut found, &script);
    read_rows(&mut found, &script, &mut source, key_arguments)?;
    for (name, text) in source.damaged() {
        found.problem(&name, None, &text);
    }
    Ok(found)
}

fn check_script(found: &mut Verification, script: &Script) {
    if script.python2 {
        found.problem("restore.py", None, "It was written for Python 2 and cannot be restored.");
    }
    for problem in script.problems.iter().take(LISTED) {
        let text = format!("Python cannot read it: {}.", problem.text);
        found.problem("restore.py", Some(problem.line), &text);
    }
    if !script.is_complete() {
        found.problem("restore.py", None, "It is cut off: its end is missing.");
    }
    for Tolerated { table, .. } in &script.tolerated {
        let text = format!("The rows of table {table} are missing: it was made with --tolerate.");
        found.problem("restore.py", None, &text);
    }
}

fn read_rows(
    found: &mut Verification,
    script: &Script,
    source: &mut Source,
    key_arguments: &BTreeMap<String, String>,
) -> Result<(), SnapshotError> {
    let mut missing = Vec::new();
    let mut announced: BTreeMap<String, (u64, String)> = BTreeMap::new();
    let loads: Vec<&Load> = script.loads.iter().filter(|load| !load.skipped).collect();
    for Load { file: name, table, .. } in &loads {
        let Some(bytes) = source.read(name)? else {
            missing.push(name.clone());
            continue;
        };
        let function = script.function(table);
        let index = key_arguments.get(table).and_then(|argument| function?.position(argument)).unwrap_or_default();
        let key = function.and_then(|function| function.parameters.get(index));
        let name_of_key = key.map(|parameter| parameter.name.clone());
        match dump::announced(&bytes) {
            Some(count) => {
                announced.insert(table.clone(), (count, name.clone()));
            }
            None => found.problem(name, None, "It does not say how many rows it should have."),
        }
        if std::str::from_utf8(&bytes).is_err() {
            found.problem(name, None, "It is not valid UTF-8.");
        }
        if is_without_data(&bytes) {
            found.problem(name, None, "It has no rows, only an error: it was made with --simulate or --tolerate.");
        }
        let entry = found.tables.entry(table.clone()).or_insert_with(|| TableRows {
            rows: 0,
            keys: Some(HashSet::new()),
            key_argument: name_of_key,
        });
        let problems = read_file(entry, name, table, &bytes, index);
        found.problems.extend(problems);
    }
    if !missing.is_empty() && missing.len() == loads.len() {
        found.problem("restore.py", None, "It has no row file at all: it was made with --simulate.");
    } else {
        for name in missing {
            found.problem(&name, None, "restore.py loads it, but it is missing.");
        }
    }
    for (table, (count, name)) in announced {
        let rows = found.tables.get(&table).map_or(0, |table| table.rows);
        if rows != count {
            found.problem(&name, None, &format!("Table {table} should have {count} rows and has {rows}."));
        }
    }
    Ok(())
}

fn read_file(entry: &mut TableRows, name: &str, table: &str, bytes: &[u8], index: usize) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut say = |line, message: String| {
        if problems.len() < LISTED {
            problems.push(Problem { path: name.to_owned(), line: Some(line), message });
        }
    };
    for row in dump::Rows::new(bytes) {
        let Some(arguments) = row.arguments else {
            say(row.line, "The row is cut off.".into());
            continue;
        };
        if row.table != table.as_bytes() {
            let other = String::from_utf8_lossy(row.table);
            say(row.line, format!("The row belongs to table {other}, the file to {table}."));
        }
        entry.rows += 1;
        let Some(raw) = literal::argument(arguments, index) else {
            say(row.line, "The row is cut off.".into());
            continue;
        };
        match (literal::key(raw), &mut entry.keys) {
            (Some(key), Some(keys)) => {
                if !keys.insert(hash(&key)) {
                    say(row.line, format!("The key {key} of table {table} comes twice."));
                }
            }
            (None, keys) => *keys = None,
            (Some(_), None) => {}
        }
    }
    problems
}

/// Tells whether `dump2py` wrote that it left out the rows; it does so in the first lines.
fn is_without_data(bytes: &[u8]) -> bool {
    bytes.split(|byte| *byte == b'\n').take(8).any(|line| line.starts_with(WITHOUT_DATA))
}

/// Returns the hash by which a key is remembered: 8 bytes a row, whatever its length.
pub(super) fn hash(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

impl Verification {
    pub(super) fn problem(&mut self, path: &str, line: Option<u64>, message: &str) {
        self.problems.push(Problem { path: path.to_owned(), line, message: message.to_owned() });
    }
}

/// Used by archives for names that would leave their directory.
pub(super) fn unreadable(path: &Path, text: impl std::fmt::Display) -> SnapshotError {
    SnapshotError::Unreadable { path: path.to_owned(), text: text.to_string() }
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
