//! Rows that the new version does not take: what was refused, why, and what only follows from something else.
//!
//! Pure: a rehearsal or a log is read by somebody else, rows of the snapshot are fetched by somebody else.

mod accounted;
mod admitted;
mod cause;
#[cfg(test)]
mod cause_tests;
mod decision;
mod failure;
mod file;
mod fit;
mod from_log;
#[cfg(test)]
mod from_log_tests;
mod links;
mod rehearsed;
pub mod report;
mod row;
mod said;
mod saying;
mod shown;
mod targets;
#[allow(clippy::module_inception, reason = "the word for it")]
mod triage;
mod wording;

pub use accounted::{Accounted, AccountedTable, Explained, Lost, accounted};
pub use admitted::admit;
pub use cause::{Cause, Causes, Why};
pub use decision::{Bulk, Choice, Decision, Decisions, Given, Refused, Scope, Standing, bulk};
pub use failure::{Failure, Phase, Point};
pub use file::{DecisionsFile, Mistake, write};
pub use fit::{At, Fit, Known, Stored, Unfit, fit};
pub use from_log::{Found, Logged, Rows, Tables, Wanted, failures, wanted};
pub use links::{ForeignKey, Link, foreign_keys, links};
pub use rehearsed::{Begun, Broken, Ended, Rehearsed, Stopped, Told};
pub use row::{FieldValue, PointedAt, RowDetail, Target};
pub use said::Said;
pub use saying::{Blamed, blamed, remedy, saying};
pub use shown::{called_by, fields, text};
pub use triage::{Origin, Triage};
