//! `compare`: the new version writes a simulated dump, all sources are compared, and a verdict is reached.

mod look;

use super::super::context::{Command, Context};
use super::super::{Ask, Event, StepEnd, packages};
use super::{done, interrupted};
use crate::compare::{self, Evidence};
use crate::error::{Kind, Report, Tell};
use crate::messages::{CommandKind, Judgement};
use crate::procedure::{DumpScripts, Finding, OVERRULED, StepId, Verdict};
use crate::site::simulate;
pub use look::{DESCRIBED, describe};

/// What to do when the last rehearsal no longer answers.
const REHEARSE_AGAIN: &str = "Wait, and rehearse again to know; the decisions are kept.";

/// Compares. A source that cannot be looked at is no obstacle, since the restore is needed then; a database server that
/// does not run is one.
pub async fn compare(context: &Context) -> Result<StepEnd, Report> {
    let simulated = match simulate(context).await? {
        Ok(simulated) => simulated,
        Err(end) => return Ok(end),
    };
    let scripts = simulated.as_ref().ok().cloned();
    context.learn(|knowledge| knowledge.dump_scripts.clone_from(&scripts)).await?;
    let mut findings = vec![match &simulated {
        Ok(scripts) => {
            let text = format!("Written to {}. It holds no data and must never be restored.", scripts.simulated);
            Finding::pass("simulated dump", text)
        }
        Err(trouble) => {
            let text = format!("The new version could not write it: {trouble}");
            Finding::warn("simulated dump", text, "Go on with the restore; the log of this step shows the whole error.")
        }
    }];
    let mut evidence = look::gather(context, simulated).await?;
    if let Some(earlier) = context.journal.evidence(context.run).await.map_err(|error| error.tell())? {
        evidence.keep_decisions(&earlier);
    }
    context
        .journal
        .keep_evidence(context.run, &evidence, super::super::clock::now())
        .await
        .map_err(|error| error.tell())?;
    let _ = context.events.send(Event::Compared { evidence: Box::new(evidence.clone()), scripts });
    context.note(&evidence.sentence)?;
    let remedy = "Nothing needs to be done: what is unknown only means that the restore is needed.";
    findings.extend(evidence.left_out.iter().map(|text| Finding::warn("left out", text, remedy)));
    conclude(context, &evidence, findings).await
}

/// Turns the verdict into what the next step does; a person decides where rows are in the way, unless a rehearsal has
/// shown that with the decisions and packages of now none is.
async fn conclude(context: &Context, evidence: &Evidence, mut findings: Vec<Finding>) -> Result<StepEnd, Report> {
    // Somebody may have installed something since `pull`.
    let packages = packages::installed(&context.site).await.ok();
    context.learn(|knowledge| knowledge.packages = packages).await?;
    let known = context.known();
    let said = known.rehearsed(StepId::Restore);
    let verdict = match evidence.verdict {
        compare::Verdict::Skip => Verdict::Skip { because: evidence.because() },
        compare::Verdict::Restore => Verdict::Restore { because: evidence.because() },
        compare::Verdict::Decide if known.is_rehearsed() => {
            context.note(&said)?;
            findings.push(Finding::pass("rehearsal", said));
            Verdict::Restore { because: evidence.because() }
        }
        compare::Verdict::Decide => {
            // Nothing is skipped while nobody has decided.
            if !said.is_empty() {
                context.note(&said)?;
                findings.push(Finding::warn("rehearsal", &said, REHEARSE_AGAIN));
            }
            let because = evidence.because();
            context.learn(|knowledge| knowledge.verdict = Some(Verdict::Restore { because })).await?;
            match context.ask(question(context, evidence, &said)).await {
                Some('r') => Verdict::Restore { because: evidence.because() },
                Some('s') => {
                    context
                        .journal
                        .decide(context.run, context.step, OVERRULED, "skip", "operator", super::super::clock::now())
                        .await
                        .map_err(|error| error.tell())?;
                    let because = format!("left out by the operator, although {}", evidence.because());
                    Verdict::Skip { because }
                }
                _ => return Ok(interrupted("not decided yet").with(findings)),
            }
        }
    };
    context.learn(|knowledge| knowledge.verdict = Some(verdict)).await?;
    Ok(done(evidence.sentence.trim_end_matches('.')).with(findings))
}

fn question(context: &Context, evidence: &Evidence, rehearsed: &str) -> Ask {
    let rehearsed = if rehearsed.is_empty() { String::new() } else { format!(" {rehearsed} {REHEARSE_AGAIN}") };
    Ask {
        question: "compare.verdict".into(),
        step: context.step,
        title: "Rows are in the way of the restore".into(),
        text: format!(
            "{} The differences and their rows are on the compare screen, each with what can be done about it. \
             Restoring as it is will lose or stop at these rows; nothing is lost while the snapshot is kept.{rehearsed}",
            evidence.sentence
        ),
        choices: vec![
            ('r', "restore, after the snapshot or the application was adapted, or as it is".into()),
            ('s', "skip the restore and keep the database as it is, against the evidence".into()),
            ('w', "wait, decide later".into()),
        ],
        recommended: None,
    }
}

/// Has the new version write a simulated dump: where both scripts are, or why there is none. The outer error ends the
/// step.
async fn simulate(context: &Context) -> Result<Result<Result<DumpScripts, String>, StepEnd>, Report> {
    let site = &context.site;
    let simulated = simulate::directory(site, context.run).join("restore.py");
    simulate::prepare(site, context.run).map_err(|error| {
        Report::new(Kind::Environment, format!("The simulated dump cannot be prepared: {error}."))
            .unchanged("The site and its database are as before.")
            .next("Free some disk space, then retry.")
    })?;
    let line = context.known().lines.simulate;
    let end = context.command(Command::new("simulate", CommandKind::SimulatedDump, line)).await?;
    Ok(Ok(match end.reading.judgement {
        Judgement::Finished { .. } => Ok(DumpScripts {
            snapshot: site.dir.join(&site.config.snapshot.directory).join("restore.py").display().to_string(),
            simulated: simulated.display().to_string(),
        }),
        Judgement::Failed { because, .. } | Judgement::Unproved { because } => Err(because),
        Judgement::Interrupted { because } | Judgement::Refused { because } => return Ok(Err(interrupted(because))),
    }))
}
