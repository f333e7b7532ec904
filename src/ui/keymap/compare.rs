//! The keys of the comparison.

use crossterm::event::KeyCode;

use super::everywhere::{FIRST, HELP, LAST, PAGE_DOWN, PAGE_UP, REDRAW, SUSPEND};
use super::{Binding, Command, always, c, ctrl, k};
use crate::ui::layout::compare::is_narrow;
use crate::ui::log_view::Wrap;
use crate::ui::scripts_view::Mode;
use crate::ui::state::{Compared, Entry, Extent, Folding, Pane, Scripts, State};

fn on(state: &State, holds: impl Fn(&Compared) -> bool) -> bool {
    state.comparison().is_some_and(holds)
}

fn has_scripts(state: &State) -> bool {
    on(state, |compared| matches!(compared.scripts, Scripts::Read(_)))
}

fn shows_scripts(state: &State) -> bool {
    has_scripts(state) && (!is_narrow(state) || on(state, |compared| compared.pane != Pane::List))
}

fn may_decide(state: &State) -> bool {
    state.watched.is_none() && on(state, |compared| compared.decidable().is_some())
}

fn searches(state: &State) -> bool {
    on(state, |compared| compared.search.is_some())
}

fn browses(state: &State) -> bool {
    !searches(state) && on(state, |compared| compared.entries().into_iter().any(Entry::is_difference))
}

fn may_fold(state: &State) -> bool {
    on(state, |compared| match compared.pane {
        Pane::List => !compared.evidence.noise.is_empty(),
        Pane::Detail | Pane::Scripts => has_scripts(state),
    })
}

fn may_enter(state: &State) -> bool {
    on(state, |compared| match compared.pane {
        Pane::List => compared.chosen == Entry::Noise || is_narrow(state) || has_scripts(state),
        Pane::Detail | Pane::Scripts => has_scripts(state),
    })
}

/// Tells whether there is something to go back to before the steps.
fn may_step_back(state: &State) -> bool {
    on(state, |compared| {
        compared.search.is_some()
            || compared.extent == Extent::ScriptsAlone
            || (is_narrow(state) && compared.pane != Pane::List)
    })
}

/// The keys of the screen, the most needed first: a narrow key bar shows the first ones.
pub const SCREEN: &[Binding] = &[
    binding!([c('n')], "n", "next match", "While you search: go to the next match.", Command::NextMatch, searches),
    binding!(
        [c('N'), c('p')],
        "N",
        "previous",
        "While you search: go to the match before.",
        Command::PreviousMatch,
        searches
    ),
    binding!([c('a')], "a", "answer", "Show the question that waits for your answer.", Command::Answer, |s| !s
        .asks
        .is_empty()),
    binding!(
        [k(KeyCode::Enter)],
        "Enter",
        "look",
        "Go to the scripts at the chosen difference; there, give them the whole screen. On the line of the noise, show it.",
        Command::Enter,
        may_enter
    ),
    binding!(
        [c('y')],
        "y",
        "renamed",
        "Say that the chosen field or model was only renamed. The same key takes your word back.",
        Command::Renamed,
        may_decide
    ),
    binding!(
        [c('x')],
        "x",
        "gone",
        "Say that the chosen field or model is gone, and not renamed. The same key takes your word back.",
        Command::Gone,
        may_decide
    ),
    binding!([k(KeyCode::Esc)], "Esc", "back", "End the search, or go one step back.", Command::Back, may_step_back),
    binding!([c('n')], "n", "next", "Go to the next difference.", Command::NextDifference, browses),
    binding!([c('p')], "p", "previous", "Go to the difference before.", Command::PreviousDifference, browses),
    binding!(
        [c('f')],
        "f",
        "fold",
        "In the list: show the noise, or fold it away. In the scripts: the same with equal lines.",
        Command::Fold,
        may_fold
    ),
    binding!(
        [c('v')],
        "v",
        "unified",
        "Show the scripts side by side, or one below the other.",
        Command::Unified,
        shows_scripts
    ),
    binding!(
        [k(KeyCode::Esc), c('q'), c('d'), ctrl('c')],
        "q",
        "steps",
        "Leave this screen for the steps (also Esc). A question that waits for the verdict is shown there again.",
        Command::Close,
        always
    ),
    HELP,
    binding!(
        [c('/')],
        "/",
        "search",
        "Search the list, or the scripts when you are in them. A capital letter makes case matter.",
        Command::Search,
        always
    ),
    binding!([c('z')], "z", "zoom", "Show the scripts alone, or all panes again.", Command::FullScreen, has_scripts),
    binding!([c('w')], "w", "wrap", "Wrap long lines of the scripts, or cut them.", Command::Wrap, shows_scripts),
    binding!(
        [k(KeyCode::Tab)],
        "Tab",
        "pane",
        "Move to the next pane: list, explanation, scripts; the arrows then move in it.",
        Command::NextPane,
        always
    ),
    binding!([k(KeyCode::BackTab)], "Shift-Tab", "", "Move to the pane before.", Command::PreviousPane, always),
    binding!([k(KeyCode::Up), c('k')], "↑", "", "Move up in the pane.", Command::Up, always),
    binding!([k(KeyCode::Down), c('j')], "↓", "", "Move down in the pane.", Command::Down, always),
    binding!([k(KeyCode::Left), c('h')], "←", "", "Move left in scripts whose lines are cut.", Command::Left, is_cut),
    binding!(
        [k(KeyCode::Right), c('l')],
        "→",
        "",
        "Move right in scripts whose lines are cut.",
        Command::Right,
        is_cut
    ),
    PAGE_UP,
    PAGE_DOWN,
    FIRST,
    LAST,
    REDRAW,
    SUSPEND,
];

fn is_cut(state: &State) -> bool {
    on(state, |compared| compared.view.wrap == Wrap::Nothing)
}

/// Returns the words of the key bar, which say what a key would do now.
pub fn bar_text(compared: &Compared, binding: &Binding) -> &'static str {
    let decided = compared.decidable().and_then(|at| compared.evidence.renamings.get(at)).and_then(|r| r.decided);
    match binding.command {
        Command::Renamed if decided == Some(true) => "not renamed",
        Command::Gone if decided == Some(false) => "not gone",
        Command::Enter if compared.pane == Pane::List && compared.chosen == Entry::Noise => match compared.noise {
            Folding::Folded => "show noise",
            Folding::Unfolded => "hide noise",
        },
        Command::Enter | Command::FullScreen if compared.extent == Extent::ScriptsAlone => "all panes",
        Command::Enter if compared.pane != Pane::List => "full screen",
        Command::Fold => match (compared.pane, compared.noise, compared.view.equal) {
            (Pane::List, Folding::Folded, _) => "show noise",
            (Pane::List, Folding::Unfolded, _) => "hide noise",
            (_, _, Folding::Folded) => "equal lines",
            (_, _, Folding::Unfolded) => "fold equal",
        },
        Command::Unified if compared.view.shown_mode() == Mode::Unified => "side by side",
        _ => binding.bar,
    }
}
