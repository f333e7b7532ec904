//! `triage`: tells from the log of a restore, and from its snapshot, which rows were not saved, and why.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use serde_json::{Value as Json, json};

use super::args::{self, Format};
use super::triaged::{self, Groups, paragraph, shown};
use super::unprintable;
use crate::engine::rehearse::script;
use crate::error::{Kind, Report, Tell};
use crate::messages::{DatabaseState, Ended, FailureCause, Judgement};
use crate::snapshot::{LogError, LogTriage, triage_log};

/// Triages and prints; exit status 1 when the log does not prove that every row was saved.
pub fn run(args: &args::Triage, format: Format, out: &mut dyn Write) -> Result<u8, Report> {
    let script = script(&args.snapshot)?;
    let ended = args.exit.map(|code| Ended::Exited { code });
    let found = triage_log(&args.log, &script, ended).map_err(|error| error.tell())?;
    let written = match format {
        Format::Json => json(&found, &script, out),
        Format::Text => text(&found, out),
    };
    written.map_err(|error| unprintable(&error))?;
    Ok(u8::from(outcome(&found) != "loaded"))
}

fn outcome(found: &LogTriage) -> &'static str {
    match &found.reading.judgement {
        Judgement::Finished { .. } if found.causes.failures.is_empty() => "loaded",
        Judgement::Finished { .. }
        | Judgement::Failed { cause: FailureCause::Abandoned | FailureCause::RowsLost, .. } => "abandoned",
        // A log file does not have what is printed on the error channel.
        Judgement::Failed { .. } if found.fatal.is_none() && !found.causes.failures.is_empty() => "abandoned",
        Judgement::Failed { .. } => "crashed",
        Judgement::Interrupted { .. } | Judgement::Unproved { .. } => "interrupted",
        Judgement::Refused { .. } => "refused",
    }
}

fn text(found: &LogTriage, out: &mut dyn Write) -> io::Result<()> {
    let (Judgement::Finished { summary: said }
    | Judgement::Unproved { because: said }
    | Judgement::Failed { because: said, .. }
    | Judgement::Interrupted { because: said }
    | Judgement::Refused { because: said }) = &found.reading.judgement;
    let named_by_log = found.fatal.is_some() || found.reading.unsaved == 0 || outcome(found) != "abandoned";
    // Without exit status, the notes say more.
    let guessed = matches!(found.reading.judgement, Judgement::Interrupted { .. }) && !found.notes.is_empty();
    if !guessed && (named_by_log || found.notes.is_empty()) || found.reading.groups_left_off > 0 {
        paragraph(out, "", &shown(said))?;
    }
    for note in &found.notes {
        paragraph(out, "", note)?;
    }
    if found.reading.database == DatabaseState::HalfFilled {
        paragraph(out, "", "The restore had emptied the database, and not all rows came back.")?;
    }
    triaged::tell(&found.causes, out)?;
    if let Some(fatal) = found.fatal.as_ref().filter(|fatal| !said.contains(&fatal.message)) {
        let row = found.fatal_row.and_then(|row| found.causes.failures.get(row));
        let at = row.map_or(String::new(), |row| format!(" at {} {}", shown(row.model_or_table()), shown(&row.key)));
        let message = if fatal.message.is_empty() { String::new() } else { format!(": {}", shown(&fatal.message)) };
        writeln!(out)?;
        paragraph(out, "", &format!("It ended{at}: {}{message}", shown(&fatal.exception)))?;
    }
    if !found.causes.failures.is_empty() {
        writeln!(out, "\n{}.", found.causes.summary())?;
    }
    Ok(())
}

/// What is told to programs.
#[derive(Serialize)]
struct Whole<'a> {
    fatal: Option<Json>,
    groups: Groups<'a>,
    loaded: Option<u64>,
    notes: &'a [String],
    outcome: &'static str,
    source: &'static str,
    unsaved: u64,
}

fn json(found: &LogTriage, script: &Path, out: &mut dyn Write) -> io::Result<()> {
    let unsaved = found.reading.unsaved.max(found.causes.failures.len() as u64);
    let fatal = found.fatal.as_ref().map(|fatal| {
        let row = found.fatal_row.and_then(|row| found.causes.failures.get(row));
        json!({
            "exception": fatal.exception, "message": fatal.message,
            "model": row.map(crate::triage::Failure::model_or_table), "pk": row.map(|row| &row.key),
        })
    });
    let whole = Whole {
        fatal,
        groups: Groups::of(&found.causes, script)?,
        loaded: found.reading.loaded,
        notes: &found.notes,
        outcome: outcome(found),
        source: "log",
        unsaved,
    };
    triaged::print(out, &whole)
}

impl Tell for LogError {
    fn tell(&self) -> Report {
        let report = |what: String| Report::new(Kind::Environment, what).unchanged("Nothing was changed.");
        let log =
            "Name the file that has the output of `manage.py run snapshot/restore.py`, or Lino's own log/lino.log.";
        match self {
            Self::Unreadable { path, source } => {
                report(format!("{} cannot be read: {source}.", path.display())).next(log)
            }
            Self::Empty(path) => report(format!("{} is empty.", path.display())).next(log),
            Self::NoRestore(path) => {
                report(format!("Nothing in {} was printed by a restore.", path.display())).next(log)
            }
            Self::OtherSite { log, why } => {
                report(format!("{} is not the log of a restore of this snapshot: {why}.", log.display()))
                    .next("Name the snapshot that was restored, as it was then: --snapshot DIR.")
            }
            Self::Snapshot(error) => error.tell(),
        }
    }
}
