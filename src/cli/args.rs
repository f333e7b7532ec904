//! The command line as `clap` reads it. What each subcommand does is in a file of its own.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::procedure::StepId;

/// Upgrades a Lino site step by step, in a terminal wizard.
///
/// Start it in the project directory of the site. Without a subcommand it opens the wizard, which continues or
/// re-attaches an unfinished upgrade.
#[derive(Debug, Parser)]
#[command(name = "lino-upgrade", version, max_term_width = 100, after_help = EXIT_STATUS)]
pub struct Cli {
    /// The project directory of the site (else the current directory or one of its parents).
    #[arg(long, global = true, value_name = "DIR")]
    pub site: Option<PathBuf>,
    /// What to do instead of opening the wizard.
    #[command(subcommand)]
    pub command: Option<Command>,
}

const EXIT_STATUS: &str = "Exit status: 0 done · 1 a step failed or things differ · 2 wrong use or environment · \
                           3 a decision is needed · 4 interrupted, can be continued.";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Build a real Lino site with demo data and upgrade it.
    Demo(Demo),
    /// Run the procedure; with --headless without a screen.
    Run(Run),
    /// Look whether everything an upgrade needs is in place. Only reads.
    Check(Output),
    /// Compare two dump scripts: what differs between two versions, and where.
    Compare(Compare),
    /// Account for every row of a dump: which are equal in a second one, changed, or missing. Only reads.
    ///
    /// The second dump is one that was made after the first was restored. A row is known by its table and its primary
    /// key; the order of rows, the files they are in and how values are spelled mean nothing. What Lino itself changes
    /// while it restores is told apart. No values are shown: only keys, fields, files and lines. With --site, primary
    /// keys, and which times Django sets itself, are those of the site's models; else they are found by their names.
    Account(Account),
    /// Prove that a snapshot is complete and readable; with --site, that it is what the database holds. Only reads.
    Verify(Verify),
    /// Load a snapshot with the new version into a scratch database: tells every row that it refuses, and why. The
    /// site itself is not touched.
    Rehearse(Rehearse),
    /// Tell from the log of a restore which rows were not saved, and why. Only reads.
    ///
    /// LOG is what `manage.py run snapshot/restore.py` printed, into a file, a pipe or a recorded terminal, or Lino's own
    /// log/lino.log, whose last restore counts. The snapshot tells where the rows lie, what they hold, and which of them
    /// failed only because they point to others.
    Triage(Triage),
    /// Write for the developer of the application what the new version refuses, from the last rehearsal or from a log.
    ///
    /// Versions, causes, some rows with their fields, tracebacks, decisions, and the edits that they become. Texts of rows
    /// are masked unless --with-values asks for them. Only reads.
    Report(Report),
    /// Write a commented lino-upgrade.toml from what was found in the site.
    Init,
    /// Bring the old version back: packages, database, static files and services.
    ///
    /// Shows the plan first: what is done, how long it takes, what would be lost. What users have entered since the
    /// services were started with the new version is listed and exported before the old database comes back. Possible
    /// from any step of an upgrade, and after its end as long as its copies are kept and no newer one was begun. An undo
    /// that was broken off goes on where it stopped.
    Undo(Undo),
    /// Tell how the unfinished, or else the last upgrade stands.
    Status(Output),
    /// List the upgrades of this site.
    History(Output),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page.
    Man,
    /// The process that runs the steps' commands.
    #[command(hide = true)]
    InternalRunner {
        /// Its directory.
        dir: PathBuf,
    },
    /// The leader of the terminal session in which the steps' commands run.
    #[command(hide = true)]
    InternalShim {
        /// The runner's directory.
        dir: PathBuf,
    },
}

/// Options of `demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// The application of the demo site.
    #[arg(long, default_value = crate::cli::demo::APP)]
    pub app: String,
    /// The version to begin with.
    #[arg(long, value_name = "VERSION")]
    pub from: Option<String>,
    /// The version to upgrade to.
    #[arg(long, value_name = "VERSION")]
    pub to: Option<String>,
    /// Where to build the site (else in the user's cache directory).
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Upgrade it without a screen.
    #[arg(long)]
    pub headless: bool,
    /// What becomes of rows, in a file, for an upgrade without a screen.
    #[arg(long, value_name = "FILE", requires = "headless")]
    pub decisions: Option<PathBuf>,
    /// Build the site only, and do not upgrade it.
    #[arg(long, conflicts_with = "headless")]
    pub build_only: bool,
    /// Remove the demo site and build it anew.
    #[arg(long)]
    pub reset: bool,
}

/// Options of `run`.
#[derive(Debug, Args)]
pub struct Run {
    /// Without a screen: one line of JSON for each event on standard output.
    #[arg(long)]
    pub headless: bool,
    /// Answer every question whose answer is recommended with that answer.
    #[arg(long, requires = "headless")]
    pub yes: bool,
    /// Decisions made before: a TOML file with [answers], question = "key", and with decisions for rows that the new
    /// version does not take, which become decisions of the site.
    #[arg(long, value_name = "FILE", requires = "headless")]
    pub decisions: Option<PathBuf>,
    /// Stop when this step has come to its end; start again to go on.
    #[arg(long, value_name = "STEP", requires = "headless")]
    pub until: Option<StepId>,
    /// Where events go: `-` is standard output (the default).
    #[arg(long, value_name = "FILE", default_value = "-", requires = "headless")]
    pub events: PathBuf,
}

