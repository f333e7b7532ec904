//! One raw terminal line as clean text or as styled segments.
//!
//! Nothing that leaves this file can move a cursor, ring a bell or turn the reading direction. It knows nothing of Lino.

use std::borrow::Cow;

pub use super::severity::{Severity, severity, strip_log_prefix};

/// A colour a program asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    /// One of the 256 palette colours; 0 to 15 are the ANSI colours.
    Indexed(u8),
    /// Red, green and blue.
    Rgb(u8, u8, u8),
}

/// How a piece of a line was to look.
#[expect(clippy::struct_excessive_bools, reason = "the terminal's attributes are independent of each other")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// The text's colour; `None` is the terminal's own.
    pub fg: Option<Color>,
    /// The ground's colour; `None` is the terminal's own.
    pub bg: Option<Color>,
    /// Bold.
    pub bold: bool,
    /// Dim.
    pub dim: bool,
    /// Italic.
    pub italic: bool,
    /// Underlined.
    pub underline: bool,
    /// Text and ground exchanged.
    pub reverse: bool,
}

/// A piece of a line in one style.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The text, free of control characters.
    pub text: String,
    /// Its style.
    pub style: Style,
}

/// Turns one raw terminal line into clean text: what a reader saw last in that line, without sequences and controls.
#[must_use]
pub fn plain(bytes: &[u8]) -> Cow<'_, str> {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    // Not `all`, which stops early and so looks at one byte after the other: most lines are plain to their end.
    if bytes.iter().fold(true, |clean, &byte| clean & (byte == b'\t' || (b' '..=b'~').contains(&byte))) {
        return String::from_utf8_lossy(bytes);
    }
    cells(bytes).into_iter().map(|cell| cell.0).collect()
}

/// Turns one raw terminal line into pieces of equal style; their texts joined are what [`plain`] returns.
#[must_use]
pub fn styled(bytes: &[u8]) -> Vec<Segment> {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let mut segments: Vec<Segment> = Vec::new();
    for (character, style) in cells(bytes) {
        match segments.last_mut() {
            Some(last) if last.style == style => last.text.push(character),
            _ => segments.push(Segment { text: character.to_string(), style }),
        }
    }
    segments
}

type Cell = (char, Style);

fn cells(bytes: &[u8]) -> Vec<Cell> {
    let text = String::from_utf8_lossy(bytes);
    let mut characters = text.chars().peekable();
    let mut style = Style::default();
    let mut shown: Vec<Cell> = Vec::new();
    let mut current: Vec<Cell> = Vec::new();
    while let Some(character) = characters.next() {
        match character {
            '\r' => carriage_return(&mut shown, &mut current),
            '\u{8}' => {
                current.pop();
            }
            '\u{1b}' => match escape(&mut characters) {
                Effect::None => {}
                Effect::LineStart => carriage_return(&mut shown, &mut current),
                Effect::Style(parameters) => apply(&mut style, &parameters),
            },
            '\u{7}' | '\0' => {}
            '\n' | '\u{b}' | '\u{c}' | '\u{2028}' | '\u{2029}' => current.push((' ', style)),
            '\t' => current.push(('\t', style)),
            other if harmful(other) => current.push(('\u{fffd}', style)),
            other => current.push((other, style)),
        }
    }
    carriage_return(&mut shown, &mut current);
    shown
}

/// A program that returns to the line's start overwrites it; the last state with something to read wins.
fn carriage_return(shown: &mut Vec<Cell>, current: &mut Vec<Cell>) {
    let readable = current.iter().any(|cell| !cell.0.is_whitespace());
    if readable || (shown.is_empty() && !current.is_empty()) {
        std::mem::swap(shown, current);
    }
    current.clear();
}

