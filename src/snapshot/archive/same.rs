//! Whether an archive and the directory beside it hold the same dump.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::Archive;
use crate::snapshot::verify::{Problem, SnapshotError, unreadable};

/// Compares the dump files of an archive with those of a directory, by size and checksum; names what differs.
pub fn same_as_directory(archive: &Path, dir: &Path) -> Result<Vec<Problem>, SnapshotError> {
    let mut archive = Archive::open(archive)?;
    let mut problems = Vec::new();
    let entries = std::fs::read_dir(dir).map_err(|error| unreadable(dir, error))?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "py"))
        // A copy with decisions lies beside its script, and is no part of the snapshot.
        .filter(|name| !name.starts_with(DECIDED))
        .collect();
    names.sort();
    for name in names {
        let mut say = |message: &str| {
            problems.push(Problem { path: name.clone(), line: None, message: message.to_owned() });
        };
        let mut file = File::open(dir.join(&name)).map_err(|error| unreadable(&dir.join(&name), error))?;
        match archive.with(&name, |mut packed| same(&mut packed, &mut file)) {
            Ok(Some(true)) => {}
            Ok(Some(false)) => say("It differs between the archive and the directory."),
            Ok(None) => say("It is missing in the archive."),
            Err(error) => say(&format!("{error}.")),
        }
    }
    Ok(problems)
}

/// How copies of the dump script with decisions are called at their beginning.
const DECIDED: &str = "restore_decided.";

/// Tells whether both have the same bytes; reads the first to its end.
fn same(one: &mut dyn Read, other: &mut dyn Read) -> io::Result<bool> {
    let (mut mine, mut theirs) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    let mut equal = true;
    loop {
        let count = one.read(&mut mine)?;
        if count == 0 {
            return Ok(equal && other.read(&mut theirs)? == 0);
        }
        let (mine, theirs) = (mine.get(..count).unwrap_or_default(), theirs.get_mut(..count).unwrap_or_default());
        match other.read_exact(theirs) {
            Ok(()) => equal = equal && mine == theirs,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => equal = false,
            Err(error) => return Err(error),
        }
    }
}
