//! Messages of Lino, Django and Python in words for an operator, and the fields that they speak of.
//!
//! What is not known stays as it was said: the wording of an application tells its users more than this program could.

use super::failure::Failure;
use super::row::FieldValue;

/// Says in a sentence what a message of this failure means; an unknown message is returned as it is.
#[must_use]
pub fn saying(failure: &Failure, message: &str) -> String {
    let model = failure.model_or_table();
    if message.contains("'UnresolvedModel' object") {
        return if failure.model.is_none() {
            format!("The new version has no model {model}.")
        } else {
            "It belongs to a model that the new version does not have.".to_owned()
        };
    }
    match gone(message) {
        Some(Gone::Translations(field)) => return format!("The field {field} has one text for all languages now."),
        Some(Gone::Fields(fields)) => {
            return match fields.as_slice() {
                [only] => format!("The new version has no field {only}."),
                all => format!("The new version has no fields {}.", all.join(", ")),
            };
        }
        None => {}
    }
    let known = choice(message)
        .or_else(|| made_by_lino(failure, message))
        .or_else(|| constraint(message))
        .or_else(|| missing(message));
    known.or_else(|| forbidden(message)).unwrap_or_else(|| message.to_owned())
}

/// Says what can be decided where the message itself does not tell.
#[must_use]
pub fn remedy(failure: &Failure, message: &str) -> Option<String> {
    if message.contains("'UnresolvedModel' object") {
        return Some("Leave all its rows out, or give the model its new name.".into());
    }
    match gone(message) {
        Some(Gone::Translations(_)) => {
            return Some("To keep the text in the main language, copy the field to itself.".into());
        }
        Some(Gone::Fields(fields)) if fields.len() == 1 => {
            return Some("Copy it to the field that takes its place, or drop it.".into());
        }
        Some(Gone::Fields(_)) => return Some("Copy each to the field that takes its place, or drop it.".into()),
        None => {}
    }
    if let Some(table) = other_table(failure, message) {
        return Some(format!("Leave all rows of {table} out, since Lino makes them again, or ask the developer."));
    }
    if there_already(message).is_some() {
        return Some("Perhaps it is from an earlier restore: remove it where nobody needs it.".into());
    }
    choice(message).map(|_| "Set another one, or empty the field.".into())
}

/// Returns the table of another model in which the number of a row is taken.
fn other_table<'a>(failure: &Failure, message: &'a str) -> Option<&'a str> {
    let table = message.strip_prefix("UNIQUE constraint failed: ")?.strip_suffix(".id")?;
    let own = super::decision::canonical(failure.model_or_table());
    (table != failure.table && table != own).then_some(table)
}

/// Returns the file that the new version makes and cannot, because it is there.
fn there_already(message: &str) -> Option<&str> {
    message.split_once("] File exists: ").map(|(_, path)| path.trim_matches('\''))
}

fn made_by_lino(failure: &Failure, message: &str) -> Option<String> {
    if let Some(table) = other_table(failure, message) {
        return Some(format!(
            "While this row is saved, Lino makes a row of {table} itself, whose number a row of the snapshot has."
        ));
    }
    there_already(message).map(|path| format!("The new version makes {path} itself, but it is there already."))
}

/// What a message says is gone.
pub(super) enum Gone<'a> {
    /// Fields. The columns of their translations are no fields of their own.
    Fields(Vec<&'a str>),
    /// Only the translations of a field.
    Translations(&'a str),
}

/// Returns the fields that are gone, where a message says that.
pub(super) fn gone(message: &str) -> Option<Gone<'_>> {
    let names = unknown_fields(message)?;
    let translates = |name: &str| untranslated(name).is_some_and(|field| names.contains(&field));
    let fields: Vec<&str> = names.iter().copied().filter(|name| !translates(name)).collect();
    let field = fields.first().and_then(|name| untranslated(name));
    match field.filter(|field| fields.iter().all(|name| untranslated(name) == Some(field))) {
        Some(field) => Some(Gone::Translations(field)),
        None => Some(Gone::Fields(fields)),
    }
}

