//! Looks into the site's database, read only, with one connection and no pool (a pool hides the real error).
//!
//! Every value is read as text, cast by the database: typed decoding follows declared types, which differ between
//! the engines and lie on SQLite.

mod catalogue;
mod fingerprint;
mod open;
mod rows;

use std::path::PathBuf;

use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, Connection as _, MySqlConnection, PgConnection, Row, SqliteConnection};

use super::connection::{Connection, Engine};
use super::text::printable;
use crate::error::{Kind, Report, Tell};
pub use fingerprint::{Changed, Fingerprint};

/// An open connection that cannot write.
#[derive(Debug)]
pub enum Db {
    /// SQLite.
    Sqlite(SqliteConnection),
    /// PostgreSQL.
    Postgres(PgConnection),
    /// MySQL or MariaDB.
    MySql(MySqlConnection),
}

/// Why the database cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The SQLite file is not there.
    #[error("there is no file {}", .0.display())]
    MissingFile(PathBuf),
    /// The settings ask for something that this program cannot do.
    #[error("{0}")]
    Unsupported(String),
    /// No connection.
    #[error("connecting to {whom}: {source}")]
    Connect {
        /// The database, as [`Connection::describe`] says.
        whom: String,
        /// What the database or the system answered.
        source: sqlx::Error,
    },
    /// A query failed.
    #[error("{what}: {source}")]
    Query {
        /// What was asked, for example "counting the rows of `x`".
        what: String,
        /// What the database answered.
        source: sqlx::Error,
    },
    /// The database answered something that makes no sense.
    #[error("{what}: unexpected answer {answer:?}")]
    Answer {
        /// What was asked.
        what: String,
        /// The answer.
        answer: String,
    },
}

impl DbError {
    /// Tells whether nobody can be asked at the moment: the server does not run, or has ended.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Connect { .. } => true,
            Self::Query { source, .. } => open::is_gone(source, &said(source)),
            Self::MissingFile(_) | Self::Unsupported(_) | Self::Answer { .. } => false,
        }
    }
}

impl Tell for DbError {
    fn tell(&self) -> Report {
        let report = |what: String| {
            Report::new(Kind::Environment, printable(&what)).unchanged("The database was only read, never changed.")
        };
        match self {
            Self::MissingFile(path) => report(format!("The database file {} does not exist.", path.display()))
                .next("Look at NAME in the DATABASES setting of the site, and whether a disk is missing."),
            Self::Unsupported(text) => report(format!("The database cannot be read: {text}.")),
            Self::Connect { whom, source } => {
                let said = said(source);
                let report = report(format!("Cannot connect to {whom}: {}.", said.trim_end_matches('.')));
                open::remedies(&said).into_iter().fold(report, Report::next)
            }
            Self::Query { what, source } if open::is_gone(source, &said(source)) => {
                let said = said(source);
                report(format!(
                    "The server of the site's database does not answer any more: the connection was lost while {what}: {}.",
                    said.trim_end_matches('.')
                ))
                .next("Start the database server, then try again. Its log says why it ended.")
            }
            Self::Query { what, source } => {
                report(format!("Reading the database failed while {what}: {}.", said(source).trim_end_matches('.')))
                    .next("Try again; when it happens again, look into the log of the database server.")
            }
            Self::Answer { what, answer } => {
                report(format!("The database gave an answer that makes no sense while {what}: {answer:?}."))
            }
        }
    }
}

/// Returns the words of the server or the system, without those of the driver.
fn said(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::Io(error) => error.to_string(),
        error => error.to_string(),
    }
}

/// Runs a query and hands each row to a closure as texts.
macro_rules! each_row {
    ($connection:expr, $sql:expr, $columns:expr, $each:expr) => {{
        let mut rows = sqlx::raw_sql(AssertSqlSafe($sql)).fetch($connection);
        while let Some(row) = rows.try_next().await? {
            let mut cells: Vec<Option<&str>> = Vec::with_capacity($columns);
            for column in 0..$columns {
                cells.push(row.try_get_unchecked(column)?);
            }
            $each(&cells);
        }
        Ok(())
    }};
}

impl Db {
    /// Connects without the right to write. Answers at once when nobody listens; waits 15 seconds at the most.
    pub async fn connect_read_only(connection: &Connection) -> Result<Self, DbError> {
        open::connect(connection).await
    }

    /// Returns the engine.
    #[must_use]
    pub const fn engine(&self) -> Engine {
        match self {
            Self::Sqlite(_) => Engine::Sqlite,
            Self::Postgres(_) => Engine::Postgres,
            Self::MySql(_) => Engine::MySql,
        }
    }

