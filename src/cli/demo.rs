//! `demo`: builds a real Lino site with demo data in the user's cache directory and upgrades it.
//!
//! ```text
//! python ─► env ─► packages ─► files ─► demo data ─► static files ─► web server ─► wizard or headless run
//! ```
//!
//! Building is done once; what a broken-off build left behind is built again.

mod phases;

use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde::{Deserialize, Serialize};
use tokio::process::Command;

use self::phases::{Phases, say};
use super::args::{Demo, Run};
use super::wizard;
use crate::engine::{Attendance, Options};
use crate::error::{Kind, Report};

/// The application that the demo uses unless told otherwise.
pub const APP: &str = "noi";

/// What is upgraded unless told otherwise: application, version, and the version after it.
const USUAL: &[(&str, &str, &str)] = &[("noi", "25.1.1", "26.9.2"), ("cosi", "25.1.0", "25.3.0")];

/// Decisions that serve as an example, for an application and two versions of it.
const DECISIONS: &[(&str, &str, &str, &str)] =
    &[("noi", "25.1.1", "26.9.2", include_str!("../../assets/demo/noi-25.1.1-26.9.2.decisions.toml"))];

/// Where they lie in the site.
const EXAMPLE: &str = "decisions.example.toml";

/// A release whose packages are pinned: application, version, requirements.
type Release = (&'static str, &'static str, &'static str);

/// The pinned releases, oldest first for each application. `assets/demo/README.md` tells how they were chosen.
const RELEASES: &[Release] = &[
    ("cosi", "25.1.0", include_str!("../../assets/demo/cosi-25.1.0.txt")),
    ("cosi", "25.3.0", include_str!("../../assets/demo/cosi-25.3.0.txt")),
    ("cosi", "26.4.0", include_str!("../../assets/demo/cosi-26.4.0.txt")),
    ("noi", "25.1.1", include_str!("../../assets/demo/noi-25.1.1.txt")),
    ("noi", "25.3.2", include_str!("../../assets/demo/noi-25.3.2.txt")),
    ("noi", "26.9.2", include_str!("../../assets/demo/noi-26.9.2.txt")),
];

/// The files of the site: name, text with placeholders, mode.
const FILES: &[(&str, &str, u32)] = &[
    ("manage.py", include_str!("../../assets/demo/manage.py"), 0o755),
    ("settings.py", include_str!("../../assets/demo/settings.py"), 0o600),
    ("migrate.py", include_str!("../../assets/demo/migrate.py"), 0o644),
    ("make_snapshot.sh", include_str!("../../assets/demo/make_snapshot.sh"), 0o755),
    ("pull.sh", include_str!("../../assets/demo/pull.sh"), 0o755),
    ("web.sh", include_str!("../../assets/demo/web.sh"), 0o755),
    ("lino-upgrade.toml", include_str!("../../assets/demo/lino-upgrade.toml"), 0o644),
];

/// What tells a directory built by the demo from any other; also what was asked for.
const MARKER: &str = ".lino-upgrade-demo.json";

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Built {
    app: String,
    from: String,
    to: String,
    port: u16,
    complete: bool,
}

/// Builds the demo site when it is not there yet, then upgrades it.
pub async fn run(args: Demo) -> Result<u8, Report> {
    let (from, to) = versions(&args.app, args.from.as_deref(), args.to.as_deref())?;
    let dir = match &args.dir {
        Some(dir) => std::path::absolute(dir).map_err(|error| unusable(dir, &error))?,
        None => cache_dir()?.join(format!("{}-{}", args.app, from.1)),
    };
    if args.reset {
        reset(&dir)?;
    }
    let built = match read_marker(&dir)? {
        Some(built) if built.complete && built.from == from.1 && built.app == args.app => {
            say(&format!("The demo site is in {}.", dir.display()));
            built
        }
        Some(_) => {
            reset(&dir)?;
            build(&dir, from, to).await?
        }
        None => build(&dir, from, to).await?,
    };
    if built.to != to.1 {
        write(&dir.join("packages.txt"), to.2, 0o644)?;
        save_marker(&dir, &Built { to: to.1.to_owned(), ..built })?;
    }
    place_decisions(&dir, from, to)?;
    if args.build_only {
        return Ok(0);
    }
    let attendance = if args.headless { Attendance::Headless } else { Attendance::Wizard };
    let options = Options { site: Some(dir.clone()), cwd: dir, attendance, exe: None };
    if args.headless {
        let run = Run { headless: true, yes: true, decisions: args.decisions, until: None, events: PathBuf::from("-") };
        return super::run::drive(crate::engine::open(options), &run).await;
    }
    wizard::run(options).await
}

/// Puts the decisions beside the site that suit its two versions, where there are some.
fn place_decisions(dir: &Path, from: Release, to: Release) -> Result<(), Report> {
    let path = dir.join(EXAMPLE);
    let found = DECISIONS.iter().find(|(app, old, new, _)| (*app, *old, *new) == (from.0, from.1, to.1));
    match found {
        Some((.., text)) => {
            write(&path, text, 0o644)?;
            say(&format!("What a person may decide for its rows is in {}.", path.display()));
            Ok(())
        }
        None => match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unusable(&path, &error)),
            _ => Ok(()),
        },
    }
}

