//! Answers of the site's Python that need not be asked for again.
//!
//! The script names what an answer rests on: files that the site's code read, directories in which it searched, paths that
//! it looked for. While all of these are as they were, the same question has the same answer; whoever edits the settings,
//! updates a package or replaces the environment changes one of them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use tokio::sync::{Mutex, MutexGuard};

use super::Facts;
use crate::site::connection::Connection;
use crate::site::find::Site;

/// A change this short before the question may bear the time of one within it: clocks of file systems tick slowly.
const TICK: Duration = Duration::from_millis(50);

/// Ends of names that come and go while a site runs, and name no code.
const PASSING: [&str; 12] =
    ["-journal", "-wal", "-shm", ".pid", ".log", ".zip", ".tmp", ".lock", ".part", ".sock", ".pyc", "~"];

/// What the site's Python has said, in memory only. Whoever asks while another one does waits for that answer.
#[derive(Clone, Default)]
pub struct Answers(Arc<Last>);

#[derive(Default)]
struct Last {
    facts: Mutex<Option<Kept<Facts>>>,
    connection: Mutex<Option<Kept<Connection>>>,
}

impl Answers {
    pub(super) async fn facts(&self) -> MutexGuard<'_, Option<Kept<Facts>>> {
        self.0.facts.lock().await
    }

    pub(super) async fn connection(&self) -> MutexGuard<'_, Option<Kept<Connection>>> {
        self.0.connection.lock().await
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answers")
    }
}

/// What was asked makes no other site.
impl PartialEq for Answers {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Answers {}

/// What an answer rests on, as the script names it.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Sources {
    /// Read.
    files: Vec<PathBuf>,
    /// Searched.
    directories: Vec<PathBuf>,
    /// Looked for and found.
    present: Vec<PathBuf>,
    /// Looked for and not found.
    absent: Vec<PathBuf>,
}

/// An answer, and how all that it rests on was.
pub(super) struct Kept<T> {
    answer: T,
    python: PathBuf,
    environment: BTreeMap<String, Option<String>>,
    sources: Arc<Sources>,
    state: State,
}

/// How sources are.
#[derive(Debug, PartialEq)]
struct State {
    /// None for one that is not there.
    files: Vec<Option<Stamp>>,
    /// The names in each, sorted; none where it is not there.
    directories: Vec<Option<Vec<OsString>>>,
}

/// What differs when a file was written, replaced or restored: number, size in bytes, and when that was last changed, in
/// seconds and nanoseconds.
#[derive(Debug, PartialEq)]
struct Stamp(u64, u64, i64, i64);

/// Returns the last answer, if it still holds; else forgets it.
pub(super) async fn still<T: Clone>(last: &mut Option<Kept<T>>, site: &Site) -> Option<T> {
    let kept = last.take()?;
    if kept.python != site.python || kept.environment != site.environment {
        return None;
    }
    let sources = Arc::clone(&kept.sources);
    let now = tokio::task::spawn_blocking(move || sources.state(None)).await.ok().flatten()?;
    if now != kept.state {
        return None;
    }
    Some(last.insert(kept).answer.clone())
}

/// Keeps an answer, unless it is not known what it rests on, or some of that has changed since the question.
pub(super) async fn keep<T: Clone>(
    last: &mut Option<Kept<T>>,
    answer: &T,
    sources: Option<Sources>,
    site: &Site,
    asked: SystemTime,
) {
    let Some(sources) = sources.map(Arc::new) else { return };
    let seen = Arc::clone(&sources);
    let Ok(Some(state)) = tokio::task::spawn_blocking(move || seen.state(asked.checked_sub(TICK))).await else {
        return;
    };
    let (python, environment) = (site.python.clone(), site.environment.clone());
    *last = Some(Kept { answer: answer.clone(), python, environment, sources, state });
}

impl Sources {
    /// Looks how they are; none when one is not as it was looked for, or has changed since the time that is given.
    fn state(&self, unchanged_since: Option<SystemTime>) -> Option<State> {
        let is_old = |seconds: i64, nanoseconds: i64| {
            let Some(limit) = unchanged_since else { return true };
            let (Ok(seconds), Ok(nanoseconds)) = (u64::try_from(seconds), u32::try_from(nanoseconds)) else {
                return true;
            };
            SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds) < limit
        };
        if !self.present.iter().all(|path| path.exists()) || self.absent.iter().any(|path| path.exists()) {
            return None;
        }
        let file = |path: &PathBuf| {
            let Ok(found) = path.metadata() else { return Some(None) };
            is_old(found.ctime(), found.ctime_nsec())
                .then(|| Some(Stamp(found.ino(), found.size(), found.ctime(), found.ctime_nsec())))
        };
        let directory = |path: &PathBuf| {
            let Ok(found) = path.metadata() else { return Some(None) };
            is_old(found.mtime(), found.mtime_nsec()).then(|| names(path))
        };
        Some(State {
            files: self.files.iter().map(file).collect::<Option<_>>()?,
            directories: self.directories.iter().map(directory).collect::<Option<_>>()?,
        })
    }
}

/// Lists the names in a directory that may be those of code, sorted; none when it cannot be listed.
fn names(directory: &Path) -> Option<Vec<OsString>> {
    let mut names: Vec<OsString> =
        std::fs::read_dir(directory).ok()?.flatten().map(|entry| entry.file_name()).collect();
    names.retain(|name| {
        let bytes = name.as_bytes();
        !bytes.starts_with(b".")
            && bytes != b"__pycache__"
            && !PASSING.iter().any(|end| bytes.ends_with(end.as_bytes()))
    });
    names.sort();
    Some(names)
}
