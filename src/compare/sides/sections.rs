//! Cuts two scripts into what they consist of, and finds what belongs together.
//!
//! Every line of a script is in exactly one section: each begins where something begins, and ends where the next does.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::ops::Range;

use foldhash::{HashMap, HashMapExt};

use super::text::Text;
use super::{Part, Section, State};
use crate::compare::scripts;
use crate::dump::{Edit, Function, Lines, Script};

/// A section of one script.
struct Cut<'a> {
    kind: Kind<'a>,
    lines: Range<usize>,
}

#[derive(Clone, Copy)]
enum Kind<'a> {
    Function(&'a Function),
    Other(&'static str),
}

pub(super) fn align(old: (&Text, &Script), new: (&Text, &Script)) -> Vec<Section> {
    let (mine, theirs) = (cut(old.0, old.1), cut(new.0, new.1));
    let judge = Judge::new(old, new);
    let partners = partners(&mine, &theirs, &judge);
    let mut sections = Vec::with_capacity(mine.len() + theirs.len());
    // What is gone stands behind what it stood behind in the old script.
    let mut gone: HashMap<Option<usize>, Vec<usize>> = HashMap::new();
    let mut place = None;
    for (at, partner) in partners.iter().enumerate() {
        match partner {
            Some(partner) => place = Some(*partner),
            None => gone.entry(place).or_default().push(at),
        }
    }
    let mut matched: Vec<Option<&Cut<'_>>> = theirs.iter().map(|_| None).collect();
    for (cut, partner) in mine.iter().zip(&partners) {
        if let Some(slot) = partner.and_then(|partner| matched.get_mut(partner)) {
            *slot = Some(cut);
        }
    }
    let removed = |place: Option<usize>| {
        let places = gone.get(&place).map(Vec::as_slice).unwrap_or_default();
        places.iter().filter_map(|at| mine.get(*at)).map(|cut| judge.section(Some(cut), None))
    };
    sections.extend(removed(None));
    for (at, (cut, partner)) in theirs.iter().zip(matched).enumerate() {
        sections.push(judge.section(partner, Some(cut)));
        sections.extend(removed(Some(at)));
    }
    sections
}

/// Cuts a script at everything that begins a section.
fn cut<'a>(text: &Text, script: &'a Script) -> Vec<Cut<'a>> {
    let index = |line: u32| usize::try_from(line).unwrap_or(usize::MAX).saturating_sub(1);
    let mut starts: Vec<(usize, Kind<'a>)> = vec![(0, Kind::Other("heading"))];
    if let Some(model) = script.models.first() {
        starts.push((index(model.lines.first), Kind::Other("models")));
    }
    if let Some(cycle) = script.cycles.first() {
        let first = index(cycle.lines.first);
        let above = first.saturating_sub(1);
        let title = text.line(above).starts_with("# There are ");
        starts.push((if title { above } else { first }, Kind::Other("cycles")));
    }
    starts.extend(script.functions.iter().map(|function| (index(function.lines.first), Kind::Function(function))));
    if let (Some(first), Some(last)) = (script.loads.first(), script.loads.last()) {
        let models = script.models.iter().map(|model| model.lines.last);
        let functions = script.functions.iter().map(|function| function.lines.last);
        let before = models.chain(functions).filter(|line| *line < first.lines.first).max().unwrap_or_default();
        // Blank lines end what stands above them.
        let begin = index(before + 1);
        let limit = index(first.lines.first);
        let blank = (begin..limit).find(|line| !text.line(*line).trim().is_empty()).unwrap_or(limit);
        starts.push((blank, Kind::Other("load order")));
        starts.push((index(last.lines.last + 1), Kind::Other("end")));
    }
    // Stable: of two that begin in one line the heading is the empty one.
    starts.sort_by_key(|(start, _)| *start);
    let ends = starts.iter().skip(1).map(|(start, _)| *start).chain([text.len()]).collect::<Vec<_>>();
    let cuts = starts.into_iter().zip(ends).map(|((start, kind), end)| {
        let lines = start.min(text.len())..end.min(text.len());
        Cut { kind, lines }
    });
    cuts.filter(|cut| !cut.lines.is_empty()).collect()
}

/// Returns what a section is found by: the table of a function, or its name.
fn key<'a>(cut: &Cut<'a>) -> (bool, &'a str) {
    match cut.kind {
        Kind::Function(function) => (true, function.table.as_str()),
        Kind::Other(name) => (false, name),
    }
}

/// Finds for each section of the old script the one of the new script: by table, then by model. Of several functions of
/// one table the first belong together, then the second, and so on.
fn partners<'a>(old: &[Cut<'a>], new: &[Cut<'a>], judge: &Judge<'a>) -> Vec<Option<usize>> {
    let mut free: HashMap<(bool, &str), usize> = HashMap::with_capacity(new.len());
    // Behind each section the next one of the same key; few have one.
    let mut twins: HashMap<usize, usize> = HashMap::new();
    for (at, cut) in new.iter().enumerate().rev() {
        if let Some(next) = free.insert(key(cut), at) {
            twins.insert(at, next);
        }
    }
    let mut take = |cut: &Cut<'a>| {
        let found = free.remove(&key(cut))?;
        if let Some(next) = twins.get(&found) {
            free.insert(key(cut), *next);
        }
        Some(found)
    };
    let mut partners: Vec<Option<usize>> = old.iter().map(&mut take).collect();
    let mut taken = vec![false; new.len()];
    for at in partners.iter().flatten() {
        if let Some(taken) = taken.get_mut(*at) {
            *taken = true;
        }
    }
    let mut by_model: HashMap<&str, usize> = HashMap::new();
    for (at, cut) in new.iter().enumerate().filter(|(at, _)| taken.get(*at) == Some(&false)) {
        if let Some(model) = judge.new_model(cut) {
            by_model.insert(model, at);
        }
    }
    for (cut, partner) in old.iter().zip(&mut partners).filter(|(_, partner)| partner.is_none()) {
        *partner = judge.old_model(cut).and_then(|model| by_model.remove(model));
    }
    partners
}

