//! Undoing a run: which steps bring the old version back, how long they take, what is lost by it, and what cannot be
//! promised. What the steps do to a machine is in `engine`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Knowledge, StepId, StepState};

/// What an undo knows of the run that it undoes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[allow(clippy::struct_excessive_bools, reason = "each tells one thing that was seen or decided")]
pub struct Undoing {
    /// The run that is undone.
    pub run: i64,
    /// Its steps that were begun, and not only skipped.
    pub begun: BTreeMap<StepId, Begun>,
    /// Since when users could work with what the run had done to the site, seconds since 1970; none when they could
    /// not.
    pub open_since: Option<i64>,
    /// Whether somebody started the services by hand, and not the run or its undo.
    pub by_hand: bool,
    /// Whether the operator keeps the database as it is, since both versions want the same structure.
    pub keeps_database: bool,
    /// Whether the undo has begun to replace the database, and not come to an end with it.
    pub replacing: bool,
    /// Whether the undo has brought the old database back once.
    pub replaced: bool,
}

/// A step that was begun.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Begun {
    /// Seconds that its last successful attempt took.
    pub seconds: Option<f64>,
}

/// What is on disk to undo a run with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each tells of one thing whether it is there")]
pub struct Kept {
    /// The native copy of the database.
    pub database: bool,
    /// The copy of the environment.
    pub environment: bool,
    /// The list of packages.
    pub packages: bool,
    /// The verified snapshot, unchanged.
    pub snapshot: bool,
    /// The copy of the static files; none when none was made because there is nothing to copy.
    pub static_files: Option<bool>,
}

impl Undoing {
    /// Folds the attempts of the run in their order: step, state, when it began, and how long it took.
    #[must_use]
    pub fn of(run: i64, attempts: impl IntoIterator<Item = (StepId, Option<StepState>, i64, Option<f64>)>) -> Self {
        let mut undoing = Self { run, ..Self::default() };
        for (step, state, began, seconds) in attempts {
            match (step, &state) {
                // What was entered before is not in the database any more.
                (StepId::Restore, Some(StepState::Done { .. })) => undoing.open_since = None,
                // Also when it was skipped: then somebody starts them by hand.
                (StepId::StartServices, _) => {
                    undoing.open_since.get_or_insert(began);
                }
                _ => {}
            }
            if matches!(state, Some(StepState::Skipped { .. })) {
                continue;
            }
            let begun = undoing.begun.entry(step).or_default();
            if matches!(state, Some(StepState::Done { .. })) {
                begun.seconds = seconds;
            }
        }
        undoing
    }

    fn has(&self, step: StepId) -> bool {
        self.begun.contains_key(&step)
    }

    fn new_code(&self) -> bool {
        self.has(StepId::Pull) || self.has(StepId::Install)
    }

    fn took(&self, steps: &[StepId]) -> Option<u32> {
        let known: Vec<f64> = steps.iter().filter_map(|step| self.begun.get(step)?.seconds).collect();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a day")]
        let seconds = known.iter().sum::<f64>().clamp(0.0, 86_400.0).ceil() as u32;
        (!known.is_empty()).then_some(seconds)
    }

    /// Foretells from the run that is undone how many seconds a step of its undo takes.
    #[must_use]
    pub fn forecast(&self, step: StepId) -> Option<u32> {
        use StepId as Id;
        match step {
            Id::UndoStop => self.took(&[Id::StopServices]),
            Id::UndoKeep | Id::UndoAccount => self.took(&[Id::Snapshot, Id::VerifySnapshot]),
            Id::UndoEnvironment => self.took(&[Id::Protect]),
            Id::UndoDatabase => self.took(&[Id::Protect, Id::VerifySnapshot]),
            Id::UndoStatic => self.took(&[Id::CollectStatic]),
            Id::UndoIndexes => self.took(&[Id::BuildIndexes]),
            Id::UndoStart => self.took(&[Id::StartServices]).or_else(|| self.took(&[Id::StopServices])),
            _ => None,
        }
    }
}

impl Knowledge {
    /// Tells whether the database has to be brought back.
    #[must_use]
    pub fn undoes_database(&self, undoing: &Undoing) -> bool {
        self.database_changed || undoing.has(StepId::CheckData) || undoing.open_since.is_some() && undoing.new_code()
    }

    /// Tells whether something may have been entered that the old database does not have.
    #[must_use]
    pub fn undo_keeps(&self, undoing: &Undoing) -> bool {
        undoing.open_since.is_some() && self.undoes_database(undoing)
    }

