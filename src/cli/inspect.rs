//! `check`, `status` and `history`: looking at a site and at its journal. They change nothing.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::args::Format;
use super::{output, unprintable};
use crate::engine::steps;
use crate::error::{Kind, Report, Tell};
use crate::journal::{Journal, RunRow};
use crate::procedure::{Level, StepId, StepState};
use crate::site::{self, Site, Surroundings};

/// Finds the site that the command line names, or the one around the current directory.
pub(super) fn find(site: Option<&Path>) -> Result<Site, Report> {
    let cwd = std::env::current_dir()
        .map_err(|error| Report::new(Kind::Environment, format!("The current directory cannot be read: {error}.")))?;
    site::find(site, &cwd, &Surroundings::of_this_process()).map_err(|error| error.tell())
}

fn print(format: Format, text: &str) -> Result<(), Report> {
    writeln!(output(format), "{text}").map_err(|error| unprintable(&error))
}

/// Runs the checklist; exit status 1 when something is an obstacle.
pub async fn check(site: Option<PathBuf>, format: Format) -> Result<u8, Report> {
    let site = find(site.as_deref())?;
    let findings = steps::look(&site, None).await.findings;
    let obstacles = findings.iter().filter(|finding| finding.level == Level::Fail).count();
    match format {
        Format::Json => print(format, &json!({"ok": obstacles == 0, "findings": findings}).to_string())?,
        Format::Text => {
            for finding in &findings {
                print(format, &steps::checklist_line(finding))?;
            }
        }
    }
    Ok(u8::from(obstacles > 0))
}

async fn journal(site: &Site) -> Result<Option<Journal>, Report> {
    site.prove_state_dir().map_err(|error| error.tell())?;
    let path = site.state_dir.join("journal.sqlite");
    if !path.exists() {
        return Ok(None);
    }
    Journal::open(&path).await.map(Some).map_err(|error| error.tell())
}

/// Tells how the newest run stands.
pub async fn status(site: Option<PathBuf>, format: Format) -> Result<u8, Report> {
    let site = find(site.as_deref())?;
    let Some(journal) = journal(&site).await? else { return nothing(format) };
    let Some(run) = journal.runs().await.map_err(|error| error.tell())?.into_iter().next() else {
        return nothing(format);
    };
    let steps: &[StepId] = if run.undoes.is_some() { &StepId::UNDO } else { &StepId::ALL };
    let mut states: Vec<(StepId, StepState)> = steps.iter().map(|step| (*step, StepState::Pending)).collect();
    for attempt in journal.attempts(run.id).await.map_err(|error| error.tell())? {
        if let Some(entry) = states.iter_mut().find(|(step, _)| *step == attempt.step) {
            entry.1 = attempt.state.unwrap_or(StepState::Running);
        }
    }
    match format {
        Format::Json => {
            let steps: Vec<_> = states
                .iter()
                .map(|(step, state)| json!({"step": step, "state": state.word(), "text": state.text()}))
                .collect();
            print(
                format,
                &json!({
                    "run": run.id, "application": run.application, "old_version": run.old_version,
                    "new_version": run.new_version, "started": run.started, "ended": run.ended,
                    "outcome": run.outcome, "summary": run.summary, "undoes": run.undoes, "steps": steps,
                })
                .to_string(),
            )?;
        }
        Format::Text => {
            let new = run.new_version.as_deref().unwrap_or("?");
            print(
                format,
                &format!("Run {}: {} {} → {new}{}", run.id, run.application, run.old_version, undo_of(&run)),
            )?;
            for (step, state) in &states {
                let text = if state.text().is_empty() { String::new() } else { format!(": {}", state.text()) };
                print(
                    format,
                    &format!("{} {:2} {} {}{text}", state.symbol(), step.number(), step.title(), state.word()),
                )?;
            }
            if let Some(summary) = &run.summary {
                print(format, summary)?;
            }
        }
    }
    Ok(if run.ended.is_some() { 0 } else { 4 })
}

/// Says of an undo what it undoes.
fn undo_of(run: &RunRow) -> String {
    run.undoes.map_or_else(String::new, |undone| format!(" (undo of run {undone})"))
}

fn nothing(format: Format) -> Result<u8, Report> {
    match format {
        Format::Json => print(format, "{\"run\":null}")?,
        Format::Text => print(format, "No upgrade was begun here.")?,
    }
    Ok(0)
}

/// Lists all runs, newest first.
pub async fn history(site: Option<PathBuf>, format: Format) -> Result<u8, Report> {
    let site = find(site.as_deref())?;
    let Some(journal) = journal(&site).await? else { return nothing(format) };
    let runs = journal.runs().await.map_err(|error| error.tell())?;
    match format {
        Format::Json => {
            let rows: Vec<_> = runs
                .iter()
                .map(|run| {
                    json!({
                        "run": run.id, "application": run.application, "old_version": run.old_version,
                        "new_version": run.new_version, "mode": run.mode, "operator": run.operator,
                        "started": run.started, "ended": run.ended, "outcome": run.outcome, "summary": run.summary,
                        "undoes": run.undoes,
                    })
                })
                .collect();
            print(format, &serde_json::Value::from(rows).to_string())?;
        }
        Format::Text => {
            for run in &runs {
                let date = jiff::Timestamp::from_second(run.started).map_or_else(
                    |_| String::new(),
                    |at| at.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string(),
                );
                let new = run.new_version.as_deref().unwrap_or("?");
                let outcome = run.outcome.as_deref().unwrap_or("unfinished");
                print(
                    format,
                    &format!(
                        "{:3}  {date}  {} {} → {new}{}  {outcome}  by {}",
                        run.id,
                        run.application,
                        run.old_version,
                        undo_of(run),
                        run.operator
                    ),
                )?;
            }
        }
    }
    Ok(0)
}
