//! Undoing a run: what there is to be undone, its plan, its begin and its end. An undo is a run of its own, executed by
//! the same dispatcher; what its steps do is in `steps/undo`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::clock::now;
use super::context::{Attendance, lock};
use super::dispatcher::Dispatcher;
use super::record::Records;
use super::recovery::Recovery;
use super::steps::{ENTERED, PACKAGES_BEFORE};
use super::{Event, NoticeLevel, Outcome, UndoPlan, checked};
use crate::error::{Report, Tell};
use crate::journal::{Journal, RunRow};
use crate::procedure::{Kept, Knowledge, StepId, Undoing};
use crate::site::services::{ServiceState, ask};
use crate::site::{Role, Site, Surroundings, detect};

/// A run that can be undone, or whose undo is under way.
struct Candidate {
    run: RunRow,
    /// What the undo knows, or will know when it begins.
    knowledge: Knowledge,
    /// The run that undoes it already.
    under_way: Option<i64>,
    /// A newer run in which nothing was begun.
    unused: Option<i64>,
}

/// Returns the directory of what is kept when a run is undone.
pub(super) fn kept_in(site: &Site, undone: i64) -> PathBuf {
    site.state_dir.join("undone").join(format!("run-{undone:04}"))
}

/// Tells whether a run was begun here that is not finished. Nothing is created to find out.
pub(super) async fn is_begun(site: &Site) -> bool {
    let path = site.state_dir.join("journal.sqlite");
    if !path.exists() {
        return false;
    }
    let Ok(journal) = Journal::open(&path).await else { return false };
    match journal.unfinished_run().await {
        Ok(Some(run)) => {
            run.undoes.is_some() || journal.attempts(run.id).await.is_ok_and(|attempts| !attempts.is_empty())
        }
        _ => false,
    }
}

/// Returns what an undo of this run knows.
pub(super) async fn knowledge(journal: &Journal, undone: i64) -> Result<Knowledge, Report> {
    let tell = |error: crate::journal::JournalError| error.tell();
    let attempts = journal.attempts(undone).await.map_err(tell)?;
    let mut knowledge: Knowledge = journal.fact(undone, "knowledge").await.map_err(tell)?.unwrap_or_default();
    let attempts = attempts.into_iter().map(|row| (row.step, row.state, row.started, row.seconds));
    knowledge.undoing = Some(Undoing::of(undone, attempts));
    Ok(knowledge)
}

/// Finds the run that can be undone: the newest in which something was begun. Else says why there is none.
async fn candidate(journal: &Journal) -> Result<Result<Candidate, String>, Report> {
    let tell = |error: crate::journal::JournalError| error.tell();
    let runs = journal.runs().await.map_err(tell)?;
    let mut unused = None;
    for run in &runs {
        if let Some(undone) = run.undoes {
            if run.ended.is_some() {
                return Ok(Err(format!("The last upgrade was undone already, by run {}.", run.id)));
            }
            let Some(of) = runs.iter().find(|other| other.id == undone) else { continue };
            let known: Option<Knowledge> = journal.fact(run.id, "knowledge").await.map_err(tell)?;
            let knowledge = match known {
                Some(known) => known,
                None => knowledge(journal, undone).await?,
            };
            return Ok(Ok(Candidate { run: of.clone(), knowledge, under_way: Some(run.id), unused: None }));
        }
        if journal.attempts(run.id).await.map_err(tell)?.is_empty() {
            unused = unused.or_else(|| run.ended.is_none().then_some(run.id));
            continue;
        }
        let knowledge = knowledge(journal, run.id).await?;
        let undoing = knowledge.undoing.clone().unwrap_or_default();
        if !knowledge.is_undoable(&undoing) {
            return Ok(Err("Nothing was changed: there is nothing to undo.".into()));
        }
        return Ok(Ok(Candidate { run: run.clone(), knowledge, under_way: None, unused }));
    }
    Ok(Err("No upgrade was begun here: there is nothing to undo.".into()))
}

/// Looks what is on disk to undo a run with.
async fn kept(journal: &Journal, site: &Site, undone: i64, knowledge: &Knowledge) -> Result<Kept, Report> {
    let protection = &knowledge.protection;
    let is_there = |path: &Option<String>| path.as_ref().is_some_and(|path| Path::new(path).exists());
    let packages: Option<BTreeMap<String, String>> =
        journal.fact(undone, PACKAGES_BEFORE).await.map_err(|error| error.tell())?;
    let in_environment = match (&protection.static_root, &protection.environment) {
        (Some(root), Some(environment)) => Path::new(root).starts_with(environment),
        _ => false,
    };
    let environment = is_there(&protection.environment_copy);
    Ok(Kept {
        database: is_there(&protection.database_copy),
        environment,
        packages: packages.is_some(),
        snapshot: is_verified(site, knowledge),
        static_files: match &protection.static_root {
            None => None,
            Some(_) if in_environment => Some(environment),
            Some(_) => Some(is_there(&protection.static_copy)),
        },
    })
}

