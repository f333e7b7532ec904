//! `undo-keep`: what users have entered since the services were started with the new version. The old database does not
//! have it, so it is written down first: the database as it is, and its rows in files that people can read.

use std::path::{Path, PathBuf};

use super::super::super::StepEnd;
use super::super::super::context::{Command, Context};
use super::super::protect::server_program;
use super::super::{blocking, done, failed, unfinished};
use super::{prepare, undoing};
use crate::error::{Kind, Report, Tell};
use crate::messages::CommandKind;
use crate::messages::line::plain;
use crate::procedure::{Finding, StepId};
use crate::site::{self, Connection, Engine, quote};
use crate::snapshot::protect::ServerDump;
use crate::snapshot::{self, Entered, protect};

/// Tables that findings name.
const NAMED: usize = 40;

/// Keeps what was entered.
pub async fn keep(context: &Context) -> Result<StepEnd, Report> {
    let dir = prepare(context)?;
    let mut findings = Vec::new();
    match site::facts::connection(&context.site).await {
        Ok(connection) => match native(context, &connection, &dir).await? {
            Ok(copy) => findings
                .push(Finding::pass("database", format!("Copied as it is now to {} and read back.", copy.display()))),
            Err(end) => return Ok(end.with(findings)),
        },
        Err(error) => findings.push(later(&error.tell())),
    }
    let dump = match dumped(context, &dir).await? {
        Ok(dump) => dump,
        Err(why) => {
            let text = format!("The new version cannot write out its data: {why} So no row is listed.");
            let remedy = "What was entered is in the copy of the database that is kept; ask the application developer.";
            findings.push(Finding::warn("rows", text, remedy));
            return Ok(done("the database is kept; its rows could not be listed").with(findings));
        }
    };
    let (before, what) = before(context);
    context.note(&format!("Compared with {}.", before.display()))?;
    context.progress(0, None, "looking for what was entered");
    let known = site::facts::ask(&context.site).await.map(|facts| snapshot::known(&facts)).unwrap_or_default();
    let rows = dir.join("rows");
    let _ = std::fs::remove_dir_all(&rows);
    site::prepare_private(&rows).map_err(|error| {
        Report::new(Kind::Environment, format!("{} cannot be created: {error}.", rows.display()))
            .next("Free some disk space.")
    })?;
    let found = blocking(move || snapshot::entered(&before, &dump, &known, &rows)).await?;
    let found = found.map_err(|error| error.tell())?;
    for table in &found {
        context.note(&format!("{}: {}", table.table, listed(table)))?;
    }
    let remedy = if undoing(context).begun.contains_key(&StepId::CheckData) {
        "Enter again by hand what people have entered, from this file. What the check of the data has repaired is among \
         these rows, too."
    } else {
        "Enter them again by hand where they are needed, from this file."
    };
    findings.extend(
        found.iter().take(NAMED).map(|table| {
            Finding::warn(&table.table, format!("{} In {}.", listed(table), table.file.display()), remedy)
        }),
    );
    if found.len() > NAMED {
        let text = format!("{} more tables have other rows; the log names them.", found.len() - NAMED);
        findings.push(Finding::warn("rows", text, "Look into the directory with the files."));
    }
    let rows: u64 = found.iter().map(|table| table.new + table.changed + table.deleted).sum();
    Ok(match rows {
        0 => done(format!("every row is as after {what}")),
        1 => done(format!("1 row is another than after {what}; it is exported")),
        rows => done(format!("{rows} rows are others than after {what}; they are exported")),
    }
    .with(findings))
}

/// Returns the dump with which the new version is compared, and what it is.
fn before(context: &Context) -> (PathBuf, &'static str) {
    let site = &context.site;
    let restored = site.state_dir.join("account/after");
    if context.known().account.is_some() && restored.join("restore.py").exists() {
        (restored, "the restore")
    } else {
        (site.dir.join(&site.config.snapshot.directory), "the snapshot")
    }
}

