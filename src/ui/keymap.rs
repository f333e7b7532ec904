//! What each key means where, in one table. The key bar and the help are made from it, so they cannot lie.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::log_view::Wrap;
use super::state::{Dialog, Division, Engine, Focus, Part, Popup, ShellFocus, State};
use super::text;
use crate::procedure::StepState;

/// What the operator wants from the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Begin, or go on.
    Go,
    /// Leave the selected step out.
    Skip,
    /// Run the selected step again.
    Retry,
    /// Open a shell, or go back into it.
    Shell,
    /// Show what brings the old version back.
    WayBack,
    /// Stop after the running step.
    Pause,
    /// Show the levels of cancelling.
    Cancel,
    /// Leave the wizard.
    Quit,
    /// Explain the screen.
    Help,
    /// Take the site over from another operator.
    TakeOver,
    /// Show how the run ended.
    Summary,
    /// Show the question that was put aside.
    Answer,
    /// Let keys go to the command.
    Type,
    /// One row up.
    Up,
    /// One row down.
    Down,
    /// One page up.
    PageUp,
    /// One page down.
    PageDown,
    /// To the beginning.
    First,
    /// To the end.
    Last,
    /// Sideways.
    Left,
    /// Sideways.
    Right,
    /// The next pane.
    NextPane,
    /// The pane before.
    PreviousPane,
    /// Back to the running step and the end of its log.
    Follow,
    /// Look for text.
    Search,
    /// The next match.
    NextMatch,
    /// The match before.
    PreviousMatch,
    /// The next error or warning.
    NextTrouble,
    /// The error or warning before.
    PreviousTrouble,
    /// Wrap lines, or cut them.
    Wrap,
    /// The log alone, or all panes.
    FullScreen,
    /// Copy lines.
    Copy,
    /// Begin or end a selection of lines.
    Select,
    /// Draw again.
    Redraw,
    /// Stop the wizard's process.
    Suspend,
    /// Close what is in front, or end the selection, the search, the full screen.
    Back,
    /// Do what the popup asks.
    Confirm,
    /// Finish the step, then stop.
    CancelAfterStep,
    /// Press Ctrl-C in the command's terminal.
    CancelInterrupt,
    /// Kill the command; the first of two strokes.
    CancelKill,
    /// Leave; the command goes on.
    Leave,
    /// Answer the question.
    Choose(char),
    /// Let keys go to the wizard again.
    LeaveTyping,
    /// Accept the needle.
    AcceptSearch,
    /// Let keys go to the wizard while the shell stays.
    LeaveShell,
    /// Show what the versions differ in.
    Diff,
    /// Leave the comparison for the steps.
    Close,
    /// Look closer at what is chosen.
    Enter,
    /// The next difference.
    NextDifference,
    /// The difference before.
    PreviousDifference,
    /// Side by side, or one below the other.
    Unified,
    /// Fold away noise or equal lines, or show them.
    Fold,
    /// The field or model was renamed.
    Renamed,
    /// The field or model is gone.
    Gone,
    /// Load the snapshot with the new version into a scratch database.
    Rehearse,
    /// End the rehearsal.
    CancelRehearsal,
    /// Show the rows that were refused.
    Triage,
    /// Set a field.
    SetField,
    /// Empty a field.
    EmptyField,
    /// Point a field to another row.
    PointField,
    /// Leave rows out.
    LeaveOut,
    /// Ask the developer.
    AskDeveloper,
    /// Keep rows undecided.
    KeepUndecided,
    /// Give the values of a field to another one.
    CopyField,
    /// Drop a field.
    DropField,
    /// The model is called otherwise.
    RenameModel,
    /// What deciding keys apply to.
    Reach,
    /// Deciding keys apply to the whole model, or do not.
    WholeModel,
    /// Rows by how they stand.
    Which,
    /// Take the last decision back.
    Undo,
    /// Take it again.
    Redo,
    /// Load what was refused once more.
    RetryRows,
    /// Show what the decisions become.
    Edit,
    /// Show the traceback, or hide it.
    Traceback,
    /// The next undecided row.
    NextOpen,
    /// The undecided row before.
    PreviousOpen,
    /// Unfold all lines.
    UnfoldAll,
    /// Fold all lines.
    FoldAll,
    /// Go on with what was typed.
    AcceptTyped,
}

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
            Some(Popup::WayBack | Popup::Summary | Popup::Trouble(_)) => return Self::Reading,
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
    ([$($key:expr),*], $shown:literal, $bar:literal, $help:literal, $command:expr, $when:expr) => {
        Binding { keys: &[$($key),*], shown: $shown, bar: $bar, help: $help, command: $command, when: $when }
    };
}

mod compare;
mod triage;

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

fn has_log(state: &State) -> bool {
    state.log.path.is_some() && state.shell.is_none()
}

