//! Changes of a dump script's text, written as a Lino developer would write them by hand.
//!
//! A change says what is to become of rows, fields or models of one table; everything else in the script stays as it
//! is, byte for byte. Nothing is decided here, and nothing is looked up: keys and values come as Python literals.

mod draft;
mod merge;
mod migrator;
pub mod python;
mod rows;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::place::Lines;
use super::script::Script;
use super::statements::Cutter;
use super::value;

pub use merge::{Conflict, Merged, Side, merge};
pub use migrator::{Asked, migrator};

use draft::Draft;
use rows::Lists;

/// What is to become of rows, fields or models of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The table, as the create function calls it.
    pub table: String,
    /// The rows.
    pub rows: Rows,
    /// What becomes of them.
    pub what: What,
    /// What it does and why, for the comment. It may come from anywhere: only harmless characters of it are written.
    pub note: String,
}

/// Rows of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rows {
    /// All of them.
    All,
    /// Some of them.
    These {
        /// The parameter that holds the primary key.
        key: String,
        /// The keys as the row file writes them: `101`, `'BE'`.
        literals: Vec<String>,
    },
}

/// What becomes of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Parameters get other values, which are written as a row file writes them; a field that the create function does
    /// not know is given to the model as it is.
    Assign(Vec<(String, String)>),
    /// The value of a parameter goes to a field of another name. For all rows.
    Copy {
        /// The parameter.
        from: String,
        /// The field's new name.
        to: String,
    },
    /// The same, where the new field is not translated: it gets the text in the main language. For all rows.
    CopyText {
        /// The parameter, which has one text for each language.
        from: String,
        /// The field's new name.
        to: String,
    },
    /// A parameter is given to no field. For all rows.
    Drop(String),
    /// They are not loaded.
    LeaveOut,
    /// The model has another name, `app.Model`. For all rows.
    Rename(String),
}

/// An edited dump script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edited {
    /// Its text.
    pub text: String,
    /// For each change the lines in it that come from it; none when it needs no line.
    pub places: Vec<Vec<Lines>>,
    /// Changes that could not be made: which, and a sentence that says why.
    pub refused: Vec<(usize, String)>,
}

/// Lines that a change adds or replaces.
#[derive(Clone, Debug)]
struct Block {
    change: usize,
    lines: Vec<String>,
}

/// Edits a dump script. Without changes its text stays as it is.
#[must_use]
pub fn edit(text: &str, changes: &[Change]) -> Edited {
    let script = Script::read(text);
    let mut editor = Editor { text, script: &script, drafts: BTreeMap::new(), pieces: BTreeMap::new() };
    let mut lists = Lists::new(text);
    let mut refused = Vec::new();
    for (number, change) in changes.iter().enumerate() {
        if let Err(why) = editor.take(number, change, &mut lists) {
            refused.push((number, why));
        }
    }
    let drafts = std::mem::take(&mut editor.drafts);
    for draft in drafts.into_values() {
        draft.finish(&mut editor.pieces);
    }
    let (text, places) = write(text, editor.pieces, changes.len());
    Edited { text, places, refused }
}

/// What stands instead of a line, or before it.
#[derive(Clone, Debug, Default)]
struct Piece {
    before: Vec<Block>,
    instead: Option<Vec<Block>>,
}

struct Editor<'a> {
    text: &'a str,
    script: &'a Script,
    drafts: BTreeMap<u32, Draft<'a>>,
    pieces: BTreeMap<u32, Piece>,
}

impl<'a> Editor<'a> {
    fn take(&mut self, number: usize, change: &Change, lists: &mut Lists<'a>) -> Result<(), String> {
        change.check()?;
        match (&change.rows, &change.what) {
            (Rows::All, What::LeaveOut) => self.leave_out(number, change),
            (Rows::All, What::Rename(name)) => self.rename(number, change, name),
            (Rows::These { .. }, What::Copy { .. } | What::CopyText { .. } | What::Drop(_) | What::Rename(_)) => {
                Err("This can be done for all rows of a model only.".to_owned())
            }
            _ => self.draft(&change.table)?.take(number, change, lists),
        }
    }

