//! `rehearse`: loads the snapshot with the new version into a scratch database and tells which rows it refuses.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use super::args::{self, Format};
use super::run::{read_decisions, tell_mistake};
use super::unprintable;
use crate::dump::{Row, Rows, Script, Value};
use crate::engine::decided::{self, Undecided};
use crate::engine::rehearse::{Rehearsal, environment, script};
use crate::error::{Kind, Report};
use crate::messages::line::plain;
use crate::site::{Site, facts, is_executable, rehearse};
use crate::snapshot::index::Index;
use crate::triage::{Cause, Causes, Choice, DecisionsFile, Failure, Rehearsed, Why, bulk, write};
use crate::ui::text::duration;

/// Keys that are named of each cause.
const NAMED: usize = 8;
/// Letters of a message that are shown.
const SHOWN: usize = 300;

/// Rehearses and prints the result; exit status 1 when a row is refused.
pub async fn run(args: &args::Rehearse, site: &Site, format: Format, out: &mut dyn Write) -> Result<u8, Report> {
    let snapshot = args.snapshot.clone().unwrap_or_else(|| site.dir.join("snapshot"));
    let script = script(&snapshot)?;
    let (python, within) = match &args.python {
        Some(python) if is_executable(python) => (python.clone(), Vec::new()),
        Some(python) => {
            return Err(Report::new(Kind::Environment, format!("{} is no program that can be run.", python.display()))
                .unchanged("Nothing was changed.")
                .next("Name the Python of an environment with the new version: --python ENV/bin/python."));
        }
        None => environment(site, args.fresh, building).await?,
    };
    if let Some(path) =
        args.write_decisions.as_ref().filter(|path| path.exists() && args.decisions.as_ref() != Some(path))
    {
        return Err(Report::new(Kind::Environment, format!("{} exists.", path.display()))
            .unchanged("Nothing was changed.")
            .next("Name a new file for the decisions, or the one that you give with --decisions."));
    }
    let decided = match &args.decisions {
        Some(path) => Some((path.as_path(), read_decisions(path)?)),
        None => None,
    };
    let script = match &decided {
        Some((path, file)) => with_decisions(site, (&within, &python), &script, (path, file)).await?,
        None => script,
    };
    let rehearsal = Rehearsal { python, within, script: script.clone() };
    let told = rehearsal.run(site, progress).await?;
    if io::stderr().is_terminal() {
        let _ = write!(io::stderr(), "\r\u{1b}[K");
    }
    let causes = Causes::of(told.failures.clone());
    if let Some(path) = &args.write_decisions {
        write_decisions(path, decided.map(|(_, file)| file).unwrap_or_default(), &causes)?;
    }
    let written = match format {
        Format::Json => json(&told, &causes, &script).and_then(|json| writeln!(out, "{json}")),
        Format::Text => text(&told, &causes, site, out),
    };
    written.map_err(|error| unprintable(&error))?;
    Ok(u8::from(!told.is_clean()))
}

/// Writes the copy of the dump script with the decisions of a file, and returns where it lies.
async fn with_decisions(
    site: &Site,
    new: (&[String], &Path),
    script: &Path,
    (path, file): (&Path, &DecisionsFile),
) -> Result<PathBuf, Report> {
    // Without one of them, less is known of what a field takes.
    let before = facts::ask(site).await.ok().map(|facts| facts.described());
    let after = rehearse::facts(site, new).await.ok().map(|facts| facts.described());
    let copied = decided::copy(site, script, &file.decisions, (before.as_ref(), after.as_ref()));
    copied.map_err(|error| match error {
        Undecided::Report(report) => *report,
        Undecided::Unfit(fit) => {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            let first = fit.unfit.first();
            let report = match first.and_then(|unfit| file.mistake(unfit)) {
                Some(mistake) => tell_mistake(path, &text, &mistake),
                None => Report::new(Kind::Environment, "A decision does not fit this snapshot."),
            };
            match fit.unfit.len() {
                0 | 1 => report,
                more => report.next(format!("{} more do not fit this snapshot.", more - 1)),
            }
        }
    })
}

/// Writes the decisions of a file together with the rows that are still refused.
fn write_decisions(path: &Path, mut file: DecisionsFile, causes: &Causes) -> Result<(), Report> {
    let open: BTreeSet<usize> = file.decisions.undecided(causes).into_iter().collect();
    for cause in &causes.causes {
        let rows: Vec<usize> = cause.rows.iter().copied().filter(|row| open.contains(row)).collect();
        let because = message(&cause.messages);
        let taken = file.decisions.add(bulk(causes, rows, &Choice::Undecided, &because).decisions);
        taken.map_err(|why| Report::new(Kind::Environment, format!("{why}")))?;
    }
    let text = write(&file.answers, &file.decisions);
    // Messages quote values of rows.
    let options = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    options.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| {
        Report::new(Kind::Environment, format!("{} cannot be written: {error}.", path.display()))
            .unchanged("The site was not touched.")
    })
}

