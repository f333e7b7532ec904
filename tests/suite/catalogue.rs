//! Models and catalogues of real sites: what a site just made has, and what a change of its models changes.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fmt::Write as _;

use lino_upgrade::compare::migrator::{Course, End, Step};
use lino_upgrade::compare::{Catalogue, Class, Difference, catalogue, models};
use lino_upgrade::site::facts::{Facts, ask, connection};
use lino_upgrade::site::{Db, Site, Surroundings, find};

use crate::shop::Shop;

/// The changes that the shop knows, one at a time; for the others see `tests/sites/shop/lino_shop/shop/schema.py`.
const SWITCHES: [&str; 24] = [
    "bigger_weight",
    "category_gone",
    "country_required",
    "drop_email",
    "email_field",
    "fewer_digits",
    "long_name",
    "memo_required",
    "new_blank",
    "new_default",
    "new_model",
    "new_required",
    "new_state",
    "no_registered",
    "on_delete",
    "other_target",
    "partner_gone",
    "positive_weight",
    "rename_email",
    "sale_unique",
    "setting_unique",
    "short_name",
    "unloved",
    "weight_date",
];

fn site(shop: &Shop, environment: &[(&str, &str)]) -> Site {
    let mut site = find(Some(&shop.dir), &shop.dir, &Surroundings::of_this_process()).unwrap();
    for (name, value) in environment {
        site.environment.insert((*name).to_owned(), Some((*value).to_owned()));
    }
    site
}

async fn facts(shop: &Shop, environment: &[(&str, &str)]) -> Facts {
    ask(&site(shop, environment)).await.unwrap()
}

async fn catalogue_of(shop: &Shop) -> Catalogue {
    let connection = connection(&site(shop, &[])).await.unwrap();
    let mut db = Db::connect_read_only(&connection).await.unwrap();
    let catalogue = db.catalogue().await.unwrap();
    db.close().await;
    catalogue
}

/// One line for each difference and each question.
fn told(differences: &[Difference]) -> String {
    let mut text = String::new();
    for difference in differences {
        writeln!(text, "  {:?}: {}", difference.class, difference.sentence).unwrap();
        for question in &difference.questions {
            writeln!(text, "    ? {} {:?}", question.table, question.rows).unwrap();
        }
    }
    text
}

fn told_of_models(before: &Facts, after: &Facts) -> String {
    let found = models::compare(&before.described(), &after.described());
    let mut text = told(&found.differences);
    for guess in &found.guesses {
        writeln!(text, "  Guess: {} → {}: {}", guess.from, guess.to, guess.because).unwrap();
    }
    text
}

async fn a_change_is_found(engine: &'static str) {
    let shop = Shop::build_on(engine);
    let real = catalogue_of(&shop).await;
    let before = facts(&shop, &[]).await;
    let mut text = String::new();
    for switch in SWITCHES {
        let after = facts(&shop, &[("SCHEMA", switch)]).await;
        let expected = Catalogue::expected(&after.models);
        let in_database = told(&catalogue::compare(&real, &expected));
        writeln!(text, "{switch}\n models\n{} catalogue\n{in_database}", told_of_models(&before, &after)).unwrap();
    }
    insta::assert_snapshot!(format!("switches_{engine}"), text);
}

#[tokio::test]
async fn each_change_of_the_models_is_found_on_sqlite() {
    a_change_is_found("sqlite").await;
}

#[tokio::test]
#[ignore = "takes a minute or two; tests/run --full asks for it"]
async fn matrix_each_change_of_the_models_is_found_on_postgresql() {
    a_change_is_found("postgresql").await;
}

#[tokio::test]
#[ignore = "takes a minute or two; tests/run --full asks for it"]
async fn matrix_each_change_of_the_models_is_found_on_mariadb() {
    a_change_is_found("mariadb").await;
}

