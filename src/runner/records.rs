//! The runner's directory: its lock, its sockets, and a record of every command, written before and after it runs.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::CommandState;
use crate::fault::{self, Place};

/// Creates the directory with mode 0700, and `commands/` in it.
pub(super) fn prepare(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.mode(0o700).recursive(true);
    builder.create(dir)?;
    builder.create(dir.join("commands"))
}

/// A record on disk: the state, and the boot in which it was written.
#[derive(Serialize, Deserialize)]
struct Record {
    boot: String,
    #[serde(flatten)]
    state: CommandState,
}

/// Writes the state of a command: temporary file, sync, rename.
pub(super) fn write(dir: &Path, id: i64, state: &CommandState) -> io::Result<()> {
    write_record(dir, &record_path(dir, id), &Record { boot: boot_id(), state: state.clone() })
}

fn write_record(dir: &Path, path: &Path, record: &Record) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    fault::before_write(Place::Runner)?;
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(serde_json::to_string(record)?.as_bytes())?;
    file.sync_all()?;
    fault::after_write(Place::Runner);
    fault::before_write(Place::Runner)?;
    fs::rename(&temporary, path)?;
    File::open(dir.join("commands"))?.sync_all()?;
    fault::after_write(Place::Runner);
    Ok(())
}

/// Writes down as lost what an earlier runner did not see end. Whoever holds the lock knows that it is dead; nobody else
/// could tell its commands from those of the new one.
pub(super) fn bury(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir.join("commands"))? {
        let path = entry?.path();
        let Ok(Ok(record)) = fs::read(&path).map(|bytes| serde_json::from_slice::<Record>(&bytes)) else { continue };
        if let CommandState::Running { started, log_start, .. } = record.state
            && path.extension().is_some_and(|extension| extension == "json")
        {
            write_record(dir, &path, &Record { state: CommandState::Lost { started, log_start }, ..record })?;
        }
    }
    Ok(())
}

fn record_path(dir: &Path, id: i64) -> PathBuf {
    dir.join("commands").join(format!("{id}.json"))
}

/// Returns the recorded state, without asking whether its runner lives.
pub(super) fn read(dir: &Path, id: i64) -> CommandState {
    read_record(dir, id).map_or(CommandState::Unknown, |record| record.state)
}

fn read_record(dir: &Path, id: i64) -> Option<Record> {
    serde_json::from_slice(&fs::read(record_path(dir, id)).ok()?).ok()
}

/// Returns what is known of a command, proved: it runs only if the runner that started it is alive in this boot.
#[must_use]
pub fn state_on_disk(dir: &Path, id: i64) -> CommandState {
    match read_record(dir, id) {
        None => CommandState::Unknown,
        Some(Record { boot, state: CommandState::Running { started, log_start, .. } })
            if boot != boot_id() || !is_alive(dir) =>
        {
            CommandState::Lost { started, log_start }
        }
        Some(record) => record.state,
    }
}

/// Tells whether any command runs in the runner of this directory.
#[must_use]
pub fn runs_anything(dir: &Path) -> bool {
    let records = fs::read_dir(dir.join("commands")).into_iter().flatten().flatten();
    let id = |entry: fs::DirEntry| entry.file_name().to_str()?.strip_suffix(".json")?.parse().ok();
    records.filter_map(id).any(|id| matches!(state_on_disk(dir, id), CommandState::Running { .. }))
}

/// Tells whether a command was begun in an earlier boot of the machine.
#[must_use]
pub fn lost_by_reboot(dir: &Path, id: i64) -> bool {
    read_record(dir, id).is_some_and(|record| record.boot != boot_id())
}

/// Tells whether a runner holds the lock of this directory. A lock dies with its process.
pub(super) fn is_alive(dir: &Path) -> bool {
    let Ok(file) = OpenOptions::new().read(true).write(true).open(dir.join("lock")) else { return false };
    matches!(file.try_lock(), Err(TryLockError::WouldBlock))
}

