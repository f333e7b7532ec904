//! The pseudo-terminal of the runner: every byte of it goes to the log of the running command.
//!
//! A thread reads it with large buffers and writes each read once. When the disk is full it stops reading, so the
//! command waits; no byte is lost.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use pty_process::blocking::{Pts, Pty};

use super::serve::Wake;

/// How much of the unfinished last line is kept, in bytes.
const LAST_LINE: usize = 500;

/// Where the output goes, and what is known of its end.
pub(super) struct Sink {
    file: Option<File>,
    /// Where in the log the output ends, in bytes from its beginning.
    pub length: u64,
    /// When the last output came, or was written.
    pub last: Instant,
    /// Output waits until the log can be written.
    pub stuck: bool,
    /// The unfinished last line, raw.
    pub line: Vec<u8>,
    /// What the shim writes after the command; its arrival proves that everything was read.
    mark: Vec<u8>,
    held: Vec<u8>,
}

impl Sink {
    /// Sends output to `path` from now on; returns where it begins.
    pub fn open(&mut self, path: &Path, mark: &str) -> io::Result<u64> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        self.length = file.metadata()?.len();
        self.file = Some(file);
        self.line.clear();
        self.held.clear();
        self.mark = mark.as_bytes().to_vec();
        self.last = Instant::now();
        Ok(self.length)
    }

    /// Writes what is held back and syncs the log; output that comes later belongs to no command.
    pub fn close(&mut self) -> u64 {
        let held = std::mem::take(&mut self.held);
        if let Some(file) = &mut self.file {
            if !held.is_empty() && file.write_all(&held).is_ok() {
                self.length = end_of(file).unwrap_or(self.length + held.len() as u64);
            }
            let _ = file.sync_all();
        }
        self.file = None;
        self.mark.clear();
        self.length
    }

    /// Splits new bytes into those to write and whether the mark came; a beginning of the mark at the end is held.
    fn sift<'a>(&mut self, bytes: &'a [u8]) -> (Cow<'a, [u8]>, bool) {
        let first = self.mark.first().copied();
        let may_hold_mark = first.is_some_and(|first| memchr::memchr(first, bytes).is_some());
        if self.held.is_empty() && !may_hold_mark {
            // What nearly always comes: it is passed on as it is.
            return (Cow::Borrowed(bytes), false);
        }
        let mut all = std::mem::take(&mut self.held);
        all.extend_from_slice(bytes);
        if self.mark.is_empty() {
            return (Cow::Owned(all), false);
        }
        if let Some(at) = memchr::memmem::find(&all, &self.mark) {
            let after = all.split_off(at);
            all.extend_from_slice(after.get(self.mark.len()..).unwrap_or_default());
            return (Cow::Owned(all), true);
        }
        let longest = self.mark.len().saturating_sub(1).min(all.len());
        let keep = (1..=longest).rev().find(|count| all.ends_with(self.mark.get(..*count).unwrap_or_default()));
        if let Some(keep) = keep {
            self.held = all.split_off(all.len() - keep);
        }
        (Cow::Owned(all), false)
    }

    fn remember(&mut self, bytes: &[u8]) {
        self.last = Instant::now();
        if let Some(at) = memchr::memrchr(b'\n', bytes) {
            self.line.clear();
            self.line.extend_from_slice(bytes.get(at + 1..).unwrap_or_default());
        } else {
            self.line.extend_from_slice(bytes);
        }
        if self.line.len() > LAST_LINE {
            self.line.drain(..self.line.len() - LAST_LINE);
        }
    }
}

/// The master side, with its reader and writer threads.
#[derive(Clone)]
pub(super) struct Terminal {
    /// The master.
    pub pty: Arc<Pty>,
    /// Where output goes.
    pub sink: Arc<Mutex<Sink>>,
    typed: Sender<Vec<u8>>,
}

impl Terminal {
    /// Opens a terminal; `wake` hears of marks, of trouble with the log, and of the end.
    pub fn open(wake: Sender<Wake>) -> io::Result<(Self, Pts)> {
        let (pty, pts) = pty_process::blocking::open().map_err(io::Error::other)?;
        pty.resize(pty_process::Size::new(24, 80)).map_err(io::Error::other)?;
        let pty = Arc::new(pty);
        let sink = Arc::new(Mutex::new(Sink {
            file: None,
            length: 0,
            last: Instant::now(),
            stuck: false,
            line: Vec::new(),
            mark: Vec::new(),
            held: Vec::new(),
        }));
        let (typed, keys) = std::sync::mpsc::channel::<Vec<u8>>();
        let writer = Arc::clone(&pty);
        thread::Builder::new().name("typist".into()).spawn(move || {
            use rustix::io::Errno;
            while let Ok(mut bytes) = keys.recv() {
                let result = (&*writer).write_all(&bytes);
                secrecy::zeroize::Zeroize::zeroize(&mut bytes);
                if result.is_err_and(|error| error.raw_os_error() != Some(Errno::INTR.raw_os_error())) {
                    return;
                }
            }
        })?;
        let (reader, into) = (Arc::clone(&pty), Arc::clone(&sink));
        thread::Builder::new().name("reader".into()).spawn(move || read(&reader, &into, &wake))?;
        Ok((Self { pty, sink, typed }, pts))
    }

