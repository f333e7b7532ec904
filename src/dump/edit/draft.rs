//! A create function while changes are collected for it.
//!
//! Values are changed at its top, where they are what the row file says; names of fields where they are stored; what
//! the function never knew is added before its end.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use super::super::function::Function;
use super::super::parameters::{Conversion, Parameter};
use super::super::statements::{Cutter, Statement};
use super::rows::Lists;
use super::{Block, Change, Piece, Rows, What, commented, emptied, indentation, line_of, python};

pub(super) struct Draft<'a> {
    text: &'a str,
    function: &'a Function,
    /// How the body is indented.
    indentation: String,
    /// The line before which values are changed.
    top: u32,
    /// The line that returns the object.
    end: u32,
    /// Whether fields are collected in `kw`; before 2016 children of a parent named them where they are returned.
    collects: bool,
    lists: Vec<Block>,
    before: Vec<Block>,
    /// By parameter, what stands instead of its line: first the change's comment, then new lines.
    stored: BTreeMap<String, Vec<Block>>,
    added: Vec<Block>,
    dropped: BTreeSet<String>,
}

impl<'a> Draft<'a> {
    pub fn new(text: &'a str, function: &'a Function) -> Result<Self, String> {
        let strange = || format!("The function create_{} is written too unusually.", python::harmless(&function.table));
        let from = usize::try_from(function.lines.first).unwrap_or_default().saturating_sub(1);
        let count = usize::try_from(function.lines.last - function.lines.first).unwrap_or_default() + 1;
        let before: usize = text.split_inclusive('\n').take(from).map(str::len).sum();
        let length: usize = text.split_inclusive('\n').skip(from).take(count).map(str::len).sum();
        let own = text.get(before..before + length).unwrap_or_default();
        let statements: Vec<Statement<'_>> = Cutter::new(own).collect();
        let (head, body) = statements.split_first().ok_or_else(strange)?;
        let line = |inside: u32| function.lines.first + inside - 1;
        let first = body.iter().find(|statement| !statement.comment).ok_or_else(strange)?;
        let last = body.last().filter(|statement| statement.text.starts_with("return ")).ok_or_else(strange)?;
        let is_documented = first.text.starts_with(['"', '\'']);
        if last.indent != first.indent || last.lines.first != last.lines.last || first.indent == 0 {
            return Err(strange());
        }
        let top = if is_documented { first.lines.last } else { head.lines.last };
        Ok(Self {
            text,
            function,
            indentation: line_of(own, last.lines.first).map(indentation).ok_or_else(strange)?.to_owned(),
            top: line(top) + 1,
            end: line(last.lines.first),
            collects: body.iter().any(|statement| !statement.comment && statement.text.starts_with("kw = ")),
            lists: Vec::new(),
            before: Vec::new(),
            stored: BTreeMap::new(),
            added: Vec::new(),
            dropped: BTreeSet::new(),
        })
    }

    pub fn take(&mut self, number: usize, change: &Change, lists: &mut Lists<'_>) -> Result<(), String> {
        match &change.what {
            What::Assign(values) => self.assign(number, change, values, lists),
            What::LeaveOut => {
                let lines = vec!["return None".to_owned()];
                let block = self.conditional(number, change, lines, lists)?;
                self.before.push(block);
                Ok(())
            }
            What::Copy { from, to } | What::CopyText { from, to } => self.copy(number, change, from, to),
            What::Drop(field) => self.drop_field(number, change, field),
            What::Rename(_) => Err("A create function has no name of a model.".to_owned()),
        }
    }

    fn assign(
        &mut self,
        number: usize,
        change: &Change,
        values: &[(String, String)],
        lists: &mut Lists<'_>,
    ) -> Result<(), String> {
        if let Rows::These { key, .. } = &change.rows
            && let Some((name, _)) = values.iter().find(|(name, _)| name == key)
        {
            return Err(format!("{name} is the key of the rows; it cannot be changed here."));
        }
        let is_known = |name: &str| self.function.parameter(name).is_some() && !self.dropped.contains(name);
        let (known, others): (Vec<_>, Vec<_>) = values.iter().partition(|(name, _)| is_known(name));
        if !others.is_empty() {
            self.collect()?;
        }
        let written =
            |values: Vec<&(String, String)>, write: fn(&str, &str) -> String| -> Result<Vec<String>, String> {
                values.into_iter().map(|(name, value)| Ok(write(name, &self.unshadowed(value)?))).collect()
            };
        let known = written(known, |name, value| format!("{name} = {value}"))?;
        let others = written(others, |name, value| format!("kw.update({name}={value})"))?;
        if !known.is_empty() {
            let block = self.conditional(number, change, known, lists)?;
            self.before.push(block);
        }
        if !others.is_empty() {
            let block = self.conditional(number, change, others, lists)?;
            self.added.push(block);
        }
        Ok(())
    }

