//! Meets the rows of both dumps: in lockstep as long as their keys agree, which for most tables is always.

use std::hash::{BuildHasher, Hasher};

use foldhash::quality::RandomState;

use super::super::{Key, Keys};
use super::ahead::{Ahead, Ascent};
use super::counted::Counted;
use super::found::{Both, Origin, Pick, Pk, Side};
use super::line::{self, Consumed, Cursor, Line, Place, Window};
use super::plan::Plan;

/// Keys that are put into the set at once: sorted ones cost less together.
const BATCH: usize = 1 << 16;

/// A row that waits for its counterpart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// The number that is its key, or the hash of its key.
    pub id: u64,
    /// Where it is, and whether its key is a text.
    pub place: u64,
    /// The hash of its values.
    pub hash: u64,
}

/// Rows in the files of a table, and how they are named. The file names are those of each side.
#[derive(Clone, Copy, Debug)]
pub struct Heads<'a> {
    /// The files of the first dump.
    pub before: &'a [String],
    /// The files of the second dump.
    pub after: &'a [String],
}

impl Heads<'_> {
    pub(super) fn name(&self, side: Side, file: u32) -> String {
        let files = match side {
            Side::Before => self.before,
            Side::After => self.after,
        };
        files.get(file as usize).cloned().unwrap_or_default()
    }
}

/// Counts the rows of one table.
pub struct Matcher<'a> {
    pub(super) plan: &'a Plan,
    pub(super) heads: Heads<'a>,
    pub(super) call: Vec<u8>,
    hashes: RandomState,
    pub(super) counted: Counted,
    /// Keys that both sides had at the same time.
    pub(super) met: Keys,
    numbers: Vec<i64>,
    texts: Vec<u64>,
    pub(super) twice: Both<Keys>,
    pub(super) pending: Both<Vec<Entry>>,
    /// Keys of missing rows that are no numbers.
    pub(super) missing_texts: Vec<Pk>,
    ascent: Both<Ascent>,
    ahead: Ahead,
}

/// A row at the head of a side.
#[derive(Clone, Copy)]
struct Row<'a> {
    arguments: &'a [u8],
    key: Key,
    raw: &'a [u8],
    place: Place,
    line: u64,
    length: usize,
}

impl<'a> Matcher<'a> {
    /// Begins a table.
    #[must_use]
    pub fn new(plan: &'a Plan, heads: Heads<'a>) -> Self {
        let counted = Counted {
            fields: vec![0; plan.common.len()],
            own: plan.own.each_ref().map(|own| vec![0; own.len()]),
            ..Counted::default()
        };
        Self {
            plan,
            heads,
            call: line::call(&plan.table),
            hashes: RandomState::default(),
            counted,
            met: Keys::default(),
            numbers: Vec::new(),
            texts: Vec::new(),
            twice: [Keys::default(), Keys::default()],
            pending: [Vec::new(), Vec::new()],
            missing_texts: Vec::new(),
            ascent: [Ascent::default(); 2],
            ahead: Ahead::default(),
        }
    }

    /// Reads on in both dumps until one of the windows is used up; tells how much of each was.
    pub fn meet(&mut self, before: Window<'_>, after: Window<'_>) -> [Consumed; 2] {
        let (mut mine, mut theirs) = (Cursor::new(before), Cursor::new(after));
        while !mine.rest.is_empty() && !theirs.rest.is_empty() {
            let first = mine.first();
            if self.plan.alike && first.ends_with(b"\n") && theirs.rest.starts_with(first) {
                self.same(first, &mine, &theirs);
                mine.pass(first.len());
                theirs.pass(first.len());
                continue;
            }
            let (Some(row), Some(other)) = (self.row(Side::Before, &mut mine), self.row(Side::After, &mut theirs))
            else {
                continue;
            };
            if row.key == other.key {
                self.pair(row, other);
                mine.pass(row.length);
                theirs.pass(other.length);
            } else {
                self.part([row, other], [&mut mine, &mut theirs]);
            }
        }
        [mine.consumed(&before), theirs.consumed(&after)]
    }

