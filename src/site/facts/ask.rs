//! Asks the site's Python: writes the script into a private directory, runs it once, reads its answer.

use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use secrecy::zeroize::Zeroize;
use serde::Deserialize;
use tokio::process::Command;

use super::kept::{self, Sources};
use super::scratch::Scratch;
use super::{FORMAT, Facts};
use crate::error::{Kind, Report, Tell};
use crate::site::check::speaks_of_full;
use crate::site::connection::{Connection, Printed};
use crate::site::find::Site;
use crate::site::process::{self, Answer, NoAnswer};
use crate::site::text::{printable, tail, without_secrets};

/// What its line with the connection begins with.
const MARKER: &str = "@lino-upgrade-connection ";
/// Starting Lino takes seconds; on a cold disk of a small machine more than a minute.
const PATIENCE: Duration = Duration::from_mins(3);

/// Why the site's Python gave no facts.
#[derive(Debug, thiserror::Error)]
pub enum FactsError {
    /// The script cannot be written.
    #[error("{}: {source}", path.display())]
    Scratch {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Python cannot be started.
    #[error("{}: {said}", python.display())]
    NotStarted {
        /// The program.
        python: PathBuf,
        /// What the system said.
        said: String,
    },
    /// No answer in time.
    #[error("no answer from the site's Python within {} seconds", .0.as_secs())]
    TooLong(Duration),
    /// Python ended without an answer.
    #[error("the site's Python ended with {how} and gave no answer")]
    Silent {
        /// Exit status or signal.
        how: String,
        /// The end of what it printed.
        printed: String,
    },
    /// The answer cannot be read.
    #[error("the answer of the site's Python cannot be read: {0}")]
    Unreadable(String),
    /// The site does not start; the refusal says where and why.
    #[error("{0}")]
    Refused(Box<Refusal>),
}

/// The site's own code stopped the question.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// What was being done, for example `settings` or `models`.
    pub stage: String,
    /// Class of the exception.
    pub exception: String,
    /// Its text.
    pub message: String,
    /// The whole traceback.
    pub traceback: String,
    /// The innermost line of the traceback that lies in the site, else the innermost of all.
    pub place: Option<Place>,
    /// What was found before: at least `python` and `installed`, often `missing_requirements`.
    pub facts: Facts,
}

/// A line of a Python file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} of {}", self.line, self.file.display())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.exception, self.message)
    }
}

impl Refusal {
    /// Tells whether the site only wants packages that are not installed, as new code often does after `pull`.
    #[must_use]
    pub fn wants_packages(&self) -> bool {
        !self.facts.missing_requirements.is_empty() || self.missing_module().is_some()
    }

    /// Returns the Python module whose absence stopped the site.
    #[must_use]
    pub fn missing_module(&self) -> Option<&str> {
        if !matches!(self.exception.as_str(), "ModuleNotFoundError" | "ImportError") {
            return None;
        }
        self.message.strip_prefix("No module named '").and_then(|rest| rest.split('\'').next())
    }

    fn remedies(&self) -> Vec<String> {
        if let Some(module) = self.missing_module() {
            let mut remedies = vec![format!(
                "The Python module {module} is missing: install its package into the site's virtualenv (`python \
                 manage.py install` knows what the application needs)."
            )];
            let import = self.place.as_ref().map(|place| format!("If the name is wrong: correct {place}."));
            remedies.extend(import);
            remedies.push("Was the right virtualenv found? lino-upgrade.toml can name another one.".to_owned());
            return remedies;
        }
        let place = self.place.as_ref().map_or_else(|| "the settings".to_owned(), ToString::to_string);
        match self.stage.as_str() {
            "database" => vec!["Look at the DATABASES setting and whether the database server runs.".to_owned()],
            "lino" => vec!["Is this a Lino site? Other Django projects are not supported.".to_owned()],
            "manage.py" | "settings" => vec![
                format!("Look at {place} and correct it."),
                "`python manage.py diag` must work before the site can be upgraded.".to_owned(),
            ],
            _ => vec![
                format!("Look at {place}; show this to the application developer when it is not your own code."),
                "`python manage.py diag` must work before the site can be upgraded.".to_owned(),
            ],
        }
    }
}

