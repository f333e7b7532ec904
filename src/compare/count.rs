//! Counts the rows that differences touch, in the row files of a snapshot that somebody else reads.
//!
//! One pass over each file answers all questions about its table, and decodes only the values that are asked for.
//! It keeps no value of any row: hashes where rows must be told apart, places and keys of the first examples.

mod cell;
mod fits;
mod number;
mod test;
#[cfg(test)]
mod tests;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};

use super::difference::{Question, Rows};
use super::evidence::{Example, Touched};
use crate::dump::{self, Row, Script, literal};
use crate::messages::line::plain;
use cell::Cell;
use test::{Answer, Test};

/// So many examples are kept for each difference.
const EXAMPLES: usize = 20;
/// Row numbers of one table; more are not dumped by anybody.
const ROWS: u64 = u32::MAX as u64;

/// What is needed to read the questions aright.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// The dump script that belongs to the row files.
    pub script: &'a Script,
    /// `sqlite`, `postgresql` or `mysql`: which numbers a column takes.
    pub engine: &'a str,
    /// By table, the value that is the primary key; for other tables it is the first.
    pub keys: &'a BTreeMap<String, String>,
}

/// The rows that one difference touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// How many.
    pub touched: Touched,
    /// How many of them are equal to one before them, when equal rows were asked for; else all.
    pub later: u64,
    /// The first of them.
    pub examples: Vec<Example>,
    /// The file that has the first of them that a database would refuse.
    pub file: Option<String>,
}

impl Count {
    /// What is said of a difference whose rows were not counted. `why` is lower case, without a period.
    #[must_use]
    pub fn unknown(why: &str) -> Self {
        Self { touched: Touched::Unknown(why.to_owned()), later: 0, examples: Vec::new(), file: None }
    }
}

/// What a file is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// For the keys that others point to. These come first.
    Keys,
    /// For the rows themselves.
    Rows,
}

/// Counts rows: ask, feed the files that are needed, finish.
#[derive(Debug)]
pub struct Counter<'a> {
    setting: Setting<'a>,
    asked: Vec<Asked>,
    /// Hashes of the values of (table, column) that others point to.
    targets: BTreeMap<(String, String), Target>,
    /// What was fed last, and how many lines of it.
    fed: Option<(Purpose, usize, u64)>,
}

#[derive(Debug, Default)]
struct Target {
    cell: Option<Cell>,
    values: HashSet<u64>,
    trouble: Option<String>,
}

/// One difference and what was found for it so far.
#[derive(Debug, Default)]
struct Asked {
    tables: BTreeMap<String, Vec<Test>>,
    touched: u64,
    earlier: u64,
    doubtful: u64,
    doubt: Option<&'static str>,
    trouble: Option<String>,
    examples: Vec<Example>,
    file: Option<String>,
    equal: HashMap<u64, Seen>,
}

/// The first row with some values: 16 bytes with its hash.
#[derive(Clone, Copy, Debug)]
struct Seen {
    file: u16,
    /// Whether it was counted already.
    counted: bool,
    line: u32,
}

impl<'a> Counter<'a> {
    /// Asks about differences; the questions of each are answered together, a row that is touched twice counts once.
    #[must_use]
    pub fn new(setting: Setting<'a>, differences: &[Vec<Question>]) -> Self {
        let mut counter = Self { setting, asked: Vec::new(), targets: BTreeMap::new(), fed: None };
        for questions in differences {
            let mut asked = Asked::default();
            for question in questions {
                match counter.test(question) {
                    Ok(test) => asked.tables.entry(question.table.clone()).or_default().push(test),
                    Err(trouble) => asked.trouble = Some(trouble),
                }
            }
            counter.asked.push(asked);
        }
        counter
    }

    fn test(&mut self, question: &Question) -> Result<Test, String> {
        let Question { table, rows } = question;
        let Some(function) = self.setting.script.function(table) else {
            return Err(format!("the snapshot has no rows of the table {table}"));
        };
        let cell = |column: &String| {
            Cell::find(function, &self.setting.script.languages, column)
                .ok_or_else(|| format!("the snapshot has no values of {column} in the table {table}"))
        };
        if let Rows::Dangling { table, key, .. } | Rows::Taken { table, key, .. } = rows {
            let function = self.setting.script.function(table);
            let target = self.targets.entry((table.clone(), key.clone())).or_default();
            target.cell = function.and_then(|it| Cell::find(it, &self.setting.script.languages, key));
            if target.cell.is_none() {
                target.trouble = Some(format!("the snapshot has no values of {key} in the table {table}"));
            }
        }
        Test::new(rows, cell, self.setting.engine)
    }

