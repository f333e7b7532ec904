//! The runner's server: one thread owns all state; connections, terminal and shim send it what they hear.
//!
//! ```text
//! connections ──► ┐
//! terminal    ──► ├─ Wake ─► hub ─► answers, events, records on disk
//! shim        ──► ┘
//! ```

mod command;
mod door;

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::protocol::{Answer, Line, Numbered, PROTOCOL, Request, Role, RunnerEvent, ShimLine};
use super::records::{self, SocketPath};
use super::terminal::Terminal;
use super::{CommandSpec, CommandState, Ended, Operator};

/// Set in the second of the two processes that detach the runner.
const STAGE: &str = "LINO_UPGRADE_RUNNER_STAGE";

/// How long the runner lives without any wizard while nothing runs.
const IDLE: Duration = Duration::from_mins(1);

/// How long output may stay away after a command ended before it counts as complete without its mark.
const QUIET: Duration = Duration::from_secs(2);

/// How long a command may take to end after TERM before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// How long a silent command is looked at as often as the hub wakes; later ever more seldom, since looking at all
/// processes costs a millisecond or more.
const SOON: Duration = Duration::from_secs(1);

/// How seldom a command is looked at that has been silent for long.
const SELDOM: Duration = Duration::from_secs(2);

/// What wakes the hub.
pub(super) enum Wake {
    Connected(u64, UnixStream),
    Said(u64, Numbered),
    Gone(u64),
    Shim(ShimLine),
    ShimGone,
    Mark,
    Hangup,
    LogTrouble(String),
    LogRecovered,
}

/// Becomes the runner of `dir`: detaches from the caller's session, serves until it is not needed any more.
#[must_use]
pub fn runner_main(dir: &Path) -> u8 {
    let result = if std::env::var_os(STAGE).is_none() { detach(dir) } else { serve(dir) };
    match result {
        Ok(status) => status,
        Err(error) => {
            let _ = writeln!(io::stdout(), "failed: {error}");
            2
        }
    }
}

/// The first stage: starts the second, waits until it is ready, and ends, so that nobody is its parent.
fn detach(dir: &Path) -> io::Result<u8> {
    let exe = std::fs::read_link("/proc/self/exe").unwrap_or_else(|_| "/proc/self/exe".into());
    let exe = if exe.exists() { exe } else { PathBuf::from("/proc/self/exe") };
    let mut child = Command::new(exe)
        .arg("internal-runner")
        .arg(dir)
        .env(STAGE, "2")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut line = String::new();
    if let Some(out) = child.stdout.take() {
        BufReader::new(out).read_line(&mut line)?;
    }
    io::stdout().write_all(line.as_bytes())?;
    Ok(0)
}

/// The second stage.
fn serve(dir: &Path) -> io::Result<u8> {
    crate::fault::this_is_the_runner();
    rustix::process::setsid()?;
    records::prepare(dir)?;
    let Some(_lock) = records::lock(dir)? else {
        writeln!(io::stdout(), "busy")?;
        return Ok(0);
    };
    let dir = dir.canonicalize()?;
    records::bury(&dir)?;
    for name in ["sock", "shim.sock"] {
        let _ = std::fs::remove_file(dir.join(name));
    }
    let listener = UnixListener::bind(SocketPath::open(&dir, "sock")?.path)?;
    std::fs::set_permissions(dir.join("sock"), PermissionsExt::from_mode(0o600))?;
    let (wake, wakes) = channel();
    door::accept(listener, wake.clone())?;
    writeln!(io::stdout(), "ready")?;
    io::stdout().flush()?;
    Hub::new(dir, wake).run(&wakes);
    Ok(0)
}

struct Visitor {
    stream: UnixStream,
    operator: Option<Operator>,
}

struct Shim {
    terminal: Terminal,
    stream: UnixStream,
    pid: i32,
}

struct Running {
    spec: CommandSpec,
    pid: i32,
    started: i64,
    log_start: u64,
    /// How it ended, while its last output is still awaited.
    ended: Option<(Ended, bool)>,
    marked: bool,
    kill_at: Option<Instant>,
    reported: u64,
}

