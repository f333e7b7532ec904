//! Upgrades of a site that getlino itself made: nginx, uwsgi under supervisor, the system's PostgreSQL, and getlino's
//! own `make_snapshot.sh` and `pull.sh`. `tests/run` runs them where `getlino_site possible` agrees.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::shop::{PROGRAM, all, ended, sites};

/// The site; there is one at a time on a machine.
struct Getlino {
    dir: PathBuf,
    backups: PathBuf,
    url: String,
    program: String,
    _only: File,
}

impl Getlino {
    /// Puts the site up, on Lino 25.1.4. `to` says what its `pull.sh` brings.
    fn create(to: &str) -> Self {
        let only = File::create("/run/lock/lino-upgrade-getlino-test").unwrap();
        only.lock().unwrap();
        let output = sites("getlino_site").args(["create", "--to", to]).stderr(Stdio::inherit()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let values: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once('=')).collect();
        let value = |name: &str| values.get(name).copied().unwrap_or_default().to_owned();
        let site = Self {
            dir: value("DIR").into(),
            backups: value("BACKUPS").into(),
            url: value("URL"),
            program: value("PROGRAM"),
            _only: only,
        };
        assert!(output.status.success(), "getlino_site create: {}", output.status);
        site
    }

    /// Starts the upgrade without a wizard. Variables of pip would override what the site's environment says.
    fn upgrade(&self) -> Upgrade {
        let mut command = Command::new(PROGRAM);
        // That rows will be refused may be foretold; here it is to happen.
        let decisions = std::env::temp_dir().join("lino-upgrade-getlino-decisions.toml");
        fs::write(&decisions, "[answers]\n\"compare.verdict\" = \"r\"\n").unwrap();
        command.arg("--site").arg(&self.dir).args(["run", "--headless", "--yes", "--decisions"]).arg(decisions);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PIP_")) {
            command.env_remove(name);
        }
        command.env("LC_ALL", "C.UTF-8").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Upgrade { child: command.spawn().unwrap(), events: Vec::new() }
    }

    /// Makes a snapshot as cron does every night.
    fn nightly_snapshot(&self) -> Vec<u8> {
        let output = Command::new(self.dir.join("make_snapshot.sh")).current_dir("/").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        fs::read(self.dir.join("snapshot.zip")).unwrap()
    }

    /// Returns what the server of the database says to a query, as lines of two words.
    fn query(&self, sql: &str) -> BTreeMap<String, String> {
        let name = self.dir.file_name().unwrap();
        let line = ["runuser", "-u", "postgres", "--", "psql", "-AtX", "-F", " ", "-c", sql];
        said(Command::new(line[0]).args(&line[1..]).arg(name).current_dir("/"))
            .lines()
            .map(|line| line.split_once(' ').map(|(key, value)| (key.to_owned(), value.to_owned())).unwrap())
            .collect()
    }

    /// Counts the rows of every table.
    fn rows(&self) -> BTreeMap<String, u64> {
        let count = "(xpath('/row/n/text()', query_to_xml(format('select count(*) as n from %I', table_name), false, \
                     true, '')))[1]::text";
        let sql = format!("select table_name, {count} from information_schema.tables where table_schema = 'public'");
        self.query(&sql).into_iter().map(|(table, rows)| (table, rows.parse().unwrap())).collect()
    }

    /// Returns the version of each package of Lino.
    fn lino(&self) -> BTreeMap<String, String> {
        let script = "import importlib.metadata as m\n\
                      for n in ('lino', 'lino_xl', 'lino_cosi', 'lino_react'): print(n, m.version(n))";
        said(Command::new(self.dir.join("env/bin/python")).args(["-I", "-c", script]))
            .lines()
            .map(|line| line.split_once(' ').map(|(key, value)| (key.to_owned(), value.to_owned())).unwrap())
            .collect()
    }

    /// Returns what the site answers to a browser.
    fn status(&self) -> u16 {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        agent.get(&self.url).call().unwrap().status().as_u16()
    }

    /// Returns state and process of the site's program, as supervisor sees it.
    fn program(&self) -> (String, Option<u32>) {
        let output = Command::new("supervisorctl").args(["status", &self.program]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let words: Vec<&str> = text.split_whitespace().collect();
        let pid = words.iter().position(|word| *word == "pid").map(|at| words[at + 1].trim_end_matches(','));
        (words[1].to_owned(), pid.map(|pid| pid.parse().unwrap()))
    }

    /// Returns the log of a step's first attempt, for example of `03-snapshot`.
    fn log(&self, step: &str) -> String {
        let path = self.dir.join(".lino-upgrade/logs").join(format!("0001-{step}-1.log"));
        String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()
    }
}

impl Drop for Getlino {
    fn drop(&mut self) {
        let _ = sites("getlino_site").arg("destroy").status();
    }
}

