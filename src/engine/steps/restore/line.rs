//! The line that restores, and the copy of the dump script with the decisions, which it names instead of the original.

use super::super::super::context::Context;
use super::super::super::{Ask, StepEnd, decided, decisions, rehearse};
use super::super::compare::DESCRIBED;
use super::super::{account, blocking, failed, interrupted};
use crate::compare::judge::Described;
use crate::error::{Report, Tell};
use crate::procedure::Finding;
use crate::site;

/// Writes the copy of the dump script with the decisions, where there are any, and returns the line that restores; or
/// the end of the step.
pub async fn prepare(context: &Context) -> Result<Result<String, StepEnd>, Report> {
    let site = &context.site;
    let file = decisions::of_site(site)?.map(|(file, _)| file).unwrap_or_default();
    let wanted = decided::is_wanted(site, &file.decisions);
    let decided = file.decisions.iter().filter(|decision| !decision.choice.is_open()).count() as u64;
    let by_hand = wanted && decided::is_edited(site);
    context
        .learn(|knowledge| {
            knowledge.decided = decided;
            knowledge.decided_by_hand = by_hand;
        })
        .await?;
    let known = context.known();
    let Some(line) = known.restore_line() else {
        return Ok(Err(failed("the restore cannot use the decisions").with(vec![Finding::fail(
            "decisions",
            format!("The command that restores does not name restore.py as one word: {}", known.lines.restore),
            "Let [commands] restore in lino-upgrade.toml name snapshot/restore.py, so that the copy with the decisions \
             can take its place.",
        )])));
    };
    // The copy is what the command reads that this attempt has begun.
    if context.has_commands().await? {
        return Ok(Ok(line));
    }
    account::keep_decisions(site, &file)?;
    if !wanted {
        return Ok(Ok(line));
    }
    context.progress(0, None, "writing the copy of restore.py with the decisions");
    let before: Option<Described> = context.journal.fact(context.run, DESCRIBED).await.map_err(|error| error.tell())?;
    let after = site::facts::ask(site).await.ok().map(|facts| facts.described());
    let place = std::sync::Arc::clone(site);
    let copied = blocking(move || {
        let kept = rehearse::models::read(&place);
        let [old, new] = &kept;
        let before = before.as_ref().map(|before| &before.models).or(old.as_ref());
        let script = place.dir.join(&place.config.snapshot.directory).join("restore.py");
        decided::copy_fitting(&place, &script, &file.decisions, (before, after.as_ref().or(new.as_ref())))
    })
    .await??;
    context.note(&format!("The decisions are in {}.", copied.path.display()))?;
    if copied.unfit.is_empty() {
        return Ok(Ok(line));
    }
    for sentence in &copied.unfit {
        context.note(&format!("A decision does not fit this snapshot. {sentence}"))?;
    }
    let ask = unfit(context, &copied.unfit);
    if context.ask(ask).await == Some('r') {
        return Ok(Ok(line));
    }
    let findings = copied.unfit.iter().map(|sentence| {
        Finding::warn("decision", sentence, "Take this decision back, or another one that fits, then restore.")
    });
    Ok(Err(interrupted("not decided yet").with(findings.collect())))
}

fn unfit(context: &Context, sentences: &[String]) -> Ask {
    let shown: Vec<&str> = sentences.iter().take(5).map(String::as_str).collect();
    let more = match sentences.len().saturating_sub(shown.len()) {
        0 => String::new(),
        more => format!("\n… and {more} more; the log of this step has them all."),
    };
    Ask {
        question: "restore.unfit".into(),
        step: context.step,
        title: "Decisions do not fit this snapshot".into(),
        text: format!(
            "The data has changed since they were taken. Nothing was changed yet.\n{}{more}",
            shown.join("\n")
        ),
        choices: vec![
            ('r', "restore without what does not fit".into()),
            ('w', "wait, and decide these rows again".into()),
        ],
        recommended: None,
    }
}
