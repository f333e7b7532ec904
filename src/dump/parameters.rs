//! What create functions take. A large script has a hundred thousand parameters: they share one piece of memory.

use std::fmt;
use std::num::NonZeroU32;
use std::ops::{Deref, Range};
use std::sync::Arc;

use compact_str::CompactString;

/// A field, as the create function knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// The name of its column. Nearly all are short: those need no memory elsewhere.
    pub name: CompactString,
    /// The line of the signature that has it.
    pub line: u32,
    /// What becomes of its value.
    pub conversion: Conversion,
    /// The line that converts it, when one does.
    pub converted: Option<NonZeroU32>,
    /// The line that gives it to the model; none when it is dropped.
    pub stored: Option<NonZeroU32>,
}

/// What a create function does with a value before the model gets it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Conversion {
    /// Nothing: numbers, texts, times, durations and JSON look alike here.
    #[default]
    Plain,
    /// The text of a decimal number.
    Decimal,
    /// The value of a choice.
    Choice {
        /// The choicelist, `accounting.CommonAccounts`.
        list: Box<str>,
        /// Whether the function looks it up; a comment only since 2018.
        looked_up: bool,
    },
    /// A model, which becomes the key of its content type.
    ContentType,
    /// A list of texts, one for each language.
    Babel,
    /// The key of the parent's row.
    ParentLink,
}

/// The parameters of a function, in order.
#[derive(Clone, Default)]
pub struct Parameters {
    /// Those of all functions of the script; none before they are known.
    all: Option<Arc<Vec<Parameter>>>,
    range: Range<u32>,
}

impl Parameter {
    pub(super) fn new(name: &str, line: u32) -> Self {
        Self { name: name.into(), line, conversion: Conversion::Plain, converted: None, stored: None }
    }
}

impl Parameters {
    /// Takes a part of all parameters of a script; more than four thousand millions there are not.
    pub(super) fn of(all: &Arc<Vec<Parameter>>, range: &Range<usize>) -> Self {
        let [start, end] = [range.start, range.end].map(|at| u32::try_from(at).unwrap_or(u32::MAX));
        Self { all: Some(Arc::clone(all)), range: start..end }
    }

    /// Returns them as a slice.
    #[must_use]
    pub fn as_slice(&self) -> &[Parameter] {
        let range = self.range.start as usize..self.range.end as usize;
        self.all.as_ref().and_then(|all| all.get(range)).unwrap_or_default()
    }
}

impl Deref for Parameters {
    type Target = [Parameter];

    fn deref(&self) -> &[Parameter] {
        self.as_slice()
    }
}

impl<'a> IntoIterator for &'a Parameters {
    type Item = &'a Parameter;
    type IntoIter = std::slice::Iter<'a, Parameter>;

    fn into_iter(self) -> Self::IntoIter {
        self.as_slice().iter()
    }
}

impl From<Vec<Parameter>> for Parameters {
    fn from(parameters: Vec<Parameter>) -> Self {
        let range = 0..parameters.len();
        Self::of(&Arc::new(parameters), &range)
    }
}

impl PartialEq for Parameters {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Parameters {}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}
