//! The dispatcher: one task that owns the state of the run, takes wishes, starts steps and settles them.
//!
//! ```text
//!           Wish                        runner event
//!            │                               │
//!            ▼                               ▼
//!  resting ──Continue──► running step ──ends──► settled ──► next step … ──► resting / run over
//!            ◄───────────── pause, failure, question without answer ──────────┘
//! ```

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};

use super::asking::Asking;
use super::clock::now;
use super::context::{Asks, Attendance, Context, Ends, append_line, command_environment, lock};
use super::deciding::{Triaging, Worked};
use super::evidence::Overruling;
use super::record::Records;
use super::recovery::Recovery;
use super::rehearsing::Rehearsal;
use super::start::Seat;
use super::unrecorded::{self, Settled};
use super::{Cancel, Event, NoticeLevel, Outcome, Wish, faulty, learning};
use crate::error::{Kind, Report, Tell};
use crate::journal::Journal;
use crate::procedure::{Finding, Knowledge, StepId, StepState};
use crate::runner::{Client, CommandSpec, CommandState, RunnerEvent};
use crate::site::{Facts, Site};

/// How the execution of a step ended.
pub struct StepEnd {
    /// The judgement.
    pub state: StepState,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// A step under way.
pub(super) struct RunningStep {
    step: StepId,
    attempt: i64,
    number: u32,
    started: Instant,
    task: JoinHandle<Result<StepEnd, Report>>,
}

/// Everything the dispatcher owns.
pub(super) struct Dispatcher {
    pub site: Arc<Site>,
    pub journal: Arc<Journal>,
    pub runner: Client,
    pub runner_dir: PathBuf,
    pub runner_events: mpsc::UnboundedReceiver<RunnerEvent>,
    pub events: mpsc::UnboundedSender<Event>,
    pub facts: mpsc::UnboundedReceiver<Result<Facts, Report>>,
    pub asking: Asking,
    pub knowledge: Arc<Mutex<Knowledge>>,
    pub records: Records,
    pub run: i64,
    pub attendance: Attendance,
    pub asks: Asks,
    pub ends: Ends,
    pub cancelled: Arc<AtomicBool>,
    /// Whether the next step starts when this one is settled.
    pub going: bool,
    /// The step after which none starts, if any.
    pub until: Option<StepId>,
    pub running: Option<RunningStep>,
    /// The command number of the open shell.
    pub shell: Option<i64>,
    pub rehearsal: Option<Rehearsal>,
    pub triaging: Triaging,
    /// This program, for commands that are parts of itself.
    pub program: PathBuf,
    /// What is done in the background is told here,
    pub work: mpsc::UnboundedSender<Worked>,
    /// and comes out here.
    pub worked: mpsc::UnboundedReceiver<Worked>,
    pub over: bool,
    pub recovery: Recovery,
    /// How the last step has ended, while the journal does not know it.
    pub unrecorded: Option<Settled>,
    /// Who sits at this wizard.
    pub me: String,
}

/// What woke the dispatcher.
enum Wake {
    Wish(Option<Wish>),
    Runner(Option<RunnerEvent>),
    Facts(Option<Box<Result<Facts, Report>>>),
    Ended(Result<Result<StepEnd, Report>, JoinError>),
    Worked(Option<Worked>),
}

impl Dispatcher {
    /// Runs until the operator leaves, nobody listens any more, or somebody else takes the site over: then the seat
    /// from which this wizard watches is returned.
    pub async fn run(mut self, wishes: &mut mpsc::UnboundedReceiver<Wish>) -> Option<Seat> {
        let mut runner_open = true;
        let taken_over = loop {
            let wake = tokio::select! {
                wish = wishes.recv() => Wake::Wish(wish),
                event = self.runner_events.recv(), if runner_open => Wake::Runner(event),
                facts = self.facts.recv() => Wake::Facts(facts.map(Box::new)),
                ended = ended(&mut self.running) => Wake::Ended(ended),
                worked = self.worked.recv() => Wake::Worked(worked),
            };
            let result = match wake {
                Wake::Wish(None | Some(Wish::Leave)) => break None,
                Wake::Runner(Some(RunnerEvent::DriverChanged { driver: Some(driver), you: false })) => {
                    break Some(driver);
                }
                Wake::Wish(Some(wish)) => self.wish(wish).await,
                Wake::Runner(None) => {
                    runner_open = false;
                    self.ends.wake_all();
                    self.notice(NoticeLevel::Error, "The runner is gone. What it ran is inspected.");
                    match self.rehearsal.as_ref().map(Rehearsal::command) {
                        Some(command) => self.rehearsal_ended(command).await,
                        None => Ok(()),
                    }
                }
                Wake::Runner(Some(event)) => self.runner_event(event).await,
                Wake::Facts(Some(facts)) => self.learn(*facts).await,
                Wake::Ended(ended) => self.settle(ended).await,
                Wake::Worked(Some(worked)) => self.worked(worked).await,
                // It holds a sender of each itself.
                Wake::Worked(None) | Wake::Facts(None) => Ok(()),
            };
            if let Err(report) = result {
                self.tell(Event::Troubled { report });
                self.rest(Outcome::Failed, "Something went wrong outside of a step.");
            }
        };
        // The step's task dies with us; its command lives on in the runner.
        if let Some(running) = self.running.take() {
            running.task.abort();
        }
        taken_over.map(|driver| Seat { runner: self.runner, runner_events: self.runner_events, driver: Some(driver) })
    }

