//! The environment of the new version, built beside the one in use: a copy of it that only looks as if it were in its
//! place, because a virtualenv cannot move.
//!
//! What the site's own `pull` does in there happens in a mount namespace of its own, in which the copy is mounted over
//! the environment and the rest of the site can only be read. Other processes see nothing of it.

use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::command::quote;
use super::editable::{Editable, editable, site_packages};
use super::find::Site;
use super::process::Group;
use super::rehearse::{self, Places, copy_lines, places};
use super::state_dir;

/// Mounts the copy `$1` over the environment `$2`; the site `$3` becomes read-only, but not the directory `$4`, and its
/// logs seem empty, because every command of Lino wants to write one. Then runs the other words.
const PULLING: &str = r#"set -e
mount --bind "$3" "$3"
mount -o remount,bind,ro "$3"
mount --bind "$4" "$4"
mount -o remount,bind,rw "$4"
mount --bind "$1" "$2"
mount -o remount,bind,rw "$2"
if [ -d "$3/log" ]; then mount -t tmpfs lino-upgrade "$3/log"; fi
cd "$3"
shift 4
exec "$@""#;
/// Mounts the copy `$1` over the environment `$2`, then runs the other words.
const REHEARSING: &str = r#"mount --bind "$1" "$2" && shift 4 && exec "$@""#;
/// How missing packages are installed unless the site says otherwise.
pub const INSTALL: &str = "python -m pip install {missing}";
/// What a `pull.sh` that asks for a snapshot hears. There is one; and only the copy is changed.
const YES: &[u8] = b"yyyyyyyy";

/// Why there is no environment beside the one in use.
#[derive(Debug, thiserror::Error)]
pub enum BesideError {
    /// Nobody knows how to pull.
    #[error("nobody knows how to pull the new version")]
    NoPull,
    /// This machine does not let a process have mounts of its own.
    #[error("this system gives no process mounts of its own: {0}")]
    NoMounts(String),
    /// Packages lie in directories of their own, which are in use.
    #[error("the package {package} is installed from {dir}")]
    Editable {
        /// Its name.
        package: String,
        /// Where it lies.
        dir: String,
    },
    /// A file or a program made trouble.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// A command in the copy failed.
    #[error("{command} ended with exit status {status}")]
    Failed {
        /// The command.
        command: String,
        /// Its exit status.
        status: i32,
        /// Its last lines.
        said: String,
    },
}

fn io_error(what: impl Into<String>) -> impl FnOnce(io::Error) -> BesideError {
    let what = what.into();
    move |source| BesideError::Io { what, source }
}

/// An environment beside the one in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    /// The copy.
    pub copy: PathBuf,
    /// The environment that it stands for, without links.
    pub real: PathBuf,
    site: PathBuf,
    rehearsal: PathBuf,
}

impl Beside {
    fn of(site: &Site, places: &Places) -> Result<Self, BesideError> {
        let shown = site.env_dir.display();
        let real = site.env_dir.canonicalize().map_err(io_error(format!("{shown} cannot be read")))?;
        Ok(Self { copy: places.dir.join("env"), real, site: site.dir.clone(), rehearsal: places.dir.clone() })
    }

    /// Returns the words before a command that is to see the copy in the place of the environment.
    #[must_use]
    pub fn within(&self) -> Vec<String> {
        self.words(REHEARSING)
    }

    fn words(&self, script: &str) -> Vec<String> {
        let user: &[&str] = if rustix::process::geteuid().is_root() { &[] } else { &["--user", "--map-root-user"] };
        let mut words = vec!["unshare"];
        words.extend(user);
        words.extend(["--mount", "--propagation", "private", "--", "/bin/sh", "-c", script, "lino-upgrade"]);
        let paths = [&self.copy, &self.real, &self.site, &self.rehearsal];
        let paths = paths.into_iter().map(|path| path.to_string_lossy().into_owned());
        words.into_iter().map(ToOwned::to_owned).chain(paths).collect()
    }
}