struct Hub {
    dir: PathBuf,
    wake: Sender<Wake>,
    visitors: BTreeMap<u64, Visitor>,
    driver: Option<u64>,
    shim: Option<Shim>,
    running: Option<Running>,
    awaiting: Option<(String, bool, bool)>,
    /// Why output, or how a command ended, cannot be written down, while that is so.
    trouble: Option<String>,
    /// When the processes are looked at again while the command prints nothing.
    look_at: Instant,
    /// When something was typed last.
    typed: Instant,
    size: (u16, u16),
    idle_since: Instant,
    stop: bool,
}

impl Hub {
    fn new(dir: PathBuf, wake: Sender<Wake>) -> Self {
        Self {
            dir,
            wake,
            visitors: BTreeMap::new(),
            driver: None,
            shim: None,
            running: None,
            awaiting: None,
            trouble: None,
            look_at: Instant::now(),
            typed: Instant::now(),
            size: (24, 80),
            idle_since: Instant::now(),
            stop: false,
        }
    }

    fn run(mut self, wakes: &Receiver<Wake>) {
        while !self.stop {
            match wakes.recv_timeout(Duration::from_millis(100)) {
                Ok(wake) => self.woken(wake),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.tick();
        }
    }

    fn woken(&mut self, wake: Wake) {
        match wake {
            Wake::Connected(number, stream) => {
                self.visitors.insert(number, Visitor { stream, operator: None });
            }
            Wake::Said(number, said) => {
                let answer = self.answer(number, said.request);
                self.send(number, &Line::Answer { n: said.n, answer });
            }
            Wake::Gone(number) => self.gone(number),
            Wake::Shim(ShimLine::Started { pid }) => self.started(pid),
            Wake::Shim(ShimLine::Ended { ended, reusable }) => {
                if let Some(running) = &mut self.running {
                    running.ended = Some((ended, reusable));
                }
                self.settle();
            }
            Wake::ShimGone => {
                self.shim = None;
                if let Some(running) = &mut self.running
                    && running.ended.is_none()
                {
                    running.ended = Some((Ended::Signalled { signal: 9 }, false));
                    running.marked = true;
                }
                self.settle();
            }
            Wake::Mark => {
                if let Some(running) = &mut self.running {
                    running.marked = true;
                }
                self.settle();
            }
            Wake::Hangup => {}
            Wake::LogTrouble(message) => self.troubled(message),
            Wake::LogRecovered => self.recovered(),
        }
    }

    /// Tells that something cannot be written down and waits for that.
    fn troubled(&mut self, message: String) {
        self.trouble = Some(message.clone());
        self.tell(&RunnerEvent::LogTrouble { message });
    }

    /// Tells that it goes on.
    fn recovered(&mut self) {
        if self.trouble.take().is_some() {
            self.tell(&RunnerEvent::LogRecovered);
        }
    }

    fn tick(&mut self) {
        self.watch_output();
        self.settle();
        if let Some(running) = &mut self.running
            && running.kill_at.is_some_and(|at| at <= Instant::now())
        {
            running.kill_at = None;
            let id = running.spec.id;
            self.signal_all(id, Signal::KILL);
        }
        if self.running.is_some() || !self.visitors.is_empty() {
            self.idle_since = Instant::now();
        }
        if self.idle_since.elapsed() > IDLE || (self.running.is_none() && !self.dir.exists()) {
            self.stop = true;
        }
    }

    fn answer(&mut self, number: u64, request: Request) -> Answer {
        match request {
            Request::Hello { protocol, operator, role } => self.hello(number, protocol, operator, role),
            Request::State { id } => Answer::State { state: self.state(id) },
            _ if self.driver != Some(number) => match (&request, self.driving()) {
                (Request::TakeOver, _) => self.take_over(number),
                (_, Some(driver)) => Answer::Busy { driver },
                (_, None) => Answer::Refused { because: "this wizard only watches".into() },
            },
            Request::TakeOver => Answer::Done,
            Request::Run { spec } => self.start(spec),
            Request::Input { base64 } => match (&self.shim, base64.bytes()) {
                (Some(shim), Some(bytes)) => {
                    self.typed = Instant::now();
                    shim.terminal.input(bytes);
                    Answer::Done
                }
                _ => Answer::Refused { because: "no command runs".into() },
            },
            Request::Resize { rows, columns } => {
                if rows > 0 && columns > 0 {
                    self.size = (rows, columns);
                    if let Some(shim) = &self.shim {
                        let _ = shim.terminal.pty.resize(pty_process::Size::new(rows, columns));
                    }
                }
                Answer::Done
            }
            Request::Interrupt => self.interrupt(),
            Request::Kill => {
                if let Some(running) = &mut self.running {
                    running.kill_at = Some(Instant::now() + GRACE);
                    let id = running.spec.id;
                    self.signal_all(id, Signal::TERM);
                }
                Answer::Done
            }
            Request::Shutdown if self.running.is_some() => Answer::Refused { because: "a command runs".into() },
            Request::Shutdown => {
                self.stop = true;
                Answer::Done
            }
        }
    }

    fn hello(&mut self, number: u64, protocol: u32, operator: Operator, role: Role) -> Answer {
        if protocol != PROTOCOL {
            return Answer::OtherProtocol { protocol: PROTOCOL };
        }
        if role == Role::Driver {
            self.forget_dead_driver();
            if let Some(driver) = self.driving() {
                return Answer::Busy { driver };
            }
            self.driver = Some(number);
        }
        if let Some(visitor) = self.visitors.get_mut(&number) {
            visitor.operator = Some(operator);
        }
        if role == Role::Driver {
            self.tell_driver();
        }
        if let Some((prompt, secret, certain)) = self.awaiting.clone() {
            self.send(number, &Line::Event { event: RunnerEvent::Awaiting { prompt, secret, certain } });
        }
        if let Some(message) = self.trouble.clone() {
            self.send(number, &Line::Event { event: RunnerEvent::LogTrouble { message } });
        }
        Answer::Done
    }

    fn driving(&self) -> Option<Operator> {
        self.driver.and_then(|number| self.visitors.get(&number)).and_then(|visitor| visitor.operator.clone())
    }

    fn take_over(&mut self, number: u64) -> Answer {
        self.driver = Some(number);
        self.tell_driver();
        Answer::Done
    }

    fn tell_driver(&mut self) {
        let driver = self.driving();
        let numbers: Vec<u64> = self.visitors.keys().copied().collect();
        for number in numbers {
            let you = self.driver == Some(number);
            let event = RunnerEvent::DriverChanged { driver: driver.clone(), you };
            self.send(number, &Line::Event { event });
        }
    }

    fn gone(&mut self, number: u64) {
        self.visitors.remove(&number);
        if self.driver == Some(number) {
            self.driver = None;
            self.tell_driver();
        }
    }

    /// Forgets a driver who has hung up and whose farewell is still on its way: who starts again at once must not meet
    /// their own shadow.
    fn forget_dead_driver(&mut self) {
        let Some(number) = self.driver else { return };
        if self.visitors.get(&number).is_some_and(|visitor| door::has_hung_up(&visitor.stream)) {
            self.gone(number);
        }
    }

    fn send(&mut self, number: u64, line: &Line) {
        let Ok(mut text) = serde_json::to_string(line) else { return };
        text.push('\n');
        let Some(visitor) = self.visitors.get_mut(&number) else { return };
        if visitor.stream.write_all(text.as_bytes()).is_err() {
            let _ = visitor.stream.shutdown(std::net::Shutdown::Both);
            self.visitors.remove(&number);
            if self.driver == Some(number) {
                self.driver = None;
            }
        }
    }

    fn tell(&mut self, event: &RunnerEvent) {
        let numbers: Vec<u64> = self.visitors.keys().copied().collect();
        for number in numbers {
            self.send(number, &Line::Event { event: event.clone() });
        }
    }

    fn state(&self, id: i64) -> CommandState {
        match &self.running {
            Some(running) if running.spec.id == id => {
                CommandState::Running { pid: running.pid, started: running.started, log_start: running.log_start }
            }
            _ => records::read(&self.dir, id),
        }
    }
}
