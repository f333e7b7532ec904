//! What the execution of a step may use: the site, the journal, the runner's terminal, questions, and knowledge.
//!
//! [`Context::command`] is durable: a command that the journal already knows in this attempt is not started again,
//! its end is awaited or read from the record. So an attempt that lost its wizard is simply executed again.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::clock::now;
use super::deciding::Worked;
use super::packages::Origins;
use super::rehearse::Former;
use super::steps::ORIGINS_BEFORE;
use super::tail::Tail;
use super::{Ask, Event, NoticeLevel, faulty};
use crate::error::{Kind, Report, Tell};
use crate::fault::{self, Wrong};
use crate::journal::Journal;
use crate::messages::{CommandKind, Reader, Reading};
use crate::procedure::{Knowledge, StepId};
use crate::runner::{Client, CommandSpec, CommandState, Ended, state_on_disk};
use crate::site::Site;
use crate::triage::Decision;

/// How often the output of a running command is read for its facts.
const LOOK: Duration = Duration::from_millis(300);
/// How long each time: a tenth. What a flood leaves over is read when the command has ended.
const GLANCE: Duration = Duration::from_millis(30);

/// Who answers prompts and questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attendance {
    /// A person at a wizard: commands ask their questions in the pane.
    Wizard,
    /// Nobody: commands are told not to ask.
    Headless,
}

/// Questions that wait for their answer.
#[derive(Clone, Default)]
pub struct Asks(Arc<Mutex<HashMap<String, oneshot::Sender<char>>>>);

impl Asks {
    /// Hands the answer to whoever asked; false when nobody asks this.
    pub fn answer(&self, question: &str, key: char) -> bool {
        lock(&self.0).remove(question).is_some_and(|sender| sender.send(key).is_ok())
    }

    /// Forgets all questions, so that whoever asked learns that no answer will come.
    pub fn drop_all(&self) {
        lock(&self.0).clear();
    }
}

/// Commands whose end is awaited.
#[derive(Clone, Default)]
pub struct Ends {
    waiting: Arc<Mutex<HashMap<i64, oneshot::Sender<()>>>>,
    /// Whether nobody will wake anybody any more.
    gone: Arc<AtomicBool>,
}

impl Ends {
    /// Wakes whoever waits for this command.
    pub fn wake(&self, command: i64) {
        if let Some(sender) = lock(&self.waiting).remove(&command) {
            let _ = sender.send(());
        }
    }

    /// Wakes everybody, also who waits later: the runner is gone.
    pub fn wake_all(&self) {
        self.gone.store(true, Ordering::SeqCst);
        for (_, sender) in lock(&self.waiting).drain() {
            let _ = sender.send(());
        }
    }

    fn wait_for(&self, command: i64) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        lock(&self.waiting).insert(command, sender);
        if self.gone.load(Ordering::SeqCst) {
            self.wake(command);
        }
        receiver
    }
}

/// A command as a step wants it.
pub struct Command {
    /// Its name within the step; unique in an attempt.
    pub name: String,
    /// How its output is read.
    pub kind: CommandKind,
    /// A command line for `/bin/sh`, shown as it is.
    pub line: String,
    /// Further environment variables; never a password.
    pub env: BTreeMap<String, Option<String>>,
}

impl Command {
    /// Builds a command from a line for `/bin/sh`.
    pub fn new(name: impl Into<String>, kind: CommandKind, line: impl Into<String>) -> Self {
        Self { name: name.into(), kind, line: line.into(), env: BTreeMap::new() }
    }

    /// Adds an environment variable.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), Some(value.to_owned()));
        self
    }
}

/// How a command of a step ended, and what it printed, as facts.
pub struct CommandEnd {
    /// What its output says, judged.
    pub reading: Reading,
    /// How it ended; none when that is not known.
    pub ended: Option<Ended>,
    /// Where its output begins and ends in the log of the step.
    pub range: (u64, u64),
}

/// What the execution of a step may use.
#[derive(Clone)]
pub struct Context {
    pub(super) site: Arc<Site>,
    pub(super) journal: Arc<Journal>,
    pub(super) runner: Client,
    pub(super) runner_dir: PathBuf,
    pub(super) events: mpsc::UnboundedSender<Event>,
    pub(super) knowledge: Arc<Mutex<Knowledge>>,
    pub(super) asks: Asks,
    pub(super) ends: Ends,
    pub(super) cancelled: Arc<AtomicBool>,
    pub(super) attendance: Attendance,
    pub(super) run: i64,
    pub(super) step: StepId,
    pub(super) attempt: i64,
    pub(super) log: PathBuf,
    /// This program, for commands that are parts of itself.
    pub(super) program: PathBuf,
    /// What the dispatcher is to take over.
    pub(super) work: mpsc::UnboundedSender<Worked>,
}

impl Context {
    /// Returns a copy of what is known now.
    pub fn known(&self) -> Knowledge {
        lock(&self.knowledge).clone()
    }

