//! The states of a step, and the findings that a step reports.

use serde::{Deserialize, Serialize};

/// Where a step stands.
///
/// ```text
/// Pending ─► Running ─► Done
///    │          ├─────► Failed ────► Running (another attempt)
///    │          └─────► Interrupted ► Running
///    ├─► Skipped
///    └─► WillNotRun
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum StepState {
    /// Not started yet.
    Pending,
    /// An attempt is under way.
    Running,
    /// Judged successful; `summary` is one line.
    Done {
        /// One line, for example "6 806 rows loaded".
        summary: String,
    },
    /// Not needed, or left out by the operator.
    Skipped {
        /// The reason, one line.
        because: String,
    },
    /// Judged failed.
    Failed {
        /// The reason, one line.
        because: String,
    },
    /// Broken off: by the operator, a signal, a crash or a reboot.
    Interrupted {
        /// What is known about it, one line.
        because: String,
    },
    /// Cannot run because an earlier step failed.
    WillNotRun {
        /// The reason, one line.
        because: String,
    },
}

impl StepState {
    /// Tells whether the procedure may go on past this step.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        matches!(self, Self::Done { .. } | Self::Skipped { .. })
    }

    /// Returns the symbol that stands for the state beside its word, so that colour is never needed.
    #[must_use]
    pub const fn symbol(&self) -> &'static str {
        match self {
            Self::Pending => " ",
            Self::Running => "▶",
            Self::Done { .. } => "✔",
            Self::Skipped { .. } => "–",
            Self::Failed { .. } => "✘",
            Self::Interrupted { .. } => "!",
            Self::WillNotRun { .. } => "·",
        }
    }

    /// Returns the word that stands for the state.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Done { .. } => "done",
            Self::Skipped { .. } => "skipped",
            Self::Failed { .. } => "failed",
            Self::Interrupted { .. } => "interrupted",
            Self::WillNotRun { .. } => "will not run",
        }
    }

    /// Returns the one-line text that the state carries, empty for pending and running.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Pending | Self::Running => "",
            Self::Done { summary } => summary,
            Self::Skipped { because }
            | Self::Failed { because }
            | Self::Interrupted { because }
            | Self::WillNotRun { because } => because,
        }
    }
}

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// As it should be.
    Pass,
    /// Worth knowing, no obstacle.
    Warn,
    /// An obstacle.
    Fail,
}

/// One line of a checklist: what was looked at, how it stands, what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How grave it is.
    pub level: Level,
    /// What was looked at, a few words, for example "free disk space".
    pub subject: String,
    /// How it stands, one sentence.
    pub text: String,
    /// What to do about it, one sentence; none when it passed.
    pub remedy: Option<String>,
}

impl Finding {
    /// Builds a finding that passed.
    #[must_use]
    pub fn pass(subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self { level: Level::Pass, subject: subject.into(), text: text.into(), remedy: None }
    }

    /// Builds a warning with its remedy.
    #[must_use]
    pub fn warn(subject: impl Into<String>, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { level: Level::Warn, subject: subject.into(), text: text.into(), remedy: Some(remedy.into()) }
    }

    /// Builds an obstacle with its remedy.
    #[must_use]
    pub fn fail(subject: impl Into<String>, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { level: Level::Fail, subject: subject.into(), text: text.into(), remedy: Some(remedy.into()) }
    }
}
