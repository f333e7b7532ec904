//! Values of decisions as a row file writes them: typed by what the create function does with the field.

use jiff::civil;
use jiff::tz::{Offset, TimeZone};
use toml::value::Datetime;

use super::{Choice, Conversion, Field, Fitting, Given, Scope, Stored, canonical, function_of, python};

impl Fitting<'_> {
    /// Returns what takes a value, and the value.
    pub(super) fn value(&self, field: &str, given: &Given) -> Result<(String, String), String> {
        let place = self.place(field)?;
        let conversion = self.conversion(&place);
        let wrong = |wanted: &str| format!("The field {place} takes {wanted}.");
        let value = match (conversion, given) {
            (Conversion::ParentLink, _) => return Err(wrong("the key of the parent, which cannot be changed")),
            (Conversion::Babel, given) => self.babel(given).ok_or_else(|| wrong("one text for each language"))?,
            (Conversion::Decimal, given) => decimal(given).ok_or_else(|| wrong("a decimal number"))?,
            (Conversion::ContentType, Given::Text(model)) => {
                let found = self.known.script.models.iter().find(|known| known.name == *model);
                found.map(|known| known.variable.clone()).ok_or_else(|| wrong("the name of a model"))?
            }
            (Conversion::ContentType, _) => return Err(wrong("the name of a model")),
            (Conversion::Choice { .. }, Given::Int(number)) => python::text(&number.to_string()),
            (_, Given::Text(key)) if self.pointed_at(field).is_some() => return self.target(field, key),
            (_, Given::Int(key)) if self.pointed_at(field).is_some() => return self.target(field, &key.to_string()),
            (_, given) => plain(given).ok_or_else(|| wrong("another value"))?,
        };
        Ok((place, value))
    }

    pub(super) fn conversion(&self, parameter: &str) -> Conversion {
        self.function.parameter(parameter).map(|parameter| parameter.conversion.clone()).unwrap_or_default()
    }

    /// Returns what takes the value of a field, and what it is when it is empty.
    pub(super) fn emptied(&self, field: &str) -> Result<(String, String), String> {
        let place = self.place(field)?;
        let conversion = self.conversion(&place);
        let is_link = place.ends_with("_id") && self.function.parameter(field).is_none();
        let takes_none = match (&conversion, self.new_field(field)) {
            (Conversion::ParentLink, _) => {
                return Err(format!("The field {place} is the key of the rows; it cannot be empty."));
            }
            (Conversion::Babel | Conversion::Choice { .. }, _) => true,
            (_, Some(new)) if !new.null && !is_text(new) => {
                return Err(format!("The field {place} must have a value in the new version."));
            }
            (_, Some(new)) => new.null,
            // Nothing is known of the new version.
            (conversion, None) => is_link || *conversion != Conversion::Plain,
        };
        let value = if takes_none { "None".to_owned() } else { python::text("") };
        Ok((place, value))
    }

    /// Returns what takes the key that a foreign key points to, and the key.
    pub(super) fn target(&self, field: &str, key: &str) -> Result<(String, String), String> {
        let place = self.place(field)?;
        if self.conversion(&place) == Conversion::ParentLink {
            return Err(format!("The field {place} is the key of the rows; it cannot point elsewhere."));
        }
        let shown = python::harmless(key);
        let Some(model) = self.pointed_at(field) else { return Ok((place, literal(key))) };
        let Some(function) = function_of(self.known.script, model) else { return Ok((place, literal(key))) };
        let is_left_out = self.all.iter().any(|decision| {
            decision.choice == Choice::LeaveOut
                && canonical(&decision.model) == canonical(model)
                && match &decision.rows {
                    Scope::All(_) => true,
                    Scope::These(_) => decision.rows.contains(key),
                }
        });
        if is_left_out {
            return Err(format!("The row {shown} of {model} is left out; nothing can point to it."));
        }
        match (self.known.key)(&function.table, key) {
            Stored::Once(literal) => Ok((place, literal)),
            Stored::Missing => Err(format!("The snapshot has no row {shown} in {}.", function.table)),
            Stored::Several => Err(format!("Several rows of {} have the key {shown}.", function.table)),
        }
    }

    /// Returns the model that a foreign key points to by its primary key, where that is known.
    fn pointed_at(&self, field: &str) -> Option<&str> {
        let before = self.model(self.known.before).and_then(|model| {
            model.fields.iter().find(|known| known.name == field || known.attname == field)?.target.as_deref()
        });
        before.or_else(|| self.new_field(field)?.target.as_deref())
    }

    /// Writes texts in the languages of the site; one alone is for the main language.
    fn babel(&self, given: &Given) -> Option<String> {
        let languages = self.known.script.languages.len().max(1);
        let texts: Vec<String> = match given {
            Given::Text(text) => vec![python::text(text)],
            Given::Texts(texts) if texts.len() <= languages => texts.iter().map(|text| python::text(text)).collect(),
            _ => return None,
        };
        let missing = languages - texts.len();
        let all: Vec<String> = texts.into_iter().chain(std::iter::repeat_n("None".to_owned(), missing)).collect();
        Some(format!("[{}]", all.join(", ")))
    }
}

