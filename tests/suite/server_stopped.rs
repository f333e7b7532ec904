//! Database servers that are stopped while an upgrade runs, at each step that touches the database: what is said, that
//! nothing hangs and nothing is lost, and that it goes on, or back, when the server runs again. The servers are the
//! test's own; those that the other tests share are left alone.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test stops at the first surprise")]

use std::collections::VecDeque;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use assert_fs::TempDir;

use crate::crash_site::{CrashSite, Doing, nothing_to_undo};
use crate::gate::{Gate, Passed, pass};
use crate::shop::{Shop, sites};

/// Servers of PostgreSQL and MariaDB with data of their own.
struct OwnServers {
    home: TempDir,
}

impl OwnServers {
    fn start() -> Self {
        let home = TempDir::new().unwrap();
        // The servers run as users of their own.
        std::fs::set_permissions(home.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let servers = Self { home };
        servers.wish("start");
        servers
    }

    fn base(&self) -> PathBuf {
        self.home.path().join("servers")
    }

    fn wish(&self, wish: &str) {
        let mut command = sites("servers");
        let status = command.arg(wish).env("LINO_UPGRADE_TEST_SERVERS", self.base()).stdout(Stdio::null()).status();
        assert!(status.unwrap().success(), "{wish}");
    }
}

impl Drop for OwnServers {
    fn drop(&mut self) {
        self.wish("stop");
    }
}

/// How it goes on when the server runs again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Continues,
    Undoes,
}

/// Where the server is stopped.
#[derive(Clone, Copy, Debug)]
struct Case {
    gate: Gate,
    /// Whether it is the undo in which it happens.
    undoes: bool,
}

const fn at(gate: Gate) -> Case {
    Case { gate, undoes: false }
}

const fn fault(text: &'static str) -> Gate {
    Gate::Fault(text)
}

/// How long a step may take to fail when its server is gone.
const PATIENCE: Duration = Duration::from_mins(2);

/// What is wrong with what was told about the server.
fn complaints(passed: &Passed) -> Vec<String> {
    let told = passed.told();
    let mut wrong = Vec::new();
    if passed.status == Some(0) {
        // Nothing of it needed the server any more.
        return wrong;
    }
    if !told.contains("Start the database server") {
        wrong.push("what to do is not said".into());
    }
    let words = ["does not answer", "annot connect to the", "connection was lost"];
    if !words.iter().any(|word| told.contains(word)) {
        wrong.push("that the server does not answer is not said".into());
    }
    if told.contains("panicked") || told.contains("fault of this program") {
        wrong.push("it panicked".into());
    }
    if passed.took > PATIENCE {
        wrong.push(format!("it took {:?}", passed.took));
    }
    if !wrong.is_empty() {
        wrong.push(format!("said was: {told}"));
    }
    wrong
}

fn free(site: &CrashSite, words: &[&str]) -> Passed {
    pass(site, site.program(words), fault("stop@journal:100000"), || {}, |_| {})
}

/// Tries a case; returns whether the server was stopped, and what was wrong.
fn tried(servers: &OwnServers, engine: &'static str, case: Case, then: Then) -> (bool, Vec<String>) {
    let site = CrashSite::of(Shop::light_on_servers(engine, &servers.base()));
    let words: &[&str] = if case.undoes { &["undo", "--yes", "--json"] } else { &["run", "--headless", "--yes"] };
    if case.undoes {
        let whole = ["run", "--headless", "--yes"];
        // Only where users were let in there is something to keep.
        let lets_in = matches!(case.gate, Gate::Fault("stop@undo-keep") | Gate::Open("/dump/", _));
        let status =
            free(&site, if lets_in { &whole } else { &["run", "--headless", "--yes", "--until", "checkdata"] });
        assert_eq!(status.status, Some(if lets_in { 0 } else { 4 }));
    }
    let passed = pass(&site, site.program(words), case.gate, || servers.wish("stop"), |_| {});
    servers.wish("start");
    if std::env::var_os("SERVER_LOG").is_some() {
        eprintln!("{engine} {case:?} {:?} after {:?}:\n{}", passed.status, passed.took, passed.said);
    }
    if !passed.came {
        return (false, vec![format!("never came: {}", passed.told())]);
    }
    let mut wrong = complaints(&passed);
    if case.undoes || then == Then::Undoes {
        let over = case.undoes && passed.status == Some(0);
        let back = if over { passed } else { free(&site, &["undo", "--yes", "--json"]) };
        let is_back = back.status == Some(0) && back.said.contains("The old version is back: 1.0.");
        // Where the server was stopped before anything was changed.
        if !is_back && !nothing_to_undo(back.status, &back.events) {
            wrong.push(format!("the undo ended with {:?}: {}", back.status, back.told()));
        }
        if site.goods() != site.goods_before() {
            wrong.push(format!("rows before:\n{}rows after:\n{}", site.goods_before(), site.goods()));
        }
        if site.web("status") != Some(0) {
            wrong.push("the web server does not run".into());
        }
    } else {
        let last =
            if passed.status == Some(0) { passed.start() } else { site.start(Doing::Upgrade, &mut VecDeque::new()) };
        wrong.extend(site.faults(&last));
    }
    (true, wrong)
}

