//! Looks a row of the snapshot up for the screen, away from the loop, so that no disk ever holds up a key. It decides
//! nothing.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::state::RowPlace;
use crate::dump::{Conversion, Function, Row, Rows, Script, Value};
use crate::snapshot::index::Index;
use crate::triage::{FieldValue, RowDetail};

/// Bytes of a dump script that are read at most.
const LARGEST: u64 = 64 << 20;
/// Bytes of a line from which on something of it may be missing: `fetch` keeps no more.
const LONGEST: usize = 1 << 20;
/// Characters of a value that are kept.
const SHOWN: usize = 20_000;

/// Looks a row up. None when the snapshot has no such row in that place.
///
/// # Errors
/// A sentence that says what cannot be read and why.
pub fn read(place: &RowPlace) -> Result<Option<RowDetail>, String> {
    let script = Path::new(&place.script);
    let dump = Script::read(&text(script)?);
    let written = Index::open(script, None)
        .and_then(|index| index.written(&place.file, place.line))
        .map_err(|error| format!("The row file {} cannot be read: {error}.", place.file))?;
    let Some(line) = written.map(|written| written.bytes) else { return Ok(None) };
    let Some(row) = Rows::new(&line).find(|row: &Row<'_>| row.table == place.table.as_bytes()) else { return Ok(None) };
    let Some(function) = dump.function(&place.table) else { return Ok(None) };
    let name = function.model.as_deref();
    let model = dump.models.iter().find(|model| Some(model.variable.as_str()) == name);
    let cut = line.len() >= LONGEST;
    let fields = if cut { beginning(&line, function) } else { fields(&dump, function, row) };
    Ok(Some(RowDetail {
        table: place.table.clone(),
        model: model.map(|model| model.name.clone()),
        key: place.key.clone(),
        file: place.file.clone(),
        line: place.line,
        fields,
        pointed_at: Vec::new(),
        cut,
    }))
}

fn text(path: &Path) -> Result<String, String> {
    let said = |because: String| format!("The dump script {} cannot be read: {because}.", path.display());
    // Opening a pipe would wait for its writer, and a device would never end.
    if !path.metadata().map_err(|error| said(error.to_string()))?.is_file() {
        return Err(said("it is no file".to_owned()));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| said(error.to_string()))?;
    file.take(LARGEST).read_to_end(&mut bytes).map_err(|error| said(error.to_string()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn fields(dump: &Script, function: &Function, row: Row<'_>) -> Vec<FieldValue> {
    let values = row.values().map_while(Result::ok);
    let fields = function.parameters.iter().zip(values).map(|(parameter, value)| {
        let mut field = FieldValue { name: parameter.name.to_string(), ..FieldValue::default() };
        match value {
            Value::List(texts) if parameter.conversion == Conversion::Babel => {
                let languages = dump.languages.iter().cloned().chain(std::iter::repeat("?".to_owned()));
                field.languages = languages.zip(texts.iter().map(shown)).collect();
                field.value = texts.first().and_then(shown);
            }
            value => field.value = shown(&value),
        }
        field
    });
    fields.collect()
}

/// Returns the values of a row of which only the beginning is at hand, as far as they are whole.
fn beginning(line: &[u8], function: &Function) -> Vec<FieldValue> {
    let open = line.iter().position(|byte| *byte == b'(').and_then(|first| {
        let rest = line.get(first + 1..)?;
        rest.iter().position(|byte| *byte == b'(').map(|second| first + second + 2)
    });
    let arguments = open.and_then(|open| line.get(open..)).unwrap_or_default();
    let raw = crate::dump::literal::arguments(arguments);
    let fields = function.parameters.iter().zip(raw).map(|(parameter, raw)| {
        let text = String::from_utf8_lossy(raw).into_owned();
        let value = crate::dump::parse(text.as_bytes()).ok().map_or_else(|| Some(short(&text)), |value| shown(&value));
        FieldValue { name: parameter.name.to_string(), value, ..FieldValue::default() }
    });
    fields.collect()
}

fn short(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Writes a value for a person; none for NULL.
fn shown(value: &Value<'_>) -> Option<String> {
    let list = |values: &[Value<'_>]| {
        let shown: Vec<String> = values.iter().map(|value| shown(value).unwrap_or_else(|| "None".to_owned())).collect();
        shown.join(", ")
    };
    Some(match value {
        Value::None => return None,
        Value::Bool(yes) => if *yes { "True" } else { "False" }.to_owned(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => format!("{number:?}"),
        Value::Text(text) => short(text),
        Value::Large(number) => number.to_string(),
        Value::Name(name) => (*name).to_owned(),
        Value::List(values) | Value::Tuple(values) | Value::Set(values) => format!("[{}]", list(values)),
        Value::Call { function, arguments } => {
            let inner: Vec<String> =
                arguments.iter().map(|argument| shown(&argument.value).unwrap_or_else(|| "None".to_owned())).collect();
            moment(function, &inner).unwrap_or_else(|| format!("{function}({})", inner.join(", ")))
        }
        Value::Surrogates(_) | Value::Named(_) | Value::Bytes(_) | Value::Dict(_) => short(&format!("{value:?}")),
    })
}

/// Writes a date, a time or a moment as people do: `2024-02-29 12:05:00`.
fn moment(function: &str, parts: &[String]) -> Option<String> {
    let numbers: Vec<u32> = parts.iter().map(|part| part.parse().ok()).collect::<Option<_>>()?;
    Some(match (function, numbers.as_slice()) {
        ("date", [year, month, day]) => format!("{year:04}-{month:02}-{day:02}"),
        ("time", [hour, minute, second]) => format!("{hour:02}:{minute:02}:{second:02}"),
        ("dt", [year, month, day, hour, minute, second]) => {
            format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(dump: &str, table: &str, key: &str, line: u64) -> RowPlace {
        RowPlace {
            script: format!("{}/tests/fixtures/dumps/{dump}/restore.py", env!("CARGO_MANIFEST_DIR")),
            table: table.into(),
            key: key.into(),
            file: format!("{table}.py"),
            line,
        }
    }

    #[test]
    fn a_row_is_found_with_its_values_by_name() {
        let row = read(&place("noi-25.1.1", "contacts_partner", "104", 8)).unwrap().unwrap();
        let value = |name: &str| row.fields.iter().find(|field| field.name == name).unwrap().value.clone();
        assert_eq!((row.model.as_deref(), row.cut), (Some("contacts.Partner"), false));
        assert_eq!(value("id"), Some("104".into()));
        assert_eq!(value("name"), Some("Garage Mergelsberg".into()));
    }

    #[test]
    fn values_in_several_languages_are_told_by_language() {
        let row = read(&place("noi-25.1.1", "cal_calendar", "1", 4)).unwrap().unwrap();
        let name = row.fields.iter().find(|field| field.name == "name").unwrap();
        let languages: Vec<&str> = name.languages.iter().map(|(language, _)| language.as_str()).collect();
        assert_eq!(languages, ["en", "de", "fr"]);
    }

    #[test]
    fn what_is_not_there_is_nothing_and_what_cannot_be_read_is_told() {
        assert_eq!(read(&place("noi-25.1.1", "contacts_partner", "104", 1)), Ok(None));
        assert_eq!(read(&place("noi-25.1.1", "contacts_gone", "104", 1)), Ok(None));
        let path = format!("{}/tests/fixtures/dumps/nowhere/restore.py", env!("CARGO_MANIFEST_DIR"));
        let because = format!("The dump script {path} cannot be read: No such file or directory (os error 2).");
        assert_eq!(read(&place("nowhere", "x", "1", 1)), Err(because));
    }

    #[test]
    fn of_a_row_of_megabytes_the_beginning_is_shown() {
        let dir = assert_fs::TempDir::new().unwrap();
        let script = "def create_a_b(id, name, text):\n    kw = dict()\n    return a_B(**kw)\n";
        std::fs::write(dir.path().join("restore.py"), script).unwrap();
        let row = format!("loader.save(create_a_b(7,'x','{}'))\n", "y".repeat(3 << 20));
        std::fs::write(dir.path().join("a_b.py"), row).unwrap();
        let script = dir.path().join("restore.py").display().to_string();
        let place = RowPlace { script, table: "a_b".into(), key: "7".into(), file: "a_b.py".into(), line: 1 };
        let row = read(&place).unwrap().unwrap();
        assert!(row.cut);
        let short: Vec<(&str, Option<usize>)> = row
            .fields
            .iter()
            .map(|field| (field.name.as_str(), field.value.as_ref().map(|v| v.chars().count())))
            .collect();
        assert_eq!(short[..2], [("id", Some(1)), ("name", Some(1))]);
        assert!(row.fields.iter().all(|field| field.value.as_ref().is_none_or(|value| value.len() <= SHOWN + 4)));
    }
}