/// Tells what makes an environment beside this one the same as one built before: the packages in use, and the command
/// that pulls.
fn fingerprint(site: &Site, real: &Path) -> io::Result<String> {
    let mut packages: Vec<String> = Vec::new();
    for directory in site_packages(real)? {
        for entry in std::fs::read_dir(directory)? {
            packages.push(entry?.file_name().to_string_lossy().into_owned());
        }
    }
    packages.sort_unstable();
    let pull = site.pull_command().map(|command| command.to_string()).unwrap_or_default();
    let text = site.pull.as_ref().and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
    Ok(format!("{pull}\n{}\n{text}", packages.join("\n")))
}

/// Finds a package that is used where it lies: pulling would change it for the running site, too. One that lies in the
/// environment is copied with it.
fn elsewhere(env: &Path) -> io::Result<Option<Editable>> {
    Ok(editable(env)?.into_iter().find(|package| !package.dir.starts_with(env)))
}

/// Builds the environment of the new version beside the one in use, or takes the one that was built before for the same
/// packages; `anew` builds it in any case. Tells each line that the commands print.
///
/// # Errors
/// See [`BesideError`]. The environment in use is never touched.
pub async fn build(site: &Site, anew: bool, mut printed: impl FnMut(&str)) -> Result<Beside, BesideError> {
    let pull = site.pull_command().ok_or(BesideError::NoPull)?;
    let places = places(site);
    state_dir::prepare(&places.dir).map_err(io_error(format!("{} cannot be made", places.dir.display())))?;
    let beside = Beside::of(site, &places)?;
    let shown = beside.real.display().to_string();
    let print = fingerprint(site, &beside.real).map_err(io_error(format!("{shown} cannot be read")))?;
    let mark = places.dir.join("env.complete");
    if !anew && beside.copy.is_dir() && std::fs::read_to_string(&mark).is_ok_and(|known| known == print) {
        printed("The new version was brought before, and is taken again. To bring it anew: --fresh.");
        return Ok(beside);
    }
    if let Some(found) = elsewhere(&beside.real).map_err(io_error(format!("{shown} cannot be read")))? {
        return Err(BesideError::Editable { package: found.name, dir: found.dir.display().to_string() });
    }
    may_mount().await?;
    let _ = std::fs::remove_file(&mark);
    printed(&format!("Copying {shown}"));
    copy_tree(&beside, &places).await?;
    let words = beside.words(PULLING);
    let unattended = pull.unattended();
    printed(&format!("$ {unattended}"));
    run(site, &words, unattended.argv(), &places, &mut printed).await?;
    let facts = rehearse::facts(site, (&beside.within(), &site.python)).await;
    let facts = facts.map_err(io_error("the new version cannot be asked"))?;
    // It may not start for want of a package, and says which.
    if !facts.missing_requirements.is_empty() {
        let install = install(site, &facts.missing_requirements);
        printed(&format!("$ {install}"));
        run(site, &words, &["/bin/sh", "-c", &install].map(ToOwned::to_owned), &places, &mut printed).await?;
    }
    // The mark must not survive what it stands for when the power fails.
    let disk = std::fs::File::open(&places.dir);
    let on_disk = move || disk.and_then(|disk| Ok(rustix::fs::syncfs(disk)?));
    let written = tokio::task::spawn_blocking(on_disk).await.map_err(io::Error::other).flatten();
    written.and_then(|()| write(&mark, &print)).map_err(io_error(format!("{} cannot be written", mark.display())))?;
    Ok(beside)
}

/// Returns the line that installs missing packages, the same as in an upgrade, so that both come to the same packages.
fn install(site: &Site, missing: &[String]) -> String {
    let names: Vec<String> = missing.iter().map(|name| quote(name)).collect();
    let line = site.config.commands.install.as_ref().map(ToString::to_string);
    line.unwrap_or_else(|| INSTALL.into()).replace("{missing}", &names.join(" "))
}

async fn may_mount() -> Result<(), BesideError> {
    let user: &[&str] = if rustix::process::geteuid().is_root() { &[] } else { &["--user", "--map-root-user"] };
    let mut command = Command::new("unshare");
    command.args(user).args(["--mount", "--propagation", "private", "--", "/bin/sh", "-c", "mount --bind /tmp /tmp"]);
    match command.stdin(Stdio::null()).output().await {
        Ok(answer) if answer.status.success() => Ok(()),
        Ok(answer) => Err(BesideError::NoMounts(String::from_utf8_lossy(&answer.stderr).trim().to_owned())),
        Err(error) => Err(BesideError::NoMounts(format!("unshare: {error}"))),
    }
}

