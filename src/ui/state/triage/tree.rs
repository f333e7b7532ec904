//! The lines of the triage list: causes, their rows, and below each row those that follow from it. It is an index that
//! is made when something of it changes; a frame only looks at the lines that it shows, however many there are.

use std::collections::HashSet;

use super::Folding;
use crate::triage::{Standing, Triage};
use crate::ui::text;

/// What a line shows. Every refused row stands in one place only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Node {
    /// A cause, by its place in the list of causes.
    Cause(usize),
    /// A refused row, by its place in the list of failures.
    Row(usize),
}

/// A line of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it shows.
    pub node: Node,
    /// The cause that it belongs to.
    pub cause: usize,
    /// How many rows stand above it that it follows from.
    pub depth: usize,
}

/// Which rows are shown by how they stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Which {
    /// All.
    #[default]
    All,
    /// Those that somebody has still to decide; what only follows from them needs no word of its own.
    Undecided,
    /// Those that are decided, or follow from one that is.
    Decided,
}

/// What rows have to be like to be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Text in the key, the name, the messages or the model. A capital letter makes case matter.
    pub needle: String,
    /// How they stand.
    pub which: Which,
}

impl Filter {
    /// Tells whether it lets everything through.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.needle.is_empty() && matches!(self.which, Which::All)
    }
}

/// How the rows of a cause stand, those that follow included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Rows that somebody has to decide: those that follow from such a row do not count.
    pub open: usize,
    /// Of these the ones that the developer is asked about.
    pub asked: usize,
    /// Rows that will not be loaded.
    pub left_out: usize,
    /// Rows that the filter lets through.
    pub shown: usize,
    /// Of these the rows of the cause itself.
    pub own: usize,
}

/// The index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// The lines, as they are folded now.
    pub lines: Vec<Line>,
    /// By cause.
    pub tallies: Vec<Tally>,
    /// Rows that were refused; that follow from others; that the filter shows; that somebody has to decide. A row that
    /// was refused for two reasons counts once.
    pub rows: [usize; 4],
    /// By failure, how many rows follow from it over all levels.
    follow: Vec<usize>,
    /// By failure, its cause.
    roots: Vec<usize>,
    /// By failure, whether the filter lets it through.
    passes: Vec<bool>,
    filter: Filter,
    /// How nodes are folded that are no exception.
    folding: Folding,
    exceptions: HashSet<Node>,
    /// How often the lines were laid out.
    #[cfg(test)]
    pub laid: usize,
}

impl Tree {
    /// Makes the index anew for what was refused and how it stands now. Lines are folded as they were.
    pub fn renew(&mut self, triage: &Triage) {
        let causes = &triage.causes;
        let count = causes.failures.len();
        self.follow = vec![0; count];
        self.roots = vec![usize::MAX; count];
        for (at, cause) in causes.causes.iter().enumerate() {
            for &row in &cause.rows {
                let below = causes.all_followers(row);
                for member in below.iter().copied().chain([row]) {
                    self.roots.get_mut(member).into_iter().for_each(|root| *root = at);
                }
                // The farthest come last: counted from there, each adds itself and all below it to its leader.
                for &member in below.iter().rev() {
                    let own = self.follow.get(member).copied().unwrap_or_default() + 1;
                    let leader = causes.leader(member).and_then(|leader| self.follow.get_mut(leader));
                    if let Some(follow) = leader {
                        *follow += own;
                    }
                }
            }
        }
        self.rows = [causes.rows(), causes.following(), 0, 0];
        self.restand(triage);
    }

    /// Takes in how the rows stand now, where they are the same.
    pub fn restand(&mut self, triage: &Triage) {
        self.pass(triage, 0..triage.causes.failures.len());
        self.build(triage);
    }

    /// Shows what another filter lets through.
    pub fn filter(&mut self, triage: &Triage, filter: Filter) {
        // A longer needle only takes rows away.
        let narrower = filter.which == self.filter.which
            && !self.filter.needle.is_empty()
            && filter.needle.starts_with(&self.filter.needle)
            && text::case_sensitive(&filter.needle) == text::case_sensitive(&self.filter.needle);
        self.filter = filter;
        let rows: Vec<usize> = (0..self.passes.len()).filter(|&row| !narrower || self.passes(row)).collect();
        self.pass(triage, rows);
        if !self.filter.needle.is_empty() {
            self.fold_all(Folding::Unfolded);
        }
        self.build(triage);
    }

