//! Where every row of a snapshot went: reads two dumps at the same time and lets `dump::account` meet their rows.

mod again;
mod feed;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use self::feed::Feed;
use super::archive::Source;
use super::scan::Subject;
use super::verify::{self, SnapshotError};
use crate::dump::account::{Account, Concluded, Fault, Heads, Joined, Known, Matcher, Plan, Side, explained};
use crate::dump::{Keys, Script};
use crate::messages::line::plain;
use crate::site::Facts;

/// How many tables are read at the same time. Old servers have two cores, and a disk that likes no more.
const READERS: usize = 2;
/// Rows without counterpart that are named for a table.
const SAMPLES: usize = 10;
/// Of so many models or more, a third must be the same in two dumps of one application: users and the like are in all.
const FEW: usize = 5;

/// Accounts for every row of the first dump: a directory, its `restore.py`, or a `snapshot.zip`.
pub fn account(before: &Path, after: &Path) -> Result<Account, SnapshotError> {
    account_knowing(before, after, &Known::default())
}

/// Does the same with what is known of the site.
pub fn account_knowing(before: &Path, after: &Path, known: &Known) -> Result<Account, SnapshotError> {
    let sides = [Dump::open(before)?, Dump::open(after)?];
    same_application(&sides, after)?;
    let [mine, theirs] = &sides;
    let mut tables: Vec<&str> = mine.tables.keys().map(String::as_str).collect();
    let order: BTreeMap<&str, usize> = mine.order();
    tables.sort_by_key(|table| order.get(table).copied());
    let order = theirs.order();
    let mut new: Vec<&str> = theirs.tables.keys().map(String::as_str).collect();
    new.retain(|table| !mine.tables.contains_key(*table));
    new.sort_by_key(|table| order.get(table).copied());
    tables.extend(new);
    let languages = [&mine.script.languages[..], &theirs.script.languages[..]];
    let plans: Vec<Plan> = tables
        .iter()
        .map(|table| Plan::new(table, [mine.script.function(table), theirs.script.function(table)], languages, known))
        .collect();
    let read = read(&sides, &plans)?;
    Ok(conclude(sides, read))
}

/// Returns what the site's own models say about its tables.
#[must_use]
pub fn known(facts: &Facts) -> Known {
    let mut known = Known::default();
    for model in facts.dumped_models() {
        known.keys.insert(model.table.clone(), model.pk.clone());
        let saved = model.fields.iter().filter(|field| field.auto_now).map(|field| field.attname.clone());
        known.saved.insert(model.table.clone(), saved.collect());
    }
    known
}

/// A dump that was opened.
struct Dump {
    source: Source,
    script: Script,
    /// What is wrong with it as a whole.
    problems: Vec<verify::Problem>,
    /// The row files of each table, in their order.
    tables: BTreeMap<String, Vec<String>>,
}

impl Dump {
    fn open(path: &Path) -> Result<Self, SnapshotError> {
        if !path.exists() {
            return Err(SnapshotError::NoSnapshot { path: path.to_owned(), text: "it does not exist".into() });
        }
        let (mut source, script, found) = verify::open(path)?;
        let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut there = false;
        for load in script.loads.iter().filter(|load| !load.skipped) {
            there = there || source.size(&load.file)?.is_some();
            tables.entry(load.table.clone()).or_default().push(load.file.clone());
        }
        if !there && !tables.is_empty() {
            let text = "it has no row file at all: it was made with --simulate".to_owned();
            return Err(SnapshotError::NoSnapshot { path: path.to_owned(), text });
        }
        Ok(Self { source, script, problems: found.problems, tables })
    }

    /// Returns when each table is loaded.
    fn order(&self) -> BTreeMap<&str, usize> {
        self.script.loads.iter().enumerate().rev().map(|(at, load)| (load.table.as_str(), at)).collect()
    }

    fn files(&self, table: &str) -> &[String] {
        self.tables.get(table).map(Vec::as_slice).unwrap_or_default()
    }

    fn models(&self) -> BTreeSet<&str> {
        self.script.models.iter().map(|model| model.name.as_str()).collect()
    }
}