    /// Tells whether the restore runs.
    pub(super) fn is_restoring(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.step == StepId::Restore)
    }

    pub(super) fn tell(&self, event: Event) {
        let _ = self.events.send(event);
    }

    pub(super) fn notice(&self, level: NoticeLevel, text: impl Into<String>) {
        self.tell(Event::Noticed { level, text: text.into() });
    }

    /// Sends the plan as it stands now.
    pub fn plan(&self) {
        let steps = self.records.plan(&lock(&self.knowledge));
        self.tell(Event::PlanMade { steps });
    }

    pub(super) fn rest(&mut self, outcome: Outcome, summary: impl Into<String>) {
        self.going = false;
        self.tell(Event::Rested { outcome, summary: summary.into() });
    }

    async fn wish(&mut self, wish: Wish) -> Result<(), Report> {
        if self.is_locked(&wish).await? {
            return Ok(());
        }
        if self.undoes().is_some() && matches!(wish, Wish::Rehearse(_) | Wish::Decide(_) | Wish::Renamed { .. }) {
            self.notice(NoticeLevel::Warning, "An undo is under way; it has to come to its end first.");
            return Ok(());
        }
        if let Some(end) = self.unrecorded.take_if(|_| unrecorded::comes_first(&wish)) {
            self.going = matches!(wish, Wish::Continue);
            self.settled(end).await?;
            if matches!(wish, Wish::Continue) {
                return Ok(());
            }
        }
        match wish {
            Wish::Continue => {
                if self.refuse_beside_rehearsal() {
                    return Ok(());
                }
                self.going = true;
                if self.running.is_none() { self.advance().await } else { Ok(()) }
            }
            Wish::PauseAfterStep | Wish::Cancel(Cancel::AfterStep) => {
                self.going = false;
                if self.running.is_some() {
                    self.notice(NoticeLevel::Info, "The running step will be finished; nothing starts after it.");
                }
                Ok(())
            }
            Wish::Until(step) => {
                self.until = Some(step);
                Ok(())
            }
            Wish::Run(step) => self.run_now(step).await,
            Wish::Skip(step) => self.leave_out(step).await,
            Wish::Choose { question, key } => {
                if self.asks.answer(&question, key) {
                    let by = if self.attendance == Attendance::Wizard { "operator" } else { "--yes" };
                    if let Some(running) = &self.running {
                        let choice = key.to_string();
                        self.journal
                            .decide(self.run, running.step, &question, &choice, by, now())
                            .await
                            .map_err(|error| error.tell())?;
                    }
                    self.tell(Event::Chosen { question, key, by: by.into() });
                }
                Ok(())
            }
            Wish::Type(keys) => self.runner.input(keys.expose()).await.map_err(|error| error.tell()),
            Wish::Cancel(Cancel::Interrupt) => {
                self.stop_step();
                self.runner.interrupt().await.map_err(|error| error.tell())
            }
            Wish::Cancel(Cancel::Kill) => {
                self.stop_step();
                self.runner.kill().await.map_err(|error| error.tell())
            }
            Wish::OpenShell => self.open_shell().await,
            Wish::Resize { rows, columns } => self.runner.resize(rows, columns).await.map_err(|error| error.tell()),
            Wish::Renamed { index, renamed } => self.renamed(index, renamed).await,
            Wish::Rehearse(what) => self.rehearse(what).await,
            Wish::Decide(what) => self.decide(what).await.map(drop),
            Wish::PlanUndo => self.plan_undo().await,
            Wish::Undo { run } => self.undo(run).await,
            // This wizard drives already, and leaving ends the loop.
            Wish::TakeOver | Wish::Leave => Ok(()),
        }
    }

