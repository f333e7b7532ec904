//! The two dump scripts, model by model and function by function.

use super::difference::{Difference, Guess};
use crate::dump::Script;

/// What differs between two dump scripts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// The differences, noise included, sorted by model and field.
    pub differences: Vec<Difference>,
    /// What was probably only renamed.
    pub guesses: Vec<Guess>,
    /// What could not be compared, and why: sentences.
    pub left_out: Vec<String>,
}

/// Compares the script of the old version with that of the new one.
#[must_use]
pub fn compare(_old: &Script, _new: &Script) -> Comparison {
    Comparison { left_out: vec!["The dump scripts are not compared yet.".to_owned()], ..Comparison::default() }
}
