//! Faults that were switched on, in the steps: what [`fault`](crate::fault) says, done to a step.

use std::time::Duration;

use super::context::{Command, Context};
use super::{Event, NoticeLevel, StepEnd, steps};
use crate::error::{Kind, Report};
use crate::fault::{self, Wrong};
use crate::procedure::{Finding, StepState};

/// Where nobody listens.
const NOWHERE: &str = "http://127.0.0.1:9";

/// Says that faults are switched on, or why the program does not start with what the variable says.
pub(super) fn announce(events: &tokio::sync::mpsc::UnboundedSender<Event>) -> Result<(), Report> {
    if let Some(problem) = fault::problem() {
        return Err(Report::new(Kind::Environment, format!("{} cannot be understood: {problem}.", fault::VARIABLE))
            .unchanged("Nothing was started.")
            .next(format!("Unset it: unset {}", fault::VARIABLE)));
    }
    if let Some(text) = sentence() {
        let _ = events.send(Event::Noticed { level: NoticeLevel::Warning, text });
    }
    Ok(())
}

/// Says that faults are switched on, when they are.
#[must_use]
pub fn sentence() -> Option<String> {
    fault::switched_on().map(|text| format!("Faults are switched on ({}={text}): this is a test.", fault::VARIABLE))
}

/// Executes a step, or lets it go wrong.
pub(super) async fn execute(context: &Context) -> Result<StepEnd, Report> {
    let id = context.step.id();
    if fault::in_step(id, Wrong::Fails) {
        let text = format!("{} wants this step to fail.", fault::VARIABLE);
        let finding = Finding::fail("fault", text, "Retry; the fault strikes once.");
        let state = StepState::Failed { because: "a fault was switched on for it".into() };
        return Ok(StepEnd { state, findings: vec![finding] });
    }
    if fault::in_step(id, Wrong::Hangs) {
        context.note(&format!("{} wants this step to hang.", fault::VARIABLE))?;
        while !context.is_cancelled() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let state = StepState::Interrupted { because: "a fault let it hang".into() };
        return Ok(StepEnd { state, findings: Vec::new() });
    }
    if fault::in_step(id, Wrong::Stops) {
        fault::stop();
    }
    steps::execute(context).await
}

/// Takes the network from a command, when that is wanted.
pub(super) fn offline(step: &str, mut command: Command) -> Command {
    if fault::in_step(step, Wrong::Offline) {
        for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            command = command.env(name, NOWHERE);
        }
        for name in ["no_proxy", "NO_PROXY"] {
            command.env.insert(name.to_owned(), None);
        }
        // At once it would say nothing, and take what is installed for the newest.
        command = command.env("PIP_RETRIES", "1");
    }
    command
}
