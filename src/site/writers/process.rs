//! What `/proc` says of a process: its command, its user, its parents, its connections.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::site::surroundings::Surroundings;
use crate::site::text::printable;

/// A process, as its directory in `/proc`.
#[derive(Clone, Debug)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) dir: PathBuf,
}

impl Process {
    /// Returns all processes that run now.
    pub(super) fn all(around: &Surroundings) -> Vec<Self> {
        let Ok(entries) = std::fs::read_dir(around.system("proc")) else { return Vec::new() };
        let process =
            |entry: std::fs::DirEntry| Some(Self { pid: entry.file_name().to_str()?.parse().ok()?, dir: entry.path() });
        entries.filter_map(Result::ok).filter_map(process).collect()
    }

    /// Returns program and arguments; none for a process that cannot be looked into or has ended.
    pub(super) fn words(&self) -> Option<Vec<String>> {
        let words = std::fs::read(self.dir.join("cmdline")).ok()?;
        let word = |word: &[u8]| String::from_utf8_lossy(word).into_owned();
        Some(words.split(|byte| *byte == 0).filter(|word| !word.is_empty()).map(word).collect())
    }

    /// Returns the command in one line of at most 80 characters.
    pub(super) fn command(&self) -> String {
        let line = match self.words() {
            Some(words) if !words.is_empty() => words.join(" "),
            _ => std::fs::read_to_string(self.dir.join("comm")).unwrap_or_default().trim().to_owned(),
        };
        printable(&line).replace('\n', " ").chars().take(80).collect()
    }

    /// Returns the name of the user who runs it, or the user's number.
    pub(super) fn user(&self, around: &Surroundings) -> String {
        // The directory itself belongs to root when the process lets nobody look into its memory, as this program does.
        let status = std::fs::read_to_string(self.dir.join("status")).unwrap_or_default();
        let stated = status.lines().find_map(|line| line.strip_prefix("Uid:")?.split_whitespace().next());
        match (stated.and_then(|uid| uid.parse().ok()), self.dir.metadata()) {
            (Some(uid), _) => around.user_name(uid),
            (None, Ok(data)) => around.user_name(data.uid()),
            (None, Err(_)) => "somebody".to_owned(),
        }
    }

    /// Returns the process that started it.
    fn parent(&self) -> Option<Self> {
        let text = std::fs::read_to_string(self.dir.join("stat")).ok()?;
        let pid: u32 = text.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?;
        (pid > 1).then(|| Self { pid, dir: self.dir.with_file_name(pid.to_string()) })
    }

    fn has_variable(&self, entry: &str) -> bool {
        std::fs::read(self.dir.join("environ"))
            .is_ok_and(|all| all.split(|byte| *byte == 0).any(|one| one == entry.as_bytes()))
    }

    /// Returns the numbers of its sockets.
    fn sockets(&self) -> Vec<u64> {
        let Ok(handles) = std::fs::read_dir(self.dir.join("fd")) else { return Vec::new() };
        let number = |path: PathBuf| path.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok();
        handles.filter_map(Result::ok).filter_map(|handle| number(std::fs::read_link(handle.path()).ok()?)).collect()
    }
}

/// Tells our own processes from all others: the commands that run for the step, and all that they started.
#[derive(Clone, Debug, Default)]
pub struct Own {
    /// The entries of the environment by which the running commands and all that they started are known.
    pub marks: Vec<String>,
    /// The names under which they open sessions on a server that keeps such names.
    pub names: Vec<String>,
}

/// The ends of our own connections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sockets {
    /// Local ports of those that go by TCP.
    pub ports: HashSet<u16>,
    /// How many others there are: to servers on this machine, by a file.
    pub others: usize,
}

impl Own {
    /// Tells whether a process is ours. One that a command left behind is ours no longer when the command has ended:
    /// then its mark is none of `marks`.
    pub(super) fn owns(&self, process: &Process) -> bool {
        !self.marks.is_empty()
            && ancestors(process).any(|process| self.marks.iter().any(|mark| process.has_variable(mark)))
    }

    /// Finds the connections of our own processes. Looks at all processes, so that it takes some milliseconds.
    #[must_use]
    pub fn sockets(&self, around: &Surroundings) -> Sockets {
        let mut found = Sockets::default();
        let me = std::process::id();
        let (mut mine, mut commands) = (HashSet::new(), HashSet::new());
        for process in Process::all(around) {
            if process.pid == me {
                mine.extend(process.sockets());
            } else if self.owns(&process) {
                commands.extend(process.sockets());
            }
        }
        let tcp: Vec<(u64, u16)> = ["proc/net/tcp", "proc/net/tcp6"]
            .into_iter()
            .flat_map(|table| connections(&around.system(table)))
            .filter(|(number, _)| mine.contains(number) || commands.contains(number))
            .collect();
        // This program has many that lead to no database, and its sessions are left out already.
        let by_tcp = tcp.iter().filter(|(number, _)| commands.contains(number)).count();
        found.others = commands.len().saturating_sub(by_tcp);
        found.ports = tcp.into_iter().map(|(_, port)| port).collect();
        found
    }
}

/// Tells whether a process was started by this program in the hands of somebody who looks at the site: a question to its
/// Python, to pip, to git. Those only read. What a step runs belongs to a runner, and is seen as what it is.
pub(super) fn is_question(process: &Process) -> bool {
    ancestors(process).any(|process| {
        let words = process.words().unwrap_or_default();
        let ours = words.first().is_some_and(|word| word.rsplit('/').next() == Some("lino-upgrade"));
        ours && !words.get(1).is_some_and(|word| word.starts_with("internal-"))
    })
}

/// Returns the process, the one that started it, and so on.
fn ancestors(process: &Process) -> impl Iterator<Item = Process> {
    const DEEPEST: usize = 64;
    std::iter::successors(Some(process.clone()), Process::parent).take(DEEPEST)
}

/// Reads number and local port of each connection from a table of the kernel, see proc(5).
fn connections(table: &Path) -> Vec<(u64, u16)> {
    let text = std::fs::read_to_string(table).unwrap_or_default();
    text.lines().skip(1).filter_map(connection).collect()
}

fn connection(line: &str) -> Option<(u64, u16)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let port = u16::from_str_radix(words.get(1)?.rsplit(':').next()?, 16).ok()?;
    Some((words.get(9)?.parse().ok()?, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_local_port_of_a_connection_is_read_with_its_number() {
        let line = "   1: 0100007F:A2C4 0100007F:1538 01 00000000:00000000 00:00000000 00000000  1000        0 81234 1";
        assert_eq!(connection(line), Some((81234, 41668)));
        assert_eq!(connection("  sl  local_address rem_address"), None);
    }
}
