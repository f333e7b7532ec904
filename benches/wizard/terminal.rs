//! A program in a pseudo-terminal whose output is read at once, as a fast terminal would.

use std::io::{Read, Write};
use std::path::Path;
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use pty_process::blocking::{Command, Pty};
use rustix::process::{Pid, Signal, kill_process};

/// Columns and rows of all terminals.
pub const SIZE: (u16, u16) = (120, 36);

/// A program in a terminal. It is killed when this is dropped.
pub struct Terminal {
    child: Child,
    pty: Arc<Pty>,
    seen: Arc<Mutex<Seen>>,
    /// When the program was about to be started.
    pub started: Instant,
}

struct Seen {
    screen: vt100::Parser,
    first_text: Option<Instant>,
}

impl Terminal {
    /// Starts a program in `dir` and keeps its screen.
    pub fn start(program: &str, arguments: &[&str], dir: &Path) -> Self {
        let seen = Seen { screen: vt100::Parser::new(SIZE.1, SIZE.0, 0), first_text: None };
        Self::open(program, arguments, dir, Arc::new(Mutex::new(seen)), |seen, bytes| {
            let now = Instant::now();
            seen.screen.process(bytes);
            if seen.first_text.is_none() && !seen.screen.screen().contents().trim().is_empty() {
                seen.first_text = Some(now);
            }
        })
    }

    /// Starts a program in `dir` and throws away what it prints.
    pub fn start_unseen(program: &str, arguments: &[&str], dir: &Path) -> Self {
        let seen = Seen { screen: vt100::Parser::new(1, 1, 0), first_text: None };
        Self::open(program, arguments, dir, Arc::new(Mutex::new(seen)), |_, _| {})
    }

    fn open(
        program: &str,
        arguments: &[&str],
        dir: &Path,
        seen: Arc<Mutex<Seen>>,
        take: impl Fn(&mut Seen, &[u8]) + Send + 'static,
    ) -> Self {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        pty.resize(pty_process::Size::new(SIZE.1, SIZE.0)).unwrap();
        let pty = Arc::new(pty);
        let (reader, into) = (Arc::clone(&pty), Arc::clone(&seen));
        let command = Command::new(program).args(arguments).current_dir(dir).env_clear().envs(environment());
        let started = Instant::now();
        let child = command.spawn(pts).unwrap();
        thread::spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(count) = (&*reader).read(&mut buffer) {
                if count == 0 {
                    break;
                }
                take(&mut into.lock().unwrap(), &buffer[..count]);
            }
        });
        Self { child, pty, seen, started }
    }

    /// Presses keys.
    pub fn press(&self, keys: &str) {
        (&*self.pty).write_all(keys.as_bytes()).unwrap();
    }

    /// Returns what is on the screen.
    pub fn screen(&self) -> String {
        self.seen.lock().unwrap().screen.screen().contents()
    }

    /// Returns when the first readable text arrived.
    pub fn first_text(&self) -> Option<Instant> {
        self.seen.lock().unwrap().first_text
    }

    /// Returns the process.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// Waits until the program ends by itself.
    pub fn wait(&mut self) {
        self.child.wait().unwrap();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = Pid::from_raw(self.pid()).map(|pid| kill_process(pid, Signal::KILL));
            let _ = self.child.wait();
        }
    }
}

/// The environment of everything that is measured: the same for all, and nobody's own.
pub fn environment() -> Vec<(&'static str, String)> {
    let own = |name: &str| std::env::var(name).unwrap_or_default();
    vec![
        ("PATH", own("PATH")),
        ("HOME", own("HOME")),
        ("USER", own("USER")),
        ("TERM", "xterm-256color".into()),
        ("LC_ALL", "C.UTF-8".into()),
        ("TZ", "UTC".into()),
    ]
}
