//! Dump scripts and row files: pure readers of what `dump2py` writes, from the Lino of 2014 to that of today.
//!
//! A row is always one line, since Python's `repr` escapes line ends. Nothing here opens a file.

pub mod account;
mod decimal;
pub mod edit;
mod function;
mod keys;
pub mod literal;
mod number;
mod parameters;
mod parser;
mod place;
mod reader;
mod rows;
mod script;
mod statements;
mod string;
mod value;
mod written;

pub use decimal::Decimal;
pub use function::Function;
pub use keys::{Key, Keys};
pub use parameters::{Conversion, Parameter, Parameters};
pub use place::{Lines, Problem};
pub use rows::{Heading, Row, Rows, announced, others};
pub use script::{CommandOption, Cycle, Edit, Handler, Header, Import, Load, Loader, Model, Moment, Script, Tolerated};
pub use value::{Argument, Value, Values, parse};

#[cfg(test)]
mod script_tests;
#[cfg(test)]
mod value_tests;
