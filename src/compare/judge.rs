//! Brings together what all sources say, what was counted, and what the restore would do: the evidence.
//!
//! First [`merge`] what the sources say of the same thing, then let somebody count the rows of [`Merged::questions`],
//! then [`Evidence::gather`].

mod effect;
mod ground;
mod guesses;
mod keys;
mod merge;
mod parents;
mod pointers;
mod remedy;
mod rules;
#[cfg(test)]
mod tests;
mod verdict;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::catalogue::Catalogue;
use super::count::{Count, Setting};
use super::difference::{Change, Class, Difference, Guess, Subject};
use super::evidence::{Effect, Evidence, Found, Renaming, Source, Touched, Verdict};
use super::migrator::{Course, End, Migrator};
use super::model::Models;
use super::scripts;
use crate::dump::Script;
use ground::Ground;
pub use merge::{Merged, merge};

/// What a version says of itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Described {
    /// Version of the application.
    pub version: Option<String>,
    /// Its models.
    pub models: Models,
    /// Its migrator.
    pub migrator: Migrator,
}

/// All that could be looked at. What could not is a sentence that says why.
#[derive(Clone, Debug)]
pub struct Looked {
    /// The old version.
    pub before: Result<Described, String>,
    /// The new version.
    pub after: Result<Described, String>,
    /// The snapshot's dump script.
    pub old: Result<Script, String>,
    /// The simulated dump script.
    pub new: Result<Script, String>,
    /// The database's catalogue.
    pub catalogue: Result<Catalogue, String>,
    /// `sqlite`, `postgresql` or `mysql`.
    pub engine: String,
    /// Rows by table in the snapshot.
    pub rows: BTreeMap<String, u64>,
    /// What else could not be looked at: sentences.
    pub left_out: Vec<String>,
}

/// What each source says.
#[derive(Clone, Debug)]
pub struct Sources {
    versions: [Option<String>; 2],
    engine: String,
    script: Option<Script>,
    scripts: Result<scripts::Comparison, String>,
    models: Result<[Models; 2], String>,
    catalogue: Result<Vec<Difference>, String>,
    course: Result<Course, String>,
    rows: BTreeMap<String, u64>,
    /// Rows by table in the database, of tables that no snapshot has.
    pub aside: BTreeMap<String, u64>,
    left_out: Vec<String>,
}

impl Sources {
    /// Lets each source speak for itself.
    #[must_use]
    pub fn new(looked: Looked) -> Self {
        let Looked { before, after, old, new, catalogue, engine, rows, left_out } = looked;
        let version = |script: &Result<Script, String>, described: &Result<Described, String>| {
            let of_script = script.as_ref().ok().and_then(|script| script.source_version.clone());
            of_script.or_else(|| described.as_ref().ok().and_then(|described| described.version.clone()))
        };
        let versions = [version(&old, &before), version(&new, &after)];
        let scripts = match (&old, &new) {
            (Ok(old), Ok(new)) => Ok(scripts::compare(old, new)),
            (Err(why), _) | (_, Err(why)) => Err(why.clone()),
        };
        let course = match (&old, &after) {
            (Ok(old), Ok(after)) => Ok(after.migrator.course(old.source_version.as_deref(), after.version.as_deref())),
            _ => Err("Nobody knows what the migrator would do.".to_owned()),
        };
        let expected = after.as_ref().map(|after| Catalogue::expected(&after.models.models));
        let catalogue = match (catalogue, expected) {
            (Ok(real), Ok(expected)) => Ok(super::catalogue::compare(&real, &expected)),
            (Err(why), _) => Err(why),
            (Ok(_), Err(_)) => Err("Nobody knows which tables the new version expects.".to_owned()),
        };
        let models = match (before, after) {
            (Ok(before), Ok(after)) => Ok([before.models, after.models]),
            (Err(why), _) | (_, Err(why)) => Err(why),
        };
        let aside = BTreeMap::new();
        Self { versions, engine, script: old.ok(), scripts, models, catalogue, course, rows, aside, left_out }
    }

    /// Returns how row files are to be read; none without the snapshot's dump script.
    #[must_use]
    pub fn setting<'a>(&'a self, keys: &'a BTreeMap<String, String>) -> Option<Setting<'a>> {
        Some(Setting { script: self.script.as_ref()?, engine: &self.engine, keys })
    }

    /// Returns by table the value of a row that is its primary key.
    #[must_use]
    pub fn keys(&self) -> BTreeMap<String, String> {
        let models = self.models.iter().flat_map(|[before, _]| &before.models);
        models.filter(|model| model.has_table()).map(|model| (model.table.clone(), model.pk.clone())).collect()
    }

