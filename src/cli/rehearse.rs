//! `rehearse`: loads the snapshot with the new version into a scratch database and tells which rows it refuses.

mod copies;

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::Serialize;
use serde_json::{Value as Json, json};
use tokio::signal::unix::{SignalKind, signal};

use self::copies::{setting, with_decisions, with_own_decisions};
use super::args::{self, Format};
use super::sieve::harmless_lines;
use super::triaged::{self, Groups, shown};
use super::unprintable;
use crate::engine::decisions;
use crate::engine::rehearse::{self, AGAIN, ROWS, Rehearsal, dumped, environment, script};
use crate::error::{Kind, Report};
use crate::messages::line::plain;
use crate::site::{Site, is_executable, rehearse as site_rehearse};
use crate::triage::{Cause, Causes, Choice, DecisionsFile, Ended, Phase, Rehearsed, Scope, bulk, write};
use crate::ui::text::duration;

/// Rehearses and prints the result; exit status 1 when a row is refused.
pub async fn run(args: &args::Rehearse, site: &Site, format: Format, out: &mut dyn Write) -> Result<u8, Report> {
    // What was started must not stay behind: it has a group of its own.
    let status = tokio::select! {
        status = rehearse(args, site, format, out) => status,
        () = stopped() => Err(Report::new(Kind::Interrupted, "The rehearsal was stopped before its end.")
            .unchanged("The site was not touched.")),
    };
    if let (true, Err(report)) = (is_live(args), &status) {
        // Nothing is lost when this cannot be written: the log has it, too.
        let _ = rehearse::keep_problem(site, report);
    }
    status
}

/// Waits until somebody wants this to end.
async fn stopped() {
    let signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = signals else { return std::future::pending().await };
    tokio::select! {
        _ = interrupt.recv() => {},
        _ = terminate.recv() => {},
        _ = hangup.recv() => {},
    }
}

/// Tells whether the decisions are those of the site, and everything that Lino prints is shown.
const fn is_live(args: &args::Rehearse) -> bool {
    args.dump || args.retry || args.own_decisions
}

async fn rehearse(args: &args::Rehearse, site: &Site, format: Format, out: &mut dyn Write) -> Result<u8, Report> {
    let live = is_live(args);
    let mut script = match (args.dump, args.retry, &args.snapshot) {
        (true, ..) => None,
        (_, _, Some(snapshot)) => Some(script(snapshot)?),
        (_, true, None) => Some(script(&dumped(site))?),
        (_, false, None) => Some(script(&site.dir.join("snapshot"))?),
    };
    if let Some(python) = args.python.as_ref().filter(|python| !is_executable(python)) {
        return Err(Report::new(Kind::Environment, format!("{} is no program that can be run.", python.display()))
            .unchanged("Nothing was changed.")
            .next("Name the Python of an environment with the new version: --python ENV/bin/python."));
    }
    if let Some(path) = args.write_decisions.as_ref().filter(|path| path.exists() && !is_given(args, site, path)) {
        return Err(Report::new(Kind::Environment, format!("{} exists.", path.display()))
            .unchanged("Nothing was changed.")
            .next("Name a new file for the decisions, or the one that you give with --decisions."));
    }
    let decided = match &args.decisions {
        Some(path) => Some((path.clone(), decisions::read(path)?)),
        None if live => decisions::of_site(site)?.map(|(file, _)| (decisions::path(site), file)),
        None => None,
    };
    let _lock = rehearse::lock(site)?;
    if args.dump {
        script = Some(rehearse::dump(site, shown_whole).await?);
    }
    let script = script.unwrap_or_default();
    let (python, within) = match &args.python {
        Some(python) => (python.clone(), Vec::new()),
        None => environment(site, args.fresh, building).await?,
    };
    // What was told before is gone as soon as the new version is started.
    let former = rehearse::former(site).ok().flatten().filter(|_| args.retry);
    let mut setting = setting(&script, decided.as_ref().map(|(_, file)| file))?;
    // Unknown, they are not believed to be those of the upgrade.
    setting.packages = rehearse::packages(site, (&within, &python)).await.ok();
    let loaded = match &decided {
        _ if live => with_own_decisions(args, site, (&within, &python), &mut setting, decided.as_ref()).await?,
        Some((path, file)) => with_decisions(site, (&within, &python), &script, (path, file)).await?,
        None => script.clone(),
    };
    let again = former.as_ref().map(|former| former.causes.failures.len());
    if args.retry {
        setting.whole = former.filter(|former| former.setting.script == setting.script).and_then(|one| one.seconds());
    }
    setting.keep(site).map_err(|error| {
        Report::new(Kind::Environment, format!("The rehearsal cannot be prepared: {error}."))
            .unchanged("The site was not touched.")
    })?;
    let mut whole = live.then_some(setting.rows);
    if let (Some(again), true) = (again, live) {
        shown_whole(&format!("{AGAIN}{again}."));
    } else if let Some(rows) = whole.take() {
        shown_whole(&format!("{ROWS}{rows}."));
    }
    let mut printed = |line: &str| {
        if !live {
            return progress(line);
        }
        // A retry that finds that it has to load everything says so only in the end.
        if let Some(rows) = whole.take_if(|_| line.contains("Loading ") && line.contains(" objects")) {
            shown_whole(&format!("{ROWS}{rows}."));
        }
        shown_whole(line);
    };
    let rehearsal = Rehearsal { python, within, script: loaded, retry: args.retry };
    let mut told = rehearsal.run(site, &mut printed).await?;
    if !live && io::stderr().is_terminal() {
        let _ = write!(io::stderr(), "\r\u{1b}[K");
    }
    let causes = Causes::of(std::mem::take(&mut told.failures));
    if let Some(path) = &args.write_decisions {
        write_decisions(path, decided.map(|(_, file)| file).unwrap_or_default(), (&told, &causes))?;
    }
    let written = match format {
        Format::Json => json(&told, &causes, &script, out),
        Format::Text => text(&told, &causes, (site, live), out),
    };
    written.map_err(|error| unprintable(&error))?;
    Ok(u8::from(!is_clean(&told, &causes)))
}

