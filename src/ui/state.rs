//! All that the wizard knows, and the messages that change it. Plain data: no terminal, no file, no clock.

mod compare;
mod message;
mod rehearsal;
mod step;
mod triage;
mod typing;
mod undo;

use std::path::PathBuf;

use jiff::tz::TimeZone;

use super::log_view::LogView;
use super::secret::Secret;
use super::style::Colours;
use crate::engine::{Ask, NoticeLevel, Outcome, UndoPlan, Versions};
use crate::error::Report;
use crate::procedure::{StepId, StepState};

pub use compare::{
    Compared, Entry, Extent, Folding, Needle, Pane, Screen, Scripts, VERDICT, class_word, renamed, rows, symbol,
};
pub use message::{Action, LogNews, Msg};
pub use rehearsal::{Ended, Rehearsal};
pub use step::{Progress, Step};
pub use triage::{
    Ask as Asking, Dialog, Field, Filter, Line as TriageLine, Looked, Node, Part, Purpose, Reach, RowPlace, Tally,
    Tree, Triaging, UNSAVED, Which, decision_words, given, literal, standing, to_decide,
};
pub use typing::{Shell, ShellFocus, Typing, TypingBy, Waiting};
pub use undo::{Obstacle, is_begun, is_needless, loses_rows};

/// The site, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Its name.
    pub name: String,
    /// Its directory.
    pub dir: PathBuf,
}

/// What Lino said about the site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Versions before and after.
    pub versions: Versions,
    /// The database, in words.
    pub database: String,
    /// How many models there are.
    pub models: usize,
    /// Its languages.
    pub languages: Vec<String>,
}

/// The run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its number.
    pub number: i64,
    /// Whether it was found unfinished.
    pub resumed: bool,
    /// When it was begun, seconds since 1970.
    pub started: i64,
    /// The run that it undoes; none when it is an upgrade.
    pub undoes: Option<i64>,
}

/// The pane that the arrows move in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Focus {
    /// The list of steps.
    #[default]
    Steps,
    /// The explanation.
    Explanation,
    /// The log.
    Log,
}

/// How the screen is divided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Division {
    /// Steps, explanation and log.
    #[default]
    Panes,
    /// The log alone.
    LogAlone,
}

/// Something in front of the panes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Popup {
    /// What the keys do.
    Help,
    /// The levels of cancelling.
    Cancel,
    /// Kill was pressed once.
    Kill,
    /// Really leave the step out?
    Skip(StepId),
    /// Really run a settled step again?
    Again(StepId),
    /// Leave while something runs?
    Quit,
    /// End the rehearsal?
    EndRehearsal,
    /// Take the site over from another operator?
    TakeOver,
    /// What an undo would do; being worked out while no plan is there.
    Undo,
    /// Undo although rows are lost?
    UndoSure,
    /// Why an undo cannot begin now.
    NoUndo,
    /// How the run ended.
    Summary,
    /// Something went wrong.
    Trouble(Report),
}

/// A line at the bottom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// How it is shown.
    pub level: NoticeLevel,
    /// The text.
    pub text: String,
    /// When it goes, milliseconds since 1970.
    pub until: i64,
}

/// Somebody else drives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Who.
    pub operator: String,
    /// Since when, seconds since 1970.
    pub since: i64,
}

impl Watched {
    /// Nobody drives: whoever did has left.
    #[must_use]
    pub const fn nobody() -> Self {
        Self { operator: String::new(), since: 0 }
    }

    /// Tells whether somebody drives.
    #[must_use]
    pub const fn is_driven(&self) -> bool {
        !self.operator.is_empty()
    }
}

/// What the engine does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// It looks at the site; there is no plan yet.
    #[default]
    Opening,
    /// It waits for the operator.
    Resting {
        /// Why, when it said so.
        because: Option<(Outcome, String)>,
    },
    /// It carries out steps.
    Working,
    /// The run is over.
    Over {
        /// How it ended.
        outcome: Outcome,
        /// In words.
        summary: String,
    },
}

/// All that the wizard knows.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own, independent of the others")]
#[derive(Debug, PartialEq)]
pub struct State {
    /// Milliseconds since 1970.
    pub now: i64,
    /// Where the operator's clock stands.
    pub zone: TimeZone,
    /// Whether colours may be used.
    pub colours: Colours,
    /// The terminal's size: columns, rows.
    pub size: (u16, u16),
    /// The site.
    pub site: Option<Site>,
    /// What Lino said.
    pub facts: Option<Facts>,
    /// The run.
    pub run: Option<Run>,
    /// The steps; before there is a plan, all that may come.
    pub steps: Vec<Step>,
    /// What the engine does.
    pub engine: Engine,
    /// Which screen is shown.
    pub screen: Screen,
    /// What was compared.
    pub compared: Option<Box<Compared>>,
    /// What was refused.
    pub triaged: Option<Box<Triaging>>,
    /// The rehearsal that runs, or ran last.
    pub rehearsal: Option<Rehearsal>,
    /// What an undo would do; none while it was not asked for, or is being worked out.
    pub undo: Option<Box<UndoPlan>>,
    /// The version that the undo under way brings back, when it is known.
    pub back_to: Option<String>,
    /// The selected step.
    pub selected: usize,
    /// Whether the running step is selected by itself.
    pub following: bool,
    /// The pane with the focus.
    pub focus: Focus,
    /// How the screen is divided.
    pub division: Division,
    /// Rows of the explanation that are above its pane.
    pub explanation: usize,
    /// The log pane.
    pub log: LogView,
    /// A command runs.
    pub commanding: bool,
    /// The command waits for input.
    pub waiting: Option<Waiting>,
    /// Keys go to the command.
    pub typing: Option<Typing>,
    /// A secret that is being typed.
    pub secret: Secret,
    /// The shell.
    pub shell: Option<Shell>,
    /// Questions, the oldest first.
    pub asks: Vec<Ask>,
    /// Whether the operator put the question aside to look around.
    pub aside: bool,
    /// What is in front of the panes.
    pub popup: Option<Popup>,
    /// Rows of the popup that are above it.
    pub popup_scroll: usize,
    /// What went wrong last.
    pub trouble: Option<Report>,
    /// What to do about what the running step waits for, since it was told.
    pub remedy: Option<String>,
    /// The line at the bottom.
    pub notice: Option<Notice>,
    /// Since when the site is down, seconds since 1970.
    pub down_since: Option<i64>,
    /// Somebody else drives.
    pub watched: Option<Watched>,
    /// The engine stops after the running step.
    pub pausing: bool,
    /// What an undo would do is shown as soon as nothing runs.
    pub undo_next: bool,
    /// The size of the pane that the engine was told: columns, rows.
    pub told: Option<(u16, u16)>,
    /// When the operator pressed a key last, milliseconds since 1970.
    pub touched: i64,
}