/// Refuses two dumps that have nearly no model in common.
fn same_application(sides: &[Dump; 2], after: &Path) -> Result<(), SnapshotError> {
    let [mine, theirs] = [sides[0].models(), sides[1].models()];
    let fewer = mine.len().min(theirs.len());
    let common = mine.intersection(&theirs).count();
    if fewer >= FEW && 3 * common < fewer {
        let text = format!(
            "only {common} of its {} models are among the {} models of the first dump, so it is of another application",
            theirs.len(),
            mine.len()
        );
        return Err(SnapshotError::NoSnapshot { path: after.to_owned(), text });
    }
    Ok(())
}

/// Reads all tables, the largest first, two at the same time.
fn read(sides: &[Dump; 2], plans: &[Plan]) -> Result<Vec<Concluded>, SnapshotError> {
    let mut sources = [sides[0].source.clone(), sides[1].source.clone()];
    let mut order: Vec<(u64, usize)> = Vec::with_capacity(plans.len());
    for (at, plan) in plans.iter().enumerate() {
        let mut size = 0;
        for (dump, source) in sides.iter().zip(&mut sources) {
            for file in dump.files(&plan.table) {
                size += source.size(file)?.unwrap_or_default();
            }
        }
        order.push((size, at));
    }
    order.sort_unstable_by(|one, other| other.cmp(one));
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    let work = || {
        let mut sources = [sides[0].source.clone(), sides[1].source.clone()];
        while let Some((_, at)) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            let Some(plan) = plans.get(*at) else { continue };
            let files = [sides[0].files(&plan.table), sides[1].files(&plan.table)];
            let read = table(plan, files, &mut sources);
            done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((*at, read));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..READERS {
            scope.spawn(work);
        }
        work();
    });
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, read)| read).collect()
}

/// Accounts for one table.
fn table(plan: &Plan, files: [&[String]; 2], sources: &mut [Source; 2]) -> Result<Concluded, SnapshotError> {
    let mut matcher = Matcher::new(plan, Heads { before: files[0], after: files[1] });
    let [one, other] = sources;
    let (mut mine, mut theirs) = (Feed::new(one, files[0]), Feed::new(other, files[1]));
    loop {
        match (mine.window(), theirs.window()) {
            (Some(before), Some(after)) => {
                let [passed, other] = matcher.meet(before, after);
                mine.pass(passed);
                theirs.pass(other);
            }
            (Some(window), None) => {
                let passed = matcher.rest(Side::Before, window);
                mine.pass(passed);
            }
            (None, Some(window)) => {
                let passed = matcher.rest(Side::After, window);
                theirs.pass(passed);
            }
            (None, None) => break,
        }
    }
    for (side, feed) in [(Side::Before, mine), (Side::After, theirs)] {
        let announced = feed.announced();
        for (file, message) in feed.troubles() {
            matcher.problem(side, file, None, &message);
        }
        let rows = matcher.rows(side);
        if let Some((count, file)) = announced.filter(|(count, _)| *count != rows) {
            let message =
                format!("Table {} should have {count} rows and has {rows}: the dump is not whole.", plan.table);
            matcher.problem(side, file, None, &message);
        }
    }
    let joined = matcher.join();
    look_again(&mut matcher, &joined, files, sources)?;
    doubles(&mut matcher, plan, files, sources)?;
    Ok(matcher.conclude(&joined))
}

/// Reads the rows again whose values have to be looked at.
fn look_again(
    matcher: &mut Matcher<'_>,
    joined: &Joined,
    files: [&[String]; 2],
    sources: &mut [Source; 2],
) -> Result<(), SnapshotError> {
    let mut done = 0;
    while done < joined.pairs().len() {
        let batch = again::Batch::read(joined, done, files[0], &mut sources[0])?;
        batch.meet(joined, done, files, &mut sources[1], matcher)?;
        done += batch.len();
    }
    for (side, places) in Side::BOTH.into_iter().zip(joined.lonely(SAMPLES)) {
        let at = side as usize;
        let (Some(source), Some(files)) = (sources.get_mut(at), files.get(at)) else { continue };
        again::read(source, files, &places, &mut |index, line, text| {
            if let Some(place) = places.get(index) {
                matcher.alone(side, (*place, line), text);
            }
            true
        })?;
    }
    Ok(())
}

