//! A scripted rehearsal for looking at the triage by hand: real failures, and decisions that are taken like an engine's.

#![allow(clippy::unwrap_used, reason = "a test tool")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lino_upgrade::dump::Script;
use lino_upgrade::dump::edit::edit;
use lino_upgrade::engine::{Deciding, Event, NoticeLevel};
use lino_upgrade::triage::{Causes, Decisions, Known, Origin, Rehearsed, Stored, Triage, fit};

/// What was refused and decided so far.
pub struct Refused {
    causes: Arc<Causes>,
    decisions: Decisions,
    copy: PathBuf,
}

impl Refused {
    /// Takes what a rehearsal of Noi told: at first, or once fields were dropped.
    pub fn of(dir: &Path, file: &str) -> Self {
        let path = format!("{}/tests/fixtures/triage/{file}.jsonl", env!("CARGO_MANIFEST_DIR"));
        let mut told = Rehearsed::default();
        std::fs::read_to_string(path).unwrap().lines().for_each(|line| told.take(line).unwrap());
        Self {
            causes: Arc::new(Causes::of(told.failures)),
            decisions: Decisions::default(),
            copy: dir.join("restore_decided.py"),
        }
    }

    /// Counts the rows.
    pub fn rows(&self) -> u64 {
        self.causes.failures.len() as u64
    }

    /// Leaves only what is still open.
    pub fn retry(&mut self) {
        let open = self.decisions.undecided(&self.causes);
        let failures = self.causes.failures.iter().enumerate().filter(|(row, _)| open.contains(row));
        self.causes = Arc::new(Causes::of(failures.map(|(_, failure)| failure.clone()).collect()));
    }

    /// Takes a wish.
    pub fn decide(&mut self, wish: Deciding) -> Option<Event> {
        match wish {
            Deciding::Take(decisions) => {
                if let Err(why) = self.decisions.add(decisions) {
                    return Some(Event::Noticed { level: NoticeLevel::Warning, text: why.to_string() });
                }
            }
            Deciding::Undo => drop(self.decisions.undo()),
            Deciding::Redo => drop(self.decisions.redo()),
        }
        None
    }

    /// Tells all of it, with a copy of the dump script.
    pub fn told(&self) -> Event {
        let snapshot = format!("{}/tests/fixtures/dumps/noi-25.1.1/restore.py", env!("CARGO_MANIFEST_DIR"));
        let versions = ["25.1.1".to_owned(), "26.9.2".to_owned()];
        let mut triage = Triage::new(
            Origin::Rehearsal,
            versions,
            Arc::clone(&self.causes),
            self.decisions.clone(),
            snapshot.clone(),
        );
        let text = std::fs::read_to_string(snapshot).unwrap();
        let script = Script::read(&text);
        let key = |_: &str, key: &str| {
            let number = key.parse::<i64>().is_ok();
            Stored::Once(if number { key.to_owned() } else { format!("'{key}'") })
        };
        let fitted = fit(&self.decisions, &Known { script: &script, key: &key, before: None, after: None });
        triage.unfit = fitted.unfit.into_iter().map(|unfit| unfit.sentence).collect();
        if !self.decisions.is_empty() {
            std::fs::write(&self.copy, edit(&text, &fitted.changes).text).unwrap();
            triage.copy = Some(self.copy.display().to_string());
        }
        Event::Triaged {
            origin: triage.origin,
            causes: triage.causes.causes.len(),
            rows: triage.causes.failures.len(),
            undecided: triage.open(),
            outdated: triage.outdated,
            triage: Some(Arc::new(triage)),
        }
    }
}
