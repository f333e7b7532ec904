//! Where the files of a snapshot come from: a directory, or a zip archive. An archive writes nothing anywhere.

mod same;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::bufread::DeflateDecoder;
use zip::{CompressionMethod, ZipArchive};

use super::verify::{Problem, SnapshotError, unreadable};
use super::whole::Whole;

pub use same::same_as_directory;

/// A file of an archive that claims to be larger than this, in bytes, is not unpacked: no row file is.
const LARGEST: u64 = 8 << 30;
/// A file that is taken into memory as a whole, as the dump script is, has at most so many bytes.
const LARGEST_WHOLE: u64 = 64 << 20;
/// How many entries an archive may have: a snapshot has one for each table and for each file that users have sent in.
const MOST_ENTRIES: usize = 1_000_000;
/// How much of an archive is read at once.
const INPUT: usize = 64 << 10;
/// How many times larger than its compressed form an entry may be; Python text is below 200.
const RATIO: u64 = 1_200;

/// The files of a snapshot. A copy reads on its own, so that several threads can.
#[derive(Clone)]
pub(super) enum Source {
    /// A directory that holds `restore.py`.
    Directory(PathBuf),
    /// An archive.
    Archive(Box<Archive>),
}

/// What a file of a snapshot has.
pub(super) enum Content<'a> {
    /// All of it, its checksum already checked.
    Whole(&'a [u8]),
    /// One piece after the other. It has to be read to its end, for only then its checksum was checked.
    Pieces(&'a mut dyn Read),
}

impl Read for Content<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Whole(rest) => rest.read(into),
            Self::Pieces(from) => from.read(into),
        }
    }
}

/// An opened archive.
#[derive(Clone)]
pub(super) struct Archive {
    path: PathBuf,
    file: Arc<File>,
    zip: ZipArchive<Shared>,
    /// Directory of `restore.py` in the archive, with its slash, or empty.
    prefix: String,
    problems: Vec<Problem>,
    whole: Whole,
}

/// A file that several readers share, each with a position of its own.
#[derive(Clone)]
struct Shared {
    file: Arc<File>,
    at: u64,
}

impl Read for Shared {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(into, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Shared {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let outside = || io::Error::from(io::ErrorKind::InvalidInput);
        self.at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::Current(by) => self.at.checked_add_signed(by).ok_or_else(outside)?,
            SeekFrom::End(by) => self.file.metadata()?.len().checked_add_signed(by).ok_or_else(outside)?,
        };
        Ok(self.at)
    }
}

impl Source {
    /// Opens a directory, a `restore.py`, or an archive.
    pub fn open(path: &Path) -> Result<Self, SnapshotError> {
        let data = std::fs::metadata(path).map_err(|error| unreadable(path, error))?;
        if data.is_dir() {
            return Ok(Self::Directory(path.to_owned()));
        }
        if path.file_name().is_some_and(|name| name == "restore.py") {
            return Ok(Self::Directory(path.parent().map(Path::to_owned).unwrap_or_default()));
        }
        Archive::open(path).map(|archive| Self::Archive(Box::new(archive)))
    }

    /// Returns what is wrong with the container itself.
    pub fn problems(&self) -> Vec<Problem> {
        match self {
            Self::Directory(_) => Vec::new(),
            Self::Archive(archive) => archive.problems.clone(),
        }
    }

    /// Reads a file of the snapshot; none when it is not there. In an archive its checksum is checked.
    pub fn read(&mut self, name: &str) -> Result<Option<Vec<u8>>, SnapshotError> {
        self.with(name, |file| {
            let mut bytes = Vec::new();
            file.take(LARGEST_WHOLE + 1).read_to_end(&mut bytes)?;
            if bytes.len() as u64 > LARGEST_WHOLE {
                return Err(io::Error::other("it is far too large for what it should be"));
            }
            Ok(bytes)
        })
    }