/// A running upgrade.
struct Upgrade {
    child: Child,
    events: Vec<Value>,
}

impl Upgrade {
    /// Reads events until one is as wanted; the upgrade goes on meanwhile.
    fn until(&mut self, wanted: impl Fn(&Value) -> bool) {
        let out = self.child.stdout.as_mut().unwrap();
        let mut one = [0];
        let mut line = Vec::new();
        // Byte by byte, since a reader with a buffer would keep what belongs to the next call.
        while out.read(&mut one).unwrap() == 1 {
            line.push(one[0]);
            if one[0] == b'\n' {
                let event: Value = serde_json::from_slice(&line).unwrap();
                line.clear();
                self.events.push(event);
                if self.events.last().is_some_and(&wanted) {
                    return;
                }
            }
        }
        panic!("the event did not come; the last one was {:?}", self.events.last());
    }

    /// Waits for the end; returns the exit status, all events, and what was said.
    fn end(mut self) -> (Option<i32>, Vec<Value>, String) {
        for line in BufReader::new(self.child.stdout.take().unwrap()).lines() {
            self.events.push(serde_json::from_str(&line.unwrap()).unwrap());
        }
        let output = self.child.wait_with_output().unwrap();
        (output.status.code(), self.events, String::from_utf8(output.stderr).unwrap())
    }
}

/// Runs a command that must succeed; returns what it prints.
fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn nginx() -> String {
    fs::read_to_string("/run/nginx.pid").unwrap()
}

/// Returns the command lines of a step.
fn commands<'a>(events: &'a [Value], step: &str) -> Vec<&'a str> {
    let started = events.iter().filter(|event| event["event"] == "command_started" && event["step"] == step);
    started.map(|event| event["line"].as_str().unwrap()).collect()
}

fn map<T: Clone>(pairs: &[(&str, T)]) -> BTreeMap<String, T> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
}

/// Leaves out the tables that no dump holds: they are filled anew by whoever needs them.
fn dumped(mut rows: BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    // What was signed in is signed out; Django names the models again; checkdata writes what it finds.
    for table in ["django_session", "django_content_type", "checkdata_message"] {
        assert!(rows.remove(table).is_some(), "{table}");
    }
    rows
}

#[test]
#[ignore = "makes this machine a web server for some minutes: root on Debian 12; tests/run runs it"]
fn a_site_made_by_getlino_is_upgraded_and_keeps_all_its_rows() {
    let site = Getlino::create("clean");
    let yesterday = site.nightly_snapshot();
    let before = dumped(site.rows());
    let (state, served_before) = site.program();
    assert_eq!((state.as_str(), site.status()), ("RUNNING", 200));
    let proxy = nginx();

    let mut upgrade = site.upgrade();
    upgrade.until(|event| event["event"] == "command_started" && event["step"] == "snapshot");
    assert_eq!(site.program(), ("STOPPED".to_owned(), None));
    // nginx is up and finds nobody; getlino then has it look for a page about maintenance that does not exist.
    assert_eq!((site.status(), nginx()), (404, proxy.clone()));
    // The last command before the services are started; it takes seconds, so they are down while this looks at them.
    upgrade.until(|event| event["event"] == "command_started" && event["step"] == "checkdata");
    assert_eq!((site.program(), site.status(), nginx()), (("STOPPED".to_owned(), None), 404, proxy.clone()));
    let (status, events, said) = upgrade.end();

    let summary = "Lino was upgraded from 25.1.4 to 25.1.6; the application is 25.1.0, as before.\n";
    assert_eq!((said.as_str(), status), (summary, Some(0)));
    let whole = [
        ("check", "done"),
        ("stop-services", "done"),
        ("snapshot", "done"),
        ("verify-snapshot", "done"),
        ("protect", "done"),
        ("pull", "done"),
        ("install", "skipped"),
        ("compare", "done"),
        // Both releases want the same database, which is proved; the other test restores.
        ("restore", "skipped"),
        ("triage", "skipped"),
        ("buildindexes", "skipped"),
        ("collectstatic", "done"),
        ("checkdata", "done"),
        ("start-services", "done"),
        ("sign-in", "done"),
    ];
    assert_eq!(ended(&events), all(&whole));
    let compared = events.iter().find(|event| event["event"] == "compared").unwrap();
    assert_eq!((&compared["evidence"]["verdict"], &compared["evidence"]["found"]), (&json!("skip"), &json!([])));
    assert_eq!(commands(&events, "stop-services"), ["supervisorctl stop 'cositest-uwsgi:*'"]);
    assert_eq!(
        commands(&events, "start-services"),
        ["supervisorctl start 'cositest-uwsgi:*'", "service nginx restart"]
    );
    let (state, served_after) = site.program();
    assert_eq!((state.as_str(), site.status()), ("RUNNING", 200));
    assert!(served_after.is_some() && served_after != served_before, "{served_before:?} {served_after:?}");
    assert_ne!(nginx(), proxy);

    let versions = [("lino", "25.1.6"), ("lino_xl", "25.1.4"), ("lino_cosi", "25.1.0"), ("lino_react", "25.1.5")];
    assert_eq!(site.lino(), map(&versions.map(|(name, version)| (name, version.to_owned()))));
    assert_eq!(dumped(site.rows()), before);
    assert!(before.values().sum::<u64>() > 480, "{before:?}");

    own_scripts_were_run(&site, &events, &yesterday);
    stays_in_its_group(&site.dir);
}

