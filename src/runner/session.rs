//! Who is in the terminal's session, and whether somebody there reads from the terminal. Looks into `/proc` only.

use std::fs;
use std::path::Path;

/// Whether a process of the session reads from its terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// The system says that one is inside a read of the terminal.
    Yes,
    /// One waits for several things, or belongs to somebody else and cannot be looked at.
    Maybe,
    /// All of them do something else.
    No,
}

/// Returns the processes of the session that `leader` leads, without it, and what carries the command's marker
/// although it made a session of its own.
pub(super) fn members(leader: i32, dir: &Path, command: i64) -> Vec<i32> {
    let marker = format!("{}={}", super::MARKER, super::marker(dir, command));
    processes()
        .filter(|pid| *pid != leader)
        .filter(|pid| {
            stat(*pid).is_some_and(|stat| stat.session == leader)
                || fs::read(format!("/proc/{pid}/environ"))
                    .is_ok_and(|all| all.split(|byte| *byte == 0).any(|entry| entry == marker.as_bytes()))
        })
        .collect()
}

/// Looks whether a foreground process of the session reads from the terminal.
pub(super) fn reads_terminal(leader: i32) -> Reading {
    let Some(Stat { foreground, .. }) = stat(leader) else { return Reading::No };
    let mut result = Reading::No;
    for pid in processes().filter(|pid| *pid != leader) {
        if stat(pid).is_none_or(|stat| stat.group != foreground || stat.session != leader) {
            continue;
        }
        match process_reads(pid) {
            Reading::Yes => return Reading::Yes,
            Reading::Maybe => result = Reading::Maybe,
            Reading::No => {}
        }
    }
    result
}

fn process_reads(pid: i32) -> Reading {
    let Ok(call) = fs::read_to_string(format!("/proc/{pid}/syscall")) else { return Reading::Maybe };
    classify(&call, &|descriptor| {
        fs::read_link(format!("/proc/{pid}/fd/{descriptor}"))
            .is_ok_and(|path| path.starts_with("/dev/pts") || path == std::path::Path::new("/dev/tty"))
    })
}

/// Reads a line of `/proc/PID/syscall`: number and arguments in hexadecimal, or `running`. Numbers of x86-64, and of
/// the generic table that other 64-bit machines use.
fn classify(call: &str, is_terminal: &dyn Fn(u64) -> bool) -> Reading {
    let (read, waits): (u64, &[u64]) =
        if cfg!(target_arch = "x86_64") { (0, &[7, 23, 232, 270, 271, 281, 441]) } else { (63, &[22, 72, 73, 441]) };
    let mut words = call.split_whitespace();
    let Some(Ok(number)) = words.next().map(str::parse::<u64>) else { return Reading::No };
    let first = words.next().and_then(|word| u64::from_str_radix(word.trim_start_matches("0x"), 16).ok());
    if number == read {
        return if first.is_some_and(is_terminal) { Reading::Yes } else { Reading::No };
    }
    if waits.contains(&number) && is_terminal(0) { Reading::Maybe } else { Reading::No }
}

fn processes() -> impl Iterator<Item = i32> {
    fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// What the system says of a process and its terminal.
struct Stat {
    group: i32,
    session: i32,
    /// The foreground group of its terminal.
    foreground: i32,
}

/// Reads `/proc/PID/stat`. Numbers are counted from 0 behind the name, which may hold anything.
fn stat(pid: i32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text.rsplit_once(") ")?.1.split(' ').skip(2).map(str::parse);
    let (group, session) = (fields.next()?.ok()?, fields.next()?.ok()?);
    Some(Stat { group, session, foreground: fields.nth(1)?.ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn a_read_of_the_terminal_is_told_from_other_calls() {
        let terminal = |descriptor: u64| descriptor == 0;
        let cases = [
            ("0 0x0 0x7ffd 0x1 0x0 0x0 0x0 0x7ffd 0x7f", Reading::Yes),
            ("0 0x5 0x7ffd 0x1 0x0 0x0 0x0 0x7ffd 0x7f", Reading::No),
            ("270 0x1 0x7ffd 0x0 0x0 0x0 0x0 0x7ffd 0x7f", Reading::Maybe),
            ("61 0xffffffff 0x7ffd 0x0 0x0 0x0 0x0 0x7ffd 0x7f", Reading::No),
            ("running", Reading::No),
            ("", Reading::No),
        ];
        let found: Vec<_> = cases.iter().map(|(call, _)| (*call, classify(call, &terminal))).collect();
        assert_eq!(found, cases);
    }

    #[test]
    fn this_process_is_in_its_own_group() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let own = rustix::process::getpgrp().as_raw_nonzero().get();
        assert_eq!(stat(pid).map(|stat| stat.group), Some(own));
    }
}
