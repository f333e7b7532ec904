//! The facts of a site, as its own Python tells them. The script is `assets/python/facts.py`.

mod ask;
mod kept;
mod scratch;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::compare::Models;
use crate::compare::migrator::{Migrator, Step};
pub use crate::compare::{Field as FieldFacts, Model as ModelFacts};
pub use ask::{FactsError, Place, Refusal, ask, connection};
pub use kept::Answers;
pub use scratch::forget_killed;

/// The version of the script's answer that this program understands.
pub const FORMAT: u32 = 1;

/// Everything that Lino and Django know of the site. Unknown fields are tolerated: the script may grow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// Version of the answer.
    pub format: u32,
    /// The interpreter.
    pub python: PythonFacts,
    /// Version of Django.
    pub django: String,
    /// Version of Lino.
    pub lino: String,
    /// The application.
    pub site: SiteFacts,
    /// Its plugins.
    pub plugins: Vec<PluginFacts>,
    /// Its database, without a password.
    pub database: DatabaseFacts,
    /// Its models, sorted by name.
    pub models: Vec<ModelFacts>,
    /// Fingerprints of the functions that a restore runs for rows, by name.
    pub rules: Option<BTreeMap<String, String>>,
    /// What `manage.py install` would ask pip for.
    pub requirements: Vec<String>,
    /// Those of them that no installed package satisfies, by name.
    pub missing_requirements: Vec<String>,
    /// Installed packages with their versions.
    pub installed: BTreeMap<String, String>,
    /// Commands that `manage.py` offers.
    pub commands: Vec<String>,
    /// Where `collectstatic` writes.
    pub static_root: Option<String>,
    /// Uploaded files.
    pub media_root: Option<String>,
    /// Directory of `lino.log`, when there is one.
    pub log_dir: Option<String>,
    /// The log file itself.
    pub log_file: Option<String>,
    /// Which optional steps make sense.
    pub uses: UseFacts,
    /// Models that this Lino's `dump2py` leaves out, for example `sessions.Session`.
    pub skipped_in_dump: Vec<String>,
}

/// The interpreter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PythonFacts {
    /// For example `3.11.2`.
    pub version: String,
    /// Its file.
    pub executable: String,
    /// The virtualenv.
    pub prefix: String,
}

/// The application.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SiteFacts {
    /// Name of the application, for example `Lino Noi`.
    pub name: Option<String>,
    /// Its version, which dumps carry as `SOURCE_VERSION`.
    pub version: Option<String>,
    /// Title of the site.
    pub title: Option<String>,
    /// Where a browser finds it.
    pub url: Option<String>,
    /// `DJANGO_SETTINGS_MODULE`.
    pub settings_module: String,
    /// Where the settings module lies.
    pub project_dir: Option<String>,
    /// Where log, media and SQLite files lie.
    pub site_dir: Option<String>,
    /// Languages, first the main one.
    pub languages: Vec<String>,
    /// Whether a value that no choice has is an error.
    pub strict_choicelist_values: Option<bool>,
    /// Plugin of the user interface.
    pub default_ui: Option<String>,
    /// Whether a `linod` belongs to the site.
    pub use_linod: bool,
    /// Time zone.
    pub time_zone: Option<String>,
    /// Whether the database keeps times in UTC.
    pub use_tz: bool,
    /// Class of the migrator.
    pub migration_class: Option<String>,
    /// Versions that the migrator migrates from.
    pub migrate_from: Vec<String>,
    /// The same with what each of them does.
    pub migrations: Vec<MigrationFacts>,
    /// Why the migrator cannot be imported.
    pub migration_error: Option<String>,
}

/// A plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PluginFacts {
    /// For example `tickets`.
    pub app_label: String,
    /// For example `lino_noi.lib.tickets`.
    pub app_name: String,
    /// Its name for people.
    pub verbose_name: Option<String>,
    /// Version of its package.
    pub version: Option<String>,
}

