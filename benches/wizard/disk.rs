//! What it costs that a command counts as ended only when the disk has what it wrote: an environment is copied, alone and
//! while somebody else writes to the same disk.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde_json::Value;

use super::first_frame::lino;
use super::place::{Place, headless, scratch};
use super::table::{self, Series, below};

const ROUNDS: usize = 5;
/// Bytes that somebody else writes over and over.
const OTHERS: u64 = 200 << 20;

/// Copies by a shell; returns the seconds until its line has ended.
fn shell(from: &Path, behind: &str) -> f64 {
    let dir = scratch();
    rustix::fs::sync();
    let begun = Instant::now();
    let line = format!("cp -a {} copy{behind}", from.display());
    let status = Command::new("sh").args(["-c", &line]).current_dir(dir.path()).status().unwrap();
    assert!(status.success(), "{line}: {status}");
    begun.elapsed().as_secs_f64()
}

/// Copies in a step of an upgrade; returns the seconds until the step knows of the end.
fn step(from: &Path) -> f64 {
    let place = Place::new(&format!("cp -a {} copy", from.display()));
    rustix::fs::sync();
    let mut child = headless(place.dir());
    let (mut begun, mut took) = (None, None);
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
        match (event["event"].as_str(), event["step"].as_str()) {
            (Some("command_started"), Some("snapshot")) => begun = Some(Instant::now()),
            (Some("command_ended"), Some("snapshot")) => {
                assert_eq!(event["exit"], 0, "{event}");
                took = begun.map(|at: Instant| at.elapsed().as_secs_f64());
            }
            _ => {}
        }
    }
    // What it copied is no snapshot: the upgrade ends there.
    child.wait().unwrap();
    took.unwrap()
}

/// Writes over and over until told to stop.
fn write(path: &Path, stop: &AtomicBool) {
    let mut file = File::create(path).unwrap();
    let piece = vec![b'x'; 1 << 20];
    let mut at = 0;
    while !stop.load(Ordering::Relaxed) {
        file.seek(SeekFrom::Start(at)).unwrap();
        file.write_all(&piece).unwrap();
        at = (at + piece.len() as u64) % OTHERS;
    }
}

/// Lets the other writer end, also after a surprise.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Measures each way in turn and prints the rows.
fn measure(from: &Path, rounds: usize) {
    let [mut plain, mut synced, mut ours]: [Series; 3] = Default::default();
    for _ in 0..rounds {
        plain.push(shell(from, ""));
        synced.push(shell(from, " && sync -f copy"));
        ours.push(step(from));
    }
    let row = |name: &str, series: &Series, goal: &str| {
        let [plain, synced] = [&plain, &synced].map(|peer| format!("{:.2}", series.ratio(peer)));
        vec![name.to_owned(), series.show(1.0, 2), plain, synced, goal.to_owned()]
    };
    let goal = format!("< 1.2 of the line with sync: {}", below(ours.ratio(&synced), 1.2));
    table::print(
        &["", "seconds (least to most)", "ratio to cp", "ratio with sync", "goal"],
        &[
            row("cp -a", &plain, ""),
            row("cp -a && sync -f", &synced, ""),
            row("cp -a in a step of lino-upgrade", &ours, &goal),
        ],
    );
}

/// Measures.
pub fn run() {
    let rounds = super::rounds(ROUNDS);
    let Some(from) = lino() else {
        table::heading("disk: an environment is copied");
        println!("  left out: the tests have not made their environment with Lino yet: tests/sites/make_env old");
        return;
    };
    table::heading(&format!("disk: an environment is copied, {rounds} rounds"));
    shell(&from, "");
    measure(&from, rounds);
    table::heading("disk: the same while another process writes to this disk without a pause");
    let others = scratch();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| write(&others.path().join("others"), &stop));
        let _stop = Stop(&stop);
        measure(&from, rounds);
    });
}
