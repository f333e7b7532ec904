//! What the dispatcher remembers of each step of the run, an upgrade or an undo, and how the plan is made of it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::PlannedStep;
use crate::journal::AttemptRow;
use crate::procedure::{
    Finding, KEEP_AGAIN, KEEP_IN_DOUBT, Knowledge, RESTORE_AGAIN, StepId, StepState, TRIAGE_AGAIN, Undoing,
};

/// What is remembered of a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Where it stands.
    pub state: StepState,
    /// How many attempts were made.
    pub attempts: u32,
    /// Seconds that the last one took.
    pub seconds: Option<f64>,
    /// The log of the last one.
    pub log: Option<PathBuf>,
    /// What the last one found.
    pub findings: Vec<Finding>,
    /// Seconds it will probably take, and where this number comes from.
    pub forecast: Option<(u32, String)>,
}

impl Default for Record {
    fn default() -> Self {
        Self { state: StepState::Pending, attempts: 0, seconds: None, log: None, findings: Vec::new(), forecast: None }
    }
}

/// All steps of the run.
#[derive(Clone, Debug, PartialEq)]
pub struct Records {
    steps: &'static [StepId],
    known: BTreeMap<StepId, Record>,
}

/// Returns the steps of a run that undoes this one, or of an upgrade.
pub const fn steps_of(undoes: Option<i64>) -> &'static [StepId] {
    if undoes.is_some() { &StepId::UNDO } else { &StepId::ALL }
}

impl Records {
    /// Knows nothing of these steps.
    #[must_use]
    pub fn new(steps: &'static [StepId]) -> Self {
        Self { steps, known: steps.iter().map(|step| (*step, Record::default())).collect() }
    }

    /// Folds the attempts of a run, oldest first. An attempt without an end leaves its step [`StepState::Running`].
    #[must_use]
    pub fn from_attempts(steps: &'static [StepId], attempts: &[AttemptRow]) -> Self {
        let mut records = Self::new(steps);
        for attempt in attempts {
            let record = records.of_mut(attempt.step);
            record.attempts = attempt.number;
            record.state = attempt.state.clone().unwrap_or(StepState::Running);
            record.seconds = attempt.seconds;
            record.log = Some(attempt.log.clone());
            record.findings.clone_from(&attempt.findings);
            records.after(attempt.step);
        }
        records
    }

    /// Makes steps pending again when one has ended so: triage that restores again, a start of services that goes back
    /// to triage (what comes between was done on rows that are replaced), an undo that keeps again what was entered.
    pub fn after(&mut self, step: StepId) {
        if let StepState::Interrupted { because } = self.state(step)
            && (because == KEEP_AGAIN || because == KEEP_IN_DOUBT)
        {
            // What was brought back meanwhile stays.
            for again in [StepId::UndoStop, StepId::UndoKeep, step] {
                self.of_mut(again).state = StepState::Pending;
            }
            return;
        }
        let first = match (step, self.state(step)) {
            (StepId::Triage, StepState::Interrupted { because }) if because == RESTORE_AGAIN => StepId::Restore,
            (StepId::StartServices, StepState::Interrupted { because }) if because == TRIAGE_AGAIN => StepId::Triage,
            _ => return,
        };
        for again in StepId::ALL.into_iter().filter(|again| *again >= first && *again <= StepId::StartServices) {
            self.of_mut(again).state = StepState::Pending;
        }
    }

    /// Returns the record of a step.
    #[must_use]
    pub fn of(&self, step: StepId) -> Record {
        self.known.get(&step).cloned().unwrap_or_default()
    }

    /// Returns the record of a step, to be changed.
    pub fn of_mut(&mut self, step: StepId) -> &mut Record {
        self.known.entry(step).or_default()
    }

    /// Returns the state of a step.
    #[must_use]
    pub fn state(&self, step: StepId) -> StepState {
        self.known.get(&step).map_or(StepState::Pending, |record| record.state.clone())
    }

