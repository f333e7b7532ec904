//! `restore` and `triage`: loading the snapshot, and the rows that the new version did not accept.
//!
//! Success rests on what Lino printed and on counting the rows of every table, never on the exit status alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::super::context::{Command, Context};
use super::super::{Ask, Attendance, StepEnd};
use super::{advice, done, failed, interrupted, skipped, unfinished};
use crate::error::{Report, Tell};
use crate::messages::{CommandKind, DatabaseState, FailureCause, Judgement};
use crate::procedure::{Finding, Level, RESTORE_AGAIN};
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
    context.learn(|knowledge| knowledge.database_changed = true).await?;
    let mut line = known.lines.restore.clone();
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
    if let Judgement::Failed { because, cause } = &reading.judgement {
        if unsaved > 0 {
            let mut findings = vec![Finding::warn(
                "rows",
                format!("{unsaved} rows were not saved."),
                "The next step shows them; the snapshot still has them.",
            )];
            findings.extend(ignored.map(|finding| Finding { level: Level::Warn, ..finding }));
            return Ok(done(format!("{because} See Triage.")).with(findings));
        }
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
        return Ok(failed(because.clone()).with(findings));
    }
    if let Some(end) = unfinished(&end) {
        return Ok(end);
    }
    let findings = count_rows(context, &known.snapshot_rows).await?;
    if findings.iter().any(|finding| finding.level == Level::Fail) {
        return Ok(failed("the database has fewer rows than the snapshot").with(findings));
    }
    let rows: u64 = known.snapshot_rows.values().sum();
    Ok(done(format!("{rows} rows of the snapshot are in the database")).with(findings))
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

/// Shows the rows that were not saved and asks what to do about them.
pub async fn triage(context: &Context) -> Result<StepEnd, Report> {
    let known = context.known();
    let unsaved = known.unsaved.unwrap_or(0);
    if unsaved == 0 {
        return Ok(skipped("every row was saved"));
    }
    let findings: Vec<Finding> = known
        .abandoned
        .iter()
        .map(|group| {
            Finding::warn("not saved", group, "Ask the application developer what is to become of these rows.")
        })
        .collect();
    if !context.has_commands().await? {
        for group in &known.abandoned {
            context.note(group)?;
        }
        let answer = context
            .ask(Ask {
                question: "triage.unsaved".into(),
                step: context.step,
                title: format!("{unsaved} rows were not saved"),
                text: "The new version did not accept them. They are still in the snapshot, and nothing is lost while \
                       you keep it. The list is in the log of this step. You can edit snapshot/restore.py in another \
                       window (or in a shell, !) and restore again."
                    .into(),
                choices: vec![
                    ('r', "restore again, after restore.py was edited".into()),
                    ('x', format!("leave these {unsaved} rows out of the new site")),
                    ('w', "wait, decide later".into()),
                ],
                recommended: None,
            })
            .await;
        match answer {
            Some('r') => return Ok(interrupted(RESTORE_AGAIN).with(findings)),
            Some('x') => {}
            _ => return Ok(interrupted("not decided yet").with(findings)),
        }
    }
    // Lino 25.8 and newer break off before the sequences of the database are set.
    if known.engine != "sqlite" {
        let line = "python manage.py resetsequences";
        let end = context.command(Command::new("sequences", CommandKind::Other, line)).await?;
        if let Some(end) = unfinished(&end) {
            return Ok(end.with(findings));
        }
    }
    Ok(done(format!("{unsaved} rows were left out by the operator")).with(findings))
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
