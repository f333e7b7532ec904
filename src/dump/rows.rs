//! Row files: every `loader.save(create_TABLE(…))` line, at memory speed and without copying.

use memchr::memchr;

use super::literal;
use super::place::{Problem, characters};
use super::value::{Value, Values};

/// One line that should be a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// The line's number, from 1.
    pub line: u64,
    /// The table in the call's name.
    pub table: &'a [u8],
    /// The arguments, without the parentheses; none when the line is broken off.
    pub arguments: Option<&'a [u8]>,
}

const START: &[u8] = b"loader.save(create_";

impl<'a> Row<'a> {
    /// Reads its values, one after the other and only as far as they are asked for.
    #[must_use]
    pub fn values(&self) -> Values<'a> {
        let column = self.column();
        match self.arguments {
            Some(arguments) => Values::new(arguments, self.line, column),
            None => Values::broken(self.table, self.line, 1 + START.len() as u64, "the row is cut off"),
        }
    }

    /// Reads one value, decoding none of those before it; none when the row has fewer or is broken off there.
    #[must_use]
    pub fn value(&self, index: usize) -> Option<Result<Value<'a>, Problem>> {
        let arguments = self.arguments?;
        let raw = literal::argument(arguments, index)?;
        let before = raw.as_ptr().addr().checked_sub(arguments.as_ptr().addr())?;
        Values::new(raw, self.line, self.column() + characters(arguments.get(..before)?) as u64).next()
    }

    /// Returns the column of its first argument.
    fn column(&self) -> u64 {
        (START.len() + characters(self.table)) as u64 + 2
    }
}

/// Iterates over the rows of a file that is in memory.
#[derive(Clone, Debug)]
pub struct Rows<'a> {
    rest: &'a [u8],
    line: u64,
}

impl<'a> Rows<'a> {
    /// Begins at the start of a file.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, line: 0 }
    }

    /// Begins behind the first `line` lines of a file that is given in pieces.
    #[must_use]
    pub const fn after(bytes: &'a [u8], line: u64) -> Self {
        Self { rest: bytes, line }
    }

    /// Returns the number of the line that was read last.
    #[must_use]
    pub const fn line(&self) -> u64 {
        self.line
    }
}

impl<'a> Iterator for Rows<'a> {
    type Item = Row<'a>;

    fn next(&mut self) -> Option<Row<'a>> {
        while !self.rest.is_empty() {
            self.line += 1;
            let end = memchr(b'\n', self.rest).unwrap_or(self.rest.len());
            let (line, rest) = self.rest.split_at(end);
            self.rest = rest.get(1..).unwrap_or_default();
            if let Some(call) = line.strip_prefix(START) {
                let call = call.strip_suffix(b"\r").unwrap_or(call);
                let open = memchr(b'(', call).unwrap_or(call.len());
                let (table, arguments) = call.split_at(open);
                let arguments = arguments.strip_prefix(b"(").and_then(|inner| inner.strip_suffix(b"))"));
                return Some(Row { line: self.line, table, arguments });
            }
        }
        None
    }
}

/// Where the heading of a row file ends at the latest.
const HEAD: usize = 4096;

/// Returns N of the file's first line `Loading N objects…`; N counts all parts of a table that is split.
#[must_use]
pub fn announced(bytes: &[u8]) -> Option<u64> {
    let head = bytes.get(..bytes.len().min(HEAD))?;
    let at = memchr::memmem::find(head, b"logger.info(\"Loading ")? + b"logger.info(\"Loading ".len();
    let digits: Vec<u8> = head.get(at..)?.iter().copied().take_while(u8::is_ascii_digit).collect();
    std::str::from_utf8(&digits).ok()?.parse().ok()
}

/// What the first lines of a row file say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heading<'a> {
    /// The rows of the table, in all its files.
    pub objects: u64,
    /// Which file of how many this is.
    pub part: Option<(u32, u32)>,
    /// The table.
    pub table: &'a str,
    /// The fields, by their names: a foreign key without `_id`.
    pub fields: Vec<&'a str>,
}

