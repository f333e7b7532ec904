//! Writing the journal: every function is one transaction that is on disk when it returns.

use std::ops::{Deref, DerefMut};
use std::path::Path;

use serde::Serialize;
use sqlx::SqliteConnection;
use tokio::sync::MutexGuard;

use sqlx::Connection as _;

use super::{Journal, JournalError, RunRow};
use crate::compare::Evidence;
use crate::fault::{self, Place};
use crate::procedure::{Finding, StepId, StepState};
use crate::runner::Ended;

impl Journal {
    /// Begins a run and returns its number. `now` is seconds since 1970.
    pub async fn begin_run(&self, mode: &str, operator: &str, now: i64) -> Result<i64, JournalError> {
        sqlx::query("insert into runs (mode, operator, started) values (?, ?, ?)")
            .bind(mode)
            .bind(operator)
            .bind(now)
            .execute(&mut *self.writing().await?)
            .await
            .map(|done| done.last_insert_rowid())
            .map_err(|error| self.unusable(error))
    }

    /// Records what is upgraded, from which version.
    pub async fn name_run(&self, run: i64, application: &str, old_version: &str) -> Result<(), JournalError> {
        sqlx::query("update runs set application = ?, old_version = ? where id = ?")
            .bind(application)
            .bind(old_version)
            .bind(run)
            .execute(&mut *self.writing().await?)
            .await
            .map(drop)
            .map_err(|error| self.unusable(error))
    }

    /// Records the version that `pull` brought.
    pub async fn version_after(&self, run: i64, new_version: &str) -> Result<(), JournalError> {
        sqlx::query("update runs set new_version = ? where id = ?")
            .bind(new_version)
            .bind(run)
            .execute(&mut *self.writing().await?)
            .await
            .map(drop)
            .map_err(|error| self.unusable(error))
    }

    /// Begins the undo of a run, all at once, and returns its number. `unused` is a run in which nothing was begun: it
    /// becomes the undo.
    pub async fn begin_undo<T: Serialize + Sync>(
        &self,
        undone: &RunRow,
        unused: Option<i64>,
        by: (&str, &str),
        knowledge: &T,
        now: i64,
    ) -> Result<i64, JournalError> {
        let value = self.json(knowledge)?;
        let mut connection = self.writing().await?;
        let begun = async {
            let mut all = connection.begin().await?;
            let text = if unused.is_some() {
                "update runs set application = ?, old_version = ?, new_version = ?, mode = ?, operator = ?, \
                 started = ?, undoes = ? where id = ?"
            } else {
                "insert into runs (application, old_version, new_version, mode, operator, started, undoes, id) \
                 values (?, ?, ?, ?, ?, ?, ?, ?)"
            };
            let done = sqlx::query(text)
                .bind(&undone.application)
                .bind(undone.new_version.as_ref().unwrap_or(&undone.old_version))
                .bind(&undone.old_version)
                .bind(by.0)
                .bind(by.1)
                .bind(now)
                .bind(undone.id)
                .bind(unused)
                .execute(&mut *all)
                .await?;
            let id = unused.unwrap_or_else(|| done.last_insert_rowid());
            sqlx::query("delete from facts where run = ?").bind(id).execute(&mut *all).await?;
            sqlx::query("insert into facts (run, name, value, at) values (?, 'knowledge', ?, ?)")
                .bind(id)
                .bind(value)
                .bind(now)
                .execute(&mut *all)
                .await?;
            all.commit().await?;
            Ok::<_, sqlx::Error>(id)
        };
        begun.await.map_err(|error| self.unusable(error))
    }

    /// Ends an undo and the run that it has undone, both at once.
    pub async fn end_undo(&self, undo: i64, undone: i64, summary: &str, now: i64) -> Result<(), JournalError> {
        let mut connection = self.writing().await?;
        let ended = async {
            let mut all = connection.begin().await?;
            let by = format!("Undone by run {undo}.");
            for (run, outcome, summary) in [(undone, "undone", by.as_str()), (undo, "done", summary)] {
                sqlx::query("update runs set ended = ?, outcome = ?, summary = ? where id = ?")
                    .bind(now)
                    .bind(outcome)
                    .bind(summary)
                    .bind(run)
                    .execute(&mut *all)
                    .await?;
            }
            all.commit().await
        };
        ended.await.map_err(|error| self.unusable(error))
    }

    /// Ends a run.
    pub async fn end_run(&self, run: i64, outcome: &str, summary: &str, now: i64) -> Result<(), JournalError> {
        sqlx::query("update runs set ended = ?, outcome = ?, summary = ? where id = ?")
            .bind(now)
            .bind(outcome)
            .bind(summary)
            .bind(run)
            .execute(&mut *self.writing().await?)
            .await
            .map(drop)
            .map_err(|error| self.unusable(error))
    }

    /// Writes the intent to execute a step; returns the journal's number of the attempt and its count in the run.
    pub async fn begin_attempt(
        &self,
        run: i64,
        step: StepId,
        log: &(dyn Fn(u32) -> std::path::PathBuf + Sync),
        now: i64,
    ) -> Result<(i64, u32), JournalError> {
        let mut connection = self.writing().await?;
        let count: i64 = sqlx::query_scalar("select count(*) from attempts where run = ? and step = ?")
            .bind(run)
            .bind(step.id())
            .fetch_one(&mut *connection)
            .await
            .map_err(|error| self.unusable(error))?;
        let number = u32::try_from(count).unwrap_or(u32::MAX).saturating_add(1);
        let done = sqlx::query("insert into attempts (run, step, number, log, started) values (?, ?, ?, ?, ?)")
            .bind(run)
            .bind(step.id())
            .bind(number)
            .bind(log(number).to_string_lossy().into_owned())
            .bind(now)
            .execute(&mut *connection)
            .await
            .map_err(|error| self.unusable(error))?;
        Ok((done.last_insert_rowid(), number))
    }

