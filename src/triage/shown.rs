//! Values of a row as a person reads them, and what a row is called.

use super::row::FieldValue;
use crate::dump::{Argument, Conversion, Function, Parameter, Script, Value, literal, parse};

/// Names of fields that say how a row is called, the best first; those that stand together are joined.
const NAMES: [&[&str]; 6] =
    [&["name"], &["designation"], &["first_name", "last_name"], &["title"], &["ref"], &["username"]];
/// Characters of such a name that are kept.
const LONGEST: usize = 200;

/// Reads the fields of a row: the arguments of its create function, without parentheses. Of the last one there may be
/// the beginning only.
#[must_use]
pub fn fields(script: &Script, function: &Function, arguments: &[u8]) -> Vec<FieldValue> {
    let named = function.parameters.iter().zip(raw(arguments));
    named.map(|(parameter, raw)| field(script, parameter, raw)).collect()
}

/// Splits arguments; the last one, when it is broken off, is what there is of it.
fn raw(arguments: &[u8]) -> Vec<&[u8]> {
    let mut found: Vec<&[u8]> = literal::arguments(arguments).collect();
    let begin = arguments.as_ptr().addr();
    let behind = found.last().map_or(0, |last| last.as_ptr().addr() + last.len() - begin);
    let rest = arguments.get(behind..).unwrap_or_default().trim_ascii_start();
    let rest = if found.is_empty() { Some(rest) } else { rest.strip_prefix(b",") };
    // A row that ends with a comma is written by a hand.
    found.extend(rest.map(<[u8]>::trim_ascii).filter(|rest| !rest.is_empty()));
    found.pop_if(|last| last.is_empty());
    found
}

fn field(script: &Script, parameter: &Parameter, raw: &[u8]) -> FieldValue {
    let name = parameter.name.to_string();
    if parameter.conversion == Conversion::Babel
        && let Ok(Value::List(values)) = parse(raw)
    {
        let given = values.iter().map(|value| text_of(script, value, raw));
        let languages: Vec<_> = script.languages.iter().cloned().zip(given).collect();
        let value = languages.iter().find_map(|(_, value)| value.clone().filter(|value| !value.is_empty()));
        return FieldValue { name, value, languages, ..FieldValue::default() };
    }
    FieldValue { name, value: text(script, raw), ..FieldValue::default() }
}

/// Returns a value as a person reads it; none for `None`.
#[must_use]
pub fn text(script: &Script, raw: &[u8]) -> Option<String> {
    match parse(raw) {
        Ok(value) => text_of(script, &value, raw),
        Err(_) => Some(broken_off(raw)),
    }
}

/// Returns what there is of a text without end, and anything else as it is written.
fn broken_off(raw: &[u8]) -> String {
    /// No escape is longer.
    const TRIES: usize = 12;
    let lossy = String::from_utf8_lossy(raw);
    let Some(quote) = raw.first().copied().filter(|byte| matches!(byte, b'\'' | b'"')) else {
        return lossy.into_owned();
    };
    // The beginning of an escape, or of a letter, is left out.
    for less in 0..TRIES.min(raw.len()) {
        let closed = [raw.get(..raw.len() - less).unwrap_or_default(), &[quote]].concat();
        if let Ok(Value::Text(text)) = parse(&closed) {
            return text.into_owned();
        }
    }
    lossy.into_owned()
}

