//! Reads the catalogue: tables, columns, keys, and what must be unique. Decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::{Db, DbError};
use crate::compare::ColumnType;
use crate::compare::catalogue::{Catalogue, Column, Table, Target};

/// Table, column, type, `1` when it may be NULL, default, collation, check that it is not negative.
const SQLITE_COLUMNS: &str = "SELECT m.name, p.name, p.type, CAST(p.\"notnull\" = 0 AND p.pk = 0 AS TEXT), p.dflt_value, \
    NULL, NULL FROM sqlite_master m JOIN pragma_table_info(m.name) p WHERE m.type = 'table' ORDER BY m.name, p.cid";
const POSTGRES_COLUMNS: &str = "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod), \
    CASE WHEN a.attnotnull THEN '0' ELSE '1' END, \
    COALESCE(pg_get_expr(d.adbin, d.adrelid), CASE WHEN a.attidentity <> '' THEN 'identity' END), \
    CASE WHEN a.attcollation <> t.typcollation THEN o.collname::text END, \
    (SELECT min(pg_get_constraintdef(k.oid)) FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid AND \
        k.contype = 'c' AND k.conkey = ARRAY[a.attnum] AND pg_get_constraintdef(k.oid) LIKE '%>= 0%') \
    FROM pg_catalog.pg_class c \
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum \
    LEFT JOIN pg_catalog.pg_collation o ON o.oid = a.attcollation \
    WHERE c.relkind IN ('r', 'p') AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY 1, a.attnum";
// MariaDB says NULL in words where there is no default.
const MYSQL_COLUMNS: &str = "SELECT CAST(c.table_name AS CHAR), CAST(c.column_name AS CHAR), CAST(c.column_type AS CHAR), \
    IF(c.is_nullable = 'YES', '1', '0'), \
    CAST(COALESCE(NULLIF(c.column_default, 'NULL'), NULLIF(c.extra, '')) AS CHAR), CAST(c.collation_name AS CHAR), NULL \
    FROM information_schema.columns c WHERE c.table_schema = DATABASE() ORDER BY 1, c.ordinal_position";

/// Table, index, `1` when it is the primary key, column (NULL when it is an expression or a part of one), in order.
const SQLITE_UNIQUE: &str = "SELECT * FROM (SELECT m.name, '', '1', p.name FROM sqlite_master m \
    JOIN pragma_table_info(m.name) p WHERE m.type = 'table' AND p.pk > 0 ORDER BY m.name, p.pk) UNION ALL \
    SELECT * FROM (SELECT m.name, l.name, '0', i.name FROM sqlite_master m JOIN pragma_index_list(m.name) l \
    JOIN pragma_index_info(l.name) i WHERE m.type = 'table' AND l.\"unique\" AND NOT l.partial AND l.origin <> 'pk' \
    ORDER BY m.name, l.name, i.seqno)";
const POSTGRES_UNIQUE: &str = "SELECT c.relname::text, i.indexrelid::text, \
    CASE WHEN i.indisprimary THEN '1' ELSE '0' END, a.attname::text \
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indrelid \
    CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, at) \
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum \
    WHERE i.indisunique AND i.indisvalid AND i.indpred IS NULL AND k.at <= i.indnkeyatts \
    AND c.relkind IN ('r', 'p') AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY 1, 2, k.at";
const MYSQL_UNIQUE: &str = "SELECT CAST(s.table_name AS CHAR), CAST(s.index_name AS CHAR), \
    IF(s.index_name = 'PRIMARY', '1', '0'), IF(s.sub_part IS NULL, CAST(s.column_name AS CHAR), NULL) \
    FROM information_schema.statistics s WHERE s.table_schema = DATABASE() AND s.non_unique = 0 \
    ORDER BY 1, 2, s.seq_in_index";

/// Table, column, table and column that it points to; SQLite says NULL for the primary key there.
const SQLITE_FOREIGN_KEYS: &str = "SELECT m.name, f.\"from\", f.\"table\", f.\"to\" FROM sqlite_master m \
    JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table'";
const POSTGRES_FOREIGN_KEYS: &str = "SELECT c.relname::text, a.attname::text, t.relname::text, b.attname::text \
    FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid \
    JOIN pg_catalog.pg_class t ON t.oid = k.confrelid \
    CROSS JOIN LATERAL unnest(k.conkey, k.confkey) AS u(mine, theirs) \
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.mine \
    JOIN pg_catalog.pg_attribute b ON b.attrelid = t.oid AND b.attnum = u.theirs \
    WHERE k.contype = 'f' AND pg_catalog.pg_table_is_visible(c.oid)";
const MYSQL_FOREIGN_KEYS: &str = "SELECT CAST(u.table_name AS CHAR), CAST(u.column_name AS CHAR), \
    CAST(u.referenced_table_name AS CHAR), CAST(u.referenced_column_name AS CHAR) \
    FROM information_schema.key_column_usage u \
    WHERE u.table_schema = DATABASE() AND u.referenced_table_name IS NOT NULL";

