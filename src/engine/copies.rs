//! The copies that are kept to undo a run, and what an undo has kept: how large and how old they are, and their end, which
//! only the operator decides.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::clock::now;
use super::undo::kept_in;
use crate::error::{Kind, Report, Tell};
use crate::journal::Journal;
use crate::procedure::Knowledge;
use crate::site::Site;
use crate::site::check::{human_size, tree_size};

/// What is kept of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Copies {
    /// The run.
    pub run: i64,
    /// The application.
    pub application: String,
    /// Version before the run.
    pub old_version: String,
    /// Version after it, once known.
    pub new_version: Option<String>,
    /// When the run began, seconds since 1970.
    pub started: i64,
    /// How old they are, in days.
    pub days: i64,
    /// How the run ended; none while it is unfinished.
    pub outcome: Option<String>,
    /// Whether the run, or its undo, is unfinished: then they are the way back.
    pub unfinished: bool,
    /// How much they take on the disk.
    pub bytes: u64,
    /// Where they are.
    pub paths: Vec<PathBuf>,
}

impl Copies {
    /// Says it in a line.
    #[must_use]
    pub fn line(&self) -> String {
        let date = jiff::Timestamp::from_second(self.started).map_or_else(
            |_| String::new(),
            |at| at.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d").to_string(),
        );
        let age = match self.days {
            0 => "of today".to_owned(),
            1 => "1 day old".to_owned(),
            days => format!("{days} days old"),
        };
        let new = self.new_version.as_deref().unwrap_or("?");
        let outcome = if self.unfinished { "unfinished" } else { self.outcome.as_deref().unwrap_or("unfinished") };
        let size = human_size(self.bytes);
        format!("{:3}  {date}  {} {} → {new}  {outcome}  {size}, {age}", self.run, self.application, self.old_version)
    }
}

/// Finds what is kept of the runs of a site, newest first.
///
/// # Errors
/// When the journal cannot be read.
pub async fn of(site: &Site, journal: &Journal) -> Result<Vec<Copies>, Report> {
    let runs = journal.runs().await.map_err(|error| error.tell())?;
    let mut found = Vec::new();
    for run in &runs {
        let knowledge: Option<Knowledge> = journal.fact(run.id, "knowledge").await.map_err(|error| error.tell())?;
        let protection = knowledge.map(|known| known.protection).unwrap_or_default();
        let mut paths = vec![site.state_dir.join("protect").join(format!("run-{:04}", run.id)), kept_in(site, run.id)];
        paths.retain(|path| path.symlink_metadata().is_ok());
        let places = [protection.environment, protection.static_root].into_iter().flatten();
        paths.extend(places.flat_map(|place| put_aside(Path::new(&place), run.id)));
        if run.undoes.is_some() || paths.is_empty() {
            continue;
        }
        let undone = runs.iter().any(|other| other.undoes == Some(run.id) && other.ended.is_none());
        found.push(Copies {
            run: run.id,
            application: run.application.clone(),
            old_version: run.old_version.clone(),
            new_version: run.new_version.clone(),
            started: run.started,
            days: (now() - run.started).max(0) / 86_400,
            outcome: run.outcome.clone(),
            unfinished: undone || run.ended.is_none(),
            bytes: paths.iter().map(|path| tree_size(path)).sum(),
            paths,
        });
    }
    Ok(found)
}

/// Finds what an undo of a run has put aside beside a place, also what a broken-off attempt has left there.
fn put_aside(place: &Path, run: i64) -> Vec<PathBuf> {
    let (Some(parent), Some(name)) = (place.parent(), place.file_name()) else { return Vec::new() };
    let name = name.to_string_lossy();
    let starts = ["undone", "part", "spare"].map(|kind| format!("{name}.{kind}-{run:04}"));
    let is_ours = |entry: &str| {
        let rest = starts.iter().find_map(|start| entry.strip_prefix(start.as_str()));
        // Further digits are another run, or behind a dash the time at which it was put aside.
        rest.is_some_and(|rest| {
            let time = rest.strip_prefix('-').unwrap_or_default();
            rest.is_empty() || !time.is_empty() && time.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    let entries = std::fs::read_dir(parent).into_iter().flatten().filter_map(Result::ok);
    let mut found: Vec<PathBuf> =
        entries.filter(|entry| entry.file_name().to_str().is_some_and(is_ours)).map(|entry| entry.path()).collect();
    found.sort();
    found
}

/// The journal's fact that says what was deleted of a run.
const FORGOTTEN: &str = "forgotten";

/// What was deleted, when and by whom.
#[derive(Serialize)]
struct Forgotten<'a> {
    at: i64,
    by: &'a str,
    bytes: u64,
    paths: &'a [PathBuf],
    /// Whether all of it is gone. Else it was broken off.
    done: bool,
}

/// Deletes them. The journal says so before and afterwards.
///
/// # Errors
/// When the run is unfinished, or the system does not let them be deleted.
pub async fn forget(copies: &Copies, journal: &Journal, by: &str) -> Result<(), Report> {
    if copies.unfinished {
        return Err(Report::new(Kind::Environment, format!("Run {} is not finished.", copies.run))
            .unchanged("Nothing was deleted.")
            .next("Bring it to its end, or undo it."));
    }
    let mut forgotten = Forgotten { at: now(), by, bytes: copies.bytes, paths: &copies.paths, done: false };
    journal.record(copies.run, FORGOTTEN, &forgotten, now()).await.map_err(|error| error.tell())?;
    for path in &copies.paths {
        std::fs::remove_dir_all(path).map_err(|error| {
            Report::new(Kind::Environment, format!("{} cannot be deleted: {error}.", path.display()))
                .next("Delete it yourself, as a user who may.")
        })?;
    }
    forgotten.done = true;
    journal.record(copies.run, FORGOTTEN, &forgotten, now()).await.map_err(|error| error.tell())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_aside_is_known_by_its_name() {
        let dir = assert_fs::TempDir::new().unwrap();
        for name in [
            "env",
            "env.undone-0001",
            "env.undone-0001-1790000000",
            "env.part-0001",
            "env.spare-0001",
            "env.undone-0001-old",
            "env.undone-0001-",
            "env.undone-00012",
            "env.undone-0002",
            "other.undone-0001",
        ] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        let found = put_aside(&dir.path().join("env"), 1);
        let expected = ["env.part-0001", "env.spare-0001", "env.undone-0001", "env.undone-0001-1790000000"];
        assert_eq!(found, expected.map(|name| dir.path().join(name)));
    }
}
