//! Two dumps on disk that are read in the order of neither: rows that did not meet are read again.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use assert_fs::TempDir;

use super::*;
use crate::dump::account::{Origin, Pk, Sample, State, TableAccount};

const SCRIPT: &str = "\
# This is a Python dump created using dump2py.
SOURCE_VERSION = '1.0'

def create_a_one(name, id):
    kw = dict()
    return a_One(**kw)

def create_a_two(code, name):
    kw = dict()
    return a_Two(**kw)

def main(args):
LOADS    loader.finalize()

if __name__ == '__main__':
    main(args)
";

/// Writes a dump whose rows are in this order; the names of some have an end.
fn write(dir: &Path, order: &[usize], part: usize, named: impl Fn(usize) -> &'static str) {
    fs::create_dir_all(dir).unwrap();
    let mut loads = String::new();
    for table in ["a_one", "a_two"] {
        for (at, rows) in order.chunks(part).enumerate() {
            let mut text = format!("logger.info(\"Loading {} objects to table {table}...\")\n", order.len());
            for id in rows {
                let name = format!("'name of row {id}{}'", named(*id));
                let values = if table == "a_one" { format!("{name},{id}") } else { format!("'key {id}',{name}") };
                writeln!(text, "loader.save(create_{table}({values}))").unwrap();
            }
            fs::write(dir.join(format!("{table}_{}.py", at + 1)), text).unwrap();
            writeln!(loads, "    execfile(\"{table}_{}.py\", *args)", at + 1).unwrap();
        }
    }
    fs::write(dir.join("restore.py"), SCRIPT.replace("LOADS", &loads)).unwrap();
}

fn zipped(dir: &Path, method: zip::CompressionMethod) -> std::path::PathBuf {
    let path = dir.with_extension("zip");
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    let mut zip = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        zip.start_file(format!("snapshot/{name}"), options).unwrap();
        zip.write_all(&fs::read(&path).unwrap()).unwrap();
    }
    zip.finish().unwrap();
    path
}

#[test]
fn rows_in_another_order_and_other_files_are_accounted_for() {
    let dir = TempDir::new().unwrap();
    let (before, after) = (dir.path().join("before"), dir.path().join("after"));
    let order: Vec<usize> = (0..1000).map(|at| at * 7919 % 1009).filter(|id| *id < 1000).collect();
    let mut others: Vec<usize> = (0..1005).filter(|id| !(id % 100 == 7 && *id < 1000)).collect();
    others.reverse();
    write(&before, &order, 300, |_| "");
    write(&after, &others, 170, |id| if id % 50 == 3 { " now" } else { "" });
    let missing = order.iter().filter(|id| **id % 100 == 7).count() as u64;
    let changed = order.iter().filter(|id| **id % 50 == 3).count() as u64;
    let equal = order.len() as u64 - missing - changed;
    let found = account(&before, &after).unwrap();
    assert_eq!(found.problems, []);
    for table in &found.tables {
        let new = 1005 - 10 - (equal + changed);
        assert_eq!((table.equal, table.changed, table.missing, table.new), (equal, changed, missing, new));
        assert_eq!(table.fields, BTreeMap::from([("name".to_owned(), changed)]));
        let text = |id: &i64| Pk::Text(format!("key {id}"));
        let numbers: Vec<i64> =
            order.iter().filter(|id| **id % 100 == 7).map(|id| i64::try_from(*id).unwrap()).collect();
        let mut expected: Vec<Pk> = if table.table == "a_one" {
            numbers.iter().map(|id| Pk::Number(*id)).collect()
        } else {
            numbers.iter().map(text).collect()
        };
        if table.table == "a_one" {
            expected.sort();
        }
        assert_eq!(table.missing_pks, expected);
        let lines = |dir: &Path, origin: &Origin| {
            let text = fs::read_to_string(dir.join(&origin.file)).unwrap();
            text.lines().nth(usize::try_from(origin.line).unwrap() - 1).unwrap().to_owned()
        };
        for Sample { pk, before: mine, after: theirs, .. } in &table.samples {
            for (dir, origin) in [(&before, mine), (&after, theirs)] {
                let Some(origin) = origin else { continue };
                let line = lines(dir, origin);
                assert!(
                    line.contains(&format!("{pk},"))
                        || line.contains(&format!("{pk})"))
                        || line.contains(&format!("'{pk}'")),
                    "{pk} {line}"
                );
            }
        }
        assert_eq!(table.samples.iter().filter(|sample| sample.state == State::Changed).count(), 10);
    }
    assert_eq!(account(&zipped(&before, zip::CompressionMethod::Deflated), &after).unwrap(), found);
    assert_eq!(account(&before, &zipped(&after, zip::CompressionMethod::Stored)).unwrap(), found);
    let sums = |table: &TableAccount| [table.equal, table.changed, table.new, table.missing];
    let back = account(&after, &before).unwrap();
    let turned: Vec<_> =
        found.tables.iter().map(|table| [table.equal, table.changed, table.missing, table.new]).collect();
    assert_eq!(back.tables.iter().map(sums).collect::<Vec<_>>(), turned);
}

#[test]
fn an_archive_whose_content_is_damaged_is_told() {
    for method in [zip::CompressionMethod::Deflated, zip::CompressionMethod::Stored] {
        let dir = TempDir::new().unwrap();
        let before = dir.path().join("before");
        let order: Vec<usize> = (0..5000).collect();
        write(&before, &order, 5000, |_| "");
        let zip = zipped(&before, method);
        let mut bytes = fs::read(&zip).unwrap();
        let name = b"snapshot/a_one_1.py";
        let at = bytes.windows(name.len()).position(|window| window == name).unwrap();
        bytes[at + 2000] ^= 1;
        fs::write(&zip, bytes).unwrap();
        let found = account(&before, &zip).unwrap();
        assert!(!found.is_equal());
        let problem = found.problems.iter().find(|problem| problem.message.contains("cannot be read to its end"));
        assert_eq!(problem.map(|problem| (problem.side, problem.path.as_str())), Some((Side::After, "a_one_1.py")));
    }
}

#[test]
fn keys_that_come_twice_are_told_with_their_lines() {
    let dir = TempDir::new().unwrap();
    let (before, after) = (dir.path().join("before"), dir.path().join("after"));
    write(&before, &[1, 2, 3, 2], 3, |_| "");
    write(&after, &[1, 2, 3], 3, |_| "");
    let found = account(&before, &after).unwrap();
    assert_eq!((found.equal, found.changed, found.missing, found.new), (6, 0, 2, 0));
    let told: Vec<_> = found.problems.iter().map(|it| (it.path.as_str(), it.line, it.message.as_str())).collect();
    let expected = [
        ("a_one_2.py", Some(2), "The key 2 of table a_one comes twice."),
        ("a_two_2.py", Some(2), "The key key 2 of table a_two comes twice."),
    ];
    assert_eq!(told, expected);
}