    /// Hands a file of the snapshot to `read`, which has to read it to its end; none when it is not there.
    pub fn with<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(Content<'_>) -> io::Result<T>,
    ) -> Result<Option<T>, SnapshotError> {
        if !is_harmless(name) {
            return Ok(None);
        }
        match self {
            Self::Directory(dir) => {
                let path = dir.join(name);
                match File::open(&path).and_then(|mut file| read(Content::Pieces(&mut file))) {
                    Ok(found) => Ok(Some(found)),
                    Err(error) if is_missing(&error) => Ok(None),
                    Err(error) => Err(unreadable(&path, error)),
                }
            }
            Self::Archive(archive) => archive.with(name, read),
        }
    }

    /// Opens a file of the snapshot to be read at leisure; none when it is not there. In an archive reading fails at its
    /// end when its checksum is wrong.
    pub fn file(&mut self, name: &str) -> Result<Option<Box<dyn Read + Send>>, SnapshotError> {
        if !is_harmless(name) {
            return Ok(None);
        }
        match self {
            Self::Directory(dir) => {
                let path = dir.join(name);
                match File::open(&path) {
                    Ok(file) => Ok(Some(Box::new(file))),
                    Err(error) if is_missing(&error) => Ok(None),
                    Err(error) => Err(unreadable(&path, error)),
                }
            }
            Self::Archive(archive) => {
                let Some(index) = archive.zip.index_for_name(&format!("{}{name}", archive.prefix)) else {
                    return Ok(None);
                };
                archive.entry(index).map(Some).map_err(|error| unreadable(&archive.path, format!("{name}: {error}")))
            }
        }
    }

    /// Returns the size of a file in bytes, as the directory or the archive tells it; none when it is not there.
    pub fn size(&mut self, name: &str) -> Result<Option<u64>, SnapshotError> {
        match self {
            Self::Directory(dir) => match std::fs::metadata(dir.join(name)) {
                Ok(data) => Ok(Some(data.len())),
                Err(error) if is_missing(&error) => Ok(None),
                Err(error) => Err(unreadable(&dir.join(name), error)),
            },
            Self::Archive(archive) => {
                let full = format!("{}{name}", archive.prefix);
                let Some(index) = archive.zip.index_for_name(&full) else { return Ok(None) };
                let entry = archive.zip.by_index_raw(index).map_err(|error| unreadable(&archive.path, error))?;
                Ok(Some(entry.size()))
            }
        }
    }

    /// Returns the other entries of an archive, `files` left out: their checksums are not checked yet.
    pub fn others(&mut self, files: &BTreeSet<&str>) -> Vec<usize> {
        match self {
            Self::Directory(_) => Vec::new(),
            Self::Archive(archive) => archive.others(files),
        }
    }

    /// Reads such an entry to its end; names it when it is damaged.
    pub fn check(&mut self, entry: usize) -> Option<(String, String)> {
        match self {
            Self::Directory(_) => None,
            Self::Archive(archive) => archive.check(entry),
        }
    }
}

