//! The command that runs: how it is started in the terminal, watched, and ended.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use rustix::termios::{LocalModes, tcgetattr, tcgetpgrp};

use super::{Hub, QUIET, Running, SELDOM, SOON, STAGE, Shim, Wake};
use crate::runner::protocol::{Answer, RunnerEvent, ShimRun};
use crate::runner::records::{self, SocketPath};
use crate::runner::session;
use crate::runner::terminal::Terminal;
use crate::runner::{CommandSpec, CommandState};

impl Hub {
    pub(super) fn start(&mut self, spec: CommandSpec) -> Answer {
        let known = self.state(spec.id);
        if known != CommandState::Unknown {
            return Answer::State { state: known };
        }
        if self.running.is_some() {
            return Answer::Refused { because: "another command runs".into() };
        }
        match self.try_start(spec) {
            Ok(state) => Answer::State { state },
            Err(error) => Answer::Refused { because: format!("the command cannot be started: {error}") },
        }
    }

    fn try_start(&mut self, spec: CommandSpec) -> io::Result<CommandState> {
        if self.shim.is_none() {
            self.shim = Some(self.open_shim()?);
        }
        let Some(shim) = &mut self.shim else { return Err(io::Error::other("no terminal")) };
        let mark = format!("\x1b]7771;{}-{}\x07", spec.id, records::boot_id());
        let log_start = shim.terminal.sink().open(&spec.log, &mark)?;
        let started = jiff::Timestamp::now().as_second();
        let state = CommandState::Running { pid: 0, started, log_start };
        records::write(&self.dir, spec.id, &state)?;
        let mut line = serde_json::to_string(&ShimRun { spec: spec.clone(), mark })?;
        line.push('\n');
        shim.stream.write_all(line.as_bytes())?;
        self.running = Some(Running {
            spec,
            pid: 0,
            started,
            log_start,
            ended: None,
            marked: false,
            kill_at: None,
            reported: log_start,
        });
        Ok(state)
    }

