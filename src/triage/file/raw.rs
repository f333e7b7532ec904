//! The decisions file as TOML has it, with the places of its parts.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use toml::{Spanned, Value};

use super::super::decision::{Choice, Decision, Given, Scope};
use super::{Mistake, Place};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default)]
    pub answers: BTreeMap<String, String>,
    #[serde(default)]
    pub decision: Vec<Raw>,
}

type Names<T> = Spanned<BTreeMap<Spanned<String>, T>>;
type List = Spanned<Vec<Spanned<String>>>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    model: Spanned<String>,
    rows: Spanned<Rows>,
    #[serde(default)]
    count: Option<u64>,
    #[serde(default)]
    because: String,
    #[serde(default)]
    set: Option<Names<Spanned<Value>>>,
    #[serde(default)]
    empty: Option<List>,
    #[serde(default)]
    point: Option<Names<Spanned<Key>>>,
    #[serde(default)]
    copy: Option<Names<Spanned<String>>>,
    #[serde(default)]
    drop: Option<List>,
    #[serde(default)]
    leave_out: Option<Spanned<bool>>,
    #[serde(default)]
    rename: Option<Spanned<String>>,
    #[serde(default)]
    undecided: Option<Spanned<bool>>,
    #[serde(default)]
    ask: Option<Spanned<String>>,
}

/// A primary key: a text, or a whole number that a person wrote without quotes.
#[derive(Debug)]
struct Key(String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfKey;
        impl Visitor<'_> for OfKey {
            type Value = Key;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a primary key")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Key, E> {
                Ok(Key(text.to_owned()))
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Key, E> {
                Ok(Key(number.to_string()))
            }
        }
        deserializer.deserialize_any(OfKey)
    }
}

#[derive(Debug)]
enum Rows {
    All,
    These(Vec<Spanned<Key>>),
}

impl<'de> Deserialize<'de> for Rows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfRows;
        impl<'de> Visitor<'de> for OfRows {
            type Value = Rows;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"all\" or a list of primary keys")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Rows, E> {
                if text == "all" { Ok(Rows::All) } else { Err(E::custom("rows are \"all\" or a list of primary keys")) }
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Rows, A::Error> {
                let mut keys = Vec::new();
                while let Some(key) = list.next_element()? {
                    keys.push(key);
                }
                Ok(Rows::These(keys))
            }
        }
        deserializer.deserialize_any(OfRows)
    }
}

fn mistake(span: Range<usize>, message: impl Into<String>) -> Mistake {
    Mistake { span, message: message.into() }
}

/// A kind of decision as it was read: the choice, its place, and the places of its fields.
type Chosen = (Choice, Range<usize>, Vec<(String, Range<usize>)>);

impl Raw {
    /// Turns it into a decision.
    pub fn read(self) -> Result<Place, Mistake> {
        let (model, rows_span) = (self.model.span(), self.rows.span());
        let count = self.count.unwrap_or_default();
        let (because, name) = (self.because.clone(), self.model.get_ref().clone());
        if name.trim().is_empty() {
            return Err(mistake(model, "The name of the model is missing."));
        }
        let (scope, rows) = match self.rows.get_ref() {
            Rows::All => (Scope::All(count), Vec::new()),
            Rows::These(keys) => {
                let rows: Vec<(String, Range<usize>)> =
                    keys.iter().map(|key| (key.get_ref().0.clone(), key.span())).collect();
                (Scope::These(rows.iter().map(|(key, _)| key.clone()).collect()), rows)
            }
        };
        if scope == Scope::These(Vec::new()) {
            return Err(mistake(rows_span, "The list of rows is empty."));
        }
        let mut chosen = self.chosen()?.into_iter();
        let Some((choice, kind_span, fields)) = chosen.next() else {
            let kinds = "set, empty, point, copy, drop, leave_out, rename, undecided, ask";
            return Err(mistake(model, format!("The decision says nothing; it needs one of {kinds}.")));
        };
        if let Some((other, span, _)) = chosen.next() {
            let message = format!("A decision has one kind, but this one has {} and {}.", choice.kind(), other.kind());
            return Err(mistake(span, message));
        }
        if choice.is_for_all() && !matches!(scope, Scope::All(_)) {
            let message = format!("“{}” is for all rows of a model: rows = \"all\".", choice.kind());
            return Err(mistake(rows_span, message));
        }
        let decision = Decision { model: name, rows: scope, choice, because };
        Ok(Place { decision, model, kind: kind_span, rows, fields })
    }

