//! Folds what the engine tells.

use super::{compare, end_typing, notice, triage, undo};
use crate::engine::{Event, NoticeLevel, PlannedStep};
use crate::procedure::{StepId, StepState};
use crate::ui::emulator::Emulator;
use crate::ui::reader::Request;
use crate::ui::state::{
    Action, Ended, Engine, Facts, Popup, Progress, Rehearsal, Run, Screen, Shell, ShellFocus, Site, State, Step,
    Typing, TypingBy, Waiting, Watched,
};
use crate::ui::text;

/// How long the operator must have been away to be called, in milliseconds.
const AWAY: i64 = 15_000;
/// How long a run must have lasted for its end to be announced, in seconds.
const LONG: i64 = 60;

/// Takes in an event.
#[expect(clippy::too_many_lines, reason = "one arm per event reads best in one place")]
pub fn on_event(state: &mut State, event: Event, actions: &mut Vec<Action>) {
    match event {
        Event::SiteFound { name, dir, .. } => state.site = Some(Site { name, dir }),
        Event::FactsLearned { versions, database, models, languages } => {
            if state.is_undo() && state.back_to.is_none() {
                state.back_to = Some(versions.old.clone());
            }
            state.facts = Some(Facts { versions, database, models, languages });
        }
        Event::Compared { evidence, scripts } => compare::on_compared(state, evidence, scripts, actions),
        Event::RunOpened { run, resumed, started, undoes, .. } => {
            undo::on_opened(state, Run { number: run, resumed, started, undoes });
        }
        Event::PlanMade { steps } => plan(state, steps),
        Event::StepStarted { step, attempt, log, at } => {
            if step == StepId::Compare {
                compare::forget(state);
            }
            state.engine = Engine::Working;
            if let Some(step) = state.step_mut(step) {
                step.plan.state = StepState::Running;
                step.plan.attempts = attempt;
                step.plan.log = Some(log);
                step.plan.findings = Vec::new();
                step.since = Some(at);
                step.progress = None;
            }
            // What runs is worth more than what was rehearsed.
            if let Some(rehearsal) = &mut state.rehearsal {
                rehearsal.shown = false;
            }
            follow(state, step);
        }
        Event::CommandStarted { step, line, .. } => {
            state.commanding = true;
            state.remedy = None;
            if let Some(step) = state.step_mut(step) {
                step.command = Some(line);
            }
        }
        Event::CommandEnded { step, .. } => {
            state.commanding = false;
            state.remedy = None;
            state.waiting = None;
            end_typing(state);
            close_cancel(state);
            if let Some(step) = state.step_mut(step) {
                step.command = None;
            }
        }
        Event::Progressed { step, done, total, text } => {
            if let Some(step) = state.step_mut(step) {
                step.progress = Some(Progress { done, total, text });
            }
        }
        Event::InputAwaited { prompt, secret, certain, .. } => {
            awaited(state, Waiting { prompt, secret, certain }, actions);
        }
        Event::InputTaken => taken(state),
        Event::StepEnded { step, attempt, state: ended, seconds, findings } => {
            state.remedy = None;
            step_ended(state, step, (attempt, ended, seconds, findings), actions);
        }
        Event::RehearsalStarted { retry, log, from, at } => {
            let begun = Rehearsal { retry, log, from, since: at, progress: None, ended: None, shown: true };
            state.rehearsal = Some(begun);
            state.explanation = 0;
        }
        Event::Rehearsing { done, total, text } => {
            if let Some(rehearsal) = state.rehearsal.as_mut().filter(|rehearsal| rehearsal.ended.is_none()) {
                rehearsal.progress = Some(Progress { done, total, text });
            }
        }
        Event::RehearsalEnded { seconds, loaded, refused, clean, problem } => {
            rehearsal_ended(state, Ended { seconds, loaded, refused, clean, problem }, actions);
        }
        Event::Triaged { triage: told, .. } => triage::on_triaged(state, told, actions),
        Event::DownSince { at } => state.down_since = at,
        Event::Asked { ask } => {
            state.asks.retain(|known| known.question != ask.question);
            select(state, ask.step);
            state.asks.push(ask);
            state.aside = false;
            state.popup_scroll = 0;
            call(state, "A question needs you.", actions);
        }
        Event::Chosen { question, .. } => {
            state.asks.retain(|ask| ask.question != question);
            state.aside = false;
        }
        Event::UndoPlanned { plan } => undo::on_planned(state, plan),
        Event::ShellOpened { log, from } => {
            state.shell = Some(Shell { emulator: Emulator::new(80, 24), focus: ShellFocus::Shell });
            compare::close(state);
            if let Some(rehearsal) = &mut state.rehearsal {
                rehearsal.shown = false;
            }
            actions.push(Action::Ask(Request::Shell { path: log, from }));
        }
        Event::ShellClosed => {
            state.shell = None;
            state.log.asked = None;
            actions.push(Action::Ask(Request::NoShell));
        }
        Event::Rested { outcome, summary } => {
            state.engine = Engine::Resting { because: Some((outcome, summary)) };
            state.pausing = false;
            undo::on_rest(state, actions);
        }
        Event::Watching { operator, since } => {
            state.watched = Some(Watched { operator, since });
            end_typing(state);
        }
        Event::DriverLeft => state.watched = Some(Watched::nobody()),
        Event::Driving => {
            state.watched = None;
            // What runs is told again from the driver's seat.
            state.engine = Engine::Resting { because: None };
            if let Some(waiting) = state.waiting.take() {
                awaited(state, waiting, actions);
            }
        }
        Event::Noticed { level, text } => {
            if level == NoticeLevel::Info {
                state.remedy = None;
            }
            notice(state, level, text);
        }
        Event::Troubled { report } => {
            state.remedy = state.running().and_then(|_| report.next.first().cloned());
            state.trouble = Some(report.clone());
            state.popup = Some(Popup::Trouble(report));
            state.popup_scroll = 0;
            call(state, "Something went wrong.", actions);
        }
        Event::RunEnded { outcome, summary } => {
            state.engine = Engine::Over { outcome, summary };
            state.pausing = false;
            state.undo_next = false;
            state.asks.clear();
            // What went wrong says more than that it did; the summary can wait.
            if !matches!(state.popup, Some(Popup::Trouble(_))) {
                state.popup = Some(Popup::Summary);
                state.popup_scroll = 0;
            }
            if state.run.is_some_and(|run| state.seconds() - run.started > LONG) {
                actions.push(Action::Notify("The run is over."));
            }
        }
    }
}

