//! What each step does to the machine and how its success is judged: one file a step, or a few that belong together.
//!
//! A step is a plain async function over [`Context`]. It may be executed again after it lost its wizard: commands
//! that already ran in this attempt are not run twice, everything else in a step may be repeated without harm.

mod account;
mod check;
mod code;
mod compare;
mod finish;
pub(super) mod load;
mod protect;
mod restore;
mod services;
mod snapshot;
mod triage;
mod undo;

pub use check::{line as checklist_line, look};
pub(super) use code::{ORIGINS_BEFORE, PACKAGES_BEFORE};
pub(super) use snapshot::stamp;
pub(super) use undo::ENTERED;

use super::context::{CommandEnd, Context};
use super::dispatcher::StepEnd;
use super::guard;
use crate::error::{Kind, Report};
use crate::messages::{Judgement, Reading};
use crate::procedure::{Finding, Level, StepId, StepState};

/// Executes a step.
pub(super) async fn execute(context: &Context) -> Result<StepEnd, Report> {
    match context.step {
        StepId::Check => check::check(context).await,
        StepId::StopServices => services::stop(context).await,
        StepId::Snapshot => guard::during(context, Box::pin(snapshot::make(context))).await,
        StepId::VerifySnapshot => guard::during(context, Box::pin(snapshot::verify(context))).await,
        StepId::Protect => guard::during(context, Box::pin(protect::protect(context))).await,
        StepId::Pull => code::pull(context).await,
        StepId::Install => code::install(context).await,
        StepId::Compare => compare::compare(context).await,
        StepId::Restore => guard::during(context, Box::pin(restore::restore(context))).await,
        StepId::Triage => triage::triage(context).await,
        StepId::BuildIndexes => finish::build_indexes(context).await,
        StepId::CollectStatic => finish::collect_static(context).await,
        StepId::CheckData => guard::during(context, Box::pin(finish::check_data(context))).await,
        StepId::StartServices => services::start(context).await,
        StepId::SignIn => finish::sign_in(context).await,
        StepId::UndoStop => services::stop_for_undo(context).await,
        StepId::UndoKeep => guard::during(context, Box::pin(undo::keep(context))).await,
        StepId::UndoEnvironment => undo::environment(context).await,
        StepId::UndoDatabase => guard::during(context, Box::pin(undo::database(context))).await,
        StepId::UndoStatic => undo::static_files(context).await,
        StepId::UndoIndexes => undo::indexes(context).await,
        StepId::UndoAccount => guard::during(context, Box::pin(undo::account(context))).await,
        StepId::UndoStart => services::start_all(context).await,
        StepId::UndoConfirm => finish::confirm_undo(context).await,
    }
}

fn done(summary: impl Into<String>) -> StepEnd {
    StepEnd { state: StepState::Done { summary: summary.into() }, findings: Vec::new() }
}

fn skipped(because: impl Into<String>) -> StepEnd {
    StepEnd { state: StepState::Skipped { because: because.into() }, findings: Vec::new() }
}

fn failed(because: impl Into<String>) -> StepEnd {
    StepEnd { state: StepState::Failed { because: because.into() }, findings: Vec::new() }
}

fn interrupted(because: impl Into<String>) -> StepEnd {
    StepEnd { state: StepState::Interrupted { because: because.into() }, findings: Vec::new() }
}

impl StepEnd {
    fn with(mut self, findings: Vec<Finding>) -> Self {
        self.findings.extend(findings);
        self
    }
}

/// Does work that reads much on a thread of its own.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Report> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Report::new(Kind::Failed, format!("Reading was broken off: {error}.")))
}

/// Turns findings into the end of a step: one obstacle fails it.
fn judged(findings: Vec<Finding>, what: &str) -> StepEnd {
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    let (passed, warned, obstacles) = (count(Level::Pass), count(Level::Warn), count(Level::Fail));
    let end = match (obstacles, warned) {
        (0, 0) => done(format!("{passed} {what} passed")),
        (0, warned) => done(format!("{passed} {what} passed, {warned} with a warning")),
        (1, _) => failed("one obstacle"),
        (obstacles, _) => failed(format!("{obstacles} obstacles")),
    };
    end.with(findings)
}

/// Turns a command that did not finish well into the end of its step.
fn unfinished(end: &CommandEnd) -> Option<StepEnd> {
    match &end.reading.judgement {
        Judgement::Finished { .. } => None,
        Judgement::Unproved { because } => {
            let text = format!("{because} {}", end.reading.unchanged());
            let remedy = "Read the log of this step to see how far the command came, then retry.";
            Some(
                failed(format!("nothing proves that it worked: {because}"))
                    .with(vec![Finding::fail("proof", text, remedy)]),
            )
        }
        Judgement::Failed { because, .. } => {
            Some(failed(because.clone()).with(advice(&end.reading).into_iter().collect()))
        }
        Judgement::Interrupted { because } | Judgement::Refused { because } => Some(interrupted(because.clone())),
    }
}

/// What a failed command left as it was, and what to do about it.
fn advice(reading: &Reading) -> Option<Finding> {
    let Judgement::Failed { because, cause } = &reading.judgement else { return None };
    Some(Finding::fail(cause.subject(), format!("{because} {}", reading.unchanged()), cause.remedy()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::{CommandKind, Ended, Reader};

    #[test]
    fn a_failed_command_ends_its_step_with_what_to_do() {
        let mut reader = Reader::new(CommandKind::Snapshot);
        reader.feed_line("zip I/O error: No space left on device");
        let ended = Some(Ended::Exited { code: 15 });
        let end = CommandEnd { reading: reader.finish(ended), ended, range: (0, 0) };
        let because = "There is no space left on the disk.";
        let text = format!("{because} The database was only read.");
        let remedy = "Free some space on the disk that the message names, then retry.";
        let expected = failed(because).with(vec![Finding::fail("disk space", text, remedy)]);
        let found = unfinished(&end).unwrap();
        assert_eq!((found.state, found.findings), (expected.state, expected.findings));
    }

    #[test]
    fn one_obstacle_fails_a_checklist_and_a_warning_does_not() {
        let pass = Finding::pass("a", "b");
        let warn = Finding::warn("a", "b", "c");
        let fail = Finding::fail("a", "b", "c");
        let states = [vec![pass.clone()], vec![pass.clone(), warn.clone()], vec![pass, warn, fail]]
            .map(|findings| judged(findings, "checks").state);
        assert_eq!(
            states,
            [
                StepState::Done { summary: "1 checks passed".into() },
                StepState::Done { summary: "1 checks passed, 1 with a warning".into() },
                StepState::Failed { because: "one obstacle".into() },
            ]
        );
    }
}
