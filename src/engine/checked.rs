//! How each row was when Lino had checked the data. What differs later was entered by people, and not repaired by Lino.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::context::Context;
use crate::error::{Report, Tell};
use crate::procedure::StepId;
use crate::site::{self, Db, Site};
use crate::snapshot::{Prints, Touched};

/// How long it may take to count what was entered while somebody waits for the plan of an undo.
const PATIENCE: Duration = Duration::from_secs(15);

fn dir(site: &Site) -> PathBuf {
    site.state_dir.join("account")
}

fn file(site: &Site, run: i64) -> PathBuf {
    dir(site).join(format!("rows-{run:04}"))
}

/// Notes how each row is. That this cannot be done is no failure: then all is told that differs from the restore.
pub(super) async fn keep(context: &Context) -> Result<(), Report> {
    context.progress(0, None, "noting how the rows are");
    match taken(context).await {
        Ok(()) => Ok(()),
        Err(why) => context.note(&format!("It cannot be noted how each row is: {why}")),
    }
}

async fn taken(context: &Context) -> Result<(), String> {
    let site = &context.site;
    forget(site);
    let facts = site::facts::ask(site).await.map_err(|error| error.tell().what)?;
    let tables = facts.dumped_models().map(|model| (model.table.clone(), model.pk_column.clone()));
    let tables: Vec<(String, String)> = tables.collect();
    let connection = site::facts::connection(site).await.map_err(|error| error.tell().what)?;
    let mut db = Db::connect_read_only(&connection).await.map_err(|error| error.tell().what)?;
    let prints = Prints::take(&mut db, tables).await.map_err(|error| error.tell().what)?;
    db.close().await;
    site::prepare_private(&dir(site))
        .and_then(|()| prints.write(&file(site, context.run)))
        .map_err(|error| error.to_string())
}

/// Forgets what was noted in any run: the rows are about to change, or somebody else could have changed them.
pub(super) fn forget(site: &Site) {
    let entries = std::fs::read_dir(dir(site)).into_iter().flatten().filter_map(Result::ok);
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("rows-")) {
        let _ = std::fs::remove_file(entry.path());
    }
}

/// Finds the rows that were touched since, for the undo that runs; none when nothing was noted.
pub(super) async fn touched(context: &Context) -> Option<Touched> {
    let run = context.known().undoing?.run;
    found(&context.site, &file(&context.site, run)).await.ok()
}

async fn found(site: &Site, file: &Path) -> Result<Touched, String> {
    let path = file.to_owned();
    let read = tokio::task::spawn_blocking(move || Prints::read(&path)).await.map_err(|error| error.to_string())?;
    let prints = read.map_err(|error| error.to_string())?;
    let connection = site::facts::connection(site).await.map_err(|error| error.tell().what)?;
    let mut db = Db::connect_read_only(&connection).await.map_err(|error| error.tell().what)?;
    let touched = prints.touched(&mut db).await.map_err(|error| error.tell().what);
    db.close().await;
    touched
}

/// Counts the rows that were touched since; none when nobody knows, or it takes too long.
pub(super) async fn count(site: &Site, run: i64) -> Option<u64> {
    let file = file(site, run);
    if !file.exists() {
        return None;
    }
    let found = tokio::time::timeout(PATIENCE, found(site, &file)).await.ok()?;
    found.ok().map(|touched| touched.rows())
}

/// Forgets what was noted in this step when somebody else was seen: nobody knows then what Lino has changed.
pub(super) fn disturbed(context: &Context) {
    if context.step == StepId::CheckData {
        forget(&context.site);
    }
}
