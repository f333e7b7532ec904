//! The site that the suite upgrades: the application `shop`, made by `tests/sites`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use assert_fs::TempDir;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_lino-upgrade");

/// A site of the small application `shop`, on Lino 25.1, whose `pull.sh` brings Lino 26.10.
pub struct Shop {
    /// The project directory.
    pub dir: PathBuf,
    /// `sqlite`, `postgresql` or `mariadb`.
    pub engine: &'static str,
    /// The name of its database on the server.
    pub database: String,
    home: TempDir,
    /// The directory of the database servers, when they are not those that all tests share.
    servers: Option<PathBuf>,
}

/// A table of the site: how many rows, and a digest of all they hold.
pub type Contents = BTreeMap<String, (u64, String)>;

/// The file of a SQLite database.
const SQLITE: &str = "default.db";

/// Lets Django use the site's settings.
const OF_THE_SITE: &str =
    "import os, sys\nsys.path.insert(0, '.')\nos.environ['DJANGO_SETTINGS_MODULE'] = 'settings'\n";

/// A small site whose application alone is upgraded.
const LIGHT: [&str; 7] = ["--env", "new", "--shop", "1.0", "--light", "--schema-after", "new_blank"];

impl Shop {
    /// Builds the site on SQLite; its environment and data are copies of what the cache holds.
    pub fn build() -> Self {
        Self::make("sqlite", &[])
    }

    /// Builds the site on `sqlite`, `postgresql` or `mariadb`.
    pub fn build_on(engine: &'static str) -> Self {
        Self::make(engine, &[])
    }

    /// Builds the site on SQLite so that these changes of the models come with the upgrade.
    pub fn with_schema_after(changes: &str) -> Self {
        Self::make("sqlite", &["--schema-after", changes])
    }

    /// Builds a small site of the application alone, on `sqlite`, `postgresql` or `mariadb`, which is upgraded with these
    /// changes of the models. It takes a second.
    pub fn light_on(engine: &'static str, changes: &str) -> Self {
        Self::make(engine, &["--env", "new", "--shop", "1.0", "--light", "--schema-after", changes])
    }

    /// Builds the same on SQLite, somewhere below this directory.
    pub fn light_in(place: &Path) -> Self {
        Self::make_as(TempDir::new_in(place).unwrap(), "shop", "sqlite", &LIGHT, None)
    }

    /// Builds the same on database servers that nobody shares, with their data in this directory.
    pub fn light_on_servers(engine: &'static str, servers: &Path) -> Self {
        Self::make_as(TempDir::new().unwrap(), "shop", engine, &LIGHT, Some(servers))
    }

    /// Builds the site on SQLite as the new version makes one, with these changes of the models.
    pub fn new_with_schema(changes: &str) -> Self {
        Self::make("sqlite", &["--env", "new", "--schema", changes, "--light"])
    }

    /// Builds the site on SQLite so that only the application is upgraded, with these changes of the models.
    pub fn of_one_lino(changes: &str) -> Self {
        Self::light_on("sqlite", changes)
    }

    /// Builds the site on SQLite so that it belongs to `user`, who can upgrade it.
    pub fn owned_by(user: &str) -> Self {
        let shop = Self::make("sqlite", &["--owner", user]);
        std::fs::set_permissions(shop.home.path(), PermissionsExt::from_mode(0o755)).unwrap();
        shop
    }

    /// Builds the site on `sqlite`, `postgresql` or `mariadb` as the new version makes one.
    pub fn build_new_on(engine: &'static str) -> Self {
        Self::make(engine, &["--env", "new", "--light"])
    }

    /// Builds the site on SQLite in an environment of `make_site`, which tells the release of Lino.
    pub fn on_release(environment: &str) -> Self {
        Self::make("sqlite", &["--env", environment, "--light"])
    }

    /// Builds a site of Noi 25.1.1 instead, with its demo data, whose `pull.sh` brings Noi 26.9.2.
    pub fn of_noi_on(engine: &'static str) -> Self {
        Self::make(engine, &["--app", "noi"])
    }

    /// Builds a small site as [`Self::light_on`] does, in a directory of this name.
    pub fn light_named(name: &str, engine: &'static str, changes: &str) -> Self {
        Self::make_in(name, engine, &["--env", "new", "--shop", "1.0", "--light", "--schema-after", changes])
    }

    fn make(engine: &'static str, options: &[&str]) -> Self {
        Self::make_in("shop", engine, options)
    }

    fn make_in(name: &str, engine: &'static str, options: &[&str]) -> Self {
        Self::make_as(TempDir::new().unwrap(), name, engine, options, None)
    }

    fn make_as(home: TempDir, name: &str, engine: &'static str, options: &[&str], servers: Option<&Path>) -> Self {
        let dir = home.path().join(name);
        let mut command = sites("make_site");
        command.envs(servers.map(|dir| ("LINO_UPGRADE_TEST_SERVERS", dir)));
        command.args(["--env", "old", "--db", engine]).args(options).arg("--dir").arg(&dir).stderr(Stdio::inherit());
        let output = command.output().unwrap();
        assert!(output.status.success(), "make_site: {}", output.status);
        let database = variables(&output.stdout).remove("NAME").unwrap();
        Self { dir, engine, database, home, servers: servers.map(Path::to_owned) }
    }

