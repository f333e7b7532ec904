//! The way back: what an undo would do and what would be lost by it, the question before rows are lost, and why an undo
//! cannot begin now.

use ratatui::text::Line;

use super::page::Page;
use super::popup::{Content, choice};
use super::words;
use crate::engine::{PlannedStep, UndoPlan};
use crate::procedure::{Level, StepId, StepState};
use crate::ui::state::{Obstacle, State, is_begun, is_needless, loses_rows};
use crate::ui::style::{Role, of_level, of_state};
use crate::ui::text;

/// Builds the page of the plan.
pub(super) fn plan(state: &State, width: usize) -> Content {
    let Some(plan) = state.undo.as_deref() else {
        return Content {
            title: "The way back".to_owned(),
            role: Role::Focus,
            body: page(state, width, |page| page.say("The way back is being worked out …", Role::Text)),
            choices: vec![choice("Esc", "Close this; nothing was changed.")],
        };
    };
    if let Some(impossible) = &plan.impossible {
        return Content {
            title: "No undo".to_owned(),
            role: Role::Warning,
            body: page(state, width, |page| page.say(impossible, Role::Text)),
            choices: vec![choice("Esc", "Close this; nothing was changed.")],
        };
    }
    let choices = if state.may_begin_undo() {
        vec![choice("y", begin(plan)), choice("n", "Change nothing.")]
    } else {
        vec![choice("n", "Close this. It cannot begin now.")]
    };
    Content {
        title: format!("Back to {}", state.version_of(&plan.to_version)),
        role: if loses_rows(plan) { Role::Bad } else { Role::Warning },
        body: page(state, width, |page| {
            headline(page, plan);
            losses(page, plan);
            if !plan.missing.is_empty() {
                page.say("What cannot be promised", Role::Title);
                for missing in &plan.missing {
                    page.put("! ", Role::Warning, missing, Role::Warning);
                }
            }
            page.say(if is_begun(plan) { "The steps, and what is left of them" } else { "The steps" }, Role::Title);
            for step in &plan.steps {
                planned(page, step);
            }
        }),
        choices,
    }
}

/// Builds the question before rows are lost.
pub(super) fn sure(state: &State, width: usize) -> Content {
    let body = page(state, width, |page| {
        if let Some(plan) = state.undo.as_deref() {
            losses(page, plan);
        }
        page.say("Does the old version come back all the same?", Role::Title);
    });
    let yes = format!("Yes, bring {} back.", state.version_of(state.undo.as_ref().map_or("", |plan| &plan.to_version)));
    Content {
        title: "Rows will be missing afterwards".to_owned(),
        role: Role::Bad,
        body,
        choices: vec![choice("b", &yes), choice("n", "No, back to the plan. Nothing was changed.")],
    }
}

/// Says why an undo cannot begin now, and what comes first.
pub(super) fn obstacle(state: &State, width: usize) -> Content {
    let what = words::what(state);
    let mut choices = Vec::new();
    let because = match state.undo_obstacle() {
        None => "Nothing is in its way any more: close this and press u again.".to_owned(),
        Some(Obstacle::Opening) => "The site is still being looked at. Wait a moment, then press u again.".to_owned(),
        Some(Obstacle::Left) => {
            choices.push(choice("t", "Take it over; then you can undo."));
            "You are only watching. Whoever drove has left, so somebody has to take over before anything is undone."
                .to_owned()
        }
        Some(Obstacle::Watching) => {
            let operator = state.watched.as_ref().map(|watched| text::clean(&watched.operator)).unwrap_or_default();
            choices.push(choice("t", "Take it over, after one more question; then you can undo."));
            format!(
                "{operator} drives this {what}, and you are watching. Only who drives can bring the old version back."
            )
        }
        Some(Obstacle::Asked) => {
            let title = state.asks.first().map(|ask| text::clean(&ask.title)).unwrap_or_default();
            choices.push(choice("u", "Stop the step that asks, and show what an undo would do."));
            choices.push(choice("a", "Show the question."));
            format!("A question waits for your answer: {title}")
        }
        Some(Obstacle::Running) => match state.running().and_then(|at| state.steps.get(at)) {
            Some(step) => {
                choices.push(choice("Ctrl-C", "Cancel the step: shows the ways to do it, and what each means."));
                let title = text::clean(&step.plan.title);
                let number = step.plan.step.number();
                format!("Step {number} is running: {title}. Cancel it first, or wait for its end; then press u again.")
            }
            None => format!("The {what} goes on with its next step. Wait until it is at rest, or pause it (p)."),
        },
        Some(Obstacle::Rehearsing) => {
            choices.push(choice("c", "Cancel the rehearsal, after one more question. The site is not touched by it."));
            "A rehearsal is running. Cancel it first, or wait for its end; then press u again.".to_owned()
        }
        Some(Obstacle::Shell) => {
            choices.push(choice("!", "Back into the shell."));
            "A shell is open in the site's environment. Leave it with `exit` first; then press u again.".to_owned()
        }
    };
    choices.push(choice("Esc", "Close this; nothing was changed."));
    Content {
        title: match state.undo_obstacle() {
            Some(Obstacle::Asked) => "Bring the old version back instead of answering?".to_owned(),
            _ => "The old version cannot come back just now".to_owned(),
        },
        role: Role::Warning,
        body: page(state, width, |page| {
            page.say(&because, Role::Text);
            by_hand(page);
        }),
        choices,
    }
}

