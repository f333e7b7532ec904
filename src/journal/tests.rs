//! Tests of the journal on real files.

use std::path::PathBuf;

use assert_fs::TempDir;

use super::*;
use crate::compare::{Evidence, Verdict};
use crate::procedure::{Finding, StepId, StepState};
use crate::runner::Ended;

async fn open(dir: &TempDir) -> Journal {
    Journal::open(&dir.path().join("journal.sqlite")).await.unwrap()
}

#[tokio::test]
async fn what_was_written_is_read_back_after_opening_again() {
    let dir = TempDir::new().unwrap();
    let journal = open(&dir).await;
    let run = journal.begin_run("wizard", "anna", 100).await.unwrap();
    journal.name_run(run, "noi", "25.1.1").await.unwrap();
    let log = |number| PathBuf::from(format!("/logs/snapshot-{number}.log"));
    let (attempt, number) = journal.begin_attempt(run, StepId::Snapshot, &log, 101).await.unwrap();
    let command = journal.begin_command(Some(attempt), "dump", "./make_snapshot.sh", &log(number), 102).await.unwrap();
    journal.end_command(command, Some(Ended::Exited { code: 0 }), (7, 99), 110).await.unwrap();
    let state = StepState::Done { summary: "6 806 rows".into() };
    let findings = vec![Finding::pass("rows", "All there.")];
    journal.end_attempt(attempt, &state, &findings, 9.5, 111).await.unwrap();
    journal.record(run, "answer", &42, 112).await.unwrap();
    drop(journal);

    let journal = open(&dir).await;
    let found = journal.unfinished_run().await.unwrap().unwrap();
    assert_eq!((found.id, found.application.as_str(), found.old_version.as_str()), (run, "noi", "25.1.1"));
    assert_eq!(
        journal.attempts(run).await.unwrap(),
        vec![AttemptRow {
            id: attempt,
            step: StepId::Snapshot,
            number: 1,
            log: log(1),
            started: 101,
            ended: Some(111),
            seconds: Some(9.5),
            state: Some(state),
            findings,
        }]
    );
    assert_eq!(
        journal.commands(attempt).await.unwrap(),
        vec![CommandRow {
            id: command,
            name: "dump".into(),
            line: "./make_snapshot.sh".into(),
            log: log(1),
            range: Some((7, 99)),
            ended: Some(Ended::Exited { code: 0 }),
        }]
    );
    assert_eq!(journal.fact::<i32>(run, "answer").await.unwrap(), Some(42));
    assert_eq!(journal.fact::<i32>(run, "question").await.unwrap(), None);
}

#[tokio::test]
async fn an_ended_run_is_not_offered_again_and_gives_the_forecast() {
    let dir = TempDir::new().unwrap();
    let journal = open(&dir).await;
    let run = journal.begin_run("wizard", "anna", 100).await.unwrap();
    let (attempt, _) = journal.begin_attempt(run, StepId::Restore, &|_| PathBuf::new(), 100).await.unwrap();
    let done = StepState::Done { summary: String::new() };
    journal.end_attempt(attempt, &done, &[], 74.6, 175).await.unwrap();
    journal.end_run(run, "done", "", 200).await.unwrap();
    assert_eq!(journal.unfinished_run().await.unwrap(), None);
    let next = journal.begin_run("wizard", "anna", 300).await.unwrap();
    assert_eq!(journal.last_duration(StepId::Restore, next).await.unwrap(), Some((74.6, 100)));
    assert_eq!(journal.last_duration(StepId::Pull, next).await.unwrap(), None);
}

fn evidence(verdict: Verdict, sentence: &str) -> Evidence {
    Evidence {
        versions: [Some("1.0".into()), Some("2.0".into())],
        verdict,
        sentence: sentence.into(),
        found: Vec::new(),
        noise: Vec::new(),
        renamings: Vec::new(),
        said: Vec::new(),
        left_out: vec!["The catalogue could not be read.".into()],
    }
}

