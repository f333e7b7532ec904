//! The screens: what is shown, built from the state alone. Each file is one screen or pane; none of them changes anything.

use ratatui::Frame;

use super::keymap::Context;
use super::state::State;

pub mod compare;
pub mod explanation;
mod farewell;
mod help;
pub mod main;
mod page;
mod popup;
pub mod rehearsal;
mod small;
pub mod triage;
mod undo;
pub mod words;

pub use farewell::farewell;
pub use popup::height as popup_height;

/// Draws the screen.
pub fn draw(state: &State, frame: &mut Frame) {
    if frame.area().is_empty() {
        return;
    }
    if Context::of(state) == Context::Small || frame.area().as_size() != state.size.into() {
        return small::draw(state, frame);
    }
    match (state.comparison(), state.triaging()) {
        (Some(compared), _) => compare::draw(state, compared, frame),
        (None, Some(triaging)) => triage::draw(state, triaging, frame),
        (None, None) => main::draw(state, frame),
    }
    popup::draw(state, frame);
}
