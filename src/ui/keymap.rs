//! What each key means where, in one table. The key bar and the help are made from it, so they cannot lie.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::state::{Division, Focus, Part, State};
use super::text;
use crate::procedure::StepState;

/// A row of the table.
#[derive(Clone, Copy)]
pub struct Binding {
    /// The keys, as they come from the terminal.
    keys: &'static [(KeyCode, KeyModifiers)],
    /// The keys, as people read them.
    pub shown: &'static str,
    /// One or two words for the key bar; empty: only in the help.
    pub bar: &'static str,
    /// A sentence for the help.
    pub help: &'static str,
    /// What it means.
    pub command: Command,
    /// Whether it means something now.
    when: fn(&State) -> bool,
}

const NONE: KeyModifiers = KeyModifiers::NONE;
const CTRL: KeyModifiers = KeyModifiers::CONTROL;

macro_rules! binding {
    ([$($key:expr),*], $shown:literal, $bar:literal, $help:expr, $command:expr, $when:expr) => {
        Binding { keys: &[$($key),*], shown: $shown, bar: $bar, help: $help, command: $command, when: $when }
    };
}

mod command;
mod compare;
mod context;
mod everywhere;
mod panes;
mod popup;
mod triage;

pub use command::Command;
pub use context::{Context, SMALLEST};

const fn c(c: char) -> (KeyCode, KeyModifiers) {
    (KeyCode::Char(c), NONE)
}

const fn ctrl(c: char) -> (KeyCode, KeyModifiers) {
    (KeyCode::Char(c), CTRL)
}

const fn k(code: KeyCode) -> (KeyCode, KeyModifiers) {
    (code, NONE)
}

const fn always(_: &State) -> bool {
    true
}

/// Returns the tables of a context, the one that wins first.
const fn tables(context: Context) -> [&'static [Binding]; 2] {
    match context {
        Context::Main => [panes::MAIN, &[]],
        Context::Typing => [panes::TYPING, &[]],
        Context::Shell => [panes::SHELL, &[]],
        Context::Search | Context::CompareSearch => [everywhere::SEARCH, &[]],
        Context::Ask => [popup::ASK, popup::SCROLLING],
        Context::Compare => [compare::SCREEN, &[]],
        Context::Triage => [triage::SCREEN, &[]],
        Context::TriageEdit => [triage::EDIT, &[]],
        Context::TriageFilter => [triage::FILTER, &[]],
        Context::TriageType => [triage::TYPE, &[]],
        Context::Help | Context::Reading => [popup::READING, popup::SCROLLING],
        Context::Undo => [popup::UNDO, popup::SCROLLING],
        Context::UndoSure => [popup::UNDO_SURE, popup::SCROLLING],
        Context::Confirm | Context::TriageConfirm => [popup::CONFIRM, popup::SCROLLING],
        Context::Cancel => [popup::CANCEL, popup::SCROLLING],
        Context::Kill => [popup::KILL, popup::SCROLLING],
        Context::Small => [popup::SMALL, &[]],
    }
}

/// Returns what a key means now; none when it means nothing, or belongs to a program.
#[must_use]
pub fn command(state: &State, key: KeyEvent) -> Option<Command> {
    let context = Context::of(state);
    if context == Context::Ask
        && key.modifiers.difference(KeyModifiers::SHIFT).is_empty()
        && let (KeyCode::Char(c), Some(ask)) = (key.code, state.ask())
        && ask.choices.iter().any(|(choice, _)| *choice == c)
        && !(c == 't' && state.asks_for_triage())
    {
        return Some(Command::Choose(c));
    }
    let pressed = (key.code, key.modifiers.difference(KeyModifiers::SHIFT));
    tables(context)
        .into_iter()
        .flatten()
        .find(|binding| binding.keys.contains(&pressed) && (binding.when)(state))
        .map(|binding| binding.command)
}