fn may_go(state: &State) -> bool {
    // A failed step is run again by its own key: a stray Enter must not drop tables once more.
    let next = state.first_open().and_then(|at| state.steps.get(at));
    state.may_start() && next.is_some_and(|step| step.plan.state == StepState::Pending)
}

fn may_skip(state: &State) -> bool {
    state.may_start()
        && state.step().is_some_and(|step| {
            matches!(step.plan.state, StepState::Pending | StepState::Failed { .. } | StepState::Interrupted { .. })
        })
}

fn may_retry(state: &State) -> bool {
    let reachable = state.first_open().is_none_or(|open| state.selected <= open);
    state.may_start() && reachable && state.step().is_some_and(|step| step.plan.state != StepState::Pending)
}

fn may_open_shell(state: &State) -> bool {
    match &state.shell {
        Some(shell) => shell.focus == ShellFocus::Wizard,
        None => {
            state.watched.is_none() && !state.is_busy() && !state.is_rehearsing() && state.engine != Engine::Opening
        }
    }
}

fn may_search_on(state: &State) -> bool {
    has_log(state) && state.log.search.is_some()
}

fn may_follow(state: &State) -> bool {
    let hidden = state.is_rehearsing() && state.shown_rehearsal().is_none();
    let elsewhere = hidden || state.running().is_some_and(|at| at != state.selected);
    state.shell.is_none() && (elsewhere || (has_log(state) && !state.log.follow))
}

fn may_go_back(state: &State) -> bool {
    state.log.selection.is_some() || state.log.search.is_some() || state.division == Division::LogAlone
}