    /// Returns the filter.
    #[must_use]
    pub const fn filtered(&self) -> &Filter {
        &self.filter
    }

    fn pass(&mut self, triage: &Triage, rows: impl IntoIterator<Item = usize>) {
        self.passes.resize(triage.causes.failures.len(), false);
        for row in rows {
            let passes = self.lets_through(triage, row);
            self.passes.get_mut(row).into_iter().for_each(|known| *known = passes);
        }
    }

    fn lets_through(&self, triage: &Triage, row: usize) -> bool {
        let stands = match self.filter.which {
            Which::All => true,
            Which::Undecided => to_decide(triage, row),
            Which::Decided => !is_open(triage, row),
        };
        let needle = &self.filter.needle;
        if !stands || needle.is_empty() {
            return stands;
        }
        let Some(failure) = triage.causes.failures.get(row) else { return false };
        let has = |line: &str| text::contains(line, needle);
        has(&failure.key)
            || has(failure.model_or_table())
            || failure.object.as_deref().is_some_and(has)
            || failure.messages.iter().any(|(field, texts)| has(field) || texts.iter().any(|text| has(text)))
    }

    /// Counts by cause, and lays the lines out.
    fn build(&mut self, triage: &Triage) {
        let causes = &triage.causes;
        let mut tallies = vec![Tally::default(); causes.causes.len()];
        for row in 0..causes.failures.len() {
            let Some(tally) = self.roots.get(row).and_then(|&cause| tallies.get_mut(cause)) else { continue };
            if to_decide(triage, row) {
                tally.open += 1;
                tally.asked += usize::from(standing(triage, row) == Standing::Asked);
            }
            tally.left_out += usize::from(standing(triage, row) == Standing::LeftOut);
            tally.shown += usize::from(self.passes(row));
            tally.own += usize::from(self.passes(row) && causes.leader(row).is_none());
        }
        self.tallies = tallies;
        let [all, following, ..] = self.rows;
        let shown = causes.count((0..causes.failures.len()).filter(|&row| self.passes(row)));
        let open = causes.count((0..causes.failures.len()).filter(|&row| to_decide(triage, row)));
        self.rows = [all, following, shown, open];
        self.lay(triage);
    }

    fn lay(&mut self, triage: &Triage) {
        #[cfg(test)]
        {
            self.laid += 1;
        }
        let mut lines = std::mem::take(&mut self.lines);
        lines.clear();
        for cause in 0..triage.causes.causes.len() {
            if self.tallies.get(cause).is_none_or(|tally| tally.shown == 0) {
                continue;
            }
            lines.push(Line { node: Node::Cause(cause), cause, depth: 0 });
            if self.is_open(Node::Cause(cause)) {
                lines.extend(self.walk(triage, cause, Descend::Unfolded));
            }
        }
        self.lines = lines;
    }