    fn stop_step(&mut self) {
        self.going = false;
        if self.running.is_some() {
            self.cancelled.store(true, Ordering::SeqCst);
            self.asks.drop_all();
        }
    }

    async fn runner_event(&mut self, event: RunnerEvent) -> Result<(), Report> {
        match event {
            RunnerEvent::Ended { id, .. } => {
                self.ends.wake(id);
                if self.is_rehearsal(id) {
                    self.rehearsal_ended(id).await?;
                }
                if self.shell == Some(id) {
                    self.shell = None;
                    self.end_shell(id).await?;
                    self.tell(Event::ShellClosed);
                }
            }
            RunnerEvent::Awaiting { prompt, secret, certain } => {
                let step = self.running.as_ref().map(|running| running.step);
                if self.shell.is_none() {
                    self.tell(Event::InputAwaited { step, prompt, secret, certain });
                }
            }
            RunnerEvent::Taken => self.tell(Event::InputTaken),
            RunnerEvent::LogTrouble { message } => {
                let report = self.waits_for_room(&message);
                self.tell(Event::Troubled { report });
            }
            RunnerEvent::LogRecovered => self.notice(NoticeLevel::Info, "The log can be written again; it goes on."),
            // What is known may have changed just before: the way back grows with what a command is about to do.
            RunnerEvent::Started { .. } => self.plan(),
            RunnerEvent::Output { .. } | RunnerEvent::DriverChanged { .. } => {}
        }
        Ok(())
    }

    async fn learn(&mut self, facts: Result<Facts, Report>) -> Result<(), Report> {
        if facts.is_err() && !self.asking.counts(self.running.as_ref().map(|running| running.step)) {
            return Ok(());
        }
        let starts = facts.as_ref().map(drop).map_err(|report| report.what.clone());
        match facts {
            // What is known is that of the run which is undone.
            Ok(facts) if self.undoes().is_some() => {
                let versions = learning::versions(&lock(&self.knowledge), &facts);
                self.tell(Event::FactsLearned {
                    versions,
                    database: learning::database(&facts),
                    models: facts.models.len(),
                    languages: facts.site.languages.clone(),
                });
            }
            Ok(facts) => {
                let knowledge = {
                    let mut knowledge = lock(&self.knowledge);
                    learning::from_facts(&mut knowledge, &facts);
                    knowledge.clone()
                };
                self.journal.record(self.run, "knowledge", &knowledge, now()).await.map_err(|error| error.tell())?;
                let versions = learning::versions(&knowledge, &facts);
                if knowledge.packages_changed.is_none() {
                    self.journal
                        .name_run(self.run, &versions.application, &versions.old)
                        .await
                        .map_err(|error| error.tell())?;
                }
                self.tell(Event::FactsLearned {
                    versions,
                    database: learning::database(&facts),
                    models: facts.models.len(),
                    languages: facts.site.languages.clone(),
                });
                self.plan();
            }
            Err(report) => self.tell(Event::Troubled { report }),
        }
        self.python_answered(starts).await
    }

