//! The evidence of the run: told again when a run is taken up, judged again after an operator's word, and kept beside
//! what an operator did against it.

use super::clock::now;
use super::context::lock;
use super::dispatcher::Dispatcher;
use super::{Event, NoticeLevel};
use crate::compare;
use crate::error::{Report, Tell};
use crate::journal::Journal;
use crate::procedure::{DumpScripts, OVERRULED, StepId, StepState, Verdict};

/// The question under which the journal keeps what was said of a probable renaming.
const RENAMED: &str = "compare.renamed";

/// Returns the evidence of a run as an event, when there is any.
pub(super) async fn compared(
    journal: &Journal,
    run: i64,
    scripts: Option<DumpScripts>,
) -> Result<Option<Event>, Report> {
    let evidence = journal.evidence(run).await.map_err(|error| error.tell())?;
    Ok(evidence.map(|evidence| Event::Compared { evidence: Box::new(evidence), scripts }))
}

impl Dispatcher {
    /// Tells the evidence that the journal has.
    pub(super) async fn tell_evidence(&self) -> Result<(), Report> {
        let scripts = lock(&self.knowledge).dump_scripts.clone();
        if let Some(event) = compared(&self.journal, self.run, scripts).await? {
            self.tell(event);
        }
        Ok(())
    }

    /// Keeps what the operator says of a probable renaming, and judges again.
    pub(super) async fn renamed(&self, index: usize, renamed: Option<bool>) -> Result<(), Report> {
        let known = self.journal.evidence(self.run).await.map_err(|error| error.tell())?;
        let Some(mut evidence) = known else { return Ok(()) };
        if !evidence.decide(index, renamed) {
            return Ok(());
        }
        let guess = evidence.renamings.get(index).map(|renaming| &renaming.guess);
        let about = guess.map(|guess| format!("{} → {}", guess.from, guess.to)).unwrap_or_default();
        let choice = match renamed {
            Some(true) => format!("renamed: {about}"),
            Some(false) => format!("gone: {about}"),
            None => format!("open: {about}"),
        };
        self.journal.keep_evidence(self.run, &evidence, now()).await.map_err(|error| error.tell())?;
        self.journal
            .decide(self.run, StepId::Compare, RENAMED, &choice, "operator", now())
            .await
            .map_err(|error| error.tell())?;
        let scripts = lock(&self.knowledge).dump_scripts.clone();
        self.tell(Event::Compared { evidence: Box::new(evidence), scripts });
        Ok(())
    }

    /// Keeps that the operator restores although it may be skipped, or skips although it is needed. The journal has
    /// the evidence against which this was done.
    pub(super) async fn overrule(&self, step: StepId, choice: Overruling) -> Result<(), Report> {
        if step != StepId::Restore {
            return Ok(());
        }
        let known = self.journal.evidence(self.run).await.map_err(|error| error.tell())?;
        let Some(evidence) = known else { return Ok(()) };
        let proved = evidence.verdict == compare::Verdict::Skip;
        let word = match choice {
            Overruling::Restore if proved => "restore",
            Overruling::Skip if !proved => "skip",
            Overruling::Restore | Overruling::Skip => return Ok(()),
        };
        self.journal.decide(self.run, step, OVERRULED, word, "operator", now()).await.map_err(|error| error.tell())?;
        self.notice(
            NoticeLevel::Warning,
            format!("This is against the evidence, and is recorded with it: {}", evidence.sentence),
        );
        Ok(())
    }

    /// Makes a restore that was skipped on a proof run after all, when the operator wants it.
    pub(super) async fn wanted(&self, step: StepId) -> Result<(), Report> {
        let skipped = matches!(self.records.state(StepId::Restore), StepState::Pending | StepState::Skipped { .. });
        if step != StepId::Restore || !skipped {
            return Ok(());
        }
        let knowledge = {
            let mut knowledge = lock(&self.knowledge);
            let Some(Verdict::Skip { because }) = &knowledge.verdict else { return Ok(()) };
            let because = format!("the operator wants it, although {because}");
            knowledge.verdict = Some(Verdict::Restore { because });
            knowledge.clone()
        };
        self.overrule(step, Overruling::Restore).await?;
        self.journal.record(self.run, "knowledge", &knowledge, now()).await.map_err(|error| error.tell())
    }
}

/// What an operator does against a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overruling {
    /// Restores although nothing needs it.
    Restore,
    /// Skips although it is needed.
    Skip,
}
