//! Disks that are really full, at each step that writes: what is said, that nothing is lost, and that it goes on, or
//! back, when there is room again. Disks are small ones in memory, in a mount namespace of the test's own.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test stops at the first surprise"
)]

use std::collections::VecDeque;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use assert_fs::TempDir;
use rustix::fs::{FallocateFlags, fallocate, statvfs};
use rustix::io::Errno;
use serde_json::Value;

use crate::crash_site::{CrashSite, Doing, nothing_to_undo};
use crate::gate::{Gate, Passed, pass};
use crate::shop::Shop;

/// Set in the test that runs in a namespace of its own: the directory for its disks.
const INSIDE: &str = "LINO_UPGRADE_TEST_DISKS";

/// Runs this test again in a mount namespace of its own; returns the directory for disks when this is that run.
fn disks(test: &str) -> Option<PathBuf> {
    if let Some(dir) = std::env::var_os(INSIDE) {
        return Some(dir.into());
    }
    let possible = Command::new("unshare").args(["-m", "true"]).stderr(Stdio::null()).status();
    if !possible.is_ok_and(|status| status.success()) {
        eprintln!("skipped: this machine lets nobody mount a small disk (unshare -m; root can)");
        return None;
    }
    let dir = TempDir::new().unwrap();
    let status = Command::new("unshare")
        .args(["-m", "--propagation", "private"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--include-ignored", "--nocapture"])
        .env(INSIDE, dir.path())
        .status()
        .unwrap();
    assert!(status.success(), "{test}: {status}");
    None
}

/// A small disk, and the file that fills it.
struct Disk {
    dir: PathBuf,
}

impl Disk {
    /// Mounts one of so many megabytes.
    fn mount(dir: &Path, megabytes: u32) -> Self {
        std::fs::create_dir_all(dir).unwrap();
        let size = format!("size={megabytes}m,mode=755");
        let status = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(dir).status().unwrap();
        assert!(status.success());
        Self { dir: dir.to_owned() }
    }

    fn free(&self) -> u64 {
        let disk = statvfs(&self.dir).unwrap();
        disk.f_bavail * disk.f_frsize
    }

    /// Leaves so many bytes free.
    fn fill(&self, leave: u64) {
        let file = File::create(self.dir.join("filler")).unwrap();
        loop {
            let size = self.free().saturating_sub(leave);
            let filled = if size == 0 { Ok(()) } else { fallocate(&file, FallocateFlags::empty(), 0, size) };
            // What the site itself writes meanwhile may have taken a part of it.
            if filled != Err(Errno::NOSPC) {
                return filled.unwrap();
            }
        }
    }

    fn make_room(&self) {
        let _ = std::fs::remove_file(self.dir.join("filler"));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.dir).status();
    }
}

/// Which disk is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Full {
    /// The only one.
    All,
    /// That of the site; the state is on another.
    Site,
    /// That of the state.
    State,
}

/// Where a disk is filled, and how much is left.
#[derive(Clone, Copy, Debug)]
struct Case {
    full: Full,
    gate: Gate,
    leave: u64,
    /// Whether it is the undo in which it happens.
    undoes: bool,
}

const fn case(full: Full, gate: Gate) -> Case {
    Case { full, gate, leave: 0, undoes: false }
}

const fn leaving(leave: u64, case: Case) -> Case {
    Case { leave, ..case }
}

const fn undo(full: Full, gate: Gate) -> Case {
    Case { full, gate, leave: 0, undoes: true }
}

const fn fault(text: &'static str) -> Gate {
    Gate::Fault(text)
}

/// A site whose directory, and whose state where that is apart, are on small disks.
struct Small {
    site: CrashSite,
    site_disk: Disk,
    state_disk: Option<Disk>,
}

impl Small {
    fn build(disks: &Path, full: Full) -> Self {
        let site_disk = Disk::mount(&disks.join("site"), 200);
        let shop = Shop::light_in(&site_disk.dir);
        let state_disk = (full != Full::All).then(|| Disk::mount(&shop.dir.join(".lino-upgrade"), 200));
        Self { site: CrashSite::of(shop), site_disk, state_disk }
    }

    fn disk(&self, full: Full) -> &Disk {
        match (full, &self.state_disk) {
            (Full::State, Some(disk)) => disk,
            _ => &self.site_disk,
        }
    }

    /// Lets the program come to the gate, fills the disk, and lets it go on. Where it waits for room, it gets some.
    fn pass(&self, case: Case) -> Passed {
        let disk = self.disk(case.full);
        let words: &[&str] = if case.undoes { &["undo", "--yes", "--json"] } else { &["run", "--headless", "--yes"] };
        let waits = |event: &Value| {
            let what = event["report"]["what"].as_str().unwrap_or_default();
            event["event"] == "troubled" && what.contains("cannot be written down")
                || event["ask"]["question"] == "account.room"
        };
        let passed = pass(
            &self.site,
            self.site.program(words),
            case.gate,
            || disk.fill(case.leave),
            |event| {
                if waits(event) {
                    disk.make_room();
                }
            },
        );
        disk.make_room();
        passed
    }
}

