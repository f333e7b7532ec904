//! Reading the journal: runs, attempts, commands, decisions and facts as values.

use std::path::PathBuf;

use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{Journal, JournalError};
use crate::compare::Evidence;
use crate::procedure::{Finding, StepId, StepState};
use crate::runner::Ended;

/// One upgrade of the site, or the undo of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRow {
    /// Its number, from 1.
    pub id: i64,
    /// Name of the application.
    pub application: String,
    /// Version before.
    pub old_version: String,
    /// Version after, once known.
    pub new_version: Option<String>,
    /// `wizard` or `headless`.
    pub mode: String,
    /// Who began it.
    pub operator: String,
    /// Seconds since 1970.
    pub started: i64,
    /// Seconds since 1970; none while unfinished.
    pub ended: Option<i64>,
    /// How it ended.
    pub outcome: Option<String>,
    /// One line about its end.
    pub summary: Option<String>,
    /// The run that it undoes; none when it is an upgrade.
    pub undoes: Option<i64>,
}

/// One execution of a step.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptRow {
    /// Its number in the journal.
    pub id: i64,
    /// The step.
    pub step: StepId,
    /// Counts the attempts of this step in this run, from 1.
    pub number: u32,
    /// Where its whole output is.
    pub log: PathBuf,
    /// Seconds since 1970.
    pub started: i64,
    /// Seconds since 1970; none while unfinished.
    pub ended: Option<i64>,
    /// How long it took.
    pub seconds: Option<f64>,
    /// How it was judged; none while unfinished.
    pub state: Option<StepState>,
    /// What it found.
    pub findings: Vec<Finding>,
}

/// A choice that somebody made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionRow {
    /// The step it belongs to.
    pub step: String,
    /// The question.
    pub question: String,
    /// The choice.
    pub choice: String,
    /// Who chose: `operator`, `--yes`.
    pub decided_by: String,
    /// Seconds since 1970.
    pub at: i64,
}

/// One command of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandRow {
    /// The number by which the runner knows it.
    pub id: i64,
    /// Its name within the step, for example `dump`.
    pub name: String,
    /// The command line as shown.
    pub line: String,
    /// The log that holds its output.
    pub log: PathBuf,
    /// Where its output begins and ends in the log, once known.
    pub range: Option<(u64, u64)>,
    /// How it ended; none while unfinished or lost.
    pub ended: Option<Ended>,
}

impl Journal {
    /// Returns the newest run that has not ended.
    pub async fn unfinished_run(&self) -> Result<Option<RunRow>, JournalError> {
        Ok(self.runs().await?.into_iter().find(|run| run.ended.is_none()))
    }

    /// Returns all runs, newest first.
    pub async fn runs(&self) -> Result<Vec<RunRow>, JournalError> {
        let rows = sqlx::query("select * from runs order by id desc")
            .fetch_all(&mut *self.connection.lock().await)
            .await
            .map_err(|error| self.unusable(error))?;
        rows.iter().map(run_row).collect::<Result<_, _>>().map_err(|error| self.unusable(error))
    }

    /// Returns the attempts of a run in the order in which they began.
    pub async fn attempts(&self, run: i64) -> Result<Vec<AttemptRow>, JournalError> {
        let rows = sqlx::query("select * from attempts where run = ? order by id")
            .bind(run)
            .fetch_all(&mut *self.connection.lock().await)
            .await
            .map_err(|error| self.unusable(error))?;
        rows.iter().map(|row| self.attempt_row(row)).collect()
    }

    /// Returns the commands of an attempt in the order in which they began.
    pub async fn commands(&self, attempt: i64) -> Result<Vec<CommandRow>, JournalError> {
        let rows = sqlx::query("select * from commands where attempt = ? order by id")
            .bind(attempt)
            .fetch_all(&mut *self.connection.lock().await)
            .await
            .map_err(|error| self.unusable(error))?;
        rows.iter().map(command_row).collect::<Result<_, _>>().map_err(|error| self.unusable(error))
    }

    /// Returns the last command of this name that belongs to no attempt.
    pub async fn last_command(&self, name: &str) -> Result<Option<CommandRow>, JournalError> {
        let row = sqlx::query("select * from commands where attempt is null and name = ? order by id desc limit 1")
            .bind(name)
            .fetch_optional(&mut *self.connection.lock().await)
            .await
            .map_err(|error| self.unusable(error))?;
        row.as_ref().map(command_row).transpose().map_err(|error| self.unusable(error))
    }

    /// Returns the fact of this name, when it was recorded in this run.
    pub async fn fact<T: DeserializeOwned>(&self, run: i64, name: &str) -> Result<Option<T>, JournalError> {
        let row = sqlx::query("select value from facts where run = ? and name = ?")
            .bind(run)
            .bind(name)
            .fetch_optional(&mut *self.connection.lock().await)
            .await
            .map_err(|error| self.unusable(error))?;
        let Some(row) = row else { return Ok(None) };
        let text: String = row.try_get("value").map_err(|error| self.unusable(error))?;
        serde_json::from_str(&text).map(Some).map_err(|error| self.damaged(format!("fact {name}: {error}")))
    }

