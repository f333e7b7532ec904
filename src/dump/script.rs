//! The dump script `restore.py` as a value: what it says, where it says it, and what a hand has changed.

use super::function::Function;
use super::place::{Lines, Problem};
use super::reader;

/// What is read from a dump script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// Whether it says that `dump2py` wrote it.
    pub is_dump: bool,
    /// Whether it was written for Python 2: it uses Python 2's `execfile`, or what Lino had only then.
    pub python2: bool,
    /// `SOURCE_VERSION`: the version of the application.
    pub source_version: Option<String>,
    /// What its first lines say about the site.
    pub header: Header,
    /// The languages of the site, in the order of the values of a babel field.
    pub languages: Vec<String>,
    /// The line that names the languages.
    pub languages_line: Option<u32>,
    /// What it imports, in order.
    pub imports: Vec<Import>,
    /// The models, in order.
    pub models: Vec<Model>,
    /// Models that depend on each other (written since 25.8).
    pub cycles: Vec<Cycle>,
    /// The create functions, in order.
    pub functions: Vec<Function>,
    /// The row files, in the order in which they are loaded.
    pub loads: Vec<Load>,
    /// Tables that were left out because of a database error (`dump2py --tolerate`); Python cannot read such a script.
    pub tolerated: Vec<Tolerated>,
    /// How it makes its loader.
    pub loader: Option<Loader>,
    /// Options that it has on the command line, `--noinput` or `--quick`.
    pub options: Vec<CommandOption>,
    /// What runs before or after the rows are loaded.
    pub handlers: Vec<Handler>,
    /// Statements and comments that `dump2py` does not write.
    pub edits: Vec<Edit>,
    /// Places where Python cannot read it.
    pub problems: Vec<Problem>,
    /// Where it breaks off; none when it has its end.
    pub cut_off: Option<Problem>,
}

/// What the first lines say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// What wrote it: `dump2py`, or before 2017 the application, Lino, Django and Python with their versions.
    pub written_by: Option<String>,
    /// `DJANGO_SETTINGS_MODULE`.
    pub settings_module: Option<String>,
    /// `TIME_ZONE`.
    pub time_zone: Option<String>,
    /// The right side of `OTHER_SOURCES`: versions of plugins, as Python wrote them (end of 2023 only).
    pub other_sources: Option<String>,
    /// The lines of all of them.
    pub lines: Option<Lines>,
}

/// An import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// Its text.
    pub text: String,
    /// Its line.
    pub lines: Lines,
}

/// A model that is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// Its name, `contacts.Person`.
    pub name: String,
    /// The variable that holds it, `contacts_Person`.
    pub variable: String,
    /// Its line.
    pub lines: Lines,
}

/// A model that depends on others which depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// The model.
    pub model: String,
    /// Its rows when the dump was made.
    pub rows: Option<u64>,
    /// The models that it depends on.
    pub depends_on: Vec<String>,
    /// Its line.
    pub lines: Lines,
}

/// A row file that is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    /// The file.
    pub file: String,
    /// Its table.
    pub table: String,
    /// Its number, from 1, when the table is split.
    pub part: Option<u32>,
    /// Whether the line is commented out.
    pub skipped: bool,
    /// Its line.
    pub lines: Lines,
}

/// A table whose rows are missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tolerated {
    /// The table.
    pub table: String,
    /// The error of the database, as far as it is written.
    pub text: String,
    /// Its lines.
    pub lines: Lines,
}

/// How the loader is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loader {
    /// The argument `quick`, as written.
    pub quick: Option<String>,
    /// The argument `strict`, as written.
    pub strict: Option<String>,
    /// Its line.
    pub lines: Lines,
}

/// An option on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandOption {
    /// Its names, `-b` and `--noinput`.
    pub names: Vec<String>,
    /// Its lines.
    pub lines: Lines,
}

/// When a handler runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before the first row file.
    BeforeLoad,
    /// After the last.
    AfterLoad,
    /// Between: rows that wait for others are tried again.
    FlushDeferred,
}

/// Something that a hand lets run before, between or after the row files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handler {
    /// When.
    pub moment: Moment,
    /// The statement.
    pub text: String,
    /// Its lines.
    pub lines: Lines,
}

/// A statement or comment that `dump2py` does not write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Its text.
    pub text: String,
    /// Its lines.
    pub lines: Lines,
}

impl Script {
    /// Reads a dump script, as far as it can be read.
    #[must_use]
    pub fn read(text: &str) -> Self {
        reader::read(text)
    }

    /// Tells whether it reaches `loader.finalize()` and the part that starts it.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.cut_off.is_none()
    }

    /// Returns the create function of a table: the last one, as Python would.
    #[must_use]
    pub fn function(&self, table: &str) -> Option<&Function> {
        self.functions.iter().rfind(|function| function.table == table)
    }

    /// Returns the create function of a model: the last one, as Python would.
    #[must_use]
    pub fn function_of(&self, model: &str) -> Option<&Function> {
        let variable = self.models.iter().find(|known| known.name == model).map(|known| known.variable.as_str())?;
        self.functions.iter().rfind(|function| function.model.as_deref() == Some(variable))
    }

    /// Returns the name of the model of a create function.
    #[must_use]
    pub fn model_of(&self, function: &Function) -> Option<&str> {
        self.model_in(function.model.as_deref()?)
    }

    /// Returns the name of the model that a variable holds.
    #[must_use]
    pub fn model_in(&self, variable: &str) -> Option<&str> {
        self.models.iter().find(|model| model.variable == variable).map(|model| model.name.as_str())
    }
}