impl Tell for FactsError {
    fn tell(&self) -> Report {
        let report = |what: String| {
            Report::new(Kind::Environment, printable(&what)).unchanged("The site was only asked, nothing was changed.")
        };
        match self {
            Self::Scratch { path, source } => report(format!("Cannot write {}: {source}.", path.display()))
                .next("Is the disk full? Make room, then start lino-upgrade again."),
            Self::NotStarted { python, said } => report(format!("Cannot run {}: {said}.", python.display())).next(
                "The virtualenv is broken, perhaps since the system's Python was upgraded. Build it again, or name \
                 another Python in lino-upgrade.toml.",
            ),
            Self::TooLong(patience) => report(format!("Lino did not answer within {} seconds.", patience.as_secs()))
                .next("Try `python manage.py diag` in the site directory: does it hang, too?")
                .next("A database or redis server that does not answer often is the reason."),
            Self::Silent { printed, .. } if speaks_of_full(printed) => {
                report("The site's Python could not write its answer: no space left on the device.".to_owned())
                    .next("Free some space on the disk of the site and on that of temporary files, then try again.")
                    .excerpt(printed.clone())
            }
            Self::Silent { how, printed } => {
                let report = report(format!("The site's Python ended with {how} and gave no answer."))
                    .next("Try `python manage.py diag` in the site directory; it must work first.");
                if printed.trim().is_empty() { report } else { report.excerpt(printed.clone()) }
            }
            Self::Unreadable(said) => report(format!("The answer of the site's Python cannot be read: {said}."))
                .next("Please report this with the output of `lino-upgrade check`."),
            Self::Refused(refusal) => {
                let at = refusal.place.as_ref().map(|place| format!(", at {place}")).unwrap_or_default();
                let message = refusal.message.lines().next().unwrap_or_default().trim_end_matches('.');
                let separator = if message.is_empty() { "" } else { ": " };
                let what = format!("Lino does not start{at}: {}{separator}{message}.", refusal.exception);
                let report = report(what).excerpt(tail(&refusal.traceback, 8));
                refusal.remedies().into_iter().fold(report, Report::next)
            }
        }
    }
}

/// Asks the site for its facts. Takes some seconds, because Lino starts; none while all that the last answer rests on is
/// as it was. Dropping the future ends Python.
pub async fn ask(site: &Site) -> Result<Facts, FactsError> {
    let mut last = site.answers.facts().await;
    if let Some(facts) = kept::still(&mut last, site).await {
        return Ok(facts);
    }
    let scratch = Scratch::new(site)?;
    let out = scratch.dir.join("facts.json");
    let began = SystemTime::now();
    let answer = run(site, &scratch, &out.to_string_lossy()).await?;
    let bytes = std::fs::read(&out).map_err(|_| silent(&answer))?;
    let facts = understand(&bytes, site)?;
    // A database that cannot be reached may be there at the next question.
    if facts.database.reachable == Some(true) {
        kept::keep(&mut last, &facts, sources(&bytes), site, began).await;
    }
    Ok(facts)
}

/// Asks the site how to reach its database; nobody is asked while all that the last answer rests on is as it was. The
/// answer stays in memory.
pub async fn connection(site: &Site) -> Result<Connection, FactsError> {
    let mut last = site.answers.connection().await;
    if let Some(connection) = kept::still(&mut last, site).await {
        return Ok(connection);
    }
    let scratch = Scratch::new(site)?;
    let began = SystemTime::now();
    let mut answer = run(site, &scratch, "--connection").await?;
    let found = understand_connection(&answer.stdout, site);
    answer.stdout.zeroize();
    let (connection, sources) = found.unwrap_or_else(|| Err(silent(&answer)))?;
    kept::keep(&mut last, &connection, sources, site, began).await;
    Ok(connection)
}

/// Reads what an answer rests on; none when its script cannot name it.
fn sources(json: &[u8]) -> Option<Sources> {
    #[derive(Deserialize)]
    struct Said {
        sources: Option<Sources>,
    }
    serde_json::from_slice::<Said>(json).ok()?.sources
}

async fn run(site: &Site, scratch: &Scratch, argument: &str) -> Result<Answer, FactsError> {
    let mut command = Command::new(&site.python);
    command.arg("-u").arg(&scratch.script).arg(argument);
    for (name, value) in &site.environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    // A question leaves no traces in the site: no byte code, no lines in its log.
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONIOENCODING", "utf-8:backslashreplace");
    // By this name PostgreSQL tells our sessions from others.
    command.env("PGAPPNAME", "lino-upgrade");
    command.env("LINO_LOGLEVEL", "WARNING").env("LINO_FILE_LOGLEVEL", "ERROR");
    process::run(command, &site.dir, PATIENCE).await.map_err(|error| match error {
        NoAnswer::TooLong(patience) => FactsError::TooLong(patience),
        error => FactsError::NotStarted { python: site.python.clone(), said: error.to_string() },
    })
}

