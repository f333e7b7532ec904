//! The rehearsal that a wizard starts: this very program, as one command in the runner's terminal, so that it survives
//! its wizard. What it tells is read from its log while it runs, and from its files when it has ended.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::clock::now;
use super::context::{Attendance, append_line, command_environment, lock};
use super::deciding::Worked;
use super::dispatcher::{Dispatcher, log_unwritable};
use super::rehearse::{self, AGAIN, ROWS};
use super::tail::Tail;
use super::{Event, NoticeLevel, Outcome, Rehearsing};
use crate::error::{Report, Tell};
use crate::messages::{CommandKind, Ended, Reader};
use crate::runner::{CommandSpec, CommandState, state_on_disk};
use crate::site::{Site, quote};

/// The name of the command in the journal.
const NAME: &str = "rehearse";
/// How often the log of a rehearsal is read.
const LOOK: Duration = Duration::from_millis(300);
/// How long each time.
const GLANCE: Duration = Duration::from_millis(30);
/// Letters of a line that tell what a rehearsal does.
const SHOWN: usize = 200;

/// A rehearsal under way.
pub(super) struct Rehearsal {
    /// Its number in the journal.
    command: i64,
    /// Reads its log.
    follower: JoinHandle<()>,
    /// Whether its result is being read.
    ended: bool,
}

impl Rehearsal {
    /// Returns its number in the journal.
    pub const fn command(&self) -> i64 {
        self.command
    }
}

impl Drop for Rehearsal {
    fn drop(&mut self) {
        self.follower.abort();
    }
}

/// How the command of a rehearsal ended.
#[derive(Clone, Debug)]
pub(super) struct RehearsalEnd {
    /// How long it ran.
    pub seconds: f64,
    /// Why there is no result.
    pub problem: Option<String>,
}

/// Returns the command line that rehearses. Once the new version is in its place, the snapshot of the upgrade is
/// rehearsed instead of a dump of the site, with the site's own Python.
pub(super) fn line(program: &Path, site: &Site, what: Rehearsing, upgraded: bool) -> String {
    let word = |path: &Path| quote(&path.to_string_lossy());
    let start = format!("{} --site {} rehearse", word(program), word(&site.dir));
    let there = rehearse::dumped(site).join("restore.py").is_file();
    match (upgraded, what) {
        (true, what) => {
            let how = if what == Rehearsing::Retry { "--retry" } else { "--own-decisions" };
            let snapshot = site.dir.join(&site.config.snapshot.directory);
            format!("{start} {how} --snapshot {} --python {}", word(&snapshot), word(&site.python))
        }
        (false, Rehearsing::Retry) if there => format!("{start} --retry"),
        (false, _) => format!("{start} --dump"),
    }
}

impl Dispatcher {
    /// Starts a rehearsal when nothing else runs.
    pub(super) async fn rehearse(&mut self, what: Rehearsing) -> Result<(), Report> {
        if self.running.is_some() || self.shell.is_some() || self.rehearsal.is_some() {
            let text = "The terminal is in use; a rehearsal can be started when no step, shell or rehearsal runs.";
            self.notice(NoticeLevel::Warning, text);
            return Ok(());
        }
        let upgraded = {
            let knowledge = lock(&self.knowledge);
            knowledge.packages_changed.is_some() || knowledge.database_changed
        };
        let line = line(&self.program, &self.site, what, upgraded);
        let log = self.site.state_dir.join("logs").join(format!("{:04}-rehearsal-{}.log", self.run, now()));
        append_line(&log, &format!("── Rehearsal\n$ {line}")).map_err(|error| log_unwritable(&error, &log))?;
        let id = self.journal.begin_command(None, NAME, &line, &log, now()).await.map_err(|error| error.tell())?;
        let spec = CommandSpec {
            id,
            label: NAME.into(),
            argv: vec!["/bin/sh".into(), "-c".into(), line.clone()],
            cwd: self.site.dir.clone(),
            env: command_environment(&self.site),
            log: log.clone(),
            on_disk: Vec::new(),
        };
        match self.runner.run(spec).await.map_err(|error| error.tell())? {
            CommandState::Running { log_start, started, .. } => {
                self.follow_rehearsal(id, &line, log, log_start, started);
                Ok(())
            }
            // So fast that its end has come already.
            state => {
                let from = if let CommandState::Finished { log_start, .. } = state { log_start } else { 0 };
                self.follow_rehearsal(id, &line, log, from, now());
                self.rehearsal_ended(id).await
            }
        }
    }

