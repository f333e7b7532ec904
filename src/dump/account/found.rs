//! What an account says. Fields, keys and places only: no value of a row is in it.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

/// One of the two dumps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The first, whose rows are accounted for.
    Before,
    /// The second.
    After,
}

impl Side {
    /// Both, in their order.
    pub const BOTH: [Self; 2] = [Self::Before, Self::After];

    /// Returns the other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Before => Self::After,
            Self::After => Self::Before,
        }
    }
}

/// Something that is kept for each side.
pub(super) type Both<T> = [T; 2];

/// Finds what is kept for a side.
pub(super) trait Pick<T> {
    fn of(&self, side: Side) -> &T;
    fn of_mut(&mut self, side: Side) -> &mut T;
}

impl<T> Pick<T> for Both<T> {
    fn of(&self, side: Side) -> &T {
        let [before, after] = self;
        match side {
            Side::Before => before,
            Side::After => after,
        }
    }

    fn of_mut(&mut self, side: Side) -> &mut T {
        let [before, after] = self;
        match side {
            Side::Before => before,
            Side::After => after,
        }
    }
}

/// A primary key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pk {
    /// A whole number.
    Number(i64),
    /// A text, or what Python wrote for a value of another kind.
    Text(String),
}

impl Serialize for Pk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl std::fmt::Display for Pk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// Why Lino itself changes a value while it restores a dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A dump holds no parts of a second.
    Microseconds,
    /// Previews of texts are computed again at every save.
    Previews,
    /// The same, and the new preview shows an error message.
    PreviewErrors,
    /// The time of saving, which Django sets.
    SaveTimes,
    /// An empty field that is filled when a row is saved.
    Defaults,
    /// A text with markup that is written otherwise and means the same.
    Markup,
    /// A text that has a place for other languages now.
    Translated,
}

impl Reason {
    /// Returns the reason for a change of a field that may have this one; none when the values show that it is not.
    pub(super) fn explains(self, raw: Both<&[u8]>) -> Option<Self> {
        let error = |raw: &[u8]| memchr::memmem::find(raw, b"[ERROR ").is_some();
        match self {
            Self::Previews if error(raw[1]) && !error(raw[0]) => Some(Self::PreviewErrors),
            Self::Defaults if raw[0] != b"None" => None,
            reason => Some(reason),
        }
    }

    /// Says it to a person.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Microseconds => "parts of a second, which a dump does not hold",
            Self::Previews => "previews, which Lino computes again at every save",
            Self::PreviewErrors => {
                "previews that show an error, since what they mention was restored later; checkdata --fix repairs them"
            }
            Self::SaveTimes => "times of saving, which Django sets itself",
            Self::Defaults => "empty fields, which Lino fills at every save",
            Self::Markup => {
                "texts with markup, which Lino writes otherwise when it saves them, with the same words and tags"
            }
            Self::Translated => "texts that can be translated now, with the text that they had in the main language",
        }
    }
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It has other values.
    Changed,
    /// Only the first dump has it.
    Missing,
    /// Only the second dump has it.
    New,
}

/// Where a row is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// The row file.
    pub file: String,
    /// The line, from 1.
    pub line: u64,
}

/// A row that is named as an example.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// What became of it.
    pub state: State,
    /// Its key.
    pub pk: Pk,
    /// Where the first dump has it.
    pub before: Option<Origin>,
    /// Where the second dump has it.
    pub after: Option<Origin>,
    /// The fields that changed.
    pub fields: Vec<String>,
}

/// Something that keeps the account from being complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The dump that it is about.
    pub side: Side,
    /// The file.
    pub path: String,
    /// The line, from 1, when it is about one.
    pub line: Option<u64>,
    /// What is wrong, full sentences.
    pub message: String,
}

/// The account of one table. Of the first dump's rows each is equal, changed, missing or unreadable; of the second's
/// each is equal, changed, new or unreadable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TableAccount {
    /// Its name.
    pub table: String,
    /// Rows that both dumps have, with equal values.
    pub equal: u64,
    /// Rows that both dumps have, with other values.
    pub changed: u64,
    /// Rows that only the first dump has.
    pub missing: u64,
    /// Rows that only the second dump has.
    pub new: u64,
    /// Of the equal rows, those in which only values differ that Lino itself changes.
    pub by_lino: u64,
    /// Rows that could not be read, in the first and in the second dump.
    pub unreadable: [u64; 2],
    /// The keys of the missing rows, in order.
    pub missing_pks: Vec<Pk>,
    /// In how many rows each field changed.
    pub fields: BTreeMap<String, u64>,
    /// Fields that only the first dump has, with the number of rows that had a value there.
    pub fields_gone: BTreeMap<String, u64>,
    /// Fields that only the second dump has, with the number of rows that have a value there.
    pub fields_new: BTreeMap<String, u64>,
    /// What Lino itself changed: why, which field, in how many rows.
    pub lino: BTreeMap<Reason, BTreeMap<String, u64>>,
    /// The table of the other dump that has the same keys, when each of the two tables is in one dump only.
    pub same_keys_as: Option<String>,
    /// Why its rows are missing, when that is known.
    pub explained: Option<String>,
    /// Examples.
    pub samples: Vec<Sample>,
}

impl TableAccount {
    /// Tells whether nothing is lost, changed or added in it. What Lino itself changes does not count, nor do fields
    /// that are new, nor those that are gone and had no value in any row.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.changed + self.missing + self.new + self.unreadable.iter().sum::<u64>() == 0
            && self.fields_gone.values().all(|rows| *rows == 0)
    }

    /// Returns how many rows the first dump has.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.equal + self.changed + self.missing + self.unreadable[0]
    }
}

/// The account of two dumps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Rows that both dumps have, with equal values.
    pub equal: u64,
    /// Rows that both dumps have, with other values.
    pub changed: u64,
    /// Rows that only the first dump has.
    pub missing: u64,
    /// Rows that only the second dump has.
    pub new: u64,
    /// Of the equal rows, those in which only values differ that Lino itself changes.
    pub by_lino: u64,
    /// Rows that could not be read, in the first and in the second dump.
    pub unreadable: [u64; 2],
    /// The version of the application that made each dump.
    pub source_version: [Option<String>; 2],
    /// The tables: those of the first dump in its order, then the new ones.
    pub tables: Vec<TableAccount>,
    /// What keeps the account from being complete.
    pub problems: Vec<Fault>,
}

impl Account {
    /// Adds up tables.
    #[must_use]
    pub fn of(tables: Vec<TableAccount>) -> Self {
        let sum = |of: fn(&TableAccount) -> u64| tables.iter().map(of).sum();
        Self {
            equal: sum(|table| table.equal),
            changed: sum(|table| table.changed),
            missing: sum(|table| table.missing),
            new: sum(|table| table.new),
            by_lino: sum(|table| table.by_lino),
            unreadable: [sum(|table| table.unreadable[0]), sum(|table| table.unreadable[1])],
            source_version: [None, None],
            tables,
            problems: Vec::new(),
        }
    }

    /// Tells whether every row of the first dump is in the second with equal values, nothing was added, and nothing
    /// kept it from being seen.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.problems.is_empty() && self.tables.iter().all(TableAccount::is_equal)
    }
}
