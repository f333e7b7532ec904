//! The sentences of the wizard itself: what to do now, what a choice means.

use jiff::Timestamp;

use crate::engine::Outcome;
use crate::messages::prompts;
use crate::procedure::{StepId, StepState};
use crate::ui::state::{Engine, Popup, State, Step};
use crate::ui::text;

/// Returns one sentence that says what the operator is to do now.
#[must_use]
pub fn now(state: &State) -> String {
    if state.watched.as_ref().is_some_and(|watched| !watched.is_driven()) {
        return format!("Whoever drove this {} has left. Press t to take it over.", what(state));
    }
    if let Some(watched) = &state.watched {
        return format!(
            "{} drives since {}; you are watching. t takes over.",
            text::clean(&watched.operator),
            clock(state, watched.since)
        );
    }
    match state.popup {
        Some(Popup::Undo) if state.may_begin_undo() => {
            return "Read what the undo would do and lose. y begins it, n changes nothing.".to_owned();
        }
        Some(Popup::Undo) if state.undo.is_none() => return "Looking what an undo would do.".to_owned(),
        Some(Popup::Undo) => return "The undo cannot begin; read above why, and what to do.".to_owned(),
        Some(Popup::UndoSure) => return "Rows would be lost. b brings the old version back all the same.".to_owned(),
        _ => {}
    }
    if let Some(ask) = state.asks.first() {
        let title = text::clean(&ask.title);
        let period = if title.ends_with(['.', '?', '!']) { "" } else { "." };
        return if state.aside { format!("A question waits: {title}{period} Press a to answer it.") } else { title };
    }
    if state.shell.is_some() {
        let what = what(state);
        return format!("A shell is open in the site's environment. `exit` ends it and the {what} can go on.");
    }
    if let Some(waiting) = &state.waiting {
        return match (state.typing.is_some(), waiting.certain) {
            (true, _) if let Some(known) = prompts::explain(&waiting.prompt) => match known.yes {
                // On a narrow screen the end is cut, so what Enter does comes first.
                Some(_) => format!("{} {}", known.on_enter, known.meaning),
                None => format!("{} {}", known.meaning, known.on_enter),
            },
            (true, true) => "The command waits for your answer: type it now.".to_owned(),
            (true, false) => "The command may be waiting for an answer. If it asks nothing, just wait.".to_owned(),
            (false, true) => "The command waits for your answer. Press i to type it.".to_owned(),
            (false, false) => "The command may be waiting for an answer. Press i to type it.".to_owned(),
        };
    }
    if state.is_rehearsing() {
        return rehearsing(state);
    }
    if let Some(step) = state.running().and_then(|at| state.steps.get(at)) {
        let (number, title) = (step.plan.step.number(), text::clean(&step.plan.title));
        let stops = format!("The {} stops after it.", what(state));
        let after = match &state.remedy {
            Some(remedy) => &text::clean(remedy),
            None if state.pausing => stops.as_str(),
            None => "There is nothing for you to do.",
        };
        return if state.is_undo() {
            format!("Undo, step {number} of {}: {title}. {after}", state.steps.len())
        } else {
            match state.remedy {
                // On a narrow screen the end is cut.
                Some(_) => format!("Step {number} waits. {after}"),
                None => format!("Step {number} is running: {title}. {after}"),
            }
        };
    }
    match &state.engine {
        Engine::Opening if state.site.is_none() => "Looking for the site.".to_owned(),
        Engine::Opening => "Asking Lino about the site.".to_owned(),
        Engine::Working => "Going on with the next step.".to_owned(),
        Engine::Over { summary, .. } => format!("{} q leaves, o shows the overview.", text::clean(summary)),
        Engine::Resting { because } => resting(state, because.as_ref()),
    }
}

