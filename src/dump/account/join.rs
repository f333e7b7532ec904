//! Joins the rows that did not meet: sorted by key, they take no more memory than they had.

use super::super::{Key, Keys};
use super::found::{Both, Origin, Pick, Pk, Sample, Side, State, TableAccount};
use super::line::{self, Line, Place};
use super::matcher::{Entry, Matcher};

/// Two rows of one key whose values are not the same text: they have to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Where the first dump has the row.
    pub before: Place,
    /// Where the second dump has it.
    pub after: Place,
}

/// What is left to do when both dumps were read.
#[derive(Debug, Default)]
pub struct Joined {
    /// Rows of the first dump: with a counterpart to look at, or without one.
    mine: Vec<Entry>,
    /// Rows of the second dump without counterpart.
    theirs: Vec<Entry>,
    /// How many of the first are pairs; they come first.
    pairs: usize,
}

impl Joined {
    /// Returns the pairs to look at, in the order of the first dump.
    #[must_use]
    pub fn pairs(&self) -> impl ExactSizeIterator<Item = Pair> {
        self.mine
            .iter()
            .take(self.pairs)
            .map(|entry| Pair { before: Place::unpacked(entry.place).0, after: Place::unpacked(entry.hash).0 })
    }

    /// Returns the rows without counterpart whose place and perhaps key have to be read again, in the order of the
    /// file: those that are named as examples, and missing ones whose key is a text.
    #[must_use]
    pub fn lonely(&self, samples: usize) -> [Vec<Place>; 2] {
        let missing = self.mine.get(self.pairs..).unwrap_or_default();
        let texts = missing.iter().map(|entry| Place::unpacked(entry.place)).filter(|(_, text)| *text);
        let first = |entries: &[Entry]| -> Vec<Place> {
            let mut places: Vec<Place> = entries.iter().map(|entry| Place::unpacked(entry.place).0).collect();
            places.sort_unstable();
            places.truncate(samples);
            places
        };
        let mut before = first(missing);
        before.extend(texts.map(|(place, _)| place));
        before.sort_unstable();
        before.dedup();
        [before, first(&self.theirs)]
    }
}

