//! `undo-environment`: the packages of the old version come back. A virtualenv cannot move, so its copy takes the old
//! place again.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::super::super::context::Context;
use super::super::super::{StepEnd, packages};
use super::super::{PACKAGES_BEFORE, done, failed};
use super::swap::swap;
use super::{listed, undoing};
use crate::error::{Report, Tell};
use crate::procedure::{Finding, PackageChange, changes};

/// Brings the packages back.
pub async fn environment(context: &Context) -> Result<StepEnd, Report> {
    let known = context.known();
    let copy = known.protection.environment_copy.clone().map(PathBuf::from).filter(|copy| copy.is_dir());
    let site = &context.site;
    let recorded = known.protection.environment.clone().map(PathBuf::from);
    let place = recorded.or_else(|| site.env_dir.canonicalize().ok()).unwrap_or_else(|| site.env_dir.clone());
    let mut findings = Vec::new();
    if let Some(copy) = copy {
        match swap(context, "environment", &copy, &place).await? {
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
