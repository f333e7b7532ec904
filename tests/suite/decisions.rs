//! Decisions on a real site: what they become loads in real Lino, with the values that were decided.
//!
//! One snapshot serves all; only the new version's code differs, by the switches of `tests/sites/shop`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use lino_upgrade::compare::Models;
use lino_upgrade::dump::edit::{Asked, edit, migrator};
use lino_upgrade::dump::{Rows, Script, literal};
use lino_upgrade::site::facts::ask;
use lino_upgrade::site::{Surroundings, find};
use lino_upgrade::triage::{
    Causes, Choice, Decision, Decisions, DecisionsFile, Given, Known, Rehearsed, Scope, Stored, bulk, fit, write,
};
use sqlx::{Connection, Row, SqliteConnection};

use crate::shop::Shop;

/// A site with a snapshot of the old version.
struct Old {
    shop: Shop,
    before: Models,
}

impl Old {
    async fn build() -> Self {
        Self::of(Shop::build_new_on("sqlite")).await
    }

    async fn of(shop: Shop) -> Self {
        let output = Command::new("env/bin/python")
            .args(["manage.py", "dump2py", "snapshot"])
            .current_dir(&shop.dir)
            .env("SITEVER", "1.0")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let before = models(&shop, "").await;
        Self { shop, before }
    }

    fn script(&self) -> String {
        std::fs::read_to_string(self.shop.dir.join("snapshot/restore.py")).unwrap()
    }

    /// Looks for a row in its row file.
    fn stored(&self, table: &str, key: &str) -> Stored {
        let script = Script::read(&self.script());
        let pk = self.before.models.iter().find(|model| model.table == table).map(|model| model.pk.clone());
        let place = script.function(table).and_then(|function| function.position(&pk?)).unwrap_or_default();
        let bytes = std::fs::read(self.shop.dir.join("snapshot").join(format!("{table}.py"))).unwrap_or_default();
        let found: Vec<String> = Rows::new(&bytes)
            .filter_map(|row| literal::argument(row.arguments?, place))
            .filter(|raw| literal::key(raw).as_deref() == Some(key))
            .map(|raw| String::from_utf8(raw.to_vec()).unwrap())
            .collect();
        match found.as_slice() {
            [] => Stored::Missing,
            [one] => Stored::Once(one.clone()),
            _ => Stored::Several,
        }
    }

    /// Loads a script, which lies beside the row files, with the new version's code.
    fn rehearse(&self, script: &str, schema: &str, migrator: Option<&str>) -> (Rehearsed, PathBuf) {
        let path = self.shop.dir.join("snapshot/edited.py");
        std::fs::write(&path, script).unwrap();
        let out = self.shop.dir.join(".lino-upgrade/rehearsal");
        std::fs::create_dir_all(out.parent().unwrap()).unwrap();
        let rehearse = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/python/rehearse.py");
        let mut command = Command::new("env/bin/python");
        command.args([&rehearse, &path, &out]).current_dir(&self.shop.dir);
        command.env("SITEVER", "2.0").env("SCHEMA", schema).env("LC_ALL", "C.UTF-8");
        if let Some(class) = migrator {
            command.env("MIGR", class);
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut rehearsed = Rehearsed::default();
        std::fs::read_to_string(&out).unwrap().lines().for_each(|line| rehearsed.take(line).unwrap());
        (rehearsed, out.with_extension("sqlite3"))
    }
}

impl Old {
    /// Restores the last script by Lino itself, into the site's own database, and returns what it printed.
    fn restore(&self, schema: &str) -> String {
        let mut command = Command::new("env/bin/python");
        command.args(["manage.py", "run", "snapshot/edited.py", "--noinput"]).current_dir(&self.shop.dir);
        command.env("SITEVER", "2.0").env("SCHEMA", schema).env("LC_ALL", "C.UTF-8");
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        said
    }
}

async fn models(shop: &Shop, schema: &str) -> Models {
    let mut site = find(Some(&shop.dir), &shop.dir, &Surroundings::of_this_process()).unwrap();
    site.environment.insert("SCHEMA".to_owned(), Some(schema.to_owned()));
    ask(&site).await.unwrap().described()
}

/// Asks the scratch database; each row is a text, its columns between bars.
async fn asked(database: &Path, query: &'static str) -> Vec<String> {
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}?mode=ro", database.display())).await.unwrap();
    let rows = sqlx::query(query).fetch_all(&mut connection).await.unwrap();
    let text = |row: &sqlx::sqlite::SqliteRow, column| row.get::<Option<String>, _>(column).unwrap_or("NULL".into());
    rows.iter().map(|row| (0..row.len()).map(|column| text(row, column)).collect::<Vec<_>>().join("|")).collect()
}

fn decision(model: &str, rows: Scope, choice: Choice) -> Decision {
    Decision { model: model.into(), rows, choice, because: "the new version wants it".into() }
}

fn these(keys: &[&str]) -> Scope {
    Scope::These(keys.iter().map(|key| (*key).to_owned()).collect())
}

fn set(field: &str, given: Given) -> Choice {
    Choice::Set(BTreeMap::from([(field.to_owned(), given)]))
}