    fn undo_replaces(&self, undoing: &Undoing) -> bool {
        undoing.new_code()
            || self.undoes_database(undoing)
            || undoing.has(StepId::CollectStatic)
            || undoing.has(StepId::BuildIndexes)
    }

    /// Tells whether there is anything to be undone.
    #[must_use]
    pub fn is_undoable(&self, undoing: &Undoing) -> bool {
        self.undo_replaces(undoing) || undoing.has(StepId::StopServices)
    }

    /// Tells why a step of an undo is not needed, or none when it has to run.
    pub(super) fn skip_undo(&self, step: StepId) -> Option<String> {
        let undoing = self.undoing.as_ref()?;
        let because = match step {
            StepId::UndoStop if !self.undo_replaces(undoing) => "nothing has to be replaced",
            StepId::UndoKeep if !self.undoes_database(undoing) => "the database stays as it is",
            StepId::UndoKeep if undoing.open_since.is_none() => {
                "nobody could enter anything: the services were not started again"
            }
            StepId::UndoEnvironment if !undoing.new_code() => "the packages were not changed",
            StepId::UndoDatabase | StepId::UndoAccount if !self.undoes_database(undoing) => {
                "the database was not changed"
            }
            StepId::UndoStatic if !undoing.has(StepId::CollectStatic) => "no static file was changed",
            StepId::UndoIndexes if !undoing.has(StepId::BuildIndexes) => "no index was built",
            StepId::UndoStart | StepId::UndoConfirm if !self.is_undoable(undoing) => "no service was stopped",
            _ => return None,
        };
        Some(because.into())
    }

    /// Returns the exact command lines of a step of an undo, or what is done instead of a command.
    pub(super) fn undo_commands(&self, step: StepId) -> Vec<String> {
        let kept = |copy: &Option<String>, otherwise: &str| match copy {
            Some(copy) => format!("(brings {copy} back)"),
            None => otherwise.to_owned(),
        };
        let known = |lines: &[String]| match lines {
            [] => vec!["(no service is known)".to_owned()],
            lines => lines.to_vec(),
        };
        let protection = &self.protection;
        match step {
            StepId::UndoStop => known(&self.lines.stop),
            StepId::UndoKeep => vec![
                "python manage.py dump2py -o (a directory of its own)".into(),
                "(compares it with what was restored, and writes down what differs)".into(),
            ],
            StepId::UndoEnvironment => {
                vec![kept(&protection.environment_copy, "python -m pip install (the versions of before)")]
            }
            StepId::UndoDatabase => match &protection.database_copy {
                Some(_) => vec![kept(&protection.database_copy, "")],
                None => vec![self.lines.restore.clone()],
            },
            StepId::UndoStatic => match &protection.static_copy {
                Some(_) => vec![kept(&protection.static_copy, "")],
                None => vec![format!("{} --clear", self.lines.collectstatic)],
            },
            StepId::UndoIndexes => {
                vec![self.lines.buildindexes.clone().unwrap_or_else(|| "(no index command is known)".into())]
            }
            StepId::UndoAccount => vec!["python manage.py dump2py -o (a directory of its own)".into()],
            StepId::UndoStart => known(&self.lines.start),
            _ => vec!["(asks the site for a page)".into()],
        }
    }

    /// Foretells how many seconds it takes to undo the run as it stands; none when nothing is known, or nothing is to
    /// be undone.
    #[must_use]
    pub fn undo_seconds(&self, undoing: &Undoing) -> Option<u32> {
        let undone = Self { undoing: Some(undoing.clone()), ..self.clone() };
        let needed = StepId::UNDO.into_iter().filter(|step| undone.skip_undo(*step).is_none());
        let known: Vec<u32> = needed.filter_map(|step| undoing.forecast(step)).collect();
        (!known.is_empty()).then(|| known.iter().sum())
    }

