//! What the operator is to do now, on the screen of the comparison.

use crate::compare::Verdict;
use crate::ui::screens::words;
use crate::ui::state::{Compared, State};
use crate::ui::text;

/// Returns one sentence that says what the operator is to do now.
#[must_use]
pub fn now(state: &State, compared: &Compared) -> String {
    if state.waiting.is_some() && state.watched.is_none() {
        return "A command waits for your answer: q leads to it.".to_owned();
    }
    if state.ask().is_some() {
        return words::now(state);
    }
    let undecided = compared.undecided();
    if undecided > 0 && state.watched.is_none() {
        return match undecided {
            1 => "1 renaming (?) is open: choose it, then press y or x.".to_owned(),
            _ => format!("{} renamings (?) are open: choose each, then press y or x.", text::number(undecided as u64)),
        };
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
