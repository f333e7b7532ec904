//! The database's catalogue against the one that the models of a version expect.
//!
//! What Django's versions create differently without meaning is no difference: display widths, sequences or identity
//! columns, names of constraints, indexes for speed, defaults of the database.

use std::collections::{BTreeMap, BTreeSet};

use super::column_type::ColumnType;
use super::difference::{Change, Class, Difference, Question, Rows, Subject};
use super::model::{Field, Model};

/// The tables of a database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// The tables, sorted by name.
    pub tables: Vec<Table>,
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns, in order.
    pub columns: Vec<Column>,
    /// Columns of the primary key, in order.
    pub primary_key: Vec<String>,
    /// Sets of columns that are unique together in all rows, the primary key not among them.
    pub unique: BTreeSet<BTreeSet<String>>,
    /// Where its columns point to; none when the database keeps no such thing, as MyISAM does.
    pub foreign_keys: Option<BTreeMap<String, Target>>,
}

/// A column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: ColumnType,
    /// Whether it may be NULL.
    pub nullable: bool,
    /// What the database writes when nothing is said, sequences included; Django says it itself.
    pub default: Option<String>,
    /// Its collation, as far as the database tells it or the field wants one.
    pub collation: Option<String>,
}

/// What a foreign key points to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
}

impl Catalogue {
    /// Returns the catalogue that Django would create for these models.
    #[must_use]
    pub fn expected(models: &[Model]) -> Self {
        let mut tables: Vec<Table> =
            models.iter().filter(|model| model.has_table()).map(|m| table(m, models)).collect();
        tables.sort_by(|one, other| one.name.cmp(&other.name));
        Self { tables }
    }

    /// Returns a table by its name.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }
}