/// Shows what is done to bring the new version; pip is slow, and silence looks like a fault.
fn building(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Shows which table is being loaded, on a terminal only.
fn progress(line: &str) {
    let Some((_, what)) = line.split_once("Loading ") else { return };
    if io::stderr().is_terminal() && what.contains(" to table ") {
        let _ = write!(io::stderr(), "\r\u{1b}[KLoading {}", what.chars().take(60).collect::<String>());
    }
}

fn shown(text: &str) -> String {
    let text = plain(text.replace('\n', " ").as_bytes()).into_owned();
    if text.chars().count() > SHOWN { text.chars().take(SHOWN).chain(['…']).collect() } else { text }
}

fn text(told: &Rehearsed, causes: &Causes, site: &Site, out: &mut dyn Write) -> io::Result<()> {
    if let Some(begun) = &told.begun {
        let what = format!("version {} on Lino {}, Django {}", begun.version, begun.lino, begun.django);
        writeln!(out, "Rehearsed with {}.", shown(&what))?;
    }
    for what in &told.repaired {
        writeln!(out, "Repaired for the rehearsal: {}.", shown(what))?;
    }
    for cause in &causes.causes {
        writeln!(out)?;
        tell(cause, causes, out)?;
    }
    for broken in &told.broken {
        let place = match (&broken.file, broken.line) {
            (Some(file), Some(line)) => format!("{file}:{line}"),
            (Some(file), None) => file.clone(),
            _ => broken.table.clone().or_else(|| broken.handler.clone()).unwrap_or_default(),
        };
        writeln!(out, "\n{}: {}: {}", shown(&place), shown(&broken.exception), shown(&broken.message))?;
    }
    if let Some(stopped) = &told.stopped {
        let exception =
            if stopped.exception.is_empty() { String::new() } else { format!("{}: ", shown(&stopped.exception)) };
        writeln!(out, "\nThe rehearsal could not go on: {exception}{}", shown(&stopped.message))?;
    }
    writeln!(out)?;
    if let Some(ended) = &told.ended {
        #[allow(clippy::cast_possible_truncation, reason = "a duration in seconds")]
        let seconds = ended.seconds as i64;
        writeln!(out, "{} objects were loaded in {}.", ended.loaded, duration(seconds))?;
    }
    match (told.is_clean(), causes.failures.is_empty()) {
        (true, _) => writeln!(out, "The new version takes every row."),
        (false, true) => writeln!(out, "The log is {}.", rehearse::places(site).log.display()),
        (false, false) => {
            writeln!(out, "{}. The log is {}.", causes.summary(), rehearse::places(site).log.display())?;
            writeln!(
                out,
                "To decide what becomes of these rows: --write-decisions FILE, edit FILE, then rehearse with --decisions FILE."
            )
        }
    }
}

fn rows(number: usize) -> String {
    if number == 1 { "1 row".to_owned() } else { format!("{number} rows") }
}

fn tell(cause: &Cause, causes: &Causes, out: &mut dyn Write) -> io::Result<()> {
    let of = |row: &usize| causes.failures.get(*row);
    writeln!(out, "{}: {}", shown(&cause.model), rows(cause.rows.len()))?;
    for (field, message) in &cause.messages {
        let field = if field.is_empty() { String::new() } else { format!("{}: ", shown(field)) };
        writeln!(out, "  {field}{}", shown(message))?;
    }
    let named: Vec<String> = cause.rows.iter().filter_map(of).take(NAMED).map(place).collect();
    let more = cause.rows.len().saturating_sub(named.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    writeln!(out, "  {}{more}", named.join(", "))?;
    if cause.why == Why::Circle {
        writeln!(out, "  They point to rows that point back to them, so none can be loaded first.")?;
    }
    if cause.follow > 0 {
        let mut by_model: BTreeMap<&str, usize> = BTreeMap::new();
        for follower in cause.rows.iter().flat_map(|row| causes.all_followers(*row)) {
            let model = causes.failures.get(follower).map_or("", Failure::model_or_table);
            *by_model.entry(model).or_default() += 1;
        }
        let models: Vec<String> =
            by_model.iter().map(|(model, count)| format!("{count} of {}", shown(model))).collect();
        let follow = if cause.follow == 1 { "1 row follows" } else { &format!("{} rows follow", cause.follow) };
        writeln!(out, "  {follow}: {}", models.join(", "))?;
    }
    if cause.rows.iter().filter_map(of).any(|failure| failure.forbidden) {
        writeln!(
            out,
            "  The rehearsal allows no file of the site to be written and no server to be reached; a restore may."
        )?;
    }
    if cause.phase.stops() {
        writeln!(out, "  A restore would stop at the first of them.")?;
    }
    Ok(())
}

fn place(failure: &Failure) -> String {
    format!("{} ({}:{})", shown(&failure.key), shown(&failure.file), failure.line)
}

/// The same for programs, in the form of `triage --json`.
fn json(told: &Rehearsed, causes: &Causes, script: &Path) -> io::Result<Json> {
    let dump = Script::read(&String::from_utf8_lossy(&std::fs::read(script)?));
    // A script that nobody would take for a dump can be rehearsed all the same; then rows have no fields.
    let mut lines = BTreeMap::new();
    if let Ok(index) = Index::open(script, None) {
        for Failure { file, line, .. } in &causes.failures {
            if let Some(row) = index.written(file, *line).map_err(io::Error::other)? {
                lines.insert((file, *line), row.bytes);
            }
        }
    }
    let row = |failure: &usize| {
        let failure = causes.failures.get(*failure)?;
        let line = lines.get(&(&failure.file, failure.line));
        let fields = line.map(|line| fields(&dump, &failure.table, line)).unwrap_or_default();
        Some(json!({
            "pk": failure.key, "file": failure.file, "line": failure.line, "fields": fields,
            "messages": failure.messages,
        }))
    };
    let group = |cause: Json, model: &str, message: &str, rows: &[usize]| {
        json!({
            "model": model, "message": message, "count": rows.len(), "cause": cause,
            "rows": rows.iter().filter_map(row).collect::<Vec<_>>(),
        })
    };
    let mut groups = Vec::new();
    for cause in &causes.causes {
        groups.push(group(Json::Null, &cause.model, &message(&cause.messages), &cause.rows));
        for &leader in &cause.rows {
            let mut by_model: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
            for follower in causes.all_followers(leader) {
                let model = causes.failures.get(follower).map_or("", Failure::model_or_table);
                by_model.entry(model).or_default().push(follower);
            }
            let Some(leader) = causes.failures.get(leader) else { continue };
            let because = json!({"model": leader.model_or_table(), "pk": leader.key});
            for (model, rows) in by_model {
                let first = rows.first().and_then(|row| causes.failures.get(*row));
                let said: Vec<(String, String)> = first
                    .into_iter()
                    .flat_map(|failure| &failure.messages)
                    .map(|(field, texts)| (field.clone(), texts.join(" ")))
                    .collect();
                groups.push(group(because.clone(), model, &message(&said), &rows));
            }
        }
    }
    let stops = causes.causes.iter().any(|cause| cause.phase.stops());
    let outcome = match (told.is_clean(), stops || !told.broken.is_empty() || told.stopped.is_some()) {
        (true, _) => "loaded",
        (false, true) => "crashed",
        (false, false) => "abandoned",
    };
    let fatal = told
        .stopped
        .as_ref()
        .map(|stopped| json!({"exception": stopped.exception, "message": stopped.message, "model": null, "pk": null}));
    Ok(json!({
        "source": "rehearsal", "outcome": outcome,
        "loaded": told.ended.as_ref().map(|ended| ended.loaded), "unsaved": causes.failures.len(),
        "seconds": told.ended.as_ref().map(|ended| ended.seconds),
        "groups": groups, "fatal": fatal,
    }))
}

fn message(messages: &[(String, String)]) -> String {
    let said =
        messages.iter().map(|(field, text)| if field.is_empty() { text.clone() } else { format!("{field}: {text}") });
    said.collect::<Vec<_>>().join(" ")
}

/// Returns the values of a row by the names of its fields.
fn fields(dump: &Script, table: &str, line: &[u8]) -> serde_json::Map<String, Json> {
    let Some(function) = dump.function(table) else { return serde_json::Map::new() };
    let Some(row) = Rows::new(line).find(|row: &Row<'_>| row.table == table.as_bytes()) else {
        return serde_json::Map::new();
    };
    let names = function.parameters.iter().map(|parameter| parameter.name.to_string());
    names.zip(row.values().map_while(Result::ok)).map(|(name, value)| (name, of(&value))).collect()
}

fn of(value: &Value<'_>) -> Json {
    match value {
        Value::None => Json::Null,
        Value::Bool(yes) => json!(yes),
        Value::Int(number) => json!(number),
        Value::Float(number) => json!(number),
        Value::Text(text) => json!(text),
        Value::Large(number) => json!(number),
        Value::Name(name) => json!(name),
        Value::List(values) | Value::Tuple(values) | Value::Set(values) => values.iter().map(of).collect(),
        Value::Call { function, arguments } => {
            let inner: Vec<String> = arguments.iter().map(|argument| plainly(&of(&argument.value))).collect();
            json!(format!("{function}({})", inner.join(", ")))
        }
        Value::Surrogates(_) | Value::Named(_) | Value::Bytes(_) | Value::Dict(_) => json!(format!("{value:?}")),
    }
}

fn plainly(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}