    /// Reads a window of one dump when the other one has ended.
    pub fn rest(&mut self, side: Side, window: Window<'_>) -> Consumed {
        let mut cursor = Cursor::new(window);
        while !cursor.rest.is_empty() {
            if let Some(row) = self.row(side, &mut cursor) {
                self.wait(side, row);
                cursor.pass(row.length);
            }
        }
        cursor.consumed(&window)
    }

    /// Adds a problem of a file.
    pub fn problem(&mut self, side: Side, file: usize, line: Option<u64>, message: &str) {
        let path = self.heads.name(side, u32::try_from(file).unwrap_or(u32::MAX));
        self.counted.problem(side, path, line, message);
    }

    /// Returns how many rows a side had so far, those included that cannot be read.
    #[must_use]
    pub fn rows(&self, side: Side) -> u64 {
        *self.counted.rows.of(side)
    }

    /// Takes a line that both sides have.
    fn same(&mut self, text: &[u8], mine: &Cursor<'_>, theirs: &Cursor<'_>) {
        if let Line::Row(arguments) = Line::read(text, &self.call)
            && mine.is_text(text)
            && let Some(raw) = line::key(arguments, self.plan.key[0])
        {
            let key = line::identity(raw);
            self.counted.rows = self.counted.rows.map(|rows| rows + 1);
            self.counted.equal += 1;
            self.has_met(key);
            return;
        }
        for (side, cursor) in [(Side::Before, mine), (Side::After, theirs)] {
            self.row(side, &mut cursor.clone());
        }
    }

