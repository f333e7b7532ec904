//! The changed parts of two scripts: beside each other on a wide terminal, below each other on a narrow one.
//!
//! ```text
//!  12 def create_x(id, summary):      | 14 def create_x(id, title):
//! ── 14 equal lines ──
//!  27     kw.update(summary=summary)  <
//!                                     > 29     kw.update(title=title)
//! ```

use std::io::{self, Write};
use std::ops::Range;

use crate::cli::paint::{Look, Role, Row, harmless, rows};
use crate::compare::sides::{Block, Line, Pair, Part, Section, Sides, State};

/// From so many columns on the scripts stand beside each other.
const WIDE: usize = 100;
/// Equal lines that are shown around changed ones.
const CONTEXT: usize = 2;
/// Folding fewer equal lines than these would save nothing.
const FOLDED: usize = 2;

/// Writes all parts that differ in more than noise.
pub(super) fn write(out: &mut dyn Write, look: &Look, sides: &Sides) -> io::Result<()> {
    let last = |lines: fn(&Section) -> usize| sides.sections.iter().map(lines).max().unwrap_or_default();
    let digits = last(|section| section.old.end).max(last(|section| section.new.end)).to_string().len();
    let mut page = Page { out, look, digits, sides };
    let (mut equal, mut noise) = (0, 0);
    for (at, section) in sides.sections.iter().enumerate() {
        match section.state {
            State::Equal => equal += 1,
            State::Noise => noise += 1,
            State::Changed | State::Added | State::Removed => {
                page.section(section, &sides.blocks(at))?;
            }
        }
    }
    writeln!(page.out)?;
    page.fold(&format!("{equal} equal parts and {noise} that differ only in noise are not shown"))
}

struct Page<'a> {
    out: &'a mut dyn Write,
    look: &'a Look,
    /// Columns of a line number.
    digits: usize,
    sides: &'a Sides,
}

impl Page<'_> {
    fn section(&mut self, section: &Section, blocks: &[Block]) -> io::Result<()> {
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
        writeln!(self.out)?;
        let name: String = harmless(&name).chars().take(200).collect();
        self.look.colours.write(self.out, Role::Title, &format!("── {name}: {state} ──"))?;
        writeln!(self.out)?;
        let last = blocks.len().saturating_sub(1);
        blocks.iter().enumerate().try_for_each(|(at, block)| match block {
            Block::Equal(old, new) => {
                let (before, after) = (if at == 0 { 0 } else { CONTEXT }, if at == last { 0 } else { CONTEXT });
                self.equal(old, *new, before, after)
            }
            Block::Differs(pair) => self.pair(pair),
        })
    }

    /// Writes equal lines, those far from any changed one folded.
    fn equal(&mut self, old: &Range<usize>, new: usize, before: usize, after: usize) -> io::Result<()> {
        let sides = self.sides;
        let hidden = old.len().saturating_sub(before + after);
        if hidden < FOLDED {
            return sides.equal(old.clone(), new).try_for_each(|pair| self.pair(&pair));
        }
        sides.equal(old.start..old.start + before, new).try_for_each(|pair| self.pair(&pair))?;
        self.fold(&format!("{hidden} equal lines"))?;
        let seen = before + hidden;
        sides.equal(old.start + seen..old.end, new + seen).try_for_each(|pair| self.pair(&pair))
    }

    fn fold(&mut self, text: &str) -> io::Result<()> {
        self.look.colours.write(self.out, Role::Dim, &format!("── {text} ──"))?;
        writeln!(self.out)
    }

    fn pair(&mut self, pair: &Pair) -> io::Result<()> {
        if self.look.columns >= WIDE { self.beside(pair) } else { self.below(pair) }
    }

    fn beside(&mut self, pair: &Pair) -> io::Result<()> {
        let half = (self.look.columns - 3) / 2;
        let columns = half.saturating_sub(self.digits + 1);
        let (old, new) = (broken(pair.old.as_ref(), columns), broken(pair.new.as_ref(), columns));
        let sign = match (&pair.old, &pair.new) {
            _ if pair.is_equal() => " ",
            (Some(_), Some(_)) => "|",
            (Some(_), None) => "<",
            (None, _) => ">",
        };
        for at in 0..old.len().max(new.len()) {
            let number = |line: &Option<Line>| line.as_ref().filter(|_| at == 0).map(|line| line.number);
            let used = self.cell(number(&pair.old), old.get(at), roles(pair, Side::Old))?;
            let more = at < new.len();
            if sign == " " && !more {
                writeln!(self.out)?;
                continue;
            }
            write!(self.out, "{}", " ".repeat(half.saturating_sub(used)))?;
            self.look.colours.write(self.out, Role::Dim, &format!(" {sign}"))?;
            if more {
                write!(self.out, " ")?;
                self.cell(number(&pair.new), new.get(at), roles(pair, Side::New))?;
            }
            writeln!(self.out)?;
        }
        Ok(())
    }

    /// Writes a row of one side, and returns the columns that it takes.
    fn cell(&mut self, number: Option<usize>, row: Option<&Row<'_>>, roles: [Role; 2]) -> io::Result<usize> {
        let Some(row) = row else { return Ok(0) };
        let number = number.map_or_else(String::new, |number| number.to_string());
        let digits = self.digits;
        self.look.colours.write(self.out, Role::Dim, &format!("{number:>digits$} "))?;
        self.pieces(row, roles)?;
        Ok(digits + 1 + row.columns)
    }

    fn pieces(&mut self, row: &Row<'_>, [same, differs]: [Role; 2]) -> io::Result<()> {
        row.pieces.iter().try_for_each(|(text, marked)| {
            self.look.colours.write(self.out, if *marked { differs } else { same }, text)
        })
    }

    fn below(&mut self, pair: &Pair) -> io::Result<()> {
        match (&pair.old, &pair.new) {
            (Some(old), Some(new)) if pair.is_equal() => self.line(Some(old), Some(new), " ", roles(pair, Side::New)),
            (old, new) => {
                if let Some(old) = old {
                    self.line(Some(old), None, "-", roles(pair, Side::Old))?;
                }
                new.iter().try_for_each(|new| self.line(None, Some(new), "+", roles(pair, Side::New)))
            }
        }
    }

    fn line(&mut self, old: Option<&Line>, new: Option<&Line>, sign: &str, roles: [Role; 2]) -> io::Result<()> {
        let Some(line) = new.or(old) else { return Ok(()) };
        let digits = self.digits;
        let columns = self.look.columns.saturating_sub(2 * digits + 4);
        for (at, row) in rows(&line.pieces, columns).iter().enumerate() {
            let number =
                |line: Option<&Line>| line.filter(|_| at == 0).map_or_else(String::new, |line| line.number.to_string());
            let numbers = format!("{:>digits$} {:>digits$} ", number(old), number(new));
            self.look.colours.write(self.out, Role::Dim, &numbers)?;
            self.look.colours.write(self.out, roles[0], sign)?;
            write!(self.out, " ")?;
            self.pieces(row, roles)?;
            writeln!(self.out)?;
        }
        Ok(())
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