    /// Returns the tables that are asked about and that the snapshot does not have: their rows are to be counted in
    /// the database, for [`Self::aside`].
    #[must_use]
    pub fn tables_aside(&self, merged: &[Merged]) -> BTreeSet<String> {
        let asked = merged.iter().flat_map(|merged| &merged.difference.questions).map(|question| &question.table);
        let dumped = |table: &str| self.script.as_ref().is_some_and(|script| script.function(table).is_some());
        asked.filter(|table| !dumped(table)).cloned().collect()
    }

    /// Returns where in the load order a table comes first.
    fn place_of(&self, table: &str) -> Option<usize> {
        self.script.as_ref()?.loads.iter().position(|load| load.table == table && !load.skipped)
    }

    /// Returns the rows of a table; none when nobody counted them.
    fn rows_of(&self, table: &str) -> Option<u64> {
        self.rows.get(table).or_else(|| self.aside.get(table)).copied().or_else(|| {
            // A table without rows has a row file, too; one that has none is not dumped.
            self.script.as_ref().filter(|script| script.loads.iter().any(|load| load.table == table)).map(|_| 0)
        })
    }
}

impl Evidence {
    /// Gathers the evidence and judges it. `counts` answers the questions of `merged`, in the same order.
    #[must_use]
    pub fn gather(sources: &Sources, merged: Vec<Merged>, counts: Vec<Count>) -> Self {
        let rules = rules::found(sources);
        let said = said(sources, &merged, &rules);
        let mut counts = counts.into_iter();
        let mut found: Vec<Found> = merged
            .into_iter()
            .map(|merged| {
                settle(sources, merged, counts.next().unwrap_or_else(|| Count::unknown("nobody counted them")))
            })
            .collect();
        found.extend(sources.course.as_ref().ok().and_then(of_migrator));
        found.extend(rules);
        found.sort_by(|one, other| {
            let place = |found: &Found| {
                let (first, second) = found.difference.subject.place();
                (first.to_owned(), second.to_owned())
            };
            other.difference.class.cmp(&one.difference.class).then_with(|| place(one).cmp(&place(other)))
        });
        let (noise, found) = found.into_iter().partition(|found| found.difference.class == Class::Noise);
        let mut left_out = sources.left_out.clone();
        left_out.extend(sources.scripts.as_ref().map_or_else(|why| vec![why.clone()], |it| it.left_out.clone()));
        left_out.extend(sources.models.as_ref().err().cloned());
        left_out.extend(sources.catalogue.as_ref().err().cloned());
        left_out.extend(sources.course.as_ref().err().cloned());
        let mut evidence = Self {
            versions: sources.versions.clone(),
            verdict: Verdict::Restore,
            sentence: String::new(),
            found,
            noise,
            renamings: Vec::new(),
            said,
            left_out,
        };
        evidence.renamings = evidence.guesses(sources);
        evidence.judge();
        evidence
    }

    fn guesses(&self, sources: &Sources) -> Vec<Renaming> {
        let of_models = sources.models.as_ref().map(|[before, after]| super::models::compare(before, after).guesses);
        let of_scripts = sources.scripts.iter().flat_map(|scripts| scripts.guesses.clone());
        let of_scripts = of_scripts.filter_map(|guess| guesses::checked(sources, guess));
        let mut renamings: Vec<Renaming> = Vec::new();
        for guess in of_models.into_iter().flatten().chain(of_scripts) {
            if !renamings.iter().any(|known| known.guess.from == guess.from && known.guess.to == guess.to) {
                renamings.push(Renaming { guess: self.with_rows(guess, sources), decided: None });
            }
        }
        renamings
    }

    /// Adds how many rows a guess is about. Values cannot be compared before they are loaded.
    fn with_rows(&self, guess: Guess, sources: &Sources) -> Guess {
        let ground = Ground::new(sources, &guess.from);
        let rows = ground.table.as_deref().and_then(|table| sources.rows_of(table));
        let gone = self
            .found
            .iter()
            .chain(&self.noise)
            .find(|found| found.difference.subject == guess.from && found.difference.change == Change::Removed);
        let text = match (&guess.from, gone.map(|found| &found.touched), rows) {
            (Subject::Field(..), Some(Touched::Rows(touched)), Some(rows)) => {
                format!(" {touched} of {rows} rows have a value.")
            }
            (Subject::Model(_), _, Some(rows)) => format!(" It has {rows} rows."),
            _ => String::new(),
        };
        Guess { because: guess.because + &text, ..guess }
    }
}