    /// Prepares the upgrade without a wizard.
    pub fn headless(&self) -> Command {
        let mut command = Command::new(PROGRAM);
        command.arg("--site").arg(&self.dir).args(["run", "--headless", "--yes"]);
        command.env("LC_ALL", "C.UTF-8").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        without_pip_settings(&mut command);
        command
    }

    /// Runs the upgrade to its end; returns the exit status, all events, and what was said.
    pub fn upgrade(&self) -> (Option<i32>, Vec<Value>, String) {
        self.upgrade_watched(|_| {})
    }

    /// Does the same, and hands each event to `each` when it comes.
    pub fn upgrade_watched(&self, each: impl FnMut(&Value)) -> (Option<i32>, Vec<Value>, String) {
        watched(self.headless(), each)
    }

    /// Replaces texts of the site's configuration.
    pub fn configure(&self, changes: &[(&str, &str)]) {
        let path = self.dir.join("lino-upgrade.toml");
        let mut text = std::fs::read_to_string(&path).unwrap();
        for (old, new) in changes {
            assert!(text.contains(old), "{old} is not in {text}");
            text = text.replace(old, new);
        }
        std::fs::write(&path, text).unwrap();
    }

    /// Returns the files of the site, its state directory included, that hold this text.
    pub fn files_with(&self, text: &str) -> Vec<PathBuf> {
        let output = Command::new("grep").args(["-rlFa", text]).arg(&self.dir).output().unwrap();
        String::from_utf8_lossy(&output.stdout).lines().map(PathBuf::from).collect()
    }

    /// Counts the lines of all logs that hold this text.
    pub fn log_lines(&self, text: &str) -> usize {
        let logs = std::fs::read_dir(self.state_dir().join("logs")).unwrap();
        let logs = logs.map(|log| String::from_utf8_lossy(&std::fs::read(log.unwrap().path()).unwrap()).into_owned());
        logs.map(|log| log.lines().filter(|line| line.contains(text)).count()).sum()
    }

