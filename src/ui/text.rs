//! Text for the screen: widths, wrapping, cutting, durations. Cleans what others wrote; knows no state.

use std::ops::Range;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Returns the columns that `text` takes.
#[must_use]
pub fn width(text: &str) -> usize {
    let plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if plain { text.len() } else { UnicodeWidthStr::width(text) }
}

/// Returns the columns that one character takes; 0 for a combining one.
#[must_use]
pub fn char_width(c: char) -> usize {
    UnicodeWidthChar::width(c).unwrap_or(0)
}

/// Tells whether a character may change the terminal or the direction of text, and so never reaches it.
#[must_use]
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{061c}')
}

/// Returns `text` without control and direction characters; tabs and line ends become spaces.
#[must_use]
pub fn clean(text: &str) -> String {
    text.chars().filter_map(clean_char).collect()
}

/// Returns what stands for a character on the screen; none when nothing does.
#[must_use]
pub fn clean_char(c: char) -> Option<char> {
    match c {
        '\t' | '\n' | '\r' => Some(' '),
        c if is_unsafe(c) => None,
        c => Some(c),
    }
}

/// Tells whether case matters to a search: only when a capital letter was typed.
#[must_use]
pub fn case_sensitive(needle: &str) -> bool {
    needle.chars().any(char::is_uppercase)
}

fn folded(c: char, case_sensitive: bool) -> char {
    if case_sensitive { c } else { c.to_lowercase().next().unwrap_or(c) }
}

/// Returns where the needle is in a line, as ranges of character positions that do not overlap.
#[must_use]
pub fn matches(line: impl Iterator<Item = char>, needle: &str, case_sensitive: bool) -> Vec<Range<usize>> {
    let needle: Vec<char> = needle.chars().map(|c| folded(c, case_sensitive)).collect();
    if needle.is_empty() {
        return Vec::new();
    }
    let line: Vec<char> = line.map(|c| folded(c, case_sensitive)).collect();
    let mut ranges = Vec::new();
    let mut at = 0;
    while let Some(rest) = line.get(at..).filter(|rest| rest.len() >= needle.len()) {
        if rest.starts_with(&needle) {
            ranges.push(at..at + needle.len());
            at += needle.len();
        } else {
            at += 1;
        }
    }
    ranges
}

/// Tells whether the needle is in a line.
#[must_use]
pub fn contains(line: &str, needle: &str) -> bool {
    if case_sensitive(needle) {
        return line.contains(needle);
    }
    let needle = needle.to_lowercase();
    if line.is_ascii() && needle.is_ascii() {
        let mut windows = line.as_bytes().windows(needle.len().max(1));
        return needle.is_empty() || windows.any(|window| window.eq_ignore_ascii_case(needle.as_bytes()));
    }
    line.to_lowercase().contains(&needle)
}

/// Cuts `text` to `columns`, with an ellipsis when something was cut off.
#[must_use]
pub fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut short = String::new();
    let mut used = 0;
    for c in text.chars() {
        let next = used + char_width(c);
        if next + 1 > columns {
            break;
        }
        short.push(c);
        used = next;
    }
    if columns > 0 {
        short.push('…');
    }
    short
}

/// Returns the end of `text` that fits `columns`, with an ellipsis when its beginning was cut off.
#[must_use]
pub fn tail(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut used = 1;
    let mut from = text.len();
    for (at, c) in text.char_indices().rev() {
        used += char_width(c);
        if used > columns {
            break;
        }
        from = at;
    }
    format!("…{}", text.get(from..).unwrap_or_default())
}

/// Returns the first so many characters, with an ellipsis when something was cut off.
#[must_use]
pub fn head_of(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Returns the last so many characters, with an ellipsis when something was cut off.
#[must_use]
pub fn tail_of(text: &str, characters: usize) -> String {
    match text.char_indices().rev().nth(characters) {
        Some((at, c)) => format!("…{}", text.get(at + c.len_utf8()..).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Breaks `text` into lines of at most `columns`, at spaces where possible. Keeps its own line breaks.
#[must_use]
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let paragraph = clean(paragraph);
        let mut line = String::new();
        let mut used = 0;
        for word in paragraph.split(' ') {
            let (mut word, mut wide) = (word, width(word));
            if used > 0 && used + 1 + wide > columns {
                lines.push(std::mem::take(&mut line));
                used = 0;
            } else if used > 0 {
                line.push(' ');
                used += 1;
            }
            while wide > columns {
                let head = head(word, columns);
                lines.push(head.to_owned());
                word = word.strip_prefix(head).unwrap_or_default();
                wide = width(word);
            }
            used += wide;
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

/// Returns the longest beginning of `text` that fits `columns`; at least one character, so that loops end.
fn head(text: &str, columns: usize) -> &str {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += char_width(c);
        if used > columns && at > 0 {
            return text.get(..at).unwrap_or(text);
        }
    }
    text
}

/// Returns `0:08`, `12:31` or `1:02:03` for a duration in seconds.
#[must_use]
pub fn duration(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{rest:02}") } else { format!("{minutes}:{rest:02}") }
}

/// Returns a measured duration, rounded to whole seconds.
#[must_use]
pub fn seconds(seconds: f64) -> String {
    if !seconds.is_finite() {
        return "–".to_owned();
    }
    #[expect(clippy::cast_possible_truncation, reason = "clamped to a range that fits")]
    let whole = seconds.clamp(0.0, 1e9).round() as i64;
    duration(whole)
}

/// Returns a number with a thin gap between its thousands: `1 000 000`.
#[must_use]
pub fn number(number: u64) -> String {
    thousands(number, ' ')
}

/// Returns a number with this character between its thousands.
#[must_use]
pub fn thousands(number: u64, between: char) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(between);
        }
        text.push(digit);
    }
    text
}

/// Returns `1 row`, `1 000 rows`.
#[must_use]
pub fn rows(rows: u64) -> String {
    if rows == 1 { "1 row".to_owned() } else { format!("{} rows", number(rows)) }
}

/// Returns a number that fits the screen; clamped where it does not fit 16 bits.
#[must_use]
pub fn cells(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}
