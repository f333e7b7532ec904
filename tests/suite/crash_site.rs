//! A site whose upgrade is killed: who is killed, where, by whom it is continued, and whether anything was lost.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use assert_fs::TempDir;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::power::Disk;
use crate::shop::{PROGRAM, Shop, without_pip_settings};
use crate::undo::Before;

/// How long one start of the program may take: the machine may be busy with other tests.
const LIMIT: Duration = Duration::from_mins(8);

/// Who dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    /// The wizard. What it has started goes on.
    Wizard,
    /// The runner, and with its terminal what runs in it.
    Runner,
    /// The command of the step, with all that it has started.
    Command,
    /// Everything, and the machine starts again: the boot has another id.
    Reboot,
    /// The same, and the machine starts the site's services by itself, as most do.
    RebootWithServices,
    /// The same without services, and what was not on the disk yet is gone.
    PowerCut,
}

/// Where.
#[derive(Clone, Debug)]
pub enum At {
    /// When this event of a step comes for the so manieth time.
    Event(&'static str, &'static str, u32),
    /// Where `LINO_UPGRADE_FAULT` says: wizard or runner kill themselves, or something fails, which kills nobody.
    Fault(String),
    /// When a command of the site opens a file with this in its path for the so manieth time.
    Open(&'static str, u32),
}

/// A crash.
#[derive(Clone, Debug)]
pub struct Crash {
    pub at: At,
    pub victim: Victim,
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            At::Event(step, event, nth) => write!(f, "{:?} at {event} {nth} of {step}", self.victim),
            At::Fault(fault) => write!(f, "{:?} with {fault}", self.victim),
            At::Open(part, nth) => write!(f, "{:?} at file {nth} of {part}", self.victim),
        }
    }
}

/// How one start of the program ended.
#[derive(Debug, Default)]
pub struct Start {
    /// The crashes that came.
    pub struck: Vec<String>,
    /// Those that did not.
    pub missed: Vec<String>,
    /// None when it was killed.
    pub status: Option<i32>,
    pub events: Vec<Value>,
    pub said: String,
    /// Whether the machine went down, and its services with it.
    pub went_down: bool,
}

impl Start {
    /// Tells whether all was done when the machine went down: whether the services come up with it is its own business.
    const fn was_over(&self) -> bool {
        self.went_down && matches!(self.status, Some(0))
    }
}

/// What is started, and started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    Upgrade,
    Undo,
}

impl Doing {
    const fn words(self) -> &'static [&'static str] {
        match self {
            Self::Upgrade => &["run", "--headless", "--yes"],
            Self::Undo => &["undo", "--yes", "--json"],
        }
    }
}

/// A site that is upgraded with crashes.
pub struct CrashSite {
    pub shop: Shop,
    /// All of it before.
    before: Before,
    /// What it held before, without what only the new version has.
    goods: String,
    /// The id of the boot, when it is not the real one.
    boot: RefCell<Option<PathBuf>>,
    boots: Cell<u32>,
    home: TempDir,
    /// The disk that all of it is on, when it can lose power. It is the last to go.
    disk: Option<Disk>,
}

/// Processes that belong to a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Wizard,
    Runner,
    Shim,
    Command,
    Service,
}

struct Process {
    pid: Pid,
    kind: Kind,
    /// The mark of the command that it belongs to, empty when it is no command's.
    command: Vec<u8>,
}

/// Tells whether an undo was refused because nothing had been changed yet.
pub fn nothing_to_undo(status: Option<i32>, events: &[Value]) -> bool {
    refused(status, events, "there is nothing to undo.")
}

/// Tells whether an undo was refused in words that end like this.
fn refused(status: Option<i32>, events: &[Value], end: &str) -> bool {
    let mut impossible = events.iter().filter_map(|event| event["plan"]["impossible"].as_str());
    status == Some(2) && impossible.any(|why| why.ends_with(end))
}

