//! `snapshot` and `verify-snapshot`: the data is written out and proved.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::context::{Command, Context};
use super::super::recovery::FILES;
use super::super::{StepEnd, unchanged};
use super::compare::{DESCRIBED, describe};
use super::{blocking, done, failed, unfinished};
use crate::error::{Kind, Report, Tell};
use crate::fault::{self, Place};
use crate::messages::CommandKind;
use crate::procedure::Finding;
use crate::site::{self, Db};
use crate::snapshot::{self, Verification};

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
    keep_old_archive(context).await?;
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

/// Name of the journal's fact that the archive of before this run is kept.
const ARCHIVE_KEPT: &str = "archive-kept";

/// The archive that is there stays until the new one is verified: `make_snapshot.sh` may move or delete it. What a
/// broken-off attempt of this run has left there is not worth keeping.
async fn keep_old_archive(context: &Context) -> Result<(), Report> {
    let archive = context.site.dir.join("snapshot.zip");
    let kept = context.site.state_dir.join("previous-snapshot.zip");
    let known: Option<bool> = context.journal.fact(context.run, ARCHIVE_KEPT).await.map_err(|error| error.tell())?;
    if known.is_some() || !archive.exists() {
        return Ok(());
    }
    let part = kept.with_extension("part");
    let _ = std::fs::remove_file(&part);
    fault::before_write(Place::Snapshot)
        .and_then(|()| std::fs::hard_link(&archive, &part).or_else(|_| std::fs::copy(&archive, &part).map(drop)))
        .and_then(|()| std::fs::rename(&part, &kept))
        .map_err(|error| {
            Report::new(Kind::Failed, format!("The old snapshot.zip cannot be kept: {error}."))
                .unchanged("No new snapshot was made.")
                .next("Free some disk space, then retry.")
        })?;
    fault::after_write(Place::Snapshot);
    let now = super::super::clock::now();
    context.journal.record(context.run, ARCHIVE_KEPT, &true, now).await.map_err(|error| error.tell())
}

/// Proves the snapshot.
pub async fn verify(context: &Context) -> Result<StepEnd, Report> {
    let site = &context.site;
    let dir = site.dir.join(&site.config.snapshot.directory);
    let archive = site.dir.join("snapshot.zip");
    let facts = site::facts::ask(site).await.map_err(|error| error.tell())?;
    let mut found = beside_database(context, &facts).await?;
    // After `pull` these would be facts of the new version.
    if context.known().packages_changed.is_none() {
        let now = super::super::clock::now();
        context.journal.record(context.run, DESCRIBED, &describe(&facts), now).await.map_err(|error| error.tell())?;
    }
    let connection = site::facts::connection(site).await.map_err(|error| error.tell())?;
    let mut db = Db::connect_read_only(&connection).await.map_err(|error| error.tell())?;
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
    let files = files(&dir).map_err(|error| {
        Report::new(Kind::Failed, format!("The snapshot cannot be read: {error}.")).next("Make the snapshot again.")
    })?;
    let now = super::super::clock::now();
    context.journal.record(context.run, FILES, &files, now).await.map_err(|error| error.tell())?;
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

/// Reads the snapshot and holds it against the database: whether it is whole, and which rows and keys differ.
pub(super) async fn beside_database(context: &Context, facts: &site::Facts) -> Result<Verification, Report> {
    let site = &context.site;
    let dir = site.dir.join(&site.config.snapshot.directory);
    let keys: BTreeMap<String, String> =
        facts.dumped_models().map(|model| (model.table.clone(), model.pk.clone())).collect();
    context.progress(0, None, "reading the snapshot");
    let mut found = blocking(move || snapshot::verify(&dir, &keys)).await?.map_err(|error| error.tell())?;
    context.progress(0, None, "comparing with the database");
    let connection = site::facts::connection(site).await.map_err(|error| error.tell())?;
    let mut db = Db::connect_read_only(&connection).await.map_err(|error| error.tell())?;
    snapshot::compare_with_database(&mut found, &mut db, facts).await.map_err(|error| error.tell())?;
    db.close().await;
    Ok(found)
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

/// Returns the files of the snapshot with their lengths, when each is on disk: the restore drops what they were made of.
fn files(dir: &Path) -> std::io::Result<BTreeMap<String, u64>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let data = entry.metadata()?;
        // Only what is written with the snapshot: a copy with decisions may come and go.
        if data.is_file() && entry.file_name() != super::super::decided::COPY {
            std::fs::File::open(entry.path())?.sync_all()?;
            files.insert(entry.file_name().to_string_lossy().into_owned(), data.len());
        }
    }
    std::fs::File::open(dir)?.sync_all()?;
    Ok(files)
}

/// Returns length and modification time of a file.
pub fn stamp(path: &Path) -> Result<(u64, i64), Report> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).map(|data| (data.len(), data.mtime())).map_err(|error| {
        Report::new(Kind::Failed, format!("{} cannot be read: {error}.", path.display()))
            .next("Make the snapshot again.")
    })
}