/// Controls, and the characters that turn or hide the reading direction.
fn harmful(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

enum Effect {
    None,
    LineStart,
    Style(String),
}

type Characters<'text> = std::iter::Peekable<std::str::Chars<'text>>;

/// Swallows the rest of an escape sequence, terminated or not.
fn escape(characters: &mut Characters) -> Effect {
    match characters.peek() {
        Some('[') => {
            characters.next();
            return control_sequence(characters);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            characters.next();
            string_sequence(characters);
        }
        Some(' '..='/') => {
            while characters.next_if(|next| (' '..='/').contains(next)).is_some() {}
            characters.next_if(|next| ('0'..='~').contains(next));
        }
        Some('0'..='~') => {
            characters.next();
        }
        _ => {}
    }
    Effect::None
}

fn control_sequence(characters: &mut Characters) -> Effect {
    let mut parameters = String::new();
    while let Some(next) = characters.next_if(|next| (' '..='?').contains(next)) {
        // No real sequence is longer; the rest of an endless one is swallowed unread.
        if parameters.len() < 64 {
            parameters.push(next);
        }
    }
    match characters.next_if(|next| ('@'..='~').contains(next)) {
        Some('m') => Effect::Style(parameters),
        Some('G') if matches!(parameters.as_str(), "" | "0" | "1") => Effect::LineStart,
        _ => Effect::None,
    }
}

/// OSC, DCS and their like last until BEL or ST; without either, until the line ends.
fn string_sequence(characters: &mut Characters) {
    while let Some(next) = characters.next() {
        match next {
            '\u{7}' | '\u{9c}' => return,
            '\u{1b}' if characters.next_if_eq(&'\\').is_some() => return,
            _ => {}
        }
    }
}

fn apply(style: &mut Style, parameters: &str) {
    // A leading `<`, `=`, `>` or `?` makes it a private sequence, not a style.
    if parameters.starts_with(['<', '=', '>', '?']) {
        return;
    }
    let mut numbers = parameters.split([';', ':']).map(|number| match number {
        "" => 0,
        number => number.parse::<u16>().unwrap_or(u16::MAX),
    });
    while let Some(number) = numbers.next() {
        match number {
            0 => *style = Style::default(),
            1 => style.bold = true,
            2 => style.dim = true,
            3 => style.italic = true,
            4 | 21 => style.underline = true,
            7 => style.reverse = true,
            22 => (style.bold, style.dim) = (false, false),
            23 => style.italic = false,
            24 => style.underline = false,
            27 => style.reverse = false,
            30..=37 => style.fg = indexed(number - 30),
            38 => style.fg = extended(&mut numbers).or(style.fg),
            39 => style.fg = None,
            40..=47 => style.bg = indexed(number - 40),
            48 => style.bg = extended(&mut numbers).or(style.bg),
            49 => style.bg = None,
            90..=97 => style.fg = indexed(number - 82),
            100..=107 => style.bg = indexed(number - 92),
            _ => {}
        }
    }
}

fn indexed(number: u16) -> Option<Color> {
    u8::try_from(number).ok().map(Color::Indexed)
}

fn extended(numbers: &mut impl Iterator<Item = u16>) -> Option<Color> {
    match numbers.next()? {
        5 => indexed(numbers.next()?),
        2 => {
            let mut channel = || numbers.next().and_then(|number| u8::try_from(number).ok());
            let (red, green, blue) = (channel()?, channel()?, channel()?);
            Some(Color::Rgb(red, green, blue))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn clean(text: &str) -> bool {
        text.chars().all(|character| character == '\t' || !harmful(character))
    }

    #[test]
    fn sequences_vanish_even_when_unterminated() {
        let table: [(&[u8], &str); 14] = [
            (b"\x1b[31;1mCommandError: User abort.", "CommandError: User abort."),
            (b"\x1b[0mDone manage.py", "Done manage.py"),
            (b"\x1b]0;title\x07text", "text"),
            (b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
            (b"text\x1b]0;never ended", "text"),
            (b"text\x1b[31", "text"),
            (b"\x1bPq#0\x1b\\after", "after"),
            (b"\x1b(Btext\x1b=", "text"),
            (b"\x1b[?25l  [###---]   10%\r  [######]  100%\x1b[?25h\r\n", "  [######]  100%"),
            (b"old\r\x1b[2K", "old"),
            (b"long old state\rnew\r\n", "new"),
            (b"abc\x08\x08d", "ad"),
            (b"a\tb\x07\xff", "a\tb\u{fffd}"),
            ("ev\u{202e}il".as_bytes(), "ev\u{fffd}il"),
        ];
        for (raw, expected) in table {
            assert_eq!(plain(raw), expected, "{raw:?}");
        }
    }

    #[test]
    fn styles_follow_the_sequences() {
        let segments = styled(b"a\x1b[1;31mb\x1b[38;5;200mc\x1b[48;2;1;2;3md\x1b[0me\x1b[94mf");
        let texts: Vec<&str> = segments.iter().map(|segment| segment.text.as_str()).collect();
        assert_eq!(texts, ["a", "b", "c", "d", "e", "f"]);
        assert_eq!(segments[1].style, Style { fg: Some(Color::Indexed(1)), bold: true, ..Style::default() });
        assert_eq!(segments[2].style.fg, Some(Color::Indexed(200)));
        assert_eq!(segments[3].style.bg, Some(Color::Rgb(1, 2, 3)));
        assert_eq!(segments[4].style, Style::default());
        assert_eq!(segments[5].style.fg, Some(Color::Indexed(12)));
    }

    proptest! {
        #[test]
        fn no_bytes_yield_a_control_character(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(clean(&plain(&bytes)));
            prop_assert!(styled(&bytes).iter().all(|segment| clean(&segment.text)));
        }

        #[test]
        fn styled_and_plain_show_the_same_text(text in "(\\PC|\u{1b}\\[[0-9;]{0,6}m|\r|\u{8}|\t|\u{1b}){0,60}") {
            let joined: String = styled(text.as_bytes()).into_iter().map(|segment| segment.text).collect();
            prop_assert_eq!(joined, plain(text.as_bytes()));
        }
    }
}
