//! The keys of the triage.

use crossterm::event::KeyCode;

use super::everywhere::{DOWN, FIRST, HELP, LAST, PAGE_DOWN, PAGE_UP, REDRAW, SUSPEND};
use super::{Binding, Command, always, c, ctrl, k};
use crate::ui::scripts_view::Mode;
use crate::ui::state::{Asking, Dialog, Folding, Node, Part, Reach, Scripts, State, Tree, Triaging, Which};

fn on(state: &State, holds: impl Fn(&Triaging) -> bool) -> bool {
    state.triaging().is_some_and(holds)
}

fn may_decide(state: &State) -> bool {
    state.watched.is_none() && !state.is_rehearsing() && on(state, |triaging| triaging.node().is_some())
}

/// Tells whether the rows of the chosen cause were not even made: a field or the model is gone.
fn is_unmade(triaging: &Triaging) -> bool {
    triaging.cause().is_some_and(|(_, cause)| cause.phase == crate::triage::Phase::Create)
}

fn is_gone(triaging: &Triaging) -> bool {
    let Some((_, cause)) = triaging.cause() else { return false };
    let first = cause.rows.first().and_then(|row| triaging.triage.causes.failures.get(*row));
    is_unmade(triaging) && first.is_some_and(|failure| failure.model.is_none())
}

fn lost_field(state: &State) -> bool {
    may_decide(state) && on(state, |triaging| is_unmade(triaging) && !is_gone(triaging))
}

fn lost_model(state: &State) -> bool {
    may_decide(state) && on(state, is_gone)
}

fn has_values(state: &State) -> bool {
    may_decide(state) && on(state, |triaging| !is_unmade(triaging))
}

fn is_open(state: &State) -> bool {
    on(state, |triaging| triaging.open() > 0)
}

fn may_retry(state: &State) -> bool {
    state.watched.is_none()
        && !state.is_rehearsing()
        && !state.is_busy()
        && on(state, |triaging| !triaging.triage.decisions.is_empty() || triaging.triage.outdated)
}

fn all_decided(state: &State) -> bool {
    may_retry(state) && !is_open(state)
}

fn has_decisions(state: &State) -> bool {
    may_decide(state) && on(state, |triaging| !triaging.triage.decisions.is_empty())
}

fn has_copy(state: &State) -> bool {
    on(state, |triaging| triaging.paths.is_some())
}

fn has_traceback(state: &State) -> bool {
    on(state, |triaging| triaging.cause().is_some_and(|(_, cause)| cause.traceback.is_some()))
}

fn may_unfold(state: &State) -> bool {
    on(state, |triaging| triaging.node().is_some_and(|node| Tree::has_more(&triaging.triage, node)))
}

fn is_filtered(state: &State) -> bool {
    on(state, |triaging| !triaging.tree.filtered().is_empty())
}

/// Tells whether there is something to go back to before the steps.
fn may_step_back(state: &State) -> bool {
    is_filtered(state) || on(state, |triaging| triaging.part == Part::Detail)
}

