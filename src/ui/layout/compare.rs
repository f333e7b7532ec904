//! Where things are in the comparison.
//!
//! ```text
//! ┌ Compare ─────────────────────────┐     below 100 columns, list or the rest:
//! │ verdict                          │     ┌ Compare ───────────┐
//! ├ differences ─┬ detail ───────────┤     │ verdict            │
//! │ list         │                   │     ├ detail ────────────┤
//! │              ├ scripts ──────────┤     │                    │
//! │              │                   │     ├ scripts ───────────┤
//! ├──────────────┴───────────────────┤     │                    │
//! │ status, keys                     │     ├────────────────────┤
//! └──────────────────────────────────┘     └────────────────────┘
//! ```

use ratatui::layout::{Position, Rect};

use super::{Spot, key_at};
use crate::ui::screens::compare::{detail, verdict};
use crate::ui::state::{Compared, Extent, Pane, Scripts, State};
use crate::ui::text;

/// Columns that all panes need beside each other.
const WIDE: u16 = 100;

/// Columns of the list at most.
const WIDEST: u16 = 48;

/// Tells whether there is room for one side of the screen only.
#[must_use]
pub const fn is_narrow(state: &State) -> bool {
    state.size.0 < WIDE
}

/// The areas of the comparison, without their frame lines; one that is not shown is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Areas {
    /// Everything.
    pub screen: Rect,
    /// The verdict.
    pub verdict: Rect,
    /// The frame line below it, with the titles of the panes.
    pub titles: Rect,
    /// The list.
    pub list: Rect,
    /// The detail.
    pub detail: Rect,
    /// The frame line above the scripts.
    pub scripts_title: Rect,
    /// The scripts.
    pub scripts: Rect,
    /// One row: what to do now, a notice, or the search.
    pub status: Rect,
    /// One row: the keys.
    pub keys: Rect,
}

/// Computes the areas.
#[must_use]
pub fn areas(state: &State, compared: &Compared) -> Areas {
    let (columns, rows) = state.size;
    let screen = Rect::new(0, 0, columns, rows);
    let inner = columns.saturating_sub(2);
    let status = Rect::new(2, rows.saturating_sub(3), inner.saturating_sub(2), 1);
    let keys = Rect { y: rows.saturating_sub(2), ..status };
    if compared.extent == Extent::ScriptsAlone {
        let scripts = Rect::new(1, 1, inner, rows.saturating_sub(5));
        let scripts_title = Rect { y: 0, height: 1, ..scripts };
        return Areas { screen, scripts_title, scripts, status, keys, ..Areas::default() };
    }
    let height = text::cells(verdict::lines(state, compared, usize::from(status.width)).len());
    let verdict = Rect { y: 1, height, ..status };
    let titles = Rect::new(1, 1 + height, inner, 1);
    let body = Rect::new(1, 2 + height, inner, rows.saturating_sub(6 + height));
    let common = Areas { screen, verdict, titles, status, keys, ..Areas::default() };
    let (list, right) = match (is_narrow(state), compared.pane) {
        (true, Pane::List) => return Areas { list: body, ..common },
        (true, _) => (Rect::default(), body),
        (false, _) => {
            let left = (columns / 100 * 36 + columns % 100 * 36 / 100).min(WIDEST).min(body.width);
            let x = body.x + left + 1;
            (Rect { width: left, ..body }, Rect { x, width: body.width.saturating_sub(left + 1), ..body })
        }
    };
    let wanted = text::cells(detail::lines(state, compared, usize::from(right.width)).len());
    let most = match (compared.pane, &compared.scripts) {
        (_, Scripts::Missing | Scripts::Unreadable(_)) => right.height.saturating_sub(4),
        (Pane::Detail, _) => right.height.saturating_sub(6).max(right.height * 2 / 3),
        _ => right.height / 2,
    };
    let height = wanted.clamp(3, most.max(3)).min(right.height);
    let detail = Rect { height, ..right };
    let scripts_title = Rect { y: right.y + height, height: 1.min(right.height - height), ..right };
    let rest = right.height.saturating_sub(height + 1);
    let scripts = Rect { y: scripts_title.y + 1, height: rest, ..right };
    Areas { list, detail, scripts_title, scripts, ..common }
}

/// What of the comparison is under the mouse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A row of the list, by its position in the list.
    Entry(usize),
    /// A pane.
    Pane(Pane),
}

/// Tells what is at a position.
#[must_use]
pub fn spot(state: &State, compared: &Compared, at: Position) -> Spot {
    let areas = areas(state, compared);
    if areas.keys.contains(at) {
        return key_at(state, areas.keys, at);
    }
    if state.popup.is_some() || state.ask().is_some() {
        return Spot::Popup;
    }
    if areas.list.contains(at) {
        return Spot::Compare(Place::Entry(compared.top + usize::from(at.y - areas.list.y)));
    }
    let panes = [(areas.detail, Pane::Detail), (areas.scripts, Pane::Scripts)];
    let pane = panes.into_iter().find(|(area, _)| area.contains(at));
    pane.map_or(Spot::Nowhere, |(_, pane)| Spot::Compare(Place::Pane(pane)))
}
