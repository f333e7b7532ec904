//! `account BEFORE AFTER`: where every row of a dump went, as text or as JSON. It shows keys, fields and places, and no
//! value of a row.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::Path;

use serde::Serialize;

use super::args;
use super::paint::{Colours, Role, harmless};
use super::unprintable;
use crate::dump::account::{Account, Known, Origin, Pk, Sample, Side, State, TableAccount};
use crate::engine::decisions;
use crate::error::{Report, Tell};
use crate::site::{self, Site};
use crate::snapshot;
use crate::triage::{Decision, Explained, accounted};
use crate::ui::text::thousands;

/// Rows of each state that are named for a table.
const NAMED: usize = 5;
/// Problems that are listed; all of them are in the JSON.
const PROBLEMS: usize = 20;
/// Characters of a key.
const KEY: usize = 40;

/// Accounts for the rows of a dump and prints the result; exit status 1 when there are differences.
pub async fn run(args: &args::Account, site: Option<&Site>, out: &mut dyn Write) -> Result<u8, Report> {
    let mut known = Known::default();
    if let Some(site) = site {
        let facts = site::facts::ask(site).await.map_err(|error| error.tell())?;
        known = snapshot::known(&facts);
    }
    let found = snapshot::account_knowing(&args.before, &args.after, &known).map_err(|error| error.tell())?;
    let held = args.decisions.as_deref().map(|path| Held::against(path, &args.before, &found)).transpose()?;
    let mut out = BufWriter::new(out);
    let written = if args.json {
        let whole = Whole { found: &found, held: held.as_ref() };
        serde_json::to_writer(&mut out, &whole).map_err(io::Error::from).and_then(|()| writeln!(out))
    } else {
        let page = Page { found: &found, held: held.as_ref(), colours: Colours::of_output(args.no_color) };
        page.write(&mut out, [&args.before, &args.after], args.all)
    };
    match written.and_then(|()| out.flush()) {
        // Who reads has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
        written => written.map_err(|error| unprintable(&error))?,
    }
    Ok(u8::from(!found.is_equal()))
}

/// Missing rows held against decisions.
#[derive(Serialize)]
struct Held {
    /// Missing rows that no decision explains.
    unexplained: u64,
    /// By table, why rows are missing.
    explained: BTreeMap<String, Vec<Explained>>,
    /// The decisions of the file, in its order.
    decisions: Vec<Decided>,
}

#[derive(Serialize)]
struct Decided {
    decision: usize,
    model: String,
    choice: &'static str,
    count: u64,
    because: String,
}

impl Held {
    fn against(path: &Path, before: &Path, found: &Account) -> Result<Self, Report> {
        let decisions = decisions::read(path)?.decisions;
        let script = snapshot::read_script(before).map_err(|error| error.tell())?.script;
        let (held, _) = accounted(found, &decisions, &script);
        let tables = held.tables.into_iter().filter(|table| !table.explained.is_empty());
        let decided = |(number, decision): (usize, &Decision)| Decided {
            decision: number,
            model: decision.model.clone(),
            choice: decision.choice.kind(),
            count: decision.rows.count(),
            because: decision.because.clone(),
        };
        Ok(Self {
            unexplained: held.missing,
            explained: tables.map(|table| (table.table, table.explained)).collect(),
            decisions: (1..).zip(decisions.iter()).map(decided).collect(),
        })
    }
}

/// The account as JSON, with what decisions explain.
#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    found: &'a Account,
    #[serde(flatten)]
    held: Option<&'a Held>,
}

/// The account as text.
struct Page<'a> {
    found: &'a Account,
    held: Option<&'a Held>,
    colours: Colours,
}

