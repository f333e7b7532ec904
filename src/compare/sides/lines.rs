//! Lines of a section beside each other: equal ones first, then those that are alike.

use std::ops::Range;
use std::time::Duration;

use similar::{Algorithm, DiffTag, TextDiff};

use super::text::Text;
use super::words::{self, Marks, Words};
use super::{Block, Line, Pair};

/// How long the lines of one section may be searched for the best alignment; afterwards the rest stands as replaced.
const PATIENCE: Duration = Duration::from_millis(200);
/// In larger blocks of changed lines (old times new) nobody looks which lines are most alike.
const BLOCK: usize = 400;

type Part<'a> = (&'a Text, &'a Range<usize>);

pub(super) fn blocks(old: Part<'_>, new: Part<'_>) -> Vec<Block> {
    let (mine, theirs) = (lines(old), lines(new));
    let same = |(one, other): &(&&str, &&str)| one == other;
    let prefix = mine.iter().zip(&theirs).take_while(same).count();
    let rest = mine.len().min(theirs.len()) - prefix;
    let suffix = mine.iter().rev().zip(theirs.iter().rev()).take(rest).take_while(same).count();
    let mut rows =
        Rows { old: (old.1.start, &mine), new: (new.1.start, &theirs), marks: Marks::default(), found: Vec::new() };
    rows.equal(0..prefix, 0);
    let (old_end, new_end) = (mine.len() - suffix, theirs.len() - suffix);
    rows.changed(prefix..old_end, prefix..new_end);
    rows.equal(old_end..mine.len(), new_end);
    rows.found
}

fn lines((text, range): Part<'_>) -> Vec<&str> {
    range.clone().map(|at| text.line(at)).collect()
}

struct Rows<'a> {
    /// Number of the first line, from 0, and the lines.
    old: (usize, &'a [&'a str]),
    new: (usize, &'a [&'a str]),
    marks: Marks,
    found: Vec<Block>,
}

impl Rows<'_> {
    fn equal(&mut self, old: Range<usize>, new: usize) {
        let moved = old.start + self.old.0..old.end + self.old.0;
        match self.found.last_mut() {
            _ if old.is_empty() => {}
            // What is equal at the beginning of the section goes on.
            Some(Block::Equal(last, _)) => last.end = moved.end,
            _ => self.found.push(Block::Equal(moved, new + self.new.0)),
        }
    }

    /// Aligns lines that are not all equal.
    fn changed(&mut self, old: Range<usize>, new: Range<usize>) {
        if old.is_empty() || new.is_empty() {
            return self.replaced(old, new);
        }
        let (mine, theirs) =
            (self.old.1.get(old.clone()).unwrap_or_default(), self.new.1.get(new.clone()).unwrap_or_default());
        let diff = TextDiff::configure().algorithm(Algorithm::Myers).timeout(PATIENCE).diff_slices(mine, theirs);
        let moved = |range: Range<usize>, by: usize| range.start + by..range.end + by;
        let mut open = (old.start..old.start, new.start..new.start);
        for op in diff.ops() {
            let (tag, from, to) = op.as_tag_tuple();
            let (from, to) = (moved(from, old.start), moved(to, new.start));
            if tag == DiffTag::Equal {
                self.replaced(open.0, open.1);
                self.equal(from.clone(), to.start);
                open = (from.end..from.end, to.end..to.end);
            } else {
                open = (open.0.start..open.0.end.max(from.end), open.1.start..open.1.end.max(to.end));
            }
        }
        self.replaced(open.0, open.1);
    }

    /// Puts lines beside each other that have no equal one there.
    fn replaced(&mut self, old: Range<usize>, new: Range<usize>) {
        let (mut at, mut there) = (old.start, new.start);
        for (one, other) in self.alike(&old, &new) {
            self.alone(at..one, there..other);
            self.pair(one, other);
            (at, there) = (one + 1, other + 1);
        }
        self.alone(at..old.end, there..new.end);
    }

    /// Finds the lines that are most alike, in order.
    fn alike(&self, old: &Range<usize>, new: &Range<usize>) -> Vec<(usize, usize)> {
        if old.len() == 1 && new.len() == 1 {
            return vec![(old.start, new.start)];
        }
        let (mine, theirs) =
            (self.old.1.get(old.clone()).unwrap_or_default(), self.new.1.get(new.clone()).unwrap_or_default());
        let short = mine.iter().chain(theirs).all(|line| line.len() <= words::LONGEST);
        if mine.len().saturating_mul(theirs.len()) > BLOCK || !short {
            return Vec::new();
        }
        let (mine, theirs): (Vec<Words<'_>>, Vec<Words<'_>>) =
            (mine.iter().map(|line| Words::new(line)).collect(), theirs.iter().map(|line| Words::new(line)).collect());
        let pairs = best(&mine, &theirs);
        pairs.into_iter().map(|(one, other)| (old.start + one, new.start + other)).collect()
    }

    fn pair(&mut self, one: usize, other: usize) {
        let (old, new) =
            (self.old.1.get(one).copied().unwrap_or_default(), self.new.1.get(other).copied().unwrap_or_default());
        let (mine, theirs) = self.marks.of(old, new);
        let old = Line { number: self.old.0 + one + 1, pieces: mine };
        let new = Line { number: self.new.0 + other + 1, pieces: theirs };
        self.found.push(Block::Differs(Pair { old: Some(old), new: Some(new) }));
    }

    fn alone(&mut self, old: Range<usize>, new: Range<usize>) {
        let line = |(first, lines): (usize, &[&str]), at: usize| {
            let text = lines.get(at).copied().unwrap_or_default();
            Line { number: first + at + 1, pieces: vec![(text.to_owned(), true)] }
        };
        let gone = old.map(|at| Pair { old: Some(line(self.old, at)), new: None });
        let came = new.map(|at| Pair { old: None, new: Some(line(self.new, at)) });
        self.found.extend(gone.chain(came).map(Block::Differs));
    }
}

/// Pairs lines in order so that they are most alike in sum; those that are not alike stay alone.
fn best(old: &[Words<'_>], new: &[Words<'_>]) -> Vec<(usize, usize)> {
    // sums[i][j]: the best of the lines from i and j on.
    let mut likeness = vec![vec![0_usize; new.len()]; old.len()];
    let mut sums = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for (i, one) in old.iter().enumerate().rev() {
        for (j, other) in new.iter().enumerate().rev() {
            let alike = one.likeness(other);
            let both = if alike >= words::ALIKE { alike + cell(&sums, i + 1, j + 1) } else { 0 };
            let sum = both.max(cell(&sums, i + 1, j)).max(cell(&sums, i, j + 1));
            set(&mut likeness, i, j, alike);
            set(&mut sums, i, j, sum);
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut pairs = Vec::new();
    while i < old.len() && j < new.len() {
        let alike = cell(&likeness, i, j);
        let sum = cell(&sums, i, j);
        if alike >= words::ALIKE && sum == alike + cell(&sums, i + 1, j + 1) {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if sum == cell(&sums, i + 1, j) {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

fn cell(table: &[Vec<usize>], row: usize, column: usize) -> usize {
    table.get(row).and_then(|row| row.get(column)).copied().unwrap_or_default()
}

fn set(table: &mut [Vec<usize>], row: usize, column: usize, value: usize) {
    if let Some(cell) = table.get_mut(row).and_then(|row| row.get_mut(column)) {
        *cell = value;
    }
}
