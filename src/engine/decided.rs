//! The copy of a dump script with the operator's decisions, beside the original, which is never changed.
//!
//! What a person has changed in the last copy is kept, wherever that copy lies: the copy of a rehearsal becomes that of
//! the snapshot. For this the directory of the rehearsal holds the last copy as it was written, and the place of it.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::compare::Models;
use crate::dump::Script;
use crate::dump::edit::{edit, merge};
use crate::error::{Kind, Report, Tell};
use crate::fault::{self, Place};
use crate::messages::line::plain;
use crate::site::rehearse::places;
use crate::site::{Site, prepare_private};
use crate::snapshot::index::Index;
use crate::triage::{Decisions, Fit, Known, fit};

/// The name of the copy.
pub use crate::procedure::COPY;

/// The name of a copy that somebody changed and that is not merged, because another one was written since.
const ASIDE: &str = "restore_decided.old.py";

/// Why there is no copy.
#[derive(Debug)]
pub enum Undecided {
    /// Decisions that do not fit this snapshot.
    Unfit(Fit),
    /// Something else.
    Report(Box<Report>),
}

impl From<Report> for Undecided {
    fn from(report: Report) -> Self {
        Self::Report(Box::new(report))
    }
}

/// A copy with the decisions that fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Where it lies.
    pub path: PathBuf,
    /// What of the decisions does not fit this snapshot and is not in it: one sentence each.
    pub unfit: Vec<String>,
}

fn failed(what: String) -> Report {
    Report::new(Kind::Environment, what).unchanged("The snapshot was not changed.")
}

fn unreadable(error: &dyn std::fmt::Display, path: &Path) -> Report {
    failed(format!("{}: {error}.", path.display()))
}

/// Writes the copy of `script` with the decisions, and returns where it lies. What a person has changed in the last
/// copy is kept. `before` and `after` are the models of both versions, where they are known.
///
/// # Errors
/// Decisions that do not fit, or a report: a file cannot be read or written, a change by hand and a decision meet in one
/// place.
pub fn copy(
    site: &Site,
    script: &Path,
    decisions: &Decisions,
    models: (Option<&Models>, Option<&Models>),
) -> Result<PathBuf, Undecided> {
    let (text, fitted) = fitted(script, decisions, models)?;
    if !fitted.unfit.is_empty() {
        return Err(Undecided::Unfit(fitted));
    }
    Ok(lay(site, script, &edited(script, &text, &fitted)?)?)
}

/// Does the same with those decisions that fit, and tells the others.
///
/// # Errors
/// As [`copy`], but for decisions that do not fit.
pub fn copy_fitting(
    site: &Site,
    script: &Path,
    decisions: &Decisions,
    models: (Option<&Models>, Option<&Models>),
) -> Result<Copied, Report> {
    let (text, fitted) = fitted(script, decisions, models)?;
    let sentence = |unfit: &crate::triage::Unfit| {
        let model = decisions.iter().nth(unfit.decision).map(|decision| plain(decision.model.as_bytes()).into_owned());
        format!("{}: {}", model.unwrap_or_default(), unfit.sentence)
    };
    let unfit = fitted.unfit.iter().map(sentence).collect();
    let path = lay(site, script, &edited(script, &text, &fitted)?)?;
    Ok(Copied { path, unfit })
}

/// Tells whether a copy is to be loaded instead of the script: something is decided, or somebody has changed the last
/// copy by hand.
#[must_use]
pub fn is_wanted(site: &Site, decisions: &Decisions) -> bool {
    decisions.iter().any(|decision| !decision.choice.is_open()) || is_edited(site)
}

/// Tells whether somebody has changed the last copy by hand.
#[must_use]
pub fn is_edited(site: &Site) -> bool {
    let base = std::fs::read_to_string(places(site).dir.join(COPY)).unwrap_or_default();
    last(site).and_then(|path| std::fs::read_to_string(path).ok()).is_some_and(|mine| mine != base)
}

/// Keeps the last copy, before the directory in which it lies is written anew.
///
/// # Errors
/// What the system says.
pub fn keep(site: &Site) -> io::Result<()> {
    let Some(text) = last(site).and_then(|path| std::fs::read_to_string(path).ok()) else { return Ok(()) };
    let dir = places(site).dir;
    prepare_private(&dir)?;
    let kept = dir.join("restore_decided.mine.py");
    write_private(&kept, &text)?;
    write_private(&place_of_last(site), &kept.to_string_lossy())
}