/// Takes in what came of a rehearsal.
fn rehearsal_ended(state: &mut State, ended: Ended, actions: &mut Vec<Action>) {
    let Some(rehearsal) = &mut state.rehearsal else { return };
    rehearsal.ended = Some(ended);
    rehearsal.progress = None;
    if state.popup == Some(Popup::EndRehearsal) {
        state.popup = None;
    }
    let told = match &state.rehearsal.as_ref().and_then(|rehearsal| rehearsal.ended.clone()) {
        _ if state.screen != Screen::Triage => None,
        Some(Ended { problem: Some(problem), .. }) => Some((NoticeLevel::Error, text::clean(problem))),
        Some(Ended { clean: true, .. }) => Some((NoticeLevel::Info, "The new version takes every row.".to_owned())),
        Some(ended) => {
            let rows = text::rows(ended.refused);
            let verb = if ended.refused == 1 { "is" } else { "are" };
            Some((NoticeLevel::Warning, format!("The rehearsal is over: {rows} {verb} refused.")))
        }
        None => None,
    };
    if let Some((level, said)) = told {
        notice(state, level, said);
    }
    call(state, "The rehearsal is over.", actions);
}

/// Takes in the plan and keeps what is known of the running step.
fn plan(state: &mut State, steps: Vec<PlannedStep>) {
    let known = std::mem::take(&mut state.steps);
    state.steps = steps
        .into_iter()
        .map(|plan| {
            let old = known.iter().find(|step| step.plan.step == plan.step && plan.state == StepState::Running);
            Step {
                since: old.and_then(|step| step.since),
                progress: old.and_then(|step| step.progress.clone()),
                command: old.and_then(|step| step.command.clone()),
                plan,
            }
        })
        .collect();
    if state.engine == Engine::Opening {
        state.engine = Engine::Resting { because: None };
    }
    if state.following
        && let Some(at) = state.running().or_else(|| state.first_open())
    {
        state.selected = at;
    }
}

