//! Lines of a row file, as an account looks at them: rows, what is none, and where they are.

use memchr::memchr;

use super::super::Key;
use super::super::literal;

/// Bits of a place that are for the byte in the file.
const OFFSET_BITS: u32 = 40;
/// Bits that are for the file.
const FILE_BITS: u32 = 23;

/// Where a row begins: the file of its table, from 0, and the byte in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The file.
    pub file: u32,
    /// The byte.
    pub offset: u64,
}

impl Place {
    /// Packs it with a flag into 64 bits; none when the file is too large for that, or there are too many.
    pub(super) fn packed(self, flag: bool) -> Option<u64> {
        let fits = self.offset >> OFFSET_BITS == 0 && self.file >> FILE_BITS == 0;
        let flag = u64::from(flag) << (OFFSET_BITS + FILE_BITS);
        fits.then_some(flag | u64::from(self.file) << OFFSET_BITS | self.offset)
    }

    /// Unpacks it and the flag.
    pub(super) fn unpacked(bits: u64) -> (Self, bool) {
        let file = u32::try_from((bits >> OFFSET_BITS) & ((1 << FILE_BITS) - 1)).unwrap_or_default();
        (Self { file, offset: bits & ((1 << OFFSET_BITS) - 1) }, bits >> (OFFSET_BITS + FILE_BITS) == 1)
    }
}

/// Whole lines of a row file.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    /// Their bytes.
    pub bytes: &'a [u8],
    /// Where they begin.
    pub place: Place,
    /// The number of the first line, from 1.
    pub line: u64,
    /// Whether they are valid UTF-8.
    pub valid: bool,
}

/// How much of a window was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Consumed {
    /// Bytes.
    pub bytes: usize,
    /// Lines.
    pub lines: u64,
}

/// A window while it is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    pub rest: &'a [u8],
    pub place: Place,
    pub line: u64,
    valid: bool,
}

impl<'a> Cursor<'a> {
    pub const fn new(window: Window<'a>) -> Self {
        Self { rest: window.bytes, place: window.place, line: window.line, valid: window.valid }
    }

    /// Returns the first line with its end.
    pub fn first(&self) -> &'a [u8] {
        let end = memchr(b'\n', self.rest).map_or(self.rest.len(), |at| at + 1);
        self.rest.get(..end).unwrap_or_default()
    }

    /// Passes the first line, which is so long.
    pub fn pass(&mut self, length: usize) {
        self.rest = self.rest.get(length..).unwrap_or_default();
        self.place.offset += length as u64;
        self.line += 1;
    }

    /// Tells how much of a window was passed.
    pub const fn consumed(&self, window: &Window<'_>) -> Consumed {
        Consumed { bytes: window.bytes.len() - self.rest.len(), lines: self.line - window.line }
    }

    /// Tells whether a line can be read as text.
    pub fn is_text(&self, line: &[u8]) -> bool {
        self.valid || simdutf8::basic::from_utf8(line).is_ok()
    }
}

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// A row: its arguments, without the parentheses.
    Row(&'a [u8]),
    /// A row of this table that is cut off.
    CutOff,
    /// A row of another table.
    Foreign,
    /// What stands in place of the rows when the database could not be read, or was not.
    Refused,
    /// Something that is neither a row nor written by `dump2py`, and does something.
    Strange,
    /// What means nothing here: a heading, a comment, an empty line.
    Nothing,
}

const START: &[u8] = b"loader.save(create_";

impl<'a> Line<'a> {
    /// Looks at a line of a table's file; `call` is how the rows of the table begin.
    pub fn read(line: &'a [u8], call: &[u8]) -> Self {
        let Some(arguments) = line.strip_prefix(call) else { return Self::other(line) };
        let arguments = arguments.strip_suffix(b"\n").unwrap_or(arguments);
        match arguments.strip_suffix(b"))") {
            Some(arguments) => Self::Row(arguments),
            None => arguments.trim_ascii_end().strip_suffix(b"))").map_or(Self::CutOff, Self::Row),
        }
    }

    fn other(line: &'a [u8]) -> Self {
        let text = line.trim_ascii();
        if text.is_empty() || text.starts_with(b"#") || text == b"loader.flush_deferred_objects()" {
            Self::Nothing
        } else if line.starts_with(START) {
            Self::Foreign
        } else if line.starts_with(b"logger.info(\"Loading ") {
            Self::Nothing
        } else if line.starts_with(b"raise Exception(\"The data of table ") {
            Self::Refused
        } else {
            Self::Strange
        }
    }
}

/// Returns how the rows of a table begin.
pub(super) fn call(table: &str) -> Vec<u8> {
    [START, table.as_bytes(), b"("].concat()
}

/// Finds the key among arguments.
pub(super) fn key(arguments: &[u8], index: usize) -> Option<&[u8]> {
    let number = |byte: &u8| byte.is_ascii_digit() || *byte == b'-';
    if index == 0 && arguments.first().is_some_and(number) {
        let end = memchr(b',', arguments).unwrap_or(arguments.len());
        return arguments.get(..end).map(<[u8]>::trim_ascii);
    }
    literal::argument(arguments, index)
}

/// Makes a key of its text. What is neither number nor text is known by how Python wrote it.
pub(super) fn identity(raw: &[u8]) -> Key {
    Key::read(raw).unwrap_or_else(|| Key::of_bytes(raw))
}
