//! The log of a restore read for its rows: which were refused, with which message, and in which row it ended.
//!
//! Beside the reader, which keeps little whatever it is fed, this keeps every row that the log names: memory grows with
//! the rows, not with the lines. A file that holds the output of several commands is read for its last restore.

use std::collections::{BTreeMap, BTreeSet};

use super::abandon::cut;
use super::ended::Ended;
use super::reader::Reader;
use super::reading::{CommandKind, Reading, Unsaved};
use super::trace::{Traced, Tracer};

/// Tracebacks of rows that are kept, one for each class of rows and exceptions.
const MOST_TRACES: usize = 200;
/// Characters of a message that are kept.
const MOST_MESSAGE: usize = 4_000;

/// A row that waits for others, as Lino prints it: often only the first of many with the same message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deferred {
    /// The class, without its application.
    pub class: String,
    /// The primary key.
    pub key: String,
    /// How the row calls itself.
    pub object: String,
    /// The message.
    pub message: String,
}

/// An exception that ended the restore, and the row at which it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crash {
    /// Its traceback.
    pub traced: Traced,
    /// The table whose rows were being loaded.
    pub table: Option<String>,
}

/// Everything a log tells of rows that were not saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusals {
    /// How the restore is judged.
    pub reading: Reading,
    /// The list of rows that were given up.
    pub unsaved: Vec<Unsaved>,
    /// Rows that waited when it was last tried to save them.
    pub deferred: Vec<Deferred>,
    /// How many rows still waited after that.
    pub waiting: u64,
    /// The first traceback of each class of rows and exception.
    pub traces: BTreeMap<(String, String), Traced>,
    /// What ended it.
    pub crash: Option<Crash>,
    /// Tables that were loaded.
    pub tables: BTreeSet<String>,
    /// Whether anything in it was printed by a restore.
    pub is_restore: bool,
    /// Whether the log breaks off: neither an end nor an exception is in it.
    pub breaks_off: bool,
}

/// Reads the log of a restore line by line.
#[derive(Debug)]
pub struct RestoreLog {
    reader: Reader,
    tracer: Tracer,
    /// In a log file: the process whose lines count, and whether the current one is its own.
    process: Option<String>,
    foreign: bool,
    last_class: String,
    deferred: Vec<Deferred>,
    waiting: u64,
    traces: BTreeMap<(String, String), Traced>,
    tables: BTreeSet<String>,
    table: Option<String>,
    ended: bool,
}

impl Default for RestoreLog {
    fn default() -> Self {
        let mut reader = Reader::new(CommandKind::Restore);
        reader.abandoned.keep();
        Self {
            reader,
            tracer: Tracer::default(),
            process: None,
            foreign: false,
            last_class: String::new(),
            deferred: Vec::new(),
            waiting: 0,
            traces: BTreeMap::new(),
            tables: BTreeSet::new(),
            table: None,
            ended: false,
        }
    }
}

impl RestoreLog {
    /// Takes the next line, already cleaned by [`plain`](super::line::plain).
    pub fn feed_line(&mut self, line: &str) {
        let (process, text) = match in_log_file(line) {
            Some((process, text)) => (Some(process), text),
            None => (None, line),
        };
        if starts_restore(text) || begins_anew(text, &self.tables) {
            let process = process.map(str::to_owned).or(self.process.take());
            *self = Self { process, ..Self::default() };
        } else if let (Some(own), Some(process)) = (&self.process, process) {
            self.foreign = own != process;
        }
        if self.foreign {
            return;
        }
        self.read(text);
        self.reader.feed_line(text);
    }

    fn read(&mut self, line: &str) {
        let done = line.starts_with("Done ") && line.contains("(PID ");
        self.ended |= done;
        if let Some(traced) = self.tracer.take(line, done || self.reader.goes_on(line)) {
            self.keep(traced);
        }
        if let Some(deferred) = line.strip_prefix("Deferred ").and_then(deferred) {
            self.last_class.clone_from(&deferred.class);
            self.deferred.push(deferred);
        } else if let Some(count) = line.strip_prefix("Trying to save ") {
            self.deferred.clear();
            self.waiting = number(count);
        } else if let Some(count) = line.strip_prefix("Saved ") {
            self.waiting = self.waiting.saturating_sub(number(count));
        } else if let Some(rest) = line.strip_prefix("Loading ")
            && let Some((_, table)) = rest.split_once(" to table ")
        {
            let table = cut(table.trim_end().trim_end_matches("..."), 200);
            if self.tables.len() < 100_000 {
                self.tables.insert(table.clone());
            }
            self.table = Some(table);
        }
    }

