//! The triage: what its keys and the mouse do, and what becomes of newer rows, scripts and rows that were looked up.

mod deciding;
mod typing;

use std::sync::Arc;

use super::notice;
use super::scrolling::{Steps, WHEEL, look};
use crate::engine::{Deciding, NoticeLevel, Rehearsing, Wish};
use crate::procedure::DumpScripts;
use crate::triage::Triage;
use crate::ui::keymap::Command;
use crate::ui::layout::triage::{Place, areas};
use crate::ui::screens::triage::detail;
use crate::ui::scripts_view::Aligned;
use crate::ui::state::{
    Action, Dialog, Filter, Folding, Looked, Node, Part, Reach, Screen, Scripts, State, Tree, Triaging, Which,
};

pub use typing::{filter_key, type_key, type_needle, type_text};

/// Takes in what was refused.
pub fn on_triaged(state: &mut State, triage: Option<Arc<Triage>>, actions: &mut Vec<Action>) {
    // It is left out only where it comes from another process, which has no screen.
    let Some(triage) = triage else { return };
    match &mut state.triaged {
        Some(triaging) => triaging.renew(triage),
        None => state.triaged = Some(Box::new(Triaging::new(triage))),
    }
    read_edit(state, actions);
}

/// Forgets what was refused: it belongs to a run of before.
pub fn forget(state: &mut State) {
    state.triaged = None;
    if state.screen == Screen::Triage {
        state.screen = Screen::Main;
    }
}

/// Takes in a row that was looked up. An answer about a row that nobody wants any more makes room for the next question;
/// a second one about the same row tells what points to it.
pub fn on_row(state: &mut State, looked: Looked) {
    let Some(triaging) = state.triaged.as_deref_mut() else { return };
    if triaging.looking.as_ref() == Some(&looked.place) {
        triaging.looking = None;
        triaging.looked = Some(looked);
        deciding::propose(triaging);
    } else if let Some(known) = triaging.looked.as_mut().filter(|known| known.place == looked.place) {
        *known = looked;
    }
}

/// Takes in scripts that were read.
pub fn on_scripts(state: &mut State, paths: &DumpScripts, read: &Result<Arc<Aligned>, Vec<String>>) {
    let Some(triaging) = state.triaged.as_deref_mut().filter(|triaging| triaging.paths.as_ref() == Some(paths)) else {
        return;
    };
    let read = match read {
        Ok(aligned) => Scripts::Read(Arc::clone(aligned)),
        Err(because) => Scripts::Unreadable(because.clone()),
    };
    if triaging.scripts != read {
        let first = !matches!(triaging.scripts, Scripts::Read(_));
        triaging.scripts = read;
        let place = triaging.view.place;
        triaging.view.forget();
        triaging.view.place = place;
        if first {
            next_part(triaging, true, Begin::Anywhere);
        }
    }
}

/// Shows the triage.
pub fn open(state: &mut State) {
    if state.triaged.is_some() {
        state.aside = state.aside || state.asks_for_triage();
        state.screen = Screen::Triage;
    }
}

/// Leaves the triage; the question that rests on it is asked again.
fn close(state: &mut State) {
    state.screen = Screen::Main;
    if state.asks_for_triage() {
        state.aside = false;
        state.popup_scroll = 0;
    }
}

/// Reads what the decisions become while that is shown.
fn read_edit(state: &State, actions: &mut Vec<Action>) {
    let Some(triaging) = state.triaging().filter(|triaging| triaging.part == Part::Edit) else { return };
    actions.extend(triaging.paths.clone().map(Action::ReadScripts));
}