    /// Returns the newest evidence of a run.
    pub async fn evidence(&self, run: i64) -> Result<Option<Evidence>, JournalError> {
        let row = sqlx::query("select json from evidence where run = ? order by id desc limit 1")
            .bind(run)
            .fetch_optional(&mut *self.connection.lock().await)
            .await
            .map_err(|error| self.unusable(error))?;
        let Some(row) = row else { return Ok(None) };
        let text: String = row.try_get("json").map_err(|error| self.unusable(error))?;
        serde_json::from_str(&text).map(Some).map_err(|error| self.damaged(format!("evidence: {error}")))
    }

    /// Returns the decisions of a run, in order.
    pub async fn decisions(&self, run: i64) -> Result<Vec<DecisionRow>, JournalError> {
        let rows =
            sqlx::query("select step, question, choice, decided_by, at from decisions where run = ? order by id")
                .bind(run)
                .fetch_all(&mut *self.connection.lock().await)
                .await
                .map_err(|error| self.unusable(error))?;
        let decision = |row: &SqliteRow| {
            Ok(DecisionRow {
                step: row.try_get("step")?,
                question: row.try_get("question")?,
                choice: row.try_get("choice")?,
                decided_by: row.try_get("decided_by")?,
                at: row.try_get("at")?,
            })
        };
        rows.iter().map(decision).collect::<Result<_, _>>().map_err(|error| self.unusable(error))
    }

    /// Returns how long the last successful attempt of `step` took in an earlier run: seconds, and when it began.
    pub async fn last_duration(&self, step: StepId, before_run: i64) -> Result<Option<(f64, i64)>, JournalError> {
        let row = sqlx::query(
            "select seconds, started from attempts where step = ? and run < ? and seconds is not null \
             and json_extract(state, '$.state') = 'done' order by id desc limit 1",
        )
        .bind(step.id())
        .bind(before_run)
        .fetch_optional(&mut *self.connection.lock().await)
        .await
        .map_err(|error| self.unusable(error))?;
        row.map(|row| Ok((row.try_get("seconds")?, row.try_get("started")?)))
            .transpose()
            .map_err(|error| self.unusable(error))
    }

    /// Returns a number that changes whenever another process has written to the journal.
    pub async fn data_version(&self) -> Result<i64, JournalError> {
        sqlx::query("pragma data_version")
            .fetch_one(&mut *self.connection.lock().await)
            .await
            .and_then(|row| row.try_get(0))
            .map_err(|error| self.unusable(error))
    }

    fn attempt_row(&self, row: &SqliteRow) -> Result<AttemptRow, JournalError> {
        let text = |name: &str| row.try_get::<String, _>(name).map_err(|error| self.unusable(error));
        let state: Option<String> = row.try_get("state").map_err(|error| self.unusable(error))?;
        let wrong = |error: &dyn std::fmt::Display| self.damaged(format!("attempt: {error}"));
        Ok(AttemptRow {
            id: row.try_get("id").map_err(|error| self.unusable(error))?,
            step: text("step")?.parse().map_err(|error: String| wrong(&error))?,
            number: row.try_get("number").map_err(|error| self.unusable(error))?,
            log: PathBuf::from(text("log")?),
            started: row.try_get("started").map_err(|error| self.unusable(error))?,
            ended: row.try_get("ended").map_err(|error| self.unusable(error))?,
            seconds: row.try_get("seconds").map_err(|error| self.unusable(error))?,
            state: state.map(|state| serde_json::from_str(&state)).transpose().map_err(|error| wrong(&error))?,
            findings: serde_json::from_str(&text("findings")?).map_err(|error| wrong(&error))?,
        })
    }
}

fn run_row(row: &SqliteRow) -> Result<RunRow, sqlx::Error> {
    Ok(RunRow {
        id: row.try_get("id")?,
        application: row.try_get("application")?,
        old_version: row.try_get("old_version")?,
        new_version: row.try_get("new_version")?,
        mode: row.try_get("mode")?,
        operator: row.try_get("operator")?,
        started: row.try_get("started")?,
        ended: row.try_get("ended")?,
        outcome: row.try_get("outcome")?,
        summary: row.try_get("summary")?,
        undoes: row.try_get("undoes")?,
    })
}

fn command_row(row: &SqliteRow) -> Result<CommandRow, sqlx::Error> {
    let start: Option<i64> = row.try_get("log_start")?;
    let end: Option<i64> = row.try_get("log_end")?;
    let how: Option<String> = row.try_get("how")?;
    Ok(CommandRow {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        line: row.try_get("line")?,
        log: PathBuf::from(row.try_get::<String, _>("log")?),
        range: start.zip(end).map(|(start, end)| (start.unsigned_abs(), end.unsigned_abs())),
        ended: how.and_then(|how| serde_json::from_str(&how).ok()),
    })
}
