//! Crashes at every step and every write: the upgrade is killed, started again, and comes to its end with nothing lost.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use crate::crash_site::{At, Crash, CrashSite, Doing, Start, Victim, can_reboot};

/// The crashes of one upgrade, one after another, and how it comes to its end.
#[derive(Clone, Debug)]
pub struct Case {
    pub engine: &'static str,
    pub crashes: Vec<Crash>,
    pub ending: Ending,
}

/// What is done after the last crash of an upgrade.
#[derive(Clone, Debug)]
pub enum Ending {
    /// The upgrade is started again and goes to its end.
    Continued,
    /// It is undone, with these crashes, one after another.
    Undone(Vec<Crash>),
}

impl Case {
    fn cuts_power(&self) -> bool {
        let in_undo = if let Ending::Undone(crashes) = &self.ending { crashes.as_slice() } else { &[] };
        self.crashes.iter().chain(in_undo).any(|crash| crash.victim == Victim::PowerCut)
    }
}

/// How a case ended: how many crashes came, and what was lost.
struct Tried {
    crashes: usize,
    /// Crashes that never came, because there is no such write.
    missed: Vec<String>,
    lost: Vec<String>,
}

impl Tried {
    /// Starts it again after each crash, until all came or it ended before they could; returns its end, if so.
    fn crash(&mut self, site: &CrashSite, doing: Doing, crashes: &[Crash]) -> Option<Start> {
        let mut crashes = VecDeque::from(crashes.to_vec());
        let mut idle = 0;
        while !crashes.is_empty() {
            let start = site.start(doing, &mut crashes);
            if std::env::var_os("CRASH_LOG").is_some() {
                let said = start.said.trim_end().replace('\n', " | ");
                eprintln!("  {doing:?} {:?} missed {:?}: {:?} {said}", start.struck, start.missed, start.status);
            }
            self.crashes += start.struck.len();
            self.missed.extend(start.missed.iter().cloned());
            if start.status == Some(0) || doing == Doing::Undo && start.status == Some(2) {
                self.missed.extend(crashes.iter().map(ToString::to_string));
                return Some(start);
            }
            // One start may have to judge first what the last crash has ended.
            idle = if start.struck.is_empty() && start.missed.is_empty() { idle + 1 } else { 0 };
            if idle == 2 {
                self.lost.push(format!("it stays where it is: {}", start.said));
                return Some(start);
            }
        }
        None
    }
}

fn run(case: &Case) -> Tried {
    let mut tried = Tried { crashes: 0, missed: Vec::new(), lost: Vec::new() };
    let all = catch_unwind(AssertUnwindSafe(|| {
        let site = if case.cuts_power() { CrashSite::build_on_a_disk() } else { CrashSite::build(case.engine) };
        let ended = tried.crash(&site, Doing::Upgrade, &case.crashes);
        let lost = match (&case.ending, ended) {
            (Ending::Continued, ended) => {
                site.faults(&ended.unwrap_or_else(|| site.start(Doing::Upgrade, &mut VecDeque::new())))
            }
            // It came to its end before.
            (Ending::Undone(_), Some(ended)) => site.faults(&ended),
            (Ending::Undone(crashes), None) => {
                let ended = tried.crash(&site, Doing::Undo, crashes);
                site.faults_undone(&ended.unwrap_or_else(|| site.start(Doing::Undo, &mut VecDeque::new())))
            }
        };
        if !lost.is_empty() && std::env::var_os("CRASH_KEEP").is_some() {
            let kept = std::env::temp_dir().join(format!("crash-kept-{}", std::process::id()));
            let _ = std::process::Command::new("cp").arg("-a").arg(&site.shop.dir).arg(&kept).status();
            eprintln!("  kept in {}", kept.display());
        }
        tried.lost.extend(lost);
    }));
    if let Err(panic) = all {
        let text = panic.downcast_ref::<String>().cloned();
        tried.lost.push(text.unwrap_or_else(|| "a panic".into()));
    }
    tried
}

