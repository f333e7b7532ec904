//! Reads one row file for the index: where the rows begin, by the values that are asked for, in little memory whatever
//! the length of a row.

use std::fs::{File, Metadata};
use std::hash::BuildHasher;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use foldhash::quality::FixedState;
use memchr::{memchr_iter, memchr2};

use super::row::{self, START};
use crate::dump::{Script, literal};
use crate::triage;

/// How much is read at once; fits into the cache of a core.
const BLOCK: usize = 1 << 20;
/// After so many bytes the number of the line is noted again.
const APART: u64 = 64 << 10;

/// What tells whether a file is the one that was read: its size, when it was changed, and which it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp(u64, i64, i64, u64);

impl Stamp {
    pub fn of(data: &Metadata) -> Self {
        Self(data.size(), data.mtime(), data.mtime_nsec(), data.ino())
    }
}

/// A value of a row, and where the row begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    /// The mark of the value. Two texts may share one: who finds it looks again.
    pub mark: u64,
    /// The byte of the file.
    pub at: u64,
}

/// The line that begins at a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub at: u64,
    pub line: u64,
}

/// What is known of a row file.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    /// Sorted, for each value that was asked for.
    pub columns: Vec<Vec<Entry>>,
    /// Lines, from the first one on, so that each is near one of them.
    pub lines: Vec<Place>,
}

/// Makes a mark of a value as a row file writes it, so that equal values have equal marks; none for `None`.
pub(super) fn mark(script: &Script, raw: &[u8]) -> Option<u64> {
    let inner = match raw {
        [quote @ (b'\'' | b'"'), inner @ .., end] if quote == end && memchr2(*quote, b'\\', inner).is_none() => inner,
        b"None" | b"" => return None,
        _ if is_number(raw) => raw,
        _ => return Some(mark_of(&triage::text(script, raw)?)),
    };
    Some(mark_of_bytes(inner))
}

/// Tells whether this is a whole number as Python and a database write it.
fn is_number(raw: &[u8]) -> bool {
    let digits = raw.strip_prefix(b"-").unwrap_or(raw);
    digits.iter().all(u8::is_ascii_digit) && (raw == b"0" || digits.first().is_some_and(|first| *first != b'0'))
}

/// Makes a mark of a value as the database shows it.
pub(super) fn mark_of(text: &str) -> u64 {
    mark_of_bytes(text.as_bytes())
}

fn mark_of_bytes(text: &[u8]) -> u64 {
    // Small numbers are marked by themselves: rows are in their order mostly, and then nothing has to be sorted.
    const DIGITS: usize = 18;
    let plain = match text {
        [b'0'] => true,
        [b'1'..=b'9', rest @ ..] => rest.len() < DIGITS && rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if plain {
        return text.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
    }
    // The first bit keeps texts and numbers apart.
    FixedState::with_seed(0).hash_one(text) | 1 << 63
}

/// Reads a file to its end. `places` says which values of the rows of `table` are wanted, in ascending order.
pub(super) fn scan(path: &Path, script: &Script, table: &[u8], places: &[usize]) -> io::Result<(Scanned, Stamp)> {
    let file = File::open(path)?;
    let stamp = Stamp::of(&file.metadata()?);
    let mut found = Scanned { columns: vec![Vec::new(); places.len()], lines: Vec::new() };
    let mut reader = Reader { file: &file, script, table, places, found: &mut found, line: 1, begin: true };
    reader.read()?;
    for column in &mut found.columns {
        column.shrink_to_fit();
        if !column.is_sorted() {
            column.sort_unstable();
        }
    }
    found.lines.shrink_to_fit();
    Ok((found, stamp))
}

struct Reader<'a> {
    file: &'a File,
    script: &'a Script,
    table: &'a [u8],
    /// Which values are wanted.
    places: &'a [usize],
    found: &'a mut Scanned,
    /// The line that is read.
    line: u64,
    /// Whether the next byte begins a line.
    begin: bool,
}

