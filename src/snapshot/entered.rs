//! What was entered between two dumps of one site: rows that are new, changed or deleted, with all their values, as one
//! file of comma-separated values a table.

use std::collections::HashMap;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::archive::Source;
use super::touched::Touched;
use super::verify::{self, SnapshotError};
use crate::dump::account::{Known, Plan, Side};
use crate::dump::{Rows, Script, literal};
use crate::triage::{FieldValue, fields};

/// Keys that are named for a table.
const NAMED: usize = 20;

/// What was entered into a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entered {
    /// The table.
    pub table: String,
    /// Rows that were added.
    pub new: u64,
    /// Rows that have other values.
    pub changed: u64,
    /// Rows that were deleted.
    pub deleted: u64,
    /// The first keys of them.
    pub keys: Vec<String>,
    /// The file that has them.
    pub file: PathBuf,
}

/// Finds what was entered after the first dump was made and before the second, and writes it into the directory
/// `target`, which must be there and private. Where it is known which rows were touched, others do not count, whatever
/// the dumps say.
pub fn entered(
    before: &Path,
    after: &Path,
    known: &Known,
    touched: Option<&Touched>,
    target: &Path,
) -> Result<Vec<Entered>, SnapshotError> {
    let mut sides = [Dump::open(before)?, Dump::open(after)?];
    let mut tables: Vec<String> = Vec::new();
    for load in sides.iter().flat_map(|dump| &dump.script.loads).filter(|load| !load.skipped) {
        if !tables.contains(&load.table) {
            tables.push(load.table.clone());
        }
    }
    let mut found = Vec::new();
    for table in tables {
        let lines = difference(&mut sides, &table, known, touched)?;
        if lines.is_empty() {
            continue;
        }
        let count = |what: What| lines.iter().filter(|line| line.what == what).count() as u64;
        let (new, changed, deleted) = (count(What::New), count(What::Changed), count(What::Deleted));
        let file = target.join(format!("{table}.csv"));
        write(&file, &lines)
            .map_err(|error| SnapshotError::Unreadable { path: file.clone(), text: error.to_string() })?;
        let mut keys: Vec<String> =
            lines.iter().filter(|line| line.what != What::Before).map(|line| line.key.clone()).collect();
        keys.truncate(NAMED);
        found.push(Entered { table, new, changed, deleted, keys, file });
    }
    Ok(found)
}

struct Dump {
    source: Source,
    script: Script,
}

impl Dump {
    fn open(path: &Path) -> Result<Self, SnapshotError> {
        let (source, script, _) = verify::open(path)?;
        Ok(Self { source, script })
    }

    /// Hands each row of a table to `each`, its arguments without parentheses.
    fn each(&mut self, table: &str, mut each: impl FnMut(&Script, &[u8])) -> Result<(), SnapshotError> {
        for load in self.script.loads.iter().filter(|load| load.table == table && !load.skipped) {
            let bytes = self.source.read(&load.file)?.unwrap_or_default();
            for row in Rows::new(&bytes) {
                if let Some(arguments) = row.arguments {
                    each(&self.script, arguments);
                }
            }
        }
        Ok(())
    }
}

/// What a line of the file is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    New,
    /// As it is now.
    Changed,
    /// The same row as it was before.
    Before,
    Deleted,
}

impl What {
    const fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Before => "before",
            Self::Deleted => "deleted",
        }
    }
}

struct Line {
    what: What,
    key: String,
    /// Columns by name; none is NULL.
    values: Vec<(String, Option<String>)>,
}

/// Finds the rows of a table that differ.
fn difference(
    sides: &mut [Dump; 2],
    table: &str,
    known: &Known,
    touched: Option<&Touched>,
) -> Result<Vec<Line>, SnapshotError> {
    let counts = |key: &[u8]| touched.is_none_or(|touched| touched.may_have(table, key));
    let [before, after] = sides;
    let functions = [before.script.function(table), after.script.function(table)];
    let plan = Plan::new(table, functions, [&before.script.languages, &after.script.languages], known);
    let [old_key, new_key] = [plan.key(Side::Before), plan.key(Side::After)];
    let hasher = RandomState::new();
    let mut there: HashMap<Vec<u8>, (u64, bool)> = HashMap::new();
    before.each(table, |_, arguments| {
        if let Some(key) = literal::argument(arguments, old_key) {
            there.insert(key.to_vec(), (hasher.hash_one(arguments), false));
        }
    })?;
    let mut lines = Vec::new();
    after.each(table, |script, arguments| {
        let Some(key) = literal::argument(arguments, new_key) else { return };
        let what = match there.get_mut(key) {
            Some((hash, seen)) => {
                *seen = true;
                if *hash == hasher.hash_one(arguments) {
                    return;
                }
                What::Changed
            }
            None => What::New,
        };
        if !counts(key) {
            return;
        }
        lines.push((key.to_vec(), line(script, table, arguments, what, key)));
    })?;
    there.retain(|key, (_, seen)| *seen || counts(key));
    let deleted = there.values().any(|(_, seen)| !seen);
    if lines.is_empty() && !deleted {
        return Ok(Vec::new());
    }
    // Only now, since nearly all rows are equal: what they were before.
    let places: HashMap<Vec<u8>, usize> = lines.iter().enumerate().map(|(at, (key, _))| (key.clone(), at)).collect();
    let mut old: HashMap<usize, Line> = HashMap::new();
    let mut gone = Vec::new();
    before.each(table, |script, arguments| {
        let Some(key) = literal::argument(arguments, old_key) else { return };
        if let Some(at) = places.get(key) {
            old.insert(*at, line(script, table, arguments, What::Before, key));
        } else if there.get(key).is_some_and(|(_, seen)| !seen) {
            gone.push(line(script, table, arguments, What::Deleted, key));
        }
    })?;
    let mut found = Vec::new();
    for (at, (_, line)) in lines.into_iter().enumerate() {
        match old.remove(&at) {
            Some(before) if is_same(&before, &line) => {}
            Some(before) => found.extend([line, before]),
            None => found.push(line),
        }
    }
    found.append(&mut gone);
    Ok(found)
}

