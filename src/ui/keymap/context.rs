//! What is in front, which decides what keys mean.

use crate::ui::state::{Dialog, Part, Popup, ShellFocus, State};

/// What keys mean depends on what is in front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// The terminal is too small to show anything.
    Small,
    /// The help.
    Help,
    /// The levels of cancelling.
    Cancel,
    /// The second stroke of killing.
    Kill,
    /// A question of the wizard itself.
    Confirm,
    /// Something to read.
    Reading,
    /// What an undo would do.
    Undo,
    /// The question before an undo loses rows.
    UndoSure,
    /// A question of the engine.
    Ask,
    /// The needle of a search is typed.
    Search,
    /// Keys go to the shell.
    Shell,
    /// Keys go to the command.
    Typing,
    /// The comparison.
    Compare,
    /// The needle of a search in the comparison is typed.
    CompareSearch,
    /// The triage.
    Triage,
    /// What the decisions of the triage become.
    TriageEdit,
    /// The needle of the triage's filter is typed.
    TriageFilter,
    /// Something is typed before a decision is taken.
    TriageType,
    /// Decisions wait for a yes.
    TriageConfirm,
    /// The panes.
    Main,
}

/// The smallest terminal: columns, rows.
pub const SMALLEST: (u16, u16) = (80, 24);

impl Context {
    /// Returns what is in front.
    #[must_use]
    pub fn of(state: &State) -> Self {
        if state.size.0 < SMALLEST.0 || state.size.1 < SMALLEST.1 {
            return Self::Small;
        }
        match &state.popup {
            Some(Popup::Help) => return Self::Help,
            Some(Popup::Cancel) => return Self::Cancel,
            Some(Popup::Kill) => return Self::Kill,
            Some(Popup::Skip(_) | Popup::Again(_) | Popup::Quit | Popup::EndRehearsal | Popup::TakeOver) => {
                return Self::Confirm;
            }
            Some(Popup::Undo) => return Self::Undo,
            Some(Popup::UndoSure) => return Self::UndoSure,
            Some(Popup::NoUndo | Popup::Summary | Popup::Trouble(_)) => return Self::Reading,
            None => {}
        }
        if state.ask().is_some() {
            Self::Ask
        } else if let Some(triaging) = state.triaging() {
            match (&triaging.dialog, triaging.part) {
                (Some(Dialog::Type { .. }), _) => Self::TriageType,
                (Some(Dialog::Confirm { .. }), _) => Self::TriageConfirm,
                _ if triaging.filtering => Self::TriageFilter,
                (None, Part::Edit) => Self::TriageEdit,
                (None, _) => Self::Triage,
            }
        } else if let Some(compared) = state.comparison() {
            // Also while a command waits: what is typed here must not become its answer.
            if compared.search.as_ref().is_some_and(|search| search.editing) {
                Self::CompareSearch
            } else {
                Self::Compare
            }
        } else if state.log.editing {
            Self::Search
        } else if state.shell.as_ref().is_some_and(|shell| shell.focus == ShellFocus::Shell) {
            Self::Shell
        } else if state.typing.is_some() {
            Self::Typing
        } else {
            Self::Main
        }
    }
}