impl Reader<'_> {
    fn read(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; BLOCK];
        // The byte of the file at the beginning of the buffer, and how much of the buffer is filled.
        let (mut at, mut filled) = (0, 0);
        loop {
            let free = buffer.get_mut(filled..).unwrap_or_default();
            let count = match self.file.read_at(free, at + filled as u64) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                count => count?,
            };
            filled += count;
            let ended = count == 0;
            if !ended && filled < buffer.len() {
                continue;
            }
            let bytes = buffer.get(..filled).unwrap_or_default();
            let mut used = self.lines(bytes, at)?;
            if (ended || used == 0) && used < filled {
                // The last line, or one that is longer than the buffer: its end is not needed to know its beginning.
                self.note(at + used as u64);
                self.row(bytes.get(used..).unwrap_or_default(), at + used as u64, false)?;
                self.begin = false;
                used = filled;
            }
            if ended {
                return Ok(());
            }
            buffer.copy_within(used..filled, 0);
            at += used as u64;
            filled -= used;
        }
    }

    /// Reads the whole lines of a block that begins at a byte of the file; returns how many bytes they have.
    fn lines(&mut self, bytes: &[u8], at: u64) -> io::Result<usize> {
        let mut start = 0;
        for end in memchr_iter(b'\n', bytes) {
            let line = bytes.get(start..end).unwrap_or_default();
            if self.begin {
                self.note(at + start as u64);
                self.row(line, at + start as u64, true)?;
            }
            self.begin = true;
            self.line += 1;
            start = end + 1;
        }
        Ok(start)
    }

    fn note(&mut self, at: u64) {
        if self.begin && self.found.lines.last().is_none_or(|last| at >= last.at + APART) {
            self.found.lines.push(Place { at, line: self.line });
        }
    }

    /// Takes a line that may be a row; `whole` tells whether its end is there.
    fn row(&mut self, line: &[u8], at: u64, whole: bool) -> io::Result<()> {
        if !self.begin || self.places.is_empty() {
            return Ok(());
        }
        let call = line.strip_prefix(START).and_then(|call| call.strip_prefix(self.table)?.strip_prefix(b"("));
        let Some(arguments) = call else { return Ok(()) };
        let arguments = arguments.strip_suffix(b"\r").unwrap_or(arguments);
        match arguments.strip_suffix(b"))").filter(|_| whole) {
            Some(arguments) => self.values(arguments, at),
            None => return self.odd(at),
        }
        Ok(())
    }

    fn values(&mut self, arguments: &[u8], at: u64) {
        let mut wanted = self.places.iter().zip(&mut self.found.columns).peekable();
        for (place, raw) in literal::arguments(arguments).enumerate() {
            let Some((_, column)) = wanted.next_if(|(wanted, _)| **wanted == place) else { continue };
            column.extend(mark(self.script, raw).map(|mark| Entry { mark, at }));
            if wanted.peek().is_none() {
                break;
            }
        }
    }

    /// Takes a row that does not end with its line, or is very long.
    fn odd(&mut self, at: u64) -> io::Result<()> {
        let row = row::read(self.file, at)?;
        if !row.cut {
            if let Some((_, arguments)) = row.call() {
                self.values(arguments, at);
            }
            return Ok(());
        }
        let last = self.places.last().copied().unwrap_or_default();
        let behind = (START.len() + self.table.len() + 1) as u64;
        let file = FileFrom { file: self.file, at: at + behind };
        for (place, raw) in stream(BufReader::with_capacity(BLOCK, file), last)? {
            if let Ok(column) = self.places.binary_search(&place)
                && let Some(column) = self.found.columns.get_mut(column)
            {
                column.extend(mark(self.script, &raw).map(|mark| Entry { mark, at }));
            }
        }
        Ok(())
    }
}

/// Reads a file from a byte on.
struct FileFrom<'a> {
    file: &'a File,
    at: u64,
}