    /// Writes the outcome of an attempt. `seconds` is how long it took.
    pub async fn end_attempt(
        &self,
        attempt: i64,
        state: &StepState,
        findings: &[Finding],
        seconds: f64,
        now: i64,
    ) -> Result<(), JournalError> {
        let state = self.json(state)?;
        let findings = self.json(findings)?;
        sqlx::query("update attempts set ended = ?, seconds = ?, state = ?, findings = ? where id = ?")
            .bind(now)
            .bind(seconds)
            .bind(state)
            .bind(findings)
            .bind(attempt)
            .execute(&mut *self.writing().await?)
            .await
            .map(drop)
            .map_err(|error| self.unusable(error))
    }

    /// Writes the intent to run a command and returns the number by which the runner will know it. A shell belongs to
    /// no attempt.
    pub async fn begin_command(
        &self,
        attempt: Option<i64>,
        name: &str,
        line: &str,
        log: &Path,
        now: i64,
    ) -> Result<i64, JournalError> {
        sqlx::query("insert into commands (attempt, name, line, log, started) values (?, ?, ?, ?, ?)")
            .bind(attempt)
            .bind(name)
            .bind(line)
            .bind(log.to_string_lossy().into_owned())
            .bind(now)
            .execute(&mut *self.writing().await?)
            .await
            .map(|done| done.last_insert_rowid())
            .map_err(|error| self.unusable(error))
    }

    /// Writes how a command ended (none: it was lost) and which bytes of its log are its own.
    pub async fn end_command(
        &self,
        command: i64,
        ended: Option<Ended>,
        range: (u64, u64),
        now: i64,
    ) -> Result<(), JournalError> {
        let how = ended.map(|ended| self.json(&ended)).transpose()?;
        sqlx::query("update commands set ended = ?, how = ?, log_start = ?, log_end = ? where id = ?")
            .bind(now)
            .bind(how)
            .bind(i64::try_from(range.0).unwrap_or(i64::MAX))
            .bind(i64::try_from(range.1).unwrap_or(i64::MAX))
            .bind(command)
            .execute(&mut *self.writing().await?)
            .await
            .map(drop)
            .map_err(|error| self.unusable(error))
    }

    /// Records a choice: which question, which key, by whom (`operator`, `--yes`, a decisions file).
    pub async fn decide(
        &self,
        run: i64,
        step: StepId,
        question: &str,
        choice: &str,
        by: &str,
        now: i64,
    ) -> Result<(), JournalError> {
        sqlx::query("insert into decisions (run, step, question, choice, decided_by, at) values (?, ?, ?, ?, ?, ?)")
            .bind(run)
            .bind(step.id())
            .bind(question)
            .bind(choice)
            .bind(by)
            .bind(now)
            .execute(&mut *self.writing().await?)
            .await
            .map(drop)
            .map_err(|error| self.unusable(error))
    }

    /// Records a fact of the run, replacing an older one of the same name.
    pub async fn record<T: Serialize + ?Sized + Sync>(
        &self,
        run: i64,
        name: &str,
        value: &T,
        now: i64,
    ) -> Result<(), JournalError> {
        let value = self.json(value)?;
        sqlx::query("insert or replace into facts (run, name, value, at) values (?, ?, ?, ?)")
            .bind(run)
            .bind(name)
            .bind(value)
            .bind(now)
            .execute(&mut *self.writing().await?)
            .await
            .map(drop)
            .map_err(|error| self.unusable(error))
    }

    /// Keeps the evidence for a verdict. Older evidence of the run stays.
    pub async fn keep_evidence(&self, run: i64, evidence: &Evidence, now: i64) -> Result<(), JournalError> {
        let json = self.json(evidence)?;
        let verdict = serde_json::to_value(evidence.verdict).map_err(|error| self.damaged(error.to_string()))?;
        sqlx::query("insert into evidence (run, at, verdict, json) values (?, ?, ?, ?)")
            .bind(run)
            .bind(now)
            .bind(verdict.as_str().unwrap_or_default().to_owned())
            .bind(json)
            .execute(&mut *self.writing().await?)
            .await
            .map(drop)
            .map_err(|error| self.unusable(error))
    }

    /// The connection, for one write: stands between the faults before it and behind it.
    async fn writing(&self) -> Result<Writing<'_>, JournalError> {
        let connection = self.connection.lock().await;
        fault::before_write(Place::Journal).map_err(|error| self.unusable(sqlx::Error::Io(error)))?;
        Ok(Writing(connection))
    }

    fn json<T: Serialize + ?Sized>(&self, value: &T) -> Result<String, JournalError> {
        serde_json::to_string(value).map_err(|error| self.damaged(error.to_string()))
    }
}

/// The connection while a write is under way.
struct Writing<'a>(MutexGuard<'a, SqliteConnection>);

impl Deref for Writing<'_> {
    type Target = SqliteConnection;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Writing<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        fault::after_write(Place::Journal);
    }
}