/// The keys of the screen, the most needed first: a narrow key bar shows the first ones.
pub const SCREEN: &[Binding] = &[
    binding!([c('a')], "a", "answer", "Show the question that waits for your answer.", Command::Answer, |s| !s
        .asks
        .is_empty()
        && !s.asks_for_triage()),
    binding!(
        [c('c'), ctrl('c')],
        "c",
        "cancel",
        "While a rehearsal runs: end it. The site is not touched by it.",
        Command::CancelRehearsal,
        State::is_rehearsing
    ),
    binding!(
        [c('R')],
        "R",
        "retry",
        "Load what was refused once more, with your decisions; the site is not touched.",
        Command::RetryRows,
        all_decided
    ),
    binding!([c('R')], "R", "", "Load what was refused once more.", Command::RetryRows, may_retry),
    binding!(
        [c('d')],
        "d",
        "drop field",
        "Drop a field that the new version does not have: its values are not loaded, the rows are. For all rows of the \
         model.",
        Command::DropField,
        lost_field
    ),
    binding!(
        [c('c')],
        "c",
        "copy field",
        "Give the values of a field to one that is called otherwise now. For all rows of the model.",
        Command::CopyField,
        lost_field
    ),
    binding!(
        [c('M')],
        "M",
        "renamed",
        "Say how a model is called now that the new version does not have under its old name.",
        Command::RenameModel,
        lost_model
    ),
    binding!(
        [c('s')],
        "s",
        "set",
        "Set a field to a value. None empties it; a number, true and false are what they look like; quotes make a text \
         of them.",
        Command::SetField,
        has_values
    ),
    binding!([c('e')], "e", "empty", "Empty a field.", Command::EmptyField, has_values),
    binding!(
        [c('p')],
        "p",
        "point",
        "Point a field to another row of the snapshot, by its key.",
        Command::PointField,
        has_values
    ),
    binding!(
        [c('x')],
        "x",
        "leave out",
        "Leave rows out: they are not loaded. What points to them is refused, too, unless you decide it.",
        Command::LeaveOut,
        may_decide
    ),
    binding!(
        [c('m')],
        "m",
        "whole model",
        "Let the deciding keys apply to all rows of the model.",
        Command::WholeModel,
        lost_model
    ),
    binding!([c('n')], "n", "next", "Go to the next row that is undecided.", Command::NextOpen, is_open),
    binding!(
        [c('g')],
        "g",
        "scope",
        "Choose what the deciding keys apply to: the row, the rows of its cause, or everything that the filter shows.",
        Command::Reach,
        may_decide
    ),
    binding!([c('u')], "u", "undo", "Take the last decision back.", Command::Undo, has_decisions),
    binding!([k(KeyCode::Esc)], "Esc", "back", "End the filter, or go back to the list.", Command::Back, may_step_back),
    binding!(
        [k(KeyCode::Esc), c('q'), c('t')],
        "q",
        "steps",
        "Leave this screen for the steps (also Esc). What you decided stays.",
        Command::Close,
        always
    ),
    HELP,
    binding!(
        [c('/')],
        "/",
        "filter",
        "Show only rows with this text in their key, name, message or model. A capital letter makes case matter.",
        Command::Search,
        always
    ),
    binding!(
        [c('m')],
        "m",
        "model",
        "Let the deciding keys apply to all rows of the model, also those that were not refused; or end that.",
        Command::WholeModel,
        |s| may_decide(s) && !lost_model(s)
    ),
    binding!(
        [c('E')],
        "E",
        "edit",
        "Show what your decisions become: the dump script of the snapshot, and its copy beside it.",
        Command::Edit,
        has_copy
    ),
    binding!(
        [c('a')],
        "a",
        "ask",
        "Leave rows undecided, with a note for the developer.",
        Command::AskDeveloper,
        may_decide
    ),
    binding!(
        [k(KeyCode::Enter), c(' ')],
        "Enter",
        "unfold",
        "Unfold the chosen line, or fold it.",
        Command::Enter,
        may_unfold
    ),
    binding!(
        [c('f')],
        "f",
        "undecided",
        "Show all rows, the undecided ones only, or the decided ones only.",
        Command::Which,
        always
    ),
    binding!([c('T')], "T", "traceback", "Show the traceback, or hide it.", Command::Traceback, has_traceback),
    binding!(
        [c('k')],
        "k",
        "",
        "Keep rows undecided, on purpose; this takes decisions for them back.",
        Command::KeepUndecided,
        may_decide
    ),
    binding!([c('d')], "d", "", "Drop a field, for all rows of the model.", Command::DropField, may_decide),
    binding!([c('c')], "c", "", "Give the values of a field to one of another name.", Command::CopyField, may_decide),
    binding!([c('M')], "M", "", "Say how the model is called now.", Command::RenameModel, may_decide),
    binding!([c('s')], "s", "", "Set a field to a value.", Command::SetField, may_decide),
    binding!([c('e')], "e", "", "Empty a field.", Command::EmptyField, may_decide),
    binding!([c('p')], "p", "", "Point a field to another row.", Command::PointField, may_decide),
    binding!([c('U'), ctrl('r')], "U", "", "Do again what was taken back last (also Ctrl-R).", Command::Redo, |s| {
        s.watched.is_none() && !s.is_rehearsing()
    }),
    binding!([c('u')], "u", "", "Take the last step back.", Command::Undo, may_decide),
    binding!([c('N')], "N", "", "Go to the undecided row before.", Command::PreviousOpen, is_open),
    binding!([c('+'), c('*')], "+", "", "Unfold all lines.", Command::UnfoldAll, always),
    binding!([c('-')], "-", "", "Fold all lines.", Command::FoldAll, always),
    binding!(
        [k(KeyCode::Tab), k(KeyCode::BackTab)],
        "Tab",
        "",
        "Move between the list and the row below it; the arrows then move there.",
        Command::NextPane,
        always
    ),
    binding!([k(KeyCode::Up)], "↑", "", "Move up.", Command::Up, always),
    DOWN,
    binding!(
        [k(KeyCode::Left), c('h')],
        "←",
        "",
        "Fold the line, or go to the one it belongs to.",
        Command::Left,
        always
    ),
    binding!([k(KeyCode::Right), c('l')], "→", "", "Unfold the line.", Command::Right, always),
    PAGE_UP,
    binding!([k(KeyCode::PageDown), ctrl('f')], "PgDn", "", "One page down.", Command::PageDown, always),
    binding!([k(KeyCode::Home)], "Home", "", "Go to the beginning.", Command::First, always),
    LAST,
    binding!([ctrl('c')], "Ctrl-C", "", "Leave this screen for the steps.", Command::Close, always),
    REDRAW,
    SUSPEND,
];

