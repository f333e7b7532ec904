//! The rows of every table beside those of the snapshot, where there is no account of every row.

use std::collections::BTreeMap;

use super::super::super::context::Context;
use crate::error::{Report, Tell};
use crate::procedure::Finding;
use crate::site::{self, Db};

/// Compares the rows of every table with those of the snapshot.
pub async fn rows(context: &Context, expected: &BTreeMap<String, u64>) -> Result<Vec<Finding>, Report> {
    Ok(compare_counts(expected, &counts(context, expected).await?))
}

/// Counts the rows of these tables.
pub async fn counts(context: &Context, expected: &BTreeMap<String, u64>) -> Result<BTreeMap<String, u64>, Report> {
    let connection = site::facts::connection(&context.site).await.map_err(|error| error.tell())?;
    let mut db = Db::connect_read_only(&connection).await.map_err(|error| error.tell())?;
    let tables = db.tables().await.map_err(|error| error.tell())?;
    let mut counts = BTreeMap::new();
    for table in expected.keys().filter(|table| tables.contains(table)) {
        counts.insert(table.clone(), db.count(table).await.map_err(|error| error.tell())?);
    }
    db.close().await;
    Ok(counts)
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
