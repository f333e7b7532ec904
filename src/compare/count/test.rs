//! What is asked of each row, and its answer.

use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::super::difference::Rows;
use super::cell::Cell;
use super::fits::Fits;
use super::number::Number;
use crate::dump::{Row, Value};

/// What is asked of a row.
#[derive(Debug)]
pub enum Test {
    All,
    NotEmpty(Cell),
    Empty(Cell),
    IsNull(Cell),
    LongerThan(Cell, usize),
    ShorterThan(Cell, usize),
    Below(Cell, Number),
    Above(Cell, Number),
    MoreDigits(Cell, u64, u64),
    NotIn(Cell, HashSet<String>),
    Unfit(Cell, Fits),
    Equal(Vec<Cell>),
    Dangling(Cell, (String, String)),
    Taken(Cell, (String, String)),
}

/// What a row says to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The difference touches it.
    Yes,
    /// It does not.
    No,
    /// Nobody can tell: "3 rows …".
    Doubt(&'static str),
    /// The value cannot be read.
    Broken,
}

impl From<bool> for Answer {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

/// Why a text cannot be measured.
const ODD: &str = "written in a way that is not read here";

impl Test {
    pub fn new(rows: &Rows, cell: impl Fn(&String) -> Result<Cell, String>, engine: &str) -> Result<Self, String> {
        let size = |length: &u64| usize::try_from(*length).unwrap_or(usize::MAX);
        let limit = |text: &str| Number::read(text).ok_or_else(|| format!("the limit {text} is no number"));
        Ok(match rows {
            Rows::All => Self::All,
            Rows::NotEmpty(column) => Self::NotEmpty(cell(column)?),
            Rows::Empty(column) => Self::Empty(cell(column)?),
            Rows::IsNull(column) => Self::IsNull(cell(column)?),
            Rows::LongerThan(column, length) => Self::LongerThan(cell(column)?, size(length)),
            Rows::ShorterThan(column, length) => Self::ShorterThan(cell(column)?, size(length)),
            Rows::Below(column, least) => Self::Below(cell(column)?, limit(least)?),
            Rows::Above(column, most) => Self::Above(cell(column)?, limit(most)?),
            Rows::MoreDigits(column, digits, places) => Self::MoreDigits(cell(column)?, *digits, *places),
            Rows::NotIn(column, values) => Self::NotIn(cell(column)?, values.iter().cloned().collect()),
            Rows::Duplicates(columns) => Self::Equal(columns.iter().map(cell).collect::<Result<_, _>>()?),
            Rows::Unfit(column, kind) => Self::Unfit(cell(column)?, Fits::read(kind, engine)),
            Rows::Dangling { column, table, key } => Self::Dangling(cell(column)?, (table.clone(), key.clone())),
            Rows::Taken { column, table, key } => Self::Taken(cell(column)?, (table.clone(), key.clone())),
        })
    }

    /// Asks a row; those that must be seen together are not asked here.
    pub fn row(&self, row: &Row<'_>) -> Answer {
        let (Self::NotEmpty(cell)
        | Self::Empty(cell)
        | Self::IsNull(cell)
        | Self::LongerThan(cell, _)
        | Self::ShorterThan(cell, _)
        | Self::Below(cell, _)
        | Self::Above(cell, _)
        | Self::MoreDigits(cell, ..)
        | Self::NotIn(cell, _)
        | Self::Unfit(cell, _)) = self
        else {
            return matches!(self, Self::All).into();
        };
        match cell.value(row) {
            Ok(value) => self.value(*cell, &value),
            Err(()) => Answer::Broken,
        }
    }

