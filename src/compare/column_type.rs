//! Types of columns, written alike whether Django or the database says them.
//!
//! Both sides always speak of the same engine, so that one list of synonyms serves all three. Not a synonym, although
//! both mean a UUID on MariaDB: `char(32)` and `uuid`. What Django 4 wrote into the former Django 5 cannot read.

use std::fmt;

/// The type of a column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnType {
    /// Its name as Django writes it, for example `varchar`, `integer unsigned`, `timestamp with time zone`.
    pub name: String,
    /// The numbers in brackets: length, or digits and places.
    pub arguments: Vec<u64>,
}

/// Names that mean the same, first as the database or an older Django says it, then as we do.
const SYNONYMS: [(&str, &str); 23] = [
    ("character varying", "varchar"),
    ("character", "char"),
    ("bpchar", "char"),
    ("int", "integer"),
    ("int unsigned", "integer unsigned"),
    ("int2", "smallint"),
    ("int4", "integer"),
    ("int8", "bigint"),
    // Before Django 4.1; now the same types as identity columns.
    ("serial", "integer"),
    ("bigserial", "bigint"),
    ("smallserial", "smallint"),
    ("decimal", "numeric"),
    ("dec", "numeric"),
    ("fixed", "numeric"),
    ("boolean", "bool"),
    ("double", "double precision"),
    ("float8", "double precision"),
    ("timestamptz", "timestamp with time zone"),
    ("timestamp without time zone", "timestamp"),
    ("time without time zone", "time"),
    // MariaDB keeps it so, PostgreSQL has `jsonb` and SQLite `text`.
    ("json", "longtext"),
    ("integer auto_increment", "integer"),
    ("bigint auto_increment", "bigint"),
];

impl ColumnType {
    /// Reads a type as Django, `format_type()`, `COLUMN_TYPE` or `CREATE TABLE` write it. A check that the value is
    /// not negative is what makes a number unsigned on PostgreSQL.
    #[must_use]
    pub fn read(text: &str, check: Option<&str>) -> Self {
        let text = text.to_lowercase();
        let (head, rest) = text.split_once('(').unwrap_or((&text, ""));
        let (arguments, tail) = rest.split_once(')').unwrap_or(("", rest));
        let words: Vec<&str> = head.split_whitespace().chain(tail.split_whitespace()).collect();
        let said = words.join(" ");
        let mut arguments: Vec<u64> = arguments.split(',').filter_map(|number| number.trim().parse().ok()).collect();
        if said == "tinyint" && arguments == [1] {
            return Self { name: "bool".to_owned(), arguments: Vec::new() };
        }
        let synonym = SYNONYMS.iter().find(|(theirs, _)| *theirs == said);
        let mut name = synonym.map_or(said, |(_, ours)| (*ours).to_owned());
        if name.contains("int") && !name.contains("interval") {
            // How wide a client shows the number.
            arguments.clear();
            if check.is_some_and(refuses_negative) && !name.ends_with(" unsigned") {
                name.push_str(" unsigned");
            }
        }
        Self { name, arguments }
    }

    /// Returns the greatest length of a text; none when there is no limit or it is no text.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        if self.name.ends_with("char") { self.arguments.first().copied() } else { None }
    }

    /// Tells whether every value of `other` can be kept in this type as it is.
    #[must_use]
    pub fn holds(&self, other: &Self) -> bool {
        let whole = |name: &str| {
            let size = name.split(' ').next().unwrap_or_default();
            ["smallint", "integer", "bigint"].iter().position(|known| *known == size)
        };
        match (self.name.as_str(), other.name.as_str()) {
            (mine, theirs) if mine == theirs => match (self.arguments.as_slice(), other.arguments.as_slice()) {
                ([], _) => true,
                ([places, scale], [their_places, their_scale]) => {
                    scale >= their_scale && places.saturating_sub(*scale) >= their_places.saturating_sub(*their_scale)
                }
                ([length], [their_length]) => length >= their_length,
                _ => false,
            },
            ("text" | "longtext", theirs) => theirs.ends_with("char") || theirs.ends_with("text"),
            // An unsigned number of MariaDB goes further than a signed one of its size.
            (mine, theirs) => match (whole(mine), whole(theirs)) {
                (Some(mine_at), Some(theirs_at)) => {
                    mine_at > theirs_at && (theirs.ends_with("unsigned") || !mine.ends_with("unsigned"))
                }
                _ => false,
            },
        }
    }
}

