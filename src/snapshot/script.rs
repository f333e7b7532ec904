//! The dump script of a snapshot or of a simulated dump, read without its rows.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::archive::Source;
use super::verify::{SnapshotError, unreadable};
use crate::dump::Script;

/// A larger script, in bytes, is none: that of a site with a thousand models is below 2 MB.
const LARGEST: u64 = 512 << 20;
/// Characters of a line that are shown when it is not what it should be.
const SHOWN: usize = 60;

/// A dump script as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DumpScript {
    /// Its file; in an archive the archive with the name of the entry behind it.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
    /// What it says.
    pub script: Script,
}

/// Reads the dump script of a directory, of a `snapshot.zip`, or a script itself, whatever its name. A simulated dump
/// is read as well: it is there to be compared.
pub fn read_script(path: &Path) -> Result<DumpScript, SnapshotError> {
    let (path, bytes) = read(path)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let whole = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = memchr::memchr_iter(b'\n', whole).count() + 1;
        unreadable(&path, format!("line {line} is not valid UTF-8"))
    })?;
    let no_dump = |text: String| SnapshotError::NoSnapshot { path: path.clone(), text };
    if text.trim().is_empty() {
        return Err(no_dump("the file is empty".to_owned()));
    }
    let script = Script::read(&text);
    if !script.is_dump {
        let (at, first) = text.lines().enumerate().find(|(_, line)| !line.trim().is_empty()).unwrap_or_default();
        let shown: String = crate::messages::line::plain(first.as_bytes()).chars().take(SHOWN).collect();
        let text = format!("nothing in it says that dump2py wrote it; line {} is \u{201c}{shown}\u{201d}", at + 1);
        return Err(no_dump(text));
    }
    Ok(DumpScript { path, text, script })
}

fn read(path: &Path) -> Result<(PathBuf, Vec<u8>), SnapshotError> {
    let data = std::fs::metadata(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => SnapshotError::NoSnapshot { path: path.to_owned(), text: "it does not exist".into() },
        _ => unreadable(path, error),
    })?;
    if data.is_file() && !is_archive(path)? {
        check_size(path, data.len())?;
        let bytes = std::fs::read(path).map_err(|error| unreadable(path, error))?;
        return Ok((path.to_owned(), bytes));
    }
    let mut source = Source::open(path)?;
    if let Some(problem) = source.problems().first() {
        let what = problem.message.trim_end_matches('.');
        let text = format!("it is no archive that make_snapshot.sh writes. {}: {what}", problem.path);
        return Err(unreadable(path, text));
    }
    let script = path.join("restore.py");
    let none = || SnapshotError::NoSnapshot { path: path.to_owned(), text: "it has no restore.py".into() };
    check_size(&script, source.size("restore.py")?.ok_or_else(none)?)?;
    let bytes = source.read("restore.py")?.ok_or_else(none)?;
    Ok((script, bytes))
}

/// Tells whether a file begins as zip archives do. An edited script may have any name.
fn is_archive(path: &Path) -> Result<bool, SnapshotError> {
    let mut begin = Vec::new();
    let file = File::open(path).map_err(|error| unreadable(path, error))?;
    file.take(2).read_to_end(&mut begin).map_err(|error| unreadable(path, error))?;
    Ok(begin == b"PK")
}

fn check_size(path: &Path, size: u64) -> Result<(), SnapshotError> {
    if size > LARGEST {
        return Err(unreadable(path, format!("it has {} MB, and no dump script is that large", size >> 20)));
    }
    Ok(())
}
