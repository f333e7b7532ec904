//! Reads one row file of any size in little memory: rows, keys, and what is wrong with it.

use std::io::{self, Read};
use std::ops::Range;

use super::archive::Content;
use super::verify::{LISTED, Problem};
use crate::dump::{Heading, Key, Row, Rows, announced, literal};

/// How much is looked at at once; fits into the cache of a core, so that what was unpacked is read again for nothing.
const BLOCK: usize = 1 << 20;
/// How long a line may be: more could not be kept in memory.
const LONGEST: usize = 1 << 30;
/// How the row files of `dump2py --simulate` begin their only statement.
const WITHOUT_DATA: &[u8] = b"raise Exception(\"The data of table ";

/// What a row file has.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Its rows.
    pub rows: u64,
    /// How many rows it says the table has, in all its files.
    pub announced: Option<u64>,
    /// Keys that are numbers, in the order of the file.
    pub numbers: Vec<i64>,
    /// Hashes of the keys that are texts.
    pub texts: Vec<u64>,
    /// Whether all keys are of a kind that can be compared.
    pub comparable: bool,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

/// What is known of a row file before it is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'a> {
    /// Its name in the snapshot.
    pub name: &'a str,
    /// Its table.
    pub table: &'a str,
    /// Which argument is the key.
    pub key: usize,
}

impl Subject<'_> {
    fn problem(&self, line: Option<u64>, message: impl Into<String>) -> Problem {
        Problem { path: self.name.to_owned(), line, message: message.into() }
    }

    /// Reads the file to its end, by way of `block`.
    pub fn scan(&self, mut from: Content<'_>, block: &mut Block) -> io::Result<Scan> {
        let mut found = Scan { comparable: true, ..Scan::default() };
        let mut listed = Vec::new();
        let mut valid = true;
        let mut whole_lines = Lines::new(block);
        let mut head = true;
        let mut line = 0;
        while let Some(block) = whole_lines.next(&mut from)? {
            if std::mem::take(&mut head) {
                self.head(block, &mut found);
            }
            valid = valid && simdutf8::basic::from_utf8(block).is_ok();
            let mut rows = Rows::after(block, line);
            for row in rows.by_ref() {
                self.row(row, &mut found, &mut listed);
            }
            line = rows.line();
        }
        if head {
            self.head(&[], &mut found);
        }
        if !valid {
            found.problems.push(self.problem(None, "It is not valid UTF-8."));
        }
        found.problems.append(&mut listed);
        Ok(found)
    }

    fn head(&self, block: &[u8], found: &mut Scan) {
        found.announced = announced(block);
        if let Some(objects) = found.announced {
            // A table is split into files of about the same size.
            let parts = Heading::read(block).and_then(|heading| heading.part).map_or(1, |(_, parts)| parts.max(1));
            let expected = usize::try_from(objects / u64::from(parts)).unwrap_or_default();
            found.numbers.reserve(expected.min(1 << 20));
        } else {
            found.problems.push(self.problem(None, "It does not say how many rows it should have."));
        }
        if block.split(|byte| *byte == b'\n').take(8).any(|line| line.starts_with(WITHOUT_DATA)) {
            let text = "It has no rows, only an error: it was made with --simulate or --tolerate.";
            found.problems.push(self.problem(None, text));
        }
    }

    fn row(&self, row: Row<'_>, found: &mut Scan, listed: &mut Vec<Problem>) {
        let mut say = |message: String| {
            if listed.len() < LISTED {
                listed.push(self.problem(Some(row.line), message));
            }
        };
        let Some(arguments) = row.arguments else { return say("The row is cut off.".into()) };
        if row.table != self.table.as_bytes() {
            let other = crate::messages::line::plain(row.table);
            say(format!("The row belongs to table {other}, the file to {}.", self.table));
        }
        found.rows += 1;
        match literal::argument(arguments, self.key).map(Key::read) {
            None => say("The row is cut off.".into()),
            Some(Some(Key::Number(number))) => found.numbers.push(number),
            Some(Some(Key::Text(hash))) => found.texts.push(hash),
            Some(None) => found.comparable = false,
        }
    }

    /// Reads the file again for rows whose keys are told to come twice; says which do, with their lines. `seen` are the
    /// texts of those keys in the files before it.
    pub fn doubles(
        &self,
        mut from: Content<'_>,
        wanted: &dyn Fn(Key) -> bool,
        seen: &mut std::collections::HashSet<String>,
    ) -> io::Result<Vec<Problem>> {
        let mut problems = Vec::new();
        let mut block = Block::default();
        let mut whole_lines = Lines::new(&mut block);
        let mut line = 0;
        while let Some(block) = whole_lines.next(&mut from)? {
            let mut rows = Rows::after(block, line);
            for row in rows.by_ref() {
                let Some(raw) = row.arguments.and_then(|arguments| literal::argument(arguments, self.key)) else {
                    continue;
                };
                let Some(text) = Key::read(raw).filter(|key| wanted(*key)).and_then(|_| literal::key(raw)) else {
                    continue;
                };
                if !seen.insert(text.clone()) && problems.len() < LISTED {
                    let shown: String = crate::messages::line::plain(text.as_bytes()).chars().take(200).collect();
                    let message = format!("The key {shown} of table {} comes twice.", self.table);
                    problems.push(self.problem(Some(row.line), message));
                }
            }
            line = rows.line();
        }
        Ok(problems)
    }
}

