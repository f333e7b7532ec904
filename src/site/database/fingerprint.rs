//! Whether rows were changed between two moments, by means that an ordinary user of the database has.
//!
//! SQLite: its file. PostgreSQL: the server's counters of inserted, changed and deleted rows, free of cost.
//! MySQL: the checksums of the tables, which reads them once (there are no counters without special rights).

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Db, DbError};

/// What the data of a database looks like at one moment. Equal ones mean that no row was changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// What holds for all tables: the state of the file; the server's start, with which its counters begin anew.
    pub whole: String,
    /// The mark of each table; none for SQLite.
    pub tables: BTreeMap<String, String>,
}

/// What two fingerprints say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// No row was changed.
    Nothing,
    /// Rows of these tables were, each with how, as a few words.
    Tables(Vec<(String, String)>),
    /// Nobody knows: something was, or the counters begin anew.
    Unknown,
}

impl Fingerprint {
    /// Looks at the file of a SQLite database: its change counter, which every change increases unless there is a
    /// write-ahead log (<https://sqlite.org/fileformat.html>), its size and time, and those of that log.
    #[must_use]
    pub fn of_file(file: &Path) -> Self {
        let state = |path: &Path| {
            path.metadata().map_or_else(
                |_| "none".to_owned(),
                |data| format!("{}/{}.{:09}", data.len(), data.mtime(), data.mtime_nsec()),
            )
        };
        let mut log = file.as_os_str().to_owned();
        log.push("-wal");
        // An empty log says nothing, and comes and goes with whoever reads.
        let log = PathBuf::from(log);
        let log = if log.metadata().is_ok_and(|data| data.len() > 0) { state(&log) } else { "none".to_owned() };
        Self { whole: format!("{}/{}/{log}", counter(file).unwrap_or_default(), state(file)), tables: BTreeMap::new() }
    }

    /// Compares this one with a later one. Only `wanted` tables count; all when it is empty.
    #[must_use]
    pub fn compare(&self, later: &Self, wanted: &[&str]) -> Changed {
        if self == later {
            return Changed::Nothing;
        }
        if self.whole != later.whole && self.survived(later) {
            return Changed::Nothing;
        }
        if self.whole != later.whole || self.tables.is_empty() {
            return Changed::Unknown;
        }
        let counts = |table: &&String| wanted.is_empty() || wanted.contains(&table.as_str());
        let tables: Vec<(String, String)> = self
            .tables
            .keys()
            .filter(counts)
            .filter(|table| self.tables.get(*table) != later.tables.get(*table))
            .map(|table| {
                let [old, new] = [self, later].map(|side| side.tables.get(table).map(String::as_str));
                (table.clone(), how(old.unwrap_or_default(), new))
            })
            .collect();
        if tables.is_empty() { Changed::Nothing } else { Changed::Tables(tables) }
    }
}

/// What tells, in a fingerprint's `whole`, that the server of PostgreSQL counts. Before it stands when the server was
/// started, after it when somebody has reset its counters.
const COUNTS: &str = "/on";

impl Fingerprint {
    /// Tells whether a later one of PostgreSQL differs only by a new start of the server, which keeps its counters unless
    /// it was killed; then all of them begin with nothing.
    fn survived(&self, later: &Self) -> bool {
        let reset = |print: &Self| print.whole.split_once(COUNTS).map(|(_, reset)| reset.to_owned());
        let has_counted = |mark: &String| mark.split(' ').skip(1).any(|count| !matches!(count, "" | "0"));
        reset(self).is_some()
            && reset(self) == reset(later)
            && self.tables == later.tables
            && self.tables.values().any(has_counted)
    }
}

/// Reads the change counter from the header of a SQLite file.
fn counter(file: &Path) -> Option<u32> {
    use std::io::{Read as _, Seek as _};
    let mut file = std::fs::File::open(file).ok()?;
    let mut bytes = [0; 4];
    file.seek(std::io::SeekFrom::Start(24)).ok()?;
    file.read_exact(&mut bytes).ok()?;
    Some(u32::from_be_bytes(bytes))
}

