//! What differs between two scripts and means nothing for the rows: versions, imports, order, how files are cut.

use std::collections::BTreeSet;

use foldhash::{HashMap, HashMapExt, HashSet};

use super::super::difference::{Change, Class, Difference, Subject};
use super::named;
use super::side::Side;
use crate::dump::Script;

/// Tells whether a statement is the one that keeps a simulated dump from being restored.
pub(super) fn is_ours(text: &str) -> bool {
    text.starts_with("raise SystemExit(") && text.ends_with("# lino-upgrade")
}

/// Finds the noise that belongs to no single function.
pub(super) fn compare(old: &Side<'_>, new: &Side<'_>, found: &mut Vec<Difference>) {
    let mut say = |sentence: &str, from: Option<String>, to: Option<String>| {
        if from != to {
            let change = Change::Written { from, to };
            let (class, subject) = (Class::Noise, Subject::Site);
            found.push(Difference { class, subject, change, sentence: sentence.to_owned(), questions: Vec::new() });
        }
    };
    let (before, after) = (old.script, new.script);
    if let (Some(from), Some(to)) = (&before.source_version, &after.source_version) {
        let sentence = format!("The version of the application is {to} instead of {from}.");
        say(&sentence, Some(from.clone()), Some(to.clone()));
    }
    let (from, to) = (&before.header, &after.header);
    say("The scripts were written by other programs.", from.written_by.clone(), to.written_by.clone());
    say("The settings module has another name.", from.settings_module.clone(), to.settings_module.clone());
    say("The time zone of the settings is another one.", from.time_zone.clone(), to.time_zone.clone());
    say("The versions of plugins differ.", from.other_sources.clone(), to.other_sources.clone());
    say("The scripts import different things.", imports(before), imports(after));
    say("Only one script ends at once, because it is a simulated dump.", stop(before), stop(after));
    if before.cut_off.is_none() && after.cut_off.is_none() {
        say("The loader is made otherwise.", loader(before), loader(after));
        say("The scripts have different options on the command line.", options(before), options(after));
        say(
            "Other models depend on each other in circles, or they are told otherwise.",
            circles(before),
            circles(after),
        );
        let (from, to) =
            common(before, after, |script| script.models.iter().map(|model| model.name.as_str()).collect());
        say("The models are looked up in another order.", from, to);
        let (from, to) = common(before, after, functions);
        say("The create functions have another order.", from, to);
        let (from, to) = common(before, after, loads);
        say("The tables are loaded in another order.", from, to);
        split(before, after, &mut say);
    }
    let known = |language: &&String| after.languages.contains(language);
    let from: Vec<&str> = before.languages.iter().filter(known).map(String::as_str).collect();
    let to = after.languages.iter().filter(|language| before.languages.contains(language));
    let to: Vec<&str> = to.map(String::as_str).collect();
    // Another main language is more than noise, and told elsewhere.
    if before.languages.first() == after.languages.first() {
        say("The languages have another order.", Some(from.join(", ")), Some(to.join(", ")));
    }
    tolerated(before, after, &mut say);
}

fn joined<'a>(parts: impl Iterator<Item = &'a str>) -> Option<String> {
    let joined = parts.collect::<Vec<_>>().join("; ");
    (!joined.is_empty()).then_some(joined)
}

fn imports(script: &Script) -> Option<String> {
    joined(script.imports.iter().map(|import| import.text.as_str()).collect::<BTreeSet<_>>().into_iter())
}

fn loader(script: &Script) -> Option<String> {
    let loader = script.loader.as_ref()?;
    let say = |name: &str, value: &Option<String>| value.as_ref().map(|value| format!("{name}={value}"));
    let said: Vec<String> =
        [say("quick", &loader.quick), say("strict", &loader.strict)].into_iter().flatten().collect();
    Some(said.join(", "))
}

fn options(script: &Script) -> Option<String> {
    joined(script.options.iter().flat_map(|option| &option.names).map(String::as_str))
}

fn stop(script: &Script) -> Option<String> {
    script.edits.iter().find(|edit| is_ours(&edit.text)).map(|edit| edit.text.clone())
}

fn circles(script: &Script) -> Option<String> {
    let lines: BTreeSet<String> =
        script.cycles.iter().map(|cycle| format!("{}: {}", cycle.model, cycle.depends_on.join(", "))).collect();
    joined(lines.iter().map(String::as_str))
}

fn functions(script: &Script) -> Vec<&str> {
    script.functions.iter().map(|function| function.table.as_str()).collect()
}

/// The tables in the order in which they are loaded.
fn loads(script: &Script) -> Vec<&str> {
    let mut tables: Vec<&str> =
        script.loads.iter().filter(|load| !load.skipped).map(|load| load.table.as_str()).collect();
    tables.dedup();
    tables
}

/// What both have, in the order of each.
fn common(
    before: &Script,
    after: &Script,
    list: impl for<'a> Fn(&'a Script) -> Vec<&'a str>,
) -> (Option<String>, Option<String>) {
    let (from, to) = (list(before), list(after));
    if from == to {
        return (None, None);
    }
    let (mine, theirs): (HashSet<&str>, HashSet<&str>) = (from.iter().copied().collect(), to.iter().copied().collect());
    let from = || from.iter().copied().filter(|name| theirs.contains(name));
    let to = || to.iter().copied().filter(|name| mine.contains(name));
    if from().eq(to()) { (None, None) } else { (joined(from()), joined(to())) }
}

/// The tables that are split, and into how many row files.
fn parts(script: &Script) -> HashMap<&str, usize> {
    let mut parts = HashMap::new();
    for load in script.loads.iter().filter(|load| load.part.is_some()) {
        *parts.entry(load.table.as_str()).or_insert(0) += 1;
    }
    parts
}

/// Tables whose number of rows has crossed 50,000 are written to several files.
fn split(before: &Script, after: &Script, say: &mut impl FnMut(&str, Option<String>, Option<String>)) {
    let (from, to) = (parts(before), parts(after));
    let loads = |script: &Script, table: &str| script.loads.iter().any(|load| !load.skipped && load.table == table);
    let tables: BTreeSet<&str> = from.keys().chain(to.keys()).copied().collect();
    let others: Vec<&str> = tables
        .into_iter()
        .filter(|table| from.get(table) != to.get(table) && loads(before, table) && loads(after, table))
        .collect();
    if !others.is_empty() {
        let sentence = format!("The rows of {} are in other row files.", named(&others));
        say(&sentence, None, Some(others.join(", ")));
    }
}

/// The new version counts the rows of tables that it does not have yet.
fn tolerated(before: &Script, after: &Script, say: &mut impl FnMut(&str, Option<String>, Option<String>)) {
    let known: BTreeSet<&str> = before.tolerated.iter().map(|tolerated| tolerated.table.as_str()).collect();
    let tables: Vec<&str> = after.tolerated.iter().map(|tolerated| tolerated.table.as_str()).collect();
    let tables: Vec<&str> = tables.into_iter().filter(|table| !known.contains(table)).collect();
    if !tables.is_empty() {
        let sentence = format!("The new version met an error of the database when it counted {}.", named(&tables));
        say(&sentence, None, Some(tables.join(", ")));
    }
}
