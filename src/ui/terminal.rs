//! The operator's terminal: taken over for the wizard, and given back on every way out.
//!
//! What is drawn goes through a thread of its own, so that a slow or dead connection never holds up the wizard.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{cursor, execute, terminal};
use ratatui::backend::CrosstermBackend;
use rustix::process::{Signal, kill_current_process_group};

use super::emulator;

/// Whether the terminal is taken over now.
static TAKEN: AtomicBool = AtomicBool::new(false);
/// Whether a panic gave it back.
static PANICKED: AtomicBool = AtomicBool::new(false);

/// Buttons, dragging and the wheel, in coordinates without limit. Not every movement: that would be a flood over SSH.
const MOUSE_ON: &[u8] = b"\x1b[?1000h\x1b[?1002h\x1b[?1006h";
const MOUSE_OFF: &[u8] = b"\x1b[?1006l\x1b[?1002l\x1b[?1000l";
/// How long giving the terminal back may take before it is given up.
const PATIENCE: Duration = Duration::from_millis(500);

/// The screen that ratatui draws on.
pub type Screen = ratatui::Terminal<CrosstermBackend<Pipe>>;

/// Tells whether both ends are a terminal.
#[must_use]
pub fn is_there() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Tells whether the terminal can still be asked for its settings; a hung-up one cannot.
#[must_use]
pub fn is_alive() -> bool {
    rustix::termios::tcgetattr(io::stdin()).is_ok()
}

/// Tells whether a panic somewhere in the program gave the terminal back.
#[must_use]
pub fn has_panicked() -> bool {
    PANICKED.load(Ordering::SeqCst)
}

/// Tells whether somebody would continue this process when it is stopped: a shell of the same session above its group.
/// The system itself does not stop others by Ctrl-Z, nor may we: `ssh -t host lino-upgrade` would stand still for ever.
#[must_use]
pub fn has_shell() -> bool {
    let mut pid = "self".to_owned();
    let mut own = None;
    loop {
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
        // Behind the name, which may hold anything: state, parent, group, session.
        let Some((_, fields)) = stat.rsplit_once(") ") else { return false };
        let mut fields = fields.split(' ').skip(1).map(str::to_owned);
        let (Some(parent), Some(group), Some(session)) = (fields.next(), fields.next(), fields.next()) else {
            return false;
        };
        let (own_group, own_session) = own.get_or_insert_with(|| (group.clone(), session.clone()));
        if session != *own_session || parent == "0" {
            return false;
        }
        if group != *own_group {
            return true;
        }
        pid = parent;
    }
}

/// Takes the terminal over as long as it lives.
#[derive(Debug)]
pub struct Guard(());

impl Guard {
    /// Takes the terminal over and sees to it that a panic gives it back.
    pub fn enter() -> io::Result<Self> {
        static HOOK: std::sync::Once = std::sync::Once::new();
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                // A fault of the terminal emulator is caught where it happens; the screen stays.
                if emulator::is_guarded() {
                    return;
                }
                if TAKEN.load(Ordering::SeqCst) {
                    PANICKED.store(true, Ordering::SeqCst);
                    give_back();
                }
                before(info);
            }));
        });
        let guard = Self(());
        take()?;
        Ok(guard)
    }

    /// Stops the process group, as Ctrl-Z does in a shell; returns when it was continued.
    #[expect(clippy::unused_self, reason = "only who has taken the terminal may give it back for a while")]
    pub fn suspend(&self) -> io::Result<()> {
        give_back();
        // Not TSTP, which may have been the reason, and would come here again.
        kill_current_process_group(Signal::STOP)?;
        // The signal may arrive a moment later; the terminal must not be taken again before it has.
        std::thread::sleep(Duration::from_millis(50));
        take()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        give_back();
    }
}

/// Takes the terminal (again, after the process was continued).
pub fn take() -> io::Result<()> {
    terminal::enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    let mut out = io::stdout();
    execute!(out, EnterAlternateScreen, EnableBracketedPaste, cursor::Hide)?;
    out.write_all(MOUSE_ON)?;
    out.flush()
}

/// Gives the terminal back. Does not wait for ever for a terminal that takes nothing.
fn give_back() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let (done, wait) = channel();
    let writing = std::thread::Builder::new().spawn(move || {
        let mut out = io::stdout();
        // Errors mean that there is no terminal any more to be given back.
        let _ = out.write_all(MOUSE_OFF);
        let _ = execute!(out, DisableBracketedPaste, LeaveAlternateScreen, cursor::Show);
        let _ = done.send(());
    });
    if writing.is_ok() {
        let _ = wait.recv_timeout(PATIENCE);
    }
    let _ = terminal::disable_raw_mode();
}

/// The way to the terminal: collects what is drawn and hands it to the writing thread.
#[derive(Debug)]
pub struct Pipe {
    buffer: Vec<u8>,
    output: Output,
}

/// The writing thread, as seen from outside.
#[derive(Clone, Debug)]
pub struct Output {
    chunks: Sender<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
}

impl Output {
    /// Starts the thread; `gone` is called once when the terminal takes nothing any more.
    pub fn start(gone: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let (chunks, inbox) = channel::<Vec<u8>>();
        let waiting = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&waiting);
        std::thread::Builder::new().name("terminal writer".to_owned()).spawn(move || {
            let mut out = io::stdout();
            for chunk in inbox {
                let written = out.write_all(&chunk).and_then(|()| out.flush());
                counter.fetch_sub(1, Ordering::SeqCst);
                if written.is_err() {
                    gone();
                    return;
                }
            }
        })?;
        Ok(Self { chunks, waiting })
    }

    /// Hands bytes over; never blocks.
    pub fn send(&self, bytes: Vec<u8>) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        if self.chunks.send(bytes).is_err() {
            self.waiting.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Tells whether the terminal took all that was sent.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) == 0
    }

    /// Waits a little for the terminal to take what was sent.
    pub fn drain(&self) {
        let begun = Instant::now();
        while !self.is_idle() && begun.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Builds the screen that draws through this thread.
    pub fn screen(&self) -> io::Result<Screen> {
        ratatui::Terminal::new(CrosstermBackend::new(Pipe { buffer: Vec::new(), output: self.clone() }))
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.buffer.is_empty() {
            self.output.send(std::mem::take(&mut self.buffer));
        }
        Ok(())
    }
}
