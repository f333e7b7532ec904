//! `undo-environment`: the packages of the old version come back. A virtualenv cannot move, so its copy takes the old
//! place again.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::super::super::context::Context;
use super::super::super::{StepEnd, packages};
use super::super::{PACKAGES_BEFORE, done, failed};
use super::swap::{self, swap};
use super::{listed, since, undoing};
use crate::error::{Report, Tell};
use crate::procedure::{Finding, PackageChange, StepId, StepState, changes};
use crate::site;

/// By this name the copy is known again.
const COPY: &str = "environment";

/// Brings the packages back.
pub async fn environment(context: &Context) -> Result<StepEnd, Report> {
    if !context.has_commands().await? {
        // A new version that is broken cannot say where its database is.
        let connection = site::facts::connection(&context.site).await.ok();
        if let Some(end) = since::let_in(context, connection.as_ref()).await? {
            return Ok(end);
        }
    }
    let known = context.known();
    let copy = known.protection.environment_copy.clone().map(PathBuf::from).filter(|copy| copy.is_dir());
    let place = place(context);
    let mut findings = Vec::new();
    if let Some(copy) = copy {
        match swap(context, COPY, &copy, &place).await? {
            Ok(aside) => findings.push(Finding::pass(
                "environment",
                format!("The copy is in its place; the environment of the new version is kept in {}.", aside.display()),
            )),
            Err(end) => return Ok(end),
        }
    } else if let Some(end) = listed::install(context, before(context).await?).await? {
        return Ok(end);
    }
    match listed::checkouts_back(context).await? {
        Ok(found) => findings.extend(found),
        Err(end) => return Ok(end.with(findings)),
    }
    judged(context, findings).await
}

/// Returns where the environment is.
fn place(context: &Context) -> PathBuf {
    let (recorded, link) = (context.known().protection.environment, &context.site.env_dir);
    recorded.map(PathBuf::from).or_else(|| link.canonicalize().ok()).unwrap_or_else(|| link.clone())
}

/// Tells whether its copy is in its place, or pip has begun to bring the old packages back.
pub async fn is_back(context: &Context) -> Result<bool, Report> {
    let attempts = context.journal.attempts(context.run).await.map_err(|error| error.tell())?;
    for attempt in attempts.iter().filter(|attempt| attempt.step == StepId::UndoEnvironment) {
        let commands = context.journal.commands(attempt.id).await.map_err(|error| error.tell())?;
        // To make the copy of the copy changes nothing yet.
        if commands.iter().any(|command| command.name != swap::COMMAND)
            || matches!(attempt.state, Some(StepState::Done { .. }))
        {
            return Ok(true);
        }
    }
    swap::is_in_place(context, COPY, &place(context)).await
}

/// Returns the packages that the run found before it changed any.
async fn before(context: &Context) -> Result<Option<BTreeMap<String, String>>, Report> {
    let undone = undoing(context).run;
    context.journal.fact(undone, PACKAGES_BEFORE).await.map_err(|error| error.tell())
}

async fn judged(context: &Context, mut findings: Vec<Finding>) -> Result<StepEnd, Report> {
    let Some(before) = before(context).await? else {
        let text = "Nobody knows which packages were installed before, so they cannot be compared.";
        findings.push(Finding::warn("packages", text, "Look at them yourself: pip list."));
        return Ok(done("the environment is back").with(findings));
    };
    let changed = changes(&before, &packages::installed(&context.site).await?);
    if changed.is_empty() {
        findings.push(Finding::pass("packages", format!("All {} packages are as before.", before.len())));
        return Ok(done(format!("{} packages are as before", before.len())).with(findings));
    }
    let list: Vec<String> = changed.iter().map(change_text).collect();
    findings.push(Finding::fail(
        "packages",
        format!("These are not as before: {}.", list.join(", ")),
        "Correct them in a shell (!) with pip, then retry this step.",
    ));
    Ok(failed(format!("{} packages are not as before", changed.len())).with(findings))
}

fn change_text(change: &PackageChange) -> String {
    let word = |version: &Option<String>| version.clone().unwrap_or_else(|| "nothing".into());
    format!("{} ({} instead of {})", change.name, word(&change.new), word(&change.old))
}