    fn draft(&mut self, table: &str) -> Result<&mut Draft<'a>, String> {
        let Some(function) = self.script.function(table) else {
            return Err(format!("The dump script has no function create_{}.", python::harmless(table)));
        };
        let line = function.lines.first;
        if !self.drafts.contains_key(&line) {
            let draft = Draft::new(self.text, function)?;
            self.drafts.insert(line, draft);
        }
        self.drafts.get_mut(&line).ok_or_else(String::new)
    }

    /// Comments the lines that load the row files of a table.
    fn leave_out(&mut self, number: usize, change: &Change) -> Result<(), String> {
        let loads: Vec<_> = self.script.loads.iter().filter(|load| load.table == change.table).collect();
        if loads.is_empty() {
            return Err(format!("The dump script loads no row file of {}.", python::harmless(&change.table)));
        }
        let gone: Vec<_> = loads.into_iter().filter(|load| !load.skipped).map(|load| load.lines).collect();
        let emptied = emptied(self.text, &gone.iter().map(|lines| lines.first).collect());
        for (place, lines) in gone.into_iter().enumerate() {
            let Some(indentation) = line_of(self.text, lines.first).map(indentation) else { continue };
            let note = (place == 0).then(|| format!("{indentation}{}", change.comment()));
            let pass = emptied.contains(&lines.first).then(|| format!("{indentation}pass"));
            self.comment(number, lines, note.as_deref(), pass.as_deref());
        }
        Ok(())
    }

    /// Makes a comment of a statement, with other lines before and behind it.
    fn comment(&mut self, change: usize, lines: Lines, before: Option<&str>, behind: Option<&str>) {
        let old =
            (lines.first..=lines.last).map(|line| (line, line_of(self.text, line).map(commented).unwrap_or_default()));
        for (line, old) in old {
            let before = before.filter(|_| line == lines.first).map(str::to_owned);
            let behind = behind.filter(|_| line == lines.last).map(str::to_owned);
            let lines = before.into_iter().chain([old]).chain(behind).collect();
            self.pieces.entry(line).or_default().instead = Some(vec![Block { change, lines }]);
        }
    }

    /// Has a model looked up by its new name, under the variable that it had.
    fn rename(&mut self, number: usize, change: &Change, name: &str) -> Result<(), String> {
        let variable = self.script.function(&change.table).and_then(|function| function.model.as_deref());
        let found = self.script.models.iter().rfind(|model| Some(model.variable.as_str()) == variable);
        let Some((model, old)) = found.and_then(|model| Some((model, line_of(self.text, model.lines.first)?))) else {
            return Err(format!("The dump script looks up no model of {}.", python::harmless(&change.table)));
        };
        let indentation = indentation(old);
        let new = format!("{indentation}{} = resolve_model({})", model.variable, python::double_quoted(name));
        let note = format!("{indentation}{}", change.comment());
        self.comment(number, model.lines, Some(&note), Some(&new));
        Ok(())
    }
}

impl Change {
    /// Refuses what would not be Python, or other Python than what is meant.
    fn check(&self) -> Result<(), String> {
        let name = |text: &str| {
            if python::is_name(text) {
                Ok(())
            } else {
                Err(format!("“{}” cannot be the name of a field.", python::harmless(text)))
            }
        };
        let literal = |text: &str| match value::parse(text.as_bytes()) {
            Ok(_) if !text.contains(['\n', '\r']) => Ok(()),
            _ => Err(format!("“{}” is no value that a row can have.", python::harmless(text))),
        };
        if let Rows::These { key, literals } = &self.rows {
            name(key)?;
            literals.iter().try_for_each(|text| literal(text))?;
            if literals.is_empty() {
                return Err("No row is meant.".to_owned());
            }
        }
        match &self.what {
            What::Assign(values) => values.iter().try_for_each(|(field, value)| name(field).and(literal(value))),
            What::Copy { from, to } | What::CopyText { from, to } => name(from).and(name(to)),
            What::Drop(field) => name(field),
            What::LeaveOut => Ok(()),
            What::Rename(model) => match model.split_once('.') {
                Some((app, model)) if python::is_name(app) && python::is_name(model) => Ok(()),
                _ => Err(format!("“{}” is no name of a model.", python::harmless(model))),
            },
        }
    }

