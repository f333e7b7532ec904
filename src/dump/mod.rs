//! Dump scripts and row files: pure readers of what `dump2py` writes, from the Lino of 2014 to that of today.
//!
//! A row is always one line, since Python's `repr` escapes line ends. Nothing here opens a file.

pub mod literal;
mod number;
mod parser;
mod place;
mod rows;
mod script;
mod string;
mod value;

pub use place::{Lines, Problem};
pub use rows::{Row, Rows, announced};
pub use script::{Function, Script, read};
pub use value::{Argument, Value, Values, parse};

#[cfg(test)]
mod value_tests;
