//! The main screen: title, steps, explanation, log, what to do now, keys. `layout` says where each of them is.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph};

use super::{compare, explanation, triage, words};
use crate::ui::layout::{Areas, areas, key_bar};
use crate::ui::state::{Division, Focus, State};
use crate::ui::style::{Role, of_notice};
use crate::ui::text;
use crate::ui::widgets::{log_pane, shell_pane, steps};

/// Draws the main screen.
pub fn draw(state: &State, frame: &mut Frame) {
    let areas = areas(state);
    frames(state, frame, &areas);
    title(state, frame, areas.screen);
    if state.shown_division() == Division::Panes {
        steps::draw(state, frame, areas.steps);
        facts(state, frame, areas.facts);
        explanation::draw(state, frame, areas.explanation);
    }
    match &state.shell {
        Some(shell) => shell_pane::draw(state, shell, frame, &areas),
        None => log_pane::draw(state, frame, &areas),
    }
    status(state, frame, areas.status);
    keys(state, frame, areas.keys);
}

/// Draws the frame lines and their joints; the pane with the focus has a coloured title.
fn frames(state: &State, frame: &mut Frame, areas: &Areas) {
    let style = state.colours.of(Role::Border);
    frame.render_widget(Block::bordered().border_style(style), areas.screen);
    let rule = areas.status.y.saturating_sub(1);
    let buffer = frame.buffer_mut();
    horizontal(buffer, areas.screen, rule, style);
    if state.shown_division() == Division::LogAlone {
        return;
    }
    let x = areas.steps.right();
    for y in 1..rule {
        put(buffer, x, y, "│", style);
    }
    put(buffer, x, 0, "┬", style);
    put(buffer, x, rule, "┴", style);
    let title = areas.log_title;
    for x in title.left()..title.right() {
        put(buffer, x, title.y, "─", style);
    }
    put(buffer, x, title.y, "├", style);
    put(buffer, title.right(), title.y, "┤", style);
}

/// Draws a frame line from edge to edge.
pub(super) fn horizontal(buffer: &mut Buffer, area: Rect, y: u16, style: Style) {
    for x in area.left()..area.right() {
        let symbol = if x == area.left() {
            "├"
        } else if x + 1 == area.right() {
            "┤"
        } else {
            "─"
        };
        put(buffer, x, y, symbol, style);
    }
}

/// Draws a piece of a frame line.
pub(super) fn put(buffer: &mut Buffer, x: u16, y: u16, symbol: &str, style: Style) {
    if let Some(cell) = buffer.cell_mut((x, y)) {
        cell.set_symbol(symbol).set_style(style);
    }
}

fn title(state: &State, frame: &mut Frame, area: Rect) {
    if state.shown_division() == Division::LogAlone {
        // The log writes its own title there.
        return;
    }
    let name = state.site.as_ref().map_or("lino-upgrade".to_owned(), |site| text::clean(&site.name));
    let what = match (&state.site, &state.facts) {
        (Some(_), _) if state.is_undo() => format!(" · back to {}", state.back_to()),
        (Some(_), Some(facts)) => {
            let versions = &facts.versions;
            let new = versions.new.as_deref().map(|new| format!(" → {new}")).unwrap_or_default();
            text::clean(&format!(" · {} {}{new}", versions.application, versions.old))
        }
        _ => String::new(),
    };
    let mut right = Vec::new();
    if let Some(down) = state.down_since {
        let since = words::clock(state, down);
        let elapsed = text::duration(state.seconds() - down);
        right.push(Span::styled(format!(" down since {since} "), state.colours.of(Role::Bad)));
        right.push(Span::styled(format!("{elapsed} "), state.colours.of(Role::Bad)));
    }
    let taken: usize = right.iter().map(|span| text::width(&span.content)).sum();
    let room = usize::from(area.width).saturating_sub(taken + 6);
    // The name may be cut, which of two directions the run has may not.
    let name = text::cut(&name, room.saturating_sub(text::width(&what)));
    let left = text::cut(&format!("{name}{what}"), room);
    let style = state.colours.of(if state.is_undo() { Role::Undo } else { Role::Title });
    let buffer = frame.buffer_mut();
    buffer.set_line(area.x + 1, area.y, &Line::styled(format!(" {left} "), style), area.width);
    let x = area.right().saturating_sub(text::cells(taken) + 2);
    buffer.set_line(x, area.y, &Line::from(right), area.width);
}

