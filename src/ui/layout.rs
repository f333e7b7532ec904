//! Where things are on the screen. Used by drawing and by the mouse alike, so that a click hits what is seen.
//!
//! ```text
//! ┌ title ───────────────────────────┐
//! │ steps       │ explanation        │
//! │             ├ log ───────────────┤
//! │ site        │                    │
//! ├─────────────┴────────────────────┤
//! │ status                           │
//! │ keys                             │
//! └──────────────────────────────────┘
//! ```

pub mod compare;
pub mod triage;

use ratatui::layout::{Position, Rect};

use super::keymap::{Command, hints};
use super::screens::explanation;
use super::state::{Division, Focus, Shell, State};
use super::text;

/// The areas of the main screen, without their frame lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Areas {
    /// Everything.
    pub screen: Rect,
    /// The list of steps.
    pub steps: Rect,
    /// The facts below the steps.
    pub facts: Rect,
    /// The explanation.
    pub explanation: Rect,
    /// The row of the frame line above the log.
    pub log_title: Rect,
    /// The text area of the log, or the shell.
    pub log: Rect,
    /// The rows below the log: the search, or what is typed to the command.
    pub input: Rect,
    /// One row: what to do now, or a notice.
    pub status: Rect,
    /// One row: the keys.
    pub keys: Rect,
}

/// Columns of the step list.
const STEPS: u16 = 38;
/// Columns of the step list where there is room.
const WIDE_STEPS: u16 = 44;

/// Computes the areas of the main screen.
#[must_use]
pub fn areas(state: &State) -> Areas {
    areas_of(state, state.shown_division(), input_rows)
}

fn areas_of(state: &State, division: Division, input_rows: fn(&State, u16) -> u16) -> Areas {
    let (columns, rows) = state.size;
    let screen = Rect::new(0, 0, columns, rows);
    let inner = columns.saturating_sub(2);
    let body = Rect::new(1, 1, inner, rows.saturating_sub(5));
    let status = Rect::new(2, rows.saturating_sub(3), inner.saturating_sub(2), 1);
    let keys = Rect { y: rows.saturating_sub(2), ..status };
    if division == Division::LogAlone {
        let input_rows = input_rows(state, body.width);
        let log = Rect { height: body.height.saturating_sub(input_rows), ..body };
        return Areas {
            screen,
            log_title: Rect { y: 0, height: 1, ..body },
            log,
            input: below(log, input_rows),
            status,
            keys,
            ..Areas::default()
        };
    }
    let left = if columns >= 110 { WIDE_STEPS } else { STEPS }.min(body.width);
    let list = text::cells(state.steps.len()).min(body.height);
    let steps = Rect { width: left, height: list, ..body };
    let facts = Rect { y: body.y + list, height: body.height - list, ..steps };
    let x = body.x + left + 1;
    let right = Rect { x, width: body.width.saturating_sub(left + 1), ..body };
    let input_rows = input_rows(state, right.width);
    let wanted = text::cells(explanation::lines(state, usize::from(right.width)).len());
    let most = match (state.focus, &state.shell) {
        (Focus::Explanation, None) => right.height.saturating_sub(5 + input_rows),
        (_, Some(_)) => 4,
        _ if settled_badly(state) => right.height.saturating_sub(6 + input_rows).max(right.height / 2),
        // On a small screen the log of what runs is worth more than the end of the explanation.
        _ if right.height < 24 && (state.is_busy() || state.is_rehearsing()) => {
            right.height.saturating_sub(input_rows) / 3
        }
        _ => right.height.saturating_sub(input_rows) / 2,
    };
    let height = wanted.clamp(3, most.max(3)).min(right.height);
    let explanation = Rect { height, ..right };
    let log_title = Rect { y: right.y + height, height: 1.min(right.height - height), ..right };
    let rest = right.height.saturating_sub(height + 1);
    let log = Rect { y: log_title.y + 1, height: rest.saturating_sub(input_rows), ..right };
    Areas { screen, steps, facts, explanation, log_title, log, input: below(log, input_rows.min(rest)), status, keys }
}

const fn below(area: Rect, rows: u16) -> Rect {
    Rect { x: area.x, y: area.y.saturating_add(area.height), width: area.width, height: rows }
}

fn settled_badly(state: &State) -> bool {
    use crate::procedure::StepState::{Failed, Interrupted};
    state.step().is_some_and(|step| matches!(step.plan.state, Failed { .. } | Interrupted { .. }))
}

