//! `undo-database` and `undo-account`: the database of before comes back, and the old version proves it, row by row.

use std::path::{Path, PathBuf};

use super::super::super::context::Context;
use super::super::super::undo::is_verified;
use super::super::super::{Ask, StepEnd};
use super::super::load::Circles;
use super::super::protect::server_program;
use super::super::services::open_sessions;
use super::super::snapshot::beside_database;
use super::super::{account, blocking, done, failed, interrupted, load, skipped, unfinished};
use super::since::Looked;
use super::{keep, learn, prepare, since, undoing};
use crate::dump::Script;
use crate::error::{Kind, Report, Tell};
use crate::procedure::{Finding, Level, StepId, StepState, Verdict};
use crate::site::{self, Connection, Engine};
use crate::snapshot::{self, protect};
use crate::triage::{Accounted, Decisions, accounted};

/// Tables that findings name.
const NAMED: usize = 40;

/// Brings the database back.
pub async fn database(context: &Context) -> Result<StepEnd, Report> {
    if undoing(context).keeps_database {
        return Ok(skipped("the operator keeps the database as it is"));
    }
    let connection = site::facts::connection(&context.site).await.map_err(|error| error.tell())?;
    if !context.has_commands().await? {
        if let Some(end) = since::let_in(context, Some(&connection)).await? {
            return Ok(end);
        }
        match asked(context).await? {
            Some('k') => {
                learn(context, |undoing| undoing.keeps_database = true).await?;
                return Ok(skipped("the operator keeps the database as it is"));
            }
            Some('b') => {}
            _ => return Ok(interrupted("the database was not touched yet")),
        }
        let findings = sessions(context).await?;
        if findings.iter().any(|finding| finding.level == Level::Fail) {
            return Ok(failed("somebody still has the database open, so it was not replaced").with(findings));
        }
    }
    let known = context.known();
    if known.undo_keeps(&undoing(context)) && !since::is_ours(context, &connection) && !left_out(context).await? {
        // Done by an earlier step, unless the new version could not even say where its database is.
        if let Err(end) = keep::native(context, &connection, &prepare(context)?).await? {
            return Ok(end);
        }
    }
    learn(context, |undoing| undoing.replacing = true).await?;
    let copy = known.protection.database_copy.clone().map(PathBuf::from).filter(|copy| copy.exists());
    let (end, how) = match copy {
        Some(copy) if connection.engine == Engine::Sqlite => {
            (sqlite(context, &copy, Path::new(&connection.name)).await?, "from its copy")
        }
        Some(copy) => (server(context, &connection, &copy).await?, "from its copy"),
        None => (snapshot_again(context).await?, "from the snapshot"),
    };
    if let Some(end) = end {
        return Ok(end);
    }
    let kept = since::last(context).await?.map_or(0, |looked| looked.kept);
    since::remember(context, &Looked { kept, print: since::look(&connection).await? }).await?;
    learn(context, |undoing| (undoing.replacing, undoing.replaced) = (false, true)).await?;
    counted(context, how).await
}

/// Tells whether the operator does not want to keep what was entered.
async fn left_out(context: &Context) -> Result<bool, Report> {
    let attempts = context.journal.attempts(context.run).await.map_err(|error| error.tell())?;
    let last = attempts.iter().rfind(|attempt| attempt.step == StepId::UndoKeep);
    Ok(last.is_some_and(|attempt| matches!(attempt.state, Some(StepState::Skipped { .. }))))
}

