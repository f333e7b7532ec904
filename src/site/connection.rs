//! How to reach the site's database, as Django's settings say. Lives in memory only: never in a file, a log or JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;

/// The kinds of database that Lino sites use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// A file.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MySQL or MariaDB.
    MySql,
}

impl Engine {
    /// Returns the engine that the site's facts call `name` (`sqlite`, `postgresql`, `mysql`).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "sqlite" => Some(Self::Sqlite),
            "postgresql" => Some(Self::Postgres),
            "mysql" => Some(Self::MySql),
            _ => None,
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::MySql => "MySQL",
        })
    }
}

/// What is needed to connect. The password is wiped from memory when dropped and is not shown by `Debug`.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Which kind of database.
    pub engine: Engine,
    /// Django's name of the backend, for example `django.db.backends.postgresql`.
    pub backend: String,
    /// Name of the database; for SQLite its file, absolute.
    pub name: String,
    /// Host, none for a Unix socket or the default.
    pub host: Option<String>,
    /// Port, none for the default.
    pub port: Option<u16>,
    /// User, none for the one who runs the program.
    pub user: Option<String>,
    /// Password.
    pub password: Option<SecretString>,
    /// PostgreSQL: the directory of the Unix socket. MySQL: the socket itself.
    pub socket: Option<PathBuf>,
    /// Further options of the backend that change where or how to connect.
    pub options: BTreeMap<String, serde_json::Value>,
}

impl Connection {
    /// Builds the connection to a SQLite file.
    #[must_use]
    pub fn sqlite(file: &std::path::Path) -> Self {
        Self {
            engine: Engine::Sqlite,
            backend: "django.db.backends.sqlite3".to_owned(),
            name: file.to_string_lossy().into_owned(),
            host: None,
            port: None,
            user: None,
            password: None,
            socket: None,
            options: BTreeMap::new(),
        }
    }

    /// Returns the file of a SQLite database.
    #[must_use]
    pub fn file(&self) -> Option<PathBuf> {
        (self.engine == Engine::Sqlite).then(|| PathBuf::from(&self.name))
    }

    /// Returns an option of the backend as text.
    #[must_use]
    pub fn option(&self, key: &str) -> Option<&str> {
        self.options.get(key).and_then(serde_json::Value::as_str)
    }

    /// Describes the database without its password, for example "PostgreSQL database mysite on localhost".
    #[must_use]
    pub fn describe(&self) -> String {
        match self.engine {
            Engine::Sqlite => format!("the SQLite file {}", self.name),
            engine => {
                let place = match (&self.socket, &self.host, self.port) {
                    (Some(socket), _, _) => format!(" by {}", socket.display()),
                    (None, Some(host), Some(port)) => format!(" on {host}:{port}"),
                    (None, Some(host), None) => format!(" on {host}"),
                    (None, None, Some(port)) => format!(" on port {port}"),
                    (None, None, None) => String::new(),
                };
                let user = self.user.as_ref().map_or(String::new(), |user| format!(" as user {user}"));
                format!("the {engine} database {}{place}{user}", self.name)
            }
        }
    }
}

/// The connection as the site's Python prints it.
#[derive(Deserialize)]
pub(super) struct Printed {
    pub(super) engine: String,
    pub(super) backend: String,
    name: Option<String>,
    host: Option<String>,
    port: Option<String>,
    user: Option<String>,
    password: Option<String>,
    socket: Option<PathBuf>,
    #[serde(default)]
    options: BTreeMap<String, serde_json::Value>,
}

impl Printed {
    /// Turns it into a connection; a relative SQLite file is taken from `dir`, as `manage.py` would.
    pub(super) fn into_connection(self, dir: &std::path::Path) -> Result<Connection, String> {
        let engine = Engine::from_name(&self.engine)
            .ok_or_else(|| format!("the database backend {} is none that this program knows", self.backend))?;
        let port = match self.port.as_deref() {
            None | Some("") => None,
            Some(text) => Some(text.parse().map_err(|_| format!("the database port {text:?} is no port number"))?),
        };
        let name = self.name.unwrap_or_default();
        let name = if engine == Engine::Sqlite { sqlite_file(&name, dir)? } else { name };
        Ok(Connection {
            engine,
            backend: self.backend,
            name,
            host: self.host,
            port,
            user: self.user,
            password: self.password.map(SecretString::from),
            socket: self.socket,
            options: self.options,
        })
    }
}

/// Returns the file behind Django's NAME: a path, or a `file:` URI.
fn sqlite_file(name: &str, dir: &std::path::Path) -> Result<String, String> {
    if name.is_empty() || name.contains(":memory:") || name.contains("mode=memory") {
        return Err("the site's database lives in memory only; there is nothing to upgrade".to_owned());
    }
    let path = match name.strip_prefix("file:") {
        Some(uri) => {
            let path = uri.split('?').next().unwrap_or_default();
            path.strip_prefix("//").unwrap_or(path)
        }
        None => name,
    };
    Ok(dir.join(path).to_string_lossy().into_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn printed(json: serde_json::Value) -> Result<Connection, String> {
        serde_json::from_value::<Printed>(json).unwrap().into_connection(std::path::Path::new("/site"))
    }

    #[test]
    fn password_is_not_shown() {
        let connection = printed(serde_json::json!({
            "engine": "postgresql", "backend": "django.db.backends.postgresql", "name": "prod", "host": "db",
            "port": "5433", "user": "lino", "password": "hunter2", "socket": null, "options": {"sslmode": "require"}
        }))
        .unwrap();
        assert!(!format!("{connection:?}").contains("hunter2"));
        assert_eq!(connection.describe(), "the PostgreSQL database prod on db:5433 as user lino");
        assert_eq!(connection.option("sslmode"), Some("require"));
    }

    #[test]
    fn sqlite_names_become_files() {
        for (name, file) in [
            ("default.db", "/site/default.db"),
            ("/var/x.db", "/var/x.db"),
            ("file:data/x.db?mode=rw", "/site/data/x.db"),
            ("file:///var/x.db?cache=shared", "/var/x.db"),
        ] {
            let json = serde_json::json!({"engine": "sqlite", "backend": "b", "name": name});
            assert_eq!(printed(json).map(|c| c.name), Ok(file.to_owned()), "{name}");
        }
        assert!(printed(serde_json::json!({"engine": "sqlite", "backend": "b", "name": ":memory:"})).is_err());
    }

    #[test]
    fn wrong_ports_and_engines_are_refused() {
        let json = serde_json::json!({"engine": "mysql", "backend": "b", "name": "x", "port": "33o6"});
        assert_eq!(printed(json).map(|_| ()), Err("the database port \"33o6\" is no port number".to_owned()));
        let json = serde_json::json!({"engine": "oracle", "backend": "django.db.backends.oracle", "name": "x"});
        assert!(printed(json).map(|_| ()).unwrap_err().contains("django.db.backends.oracle"));
    }
}
