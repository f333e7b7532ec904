//! What a person is told when something goes wrong: one report type at the edge of the program.
//!
//! Modules have error types of their own; they become a [`Report`] where a person will read it. A report always
//! answers: what happened, what is unchanged, what to do next, where the log is.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Why a program run ends without success; decides the exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A step failed, or two things that were compared differ: exit status 1.
    Failed,
    /// Wrong use of the program, or an environment in which it cannot work: exit status 2.
    Environment,
    /// Somebody has to decide something first: exit status 3.
    DecisionNeeded,
    /// Interrupted; starting the program again continues: exit status 4.
    Interrupted,
}

impl Kind {
    /// Returns the exit status of the program, as documented in `docs/json.md`.
    #[must_use]
    pub const fn exit_status(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Environment => 2,
            Self::DecisionNeeded => 3,
            Self::Interrupted => 4,
        }
    }
}

/// An error as a site operator reads it: full sentences, no blame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Decides the exit status.
    pub kind: Kind,
    /// What happened, one sentence with a period.
    pub what: String,
    /// What is unchanged, for example "The database was not touched.".
    pub unchanged: Option<String>,
    /// What to do next, one sentence each, best first.
    pub next: Vec<String>,
    /// Where the whole output is kept.
    pub log: Option<PathBuf>,
    /// An excerpt to look at (a configuration line with its caret, the end of a log), may have several lines.
    pub excerpt: Option<String>,
}

impl Report {
    /// Builds a report of `kind` that says `what` happened.
    #[must_use]
    pub fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), unchanged: None, next: Vec::new(), log: None, excerpt: None }
    }

    /// Adds what is unchanged.
    #[must_use]
    pub fn unchanged(mut self, text: impl Into<String>) -> Self {
        self.unchanged = Some(text.into());
        self
    }

    /// Adds one thing to do next.
    #[must_use]
    pub fn next(mut self, text: impl Into<String>) -> Self {
        self.next.push(text.into());
        self
    }

    /// Adds the file that holds the whole output.
    #[must_use]
    pub fn log(mut self, path: impl Into<PathBuf>) -> Self {
        self.log = Some(path.into());
        self
    }

    /// Adds an excerpt.
    #[must_use]
    pub fn excerpt(mut self, text: impl Into<String>) -> Self {
        self.excerpt = Some(text.into());
        self
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)?;
        if let Some(excerpt) = &self.excerpt {
            write!(f, "\n{excerpt}")?;
        }
        if let Some(unchanged) = &self.unchanged {
            write!(f, "\n{unchanged}")?;
        }
        for next in &self.next {
            write!(f, "\n→ {next}")?;
        }
        if let Some(log) = &self.log {
            write!(f, "\nThe whole output is in {}.", log.display())?;
        }
        Ok(())
    }
}

impl std::error::Error for Report {}

/// Anything that can be told to a person.
pub trait Tell {
    /// Turns the error into what the operator reads.
    fn tell(&self) -> Report;
}
