//! Carries out what the operator wants from the screen.

use super::engine::acknowledge;
use super::scrolling::{SIDEWAYS, Steps, page};
use super::{compare, end_typing, in_shell, look_again, triage, undo};
use crate::engine::{Cancel, Rehearsing, Wish};
use crate::procedure::StepState;
use crate::ui::keymap::{Command, Context, neighbour};
use crate::ui::layout::areas;
use crate::ui::log_view::{Found, Search};
use crate::ui::reader::{Request, Way};
use crate::ui::screens::{explanation, popup_height};
use crate::ui::state::{Action, Division, Focus, Popup, Screen, ShellFocus, State, Typing, TypingBy};

/// Carries out a command.
#[expect(clippy::too_many_lines, reason = "one arm per command reads best in one place")]
pub fn run(state: &mut State, command: Command, actions: &mut Vec<Action>) {
    state.notice = None;
    if matches!(Context::of(state), Context::Compare | Context::CompareSearch) && compare::run(state, command, actions)
    {
        return;
    }
    let of_triage = matches!(
        Context::of(state),
        Context::Triage | Context::TriageEdit | Context::TriageFilter | Context::TriageType | Context::TriageConfirm
    );
    if of_triage && triage::run(state, command, actions) {
        return;
    }
    match command {
        Command::Go => {
            state.following = true;
            send(Wish::Continue, actions);
        }
        Command::Skip => {
            if let Some(step) = state.step() {
                open(state, Popup::Skip(step.plan.step));
            }
        }
        Command::Retry => retry(state, actions),
        Command::Shell => match &mut state.shell {
            Some(shell) => {
                shell.focus = ShellFocus::Shell;
                state.popup = None;
            }
            None => send(Wish::OpenShell, actions),
        },
        Command::WayBack => undo::ask(state, actions),
        Command::UndoInstead => undo::stop_asking(state, actions),
        Command::BeginUndo => undo::begin(state, actions),
        Command::BeginUndoSure => undo::begin_surely(state, actions),
        Command::Pause | Command::CancelAfterStep => {
            state.popup = None;
            state.pausing = true;
            let wish = if command == Command::Pause { Wish::PauseAfterStep } else { Wish::Cancel(Cancel::AfterStep) };
            send(wish, actions);
        }
        Command::Cancel => open(state, Popup::Cancel),
        Command::CancelInterrupt => {
            state.popup = None;
            acknowledge(state, "Ctrl-C was pressed in the command's terminal.");
            send(Wish::Cancel(Cancel::Interrupt), actions);
        }
        Command::CancelKill => open(state, Popup::Kill),
        Command::Leave => leave(actions),
        Command::Quit => quit(state, actions),
        Command::Help => open(state, Popup::Help),
        Command::TakeOver => open(state, Popup::TakeOver),
        Command::Summary => open(state, Popup::Summary),
        Command::Answer => {
            state.popup = None;
            state.aside = false;
            state.popup_scroll = 0;
        }
        Command::Choose(key) => {
            if !state.asks.is_empty() {
                let ask = state.asks.remove(0);
                // What the answer sets off is seen among the steps.
                state.screen = Screen::Main;
                state.popup_scroll = 0;
                state.following = true;
                send(Wish::Choose { question: ask.question, key }, actions);
            }
        }
        Command::Type => {
            state.typing = Some(Typing { by: TypingBy::Operator, until: None, entered: false });
            state.following = true;
            if let Some(at) = state.running() {
                state.selected = at;
            }
            state.log.last();
        }
        Command::LeaveTyping => end_typing(state),
        Command::LeaveShell => {
            if let Some(shell) = &mut state.shell {
                shell.focus = ShellFocus::Wizard;
            }
        }
        Command::Up | Command::Down | Command::PageUp | Command::PageDown | Command::First | Command::Last => {
            move_in(state, command);
        }
        Command::Left => state.log.sideways(-SIDEWAYS),
        Command::Right => state.log.sideways(SIDEWAYS),
        Command::NextPane | Command::PreviousPane => state.focus = neighbour(state.focus, command),
        Command::Follow => follow(state),
        Command::Search => {
            state.log.editing = true;
            let origin = state.log.anchor();
            state.log.search = Some(Search { origin, ..Search::default() });
            state.focus = Focus::Log;
        }
        Command::AcceptSearch => {
            state.log.editing = false;
            if state.log.search.as_ref().is_some_and(|search| search.needle.is_empty()) {
                state.log.search = None;
            }
        }
        Command::NextMatch => go_on(state, Way::Down, actions),
        Command::PreviousMatch => go_on(state, Way::Up, actions),
        Command::NextTrouble => trouble(state, Way::Down, actions),
        Command::PreviousTrouble => trouble(state, Way::Up, actions),
        Command::Wrap => state.log.toggle_wrap(),
        Command::FullScreen => {
            state.division = match state.division {
                Division::Panes => Division::LogAlone,
                Division::LogAlone => Division::Panes,
            };
            state.focus = if state.division == Division::LogAlone { Focus::Log } else { Focus::Steps };
        }
        Command::Copy => {
            if let Some(range) = state.log.to_copy() {
                actions.push(Action::Ask(Request::Copy(range)));
            }
        }
        Command::Select => {
            let line = state.log.visible().first().map(|row| row.line);
            state.log.hold();
            state.log.selection = match state.log.selection {
                Some(_) => None,
                None => line.map(|line| (line, line)),
            };
            state.focus = Focus::Log;
        }
        Command::Redraw => actions.push(Action::Redraw),
        Command::Suspend => actions.push(Action::Suspend),
        Command::Diff => compare::open(state, actions),
        Command::Triage => triage::open(state),
        Command::Rehearse => send(Wish::Rehearse(Rehearsing::Whole), actions),
        Command::CancelRehearsal => open(state, Popup::EndRehearsal),
        Command::Back => back(state, actions),
        // Keys of the comparison and of the triage, which are carried out there.
        Command::Close
        | Command::SetField
        | Command::EmptyField
        | Command::PointField
        | Command::LeaveOut
        | Command::AskDeveloper
        | Command::KeepUndecided
        | Command::CopyField
        | Command::DropField
        | Command::RenameModel
        | Command::Reach
        | Command::WholeModel
        | Command::Which
        | Command::Undo
        | Command::Redo
        | Command::RetryRows
        | Command::Edit
        | Command::Traceback
        | Command::NextOpen
        | Command::PreviousOpen
        | Command::UnfoldAll
        | Command::FoldAll
        | Command::AcceptTyped
        | Command::Enter
        | Command::NextDifference
        | Command::PreviousDifference
        | Command::Unified
        | Command::Fold
        | Command::Renamed
        | Command::Gone => {}
        Command::Confirm => confirm(state, actions),
    }
}

