//! Looks at everything that the verdict rests on. What cannot be looked at becomes a sentence of the evidence.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::super::super::context::Context;
use crate::compare::count::Count;
use crate::compare::judge::{Described, Looked, Merged, Sources, merge};
use crate::compare::{Catalogue, Evidence, Question};
use crate::dump::Script;
use crate::error::{Report, Tell};
use crate::messages::line::plain;
use crate::procedure::DumpScripts;
use crate::site::{self, Db, Facts};
use crate::snapshot::count::count;

/// Name of the journal's fact that holds what the old version said of itself, before `pull` replaced it.
pub const DESCRIBED: &str = "described-before";

/// Takes from the facts what a comparison needs.
pub fn describe(facts: &Facts) -> Described {
    Described { version: facts.site.version.clone(), models: facts.described(), migrator: facts.migrator() }
}

/// Gathers the evidence.
pub async fn gather(context: &Context, simulated: Result<DumpScripts, String>) -> Result<Evidence, Report> {
    let site = &context.site;
    let known = context.known();
    context.progress(0, None, "asking the new version for its models");
    let before: Option<Described> = context.journal.fact(context.run, DESCRIBED).await.map_err(|error| error.tell())?;
    let after = site::facts::ask(site).await;
    context.progress(0, None, "reading the catalogue of the database");
    let mut db = connect(context).await?;
    let snapshot = site.dir.join(&site.config.snapshot.directory);
    let mut left_out = Vec::new();
    if known.snapshot_rows.is_empty() {
        left_out.push("The snapshot was not verified.".to_owned());
    }
    if known.database_changed {
        left_out.push("A restore has changed the database since the snapshot was made.".to_owned());
    }
    let unknown_before = "The models of the old version are unknown: they were not asked before the new one came.";
    let mut sources = Sources::new(Looked {
        before: before.ok_or_else(|| unknown_before.to_owned()),
        after: after.as_ref().map(describe).map_err(|error| {
            format!("The models of the new version are unknown: {}", plain(error.to_string().as_bytes()))
        }),
        old: read(&snapshot.join("restore.py")),
        new: simulated
            .map_err(|why| format!("There is no simulated dump to compare: {}.", why.trim_end_matches('.')))
            .and_then(|scripts| read(Path::new(&scripts.simulated))),
        catalogue: catalogue(&mut db).await?,
        engine: known.engine,
        rows: known.snapshot_rows,
        left_out,
    });
    let merged = merge(&sources);
    sources.aside = count_aside(&mut db, &sources.tables_aside(&merged)).await;
    if let Ok(db) = db {
        db.close().await;
    }
    context.progress(0, None, "counting the rows that are touched");
    let (sources, merged, counts) = count_rows(snapshot, sources, merged).await?;
    Ok(Evidence::gather(&sources, merged, counts))
}

fn read(path: &Path) -> Result<Script, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{} cannot be read: {error}.", path.display()))?;
    Ok(Script::read(&String::from_utf8_lossy(&bytes)))
}

/// Connects; or says why the database cannot be looked at. That nobody answers is no reason to judge without it: the next
/// steps need it, too.
async fn connect(context: &Context) -> Result<Result<Db, Report>, Report> {
    let connection = match site::facts::connection(&context.site).await {
        Ok(connection) => connection,
        Err(error) => return Ok(Err(error.tell())),
    };
    match Db::connect_read_only(&connection).await {
        Err(error) if error.is_unreachable() => Err(error.tell()),
        connected => Ok(connected.map_err(|error| error.tell())),
    }
}

async fn catalogue(db: &mut Result<Db, Report>) -> Result<Result<Catalogue, String>, Report> {
    let why = |report: &Report| format!("The catalogue of the database was not read: {}", report.what);
    Ok(match db {
        Ok(db) => match db.catalogue().await {
            Err(error) if error.is_unreachable() => return Err(error.tell()),
            read => read.map_err(|error| why(&error.tell())),
        },
        Err(report) => Err(why(report)),
    })
}

/// Counts the rows of tables that are in no snapshot. Those that cannot be counted stay unknown.
async fn count_aside(db: &mut Result<Db, Report>, wanted: &BTreeSet<String>) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    let Ok(db) = db else { return counts };
    let Ok(tables) = db.tables().await else { return counts };
    for table in wanted.iter().filter(|table| tables.contains(table)) {
        if let Ok(rows) = db.count(table).await {
            counts.insert(table.clone(), rows);
        }
    }
    counts
}

async fn count_rows(
    snapshot: PathBuf,
    sources: Sources,
    merged: Vec<Merged>,
) -> Result<(Sources, Vec<Merged>, Vec<Count>), Report> {
    super::super::blocking(move || {
        let questions: Vec<Vec<Question>> = merged.iter().map(Merged::questions).collect();
        let keys = sources.keys();
        let counts = match sources.setting(&keys) {
            Some(setting) => count(&snapshot, setting, &questions),
            None => {
                questions.iter().map(|_| Count::unknown("the dump script of the snapshot cannot be read")).collect()
            }
        };
        (sources, merged, counts)
    })
    .await
}
