//! What the engine tells: facts in the past tense. Their JSON form is documented in `docs/json.md`.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::compare::Evidence;
use crate::error::Report;
use crate::procedure::{DumpScripts, Finding, StepId, StepState};
use crate::triage::{Origin, Triage};

/// Something that happened. With `run --headless --events -` each is one line of JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[allow(missing_docs, reason = "field meanings stand in the variant's documentation")]
pub enum Event {
    /// A site was found. Sent within milliseconds, before Lino was asked anything.
    SiteFound { name: String, dir: PathBuf, python: Option<PathBuf>, config: Option<PathBuf> },
    /// Lino answered: the site's versions and size.
    FactsLearned { versions: Versions, database: String, models: usize, languages: Vec<String> },
    /// A run was begun, or an unfinished one was found and continues (`resumed`). `started` is seconds since 1970.
    /// `undoes` is the run that is undone, when this one is an undo. Sent again when an undo begins.
    RunOpened {
        run: i64,
        resumed: bool,
        started: i64,
        state_dir: PathBuf,
        #[serde(default)]
        undoes: Option<i64>,
    },
    /// The plan, with the state of each step as the journal and the machine prove it. Sent again when it changes. The
    /// steps are those of an upgrade or those of an undo.
    PlanMade { steps: Vec<PlannedStep> },
    /// An attempt of a step began; `attempt` counts from 1; its whole output goes to `log`.
    StepStarted { step: StepId, attempt: u32, log: PathBuf, at: i64 },
    /// A command of the step was started in the runner's terminal.
    CommandStarted { step: StepId, command: i64, line: String, at: i64 },
    /// The command ended. Says nothing about success: that is judged.
    CommandEnded { step: StepId, command: i64, exit: Option<i32>, signal: Option<i32>, seconds: f64 },
    /// How far the running step is. May be dropped or thinned out. `total` is none while unknown.
    Progressed { step: StepId, done: u64, total: Option<u64>, text: String },
    /// The running command seems to wait for input; `certain` when the system says so; `secret` when it hides the
    /// echo; `prompt` is the unfinished last line.
    InputAwaited { step: Option<StepId>, prompt: String, secret: bool, certain: bool },
    /// The command went on.
    InputTaken,
    /// An attempt was judged.
    StepEnded { step: StepId, attempt: u32, state: StepState, seconds: f64, findings: Vec<Finding> },
    /// The site went down (`at`) or came up again (none).
    DownSince { at: Option<i64> },
    /// The engine needs a choice; nothing goes on until it is answered by [`Wish::Choose`](super::Wish::Choose).
    Asked { ask: Ask },
    /// A question was answered: by the operator, a decisions file, or `--yes`.
    Chosen { question: String, key: char, by: String },
    /// The versions were compared, or an operator's word changed what that means. Sent again when a run is taken up.
    Compared { evidence: Box<Evidence>, scripts: Option<DumpScripts> },
    /// A rehearsal began: the site stays up, and nothing of it is changed. Its output goes to `log` from byte `from` on.
    RehearsalStarted { retry: bool, log: PathBuf, from: u64, at: i64 },
    /// How far the rehearsal is: rows of so many, once they are known.
    Rehearsing { done: u64, total: Option<u64>, text: String },
    /// A rehearsal ended. `clean` says that the new version took every row; `problem` why there is no result.
    RehearsalEnded { seconds: f64, loaded: u64, refused: u64, clean: bool, problem: Option<String> },
    /// Rows were refused, or a decision for them changed. Sent again whenever it changes, and when a run is taken up.
    Triaged {
        origin: Origin,
        causes: usize,
        rows: usize,
        undecided: usize,
        outdated: bool,
        /// All of it, within this process; the rows themselves are no part of the JSON.
        #[serde(skip)]
        triage: Option<Arc<Triage>>,
    },
    /// What an undo would do, or what is left of the one that was begun. Nothing was changed by asking.
    UndoPlanned { plan: Box<UndoPlan> },
    /// A shell was opened in the runner's terminal; its output goes to `log` from byte `from` on.
    ShellOpened { log: PathBuf, from: u64 },
    /// The shell was left.
    ShellClosed,
    /// The engine came to rest: it waits for the operator, or (headless) can do no more.
    Rested { outcome: Outcome, summary: String },
    /// Somebody else's wizard drives this site; this one only watches.
    Watching { operator: String, since: i64 },
    /// The operator who drove has left; a command goes on, and nothing new starts.
    DriverLeft,
    /// This wizard drives the site again, or for the first time.
    Driving,
    /// Something worth a line at the bottom of the screen.
    Noticed { level: NoticeLevel, text: String },
    /// Something went wrong outside a step. The engine lives on unless `RunEnded` follows.
    Troubled { report: Report },
    /// The run is over: confirmed by the operator.
    RunEnded { outcome: Outcome, summary: String },
}

