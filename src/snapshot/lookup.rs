//! Looks rows up by primary key in the row files of a snapshot: the keys of a table are read when it is first asked for.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;

use super::archive::{Content, Source};
use super::scan::{Block, Lines};
use super::verify::SnapshotError;
use crate::dump::{Conversion, Function, Rows, Script, literal};
use crate::triage::Stored;

/// The keys of one table, as the row files write them; none for those that several rows have.
type Keys = HashMap<String, Option<String>>;

/// Looks rows up.
pub struct Lookup<'a> {
    source: RefCell<Source>,
    script: &'a Script,
    keys: BTreeMap<String, String>,
    known: RefCell<BTreeMap<String, Keys>>,
    broken: RefCell<Option<SnapshotError>>,
}

impl<'a> Lookup<'a> {
    /// Opens a snapshot. `keys` names the value of a row that is its primary key, by table.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path, script: &'a Script, keys: BTreeMap<String, String>) -> Result<Self, SnapshotError> {
        let source = RefCell::new(Source::open(path)?);
        Ok(Self { source, script, keys, known: RefCell::default(), broken: RefCell::default() })
    }

    /// Looks for a row. After an error nothing is found any more: see [`Self::finish`].
    #[must_use]
    pub fn find(&self, table: &str, key: &str) -> Stored {
        let mut known = self.known.borrow_mut();
        if !known.contains_key(table) {
            let keys = self.read(table).unwrap_or_else(|error| {
                self.broken.borrow_mut().get_or_insert(error);
                Keys::new()
            });
            known.insert(table.to_owned(), keys);
        }
        match known.get(table).and_then(|keys| keys.get(key)) {
            None => Stored::Missing,
            Some(None) => Stored::Several,
            Some(Some(literal)) => Stored::Once(literal.clone()),
        }
    }

    /// Tells whether everything that was asked for could be read.
    ///
    /// # Errors
    /// The first error.
    pub fn finish(self) -> Result<(), SnapshotError> {
        self.broken.into_inner().map_or(Ok(()), Err)
    }

    fn read(&self, table: &str) -> Result<Keys, SnapshotError> {
        let mut keys = Keys::new();
        let Some(function) = self.script.function(table) else { return Ok(keys) };
        let place = self.place(function);
        let mut block = Block::default();
        for load in self.script.loads.iter().filter(|load| load.table == table && !load.skipped) {
            let take = |mut from: Content<'_>| -> io::Result<()> {
                let mut lines = Lines::new(&mut block);
                while let Some(bytes) = lines.next(&mut from)? {
                    for row in Rows::new(bytes) {
                        let raw = row.arguments.and_then(|arguments| literal::argument(arguments, place));
                        let Some((key, raw)) = raw.and_then(|raw| Some((literal::key(raw)?, raw))) else { continue };
                        let written = String::from_utf8_lossy(raw).into_owned();
                        keys.entry(key).and_modify(|known| *known = None).or_insert(Some(written));
                    }
                }
                Ok(())
            };
            self.source.borrow_mut().with(&load.file, take)?;
        }
        Ok(keys)
    }

    fn place(&self, function: &Function) -> usize {
        let link = || {
            let all = &function.parameters;
            all.iter().position(|parameter| parameter.conversion == Conversion::ParentLink)
        };
        let named = self.keys.get(&function.table).and_then(|key| function.position(key));
        named.or_else(link).or_else(|| function.position("id")).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "# -*- coding: UTF-8 -*-\nSOURCE_VERSION = '1'\na_Place = resolve_model(\"a.Place\")\n\
        def create_a_place(name, iso):\n    kw = dict()\n    kw.update(name=name)\n    kw.update(iso=iso)\n    return \
        a_Place(**kw)\n\ndef main(args):\n    loader = DpyLoader(globals(), quick=args.quick)\n    \
        execfile(\"a_place_1.py\", *args)\n    execfile(\"a_place_2.py\", *args)\n    loader.finalize()\n";

    #[test]
    fn rows_are_found_in_all_files_of_a_table() {
        let dir = assert_fs::TempDir::new().unwrap();
        std::fs::write(dir.path().join("restore.py"), SCRIPT).unwrap();
        let rows = |keys: &[&str]| -> String {
            keys.iter().flat_map(|key| ["loader.save(create_a_place('x',", *key, "))\n"]).collect()
        };
        std::fs::write(dir.path().join("a_place_1.py"), rows(&["'BE'", "'d\\'E'", "7"])).unwrap();
        std::fs::write(dir.path().join("a_place_2.py"), rows(&["'EE'", "'BE'"])).unwrap();
        let script = Script::read(SCRIPT);
        let keys = BTreeMap::from([("a_place".to_owned(), "iso".to_owned())]);
        let lookup = Lookup::open(dir.path(), &script, keys).unwrap();
        let found = ["BE", "d'E", "7", "EE", "FR"].map(|key| lookup.find("a_place", key));
        let once = |text: &str| Stored::Once(text.to_owned());
        assert_eq!(found, [Stored::Several, once("'d\\'E'"), once("7"), once("'EE'"), Stored::Missing]);
        assert_eq!(lookup.find("a_person", "1"), Stored::Missing);
        lookup.finish().unwrap();
    }

    #[test]
    fn a_file_that_cannot_be_read_is_told_at_the_end() {
        let dir = assert_fs::TempDir::new().unwrap();
        std::fs::write(dir.path().join("restore.py"), SCRIPT).unwrap();
        std::fs::create_dir(dir.path().join("a_place_1.py")).unwrap();
        let script = Script::read(SCRIPT);
        let lookup = Lookup::open(dir.path(), &script, BTreeMap::new()).unwrap();
        assert_eq!(lookup.find("a_place", "1"), Stored::Missing);
        assert!(lookup.finish().unwrap_err().to_string().contains("a_place_1.py"));
    }
}
