//! The keys of the panes, of a command that waits for an answer, and of the shell.

use crossterm::event::KeyCode;

use super::everywhere::{DOWN, FIRST, HELP, REDRAW, SUSPEND};
use super::{Binding, Command, always, c, ctrl, k};
use crate::procedure::StepState;
use crate::ui::log_view::Wrap;
use crate::ui::state::{Division, Engine, ShellFocus, State};

const UNDO: &str = "Bring the old version back. Shows first which steps that takes, how long, and what would be lost; nothing begins \
     before you say so.";

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

fn is_open(state: &State) -> bool {
    state.engine != Engine::Opening && !undo_is_near(state)
}

/// Tells whether undoing is one of the first things to think of: something went wrong, or the run is over.
fn undo_is_near(state: &State) -> bool {
    let open = state.first_open().and_then(|at| state.steps.get(at));
    let wrong =
        open.is_some_and(|step| matches!(step.plan.state, StepState::Failed { .. } | StepState::Interrupted { .. }));
    state.undo_obstacle().is_none() && (wrong || matches!(state.engine, Engine::Over { .. }))
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
pub const MAIN: &[Binding] = &[
    binding!([c('a')], "a", "answer", "Show the question that waits for your answer.", Command::Answer, |s| s.aside
        && !s.asks.is_empty()),
    binding!(
        [c('t')],
        "t",
        "triage",
        "Show the rows that the new version refused, and decide what becomes of them.",
        Command::Triage,
        |s| s.triaged.is_some() && s.watched.is_none() && !s.is_undo()
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
    binding!([c('u')], "u", "undo", UNDO, Command::WayBack, undo_is_near),
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
        |s| s.compared.is_some() && !s.is_undo()
    ),
    binding!([c('n')], "n", "next", "Go to the next match.", Command::NextMatch, may_search_on),
    binding!([c('N')], "N", "previous", "Go to the match before.", Command::PreviousMatch, may_search_on),
    binding!([c('u')], "u", "undo", UNDO, Command::WayBack, is_open),
    HELP,
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
    DOWN,
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
    FIRST,
    binding!([k(KeyCode::End), c('G')], "End", "", "Go to the end, and follow it.", Command::Last, always),
    binding!(
        [k(KeyCode::Esc)],
        "Esc",
        "back",
        "End the search, the selection or the zoom.",
        Command::Back,
        may_go_back
    ),
    REDRAW,
    binding!(
        [ctrl('z')],
        "Ctrl-Z",
        "",
        "Back to your shell for a while; `fg` returns. A running command goes on.",
        Command::Suspend,
        always
    ),
];

pub const TYPING: &[Binding] = &[
    binding!(
        [k(KeyCode::Esc)],
        "Esc",
        "back to the wizard (Ctrl-C goes to the command)",
        "Let your keys go to the wizard again. `i` returns to typing.",
        Command::LeaveTyping,
        always
    ),
    SUSPEND,
];

pub const SHELL: &[Binding] = &[binding!(
    [ctrl(']'), ctrl('5'), k(KeyCode::F(12))],
    "F12",
    "back to the wizard, the shell stays",
    "Let your keys go to the wizard again (also Ctrl-]); the shell stays.",
    Command::LeaveShell,
    always
)];