pub(super) fn send(wish: Wish, actions: &mut Vec<Action>) {
    actions.push(Action::Send(wish));
}

pub(super) fn open(state: &mut State, popup: Popup) {
    state.popup = Some(popup);
    state.popup_scroll = 0;
}

fn leave(actions: &mut Vec<Action>) {
    send(Wish::Leave, actions);
    actions.push(Action::Quit);
}

fn quit(state: &mut State, actions: &mut Vec<Action>) {
    if (state.is_busy() || state.is_rehearsing()) && state.watched.is_none() && Context::of(state) != Context::Small {
        open(state, Popup::Quit);
    } else {
        leave(actions);
    }
}

fn retry(state: &mut State, actions: &mut Vec<Action>) {
    let Some(step) = state.step() else { return };
    let id = step.plan.step;
    match step.plan.state {
        StepState::Done { .. } | StepState::Skipped { .. } => open(state, Popup::Again(id)),
        _ => {
            state.following = true;
            send(Wish::Run(id), actions);
        }
    }
}

fn follow(state: &mut State) {
    state.following = true;
    state.explanation = 0;
    let rehearsing = state.is_rehearsing();
    if let Some(rehearsal) = &mut state.rehearsal {
        rehearsal.shown = rehearsing;
    }
    if let Some(at) = state.running().or_else(|| state.first_open()) {
        state.selected = at;
    }
    state.log.selection = None;
    state.log.last();
}

fn back(state: &mut State, actions: &mut Vec<Action>) {
    match Context::of(state) {
        Context::Kill => state.popup = Some(Popup::Cancel),
        Context::UndoSure => state.popup = Some(Popup::Undo),
        Context::Ask => state.aside = true,
        _ if state.popup.is_some() => state.popup = None,
        _ if state.log.editing || state.log.search.is_some() => {
            state.log.editing = false;
            state.log.search = None;
            actions.push(Action::Ask(Request::Forget));
        }
        _ if state.log.selection.is_some() => state.log.selection = None,
        _ => {
            state.division = Division::Panes;
            state.focus = Focus::Steps;
        }
    }
    state.popup_scroll = 0;
}

fn confirm(state: &mut State, actions: &mut Vec<Action>) {
    match state.popup.take() {
        Some(Popup::Skip(step)) => send(Wish::Skip(step), actions),
        Some(Popup::Again(step)) => {
            state.following = true;
            send(Wish::Run(step), actions);
        }
        Some(Popup::Quit) => leave(actions),
        Some(Popup::Kill) => {
            acknowledge(state, "The command is being killed.");
            send(Wish::Cancel(Cancel::Kill), actions);
        }
        Some(Popup::EndRehearsal) => {
            acknowledge(state, "The rehearsal is being ended.");
            send(Wish::Cancel(Cancel::Interrupt), actions);
        }
        Some(Popup::TakeOver) => send(Wish::TakeOver, actions),
        other => state.popup = other,
    }
}