/// Runs cases, some at a time; prints how many crashes were tried and how many lost something.
/// With `CRASH_ONLY`, only the cases are run that have all of its words, divided by commas, in their description.
pub fn matrix(name: &str, cases: Vec<Case>) -> usize {
    let only = std::env::var("CRASH_ONLY").unwrap_or_default();
    let is_wanted = |case: &Case| {
        let crashes: Vec<String> = case.crashes.iter().map(ToString::to_string).collect();
        let text = format!("{} {} {:?}", case.engine, crashes.join(" "), case.ending);
        only.split(',').all(|word| text.contains(word))
    };
    let queue = Mutex::new(cases.into_iter().filter(is_wanted).collect::<VecDeque<_>>());
    let done = Mutex::new((0, Vec::new(), Vec::new()));
    std::thread::scope(|scope| {
        // They wait now and then: one more than there are processors.
        for _ in 0..=std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let Some(case) = queue.lock().unwrap().pop_front() else { return };
                    let tried = run(&case);
                    let mut done = done.lock().unwrap();
                    done.0 += tried.crashes;
                    done.1.extend(tried.missed);
                    if !tried.lost.is_empty() {
                        let crashes: Vec<String> = case.crashes.iter().map(ToString::to_string).collect();
                        let crashes = crashes.join(", ");
                        let text = format!("{}: {crashes}, {:?}: {}", case.engine, case.ending, tried.lost.join("; "));
                        eprintln!("LOST {text}");
                        done.2.push(text);
                    }
                }
            });
        }
    });
    let (tried, missed, lost) = done.into_inner().unwrap();
    for crash in &missed {
        eprintln!("never came: {crash}");
    }
    eprintln!("{name}: {tried} crashes tried, {} lost", lost.len());
    assert_eq!(lost, Vec::<String>::new());
    tried
}

pub const fn event(step: &'static str, event: &'static str, nth: u32, victim: Victim) -> Crash {
    Crash { at: At::Event(step, event, nth), victim }
}

pub const fn open(part: &'static str, nth: u32, victim: Victim) -> Crash {
    Crash { at: At::Open(part, nth), victim }
}

pub const BEGUN: &str = "step_started";
pub const RUNS: &str = "command_started";

/// Where each step can be killed, in the order of the procedure: at its beginning, in its commands, in the files that
/// they read and write.
pub fn points(victim: Victim) -> Vec<Crash> {
    let all = [
        event("check", BEGUN, 1, victim),
        event("stop-services", RUNS, 1, victim),
        event("snapshot", RUNS, 1, victim),
        open("snapshot/", 3, victim),
        open("snapshot/", 12, victim),
        event("verify-snapshot", BEGUN, 1, victim),
        event("protect", RUNS, 1, victim),
        event("pull", RUNS, 1, victim),
        open("lino_shop-2.0.dist-info/", 1, victim),
        event("compare", RUNS, 1, victim),
        event("restore", RUNS, 1, victim),
        open("shop_product.py", 1, victim),
        open("shop_sale.py", 1, victim),
        event("restore", RUNS, 2, victim),
        event("collectstatic", RUNS, 1, victim),
        event("collectstatic", RUNS, 2, victim),
        event("checkdata", RUNS, 1, victim),
        event("start-services", RUNS, 1, victim),
        event("sign-in", BEGUN, 1, victim),
    ];
    all.into_iter().filter(is_possible).collect()
}

/// Where a step only begins, there is no command that could be killed.
fn is_possible(crash: &Crash) -> bool {
    crash.victim != Victim::Command || !matches!(crash.at, At::Event(_, BEGUN, _))
}

/// One upgrade with a crash in each step, and one with other victims.
#[test]
fn an_upgrade_that_is_killed_in_each_step_comes_to_its_end() {
    use Victim::{Command, Reboot, RebootWithServices, Runner, Wizard};
    let reboots = can_reboot();
    if !reboots {
        eprintln!("no reboots: this machine lets nobody see another id of the boot (unshare -m)");
    }
    let first = vec![
        event("check", BEGUN, 1, Runner),
        event("stop-services", RUNS, 1, Command),
        open("snapshot/", 5, Reboot),
        event("verify-snapshot", BEGUN, 1, Wizard),
        event("protect", RUNS, 1, Runner),
        open("lino_shop-2.0.dist-info/", 1, Command),
        event("compare", RUNS, 1, Wizard),
        open("shop_sale.py", 1, Reboot),
        // The dump for the account: it is made once more.
        event("restore", RUNS, 2, Command),
        event("collectstatic", RUNS, 2, Command),
        event("checkdata", RUNS, 1, RebootWithServices),
        event("start-services", RUNS, 1, Wizard),
        event("sign-in", BEGUN, 1, Reboot),
    ];
    let second = vec![
        event("check", BEGUN, 1, RebootWithServices),
        event("stop-services", RUNS, 1, Wizard),
        open("snapshot/", 12, Command),
        event("verify-snapshot", BEGUN, 1, RebootWithServices),
        event("protect", RUNS, 1, Wizard),
        event("pull", RUNS, 1, Reboot),
        event("compare", RUNS, 1, Runner),
        open("shop_product.py", 1, Command),
        open("shop_sale.py", 1, Runner),
        event("restore", RUNS, 2, Reboot),
        event("checkdata", RUNS, 1, Command),
        event("start-services", RUNS, 1, Runner),
        event("sign-in", BEGUN, 1, Wizard),
    ];
    let stays = |crash: &Crash| reboots || !matches!(crash.victim, Reboot | RebootWithServices);
    let cases = [first, second].map(|crashes| sqlite(crashes.into_iter().filter(stays).collect()));
    let tried = matrix("crashes in each step", cases.to_vec());
    assert!(tried >= if reboots { 20 } else { 13 }, "only {tried} crashes came");
}

