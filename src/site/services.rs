//! The programs that serve a site: which may write to its database, and how to ask, stop and start them.

mod detect;
mod state;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use detect::{Detected, detect};
pub use state::{ServiceState, ask, judge};

use super::command::CommandLine;
use super::config::Role;

/// A program that serves the site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Its name, for example `apache2` or `mysite-uwsgi:*`.
    pub name: String,
    /// Whether it may write to the database.
    pub role: Role,
    /// Who runs it.
    pub kind: ServiceKind,
    /// Tells whether it runs; changes nothing.
    pub status: CommandLine,
    /// Stops it.
    pub stop: CommandLine,
    /// Starts it.
    pub start: CommandLine,
    /// Restarts it, when that is all a proxy needs.
    pub restart: Option<CommandLine>,
    /// Starts the manager itself, to be run before `start` when the state is [`ServiceState::ManagerDown`].
    pub wake: Option<CommandLine>,
    /// Where it was found, for example `/etc/supervisor/conf.d/mysite.conf`.
    pub source: String,
    /// What else the operator should know, for example other sites that it serves.
    pub note: Option<String>,
}

/// Who runs a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceKind {
    /// systemd, asked with `systemctl is-active`.
    Systemd,
    /// An init script, asked with `service NAME status`.
    Init,
    /// supervisor, asked with `supervisorctl status`.
    Supervisor,
    /// The operator's own commands: exit status 0 runs, 3 is stopped.
    Custom,
}

impl ServiceKind {
    /// Tells by a status command whose answer it will give: a plain call of a known program, also behind `sudo`.
    #[must_use]
    pub fn of_status(command: &CommandLine) -> Self {
        let words: Vec<&str> = match command.shell_line() {
            Some(line) if line.contains(['|', '&', ';', '<', '>', '(', '`']) => return Self::Custom,
            Some(line) => line.split_whitespace().collect(),
            None => command.argv().iter().map(String::as_str).collect(),
        };
        let mut words = words.into_iter().skip_while(|word| matches!(*word, "sudo" | "-n"));
        let program = words.next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
        match (program, words.next()) {
            ("supervisorctl", Some("status")) => Self::Supervisor,
            ("systemctl", Some("is-active")) => Self::Systemd,
            ("service", Some(_)) => Self::Init,
            _ => Self::Custom,
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Tells whether a configuration text speaks of the site: it names one of its paths outside of comments.
#[must_use]
pub fn speaks_of(site: &super::Site, text: &str) -> bool {
    detect::Mention::of(site).is_in(text)
}
