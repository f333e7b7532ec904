//! Moving in what is larger than its pane, and looking at two scripts, in whichever screen they are.

use crate::ui::keymap::Command;
use crate::ui::scripts_view::ScriptsView;
use crate::ui::state::Scripts;

/// Columns of one step sideways.
pub const SIDEWAYS: isize = 8;
/// Rows of one turn of the wheel.
pub const WHEEL: usize = 3;

/// How far a command goes in a pane.
#[derive(Clone, Copy, Debug)]
pub struct Steps {
    /// Rows of one step.
    rows: usize,
    /// Rows of a page.
    page: usize,
}

impl Steps {
    /// Of a pane of this height: so many rows, or a page of which one row stays.
    pub fn of(height: impl Into<usize>, rows: usize) -> Self {
        Self { rows, page: page(height) }
    }

    /// Returns where a command leads from a row; `most` is the last that can be reached.
    pub fn lead(self, command: Command, from: usize, most: usize) -> usize {
        let to = match command {
            Command::Up => from.min(most).saturating_sub(self.rows),
            Command::Down => from.saturating_add(self.rows),
            Command::PageUp => from.min(most).saturating_sub(self.page),
            Command::PageDown => from.saturating_add(self.page),
            Command::First => 0,
            _ => most,
        };
        to.min(most)
    }

    /// Moves in two scripts.
    pub fn in_scripts(self, command: Command, scripts: &Scripts, view: &mut ScriptsView) {
        let Scripts::Read(aligned) = scripts else { return };
        match command {
            Command::Up => view.up(aligned, self.rows),
            Command::Down => view.down(aligned, self.rows),
            Command::PageUp => view.up(aligned, self.page),
            Command::PageDown => view.down(aligned, self.page),
            Command::First => view.go_to(0),
            _ => view.last(aligned),
        }
    }
}

/// Returns the rows of a page in a pane of this height.
pub fn page(height: impl Into<usize>) -> usize {
    height.into().saturating_sub(1).max(1)
}

/// Carries out a command that changes how two scripts are looked at; tells whether it is one.
pub fn look(command: Command, view: &mut ScriptsView) -> bool {
    match command {
        Command::Unified => view.mode = Some(view.shown_mode().other()),
        Command::Fold => view.equal = view.equal.other(),
        Command::Wrap => {
            view.wrap = view.wrap.other();
            view.left = 0;
        }
        Command::Left => view.sideways(-SIDEWAYS),
        Command::Right => view.sideways(SIDEWAYS),
        _ => return false,
    }
    true
}
