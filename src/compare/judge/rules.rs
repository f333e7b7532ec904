//! The code that a restore runs for each row: what Lino and the application check, compute or refuse there.
//!
//! Nobody can read from code what it refuses. That it is the same as before is proof enough; where it is not, only
//! running it tells.

use std::collections::{BTreeMap, BTreeSet};

use super::super::difference::{Change, Class, Difference, Subject};
use super::super::evidence::{Effect, Found, Source, Touched};
use super::super::model::{Model, Models};
use super::Sources;
use super::ground::named;

/// Names that are told of a longer list.
const NAMED: usize = 3;

/// Returns what changed for tables whose rows the snapshot has: for each model what it alone runs, and for the site
/// what several models run.
pub fn found(sources: &Sources) -> Vec<Found> {
    let Ok([before, after]) = &sources.models else { return Vec::new() };
    let loaded = |model: &&Model| {
        let dumped = sources.script.as_ref().is_none_or(|script| script.function(&model.table).is_some());
        model.has_table() && dumped
    };
    let mut users: BTreeMap<&str, Vec<(&Model, u64)>> = BTreeMap::new();
    let mut unknown: Vec<(&Model, u64)> = Vec::new();
    for model in after.models.iter().filter(loaded) {
        // A new model has no rows; one of another table is told of as that.
        let Some(former) = named(before, &model.model) else { continue };
        let rows = sources.rows_of(&former.table).unwrap_or(0);
        if rows == 0 {
            continue;
        }
        match changed((before, former), (after, model)) {
            Some(names) => names.into_iter().for_each(|name| users.entry(name).or_default().push((model, rows))),
            None => unknown.push((model, rows)),
        }
    }
    let mut alone: BTreeMap<&str, (u64, Vec<&str>)> = BTreeMap::new();
    let mut shared: (BTreeMap<&str, u64>, Vec<&str>) = Default::default();
    for (function, models) in users {
        if let [(model, rows)] = models.as_slice() {
            let (known, functions) = alone.entry(&model.model).or_default();
            *known = *rows;
            functions.push(function);
        } else {
            shared.0.extend(models.iter().map(|(model, rows)| (model.model.as_str(), *rows)));
            shared.1.push(function);
        }
    }
    let of_model = |(model, (rows, functions)): (&str, (u64, Vec<&str>))| {
        let text = format!("{model} runs other code for each row: {}.", listed(&functions));
        finding(Subject::Model(model.to_owned()), functions, text, rows)
    };
    let mut found: Vec<Found> = alone.into_iter().map(of_model).collect();
    let (models, functions) = shared;
    if !functions.is_empty() {
        let text = format!("{} models run other code for each row: {}.", models.len(), listed(&functions));
        found.push(finding(Subject::Site, functions, text, models.values().sum()));
    }
    if !unknown.is_empty() {
        let models: Vec<&str> = unknown.iter().map(|(model, _)| model.model.as_str()).collect();
        let text = format!("Nobody knows whether other code runs for each row of {}.", listed(&models));
        found.push(finding(Subject::Site, Vec::new(), text, unknown.iter().map(|(_, rows)| rows).sum()));
    }
    found
}

/// Returns the functions that are new for a model or written otherwise; none when one version could not say. What does
/// not run any more refuses nothing.
fn changed<'a>(
    (before, former): (&Models, &Model),
    (after, model): (&'a Models, &'a Model),
) -> Option<BTreeSet<&'a str>> {
    let known = |models: &Models, model: &Model| models.rules.is_some() && model.rules.is_some();
    if !known(before, former) || !known(after, model) {
        return None;
    }
    let print = |models: &'a Models, name: &str| models.rules.as_ref().and_then(|rules| rules.get(name));
    let ran = former.rules.iter().flatten().collect::<BTreeSet<_>>();
    let is_new = |name: &&String| {
        let former = before.rules.as_ref().and_then(|rules| rules.get(name.as_str()));
        !ran.contains(name) || former != print(after, name)
    };
    Some(model.rules.iter().flatten().filter(is_new).map(String::as_str).collect())
}

fn finding(subject: Subject, functions: Vec<&str>, sentence: String, rows: u64) -> Found {
    let text = if rows == 1 { "it may refuse the row".to_owned() } else { format!("it may refuse any of {rows} rows") };
    let functions = functions.into_iter().map(ToOwned::to_owned).collect();
    Found {
        sources: vec![Source::Models],
        difference: Difference {
            class: Class::DataDependent,
            subject,
            change: Change::Code { functions },
            sentence,
            questions: Vec::new(),
        },
        touched: Touched::Unknown(text),
        examples: Vec::new(),
        effect: Effect::Unknown,
        remedy: Some("Only a restore or a rehearsal runs this code and tells which rows it refuses.".to_owned()),
    }
}

fn listed(names: &[&str]) -> String {
    let first = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}