pub fn alone(engine: &'static str, crashes: impl IntoIterator<Item = Crash>) -> Vec<Case> {
    crashes.into_iter().map(|crash| Case { engine, crashes: vec![crash], ending: Ending::Continued }).collect()
}

/// The same crashes, after which the upgrade is undone.
pub fn undone(cases: Vec<Case>) -> Vec<Case> {
    cases.into_iter().map(|case| Case { ending: Ending::Undone(Vec::new()), ..case }).collect()
}

fn victims() -> Vec<Victim> {
    let mut victims = vec![Victim::Wizard, Victim::Runner, Victim::Command];
    if can_reboot() {
        victims.extend([Victim::Reboot, Victim::RebootWithServices]);
    }
    victims
}

/// So many crashes at writes, each so many writes after the start before: together they meet most writes of an upgrade.
fn at_writes(count: u32, fault: impl Fn(u32) -> String, victim: impl Fn(u32) -> Victim) -> Vec<Crash> {
    (0..count).map(|at| Crash { at: At::Fault(fault(at)), victim: victim(at) }).collect()
}

const fn kill_or_after(at: u32) -> &'static str {
    if at.is_multiple_of(2) { "kill" } else { "kill-after" }
}

/// What is written at each start comes first, so each start gets some writes further.
fn journal_writes(count: u32) -> Vec<Crash> {
    at_writes(count, |at| format!("{}@journal:{}", kill_or_after(at), 3 + at * 3 % 7), |_| Victim::Wizard)
}

fn runner_writes(count: u32) -> Vec<Crash> {
    at_writes(count, |at| format!("runner.{}@runner:{}", kill_or_after(at), 1 + at * 5 % 12), |_| Victim::Runner)
}

fn faults() -> Vec<Crash> {
    let faults = [
        "fail@check",
        "full@journal:4",
        "full@journal:9",
        "runner.full@runner:1",
        "lose-runner@snapshot",
        "full@snapshot:1",
        "full@snapshot:2",
        "fail@protect",
        "lose-runner@pull",
        "lose-runner@restore",
        "full@journal:12",
        "runner.full@runner:8",
        "fail@start-services",
        "lose-runner@start-services",
    ];
    at_writes(14, |at| faults[at as usize].to_owned(), |_| Victim::Wizard)
}

pub fn sqlite(crashes: Vec<Crash>) -> Case {
    Case { engine: "sqlite", crashes, ending: Ending::Continued }
}

/// Where an undo can be killed, in its order: at the beginning of each step, and in its commands.
pub fn undo_points(victim: Victim) -> Vec<Crash> {
    let mut points = Vec::new();
    for (step, has_commands) in [
        ("undo-stop", false),
        ("undo-environment", true),
        ("undo-database", false),
        ("undo-static", false),
        ("undo-account", true),
        ("undo-start", true),
    ] {
        if victim != Victim::Command {
            points.push(event(step, BEGUN, 1, victim));
        }
        if has_commands {
            points.push(event(step, RUNS, 1, victim));
        }
    }
    if victim == Victim::Wizard {
        // It ends soon after; a machine that is started again later has nothing to do with it any more.
        points.push(event("undo-confirm", BEGUN, 1, victim));
    }
    points
}

/// An upgrade of which everything was done that can be undone but letting users in.
pub fn undone_with(crashes: Vec<Crash>) -> Case {
    let whole = vec![event("checkdata", RUNS, 1, Victim::Wizard)];
    Case { engine: "sqlite", crashes: whole, ending: Ending::Undone(crashes) }
}

#[test]
fn an_undo_that_is_killed_in_each_of_its_steps_brings_the_old_version_back() {
    use Victim::{Command, Reboot, RebootWithServices, Runner, Wizard};
    let reboot = if can_reboot() { Reboot } else { Wizard };
    let with_services = if can_reboot() { RebootWithServices } else { Runner };
    let crashes = vec![
        event("undo-stop", BEGUN, 1, Runner),
        event("undo-environment", RUNS, 1, reboot),
        event("undo-database", BEGUN, 1, with_services),
        event("undo-account", RUNS, 1, Command),
        event("undo-start", RUNS, 1, reboot),
        event("undo-confirm", BEGUN, 1, Wizard),
    ];
    let after_a_half_restore = Case { crashes: vec![open("shop_sale.py", 1, reboot)], ..undone_with(vec![]) };
    let tried = matrix("crashes in an undo", vec![undone_with(crashes), after_a_half_restore]);
    assert!(tried >= 7, "only {tried} crashes came");
}