    fn open_shim(&self) -> io::Result<Shim> {
        let (terminal, pts) = Terminal::open(self.wake.clone())?;
        let _ = terminal.pty.resize(pty_process::Size::new(self.size.0, self.size.1));
        let path = SocketPath::open(&self.dir, "shim.sock")?;
        let _ = std::fs::remove_file(&path.path);
        let listener = UnixListener::bind(&path.path)?;
        let mut child = pty_process::blocking::Command::new("/proc/self/exe")
            .arg("internal-shim")
            .arg(&self.dir)
            .env_remove(STAGE)
            .spawn(pts)
            .map_err(io::Error::other)?;
        let pid = i32::try_from(child.id()).unwrap_or_default();
        listener.set_nonblocking(true)?;
        let limit = Instant::now() + Duration::from_secs(10);
        let stream = loop {
            match listener.accept() {
                Ok((stream, _)) => {
                    let peer = rustix::net::sockopt::socket_peercred(&stream)?;
                    if peer.pid.as_raw_nonzero().get() == pid {
                        break stream;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && Instant::now() < limit => {
                    if let Some(status) = child.try_wait()? {
                        return Err(io::Error::other(format!("the shim ended with {status}")));
                    }
                    thread::sleep(Duration::from_millis(1));
                }
                Err(error) => return Err(error),
            }
        };
        stream.set_nonblocking(false)?;
        let _ = std::fs::remove_file(&path.path);
        let reader = stream.try_clone()?;
        let wake = self.wake.clone();
        thread::Builder::new().name("shim".into()).spawn(move || {
            for line in BufReader::new(reader).lines() {
                let Some(line) = line.ok().and_then(|line| serde_json::from_str(&line).ok()) else { break };
                if wake.send(Wake::Shim(line)).is_err() {
                    break;
                }
            }
            let _ = child.wait();
            let _ = wake.send(Wake::ShimGone);
        })?;
        Ok(Shim { terminal, stream, pid })
    }

    pub(super) fn started(&mut self, pid: i32) {
        let Some(running) = &mut self.running else { return };
        running.pid = pid;
        let (id, started, log_start) = (running.spec.id, running.started, running.log_start);
        let _ = records::write(&self.dir, id, &CommandState::Running { pid, started, log_start });
        self.tell(&RunnerEvent::Started { id, pid });
    }

    /// Ends the running command once the shim has reported its end and all of its output was read.
    pub(super) fn settle(&mut self) {
        let Some(running) = &self.running else { return };
        let Some((ended, reusable)) = running.ended else { return };
        let quiet = self.shim.as_ref().is_none_or(|shim| {
            let sink = shim.terminal.sink();
            !sink.stuck && sink.last.elapsed() > QUIET
        });
        if !running.marked && !quiet {
            return;
        }
        let log_end = self.shim.as_ref().map_or_else(
            || std::fs::metadata(&running.spec.log).map_or(running.log_start, |log| log.len()),
            |shim| shim.terminal.sink().close(),
        );
        let (id, started, log_start) = (running.spec.id, running.started, running.log_start);
        let finished = jiff::Timestamp::now().as_second();
        let state = CommandState::Finished { ended, started, finished, log_start, log_end };
        // A full disk must not lose the outcome: it is tried again at the next tick.
        if let Err(error) = records::write(&self.dir, id, &state)
            && self.dir.exists()
        {
            if self.trouble.is_none() {
                self.troubled(error.to_string());
            }
            return;
        }
        self.recovered();
        self.running = None;
        self.awaiting = None;
        if !reusable && let Some(shim) = self.shim.take() {
            let _ = shim.stream.shutdown(std::net::Shutdown::Both);
        }
        self.tell(&RunnerEvent::Ended { id, ended });
    }

    /// Reports growth of the log, and whether the command waits for input.
    pub(super) fn watch_output(&mut self) {
        let Some(running) = &mut self.running else { return };
        let Some(shim) = &self.shim else { return };
        let (length, quiet, line) = {
            let sink = shim.terminal.sink();
            (sink.length, sink.last.elapsed(), sink.line.clone())
        };
        let mut events = Vec::new();
        if length != running.reported {
            running.reported = length;
            events.push(RunnerEvent::Output { id: running.spec.id, length });
        }
        let found = if running.ended.is_some() {
            None
        } else {
            let calm = quiet.min(self.typed.elapsed());
            if calm < SOON || self.look_at <= Instant::now() {
                self.look_at = Instant::now() + (calm / 8).min(SELDOM);
                awaited(shim, quiet, &line)
            } else {
                self.awaiting.clone()
            }
        };
        if found != self.awaiting {
            events.push(match &found {
                Some((prompt, secret, certain)) => {
                    RunnerEvent::Awaiting { prompt: prompt.clone(), secret: *secret, certain: *certain }
                }
                None => RunnerEvent::Taken,
            });
            self.awaiting = found;
        }
        for event in events {
            self.tell(&event);
        }
    }

    pub(super) fn interrupt(&self) -> Answer {
        let (Some(shim), Some(_)) = (&self.shim, &self.running) else { return Answer::Done };
        let modes = tcgetattr(&*shim.terminal.pty);
        if modes.is_ok_and(|modes| modes.local_modes.contains(LocalModes::ISIG)) {
            shim.terminal.input(vec![3]);
        } else if let Ok(group) = tcgetpgrp(&*shim.terminal.pty) {
            let _ = kill_process_group(group, Signal::INT);
        }
        Answer::Done
    }

    pub(super) fn signal_all(&self, id: i64, signal: Signal) {
        let Some(shim) = &self.shim else { return };
        for pid in session::members(shim.pid, &self.dir, id) {
            if let Some(pid) = Pid::from_raw(pid) {
                let _ = kill_process(pid, signal);
            }
        }
    }
}

/// Tells whether the command seems to wait for input: prompt, secret, certain.
fn awaited(shim: &Shim, quiet: Duration, line: &[u8]) -> Option<(String, bool, bool)> {
    if quiet < Duration::from_millis(100) {
        return None;
    }
    let modes = tcgetattr(&*shim.terminal.pty).ok()?.local_modes;
    let secret = !modes.contains(LocalModes::ECHO) && modes.contains(LocalModes::ICANON);
    let prompt = crate::messages::line::plain(line).into_owned();
    let unfinished = !prompt.trim().is_empty();
    if secret {
        return Some((prompt, true, true));
    }
    if quiet < Duration::from_millis(400) {
        return None;
    }
    let reading = session::reads_terminal(shim.pid);
    let asks = prompt.trim_end().ends_with([':', '?', '>', ']', ')', '$', '#']);
    match reading {
        session::Reading::Yes => Some((prompt, false, true)),
        session::Reading::Maybe if unfinished => Some((prompt, false, asks)),
        _ => None,
    }
}
