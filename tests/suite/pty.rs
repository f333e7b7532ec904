//! A real terminal that the test itself holds: it has any size, reads as slowly as it likes, and goes away at will.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test stops at the first surprise")]

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Child, ExitStatus};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use pty_process::blocking::{Command, Pty, open};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{Termios, tcgetattr};

use crate::shop::PROGRAM;

/// How long something may take to show: the machine may be busy with other tests.
const LIMIT: Duration = Duration::from_mins(3);
/// As fast as it comes.
const FAST: usize = usize::MAX;

/// A terminal in which a program runs.
pub struct Held {
    pty: Option<Arc<Pty>>,
    /// Keeps the settings readable when the program has ended.
    other_side: File,
    before: Termios,
    child: Child,
    reader: Option<JoinHandle<()>>,
    read: Arc<Reading>,
}

/// What the reader of the terminal knows and is told.
struct Reading {
    screen: Mutex<vt100::Parser>,
    /// The last bytes that came.
    last: Mutex<Vec<u8>>,
    bytes: AtomicUsize,
    /// Bytes in a second; none are read when it is zero.
    speed: AtomicUsize,
    closed: AtomicBool,
}

impl Held {
    /// Opens a terminal in which the wizard runs on the site in `dir`.
    pub fn wizard(dir: &std::path::Path, size: (u16, u16)) -> Self {
        let command = Command::new(PROGRAM).arg("--site").arg(dir).env("TERM", "xterm-256color");
        Self::run(command, size)
    }