    /// Puts lines under their comment, and under a condition when they are for some rows only.
    fn conditional(
        &mut self,
        number: usize,
        change: &Change,
        lines: Vec<String>,
        lists: &mut Lists<'_>,
    ) -> Result<Block, String> {
        let indentation = self.indentation.clone();
        let mut all = vec![format!("{indentation}{}", change.comment())];
        match &change.rows {
            Rows::All => all.extend(lines.into_iter().map(|line| format!("{indentation}{line}"))),
            Rows::These { key, literals } => {
                if self.function.parameter(key).is_none() {
                    return Err(self.no_parameter(key));
                }
                let literals: Vec<String> =
                    literals.iter().map(|literal| self.unshadowed(literal)).collect::<Result<_, _>>()?;
                let (condition, list) = lists.condition(number, &self.function.table, key, &literals, &indentation);
                self.lists.extend(list);
                all.push(condition);
                let deeper = if indentation.ends_with('\t') { "\t" } else { "    " };
                all.extend(lines.into_iter().map(|line| format!("{indentation}{deeper}{line}")));
            }
        }
        Ok(Block { change: number, lines: all })
    }

    /// Writes a date or a time otherwise where a parameter has the name of the function that makes it.
    fn unshadowed(&self, literal: &str) -> Result<String, String> {
        let is_shadowed = |name: &str| self.function.parameter(name).is_some();
        let call = literal.split_once('(').filter(|(name, _)| matches!(*name, "date" | "time" | "dt"));
        let Some((name, rest)) = call.filter(|(name, _)| is_shadowed(name)) else { return Ok(literal.to_owned()) };
        if is_shadowed("dt") {
            return Err(format!("A parameter of create_{} is called dt.", python::harmless(&self.function.table)));
        }
        Ok(if name == "date" { format!("dt({rest}.date()") } else { format!("dt(2000,1,1,{rest}.time()") })
    }

    fn no_parameter(&self, name: &str) -> String {
        format!("create_{} has no parameter {name}.", python::harmless(&self.function.table))
    }