/// Tells whether a file is the one whose decisions are rehearsed.
fn is_given(args: &args::Rehearse, site: &Site, path: &Path) -> bool {
    let own = decisions::path(site);
    args.decisions.as_deref() == Some(path)
        || is_live(args) && path.canonicalize().ok().is_some_and(|path| own.canonicalize().is_ok_and(|own| own == path))
}

/// Writes the decisions of a file together with the rows that are still refused.
fn write_decisions(path: &Path, mut file: DecisionsFile, (told, causes): (&Rehearsed, &Causes)) -> Result<(), Report> {
    let open: BTreeSet<usize> = file.decisions.undecided(causes).into_iter().collect();
    let mut taken = Vec::new();
    for cause in &causes.causes {
        let rows: Vec<usize> = cause.rows.iter().copied().filter(|row| open.contains(row)).collect();
        let because = triaged::message(&cause.messages);
        let mut decisions = bulk(causes, rows, &Choice::Undecided, &because).decisions;
        for decision in &mut decisions {
            if let Some(count) = all_of_table(told, causes, cause).filter(|count| decision.rows.count() == *count) {
                // What is left to do is to name fields, or to leave the model out: that is for all rows.
                decision.rows = Scope::All(count);
            }
        }
        taken.append(&mut decisions);
    }
    file.decisions.add(taken).map_err(|why| Report::new(Kind::Environment, format!("{why}")))?;
    let text = write(&file.answers, &file.decisions);
    // Messages quote values of rows.
    let options = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    options.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| {
        Report::new(Kind::Environment, format!("{} cannot be written: {error}.", path.display()))
            .unchanged("The site was not touched.")
    })
}

/// Tells whether every row was loaded; the failures are in `causes`.
fn is_clean(told: &Rehearsed, causes: &Causes) -> bool {
    told.is_clean() && causes.failures.is_empty()
}

/// Counts the rows of a table none of which can be made.
fn all_of_table(told: &Rehearsed, causes: &Causes, cause: &Cause) -> Option<u64> {
    let first = causes.failures.get(*cause.rows.first()?)?;
    // A retry has read only some rows of the table.
    let (rows, _) = told.ended.as_ref().filter(|ended| ended.kept == 0)?.tables.get(&first.table)?;
    (cause.phase == Phase::Create).then_some(*rows)
}

/// Shows what is done to bring the new version; pip is slow, and silence looks like a fault.
fn building(line: &str) {
    let _ = writeln!(io::stderr(), "{}", harmless_lines(line));
}

/// Shows a line of a program as it is: the wizard follows the rehearsal by it.
fn shown_whole(line: &str) {
    let _ = writeln!(io::stderr(), "{}", plain(line.as_bytes()));
}