/// What a site has that its own version just made.
async fn nothing_differs(engine: &'static str) {
    let (old, new) = (Shop::build_on(engine), Shop::build_new_on(engine));
    let (before, after) = (facts(&old, &[]).await, facts(&new, &[]).await);
    for (shop, facts) in [(&old, &before), (&new, &after)] {
        let real = catalogue_of(shop).await;
        let expected = Catalogue::expected(&facts.models);
        let named = |catalogue: &Catalogue| catalogue.tables.iter().map(|table| table.name.clone()).collect::<Vec<_>>();
        assert!(expected.tables.len() > 12, "{:?}", named(&expected));
        let found = catalogue::compare(&real, &expected);
        // Django keeps its own account of migrations; no model has it.
        let found: Vec<&Difference> = found.iter().filter(|found| found.class != Class::Noise).collect();
        assert_eq!(found, Vec::<&Difference>::new(), "{engine} {}", facts.lino);
        assert_eq!(models::compare(&facts.described(), &facts.described()), models::Comparison::default());
    }
    insta::assert_snapshot!(format!("versions_{engine}"), told_of_models(&before, &after));
}

#[tokio::test]
async fn a_site_just_made_on_sqlite_has_no_differences() {
    nothing_differs("sqlite").await;
}

#[tokio::test]
#[ignore = "takes a minute or two; tests/run --full asks for it"]
async fn matrix_a_site_just_made_on_postgresql_has_no_differences() {
    nothing_differs("postgresql").await;
}

#[tokio::test]
#[ignore = "takes a minute or two; tests/run --full asks for it"]
async fn matrix_a_site_just_made_on_mariadb_has_no_differences() {
    nothing_differs("mariadb").await;
}

/// Changes that somebody made by hand in the database, not in the models.
async fn what_was_done_by_hand_is_found(engine: &'static str, statements: &[&str], lines: &[&str]) {
    let shop = Shop::build_on(engine);
    let facts = facts(&shop, &[]).await;
    let common = [
        "alter table shop_partner add column legacy varchar(10) null",
        "alter table shop_book rename column title to name",
        "create unique index by_hand on shop_setting (name, value)",
        "create table shop_old (id integer)",
    ];
    for statement in common.iter().chain(statements) {
        shop.query(&format!("cursor.execute('{statement}')"));
    }
    let found = catalogue::compare(&catalogue_of(&shop).await, &Catalogue::expected(&facts.models));
    let found: Vec<Difference> = found
        .into_iter()
        .filter(|found| found.sentence != "The table django_migrations belongs to no model.")
        .collect();
    let common = [
        "  Additive: Table shop_setting keeps name, value unique, which the new version does not.",
        "  Noise: The table shop_old belongs to no model.",
        "  Destructive: Column name of table shop_book is of no use to the new version, which could not write new rows \
         because the column must have a value.",
        "    ? shop_book NotEmpty(\"name\")",
        "  Additive: Column title of table shop_book is missing in the database.",
        "  Destructive: Column legacy of table shop_partner is of no use to the new version.",
        "    ? shop_partner NotEmpty(\"legacy\")",
    ];
    let text = told(&found);
    let mut told: Vec<&str> = text.lines().collect();
    let mut expected: Vec<&str> = common.iter().chain(lines).copied().collect();
    told.sort_unstable();
    expected.sort_unstable();
    assert_eq!(told, expected);
}

#[tokio::test]
async fn what_was_done_by_hand_is_found_on_sqlite() {
    what_was_done_by_hand_is_found("sqlite", &[], &[]).await;
}

#[tokio::test]
async fn what_was_done_by_hand_is_found_on_postgresql() {
    let statements = [
        "alter table shop_product alter column price type numeric(12, 4)",
        "alter table shop_product add check (weight >= 0)",
        "alter table shop_setting add constraint c unique (id, name)",
        "alter table shop_partner alter column name drop not null",
    ];
    let lines = [
        "  DataDependent: Column price of table shop_product is numeric(12, 4), and the new version expects numeric(10, 2).",
        "    ? shop_product MoreDigits(\"price\", 10, 2)",
        "  Additive: Table shop_setting keeps id, name unique, which the new version does not.",
        "  DataDependent: Column name of table shop_partner may be NULL, and the new version expects a value.",
        "    ? shop_partner IsNull(\"name\")",
        "  DataDependent: Column weight of table shop_product is integer unsigned, and the new version expects integer.",
        "    ? shop_product Unfit(\"weight\", \"integer\")",
    ];
    what_was_done_by_hand_is_found("postgresql", &statements, &lines).await;
}