    /// Starts the next step that has to run, recording those that need not.
    pub(super) async fn advance(&mut self) -> Result<(), Report> {
        while self.going && self.running.is_none() {
            let Some(step) = self.records.next() else { return self.finish().await };
            if let Some(until) = self.until.filter(|until| self.records.state(*until).is_settled()) {
                self.stop_behind(until);
                return Ok(());
            }
            let because = {
                let knowledge = lock(&self.knowledge);
                knowledge.skip(step, &|step| self.records.state(step))
            };
            let first_time = self.records.state(step) == StepState::Pending;
            match because {
                Some(because) if first_time => self.record_skip(step, because).await?,
                _ => return self.start(step).await,
            }
        }
        Ok(())
    }

    fn stop_behind(&mut self, step: StepId) {
        self.going = false;
        let state = self.records.state(step);
        self.rest(Outcome::Interrupted, format!("{} is {}; stopped here as wished.", step.title(), state.word()));
    }

    async fn finish(&mut self) -> Result<(), Report> {
        self.going = false;
        if self.over {
            return Ok(());
        }
        self.over = true;
        if let Some(undone) = self.undoes() {
            return self.finish_undo(undone).await;
        }
        let summary = lock(&self.knowledge).summary();
        self.journal.end_run(self.run, "done", &summary, now()).await.map_err(|error| error.tell())?;
        let aside = self.close_triage();
        self.tell(Event::RunEnded { outcome: Outcome::Done, summary });
        aside
    }

    async fn run_now(&mut self, step: StepId) -> Result<(), Report> {
        if self.refuse_beside_rehearsal() {
            return Ok(());
        }
        if self.running.is_some() {
            self.notice(NoticeLevel::Warning, "A step is running; wait for its end or cancel it.");
            return Ok(());
        }
        if !self.records.has(step) {
            self.notice(NoticeLevel::Warning, "This is no step of what is under way now.");
            return Ok(());
        }
        if self.records.next().is_some_and(|next| next < step) {
            self.notice(NoticeLevel::Warning, "Earlier steps come first; skip them if they are not needed.");
            return Ok(());
        }
        self.wanted(step).await?;
        self.going = true;
        self.start(step).await
    }

    async fn leave_out(&mut self, step: StepId) -> Result<(), Report> {
        if self.running.is_some() {
            self.notice(NoticeLevel::Warning, "A step is running; wait for its end or cancel it.");
            return Ok(());
        }
        if self.records.next() != Some(step) {
            self.notice(NoticeLevel::Warning, "Only the next step can be left out.");
            return Ok(());
        }
        self.journal
            .decide(self.run, step, "step.skip", "skip", "operator", now())
            .await
            .map_err(|error| error.tell())?;
        self.overrule(step, Overruling::Skip).await?;
        self.record_skip(step, "left out by the operator".into()).await?;
        self.rest(Outcome::Interrupted, format!("{} was left out.", step.title()));
        Ok(())
    }

    async fn record_skip(&mut self, step: StepId, because: String) -> Result<(), Report> {
        self.record_state(step, StepState::Skipped { because }).await?;
        self.records.of_mut(step).seconds = Some(0.0);
        Ok(())
    }

