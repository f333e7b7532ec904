//! Where things are on the triage screen.
//!
//! ```text
//! ┌ Triage · rehearsal of 1 → 2 ── 3 causes, 8 rows follow, 1 undecided ┐     while the edit is shown:
//! │ what is no row and went wrong                                       │     ┌ Triage ────────────┐
//! │ causes, rows, rows that follow                                      │     │ restore.py │ copy  │
//! ├ contacts.Partner 104 ── contacts_partner.py:8 ──────────────────────┤     │            │       │
//! │ the row                                                             │     │            │       │
//! ├─────────────────────────────────────────────────────────────────────┤     ├────────────────────┤
//! │ status, keys                                                        │     │ status, keys       │
//! └─────────────────────────────────────────────────────────────────────┘     └────────────────────┘
//! ```

use ratatui::layout::{Position, Rect};

use super::{Spot, key_at};
use crate::ui::screens::triage::trouble;
use crate::ui::state::{Part, State, Triaging};
use crate::ui::text;

/// Rows of the list that are always there.
const LIST: u16 = 4;

/// The areas of the screen, without their frame lines; one that is not shown is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Areas {
    /// Everything.
    pub screen: Rect,
    /// What went wrong and is no row.
    pub trouble: Rect,
    /// The list.
    pub list: Rect,
    /// The frame line above the detail.
    pub title: Rect,
    /// The detail.
    pub detail: Rect,
    /// The two scripts.
    pub edit: Rect,
    /// One row: what to do now, a notice, or the filter.
    pub status: Rect,
    /// One row: the keys.
    pub keys: Rect,
}

/// Computes the areas.
#[must_use]
pub fn areas(state: &State, triaging: &Triaging) -> Areas {
    let (columns, rows) = state.size;
    let screen = Rect::new(0, 0, columns, rows);
    let inner = columns.saturating_sub(2);
    let status = Rect::new(2, rows.saturating_sub(3), inner.saturating_sub(2), 1);
    let keys = Rect { y: rows.saturating_sub(2), ..status };
    let body = Rect::new(1, 1, inner, rows.saturating_sub(5));
    if triaging.part == Part::Edit {
        return Areas { screen, edit: body, status, keys, ..Areas::default() };
    }
    let said = text::cells(trouble::lines(state, triaging, usize::from(inner)).len());
    let trouble = Rect { height: said.min(body.height / 3), ..body };
    let rest = body.height - trouble.height;
    let wanted = text::cells(triaging.tree.lines.len()).max(LIST);
    let most = match triaging.part {
        Part::Detail => rest / 3,
        _ => rest / 2,
    };
    let height = wanted.min(most.max(LIST)).min(rest);
    let list = Rect { y: body.y + trouble.height, height, ..body };
    let title = Rect { y: list.bottom(), height: 1.min(rest - height), ..body };
    let detail = Rect { y: title.bottom(), height: rest.saturating_sub(height + 1), ..body };
    Areas { screen, trouble, list, title, detail, status, keys, ..Areas::default() }
}

/// What of the triage is under the mouse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A line of the list, by its place in it.
    Line(usize),
    /// The detail.
    Detail,
    /// The scripts.
    Edit,
}

/// Tells what is at a position.
#[must_use]
pub fn spot(state: &State, triaging: &Triaging, at: Position) -> Spot {
    let areas = areas(state, triaging);
    if areas.keys.contains(at) {
        return key_at(state, areas.keys, at);
    }
    if state.popup.is_some() || state.ask().is_some() || triaging.dialog.is_some() {
        return Spot::Popup;
    }
    if areas.list.contains(at) {
        Spot::Triage(Place::Line(triaging.top + usize::from(at.y - areas.list.y)))
    } else if areas.detail.contains(at) {
        Spot::Triage(Place::Detail)
    } else if areas.edit.contains(at) {
        Spot::Triage(Place::Edit)
    } else {
        Spot::Nowhere
    }
}