impl CrashSite {
    /// Builds a site on this database, whose services run.
    pub fn build(engine: &'static str) -> Self {
        Self::of(Shop::light_on(engine, "new_blank"))
    }

    /// Builds a site on SQLite, on a disk that can lose power.
    pub fn build_on_a_disk() -> Self {
        let disk = Disk::mount();
        let mut site = Self::of(Shop::light_in(disk.place()));
        disk.sync();
        site.disk = Some(disk);
        site
    }

    /// Starts the services of a light site, which can be stopped where it opens a file from now on.
    pub fn of(shop: Shop) -> Self {
        let packages = std::fs::read_dir(shop.dir.join("env/lib")).unwrap().next().unwrap().unwrap().path();
        let hook = include_str!("crash_stop.py").replace("@DIR@", &shop.dir.display().to_string());
        std::fs::write(packages.join("site-packages/crash_stop.py"), hook).unwrap();
        std::fs::write(packages.join("site-packages/crash_stop.pth"), "import crash_stop\n").unwrap();
        let mut site = Self {
            before: Before::of(&shop),
            goods: String::new(),
            boot: RefCell::default(),
            boots: Cell::new(0),
            home: TempDir::new().unwrap(),
            disk: None,
            shop,
        };
        site.web("start");
        site.goods = site.goods();
        site
    }

    pub fn web(&self, wish: &str) -> Option<i32> {
        let mut command = Command::new("./web.sh");
        command.arg(wish).current_dir(&self.shop.dir).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.env("LC_ALL", "C.UTF-8").status().unwrap().code()
    }