    /// Writes down what a step is now, without running it.
    pub(super) async fn record_state(&mut self, step: StepId, state: StepState) -> Result<(), Report> {
        let log = self.log_path(step);
        let (attempt, number) =
            self.journal.begin_attempt(self.run, step, &log, now()).await.map_err(|error| error.tell())?;
        self.journal.end_attempt(attempt, &state, &[], 0.0, now()).await.map_err(|error| error.tell())?;
        let record = self.records.of_mut(step);
        record.state = state.clone();
        record.attempts = number;
        self.tell(Event::StepEnded { step, attempt: number, state, seconds: 0.0, findings: Vec::new() });
        Ok(())
    }

    pub(super) fn log_path(&self, step: StepId) -> impl Fn(u32) -> PathBuf + Sync + use<> {
        let dir = self.site.state_dir.join("logs");
        let run = self.run;
        move |number| dir.join(format!("{run:04}-{:02}-{}-{number}.log", step.number(), step.id()))
    }

    async fn start(&mut self, step: StepId) -> Result<(), Report> {
        if self.shell.is_some() {
            self.going = false;
            self.notice(NoticeLevel::Warning, "A shell is open; leave it with `exit` before a step starts.");
            return Ok(());
        }
        let path = self.log_path(step);
        let (attempt, number) =
            self.journal.begin_attempt(self.run, step, &path, now()).await.map_err(|error| error.tell())?;
        let log = path(number);
        append_line(&log, &format!("── {} · {}", step.title(), jiff::Zoned::now().strftime("%Y-%m-%d %H:%M:%S")))
            .map_err(|error| log_unwritable(&error, &log))?;
        self.execute(step, attempt, number, log);
        Ok(())
    }

    /// Executes an attempt: a new one, or one that lost its wizard and is taken up again.
    pub fn execute(&mut self, step: StepId, attempt: i64, number: u32, log: PathBuf) {
        self.cancelled.store(false, Ordering::SeqCst);
        let record = self.records.of_mut(step);
        record.state = StepState::Running;
        record.attempts = number;
        record.log = Some(log.clone());
        record.findings = Vec::new();
        let context = Context {
            site: Arc::clone(&self.site),
            journal: Arc::clone(&self.journal),
            runner: self.runner.clone(),
            runner_dir: self.runner_dir.clone(),
            events: self.events.clone(),
            knowledge: Arc::clone(&self.knowledge),
            asks: self.asks.clone(),
            ends: self.ends.clone(),
            cancelled: Arc::clone(&self.cancelled),
            attendance: self.attendance,
            run: self.run,
            step,
            attempt,
            log: log.clone(),
            program: self.program.clone(),
            work: self.work.clone(),
        };
        self.asking.begins(step);
        self.tell(Event::StepStarted { step, attempt: number, log, at: now() });
        let task = tokio::spawn(async move { faulty::execute(&context).await });
        self.running = Some(RunningStep { step, attempt, number, started: Instant::now(), task });
    }

    async fn settle(&mut self, ended: Result<Result<StepEnd, Report>, JoinError>) -> Result<(), Report> {
        let Some(running) = self.running.take() else { return Ok(()) };
        self.asking.ended();
        let cancelled = self.cancelled.swap(false, Ordering::SeqCst);
        let (mut state, findings, report) = match ended {
            Ok(Ok(end)) => (end.state, end.findings, None),
            Ok(Err(report)) => {
                let because = report.what.clone();
                // Nothing went wrong in the step itself: its runner is gone.
                let state = match report.kind {
                    Kind::Interrupted => StepState::Interrupted { because },
                    _ => StepState::Failed { because },
                };
                (state, Vec::new(), Some(report))
            }
            Err(error) => {
                let report =
                    Report::new(Kind::Failed, format!("The step broke off by a fault of this program: {error}."))
                        .next("Please report this with the log; then retry the step.");
                (StepState::Interrupted { because: report.what.clone() }, Vec::new(), Some(report))
            }
        };
        if cancelled && !state.is_settled() {
            state = StepState::Interrupted { because: format!("cancelled by the operator; {}", state.text()) };
        }
        let RunningStep { step, attempt, number, started, .. } = running;
        let seconds = started.elapsed().as_secs_f64();
        let mut end = Settled { step, attempt, number, seconds, state, findings, report };
        self.name_full_disks(&mut end).await;
        self.settled(end).await
    }