/// Forgets the last copy: the next one has nothing to do with it.
///
/// # Errors
/// What the system says.
pub fn forget(site: &Site) -> io::Result<()> {
    for path in [places(site).dir.join(COPY), place_of_last(site)] {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn place_of_last(site: &Site) -> PathBuf {
    places(site).dir.join("restore_decided.place")
}

/// Returns where the last copy lies.
fn last(site: &Site) -> Option<PathBuf> {
    std::fs::read_to_string(place_of_last(site)).ok().map(PathBuf::from)
}

/// Holds the decisions against the snapshot of a script.
fn fitted(
    script: &Path,
    decisions: &Decisions,
    (before, after): (Option<&Models>, Option<&Models>),
) -> Result<(String, Fit), Report> {
    let text = std::fs::read_to_string(script).map_err(|error| unreadable(&error, script))?;
    let read = Script::read(&text);
    let index = Index::open(script, before).map_err(|error| error.tell())?;
    let key = |table: &str, key: &str| index.stored(table, key);
    let fitted = fit(decisions, &Known { script: &read, key: &key, before, after });
    index.trouble().map_or(Ok(()), |error| Err(error.tell()))?;
    Ok((text, fitted))
}

fn edited(script: &Path, text: &str, fitted: &Fit) -> Result<String, Report> {
    let edited = edit(text, &fitted.changes);
    match edited.refused.first() {
        Some((_, why)) => {
            Err(failed(format!("A decision cannot be written into a copy of {}: {why}", script.display())))
        }
        None => Ok(edited.text),
    }
}

/// Writes the copy beside its script, with what a person has changed in the last one.
fn lay(site: &Site, script: &Path, edited: &str) -> Result<PathBuf, Report> {
    let dir = places(site).dir;
    prepare_private(&dir).map_err(|error| unreadable(&error, &dir))?;
    let path = script.with_file_name(COPY);
    let base_path = dir.join(COPY);
    let base = std::fs::read_to_string(&base_path).unwrap_or_default();
    let last = last(site).filter(|last| last.is_file()).unwrap_or_else(|| path.clone());
    let mine = std::fs::read_to_string(&last).ok();
    let text = match &mine {
        Some(mine) if *mine != base => by_hand(&last, [&base, mine, edited])?,
        _ => edited.to_owned(),
    };
    // Another copy was written since: what somebody has changed in this one is not lost, but not merged either.
    if last != path
        && let Ok(other) = std::fs::read_to_string(&path)
        && other != base
        && other != text
    {
        let aside = script.with_file_name(ASIDE);
        std::fs::rename(&path, &aside).map_err(|error| unreadable(&error, &aside))?;
    }
    write_private(&path, &text).map_err(|error| unreadable(&error, &path))?;
    write_private(&base_path, edited).map_err(|error| unreadable(&error, &base_path))?;
    let place = place_of_last(site);
    write_private(&place, &path.to_string_lossy()).map_err(|error| unreadable(&error, &place))?;
    Ok(path)
}

/// Brings together what a person has changed in the copy and what is decided now.
fn by_hand(path: &Path, [base, mine, new]: [&str; 3]) -> Result<String, Report> {
    let merged = merge(base, mine, new);
    if merged.conflicts.is_empty() {
        return Ok(merged.text);
    }
    let mut places = String::new();
    for conflict in &merged.conflicts {
        let _ = writeln!(places, "line {}, by hand:\n{}", conflict.mine.first, shown(&conflict.mine.text));
        let _ = writeln!(places, "by the decisions of now:\n{}", shown(&conflict.new.text));
    }
    Err(failed(format!("{} was changed by hand in lines that decisions change, too.", path.display()))
        .excerpt(places.trim_end().to_owned())
        .next("Take the change by hand back, or the decision; or remove the file to have it written anew."))
}

fn shown(text: &str) -> String {
    text.lines().map(|line| format!("    {}", plain(line.as_bytes()))).collect::<Vec<_>>().join("\n")
}

/// Writes a file for its owner only: whole, or not at all.
pub(super) fn write_private(path: &Path, text: &str) -> io::Result<()> {
    fault::before_write(Place::Snapshot)?;
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let _ = std::fs::remove_file(&part);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&part, path)?;
    if let Some(dir) = path.parent() {
        std::fs::File::open(dir)?.sync_all()?;
    }
    fault::after_write(Place::Snapshot);
    Ok(())
}
