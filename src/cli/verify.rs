//! `verify SNAPSHOT`: proves that a snapshot is complete and readable; with `--site` also that it is what the database
//! of the site holds. Only reads.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use serde_json::json;

use super::args::Format;
use super::unprintable;
use crate::error::{Report, Tell};
use crate::messages::line::plain;
use crate::site::{self, Db, Site};
use crate::snapshot::{self, Verification};

/// Verifies a directory or archive and prints the result; exit status 1 when something is wrong.
pub async fn run(path: &Path, site: Option<&Site>, format: Format, out: &mut dyn Write) -> Result<u8, Report> {
    let found = match site {
        None => snapshot::verify(path, &BTreeMap::new()).map_err(|error| error.tell())?,
        Some(site) => with_database(path, site).await?,
    };
    let written = match format {
        Format::Json => writeln!(
            out,
            "{}",
            json!({"ok": found.is_ok(), "tables": found.tables.len(), "rows": found.rows(), "problems": found.problems})
        ),
        Format::Text => text(&found, site, out),
    };
    written.map_err(|error| unprintable(&error))?;
    Ok(u8::from(!found.is_ok()))
}

async fn with_database(path: &Path, site: &Site) -> Result<Verification, Report> {
    let facts = site::facts::ask(site).await.map_err(|error| error.tell())?;
    let keys = facts.dumped_models().map(|model| (model.table.clone(), model.pk.clone())).collect();
    let mut found = snapshot::verify(path, &keys).map_err(|error| error.tell())?;
    let connection = site::facts::connection(site).await.map_err(|error| error.tell())?;
    let mut db = Db::connect_read_only(&connection).await.map_err(|error| error.tell())?;
    snapshot::compare_with_database(&mut found, &mut db, &facts).await.map_err(|error| error.tell())?;
    db.close().await;
    Ok(found)
}

fn text(found: &Verification, site: Option<&Site>, out: &mut dyn Write) -> std::io::Result<()> {
    for problem in &found.problems {
        let line = problem.line.map_or_else(String::new, |line| format!(":{line}"));
        writeln!(out, "{}{line}: {}", plain(problem.path.as_bytes()), plain(problem.message.as_bytes()))?;
    }
    let version = plain(found.source_version.as_deref().unwrap_or("of no version").as_bytes());
    writeln!(
        out,
        "{version}: {} tables, {} rows, {} problems",
        found.tables.len(),
        found.rows(),
        found.problems.len()
    )?;
    match (found.is_ok(), site) {
        (true, None) => writeln!(
            out,
            "The snapshot is complete in itself. Whether it has all rows of a database was not looked at: name its site \
             with --site."
        ),
        (true, Some(site)) => {
            writeln!(out, "The snapshot has exactly the rows of the database of {}.", site.dir.display())
        }
        (false, _) => writeln!(out, "Do not rely on this snapshot. Make it again with ./make_snapshot.sh."),
    }
}
