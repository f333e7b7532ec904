//! Turns the raw bytes of a log line into what the log pane shows. The one place that knows how lines are cleaned.

use ratatui::style::Style;

use super::log_view::Row;
use super::text;

/// A piece of a line that has one style.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// Text without control sequences.
    pub text: String,
    /// The style that the command gave it.
    pub style: Style,
}

impl Segment {
    /// Builds a segment without style.
    #[must_use]
    pub fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), style: Style::new() }
    }
}

/// What a line reads like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// A warning.
    Warning,
    /// An error.
    Error,
}

/// Cleans a raw line. `cut` says that the line is longer than `bytes`.
#[must_use]
pub fn row(bytes: &[u8], cut: bool) -> Row {
    let segments: Vec<Segment> = styled(bytes)
        .into_iter()
        .map(|segment| Segment { text: segment.text.chars().filter(|c| !text::is_unsafe(*c)).collect(), ..segment })
        .collect();
    let plain: String = segments.iter().map(|segment| segment.text.as_str()).collect();
    Row { severity: severity(&plain), segments, cut }
}

/// Removes escape sequences and what a carriage return overwrites.
fn styled(bytes: &[u8]) -> Vec<Segment> {
    let mut out = String::new();
    let raw = String::from_utf8_lossy(bytes);
    let mut chars = raw.trim_end_matches(['\r', '\n']).chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' => out.clear(),
            '\u{8}' => {
                out.pop();
            }
            '\t' => {
                let stop = 8 - text::width(&out) % 8;
                out.extend(std::iter::repeat_n(' ', stop));
            }
            '\u{1b}' => match chars.next() {
                Some('[') => {
                    for c in chars.by_ref() {
                        if ('@'..='~').contains(&c) {
                            break;
                        }
                    }
                }
                Some(']' | 'P' | 'X' | '^' | '_') => {
                    while let Some(c) = chars.next() {
                        if c == '\u{7}' || (c == '\u{1b}' && chars.next_if_eq(&'\\').is_some()) {
                            break;
                        }
                    }
                }
                Some('(' | ')') => {
                    chars.next();
                }
                _ => {}
            },
            c => out.push(c),
        }
    }
    vec![Segment::plain(out)]
}

/// Tells whether a line reads like an error or a warning.
#[must_use]
pub fn severity(text: &str) -> Option<Severity> {
    let head: String = text.chars().take(200).collect();
    if ["ERROR", "Error:", "Exception", "Traceback", "CRITICAL", "Abandoned", "error:"].iter().any(|w| head.contains(w))
    {
        Some(Severity::Error)
    } else if ["WARNING", "Warning", "warning:"].iter().any(|w| head.contains(w)) {
        Some(Severity::Warning)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_is_left() {
        for (raw, clean) in [
            (&b"\x1b[31mred\x1b[0m text\r\n"[..], "red text"),
            (b"10 %\r20 %", "20 %"),
            (b"a\x1b]0;title\x07b", "ab"),
            (b"a\tb", "a       b"),
            ("x\u{202e}y\u{9b}z".as_bytes(), "xyz"),
            (b"\xff\xfe", "\u{fffd}\u{fffd}"),
        ] {
            assert_eq!(row(raw, false).text(), clean, "{raw:?}");
        }
    }
}
