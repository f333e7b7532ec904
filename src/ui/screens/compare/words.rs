//! What the operator is to do now, on the screen of the comparison.

use crate::compare::Verdict;
use crate::procedure::StepState;
use crate::ui::screens::words;
use crate::ui::state::{Compared, State};
use crate::ui::text;

/// Returns one sentence that says what the operator is to do now.
#[must_use]
pub fn now(state: &State, compared: &Compared) -> String {
    if state.waiting.is_some() && state.watched.is_none() {
        return "A command waits for your answer: q leads to it.".to_owned();
    }
    if let Some(step) = state.first_open().and_then(|at| state.steps.get(at))
        && matches!(step.plan.state, StepState::Failed { .. } | StepState::Interrupted { .. })
    {
        return format!("Step {} {}: q leads to the steps.", step.plan.step.number(), step.plan.state.word());
    }
    if state.ask().is_some() {
        return words::now(state);
    }
    let chosen = compared.decidable().and_then(|at| compared.evidence.renamings.get(at));
    if state.watched.is_none() && chosen.is_some_and(|renaming| renaming.decided.is_none()) {
        return "Was it renamed? Press y. Press x if it is gone.".to_owned();
    }
    let undecided = compared.undecided();
    if undecided > 0 && state.watched.is_none() {
        let (renamings, are, each) = if undecided == 1 {
            ("1 probable renaming".to_owned(), "is", "it")
        } else {
            (format!("{} probable renamings", text::number(undecided as u64)), "are", "each")
        };
        return format!("{renamings} (?) {are} undecided: choose {each}, then press y or x.");
    }
    let next = if state.asks_for_verdict() {
        "q leads back to the question."
    } else if state.asks.is_empty() {
        "q leads back to the steps."
    } else {
        "A question waits: press a to answer it."
    };
    let advice = match compared.evidence.verdict {
        Verdict::Skip => "The restore may be left out.",
        Verdict::Restore => "Nothing to decide: the restore is needed.",
        Verdict::Decide => "Read what is advised (→) for the worst first.",
    };
    format!("{advice} {next}")
}
