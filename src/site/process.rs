//! Runs a short command beside the wizard, without a terminal: for questions, never for steps.

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

/// The most that is kept of each stream; what comes before it is dropped.
const KEEP: usize = 256 * 1024;

/// What a command answered.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: ExitStatus,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    #[error("it cannot be started: {0}")]
    NotStarted(io::Error),
    #[error("it did not end within {} seconds", .0.as_secs())]
    TooLong(Duration),
    #[error("{0}")]
    Broken(io::Error),
}

/// Ends the whole group when the question is cancelled, or when something it started stays behind.
pub(super) struct Group(Option<Pid>);

impl Group {
    /// The group that a child leads, which was started with `process_group(0)`.
    pub(super) fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            let _ = rustix::process::kill_process_group(pid, Signal::KILL);
        }
    }
}

/// Runs the command in a process group of its own with empty input, and ends the group when it takes longer than
/// `patience` or when the future is dropped.
pub(super) async fn run(mut command: Command, dir: &Path, patience: Duration) -> Result<Answer, NoAnswer> {
    command.current_dir(dir).process_group(0).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(NoAnswer::NotStarted)?;
    let group = Group::of(&child);
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let mut stdout = Vec::new();
    let mut stderr = Vec::new();
    let status = {
        let reading = async { tokio::join!(last_bytes(out, &mut stdout), last_bytes(err, &mut stderr)) };
        let ending = async {
            tokio::pin!(reading);
            tokio::select! {
                status = child.wait() => {
                    // A daemon that it left behind may keep the pipes open for ever.
                    let _ = tokio::time::timeout(Duration::from_secs(2), reading).await;
                    status
                }
                _ = &mut reading => child.wait().await,
            }
        };
        tokio::time::timeout(patience, ending).await
    };
    drop(group);
    match status {
        Ok(Ok(status)) => Ok(Answer { status, stdout, stderr }),
        Ok(Err(error)) => Err(NoAnswer::Broken(error)),
        Err(_) => Err(NoAnswer::TooLong(patience)),
    }
}

async fn last_bytes(stream: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut stream) = stream else { return };
    // An error of a pipe is its end.
    while matches!(stream.read_buf(kept).await, Ok(read) if read > 0) {
        if kept.len() > 2 * KEEP {
            kept.drain(..kept.len() - KEEP);
        }
    }
}