/// Memory for a block, which several files use one after the other.
pub(super) struct Block(Vec<u8>);

impl Default for Block {
    fn default() -> Self {
        Self(vec![0; BLOCK])
    }
}

impl Block {
    /// Returns what [`Filling::next`] has put there.
    pub fn get(&self, filled: Range<usize>) -> &[u8] {
        self.0.get(filled).unwrap_or_default()
    }
}

/// Gives a file in blocks of whole lines; only its last line may have no end.
pub(super) struct Lines<'a> {
    block: &'a mut Block,
    filling: Filling,
}

impl<'a> Lines<'a> {
    /// Begins a file.
    pub fn new(block: &'a mut Block) -> Self {
        Self { block, filling: Filling::default() }
    }

    /// Reads on; none when the file has ended.
    pub fn next<'s, 'f: 's>(&'s mut self, from: &mut Content<'f>) -> io::Result<Option<&'s [u8]>> {
        match from {
            Content::Whole(rest) => Ok(cut(rest, BLOCK)),
            Content::Pieces(from) => {
                let filled = self.filling.next(self.block, *from)?;
                Ok(filled.map(|filled| self.block.get(filled)))
            }
        }
    }
}

/// How far a block is filled with a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Filling {
    /// What was read and not given yet.
    filled: Range<usize>,
    ended: bool,
}