/// Says in a few words what became of a table: `12/34 5 6 7` are its file and the rows inserted, changed and deleted.
fn how(old: &str, new: Option<&str>) -> String {
    let Some(new) = new else { return "the table is gone".to_owned() };
    let counts = |mark: &str| mark.split(' ').skip(1).map(|count| count.parse().unwrap_or_default()).collect();
    let (before, after): (Vec<u64>, Vec<u64>) = (counts(old), counts(new));
    let named: Vec<String> = ["inserted", "changed", "deleted"]
        .iter()
        .zip(before.iter().zip(&after))
        .filter(|(_, (before, after))| after > before)
        .map(|(word, (before, after))| format!("{} {word}", after - before))
        .collect();
    if named.is_empty() { "its contents are others".to_owned() } else { named.join(", ") }
}

impl Db {
    /// Takes the fingerprint of the data in `tables`, or of all tables when it is empty. For SQLite look at the file:
    /// [`Fingerprint::of_file`].
    pub async fn fingerprint(&mut self, tables: &[&str]) -> Result<Fingerprint, DbError> {
        match self {
            Self::Sqlite(_) => Ok(Fingerprint::default()),
            Self::Postgres(_) => self.counters().await,
            Self::MySql(_) => self.checksums(tables).await,
        }
    }

    async fn counters(&mut self) -> Result<Fingerprint, DbError> {
        let begin = "SELECT concat_ws('/', pg_postmaster_start_time(), current_setting('track_counts'), (SELECT \
                     stats_reset FROM pg_catalog.pg_stat_database WHERE datname = current_database()))";
        let whole = self.one("asking since when changes are counted", begin.to_owned()).await?.unwrap_or_default();
        if !whole.contains(COUNTS) {
            // Never equal to another one: nothing is known.
            let whole = format!("{whole} {}", jiff::Timestamp::now());
            return Ok(Fingerprint { whole, tables: BTreeMap::new() });
        }
        // Emptying a table is not counted, but gives it a new file.
        let sql = "SELECT c.relname::text, concat(c.oid, '/', c.relfilenode, ' ', s.n_tup_ins, ' ', s.n_tup_upd, ' ', \
                   s.n_tup_del) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                   LEFT JOIN pg_catalog.pg_stat_user_tables s ON s.relid = c.oid WHERE c.relkind IN ('r', 'p') AND \
                   n.nspname NOT IN ('pg_catalog', 'pg_toast', 'information_schema') AND \
                   pg_catalog.pg_table_is_visible(c.oid)";
        let tables = self.marks(sql.to_owned()).await?;
        Ok(Fingerprint { whole, tables })
    }

    async fn checksums(&mut self, tables: &[&str]) -> Result<Fingerprint, DbError> {
        let all = self.tables().await?;
        let mut found = Fingerprint::default();
        for table in all.iter().filter(|table| tables.is_empty() || tables.contains(&table.as_str())) {
            let sql = format!("CHECKSUM TABLE {}", self.quote(table));
            found.tables.extend(self.marks(sql).await?.into_values().map(|mark| (table.clone(), mark)));
        }
        Ok(found)
    }

    /// Reads pairs of table and mark.
    async fn marks(&mut self, sql: String) -> Result<BTreeMap<String, String>, DbError> {
        let mut found = BTreeMap::new();
        let binary = matches!(self, Self::MySql(_));
        if let (true, Self::MySql(connection)) = (binary, &mut *self) {
            // The only answer that is a number and cannot be asked for as text.
            let read = checksum(connection, &sql).await;
            let (name, sum) = read.map_err(|source| DbError::Query { what: format!("running {sql}"), source })?;
            found.insert(name, sum);
            return Ok(found);
        }
        self.each_row("looking for changes", sql, 2, |cells| {
            if let [Some(table), Some(mark)] = cells {
                found.insert((*table).to_owned(), (*mark).to_owned());
            }
        })
        .await?;
        Ok(found)
    }