/// Goes to the next match.
fn go_on(state: &mut State, way: Way, actions: &mut Vec<Action>) {
    let last = state.log.lines.saturating_sub(1);
    let anchor = state.log.anchor();
    let Some(search) = &mut state.log.search else { return };
    if search.needle.is_empty() {
        return;
    }
    let from = match (search.found, way) {
        (Found::At(line), Way::Down) => line.saturating_add(1),
        (Found::At(line), Way::Up) => line.checked_sub(1).unwrap_or(last),
        _ => anchor,
    };
    search.origin = from;
    search.found = Found::Looking;
    search.counted = None;
    actions.push(Action::Ask(Request::Find {
        needle: search.needle.clone(),
        case_sensitive: search.case_sensitive(),
        from,
        way,
    }));
    if state.log.lines == 0 {
        look_again(state, actions);
    }
}

fn trouble(state: &mut State, way: Way, actions: &mut Vec<Action>) {
    let last = state.log.lines.saturating_sub(1);
    let from = match (state.log.selection, way) {
        (Some((line, _)), Way::Down) => line.saturating_add(1),
        (Some((line, _)), Way::Up) => line.checked_sub(1).unwrap_or(last),
        (None, Way::Down) if state.log.follow => 0,
        (None, _) => state.log.anchor(),
    };
    state.focus = Focus::Log;
    actions.push(Action::Ask(Request::FindTrouble { from, way }));
}

/// Moves in what has the focus.
fn move_in(state: &mut State, command: Command) {
    match Context::of(state) {
        Context::Main => {}
        Context::Small
        | Context::Search
        | Context::Shell
        | Context::Typing
        | Context::Compare
        | Context::CompareSearch
        | Context::Triage
        | Context::TriageEdit
        | Context::TriageFilter
        | Context::TriageType => return,
        _ => {
            let (rows, room) = popup_height(state);
            state.popup_scroll = Steps::of(room, 1).lead(command, state.popup_scroll, rows.saturating_sub(room));
            return;
        }
    }
    let page = page(state.log.size.1);
    if let Some(shell) = &mut state.shell {
        let rows = isize::try_from(page).unwrap_or(1);
        match command {
            Command::PageUp => shell.emulator.scroll(rows),
            Command::PageDown => shell.emulator.scroll(-rows),
            _ => select(state, command),
        }
        return;
    }
    match (state.focus, command) {
        (Focus::Explanation, _) => {
            let areas = areas(state);
            let rows = explanation::lines(state, usize::from(areas.explanation.width)).len();
            let most = rows.saturating_sub(areas.explanation.height.into());
            state.explanation = Steps::of(areas.explanation.height, 1).lead(command, state.explanation, most);
        }
        (Focus::Steps, Command::Up | Command::Down | Command::First) => select(state, command),
        (Focus::Steps, Command::Last) => follow(state),
        (_, Command::Up) if state.log.selection.is_some() => extend(state, -1),
        (_, Command::Down) if state.log.selection.is_some() => extend(state, 1),
        (_, Command::Up) => state.log.up(1),
        (_, Command::Down) => state.log.down(1),
        (_, Command::PageUp) => state.log.up(page),
        (_, Command::PageDown) => state.log.down(page),
        (_, Command::First) => state.log.first(),
        _ => state.log.last(),
    }
}

/// Moves the end of the selection and keeps it visible.
fn extend(state: &mut State, by: i64) {
    let last = state.log.lines.saturating_sub(1);
    let Some((from, to)) = state.log.selection else { return };
    let to = to.saturating_add_signed(by).min(last);
    state.log.selection = Some((from, to));
    if !state.log.visible().iter().any(|row| row.line == to) {
        if by < 0 { state.log.up(1) } else { state.log.down(1) }
    }
}

fn select(state: &mut State, command: Command) {
    let last = state.steps.len().saturating_sub(1);
    let at = match command {
        Command::Up => state.selected.saturating_sub(1),
        Command::Down => (state.selected + 1).min(last),
        Command::First => 0,
        _ => return,
    };
    choose_step(state, at);
}

/// Selects a step; the running one is followed again.
pub fn choose_step(state: &mut State, at: usize) {
    if state.selected != at {
        state.explanation = 0;
    }
    // Whoever goes to a step wants to see it.
    if let Some(rehearsal) = &mut state.rehearsal {
        rehearsal.shown = false;
    }
    state.selected = at;
    state.following = state.running().or_else(|| state.first_open()).is_none_or(|running| running == at);
    if in_shell(state) {
        state.following = true;
    }
}