impl Filling {
    /// Reads on, and tells where in the block the next whole lines are; none when the file has ended.
    pub fn next(&mut self, block: &mut Block, from: &mut dyn Read) -> io::Result<Option<Range<usize>>> {
        let buffer = &mut block.0;
        buffer.copy_within(self.filled.clone(), 0);
        self.filled = 0..self.filled.len();
        // Where to look for the end of a line: what is before was looked at.
        let mut looked = 0;
        loop {
            if self.ended {
                let rest = std::mem::take(&mut self.filled);
                return Ok(if rest.is_empty() { None } else { Some(rest) });
            }
            if self.filled.end == buffer.len() {
                // A line that is longer than the block.
                if buffer.len() >= LONGEST {
                    return Err(io::Error::other("a line of it is longer than any row can be"));
                }
                buffer.resize(2 * buffer.len(), 0);
            }
            let free = buffer.get_mut(self.filled.end..).unwrap_or_default();
            match from.read(free) {
                Ok(0) => self.ended = true,
                Ok(count) => self.filled.end += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            // A short read is cheaper to fill up than to carry on.
            if !self.ended && self.filled.end < buffer.len() {
                continue;
            }
            let new = buffer.get(looked..self.filled.end).unwrap_or_default();
            if let Some(at) = memchr::memrchr(b'\n', new) {
                let end = looked + at + 1;
                self.filled.start = end;
                return Ok(Some(0..end));
            }
            looked = self.filled.end;
        }
    }
}

/// Cuts whole lines off, about so many bytes; none at the end.
fn cut<'a>(rest: &mut &'a [u8], about: usize) -> Option<&'a [u8]> {
    let (near, far) = rest.split_at(rest.len().min(about));
    let end = match memchr::memrchr(b'\n', near) {
        Some(at) => at + 1,
        None => memchr::memchr(b'\n', far).map_or(rest.len(), |at| near.len() + at + 1),
    };
    let (lines, after) = rest.split_at(end);
    *rest = after;
    (!lines.is_empty()).then_some(lines)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::*;

    /// Gives a few bytes at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let count = self.0.len().min(self.1).min(into.len());
            let (now, rest) = self.0.split_at(count);
            into[..count].copy_from_slice(now);
            self.0 = rest;
            Ok(count)
        }
    }

    proptest! {
        #[test]
        fn blocks_are_whole_lines_and_together_the_file(text in "[ab\n]{0,80}", step in 1_usize..9) {
            let mut block = Block(vec![0; 4]);
            let mut lines = Lines::new(&mut block);
            let mut file = Slow(text.as_bytes(), step);
            let mut all = Vec::new();
            while let Some(block) = lines.next(&mut Content::Pieces(&mut file)).unwrap() {
                prop_assert!(all.is_empty() || all.last() == Some(&b'\n'));
                all.extend_from_slice(block);
            }
            prop_assert_eq!(all, text.as_bytes());
        }

        #[test]
        fn what_is_in_memory_is_cut_into_whole_lines(text in "[ab\n]{0,80}", about in 1_usize..9) {
            let mut rest = text.as_bytes();
            let mut all = Vec::new();
            while let Some(lines) = cut(&mut rest, about) {
                prop_assert!(!lines.is_empty() && (all.is_empty() || all.last() == Some(&b'\n')));
                all.extend_from_slice(lines);
            }
            prop_assert_eq!(all, text.as_bytes());
        }
    }

    /// What is found in a file that is in memory, and in one that comes in pieces of some bytes.
    fn both(bytes: &[u8]) -> [Scan; 2] {
        let subject = Subject { name: "a_b.py", table: "a_b", key: 0 };
        let mut block = Block::default();
        [Content::Whole(bytes), Content::Pieces(&mut Slow(bytes, 1000))]
            .map(|content| subject.scan(content, &mut block).unwrap())
    }

    #[test]
    fn letters_at_the_limit_of_a_block_are_whole_and_broken_ones_are_noticed() {
        let head = b"logger.info(\"Loading 2 objects to table a_b...\")\nloader.save(create_a_b(1,'";
        let tail = "'))\nloader.save(create_a_b(2,'ß'))\n".as_bytes();
        let problem = Problem { path: "a_b.py".to_owned(), line: None, message: "It is not valid UTF-8.".to_owned() };
        for before in 0..4 {
            let fill = vec![b'x'; BLOCK - head.len() - before];
            for (letter, expected) in [("€".as_bytes(), vec![]), (&"€".as_bytes()[..2], vec![problem.clone()])] {
                let text = [head.as_slice(), &fill, letter, tail].concat();
                for found in both(&text) {
                    assert_eq!((found.rows, found.numbers, found.problems), (2, vec![1, 2], expected.clone()));
                }
            }
        }
    }

    #[test]
    fn a_file_in_blocks_is_read_as_one_in_memory() {
        let mut text = "logger.info(\"Loading 20000 objects to table a_b...\")\n".to_owned();
        for number in 0..20_000 {
            writeln!(text, "loader.save(create_a_b({number},'some text that fills the line'))").unwrap();
        }
        text.push_str("loader.save(create_a_b(7,'x'\nloader.save(create_c(8))\n");
        for found in both(text.as_bytes()) {
            assert_eq!((found.rows, found.announced, found.comparable), (20_001, Some(20_000), true));
            assert_eq!(found.numbers.iter().sum::<i64>(), 20_000 * 19_999 / 2 + 8);
            let problems: Vec<_> = found.problems.into_iter().map(|problem| (problem.line, problem.message)).collect();
            let belongs = "The row belongs to table c, the file to a_b.";
            assert_eq!(problems, [(Some(20_002), "The row is cut off.".into()), (Some(20_003), belongs.into())]);
        }
    }
}
