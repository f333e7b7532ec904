//! What stays on the terminal when the wizard was left: how the site is left behind, and what to do next.

use super::words::{clock, what};
use crate::procedure::{StepId, StepState};
use crate::ui::state::{Engine, State, Step};
use crate::ui::text;

/// Returns the sentences that are printed when the wizard was left; none when nothing was begun, or somebody else drives.
#[must_use]
pub fn farewell(state: &State) -> Option<String> {
    if state.watched.is_some() {
        return None;
    }
    if let Engine::Over { summary, .. } = &state.engine {
        return Some(text::clean(summary));
    }
    let begun = |step: &Step| {
        step.plan.step != StepId::Check && !matches!(step.plan.state, StepState::Pending | StepState::Skipped { .. })
    };
    if !state.is_busy() && state.down_since.is_none() && !state.steps.iter().any(begun) {
        return None;
    }
    let what = what(state);
    let at = state.running().or(state.first_open()).and_then(|at| state.steps.get(at));
    let mut said: Vec<String> = at
        .map(|step| {
            let title = format!("step {}, {}", step.plan.step.number(), step.plan.step.title());
            match &step.plan.state {
                StepState::Running => format!("The {what} goes on by itself with {title}."),
                StepState::Pending => format!("The {what} waits before {title}."),
                other => format!("The {what} stands at {title}: {}.", other.word()),
            }
        })
        .into_iter()
        .collect();
    if let Some(since) = state.down_since {
        said.push(format!("The site is down since {}.", clock(state, since)));
    }
    said.push(if state.is_undo() {
        "To go on: lino-upgrade".to_owned()
    } else {
        "To go on: lino-upgrade. To go back to the old version: lino-upgrade undo".to_owned()
    });
    Some(said.join(" "))
}
