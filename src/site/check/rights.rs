//! Whether the site's database user may do what a restore does, and whether the database can hold every character.

use crate::procedure::Finding;
use crate::site::connection::{Connection, Engine};
use crate::site::database::{Db, DbError};
use crate::site::surroundings::is_writable;
use crate::site::text::printable;

const RIGHTS: &str = "database rights";
const ENCODING: &str = "database encoding";

/// Asks the database; a question that it does not answer is a warning.
pub async fn database_rights(connection: &Connection, db: &mut Db) -> Vec<Finding> {
    let asked = match connection.engine {
        Engine::Sqlite => Ok(vec![sqlite(connection)]),
        Engine::Postgres => postgres(db).await,
        Engine::MySql => mysql(db).await,
    };
    asked.unwrap_or_else(|error| {
        let text = printable(&format!("The database does not say what its user may do: {error}."));
        vec![Finding::warn(RIGHTS, text, "Make sure that this user may create and drop tables.")]
    })
}

fn sqlite(connection: &Connection) -> Finding {
    let file = std::path::PathBuf::from(&connection.name);
    let dir = file.parent().unwrap_or(&file);
    let closed = [file.as_path(), dir]
        .into_iter()
        .find(|path| rustix::fs::access(*path, rustix::fs::Access::WRITE_OK).is_err())
        .or_else(|| (!is_writable(dir)).then_some(dir));
    match closed {
        None => Finding::pass(RIGHTS, "The file of the database and its directory are writable for you."),
        Some(path) => Finding::fail(
            RIGHTS,
            format!("You may not write to {}, so that nothing can be restored.", path.display()),
            "Start lino-upgrade as the user who owns it, as a member of its group, or as root.",
        ),
    }
}

async fn postgres(db: &mut Db) -> Result<Vec<Finding>, DbError> {
    const WHAT: &str = "asking for the rights of the user";
    let sql = "SELECT COALESCE(has_schema_privilege(current_schema(), 'CREATE'), false)::text";
    let creates = db.one(WHAT, sql.to_owned()).await?.as_deref() == Some("true");
    let sql = "SELECT c.relname::text, pg_catalog.pg_get_userbyid(c.relowner)::text FROM pg_catalog.pg_class c JOIN \
               pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN \
               ('pg_catalog', 'pg_toast', 'information_schema') AND pg_catalog.pg_table_is_visible(c.oid) AND NOT \
               pg_catalog.pg_has_role(c.relowner, 'USAGE') ORDER BY 1";
    let mut foreign = Vec::new();
    db.each_row(WHAT, sql.to_owned(), 2, |cells| {
        if let [Some(table), Some(owner)] = cells {
            foreign.push(printable(&format!("{table} of {owner}")));
        }
    })
    .await?;
    let mut findings = Vec::new();
    if !creates {
        findings.push(Finding::fail(
            RIGHTS,
            "The database user of the site may not create tables.",
            "Let the administrator of the server grant it: GRANT CREATE ON SCHEMA public TO the user.",
        ));
    }
    if !foreign.is_empty() {
        findings.push(Finding::fail(
            RIGHTS,
            format!("The database user of the site may not drop these tables: {}.", some(&foreign)),
            "Let the administrator of the server give them to the user: ALTER TABLE … OWNER TO …",
        ));
    }
    if findings.is_empty() {
        findings.push(Finding::pass(RIGHTS, "The database user of the site may create and drop its tables."));
    }
    let sql = "SELECT pg_catalog.pg_encoding_to_char(encoding)::text FROM pg_catalog.pg_database WHERE datname = \
               current_database()";
    let encoding = db.one("asking for the encoding", sql.to_owned()).await?.unwrap_or_default();
    findings.push(encoded(&encoding, encoding == "UTF8", "UTF8"));
    Ok(findings)
}

