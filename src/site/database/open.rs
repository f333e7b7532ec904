//! Opens connections as Django's backends would, except that they cannot write.

use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::ExposeSecret;
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection as _, SqliteConnection};

use super::super::connection::{Connection, Engine};
use super::{Db, DbError};

/// How long connecting may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a query waits for somebody else's lock: during a restore, tables are locked for long.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// Where MySQL clients look for a server on the same machine.
const MYSQL_SOCKETS: [&str; 4] =
    ["/run/mysqld/mysqld.sock", "/var/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock", "/tmp/mysql.sock"];

pub(super) async fn connect(connection: &Connection) -> Result<Db, DbError> {
    let opening = async {
        match connection.engine {
            Engine::Sqlite => sqlite(connection).await,
            Engine::Postgres => postgres(connection).await,
            Engine::MySql => mysql(connection).await,
        }
    };
    match tokio::time::timeout(PATIENCE, opening).await {
        Ok(answer) => answer,
        Err(_) => Err(refused(
            connection,
            sqlx::Error::Io(std::io::Error::new(
                std::io::ErrorKind::TimedOut,
                format!("no answer within {} seconds", PATIENCE.as_secs()),
            )),
        )),
    }
}

fn refused(connection: &Connection, source: sqlx::Error) -> DbError {
    DbError::Connect { whom: connection.describe(), source }
}

async fn sqlite(connection: &Connection) -> Result<Db, DbError> {
    let file = PathBuf::from(&connection.name);
    if !file.is_file() {
        return Err(DbError::MissingFile(file));
    }
    let options = SqliteConnectOptions::new()
        .filename(&file)
        .read_only(true)
        .create_if_missing(false)
        .busy_timeout(LOCK_PATIENCE);
    let open = async |options: &SqliteConnectOptions| {
        let mut db = SqliteConnection::connect_with(options).await?;
        // Opening is lazy: only a read shows whether this is a database.
        sqlx::raw_sql("SELECT COUNT(*) FROM sqlite_master").execute(&mut db).await?;
        Ok::<_, sqlx::Error>(db)
    };
    match open(&options).await {
        Ok(db) => Ok(Db::Sqlite(db)),
        // A WAL database in a folder where we may not write cannot be opened the usual way; without a WAL file
        // nobody has it open, so that it may be read as if it could not change.
        Err(_) if !beside(&file, "-wal").exists() && wal_mode(&file) => match open(&options.immutable(true)).await {
            Ok(db) => Ok(Db::Sqlite(db)),
            Err(source) => Err(refused(connection, source)),
        },
        Err(source) => Err(refused(connection, source)),
    }
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Tells whether the file's header says WAL (bytes 18 and 19 are 2: <https://sqlite.org/fileformat.html>).
fn wal_mode(file: &Path) -> bool {
    use std::io::Read as _;
    let mut header = [0u8; 20];
    std::fs::File::open(file).and_then(|mut f| f.read_exact(&mut header)).is_ok() && header.ends_with(&[2, 2])
}

async fn postgres(connection: &Connection) -> Result<Db, DbError> {
    if connection.options.contains_key("service") {
        return Err(DbError::Unsupported(
            "the site's settings name a PostgreSQL service file, which this program does not read".to_owned(),
        ));
    }
    // Reads PGHOST and the like, as Django's driver does. The user is given in any case: sqlx must not guess.
    let mut options = PgConnectOptions::new_without_pgpass().application_name("lino-upgrade");
    if let Some(port) = connection.port {
        options = options.port(port);
    }
    if let Some(socket) = &connection.socket {
        options = options.socket(socket);
    } else if let Some(host) = &connection.host {
        options = options.host(host);
    }
    options = options.username(&user(connection)?);
    if !connection.name.is_empty() {
        options = options.database(&connection.name);
    }
    if let Some(password) = &connection.password {
        options = options.password(password.expose_secret());
    } else if let Some(password) = password_file(connection).and_then(|text| remembered(&text, &options)) {
        options = options.password(&password);
    }
    if let Some(mode) = connection.option("sslmode").and_then(|mode| mode.parse::<PgSslMode>().ok()) {
        options = options.ssl_mode(mode);
    }
    for (key, set) in [
        ("sslrootcert", PgConnectOptions::ssl_root_cert as fn(PgConnectOptions, String) -> PgConnectOptions),
        ("sslcert", PgConnectOptions::ssl_client_cert),
        ("sslkey", PgConnectOptions::ssl_client_key),
    ] {
        if let Some(path) = connection.option(key) {
            options = set(options, path.to_owned());
        }
    }
    options = options.options(startup_options(connection.option("options").unwrap_or_default()));
    let mut db = options.connect().await.map_err(|source| refused(connection, source))?;
    // By statement, not as a startup option: connection poolers refuse those.
    let setup = format!(
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY; SET lock_timeout = '{}s'",
        LOCK_PATIENCE.as_secs()
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(setup)).execute(&mut db).await.map_err(|source| refused(connection, source))?;
    Ok(Db::Postgres(db))
}

/// Reads `-c key=value` pairs, as in Django's `OPTIONS = {"options": "-c search_path=site"}`.
fn startup_options(text: &str) -> Vec<(String, String)> {
    let mut words = text.split_whitespace();
    let mut found = Vec::new();
    while let Some(word) = words.next() {
        let pair = match word.strip_prefix("-c") {
            Some("") => words.next().unwrap_or_default(),
            Some(rest) => rest,
            None => word.strip_prefix("--").unwrap_or_default(),
        };
        if let Some((key, value)) = pair.split_once('=') {
            found.push((key.to_owned(), value.to_owned()));
        }
    }
    found
}

/// Reads the password file that PostgreSQL's own clients would read.
fn password_file(connection: &Connection) -> Option<String> {
    let path = match connection.option("passfile") {
        Some(path) => PathBuf::from(path),
        None => match std::env::var_os("PGPASSFILE") {
            Some(path) => PathBuf::from(path),
            None => directories::BaseDirs::new()?.home_dir().join(".pgpass"),
        },
    };
    std::fs::read_to_string(path).ok()
}

/// Finds the password in lines `host:port:database:user:password`, where `*` stands for anything.
fn remembered(text: &str, options: &PgConnectOptions) -> Option<String> {
    let local = options.get_socket().is_some() || options.get_host().starts_with('/');
    let host = if local { "localhost" } else { options.get_host() };
    let port = options.get_port().to_string();
    let wanted = [host, &port, options.get_database().unwrap_or_default(), options.get_username()];
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let mut parts = line.splitn(5, ':');
        let fits = wanted.iter().all(|want| parts.next().is_some_and(|part| part == "*" || part == *want));
        fits.then(|| parts.next().unwrap_or_default().replace("\\:", ":").replace("\\\\", "\\"))
    })
}

