//! Models as Django describes them on the site's connection, in the words of `assets/python/facts.py`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The models of a site in one of its versions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Models {
    /// Languages of the site, first the main one.
    pub languages: Vec<String>,
    /// The models.
    pub models: Vec<Model>,
    /// Fingerprints of the functions that a restore runs for rows, by name; none in facts of older versions.
    pub rules: Option<BTreeMap<String, String>>,
}

/// A model as Django describes it on this connection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[allow(clippy::struct_excessive_bools, reason = "as Django describes it")]
pub struct Model {
    /// For example `tickets.Ticket`.
    pub model: String,
    /// Its table.
    pub table: String,
    /// Whether Django creates the table.
    pub managed: bool,
    /// Whether it is another view of its parent's table.
    pub proxy: bool,
    /// Always false; kept because the script says it.
    #[serde(rename = "abstract")]
    pub is_abstract: bool,
    /// Whether Django made it for a many-to-many field.
    pub auto_created: bool,
    /// Parents in multi-table inheritance.
    pub parents: Vec<String>,
    /// Attribute of the primary key.
    pub pk: String,
    /// Column of the primary key.
    pub pk_column: String,
    /// Sets of fields that are unique together.
    pub unique_together: Vec<Vec<String>>,
    /// Other rules that the database keeps for every row, as texts.
    pub constraints: Vec<String>,
    /// Functions of Lino and the application that a restore runs for each row; none when nobody knows.
    pub rules: Option<Vec<String>>,
    /// Fields of the model's own table.
    pub fields: Vec<Field>,
    /// Rows, when they were counted.
    pub rows: Option<u64>,
}

/// A field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[allow(clippy::struct_excessive_bools, reason = "as Django describes it")]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its attribute, `x_id` for a foreign key `x`.
    pub attname: String,
    /// Its column; none when it has none.
    pub column: Option<String>,
    /// Its class.
    pub class: String,
    /// Type of the column on this connection.
    pub db_type: Option<String>,
    /// Whether it may be NULL.
    pub null: bool,
    /// Whether it may be empty.
    pub blank: bool,
    /// Whether people may change it: Django never refuses an empty value of the others. None in facts of older versions.
    pub editable: Option<bool>,
    /// Whether it is unique.
    pub unique: bool,
    /// Whether it is the primary key.
    pub primary_key: bool,
    /// The condition that Django makes the database check, for example `"weight" >= 0`.
    pub db_check: Option<String>,
    /// Collation, when the field has one of its own.
    pub db_collation: Option<String>,
    /// Greatest length.
    pub max_length: Option<u64>,
    /// Digits of a decimal number.
    pub max_digits: Option<u64>,
    /// Digits after the point.
    pub decimal_places: Option<u64>,
    /// Values that are allowed, with their texts.
    pub choices: Option<Vec<(serde_json::Value, Option<String>)>>,
    /// The choicelist.
    pub choicelist: Option<String>,
    /// Whether there is a default.
    pub has_default: bool,
    /// The default, as Python writes it.
    pub default: Option<String>,
    /// Model that it points to.
    pub target: Option<String>,
    /// Column of the target that it holds.
    pub target_column: Option<String>,
    /// Whether the database checks that the target exists; none in facts of older versions and in plain fields.
    pub db_constraint: Option<bool>,
    /// What becomes of the row when the target is deleted.
    pub on_delete: Option<String>,
    /// Whether Django itself writes the time of creation or of the last change.
    pub auto_now: bool,
    /// Whether it must have a value, and the model's own code may give it one.
    pub filled: bool,
    /// Validators that were given to the field, besides those of its class.
    pub validators: Vec<Validator>,
    /// Whether it has one column per language.
    pub babel: bool,
    /// The babel field whose translation it is.
    pub babel_of: Option<String>,
}

/// A validator that was given to a field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Validator {
    /// Its class, or the function.
    pub class: String,
    /// What it was made with, as a text; a limit alone for those that have one.
    pub arguments: String,
}

impl std::fmt::Display for Validator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.class.rsplit('.').next().unwrap_or_default();
        write!(f, "{name}({})", self.arguments)
    }
}

impl Model {
    /// Tells whether Django makes a table of its own for it.
    #[must_use]
    pub const fn has_table(&self) -> bool {
        self.managed && !self.proxy && !self.is_abstract
    }

    /// Returns a field by its name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}
