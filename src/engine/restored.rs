//! What the restore itself has refused, as its log tells: kept beside the account, for a wizard that is opened later.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::rehearse::{self, Former, Setting};
use crate::messages::Ended;
use crate::site::rehearse::places;
use crate::site::{Site, prepare_private};
use crate::snapshot::{LogError, triage_log};
use crate::triage::{Begun, DecisionsFile, Rehearsed, Stopped};

fn dir(site: &Site) -> PathBuf {
    site.state_dir.join("account")
}

/// The output of the restore alone; empty when it has refused nothing.
fn file(site: &Site) -> PathBuf {
    dir(site).join("restore.log")
}

/// Keeps what the restore printed: this range of the log of its step, in which others have written, too. An empty range
/// stands for a restore that has refused nothing.
///
/// # Errors
/// What the system says.
pub fn keep(site: &Site, log: &Path, (from, to): (u64, u64)) -> io::Result<()> {
    prepare_private(&dir(site))?;
    let mut log = File::open(log)?;
    log.seek(SeekFrom::Start(from))?;
    let mut kept = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file(site))?;
    io::copy(&mut log.take(to.saturating_sub(from)), &mut kept).map(drop)
}

/// Tells whether the restore came after the last rehearsal.
pub fn is_last(site: &Site) -> bool {
    let written = |path: &Path| std::fs::metadata(path).and_then(|data| data.modified()).ok();
    let restored = written(&file(site));
    restored.is_some() && restored >= written(&rehearse::former_file(&places(site).dir))
}

/// Reads what the restore has refused, with sentences on what its log leaves open; none when the log names no row.
///
/// # Errors
/// Why the log cannot be read; lower case, no period.
pub fn read(
    site: &Site,
    ended: Option<Ended>,
    version: Option<String>,
) -> Result<Option<(Former, Vec<String>)>, String> {
    let log = file(site);
    let script = site.dir.join(&site.config.snapshot.directory).join("restore.py");
    let mut rehearsed = Rehearsed {
        begun: Some(Begun { version: version.unwrap_or_default(), ..Begun::default() }),
        ..Rehearsed::default()
    };
    let (causes, notes, source_version) = match triage_log(&log, &script, ended) {
        Ok(found) => {
            if found.causes.failures.is_empty() {
                return Ok(None);
            }
            rehearsed.stopped = found.fatal.map(|fatal| Stopped {
                exception: fatal.exception,
                message: fatal.message,
                traceback: String::new(),
            });
            (found.causes, found.notes, found.script.script.source_version)
        }
        Err(LogError::Empty(_)) => Default::default(),
        Err(LogError::NoRestore(_)) => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    // Those with which it ran.
    let used = std::fs::read_to_string(dir(site).join("decisions.toml")).unwrap_or_default();
    let decisions = DecisionsFile::read(&used).map(|file| file.decisions).unwrap_or_default();
    let setting = Setting::new(&script, source_version, rehearse::announced(&script), &decisions)
        .map_err(|error| format!("{} cannot be read: {error}", script.display()))?;
    Ok(Some((Former { setting, decisions, rehearsed, causes: Arc::new(causes) }, notes)))
}
