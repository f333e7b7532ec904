//! What all sources found, and the verdict that rests on it. It holds no value of any row, only their places and keys.

use serde::{Deserialize, Serialize};

use super::difference::{Difference, Guess};

/// Which source found a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The two dump scripts.
    Scripts,
    /// The site's models as Django describes them before and after `pull`.
    Models,
    /// The database's catalogue and the columns that the new version expects there.
    Catalogue,
    /// The application's migrator.
    Migrator,
}

/// How many rows a difference touches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Touched {
    /// So many; 0 when it touches none or cannot touch any.
    Rows(u64),
    /// Nobody can tell; the text says why: lower case, no period.
    Unknown(String),
}

/// A row that a difference touches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    /// Its row file.
    pub file: String,
    /// Its line there, from 1.
    pub line: u64,
    /// Its primary key, as the row file writes it.
    pub key: String,
}

/// What the restore of the snapshot as it is would do because of a difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// All rows are loaded.
    Loads,
    /// So many rows are not saved, and those that point to them.
    Fails(u64),
    /// So many rows are loaded, and lose a value.
    Loses(u64),
    /// It stops at the first row of this file, after it has emptied the database.
    Stops {
        /// The row file.
        file: String,
    },
    /// It stops before it touches the database.
    Refuses,
    /// Only a rehearsal can tell.
    Unknown,
}

/// A difference, what it touches, and what can be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Who says so. What several sources say is told by the one that says most.
    pub sources: Vec<Source>,
    /// The difference; its class is lowered when no row is touched.
    pub difference: Difference,
    /// The rows that it touches.
    pub touched: Touched,
    /// The first of them.
    pub examples: Vec<Example>,
    /// What the restore would do.
    pub effect: Effect,
    /// What the operator or the application developer can do, one or two sentences; none when nothing is to be done.
    pub remedy: Option<String>,
}

/// A probable renaming.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renaming {
    /// What vanished, what came, and why.
    pub guess: Guess,
    /// What the operator said: it was renamed (true), or it is gone (false); none while undecided.
    pub decided: Option<bool>,
}

/// The answer to "may the restore be skipped?".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Proved: the database is already as the new version wants it.
    Skip,
    /// The restore is needed, or nothing proves that it is not; no row is expected to be in its way.
    Restore,
    /// The restore is needed, and rows are in its way: something must be decided first.
    Decide,
}

/// What is known about a jump from one version to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Versions of the application, old and new, as the dump scripts name them.
    pub versions: [Option<String>; 2],
    /// The answer.
    pub verdict: Verdict,
    /// The same as one sentence, which says why.
    pub sentence: String,
    /// The differences that are no noise, worst class first, then by model and field.
    pub found: Vec<Found>,
    /// The noise.
    pub noise: Vec<Found>,
    /// Probable renamings.
    pub renamings: Vec<Renaming>,
    /// What each source says in general, in the order of [`Source`]: a sentence.
    pub said: Vec<(Source, String)>,
    /// What could not be looked at, and why: sentences. When there is any, the verdict is never skip.
    pub left_out: Vec<String>,
}