/// Shows which table is being loaded, on a terminal only.
fn progress(line: &str) {
    let Some((_, what)) = line.split_once("Loading ") else { return };
    if io::stderr().is_terminal() && what.contains(" to table ") {
        let _ =
            write!(io::stderr(), "\r\u{1b}[KLoading {}", plain(what.as_bytes()).chars().take(60).collect::<String>());
    }
}

fn text(told: &Rehearsed, causes: &Causes, (site, in_wizard): (&Site, bool), out: &mut dyn Write) -> io::Result<()> {
    if let Some(begun) = &told.begun {
        let what = format!("version {} on Lino {}, Django {}", begun.version, begun.lino, begun.django);
        writeln!(out, "Rehearsed with {}.", shown(&what))?;
    }
    if let Some(why) = &told.anew {
        triaged::paragraph(out, "", &format!("Every row was loaded again. {}", shown(why)))?;
    }
    for what in &told.repaired {
        writeln!(out, "Repaired for the rehearsal: {}.", shown(what))?;
    }
    triaged::tell(causes, out)?;
    for broken in &told.broken {
        let place = match (&broken.file, broken.line) {
            (Some(file), Some(line)) => format!("{file}:{line}"),
            (Some(file), None) => file.clone(),
            _ => broken.table.clone().or_else(|| broken.handler.clone()).unwrap_or_default(),
        };
        writeln!(out)?;
        let what = format!("{}: {}: {}", shown(&place), shown(&broken.exception), shown(&broken.message));
        triaged::paragraph(out, "", &what)?;
    }
    if let Some(stopped) = &told.stopped {
        let exception =
            if stopped.exception.is_empty() { String::new() } else { format!("{}: ", shown(&stopped.exception)) };
        writeln!(out)?;
        triaged::paragraph(out, "", &format!("The rehearsal could not go on: {exception}{}", shown(&stopped.message)))?;
    }
    writeln!(out)?;
    if let Some(ended) = &told.ended {
        #[allow(clippy::cast_possible_truncation, reason = "a duration in seconds")]
        let seconds = ended.seconds as i64;
        match ended.kept {
            0 => writeln!(out, "{} objects were loaded in {}.", ended.loaded, duration(seconds))?,
            kept => writeln!(
                out,
                "{} objects were loaded in {}; {kept} were in the scratch database already.",
                ended.loaded,
                duration(seconds)
            )?,
        }
    }
    match (is_clean(told, causes), causes.failures.is_empty()) {
        (true, _) => writeln!(out, "The new version takes every row."),
        (false, true) => writeln!(out, "The log is {}.", site_rehearse::places(site).log.display()),
        (false, false) => {
            writeln!(out, "{}.", causes.summary())?;
            writeln!(out, "The log is {}.", site_rehearse::places(site).log.display())?;
            let next = if in_wizard {
                "To decide what becomes of these rows: t in the wizard."
            } else {
                "To decide what becomes of these rows: --write-decisions FILE, edit FILE, then rehearse with \
                 --decisions FILE."
            };
            triaged::paragraph(out, "", next)
        }
    }
}

/// The same for programs, in the form of `triage --json`.
#[derive(Serialize)]
struct Whole<'a> {
    fatal: Option<Json>,
    groups: Groups<'a>,
    loaded: Option<u64>,
    outcome: &'static str,
    seconds: Option<f64>,
    source: &'static str,
    unsaved: usize,
}

fn json(told: &Rehearsed, causes: &Causes, script: &Path, out: &mut dyn Write) -> io::Result<()> {
    let stops = causes.causes.iter().any(|cause| cause.phase.stops());
    let outcome = match (is_clean(told, causes), stops || !told.broken.is_empty() || told.stopped.is_some()) {
        (true, _) => "loaded",
        (false, true) => "crashed",
        (false, false) => "abandoned",
    };
    let fatal = told
        .stopped
        .as_ref()
        .map(|stopped| json!({"exception": stopped.exception, "message": stopped.message, "model": null, "pk": null}));
    let whole = Whole {
        fatal,
        groups: Groups::of(causes, script)?,
        loaded: told.ended.as_ref().map(Ended::all),
        outcome,
        seconds: told.ended.as_ref().map(|ended| ended.seconds),
        source: "rehearsal",
        unsaved: causes.rows(),
    };
    triaged::print(out, &whole)
}