    /// Writes down how a step has ended, and goes on from there.
    pub(super) async fn settled(&mut self, end: Settled) -> Result<(), Report> {
        if let Err(error) = self.journal.end_attempt(end.attempt, &end.state, &end.findings, end.seconds, now()).await {
            return Err(self.unrecorded(end, &error));
        }
        let Settled { step, number, seconds, state, findings, report, .. } = end;
        let record = self.records.of_mut(step);
        record.state = state.clone();
        record.seconds = Some(seconds);
        record.findings.clone_from(&findings);
        self.tell(Event::DownSince { at: lock(&self.knowledge).down_since });
        self.tell(Event::StepEnded { step, attempt: number, state: state.clone(), seconds, findings });
        if let Some(report) = report {
            self.tell(Event::Troubled { report });
        }
        self.records.after(step);
        if step == StepId::Restore {
            // What was decided while it ran.
            self.copy_in_background();
        }
        self.plan();
        match state {
            StepState::Done { .. } | StepState::Skipped { .. } if self.going => self.advance().await,
            StepState::Done { .. } | StepState::Skipped { .. } => {
                if self.records.next().is_none() {
                    self.finish().await
                } else {
                    self.stop_behind(step);
                    Ok(())
                }
            }
            StepState::Interrupted { because } => {
                self.rest(Outcome::Interrupted, format!("{}: {because}", step.title()));
                Ok(())
            }
            other => {
                self.rest(Outcome::Failed, format!("{} failed: {}", step.title(), other.text()));
                Ok(())
            }
        }
    }

    async fn open_shell(&mut self) -> Result<(), Report> {
        if self.running.is_some() || self.shell.is_some() || self.rehearsal.is_some() {
            self.notice(NoticeLevel::Warning, "The terminal is in use; a shell can be opened between two steps.");
            return Ok(());
        }
        let shell = std::env::var("SHELL").ok().filter(|shell| !shell.is_empty()).unwrap_or_else(|| "/bin/sh".into());
        let log = self.site.state_dir.join("logs").join(format!("{:04}-shell-{}.log", self.run, now()));
        append_line(&log, "── Shell").map_err(|error| log_unwritable(&error, &log))?;
        let id = self.journal.begin_command(None, "shell", &shell, &log, now()).await.map_err(|error| error.tell())?;
        let spec = CommandSpec {
            id,
            label: "shell".into(),
            argv: vec![shell],
            cwd: self.site.dir.clone(),
            env: command_environment(&self.site),
            log: log.clone(),
            on_disk: Vec::new(),
        };
        match self.runner.run(spec).await.map_err(|error| error.tell())? {
            CommandState::Running { log_start, .. } => {
                self.shell = Some(id);
                self.tell(Event::ShellOpened { log, from: log_start });
            }
            _ => self.notice(NoticeLevel::Error, "The shell ended at once; see its log."),
        }
        Ok(())
    }

    async fn end_shell(&self, id: i64) -> Result<(), Report> {
        if let CommandState::Finished { ended, log_start, log_end, .. } =
            crate::runner::state_on_disk(&self.runner_dir, id)
        {
            self.journal
                .end_command(id, Some(ended), (log_start, log_end), now())
                .await
                .map_err(|error| error.tell())?;
        }
        Ok(())
    }
}

async fn ended(running: &mut Option<RunningStep>) -> Result<Result<StepEnd, Report>, JoinError> {
    match running {
        Some(running) => (&mut running.task).await,
        None => std::future::pending().await,
    }
}

pub(super) fn log_unwritable(error: &std::io::Error, log: &std::path::Path) -> Report {
    Report::new(Kind::Environment, format!("The log of the step cannot be written: {error}."))
        .unchanged("The step was not started.")
        .next("Free some disk space, then try again.")
        .log(log)
}
