//! `lino-upgrade init`: writes a commented `lino-upgrade.toml` from what was found. Never overwrites one.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;

use crate::error::{Kind, Report, Tell};
use crate::site::config::{FILE_NAME, render_commented};
use crate::site::{Surroundings, detect, facts, find};

/// Writes the file for the site at `start` (what stands after `--site`), or of the current directory. Returns what
/// to tell the operator.
pub async fn init(start: Option<&Path>) -> Result<String, Report> {
    let cwd = std::env::current_dir().map_err(|error| {
        Report::new(Kind::Environment, format!("The current directory cannot be read: {error}."))
            .next("Go to a directory that exists.")
    })?;
    let around = Surroundings::of_this_process();
    let site = find(start, &cwd, &around).map_err(|error| error.tell())?;
    let path = site.dir.join(FILE_NAME);
    if path.symlink_metadata().is_ok() {
        return Err(exists(&path));
    }
    let detected = detect(&site, &around);
    // A site that does not start gets a file, too: perhaps it is what makes it start.
    let facts = facts::ask(&site).await;
    let text = render_commented(&site, &detected.services, facts.as_ref().ok());
    write(&path, &text).map_err(|report| *report)?;
    let mut told = format!("Wrote {}. All its settings are commented out: edit what you need.", path.display());
    if let Err(error) = facts {
        told.push_str("\nLino could not be asked, so that title and URL are guesses: ");
        told.push_str(&error.tell().what);
    }
    Ok(told)
}

/// Creates the file with its whole text, or none: it appears under its name when it is complete.
fn write(path: &Path, text: &str) -> Result<(), Box<Report>> {
    let cannot = |error: std::io::Error| {
        if error.kind() == ErrorKind::AlreadyExists {
            return Box::new(exists(path));
        }
        Box::new(
            Report::new(Kind::Environment, format!("Cannot write {}: {error}.", path.display()))
                .unchanged("No file was written.")
                .next("Make the site's directory writable for you, or start lino-upgrade as its owner."),
        )
    };
    let temporary = path.with_extension(format!("toml.{}.tmp", std::process::id()));
    let whole = || {
        let mut file = OpenOptions::new().write(true).create_new(true).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        // Unlike rename, this fails when somebody else has created the file meanwhile.
        std::fs::hard_link(&temporary, path)
    };
    let result = whole();
    let _ = std::fs::remove_file(&temporary);
    result.map_err(cannot)
}

fn exists(path: &Path) -> Report {
    Report::new(Kind::Environment, format!("There is a file {} already.", path.display()))
        .unchanged("It was left as it is.")
        .next("Edit it, or move it away and try again.")
}
