//! `pull` and `install`: the new code comes in, and it is asked what it needs.

use std::collections::BTreeMap;

use super::super::context::{Command, Context};
use super::super::{StepEnd, learning, packages};
use super::{done, failed, skipped, unfinished};
use crate::error::{Kind, Report, Tell};
use crate::messages::{CommandKind, FailureCause};
use crate::procedure::{Finding, PackageChange, changes};
use crate::site::quote;

/// Name of the journal's fact that holds the packages before `pull`.
pub(in crate::engine) const PACKAGES_BEFORE: &str = "packages-before";

/// Name of the journal's fact that holds where packages came from before `pull`.
pub(in crate::engine) const ORIGINS_BEFORE: &str = "origins-before";

/// Runs `pull.sh` and finds out what it changed.
pub async fn pull(context: &Context) -> Result<StepEnd, Report> {
    let Some(line) = context.known().lines.pull else {
        return Ok(failed("no pull.sh was found").with(vec![Finding::fail(
            "pull.sh",
            "It is neither in the project directory nor in env/bin nor on the PATH.",
            "Name the command that updates the packages in lino-upgrade.toml: [commands] pull = \"…\"",
        )]));
    };
    let before = packages_before(context).await?;
    if !context.has_commands().await? {
        set_aside(context).await?;
    }
    let end = context.command(Command::new("pull", CommandKind::Pull, line)).await?;
    let after = packages::installed(&context.site).await?;
    let changes = changes(&before, &after);
    context
        .learn(|knowledge| {
            knowledge.packages_changed = Some(changes.clone());
            knowledge.packages = Some(after);
            // It was about the code that was there before.
            knowledge.verdict = None;
        })
        .await?;
    let mut findings = vec![listed(&changes)];
    if let Some(end) = unfinished(&end) {
        return Ok(end.with(findings));
    }
    if end.reading.unreached {
        let (end, finding) = unreached(&changes);
        findings.push(finding);
        if let Some(end) = end {
            return Ok(end.with(findings));
        }
    }
    learn_again(context).await?;
    Ok(done(summary(&changes)).with(findings))
}

/// Where pip gave up asking a server, it takes what is installed for the newest and ends well.
fn unreached(changes: &[PackageChange]) -> (Option<StepEnd>, Finding) {
    let text = "pip could not reach a server that it asks for packages, so it may have left packages as they were.";
    let remedy = FailureCause::NetworkDown.remedy();
    if changes.is_empty() {
        let end = failed("pip could not reach the server that has the packages, and nothing was updated");
        return (Some(end), Finding::fail("network", text, remedy));
    }
    let remedy = format!("Look whether the packages that matter are the newest, or run this step again. {remedy}");
    (None, Finding::warn("network", text, remedy))
}

/// Sets aside what an earlier attempt has left half installed: pip takes a directory of the right name for a package that
/// is installed, and would leave it so.
async fn set_aside(context: &Context) -> Result<(), Report> {
    let attempts = context.journal.attempts(context.run).await.map_err(|error| error.tell())?;
    if !attempts.iter().any(|attempt| attempt.step == context.step && attempt.id != context.attempt) {
        return Ok(());
    }
    for path in packages::broken(&context.site).await? {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        // By this first letter pip and Python know that it does not count.
        let aside = path.with_file_name(format!("~{}-{name}", super::super::clock::now()));
        context.note(&format!("{name} is not whole; it is set aside, so that pip installs it again."))?;
        std::fs::rename(&path, &aside).map_err(|error| {
            Report::new(Kind::Failed, format!("{} cannot be set aside: {error}.", path.display()))
                .next("Remove this directory, then retry.")
        })?;
    }
    Ok(())
}

/// Returns the packages as they were before the first `pull` of this run.
pub(super) async fn packages_before(context: &Context) -> Result<BTreeMap<String, String>, Report> {
    let known: Option<BTreeMap<String, String>> =
        context.journal.fact(context.run, PACKAGES_BEFORE).await.map_err(|error| error.tell())?;
    if let Some(known) = known {
        return Ok(known);
    }
    let now = packages::installed(&context.site).await?;
    context
        .journal
        .record(context.run, PACKAGES_BEFORE, &now, super::super::clock::now())
        .await
        .map_err(|error| error.tell())?;
    let origins = packages::origins(&context.site).await;
    context
        .journal
        .record(context.run, ORIGINS_BEFORE, &origins, super::super::clock::now())
        .await
        .map_err(|error| error.tell())?;
    Ok(now)
}