impl Read for FileFrom<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(into, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

/// Reads the arguments of a row without keeping those that are too long for a key, up to place `last`.
fn stream(from: impl BufRead, last: usize) -> io::Result<Vec<(usize, Vec<u8>)>> {
    /// Longer values are no keys.
    const KEPT: usize = 16 << 10;
    let mut found = Vec::new();
    let (mut raw, mut length) = (Vec::new(), 0_usize);
    let (mut depth, mut place) = (0_u32, 0);
    let (mut quote, mut escaped) = (None, false);
    for byte in from.bytes() {
        let byte = byte?;
        let mut ends = false;
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if byte == b'\\' => escaped = true,
            Some(open) if byte == open => quote = None,
            Some(_) => {}
            None => match byte {
                b'\'' | b'"' => quote = Some(byte),
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' | b',' if depth == 0 => ends = true,
                b')' | b']' | b'}' => depth -= 1,
                _ => {}
            },
        }
        if !ends {
            length += 1;
            if length <= KEPT {
                raw.push(byte);
            }
            continue;
        }
        if length <= KEPT {
            found.push((place, raw.trim_ascii().to_vec()));
        }
        if byte != b',' || place == last {
            break;
        }
        place += 1;
        raw.clear();
        length = 0;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_have_equal_marks() {
        let script = Script::read("shop_Sale = resolve_model(\"shop.Sale\")\n");
        for (raw, text) in [
            ("7", "7"),
            ("'7'", "7"),
            ("0", "0"),
            ("-7", "-7"),
            ("'007'", "007"),
            ("999999999999999999", "999999999999999999"),
            ("9999999999999999999", "9999999999999999999"),
            (r"'a\'b, \xe9'", "a'b, é"),
            ("\"it's\"", "it's"),
            ("'Nõue 0, osa «0»'", "Nõue 0, osa «0»"),
            ("date(2024,1,2)", "2024-01-02"),
            ("''", ""),
            ("shop_Sale", "shop.Sale"),
            ("settings", "settings"),
            // A hand may have written these.
            ("1_000", "1000"),
            ("0x10", "16"),
            ("-0", "0"),
            ("'a' 'b'", "ab"),
            ("\"\"\"a\"\"\"", "a"),
        ] {
            assert_eq!(mark(&script, raw.as_bytes()), Some(mark_of(text)), "{raw}");
        }
        assert_eq!(mark(&script, b"None"), None);
        let different = ["7", "-7", "07", "", "70", "a"].map(mark_of);
        let all: std::collections::BTreeSet<u64> = different.into_iter().collect();
        assert_eq!(all.len(), different.len());
    }

    type Pairs = Vec<(u64, u64)>;

    fn found(text: &[u8], places: &[usize]) -> (Vec<Pairs>, Pairs) {
        let dir = assert_fs::TempDir::new().unwrap();
        let path = dir.path().join("a.py");
        std::fs::write(&path, text).unwrap();
        let (found, _) = scan(&path, &Script::default(), b"a", places).unwrap();
        let columns = found.columns.iter().map(|column| column.iter().map(|it| (it.mark, it.at)).collect()).collect();
        (columns, found.lines.iter().map(|place| (place.at, place.line)).collect())
    }

    #[test]
    fn rows_of_the_table_are_found_by_each_value() {
        let text = b"# loader.save(create_a(9,9))\nloader.save(create_a(2,None))\nloader.save(create_a(1,5))\n\
            loader.save(create_b(3,3))\nloader.save(create_ab(3,3))\nloader.save(create_a(4,\n  6))\n\
            loader.save(create_a(7,'x\nloader.save(create_a(8,'9'))";
        let (columns, lines) = found(text, &[0, 1]);
        assert_eq!(columns[0], [(1, 59), (2, 29), (4, 141), (7, 171), (8, 197)]);
        assert_eq!(columns[1], [(5, 59), (6, 141), (9, 197)]);
        assert_eq!(lines, [(0, 1)]);
        assert_eq!(found(text, &[]), (vec![], vec![(0, 1)]));
        assert_eq!(found(b"", &[0]), (vec![vec![]], vec![]));
    }

    #[test]
    fn rows_longer_than_any_buffer_are_found_by_the_values_behind_the_long_one() {
        let long = format!("[\"{}\",'\\'']", "é)'(".repeat(1 << 20));
        let text = format!(
            "loader.save(create_a(1,'a','b'))\nloader.save(create_a(2,{long},'last'))\nloader.save(create_a(3,'{}'",
            "x".repeat(2 << 20)
        );
        let (columns, lines) = found(text.as_bytes(), &[0, 2]);
        let third = text.rfind("loader").unwrap() as u64;
        assert_eq!(columns[0], [(1, 0), (2, 33), (3, third)]);
        let mut expected = [(mark_of("b"), 0), (mark_of("last"), 33)];
        expected.sort_unstable();
        assert_eq!(columns[1], expected);
        assert_eq!(lines, [(0, 1), (third, 3)]);
    }
}