impl Page<'_> {
    fn write(&self, out: &mut dyn Write, paths: [&Path; 2], all: bool) -> io::Result<()> {
        for (at, (word, path)) in ["Before", "After"].into_iter().zip(paths).enumerate() {
            let version = self.found.source_version.get(at).and_then(Option::as_deref);
            let version = version.map_or_else(String::new, |version| format!(" ({})", harmless(version)));
            writeln!(out, "{:<8}{}{version}", format!("{word}:"), harmless(&path.to_string_lossy()))?;
        }
        self.table(out, all)?;
        for table in &self.found.tables {
            self.details(out, table)?;
        }
        self.problems(out)?;
        self.total(out)
    }

    fn table(&self, out: &mut dyn Write, all: bool) -> io::Result<()> {
        let (shown, folded): (Vec<_>, Vec<_>) = self.found.tables.iter().partition(|table| all || !is_plain(table));
        if !shown.is_empty() {
            let width = shown.iter().map(|table| table.table.chars().count()).max().unwrap_or_default().max(5);
            let line = |out: &mut dyn Write, role, cells: [String; 5]| {
                let [name, equal, changed, missing, new] = cells;
                let text = format!("{name:<width$} {equal:>11} {changed:>11} {missing:>11} {new:>11}");
                self.colours.write(out, role, &text)?;
                writeln!(out)
            };
            writeln!(out)?;
            line(out, Role::Title, ["table", "equal", "changed", "missing", "new"].map(str::to_owned))?;
            for table in shown {
                let numbers = [table.equal, table.changed, table.missing, table.new].map(count);
                let [equal, changed, missing, new] = numbers;
                let role = if table.missing > 0 {
                    Role::Old
                } else if table.is_equal() {
                    Role::Text
                } else {
                    Role::Warning
                };
                line(out, role, [harmless(&table.table).into_owned(), equal, changed, missing, new])?;
            }
            let numbers = [self.found.equal, self.found.changed, self.found.missing, self.found.new].map(count);
            let [equal, changed, missing, new] = numbers;
            line(out, Role::Title, ["total".to_owned(), equal, changed, missing, new])?;
        }
        if !folded.is_empty() {
            let rows: u64 = folded.iter().map(|table| table.equal).sum();
            let word = if folded.len() == self.found.tables.len() { "table" } else { "other table" };
            let tables = plural(folded.len() as u64, word);
            writeln!(out)?;
            match rows {
                0 => writeln!(out, "{tables} without rows.")?,
                rows => writeln!(out, "{tables}: {} equal.", plural(rows, "row"))?,
            }
        }
        Ok(())
    }

    fn details(&self, out: &mut dyn Write, table: &TableAccount) -> io::Result<()> {
        if is_plain(table) {
            return Ok(());
        }
        writeln!(out)?;
        self.colours.write(out, Role::Title, &harmless(&table.table))?;
        writeln!(out)?;
        if let Some(other) = &table.same_keys_as {
            let text = if table.missing > 0 { "It was probably renamed to" } else { "It was probably called" };
            writeln!(out, "  {text} {}, which has the same keys.", harmless(other))?;
        }
        for (text, fields) in [("Changed", &table.fields), ("Gone", &table.fields_gone), ("New", &table.fields_new)] {
            if !fields.is_empty() {
                let of = if text == "Changed" { "values" } else { "fields" };
                writeln!(out, "  {text} {of}: {}.", by_field(fields))?;
            }
        }
        for (reason, fields) in &table.lino {
            writeln!(out, "  By Lino itself: {}: {}.", reason.words(), by_field(fields))?;
        }
        for (side, rows) in Side::BOTH.into_iter().zip(table.unreadable).filter(|(_, rows)| *rows > 0) {
            writeln!(out, "  Unreadable in the {} dump: {}.", ordinal(side), plural(rows, "row"))?;
        }
        let states = [(State::Missing, table.missing), (State::Changed, table.changed), (State::New, table.new)];
        for (state, total) in states.into_iter().filter(|(_, total)| *total > 0) {
            self.samples(out, table, state, total)?;
        }
        if let Some(why) = &table.explained {
            writeln!(out, "  Why rows are missing: {why}")?;
        }
        let decided = self.held.and_then(|held| held.explained.get(&table.table)).into_iter().flatten();
        for (explained, number) in decided.filter_map(|explained| Some((explained, explained.decision?))) {
            let because = match explained.because.as_str() {
                "" => String::from("."),
                because => format!(": {}", harmless(because)),
            };
            writeln!(out, "  Left out by decision {number}: {}{because}", plural(explained.rows, "row"))?;
        }
        Ok(())
    }

    fn samples(&self, out: &mut dyn Write, table: &TableAccount, state: State, total: u64) -> io::Result<()> {
        let samples: Vec<&Sample> = table.samples.iter().filter(|sample| sample.state == state).take(NAMED).collect();
        let (word, role) = match state {
            State::Missing => ("missing", Role::Old),
            State::Changed => ("changed", Role::Warning),
            State::New => ("new", Role::New),
        };
        for sample in &samples {
            write!(out, "  ")?;
            self.colours.write(out, role, word)?;
            write!(out, " {}", key(&sample.pk))?;
            let places: Vec<String> = [&sample.before, &sample.after].into_iter().flatten().map(place).collect();
            write!(out, "  {}", places.join(" → "))?;
            if !sample.fields.is_empty() {
                write!(out, "  {}", harmless(&sample.fields.join(", ")))?;
            }
            writeln!(out)?;
        }
        let left = total.saturating_sub(samples.len() as u64);
        if left > 0 {
            writeln!(out, "  … and {} more {word}.", count(left))?;
        }
        Ok(())
    }

    fn problems(&self, out: &mut dyn Write) -> io::Result<()> {
        let problems = &self.found.problems;
        if problems.is_empty() {
            return Ok(());
        }
        writeln!(out)?;
        self.colours.write(out, Role::Warning, "Problems")?;
        writeln!(out)?;
        for problem in problems.iter().take(PROBLEMS) {
            let line = problem.line.map_or_else(String::new, |line| format!(":{line}"));
            let (side, path) = (ordinal(problem.side), harmless(&problem.path));
            writeln!(out, "  {side} dump, {path}{line}: {}", harmless(&problem.message))?;
        }
        if problems.len() > PROBLEMS {
            writeln!(out, "  … and {} more; --json has them all.", problems.len() - PROBLEMS)?;
        }
        Ok(())
    }

    fn total(&self, out: &mut dyn Write) -> io::Result<()> {
        let found = self.found;
        let rows: u64 = found.tables.iter().map(TableAccount::rows).sum();
        writeln!(out)?;
        let of_all = |count: u64, one: &str, many: &str| {
            let verb = if count == 1 { one } else { many };
            (count > 0).then(|| format!("{} of {} of the first dump {verb}.", self::count(count), plural(rows, "row")))
        };
        let lost = found.tables.iter().filter(|table| table.fields_gone.values().any(|rows| *rows > 0)).count();
        let unreadable = found.unreadable.iter().sum();
        let sentences: Vec<String> = [
            of_all(found.missing, "is missing", "are missing"),
            of_all(found.changed, "has other values", "have other values"),
            (found.new > 0).then(|| format!("{} only in the second dump.", are(found.new))),
            (unreadable > 0).then(|| format!("{} not readable.", are(unreadable))),
            (lost > 0)
                .then(|| format!("Values were lost with fields that are gone, in {}.", plural(lost as u64, "table"))),
        ]
        .into_iter()
        .flatten()
        .collect();
        for sentence in &sentences {
            self.colours.write(out, Role::Warning, sentence)?;
            writeln!(out)?;
        }
        if sentences.is_empty() {
            match rows {
                0 => writeln!(out, "The first dump has no rows, and neither has the second.")?,
                1 => writeln!(out, "The only row of the first dump is in the second, with equal values.")?,
                rows => writeln!(
                    out,
                    "All {} rows of the first dump are in the second, with equal values.",
                    self::count(rows)
                )?,
            }
        }
        if let Some(held) = self.held.filter(|_| found.missing > 0) {
            let explained = found.missing.saturating_sub(held.unexplained);
            let text = format!("{} of the missing rows explained, {} not.", count(explained), count(held.unexplained));
            self.colours.write(out, if held.unexplained > 0 { Role::Old } else { Role::Text }, &text)?;
            writeln!(out)?;
        }
        if found.missing > 0 && self.held.is_none_or(|held| held.unexplained > 0) {
            writeln!(out, "Keep the first dump, and look for the missing rows in the log of the restore.")?;
        }
        if found.by_lino > 0 {
            let (values, word) = if found.by_lino == 1 { ("has", "row") } else { ("have", "rows") };
            writeln!(
                out,
                "{} equal {word} {values} values that Lino itself changes while it restores.",
                count(found.by_lino)
            )?;
        }
        if !found.problems.is_empty() {
            writeln!(out, "The account is not complete: see the problems above.")?;
        }
        Ok(())
    }
}

