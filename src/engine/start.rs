//! Opens a site for an upgrade: finds it, its journal and its runner, and takes up what was left unfinished.
//!
//! State found at start is proved, not believed (`recovery`): the runner's lock and the commands' own records tell what
//! runs, what ended meanwhile and what was lost; services, packages, snapshot and database are looked at again.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use tokio::sync::mpsc;

use super::asking::Asking;
use super::clock::now;
use super::context::{Asks, Attendance, Ends, lock};
use super::deciding::Triaging;
use super::dispatcher::Dispatcher;
use super::record::{Records, steps_of};
use super::recovery::{self, Recovery};
use super::{Event, Outcome, Wish, faulty, lines, undo, watch};
use crate::error::{Kind, Report, Tell};
use crate::journal::{AttemptRow, Journal, RunRow};
use crate::procedure::{Knowledge, StepId};
use crate::runner::{Client, Operator, Role, RunnerError, RunnerEvent, runs_anything};
use crate::site::{self, Facts, Site, Surroundings};
use crate::snapshot::protect;

/// How the engine is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// `--site`.
    pub site: Option<PathBuf>,
    /// The current directory.
    pub cwd: PathBuf,
    /// Who answers.
    pub attendance: Attendance,
    /// The program that becomes the runner; none for this very program.
    pub exe: Option<PathBuf>,
}

/// The two ends of an engine: wishes in, events out.
pub struct Handle {
    /// Wishes go in here.
    pub wishes: mpsc::UnboundedSender<Wish>,
    /// Events come out here; none after the engine has ended.
    pub events: mpsc::UnboundedReceiver<Event>,
}

impl Handle {
    /// Sends a wish; an engine that has ended ignores it.
    pub fn wish(&self, wish: Wish) {
        let _ = self.wishes.send(wish);
    }
}

/// Opens the engine in the background; returns at once.
#[must_use]
pub fn open(options: Options) -> Handle {
    let (wishes, wishes_in) = mpsc::unbounded_channel();
    let (events_out, events) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        if let Err(report) = Box::pin(drive(options, wishes_in, events_out.clone())).await {
            let summary = report.what.clone();
            let _ = events_out.send(Event::Troubled { report });
            let _ = events_out.send(Event::RunEnded { outcome: Outcome::Refused, summary });
        }
    });
    Handle { wishes, events }
}

async fn drive(
    options: Options,
    wishes: mpsc::UnboundedReceiver<Wish>,
    events: mpsc::UnboundedSender<Event>,
) -> Result<(), Report> {
    faulty::announce(&events)?;
    let site = site::find_unproved(options.site.as_deref(), &options.cwd, &Surroundings::of_this_process())
        .map_err(|error| error.tell())?;
    // A run that has broken the environment can still be undone.
    if let Err(error) = site.prove_python()
        && !undo::is_begun(&site).await
    {
        return Err(error.tell());
    }
    let _ = events.send(Event::SiteFound {
        name: site.name.clone(),
        dir: site.dir.clone(),
        python: Some(site.python.clone()),
        config: site.config_file.clone(),
    });
    site.prepare_state_dir().map_err(|error| error.tell())?;
    let logs = site.state_dir.join("logs");
    site::prepare_private(&logs).map_err(|error| {
        Report::new(Kind::Environment, format!("{} cannot be created: {error}.", logs.display()))
            .unchanged("Nothing was started.")
            .next("Free some disk space, and look who owns the directory.")
    })?;
    let journal = Arc::new(Journal::open(&site.state_dir.join("journal.sqlite")).await.map_err(|error| error.tell())?);
    let runner_dir = site.state_dir.join("runner");
    let me = operator();
    let exe = options.exe.as_deref();
    let seat = match Client::attach_or_launch(&runner_dir, exe, me.clone(), Role::Driver).await {
        Ok((runner, runner_events)) => Seat { runner, runner_events, driver: None },
        Err(RunnerError::Busy { driver }) => {
            let (runner, runner_events) = Client::attach_or_launch(&runner_dir, exe, me.clone(), Role::Watcher)
                .await
                .map_err(|error| error.tell())?;
            Seat { runner, runner_events, driver: Some(driver) }
        }
        Err(error) => return Err(error.tell()),
    };
    let program = options.exe.map_or_else(std::env::current_exe, Ok).unwrap_or_else(|_| PathBuf::from("lino-upgrade"));
    let (site, attendance) = (Arc::new(site), options.attendance);
    let place = Place { site, journal, runner_dir, me, attendance, program, wishes, events };
    place.sit(seat).await
}

