//! The wizard: app, state, update, keymap, style, screens and widgets.
//!
//! ```text
//! keys, mouse, resize ─┐                       ┌─► Wish to the engine
//! events of the engine ─┼─► Msg ─► update(State) ─► Action ─┼─► requests to the readers of logs, scripts and rows
//! news of the log ──────┘             │        └─► clipboard, bell, suspend, quit
//!                                     ▼
//!                            draw(&State, &mut Frame)
//! ```
//!
//! It changes nothing of a site and reads nothing but logs, dump scripts and rows of a snapshot: what it shows comes as
//! [`Event`](crate::engine::Event)s, what the operator wants leaves as [`Wish`](crate::engine::Wish)es.

mod app;
pub mod emulator;
mod encode;
mod keymap;
mod layout;
mod line;
mod log_view;
mod reader;
mod row_reader;
mod screens;
mod scripts_reader;
mod scripts_view;
mod secret;
mod source;
mod state;
mod style;
mod terminal;
#[cfg(test)]
mod tests;
pub(crate) mod text;
mod update;
mod widgets;

pub use app::{End, Options, run};
