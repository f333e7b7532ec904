//! Keys that mean the same on several screens.

use crossterm::event::KeyCode;

use super::{Binding, Command, always, c, ctrl, k};

/// Explains the screen.
pub const HELP: Binding = binding!([c('?'), k(KeyCode::F(1))], "?", "help", "Show this help.", Command::Help, always);
/// Draws again.
pub const REDRAW: Binding = binding!([ctrl('l')], "Ctrl-L", "", "Draw the screen again.", Command::Redraw, always);
/// Stops the wizard for a while.
pub const SUSPEND: Binding =
    binding!([ctrl('z')], "Ctrl-Z", "", "Back to your shell for a while; `fg` returns.", Command::Suspend, always);
/// Moves down.
pub const DOWN: Binding = binding!([k(KeyCode::Down), c('j')], "↓", "", "Move down.", Command::Down, always);
/// Moves a page up.
pub const PAGE_UP: Binding =
    binding!([k(KeyCode::PageUp), ctrl('b')], "PgUp", "", "One page up.", Command::PageUp, always);
/// Moves a page down.
pub const PAGE_DOWN: Binding =
    binding!([k(KeyCode::PageDown), ctrl('f'), c(' ')], "PgDn", "", "One page down.", Command::PageDown, always);
/// Goes to the beginning.
pub const FIRST: Binding =
    binding!([k(KeyCode::Home), c('g')], "Home", "", "Go to the beginning.", Command::First, always);
/// Goes to the end.
pub const LAST: Binding = binding!([k(KeyCode::End), c('G')], "End", "", "Go to the end.", Command::Last, always);

/// The keys while the needle of a search is typed.
pub const SEARCH: &[Binding] = &[
    binding!(
        [k(KeyCode::Enter)],
        "Enter",
        "search",
        "Keep the search; `n` and `N` move between matches.",
        Command::AcceptSearch,
        always
    ),
    binding!([k(KeyCode::Down)], "↓", "next", "Go to the next match.", Command::NextMatch, always),
    binding!([k(KeyCode::Up)], "↑", "previous", "Go to the match before.", Command::PreviousMatch, always),
    binding!([k(KeyCode::Esc), ctrl('c')], "Esc", "no search", "End the search.", Command::Back, always),
];