    fn keep(&mut self, traced: Traced) {
        let Some((exception, _)) = traced.exceptions.last() else { return };
        if self.traces.len() < MOST_TRACES {
            self.traces.entry((self.last_class.clone(), exception.clone())).or_insert(traced);
        }
    }

    /// Ends the reading. `ended` is how the command ended; where nobody knows, the log itself has to tell.
    #[must_use]
    pub fn finish(mut self, ended: Option<Ended>) -> Refusals {
        let is_restore = self.reader.is_restore();
        let told = ended.or_else(|| self.told_end());
        let unsaved = self.reader.abandoned.take_kept();
        let last = self.tracer.end();
        let abandoning = self.reader.abandoning;
        let reading = self.reader.finish(told);
        let crash = match (&reading.fatal, last) {
            (Some(fatal), Some(traced))
                if !abandoning && traced.exceptions.last().is_some_and(|(name, _)| *name == fatal.exception) =>
            {
                Some(Crash { traced, table: self.table })
            }
            (Some(fatal), _) if !abandoning => {
                // Where output is no terminal, a traceback may stand before lines that were printed before it.
                let at = self.traces.iter().find(|(_, traced)| {
                    traced
                        .exceptions
                        .last()
                        .is_some_and(|last| *last == (fatal.exception.clone(), fatal.message.clone()))
                });
                at.map(|(_, traced)| Crash { traced: traced.clone(), table: self.table })
            }
            _ => None,
        };
        Refusals {
            reading,
            unsaved,
            deferred: self.deferred,
            waiting: self.waiting,
            traces: self.traces,
            crash,
            tables: self.tables,
            is_restore,
            breaks_off: told.is_none(),
        }
    }

    /// How the command ended, as the log tells it.
    fn told_end(&self) -> Option<Ended> {
        let reader = &self.reader;
        if reader.abandoning || reader.loaded.is_some() || reader.done_twice {
            return Some(Ended::Exited { code: 0 });
        }
        // An exception that is about a row is logged while work goes on.
        let fatal = reader.fatal.is_some() || self.ended;
        fatal.then_some(Ended::Exited { code: 1 })
    }
}

/// The number with which a text begins.
fn number(text: &str) -> u64 {
    text.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// Takes apart what Lino's log file puts before a message; returns the process, and the message.
fn in_log_file(line: &str) -> Option<(&str, &str)> {
    let text = super::severity::strip_log_prefix(line);
    if text.len() == line.len() {
        return None;
    }
    let (_, rest) = line.split_once('[')?;
    let (origin, _) = rest.split_once(']')?;
    Some((origin.split(' ').nth(1)?, text))
}

/// The line with which a restore begins, where Lino says so.
fn starts_restore(line: &str) -> bool {
    let Some(rest) = line.strip_prefix("Started ") else { return false };
    let Some((command, _)) = rest.split_once(" (using ") else { return false };
    command.contains(" run ") && command.contains(".py")
}

/// Whether another restore begins in the same file.
fn begins_anew(line: &str, tables: &BTreeSet<String>) -> bool {
    !tables.is_empty() && line.starts_with("`initdb ` started on database ")
}

/// Reads `Sale #3 ('Sale 3') : MESSAGE`.
fn deferred(rest: &str) -> Option<Deferred> {
    let (class, rest) = rest.split_once(" #")?;
    let (at, quote) = [" ('", " (\""]
        .into_iter()
        .filter_map(|start| rest.find(start).map(|at| (at, start.chars().next_back().unwrap_or('\''))))
        .min()?;
    let key = rest.get(..at)?;
    let rest = rest.get(at + 3..)?;
    let (object, message) = rest.split_once(&format!("{quote}) : "))?;
    let word = class.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
    word.then(|| Deferred {
        class: class.to_owned(),
        key: key.to_owned(),
        object: cut(object, MOST_MESSAGE).replace("\\'", "'").replace("\\\\", "\\"),
        message: cut(message, MOST_MESSAGE),
    })
}