impl Table {
    /// Returns a column by its name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

fn table(model: &Model, models: &[Model]) -> Table {
    let columns = model.fields.iter().filter_map(|field| {
        Some(Column {
            name: field.column.clone()?,
            kind: ColumnType::read(field.db_type.as_deref()?, field.db_check.as_deref()),
            nullable: field.null,
            default: None,
            collation: field.db_collation.clone(),
        })
    });
    let alone = model.fields.iter().filter(|field| field.unique && !field.primary_key).map(|field| vec![&field.name]);
    let together = model.unique_together.iter().map(|names| names.iter().collect());
    let unique = alone.chain(together).map(|names| names.into_iter().map(|name| column_of(model, name)).collect());
    let foreign_keys = model.fields.iter().filter(|field| field.db_constraint != Some(false));
    Table {
        name: model.table.clone(),
        columns: columns.collect(),
        primary_key: vec![model.pk_column.clone()],
        unique: unique.collect(),
        foreign_keys: Some(foreign_keys.filter_map(|field| foreign_key(field, models)).collect()),
    }
}

/// Fields of a parent are no columns of this table: Django refuses them in `unique_together`.
fn column_of(model: &Model, field: &str) -> String {
    model.field(field).and_then(|field| field.column.clone()).unwrap_or_else(|| field.to_owned())
}

fn foreign_key(field: &Field, models: &[Model]) -> Option<(String, Target)> {
    let target = field.target.as_deref()?;
    // A proxy is told with the table of what it stands for.
    let model = models.iter().find(|model| model.model == target)?;
    let column = field.target_column.clone().unwrap_or_else(|| model.pk_column.clone());
    Some((field.column.clone()?, Target { table: model.table.clone(), column }))
}

/// Compares the database's catalogue with the expected one.
#[must_use]
pub fn compare(real: &Catalogue, expected: &Catalogue) -> Vec<Difference> {
    let mut found = Vec::new();
    for table in &expected.tables {
        match real.table(&table.name) {
            Some(known) => compare_tables(known, table, &mut found),
            None => found.push(missing_table(table)),
        }
    }
    let unknown = real.tables.iter().filter(|table| expected.table(&table.name).is_none());
    found.extend(unknown.map(|table| Difference {
        class: Class::Noise,
        subject: Subject::Table(table.name.clone()),
        change: Change::Removed,
        sentence: format!("The table {} belongs to no model.", table.name),
        questions: Vec::new(),
    }));
    found.sort_by(|one, other| one.subject.place().cmp(&other.subject.place()));
    found
}

fn missing_table(table: &Table) -> Difference {
    Difference {
        class: Class::Additive,
        subject: Subject::Table(table.name.clone()),
        change: Change::Added,
        sentence: format!("The table {} is missing in the database.", table.name),
        questions: Vec::new(),
    }
}

fn compare_tables(real: &Table, expected: &Table, found: &mut Vec<Difference>) {
    let mut say = Findings { table: &expected.name, found };
    for column in &expected.columns {
        match real.column(&column.name) {
            Some(known) => compare_columns(known, column, &mut say),
            None => say.missing_column(column),
        }
    }
    for column in real.columns.iter().filter(|column| expected.column(&column.name).is_none()) {
        say.unknown_column(column);
    }
    if real.primary_key != expected.primary_key {
        let (from, to) = (real.primary_key.clone(), expected.primary_key.clone());
        let text = format!("has the primary key {} instead of {}", from.join(", "), to.join(", "));
        say.of_table(
            Class::DataDependent,
            Change::Key { from, to },
            &text,
            vec![Rows::Duplicates(expected.primary_key.clone())],
        );
    }
    compare_unique(real, expected, &mut say);
    compare_foreign_keys(real, expected, &mut say);
}

fn compare_columns(real: &Column, expected: &Column, say: &mut Findings<'_>) {
    let name = &expected.name;
    if real.kind != expected.kind {
        let text = format!("is {}, and the new version expects {}", real.kind, expected.kind);
        let (class, change, rows) = change_of_type(name, &real.kind, &expected.kind);
        say.of_column(name, class, change, &text, rows);
    }
    match (real.nullable, expected.nullable) {
        (true, false) => {
            let text = "may be NULL, and the new version expects a value";
            say.of_column(name, Class::DataDependent, Change::NotNull, text, vec![Rows::IsNull(name.clone())]);
        }
        (false, true) => {
            let text = "refuses NULL, which the new version may want to write";
            say.of_column(name, Class::Additive, Change::Nullable, text, Vec::new());
        }
        _ => {}
    }
    if expected.collation.is_some() && real.collation != expected.collation {
        let (from, to) = (real.collation.clone(), expected.collation.clone());
        say.of_column(name, Class::Additive, Change::Collation { from, to }, "has another collation", Vec::new());
    }
}

/// Judges another type of a column, and says what to count.
pub(super) fn change_of_type(column: &str, from: &ColumnType, to: &ColumnType) -> (Class, Change, Vec<Rows>) {
    let held = to.holds(from);
    let class = if held { Class::Additive } else { Class::DataDependent };
    let (change, question) = match (to.length(), to.arguments.as_slice(), from.arguments.as_slice()) {
        _ if to.name != from.name => {
            let change = Change::Type { from: from.to_string(), to: to.to_string() };
            let question = match to.length() {
                // Any text fits that is short enough.
                Some(length) if from.name.ends_with("char") || from.name.ends_with("text") => {
                    Rows::LongerThan(column.to_owned(), length)
                }
                _ => Rows::Unfit(column.to_owned(), to.to_string()),
            };
            (change, question)
        }
        (Some(length), ..) => {
            let change = Change::Length { from: from.length(), to: Some(length) };
            (change, Rows::LongerThan(column.to_owned(), length))
        }
        (None, [digits, places], [former_digits, former_places]) => {
            let change = Change::Digits { from: (*former_digits, *former_places), to: (*digits, *places) };
            (change, Rows::MoreDigits(column.to_owned(), *digits, *places))
        }
        _ if to.name.ends_with("char") => {
            (Change::Length { from: from.length(), to: None }, Rows::Unfit(column.to_owned(), to.to_string()))
        }
        _ => {
            let change = Change::Type { from: from.to_string(), to: to.to_string() };
            (change, Rows::Unfit(column.to_owned(), to.to_string()))
        }
    };
    (class, change, if held { Vec::new() } else { vec![question] })
}

fn compare_unique(real: &Table, expected: &Table, say: &mut Findings<'_>) {
    let keys = [&real.primary_key, &expected.primary_key].map(|key| key.iter().cloned().collect::<BTreeSet<_>>());
    for set in expected.unique.difference(&real.unique).filter(|set| !keys.contains(set)) {
        let names: Vec<String> = set.iter().cloned().collect();
        let text = format!("does not keep {} unique", names.join(", "));
        say.of_table(Class::DataDependent, Change::Unique(names.clone()), &text, vec![Rows::Duplicates(names)]);
    }
    let gone = |set: &&BTreeSet<String>| set.iter().any(|name| expected.column(name).is_none());
    for set in real.unique.difference(&expected.unique).filter(|set| !keys.contains(set) && !gone(set)) {
        let names: Vec<String> = set.iter().cloned().collect();
        let text = format!("keeps {} unique, which the new version does not", names.join(", "));
        say.of_table(Class::Additive, Change::NotUnique(names), &text, Vec::new());
    }
}

fn compare_foreign_keys(real: &Table, expected: &Table, say: &mut Findings<'_>) {
    let (Some(real_keys), Some(expected_keys)) = (&real.foreign_keys, &expected.foreign_keys) else { return };
    let columns: BTreeSet<&String> = real_keys.keys().chain(expected_keys.keys()).collect();
    for column in columns.into_iter().filter(|name| real.column(name).is_some() && expected.column(name).is_some()) {
        let (from, to) = (real_keys.get(column), expected_keys.get(column));
        if from == to {
            continue;
        }
        let name = |target: Option<&Target>| target.map(|target| format!("{}.{}", target.table, target.column));
        let change = Change::Target { from: name(from), to: name(to) };
        let text = match (name(from), name(to)) {
            (Some(from), Some(to)) => format!("points to {from}, and the new version expects {to}"),
            (None, Some(to)) => format!("is not kept pointing to {to}"),
            (from, _) => format!("may only point to {}, which the new version does not want", from.unwrap_or_default()),
        };
        let rows =
            to.map(|to| Rows::Dangling { column: column.clone(), table: to.table.clone(), key: to.column.clone() });
        let class = if rows.is_some() { Class::DataDependent } else { Class::Additive };
        say.of_column(column, class, change, &text, rows.into_iter().collect());
    }
}

/// Where the differences of one table go.
struct Findings<'a> {
    table: &'a str,
    found: &'a mut Vec<Difference>,
}

