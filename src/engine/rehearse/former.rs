//! What the last rehearsal was about, kept beside what it told: a wizard that is opened later reads both.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::decided::write_private;
use crate::compare::Models;
use crate::error::{Kind, Report};
use crate::site::rehearse::places;
use crate::site::{Site, prepare_private};
use crate::triage::{Causes, Decisions, DecisionsFile, Rehearsed, write};

/// What a rehearsal is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Setting {
    /// The dump script of the snapshot.
    pub script: PathBuf,
    /// Its length and modification time: another dump in its place has other rows.
    pub stamp: (u64, i64),
    /// The version that made it.
    pub source_version: Option<String>,
    /// How many rows it has.
    pub rows: u64,
    /// The decisions that were rehearsed, as a decisions file has them.
    pub decisions: String,
    /// Decisions that did not fit and were not rehearsed: one sentence each.
    pub unfit: Vec<String>,
    /// The packages of the environment that loads it; none when they could not be listed.
    pub packages: Option<BTreeMap<String, String>>,
    /// How many seconds the last rehearsal took that loaded every row of this script; a retry says nothing of that.
    pub whole: Option<u32>,
}

/// The result of the last rehearsal.
#[derive(Clone, Debug, PartialEq)]
pub struct Former {
    /// What it was about.
    pub setting: Setting,
    /// The decisions that were rehearsed.
    pub decisions: Decisions,
    /// What it told; the failures are in `causes`.
    pub rehearsed: Rehearsed,
    /// The rows that were refused, by cause.
    pub causes: Arc<Causes>,
}

/// Returns the file that is written when a rehearsal begins, in the directory of the rehearsal.
#[must_use]
pub fn former_file(dir: &Path) -> PathBuf {
    dir.join("rehearsed.json")
}

fn file(site: &Site) -> PathBuf {
    former_file(&places(site).dir)
}

fn stamp(script: &Path) -> io::Result<(u64, i64)> {
    std::fs::metadata(script).map(|data| (data.len(), data.mtime()))
}

impl Setting {
    /// Says what is going to be rehearsed.
    ///
    /// # Errors
    /// What the system says when the script cannot be looked at.
    pub fn new(script: &Path, source_version: Option<String>, rows: u64, decisions: &Decisions) -> io::Result<Self> {
        Ok(Self {
            script: script.to_owned(),
            stamp: stamp(script)?,
            source_version,
            rows,
            decisions: write(&BTreeMap::new(), decisions),
            unfit: Vec::new(),
            packages: None,
            whole: None,
        })
    }

    /// Writes it beside what the rehearsal is going to tell.
    ///
    /// # Errors
    /// What the system says.
    pub fn keep(&self, site: &Site) -> io::Result<()> {
        prepare_private(&places(site).dir)?;
        write_private(&file(site), &serde_json::to_string(self).map_err(io::Error::other)?)
    }
}

impl Former {
    /// Returns how many seconds it takes to load every row.
    #[must_use]
    pub fn seconds(&self) -> Option<u32> {
        let ended = self.rehearsed.ended.as_ref()?;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a duration in seconds, clamped")]
        let own = ended.seconds.clamp(0.0, 1e9).ceil() as u32;
        Some(if ended.kept == 0 { own } else { self.setting.whole.map_or(own, |whole| whole.max(own)) })
    }
}

/// Forgets the last rehearsal: its dump is replaced, or the new version is in use.
///
/// # Errors
/// What the system says.
pub fn forget(site: &Site) -> io::Result<()> {
    match std::fs::remove_file(file(site)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Reads the result of the last rehearsal; none when there was none, it was broken off, or its dump is gone.
///
/// # Errors
/// A report when the result is there and cannot be read.
pub fn former(site: &Site) -> Result<Option<Former>, Report> {
    let Ok(text) = std::fs::read_to_string(file(site)) else { return Ok(None) };
    let Ok(setting) = serde_json::from_str::<Setting>(&text) else { return Ok(None) };
    if stamp(&setting.script).ok() != Some(setting.stamp) {
        return Ok(None);
    }
    let mut rehearsed = super::read(&places(site))?;
    if rehearsed.ended.is_none() {
        return Ok(None);
    }
    let decisions = DecisionsFile::read(&setting.decisions).map(|file| file.decisions).unwrap_or_default();
    let causes = Arc::new(Causes::of(std::mem::take(&mut rehearsed.failures)));
    Ok(Some(Former { setting, decisions, rehearsed, causes }))
}

impl Former {
    /// Tells whether every row was loaded.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.causes.failures.is_empty() && self.rehearsed.is_clean()
    }
}

/// Keeps why a rehearsal has no result, for the wizard that started it.
///
/// # Errors
/// What the system says.
pub fn keep_problem(site: &Site, report: &Report) -> io::Result<()> {
    prepare_private(&places(site).dir)?;
    write_private(&places(site).dir.join("problem"), &report.what)
}

/// Returns why the last rehearsal had no result, as far as it could tell.
#[must_use]
pub fn problem(site: &Site) -> Option<String> {
    let text = std::fs::read(places(site).dir.join("problem")).ok()?;
    Some(crate::messages::line::plain(&text).into_owned()).filter(|text| !text.is_empty())
}

/// What is known of the models of both versions: it is asked once, and kept for the copies that decisions need.
pub mod models {
    use super::{Models, Path, PathBuf, Site, io, places, prepare_private, write_private};

    /// Returns the file in which they are kept.
    #[must_use]
    pub fn file(site: &Site) -> PathBuf {
        places(site).dir.join("models.json")
    }

    /// Reads the models of the version in use and of the new one.
    #[must_use]
    pub fn read(site: &Site) -> [Option<Models>; 2] {
        let text = std::fs::read(file(site)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Writes them.
    ///
    /// # Errors
    /// What the system says.
    pub fn keep(site: &Site, models: &[Option<Models>; 2]) -> io::Result<()> {
        let dir: &Path = &places(site).dir;
        prepare_private(dir)?;
        write_private(&file(site), &serde_json::to_string(models).map_err(io::Error::other)?)
    }
}

/// Keeps others from rehearsing the same site at the same time, until it is dropped.
///
/// # Errors
/// A report when somebody does, or when the directory cannot be made.
pub fn lock(site: &Site) -> Result<File, Report> {
    let dir = places(site).dir;
    let io = |error: io::Error| {
        Report::new(Kind::Environment, format!("{} cannot be written: {error}.", dir.display()))
            .unchanged("Nothing was started.")
    };
    site.prepare_state_dir().map_err(|error| io(io::Error::other(error)))?;
    prepare_private(&dir).map_err(io)?;
    let options =
        OpenOptions::new().create(true).read(true).write(true).truncate(false).mode(0o600).open(dir.join("lock"));
    let file = options.map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(Report::new(Kind::Environment, "Another rehearsal of this site runs already.")
                .unchanged("Nothing was started; the other rehearsal goes on.")
                .next("Wait for its end; the wizard shows it when it was started there."))
        }
        Err(TryLockError::Error(error)) => Err(io(error)),
    }
}