impl State {
    /// Builds the state before anything is known.
    #[must_use]
    pub fn new(now: i64, zone: TimeZone, colours: Colours, size: (u16, u16)) -> Self {
        Self {
            now,
            zone,
            colours,
            size,
            site: None,
            facts: None,
            run: None,
            steps: StepId::ALL.into_iter().map(Step::unplanned).collect(),
            engine: Engine::Opening,
            screen: Screen::Main,
            compared: None,
            triaged: None,
            rehearsal: None,
            undo: None,
            back_to: None,
            selected: 0,
            following: true,
            focus: Focus::Steps,
            division: Division::Panes,
            explanation: 0,
            log: LogView::default(),
            commanding: false,
            waiting: None,
            typing: None,
            secret: Secret::default(),
            shell: None,
            asks: Vec::new(),
            aside: false,
            popup: None,
            popup_scroll: 0,
            trouble: None,
            remedy: None,
            notice: None,
            down_since: None,
            watched: None,
            pausing: false,
            undo_next: false,
            told: None,
            touched: now,
        }
    }

    /// Returns the selected step.
    #[must_use]
    pub fn step(&self) -> Option<&Step> {
        self.steps.get(self.selected)
    }

    /// Returns the step of this id.
    pub fn step_mut(&mut self, id: StepId) -> Option<&mut Step> {
        self.steps.iter_mut().find(|step| step.plan.step == id)
    }

    /// Returns the position of the step that runs.
    #[must_use]
    pub fn running(&self) -> Option<usize> {
        self.steps.iter().position(|step| step.plan.state == StepState::Running)
    }

    /// Returns the position of the first step that is not settled.
    #[must_use]
    pub fn first_open(&self) -> Option<usize> {
        self.steps.iter().position(|step| !step.plan.state.is_settled())
    }

    /// Returns the question that is shown, if it is not put aside.
    #[must_use]
    pub fn ask(&self) -> Option<&Ask> {
        self.asks.first().filter(|_| !self.aside)
    }

    /// Returns the comparison while its screen is shown.
    #[must_use]
    pub fn comparison(&self) -> Option<&Compared> {
        self.compared.as_deref().filter(|_| self.screen == Screen::Compare)
    }

    /// Returns the triage while its screen is shown.
    #[must_use]
    pub fn triaging(&self) -> Option<&Triaging> {
        self.triaged.as_deref().filter(|_| self.screen == Screen::Triage)
    }

    /// Tells whether the oldest question is the one about rows that were refused.
    #[must_use]
    pub fn asks_for_triage(&self) -> bool {
        self.triaged.is_some() && self.asks.first().is_some_and(|ask| ask.question == UNSAVED)
    }

    /// Tells whether the oldest question is the one that the evidence answers.
    #[must_use]
    pub fn asks_for_verdict(&self) -> bool {
        self.compared.is_some() && self.asks.first().is_some_and(|ask| ask.question == VERDICT)
    }

    /// Returns how the screen is divided now: a shell with the focus has all of it.
    #[must_use]
    pub fn shown_division(&self) -> Division {
        match &self.shell {
            Some(shell) if shell.focus == ShellFocus::Shell => Division::LogAlone,
            _ => self.division,
        }
    }

    /// Tells whether something runs that would go on without the wizard.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.commanding || self.running().is_some()
    }

    /// Tells whether this wizard may start something now.
    #[must_use]
    pub fn may_start(&self) -> bool {
        matches!(self.engine, Engine::Resting { .. })
            && !self.is_busy()
            && !self.is_rehearsing()
            && self.watched.is_none()
            && self.asks.is_empty()
            && self.shell.is_none()
    }

    /// Tells whether time passes on the screen.
    #[must_use]
    pub fn is_ticking(&self) -> bool {
        self.is_busy()
            || self.is_rehearsing()
            || self.down_since.is_some()
            || self.notice.is_some()
            || self.typing.is_some_and(|typing| typing.until.is_some())
    }

    /// Returns the clock in seconds since 1970.
    #[must_use]
    pub const fn seconds(&self) -> i64 {
        self.now.div_euclid(1000)
    }
}
