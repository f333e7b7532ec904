//! The triage as its screen shows it: what was refused, the list that is made from it, and what is chosen in it.

mod dialog;
mod moving;
mod reach;
mod said;
mod tree;

use std::collections::HashMap;
use std::sync::Arc;

use super::{Folding, Scripts};
use crate::procedure::DumpScripts;
use crate::triage::{Cause, Failure, RowDetail, Triage};
use crate::ui::scripts_view::ScriptsView;

pub use dialog::{Ask, Dialog, Field, Purpose, given, literal, words as decision_words};
pub use tree::{Filter, Line, Node, Tally, Tree, Which, standing, to_decide};

/// The question whose answer rests on these rows.
pub const UNSAVED: &str = "triage.unsaved";

/// The part of the screen that the arrows move in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// The list.
    #[default]
    List,
    /// What is known of the chosen line.
    Detail,
    /// What the decisions become.
    Edit,
}

/// What the keys that decide apply to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// The chosen row; on the line of a cause, its rows.
    #[default]
    Row,
    /// The rows of the cause; for a row that follows, those of its model that follow from the same cause.
    Cause,
    /// All rows that the filter shows.
    Shown,
    /// All rows of the model, also those that were not refused.
    Model,
}

/// Where a row stands in the snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowPlace {
    /// The dump script of the snapshot.
    pub script: String,
    /// The file with what is known of the models.
    pub models: Option<String>,
    /// The table.
    pub table: String,
    /// The primary key.
    pub key: String,
    /// The row file.
    pub file: String,
    /// The line in it, from 1.
    pub line: u64,
}

/// A row that was looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked {
    /// Where.
    pub place: RowPlace,
    /// What was found: nothing where the snapshot has no such row; or why it cannot be read.
    pub read: Result<Option<RowDetail>, String>,
}

/// What was refused, and how it is looked at. Kept while the screen is closed.
#[derive(Clone, Debug, PartialEq)]
pub struct Triaging {
    /// What was refused, and what is decided.
    pub triage: Arc<Triage>,
    /// The lines of the list.
    pub tree: Tree,
    /// The place of the chosen line.
    pub at: usize,
    /// Lines that are above the list.
    pub top: usize,
    /// The part with the focus.
    pub part: Part,
    /// Rows of the detail that are above its pane.
    pub scroll: usize,
    /// What the deciding keys apply to.
    pub reach: Reach,
    /// Whether the traceback is shown.
    pub traceback: Folding,
    /// Whether the needle of the filter is being typed.
    pub filtering: bool,
    /// The row that was looked up last.
    pub looked: Option<Looked>,
    /// The row that is being looked up.
    pub looking: Option<RowPlace>,
    /// What is asked before a decision is taken.
    pub dialog: Option<Dialog>,
    /// The dump script, and its copy with the decisions.
    pub scripts: Scripts,
    /// Where they are.
    pub paths: Option<DumpScripts>,
    /// How they are shown.
    pub view: ScriptsView,
    /// What is decided, in words, for rows that were shown.
    said: HashMap<usize, String>,
    /// By cause, the models of the rows that follow, for the last cause that was chosen.
    pub kinds: Option<(usize, Vec<(String, usize)>)>,
    /// How many rows the deciding keys touch, and for which line and reach that was counted.
    reached: Option<((Node, Reach), u64)>,
}

impl Triaging {
    /// Takes in what was refused; all causes are folded.
    #[must_use]
    pub fn new(triage: Arc<Triage>) -> Self {
        let mut triaging = Self {
            triage,
            tree: Tree::default(),
            at: 0,
            top: 0,
            part: Part::List,
            scroll: 0,
            reach: Reach::Row,
            traceback: Folding::Folded,
            filtering: false,
            looked: None,
            looking: None,
            dialog: None,
            scripts: Scripts::Missing,
            paths: None,
            view: ScriptsView::default(),
            said: HashMap::new(),
            kinds: None,
            reached: None,
        };
        triaging.tree.renew(&triaging.triage);
        triaging.renew_paths();
        triaging
    }

