//! How the lines of a part become rows of the pane: side by side or unified, wrapped or cut, equal lines folded.

use std::ops::Range;

use crate::compare::sides::{Line, Pair, Section, State};
use crate::ui::log_view::Wrap;
use crate::ui::state::Folding;
use crate::ui::text;

/// Equal lines that are shown on each side of a difference.
const AROUND: usize = 2;
/// Characters of a line that are shown at most: a file of one endless line must not stop the screen.
const LONGEST: usize = 4096;

/// Columns of a line: from, to.
pub type Columns = (usize, usize);

/// Which script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// That of the snapshot.
    Old,
    /// The simulated one.
    New,
}

/// Side by side, or one below the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Side by side.
    Sides,
    /// One below the other.
    Unified,
}

impl Mode {
    /// Returns the other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Sides => Self::Unified,
            Self::Unified => Self::Sides,
        }
    }
}

/// A row of the pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The pair of lines that it belongs to.
    pub pair: usize,
    /// What it shows.
    pub cells: Cells,
}

/// What a row shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cells {
    /// The name of the part.
    Heading,
    /// The name of a part that is folded away as a whole, with its lines.
    Closed(usize),
    /// So many lines are folded away.
    Fold(usize),
    /// Both sides; none where that side has nothing in this row.
    Sides(Option<Columns>, Option<Columns>),
    /// One side.
    One(Side, Columns),
}

/// What the rows depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// Columns of the pane.
    pub columns: usize,
    /// Side by side or not.
    pub mode: Mode,
    /// Whether long lines are wrapped.
    pub wrap: Wrap,
    /// Whether equal lines are folded away.
    pub equal: Folding,
    /// Digits of the greatest line number.
    pub digits: usize,
    /// What is searched for; such lines are never folded away.
    pub needle: Option<String>,
    /// Columns that are left of the pane while lines are cut.
    pub left: usize,
}

impl Look {
    /// Returns the columns before the text of a line: mark, number, space.
    #[must_use]
    pub const fn gutter(&self) -> usize {
        self.digits + 2
    }

    /// Returns the columns of the two halves, with their gutters; one column between them is for the line.
    #[must_use]
    pub const fn halves(&self) -> (usize, usize) {
        let rest = self.columns.saturating_sub(1);
        (rest / 2, rest - rest / 2)
    }

    /// Returns the columns for the text of a side.
    #[must_use]
    pub const fn room(&self, side: Side) -> usize {
        let (old, new) = self.halves();
        match (self.mode, side) {
            (Mode::Unified, _) => self.columns.saturating_sub(self.gutter()),
            (Mode::Sides, Side::Old) => old.saturating_sub(self.gutter()),
            (Mode::Sides, Side::New) => new.saturating_sub(self.gutter()),
        }
    }

    /// Tells whether a line has what is searched for.
    #[must_use]
    pub fn wants(&self, line: &str) -> bool {
        self.needle.as_deref().is_some_and(|needle| text::contains(line, needle))
    }
}

/// Returns the pieces of a line as they are shown: harmless, and not endless.
#[must_use]
pub fn shown(line: &Line) -> Vec<(String, bool)> {
    let mut left = LONGEST;
    let mut pieces = Vec::new();
    for (piece, differs) in &line.pieces {
        let clean: String = piece.chars().take(left).filter_map(text::clean_char).collect();
        left = left.saturating_sub(piece.chars().take(left).count());
        pieces.push((clean, *differs));
        if left == 0 {
            pieces.push(("…".to_owned(), *differs));
            break;
        }
    }
    pieces
}

/// Returns the text of a line as it is shown.
#[must_use]
pub fn plain(line: &Line) -> String {
    shown(line).into_iter().map(|(piece, _)| piece).collect()
}

/// Returns the rows of a part that is folded away as a whole, which nobody need align for that.
#[must_use]
pub fn lay_folded(section: &Section, look: &Look) -> Option<Vec<Row>> {
    let whole = matches!(section.state, State::Equal | State::Noise) && look.equal == Folding::Folded;
    let lines = section.old.len().max(section.new.len());
    (whole && look.needle.is_none()).then(|| vec![Row { pair: 0, cells: Cells::Closed(lines) }])
}

