//! `restore`: loading the snapshot, as it is or with the decisions for rows that the new version does not take.
//!
//! Success rests on what Lino printed and on the account of every row, never on the exit status alone.

mod count;
mod line;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::super::context::{CommandEnd, Context};
use super::super::recovery::RESTORED;
use super::super::{Attendance, NoticeLevel, StepEnd, checked, restored, unchanged};
use super::load::Circles;
use super::{account, advice, blocking, done, failed, load, unfinished};
use crate::error::{Report, Tell};
use crate::messages::{DatabaseState, FailureCause, Judgement, Reading};
use crate::procedure::{Finding, Knowledge, Level};
use crate::snapshot::MARK;
use crate::triage::Accounted;

/// Rows per source file that the next snapshot gets when a restore died for lack of memory.
const SMALL_FILES: u32 = 5_000;

/// Loads the snapshot with the new version.
pub async fn restore(context: &Context) -> Result<StepEnd, Report> {
    let known = context.known();
    if let Some(dir) = simulated(&context.site.dir, &known.lines.restore) {
        return Ok(failed("this is a simulated dump, and restoring it would empty the database").with(vec![
            Finding::fail(
                "snapshot",
                format!("{} holds no data: it was written to compare two versions.", dir.display()),
                "Restore the snapshot that the old version made; look at [commands] restore in lino-upgrade.toml.",
            ),
        ]));
    }
    if known.snapshot_rows.is_empty() && !context.has_commands().await? {
        return Ok(failed("the snapshot was not verified, so nothing is dropped for it").with(vec![Finding::fail(
            "snapshot",
            "The restore drops all tables; without a verified snapshot that could lose everything.",
            "Run the step Verify the snapshot first.",
        )]));
    }
    if !context.has_commands().await? {
        let findings = super::services::open_sessions(context).await?;
        if findings.iter().any(|finding| finding.level == Level::Fail) {
            return Ok(failed("somebody still has the database open, so nothing was dropped").with(findings));
        }
    }
    if let Some(end) = unchanged::before_restore(context).await? {
        return Ok(end);
    }
    let mut line = match line::prepare(context).await? {
        Ok(line) => line,
        Err(end) => return Ok(end),
    };
    checked::forget(&context.site);
    context
        .learn(|knowledge| {
            knowledge.database_changed = true;
            if knowledge.account.take().is_some() {
                knowledge.start_anyway = false;
            }
        })
        .await?;
    if known.lines.swift.iter().flatten().any(|swift| *swift == line) {
        load::prepare(context)?;
    }
    if context.attendance == Attendance::Headless {
        line.push_str(" --noinput");
    }
    let end = load::load(context, line, Circles::AsLinoDoes).await?;
    let reading = &end.reading;
    if reading.database == DatabaseState::Untouched {
        context.learn(|knowledge| knowledge.database_changed = known.database_changed).await?;
    }
    let mut groups: Vec<String> = reading.groups.iter().map(ToString::to_string).collect();
    let ignored = ignored(reading.ignored);
    groups.extend(ignored.as_ref().map(|finding| finding.text.clone()));
    let unsaved = reading.unsaved;
    context
        .learn(|knowledge| {
            knowledge.abandoned = groups;
            knowledge.unsaved = Some(unsaved);
        })
        .await?;
    tell_refused(context, &end).await?;
    let ended = matches!(reading.judgement, Judgement::Finished { .. }) || gave_up(reading);
    if !ended {
        return failed_to_load(context, &end, ignored).await;
    }
    let said = ignored.into_iter().collect();
    conclude(context, &known, &end, said).await
}

