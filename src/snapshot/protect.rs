//! Native copies of the database: how they are made, how they are proved, how they are brought back.
//!
//! Server dumps are made by the server's own programs, whose command lines are returned here and run elsewhere.
//! Passwords reach them through a private file, never through a command line.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::ExposeSecret;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Row};

use crate::fault::{self, Place};
use crate::site::{Connection, Db, DbError, Engine, quote};

/// Copies a SQLite database consistently: `VACUUM INTO` a temporary name, integrity check, sync, rename. The copy keeps
/// its journal as the database does: `VACUUM INTO` forgets a write-ahead log, and so does Lino, whose restore makes a new
/// file.
pub async fn sqlite_copy(source: &Path, target: &Path) -> Result<(), String> {
    let temporary = target.with_extension("part");
    fault::before_write(Place::Snapshot).map_err(|error| error.to_string())?;
    // A log that was left behind would be taken into the copy.
    for left in ["part", "part-wal", "part-shm"] {
        let _ = fs::remove_file(target.with_extension(left));
    }
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
    let journal: String = sqlx::query("pragma journal_mode")
        .fetch_one(&mut connection)
        .await
        .and_then(|row| row.try_get(0))
        .map_err(text)?;
    drop(connection);
    let mut copy = SqliteConnectOptions::new().filename(&temporary).connect().await.map_err(text)?;
    let answer: String = sqlx::query("pragma integrity_check")
        .fetch_one(&mut copy)
        .await
        .and_then(|row| row.try_get(0))
        .map_err(text)?;
    if answer != "ok" {
        return Err(format!("the copy is damaged: {answer}"));
    }
    if journal == "wal" {
        sqlx::raw_sql("pragma journal_mode = wal").execute(&mut copy).await.map_err(text)?;
    }
    // Whoever closes a database as the last one takes its log into it.
    sqlx::Connection::close(copy).await.map_err(text)?;
    fs::set_permissions(&temporary, fs::Permissions::from_mode(0o600))
        .and_then(|()| File::open(&temporary)?.sync_all())
        .and_then(|()| fault::before_write(Place::Snapshot))
        .and_then(|()| fs::rename(&temporary, target))
        .and_then(|()| target.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all()))
        .map_err(|error| error.to_string())?;
    fault::after_write(Place::Snapshot);
    Ok(())
}

/// Brings a copy of a SQLite database back: beside the database under another name, proved there, and then in its place
/// at once. May be repeated after it was broken off anywhere.
pub async fn sqlite_back(copy: &Path, database: &Path) -> Result<(), String> {
    let text = |error: io::Error| error.to_string();
    // A link stays a link.
    let database = database.canonicalize().unwrap_or_else(|_| database.to_owned());
    let beside = |suffix: &str| {
        let mut name = database.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let part = beside(".lino-upgrade-back");
    let _ = fs::remove_file(&part);
    fs::copy(copy, &part).map_err(text)?;
    // Nobody else knows this file, and nothing is to be written beside it.
    let mut connection = SqliteConnectOptions::new()
        .filename(&part)
        .read_only(true)
        .immutable(true)
        .connect()
        .await
        .map_err(|error| error.to_string())?;
    let answer: String = sqlx::query("pragma integrity_check")
        .fetch_one(&mut connection)
        .await
        .and_then(|row| row.try_get(0))
        .map_err(|error| error.to_string())?;
    drop(connection);
    if answer != "ok" {
        return Err(format!("the copy is damaged: {answer}"));
    }
    // Whoever runs the site goes on to own its database.
    let like = fs::metadata(&database).or_else(|_| fs::metadata(copy)).map_err(text)?;
    fs::set_permissions(&part, like.permissions()).map_err(text)?;
    if fs::metadata(&part).map_err(text)?.uid() != like.uid() || fs::metadata(&part).map_err(text)?.gid() != like.gid()
    {
        std::os::unix::fs::chown(&part, Some(like.uid()), Some(like.gid())).map_err(text)?;
    }
    File::open(&part).and_then(|file| file.sync_all()).map_err(text)?;
    // A journal of the other database would be rolled back into this one.
    for suffix in ["-wal", "-shm", "-journal"] {
        match fs::remove_file(beside(suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.to_string()),
            _ => {}
        }
    }
    fs::rename(&part, &database).map_err(text)?;
    let folder = database.parent().unwrap_or(Path::new("/"));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(text)
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
        env.extend(pass_file(connection, secret)?);
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
            // A name that begins like an option is none.
            if connection.name.starts_with('-') {
                format!("-- {}", quote(&connection.name))
            } else {
                quote(&connection.name)
            }
        )
    };
    let forget = quote(&format!("rm -f {}", quote(&secret.to_string_lossy())));
    // The rows of the site are for its owner.
    Ok(ServerDump { line: format!("umask 077; trap {forget} EXIT; {dump}"), env })
}

