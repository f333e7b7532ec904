//! The changed parts of two scripts: beside each other on a wide terminal, below each other on a narrow one.
//!
//! ```text
//!  12 def create_x(id, summary):      | 14 def create_x(id, title):
//! ── 14 equal lines ──
//!  27     kw.update(summary=summary)  <
//!                                     > 29     kw.update(title=title)
//! ```

use std::ops::Range;

use crate::cli::paint::{Look, Role, Row, harmless, is_plain, rows};
use crate::compare::sides::{Block, Line, Pair, Part, Section, Sides, State};

/// From so many columns on the scripts stand beside each other.
const WIDE: usize = 100;
/// Equal lines that are shown around changed ones.
const CONTEXT: usize = 2;
/// Folding fewer equal lines than these would save nothing.
const FOLDED: usize = 2;

/// Where the parts that differ in more than noise are written.
pub(super) struct Page<'a> {
    /// What is written.
    pub text: Vec<u8>,
    look: &'a Look,
    /// Columns of a line number.
    digits: usize,
    sides: &'a Sides,
}

impl<'a> Page<'a> {
    /// Begins one.
    pub fn new(look: &'a Look, sides: &'a Sides) -> Self {
        let last = |lines: fn(&Section) -> usize| sides.sections.iter().map(lines).max().unwrap_or_default();
        let digits = last(|section| section.old.end).max(last(|section| section.new.end)).to_string().len();
        Self { text: Vec::new(), look, digits, sides }
    }

    /// Writes those of these parts.
    pub fn parts(&mut self, parts: Range<usize>) {
        let sections = self.sides.sections.get(parts.clone()).unwrap_or_default();
        for (at, section) in parts.zip(sections) {
            if !matches!(section.state, State::Equal | State::Noise) {
                self.section(section, &self.sides.blocks(at));
            }
        }
    }

    /// Says how many parts are not written.
    pub fn end(&mut self) {
        let count = |state: State| self.sides.sections.iter().filter(|section| section.state == state).count();
        let (equal, noise) = (count(State::Equal), count(State::Noise));
        self.text.push(b'\n');
        self.fold(&format!("{equal} equal parts and {noise} that differ only in noise are not shown"));
    }

    fn section(&mut self, section: &Section, blocks: &[Block]) {
        let name = match &section.part {
            Part::Function { table, model: Some(model) } => format!("{model} (create_{table})"),
            Part::Function { table, model: None } => format!("create_{table}"),
            Part::Other(name) => (*name).to_owned(),
        };
        let state = match section.state {
            State::Added => "only in the new script",
            State::Removed => "only in the old script",
            State::Changed | State::Noise | State::Equal => "changed",
        };
        let name: String = harmless(&name).chars().take(200).collect();
        self.text.push(b'\n');
        self.look.colours.add(&mut self.text, Role::Title, &format!("── {name}: {state} ──"));
        self.text.push(b'\n');
        let last = blocks.len().saturating_sub(1);
        for (at, block) in blocks.iter().enumerate() {
            match block {
                Block::Equal(old, new) => {
                    let (before, after) = (if at == 0 { 0 } else { CONTEXT }, if at == last { 0 } else { CONTEXT });
                    self.equal(old, *new, before, after);
                }
                Block::Differs(pair) => self.pair(pair),
            }
        }
    }

    /// Writes equal lines, those far from any changed one folded.
    fn equal(&mut self, old: &Range<usize>, new: usize, before: usize, after: usize) {
        let hidden = old.len().saturating_sub(before + after);
        if hidden < FOLDED {
            return self.same(old.clone(), new);
        }
        self.same(old.start..old.start + before, new);
        self.fold(&format!("{hidden} equal lines"));
        let seen = before + hidden;
        self.same(old.start + seen..old.end, new + seen);
    }

    /// Writes equal lines, all of them.
    fn same(&mut self, old: Range<usize>, new: usize) {
        let sides = self.sides;
        for ((at, there), (line, twin)) in old.clone().zip(new..).zip(sides.texts(old, new)) {
            let columns = self.half().saturating_sub(self.digits + 1);
            if self.look.columns >= WIDE && line.len() <= columns && is_plain(line) {
                self.number(Some(at + 1));
                self.text.extend_from_slice(line.as_bytes());
                self.sign(self.digits + 1 + line.len(), " ");
                self.text.push(b' ');
                self.number(Some(there + 1));
                self.text.extend_from_slice(twin.as_bytes());
                self.text.push(b'\n');
            } else {
                sides.equal(at..at + 1, there).for_each(|pair| self.pair(&pair));
            }
        }
    }

    fn fold(&mut self, text: &str) {
        self.look.colours.add(&mut self.text, Role::Dim, &format!("── {text} ──"));
        self.text.push(b'\n');
    }

    fn pair(&mut self, pair: &Pair) {
        if self.look.columns >= WIDE { self.beside(pair) } else { self.below(pair) }
    }

    /// Columns of one side.
    const fn half(&self) -> usize {
        (self.look.columns - 3) / 2
    }

