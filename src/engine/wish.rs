//! What people want from the engine: imperatives.

use std::fmt;

use secrecy::zeroize::Zeroize;

use crate::procedure::StepId;
use crate::triage::Decision;

/// Something the operator wants.
#[derive(Clone, Debug, PartialEq)]
pub enum Wish {
    /// Go on from the first step that is not settled, step after step, until something needs the operator.
    Continue,
    /// Let the running step finish, then stop before the next.
    PauseAfterStep,
    /// Never start a step once this one is settled, whether it runs, ran before or is left out.
    Until(StepId),
    /// Run this step again, or now; only the first step that is not settled, or an earlier one.
    Run(StepId),
    /// Leave this step out.
    Skip(StepId),
    /// Answer the question of this name with this key.
    Choose {
        /// [`Ask::question`](super::Ask::question).
        question: String,
        /// The key of the choice.
        key: char,
    },
    /// Say of a probable renaming in the [`Evidence`](crate::compare::Evidence) what it is.
    Renamed {
        /// Its index in `renamings`.
        index: usize,
        /// Whether it was renamed; else it is gone. None takes the word back.
        renamed: Option<bool>,
    },
    /// Load a snapshot of the running site with the new version, into a scratch database. While no step runs.
    Rehearse(Rehearsing),
    /// Decide what becomes of refused rows, or take that back.
    Decide(Deciding),
    /// Find out what an undo would do: the answer is [`Event::UndoPlanned`](super::Event::UndoPlanned).
    PlanUndo,
    /// Bring the old version back, or go on with an undo that was begun. While no step, rehearsal or shell runs.
    Undo {
        /// The run that is undone: that of the plan which the operator has seen.
        run: i64,
    },
    /// Type into the runner's terminal.
    Type(Keys),
    /// Cancel, on one of three levels.
    Cancel(Cancel),
    /// Open a shell in the site's environment in the runner's terminal, when no command runs.
    OpenShell,
    /// The log pane has this size now.
    Resize {
        /// Rows of the pane.
        rows: u16,
        /// Columns of the pane.
        columns: u16,
    },
    /// Take the site over from the operator who drives it now.
    TakeOver,
    /// Leave. A running command goes on in the runner; nothing new starts.
    Leave,
}

/// How much of the snapshot a rehearsal loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rehearsing {
    /// A new dump of the site, all of it.
    Whole,
    /// What the last rehearsal refused, with the decisions taken since.
    Retry,
}

/// A change of the decisions. Each is one step that can be taken back.
#[derive(Clone, Debug, PartialEq)]
pub enum Deciding {
    /// Take decisions.
    Take(Vec<Decision>),
    /// Take the last step back.
    Undo,
    /// Do again what was taken back last.
    Redo,
}

/// The three levels of cancelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancel {
    /// Finish the running step, then stop.
    AfterStep,
    /// Press Ctrl-C in the terminal of the running command; its end is judged as an interruption.
    Interrupt,
    /// End the command and everything it started: TERM, then KILL.
    Kill,
}

/// Bytes for the terminal of the running command. May hold a password: never printed, wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys(Vec<u8>);

impl Keys {
    /// Takes the bytes as a terminal would send them; Enter is `\r`.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// Returns the bytes, for the runner alone.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({} bytes)", self.0.len())
    }
}
