//! The explanation of a rehearsal: what it is for, how far it is, what came of it; and the choices before a run.

use ratatui::text::Line;

use super::explanation::{bar, begun};
use super::page::Page;
use crate::ui::state::{Ended, Rehearsal, State};
use crate::ui::style::Role;
use crate::ui::text;

/// Builds the lines for a pane of this width.
#[must_use]
pub fn lines(state: &State, rehearsal: &Rehearsal, width: usize) -> Vec<Line<'static>> {
    let mut page = begun(state, width);
    let what = if rehearsal.retry { "Retry with your decisions" } else { "Rehearsal" };
    match &rehearsal.ended {
        None => {
            page.run_on("", Role::Title, &format!("{what} — running"), Role::Title);
            if let Some(progress) = &rehearsal.progress {
                bar(&mut page, progress);
            }
            let elapsed = text::duration(state.seconds() - rehearsal.since);
            let forecast = if rehearsal.retry { None } else { state.rehearsal_forecast() };
            let of = forecast.map(|seconds| format!(" of about {}", text::duration(seconds))).unwrap_or_default();
            page.run_on("", Role::Dim, &format!("Runs for {elapsed}{of}."), Role::Dim);
            let purpose = if rehearsal.retry {
                "Loads what was refused once more, with your decisions, into a scratch database."
            } else {
                "Brings the new version beside the old one, and loads a snapshot with it into a scratch database. Every \
                 row that it refuses is found in one pass."
            };
            page.run_on("", Role::Text, purpose, Role::Text);
            page.run_on(
                "If you stop now: ",
                Role::Title,
                "nothing is lost. The site stays up and is not touched.",
                Role::Text,
            );
        }
        Some(ended) => {
            page.run_on("", Role::Title, &format!("{what} — over"), Role::Title);
            over(&mut page, state, ended);
        }
    }
    if state.is_before_the_run() && !state.is_rehearsing() {
        choices(&mut page, state);
    }
    page.lines
}

fn over(page: &mut Page<'_>, state: &State, ended: &Ended) {
    let took = text::seconds(ended.seconds);
    if let Some(problem) = &ended.problem {
        page.run_on("✘ ", Role::Bad, "There is no result.", Role::Bad);
        page.run_on("", Role::Text, problem, Role::Text);
        page.run_on("", Role::Dim, "The site was not touched.", Role::Dim);
    } else if ended.clean {
        page.run_on("✔ ", Role::Good, "The new version takes every row.", Role::Good);
        page.run_on("", Role::Text, &format!("{} loaded, {took} in all.", text::rows(ended.loaded)), Role::Text);
    } else {
        let triaged = state.triaged.as_deref();
        let causes = triaged.map_or(0, |triaging| triaging.triage.causes.causes.len());
        let found = match causes {
            0 => format!("{} {} refused.", text::rows(ended.refused), if ended.refused == 1 { "was" } else { "were" }),
            1 => format!("1 cause, {}.", refused(ended.refused)),
            causes => format!("{} causes, {}.", text::number(causes as u64), refused(ended.refused)),
        };
        page.run_on("! ", Role::Warning, &found, Role::Warning);
        page.run_on("", Role::Text, &format!("{} loaded, {took} in all.", text::rows(ended.loaded)), Role::Text);
        if let Some(triaging) = triaged {
            let open = triaging.open() as u64;
            let what = if open == 0 {
                "shows them; all are decided.".to_owned()
            } else {
                format!("shows them, and lets you decide what becomes of them: {} undecided.", text::number(open))
            };
            page.run_on("t ", Role::Key, &what, Role::Text);
        }
    }
}

fn refused(count: u64) -> String {
    if count == 1 { "1 row refused".to_owned() } else { format!("{} rows refused", text::number(count)) }
}

/// Adds what the operator may do before a run.
pub(super) fn choices(page: &mut Page<'_>, state: &State) {
    let done = state.rehearsal.as_ref().and_then(|rehearsal| rehearsal.ended.as_ref());
    let clean = done.is_some_and(|ended| ended.clean);
    let decided = state.triaged.as_deref().is_some_and(|triaging| triaging.open() == 0);
    let open = state.triaged.is_some() && !decided && !clean;
    if state.may_rehearse() {
        let takes = state
            .rehearsal_forecast()
            .map(|seconds| format!(" Takes about {}.", text::duration(seconds)))
            .unwrap_or_default();
        let says = match (done, &state.triaged) {
            (Some(_), _) | (_, Some(_)) => format!("rehearse again: a new snapshot, all of it.{takes}"),
            (None, None) => format!(
                "rehearse first (recommended). The site stays up; you see which rows the new version would refuse.{takes}"
            ),
        };
        page.run_on("h ", Role::Key, &says, Role::Text);
    }
    let down = "upgrade now: step 2 takes the site down";
    let says = match (open, super::words::remaining(state)) {
        (true, _) => "upgrade now; the undecided rows would stop it while the site is down.".to_owned(),
        (false, Some((seconds, true))) => format!("{down}; all steps take about {}.", text::duration(seconds)),
        (false, _) => format!("{down}."),
    };
    page.run_on("Enter ", Role::Key, &says, Role::Text);
    // Before the first run there is nothing to go back to.
    if state.run.is_some_and(|run| run.number > 1) && state.may_rehearse() {
        page.run_on("u ", Role::Key, "undo the last upgrade: shows first what that would do.", Role::Text);
    }
}
