//! The way to standard output: whatever a command prints, nothing in it steers the terminal.
//!
//! Commands clean what they show; this is what stands behind them, and what cleans JSON, in which only the first 32
//! control characters are escaped by itself.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

use super::args::Format;
use super::paint::visible;
use crate::ui::text::is_unsafe;

/// What goes through: JSON keeps its meaning, text keeps its colours.
pub(super) struct Sieve<W> {
    out: W,
    format: Format,
    /// The beginning of a character whose rest is still to come.
    held: Vec<u8>,
}

impl<W: Write> Sieve<W> {
    /// Lets through what is harmless in this format.
    pub fn new(format: Format, out: W) -> Self {
        Self { out, format, held: Vec::new() }
    }

    fn sifted<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.format {
            Format::Json => json(text),
            Format::Text => lines(text, Colours::Kept),
        }
    }
}

impl<W: Write> Write for Sieve<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.held.is_empty() && is_printable(bytes) {
            return self.out.write(bytes);
        }
        let mut all = std::mem::take(&mut self.held);
        all.extend_from_slice(bytes);
        if let Err(error) = std::str::from_utf8(&all)
            && error.error_len().is_none()
        {
            self.held = all.split_off(error.valid_up_to());
        }
        self.out.write_all(self.sifted(&String::from_utf8_lossy(&all)).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Tells whether nothing has to be looked at: to the end, whatever is found, as many bytes are looked at together then.
fn is_printable(bytes: &[u8]) -> bool {
    bytes.iter().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~' | b'\n'))
}

/// Escapes what JSON may hold as it is, but a terminal should not get.
fn json(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| c != '\n' && is_unsafe(c)) {
        return Cow::Borrowed(text);
    }
    let mut all = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if c == '\n' || !is_unsafe(c) {
            all.push(c);
        } else {
            // All of them are in the first plane.
            let _ = write!(all, "\\u{:04x}", u32::from(c));
        }
    }
    Cow::Owned(all)
}

/// Whether a sequence that only changes colours is let through.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Colours {
    Kept,
    Refused,
}

/// Makes several lines harmless that others have written.
pub(super) fn harmless_lines(text: &str) -> Cow<'_, str> {
    lines(text, Colours::Refused)
}

fn lines(text: &str, colours: Colours) -> Cow<'_, str> {
    if is_printable(text.as_bytes()) {
        return Cow::Borrowed(text);
    }
    let mut all = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = match colours {
            Colours::Kept => colour(rest),
            Colours::Refused => 0,
        };
        let (head, tail) = rest.split_at_checked(length.max(c.len_utf8())).unwrap_or((rest, ""));
        if length > 0 || matches!(c, '\n' | '\t') {
            all.push_str(head);
        } else {
            all.push(visible(c));
        }
        rest = tail;
    }
    Cow::Owned(all)
}

/// Returns the length of the sequence for a colour with which the text begins, 0 when it does not.
fn colour(text: &str) -> usize {
    let Some(rest) = text.strip_prefix("\u{1b}[") else { return 0 };
    let numbers = rest.bytes().take_while(|byte| matches!(byte, b'0'..=b'9' | b';')).count();
    if rest.as_bytes().get(numbers) == Some(&b'm') { 3 + numbers } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "a\u{1b}]52;c;aGk=\u{7}\u{9b}2J\u{7f}\u{202e}ö\r\n\tb";

    fn through(format: Format, pieces: &[&[u8]]) -> String {
        let mut out = Vec::new();
        let mut sieve = Sieve::new(format, &mut out);
        for piece in pieces {
            sieve.write_all(piece).unwrap();
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_keeps_lines_and_colours_and_loses_all_other_power() {
        assert_eq!(
            through(Format::Text, &[HOSTILE.as_bytes(), b"\x1b[1;31mred\x1b[0m\x1b[2J"]),
            "a␛]52;c;aGk=␇\u{fffd}2J␡\u{fffd}ö␍\n\tb\u{1b}[1;31mred\u{1b}[0m␛[2J"
        );
        assert_eq!(harmless_lines("\u{1b}[31mred\nb"), "␛[31mred\nb");
    }

    #[test]
    fn json_keeps_its_meaning() {
        let value = serde_json::json!({ HOSTILE: HOSTILE });
        let printed = through(Format::Json, &[value.to_string().as_bytes(), b"\n"]);
        assert!(printed.chars().all(|c| c == '\n' || !is_unsafe(c)), "{printed:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&printed).unwrap(), value);
    }

    #[test]
    fn a_character_that_comes_in_pieces_is_put_together() {
        let bytes = "x\u{9b}\u{202e}ö".as_bytes();
        let pieces: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(through(Format::Text, &pieces), "x\u{fffd}\u{fffd}ö");
    }
}