#[tokio::test]
async fn a_journal_of_the_first_format_is_brought_to_the_second_and_keeps_what_it_had() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("journal.sqlite");
    let mut old = SqliteConnectOptions::new().filename(&path).create_if_missing(true).connect().await.unwrap();
    let script = format!("{}; pragma user_version = 1", include_str!("../../assets/migrations/0001_journal.sql"));
    sqlx::raw_sql(sqlx::AssertSqlSafe(script)).execute(&mut old).await.unwrap();
    sqlx::raw_sql("insert into runs (mode, operator, started) values ('wizard', 'anna', 100)")
        .execute(&mut old)
        .await
        .unwrap();
    drop(old);
    let journal = open(&dir).await;
    let run = journal.unfinished_run().await.unwrap().unwrap();
    assert_eq!((run.id, run.operator.as_str()), (1, "anna"));
    assert_eq!(journal.evidence(1).await.unwrap(), None);
    journal.keep_evidence(1, &evidence(Verdict::Restore, "x"), 101).await.unwrap();
    drop(journal);
    assert_eq!(open(&dir).await.evidence(1).await.unwrap(), Some(evidence(Verdict::Restore, "x")));
}

#[tokio::test]
async fn a_journal_of_the_second_format_learns_of_undos_and_keeps_its_runs() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("journal.sqlite");
    let mut old = SqliteConnectOptions::new().filename(&path).create_if_missing(true).connect().await.unwrap();
    for script in &MIGRATIONS[..2] {
        sqlx::raw_sql(*script).execute(&mut old).await.unwrap();
    }
    sqlx::raw_sql("insert into runs (mode, operator, started) values ('wizard', 'anna', 100); pragma user_version = 2")
        .execute(&mut old)
        .await
        .unwrap();
    drop(old);
    let run = open(&dir).await.unfinished_run().await.unwrap().unwrap();
    assert_eq!((run.id, run.operator.as_str(), run.undoes), (1, "anna", None));
}

#[tokio::test]
async fn an_undo_ends_itself_and_what_it_has_undone() {
    let dir = TempDir::new().unwrap();
    let journal = open(&dir).await;
    let run = journal.begin_run("wizard", "anna", 100).await.unwrap();
    journal.name_run(run, "noi", "25.1.1").await.unwrap();
    journal.version_after(run, "26.9.2").await.unwrap();
    let undone = journal.unfinished_run().await.unwrap().unwrap();
    let undo = journal.begin_undo(&undone, None, ("headless", "bert"), &"known", 200).await.unwrap();
    let open_run = journal.unfinished_run().await.unwrap().unwrap();
    let versions = (open_run.old_version.as_str(), open_run.new_version.as_deref());
    assert_eq!((open_run.id, open_run.undoes, versions), (undo, Some(run), ("26.9.2", Some("25.1.1"))));
    assert_eq!(journal.fact::<String>(undo, "knowledge").await.unwrap().as_deref(), Some("known"));
    journal.end_undo(undo, run, "The old version is back.", 300).await.unwrap();
    assert_eq!(journal.unfinished_run().await.unwrap(), None);
    let ended: Vec<_> =
        journal.runs().await.unwrap().into_iter().map(|run| (run.id, run.outcome, run.summary)).collect();
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        ended,
        [(undo, some("done"), some("The old version is back.")), (run, some("undone"), some("Undone by run 2."))]
    );
}

#[tokio::test]
async fn a_run_in_which_nothing_was_begun_becomes_the_undo() {
    let dir = TempDir::new().unwrap();
    let journal = open(&dir).await;
    let run = journal.begin_run("wizard", "anna", 100).await.unwrap();
    let undone = journal.unfinished_run().await.unwrap().unwrap();
    journal.end_run(run, "done", "", 150).await.unwrap();
    let unused = journal.begin_run("wizard", "anna", 160).await.unwrap();
    journal.record(unused, "knowledge", "of an upgrade", 161).await.unwrap();
    let undo = journal.begin_undo(&undone, Some(unused), ("wizard", "anna"), &"of an undo", 200).await.unwrap();
    assert_eq!(undo, unused);
    let runs: Vec<_> = journal.runs().await.unwrap().into_iter().map(|run| (run.id, run.undoes)).collect();
    assert_eq!(runs, [(2, Some(1)), (1, None)]);
    assert_eq!(journal.fact::<String>(undo, "knowledge").await.unwrap().as_deref(), Some("of an undo"));
}

