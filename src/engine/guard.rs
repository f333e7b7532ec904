//! Watches while a step runs that nobody else can write to the database or touches the snapshot.
//!
//! ```text
//! step ──────────────────────────────────────► end ─► last look ─► the step fails, or tells who it was
//!   └─ every 1.5 s: processes, sessions, services, snapshot/ ─► seen twice: told at once
//! ```
//!
//! Our own are told from others by the mark in the environment of a command that runs now (`runner::mark`), by who
//! started them, and their sessions by the name or the port that they come from. What a command leaves behind when it has
//! ended is somebody else: a service that a script started again, for example.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::context::Context;
use super::{NoticeLevel, StepEnd, checked};
use crate::error::Report;
use crate::procedure::{Finding, StepId, StepState};
use crate::runner;
use crate::site::services::{Service, ServiceState, ask};
use crate::site::writers::{self, Own, Writer};
use crate::site::{Connection, Db, Engine, Role, Site, Surroundings, detect, facts};

/// The least time between two looks. It grows with what a look costs: a hundred times as long, up to the most.
const PAUSE: Duration = Duration::from_millis(1500);
/// The most.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// What is seen is looked at again after this time: a session of our own may end between two questions.
const AGAIN: Duration = Duration::from_millis(400);
/// How often the services are asked, which starts programs.
const SERVICES: Duration = Duration::from_secs(30);
/// How long after the end what our own commands have left behind may take to vanish.
const PATIENCE: Duration = Duration::from_secs(3);
/// How many are told.
const MOST: usize = 20;

/// Executes a step and watches meanwhile.
pub(super) async fn during(
    context: &Context,
    mut work: Pin<Box<impl Future<Output = Result<StepEnd, Report>>>>,
) -> Result<StepEnd, Report> {
    let mut guard = Guard::new(context);
    let end = tokio::select! {
        end = &mut work => end?,
        never = Box::pin(guard.watch()) => match never {},
    };
    Box::pin(guard.conclude(end)).await
}

/// Tells whether somebody watches while this step runs.
const fn is_guarded(step: StepId) -> bool {
    matches!(
        step,
        StepId::Snapshot
            | StepId::VerifySnapshot
            | StepId::Protect
            | StepId::Restore
            | StepId::CheckData
            | StepId::UndoKeep
            | StepId::UndoDatabase
            | StepId::UndoAccount
    )
}

/// Tells whether a step goes on and is as good as it would be when somebody has disturbed it: what came of it is looked at
/// later.
const fn may_be_disturbed(step: StepId) -> bool {
    matches!(step, StepId::Restore | StepId::CheckData | StepId::UndoDatabase)
}

/// Returns the name under which the commands of this step open sessions on PostgreSQL.
pub(super) fn session_name(step: StepId, command: i64) -> Option<String> {
    is_guarded(step).then(|| format!("lino-upgrade-{command}"))
}

/// What makes a sighting the same as an earlier one.
type Key = (&'static str, String);

/// How `snapshot/` looks: the directory, and each of its files.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    directory: Option<(u64, u64)>,
    files: BTreeMap<String, (u64, u64, i64)>,
}

struct Guard<'a> {
    context: &'a Context,
    around: Arc<Surroundings>,
    connection: Option<Connection>,
    services: Vec<Service>,
    services_asked: Instant,
    place: Option<Place>,
    seen: BTreeMap<Key, String>,
    looks: u32,
    /// What the last look into processes and sessions took.
    cost: Duration,
}

impl<'a> Guard<'a> {
    fn new(context: &'a Context) -> Self {
        let around = Surroundings::of_this_process();
        // What was never stopped is no surprise.
        let stopped = context.known().down_since.is_some();
        let services = if stopped { detect(&context.site, &around).services } else { Vec::new() };
        Self {
            context,
            around: Arc::new(around),
            connection: None,
            services: services.into_iter().filter(|service| service.role == Role::Writer).collect(),
            services_asked: Instant::now(),
            // make_snapshot.sh empties the directory itself, and a check of the data does not need it.
            place: (!matches!(context.step, StepId::Snapshot | StepId::CheckData))
                .then(|| place(&directory(&context.site))),
            seen: BTreeMap::new(),
            looks: 0,
            cost: Duration::ZERO,
        }
    }