    fn comment(&self) -> String {
        python::comment(&self.note)
    }
}

/// Returns a line by its number from 1, with its line end.
fn line_of(text: &str, number: u32) -> Option<&str> {
    text.split_inclusive('\n').nth(usize::try_from(number).ok()?.checked_sub(1)?)
}

fn indentation(line: &str) -> &str {
    let end = line.find(|letter: char| !matches!(letter, ' ' | '\t')).unwrap_or(line.len());
    line.get(..end).unwrap_or_default()
}

/// Returns a line as a comment, where it stood.
fn commented(line: &str) -> String {
    let line = line.trim_end_matches(['\n', '\r']);
    let indentation = indentation(line);
    format!("{indentation}# {}", line.get(indentation.len()..).unwrap_or_default())
}

/// Tells which of these statements, given by their first lines, leave a block empty when they are comments. They are named
/// by the first line of each block.
fn emptied(text: &str, gone: &BTreeSet<u32>) -> BTreeSet<u32> {
    let mut emptied = BTreeSet::new();
    if gone.is_empty() {
        return emptied;
    }
    // How far the last statement that stays is indented, and the first one behind it that goes.
    let (mut above, mut first): (usize, Option<(u32, usize)>) = (0, None);
    let end = [(None, 0)];
    let statements = Cutter::new(text).filter(|statement| !statement.comment);
    for (line, indent) in statements.map(|it| (Some(it.lines.first), it.indent)).chain(end) {
        if let Some(line) = line.filter(|line| gone.contains(line)) {
            first.get_or_insert((line, indent));
        } else {
            emptied.extend(first.take().filter(|(_, own)| above < *own && indent < *own).map(|(line, _)| line));
            above = indent;
        }
    }
    emptied
}

/// Writes the script with its pieces; returns it with the lines of each change.
fn write(text: &str, pieces: BTreeMap<u32, Piece>, changes: usize) -> (String, Vec<Vec<Lines>>) {
    let mut writer = Writer { text: String::with_capacity(text.len()), line: 1, places: vec![Vec::new(); changes] };
    let mut pieces = pieces.into_iter().peekable();
    for (number, line) in (1_u32..).zip(text.split_inclusive('\n')) {
        let Some((_, piece)) = pieces.next_if(|(at, _)| *at == number) else {
            writer.add(line);
            continue;
        };
        let end = if line.ends_with("\r\n") { "\r\n" } else { "\n" };
        piece.before.iter().for_each(|block| writer.block(block, end));
        match piece.instead {
            Some(blocks) => blocks.iter().for_each(|block| writer.block(block, end)),
            None => writer.add(line),
        }
    }
    (writer.text, writer.places)
}

struct Writer {
    text: String,
    line: u32,
    places: Vec<Vec<Lines>>,
}

impl Writer {
    fn add(&mut self, line: &str) {
        self.text.push_str(line);
        self.line += 1;
    }

    fn block(&mut self, block: &Block, end: &str) {
        let first = self.line;
        for line in &block.lines {
            self.text.push_str(line);
            self.add(end);
        }
        if self.line > first
            && let Some(places) = self.places.get_mut(block.change)
        {
            places.push(Lines { first, last: self.line - 1 });
        }
    }
}
