//! The line in which somebody types what to look for.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::ui::state::State;
use crate::ui::style::Role;
use crate::ui::text;

/// Draws the line, with what came of it; returns where the cursor belongs, where there is room for one.
pub fn draw(state: &State, frame: &mut Frame, area: Rect, (typed, told): (&str, &str)) -> Option<Position> {
    let typed = text::clean(typed);
    let columns = text::cells(text::width(&typed));
    let line = Line::from(vec![
        Span::styled("/", state.colours.of(Role::Key)),
        Span::raw(typed),
        Span::styled(format!("   {told}"), state.colours.of(Role::Dim)),
    ]);
    frame.render_widget(Paragraph::new(line), area);
    let last = area.right().checked_sub(1).filter(|_| area.width > 0)?;
    Some(Position::new(area.x.saturating_add(1).saturating_add(columns).min(last), area.y))
}
