//! What an exception says, from the text that Python makes of it: messages by field, and the row's own name apart.

use std::collections::BTreeMap;

use crate::dump::{Value, parse};

/// The class that refuses what a row says.
pub const VALIDATION: &str = "django.core.exceptions.ValidationError";
/// Under this name Django keeps what is said of the whole row.
const WHOLE_ROW: &str = "__all__";

/// A message taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// The messages by field; under an empty name what is said of the whole row.
    pub messages: BTreeMap<String, Vec<String>>,
    /// How the row calls itself, where the message tells.
    pub object: Option<String>,
    /// Whether only a validation has such a text.
    pub validation: bool,
}

/// Characters of a text that are kept; a rehearsal keeps as many.
const LONGEST: usize = 2_000;

impl Said {
    /// Reads the text of an exception, for example `{'name': ['Too long.']}`, or `["Miller : {'name': ['Too long.']}"]`
    /// as Lino writes it since 2026.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let plain = || Self { messages: BTreeMap::from([(String::new(), vec![text.to_owned()])]), ..Self::default() };
        match parse(text.as_bytes()) {
            Ok(Value::Dict(pairs)) => by_field(&pairs).map_or_else(plain, |messages| Self::validation(messages, None)),
            Ok(Value::List(values)) => match texts(&values) {
                Some(texts) => match &texts[..] {
                    [only] => named(only).unwrap_or_else(|| Self::of_row(texts)),
                    _ => Self::of_row(texts),
                },
                None => plain(),
            },
            _ => plain(),
        }
    }

    /// Cuts texts that are too long for anybody to read: values of a row may be in them.
    #[must_use]
    pub fn shortened(mut self) -> Self {
        self.messages.values_mut().flatten().chain(&mut self.object).for_each(|text| {
            if let Some((end, _)) = text.char_indices().nth(LONGEST) {
                text.truncate(end);
                text.push('…');
            }
        });
        self
    }

    const fn validation(messages: BTreeMap<String, Vec<String>>, object: Option<String>) -> Self {
        Self { messages, object, validation: true }
    }

    fn of_row(texts: Vec<String>) -> Self {
        Self::validation(BTreeMap::from([(String::new(), texts)]), None)
    }
}

/// Reads `Miller : {'name': ['Too long.']}`. The name may be any text, so every place is tried where it may end.
fn named(text: &str) -> Option<Said> {
    /// Nobody calls a row by so many of these marks.
    const MOST: usize = 50;
    let places = text.match_indices(" : ").take(MOST);
    places.into_iter().find_map(|(at, mark)| {
        let (object, inner) = (text.get(..at)?, text.get(at + mark.len()..)?);
        let messages = match parse(inner.as_bytes()).ok()? {
            Value::Dict(pairs) => by_field(&pairs)?,
            Value::List(values) => BTreeMap::from([(String::new(), texts(&values)?)]),
            _ => return None,
        };
        Some(Said::validation(messages, Some(object.to_owned())))
    })
}

fn by_field(pairs: &[(Value<'_>, Value<'_>)]) -> Option<BTreeMap<String, Vec<String>>> {
    let one = |(name, said): &(Value<'_>, Value<'_>)| {
        let Value::Text(name) = name else { return None };
        let Value::List(values) = said else { return None };
        let name = if name == WHOLE_ROW { String::new() } else { name.clone().into_owned() };
        Some((name, texts(values)?))
    };
    pairs.iter().map(one).collect()
}

fn texts(values: &[Value<'_>]) -> Option<Vec<String>> {
    let text = |value: &Value<'_>| match value {
        Value::Text(text) => Some(text.clone().into_owned()),
        _ => None,
    };
    values.iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(field: &str, text: &str) -> BTreeMap<String, Vec<String>> {
        BTreeMap::from([(field.to_owned(), vec![text.to_owned()])])
    }

    #[test]
    fn messages_of_all_releases_are_taken_apart() {
        let cases = [
            (r"{'name': ['Too long.']}", one("name", "Too long."), None, true),
            (r#"{'__all__': ["It's odd."]}"#, one("", "It's odd."), None, true),
            (r#"["Miller : {'name': ['Too long.']}"]"#, one("name", "Too long."), Some("Miller"), true),
            (r#"['O\'Neill : {\'c\': ["\'CI\' is none."]}']"#, one("c", "'CI' is none."), Some("O'Neill"), true),
            (r#"["a : {'b : ['Invalid «a : 1»']"]"#, one("", "Invalid «a : 1»"), Some("a : {'b"), true),
            (r"['Not so : no.']", one("", "Not so : no."), None, true),
            ("FOREIGN KEY constraint failed", one("", "FOREIGN KEY constraint failed"), None, false),
            ("{'broken': ['off", one("", "{'broken': ['off"), None, false),
            ("", one("", ""), None, false),
        ];
        for (text, messages, object, validation) in cases {
            let expected = Said { messages, object: object.map(str::to_owned), validation };
            assert_eq!(Said::read(text), expected, "{text}");
        }
    }
}
