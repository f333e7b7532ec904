//! How a process ended: half of what a judgement rests on. The runner reports it, the journal keeps it.

use serde::{Deserialize, Serialize};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum Ended {
    /// With an exit status.
    Exited {
        /// The status, 0 to 255.
        code: i32,
    },
    /// By a signal.
    Signalled {
        /// The signal's number.
        signal: i32,
    },
    /// It could not be started; the log says why.
    NotStarted {
        /// The system's error number, for example 2 for "no such file".
        errno: i32,
    },
}