    /// Opens a terminal of so many columns and rows in which `command` runs.
    pub fn run(mut command: Command, (columns, rows): (u16, u16)) -> Self {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PIP_") || name == "NO_COLOR" {
                command = command.env_remove(name);
            }
        }
        let (pty, pts) = open().unwrap();
        pty.resize(pty_process::Size::new(rows, columns)).unwrap();
        let name = rustix::pty::ptsname(&pty, Vec::new()).unwrap().into_string().unwrap();
        let flags = (OFlags::NOCTTY | OFlags::CLOEXEC).bits();
        let other_side =
            OpenOptions::new().read(true).write(true).custom_flags(flags.cast_signed()).open(name).unwrap();
        let before = tcgetattr(&other_side).unwrap();
        let child = command.env("LC_ALL", "C.UTF-8").env("SHELL", "/bin/sh").spawn(pts).unwrap();
        fcntl_setfl(&pty, OFlags::NONBLOCK | OFlags::RDWR).unwrap();
        let pty = Arc::new(pty);
        let read = Arc::new(Reading {
            screen: Mutex::new(vt100::Parser::new(rows, columns, 0)),
            last: Mutex::default(),
            bytes: AtomicUsize::new(0),
            speed: AtomicUsize::new(FAST),
            closed: AtomicBool::new(false),
        });
        let (from, into) = (Arc::clone(&pty), Arc::clone(&read));
        let reader = std::thread::spawn(move || into.follow(&from));
        Self { pty: Some(pty), other_side, before, child, reader: Some(reader), read }
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn pty(&self) -> &Pty {
        self.pty.as_ref().expect("the terminal is still there")
    }

    /// Gives the terminal another size; zero is one, too.
    pub fn resize(&self, (columns, rows): (u16, u16)) {
        let size = (rows.max(1), columns.max(1));
        self.read.emulate(|screen| screen.screen_mut().set_size(size.0, size.1));
        self.read.emulate(|screen| {
            if screen.screen().size() != size {
                *screen = vt100::Parser::new(size.0, size.1, 0);
            }
        });
        self.pty().resize(pty_process::Size::new(rows, columns)).unwrap();
    }

    /// Types; a program that does not read leaves no room in the end.
    pub fn keys(&self, keys: &str) {
        let mut rest = keys.as_bytes();
        let limit = Instant::now() + LIMIT;
        while !rest.is_empty() {
            match self.pty().write(rest) {
                Ok(count) => rest = rest.split_at(count).1,
                Err(error) if error.kind() == ErrorKind::WouldBlock => sleep(Duration::from_millis(5)),
                Err(error) => panic!("{error}"),
            }
            assert!(Instant::now() < limit, "nobody reads the keys");
        }
    }

    /// Lets the terminal take so many bytes in a second from now on.
    pub fn speed(&self, bytes: usize) {
        self.read.speed.store(bytes, Ordering::SeqCst);
    }

    /// Lets it take what comes, as usual.
    pub fn fast(&self) {
        self.speed(FAST);
    }

    /// How many bytes it has taken.
    pub fn taken(&self) -> usize {
        self.read.bytes.load(Ordering::SeqCst)
    }

    /// Returns what the screen shows.
    pub fn screen(&self) -> String {
        self.read.screen.lock().unwrap().screen().contents()
    }

    /// Tells whether the program draws on a screen of its own and hides the cursor.
    pub fn is_taken(&self) -> bool {
        let screen = self.read.screen.lock().unwrap();
        screen.screen().alternate_screen() || screen.screen().hide_cursor()
    }

    /// Waits until the screen shows all of the texts; returns it.
    pub fn shows(&self, texts: &[&str]) -> String {
        self.until(|screen| texts.iter().all(|text| screen.contains(text)), &format!("{texts:?}"))
    }

    /// Waits until the screen is so; returns it.
    pub fn until(&self, is_so: impl Fn(&str) -> bool, what: &str) -> String {
        let limit = Instant::now() + LIMIT;
        loop {
            let screen = self.screen();
            if is_so(&screen) {
                return screen;
            }
            assert!(Instant::now() < limit, "{what} never showed; the screen is\n{screen}");
            sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the screen is the same as one that is drawn from scratch; digits are clocks, and do not count.
    pub fn is_as_freshly_drawn(&self, size: (u16, u16)) -> String {
        let limit = Instant::now() + LIMIT;
        loop {
            let before = still(|| self.screen());
            *self.read.screen.lock().unwrap() = vt100::Parser::new(size.1, size.0, 0);
            self.keys("\x0c");
            let after = self.until(|screen| !screen.trim().is_empty(), "a screen");
            let after = if same(&after, &before) { after } else { still(|| self.screen()) };
            if same(&after, &before) {
                return after;
            }
            assert!(Instant::now() < limit, "the screen was\n{before}\nand is, drawn again,\n{after}");
        }
    }

    /// Takes the terminal away, as a lost connection does.
    pub fn hang_up(&mut self) {
        self.read.closed.store(true, Ordering::SeqCst);
        self.reader.take().map(JoinHandle::join).unwrap().unwrap();
        self.pty = None;
    }

    /// Waits until the program has ended.
    pub fn ends(&mut self) -> ExitStatus {
        let limit = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < limit, "the program does not end; its screen is\n{}", self.screen());
            sleep(Duration::from_millis(10));
        }
    }

    /// Fails unless the terminal is as it was before the program came: its settings, its screen, its cursor, its mouse.
    pub fn is_sane(&self) {
        let taken = self.bytes_are_still();
        let now = tcgetattr(&self.other_side).unwrap();
        assert_eq!(settings(&now), settings(&self.before));
        assert!(!self.is_taken(), "{}", self.screen());
        let screen = self.read.screen.lock().unwrap();
        let screen = screen.screen();
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None, "{taken} bytes");
        assert!(!screen.bracketed_paste());
    }

    fn bytes_are_still(&self) -> usize {
        still(|| self.taken())
    }

    /// Returns the last bytes that came.
    pub fn last(&self) -> String {
        self.bytes_are_still();
        String::from_utf8_lossy(&self.read.last.lock().unwrap()).into_owned()
    }
}

impl Reading {
    /// The test's own emulator does not stand every change of size either: it begins anew then, as after a reset.
    fn emulate(&self, work: impl FnOnce(&mut vt100::Parser)) {
        let mut screen = self.screen.lock().unwrap();
        let (rows, columns) = screen.screen().size();
        if catch_unwind(AssertUnwindSafe(|| work(&mut screen))).is_err() {
            *screen = vt100::Parser::new(rows, columns, 0);
        }
    }

