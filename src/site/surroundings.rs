//! What the machine and the login are like: read once at the edge, so that everything else can be tested.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::text::printable;

/// The environment in which the program runs.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// `VIRTUAL_ENV`, when the operator has activated one.
    pub virtual_env: Option<PathBuf>,
    /// The directories of `PATH`.
    pub path: Vec<PathBuf>,
    /// Where this user's programs keep their state, without our own directory; none without a home.
    pub user_state: Option<PathBuf>,
    /// Whether the program runs as root.
    pub root: bool,
    /// The root of the file system; another one in tests. `/etc`, `/run`, `/var`, `/proc` and `/dev` are below it.
    pub system: PathBuf,
}

impl Surroundings {
    /// Reads the environment of this process.
    #[must_use]
    pub fn of_this_process() -> Self {
        let dirs = directories::BaseDirs::new();
        let user_state = dirs.map(|dirs| dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir()).to_owned());
        Self {
            virtual_env: std::env::var_os("VIRTUAL_ENV").filter(|v| !v.is_empty()).map(PathBuf::from),
            path: std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect(),
            user_state,
            root: rustix::process::geteuid().is_root(),
            system: PathBuf::from("/"),
        }
    }

    /// Finds an executable file of this name on `PATH`.
    #[must_use]
    pub fn which(&self, program: &str) -> Option<PathBuf> {
        self.path.iter().map(|dir| dir.join(program)).find(|path| is_executable(path))
    }

    /// Returns a path of the system, for example `etc/nginx`.
    #[must_use]
    pub fn system(&self, path: &str) -> PathBuf {
        self.system.join(path)
    }

    /// Returns the name of a user, or the number when this machine does not list it.
    #[must_use]
    pub fn user_name(&self, uid: u32) -> String {
        let uid = uid.to_string();
        let users = std::fs::read_to_string(self.system("etc/passwd")).unwrap_or_default();
        let name = users.lines().find_map(|line| {
            let mut parts = line.split(':');
            let name = parts.next()?;
            (parts.nth(1)? == uid).then(|| printable(name))
        });
        name.unwrap_or(uid)
    }

    /// Tells whether systemd runs this machine.
    #[must_use]
    pub fn has_systemd(&self) -> bool {
        self.system("run/systemd/system").is_dir()
    }

    /// Returns what stands before a command that only root may run.
    #[must_use]
    pub const fn privilege(&self) -> &'static [&'static str] {
        if self.root { &[] } else { &["sudo"] }
    }

    /// Returns `PATH` with `first` before all others.
    #[must_use]
    pub fn path_with(&self, first: &Path) -> OsString {
        let dirs = std::iter::once(first).chain(self.path.iter().map(PathBuf::as_path).filter(|dir| *dir != first));
        // Fails only when a directory's name has a colon in it: then the others still count.
        std::env::join_paths(dirs).or_else(|_| std::env::join_paths(&self.path)).unwrap_or_default()
    }

    /// Returns the variables that make a command run in the virtualenv `env`, as `activate` does.
    #[must_use]
    pub fn activated(&self, env: &Path) -> BTreeMap<String, Option<String>> {
        let text = |value: OsString| Some(value.to_string_lossy().into_owned());
        BTreeMap::from([
            ("VIRTUAL_ENV".to_owned(), text(env.as_os_str().to_owned())),
            ("PATH".to_owned(), text(self.path_with(&env.join("bin")))),
            ("PYTHONHOME".to_owned(), None),
            // Output that is held back in a buffer is lost when a command is killed.
            ("PYTHONUNBUFFERED".to_owned(), Some("1".to_owned())),
        ])
    }
}

/// Tells whether this is a file that may be executed by this process.
#[must_use]
pub fn is_executable(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

/// Tells whether this process may write into a directory.
#[must_use]
pub fn is_writable(dir: &Path) -> bool {
    rustix::fs::access(dir, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK).is_ok()
}
