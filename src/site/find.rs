//! Finds the site and what belongs to it on disk. Asks nobody: Lino does not even start.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::command::{CommandLine, quote};
use super::config::{Config, ConfigError, FILE_NAME};
use super::facts::Answers;
use super::state_dir;
use super::surroundings::{Surroundings, is_executable};
use crate::error::{Kind, Report, Tell};

/// A Lino project directory and what was found in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The directory, without links.
    pub dir: PathBuf,
    /// The directory as the operator knows it, absolute.
    pub shown: PathBuf,
    /// Short name: from the configuration, else the name of the directory.
    pub name: String,
    /// The site's Python.
    pub python: PathBuf,
    /// The virtualenv, as the site knows it: may be a link.
    pub env_dir: PathBuf,
    /// `manage.py`.
    pub manage_py: PathBuf,
    /// `make_snapshot.sh`, when there is one.
    pub make_snapshot: Option<PathBuf>,
    /// `pull.sh`: in the project, in `env/bin`, on `PATH`, the first that exists.
    pub pull: Option<PathBuf>,
    /// The operator's wishes.
    pub config: Config,
    /// The file they come from, when there is one.
    pub config_file: Option<PathBuf>,
    /// Where journal, logs and copies are kept. May not exist yet: see [`Site::prepare_state_dir`].
    pub state_dir: PathBuf,
    /// The environment in which the site's commands run.
    pub environment: BTreeMap<String, Option<String>>,
    /// What its Python has said already.
    pub answers: Answers,
}

