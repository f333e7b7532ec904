//! What the dispatcher knows of refused rows and of the decisions for them. Each change is written to the decisions file
//! at once; the copy of the dump script follows in the background.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::clock::now;
use super::context::lock;
use super::decided::{self, Copied};
use super::dispatcher::Dispatcher;
use super::recovery::Found;
use super::rehearse::{self, Former};
use super::rehearsing::RehearsalEnd;
use super::{Deciding, Event, NoticeLevel, decisions, restored};
use crate::error::{Kind, Report, Tell};
use crate::messages::line::plain;
use crate::procedure::LastRehearsal;
use crate::triage::{Decision, Decisions, DecisionsFile, Ended, Origin, Triage};

/// Work that was done in the background.
pub(super) enum Worked {
    /// The result of an earlier rehearsal was read.
    Read(Box<Result<Option<Former>, Report>>),
    /// A rehearsal has ended, and its result was read.
    Rehearsed(RehearsalEnd, Box<Result<Option<Former>, Report>>),
    /// A copy of the dump script with these decisions was written.
    Copied(Decisions, Box<Result<Copied, Report>>),
    /// A step wants decisions taken; it is told when they are written.
    Decided(Vec<Decision>, oneshot::Sender<()>),
    /// What was done before this run was taken up was looked at.
    Proved(Box<Found>),
}

/// What is known of refused rows and decisions.
#[derive(Default)]
pub(super) struct Triaging {
    /// The decisions, with the answers of their file.
    file: DecisionsFile,
    /// The file as it was read or written last; none when there is none.
    text: Option<String>,
    /// Whether the file has a mistake: then it is not written.
    mistaken: bool,
    /// What was refused last.
    former: Option<Arc<Former>>,
    /// The copy, and what does not fit.
    copied: Option<Copied>,
    /// Whether a copy is being written.
    copying: bool,
}

impl Triaging {
    /// Tells whether other decisions were rehearsed than those of now.
    fn is_outdated(&self, former: &Former) -> bool {
        former.decisions != self.file.decisions
    }
}

impl Dispatcher {
    /// Reads the decisions of the site, and has the result of the last rehearsal read.
    pub(super) async fn open_triage(&mut self) -> Result<(), Report> {
        match decisions::of_site(&self.site) {
            Ok(found) => {
                let (file, text) = found.map_or_else(Default::default, |(file, text)| (file, Some(text)));
                self.triaging = Triaging { file, text, ..Triaging::default() };
            }
            Err(report) => {
                self.triaging = Triaging { mistaken: true, ..Triaging::default() };
                self.tell(Event::Troubled {
                    report: report.next("Until then no decision is taken, and the file stays as it is."),
                });
            }
        }
        self.learn_decided().await?;
        self.take_up_rehearsal().await?;
        if self.rehearsal.is_none() {
            self.read_former();
        }
        Ok(())
    }

    /// Has the result of the last rehearsal read.
    pub(super) fn read_former(&self) {
        let (site, work) = (Arc::clone(&self.site), self.work.clone());
        let after = {
            let knowledge = lock(&self.knowledge);
            knowledge.database_changed.then(|| knowledge.new_version.clone())
        };
        tokio::task::spawn_blocking(move || {
            let refused = after.filter(|_| restored::is_last(&site)).and_then(|version| {
                // What cannot be read was told when the restore ended.
                restored::read(&site, None, version).ok().flatten()
            });
            let former = refused.map_or_else(|| rehearse::former(&site), |(former, _)| Ok(Some(former)));
            let _ = work.send(Worked::Read(Box::new(former)));
        });
    }

