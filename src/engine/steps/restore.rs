//! `restore`: loading the snapshot, as it is or with the decisions for rows that the new version does not take.
//!
//! Success rests on what Lino printed and on the account of every row, never on the exit status alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::super::context::{Command, CommandEnd, Context};
use super::super::{Ask, Attendance, NoticeLevel, StepEnd, decided, decisions, rehearse, restored, unchanged};
use super::compare::DESCRIBED;
use super::{account, advice, blocking, done, failed, interrupted, unfinished};
use crate::compare::judge::Described;
use crate::error::{Kind, Report, Tell};
use crate::messages::{CommandKind, DatabaseState, FailureCause, Judgement, Reading};
use crate::procedure::{Finding, Knowledge, Level};
use crate::site::{self, Db};
use crate::snapshot::MARK;

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
    let mut line = match prepare(context).await? {
        Ok(line) => line,
        Err(end) => return Ok(end),
    };
    context
        .learn(|knowledge| {
            knowledge.database_changed = true;
            if knowledge.account.take().is_some() {
                knowledge.start_anyway = false;
            }
        })
        .await?;
    if known.lines.swift.iter().flatten().any(|swift| *swift == line) {
        site::restore::prepare(&context.site).map_err(|error| {
            Report::new(Kind::Environment, format!("The script that restores cannot be written: {error}."))
                .unchanged("The database was not changed.")
                .next("Free some disk space, then retry.")
        })?;
    }
    if context.attendance == Attendance::Headless {
        line.push_str(" --noinput");
    }
    let end = context.command(Command::new("restore", CommandKind::Restore, line)).await?;
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
        Err(account::NoAccount(why)) => {
            findings.push(Finding::warn(
                "account",
                format!("There is no account of every row: {why} The rows of each table were counted instead."),
                "Compare by hand: make a dump of the new site, then `lino-upgrade account SNAPSHOT DUMP`.",
            ));
            if let (Some(because), 0) = (because, reading.unsaved) {
                findings.extend(advice(reading));
                return Ok(failed(because.clone()).with(findings));
            }
            if reading.unsaved == 0 {
                findings.extend(count_rows(context, &known.snapshot_rows).await?);
                if findings.iter().any(|finding| finding.level == Level::Fail) {
                    return Ok(failed("the database has fewer rows than the snapshot").with(findings));
                }
            }
        }
    }
    let account = context.known().account.unwrap_or_default();
    if account.missing > 0 || reading.unsaved > 0 {
        let because = because.map_or_else(|| format!("{} rows are missing.", account.missing), Clone::clone);
        return Ok(done(format!("{because} See Triage.")).with(findings));
    }
    let rows: u64 = known.snapshot_rows.values().sum();
    Ok(match account.explained {
        0 => done(format!("{rows} rows of the snapshot are in the database")),
        left => {
            done(format!("{} rows of the snapshot are in the database, {left} are left out", rows.saturating_sub(left)))
        }
    }
    .with(findings))
}

/// Writes the copy of the dump script with the decisions, where there are any, and returns the line that restores; or
/// the end of the step.
async fn prepare(context: &Context) -> Result<Result<String, StepEnd>, Report> {
    let site = &context.site;
    let file = decisions::of_site(site)?.map(|(file, _)| file).unwrap_or_default();
    let wanted = decided::is_wanted(site, &file.decisions);
    let decided = file.decisions.iter().filter(|decision| !decision.choice.is_open()).count() as u64;
    let by_hand = wanted && decided::is_edited(site);
    context
        .learn(|knowledge| {
            knowledge.decided = decided;
            knowledge.decided_by_hand = by_hand;
        })
        .await?;
    let known = context.known();
    let Some(line) = known.restore_line() else {
        return Ok(Err(failed("the restore cannot use the decisions").with(vec![Finding::fail(
            "decisions",
            format!("The command that restores does not name restore.py as one word: {}", known.lines.restore),
            "Let [commands] restore in lino-upgrade.toml name snapshot/restore.py, so that the copy with the decisions \
             can take its place.",
        )])));
    };
    // The copy is what the command reads that this attempt has begun.
    if context.has_commands().await? {
        return Ok(Ok(line));
    }
    account::keep_decisions(site, &file)?;
    if !wanted {
        return Ok(Ok(line));
    }
    context.progress(0, None, "writing the copy of restore.py with the decisions");
    let before: Option<Described> = context.journal.fact(context.run, DESCRIBED).await.map_err(|error| error.tell())?;
    let after = site::facts::ask(site).await.ok().map(|facts| facts.described());
    let place = std::sync::Arc::clone(site);
    let copied = blocking(move || {
        let kept = rehearse::models::read(&place);
        let [old, new] = &kept;
        let before = before.as_ref().map(|before| &before.models).or(old.as_ref());
        let script = place.dir.join(&place.config.snapshot.directory).join("restore.py");
        decided::copy_fitting(&place, &script, &file.decisions, (before, after.as_ref().or(new.as_ref())))
    })
    .await??;
    context.note(&format!("The decisions are in {}.", copied.path.display()))?;
    if copied.unfit.is_empty() {
        return Ok(Ok(line));
    }
    for sentence in &copied.unfit {
        context.note(&format!("A decision does not fit this snapshot. {sentence}"))?;
    }
    let ask = unfit(context, &copied.unfit);
    if context.ask(ask).await == Some('r') {
        return Ok(Ok(line));
    }
    let findings = copied.unfit.iter().map(|sentence| {
        Finding::warn("decision", sentence, "Take this decision back, or another one that fits, then restore.")
    });
    Ok(Err(interrupted("not decided yet").with(findings.collect())))
}

