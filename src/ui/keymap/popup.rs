//! The keys of what stands in front of the panes, and of a screen that is too small.

use crossterm::event::KeyCode;

use super::everywhere::{REDRAW, SUSPEND};
use super::{Binding, Command, always, c, ctrl, k};
use crate::ui::state::{Obstacle, Popup, State};

pub const SCROLLING: &[Binding] = &[
    binding!([k(KeyCode::Up), c('k')], "↑", "", "Scroll up.", Command::Up, always),
    binding!([k(KeyCode::Down), c('j')], "↓", "", "Scroll down.", Command::Down, always),
    binding!([k(KeyCode::PageUp)], "PgUp", "", "Scroll one page up.", Command::PageUp, always),
    binding!([k(KeyCode::PageDown), c(' ')], "PgDn", "", "Scroll one page down.", Command::PageDown, always),
    binding!([k(KeyCode::Home)], "Home", "", "Go to the beginning.", Command::First, always),
    binding!([k(KeyCode::End)], "End", "", "Go to the end.", Command::Last, always),
    REDRAW,
    SUSPEND,
];

fn is_in_the_way(state: &State, obstacles: &[Obstacle]) -> bool {
    state.popup == Some(Popup::NoUndo) && state.undo_obstacle().is_some_and(|found| obstacles.contains(&found))
}

pub const READING: &[Binding] = &[
    binding!([ctrl('c')], "Ctrl-C", "cancel the step", "Show the ways to cancel the step.", Command::Cancel, |s| {
        is_in_the_way(s, &[Obstacle::Running]) && s.is_busy()
    }),
    binding!([c('c'), ctrl('c')], "c", "cancel the rehearsal", "End the rehearsal.", Command::CancelRehearsal, |s| {
        is_in_the_way(s, &[Obstacle::Rehearsing])
    }),
    binding!(
        [c('u')],
        "u",
        "stop and undo",
        "Stop the step that asks; then see the undo.",
        Command::UndoInstead,
        |s| { is_in_the_way(s, &[Obstacle::Asked]) }
    ),
    binding!([c('a')], "a", "answer", "Show the question that waits.", Command::Answer, |s| {
        is_in_the_way(s, &[Obstacle::Asked])
    }),
    binding!([c('!')], "!", "back into the shell", "Go back into the shell.", Command::Shell, |s| {
        is_in_the_way(s, &[Obstacle::Shell])
    }),
    binding!([c('t')], "t", "take over", "Drive this yourself.", Command::TakeOver, |s| {
        is_in_the_way(s, &[Obstacle::Watching, Obstacle::Left])
    }),
    binding!([c('u')], "u", "undo", "Show what an undo would do.", Command::WayBack, |s| {
        s.popup == Some(Popup::Summary)
    }),
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

pub const UNDO: &[Binding] = &[
    binding!([c('y')], "y", "bring it back", "Begin the undo.", Command::BeginUndo, State::may_begin_undo),
    binding!(
        [c('n'), k(KeyCode::Esc), c('q'), ctrl('c')],
        "n",
        "change nothing",
        "Change nothing.",
        Command::Back,
        State::may_begin_undo
    ),
    binding!([c('n'), k(KeyCode::Esc), c('q'), ctrl('c')], "Esc", "close", "Close this.", Command::Back, |s| !s
        .may_begin_undo()),
];

// Another key than the one before it, so that no key held down too long answers both.
pub const UNDO_SURE: &[Binding] = &[
    binding!(
        [c('b')],
        "b",
        "bring it back",
        "Begin the undo although rows are lost.",
        Command::BeginUndoSure,
        State::may_begin_undo
    ),
    binding!([c('n'), k(KeyCode::Esc), ctrl('c')], "n", "no", "Back to the plan.", Command::Back, always),
];

pub const CONFIRM: &[Binding] = &[
    binding!([c('y')], "y", "yes", "Do it.", Command::Confirm, always),
    binding!([c('n'), k(KeyCode::Esc), ctrl('c')], "n", "no", "Change nothing.", Command::Back, always),
];

pub const CANCEL: &[Binding] = &[
    binding!([c('f')], "f", "finish the step", "Finish this step, then stop.", Command::CancelAfterStep, |s| !s
        .pausing),
    binding!([c('i')], "i", "interrupt", "Interrupt the command.", Command::CancelInterrupt, |s| s.commanding),
    binding!([c('k')], "k", "kill", "Kill the command.", Command::CancelKill, |s| s.commanding),
    binding!([c('l')], "l", "leave", "Leave the wizard; the command goes on.", Command::Leave, always),
    binding!([k(KeyCode::Esc), ctrl('c')], "Esc", "change nothing", "Change nothing.", Command::Back, always),
];

pub const KILL: &[Binding] = &[
    binding!([c('k')], "k", "kill it", "Kill the command now.", Command::Confirm, always),
    binding!([k(KeyCode::Esc), ctrl('c')], "Esc", "change nothing", "Change nothing.", Command::Back, always),
];

pub const ASK: &[Binding] = &[
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
    binding!(
        [c('u')],
        "u",
        "undo",
        "Show how the old version comes back instead; the question stays.",
        Command::WayBack,
        State::has_something_to_undo
    ),
    binding!([ctrl('c')], "Ctrl-C", "", "Leave the wizard; the question stays.", Command::Quit, always),
];

pub const SMALL: &[Binding] = &[binding!([c('q'), ctrl('c')], "q", "quit", "Leave the wizard.", Command::Quit, always)];
