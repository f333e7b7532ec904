//! Taking a run up: what was left unfinished is followed, what was done is proved, and where something was left in the
//! middle the operator is asked how to go on.
//!
//! Nobody waits for it: it is looked at in the background, and no step starts before.

mod found;
mod prove;

use std::sync::Arc;

pub(super) use found::Found;
use found::{Conclusion, LostStep, Standing};
use prove::Subject;

use super::clock::now;
use super::context::lock;
use super::deciding::Worked;
use super::dispatcher::Dispatcher;
use super::{Attendance, Cancel, Event, NoticeLevel, Outcome, Wish};
use crate::error::{Report, Tell};
use crate::journal::{AttemptRow, CommandRow};
use crate::procedure::{StepId, StepState};
use crate::runner::{CommandState, boot_id, lost_by_reboot, state_on_disk};
use crate::site::services::ServiceState;

/// The question how to go on.
pub const RESUME: &str = "resume.state";
/// Name of the journal's fact that holds the boot in which this run was opened last.
const BOOT: &str = "boot";
/// Name of the journal's fact that holds the files of the verified snapshot.
pub(super) const FILES: &str = "snapshot-files";
/// Name of the journal's fact that holds the rows per table after the restore.
pub(super) const RESTORED: &str = "restored-rows";

/// How far taking up has come.
#[derive(Default)]
pub(super) struct Recovery {
    /// Whether what was done is still being looked at, or the operator is asked.
    phase: Phase,
    /// The attempt whose command was lost.
    lost: Option<(AttemptRow, LostStep)>,
    /// The attempt whose command has ended meanwhile.
    ended: Option<AttemptRow>,
    /// What was found, once it was.
    found: Option<Found>,
    /// Whether the code in place starts, once it was asked.
    python: Option<Result<(), String>>,
    /// What was concluded, while the operator is asked.
    conclusion: Conclusion,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    /// Nothing to take up, or all of it is.
    #[default]
    Over,
    Looking,
    Asking,
}

/// Takes up the attempt that had no end, and begins to prove what was done before.
pub(super) async fn take_up(dispatcher: &mut Dispatcher, attempts: &[AttemptRow]) -> Result<(), Report> {
    if attempts.is_empty() {
        return Ok(());
    }
    for attempt in attempts.iter().filter(|attempt| attempt.state.is_none()) {
        let commands = dispatcher.journal.commands(attempt.id).await.map_err(|error| error.tell())?;
        let last = commands.last().map(|command| state_on_disk(&dispatcher.runner_dir, command.id));
        match last {
            Some(CommandState::Running { .. }) => {
                let text = format!("{} went on by itself; it is followed again.", attempt.step.title());
                dispatcher.notice(NoticeLevel::Info, text);
                dispatcher.execute(attempt.step, attempt.id, attempt.number, attempt.log.clone());
                return Ok(());
            }
            Some(CommandState::Finished { .. }) => dispatcher.recovery.ended = Some(attempt.clone()),
            Some(CommandState::Lost { .. }) => dispatcher.lose(attempt, &commands),
            // The runner writes its record before it starts anything.
            Some(CommandState::Unknown) | None => {
                dispatcher.interrupt(attempt, "it had not started a command when its wizard ended".into()).await?;
            }
        }
    }
    dispatcher.prove().await
}

/// Takes up an undo. Its steps may be executed again without harm, so nothing is asked; only services are
/// looked at, which a restart of the machine starts or leaves stopped.
pub(super) async fn take_up_undo(dispatcher: &mut Dispatcher, attempts: &[AttemptRow]) -> Result<(), Report> {
    for attempt in attempts.iter().filter(|attempt| attempt.state.is_none()) {
        let commands = dispatcher.journal.commands(attempt.id).await.map_err(|error| error.tell())?;
        let last = commands.last().map(|command| state_on_disk(&dispatcher.runner_dir, command.id));
        match last {
            Some(CommandState::Running { .. } | CommandState::Finished { .. }) => {
                let text = format!("{} went on by itself; it is followed again.", attempt.step.title());
                dispatcher.notice(NoticeLevel::Info, text);
                dispatcher.execute(attempt.step, attempt.id, attempt.number, attempt.log.clone());
            }
            Some(CommandState::Lost { .. } | CommandState::Unknown) | None => {
                let because = if commands.is_empty() {
                    "its wizard left before the step had started a command"
                } else {
                    "its command was lost when the runner ended (crash or reboot); nobody knows how far it came"
                };
                dispatcher.interrupt(attempt, because.into()).await?;
            }
        }
    }
    if dispatcher.running.is_none() {
        dispatcher.prove_services().await?;
    }
    Ok(())
}

