//! `compare OLD NEW`: what two dump scripts say about two versions, as text or as JSON. It needs no site, and decides
//! nothing about one: scripts do not show everything that matters.

mod beside;
mod parts;
mod report;

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread;

use serde_json::{Value, json};

use self::parts::Left;
use super::args;
use super::paint::{Colours, Look};
use super::unprintable;
use crate::compare::scripts::{self, Comparison};
use crate::compare::sides::{Sides, Text};
use crate::compare::{Change, Class, Difference, Subject};
use crate::error::{Kind, Report, Tell};
use crate::snapshot::{self, DumpScript};

/// Columns of a text whose reader nobody knows.
const COLUMNS: usize = 80;

/// What scripts alone cannot prove.
const BASIS: &str = "The dump scripts alone: they do not show lengths, null, unique, types, choices, defaults or \
                     required values, and not what the database has.";

/// What two scripts say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// No difference but noise.
    Skip,
    /// Differences.
    Restore,
    /// Something was left out.
    Unknown,
}

impl Verdict {
    fn of(found: &Comparison) -> Self {
        if !found.left_out.is_empty() {
            Self::Unknown
        } else if real(found).next().is_some() {
            Self::Restore
        } else {
            Self::Skip
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Restore => "restore",
            Self::Unknown => "unknown",
        }
    }
}

/// The differences that are no noise.
fn real(found: &Comparison) -> impl Iterator<Item = &Difference> {
    found.differences.iter().filter(|difference| difference.class != Class::Noise)
}

/// Compares two dumps and prints the result; exit status 1 unless only noise differs.
pub fn run(args: &args::Compare, out: &mut dyn Write) -> Result<u8, Report> {
    let text = |dump: &mut DumpScript| (!args.json).then(|| Text::from(std::mem::take(&mut dump.text)));
    let read = |path: &Path| read(path).map(|mut dump| (text(&mut dump), dump));
    // A large site's script takes a while to read: both at once.
    let (old, new) = thread::scope(|scope| {
        let other = scope.spawn(|| read(&args.new));
        let old = read(&args.old);
        let gone = || Err(Report::new(Kind::Environment, "The new script could not be read."));
        (old, other.join().unwrap_or_else(|_| gone()))
    });
    let ((old_text, old), (new_text, new)) = (old?, new?);
    let (texts, look) = (old_text.zip(new_text), look(args));
    let scripts = (&old.script, &new.script);
    let (aligned, left) = (mpsc::channel(), Left::default());
    // The scripts are aligned while it is found out, and told, what differs in them; then both threads write the parts.
    let (verdict, page, parts, found) = thread::scope(|scope| {
        let (give, left) = (aligned.0, &left);
        let look = &look;
        let other = texts.map(|(old_text, new_text)| {
            scope.spawn(move || {
                let sides = Arc::new(Sides::new((old_text, scripts.0), (new_text, scripts.1)));
                let _ = give.send(Arc::clone(&sides));
                let written = left.write(look, &sides);
                (sides, written)
            })
        });
        let found = scripts::compare(scripts.0, scripts.1);
        let verdict = Verdict::of(&found);
        let page = if args.json {
            format!("{}\n", told(verdict, &old, &new, &found)).into_bytes()
        } else {
            report::page(look, verdict, &report::Dumps { old: &old, new: &new }, &found)
        };
        let mut parts = Vec::new();
        if let Some(other) = other {
            parts.extend(aligned.1.recv().map(|sides| left.write(look, &sides)));
            parts.extend(other.join().map(|(sides, written)| {
                std::mem::forget(sides);
                written
            }));
        }
        (verdict, page, parts, found)
    });
    let written =
        std::iter::once(page.as_slice()).chain(parts::ordered(&parts)).try_for_each(|text| out.write_all(text));
    let written = written.and_then(|()| out.flush());
    // The program ends here: freeing a million small pieces first would only take time.
    std::mem::forget((old, new, found, parts));
    match written {
        // Who reads has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
        written => written.map_err(|error| unprintable(&error))?,
    }
    Ok(u8::from(verdict != Verdict::Skip))
}