/// Asks whether the database goes back although both versions want the same structure, and something was entered. Where
/// there is nothing to choose, the answer is that it goes back.
async fn asked(context: &Context) -> Result<Option<char>, Report> {
    let known = context.known();
    let same = !known.database_changed && matches!(known.verdict, Some(Verdict::Skip { .. }));
    if !same || !known.undo_keeps(&undoing(context)) {
        return Ok(Some('b'));
    }
    let ask = Ask {
        question: "undo-database.keep".into(),
        step: context.step,
        title: "Bring the old database back?".into(),
        text:
            "Nothing was restored in this upgrade, since both versions want the same structure. So the old version can \
               go on with the database as it is, with all that was entered since, and with what the new version has \
               repaired in it. Or the copy that was made before comes back; what was entered since is exported."
                .into(),
        choices: vec![
            ('b', "bring the copy back".into()),
            ('k', "keep the database as it is".into()),
            ('w', "wait, decide later".into()),
        ],
        recommended: Some('b'),
    };
    Ok(context.ask(ask).await)
}

/// Looks who has the database open. It need not be there: an undo may have been broken off while it was made anew.
async fn sessions(context: &Context) -> Result<Vec<Finding>, Report> {
    match open_sessions(context).await {
        Ok(found) => Ok(found),
        Err(report) if report.kind == Kind::Interrupted => Err(report),
        Err(report) => {
            context.note(&format!("Nobody can tell who has the database open: {}", report.what))?;
            Ok(Vec::new())
        }
    }
}

async fn sqlite(context: &Context, copy: &Path, database: &Path) -> Result<Option<StepEnd>, Report> {
    context.progress(0, None, "bringing the database back");
    context.note(&format!("{} takes the place of {}", copy.display(), database.display()))?;
    Ok(protect::sqlite_back(copy, database).await.err().map(|text| {
        failed("the copy of the database cannot be brought back").with(vec![Finding::fail(
            "database",
            format!("{text}. The database is as it was."),
            "Free some disk space, or start lino-upgrade as a user who may write there, then retry.",
        )])
    }))
}

/// Lets the server's own program load the copy. Broken off anywhere, it may be repeated: the database is emptied first.
async fn server(context: &Context, connection: &Connection, copy: &Path) -> Result<Option<StepEnd>, Report> {
    let dir = copy.parent().unwrap_or(copy);
    let secret = dir.join(protect::SECRET);
    let prepared = protect::server_back(connection, &dir.join("empty.sql"), copy, &secret).map_err(|error| {
        Report::new(Kind::Failed, format!("The password file cannot be written: {error}."))
            .unchanged("The database was not touched.")
            .next("Free some disk space, then retry.")
    })?;
    server_program(context, "database", prepared, &secret).await
}

/// Lets the old version load the snapshot again, when there is no copy of the database.
async fn snapshot_again(context: &Context) -> Result<Option<StepEnd>, Report> {
    let known = context.known();
    if !context.has_command(load::RESTORE).await? && !is_verified(&context.site, &known) {
        let text = "There is no copy of the database, and the snapshot is not the one that was verified any more.";
        let remedy = "Bring the database back from a copy of your own, in a shell (!); then leave this step out.";
        let finding = Finding::fail("database", text, remedy);
        return Ok(Some(failed("there is nothing to bring the database back from").with(vec![finding])));
    }
    let plain = format!("{} --noinput", known.lines.restore);
    let script = site::restore::by_script(&context.site, &plain);
    if script.is_some() {
        load::prepare(context)?;
    }
    let line = script.unwrap_or(plain);
    let end = load::load(context, line, Circles::Closed).await?;
    Ok(unfinished(&end))
}

/// Counts rows and keys, and compares them with the snapshot.
async fn counted(context: &Context, how: &str) -> Result<StepEnd, Report> {
    if !is_verified(&context.site, &context.known()) {
        let text = "The snapshot is not the one that was verified any more, so nothing can be compared with it.";
        let remedy = "Look at the site yourself when it is up.";
        return Ok(done(format!("back {how}")).with(vec![Finding::warn("rows", text, remedy)]));
    }
    let facts = site::facts::ask(&context.site).await.map_err(|error| error.tell())?;
    let found = beside_database(context, &facts).await?;
    if found.is_ok() {
        let text = format!("{} rows in {} tables, all as in the snapshot.", found.rows(), found.tables.len());
        context.note(&text)?;
        return Ok(done(format!("{} rows are back {how}", found.rows())).with(vec![Finding::pass("rows", text)]));
    }
    let remedy = "Retry this step; if it stays so, ask the application developer.";
    let problems = found.problems.iter().take(NAMED);
    let findings = problems.map(|problem| Finding::fail(&problem.path, &problem.message, remedy)).collect();
    Ok(failed("the database is not as in the snapshot").with(findings))
}

