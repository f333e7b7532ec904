//! `snapshot`, `verify-snapshot` and `protect`: the data is written out, proved, and the way back is recorded.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::super::context::{Command, Context};
use super::super::{StepEnd, unchanged};
use super::compare::{DESCRIBED, describe};
use super::{blocking, done, failed, unfinished};
use crate::error::{Kind, Report, Tell};
use crate::messages::CommandKind;
use crate::procedure::Finding;
use crate::site::{self, Db, Engine, quote};
use crate::snapshot::{self, Verification, protect};

/// Makes the snapshot.
pub async fn make(context: &Context) -> Result<StepEnd, Report> {
    let known = context.known();
    if known.database_changed {
        return Ok(failed("a restore has begun to change the database, so a snapshot of it would lose data").with(
            vec![Finding::fail(
                "database",
                "It is not the database of the old version any more.",
                "Bring the old database back first; the step Record the way back says how.",
            )],
        ));
    }
    keep_old_archive(context)?;
    // The directory is written anew, and with it goes the last copy of its script.
    super::super::decided::keep(&context.site).map_err(|error| {
        Report::new(Kind::Failed, format!("Your changes of restore_decided.py cannot be kept: {error}."))
            .unchanged("No new snapshot was made.")
            .next("Free some disk space, then retry.")
    })?;
    unchanged::before_snapshot(context).await?;
    let mut command = Command::new("snapshot", CommandKind::Snapshot, known.lines.snapshot);
    if known.engine == "postgresql" {
        let (name, value) = site::dump::postgres_options();
        command = command.env(name, &value);
    }
    let end = context.command(command).await?;
    if let Some(end) = unfinished(&end) {
        return Ok(end);
    }
    let changes = unchanged::after_snapshot(context).await?;
    Ok(done("made; the next step proves it").with(changes.into_iter().collect()))
}

/// The archive that is there stays until the new one is verified: `make_snapshot.sh` may move or delete it.
fn keep_old_archive(context: &Context) -> Result<(), Report> {
    let archive = context.site.dir.join("snapshot.zip");
    let kept = context.site.state_dir.join("previous-snapshot.zip");
    if !archive.exists() {
        return Ok(());
    }
    let _ = std::fs::remove_file(&kept);
    std::fs::hard_link(&archive, &kept).or_else(|_| std::fs::copy(&archive, &kept).map(drop)).map_err(|error| {
        Report::new(Kind::Failed, format!("The old snapshot.zip cannot be kept: {error}."))
            .unchanged("No new snapshot was made.")
            .next("Free some disk space, then retry.")
    })
}

/// Proves the snapshot.
pub async fn verify(context: &Context) -> Result<StepEnd, Report> {
    let site = &context.site;
    let dir = site.dir.join(&site.config.snapshot.directory);
    let archive = site.dir.join("snapshot.zip");
    let facts = site::facts::ask(site).await.map_err(|error| error.tell())?;
    // After `pull` these would be facts of the new version.
    if context.known().packages_changed.is_none() {
        let now = super::super::clock::now();
        context.journal.record(context.run, DESCRIBED, &describe(&facts), now).await.map_err(|error| error.tell())?;
    }
    let keys: BTreeMap<String, String> =
        facts.dumped_models().map(|model| (model.table.clone(), model.pk.clone())).collect();
    context.progress(0, None, "reading the snapshot");
    let directory = dir.clone();
    let mut found = blocking(move || snapshot::verify(&directory, &keys)).await?.map_err(|error| error.tell())?;
    context.progress(0, None, "comparing with the database");
    let connection = site::facts::connection(site).await.map_err(|error| error.tell())?;
    let mut db = Db::connect_read_only(&connection).await.map_err(|error| error.tell())?;
    snapshot::compare_with_database(&mut found, &mut db, &facts).await.map_err(|error| error.tell())?;
    let changes = unchanged::when_verified(context, &connection, &mut db).await?;
    db.close().await;
    if let Some(changes) = changes {
        return Ok(failed("the data was changed after the snapshot was made").with(vec![changes]));
    }
    if archive.exists() {
        context.progress(0, None, "reading the archive");
        let directory = dir.clone();
        let problems = blocking(move || {
            let whole = snapshot::verify(&archive, &BTreeMap::new())?;
            let mut problems = whole.problems;
            problems.extend(snapshot::same_as_directory(&archive, &directory)?);
            Ok::<_, snapshot::SnapshotError>(problems)
        })
        .await?
        .map_err(|error| error.tell())?;
        found.problems.extend(problems.into_iter().map(|mut problem| {
            problem.path = format!("snapshot.zip: {}", problem.path);
            problem
        }));
    }
    let script = dir.join("restore.py");
    let stamp = stamp(&script)?;
    let known = context.known();
    if let Some(down) = known.down_since
        && stamp.1 < down
    {
        return Ok(failed("the snapshot is older than the moment when the services were stopped")
            .with(vec![Finding::fail("age", "It does not hold what was entered last.", "Make the snapshot again.")]));
    }
    conclude(context, &found, stamp).await
}