    /// Compares the tables of a SQLite database with those of an older copy; returns which differ, and how. Reads both.
    pub async fn differing(&mut self, copy: &Path, tables: &[&str]) -> Result<Vec<(String, String)>, DbError> {
        let name = copy.to_string_lossy().replace('\'', "''");
        self.each_row("opening the copy", format!("ATTACH '{name}' AS lino_upgrade_copy"), 0, |_| {}).await?;
        let here = self.tables().await?;
        let mut found = Vec::new();
        for table in here.iter().filter(|table| tables.contains(&table.as_str())) {
            let quoted = self.quote(table);
            let rows = |one: &str, other: &str| {
                format!("(SELECT COUNT(*) FROM (SELECT * FROM {one}.{quoted} EXCEPT SELECT * FROM {other}.{quoted}))")
            };
            let (now, then) = (rows("main", "lino_upgrade_copy"), rows("lino_upgrade_copy", "main"));
            let sql = format!("SELECT {now} || ' new or changed, ' || {then} || ' gone or changed'");
            let text = self.one(&format!("comparing {table} with its copy"), sql).await?.unwrap_or_default();
            if !text.starts_with("0 new or changed, 0 gone") {
                found.push((table.clone(), text));
            }
        }
        Ok(found)
    }
}

async fn checksum(connection: &mut sqlx::MySqlConnection, sql: &str) -> Result<(String, String), sqlx::Error> {
    use sqlx::Row as _;
    let row = sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).fetch_one(connection).await?;
    let text = |column: usize| row.try_get_unchecked::<Option<String>, _>(column);
    Ok((text(0)?.unwrap_or_default(), text(1)?.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(whole: &str, tables: &[(&str, &str)]) -> Fingerprint {
        let tables = tables.iter().map(|(table, mark)| ((*table).to_owned(), (*mark).to_owned())).collect();
        Fingerprint { whole: whole.to_owned(), tables }
    }

    #[test]
    fn changed_tables_are_named_with_what_was_counted() {
        let before = print("a", &[("one", "1/1 5 0 0"), ("two", "2/2 7 1 1"), ("three", "3/3 1 0 0"), ("x", "123")]);
        let after = print("a", &[("one", "1/1 7 1 0"), ("two", "2/9 7 1 1"), ("three", "3/3 1 0 0"), ("x", "456")]);
        let named = |table: &str, how: &str| (table.to_owned(), how.to_owned());
        assert_eq!(
            before.compare(&after, &[]),
            Changed::Tables(vec![
                named("one", "2 inserted, 1 changed"),
                named("two", "its contents are others"),
                named("x", "its contents are others"),
            ])
        );
        assert_eq!(before.compare(&after, &["three"]), Changed::Nothing);
        assert_eq!(before.compare(&before, &[]), Changed::Nothing);
        assert_eq!(before.compare(&print("b", &[("one", "1/1 5 0 0")]), &[]), Changed::Unknown);
        // The server was started again: with its counters, or without.
        let [first, second] = ["2026-11-22 10:00:00+00/on", "2026-11-22 11:00:00+00/on"];
        let counted = print(first, &[("one", "1/1 5 0 0"), ("two", "2/2 0 0 0")]);
        assert_eq!(counted.compare(&Fingerprint { whole: second.into(), ..counted.clone() }, &[]), Changed::Nothing);
        assert_eq!(
            counted.compare(&print(second, &[("one", "1/1 6 0 0"), ("two", "2/2 0 0 0")]), &[]),
            Changed::Unknown
        );
        let reset = format!("{second}/2026-11-22 11:30:00+00");
        assert_eq!(counted.compare(&Fingerprint { whole: reset, ..counted.clone() }, &[]), Changed::Unknown);
        let nothing = print(first, &[("one", "1/1 0 0 0"), ("two", "2/2  ")]);
        assert_eq!(nothing.compare(&Fingerprint { whole: second.into(), ..nothing.clone() }, &[]), Changed::Unknown);
        let gone = print("a", &[("one", "1/1 5 0 0")]);
        assert_eq!(before.compare(&gone, &["x"]), Changed::Tables(vec![named("x", "the table is gone")]));
    }
}