/// Lets the old version dump the database, and looks for every row of the snapshot in that dump.
pub async fn account(context: &Context) -> Result<StepEnd, Report> {
    if !is_verified(&context.site, &context.known()) {
        let text = "The snapshot is not the one that was verified any more, so nothing can be proved by it.";
        let remedy = "Look at the site yourself when it is up.";
        return Ok(done("not proved: the snapshot has changed").with(vec![Finding::warn("account", text, remedy)]));
    }
    let site = &context.site;
    let after = match account::dump(context, account::dir(site).join("undone")).await? {
        Ok(after) => after,
        Err(none) => return Ok(failed(format!("the old version cannot dump: {}", none.why)).with(none.findings)),
    };
    context.progress(0, None, "looking for every row of the snapshot in the new dump");
    let known = site::facts::ask(site).await.map(|facts| snapshot::known(&facts)).unwrap_or_default();
    let before = site.dir.join(&site.config.snapshot.directory);
    let found = blocking(move || {
        let found = snapshot::account_knowing(&before, &after, &known).map_err(|error| error.tell())?;
        let script = std::fs::read_to_string(before.join("restore.py")).unwrap_or_default();
        Ok::<_, Report>(accounted(&found, &Decisions::default(), &Script::read(&script)).0)
    })
    .await??;
    let keeps = undoing(context).keeps_database;
    let findings = differences(&found, if keeps { Level::Warn } else { Level::Fail });
    for finding in &findings {
        context.note(&super::super::checklist_line(finding))?;
    }
    let differ = found.missing + found.changed + found.new + found.unreadable + found.explained;
    Ok(match differ {
        0 => done(format!("{} rows are as in the snapshot", found.equal)),
        _ if keeps => done(format!("{} rows are as in the snapshot, {differ} are not", found.equal)),
        _ => failed(format!("{differ} rows are not as in the snapshot")),
    }
    .with(findings))
}

/// Says where rows differ from those of the snapshot.
fn differences(found: &Accounted, level: Level) -> Vec<Finding> {
    let by_lino = match found.by_lino {
        0 => String::new(),
        rows => format!(" In {rows} of them values differ that Lino itself changes."),
    };
    let equal = format!("{} rows of the snapshot are in the database with equal values.{by_lino}", found.equal);
    let mut findings = vec![Finding::pass("account", equal)];
    let remedy = match level {
        Level::Fail => {
            "If somebody has entered that since, leave this step out to keep it. Else bring the database back again (the \
             step Bring database back), or ask the application developer."
        }
        Level::Warn | Level::Pass => "Nothing to do: you have kept the database as it is.",
    };
    for table in found.tables.iter().take(NAMED) {
        let missing = table.missing + table.explained.iter().map(|explained| explained.rows).sum::<u64>();
        let fields: Vec<&str> = table.fields.keys().map(String::as_str).collect();
        let said = [
            (missing, format!("{missing} rows are missing: {}.", table.missing_keys.join(", "))),
            (table.changed, format!("{} rows have other values in {}.", table.changed, fields.join(", "))),
            (table.new, format!("{} rows are there that the snapshot does not have.", table.new)),
        ];
        for (_, text) in said.into_iter().filter(|(rows, _)| *rows > 0) {
            findings.push(Finding { level, subject: table.table.clone(), text, remedy: Some(remedy.to_owned()) });
        }
    }
    findings
}
