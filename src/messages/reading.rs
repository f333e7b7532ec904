//! The words in which a command's output is understood: what was read, and the judgement.

use std::fmt;

/// What kind of command printed the lines; the same words mean different things in different commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CommandKind {
    /// `manage.py run snapshot/restore.py`.
    Restore,
    /// `manage.py dump2py DIR`.
    Dump,
    /// `manage.py dump2py -os DIR`: no rows, only the schema.
    SimulatedDump,
    /// `manage.py checkdata`.
    CheckData,
    /// `manage.py collectstatic --noinput`.
    CollectStatic,
    /// `manage.py collectstatic --noinput --dry-run`.
    CollectStaticDryRun,
    /// `manage.py install --list`.
    InstallList,
    /// `manage.py install` or `pip install`.
    Install,
    /// `pip install --dry-run`.
    PipDryRun,
    /// `manage.py buildcache`.
    BuildCache,
    /// `make_snapshot.sh`.
    Snapshot,
    /// `pull.sh`.
    Pull,
    /// Anything else, judged by its exit status and by an exception as its last words.
    Other,
}

/// Everything understood from one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// What kind of command it was.
    pub kind: CommandKind,
    /// How the command ended, for the operator.
    pub judgement: Judgement,
    /// What a restore left behind; every other command but `Other` leaves [`DatabaseState::Untouched`].
    pub database: DatabaseState,
    /// The rows that were not saved, by model and message: causes first, then rows that only point to a missing row.
    pub groups: Vec<Group>,
    /// Groups beyond the limit, counted but not kept.
    pub groups_left_off: u64,
    /// The number in the abandon line: rows that could not be saved.
    pub unsaved: u64,
    /// Objects that a restore left out because they were no rows: "Ignored unknown object X".
    pub ignored: u64,
    /// The number in "Loaded N objects".
    pub loaded: Option<u64>,
    /// The sum of all "Loading N objects"; a table in several parts counts once.
    pub announced: u64,
    /// Static files copied.
    pub copied: Option<u64>,
    /// Static files that were up to date.
    pub unmodified: Option<u64>,
    /// Data problems by kind of row; only kinds that had some.
    pub checked: Vec<Checked>,
    /// Data problems of all kinds: remaining and repaired.
    pub problems: Option<(u64, u64)>,
    /// Lines of `install --list`.
    pub requirements: Vec<String>,
    /// The version that the dump says it was made by.
    pub source_version: Option<String>,
    /// The exception that ended the command.
    pub fatal: Option<Fatal>,
    /// Objects that dump2py says it wrote.
    pub written: Option<u64>,
    /// Whether pip gave up asking a server. Where packages are installed already, it goes on without it, and ends with
    /// status 0.
    pub unreached: bool,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It did what it was asked to, and its output proves it.
    Finished {
        /// What it did, in a sentence.
        summary: String,
    },
    /// It ended without complaint, but nothing proves that it did its work.
    Unproved {
        /// Why not, in a sentence.
        because: String,
    },
    /// It failed.
    Failed {
        /// Why, in a sentence.
        because: String,
        /// Why, for whoever decides what to do next.
        cause: FailureCause,
    },
    /// It was stopped from outside before it was through.
    Interrupted {
        /// By what, in a sentence.
        because: String,
    },
    /// A question was answered with no, or not at all.
    Refused {
        /// Which, in a sentence.
        because: String,
    },
}

/// Why a command failed, as far as its output tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailureCause {
    /// Rows could not be saved, and the loader gave up on them.
    Abandoned,
    /// The number of loaded rows differs from the number of rows in the dump.
    RowsLost,
    /// Another process holds the database.
    DatabaseLocked,
    /// The database server does not answer, or does not take the connection.
    DatabaseUnreachable,
    /// The database server does not let the site's user in, or not at the tables.
    DatabasePermission,
    /// The server has no database of that name.
    MissingDatabase,
    /// The database lacks a table the code expects.
    MissingTable,
    /// A table of the database lacks a column the code expects.
    MissingColumn,
    /// `manage.py` does not know the command.
    UnknownCommand,
    /// A Python module or name cannot be imported.
    ImportError {
        /// The module that is missing or lacks the name.
        module: String,
    },
    /// The local settings use something Lino has renamed.
    ChangedApi,
    /// Django's system check found errors.
    SystemCheck,
    /// A Python file cannot be compiled.
    SyntaxError,
    /// A file is missing.
    MissingFile,
    /// A file or directory may not be read, written or executed.
    FilePermission,
    /// A program that the command calls is not installed.
    ProgramMissing {
        /// Its name.
        program: String,
    },
    /// A row of a model without foreign keys could not be saved.
    IndependentRow,
    /// More rows were deferred than the loader allows.
    TooManyDeferred,
    /// The dump has rows of a model that no longer exists.
    RemovedModel,
    /// The dump has a field that no longer exists.
    UnexpectedField,
    /// The application's or site's migrator is at fault.
    MigratorBroken,
    /// The folder to dump into exists.
    DumpExists,
    /// The dump is not complete because the database reported errors.
    DatabaseErrors,
    /// The dump was made in a way that leaves rows out, or may have left some out.
    IncompleteDump,
    /// The archive of the snapshot could not be written whole.
    ArchiveFailed,
    /// pip finds no version of a package.
    NoSuchPackage {
        /// The package as it was asked for.
        requirement: String,
    },
    /// The packages asked for contradict each other.
    PackageConflict,
    /// Redis does not answer.
    RedisMissing,
    /// No space left.
    DiskFull,
    /// No memory left.
    OutOfMemory,
    /// The machine has no system log to write to.
    NoSyslog,
    /// sudo wants a password and has no terminal to ask on.
    SudoNeedsTerminal,
    /// The network or a server in it does not answer.
    NetworkDown,
    /// The command could not be started.
    NotStarted,
    /// Nothing known.
    Other,
}

/// What a restore left in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseState {
    /// What was there before is still there.
    Untouched,
    /// Emptied, and not all rows came back.
    HalfFilled,
    /// Emptied, and all rows came back.
    Filled,
    /// The output does not tell.
    Unknown,
}

/// Rows of one model that were not saved for the same reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The model, for example `contacts.Partner`, cut when it is very long.
    pub model: String,
    /// The reason as printed, without the row's own name, cut when it is very long.
    pub message: String,
    /// How many rows.
    pub count: u64,
    /// Their primary keys as printed, joined by a comma, cut when there are very many.
    pub keys: String,
}

impl fmt::Display for Group {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = if self.count == 1 { "row" } else { "rows" };
        let Self { model, message, count, keys } = self;
        write!(formatter, "{model}: {message} ({count} {rows}, primary key {keys})")
    }
}

/// A line of the list of rows that were given up, as it is printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsaved {
    /// The model.
    pub model: String,
    /// The message: any text, often what Python writes for a dictionary or a list.
    pub message: String,
    /// How many rows; 0 when the line breaks off.
    pub count: u64,
    /// Their primary keys, joined by `, `, which a key may hold, too.
    pub keys: String,
}

/// What checkdata says about one kind of row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The kind as printed, for example `Comments`.
    pub names: String,
    /// Problems that remain.
    pub found: u64,
    /// Problems that were repaired.
    pub fixed: u64,
}

/// The exception that ended a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fatal {
    /// Its class as printed, for example `django.db.utils.OperationalError` or `CommandError`.
    pub exception: String,
    /// Its text, possibly of several lines; empty if it had none.
    pub message: String,
}
