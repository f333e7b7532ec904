//! A program that is held at a gate while the test changes the machine: fills the disk, stops the database server.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::fmt;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::crash_site::{CrashSite, Start, listen};

/// How long the program may go on behind the gate: nothing may hang, but the machine may be busy with other tests.
const LIMIT: Duration = Duration::from_mins(4);

/// Where the program is held.
#[derive(Clone, Copy, Debug)]
pub enum Gate {
    /// Where `LINO_UPGRADE_FAULT` says: it stops itself.
    Fault(&'static str),
    /// When a command of the site opens a file with this in its path for the so manieth time.
    Open(&'static str, u32),
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => f.write_str(fault),
            Self::Open(part, nth) => write!(f, "file {nth} of {part}"),
        }
    }
}

/// How a program went on behind its gate.
pub struct Passed {
    /// Whether it came to the gate.
    pub came: bool,
    pub status: Option<i32>,
    pub events: Vec<Value>,
    pub said: String,
    /// How long it went on.
    pub took: Duration,
}

impl Passed {
    /// As a start that ended so.
    pub fn start(self) -> Start {
        Start { status: self.status, events: self.events, said: self.said, ..Start::default() }
    }

    /// All that a person could read: on standard error, and of the events.
    pub fn told(&self) -> String {
        let told = ["step_ended", "troubled", "asked"];
        let events = self.events.iter().filter(|event| told.iter().any(|told| event["event"] == *told));
        events.fold(self.said.clone(), |told, event| format!("{told}{event}\n"))
    }
}

/// Runs the program, changes the machine while it is held at the gate, and lets it go on to its end. Each event that
/// comes later is handed to `each`.
pub fn pass(
    site: &CrashSite,
    mut command: Command,
    gate: Gate,
    mut change: impl FnMut(),
    mut each: impl FnMut(&Value),
) -> Passed {
    let dir = &site.shop.dir;
    let plan = dir.join("crash.txt");
    let _ = std::fs::remove_file(dir.join("crash.txt.reached"));
    match gate {
        Gate::Fault(fault) => {
            command.env("LINO_UPGRADE_FAULT", fault);
        }
        Gate::Open(part, nth) => std::fs::write(&plan, format!("{part} {nth}\n")).unwrap(),
    }
    let mut child = command.spawn().unwrap();
    let (lines, complaints) = listen(&mut child);
    let mut passed =
        Passed { came: false, status: None, events: Vec::new(), said: String::new(), took: Duration::ZERO };
    let mut since = Instant::now();
    loop {
        let waited = lines.recv_timeout(Duration::from_millis(10));
        if !passed.came {
            let held = held(dir);
            if !held.is_empty() {
                passed.came = true;
                let _ = std::fs::remove_file(&plan);
                change();
                since = Instant::now();
                for pid in held {
                    let _ = kill_process(pid, Signal::CONT);
                }
            }
        }
        match waited {
            Ok(line) => {
                let event: Value = serde_json::from_str(&line).unwrap();
                if passed.came {
                    each(&event);
                }
                passed.events.push(event);
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        assert!(since.elapsed() < LIMIT, "behind {gate} it does not end; {:?}", passed.events.last());
    }
    passed.status = child.wait().unwrap().code();
    passed.took = since.elapsed();
    passed.said = complaints.join().unwrap();
    let _ = std::fs::remove_file(&plan);
    passed
}

/// Returns the processes of a site that are stopped.
fn held(dir: &Path) -> Vec<Pid> {
    let name = dir.as_os_str().as_encoded_bytes();
    let within = |bytes: Vec<u8>| memchr::memmem::find(&bytes, name).is_some();
    let is_held = |path: &Path| {
        let stat = std::fs::read_to_string(path.join("stat")).unwrap_or_default();
        stat.contains(") T ")
            && (within(std::fs::read(path.join("cmdline")).unwrap_or_default())
                || within(std::fs::read(path.join("environ")).unwrap_or_default())
                || std::fs::read_link(path.join("cwd")).is_ok_and(|cwd| cwd.starts_with(dir)))
    };
    let entries = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let pid = |path: &Path| Pid::from_raw(path.file_name()?.to_str()?.parse().ok()?);
    entries.filter(|path| is_held(path)).filter_map(|path| pid(&path)).collect()
}
