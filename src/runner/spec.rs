//! What the runner is asked to run, and what it knows of it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::messages::Ended;

/// A command for the runner's terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandSpec {
    /// The journal's number of this command; the runner never runs one number twice.
    pub id: i64,
    /// What it is for, for example `restore` or `shell`.
    pub label: String,
    /// Program and arguments, not interpreted by any shell.
    pub argv: Vec<String>,
    /// Working directory.
    pub cwd: PathBuf,
    /// Environment variables that differ from the runner's own; `None` removes one.
    pub env: BTreeMap<String, Option<String>>,
    /// The file to which every byte of the terminal is appended while the command runs.
    pub log: PathBuf,
    /// Directories on whose file systems all that was written must be when the command counts as ended.
    #[serde(default)]
    pub on_disk: Vec<PathBuf>,
}

/// What is known of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum CommandState {
    /// The runner never heard of it.
    Unknown,
    /// It runs. Its output begins at byte `log_start` of its log. Times are seconds since 1970.
    Running {
        /// Process id.
        pid: i32,
        /// When it was started.
        started: i64,
        /// Where its output begins in the log.
        log_start: u64,
    },
    /// It ended; its output is bytes `log_start..log_end` of its log.
    Finished {
        /// How.
        ended: Ended,
        /// When it was started.
        started: i64,
        /// When it ended.
        finished: i64,
        /// Where its output begins in the log.
        log_start: u64,
        /// Where its output ends in the log.
        log_end: u64,
    },
    /// It was started, and the runner died (crash, reboot) before it ended: nobody knows how it ended.
    Lost {
        /// When it was started.
        started: i64,
        /// Where its output begins in the log.
        log_start: u64,
    },
}

/// Who sits at a wizard, as shown to a second operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// Login name.
    pub user: String,
    /// Process id of the wizard.
    pub pid: i32,
    /// Terminal, for example `pts/3`.
    pub tty: Option<String>,
    /// Where they come from (`SSH_CONNECTION`), when known.
    pub from: Option<String>,
    /// Since when, seconds since 1970.
    pub since: i64,
}

impl fmt::Display for Operator {
    /// Tells the operator in a few words, for example "anna on pts/3 from 10.0.0.7".
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.user)?;
        if let Some(tty) = &self.tty {
            write!(formatter, " on {tty}")?;
        }
        if let Some(from) = &self.from {
            write!(formatter, " from {from}")?;
        }
        Ok(())
    }
}