/// Draws what is known of the site and the run below the steps.
fn facts(state: &State, frame: &mut Frame, area: Rect) {
    if area.height < 2 {
        return;
    }
    let mut lines = Vec::new();
    // Nothing is left of a forecast that was too short.
    if let Some((seconds, all)) = words::remaining(state).filter(|(seconds, _)| *seconds > 0) {
        let at_least = if all { "about" } else { "at least" };
        lines.push(format!("To go: {at_least} {}", text::duration(seconds)));
    }
    if let Some(run) = state.run {
        let resumed = if run.resumed { ", continued" } else { "" };
        let undone = run.undoes.map(|undone| format!(", undoes run {undone}")).unwrap_or_default();
        lines.push(format!("Run {}{undone}, begun {}{resumed}", run.number, words::clock(state, run.started)));
    }
    if let Some(facts) = &state.facts {
        let versions = &facts.versions;
        // An undo replaces both under way.
        if !state.is_undo() {
            lines.push(format!("Lino {}, Django {}", versions.lino, versions.django));
        }
        lines.push(format!("{}, {} models", facts.database, facts.models));
        if !facts.languages.is_empty() {
            lines.push(format!("Languages: {}", facts.languages.join(" ")));
        }
    }
    if let Some(site) = &state.site {
        lines.push(site.dir.display().to_string());
    }
    let width = usize::from(area.width);
    let style = state.colours.of(Role::Dim);
    let lines: Vec<Line> =
        lines.iter().map(|line| Line::styled(text::cut(&format!(" {}", text::clean(line)), width), style)).collect();
    let skip = u16::from(area.height > 4);
    let area = Rect { y: area.y + skip, height: area.height - skip, ..area };
    frame.render_widget(Paragraph::new(lines), area);
}

/// Draws what is to be done now, or the last notice.
pub(super) fn status(state: &State, frame: &mut Frame, area: Rect) {
    let width = usize::from(area.width);
    let now = match (state.comparison(), state.triaging()) {
        (Some(compared), _) => compare::words::now(state, compared),
        (None, Some(triaging)) => triage::words::now(state, triaging),
        (None, None) => words::now(state),
    };
    let line = match &state.notice {
        Some(notice) => {
            let (role, symbol) = of_notice(notice.level);
            Line::styled(text::cut(&format!("{symbol} {}", text::clean(&notice.text)), width), state.colours.of(role))
        }
        None => Line::styled(text::cut(&now, width), state.colours.of(Role::Title)),
    };
    frame.render_widget(Paragraph::new(line), area);
}

/// Draws the key bar.
pub(super) fn keys(state: &State, frame: &mut Frame, area: Rect) {
    let buffer = frame.buffer_mut();
    for placed in key_bar(state, area) {
        let line = Line::from(vec![
            Span::styled(placed.key, state.colours.of(Role::Key)),
            Span::raw(" "),
            Span::raw(text::clean(&placed.text)),
        ]);
        buffer.set_line(placed.area.x, placed.area.y, &line, placed.area.width);
    }
}

/// Returns the role of a pane's title.
#[must_use]
pub const fn pane_role(state: &State, focus: Focus) -> Role {
    match (state.focus, focus) {
        (Focus::Steps, Focus::Steps) | (Focus::Explanation, Focus::Explanation) | (Focus::Log, Focus::Log) => {
            Role::Focus
        }
        _ => Role::Border,
    }
}
