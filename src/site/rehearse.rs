//! The rehearsal: the script that loads a snapshot into a scratch database, run in the site's directory by the Python
//! of the new version. The script is `assets/python/rehearse.py`.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;

use super::facts::Facts;
use super::find::Site;
use super::process::Group;
use super::state_dir;
use crate::messages::line::plain;

/// The scripts, for every Lino from 20 to 26; the first is run and needs the others beside it.
const SCRIPTS: [(&str, &str); 3] = [
    ("rehearse.py", include_str!("../../assets/python/rehearse.py")),
    ("simulate.py", include_str!("../../assets/python/simulate.py")),
    ("facts.py", include_str!("../../assets/python/facts.py")),
];
/// So much of a line is shown and judged; the log has it whole.
const LONGEST_SHOWN: usize = 4_000;

/// The files of a rehearsal. They are kept until the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The directory of all of them.
    pub dir: PathBuf,
    /// What the script tells, one JSON object in each line.
    pub told: PathBuf,
    /// What Lino printed.
    pub log: PathBuf,
}

/// Returns where the files of the site's rehearsal lie.
#[must_use]
pub fn places(site: &Site) -> Places {
    let dir = site.state_dir.join("rehearsal");
    Places { told: dir.join("rehearsal.jsonl"), log: dir.join("rehearsal.log"), dir }
}

/// Makes the directory, and writes the scripts into it.
fn prepare(places: &Places) -> io::Result<()> {
    state_dir::prepare(&places.dir)?;
    for (name, text) in SCRIPTS {
        write(&places.dir.join(name), text.as_bytes())?;
    }
    Ok(())
}

/// Asks the new version for its facts; one that does not start tells at least what it lacks.
///
/// # Errors
/// What the system says when Python cannot be started, or has left no answer.
pub async fn facts(site: &Site, (within, python): (&[String], &Path)) -> io::Result<Facts> {
    let places = places(site);
    prepare(&places)?;
    let answer = places.dir.join("facts.json");
    let _ = std::fs::remove_file(&answer);
    let mut command = command(site, (within, python))?;
    command.arg(places.dir.join("facts.py")).arg(&answer).env("LINO_LOGLEVEL", "WARNING");
    let ended = command.stdin(Stdio::null()).output().await?;
    let text = std::fs::read(&answer).map_err(|error| {
        let said = String::from_utf8_lossy(&ended.stderr);
        let last =
            said.lines().next_back().map_or_else(|| error.to_string(), |line| plain(line.as_bytes()).into_owned());
        io::Error::other(last)
    })?;
    serde_json::from_slice(&text).map_err(io::Error::other)
}

/// Prepares Python, behind the words of `within`, in the site's directory and environment variables.
pub(super) fn command(site: &Site, (within, python): (&[String], &Path)) -> io::Result<Command> {
    let python = python.to_string_lossy();
    let mut words = within.iter().map(String::as_str).chain([&*python]);
    let mut command = Command::new(words.next().ok_or_else(|| io::Error::other("there is no program"))?);
    command.args(words).arg("-u");
    for (name, value) in &site.environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.env("PYTHONIOENCODING", "utf-8:backslashreplace").env("PYTHONDONTWRITEBYTECODE", "1");
    command.current_dir(&site.dir).process_group(0).kill_on_drop(true);
    Ok(command)
}

/// Loads the snapshot whose dump script is `script` with `python`, behind the words of `within`. Each line that Lino
/// prints goes to the log and to `printed`, as plain text. Dropping the future ends Python.
///
/// # Errors
/// What the system says when a file cannot be written or Python cannot be started.
pub async fn run(
    site: &Site,
    (within, python): (&[String], &Path),
    script: &Path,
    mut printed: impl FnMut(&str),
) -> io::Result<ExitStatus> {
    let places = places(site);
    prepare(&places)?;
    write(&places.told, b"")?;
    write(&places.log, b"")?;
    let log: File = OpenOptions::new().append(true).open(&places.log)?;
    let mut command = command(site, (within, python))?;
    command.arg(places.dir.join("rehearse.py")).arg(script).arg(&places.told).env("LINO_LOGLEVEL", "INFO");
    // One pipe for both, so that the log has their lines in the order in which they were printed.
    let (reader, writer) = io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn()?;
    // The command holds the other end of the pipe.
    drop(command);
    let _group = Group::of(&child);
    copy_lines(reader, log, &mut printed).await?;
    child.wait().await
}

/// Copies all bytes to the log, and tells every line.
pub(super) async fn copy_lines(from: io::PipeReader, log: File, printed: &mut impl FnMut(&str)) -> io::Result<()> {
    let from = tokio::net::unix::pipe::Receiver::from_owned_fd(from.into())?;
    let mut log = tokio::fs::File::from_std(log);
    let mut from = BufReader::with_capacity(64 << 10, from);
    let mut line: Vec<u8> = Vec::new();
    loop {
        let bytes = from.fill_buf().await?;
        if bytes.is_empty() {
            break;
        }
        log.write_all(bytes).await?;
        for &byte in bytes {
            if byte == b'\n' {
                printed(&plain(&line));
                line.clear();
            } else if line.len() < LONGEST_SHOWN {
                line.push(byte);
            }
        }
        let length = bytes.len();
        from.consume(length);
    }
    if !line.is_empty() {
        printed(&plain(&line));
    }
    log.flush().await
}

/// Writes a file anew, for its owner only.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let part = path.with_extension("part");
    let _ = std::fs::remove_file(&part);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
    file.write_all(bytes)?;
    std::fs::rename(&part, path)
}
