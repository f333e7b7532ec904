//! The shim: leads the terminal's session and runs one command after another in it, as its foreground group.
//!
//! It lives on when a command gets Ctrl-C or the terminal hangs up, by handlers and not by ignoring the signals, so
//! that commands get the default dispositions back. It opens no file but the directories of the disks that a command
//! writes to, and decides nothing.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::process::{Signal, getpgrp, kill_process_group};
use rustix::termios::{Action, OptionalActions, tcflow, tcgetattr, tcgetpgrp, tcsetattr};
use tokio::signal::unix::{SignalKind, signal};

use super::disks::Disks;
use super::protocol::{ShimLine, ShimRun};
use super::records::SocketPath;
use super::{CommandSpec, Ended};

/// The exit status of a command that ended well, but a disk failed to take what it wrote (`EX_IOERR` of sysexits.h).
const NOT_ON_DISK: i32 = 74;

/// Runs the shim until its runner is gone; returns the exit status of the process.
#[must_use]
pub fn shim_main(dir: &Path) -> u8 {
    match run(dir) {
        Ok(()) => 0,
        Err(_) => 1,
    }
}

fn run(dir: &Path) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (handlers, mut hangup) = {
        let _guard = runtime.enter();
        let handlers = [SignalKind::interrupt(), SignalKind::quit(), SignalKind::from_raw(20)]
            .into_iter()
            .map(signal)
            .collect::<Result<Vec<_>, _>>()?;
        (handlers, signal(SignalKind::hangup())?)
    };
    let busy = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&busy);
    thread::Builder::new().name("hangup".into()).spawn(move || {
        // The system tells only the leader that the terminal is gone, that is, the runner died. A command that went on
        // would do so unseen, beside the ones of the next runner.
        if runtime.block_on(hangup.recv()).is_some() && seen.load(Ordering::SeqCst) {
            let _ = kill_process_group(getpgrp(), Signal::HUP);
        }
        // The handler stays: it belongs to the process.
    })?;
    let socket = UnixStream::connect(SocketPath::open(dir, "shim.sock")?.path)?;
    let mut out = socket.try_clone()?;
    let modes = tcgetattr(io::stdin())?;
    for line in BufReader::new(socket).lines() {
        let ShimRun { spec, mark } = serde_json::from_str(&line?)?;
        // A command may have left the terminal raw.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &modes);
        busy.store(true, Ordering::SeqCst);
        let ended = execute(dir, &spec, &mut out)?;
        busy.store(false, Ordering::SeqCst);
        let reusable = tcgetpgrp(io::stdin()).is_ok_and(|group| group == getpgrp());
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &modes);
        let _ = tcflow(io::stdin(), Action::OOn);
        let mut terminal = io::stderr().lock();
        terminal.write_all(mark.as_bytes())?;
        terminal.flush()?;
        drop(terminal);
        say(&mut out, &ShimLine::Ended { ended, reusable })?;
    }
    drop(handlers);
    Ok(())
}

fn execute(dir: &Path, spec: &CommandSpec, out: &mut UnixStream) -> io::Result<Ended> {
    let Some((program, args)) = spec.argv.split_first() else { return Ok(Ended::NotStarted { errno: 22 }) };
    let mut command = Command::new(program);
    command.args(args).current_dir(&spec.cwd);
    command.env("TERM", "xterm-256color").env("PYTHONUNBUFFERED", "1");
    command.env_remove("LINES").env_remove("COLUMNS").env_remove(crate::fault::VARIABLE);
    for (name, value) in &spec.env {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.env(super::MARKER, super::marker(dir, spec.id));
    let disks = Disks::of(&spec.on_disk);
    match command.spawn() {
        Ok(mut child) => {
            say(out, &ShimLine::Started { pid: i32::try_from(child.id()).unwrap_or_default() })?;
            let ended = how(child.wait()?);
            let Err(error) = disks.flush() else { return Ok(ended) };
            let mut terminal = io::stderr().lock();
            writeln!(terminal, "lino-upgrade: not all that was written is on the disk: {}", io::Error::from(error))?;
            Ok(if ended == (Ended::Exited { code: 0 }) { Ended::Exited { code: NOT_ON_DISK } } else { ended })
        }
        Err(error) => {
            let mut terminal = io::stderr().lock();
            writeln!(terminal, "{program}: {error}")?;
            Ok(Ended::NotStarted { errno: error.raw_os_error().unwrap_or_default() })
        }
    }
}

fn how(status: ExitStatus) -> Ended {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Exited { code },
        (None, signal) => Ended::Signalled { signal: signal.unwrap_or_default() },
    }
}

fn say(out: &mut UnixStream, line: &ShimLine) -> io::Result<()> {
    let mut text = serde_json::to_string(line)?;
    text.push('\n');
    out.write_all(text.as_bytes())
}