    /// Takes over what was done in the background.
    pub(super) async fn worked(&mut self, worked: Worked) -> Result<(), Report> {
        match worked {
            Worked::Read(former) => {
                if let Some(former) = (*former)? {
                    self.take_former(former).await?;
                }
            }
            Worked::Rehearsed(end, former) => {
                self.rehearsal = None;
                let (former, problem) = match *former {
                    Ok(former) => (former, end.problem),
                    Err(report) => (None, Some(report.what)),
                };
                let missing = "The rehearsal told nothing that can be read.";
                let problem = problem.or_else(|| former.is_none().then(|| missing.to_owned()));
                let rehearsed = former.as_ref().map(|former| &former.rehearsed);
                let ended = rehearsed.and_then(|rehearsed| rehearsed.ended.as_ref());
                let anew = rehearsed.and_then(|rehearsed| rehearsed.anew.clone());
                self.tell(Event::RehearsalEnded {
                    seconds: end.seconds,
                    loaded: ended.map_or(0, Ended::all),
                    refused: former.as_ref().map_or(0, |former| former.causes.rows() as u64),
                    clean: former.as_ref().is_some_and(Former::is_clean),
                    problem,
                });
                if let Some(why) = anew {
                    self.notice(
                        NoticeLevel::Info,
                        format!("The retry loaded every row again. {}", plain(why.as_bytes())),
                    );
                }
                if let Some(former) = former {
                    self.take_former(former).await?;
                }
            }
            Worked::Decided(decisions, taken) => {
                // Without an answer the step knows that they were not taken.
                if self.decide(Deciding::Take(decisions)).await? {
                    let _ = taken.send(());
                }
            }
            Worked::Proved(found) => self.proved(*found).await?,
            Worked::Copied(of, copied) => {
                self.triaging.copying = false;
                match *copied {
                    Ok(copied) => self.triaging.copied = Some(copied),
                    Err(report) => {
                        self.triaging.copied = None;
                        self.notice(
                            NoticeLevel::Warning,
                            format!("The copy of the dump script was not written. {}", report.what),
                        );
                    }
                }
                if of == self.triaging.file.decisions {
                    self.tell_triage();
                } else {
                    self.copy_in_background();
                }
            }
        }
        Ok(())
    }

    async fn take_former(&mut self, former: Former) -> Result<(), Report> {
        let copy = former.setting.script.with_file_name(decided::COPY);
        let current = !self.triaging.is_outdated(&former);
        let wanted = decided::is_wanted(&self.site, &self.triaging.file.decisions);
        self.triaging.copied =
            (current && wanted && copy.is_file()).then(|| Copied { path: copy, unfit: former.setting.unfit.clone() });
        self.triaging.former = Some(Arc::new(former));
        self.learn_decided().await?;
        self.tell_triage();
        if self.triaging.copied.is_none() {
            self.copy_in_background();
        }
        self.plan();
        Ok(())
    }

    /// Changes the decisions, writes them, and tells how every row stands now; false when they are refused.
    pub(super) async fn decide(&mut self, what: Deciding) -> Result<bool, Report> {
        if !self.read_by_hand() {
            return Ok(false);
        }
        let before = self.triaging.file.decisions.clone();
        let decisions = &mut self.triaging.file.decisions;
        let refused = match what {
            Deciding::Take(taken) => decisions.add(taken).err().map(|why| why.to_string()),
            Deciding::Undo => (!decisions.undo()).then(|| "There is no decision to take back.".to_owned()),
            Deciding::Redo => (!decisions.redo()).then(|| "There is nothing to do again.".to_owned()),
        };
        if let Some(why) = refused {
            self.notice(NoticeLevel::Warning, why);
            return Ok(false);
        }
        if *decisions == before {
            return Ok(true);
        }
        match decisions::keep(&self.site, &self.triaging.file) {
            Ok(text) => self.triaging.text = Some(text),
            Err(report) => {
                self.triaging.file.decisions = before;
                return Err(report);
            }
        }
        self.learn_decided().await?;
        self.tell_triage();
        self.copy_in_background();
        self.plan();
        Ok(true)
    }

    /// Puts the decisions of a run that is over aside: they speak of its rows, and of no later upgrade.
    pub(super) fn close_triage(&mut self) -> Result<(), Report> {
        self.triaging = Triaging::default();
        decisions::put_aside(&self.site, self.run)?;
        decided::forget(&self.site).and_then(|()| rehearse::forget(&self.site)).map_err(|error| {
            Report::new(Kind::Environment, format!("The last rehearsal cannot be put aside: {error}."))
                .unchanged("The upgrade is complete.")
        })
    }

    /// Takes over what somebody has changed in the decisions file meanwhile; false when it has a mistake.
    fn read_by_hand(&mut self) -> bool {
        match decisions::changed(&self.site, self.triaging.text.as_deref()) {
            Ok(None) => true,
            Ok(Some((file, text))) => {
                self.triaging.file = file;
                self.triaging.text = text;
                self.triaging.mistaken = false;
                self.notice(NoticeLevel::Info, "The decisions file was changed by hand; its decisions are taken over.");
                true
            }
            Err(report) => {
                self.triaging.mistaken = true;
                self.tell(Event::Troubled {
                    report: report.next("Until then no decision is taken, and the file stays as it is."),
                });
                false
            }
        }
    }

