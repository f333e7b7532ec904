//! `undo-static` and `undo-indexes`: what the new version wrote beside the database.

use std::path::{Path, PathBuf};

use super::super::super::StepEnd;
use super::super::super::context::{Command, Context};
use super::super::{done, failed, skipped, unfinished};
use super::swap::swap;
use crate::error::Report;
use crate::messages::CommandKind;
use crate::procedure::Finding;
use crate::site;

/// Brings the static files back. To collect them again with the old version is not enough: Django leaves a file alone
/// that is newer than its source.
pub async fn static_files(context: &Context) -> Result<StepEnd, Report> {
    let protection = context.known().protection;
    let (root, environment) = (protection.static_root.map(PathBuf::from), protection.environment.map(PathBuf::from));
    if let (Some(root), Some(environment)) = (&root, &environment)
        && root.starts_with(environment)
        && protection.environment_copy.is_some_and(|copy| Path::new(&copy).is_dir())
    {
        return Ok(skipped("they are in the environment, which is back"));
    }
    let copy = protection.static_copy.map(PathBuf::from).filter(|copy| copy.is_dir());
    let (Some(root), Some(copy)) = (root, copy) else {
        // Without --clear, newer files would stay.
        let line = format!("{} --clear", context.known().lines.collectstatic);
        let end = context.command(Command::new("collect", CommandKind::CollectStatic, line)).await?;
        return Ok(unfinished(&end).unwrap_or_else(|| done("collected anew by the old version")));
    };
    let aside = match swap(context, "static", &copy, &root).await? {
        Ok(aside) => aside,
        Err(end) => return Ok(end),
    };
    // Those of the new version can be collected again at any time.
    if let Err(error) = std::fs::remove_dir_all(&aside) {
        context.note(&format!("{} cannot be removed: {error}.", aside.display()))?;
    }
    let [before, after] = [count(&copy), count(&root)];
    if before != after {
        let text = format!("{before} files were copied, and {after} are in {} now.", root.display());
        let remedy = "Look who else writes there, then retry this step.";
        return Ok(failed("the static files are not as before").with(vec![Finding::fail(
            "static files",
            text,
            remedy,
        )]));
    }
    Ok(done(format!("{before} files are as before")))
}

/// Counts the files below a directory.
fn count(dir: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    entries
        .filter_map(Result::ok)
        .map(|entry| if entry.file_type().is_ok_and(|kind| kind.is_dir()) { count(&entry.path()) } else { 1 })
        .sum()
}

/// Builds the index again with the old version, whose command may have another name.
pub async fn indexes(context: &Context) -> Result<StepEnd, Report> {
    let configured = context.site.config.commands.buildindexes.as_ref().map(ToString::to_string);
    let asked = match (&configured, context.has_commands().await?) {
        (None, false) => site::facts::ask(&context.site).await.ok().and_then(|facts| facts.uses.search_index_command),
        _ => None,
    };
    let line = configured
        .or_else(|| asked.map(|name| format!("python manage.py {name}")))
        .or_else(|| context.known().lines.buildindexes);
    let Some(line) = line else { return Ok(skipped("this site uses no index")) };
    let end = context.command(Command::new("buildindexes", CommandKind::Other, line)).await?;
    Ok(unfinished(&end).unwrap_or_else(|| done("built")))
}