/// Carries out a command of the triage; tells whether it is one.
pub fn run(state: &mut State, command: Command, actions: &mut Vec<Action>) -> bool {
    if state.triaging().is_none() {
        return false;
    }
    if command == Command::Edit {
        if let Some(triaging) = state.triaged.as_deref_mut() {
            triaging.part = Part::Edit;
        }
        read_edit(state, actions);
        return true;
    }
    if deciding::run(state, command, actions) {
        return true;
    }
    let Some(triaging) = state.triaged.as_deref_mut() else { return false };
    let editing = triaging.part == Part::Edit;
    match command {
        Command::Close => close(state),
        Command::Back => back(triaging),
        Command::Enter => {
            if let Some(node) = triaging.node() {
                let open = triaging.tree.is_open(node);
                triaging.fold(if open { Folding::Folded } else { Folding::Unfolded });
            }
        }
        Command::Left if !editing => triaging.fold(Folding::Folded),
        Command::Right if !editing => triaging.fold(Folding::Unfolded),
        Command::UnfoldAll => triaging.fold_all(Folding::Unfolded),
        Command::FoldAll => triaging.fold_all(Folding::Folded),
        Command::NextOpen | Command::PreviousOpen => {
            if !triaging.next_open(command == Command::NextOpen) {
                notice(state, NoticeLevel::Info, "No undecided row is shown.");
            }
        }
        Command::NextPane => {
            triaging.part = if triaging.part == Part::List { Part::Detail } else { Part::List };
        }
        Command::Search => triaging.filtering = true,
        Command::AcceptSearch => triaging.filtering = false,
        Command::Which => {
            let known = triaging.tree.filtered();
            let which = match known.which {
                Which::All => Which::Undecided,
                Which::Undecided => Which::Decided,
                Which::Decided => Which::All,
            };
            let filter = Filter { which, ..known.clone() };
            triaging.filter(filter);
        }
        Command::Reach => {
            triaging.reach = match triaging.reach {
                Reach::Row if triaging.row().is_some() => Reach::Cause,
                Reach::Row | Reach::Cause => Reach::Shown,
                Reach::Shown | Reach::Model => Reach::Row,
            };
        }
        Command::WholeModel => {
            triaging.reach = if triaging.reach == Reach::Model { Reach::Row } else { Reach::Model };
        }
        Command::Traceback => {
            triaging.traceback = triaging.traceback.other();
            triaging.scroll = 0;
        }
        Command::Undo => actions.push(Action::Send(Wish::Decide(Deciding::Undo))),
        Command::Redo => actions.push(Action::Send(Wish::Decide(Deciding::Redo))),
        Command::RetryRows => actions.push(Action::Send(Wish::Rehearse(Rehearsing::Retry))),
        Command::NextDifference | Command::PreviousDifference => {
            next_part(triaging, command == Command::NextDifference, Begin::Beyond);
        }
        Command::Up | Command::Down | Command::PageUp | Command::PageDown | Command::First | Command::Last => {
            if matches!(triaging.dialog, Some(Dialog::Confirm { .. })) {
                return false;
            }
            let part = triaging.part;
            scroll(state, part, command, 1);
        }
        _ => return look(command, &mut triaging.view),
    }
    true
}

fn back(triaging: &mut Triaging) {
    if triaging.dialog.is_some() {
        triaging.dialog = None;
    } else if triaging.filtering || !triaging.tree.filtered().needle.is_empty() {
        triaging.filtering = false;
        let filter = Filter { needle: String::new(), ..triaging.tree.filtered().clone() };
        triaging.filter(filter);
    } else if triaging.part != Part::List {
        triaging.part = Part::List;
    } else {
        triaging.filter(Filter::default());
    }
    if triaging.tree.filtered().is_empty() && triaging.reach == Reach::Shown {
        triaging.reach = Reach::Row;
    }
}

/// Where to begin to look.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begin {
    /// At what is shown.
    Anywhere,
    /// Beyond it.
    Beyond,
}

/// Goes to a part of the scripts that differs.
fn next_part(triaging: &mut Triaging, forward: bool, begin: Begin) {
    use crate::compare::sides::State::{Equal, Noise};
    let Scripts::Read(aligned) = &triaging.scripts else { return };
    let here = triaging.view.place.section;
    let mut parts = aligned.sections().iter().enumerate().filter(|(_, part)| !matches!(part.state, Equal | Noise));
    let next = if forward {
        parts.find(|(at, _)| *at > here || begin == Begin::Anywhere && *at == here)
    } else {
        parts.rfind(|(at, _)| *at < here)
    };
    if let Some((at, _)) = next {
        triaging.view.go_to(at);
    }
}

