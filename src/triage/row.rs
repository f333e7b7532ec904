//! A row of a snapshot as a person looks at it: every field by name, what it points to, and what points to it.

/// A row with all that belongs to it. Texts come from the data of the site: they are not to be trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowDetail {
    /// The table, as the row files call it.
    pub table: String,
    /// The model, where the dump script tells it.
    pub model: Option<String>,
    /// The primary key, as the failures name it.
    pub key: String,
    /// The row file.
    pub file: String,
    /// The line in it, from 1.
    pub line: u64,
    /// Its fields, in the order of the dump script.
    pub fields: Vec<FieldValue>,
    /// Which rows of the snapshot point to it: by table or model, with the first few keys.
    pub pointed_at: Vec<PointedAt>,
    /// Fields of its model that only the new version has, where its models are known.
    pub new_fields: Vec<String>,
    /// Whether the row is longer than what is shown of it.
    pub cut: bool,
}

/// A field of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldValue {
    /// Its name in the dump script, `country_id`.
    pub name: String,
    /// Its value, without quotes; none for NULL.
    pub value: Option<String>,
    /// Values by language, where it has several: the language, and the value.
    pub languages: Vec<(String, Option<String>)>,
    /// What it points to, where it is a foreign key that is set.
    pub target: Option<Target>,
    /// The values that the new version admits, with their texts, where it admits only some.
    pub choices: Vec<(String, String)>,
}

/// What a foreign key points to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The model, `countries.Country`.
    pub model: String,
    /// How the row is called there, as well as its fields can tell; none when the snapshot has no such row.
    pub name: Option<String>,
}

/// Rows of one model that point to a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointedAt {
    /// Their model, or their table.
    pub model: String,
    /// The field that points.
    pub field: String,
    /// How many they are.
    pub count: usize,
    /// The keys of the first few.
    pub keys: Vec<String>,
}