async fn mysql(connection: &Connection) -> Result<Db, DbError> {
    let defaults = connection.option("read_default_file").map(defaults_of).unwrap_or_default();
    let given = |own: Option<&str>, key: &str| own.map(ToOwned::to_owned).or_else(|| defaults.get(key));
    let host = given(connection.host.as_deref(), "host");
    let socket = connection.socket.clone().or_else(|| defaults.get("socket").map(PathBuf::from));
    let mut options = MySqlConnectOptions::new();
    // The client library takes "localhost" for the Unix socket.
    let local = host.as_deref().is_none_or(|host| host.is_empty() || host == "localhost");
    let socket = socket.or_else(|| {
        let usual = || MYSQL_SOCKETS.iter().map(PathBuf::from).find(|path| path.exists());
        local.then(usual).flatten()
    });
    options = match (socket, host) {
        (Some(socket), _) if local => options.socket(socket),
        (_, Some(host)) if !host.is_empty() => options.host(&host),
        _ => options.host("127.0.0.1"),
    };
    let port = connection.port.or_else(|| defaults.get("port").and_then(|port| port.parse().ok()));
    if let Some(port) = port {
        options = options.port(port);
    }
    options = options.username(&match given(connection.user.as_deref(), "user") {
        Some(user) => user,
        None => user(connection)?,
    });
    let database = if connection.name.is_empty() { defaults.get("database") } else { Some(connection.name.clone()) };
    if let Some(database) = database {
        options = options.database(&database);
    }
    if let Some(password) = &connection.password {
        options = options.password(password.expose_secret());
    } else if let Some(password) = defaults.get("password") {
        options = options.password(&password);
    }
    if let Some(ca) = connection.options.get("ssl").and_then(|ssl| ssl.get("ca")).and_then(|ca| ca.as_str()) {
        options = options.ssl_ca(ca).ssl_mode(MySqlSslMode::VerifyCa);
    }
    let mut db = match options.connect().await {
        // An old server with TLS of its time: the driver of Django would go on without, too.
        Err(sqlx::Error::Tls(_)) if local => options.ssl_mode(MySqlSslMode::Disabled).connect().await,
        answer => answer,
    }
    .map_err(|source| refused(connection, source))?;
    let setup =
        format!("SET SESSION TRANSACTION READ ONLY; SET SESSION lock_wait_timeout = {}", LOCK_PATIENCE.as_secs());
    sqlx::raw_sql(sqlx::AssertSqlSafe(setup)).execute(&mut db).await.map_err(|source| refused(connection, source))?;
    // By this lock our sessions know each other. A cluster refuses such locks, and its sessions must do without.
    let _ = sqlx::raw_sql("SELECT GET_LOCK(CONCAT('lino-upgrade-', CONNECTION_ID()), 0)").execute(&mut db).await;
    Ok(Db::MySql(db))
}

