//! What earlier upgrades have left: a run that was never finished, and the copies for its way back. Reads only.

use std::path::Path;

use crate::procedure::Finding;
use crate::site::check::{human_size, tree_size};
use crate::site::{Connection, Db};

/// A copy for the way back of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Copy {
    name: String,
    bytes: u64,
    /// When it was made, seconds since 1970.
    made: i64,
}

/// How old a copy may become until the operator is reminded of it.
const OLD_DAYS: i64 = 30;
const DAY: i64 = 24 * 60 * 60;

/// Finds the copies below `protect`. Reads whole trees: run it where blocking is allowed.
pub(super) fn copies(protect: &Path) -> Vec<Copy> {
    use std::os::unix::fs::MetadataExt;
    let entries = std::fs::read_dir(protect).into_iter().flatten().filter_map(Result::ok);
    let mut found: Vec<Copy> = entries
        .filter_map(|entry| {
            let name = entry.file_name().to_str()?.to_owned();
            let data = entry.metadata().ok()?;
            let made = data.mtime();
            (data.is_dir() && name.starts_with("run-")).then(|| Copy { name, bytes: tree_size(&entry.path()), made })
        })
        .collect();
    found.sort_by(|one, other| one.name.cmp(&other.name));
    found
}

/// Tells which copies are kept, with their size and age.
pub(super) fn told(copies: &[Copy], now: i64) -> Finding {
    const SUBJECT: &str = "kept copies";
    if copies.is_empty() {
        return Finding::pass(SUBJECT, "No copies of earlier upgrades are kept.");
    }
    let age = |copy: &Copy| (now - copy.made).max(0) / DAY;
    let list: Vec<String> = copies
        .iter()
        .map(|copy| {
            let days = match age(copy) {
                0 => "of today".to_owned(),
                1 => "1 day old".to_owned(),
                days => format!("{days} days old"),
            };
            format!("{} ({}, {days})", copy.name, human_size(copy.bytes))
        })
        .collect();
    let text = format!("Copies of earlier upgrades are kept: {}.", list.join(", "));
    if copies.iter().any(|copy| age(copy) > OLD_DAYS) {
        return Finding::warn(SUBJECT, text, "When nobody wants to go back that far, delete them to make room.");
    }
    Finding::pass(SUBJECT, text)
}

/// Tells whether a run other than `current` was never finished. One that has begun no step has nothing to finish: the
/// wizard was only looked at. The journal is only read.
pub(super) async fn run(state_dir: &Path, current: Option<i64>) -> Finding {
    const SUBJECT: &str = "former run";
    let path = state_dir.join("journal.sqlite");
    let none = || Finding::pass(SUBJECT, "No upgrade was left unfinished.");
    if !path.exists() {
        return none();
    }
    let asked = async {
        let mut db = Db::connect_read_only(&Connection::sqlite(&path)).await?;
        let mut found = None;
        let sql = "SELECT CAST(id AS TEXT), operator, CAST(started AS TEXT) FROM runs WHERE ended IS NULL \
                   AND EXISTS (SELECT 1 FROM attempts WHERE attempts.run = runs.id) ORDER BY id";
        db.each_row("reading the journal", sql.to_owned(), 3, |cells| {
            if let [Some(id), Some(operator), Some(started)] = cells
                && id.parse() != Ok(current.unwrap_or_default())
            {
                found = Some((id.to_string(), operator.to_string(), started.parse().unwrap_or_default()));
            }
        })
        .await?;
        db.close().await;
        Ok::<_, crate::site::DbError>(found)
    };
    match asked.await {
        Ok(None) => none(),
        Ok(Some((id, operator, started))) => {
            let at = jiff::Timestamp::from_second(started)
                .map(|at| at.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string())
                .unwrap_or_default();
            let text = format!("Run {id}, begun on {at} by {operator}, is not finished.");
            Finding::warn(
                SUBJECT,
                crate::site::text::printable(&text),
                "Start lino-upgrade: it shows how far it came, and continues or takes it back.",
            )
        }
        Err(error) => {
            let text = crate::site::text::printable(&format!("The journal cannot be read: {error}."));
            Finding::warn(SUBJECT, text, "Look at .lino-upgrade/journal.sqlite before you upgrade.")
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    #[tokio::test]
    async fn a_run_is_unfinished_when_a_step_of_it_was_begun() {
        let dir = assert_fs::TempDir::new().unwrap();
        let none = Finding::pass("former run", "No upgrade was left unfinished.");
        assert_eq!(run(dir.path(), None).await, none);
        let journal = crate::journal::Journal::open(&dir.path().join("journal.sqlite")).await.unwrap();
        let id = journal.begin_run("upgrade", "root", 1_795_000_000).await.unwrap();
        assert_eq!(run(dir.path(), None).await, none);
        let log = |number: u32| dir.path().join(format!("{number}.log"));
        journal.begin_attempt(id, crate::procedure::StepId::Check, &log, 1_795_000_001).await.unwrap();
        assert_eq!(run(dir.path(), Some(id)).await, none);
        let finding = run(dir.path(), None).await;
        assert_eq!(finding.level, crate::procedure::Level::Warn);
        assert!(finding.text.starts_with("Run 1, begun on 2026-11-1"), "{}", finding.text);
        assert!(finding.text.ends_with(" by root, is not finished."), "{}", finding.text);
    }

    #[test]
    fn kept_copies_are_told_with_size_and_age() {
        let copy = |name: &str, bytes, days: i64| Copy { name: name.into(), bytes, made: 100 * DAY - days * DAY };
        let now = 100 * DAY;
        assert_eq!(told(&[], now), Finding::pass("kept copies", "No copies of earlier upgrades are kept."));
        assert_eq!(
            told(&[copy("run-0001", 1_400_000_000, 31), copy("run-0002", 999, 1)], now),
            Finding::warn(
                "kept copies",
                "Copies of earlier upgrades are kept: run-0001 (1.4 GB, 31 days old), run-0002 (999 bytes, 1 day old).",
                "When nobody wants to go back that far, delete them to make room.",
            )
        );
        assert_eq!(told(&[copy("run-0003", 5, 0)], now).level, crate::procedure::Level::Pass);
    }
}
