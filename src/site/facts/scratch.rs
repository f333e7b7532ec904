//! The private directory of one question to the site's Python.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::FactsError;
use crate::site::find::Site;

/// The script, for every Lino from 20 to 26.
const SCRIPT: &str = include_str!("../../../assets/python/facts.py");
/// What the names of these directories begin with. Number of the process, of its question, and time in nanoseconds follow.
const PREFIX: &str = "ask-";
/// No question takes so long, whoever asks it on whichever machine; in nanoseconds.
const LONG_OVER: i128 = Duration::from_hours(1).as_nanos().cast_signed();

/// A directory for one question, gone with it.
pub(super) struct Scratch {
    pub(super) dir: PathBuf,
    pub(super) script: PathBuf,
}

impl Scratch {
    pub(super) fn new(site: &Site) -> Result<Self, FactsError> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // A question creates nothing in a site that never was upgraded.
        let there = site.state_dir.exists() && site.prepare_state_dir().is_ok();
        let base = if there { site.state_dir.clone() } else { std::env::temp_dir() };
        let now = jiff::Timestamp::now().as_nanosecond();
        let dir = base.join(format!("{PREFIX}{}-{number}-{now}", std::process::id()));
        let script = dir.join("facts.py");
        let write = || {
            // Fails when it exists, also as a link: nobody else's file is ever used.
            DirBuilder::new().mode(0o700).create(&dir)?;
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&script)?;
            file.write_all(SCRIPT.as_bytes())
        };
        match write() {
            Ok(()) => Ok(Self { dir, script }),
            Err(source) => {
                let _ = std::fs::remove_dir_all(&dir);
                Err(FactsError::Scratch { path: script, source })
            }
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Deletes what questions have left in the state directory whose asker was killed.
pub fn forget_killed(state_dir: &Path) {
    let now = jiff::Timestamp::now().as_nanosecond();
    for entry in std::fs::read_dir(state_dir).into_iter().flatten().flatten() {
        if asked_at(&entry.file_name().to_string_lossy()).is_some_and(|at| now - at > LONG_OVER) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Reads from the name of a directory when its question was asked; none when it is not one of a question.
fn asked_at(name: &str) -> Option<i128> {
    let [process, number, at] = name.strip_prefix(PREFIX)?.split('-').collect::<Vec<_>>().try_into().ok()?;
    let numbers = process.parse::<u32>().is_ok() && number.parse::<u32>().is_ok();
    at.parse().ok().filter(|_| numbers)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    #[test]
    fn what_killed_askers_have_left_goes_and_nothing_else() {
        let dir = assert_fs::TempDir::new().unwrap();
        let now = jiff::Timestamp::now().as_nanosecond();
        let old = now - 2 * LONG_OVER;
        let running = format!("ask-7-0-{}", now - 1);
        for name in
            [format!("ask-7-1-{old}"), running.clone(), "ask-me-1-2".into(), "logs".into(), format!("ask-{old}")]
        {
            std::fs::create_dir(dir.path().join(&name)).unwrap();
            std::fs::write(dir.path().join(name).join("facts.py"), "").unwrap();
        }
        forget_killed(dir.path());
        let mut left: Vec<String> =
            std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        left.sort();
        assert_eq!(left, [format!("ask-{old}"), running, "ask-me-1-2".to_owned(), "logs".to_owned()]);
    }
}
