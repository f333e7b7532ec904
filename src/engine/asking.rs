//! What Lino says of the site, asked in the background while the wizard is already on the screen.
//!
//! What it says while a step changes the packages is half of one version and half of another: when it does not start then,
//! this means nothing, and it is asked again.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::error::{Report, Tell};
use crate::procedure::StepId;
use crate::site::{self, Facts, Site};

/// The question, and whether its answer counts.
pub(super) struct Asking {
    site: Arc<Site>,
    out: mpsc::UnboundedSender<Result<Facts, Report>>,
    standing: Standing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// The packages are those of when it was asked.
    Counts,
    /// A step has begun to change them since.
    Outdated,
    /// It has come while such a step runs, and was not worth anything.
    AgainAfterStep,
}

impl Asking {
    /// Prepares the question; the answer goes to `out`.
    pub fn new(site: Arc<Site>, out: mpsc::UnboundedSender<Result<Facts, Report>>) -> Self {
        Self { site, out, standing: Standing::Counts }
    }

    /// Asks.
    pub fn ask(&mut self) {
        self.standing = Standing::Counts;
        let (site, out) = (Arc::clone(&self.site), self.out.clone());
        tokio::spawn(async move {
            let answer = site::facts::ask(&site).await.map_err(|error| error.tell());
            let _ = out.send(answer);
        });
    }

    /// Hears that a step begins.
    pub fn begins(&mut self, step: StepId) {
        if step.changes_packages() && self.standing == Standing::Counts {
            self.standing = Standing::Outdated;
        }
    }

    /// Tells whether an answer that Lino does not start counts, while this step runs; else it is asked again, at the
    /// latest when the step has ended.
    pub fn counts(&mut self, running: Option<StepId>) -> bool {
        match (self.standing, running.is_some_and(StepId::changes_packages)) {
            (Standing::Counts, _) => return true,
            (_, true) => self.standing = Standing::AgainAfterStep,
            (_, false) => self.ask(),
        }
        false
    }

    /// Hears that a step has ended.
    pub fn ended(&mut self) {
        if self.standing == Standing::AgainAfterStep {
            self.ask();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::{Surroundings, find_unproved};

    /// A site whose Python always fails, because it is not there.
    fn site(dir: &assert_fs::TempDir) -> Arc<Site> {
        std::fs::write(dir.path().join("manage.py"), "").unwrap();
        Arc::new(find_unproved(Some(dir.path()), dir.path(), &Surroundings::of_this_process()).unwrap())
    }

    #[tokio::test]
    async fn what_is_said_while_packages_change_is_asked_again_when_they_are_in_place() {
        let dir = assert_fs::TempDir::new().unwrap();
        let (out, mut answers) = mpsc::unbounded_channel();
        let mut asking = Asking::new(site(&dir), out);
        let exchange = StepId::UndoEnvironment;

        asking.ask();
        assert!(answers.recv().await.unwrap().is_err());
        asking.begins(StepId::UndoStop);
        assert!(asking.counts(Some(StepId::UndoStop)));

        // It comes in the middle.
        asking.begins(exchange);
        assert!(!asking.counts(Some(exchange)));
        tokio::task::yield_now().await;
        assert!(answers.try_recv().is_err());
        asking.ended();
        assert!(answers.recv().await.unwrap().is_err());
        assert!(asking.counts(None));

        // It comes afterwards, and was asked before.
        asking.begins(exchange);
        asking.ended();
        assert!(answers.try_recv().is_err());
        assert!(!asking.counts(Some(StepId::UndoStart)));
        assert!(answers.recv().await.unwrap().is_err());
        assert!(asking.counts(Some(StepId::UndoStart)));
    }
}
