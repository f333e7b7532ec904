//! Proves between the steps that nobody changed the data: what was entered after the snapshot would be lost by the
//! restore, unseen. Who writes *during* a step is the business of `guard`.

use std::path::Path;

use super::clock::now;
use super::context::Context;
use super::{Ask, StepEnd};
use crate::error::{Report, Tell};
use crate::procedure::{Finding, StepState};
use crate::site::{Changed, Connection, Db, DbError, Engine, Fingerprint, facts};

/// The journal's facts: how the data looked before and after the snapshot was made, and when it was verified.
const BEFORE: &str = "data-before-snapshot";
const AFTER: &str = "data-after-snapshot";
const VERIFIED: &str = "data-when-verified";

/// Notes how the data looks before the snapshot is made.
pub(super) async fn before_snapshot(context: &Context) -> Result<(), Report> {
    if context.has_commands().await? {
        return Ok(());
    }
    let print = taken(context).await?;
    remember(context, BEFORE, &print).await
}

/// Notes how the data looks when the snapshot is made; tells what changed meanwhile.
pub(super) async fn after_snapshot(context: &Context) -> Result<Option<Finding>, Report> {
    let print = taken(context).await?;
    remember(context, AFTER, &print).await?;
    let Some(before) = recall(context, BEFORE).await? else { return Ok(None) };
    let text = match before.compare(&print, &[]) {
        Changed::Nothing => return Ok(None),
        Changed::Tables(tables) => format!("Rows were changed while the snapshot was made: {}.", listed(&tables)),
        Changed::Unknown => "The database was changed while the snapshot was made.".to_owned(),
    };
    Ok(Some(Finding::warn(
        "changes",
        text,
        "If make_snapshot.sh does so itself, all is well. Else find out who it was, and make the snapshot again.",
    )))
}

/// Notes how the data looks when the snapshot is verified; tells what changed since it was made.
pub(super) async fn when_verified(
    context: &Context,
    connection: &Connection,
    db: &mut Db,
) -> Result<Option<Finding>, Report> {
    let print = look(connection, db, &[]).await.map_err(|error| error.tell())?;
    remember(context, VERIFIED, &print).await?;
    let Some(after) = recall(context, AFTER).await? else { return Ok(None) };
    let text = match after.compare(&print, &[]) {
        Changed::Tables(tables) => format!("Rows were changed after the snapshot was made: {}.", listed(&tables)),
        Changed::Unknown if connection.engine == Engine::Sqlite => {
            "The database file was changed after the snapshot was made.".to_owned()
        }
        // Unknown when the server was started again: rows and keys were compared all the same.
        Changed::Nothing | Changed::Unknown => return Ok(None),
    };
    Ok(Some(Finding::fail("changes", text, "Find out who it was and keep them from it, then make the snapshot again.")))
}

/// Compares the data with the verified snapshot's before the restore drops it. Returns the end of the step when rows
/// were changed and the operator does not want to lose that.
pub(super) async fn before_restore(context: &Context) -> Result<Option<StepEnd>, Report> {
    let known = context.known();
    if known.database_changed || context.has_commands().await? {
        return Ok(None);
    }
    let Some(verified) = recall(context, VERIFIED).await? else { return Ok(None) };
    context.progress(0, None, "looking for changes since the snapshot");
    let connection = facts::connection(&context.site).await.map_err(|error| error.tell())?;
    let mut db = Db::connect_read_only(&connection).await.map_err(|error| error.tell())?;
    let wanted: Vec<&str> = known.snapshot_rows.keys().map(String::as_str).collect();
    let print = look(&connection, &mut db, &wanted).await.map_err(|error| error.tell())?;
    let tables = match verified.compare(&print, &wanted) {
        Changed::Nothing => Vec::new(),
        Changed::Tables(tables) => tables,
        Changed::Unknown => {
            let copy = known.protection.database_copy.as_ref().filter(|_| connection.engine == Engine::Sqlite);
            match copy.map(Path::new).filter(|copy| copy.exists()) {
                Some(copy) => db.differing(copy, &wanted).await.map_err(|error| error.tell())?,
                None => counted(&mut db, &known.snapshot_rows).await.map_err(|error| error.tell())?,
            }
        }
    };
    db.close().await;
    if tables.is_empty() {
        return Ok(None);
    }
    let text = format!("Rows were changed since the snapshot was verified: {}.", listed(&tables));
    context.note(&text)?;
    let ask = Ask {
        question: "restore.changed".into(),
        step: context.step,
        title: "The data was changed since the snapshot".into(),
        text: format!(
            "{text} The restore would drop that. To keep it, go back to the old version, make the snapshot again, and \
             upgrade again."
        ),
        choices: vec![
            ('w', "wait; nothing is dropped".into()),
            ('r', "restore the snapshot anyway: what was changed since is lost".into()),
        ],
        recommended: None,
    };
    if context.ask(ask).await == Some('r') {
        return Ok(None);
    }
    let remedy = "Go back to the old version, make the snapshot again, and upgrade again; or restore and lose it.";
    Ok(Some(StepEnd {
        state: StepState::Interrupted {
            because: "the data was changed since the snapshot; nothing was dropped".into(),
        },
        findings: vec![Finding::fail("changes", text, remedy)],
    }))
}

async fn taken(context: &Context) -> Result<Fingerprint, Report> {
    let connection = facts::connection(&context.site).await.map_err(|error| error.tell())?;
    let mut db = Db::connect_read_only(&connection).await.map_err(|error| error.tell())?;
    let print = look(&connection, &mut db, &[]).await.map_err(|error| error.tell());
    db.close().await;
    print
}

/// Looks at the data.
pub(super) async fn look(connection: &Connection, db: &mut Db, tables: &[&str]) -> Result<Fingerprint, DbError> {
    match connection.file() {
        Some(file) => Ok(Fingerprint::of_file(&file)),
        None => db.fingerprint(tables).await,
    }
}

/// Names the tables whose number of rows is another one.
async fn counted(
    db: &mut Db,
    rows: &std::collections::BTreeMap<String, u64>,
) -> Result<Vec<(String, String)>, DbError> {
    let there = db.tables().await?;
    let mut found = Vec::new();
    for (table, rows) in rows.iter().filter(|(table, _)| there.contains(table)) {
        let now = db.count(table).await?;
        if now != *rows {
            found.push((table.clone(), format!("{now} rows instead of {rows}")));
        }
    }
    Ok(found)
}

async fn remember(context: &Context, name: &str, print: &Fingerprint) -> Result<(), Report> {
    context.journal.record(context.run, name, print, now()).await.map_err(|error| error.tell())
}

async fn recall(context: &Context, name: &str) -> Result<Option<Fingerprint>, Report> {
    context.journal.fact(context.run, name).await.map_err(|error| error.tell())
}

/// Names the tables that have changed, and how.
pub(super) fn listed(tables: &[(String, String)]) -> String {
    const MOST: usize = 8;
    let named: Vec<String> = tables.iter().take(MOST).map(|(table, how)| format!("{table} ({how})")).collect();
    match tables.len().saturating_sub(MOST) {
        0 => named.join(", "),
        more => format!("{} and {more} more tables", named.join(", ")),
    }
}
