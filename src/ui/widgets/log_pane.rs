//! The log pane: the visible part of a log with its matches and selection, its position, and the rows for typing.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::messages::line::Severity;
use crate::ui::layout::{Areas, prompt};
use crate::ui::log_view::{Found, Row, VisibleRow};
use crate::ui::screens::main::pane_role;
use crate::ui::state::{Division, Focus, State};
use crate::ui::style::Role;
use crate::ui::text;

/// Draws the log, its title and its input rows.
pub fn draw(state: &State, frame: &mut Frame, areas: &Areas) {
    title(state, frame, areas.log_title);
    let visible = state.log.visible();
    for (at, visible_row) in visible.iter().enumerate().take(usize::from(areas.log.height)) {
        let y = areas.log.y + text::cells(at);
        if let Some(row) = state.log.window.row(visible_row.line) {
            line(state, frame.buffer_mut(), Rect { y, height: 1, ..areas.log }, row, visible_row);
        }
    }
    if visible.is_empty() {
        empty(state, frame, areas.log);
    }
    scrollbar(state, frame.buffer_mut(), areas.log);
    input(state, frame, areas.input, areas.log, &visible);
}

fn empty(state: &State, frame: &mut Frame, area: Rect) {
    let message = match &state.log.path {
        None => "No output yet: this step has not run.",
        Some(_) if state.log.lines == 0 => "No output so far.",
        Some(_) => "",
    };
    let lines: Vec<Line> = text::wrap(message, usize::from(area.width))
        .into_iter()
        .map(|line| Line::styled(line, state.colours.of(Role::Dim)))
        .collect();
    frame.render_widget(Paragraph::new(lines), area);
}

fn title(state: &State, frame: &mut Frame, area: Rect) {
    let log = &state.log;
    let number = state.step().map_or(0, |step| step.plan.step.number());
    // Alone, it stands in place of the frame's title.
    let undo = match state.shown_division() {
        Division::LogAlone if state.is_undo() => format!("· back to {} ", state.back_to()),
        _ => String::new(),
    };
    let left = match (state.shown_rehearsal(), &log.path) {
        (Some(_), _) => " log of the rehearsal ".to_owned(),
        (None, Some(_)) => format!(" log of step {number} {undo}"),
        (None, None) => format!(" log {undo}"),
    };
    let position = if log.lines == 0 {
        String::new()
    } else {
        let more = if log.reading { "+" } else { "" };
        let follow = if log.follow && (state.is_busy() || state.is_rehearsing()) { " · following" } else { "" };
        format!(" line {} of {}{more}{follow} ", text::number(log.position()), text::number(log.lines))
    };
    let role = pane_role(state, Focus::Log);
    let buffer = frame.buffer_mut();
    let width = usize::from(area.width).saturating_sub(2);
    buffer.set_line(area.x + 1, area.y, &Line::styled(text::cut(&left, width), state.colours.of(role)), area.width);
    let right = text::cells(text::width(&position));
    if usize::from(right) + text::width(&left) < width {
        let x = area.right().saturating_sub(right + 1);
        buffer.set_line(x, area.y, &Line::styled(position, state.colours.of(role)), area.width);
    }
}

/// Draws the piece of a line that one row of the pane shows.
fn line(state: &State, buffer: &mut Buffer, area: Rect, row: &Row, piece: &VisibleRow) {
    let mut base = Style::new();
    match row.severity {
        Severity::Error => base = state.colours.of(Role::Bad),
        Severity::Warning => base = state.colours.of(Role::Warning),
        Severity::Normal | Severity::Notice => {}
    }
    let matches = state.log.search.as_ref().map(|search| matches(row, &search.needle, search.case_sensitive()));
    let current = state.log.search.as_ref().is_some_and(|search| search.found == Found::At(piece.line));
    let selected = state.log.is_selected(piece.line);
    let mut column = 0;
    let mut at = 0;
    let mut x = area.x;
    let mut glyph = String::new();
    let mut style = base;
    for segment in &row.segments {
        let own = base.patch(state.colours.allow(segment.style));
        for c in segment.text.chars() {
            let width = text::char_width(c);
            let inside = column >= piece.columns.0 && column + width <= piece.columns.1;
            if width > 0 || glyph.is_empty() {
                flush(buffer, area, &mut x, &mut glyph, style);
                style = own;
                if matches.as_ref().is_some_and(|ranges| ranges.iter().any(|range| range.contains(&at))) {
                    style = style.patch(state.colours.of(if current { Role::CurrentMatch } else { Role::Match }));
                }
                if selected {
                    style = style.patch(state.colours.of(Role::Selected));
                }
            }
            if inside && (width > 0 || !glyph.is_empty()) {
                glyph.push(c);
            }
            column += width;
            at += 1;
        }
    }
    flush(buffer, area, &mut x, &mut glyph, style);
    if row.cut && column <= piece.columns.1 && x < area.right() {
        buffer.set_string(x, area.y, "…", state.colours.of(Role::Key));
    }
}

/// Writes a character with what is combined with it.
fn flush(buffer: &mut Buffer, area: Rect, x: &mut u16, glyph: &mut String, style: Style) {
    if !glyph.is_empty() && *x < area.right() {
        let room = usize::from(area.right() - *x);
        let (end, _) = buffer.set_stringn(*x, area.y, glyph.as_str(), room, style);
        *x = end;
    }
    glyph.clear();
}