impl Archive {
    fn open(path: &Path) -> Result<Self, SnapshotError> {
        let file = File::open(path).map_err(|error| unreadable(path, error))?;
        let file = Arc::new(file);
        let mut zip =
            ZipArchive::new(Shared { file: Arc::clone(&file), at: 0 }).map_err(|error| unreadable(path, error))?;
        if zip.len() > MOST_ENTRIES {
            return Err(unreadable(path, format!("it has {} entries, far more than a snapshot", zip.len())));
        }
        let length = file.metadata().map_err(|error| unreadable(path, error))?.len();
        let mut problems = Vec::new();
        if zip.has_duplicate_names() {
            problems.push(Problem {
                path: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                line: None,
                message: "It has two entries of the same name; which of them counts depends on who reads it.".into(),
            });
        }
        let mut prefix: Option<String> = None;
        let mut packed = 0_u64;
        for index in 0..zip.len() {
            let entry = zip.by_index_raw(index).map_err(|error| unreadable(path, error))?;
            let name = entry.name().map(std::borrow::Cow::into_owned).unwrap_or_default();
            let mut say = |message: &str| {
                let shown: String = crate::messages::line::plain(name.as_bytes()).chars().take(200).collect();
                problems.push(Problem { path: shown, line: None, message: message.to_owned() });
            };
            if entry.enclosed_name().is_none() || !is_harmless(name.trim_end_matches('/')) || leaves_elsewhere(&name) {
                say("Its name leaves the directory; it is not part of a snapshot.");
            }
            if entry.is_symlink() {
                say("It is a link, which could lead anywhere; a snapshot has none.");
            }
            packed = packed.saturating_add(entry.compressed_size());
            if entry.size() > LARGEST || entry.size() / RATIO > entry.compressed_size().max(1) {
                say("It would become far too large when unpacked; it was not read.");
            }
            if let Some(before) = name.strip_suffix("restore.py")
                && (before.is_empty() || before.ends_with('/'))
                && prefix.as_ref().is_none_or(|known| before.len() < known.len() || before == "snapshot/")
            {
                prefix = Some(before.to_owned());
            }
        }
        // Else few bytes could be unpacked again and again under many names. One wrong size is damage, and is said there.
        if packed / 2 > length {
            return Err(unreadable(path, "its entries overlap, so that they would become far too large"));
        }
        let prefix = prefix.unwrap_or_default();
        Ok(Self { path: path.to_owned(), file, zip, prefix, problems, whole: Whole::default() })
    }

    fn with<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(Content<'_>) -> io::Result<T>,
    ) -> Result<Option<T>, SnapshotError> {
        let Some(index) = self.zip.index_for_name(&format!("{}{name}", self.prefix)) else { return Ok(None) };
        self.unpack(index, read).map(Some).map_err(|error| unreadable(&self.path, format!("{name}: {error}")))
    }

