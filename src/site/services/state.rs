//! Whether a service runs: asked by its status command, judged by exit status and words.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::process::Command;

use super::{Service, ServiceKind};
use crate::site::process;
use crate::site::text::printable;

/// How long a status command may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whether a service runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ServiceState {
    /// It runs, or some part of it does.
    Running,
    /// It does not run.
    Stopped,
    /// It does not run because nothing runs that could run it (supervisor itself is down).
    ManagerDown,
    /// Nobody knows.
    Unknown {
        /// What was answered, one line.
        text: String,
    },
}

impl ServiceState {
    /// Tells whether it is certain that the service cannot write.
    #[must_use]
    pub const fn is_stopped(&self) -> bool {
        matches!(self, Self::Stopped | Self::ManagerDown)
    }

    /// Returns a word for the state.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::ManagerDown => "stopped, as its manager is",
            Self::Unknown { .. } => "unknown",
        }
    }
}

/// Judges a status command by how it ended (`None`: by a signal) and what it printed, both streams together.
///
/// Exit statuses are those of the LSB: 0 running, 1 and 2 dead with remains, 3 not running, 4 unknown. supervisorctl
/// gives 3 when one of several programs is not running, so that its words decide.
#[must_use]
pub fn judge(kind: ServiceKind, exit: Option<i32>, printed: &str) -> ServiceState {
    let lower = printed.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let unknown = || {
        let line = printed.lines().map(str::trim).find(|line| !line.is_empty());
        let text = match (line, exit) {
            (Some(line), _) => printable(line),
            (None, Some(code)) => format!("exit status {code}"),
            (None, None) => "ended by a signal".to_owned(),
        };
        ServiceState::Unknown { text }
    };
    // sudo itself, before any service was asked.
    if has(&["a password is required", "a terminal is required", "not in the sudoers", "may not run sudo"]) {
        return unknown();
    }
    match kind {
        ServiceKind::Supervisor => {
            if has(&["no such file", "refused connection", "connection refused", "shutdown_state"]) {
                return ServiceState::ManagerDown;
            }
            let states: Vec<&str> = printed.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
            let any = |words: &[&str]| states.iter().any(|state| words.contains(state));
            if any(&["RUNNING", "STARTING", "BACKOFF", "STOPPING"]) {
                ServiceState::Running
            } else if !states.is_empty() && states.iter().all(|word| matches!(*word, "STOPPED" | "FATAL" | "EXITED")) {
                ServiceState::Stopped
            } else {
                unknown()
            }
        }
        ServiceKind::Systemd => {
            // One line for each unit that was asked for.
            let words: Vec<&str> = printed.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            let any = |states: &[&str]| words.iter().any(|word| states.contains(word));
            if any(&["active", "activating", "deactivating", "reloading", "refreshing"]) {
                ServiceState::Running
            } else if any(&["unknown"]) || words.is_empty() {
                unknown()
            } else if words.iter().all(|word| matches!(*word, "inactive" | "failed")) {
                ServiceState::Stopped
            } else {
                unknown()
            }
        }
        ServiceKind::Init | ServiceKind::Custom => match exit {
            Some(0) => ServiceState::Running,
            Some(3) => ServiceState::Stopped,
            Some(1 | 2) if has(&["not running", "is stopped", "dead"]) => ServiceState::Stopped,
            Some(1) if has(&["unrecognized service"]) => unknown(),
            _ => unknown(),
        },
    }
}

/// Asks a service. Never asks for a password: `sudo` that would need one makes the answer unknown.
pub async fn ask(service: &Service, dir: &Path) -> ServiceState {
    let line = service.status.unattended();
    let Some((program, arguments)) = line.argv().split_first() else {
        return ServiceState::Unknown { text: "there is no status command".to_owned() };
    };
    let mut command = Command::new(program);
    command.args(arguments).env("LC_ALL", "C");
    match process::run(command, dir, PATIENCE).await {
        Ok(answer) => {
            let mut printed = String::from_utf8_lossy(&answer.stdout).into_owned();
            printed.push_str(&String::from_utf8_lossy(&answer.stderr));
            judge(service.kind, answer.status.code(), &printed)
        }
        Err(error) => ServiceState::Unknown { text: format!("{program}: {error}") },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_status_commands_are_understood() {
        use ServiceKind::{Custom, Init, Supervisor, Systemd};
        let unknown = |text: &str| ServiceState::Unknown { text: text.to_owned() };
        let table = [
            (Supervisor, Some(0), "x:x   RUNNING   pid 12, uptime 0:00:10\n", ServiceState::Running),
            (Supervisor, Some(3), "x:x   STOPPED   Not started\n", ServiceState::Stopped),
            (Supervisor, Some(3), "x:a   STOPPED   Nov 20\nx:b   RUNNING   pid 3\n", ServiceState::Running),
            (Supervisor, Some(3), "x     FATAL     Exited too quickly\n", ServiceState::Stopped),
            (Supervisor, Some(3), "x     EXITED    Nov 20 10:11 PM\n", ServiceState::Stopped),
            (Supervisor, Some(3), "x     BACKOFF   Exited too quickly\n", ServiceState::Running),
            (Supervisor, Some(4), "x: ERROR (no such process)\n", unknown("x: ERROR (no such process)")),
            (Supervisor, Some(4), "unix:///var/run/supervisor.sock no such file\n", ServiceState::ManagerDown),
            (Supervisor, Some(4), "unix:///run/supervisor.sock refused connection\n", ServiceState::ManagerDown),
            (
                Supervisor,
                Some(4),
                "error: <class 'PermissionError'>, [Errno 13] Permission denied: file: x.py line: 5\n",
                unknown("error: <class 'PermissionError'>, [Errno 13] Permission denied: file: x.py line: 5"),
            ),
            (Supervisor, Some(1), "sudo: a password is required\n", unknown("sudo: a password is required")),
            (Systemd, Some(0), "active\n", ServiceState::Running),
            (Systemd, Some(3), "inactive\n", ServiceState::Stopped),
            (Systemd, Some(3), "failed\n", ServiceState::Stopped),
            (Systemd, Some(3), "activating\n", ServiceState::Running),
            (Systemd, Some(0), "inactive\nactive\n", ServiceState::Running),
            (Systemd, Some(4), "unknown\n", unknown("unknown")),
            (Systemd, Some(1), "", unknown("exit status 1")),
            (Init, Some(0), "apache2 is running (pid 12).\n", ServiceState::Running),
            (Init, Some(3), "nginx is not running ... failed!\n", ServiceState::Stopped),
            (Init, Some(1), "apache2 is dead but pid file exists\n", ServiceState::Stopped),
            (Init, Some(1), "apache2: unrecognized service\n", unknown("apache2: unrecognized service")),
            (Init, Some(4), "", unknown("exit status 4")),
            (Custom, Some(0), "", ServiceState::Running),
            (Custom, Some(3), "", ServiceState::Stopped),
            (Custom, Some(127), "sh: 1: x: not found\n", unknown("sh: 1: x: not found")),
            (Custom, None, "", unknown("ended by a signal")),
        ];
        for (kind, exit, printed, expected) in table {
            assert_eq!(judge(kind, exit, printed), expected, "{kind:?} {exit:?} {printed:?}");
        }
    }
}