    /// Returns the kinds that it has, by their places.
    fn chosen(self) -> Result<Vec<Chosen>, Mistake> {
        let mut found: Vec<Chosen> = Vec::new();
        if let Some(set) = self.set {
            found.push(names(set, given, Choice::Set)?);
        }
        if let Some(empty) = self.empty {
            found.push(list(empty, Choice::Empty)?);
        }
        if let Some(point) = self.point {
            found.push(names(point, |key| Ok(key.into_inner().0), Choice::Point)?);
        }
        if let Some(copy) = self.copy {
            found.push(names(copy, |old| Ok(old.into_inner()), Choice::Copy)?);
        }
        if let Some(drop) = self.drop {
            found.push(list(drop, Choice::Drop)?);
        }
        for (flag, choice) in [(self.leave_out, Choice::LeaveOut), (self.undecided, Choice::Undecided)] {
            if let Some(flag) = flag {
                if !flag.get_ref() {
                    let message = format!("“{}” is true, or it is not there.", choice.kind());
                    return Err(mistake(flag.span(), message));
                }
                found.push((choice, flag.span(), Vec::new()));
            }
        }
        for (text, choice) in
            [(self.rename, Choice::Rename as fn(String) -> Choice), (self.ask, Choice::Ask as fn(String) -> Choice)]
        {
            if let Some(text) = text {
                let span = text.span();
                if text.get_ref().trim().is_empty() {
                    return Err(mistake(span, "The text is empty."));
                }
                found.push((choice(text.into_inner()), span, Vec::new()));
            }
        }
        found.sort_by_key(|(_, span, _)| span.start);
        Ok(found)
    }
}

/// Reads a table of fields. What is on the right side of `copy` is the field of the snapshot, and so is its place.
fn names<T, V>(
    table: Names<T>,
    read: impl Fn(T) -> Result<V, Mistake>,
    choice: fn(BTreeMap<String, V>) -> Choice,
) -> Result<Chosen, Mistake> {
    let span = table.span();
    let mut fields = Vec::new();
    let mut values = BTreeMap::new();
    for (name, value) in table.into_inner() {
        fields.push((name.get_ref().clone(), name.span()));
        values.insert(name.into_inner(), read(value)?);
    }
    if values.is_empty() {
        return Err(mistake(span, "No field is named."));
    }
    let choice = choice(values);
    if let Choice::Copy(copied) = &choice {
        let by_old = fields.iter().filter_map(|(new, span)| Some((copied.get(new)?.clone(), span.clone())));
        fields = by_old.collect();
    }
    Ok((choice, span, fields))
}

fn list(fields: List, choice: fn(Vec<String>) -> Choice) -> Result<Chosen, Mistake> {
    let span = fields.span();
    let named: Vec<(String, Range<usize>)> =
        fields.into_inner().into_iter().map(|field| (field.get_ref().clone(), field.span())).collect();
    if named.is_empty() {
        return Err(mistake(span, "The list of fields is empty."));
    }
    Ok((choice(named.iter().map(|(field, _)| field.clone()).collect()), span, named))
}

fn given(value: Spanned<Value>) -> Result<Given, Mistake> {
    let span = value.span();
    Ok(match value.into_inner() {
        Value::String(text) => Given::Text(text),
        Value::Integer(number) => Given::Int(number),
        Value::Float(number) if number.is_finite() => Given::Float(number),
        Value::Boolean(flag) => Given::Bool(flag),
        Value::Datetime(when) => Given::When(when),
        Value::Array(texts) if !texts.is_empty() => {
            let texts = texts.into_iter().map(|text| match text {
                Value::String(text) => Ok(text),
                _ => Err(mistake(span.clone(), "A list of values has one text for each language.")),
            });
            Given::Texts(texts.collect::<Result<_, _>>()?)
        }
        _ => return Err(mistake(span, "A field cannot have such a value.")),
    })
}