    /// Changes what is known and writes it to the journal.
    pub async fn learn(&self, change: impl FnOnce(&mut Knowledge)) -> Result<(), Report> {
        let knowledge = {
            let mut knowledge = lock(&self.knowledge);
            change(&mut knowledge);
            knowledge.clone()
        };
        self.journal.record(self.run, "knowledge", &knowledge, now()).await.map_err(|error| error.tell())
    }

    /// Tells whether the operator wants this step to end.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }

    /// Writes a line of our own into the step's log.
    pub fn note(&self, text: &str) -> Result<(), Report> {
        append_line(&self.log, text).map_err(|error| {
            Report::new(Kind::Environment, format!("The log of this step cannot be written: {error}."))
                .next("Free some disk space, then retry the step.")
                .log(&self.log)
        })
    }

    /// Tells how far the step is.
    pub fn progress(&self, done: u64, total: Option<u64>, text: impl Into<String>) {
        let _ = self.events.send(Event::Progressed { step: self.step, done, total, text: text.into() });
    }

    /// Asks the operator and waits for the answer; none when nobody will answer.
    pub async fn ask(&self, ask: Ask) -> Option<char> {
        let (sender, receiver) = oneshot::channel();
        lock(&self.asks.0).insert(ask.question.clone(), sender);
        let _ = self.events.send(Event::Asked { ask });
        receiver.await.ok()
    }

    /// Tells whether this attempt has begun a command already: it lost its wizard and is taken up again.
    pub async fn has_commands(&self) -> Result<bool, Report> {
        self.journal.commands(self.attempt).await.map(|rows| !rows.is_empty()).map_err(|error| error.tell())
    }

    /// Tells whether this attempt has begun the command of this name, and not lost it.
    pub async fn has_command(&self, name: &str) -> Result<bool, Report> {
        let rows = self.journal.commands(self.attempt).await.map_err(|error| error.tell())?;
        let last = rows.iter().rfind(|row| row.name == name).map(|row| state_on_disk(&self.runner_dir, row.id));
        Ok(matches!(last, Some(CommandState::Running { .. } | CommandState::Finished { .. })))
    }

    /// Counts the commands that this attempt has begun.
    pub async fn count_commands(&self) -> Result<usize, Report> {
        self.journal.commands(self.attempt).await.map(|rows| rows.len()).map_err(|error| error.tell())
    }

