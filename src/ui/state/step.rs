//! A step as the screen knows it.

use crate::engine::PlannedStep;
use crate::procedure::{StepId, StepState};

/// A step with what is known while it runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The plan's word on it.
    pub plan: PlannedStep,
    /// When the running attempt began, seconds since 1970.
    pub since: Option<i64>,
    /// How far the running attempt is.
    pub progress: Option<Progress>,
    /// The command line that runs.
    pub command: Option<String>,
}

/// How far a step is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// So much is done.
    pub done: u64,
    /// Of so much; none while unknown.
    pub total: Option<u64>,
    /// In words.
    pub text: String,
}

impl Progress {
    /// Returns the share that is done in percent, when it is known.
    #[must_use]
    pub fn percent(&self) -> Option<u64> {
        let total = self.total.filter(|total| *total > 0)?;
        Some((u128::from(self.done) * 100 / u128::from(total)).min(100).try_into().unwrap_or(100))
    }
}

impl Step {
    /// Builds a step of which only the name is known.
    #[must_use]
    pub fn unplanned(step: StepId) -> Self {
        Self::planned(PlannedStep {
            step,
            title: step.title().to_owned(),
            purpose: step.purpose().to_owned(),
            commands: Vec::new(),
            forecast: None,
            forecast_from: None,
            way_back: String::new(),
            state: StepState::Pending,
            attempts: 0,
            seconds: None,
            log: None,
            findings: Vec::new(),
        })
    }

    /// Builds a step from the plan.
    #[must_use]
    pub const fn planned(plan: PlannedStep) -> Self {
        Self { plan, since: None, progress: None, command: None }
    }
}