    async fn watch(&mut self) -> Infallible {
        self.connection = facts::connection(&self.context.site).await.ok();
        loop {
            let found = self.confirmed().await;
            self.tell(found);
            tokio::time::sleep((self.cost * 100).clamp(PAUSE, LONGEST_PAUSE)).await;
        }
    }

    /// Looks, and once more when there is something new; returns what was there both times.
    async fn confirmed(&mut self) -> BTreeMap<Key, String> {
        let mut found = self.look().await;
        if found.keys().any(|key| !self.seen.contains_key(key)) {
            tokio::time::sleep(AGAIN).await;
            let again = self.look().await;
            found.retain(|key, _| again.contains_key(key));
        }
        self.looks += 1;
        found
    }

    fn tell(&mut self, found: BTreeMap<Key, String>) {
        for (key, text) in found {
            if self.seen.contains_key(&key) {
                continue;
            }
            // Not into the log: the runner writes there while a command runs, and counts its bytes.
            self.context.notice(NoticeLevel::Warning, format!("{text} while {}.", doing(self.context.step)));
            self.seen.insert(key, text);
        }
    }

    async fn look(&mut self) -> BTreeMap<Key, String> {
        let Some(own) = self.own().await else { return BTreeMap::new() };
        let mut found = BTreeMap::new();
        let file = self.connection.as_ref().and_then(Connection::file);
        let (site, around, ours) = (Arc::clone(&self.context.site), Arc::clone(&self.around), own.clone());
        let begin = Instant::now();
        let processes = tokio::task::spawn_blocking(move || processes(&site, &around, &ours, file.as_deref()));
        found.extend(processes.await.unwrap_or_default());
        found.extend(self.sessions(&own).await);
        self.cost = begin.elapsed();
        if self.looks > 0 && self.services_asked.elapsed() > SERVICES {
            found.extend(self.running_services().await);
        } else {
            found.extend(self.seen.iter().filter(|(key, _)| key.0 == "service").map(|(k, v)| (k.clone(), v.clone())));
        }
        found.extend(self.touched());
        found
    }

    /// Returns what is ours at this moment: the commands of this attempt that have not ended. None while the restore, or
    /// the return of the old database, has not begun: they look by themselves who has it open, and do not begin then.
    async fn own(&self) -> Option<Own> {
        let rows = self.context.journal.commands(self.context.attempt).await.unwrap_or_default();
        let replaces = || self.context.known().undoing.is_some_and(|undoing| undoing.replacing || undoing.replaced);
        match self.context.step {
            StepId::Restore if rows.is_empty() => return None,
            StepId::UndoDatabase if rows.is_empty() && !replaces() => return None,
            _ => {}
        }
        let running: Vec<i64> = rows.into_iter().filter(|row| row.range.is_none()).map(|row| row.id).collect();
        Some(Own {
            marks: running.iter().map(|id| runner::mark(&self.context.runner_dir, *id)).collect(),
            names: running.iter().filter_map(|id| session_name(self.context.step, *id)).collect(),
        })
    }

    async fn sessions(&self, own: &Own) -> Vec<(Key, String)> {
        let Some(connection) = self.connection.as_ref().filter(|known| known.engine != Engine::Sqlite) else {
            return Vec::new();
        };
        // A restore may drop and create the database: whoever stays connected to the old one sees nothing.
        let Ok(mut db) = Db::connect_read_only(connection).await else { return Vec::new() };
        let sessions = db.connected().await.unwrap_or_default();
        db.close().await;
        if sessions.is_empty() {
            return Vec::new();
        }
        let (ours, around) = (own.clone(), Arc::clone(&self.around));
        let sockets = tokio::task::spawn_blocking(move || ours.sockets(&around)).await.unwrap_or_default();
        let strangers = writers::foreign(sessions, own, &sockets);
        strangers.iter().map(|one| (("session", one.id.to_string()), described(&one.writer()))).collect()
    }

    async fn running_services(&mut self) -> Vec<(Key, String)> {
        self.services_asked = Instant::now();
        let mut found = Vec::new();
        for service in &self.services {
            if ask(service, &self.context.site.dir).await == ServiceState::Running {
                let text = format!("The service {} ran again", service.name);
                found.push((("service", service.name.clone()), text));
            }
        }
        found
    }

    /// Tells what became of `snapshot/`.
    fn touched(&self) -> Option<(Key, String)> {
        let before = self.place.as_ref()?;
        let text = change(before, &place(&directory(&self.context.site)))?;
        let name = self.context.site.config.snapshot.directory.display();
        Some((("snapshot", String::new()), format!("{name} {text}")))
    }