impl Matcher<'_> {
    /// Ends the reading: finds counterparts for the rows that waited.
    pub fn join(&mut self) -> Joined {
        self.remember();
        let [mut mine, mut theirs] = std::mem::take(&mut self.pending);
        for entries in [&mut mine, &mut theirs] {
            entries.sort_unstable_by_key(|entry| (entry.id, entry.place));
        }
        self.doubles([&mine, &theirs]);
        // Both lists are written over with what is left of them, which is never more than what was read.
        let (mut here, mut there, mut kept, mut lone) = (0, 0, 0, 0);
        while let Some(entry) = mine.get(here).copied() {
            here += 1;
            while let Some(other) = theirs.get(there).copied().filter(|other| before(other, &entry)) {
                there += 1;
                keep(&mut theirs, &mut lone, other);
            }
            let counterpart = theirs.get(there).copied().filter(|other| same_key(other, &entry));
            let Some(other) = counterpart else {
                keep(&mut mine, &mut kept, Entry { hash: ALONE, ..entry });
                continue;
            };
            there += 1;
            if other.hash == entry.hash {
                self.counted.equal += 1;
            } else {
                keep(&mut mine, &mut kept, Entry { hash: other.place, ..entry });
            }
        }
        while let Some(other) = theirs.get(there).copied() {
            there += 1;
            keep(&mut theirs, &mut lone, other);
        }
        mine.truncate(kept);
        theirs.truncate(lone);
        mine.sort_unstable_by_key(|entry| (entry.hash == ALONE, entry.place));
        let pairs = mine.partition_point(|entry| entry.hash != ALONE);
        Joined { mine, theirs, pairs }
    }

    /// Finds keys that come twice on a side.
    fn doubles(&mut self, sides: Both<&[Entry]>) {
        for (side, entries) in sides.into_iter().enumerate() {
            let Some(twice) = self.twice.get_mut(side) else { continue };
            let met = !self.met.is_empty();
            for (at, entry) in entries.iter().enumerate() {
                let before = at.checked_sub(1).and_then(|at| entries.get(at));
                if before.is_some_and(|before| same_key(before, entry)) || met && self.met.contains(key(entry)) {
                    twice.insert(key(entry));
                }
            }
        }
    }

    /// Returns the keys that come twice in a dump.
    #[must_use]
    pub fn twice(&self, side: Side) -> &Keys {
        self.twice.of(side)
    }

    /// Takes a row that [`Joined::lonely`] named, which was read again.
    pub fn alone(&mut self, side: Side, origin: (Place, u64), text: &[u8]) {
        let Line::Row(arguments) = Line::read(text, &self.call) else { return };
        let Some(raw) = line::key(arguments, *self.plan.key.of(side)) else { return };
        let state = if side == Side::Before { State::Missing } else { State::New };
        let pk = Pk::read(raw);
        if self.counted.wants(state) {
            let origin = Some(Origin { file: self.heads.name(side, origin.0.file), line: origin.1 });
            let (before, after) = if side == Side::Before { (origin, None) } else { (None, origin) };
            self.counted.sample(Sample { state, pk: pk.clone(), before, after, fields: Vec::new() });
        }
        if side == Side::Before && !matches!(line::identity(raw), Key::Number(_)) {
            self.missing_texts.push(pk);
        }
    }

    /// Concludes, when all that was left to do is done.
    #[must_use]
    pub fn conclude(self, joined: &Joined) -> Concluded {
        let missing = joined.mine.get(joined.pairs..).unwrap_or_default();
        let mut numbers: Vec<i64> = missing.iter().filter_map(number).collect();
        numbers.sort_unstable();
        let mut missing_pks: Vec<Pk> = numbers.into_iter().map(Pk::Number).collect();
        missing_pks.extend(self.missing_texts);
        let lone = match self.counted.rows {
            [0, 0] => None,
            [_, 0] => Some(keys(missing)),
            [0, _] => Some(keys(&joined.theirs)),
            _ => None,
        };
        let left_out = Side::BOTH.map(|side| self.counted.left_out(side));
        let counted = self.counted;
        let named = |counts: &[u64]| {
            let fields = self.plan.common.iter().map(|field| field.name.clone());
            fields.zip(counts.iter().copied()).filter(|(_, rows)| *rows > 0).collect()
        };
        let own = |side: Side| {
            let fields = self.plan.own.of(side).iter().map(|own| own.name.clone());
            fields.zip(counted.own.of(side).iter().copied()).collect()
        };
        let mut account = TableAccount {
            table: self.plan.table.clone(),
            equal: counted.equal,
            changed: counted.changed,
            missing: missing.len() as u64,
            new: joined.theirs.len() as u64,
            by_lino: counted.by_lino,
            unreadable: counted.unreadable,
            missing_pks,
            fields: named(&counted.fields),
            fields_gone: own(Side::Before),
            fields_new: own(Side::After),
            samples: counted.samples,
            ..TableAccount::default()
        };
        for ((reason, index), rows) in counted.lino {
            if let Some(field) = self.plan.common.get(index) {
                account.lino.entry(reason).or_default().insert(field.name.clone(), rows);
            }
        }
        Concluded { account, problems: counted.problems, left_out, lone }
    }
}

/// The account of a table with what belongs to it.
#[derive(Debug)]
pub struct Concluded {
    /// The account.
    pub account: TableAccount,
    /// What kept it from being complete.
    pub problems: Vec<super::Fault>,
    /// How many more problems each side has.
    pub left_out: [usize; 2],
    /// Its keys, when only one dump has rows of it.
    pub lone: Option<Keys>,
}

/// Marks a row without counterpart; no place is that.
const ALONE: u64 = u64::MAX;

fn key(entry: &Entry) -> Key {
    if Place::unpacked(entry.place).1 { Key::Text(entry.id) } else { Key::Number(entry.id.cast_signed()) }
}

fn number(entry: &Entry) -> Option<i64> {
    (!Place::unpacked(entry.place).1).then(|| entry.id.cast_signed())
}

fn keys(entries: &[Entry]) -> Keys {
    let mut numbers: Vec<i64> = entries.iter().filter_map(number).collect();
    let texts: Vec<u64> = entries.iter().filter(|entry| number(entry).is_none()).map(|entry| entry.id).collect();
    let mut keys = Keys::default();
    let _ = keys.add(&mut numbers, &texts);
    keys
}

fn same_key(one: &Entry, other: &Entry) -> bool {
    one.id == other.id && Place::unpacked(one.place).1 == Place::unpacked(other.place).1
}

/// Tells whether a row comes before another in the order of keys.
fn before(one: &Entry, other: &Entry) -> bool {
    (one.id, Place::unpacked(one.place).1) < (other.id, Place::unpacked(other.place).1)
}

fn keep(entries: &mut [Entry], kept: &mut usize, entry: Entry) {
    if let Some(place) = entries.get_mut(*kept) {
        *place = entry;
    }
    *kept += 1;
}