/// Options of `undo`.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub struct Undo {
    /// Show the plan only.
    #[arg(long, conflicts_with_all = ["copies", "forget"])]
    pub plan: bool,
    /// Print JSON: the plan, the copies, or one line for each event.
    #[arg(long, conflicts_with = "forget")]
    pub json: bool,
    /// Begin without asking, and answer every question whose answer is recommended with that answer.
    #[arg(long, conflicts_with = "plan")]
    pub yes: bool,
    /// List the copies that are kept, with their size and age.
    #[arg(long, conflicts_with_all = ["forget", "yes"])]
    pub copies: bool,
    /// Delete the copies of a run. It can then not be undone any more.
    #[arg(long, value_name = "RUN")]
    pub forget: Option<i64>,
}

/// Options of subcommands that print for people or for programs.
#[derive(Debug, Args)]
pub struct Output {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Options of `compare`.
#[derive(Debug, Args)]
pub struct Compare {
    /// The dump of the old version: a dump directory, its restore.py, or a snapshot.zip.
    pub old: PathBuf,
    /// The dump of the new version, real or simulated.
    pub new: PathBuf,
    /// Print JSON.
    #[arg(long, conflicts_with = "text")]
    pub json: bool,
    /// Print text, side by side when the terminal has 100 columns (the default).
    #[arg(long)]
    pub text: bool,
    /// Without colours, also on a terminal.
    #[arg(long)]
    pub no_color: bool,
}

/// Options of `account`.
#[derive(Debug, Args)]
pub struct Account {
    /// The dump whose rows are accounted for: a dump directory, its restore.py, or a snapshot.zip.
    pub before: PathBuf,
    /// The dump made after it was restored.
    pub after: PathBuf,
    /// Say of missing rows which decision of this file left them out, and which rows no decision explains.
    #[arg(long, value_name = "FILE")]
    pub decisions: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Also list the tables whose rows are all equal.
    #[arg(long, conflicts_with = "json")]
    pub all: bool,
    /// Without colours, also on a terminal.
    #[arg(long)]
    pub no_color: bool,
}

/// Options of `verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// A snapshot directory or a snapshot.zip.
    pub snapshot: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Options of `rehearse`.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub struct Rehearse {
    /// The Python of an environment that has the new version (else `pull` brings it into a copy of the site's own
    /// environment, which is kept for the next rehearsal).
    #[arg(long, value_name = "ENV/bin/python")]
    pub python: Option<PathBuf>,
    /// Rehearse a copy of restore.py with the decisions of this file. The copy, `restore_decided.py`, is written beside
    /// restore.py; what you change in it is kept.
    #[arg(long, value_name = "FILE")]
    pub decisions: Option<PathBuf>,
    /// Write the refused rows into this file as decisions to be made, beside those of --decisions.
    #[arg(long, value_name = "FILE")]
    pub write_decisions: Option<PathBuf>,
    /// Bring the new version again, also when it was brought before.
    #[arg(long, conflicts_with = "python")]
    pub fresh: bool,
    /// The snapshot: the directory that `dump2py` wrote, or its restore.py (else `snapshot` in the site).
    #[arg(long, value_name = "DIR")]
    pub snapshot: Option<PathBuf>,
    /// First dump the running site into a private directory of the site's own, and rehearse that. The dump stays for
    /// --retry until the next one is whole. Implies --own-decisions.
    #[arg(long, conflicts_with_all = ["snapshot", "retry", "decisions"])]
    pub dump: bool,
    /// Rehearse again what the last rehearsal refused, with the decisions taken since: the dump of --dump, or --snapshot.
    /// Implies --own-decisions.
    #[arg(long, conflicts_with = "decisions")]
    pub retry: bool,
    /// Rehearse with the decisions of the site, `.lino-upgrade/decisions.toml`, if there are any. Those that do not fit
    /// are told and not applied. Everything that Lino prints is shown.
    #[arg(long, conflicts_with = "decisions")]
    pub own_decisions: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Options of `triage`.
#[derive(Debug, Args)]
pub struct Triage {
    /// The log.
    pub log: PathBuf,
    /// The snapshot that was restored: the directory that `dump2py` wrote, or its restore.py.
    #[arg(long, value_name = "DIR")]
    pub snapshot: PathBuf,
    /// The exit status of the restore, when it is known. It decides what the log leaves open.
    #[arg(long, value_name = "N")]
    pub exit: Option<i32>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Options of `report`.
#[derive(Debug, Args)]
pub struct Report {
    /// Write HTML into this file: one file, without anything from a network.
    #[arg(long, value_name = "FILE", conflicts_with = "markdown")]
    pub html: Option<PathBuf>,
    /// Write Markdown into this file (else to standard output).
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// Tell the texts of rows instead of masking them.
    #[arg(long)]
    pub with_values: bool,
    /// The decisions (else those kept with the site).
    #[arg(long, value_name = "FILE")]
    pub decisions: Option<PathBuf>,
    /// Report the log of a restore instead of the last rehearsal.
    #[arg(long, value_name = "LOG", requires = "snapshot")]
    pub log: Option<PathBuf>,
    /// The snapshot that was rehearsed or restored (else the one that was rehearsed).
    #[arg(long, value_name = "DIR")]
    pub snapshot: Option<PathBuf>,
    /// The exit status of the restore, when it is known.
    #[arg(long, value_name = "N", requires = "log")]
    pub exit: Option<i32>,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}
