//! A site that is just enough for the wizard: its Python is a stand-in that answers from a text, and the command that
//! makes the snapshot is the one to be measured. Nothing of Lino is in it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use assert_fs::TempDir;

use super::processes;
use super::terminal::{Terminal, environment};

/// The program, as it is released.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_lino-upgrade");

/// How long anything may take before the measurement is given up.
const PATIENCE: Duration = Duration::from_mins(3);

const FAKE_PYTHON: &str = r#"#!/bin/sh
# Stands in for the Python of a Lino site: answers what lino-upgrade asks, and knows nothing else.
case "$*" in
  *sys.version_info*) echo 3.11.2 ;;
  *--connection) echo '@lino-upgrade-connection {"engine": "sqlite", "backend": "sqlite", "name": "default.db"}' ;;
  -u*) echo '{"format": 1, "lino": "1", "django": "1", "site": {"name": "Fake", "version": "1"},
              "database": {"engine": "sqlite"}}' > "$3" ;;
  *) echo '{}' ;;
esac
"#;

/// Upgrades a site without a screen; its events are read from the child.
pub fn headless(dir: &Path) -> Child {
    Command::new(PROGRAM)
        .args(["run", "--headless", "--yes"])
        .current_dir(dir)
        .env_clear()
        .envs(environment())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// A directory on the disk where the program was built; gone when dropped.
pub fn scratch() -> TempDir {
    TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// Waits until `found` returns something.
pub fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The site, in a directory of its own.
pub struct Place {
    root: TempDir,
}

impl Place {
    /// Makes a site whose snapshot is made by this line for the shell.
    pub fn new(command: &str) -> Self {
        let root = scratch();
        let site = root.path();
        fs::create_dir_all(site.join("env/bin")).unwrap();
        fs::write(site.join("manage.py"), "").unwrap();
        fs::write(site.join("default.db"), "").unwrap();
        let python = site.join("env/bin/python");
        fs::write(&python, FAKE_PYTHON).unwrap();
        fs::set_permissions(&python, PermissionsExt::from_mode(0o755)).unwrap();
        let config = format!(
            "[commands]\npull = \"true\"\nsnapshot = '''{command} && echo make_snapshot terminated successfully'''\n\
             [services.web]\nstatus = \"exit 3\"\nstop = \"true\"\nstart = \"true\"\n\
             [steps]\nstop-services = \"skip\"\n"
        );
        fs::write(site.join("lino-upgrade.toml"), config).unwrap();
        Self { root }
    }

    /// Its directory.
    pub fn dir(&self) -> &Path {
        self.root.path()
    }

    /// The log of the command.
    pub fn log(&self) -> PathBuf {
        self.dir().join(".lino-upgrade/logs/0001-03-snapshot-1.log")
    }

    /// The processes of the runner: itself, and the leader of its terminal session.
    pub fn runner(&self) -> [Option<i32>; 2] {
        let dir = self.dir().join(".lino-upgrade/runner");
        ["internal-runner", "internal-shim"].map(|role| processes::find(role, &dir))
    }

    /// Opens the wizard.
    pub fn wizard(&self) -> Terminal {
        Terminal::start(PROGRAM, &[], self.dir())
    }
}

impl Drop for Place {
    /// A runner ends when its directory is gone; it is waited for, so that it disturbs no later measurement.
    fn drop(&mut self) {
        let runner = self.runner();
        let _ = fs::remove_dir_all(self.dir());
        for pid in runner.into_iter().flatten() {
            until("the end of the runner", || (!Path::new(&format!("/proc/{pid}")).exists()).then_some(()));
        }
    }
}