type Names<'a> = HashMap<&'a str, &'a str>;

/// The models by the variables that hold them.
fn names(script: &Script) -> Names<'_> {
    script.models.iter().map(|model| (model.variable.as_str(), model.name.as_str())).collect()
}

fn model<'a>(cut: &Cut<'_>, names: &Names<'a>) -> Option<&'a str> {
    match cut.kind {
        Kind::Function(function) => names.get(function.model.as_deref()?).copied(),
        Kind::Other(_) => None,
    }
}

/// Says how sections differ.
struct Judge<'a> {
    old: (&'a Text, &'a Script),
    new: (&'a Text, &'a Script),
    /// The models by the variables that hold them, when somebody has asked.
    names: [OnceCell<Names<'a>>; 2],
    /// Lines that a hand has written and that only one side has.
    edits: [Vec<Lines>; 2],
}

impl<'a> Judge<'a> {
    fn new(old: (&'a Text, &'a Script), new: (&'a Text, &'a Script)) -> Self {
        let lines = |edits: Vec<&Edit>| edits.into_iter().map(|edit| edit.lines).collect();
        let edits = [lines(scripts::edits_only_here(old.1, new.1)), lines(scripts::edits_only_here(new.1, old.1))];
        Self { old, new, names: [OnceCell::new(), OnceCell::new()], edits }
    }

    fn old_model(&self, cut: &Cut<'_>) -> Option<&'a str> {
        model(cut, self.names[0].get_or_init(|| names(self.old.1)))
    }

    fn new_model(&self, cut: &Cut<'_>) -> Option<&'a str> {
        model(cut, self.names[1].get_or_init(|| names(self.new.1)))
    }

    fn section(&self, old: Option<&Cut<'_>>, new: Option<&Cut<'_>>) -> Section {
        let lines = |cut: Option<&Cut<'_>>| cut.map_or(0..0, |cut| cut.lines.clone());
        let part = match new.or(old).map(|cut| cut.kind) {
            Some(Kind::Function(function)) => {
                let name = new.and_then(|cut| self.new_model(cut));
                let name = name.or_else(|| old.and_then(|cut| self.old_model(cut)));
                Part::Function { table: function.table.clone(), model: name.map(str::to_owned) }
            }
            Some(Kind::Other(name)) => Part::Other(name),
            None => Part::Other("heading"),
        };
        Section { part, state: self.state(old, new), old: lines(old), new: lines(new) }
    }

    fn state(&self, old: Option<&Cut<'_>>, new: Option<&Cut<'_>>) -> State {
        let (Some(mine), Some(theirs)) = (old, new) else {
            // Older versions do not tell which models depend on each other.
            let noise = matches!(old.or(new).map(|cut| cut.kind), Some(Kind::Other("cycles")));
            return match old {
                _ if noise && !self.is_edited(old, new) => State::Noise,
                Some(_) => State::Removed,
                None => State::Added,
            };
        };
        if self.old.0.same(&mine.lines, self.new.0, &theirs.lines) {
            State::Equal
        } else if self.is_edited(old, new) || !self.is_noise(mine, theirs) {
            State::Changed
        } else {
            State::Noise
        }
    }

    fn is_edited(&self, old: Option<&Cut<'_>>, new: Option<&Cut<'_>>) -> bool {
        [old, new].into_iter().zip(&self.edits).any(|(cut, edits)| {
            let Some(cut) = cut else { return false };
            // Sorted by their lines, as the script was read.
            let first = edits.partition_point(|lines| (lines.last as usize) <= cut.lines.start);
            edits.get(first).is_some_and(|lines| (lines.first as usize) <= cut.lines.end)
        })
    }

    /// Tells whether parts whose lines differ mean the same.
    fn is_noise(&self, old: &Cut<'_>, new: &Cut<'_>) -> bool {
        let (before, after) = (self.old.1, self.new.1);
        match (old.kind, new.kind) {
            (Kind::Function(former), Kind::Function(function)) => scripts::is_noise(former, function),
            (Kind::Other("heading"), _) => {
                let languages =
                    |script: &'a Script| -> BTreeSet<&str> { script.languages.iter().map(String::as_str).collect() };
                languages(before) == languages(after) && before.languages.first() == after.languages.first()
            }
            (Kind::Other("models"), _) => {
                let models = |script: &'a Script| -> BTreeSet<&str> {
                    script.models.iter().map(|model| model.name.as_str()).collect()
                };
                models(before) == models(after)
            }
            (Kind::Other("load order"), _) => {
                let tables = |script: &'a Script| -> BTreeSet<&str> {
                    let loads = script.loads.iter().filter(|load| !load.skipped).map(|load| load.table.as_str());
                    loads.chain(script.tolerated.iter().map(|tolerated| tolerated.table.as_str())).collect()
                };
                tables(before) == tables(after)
            }
            _ => true,
        }
    }
}
