//! The comparison: what its keys and the mouse do, and what becomes of newer evidence and of scripts that were read.

mod search;

use std::sync::Arc;

use self::search::Begin;
pub use self::search::{search_key, type_needle};
use super::scrolling::{Steps, WHEEL, look, page};
use crate::compare::Evidence;
use crate::engine::Wish;
use crate::procedure::DumpScripts;
use crate::ui::keymap::Command;
use crate::ui::layout::compare::{Place, areas, is_narrow};
use crate::ui::reader::Way;
use crate::ui::screens::compare::detail;
use crate::ui::scripts_view::Aligned;
use crate::ui::state::{Action, Compared, Entry, Extent, Folding, Pane, Screen, Scripts, State};

/// Takes in evidence.
pub fn on_compared(state: &mut State, evidence: Box<Evidence>, paths: Option<DumpScripts>, actions: &mut Vec<Action>) {
    match &mut state.compared {
        Some(compared) => {
            let other = compared.paths != paths;
            compared.renew(evidence, paths);
            if other && state.screen == Screen::Compare {
                read(state, actions);
            }
        }
        None => state.compared = Some(Box::new(Compared::new(evidence, paths))),
    }
}

/// Forgets what was compared: it is compared again, or belongs to a run of before.
pub fn forget(state: &mut State) {
    state.compared = None;
    if state.screen == Screen::Compare {
        state.screen = Screen::Main;
    }
}

/// Takes in scripts that were read. An answer that was overtaken by other scripts is dropped.
pub fn on_scripts(state: &mut State, paths: &DumpScripts, read: Result<Arc<Aligned>, Vec<String>>) {
    let Some(compared) = state.compared.as_deref_mut().filter(|compared| compared.paths.as_ref() == Some(paths)) else {
        return;
    };
    let read = match read {
        Ok(aligned) => Scripts::Read(aligned),
        Err(because) => Scripts::Unreadable(because),
    };
    // Read again at each opening: mostly they are the same, and the place in them is kept.
    if compared.scripts != read {
        compared.scripts = read;
        compared.view.forget();
        compared.show();
    }
}

/// Shows the comparison.
pub fn open(state: &mut State, actions: &mut Vec<Action>) {
    if state.compared.is_none() {
        return;
    }
    // The question stays; it is asked again when the comparison is left.
    state.aside = state.aside || state.asks_for_verdict();
    state.screen = Screen::Compare;
    read(state, actions);
}

fn read(state: &State, actions: &mut Vec<Action>) {
    let paths = state.compared.as_ref().and_then(|compared| compared.paths.clone());
    actions.extend(paths.map(Action::ReadScripts));
}

/// Leaves the comparison; the question that rests on it is asked again.
pub fn close(state: &mut State) {
    state.screen = Screen::Main;
    if state.asks_for_verdict() {
        state.aside = false;
        state.popup_scroll = 0;
    }
}

/// Carries out a command of the comparison; tells whether it is one.
pub fn run(state: &mut State, command: Command, actions: &mut Vec<Action>) -> bool {
    let narrow = is_narrow(state);
    if state.comparison().is_none() {
        return false;
    }
    let Some(compared) = state.compared.as_deref_mut() else { return false };
    match command {
        Command::Close => close(state),
        Command::Enter => enter(compared, narrow),
        Command::Back => back(compared, narrow),
        Command::Renamed => decide(compared, true, actions),
        Command::Gone => decide(compared, false, actions),
        Command::NextDifference => walk(compared, Way::Down, Entry::is_difference),
        Command::PreviousDifference => walk(compared, Way::Up, Entry::is_difference),
        Command::Fold if compared.pane == Pane::List => fold_noise(compared),
        Command::FullScreen => full_screen(compared),
        Command::NextPane | Command::PreviousPane => compared.pane = neighbour(compared, command),
        Command::Search => search::begin(compared),
        Command::AcceptSearch => search::accept(compared),
        Command::NextMatch => search::look(compared, Way::Down, Begin::Beyond),
        Command::PreviousMatch => search::look(compared, Way::Up, Begin::Beyond),
        Command::Up | Command::Down | Command::PageUp | Command::PageDown | Command::First | Command::Last => {
            let pane = compared.pane;
            scroll(state, pane, command, 1);
        }
        _ => return look(command, &mut compared.view),
    }
    true
}

fn enter(compared: &mut Compared, narrow: bool) {
    let has_scripts = matches!(compared.scripts, Scripts::Read(_));
    match compared.pane {
        Pane::List if compared.chosen == Entry::Noise => fold_noise(compared),
        Pane::List => {
            compared.show();
            if has_scripts && compared.chosen != Entry::Summary {
                compared.pane = Pane::Scripts;
            } else if narrow || compared.chosen == Entry::Summary {
                compared.pane = Pane::Detail;
            }
        }
        Pane::Detail | Pane::Scripts => full_screen(compared),
    }
}

fn full_screen(compared: &mut Compared) {
    compared.extent = match compared.extent {
        Extent::Panes if matches!(compared.scripts, Scripts::Read(_)) => Extent::ScriptsAlone,
        _ => Extent::Panes,
    };
    if compared.extent == Extent::ScriptsAlone {
        compared.pane = Pane::Scripts;
    }
}