/// Returns the name of a field without a language at its end: `name` of `name_de`.
fn untranslated(name: &str) -> Option<&str> {
    let (field, language) = name.rsplit_once('_')?;
    let is_language = language.len() == 2 && language != "id" && language.bytes().all(|byte| byte.is_ascii_lowercase());
    is_language.then_some(field)
}

/// Returns the fields that the new version does not know, where a message says that.
fn unknown_fields(message: &str) -> Option<Vec<&str>> {
    let rest = ["unexpected keyword argument", "Invalid field name(s)"]
        .iter()
        .find_map(|mark| message.find(mark).and_then(|at| message.get(at..)));
    let fields = if let Some(rest) = rest {
        quoted(rest)
    } else {
        let marks = [" is an invalid keyword argument for ", " are invalid keyword arguments for "];
        let end = marks.iter().find_map(|mark| message.find(mark))?;
        quoted(message.get(..end)?)
    };
    // A field in several languages is named once for each: `name`, `name_de`.
    let is_language = |name: &&str| name.rsplit_once('_').is_some_and(|(base, _)| fields.contains(&base));
    let named: Vec<&str> = fields.iter().copied().filter(|name| !is_language(name)).collect();
    (!named.is_empty()).then_some(named)
}

/// Returns the texts between apostrophes.
fn quoted(text: &str) -> Vec<&str> {
    text.split('\'').skip(1).step_by(2).filter(|part| !part.is_empty()).collect()
}

fn choice(message: &str) -> Option<String> {
    let rest = message.strip_prefix("Unresolved value ")?;
    let (value, rest) = rest.split_once(" (<class ")?;
    let list = rest.split_once(" for ")?.1.split(' ').next()?;
    Some(format!("The new version has no choice {value} in {list}."))
}

/// Returns the columns that a database names with a constraint, without their table.
fn columns(message: &str, mark: &str) -> Option<Vec<String>> {
    let named = message.strip_prefix(mark)?.lines().next()?;
    let columns = named.split(", ").map(|name| name.rsplit('.').next().unwrap_or(name).trim().to_owned());
    Some(columns.collect())
}

fn constraint(message: &str) -> Option<String> {
    if let Some(columns) = columns(message, "UNIQUE constraint failed: ") {
        return Some(format!("Another row has the same {} already.", columns.join(" and ")));
    }
    if let Some(columns) = columns(message, "NOT NULL constraint failed: ") {
        return Some(format!("The field {} must have a value.", columns.join(", ")));
    }
    (message == "FOREIGN KEY constraint failed").then(|| "It points to a row that is not there.".to_owned())
}

fn missing(message: &str) -> Option<String> {
    let model = message.strip_suffix(" matching query does not exist.")?;
    (!model.contains(' ')).then(|| format!("It points to a {model} that is not there."))
}

fn forbidden(message: &str) -> Option<String> {
    let what = message.strip_prefix("lino-upgrade: a simulated dump must not ")?;
    Some(format!("It would {}, which the rehearsal does not allow and a restore does.", what.trim_end_matches('.')))
}

/// How sure it is that a field was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blamed {
    /// The message names it.
    Named,
    /// The message quotes its value, or has a word of its name.
    Likely,
}

/// Returns the fields that were refused, by their names among `fields` where they are there; the surest first.
#[must_use]
pub fn blamed(failure: &Failure, fields: &[FieldValue]) -> Vec<(String, Blamed)> {
    let mut found: Vec<(String, Blamed)> = Vec::new();
    let mut put = |name: &str, how: Blamed| {
        let attribute = format!("{name}_id");
        let same = fields.iter().find(|field| field.name == name || field.name == attribute);
        let name = same.map_or(name, |field| field.name.as_str());
        if !name.is_empty() && found.iter().all(|(known, _)| known != name) {
            found.push((name.to_owned(), how));
        }
    };
    for (field, texts) in &failure.messages {
        put(field, Blamed::Named);
        if !field.is_empty() {
            continue;
        }
        for text in texts {
            unknown_fields(text).into_iter().flatten().for_each(|name| put(name, Blamed::Named));
            let marks = ["UNIQUE constraint failed: ", "NOT NULL constraint failed: "];
            let named = marks.iter().find_map(|mark| columns(text, mark));
            named.into_iter().flatten().for_each(|name| put(&name, Blamed::Named));
        }
    }
    if !found.is_empty() {
        return found;
    }
    let mut found = Vec::new();
    let whole: Vec<&String> = failure.messages.get("").into_iter().flatten().collect();
    let likeness = |field: &FieldValue| whole.iter().map(|text| likeness(field, text)).max().unwrap_or_default();
    let most = fields.iter().map(likeness).max().unwrap_or_default();
    for field in fields.iter().filter(|field| most > 0 && likeness(field) == most) {
        found.push((field.name.clone(), Blamed::Likely));
    }
    found
}