impl Findings<'_> {
    fn missing_column(&mut self, column: &Column) {
        self.of_column(&column.name, Class::Additive, Change::Added, "is missing in the database", Vec::new());
    }

    fn unknown_column(&mut self, column: &Column) {
        let text = if column.nullable || column.default.is_some() {
            "is of no use to the new version"
        } else {
            "is of no use to the new version, which could not write new rows because the column must have a value"
        };
        self.of_column(
            &column.name,
            Class::Destructive,
            Change::Removed,
            text,
            vec![Rows::NotEmpty(column.name.clone())],
        );
    }

    fn of_column(&mut self, column: &str, class: Class, change: Change, text: &str, rows: Vec<Rows>) {
        let subject = Subject::Column(self.table.to_owned(), column.to_owned());
        self.push(class, subject, change, text, rows);
    }

    fn of_table(&mut self, class: Class, change: Change, text: &str, rows: Vec<Rows>) {
        self.push(class, Subject::Table(self.table.to_owned()), change, text, rows);
    }

    fn push(&mut self, class: Class, subject: Subject, change: Change, text: &str, rows: Vec<Rows>) {
        let sentence = format!("{subject} {text}.");
        let questions = rows.into_iter().map(|rows| Question { table: self.table.to_owned(), rows }).collect();
        self.found.push(Difference { class, subject, change, sentence, questions });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, db_type: &str) -> Field {
        Field { name: name.into(), column: Some(name.into()), db_type: Some(db_type.into()), ..Field::default() }
    }

    fn models() -> Vec<Model> {
        let key = |name| Field { primary_key: true, unique: true, ..field(name, "bigint") };
        let partner =
            Field { name: "partner".into(), target: Some("shop.Partner".into()), ..field("partner_id", "bigint") };
        let model = |model: &str, table: &str, fields| Model {
            model: model.into(),
            table: table.into(),
            managed: true,
            pk_column: "id".into(),
            fields,
            ..Model::default()
        };
        vec![
            Model {
                unique_together: vec![vec!["partner".into(), "date".into()]],
                ..model("shop.Sale", "shop_sale", vec![key("id"), partner, field("date", "date")])
            },
            model(
                "shop.Partner",
                "shop_partner",
                vec![
                    key("id"),
                    Field { unique: true, ..field("name", "varchar(80)") },
                    Field { null: true, ..field("weight", "integer") },
                ],
            ),
            Model { proxy: true, ..model("shop.Other", "shop_partner", vec![]) },
            Model { managed: false, ..model("shop.View", "shop_view", vec![field("x", "text")]) },
        ]
    }

    fn differences(change: impl FnOnce(&mut Catalogue)) -> Vec<(Class, String, Vec<Rows>)> {
        let expected = Catalogue::expected(&models());
        let mut real = expected.clone();
        change(&mut real);
        let found = compare(&real, &expected);
        found.into_iter().map(|d| (d.class, d.sentence, d.questions.into_iter().map(|q| q.rows).collect())).collect()
    }

    fn column<'a>(real: &'a mut Catalogue, table: &str, name: &str) -> &'a mut Column {
        let table = real.tables.iter_mut().find(|known| known.name == table);
        table.and_then(|table| table.columns.iter_mut().find(|column| column.name == name)).unwrap()
    }

    #[test]
    fn what_the_models_expect_is_told_like_a_catalogue() {
        let expected = Catalogue::expected(&models());
        let names: Vec<&str> = expected.tables.iter().map(|table| table.name.as_str()).collect();
        assert_eq!(names, ["shop_partner", "shop_sale"]);
        let sale = expected.table("shop_sale").unwrap();
        assert_eq!(sale.unique, BTreeSet::from([BTreeSet::from(["date".to_owned(), "partner_id".to_owned()])]));
        let target = Target { table: "shop_partner".into(), column: "id".into() };
        assert_eq!(sale.foreign_keys, Some(BTreeMap::from([("partner_id".to_owned(), target)])));
    }

    #[test]
    fn a_catalogue_as_expected_has_no_differences() {
        assert_eq!(differences(|_| ()), []);
    }

    #[test]
    fn a_database_without_foreign_keys_is_not_asked_for_them() {
        let all = |real: &mut Catalogue| real.tables.iter_mut().for_each(|table| table.foreign_keys = None);
        assert_eq!(differences(all), []);
    }

    #[test]
    fn tables_of_no_model_are_noise_and_missing_ones_are_not() {
        let found = differences(|real| {
            real.tables.retain(|table| table.name != "shop_sale");
            real.tables.push(Table { name: "django_migrations".into(), ..Table::default() });
        });
        let expected = [
            (Class::Noise, "The table django_migrations belongs to no model.".to_owned(), vec![]),
            (Class::Additive, "The table shop_sale is missing in the database.".to_owned(), vec![]),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn every_kind_of_column_is_compared() {
        let found = differences(|real| {
            column(real, "shop_partner", "name").kind = ColumnType::read("varchar(200)", None);
            column(real, "shop_partner", "weight").nullable = false;
            column(real, "shop_sale", "date").name = "day".into();
            column(real, "shop_sale", "partner_id").kind = ColumnType::read("integer", None);
            column(real, "shop_sale", "partner_id").nullable = true;
        });
        let expected = [
            (
                Class::DataDependent,
                "Column name of table shop_partner is varchar(200), and the new version expects varchar(80).",
                vec![Rows::LongerThan("name".into(), 80)],
            ),
            (
                Class::Additive,
                "Column weight of table shop_partner refuses NULL, which the new version may want to write.",
                vec![],
            ),
            (Class::Additive, "Column date of table shop_sale is missing in the database.", vec![]),
            (
                Class::Destructive,
                "Column day of table shop_sale is of no use to the new version, which could not write new rows because \
                 the column must have a value.",
                vec![Rows::NotEmpty("day".into())],
            ),
            (
                Class::Additive,
                "Column partner_id of table shop_sale is integer, and the new version expects bigint.",
                vec![],
            ),
            (
                Class::DataDependent,
                "Column partner_id of table shop_sale may be NULL, and the new version expects a value.",
                vec![Rows::IsNull("partner_id".into())],
            ),
        ];
        assert_eq!(found, expected.map(|(class, text, rows)| (class, text.to_owned(), rows)));
    }

    #[test]
    fn keys_and_what_is_unique_are_compared() {
        let found = differences(|real| {
            let [partner, sale] = real.tables.as_mut_slice() else { panic!("two tables") };
            partner.unique.clear();
            partner.primary_key = vec!["name".into()];
            partner.unique.insert(BTreeSet::from(["weight".into()]));
            sale.foreign_keys =
                Some(BTreeMap::from([("date".into(), Target { table: "days".into(), column: "id".into() })]));
        });
        let expected = [
            (
                Class::DataDependent,
                "Table shop_partner has the primary key name instead of id.",
                vec![Rows::Duplicates(vec!["id".into()])],
            ),
            (Class::Additive, "Table shop_partner keeps weight unique, which the new version does not.", vec![]),
            (
                Class::Additive,
                "Column date of table shop_sale may only point to days.id, which the new version does not want.",
                vec![],
            ),
            (
                Class::DataDependent,
                "Column partner_id of table shop_sale is not kept pointing to shop_partner.id.",
                vec![Rows::Dangling { column: "partner_id".into(), table: "shop_partner".into(), key: "id".into() }],
            ),
        ];
        assert_eq!(found, expected.map(|(class, text, rows)| (class, text.to_owned(), rows)));
    }

    #[test]
    fn a_change_of_type_asks_for_the_rows_that_do_not_fit() {
        let judge = |from, to| change_of_type("x", &ColumnType::read(from, None), &ColumnType::read(to, None));
        let digits = Change::Digits { from: (10, 2), to: (9, 2) };
        assert_eq!(
            judge("numeric(10, 2)", "numeric(9, 2)"),
            (Class::DataDependent, digits, vec![Rows::MoreDigits("x".into(), 9, 2)])
        );
        let to_text = Change::Type { from: "text".into(), to: "varchar(9)".into() };
        assert_eq!(judge("text", "varchar(9)"), (Class::DataDependent, to_text, vec![Rows::LongerThan("x".into(), 9)]));
        let unlimited = Change::Length { from: Some(9), to: None };
        assert_eq!(judge("varchar(9)", "varchar"), (Class::Additive, unlimited, vec![]));
        let date = Change::Type { from: "integer".into(), to: "date".into() };
        assert_eq!(
            judge("integer", "date"),
            (Class::DataDependent, date, vec![Rows::Unfit("x".into(), "date".into())])
        );
    }
}
