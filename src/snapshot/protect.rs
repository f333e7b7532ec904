//! Native copies of the database: how they are made, how they are proved, how they are brought back.
//!
//! Server dumps are made by the server's own programs, whose command lines are returned here and run elsewhere.
//! Passwords reach them through a private file, never through a command line.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use secrecy::ExposeSecret;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Row};

use crate::site::{Connection, Engine, quote};

/// Copies a SQLite database consistently: `VACUUM INTO` a temporary name, integrity check, sync, rename.
pub async fn sqlite_copy(source: &Path, target: &Path) -> Result<(), String> {
    let temporary = target.with_extension("part");
    let _ = fs::remove_file(&temporary);
    let text = |error: sqlx::Error| error.to_string();
    let mut connection = SqliteConnectOptions::new()
        .filename(source)
        .read_only(true)
        .busy_timeout(Duration::from_secs(20))
        .connect()
        .await
        .map_err(text)?;
    let name = temporary.to_string_lossy().replace('\'', "''");
    sqlx::raw_sql(AssertSqlSafe(format!("vacuum into '{name}'"))).execute(&mut connection).await.map_err(text)?;
    drop(connection);
    let mut copy = SqliteConnectOptions::new().filename(&temporary).read_only(true).connect().await.map_err(text)?;
    let answer: String = sqlx::query("pragma integrity_check")
        .fetch_one(&mut copy)
        .await
        .and_then(|row| row.try_get(0))
        .map_err(text)?;
    drop(copy);
    if answer != "ok" {
        return Err(format!("the copy is damaged: {answer}"));
    }
    fs::set_permissions(&temporary, fs::Permissions::from_mode(0o600))
        .and_then(|()| File::open(&temporary)?.sync_all())
        .and_then(|()| fs::rename(&temporary, target))
        .map_err(|error| error.to_string())
}

/// A command line for `/bin/sh` that dumps a server's database, and what it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerDump {
    /// The command line; holds no password.
    pub line: String,
    /// Environment variables; hold no password.
    pub env: BTreeMap<String, String>,
}

/// Prepares the dump of a server's database to `target`. The password goes to `secret`, which the caller deletes
/// afterwards.
pub fn server_dump(connection: &Connection, target: &Path, secret: &Path) -> io::Result<ServerDump> {
    let target = quote(&target.to_string_lossy());
    let mut env = BTreeMap::new();
    let password = connection.password.as_ref().map(|password| password.expose_secret().to_owned());
    let line = if connection.engine == Engine::Postgres {
        let mut line = "pg_dump --format=custom".to_owned();
        let socket = connection.socket.as_ref().map(|socket| socket.to_string_lossy().into_owned());
        for (option, value) in [
            ("--host", connection.host.clone().or(socket)),
            ("--port", connection.port.map(|port| port.to_string())),
            ("--username", connection.user.clone()),
        ] {
            if let Some(value) = value {
                let _ = write!(line, " {option}={}", quote(&value));
            }
        }
        let escaped = password.unwrap_or_default().replace('\\', "\\\\").replace(':', "\\:");
        write_secret(secret, &format!("*:*:*:*:{escaped}\n"))?;
        env.insert("PGPASSFILE".to_owned(), secret.to_string_lossy().into_owned());
        format!("{line} --no-password --file={target} {}", quote(&connection.name))
    } else {
        let mut text = "[client]\n".to_owned();
        let mut put = |name: &str, value: String| {
            let _ = writeln!(text, "{name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
        };
        if let Some(user) = &connection.user {
            put("user", user.clone());
        }
        if let Some(password) = password {
            put("password", password);
        }
        if let Some(socket) = &connection.socket {
            put("socket", socket.to_string_lossy().into_owned());
        } else if let Some(host) = &connection.host {
            put("host", host.clone());
        }
        if let Some(port) = connection.port {
            put("port", port.to_string());
        }
        write_secret(secret, &text)?;
        let file = quote(&secret.to_string_lossy());
        format!(
            "$(command -v mariadb-dump || echo mysqldump) --defaults-extra-file={file} --single-transaction \
             --routines --triggers --result-file={target} {}",
            quote(&connection.name)
        )
    };
    Ok(ServerDump { line, env })
}

fn write_secret(path: &Path, text: &str) -> io::Result<()> {
    let _ = fs::remove_file(path);
    OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)?.write_all(text.as_bytes())
}

/// Returns the command line that reads a server's dump back; its exit status 0 proves that it is whole.
#[must_use]
pub fn read_back_line(engine: Engine, target: &Path) -> String {
    let target = quote(&target.to_string_lossy());
    match engine {
        Engine::Postgres => format!("pg_restore --list {target} > /dev/null"),
        _ => format!("tail -n 1 {target} | grep -q '^-- Dump completed'"),
    }
}

/// Returns what a person types to bring the copy back; holds no password.
#[must_use]
pub fn bring_back_line(connection: &Connection, target: &Path) -> String {
    let target = quote(&target.to_string_lossy());
    let name = quote(&connection.name);
    match connection.engine {
        Engine::Sqlite => format!("cp {target} {name}"),
        Engine::Postgres => format!("pg_restore --clean --if-exists --dbname={name} {target}"),
        Engine::MySql => format!("mariadb {name} < {target}"),
    }
}
