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

use crate::fault::{self, Place};
use crate::site::{Connection, Db, DbError, Engine, quote};

/// Copies a SQLite database consistently: `VACUUM INTO` a temporary name, integrity check, sync, rename.
pub async fn sqlite_copy(source: &Path, target: &Path) -> Result<(), String> {
    let temporary = target.with_extension("part");
    fault::before_write(Place::Snapshot).map_err(|error| error.to_string())?;
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
        .and_then(|()| fault::before_write(Place::Snapshot))
        .and_then(|()| fs::rename(&temporary, target))
        .and_then(|()| target.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all()))
        .map_err(|error| error.to_string())?;
    fault::after_write(Place::Snapshot);
    Ok(())
}

/// A command line for `/bin/sh` that dumps a server's database, and what it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerDump {
    /// The command line; holds no password.
    pub line: String,
    /// Environment variables; hold no password.
    pub env: BTreeMap<String, String>,
}

/// Prepares the dump of a server's database to `target`. The password goes to `secret`, a file that the command line
/// deletes when it ends.
pub fn server_dump(connection: &Connection, target: &Path, secret: &Path) -> io::Result<ServerDump> {
    let target = quote(&target.to_string_lossy());
    let mut env = BTreeMap::new();
    let dump = if connection.engine == Engine::Postgres {
        // Without a password of the settings, libpq looks where it always looks, for example in ~/.pgpass.
        if let Some(password) = &connection.password {
            let escaped = password.expose_secret().replace('\\', "\\\\").replace(':', "\\:");
            write_private(secret, &format!("*:*:*:*:{escaped}\n"))?;
            env.insert("PGPASSFILE".to_owned(), secret.to_string_lossy().into_owned());
        }
        // A comment on an extension could only be brought back by its owner, and would break off all the rest.
        format!(
            "pg_dump --no-password --no-owner --no-comments --file={target} --dbname={}",
            quote(&conninfo(connection))
        )
    } else {
        write_private(secret, &option_file(connection))?;
        // MyISAM and InnoDB alike: nobody writes meanwhile.
        format!(
            "$(command -v mariadb-dump || echo mysqldump) --defaults-extra-file={} --single-transaction --routines \
             --triggers --hex-blob --no-tablespaces --default-character-set=utf8mb4 --result-file={target} {}",
            quote(&secret.to_string_lossy()),
            quote(&connection.name)
        )
    };
    let forget = quote(&format!("rm -f {}", quote(&secret.to_string_lossy())));
    Ok(ServerDump { line: format!("trap {forget} EXIT; {dump}"), env })
}

