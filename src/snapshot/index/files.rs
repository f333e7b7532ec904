//! The row files that were read so far.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::known::Want;
use super::row::{self, Written};
use super::scan::{self, Entry, Place, Scanned, Stamp};
use crate::dump::Script;
use crate::messages::line::plain;
use crate::snapshot::verify::{SnapshotError, unreadable};

/// The row files of a directory.
#[derive(Debug)]
pub(super) struct Files {
    folder: PathBuf,
    known: HashMap<String, Indexed>,
    /// Those that were changed after they had been read.
    pub read_again: BTreeSet<String>,
}

/// A row file that was read.
#[derive(Debug)]
struct Indexed {
    stamp: Stamp,
    columns: BTreeMap<usize, Vec<Entry>>,
    lines: Vec<Place>,
}

impl Files {
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, known: HashMap::new(), read_again: BTreeSet::new() }
    }

    /// Forgets all that was read.
    pub fn clear(&mut self) {
        self.known.clear();
    }

    /// Returns how many bytes are kept for them, apart from their names.
    pub fn bytes(&self) -> usize {
        let of = |file: &Indexed| {
            let entries: usize = file.columns.values().map(Vec::capacity).sum();
            entries * size_of::<Entry>() + file.lines.capacity() * size_of::<Place>()
        };
        self.known.values().map(of).sum()
    }

    /// Returns where rows begin whose value at `place` has this mark, in a file that was read.
    pub fn marked(&self, name: &str, place: usize, mark: u64) -> &[Entry] {
        let column = self.known.get(name).and_then(|file| file.columns.get(&place));
        let column = column.map(Vec::as_slice).unwrap_or_default();
        let entries = column.get(column.partition_point(|entry| entry.mark < mark)..).unwrap_or_default();
        entries.get(..entries.partition_point(|entry| entry.mark == mark)).unwrap_or_default()
    }

    /// Reads the files that were not read yet for what is wanted, or were changed since, on all cores. The script knows
    /// the models that are named in them.
    pub fn read<'a>(
        &mut self,
        script: &Script,
        wants: impl IntoIterator<Item = Want<'a>>,
    ) -> Result<(), SnapshotError> {
        let mut work = Vec::new();
        for mut want in wants {
            let path = self.path_of(want.file)?;
            let data = match std::fs::metadata(&path) {
                Ok(data) => data,
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    if self.known.remove(want.file).is_some() {
                        self.read_again.insert(want.file.to_owned());
                    }
                    continue;
                }
                Err(error) => return Err(unreadable(&path, error)),
            };
            match self.known.get(want.file) {
                Some(known) if known.stamp == Stamp::of(&data) => {
                    want.places.retain(|place| !known.columns.contains_key(place));
                    if want.places.is_empty() {
                        continue;
                    }
                }
                Some(known) => {
                    want.places.extend(known.columns.keys());
                    self.known.remove(want.file);
                    self.read_again.insert(want.file.to_owned());
                }
                None => {}
            }
            want.places.sort_unstable();
            want.places.dedup();
            work.push((data.len(), path, want));
        }
        work.sort_by_key(|(size, ..)| std::cmp::Reverse(*size));
        for (at, found) in scan_all(script, &work) {
            let Some((_, path, want)) = work.get(at) else { continue };
            let (Scanned { columns, lines }, stamp) = found.map_err(|error| unreadable(path, error))?;
            let file = self.known.entry(want.file.to_owned()).or_insert_with(|| Indexed {
                stamp,
                columns: BTreeMap::new(),
                lines: Vec::new(),
            });
            file.lines = lines;
            file.columns.extend(want.places.iter().copied().zip(columns));
        }
        Ok(())
    }

    /// A name from elsewhere must not lead out of the directory.
    fn path_of(&self, file: &str) -> Result<PathBuf, SnapshotError> {
        if Path::new(file).file_name().is_some_and(|only| only == file) {
            Ok(self.folder.join(file))
        } else {
            let shown = plain(file.as_bytes()).into_owned();
            Err(unreadable(&self.folder, format!("{shown} is no file of this directory")))
        }
    }

    /// Opens a file of the directory.
    pub fn open(&self, name: &str) -> Result<File, SnapshotError> {
        let path = self.path_of(name)?;
        File::open(&path).map_err(|error| unreadable(&path, error))
    }

    /// Returns the number of the line that begins at a byte of a file that was read.
    pub fn line_at(&self, name: &str, at: u64) -> Result<u64, SnapshotError> {
        let Place { at: start, mut line } = self.near(name, at);
        self.pieces(name, start, |piece, from| {
            let length = usize::try_from(at - from).map_or(piece.len(), |left| left.min(piece.len()));
            line += memchr::memchr_iter(b'\n', piece.get(..length).unwrap_or_default()).count() as u64;
            (from + length as u64 >= at).then_some(())
        })?;
        Ok(line)
    }

    /// Returns the last line that was noted up to a byte of a file that was read.
    fn near(&self, name: &str, at: u64) -> Place {
        let places = self.known.get(name).map(|file| file.lines.as_slice()).unwrap_or_default();
        let near = places.get(..places.partition_point(|place| place.at <= at)).and_then(<[Place]>::last);
        near.copied().unwrap_or(Place { at: 0, line: 1 })
    }

    /// Hands out the rows that begin at these bytes of a file that was read, each with its line. They have to be in
    /// ascending order: then a million of them is one pass over the file.
    pub fn rows(
        &self,
        name: &str,
        begins: impl IntoIterator<Item = u64>,
        mut take: impl FnMut(u64, u64, &Written),
    ) -> Result<(), SnapshotError> {
        let file = self.open(name)?;
        let unread = |error| unreadable(&self.folder.join(name), error);
        let mut window = Window::default();
        let mut place = Place { at: 0, line: 1 };
        for at in begins {
            let near = self.near(name, at);
            if near.at > place.at {
                place = near;
            }
            while place.at < at {
                let piece = window.from(&file, place.at).map_err(unread)?;
                let piece = piece.get(..usize::try_from(at - place.at).unwrap_or(usize::MAX)).unwrap_or(piece);
                if piece.is_empty() {
                    break;
                }
                place.line += memchr::memchr_iter(b'\n', piece).count() as u64;
                place.at += piece.len() as u64;
            }
            let written = match row::whole(window.from(&file, at).map_err(unread)?) {
                Some(written) => written,
                None => self.row(&file, name, at)?,
            };
            take(at, place.line, &written);
        }
        Ok(())
    }

    /// Returns the first bytes of a file, in which its heading stands; none when it is not there.
    pub fn head(&self, name: &str) -> Result<Option<Vec<u8>>, SnapshotError> {
        if !self.known.contains_key(name) {
            return Ok(None);
        }
        let file = self.open(name)?;
        let mut window = Window::default();
        let head = window.from(&file, 0).map_err(|error| unreadable(&self.folder.join(name), error))?;
        Ok(Some(head.to_owned()))
    }

    /// Returns the byte at which a line of a file that was read begins; none when it has fewer.
    pub fn begin_of(&self, name: &str, line: u64) -> Result<Option<u64>, SnapshotError> {
        let Some(file) = self.known.get(name) else { return Ok(None) };
        let near = file.lines.partition_point(|place| place.line <= line).checked_sub(1);
        let Some(near) = near.and_then(|near| file.lines.get(near)) else { return Ok(None) };
        let mut left = line - near.line;
        let mut begin = (left == 0).then_some(near.at);
        if begin.is_some() {
            return Ok(begin);
        }
        self.pieces(name, near.at, |piece, from| {
            for end in memchr::memchr_iter(b'\n', piece) {
                left -= 1;
                if left == 0 {
                    begin = Some(from + end as u64 + 1);
                    return Some(());
                }
            }
            None
        })?;
        Ok(begin)
    }

    /// Reads the row or line that begins at a byte of a file.
    pub fn row(&self, file: &File, name: &str, at: u64) -> Result<Written, SnapshotError> {
        row::read(file, at).map_err(|error| unreadable(&self.folder.join(name), error))
    }

    /// Hands a file out in pieces, from a byte on, until there is an answer or the file ends.
    fn pieces(
        &self,
        name: &str,
        mut at: u64,
        mut take: impl FnMut(&[u8], u64) -> Option<()>,
    ) -> Result<(), SnapshotError> {
        let file = self.open(name)?;
        let mut buffer = vec![0; 32 << 10];
        loop {
            let count = match file.read_at(&mut buffer, at) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                count => count.map_err(|error| unreadable(&self.folder.join(name), error))?,
            };
            let piece = buffer.get(..count).unwrap_or_default();
            if count == 0 || take(piece, at).is_some() {
                return Ok(());
            }
            at += count as u64;
        }
    }
}

