//! Dump scripts and row files: pure readers of what `dump2py` writes.
//!
//! A row is always one line, since Python's `repr` escapes line ends. Nothing here opens a file.

pub mod literal;
mod rows;
mod script;

pub use rows::{Row, Rows, announced};
pub use script::{Function, Script, read};
