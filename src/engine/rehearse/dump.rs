//! The dump of the running site that is rehearsed. The one before is replaced only by a whole new one.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::super::decided;
use crate::dump::Script;
use crate::error::{Kind, Report, Tell};
use crate::messages::{CommandKind, Judgement, Reader};
use crate::site::rehearse::places;
use crate::site::{self, Site};
use crate::snapshot;

/// So much of a row file is read to find how many rows its table has, in bytes.
const HEAD: u64 = 4 << 10;

/// Returns where the dump lies that the last rehearsal made.
#[must_use]
pub fn place(site: &Site) -> PathBuf {
    places(site).dir.join("snapshot")
}

fn failed(what: String) -> Report {
    Report::new(Kind::Environment, what)
        .unchanged("The site was only read; the dump of the last rehearsal is as it was.")
}

/// Dumps the running site, proves that the dump is whole, and puts it in the place of the one before. Each line that
/// Lino prints is told.
///
/// # Errors
/// A report that says why there is no new dump.
pub async fn dump(site: &Site, mut printed: impl FnMut(&str)) -> Result<PathBuf, Report> {
    let dir = places(site).dir;
    let (part, log) = (dir.join("snapshot.part"), dir.join("dump.log"));
    let io = |error: std::io::Error| failed(format!("The site cannot be dumped into {}: {error}.", dir.display()));
    site::prepare_private(&dir).map_err(io)?;
    remove(&part).map_err(io)?;
    printed(&format!("$ python manage.py dump2py {}", part.display()));
    let reading = site::dump::dump(site, &part, &log, &mut printed).await.map_err(io)?;
    if !matches!(reading.judgement, Judgement::Finished { .. }) {
        let because = match reading.judgement {
            Judgement::Unproved { because }
            | Judgement::Failed { because, .. }
            | Judgement::Interrupted { because }
            | Judgement::Refused { because } => because,
            Judgement::Finished { .. } => String::new(),
        };
        return Err(failed(format!("The site could not be dumped. {because}"))
            .next("Correct what the log says, then rehearse again.")
            .log(log));
    }
    let found = snapshot::verify(&part, &BTreeMap::new()).map_err(|error| error.tell())?;
    if let Some(problem) = found.problems.first() {
        let line = problem.line.map_or_else(String::new, |line| format!(":{line}"));
        return Err(failed(format!("The dump is not whole. {}{line}: {}", problem.path, problem.message))
            .next("Rehearse again; if it stays so, ask the application developer."));
    }
    replace(site, &part).map_err(io)?;
    Ok(place(site).join("restore.py"))
}

/// Puts a new dump in its place. What was told of the old one speaks of other rows.
fn replace(site: &Site, part: &Path) -> std::io::Result<()> {
    let (new, old) = (place(site), places(site).dir.join("snapshot.old"));
    decided::keep(site)?;
    super::former::forget(site)?;
    remove(&old)?;
    if new.exists() {
        std::fs::rename(&new, &old)?;
    }
    std::fs::rename(part, &new)?;
    remove(&old)
}

fn remove(dir: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Counts the rows of a snapshot by what its row files say at their beginning.
#[must_use]
pub fn announced(script: &Path) -> u64 {
    let Ok(text) = std::fs::read(script) else { return 0 };
    let (read, mut seen) = (Script::read(&String::from_utf8_lossy(&text)), BTreeSet::new());
    let mut rows = 0;
    for load in read.loads.iter().filter(|load| !load.skipped) {
        if !seen.insert(load.table.as_str()) {
            continue;
        }
        let mut head = Vec::new();
        let file = std::fs::File::open(script.with_file_name(&load.file));
        if file.and_then(|file| file.take(HEAD).read_to_end(&mut head)).is_err() {
            continue;
        }
        let head = String::from_utf8_lossy(&head);
        let Some((_, rest)) = head.split_once("\"Loading ") else { continue };
        let mut reader = Reader::new(CommandKind::Restore);
        reader.feed_line(&format!("Loading {}", rest.split('"').next().unwrap_or_default()));
        rows += reader.finish(None).announced;
    }
    rows
}
