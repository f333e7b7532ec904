//! The wizard's end of the runner: finds it or launches it, asks it, hears its events.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::{mpsc, oneshot};

use super::protocol::{Answer, Line, Numbered, PROTOCOL, Request, Role, RunnerEvent, Typed};
use super::records::{self, SocketPath};
use super::{CommandSpec, CommandState, Operator};
use crate::error::{Kind, Report, Tell};
use crate::fault;

/// Variables that describe a terminal: commands have one of their own.
const OF_THE_TERMINAL: [&str; 3] = ["TERM", "LINES", "COLUMNS"];
/// Variables that the runner itself keeps; all others come with each command, so that none is out of date.
const OF_THE_RUNNER: [&str; 6] = ["HOME", "LANG", "LOGNAME", "PATH", "TMPDIR", "USER"];
/// How long a runner that is ending may stand in the way of a new one.
const PATIENCE: Duration = Duration::from_secs(10);

/// What can go wrong between wizard and runner.
#[derive(Debug, Error)]
pub enum RunnerError {
    /// Another wizard drives.
    #[error("{} drives this site", driver.user)]
    Busy {
        /// Who.
        driver: Operator,
    },
    /// The runner was started by another version of this program.
    #[error("the runner speaks protocol {protocol}, this program {PROTOCOL}")]
    OtherProtocol {
        /// Its protocol.
        protocol: u32,
    },
    /// The runner said no.
    #[error("the runner refused: {because}")]
    Refused {
        /// Why.
        because: String,
    },
    /// The runner did not start.
    #[error("the runner cannot be started in {dir}: {text}")]
    NotLaunched {
        /// Its directory.
        dir: PathBuf,
        /// What was said.
        text: String,
    },
    /// The connection broke.
    #[error("the runner does not answer: {0}")]
    Gone(String),
}

impl Tell for RunnerError {
    fn tell(&self) -> Report {
        match self {
            Self::Busy { driver } => {
                Report::new(Kind::Environment, format!("{driver} is upgrading this site already."))
                    .unchanged("Nothing was changed by you.")
                    .next("Talk to them, or watch in a wizard of your own.")
            }
            Self::OtherProtocol { .. } => Report::new(
                Kind::Environment,
                "lino-upgrade was replaced by another version while an upgrade is under way.",
            )
            .unchanged("The running command goes on.")
            .next("Use the version with which the upgrade was begun, or wait until its command has ended."),
            Self::Refused { because } => {
                Report::new(Kind::Failed, format!("The runner refused: {because}.")).unchanged("Nothing was started.")
            }
            Self::NotLaunched { dir, text } => {
                Report::new(Kind::Environment, format!("The process that runs the commands cannot start: {text}."))
                    .unchanged("Nothing was started.")
                    .next(format!("Look whether {} is writable and whether the disk is full.", dir.display()))
            }
            Self::Gone(text) => {
                Report::new(Kind::Interrupted, format!("The process that runs the commands is gone: {text}."))
                    .next("Run the step again, or start lino-upgrade again: it finds out what is still running.")
            }
        }
    }
}

/// The questions whose answers are awaited; none when the connection has ended.
type Waiting = Mutex<Option<HashMap<u64, oneshot::Sender<Answer>>>>;

struct Shared {
    waiting: Arc<Waiting>,
    next: std::sync::atomic::AtomicU64,
    writer: tokio::sync::Mutex<OwnedWriteHalf>,
}

/// A connection to the runner; clones share it.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    /// The process of the runner.
    runner: Option<i32>,
}

impl Client {
    /// Connects to the runner of `dir`, launching it first when none is alive. `exe` is the program that becomes the
    /// runner; none for this very program.
    pub async fn attach_or_launch(
        dir: &Path,
        exe: Option<&Path>,
        operator: Operator,
        role: Role,
    ) -> Result<(Self, mpsc::UnboundedReceiver<RunnerEvent>), RunnerError> {
        let not_launched = |text: String| RunnerError::NotLaunched { dir: dir.to_owned(), text };
        records::prepare(dir).map_err(|error| not_launched(error.to_string()))?;
        let limit = Instant::now() + PATIENCE;
        loop {
            if let Ok(stream) = connect(dir).await {
                // A runner that is just ending takes the connection but not the greeting.
                match Self::greet(stream, operator.clone(), role).await {
                    Err(RunnerError::Gone(_)) if Instant::now() < limit => {}
                    greeted => return greeted,
                }
            } else if Instant::now() >= limit {
                return Err(not_launched("it starts but does not answer".into()));
            }
            launch(dir, exe).await.map_err(|error| not_launched(error.to_string()))?;
        }
    }

