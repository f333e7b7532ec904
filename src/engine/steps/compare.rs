//! `compare`: the new version writes a simulated dump against a scratch database, and a verdict is reached.

use super::super::StepEnd;
use super::super::context::{Command, Context};
use super::{done, interrupted};
use crate::error::{Kind, Report};
use crate::messages::{CommandKind, Judgement};
use crate::procedure::{DumpScripts, Finding, Verdict};
use crate::site::simulate;

/// Says that the restore is needed, since nothing was proved yet. A simulated dump that fails is no obstacle to that.
pub async fn compare(context: &Context) -> Result<StepEnd, Report> {
    let site = &context.site;
    let simulated = simulate::directory(site, context.run).join("restore.py");
    simulate::prepare(site, context.run).map_err(|error| {
        Report::new(Kind::Environment, format!("The simulated dump cannot be prepared: {error}."))
            .unchanged("The site and its database are as before.")
            .next("Free some disk space, then retry.")
    })?;
    let line = context.known().lines.simulate;
    let end = context.command(Command::new("simulate", CommandKind::SimulatedDump, line)).await?;
    let trouble = match &end.reading.judgement {
        Judgement::Finished { .. } => None,
        Judgement::Failed { because, .. } | Judgement::Unproved { because } => Some(because),
        Judgement::Interrupted { because } | Judgement::Refused { because } => return Ok(interrupted(because.clone())),
    };
    let (scripts, because, finding) = if let Some(trouble) = trouble {
        let because = format!("the new version wrote no simulated dump, so the restore is needed: {trouble}");
        let text = format!("The new version could not write it: {trouble}");
        let remedy = "Go on with the restore; the log of this step shows the whole error.";
        (None, because, Finding::warn("simulated dump", text, remedy))
    } else {
        let scripts = DumpScripts {
            snapshot: site.dir.join(&site.config.snapshot.directory).join("restore.py").display().to_string(),
            simulated: simulated.display().to_string(),
        };
        let because = "nothing was proved about the database structure, so the restore is needed".to_owned();
        let text = format!("Written to {}. It holds no data and must never be restored.", scripts.simulated);
        (Some(scripts), because, Finding::pass("simulated dump", text))
    };
    context
        .learn(|knowledge| {
            knowledge.dump_scripts = scripts;
            knowledge.verdict = Some(Verdict::Restore { because: because.clone() });
        })
        .await?;
    context.note(&because)?;
    Ok(done("restore: nothing proves that it may be skipped").with(vec![finding]))
}
