//! Failures from the log of a restore. The log tells models, messages and keys; where the rows lie and what they point
//! to is known by whoever reads the snapshot.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::failure::{Failure, Phase, Point};
use super::said::{Said, VALIDATION};
use super::targets::Targets;
use super::wording::Wording;
use crate::dump::Script;
use crate::messages::{Crash, FailureCause, Judgement, Refusals, Traced};

/// Joined keys that are looked at when a list of keys cannot be told apart by itself.
const MOST_JOINED: usize = 20_000;

/// What the dump script tells of models and tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    /// The table of each model.
    pub of_model: BTreeMap<String, String>,
    /// The model of each table.
    pub models: BTreeMap<String, String>,
    /// The models that a model is known to depend on (since 25.8, for those in a circle).
    pub depends_on: BTreeMap<String, Vec<String>>,
    /// The row files, with their tables.
    pub files: BTreeMap<String, String>,
}

impl Tables {
    /// Reads it from a dump script.
    #[must_use]
    pub fn of(script: &Script) -> Self {
        let mut found = Self::default();
        for function in &script.functions {
            if let Some(model) = script.model_of(function) {
                found.of_model.insert(model.to_owned(), function.table.clone());
                found.models.insert(function.table.clone(), model.to_owned());
            }
        }
        for load in script.loads.iter().filter(|load| !load.skipped) {
            found.files.insert(load.file.clone(), load.table.clone());
        }
        for cycle in &script.cycles {
            found.depends_on.insert(cycle.model.clone(), cycle.depends_on.clone());
        }
        found
    }
}

/// A row of the snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The row file.
    pub file: String,
    /// The line, from 1.
    pub line: u64,
    /// Its key; for a row that was asked for by its place.
    pub key: String,
    /// Foreign keys that are set: the field, the model where it is known, and the value.
    pub points: Vec<(String, Option<String>, String)>,
}

/// Rows that a log names, to be looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Keys by table; some may be only parts of keys, or several together.
    pub keys: BTreeMap<String, HashSet<String>>,
    /// A row by its file and line: the one at which a restore ended.
    pub place: Option<(String, u64)>,
}

/// The rows that were found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// By table and key.
    pub by_key: HashMap<String, HashMap<String, Found>>,
    /// The row that was asked for by its place.
    pub at_place: Option<Found>,
}

impl Rows {
    fn get(&self, table: &str, key: &str) -> Option<&Found> {
        self.by_key.get(table)?.get(key)
    }
}

/// The failures of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logged {
    /// The failures, by file and line; those whose rows are not in the snapshot come first, without file.
    pub failures: Vec<Failure>,
    /// The row at which the restore ended, as a place among the failures.
    pub fatal: Option<usize>,
    /// Models that the log names and the dump script does not know.
    pub unknown_models: Vec<String>,
    /// Rows that the log names and the snapshot does not have.
    pub missing: usize,
}

/// One message about rows of one model.
struct Entry<'a> {
    model: String,
    message: &'a str,
    count: usize,
    keys: &'a str,
    object: Option<&'a str>,
}

/// Returns the rows that have to be looked for.
#[must_use]
pub fn wanted(refusals: &Refusals, tables: &Tables) -> Wanted {
    let mut found = Wanted { place: place(refusals, tables), ..Wanted::default() };
    for entry in entries(refusals, tables) {
        let Some(table) = tables.of_model.get(&entry.model) else { continue };
        let keys = found.keys.entry(table.clone()).or_default();
        keys.extend(candidates(entry.keys, entry.count));
    }
    found
}