fn read(path: &Path) -> Result<DumpScript, Report> {
    let dump = snapshot::read_script(path).map_err(|error| error.tell())?;
    if dump.script.python2 {
        let sign = dump
            .script
            .imports
            .iter()
            .find(|import| ["unicode_literals", "lino.core.dbutils"].iter().any(|word| import.text.contains(word)));
        let place = sign.map_or_else(String::new, |import| format!(", as line {} shows", import.lines.first));
        let what = format!("{} was written for Python 2{place}. No Lino of today can read it.", dump.path.display());
        return Err(Report::new(Kind::Environment, what)
            .next("Upgrade the site to a Lino of 2018 or later with its own Python first, and make a new snapshot."));
    }
    Ok(dump)
}

fn look(args: &args::Compare) -> Look {
    let terminal = io::stdout().is_terminal();
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).filter(|columns| *columns > 0);
    // Asked without a terminal, crossterm starts other programs to find one.
    let size = || terminal.then(crossterm::terminal::size)?.ok().map(|(columns, _)| usize::from(columns));
    Look {
        // Narrower ones are wrapped by the terminal.
        columns: columns.or_else(size).unwrap_or(COLUMNS).max(40),
        colours: Colours::of_output(args.no_color),
    }
}

/// Says it to programs.
fn told(verdict: Verdict, old: &DumpScript, new: &DumpScript, found: &Comparison) -> Value {
    let models = |change: &Change| -> Vec<&str> {
        let named = real(found).filter(|difference| difference.change == *change);
        named
            .filter_map(|difference| match &difference.subject {
                Subject::Model(model) => Some(model.as_str()),
                _ => None,
            })
            .collect()
    };
    let renamed: Vec<[&str; 2]> = found
        .guesses
        .iter()
        .filter_map(|guess| match (&guess.from, &guess.to) {
            (Subject::Model(from), Subject::Model(to)) => Some([from.as_str(), to.as_str()]),
            _ => None,
        })
        .collect();
    let elsewhere = real(found).filter(|difference| model(difference).is_none());
    json!({
        "verdict": verdict.word(),
        "basis": BASIS,
        "source_version": [old.script.source_version, new.script.source_version],
        "models": {
            "added": models(&Change::Added),
            "removed": models(&Change::Removed),
            "changed": changed(found),
            "renamed_maybe": renamed,
        },
        "site": elsewhere.map(|difference| &difference.sentence).collect::<Vec<_>>(),
        "noise": found.differences.iter().filter(|difference| difference.class == Class::Noise).count(),
        "left_out": found.left_out,
    })
}

/// The model that a difference is about.
fn model(difference: &Difference) -> Option<&str> {
    match &difference.subject {
        Subject::Model(model) | Subject::Field(model, _) => Some(model),
        Subject::Site | Subject::Table(_) | Subject::Column(..) => None,
    }
}

fn changed(found: &Comparison) -> Vec<Value> {
    let mut changed: Vec<(&str, Vec<&Difference>)> = Vec::new();
    let whole = |difference: &&Difference| {
        matches!(difference.subject, Subject::Model(_)) && matches!(difference.change, Change::Added | Change::Removed)
    };
    for difference in real(found).filter(|difference| !whole(difference)) {
        let Some(model) = model(difference) else { continue };
        match changed.last_mut() {
            Some((last, differences)) if *last == model => differences.push(difference),
            _ => changed.push((model, vec![difference])),
        }
    }
    changed.into_iter().map(|(model, differences)| changed_model(model, &differences, found)).collect()
}

fn changed_model(model: &str, differences: &[&Difference], found: &Comparison) -> Value {
    let fields = |change: &Change| -> Vec<&str> {
        let named = differences.iter().filter(|difference| difference.change == *change);
        named
            .filter_map(|difference| match &difference.subject {
                Subject::Field(_, field) => Some(field.as_str()),
                _ => None,
            })
            .collect()
    };
    let renamed: Vec<[&str; 2]> = found
        .guesses
        .iter()
        .filter_map(|guess| match (&guess.from, &guess.to) {
            (Subject::Field(mine, from), Subject::Field(_, to)) if mine == model => Some([from.as_str(), to.as_str()]),
            _ => None,
        })
        .collect();
    let other = differences.iter().filter(|difference| !matches!(difference.change, Change::Added | Change::Removed));
    json!({
        "model": model,
        "fields_added": fields(&Change::Added),
        "fields_removed": fields(&Change::Removed),
        "fields_renamed_maybe": renamed,
        "other": other.map(|difference| &difference.sentence).collect::<Vec<_>>(),
    })
}