async fn mysql(db: &mut Db) -> Result<Vec<Finding>, DbError> {
    let mut grants = Vec::new();
    db.each_row("asking for the rights of the user", "SHOW GRANTS".to_owned(), 1, |cells| {
        grants.extend(cells.first().copied().flatten().map(ToOwned::to_owned));
    })
    .await?;
    let name = db.one("asking for the database", "SELECT DATABASE()".to_owned()).await?.unwrap_or_default();
    let lacking = lacking(&grants, &name);
    let rights = if lacking.is_empty() {
        Finding::pass(RIGHTS, "The database user of the site may create and drop its tables.")
    } else {
        Finding::fail(
            RIGHTS,
            format!("The database user of the site lacks these rights: {}.", lacking.join(", ")),
            printable(&format!("Let the administrator of the server grant them: GRANT ALL ON `{name}`.* TO the user.")),
        )
    };
    let sql = "SELECT CAST(default_character_set_name AS CHAR) FROM information_schema.schemata WHERE schema_name = \
               DATABASE()";
    let encoding = db.one("asking for the encoding", sql.to_owned()).await?.unwrap_or_default();
    Ok(vec![rights, encoded(&encoding, encoding == "utf8mb4", "utf8mb4")])
}

fn encoded(encoding: &str, holds_all: bool, wanted: &str) -> Finding {
    if holds_all {
        return Finding::pass(ENCODING, format!("The database keeps text as {encoding}, which has every character."));
    }
    Finding::warn(
        ENCODING,
        printable(&format!("The database keeps text as {encoding}, which does not have every character.")),
        format!("Rows with others could be refused by the restore. Let the administrator make it {wanted}."),
    )
}

fn some(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(5).map(String::as_str).collect();
    match names.len().saturating_sub(shown.len()) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Returns what `SHOW GRANTS` does not grant for a database, of all that a restore needs.
fn lacking(grants: &[String], database: &str) -> Vec<&'static str> {
    const NEEDED: [&str; 9] =
        ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "INDEX", "REFERENCES"];
    let granted: Vec<&str> = grants
        .iter()
        .filter_map(|line| line.strip_prefix("GRANT ")?.split_once(" ON "))
        .filter(|(_, rest)| rest.split(" TO ").next().is_some_and(|place| covers(place, database)))
        .flat_map(|(rights, _)| rights.split(", "))
        .collect();
    if granted.iter().any(|right| right.starts_with("ALL PRIVILEGES")) {
        return Vec::new();
    }
    NEEDED.into_iter().filter(|needed| !granted.contains(needed)).collect()
}

/// Tells whether a place like `` `my\_site`.* `` covers a database.
fn covers(place: &str, database: &str) -> bool {
    if place == "*.*" {
        return true;
    }
    let Some(pattern) = place.strip_suffix(".*") else { return false };
    let pattern: Vec<char> = pattern.trim_matches('`').replace("``", "`").chars().collect();
    matches(&pattern, &database.chars().collect::<Vec<_>>())
}

/// Compares with a pattern in which `%` stands for any text, `_` for any character, and `\` takes that away.
fn matches(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', rest @ ..] => (0..=text.len()).any(|at| text.get(at..).is_some_and(|tail| matches(rest, tail))),
        ['\\', wanted, rest @ ..] => text.split_first().is_some_and(|(c, tail)| c == wanted && matches(rest, tail)),
        [wanted, rest @ ..] => {
            text.split_first().is_some_and(|(c, tail)| (*wanted == '_' || c == wanted) && matches(rest, tail))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_count_only_for_the_database_of_the_site() {
        let told = |grants: &[&str]| {
            let grants: Vec<String> = grants.iter().map(|grant| (*grant).to_owned()).collect();
            lacking(&grants, "my_site").len()
        };
        assert_eq!(
            told(&["GRANT USAGE ON *.* TO `lino`@`%`", "GRANT ALL PRIVILEGES ON `my\\_site`.* TO `lino`@`%`"]),
            0
        );
        assert_eq!(told(&["GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION"]), 0);
        assert_eq!(told(&["GRANT ALL PRIVILEGES ON `my%`.* TO `lino`@`%`"]), 0);
        assert_eq!(told(&["GRANT ALL PRIVILEGES ON `other`.* TO `lino`@`%`"]), 9);
        assert_eq!(told(&["GRANT ALL PRIVILEGES ON `my_site`.`one` TO `lino`@`%`"]), 9);
        let some =
            "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, REFERENCES ON `my_site`.* TO `lino`@`%`";
        assert_eq!(lacking(&[some.to_owned()], "my_site"), ["DROP"]);
        assert_eq!(told(&[]), 9);
    }
}