/// Returns the name of a key that has a meaning on this screen, but none now.
#[must_use]
pub fn idle(state: &State, key: KeyEvent) -> Option<&'static str> {
    let pressed = (key.code, key.modifiers.difference(KeyModifiers::SHIFT));
    let mut bindings = tables(Context::of(state)).into_iter().flatten();
    bindings.find(|binding| binding.keys.contains(&pressed)).map(|binding| binding.shown)
}

/// A key in the key bar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The key.
    pub key: String,
    /// What it does.
    pub text: String,
    /// What a click on it means.
    pub command: Command,
}

/// Returns a label as the key bar has room for it: its first words up to a comma where these are few, else its first.
fn short(label: &str) -> &str {
    /// Columns of a label.
    const ROOM: usize = 8;
    let part = label.split([':', ',', '.']).next().unwrap_or_default();
    if text::width(part) <= ROOM { part } else { part.split(' ').next().unwrap_or_default() }
}

/// Returns the keys that do something now, the most needed first.
#[must_use]
pub fn hints(state: &State) -> Vec<Hint> {
    let context = Context::of(state);
    let mut hints = Vec::new();
    if let (Context::Ask, Some(ask)) = (context, state.ask()) {
        let own = |key: char| key == 't' && state.asks_for_triage();
        hints.extend(ask.choices.iter().filter(|(key, _)| !own(*key)).map(|(key, label)| Hint {
            key: key.to_string(),
            text: short(label).to_owned(),
            command: Command::Choose(*key),
        }));
    }
    let bindings = tables(context).into_iter().flatten();
    hints.extend(bindings.filter(|binding| !binding.bar.is_empty() && (binding.when)(state)).map(|binding| Hint {
        key: binding.shown.to_owned(),
        text: bar_text(state, binding).to_owned(),
        command: binding.command,
    }));
    hints
}

fn bar_text(state: &State, binding: &Binding) -> &'static str {
    match binding.command {
        Command::Go if state.may_rehearse() => "upgrade now",
        Command::Go if state.steps.iter().all(|step| step.plan.state == StepState::Pending) => "begin",
        Command::Shell if state.shell.is_some() => "back into the shell",
        Command::FullScreen if state.division == Division::LogAlone && state.comparison().is_none() => "all panes",
        Command::Close if state.asks_for_verdict() || state.asks_for_triage() => "question",
        _ if let Some(triaging) = state.triaging() => triage::bar_text(triaging, binding),
        _ if let Some(compared) = state.comparison() => compare::bar_text(compared, binding),
        _ => binding.bar,
    }
}

/// Returns the keys that the help explains on this screen: key, sentence, and whether it does something now.
#[must_use]
pub fn explained(state: &State) -> Vec<(&'static str, &'static str, bool)> {
    let mut rows: Vec<(&'static str, &'static str, bool)> = Vec::new();
    let table = match state.triaging() {
        Some(triaging) if triaging.part == Part::Edit => triage::EDIT,
        Some(_) => triage::SCREEN,
        None if state.comparison().is_some() => compare::SCREEN,
        None => panes::MAIN,
    };
    for binding in table {
        // A key that means the same with and without a place in the key bar is explained once.
        let same = |other: &&Binding| other.command == binding.command && other.shown == binding.shown;
        if table.iter().find(same).is_some_and(|first| std::ptr::eq(first, binding)) {
            let active = table.iter().filter(same).any(|other| (other.when)(state));
            rows.push((binding.shown, binding.help, active));
        }
    }
    // Stable: what means something now comes first, each group in the table's order.
    rows.sort_by_key(|(_, _, active)| !active);
    rows
}

/// Returns the pane after `focus`, or before it.
#[must_use]
pub const fn neighbour(focus: Focus, command: Command) -> Focus {
    match (focus, command) {
        (Focus::Steps, Command::PreviousPane) | (Focus::Explanation, Command::NextPane) => Focus::Log,
        (Focus::Steps, _) | (Focus::Log, Command::PreviousPane) => Focus::Explanation,
        _ => Focus::Steps,
    }
}