async fn copy_tree(beside: &Beside, places: &Places) -> Result<(), BesideError> {
    let part = places.dir.join("env.part");
    let wrong = |path: &Path| io_error(format!("{} cannot be made", path.display()));
    for old in [&part, &beside.copy] {
        match std::fs::remove_dir_all(old) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(wrong(old)(error)),
            _ => {}
        }
    }
    let mut command = Command::new("cp");
    // The dot takes what is in the environment, also where it is a link.
    command.args(["-a", "--reflink=auto", "--"]).arg(beside.real.join(".")).arg(&part).kill_on_drop(true);
    let answer = command.stdin(Stdio::null()).output().await.map_err(wrong(&part))?;
    if !answer.status.success() {
        let said = String::from_utf8_lossy(&answer.stderr).lines().next_back().unwrap_or_default().to_owned();
        return Err(wrong(&part)(io::Error::other(said)));
    }
    std::fs::rename(&part, &beside.copy).map_err(wrong(&beside.copy))
}

async fn run(
    site: &Site,
    words: &[String],
    argv: &[String],
    places: &Places,
    printed: &mut impl FnMut(&str),
) -> Result<(), BesideError> {
    let shown = argv.join(" ");
    let wrong = || io_error(format!("{shown} cannot be run"));
    let (program, rest) = words.split_first().ok_or_else(|| wrong()(io::Error::other("there is no program")))?;
    let mut command = Command::new(program);
    command.args(rest).args(argv).current_dir(&site.dir).process_group(0).kill_on_drop(true);
    for (name, value) in &site.environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let (reader, writer) = io::pipe().map_err(wrong())?;
    let (answers, mut hand) = io::pipe().map_err(wrong())?;
    hand.write_all(YES).map_err(wrong())?;
    drop(hand);
    command.stdin(answers).stdout(writer.try_clone().map_err(wrong())?).stderr(writer);
    let mut child = command.spawn().map_err(wrong())?;
    drop(command);
    let _group = Group::of(&child);
    let log = places.dir.join("environment.log");
    let log = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(&log).map_err(wrong())?;
    let mut last: Vec<String> = Vec::new();
    let mut keep = |line: &str| {
        printed(line);
        if !line.trim().is_empty() {
            last.push(line.to_owned());
            if last.len() > 12 {
                last.remove(0);
            }
        }
    };
    copy_lines(reader, log, &mut keep).await.map_err(wrong())?;
    let status = child.wait().await.map_err(wrong())?;
    if status.success() {
        return Ok(());
    }
    Err(BesideError::Failed { command: shown.clone(), status: status.code().unwrap_or(-1), said: last.join("\n") })
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_that_lies_elsewhere_would_change_for_the_running_site() {
        let env = assert_fs::TempDir::new().unwrap();
        let packages = env.path().join("lib/python3.11/site-packages");
        let info = |name: &str, text: String| {
            std::fs::create_dir_all(packages.join(name)).unwrap();
            std::fs::write(packages.join(name).join("direct_url.json"), text).unwrap();
        };
        let direct =
            |url: &str, editable: bool| format!(r#"{{"url": "file://{url}", "dir_info": {{"editable": {editable}}}}}"#);
        std::fs::create_dir_all(packages.join("lino-26.10.8.dist-info")).unwrap();
        info("wheel-1.0.dist-info", r#"{"url": "https://example.org/w.whl", "archive_info": {}}"#.to_owned());
        info("copied-1.0.dist-info", direct("/elsewhere", false));
        info("inside-1.0.dist-info", direct(&env.path().join("src/inside").to_string_lossy(), true));
        assert_eq!(elsewhere(env.path()).unwrap(), None);

        info("shop-1.0.dist-info", direct("/repositories/shop", true));
        let found = elsewhere(env.path()).unwrap();
        assert_eq!(found, Some(Editable { name: "shop-1.0".into(), dir: "/repositories/shop".into() }));
        std::fs::remove_dir_all(packages.join("shop-1.0.dist-info")).unwrap();
        std::fs::write(packages.join("old.egg-link"), "/repositories/old\n.").unwrap();
        assert_eq!(
            elsewhere(env.path()).unwrap(),
            Some(Editable { name: "old".into(), dir: "/repositories/old".into() })
        );
    }
}