fn is_text(field: &Field) -> bool {
    let class = field.class.rsplit('.').next().unwrap_or_default();
    let plain = field.db_type.as_deref().unwrap_or_default().to_lowercase();
    (plain.contains("char") || plain.contains("text")) && !class.contains("Foreign") && field.target.is_none()
}

/// Writes a key of which nothing is known: a number where it looks like one.
fn literal(key: &str) -> String {
    match key.parse::<i64>() {
        Ok(number) if number.to_string() == key => key.to_owned(),
        _ => python::text(key),
    }
}

fn decimal(given: &Given) -> Option<String> {
    let text = match given {
        Given::Int(number) => number.to_string(),
        Given::Float(number) if number.is_finite() => number.to_string(),
        Given::Text(text) => text.trim().to_owned(),
        _ => return None,
    };
    let digits = text.strip_prefix('-').unwrap_or(&text);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (are_digits(whole) && are_digits(part)).then(|| python::text(&text))
}

fn plain(given: &Given) -> Option<String> {
    Some(match given {
        Given::Bool(true) => "True".to_owned(),
        Given::Bool(false) => "False".to_owned(),
        Given::Int(number) => number.to_string(),
        Given::Float(number) if number.is_finite() => format!("{number:?}"),
        Given::Float(_) | Given::Texts(_) => return None,
        Given::Text(text) => python::text(text),
        Given::When(when) => moment(when)?,
    })
}

/// Writes a date, a time or a moment, which a dump gives in UTC.
fn moment(when: &Datetime) -> Option<String> {
    let part = |number: u8| i8::try_from(number).ok();
    let date = |date: &toml::value::Date| {
        civil::Date::new(i16::try_from(date.year).ok()?, part(date.month)?, part(date.day)?).ok()
    };
    let time = |time: &toml::value::Time| {
        civil::Time::new(part(time.hour)?, part(time.minute)?, part(time.second.unwrap_or_default())?, 0).ok()
    };
    Some(match (&when.date, &when.time) {
        (Some(day), None) => {
            let day = date(day)?;
            format!("date({},{},{})", day.year(), day.month(), day.day())
        }
        (None, Some(clock)) => {
            let clock = time(clock)?;
            format!("time({},{},{})", clock.hour(), clock.minute(), clock.second())
        }
        (Some(day), Some(clock)) => {
            let local = date(day)?.to_datetime(time(clock)?);
            let utc = match when.offset {
                None | Some(toml::value::Offset::Z) => local,
                Some(toml::value::Offset::Custom { minutes }) => {
                    let offset = Offset::from_seconds(i32::from(minutes) * 60).ok()?;
                    let zoned = local.to_zoned(TimeZone::fixed(offset)).ok()?;
                    zoned.timestamp().to_zoned(TimeZone::UTC).datetime()
                }
            };
            let (day, clock) = (utc.date(), utc.time());
            format!(
                "dt({},{},{},{},{},{})",
                day.year(),
                day.month(),
                day.day(),
                clock.hour(),
                clock.minute(),
                clock.second()
            )
        }
        (None, None) => return None,
    })
}
