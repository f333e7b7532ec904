//! Who could write to the site's database at this moment, services or not: the proof that all of them are stopped.

mod process;
mod session;

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::find::Site;
use super::services::speaks_of;
use super::surroundings::Surroundings;
use super::text::printable;
pub use process::{Own, Sockets};
use process::{Process, is_question};
pub use session::{Session, foreign};

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

/// Finds the processes that have the SQLite file or its journal open, and are not ours. A web server opens the file for
/// each request anew: an empty answer while it runs proves nothing.
#[must_use]
pub fn open_handles(file: &Path, around: &Surroundings, own: &Own) -> Processes {
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
    each_process(around, own, |process| {
        let handles = std::fs::read_dir(process.dir.join("fd")).ok()?;
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

/// Finds the processes that run the site's code, or work on its snapshot, and are not ours: `manage.py runserver`,
/// `linod`, a hand-started uwsgi, the `make_snapshot.sh` of another operator or of cron and the like.
/// They need not have the database open now to write to it later.
#[must_use]
pub fn site_processes(site: &Site, around: &Surroundings, own: &Own) -> Processes {
    let env = site.env_dir.join("bin");
    let snapshot = site.dir.join(&site.config.snapshot.directory);
    each_process(around, own, |process| {
        let words = process.words()?;
        let here = || std::fs::read_link(process.dir.join("cwd")).ok();
        let within = |place: &Path| words.iter().any(|word| Path::new(word).starts_with(place));
        if runs_code(&words, &env) {
            let belongs = within(&site.dir) || here()? == site.dir;
            return Some(belongs.then(|| "runs the site's code".to_owned()));
        }
        if let Some(script) = snapshot_script(&words) {
            let path = Path::new(script);
            let text = if path.is_absolute() { std::fs::read_to_string(path).ok() } else { None };
            let speaks = text.is_some_and(|text| speaks_of(site, &text));
            let belongs = within(&site.dir) || speaks || here()? == site.dir;
            return Some(belongs.then(|| format!("runs {} of the site", printable(script))));
        }
        let changes = words.first().is_some_and(|word| CHANGERS.contains(&name_of(word)));
        let inside = changes && (within(&snapshot) || here().is_some_and(|cwd| cwd.starts_with(&snapshot)));
        Some(inside.then(|| "works on the snapshot".to_owned()))
    })
}

/// Returns the working directories of the processes whose program is in the directory `bin` of an environment, or was
/// started by a link to it.
pub(super) fn work_dirs(bin: &Path, around: &Surroundings) -> BTreeSet<PathBuf> {
    let dir = |process: &Process| {
        let cwd = std::fs::read_link(process.dir.join("cwd")).ok()?;
        let program = cwd.join(process.words()?.first()?);
        let place = program.parent().filter(|place| place.is_absolute())?.canonicalize().ok()?;
        (place == bin).then_some(cwd)
    };
    Process::all(around).iter().filter_map(dir).collect()
}

/// Programs that change or pack files.
const CHANGERS: [&str; 9] = ["rm", "mv", "cp", "rsync", "tar", "zip", "unzip", "find", "tee"];

fn name_of(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or_default()
}

/// Tells whether a command line is that of Python or an application server with the code of some site.
fn runs_code(words: &[String], env: &Path) -> bool {
    const RUNNERS: [&str; 7] = ["python", "uwsgi", "gunicorn", "daphne", "uvicorn", "hypercorn", "celery"];
    const PROGRAMS: [&str; 10] =
        ["manage.py", "django-admin", "wsgi", "asgi", "gunicorn", "daphne", "uvicorn", "hypercorn", "celery", "lino"];
    let runs = |word: &String| {
        Path::new(word).starts_with(env) || RUNNERS.iter().any(|runner| name_of(word).starts_with(runner))
    };
    let has = |word: &String| PROGRAMS.iter().any(|program| word.contains(program));
    words.iter().take(2).any(runs) && words.iter().take(6).any(has)
}

/// Returns the script of a shell that makes snapshots or brings a new version.
fn snapshot_script(words: &[String]) -> Option<&str> {
    const SHELLS: [&str; 4] = ["sh", "bash", "dash", "zsh"];
    let (shell, rest) = words.split_first()?;
    if !SHELLS.contains(&name_of(shell)) {
        return None;
    }
    let script = rest.iter().find(|word| !word.starts_with('-'))?;
    let name = name_of(script);
    (!script.contains(' ') && (name.contains("make_snapshot") || name == "pull.sh")).then_some(script)
}

/// Looks into each process that is not ours. `look` returns none when it may not look.
fn each_process(around: &Surroundings, own: &Own, look: impl Fn(&Process) -> Option<Option<String>>) -> Processes {
    let mut found = Processes::default();
    let me = std::process::id();
    for process in Process::all(around) {
        if process.pid == me {
            continue;
        }
        match look(&process) {
            Some(None) => {}
            // Whose it is takes longer to find out, and matters for few.
            Some(Some(_)) if own.owns(&process) || only_asks(&process) => {}
            Some(Some(what)) => found.writers.push(Writer {
                id: process.pid.into(),
                who: process.command(),
                what: format!("{what} as {}", process.user(around)),
            }),
            // A process that has ended meanwhile is not unseen.
            None => found.unseen += usize::from(process.dir.join("stat").exists()),
        }
    }
    found.writers.sort_by_key(|writer| writer.id);
    found
}

/// Tells whether this is a question of this program (see [`super::facts`]), whoever asks.
fn only_asks(process: &Process) -> bool {
    let words = process.words().unwrap_or_default();
    let asks = words.iter().any(|word| {
        let parts: Vec<&str> = word.rsplitn(3, '/').collect();
        matches!(parts[..], ["facts.py", dir, _] if dir.starts_with("ask-"))
    });
    asks || is_question(process)
}