fn matrix(engines: &[&'static str], cases: &[Case], ways: &[Then]) {
    let servers = OwnServers::start();
    let only = std::env::var("SERVER_STOPPED").ok();
    let (mut count, mut lost) = (0, Vec::new());
    for engine in engines {
        for case in cases {
            for then in ways {
                let name = format!("{engine} {case:?} {then:?}");
                if only.as_ref().is_some_and(|only| !name.contains(only.as_str()))
                    || (case.undoes && *then == Then::Continues && ways.len() > 1)
                {
                    continue;
                }
                let (came, wrong) = tried(&servers, engine, *case, *then);
                count += u32::from(came);
                if !wrong.is_empty() {
                    eprintln!("LOST {name}: {}", wrong.join("; "));
                    lost.push(name);
                }
            }
        }
    }
    eprintln!("stopped servers: {count} tried, {} lost", lost.len());
    assert_eq!(lost, Vec::<String>::new());
    assert!(count > 0 || only.is_some());
}

#[test]
#[ignore = "takes a minute; tests/run --full asks for it"]
fn matrix_a_server_that_stops_in_the_middle_of_the_restore_is_named_and_the_upgrade_goes_on_when_it_runs() {
    matrix(&["postgresql"], &[at(Gate::Open("shop_product.py", 1))], &[Then::Continues]);
}

/// The counters of a server that was killed begin anew: nobody can tell then whether somebody has used the site.
#[test]
#[ignore = "takes a minute; tests/run --full asks for it"]
fn matrix_an_undo_whose_server_was_killed_keeps_the_data_once_more_and_goes_on() {
    let servers = OwnServers::start();
    let site = CrashSite::of(Shop::light_on_servers("postgresql", &servers.base()));
    assert_eq!(free(&site, &["run", "--headless", "--yes", "--until", "checkdata"]).status, Some(4));
    let undo = ["undo", "--yes", "--json"];
    let killed = pass(&site, site.program(&undo), fault("stop@undo-database"), || servers.wish("kill"), |_| {});
    assert!(killed.came && killed.status == Some(1), "{:?}: {}", killed.status, killed.told());
    servers.wish("start");
    let doubts = free(&site, &undo);
    assert_eq!(doubts.status, Some(4), "{}", doubts.told());
    assert!(doubts.told().contains("Bring database back: nobody can tell whether somebody has used the site since;"));
    let back = free(&site, &undo);
    assert_eq!(back.status, Some(0), "{}", back.told());
    assert!(back.said.contains("The old version is back: 1.0."), "{}", back.said);
    assert_eq!(site.goods(), site.goods_before());
    assert_eq!(site.web("status"), Some(0));
    assert!(site.shop.dir.join(".lino-upgrade/undone/run-0001/database.sql").exists());
}

/// Each step that touches the database: before it, and in the middle of it.
const STEPS: [Case; 15] = [
    at(fault("stop@check")),
    at(fault("stop@stop-services")),
    at(fault("stop@snapshot")),
    at(Gate::Open("snapshot/", 9)),
    at(fault("stop@verify-snapshot")),
    at(fault("stop@protect")),
    at(fault("stop@pull")),
    at(fault("stop@compare")),
    at(fault("stop@restore")),
    at(Gate::Open("shop_product.py", 1)),
    at(Gate::Open("shop_sale.py", 1)),
    at(Gate::Open("account/", 3)),
    at(fault("stop@collectstatic")),
    at(fault("stop@checkdata")),
    at(fault("stop@start-services")),
];

/// While what users have entered is listed.
const LISTING: Gate = Gate::Open("/dump/", 2);

/// Each step of an undo that does.
const UNDOING: [Case; 7] = [
    Case { gate: fault("stop@undo-stop"), undoes: true },
    Case { gate: fault("stop@undo-keep"), undoes: true },
    Case { gate: LISTING, undoes: true },
    Case { gate: fault("stop@undo-database"), undoes: true },
    Case { gate: Gate::Open("undone/", 2), undoes: true },
    Case { gate: fault("stop@undo-account"), undoes: true },
    Case { gate: fault("stop@undo-start"), undoes: true },
];

#[test]
#[ignore = "takes long; tests/run --full asks for it"]
fn matrix_postgresql_is_stopped_at_each_step_that_touches_the_database() {
    matrix(&["postgresql"], &STEPS, &[Then::Continues, Then::Undoes]);
}

#[test]
#[ignore = "takes long; tests/run --full asks for it"]
fn matrix_mariadb_is_stopped_at_each_step_that_touches_the_database() {
    matrix(&["mariadb"], &STEPS, &[Then::Continues, Then::Undoes]);
}

#[test]
#[ignore = "takes long; tests/run --full asks for it"]
fn matrix_servers_are_stopped_at_each_step_of_an_undo() {
    matrix(&["postgresql", "mariadb"], &UNDOING, &[Then::Undoes]);
}