/// What is wrong with what was told about a full disk.
fn complaints(passed: &Passed, disk: &Disk) -> Vec<String> {
    let told = passed.told();
    let mut wrong = Vec::new();
    let mut wants = |is_so: bool, what: &str| {
        if !is_so {
            wrong.push(format!("{what} is not said"));
        }
    };
    wants(told.contains("The disk of ") && told.contains(&disk.dir.display().to_string()), "which disk is full");
    wants(told.contains(" free there."), "how much is free");
    wants(told.contains("Free some space"), "what to do");
    if told.contains("panicked") || told.contains("fault of this program") {
        wrong.push("it panicked".into());
    }
    if !wrong.is_empty() {
        wrong.push(format!("said was: {told}"));
    }
    wrong
}

/// What is wrong after the old version came back.
fn not_back(site: &CrashSite, passed: &Passed) -> Vec<String> {
    let mut wrong = Vec::new();
    // Where the disk was full before anything was changed.
    let nothing = nothing_to_undo(passed.status, &passed.events);
    if !nothing && (passed.status != Some(0) || !passed.said.contains("The old version is back: 1.0.")) {
        wrong.push(format!("the undo ended with {:?}: {}", passed.status, passed.told()));
    }
    if site.goods() != site.goods_before() {
        wrong.push(format!("rows before:\n{}rows after:\n{}", site.goods_before(), site.goods()));
    }
    if site.web("status") != Some(0) {
        wrong.push("the web server does not run".into());
    }
    wrong
}

/// How it goes on when there is room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Continues,
    Undoes,
}

/// Tries a case; returns whether the disk was filled, and what was wrong.
fn tried(disks: &Path, case: Case, then: Then) -> (bool, Vec<String>) {
    let small = Small::build(disks, case.full);
    let site = &small.site;
    if case.undoes {
        let mut command = site.program(&["run", "--headless", "--yes"]);
        // Only where users were let in there is something to keep.
        let lets_in = matches!(case.gate, Gate::Fault("stop@undo-keep"));
        if !lets_in {
            command.args(["--until", "checkdata"]);
        }
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        assert_eq!(status.code(), Some(if lets_in { 0 } else { 4 }));
    }
    let passed = small.pass(case);
    if !passed.came {
        return (false, vec![format!("never came: {}", passed.told())]);
    }
    let mut wrong = complaints(&passed, small.disk(case.full));
    if std::env::var_os("FULL_DISK_LOG").is_some() {
        let events: Vec<String> = passed.events.iter().map(ToString::to_string).collect();
        eprintln!("{case:?} {:?} after {:?}:\n{}\n{}", passed.status, passed.took, passed.said, events.join("\n"));
    }
    if case.undoes || then == Then::Undoes {
        let begun = case.undoes && passed.status == Some(0);
        let back = if begun { passed } else { free(site, &["undo", "--yes", "--json"]) };
        wrong.extend(not_back(site, &back));
    } else if passed.status == Some(0) {
        wrong.extend(site.faults(&passed.start()));
    } else {
        let mut last = site.start(Doing::Upgrade, &mut VecDeque::new());
        if last.status == Some(1) {
            // What failed is judged first; now it is done again.
            last = site.start(Doing::Upgrade, &mut VecDeque::new());
        }
        wrong.extend(site.faults(&last));
    }
    (true, wrong)
}

/// Runs the program to its end with nothing in its way.
fn free(site: &CrashSite, words: &[&str]) -> Passed {
    pass(site, site.program(words), fault("stop@journal:100000"), || {}, |_| {})
}

/// Tries cases, some at a time, in these ways to go on; prints how many were tried and how many lost something.
fn matrix(test: &str, cases: &[Case], ways: &[Then]) {
    let Some(disks) = disks(test) else { return };
    let only = std::env::var("FULL_DISK").ok();
    let all = cases.iter().flat_map(|case| ways.iter().map(move |then| (*case, *then, format!("{case:?} {then:?}"))));
    let wanted = all.filter(|(.., name)| only.as_ref().is_none_or(|only| name.contains(only.as_str())));
    let queue = Mutex::new(wanted.enumerate().collect::<VecDeque<_>>());
    let done = Mutex::new((0, Vec::new()));
    std::thread::scope(|scope| {
        // They wait now and then: one more than there are processors.
        for _ in 0..=std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let Some((number, (case, then, name))) = queue.lock().unwrap().pop_front() else { return };
                    let dir = disks.join(format!("case-{number}"));
                    let tried = catch_unwind(AssertUnwindSafe(|| tried(&dir, case, then)));
                    let (struck, wrong) = tried.unwrap_or_else(|panic| {
                        (true, vec![panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "a panic".into())])
                    });
                    let mut done = done.lock().unwrap();
                    done.0 += u32::from(struck);
                    if !wrong.is_empty() {
                        eprintln!("LOST {name}: {}", wrong.join("; "));
                        done.1.push(name);
                    }
                }
            });
        }
    });
    let (count, lost) = done.into_inner().unwrap();
    eprintln!("full disks: {count} tried, {} lost", lost.len());
    assert_eq!(lost, Vec::<String>::new());
    assert!(count > 0 || only.is_some());
}