async fn conclude(context: &Context, found: &Verification, stamp: (u64, i64)) -> Result<StepEnd, Report> {
    if !found.is_ok() {
        let findings = found
            .problems
            .iter()
            .take(50)
            .map(|problem| {
                let line = problem.line.map_or_else(String::new, |line| format!(":{line}"));
                let remedy = "Make the snapshot again; if it stays so, ask the application developer.";
                Finding::fail(format!("{}{line}", problem.path), &problem.message, remedy)
            })
            .collect();
        return Ok(failed(format!("{} problems in the snapshot", found.problems.len())).with(findings));
    }
    let rows = found.tables.iter().map(|(table, entry)| (table.clone(), entry.rows)).collect();
    context
        .learn(|knowledge| {
            knowledge.snapshot_rows = rows;
            knowledge.snapshot_stamp = Some(stamp);
            // Its rows were counted in another snapshot.
            knowledge.verdict = None;
        })
        .await?;
    let text = format!("{} rows in {} tables, all as in the database", found.rows(), found.tables.len());
    context.note(&text)?;
    Ok(done(text))
}

fn stamp(path: &Path) -> Result<(u64, i64), Report> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).map(|data| (data.len(), data.mtime())).map_err(|error| {
        Report::new(Kind::Failed, format!("{} cannot be read: {error}.", path.display()))
            .next("Make the snapshot again.")
    })
}

/// Records the way back: database, environment, packages.
pub async fn protect(context: &Context) -> Result<StepEnd, Report> {
    let dir = context.site.state_dir.join("protect").join(format!("run-{:04}", context.run));
    site::prepare_private(&dir).map_err(|error| {
        Report::new(Kind::Failed, format!("{} cannot be created: {error}.", dir.display()))
            .next("Free some disk space.")
    })?;
    super::code::packages_before(context).await?;
    let mut findings = Vec::new();
    let connection = site::facts::connection(&context.site).await.map_err(|error| error.tell())?;
    let copy = if connection.engine == Engine::Sqlite {
        let copy = dir.join("database.sqlite");
        context.progress(0, None, "copying the database");
        context.note(&format!("VACUUM INTO {}", copy.display()))?;
        protect::sqlite_copy(Path::new(&connection.name), &copy).await.map_err(|text| {
            Report::new(Kind::Failed, format!("The database cannot be copied: {text}."))
                .unchanged("The database itself was only read.")
                .next("Free some disk space, then retry.")
        })?;
        copy
    } else {
        match server_copy(context, &connection, &dir).await? {
            Ok(copy) => copy,
            Err(end) => return Ok(end),
        }
    };
    findings.push(Finding::pass("database", format!("Copied to {} and read back.", copy.display())));
    let env = context.site.env_dir.canonicalize().unwrap_or_else(|_| context.site.env_dir.clone());
    let env_copy = dir.join("env");
    let (from, to) = (quote(&env.to_string_lossy()), quote(&env_copy.to_string_lossy()));
    let part = quote(&dir.join("env.part").to_string_lossy());
    let line = format!("rm -rf {part} {to} && cp -a --reflink=auto {from} {part} && mv {part} {to}");
    let end = context.command(Command::new("environment", CommandKind::Other, line)).await?;
    if let Some(end) = unfinished(&end) {
        return Ok(end.with(findings));
    }
    findings.push(Finding::pass("environment", format!("Copied to {}.", env_copy.display())));
    let database_back = protect::bring_back_line(&connection, &dir.join(EMPTY), &copy);
    let database_asks = connection.password.as_ref().and(connection.user.clone());
    let environment_back = format!("mv {from} {from}.new && cp -a --reflink=auto {to} {from}");
    context
        .learn(|knowledge| {
            knowledge.protection.database_copy = Some(copy.display().to_string());
            knowledge.protection.database_back = Some(database_back);
            knowledge.protection.database_asks = database_asks;
            knowledge.protection.environment_copy = Some(env_copy.display().to_string());
            knowledge.protection.environment_back = Some(environment_back);
        })
        .await?;
    Ok(done("database and environment are copied").with(findings))
}

/// The statements that empty the database before its copy is loaded.
const EMPTY: &str = "empty.sql";

async fn server_copy(
    context: &Context,
    connection: &site::Connection,
    dir: &Path,
) -> Result<Result<PathBuf, StepEnd>, Report> {
    let mut db = Db::connect_read_only(connection).await.map_err(|error| error.tell())?;
    let emptying = protect::emptying(&mut db, connection).await.map_err(|error| error.tell())?;
    db.close().await;
    let copy = dir.join("database.sql");
    // One name: when the wizard died while the dump ran, this writes over what it left behind.
    let secret = dir.join("secret");
    let prepared = protect::write_private(&dir.join(EMPTY), &emptying)
        .and_then(|()| protect::server_dump(connection, &copy, &secret))
        .map_err(|error| {
            Report::new(Kind::Failed, format!("The copy of the database cannot be prepared: {error}."))
                .next("Free some disk space, then retry.")
        })?;
    let mut command = Command::new("database", CommandKind::Other, prepared.line);
    for (name, value) in &prepared.env {
        command = command.env(name, value);
    }
    let end = context.command(command).await;
    let _ = std::fs::remove_file(&secret);
    if let Some(end) = unfinished(&end?) {
        return Ok(Err(end));
    }
    let line = protect::read_back_line(connection.engine, &copy);
    let end = context.command(Command::new("read-back", CommandKind::Other, line)).await?;
    Ok(match unfinished(&end) {
        Some(end) => Err(end),
        None => Ok(copy),
    })
}