    fn follow(&self, mut pty: &Pty) {
        let mut buffer = vec![0; 64 << 10];
        while !self.closed.load(Ordering::SeqCst) {
            let speed = self.speed.load(Ordering::SeqCst);
            // Slowly: ten times a second.
            let most = if speed == FAST { buffer.len() } else { speed / 10 };
            let count = if most == 0 { Ok(0) } else { pty.read(buffer.split_at_mut(most.min(64 << 10)).0) };
            match count {
                Ok(count) => {
                    let bytes = buffer.split_at(count).0;
                    self.emulate(|screen| screen.process(bytes));
                    let mut last = self.last.lock().unwrap();
                    last.extend_from_slice(bytes);
                    let early = last.len().saturating_sub(4096);
                    last.drain(..early);
                    drop(last);
                    self.bytes.fetch_add(count, Ordering::SeqCst);
                    if speed != FAST {
                        sleep(Duration::from_millis(100));
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => sleep(Duration::from_millis(2)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Nobody has the other side open.
                Err(_) => sleep(Duration::from_millis(10)),
            }
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.read.closed.store(true, Ordering::SeqCst);
    }
}

/// The settings that `stty` shows.
fn settings(termios: &Termios) -> String {
    let Termios { input_modes, output_modes, control_modes, local_modes, .. } = termios;
    format!("{input_modes:?} {output_modes:?} {control_modes:?} {local_modes:?}")
}

/// Waits until a value is the same for a while, but not for long: clocks tick. Returns it.
pub fn still<T: PartialEq>(value: impl Fn() -> T) -> T {
    let limit = Instant::now() + Duration::from_secs(2);
    let mut known = value();
    let mut since = Instant::now();
    while since.elapsed() < Duration::from_millis(150) && Instant::now() < limit {
        sleep(Duration::from_millis(10));
        let now = value();
        if now != known {
            known = now;
            since = Instant::now();
        }
    }
    known
}

/// Tells whether two screens are the same, but for their clocks.
fn same(one: &str, other: &str) -> bool {
    let plain = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "0");
    plain(one) == plain(other)
}

/// What `/proc/PID/stat` tells: the state of a process, and the ticks of processor time that it took.
fn stat(pid: Pid) -> Option<(char, u64)> {
    let text = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    let (_, fields) = text.rsplit_once(") ")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    let number = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok());
    Some((fields.first()?.chars().next()?, number(11)? + number(12)?))
}

/// Waits until a process is in this state.
pub fn becomes(pid: Pid, state: char) {
    let limit = Instant::now() + LIMIT;
    while stat(pid).is_none_or(|(now, _)| now != state) {
        assert!(Instant::now() < limit, "the process is {:?}, not {state}", stat(pid));
        sleep(Duration::from_millis(10));
    }
}

/// Measures for two seconds how much of a processor a process takes, in percent.
fn busy(pid: Pid) -> u64 {
    let (begun, ticks) = (Instant::now(), stat(pid).unwrap().1);
    while begun.elapsed() < Duration::from_secs(2) {
        sleep(Duration::from_millis(50));
    }
    // A tick is a hundredth of a second.
    (stat(pid).unwrap().1 - ticks) * 1000 / u64::try_from(begun.elapsed().as_millis()).unwrap()
}

/// Fails unless a process soon takes less than five percent of a processor: it may have something to finish.
pub fn comes_to_rest(pid: Pid) {
    let limit = Instant::now() + LIMIT;
    let mut shares = Vec::new();
    loop {
        shares.push(busy(pid));
        if shares.last().is_some_and(|share| *share < 5) {
            return;
        }
        assert!(Instant::now() < limit, "it never rests: {shares:?} %");
    }
}

/// Returns the memory that a process has, in megabytes.
pub fn memory(pid: Pid) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1000
}

/// Sends a signal.
pub fn signal(pid: Pid, signal: Signal) {
    kill_process(pid, signal).unwrap();
}
