//! What was counted of a table so far, with its examples and problems.

use std::collections::BTreeMap;

use super::super::{Key, literal};
use super::found::{Both, Fault, Pick, Pk, Reason, Sample, Side, State};

/// Problems that are listed for each side of a table; more are only counted.
const LISTED: usize = 10;
/// Rows of each state that are named for a table.
const SAMPLES: usize = 10;
/// Characters of a problem's text that come from a dump.
const SHOWN: usize = 200;

/// What was counted so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Counted {
    pub rows: Both<u64>,
    pub equal: u64,
    pub changed: u64,
    pub by_lino: u64,
    pub unreadable: Both<u64>,
    /// By the position in [`Plan::common`].
    pub fields: Vec<u64>,
    pub lino: BTreeMap<(Reason, usize), u64>,
    /// By the position in [`Plan::own`].
    pub own: Both<Vec<u64>>,
    pub samples: Vec<Sample>,
    pub sampled: BTreeMap<State, usize>,
    pub problems: Vec<Fault>,
    pub listed: Both<usize>,
}

impl Counted {
    pub fn problem(&mut self, side: Side, path: String, line: Option<u64>, message: &str) {
        *self.listed.of_mut(side) += 1;
        if *self.listed.of(side) <= LISTED {
            let message = crate::messages::line::plain(message.as_bytes()).chars().take(SHOWN).collect();
            self.problems.push(Fault { side, path, line, message });
        }
    }

    /// Returns how many problems a side has that are not listed.
    pub fn left_out(&self, side: Side) -> usize {
        self.listed.of(side).saturating_sub(LISTED)
    }

    /// Tells whether another row of this state is to be named.
    pub fn wants(&self, state: State) -> bool {
        self.sampled.get(&state).is_none_or(|count| *count < SAMPLES)
    }

    pub fn sample(&mut self, sample: Sample) {
        if self.wants(sample.state) {
            *self.sampled.entry(sample.state).or_default() += 1;
            self.samples.push(sample);
        }
    }
}

impl Pk {
    /// Reads a key as a row file writes it.
    pub(super) fn read(raw: &[u8]) -> Self {
        match Key::read(raw) {
            Some(Key::Number(number)) => Self::Number(number),
            Some(Key::Text(_)) => Self::Text(literal::key(raw).unwrap_or_default()),
            None => Self::Text(String::from_utf8_lossy(raw).into_owned()),
        }
    }
}
