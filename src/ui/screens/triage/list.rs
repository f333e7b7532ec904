//! The list: causes with their messages, below them the rows, and below each row those that follow from it.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::words;
use crate::triage::Standing;
use crate::ui::state::{Node, Part, State, Tree, TriageLine, Triaging, standing, to_decide};
use crate::ui::style::Role;
use crate::ui::text;
use crate::ui::widgets::list_row::{Chosen, ListRow};

/// Columns from which on there is room for whole words.
const WIDE: usize = 100;
/// Levels that are told apart by their place: deeper ones stand below each other.
const DEEPEST: usize = 8;

/// Draws the lines that are visible, and looks at no others.
pub fn draw(state: &State, triaging: &Triaging, frame: &mut Frame, area: Rect) {
    let lines = &triaging.tree.lines;
    let visible = lines.iter().enumerate().skip(triaging.top).take(usize::from(area.height));
    for (y, (at, line)) in (area.y..).zip(visible) {
        row(state, triaging, (at, *line), frame, Rect { y, height: 1, ..area });
    }
    if lines.is_empty() {
        let (role, said) = words::nothing(triaging);
        let area = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
        for (y, part) in (area.y..area.bottom()).zip(text::wrap(&said, usize::from(area.width))) {
            frame.buffer_mut().set_stringn(area.x, y, part, usize::from(area.width), state.colours.of(role));
        }
    }
}

fn row(state: &State, triaging: &Triaging, (at, line): (usize, TriageLine), frame: &mut Frame, area: Rect) {
    let width = usize::from(area.width);
    let parts = match line.node {
        Node::Cause(cause) => of_cause(triaging, cause, width),
        Node::Row(row) => of_row(triaging, line, row, width),
    };
    let chosen = match triaging.part {
        _ if at != triaging.at => Chosen::No,
        Part::List => Chosen::Here,
        _ => Chosen::Elsewhere,
    };
    parts.draw(state, frame, area, chosen);
}

fn fold(triaging: &Triaging, node: Node) -> &'static str {
    match (Tree::has_more(&triaging.triage, node), triaging.tree.is_open(node)) {
        (false, _) => " ",
        (true, true) => "▼",
        (true, false) => "▶",
    }
}

fn of_cause(triaging: &Triaging, at: usize, width: usize) -> ListRow {
    let Some(cause) = triaging.triage.causes.causes.get(at) else {
        return ListRow { role: Role::Text, before: String::new(), label: String::new(), after: String::new() };
    };
    let tally = triaging.tree.tallies.get(at).copied().unwrap_or_default();
    let said = words::message(&triaging.messages(cause));
    let label = text::clean(&format!("{}  {said}", cause.model));
    let (role, status) = words::standing(cause, tally);
    let rows = if triaging.tree.filtered().is_empty() {
        text::rows(cause.rows.len() as u64)
    } else {
        format!("{} shown", text::number(tally.shown as u64))
    };
    let follow = match cause.follow {
        0 => String::new(),
        count if width >= WIDE => format!("  + {} that follow", text::number(count as u64)),
        count => format!(" +{}", text::number(count as u64)),
    };
    let after = format!("{rows}{follow}  {status:>11}");
    ListRow { role, before: format!("{} ", fold(triaging, Node::Cause(at))), label, after }
}

fn of_row(triaging: &Triaging, line: TriageLine, row: usize, width: usize) -> ListRow {
    let triage = &triaging.triage;
    let stands = standing(triage, row);
    let (role, symbol) = match stands {
        _ if to_decide(triage, row) && stands != Standing::Asked => (Role::Bad, "✗"),
        Standing::Undecided => (Role::Dim, "·"),
        Standing::Asked => (Role::Key, "?"),
        Standing::Follows => (Role::Text, "✔"),
        Standing::LeftOut => (Role::Dim, "–"),
        Standing::Changed => (Role::Good, "✎"),
    };
    let indent = "  ".repeat(line.depth.min(DEEPEST));
    let before = format!("│ {indent}{}{symbol} ", fold(triaging, Node::Row(row)));
    let label = text::clean(&words::row_name(triaging, row));
    let follow = match triaging.tree.follow(row) {
        0 => String::new(),
        count if width >= WIDE => format!("  + {} that follow", text::number(count as u64)),
        count => format!(" +{}", text::number(count as u64)),
    };
    // What is decided is worth more than the end of a long name.
    let said = text::cut(&text::clean(&triaging.said(row)), width / 2);
    ListRow { role, before, label, after: format!("{said}{follow}") }
}