    fn follow_rehearsal(&mut self, command: i64, line: &str, log: PathBuf, from: u64, at: i64) {
        let retry = line.contains(" --retry");
        self.tell(Event::RehearsalStarted { retry, log: log.clone(), from, at });
        let follower = tokio::spawn(follow(log, from, self.events.clone()));
        self.rehearsal = Some(Rehearsal { command, follower, ended: false });
    }

    /// Follows a rehearsal again that was started by an earlier wizard, or takes up its end.
    pub(super) async fn take_up_rehearsal(&mut self) -> Result<(), Report> {
        let last = self.journal.last_command(NAME).await.map_err(|error| error.tell())?;
        let Some(row) = last.filter(|row| row.ended.is_none() && row.range.is_none()) else { return Ok(()) };
        match state_on_disk(&self.runner_dir, row.id) {
            CommandState::Running { log_start, started, .. } => {
                self.notice(NoticeLevel::Info, "The rehearsal went on by itself; it is followed again.");
                self.follow_rehearsal(row.id, &row.line, row.log, log_start, started);
                Ok(())
            }
            CommandState::Finished { log_start, started, .. } => {
                self.follow_rehearsal(row.id, &row.line, row.log, log_start, started);
                self.rehearsal_ended(row.id).await
            }
            CommandState::Lost { .. } | CommandState::Unknown => {
                self.notice(
                    NoticeLevel::Warning,
                    "The last rehearsal was lost when the runner ended (crash or reboot).",
                );
                self.journal.end_command(row.id, None, (0, 0), now()).await.map_err(|error| error.tell())
            }
        }
    }

    /// Tells whether a command is that of the rehearsal.
    pub(super) fn is_rehearsal(&self, id: i64) -> bool {
        self.rehearsal.as_ref().is_some_and(|rehearsal| rehearsal.command == id)
    }

    /// Keeps how the command of the rehearsal ended, and has its result read.
    pub(super) async fn rehearsal_ended(&mut self, id: i64) -> Result<(), Report> {
        let Some(rehearsal) = self.rehearsal.as_mut().filter(|rehearsal| rehearsal.command == id && !rehearsal.ended)
        else {
            return Ok(());
        };
        rehearsal.ended = true;
        rehearsal.follower.abort();
        let (ended, range, seconds) = match state_on_disk(&self.runner_dir, id) {
            CommandState::Finished { ended, started, finished, log_start, log_end } => {
                #[allow(clippy::cast_precision_loss, reason = "durations of commands are far below 2^52 seconds")]
                let seconds = (finished - started).max(0) as f64;
                (Some(ended), (log_start, log_end), seconds)
            }
            CommandState::Lost { log_start, .. } => (None, (log_start, log_start), 0.0),
            CommandState::Running { .. } | CommandState::Unknown => (None, (0, 0), 0.0),
        };
        self.journal.end_command(id, ended, range, now()).await.map_err(|error| error.tell())?;
        let site = std::sync::Arc::clone(&self.site);
        let work = self.work.clone();
        tokio::task::spawn_blocking(move || {
            let problem = problem(&site, ended);
            // What was told before is still there when the rehearsal could not begin.
            let former = if problem.is_none() { rehearse::former(&site) } else { Ok(None) };
            let _ = work.send(Worked::Rehearsed(RehearsalEnd { seconds, problem }, Box::new(former)));
        });
        Ok(())
    }

    /// Says why nothing can start while a rehearsal runs; headless there is nobody to wait for its end.
    pub(super) fn refuse_beside_rehearsal(&mut self) -> bool {
        if self.rehearsal.is_none() {
            return false;
        }
        let text = "A rehearsal is running; wait for its end or cancel it.";
        self.notice(NoticeLevel::Warning, text);
        if self.attendance == Attendance::Headless {
            self.rest(Outcome::Interrupted, text);
        }
        true
    }
}