fn pair(one: &str, other: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(one.to_owned(), other.to_owned())])
}

/// Decisions of every kind, for a version with many changes at once.
const SCHEMA: &str =
    "rename_email,value_gone,renamed_category,new_required,no_registered,country_required,value_gone,heavy";

#[tokio::test]
async fn every_kind_of_decision_loads_in_real_lino() {
    every_kind_loads(Old::build().await).await;
}

#[tokio::test]
#[ignore = "one of `tests/run --full`"]
async fn matrix_every_kind_of_decision_loads_in_lino_25_8() {
    every_kind_loads(Old::of(Shop::on_release("lino25_8")).await).await;
}

async fn every_kind_loads(old: Old) {
    let script = old.script();
    let (first, _) = old.rehearse(&script, SCHEMA, None);
    let causes = Causes::of(first.failures);
    let mut decisions = Decisions::default();
    let mut take = |all: Vec<Decision>| decisions.add(all).unwrap();

    // For all rows of a model.
    take(vec![
        decision("shop.Partner", Scope::All(80), Choice::Copy(pair("e_mail", "email"))),
        decision("shop.Partner", Scope::All(80), set("vat_id", Given::Text("BE 0\"'1'".into()))),
        decision("shop.Setting", Scope::All(5), Choice::Drop(vec!["value".into()])),
        decision("shop.Category", Scope::All(3), Choice::Rename("shop.ProductCategory".into())),
        decision("shop.Note", Scope::All(60), Choice::LeaveOut),
    ]);
    // A whole group, as the filter shows it: the sales whose state is gone.
    let script_of_old = Script::read(&script);
    let sales = std::fs::read(old.shop.dir.join("snapshot/shop_sale.py")).unwrap();
    let function = script_of_old.function("shop_sale").unwrap();
    let (id, state) = (function.position("id").unwrap(), function.position("state").unwrap());
    let registered: Vec<String> = Rows::new(&sales)
        .filter(|row| literal::argument(row.arguments.unwrap(), state) == Some(b"'20'"))
        .filter_map(|row| literal::key(literal::argument(row.arguments?, id)?))
        .collect();
    assert_eq!(registered.len(), 67);
    take(vec![decision("shop.Sale", Scope::These(registered), set("state", Given::Int(30)))]);
    // Some rows.
    take(vec![
        decision("shop.Sale", these(&["200"]), Choice::LeaveOut),
        decision("shop.Sale", these(&["199"]), set("memo", Given::Text("a \"new\"\nline's end\u{1f600}".into()))),
        decision("shop.Sale", these(&["198"]), set("amount", Given::Float(1.25))),
        decision("shop.Sale", these(&["197"]), set("date", Given::When("2020-02-29".parse().unwrap()))),
        decision("shop.Sale", these(&["196"]), Choice::Point(pair("partner", "2"))),
        decision(
            "shop.Country",
            these(&["EE"]),
            set("name", Given::Texts(vec!["E".into(), "Ö".into(), "'É\"".into()])),
        ),
        decision("shop.Person", these(&["1"]), Choice::Empty(vec!["birth_date".into(), "first_name".into()])),
        decision("shop.Sale", these(&["195"]), Choice::Undecided),
    ]);
    // Partners without a country, found by the rehearsal or known: they point to Belgium.
    let partners = std::fs::read(old.shop.dir.join("snapshot/shop_partner.py")).unwrap();
    let function = script_of_old.function("shop_partner").unwrap();
    let (id, country) = (function.position("id").unwrap(), function.position("country_id").unwrap());
    let homeless: Vec<String> = Rows::new(&partners)
        .filter(|row| literal::argument(row.arguments.unwrap(), country) == Some(b"None"))
        .filter_map(|row| literal::key(literal::argument(row.arguments?, id)?))
        .collect();
    assert_eq!(homeless.len(), 20);
    take(vec![decision("shop.Partner", Scope::These(homeless), Choice::Point(pair("country", "BE")))]);
    // Products that are too light: what a person chose for the rows that are shown.
    let products = std::fs::read(old.shop.dir.join("snapshot/shop_product.py")).unwrap();
    let function = script_of_old.function("shop_product").unwrap();
    let (id, weight) = (function.position("id").unwrap(), function.position("weight").unwrap());
    let light: Vec<String> = Rows::new(&products)
        .filter(|row| matches!(literal::argument(row.arguments.unwrap(), weight), Some(b"3" | b"9")))
        .filter_map(|row| literal::key(literal::argument(row.arguments?, id)?))
        .collect();
    take(vec![decision("shop.Product", Scope::These(light), Choice::Empty(vec!["weight".into()]))]);
    assert!(!causes.failures.is_empty());

    // Through the file, as an operator passes it on.
    let text = write(&BTreeMap::new(), &decisions);
    let decisions = DecisionsFile::read(&text).unwrap().decisions;
    let after = models(&old.shop, SCHEMA).await;
    let stored = |table: &str, key: &str| old.stored(table, key);
    let known = Known { script: &script_of_old, key: &stored, before: Some(&old.before), after: Some(&after) };
    let fitted = fit(&decisions, &known);
    assert_eq!(fitted.unfit, []);
    let edited = edit(&script, &fitted.changes);
    assert_eq!(edited.refused, []);
    assert_eq!(Script::read(&edited.text).problems, []);

    let (second, database) = old.rehearse(&edited.text, SCHEMA, None);
    assert!(second.is_clean(), "{second:#?}\n{}", edited.text);
    check(&database).await;
    let said = old.restore(SCHEMA);
    let loaded = second.ended.as_ref().unwrap().loaded;
    assert!(said.contains(&format!("Loaded {loaded} objects")) && !said.contains("Abandoning"), "{said}");
    check(&old.shop.dir.join("default.db")).await;

    // The same by a migrator, with the snapshot's own script; the rows of Note are left out by it.
    let asks = [Asked { table: "shop_book".into(), text: "Who wrote it?\nWe do not know.".into() }];
    let module = migrator(&script, &fitted.changes, &asks, "2.0").unwrap();
    std::fs::write(
        old.shop.dir.join("migrate_by_us.py"),
        module.replace("class Migrator(Migrator)", "class Ours(Migrator)"),
    )
    .unwrap();
    let (third, database) = old.rehearse(&script, SCHEMA, Some("migrate_by_us.Ours"));
    assert!(third.is_clean(), "{third:#?}\n{module}");
    check(&database).await;
}

