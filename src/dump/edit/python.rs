//! Values, names and comments as Python reads them.

use std::fmt::Write as _;

use super::super::function;

/// Characters of a comment's text; what is longer is cut.
const LONGEST: usize = 160;

/// Writes a text as a Python literal in one line, as `repr` does.
#[must_use]
pub fn text(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    quoted(text, quote)
}

pub(super) fn double_quoted(text: &str) -> String {
    quoted(text, '"')
}

fn quoted(text: &str, quote: char) -> String {
    let mut written = String::with_capacity(text.len() + 2);
    written.push(quote);
    for letter in text.chars() {
        match letter {
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '\t' => written.push_str("\\t"),
            '\\' => written.push_str("\\\\"),
            _ if letter == quote => written.extend(['\\', letter]),
            _ if is_visible(letter) => written.push(letter),
            _ => {
                let _ = match u32::from(letter) {
                    point @ ..=0xff => write!(written, "\\x{point:02x}"),
                    point @ ..=0xffff => write!(written, "\\u{point:04x}"),
                    point => write!(written, "\\U{point:08x}"),
                };
            }
        }
    }
    written.push(quote);
    written
}

/// Tells whether a character is shown as itself: it neither steers a terminal, nor ends a line, nor reorders others.
fn is_visible(letter: char) -> bool {
    !letter.is_control()
        && !matches!(
            letter,
            '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

/// Replaces what is not shown as itself by blanks.
#[must_use]
pub fn harmless(text: &str) -> String {
    text.chars().map(|letter| if is_visible(letter) { letter } else { ' ' }).collect()
}

/// Writes a comment in one line.
pub(super) fn comment(note: &str) -> String {
    let note = harmless(note);
    let words: Vec<&str> = note.split_whitespace().collect();
    let mut text = words.join(" ");
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(end);
        text.push('…');
    }
    if text.is_empty() { "# lino-upgrade".to_owned() } else { format!("# lino-upgrade: {text}") }
}

/// Tells whether a text can be the name of a field.
#[must_use]
pub fn is_name(text: &str) -> bool {
    const NO_NAMES: [&str; 35] = [
        "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
        "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal",
        "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
    ];
    function::is_name(text)
        && text.starts_with(|letter: char| letter == '_' || letter.is_alphabetic())
        && !NO_NAMES.contains(&text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dump::{Value, parse};

    #[test]
    fn texts_are_written_as_python_writes_them() {
        let cases = [
            ("", "''"),
            ("it's", "\"it's\""),
            ("\"it's\"", "'\"it\\'s\"'"),
            ("Bäckerei\n\t\\", "'Bäckerei\\n\\t\\\\'"),
            ("\u{1b}[31m\u{202e}\u{e0001}\u{0}", "'\\x1b[31m\\u202e\\U000e0001\\x00'"),
        ];
        for (given, expected) in cases {
            assert_eq!(text(given), expected);
        }
    }

    #[test]
    fn a_comment_is_one_harmless_line() {
        assert_eq!(comment("a\nimport os\r\u{2028}\x1b[31m b"), "# lino-upgrade: a import os [31m b");
        assert_eq!(comment(&"x".repeat(500)).chars().count(), 177);
        assert_eq!(comment(" \n"), "# lino-upgrade");
    }

    #[test]
    fn keywords_and_expressions_are_no_names() {
        assert!(is_name("vat_id") && is_name("größe"));
        assert!(["", "1a", "a b", "a.b", "class", "x=1", "a)"].iter().all(|text| !is_name(text)));
    }

    proptest! {
        #[test]
        fn a_text_is_read_again_as_it_was(given in any::<String>()) {
            let written = text(&given);
            prop_assert_eq!(parse(written.as_bytes()), Ok(Value::Text(given.clone().into())));
            prop_assert!(written.chars().all(is_visible));
        }
    }
}
