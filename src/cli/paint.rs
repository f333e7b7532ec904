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

    /// Writes a piece of text, which has no control characters any more.
    pub fn write(self, out: &mut dyn Write, role: Role, text: &str) -> io::Result<()> {
        let code = match role {
            _ if self == Self::None || text.is_empty() => return out.write_all(text.as_bytes()),
            Role::Text => return out.write_all(text.as_bytes()),
            Role::Dim => "2",
            Role::Title => "1",
            Role::Old => "31",
            Role::OldWord => "1;4;31",
            Role::New => "32",
            Role::NewWord => "1;4;32",
            Role::Warning => "33",
        };
        write!(out, "\u{1b}[{code}m{text}\u{1b}[0m")
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
pub(super) fn harmless(text: &str) -> String {
    text.chars().map(visible).collect()
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
    // Nearly every line: one column a byte.
    if length <= columns && pieces.iter().all(|(text, _)| text.bytes().all(|byte| matches!(byte, b' '..=b'~'))) {
        return vec![Row { pieces: Cow::Borrowed(pieces), columns: length }];
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
