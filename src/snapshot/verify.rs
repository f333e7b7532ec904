//! Reads a whole snapshot and says what is wrong with it: script, row files, announced rows, keys that come twice.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Serialize;
use thiserror::Error;

use super::archive::Source;
use super::scan::{Block, Scan, Subject};
use crate::dump::{Keys, Load, Script, Tolerated};
use crate::error::{Kind, Report, Tell};

/// The file that marks a simulated dump, whose script would empty the database; `assets/python/simulate.py` writes it.
pub const MARK: &str = "NEVER_RESTORE";
/// Problems of one kind that are listed for a file; more are only counted.
pub(super) const LISTED: usize = 10;

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
    /// Their keys; none when the keys are of a kind that is compared by count alone.
    pub keys: Option<Keys>,
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
    let (source, script, mut found) = open(path)?;
    Reading::new(&script, key_arguments).read(source, &mut found)?;
    Ok(found)
}

/// Opens a directory or archive and reads its script; says what is wrong with them.
pub(super) fn open(path: &Path) -> Result<(Source, Script, Verification), SnapshotError> {
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
    Ok((source, script, found))
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

/// The row files of a snapshot while they are read.
struct Reading<'a> {
    /// The files that the script loads, in its order.
    subjects: Vec<Subject<'a>>,
    tables: BTreeMap<&'a str, Mutex<Table>>,
}

#[derive(Default)]
struct Table {
    rows: TableRows,
    /// Keys that come twice.
    twice: Keys,
}

/// What came of one piece of work.
enum Done {
    /// A row file was read; none when it is missing.
    File(usize, Result<Option<Scan>, SnapshotError>),
    /// Another entry of the archive is damaged.
    Damaged(String, String),
}

impl<'a> Reading<'a> {
    fn new(script: &'a Script, key_arguments: &BTreeMap<String, String>) -> Self {
        let mut tables: BTreeMap<&str, Mutex<Table>> = BTreeMap::new();
        let loads = script.loads.iter().filter(|load| !load.skipped);
        let subjects = loads.map(|Load { file, table, .. }| {
            let function = script.function(table);
            let key = key_arguments.get(table).and_then(|argument| function?.position(argument)).unwrap_or_default();
            let parameter = function.and_then(|function| function.parameters.get(key));
            tables.entry(table).or_insert_with(|| {
                let key_argument = parameter.map(|parameter| parameter.name.to_string());
                let rows = TableRows { rows: 0, keys: Some(Keys::default()), key_argument };
                Mutex::new(Table { rows, twice: Keys::default() })
            });
            Subject { name: file, table, key }
        });
        let subjects = subjects.collect();
        Self { subjects, tables }
    }

    /// Reads all files on all cores, the largest first, and says what is wrong in the order of the script.
    fn read(self, mut source: Source, found: &mut Verification) -> Result<(), SnapshotError> {
        let mut known: BTreeSet<&str> = self.subjects.iter().map(|subject| subject.name).collect();
        known.extend(["restore.py", MARK]);
        let others = source.others(&known);
        let mut order: Vec<usize> = (0..self.subjects.len()).collect();
        order.sort_by_cached_key(|at| {
            self.subjects.get(*at).map(|file| std::cmp::Reverse(source.size(file.name).ok().flatten()))
        });
        let next = AtomicUsize::new(0);
        let done = Mutex::new(Vec::new());
        let work = || {
            let (mut source, mut block) = (source.clone(), Block::default());
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let one = match (order.get(at), others.get(at.wrapping_sub(order.len()))) {
                    (Some(file), _) => Done::File(*file, self.scan(*file, &mut source, &mut block)),
                    (None, Some(entry)) => match source.check(*entry) {
                        Some((name, text)) => Done::Damaged(name, text),
                        None => continue,
                    },
                    (None, None) => break,
                };
                lock(&done).push(one);
            }
        };
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(8);
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(work);
            }
            work();
        });
        self.conclude(done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner), &mut source, found)
    }

    fn scan(&self, file: usize, source: &mut Source, block: &mut Block) -> Result<Option<Scan>, SnapshotError> {
        let Some(subject) = self.subjects.get(file) else { return Ok(None) };
        let Some(mut scan) = source.with(subject.name, |file| subject.scan(file, block))? else { return Ok(None) };
        if let Some(table) = self.tables.get(subject.table) {
            let mut table = lock(table);
            table.rows.rows += scan.rows;
            if scan.comparable {
                let Table { rows, twice } = &mut *table;
                if let Some(keys) = &mut rows.keys {
                    twice.extend(keys.add(&mut scan.numbers, &scan.texts));
                }
            } else {
                table.rows.keys = None;
            }
        }
        // Kept no longer than needed: a table may have millions of rows.
        (scan.numbers, scan.texts) = (Vec::new(), Vec::new());
        Ok(Some(scan))
    }

    fn conclude(self, mut done: Vec<Done>, source: &mut Source, found: &mut Verification) -> Result<(), SnapshotError> {
        done.sort_by_key(|one| match one {
            Done::File(file, _) => *file,
            Done::Damaged(..) => usize::MAX,
        });
        let mut announced: BTreeMap<&str, (u64, &str)> = BTreeMap::new();
        let (mut missing, mut damaged) = (Vec::new(), Vec::new());
        let mut doubles = self.doubles(source)?;
        for one in done {
            match one {
                Done::File(file, scan) => {
                    let Some(subject) = self.subjects.get(file) else { continue };
                    let Some(scan) = scan? else {
                        missing.push(subject.name);
                        continue;
                    };
                    if let Some(count) = scan.announced {
                        announced.insert(subject.table, (count, subject.name));
                    }
                    found.problems.extend(scan.problems);
                    found.problems.append(&mut doubles.remove(&file).unwrap_or_default());
                }
                Done::Damaged(name, text) => damaged.push((name, text)),
            }
        }
        if !missing.is_empty() && missing.len() == self.subjects.len() {
            found.problem("restore.py", None, "It has no row file at all: it was made with --simulate.");
        } else {
            for name in missing {
                found.problem(name, None, "restore.py loads it, but it is missing.");
            }
        }
        for (table, rows) in self.tables {
            let rows = rows.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).rows;
            if let Some((count, name)) = announced.get(table).filter(|(count, _)| *count != rows.rows) {
                let text = format!("Table {table} should have {count} rows and has {}.", rows.rows);
                found.problem(name, None, &text);
            }
            if announced.contains_key(table) || rows.rows > 0 {
                found.tables.insert(table.to_owned(), rows);
            }
        }
        for (name, text) in damaged {
            found.problem(&name, None, &text);
        }
        Ok(())
    }

    /// Reads the files of tables with keys that come twice once more, in the order of the script, for their lines.
    fn doubles(&self, source: &mut Source) -> Result<BTreeMap<usize, Vec<Problem>>, SnapshotError> {
        let mut found = BTreeMap::new();
        let mut seen: BTreeMap<&str, HashSet<String>> = BTreeMap::new();
        for (at, subject) in self.subjects.iter().enumerate() {
            let Some(table) = self.tables.get(subject.table).map(lock) else { continue };
            if table.twice.is_empty() || table.rows.keys.is_none() {
                continue;
            }
            let seen = seen.entry(subject.table).or_default();
            let wanted = |key| table.twice.contains(key);
            if let Some(problems) = source.with(subject.name, |file| subject.doubles(file, &wanted, seen))? {
                found.insert(at, problems);
            }
        }
        Ok(found)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
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
