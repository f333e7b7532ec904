//! The explanation of the selected step: what it is for, what it runs, what it found, and how to get back.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::compare::verdict;
use super::page::{self, Page};
use super::rehearsal;
use crate::procedure::{Level, StepId, StepState};
use crate::ui::state::{Focus, Progress, State, Step};
use crate::ui::style::{Role, of_level, of_state, of_verdict};
use crate::ui::text;

/// Draws the explanation.
pub fn draw(state: &State, frame: &mut Frame, area: Rect) {
    let lines = lines(state, usize::from(area.width));
    page::draw(state, frame, (area, area), lines, (state.explanation, " more: Tab ↓ "));
}

/// Builds the lines of the explanation for a pane of this width.
#[must_use]
pub fn lines(state: &State, width: usize) -> Vec<Line<'static>> {
    if let Some(rehearsal) = state.shown_rehearsal() {
        return rehearsal::lines(state, rehearsal, width);
    }
    let Some(step) = state.step() else { return Vec::new() };
    let mut page = begun(state, width);
    if state.may_rehearse() && state.first_open() == Some(state.selected) {
        page.run_on("", Role::Title, "What now?", Role::Title);
        rehearsal::choices(&mut page, state);
        page.lines.push(Line::raw(""));
    }
    heading(&mut page, step);
    let grave = matches!(step.plan.state, StepState::Failed { .. } | StepState::Interrupted { .. });
    if grave {
        result(&mut page, step);
        verdict(&mut page, step);
        refused(&mut page, step);
        findings(&mut page, step);
        page.run_on("If you stop now: ", Role::Title, &step.plan.way_back, Role::Text);
        purpose(&mut page, step);
    } else {
        verdict(&mut page, step);
        refused(&mut page, step);
        purpose(&mut page, step);
        result(&mut page, step);
        findings(&mut page, step);
        page.run_on("If you stop now: ", Role::Title, &step.plan.way_back, Role::Text);
    }
    page.lines
}

/// Begins the lines of an explanation for a pane of this width.
pub(super) fn begun(state: &State, width: usize) -> Page<'_> {
    Page::new(state, width.saturating_sub(1))
}

fn heading(page: &mut Page<'_>, step: &Step) {
    let state = &step.plan.state;
    let attempt = if step.plan.attempts > 1 { format!(", attempt {}", step.plan.attempts) } else { String::new() };
    let word = if *state == StepState::Pending { String::new() } else { format!(" — {}{attempt}", state.word()) };
    let heading = format!("{} {}{word}", step.plan.step.number(), step.plan.title);
    let role = if page.state.focus == Focus::Explanation { Role::Focus } else { Role::Title };
    page.run_on("", role, &heading, role);
}

fn purpose(page: &mut Page<'_>, step: &Step) {
    page.run_on("", Role::Text, &step.plan.purpose, Role::Text);
    for command in &step.plan.commands {
        page.run_on("$ ", Role::Dim, command, Role::Command);
    }
    if step.plan.state == StepState::Running {
        progress(page, step);
    }
    if let (Some(seconds), StepState::Pending | StepState::Running) = (step.plan.forecast, &step.plan.state) {
        let from = step.plan.forecast_from.as_deref().map(|from| format!(", {from}")).unwrap_or_default();
        page.run_on("", Role::Dim, &format!("Takes about {}{from}.", text::duration(seconds.into())), Role::Dim);
    }
}

fn progress(page: &mut Page<'_>, step: &Step) {
    if let Some(progress) = &step.progress {
        bar(page, progress);
    }
}

/// Adds how far something is.
pub(super) fn bar(page: &mut Page<'_>, progress: &Progress) {
    if let Some(percent) = progress.percent() {
        let room = page.width.saturating_sub(6).min(30);
        let full = usize::try_from(percent).unwrap_or(0) * room / 100;
        let bar = format!("{}{} {percent} %", "▓".repeat(full), "░".repeat(room - full));
        page.lines.push(Line::styled(bar, page.state.colours.of(Role::Running)));
    }
    page.run_on("", Role::Running, &progress.text, Role::Running);
}

/// Adds what the comparison came to, once it did.
fn verdict(page: &mut Page<'_>, step: &Step) {
    let Some(compared) = page.state.compared.as_deref().filter(|_| step.plan.step == StepId::Compare) else {
        return;
    };
    let (role, _, _) = of_verdict(compared.evidence.verdict);
    let (label, body) = verdict::words(&compared.evidence);
    page.run_on(&format!("{label} "), role, &body, Role::Text);
    page.run_on("d ", Role::Key, "opens the comparison: what differs, and what it means.", Role::Text);
}

/// Adds what was refused, at the steps that it matters for.
fn refused(page: &mut Page<'_>, step: &Step) {
    // After a clean rehearsal there is nothing to open.
    let refused = page.state.triaged.as_deref().filter(|triaging| !triaging.triage.causes.causes.is_empty());
    let Some(triaging) = refused else { return };
    if matches!(step.plan.step, StepId::Restore | StepId::Triage) && page.state.watched.is_none() {
        let (causes, open) = (triaging.triage.causes.causes.len(), triaging.open() as u64);
        let causes = if causes == 1 { "1 cause".to_owned() } else { format!("{causes} causes") };
        let open = if open == 0 { "all decided".to_owned() } else { format!("{} undecided", text::number(open)) };
        page.run_on("t ", Role::Key, &format!("opens the triage: {causes}, {open}."), Role::Text);
    }
}

fn result(page: &mut Page<'_>, step: &Step) {
    let state = &step.plan.state;
    if !state.text().is_empty() {
        let role = of_state(state);
        page.run_on(&format!("{} ", state.symbol()), role, state.text(), role);
    }
}

/// Adds what was found, the gravest first.
fn findings(page: &mut Page<'_>, step: &Step) {
    for level in [Level::Fail, Level::Warn, Level::Pass] {
        for finding in step.plan.findings.iter().filter(|finding| finding.level == level) {
            let (role, symbol) = of_level(level);
            let body = format!("{}: {}", finding.subject, finding.text);
            page.run_on(&format!("{symbol} "), role, &body, if level == Level::Pass { Role::Text } else { role });
            if let Some(remedy) = &finding.remedy {
                page.run_on("→ ", Role::Key, remedy, Role::Text);
            }
        }
    }
}