fn unfit(context: &Context, sentences: &[String]) -> Ask {
    let shown: Vec<&str> = sentences.iter().take(5).map(String::as_str).collect();
    let more = match sentences.len().saturating_sub(shown.len()) {
        0 => String::new(),
        more => format!("\n… and {more} more; the log of this step has them all."),
    };
    Ask {
        question: "restore.unfit".into(),
        step: context.step,
        title: "Decisions do not fit this snapshot".into(),
        text: format!(
            "The data has changed since they were taken. Nothing was changed yet.\n{}{more}",
            shown.join("\n")
        ),
        choices: vec![
            ('r', "restore without what does not fit".into()),
            ('w', "wait, and decide these rows again".into()),
        ],
        recommended: None,
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

/// Compares the rows of every table with those of the snapshot.
async fn count_rows(context: &Context, expected: &BTreeMap<String, u64>) -> Result<Vec<Finding>, Report> {
    let connection = site::facts::connection(&context.site).await.map_err(|error| error.tell())?;
    let mut db = Db::connect_read_only(&connection).await.map_err(|error| error.tell())?;
    let tables = db.tables().await.map_err(|error| error.tell())?;
    let mut counts = BTreeMap::new();
    for table in expected.keys().filter(|table| tables.contains(table)) {
        counts.insert(table.clone(), db.count(table).await.map_err(|error| error.tell())?);
    }
    db.close().await;
    Ok(compare_counts(expected, &counts))
}

/// Fewer rows than in the snapshot is an obstacle, more is worth knowing (Lino computes some rows itself).
fn compare_counts(expected: &BTreeMap<String, u64>, found: &BTreeMap<String, u64>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (table, rows) in expected {
        let now = found.get(table).copied();
        match now {
            None if *rows == 0 => {}
            None => findings.push(Finding::fail(
                table,
                format!("The table is gone; the snapshot has {rows} rows of it."),
                "Ask the application developer where these rows belong now.",
            )),
            Some(now) if now < *rows => findings.push(Finding::fail(
                table,
                format!("It has {now} rows, the snapshot has {rows}."),
                "Read the log of the restore for this table, then retry.",
            )),
            Some(now) if now > *rows => findings.push(Finding::pass(
                table,
                format!("It has {now} rows, the snapshot has {rows}: the new version added {}.", now - rows),
            )),
            Some(_) => {}
        }
    }
    if findings.is_empty() {
        findings.push(Finding::pass("rows", "Every table has exactly the rows of the snapshot."));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(pairs: &[(&str, u64)]) -> BTreeMap<String, u64> {
        pairs.iter().map(|(table, rows)| ((*table).to_owned(), *rows)).collect()
    }

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
    fn ignored_objects_are_an_obstacle_with_their_number() {
        assert_eq!(ignored(0), None);
        let finding = ignored(2).unwrap();
        assert_eq!(finding.level, Level::Fail);
        assert!(finding.text.starts_with("2 objects were ignored"), "{}", finding.text);
    }

    #[test]
    fn a_missing_row_is_an_obstacle_and_an_added_one_is_not() {
        let expected = counts(&[("gone", 2), ("gone_but_empty", 0), ("less", 5), ("more", 1), ("same", 3)]);
        let found = counts(&[("less", 4), ("more", 2), ("same", 3)]);
        assert_eq!(
            compare_counts(&expected, &found),
            vec![
                Finding::fail(
                    "gone",
                    "The table is gone; the snapshot has 2 rows of it.",
                    "Ask the application developer where these rows belong now."
                ),
                Finding::fail(
                    "less",
                    "It has 4 rows, the snapshot has 5.",
                    "Read the log of the restore for this table, then retry."
                ),
                Finding::pass("more", "It has 2 rows, the snapshot has 1: the new version added 1."),
            ]
        );
    }

    #[test]
    fn equal_counts_are_said_in_one_sentence() {
        let same = counts(&[("a", 1)]);
        assert_eq!(
            compare_counts(&same, &same),
            vec![Finding::pass("rows", "Every table has exactly the rows of the snapshot.")]
        );
    }
}