/// Makes failures of what a log tells and of the rows that were found.
#[must_use]
pub fn failures(refusals: &Refusals, tables: &Tables, rows: &Rows) -> Logged {
    let mut logged = Logged::default();
    let mut known: HashSet<(String, String)> = HashSet::new();
    let mut traces = Traces::of(refusals);
    let objects: HashMap<(&str, &str), &str> = refusals
        .deferred
        .iter()
        .map(|deferred| ((deferred.class.as_str(), deferred.key.as_str()), deferred.object.as_str()))
        .collect();
    for entry in entries(refusals, tables) {
        let table = tables.of_model.get(&entry.model);
        if table.is_none() && !logged.unknown_models.contains(&entry.model) {
            logged.unknown_models.push(entry.model.clone());
        }
        let table = table.cloned().unwrap_or_else(|| entry.model.replace('.', "_").to_lowercase());
        let said = Said::read(entry.message).shortened();
        let class = class_of(&entry.model);
        let (exception, mut traceback) = traces.of_message(class, entry.message, &said);
        for key in keys(entry.keys, entry.count, &|key| rows.get(&table, key).is_some()) {
            if !known.insert((entry.model.clone(), key.clone())) {
                continue;
            }
            let row = rows.get(&table, &key);
            logged.missing += usize::from(row.is_none());
            let own = entry.object.or_else(|| objects.get(&(class, key.as_str())).copied());
            logged.failures.push(Failure {
                model: Some(entry.model.clone()),
                table: table.clone(),
                file: row.map(|row| row.file.clone()).unwrap_or_default(),
                line: row.map_or(0, |row| row.line),
                phase: Phase::Save,
                exception: exception.clone(),
                messages: said.messages.clone(),
                object: said.object.clone().or_else(|| own.map(str::to_owned)),
                points: row.map(points).unwrap_or_default(),
                traceback: traceback.take(),
                forbidden: false,
                key,
            });
        }
    }
    let fatal = refusals.crash.as_ref().and_then(|crash| fatal(crash, refusals, tables, rows));
    let at = fatal.as_ref().map(|failure| (failure.file.clone(), failure.line));
    logged.failures.retain(|failure| fatal.is_none() || at.as_ref() != Some(&(failure.file.clone(), failure.line)));
    logged.failures.extend(fatal);
    logged.failures.sort_by(|one, other| (&one.file, one.line).cmp(&(&other.file, other.line)));
    logged.fatal = at.and_then(|at| logged.failures.iter().position(|row| (&row.file, row.line) == (&at.0, at.1)));
    Targets::of(tables, &logged.failures).aim(&mut logged.failures);
    logged
}

/// The lines of the log that name rows: the list of those given up; else, where the log has no such list, those that
/// waited last.
fn entries<'a>(refusals: &'a Refusals, tables: &Tables) -> Vec<Entry<'a>> {
    if !refusals.unsaved.is_empty() {
        let entry = |line: &'a crate::messages::Unsaved| Entry {
            model: line.model.clone(),
            message: &line.message,
            count: usize::try_from(line.count).unwrap_or(usize::MAX),
            keys: &line.keys,
            object: None,
        };
        return refusals.unsaved.iter().filter(|line| line.count > 0).map(entry).collect();
    }
    let class = match (&refusals.reading.judgement, &refusals.crash) {
        // What waits when too much waits is the reason.
        (Judgement::Failed { cause: FailureCause::TooManyDeferred, .. }, Some(crash)) => {
            let model = crash.table.as_ref().and_then(|table| tables.models.get(table));
            Some(model.map_or(String::new(), |model| class_of(model).to_owned()))
        }
        // A log file does not have what is printed on the error channel.
        (Judgement::Failed { .. }, None) if refusals.reading.fatal.is_none() => None,
        _ => return Vec::new(),
    };
    let mut models: HashMap<&str, &String> = HashMap::new();
    for model in tables.of_model.keys() {
        models.entry(class_of(model)).or_insert(model);
    }
    let entry = |deferred: &'a crate::messages::Deferred| Entry {
        model: models.get(deferred.class.as_str()).map_or_else(|| deferred.class.clone(), |model| (*model).clone()),
        message: &deferred.message,
        count: 1,
        keys: &deferred.key,
        object: Some(&deferred.object),
    };
    refusals
        .deferred
        .iter()
        .filter(|deferred| class.as_ref().is_none_or(|class| *class == deferred.class))
        .map(entry)
        .collect()
}

fn class_of(model: &str) -> &str {
    model.rsplit('.').next().unwrap_or(model)
}

/// The row at which the restore ended: the innermost row file of its traceback.
fn place(refusals: &Refusals, tables: &Tables) -> Option<(String, u64)> {
    let traced = &refusals.crash.as_ref()?.traced;
    // Without one of these, the file itself is at fault.
    if !traced.in_create && !traced.in_save && !traced.exceptions.iter().any(|(name, _)| name == "TypeError") {
        return None;
    }
    traced.modules.iter().rev().find(|(file, _)| tables.files.contains_key(file)).cloned()
}

fn fatal(crash: &Crash, refusals: &Refusals, tables: &Tables, rows: &Rows) -> Option<Failure> {
    let (file, line) = place(refusals, tables)?;
    let table = tables.files.get(&file)?.clone();
    let row = rows.at_place.as_ref();
    let traced = &crash.traced;
    let waits = matches!(refusals.reading.judgement, Judgement::Failed { cause: FailureCause::TooManyDeferred, .. });
    let phase = match (traced.in_save, waits) {
        (_, true) => Phase::Save,
        (true, _) => Phase::Stop,
        (false, _) => Phase::Create,
    };
    // Lino wraps what a row was refused for; what its code raises while a row is made stands for itself.
    let (exception, message) = if phase == Phase::Create { traced.exceptions.last() } else { root(traced) }?;
    let said = Said::read(message).shortened();
    let model = tables.models.get(&table).filter(|_| !message.contains("UnresolvedModel"));
    Some(Failure {
        model: model.cloned(),
        table,
        key: row.map(|row| row.key.clone()).unwrap_or_default(),
        file,
        line,
        phase,
        exception: exception.clone(),
        messages: said.messages,
        object: said.object,
        points: row.map(points).unwrap_or_default(),
        traceback: Some(traced.text.trim_end().to_owned()),
        forbidden: false,
    })
}