    /// The last that the web server has said.
    fn web_log(&self) -> String {
        let log = std::fs::read_to_string(self.shop.dir.join("log/web.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }

    /// A digest of all rows of the application; the column that only the new version has does not count, and the
    /// amounts that `checkdata` repairs are as they were.
    pub fn goods(&self) -> String {
        self.shop.query(
            "for table in sorted(t for t in connection.introspection.table_names(cursor) if t.startswith('shop_')):\n\
             \x20   cursor.execute('select * from ' + quote(table))\n\
             \x20   names = [column[0] for column in cursor.description]\n\
             \x20   rows = [dict(zip(names, row)) for row in cursor.fetchall()]\n\
             \x20   for row in rows:\n\
             \x20       row.pop('remark', None)\n\
             \x20       if table == 'shop_sale' and row['id'] % 40 == 8: row.pop('amount')\n\
             \x20   lines = sorted(repr(sorted(row.items())) for row in rows)\n\
             \x20   print(table, len(rows), hashlib.sha256('\\n'.join(lines).encode()).hexdigest())\n",
        )
    }

    /// Starts the upgrade or the undo, or continues it, until it is struck dead or ends. What strikes without ending it
    /// makes room for the next crash; crashes that did not come when a later one does are taken out, too.
    pub fn start(&self, doing: Doing, crashes: &mut VecDeque<Crash>) -> Start {
        let mut command = self.program(doing.words());
        let plan = self.shop.dir.join("crash.txt");
        let reached = self.shop.dir.join("crash.txt.reached");
        let _ = std::fs::remove_file(&reached);
        let _ = std::fs::remove_file(&plan);
        let fault = match crashes.front() {
            Some(Crash { at: At::Fault(fault), victim }) => Some((fault.clone(), *victim)),
            _ => None,
        };
        if let Some((fault, _)) = &fault {
            if fault.starts_with("runner.") {
                // One that lives on from the start before would not hear of it.
                self.kill_all(&[Kind::Runner, Kind::Shim, Kind::Command]);
            }
            command.env("LINO_UPGRADE_FAULT", fault);
            crashes.pop_front();
        }
        let mut start = Start::default();
        let mut child = command.spawn().unwrap();
        let (lines, complaints) = listen(&mut child);
        let limit = Instant::now() + LIMIT;
        let mut seen: BTreeMap<(String, String), u32> = BTreeMap::new();
        let mut over = fault.is_some();
        loop {
            if !over
                && !plan.exists()
                && let Some(Crash { at: At::Open(part, nth), .. }) = crashes.front()
                && !reached.exists()
            {
                std::fs::write(&plan, format!("{part} {nth}\n")).unwrap();
            }
            let waited = lines.recv_timeout(Duration::from_millis(20));
            let mut due = None;
            if let Ok(line) = &waited {
                // A line may be cut where its writer was killed.
                let Ok(event) = serde_json::from_str::<Value>(line) else { continue };
                let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
                let key = (text("event"), text("step"));
                let count = seen.entry(key.clone()).or_default();
                *count += 1;
                due = crashes.iter().position(|crash| match &crash.at {
                    At::Event(step, name, nth) => key.0 == *name && key.1 == *step && *count == *nth,
                    At::Fault(_) | At::Open(..) => false,
                });
                start.events.push(event);
            }
            if reached.exists() {
                due = Some(0);
            }
            if let Some(at) = due.filter(|_| !over) {
                start.missed.extend(crashes.drain(..at).map(|crash| crash.to_string()));
                let crash = crashes.pop_front().unwrap();
                start.struck.push(crash.to_string());
                over = crash.victim != Victim::Command;
                start.went_down = matches!(crash.victim, Victim::Reboot | Victim::PowerCut);
                let _ = std::fs::remove_file(&plan);
                self.strike(crash.victim);
                if reached.exists() {
                    let _ = std::fs::remove_file(&reached);
                    // What is not killed goes on, when the others are dead.
                    self.signal(Signal::CONT, |process| process.kind == Kind::Command);
                }
            }
            if waited == Err(RecvTimeoutError::Disconnected) {
                break;
            }
            assert!(Instant::now() < limit, "the program does not end; {:?}", start.events.last());
        }
        start.status = child.wait().unwrap().code();
        start.said = complaints.join().unwrap();
        if let Some((fault, victim)) = fault {
            let kills_wizard = fault.starts_with("kill");
            if start.status.is_none() || (!kills_wizard && start.status != Some(0)) {
                start.struck.push(fault);
                if kills_wizard || victim != Victim::Wizard {
                    self.strike(victim);
                }
            } else {
                start.missed.push(fault);
            }
        }
        let _ = std::fs::remove_file(&plan);
        start
    }

    /// What its tables held at first.
    pub fn goods_before(&self) -> &str {
        &self.goods
    }

    /// Prepares the program with these arguments, in the boot that this machine is said to be in.
    pub fn program(&self, arguments: &[&str]) -> Command {
        let mut command = if let Some(boot) = &*self.boot.borrow() {
            let mut command = Command::new("unshare");
            command.args(["-m", "sh", "-c", "mount --bind \"$0\" /proc/sys/kernel/random/boot_id && exec \"$@\""]);
            command.arg(boot).arg(PROGRAM);
            command
        } else {
            Command::new(PROGRAM)
        };
        command.arg("--site").arg(&self.shop.dir).args(arguments).env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).env_remove("LINO_UPGRADE_FAULT");
        without_pip_settings(&mut command);
        command
    }

    fn strike(&self, victim: Victim) {
        let disk = self.disk.as_ref().filter(|_| victim == Victim::PowerCut);
        if let Some(disk) = disk {
            disk.cut();
        }
        if victim == Victim::Command {
            self.kill_running();
        } else {
            self.kill_all(&kinds(victim));
        }
        if let Some(disk) = disk {
            disk.come_back();
        }
        if matches!(victim, Victim::Reboot | Victim::RebootWithServices | Victim::PowerCut) {
            self.boots.set(self.boots.get() + 1);
            let path = self.home.path().join(format!("boot-{}", self.boots.get()));
            std::fs::write(&path, format!("00000000-0000-4000-8000-{:012}\n", self.boots.get())).unwrap();
            self.boot.replace(Some(path));
        }
        if victim == Victim::RebootWithServices {
            self.web("start");
        }
    }

    /// Kills all processes of these kinds, until there is none.
    fn kill_all(&self, kinds: &[Kind]) {
        while self.signal(Signal::KILL, |process| kinds.contains(&process.kind)) > 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Kills all processes of the commands that run now, and none of a command that follows at once.
    fn kill_running(&self) {
        let running: BTreeSet<Vec<u8>> = processes(&self.shop.dir).into_iter().map(|process| process.command).collect();
        let runs = |process: &Process| process.kind == Kind::Command && running.contains(&process.command);
        while self.signal(Signal::KILL, runs) > 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn signal(&self, signal: Signal, to: impl Fn(&Process) -> bool) -> usize {
        let found = processes(&self.shop.dir);
        found.iter().filter(|process| to(process) && kill_process(process.pid, signal).is_ok()).count()
    }

    /// Tells what is not as after an upgrade in which nothing has crashed; empty when all is well.
    pub fn faults(&self, last: &Start) -> Vec<String> {
        let mut faults = Vec::new();
        let runs = crate::undo::runs(&self.shop);
        // A crash right after the last write: the upgrade was complete, and the next start upgrades once more.
        let again = runs.last().is_some_and(|(_, outcome, _)| outcome == "done")
            && last.said.contains("The site runs; its version is 2.0, as before.");
        if last.status != Some(0) || !(again || last.said.contains("The site was upgraded from 1.0 to 2.0.")) {
            faults.push(format!("it ended with {:?}: {}; {:?}", last.status, last.said, last.events.last()));
        }
        let goods = self.goods();
        if goods != self.goods {
            faults.push(format!("rows before:\n{}rows after:\n{goods}", self.goods));
        }
        let mut attempts = self.shop.attempts();
        attempts.reverse();
        for (step, _) in crate::shop::WHOLE {
            let state = attempts.iter().find(|(name, _)| name == step).map_or("", |(_, state)| state.as_str());
            if !matches!(state, "done" | "skipped") {
                faults.push(format!("{step} is {state:?}"));
            }
        }
        faults.extend(attempts.iter().filter(|(_, state)| state == "open").map(|(step, _)| format!("{step} is open")));
        if !last.was_over() && self.web("status") != Some(0) {
            faults.push(format!("the web server does not run: {}", self.web_log()));
        }
        let journal = self.journal();
        if journal != "done 0" {
            faults.push(format!("outcome and missing rows: {journal:?}"));
        }
        faults
    }

    /// Tells what is not as before the upgrade; empty when all is well.
    pub fn faults_undone(&self, last: &Start) -> Vec<String> {
        let mut faults = Vec::new();
        let nothing = nothing_to_undo(last.status, &last.events);
        let back = last.status == Some(0) && last.said.ends_with("The old version is back: 1.0.\n");
        // A crash right after the last write: the undo was complete, and nothing is left to be undone.
        let again = refused(last.status, &last.events, "The last upgrade was undone already, by run 2.");
        if !(back || nothing || again) {
            faults.push(format!("the undo ended with {:?}: {}; {:?}", last.status, last.said, last.events.last()));
        }
        let now = Before::of(&self.shop);
        if now != self.before {
            faults.push(format!("before: {:?}\nafter: {now:?}", self.before));
        }
        // Where nothing is undone, nothing is started: a reboot may have ended services that do not come up by themselves.
        let may_be_down = nothing && self.boots.get() > 0 || last.was_over();
        if !may_be_down && self.web("status") != Some(0) {
            faults.push(format!("the web server does not run: {}", self.web_log()));
        }
        let runs = crate::undo::runs(&self.shop);
        let outcomes: Vec<&str> = runs.iter().map(|(_, outcome, _)| outcome.as_str()).collect();
        let expected: &[&str] = match (nothing, again) {
            (true, _) => &["unfinished"],
            // Opened to look what there is to be undone.
            (_, true) => &["unfinished", "done", "undone"],
            _ => &["done", "undone"],
        };
        if outcomes != expected {
            faults.push(format!("runs: {runs:?}"));
        }
        faults
    }

    /// The outcome of the run, and how many rows the account misses.
    fn journal(&self) -> String {
        let script = "import json, sqlite3\n\
            c = sqlite3.connect('file:.lino-upgrade/journal.sqlite?mode=ro', uri=True)\n\
            outcome, = c.execute('select outcome from runs').fetchone()\n\
            fact, = c.execute(\"select value from facts where name = 'knowledge'\").fetchone()\n\
            account = json.loads(fact)['account']\n\
            print(outcome, account['missing'] if account else 'no account')";
        let output = Command::new("python3").args(["-c", script]).current_dir(&self.shop.dir).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

impl Drop for CrashSite {
    fn drop(&mut self) {
        self.kill_all(&[Kind::Wizard, Kind::Runner, Kind::Shim, Kind::Command, Kind::Service]);
    }
}

/// Hears a program in the background: its lines, of which the last is followed by a hang-up, and what it says.
pub fn listen(child: &mut Child) -> (Receiver<String>, JoinHandle<String>) {
    let (lines_in, lines) = channel();
    let out = child.stdout.take().unwrap();
    let mut err = child.stderr.take().unwrap();
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            let _ = lines_in.send(line);
        }
    });
    let complaints = std::thread::spawn(move || {
        let mut said = Vec::new();
        let _ = err.read_to_end(&mut said);
        String::from_utf8_lossy(&said).into_owned()
    });
    (lines, complaints)
}

fn kinds(victim: Victim) -> Vec<Kind> {
    match victim {
        Victim::Wizard => vec![Kind::Wizard],
        Victim::Runner => vec![Kind::Runner],
        Victim::Command => vec![Kind::Command],
        Victim::Reboot | Victim::RebootWithServices | Victim::PowerCut => {
            vec![Kind::Wizard, Kind::Runner, Kind::Shim, Kind::Command, Kind::Service]
        }
    }
}

fn processes(dir: &Path) -> Vec<Process> {
    let name = dir.as_os_str().as_encoded_bytes();
    let within = |bytes: &[u8]| memchr::memmem::find(bytes, name).is_some();
    let known = |path: PathBuf| {
        let stat = std::fs::read_to_string(path.join("stat")).ok()?;
        if stat.contains(") Z ") {
            return None;
        }
        let line = std::fs::read(path.join("cmdline")).ok()?;
        let has = |word: &[u8]| memchr::memmem::find(&line, word).is_some();
        if within(&line) && has(b"internal-runner") {
            return Some((Kind::Runner, Vec::new()));
        }
        if within(&line) && has(b"internal-shim") {
            return Some((Kind::Shim, Vec::new()));
        }
        if within(&line) && (has(b"run\0--headless") || has(b"undo\0--yes")) {
            return Some((Kind::Wizard, Vec::new()));
        }
        if within(&line) && has(b"runserver") {
            return Some((Kind::Service, Vec::new()));
        }
        let environ = std::fs::read(path.join("environ")).ok()?;
        let mark = environ.split(|byte| *byte == 0).find(|v| v.starts_with(b"LINO_UPGRADE_COMMAND=") && within(v))?;
        Some((Kind::Command, mark.to_vec()))
    };
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter_map(|entry| {
            let pid = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
            let (kind, command) = known(entry.path())?;
            Some(Process { pid, kind, command })
        })
        .collect()
}

/// Tells whether this machine lets a process see another id of the boot.
pub fn can_reboot() -> bool {
    let script = "mount --bind /proc/version /proc/sys/kernel/random/boot_id";
    Command::new("unshare").args(["-m", "sh", "-c", script]).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
}