/// Finds the two releases: by default those that are usual, else the one after the first.
fn versions(app: &str, from: Option<&str>, to: Option<&str>) -> Result<(Release, Release), Report> {
    let known: Vec<Release> = RELEASES.iter().copied().filter(|release| release.0 == app).collect();
    let list = |releases: &[Release]| releases.iter().map(|one| one.1).collect::<Vec<_>>().join(", ");
    let wrong = |what: String, remedy: String| {
        Report::new(Kind::Environment, what).unchanged("Nothing was built.").next(remedy)
    };
    if known.is_empty() {
        let mut apps: Vec<&str> = RELEASES.iter().map(|release| release.0).collect();
        apps.dedup();
        return Err(wrong(
            format!("The demo knows no application {app}."),
            format!("Choose one of: {}.", apps.join(", ")),
        ));
    }
    let find = |version: &str| {
        known.iter().copied().find(|release| release.1 == version).ok_or_else(|| {
            wrong(format!("The demo knows no release {version} of {app}."), format!("Choose one of: {}.", list(&known)))
        })
    };
    let usual = USUAL.iter().find(|usual| usual.0 == app);
    let from = from.or(usual.map(|usual| usual.1)).map(find).transpose()?;
    let to = match (to, from) {
        (Some(to), _) => Some(find(to)?),
        (None, Some(from)) => match usual.filter(|usual| usual.1 == from.1) {
            Some(usual) => Some(find(usual.2)?),
            None => known.iter().skip_while(|release| release.1 != from.1).nth(1).copied(),
        },
        (None, None) => None,
    };
    match (from, to) {
        (Some(from), Some(to)) if from.1 != to.1 => Ok((from, to)),
        _ => Err(wrong(
            format!("There is no later release of {app} to upgrade to."),
            format!("Choose --from and --to among: {}.", list(&known)),
        )),
    }
}

fn cache_dir() -> Result<PathBuf, Report> {
    directories::ProjectDirs::from("", "", "lino-upgrade").map(|dirs| dirs.cache_dir().join("demo")).ok_or_else(|| {
        Report::new(Kind::Environment, "No home directory is known, so there is no cache directory.")
            .next("Say where to build the demo site: --dir DIR")
    })
}

fn unusable(path: &Path, error: &io::Error) -> Report {
    Report::new(Kind::Environment, format!("{} cannot be used: {error}.", path.display()))
        .unchanged("No other directory was touched.")
        .next("Free some disk space or choose another directory with --dir DIR.")
}

fn read_marker(dir: &Path) -> Result<Option<Built>, Report> {
    match fs::read_to_string(dir.join(MARKER)) {
        Ok(text) => Ok(serde_json::from_str(&text).ok().or(Some(Built {
            app: String::new(),
            from: String::new(),
            to: String::new(),
            port: 0,
            complete: false,
        }))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unusable(dir, &error)),
    }
}