fn page(state: &State, width: usize, build: impl FnOnce(&mut Page<'_>)) -> Vec<Line<'static>> {
    let mut page = Page::new(state, width);
    build(&mut page);
    page.lines
}

/// Adds what brings the old version back where no undo does it.
fn by_hand(page: &mut Page<'_>) {
    let way_back = page.state.step().map(|step| step.plan.way_back.clone()).unwrap_or_default();
    if !way_back.is_empty() {
        page.lines.push(Line::raw(""));
        page.run_on("If you stop now: ", Role::Title, &way_back, Role::Text);
    }
}

fn begin(plan: &UndoPlan) -> &'static str {
    if loses_rows(plan) {
        "Go on to one more question; nothing begins yet."
    } else if is_begun(plan) {
        "Go on with it."
    } else {
        "Begin. You can stop between its steps and go on later."
    }
}

fn headline(page: &mut Page<'_>, plan: &UndoPlan) {
    let (from, to) = (text::clean(&plan.from_version), text::clean(&plan.to_version));
    let run = plan.run;
    let what = match (from.is_empty() || to.is_empty() || from == to, is_begun(plan)) {
        (true, false) => format!("Undoes run {run}."),
        (true, true) => format!("Run {run} is being undone."),
        (false, false) => format!("From {from} back to {to}: undoes run {run}."),
        (false, true) => format!("From {from} back to {to}: run {run} is being undone."),
    };
    let takes = match plan.seconds {
        Some(seconds) if is_begun(plan) => {
            format!("What is left takes about {}, and the time that you need to look.", text::duration(seconds.into()))
        }
        Some(seconds) => {
            format!("Takes about {}, and the time that you need to look.", text::duration(seconds.into()))
        }
        None => "How long it takes is not known.".to_owned(),
    };
    page.say(&format!("{what} {takes}"), Role::Text);
}

fn losses(page: &mut Page<'_>, plan: &UndoPlan) {
    let (symbol, role) = if loses_rows(plan) { ("! ", Role::Bad) } else { ("✔ ", Role::Good) };
    page.say("What would be lost", Role::Title);
    for loss in &plan.losses {
        page.put(symbol, role, loss, role);
    }
}

/// Adds a step: its title and how long it takes, or why it is not needed, or how it ended.
fn planned(page: &mut Page<'_>, step: &PlannedStep) {
    /// The longest title.
    const TITLE: usize = 22;
    let took = step.seconds.map(text::seconds).unwrap_or_default();
    let said = match &step.state {
        StepState::Pending => match step.forecast {
            Some(seconds) => format!("about {}", text::duration(seconds.into())),
            None => "duration not known".to_owned(),
        },
        state if is_needless(state) => format!("not needed: {}", state.text()),
        StepState::Done { .. } => format!("done {took}").trim_end().to_owned(),
        state if state.text().is_empty() => state.word().to_owned(),
        state => format!("{}: {}", state.word(), state.text()),
    };
    let title = text::cut(&text::clean(&step.title), TITLE);
    let gap = " ".repeat(TITLE.saturating_sub(text::width(&title)));
    let label = format!("{} {} {title}{gap}  ", step.state.symbol(), step.step.number());
    let role = of_state(&step.state);
    page.put(&label, role, &said, role);
}

/// Adds to the end of an undo where the rows are that were entered, and what is kept.
pub(super) fn kept(page: &mut Page<'_>) {
    /// The steps that keep something.
    const KEEPING: [StepId; 4] = [StepId::UndoKeep, StepId::UndoEnvironment, StepId::UndoDatabase, StepId::UndoConfirm];
    let state = page.state;
    let steps = || KEEPING.iter().filter_map(|id| state.steps.iter().find(|step| step.plan.step == *id));
    let findings: Vec<_> = steps().flat_map(|step| &step.plan.findings).collect();
    if findings.is_empty() {
        return;
    }
    page.say("What was exported and what is kept", Role::Title);
    let mut told: Vec<&str> = Vec::new();
    for finding in findings {
        let (role, symbol) = of_level(finding.level);
        let body = format!("{}: {}", finding.subject, finding.text);
        page.put(&format!("{symbol} "), role, &body, if finding.level == Level::Pass { Role::Text } else { role });
        // The same advice for each of forty tables would hide what differs.
        if let Some(remedy) = finding.remedy.as_deref().filter(|remedy| !told.contains(remedy)) {
            page.put("→ ", Role::Key, remedy, Role::Text);
            told.push(remedy);
        }
    }
}

/// Adds how long the way back stays open, after an upgrade or its undo.
pub(super) fn copies(page: &mut Page<'_>) {
    let state = page.state;
    let Some(run) = state.run else { return };
    let protected = |step: &crate::ui::state::Step| {
        step.plan.step == StepId::Protect && matches!(step.plan.state, StepState::Done { .. })
    };
    if let Some(undone) = run.undoes {
        page.say(&format!("The copies of run {undone} stay until you delete them."), Role::Text);
        page.say(&format!("To delete them: lino-upgrade undo --forget {undone}"), Role::Text);
    } else if state.steps.iter().any(protected) {
        let old = state.facts.as_ref().map(|facts| facts.versions.old.as_str()).unwrap_or_default();
        let body = format!(
            "still brings {} back while the copies exist, and so does lino-upgrade undo.",
            state.version_of(old)
        );
        page.put("u ", Role::Key, &body, Role::Text);
        page.say(&format!("To delete them: lino-upgrade undo --forget {}", run.number), Role::Text);
    }
}