/// Says why a rehearsal has no result; none when it has one.
fn problem(site: &Site, ended: Option<Ended>) -> Option<String> {
    let told = || rehearse::problem(site);
    match ended {
        Some(Ended::Exited { code: 0 | 1 }) => None,
        Some(Ended::Exited { code }) => {
            Some(told().unwrap_or_else(|| format!("The rehearsal ended with exit status {code}.")))
        }
        Some(Ended::Signalled { signal: 2 | 9 | 15 }) => Some("The rehearsal was stopped before its end.".to_owned()),
        Some(Ended::Signalled { signal }) => Some(format!("The rehearsal was ended by signal {signal}.")),
        Some(Ended::NotStarted { errno }) => Some(format!("The rehearsal could not be started (error {errno}).")),
        None => Some("The rehearsal was lost: the machine or the runner stopped.".to_owned()),
    }
}

/// Reads the log of a rehearsal while it grows, and tells how far it is.
async fn follow(log: PathBuf, from: u64, events: mpsc::UnboundedSender<Event>) {
    let mut tail = Tail::new(&log, from);
    let mut progress = Progress::default();
    let mut told = None;
    let mut ticks = tokio::time::interval(LOOK);
    loop {
        ticks.tick().await;
        tail.read(u64::MAX, GLANCE, &mut |line| progress.take(line));
        let now = progress.now();
        if told != now {
            told.clone_from(&now);
            if let Some((done, total, text)) = now
                && events.send(Event::Rehearsing { done, total, text }).is_err()
            {
                return;
            }
        }
    }
}

/// How far a rehearsal is, as its lines tell.
struct Progress {
    reader: Reader,
    total: Option<u64>,
    last: String,
}

impl Default for Progress {
    fn default() -> Self {
        Self { reader: Reader::new(CommandKind::Restore), total: None, last: String::new() }
    }
}

impl Progress {
    fn take(&mut self, line: &str) {
        if let Some(rows) = line.strip_prefix(ROWS).or_else(|| line.strip_prefix(AGAIN)) {
            self.total = rows.trim_end_matches('.').parse().ok();
            // What was printed before speaks of the dump and of the packages.
            self.reader = Reader::new(CommandKind::Restore);
        } else {
            self.reader.feed_line(line);
        }
        if !line.trim().is_empty() {
            self.last = line.trim().chars().take(SHOWN).collect();
        }
    }

    fn now(&self) -> Option<(u64, Option<u64>, String)> {
        match (self.total, self.reader.progress()) {
            (Some(total), Some((done, _, text))) => Some((done.min(total), Some(total), text)),
            (total, _) => (!self.last.is_empty()).then(|| (0, total, self.last.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_told_in_rows_of_the_snapshot_once_they_are_known() {
        let lines = [
            "$ python manage.py dump2py /x",
            "Copying /env",
            "Rows of the snapshot: 406.",
            "Loading 80 objects to table shop_partner...",
            "Loading 200 objects (part 1 of 2) to table shop_sale...",
            "Loading 200 objects (part 2 of 2) to table shop_sale...",
        ];
        let mut progress = Progress::default();
        let told: Vec<_> = lines
            .map(|line| {
                progress.take(line);
                progress.now()
            })
            .into_iter()
            .flatten()
            .collect();
        let text = |text: &str| text.to_owned();
        assert_eq!(
            told,
            [
                (0, None, text("$ python manage.py dump2py /x")),
                (0, None, text("Copying /env")),
                (0, Some(406), text("Rows of the snapshot: 406.")),
                (0, Some(406), text("Loading 80 rows into shop_partner")),
                (80, Some(406), text("Loading 200 rows into shop_sale")),
                (180, Some(406), text("Loading 200 rows into shop_sale")),
            ]
        );
        // A retry that loads all rows after all.
        let mut progress = Progress::default();
        let told = ["Rows to be loaded again: 42.", "Rows of the snapshot: 406.", "Loading 80 objects to table a..."]
            .map(|line| {
                progress.take(line);
                progress.now().map(|(done, total, _)| (done, total))
            });
        assert_eq!(told, [Some((0, Some(42))), Some((0, Some(406))), Some((0, Some(406)))]);
    }
}