    /// Quotes a table or column name for this engine.
    #[must_use]
    pub fn quote(&self, name: &str) -> String {
        match self {
            Self::MySql(_) => format!("`{}`", name.replace('`', "``")),
            Self::Sqlite(_) | Self::Postgres(_) => format!("\"{}\"", name.replace('"', "\"\"")),
        }
    }

    /// Writes the expression that turns `expression` into text on this engine.
    #[must_use]
    pub fn as_text(&self, expression: &str) -> String {
        match self {
            Self::Sqlite(_) | Self::Postgres(_) => format!("CAST({expression} AS TEXT)"),
            Self::MySql(_) => format!("CAST({expression} AS CHAR)"),
        }
    }

    /// Runs a query whose `columns` columns are all text, and hands each row to `each` while it streams in. `what`
    /// completes "failed while …". The caller quotes: no text from outside may stand in `sql` unquoted.
    pub async fn each_row(
        &mut self,
        what: &str,
        sql: String,
        columns: usize,
        mut each: impl FnMut(&[Option<&str>]) + Send,
    ) -> Result<(), DbError> {
        self.raw_rows(sql, columns, &mut each).await.map_err(|source| DbError::Query { what: what.to_owned(), source })
    }

    async fn raw_rows(
        &mut self,
        sql: String,
        columns: usize,
        each: &mut (impl FnMut(&[Option<&str>]) + Send),
    ) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(connection) => each_row!(connection, sql, columns, each),
            Self::Postgres(connection) => each_row!(connection, sql, columns, each),
            Self::MySql(connection) => each_row!(connection, sql, columns, each),
        }
    }

    /// Runs a query with one row of one text column.
    pub async fn one(&mut self, what: &str, sql: String) -> Result<Option<String>, DbError> {
        let mut found = None;
        self.each_row(what, sql, 1, |cells| {
            found = cells.first().copied().flatten().map(ToOwned::to_owned);
        })
        .await?;
        Ok(found)
    }

    async fn number(&mut self, what: &str, sql: String) -> Result<u64, DbError> {
        let answer = self.one(what, sql).await?.unwrap_or_default();
        answer.parse().map_err(|_| DbError::Answer { what: what.to_owned(), answer })
    }

    /// Counts the rows of a table.
    pub async fn count(&mut self, table: &str) -> Result<u64, DbError> {
        let sql = format!("SELECT {} FROM {}", self.as_text("COUNT(*)"), self.quote(table));
        self.number(&format!("counting the rows of {table}"), sql).await
    }

    /// Returns the names of all tables that Django would see, sorted. No views, no tables of the database itself.
    pub async fn tables(&mut self) -> Result<Vec<String>, DbError> {
        let sql = match self {
            Self::Sqlite(_) => {
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
            }
            // What an unqualified name finds: other schemas are none of the site's business.
            Self::Postgres(_) => {
                "SELECT c.relname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = \
                 c.relnamespace WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname NOT IN \
                 ('pg_catalog', 'pg_toast', 'information_schema') AND pg_catalog.pg_table_is_visible(c.oid)"
            }
            Self::MySql(_) => {
                "SELECT CAST(table_name AS CHAR) FROM information_schema.tables WHERE table_schema = DATABASE() AND \
                 table_type = 'BASE TABLE'"
            }
        };
        let mut names = Vec::new();
        self.each_row("listing the tables", sql.to_owned(), 1, |cells| {
            names.extend(cells.first().copied().flatten().map(ToOwned::to_owned));
        })
        .await?;
        names.sort();
        Ok(names)
    }

    /// Returns the server's version as it calls itself, for example `15.14 (Debian 15.14-0+deb12u1)`.
    pub async fn server_version(&mut self) -> Result<String, DbError> {
        let sql = match self {
            Self::Sqlite(_) => "SELECT sqlite_version()",
            Self::Postgres(_) => "SELECT current_setting('server_version')",
            Self::MySql(_) => "SELECT VERSION()",
        };
        Ok(self.one("asking for the server's version", sql.to_owned()).await?.unwrap_or_default())
    }

    /// Returns the bytes that the database takes on disk.
    pub async fn size(&mut self) -> Result<u64, DbError> {
        let sql = match self {
            Self::Sqlite(_) => {
                "SELECT CAST(c.page_count * s.page_size AS TEXT) FROM pragma_page_count c, pragma_page_size s"
            }
            Self::Postgres(_) => "SELECT pg_database_size(current_database())::text",
            Self::MySql(_) => {
                "SELECT CAST(CAST(COALESCE(SUM(data_length + index_length), 0) AS UNSIGNED) AS CHAR) FROM \
                 information_schema.tables WHERE table_schema = DATABASE()"
            }
        };
        self.number("asking for the size of the database", sql.to_owned()).await
    }

    /// Hands the primary key of each row of a table to `each`, as text, in no order; returns how many there were.
    /// They stream through: a table of millions of rows takes no memory here.
    pub async fn primary_keys(
        &mut self,
        table: &str,
        column: &str,
        mut each: impl FnMut(&str) + Send,
    ) -> Result<u64, DbError> {
        let sql = format!("SELECT {} FROM {}", self.as_text(&self.quote(column)), self.quote(table));
        let mut rows = 0;
        self.each_row(&format!("reading the keys of {table}"), sql, 1, |cells| {
            rows += 1;
            each(cells.first().copied().flatten().unwrap_or_default());
        })
        .await?;
        Ok(rows)
    }

    /// Says goodbye to the server; dropping the value closes the connection, too.
    pub async fn close(self) {
        // An error here changes nothing: the connection is gone either way.
        let _ = match self {
            Self::Sqlite(connection) => connection.close().await,
            Self::Postgres(connection) => connection.close().await,
            Self::MySql(connection) => connection.close().await,
        };
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    async fn database(setup: &'static str) -> (assert_fs::TempDir, Connection) {
        let dir = assert_fs::TempDir::new().unwrap();
        let file = dir.path().join("default.db");
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file).create_if_missing(true);
        let mut db = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql(setup).execute(&mut db).await.unwrap();
        db.close().await.unwrap();
        let connection = Connection::sqlite(&file);
        (dir, connection)
    }

    #[tokio::test]
    async fn tables_rows_and_keys_of_any_type_are_read() {
        let (_dir, connection) = database(
            "CREATE TABLE \"odd \"\"name\" (id bool PRIMARY KEY, x DATE);
             INSERT INTO \"odd \"\"name\" VALUES (1, '2020-01-01'), (7, 'no date'), ('a', NULL);
             CREATE TABLE sqlitelike (id integer PRIMARY KEY AUTOINCREMENT);
             CREATE VIEW v AS SELECT 1;",
        )
        .await;
        let mut db = Db::connect_read_only(&connection).await.unwrap();
        assert_eq!(db.tables().await.unwrap(), ["odd \"name", "sqlitelike"]);
        assert_eq!(db.count("odd \"name").await.unwrap(), 3);
        let mut keys = Vec::new();
        let rows = db.primary_keys("odd \"name", "id", |key| keys.push(key.to_owned())).await.unwrap();
        assert_eq!((rows, keys), (3, vec!["1".to_owned(), "7".to_owned(), "a".to_owned()]));
        assert!(db.server_version().await.unwrap().starts_with("3."));
        assert_eq!(Some(db.size().await.unwrap()), connection.file().map(|f| f.metadata().unwrap().len()));
        db.close().await;
    }

    #[tokio::test]
    async fn nothing_can_be_written() {
        let (_dir, connection) = database("CREATE TABLE t (id int)").await;
        let mut db = Db::connect_read_only(&connection).await.unwrap();
        let error = db.one("writing", "INSERT INTO t VALUES (1)".to_owned()).await.unwrap_err();
        assert!(error.to_string().contains("readonly"), "{error}");
    }

    #[tokio::test]
    async fn missing_and_damaged_files_are_told_apart() {
        let (dir, _) = database("CREATE TABLE t (id int)").await;
        let missing = Connection::sqlite(&dir.path().join("none.db"));
        assert!(matches!(Db::connect_read_only(&missing).await, Err(DbError::MissingFile(_))));
        assert!(!dir.path().join("none.db").exists());
        let damaged = dir.path().join("damaged.db");
        std::fs::write(&damaged, "this is no database at all, whatever its name says".repeat(99)).unwrap();
        let report = Db::connect_read_only(&Connection::sqlite(&damaged)).await.unwrap_err().tell();
        assert!(report.next.iter().any(|next| next.contains("damaged")), "{report}");
    }

    #[tokio::test]
    async fn a_server_that_is_down_is_said_at_once() {
        for (engine, port) in [(Engine::Postgres, 1), (Engine::MySql, 1)] {
            let mut connection = Connection::sqlite(std::path::Path::new("prod"));
            connection.engine = engine;
            connection.host = Some("127.0.0.1".to_owned());
            connection.port = Some(port);
            connection.user = Some("lino".to_owned());
            let report = Db::connect_read_only(&connection).await.unwrap_err().tell();
            assert!(report.what.contains("Connection refused"), "{report}");
            assert!(report.next.first().is_some_and(|next| next.contains("Start the database server")), "{report}");
        }
    }
}
