//! The triage: causes, rows and what follows from them, the chosen row, and what the decisions become.
//! `layout::triage` says where each of them is.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::widgets::{Block, Paragraph};

use super::compare::{down, scripts};
use super::main::{horizontal, keys, status};
use crate::ui::layout::triage::{Areas, areas};
use crate::ui::state::{Part, State, Triaging};
use crate::ui::style::Role;
use crate::ui::text;
use crate::ui::widgets::needle;

pub mod detail;
pub mod dialog;
mod list;
pub mod trouble;
pub mod words;

/// Draws the triage.
pub fn draw(state: &State, triaging: &Triaging, frame: &mut Frame) {
    let areas = areas(state, triaging);
    frames(state, triaging, frame, &areas);
    if triaging.part == Part::Edit {
        scripts::draw(state, edit(triaging), frame, areas.edit);
    } else {
        let lines = trouble::lines(state, triaging, usize::from(areas.trouble.width));
        frame.render_widget(Paragraph::new(lines), areas.trouble);
        list::draw(state, triaging, frame, areas.list);
        detail::draw(state, triaging, frame, areas.detail);
    }
    if triaging.filtering {
        filter(state, triaging, frame, areas.status);
    } else {
        status(state, frame, areas.status);
    }
    keys(state, frame, areas.keys);
}

/// Returns the two scripts as they are shown.
fn edit(triaging: &Triaging) -> scripts::Both<'_> {
    let chosen = Some(triaging.view.place.section);
    scripts::Both { scripts: &triaging.scripts, view: &triaging.view, chosen, names: ["the snapshot", "the copy"] }
}

fn frames(state: &State, triaging: &Triaging, frame: &mut Frame, areas: &Areas) {
    let style = state.colours.of(Role::Border);
    frame.render_widget(Block::bordered().border_style(style), areas.screen);
    let bottom = areas.status.y.saturating_sub(1);
    horizontal(frame.buffer_mut(), areas.screen, bottom, style);
    let top = Rect { height: 1, ..areas.screen };
    let focus = |part: Part| if triaging.part == part { Role::Focus } else { Role::Border };
    if triaging.part == Part::Edit {
        let left = "What your decisions become: restore.py of the snapshot | its copy, which is loaded";
        title(state, frame, top, (left.to_owned(), String::new()), Role::Focus);
        return;
    }
    title(state, frame, top, words::heading(state, triaging, &down(state)), Role::Title);
    if areas.title.height > 0 {
        horizontal(frame.buffer_mut(), areas.screen, areas.title.y, style);
        let below = words::below(triaging, usize::from(areas.list.height));
        let right: Vec<String> = [below, words::reach(triaging)].into_iter().filter(|part| !part.is_empty()).collect();
        let titles = (detail::title(triaging), right.join(" · "));
        title(state, frame, areas.title, titles, focus(Part::Detail));
    }
}

/// Writes a title on a frame line: the left one is cut where there is no room, then the right one is left out.
fn title(state: &State, frame: &mut Frame, area: Rect, (left, right): (String, String), role: Role) {
    let width = usize::from(area.width).saturating_sub(2);
    let right = if right.is_empty() { right } else { format!(" {right} ") };
    let kept = text::width(&right) + 20 <= width;
    let room = if kept { width - text::width(&right) } else { width };
    let left = if left.is_empty() { left } else { text::cut(&format!(" {left} "), room) };
    let style = state.colours.of(role);
    let buffer = frame.buffer_mut();
    buffer.set_stringn(area.x + 1, area.y, &left, room, style);
    if kept && !right.is_empty() {
        let x = area.right().saturating_sub(text::cells(text::width(&right)) + 1);
        buffer.set_stringn(x, area.y, right, width, style);
    }
}

/// Draws the filter while it is typed.
fn filter(state: &State, triaging: &Triaging, frame: &mut Frame, area: Rect) {
    let typed = &triaging.tree.filtered().needle;
    let [all, _, shown, _] = triaging.tree.rows;
    let told = if text::clean(typed).is_empty() {
        "type a part of a key, name, message or model".to_owned()
    } else {
        format!("{} of {}", text::rows(shown as u64), text::number(all as u64))
    };
    let cursor = needle::draw(state, frame, area, (typed, &told));
    if let Some(cursor) = cursor.filter(|_| triaging.dialog.is_none() && state.popup.is_none()) {
        frame.set_cursor_position(cursor);
    }
}