/// Returns the characters of a line that match, as ranges of character positions.
fn matches(row: &Row, needle: &str, case_sensitive: bool) -> Vec<std::ops::Range<usize>> {
    text::matches(row.segments.iter().flat_map(|segment| segment.text.chars()), needle, case_sensitive)
}

/// Draws the thumb on the frame line at the right of the log.
fn scrollbar(state: &State, buffer: &mut Buffer, area: Rect) {
    let (lines, height) = (state.log.lines, u64::from(area.height));
    if lines <= height || height == 0 {
        return;
    }
    let size = (height * height / lines).clamp(1, height);
    let span = height - size;
    let top = state.log.visible().first().map_or(state.log.top, |row| row.line);
    let room = lines.saturating_sub(height).max(1);
    let from = u128::from(top) * u128::from(span) / u128::from(room);
    let from = if state.log.follow { span } else { u64::try_from(from).unwrap_or(span).min(span) };
    for y in from..from + size {
        let y = area.y + u16::try_from(y).unwrap_or(0);
        if let Some(cell) = buffer.cell_mut(Position::new(area.right(), y)) {
            cell.set_symbol("█").set_style(state.colours.of(Role::Border));
        }
    }
}

/// Draws the search, or what is typed to the command.
fn input(state: &State, frame: &mut Frame, area: Rect, log: Rect, visible: &[VisibleRow]) {
    if area.height == 0 {
        return;
    }
    if let Some(search) = state.log.search.as_ref().filter(|_| state.log.editing || state.typing.is_none()) {
        let needle = text::clean(&search.needle);
        let told = match (search.found, search.counted) {
            (Found::Nothing, _) => "type what to look for".to_owned(),
            (Found::Looking, _) => "looking…".to_owned(),
            (Found::Nowhere, _) => "no match".to_owned(),
            (Found::At(line), None) => format!("in line {}", text::number(line + 1)),
            (Found::At(_), Some(counted)) => {
                let more = if counted.complete { "" } else { "+" };
                match counted.current {
                    Some(current) => {
                        format!("match {} of {}{more}", text::number(current), text::number(counted.total))
                    }
                    None => format!("of {}{more} matches", text::number(counted.total)),
                }
            }
        };
        let line = Line::from(vec![
            Span::styled("/", state.colours.of(Role::Key)),
            Span::raw(needle.clone()),
            Span::raw(if state.log.editing { " " } else { "" }),
            Span::styled(format!("  {told}"), state.colours.of(Role::Dim)),
        ]);
        frame.render_widget(Paragraph::new(line), area);
        if state.log.editing {
            let x = (area.x + 1).saturating_add(text::cells(text::width(&needle)));
            frame.set_cursor_position((x.min(area.right().saturating_sub(1)), area.y));
        }
        return;
    }
    typing(state, frame, area, log, visible);
}

fn typing(state: &State, frame: &mut Frame, area: Rect, log: Rect, visible: &[VisibleRow]) {
    let active = state.typing.is_some() && state.popup.is_none() && state.ask().is_none();
    let width = usize::from(area.width);
    let (question, secret) = match &state.waiting {
        Some(waiting) => {
            let who = if waiting.certain { "The command waits" } else { "The command seems to wait" };
            (format!("{who} for your answer:"), waiting.secret)
        }
        None => ("Your keys go to the command.".to_owned(), false),
    };
    let mut rows = prompt(state, width);
    let mut cursor = 0;
    if !active && state.waiting.is_some() {
        rows = vec!["Press i to type your answer.".to_owned()];
    } else if secret {
        let dots = state.secret.len().min(width / 2);
        let last = text::tail(&rows.pop().unwrap_or_default(), width.saturating_sub(dots + 4));
        cursor = text::width(&last) + 3 + dots;
        rows.push(format!("{last} {}", "•".repeat(dots)));
    } else if rows.is_empty() {
        rows.push("what you type appears in the log".to_owned());
    }
    let mut lines = vec![Line::styled(text::cut(&question, width), state.colours.of(Role::Warning))];
    lines.extend(rows.iter().enumerate().map(|(at, row)| {
        let mark = if at == 0 { "›" } else { " " };
        Line::styled(format!("{:<width$}", format!("{mark} {row}")), state.colours.of(Role::Input))
    }));
    let last = area.y + text::cells(rows.len());
    frame.render_widget(Paragraph::new(lines), area);
    if !active {
        return;
    }
    if secret {
        let x = area.x.saturating_add(text::cells(cursor));
        frame.set_cursor_position((x.min(area.right().saturating_sub(1)), last));
    } else if let (true, Some(last)) = (state.log.follow, visible.last()) {
        // The terminal's own place: behind the prompt, where the echo will appear.
        let x = log.x.saturating_add(text::cells(last.columns.1.saturating_sub(last.columns.0)));
        let y = log.y + text::cells(visible.len().saturating_sub(1));
        frame.set_cursor_position((x.min(log.right().saturating_sub(1)), y));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::line;

    #[test]
    fn matches_are_found_across_segments_and_without_regard_to_case() {
        let row = line::row(b"xxAb\x1b[1mcab", false);
        assert_eq!(matches(&row, "abc", false), vec![2..5]);
        assert_eq!(matches(&row, "ab", false), vec![2..4, 5..7]);
        assert_eq!(matches(&row, "ab", true), vec![5..7]);
        assert_eq!(matches(&row, "", true), Vec::<std::ops::Range<usize>>::new());
    }
}
