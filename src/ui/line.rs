//! Turns the raw bytes of a log line into what the log pane shows. How lines are cleaned is `messages`' knowledge.

use std::borrow::Cow;

use ratatui::style::{Color as Shown, Modifier, Style};

use super::log_view::Row;
use super::text;
use crate::messages::line::{self as raw, Color, Severity};

/// A piece of a line that has one style.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// Text without control sequences.
    pub text: String,
    /// The style that the command gave it.
    pub style: Style,
}

/// Cleans a raw line. `cut` says that the line is longer than `bytes`.
#[must_use]
pub fn row(bytes: &[u8], cut: bool) -> Row {
    // What decides about control and direction characters is the screen's own rule, whoever cleaned the line before.
    let segments: Vec<Segment> = raw::styled(bytes)
        .into_iter()
        .map(|segment| Segment {
            text: segment.text.chars().filter(|c| !text::is_unsafe(*c)).collect(),
            style: style(segment.style),
        })
        .collect();
    let plain: String = segments.iter().map(|segment| segment.text.as_str()).collect();
    Row { severity: raw::severity(&plain), segments, cut }
}

/// Returns the text of a raw line, for searching.
#[must_use]
pub fn plain(bytes: &[u8]) -> Cow<'_, str> {
    raw::plain(bytes)
}

/// Tells whether a raw line reads like an error or a warning.
#[must_use]
pub fn is_trouble(bytes: &[u8]) -> bool {
    raw::severity(&raw::plain(bytes)) >= Severity::Warning
}

fn style(style: raw::Style) -> Style {
    let mut shown = Style { fg: style.fg.map(colour), bg: style.bg.map(colour), ..Style::new() };
    for (asked, modifier) in [
        (style.bold, Modifier::BOLD),
        (style.dim, Modifier::DIM),
        (style.italic, Modifier::ITALIC),
        (style.underline, Modifier::UNDERLINED),
        (style.reverse, Modifier::REVERSED),
    ] {
        if asked {
            shown = shown.add_modifier(modifier);
        }
    }
    shown
}

const fn colour(colour: Color) -> Shown {
    match colour {
        Color::Indexed(index) => Shown::Indexed(index),
        Color::Rgb(red, green, blue) => Shown::Rgb(red, green, blue),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_is_left() {
        for (raw, clean) in [
            (&b"\x1b[31mred\x1b[0m text\r"[..], "red text"),
            (b"10 %\r20 %", "20 %"),
            (b"a\x1b]0;title\x07b", "ab"),
            ("x\u{202e}y\u{9b}z".as_bytes(), "x\u{fffd}y\u{fffd}z"),
        ] {
            assert_eq!(row(raw, false).text(), clean, "{raw:?}");
        }
    }

    #[test]
    fn colours_of_the_command_are_kept() {
        let row = row(b"\x1b[1;31mred\x1b[0m", false);
        let style = Style::new().fg(Shown::Indexed(1)).add_modifier(Modifier::BOLD);
        assert_eq!(row.segments, vec![Segment { text: "red".into(), style }]);
    }
}
