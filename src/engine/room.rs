//! Full disks: whatever failed because of one is told with the place, the room that is left, and the remedy.

use super::clock::now;
use super::context::Context;
use super::dispatcher::Dispatcher;
use super::unrecorded::Settled;
use crate::error::{Kind, Report, Tell};
use crate::procedure::Level;
use crate::site::check::{DISK_SPACE, Sizes, full_disks, shortage, speaks_of_full};

/// Name of the journal's fact that holds what the upgrade will write about.
const SIZES: &str = "disk-demand";

/// Keeps what the upgrade will write about.
pub(super) async fn remember(context: &Context, sizes: &Sizes) -> Result<(), Report> {
    context.journal.record(context.run, SIZES, sizes, now()).await.map_err(|error| error.tell())
}

impl Dispatcher {
    /// Adds to the end of a step that did not succeed which disk is full, when one is.
    pub(super) async fn name_full_disks(&self, end: &mut Settled) {
        if end.state.is_settled() {
            return;
        }
        let mut said = [end.state.text().to_owned()]
            .into_iter()
            .chain(end.findings.iter().map(|finding| finding.text.clone()))
            .chain(end.report.iter().map(ToString::to_string));
        let was_full = said.any(|text| speaks_of_full(&text))
            || end.findings.iter().any(|finding| finding.level == Level::Fail && finding.subject == DISK_SPACE);
        let sizes: Option<Sizes> = self.journal.fact(self.run, SIZES).await.ok().flatten();
        let site = std::sync::Arc::clone(&self.site);
        let sizes = sizes.unwrap_or_default();
        let found = tokio::task::spawn_blocking(move || full_disks(&site, sizes.demand(), was_full)).await;
        end.findings.extend(found.unwrap_or_default());
    }

    /// Says that the runner waits: what a command prints, or how it ended, cannot be written down.
    pub(super) fn waits_for_room(&self, message: &str) -> Report {
        let state = &self.site.state_dir;
        let shortage = shortage(state).map_or_else(String::new, |shortage| format!(" {shortage}"));
        let what = format!("What the command prints, or how it ended, cannot be written down: {message}.{shortage}");
        Report::new(Kind::Environment, what).unchanged("Nothing of it is lost: the command waits.").next(format!(
            "Free some space below {} (old archives, logs, caches); it goes on by itself then.",
            state.display()
        ))
    }
}