    /// Types into the terminal; never blocks.
    pub fn input(&self, bytes: Vec<u8>) {
        let _ = self.typed.send(bytes);
    }

    /// Locks the sink.
    pub fn sink(&self) -> std::sync::MutexGuard<'_, Sink> {
        self.sink.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(mut pty: &Pty, sink: &Mutex<Sink>, wake: &Sender<Wake>) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match pty.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                let bytes = buffer.get(..count).unwrap_or_default();
                if store(bytes, sink, wake) && wake.send(Wake::Mark).is_err() {
                    return;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // EIO: nobody has the other side open any more.
            Err(_) => break,
        }
    }
    let _ = wake.send(Wake::Hangup);
}

/// Returns where in the log the last write ended. The wizard writes notes into it, too, so bytes are not counted.
fn end_of(log: &mut File) -> Option<u64> {
    log.stream_position().ok()
}

/// Writes bytes to the log, waiting as long as it cannot be written; tells whether the mark came.
fn store(bytes: &[u8], sink: &Mutex<Sink>, wake: &Sender<Wake>) -> bool {
    let mut guard = sink.lock().unwrap_or_else(PoisonError::into_inner);
    let (bytes, marked) = guard.sift(bytes);
    guard.remember(&bytes);
    let mut rest: &[u8] = &bytes;
    let mut troubled = false;
    while !rest.is_empty() {
        let Some(file) = &mut guard.file else { break };
        match file.write(rest) {
            Ok(count) if count > 0 => {
                let end = end_of(file);
                guard.length = end.unwrap_or(guard.length + count as u64);
                rest = rest.get(count..).unwrap_or_default();
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => {
                let message = other.err().map_or_else(|| "nothing could be written".into(), |error| error.to_string());
                if !troubled {
                    troubled = true;
                    guard.stuck = true;
                    let _ = wake.send(Wake::LogTrouble(message));
                }
                drop(guard);
                thread::sleep(Duration::from_millis(200));
                guard = sink.lock().unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
    if troubled {
        guard.stuck = false;
        guard.last = Instant::now();
    }
    drop(guard);
    if troubled {
        let _ = wake.send(Wake::LogRecovered);
    }
    marked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sink(mark: &str) -> Sink {
        Sink {
            file: None,
            length: 0,
            last: Instant::now(),
            stuck: false,
            line: Vec::new(),
            mark: mark.as_bytes().to_vec(),
            held: Vec::new(),
        }
    }

    #[test]
    fn the_mark_is_taken_out_wherever_it_is_cut() {
        let text = b"last line\n<<mark>>from a daemon";
        for cut in 0..text.len() {
            let mut sink = sink("<<mark>>");
            let (first, seen_first) = sink.sift(&text[..cut]);
            let (second, seen_second) = sink.sift(&text[cut..]);
            assert_eq!(
                ([first, second].concat().as_slice(), seen_first || seen_second),
                (&b"last line\nfrom a daemon"[..], true),
                "{cut}"
            );
        }
    }

    fn note(log: &Path, text: &str) {
        OpenOptions::new().append(true).open(log).unwrap().write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn output_ends_behind_the_notes_that_the_wizard_writes_meanwhile() {
        let dir = assert_fs::TempDir::new().unwrap();
        let log = dir.path().join("step.log");
        std::fs::write(&log, "$ make\n").unwrap();
        let mut sink = sink("");
        assert_eq!(sink.open(&log, "<<mark>>").unwrap(), 7);
        let (wake, _heard) = std::sync::mpsc::channel();
        let sink = Mutex::new(sink);
        store(b"one\n", &sink, &wake);
        note(&log, "! somebody writes\n");
        assert!(store(b"made\n<<mark>>", &sink, &wake));
        note(&log, "later\n");
        let end = sink.into_inner().unwrap().close();
        let text = std::fs::read_to_string(&log).unwrap();
        assert_eq!(&text[..usize::try_from(end).unwrap()], "$ make\none\n! somebody writes\nmade\n");
    }

    #[test]
    fn what_only_looks_like_the_mark_is_written() {
        let mut sink = sink("<<mark>>");
        let (first, _) = sink.sift(b"a <<ma");
        let (second, seen) = sink.sift(b"ry b");
        assert_eq!(([first, second].concat().as_slice(), seen), (&b"a <<mary b"[..], false));
    }

    #[test]
    fn the_unfinished_last_line_is_remembered_and_bounded() {
        let mut sink = sink("");
        sink.remember(b"one\ntwo");
        sink.remember(b" three");
        assert_eq!(sink.line, b"two three");
        sink.remember(&[b'x'; 2000]);
        assert_eq!(sink.line.len(), LAST_LINE);
    }
}
