//! Which values a type of column or a class of field takes, as far as that can be told exactly.
//!
//! It follows `Field.clean()` of Django 3 to 5. Whatever leaves room for doubt is a doubt.

use super::super::column_type::ColumnType;
use super::number::Number;
use super::test::{Answer, letters, number};
use crate::dump::Value;

/// A type of column or a class of field.
#[derive(Debug, PartialEq, Eq)]
pub enum Fits {
    /// A whole number in this range.
    Integer(i128, i128),
    /// A number.
    Float,
    /// A decimal number with so many digits and places.
    Decimal(Option<(u64, u64)>),
    /// True or false.
    Bool,
    /// A day.
    Date,
    /// A moment.
    DateTime,
    /// A time of the day.
    Time,
    /// A universally unique number.
    Uuid,
    /// Any text of so many letters.
    Text(Option<u64>),
    /// An address for e-mail.
    Email,
    /// An address in the web.
    Url,
    /// A text of letters, digits, hyphens and underscores.
    Slug,
    /// Nobody knows.
    Unknown,
}

const BY_REHEARSAL: &str = "with values that only a rehearsal can judge";

impl Fits {
    /// Reads a type of column, or a class of field.
    pub fn read(kind: &str, engine: &str) -> Self {
        match kind {
            "EmailField" => return Self::Email,
            "URLField" => return Self::Url,
            "SlugField" => return Self::Slug,
            "UUIDField" => return Self::Uuid,
            "PositiveBigIntegerField" | "PositiveIntegerField" | "PositiveSmallIntegerField" => {
                return Self::Integer(0, i128::MAX);
            }
            _ => {}
        }
        let kind = ColumnType::read(kind, None);
        let numbers = kind.arguments.as_slice();
        match (kind.name.as_str(), numbers) {
            ("bool", _) => Self::Bool,
            ("date", _) => Self::Date,
            ("datetime" | "timestamp" | "timestamp with time zone", _) => Self::DateTime,
            ("time", _) => Self::Time,
            ("double precision" | "real", _) => Self::Float,
            ("numeric", [digits, places]) => Self::Decimal(Some((*digits, *places))),
            ("numeric", _) => Self::Decimal(None),
            ("uuid", _) | ("char", [32]) => Self::Uuid,
            ("varchar", [length]) => Self::Text(Some(*length)),
            ("varchar" | "text" | "longtext", _) => Self::Text(None),
            (name, _) => Self::integer(name, engine).unwrap_or(Self::Unknown),
        }
    }

    fn integer(name: &str, engine: &str) -> Option<Self> {
        let (size, unsigned) = name.strip_suffix(" unsigned").map_or((name, false), |size| (size, true));
        let bits = match size {
            "smallint" => 15,
            "integer" => 31,
            "bigint" => 63,
            _ => return None,
        };
        // SQLite keeps every number of 64 bits in any of them; MariaDB has one bit more for those without sign.
        let bits = match (engine, unsigned) {
            ("sqlite", _) => 63,
            ("mysql", true) => bits + 1,
            _ => bits,
        };
        let limit = 1_i128 << bits;
        Some(Self::Integer(if unsigned { 0 } else { -limit }, limit - 1))
    }

    /// Tells whether the field would refuse a value; `decimal` when the create function makes a number of it.
    pub fn refuses(&self, value: &Value<'_>, decimal: bool) -> Answer {
        if matches!(value, Value::None) {
            return Answer::No;
        }
        if matches!(value, Value::Text(text) if text.is_empty()) {
            let text = matches!(self, Self::Text(_) | Self::Email | Self::Url | Self::Slug | Self::Unknown);
            return (!text).into();
        }
        match self {
            Self::Integer(least, most) => integer(value, *least, *most, decimal),
            Self::Float => match value {
                Value::Int(_) | Value::Float(_) | Value::Bool(_) => Answer::No,
                Value::Text(text) if Number::read(text).is_some() => Answer::No,
                Value::Text(text) if text.chars().any(char::is_numeric) => Answer::Doubt(BY_REHEARSAL),
                Value::Text(text) => (!is_special(text)).into(),
                _ => Answer::Yes,
            },
            Self::Decimal(size) => match (number(value), size, value) {
                (Some(number), Some((digits, places)), _) => (!number.has_at_most(*digits, *places)).into(),
                (Some(_), None, _) | (None, _, Value::Float(_)) => Answer::Doubt(BY_REHEARSAL),
                (None, _, Value::Text(text)) if text.chars().any(|c| c == '_' || (c.is_numeric() && !c.is_ascii())) => {
                    Answer::Doubt(BY_REHEARSAL)
                }
                (None, ..) => Answer::Yes,
            },
            Self::Bool => match value {
                Value::Bool(_) | Value::Int(0 | 1) => Answer::No,
                Value::Text(text) => {
                    (!["t", "True", "1", "f", "False", "0"].contains(&&**text) || decimal && text.contains('.')).into()
                }
                _ => Answer::Yes,
            },
            Self::Date | Self::DateTime | Self::Time => self.moment(value),
            Self::Uuid => match value {
                Value::Text(text) => (!is_uuid(text)).into(),
                Value::Int(number) => (*number < 0).into(),
                _ => Answer::Yes,
            },
            Self::Text(None) => Answer::No,
            Self::Text(Some(length)) => match (letters(value), value) {
                (Some(letters), _) => (letters as u64 > *length).into(),
                (None, Value::Call { function: "date", .. }) => (*length < 10).into(),
                (None, Value::Call { .. }) if *length >= 32 => Answer::No,
                _ => Answer::Doubt(BY_REHEARSAL),
            },
            Self::Email | Self::Url | Self::Slug => match value {
                Value::Text(text) => match self {
                    Self::Email => email(text),
                    Self::Url => url(text),
                    _ => (!text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))).into(),
                },
                _ => Answer::Doubt(BY_REHEARSAL),
            },
            Self::Unknown => Answer::Doubt(BY_REHEARSAL),
        }
    }

    fn moment(&self, value: &Value<'_>) -> Answer {
        match (self, value) {
            (_, Value::Call { function: "dt", .. })
            | (Self::Date | Self::DateTime, Value::Call { function: "date", .. })
            | (Self::Time, Value::Call { function: "time", .. }) => Answer::No,
            (Self::Date | Self::DateTime, Value::Text(text)) if is_day(text) => Answer::No,
            // Python 3.11 reads more forms than Python 3.10.
            (_, Value::Text(text)) if text.bytes().filter(u8::is_ascii_digit).count() >= 4 => {
                Answer::Doubt(BY_REHEARSAL)
            }
            (Self::Time, Value::Text(text)) if text.bytes().any(|byte| byte.is_ascii_digit()) => {
                Answer::Doubt(BY_REHEARSAL)
            }
            _ => Answer::Yes,
        }
    }
}