/// Tells which rows the restore has refused, as its log names them, before anybody is asked about them.
async fn tell_refused(context: &Context, end: &CommandEnd) -> Result<(), Report> {
    let reading = &end.reading;
    let failed = matches!(reading.judgement, Judgement::Failed { .. }) && reading.database != DatabaseState::Untouched;
    let refused = reading.unsaved > 0 || failed;
    if !refused && !matches!(reading.judgement, Judgement::Finished { .. }) {
        return Ok(());
    }
    let (site, log, ended) = (std::sync::Arc::clone(&context.site), context.log.clone(), end.ended);
    let (range, version) = (if refused { end.range } else { (0, 0) }, context.known().new_version);
    let read = blocking(move || {
        restored::keep(&site, &log, range).map_err(|error| error.to_string())?;
        restored::read(&site, ended, version)
    });
    match read.await? {
        Ok(Some((former, notes))) => {
            for note in notes {
                context.note(&note)?;
            }
            context.tell_rehearsed(Ok(Some(former)));
        }
        Ok(None) => {}
        Err(why) => {
            let text = format!("The rows that the restore refused cannot be told from its log: {why}.");
            context.note(&text)?;
            context.notice(NoticeLevel::Warning, text);
        }
    }
    Ok(())
}

/// Tells whether a restore came to its end, and left rows out.
fn gave_up(reading: &Reading) -> bool {
    match &reading.judgement {
        Judgement::Failed { cause, .. } => {
            reading.unsaved > 0 || *cause == FailureCause::RowsLost && reading.loaded.is_some()
        }
        _ => false,
    }
}

/// Ends a restore that broke off.
async fn failed_to_load(context: &Context, end: &CommandEnd, ignored: Option<Finding>) -> Result<StepEnd, Report> {
    let reading = &end.reading;
    let Judgement::Failed { because, cause } = &reading.judgement else {
        return Ok(unfinished(end).unwrap_or_else(|| failed("nobody knows how the restore ended")));
    };
    let mut findings: Vec<Finding> = ignored.into_iter().collect();
    if *cause == FailureCause::OutOfMemory {
        context.learn(|knowledge| knowledge.max_row_count = Some(SMALL_FILES)).await?;
        findings.push(Finding::warn(
            "memory",
            "The restore died for lack of memory.",
            format!(
                "Stop what eats memory (web servers of other sites, for example), then retry. If that does not \
                 help, go back to the old version and make the snapshot again: it will be written with at most \
                 {SMALL_FILES} rows per file (--max-row-count)."
            ),
        ));
    }
    if findings.is_empty() {
        findings.extend(advice(reading));
    }
    Ok(failed(because.clone()).with(findings))
}

/// Judges a restore that came to its end, by the account of every row.
async fn conclude(
    context: &Context,
    known: &Knowledge,
    end: &CommandEnd,
    mut findings: Vec<Finding>,
) -> Result<StepEnd, Report> {
    let reading = &end.reading;
    let because = match &reading.judgement {
        Judgement::Failed { because, .. } => Some(because),
        _ => None,
    };
    if reading.unsaved > 0 {
        for finding in &mut findings {
            finding.level = Level::Warn;
        }
        findings.push(Finding::warn(
            "rows",
            format!("{} rows were not saved.", reading.unsaved),
            "The next step shows them; the snapshot still has them.",
        ));
    }
    if findings.iter().any(|finding| finding.level == Level::Fail) {
        return Ok(failed("rows were left out").with(findings));
    }
    match account::account(context).await? {
        Ok(found) => findings.extend(found),
        Err(none) => {
            findings.push(Finding::warn(
                "account",
                format!("There is no account of every row: {} The rows of each table were counted instead.", none.why),
                "Compare by hand: make a dump of the new site, then `lino-upgrade account SNAPSHOT DUMP`.",
            ));
            if let (Some(because), 0) = (because, reading.unsaved) {
                findings.extend(advice(reading));
                return Ok(failed(because.clone()).with(findings));
            }
            if reading.unsaved == 0 {
                findings.extend(count::rows(context, &known.snapshot_rows).await?);
                if findings.iter().any(|finding| finding.level == Level::Fail) {
                    return Ok(failed("the database has fewer rows than the snapshot").with(findings));
                }
            }
        }
    }
    keep_counts(context, &known.snapshot_rows).await?;
    let account = context.known().account.unwrap_or_default();
    if account.missing > 0 || reading.unsaved > 0 {
        let because = because.map_or_else(|| format!("{} rows are missing.", account.missing), Clone::clone);
        return Ok(done(format!("{because} See Triage.")).with(findings));
    }
    let rows: u64 = known.snapshot_rows.values().sum();
    Ok(done(whereabouts(rows, &account)).with(findings))
}