    fn value(&self, cell: Cell, value: &Value<'_>) -> Answer {
        match self {
            Self::NotEmpty(_) => (!is_empty(value)).into(),
            Self::Empty(_) => is_empty(value).into(),
            Self::IsNull(_) => matches!(value, Value::None).into(),
            _ if is_empty(value) && !matches!(self, Self::Unfit(..)) => Answer::No,
            Self::LongerThan(_, length) => letters(value).map_or(Answer::Doubt(ODD), |n| (n > *length).into()),
            Self::ShorterThan(_, length) => letters(value).map_or(Answer::Doubt(ODD), |n| (n < *length).into()),
            Self::Below(_, least) => compare(value, least, std::cmp::Ordering::Less),
            Self::Above(_, most) => compare(value, most, std::cmp::Ordering::Greater),
            Self::MoreDigits(_, digits, places) => {
                number(value).map_or(Answer::Doubt(ODD), |number| (!number.has_at_most(*digits, *places)).into())
            }
            Self::NotIn(_, values) => text(value).map_or(Answer::Doubt(ODD), |text| (!values.contains(&*text)).into()),
            Self::Unfit(_, kind) => kind.refuses(value, cell.decimal),
            Self::All | Self::Equal(_) | Self::Dangling(..) | Self::Taken(..) => Answer::No,
        }
    }
}

fn compare(value: &Value<'_>, limit: &Number, refused: std::cmp::Ordering) -> Answer {
    number(value)
        .map_or(Answer::Doubt("without a number to compare"), |number| (number.compare(limit) == refused).into())
}

/// Tells whether the value of a row is, or is not, `among` those of the other table.
pub fn meets(cell: Cell, row: &Row<'_>, targets: &HashSet<u64>, among: bool) -> Answer {
    match cell.value(row) {
        Err(()) => Answer::Broken,
        Ok(value) if is_empty(&value) => Answer::No,
        Ok(value) => {
            text(&value).map_or(Answer::Doubt(ODD), |text| (targets.contains(&hash([text.as_ref()])) == among).into())
        }
    }
}

/// Returns the hash of the values of a row; none when one of them is NULL, which is equal to nothing.
pub fn hash_of(cells: &[Cell], row: &Row<'_>) -> Result<Option<u64>, ()> {
    let values = cells.iter().map(|cell| cell.value(row)).collect::<Result<Vec<_>, ()>>()?;
    if values.iter().any(|value| matches!(value, Value::None)) {
        return Ok(None);
    }
    let texts = values.iter().map(text).collect::<Option<Vec<_>>>().ok_or(())?;
    Ok(Some(hash(texts.iter().map(AsRef::as_ref))))
}

/// Returns a hash of texts that keeps them apart.
pub fn hash<'a>(texts: impl IntoIterator<Item = &'a str>) -> u64 {
    let mut hasher = DefaultHasher::new();
    texts.into_iter().for_each(|text| text.hash(&mut hasher));
    hasher.finish()
}

fn is_empty(value: &Value<'_>) -> bool {
    match value {
        Value::None => true,
        Value::Text(text) => text.is_empty(),
        _ => false,
    }
}

/// Returns a value as a text, equal values as equal texts.
pub fn text<'a>(value: &'a Value<'_>) -> Option<Cow<'a, str>> {
    Some(match value {
        Value::Text(text) => Cow::Borrowed(text),
        Value::Int(number) => Cow::Owned(number.to_string()),
        Value::Large(number) => Cow::Borrowed(number),
        Value::Float(number) => Cow::Owned(number.to_string()),
        Value::Bool(true) => Cow::Borrowed("true"),
        Value::Bool(false) => Cow::Borrowed("false"),
        Value::Name(name) => Cow::Borrowed(name),
        Value::Surrogates(points) => Cow::Owned(format!("{points:x?}")),
        Value::Call { .. } => Cow::Owned(format!("{value:?}")),
        Value::None
        | Value::Named(_)
        | Value::Bytes(_)
        | Value::List(_)
        | Value::Tuple(_)
        | Value::Set(_)
        | Value::Dict(_) => return None,
    })
}

/// Counts the characters of a text as Python and Django do; a number has those that Python writes.
pub fn letters(value: &Value<'_>) -> Option<usize> {
    match value {
        Value::Text(text) => Some(text.chars().count()),
        Value::Surrogates(points) => Some(points.len()),
        Value::Int(number) => Some(number.to_string().len()),
        Value::Bool(true) => Some("True".len()),
        Value::Bool(false) => Some("False".len()),
        _ => None,
    }
}

/// Reads a decimal number.
pub fn number(value: &Value<'_>) -> Option<Number> {
    match value {
        Value::Int(number) => Number::read(&number.to_string()),
        Value::Large(number) | Value::Text(number) => Number::read(number),
        Value::Bool(yes) => Number::read(if *yes { "1" } else { "0" }),
        _ => None,
    }
}
