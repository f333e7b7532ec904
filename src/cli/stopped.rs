//! Signals that end a program without a screen: it says what goes on without it, and ends with the status that tells
//! scripts that it can be continued. A command lives in the runner, and the journal knows only whole transactions, so
//! there is nothing else to do.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::run::complain;
use crate::engine::Outcome;
use crate::error::{Kind, Report};

/// How long saying it may take: whoever should read it may have stopped reading.
const PATIENCE: Duration = Duration::from_millis(500);

/// Ends the program when SIGHUP, SIGINT or SIGTERM comes, also while it waits for somebody to read its events.
pub(super) fn end_by_signal() -> Result<(), Report> {
    let hear = |kind| {
        signal(kind).map_err(|error| {
            Report::new(Kind::Environment, format!("Signals cannot be heard: {error}."))
                .unchanged("Nothing was started.")
        })
    };
    let mut hang_up = hear(SignalKind::hangup())?;
    let mut interrupt = hear(SignalKind::interrupt())?;
    let mut terminate = hear(SignalKind::terminate())?;
    tokio::spawn(async move {
        let name = tokio::select! {
            () = came(&mut hang_up) => "SIGHUP",
            () = came(&mut interrupt) => "SIGINT",
            () = came(&mut terminate) => "SIGTERM",
        };
        let said = tokio::task::spawn_blocking(move || {
            complain(&format!(
                "Ended by {name}. A command that was running goes on by itself; start again to continue."
            ));
        });
        let _ = tokio::time::timeout(PATIENCE, said).await;
        std::process::exit(i32::from(Outcome::Interrupted.exit_status()));
    });
    Ok(())
}

async fn came(signal: &mut Signal) {
    if signal.recv().await.is_none() {
        std::future::pending::<()>().await;
    }
}