impl Dispatcher {
    /// Lets an undo stop and start services again that are not any more as it has left them.
    async fn prove_services(&mut self) -> Result<(), Report> {
        let settled = |step| self.records.state(step).is_settled();
        let (step, found) = if settled(StepId::UndoStart) {
            (StepId::UndoStart, prove::services(&self.site, ServiceState::is_stopped).await)
        } else if settled(StepId::UndoStop) && self.records.of(StepId::UndoStart).attempts == 0 {
            (StepId::UndoStop, prove::services(&self.site, prove::runs).await)
        } else {
            return Ok(());
        };
        if found.is_empty() {
            return Ok(());
        }
        let found = found.join(", ");
        let because = match step {
            StepId::UndoStop => format!("{found} runs again, and had been stopped"),
            _ => format!("{found} does not run any more, and had been started"),
        };
        self.notice(NoticeLevel::Warning, format!("{because}: this is done again."));
        self.undo_result(step, &because).await
    }

    fn lose(&mut self, attempt: &AttemptRow, commands: &[CommandRow]) {
        let Some((newest, before)) = commands.split_last() else { return };
        let ended =
            |row: &&CommandRow| matches!(state_on_disk(&self.runner_dir, row.id), CommandState::Finished { .. });
        let step = LostStep {
            step: attempt.step,
            command: newest.name.clone(),
            kept: before.iter().filter(ended).map(|row| row.name.clone()).collect(),
            by_reboot: lost_by_reboot(&self.runner_dir, newest.id),
            forecast: self.records.of(attempt.step).forecast.map(|(seconds, _)| seconds),
        };
        let because = "its command was lost when the runner ended (crash or reboot); nobody knows how far it came";
        // In the journal it stays open until the operator has decided.
        self.records.of_mut(attempt.step).state = StepState::Interrupted { because: because.into() };
        self.recovery.lost = Some((attempt.clone(), step));
    }

    async fn interrupt(&mut self, attempt: &AttemptRow, because: String) -> Result<(), Report> {
        let state = StepState::Interrupted { because };
        self.journal.end_attempt(attempt.id, &state, &[], 0.0, now()).await.map_err(|error| error.tell())?;
        self.records.of_mut(attempt.step).state = state;
        Ok(())
    }

    async fn prove(&mut self) -> Result<(), Report> {
        let tell = |error: crate::journal::JournalError| error.tell();
        let before: Option<String> = self.journal.fact(self.run, BOOT).await.map_err(tell)?;
        let boot = boot_id();
        if before.as_ref().is_some_and(|before| *before != boot) {
            self.notice(NoticeLevel::Info, "The machine was started again since. What was done so far is proved.");
        }
        if before.as_ref() != Some(&boot) {
            self.journal.record(self.run, BOOT, &boot, now()).await.map_err(tell)?;
        }
        let knowledge = lock(&self.knowledge).clone();
        let subject = Subject {
            site: Arc::clone(&self.site),
            knowledge,
            records: self.records.clone(),
            lost: self.recovery.lost.as_ref().map(|(_, lost)| lost.step),
            files: self.journal.fact(self.run, FILES).await.map_err(tell)?.unwrap_or_default(),
            restored: self.journal.fact(self.run, RESTORED).await.map_err(tell)?.unwrap_or_default(),
        };
        self.recovery.phase = Phase::Looking;
        let work = self.work.clone();
        tokio::spawn(async move {
            let _ = work.send(Worked::Proved(Box::new(subject.look().await)));
        });
        Ok(())
    }

    /// Hears what was found.
    pub(super) async fn proved(&mut self, found: Found) -> Result<(), Report> {
        self.recovery.found = Some(found);
        self.conclude().await
    }

    /// Hears whether the code in place starts.
    pub(super) async fn python_answered(&mut self, answer: Result<(), String>) -> Result<(), Report> {
        self.recovery.python = Some(answer);
        self.conclude().await
    }

    async fn conclude(&mut self) -> Result<(), Report> {
        if self.recovery.phase != Phase::Looking {
            return Ok(());
        }
        let (Some(found), Some(python)) = (&self.recovery.found, &self.recovery.python) else { return Ok(()) };
        let found = Found { python: python.as_ref().err().cloned(), ..found.clone() };
        let begun = |step: &StepId| *step == StepId::Snapshot && self.records.of(*step).attempts > 0;
        let settled = |step: &StepId| self.records.state(*step).is_settled() || begun(step);
        let standing = Standing(StepId::ALL.into_iter().filter(settled).collect());
        let mut conclusion = found::conclude(&found, &lock(&self.knowledge), &standing);
        // What was not done yet cannot be untrue; what was lost is told of anyway.
        conclusion.untrue.retain(|(step, _)| self.records.state(*step).is_settled());
        let lost = self.recovery.lost.as_ref().map(|(_, lost)| lost);
        let Some(ask) = found::question(lost, &found, &conclusion) else {
            self.recovery.phase = Phase::Over;
            for note in conclusion.notes {
                self.notice(NoticeLevel::Warning, note);
            }
            return self.go_on().await;
        };
        self.recovery.phase = Phase::Asking;
        self.recovery.conclusion = conclusion;
        self.plan();
        self.tell(Event::Asked { ask });
        Ok(())
    }

