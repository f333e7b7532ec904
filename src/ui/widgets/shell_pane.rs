//! The shell in the log pane: a terminal of its own, with the way out written above it.

use ratatui::Frame;
use ratatui::text::Line;
use tui_term::widget::{Cursor, PseudoTerminal};

use crate::ui::layout::Areas;
use crate::ui::state::{Shell, ShellFocus, State};
use crate::ui::style::{Colours, Role};
use crate::ui::text;

/// Draws the shell's screen and its title.
pub fn draw(state: &State, shell: &Shell, frame: &mut Frame, areas: &Areas) {
    let (title, role) = match shell.focus {
        ShellFocus::Shell => (" shell · exit ends it · F12 back to the wizard ", Role::Focus),
        ShellFocus::Wizard => (" shell · still open · ! returns to it ", Role::Border),
    };
    let title_area = areas.log_title;
    let undo = if state.is_undo() { format!("· back to {} ", state.back_to()) } else { String::new() };
    let title = format!("{title}{undo}");
    let line = Line::styled(text::cut(&title, usize::from(title_area.width).saturating_sub(2)), state.colours.of(role));
    frame.buffer_mut().set_line(title_area.x + 1, title_area.y, &line, title_area.width);
    if areas.log.is_empty() {
        return;
    }
    let screen = shell.emulator.screen();
    let typing = shell.focus == ShellFocus::Shell && state.popup.is_none() && state.ask().is_none();
    let cursor = Cursor::default().visibility(false);
    frame.render_widget(PseudoTerminal::new(screen).cursor(cursor), areas.log);
    let buffer = frame.buffer_mut();
    for position in areas.log.positions() {
        let Some(cell) = buffer.cell_mut(position) else { continue };
        if cell.symbol().chars().any(text::is_unsafe) {
            let clean: String = cell.symbol().chars().filter(|c| !text::is_unsafe(*c)).collect();
            cell.set_symbol(if clean.is_empty() { " " } else { &clean });
        }
        if state.colours == Colours::None {
            let style = state.colours.allow(cell.style());
            cell.fg = style.fg.unwrap_or_default();
            cell.bg = style.bg.unwrap_or_default();
        }
    }
    if typing && !screen.hide_cursor() && screen.scrollback() == 0 {
        let (row, column) = screen.cursor_position();
        let x = areas.log.x.saturating_add(column).min(areas.log.right().saturating_sub(1));
        let y = areas.log.y.saturating_add(row).min(areas.log.bottom().saturating_sub(1));
        frame.set_cursor_position((x, y));
    }
}
