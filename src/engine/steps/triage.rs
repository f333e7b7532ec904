//! `triage`: rows that the new version did not accept, or that are missing after the restore.

use std::collections::BTreeMap;

use super::super::context::{Command, Context};
use super::super::rehearsing::line;
use super::super::{Ask, Rehearsing, StepEnd, rehearse};
use super::{account, blocking, done, interrupted, skipped, unfinished};
use crate::error::Report;
use crate::messages::CommandKind;
use crate::procedure::{Finding, RESTORE_AGAIN};
use crate::snapshot::read_script;
use crate::triage::{Choice, Decision, Explained, Scope};

/// The command that sets the sequences of the database.
const SEQUENCES: &str = "sequences";

/// Shows the rows that were not saved and asks what to do about them.
pub async fn triage(context: &Context) -> Result<StepEnd, Report> {
    let known = context.known();
    let (unsaved, lost) = (known.unsaved.unwrap_or(0), known.lost());
    if unsaved == 0 && lost == 0 {
        return Ok(skipped("every row was saved"));
    }
    let mut findings: Vec<Finding> = known
        .abandoned
        .iter()
        .map(|group| {
            Finding::warn("not saved", group, "Ask the application developer what is to become of these rows.")
        })
        .collect();
    for table in known.account.iter().flat_map(|account| &account.tables).filter(|table| table.missing > 0) {
        let text = format!("{} rows are missing: {}.", table.missing, table.missing_keys.join(", "));
        findings.push(Finding::warn(&table.table, text, "Decide what becomes of them, or leave them out."));
    }
    if !context.has_command(SEQUENCES).await? {
        for finding in &findings {
            context.note(&format!("{}: {}", finding.subject, finding.text))?;
        }
        // A rehearsal that lost its wizard is followed to its end first.
        let mut begun = context.count_commands().await?;
        if begun > 0 {
            rehearse_snapshot(context, begun).await?;
        }
        loop {
            match context.ask(question(context, unsaved, lost)).await {
                Some('h') => {
                    begun += 1;
                    rehearse_snapshot(context, begun).await?;
                }
                Some('r') => {
                    context.note("The snapshot is restored again.")?;
                    return Ok(interrupted(RESTORE_AGAIN).with(findings));
                }
                Some('x') => break,
                _ => return Ok(interrupted("not decided yet").with(findings)),
            }
        }
        leave_out(context).await?;
    }
    // Lino 25.8 and newer break off before the sequences of the database are set.
    if known.engine != "sqlite" {
        let line = "python manage.py resetsequences";
        let end = context.command(Command::new(SEQUENCES, CommandKind::Other, line)).await?;
        if let Some(end) = unfinished(&end) {
            return Ok(end.with(findings));
        }
    }
    Ok(done(format!("{} rows were left out by the operator", unsaved.max(lost))).with(findings))
}

fn question(context: &Context, unsaved: u64, lost: u64) -> Ask {
    let known = context.known();
    let rows = unsaved.max(lost);
    let decided = match known.decided {
        0 => String::from("Nothing is decided for them yet."),
        1 => String::from("One decision is in force; restoring again uses it."),
        count => format!("{count} decisions are in force; restoring again uses them."),
    };
    let because = if unsaved > 0 {
        "The new version did not accept them."
    } else {
        "The restore did not say so, but they are not in the database."
    };
    let again = if known.decided == 0 {
        "restore again, after decisions were taken or restore.py was edited"
    } else {
        "restore again, with the decisions"
    };
    let title = if unsaved > 0 { format!("{unsaved} rows were not saved") } else { format!("{lost} rows are missing") };
    Ask {
        question: "triage.unsaved".into(),
        step: context.step,
        title,
        text: format!(
            "{because} They are still in the snapshot, and nothing is lost while you keep it. The list is in the log of \
             this step. {decided}"
        ),
        choices: vec![
            ('h', "find all reasons in one pass: rehearse this snapshot now".into()),
            ('r', again.into()),
            ('x', format!("leave these {rows} rows out of the new site")),
            ('w', "wait, decide later".into()),
        ],
        recommended: None,
    }
}

/// Rehearses the snapshot with the version in place: what it refuses is told as causes.
async fn rehearse_snapshot(context: &Context, number: usize) -> Result<(), Report> {
    let line = line(&context.program, &context.site, Rehearsing::Whole, true);
    let end = context.command(Command::new(format!("rehearse {number}"), CommandKind::Other, line)).await?;
    let site = std::sync::Arc::clone(&context.site);
    let former = blocking(move || rehearse::former(&site)).await?;
    if let (Ok(None), Some(end)) = (&former, unfinished(&end)) {
        context.note(&format!("The rehearsal told nothing: {}", end.state.text()))?;
    }
    context.tell_rehearsed(former);
    Ok(())
}

/// Takes decisions that leave out every row that is missing, so that the account explains them.
async fn leave_out(context: &Context) -> Result<(), Report> {
    let lost = account::lost(&context.site);
    let Some(mut found) = context.known().account.filter(|found| found.missing > 0) else { return Ok(()) };
    let script = context.site.dir.join(&context.site.config.snapshot.directory);
    let script = read_script(&script).ok().map(|read| read.script);
    let because = "The restore did not save it, and the operator left it out.";
    let models: BTreeMap<&str, &str> = script
        .iter()
        .flat_map(|script| &script.functions)
        .filter_map(|function| Some((function.table.as_str(), script.as_ref()?.model_of(function)?)))
        .collect();
    let decisions: Vec<Decision> = lost
        .into_iter()
        .map(|(table, keys)| Decision {
            model: models.get(table.as_str()).map_or(table.clone(), |model| (*model).to_owned()),
            rows: Scope::These(keys),
            choice: Choice::LeaveOut,
            because: because.to_owned(),
        })
        .collect();
    context.decide(decisions).await?;
    for table in found.tables.iter_mut().filter(|table| table.missing > 0) {
        table.explained.push(Explained { decision: None, rows: table.missing, because: because.to_owned() });
        table.missing = 0;
        table.missing_keys.clear();
    }
    found.explained += found.missing;
    found.missing = 0;
    context.learn(|knowledge| knowledge.account = Some(found)).await
}
