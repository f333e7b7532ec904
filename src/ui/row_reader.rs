//! Looks a row of the snapshot up for the screen, away from the loop, so that no disk ever holds up a key. It decides
//! nothing.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::state::{Looked, RowPlace};
use crate::compare::Models;
use crate::snapshot::SnapshotError;
use crate::snapshot::index::Index;
use crate::triage::{RowDetail, admit};

/// Characters of a value that are kept.
const SHOWN: usize = 20_000;

/// A snapshot that is open.
#[derive(Debug)]
struct Open {
    script: String,
    models: Option<String>,
    index: Arc<Index>,
    /// The models of the new version.
    new: Arc<Models>,
}

/// What keeps the index of a snapshot between two rows of it. Several threads may ask.
#[derive(Debug, Default)]
pub struct RowReader {
    /// The index of the dump script that was asked for last.
    open: Mutex<Option<Open>>,
    /// The row that was asked for last.
    wanted: Mutex<Option<RowPlace>>,
}

impl RowReader {
    /// Looks a row up and tells it at once; tells it once more when it is known what points to it, unless another one was
    /// asked for meanwhile. It is nothing when the snapshot has no such row.
    pub fn read(&self, place: &RowPlace, mut tell: impl FnMut(Looked)) {
        *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) = Some(place.clone());
        let found = self.index(place).and_then(|(index, new)| {
            let mut row = find(&index, place).map_err(|error| format!("The row cannot be read: {error}."))?;
            if let Some(row) = &mut row
                && let Some(model) = new.models.iter().find(|model| Some(&model.model) == row.model.as_ref())
            {
                admit(row, model);
            }
            Ok((index, row))
        });
        let mut answer = |read| tell(Looked { place: place.clone(), read });
        let (index, mut row) = match found {
            Ok((index, Some(row))) => (index, row),
            Ok((_, None)) => return answer(Ok(None)),
            Err(because) => return answer(Err(because)),
        };
        row.fields.iter_mut().filter_map(|field| field.value.as_mut()).for_each(shorten);
        let languages = row.fields.iter_mut().flat_map(|field| &mut field.languages);
        languages.filter_map(|(_, value)| value.as_mut()).for_each(shorten);
        answer(Ok(Some(row.clone())));
        if self.wanted.lock().unwrap_or_else(PoisonError::into_inner).as_ref() != Some(place) {
            return;
        }
        // A file that cannot be read here leaves the row as it was told.
        let pointing = index.pointed_at(&row.table, &row.key).unwrap_or_default();
        if !pointing.is_empty() {
            row.pointed_at = pointing;
            answer(Ok(Some(row)));
        }
    }

    fn index(&self, place: &RowPlace) -> Result<(Arc<Index>, Arc<Models>), String> {
        let RowPlace { script, models, .. } = place;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = open.as_ref().filter(|open| open.script == *script && open.models == *models) {
            return Ok((Arc::clone(&open.index), Arc::clone(&open.new)));
        }
        let path = Path::new(script);
        let said = |because: String| format!("The dump script {script} cannot be read: {because}.");
        // Opening a pipe would wait for its writer, and a device would never end.
        if !path.metadata().map_err(|error| said(error.to_string()))?.is_file() {
            return Err(said("it is no file".to_owned()));
        }
        // Without them less is known of what points where.
        let [before, after] = models.as_deref().map(models_of).unwrap_or_default();
        let index = Arc::new(Index::open(path, before.as_ref()).map_err(|error| format!("{error}."))?);
        let new = Arc::new(after.unwrap_or_default());
        let (script, models) = (script.clone(), models.clone());
        *open = Some(Open { script, models, index: Arc::clone(&index), new: Arc::clone(&new) });
        Ok((index, new))
    }
}