fn resting(state: &State, because: Option<&(Outcome, String)>) -> String {
    let Some(step) = state.first_open().and_then(|at| state.steps.get(at)) else {
        return "All steps are settled.".to_owned();
    };
    let (number, title) = (step.plan.step.number(), text::clean(&step.plan.title));
    if state.is_undo() {
        let of = format!("{number} of {}", state.steps.len());
        return match (&step.plan.state, because) {
            (StepState::Failed { .. }, _) => {
                format!("Undo, step {of} failed. Read at the right what to do; r runs it again.")
            }
            (StepState::Interrupted { .. }, _) => {
                format!("Undo, step {of} was interrupted. Read at the right; r runs it again.")
            }
            (_, Some((Outcome::Refused | Outcome::Failed, why))) => text::clean(why),
            _ => format!("Press Enter to go on with the undo, step {of}: {title}."),
        };
    }
    match (&step.plan.state, because) {
        (StepState::Failed { .. }, _) => {
            format!("Step {number} failed. Read at the right what to do; r runs it again.")
        }
        (StepState::Interrupted { .. }, _) => {
            format!("Step {number} was interrupted. Read at the right; r runs it again.")
        }
        _ if state.may_rehearse() => before(state, number, &title),
        _ if state.steps.iter().all(|step| step.plan.state == StepState::Pending) => {
            format!("Press Enter to begin with step {number}: {title}.")
        }
        (_, Some((Outcome::Refused | Outcome::Failed, why))) => text::clean(why),
        _ => format!("Press Enter to go on with step {number}: {title}."),
    }
}

/// Says what is to be done before a run is begun.
fn before(state: &State, number: u8, title: &str) -> String {
    let ended = state.rehearsal.as_ref().and_then(|rehearsal| rehearsal.ended.as_ref());
    let open = state.triaged.as_deref().map_or(0, crate::ui::state::Triaging::open);
    match ended {
        Some(ended) if ended.problem.is_some() => {
            "The rehearsal has no result: read at the right why. h rehearses again.".to_owned()
        }
        Some(ended) if ended.clean => {
            format!("The new version takes every row. Enter upgrades now: step {number}, {title}.")
        }
        _ if open > 0 => {
            format!("{} undecided: t shows what was refused.", text::rows(open as u64))
        }
        _ if state.triaged.is_some() => format!("All is decided. Enter upgrades now: step {number}, {title}."),
        _ => format!("h rehearses first (recommended). Press Enter to begin with step {number} now."),
    }
}

/// Says how far the rehearsal is.
#[must_use]
pub fn rehearsing(state: &State) -> String {
    let Some(rehearsal) = &state.rehearsal else { return String::new() };
    let what = if rehearsal.retry { "The retry" } else { "The rehearsal" };
    let far = match &rehearsal.progress {
        Some(progress) => match (progress.percent(), progress.total) {
            (Some(percent), Some(total)) => {
                format!(": {} of {} rows, {percent} %", text::number(progress.done), text::number(total))
            }
            _ => String::new(),
        },
        None => String::new(),
    };
    format!("{what} runs{far}. The site stays up; c cancels.")
}

/// Returns `21:04` for seconds since 1970, on the operator's clock.
#[must_use]
pub fn clock(state: &State, seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(
        |_| "--:--".to_owned(),
        |time| {
            let time = time.to_zoned(state.zone.clone());
            format!("{:02}:{:02}", time.hour(), time.minute())
        },
    )
}

