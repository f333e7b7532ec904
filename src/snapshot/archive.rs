//! Where the files of a snapshot come from: a directory, or a zip archive. An archive writes nothing anywhere.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use zip::ZipArchive;

use super::verify::{Problem, SnapshotError, unreadable};

/// A file of an archive that claims to be larger than this, in bytes, is not unpacked: no row file is.
const LARGEST: u64 = 8 << 30;
/// How many times larger than its compressed form an entry may be; Python text is below 200.
const RATIO: u64 = 1_200;

/// The files of a snapshot.
pub(super) enum Source {
    /// A directory that holds `restore.py`.
    Directory(PathBuf),
    /// An archive.
    Archive(Box<Archive>),
}

/// An opened archive.
pub(super) struct Archive {
    path: PathBuf,
    zip: ZipArchive<File>,
    /// Directory of `restore.py` in the archive, with its slash, or empty.
    prefix: String,
    problems: Vec<Problem>,
    read: BTreeMap<String, u64>,
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
        if !is_harmless(name) {
            return Ok(None);
        }
        match self {
            Self::Directory(dir) => match std::fs::read(dir.join(name)) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(unreadable(&dir.join(name), error)),
            },
            Self::Archive(archive) => archive.read(name),
        }
    }

    /// Returns the size of a file in bytes, as the directory or the archive tells it; none when it is not there.
    pub fn size(&mut self, name: &str) -> Result<Option<u64>, SnapshotError> {
        match self {
            Self::Directory(dir) => match std::fs::metadata(dir.join(name)) {
                Ok(data) => Ok(Some(data.len())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
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

    /// Reads everything else in an archive to its end, so that every checksum was checked; names what is damaged.
    pub fn damaged(&mut self) -> Vec<(String, String)> {
        match self {
            Self::Directory(_) => Vec::new(),
            Self::Archive(archive) => archive.damaged(),
        }
    }
}

impl Archive {
    fn open(path: &Path) -> Result<Self, SnapshotError> {
        let file = File::open(path).map_err(|error| unreadable(path, error))?;
        let mut zip = ZipArchive::new(file).map_err(|error| unreadable(path, error))?;
        let mut problems = Vec::new();
        let mut prefix: Option<String> = None;
        for index in 0..zip.len() {
            let entry = zip.by_index_raw(index).map_err(|error| unreadable(path, error))?;
            let name = entry.name().map(std::borrow::Cow::into_owned).unwrap_or_default();
            let mut say = |message: &str| {
                let shown: String = crate::messages::line::plain(name.as_bytes()).chars().take(200).collect();
                problems.push(Problem { path: shown, line: None, message: message.to_owned() });
            };
            if entry.enclosed_name().is_none() || !is_harmless(name.trim_end_matches('/')) {
                say("Its name leaves the directory; it is not part of a snapshot.");
            }
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
        let prefix = prefix.unwrap_or_default();
        Ok(Self { path: path.to_owned(), zip, prefix, problems, read: BTreeMap::new() })
    }

    fn read(&mut self, name: &str) -> Result<Option<Vec<u8>>, SnapshotError> {
        let full = format!("{}{name}", self.prefix);
        let Some(index) = self.zip.index_for_name(&full) else { return Ok(None) };
        match self.unpack(index) {
            Ok(bytes) => {
                self.read.insert(full, 0);
                Ok(Some(bytes))
            }
            Err(error) => {
                self.read.insert(full, 0);
                Err(unreadable(&self.path, format!("{name}: {error}")))
            }
        }
    }

    fn unpack(&mut self, index: usize) -> io::Result<Vec<u8>> {
        let entry = self.zip.by_index(index).map_err(io::Error::other)?;
        let size = entry.size();
        if size > LARGEST || size / RATIO > entry.compressed_size().max(1) {
            return Err(io::Error::other("it would become far too large"));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size.min(64 << 20)).unwrap_or_default());
        let mut limited = entry.take(size + 1);
        limited.read_to_end(&mut bytes)?;
        if bytes.len() as u64 == size { Ok(bytes) } else { Err(io::Error::other("its size is not the one announced")) }
    }

    fn damaged(&mut self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for index in 0..self.zip.len() {
            let name = match self.zip.by_index_raw(index) {
                Ok(entry) => entry.name().map(std::borrow::Cow::into_owned).unwrap_or_default(),
                Err(error) => {
                    found.push((format!("entry {index}"), format!("It cannot be read: {error}.")));
                    continue;
                }
            };
            if self.read.contains_key(&name) || self.problems.iter().any(|problem| problem.path == name) {
                continue;
            }
            if let Err(error) = self.drain(index) {
                found.push((name, format!("It is damaged: {error}.")));
            }
        }
        found
    }

    fn drain(&mut self, index: usize) -> io::Result<()> {
        let mut entry = self.zip.by_index(index).map_err(io::Error::other)?;
        io::copy(&mut entry, &mut io::sink()).map(drop)
    }
}

/// Tells whether a name stays inside its directory.
fn is_harmless(name: &str) -> bool {
    !name.is_empty() && !name.contains('\0') && name.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// Compares the dump files of an archive with those of a directory, by size and checksum; names what differs.
pub fn same_as_directory(archive: &Path, dir: &Path) -> Result<Vec<Problem>, SnapshotError> {
    let mut archive = Archive::open(archive)?;
    let mut problems = Vec::new();
    let entries = std::fs::read_dir(dir).map_err(|error| unreadable(dir, error))?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "py"))
        .collect();
    names.sort();
    for name in names {
        let mut say = |message: &str| {
            problems.push(Problem { path: name.clone(), line: None, message: message.to_owned() });
        };
        let bytes = std::fs::read(dir.join(&name)).map_err(|error| unreadable(&dir.join(&name), error))?;
        match archive.read(&name) {
            Ok(Some(packed)) if packed == bytes => {}
            Ok(Some(_)) => say("It differs between the archive and the directory."),
            Ok(None) => say("It is missing in the archive."),
            Err(error) => say(&format!("{error}.")),
        }
    }
    Ok(problems)
}
