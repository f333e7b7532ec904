//! `verify SNAPSHOT`: proves that a snapshot is complete and readable, without a site.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use serde_json::json;

use super::args::Format;
use super::unprintable;
use crate::error::{Report, Tell};
use crate::snapshot;

/// Verifies a directory or archive and prints the result; exit status 1 when something is wrong.
pub fn run(path: &Path, format: Format, out: &mut dyn Write) -> Result<u8, Report> {
    let found = snapshot::verify(path, &BTreeMap::new()).map_err(|error| error.tell())?;
    let written = match format {
        Format::Json => writeln!(
            out,
            "{}",
            json!({"ok": found.is_ok(), "tables": found.tables.len(), "rows": found.rows(), "problems": found.problems})
        ),
        Format::Text => text(&found, out),
    };
    written.map_err(|error| unprintable(&error))?;
    Ok(u8::from(!found.is_ok()))
}

fn text(found: &snapshot::Verification, out: &mut dyn Write) -> std::io::Result<()> {
    for problem in &found.problems {
        let line = problem.line.map_or_else(String::new, |line| format!(":{line}"));
        writeln!(out, "{}{line}: {}", problem.path, problem.message)?;
    }
    let version = found.source_version.as_deref().unwrap_or("of no version");
    writeln!(out, "{version}: {} tables, {} rows, {} problems", found.tables.len(), found.rows(), found.problems.len())
}
