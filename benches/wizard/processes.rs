//! What `/proc` says of processes. Figures are of the process itself, without its children.

use std::fs;
use std::path::Path;

/// Finds the runner, or the leader of its terminal session, that serves a directory.
pub fn find(role: &str, dir: &Path) -> Option<i32> {
    let dir = dir.canonicalize().ok()?;
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        let found = words.get(1..3)? == [role.as_bytes(), dir.as_os_str().as_encoded_bytes()];
        if found { entry.file_name().to_str()?.parse().ok() } else { None }
    })
}

/// Returns the most memory that a process had resident so far, in bytes.
pub fn peak_memory(pid: i32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

/// CPU time of a process, in seconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu {
    /// Its own.
    pub own: f64,
    /// That of the children it has waited for.
    pub children: f64,
}

/// Returns the CPU time that a process has used; also of one that ended and was not waited for yet.
pub fn cpu(pid: i32) -> Cpu {
    // Clock ticks are hundredths of a second in what the kernel shows, on every machine that Linux runs on today.
    const TICK: f64 = 0.01;
    let Ok(text) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return Cpu::default() };
    let Some((_, rest)) = text.rsplit_once(") ") else { return Cpu::default() };
    let fields: Vec<f64> = rest.split(' ').skip(11).take(4).filter_map(|field| field.parse().ok()).collect();
    match fields[..] {
        [user, system, user_children, system_children] => {
            Cpu { own: (user + system) * TICK, children: (user_children + system_children) * TICK }
        }
        _ => Cpu::default(),
    }
}
