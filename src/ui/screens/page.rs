//! A page: paragraphs behind their labels, wrapped for a pane, and the part of them that the pane shows. What they say is
//! known by the screens.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::ui::state::State;
use crate::ui::style::Role;
use crate::ui::text;

/// The lines of a page while they are built.
pub struct Page<'a> {
    /// What is shown.
    pub(super) state: &'a State,
    /// Columns of its lines.
    pub(super) width: usize,
    /// What was added so far.
    pub(super) lines: Vec<Line<'static>>,
}

impl<'a> Page<'a> {
    /// Begins a page of so many columns.
    pub(super) fn new(state: &'a State, width: usize) -> Self {
        /// Narrower lines could not be read.
        const LEAST: usize = 8;
        Self { state, width: width.max(LEAST), lines: Vec::new() }
    }

    /// Adds text.
    pub(super) fn say(&mut self, body: &str, role: Role) {
        self.run_on("", role, body, role);
    }

    /// Adds text after a label, wrapped behind it; nothing when the text is empty.
    pub(super) fn put(&mut self, label: &str, label_role: Role, body: &str, role: Role) {
        if body.is_empty() {
            return;
        }
        let (label_style, style) = (self.state.colours.of(label_role), self.state.colours.of(role));
        let indent = text::width(label).min(self.width / 2);
        let rows = text::wrap(body, self.width.saturating_sub(indent));
        for (at, row) in rows.into_iter().enumerate() {
            let before = if at == 0 { label.to_owned() } else { " ".repeat(indent) };
            self.lines.push(Line::from(vec![Span::styled(before, label_style), Span::styled(row, style)]));
        }
    }

    /// Adds text after a label, wrapped below it; nothing when the text is empty.
    pub(super) fn run_on(&mut self, label: &str, label_role: Role, body: &str, role: Role) {
        if body.is_empty() {
            return;
        }
        let (label_style, style) = (self.state.colours.of(label_role), self.state.colours.of(role));
        for (at, line) in text::wrap(&format!("{label}{body}"), self.width).into_iter().enumerate() {
            match line.strip_prefix(label.trim_end()) {
                Some(rest) if at == 0 && !label.is_empty() => self.lines.push(Line::from(vec![
                    Span::styled(label.trim_end().to_owned(), label_style),
                    Span::styled(rest.to_owned(), style),
                ])),
                _ => self.lines.push(Line::styled(line, style)),
            }
        }
    }
}

/// Draws as much of a page as its pane shows from a line on; `hint` says in the corner how to see more.
pub(super) fn draw(
    state: &State,
    frame: &mut Frame,
    (pane, text): (Rect, Rect),
    lines: Vec<Line<'static>>,
    (from, hint): (usize, &str),
) {
    let height = usize::from(pane.height);
    let from = from.min(lines.len().saturating_sub(height));
    let more = lines.len() > from + height;
    let visible: Vec<Line> = lines.into_iter().skip(from).take(height).collect();
    frame.render_widget(Paragraph::new(visible), text);
    let columns = text::cells(text::width(hint));
    if more && pane.height > 0 && pane.width >= columns {
        let corner = Rect::new(pane.right() - columns, pane.bottom() - 1, columns, 1);
        frame.render_widget(Paragraph::new(Span::styled(hint, state.colours.of(Role::Key))), corner);
    }
}
