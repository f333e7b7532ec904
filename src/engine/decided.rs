//! The copy of a dump script with the operator's decisions, beside the original, which is never changed.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::compare::Models;
use crate::dump::Script;
use crate::dump::edit::{edit, merge};
use crate::error::{Kind, Report, Tell};
use crate::messages::line::plain;
use crate::site::Site;
use crate::site::rehearse::places;
use crate::snapshot::index::Index;
use crate::triage::{Decisions, Fit, Known, fit};

/// The name of the copy.
const COPY: &str = "restore_decided.py";

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

fn failed(what: String) -> Report {
    Report::new(Kind::Environment, what).unchanged("The snapshot was not changed.")
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
    (before, after): (Option<&Models>, Option<&Models>),
) -> Result<PathBuf, Undecided> {
    let unreadable = |error: &dyn std::fmt::Display, path: &Path| failed(format!("{}: {error}.", path.display()));
    let text = std::fs::read_to_string(script).map_err(|error| unreadable(&error, script))?;
    let read = Script::read(&text);
    let index = Index::open(script, before).map_err(|error| error.tell())?;
    let key = |table: &str, key: &str| index.stored(table, key);
    let fitted = fit(decisions, &Known { script: &read, key: &key, before, after });
    index.trouble().map_or(Ok(()), |error| Err(error.tell()))?;
    if !fitted.unfit.is_empty() {
        return Err(Undecided::Unfit(fitted));
    }
    let edited = edit(&text, &fitted.changes);
    if let Some((_, why)) = edited.refused.first() {
        return Err(failed(format!("A decision cannot be written into a copy of {}: {why}", script.display())).into());
    }
    let path = script.with_file_name(COPY);
    let base_path = places(site).dir.join(COPY);
    let base = std::fs::read_to_string(&base_path).unwrap_or_default();
    let text = match std::fs::read_to_string(&path) {
        Ok(mine) if mine != base => by_hand(&path, [&base, &mine, &edited.text])?,
        _ => edited.text.clone(),
    };
    write(&path, &text).map_err(|error| unreadable(&error, &path))?;
    write(&base_path, &edited.text).map_err(|error| unreadable(&error, &base_path))?;
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

fn write(path: &Path, text: &str) -> io::Result<()> {
    let part = path.with_extension("part");
    let _ = std::fs::remove_file(&part);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&part, path)
}