    /// Follows what has ended meanwhile, or starts the next step when that is wished.
    async fn go_on(&mut self) -> Result<(), Report> {
        if let Some(ended) = self.recovery.ended.take() {
            let text = format!("{} went on by itself; its end is judged now.", ended.step.title());
            self.notice(NoticeLevel::Info, text);
            self.execute(ended.step, ended.id, ended.number, ended.log);
        }
        if self.going && self.running.is_none() { self.advance().await } else { Ok(()) }
    }

    /// Tells whether a wish has to wait until the state is proved and the operator has decided; then it is answered.
    pub(super) async fn is_locked(&mut self, wish: &Wish) -> Result<bool, Report> {
        match (self.recovery.phase, wish) {
            (Phase::Asking, Wish::Choose { question, key }) if question == RESUME => {
                self.resume(*key).await?;
                Ok(true)
            }
            (Phase::Looking, Wish::Continue) => {
                self.going = true;
                self.notice(NoticeLevel::Info, "What was done so far is proved first; then it goes on.");
                Ok(true)
            }
            (Phase::Asking, Wish::Continue) => {
                self.going = true;
                Ok(true)
            }
            (Phase::Over, _) => Ok(false),
            (_, Wish::Cancel(Cancel::Interrupt | Cancel::Kill)) => {
                self.rest(Outcome::Interrupted, "Nobody has decided how to go on.");
                Ok(true)
            }
            (_, Wish::Run(_) | Wish::Skip(_) | Wish::Rehearse(_) | Wish::OpenShell) => {
                self.notice(NoticeLevel::Warning, "What was done so far is proved first; decide how to go on.");
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    async fn resume(&mut self, key: char) -> Result<(), Report> {
        let lost = self.recovery.lost.take();
        let conclusion = std::mem::take(&mut self.recovery.conclusion);
        let step = lost.as_ref().map(|(row, _)| row.step).or_else(|| conclusion.untrue.first().map(|(step, _)| *step));
        let by = if self.attendance == Attendance::Wizard { "operator" } else { "--yes" };
        if let Some(step) = step {
            self.journal
                .decide(self.run, step, RESUME, &key.to_string(), by, now())
                .await
                .map_err(|error| error.tell())?;
        }
        self.tell(Event::Chosen { question: RESUME.into(), key, by: by.into() });
        self.recovery.phase = Phase::Over;
        if key == 'w' {
            // It is asked again when somebody opens this run again.
            self.recovery.lost = lost;
            self.recovery.conclusion = conclusion;
            self.recovery.phase = Phase::Asking;
            self.rest(Outcome::Interrupted, "Nothing is decided yet; leave, and start again to be asked again.");
            return Ok(());
        }
        for (step, because) in &conclusion.untrue {
            self.undo_result(*step, because).await?;
        }
        let first = conclusion.untrue.first().map(|(step, _)| *step);
        if let Some(ended) = self.recovery.ended.take_if(|ended| first.is_some_and(|first| first <= ended.step)) {
            self.interrupt(&ended, "an earlier step has to be done again first".into()).await?;
        }
        if let Some((attempt, lost)) = lost {
            let keeps = key == 'c' && !lost.kept.is_empty() && first.is_none_or(|first| first > attempt.step);
            if keeps {
                self.going = true;
                self.execute(attempt.step, attempt.id, attempt.number, attempt.log);
                return Ok(());
            }
            let because = "its command was lost when the runner ended (crash or reboot)";
            self.interrupt(&attempt, because.into()).await?;
        }
        self.plan();
        if key == 'u' {
            self.rest(Outcome::Interrupted, "The way back is planned. By a command: lino-upgrade undo");
            return self.plan_undo().await;
        }
        self.going = true;
        self.go_on().await
    }

    /// Writes down that the result of a step is not true any more.
    async fn undo_result(&mut self, step: StepId, because: &str) -> Result<(), Report> {
        self.record_state(step, StepState::Interrupted { because: because.to_owned() }).await
    }
}