/// Tables of engines that keep foreign keys.
const MYSQL_KEEPING: &str = "SELECT CAST(table_name AS CHAR) FROM information_schema.tables \
    WHERE table_schema = DATABASE() AND engine = 'InnoDB'";

impl Db {
    /// Reads the catalogue of all tables that [`Self::tables`] lists.
    pub async fn catalogue(&mut self) -> Result<Catalogue, DbError> {
        let keeping = self.tables_keeping_foreign_keys().await?;
        let mut tables: BTreeMap<String, Table> = BTreeMap::new();
        for name in self.tables().await? {
            let foreign_keys = keeping.as_ref().is_none_or(|names| names.contains(&name)).then(BTreeMap::new);
            tables.insert(name.clone(), Table { name, foreign_keys, ..Table::default() });
        }
        self.columns(&mut tables).await?;
        self.unique(&mut tables).await?;
        self.foreign_keys(&mut tables).await?;
        Ok(Catalogue { tables: tables.into_values().collect() })
    }

    /// Returns the tables whose engine keeps foreign keys; none when all do.
    async fn tables_keeping_foreign_keys(&mut self) -> Result<Option<BTreeSet<String>>, DbError> {
        if !matches!(self, Self::MySql(_)) {
            return Ok(None);
        }
        let mut names = BTreeSet::new();
        self.each_row("listing the engines of the tables", MYSQL_KEEPING.to_owned(), 1, |cells| {
            names.extend(cells.first().copied().flatten().map(ToOwned::to_owned));
        })
        .await?;
        Ok(Some(names))
    }

    const fn by_engine(&self, sqlite: &'static str, postgres: &'static str, mysql: &'static str) -> &'static str {
        match self {
            Self::Sqlite(_) => sqlite,
            Self::Postgres(_) => postgres,
            Self::MySql(_) => mysql,
        }
    }

    async fn columns(&mut self, tables: &mut BTreeMap<String, Table>) -> Result<(), DbError> {
        let sql = self.by_engine(SQLITE_COLUMNS, POSTGRES_COLUMNS, MYSQL_COLUMNS);
        self.each_row("reading the columns of the tables", sql.to_owned(), 7, |cells| {
            let &[Some(table), Some(name), Some(kind), nullable, default, collation, check] = cells else { return };
            if let Some(table) = tables.get_mut(table) {
                table.columns.push(Column {
                    name: name.to_owned(),
                    kind: ColumnType::read(kind, check),
                    nullable: nullable == Some("1"),
                    default: default.map(ToOwned::to_owned),
                    collation: collation.map(ToOwned::to_owned),
                });
            }
        })
        .await
    }

    async fn unique(&mut self, tables: &mut BTreeMap<String, Table>) -> Result<(), DbError> {
        let sql = self.by_engine(SQLITE_UNIQUE, POSTGRES_UNIQUE, MYSQL_UNIQUE);
        // By table and index; none when a part of it is no plain column.
        let mut indexes: BTreeMap<(String, String), Option<BTreeSet<String>>> = BTreeMap::new();
        self.each_row("reading the keys of the tables", sql.to_owned(), 4, |cells| {
            let &[Some(table), Some(index), primary, column] = cells else { return };
            if primary == Some("1") {
                if let Some(table) = tables.get_mut(table) {
                    table.primary_key.extend(column.map(ToOwned::to_owned));
                }
                return;
            }
            let set = indexes.entry((table.to_owned(), index.to_owned())).or_insert_with(|| Some(BTreeSet::new()));
            match (set.as_mut(), column) {
                (Some(columns), Some(column)) => {
                    columns.insert(column.to_owned());
                }
                _ => *set = None,
            }
        })
        .await?;
        for ((table, _), columns) in indexes {
            if let (Some(table), Some(columns)) = (tables.get_mut(&table), columns) {
                table.unique.insert(columns);
            }
        }
        Ok(())
    }

    async fn foreign_keys(&mut self, tables: &mut BTreeMap<String, Table>) -> Result<(), DbError> {
        let sql = self.by_engine(SQLITE_FOREIGN_KEYS, POSTGRES_FOREIGN_KEYS, MYSQL_FOREIGN_KEYS);
        let keys: BTreeMap<String, String> = tables
            .values()
            .filter_map(|table| Some((table.name.clone(), table.primary_key.first()?.clone())))
            .collect();
        self.each_row("reading the foreign keys of the tables", sql.to_owned(), 4, |cells| {
            let &[Some(table), Some(column), Some(target), key] = cells else { return };
            let Some(known) = tables.get_mut(table).and_then(|table| table.foreign_keys.as_mut()) else { return };
            let key = key.map_or_else(|| keys.get(target).cloned().unwrap_or_default(), ToOwned::to_owned);
            known.insert(column.to_owned(), Target { table: target.to_owned(), column: key });
        })
        .await
    }
}
