//! What a new version of the site's code changes for its database: differences, their classes, and what to count.
//!
//! Each source has its file: the dump [`scripts`], the [`models`] before and after, the database's [`catalogue`], the
//! [`migrator`]. They find; none of them decides alone. [`sides`] shows two scripts beside each other. Nothing here reads a file or a database.

#![allow(clippy::doc_markdown, reason = "SQLite, PostgreSQL, MySQL and MariaDB are names, not code")]

pub mod catalogue;
mod column_type;
pub mod count;
mod difference;
mod evidence;
mod guessing;
pub mod judge;
mod languages;
pub mod migrator;
mod model;
pub mod models;
pub mod scripts;
pub mod sides;

pub use catalogue::Catalogue;
pub use column_type::ColumnType;
pub use difference::{Change, Class, Difference, Guess, Question, Rows, Subject};
pub use evidence::{Effect, Evidence, Example, Found, Renaming, Source, Touched, Verdict};
pub use model::{Field, Model, Models, Validator};