    /// Returns the first step that is not settled.
    #[must_use]
    pub fn next(&self) -> Option<StepId> {
        self.steps.iter().copied().find(|step| !self.state(*step).is_settled())
    }

    /// Tells whether this is a step of the run.
    #[must_use]
    pub fn has(&self, step: StepId) -> bool {
        self.steps.contains(&step)
    }

    /// Says what brings the old site back if the operator stops now.
    fn way_back(&self, knowledge: &Knowledge) -> String {
        if knowledge.undoing.is_some() && self.next().is_none() {
            return "The old version is back: just leave. What was kept stays until you delete it: lino-upgrade undo \
                    --copies"
                .into();
        }
        let begun = self.known.iter().filter(|(_, record)| record.attempts > 0);
        let begun = begun.map(|(step, record)| (*step, Some(record.state.clone()), 0, record.seconds));
        knowledge.way_back(knowledge.undo_seconds(&Undoing::of(0, begun)))
    }

    /// Returns the plan. Pending steps that a rule would leave out now are shown as skipped; pending steps behind a
    /// failed one as not going to run.
    #[must_use]
    pub fn plan(&self, knowledge: &Knowledge) -> Vec<PlannedStep> {
        let steps = || self.steps.iter().copied();
        let failed = steps().find(|step| matches!(self.state(*step), StepState::Failed { .. }));
        let way_back = self.way_back(knowledge);
        steps()
            .map(|step| {
                let mut record = self.of(step);
                if record.forecast.is_none() {
                    let from = if step.is_undo() { "from the upgrade" } else { "from the rehearsal" };
                    record.forecast = knowledge.forecast(step).map(|seconds| (seconds, from.to_owned()));
                }
                let state = match (&record.state, knowledge.skip(step, &|step| self.state(step))) {
                    (StepState::Pending, Some(because)) if expected(step) => StepState::Skipped { because },
                    (StepState::Pending, _) => match failed {
                        Some(failed) if failed < step => {
                            StepState::WillNotRun { because: format!("{} failed", failed.title()) }
                        }
                        _ => StepState::Pending,
                    },
                    (state, _) => state.clone(),
                };
                PlannedStep {
                    step,
                    title: step.title().into(),
                    purpose: format!("{} {}", step.purpose(), knowledge.rehearsed(step)).trim_end().to_owned(),
                    commands: knowledge.commands(step),
                    forecast: record.forecast.as_ref().map(|(seconds, _)| *seconds),
                    forecast_from: record.forecast.map(|(_, from)| from),
                    way_back: way_back.clone(),
                    state,
                    attempts: record.attempts,
                    seconds: record.seconds,
                    log: record.log,
                    findings: record.findings,
                }
            })
            .collect()
    }
}