fn integer(value: &Value<'_>, least: i128, most: i128, decimal: bool) -> Answer {
    let whole = match value {
        Value::Int(number) => Some(i128::from(*number)),
        Value::Bool(yes) => Some(i128::from(*yes)),
        Value::Text(text) if decimal => Number::read(text).and_then(|number| number.whole()),
        Value::Text(text) => {
            let plain = text.trim();
            if plain.bytes().any(|byte| byte == b'_') || !plain.is_ascii() {
                return Answer::Doubt(BY_REHEARSAL);
            }
            plain.parse().ok()
        }
        Value::Large(text) if text.parse::<i128>().is_ok() => text.parse().ok(),
        _ => None,
    };
    whole.is_none_or(|number| number < least || number > most).into()
}

fn is_special(text: &str) -> bool {
    let bare = text.trim().trim_start_matches(['-', '+']).to_ascii_lowercase();
    ["nan", "inf", "infinity"].contains(&bare.as_str())
}

/// Tells whether a text is a day as every Django reads it: `2024-2-29`.
fn is_day(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return false };
    let digits = |text: &str, most: usize| text.len() <= most && text.bytes().all(|byte| byte.is_ascii_digit());
    if year.len() != 4 || !digits(year, 4) || !digits(month, 2) || !digits(day, 2) {
        return false;
    }
    let (Ok(year), Ok(month), Ok(day)) = (year.parse::<u32>(), month.parse::<u32>(), day.parse::<u32>()) else {
        return false;
    };
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let last = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    year > 0 && (1..=last).contains(&day)
}

fn is_uuid(text: &str) -> bool {
    let text = text.replace("urn:", "").replace("uuid:", "");
    let digits = text.trim_matches(['{', '}']).replace('-', "");
    digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Follows `EmailValidator`; quoted users, addresses in brackets and names beyond ASCII are left to a rehearsal.
fn email(text: &str) -> Answer {
    let Some((user, domain)) = text.rsplit_once('@') else { return Answer::Yes };
    if text.chars().count() > 320 || text.starts_with('"') || domain.starts_with('[') || !domain.is_ascii() {
        return Answer::Doubt(BY_REHEARSAL);
    }
    let atom = |atom: &str| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-!#$%&'*+/=?^_`{}|~".contains(&byte);
        !atom.is_empty() && atom.bytes().all(known)
    };
    (!(user.split('.').all(atom) && (domain.eq_ignore_ascii_case("localhost") || is_domain(domain)))).into()
}

fn is_domain(domain: &str) -> bool {
    let labels: Vec<&str> = domain.split('.').collect();
    let label = |label: &str| {
        let known = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        (1..=63).contains(&label.len()) && known && !label.ends_with('-')
    };
    let Some((last, others)) = labels.split_last() else { return false };
    !others.is_empty()
        && others.iter().all(|text| label(text) && !text.starts_with('-'))
        && label(last)
        && last.len() >= 2
}

/// Follows `URLValidator` where it is plain.
fn url(text: &str) -> Answer {
    let Some((scheme, rest)) = text.split_once("://") else { return Answer::Yes };
    if !["http", "https", "ftp", "ftps"].contains(&scheme.to_ascii_lowercase().as_str()) {
        return Answer::Yes;
    }
    if text.chars().any(char::is_whitespace) {
        return Answer::Yes;
    }
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (name, port) = host.split_once(':').unwrap_or((host, "80"));
    let harmless = (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
    let letters = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_alphabetic()));
    let plain = text.len() < 2000 && harmless && letters && (is_domain(name) || name == "localhost");
    if plain { Answer::No } else { Answer::Doubt(BY_REHEARSAL) }
}
