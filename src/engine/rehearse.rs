//! The rehearsal: the snapshot is loaded by the new version into a scratch database, while the site still runs.
//! Nothing of the site is changed, so no run and no journal is needed.

mod dump;
mod former;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};

use crate::error::{Kind, Report, Tell};
use crate::site::Site;
use crate::site::beside::{self, BesideError};
use crate::site::rehearse::{self, Places};
use crate::triage::{Rehearsed, Stopped};

pub use dump::{announced, dump, place as dumped};
pub use former::{Former, Setting, forget, former, former_file, keep_problem, lock, models, problem};

/// What the rehearsal says of the snapshot before it loads it, in the log: then the number of its rows.
pub const ROWS: &str = "Rows of the snapshot: ";
/// What a retry says of the rows that it loads; it says the other, too, when it loads all of them after all.
pub const AGAIN: &str = "Rows to be loaded again: ";

/// What to rehearse, and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rehearsal {
    /// The Python of the new version.
    pub python: PathBuf,
    /// Words before the command, which let it see the new version; usually none.
    pub within: Vec<String>,
    /// The dump script of the snapshot.
    pub script: PathBuf,
    /// Whether only what the last rehearsal refused is loaded, where that comes to the same end.
    pub retry: bool,
}

/// Finds the dump script of a snapshot: a directory, or the script itself.
///
/// # Errors
/// A report that says what is there instead.
pub fn script(snapshot: &Path) -> Result<PathBuf, Report> {
    let wrong = |what: String, next: &str| {
        Err(Report::new(Kind::Environment, what).unchanged("Nothing was changed.").next(next))
    };
    let shown = snapshot.display();
    if snapshot.is_dir() {
        let script = snapshot.join("restore.py");
        if !script.is_file() {
            return wrong(format!("{shown} has no restore.py."), "Name the directory that `dump2py` wrote.");
        }
        return script.canonicalize().map_or_else(|_| Ok(script.clone()), Ok);
    }
    if !snapshot.exists() {
        return wrong(
            format!("There is no snapshot {shown}."),
            "Make one while the site runs: `python manage.py dump2py DIR`, and name it with --snapshot DIR.",
        );
    }
    if snapshot.extension().is_some_and(|ending| ending == "zip") {
        return wrong(
            format!("{shown} is an archive, and the new version loads files."),
            "Unpack it into a directory of its own, and name that.",
        );
    }
    snapshot.canonicalize().map_or_else(|_| Ok(snapshot.to_owned()), Ok)
}

/// Finds the new version, or brings it into an environment beside the one in use: its Python, and the words before it.
///
/// # Errors
/// A report that says why there is none.
pub async fn environment(site: &Site, anew: bool, printed: impl FnMut(&str)) -> Result<(PathBuf, Vec<String>), Report> {
    let beside = beside::build(site, anew, printed).await.map_err(|error| error.tell())?;
    Ok((site.python.clone(), beside.within()))
}

/// Lists the packages of the environment that rehearses.
///
/// # Errors
/// A report when its Python does not tell them.
pub async fn packages(site: &Site, new: (&[String], &Path)) -> Result<BTreeMap<String, String>, Report> {
    super::packages::installed_in(site, new).await
}

impl Tell for BesideError {
    fn tell(&self) -> Report {
        let report = |what: String| {
            Report::new(Kind::Environment, what).unchanged("The site and its environment are as they were.")
        };
        let other = "Or build an environment with the new version elsewhere, and name its Python with --python.";
        match self {
            Self::NoPull => report("Nobody knows how to pull the new version: there is no pull.sh.".to_owned())
                .next("Say in lino-upgrade.toml how: `pull = \"…\"`.")
                .next(other),
            Self::NoMounts(said) => {
                report(format!("The new version cannot be brought beside the old one on this system: {said}."))
                    .next("Build an environment with the new version elsewhere, and name its Python with --python.")
            }
            Self::Editable { package, dir } => report(format!(
                "{package} is installed from {dir}: to pull there would change the running site, so the new version \
                 cannot be brought beside the old one."
            ))
            .next("Build an environment with the new version elsewhere, and name its Python with --python."),
            Self::Io { what, source } => report(format!("{what}: {source}.")).next("Is the disk full?"),
            Self::Failed { command, status, said } => {
                report(format!("In the copy of the environment, {command} ended with exit status {status}."))
                    .next("Correct what it says, then rehearse again.")
                    .next(other)
                    .excerpt(said.clone())
            }
        }
    }
}

impl Rehearsal {
    /// Rehearses, telling each line that Lino prints.
    ///
    /// # Errors
    /// A report when the new version could not be started, or was ended before it could say anything.
    pub async fn run(&self, site: &Site, printed: impl FnMut(&str)) -> Result<Rehearsed, Report> {
        let places = rehearse::places(site);
        let new = (self.within.as_slice(), self.python.as_path());
        let status = if self.retry {
            rehearse::retry(site, new, &self.script, printed).await
        } else {
            rehearse::run(site, new, &self.script, printed).await
        };
        let status = status.map_err(|error| {
            Report::new(Kind::Environment, format!("The rehearsal cannot begin: {error}."))
                .unchanged("The site was not touched.")
                .next(format!("Can {} be run, and {} be written?", self.python.display(), places.dir.display()))
        })?;
        let mut found = read(&places)?;
        if found.ended.is_none() && found.stopped.is_none() {
            let how = match (status.code(), status.signal()) {
                (_, Some(signal)) => format!("signal {signal}"),
                (code, None) => format!("exit status {}", code.unwrap_or_default()),
            };
            found.stopped = Some(Stopped {
                exception: String::new(),
                message: format!("Python ended with {how} before the rehearsal was through."),
                traceback: String::new(),
            });
        }
        Ok(found)
    }
}

/// Reads what the script told.
///
/// # Errors
/// A report when it cannot be read, or is of another version.
pub fn read(places: &Places) -> Result<Rehearsed, Report> {
    let unreadable = |what: String| {
        Report::new(Kind::Environment, what)
            .unchanged("The site was not touched.")
            .next("Look at the log: did Lino start?")
            .log(&places.log)
    };
    let path = places.told.display();
    let file =
        std::fs::File::open(&places.told).map_err(|error| unreadable(format!("{path} cannot be read: {error}.")))?;
    let mut found = Rehearsed::default();
    let mut lines = BufReader::new(file).lines().zip(1_u64..).peekable();
    while let Some((line, number)) = lines.next() {
        let line = line.map_err(|error| unreadable(format!("{path} cannot be read: {error}.")))?;
        match found.take(&line) {
            Ok(()) => {}
            // Cut off where Python was killed.
            Err(_) if lines.peek().is_none() => {}
            Err(why) => return Err(unreadable(format!("{path}, line {number}: {why}"))),
        }
    }
    Ok(found)
}
