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

/// Returns N of the file's first line `Loading N objects…`; N counts all parts of a table that is split.
#[must_use]
pub fn announced(bytes: &[u8]) -> Option<u64> {
    let head = bytes.get(..bytes.len().min(4096))?;
    let at = memchr::memmem::find(head, b"logger.info(\"Loading ")? + b"logger.info(\"Loading ".len();
    let digits: Vec<u8> = head.get(at..)?.iter().copied().take_while(u8::is_ascii_digit).collect();
    std::str::from_utf8(&digits).ok()?.parse().ok()
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
