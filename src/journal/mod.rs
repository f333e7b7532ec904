//! The journal: the record of all runs of a site, in one SQLite file that `sqlx` reads and writes.
//!
//! Intent is written before, outcome after, one transaction each, with a full sync. It records and proves nothing:
//! whoever reads it after a crash checks the machine (`engine::start`). It never holds passwords, and of rows
//! only where they are and their keys.

mod rows;
mod write;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use rows::{AttemptRow, CommandRow, DecisionRow, RunRow};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Row, SqliteConnection};
use thiserror::Error;
use tokio::sync::Mutex;

use crate::error::{Kind, Report, Tell};
use crate::site::check;

/// The format that this program writes, kept in the file's `user_version`.
pub const FORMAT: i64 = 3;

/// What brings a journal to the next format: the first makes a new one.
const MIGRATIONS: [&str; 3] = [
    include_str!("../../assets/migrations/0001_journal.sql"),
    include_str!("../../assets/migrations/0002_evidence.sql"),
    include_str!("../../assets/migrations/0003_undo.sql"),
];

/// What can go wrong with the journal.
#[derive(Debug, Error)]
pub enum JournalError {
    /// Written by a newer lino-upgrade; it is left alone.
    #[error("the journal {path} has format {found}, this program knows formats up to {known}")]
    Newer {
        /// The journal.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The newest known format.
        known: i64,
    },
    /// The file cannot be opened, read or written.
    #[error("the journal {path} cannot be used: {source}")]
    Unusable {
        /// The journal.
        path: PathBuf,
        /// What the database library says.
        source: sqlx::Error,
    },
    /// The file is no journal, or was damaged.
    #[error("the journal {path} is damaged: {text}")]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// What was found.
        text: String,
    },
}

impl Tell for JournalError {
    fn tell(&self) -> Report {
        match self {
            Self::Newer { path, found, .. } => Report::new(
                Kind::Environment,
                format!("The journal of this site was written by a newer lino-upgrade (format {found})."),
            )
            .unchanged("Nothing was read or changed.")
            .next("Install the newer lino-upgrade and start it again.")
            .log(path),
            Self::Unusable { path, source } => {
                let report = Report::new(Kind::Environment, format!("The journal cannot be used: {source}."))
                    .unchanged("The site was not touched by this.")
                    .log(path);
                let dir = path.parent().unwrap_or(path);
                match check::shortage(dir) {
                    Some(shortage) => Report { what: format!("{} {shortage}", report.what), ..report }
                        .next(format!("Free some space below {} (old archives, logs, caches).", dir.display())),
                    None => report.next(
                        "Look whether the disk is full and whether you may write to the directory of the journal.",
                    ),
                }
            }
            Self::Damaged { path, text } => Report::new(Kind::Environment, format!("The journal is damaged: {text}."))
                .unchanged("The site was not touched by this.")
                .next("Move the file away and start again; the history of earlier runs is lost with it.")
                .log(path),
        }
    }
}

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    connection: Mutex<SqliteConnection>,
}

impl Journal {
    /// Opens the journal at `path`, creating it with mode 0600 when it does not exist.
    pub async fn open(path: &Path) -> Result<Self, JournalError> {
        let unusable = |source| JournalError::Unusable { path: path.to_owned(), source };
        create_private(path).map_err(|error| unusable(sqlx::Error::Io(error)))?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Delete)
            // Full would not sync the directory after a commit: what was committed last would be rolled back when the
            // power fails.
            .synchronous(SqliteSynchronous::Extra)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(20));
        let mut connection = options.connect().await.map_err(unusable)?;
        let found: i64 = sqlx::query("pragma user_version")
            .fetch_one(&mut connection)
            .await
            .and_then(|row| row.try_get(0))
            .map_err(unusable)?;
        if found > FORMAT {
            return Err(JournalError::Newer { path: path.to_owned(), found, known: FORMAT });
        }
        for (format, script) in (1_i64..).zip(MIGRATIONS).filter(|(format, _)| *format > found) {
            // One transaction each, so that a broken-off migration leaves the older format.
            let script = format!("begin immediate; {script}; pragma user_version = {format}; commit;");
            sqlx::raw_sql(sqlx::AssertSqlSafe(script)).execute(&mut connection).await.map_err(unusable)?;
        }
        Ok(Self { path: path.to_owned(), connection: Mutex::new(connection) })
    }

    /// Returns the journal's file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn unusable(&self, source: sqlx::Error) -> JournalError {
        JournalError::Unusable { path: self.path.clone(), source }
    }

    fn damaged(&self, text: impl Into<String>) -> JournalError {
        JournalError::Damaged { path: self.path.clone(), text: text.into() }
    }
}

fn create_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path).map(drop)
}

#[cfg(test)]
mod tests;