/// Tells whether there is nothing to say of a table but how many rows it has.
fn is_plain(table: &TableAccount) -> bool {
    table.is_equal() && table.lino.is_empty() && table.fields_gone.is_empty() && table.fields_new.is_empty()
}

/// Says in how many rows each field is concerned.
fn by_field(fields: &BTreeMap<String, u64>) -> String {
    let named = |(name, rows): (&String, &u64)| match rows {
        0 => format!("{} (no values)", harmless(name)),
        rows => format!("{} in {}", harmless(name), plural(*rows, "row")),
    };
    fields.iter().map(named).collect::<Vec<_>>().join(", ")
}

fn place(origin: &Origin) -> String {
    format!("{}:{}", harmless(&origin.file), origin.line)
}

fn key(pk: &Pk) -> String {
    let text = harmless(&pk.to_string()).into_owned();
    match text.char_indices().nth(KEY) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

const fn ordinal(side: Side) -> &'static str {
    match side {
        Side::Before => "first",
        Side::After => "second",
    }
}

fn are(number: u64) -> String {
    format!("{} {}", plural(number, "row"), if number == 1 { "is" } else { "are" })
}

fn plural(number: u64, word: &str) -> String {
    format!("{} {word}{}", count(number), if number == 1 { "" } else { "s" })
}

/// Writes a number with its thousands apart.
fn count(number: u64) -> String {
    thousands(number, ',')
}