/// Lets the code in place write out its data; or says why it cannot.
async fn dumped(context: &Context, dir: &Path) -> Result<Result<PathBuf, String>, Report> {
    const NAME: &str = "dump";
    let dump = dir.join("dump");
    if !context.has_command(NAME).await? && dump.exists() {
        std::fs::remove_dir_all(&dump).map_err(|error| {
            Report::new(Kind::Environment, format!("{} cannot be removed: {error}.", dump.display()))
        })?;
    }
    let line = format!("umask 077; python manage.py dump2py -o {}", quote(&dump.to_string_lossy()));
    let mut command = Command::new(NAME, CommandKind::Dump, line);
    let (name, value) = site::dump::postgres_options();
    command = command.env(name, &value);
    let end = context.command(command).await?;
    Ok(match unfinished(&end) {
        Some(end) => Err(end.state.text().to_owned()),
        None => Ok(dump),
    })
}

fn later(report: &Report) -> Finding {
    let text = format!("The new version does not say where its database is: {}", report.what);
    Finding::warn(
        "database",
        text,
        "Nothing to do: it is copied when the old packages are back, before it is replaced.",
    )
}

/// Copies the database as it is now, unless this was done already. Returns the copy, or the end of the step.
pub(super) async fn native(
    context: &Context,
    connection: &Connection,
    dir: &Path,
) -> Result<Result<PathBuf, StepEnd>, Report> {
    let sqlite = connection.engine == Engine::Sqlite;
    let copy = dir.join(if sqlite { "database.sqlite" } else { "database.sql" });
    if copy.exists() {
        return Ok(Ok(copy));
    }
    context.progress(0, None, "copying the database as it is now");
    if sqlite {
        context.note(&format!("VACUUM INTO {}", copy.display()))?;
        let made = protect::sqlite_copy(Path::new(&connection.name), &copy).await;
        return Ok(match made {
            Ok(()) => Ok(copy),
            Err(text) => Err(failed("the database as it is now cannot be copied").with(vec![Finding::fail(
                "database",
                format!("{text}. It was only read."),
                "Free some disk space, then retry. Leave this step out only if what was entered may be lost.",
            )])),
        });
    }
    let (part, secret) = (dir.join("database.sql.part"), dir.join(protect::SECRET));
    let prepared = protect::server_dump(connection, &part, &secret).map_err(|error| {
        Report::new(Kind::Failed, format!("The copy of the database cannot be prepared: {error}."))
            .next("Free some disk space, then retry.")
    })?;
    let read_back = protect::read_back_line(connection.engine, &part);
    let line = format!("({}) && {read_back}", prepared.line);
    if let Some(end) = server_program(context, ServerDump { line, ..prepared }, &secret).await? {
        return Ok(Err(end));
    }
    std::fs::rename(&part, &copy)
        .map_err(|error| Report::new(Kind::Failed, format!("The copy of the database cannot be kept: {error}.")))?;
    Ok(Ok(copy))
}

/// Says how many rows of a table are new, changed or deleted, and which.
fn listed(table: &Entered) -> String {
    let parts = [(table.new, "new"), (table.changed, "changed"), (table.deleted, "deleted")];
    let parts: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    let keys: Vec<String> = table.keys.iter().map(|key| plain(key.as_bytes()).into_owned()).collect();
    let more = (table.new + table.changed + table.deleted).saturating_sub(keys.len() as u64);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{} ({}{more}).", parts.join(", "), keys.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_entered_is_said_with_counts_and_keys() {
        let table = Entered {
            table: "shop_sale".into(),
            new: 20,
            changed: 1,
            deleted: 0,
            keys: vec!["1".into(), "\u{1b}[31m2".into()],
            file: "/x".into(),
        };
        assert_eq!(listed(&table), "20 new, 1 changed (1, 2 and 19 more).");
    }
}
