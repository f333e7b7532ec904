//! A failure: one row of the snapshot that was refused.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Where on its way a row was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// In its create function: a restore would stop there.
    Create,
    /// When it was saved, as a row of a model that points to nothing: a restore would stop there.
    Stop,
    /// When it was validated or saved: a restore would try it again, and give it up at last.
    Save,
}

impl Phase {
    /// Tells whether Lino's own restore would end at such a row.
    #[must_use]
    pub const fn stops(self) -> bool {
        !matches!(self, Self::Save)
    }
}

/// What a row points to: a foreign key that is set.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Point(
    /// The field.
    pub String,
    /// The model it points to, for example `countries.Country`.
    pub String,
    /// The value, which is the target's primary key unless the field says otherwise.
    pub String,
);

/// A row that was refused. Texts come from the site and from its data: they are not to be trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The model; none when the new version does not know it.
    pub model: Option<String>,
    /// The table, as the row files call it.
    pub table: String,
    /// The primary key, as Python prints it.
    pub key: String,
    /// The row file.
    pub file: String,
    /// The line, from 1.
    pub line: u64,
    /// Where it was refused.
    pub phase: Phase,
    /// The class of the exception, with its module.
    pub exception: String,
    /// The messages by field; under an empty name what is said of the whole row.
    pub messages: BTreeMap<String, Vec<String>>,
    /// How the row calls itself; none when it was not made.
    pub object: Option<String>,
    /// What it points to.
    #[serde(default)]
    pub points: Vec<Point>,
    /// The traceback, with the first failure of its kind only.
    #[serde(default)]
    pub traceback: Option<String>,
    /// Whether it was the rehearsal that forbade something. A restore would not.
    #[serde(default)]
    pub forbidden: bool,
}

impl Failure {
    /// Tells whether the row was made in spite of what its create function was refused: a rehearsal loads it without the
    /// fields that are gone, and no other row is refused because of it.
    #[must_use]
    pub fn is_made(&self) -> bool {
        self.phase == Phase::Create && self.object.is_some()
    }

    /// Returns what tells the row from all others.
    pub(super) fn place(&self) -> (&str, u64, &str, &str) {
        (&self.file, self.line, &self.table, &self.key)
    }

    /// Returns the model, or the table where the new version has no such model.
    #[must_use]
    pub fn model_or_table(&self) -> &str {
        self.model.as_deref().unwrap_or(&self.table)
    }
}
