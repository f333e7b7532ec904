//! What each target does with the bytes that it is given: it panics when something that is promised does not hold.
//!
//! The fuzzer runs them (`../main.rs`), and `tests/suite/fuzz.rs` replays with every change what was kept. Nothing here
//! knows of a fuzzer.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a target stops at the first surprise"
)]

mod archives;
mod configuration;
mod decisions;
mod dump;
mod emulator;
mod messages;
mod rows;
mod scripts;

/// A target: its name, and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All targets, by name. The name is also that of the directory of its corpus.
pub const TARGETS: [Target; 8] = [
    ("archives", archives::run),
    ("configuration", configuration::run),
    ("decisions", decisions::run),
    ("dump", dump::run),
    ("emulator", emulator::run),
    ("messages", messages::run),
    ("rows", rows::run),
    ("scripts", scripts::run),
];

/// Tells whether a text steers no terminal: no control character but these, and nothing that turns the reading direction.
fn is_calm(text: &str, allowed: &[char]) -> bool {
    text.chars().all(|letter| {
        let turns = matches!(
            letter,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        );
        allowed.contains(&letter) || !(letter.is_control() || turns)
    })
}

/// Takes a byte from the front: it chooses among the ways of a target. Zero when there is none.
fn choice(data: &mut &[u8]) -> u8 {
    let Some((first, rest)) = data.split_first() else { return 0 };
    *data = rest;
    *first
}

/// Splits the input at lines that hold nothing but a mark.
fn parts<'a>(text: &'a str, mark: &str) -> Vec<&'a str> {
    let mark = format!("\n{mark}\n");
    text.split(mark.as_str()).collect()
}
