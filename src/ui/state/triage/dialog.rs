//! What is asked before a decision is taken: a field, a value, a note, and at last whether it is meant.

use std::collections::BTreeMap;

use crate::dump::edit::python;
use crate::triage::{Choice, Decision, Given};

/// What becomes of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It gets a value.
    Set,
    /// It is emptied.
    Empty,
    /// It points to another row.
    Point,
    /// Its values go to a field of another name.
    Copy,
    /// It is dropped.
    Drop,
}

/// A field that may be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its value now, where that is known; of several rows that of the first.
    pub value: Option<String>,
    /// Whether it is what was refused.
    pub refused: bool,
    /// What was decided for it, where it has another name now or is dropped.
    pub done: Option<String>,
}

/// What is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A field, out of these or another one.
    Field(Purpose, Vec<Field>),
    /// What the field gets: a value, a key, a name. The value now, where that is known.
    Value(Purpose, String, Option<String>),
    /// A note for the developer.
    Note,
    /// The model's new name.
    Name,
}

/// Something that is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Dialog {
    /// Something is typed.
    Type {
        /// What.
        ask: Ask,
        /// The text so far.
        typed: String,
        /// The place of the chosen field among those that match.
        at: usize,
    },
    /// Decisions wait for a yes.
    Confirm {
        /// The decisions.
        take: Vec<Decision>,
        /// The question.
        question: String,
        /// What follows from a yes.
        meaning: String,
    },
}

impl Dialog {
    /// Begins to ask.
    #[must_use]
    pub const fn ask(ask: Ask) -> Self {
        Self::Type { ask, typed: String::new(), at: 0 }
    }

    /// Returns the fields that match what is typed.
    #[must_use]
    pub fn matching(&self) -> Vec<&Field> {
        match self {
            Self::Type { ask: Ask::Field(_, fields), typed, .. } => {
                let wanted = typed.trim().to_lowercase();
                fields.iter().filter(|field| field.name.to_lowercase().contains(&wanted)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Returns the fields that Enter would take: those that are typed in full, else the chosen one.
    #[must_use]
    pub fn fields(&self) -> Vec<String> {
        let Self::Type { ask: Ask::Field(_, fields), typed, at } = self else { return Vec::new() };
        let named: Vec<String> =
            typed.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
        let is_known = |name: &String| fields.iter().any(|field| field.name == *name);
        let matching = self.matching();
        if !named.is_empty() && (named.len() > 1 || named.iter().all(is_known) || matching.is_empty()) {
            return named;
        }
        matching.get(*at).map(|field| field.name.clone()).into_iter().collect()
    }
}

/// Reads what a person typed as a value; none means that the field is emptied.
#[must_use]
pub fn given(typed: &str) -> Option<Given> {
    let plain = typed.trim();
    let mut letters = plain.chars();
    // Quotes make a text of what would be something else.
    if let (Some(open @ ('\'' | '"')), Some(close)) = (letters.next(), letters.next_back())
        && open == close
    {
        return Some(Given::Text(letters.as_str().to_owned()));
    }
    match plain {
        "" | "None" | "none" | "null" | "NULL" => None,
        "true" | "True" => Some(Given::Bool(true)),
        "false" | "False" => Some(Given::Bool(false)),
        _ => Some(number(plain).unwrap_or_else(|| Given::Text(typed.to_owned()))),
    }
}

/// Reads a number that is written as one: `007` and `1e5` are texts.
fn number(plain: &str) -> Option<Given> {
    if let Ok(number) = plain.parse::<i64>() {
        return (number.to_string() == plain).then_some(Given::Int(number));
    }
    let number = plain.parse::<f64>().ok()?;
    (format!("{number:?}") == plain && number.is_finite()).then_some(Given::Float(number))
}

/// Returns a value as it is written into the dump script, as far as that is known before it is fitted.
#[must_use]
pub fn literal(given: &Given) -> String {
    match given {
        Given::Bool(true) => "True".to_owned(),
        Given::Bool(false) => "False".to_owned(),
        Given::Int(number) => number.to_string(),
        Given::Float(number) => format!("{number:?}"),
        Given::Text(text) => python::text(text),
        Given::When(when) => when.to_string(),
        Given::Texts(texts) => {
            format!("[{}]", texts.iter().map(|text| python::text(text)).collect::<Vec<_>>().join(", "))
        }
    }
}

/// Says what a choice changes: `vat_id := ''`.
#[must_use]
pub fn words(choice: &Choice) -> String {
    let joined = |parts: Vec<String>| parts.join(", ");
    let pairs = |names: &BTreeMap<String, String>, between: &str| {
        joined(names.iter().map(|(one, other)| format!("{one} {between} {other}")).collect())
    };
    match choice {
        Choice::Set(values) => {
            joined(values.iter().map(|(field, given)| format!("{field} := {}", literal(given))).collect())
        }
        Choice::Empty(fields) => joined(fields.iter().map(|field| format!("{field} emptied")).collect()),
        Choice::Point(targets) => pairs(targets, "→"),
        Choice::Copy(names) => joined(names.iter().map(|(new, old)| format!("{old} is called {new}")).collect()),
        Choice::Drop(fields) => joined(fields.iter().map(|field| format!("{field} dropped")).collect()),
        Choice::LeaveOut => "left out".to_owned(),
        Choice::Rename(name) => format!("model is called {name}"),
        Choice::Undecided => "kept undecided".to_owned(),
        Choice::Ask(note) => format!("asked: {note}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_read_as_a_person_means_it() {
        let text = |text: &str| Some(Given::Text(text.to_owned()));
        let cases = [
            ("", None),
            (" None ", None),
            ("true", Some(Given::Bool(true))),
            ("12", Some(Given::Int(12))),
            ("-7", Some(Given::Int(-7))),
            ("007", text("007")),
            ("1.5", Some(Given::Float(1.5))),
            ("1.50", text("1.50")),
            ("nan", text("nan")),
            ("'12'", text("12")),
            ("''", text("")),
            ("'", text("'")),
            ("BE 4534", text("BE 4534")),
        ];
        for (typed, expected) in cases {
            assert_eq!(given(typed), expected, "{typed}");
        }
    }
}