fn save_marker(dir: &Path, built: &Built) -> Result<(), Report> {
    let text = serde_json::to_string_pretty(built)
        .map_err(|error| Report::new(Kind::Environment, format!("The demo cannot be recorded: {error}.")))?;
    write(&dir.join(MARKER), &text, 0o644)
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), Report> {
    fs::write(path, text)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(mode)))
        .map_err(|error| unusable(path, &error))
}

/// Removes a demo site, and only a demo site.
fn reset(dir: &Path) -> Result<(), Report> {
    if !dir.exists() {
        return Ok(());
    }
    if !dir.join(MARKER).exists() {
        return Err(Report::new(Kind::Environment, format!("{} was not built by the demo.", dir.display()))
            .unchanged("Nothing was removed.")
            .next("Choose another directory with --dir DIR, or remove it yourself."));
    }
    let _ = std::process::Command::new("./web.sh").arg("stop").current_dir(dir).stdout(Stdio::null()).status();
    fs::remove_dir_all(dir).map_err(|error| unusable(dir, &error))
}

async fn build(dir: &Path, from: Release, to: Release) -> Result<Built, Report> {
    if dir.exists() && fs::read_dir(dir).map_err(|error| unusable(dir, &error))?.next().is_some() {
        return Err(Report::new(Kind::Environment, format!("{} is not empty.", dir.display()))
            .unchanged("Nothing was built.")
            .next("Choose another directory with --dir DIR."));
    }
    let python = python().await?;
    fs::create_dir_all(dir).map_err(|error| unusable(dir, &error))?;
    let port = free_port()?;
    let built = Built { app: from.0.to_owned(), from: from.1.to_owned(), to: to.1.to_owned(), port, complete: false };
    save_marker(dir, &built)?;
    say(&format!("Building a real Lino site, {} {}, in {}. This is done once.", from.0, from.1, dir.display()));
    let mut phases = Phases::new(dir, 6);
    phases.run("Create the Python environment", &python, &["-m", "venv", "env"]).await?;
    write(&dir.join("requirements.txt"), from.2, 0o644)?;
    write(&dir.join("packages.txt"), to.2, 0o644)?;
    let env = dir.join("env/bin/python").display().to_string();
    phases.run("Install packages", &env, &["-m", "pip", "install", "--requirement", "requirements.txt"]).await?;
    place_files(dir, from.0, port)?;
    phases.run("Fill the database with demo data", &env, &["manage.py", "prep", "--noinput"]).await?;
    phases.run("Collect static files", &env, &["manage.py", "collectstatic", "--noinput"]).await?;
    phases.run("Start the web server", "./web.sh", &["start"]).await?;
    let built = Built { complete: true, ..built };
    save_marker(dir, &built)?;
    phases.last("The site is ready.");
    Ok(built)
}

fn place_files(dir: &Path, app: &str, port: u16) -> Result<(), Report> {
    let mut title = app.to_owned();
    if let Some(first) = title.get_mut(0..1) {
        first.make_ascii_uppercase();
    }
    let values = [
        ("{{app}}", app.to_owned()),
        ("{{title}}", format!("Demo {title}")),
        ("{{port}}", port.to_string()),
        ("{{secret}}", secret()?),
    ];
    for (name, text, mode) in FILES {
        let text =
            values.iter().fold((*text).to_owned(), |text, (placeholder, value)| text.replace(placeholder, value));
        write(&dir.join(name), &text, *mode)?;
    }
    write(&dir.join("web.port"), &format!("{port}\n"), 0o644)?;
    fs::create_dir_all(dir.join("log")).map_err(|error| unusable(dir, &error))
}