/// The versions before and, once known, after `pull`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// Name of the application, for example `noi`.
    pub application: String,
    /// Version of the application when the run began.
    pub old: String,
    /// Version of the application now, when it changed.
    pub new: Option<String>,
    /// Version of Lino itself, now.
    pub lino: String,
    /// Version of Django, now.
    pub django: String,
}

/// A step as the plan shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// Which step.
    pub step: StepId,
    /// Its title.
    pub title: String,
    /// One or two sentences for a person who is no developer.
    pub purpose: String,
    /// The exact command lines, or what is done instead of a command.
    pub commands: Vec<String>,
    /// Seconds it will probably take, from this site's earlier runs; none when nothing is known.
    pub forecast: Option<u32>,
    /// Where the forecast comes from, for example "from the run of 2026-11-01".
    pub forecast_from: Option<String>,
    /// "If you stop now": what brings the old site back at this point.
    pub way_back: String,
    /// Where it stands.
    pub state: StepState,
    /// How many attempts were made.
    pub attempts: u32,
    /// Seconds that the last attempt took.
    pub seconds: Option<f64>,
    /// The log of the last attempt.
    pub log: Option<PathBuf>,
    /// What the last attempt found.
    pub findings: Vec<Finding>,
}

/// What an undo would do, what it takes and what would be lost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UndoPlan {
    /// The run that would be undone; 0 when there is none.
    pub run: i64,
    /// The version that is in place now; empty when unknown.
    pub from_version: String,
    /// The version that comes back; empty when unknown.
    pub to_version: String,
    /// The steps of the undo; those that are not needed are skipped with their reason.
    pub steps: Vec<PlannedStep>,
    /// Seconds it will probably take, without the time that the operator needs to look; none when nothing is known.
    pub seconds: Option<u32>,
    /// What would be lost, or why nothing can be: sentences.
    pub losses: Vec<String>,
    /// Rows that were entered, changed or deleted since users were let in, and that the old database does not have; none
    /// when nobody has counted them. They are exported first.
    #[serde(default)]
    pub rows_lost: Option<u64>,
    /// What cannot be promised, for example because a copy is missing: sentences.
    pub missing: Vec<String>,
    /// Why nothing can be undone; none when it can.
    pub impossible: Option<String>,
}

/// A question with its choices. Even the recommended one is no default: a stray Enter decides nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Stable name of the question, for example `stop-services.confirm`.
    pub question: String,
    /// The step it belongs to.
    pub step: StepId,
    /// Title, a few words.
    pub title: String,
    /// What the operator should know before choosing, several sentences at the most.
    pub text: String,
    /// Keys with their labels, in the order in which they are shown.
    pub choices: Vec<(char, String)>,
    /// The choice for which `--yes` stands; none when only a person can decide.
    pub recommended: Option<char>,
}

/// How a notice is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeLevel {
    /// For information.
    Info,
    /// Needs attention.
    Warning,
    /// Went wrong.
    Error,
}

/// How a run, or a headless stretch of it, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All steps are settled and the operator confirmed the new site.
    Done,
    /// A step failed.
    Failed,
    /// A decision is needed that nobody was there to make.
    DecisionNeeded,
    /// Interrupted; can be continued.
    Interrupted,
    /// Wrong use or environment; nothing was begun.
    Refused,
}

impl Outcome {
    /// Returns the exit status of the program.
    #[must_use]
    pub const fn exit_status(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Refused => 2,
            Self::DecisionNeeded => 3,
            Self::Interrupted => 4,
        }
    }
}