/// Tells whether the snapshot is still the one that was verified.
pub(super) fn is_verified(site: &Site, knowledge: &Knowledge) -> bool {
    use std::os::unix::fs::MetadataExt;
    let script = site.dir.join(&site.config.snapshot.directory).join("restore.py");
    let stamp = std::fs::metadata(script).ok().map(|data| (data.len(), data.mtime()));
    stamp.is_some() && stamp == knowledge.snapshot_stamp
}

/// Plans the undo, as it would be done now.
pub(super) async fn plan(journal: &Journal, site: &Site) -> Result<UndoPlan, Report> {
    let found = match candidate(journal).await? {
        Ok(found) => found,
        Err(impossible) => return Ok(UndoPlan { impossible: Some(impossible), ..UndoPlan::default() }),
    };
    let Candidate { run, mut knowledge, under_way, .. } = found;
    if let Some(undoing) = runs_by_hand(site, &knowledge).await {
        knowledge.undoing = Some(undoing);
    }
    let (run, knowledge, undoing) = (&run, &knowledge, &knowledge.undoing.clone().unwrap_or_default());
    let kept = kept(journal, site, run.id, knowledge).await?;
    let records = records(journal, under_way).await?;
    let steps = records.plan(knowledge);
    let left: Vec<u32> =
        steps.iter().filter(|step| !step.state.is_settled()).filter_map(|step| step.forecast).collect();
    let since = undoing.open_since.map(in_words).unwrap_or_default();
    let kept_rows = under_way.filter(|_| records.state(StepId::UndoKeep).is_settled());
    let rows_lost = rows_lost(journal, site, knowledge, kept_rows).await?;
    let mut losses = knowledge.undo_losses(undoing, &since, rows_lost, &kept_in(site, run.id).display().to_string());
    if run.ended.is_some() {
        losses.insert(0, format!("The new version was confirmed, and users have worked with it since {since}."));
    }
    let mut missing = knowledge.undo_missing(undoing, kept);
    if site.env_dir.symlink_metadata().is_ok_and(|data| data.is_symlink()) && kept.environment {
        missing.push(format!(
            "{} is a link: if other sites use the same environment, they go back to its old packages as well.",
            site.env_dir.display()
        ));
    }
    let gone = run.ended.is_some() && !kept.database && !kept.environment;
    Ok(UndoPlan {
        run: run.id,
        from_version: run.new_version.clone().unwrap_or_else(|| run.old_version.clone()),
        to_version: run.old_version.clone(),
        seconds: (!left.is_empty()).then(|| left.iter().sum()),
        steps,
        losses,
        rows_lost,
        missing,
        impossible: gone.then(|| "The copies of the last upgrade were deleted: it cannot be undone any more.".into()),
    })
}

/// Returns what the undo knows when somebody has started the services by hand, so that something may have been entered of
/// which the run knows nothing; none when it is not so.
async fn runs_by_hand(site: &Site, knowledge: &Knowledge) -> Option<Undoing> {
    let undoing = knowledge.undoing.clone().filter(|undoing| undoing.open_since.is_none())?;
    if knowledge.down_since.is_none() || !knowledge.undoes_database(&undoing) {
        return None;
    }
    for service in detect(site, &Surroundings::of_this_process()).services {
        if service.role == Role::Writer && ask(&service, &site.dir).await == ServiceState::Running {
            return Some(Undoing { open_since: Some(now()), by_hand: true, ..undoing });
        }
    }
    None
}

/// Counts the rows that the old database does not have; none when nobody knows. `kept` is the undo that has kept them.
async fn rows_lost(
    journal: &Journal,
    site: &Site,
    knowledge: &Knowledge,
    kept: Option<i64>,
) -> Result<Option<u64>, Report> {
    let undoing = knowledge.undoing.clone().unwrap_or_default();
    if !knowledge.undo_keeps(&undoing) {
        return Ok((!undoing.by_hand).then_some(0));
    }
    if let Some(run) = kept {
        let known: Option<Option<u64>> = journal.fact(run, ENTERED).await.map_err(|error| error.tell())?;
        return Ok(known.flatten());
    }
    Ok(if undoing.replacing || undoing.replaced { None } else { checked::count(site, undoing.run).await })
}

