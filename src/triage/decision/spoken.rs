//! What decisions speak of: one that speaks of rows of which nothing was said yet need not be held against the others,
//! however many there are.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;
use std::sync::Arc;

use super::place::refused;
use super::{Decision, Scope, canonical};

/// What was spoken of, and perhaps more: what was replaced since is still in it.
#[derive(Debug, Default)]
pub(super) struct Spoken {
    models: HashMap<String, OfModel>,
    hasher: foldhash::fast::RandomState,
}

#[derive(Debug, Default)]
struct OfModel {
    all: Vec<Decision>,
    /// The hashes of the keys. Two keys with one hash only cost time.
    keys: HashSet<u64, foldhash::fast::RandomState>,
}

impl Spoken {
    /// Notes what decisions speak of.
    pub(super) fn of(list: &[Arc<Decision>]) -> Self {
        let mut spoken = Self::default();
        for decision in list {
            spoken.take(decision);
        }
        spoken
    }

    /// Notes what a decision speaks of. Tells whether it can stand behind the others as they are: they say nothing of
    /// its rows, and nothing for all rows that forbids it.
    pub(super) fn take(&mut self, decision: &Decision) -> bool {
        let Self { models, hasher } = self;
        let model = models.entry(canonical(&decision.model)).or_default();
        let Scope::These(keys) = &decision.rows else {
            model.all.push(decision.clone());
            return false;
        };
        let mut new = model.all.iter().all(|known| refused(known, decision).is_none());
        for key in keys {
            new &= model.keys.insert(hasher.hash_one(key));
        }
        new
    }
}
