//! From the log of a restore and its snapshot to causes: reads the log whatever its size, and the rows that it names.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::index::Index;
use super::script::{DumpScript, read_script};
use super::verify::SnapshotError;
use crate::dump::Script;
use crate::messages::line::plain;
use crate::messages::{Ended, FailureCause, Fatal, Judgement, Reading, Refusals, RestoreLog};
use crate::triage::{Causes, Logged, Tables, failures, wanted};

/// Bytes of one line that are read: the list of rows names all with one message in one line, and there may be millions.
const LONGEST: u64 = 64 << 20;
/// Bytes at the end of a longer line that are read, too.
const END: u64 = 1 << 20;

/// What a log comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogTriage {
    /// How the restore is judged.
    pub reading: Reading,
    /// The rows by cause.
    pub causes: Causes,
    /// The exception that ended the restore.
    pub fatal: Option<Fatal>,
    /// The row at which it did, as a place among the failures.
    pub fatal_row: Option<usize>,
    /// What is to be known of the log: one sentence each.
    pub notes: Vec<String>,
    /// The dump script of the snapshot.
    pub script: DumpScript,
}

/// Why a log cannot be triaged.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// It cannot be read.
    #[error("{path} cannot be read: {source}")]
    Unreadable {
        /// Its file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is nothing in it.
    #[error("{0} is empty")]
    Empty(PathBuf),
    /// Nothing in it comes from a restore.
    #[error("nothing in {0} was printed by a restore")]
    NoRestore(PathBuf),
    /// It is not the log of a restore of this snapshot.
    #[error("{log} is not the log of a restore of this snapshot: {why}")]
    OtherSite {
        /// The log.
        log: PathBuf,
        /// What it names and the snapshot does not have; lower case, no period.
        why: String,
    },
    /// The snapshot cannot be read.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

/// Triages a log: `log` is what a restore of the dump script `script` printed, to a file, a pipe, a terminal or Lino's own
/// log file; `ended` is how it ended, where that is known.
///
/// # Errors
/// When one of them cannot be read, when the log is none, and when it names what the snapshot does not have.
pub fn triage_log(log: &Path, script: &Path, ended: Option<Ended>) -> Result<LogTriage, LogError> {
    let wrong = |source| LogError::Unreadable { path: log.to_owned(), source };
    let file = File::open(log).map_err(wrong)?;
    if file.metadata().map_err(wrong)?.is_dir() {
        return Err(wrong(io::ErrorKind::IsADirectory.into()));
    }
    let script = read_script(script)?;
    let mut restore = RestoreLog::default();
    if read(file, &mut restore).map_err(wrong)? == 0 {
        return Err(LogError::Empty(log.to_owned()));
    }
    let refusals = restore.finish(ended);
    if !refusals.is_restore {
        return Err(LogError::NoRestore(log.to_owned()));
    }
    let other = |why: String| LogError::OtherSite { log: log.to_owned(), why };
    let tables = Tables::of(&script.script);
    let loaded: Vec<&String> = refusals.tables.iter().filter(|table| !tables.models.contains_key(*table)).collect();
    if let Some(table) = loaded.first() {
        return Err(other(format!("it loads the table {}, which the snapshot does not have", shown(table))));
    }
    let rows = Index::open(&script.path, None)?.named(&wanted(&refusals, &tables))?;
    let logged = failures(&refusals, &tables, &rows);
    if let Some(model) = logged.unknown_models.first() {
        return Err(other(format!("it names rows of {}, which the snapshot does not have", shown(model))));
    }
    if logged.missing * 2 > logged.failures.len() {
        let row = logged.failures.iter().find(|failure| failure.line == 0);
        let row = row.map(|row| format!("{} {}", shown(row.model_or_table()), shown(&row.key))).unwrap_or_default();
        return Err(other(format!(
            "{} of {} rows that it names are not in the snapshot, for example {row}",
            logged.missing,
            logged.failures.len()
        )));
    }
    let notes = notes(&refusals, &logged, &script.script);
    let mut reading = refusals.reading;
    if refusals.unsaved.is_empty() && reading.unsaved == 0 && logged.fatal.is_none() && !logged.failures.is_empty() {
        reading.unsaved = refusals.waiting;
    }
    let fatal = reading.fatal.clone().filter(|_| refusals.crash.is_some() || logged.failures.is_empty());
    let causes = Causes::of(logged.failures);
    Ok(LogTriage { fatal, fatal_row: logged.fatal, causes, notes, script, reading })
}

/// Says what the log leaves open.
fn notes(refusals: &Refusals, logged: &Logged, script: &Script) -> Vec<String> {
    let reading = &refusals.reading;
    let mut notes = Vec::new();
    if refusals.breaks_off {
        notes.push("The log ends before the restore does, so it cannot be told how it ended.".to_owned());
    }
    let listed = refusals.unsaved.iter().map(|line| line.count).sum::<u64>();
    if !refusals.unsaved.is_empty() && listed < reading.unsaved {
        notes.push(format!("The log ends before the list of rows does: it names {listed} of {}.", reading.unsaved));
    } else if reading.unsaved > 0 && refusals.unsaved.is_empty() {
        notes.push(format!("The log ends before the list of its {} rows.", reading.unsaved));
    } else if matches!(reading.judgement, Judgement::Failed { cause: FailureCause::TooManyDeferred, .. }) {
        notes.push("Too many rows waited, and the log names only some of them.".to_owned());
    } else if refusals.unsaved.is_empty() && !logged.failures.is_empty() && logged.fatal.is_none() {
        notes.push(format!(
            "The log has no list of the rows that were given up. {} waited at last; the log names {} of them.",
            rows_of(refusals.waiting),
            logged.failures.len()
        ));
    }
    if logged.missing > 0 {
        let rows = rows_of(u64::try_from(logged.missing).unwrap_or(u64::MAX));
        notes.push(format!("{rows} that the log names are not in the snapshot."));
    }
    if let (Some(log), Some(own)) = (&reading.source_version, &script.source_version)
        && log != own
    {
        notes.push(format!(
            "The log is about a snapshot of version {}, and this one is of {}.",
            shown(log),
            shown(own)
        ));
    }
    notes
}

fn rows_of(number: u64) -> String {
    if number == 1 { "1 row".to_owned() } else { format!("{number} rows") }
}

fn shown(text: &str) -> String {
    plain(text.as_bytes()).chars().take(100).collect()
}

/// Feeds a log line by line; returns how many bytes it has.
fn read(file: File, restore: &mut RestoreLog) -> io::Result<u64> {
    let mut reader = BufReader::with_capacity(256 << 10, file);
    let (mut line, mut end, mut bytes) = (Vec::new(), Vec::new(), 0);
    loop {
        line.clear();
        let read = (&mut reader).take(LONGEST).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(bytes);
        }
        bytes += read as u64;
        // The end of a line tells which row it is about.
        while read as u64 == LONGEST && line.last() != Some(&b'\n') {
            let more = (&mut reader).take(END).read_until(b'\n', &mut end)?;
            bytes += more as u64;
            end.drain(..end.len().saturating_sub(usize::try_from(END).unwrap_or_default()));
            if more == 0 || end.last() == Some(&b'\n') {
                line.append(&mut end);
                break;
            }
        }
        restore.feed_line(&plain(&line));
        line.shrink_to(1 << 20);
    }
}
