//! What Lino's commands print, as facts, and how a command is judged by them. Pure.
//!
//! The exit status and the "Done" line alone prove nothing (`docs/architecture.md`); every judgement here rests on
//! what was printed and on how the process ended.

mod abandon;
mod cause;
mod dump_signs;
mod ended;
mod judge;
pub mod line;
mod pip_signs;
pub mod prompts;
mod reader;
mod reading;
mod refusals;
mod remedy;
mod severity;
mod trace;

#[cfg(test)]
mod corpus_tests;
#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod judge_tests;
#[cfg(test)]
mod reader_tests;

pub use ended::Ended;
pub use line::{Severity, severity, strip_log_prefix};
pub use reader::Reader;
pub use reading::{Checked, CommandKind, DatabaseState, FailureCause, Fatal, Group, Judgement, Reading, Unsaved};
pub use refusals::{Crash, Deferred, Refusals, RestoreLog};
pub use trace::Traced;
