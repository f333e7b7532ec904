//! Snapshots: archives of any bytes, and files that are the same in an archive and in a directory.
//!
//! The first byte chooses. Files begin with a line `=== NAME` each.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};

use assert_fs::TempDir;
use lino_upgrade::snapshot::{Verification, account, read_script, same_as_directory, verify};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::choice;

thread_local! {
    static DIR: RefCell<Option<TempDir>> = const { RefCell::new(None) };
}

/// Files of a snapshot of one input.
const FILES: usize = 6;

pub fn run(mut data: &[u8]) {
    let kind = choice(&mut data);
    let dir = DIR.with_borrow_mut(|dir| dir.get_or_insert_with(|| TempDir::new().unwrap()).path().to_owned());
    let archive = dir.join("snapshot.zip");
    let directory = dir.join("snapshot");
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir(&directory).unwrap();
    match kind % 3 {
        0 => {
            fs::write(&archive, data).unwrap();
            fs::write(directory.join("restore.py"), "SOURCE_VERSION = '1'\n").unwrap();
            any_bytes(&archive, &directory);
        }
        packed => {
            let files = files(data);
            for (name, text) in &files {
                fs::write(directory.join(name), text).unwrap();
            }
            fs::write(&archive, zipped(&files, packed)).unwrap();
            same(&archive, &directory);
        }
    }
    let mut there: Vec<PathBuf> = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    there.sort();
    assert_eq!(there, [directory, archive], "an archive writes nothing anywhere");
}

/// What an archive of any bytes says is said twice alike, and never of a file outside.
fn any_bytes(archive: &Path, directory: &Path) {
    let nothing = BTreeMap::new();
    let found = verify(archive, &nothing).map_err(|error| error.to_string());
    let again = verify(archive, &nothing).map_err(|error| error.to_string());
    assert_eq!(told(&found), told(&again));
    if let Ok(script) = read_script(archive) {
        assert!(script.path.starts_with(archive));
    }
    let _ = same_as_directory(archive, directory);
    let _ = account(archive, archive);
}

type Told = Result<(Vec<(String, Option<u64>, String)>, BTreeMap<String, u64>), String>;

fn told(found: &Result<Verification, String>) -> Told {
    let found = found.as_ref().map_err(Clone::clone)?;
    let problem = |it: &lino_upgrade::snapshot::Problem| (it.path.clone(), it.line, it.message.clone());
    let tables = found.tables.iter().map(|(table, rows)| (table.clone(), rows.rows)).collect();
    Ok((found.problems.iter().map(problem).collect(), tables))
}

fn files(data: &[u8]) -> BTreeMap<String, String> {
    let text = String::from_utf8_lossy(data);
    let mut files = BTreeMap::new();
    for part in text.split("=== ").skip(1).take(FILES) {
        let (name, content) = part.split_once('\n').unwrap_or((part, ""));
        let usual = name.len() < 40 && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
        if usual && !name.is_empty() {
            files.insert(format!("{name}.py"), content.to_owned());
        }
    }
    files
}

fn zipped(files: &BTreeMap<String, String>, packed: u8) -> Vec<u8> {
    let method = if packed == 1 { CompressionMethod::Stored } else { CompressionMethod::Deflated };
    let options = SimpleFileOptions::default().compression_method(method);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        zip.start_file(format!("snapshot/{name}"), options).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A snapshot is the same in a directory and in an archive, and nothing of it is missing in itself.
fn same(archive: &Path, directory: &Path) {
    let key = BTreeMap::new();
    let of =
        |path: &Path| verify(path, &key).map_err(|error| error.to_string().replace(&path.display().to_string(), ""));
    let (packed, plain) = (of(archive), of(directory));
    assert_eq!(told(&packed), told(&plain));
    assert_eq!(read_script(archive).map(|it| it.script).ok(), read_script(directory).map(|it| it.script).ok());
    // Without a script nobody knows in which directory of the archive the files are.
    if let Ok(differ) = same_as_directory(archive, directory)
        && directory.join("restore.py").exists()
    {
        assert_eq!(differ, []);
    }
    let Ok(account) = account(directory, archive) else { return };
    assert_eq!((account.changed, account.missing, account.new), (0, 0, 0), "{account:?}");
    let found = packed.unwrap();
    if found.is_ok() && account.problems.is_empty() {
        let rows: u64 = account.tables.iter().map(lino_upgrade::dump::account::TableAccount::rows).sum();
        assert_eq!(rows, found.rows());
    }
}