/// Whether a rule that would skip `step` now may be shown before the step's turn: the rules of these steps rest on
/// facts that earlier steps cannot change any more once they are known.
const fn expected(step: StepId) -> bool {
    step.is_undo() || matches!(step, StepId::BuildIndexes | StepId::CheckData)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(id: i64, step: StepId, number: u32, state: Option<StepState>) -> AttemptRow {
        AttemptRow {
            id,
            step,
            number,
            log: PathBuf::from(format!("{step}-{number}.log")),
            started: id,
            ended: state.as_ref().map(|_| id + 1),
            seconds: state.as_ref().map(|_| 1.0),
            state,
            findings: Vec::new(),
        }
    }

    #[test]
    fn the_last_attempt_of_a_step_counts() {
        let done = StepState::Done { summary: "ok".into() };
        let failed = StepState::Failed { because: "no".into() };
        let records = Records::from_attempts(
            &StepId::ALL,
            &[
                attempt(1, StepId::Check, 1, Some(failed)),
                attempt(2, StepId::Check, 2, Some(done.clone())),
                attempt(3, StepId::StopServices, 1, None),
            ],
        );
        assert_eq!(records.state(StepId::Check), done);
        assert_eq!(records.of(StepId::Check).attempts, 2);
        assert_eq!(records.state(StepId::StopServices), StepState::Running);
        assert_eq!(records.next(), Some(StepId::StopServices));
    }

    #[test]
    fn triage_that_ends_in_a_new_restore_makes_both_pending() {
        let done = StepState::Done { summary: "ok".into() };
        let again = StepState::Interrupted { because: RESTORE_AGAIN.into() };
        let records = Records::from_attempts(
            &StepId::ALL,
            &[attempt(1, StepId::Restore, 1, Some(done)), attempt(2, StepId::Triage, 1, Some(again))],
        );
        assert_eq!(records.state(StepId::Restore), StepState::Pending);
        assert_eq!(records.state(StepId::Triage), StepState::Pending);
    }

    #[test]
    fn a_start_that_goes_back_to_triage_makes_what_came_between_pending() {
        let done = StepState::Done { summary: "ok".into() };
        let again = StepState::Interrupted { because: TRIAGE_AGAIN.into() };
        let records = Records::from_attempts(
            &StepId::ALL,
            &[
                attempt(1, StepId::Restore, 1, Some(done.clone())),
                attempt(2, StepId::Triage, 1, Some(done.clone())),
                attempt(3, StepId::CheckData, 1, Some(done.clone())),
                attempt(4, StepId::StartServices, 1, Some(again)),
            ],
        );
        let pending = [StepId::Triage, StepId::CheckData, StepId::StartServices].map(|step| records.state(step));
        assert_eq!(pending, [StepState::Pending, StepState::Pending, StepState::Pending]);
        assert_eq!(records.state(StepId::Restore), done);
    }

    #[test]
    fn an_undo_that_keeps_again_stops_the_services_again_and_what_is_back_stays_back() {
        let done = StepState::Done { summary: "ok".into() };
        let begun = [StepId::UndoStop, StepId::UndoKeep, StepId::UndoEnvironment];
        for because in [KEEP_AGAIN, KEEP_IN_DOUBT] {
            let again = StepState::Interrupted { because: because.into() };
            let mut attempts: Vec<AttemptRow> =
                (1..).zip(begun).map(|(id, step)| attempt(id, step, 1, Some(done.clone()))).collect();
            attempts.push(attempt(4, StepId::UndoDatabase, 1, Some(again)));
            let records = Records::from_attempts(&StepId::UNDO, &attempts);
            let pending = StepId::UNDO.into_iter().filter(|step| records.state(*step) == StepState::Pending);
            let expected = StepId::UNDO.into_iter().filter(|step| *step != StepId::UndoEnvironment);
            assert_eq!(pending.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_undo_that_has_ended_does_not_say_that_only_a_part_is_back() {
        let knowledge = Knowledge { undoing: Some(Undoing::default()), ..Knowledge::default() };
        let done = StepState::Done { summary: "ok".into() };
        let mut attempts: Vec<AttemptRow> =
            (1..).zip(StepId::UNDO).map(|(id, step)| attempt(id, step, 1, Some(done.clone()))).collect();
        let way_back = |attempts: &[AttemptRow]| {
            let steps = Records::from_attempts(&StepId::UNDO, attempts).plan(&knowledge);
            steps.first().map(|step| step.way_back.clone()).unwrap_or_default()
        };
        assert!(way_back(&attempts).starts_with("The old version is back"));
        attempts.pop();
        assert!(way_back(&attempts).starts_with("Only a part is back"));
    }

    #[test]
    fn steps_behind_a_failed_one_will_not_run() {
        let failed = StepState::Failed { because: "no".into() };
        let records = Records::from_attempts(&StepId::ALL, &[attempt(1, StepId::Pull, 1, Some(failed))]);
        let words: Vec<&str> = records.plan(&Knowledge::default()).iter().map(|step| step.state.word()).collect();
        let mut expected = vec!["pending"; 5];
        expected.push("failed");
        expected.extend(["will not run"; 9]);
        assert_eq!(words, expected);
    }
}
