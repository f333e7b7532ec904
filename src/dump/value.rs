//! Values of a row as Python's own reader sees them, borrowed from the file wherever nothing is escaped.
//!
//! It reads literals, names and calls, which is all that a row consists of. Operators, subscripts, comprehensions and
//! formatted strings, which only a hand could have written, are problems that name their place.

use std::borrow::Cow;

use super::parser::Parser;
use super::place::{Fault, Problem};

/// A value of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number that needs more than 64 bits, with its sign and base (`-0x…`) and without underscores.
    Large(Cow<'a, str>),
    /// A number with a point or an exponent; as in Python, one that is too large is infinite.
    Float(f64),
    /// A text.
    Text(Cow<'a, str>),
    /// A text with halves of surrogate pairs, as code points: Python knows it, no database stores it.
    Surrogates(Vec<u32>),
    /// A text with a character by its Unicode name (`\N{…}`), as Python wrote it.
    Named(&'a str),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
    /// A list; babel fields are lists with one value per language.
    List(Vec<Self>),
    /// A tuple.
    Tuple(Vec<Self>),
    /// A set.
    Set(Vec<Self>),
    /// A dictionary, in the order of its text.
    Dict(Vec<(Self, Self)>),
    /// A name, with its dots: the model of a content type.
    Name(&'a str),
    /// A call: `dt(…)`, `date(…)`, `time(…)`, `Decimal(…)`.
    Call {
        /// What is called, with its dots.
        function: &'a str,
        /// Its arguments, in order.
        arguments: Vec<Argument<'a>>,
    },
}

/// An argument of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Argument<'a> {
    /// The name before `=`.
    pub name: Option<&'a str>,
    /// Its value.
    pub value: Value<'a>,
}

/// Reads one value.
pub fn parse(bytes: &[u8]) -> Result<Value<'_>, Problem> {
    let text = utf8(bytes).map_err(|fault| fault.problem(bytes, 1, 1))?;
    let mut parser = Parser::new(text, 0);
    parser.only().map_err(|fault| fault.problem(bytes, 1, 1))
}

/// The values of a row, read one after the other; ends after the first problem.
#[derive(Clone, Debug)]
pub struct Values<'a> {
    bytes: &'a [u8],
    parser: Option<Parser<'a>>,
    fault: Option<Fault>,
    line: u64,
    column: u64,
}

/// Brackets around the arguments of a row: `loader.save(create_…(`.
const AROUND: usize = 2;

impl<'a> Values<'a> {
    pub(super) fn new(bytes: &'a [u8], line: u64, column: u64) -> Self {
        let (parser, fault) = match utf8(bytes) {
            Ok(text) => (Some(Parser::new(text, AROUND)), None),
            Err(fault) => (None, Some(fault)),
        };
        Self { bytes, parser, fault, line, column }
    }

    /// Gives no value, but the problem that there are none to read.
    pub(super) fn broken(bytes: &'a [u8], line: u64, column: u64, text: &str) -> Self {
        Self { bytes, parser: None, fault: Some(Fault::new(bytes.len(), text)), line, column }
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = Result<Value<'a>, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        let fault = match self.parser.as_mut() {
            None => self.fault.take()?,
            Some(parser) => match parser.element() {
                Ok(value) => return value.map(Ok),
                Err(fault) => fault,
            },
        };
        self.parser = None;
        Some(Err(fault.problem(self.bytes, self.line, self.column)))
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(bytes).map_err(|error| Fault::new(error.valid_up_to(), "this is not valid UTF-8"))
}