    /// Returns the row at the head of a side; passes a line that is none, and returns nothing.
    fn row<'b>(&mut self, side: Side, cursor: &mut Cursor<'b>) -> Option<Row<'b>> {
        let text = cursor.first();
        let read = Line::read(text, &self.call);
        let message = match read {
            Line::Row(arguments) => match line::key(arguments, *self.plan.key.of(side)) {
                Some(raw) if cursor.is_text(text) => {
                    let key = line::identity(raw);
                    return Some(Row {
                        arguments,
                        key,
                        raw,
                        place: cursor.place,
                        line: cursor.line,
                        length: text.len(),
                    });
                }
                Some(_) => Some("The row is not valid UTF-8."),
                None => Some("The row is broken: its key cannot be found."),
            },
            Line::CutOff => Some("The row is cut off."),
            Line::Foreign => Some("The row belongs to another table than the file."),
            Line::Refused => Some("Its rows are missing: the dump was made with --simulate or --tolerate."),
            Line::Strange => Some("This line is no row. What it does is not known."),
            Line::Nothing => None,
        };
        if let Some(message) = message {
            if matches!(read, Line::Row(_) | Line::CutOff | Line::Foreign) {
                *self.counted.rows.of_mut(side) += 1;
                *self.counted.unreadable.of_mut(side) += 1;
            }
            self.problem(side, cursor.place.file as usize, Some(cursor.line), message);
        }
        cursor.pass(text.len());
        None
    }

    /// Takes two rows of the same key that both sides have at the same time.
    fn pair(&mut self, before: Row<'_>, after: Row<'_>) {
        self.counted.rows = self.counted.rows.map(|rows| rows + 1);
        self.has_met(before.key);
        if self.plan.alike && before.arguments == after.arguments {
            self.counted.equal += 1;
            return;
        }
        let origin = |side, row: &Row<'_>| Origin { file: self.heads.name(side, row.place.file), line: row.line };
        let origins = [origin(Side::Before, &before), origin(Side::After, &after)];
        let values = self.values([before.arguments, after.arguments], &origins);
        if let Some([mine, theirs]) = &values {
            self.own(Side::Before, mine);
            self.own(Side::After, theirs);
        }
        self.compare(before.raw, values, origins);
    }

    /// Two rows that are no pair are at the head: finds out which side has a row that the other has not here.
    fn part(&mut self, rows: [Row<'_>; 2], cursors: [&mut Cursor<'_>; 2]) {
        let [mine, theirs] = cursors;
        if let [Row { key: Key::Number(one), .. }, Row { key: Key::Number(other), .. }] = rows
            && !self.ascent.iter().any(|ascent| ascent.broken)
        {
            let (side, row, cursor) =
                if one < other { (Side::Before, rows[0], mine) } else { (Side::After, rows[1], theirs) };
            self.wait(side, row);
            cursor.pass(row.length);
            return;
        }
        let found = self.ahead.limit().map(|limit| {
            let before = self.distance(Side::Before, mine, rows[1].key, limit);
            let after = self.distance(Side::After, theirs, rows[0].key, before.unwrap_or(limit));
            after.map(|rows| (Side::After, rows)).or(before.map(|rows| (Side::Before, rows)))
        });
        if let Some(found) = &found {
            self.ahead.tell(found.is_some());
        }
        let Some(Some((side, count))) = found else {
            self.wait(Side::Before, rows[0]);
            self.wait(Side::After, rows[1]);
            mine.pass(rows[0].length);
            theirs.pass(rows[1].length);
            return;
        };
        let cursor = if side == Side::Before { mine } else { theirs };
        let mut passed = 0;
        while passed < count {
            if let Some(row) = self.row(side, cursor) {
                self.wait(side, row);
                cursor.pass(row.length);
                passed += 1;
            }
        }
    }

    /// Counts the rows before the one with this key, as far as `limit` rows ahead.
    fn distance(&self, side: Side, cursor: &Cursor<'_>, wanted: Key, limit: usize) -> Option<usize> {
        let mut cursor = *cursor;
        let mut rows = 0;
        while rows < limit && !cursor.rest.is_empty() {
            let text = cursor.first();
            if let Line::Row(arguments) = Line::read(text, &self.call)
                && let Some(raw) = line::key(arguments, *self.plan.key.of(side))
                && cursor.is_text(text)
            {
                if line::identity(raw) == wanted {
                    return Some(rows);
                }
                rows += 1;
            }
            cursor.pass(text.len());
        }
        None
    }

    /// Keeps a row until its counterpart comes.
    fn wait(&mut self, side: Side, row: Row<'_>) {
        *self.counted.rows.of_mut(side) += 1;
        self.ascent.of_mut(side).step(row.key);
        let (id, text) = match row.key {
            Key::Number(number) => (number.cast_unsigned(), false),
            Key::Text(hash) => (hash, true),
        };
        let Some(place) = row.place.packed(text) else {
            *self.counted.unreadable.of_mut(side) += 1;
            let message = "The file is too large for an account.";
            return self.problem(side, row.place.file as usize, Some(row.line), message);
        };
        let mut hasher = self.hashes.build_hasher();
        if self.plan.alike {
            hasher.write(row.arguments);
        } else if let Some(values) = self.plan.split(side, row.arguments) {
            self.own(side, &values);
            for field in &self.plan.common {
                let value = values.get(*field.at.of(side)).copied().unwrap_or_default();
                hasher.write_usize(value.len());
                hasher.write(value);
            }
        } else {
            // Never equal to another: it is looked at again, and told.
            hasher.write_u64(place);
            hasher.write(row.arguments);
        }
        self.pending.of_mut(side).push(Entry { id, place, hash: hasher.finish() });
    }

    /// Remembers a key that both sides had.
    fn has_met(&mut self, key: Key) {
        for ascent in &mut self.ascent {
            ascent.step(key);
        }
        match key {
            Key::Number(number) => self.numbers.push(number),
            Key::Text(hash) => self.texts.push(hash),
        }
        if self.numbers.len() + self.texts.len() >= BATCH {
            self.remember();
        }
    }

    /// Puts the keys that were met last into the set.
    pub(super) fn remember(&mut self) {
        let twice = self.met.add(&mut self.numbers, &self.texts);
        if !twice.is_empty() {
            self.twice[0].extend(twice.clone());
            self.twice[1].extend(twice);
        }
        self.numbers.clear();
        self.texts.clear();
    }
}
