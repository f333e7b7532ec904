//! What of the dump scripts is on the screen: parts that are laid out when they come into view, scrolling, searching.
//! Pure; reading the scripts is `scripts_reader`'s.

mod aligned;
mod rows;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::compare::sides::{Line, Pair};
use crate::ui::log_view::Wrap;
use crate::ui::reader::Way;
use crate::ui::state::Folding;
use crate::ui::text;

pub use aligned::Aligned;
pub use rows::{Cells, Columns, Look, Mode, Row, Side, plain, shown};

/// Below so many columns the scripts stand one below the other, unless the operator says otherwise.
const NARROW: usize = 70;
/// Parts that are kept laid out.
const KEPT: usize = 64;
/// Rows that one step can go at most; bounds the work of a single key.
const MOST_ROWS: usize = 4096;

/// A place in the scripts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The part.
    pub section: usize,
    /// The row in it.
    pub row: usize,
}

/// State of the scripts' pane.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScriptsView {
    /// What the first row shows.
    pub place: Place,
    /// Side by side or not, when the operator said so.
    pub mode: Option<Mode>,
    /// Whether long lines are wrapped.
    pub wrap: Wrap,
    /// Whether equal lines are folded away.
    pub equal: Folding,
    /// Columns that are left of the pane while lines are cut.
    pub left: usize,
    /// Size of the pane: columns, rows.
    pub size: (usize, usize),
    /// What is searched for.
    pub needle: Option<String>,
    /// Where the search stands: part and pair of lines.
    pub found: Option<(usize, usize)>,
    /// What the rows at hand were laid out for.
    look: Option<Look>,
    pairs: BTreeMap<usize, Arc<Vec<Pair>>>,
    laid: BTreeMap<usize, Vec<Row>>,
}

impl ScriptsView {
    /// Forgets all that belongs to other scripts.
    pub fn forget(&mut self) {
        self.place = Place::default();
        self.found = None;
        self.look = None;
        self.pairs.clear();
        self.laid.clear();
    }

    /// Tells how the scripts stand now.
    #[must_use]
    pub const fn shown_mode(&self) -> Mode {
        match self.mode {
            Some(mode) => mode,
            None if self.size.0 < NARROW => Mode::Unified,
            None => Mode::Sides,
        }
    }

    /// Returns what the rows are laid out for, once they are.
    #[must_use]
    pub const fn look(&self) -> Option<&Look> {
        self.look.as_ref()
    }

    /// Returns the lines of a pair that is at hand.
    #[must_use]
    pub fn pair(&self, section: usize, pair: usize) -> Option<&Pair> {
        self.pairs.get(&section)?.get(pair)
    }

    /// Returns what the rows of the pane show: part and row.
    #[must_use]
    pub fn visible(&self) -> Vec<(usize, Row)> {
        let mut visible = Vec::new();
        let Place { mut section, row } = self.place;
        let mut skip = row;
        while visible.len() < self.size.1 {
            let Some(rows) = self.laid.get(&section) else { break };
            visible.extend(rows.iter().skip(skip).map(|row| (section, *row)));
            skip = 0;
            section += 1;
        }
        visible.truncate(self.size.1);
        visible
    }

    /// Shows a part from its beginning.
    pub fn go_to(&mut self, section: usize) {
        self.place = Place { section, row: 0 };
        self.left = 0;
    }

    /// Lays out what is visible, and keeps the pane inside the scripts.
    pub fn settle(&mut self, aligned: &Aligned) {
        let look = Look {
            columns: self.size.0,
            mode: self.shown_mode(),
            wrap: self.wrap,
            equal: self.equal,
            digits: aligned.longest().to_string().len().max(3),
            needle: self.needle.clone().filter(|needle| !needle.is_empty()),
            left: self.left,
        };
        if self.look.as_ref() != Some(&look) {
            let pair = self.laid.get(&self.place.section).and_then(|rows| rows.get(self.place.row)).map(|row| row.pair);
            self.look = Some(look);
            self.laid.clear();
            if let Some(pair) = pair.filter(|_| self.place.row > 0) {
                self.place.row = self.row_of(aligned, self.place.section, pair);
            }
        }
        self.clamp(aligned);
        let visible = self.place.section..=self.visible().last().map_or(self.place.section, |(section, _)| *section);
        if self.laid.len() > KEPT {
            self.laid.retain(|section, _| visible.contains(section));
            self.pairs.retain(|section, _| visible.contains(section));
        }
    }

    /// Keeps the pane inside the scripts: the last row stands at the bottom at most.
    fn clamp(&mut self, aligned: &Aligned) {
        let last = aligned.sections().len().saturating_sub(1);
        self.place.section = self.place.section.min(last);
        self.place.row = self.place.row.min(self.height(aligned, self.place.section).saturating_sub(1));
        let (mut rows, mut section) = (0, self.place.section);
        while section <= last && rows < self.size.1.saturating_add(self.place.row) {
            rows += self.height(aligned, section);
            section += 1;
        }
        let missing = self.size.1.saturating_add(self.place.row).saturating_sub(rows);
        self.step_up(aligned, missing);
    }