impl<'a> Heading<'a> {
    /// Reads the heading of a row file; none when it has none.
    #[must_use]
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut lines = bytes.split(|byte| *byte == b'\n').take(4).filter_map(|line| std::str::from_utf8(line).ok());
        let said = lines.find_map(|line| line.strip_prefix("logger.info(\"Loading "))?;
        let (objects, rest) = said.split_once(" objects")?;
        let (part, table) = rest.split_once(" to table ")?;
        let numbers = part.strip_prefix(" (part ").and_then(|part| part.strip_suffix(')')?.split_once(" of "));
        let names = lines.next().and_then(|line| line.strip_prefix("# fields: ")).unwrap_or_default().trim_end();
        Some(Self {
            objects: objects.parse().ok()?,
            part: numbers.and_then(|(part, parts)| Some((part.parse().ok()?, parts.parse().ok()?))),
            table: table.trim_end().strip_suffix("...\")")?,
            fields: names.split(", ").filter(|name| !name.is_empty()).collect(),
        })
    }
}

/// Lines of a row file that are no rows and that `dump2py` does not write, with their numbers from 1: what a hand
/// has added or commented out, and the error that stands in place of rows.
pub fn others(bytes: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    (1..).zip(bytes.split(|byte| *byte == b'\n')).filter(|(number, line)| {
        let line = line.trim_ascii_end();
        let head = [&b"# -*- coding: UTF-8 -*-"[..], b"# fields: ", b"logger.info(\"Loading "];
        let written = line.is_empty()
            || line.starts_with(START)
            || line == b"loader.flush_deferred_objects()"
            || *number <= 4 && head.iter().any(|start| line.starts_with(start));
        !written
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rows_are_found_with_their_line_and_arguments() {
        let file = b"# -*- coding: UTF-8 -*-\nlogger.info(\"Loading 3 objects to table a_b...\")\n\
            loader.save(create_a_b(1,'loader.save(create_a_b(9)'))\n# loader.save(create_a_b(2))\n\
            loader.save(create_a_b(3,'x'))\r\nloader.save(create_a_b(4,'x";
        let rows: Vec<_> = Rows::new(file).collect();
        let row = |line, arguments| Row { line, table: b"a_b", arguments };
        assert_eq!(
            rows,
            [row(3, Some(&b"1,'loader.save(create_a_b(9)'"[..])), row(5, Some(&b"3,'x'"[..])), row(6, None)]
        );
        assert_eq!(announced(file), Some(3));
        assert_eq!(announced(b"nothing"), None);
    }

    #[test]
    fn a_comment_that_hides_the_end_of_a_row_is_a_problem() {
        let row = Rows::new(b"loader.save(create_a(1,2 # why))").next().unwrap();
        let problem = Problem { line: 1, column: 26, text: "'#' is not expected here".into() };
        assert_eq!(row.values().collect::<Vec<_>>(), [Ok(Value::Int(1)), Err(problem)]);
    }

    #[test]
    fn headings_are_read_and_other_lines_are_told() {
        let file = b"# -*- coding: UTF-8 -*-\nlogger.info(\"Loading 5 objects (part 2 of 3) to table a_b...\")\n\
            # fields: id, country\nloader.save(create_a_b(1,'x'))\n# loader.save(create_a_b(2,'y'))\n\
            raise Exception(\"no\")\n\nloader.flush_deferred_objects()\n";
        let heading = Heading { objects: 5, part: Some((2, 3)), table: "a_b", fields: vec!["id", "country"] };
        assert_eq!(Heading::read(file), Some(heading));
        let found: Vec<_> = others(file).collect();
        assert_eq!(found, [(5, &b"# loader.save(create_a_b(2,'y'))"[..]), (6, b"raise Exception(\"no\")")]);
        assert_eq!(Heading::read(b"x\n"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let text = [b"loader.save(create_a(".as_slice(), &bytes].concat();
            for row in Rows::new(&text) {
                if let Some(arguments) = row.arguments {
                    for index in 0..4 {
                        let _ = crate::dump::literal::argument(arguments, index).and_then(crate::dump::literal::key);
                    }
                }
            }
        }
    }
}