/// The keys of the panes, the most needed first: a narrow key bar shows the first ones.
const MAIN: &[Binding] = &[
    binding!([c('a')], "a", "answer", "Show the question that waits for your answer.", Command::Answer, |s| s.aside
        && !s.asks.is_empty()),
    binding!(
        [c('t')],
        "t",
        "triage",
        "Show the rows that the new version refused, and decide what becomes of them.",
        Command::Triage,
        |s| s.triaged.is_some() && s.watched.is_none()
    ),
    binding!(
        [c('h')],
        "h",
        "rehearse",
        "Load a snapshot with the new version into a scratch database. The site stays up and is not touched; you see \
         which rows would be refused.",
        Command::Rehearse,
        State::may_rehearse
    ),
    binding!(
        [c('c'), ctrl('c')],
        "c",
        "cancel",
        "End the rehearsal. The site is not touched by it.",
        Command::CancelRehearsal,
        |s| s.is_rehearsing() && s.watched.is_none()
    ),
    binding!(
        [k(KeyCode::Enter)],
        "Enter",
        "go on",
        "Begin, or go on with the first step that is not settled, step after step, \
        until something needs you.",
        Command::Go,
        may_go
    ),
    binding!(
        [c('i')],
        "i",
        "type",
        "Let your keys go to the running command, for example to answer it.",
        Command::Type,
        |s| s.commanding && s.watched.is_none()
    ),
    binding!(
        [c('t')],
        "t",
        "take over",
        "Drive this upgrade yourself; the other operator's wizard will only watch.",
        Command::TakeOver,
        |s| s.watched.is_some()
    ),
    binding!([c('r')], "r", "run again", "Run the selected step again.", Command::Retry, may_retry),
    binding!(
        [c('s')],
        "s",
        "skip",
        "Leave the selected step out. You are told what that means before it happens.",
        Command::Skip,
        may_skip
    ),
    binding!(
        [c('!')],
        "!",
        "shell",
        "Open a shell in the site's environment, or go back into it. `exit` ends it.",
        Command::Shell,
        may_open_shell
    ),
    binding!([c('p')], "p", "pause", "Let the running step finish, then stop.", Command::Pause, |s| s.is_busy()
        && s.watched.is_none()
        && !s.pausing),
    binding!(
        [ctrl('c')],
        "Ctrl-C",
        "cancel",
        "Interrupt or kill the running command; shows what each way means.",
        Command::Cancel,
        |s| s.is_busy() && s.watched.is_none()
    ),
    binding!([c('o')], "o", "overview", "Show how the run ended.", Command::Summary, |s| matches!(
        s.engine,
        Engine::Over { .. }
    )),
    binding!(
        [c('f')],
        "f",
        "follow",
        "Go back to the running step and to the end of its log.",
        Command::Follow,
        may_follow
    ),
    binding!(
        [c('d')],
        "d",
        "diff",
        "Show what the new version changes, what that means for the rows, and the scripts side by side.",
        Command::Diff,
        |s| s.compared.is_some()
    ),
    binding!([c('n')], "n", "next", "Go to the next match.", Command::NextMatch, may_search_on),
    binding!([c('N')], "N", "previous", "Go to the match before.", Command::PreviousMatch, may_search_on),
    binding!(
        [c('u')],
        "u",
        "way back",
        "Show what brings the old version back if you stop now.",
        Command::WayBack,
        |s| s.step().is_some_and(|step| !step.plan.way_back.is_empty())
    ),
    binding!([c('?'), k(KeyCode::F(1))], "?", "help", "Show this help.", Command::Help, always),
    binding!([c('q')], "q", "quit", "Leave the wizard. A running command goes on without it.", Command::Quit, always),
    binding!([ctrl('c')], "Ctrl-C", "", "Leave the wizard, since nothing runs.", Command::Quit, always),
    binding!([c('/')], "/", "search", "Search the log. A capital letter makes case matter.", Command::Search, has_log),
    binding!([c('z')], "z", "zoom", "Show the log alone, or all panes again.", Command::FullScreen, always),
    binding!(
        [k(KeyCode::Tab)],
        "Tab",
        "pane",
        "Move to the next pane; the arrows then move in it.",
        Command::NextPane,
        |s| s.division == Division::Panes
    ),
    binding!([k(KeyCode::BackTab)], "Shift-Tab", "", "Move to the pane before.", Command::PreviousPane, |s| s.division
        == Division::Panes),
    binding!([c('e')], "e", "error", "Go to the next error or warning in the log.", Command::NextTrouble, has_log),
    binding!([c('E')], "E", "", "Go to the error or warning before.", Command::PreviousTrouble, has_log),
    binding!([c('w')], "w", "wrap", "Wrap long lines, or cut them.", Command::Wrap, has_log),
    binding!(
        [c('y')],
        "y",
        "copy",
        "Copy the selected lines, or the visible ones, to your own clipboard.",
        Command::Copy,
        has_log
    ),
    binding!(
        [c('v')],
        "v",
        "select",
        "Begin to select lines, then move; or drag with the mouse. (With Shift, most terminals \
        select by themselves.)",
        Command::Select,
        has_log
    ),
    binding!(
        [k(KeyCode::Up), c('k')],
        "↑",
        "",
        "Move up: in the steps, the explanation or the log.",
        Command::Up,
        always
    ),
    binding!([k(KeyCode::Down), c('j')], "↓", "", "Move down.", Command::Down, always),
    binding!([k(KeyCode::Left), c('h')], "←", "", "Move left in a log that is not wrapped.", Command::Left, |s| s
        .log
        .wrap
        == Wrap::Nothing),
    binding!([k(KeyCode::Right), c('l')], "→", "", "Move right in a log that is not wrapped.", Command::Right, |s| s
        .log
        .wrap
        == Wrap::Nothing),
    binding!([k(KeyCode::PageUp), ctrl('b')], "PgUp", "", "Scroll the log one page up.", Command::PageUp, always),
    binding!(
        [k(KeyCode::PageDown), ctrl('f'), c(' ')],
        "PgDn",
        "",
        "Scroll the log one page down.",
        Command::PageDown,
        always
    ),
    binding!([k(KeyCode::Home), c('g')], "Home", "", "Go to the beginning.", Command::First, always),
    binding!([k(KeyCode::End), c('G')], "End", "", "Go to the end, and follow it.", Command::Last, always),
    binding!(
        [k(KeyCode::Esc)],
        "Esc",
        "back",
        "End the search, the selection or the zoom.",
        Command::Back,
        may_go_back
    ),
    binding!([ctrl('l')], "Ctrl-L", "", "Draw the screen again.", Command::Redraw, always),
    binding!(
        [ctrl('z')],
        "Ctrl-Z",
        "",
        "Back to your shell for a while; `fg` returns. A running command goes on.",
        Command::Suspend,
        always
    ),
];

const TYPING: &[Binding] = &[
    binding!(
        [k(KeyCode::Esc)],
        "Esc",
        "back to the wizard (Ctrl-C goes to the command)",
        "Let your keys go to the wizard again. `i` returns to typing.",
        Command::LeaveTyping,
        always
    ),
    binding!([ctrl('z')], "Ctrl-Z", "", "Back to your shell for a while; `fg` returns.", Command::Suspend, always),
];

const SHELL: &[Binding] = &[binding!(
    [ctrl(']'), ctrl('5'), k(KeyCode::F(12))],
    "F12",
    "back to the wizard, the shell stays",
    "Let your keys go to the wizard again (also Ctrl-]); the shell stays.",
    Command::LeaveShell,
    always
)];

const SEARCH: &[Binding] = &[
    binding!(
        [k(KeyCode::Enter)],
        "Enter",
        "search",
        "Keep the search; `n` and `N` move between matches.",
        Command::AcceptSearch,
        always
    ),
    binding!([k(KeyCode::Down)], "↓", "next", "Go to the next match.", Command::NextMatch, always),
    binding!([k(KeyCode::Up)], "↑", "previous", "Go to the match before.", Command::PreviousMatch, always),
    binding!([k(KeyCode::Esc), ctrl('c')], "Esc", "no search", "End the search.", Command::Back, always),
];

