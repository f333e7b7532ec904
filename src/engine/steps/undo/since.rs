//! Whether somebody let users in, or changed the data, since this undo has looked last. What they entered must be kept
//! before anything is replaced, also when it was kept once already.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::super::super::clock::now;
use super::super::super::context::Context;
use super::super::super::{StepEnd, unchanged};
use super::super::interrupted;
use super::{learn, undoing};
use crate::error::{Report, Tell};
use crate::procedure::{Finding, KEEP_AGAIN, KEEP_IN_DOUBT};
use crate::site::services::{Service, ServiceState, ask};
use crate::site::{Changed, Connection, Db, Engine, Fingerprint, Role, Surroundings, detect};

/// The journal's fact that says how the data looked last.
const DATA: &str = "undo-data";

/// How the data looked when this undo had stopped everything, when it has kept what was entered, or when it has brought
/// the old database back.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Looked {
    /// How often it was kept until then.
    pub kept: u32,
    /// How it looked.
    pub print: Fingerprint,
}

/// Returns how the data looked last; none when nobody has looked.
pub async fn last(context: &Context) -> Result<Option<Looked>, Report> {
    context.journal.fact(context.run, DATA).await.map_err(|error| error.tell())
}

/// Remembers how the data looks.
pub async fn remember(context: &Context, looked: &Looked) -> Result<(), Report> {
    context.journal.record(context.run, DATA, looked, now()).await.map_err(|error| error.tell())
}

/// Looks at the data now.
pub async fn look(connection: &Connection) -> Result<Fingerprint, Report> {
    let mut db = Db::connect_read_only(connection).await.map_err(|error| error.tell())?;
    let print = unchanged::look(connection, &mut db, &[]).await.map_err(|error| error.tell());
    db.close().await;
    print
}

/// Notes how the data looks once everything is stopped. What was seen before stays: a change since must not go unseen.
pub async fn when_stopped(context: &Context, connection: &Connection) -> Result<(), Report> {
    if !context.known().undoes_database(&undoing(context)) || last(context).await?.is_some() {
        return Ok(());
    }
    remember(context, &Looked { kept: 0, print: look(connection).await? }).await
}

/// Returns the services that run although they should not.
pub async fn running(context: &Context) -> Vec<Service> {
    let mut running = Vec::new();
    for service in detect(&context.site, &Surroundings::of_this_process()).services {
        if service.role == Role::Writer && ask(&service, &context.site.dir).await == ServiceState::Running {
            running.push(service);
        }
    }
    running
}

/// Ends a step before it changes anything when services run again, or the data is not as it was. Then they are stopped and
/// what was entered is kept, once more. Where nobody can tell how the data is, that is done once: from then on the database
/// is only copied before it is replaced.
pub async fn let_in(context: &Context, connection: Option<&Connection>) -> Result<Option<StepEnd>, Report> {
    let undoing = undoing(context);
    if !context.known().undoes_database(&undoing) || undoing.keeps_database {
        return Ok(None);
    }
    let mut findings: Vec<Finding> = Vec::new();
    let remedy = "Go on with the undo: it stops the services and keeps what was entered before it replaces anything.";
    let running = running(context).await;
    if !running.is_empty() {
        let names: Vec<&str> = running.iter().map(|service| service.name.as_str()).collect();
        let text = format!("Somebody has started these again: {}.", names.join(", "));
        findings.push(Finding::warn("services", text, remedy));
    }
    let mut in_doubt = false;
    let connection = connection.filter(|connection| !is_ours(context, connection));
    if let (Some(connection), Some(before)) = (connection, last(context).await?) {
        let print = look(connection).await?;
        let change = before.print.compare(&print, &[]);
        in_doubt = change == Changed::Unknown && connection.engine != Engine::Sqlite;
        if let Some(text) = told(&change, connection.engine).filter(|_| !in_doubt || before.kept == 0) {
            findings.push(Finding::warn("changes", text, remedy));
        }
    }
    if findings.is_empty() {
        return Ok(None);
    }
    in_doubt &= running.is_empty();
    for finding in &findings {
        context.note(&super::super::checklist_line(finding))?;
    }
    learn(context, |undoing| {
        undoing.by_hand |= undoing.open_since.is_none();
        undoing.open_since.get_or_insert_with(now);
    })
    .await?;
    Ok(Some(interrupted(if in_doubt { KEEP_IN_DOUBT } else { KEEP_AGAIN }).with(findings)))
}

