//! The help: what the screen shows and what every key does. The keys come from the keymap itself.

use ratatui::text::{Line, Span};

use crate::ui::keymap::explained;
use crate::ui::state::State;
use crate::ui::style::Role;
use crate::ui::text;

const SCREEN: &str = include_str!("../../../assets/help/screen.txt");
const TRIAGE: &str = include_str!("../../../assets/help/triage.txt");
const COMPARE: &str = include_str!("../../../assets/help/compare.txt");

/// Builds the lines of the help for a popup of this width.
pub fn lines(state: &State, width: usize) -> Vec<Line<'static>> {
    let mut lines: Vec<Line> = Vec::new();
    let screen = match (state.comparison(), state.triaging()) {
        (Some(_), _) => COMPARE,
        (None, Some(_)) => TRIAGE,
        (None, None) => SCREEN,
    };
    for line in text::wrap(screen, width) {
        lines.push(Line::raw(line));
    }
    lines.push(Line::raw(""));
    lines.push(Line::styled("Keys (dimmed: they mean nothing just now)", state.colours.of(Role::Title)));
    for (key, sentence, active) in explained(state) {
        let role = if active { Role::Text } else { Role::Dim };
        for (at, part) in text::wrap(sentence, width.saturating_sub(11)).into_iter().enumerate() {
            let key = if at == 0 { format!("{key:<10} ") } else { " ".repeat(11) };
            let key_role = if active { Role::Key } else { Role::Dim };
            lines.push(Line::from(vec![
                Span::styled(key, state.colours.of(key_role)),
                Span::styled(part, state.colours.of(role)),
            ]));
        }
    }
    lines
}
