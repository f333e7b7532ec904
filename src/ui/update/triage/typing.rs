//! Typing on the triage screen: the needle of the filter, and what is asked before a decision is taken.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::ui::state::{Asking, Dialog, Filter, State};

/// Bytes of what is typed at most.
const LONGEST: usize = 2_000;
/// Bytes of a needle at most.
const NEEDLE: usize = 200;

/// Returns what a key adds: a character, or a control character that takes something away.
fn typed(key: KeyEvent) -> Option<char> {
    match key.code {
        KeyCode::Char('u') if key.modifiers.contains(KeyModifiers::CONTROL) => Some('\u{15}'),
        KeyCode::Char(_) if key.modifiers.intersects(KeyModifiers::CONTROL.union(KeyModifiers::ALT)) => None,
        KeyCode::Char(c) if !c.is_control() => Some(c),
        KeyCode::Backspace => Some('\u{8}'),
        _ => None,
    }
}

fn edit(text: &mut String, typed: &str, longest: usize) {
    for c in typed.chars() {
        match c {
            '\u{15}' => text.clear(),
            '\u{8}' => {
                text.pop();
            }
            c if !c.is_control() && text.len() < longest => text.push(c),
            _ => {}
        }
    }
}

/// Takes in a key of the needle.
pub fn filter_key(state: &mut State, key: KeyEvent) {
    if let Some(c) = typed(key) {
        type_needle(state, &c.to_string());
    }
}

/// Adds to the needle; Ctrl-U and Backspace take from it.
pub fn type_needle(state: &mut State, typed: &str) {
    let Some(triaging) = state.triaged.as_deref_mut() else { return };
    let mut filter: Filter = triaging.tree.filtered().clone();
    edit(&mut filter.needle, typed, NEEDLE);
    triaging.filter(filter);
}

/// Takes in a key of what is asked.
pub fn type_key(state: &mut State, key: KeyEvent) {
    if let Some(c) = typed(key) {
        type_text(state, &c.to_string());
    }
}

/// Adds to what is typed; Ctrl-U and Backspace take from it.
pub fn type_text(state: &mut State, added: &str) {
    let dialog = state.triaged.as_deref_mut().and_then(|triaging| triaging.dialog.as_mut());
    if let Some(Dialog::Type { typed, at, ask }) = dialog {
        edit(typed, added, LONGEST);
        if matches!(ask, Asking::Field(..)) {
            *at = 0;
        }
    }
}
