//! Cron jobs that work on the site: they could write to the database or wipe `snapshot/` during the upgrade.

use std::path::{Path, PathBuf};

use super::System;
use crate::procedure::Finding;
use crate::site::surroundings::is_executable;

const SUBJECT: &str = "cron jobs";
/// Directories whose executable files are run.
const SCRIPTS: [&str; 4] = ["etc/cron.hourly", "etc/cron.daily", "etc/cron.weekly", "etc/cron.monthly"];
/// Directories whose files are tables.
const TABLES: [&str; 3] = ["etc/cron.d", "var/spool/cron/crontabs", "var/spool/cron"];

pub(super) fn jobs(system: &System<'_>) -> Vec<Finding> {
    let scripts = SCRIPTS.iter().flat_map(|dir| system.files(dir)).filter(|(path, _)| is_executable(path));
    let mut found: Vec<Finding> = scripts
        .filter(|(_, text)| system.mention.is_in(text))
        .map(|(path, text)| finding(system, &path, &text, Place::Script))
        .collect();
    let crontab = system.around.system("etc/crontab");
    let crontab: Vec<(PathBuf, String)> = super::read(&crontab).map(|text| (crontab, text)).into_iter().collect();
    let tables = crontab.into_iter().chain(TABLES.iter().flat_map(|dir| system.files(dir)));
    found.extend(
        tables
            .filter(|(path, text)| !is_leftover(path) && system.mention.is_in(text))
            .map(|(path, text)| finding(system, &path, &text, Place::Table)),
    );
    if found.is_empty() {
        found.push(Finding::pass(SUBJECT, "No cron job of the system names this site."));
    }
    found
}

#[derive(Clone, Copy)]
enum Place {
    Script,
    Table,
}

/// Cron reads no files with such names.
fn is_leftover(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with('~') || name.contains('.')
}

fn finding(system: &System<'_>, path: &Path, text: &str, place: Place) -> Finding {
    let name = system.name(path);
    let danger = if text.contains("make_snapshot") || text.contains("dump2py") {
        " It makes snapshots: it would wipe the snapshot of this upgrade and may start services."
    } else {
        " It could write to the database during the upgrade."
    };
    let remedy = match place {
        Place::Script => {
            let sudo = if system.around.root { "" } else { "sudo " };
            format!("Keep it from running until the upgrade is done: {sudo}chmod -x {name}; afterwards chmod +x.")
        }
        Place::Table => "Put a # before its line until the upgrade is done, unless it runs at another time.".to_owned(),
    };
    Finding::warn(SUBJECT, format!("{name} works on this site.{danger}"), remedy)
}
