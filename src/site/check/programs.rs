//! The programs that copy the database of a server: a missing one would be noticed when the site is down already.

use std::path::Path;
use std::time::Duration;

use tokio::process::Command;

use super::super::connection::Engine;
use super::super::process;
use super::super::surroundings::Surroundings;
use crate::procedure::Finding;

const SUBJECT: &str = "database programs";

/// Checks that the programs are there which copy the database and bring the copy back, and that they know a server of
/// this version. There are none for SQLite.
pub async fn database_programs(engine: Engine, version: &str, dir: &Path, around: &Surroundings) -> Option<Finding> {
    let (needed, package): (&[&[&str]], _) = match engine {
        Engine::Sqlite => return None,
        Engine::Postgres => (&[&["pg_dump"], &["psql"]], "postgresql-client"),
        Engine::MySql => (&[&["mariadb-dump", "mysqldump"], &["mariadb", "mysql"]], "mariadb-client"),
    };
    let missing = needed.iter().find(|names| names.iter().all(|name| around.which(name).is_none()));
    if let Some(names) = missing {
        return Some(Finding::fail(
            SUBJECT,
            format!("{} is not installed; without it the database cannot be copied.", names.join(" or ")),
            format!("Install it (on Debian: apt-get install {package}), then check again."),
        ));
    }
    if engine == Engine::Postgres
        && let Some(own) = dump_version(dir, around).await
        && let Some(server) = major(version)
        && own < server
    {
        return Some(Finding::fail(
            SUBJECT,
            format!("pg_dump is of version {own} and refuses a server of version {server}."),
            format!("Install the programs of version {server} (on Debian: {package}-{server}), then check again."),
        ));
    }
    Some(Finding::pass(SUBJECT, "The programs are there that copy the database and bring it back."))
}

async fn dump_version(dir: &Path, around: &Surroundings) -> Option<u32> {
    let mut command = Command::new(around.which("pg_dump")?);
    command.arg("--version");
    let answer = process::run(command, dir, Duration::from_secs(30)).await.ok()?;
    // For example: pg_dump (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)
    major(String::from_utf8_lossy(&answer.stdout).split(") ").nth(1)?)
}

/// Returns the number before the first dot.
fn major(version: &str) -> Option<u32> {
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