    /// Goes through the rows of a cause that the filter lets through, each before those that follow from it.
    fn walk<'a>(&'a self, triage: &'a Triage, cause: usize, descend: Descend) -> impl Iterator<Item = Line> + use<'a> {
        let causes = &triage.causes;
        let rows = causes.causes.get(cause).map_or(&[][..], |cause| &cause.rows);
        let mut stack: Vec<(std::slice::Iter<'a, usize>, usize)> = vec![(rows.iter(), 0)];
        std::iter::from_fn(move || {
            while let Some((rows, depth)) = stack.last_mut() {
                let depth = *depth;
                let Some(&row) = rows.next() else {
                    stack.pop();
                    continue;
                };
                let passes = self.passes(row);
                let followers = causes.followers(row);
                let open = !passes || descend == Descend::Everywhere || self.is_open(Node::Row(row));
                if open && !followers.is_empty() {
                    stack.push((followers.iter(), depth + usize::from(passes)));
                }
                if passes {
                    return Some(Line { node: Node::Row(row), cause, depth });
                }
            }
            None
        })
    }

    /// Returns the rows that the filter lets through, in the order of the list, folded or not.
    pub fn rows<'a>(&'a self, triage: &'a Triage) -> impl Iterator<Item = Line> + use<'a> {
        (0..self.tallies.len()).flat_map(move |cause| self.rows_of(triage, cause))
    }

    /// Returns the rows of a cause that the filter lets through, those that follow included.
    pub fn rows_of<'a>(&'a self, triage: &'a Triage, cause: usize) -> impl Iterator<Item = Line> + use<'a> {
        self.walk(triage, cause, Descend::Everywhere)
    }

    /// Tells whether the filter lets a row through.
    #[must_use]
    pub fn passes(&self, row: usize) -> bool {
        self.passes.get(row).copied().unwrap_or(false)
    }

    /// Returns how many rows follow from one, over all levels.
    #[must_use]
    pub fn follow(&self, row: usize) -> usize {
        self.follow.get(row).copied().unwrap_or_default()
    }

    /// Counts the rows that follow from others.
    #[must_use]
    pub const fn following(&self) -> usize {
        self.rows[1]
    }

    /// Counts the rows that somebody has to decide.
    #[must_use]
    pub const fn open(&self) -> usize {
        self.rows[3]
    }

    /// Returns the cause of a row.
    #[must_use]
    pub fn root(&self, row: usize) -> Option<usize> {
        self.roots.get(row).copied().filter(|root| *root != usize::MAX)
    }

    /// Tells whether what belongs to a line is shown.
    #[must_use]
    pub fn is_open(&self, node: Node) -> bool {
        (self.folding == Folding::Unfolded) != self.exceptions.contains(&node)
    }

    /// Tells whether something belongs to a line that can be folded away.
    #[must_use]
    pub fn has_more(triage: &Triage, node: Node) -> bool {
        match node {
            Node::Cause(_) => true,
            Node::Row(row) => !triage.causes.followers(row).is_empty(),
        }
    }

    /// Folds or unfolds a line.
    pub fn fold(&mut self, triage: &Triage, node: Node, folding: Folding) {
        if self.is_open(node) != (folding == Folding::Unfolded) {
            if !self.exceptions.remove(&node) {
                self.exceptions.insert(node);
            }
            self.lay(triage);
        }
    }

    /// Folds or unfolds all lines.
    fn fold_all(&mut self, folding: Folding) {
        self.folding = folding;
        self.exceptions.clear();
    }

    /// Folds or unfolds all lines, and shows that.
    pub fn lay_all(&mut self, triage: &Triage, folding: Folding) {
        self.fold_all(folding);
        self.lay(triage);
    }

    /// Unfolds what a row stands below.
    pub fn reveal(&mut self, triage: &Triage, row: usize) {
        let mut above: Vec<Node> = self.root(row).map(Node::Cause).into_iter().collect();
        let mut leader = triage.causes.leader(row);
        while let Some(row) = leader {
            above.push(Node::Row(row));
            leader = triage.causes.leader(row);
        }
        let folded: Vec<Node> = above.into_iter().filter(|node| !self.is_open(*node)).collect();
        for node in &folded {
            if !self.exceptions.remove(node) {
                self.exceptions.insert(*node);
            }
        }
        if !folded.is_empty() {
            self.lay(triage);
        }
    }

    /// Takes the folding of another list over, whose causes and rows are called otherwise here.
    pub fn refold(&mut self, translate: impl Fn(Node) -> Option<Node>) {
        /// More are not looked up: each costs a look at all rows.
        const MOST: usize = 64;
        let known = std::mem::take(&mut self.exceptions);
        if known.len() <= MOST {
            self.exceptions = known.into_iter().filter_map(translate).collect();
        }
    }

    /// Returns the place of a line.
    #[must_use]
    pub fn place(&self, node: Node) -> Option<usize> {
        self.lines.iter().position(|line| line.node == node)
    }
}

/// How far to go down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Descend {
    /// Where lines are unfolded.
    Unfolded,
    /// Everywhere.
    Everywhere,
}

/// Returns how a row stands.
#[must_use]
pub fn standing(triage: &Triage, row: usize) -> Standing {
    triage.standings.get(row).copied().unwrap_or(Standing::Undecided)
}

/// Tells whether a row is open.
#[must_use]
pub fn is_open(triage: &Triage, row: usize) -> bool {
    standing(triage, row).is_open()
}

/// Tells whether somebody has to decide this very row: it is open, and does not follow from another that is.
#[must_use]
pub fn to_decide(triage: &Triage, row: usize) -> bool {
    is_open(triage, row) && triage.causes.leader(row).is_none_or(|leader| !is_open(triage, leader))
}