/// Names the rows whose keys come twice.
fn doubles(
    matcher: &mut Matcher<'_>,
    plan: &Plan,
    files: [&[String]; 2],
    sources: &mut [Source; 2],
) -> Result<(), SnapshotError> {
    for (side, source) in Side::BOTH.into_iter().zip(sources) {
        let twice = matcher.twice(side).clone();
        if twice.is_empty() {
            continue;
        }
        let wanted = |key| twice.contains(key);
        let mut seen = std::collections::HashSet::new();
        let mut told = false;
        for (at, name) in files.get(side as usize).into_iter().copied().flatten().enumerate() {
            let subject = Subject { name, table: &plan.table, key: plan.key(side) };
            for problem in source.with(name, |file| subject.doubles(file, &wanted, &mut seen))?.unwrap_or_default() {
                matcher.problem(side, at, problem.line, &problem.message);
                told = true;
            }
        }
        if !told {
            let message = format!("Table {} has keys that come twice.", plan.table);
            matcher.problem(side, 0, None, &message);
        }
    }
    Ok(())
}

/// Brings the tables together.
fn conclude(sides: [Dump; 2], read: Vec<Concluded>) -> Account {
    let mut problems = Vec::new();
    for (side, dump) in Side::BOTH.into_iter().zip(&sides) {
        problems.extend(dump.problems.iter().map(|problem| Fault {
            side,
            path: plain(problem.path.as_bytes()).into_owned(),
            line: problem.line,
            message: problem.message.clone(),
        }));
    }
    let mut tables = Vec::with_capacity(read.len());
    let mut lone: Vec<(usize, Keys)> = Vec::new();
    for (at, one) in read.into_iter().enumerate() {
        problems.extend(one.problems);
        for (side, count) in Side::BOTH.into_iter().zip(one.left_out).filter(|(_, count)| *count > 0) {
            let message = format!("{count} more problems of table {} are not listed.", one.account.table);
            let path = sides.get(side as usize).and_then(|dump| dump.files(&one.account.table).first());
            problems.push(Fault { side, path: path.cloned().unwrap_or_default(), line: None, message });
        }
        lone.extend(one.lone.map(|keys| (at, keys)));
        tables.push(one.account);
    }
    let [mine, theirs] = &sides;
    for table in tables.iter_mut().filter(|table| table.missing > 0 && table.unreadable[1] == 0) {
        table.explained = explained(&table.table, !theirs.files(&table.table).is_empty()).map(str::to_owned);
    }
    let names: Vec<String> = tables.iter().map(|table| table.table.clone()).collect();
    for (old, new) in renamed(&lone, &names, [&mine.script, &theirs.script]) {
        for (one, other) in [(old, new), (new, old)] {
            if let (Some(table), Some(name)) = (tables.get_mut(one), names.get(other)) {
                table.same_keys_as = Some(name.clone());
            }
        }
    }
    let mut account = Account::of(tables);
    account.problems = problems;
    account.source_version = sides.map(|dump| dump.script.source_version);
    account
}

/// Pairs tables that are in one dump only, and have the same keys and about the same fields.
fn renamed(lone: &[(usize, Keys)], names: &[String], scripts: [&Script; 2]) -> Vec<(usize, usize)> {
    let fields = |script: &Script, at: usize| -> BTreeSet<String> {
        let function = names.get(at).and_then(|table| script.function(table));
        function
            .map(|it| it.parameters.iter().map(|parameter| parameter.name.to_string()).collect())
            .unwrap_or_default()
    };
    let has = |script: &Script, at: usize| names.get(at).is_some_and(|table| script.function(table).is_some());
    let gone = lone.iter().filter(|(at, _)| has(scripts[0], *at) && !has(scripts[1], *at));
    let mut pairs = Vec::new();
    for (old, keys) in gone {
        let mine = fields(scripts[0], *old);
        let alike = lone.iter().filter(|(new, others)| {
            let theirs = fields(scripts[1], *new);
            !has(scripts[0], *new) && keys == others && 2 * mine.intersection(&theirs).count() > mine.len()
        });
        let found: Vec<usize> = alike.map(|(new, _)| *new).collect();
        if let [new] = found[..] {
            pairs.push((*old, new));
        }
    }
    pairs
}

#[cfg(test)]
mod tests;