/// Tells how much a message seems to speak of a field: it quotes the value, or has words of the name.
fn likeness(field: &FieldValue, text: &str) -> usize {
    /// More than any name has words.
    const QUOTED: usize = 100;
    let Some(value) = field.value.as_deref().filter(|value| !value.is_empty()) else { return 0 };
    // A short value is quoted by chance too easily.
    if value.len() > 1 && quoted(text).contains(&value) {
        // Of several such fields it is the one after which the list of choices is called.
        let bare = field.name.replace('_', "").to_lowercase();
        return QUOTED + usize::from(bare.len() > 2 && text.to_lowercase().contains(&bare));
    }
    let words: Vec<String> = text
        .split(|letter: char| !letter.is_alphanumeric())
        .map(str::to_lowercase)
        .filter(|word| !word.is_empty())
        .collect();
    let mut parts = field.name.split('_').filter(|part| !part.is_empty());
    let Some(first) = parts.next().filter(|first| first.len() > 2) else { return 0 };
    // The first part stands in the message as it is; `id` may be the beginning of `identification`.
    let begins = |part: &&str| words.iter().any(|word| word.starts_with(&part.to_lowercase()));
    if words.iter().any(|word| word.eq_ignore_ascii_case(first)) { 1 + parts.filter(begins).count() } else { 0 }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::failure::Phase;
    use super::*;

    fn failure(model: Option<&str>, field: &str, text: &str) -> Failure {
        Failure {
            model: model.map(str::to_owned),
            table: "cal_event".into(),
            key: "1".into(),
            file: "x.py".into(),
            line: 1,
            phase: Phase::Save,
            exception: "TypeError".into(),
            messages: BTreeMap::from([(field.to_owned(), vec![text.to_owned()])]),
            object: None,
            points: Vec::new(),
            traceback: None,
            forbidden: false,
        }
    }

    #[test]
    fn what_can_be_decided_is_said_where_the_message_does_not() {
        let cases = [
            (
                "T() got unexpected keyword arguments: 'a', 'b'",
                Some("Copy each to the field that takes its place, or drop it."),
            ),
            (
                "T() got an unexpected keyword argument 'a'",
                Some("Copy it to the field that takes its place, or drop it."),
            ),
            (
                "T() got unexpected keyword arguments: 'name', 'name_de', 'name_fr'",
                Some("Copy it to the field that takes its place, or drop it."),
            ),
            (
                "T() got unexpected keyword arguments: 'name_de', 'name_fr'",
                Some("To keep the text in the main language, copy the field to itself."),
            ),
            (
                "'UnresolvedModel' object has no attribute '_meta'",
                Some("Leave all its rows out, or give the model its new name."),
            ),
            (
                "Unresolved value '10' (<class 'str'>) for products.DeliveryUnits (set Site.strict to False)",
                Some("Set another one, or empty the field."),
            ),
            (
                "UNIQUE constraint failed: memo_mention.id",
                Some("Leave all rows of memo_mention out, since Lino makes them again, or ask the developer."),
            ),
            (
                "[Errno 17] File exists: '/site/media/volumes/inbox'",
                Some("Perhaps it is from an earlier restore: remove it where nobody needs it."),
            ),
            ("VAT identification number is greater than 19999999", None),
        ];
        for (message, expected) in cases {
            assert_eq!(remedy(&failure(None, "", message), message).as_deref(), expected, "{message}");
        }
    }

    #[test]
    fn what_real_versions_say_is_told_in_words_for_an_operator() {
        let cases = [
            ("'UnresolvedModel' object is not callable", "The new version has no model cal_event."),
            ("'UnresolvedModel' object has no attribute '_meta'", "The new version has no model cal_event."),
            ("Partner() got unexpected keyword arguments: 'email'", "The new version has no field email."),
            ("create_x() got an unexpected keyword argument 'email'", "The new version has no field email."),
            ("T() got unexpected keyword arguments: 'a', 'b'", "The new version has no fields a, b."),
            ("T() got unexpected keyword arguments: 'name', 'name_de'", "The new version has no field name."),
            ("T() got unexpected keyword arguments: 'name_de'", "The field name has one text for all languages now."),
            ("T() got unexpected keyword arguments: 'a', 'a_de', 'a_fr'", "The new version has no field a."),
            ("Invalid field name(s) for model Partner: 'email'.", "The new version has no field email."),
            ("'email' is an invalid keyword argument for Partner", "The new version has no field email."),
            (
                "Unresolved value '20' (<class 'str'>) for shop.States (set Site.strict_choicelist_values to False to \
                 ignore this)",
                "The new version has no choice '20' in shop.States.",
            ),
            ("UNIQUE constraint failed: a_b.ref, a_b.c", "Another row has the same ref and c already."),
            ("UNIQUE constraint failed: cal_event.id", "Another row has the same id already."),
            (
                "UNIQUE constraint failed: memo_mention.id",
                "While this row is saved, Lino makes a row of memo_mention itself, whose number a row of the snapshot has.",
            ),
            (
                "[Errno 17] File exists: '/site/media/volumes/inbox'",
                "The new version makes /site/media/volumes/inbox itself, but it is there already.",
            ),
            ("NOT NULL constraint failed: notify_message.user_id", "The field user_id must have a value."),
            ("FOREIGN KEY constraint failed", "It points to a row that is not there."),
            ("Company matching query does not exist.", "It points to a Company that is not there."),
            (
                "lino-upgrade: a simulated dump must not touch /srv/x",
                "It would touch /srv/x, which the rehearsal does not allow and a restore does.",
            ),
            ("This field cannot be blank.", "This field cannot be blank."),
            ("unexpected", "unexpected"),
        ];
        for (message, expected) in cases {
            assert_eq!(saying(&failure(None, "", message), message), expected);
        }
        let known = failure(Some("a.B"), "", "");
        let expected = "It belongs to a model that the new version does not have.";
        assert_eq!(saying(&known, "'UnresolvedModel' object has no attribute '_meta'"), expected);
    }

    type Found<'a> = &'a [(&'a str, Blamed)];

    #[test]
    fn refused_fields_are_found_by_name_value_or_word() {
        let field = |name: &str, value: &str| FieldValue {
            name: name.into(),
            value: Some(value.into()),
            ..FieldValue::default()
        };
        let fields = [
            field("id", "1"),
            field("partner_id", "104"),
            field("vat_regime", "10"),
            field("vat_id", "BE 1"),
            field("procedure", "x_y"),
            field("delivery_unit", "10"),
        ];
        let cases: [(&str, &str, Found<'_>); 7] = [
            (
                "",
                "Unresolved value '10' (<class 'str'>) for products.DeliveryUnits",
                &[("delivery_unit", Blamed::Likely)],
            ),
            ("partner", "is no choice.", &[("partner_id", Blamed::Named)]),
            ("", "VAT identification number is greater than 1", &[("vat_id", Blamed::Likely)]),
            ("", "Unresolved value 'x_y' (<class 'str'>)", &[("procedure", Blamed::Likely)]),
            ("", "T() got unexpected keyword arguments: 'a', 'b'", &[("a", Blamed::Named), ("b", Blamed::Named)]),
            ("", "NOT NULL constraint failed: t.partner_id", &[("partner_id", Blamed::Named)]),
            ("", "Something else.", &[]),
        ];
        for (name, text, expected) in cases {
            let found = blamed(&failure(None, name, text), &fields);
            let found: Vec<(&str, Blamed)> = found.iter().map(|(name, how)| (name.as_str(), *how)).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
