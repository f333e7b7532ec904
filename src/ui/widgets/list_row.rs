//! A row of a list: what stands before its label, the label as far as there is room for it, and what stands at the right
//! edge.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use crate::ui::state::State;
use crate::ui::style::Role;
use crate::ui::text;

/// A row in parts.
#[derive(Debug)]
pub struct ListRow {
    /// How it looks.
    pub role: Role,
    /// What stands before the label.
    pub before: String,
    /// The label.
    pub label: String,
    /// What stands at the right edge.
    pub after: String,
}

/// Whether a row is the chosen one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// It is not.
    No,
    /// It is, and keys go to another pane.
    Elsewhere,
    /// It is, and keys go to the list.
    Here,
}

impl ListRow {
    /// Draws the row; returns where the label begins, and what of it is seen.
    pub fn draw(&self, state: &State, frame: &mut Frame, area: Rect, chosen: Chosen) -> (u16, String) {
        let Self { role, before, label, after } = self;
        let width = usize::from(area.width);
        let mark = if chosen == Chosen::No { " " } else { "›" };
        let room = width.saturating_sub(text::width(before) + text::width(after) + 3);
        let label = text::cut(label, room);
        let gap = " ".repeat(room.saturating_sub(text::width(&label)));
        let style = state.colours.of(*role).patch(match chosen {
            Chosen::No => Style::new(),
            Chosen::Elsewhere => Style::new().add_modifier(Modifier::BOLD),
            Chosen::Here => state.colours.of(Role::Selected),
        });
        let line = format!("{mark}{before}{label}{gap} {after} ");
        frame.buffer_mut().set_stringn(area.x, area.y, line, width, style);
        (area.x.saturating_add(text::cells(1 + text::width(before))), label)
    }
}