    /// Looks a last time, and adds to the end of the step who was seen.
    async fn conclude(&mut self, end: StepEnd) -> Result<StepEnd, Report> {
        if end.state.is_settled() {
            self.last_look().await;
        }
        if self.seen.is_empty() {
            return Ok(end);
        }
        checked::disturbed(self.context);
        let step = self.context.step;
        for text in self.seen.values() {
            self.context.note(&format!("! {text} while {}.", doing(step)))?;
        }
        let findings: Vec<Finding> = self.seen.iter().take(MOST).map(|(key, text)| finding(step, key, text)).collect();
        let because = format!("somebody could write while {}", doing(step));
        let touched = self.seen.keys().all(|key| key.0 == "snapshot");
        let because = if touched { format!("the snapshot was touched while {}", doing(step)) } else { because };
        let state = match end.state {
            // What was restored is judged by the account of every row.
            StepState::Done { .. } if !may_be_disturbed(step) => StepState::Failed { because },
            state => state,
        };
        Ok(StepEnd { state, findings: findings.into_iter().chain(end.findings).collect() })
    }

    async fn last_look(&mut self) {
        let begin = Instant::now();
        let services = self.running_services().await;
        self.tell(services.into_iter().collect());
        loop {
            let found = self.confirmed().await;
            let new = found.keys().any(|key| !self.seen.contains_key(key));
            if !new || begin.elapsed() > PATIENCE {
                self.tell(found);
                return;
            }
        }
    }
}

fn processes(site: &Site, around: &Surroundings, own: &Own, file: Option<&Path>) -> Vec<(Key, String)> {
    let mut found = Vec::new();
    if let Some(file) = file {
        found.extend(writers::open_handles(file, around, own).writers);
    }
    found.extend(writers::site_processes(site, around, own).writers);
    // What a process does to the site's code says more than that it has the file open, and comes last.
    found.iter().map(|one| (("process", one.id.to_string()), described(one))).collect()
}

/// Returns who it was and what it did, without the end of the sentence.
fn described(writer: &Writer) -> String {
    let past = [("has ", "had "), ("runs ", "ran "), ("works ", "worked ")];
    let what = past.iter().find_map(|(now, then)| Some(format!("{then}{}", writer.what.strip_prefix(now)?)));
    format!("{} ({}) {}", writer.who, writer.id, what.unwrap_or_else(|| writer.what.clone()))
}

/// Completes "while …".
const fn doing(step: StepId) -> &'static str {
    match step {
        StepId::Snapshot => "the snapshot was made",
        StepId::VerifySnapshot => "the snapshot was verified",
        StepId::Protect => "the way back was recorded",
        StepId::Restore => "the snapshot was restored",
        StepId::CheckData => "the data was checked",
        StepId::UndoKeep => "what was entered was written down",
        StepId::UndoDatabase => "the old database was brought back",
        StepId::UndoAccount => "the rows were accounted for",
        _ => "this step ran",
    }
}

fn finding(step: StepId, key: &Key, text: &str) -> Finding {
    let (subject, sentence) =
        (if key.0 == "snapshot" { "snapshot" } else { "database" }, format!("{text} while {}.", doing(step)));
    match (step, key.0) {
        (StepId::CheckData, _) => Finding::warn(
            subject,
            sentence,
            "End it. What it has entered is in the database; an undo cannot tell it from what Lino has repaired, and lists \
             both.",
        ),
        (StepId::UndoDatabase, "snapshot") => Finding::warn(
            subject,
            sentence,
            "Look for a cron job or another operator who makes snapshots. The account of every row tells what is missing.",
        ),
        (StepId::UndoDatabase, _) => Finding::warn(
            subject,
            sentence,
            "End it. The account of every row tells what it changed; if it did, bring the database back again.",
        ),
        (StepId::UndoKeep, "snapshot") => Finding::fail(
            subject,
            sentence,
            "Look for a cron job or another operator who makes snapshots, keep them from it, then retry this step.",
        ),
        (StepId::UndoKeep, _) => {
            Finding::fail(subject, sentence, "End it, then retry this step: what was entered meanwhile is kept, too.")
        }
        (StepId::UndoAccount, "snapshot") => Finding::fail(
            subject,
            sentence,
            "Look for a cron job or another operator who makes snapshots. Without the snapshot as it was verified, nobody \
             can prove that every row is back.",
        ),
        (StepId::UndoAccount, _) => Finding::fail(
            subject,
            sentence,
            "End it, then retry this step. What it has entered with the old version is told by it.",
        ),
        (StepId::Restore, "snapshot") => Finding::warn(
            subject,
            sentence,
            "Look for a cron job or another operator who makes snapshots. What is missing is told by the account of \
             every row.",
        ),
        (StepId::Restore, _) => Finding::warn(
            subject,
            sentence,
            "End it. The account of every row tells what it changed; if it did, restore again.",
        ),
        (_, "snapshot") => Finding::fail(
            subject,
            sentence,
            "Look for a cron job or another operator who makes snapshots, keep them from it, then make the snapshot again.",
        ),
        (StepId::Snapshot, _) => Finding::fail(
            subject,
            sentence,
            "End it, then make the snapshot again: nobody knows whether it holds what was written meanwhile.",
        ),
        _ => Finding::fail(
            subject,
            sentence,
            "End it, then make the snapshot again if it has changed anything, and retry this step.",
        ),
    }
}