/// Reads what is known of the models of both versions.
fn models_of(path: &str) -> [Option<Models>; 2] {
    let text = std::fs::read(path).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// Finds a row where it was loaded from, or else by its key: somebody may have edited the row file.
fn find(index: &Index, place: &RowPlace) -> Result<Option<RowDetail>, SnapshotError> {
    match index.at(&place.file, place.line) {
        Ok(Some(row)) if row.table == place.table => Ok(Some(row)),
        _ => index.row(&place.table, &place.key),
    }
}

fn shorten(text: &mut String) {
    if let Some((end, _)) = text.char_indices().nth(SHOWN) {
        text.truncate(end);
        text.push('…');
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    /// Rows that the fixture of Noi does not have.
    const MORE: [(&str, &[&str]); 7] = [
        (
            "countries_place",
            &["1,None,['Raeren','',''],'BE','4730','50',False", "7,1,['Hauset','',''],'BE','4730','70',False"],
        ),
        ("contacts_person", &["115,'Hans','','Altenberg','','M',None"]),
        ("countries_country", &["['Belgium','Belgien','Belgique'],'BE','','BEL'"]),
        (
            "accounting_paymentterm",
            &[
                "2,'07',['Seven days net','',''],7,0,False,['','','']",
                "5,'30',['Thirty days net','',''],30,0,False,['','','']",
            ],
        ),
        ("contacts_company", &["104,None"]),
        ("contacts_role", &["2,1,115,104"]),
        ("tickets_tickettype", &["1,['Bugfix','','']"]),
    ];

    /// A snapshot with the partners of the fixture, and with rows around them.
    pub fn noi() -> assert_fs::TempDir {
        let dir = assert_fs::TempDir::new().unwrap();
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/dumps/noi-25.1.1");
        for file in std::fs::read_dir(fixture).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), dir.path().join(file.file_name())).unwrap();
        }
        for (table, rows) in MORE {
            let rows: Vec<String> = rows.iter().map(|row| format!("loader.save(create_{table}({row}))\n")).collect();
            std::fs::write(dir.path().join(format!("{table}.py")), rows.concat()).unwrap();
        }
        let key = |model: &str, table: &str, pk: &str| json!({"model": model, "table": table, "pk": pk});
        let points =
            |field: &str, model: &str| json!({"name": field, "attname": format!("{field}_id"), "target": model});
        let mut partner = key("contacts.Partner", "contacts_partner", "id");
        partner["fields"] = json!([
            points("country", "countries.Country"),
            points("city", "countries.Place"),
            points("payment_term", "accounting.PaymentTerm"),
        ]);
        let models = [
            partner,
            key("countries.Country", "countries_country", "isocode"),
            key("countries.Place", "countries_place", "id"),
        ];
        let models = json!([{"models": models}, null]).to_string();
        std::fs::write(dir.path().join("models.json"), models).unwrap();
        dir
    }

    fn all(place: &RowPlace) -> Vec<Result<Option<RowDetail>, String>> {
        let mut told = Vec::new();
        RowReader::default().read(place, |looked| told.push(looked.read));
        told
    }

    fn read(place: &RowPlace) -> Result<Option<RowDetail>, String> {
        all(place).swap_remove(0)
    }

    fn place(dump: &str, table: &str, key: &str, line: u64) -> RowPlace {
        RowPlace {
            models: None,
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
    fn what_points_to_a_row_is_told_after_the_row_itself() {
        let dir = noi();
        let script = dir.path().join("restore.py").display().to_string();
        let models = Some(dir.path().join("models.json").display().to_string());
        let told = all(&RowPlace { script, models, ..place("noi-25.1.1", "contacts_partner", "104", 8) });
        let [Ok(Some(first)), Ok(Some(second))] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!(first.pointed_at, []);
        let target = first.fields.iter().find(|field| field.name == "country_id").unwrap().target.clone().unwrap();
        assert_eq!((target.model.as_str(), target.name.as_deref()), ("countries.Country", Some("Belgium")));
        let pointing: Vec<(&str, &[String])> =
            second.pointed_at.iter().map(|by| (by.model.as_str(), by.keys.as_slice())).collect();
        assert!(pointing.contains(&("contacts.Company", &["104".to_owned()])), "{pointing:?}");
    }

    #[test]
    fn a_row_that_was_moved_is_found_by_its_key() {
        let row = read(&place("noi-25.1.1", "contacts_partner", "104", 1)).unwrap().unwrap();
        assert_eq!((row.line, row.key.as_str()), (8, "104"));
    }

    #[test]
    fn the_index_is_kept_until_another_snapshot_is_asked_for() {
        let reader = RowReader::default();
        let index = |dump: &str| reader.index(&place(dump, "contacts_partner", "104", 8)).unwrap();
        let first = index("noi-25.1.1");
        assert!(Arc::ptr_eq(&first.0, &index("noi-25.1.1").0));
        assert!(!Arc::ptr_eq(&first.0, &index("26.10.8").0));
    }

    #[test]
    fn what_is_not_there_is_nothing_and_what_cannot_be_read_is_told() {
        assert_eq!(read(&place("noi-25.1.1", "contacts_partner", "9999", 1)), Ok(None));
        assert_eq!(read(&place("noi-25.1.1", "contacts_gone", "104", 1)), Ok(None));
        let path = format!("{}/tests/fixtures/dumps/nowhere/restore.py", env!("CARGO_MANIFEST_DIR"));
        let because = format!("The dump script {path} cannot be read: No such file or directory (os error 2).");
        assert_eq!(read(&place("nowhere", "x", "1", 1)), Err(because));
    }

    #[test]
    fn of_a_row_of_megabytes_the_beginning_is_shown() {
        let dir = assert_fs::TempDir::new().unwrap();
        let script = "SOURCE_VERSION = '1'\ndef create_a_b(id, name, text):\n    kw = dict()\n    return a_B(**kw)\n\
                      execfile(\"a_b.py\", *args)\n";
        std::fs::write(dir.path().join("restore.py"), script).unwrap();
        let row = format!("loader.save(create_a_b(7,'x','{}'))\n", "y".repeat(3 << 20));
        std::fs::write(dir.path().join("a_b.py"), row).unwrap();
        let script = dir.path().join("restore.py").display().to_string();
        let place =
            RowPlace { script, models: None, table: "a_b".into(), key: "7".into(), file: "a_b.py".into(), line: 1 };
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