    fn unpack<T>(&mut self, index: usize, read: impl FnOnce(Content<'_>) -> io::Result<T>) -> io::Result<T> {
        let entry = self.zip.by_index_raw(index).map_err(io::Error::other)?;
        let size = entry.size();
        if size > LARGEST || size / RATIO > entry.compressed_size().max(1) {
            return Err(io::Error::other("it would become far too large"));
        }
        let (method, checksum) = (entry.compression(), entry.crc32());
        if method != CompressionMethod::Deflated || entry.encrypted() {
            drop(entry);
            // The library knows other methods, and says what it does not know.
            return whole(self.zip.by_index(index).map_err(io::Error::other)?, size, read);
        }
        let packed = entry.compressed_size();
        if let Some(bytes) = self.whole.unpack(entry, packed, size)
            && crc32fast::hash(bytes) == checksum
        {
            return read(Content::Whole(bytes));
        }
        // It is too large, or damaged: then the reader that works in pieces says how.
        let entry = self.zip.by_index_raw(index).map_err(io::Error::other)?;
        let packed = BufReader::with_capacity(INPUT, entry);
        let mut unpacked = Summed { from: DeflateDecoder::new(packed), sum: crc32fast::Hasher::new() };
        let found = whole(&mut unpacked, size, read)?;
        if unpacked.sum.finalize() == checksum { Ok(found) } else { Err(io::Error::other("Invalid checksum")) }
    }

    fn entry(&mut self, index: usize) -> io::Result<Box<dyn Read + Send>> {
        let entry = self.zip.by_index_raw(index).map_err(io::Error::other)?;
        let (size, packed, sum) = (entry.size(), entry.compressed_size(), entry.crc32());
        if size > LARGEST || size / RATIO > packed.max(1) {
            return Err(io::Error::other("it would become far too large"));
        }
        let method = entry.compression();
        let known = matches!(method, CompressionMethod::Deflated | CompressionMethod::Stored) && !entry.encrypted();
        let start = entry.data_start().filter(|_| known);
        drop(entry);
        if let Some(at) = start {
            let file = BufReader::with_capacity(INPUT, Shared { file: Arc::clone(&self.file), at }.take(packed));
            let from: Box<dyn Read + Send> = match method {
                CompressionMethod::Stored => Box::new(file),
                _ => Box::new(DeflateDecoder::new(file)),
            };
            let from = Summed { from, sum: crc32fast::Hasher::new() };
            return Ok(Box::new(Entry { from, left: size, sum }));
        }
        let mut bytes = Vec::new();
        self.unpack(index, |mut entry| entry.read_to_end(&mut bytes))?;
        Ok(Box::new(io::Cursor::new(bytes)))
    }

    fn others(&mut self, files: &BTreeSet<&str>) -> Vec<usize> {
        let mut others = Vec::new();
        for index in 0..self.zip.len() {
            let name = self.name(index);
            let known = name.as_ref().is_ok_and(|name| {
                let read = name.strip_prefix(&self.prefix).is_some_and(|name| files.contains(name));
                read || self.problems.iter().any(|problem| problem.path == *name)
            });
            if !known {
                others.push(index);
            }
        }
        others
    }

    fn name(&mut self, index: usize) -> Result<String, zip::result::ZipError> {
        let entry = self.zip.by_index_raw(index)?;
        Ok(entry.name().map(std::borrow::Cow::into_owned).unwrap_or_default())
    }

    fn check(&mut self, index: usize) -> Option<(String, String)> {
        let name = match self.name(index) {
            Ok(name) => name,
            Err(error) => return Some((format!("entry {index}"), format!("It cannot be read: {error}."))),
        };
        let read = |mut entry: Content<'_>| io::copy(&mut entry, &mut io::sink()).map(drop);
        self.unpack(index, read).err().map(|error| (name, format!("It is damaged: {error}.")))
    }
}

/// Adds up the checksum of what is read.
struct Summed<R> {
    from: R,
    sum: crc32fast::Hasher,
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(into)?;
        self.sum.update(into.get(..count).unwrap_or_default());
        Ok(count)
    }
}

/// An entry that is read at leisure, and checked when its end is reached.
struct Entry<R> {
    from: Summed<R>,
    /// Bytes that are still to come.
    left: u64,
    /// Its checksum.
    sum: u32,
}

impl<R: Read> Read for Entry<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(into)?;
        self.left = self
            .left
            .checked_sub(count as u64)
            .filter(|left| count > 0 || into.is_empty() || *left == 0)
            .ok_or_else(|| io::Error::other("its size is not the one announced"))?;
        if count == 0 && !into.is_empty() && self.from.sum.clone().finalize() != self.sum {
            return Err(io::Error::other("Invalid checksum"));
        }
        Ok(count)
    }
}

/// Reads what should have this size to its end.
fn whole<T>(from: impl Read, size: u64, read: impl FnOnce(Content<'_>) -> io::Result<T>) -> io::Result<T> {
    let mut limited = from.take(size + 1);
    let found = read(Content::Pieces(&mut limited))?;
    if limited.limit() == 1 { Ok(found) } else { Err(io::Error::other("its size is not the one announced")) }
}

/// Tells whether there is no such file, which also is so when there can be none of such a name.
fn is_missing(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidFilename, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory | InvalidFilename)
}

/// Tells whether a name stays inside its directory.
fn is_harmless(name: &str) -> bool {
    !name.is_empty() && !name.contains('\0') && name.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// Tells whether a name would leave its directory on a system that separates by backslashes and has drives.
fn leaves_elsewhere(name: &str) -> bool {
    let drive = matches!(name.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
    drive || name.starts_with('\\') || name.contains('\\') && name.split(['/', '\\']).any(|part| part == "..")
}

#[cfg(test)]
#[path = "archive_tests.rs"]
mod tests;