/// The database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DatabaseFacts {
    /// `sqlite`, `postgresql`, `mysql`, or the backend's name.
    pub engine: String,
    /// Django's backend.
    pub backend: String,
    /// Name; for SQLite its file.
    pub name: Option<String>,
    /// Host.
    pub host: Option<String>,
    /// Port.
    pub port: Option<String>,
    /// User.
    pub user: Option<String>,
    /// Whether the settings have a password.
    pub has_password: bool,
    /// Names of further options.
    pub options_keys: Vec<String>,
    /// Other entries of `DATABASES`.
    pub other_databases: Vec<String>,
    /// Whether it answered; none when it was not asked.
    pub reachable: Option<bool>,
    /// Version of the server.
    pub server_version: Option<String>,
    /// Why it did not answer.
    pub error: Option<String>,
}

/// A step of the migrator.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MigrationFacts {
    /// Version that it migrates from, with dots.
    pub from: String,
    /// Version that it says it reaches, when its source tells.
    pub to: Option<String>,
    /// What its author says of it.
    pub doc: Option<String>,
    /// Tables whose create functions its source names.
    pub creates: Vec<String>,
}

/// Which optional steps make sense.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UseFacts {
    /// The command that builds the search index, when the site uses one.
    pub search_index_command: Option<String>,
    /// Whether `checkdata` is offered.
    pub checkdata: bool,
    /// Whether the help pages are built.
    pub help: bool,
}

impl Facts {
    /// Returns the models that `dump2py` writes: all but proxies, tables of many-to-many fields (Lino never dumps
    /// those: `sorted_models_list` asks Django without `include_auto_created`) and the ones it skips by name.
    pub fn dumped_models(&self) -> impl Iterator<Item = &ModelFacts> {
        self.models.iter().filter(|model| self.is_dumped(model))
    }

    /// Returns the models with a table of their own whose rows are in no snapshot: a restore empties them.
    pub fn undumped_models(&self) -> impl Iterator<Item = &ModelFacts> {
        self.models.iter().filter(|model| model.managed && !model.proxy && !self.is_dumped(model))
    }

    fn is_dumped(&self, model: &ModelFacts) -> bool {
        !model.proxy && !model.is_abstract && !model.auto_created && !self.skipped_in_dump.contains(&model.model)
    }

    /// Returns what the comparison of models wants to know.
    #[must_use]
    pub fn described(&self) -> Models {
        let languages = self.site.languages.clone();
        Models { languages, models: self.models.clone(), rules: self.rules.clone() }
    }

    /// Returns the migrator of this version of the site.
    #[must_use]
    pub fn migrator(&self) -> Migrator {
        let step = |step: &MigrationFacts| Step {
            from: step.from.clone(),
            to: step.to.clone(),
            doc: step.doc.clone(),
            creates: step.creates.clone(),
        };
        Migrator {
            class: self.site.migration_class.clone(),
            error: self.site.migration_error.clone(),
            steps: self.site.migrations.iter().map(step).collect(),
        }
    }

    /// Returns a model by its name.
    #[must_use]
    pub fn model(&self, name: &str) -> Option<&ModelFacts> {
        self.models.iter().find(|model| model.model == name)
    }

    /// Tells whether `manage.py` offers a command.
    #[must_use]
    pub fn offers(&self, command: &str) -> bool {
        self.commands.iter().any(|name| name == command)
    }

    /// Returns the version of the application, or of Lino when the application has none.
    #[must_use]
    pub fn version(&self) -> &str {
        self.site.version.as_deref().unwrap_or(&self.lino)
    }

    /// Describes the database in a few words, for example "PostgreSQL 15.14, database prod on localhost".
    #[must_use]
    pub fn database_line(&self) -> String {
        let db = &self.database;
        let engine =
            super::Engine::from_name(&db.engine).map_or_else(|| db.engine.clone(), |engine| engine.to_string());
        let version = db.server_version.as_deref().and_then(|version| version.split_whitespace().next());
        let version = version.map(|version| format!(" {version}")).unwrap_or_default();
        let name = db.name.as_deref().map(|name| format!(", {name}")).unwrap_or_default();
        let host = db.host.as_deref().map(|host| format!(" on {host}")).unwrap_or_default();
        super::text::printable(&format!("{engine}{version}{name}{host}"))
    }
}
