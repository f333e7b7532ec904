//! `undo-keep`: what users have entered since the services were started with the new version. The old database does not
//! have it, so it is written down first: the database as it is, and its rows in files that people can read.

use std::path::{Path, PathBuf};

use super::super::super::clock::now;
use super::super::super::context::Context;
use super::super::super::{StepEnd, checked, unchanged};
use super::super::protect::server_program;
use super::super::{account, blocking, done, failed};
use super::since::Looked;
use super::{environment, prepare, since, undoing};
use crate::error::{Kind, Report, Tell};
use crate::messages::line::plain;
use crate::procedure::{Finding, Level};
use crate::site::{self, Connection, Engine};
use crate::snapshot::protect::ServerDump;
use crate::snapshot::{self, Entered, protect};

/// Tables that findings name.
const NAMED: usize = 40;
/// The journal's fact that says how many rows were entered.
pub const ENTERED: &str = "entered-rows";

/// Which code is in place, and whose the data is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum InPlace {
    /// The new version, with its data.
    New,
    /// The old version, and the data of the new one: nobody can write it out.
    Between,
    /// The old version, with its data.
    Old,
}

impl InPlace {
    async fn look(context: &Context) -> Result<Self, Report> {
        if undoing(context).replaced {
            return Ok(Self::Old);
        }
        Ok(if environment::is_back(context).await? { Self::Between } else { Self::New })
    }
}

/// Keeps what was entered.
pub async fn keep(context: &Context) -> Result<StepEnd, Report> {
    let dir = prepare(context)?;
    let mut findings = Vec::new();
    let mut kept = 1;
    match site::facts::connection(&context.site).await {
        Ok(connection) => match native(context, &connection, &dir).await? {
            Ok(made) => {
                kept = made.number;
                let text = format!("Copied as it is now to {} and read back.", made.path.display());
                findings.push(Finding::pass("database", text));
                if InPlace::look(context).await? == InPlace::Between {
                    remember(context, None).await?;
                    return Ok(only_copied(&made, findings));
                }
            }
            Err(end) => return Ok(end.with(findings)),
        },
        Err(error) => findings.push(later(&error.tell())),
    }
    let dump = match account::dump(context, dir.join(numbered("dump", kept))).await? {
        Ok(dump) => dump,
        Err(none) if none.can_be_mended() => {
            let because = format!("what was entered cannot be listed: {}", none.why);
            return Ok(failed(because).with(findings).with(none.findings));
        }
        Err(none) => {
            let text = format!("The new version cannot write out its data: {} So no row is listed.", none.why);
            let remedy = "What was entered is in the copy of the database that is kept; ask the application developer.";
            findings.push(Finding::warn("rows", text, remedy));
            remember(context, None).await?;
            return Ok(done("the database is kept; its rows could not be listed").with(findings));
        }
    };
    let rows = dir.join(numbered("rows", kept));
    let (found, what) = listed_rows(context, dump, &rows).await?;
    for table in &found {
        context.note(&format!("{}: {}", table.table, listed(table)))?;
    }
    findings.extend(told(&found, &rows, what));
    let rows: u64 = found.iter().map(|table| table.new + table.changed + table.deleted).sum();
    remember(context, Some(rows)).await?;
    Ok(match rows {
        0 => done(format!("every row is as {}", what.words())),
        1 => done(format!("1 row is another than {}; it is exported", what.words())),
        rows => done(format!("{rows} rows are others than {}; they are exported", what.words())),
    }
    .with(findings))
}

/// Remembers how many rows were entered; none when nobody knows.
async fn remember(context: &Context, rows: Option<u64>) -> Result<(), Report> {
    context.journal.record(context.run, ENTERED, &rows, now()).await.map_err(|error| error.tell())
}

/// The end of the step when the data is that of the new version, and its code is not in place any more.
fn only_copied(made: &Native, mut findings: Vec<Finding>) -> StepEnd {
    let tables = match made.changed.as_slice() {
        [] => String::new(),
        tables => format!(" Others than before: {}.", unchanged::listed(tables)),
    };
    let text = format!(
        "What was entered after the packages were brought back is in {}. The new version is not in place any more, so its \
         rows cannot be listed.{tables}",
        made.path.display()
    );
    let remedy = "Enter it again by hand, with the help of whoever can read that copy.";
    findings.push(Finding::warn("rows", text, remedy));
    done("the database is kept once more, as it is now").with(findings)
}

/// With what the data is compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beside {
    /// What it was when Lino had checked it.
    Checked,
    /// What it was after the restore.
    Restored,
    /// The snapshot.
    Snapshot,
}

impl Beside {
    const fn words(self) -> &'static str {
        match self {
            Self::Checked => "when the data had been checked",
            Self::Restored => "after the restore",
            Self::Snapshot => "in the snapshot",
        }
    }
}

/// Compares the dump with how the data was before users were let in, and writes the rows that differ.
async fn listed_rows(context: &Context, dump: PathBuf, rows: &Path) -> Result<(Vec<Entered>, Beside), Report> {
    let (before, mut what) = before(context).await?;
    context.note(&format!("Compared with {}.", before.display()))?;
    let mut touched = None;
    if what != Beside::Snapshot || !undoing(context).replaced {
        touched = checked::touched(context).await;
        what = if touched.is_some() { Beside::Checked } else { what };
    }
    context.progress(0, None, "looking for what was entered");
    let known = site::facts::ask(&context.site).await.map(|facts| snapshot::known(&facts)).unwrap_or_default();
    let _ = std::fs::remove_dir_all(rows);
    site::prepare_private(rows).map_err(|error| {
        Report::new(Kind::Environment, format!("{} cannot be created: {error}.", rows.display()))
            .next("Free some disk space.")
    })?;
    let target = rows.to_owned();
    let found = blocking(move || snapshot::entered(&before, &dump, &known, touched.as_ref(), &target)).await?;
    Ok((found.map_err(|error| error.tell())?, what))
}