/// Why there is no site to work with.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// `--site` names nothing.
    #[error("{}: no such directory", .0.display())]
    NoSuchDirectory(PathBuf),
    /// No `manage.py` here.
    #[error("{}: no manage.py", dir.display())]
    NoSite {
        /// Where it was looked for first.
        dir: PathBuf,
        /// Whether it was looked for in the parents as well.
        parents: bool,
    },
    /// The current directory is gone or closed.
    #[error("{}: {source}", dir.display())]
    Unreadable {
        /// The directory.
        dir: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A directory that no command line can name.
    #[error("{}: {why}", dir.display())]
    Name {
        /// The directory.
        dir: PathBuf,
        /// What is wrong with its name.
        why: &'static str,
    },
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No virtualenv.
    #[error("{}: no virtualenv", site.display())]
    NoVirtualenv {
        /// The site.
        site: PathBuf,
        /// A directory beside it that looks like one.
        candidate: Option<String>,
    },
    /// A link that leads nowhere: `env` itself, or its Python.
    #[error("{} leads to {}, which does not exist", link.display(), target.display())]
    BrokenLink {
        /// The link.
        link: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// The virtualenv has no Python.
    #[error("{}: no such file", python.display())]
    NoPython {
        /// Where it should be.
        python: PathBuf,
    },
    /// The Python may not be run.
    #[error("{}: not executable", python.display())]
    NotExecutable {
        /// The file.
        python: PathBuf,
    },
    /// Another user has begun the run of this site.
    #[error("{}: it belongs to another user ({owner})", path.display())]
    Foreign {
        /// The file or directory.
        path: PathBuf,
        /// Whom it belongs to.
        owner: String,
        /// The state directory.
        state_dir: PathBuf,
        /// Who started this program.
        me: String,
    },
    /// The state directory cannot be made.
    #[error("{}: {source}", dir.display())]
    StateDir {
        /// The directory.
        dir: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Tell for SiteError {
    fn tell(&self) -> Report {
        let report = |what: String| Report::new(Kind::Environment, what).unchanged("Nothing was changed.");
        match self {
            Self::NoSuchDirectory(dir) => {
                report(format!("There is no directory {}.", dir.display())).next("Look at the path after --site.")
            }
            Self::NoSite { dir, parents } => {
                let more = if *parents { " or above it" } else { "" };
                report(format!("There is no Lino site in {}{more}: no manage.py.", dir.display()))
                    .next("Go to the project directory of the site (often `go NAME`), or name it: --site DIR.")
                    .next("To try lino-upgrade without a site: lino-upgrade demo.")
            }
            Self::Unreadable { dir, source } => {
                report(format!("The directory {} cannot be read: {source}.", dir.display()))
                    .next("Go to a directory that exists and that you may read.")
            }
            Self::Name { dir, why } => report(format!("The directory {} cannot be used: {why}.", dir.display()))
                .next("Move it to a directory with another name. A virtualenv has to be built anew there."),
            Self::Config(error) => error.tell(),
            Self::NoVirtualenv { site, candidate } => no_virtualenv(site, candidate.as_deref()),
            Self::BrokenLink { link, target } => {
                let what = format!("{} leads to {}, which does not exist.", link.display(), target.display());
                report(what).next(
                    "Was the virtualenv moved, or the system's Python upgraded? Bring it back, or set the link right: \
                     without it the site cannot run either.",
                )
            }
            Self::NoPython { python } => report(format!("There is no Python in {}.", python.display()))
                .next("The virtualenv is incomplete: build it again, or name the right one in lino-upgrade.toml."),
            Self::NotExecutable { python } => report(format!("You may not run {}.", python.display()))
                .next("Start lino-upgrade as a user who may, or correct the permissions of the file."),
            Self::Foreign { path, owner, state_dir, me } => foreign([path, state_dir], [owner, me]),
            Self::StateDir { dir, source } => {
                report(format!("The directory {} for journal and logs cannot be made: {source}.", dir.display()))
                    .next("Make it writable for you, or name another one in lino-upgrade.toml: state_dir below [site].")
            }
        }
    }
}

fn no_virtualenv(site: &Path, candidate: Option<&str>) -> Report {
    let what = format!("The site in {} has no virtualenv named env.", site.display());
    let report = Report::new(Kind::Environment, what).unchanged("Nothing was changed.");
    let report = match candidate {
        Some(name) => report.next(format!("Is it {name}? Then write env = \"{name}\" below [site] in {FILE_NAME}.")),
        None => report,
    };
    report
        .next("Activate the site's virtualenv (often `a`), then start lino-upgrade again.")
        .next(format!("Or name its Python in {FILE_NAME}: python = \"/path/to/bin/python\" below [site]."))
}

fn foreign([path, state_dir]: [&Path; 2], [owner, me]: [&str; 2]) -> Report {
    let what =
        format!("{} belongs to another user ({owner}), who has upgraded this site or is about to.", path.display());
    let hand_over = format!("chown -R {} {}", quote(me), quote(&state_dir.to_string_lossy()));
    Report::new(Kind::Environment, what)
        .unchanged("Nothing was changed.")
        .next("Start lino-upgrade as that user, or as root (for example by sudo): it finds the same run.")
        .next(format!("Or, when nothing of it runs any more, hand it over, as root: {hand_over}"))
}

/// Finds the site and proves that its Python is there. `start` is what stands after `--site`; without it the site
/// is looked for in `cwd` and its parents.
pub fn find(start: Option<&Path>, cwd: &Path, around: &Surroundings) -> Result<Site, SiteError> {
    let site = find_unproved(start, cwd, around)?;
    site.prove_python()?;
    Ok(site)
}

/// Finds the site even when its virtualenv is missing or broken, for `undo` and `status`.
pub fn find_unproved(start: Option<&Path>, cwd: &Path, around: &Surroundings) -> Result<Site, SiteError> {
    let shown = match start {
        Some(start) => named(start, cwd)?,
        None => nearest(cwd)?,
    };
    let dir = shown.canonicalize().map_err(|source| SiteError::Unreadable { dir: shown.clone(), source })?;
    let config = Config::load(&dir)?;
    let config_file = Some(dir.join(FILE_NAME)).filter(|path| path.exists());
    let env_dir = match &config.site.env {
        Some(env) => dir.join(env),
        None => virtualenv(&dir, config.site.python.as_deref(), around),
    };
    nameable(&dir)?;
    nameable(&env_dir)?;
    let python = match &config.site.python {
        Some(python) => dir.join(python),
        None => env_dir.join("bin/python"),
    };
    let name = config.site.name.clone().unwrap_or_else(|| {
        dir.file_name().map_or_else(|| "site".to_owned(), |name| name.to_string_lossy().into_owned())
    });
    let pull = [dir.join("pull.sh"), env_dir.join("bin/pull.sh")]
        .into_iter()
        .find(|path| path.is_file())
        .or_else(|| around.which("pull.sh"));
    let state_dir = match &config.site.state_dir {
        Some(path) => dir.join(path),
        None => state_dir::choose(&dir, around),
    };
    Ok(Site {
        manage_py: dir.join("manage.py"),
        make_snapshot: Some(dir.join("make_snapshot.sh")).filter(|path| path.is_file()),
        environment: around.activated(&env_dir),
        dir,
        shown,
        name,
        python,
        env_dir,
        pull,
        config,
        config_file,
        state_dir,
        answers: Answers::default(),
    })
}

/// Refuses a directory whose name would become another one in a command line or in `PATH`.
fn nameable(dir: &Path) -> Result<(), SiteError> {
    let refuse = |why| Err(SiteError::Name { dir: dir.to_owned(), why });
    match dir.to_str() {
        None => refuse("its name is not valid UTF-8"),
        Some(name) if name.contains(char::is_control) => {
            refuse("its name has control characters, for example a line end")
        }
        // Else `python` would be another one than the site's, found by what is left of PATH.
        Some(name) if name.contains(':') => refuse("its name has a colon, which separates directories in PATH"),
        Some(_) => Ok(()),
    }
}

/// Takes the directory that the operator named; `manage.py` itself is understood, too.
fn named(start: &Path, cwd: &Path) -> Result<PathBuf, SiteError> {
    let path = tidy(&cwd.join(start));
    if path.is_file() && path.file_name().is_some_and(|name| name == "manage.py") {
        return Ok(path.parent().unwrap_or(&path).to_owned());
    }
    if !path.is_dir() {
        return Err(SiteError::NoSuchDirectory(path));
    }
    if path.join("manage.py").is_file() { Ok(path) } else { Err(SiteError::NoSite { dir: path, parents: false }) }
}

fn nearest(cwd: &Path) -> Result<PathBuf, SiteError> {
    cwd.ancestors()
        .find(|dir| dir.join("manage.py").is_file())
        .map(Path::to_owned)
        .ok_or_else(|| SiteError::NoSite { dir: cwd.to_owned(), parents: true })
}

/// Removes `.` and trailing slashes. `..` stays: behind a link it is not what it seems.
fn tidy(path: &Path) -> PathBuf {
    path.components().filter(|c| !matches!(c, std::path::Component::CurDir)).collect()
}

/// Returns where the virtualenv is, or should be.
fn virtualenv(dir: &Path, python: Option<&Path>, around: &Surroundings) -> PathBuf {
    let own = dir.join("env");
    // A named Python decides: `X/bin/python` belongs to `X`.
    if let Some(env) = python.map(|python| dir.join(python)).as_deref().and_then(|p| p.parent()?.parent()) {
        return env.to_owned();
    }
    if own.symlink_metadata().is_ok() {
        return own;
    }
    around.virtual_env.clone().unwrap_or(own)
}

impl Site {
    /// Proves that the site's Python is there and may be run. Does not run it.
    pub fn prove_python(&self) -> Result<(), SiteError> {
        for link in [&self.env_dir, &self.python] {
            if let Some(target) = dangling(link) {
                return Err(SiteError::BrokenLink { link: link.clone(), target });
            }
        }
        if self.python.is_file() {
            return if is_executable(&self.python) {
                Ok(())
            } else {
                Err(SiteError::NotExecutable { python: self.python.clone() })
            };
        }
        if self.env_dir.is_dir() || self.config.site.python.is_some() {
            return Err(SiteError::NoPython { python: self.python.clone() });
        }
        let candidate =
            [".venv", "venv", ".env"].into_iter().find(|name| self.dir.join(name).join("bin/python").is_file());
        Err(SiteError::NoVirtualenv { site: self.shown.clone(), candidate: candidate.map(ToOwned::to_owned) })
    }

    /// Proves that this user can work with the state of the site, if there is any. Root always can.
    pub fn prove_state_dir(&self) -> Result<(), SiteError> {
        let Some(found) = state_dir::foreign(&self.state_dir) else { return Ok(()) };
        let around = Surroundings::of_this_process();
        Err(SiteError::Foreign {
            path: found.path,
            owner: around.user_name(found.owner),
            state_dir: self.state_dir.clone(),
            me: around.user_name(rustix::process::geteuid().as_raw()),
        })
    }

    /// Creates the state directory, for its owner alone.
    pub fn prepare_state_dir(&self) -> Result<(), SiteError> {
        self.prove_state_dir()?;
        state_dir::prepare(&self.state_dir)
            .map_err(|source| SiteError::StateDir { dir: self.state_dir.clone(), source })
    }

    /// Returns the command `python manage.py …`.
    pub fn manage<S: Into<String>>(&self, arguments: impl IntoIterator<Item = S>) -> CommandLine {
        let start = [self.python.to_string_lossy().into_owned(), "manage.py".to_owned()];
        CommandLine::new(start.into_iter().chain(arguments.into_iter().map(Into::into)))
    }

    /// Returns the command `python …`.
    pub fn run_python<S: Into<String>>(&self, arguments: impl IntoIterator<Item = S>) -> CommandLine {
        let start = [self.python.to_string_lossy().into_owned()];
        CommandLine::new(start.into_iter().chain(arguments.into_iter().map(Into::into)))
    }

    /// Returns the command that makes a snapshot: the operator's, else `make_snapshot.sh`; none when there is none.
    #[must_use]
    pub fn snapshot_command(&self) -> Option<CommandLine> {
        let own = self.config.commands.snapshot.clone();
        own.or_else(|| self.make_snapshot.as_deref().map(|script| self.script(script)))
    }

    /// Returns the command that brings the new version: the operator's, else `pull.sh`; none when there is none.
    #[must_use]
    pub fn pull_command(&self) -> Option<CommandLine> {
        let own = self.config.commands.pull.clone();
        own.or_else(|| self.pull.as_deref().map(|script| self.script(script)))
    }

    /// Runs a script as it is when it may be executed, else by bash. In the site it is shown as `./NAME`.
    fn script(&self, path: &Path) -> CommandLine {
        let word = match path.strip_prefix(&self.dir) {
            Ok(relative) if relative.components().count() == 1 => format!("./{}", relative.display()),
            _ => path.to_string_lossy().into_owned(),
        };
        if is_executable(path) { CommandLine::new([word]) } else { CommandLine::new(["bash".to_owned(), word]) }
    }
}

/// Returns where a link leads that leads nowhere.
fn dangling(link: &Path) -> Option<PathBuf> {
    let is_link = link.symlink_metadata().is_ok_and(|data| data.is_symlink());
    if is_link && !link.exists() { std::fs::read_link(link).ok() } else { None }
}