fn user(connection: &Connection) -> Result<String, DbError> {
    match &connection.user {
        Some(user) => Ok(user.clone()),
        None => whoami::username()
            .map_err(|_| DbError::Unsupported("neither the settings nor the system say which user to be".to_owned())),
    }
}

/// The `[client]` section of a MySQL option file.
#[derive(Default)]
struct Defaults(Vec<(String, String)>);

impl Defaults {
    fn get(&self, key: &str) -> Option<String> {
        self.0.iter().rev().find(|(k, _)| k == key).map(|(_, value)| value.clone())
    }
}

fn defaults_of(path: &str) -> Defaults {
    // An unreadable file shows itself as a refused login, which says more than this would.
    Defaults(client_section(&std::fs::read_to_string(path).unwrap_or_default()))
}

fn client_section(text: &str) -> Vec<(String, String)> {
    let mut inside = false;
    let mut found = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            inside = line == "[client]";
        } else if let Some((key, value)) = line.split_once('=').filter(|_| inside && !line.starts_with(['#', ';'])) {
            let value = value.trim();
            let bare = ['"', '\''].into_iter().find_map(|q| value.strip_prefix(q)?.strip_suffix(q));
            found.push((key.trim().replace('-', "_"), bare.unwrap_or(value).to_owned()));
        }
    }
    found
}

/// What servers and systems say when a server ends, or begins.
const GONE: [&str; 7] = [
    "terminating connection",
    "the database system is ",
    "shutdown in progress",
    "unexpected end of file",
    "expected to read ",
    "reset by peer",
    "broken pipe",
];

/// Tells whether a connection that was there is lost.
pub(super) fn is_gone(error: &sqlx::Error, said: &str) -> bool {
    let said = said.to_lowercase();
    matches!(error, sqlx::Error::Io(_)) || GONE.iter().any(|words| said.contains(words))
}

/// Returns what to do about a refused connection, by what the server or the system said.
pub(super) fn remedies(said: &str) -> Vec<&'static str> {
    let said = said.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if has(&["connection refused", "no such file", "no answer within"]) || has(&GONE) {
        vec![
            "Start the database server, or look whether HOST and PORT in the site's DATABASES setting are right.",
            "Then start lino-upgrade again.",
        ]
    } else if has(&["peer authentication", "ident authentication"]) {
        vec!["The server wants the system user of the same name: start lino-upgrade as that user."]
    } else if has(&["password", "access denied"]) {
        vec!["Look at USER and PASSWORD in the site's DATABASES setting; `python manage.py dbshell` must work."]
    } else if has(&["not a database", "malformed"]) {
        vec!["The file is damaged or no SQLite database: bring back a copy of it before anything else."]
    } else if has(&["permission denied", "unable to open database file"]) {
        vec!["Start lino-upgrade as a user who may read the database file and write beside it."]
    } else if has(&["locked"]) {
        vec!["Another program holds the database: stop the site's services, then try again."]
    } else {
        vec!["Try `python manage.py dbshell` in the site directory; when it works and this does not, please report it."]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn startup_options_are_read_in_all_three_spellings() {
        let pairs = startup_options("-c search_path=site,public -cgeqo=off --statement_timeout=5min");
        let expected = [("search_path", "site,public"), ("geqo", "off"), ("statement_timeout", "5min")];
        assert_eq!(pairs, expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }

    #[test]
    fn password_file_is_searched_as_postgresql_does() {
        let text = "# mine\nother:*:*:lino:no\nlocalhost:5432:prod:lino:a\\:b\n*:*:*:*:any\n";
        let options = PgConnectOptions::new_without_pgpass().socket("/run/postgresql").port(5432).database("prod");
        assert_eq!(remembered(text, &options.clone().username("lino")), Some("a:b".to_owned()));
        assert_eq!(remembered(text, &options.username("root")), Some("any".to_owned()));
    }

    #[test]
    fn only_the_client_section_of_an_option_file_counts() {
        let text =
            "[mysqld]\nuser = mysql\n[client]\n# user = no\nuser = lino\npassword = \"a#b = c\"\n[mysql]\nuser=x\n";
        let expected = [("user", "lino"), ("password", "a#b = c")];
        assert_eq!(client_section(text), expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }
}