fn silent(answer: &Answer) -> FactsError {
    let how = match (answer.status.code(), answer.status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "an unknown status".to_owned(),
    };
    FactsError::Silent { how, printed: tail(&without_secrets(&String::from_utf8_lossy(&answer.stderr)), 12) }
}

/// Reads the facts, or why there are none.
fn understand(bytes: &[u8], site: &Site) -> Result<Facts, FactsError> {
    #[derive(Deserialize)]
    struct Failed {
        format: Option<u32>,
        error: Option<Stopped>,
    }
    let wrong = |error: serde_json::Error| FactsError::Unreadable(error.to_string());
    let failed: Failed = serde_json::from_slice(bytes).map_err(wrong)?;
    if failed.format != Some(FORMAT) {
        return Err(FactsError::Unreadable("it has another format than expected".to_owned()));
    }
    let facts: Facts = serde_json::from_slice(bytes).map_err(wrong)?;
    match failed.error {
        None => Ok(facts),
        Some(error) => Err(error.refuse(facts, site)),
    }
}

/// Finds the connection in what was printed; none when it is not there.
fn understand_connection(stdout: &[u8], site: &Site) -> Option<Result<(Connection, Option<Sources>), FactsError>> {
    #[derive(Deserialize)]
    struct Failed {
        error: Option<Stopped>,
    }
    let text = std::str::from_utf8(stdout).ok()?;
    // Anything that the site's own code prints comes before.
    let line = text.lines().rev().find_map(|line| line.strip_prefix(MARKER))?;
    if let Ok(Failed { error: Some(error) }) = serde_json::from_str(line) {
        return Some(Err(error.refuse(Facts::default(), site)));
    }
    // Not the reader's own message: it could quote the password.
    let unreadable = |_| FactsError::Unreadable("the database connection has an unknown form".to_owned());
    let printed: Result<Printed, FactsError> = serde_json::from_str(line).map_err(unreadable);
    let connection = printed.and_then(|printed| printed.into_connection(&site.dir).map_err(FactsError::Unreadable));
    Some(connection.map(|connection| (connection, sources(line.as_bytes()))))
}

/// What stopped the script.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Stopped {
    stage: String,
    exception: String,
    message: Option<String>,
    traceback: Option<String>,
}

impl Stopped {
    fn refuse(self, facts: Facts, site: &Site) -> FactsError {
        let traceback = self.traceback.unwrap_or_default();
        FactsError::Refused(Box::new(Refusal {
            place: place(&traceback, &site.dir, &site.env_dir),
            stage: self.stage,
            exception: self.exception,
            message: printable(&self.message.unwrap_or_default()),
            traceback: printable(&without_secrets(&traceback)),
            facts,
        }))
    }
}

/// Finds the line that the operator should look at: the innermost one in the site but outside its virtualenv, else
/// the innermost one.
fn place(traceback: &str, site: &Path, env: &Path) -> Option<Place> {
    let places: Vec<Place> = traceback
        .lines()
        .filter_map(|line| {
            let (file, rest) = line.trim_start().strip_prefix("File \"")?.split_once('"')?;
            let digits: String = rest.strip_prefix(", line ")?.chars().take_while(char::is_ascii_digit).collect();
            Some(Place { file: PathBuf::from(file), line: digits.parse().ok()? })
        })
        .filter(|place| !place.file.ends_with("facts.py") && !place.file.starts_with("<"))
        .collect();
    let own = places.iter().rev().find(|place| {
        place.file.starts_with(site) && !place.file.starts_with(env) && !place.file.ends_with("manage.py")
    });
    own.or_else(|| places.last()).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_did_not_fit_on_the_disk_is_not_taken_for_a_broken_site() {
        let silent = |printed: &str| FactsError::Silent { how: "exit status 1".into(), printed: printed.into() }.tell();
        let full = silent("  File \"facts.py\", line 904\nOSError: [Errno 28] No space left on device");
        assert_eq!(full.what, "The site's Python could not write its answer: no space left on the device.");
        assert_eq!(silent("KeyError: 'x'").what, "The site's Python ended with exit status 1 and gave no answer.");
    }
}
