//! Which rows were touched since a moment: a hash of each row was kept then, in sixteen bytes, and is compared with the row
//! as it is now. What the rows are, it does not know; a dump tells that.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::io::{self, BufRead, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::dump::literal;
use crate::site::{Db, DbError};

/// The format of the file.
const FORMAT: u32 = 1;

/// How the rows of each table were at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prints {
    tables: BTreeMap<String, Table>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Table {
    /// The column with the primary key.
    key: String,
    /// The hash of each row by that of its key.
    rows: HashMap<u64, u64>,
}

#[derive(Serialize, Deserialize)]
struct Heading {
    format: u32,
    /// Table, column with its key, rows.
    tables: Vec<(String, String, u64)>,
}

impl Prints {
    /// Reads the rows of tables, each with the column of its primary key.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn take(db: &mut Db, tables: impl IntoIterator<Item = (String, String)>) -> Result<Self, DbError> {
        let there = db.tables().await?;
        let mut prints = Self::default();
        for (name, key) in tables {
            if !there.contains(&name) {
                continue;
            }
            let mut rows = HashMap::new();
            db.whole_rows(&name, &key, |key, row| {
                rows.insert(hash(key.as_bytes()), hash(row.as_bytes()));
            })
            .await?;
            prints.tables.insert(name, Table { key, rows });
        }
        Ok(prints)
    }

    /// Finds the rows that are new, others or gone now.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn touched(self, db: &mut Db) -> Result<Touched, DbError> {
        let there = db.tables().await?;
        let mut touched = Touched::default();
        for (name, Table { key, mut rows }) in self.tables {
            if !there.contains(&name) {
                continue;
            }
            let mut found = HashSet::new();
            db.whole_rows(&name, &key, |key, row| {
                let key = hash(key.as_bytes());
                if rows.remove(&key) != Some(hash(row.as_bytes())) {
                    found.insert(key);
                }
            })
            .await?;
            found.extend(rows.into_keys());
            touched.tables.insert(name, found);
        }
        Ok(touched)
    }

    /// Writes them into a private file, all or nothing.
    ///
    /// # Errors
    /// When the system does not let it be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let part = path.with_extension("part");
        let _ = fs::remove_file(&part);
        let mut out = io::BufWriter::new(fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(&part)?);
        let tables = self.tables.iter().map(|(name, table)| (name.clone(), table.key.clone(), table.rows.len() as u64));
        serde_json::to_writer(&mut out, &Heading { format: FORMAT, tables: tables.collect() })?;
        out.write_all(b"\n")?;
        for (key, row) in self.tables.values().flat_map(|table| &table.rows) {
            out.write_all(&key.to_le_bytes())?;
            out.write_all(&row.to_le_bytes())?;
        }
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&part, path)
    }

    /// Reads them again.
    ///
    /// # Errors
    /// When there is no such file, or it is not whole, or of another format.
    pub fn read(path: &Path) -> io::Result<Self> {
        let mut file = io::BufReader::new(fs::File::open(path)?);
        let mut line = String::new();
        file.read_line(&mut line)?;
        let heading: Heading = serde_json::from_str(&line)?;
        if heading.format != FORMAT {
            return Err(io::Error::other("it is of another format"));
        }
        let mut prints = Self::default();
        for (name, key, count) in heading.tables {
            let mut rows = HashMap::new();
            for _ in 0..count {
                let mut pair = [[0; 8]; 2];
                for one in &mut pair {
                    file.read_exact(one)?;
                }
                let [key, row] = pair.map(u64::from_le_bytes);
                rows.insert(key, row);
            }
            prints.tables.insert(name, Table { key, rows });
        }
        Ok(prints)
    }
}

/// The rows that were touched, by table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    tables: BTreeMap<String, HashSet<u64>>,
}

impl Touched {
    /// Tells whether a row was touched, by its key as a row file writes it. Of what is not known, it may have been.
    #[must_use]
    pub fn may_have(&self, table: &str, key: &[u8]) -> bool {
        match (self.tables.get(table), literal::key(key)) {
            (Some(keys), Some(text)) => keys.contains(&hash(text.as_bytes())),
            _ => true,
        }
    }

    /// Counts the rows.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.tables.values().map(|keys| keys.len() as u64).sum()
    }
}

/// FNV-1a, see <http://www.isthe.com/chongo/tech/comp/fnv/>. It is the same in all versions of this program, which may
/// be replaced between the two moments.
fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use assert_fs::TempDir;
    use sqlx::sqlite::SqliteConnectOptions;
    use sqlx::{ConnectOptions, Connection as _};

    use super::*;
    use crate::site::Connection;

    async fn run(connection: &Connection, sql: &'static str) {
        let options = SqliteConnectOptions::new().filename(connection.file().unwrap()).create_if_missing(true);
        let mut db = options.connect().await.unwrap();
        sqlx::raw_sql(sql).execute(&mut db).await.unwrap();
        db.close().await.unwrap();
    }

    #[test]
    fn the_hash_is_that_of_the_standard() {
        assert_eq!([hash(b""), hash(b"foobar")], [0xcbf2_9ce4_8422_2325, 0x8594_4171_f739_67e8]);
    }

    #[tokio::test]
    async fn rows_that_are_new_others_or_gone_are_found_again_by_their_keys() {
        let dir = TempDir::new().unwrap();
        let connection = Connection::sqlite(&dir.path().join("default.db"));
        run(
            &connection,
            "create table goods (id integer primary key, name text, bytes blob, price real);
             create table words (word text primary key);
             create table untold (id integer primary key);
             insert into goods values (1, 'a', x'00ff', 1.5), (2, 'b', null, 2), (3, 'c', null, null), (4, 'd,', '', 0);
             insert into words values ('it''s'), ('x');",
        )
        .await;
        let pair = |one: &str, other: &str| (one.to_owned(), other.to_owned());
        let tables = [pair("goods", "id"), pair("words", "word"), pair("gone", "id")];
        let mut db = Db::connect_read_only(&connection).await.unwrap();
        let prints = Prints::take(&mut db, tables).await.unwrap();
        let file = dir.path().join("rows");
        prints.write(&file).unwrap();
        assert_eq!(Prints::read(&file).unwrap(), prints);
        assert_eq!(Prints::read(&file).unwrap().touched(&mut db).await.unwrap().rows(), 0);
        run(
            &connection,
            "update goods set bytes = x'00fe' where id = 1; delete from goods where id = 3;
             insert into goods values (5, 'e', null, null); insert into words values ('new');
             insert into untold values (1);",
        )
        .await;
        let touched = Prints::read(&file).unwrap().touched(&mut db).await.unwrap();
        assert_eq!(touched.rows(), 4);
        let told = [
            ("goods", "1"),
            ("goods", "2"),
            ("goods", "3"),
            ("goods", "4"),
            ("goods", "5"),
            ("words", "\"it's\""),
            ("words", "'new'"),
            ("goods", "date(2020,1,1)"),
            ("untold", "1"),
        ]
        .map(|(table, key)| touched.may_have(table, key.as_bytes()));
        assert_eq!(told, [true, false, true, false, true, false, true, true, true]);
        fs::write(&file, &fs::read(&file).unwrap()[..60]).unwrap();
        assert!(Prints::read(&file).is_err());
    }
}
