//! `lino-upgrade.toml`: what the operator wants different from what was found. All of it is optional.
//!
//! ```toml
//! [site]
//! url = "https://mysite.example.com"
//! [commands]
//! pull = "env/bin/pip install -U lino-noi"      # a line for /bin/sh, or
//! snapshot = ["./make_snapshot.sh"]             # program and arguments
//! [services.apache2]
//! [steps]
//! checkdata = "skip"
//! ```

mod error;
mod render;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

pub use error::ConfigError;
pub use render::render_commented;

use super::command::CommandLine;
use crate::procedure::StepId;

/// The name of the file in the site's directory.
pub const FILE_NAME: &str = "lino-upgrade.toml";

/// The operator's wishes. `Config::default()` is what a missing or empty file means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The site itself.
    pub site: SiteConfig,
    /// Commands of steps.
    pub commands: Commands,
    /// The services, in the order of the file; none: they are detected.
    pub services: Option<Vec<(String, ServiceConfig)>>,
    /// Steps to run or to skip whatever the evidence says.
    pub steps: BTreeMap<StepId, StepChoice>,
    /// The snapshot.
    pub snapshot: SnapshotConfig,
    /// Limits.
    pub limits: Limits,
}

/// `[site]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteConfig {
    /// Short name; else the name of the directory.
    pub name: Option<String>,
    /// Title for screens and reports; else what Lino says.
    pub title: Option<String>,
    /// Where a browser finds the site; else what Lino says.
    pub url: Option<String>,
    /// The site's Python; else `bin/python` in `env`.
    pub python: Option<PathBuf>,
    /// The virtualenv or a link to it; else `env`, else `VIRTUAL_ENV`.
    pub env: Option<PathBuf>,
    /// Where journal and logs are kept; else `.lino-upgrade` in the site.
    pub state_dir: Option<PathBuf>,
}

/// `[commands]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commands {
    /// Makes the snapshot.
    #[serde(default, deserialize_with = "command")]
    pub snapshot: Option<CommandLine>,
    /// Brings the new version.
    #[serde(default, deserialize_with = "command")]
    pub pull: Option<CommandLine>,
    /// Installs further packages.
    #[serde(default, deserialize_with = "command")]
    pub install: Option<CommandLine>,
    /// Restores the snapshot.
    #[serde(default, deserialize_with = "command")]
    pub restore: Option<CommandLine>,
    /// Builds the search index.
    #[serde(default, deserialize_with = "command")]
    pub buildindexes: Option<CommandLine>,
    /// Collects static files.
    #[serde(default, deserialize_with = "command")]
    pub collectstatic: Option<CommandLine>,
    /// Checks the data.
    #[serde(default, deserialize_with = "command")]
    pub checkdata: Option<CommandLine>,
}

impl Commands {
    /// Returns the operator's command for a step.
    #[must_use]
    pub const fn of(&self, step: StepId) -> Option<&CommandLine> {
        match step {
            StepId::Snapshot => self.snapshot.as_ref(),
            StepId::Pull => self.pull.as_ref(),
            StepId::Install => self.install.as_ref(),
            StepId::Restore => self.restore.as_ref(),
            StepId::BuildIndexes => self.buildindexes.as_ref(),
            StepId::CollectStatic => self.collectstatic.as_ref(),
            StepId::CheckData => self.checkdata.as_ref(),
            _ => None,
        }
    }
}

/// `[services.NAME]`. Commands that are not given are those of a system service of that name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceConfig {
    /// Tells whether it runs: exit status 0 yes, 3 no.
    #[serde(default, deserialize_with = "command")]
    pub status: Option<CommandLine>,
    /// Stops it.
    #[serde(default, deserialize_with = "command")]
    pub stop: Option<CommandLine>,
    /// Starts it.
    #[serde(default, deserialize_with = "command")]
    pub start: Option<CommandLine>,
    /// Restarts it.
    #[serde(default, deserialize_with = "command")]
    pub restart: Option<CommandLine>,
    /// Whether it may write to the database.
    #[serde(default)]
    pub role: Role,
}

/// What a service is to the site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// May write to the database: stopped before the snapshot, started at the end.
    #[default]
    Writer,
    /// Only passes requests on: stays up, restarted at the end so that it forgets old static files.
    Proxy,
}

/// What the operator wants with a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepChoice {
    /// Run it in any case.
    Run,
    /// Leave it out in any case.
    Skip,
    /// As the evidence says.
    #[default]
    Auto,
}

/// `[snapshot]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SnapshotConfig {
    /// Rows per file of the snapshot, dump2py's `--max-row-count`; none: Lino's own number.
    pub max_row_count: Option<u32>,
    /// The directory of the snapshot in the site.
    pub directory: PathBuf,
}