/// Returns what is remembered of the undo that is under way, or of one that would begin now.
async fn records(journal: &Journal, under_way: Option<i64>) -> Result<Records, Report> {
    let tell = |error: crate::journal::JournalError| error.tell();
    let attempts = match under_way {
        Some(run) => journal.attempts(run).await.map_err(tell)?,
        None => Vec::new(),
    };
    let mut records = Records::from_attempts(&StepId::UNDO, &attempts);
    for step in StepId::UNDO {
        let before = under_way.unwrap_or(i64::MAX);
        if let Some((seconds, at)) = journal.last_duration(step, before).await.map_err(tell)? {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a day")]
            let seconds = seconds.clamp(0.0, 86_400.0).round() as u32;
            records.of_mut(step).forecast = Some((seconds, format!("from the undo of {}", in_words(at))));
        }
    }
    Ok(records)
}

/// Returns a moment as people write it: the time, with its date when it was not today.
fn in_words(at: i64) -> String {
    let zoned = |at: jiff::Timestamp| at.to_zoned(jiff::tz::TimeZone::system());
    let Ok(at) = jiff::Timestamp::from_second(at).map(zoned) else { return String::new() };
    let today = zoned(jiff::Timestamp::now()).date() == at.date();
    at.strftime(if today { "%H:%M" } else { "%Y-%m-%d %H:%M" }).to_string()
}

impl Dispatcher {
    /// Returns the run that this one undoes.
    pub(super) fn undoes(&self) -> Option<i64> {
        lock(&self.knowledge).undoing.as_ref().map(|undoing| undoing.run)
    }

    /// Tells what an undo would do.
    pub(super) async fn plan_undo(&self) -> Result<(), Report> {
        let plan = plan(&self.journal, &self.site).await?;
        self.tell(Event::UndoPlanned { plan: Box::new(plan) });
        Ok(())
    }

    /// Begins the undo of a run, or goes on with it.
    pub(super) async fn undo(&mut self, run: i64) -> Result<(), Report> {
        let busy = if self.running.is_some() {
            Some("A step is running; cancel it first, then undo.")
        } else if self.rehearsal.is_some() {
            Some("A rehearsal is running; cancel it first, then undo.")
        } else if self.shell.is_some() {
            Some("A shell is open; leave it with `exit`, then undo.")
        } else {
            None
        };
        if let Some(busy) = busy {
            self.notice(NoticeLevel::Warning, busy);
            return Ok(());
        }
        let found = match candidate(&self.journal).await? {
            Ok(found) if found.run.id == run => found,
            Ok(_) => {
                self.notice(NoticeLevel::Warning, "Something was begun since the undo was planned; look at it again.");
                return Ok(());
            }
            Err(impossible) => {
                self.notice(NoticeLevel::Warning, impossible);
                return Ok(());
            }
        };
        if let Some(own) = found.under_way {
            if own != self.run {
                self.notice(NoticeLevel::Warning, "Another wizard has begun an undo; open the site again.");
                return Ok(());
            }
        } else {
            let mode = if self.attendance == Attendance::Wizard { "wizard" } else { "headless" };
            let by = (mode, self.me.as_str());
            let begun = self.journal.begin_undo(&found.run, found.unused, by, &found.knowledge, now()).await;
            self.run = begun.map_err(|error| error.tell())?;
            self.records = records(&self.journal, Some(self.run)).await?;
            *lock(&self.knowledge) = found.knowledge;
            self.over = false;
            // How to go on with the upgrade is no question any more.
            self.recovery = Recovery::default();
            self.tell(Event::RunOpened {
                run: self.run,
                resumed: false,
                started: now(),
                state_dir: self.site.state_dir.clone(),
                undoes: Some(run),
            });
            self.plan();
        }
        self.going = true;
        self.advance().await
    }

    /// Ends an undo, and the run that it has undone.
    pub(super) async fn finish_undo(&self, undone: i64) -> Result<(), Report> {
        let version = lock(&self.knowledge).old_version.clone();
        let summary = match version {
            Some(version) => format!("The old version is back: {version}."),
            None => "The old version is back.".to_owned(),
        };
        self.journal.end_undo(self.run, undone, &summary, now()).await.map_err(|error| error.tell())?;
        self.tell(Event::RunEnded { outcome: Outcome::Done, summary });
        Ok(())
    }
}