#[test]
#[ignore = "takes long; tests/run --crash asks for it"]
fn matrix_each_victim_at_each_point_of_an_undo() {
    let alone = |victim| undo_points(victim).into_iter().map(|crash| undone_with(vec![crash]));
    matrix("each victim at each point of an undo", victims().into_iter().flat_map(alone).collect());
}

#[test]
#[ignore = "takes long; tests/run --crash asks for it"]
fn matrix_an_upgrade_that_is_killed_at_each_point_is_undone() {
    let cases = victims().into_iter().flat_map(|victim| alone("sqlite", points(victim))).collect();
    matrix("each victim at each point of each step, then undone", undone(cases));
}

#[test]
#[ignore = "takes long; tests/run --crash asks for it"]
fn matrix_an_upgrade_that_is_killed_on_a_server_is_undone() {
    let last = |case: Case| {
        let at = |at: usize| Case { crashes: vec![case.crashes[at].clone()], ..case.clone() };
        (0..case.crashes.len()).map(at).collect::<Vec<_>>()
    };
    let cases = ["postgresql", "mariadb"].into_iter().flat_map(on_servers).flat_map(last).collect();
    matrix("on servers, then undone", undone(cases));
}

/// Crashes before and after each write there; `CRASH_WRITES` says from which write to which, counted from the beginning.
fn each_write(before: &str, place: &str, last: u32, victim: Victim) -> Vec<Crash> {
    let range = std::env::var("CRASH_WRITES").unwrap_or_else(|_| format!("1-{last}"));
    let (from, to) = range.split_once('-').unwrap();
    let writes = from.parse::<u32>().unwrap()..=to.parse().unwrap();
    let kinds = writes.flat_map(|at| [(at, "kill"), (at, "kill-after")]);
    kinds.map(|(at, kind)| Crash { at: At::Fault(format!("{before}{kind}@{place}:{at}")), victim }).collect()
}

/// An undo for each of its writes.
#[test]
#[ignore = "takes long; tests/run --crash asks for it"]
fn matrix_an_undo_that_is_killed_at_each_write_of_the_journal() {
    let crashes = each_write("", "journal", 40, Victim::Wizard);
    matrix("each write of an undo", crashes.into_iter().map(|crash| undone_with(vec![crash])).collect());
}

#[test]
fn an_upgrade_in_which_faults_are_switched_on_comes_to_its_end() {
    let tried = matrix("faults that are switched on", vec![sqlite(faults())]);
    assert!(tried >= 12, "only {tried} faults came");
}

#[test]
#[ignore = "takes long; tests/run --crash asks for it"]
fn matrix_crashes_at_the_writes_of_journal_and_runner_one_after_another() {
    let reboots = |at| if can_reboot() && at % 3 == 0 { Victim::RebootWithServices } else { Victim::Wizard };
    let rebooted = at_writes(60, |at| format!("{}@journal:{}", kill_or_after(at), 4 + at * 5 % 9), reboots);
    let copies = at_writes(8, |at| format!("{}@snapshot:{}", kill_or_after(at), 1 + at / 2), |_| Victim::Wizard);
    let cases = [journal_writes(80), runner_writes(60), rebooted, copies].map(sqlite);
    matrix("writes one after another", cases.to_vec());
}

/// An upgrade on its own for each write.
#[test]
#[ignore = "takes an hour; CRASH_WRITES says from which write to which"]
fn matrix_a_crash_at_each_write_of_the_journal() {
    let crashes = each_write("", "journal", 90, Victim::Wizard);
    matrix("each write of the journal", alone("sqlite", crashes));
}

#[test]
#[ignore = "takes an hour; CRASH_WRITES says from which write to which"]
fn matrix_an_upgrade_that_is_killed_at_each_write_of_the_journal_is_undone() {
    let crashes = each_write("", "journal", 90, Victim::Wizard);
    matrix("each write of the journal, then undone", undone(alone("sqlite", crashes)));
}

#[test]
#[ignore = "takes an hour; CRASH_WRITES says from which write to which"]
fn matrix_a_crash_at_each_write_of_the_runner() {
    let crashes = each_write("runner.", "runner", 70, Victim::Runner);
    matrix("each write of the runner", alone("sqlite", crashes));
}

