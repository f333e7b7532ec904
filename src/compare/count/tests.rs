//! Made-up row files, counted as whole values.

use super::*;

const SCRIPT: &str = "\
def bv2kw(fieldname, values):
    return settings.SITE.babelkw(fieldname, en=values[0],de=values[1],pt_br=values[2])
shop_Product = resolve_model(\"shop.Product\")
shop_Sale = resolve_model(\"shop.Sale\")
def create_shop_product(code, name, price, weight, email, day, state, kind):
    if price is not None: price = Decimal(price)
    kind = new_content_type_id(kind)
    kw = dict()
    kw.update(code=code)
    if name is not None: kw.update(bv2kw('name',name))
    kw.update(price=price)
    kw.update(weight=weight)
    kw.update(email=email)
    kw.update(day=day)
    kw.update(state=state)
    kw.update(kind=kind)
    return shop_Product(**kw)

def create_shop_sale(id, product_id):
    kw = dict()
    kw.update(id=id)
    kw.update(product_id=product_id)
    return shop_Sale(**kw)

def main(args):
    execfile(\"shop_product_1.py\", *args)
    execfile(\"shop_product_2.py\", *args)
    execfile(\"shop_sale.py\", *args)
";

const PRODUCTS: [(&str, &str); 2] = [
    (
        "shop_product_1.py",
        "# -*- coding: UTF-8 -*-
logger.info(\"Loading 5 objects (part 1 of 2) to table shop_product...\")
loader.save(create_shop_product('A',['One','Eins',''],'1.50',3,'a@example.com',date(2024,2,29),'10',shop_Sale))
loader.save(create_shop_product('B',['Two','',''],'12.00',None,'','','20',None))
loader.save(create_shop_product('\u{c4}\\t',['Öl\\n','Öl','oleo'],None,-3,'nobody',None,'',shop_Product))
",
    ),
    (
        "shop_product_2.py",
        "loader.save(create_shop_product('C',['Two','',''],'120.5',70000,'x y@b.c',None,'30',None))
loader.save(create_shop_product('D',['Two','Zwei',''],'0',3,'[x]@[1]',None,None,None))
loader.flush_deferred_objects()
",
    ),
];
const SALES: &str = "loader.save(create_shop_sale(1,'A'))\nloader.save(create_shop_sale(2,'E'))\n\
    loader.save(create_shop_sale(3,None))\n";

fn script() -> Script {
    Script::read(SCRIPT)
}

/// Counts for one difference with these questions, in files that are replaced as told.
fn count(questions: &[(&str, Rows)], replaced: &[(&str, &str)], engine: &str) -> Count {
    let script = script();
    let keys = BTreeMap::from([("shop_product".to_owned(), "code".to_owned())]);
    let asked = questions.iter().map(|(table, rows)| Question { table: (*table).into(), rows: rows.clone() });
    let setting = Setting { script: &script, engine, keys: &keys };
    let mut counter = Counter::new(setting, &[asked.collect()]);
    for (purpose, file) in counter.files() {
        let own = replaced.iter().find(|(name, _)| *name == file).map(|(_, text)| *text);
        let text = own.or_else(|| PRODUCTS.iter().find(|(name, _)| *name == file).map(|(_, text)| *text));
        counter.feed(purpose, &file, text.unwrap_or(SALES).as_bytes());
    }
    counter.finish().remove(0)
}

fn product(rows: Rows) -> Count {
    count(&[("shop_product", rows)], &[], "postgresql")
}

/// How many products, and the keys of the examples.
fn products(rows: Rows) -> (Touched, String) {
    let count = product(rows);
    (count.touched, count.examples.iter().map(|example| example.key.as_str()).collect::<Vec<_>>().join(" "))
}

fn touched(rows: u64, keys: &str) -> (Touched, String) {
    (Touched::Rows(rows), keys.to_owned())
}

fn unknown(why: &str) -> Touched {
    Touched::Unknown(why.to_owned())
}

fn of(name: &str) -> String {
    name.to_owned()
}

#[test]
fn a_count_is_a_whole_value_without_any_value_of_a_row() {
    let example = |file: &str, line, key: &str| Example { file: file.into(), line, key: key.into() };
    let expected = Count {
        touched: Touched::Rows(2),
        later: 2,
        examples: vec![example("shop_product_1.py", 5, "'Ä\\t'"), example("shop_product_2.py", 1, "'C'")],
        file: Some("shop_product_1.py".into()),
    };
    let questions = [
        ("shop_product", Rows::Below(of("weight"), "0".into())),
        ("shop_product", Rows::Above(of("price"), "100".into())),
    ];
    assert_eq!(count(&questions, &[], "sqlite"), expected);
}

#[test]
fn each_kind_of_question_is_answered() {
    for (rows, expected) in [
        (Rows::All, touched(5, "'A' 'B' 'Ä\\t' 'C' 'D'")),
        (Rows::NotEmpty(of("email")), touched(4, "'A' 'Ä\\t' 'C' 'D'")),
        (Rows::NotEmpty(of("weight")), touched(4, "'A' 'Ä\\t' 'C' 'D'")),
        (Rows::Empty(of("email")), touched(1, "'B'")),
        (Rows::Empty(of("state")), touched(2, "'Ä\\t' 'D'")),
        (Rows::IsNull(of("state")), touched(1, "'D'")),
        (Rows::IsNull(of("weight")), touched(1, "'B'")),
        (Rows::LongerThan(of("email"), 6), touched(3, "'A' 'C' 'D'")),
        (Rows::ShorterThan(of("email"), 7), touched(1, "'Ä\\t'")),
        (Rows::Below(of("weight"), "3".into()), touched(1, "'Ä\\t'")),
        (Rows::Above(of("weight"), "2.5".into()), touched(3, "'A' 'C' 'D'")),
        (Rows::MoreDigits(of("price"), 4, 2), touched(1, "'C'")),
        (Rows::MoreDigits(of("price"), 4, 1), touched(2, "'A' 'B'")),
        (Rows::NotIn(of("state"), vec!["10".into(), "20".into()]), touched(1, "'C'")),
        (Rows::NotIn(of("weight"), vec!["3".into(), "-3".into()]), touched(1, "'C'")),
        (Rows::Duplicates(vec![of("weight")]), touched(2, "'D'")),
        (Rows::Duplicates(vec![of("code")]), touched(0, "")),
        (Rows::Duplicates(vec![of("weight"), of("code")]), touched(0, "")),
        (Rows::NotEmpty(of("kind")), touched(2, "'A' 'Ä\\t'")),
    ] {
        assert_eq!(products(rows.clone()), expected, "{rows:?}");
    }
}

#[test]
fn a_babel_field_has_a_column_for_each_language() {
    for (rows, expected) in [
        (Rows::NotEmpty(of("name")), touched(5, "'A' 'B' 'Ä\\t' 'C' 'D'")),
        (Rows::NotEmpty(of("name_de")), touched(3, "'A' 'Ä\\t' 'D'")),
        (Rows::NotEmpty(of("name_pt_br")), touched(1, "'Ä\\t'")),
        (Rows::Empty(of("name_de")), touched(2, "'B' 'C'")),
        // Two characters and a line end, which is one.
        (Rows::LongerThan(of("name"), 2), touched(5, "'A' 'B' 'Ä\\t' 'C' 'D'")),
        (Rows::LongerThan(of("name_de"), 2), touched(2, "'A' 'D'")),
        (Rows::Duplicates(vec![of("name"), of("name_de")]), touched(2, "'C'")),
    ] {
        assert_eq!(products(rows.clone()), expected, "{rows:?}");
    }
}

#[test]
fn equal_rows_are_touched_all_and_refused_but_for_the_first() {
    let count = product(Rows::Duplicates(vec![of("name")]));
    let places: Vec<(&str, u64)> = count.examples.iter().map(|example| (example.file.as_str(), example.line)).collect();
    assert_eq!((count.touched, count.later), (Touched::Rows(3), 2));
    assert_eq!(places, [("shop_product_2.py", 1), ("shop_product_2.py", 2)]);
    // In one file the first is shown, too.
    let same = "loader.save(create_shop_sale(1,'A'))\nloader.save(create_shop_sale(2,'A'))\n";
    let sales = [("shop_sale", Rows::Duplicates(vec![of("product_id")]))];
    let count = self::count(&sales, &[("shop_sale.py", same)], "sqlite");
    let keys: Vec<&str> = count.examples.iter().map(|example| example.key.as_str()).collect();
    assert_eq!((count.touched, count.later, keys), (Touched::Rows(2), 1, vec!["1", "2"]));
}

#[test]
fn null_is_never_equal_to_null_and_points_to_nothing() {
    let rows = "loader.save(create_shop_sale(1,None))\nloader.save(create_shop_sale(2,None))\n";
    let sales = |rows| [("shop_sale", rows)];
    let of_file = |asked: &[(&str, Rows)]| count(asked, &[("shop_sale.py", rows)], "sqlite").touched;
    assert_eq!(of_file(&sales(Rows::Duplicates(vec![of("product_id")]))), Touched::Rows(0));
    let dangling = Rows::Dangling { column: of("product_id"), table: "shop_product".into(), key: "code".into() };
    assert_eq!(of_file(&sales(dangling.clone())), Touched::Rows(0));
    assert_eq!(count(&sales(dangling), &[], "sqlite").examples.first().map(|row| row.line), Some(2));
}

#[test]
fn rows_that_are_asked_about_twice_count_once() {
    let questions = ["name", "name_de", "email"].map(|name| ("shop_product", Rows::NotEmpty(of(name))));
    assert_eq!(count(&questions, &[], "sqlite").touched, Touched::Rows(5));
    let both = [("shop_product", Rows::All), ("shop_sale", Rows::All)];
    assert_eq!(count(&both, &[], "sqlite").touched, Touched::Rows(8));
}

#[test]
fn values_fit_types_as_django_says() {
    for (column, kind, expected) in [
        ("weight", "smallint", touched(1, "'C'")),
        ("weight", "integer", touched(0, "")),
        ("weight", "integer unsigned", touched(1, "'Ä\\t'")),
        ("weight", "bool", touched(4, "'A' 'Ä\\t' 'C' 'D'")),
        ("weight", "date", touched(4, "'A' 'Ä\\t' 'C' 'D'")),
        ("weight", "varchar(2)", touched(1, "'C'")),
        ("weight", "numeric(3, 1)", touched(1, "'C'")),
        ("price", "integer", touched(2, "'A' 'C'")),
        ("price", "double precision", touched(0, "")),
        ("price", "varchar(4)", touched(2, "'B' 'C'")),
        ("day", "datetime(6)", touched(1, "'B'")),
        ("day", "integer", touched(2, "'A' 'B'")),
        ("state", "integer", touched(1, "'Ä\\t'")),
        ("email", "integer", touched(5, "'A' 'B' 'Ä\\t' 'C' 'D'")),
        ("email", "text", touched(0, "")),
        ("code", "SlugField", touched(1, "'Ä\\t'")),
        ("code", "uuid", touched(5, "'A' 'B' 'Ä\\t' 'C' 'D'")),
    ] {
        assert_eq!(products(Rows::Unfit(of(column), kind.into())), expected, "{column} {kind}");
    }
}

#[test]
fn what_only_a_rehearsal_can_judge_is_unknown_unless_there_is_nothing_to_judge() {
    let doubt = "1 row with values that only a rehearsal can judge";
    assert_eq!(products(Rows::Unfit(of("email"), "EmailField".into())).0, unknown(doubt));
    let doubt = "4 rows with values that only a rehearsal can judge";
    assert_eq!(products(Rows::Unfit(of("email"), "SecretField".into())).0, unknown(doubt));
    let empty = [("shop_sale.py", "loader.save(create_shop_sale(1,None))\n")];
    let asked = [("shop_sale", Rows::Unfit(of("product_id"), "SecretField".into()))];
    assert_eq!(count(&asked, &empty, "sqlite").touched, Touched::Rows(0));
}

#[test]
fn the_engine_says_how_large_a_number_may_be() {
    let row = [("shop_sale.py", "loader.save(create_shop_sale(1,3000000000))\n")];
    for (kind, engine, rows) in [
        ("integer", "postgresql", 1),
        ("integer", "sqlite", 0),
        ("integer unsigned", "mysql", 0),
        ("integer unsigned", "postgresql", 1),
        ("smallint unsigned", "mysql", 1),
        ("bigint", "mysql", 0),
    ] {
        let asked = [("shop_sale", Rows::Unfit(of("product_id"), kind.into()))];
        assert_eq!(count(&asked, &row, engine).touched, Touched::Rows(rows), "{kind} {engine}");
    }
}

#[test]
fn what_the_snapshot_does_not_have_is_unknown() {
    let ask = |table: &str, rows: Rows| count(&[(table, rows)], &[], "sqlite").touched;
    assert_eq!(ask("shop_gone", Rows::All), unknown("the snapshot has no rows of the table shop_gone"));
    assert_eq!(
        ask("shop_sale", Rows::NotEmpty(of("legacy"))),
        unknown("the snapshot has no values of legacy in the table shop_sale")
    );
    let dangling = Rows::Dangling { column: of("product_id"), table: "shop_gone".into(), key: of("id") };
    assert_eq!(ask("shop_sale", dangling), unknown("the snapshot has no values of id in the table shop_gone"));
}

#[test]
fn a_broken_row_makes_the_count_unknown() {
    for (text, why) in [
        ("loader.save(create_shop_sale(1,'A\n", "line 1 of shop_sale.py is cut off"),
        (
            "loader.save(create_shop_sale(1,2)))\nloader.save(create_shop_sale(1))\n",
            "line 1 of shop_sale.py cannot be read",
        ),
        ("\nloader.save(create_shop_sale(1))\n", "line 2 of shop_sale.py cannot be read"),
    ] {
        let asked = [("shop_sale", Rows::NotEmpty(of("product_id")))];
        assert_eq!(count(&asked, &[("shop_sale.py", text)], "sqlite").touched, unknown(why), "{text}");
    }
}

#[test]
fn examples_end_at_twenty_and_control_characters_stay_out_of_them() {
    let many = "loader.save(create_shop_sale(1,'A'))\n".repeat(50);
    let found = count(&[("shop_sale", Rows::All)], &[("shop_sale.py", &many)], "sqlite");
    assert_eq!((found.touched, found.examples.len()), (Touched::Rows(50), EXAMPLES));
    let found = count(
        &[("shop_sale", Rows::All)],
        &[("shop_sale.py", "loader.save(create_shop_sale('\u{1b}[31mx','A'))\n")],
        "sqlite",
    );
    assert_eq!(found.examples.first().map(|row| row.key.as_str()), Some("'x'"));
}

#[test]
fn addresses_are_judged_as_django_judges_them() {
    for (kind, value, rows) in [
        ("EmailField", "a.b+c@mail.example.com", Some(0)),
        ("EmailField", "root@localhost", Some(0)),
        ("EmailField", "a..b@example.com", Some(1)),
        ("EmailField", "a@example", Some(1)),
        ("EmailField", "a@-x.com", Some(1)),
        ("EmailField", "a@b@c.com", Some(1)),
        ("EmailField", "a@b.c", Some(1)),
        ("EmailField", "a@müller.de", None),
        ("EmailField", "\\\"a b\\\"@x.de", None),
        ("URLField", "https://example.com/a?b#c", Some(0)),
        ("URLField", "http://localhost:8000", Some(0)),
        ("URLField", "example.com", Some(1)),
        ("URLField", "http://a b.com", Some(1)),
        ("URLField", "gopher://example.com", Some(1)),
        ("URLField", "http://127.0.0.1/", None),
        ("uuid", "12345678-1234-1234-1234-123456789abc", Some(0)),
        ("uuid", "12345678", Some(1)),
        ("date", "2023-2-29", None),
        ("date", "2024-02-29", Some(0)),
        ("date", "x", Some(1)),
        ("time", "12:30", None),
        ("double precision", " 1.5e3 ", Some(0)),
        ("double precision", "nan", Some(0)),
        ("double precision", "abc", Some(1)),
        ("bool", "True", Some(0)),
        ("bool", "yes", Some(1)),
        ("integer", " 12 ", Some(0)),
        ("integer", "1_000", None),
        ("integer", "12.0", Some(1)),
    ] {
        let text = format!("loader.save(create_shop_sale(1,'{value}'))\n");
        let asked = [("shop_sale", Rows::Unfit(of("product_id"), kind.into()))];
        let expected = rows.map_or_else(|| unknown("1 row with values that only a rehearsal can judge"), Touched::Rows);
        assert_eq!(count(&asked, &[("shop_sale.py", &text)], "postgresql").touched, expected, "{kind} {value}");
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        let text = [b"loader.save(create_shop_product('A',".as_slice(), &bytes, b"))\n"].concat();
        let script = script();
        let keys = BTreeMap::new();
        let columns = ["code", "name_de", "price", "weight", "email", "day", "state", "kind"];
        let kinds = ["integer", "date", "numeric(3, 1)", "EmailField", "URLField", "uuid", "varchar(3)", "bool"];
        let ask = |rows: Rows| vec![Question { table: "shop_product".into(), rows }];
        let mut asked = vec![ask(Rows::Duplicates(columns.map(of).to_vec()))];
        for (column, kind) in columns.iter().zip(kinds) {
            asked.push(ask(Rows::Unfit(of(column), kind.into())));
            asked.push(ask(Rows::MoreDigits(of(column), 3, 1)));
            asked.push(ask(Rows::LongerThan(of(column), 2)));
        }
        let mut counter = Counter::new(Setting { script: &script, engine: "mysql", keys: &keys }, &asked);
        counter.feed(Purpose::Rows, "shop_product_1.py", &text);
        proptest::prop_assert_eq!(counter.finish().len(), asked.len());
    }
}

#[test]
fn a_file_that_is_fed_line_by_line_counts_as_one_that_is_fed_at_once() {
    let script = script();
    let keys = BTreeMap::from([("shop_product".to_owned(), "code".to_owned())]);
    let question = |table: &str, rows| vec![Question { table: table.into(), rows }];
    let dangling = Rows::Dangling { column: of("product_id"), table: of("shop_product"), key: of("code") };
    let asked = [
        question("shop_product", Rows::NotEmpty(of("weight"))),
        question("shop_sale", dangling),
        question("shop_product", Rows::Duplicates(vec![of("name")])),
    ];
    let count = |by_line: bool| {
        let mut counter = Counter::new(Setting { script: &script, engine: "mysql", keys: &keys }, &asked);
        for (purpose, file) in counter.files() {
            let text = PRODUCTS.iter().find(|(name, _)| *name == file).map_or(SALES, |(_, text)| *text);
            if by_line {
                text.split_inclusive('\n').for_each(|line| counter.feed(purpose, &file, line.as_bytes()));
            } else {
                counter.feed(purpose, &file, text.as_bytes());
            }
        }
        counter.finish()
    };
    assert_eq!(count(true), count(false));
}

#[test]
fn a_key_that_another_table_has_is_taken() {
    let taken = Rows::Taken { column: of("product_id"), table: of("shop_product"), key: of("code") };
    let count = count(&[("shop_sale", taken)], &[], "sqlite");
    let row = Example { file: of("shop_sale.py"), line: 1, key: of("1") };
    assert_eq!((count.touched, count.examples), (Touched::Rows(1), vec![row]));
}