fn text_of(script: &Script, value: &Value<'_>, raw: &[u8]) -> Option<String> {
    let as_written = || String::from_utf8_lossy(raw).into_owned();
    Some(match value {
        Value::None => return None,
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::Large(number) => number.clone().into_owned(),
        Value::Text(text) => text.clone().into_owned(),
        Value::Surrogates(points) => {
            points.iter().map(|point| char::from_u32(*point).unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        Value::Name(name) => script.model_in(name).unwrap_or(name).to_owned(),
        Value::Call { function, arguments } => called(function, arguments).unwrap_or_else(as_written),
        Value::Float(_)
        | Value::Named(_)
        | Value::Bytes(_)
        | Value::List(_)
        | Value::Tuple(_)
        | Value::Set(_)
        | Value::Dict(_) => as_written(),
    })
}

/// Returns times, dates and decimal numbers as they are usually written.
fn called(function: &str, arguments: &[Argument<'_>]) -> Option<String> {
    let name = function.rsplit('.').next().unwrap_or_default();
    let numbers: Option<Vec<i64>> = arguments
        .iter()
        .map(|argument| match (&argument.value, argument.name) {
            (Value::Int(number), None) => Some(*number),
            _ => None,
        })
        .collect();
    match (name, numbers.as_deref(), arguments) {
        ("date", Some([year, month, day]), _) => Some(format!("{year:04}-{month:02}-{day:02}")),
        ("time", Some([hour, minute, second]), _) => Some(format!("{hour:02}:{minute:02}:{second:02}")),
        ("dt" | "datetime", Some([year, month, day, hour, minute, second]), _) => {
            Some(format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"))
        }
        ("Decimal", _, [Argument { name: None, value: Value::Text(text) }]) => Some(text.clone().into_owned()),
        _ => None,
    }
}

/// Returns how a row is called, as well as its fields can tell; `links` are the places of its foreign keys.
#[must_use]
pub fn called_by(script: &Script, function: &Function, arguments: &[u8], links: &[usize]) -> Option<String> {
    let all = raw(arguments);
    let get = |place: usize| {
        let (parameter, raw) = (function.parameters.get(place)?, all.get(place)?);
        field(script, parameter, raw).value.filter(|text| !text.trim().is_empty())
    };
    let named = |name: &str| function.position(name).and_then(get);
    let known = NAMES.iter().find_map(|names| {
        let found: Vec<String> = names.iter().filter_map(|name| named(name)).collect();
        (!found.is_empty()).then(|| found.join(" "))
    });
    let any = || {
        let texts = all.iter().enumerate().filter(|(_, raw)| matches!(raw.first(), Some(b'\'' | b'"' | b'[')));
        texts.filter(|(place, _)| *place > 0 && !links.contains(place)).find_map(|(place, raw)| {
            let babel = function.parameters.get(place).is_some_and(|it| it.conversion == Conversion::Babel);
            // A list that is no babel field, and a number that is written as a text, call nothing by name.
            let number = raw.iter().all(|byte| byte.is_ascii_digit() || b"'\".-".contains(byte));
            if raw.first() == Some(&b'[') && !babel || number { None } else { get(place) }
        })
    };
    let name = known.or_else(any)?;
    Some(match name.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", name.get(..end).unwrap_or_default()),
        None => name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "SOURCE_VERSION = '1'\na_Place = resolve_model(\"a.Place\")\ndef bv2kw(fieldname, values):\n    \
        return settings.SITE.babelkw(fieldname, en=values[0],de=values[1])\n\
        def create_a_place(id, name, text, ref, type_id):\n    kw = dict()\n    kw.update(id=id)\n    if name is not \
        None: kw.update(bv2kw('name',name))\n    kw.update(text=text)\n    kw.update(ref=ref)\n    \
        kw.update(type_id=type_id)\n    return a_Place(**kw)\n";

    fn value(raw: &str) -> Option<String> {
        text(&Script::read(SCRIPT), raw.as_bytes())
    }

    #[test]
    fn values_are_shown_as_people_write_them() {
        let cases = [
            ("None", None),
            ("True", Some("True")),
            ("-7", Some("-7")),
            ("123456789012345678901", Some("123456789012345678901")),
            (r"'it\'s\n\xe9'", Some("it's\né")),
            (r"'\ud83d'", Some("\u{fffd}")),
            ("a_Place", Some("a.Place")),
            ("b_Gone", Some("b_Gone")),
            ("date(2024,2,9)", Some("2024-02-09")),
            ("dt(2024,2,9,1,2,3)", Some("2024-02-09 01:02:03")),
            ("time(7,5,0)", Some("07:05:00")),
            ("Decimal('1.50')", Some("1.50")),
            ("f(1)", Some("f(1)")),
            ("1.50", Some("1.50")),
            ("['a', 1]", Some("['a', 1]")),
            ("{1: 2}", Some("{1: 2}")),
            ("1 + 1", Some("1 + 1")),
        ];
        let found: Vec<_> = cases.iter().map(|(raw, _)| (*raw, value(raw))).collect();
        let expected: Vec<_> = cases.iter().map(|(raw, text)| (*raw, text.map(str::to_owned))).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_row_has_its_fields_by_name_and_babel_values_by_language() {
        let script = Script::read(SCRIPT);
        let function = script.function("a_place").unwrap();
        let found = fields(&script, function, "1,['','Küche'],'a, b',None,\n 3,".as_bytes());
        let plain = |name: &str, value: Option<&str>| FieldValue {
            name: name.into(),
            value: value.map(Into::into),
            ..FieldValue::default()
        };
        let babel = FieldValue {
            languages: vec![("en".into(), Some(String::new())), ("de".into(), Some("Küche".into()))],
            ..plain("name", Some("Küche"))
        };
        let expected = [
            plain("id", Some("1")),
            babel,
            plain("text", Some("a, b")),
            plain("ref", None),
            plain("type_id", Some("3")),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn of_a_row_that_is_broken_off_the_last_value_is_what_there_is() {
        let script = Script::read(SCRIPT);
        let function = script.function("a_place").unwrap();
        let last = |arguments: &[u8]| fields(&script, function, arguments).pop().map(|it| (it.name, it.value));
        let told = |name: &str, value: &str| Some((name.to_owned(), Some(value.to_owned())));
        assert_eq!(last(br"1,None,'a\xe"), told("text", "a"));
        assert_eq!(last("1,None,'é".as_bytes()), told("text", "é"));
        assert_eq!(last(&"1,None,'é".as_bytes()[.."1,None,'é".len() - 1]), told("text", ""));
        assert_eq!(last(b"1,['a',"), told("name", "['a',"));
        assert_eq!(last(b"'x"), told("id", "x"));
        assert_eq!(last(b""), None);
    }

    #[test]
    fn a_row_is_called_by_the_field_that_tells_most() {
        let script = Script::read(SCRIPT);
        let function = script.function("a_place").unwrap();
        let called = |row: &str, links: &[usize]| called_by(&script, function, row.as_bytes(), links);
        assert_eq!(called("1,['Shed','Hütte'],'text','R',None", &[]).as_deref(), Some("Shed"));
        assert_eq!(called("1,['',None],'text','R',None", &[]).as_deref(), Some("R"));
        assert_eq!(called("1,None,'text','',None", &[]).as_deref(), Some("text"));
        assert_eq!(called("1,None,'12.50','','X'", &[4]), None);
        let long = called(&format!("1,None,None,'{}',None", "é".repeat(300)), &[]).unwrap();
        assert_eq!(long, format!("{}…", "é".repeat(200)));
    }
}