// MyISAM keeps no foreign keys, InnoDB does.
#[tokio::test]
#[ignore = "takes a minute or two; tests/run --full asks for it"]
async fn matrix_what_was_done_by_hand_is_found_on_mariadb() {
    let statements = [
        "alter table shop_product engine=InnoDB",
        "alter table shop_category engine=InnoDB",
        "alter table shop_sale engine=InnoDB",
        "alter table shop_product add foreign key (category_id) references shop_category (id)",
        "alter table shop_sale add foreign key (product_id) references shop_product (id)",
        "alter table shop_partner modify email varchar(200) not null",
    ];
    let lines = [
        "  DataDependent: Column email of table shop_partner is varchar(200), and the new version expects varchar(80).",
        "    ? shop_partner LongerThan(\"email\", 80)",
        "  DataDependent: Column partner_id of table shop_sale is not kept pointing to shop_partner.id.",
        "    ? shop_sale Dangling { column: \"partner_id\", table: \"shop_partner\", key: \"id\" }",
        "  DataDependent: Column user_id of table shop_sale is not kept pointing to users_user.id.",
        "    ? shop_sale Dangling { column: \"user_id\", table: \"users_user\", key: \"id\" }",
    ];
    what_was_done_by_hand_is_found("mariadb", &statements, &lines).await;
}

#[tokio::test]
async fn languages_are_told_from_fields() {
    let shop = Shop::build();
    let before = facts(&shop, &[]).await;
    let mut text = String::new();
    for languages in ["en de", "en de fr nl", "de en fr"] {
        let after = facts(&shop, &[("LANGS", languages)]).await;
        writeln!(text, "{languages}\n{}", told_of_models(&before, &after)).unwrap();
    }
    insta::assert_snapshot!("languages", text);
}

#[tokio::test]
async fn the_steps_of_a_migrator_are_read_from_its_source() {
    let shop = Shop::build();
    let script = "from lino.utils.dpy import Migrator as Base\n\n\
        class Migrator(Base):\n    def migrate_from_1_0(self, globals_dict):\n        \"Renames.\"\n\
        \x20       def create(**kw):\n            return None\n        return '1.5'\n\n\
        \x20   def migrate_from_1_5(self, globals_dict):\n        return self.site.version\n\n\
        \x20   def migrate_from_0_9(self, globals_dict):\n        if globals_dict:\n            return '1.0'\n\
        \x20       return '1.5'\n";
    std::fs::write(shop.dir.join("migrate.py"), script).unwrap();
    let facts = facts(&shop, &[("MIGR", "migrate.Migrator")]).await;
    let migrator = facts.migrator();
    let step = |from: &str, to: Option<&str>, doc: Option<&str>| Step {
        from: from.into(),
        to: to.map(Into::into),
        doc: doc.map(Into::into),
        creates: Vec::new(),
    };
    let first = step("1.0", Some("1.5"), Some("Renames."));
    let second = step("1.5", None, None);
    assert_eq!(migrator.steps, [step("0.9", None, None), first.clone(), second.clone()]);
    let course = migrator.course(Some("1.0"), Some("2.0"));
    assert_eq!(course, Course::Steps { steps: vec![first, second], end: End::Unknown });
    assert_eq!(migrator.course(Some("1.2"), Some("2.0")), Course::NoStep);

    let broken = self::facts(&shop, &[("MIGR", "nowhere.Migrator")]).await.migrator();
    let because = "ModuleNotFoundError: No module named 'nowhere'".to_owned();
    assert_eq!(broken.course(Some("1.0"), Some("2.0")), Course::Broken { because });
}
