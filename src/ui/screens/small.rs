//! What is shown in a terminal that is too small: that it is, and that nothing is lost.

use ratatui::Frame;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use crate::ui::keymap::SMALLEST;
use crate::ui::state::State;
use crate::ui::style::Role;
use crate::ui::text;

/// Draws the message in whatever room there is.
pub fn draw(state: &State, frame: &mut Frame) {
    let area = frame.area();
    let message = format!(
        "This terminal has {} columns and {} rows. The wizard needs {} × {}. Enlarge the window; nothing is lost, and a \
         running command goes on. q leaves.",
        area.width, area.height, SMALLEST.0, SMALLEST.1
    );
    let mut lines: Vec<Line> = text::wrap(&message, usize::from(area.width)).into_iter().map(Line::raw).collect();
    if let Some(waiting) = &state.waiting {
        let prompt = format!("The command waits for your answer: {}", text::clean(&waiting.prompt));
        let style = state.colours.of(Role::Warning);
        lines.extend(text::wrap(&prompt, usize::from(area.width)).into_iter().map(|line| Line::styled(line, style)));
    }
    frame.render_widget(Paragraph::new(lines), area);
}
