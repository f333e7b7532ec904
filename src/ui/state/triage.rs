//! The triage as its screen shows it: what was refused, the list that is made from it, and what is chosen in it.

mod dialog;
mod reach;
mod tree;

use std::collections::HashMap;
use std::sync::Arc;

use super::{Folding, Scripts};
use crate::procedure::DumpScripts;
use crate::triage::{Cause, Choice, Failure, RowDetail, Standing, Triage, saying};
use crate::ui::scripts_view::ScriptsView;
use crate::ui::text;

pub use dialog::{Ask, Dialog, Field, Purpose, given, literal, words as decision_words};
pub use tree::{Filter, Line, Node, Tally, Tree, Which, standing, to_decide};

/// Characters of a message that are shown.
const LONGEST: usize = 2_000;

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
        let same = old.causes == new.causes;
        let translate = |node: Node| if same { Some(node) } else { translated(&old, &new, node) };
        if !same {
            self.tree.refold(translate);
            self.dialog = None;
        }
        if (&old.script, &old.models) != (&new.script, &new.models) {
            self.looked = None;
        }
        self.tree.renew(&new);
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

    fn clamp(&mut self) {
        self.at = self.at.min(self.tree.lines.len().saturating_sub(1));
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

    /// Chooses a line by its place.
    pub fn choose(&mut self, at: usize) {
        let before = self.at;
        self.at = at;
        self.clamp();
        if self.at != before {
            self.scroll = 0;
            if matches!(self.reach, Reach::Model) {
                self.reach = Reach::Row;
            }
        }
    }

    /// Shows what a filter lets through, and keeps the chosen line where it does.
    pub fn filter(&mut self, filter: Filter) {
        let chosen = self.node();
        let triage = Arc::clone(&self.triage);
        self.tree.filter(&triage, filter);
        self.reached = None;
        let place = chosen.and_then(|node| self.tree.place(node)).unwrap_or_default();
        self.choose(place);
    }

    /// Folds or unfolds the chosen line; a line that has nothing to fold leads to the one above it.
    pub fn fold(&mut self, folding: Folding) {
        let Some(node) = self.node() else { return };
        let triage = Arc::clone(&self.triage);
        let open = self.tree.is_open(node) && Tree::has_more(&triage, node);
        if folding == Folding::Folded && !open {
            let depth = self.tree.lines.get(self.at).map_or(0, |line| line.depth);
            let above = |line: &Line| matches!(line.node, Node::Cause(_)) || line.depth < depth;
            let place = self.tree.lines.get(..self.at).and_then(|lines| lines.iter().rposition(above));
            if let (Some(place), Node::Row(_)) = (place, node) {
                self.choose(place);
            }
        } else if Tree::has_more(&triage, node) {
            self.tree.fold(&triage, node, folding);
            self.clamp();
        }
    }

    /// Folds or unfolds everything.
    pub fn fold_all(&mut self, folding: Folding) {
        let cause = self.cause().map(|(cause, _)| Node::Cause(cause));
        let chosen = self.node();
        let triage = Arc::clone(&self.triage);
        self.tree.lay_all(&triage, folding);
        let place = chosen.and_then(|node| self.tree.place(node));
        let place = place.or_else(|| cause.and_then(|node| self.tree.place(node)));
        self.choose(place.unwrap_or_default());
    }

    /// Goes to the next row that somebody has to decide, or to the one before; tells whether there is one.
    pub fn next_open(&mut self, forward: bool) -> bool {
        let triage = Arc::clone(&self.triage);
        let open: Vec<usize> = self
            .tree
            .rows(&triage)
            .filter_map(|line| match line.node {
                Node::Row(row) if to_decide(&triage, row) => Some(row),
                _ => None,
            })
            .collect();
        let places: HashMap<usize, usize> = self
            .tree
            .rows(&triage)
            .enumerate()
            .filter_map(|(place, line)| match line.node {
                Node::Row(row) => Some((row, place)),
                Node::Cause(_) => None,
            })
            .collect();
        let place = |row: &usize| places.get(row).copied().unwrap_or_default();
        let here = match self.node() {
            Some(Node::Row(row)) => Some(place(&row)),
            Some(Node::Cause(cause)) => self.tree.rows_of(&triage, cause).next().and_then(|line| match line.node {
                Node::Row(row) => place(&row).checked_sub(1),
                Node::Cause(_) => None,
            }),
            None => None,
        };
        let next = if forward {
            open.iter().find(|row| here.is_none_or(|here| place(row) > here)).or_else(|| open.first())
        } else {
            open.iter().rfind(|row| here.is_some_and(|here| place(row) < here)).or_else(|| open.last())
        };
        let Some(&row) = next else { return false };
        self.tree.reveal(&triage, row);
        if let Some(at) = self.tree.place(Node::Row(row)) {
            self.choose(at);
        }
        true
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
        self.tree.rows[3]
    }

    /// Counts the rows that follow from others.
    #[must_use]
    pub fn following(&self) -> usize {
        self.tree.rows[1]
    }

    /// Tells whether something is shown that is no row.
    #[must_use]
    pub fn is_troubled(&self) -> bool {
        let triage = &self.triage;
        !triage.broken.is_empty() || triage.stopped.is_some() || !triage.unfit.is_empty()
    }

    /// Finds the words for rows that are shown now. Looking through all decisions of a row takes its time.
    pub fn say(&mut self, lines: std::ops::Range<usize>) {
        /// More are not kept.
        const KEPT: usize = 4096;
        if self.said.len() > KEPT {
            self.said.clear();
        }
        let Self { triage, tree, said, .. } = self;
        for line in tree.lines.get(lines).unwrap_or_default() {
            if let Node::Row(row) = line.node {
                said.entry(row).or_insert_with(|| decided(triage, row));
            }
        }
    }

    /// Counts the rows whose words were looked for since something changed.
    #[cfg(test)]
    pub fn looked_at(&self) -> usize {
        self.said.len()
    }

    /// Returns what is decided for a row, in words.
    #[must_use]
    pub fn said(&self, row: usize) -> String {
        self.said.get(&row).cloned().unwrap_or_else(|| decided(&self.triage, row))
    }

    /// Returns the messages of a cause for an operator: the field, and what is said of it.
    #[must_use]
    pub fn messages(&self, cause: &Cause) -> Vec<(String, String)> {
        let first = cause.rows.first().and_then(|row| self.triage.causes.failures.get(*row));
        let said = |text: &str| {
            let text = text::head_of(text, LONGEST);
            first.map_or_else(|| text.clone(), |failure| saying(failure, &text))
        };
        cause.messages.iter().map(|(field, text)| (field.clone(), said(text))).collect()
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

/// Says what is decided for a row.
fn decided(triage: &Triage, row: usize) -> String {
    let Some(failure) = triage.causes.failures.get(row) else { return String::new() };
    let leader = triage.causes.leader(row);
    let of_row = || triage.decisions.of_row(failure);
    let words = || {
        let said: Vec<String> = of_row().into_iter().map(|decision| dialog::words(&decision.choice)).collect();
        said.into_iter().filter(|words| !words.is_empty()).collect::<Vec<_>>().join(", ")
    };
    match standing(triage, row) {
        Standing::Undecided if of_row().iter().any(|decision| decision.choice == Choice::Undecided) => {
            "kept undecided".to_owned()
        }
        Standing::Undecided => match leader {
            Some(leader) if tree::is_open(triage, leader) => "follows".to_owned(),
            Some(_) => "undecided: what it follows from is left out".to_owned(),
            None => {
                let so_far = words();
                if so_far.is_empty() { "undecided".to_owned() } else { format!("undecided; so far {so_far}") }
            }
        },
        Standing::Asked => {
            let note = of_row().into_iter().rev().find_map(|decision| match &decision.choice {
                Choice::Ask(note) => Some(note.clone()),
                _ => None,
            });
            format!("asked: {}", text::head_of(&note.unwrap_or_default(), LONGEST))
        }
        Standing::Follows => "loads with it".to_owned(),
        Standing::LeftOut => "left out".to_owned(),
        Standing::Changed => words(),
    }
}