fn directory(site: &Site) -> PathBuf {
    site.dir.join(&site.config.snapshot.directory)
}

/// Looks at a snapshot's directory. The copy with decisions is our own.
fn place(dir: &Path) -> Place {
    let entries = std::fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
    let files = entries.filter_map(|entry| {
        let name = entry.file_name().to_str()?.to_owned();
        let data = entry.metadata().ok()?;
        let ours = name.starts_with("restore_decided") || name.starts_with('.');
        (entry.path().extension().is_some_and(|end| end == "py") && !ours)
            .then_some((name, (data.ino(), data.len(), data.mtime())))
    });
    Place { directory: dir.metadata().ok().map(|data| (data.dev(), data.ino())), files: files.collect() }
}

/// Says what became of the directory; none when all is as it was.
fn change(before: &Place, now: &Place) -> Option<String> {
    if before == now || before.directory.is_none() {
        return None;
    }
    if now.directory.is_none() {
        return Some("vanished".to_owned());
    }
    if before.directory != now.directory {
        return Some("was replaced by another directory".to_owned());
    }
    let gone = before.files.keys().filter(|name| !now.files.contains_key(*name)).count();
    let changed =
        before.files.iter().filter(|(name, file)| now.files.get(*name).is_some_and(|now| now != *file)).count();
    let files = |count: usize| if count == 1 { "1 file".to_owned() } else { format!("{count} files") };
    match (gone, changed) {
        (0, 0) => None,
        (gone, 0) => Some(format!("lost {}", files(gone))),
        (0, changed) => Some(format!("got other contents in {}", files(changed))),
        (gone, changed) => Some(format!("lost {} and got other contents in {}", files(gone), files(changed))),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_the_snapshot_is_said() {
        let dir = assert_fs::TempDir::new().unwrap();
        let snapshot = dir.path().join("snapshot");
        let fill = || {
            std::fs::create_dir(&snapshot).unwrap();
            for name in ["restore.py", "a.py", "b.py"] {
                std::fs::write(snapshot.join(name), name).unwrap();
            }
        };
        fill();
        let before = place(&snapshot);
        let told = || change(&before, &place(&snapshot));
        std::fs::write(snapshot.join("restore_decided.py"), "ours").unwrap();
        assert_eq!(told(), None);
        std::fs::write(snapshot.join("a.py"), "longer than before").unwrap();
        assert_eq!(told(), Some("got other contents in 1 file".into()));
        std::fs::remove_file(snapshot.join("b.py")).unwrap();
        assert_eq!(told(), Some("lost 1 file and got other contents in 1 file".into()));
        std::fs::rename(&snapshot, dir.path().join("old")).unwrap();
        assert_eq!(told(), Some("vanished".into()));
        fill();
        assert_eq!(told(), Some("was replaced by another directory".into()));
    }

    #[test]
    fn who_was_seen_is_told_in_the_past() {
        let writer = |what: &str| Writer { id: 7, who: "x".into(), what: what.into() };
        let told = ["runs the site's code as root", "has a session, idle", "works on the snapshot as bob"]
            .map(|what| described(&writer(what)));
        assert_eq!(
            told,
            ["x (7) ran the site's code as root", "x (7) had a session, idle", "x (7) worked on the snapshot as bob"]
        );
    }
}
