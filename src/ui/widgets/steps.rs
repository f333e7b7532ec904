//! The list of steps: symbol, number, title, and at the right how it stands in words.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use crate::procedure::StepState;
use crate::ui::screens::words;
use crate::ui::state::{Focus, State};
use crate::ui::style::{Role, of_state};
use crate::ui::text;

/// Draws the list.
pub fn draw(state: &State, frame: &mut Frame, area: Rect) {
    let width = usize::from(area.width);
    for (at, step) in state.steps.iter().enumerate().take(usize::from(area.height)) {
        let y = area.y + text::cells(at);
        let word = words::state(state, step);
        let room = width.saturating_sub(8 + text::width(&word));
        let title = text::cut(&text::clean(&step.plan.title), room);
        let gap = " ".repeat(room.saturating_sub(text::width(&title)));
        let selected = at == state.selected;
        let mark = if selected { "›" } else { " " };
        let number = step.plan.step.number();
        let line = format!("{mark}{} {number:>2} {title}{gap} {word} ", step.plan.state.symbol());
        let mut style = state.colours.of(of_state(&step.plan.state));
        if step.plan.state == StepState::Pending && selected {
            style = state.colours.of(Role::Title);
        }
        if selected {
            style = style.patch(match state.focus {
                Focus::Steps => state.colours.of(Role::Selected),
                _ => Style::new().add_modifier(ratatui::style::Modifier::BOLD),
            });
        }
        frame.buffer_mut().set_line(area.x, y, &Line::styled(line, style), area.width);
    }
}
