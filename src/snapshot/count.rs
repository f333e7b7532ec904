//! Counts the rows that differences touch in a snapshot: reads the row files that are needed, two tables at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::archive::{Content, Source};
use super::scan::{Block, Lines};
use crate::compare::Question;
use crate::compare::count::{Count, Counter, Setting};

/// How many tables are read at the same time. Old servers have two cores, and a disk that likes no more.
const READERS: usize = 2;

/// Counts in a directory or archive, for each difference the rows that its questions are about. What cannot be read
/// makes its own counts unknown, and no others.
#[must_use]
pub fn count(path: &Path, setting: Setting<'_>, differences: &[Vec<Question>]) -> Vec<Count> {
    let shares = shares(setting, differences);
    // Opened once: the readers share its memory.
    let source = Source::open(path).map_err(|error| error.to_string());
    let source = &source;
    let mut counts: BTreeMap<usize, Count> = std::thread::scope(|scope| {
        let readers: Vec<_> =
            shares.into_iter().map(|share| scope.spawn(move || read(source, setting, differences, &share))).collect();
        readers.into_iter().filter_map(|reader| reader.join().ok()).flatten().collect()
    });
    (0..differences.len())
        .map(|index| counts.remove(&index).unwrap_or_else(|| Count::unknown("the reader broke off")))
        .collect()
}

/// Shares the differences out so that a table is read by one reader only, as far as each is about one table.
fn shares(setting: Setting<'_>, differences: &[Vec<Question>]) -> Vec<Vec<usize>> {
    let first = |questions: &Vec<Question>| questions.first().map_or_else(String::new, |it| it.table.clone());
    let tables: BTreeSet<String> = differences.iter().map(first).collect();
    let files = |table: &String| setting.script.loads.iter().filter(|load| load.table == *table).count();
    let mut by_size: Vec<(usize, String)> = tables.into_iter().map(|table| (files(&table), table)).collect();
    by_size.sort_unstable_by(|one, other| other.cmp(one));
    let reader: BTreeMap<String, usize> =
        by_size.into_iter().enumerate().map(|(index, (_, table))| (table, index % READERS)).collect();
    let mut shares = vec![Vec::new(); READERS];
    for (index, questions) in differences.iter().enumerate() {
        let share = reader.get(&first(questions)).copied().unwrap_or_default();
        shares.get_mut(share).into_iter().for_each(|share| share.push(index));
    }
    shares
}

fn read(
    source: &Result<Source, String>,
    setting: Setting<'_>,
    differences: &[Vec<Question>],
    share: &[usize],
) -> Vec<(usize, Count)> {
    let mine: Vec<Vec<Question>> = share.iter().filter_map(|index| differences.get(*index)).cloned().collect();
    let mut counter = Counter::new(setting, &mine);
    let files = counter.files();
    if files.is_empty() {
        return share.iter().copied().zip(counter.finish()).collect();
    }
    let mut source = match source {
        Ok(source) => source.clone(),
        Err(why) => return share.iter().map(|index| (*index, Count::unknown(why))).collect(),
    };
    let mut block = Block::default();
    for (purpose, file) in files {
        let feed = |mut from: Content<'_>| {
            let mut lines = Lines::new(&mut block);
            while let Some(bytes) = lines.next(&mut from)? {
                counter.feed(purpose, &file, bytes);
            }
            Ok(())
        };
        match source.with(&file, feed) {
            Ok(Some(())) => {}
            Ok(None) => counter.missing(purpose, &file, "it is not there"),
            Err(error) => counter.missing(purpose, &file, &error.to_string()),
        }
    }
    share.iter().copied().zip(counter.finish()).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use assert_fs::TempDir;

    use super::*;
    use crate::compare::{Example, Rows, Touched};
    use crate::dump::Script;

    const SCRIPT: &str = "\
def create_a_one(id, name):
    kw = dict()
    kw.update(id=id)
    kw.update(name=name)
    return a_One(**kw)

def create_a_two(id, one_id):
    kw = dict()
    kw.update(id=id)
    kw.update(one_id=one_id)
    return a_Two(**kw)

def main(args):
    execfile(\"a_one_1.py\", *args)
    execfile(\"a_one_2.py\", *args)
    execfile(\"a_two.py\", *args)
";

    fn files() -> [(&'static str, &'static str); 4] {
        [
            ("restore.py", SCRIPT),
            ("a_one_1.py", "loader.save(create_a_one(1,'x'))\nloader.save(create_a_one(2,''))\n"),
            ("a_one_2.py", "loader.save(create_a_one(3,'xyz'))\n"),
            ("a_two.py", "loader.save(create_a_two(1,3))\nloader.save(create_a_two(2,4))\n"),
        ]
    }

    fn asked() -> Vec<Vec<Question>> {
        let of = |table: &str, rows| vec![Question { table: table.into(), rows }];
        vec![
            of("a_one", Rows::LongerThan("name".into(), 1)),
            of("a_two", Rows::Dangling { column: "one_id".into(), table: "a_one".into(), key: "id".into() }),
            of("a_two", Rows::All),
            vec![],
        ]
    }

    fn counted(path: &Path) -> Vec<(Touched, Vec<Example>)> {
        let script = Script::read(SCRIPT);
        let keys = BTreeMap::new();
        let setting = Setting { script: &script, engine: "sqlite", keys: &keys };
        count(path, setting, &asked()).into_iter().map(|count| (count.touched, count.examples)).collect()
    }

    fn expected() -> Vec<(Touched, Vec<Example>)> {
        let row = |file: &str, line, key: &str| Example { file: file.into(), line, key: key.into() };
        vec![
            (Touched::Rows(1), vec![row("a_one_2.py", 1, "3")]),
            (Touched::Rows(1), vec![row("a_two.py", 2, "2")]),
            (Touched::Rows(2), vec![row("a_two.py", 1, "1"), row("a_two.py", 2, "2")]),
            (Touched::Rows(0), vec![]),
        ]
    }

    #[test]
    fn a_directory_and_an_archive_count_alike() {
        let dir = TempDir::new().unwrap();
        let archive = dir.path().join("snapshot.zip");
        let mut zip = zip::ZipWriter::new(std::fs::File::create(&archive).unwrap());
        for (name, text) in files() {
            std::fs::write(dir.path().join(name), text).unwrap();
            zip.start_file(format!("snapshot/{name}"), zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        zip.finish().unwrap();
        assert_eq!(counted(dir.path()), expected());
        assert_eq!(counted(&archive), expected());
    }

    #[test]
    fn a_file_that_is_missing_makes_its_own_counts_unknown() {
        let dir = TempDir::new().unwrap();
        for (name, text) in files().into_iter().filter(|(name, _)| *name != "a_one_2.py") {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        let why = || Touched::Unknown("a_one_2.py cannot be read: it is not there".into());
        let touched: Vec<Touched> = counted(dir.path()).into_iter().map(|(touched, _)| touched).collect();
        assert_eq!(touched, [why(), why(), Touched::Rows(2), Touched::Rows(0)]);
        let touched: Vec<Touched> =
            counted(&dir.path().join("nowhere")).into_iter().map(|(touched, _)| touched).collect();
        assert!(touched.iter().take(3).all(|touched| matches!(touched, Touched::Unknown(_))), "{touched:?}");
    }
}
