//! Reads the log of a step while it grows: lines by number, search, without holding it in memory.

use std::path::{Path, PathBuf};

/// A log file that may grow, with a sparse index of its lines.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
}

impl LogFile {
    /// Opens the log at `path`, which need not exist yet.
    #[must_use]
    pub fn open(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Returns the file's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}