    /// Lays out a part, if it is not at hand, and returns its rows.
    fn lay(&mut self, aligned: &Aligned, at: usize) -> &[Row] {
        if let (false, Some(section), Some(look)) =
            (self.laid.contains_key(&at), aligned.sections().get(at), self.look.as_ref())
        {
            let rows = rows::lay_folded(section, look).unwrap_or_else(|| {
                let pairs = self.pairs.entry(at).or_insert_with(|| Arc::new(aligned.pairs(at)));
                rows::lay(section, pairs, look)
            });
            self.laid.insert(at, rows);
        }
        self.laid.get(&at).map_or(&[], Vec::as_slice)
    }

    fn height(&mut self, aligned: &Aligned, section: usize) -> usize {
        self.lay(aligned, section).len()
    }

    fn row_of(&mut self, aligned: &Aligned, section: usize, pair: usize) -> usize {
        let rows = self.lay(aligned, section);
        let heading = |row: &&Row| !matches!(row.cells, Cells::Heading | Cells::Closed(_));
        let before = rows.iter().filter(heading).take_while(|row| row.pair < pair).count();
        // The row of the pair itself, or the fold that hides it; row 0 is the heading.
        match rows.get(before + 1) {
            Some(row) if row.pair == pair => before + 1,
            _ => before,
        }
    }

    fn step_up(&mut self, aligned: &Aligned, rows: usize) {
        for _ in 0..rows.min(MOST_ROWS) {
            if self.place.row > 0 {
                self.place.row -= 1;
            } else if self.place.section > 0 {
                self.place.section -= 1;
                self.place.row = self.height(aligned, self.place.section).saturating_sub(1);
            } else {
                break;
            }
        }
    }

    /// Scrolls up.
    pub fn up(&mut self, aligned: &Aligned, rows: usize) {
        self.step_up(aligned, rows);
    }

    /// Scrolls down.
    pub fn down(&mut self, aligned: &Aligned, rows: usize) {
        for _ in 0..rows.min(MOST_ROWS) {
            if self.place.row + 1 < self.height(aligned, self.place.section) {
                self.place.row += 1;
            } else if self.place.section + 1 < aligned.sections().len() {
                self.place = Place { section: self.place.section + 1, row: 0 };
            } else {
                break;
            }
        }
        self.clamp(aligned);
    }

    /// Goes to the end.
    pub fn last(&mut self, aligned: &Aligned) {
        let section = aligned.sections().len().saturating_sub(1);
        let row = self.height(aligned, section).saturating_sub(1);
        self.place = Place { section, row };
        self.clamp(aligned);
    }

    /// Moves sideways.
    pub fn sideways(&mut self, columns: isize) {
        if self.wrap == Wrap::Nothing {
            self.left = self.left.saturating_add_signed(columns).min(1 << 16);
        }
    }

    /// Goes to the next line that has the needle, or to the one before; tells whether there is one.
    pub fn find(&mut self, aligned: &Aligned, way: Way, from: Option<(usize, usize)>) -> bool {
        let Some(needle) = self.needle.clone().filter(|needle| !needle.is_empty()) else {
            self.found = None;
            return false;
        };
        let count = aligned.sections().len();
        let first = from.map_or(self.place.section, |(section, _)| section).min(count.saturating_sub(1));
        let wanted = aligned::Needle::new(&needle);
        let has = |line: &Option<Line>| line.as_ref().is_some_and(|line| text::contains(&plain(line), &needle));
        // Once around: the part where it begins is looked at again in the end, for what lies before the beginning.
        for step in 0..=count {
            let section = match way {
                Way::Down => (first + step) % count.max(1),
                Way::Up => (first + count - step) % count.max(1),
            };
            if !aligned.has(section, &wanted) {
                continue;
            }
            let pairs = self.pairs.entry(section).or_insert_with(|| Arc::new(aligned.pairs(section)));
            let beyond = |pair: usize| match (from.filter(|_| step == 0), way) {
                (Some((_, at)), Way::Down) => pair > at,
                (Some((_, at)), Way::Up) => pair < at,
                (None, _) => true,
            };
            let mut matching = pairs.iter().enumerate().filter(|(_, pair)| has(&pair.old) || has(&pair.new));
            let found = match way {
                Way::Down => matching.find(|(at, _)| beyond(*at)),
                Way::Up => matching.rfind(|(at, _)| beyond(*at)),
            };
            if let Some((pair, _)) = found {
                self.found = Some((section, pair));
                // What is folded depends on the needle.
                self.settle(aligned);
                let row = self.row_of(aligned, section, pair);
                self.place = Place { section, row };
                self.step_up(aligned, self.size.1 / 3);
                return true;
            }
        }
        self.found = None;
        false
    }
}