/// Turns a difference and what was counted into what was found.
fn settle(sources: &Sources, merged: Merged, count: Count) -> Found {
    let Merged { sources: by, mut difference, in_database } = merged;
    let Count { touched, later, examples, file } = count;
    let touched = if difference.questions.is_empty() { Touched::Rows(0) } else { aside(sources, &difference, touched) };
    let ground = Ground::new(sources, &difference.subject);
    let mut effect = effect::of(&ground, &difference, &touched, (later, file));
    if effect != Effect::Loads && ground.is_migrated() {
        effect = Effect::Unknown;
    }
    let remedy = remedy::of(&ground, &difference, &effect);
    if let (Change::Removed, Some(parent), Effect::Loads) = (&difference.change, ground.moved_to(), &effect) {
        difference.class = Class::Additive;
        difference.sentence = format!("{} moves to {}, which it is a part of.", difference.subject, parent.model);
    }
    if touched == Touched::Rows(0) && effect == Effect::Loads {
        let values = changes_only_values(&difference) && !in_database;
        difference.class = if values { Class::Noise } else { difference.class.min(Class::Additive) };
    } else if touched == Touched::Rows(0) || difference.class == Class::Noise {
        difference.class = Class::Additive;
    }
    Found { sources: by, difference, touched, examples, effect, remedy }
}

/// Rows that no snapshot has were counted in the database, but not looked at: only "none" says something.
fn aside(sources: &Sources, difference: &Difference, touched: Touched) -> Touched {
    let empty = |table: &str| sources.aside.get(table) == Some(&0);
    match touched {
        Touched::Unknown(_) if difference.questions.iter().all(|question| empty(&question.table)) => Touched::Rows(0),
        touched => touched,
    }
}

/// Tells whether a difference is about which values are allowed, and leaves all columns as they are. A table that no
/// model uses is in nobody's way when it is empty; a column is.
const fn changes_only_values(difference: &Difference) -> bool {
    match difference.change {
        Change::Choices { .. }
        | Change::Limited(_)
        | Change::Unlimited
        | Change::Required
        | Change::Optional
        | Change::Default { .. }
        | Change::OnDelete { .. }
        | Change::Class { .. }
        | Change::Digits { .. } => true,
        Change::Validators { .. } => matches!(difference.subject, Subject::Field(..)),
        Change::Removed => matches!(difference.subject, Subject::Model(_) | Subject::Table(_)),
        _ => matches!(difference.class, Class::Noise),
    }
}

fn of_migrator(course: &Course) -> Option<Found> {
    let effect = match course {
        Course::Unversioned | Course::SameVersion | Course::NoStep => return None,
        Course::Broken { .. } | Course::Steps { end: End::Refused(_), .. } => Effect::Refuses,
        Course::Steps { .. } => Effect::Unknown,
    };
    let remedy = match effect {
        Effect::Refuses => "Ask the application developer to correct the migrator.",
        _ => "Only the restore runs the migrator, and only a rehearsal tells what it does to these rows.",
    };
    Some(Found {
        sources: vec![Source::Migrator],
        difference: Difference {
            class: Class::DataDependent,
            subject: Subject::Site,
            change: Change::Migrates,
            sentence: course.sentence(),
            questions: Vec::new(),
        },
        touched: Touched::Unknown("the migrator may change any row".to_owned()),
        examples: Vec::new(),
        effect,
        remedy: Some(remedy.to_owned()),
    })
}

/// What each source says in general.
fn said(sources: &Sources, merged: &[Merged], rules: &[Found]) -> Vec<(Source, String)> {
    let found = |source: Source| {
        let mine = || merged.iter().filter(|merged| merged.sources.contains(&source));
        let noise = mine().filter(|merged| merged.difference.class == Class::Noise).count();
        match (mine().count(), noise) {
            (0, _) => "no difference".to_owned(),
            (1, 0) => "one difference".to_owned(),
            (1, _) => "one difference, which is noise".to_owned(),
            (number, 0) => format!("{number} differences"),
            (number, noise) if noise == number => format!("{number} differences, all of them noise"),
            (number, noise) => format!("{number} differences, {noise} of them noise"),
        }
    };
    let scripts = sources.scripts.as_ref().map_or_else(Clone::clone, |_| {
        format!("Between the dump script of the snapshot and the simulated one: {}.", found(Source::Scripts))
    });
    let models = sources.models.as_ref().map_or_else(Clone::clone, |[before, after]| {
        format!(
            "The old version has {} models, the new one {}, with {} between them. {}",
            before.models.len(),
            after.models.len(),
            found(Source::Models),
            match rules {
                [] => "The code of Lino and the application that runs for each row is the same.",
                _ => "Other code of Lino or the application may run for some rows.",
            }
        )
    });
    let catalogue = sources.catalogue.as_ref().map_or_else(Clone::clone, |_| {
        format!(
            "Between the tables of the database and those that the new version expects: {}.",
            found(Source::Catalogue)
        )
    });
    let migrator = sources.course.as_ref().map_or_else(Clone::clone, Course::sentence);
    vec![
        (Source::Scripts, scripts),
        (Source::Models, models),
        (Source::Catalogue, catalogue),
        (Source::Migrator, migrator),
    ]
}