    /// Takes in a newer triage, and keeps what is chosen and unfolded as far as it is still there.
    pub fn renew(&mut self, triage: Arc<Triage>) {
        let chosen = self.node();
        let old = std::mem::replace(&mut self.triage, triage);
        self.said.clear();
        self.kinds = None;
        self.reached = None;
        let new = Arc::clone(&self.triage);
        let shared = Arc::ptr_eq(&old.causes, &new.causes);
        let same = shared || old.causes == new.causes;
        let translate = |node: Node| if same { Some(node) } else { translated(&old, &new, node) };
        if !same {
            self.tree.refold(translate);
            self.dialog = None;
        }
        if (&old.script, &old.models) != (&new.script, &new.models) {
            self.looked = None;
        }
        if shared {
            self.tree.restand(&new);
        } else {
            self.tree.renew(&new);
        }
        let place = chosen.and_then(translate).and_then(|node| self.tree.place(node));
        self.at = place.unwrap_or(self.at);
        self.clamp();
        self.renew_paths();
    }

    fn renew_paths(&mut self) {
        let paths = self
            .triage
            .copy
            .as_ref()
            .map(|copy| DumpScripts { snapshot: self.triage.script.clone(), simulated: copy.clone() });
        if self.paths != paths {
            self.scripts = if paths.is_some() { Scripts::Reading } else { Scripts::Missing };
            self.view.forget();
            self.paths = paths;
        }
    }

    /// Returns what the chosen line shows.
    #[must_use]
    pub fn node(&self) -> Option<Node> {
        self.tree.lines.get(self.at).map(|line| line.node)
    }

    /// Returns the chosen row, where one is chosen.
    #[must_use]
    pub fn row(&self) -> Option<usize> {
        match self.node()? {
            Node::Row(row) => Some(row),
            Node::Cause(_) => None,
        }
    }

    /// Returns the chosen failure.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        self.triage.causes.failures.get(self.row()?)
    }

    /// Returns the cause of the chosen line, with its place.
    #[must_use]
    pub fn cause(&self) -> Option<(usize, &Cause)> {
        let at = self.tree.lines.get(self.at)?.cause;
        Some((at, self.triage.causes.causes.get(at)?))
    }

    /// Returns the chosen failure; of a cause its first one.
    #[must_use]
    pub fn example(&self) -> Option<&Failure> {
        let first = || self.triage.causes.failures.get(*self.cause()?.1.rows.first()?);
        self.failure().or_else(first)
    }

    /// Returns where the chosen row stands in the snapshot; of a cause its first one.
    #[must_use]
    pub fn place(&self) -> Option<RowPlace> {
        let failure = self.example()?;
        Some(RowPlace {
            script: self.triage.script.clone(),
            models: self.triage.models.clone(),
            table: failure.table.clone(),
            key: failure.key.clone(),
            file: failure.file.clone(),
            line: failure.line,
        })
    }

    /// Returns what was looked up for the chosen row; none while it is not there yet.
    #[must_use]
    pub fn looked(&self) -> Option<&Result<Option<RowDetail>, String>> {
        let place = self.place()?;
        self.looked.as_ref().filter(|looked| looked.place == place).map(|looked| &looked.read)
    }

    /// Returns the chosen row of the snapshot.
    #[must_use]
    pub fn detail(&self) -> Option<&RowDetail> {
        self.looked()?.as_ref().ok()?.as_ref()
    }

    /// Counts the rows that somebody has to decide.
    #[must_use]
    pub fn open(&self) -> usize {
        self.tree.open()
    }

    /// Counts the rows that follow from others.
    #[must_use]
    pub fn following(&self) -> usize {
        self.tree.following()
    }

    /// Tells whether something is shown that is no row.
    #[must_use]
    pub fn is_troubled(&self) -> bool {
        let triage = &self.triage;
        !triage.broken.is_empty() || triage.stopped.is_some() || !triage.unfit.is_empty()
    }
}

/// Finds the same cause or row in another triage.
fn translated(old: &Triage, new: &Triage, node: Node) -> Option<Node> {
    match node {
        Node::Cause(at) => {
            let known = old.causes.causes.get(at)?;
            let same = |cause: &Cause| cause.model == known.model && cause.messages == known.messages;
            new.causes.causes.iter().position(same).map(Node::Cause)
        }
        Node::Row(at) => {
            let known = old.causes.failures.get(at)?;
            let same = |failure: &Failure| failure.table == known.table && failure.key == known.key;
            new.causes.failures.iter().position(same).map(Node::Row)
        }
    }
}