/// Where a wizard sits: its connection to the runner, and who drives if it is not this one.
pub(super) struct Seat {
    pub runner: Client,
    pub runner_events: mpsc::UnboundedReceiver<RunnerEvent>,
    pub driver: Option<Operator>,
}

/// An opened site.
struct Place {
    site: Arc<Site>,
    journal: Arc<Journal>,
    runner_dir: PathBuf,
    me: Operator,
    attendance: Attendance,
    program: PathBuf,
    wishes: mpsc::UnboundedReceiver<Wish>,
    events: mpsc::UnboundedSender<Event>,
}

impl Place {
    /// Drives or watches, whichever its seat is, until the operator leaves.
    async fn sit(mut self, mut seat: Seat) -> Result<(), Report> {
        loop {
            let next = if let Some(driver) = &seat.driver {
                let watching = Event::Watching { operator: driver.to_string(), since: driver.since };
                let _ = self.events.send(watching);
                watch::watch(&self.journal, seat, &mut self.wishes, &self.events).await?
            } else {
                self.drive(seat).await?
            };
            match next {
                Some(next) => seat = next,
                None => return Ok(()),
            }
        }
    }

    /// Drives; returns the new seat when somebody else took the site over.
    async fn drive(&mut self, seat: Seat) -> Result<Option<Seat>, Report> {
        site::facts::forget_killed(&self.site.state_dir);
        if !runs_anything(&self.runner_dir) {
            protect::forget_secrets(&self.site.state_dir);
        }
        let opened = Opened::read(&self.journal, self.attendance, &self.me).await?;
        let (facts_out, facts) = mpsc::unbounded_channel();
        let asking = Asking::new(Arc::clone(&self.site), facts_out);
        let mut dispatcher = self.dispatcher(&opened, seat, (asking, facts));
        let _ = self.events.send(Event::RunOpened {
            run: opened.run.id,
            resumed: opened.resumed,
            started: opened.run.started,
            state_dir: self.site.state_dir.clone(),
            undoes: opened.run.undoes,
        });
        let _ = self.events.send(Event::DownSince { at: lock(&dispatcher.knowledge).down_since });
        if opened.run.undoes.is_some() {
            recovery::take_up_undo(&mut dispatcher, &opened.attempts).await?;
        } else {
            dispatcher.tell_evidence().await?;
            recovery::take_up(&mut dispatcher, &opened.attempts).await?;
            dispatcher.open_triage().await?;
        }
        dispatcher.plan();
        dispatcher.asking.ask();
        Ok(dispatcher.run(&mut self.wishes).await)
    }

    fn dispatcher(
        &self,
        opened: &Opened,
        seat: Seat,
        (asking, facts): (Asking, mpsc::UnboundedReceiver<Result<Facts, Report>>),
    ) -> Dispatcher {
        let (work, worked) = mpsc::unbounded_channel();
        Dispatcher {
            knowledge: Arc::new(Mutex::new(opened.knowledge(&self.site))),
            records: opened.records(),
            site: Arc::clone(&self.site),
            journal: Arc::clone(&self.journal),
            runner: seat.runner,
            runner_dir: self.runner_dir.clone(),
            runner_events: seat.runner_events,
            events: self.events.clone(),
            facts,
            asking,
            run: opened.run.id,
            attendance: self.attendance,
            asks: Asks::default(),
            ends: Ends::default(),
            cancelled: Arc::new(AtomicBool::new(false)),
            going: false,
            until: None,
            running: None,
            shell: None,
            rehearsal: None,
            triaging: Triaging::default(),
            program: self.program.clone(),
            work,
            worked,
            over: false,
            recovery: Recovery::default(),
            unrecorded: None,
            me: self.me.user.clone(),
        }
    }
}

