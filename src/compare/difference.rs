//! One difference between what a site has and what its new version wants, whichever source found it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a difference may mean for the rows of the site. None of them alone decides whether to restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Touches neither rows nor columns.
    Noise,
    /// Columns change, and all values keep their place.
    Additive,
    /// Some values may be refused: the questions say which.
    DataDependent,
    /// Values have no place any more.
    Destructive,
}

/// What differs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The whole site.
    Site,
    /// A model, for example `contacts.Partner`.
    Model(String),
    /// A field of a model.
    Field(String, String),
    /// A table of the database.
    Table(String),
    /// A column of a table.
    Column(String, String),
}

impl Subject {
    /// Model and field, or table and column; empty where there is none. Differences are sorted by it.
    #[must_use]
    pub fn place(&self) -> (&str, &str) {
        match self {
            Self::Site => ("", ""),
            Self::Model(name) | Self::Table(name) => (name, ""),
            Self::Field(model, field) => (model, field),
            Self::Column(table, column) => (table, column),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Site => f.write_str("The site"),
            Self::Model(model) => f.write_str(model),
            Self::Field(model, field) => write!(f, "{model}.{field}"),
            Self::Table(table) => write!(f, "Table {table}"),
            Self::Column(table, column) => write!(f, "Column {column} of table {table}"),
        }
    }
}

/// How it differs: `from` is what the site has, `to` what the new version wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is new; it is missing in the database.
    Added,
    /// It is gone; the database has it for nothing.
    Removed,
    /// Another type of column.
    Type {
        /// Before.
        from: String,
        /// After.
        to: String,
    },
    /// Another greatest length; none is no limit.
    Length {
        /// Before.
        from: Option<u64>,
        /// After.
        to: Option<u64>,
    },
    /// Other digits of a decimal number: all of them, and those after the point.
    Digits {
        /// Before.
        from: (u64, u64),
        /// After.
        to: (u64, u64),
    },
    /// It may not be NULL any more.
    NotNull,
    /// It may be NULL now.
    Nullable,
    /// It may not be empty any more.
    Required,
    /// It may be empty now.
    Optional,
    /// These together must be unique.
    Unique(Vec<String>),
    /// These together need not be unique any more.
    NotUnique(Vec<String>),
    /// Values were added to its choices or taken from them; both are empty when only texts differ.
    Choices {
        /// Values that it may have now.
        added: Vec<String>,
        /// Values that it may not have any more.
        removed: Vec<String>,
    },
    /// Only the listed values are allowed now.
    Limited(Vec<String>),
    /// All values are allowed now.
    Unlimited,
    /// Another default.
    Default {
        /// Before.
        from: Option<String>,
        /// After.
        to: Option<String>,
    },
    /// It points to something else; none is a plain value.
    Target {
        /// Before.
        from: Option<String>,
        /// After.
        to: Option<String>,
    },
    /// Something else happens when the target is deleted.
    OnDelete {
        /// Before.
        from: Option<String>,
        /// After.
        to: Option<String>,
    },
    /// Other validators, which refuse values.
    Validators {
        /// Those that are new.
        added: Vec<String>,
        /// Those that are gone.
        removed: Vec<String>,
    },
    /// The application's migrator changes rows on their way.
    Migrates,
    /// Other code runs for each row that is loaded, and may refuse it.
    Code {
        /// The functions that are new or written otherwise; empty when one version could not name them.
        functions: Vec<String>,
    },
    /// Another class of field, which may refuse other values.
    Class {
        /// Before.
        from: String,
        /// After.
        to: String,
    },
    /// One value per language now.
    Translated,
    /// One value for all languages now.
    Untranslated,
    /// Other parents in multi-table inheritance.
    Parents {
        /// Before.
        from: Vec<String>,
        /// After.
        to: Vec<String>,
    },
    /// Another primary key.
    Key {
        /// Before.
        from: Vec<String>,
        /// After.
        to: Vec<String>,
    },
    /// Another table or column in the database.
    Place {
        /// Before.
        from: String,
        /// After.
        to: String,
    },
    /// Another collation, by which texts are sorted and found equal.
    Collation {
        /// Before.
        from: Option<String>,
        /// After.
        to: Option<String>,
    },
    /// The scripts say it in other words; as noise that means nothing, else somebody edited one of them. None is on the
    /// side that does not say it.
    Written {
        /// In the old script.
        from: Option<String>,
        /// In the new script.
        to: Option<String>,
    },
    /// A language more.
    LanguageAdded(String),
    /// A language less.
    LanguageRemoved(String),
    /// Another main language, whose texts are in the columns without a language in their name.
    MainLanguage {
        /// Before.
        from: String,
        /// After.
        to: String,
    },
}

/// Rows that would have to be counted to know more. Row files have the answers: their names are those of tables,
/// their values those of columns, except that a babel field is one list of values.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Question {
    /// The table.
    pub table: String,
    /// Which of its rows.
    pub rows: Rows,
}

/// Which rows of a table.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rows {
    /// All.
    All,
    /// Those with any value in this column.
    NotEmpty(String),
    /// Those with NULL or an empty text in this column.
    Empty(String),
    /// Those with NULL in this column.
    IsNull(String),
    /// Those with more letters in this column.
    LongerThan(String, u64),
    /// Those with more digits than these, all of them or after the point.
    MoreDigits(String, u64, u64),
    /// Those with a value in this column that is none of these.
    NotIn(String, Vec<String>),
    /// Those with fewer letters in this column, but with some.
    ShorterThan(String, u64),
    /// Those with a smaller number in this column.
    Below(String, String),
    /// Those with a greater number in this column.
    Above(String, String),
    /// Those that have the same values in these columns as another row.
    Duplicates(Vec<String>),
    /// Those with a value that this type of column or class of field would not take.
    Unfit(String, String),
    /// Those with a value that no row has in the other table's column.
    Dangling {
        /// The column.
        column: String,
        /// The table that it would point to.
        table: String,
        /// The column there.
        key: String,
    },
    /// Those with a value that a row has in the other table's column, too.
    Taken {
        /// The column.
        column: String,
        /// The other table.
        table: String,
        /// The column there.
        key: String,
    },
}

/// A difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// What it may mean for the rows.
    pub class: Class,
    /// What differs.
    pub subject: Subject,
    /// How.
    pub change: Change,
    /// The same for a person.
    pub sentence: String,
    /// What to count to know more.
    pub questions: Vec<Question>,
}

/// A probable renaming. The operator is asked, for it is never sure; what it explains is a difference as well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guess {
    /// What vanished.
    pub from: Subject,
    /// What came instead.
    pub to: Subject,
    /// Why it is probable, as a sentence.
    pub because: String,
}
