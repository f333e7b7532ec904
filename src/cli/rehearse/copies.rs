//! What is rehearsed: the snapshot as it is, or a copy of its dump script with decisions.

use std::io;
use std::path::{Path, PathBuf};

use super::args;
use crate::dump::Script;
use crate::engine::decided::{self, Undecided};
use crate::engine::decisions;
use crate::engine::rehearse::{self, Setting};
use crate::error::{Kind, Report};
use crate::site::{Site, facts, rehearse as site_rehearse};
use crate::triage::{Decisions, DecisionsFile};

/// Says what is going to be rehearsed.
pub fn setting(script: &Path, decided: Option<&DecisionsFile>) -> Result<Setting, Report> {
    let unreadable = |error: io::Error| {
        Report::new(Kind::Environment, format!("{} cannot be read: {error}.", script.display()))
            .unchanged("The site was not touched.")
    };
    let read = Script::read(&String::from_utf8_lossy(&std::fs::read(script).map_err(unreadable)?));
    let decisions = decided.map(|file| file.decisions.clone()).unwrap_or_default();
    Setting::new(script, read.source_version, rehearse::announced(script), &decisions).map_err(unreadable)
}

/// Writes the copy of the dump script with the site's own decisions, as far as they fit, and returns what is to be
/// loaded. The models of both versions are kept for the copies that the wizard writes.
pub async fn with_own_decisions(
    args: &args::Rehearse,
    site: &Site,
    new: (&[String], &Path),
    setting: &mut Setting,
    decided: Option<&(PathBuf, DecisionsFile)>,
) -> Result<PathBuf, Report> {
    let mut models = rehearse::models::read(site);
    if !(args.retry && models.iter().all(Option::is_some)) {
        // With a Python of its own the site may have its new version already.
        if args.python.is_none() {
            models[0] = facts::ask(site).await.ok().map(|facts| facts.described());
        }
        models[1] = site_rehearse::facts(site, new).await.ok().map(|facts| facts.described());
        let _ = rehearse::models::keep(site, &models);
    }
    let none = Decisions::default();
    let decisions = decided.map_or(&none, |(_, file)| &file.decisions);
    if !decided::is_wanted(site, decisions) {
        return Ok(setting.script.clone());
    }
    let [before, after] = &models;
    let copied = decided::copy_fitting(site, &setting.script, decisions, (before.as_ref(), after.as_ref()))?;
    for sentence in &copied.unfit {
        super::shown_whole(&format!("A decision does not fit this snapshot and is not applied. {sentence}"));
    }
    setting.unfit = copied.unfit;
    Ok(copied.path)
}

/// Writes the copy of the dump script with the decisions of a file, and returns where it lies.
pub async fn with_decisions(
    site: &Site,
    new: (&[String], &Path),
    script: &Path,
    (path, file): (&Path, &DecisionsFile),
) -> Result<PathBuf, Report> {
    // Without one of them, less is known of what a field takes.
    let before = facts::ask(site).await.ok().map(|facts| facts.described());
    let after = site_rehearse::facts(site, new).await.ok().map(|facts| facts.described());
    let copied = decided::copy(site, script, &file.decisions, (before.as_ref(), after.as_ref()));
    copied.map_err(|error| match error {
        Undecided::Report(report) => *report,
        Undecided::Unfit(fit) => {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            let first = fit.unfit.first();
            let report = match first.and_then(|unfit| file.mistake(unfit)) {
                Some(mistake) => decisions::tell_mistake(path, &text, &mistake),
                None => Report::new(Kind::Environment, "A decision does not fit this snapshot."),
            };
            match fit.unfit.len() {
                0 | 1 => report,
                more => report.next(format!("{} more do not fit this snapshot.", more - 1)),
            }
        }
    })
}