/// Prepares to bring the copy `target` back, with the file `empty` that [`emptying`] filled, as [`server_dump`] does:
/// nothing is asked.
pub fn server_back(connection: &Connection, empty: &Path, target: &Path, secret: &Path) -> io::Result<ServerDump> {
    let mut env = BTreeMap::new();
    let load = if connection.engine == Engine::Postgres {
        env.extend(pass_file(connection, secret)?);
        format!("{} --no-password", bring_back_line(connection, empty, target))
    } else {
        write_private(secret, &option_file(connection))?;
        let (first, sources) = sources(empty, target);
        format!(
            "{first}$(command -v mariadb || echo mysql) --defaults-extra-file={} --default-character-set=utf8mb4 \
             --execute={}",
            quote(&secret.to_string_lossy()),
            quote(&sources)
        )
    };
    let forget = quote(&format!("rm -f {}", quote(&secret.to_string_lossy())));
    Ok(ServerDump { line: format!("trap {forget} EXIT; {load}"), env })
}

/// Writes the password where libpq reads it. Without one of the settings, libpq looks where it always looks, for example
/// in ~/.pgpass.
fn pass_file(connection: &Connection, secret: &Path) -> io::Result<Option<(String, String)>> {
    let Some(password) = &connection.password else { return Ok(None) };
    let escaped = password.expose_secret().replace('\\', "\\\\").replace(':', "\\:");
    write_private(secret, &format!("*:*:*:*:{escaped}\n"))?;
    Ok(Some(("PGPASSFILE".to_owned(), secret.to_string_lossy().into_owned())))
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
    let escapes = [("\\", "\\\\"), ("\"", "\\\""), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")];
    format!("\"{}\"", escapes.iter().fold(value.to_owned(), |value, (from, to)| value.replace(from, to)))
}

/// Returns the statements by which MySQL's client reads two files, and what has to come before the client. It takes a
/// name up to the end of the statement and knows no quotes: where a name could end it early, the client reads by short
/// names, within the directory.
fn sources(empty: &Path, target: &Path) -> (String, String) {
    let plain = |path: &Path| {
        path.to_str().is_some_and(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || "_-./+@".contains(c)))
    };
    if let (Some(dir), Some(empty), Some(target)) = (target.parent(), empty.file_name(), target.file_name())
        && !plain(dir)
    {
        let [empty, target] = [empty, target].map(|name| name.to_string_lossy());
        return (format!("cd {} && ", quote(&dir.to_string_lossy())), format!("source {empty}; source {target};"));
    }
    (String::new(), format!("source {}; source {};", empty.display(), target.display()))
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

/// The name of the file in which a program of the server finds its password, beside the copy of the database.
pub const SECRET: &str = "secret";

/// Deletes the password files that were left behind when the machine or the runner died while a program of the server
/// ran. Not while one runs.
pub fn forget_secrets(state_dir: &Path) {
    for room in ["protect", "undone"] {
        for run in fs::read_dir(state_dir.join(room)).into_iter().flatten().flatten() {
            let _ = fs::remove_file(run.path().join(SECRET));
        }
    }
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

/// Reads a server's dump and returns the tables that it creates, and those of which it has rows (of PostgreSQL also those
/// without).
pub fn tables_of(dump: &Path) -> io::Result<(BTreeSet<String>, BTreeSet<String>)> {
    /// No name of a table, with its schema and quotes, is longer.
    const HEAD: usize = 400;
    let mut from = BufReader::with_capacity(1 << 16, File::open(dump)?);
    let (mut created, mut filled) = (BTreeSet::new(), BTreeSet::new());
    let mut head: Vec<u8> = Vec::with_capacity(HEAD);
    loop {
        let bytes = from.fill_buf()?;
        if bytes.is_empty() {
            return Ok((created, filled));
        }
        let end = memchr::memchr(b'\n', bytes);
        let line = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
        head.extend(line.iter().take(HEAD - head.len().min(HEAD)));
        let read = end.map_or(bytes.len(), |end| end + 1);
        from.consume(read);
        if end.is_some() {
            created.extend(head.strip_prefix(b"CREATE TABLE ").and_then(named));
            let rows = head.strip_prefix(b"COPY ").or_else(|| head.strip_prefix(b"INSERT INTO "));
            filled.extend(rows.and_then(named));
            head.clear();
        }
    }
}

/// Reads the name of a table, without its schema and quotes.
fn named(text: &[u8]) -> Option<String> {
    // The end of what was kept of a long line may be the middle of a character.
    let text = String::from_utf8_lossy(text);
    let (mut name, mut quote) = (String::new(), None);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match quote {
            Some(open) if letter == open => {
                if letters.peek() == Some(&open) {
                    letters.next();
                    name.push(open);
                } else {
                    quote = None;
                }
            }
            None if letter == '"' || letter == '`' => quote = Some(letter),
            None if letter == '.' => name.clear(),
            None if letter == ' ' || letter == '(' => break,
            Some(_) | None => name.push(letter),
        }
    }
    (!name.is_empty()).then_some(name)
}

/// Returns what a person types to bring the copy `target` back, with the file `empty` that [`emptying`] filled. It
/// holds no password: the program asks for it.
#[must_use]
pub fn bring_back_line(connection: &Connection, empty: &Path, target: &Path) -> String {
    match connection.engine {
        // A journal that a killed process has left would be rolled back into the copy.
        Engine::Sqlite => {
            let journals = ["-journal", "-wal", "-shm"].map(|suffix| quote(&format!("{}{suffix}", connection.name)));
            let [copy, database] = [&*target.to_string_lossy(), &connection.name].map(quote);
            format!("rm -f {} && cp {copy} {database}", journals.join(" "))
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
            let (mut line, sources) = sources(empty, target);
            line.push_str("$(command -v mariadb || echo mysql)");
            if let Some(defaults) = connection.option("read_default_file") {
                let _ = write!(line, " --defaults-extra-file={}", quote(defaults));
            }
            for (name, value) in client_options(connection) {
                let _ = write!(line, " --{name}={}", quote(&value));
            }
            if connection.password.is_some() {
                line.push_str(" --password");
            }
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
            r"umask 077; trap 'rm -f SECRET' EXIT; pg_dump --no-password --no-owner --no-comments --file='/copy/it'\''s.sql' --dbname='host=127.0.0.1 port=5433 user='\''li no'\'' dbname=prod'"
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
            r"umask 077; trap 'rm -f SECRET' EXIT; $(command -v mariadb-dump || echo mysqldump) --defaults-extra-file=SECRET --single-transaction --routines --triggers --hex-blob --no-tablespaces --default-character-set=utf8mb4 --result-file='/copy/it'\''s.sql' prod"
        );
        assert_eq!(dump.env, BTreeMap::new());
        assert_eq!(
            secret,
            "[client]\nhost=\"127.0.0.1\"\nport=\"5433\"\nuser=\"li no\"\npassword=\"a:b\\\\c\\\"d#e'f\"\n"
        );
    }

    #[test]
    fn mysql_reads_the_copy_from_a_directory_of_any_name() {
        let dir = Path::new("/it's; drop\n$(x)");
        let line = bring_back_line(&connection(Engine::MySql), &dir.join("empty.sql"), &dir.join("database.sql"));
        let (first, rest) = line.split_once(" && ").unwrap();
        assert_eq!(first, "cd '/it'\\''s; drop\n$(x)'");
        assert!(rest.ends_with(" --execute='source empty.sql; source database.sql;'"), "{rest}");
    }

    #[test]
    fn an_option_file_holds_any_value_in_one_line() {
        assert_eq!(option_value("a\"b\\c\nd\re\tf#;='"), r#""a\"b\\c\nd\re\tf#;='""#);
    }

    /// Asks a database of SQLite for a text.
    async fn said(database: &Path, sql: &'static str) -> String {
        let mut db = SqliteConnectOptions::new().filename(database).connect().await.unwrap();
        sqlx::query(sql).fetch_one(&mut db).await.unwrap().try_get(0).unwrap()
    }

    #[tokio::test]
    async fn a_journal_that_a_killed_process_has_left_does_no_harm_to_the_copy_that_comes_back() {
        for by_hand in [true, false] {
            let dir = assert_fs::TempDir::new().unwrap();
            let [alive, site] = ["alive", "site"].map(|name| dir.path().join(name));
            fs::create_dir(&alive).unwrap();
            fs::create_dir(&site).unwrap();
            let (database, copy) = (alive.join("prod"), dir.path().join("copy"));
            let mut db =
                SqliteConnectOptions::new().filename(&database).create_if_missing(true).connect().await.unwrap();
            let rows = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000)";
            for sql in [
                "pragma cache_size = 2".to_owned(),
                "create table t (id integer primary key, name text)".to_owned(),
                format!("insert into t {rows} select i, printf('%0200d', i) from n"),
                "delete from t where id % 3 = 0".to_owned(),
            ] {
                sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut db).await.unwrap();
            }
            sqlite_copy(&database, &copy).await.unwrap();
            // The process dies in the middle of a transaction: these are the files as it leaves them.
            sqlx::raw_sql("begin; update t set name = 'x' || name").execute(&mut db).await.unwrap();
            for name in ["prod", "prod-journal"] {
                fs::copy(alive.join(name), site.join(name)).unwrap();
            }
            let target = site.join("prod");
            if by_hand {
                let mut connection = connection(Engine::Sqlite);
                connection.name = target.to_string_lossy().into_owned();
                let line = bring_back_line(&connection, Path::new("empty.sql"), &copy);
                assert!(std::process::Command::new("sh").args(["-c", &line]).status().unwrap().success());
            } else {
                sqlite_back(&copy, &target).await.unwrap();
            }
            assert_eq!(said(&target, "pragma integrity_check").await, "ok", "by hand: {by_hand}");
            let all = "select count(*) || ' ' || min(name) || ' ' || max(name) from t";
            assert_eq!(said(&target, all).await, said(&copy, all).await, "by hand: {by_hand}");
        }
    }

    #[tokio::test]
    async fn a_database_with_a_write_ahead_log_comes_back_with_one() {
        let dir = assert_fs::TempDir::new().unwrap();
        let [database, copy] = ["prod", "copy"].map(|name| dir.path().join(name));
        let open = async || SqliteConnectOptions::new().filename(&database).create_if_missing(true).connect().await;
        let mut db = open().await.unwrap();
        sqlx::raw_sql("pragma journal_mode = wal; create table t (name text); insert into t values ('in the log')")
            .execute(&mut db)
            .await
            .unwrap();
        sqlite_copy(&database, &copy).await.unwrap();
        sqlx::Connection::close(db).await.unwrap();
        // What a restore of Lino leaves: a new file, which has no log.
        fs::remove_file(&database).unwrap();
        let mut db = open().await.unwrap();
        sqlx::raw_sql("create table t (name text)").execute(&mut db).await.unwrap();
        sqlx::Connection::close(db).await.unwrap();
        sqlite_back(&copy, &database).await.unwrap();
        let mut left: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        left.sort();
        assert_eq!(left, ["copy", "prod"]);
        assert_eq!(said(&database, "pragma journal_mode").await, "wal");
        assert_eq!(said(&database, "select name from t").await, "in the log");
    }

    #[test]
    fn the_tables_of_a_dump_are_read_back() {
        let dir = assert_fs::TempDir::new().unwrap();
        let path = dir.path().join("dump.sql");
        let long = "x".repeat(100_000);
        let text = format!(
            "CREATE TABLE public.shop_sale (\n    id integer\n);\nCREATE TABLE public.\"My \"\"own\"\"\" (\n);\n\
             COPY public.shop_sale (id) FROM stdin;\n1\t{long}\n\\.\nCREATE TABLE `b` (\nINSERT INTO `b` VALUES (1);\n"
        );
        fs::write(&path, text).unwrap();
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(tables_of(&path).unwrap(), (names(&["My \"own\"", "b", "shop_sale"]), names(&["b", "shop_sale"])));
    }

    #[test]
    fn the_way_back_is_complete_and_holds_no_password() {
        let lines = [Engine::Sqlite, Engine::Postgres, Engine::MySql].map(|engine| {
            bring_back_line(&connection(engine), Path::new("/copy/empty.sql"), Path::new("/copy/database.sql"))
        });
        assert_eq!(
            lines,
            [
                "rm -f prod-journal prod-wal prod-shm && cp /copy/database.sql prod",
                r"psql --no-psqlrc --quiet --output=/dev/null --set=ON_ERROR_STOP=1 --single-transaction --file=/copy/empty.sql --file=/copy/database.sql --dbname='host=127.0.0.1 port=5433 user='\''li no'\'' dbname=prod'",
                "$(command -v mariadb || echo mysql) --host=127.0.0.1 --port=5433 --user='li no' --password --default-character-set=utf8mb4 --execute='source /copy/empty.sql; source /copy/database.sql;'",
            ]
        );
    }
}
