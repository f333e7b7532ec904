//! Searching in the comparison: in the list, or in the scripts.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::ui::reader::Way;
use crate::ui::state::{Compared, Entry, Folding, Needle, Pane, Scripts, State};
use crate::ui::text;

/// Bytes of a needle at most.
const LONGEST: usize = 200;

/// Begins a search in the list, or in the scripts when one is there.
pub fn begin(compared: &mut Compared) {
    let pane = if compared.pane == Pane::List { Pane::List } else { Pane::Scripts };
    compared.view.needle = None;
    compared.view.found = None;
    compared.search = Some(Needle { text: String::new(), pane, editing: true, found: None });
}

/// Keeps the needle as it is; without one the search ends.
pub fn accept(compared: &mut Compared) {
    if compared.search.as_ref().is_some_and(|search| search.text.is_empty()) {
        end(compared);
    } else if let Some(search) = &mut compared.search {
        search.editing = false;
    }
}

/// Ends the search.
pub fn end(compared: &mut Compared) {
    compared.search = None;
    compared.view.needle = None;
    compared.view.found = None;
}

/// Where a search begins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// At what is shown now.
    Here,
    /// Beyond what was found last.
    Beyond,
}

/// Looks for the needle.
pub fn look(compared: &mut Compared, way: Way, begin: Begin) {
    let Some(search) = &compared.search else { return };
    let (needle, pane) = (search.text.clone(), search.pane);
    if needle.is_empty() {
        compared.view.needle = None;
        compared.view.found = None;
    }
    let found = if pane == Pane::List {
        look_in_list(compared, &needle, way, begin)
    } else {
        let Scripts::Read(aligned) = &compared.scripts else { return };
        let view = &mut compared.view;
        view.needle = Some(needle.clone());
        let from = view.found.filter(|_| begin == Begin::Beyond);
        view.find(aligned, way, from)
    };
    if let Some(search) = &mut compared.search {
        search.found = (!needle.is_empty()).then_some(found);
    }
}

fn look_in_list(compared: &mut Compared, needle: &str, way: Way, begin: Begin) -> bool {
    // What is folded away is searched, too.
    let folded = compared.noise;
    compared.noise = Folding::Unfolded;
    let entries = compared.entries();
    let at = entries.iter().position(|entry| *entry == compared.chosen).unwrap_or_default();
    let wanted = |entry: Entry| {
        let sentence = compared.found(entry).map(|found| found.difference.sentence.as_str()).unwrap_or_default();
        let matches = |line: &str| text::contains(line, needle);
        entry.is_choice() && (matches(&compared.label(entry)) || matches(sentence))
    };
    let count = entries.len();
    let first = usize::from(begin == Begin::Beyond);
    let found = (first..=count).find_map(|step| {
        let index = match way {
            Way::Down => (at + step) % count.max(1),
            Way::Up => (at + count - step) % count.max(1),
        };
        entries.get(index).copied().filter(|entry| !needle.is_empty() && wanted(*entry))
    });
    if !matches!(found, Some(Entry::Quiet(_))) {
        compared.noise = folded;
    }
    if let Some(entry) = found {
        compared.choose(entry);
    }
    found.is_some()
}

/// Takes in a key of a needle that is typed.
pub fn search_key(state: &mut State, key: KeyEvent) {
    let typed = match key.code {
        KeyCode::Char('u') if key.modifiers.contains(KeyModifiers::CONTROL) => "\u{15}".to_owned(),
        KeyCode::Char(c) if !c.is_control() => c.to_string(),
        KeyCode::Backspace => "\u{8}".to_owned(),
        _ => return,
    };
    type_needle(state, &typed);
}

/// Adds to the needle; Ctrl-U and Backspace take from it.
pub fn type_needle(state: &mut State, typed: &str) {
    let Some(compared) = state.compared.as_deref_mut() else { return };
    let Some(search) = &mut compared.search else { return };
    for c in typed.chars() {
        match c {
            '\u{15}' => search.text.clear(),
            '\u{8}' => {
                search.text.pop();
            }
            c if !c.is_control() && search.text.len() < LONGEST => search.text.push(c),
            _ => {}
        }
    }
    look(compared, Way::Down, Begin::Here);
}