    /// Returns the row files that are needed, in the order in which they must be fed.
    #[must_use]
    pub fn files(&self) -> Vec<(Purpose, String)> {
        let targets: HashSet<&str> = self.targets.keys().map(|(table, _)| table.as_str()).collect();
        let tables: HashSet<&str> =
            self.asked.iter().flat_map(|asked| asked.tables.keys()).map(String::as_str).collect();
        let of = |tables: HashSet<&str>, purpose| {
            let loads = self.setting.script.loads.iter().filter(|load| !load.skipped);
            let files = loads.filter(|load| tables.contains(load.table.as_str()));
            files.map(|load| (purpose, load.file.clone())).collect::<Vec<_>>()
        };
        let mut files = of(targets, Purpose::Keys);
        files.extend(of(tables, Purpose::Rows));
        files
    }

    /// Takes a row file, or the next whole lines of the file that it was fed last.
    pub fn feed(&mut self, purpose: Purpose, file: &str, bytes: &[u8]) {
        let found = self.setting.script.loads.iter().enumerate().find(|(_, load)| load.file == file);
        let Some((number, load)) = found else { return };
        let table = load.table.as_str();
        let before = match self.fed {
            Some((of, last, lines)) if (of, last) == (purpose, number) => lines,
            _ => 0,
        };
        let lines = Lines { bytes, before };
        match purpose {
            Purpose::Keys => self.feed_keys(table, lines),
            Purpose::Rows => self.feed_rows(table, u16::try_from(number).unwrap_or(u16::MAX), file, lines),
        }
        self.fed = Some((purpose, number, before + memchr::memchr_iter(b'\n', bytes).count() as u64));
    }

    /// Says that a row file cannot be read.
    pub fn missing(&mut self, purpose: Purpose, file: &str, why: &str) {
        let Some(load) = self.setting.script.loads.iter().find(|load| load.file == file) else { return };
        let trouble = format!("{file} cannot be read: {why}");
        match purpose {
            Purpose::Keys => {
                let of_table = self.targets.iter_mut().filter(|((table, _), _)| *table == load.table);
                of_table.for_each(|(_, target)| target.trouble = Some(trouble.clone()));
            }
            Purpose::Rows => {
                let of_table = self.asked.iter_mut().filter(|asked| asked.tables.contains_key(&load.table));
                of_table.for_each(|asked| asked.trouble = Some(trouble.clone()));
            }
        }
    }

    fn feed_keys(&mut self, table: &str, lines: Lines<'_>) {
        for ((_, column), target) in self.targets.iter_mut().filter(|((of, _), _)| of == table) {
            let Some(cell) = target.cell else { continue };
            for row in lines.rows() {
                match cell.value(&row) {
                    Ok(value) => target.values.extend(test::text(&value).map(|text| test::hash([text.as_ref()]))),
                    Err(()) => target.trouble = Some(format!("not every {column} of the table {table} can be read")),
                }
            }
        }
    }

    fn feed_rows(&mut self, table: &str, number: u16, file: &str, lines: Lines<'_>) {
        let key = key_position(&self.setting, table);
        let targets = &self.targets;
        for asked in &mut self.asked {
            let Some(tests) = asked.tables.remove(table) else { continue };
            for row in lines.rows() {
                asked.look(&tests, &row, targets, &Here { number, file, lines, key });
            }
            asked.tables.insert(table.to_owned(), tests);
        }
    }

    /// Returns what was counted for each difference, in the order in which they were asked.
    #[must_use]
    pub fn finish(self) -> Vec<Count> {
        self.asked.into_iter().map(Asked::finish).collect()
    }
}

fn key_position(setting: &Setting<'_>, table: &str) -> usize {
    let function = setting.script.function(table);
    setting.keys.get(table).and_then(|name| function?.position(name)).unwrap_or_default()
}

