//! Reads whole rows as one text each, to compare them with themselves at another moment.

use super::{Db, DbError};

impl Db {
    /// Hands the key of each row of a table, and all of its values as one text, to `each`, in no order. The text says nothing
    /// to people; it is the same as long as no value of the row changes.
    pub async fn whole_rows(
        &mut self,
        table: &str,
        key: &str,
        mut each: impl FnMut(&str, &str) + Send,
    ) -> Result<(), DbError> {
        let (key, from) = (self.as_text(&self.quote(key)), self.quote(table));
        let sql = match self {
            Self::Postgres(_) => {
                format!("SELECT {key}, CAST(lino_upgrade_row AS TEXT) FROM {from} AS lino_upgrade_row")
            }
            Self::Sqlite(_) => {
                let columns = self.quoted_columns(table).await?;
                let values: Vec<String> = columns.iter().map(|column| format!("quote({column})")).collect();
                format!("SELECT {key}, {} FROM {from}", values.join(" || ',' || "))
            }
            Self::MySql(_) => {
                let columns = self.quoted_columns(table).await?;
                // Bytes and texts in one: no character set holds both.
                let values: Vec<String> =
                    columns.iter().map(|column| format!("QUOTE(CAST({column} AS BINARY))")).collect();
                format!("SELECT {key}, CAST(MD5(CONCAT_WS(',', {})) AS CHAR) FROM {from}", values.join(", "))
            }
        };
        self.each_row(&format!("reading the rows of {table}"), sql, 2, |cells| {
            if let [key, row] = cells {
                each(key.unwrap_or_default(), row.unwrap_or_default());
            }
        })
        .await
    }

    async fn quoted_columns(&mut self, table: &str) -> Result<Vec<String>, DbError> {
        let name = table.replace('\'', "''");
        let sql = match self {
            Self::MySql(_) => format!(
                "SELECT CAST(column_name AS CHAR) FROM information_schema.columns WHERE table_schema = DATABASE() AND \
                 table_name = '{}' ORDER BY ordinal_position",
                name.replace('\\', "\\\\")
            ),
            Self::Sqlite(_) | Self::Postgres(_) => format!("SELECT name FROM pragma_table_info('{name}') ORDER BY cid"),
        };
        let mut names = Vec::new();
        self.each_row(&format!("listing the columns of {table}"), sql, 1, |cells| {
            names.extend(cells.first().copied().flatten().map(ToOwned::to_owned));
        })
        .await?;
        Ok(names.iter().map(|name| self.quote(name)).collect())
    }
}