fn summary(changes: &[PackageChange]) -> String {
    match changes {
        [] => "no package changed".into(),
        [one] => change_text(one),
        many => {
            let lino = many.iter().find(|change| change.name == "lino").map(change_text);
            lino.map_or_else(
                || format!("{} packages changed", many.len()),
                |lino| format!("{lino} and {} others", many.len() - 1),
            )
        }
    }
}

fn change_text(change: &PackageChange) -> String {
    match (&change.old, &change.new) {
        (Some(old), Some(new)) => format!("{} {old} → {new}", change.name),
        (None, Some(new)) => format!("{} {new} (new)", change.name),
        (Some(old), None) => format!("{} {old} (removed)", change.name),
        (None, None) => change.name.clone(),
    }
}

fn listed(changes: &[PackageChange]) -> Finding {
    let list: Vec<String> = changes.iter().map(change_text).collect();
    Finding::pass("packages", if list.is_empty() { "No package changed.".into() } else { list.join(", ") })
}

/// Asks the code in place for its facts. Returns what went wrong when it does not start.
async fn learn_again(context: &Context) -> Result<Option<Report>, Report> {
    match crate::site::facts::ask(&context.site).await {
        Ok(facts) => {
            context.learn(|knowledge| learning::from_facts(knowledge, &facts)).await?;
            let versions = learning::versions(&context.known(), &facts);
            if let Some(new) = &versions.new {
                context.journal.version_after(context.run, new).await.map_err(|error| error.tell())?;
            }
            let _ = context.events.send(super::super::Event::FactsLearned {
                versions,
                database: learning::database(&facts),
                models: facts.models.len(),
                languages: facts.site.languages.clone(),
            });
            Ok(None)
        }
        Err(error) => {
            context.learn(|knowledge| knowledge.missing_requirements = None).await?;
            Ok(Some(error.tell()))
        }
    }
}

/// Installs what the new code requires and what is missing, after showing what pip would do.
pub async fn install(context: &Context) -> Result<StepEnd, Report> {
    let resumed = context.has_commands().await?;
    let trouble = if resumed { None } else { learn_again(context).await? };
    let knowledge = context.known();
    let missing = match (&knowledge.missing_requirements, &trouble) {
        (Some(missing), _) => missing.clone(),
        (None, Some(report)) => missing_module(&report.to_string()).into_iter().collect(),
        (None, None) => Vec::new(),
    };
    if !resumed && missing.is_empty() {
        return match trouble {
            None => Ok(skipped("no required package is missing")),
            Some(report) => Err(report),
        };
    }
    let names: Vec<String> = missing.iter().map(|name| quote(name)).collect();
    let names = names.join(" ");
    let dry = format!("python -m pip install --dry-run {names}");
    let end = context.command(Command::new("dry-run", CommandKind::PipDryRun, dry)).await?;
    if let Some(end) = unfinished(&end) {
        return Ok(end);
    }
    context.learn(|knowledge| knowledge.verdict = None).await?;
    let line = knowledge.lines.install.replace("{missing}", &names);
    let end = context.command(Command::new("install", CommandKind::Install, line)).await?;
    if let Some(end) = unfinished(&end) {
        return Ok(end);
    }
    match learn_again(context).await? {
        None => Ok(done(format!("installed {}", missing.join(", ")))),
        Some(report) => Err(report),
    }
}

/// Finds the module that an import error misses; packages and modules of Lino share their names.
fn missing_module(text: &str) -> Option<String> {
    let rest = text.split("No module named '").nth(1)?;
    let module = rest.split('\'').next()?;
    let package = module.split('.').next()?;
    let harmless = package.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (harmless && !package.is_empty()).then(|| package.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_missing_module_of_an_import_error_is_found() {
        let cases = [
            ("ModuleNotFoundError: No module named 'lino_extjs'", Some("lino_extjs")),
            ("ModuleNotFoundError: No module named 'lino_xl.lib.xl'", Some("lino_xl")),
            ("No module named '; rm -rf /'", None),
            ("ImportError: cannot import name 'utc'", None),
        ];
        let found: Vec<_> = cases.iter().map(|(text, _)| (*text, missing_module(text))).collect();
        let expected: Vec<_> = cases.iter().map(|(text, name)| (*text, name.map(str::to_owned))).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_summary_of_pull_names_lino_first() {
        let change = |name: &str| PackageChange { name: name.into(), old: Some("1".into()), new: Some("2".into()) };
        assert_eq!(summary(&[]), "no package changed");
        assert_eq!(summary(&[change("django")]), "django 1 → 2");
        assert_eq!(summary(&[change("django"), change("lino"), change("six")]), "lino 1 → 2 and 2 others");
    }
}