fn step_ended(
    state: &mut State,
    id: StepId,
    (attempt, ended, seconds, findings): (u32, StepState, f64, Vec<crate::procedure::Finding>),
    actions: &mut Vec<Action>,
) {
    let bad = matches!(ended, StepState::Failed { .. } | StepState::Interrupted { .. });
    if let Some(step) = state.step_mut(id) {
        step.plan.state = ended;
        step.plan.attempts = attempt;
        step.plan.seconds = Some(seconds);
        step.plan.findings = findings;
        step.since = None;
        step.progress = None;
        step.command = None;
    }
    state.commanding = false;
    state.waiting = None;
    end_typing(state);
    close_cancel(state);
    if bad {
        follow(state, id);
        call(state, "A step failed.", actions);
    }
}

/// A cancel popup makes no sense once the step is over.
fn close_cancel(state: &mut State) {
    if !state.is_busy() && matches!(state.popup, Some(Popup::Cancel | Popup::Kill | Popup::Quit)) {
        state.popup = None;
    } else if state.popup == Some(Popup::Kill) {
        state.popup = Some(Popup::Cancel);
    }
}

fn awaited(state: &mut State, waiting: Waiting, actions: &mut Vec<Action>) {
    let known = state.waiting.as_ref() == Some(&waiting);
    if state.waiting.as_ref().is_some_and(|old| old.secret != waiting.secret) {
        state.secret.wipe();
    }
    state.waiting = Some(waiting);
    if state.watched.is_some() {
        return;
    }
    let by = super::typing_by(state).unwrap_or(TypingBy::Wizard);
    if !known || state.typing.is_some() {
        state.typing = Some(Typing { by, until: None, entered: false });
        if let Some(at) = state.running() {
            state.selected = at;
        }
        state.log.last();
    }
    if !known {
        call(state, "The command waits for your answer.", actions);
    }
}

/// The command went on. Keys that follow within a moment still belong to it, unless Enter ended the answer.
fn taken(state: &mut State) {
    state.waiting = None;
    state.secret.wipe();
    match &mut state.typing {
        Some(typing) if typing.by == TypingBy::Wizard && typing.entered => state.typing = None,
        Some(typing) if typing.by == TypingBy::Wizard => typing.until = Some(state.now.saturating_add(super::GRACE)),
        _ => {}
    }
}

fn select(state: &mut State, step: StepId) {
    if let Some(at) = state.steps.iter().position(|known| known.plan.step == step) {
        if state.selected != at {
            state.explanation = 0;
        }
        state.selected = at;
    }
}

/// Shows a step, unless the operator looks at another one.
fn follow(state: &mut State, step: StepId) {
    if state.following {
        select(state, step);
    }
}

/// Calls an operator who is away.
fn call(state: &State, why: &'static str, actions: &mut Vec<Action>) {
    if state.now.saturating_sub(state.touched) >= AWAY {
        actions.push(Action::Notify(why));
    }
}

/// Says in a line what the operator's wish was taken as.
pub fn acknowledge(state: &mut State, what: &str) {
    notice(state, NoticeLevel::Info, text::clean(what));
}