/// The exception below those that Lino made of it.
fn root(traced: &Traced) -> Option<&(String, String)> {
    let wrapped = |text: &str| text.starts_with("Failed to save ") || text.starts_with("More than ");
    traced.exceptions.iter().rev().find(|(_, message)| !wrapped(message))
}

fn points(row: &Found) -> Vec<Point> {
    let point = |(field, model, value): &(String, Option<String>, String)| {
        Point(field.clone(), model.clone().unwrap_or_default(), value.clone())
    };
    row.points.iter().map(point).collect()
}

/// Exceptions by what they say: the list of rows that were given up names no classes.
struct Traces<'a> {
    by_class: HashMap<&'a str, Vec<Kind<'a>>>,
}

/// Exceptions of one class about rows of one class.
struct Kind<'a> {
    exception: &'a str,
    /// What they all say.
    frame: String,
    /// The traceback, until somebody has it.
    traced: Option<&'a Traced>,
}

impl<'a> Traces<'a> {
    fn of(refusals: &'a Refusals) -> Self {
        let mut by_class: HashMap<&str, Vec<_>> = HashMap::new();
        for ((class, exception), traced) in &refusals.traces {
            let text = traced.exceptions.last().map_or("", |(_, text)| text);
            by_class.entry(class).or_default().push(Kind { exception, frame: frame(text), traced: Some(traced) });
        }
        Self { by_class }
    }

    /// Returns the class of the exception, and its traceback when nobody had it yet.
    fn of_message(&mut self, class: &str, message: &str, said: &Said) -> (String, Option<String>) {
        let frame = frame(message);
        let same =
            |kind: &&mut Kind<'_>| if said.validation { kind.exception == VALIDATION } else { kind.frame == frame };
        if let Some(kind) = self.by_class.get_mut(class).and_then(|all| all.iter_mut().find(same)) {
            let text = kind.traced.take().map(|traced| traced.text.trim_end().to_owned());
            return (kind.exception.to_owned(), text);
        }
        // One of another model says the same.
        let other = self.by_class.values().flatten().find(|kind| kind.frame == frame);
        let exception = match (said.validation, other) {
            (true, _) => VALIDATION,
            (false, Some(kind)) => kind.exception,
            (false, None) => "",
        };
        (exception.to_owned(), None)
    }
}

/// What a message says, but for what may be the row's own.
fn frame(message: &str) -> String {
    Wording::of(message.lines().next().unwrap_or_default(), None).frame
}

/// Everything that may be a key in a list of so many keys: they are joined by what a key may hold, too.
fn candidates(keys: &str, count: usize) -> Vec<String> {
    let parts: Vec<&str> = keys.split(", ").collect();
    if count == 1 {
        return vec![keys.to_owned()];
    }
    let longest = parts.len().saturating_sub(count) + 1;
    if longest == 1 || longest.saturating_mul(parts.len()) > MOST_JOINED {
        return parts.into_iter().map(str::to_owned).collect();
    }
    let runs = (0..parts.len())
        .flat_map(|start| (start + 1..=(start + longest).min(parts.len())).map(move |end| (start, end)));
    runs.filter_map(|(start, end)| parts.get(start..end)).map(|run| run.join(", ")).collect()
}

/// Tells the keys of a list apart. `known` tells which rows there are.
fn keys(keys: &str, count: usize, known: &dyn Fn(&str) -> bool) -> Vec<String> {
    let parts: Vec<&str> = keys.split(", ").collect();
    if count == 1 {
        return vec![keys.to_owned()];
    }
    let extra = parts.len().saturating_sub(count);
    let apart = || parts.iter().map(|part| (*part).to_owned()).collect();
    if extra == 0 || (extra + 1).saturating_mul(parts.len()) > MOST_JOINED {
        return apart();
    }
    let mut found = Vec::new();
    let (mut at, mut extra) = (0, extra);
    while at < parts.len() {
        // The longest run that is a key: its beginning may be one by chance.
        let run = (1..=extra + 1).rev().find_map(|length| {
            let text = parts.get(at..at + length)?.join(", ");
            known(&text).then_some((length, text))
        });
        let (length, text) = run.unwrap_or_else(|| (1, parts.get(at).copied().unwrap_or_default().to_owned()));
        found.push(text);
        at += length;
        extra -= length - 1;
    }
    if found.len() == count { found } else { apart() }
}