const SCROLLING: &[Binding] = &[
    binding!([k(KeyCode::Up), c('k')], "↑", "", "Scroll up.", Command::Up, always),
    binding!([k(KeyCode::Down), c('j')], "↓", "", "Scroll down.", Command::Down, always),
    binding!([k(KeyCode::PageUp)], "PgUp", "", "Scroll one page up.", Command::PageUp, always),
    binding!([k(KeyCode::PageDown), c(' ')], "PgDn", "", "Scroll one page down.", Command::PageDown, always),
    binding!([k(KeyCode::Home)], "Home", "", "Go to the beginning.", Command::First, always),
    binding!([k(KeyCode::End)], "End", "", "Go to the end.", Command::Last, always),
    binding!([ctrl('l')], "Ctrl-L", "", "Draw the screen again.", Command::Redraw, always),
    binding!([ctrl('z')], "Ctrl-Z", "", "Back to your shell for a while; `fg` returns.", Command::Suspend, always),
];

const READING: &[Binding] = &[
    binding!([c('q')], "q", "quit", "Leave the wizard.", Command::Quit, |s| s.popup == Some(Popup::Summary)),
    binding!(
        [k(KeyCode::Esc), k(KeyCode::Enter), c('q'), c('?'), ctrl('c')],
        "Esc",
        "close",
        "Close this.",
        Command::Back,
        always
    ),
];

const CONFIRM: &[Binding] = &[
    binding!([c('y')], "y", "yes", "Do it.", Command::Confirm, always),
    binding!([c('n'), k(KeyCode::Esc), ctrl('c')], "n", "no", "Change nothing.", Command::Back, always),
];

const CANCEL: &[Binding] = &[
    binding!([c('f')], "f", "finish the step", "Finish this step, then stop.", Command::CancelAfterStep, |s| !s
        .pausing),
    binding!([c('i')], "i", "interrupt", "Interrupt the command.", Command::CancelInterrupt, |s| s.commanding),
    binding!([c('k')], "k", "kill", "Kill the command.", Command::CancelKill, |s| s.commanding),
    binding!([c('l')], "l", "leave", "Leave the wizard; the command goes on.", Command::Leave, always),
    binding!([k(KeyCode::Esc), ctrl('c')], "Esc", "change nothing", "Change nothing.", Command::Back, always),
];

const KILL: &[Binding] = &[
    binding!([c('k')], "k", "kill it", "Kill the command now.", Command::Confirm, always),
    binding!([k(KeyCode::Esc), ctrl('c')], "Esc", "change nothing", "Change nothing.", Command::Back, always),
];

const ASK: &[Binding] = &[
    binding!(
        [c('t')],
        "t",
        "look at the rows",
        "Show the rows that were refused, and decide what becomes of them; the question comes back.",
        Command::Triage,
        State::asks_for_triage
    ),
    binding!(
        [c('d')],
        "d",
        "evidence",
        "Show what the versions differ in; the question comes back.",
        Command::Diff,
        State::asks_for_verdict
    ),
    binding!(
        [k(KeyCode::Esc)],
        "Esc",
        "look around first",
        "Put the question aside; `a` shows it again.",
        Command::Back,
        always
    ),
    binding!([ctrl('c')], "Ctrl-C", "", "Leave the wizard; the question stays.", Command::Quit, always),
];

const SMALL: &[Binding] = &[binding!([c('q'), ctrl('c')], "q", "quit", "Leave the wizard.", Command::Quit, always)];

/// Returns the tables of a context, the one that wins first.
const fn tables(context: Context) -> [&'static [Binding]; 2] {
    match context {
        Context::Main => [MAIN, &[]],
        Context::Typing => [TYPING, &[]],
        Context::Shell => [SHELL, &[]],
        Context::Search => [SEARCH, &[]],
        Context::Ask => [ASK, SCROLLING],
        Context::Compare => [compare::SCREEN, &[]],
        Context::CompareSearch => [compare::SEARCH, &[]],
        Context::Triage => [triage::SCREEN, &[]],
        Context::TriageEdit => [triage::EDIT, &[]],
        Context::TriageFilter => [triage::FILTER, &[]],
        Context::TriageType => [triage::TYPE, &[]],
        Context::Help | Context::Reading => [READING, SCROLLING],
        Context::Confirm | Context::TriageConfirm => [CONFIRM, SCROLLING],
        Context::Cancel => [CANCEL, SCROLLING],
        Context::Kill => [KILL, SCROLLING],
        Context::Small => [SMALL, &[]],
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
        None => MAIN,
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