/// The file that is being read.
struct Here<'a> {
    number: u16,
    file: &'a str,
    lines: Lines<'a>,
    key: usize,
}

/// Whole lines of a file, behind so many others.
#[derive(Clone, Copy)]
struct Lines<'a> {
    bytes: &'a [u8],
    before: u64,
}

impl<'a> Lines<'a> {
    const fn rows(self) -> dump::Rows<'a> {
        dump::Rows::after(self.bytes, self.before)
    }
}

impl Here<'_> {
    fn example(&self, row: &Row<'_>) -> Example {
        let raw = row.arguments.and_then(|arguments| literal::argument(arguments, self.key));
        Example { file: self.file.to_owned(), line: row.line, key: plain(raw.unwrap_or_default()).into_owned() }
    }
}

impl Asked {
    fn look(&mut self, tests: &[Test], row: &Row<'_>, targets: &BTreeMap<(String, String), Target>, here: &Here<'_>) {
        if row.arguments.is_none() {
            self.trouble.get_or_insert_with(|| format!("line {} of {} is cut off", row.line, here.file));
            return;
        }
        let mut answer = Answer::No;
        for test in tests {
            let said = match test {
                Test::Equal(cells) => {
                    self.look_for_equals(cells, row, here);
                    continue;
                }
                Test::Dangling(cell, target) | Test::Taken(cell, target) => {
                    targets.get(target).map_or(Answer::No, |target| {
                        if let Some(trouble) = &target.trouble {
                            self.trouble.get_or_insert_with(|| trouble.clone());
                        }
                        test::meets(*cell, row, &target.values, matches!(test, Test::Taken(..)))
                    })
                }
                other => other.row(row),
            };
            match said {
                Answer::Yes => {
                    answer = Answer::Yes;
                    break;
                }
                Answer::Doubt(_) | Answer::Broken => answer = said,
                Answer::No => {}
            }
        }
        match answer {
            Answer::No => {}
            Answer::Yes => self.take(row, here),
            Answer::Doubt(why) => {
                self.doubtful += 1;
                self.doubt = Some(why);
            }
            Answer::Broken => {
                self.trouble.get_or_insert_with(|| format!("line {} of {} cannot be read", row.line, here.file));
            }
        }
    }

    fn take(&mut self, row: &Row<'_>, here: &Here<'_>) {
        self.touched += 1;
        self.file.get_or_insert_with(|| here.file.to_owned());
        if self.examples.len() < EXAMPLES {
            self.examples.push(here.example(row));
        }
    }

    fn look_for_equals(&mut self, cells: &[Cell], row: &Row<'_>, here: &Here<'_>) {
        let hash = match test::hash_of(cells, row) {
            Ok(Some(hash)) => hash,
            Ok(None) => return,
            Err(()) => {
                self.trouble.get_or_insert_with(|| format!("line {} of {} cannot be read", row.line, here.file));
                return;
            }
        };
        let line = u32::try_from(row.line.min(ROWS)).unwrap_or(u32::MAX);
        let first = match self.equal.entry(hash) {
            Entry::Vacant(place) => {
                place.insert(Seen { file: here.number, counted: false, line });
                return;
            }
            Entry::Occupied(mut place) => {
                let first = *place.get();
                place.get_mut().counted = true;
                first
            }
        };
        if !first.counted {
            self.touched += 1;
            self.earlier += 1;
            // The first one of another file, or of lines fed before, was passed too long ago to be shown.
            let room = self.examples.len() < EXAMPLES && first.file == here.number;
            let line = u64::from(first.line);
            let known = if room { here.lines.rows().find(|row| row.line == line) } else { None };
            self.examples.extend(known.map(|row| here.example(&row)));
        }
        self.take(row, here);
    }

    fn finish(self) -> Count {
        let touched = match (self.trouble, self.doubt) {
            (Some(trouble), _) => Touched::Unknown(trouble),
            (None, Some(why)) if self.doubtful > 0 => {
                let rows = if self.doubtful == 1 { "1 row".to_owned() } else { format!("{} rows", self.doubtful) };
                Touched::Unknown(format!("{rows} {why}"))
            }
            _ => Touched::Rows(self.touched),
        };
        Count { touched, later: self.touched - self.earlier, examples: self.examples, file: self.file }
    }
}