impl Default for SnapshotConfig {
    fn default() -> Self {
        Self { max_row_count: None, directory: PathBuf::from("snapshot") }
    }
}

/// `[limits]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// After so many minutes without a word from a command the operator is told that it may be stuck.
    pub stuck_after_minutes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { stuck_after_minutes: 10 }
    }
}

/// The file as it stands, with spans where a check follows the reading.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    site: SiteConfig,
    #[serde(default)]
    commands: Commands,
    services: Option<BTreeMap<Spanned<String>, ServiceConfig>>,
    #[serde(default)]
    steps: BTreeMap<StepId, Spanned<StepChoice>>,
    #[serde(default)]
    snapshot: Option<Spanned<SnapshotConfig>>,
    #[serde(default)]
    limits: Limits,
}

/// Steps without which an upgrade loses data or cannot be judged; they are never skipped by a file.
const INDISPENSABLE: [StepId; 3] = [StepId::Check, StepId::VerifySnapshot, StepId::Triage];

impl Config {
    /// Reads the file of a site; a missing one means the default.
    pub fn load(site_dir: &Path) -> Result<Self, ConfigError> {
        let path = site_dir.join(FILE_NAME);
        match std::fs::read(&path) {
            Ok(bytes) => match String::from_utf8(bytes) {
                Ok(text) => Self::parse(&text, &path),
                Err(error) => Err(ConfigError::not_utf8(&path, &error)),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(ConfigError::Unreadable { path, source }),
        }
    }

    /// Reads the text of a file; `path` is for messages.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let wrong = |span: Range<usize>, message: String| ConfigError::wrong(path, text, Some(span), message);
        let file: File = toml::from_str(text).map_err(|error| ConfigError::from_toml(path, text, &error))?;
        for (step, choice) in &file.steps {
            if step.is_undo() {
                return Err(wrong(choice.span(), format!("`{step}` is a step of an undo, which is never configured")));
            }
            if *choice.get_ref() == StepChoice::Skip && INDISPENSABLE.contains(step) {
                return Err(wrong(choice.span(), format!("the step `{step}` cannot be skipped")));
            }
        }
        let snapshot = match file.snapshot {
            None => SnapshotConfig::default(),
            Some(snapshot) => {
                let span = snapshot.span();
                let snapshot = snapshot.into_inner();
                if snapshot.max_row_count == Some(0) {
                    return Err(wrong(span, "`max_row_count` must be at least 1".to_owned()));
                }
                let inside = snapshot.directory.components().all(|c| matches!(c, std::path::Component::Normal(_)));
                if !inside || snapshot.directory.as_os_str().is_empty() {
                    return Err(wrong(span, "`directory` must be a directory inside the site".to_owned()));
                }
                snapshot
            }
        };
        let services = file.services.map(|services| {
            let mut services: Vec<(usize, (String, ServiceConfig))> =
                services.into_iter().map(|(name, service)| (name.span().start, (name.into_inner(), service))).collect();
            services.sort_by_key(|(start, _)| *start);
            services.into_iter().map(|(_, service)| service).collect()
        });
        let steps = file.steps.into_iter().map(|(step, choice)| (step, choice.into_inner())).collect();
        Ok(Self { site: file.site, commands: file.commands, services, steps, snapshot, limits: file.limits })
    }

    /// Returns what the operator wants with a step.
    #[must_use]
    pub fn choice(&self, step: StepId) -> StepChoice {
        self.steps.get(&step).copied().unwrap_or_default()
    }
}

/// Reads a command: a line for `/bin/sh`, or program and arguments.
fn command<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<CommandLine>, D::Error> {
    struct Command;
    impl<'de> serde::de::Visitor<'de> for Command {
        type Value = CommandLine;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a command: a line of text for the shell, or a list of program and arguments")
        }

        fn visit_str<E: serde::de::Error>(self, line: &str) -> Result<CommandLine, E> {
            if line.trim().is_empty() {
                return Err(E::custom("a command cannot be empty"));
            }
            Ok(CommandLine::shell(line))
        }

        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut words: A) -> Result<CommandLine, A::Error> {
            let mut argv: Vec<String> = Vec::new();
            while let Some(word) = words.next_element()? {
                argv.push(word);
            }
            if argv.first().is_none_or(String::is_empty) {
                return Err(serde::de::Error::custom("a command cannot be empty"));
            }
            Ok(CommandLine::new(argv))
        }
    }
    deserializer.deserialize_any(Command).map(Some)
}
