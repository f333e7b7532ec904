//! Snapshots on disk: directories and archives, read and verified. Decides nothing about the procedure.

mod account;
mod archive;
pub mod count;
mod database;
mod entered;
pub mod index;
pub mod protect;
mod scan;
mod script;
mod touched;
mod triage_log;
mod verify;
mod whole;

pub use crate::dump::{Key, Keys};
pub use account::{account, account_knowing, known};
pub use archive::same_as_directory;
pub use database::compare_with_database;
pub use entered::{Entered, entered};
pub use script::{DumpScript, read_script};
pub use touched::{Prints, Touched};
pub use triage_log::{LogError, LogTriage, triage_log};
pub use verify::{MARK, Problem, SnapshotError, TableRows, Verification, verify};
