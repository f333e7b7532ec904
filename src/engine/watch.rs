//! Watching: another wizard drives the site. This one shows the same steps from the journal and changes nothing.

use std::path::Path;
use std::time::Duration;

use tokio::sync::mpsc;

use super::record::{Records, steps_of};
use super::start::Seat;
use super::{Event, NoticeLevel, Outcome, Wish};
use crate::error::{Report, Tell};
use crate::journal::Journal;
use crate::procedure::Knowledge;
use crate::runner::{RunnerError, RunnerEvent};

/// Shows the run that somebody else drives, until the operator leaves or takes the site over: then the driver's seat is
/// returned.
pub(super) async fn watch(
    journal: &Journal,
    mut seat: Seat,
    wishes: &mut mpsc::UnboundedReceiver<Wish>,
    events: &mpsc::UnboundedSender<Event>,
) -> Result<Option<Seat>, Report> {
    let mut seen = None;
    let mut opened = false;
    let mut ticks = tokio::time::interval(Duration::from_millis(500));
    loop {
        tokio::select! {
            wish = wishes.recv() => match wish {
                None | Some(Wish::Leave) => return Ok(None),
                Some(Wish::TakeOver) => {
                    seat.runner.take_over().await.map_err(|error| error.tell())?;
                    let _ = events.send(Event::Driving);
                    return Ok(Some(Seat { driver: None, ..seat }));
                }
                // The driver's pane decides how wide the commands write.
                Some(Wish::Resize { .. }) => {}
                Some(_) => {
                    let _ = events.send(Event::Noticed {
                        level: NoticeLevel::Warning,
                        text: "Somebody else drives this upgrade; you are watching.".into(),
                    });
                }
            },
            event = seat.runner_events.recv() => match event {
                Some(RunnerEvent::Awaiting { prompt, secret, certain }) => {
                    let _ = events.send(Event::InputAwaited { step: None, prompt, secret, certain });
                }
                Some(RunnerEvent::Taken) => { let _ = events.send(Event::InputTaken); }
                Some(RunnerEvent::DriverChanged { driver, .. }) => {
                    let _ = events.send(driver.map_or(Event::DriverLeft, |driver| Event::Watching {
                        operator: driver.to_string(),
                        since: driver.since,
                    }));
                }
                Some(_) => {}
                None => return Err(RunnerError::Gone("the connection ended".into()).tell()),
            },
            _ = ticks.tick() => {
                let version = journal.data_version().await.map_err(|error| error.tell())?;
                if seen != Some(version) {
                    seen = Some(version);
                    opened = show(journal, events, opened).await?;
                }
            }
        }
    }
}

async fn show(journal: &Journal, events: &mpsc::UnboundedSender<Event>, opened: bool) -> Result<bool, Report> {
    let tell = |error: crate::journal::JournalError| error.tell();
    let Some(run) = journal.runs().await.map_err(tell)?.into_iter().next() else { return Ok(opened) };
    if !opened {
        let state_dir = journal.path().parent().map(Path::to_owned).unwrap_or_default();
        let (id, started, undoes) = (run.id, run.started, run.undoes);
        let _ = events.send(Event::RunOpened { run: id, resumed: true, started, state_dir, undoes });
    }
    let knowledge: Knowledge = journal.fact(run.id, "knowledge").await.map_err(tell)?.unwrap_or_default();
    let attempts = journal.attempts(run.id).await.map_err(tell)?;
    let records = Records::from_attempts(steps_of(run.undoes), &attempts);
    let _ = events.send(Event::DownSince { at: knowledge.down_since });
    let _ = events.send(Event::PlanMade { steps: records.plan(&knowledge) });
    if let Some(compared) = super::evidence::compared(journal, run.id, knowledge.dump_scripts.clone()).await? {
        let _ = events.send(compared);
    }
    for running in attempts.into_iter().filter(|attempt| attempt.state.is_none()) {
        let _ = events.send(Event::StepStarted {
            step: running.step,
            attempt: running.number,
            log: running.log,
            at: running.started,
        });
    }
    if let (Some(_), Some(summary)) = (run.ended, run.summary) {
        let _ = events.send(Event::RunEnded { outcome: Outcome::Done, summary });
    }
    Ok(true)
}