/// Returns how many rows the search or the input takes below a log of `width` columns.
fn input_rows(state: &State, width: u16) -> u16 {
    if state.log.editing || (state.log.search.is_some() && state.shell.is_none() && state.typing.is_none()) {
        1
    } else if state.shell.is_some() {
        0
    } else if state.waiting.is_some() || state.typing.is_some() {
        1 + text::cells(prompt(state, usize::from(width)).len()).max(1)
    } else {
        0
    }
}

/// Rows of a prompt that are shown at most.
const PROMPT_ROWS: usize = 3;

/// Returns the end of the running command's prompt, broken into rows that leave two columns for a mark.
#[must_use]
pub fn prompt(state: &State, width: usize) -> Vec<String> {
    let Some(waiting) = &state.waiting else { return Vec::new() };
    let mut rows = text::wrap(text::clean(&waiting.prompt).trim(), width.saturating_sub(2));
    rows.drain(..rows.len().saturating_sub(PROMPT_ROWS));
    rows
}

/// Returns the size that the engine is told: columns, rows.
#[must_use]
pub fn terminal_size(state: &State) -> (u16, u16) {
    // A shell keeps the size it has in front, so that looking at the steps meanwhile does not break its lines.
    let division = if state.shell.is_some() { Division::LogAlone } else { state.shown_division() };
    // A prompt must not make its own command's terminal smaller.
    let log = areas_of(state, division, |_, _| 0).log;
    (log.width.max(1), log.height.max(1))
}

/// Where a hint of the key bar is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Its cells.
    pub area: Rect,
    /// The key.
    pub key: String,
    /// What it does.
    pub text: String,
    /// What a click means.
    pub command: Command,
}

/// Tells which key of the key bar is at a position.
fn key_at(state: &State, bar: Rect, at: Position) -> Spot {
    let placed = key_bar(state, bar).into_iter().find(|placed| placed.area.contains(at));
    placed.map_or(Spot::Nowhere, |placed| Spot::Key(placed.command))
}

/// Returns the hints that fit the key bar. `?` and `q` are kept whatever is left out.
#[must_use]
pub fn key_bar(state: &State, bar: Rect) -> Vec<Placed> {
    let hints = hints(state);
    let size = |hint: &super::keymap::Hint| text::cells(text::width(&hint.key) + 1 + text::width(&hint.text) + 2);
    let kept = |command: Command| matches!(command, Command::Help | Command::Quit | Command::Close);
    let reserved: u16 = hints.iter().filter(|hint| kept(hint.command)).map(size).sum();
    let mut left = bar.width.saturating_add(2).saturating_sub(reserved);
    let mut x = bar.x;
    let mut placed = Vec::new();
    for hint in hints {
        let size = size(&hint);
        if !kept(hint.command) {
            if size > left {
                continue;
            }
            left -= size;
        }
        if x.saturating_add(size) > bar.right().saturating_add(2) {
            continue;
        }
        let area = Rect::new(x, bar.y, size.saturating_sub(2), 1);
        placed.push(Placed { area, key: hint.key, text: hint.text, command: hint.command });
        x += size;
    }
    placed
}

/// What is under the mouse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    /// A step, by its position in the list.
    Step(usize),
    /// The list of steps, beside its rows.
    Steps,
    /// The explanation.
    Explanation,
    /// A row of the log pane.
    Log(usize),
    /// A hint of the key bar.
    Key(Command),
    /// Something of the comparison.
    Compare(compare::Place),
    /// Something of the triage.
    Triage(triage::Place),
    /// The popup, or what it covers.
    Popup,
    /// Nothing.
    Nowhere,
}

/// Tells what is at a position.
#[must_use]
pub fn spot(state: &State, column: u16, row: u16) -> Spot {
    let at = Position::new(column, row);
    if let Some(compared) = state.comparison() {
        return compare::spot(state, compared, at);
    }
    if let Some(triaging) = state.triaging() {
        return triage::spot(state, triaging, at);
    }
    let areas = areas(state);
    if areas.keys.contains(at) {
        return key_at(state, areas.keys, at);
    }
    if state.popup.is_some() || state.ask().is_some() {
        return Spot::Popup;
    }
    if areas.steps.contains(at) {
        let index = usize::from(row - areas.steps.y);
        return if index < state.steps.len() { Spot::Step(index) } else { Spot::Steps };
    }
    if areas.explanation.contains(at) {
        Spot::Explanation
    } else if areas.log.contains(at) {
        Spot::Log(usize::from(row - areas.log.y))
    } else {
        Spot::Nowhere
    }
}

/// Gives the shell the size of its pane.
pub fn fit_shell(shell: &mut Shell, size: (u16, u16)) {
    shell.emulator.resize(size.0, size.1);
}