/// Returns what it means to leave a step out.
#[must_use]
pub const fn without(step: StepId) -> &'static str {
    match step {
        StepId::Check => "Obstacles that it would have found show up later, when the site may already be down.",
        StepId::StopServices => {
            "Users can go on changing data while it is copied. What they change after the snapshot will be lost."
        }
        StepId::Snapshot => {
            "There will be no new snapshot. A restore would load an older one, and lose what came after it."
        }
        StepId::VerifySnapshot => {
            "Nobody will know whether the snapshot is complete. The restore drops all tables before it loads it."
        }
        StepId::Protect => "There will be no recorded way back to the old version.",
        StepId::Pull => "The site stays on the version that is installed now.",
        StepId::Install => "Packages that the new version needs may be missing. Then its commands cannot start.",
        StepId::Compare => "Nothing will be known about changes of the database structure.",
        StepId::Restore => {
            "The database keeps its old structure. If the new version expects another one, the site will not work."
        }
        StepId::Triage => "Rows that the new version did not accept stay lost, and nobody will have looked at them.",
        StepId::BuildIndexes | StepId::UndoIndexes => "The full-text search may miss or misplace results.",
        StepId::CollectStatic => "Users may see old images, style sheets and scripts, or none.",
        StepId::CheckData => "Problems in the data will not be found or repaired now.",
        StepId::StartServices | StepId::UndoStart => "Users still cannot reach the site.",
        StepId::SignIn => "Nobody will have looked whether the new version works.",
        StepId::UndoStop => "Somebody can go on writing to a database that is replaced; what they write will be lost.",
        StepId::UndoKeep => "What was entered since the services were started will be lost.",
        StepId::UndoEnvironment => "The new version stays, and may not work with the old database.",
        StepId::UndoDatabase => "The database stays as it is. The old version may not work with it.",
        StepId::UndoStatic => "Users may see images, style sheets and scripts of the new version.",
        StepId::UndoAccount => "Nobody will have proved that every row is back.",
        StepId::UndoConfirm => "Nobody will have looked whether the old version works.",
    }
}

/// Returns the words for the right edge of the step list.
#[must_use]
pub fn state(state: &State, step: &Step) -> String {
    let took = step.plan.seconds.map(text::seconds).unwrap_or_default();
    match &step.plan.state {
        StepState::Pending => {
            step.plan.forecast.map(|seconds| format!("~{}", text::duration(seconds.into()))).unwrap_or_default()
        }
        StepState::Running => {
            let elapsed = step.since.map(|since| text::duration(state.seconds() - since));
            match (step.progress.as_ref().and_then(crate::ui::state::Progress::percent), elapsed) {
                (Some(percent), Some(elapsed)) => format!("{percent} % {elapsed}"),
                (Some(percent), None) => format!("{percent} %"),
                (None, Some(elapsed)) => format!("run {elapsed}"),
                (None, None) => "running".to_owned(),
            }
        }
        StepState::Done { .. } => format!("done {took}").trim_end().to_owned(),
        StepState::Skipped { because } if because.starts_with("not needed") || because.starts_with("Not needed") => {
            "not needed".to_owned()
        }
        StepState::Failed { .. } => format!("failed {took}").trim_end().to_owned(),
        other => other.word().to_owned(),
    }
}

/// Returns what the run is.
#[must_use]
pub fn what(state: &State) -> &'static str {
    if state.is_undo() { "undo" } else { "upgrade" }
}

/// Returns the outcome of a run in words: of an upgrade, or of an undo.
#[must_use]
pub fn outcome(state: &State, outcome: Outcome) -> (&'static str, String) {
    let what = what(state);
    match outcome {
        Outcome::Done if state.is_undo() => ("✔", "The old version is back".to_owned()),
        Outcome::Done => ("✔", format!("The {what} is done")),
        Outcome::Failed => ("✘", format!("The {what} failed")),
        Outcome::DecisionNeeded => ("?", "A decision is needed".to_owned()),
        Outcome::Interrupted => ("!", format!("The {what} was interrupted")),
        Outcome::Refused => ("✘", "Nothing was begun".to_owned()),
    }
}

/// Returns the seconds that the steps to come will probably take, and whether all of them have a forecast.
#[must_use]
pub fn remaining(state: &State) -> Option<(i64, bool)> {
    let mut seconds = 0;
    let mut all = true;
    let mut any = false;
    for step in &state.steps {
        let elapsed = match step.plan.state {
            StepState::Pending | StepState::Failed { .. } | StepState::Interrupted { .. } => 0,
            StepState::Running => step.since.map_or(0, |since| state.seconds() - since),
            _ => continue,
        };
        match step.plan.forecast {
            Some(forecast) => {
                any = true;
                seconds += (i64::from(forecast) - elapsed).max(0);
            }
            None => all = false,
        }
    }
    any.then_some((seconds, all))
}