    /// Waits for the process of the site whose command line holds this text, and returns it.
    pub fn process(&self, text: &str) -> Pid {
        let find = || {
            std::fs::read_dir("/proc").unwrap().flatten().find_map(|entry| {
                let line = std::fs::read(entry.path().join("cmdline")).ok()?;
                let here = std::fs::read_link(entry.path().join("cwd")).ok()?.starts_with(&self.dir);
                let python = line.split(|byte| *byte == 0).next()?.ends_with(b"python");
                let found = here && python && String::from_utf8_lossy(&line).contains(text);
                if found { Pid::from_raw(entry.file_name().to_str()?.parse().ok()?) } else { None }
            })
        };
        let limit = Instant::now() + Duration::from_mins(2);
        loop {
            if let Some(pid) = find() {
                return pid;
            }
            assert!(Instant::now() < limit, "{text} does not run");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Returns step and state of all attempts in the journal, in order.
    pub fn attempts(&self) -> Vec<(String, String)> {
        let script = "import sqlite3, json\nc = sqlite3.connect('file:.lino-upgrade/journal.sqlite?mode=ro', uri=True)\n\
            for step, state in c.execute('select step, state from attempts order by id'):\n\
            \x20   print(step, json.loads(state)['state'] if state else 'open')\n";
        self.python(script)
            .lines()
            .map(|line| line.split_once(' ').unwrap())
            .map(|(a, b)| (a.into(), b.into()))
            .collect()
    }

    /// Starts Lino once, which writes what it writes at its first start.
    pub fn start_lino(&self) {
        self.python(&format!("{OF_THE_SITE}from django.db import connection\nconnection.cursor()"));
    }

    /// Runs a script by the site's python and returns what it prints.
    fn python(&self, script: &str) -> String {
        let output = Command::new("env/bin/python")
            .args(["-c", script])
            .env("LC_ALL", "C.UTF-8")
            .current_dir(&self.dir)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn state_dir(&self) -> PathBuf {
        self.dir.join(".lino-upgrade")
    }

    /// Counts the rows of the tables of the application.
    pub fn rows(&self) -> Vec<(String, u64)> {
        self.goods().into_iter().map(|(table, (rows, _))| (table, rows)).collect()
    }

    /// Reads all tables. Content types are named instead of numbered: their numbers are nobody's business.
    pub fn contents(&self) -> Contents {
        let text = self.query(
            "types = {}\n\
             key = 'django_content_type'\n\
             for table in sorted(connection.introspection.table_names(cursor), key=lambda table: (table != key, table)):\n\
             \x20   cursor.execute('select * from ' + quote(table))\n\
             \x20   names = [column[0] for column in cursor.description]\n\
             \x20   rows = [dict(zip(names, row)) for row in cursor.fetchall()]\n\
             \x20   if table == key:\n\
             \x20       types = {row['id']: row['app_label'] + '.' + row['model'] for row in rows}\n\
             \x20   for row in rows:\n\
             \x20       row.update({name: types[row[name]] for name in names if name.endswith('_type_id') and row[name]})\n\
             \x20   lines = sorted(repr(sorted(row.items())) for row in rows)\n\
             \x20   print(table, len(rows), hashlib.sha256('\\n'.join(lines).encode()).hexdigest())\n",
        );
        text.lines()
            .map(|line| match line.split(' ').collect::<Vec<_>>()[..] {
                [table, rows, digest] => (table.to_owned(), (rows.parse().unwrap(), digest.to_owned())),
                _ => panic!("{line}"),
            })
            .collect()
    }

    /// Reads the tables of the application. They are to stay as they are, but for five amounts that `checkdata`
    /// repairs in an upgrade.
    pub fn goods(&self) -> Contents {
        self.contents().into_iter().filter(|(table, _)| table.starts_with("shop_")).collect()
    }

    /// Makes the amounts wrong again that `checkdata` repaired.
    pub fn unrepair(&self) {
        self.query("cursor.execute('update shop_sale set amount = amount + 1 where id % 40 = 8')");
    }

    /// Runs a script in the site's Python, with Django's `connection` to the site's database; returns what it prints.
    /// A SQLite file needs nothing of the site itself, which takes Lino a second to start.
    pub fn query(&self, script: &str) -> String {
        let settings = if self.dir.join(SQLITE).exists() {
            format!(
                "from django.conf import settings\nsettings.configure(DATABASES={{'default': {{'ENGINE': \
                 'django.db.backends.sqlite3', 'NAME': '{SQLITE}'}}}})\n"
            )
        } else {
            OF_THE_SITE.to_owned()
        };
        let head = format!(
            "import hashlib\n{settings}from django.db import connection\n\
             cursor, quote = connection.cursor(), connection.ops.quote_name\n"
        );
        self.python(&format!("{head}{script}"))
    }
}

/// Reads lines `KEY=VALUE`.
pub fn variables(text: &[u8]) -> BTreeMap<String, String> {
    let text = String::from_utf8_lossy(text);
    text.lines().filter_map(|line| line.split_once('=')).map(|(key, value)| (key.into(), value.into())).collect()
}

/// Clears what would override the `pip.conf` of the site's environment.
pub fn without_pip_settings(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PIP_") {
            command.env_remove(name);
        }
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        // What a failed test left behind would go on.
        let ours = |entry: &std::fs::DirEntry| {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let cwd = std::fs::read_link(entry.path().join("cwd")).unwrap_or_default();
            cwd.starts_with(&self.dir) || String::from_utf8_lossy(&line).contains(&*self.dir.to_string_lossy())
        };
        for entry in std::fs::read_dir("/proc").unwrap().flatten().filter(ours) {
            let pid = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
            if let Some(pid) = pid {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        let mut command = sites("drop_site");
        command.envs(self.servers.as_ref().map(|dir| ("LINO_UPGRADE_TEST_SERVERS", dir)));
        let _ = command.arg(&self.dir).stdout(Stdio::null()).status();
    }
}

/// Prepares a script of `tests/sites`.
pub fn sites(script: &str) -> Command {
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sites").join(script));
    command.stdin(Stdio::null());
    command
}

/// Returns step and state of every step that ended, in order.
pub fn ended(events: &[Value]) -> Vec<(String, String)> {
    events
        .iter()
        .filter(|event| event["event"] == "step_ended")
        .map(|event| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            (text(&event["step"]), text(&event["state"]["state"]))
        })
        .collect()
}

/// Runs a program that prints events and hands each to `each` when it comes; returns its exit status, all events, and
/// what was said.
pub fn watched(mut command: Command, mut each: impl FnMut(&Value)) -> (Option<i32>, Vec<Value>, String) {
    let mut child = command.spawn().unwrap();
    let mut events = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let event = serde_json::from_str(&line.unwrap()).unwrap();
        each(&event);
        events.push(event);
    }
    let output = child.wait_with_output().unwrap();
    (output.status.code(), events, String::from_utf8(output.stderr).unwrap())
}

/// Returns the pairs as [`ended`] does.
pub fn all(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(step, state)| ((*step).to_owned(), (*state).to_owned())).collect()
}

/// The same of a light site, whose application needs no other packages.
pub fn all_but_install(steps: &[(&str, &str)]) -> Vec<(String, String)> {
    let ends: Vec<_> =
        steps.iter().map(|(step, state)| (*step, if *step == "install" { "skipped" } else { state })).collect();
    all(&ends)
}

/// How all steps of an upgrade of the shop end.
pub const WHOLE: [(&str, &str); 15] = [
    ("check", "done"),
    ("stop-services", "done"),
    ("snapshot", "done"),
    ("verify-snapshot", "done"),
    ("protect", "done"),
    ("pull", "done"),
    ("install", "done"),
    ("compare", "done"),
    ("restore", "done"),
    ("triage", "skipped"),
    ("buildindexes", "skipped"),
    ("collectstatic", "done"),
    ("checkdata", "done"),
    ("start-services", "done"),
    ("sign-in", "done"),
];