/// Moves in a part of the screen, `times` times.
fn scroll(state: &mut State, part: Part, command: Command, times: usize) {
    let Some(triaging) = state.triaging() else { return };
    let areas = areas(state, triaging);
    let lines = if part == Part::Detail {
        detail::lines(state, triaging, usize::from(areas.detail.width)).len()
    } else {
        triaging.tree.lines.len()
    };
    let Some(triaging) = state.triaged.as_deref_mut() else { return };
    match part {
        Part::List => {
            let at = Steps::of(areas.list.height, times).lead(command, triaging.at, lines.saturating_sub(1));
            triaging.choose(at);
        }
        Part::Detail => {
            let most = lines.saturating_sub(usize::from(areas.detail.height));
            triaging.scroll = Steps::of(areas.detail.height, times).lead(command, triaging.scroll, most);
        }
        Part::Edit => {
            let steps = Steps::of(areas.edit.height, times);
            steps.in_scripts(command, &triaging.scripts, &mut triaging.view);
        }
    }
}

/// Takes in a click.
pub fn press(state: &mut State, place: Place) {
    let Some(triaging) = state.triaged.as_deref_mut() else { return };
    match place {
        Place::Line(at) => {
            triaging.part = Part::List;
            if at >= triaging.tree.lines.len() {
                return;
            }
            if triaging.at == at
                && let Some(node) = triaging.node()
            {
                let open = triaging.tree.is_open(node);
                if matches!(node, Node::Cause(_)) || Tree::has_more(&triaging.triage, node) {
                    triaging.fold(if open { Folding::Folded } else { Folding::Unfolded });
                }
            }
            triaging.choose(at);
        }
        Place::Detail => triaging.part = Part::Detail,
        Place::Edit => {}
    }
}

/// Takes in a turn of the wheel.
pub fn wheel(state: &mut State, place: Place, command: Command) {
    let part = match place {
        Place::Line(_) => Part::List,
        Place::Detail => Part::Detail,
        Place::Edit => Part::Edit,
    };
    let times = if part == Part::List { 1 } else { WHEEL };
    scroll(state, part, command, times);
}

/// Brings sizes and what is laid out up to date, and has the chosen row looked up. Its work is bounded by the height of
/// the screen.
pub fn settle(state: &mut State, actions: &mut Vec<Action>) {
    if state.triaging().is_none() {
        return;
    }
    if let Some(triaging) = state.triaged.as_deref_mut() {
        detail::count_kinds(triaging);
        triaging.count_reached();
    }
    let Some(triaging) = state.triaging() else { return };
    let areas = areas(state, triaging);
    let Some(triaging) = state.triaged.as_deref_mut() else { return };
    let height = usize::from(areas.list.height);
    if height > 0 {
        triaging.top = triaging.top.min(triaging.at).max((triaging.at + 1).saturating_sub(height));
        triaging.top = triaging.top.min(triaging.tree.lines.len().saturating_sub(height));
        let last = (triaging.top + height).min(triaging.tree.lines.len());
        triaging.say(triaging.top..last);
    }
    triaging.view.size = (usize::from(areas.edit.width), usize::from(areas.edit.height));
    if let (Scripts::Read(aligned), Part::Edit) = (&triaging.scripts, triaging.part) {
        triaging.view.settle(aligned);
    }
    // One at a time: rows that are only passed by are not looked up.
    if triaging.looking.is_none()
        && let Some(place) = triaging.place()
        && triaging.looked.as_ref().is_none_or(|looked| looked.place != place)
    {
        triaging.looking = Some(place.clone());
        actions.push(Action::ReadRow(place));
    }
}