fn refuses_negative(check: &str) -> bool {
    let bare: String = check.chars().filter(|letter| !letter.is_whitespace() && *letter != ')').collect();
    bare.ends_with(">=0")
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if !self.arguments.is_empty() {
            let arguments: Vec<String> = self.arguments.iter().map(ToString::to_string).collect();
            write!(f, "({})", arguments.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::ColumnType;

    #[test]
    fn a_type_is_read_alike_from_django_and_from_the_database() {
        let pairs = [
            ("varchar(200)", "character varying(200)"),
            ("integer", "int(11)"),
            ("integer UNSIGNED", "int(10) unsigned"),
            ("integer unsigned", "integer  unsigned"),
            ("bool", "tinyint(1)"),
            ("boolean", "boolean"),
            ("numeric(10, 2)", "decimal(10,2)"),
            ("serial", "integer"),
            ("bigserial", "bigint"),
            ("bigint AUTO_INCREMENT", "bigint(20)"),
            ("double precision", "double"),
            ("time", "time without time zone"),
            ("timestamp with time zone", "timestamp with time zone"),
            ("datetime(6)", "datetime(6)"),
            ("json", "longtext"),
        ];
        for (django, database) in pairs {
            assert_eq!(ColumnType::read(django, None), ColumnType::read(database, None), "{django}");
        }
        let different = [
            ("integer", "bigint"),
            ("char(32)", "uuid"),
            ("datetime(6)", "datetime"),
            ("integer UNSIGNED", "int(11)"),
            ("varchar(80)", "varchar(20)"),
            ("varchar(80)", "char(80)"),
        ];
        for (django, database) in different {
            assert_ne!(ColumnType::read(django, None), ColumnType::read(database, None), "{django}");
        }
    }

    #[test]
    fn a_check_makes_a_number_unsigned() {
        let unsigned = ColumnType::read("integer unsigned", Some("\"weight\" >= 0"));
        assert_eq!(unsigned.to_string(), "integer unsigned");
        assert_eq!(ColumnType::read("integer", Some("CHECK ((weight >= 0))")), unsigned);
        assert_ne!(ColumnType::read("integer", Some("CHECK ((weight >= 10))")), unsigned);
        assert_eq!(ColumnType::read("numeric(10, 2)", Some("x >= 0")).to_string(), "numeric(10, 2)");
    }

    #[test]
    fn wider_types_hold_what_narrower_ones_did() {
        let holds = |wide, narrow| ColumnType::read(wide, None).holds(&ColumnType::read(narrow, None));
        for (wide, narrow) in [
            ("varchar(200)", "varchar(80)"),
            ("varchar", "varchar(80)"),
            ("text", "varchar(80)"),
            ("longtext", "varchar(80)"),
            ("bigint", "integer"),
            ("bigint", "integer unsigned"),
            ("bigint unsigned", "integer unsigned"),
            ("numeric(10, 3)", "numeric(9, 2)"),
        ] {
            assert!(holds(wide, narrow) && !holds(narrow, wide), "{wide} {narrow}");
        }
        for (one, other) in [
            ("date", "integer"),
            ("integer", "integer unsigned"),
            ("numeric(9, 3)", "numeric(9, 2)"),
            ("bool", "integer"),
        ] {
            assert!(!holds(one, other) && !holds(other, one), "{one} {other}");
        }
    }
}