fn has_scripts(state: &State) -> bool {
    on(state, |triaging| matches!(triaging.scripts, Scripts::Read(_)))
}

/// The keys while the edit is shown.
pub const EDIT: &[Binding] = &[
    binding!(
        [k(KeyCode::Esc), c('q'), c('E'), ctrl('c')],
        "Esc",
        "back to the rows",
        "Go back to the rows.",
        Command::Back,
        always
    ),
    binding!([c('n')], "n", "next change", "Go to the next part that differs.", Command::NextDifference, has_scripts),
    binding!(
        [c('p'), c('N')],
        "p",
        "previous",
        "Go to the part before that differs.",
        Command::PreviousDifference,
        has_scripts
    ),
    binding!(
        [c('v')],
        "v",
        "unified",
        "Show the scripts side by side, or one below the other.",
        Command::Unified,
        has_scripts
    ),
    binding!([c('f')], "f", "fold", "Show equal lines, or fold them away.", Command::Fold, has_scripts),
    binding!([c('w')], "w", "wrap", "Wrap long lines, or cut them.", Command::Wrap, has_scripts),
    HELP,
    binding!([k(KeyCode::Up), c('k')], "↑", "", "Move up.", Command::Up, always),
    DOWN,
    binding!([k(KeyCode::Left), c('h')], "←", "", "Move left in lines that are cut.", Command::Left, has_scripts),
    binding!([k(KeyCode::Right), c('l')], "→", "", "Move right in lines that are cut.", Command::Right, has_scripts),
    PAGE_UP,
    PAGE_DOWN,
    FIRST,
    LAST,
    REDRAW,
    SUSPEND,
];

/// The keys while the needle of the filter is typed.
pub const FILTER: &[Binding] = &[
    binding!(
        [k(KeyCode::Enter)],
        "Enter",
        "keep the filter",
        "Keep the filter; `g` lets the deciding keys apply to all that it shows.",
        Command::AcceptSearch,
        always
    ),
    binding!([k(KeyCode::Down)], "↓", "", "Move down.", Command::Down, always),
    binding!([k(KeyCode::Up)], "↑", "", "Move up.", Command::Up, always),
    binding!([k(KeyCode::Esc), ctrl('c')], "Esc", "no filter", "End the filter.", Command::Back, always),
];

fn chooses(state: &State) -> bool {
    on(state, |triaging| matches!(triaging.dialog, Some(Dialog::Type { ask: Asking::Field(..), .. })))
}

/// The keys while something is typed before a decision is taken.
pub const TYPE: &[Binding] = &[
    binding!([k(KeyCode::Enter)], "Enter", "go on", "Go on with this.", Command::AcceptTyped, always),
    binding!([k(KeyCode::Down), k(KeyCode::Tab)], "↓", "next", "Choose the next field.", Command::Down, chooses),
    binding!([k(KeyCode::Up), k(KeyCode::BackTab)], "↑", "previous", "Choose the field before.", Command::Up, chooses),
    binding!([k(KeyCode::Esc), ctrl('c')], "Esc", "change nothing", "Change nothing.", Command::Back, always),
];

/// Returns the words of the key bar, which say what a key would do now.
pub fn bar_text(triaging: &Triaging, binding: &Binding) -> &'static str {
    match binding.command {
        Command::Enter if triaging.node().is_some_and(|node| triaging.tree.is_open(node)) => "fold",
        Command::Enter if matches!(triaging.node(), Some(Node::Row(_))) => "followers",
        Command::Which => match triaging.tree.filtered().which {
            Which::All => "undecided",
            Which::Undecided => "decided",
            Which::Decided => "all rows",
        },
        Command::WholeModel if triaging.reach == Reach::Model => "not the model",
        Command::Back if binding.bar == "back" && !triaging.tree.filtered().is_empty() => "no filter",
        Command::Traceback if triaging.traceback == Folding::Unfolded => "no traceback",
        Command::Fold if triaging.view.equal == Folding::Unfolded => "fold equal",
        Command::Fold => "equal lines",
        Command::Unified if triaging.view.shown_mode() == Mode::Unified => "side by side",
        _ => binding.bar,
    }
}