async fn check(database: &Path) {
    let one = |query: &'static str| async move { asked(database, query).await.join("\n") };
    let partners =
        "SELECT CAST(COUNT(*) AS TEXT), MIN(vat_id), MAX(vat_id), MAX(e_mail), MIN(country_id) FROM shop_partner";
    assert_eq!(one(partners).await, "80|BE 0\"'1'|BE 0\"'1'|p8@example.com|BE");
    assert_eq!(one("SELECT CAST(COUNT(*) AS TEXT) FROM shop_partner WHERE country_id = 'BE'").await, "40");
    assert_eq!(one("SELECT CAST(COUNT(*) AS TEXT) FROM shop_setting").await, "5");
    assert_eq!(one("SELECT name FROM shop_productcategory ORDER BY id").await, "Food\nTools\nBooks");
    assert_eq!(one("SELECT CAST(COUNT(*) AS TEXT) FROM shop_note").await, "0");
    assert_eq!(one("SELECT state, CAST(COUNT(*) AS TEXT) FROM shop_sale GROUP BY state").await, "10|67\n30|132");
    assert_eq!(one("SELECT memo FROM shop_sale WHERE id = 199").await, "a \"new\"\nline's end\u{1f600}");
    assert_eq!(one("SELECT CAST(amount AS TEXT) FROM shop_sale WHERE id = 198").await, "1.25");
    assert_eq!(one("SELECT date FROM shop_sale WHERE id = 197").await, "2020-02-29");
    assert_eq!(one("SELECT CAST(partner_id AS TEXT) FROM shop_sale WHERE id = 196").await, "2");
    assert_eq!(one("SELECT CAST(COUNT(*) AS TEXT) FROM shop_sale WHERE id = 200").await, "0");
    assert_eq!(one("SELECT name, name_de, name_fr FROM shop_country WHERE isocode = 'EE'").await, "E|Ö|'É\"");
    assert_eq!(one("SELECT first_name, birth_date FROM shop_person WHERE partner_ptr_id = 1").await, "|NULL");
    assert_eq!(one("SELECT CAST(MIN(weight) AS TEXT) FROM shop_product").await, "15");
}

#[tokio::test]
async fn refused_rows_are_gone_once_they_are_decided() {
    let old = Old::build().await;
    let script = old.script();
    let (first, _) = old.rehearse(&script, "short_name", None);
    let causes = Causes::of(first.failures);
    let shown: Vec<usize> = causes.causes.iter().flat_map(|cause| cause.rows.clone()).collect();
    let prepared = bulk(&causes, shown, &set("name", Given::Text("Short".into())), &causes.causes[0].messages[0].1);
    assert!(prepared.count > 0);
    let mut decisions = Decisions::default();
    decisions.add(prepared.decisions).unwrap();
    assert_eq!(decisions.undecided(&causes), Vec::<usize>::new());
    let read = Script::read(&script);
    let stored = |table: &str, key: &str| old.stored(table, key);
    let after = models(&old.shop, "short_name").await;
    let fitted =
        fit(&decisions, &Known { script: &read, key: &stored, before: Some(&old.before), after: Some(&after) });
    assert_eq!(fitted.unfit, []);
    let (second, database) = old.rehearse(&edit(&script, &fitted.changes).text, "short_name", None);
    assert!(second.is_clean(), "{second:#?}");
    let named = asked(&database, "SELECT CAST(COUNT(*) AS TEXT) FROM shop_partner WHERE name = 'Short'").await;
    assert_eq!(named, [prepared.count.to_string()]);
    let none = asked(&database, "SELECT CAST(COUNT(*) AS TEXT) FROM shop_partner WHERE LENGTH(name) > 20").await;
    assert_eq!(none, ["0"]);
}
