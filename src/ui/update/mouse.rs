//! The mouse: clicks select, the wheel scrolls what is under the pointer, dragging in the log selects lines.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

use super::scrolling::WHEEL;
use super::{clicked, commands, compare, triage};
use crate::ui::keymap::{Command, Context};
use crate::ui::layout::{Spot, spot};
use crate::ui::reader::Request;
use crate::ui::state::{Action, Focus, State};

/// Takes in what the mouse did.
pub fn on_mouse(state: &mut State, event: MouseEvent, actions: &mut Vec<Action>) {
    if Context::of(state) == Context::Small {
        return;
    }
    let spot = spot(state, event.column, event.row);
    match event.kind {
        MouseEventKind::Down(MouseButton::Left) => press(state, spot, actions),
        MouseEventKind::Drag(MouseButton::Left) => drag(state, spot),
        MouseEventKind::Up(MouseButton::Left) => {
            let dragged = state.log.selection.filter(|(from, to)| from != to);
            if let (Spot::Log(_), Some(_), Some(range)) = (spot, dragged, state.log.to_copy()) {
                actions.push(Action::Ask(Request::Copy(range)));
            }
        }
        MouseEventKind::ScrollUp => wheel(state, spot, Command::Up, actions),
        MouseEventKind::ScrollDown => wheel(state, spot, Command::Down, actions),
        _ => {}
    }
}

fn press(state: &mut State, spot: Spot, actions: &mut Vec<Action>) {
    match spot {
        Spot::Key(command) => clicked(state, command, actions),
        Spot::Step(at) => {
            state.focus = Focus::Steps;
            commands::choose_step(state, at);
        }
        Spot::Steps => state.focus = Focus::Steps,
        Spot::Explanation => state.focus = Focus::Explanation,
        Spot::Log(row) => {
            state.focus = Focus::Log;
            // Where a selection begins if the mouse is dragged from here.
            let line = state.log.visible().get(row).map(|row| row.line);
            state.log.selection = line.filter(|_| state.shell.is_none()).map(|line| (line, line));
        }
        Spot::Compare(place) => compare::press(state, place),
        Spot::Triage(place) => triage::press(state, place),
        Spot::Popup | Spot::Nowhere => {}
    }
}

fn drag(state: &mut State, spot: Spot) {
    if let (Spot::Log(row), Some((from, _))) = (spot, state.log.selection)
        && let Some(line) = state.log.visible().get(row).map(|row| row.line)
    {
        state.log.hold();
        state.log.selection = Some((from, line));
    }
}

fn wheel(state: &mut State, spot: Spot, command: Command, actions: &mut Vec<Action>) {
    match spot {
        Spot::Log(_) => {
            if let Some(shell) = &mut state.shell {
                shell.emulator.scroll(if command == Command::Up { 3 } else { -3 });
            } else if command == Command::Up {
                state.log.up(WHEEL);
            } else {
                state.log.down(WHEEL);
            }
        }
        Spot::Explanation => state.explanation = wheeled(state.explanation, command),
        Spot::Step(_) | Spot::Steps => commands::run(state, command, actions),
        Spot::Popup => {
            for _ in 0..WHEEL {
                commands::run(state, command, actions);
            }
        }
        Spot::Compare(place) => compare::wheel(state, place, command),
        Spot::Triage(place) => triage::wheel(state, place, command),
        Spot::Key(_) | Spot::Nowhere => {}
    }
}

const fn wheeled(from: usize, command: Command) -> usize {
    match command {
        Command::Up => from.saturating_sub(WHEEL),
        // Drawing stops at the end; this only keeps the way back short.
        _ => {
            if from < 200 {
                from + WHEEL
            } else {
                from
            }
        }
    }
}
