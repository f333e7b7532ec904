//! The way back: what its keys do, and what becomes of its plan and of the run that undoes.

use super::commands::{open, send};
use super::engine::acknowledge;
use super::{compare, triage};
use crate::engine::{Cancel, UndoPlan, Wish};
use crate::procedure::StepId;
use crate::ui::state::{Action, Engine, Popup, Run, State, Step, loses_rows};

/// Asks what an undo would do, or says why there is none now.
pub fn ask(state: &mut State, actions: &mut Vec<Action>) {
    if state.undo_obstacle().is_some() {
        open(state, Popup::NoUndo);
        return;
    }
    state.undo = None;
    open(state, Popup::Undo);
    send(Wish::PlanUndo, actions);
}

/// Stops the step whose question waits; when it has stopped, what an undo would do is shown.
pub fn stop_asking(state: &mut State, actions: &mut Vec<Action>) {
    state.popup = None;
    state.asks.clear();
    state.aside = false;
    state.undo_next = true;
    acknowledge(state, "The step stops without your answer.");
    send(Wish::Cancel(Cancel::Interrupt), actions);
}

/// Takes in that nothing runs any more: what was waited for comes now.
pub fn on_rest(state: &mut State, actions: &mut Vec<Action>) {
    if std::mem::take(&mut state.undo_next) {
        ask(state, actions);
    }
}

/// Begins the undo that is shown, or asks once more when rows are lost by it.
pub fn begin(state: &mut State, actions: &mut Vec<Action>) {
    match &state.undo {
        Some(plan) if loses_rows(plan) => open(state, Popup::UndoSure),
        _ => begin_surely(state, actions),
    }
}

/// Begins the undo that is shown.
pub fn begin_surely(state: &mut State, actions: &mut Vec<Action>) {
    let Some(run) = state.undo.as_ref().map(|plan| plan.run).filter(|_| state.may_begin_undo()) else { return };
    state.popup = None;
    state.following = true;
    acknowledge(state, "The old version is being brought back.");
    send(Wish::Undo { run }, actions);
}

/// Takes in a plan. What was asked about another one is asked again.
pub fn on_planned(state: &mut State, plan: Box<UndoPlan>) {
    if state.undo.as_ref() == Some(&plan) {
        return;
    }
    state.undo = Some(plan);
    if matches!(state.popup, Some(Popup::Undo | Popup::UndoSure)) {
        open(state, Popup::Undo);
    }
}

/// Takes in that a run was opened: the same one again, another one, or one that undoes.
pub fn on_opened(state: &mut State, run: Run) {
    let known = state.run.replace(run);
    // A run in which nothing was begun becomes the undo of the one before, with the same number.
    let differs = |known: &Run| (known.number, known.undoes) != (run.number, run.undoes);
    let is_another = known.as_ref().is_some_and(differs);
    if is_another {
        compare::forget(state);
        triage::forget(state);
        state.asks.clear();
        state.aside = false;
        state.pausing = false;
        state.following = true;
        state.notice = None;
        if let Some(rehearsal) = &mut state.rehearsal {
            rehearsal.shown = false;
        }
        if matches!(state.popup, Some(Popup::Summary | Popup::Undo | Popup::UndoSure | Popup::NoUndo)) {
            state.popup = None;
        }
    }
    if known.is_none() || is_another {
        // Facts that were learned before may be those of another version.
        let planned = state.undo.as_ref().filter(|plan| Some(plan.run) == run.undoes);
        state.back_to = planned.map(|plan| plan.to_version.clone());
    }
    if state.steps.iter().any(|step| step.plan.step.is_undo() != run.undoes.is_some()) {
        let steps: &[StepId] = if run.undoes.is_some() { &StepId::UNDO } else { &StepId::ALL };
        state.steps = steps.iter().map(|step| Step::unplanned(*step)).collect();
        state.selected = 0;
        state.explanation = 0;
    }
    if matches!(state.engine, Engine::Over { .. }) || is_another && matches!(state.engine, Engine::Resting { .. }) {
        state.engine = Engine::Resting { because: None };
    }
}