/// Writes the connection as libpq takes it, without password.
fn conninfo(connection: &Connection) -> String {
    let socket = connection.socket.as_ref().map(|socket| socket.to_string_lossy().into_owned());
    let mut words: Vec<(&str, Option<String>)> = vec![
        ("host", connection.host.clone().or(socket)),
        ("port", connection.port.map(|port| port.to_string())),
        ("user", connection.user.clone()),
        ("dbname", Some(connection.name.clone())),
    ];
    for key in ["sslmode", "sslrootcert", "sslcert", "sslkey", "passfile"] {
        words.push((key, connection.option(key).map(ToOwned::to_owned)));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:".contains(c);
    let words = words.into_iter().filter_map(|(key, value)| {
        let value = value.filter(|value| !value.is_empty())?;
        let bare = value.chars().all(plain);
        let quoted = || format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"));
        Some(format!("{key}={}", if bare { value.clone() } else { quoted() }))
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Writes the connection as an option file of MySQL's programs, with password.
fn option_file(connection: &Connection) -> String {
    let mut text = String::new();
    if let Some(defaults) = connection.option("read_default_file") {
        let _ = writeln!(text, "!include {defaults}");
    }
    text.push_str("[client]\n");
    for (name, value) in client_options(connection) {
        let _ = writeln!(text, "{name}={}", option_value(&value));
    }
    if let Some(password) = &connection.password {
        let _ = writeln!(text, "password={}", option_value(password.expose_secret()));
    }
    text
}

fn option_value(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Returns where and as whom MySQL's programs connect.
fn client_options(connection: &Connection) -> Vec<(&'static str, String)> {
    let socket = connection.socket.as_ref().map(|socket| socket.to_string_lossy().into_owned());
    let ca = connection.options.get("ssl").and_then(|ssl| ssl.get("ca")).and_then(|ca| ca.as_str());
    [
        ("host", if socket.is_some() { None } else { connection.host.clone() }),
        ("socket", socket),
        ("port", connection.port.map(|port| port.to_string())),
        ("user", connection.user.clone()),
        ("ssl-ca", ca.map(ToOwned::to_owned)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}

/// Writes a file that only its owner can read, in place of one that is there.
pub fn write_private(path: &Path, text: &str) -> io::Result<()> {
    fault::before_write(Place::Snapshot)?;
    let _ = fs::remove_file(path);
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fault::after_write(Place::Snapshot);
    Ok(())
}

/// Returns the statements that empty the database before its copy is loaded: tables that only the new version has
/// would stay, and those that point to old ones would keep them from being dropped.
pub async fn emptying(db: &mut Db, connection: &Connection) -> Result<String, DbError> {
    if connection.engine == Engine::Postgres {
        return Ok(include_str!("../../assets/sql/empty_postgresql.sql").to_owned());
    }
    let name = db.quote(&connection.name);
    let mut create = String::new();
    db.each_row("asking how the database was created", format!("SHOW CREATE DATABASE {name}"), 2, |cells| {
        cells.get(1).copied().flatten().unwrap_or_default().clone_into(&mut create);
    })
    .await?;
    Ok(format!("DROP DATABASE IF EXISTS {name};\n{create};\nUSE {name};\n"))
}

/// Returns the command line that reads a server's dump back; its exit status 0 proves that it is whole.
#[must_use]
pub fn read_back_line(engine: Engine, target: &Path) -> String {
    let target = quote(&target.to_string_lossy());
    let (lines, mark) = match engine {
        // Newer ones write a line \unrestrict after it.
        Engine::Postgres => (9, "PostgreSQL database dump complete"),
        _ => (1, "Dump completed"),
    };
    format!("tail -n {lines} {target} | grep -q '^-- {mark}'")
}

/// Returns what a person types to bring the copy `target` back, with the file `empty` that [`emptying`] filled. It
/// holds no password: the program asks for it.
#[must_use]
pub fn bring_back_line(connection: &Connection, empty: &Path, target: &Path) -> String {
    match connection.engine {
        Engine::Sqlite => {
            format!("cp {} {}", quote(&target.to_string_lossy()), quote(&connection.name))
        }
        // All or nothing, in one transaction.
        Engine::Postgres => format!(
            "psql --no-psqlrc --quiet --output=/dev/null --set=ON_ERROR_STOP=1 --single-transaction --file={} --file={} \
             --dbname={}",
            quote(&empty.to_string_lossy()),
            quote(&target.to_string_lossy()),
            quote(&conninfo(connection))
        ),
        Engine::MySql => {
            let mut line = "$(command -v mariadb || echo mysql)".to_owned();
            if let Some(defaults) = connection.option("read_default_file") {
                let _ = write!(line, " --defaults-extra-file={}", quote(defaults));
            }
            for (name, value) in client_options(connection) {
                let _ = write!(line, " --{name}={}", quote(&value));
            }
            if connection.password.is_some() {
                line.push_str(" --password");
            }
            let sources = format!("source {}; source {};", empty.display(), target.display());
            format!("{line} --default-character-set=utf8mb4 --execute={}", quote(&sources))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn connection(engine: Engine) -> Connection {
        let mut connection = Connection::sqlite(Path::new("prod"));
        connection.engine = engine;
        connection.host = Some("127.0.0.1".to_owned());
        connection.port = Some(5433);
        connection.user = Some("li no".to_owned());
        connection.password = Some("a:b\\c\"d#e'f".to_owned().into());
        connection
    }

    fn prepared(engine: Engine) -> (ServerDump, String) {
        let dir = assert_fs::TempDir::new().unwrap();
        let secret = dir.path().join("secret");
        let mut dump = server_dump(&connection(engine), Path::new("/copy/it's.sql"), &secret).unwrap();
        let text = fs::read_to_string(&secret).unwrap();
        assert_eq!(fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600);
        let secret = secret.to_string_lossy().into_owned();
        dump.line = dump.line.replace(&secret, "SECRET");
        for value in dump.env.values_mut() {
            *value = value.replace(&secret, "SECRET");
        }
        (dump, text)
    }

    #[test]
    fn postgresql_is_dumped_with_a_password_file_that_goes_away() {
        let (dump, secret) = prepared(Engine::Postgres);
        assert_eq!(
            dump.line,
            r"trap 'rm -f SECRET' EXIT; pg_dump --no-password --no-owner --no-comments --file='/copy/it'\''s.sql' --dbname='host=127.0.0.1 port=5433 user='\''li no'\'' dbname=prod'"
        );
        assert_eq!(dump.env, BTreeMap::from([("PGPASSFILE".to_owned(), "SECRET".to_owned())]));
        assert_eq!(secret, "*:*:*:*:a\\:b\\\\c\"d#e'f\n");
    }

    #[test]
    fn without_a_password_of_the_settings_postgresql_looks_where_it_always_does() {
        let dir = assert_fs::TempDir::new().unwrap();
        let mut connection = connection(Engine::Postgres);
        connection.password = None;
        let dump = server_dump(&connection, Path::new("/copy"), &dir.path().join("secret")).unwrap();
        assert_eq!((dump.env, dir.path().join("secret").exists()), (BTreeMap::new(), false));
    }

    #[test]
    fn mysql_is_dumped_with_an_option_file_that_goes_away() {
        let (dump, secret) = prepared(Engine::MySql);
        assert_eq!(
            dump.line,
            r"trap 'rm -f SECRET' EXIT; $(command -v mariadb-dump || echo mysqldump) --defaults-extra-file=SECRET --single-transaction --routines --triggers --hex-blob --no-tablespaces --default-character-set=utf8mb4 --result-file='/copy/it'\''s.sql' prod"
        );
        assert_eq!(dump.env, BTreeMap::new());
        assert_eq!(
            secret,
            "[client]\nhost=\"127.0.0.1\"\nport=\"5433\"\nuser=\"li no\"\npassword=\"a:b\\\\c\\\"d#e'f\"\n"
        );
    }

    #[test]
    fn the_way_back_is_complete_and_holds_no_password() {
        let lines = [Engine::Sqlite, Engine::Postgres, Engine::MySql].map(|engine| {
            bring_back_line(&connection(engine), Path::new("/copy/empty.sql"), Path::new("/copy/database.sql"))
        });
        assert_eq!(
            lines,
            [
                "cp /copy/database.sql prod",
                r"psql --no-psqlrc --quiet --output=/dev/null --set=ON_ERROR_STOP=1 --single-transaction --file=/copy/empty.sql --file=/copy/database.sql --dbname='host=127.0.0.1 port=5433 user='\''li no'\'' dbname=prod'",
                "$(command -v mariadb || echo mysql) --host=127.0.0.1 --port=5433 --user='li no' --password --default-character-set=utf8mb4 --execute='source /copy/empty.sql; source /copy/database.sql;'",
            ]
        );
    }
}
