//! The runner: a process of its own that leads a session with a pseudo-terminal and runs the steps' commands in it.
//!
//! ```text
//! wizard ──unix socket──► runner ──pty master──► shim (session leader on the slave) ──► command of the step
//!    └───── reads ──────► logs on disk ◄── appends ──┘
//! ```
//!
//! It decides nothing: it runs what it is told, keeps every byte, and reports how commands end.

mod client;
mod disks;
mod protocol;
mod records;
mod serve;
mod session;
mod shim;
mod spec;
mod terminal;

pub use client::{Client, RunnerError};
pub use protocol::{Role, RunnerEvent};
pub use records::{boot_id, lost_by_reboot, runs_anything, state_on_disk};
pub use serve::runner_main;
pub use shim::shim_main;
pub use spec::{CommandSpec, CommandState, Operator};

pub use crate::messages::Ended;

/// Returns the entry of the environment that marks the processes of a command, for those who look for them.
#[must_use]
pub fn mark(dir: &std::path::Path, command: i64) -> String {
    // The runner itself knows its directory by its real name.
    let real = dir.canonicalize();
    format!("{MARKER}={}", marker(real.as_deref().unwrap_or(dir), command))
}

/// The environment variable that marks all processes of a command, also those that make a session of their own.
const MARKER: &str = "LINO_UPGRADE_COMMAND";

/// The marker's value: another site's runner may run a command of the same number.
fn marker(dir: &std::path::Path, command: i64) -> String {
    format!("{command}:{}", dir.display())
}
