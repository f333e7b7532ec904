//! Reads the complete lines of a growing log, in bounded memory and, while its command runs, in bounded time.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::messages::line::plain;

/// A line longer than this is fed in pieces.
const LONGEST_LINE: usize = 1 << 20;
/// How much is read at once.
const CHUNK: usize = 256 << 10;

/// A log, and how far it was read.
#[derive(Debug)]
pub struct Tail {
    file: Option<File>,
    path: PathBuf,
    position: u64,
    /// The line that has no end yet.
    rest: Vec<u8>,
    buffer: Vec<u8>,
}

impl Tail {
    /// Reads a log, which need not exist yet, from this byte on.
    #[must_use]
    pub fn new(path: &Path, position: u64) -> Self {
        Self { file: None, path: path.to_owned(), position, rest: Vec::new(), buffer: Vec::new() }
    }

    /// Returns the byte up to which it was read.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// Feeds what is complete up to byte `end` for about as long as `patience`; tells whether more is left.
    pub fn read(&mut self, end: u64, patience: Duration, feed: &mut dyn FnMut(&str)) -> bool {
        if self.file.is_none() {
            self.file = File::open(&self.path).ok();
        }
        let Some(file) = self.file.take() else { return false };
        let end = file.metadata().map_or(0, |data| data.len()).min(end);
        let begun = Instant::now();
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut broken = false;
        while self.position < end {
            buffer.resize(CHUNK, 0);
            let want = usize::try_from(end - self.position).map_or(CHUNK, |want| want.min(CHUNK));
            let Some(slice) = buffer.get_mut(..want) else { break };
            let count = file.read_at(slice, self.position).unwrap_or(0);
            self.position += count as u64;
            self.take(slice.get(..count).unwrap_or_default(), feed);
            broken = count == 0;
            if broken || begun.elapsed() >= patience {
                break;
            }
        }
        self.buffer = buffer;
        self.file = Some(file);
        self.position < end && !broken
    }

    fn take(&mut self, mut bytes: &[u8], feed: &mut dyn FnMut(&str)) {
        while let Some(at) = memchr::memchr(b'\n', bytes) {
            let (line, after) = bytes.split_at(at);
            if self.rest.is_empty() {
                feed(&plain(line));
            } else {
                self.rest.extend_from_slice(line);
                self.finish(feed);
            }
            bytes = after.get(1..).unwrap_or_default();
        }
        self.rest.extend_from_slice(bytes);
        if self.rest.len() > LONGEST_LINE {
            self.finish(feed);
        }
    }

    /// Feeds the line that has no end.
    pub fn finish(&mut self, feed: &mut dyn FnMut(&str)) {
        if !self.rest.is_empty() {
            feed(&plain(&self.rest));
            self.rest.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use assert_fs::TempDir;

    use super::*;

    const LONG: Duration = Duration::from_mins(1);

    /// The lines of a log that is read up to `end` after each of its pieces was written.
    fn fed(pieces: &[&str], end: u64) -> Vec<String> {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("log");
        let mut tail = Tail::new(&path, 0);
        let mut lines = Vec::new();
        let mut feed = |line: &str| lines.push(line.to_owned());
        assert!(!tail.read(end, LONG, &mut feed));
        let mut written = String::new();
        for piece in pieces {
            written.push_str(piece);
            std::fs::write(&path, &written).unwrap();
            assert!(!tail.read(end, LONG, &mut feed));
        }
        tail.finish(&mut feed);
        lines
    }

    #[test]
    fn lines_come_whole_however_they_were_written() {
        let pieces = ["one\r\ntw", "o", "\r\n\r\nthr", "ee"];
        assert_eq!(fed(&pieces, u64::MAX), ["one", "two", "", "three"]);
    }

    #[test]
    fn nothing_behind_the_last_byte_is_read() {
        assert_eq!(fed(&["one\ntwo\nthree\n"], 6), ["one", "tw"]);
    }

    #[test]
    fn a_flood_is_read_in_pieces_and_completely() {
        let flood = "a line of the flood\n".repeat(100_000);
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("log");
        std::fs::write(&path, &flood).unwrap();
        let mut tail = Tail::new(&path, 0);
        let (mut lines, mut pieces) = (0, 1);
        while tail.read(u64::MAX, Duration::ZERO, &mut |_| lines += 1) {
            pieces += 1;
        }
        assert_eq!((lines, pieces), (100_000, flood.len().div_ceil(CHUNK)));
    }

    #[test]
    fn a_line_without_end_is_fed_in_pieces() {
        let lines = fed(&[&"x".repeat(3 * LONGEST_LINE)], u64::MAX);
        assert_eq!(lines.iter().map(String::len).sum::<usize>(), 3 * LONGEST_LINE);
        assert!(lines.iter().all(|line| line.len() <= LONGEST_LINE + CHUNK), "{}", lines.len());
    }
}
