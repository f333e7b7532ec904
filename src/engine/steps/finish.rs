//! The steps after the restore: indexes, static files, data checkers, and signing in.

use std::time::Duration;

use super::super::context::{Command, Context};
use super::super::{Ask, StepEnd, checked};
use super::{done, failed, interrupted, skipped, unfinished};
use crate::error::Report;
use crate::messages::CommandKind;
use crate::procedure::{Finding, Level};

/// Builds the index of the full-text search.
pub async fn build_indexes(context: &Context) -> Result<StepEnd, Report> {
    let Some(line) = context.known().lines.buildindexes else { return Ok(skipped("this site uses no index")) };
    let end = context.command(Command::new("buildindexes", CommandKind::Other, line)).await?;
    Ok(unfinished(&end).unwrap_or_else(|| done("built")))
}

/// Copies static files, unless a dry run says that there is nothing to copy.
pub async fn collect_static(context: &Context) -> Result<StepEnd, Report> {
    let line = context.known().lines.collectstatic;
    let dry = format!("{line} --dry-run");
    let end = context.command(Command::new("dry-run", CommandKind::CollectStaticDryRun, dry)).await?;
    if let Some(end) = unfinished(&end) {
        return Ok(end);
    }
    if end.reading.copied == Some(0) {
        context.learn(|knowledge| knowledge.static_to_copy = Some(0)).await?;
        return Ok(skipped("a dry run would copy nothing"));
    }
    let end = context.command(Command::new("collect", CommandKind::CollectStatic, line)).await?;
    let copied = end.reading.copied.map_or_else(|| "copied".to_owned(), |count| format!("{count} files copied"));
    Ok(unfinished(&end).unwrap_or_else(|| done(copied)))
}

/// Lets Lino check all data and repair what it can.
pub async fn check_data(context: &Context) -> Result<StepEnd, Report> {
    // What happened while nobody watched is not known.
    let watched = !context.has_commands().await?;
    checked::forget(&context.site);
    let line = context.known().lines.checkdata;
    let end = context.command(Command::new("checkdata", CommandKind::CheckData, line)).await?;
    if let Some(end) = unfinished(&end) {
        return Ok(end);
    }
    if watched {
        checked::keep(context).await?;
    }
    let found: u64 = end.reading.checked.iter().map(|kind| kind.found).sum();
    let fixed: u64 = end.reading.checked.iter().map(|kind| kind.fixed).sum();
    let findings = end
        .reading
        .checked
        .iter()
        .filter(|kind| kind.found + kind.fixed > 0)
        .map(|kind| {
            let text = format!("{}.", problems(kind.found, kind.fixed));
            Finding::warn(&kind.names, text, "Look at them in the site, under data problem messages.")
        })
        .collect();
    Ok(done(problems(found, fixed)).with(findings))
}

fn problems(found: u64, fixed: u64) -> String {
    let word = if found == 1 { "problem" } else { "problems" };
    format!("{found} {word} found, {fixed} repaired")
}

/// Asks the site for a page, then asks the operator whether all is well with the new version.
pub async fn sign_in(context: &Context) -> Result<StepEnd, Report> {
    look_at(
        context,
        &Look {
            question: "sign-in.confirm",
            title: "Does the new site look right?",
            kept: "While you have not confirmed, everything that brings the old version back is kept.",
        },
    )
    .await
}

/// Does the same with the old version, after an undo.
pub async fn confirm_undo(context: &Context) -> Result<StepEnd, Report> {
    look_at(
        context,
        &Look {
            question: "undo-confirm.confirm",
            title: "Does the old site look right?",
            kept: "The copies that were brought back are kept, until you delete them: lino-upgrade undo --copies.",
        },
    )
    .await
}

/// What is asked of the operator.
struct Look {
    question: &'static str,
    title: &'static str,
    kept: &'static str,
}

async fn look_at(context: &Context, look: &Look) -> Result<StepEnd, Report> {
    let mut findings = Vec::new();
    let configured = context.site.config.site.url.clone();
    let url = configured.clone().or_else(|| context.known().url);
    if let Some(url) = &url {
        context.note(&format!("GET {url}"))?;
        let mut finding = answers(url.clone()).await;
        context.note(&finding.text)?;
        if finding.level == Level::Fail && configured.is_none() {
            // The address in the site's settings need not be reachable from this machine.
            let remedy = "Is this the right address? Then look at the log of the web server. Else write the right one \
                          in lino-upgrade.toml: url below [site].";
            finding = Finding::warn("web", finding.text, remedy);
        }
        findings.push(finding);
    }
    if findings.iter().any(|finding| finding.level == Level::Fail) {
        return Ok(failed("the site does not answer as it should").with(findings));
    }
    let seen = findings.iter().any(|finding| finding.level == Level::Pass);
    let address = url.as_ref().map_or_else(|| "the site".to_owned(), |url| format!("the site at {url}"));
    let answer = context
        .ask(Ask {
            question: look.question.into(),
            step: context.step,
            title: look.title.into(),
            text: format!(
                "Open {address} in a browser, sign in, and look at a few records that you know. {}",
                look.kept
            ),
            choices: vec![
                ('y', "yes, it looks right".into()),
                ('n', "no, something is wrong".into()),
                ('w', "wait, decide later".into()),
            ],
            // Where no address is known, an undo has its account as proof.
            recommended: (seen || context.step.is_undo() && url.is_none()).then_some('y'),
        })
        .await;
    Ok(match answer {
        Some('y') => done("confirmed"),
        Some('n') => failed("the operator says that something is wrong"),
        _ => interrupted("not confirmed yet"),
    }
    .with(findings))
}

/// Asks for a page; a site may need a moment after its start.
async fn answers(url: String) -> Finding {
    let mut last = String::new();
    for _ in 0..60 {
        let asked = url.clone();
        let answer = tokio::task::spawn_blocking(move || ask_once(&asked)).await;
        match answer {
            Ok(Ok(status)) if is_well(status) => {
                return Finding::pass("web", format!("{url} answers with status {status}."));
            }
            Ok(Ok(status)) => last = format!("it answers with status {status}"),
            Ok(Err(text)) => last = text,
            Err(error) => last = error.to_string(),
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Finding::fail("web", format!("{url} does not answer: {last}."), "Look at the log of the web server, then retry.")
}

/// Tells whether a status is that of a site that is up. "Not found" is not: getlino's nginx says so when the site is
/// down, since it then looks for a page about maintenance that is seldom there.
const fn is_well(status: u16) -> bool {
    matches!(status, 200..=399 | 401 | 403)
}

fn ask_once(url: &str) -> Result<u16, String> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(Duration::from_secs(20)))
        .build()
        .into();
    agent.get(url).call().map(|response| response.status().as_u16()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_is_not_found_is_no_site_that_is_up() {
        let cases = [(200, true), (302, true), (401, true), (403, true), (404, false), (502, false), (503, false)];
        assert_eq!(cases.map(|(status, _)| (status, is_well(status))), cases);
    }
}