    /// Says what an undo would lose, or why nothing can be lost. `since` is when the services were started, in words;
    /// `rows` how many rows are others since, when that was counted; `kept_in` where what was entered is written to.
    #[must_use]
    pub fn undo_losses(&self, undoing: &Undoing, since: &str, rows: Option<u64>, kept_in: &str) -> Vec<String> {
        if !self.undoes_database(undoing) {
            return vec!["No row is lost: the database stays as it is.".into()];
        }
        if !self.undo_keeps(undoing) {
            return vec![
                "No row is lost: the services were not started since the snapshot was made, so nobody could enter \
                 anything."
                    .into(),
            ];
        }
        let when = if undoing.by_hand {
            "while the site was to be down".to_owned()
        } else {
            format!("since {since}, when the services were started with the new version")
        };
        let first = format!("listed and exported first, into {kept_in}.");
        vec![
            match rows {
                Some(0) => format!("So far no row was entered, changed or deleted {when}. What still comes is {first}"),
                Some(1) => format!(
                    "1 row was entered, changed or deleted {when}. The old database does not have that. It is {first}"
                ),
                Some(rows) => format!(
                    "{rows} rows were entered, changed or deleted {when}. The old database does not have that. It is \
                     {first}"
                ),
                None => format!("What was entered {when}, is not in the old database. It is {first}"),
            },
            "Files that were uploaded meanwhile stay where they are, but the old database does not know them.".into(),
        ]
    }

    /// Says what an undo cannot promise because something is not there.
    #[must_use]
    pub fn undo_missing(&self, undoing: &Undoing, kept: Kept) -> Vec<String> {
        let mut missing: Vec<String> = Vec::new();
        if undoing.new_code() && !kept.environment {
            missing.push(if kept.packages {
                "There is no copy of the environment: the packages of before are installed again, from wherever pip \
                 finds them. What else is in the environment stays as it is."
                    .into()
            } else {
                "There is neither a copy of the environment nor a list of its packages: bring the old packages back by \
                 hand first."
                    .into()
            });
        }
        if self.undoes_database(undoing) && !kept.database {
            missing.push(if kept.snapshot {
                "There is no copy of the database: the old version loads the snapshot again, which takes as long as a \
                 restore. Sessions are not in it, so everybody signs in again."
                    .into()
            } else {
                "There is neither a copy of the database nor the snapshot that was verified: bring the old database \
                 back by hand first."
                    .into()
            });
        }
        if self.undoes_database(undoing) && !kept.snapshot {
            missing.push(
                "The snapshot is not as it was verified: nobody can prove afterwards that every row is back.".into(),
            );
        }
        if undoing.has(StepId::CollectStatic) && kept.static_files == Some(false) {
            missing.push("There is no copy of the static files: the old version collects them anew.".into());
        }
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn done() -> StepState {
        StepState::Done { summary: String::new() }
    }

    /// An upgrade that came to the end of this step, ten seconds a step.
    fn up_to(last: StepId) -> Undoing {
        let steps = StepId::ALL.into_iter().take_while(|step| *step <= last);
        Undoing::of(3, steps.map(|step| (step, Some(done()), i64::from(step.number()) * 10, Some(10.0))))
    }

    fn skipped(knowledge: &Knowledge, undoing: Undoing) -> Vec<&'static str> {
        let knowledge = Knowledge { undoing: Some(undoing), ..knowledge.clone() };
        StepId::UNDO.into_iter().filter(|step| knowledge.skip_undo(*step).is_some()).map(StepId::id).collect()
    }

    #[test]
    fn an_undo_does_what_the_run_has_made_necessary_and_no_more() {
        let mut knowledge = Knowledge::default();
        let never = ["undo-stop", "undo-keep", "undo-environment", "undo-database", "undo-static", "undo-indexes"];
        let nothing = [&never[..], &["undo-account", "undo-start", "undo-confirm"]].concat();
        assert_eq!(skipped(&knowledge, up_to(StepId::Check)), nothing);
        assert!(!knowledge.is_undoable(&up_to(StepId::Check)));
        for last in [StepId::StopServices, StepId::Snapshot, StepId::VerifySnapshot, StepId::Protect] {
            assert_eq!(skipped(&knowledge, up_to(last)), [&never[..], &["undo-account"]].concat());
        }
        for last in [StepId::Pull, StepId::Install, StepId::Compare] {
            let left = ["undo-keep", "undo-database", "undo-static", "undo-indexes", "undo-account"];
            assert_eq!(skipped(&knowledge, up_to(last)), left);
        }
        knowledge.database_changed = true;
        assert_eq!(skipped(&knowledge, up_to(StepId::Restore)), ["undo-keep", "undo-static", "undo-indexes"]);
        assert_eq!(skipped(&knowledge, up_to(StepId::BuildIndexes)), ["undo-keep", "undo-static"]);
        assert_eq!(skipped(&knowledge, up_to(StepId::CheckData)), ["undo-keep"]);
        assert_eq!(skipped(&knowledge, up_to(StepId::SignIn)), Vec::<&str>::new());
    }