/// Returns the rows of a part.
#[must_use]
pub fn lay(section: &Section, pairs: &[Pair], look: &Look) -> Vec<Row> {
    let mut rows = vec![Row { pair: 0, cells: Cells::Heading }];
    // What only one side has needs no room for the other.
    let alone = matches!(section.state, State::Removed | State::Added);
    let look = &Look { mode: if alone { Mode::Unified } else { look.mode }, ..look.clone() };
    let whole = matches!(section.state, State::Equal | State::Noise);
    let found = |pair: &Pair| {
        let wanted = |line: &Option<Line>| line.as_ref().is_some_and(|line| look.wants(&plain(line)));
        look.needle.is_some() && (wanted(&pair.old) || wanted(&pair.new))
    };
    let mut at = 0;
    while at < pairs.len() {
        let hidden = |pair: &Pair| (whole || pair.is_equal()) && !found(pair);
        let run = pairs.iter().skip(at).take_while(|pair| hidden(pair)).count();
        let (head, tail) = if whole {
            (0, 0)
        } else {
            (if at == 0 { 0 } else { AROUND }, if at + run == pairs.len() { 0 } else { AROUND })
        };
        let fold = at + head..(at + run).saturating_sub(tail);
        // A fold of one line would hide nothing but the line.
        if look.equal == Folding::Folded && (fold.len() > 1 || (whole && !fold.is_empty())) {
            lay_pairs(pairs, at..fold.start, look, &mut rows);
            rows.push(Row { pair: fold.start, cells: Cells::Fold(fold.len()) });
            at = fold.end;
            lay_pairs(pairs, at..at + tail, look, &mut rows);
            at += tail;
        } else {
            let end = (at + run.max(1)).min(pairs.len());
            lay_pairs(pairs, at..end, look, &mut rows);
            at = end;
        }
    }
    rows
}

fn lay_pairs(pairs: &[Pair], range: Range<usize>, look: &Look, rows: &mut Vec<Row>) {
    for (at, pair) in pairs.iter().enumerate().take(range.end).skip(range.start) {
        let broken = |line: &Option<Line>, side: Side| {
            line.as_ref().map(|line| pieces(line, look, look.room(side))).unwrap_or_default()
        };
        let (old, new) = (broken(&pair.old, Side::Old), broken(&pair.new, Side::New));
        match look.mode {
            Mode::Sides => {
                let both = |piece: usize| Cells::Sides(old.get(piece).copied(), new.get(piece).copied());
                rows.extend((0..old.len().max(new.len())).map(|piece| Row { pair: at, cells: both(piece) }));
            }
            Mode::Unified => {
                let old = if pair.is_equal() { Vec::new() } else { old };
                let side = |columns: Vec<Columns>, side: Side| {
                    columns.into_iter().map(move |columns| Row { pair: at, cells: Cells::One(side, columns) })
                };
                rows.extend(side(old, Side::Old).chain(side(new, Side::New)));
            }
        }
    }
}

/// Returns where a line is broken: behind a space where one is near, and never inside a wide character.
fn pieces(line: &Line, look: &Look, room: usize) -> Vec<Columns> {
    let room = room.max(2);
    if look.wrap == Wrap::Nothing {
        return vec![(look.left, look.left.saturating_add(room))];
    }
    let (mut pieces, mut start, mut end, mut gap) = (Vec::new(), 0, 0, 0);
    for c in plain(line).chars() {
        let width = text::char_width(c);
        if end + width > start + room && c == ' ' {
            // A space at the edge is left out: no row begins with it.
            pieces.push((start, end));
            end += width;
            (start, gap) = (end, end);
            continue;
        }
        if end + width > start + room {
            let to = if gap > start + room / 4 { gap } else { end };
            pieces.push((start, to));
            start = to;
        }
        end += width;
        if c == ' ' {
            gap = end;
        }
    }
    pieces.push((start, end));
    pieces
}
