//! The groups of `triage --json` and `rehearse --json`, with the values of each row.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::ser::{Error, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::{Value as Json, json};

use super::message;
use crate::dump::{Row, Rows, Script, Value};
use crate::snapshot::SnapshotError;
use crate::snapshot::index::Index;
use crate::triage::{Causes, Failure};

/// The groups in the form of `triage --json`, with all fields of each row. Every row is read when it is written: there may
/// be a million of them.
pub(in super::super) struct Groups<'a> {
    causes: &'a Causes,
    dump: Script,
    index: Option<Index>,
}

impl<'a> Groups<'a> {
    pub(in super::super) fn of(causes: &'a Causes, script: &Path) -> io::Result<Self> {
        let dump = Script::read(&String::from_utf8_lossy(&std::fs::read(script)?));
        // A script that nobody would take for a dump can be rehearsed all the same; then rows have no fields.
        Ok(Self { causes, dump, index: Index::open(script, None).ok() })
    }

    fn row(&self, failure: &Failure) -> Result<Json, SnapshotError> {
        // A row that the snapshot does not have lies nowhere.
        let place = (failure.line > 0).then_some((&failure.file, failure.line));
        let line = match (&self.index, place) {
            (Some(index), Some((file, line))) => index.written(file, line)?,
            _ => None,
        };
        let fields = line.map(|line| fields(&self.dump, &failure.table, &line.bytes)).unwrap_or_default();
        Ok(json!({
            "pk": failure.key, "file": place.map(|place| place.0), "line": place.map(|place| place.1),
            "fields": fields, "messages": failure.messages,
        }))
    }
}

impl Serialize for Groups<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let failure = |row: usize| self.causes.failures.get(row);
        let mut list = serializer.serialize_seq(None)?;
        for cause in &self.causes.causes {
            list.serialize_element(&Group {
                cause: None,
                count: cause.rows.len(),
                message: message(&cause.messages),
                model: &cause.model,
                rows: RowsOf(self, &cause.rows),
            })?;
            for leader in cause.rows.iter().filter(|leader| !self.causes.followers(**leader).is_empty()) {
                let mut by_model: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
                for follower in self.causes.all_followers(*leader) {
                    let model = failure(follower).map_or("", Failure::model_or_table);
                    by_model.entry(model).or_default().push(follower);
                }
                let because =
                    failure(*leader).map(|leader| Because { model: leader.model_or_table(), pk: &leader.key });
                for (model, rows) in by_model {
                    let first = rows.first().and_then(|row| failure(*row));
                    let said: Vec<(String, String)> = first
                        .into_iter()
                        .flat_map(|failure| &failure.messages)
                        .map(|(field, texts)| (field.clone(), texts.join(" ")))
                        .collect();
                    let (message, count) = (message(&said), rows.len());
                    list.serialize_element(&Group {
                        cause: because,
                        count,
                        message,
                        model,
                        rows: RowsOf(self, &rows),
                    })?;
                }
            }
        }
        list.end()
    }
}

#[derive(Serialize)]
struct Group<'a> {
    cause: Option<Because<'a>>,
    count: usize,
    message: String,
    model: &'a str,
    rows: RowsOf<'a>,
}

/// The row that others follow from.
#[derive(Clone, Copy, Serialize)]
struct Because<'a> {
    model: &'a str,
    pk: &'a str,
}

struct RowsOf<'a>(&'a Groups<'a>, &'a [usize]);

impl Serialize for RowsOf<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(groups, rows) = self;
        let mut list = serializer.serialize_seq(Some(rows.len()))?;
        for failure in rows.iter().filter_map(|row| groups.causes.failures.get(*row)) {
            list.serialize_element(&groups.row(failure).map_err(S::Error::custom)?)?;
        }
        list.end()
    }
}

/// Returns the values of a row by the names of its fields.
fn fields(dump: &Script, table: &str, line: &[u8]) -> serde_json::Map<String, Json> {
    let Some(function) = dump.function(table) else { return serde_json::Map::new() };
    let Some(row) = Rows::new(line).find(|row: &Row<'_>| row.table == table.as_bytes()) else {
        return serde_json::Map::new();
    };
    let names = function.parameters.iter().map(|parameter| parameter.name.to_string());
    names.zip(row.values().map_while(Result::ok)).map(|(name, value)| (name, of(&value))).collect()
}

/// Returns a value as a program reads it.
pub(in super::super) fn of(value: &Value<'_>) -> Json {
    match value {
        Value::None => Json::Null,
        Value::Bool(yes) => json!(yes),
        Value::Int(number) => json!(number),
        Value::Float(number) => json!(number),
        Value::Text(text) => json!(text),
        Value::Large(number) => json!(number),
        Value::Name(name) => json!(name),
        Value::List(values) | Value::Tuple(values) | Value::Set(values) => values.iter().map(of).collect(),
        Value::Call { function, arguments } => {
            let inner: Vec<String> = arguments.iter().map(|argument| plainly(&of(&argument.value))).collect();
            json!(format!("{function}({})", inner.join(", ")))
        }
        Value::Surrogates(_) | Value::Named(_) | Value::Bytes(_) | Value::Dict(_) => json!(format!("{value:?}")),
    }
}

/// Returns a value as a person reads it.
pub(in super::super) fn plainly(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}