/// A piece of a file that is kept while one row after the other is read.
#[derive(Default)]
struct Window {
    at: u64,
    bytes: Vec<u8>,
}

impl Window {
    /// Twice as much as lies between two lines that are noted.
    const SIZE: usize = 128 << 10;

    /// Returns the file from a byte on; nothing behind its end.
    fn from(&mut self, file: &File, at: u64) -> std::io::Result<&[u8]> {
        let kept = at.checked_sub(self.at).and_then(|skip| usize::try_from(skip).ok());
        if let Some(skip) = kept.filter(|skip| *skip < self.bytes.len()) {
            return Ok(self.bytes.get(skip..).unwrap_or_default());
        }
        self.at = at;
        self.bytes.resize(Self::SIZE, 0);
        let mut filled = 0;
        row::fill(file, at, &mut self.bytes, &mut filled)?;
        self.bytes.truncate(filled);
        Ok(&self.bytes)
    }
}

type Found = (usize, std::io::Result<(Scanned, Stamp)>);

/// Reads files on all cores, in their order.
fn scan_all(script: &Script, work: &[(u64, PathBuf, Want<'_>)]) -> Vec<Found> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(work.len()));
    let run = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some((_, path, want)) = work.get(at) else { break };
            let found = scan::scan(path, script, want.table.as_bytes(), &want.places);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((at, found));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(8).min(work.len());
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(run);
        }
        run();
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}