fn back(compared: &mut Compared, narrow: bool) {
    if compared.search.is_some() {
        search::end(compared);
    } else if compared.extent == Extent::ScriptsAlone {
        compared.extent = Extent::Panes;
    } else if narrow {
        compared.pane = Pane::List;
    }
}

/// Says what a renaming is; saying it again takes the word back.
fn decide(compared: &Compared, renamed: bool, actions: &mut Vec<Action>) {
    let Some(index) = compared.decidable() else { return };
    let decided = compared.evidence.renamings.get(index).and_then(|renaming| renaming.decided);
    let renamed = Some(renamed).filter(|word| decided != Some(*word));
    actions.push(Action::Send(Wish::Renamed { index, renamed }));
}

fn fold_noise(compared: &mut Compared) {
    compared.noise = compared.noise.other();
    if compared.noise == Folding::Folded && matches!(compared.chosen, Entry::Quiet(_)) {
        compared.choose(Entry::Noise);
    }
}

const fn neighbour(compared: &Compared, command: Command) -> Pane {
    if matches!(compared.extent, Extent::ScriptsAlone) {
        return Pane::Scripts;
    }
    match (compared.pane, command) {
        (Pane::List, Command::PreviousPane) | (Pane::Detail, Command::NextPane) => Pane::Scripts,
        (Pane::List, _) | (Pane::Scripts, Command::PreviousPane) => Pane::Detail,
        _ => Pane::List,
    }
}

/// Chooses the next entry that counts, or the one before; stays where it is at the end.
fn walk(compared: &mut Compared, way: Way, counts: fn(Entry) -> bool) {
    let entries = compared.entries();
    let at = entries.iter().position(|entry| *entry == compared.chosen).unwrap_or_default();
    let mut others = entries.into_iter().enumerate().filter(|(_, entry)| counts(*entry));
    let next = match way {
        Way::Down => others.find(|(other, _)| *other > at),
        Way::Up => others.rfind(|(other, _)| *other < at),
    };
    if let Some((_, entry)) = next {
        compared.choose(entry);
    }
}

/// Moves in a pane, `times` times.
fn scroll(state: &mut State, pane: Pane, command: Command, times: usize) {
    let Some(compared) = state.comparison() else { return };
    let areas = areas(state, compared);
    let lines =
        if pane == Pane::Detail { detail::lines(state, compared, usize::from(areas.detail.width)).len() } else { 0 };
    let Some(compared) = state.compared.as_deref_mut() else { return };
    match pane {
        Pane::List => {
            let steps = match command {
                Command::Up | Command::Down => times,
                Command::PageUp | Command::PageDown => page(areas.list.height),
                _ => usize::MAX,
            };
            let way =
                if matches!(command, Command::Up | Command::PageUp | Command::First) { Way::Up } else { Way::Down };
            for _ in 0..steps.min(compared.entries().len()) {
                walk(compared, way, Entry::is_choice);
            }
        }
        Pane::Detail => {
            let most = lines.saturating_sub(areas.detail.height.into());
            compared.scroll = Steps::of(areas.detail.height, times).lead(command, compared.scroll, most);
        }
        Pane::Scripts => {
            let steps = Steps::of(areas.scripts.height, times);
            steps.in_scripts(command, &compared.scripts, &mut compared.view);
        }
    }
}

/// Takes in a click.
pub fn press(state: &mut State, place: Place) {
    let Some(compared) = state.compared.as_deref_mut() else { return };
    match place {
        Place::Entry(at) => {
            compared.pane = Pane::List;
            let entry = compared.entries().get(at).copied().filter(|entry| entry.is_choice());
            match entry {
                Some(Entry::Noise) if compared.chosen == Entry::Noise => fold_noise(compared),
                Some(entry) => compared.choose(entry),
                None => {}
            }
        }
        Place::Pane(pane) => compared.pane = pane,
    }
}

/// Takes in a turn of the wheel.
pub fn wheel(state: &mut State, place: Place, command: Command) {
    match place {
        Place::Entry(_) => scroll(state, Pane::List, command, 1),
        Place::Pane(pane) => scroll(state, pane, command, WHEEL),
    }
}

/// Brings sizes and what is laid out up to date.
pub fn settle(state: &mut State) {
    let Some(compared) = state.comparison() else { return };
    let areas = areas(state, compared);
    let Some(compared) = state.compared.as_deref_mut() else { return };
    let entries = compared.entries();
    let at = entries.iter().position(|entry| *entry == compared.chosen).unwrap_or_default();
    let height = usize::from(areas.list.height);
    if height > 0 {
        // The heading above the chosen row is shown with it.
        compared.top = compared.top.min(at.saturating_sub(1)).max((at + 1).saturating_sub(height));
        compared.top = compared.top.min(entries.len().saturating_sub(height));
    }
    compared.view.size = (usize::from(areas.scripts.width), usize::from(areas.scripts.height));
    if let Scripts::Read(aligned) = &compared.scripts {
        compared.view.settle(aligned);
    }
}