/// The run of the journal that is opened.
struct Opened {
    run: RunRow,
    resumed: bool,
    attempts: Vec<AttemptRow>,
    earlier: Option<Knowledge>,
    forecasts: Vec<(StepId, f64, i64)>,
}

impl Opened {
    async fn read(journal: &Journal, attendance: Attendance, me: &Operator) -> Result<Self, Report> {
        let tell = |error: crate::journal::JournalError| error.tell();
        let unfinished = journal.unfinished_run().await.map_err(tell)?;
        let resumed = unfinished.is_some();
        let run = if let Some(run) = unfinished {
            run
        } else {
            let mode = if attendance == Attendance::Wizard { "wizard" } else { "headless" };
            journal.begin_run(mode, &me.user, now()).await.map_err(tell)?;
            journal.unfinished_run().await.map_err(tell)?.ok_or_else(|| {
                Report::new(Kind::Environment, "The journal did not keep the run that was just begun.")
            })?
        };
        let attempts = journal.attempts(run.id).await.map_err(tell)?;
        let mut earlier = journal.fact(run.id, "knowledge").await.map_err(tell)?;
        if let (None, Some(undone)) = (&earlier, run.undoes) {
            earlier = Some(undo::knowledge(journal, undone).await?);
        }
        let mut forecasts = Vec::new();
        for step in StepId::ALL.into_iter().chain(StepId::UNDO) {
            if let Some((seconds, at)) = journal.last_duration(step, run.id).await.map_err(tell)? {
                forecasts.push((step, seconds, at));
            }
        }
        Ok(Self { run, resumed: resumed && !attempts.is_empty(), attempts, earlier, forecasts })
    }

    fn knowledge(&self, site: &Site) -> Knowledge {
        let mut knowledge = self.earlier.clone().unwrap_or_default();
        lines::of_site(&mut knowledge, site, self.run.id);
        knowledge
    }

    fn records(&self) -> Records {
        let mut records = Records::from_attempts(steps_of(self.run.undoes), &self.attempts);
        let forecasts = self.forecasts.iter().filter(|(step, ..)| step.is_undo() == self.run.undoes.is_some());
        for (step, seconds, at) in forecasts {
            let date = jiff::Timestamp::from_second(*at).map_or_else(
                |_| String::new(),
                |at| at.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d").to_string(),
            );
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a day")]
            let seconds = seconds.clamp(0.0, 86_400.0).round() as u32;
            records.of_mut(*step).forecast = Some((seconds, format!("from the run of {date}")));
        }
        records
    }
}

/// Returns who sits at this wizard.
#[must_use]
pub fn operator() -> Operator {
    let user = std::env::var("SUDO_USER")
        .or_else(|_| std::env::var("USER"))
        .unwrap_or_else(|_| whoami::username().unwrap_or_default());
    Operator {
        user,
        pid: i32::try_from(std::process::id()).unwrap_or_default(),
        tty: std::fs::read_link("/proc/self/fd/0")
            .ok()
            .and_then(|path| path.strip_prefix("/dev").ok().map(|path| path.display().to_string()))
            .filter(|tty| tty.starts_with("pts/") || tty.starts_with("tty")),
        from: std::env::var("SSH_CONNECTION").ok().and_then(|text| text.split(' ').next().map(str::to_owned)),
        since: now(),
    }
}