/// Tells whether the values are the same in all columns that both have.
fn is_same(before: &Line, after: &Line) -> bool {
    before.values.iter().all(|(name, value)| {
        after.values.iter().find(|(other, _)| other == name).is_none_or(|(_, other)| other == value)
    })
}

fn line(script: &Script, table: &str, arguments: &[u8], what: What, key: &[u8]) -> Line {
    let values = script.function(table).map(|function| fields(script, function, arguments)).unwrap_or_default();
    let key = crate::triage::text(script, key).unwrap_or_default();
    Line { what, key, values: values.into_iter().flat_map(columns).collect() }
}

/// Returns a field as one column, or one for each language.
fn columns(field: FieldValue) -> Vec<(String, Option<String>)> {
    if field.languages.is_empty() {
        return vec![(field.name, field.value)];
    }
    let name = field.name;
    field.languages.into_iter().map(|(language, value)| (format!("{name}_{language}"), value)).collect()
}

/// Writes the rows. An empty text has quotes, NULL has none.
fn write(path: &Path, lines: &[Line]) -> io::Result<()> {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in lines.iter().flat_map(|line| &line.values) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let _ = fs::remove_file(path);
    let file = fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)?;
    let mut out = io::BufWriter::new(file);
    let heading: Vec<String> = names.iter().map(|name| cell(Some(name))).collect();
    writeln!(out, "row,{}", heading.join(","))?;
    for line in lines {
        let value = |name: &&str| {
            let found = line.values.iter().find(|(other, _)| other == name);
            cell(found.and_then(|(_, value)| value.as_deref()))
        };
        let values: Vec<String> = names.iter().map(value).collect();
        writeln!(out, "{},{}", line.what.word(), values.join(","))?;
    }
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

fn cell(value: Option<&str>) -> String {
    match value {
        None => String::new(),
        Some(text) if !text.is_empty() && !text.contains([',', '"', '\n', '\r']) && text.trim() == text => {
            text.to_owned()
        }
        Some(text) => format!("\"{}\"", text.replace('"', "\"\"")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use assert_fs::TempDir;

    use super::*;

    const SCRIPT: &str = "#!/usr/bin/env python\n\
        # This is a Python dump created using dump2py.\n\
        SOURCE_VERSION = '1.0'\n\
        def bv2kw(fieldname, values):\n\
        \x20   return settings.SITE.babelkw(fieldname, en=values[0],de=values[1])\n\n\
        shop_Goods = resolve_model(\"shop.Goods\")\n\n\
        def create_shop_goods(id, name, text):\n\
        \x20   kw = dict()\n\
        \x20   kw.update(id=id)\n\
        \x20   if name is not None: kw.update(bv2kw('name',name))\n\
        \x20   kw.update(text=text)\n\
        \x20   return shop_Goods(**kw)\n\n\
        def main(args):\n\
        \x20   loader = DpyLoader(globals(), quick=args.quick)\n\
        \x20   os.chdir(os.path.dirname(__file__))\n\
        \x20   loader.initialize()\n\
        \x20   args = (globals(), locals())\n\n\
        \x20   execfile(\"shop_goods.py\", *args)\n\
        \x20   loader.finalize()\n";

    fn dump(dir: &TempDir, name: &str, rows: &[&str]) -> PathBuf {
        let dir = dir.path().join(name);
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join("restore.py"), SCRIPT).unwrap();
        let calls: Vec<String> = rows.iter().map(|row| format!("loader.save(create_shop_goods({row}))\n")).collect();
        let calls = calls.concat();
        let head = format!("logger.info(\"Loading {} objects to table shop_goods...\")\n", rows.len());
        fs::write(
            dir.join("shop_goods.py"),
            format!("# -*- coding: UTF-8 -*-\n{head}# fields: id, name, text\n{calls}"),
        )
        .unwrap();
        dir
    }

    #[test]
    fn new_changed_and_deleted_rows_are_written_with_all_their_values() {
        let dir = TempDir::new().unwrap();
        let before =
            dump(&dir, "before", &["1,['a','b'],None", "2,['c','d'],'old'", "3,['e',''],'gone'", "5,['s','t'],\"x\""]);
        let after = dump(
            &dir,
            "after",
            &["1,['a','b'],None", "2,['c','d'],'n\"ew,\\nline'", "4,['f',None],''", "5,['s','t'],'x'"],
        );
        let found = entered(&before, &after, &Known::default(), None, dir.path()).unwrap();
        let file = dir.path().join("shop_goods.csv");
        let keys = ["2", "4", "3"].map(str::to_owned).to_vec();
        let table = "shop_goods".to_owned();
        assert_eq!(found, [Entered { table, new: 1, changed: 1, deleted: 1, keys, file: file.clone() }]);
        assert_eq!(
            fs::read_to_string(file).unwrap(),
            "row,id,name_en,name_de,text\nchanged,2,c,d,\"n\"\"ew,\nline\"\nbefore,2,c,d,old\nnew,4,f,,\"\"\n\
             deleted,3,e,\"\",gone\n"
        );
        assert_eq!(entered(&before, &before, &Known::default(), None, dir.path()).unwrap(), []);
    }
}