/// The scripts that were run are those that getlino wrote.
fn own_scripts_were_run(site: &Getlino, events: &[Value], yesterday: &[u8]) {
    assert_eq!(commands(events, "snapshot"), ["./make_snapshot.sh"]);
    let log = site.log("03-snapshot");
    assert!(log.contains("make_snapshot terminated successfully"), "{log}");
    let kept: Vec<PathBuf> = fs::read_dir(&site.backups).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [kept] = kept.as_slice() else { panic!("{kept:?}") };
    assert!(log.contains(&format!("Move existing snapshot.zip to {}", kept.display())), "{log}");
    assert!(fs::read(kept).unwrap() == yesterday, "{} is not yesterday's snapshot", kept.display());

    let env = site.dir.join("env");
    assert_eq!(commands(events, "pull"), [env.join("bin/pull.sh").to_str().unwrap()]);
    let finished = format!("Finished pull.sh for {} from {}", env.display(), site.dir.display());
    let log = site.log("06-pull");
    assert!(log.contains("Do you have a snapshot of all Lino sites ? [yN] y") && log.contains(&finished), "{log}");
}

/// The web server, which is no root, must still be able to read and write all.
fn stays_in_its_group(dir: &Path) {
    let own = dir.join(".lino-upgrade");
    let mut command = Command::new("find");
    command.arg(dir).arg("-path").arg(own).args(["-prune", "-o", "!", "-group", "www-data", "-print"]);
    assert_eq!(said(&mut command), "");
}

#[test]
#[ignore = "makes this machine a web server for some minutes: root on Debian 12; tests/run --full runs it"]
fn matrix_an_upgrade_that_loses_rows_silently_stops_before_the_site_is_up_again() {
    let site = Getlino::create("loses");
    let before = dumped(site.rows());
    let (status, events, said) = site.upgrade().end();

    assert_eq!(status, Some(3), "{said}");
    let steps = [
        ("check", "done"),
        ("stop-services", "done"),
        ("snapshot", "done"),
        ("verify-snapshot", "done"),
        ("protect", "done"),
        ("pull", "done"),
        ("install", "skipped"),
        ("compare", "done"),
        ("restore", "done"),
        ("triage", "interrupted"),
    ];
    assert_eq!(ended(&events), all(&steps));
    // Lino itself says that all is well.
    let restore = events.iter().find(|event| event["event"] == "command_ended" && event["step"] == "restore").unwrap();
    assert_eq!(restore["exit"], 0);
    let lost: BTreeMap<String, u64> = before
        .iter()
        .filter_map(|(table, rows)| Some((table.clone(), rows - site.rows().get(table)?)))
        .filter(|(_, rows)| *rows > 0)
        .collect();
    assert_eq!(lost, map(&[("products_product", 11)]));
    assert!(site.dir.join("snapshot/products_product.py").exists());
    assert_eq!((site.program(), site.status()), (("STOPPED".to_owned(), None), 404));

    let lines: Vec<&str> = said.lines().collect();
    let missing = "FAIL products_product: 11 rows of the snapshot are missing: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11. → Decide \
                   in triage what becomes of them, then restore again; the snapshot still has them.";
    assert_eq!(lines[0], missing);
    let first = "A decision is needed. triage.unsaved: 11 rows were not saved. The new version did not accept them.";
    assert!(lines[1].starts_with(first), "{said}");
    // How long it takes is foretold from what the steps took on this machine.
    let forecast = lines[3].split_once(", in ").map(|(_, forecast)| forecast);
    let words = ["less than a minute: ", "about "];
    assert!(forecast.is_some_and(|text| words.iter().any(|words| text.starts_with(words))), "{said}");
    let starts: Vec<&str> = lines[2..]
        .iter()
        .filter_map(|line| line.split([':', '(']).next()?.split(", in ").next())
        .map(str::trim_end)
        .collect();
    assert_eq!(
        starts,
        [
            "Start again to continue. If you stop here",
            "All of this is done by u in the wizard, or by one command",
            "Bring the database back",
            "Bring the old packages back",
            "Start the services again"
        ]
    );
}
