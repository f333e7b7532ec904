//! A rehearsal as the wizard shows it: while it runs, and what came of it.

use std::path::PathBuf;

use super::{Engine, Progress, State};
use crate::procedure::StepId;

/// A rehearsal.
#[derive(Clone, Debug, PartialEq)]
pub struct Rehearsal {
    /// Whether only rows that were refused before are loaded.
    pub retry: bool,
    /// Its log.
    pub log: PathBuf,
    /// Where its output begins in the log, in bytes.
    pub from: u64,
    /// When it began, seconds since 1970.
    pub since: i64,
    /// How far it is.
    pub progress: Option<Progress>,
    /// What came of it, once it ended.
    pub ended: Option<Ended>,
    /// Whether it is shown in place of the selected step.
    pub shown: bool,
}

/// What came of a rehearsal.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// How long it took.
    pub seconds: f64,
    /// Objects that were loaded.
    pub loaded: u64,
    /// Rows that were refused.
    pub refused: u64,
    /// Whether the new version took every row.
    pub clean: bool,
    /// Why there is no result.
    pub problem: Option<String>,
}

impl State {
    /// Tells whether a rehearsal runs.
    #[must_use]
    pub fn is_rehearsing(&self) -> bool {
        self.rehearsal.as_ref().is_some_and(|rehearsal| rehearsal.ended.is_none())
    }

    /// Returns the rehearsal while it is shown in place of the selected step.
    #[must_use]
    pub fn shown_rehearsal(&self) -> Option<&Rehearsal> {
        self.rehearsal.as_ref().filter(|rehearsal| rehearsal.shown)
    }

    /// Tells whether the upgrade is not begun: the site is as it was, and a rehearsal makes sense.
    #[must_use]
    pub fn is_before_the_run(&self) -> bool {
        // A step that will not run was not touched either.
        let untouched = |step: &super::Step| step.plan.step == StepId::Check || step.plan.attempts == 0;
        matches!(self.engine, Engine::Resting { .. })
            && !self.is_undo()
            && self.down_since.is_none()
            && self.steps.iter().all(untouched)
    }

    /// Tells whether a rehearsal may be begun now.
    #[must_use]
    pub fn may_rehearse(&self) -> bool {
        self.may_start() && self.is_before_the_run()
    }

    /// Returns the seconds that a rehearsal will probably take: as long as the last one, else as long as the steps that
    /// do the same.
    #[must_use]
    pub fn rehearsal_forecast(&self) -> Option<i64> {
        const SAME: [StepId; 3] = [StepId::Snapshot, StepId::Pull, StepId::Restore];
        if let Some(ended) = self.rehearsal.as_ref().filter(|known| !known.retry).and_then(|known| known.ended.as_ref())
            && ended.problem.is_none()
        {
            #[expect(clippy::cast_possible_truncation, reason = "clamped to a range that fits")]
            return Some(ended.seconds.clamp(0.0, 1e9) as i64);
        }
        let steps = self.steps.iter().filter(|step| SAME.contains(&step.plan.step));
        let known: Vec<Option<u32>> = steps.map(|step| step.plan.forecast).collect();
        let all: Option<Vec<u32>> = known.into_iter().collect();
        all.filter(|all| !all.is_empty()).map(|all| all.into_iter().map(i64::from).sum())
    }
}