    /// Keeps in the journal what the decisions and the last rehearsal mean for the plan.
    pub(super) async fn learn_decided(&self) -> Result<(), Report> {
        let decisions = &self.triaging.file.decisions;
        let decided = decisions.iter().filter(|decision| !decision.choice.is_open()).count() as u64;
        let by_hand = decided::is_edited(&self.site);
        let rehearsal = self.triaging.former.as_ref().and_then(|former| {
            Some(LastRehearsal {
                seconds: former.seconds()?,
                rows: former.setting.rows,
                version: former.rehearsed.begun.as_ref().map(|begun| begun.version.clone()).unwrap_or_default(),
                packages: former.setting.packages.clone(),
                clean: former.is_clean() && !self.triaging.is_outdated(former),
            })
        });
        let refused = self.triaging.former.as_ref().is_some_and(|former| !former.causes.failures.is_empty());
        let knowledge = {
            let mut knowledge = lock(&self.knowledge);
            let before = knowledge.clone();
            knowledge.decided = decided;
            knowledge.decided_by_hand = by_hand;
            if rehearsal.is_some() {
                knowledge.rehearsal = rehearsal;
            } else if refused && let Some(rehearsal) = &mut knowledge.rehearsal {
                // The restore knew better, or other decisions are in force.
                rehearsal.clean = false;
            }
            if *knowledge == before {
                return Ok(());
            }
            knowledge.clone()
        };
        self.journal.record(self.run, "knowledge", &knowledge, now()).await.map_err(|error| error.tell())
    }

    /// Tells the refused rows and how each of them stands.
    pub(super) fn tell_triage(&self) {
        let Some(former) = &self.triaging.former else { return };
        let triage = Arc::new(self.triage_of(former));
        self.tell(Event::Triaged {
            origin: triage.origin,
            causes: triage.causes.causes.len(),
            rows: triage.causes.rows(),
            undecided: triage.open(),
            outdated: triage.outdated,
            triage: Some(triage),
        });
    }

    fn triage_of(&self, former: &Former) -> Triage {
        let setting = &former.setting;
        let origin =
            if lock(&self.knowledge).database_changed && !setting.script.starts_with(rehearse::dumped(&self.site)) {
                Origin::Restore
            } else {
                Origin::Rehearsal
            };
        let new = former.rehearsed.begun.as_ref().map(|begun| begun.version.clone());
        let versions = [setting.source_version.clone().unwrap_or_default(), new.unwrap_or_default()];
        let (decisions, script) = (self.triaging.file.decisions.clone(), setting.script.display().to_string());
        let mut triage = Triage::new(origin, versions, Arc::clone(&former.causes), decisions, script);
        triage.broken.clone_from(&former.rehearsed.broken);
        triage.stopped.clone_from(&former.rehearsed.stopped);
        triage.outdated = self.triaging.is_outdated(former);
        triage.models = Some(rehearse::models::file(&self.site).display().to_string());
        if let Some(copied) = &self.triaging.copied {
            triage.unfit.clone_from(&copied.unfit);
            triage.copy = Some(copied.path.display().to_string());
        }
        triage
    }

    /// Has the copy of the dump script written, when there is one to be and none is being written.
    pub(super) fn copy_in_background(&mut self) {
        let Some(former) = &self.triaging.former else { return };
        // A rehearsal writes its own, and the step reads it while it restores.
        if self.triaging.copying || self.rehearsal.is_some() || self.is_restoring() {
            return;
        }
        let decisions = self.triaging.file.decisions.clone();
        if !decided::is_wanted(&self.site, &decisions) {
            if self.triaging.copied.take().is_some() {
                self.tell_triage();
            }
            return;
        }
        self.triaging.copying = true;
        let (site, work, script): (_, _, PathBuf) =
            (Arc::clone(&self.site), self.work.clone(), former.setting.script.clone());
        tokio::task::spawn_blocking(move || {
            let [before, after] = rehearse::models::read(&site);
            let copied = decided::copy_fitting(&site, &script, &decisions, (before.as_ref(), after.as_ref()));
            let _ = work.send(Worked::Copied(decisions, Box::new(copied)));
        });
    }
}