/// Tells of each table, and where all of it is.
fn told(found: &[Entered], dir: &Path, what: Beside) -> Vec<Finding> {
    if found.is_empty() {
        return Vec::new();
    }
    let text = format!("Rows that differ are in {}, a file for each table.", dir.display());
    let remedy = if what == Beside::Checked {
        "Enter again by hand what is needed, from these files."
    } else {
        "Enter again by hand what people have entered, from these files. What Lino itself has changed since the restore \
         is among these rows, too."
    };
    let mut findings = vec![Finding::warn("rows", text, remedy)];
    // One remedy for all of them.
    let seen = |subject: &str, text| Finding { level: Level::Warn, subject: subject.to_owned(), text, remedy: None };
    findings.extend(found.iter().take(NAMED).map(|table| seen(&table.table, listed(table))));
    if found.len() > NAMED {
        let text = format!("{} more tables have other rows; the log names them.", found.len() - NAMED);
        findings.push(seen("rows", text));
    }
    findings
}

/// Returns the dump with which the data in place is compared, and what it is.
async fn before(context: &Context) -> Result<(PathBuf, Beside), Report> {
    let site = &context.site;
    let restored = site.state_dir.join("account/after");
    let old = InPlace::look(context).await? == InPlace::Old;
    if !old && context.known().account.is_some() && restored.join("restore.py").exists() {
        Ok((restored, Beside::Restored))
    } else {
        Ok((site.dir.join(&site.config.snapshot.directory), Beside::Snapshot))
    }
}

/// Returns the name of what is kept for the so manieth time.
fn numbered(name: &str, number: u32) -> String {
    if number < 2 { name.to_owned() } else { format!("{name}-{number}") }
}

fn later(report: &Report) -> Finding {
    let text = format!("The new version does not say where its database is: {}", report.what);
    Finding::warn(
        "database",
        text,
        "Nothing to do: it is copied when the old packages are back, before it is replaced.",
    )
}

/// A native copy of the data as it was when it was made.
pub(super) struct Native {
    path: PathBuf,
    /// The how manieth it is in this undo, from 1.
    number: u32,
    /// What has changed since the one before, by table; empty when nobody knows.
    changed: Vec<(String, String)>,
}

/// Copies the database as it is now, unless it is as it was when it was copied last. Copies that were made before stay.
/// Returns the copy, or the end of the step.
pub(super) async fn native(
    context: &Context,
    connection: &Connection,
    dir: &Path,
) -> Result<Result<Native, StepEnd>, Report> {
    const COMMAND: &str = "keep";
    let sqlite = connection.engine == Engine::Sqlite;
    let file =
        |number: u32| dir.join(numbered("database", number)).with_extension(if sqlite { "sqlite" } else { "sql" });
    let last = since::last(context).await?.unwrap_or_default();
    let mut made = Native { path: file(last.kept), number: last.kept, changed: Vec::new() };
    if !context.has_command(COMMAND).await? {
        // Before it is copied: who writes meanwhile is seen by the next look.
        let print = since::look(connection).await?;
        if last.kept > 0 && made.path.exists() && last.print == print {
            return Ok(Ok(made));
        }
        if last.kept > 0 {
            made.changed = since::tables(connection, &last.print, &print, &made.path).await?;
        }
        made.number = (last.kept.max(1)..u32::MAX).find(|number| !file(*number).exists()).unwrap_or(u32::MAX);
        made.path = file(made.number);
        since::remember(context, &Looked { kept: made.number, print }).await?;
    }
    let copy = made.path.clone();
    if copy.exists() {
        return Ok(Ok(made));
    }
    context.progress(0, None, "copying the database as it is now");
    if sqlite {
        context.note(&format!("VACUUM INTO {}", copy.display()))?;
        let copied = protect::sqlite_copy(Path::new(&connection.name), &copy).await;
        return Ok(match copied {
            Ok(()) => Ok(made),
            Err(text) => Err(failed("the database as it is now cannot be copied").with(vec![Finding::fail(
                "database",
                format!("{text}. It was only read."),
                "Free some disk space, then retry. Leave this step out only if what was entered may be lost.",
            )])),
        });
    }
    let (part, secret) = (copy.with_extension("sql.part"), dir.join(protect::SECRET));
    let prepared = protect::server_dump(connection, &part, &secret).map_err(|error| {
        Report::new(Kind::Failed, format!("The copy of the database cannot be prepared: {error}."))
            .next("Free some disk space, then retry.")
    })?;
    let read_back = protect::read_back_line(connection.engine, &part);
    let line = format!("({}) && {read_back}", prepared.line);
    if let Some(end) = server_program(context, COMMAND, ServerDump { line, ..prepared }, &secret).await? {
        return Ok(Err(end));
    }
    std::fs::rename(&part, &copy)
        .map_err(|error| Report::new(Kind::Failed, format!("The copy of the database cannot be kept: {error}.")))?;
    Ok(Ok(made))
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
