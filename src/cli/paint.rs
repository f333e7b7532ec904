//! How a piece of text looks: colours by role, control characters made visible, lines broken at a width.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

use crate::ui::text::{char_width, is_unsafe};

/// How many rows one line may take: nobody reads more of it.
const ROWS: usize = 40;

/// Whether colours are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colours {
    /// The sixteen colours of the terminal.
    Sixteen,
    /// None.
    None,
}

/// Where the text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    /// Its columns.
    pub columns: usize,
    /// Its colours.
    pub colours: Colours,
}

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Ordinary text.
    Text,
    /// Less important.
    Dim,
    /// A heading.
    Title,
    /// Only in the old script.
    Old,
    /// Words that only the old line has.
    OldWord,
    /// Only in the new script.
    New,
    /// Words that only the new line has.
    NewWord,
    /// Needs attention.
    Warning,
}

impl Colours {
    /// Returns what suits the standard output, unless the caller wants none.
    pub fn of_output(unwanted: bool) -> Self {
        let wanted = !unwanted && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        if wanted && io::stdout().is_terminal() { Self::Sixteen } else { Self::None }
    }

    /// Adds a piece of text, which has no control characters any more, to a page.
    pub fn add(self, page: &mut Vec<u8>, role: Role, text: &str) {
        if !text.is_empty() {
            self.begin(page, role);
            page.extend_from_slice(text.as_bytes());
            self.end(page, role);
        }
    }

    /// Begins a piece that is not empty.
    pub fn begin(self, page: &mut Vec<u8>, role: Role) {
        if let Some(code) = self.code(role) {
            for part in ["\u{1b}[", code, "m"] {
                page.extend_from_slice(part.as_bytes());
            }
        }
    }

    /// Ends it.
    pub fn end(self, page: &mut Vec<u8>, role: Role) {
        if self.code(role).is_some() {
            page.extend_from_slice(b"\x1b[0m");
        }
    }

    const fn code(self, role: Role) -> Option<&'static str> {
        Some(match (self, role) {
            (Self::None, _) | (Self::Sixteen, Role::Text) => return None,
            (Self::Sixteen, Role::Dim) => "2",
            (Self::Sixteen, Role::Title) => "1",
            (Self::Sixteen, Role::Old) => "31",
            (Self::Sixteen, Role::OldWord) => "1;4;31",
            (Self::Sixteen, Role::New) => "32",
            (Self::Sixteen, Role::NewWord) => "1;4;32",
            (Self::Sixteen, Role::Warning) => "33",
        })
    }

    /// Writes a piece of text, which has no control characters any more.
    pub fn write(self, out: &mut dyn Write, role: Role, text: &str) -> io::Result<()> {
        let mut page = Vec::with_capacity(text.len() + 12);
        self.add(&mut page, role, text);
        out.write_all(&page)
    }
}

/// Returns what is shown for a character: control characters are made visible, others that change the screen or the
/// direction of text become a replacement character.
pub(super) fn visible(c: char) -> char {
    match c {
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        c if is_unsafe(c) => '\u{fffd}',
        c => c,
    }
}

/// Makes a text harmless that others have written.
pub(super) fn harmless(text: &str) -> Cow<'_, str> {
    if is_plain(text) { Cow::Borrowed(text) } else { text.chars().map(visible).collect() }
}

/// Tells whether every byte of a text is a character of one column, as in nearly every line.
pub(super) fn is_plain(text: &str) -> bool {
    // To the end, whatever is found: many bytes are looked at together then.
    text.bytes().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~'))
}

/// Breaks a line with nothing but plain characters.
fn plain_rows(pieces: &[(String, bool)], columns: usize) -> Vec<Row<'static>> {
    let mut rows: Vec<Row<'static>> = Vec::new();
    for (text, differs) in pieces {
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let mut row = rows.pop_if(|row| row.columns < columns).unwrap_or_default();
            let (head, tail) = rest.split_at_checked(columns - row.columns).unwrap_or((rest, ""));
            row.pieces.to_mut().push((head.to_owned(), *differs));
            row.columns += head.len();
            rows.push(row);
            rest = tail;
        }
    }
    rows
}

/// A row of a broken line: its pieces, and the columns that they take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row<'a> {
    pub pieces: Cow<'a, [(String, bool)]>,
    pub columns: usize,
}

impl Row<'_> {
    fn push(&mut self, c: char, width: usize, differs: bool) {
        let pieces = self.pieces.to_mut();
        match pieces.last_mut() {
            Some((text, known)) if *known == differs => text.push(c),
            _ => pieces.push((c.to_string(), differs)),
        }
        self.columns += width;
    }
}

/// Breaks a line into rows of at most so many columns. A very long line ends with how much of it is not shown.
pub(super) fn rows(pieces: &[(String, bool)], columns: usize) -> Vec<Row<'_>> {
    let columns = columns.max(2);
    let length = pieces.iter().map(|(text, _)| text.len()).sum::<usize>();
    if length <= columns * ROWS && pieces.iter().all(|(text, _)| is_plain(text)) {
        let whole = || vec![Row { pieces: Cow::Borrowed(pieces), columns: length }];
        return if length <= columns { whole() } else { plain_rows(pieces, columns) };
    }
    let mut rows = vec![Row::default()];
    let mut shown = 0;
    for (text, differs) in pieces {
        for (at, c) in text.char_indices().map(|(at, c)| (at, visible(c))) {
            let width = char_width(c);
            if rows.last().is_some_and(|row| row.columns + width > columns) {
                if rows.len() == ROWS {
                    return cut(rows, pieces, shown + at);
                }
                rows.push(Row::default());
            }
            if let Some(row) = rows.last_mut() {
                row.push(c, width, *differs);
            }
        }
        shown += text.len();
    }
    rows
}

fn cut<'a>(mut rows: Vec<Row<'a>>, pieces: &[(String, bool)], shown: usize) -> Vec<Row<'a>> {
    let left = pieces.iter().map(|(text, _)| text.len()).sum::<usize>().saturating_sub(shown);
    let text = format!("… {left} bytes more");
    rows.push(Row { columns: text.chars().count(), pieces: vec![(text, false)].into() });
    rows
}
