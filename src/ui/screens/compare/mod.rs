//! The comparison: verdict, list of differences, what is known of the chosen one, the dump scripts. `layout::compare`
//! says where each of them is.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::widgets::{Block, Paragraph};

use super::main::{horizontal, keys, put, status};
use crate::ui::layout::compare::{Areas, areas};
use crate::ui::state::{Compared, Extent, Needle, Pane, State};
use crate::ui::style::Role;
use crate::ui::text;
use crate::ui::widgets::needle;

pub mod detail;
mod list;
pub mod scripts;
pub mod verdict;
pub mod words;

/// Draws the comparison.
pub fn draw(state: &State, compared: &Compared, frame: &mut Frame) {
    let areas = areas(state, compared);
    frames(state, compared, frame, &areas);
    if compared.extent == Extent::Panes {
        let verdict = verdict::lines(state, compared, usize::from(areas.verdict.width));
        frame.render_widget(Paragraph::new(verdict), areas.verdict);
    }
    if !areas.list.is_empty() {
        list::draw(state, compared, frame, areas.list);
    }
    if !areas.detail.is_empty() {
        detail::draw(state, compared, frame, areas.detail);
    }
    scripts::draw(state, scripts::Both::of(compared), frame, areas.scripts);
    match &compared.search {
        Some(search) => searched(state, search, frame, areas.status),
        None => status(state, frame, areas.status),
    }
    keys(state, frame, areas.keys);
}

fn frames(state: &State, compared: &Compared, frame: &mut Frame, areas: &Areas) {
    let style = state.colours.of(Role::Border);
    frame.render_widget(Block::bordered().border_style(style), areas.screen);
    let bottom = areas.status.y.saturating_sub(1);
    let buffer = frame.buffer_mut();
    horizontal(buffer, areas.screen, bottom, style);
    let title = |frame: &mut Frame, area: Rect, (left, right): (String, String), role: Role| {
        let width = usize::from(area.width).saturating_sub(2);
        let left = text::cut(&format!(" {left} "), width);
        let room = width.saturating_sub(text::width(&left) + 2);
        let style = state.colours.of(role);
        let buffer = frame.buffer_mut();
        buffer.set_stringn(area.x + 1, area.y, &left, width, style);
        let right = format!(" {right} ");
        if right.len() > 2 && text::width(&right) <= room {
            let x = area.right().saturating_sub(text::cells(text::width(&right)) + 1);
            buffer.set_stringn(x, area.y, right, width, style);
        }
    };
    let role = |pane: Pane| if compared.pane == pane { Role::Focus } else { Role::Border };
    if compared.extent == Extent::ScriptsAlone {
        title(frame, areas.scripts_title, scripts::title(compared), Role::Focus);
        return;
    }
    horizontal(buffer, areas.screen, areas.titles.y, style);
    let both = !areas.list.is_empty() && !areas.detail.is_empty();
    let x = areas.list.right();
    if both {
        for y in areas.titles.y + 1..bottom {
            put(buffer, x, y, "│", style);
        }
        put(buffer, x, areas.titles.y, "┬", style);
        put(buffer, x, bottom, "┴", style);
    }
    if !areas.scripts_title.is_empty() {
        let line = areas.scripts_title;
        for x in line.left()..line.right() {
            put(buffer, x, line.y, "─", style);
        }
        put(buffer, line.x.saturating_sub(1), line.y, "├", style);
        put(buffer, line.right(), line.y, "┤", style);
        title(frame, line, scripts::title(compared), role(Pane::Scripts));
    }
    let titles = areas.titles;
    if !areas.list.is_empty() {
        let area = Rect { width: areas.list.width, ..titles };
        title(frame, area, ("differences".to_owned(), String::new()), role(Pane::List));
    }
    if !areas.detail.is_empty() {
        let area = Rect { x: areas.detail.x, width: areas.detail.width, ..titles };
        title(frame, area, (detail::title(compared), String::new()), role(Pane::Detail));
    }
    let version = |at: usize| compared.evidence.versions.get(at).and_then(Option::as_deref).unwrap_or("?");
    let heading =
        format!("Compare · snapshot ({}) with simulated dump ({})", text::clean(version(0)), text::clean(version(1)));
    title(frame, Rect { height: 1, ..areas.screen }, (heading, down(state)), Role::Title);
}

/// Returns how long the site is down, for the top right corner.
pub(super) fn down(state: &State) -> String {
    state.down_since.map_or_else(String::new, |since| {
        format!("down since {} {}", super::words::clock(state, since), text::duration(state.seconds() - since))
    })
}

/// Draws the search.
fn searched(state: &State, search: &Needle, frame: &mut Frame, area: Rect) {
    let place = if search.pane == Pane::List { "list" } else { "scripts" };
    let told = match search.found {
        None => format!("type what to look for in the {place}"),
        Some(true) => format!("found in the {place}"),
        Some(false) => format!("not in the {place}"),
    };
    let cursor = needle::draw(state, frame, area, (&search.text, &told));
    if let Some(cursor) = cursor.filter(|_| search.editing) {
        frame.set_cursor_position(cursor);
    }
}
