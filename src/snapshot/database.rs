//! Compares a verified snapshot with the database that it was made from: same tables, same rows, same keys.

use super::verify::Verification;
use crate::dump::Key;
use crate::site::{Db, DbError, Facts};

/// Keys that are named for a table; more are only counted.
const NAMED: usize = 10;

/// Adds a problem for every table whose rows or keys are not those of the database.
pub async fn compare_with_database(found: &mut Verification, db: &mut Db, facts: &Facts) -> Result<(), DbError> {
    let tables = db.tables().await?;
    for model in facts.dumped_models() {
        if !tables.contains(&model.table) {
            continue;
        }
        let file = format!("{}.py", model.table);
        let Some(entry) = found.tables.remove(&model.table) else {
            let rows = db.count(&model.table).await?;
            if rows > 0 {
                found.problem(
                    &file,
                    None,
                    &format!("The database has {rows} rows of {}, the snapshot none.", model.table),
                );
            }
            continue;
        };
        let mut missing = Vec::new();
        let mut unknown = 0_u64;
        let mut left = entry.keys.clone();
        let rows = match &mut left {
            None => db.count(&model.table).await?,
            Some(keys) => {
                db.primary_keys(&model.table, &model.pk_column, |key| {
                    if !keys.remove(Key::of(key)) {
                        unknown += 1;
                        if missing.len() < NAMED {
                            missing.push(key.to_owned());
                        }
                    }
                })
                .await?
            }
        };
        if unknown > 0 {
            let text =
                format!("{unknown} rows of {} are missing, with the keys {}.", model.table, list(&missing, unknown));
            found.problem(&file, None, &text);
        }
        let surplus = left.map_or(0, |keys| keys.len());
        if surplus > 0 {
            let text = format!("{surplus} rows of {} are not in the database.", model.table);
            found.problem(&file, None, &text);
        } else if unknown == 0 && rows != entry.rows {
            let text = format!("The database has {rows} rows of {}, the snapshot {}.", model.table, entry.rows);
            found.problem(&file, None, &text);
        }
        found.tables.insert(model.table.clone(), entry);
    }
    Ok(())
}

fn list(keys: &[String], total: u64) -> String {
    let shown: Vec<String> =
        keys.iter().map(|key| crate::messages::line::plain(key.as_bytes()).chars().take(80).collect()).collect();
    let more = total.saturating_sub(shown.len() as u64);
    if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
}