#[test]
fn a_disk_that_is_full_is_named_takes_no_row_and_the_upgrade_goes_on_when_there_is_room() {
    let name = "full_disk::a_disk_that_is_full_is_named_takes_no_row_and_the_upgrade_goes_on_when_there_is_room";
    let Some(disks) = disks(name) else { return };
    let small = Small::build(&disks, Full::All);
    let mut wrong = Vec::new();
    for gate in [Gate::Open("snapshot/", 5), Gate::Open("shop_product.py", 1)] {
        let passed = small.pass(case(Full::All, gate));
        assert!(passed.came, "{gate}: {}", passed.told());
        assert_eq!(passed.status, Some(1), "{gate}: {}", passed.told());
        wrong.extend(complaints(&passed, small.disk(Full::All)));
    }
    let last = small.site.start(Doing::Upgrade, &mut VecDeque::new());
    wrong.extend(small.site.faults(&last));
    assert_eq!(wrong, Vec::<String>::new());
}

/// Each step that writes, where it writes.
#[test]
#[ignore = "takes long; tests/run --full asks for it"]
fn matrix_a_full_disk_at_each_writing_step() {
    use Full::{All, Site, State};
    let cases = [
        // The state: journal, records of commands, logs.
        case(All, fault("stop@check")),
        case(State, fault("stop@journal:2")),
        case(State, fault("stop@journal:9")),
        case(State, fault("stop@journal:14")),
        case(State, fault("stop@journal:23")),
        case(State, fault("stop@journal:40")),
        case(State, fault("runner.stop@runner:1")),
        case(State, fault("runner.stop@runner:5")),
        case(State, fault("runner.stop@runner:6")),
        case(All, fault("stop@stop-services")),
        // The snapshot: the files of the dump, and the archive, which is written by another program.
        case(All, fault("stop@snapshot")),
        case(Site, Gate::Open("snapshot/", 9)),
        case(All, Gate::Open("snapshot/", 12)),
        case(All, fault("stop@verify-snapshot")),
        // The way back: the copy of the database, and the environment.
        case(All, fault("stop@protect")),
        case(State, fault("stop@snapshot:1")),
        leaving(300_000, case(State, fault("stop@snapshot:1"))),
        case(State, fault("stop@snapshot:2")),
        // The new version.
        case(Site, Gate::Open("lino_shop-2.0.dist-info/", 1)),
        case(All, fault("stop@pull")),
        case(All, fault("stop@compare")),
        case(State, Gate::Open("compare/run-0001/t/", 1)),
        // The database.
        case(Site, fault("stop@restore")),
        case(Site, Gate::Open("shop_sale.py", 1)),
        case(All, Gate::Open("shop_sale.py", 1)),
        case(State, Gate::Open("account/", 2)),
        // What comes after it.
        case(Site, fault("stop@collectstatic")),
        case(Site, fault("stop@checkdata")),
        case(All, fault("stop@start-services")),
        case(All, fault("stop@sign-in")),
    ];
    matrix("full_disk::matrix_a_full_disk_at_each_writing_step", &cases, &[Then::Continues, Then::Undoes]);
}

/// Each step of an undo that writes.
#[test]
#[ignore = "takes long; tests/run --full asks for it"]
fn matrix_a_full_disk_at_each_step_of_an_undo() {
    use Full::{All, Site, State};
    let cases = [
        undo(All, fault("stop@undo-stop")),
        undo(All, fault("stop@undo-keep")),
        undo(State, Gate::Open("undone/", 3)),
        undo(Site, fault("stop@undo-environment")),
        undo(All, fault("stop@undo-environment")),
        undo(Site, fault("stop@undo-database")),
        undo(All, fault("stop@undo-database")),
        undo(Site, fault("stop@undo-static")),
        undo(State, fault("stop@undo-account")),
        undo(All, fault("stop@undo-start")),
        undo(State, fault("stop@journal:6")),
        undo(State, fault("stop@journal:12")),
    ];
    matrix("full_disk::matrix_a_full_disk_at_each_step_of_an_undo", &cases, &[Then::Undoes]);
}
