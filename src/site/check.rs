//! The read-only checks of the environment for step 1. Each is a small function with a finding and its remedy.
//!
//! Services, sudo and cron jobs are told by [`detect`](super::detect), the state of Lino by
//! [`facts::ask`](super::facts::ask).

mod disk;
mod full;
mod local;
mod others;
mod pending;
mod programs;
mod reading;
mod rights;
mod sharing;

use std::io::{self, ErrorKind};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;
use tokio::process::Command;

use super::find::Site;
use super::process;
use super::surroundings::{Surroundings, is_writable};
use super::text::printable;
use crate::procedure::Finding;

pub use disk::{Demand, Sizes, disk_space, human_size, tree_size};
pub use full::{SUBJECT as DISK_SPACE, free_space, full_disks, shortage, speaks_of_full};
pub use local::local_changes;
pub use others::second_operator;
pub use pending::new_versions;
pub use programs::database_programs;
pub use reading::{memory, text_and_time, version_jump};
pub use rights::database_rights;
pub use sharing::other_sites;

/// Runs all checks that need no facts; `Demand` says what the copies will take.
pub async fn environment(site: &Site, around: &Surroundings, demand: Demand<'_>) -> Vec<Finding> {
    let mut findings = vec![python_starts(site).await];
    findings.extend(writable(site));
    findings.extend(disk_space(site, demand));
    findings.push(pull_script(site));
    findings.push(snapshot_script(site));
    findings.extend(logger(site, around));
    findings.extend(own_crontab(site, around).await);
    findings
}

/// Checks that the site's Python starts and is new enough.
pub async fn python_starts(site: &Site) -> Finding {
    const SUBJECT: &str = "Python";
    let mut command = Command::new(&site.python);
    command.args(["-B", "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])"]);
    let name = site.python.display();
    let remedy = "Build the virtualenv again, or name another Python in lino-upgrade.toml: python below [site].";
    match process::run(command, &site.dir, Duration::from_secs(30)).await {
        Ok(answer) if answer.status.success() => {
            let version = printable(String::from_utf8_lossy(&answer.stdout).trim());
            let numbers: Vec<u32> = version.split('.').filter_map(|part| part.parse().ok()).collect();
            if numbers.as_slice() < [3, 7].as_slice() {
                let text = format!("{name} is Python {version}; at least 3.7 is needed.");
                Finding::fail(SUBJECT, text, "Upgrade the site by hand to a Lino that runs on Python 3 first.")
            } else {
                Finding::pass(SUBJECT, format!("{name} is Python {version}."))
            }
        }
        Ok(answer) => {
            let said = printable(String::from_utf8_lossy(&answer.stderr).lines().last().unwrap_or_default());
            Finding::fail(SUBJECT, format!("{name} does not start: {said}"), remedy)
        }
        Err(error) => Finding::fail(SUBJECT, format!("{name} does not start: {error}."), remedy),
    }
}

/// Checks the directories that an upgrade writes to.
#[must_use]
pub fn writable(site: &Site) -> Vec<Finding> {
    const SUBJECT: &str = "writable directories";
    let snapshot = site.dir.join(&site.config.snapshot.directory);
    let packages = site.env_dir.join("bin");
    let places = [&site.dir, &snapshot, &site.env_dir, &packages];
    let closed: Vec<&Path> =
        places.into_iter().filter(|dir| dir.exists() && !is_writable(dir)).map(PathBuf::as_path).collect();
    if closed.is_empty() {
        return vec![Finding::pass(SUBJECT, "The site, its snapshot and its virtualenv are writable for you.")];
    }
    closed
        .into_iter()
        .map(|dir| {
            Finding::fail(
                SUBJECT,
                format!("You may not write into {}.", dir.display()),
                "Start lino-upgrade as the user who owns it, as a member of its group, or as root.",
            )
        })
        .collect()
}

/// Checks that there is something that brings the new version.
#[must_use]
pub fn pull_script(site: &Site) -> Finding {
    const SUBJECT: &str = "pull.sh";
    match site.pull_command() {
        Some(command) => Finding::pass(SUBJECT, format!("The new version comes by: {command}.")),
        None => Finding::fail(
            SUBJECT,
            "There is no pull.sh in the site, in its virtualenv or on PATH.",
            "Name the command that brings the new version in lino-upgrade.toml: pull below [commands].",
        ),
    }
}

/// Checks how the snapshot will be made.
#[must_use]
pub fn snapshot_script(site: &Site) -> Finding {
    const SUBJECT: &str = "make_snapshot.sh";
    match site.snapshot_command() {
        Some(command) => Finding::pass(SUBJECT, format!("The snapshot is made by: {command}.")),
        None => Finding::pass(SUBJECT, "There is none; lino-upgrade does itself what it would do."),
    }
}

/// Checks the system's log when `pull.sh` writes to it: under `set -e` it ends there without having done anything.
#[must_use]
pub fn logger(site: &Site, around: &Surroundings) -> Option<Finding> {
    const SUBJECT: &str = "logger";
    if site.config.commands.pull.is_some() {
        return None;
    }
    let script = std::fs::read_to_string(site.pull.as_ref()?).ok()?;
    let called = script.lines().map(str::trim).any(|line| line.split_whitespace().next() == Some("logger"));
    if !called {
        return None;
    }
    let strict = script.lines().map(str::trim).any(|line| line.starts_with("set -e"));
    let level = if strict { Finding::fail } else { Finding::warn };
    Some(if around.which("logger").is_none() {
        level(
            SUBJECT.to_owned(),
            "pull.sh calls logger, which is not installed.".to_owned(),
            "Install it (Debian: bsdutils), or remove its lines from pull.sh.".to_owned(),
        )
    } else {
        let socket = around.system("dev/log");
        match listens(&socket) {
            Ok(()) => Finding::pass(SUBJECT, "pull.sh writes to the system's log, which takes it."),
            Err(error) => {
                let why = match error.kind() {
                    ErrorKind::NotFound => "/dev/log is missing".to_owned(),
                    ErrorKind::ConnectionRefused => "nobody reads /dev/log, whatever made it has ended".to_owned(),
                    _ => format!("/dev/log: {error}"),
                };
                level(
                    SUBJECT.to_owned(),
                    format!("pull.sh calls logger, but no system log listens ({why}): it would end at once."),
                    "Start the system's log (rsyslog or another), or remove the lines with logger from pull.sh."
                        .to_owned(),
                )
            }
        }
    })
}

/// Asks whether somebody reads a socket, as `logger` does it: for messages first, then as a stream. Nothing is sent.
fn listens(socket: &Path) -> io::Result<()> {
    match UnixDatagram::unbound()?.connect(socket) {
        // It is a stream.
        Err(error) if Errno::from_io_error(&error) == Some(Errno::PROTOTYPE) => UnixStream::connect(socket).map(|_| ()),
        answer => answer,
    }
}

/// Looks into the operator's own cron table, which only `crontab` may read.
pub async fn own_crontab(site: &Site, around: &Surroundings) -> Option<Finding> {
    if around.root {
        return None; // All tables were read as files.
    }
    let mut command = Command::new(around.which("crontab")?);
    command.arg("-l");
    let answer = process::run(command, &site.dir, Duration::from_secs(10)).await.ok()?;
    let table = String::from_utf8_lossy(&answer.stdout);
    super::services::speaks_of(site, &table).then(|| {
        Finding::warn(
            "cron jobs",
            "Your own cron table names this site. It could write to the database during the upgrade.",
            "Put a # before its line until the upgrade is done (crontab -e), unless it runs at another time.",
        )
    })
}