    /// Has decisions taken, and waits until they are written.
    pub async fn decide(&self, decisions: Vec<Decision>) -> Result<(), Report> {
        let (taken, answer) = oneshot::channel();
        let gone = || Report::new(Kind::Failed, "The decisions were not taken.");
        self.work.send(Worked::Decided(decisions, taken)).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())
    }

    /// Tells something that belongs to no finding.
    pub fn notice(&self, level: NoticeLevel, text: impl Into<String>) {
        let _ = self.events.send(Event::Noticed { level, text: text.into() });
    }

    /// Hands over which rows are refused, by a rehearsal or by the restore, as this step has found out.
    pub fn tell_rehearsed(&self, former: Result<Option<Former>, Report>) {
        let _ = self.work.send(Worked::Read(Box::new(former)));
    }

    /// Runs a command in the runner's terminal, or picks up the one that already runs or ran in this attempt.
    pub async fn command(&self, command: Command) -> Result<CommandEnd, Report> {
        let command = faulty::offline(self.step.id(), command);
        let known = self.journal.commands(self.attempt).await.map_err(|error| error.tell())?;
        // What was lost is begun anew: the operator wants this attempt to go on.
        let earlier = known.into_iter().rfind(|row| row.name == command.name).filter(|row| {
            !matches!(state_on_disk(&self.runner_dir, row.id), CommandState::Lost { .. } | CommandState::Unknown)
        });
        let id = match &earlier {
            Some(row) => row.id,
            None => self
                .journal
                .begin_command(Some(self.attempt), &command.name, &command.line, &self.log, now())
                .await
                .map_err(|error| error.tell())?,
        };
        if earlier.is_none() {
            self.note(&format!("$ {}", command.line))?;
        }
        // Registered before the command can end, so that its end is never missed.
        let ended = self.ends.wait_for(id);
        let state = if earlier.is_some() {
            state_on_disk(&self.runner_dir, id)
        } else {
            self.runner.run(self.spec(id, &command, self.disks().await?)).await.map_err(|error| error.tell())?
        };
        let _ = self.events.send(Event::CommandStarted {
            step: self.step,
            command: id,
            line: command.line.clone(),
            at: now(),
        });
        if earlier.is_none() && fault::in_step(self.step.id(), Wrong::LosesRunner) {
            self.runner.kill_runner();
        }
        let (end, reading) = self.follow(id, state, &command, ended).await;
        let (exit, signal) = match end.ended {
            Some(Ended::Exited { code }) => (Some(code), None),
            Some(Ended::Signalled { signal }) => (None, Some(signal)),
            Some(Ended::NotStarted { .. }) | None => (None, None),
        };
        self.journal.end_command(id, end.ended, end.range, now()).await.map_err(|error| error.tell())?;
        let _ = self.events.send(Event::CommandEnded {
            step: self.step,
            command: id,
            exit,
            signal,
            #[allow(clippy::cast_precision_loss, reason = "durations of commands are far below 2^52 seconds")]
            seconds: (end.finished - end.started).max(0) as f64,
        });
        Ok(CommandEnd { reading, ended: end.ended, range: end.range })
    }

    fn spec(&self, id: i64, command: &Command, on_disk: Vec<PathBuf>) -> CommandSpec {
        let mut env = command_environment(&self.site);
        env.extend(command.env.clone());
        // By this name PostgreSQL tells the sessions of our commands from others.
        env.extend(super::guard::session_name(self.step, id).map(|name| ("PGAPPNAME".to_owned(), Some(name))));
        CommandSpec {
            id,
            label: format!("{}/{}", self.step, command.name),
            argv: vec!["/bin/sh".into(), "-c".into(), command.line.clone()],
            cwd: self.site.dir.clone(),
            env,
            log: self.log.clone(),
            on_disk,
        }
    }

    /// Returns directories of all file systems that the commands of a step write to.
    async fn disks(&self) -> Result<Vec<PathBuf>, Report> {
        let (run, elsewhere) = {
            let known = self.known();
            (known.undoing.map_or(self.run, |undoing| undoing.run), known.protection.static_root.map(PathBuf::from))
        };
        let origins: Option<Origins> = self.journal.fact(run, ORIGINS_BEFORE).await.map_err(|error| error.tell())?;
        let here = [&self.site.dir, &self.site.env_dir, &self.site.state_dir].map(Clone::clone);
        let checkouts = origins.unwrap_or_default().checkouts.into_keys().map(PathBuf::from);
        Ok(here.into_iter().chain(elsewhere).chain(checkouts).collect())
    }

    async fn follow(
        &self,
        id: i64,
        mut state: CommandState,
        command: &Command,
        mut ended: oneshot::Receiver<()>,
    ) -> (End, Reading) {
        let mut reader = Reader::of_line(command.kind, &command.line);
        let mut tail: Option<Tail> = None;
        let mut gone = false;
        loop {
            match state {
                CommandState::Unknown => {
                    return (End::lost(now(), (0, 0)), reader.finish(None));
                }
                CommandState::Lost { started, log_start } => {
                    let tail = tail.get_or_insert_with(|| Tail::new(&self.log, log_start));
                    self.read_all(tail, u64::MAX, &mut reader).await;
                    return (End::lost(started, (log_start, tail.position())), reader.finish(None));
                }
                CommandState::Finished { ended, started, finished, log_start, log_end } => {
                    let tail = tail.get_or_insert_with(|| Tail::new(&self.log, log_start));
                    self.read_all(tail, log_end, &mut reader).await;
                    tail.finish(&mut |line| reader.feed_line(line));
                    let end = End { ended: Some(ended), started, finished, range: (log_start, log_end) };
                    return (end, reader.finish(Some(ended)));
                }
                CommandState::Running { log_start, .. } => {
                    let tail = tail.get_or_insert_with(|| Tail::new(&self.log, log_start));
                    tail.read(u64::MAX, GLANCE, &mut |line| reader.feed_line(line));
                    self.tell_progress(&reader);
                }
            }
            let woken = if gone {
                tokio::time::sleep(LOOK).await;
                true
            } else {
                tokio::time::timeout(LOOK, &mut ended).await.is_ok()
            };
            if !woken {
                continue;
            }
            state = if let Ok(state) = self.runner.state(id).await {
                state
            } else {
                // Nobody will tell any more, and a runner that is just dying holds its lock a moment longer.
                gone = true;
                state_on_disk(&self.runner_dir, id)
            };
            if !gone && matches!(state, CommandState::Running { .. }) {
                // Woken too early: the runner's event stream was cut while the command still runs.
                ended = self.ends.wait_for(id);
            }
        }
    }

    /// Reads what a command printed that has ended.
    async fn read_all(&self, tail: &mut Tail, end: u64, reader: &mut Reader) {
        while tail.read(end, GLANCE, &mut |line| reader.feed_line(line)) {
            self.tell_progress(reader);
            tokio::task::yield_now().await;
        }
    }

    fn tell_progress(&self, reader: &Reader) {
        if let Some((done, total, text)) = reader.progress() {
            self.progress(done, total, text);
        }
    }
}

struct End {
    ended: Option<Ended>,
    started: i64,
    finished: i64,
    range: (u64, u64),
}

impl End {
    fn lost(started: i64, range: (u64, u64)) -> Self {
        Self { ended: None, started, finished: now(), range }
    }
}

/// The environment of commands: the site's virtualenv is active, as after `. env/bin/activate`.
pub fn command_environment(site: &Site) -> BTreeMap<String, Option<String>> {
    site.environment.clone()
}

/// Appends one line to a private log file.
pub fn append_line(path: &Path, text: &str) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    file.write_all(format!("{text}\n").as_bytes())
}

/// Locks a mutex whose holders never panic while they change it.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
