//! An undo as the wizard knows it: whether one is under way, what would be lost by it, and why none can begin now.

use super::{Engine, State, Step};
use crate::engine::UndoPlan;
use crate::procedure::{StepId, StepState};
use crate::ui::text;

/// Why an undo cannot be looked at now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The site is still being looked at.
    Opening,
    /// Somebody else drives.
    Watching,
    /// Nobody drives: whoever did has left.
    Left,
    /// A question waits, and its step with it.
    Asked,
    /// A step runs.
    Running,
    /// A rehearsal runs.
    Rehearsing,
    /// A shell is open.
    Shell,
}

impl State {
    /// Tells whether the run is an undo.
    #[must_use]
    pub fn is_undo(&self) -> bool {
        self.run.is_some_and(|run| run.undoes.is_some())
    }

    /// Returns why an undo cannot be looked at now; none when it can.
    #[must_use]
    pub fn undo_obstacle(&self) -> Option<Obstacle> {
        if let Some(watched) = &self.watched {
            return Some(if watched.is_driven() { Obstacle::Watching } else { Obstacle::Left });
        }
        if self.engine == Engine::Opening {
            return Some(Obstacle::Opening);
        }
        if self.shell.is_some() {
            return Some(Obstacle::Shell);
        }
        if self.is_rehearsing() {
            return Some(Obstacle::Rehearsing);
        }
        if !self.asks.is_empty() {
            return Some(Obstacle::Asked);
        }
        (self.is_busy() || self.engine == Engine::Working).then_some(Obstacle::Running)
    }

    /// Tells whether an upgrade has come so far that there is something to undo.
    #[must_use]
    pub fn has_something_to_undo(&self) -> bool {
        let is_done = |step: &Step| step.plan.step == StepId::StopServices && step.plan.state.is_settled();
        self.watched.is_none() && self.steps.iter().any(is_done)
    }

    /// Tells whether the plan that is shown can be carried out now.
    #[must_use]
    pub fn may_begin_undo(&self) -> bool {
        self.undo_obstacle().is_none() && self.undo.as_ref().is_some_and(|plan| plan.impossible.is_none())
    }

    /// Returns what comes back, for example `noi 25.1.1`.
    #[must_use]
    pub fn version_of(&self, version: &str) -> String {
        let version = text::clean(version);
        let application = self.facts.as_ref().map(|facts| text::clean(&facts.versions.application));
        match application.filter(|application| !application.is_empty()) {
            _ if version.is_empty() => "the old version".to_owned(),
            Some(application) => format!("{application} {version}"),
            None => version,
        }
    }

    /// Returns what the undo that is under way brings back.
    #[must_use]
    pub fn back_to(&self) -> String {
        self.version_of(self.back_to.as_deref().unwrap_or_default())
    }
}

/// Tells whether the database goes back although something may have been entered that the old one does not have. Where
/// somebody has counted that there is nothing, it does not.
#[must_use]
pub fn loses_rows(plan: &UndoPlan) -> bool {
    let state = |id| plan.steps.iter().find(|step| step.step == id).map(|step| &step.state);
    let is_back = state(StepId::UndoDatabase).is_some_and(StepState::is_settled);
    !is_back && plan.rows_lost != Some(0) && state(StepId::UndoKeep).is_some_and(|state| !is_needless(state))
}

/// Tells whether a rule leaves a step out. What the operator left out may have been needed.
#[must_use]
pub fn is_needless(state: &StepState) -> bool {
    /// The engine's words for it.
    const BY_OPERATOR: &str = "left out by the operator";
    matches!(state, StepState::Skipped { because } if because != BY_OPERATOR)
}

/// Tells whether the undo of a plan was begun already.
#[must_use]
pub fn is_begun(plan: &UndoPlan) -> bool {
    plan.steps.iter().any(|step| step.attempts > 0)
}