/// Says where the rows of the snapshot are.
fn whereabouts(rows: u64, account: &Accounted) -> String {
    let explained = account.tables.iter().flat_map(|table| &table.explained);
    let decided: u64 = explained.filter(|one| one.decision.is_some()).map(|one| one.rows).sum();
    let mut text = format!("{} rows of the snapshot are in the database", rows.saturating_sub(account.explained));
    if decided > 0 {
        text = format!("{text}, {decided} left out by decisions");
    }
    match account.explained.saturating_sub(decided) {
        0 => text,
        others => format!("{text}, {others} that Lino makes itself"),
    }
}

/// Returns the directory of a simulated dump that this command line names, for example by its `restore.py`.
fn simulated(site: &Path, line: &str) -> Option<PathBuf> {
    let words = line.split(|c: char| c.is_whitespace() || "'\"=;&|()".contains(c)).filter(|word| !word.is_empty());
    let paths = words.map(|word| site.join(word));
    let mut dirs = paths.flat_map(|path| path.parent().map(Path::to_owned).into_iter().chain([path.clone()]));
    dirs.find(|dir| dir.join(MARK).exists())
}

/// What Lino's loader left out although the dump has it; it only prints a warning.
fn ignored(count: u64) -> Option<Finding> {
    let objects = if count == 1 { "object was" } else { "objects were" };
    (count > 0).then(|| {
        Finding::fail(
            "ignored objects",
            format!("{count} {objects} ignored because Lino did not know them as rows; the snapshot still has them."),
            "Look for \"Ignored unknown object\" in the log of this step. Let the developer of the migrator correct \
             it, then restore again.",
        )
    })
}

/// Keeps how many rows each table has now, so that a wizard that is opened after a crash can prove that they are there.
async fn keep_counts(context: &Context, expected: &BTreeMap<String, u64>) -> Result<(), Report> {
    // Without them less can be proved, and nothing is lost.
    let Ok(counts) = count::counts(context, expected).await else { return Ok(()) };
    let now = super::super::clock::now();
    context.journal.record(context.run, RESTORED, &counts, now).await.map_err(|error| error.tell())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_that_names_a_simulated_dump_is_found() {
        let site = assert_fs::TempDir::new().unwrap();
        for name in ["t", "snapshot"] {
            std::fs::create_dir(site.path().join(name)).unwrap();
            std::fs::write(site.path().join(name).join("restore.py"), "").unwrap();
        }
        std::fs::write(site.path().join("t").join(MARK), "").unwrap();
        let absolute = format!("python manage.py run {}/t/restore.py", site.path().display());
        let marked = ["python manage.py run t/restore.py", "cd 't' && python ../manage.py run restore.py", &absolute];
        for line in marked {
            assert_eq!(simulated(site.path(), line), Some(site.path().join("t")), "{line}");
        }
        let harmless = ["python manage.py run snapshot/restore.py", "./restore.sh", ""];
        assert_eq!(harmless.map(|line| simulated(site.path(), line)), [None, None, None]);
    }

    #[test]
    fn rows_that_lino_makes_itself_are_not_said_to_be_left_out() {
        use crate::triage::{AccountedTable, Explained};
        let explained = |decision, rows| Explained { decision, rows, because: String::new() };
        let tables = vec![AccountedTable {
            explained: vec![explained(Some(1), 370), explained(Some(2), 2), explained(None, 83)],
            ..AccountedTable::default()
        }];
        let said = |explained, tables| whereabouts(6769, &Accounted { explained, tables, ..Accounted::default() });
        let [all, some] = [said(0, vec![]), said(455, tables)];
        assert_eq!(all, "6769 rows of the snapshot are in the database");
        assert_eq!(
            some,
            "6314 rows of the snapshot are in the database, 372 left out by decisions, 83 that Lino makes itself"
        );
    }

    #[test]
    fn ignored_objects_are_an_obstacle_with_their_number() {
        assert_eq!(ignored(0), None);
        let finding = ignored(2).unwrap();
        assert_eq!(finding.level, Level::Fail);
        assert!(finding.text.starts_with("2 objects were ignored"), "{}", finding.text);
    }
}