/// Tells whether the data is what this undo itself has written, and not come to an end with. The file of SQLite is replaced
/// at once; what is half loaded on a server is nobody's work.
pub fn is_ours(context: &Context, connection: &Connection) -> bool {
    if !undoing(context).replacing {
        return false;
    }
    match (connection.file(), context.known().protection.database_copy.filter(|copy| Path::new(copy).exists())) {
        (Some(file), Some(copy)) => is_same(&file, Path::new(&copy)).unwrap_or(true),
        _ => true,
    }
}

/// Tells whether two files have the same contents.
fn is_same(one: &Path, other: &Path) -> std::io::Result<bool> {
    const STEP: usize = 1 << 20;
    let [mut one, mut other] = [File::open(one)?, File::open(other)?];
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let mut parts = [Vec::new(), Vec::new()];
    loop {
        for (file, part) in [&mut one, &mut other].into_iter().zip(&mut parts) {
            part.clear();
            file.take(STEP as u64).read_to_end(part)?;
        }
        let [mine, theirs] = &parts;
        if mine != theirs || mine.is_empty() {
            return Ok(mine == theirs);
        }
    }
}

/// Says what has changed since; none when nothing has.
fn told(change: &Changed, engine: Engine) -> Option<String> {
    match change {
        Changed::Nothing => None,
        Changed::Tables(tables) => {
            Some(format!("Rows were changed since the undo has stopped the site: {}.", unchanged::listed(tables)))
        }
        Changed::Unknown if engine == Engine::Sqlite => {
            Some("The database was changed since the undo has stopped the site.".to_owned())
        }
        Changed::Unknown => Some(
            "The database server does not count any more from where it was when the undo has stopped the site: it was \
             killed, or its machine was. So nobody can tell whether rows were changed since."
                .to_owned(),
        ),
    }
}

/// Names the tables in which the data is not as in an older copy, or as it looked then, with how.
pub async fn tables(
    connection: &Connection,
    before: &Fingerprint,
    print: &Fingerprint,
    copy: &Path,
) -> Result<Vec<(String, String)>, Report> {
    if connection.engine == Engine::Sqlite && copy.exists() {
        let mut db = Db::connect_read_only(connection).await.map_err(|error| error.tell())?;
        let all = db.tables().await.map_err(|error| error.tell())?;
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let found = db.differing(copy, &all).await.map_err(|error| error.tell());
        db.close().await;
        return found;
    }
    Ok(match before.compare(print, &[]) {
        Changed::Tables(tables) => tables,
        Changed::Nothing | Changed::Unknown => Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_change_is_said_with_its_tables_where_they_are_known() {
        let print = |whole: &str, mark: &str| Fingerprint {
            whole: whole.to_owned(),
            tables: BTreeMap::from([("shop_sale".to_owned(), mark.to_owned())]),
        };
        let before = print("a", "1/1 5 0 0");
        let told = |now: &Fingerprint, engine| told(&before.compare(now, &[]), engine);
        assert_eq!(told(&before, Engine::Postgres), None);
        assert_eq!(
            told(&print("a", "1/1 7 0 0"), Engine::Postgres).as_deref(),
            Some("Rows were changed since the undo has stopped the site: shop_sale (2 inserted).")
        );
        assert_eq!(
            told(&print("b", "1/1 7 0 0"), Engine::Sqlite).as_deref(),
            Some("The database was changed since the undo has stopped the site.")
        );
        assert_eq!(
            told(&print("b", "1/1 7 0 0"), Engine::Postgres).as_deref(),
            Some(
                "The database server does not count any more from where it was when the undo has stopped the site: it \
                 was killed, or its machine was. So nobody can tell whether rows were changed since."
            )
        );
    }
}
