//! What wizard and runner say to each other: one line of JSON each way, versioned.

use std::fmt;

use base64::Engine as _;
use secrecy::zeroize::Zeroize;
use serde::{Deserialize, Serialize};

use super::{CommandSpec, CommandState, Ended, Operator};

/// The protocol of this program. A runner of another protocol finishes its command and is not given a new one.
pub const PROTOCOL: u32 = 1;

/// What a wizard may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Runs commands and types. There is one.
    Driver,
    /// Looks on. There may be any number.
    Watcher,
}

/// What was typed, in base64. May hold a password: never printed, wiped when dropped.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Typed(String);

impl Typed {
    /// Takes what was typed.
    pub fn new(bytes: &[u8]) -> Self {
        // All at once: a text that grows leaves its beginnings behind in memory.
        let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
        base64::engine::general_purpose::STANDARD.encode_string(bytes, &mut text);
        Self(text)
    }

    /// Returns what was typed; none when it is no base64.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        base64::engine::general_purpose::STANDARD.decode(self.0.as_bytes()).ok()
    }

    /// Returns how long its text is.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl Drop for Typed {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Typed({} bytes)", self.0.len())
    }
}

/// A wish of a wizard.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub(super) enum Request {
    Hello { protocol: u32, operator: Operator, role: Role },
    Run { spec: CommandSpec },
    State { id: i64 },
    Input { base64: Typed },
    Resize { rows: u16, columns: u16 },
    Interrupt,
    Kill,
    TakeOver,
    Shutdown,
}

/// A request with the number by which its answer is known.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Numbered {
    pub n: u64,
    #[serde(flatten)]
    pub request: Request,
}

/// The answer to a request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub(super) enum Answer {
    Done,
    State {
        state: CommandState,
    },
    /// Another wizard drives.
    Busy {
        driver: Operator,
    },
    /// The runner speaks another protocol.
    OtherProtocol {
        protocol: u32,
    },
    Refused {
        because: String,
    },
}

/// A line from the runner.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
pub(super) enum Line {
    Answer { n: u64, answer: Answer },
    Event { event: RunnerEvent },
}

/// Something that happened in the runner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum RunnerEvent {
    /// A command was started.
    Started {
        /// Its number.
        id: i64,
        /// Its process.
        pid: i32,
    },
    /// A command ended, and all of its output is in its log.
    Ended {
        /// Its number.
        id: i64,
        /// How.
        ended: Ended,
    },
    /// The log of the running command has grown to this length, in bytes. Thinned out.
    Output {
        /// The command's number.
        id: i64,
        /// Bytes in the log.
        length: u64,
    },
    /// The command seems to wait for input.
    Awaiting {
        /// The unfinished last line, without control characters, at most 500 bytes.
        prompt: String,
        /// The echo is off, as for a password.
        secret: bool,
        /// The system says that it reads from the terminal.
        certain: bool,
    },
    /// The command went on.
    Taken,
    /// The log cannot be written; the command waits until it can.
    LogTrouble {
        /// What the system says.
        message: String,
    },
    /// The log can be written again.
    LogRecovered,
    /// Somebody else drives now, or nobody.
    DriverChanged {
        /// Who drives.
        driver: Option<Operator>,
        /// Whether that is you.
        you: bool,
    },
}

/// What the runner tells its shim.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ShimRun {
    pub spec: CommandSpec,
    /// Written to the terminal after the command ended, so that the runner knows that it has read everything.
    pub mark: String,
}

/// What the shim tells its runner.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "shim", rename_all = "snake_case")]
pub(super) enum ShimLine {
    Started { pid: i32 },
    Ended { ended: Ended, reusable: bool },
}