#[tokio::test]
async fn the_newest_evidence_counts_and_decisions_stand_beside_it() {
    let dir = TempDir::new().unwrap();
    let journal = open(&dir).await;
    let run = journal.begin_run("wizard", "anna", 100).await.unwrap();
    let other = journal.begin_run("wizard", "anna", 100).await.unwrap();
    journal.keep_evidence(run, &evidence(Verdict::Skip, "first"), 101).await.unwrap();
    journal.keep_evidence(run, &evidence(Verdict::Decide, "second"), 102).await.unwrap();
    journal.decide(run, StepId::Restore, "compare.overruled", "skip", "operator", 103).await.unwrap();
    assert_eq!(journal.evidence(run).await.unwrap(), Some(evidence(Verdict::Decide, "second")));
    assert_eq!(journal.evidence(other).await.unwrap(), None);
    let decision = DecisionRow {
        step: "restore".into(),
        question: "compare.overruled".into(),
        choice: "skip".into(),
        decided_by: "operator".into(),
        at: 103,
    };
    assert_eq!(journal.decisions(run).await.unwrap(), [decision]);
    assert_eq!(journal.decisions(other).await.unwrap(), []);
}

#[tokio::test]
async fn a_journal_of_a_newer_format_is_refused_and_left_alone() {
    let dir = TempDir::new().unwrap();
    let journal = open(&dir).await;
    sqlx::raw_sql("pragma user_version = 4").execute(&mut *journal.connection.lock().await).await.unwrap();
    let path = journal.path().to_owned();
    drop(journal);
    let before = std::fs::read(&path).unwrap();
    let error = Journal::open(&path).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("the journal {} has format 4, this program knows formats up to 3", path.display())
    );
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_file_that_is_no_journal_is_refused_and_left_alone() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("journal.sqlite");
    std::fs::write(&path, "this is a diary, not a database, and long enough to have a header").unwrap();
    let error = Journal::open(&path).await.unwrap_err();
    assert!(matches!(error, JournalError::Unusable { .. }), "{error}");
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        "this is a diary, not a database, and long enough to have a header"
    );
}

#[tokio::test]
async fn the_journal_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let dir = TempDir::new().unwrap();
    let journal = open(&dir).await;
    let mode = std::fs::metadata(journal.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// A run of each older format, with an attempt that was under way, goes on where it was.
#[tokio::test]
async fn a_run_of_every_older_format_is_continued() {
    for format in 1..FORMAT {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("journal.sqlite");
        let mut old = SqliteConnectOptions::new().filename(&path).create_if_missing(true).connect().await.unwrap();
        let scripts: Vec<&str> = MIGRATIONS.into_iter().take(usize::try_from(format).unwrap()).collect();
        let filled = format!(
            "{}; pragma user_version = {format};
             insert into runs (mode, operator, started) values ('wizard', 'anna', 100);
             insert into attempts (run, step, number, log, started) values (1, 'restore', 1, '/logs/restore.log', 101);
             insert into commands (attempt, name, line, log, started) values (1, 'restore', 'go', '/logs/restore.log', 102);
             insert into facts (run, name, value, at) values (1, 'answer', '42', 103);",
            scripts.join(";")
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(filled)).execute(&mut old).await.unwrap();
        drop(old);
        let journal = open(&dir).await;
        let run = journal.unfinished_run().await.unwrap().unwrap();
        let attempts = journal.attempts(run.id).await.unwrap();
        let [attempt] = attempts.as_slice() else { panic!("{attempts:?}") };
        assert_eq!((attempt.step, attempt.number, &attempt.state), (StepId::Restore, 1, &None), "format {format}");
        assert_eq!(journal.commands(attempt.id).await.unwrap().len(), 1);
        assert_eq!(journal.fact::<i32>(run.id, "answer").await.unwrap(), Some(42));
        let done = StepState::Done { summary: "all there".into() };
        journal.end_attempt(attempt.id, &done, &[], 1.0, 104).await.unwrap();
        let (_, number) = journal.begin_attempt(run.id, StepId::Restore, &|_| PathBuf::new(), 105).await.unwrap();
        journal.end_run(run.id, "done", "", 106).await.unwrap();
        assert_eq!((number, journal.unfinished_run().await.unwrap()), (2, None));
    }
}