#[test]
#[ignore = "takes an hour; CRASH_WRITES says from which write to which"]
fn matrix_an_upgrade_that_is_killed_at_each_write_of_the_runner_is_undone() {
    let crashes = each_write("runner.", "runner", 70, Victim::Runner);
    matrix("each write of the runner, then undone", undone(alone("sqlite", crashes)));
}

/// The copies, the old archive and what else is written beside the snapshot.
#[test]
#[ignore = "takes long; tests/run --crash asks for it"]
fn matrix_a_crash_at_each_write_beside_the_snapshot() {
    let crashes = each_write("", "snapshot", 12, Victim::Wizard);
    matrix("each write beside the snapshot", alone("sqlite", crashes));
}

#[test]
#[ignore = "takes long; tests/run --crash asks for it"]
fn matrix_an_upgrade_that_is_killed_at_each_write_beside_the_snapshot_is_undone() {
    let crashes = each_write("", "snapshot", 12, Victim::Wizard);
    matrix("each write beside the snapshot, then undone", undone(alone("sqlite", crashes)));
}

/// On PostgreSQL: the old tables are gone, the new ones not yet there, and what `initdb` writes into the packages is.
const IN_INITDB: Crash = open("/migrations/0001_initial", 2, Victim::Command);

#[test]
#[ignore = "takes long; tests/run --crash asks for it"]
fn matrix_a_restore_that_was_killed_in_initdb_on_postgresql_is_done_again_by_one_start() {
    let case = Case { engine: "postgresql", crashes: vec![IN_INITDB], ending: Ending::Continued };
    assert_eq!(matrix("a restore that is killed in initdb", vec![case]), 1);
}

/// Where the database is on a server, the steps that touch it.
fn on_servers(engine: &'static str) -> Vec<Case> {
    let reboot = if can_reboot() { Victim::Reboot } else { Victim::Wizard };
    let mut first = vec![
        open("snapshot/", 9, Victim::Command),
        event("verify-snapshot", BEGUN, 1, reboot),
        event("protect", RUNS, 1, Victim::Runner),
        open("shop_sale.py", 1, reboot),
        event("restore", RUNS, 2, Victim::Runner),
        event("checkdata", RUNS, 1, Victim::Command),
    ];
    let second = vec![
        event("snapshot", RUNS, 1, Victim::Wizard),
        event("protect", RUNS, 1, reboot),
        open("shop_product.py", 1, Victim::Command),
        open("shop_sale.py", 1, Victim::Runner),
        event("restore", RUNS, 2, Victim::Wizard),
        event("checkdata", RUNS, 1, reboot),
    ];
    if engine == "postgresql" {
        first.insert(3, IN_INITDB);
    }
    [first, second].map(|crashes| Case { engine, crashes, ending: Ending::Continued }).to_vec()
}

#[test]
#[ignore = "takes long; tests/run --crash asks for it"]
fn matrix_crashes_on_postgresql_and_mariadb_in_the_steps_that_touch_the_database() {
    let cases = ["postgresql", "mariadb"].into_iter().flat_map(on_servers).collect();
    matrix("on servers", cases);
}

/// As many upgrades as there are victims: in each, the victims take turns from point to point, and each comes first once.
fn one_after_another(engine: &'static str) -> Vec<Case> {
    let victims = victims();
    let all: Vec<Crash> = points(Victim::Wizard);
    let upgrade = |first: usize| {
        let victim = |nth: usize| victims[(first + nth) % victims.len()];
        let crashes = all.iter().enumerate().map(|(nth, at)| Crash { victim: victim(nth), ..at.clone() });
        Case { engine, crashes: crashes.filter(is_possible).collect(), ending: Ending::Continued }
    };
    (0..victims.len()).map(upgrade).collect()
}

#[test]
#[ignore = "takes long; tests/run --crash asks for it"]
fn matrix_each_victim_at_each_point_one_after_another() {
    matrix("each victim at each point, one after another", one_after_another("sqlite"));
}

#[test]
#[ignore = "takes long; tests/run --crash asks for it"]
fn matrix_each_victim_at_each_point_one_after_another_on_servers() {
    let cases = ["postgresql", "mariadb"].into_iter().flat_map(one_after_another).collect();
    matrix("each victim at each point on servers, one after another", cases);
}

#[test]
#[ignore = "takes long; tests/run --crash asks for it"]
fn matrix_each_victim_at_each_point_of_each_step() {
    let cases = victims().into_iter().flat_map(|victim| alone("sqlite", points(victim))).collect();
    matrix("each victim at each point of each step", cases);
}