    async fn greet(
        stream: UnixStream,
        operator: Operator,
        role: Role,
    ) -> Result<(Self, mpsc::UnboundedReceiver<RunnerEvent>), RunnerError> {
        let runner = stream.peer_cred().ok().and_then(|peer| peer.pid());
        let (reader, writer) = stream.into_split();
        let waiting = Arc::new(Waiting::new(Some(HashMap::new())));
        let shared = Arc::new(Shared {
            waiting: Arc::clone(&waiting),
            next: std::sync::atomic::AtomicU64::new(1),
            writer: tokio::sync::Mutex::new(writer),
        });
        let (events, receiver) = mpsc::unbounded_channel();
        // The ears do not hold the writer: when the last client is dropped, the connection ends.
        tokio::spawn(async move {
            let mut lines = BufReader::new(reader).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                match serde_json::from_str(&line) {
                    Ok(Line::Answer { n, answer }) => {
                        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
                        if let Some(sender) = waiting.as_mut().and_then(|waiting| waiting.remove(&n)) {
                            let _ = sender.send(answer);
                        }
                    }
                    Ok(Line::Event { event }) => {
                        if events.send(event).is_err() {
                            break;
                        }
                    }
                    Err(_) => break,
                }
            }
            *waiting.lock().unwrap_or_else(PoisonError::into_inner) = None;
        });
        let client = Self { shared, runner };
        match client.ask(Request::Hello { protocol: PROTOCOL, operator, role }).await? {
            Answer::Done => Ok((client, receiver)),
            other => Err(refusal(other)),
        }
    }

    async fn ask(&self, request: Request) -> Result<Answer, RunnerError> {
        let n = self.shared.next.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let (sender, receiver) = oneshot::channel();
        if let Some(waiting) = &mut *self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner) {
            waiting.insert(n, sender);
        }
        let numbered = Numbered { n, request };
        // It may hold what was typed: it must not grow, which would leave a copy behind, and is wiped.
        let mut line = Vec::with_capacity(match &numbered.request {
            Request::Input { base64 } => base64.len() + 128,
            _ => 128,
        });
        serde_json::to_writer(&mut line, &numbered).map_err(|error| RunnerError::Gone(error.to_string()))?;
        drop(numbered);
        line.push(b'\n');
        let sent = self.shared.writer.lock().await.write_all(&line).await;
        secrecy::zeroize::Zeroize::zeroize(&mut line);
        sent.map_err(|error| RunnerError::Gone(error.to_string()))?;
        receiver.await.map_err(|_| RunnerError::Gone("the connection ended".into()))
    }

    async fn ask_done(&self, request: Request) -> Result<(), RunnerError> {
        match self.ask(request).await? {
            Answer::Done => Ok(()),
            other => Err(refusal(other)),
        }
    }

    /// Runs a command; a number that the runner knows is not run again, its state is returned.
    ///
    /// The command gets the environment of this process: the runner may have been started by an earlier wizard.
    pub async fn run(&self, mut spec: CommandSpec) -> Result<CommandState, RunnerError> {
        for (name, value) in std::env::vars_os() {
            if let (Ok(name), Ok(value)) = (name.into_string(), value.into_string())
                && !OF_THE_TERMINAL.contains(&name.as_str())
                && name != fault::VARIABLE
            {
                spec.env.entry(name).or_insert(Some(value));
            }
        }
        match self.ask(Request::Run { spec }).await? {
            Answer::State { state } => Ok(state),
            other => Err(refusal(other)),
        }
    }

    /// Returns what the runner knows of a command.
    pub async fn state(&self, id: i64) -> Result<CommandState, RunnerError> {
        match self.ask(Request::State { id }).await? {
            Answer::State { state } => Ok(state),
            other => Err(refusal(other)),
        }
    }

    /// Types into the terminal. Enter is `\r`.
    pub async fn input(&self, bytes: &[u8]) -> Result<(), RunnerError> {
        self.ask_done(Request::Input { base64: Typed::new(bytes) }).await
    }

    /// Tells the terminal its size.
    pub async fn resize(&self, rows: u16, columns: u16) -> Result<(), RunnerError> {
        self.ask_done(Request::Resize { rows, columns }).await
    }

    /// Presses Ctrl-C in the terminal.
    pub async fn interrupt(&self) -> Result<(), RunnerError> {
        self.ask_done(Request::Interrupt).await
    }

    /// Ends the command and all it started: TERM, and KILL five seconds later.
    pub async fn kill(&self) -> Result<(), RunnerError> {
        self.ask_done(Request::Kill).await
    }

    /// Kills the runner as a crash would, for a fault that was switched on.
    pub fn kill_runner(&self) {
        if let Some(pid) = self.runner.and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }

    /// Becomes the driver in place of another wizard.
    pub async fn take_over(&self) -> Result<(), RunnerError> {
        self.ask_done(Request::TakeOver).await
    }

    /// Ends the runner; refused while a command runs.
    pub async fn shutdown(&self) -> Result<(), RunnerError> {
        self.ask_done(Request::Shutdown).await
    }
}

fn refusal(answer: Answer) -> RunnerError {
    match answer {
        Answer::Busy { driver } => RunnerError::Busy { driver },
        Answer::OtherProtocol { protocol } => RunnerError::OtherProtocol { protocol },
        Answer::Refused { because } => RunnerError::Refused { because },
        Answer::Done | Answer::State { .. } => RunnerError::Gone("its answer makes no sense".into()),
    }
}

async fn connect(dir: &Path) -> io::Result<UnixStream> {
    let path = SocketPath::open(dir, "sock")?;
    UnixStream::connect(&path.path).await
}

/// Starts a runner and waits until it says that it is ready, or that another one was faster.
async fn launch(dir: &Path, exe: Option<&Path>) -> io::Result<()> {
    let exe = exe.map_or_else(|| PathBuf::from("/proc/self/exe"), Path::to_owned);
    let mut child = tokio::process::Command::new(exe)
        .arg("internal-runner")
        .arg(dir)
        .env_clear()
        .envs(OF_THE_RUNNER.iter().chain(&[fault::VARIABLE]).filter_map(|name| Some((name, std::env::var_os(name)?))))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let Some(out) = child.stdout.take() else { return Err(io::Error::other("no pipe")) };
    let mut line = String::new();
    let mut out = BufReader::new(out);
    let read = out.read_line(&mut line);
    let count = tokio::time::timeout(Duration::from_secs(30), read)
        .await
        .map_err(|_| io::Error::other("no answer within 30 seconds"))??;
    child.wait().await?;
    match line.trim() {
        "ready" | "busy" => Ok(()),
        _ if count == 0 => Err(io::Error::other("it ended at once")),
        other => Err(io::Error::other(other.to_owned())),
    }
}