/// Returns 48 random hexadecimal digits for Django's secret key.
fn secret() -> Result<String, Report> {
    use std::fmt::Write as _;
    use std::io::Read as _;
    let path = Path::new("/dev/urandom");
    let mut bytes = [0; 24];
    fs::File::open(path).and_then(|mut file| file.read_exact(&mut bytes)).map_err(|error| unusable(path, &error))?;
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// Finds a port that nobody listens on. The system takes none of these for connections: whoever asks again and again
/// whether a server answers there would, sooner or later, be connected with itself.
fn free_port() -> Result<u16, Report> {
    const FIRST: u32 = 20_000;
    const COUNT: u32 = 12_000;
    let from = std::process::id() % COUNT;
    let mut ports = (0..COUNT).filter_map(|next| u16::try_from(FIRST + (from + next) % COUNT).ok());
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports.find(free).ok_or_else(|| {
        Report::new(Kind::Environment, "No port is free for the web server of the demo site.")
            .next("Look who listens on this machine: ss -ltnp")
    })
}

/// Finds a Python that can make environments.
async fn python() -> Result<String, Report> {
    let mut tried = Vec::new();
    for name in ["python3.11", "python3.12", "python3.10", "python3"] {
        let script = "import sys, venv, ensurepip; sys.exit(0 if (3, 10) <= sys.version_info < (3, 13) else 9)";
        let output = Command::new(name).args(["-c", script]).stdin(Stdio::null()).output().await;
        match output {
            Ok(output) if output.status.success() => return Ok(name.to_owned()),
            Ok(output) if output.status.code() == Some(9) => tried.push(format!("{name}: not Python 3.10 to 3.12")),
            Ok(_) => tried.push(format!("{name}: has no venv module")),
            Err(_) => {}
        }
    }
    let found = if tried.is_empty() { "None was found.".to_owned() } else { format!("{}.", tried.join("; ")) };
    Err(Report::new(Kind::Environment, format!("The demo needs Python 3.10 to 3.12 with its venv module. {found}"))
        .unchanged("Nothing was built.")
        .next("On Debian 12: sudo apt install python3 python3-venv"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(app: &str, from: Option<&str>, to: Option<&str>) -> Result<(&'static str, &'static str), String> {
        versions(app, from, to).map(|(from, to)| (from.1, to.1)).map_err(|report| report.what)
    }

    #[test]
    fn the_usual_releases_are_taken_and_else_the_next_one() {
        assert_eq!(chosen(APP, None, None), Ok(("25.1.1", "26.9.2")));
        assert_eq!(chosen("cosi", None, None), Ok(("25.1.0", "25.3.0")));
        assert_eq!(chosen("cosi", Some("25.3.0"), None), Ok(("25.3.0", "26.4.0")));
        assert_eq!(chosen("noi", None, Some("25.3.2")), Ok(("25.1.1", "25.3.2")));
    }

    #[test]
    fn decisions_lie_beside_the_site_whose_versions_they_suit() {
        let dir = assert_fs::TempDir::new().unwrap();
        let place = |to: &str| {
            let (from, to) = versions("noi", None, Some(to)).unwrap();
            place_decisions(dir.path(), from, to).unwrap();
            std::fs::read_to_string(dir.path().join(EXAMPLE)).ok()
        };
        let text = place("26.9.2").unwrap();
        let read = crate::triage::DecisionsFile::read(&text).unwrap();
        assert_eq!((read.answers.len(), read.decisions.iter().len()), (1, 22));
        assert_eq!(place("25.3.2"), None);
    }

    #[test]
    fn unknown_applications_and_releases_are_named() {
        assert_eq!(chosen("moodle", None, None), Err("The demo knows no application moodle.".into()));
        assert_eq!(chosen("cosi", Some("1.0"), None), Err("The demo knows no release 1.0 of cosi.".into()));
        assert_eq!(
            chosen("cosi", Some("26.4.0"), None),
            Err("There is no later release of cosi to upgrade to.".into())
        );
    }

    #[test]
    fn a_directory_that_the_demo_did_not_build_is_never_removed() {
        let dir = assert_fs::TempDir::new().unwrap();
        std::fs::write(dir.path().join("thesis.tex"), "years of work").unwrap();
        let report = reset(dir.path()).unwrap_err();
        assert_eq!(report.unchanged, Some("Nothing was removed.".into()));
        assert_eq!(std::fs::read_to_string(dir.path().join("thesis.tex")).unwrap(), "years of work");
    }
}
