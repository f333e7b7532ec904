//! Snapshots on disk: directories and archives, read and verified. Decides nothing about the procedure.

mod archive;
pub mod count;
mod database;
pub mod fetch;
mod keys;
pub mod protect;
mod scan;
mod script;
mod verify;
mod whole;

pub use archive::same_as_directory;
pub use database::compare_with_database;
pub use keys::{Key, Keys};
pub use script::{DumpScript, read_script};
pub use verify::{MARK, Problem, SnapshotError, TableRows, Verification, verify};
