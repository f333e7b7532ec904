//! The packages of before without a copy of their environment: pip installs the recorded versions again, and working
//! copies go back to their recorded revisions. Local changes in a working copy are never overwritten.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::super::StepEnd;
use super::super::super::context::{Command, Context};
use super::super::super::packages::{self, Origins};
use super::super::code::ORIGINS_BEFORE;
use super::super::{failed, unfinished};
use super::undoing;
use crate::error::{Report, Tell};
use crate::messages::CommandKind;
use crate::procedure::{Finding, PackageChange, changes};
use crate::site::quote;

async fn origins(context: &Context) -> Result<Origins, Report> {
    let undone = undoing(context).run;
    let known: Option<Origins> = context.journal.fact(undone, ORIGINS_BEFORE).await.map_err(|error| error.tell())?;
    Ok(known.unwrap_or_default())
}

/// Installs the packages of before. Returns the end of the step when this is not possible.
pub async fn install(context: &Context, before: Option<BTreeMap<String, String>>) -> Result<Option<StepEnd>, Report> {
    let Some(before) = before else {
        let text = "There is neither a copy of the environment nor a list of its packages.";
        let remedy = "Bring the old packages back by hand, in a shell (!); then leave this step out.";
        return Ok(Some(failed("nobody knows the old packages").with(vec![Finding::fail("packages", text, remedy)])));
    };
    let origins = origins(context).await?;
    let resumed = context.has_commands().await?;
    let changed = if resumed { Vec::new() } else { changes(&before, &packages::installed(&context.site).await?) };
    let (install, remove) = wanted(&changed, &origins);
    for (name, line) in [("install", install), ("remove", remove)] {
        // What ran in this attempt already is followed to its end, whatever is installed now.
        let line = match line {
            Some(line) => line,
            None if context.has_command(name).await? => String::new(),
            None => continue,
        };
        let end = context.command(Command::new(name, CommandKind::Install, line)).await?;
        if let Some(end) = unfinished(&end) {
            return Ok(Some(end));
        }
    }
    Ok(None)
}

/// Returns the command lines that undo these changes: what is installed, and what is removed.
fn wanted(changes: &[PackageChange], origins: &Origins) -> (Option<String>, Option<String>) {
    let normal = |name: &str| name.to_lowercase().replace(['_', '.'], "-");
    let pinned: BTreeMap<String, &String> = origins.pinned.iter().map(|(name, from)| (normal(name), from)).collect();
    let old = changes.iter().filter_map(|change| {
        let version = bare(change.old.as_ref()?);
        let from = pinned.get(&change.name);
        // Where only the revision is another one, its working copy goes back, and pip has nothing to do.
        if from.is_none() && change.new.as_deref().map(bare) == Some(version) {
            return None;
        }
        Some(quote(
            &from.map_or_else(|| format!("{}=={version}", change.name), |from| format!("{} @ {from}", change.name)),
        ))
    });
    let old: Vec<String> = old.collect();
    let new: Vec<String> =
        changes.iter().filter(|change| change.old.is_none()).map(|change| quote(&change.name)).collect();
    (
        (!old.is_empty()).then(|| format!("python -m pip install --no-deps {}", old.join(" "))),
        (!new.is_empty()).then(|| format!("python -m pip uninstall --yes {}", new.join(" "))),
    )
}

/// Returns a version without the revision behind it.
fn bare(version: &str) -> &str {
    version.split(' ').next().unwrap_or_default()
}

/// Brings working copies back to their revisions. Returns what was found, or the end of the step.
pub async fn checkouts_back(context: &Context) -> Result<Result<Vec<Finding>, StepEnd>, Report> {
    let mut findings = Vec::new();
    for (number, (dir, wanted)) in (1..).zip(&origins(context).await?.checkouts) {
        let is_back = |found: &Option<(String, String)>| found.as_ref().is_some_and(|(_, now)| now == wanted);
        if !is_back(&packages::revision(Path::new(dir)).await) {
            // Ends without a change when a file with local changes would be touched.
            let line = format!("git -c safe.directory='*' -C {} reset --keep {}", quote(dir), quote(wanted));
            context.command(Command::new(format!("git {number}"), CommandKind::Other, line)).await?;
        }
        if !is_back(&packages::revision(Path::new(dir)).await) {
            findings.push(Finding::fail(
                "revision",
                format!("{dir} is not back at its revision {wanted}."),
                "If somebody has changed files there, put these changes aside (git stash), then retry this step.",
            ));
            return Ok(Err(failed("a working copy is not as before").with(findings)));
        }
        findings.push(Finding::pass("revision", format!("{dir} is at its revision {wanted}.")));
    }
    Ok(Ok(findings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_come_back_from_where_they_came_and_what_is_new_goes() {
        let change = |name: &str, old: Option<&str>, new: Option<&str>| PackageChange {
            name: name.into(),
            old: old.map(Into::into),
            new: new.map(Into::into),
        };
        let changes = [
            change("django", Some("5.2"), Some("6.0")),
            change("lino", Some("25.1 (3f2c1a0b9d8e)"), Some("25.1 (000c1a0b9d8e)")),
            change("lino-noi", Some("25.1 (3f2c1a0b9d8e)"), Some("25.2")),
            change("lino-xl", Some("25.1"), None),
            change("new", None, Some("1")),
        ];
        let from = "git+https://example.org/xl@abc".to_owned();
        let origins = Origins { pinned: BTreeMap::from([("lino_xl".to_owned(), from)]), ..Origins::default() };
        let (install, remove) = wanted(&changes, &origins);
        let line =
            "python -m pip install --no-deps django==5.2 lino-noi==25.1 'lino-xl @ git+https://example.org/xl@abc'";
        assert_eq!(install.as_deref(), Some(line));
        assert_eq!(remove.as_deref(), Some("python -m pip uninstall --yes new"));
        assert_eq!(wanted(&[], &origins), (None, None));
    }
}