/// Takes the lock; none when another runner holds it.
pub(super) fn lock(dir: &Path) -> io::Result<Option<File>> {
    let file =
        OpenOptions::new().create(true).read(true).write(true).truncate(false).mode(0o600).open(dir.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Returns the id of this boot of the machine.
#[must_use]
pub fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// A path to a socket in `dir` that is short enough for the system (107 bytes), however long `dir` is.
pub(super) struct SocketPath {
    _dir: File,
    /// Valid while this value lives.
    pub path: PathBuf,
}

impl SocketPath {
    /// Opens the directory.
    pub fn open(dir: &Path, name: &str) -> io::Result<Self> {
        let file = File::open(dir)?;
        let path = PathBuf::from(format!("/proc/self/fd/{}/{name}", file.as_raw_fd()));
        Ok(Self { _dir: file, path })
    }
}

#[cfg(test)]
mod tests {
    use assert_fs::TempDir;

    use super::*;
    use crate::runner::Ended;

    #[test]
    fn a_running_command_without_a_living_runner_is_lost() {
        let dir = TempDir::new().unwrap();
        prepare(dir.path()).unwrap();
        assert_eq!(state_on_disk(dir.path(), 1), CommandState::Unknown);
        write(dir.path(), 1, &CommandState::Running { pid: 1, started: 5, log_start: 7 }).unwrap();
        assert_eq!(state_on_disk(dir.path(), 1), CommandState::Lost { started: 5, log_start: 7 });
        let held = lock(dir.path()).unwrap();
        assert_eq!(state_on_disk(dir.path(), 1), CommandState::Running { pid: 1, started: 5, log_start: 7 });
        assert!(runs_anything(dir.path()));
        assert!(lock(dir.path()).unwrap().is_none());
        drop(held);
        assert!(!runs_anything(dir.path()));
        assert_eq!(state_on_disk(dir.path(), 1), CommandState::Lost { started: 5, log_start: 7 });
    }

    #[test]
    fn a_running_command_of_an_earlier_boot_is_lost_even_when_the_lock_is_held() {
        let dir = TempDir::new().unwrap();
        prepare(dir.path()).unwrap();
        let _held = lock(dir.path()).unwrap();
        let record = r#"{"boot":"another","state":"running","pid":1,"started":5,"log_start":7}"#;
        fs::write(record_path(dir.path(), 1), record).unwrap();
        assert_eq!(state_on_disk(dir.path(), 1), CommandState::Lost { started: 5, log_start: 7 });
    }

    #[test]
    fn a_new_runner_does_not_take_over_what_an_earlier_one_ran() {
        let dir = TempDir::new().unwrap();
        prepare(dir.path()).unwrap();
        let ended = Ended::Exited { code: 0 };
        let finished = CommandState::Finished { ended, started: 1, finished: 2, log_start: 3, log_end: 4 };
        write(dir.path(), 1, &finished).unwrap();
        write(dir.path(), 2, &CommandState::Running { pid: 1, started: 5, log_start: 7 }).unwrap();
        let record = r#"{"boot":"another","state":"running","pid":1,"started":6,"log_start":8}"#;
        fs::write(record_path(dir.path(), 3), record).unwrap();
        let _held = lock(dir.path()).unwrap();
        bury(dir.path()).unwrap();
        let states = [1, 2, 3].map(|id| state_on_disk(dir.path(), id));
        let lost = |started, log_start| CommandState::Lost { started, log_start };
        assert_eq!(states, [finished, lost(5, 7), lost(6, 8)]);
        assert_eq!([2, 3].map(|id| lost_by_reboot(dir.path(), id)), [false, true]);
    }

    #[test]
    fn a_finished_command_stays_finished() {
        let dir = TempDir::new().unwrap();
        prepare(dir.path()).unwrap();
        let state = CommandState::Finished {
            ended: Ended::Signalled { signal: 9 },
            started: 1,
            finished: 2,
            log_start: 3,
            log_end: 4,
        };
        write(dir.path(), 8, &state).unwrap();
        assert_eq!(state_on_disk(dir.path(), 8), state);
    }
}