    fn parameter(&self, name: &str) -> Result<&'a Parameter, String> {
        let found = self.function.parameter(name);
        let parameter = found.ok_or_else(|| self.no_parameter(name))?;
        if parameter.conversion == Conversion::ParentLink {
            return Err(format!("{name} is the key of the rows; it cannot be changed here."));
        }
        Ok(parameter)
    }

    fn copy(&mut self, number: usize, change: &Change, from: &str, to: &str) -> Result<(), String> {
        let parameter = self.parameter(from)?;
        // A field that is not translated any more keeps its name.
        if from != to && self.function.parameter(to).is_some() && !self.dropped.contains(to) {
            return Err(format!("{to} is a field of its own, which has values."));
        }
        let is_text = matches!(change.what, What::CopyText { .. });
        let line = match parameter.conversion {
            Conversion::Babel if is_text => {
                format!("if {from} is not None: kw.update({to}={from}[0] or '')")
            }
            Conversion::Babel => {
                format!("if {from} is not None: kw.update(bv2kw({},{from}))", python::text(to))
            }
            _ => format!("kw.update({to}={from})"),
        };
        self.collect()?;
        let indentation = self.stored_in(parameter)?;
        let lines = vec![format!("{indentation}{}", change.comment()), format!("{indentation}{line}")];
        let block = Block { change: number, lines };
        match parameter.stored {
            Some(_) => self.stored.entry(from.to_owned()).or_default().push(block),
            None => self.added.push(block),
        }
        Ok(())
    }

    fn drop_field(&mut self, number: usize, change: &Change, field: &str) -> Result<(), String> {
        let parameter = self.parameter(field)?;
        if parameter.stored.is_some() {
            self.collect()?;
        }
        let indentation = self.stored_in(parameter)?;
        if self.dropped.insert(field.to_owned()) && parameter.stored.is_some() {
            let lines = vec![format!("{indentation}{}", change.comment())];
            self.stored.entry(field.to_owned()).or_default().push(Block { change: number, lines });
        }
        Ok(())
    }

    fn indented(&self, line: &str) -> String {
        format!("{}{line}", self.indentation)
    }

    /// Returns the indentation of the line that stores a parameter; refuses a line that does more.
    fn stored_in(&self, parameter: &Parameter) -> Result<String, String> {
        match parameter.stored.map(NonZeroU32::get) {
            Some(line) if self.collects && line == self.end => self.unusual(),
            Some(line) if self.collects => Ok(line_of(self.text, line).map(indentation).unwrap_or_default().to_owned()),
            _ => Ok(self.indentation.clone()),
        }
    }

    fn unusual<T>(&self) -> Result<T, String> {
        let table = python::harmless(&self.function.table);
        Err(format!("The function create_{table} collects its fields in an unusual way."))
    }

    /// Refuses where fields cannot be given by name.
    fn collect(&self) -> Result<(), String> {
        if self.collects || self.function.parent.is_some() { Ok(()) } else { self.unusual() }
    }

    /// Hands out what becomes of the script's lines.
    pub fn finish(mut self, pieces: &mut BTreeMap<u32, Piece>) {
        pieces.entry(self.function.lines.first).or_default().before.append(&mut self.lists);
        pieces.entry(self.top).or_default().before.append(&mut self.before);
        if self.collects {
            let stored = std::mem::take(&mut self.stored);
            let gone = stored.iter().filter(|(_, blocks)| is_gone(blocks)).flat_map(|(name, _)| self.lines_of(name));
            let emptied = emptied(self.text, &gone.collect());
            for (name, blocks) in stored {
                self.replace(&name, blocks, &emptied, pieces);
            }
            pieces.entry(self.end).or_default().before.append(&mut self.added);
        } else if !self.stored.is_empty() || !self.added.is_empty() {
            let instead = self.spelled_out();
            pieces.entry(self.end).or_default().instead = Some(instead);
        }
    }

    /// Returns the lines of a parameter: the one that stores it, and the one that converts it where that is another one.
    fn lines_of(&self, name: &str) -> impl Iterator<Item = u32> + use<'a> {
        let parameter = self.function.parameter(name);
        let stored = parameter.and_then(|parameter| parameter.stored);
        let converted = parameter.and_then(|parameter| parameter.converted).filter(|line| Some(*line) != stored);
        let text = self.text;
        let is_code = move |line: &u32| line_of(text, *line).is_some_and(|line| !line.trim_start().starts_with('#'));
        stored.into_iter().map(NonZeroU32::get).chain(converted.into_iter().map(NonZeroU32::get).filter(is_code))
    }

    /// Comments the lines of a parameter, and puts new ones beside the last of them.
    fn replace(&self, name: &str, blocks: Vec<Block>, emptied: &BTreeSet<u32>, pieces: &mut BTreeMap<u32, Piece>) {
        let mut lines = self.lines_of(name);
        let Some((stored, first)) = lines.next().zip(blocks.first().map(|block| block.change)) else { return };
        let old = |line| line_of(self.text, line).map(commented).unwrap_or_default();
        let pass = |line| {
            let old = line_of(self.text, line).filter(|_| emptied.contains(&line))?;
            Some(Block { change: first, lines: vec![format!("{}pass", indentation(old))] })
        };
        // What converts a value that nobody wants might not be there any more either.
        if is_gone(&blocks) {
            for converted in lines {
                let own = Block { change: first, lines: vec![old(converted)] };
                pieces.entry(converted).or_default().instead = Some([own].into_iter().chain(pass(converted)).collect());
            }
        }
        let mut instead = with_old_line(blocks, &old(stored));
        instead.extend(pass(stored));
        pieces.entry(stored).or_default().instead = Some(instead);
    }

    /// Writes the end of an old function, which names the fields where it returns, with one line for each field.
    fn spelled_out(&mut self) -> Vec<Block> {
        let old = line_of(self.text, self.end).unwrap_or_default();
        let change = self.stored.values().chain([&self.added]).flatten().map(|block| block.change).min();
        let mut blocks = vec![Block {
            change: change.unwrap_or_default(),
            lines: vec![commented(old), self.indented("kw = dict()")],
        }];
        let mut pointer = "";
        for parameter in &self.function.parameters {
            let name = parameter.name.as_str();
            if parameter.conversion == Conversion::ParentLink {
                pointer = name;
                continue;
            }
            let line = self.indented(&format!("kw.update({name}={name})"));
            match self.stored.remove(name) {
                Some(of_field) => {
                    blocks.extend(with_old_line(of_field, &commented(&line)));
                }
                None if parameter.stored.map(NonZeroU32::get) == Some(self.end) => {
                    blocks.push(Block { change: change.unwrap_or_default(), lines: vec![line] });
                }
                None => {}
            }
        }
        blocks.append(&mut self.added);
        let (parent, model) = (self.function.parent.as_deref(), self.function.model.as_deref());
        let call = format!(
            "return create_mti_child({}, {pointer}, {}, **kw)",
            parent.unwrap_or_default(),
            model.unwrap_or_default()
        );
        blocks.push(Block { change: change.unwrap_or_default(), lines: vec![self.indented(&call)] });
        blocks
    }
}

/// Tells whether nothing stands instead of the line: there are only comments.
fn is_gone(blocks: &[Block]) -> bool {
    blocks.iter().all(|block| block.lines.len() == 1)
}

/// Puts the old line behind the first comment.
fn with_old_line(mut blocks: Vec<Block>, old: &str) -> Vec<Block> {
    if let Some(first) = blocks.first_mut() {
        first.lines.insert(1.min(first.lines.len()), old.to_owned());
    }
    blocks
}
