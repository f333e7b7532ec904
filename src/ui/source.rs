//! The adapter to the log files of the runner. The log pane knows no other way to a file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// A raw line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawLine {
    /// Its bytes without the line end, possibly only the first of them.
    pub bytes: Vec<u8>,
    /// Whether bytes were left out.
    pub cut: bool,
}

/// Where to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Towards the end.
    Forward,
    /// Towards the beginning.
    Backward,
}

/// Every how many lines the index remembers an offset.
const STRIDE: u64 = 1024;
/// How much one `refresh` reads at most.
const BOUND: u64 = 16 << 20;
/// How much is read at once.
const CHUNK: usize = 256 << 10;
/// How much of a line is read.
const LONGEST: usize = 16 << 10;

/// A log that may grow.
#[derive(Debug)]
pub struct Source {
    path: PathBuf,
    file: Option<File>,
    from: u64,
    indexed: u64,
    ends: u64,
    marks: Vec<u64>,
    last: u8,
    buffer: Vec<u8>,
}

impl Source {
    /// Opens a log, which need not exist yet, from this byte on.
    #[must_use]
    pub fn open(path: &Path, from: u64) -> Self {
        let (path, marks) = (path.to_owned(), vec![from]);
        Self { path, file: None, from, indexed: from, ends: 0, marks, last: b'\n', buffer: Vec::new() }
    }

    /// Takes in what was appended; tells whether more is left to be read.
    pub fn refresh(&mut self) -> io::Result<bool> {
        if self.file.is_none() {
            match File::open(&self.path) {
                Ok(file) => self.file = Some(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        let Some(file) = &mut self.file else { return Ok(false) };
        let len = file.metadata()?.len();
        if len < self.indexed && self.indexed > self.from {
            // Somebody emptied it: its lines begin anew.
            (self.from, self.indexed, self.ends, self.marks, self.last) = (0, 0, 0, vec![0], b'\n');
        }
        let mut left = len.saturating_sub(self.indexed).min(BOUND);
        if left == 0 {
            return Ok(false);
        }
        file.seek(SeekFrom::Start(self.indexed))?;
        self.buffer.resize(CHUNK, 0);
        while left > 0 {
            let n = file.read(&mut self.buffer)?;
            let Some(chunk) = self.buffer.get(..n).filter(|chunk| !chunk.is_empty()) else { break };
            for at in memchr::memchr_iter(b'\n', chunk) {
                self.ends += 1;
                if self.ends.is_multiple_of(STRIDE) {
                    self.marks.push(self.indexed + at as u64 + 1);
                }
            }
            self.last = chunk.last().copied().unwrap_or(self.last);
            self.indexed += n as u64;
            left = left.saturating_sub(n as u64);
        }
        Ok(self.indexed < len)
    }

    /// Returns how many bytes were taken in.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.indexed
    }

    /// Returns how many lines there are, an unfinished last one included.
    #[must_use]
    pub const fn line_count(&self) -> u64 {
        if self.last == b'\n' { self.ends } else { self.ends + 1 }
    }

    /// Reads lines; fewer at the end of the log.
    pub fn lines(&mut self, first: u64, count: usize) -> io::Result<Vec<RawLine>> {
        let mut lines = Vec::new();
        self.each(first, &mut |_, line| {
            lines.push(line);
            lines.len() < count
        })?;
        Ok(lines)
    }

    /// Looks for the nearest line from `from` on that the predicate likes.
    pub fn find_where(
        &mut self,
        from: u64,
        direction: Direction,
        likes: &mut dyn FnMut(&[u8]) -> bool,
    ) -> io::Result<Option<u64>> {
        match direction {
            Direction::Forward => {
                let mut found = None;
                self.each(from, &mut |number, line| {
                    if likes(&line.bytes) {
                        found = Some(number);
                    }
                    found.is_none()
                })?;
                Ok(found)
            }
            Direction::Backward => {
                let mut block = from / STRIDE;
                loop {
                    let mut found = None;
                    let end = ((block + 1) * STRIDE - 1).min(from);
                    self.each(block * STRIDE, &mut |number, line| {
                        if number <= end && likes(&line.bytes) {
                            found = Some(number);
                        }
                        number < end
                    })?;
                    if found.is_some() || block == 0 {
                        return Ok(found);
                    }
                    block -= 1;
                }
            }
        }
    }

    /// Goes through the lines from `first` on until `take` says no.
    pub fn each(&mut self, first: u64, take: &mut dyn FnMut(u64, RawLine) -> bool) -> io::Result<()> {
        if first >= self.line_count() {
            return Ok(());
        }
        let mark = usize::try_from(first / STRIDE).unwrap_or(0);
        let Some(offset) = self.marks.get(mark).copied() else { return Ok(()) };
        let Some(file) = &mut self.file else { return Ok(()) };
        file.seek(SeekFrom::Start(offset))?;
        let mut reader = io::BufReader::with_capacity(CHUNK, file.take(self.indexed.saturating_sub(offset)));
        let mut number = first / STRIDE * STRIDE;
        while let Some(line) = raw_line(&mut reader)? {
            if number >= first && !take(number, line) {
                break;
            }
            number += 1;
        }
        Ok(())
    }
}

fn raw_line(reader: &mut dyn io::BufRead) -> io::Result<Option<RawLine>> {
    let mut line = RawLine { bytes: Vec::new(), cut: false };
    let mut any = false;
    loop {
        let chunk = reader.fill_buf()?;
        if chunk.is_empty() {
            return Ok(any.then_some(line));
        }
        any = true;
        let end = memchr::memchr(b'\n', chunk);
        let part = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or(chunk);
        let room = LONGEST - line.bytes.len();
        line.cut |= part.len() > room;
        line.bytes.extend_from_slice(part.get(..room).unwrap_or(part));
        let used = part.len() + usize::from(end.is_some());
        reader.consume(used);
        if end.is_some() {
            return Ok(Some(line));
        }
    }
}
