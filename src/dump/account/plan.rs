//! How the rows of a table are compared: which values belong together, by the names of the create functions' parameters.

use std::collections::{BTreeMap, BTreeSet};

use super::super::literal;
use super::super::{Conversion, Function, Parameter, Value, parse};
use super::found::{Both, Pick, Reason, Side};
use super::same::Kind;

/// What is known of the site beyond its dumps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The name of the primary key's column, by table. For other tables it is found by its name.
    pub keys: BTreeMap<String, String>,
    /// Columns that Django sets at every save (`auto_now`, `auto_now_add`), by table.
    pub saved: BTreeMap<String, BTreeSet<String>>,
}

/// Columns of Lino's own models that Django sets when a row is saved.
const SAVED: [(&str, &str); 2] = [("notify_androiddevice", "last_seen"), ("users_trusteddevice", "created_at")];
/// Columns that Lino's mixins fill when they are empty (`CachedPrintable.full_clean`).
const FILLED: [&str; 1] = ["build_method"];
/// How the columns are named in which Lino keeps what it computed of a text.
const PREVIEWS: [&str; 2] = ["_short_preview", "_full_preview"];

/// A field that both dumps have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Common {
    pub name: String,
    /// The positions of its value.
    pub at: Both<usize>,
    pub kind: Kind,
    /// Why a change means nothing.
    pub reason: Option<Reason>,
}

/// A value that only one dump has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Own {
    pub name: String,
    pub at: usize,
    /// Which value of the list, when it is that of a language.
    pub language: Option<usize>,
}

/// How the rows of a table are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The table.
    pub table: String,
    /// The position of the primary key in each dump.
    pub(super) key: Both<usize>,
    /// How many values a row has; none when no create function says it.
    pub(super) values: Both<Option<usize>>,
    pub(super) common: Vec<Common>,
    /// What only the first dump has, and what only the second has.
    pub(super) own: Both<Vec<Own>>,
    /// Whether equal text means equal values.
    pub(super) alike: bool,
    /// For each language of both dumps, its position in the lists of each.
    pub(super) languages: Option<Vec<Both<usize>>>,
}

impl Plan {
    /// Plans for a table whose create functions are these. `languages` are those of the two dumps.
    #[must_use]
    pub fn new(table: &str, functions: [Option<&Function>; 2], languages: [&[String]; 2], known: &Known) -> Self {
        // A script that lacks the function, as a hand may leave it, is read with that of the other one.
        let [before, after] = functions;
        let parameters = |mine: Option<&Function>, other: Option<&Function>| -> Vec<Parameter> {
            mine.or(other).map_or_else(Vec::new, |function| function.parameters.to_vec())
        };
        let sides = [parameters(before, after), parameters(after, before)];
        let pk = known.keys.get(table).map(String::as_str);
        let aligned = languages[0] != languages[1];
        let mut plan = Self {
            table: table.to_owned(),
            key: [before.or(after), after.or(before)].map(|function| function.map_or(0, |function| key(function, pk))),
            values: sides.each_ref().map(|side| (!side.is_empty()).then_some(side.len())),
            common: Vec::new(),
            own: [Vec::new(), Vec::new()],
            alike: true,
            languages: None,
        };
        let none = BTreeSet::new();
        let saved = known.saved.get(table).unwrap_or(&none);
        for (at, parameter) in sides[0].iter().enumerate() {
            let name = parameter.name.as_str();
            // The same place first: in a damaged function a name may come twice.
            let same = |other: &Parameter| other.name == parameter.name;
            let there = sides[1].get(at).is_some_and(same).then_some(at);
            let Some(there) = there.or_else(|| sides[1].iter().position(same)) else {
                plan.own[0].push(Own { name: name.to_owned(), at, language: None });
                continue;
            };
            plan.alike &= there == at;
            let kinds = [Some(&parameter.conversion), sides[1].get(there).map(|other| &other.conversion)];
            let kind = kind(kinds);
            if aligned && kind == Kind::Babel {
                plan.alike = false;
                plan.languages_apart(name, [at, there], languages);
            }
            let reason = reason(table, name, saved);
            plan.common.push(Common { name: name.to_owned(), at: [at, there], kind, reason });
        }
        for (at, parameter) in sides[1].iter().enumerate() {
            if !sides[0].iter().any(|other| other.name == parameter.name) {
                plan.own[1].push(Own { name: parameter.name.to_string(), at, language: None });
            }
        }
        plan.alike &= plan.own.iter().all(Vec::is_empty);
        if aligned {
            let pairs = languages[0].iter().enumerate();
            let both = pairs.filter_map(|(at, name)| Some([at, languages[1].iter().position(|other| other == name)?]));
            plan.languages = Some(both.collect());
        }
        plan
    }

