//! Who could write to the site's database at this moment, services or not: the proof that all of them are stopped.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::database::{Db, DbError};
use super::find::Site;
use super::surroundings::Surroundings;
use super::text::printable;

/// Somebody who could write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writer {
    /// Process id on this machine, or the session's id on the database server.
    pub id: u64,
    /// The command, or the user of the session.
    pub who: String,
    /// What it does, for example "has default.db open".
    pub what: String,
}

/// What a look into the running processes gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Processes {
    /// Those that could write.
    pub writers: Vec<Writer>,
    /// How many processes could not be looked into: they belong to other users.
    pub unseen: usize,
}

/// Finds the processes, other than this one, that have the SQLite file or its journal open. A web server opens the
/// file for each request anew: an empty answer while it runs proves nothing.
#[must_use]
pub fn open_handles(file: &Path, around: &Surroundings) -> Processes {
    let files: Vec<(PathBuf, u64, u64)> = ["", "-wal", "-shm", "-journal"]
        .into_iter()
        .filter_map(|suffix| {
            let mut path = file.as_os_str().to_owned();
            path.push(suffix);
            let path = PathBuf::from(path).canonicalize().ok()?;
            let data = path.metadata().ok()?;
            Some((path, data.dev(), data.ino()))
        })
        .collect();
    each_process(around, |process| {
        let handles = std::fs::read_dir(process.join("fd")).ok()?;
        let open = handles.filter_map(Result::ok).find_map(|handle| {
            // The name first: it is cheap, and says the same in all name spaces but for its directories.
            let target = std::fs::read_link(handle.path()).ok()?;
            let (path, dev, ino) = files.iter().find(|(path, ..)| path.file_name() == target.file_name())?;
            let data = std::fs::metadata(handle.path()).ok()?;
            (data.dev() == *dev && data.ino() == *ino).then(|| path.clone())
        });
        Some(open.map(|path| format!("has {} open", path.display())))
    })
}

/// Finds the processes that run the site's code: `manage.py runserver`, `linod`, a hand-started uwsgi and the like.
/// They need not have the database open now to write to it later.
#[must_use]
pub fn site_processes(site: &Site, around: &Surroundings) -> Processes {
    const RUNNERS: [&str; 7] = ["python", "uwsgi", "gunicorn", "daphne", "uvicorn", "hypercorn", "celery"];
    const PROGRAMS: [&str; 10] =
        ["manage.py", "django-admin", "wsgi", "asgi", "gunicorn", "daphne", "uvicorn", "hypercorn", "celery", "lino"];
    let env = site.env_dir.join("bin");
    each_process(around, |process| {
        let words = std::fs::read(process.join("cmdline")).ok()?;
        let words: Vec<String> = words.split(|b| *b == 0).map(|w| String::from_utf8_lossy(w).into_owned()).collect();
        let runs = |word: &String| {
            let name = Path::new(word).file_name().unwrap_or_default().to_string_lossy();
            Path::new(word).starts_with(&env) || RUNNERS.iter().any(|runner| name.starts_with(runner))
        };
        let has = |word: &String| PROGRAMS.iter().any(|program| word.contains(program));
        if !words.iter().take(2).any(runs) || !words.iter().take(6).any(has) {
            return Some(None);
        }
        let named = words.iter().any(|word| Path::new(word).starts_with(&site.dir));
        let belongs = named || std::fs::read_link(process.join("cwd")).ok()? == site.dir;
        Some(belongs.then(|| "runs the site's code".to_owned()))
    })
}

/// Looks into each process but this one. `look` returns none when it may not look.
fn each_process(around: &Surroundings, look: impl Fn(&Path) -> Option<Option<String>>) -> Processes {
    let mut found = Processes::default();
    let Ok(entries) = std::fs::read_dir(around.system("proc")) else { return found };
    let me = std::process::id();
    for entry in entries.filter_map(Result::ok) {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        if pid == me || asks_for_facts(&entry.path()) {
            continue;
        }
        match look(&entry.path()) {
            Some(None) => {}
            Some(Some(what)) => found.writers.push(Writer { id: pid.into(), who: command_of(&entry.path()), what }),
            // A process that has ended meanwhile is not unseen.
            None => found.unseen += usize::from(entry.path().join("stat").exists()),
        }
    }
    found.writers.sort_by_key(|writer| writer.id);
    found
}

/// Tells whether this is our own question to a site's Python (see [`super::facts`]): it only reads.
fn asks_for_facts(process: &Path) -> bool {
    let words = std::fs::read(process.join("cmdline")).unwrap_or_default();
    words.split(|byte| *byte == 0).any(|word| {
        let word = String::from_utf8_lossy(word);
        let parts: Vec<&str> = word.rsplitn(3, '/').collect();
        matches!(parts[..], ["facts.py", dir, _] if dir.starts_with("ask-"))
    })
}

/// Returns the command of a process in one line of at most 80 characters.
fn command_of(process: &Path) -> String {
    let words = std::fs::read(process.join("cmdline")).unwrap_or_default();
    let words: Vec<String> = words
        .split(|byte| *byte == 0)
        .filter(|word| !word.is_empty())
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect();
    let line = if words.is_empty() {
        std::fs::read_to_string(process.join("comm")).unwrap_or_default().trim().to_owned()
    } else {
        words.join(" ")
    };
    printable(&line).replace('\n', " ").chars().take(80).collect()
}

impl Db {
    /// Returns the sessions of others on this database; always empty for SQLite, see [`open_handles`]. A user without
    /// special rights sees the sessions of the same user only, which are those of the site.
    /// Our own are left out: PostgreSQL knows them by name, MySQL by a lock that each of them holds.
    pub async fn sessions(&mut self) -> Result<Vec<Writer>, DbError> {
        let sql = match self {
            Self::Sqlite(_) => return Ok(Vec::new()),
            Self::Postgres(_) => {
                "SELECT pid::text, usename::text, application_name::text, host(client_addr), state::text FROM \
                 pg_catalog.pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND \
                 usename IS NOT NULL AND application_name <> 'lino-upgrade' ORDER BY pid"
            }
            Self::MySql(_) => {
                "SELECT CAST(id AS CHAR), CAST(user AS CHAR), CAST(command AS CHAR), CAST(host AS CHAR), CAST(state AS \
                 CHAR) FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID() AND \
                 COALESCE(IS_USED_LOCK(CONCAT('lino-upgrade-', id)), 0) <> id ORDER BY id"
            }
        };
        let mut found = Vec::new();
        self.each_row("listing the sessions", sql.to_owned(), 5, |cells| {
            let cell = |at: usize| cells.get(at).copied().flatten().filter(|text| !text.is_empty());
            let from = cell(3).map(|from| format!(" from {from}")).unwrap_or_default();
            let program = cell(2).map(|program| format!(" ({program})")).unwrap_or_default();
            found.push(Writer {
                id: cell(0).and_then(|id| id.parse().ok()).unwrap_or_default(),
                who: printable(&format!("{}{program}", cell(1).unwrap_or("somebody"))),
                what: printable(&format!("has a session{from}, {}", cell(4).unwrap_or("idle"))),
            });
        })
        .await?;
        Ok(found)
    }
}