    #[test]
    fn a_database_that_was_not_restored_goes_back_when_it_was_repaired_or_users_were_let_in() {
        let knowledge = Knowledge::default();
        let skip = Some(StepState::Skipped { because: String::new() });
        let run = |last: &[(StepId, Option<StepState>)]| {
            let first = [(StepId::Pull, Some(done())), (StepId::Restore, skip.clone())];
            Undoing::of(3, first.iter().chain(last).map(|(step, state)| (*step, state.clone(), 5, Some(1.0))))
        };
        assert!(!knowledge.undoes_database(&run(&[])));
        assert!(knowledge.undoes_database(&run(&[(StepId::CheckData, None)])));
        assert!(!knowledge.undo_keeps(&run(&[(StepId::CheckData, None)])));
        // Nobody knows who started what when no service is known.
        let open = run(&[(StepId::CheckData, skip.clone()), (StepId::StartServices, skip.clone())]);
        assert_eq!((open.open_since, knowledge.undo_keeps(&open)), (Some(5), true));
    }

    #[test]
    fn a_restore_that_came_to_its_end_forgets_who_was_let_in_before_and_a_failed_one_does_not() {
        let failed = Some(StepState::Failed { because: String::new() });
        let since = |restored: Option<StepState>| {
            let attempts =
                [(StepId::StartServices, Some(done()), 7, None), (StepId::Restore, restored, 9, None)].into_iter();
            Undoing::of(3, attempts).open_since
        };
        assert_eq!([since(Some(done())), since(failed), since(None)], [None, Some(7), Some(7)]);
    }

    #[test]
    fn the_duration_is_that_of_the_steps_which_it_needs() {
        let mut knowledge = Knowledge::default();
        assert_eq!(knowledge.undo_seconds(&up_to(StepId::Check)), None);
        // Start of services, as long as their stop.
        assert_eq!(knowledge.undo_seconds(&up_to(StepId::Protect)), Some(10));
        // Stop, environment, start.
        assert_eq!(knowledge.undo_seconds(&up_to(StepId::Pull)), Some(30));
        knowledge.database_changed = true;
        // And database and account, twice two steps.
        assert_eq!(knowledge.undo_seconds(&up_to(StepId::Restore)), Some(70));
    }

    #[test]
    fn what_is_lost_and_what_is_missing_is_said_in_full_sentences() {
        let mut knowledge = Knowledge::default();
        let losses = |knowledge: &Knowledge, last| knowledge.undo_losses(&up_to(last), "14:02", None, "/kept");
        assert_eq!(losses(&knowledge, StepId::Pull), ["No row is lost: the database stays as it is."]);
        knowledge.database_changed = true;
        assert_eq!(
            losses(&knowledge, StepId::Restore),
            [
                "No row is lost: the services were not started since the snapshot was made, so nobody could enter anything."
            ]
        );
        assert_eq!(
            losses(&knowledge, StepId::SignIn),
            [
                "What was entered since 14:02, when the services were started with the new version, is not in the old \
                 database. It is listed and exported first, into /kept.",
                "Files that were uploaded meanwhile stay where they are, but the old database does not know them.",
            ]
        );
        let counted = |rows, by_hand| {
            let undoing = Undoing { by_hand, ..up_to(StepId::SignIn) };
            knowledge.undo_losses(&undoing, "14:02", Some(rows), "/kept").swap_remove(0)
        };
        assert_eq!(
            [counted(0, false), counted(1, true), counted(7, false)],
            [
                "So far no row was entered, changed or deleted since 14:02, when the services were started with the new \
                 version. What still comes is listed and exported first, into /kept.",
                "1 row was entered, changed or deleted while the site was to be down. The old database \
                 does not have that. It is listed and exported first, into /kept.",
                "7 rows were entered, changed or deleted since 14:02, when the services were started with the new \
                 version. The old database does not have that. It is listed and exported first, into /kept.",
            ]
        );
        let all = Kept { database: true, environment: true, packages: true, snapshot: true, static_files: Some(true) };
        assert_eq!(knowledge.undo_missing(&up_to(StepId::SignIn), all), Vec::<String>::new());
        let none = Kept { static_files: Some(false), ..Kept::default() };
        let starts: Vec<String> = knowledge.undo_missing(&up_to(StepId::SignIn), none);
        assert_eq!(starts.len(), 4, "{starts:?}");
        assert_eq!(knowledge.undo_missing(&up_to(StepId::Protect), none).len(), 2);
    }
}
