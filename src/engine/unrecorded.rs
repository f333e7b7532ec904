//! What has happened and could not be written to the journal, most of all because its disk is full: it is told at once,
//! and written as soon as the operator goes on.

use super::dispatcher::Dispatcher;
use super::{Event, Wish};
use crate::error::{Report, Tell};
use crate::journal::JournalError;
use crate::procedure::{Finding, StepId, StepState};

/// How a step has ended.
pub(super) struct Settled {
    pub step: StepId,
    pub attempt: i64,
    pub number: u32,
    pub seconds: f64,
    pub state: StepState,
    pub findings: Vec<Finding>,
    pub report: Option<Report>,
}

/// Wishes before which the journal must know how the last step has ended.
pub(super) fn comes_first(wish: &Wish) -> bool {
    matches!(wish, Wish::Continue | Wish::Run(_) | Wish::Skip(_) | Wish::OpenShell | Wish::Undo { .. })
}

impl Dispatcher {
    /// Keeps the end of a step that the journal did not take, and says so.
    pub(super) fn unrecorded(&mut self, end: Settled, error: &JournalError) -> Report {
        let because = "its outcome could not be written to the journal";
        let state = StepState::Interrupted { because: because.into() };
        let record = self.records.of_mut(end.step);
        record.state = state.clone();
        record.findings.clone_from(&end.findings);
        let report = error.tell();
        let outcome = match end.state.text() {
            "" => end.state.word().to_owned(),
            text => format!("{}: {text}", end.state.word()),
        };
        let report = Report {
            what: format!("How “{}” has ended is not recorded. {}", end.step.title(), report.what),
            unchanged: Some(format!(
                "It was {}. Nothing starts before that is recorded.",
                outcome.trim_end_matches('.')
            )),
            ..report
        }
        .next("Then go on: it is recorded first. If you leave before, the step is judged again at the next start.");
        let (step, attempt, seconds) = (end.step, end.number, end.seconds);
        self.tell(Event::StepEnded { step, attempt, state, seconds, findings: end.findings.clone() });
        self.unrecorded = Some(end);
        self.plan();
        report
    }
}