    /// Returns the position of the primary key in a row of a dump.
    #[must_use]
    pub fn key(&self, side: Side) -> usize {
        *self.key.of(side)
    }

    fn languages_apart(&mut self, name: &str, at: Both<usize>, languages: [&[String]; 2]) {
        for side in Side::BOTH {
            let (mine, others) = (languages.of(side), languages.of(side.other()));
            for (language, code) in mine.iter().enumerate().filter(|(_, code)| !others.contains(code)) {
                let own = Own { name: format!("{name} ({code})"), at: *at.of(side), language: Some(language) };
                self.own.of_mut(side).push(own);
            }
        }
    }

    /// Splits a row into its values; none when it has another number of them than its create function takes.
    pub(super) fn split<'a>(&self, side: Side, arguments: &'a [u8]) -> Option<Vec<&'a [u8]>> {
        let expected = *self.values.of(side);
        let mut values = Vec::with_capacity(expected.unwrap_or(8) + 1);
        values.extend(literal::arguments(arguments));
        if values.len() > 1 && values.last().is_some_and(|last| last.is_empty()) {
            values.pop();
        }
        expected.is_none_or(|expected| expected == values.len()).then_some(values)
    }
}

/// Finds the primary key: by its name when it is known, else as Django and Lino name it, else the first value that can
/// be one.
fn key(function: &Function, known: Option<&str>) -> usize {
    let possible = |parameter: &Parameter| {
        !matches!(parameter.conversion, Conversion::Babel | Conversion::ContentType | Conversion::Decimal)
    };
    function
        .key(known)
        .or_else(|| function.position("isocode"))
        .or_else(|| function.parameters.iter().position(possible))
        .unwrap_or_default()
}

fn kind(conversions: Both<Option<&Conversion>>) -> Kind {
    if conversions.contains(&Some(&Conversion::Decimal)) {
        Kind::Number
    } else if conversions == [Some(&Conversion::Babel); 2] {
        Kind::Babel
    } else if conversions == [Some(&Conversion::Plain), Some(&Conversion::Babel)] {
        Kind::Translated
    } else {
        Kind::Plain
    }
}

fn reason(table: &str, name: &str, saved: &BTreeSet<String>) -> Option<Reason> {
    if PREVIEWS.iter().any(|end| name.ends_with(end)) {
        Some(Reason::Previews)
    } else if saved.contains(name) || SAVED.contains(&(table, name)) {
        Some(Reason::SaveTimes)
    } else if FILLED.contains(&name) {
        Some(Reason::Defaults)
    } else {
        None
    }
}

impl Own {
    /// Tells whether a row has a value there: neither nothing nor an empty text.
    pub(super) fn has_value(&self, values: &[&[u8]]) -> bool {
        let Some(raw) = values.get(self.at) else { return false };
        if matches!(*raw, b"None" | b"''" | b"\"\"" | b"[]") {
            return false;
        }
        match (raw.first(), self.language) {
            (Some(b'['), language) => match parse(raw) {
                Ok(Value::List(texts)) => match language {
                    Some(language) => texts.get(language).is_some_and(says_something),
                    None => texts.iter().any(says_something),
                },
                _ => true,
            },
            (_, Some(_)) => false,
            (_, None) => true,
        }
    }
}

fn says_something(value: &Value<'_>) -> bool {
    !matches!(value, Value::None) && !matches!(value, Value::Text(text) if text.is_empty())
}

/// Tables whose rows Lino makes itself, or leaves out of its dumps, and why rows of them are missing.
const EXPLAINED: [(&str, &str); 4] = [
    ("checkdata_message", "Lino makes these rows anew whenever checkdata runs."),
    ("checkdata_problem", "Lino makes these rows anew whenever checkdata runs."),
    ("sessions_session", "Sessions are not kept: users sign in again."),
    (
        "memo_mention",
        "Lino finds mentions itself when it saves a text, and not those of rows that are restored later; checkdata --fix finds them.",
    ),
];

/// Says why rows of a table are missing, when that is known. `dumped` tells whether the second dump has the table.
#[must_use]
pub fn explained(table: &str, dumped: bool) -> Option<&'static str> {
    let found = EXPLAINED.iter().find(|(known, _)| *known == table);
    found.filter(|(known, _)| *known == "memo_mention" || !dumped).map(|(_, why)| *why)
}