    fn beside(&mut self, pair: &Pair) {
        let columns = self.half().saturating_sub(self.digits + 1);
        let (old, new) = (broken(pair.old.as_ref(), columns), broken(pair.new.as_ref(), columns));
        let sign = match (&pair.old, &pair.new) {
            _ if pair.is_equal() => " ",
            (Some(_), Some(_)) => "|",
            (Some(_), None) => "<",
            (None, _) => ">",
        };
        let (before, after) = (roles(pair, Side::Old), roles(pair, Side::New));
        for at in 0..old.len().max(new.len()) {
            let number = |line: &Option<Line>| line.as_ref().filter(|_| at == 0).map(|line| line.number);
            let used = self.cell(number(&pair.old), old.get(at), before);
            let more = at < new.len();
            if sign == " " && !more {
                self.text.push(b'\n');
                continue;
            }
            self.sign(used, sign);
            if more {
                self.text.push(b' ');
                self.cell(number(&pair.new), new.get(at), after);
            }
            self.text.push(b'\n');
        }
    }

    /// Writes what stands between the sides, behind so many columns of the left one.
    fn sign(&mut self, used: usize, sign: &str) {
        self.blanks(self.half().saturating_sub(used));
        self.look.colours.begin(&mut self.text, Role::Dim);
        self.text.push(b' ');
        self.text.extend_from_slice(sign.as_bytes());
        self.look.colours.end(&mut self.text, Role::Dim);
    }

    /// Writes a row of one side, and returns the columns that it takes.
    fn cell(&mut self, number: Option<usize>, row: Option<&Row<'_>>, roles: [Role; 2]) -> usize {
        let Some(row) = row else { return 0 };
        self.number(number);
        self.pieces(row, roles);
        self.digits + 1 + row.columns
    }

    /// Writes the number of a line and a space, or as much space.
    fn number(&mut self, number: Option<usize>) {
        self.look.colours.begin(&mut self.text, Role::Dim);
        self.blanks(self.digits + 1);
        let mut left = number.unwrap_or_default();
        // Twice as fast as to format it, and there are two of them a line.
        for digit in self.text.iter_mut().rev().skip(1).take(self.digits) {
            if left == 0 {
                break;
            }
            *digit = b'0' + u8::try_from(left % 10).unwrap_or_default();
            left /= 10;
        }
        self.look.colours.end(&mut self.text, Role::Dim);
    }

    fn blanks(&mut self, count: usize) {
        self.text.resize(self.text.len() + count, b' ');
    }

    fn pieces(&mut self, row: &Row<'_>, [same, differs]: [Role; 2]) {
        for (text, marked) in row.pieces.iter() {
            self.look.colours.add(&mut self.text, if *marked { differs } else { same }, text);
        }
    }

    fn below(&mut self, pair: &Pair) {
        match (&pair.old, &pair.new) {
            (Some(old), Some(new)) if pair.is_equal() => self.line(Some(old), Some(new), " ", roles(pair, Side::New)),
            (old, new) => {
                if let Some(old) = old {
                    self.line(Some(old), None, "-", roles(pair, Side::Old));
                }
                if let Some(new) = new {
                    self.line(None, Some(new), "+", roles(pair, Side::New));
                }
            }
        }
    }

    fn line(&mut self, old: Option<&Line>, new: Option<&Line>, sign: &str, roles: [Role; 2]) {
        let Some(line) = new.or(old) else { return };
        let digits = self.digits;
        let columns = self.look.columns.saturating_sub(2 * digits + 4);
        for (at, row) in rows(&line.pieces, columns).iter().enumerate() {
            let number =
                |line: Option<&Line>| line.filter(|_| at == 0).map_or_else(String::new, |line| line.number.to_string());
            let numbers = format!("{:>digits$} {:>digits$} ", number(old), number(new));
            self.look.colours.add(&mut self.text, Role::Dim, &numbers);
            self.look.colours.add(&mut self.text, roles[0], sign);
            self.text.push(b' ');
            self.pieces(row, roles);
            self.text.push(b'\n');
        }
    }
}

fn broken(line: Option<&Line>, columns: usize) -> Vec<Row<'_>> {
    line.map_or_else(Vec::new, |line| rows(&line.pieces, columns))
}

#[derive(Clone, Copy)]
enum Side {
    Old,
    New,
}

/// Returns how the pieces of a line look that are the same on the other side, and those that differ.
fn roles(pair: &Pair, side: Side) -> [Role; 2] {
    let line = if matches!(side, Side::Old) { &pair.old } else { &pair.new };
    // A line that differs as a whole needs no marks within.
    let alone = line.as_ref().is_none_or(|line| line.pieces.iter().all(|(_, differs)| *differs));
    match side {
        _ if pair.is_equal() => [Role::Text, Role::Text],
        Side::Old if alone => [Role::Old, Role::Old],
        Side::New if alone => [Role::New, Role::New],
        Side::Old => [Role::Old, Role::OldWord],
        Side::New => [Role::New, Role::NewWord],
    }
}
