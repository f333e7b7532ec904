//! Decisions on a script of today.

use std::collections::BTreeMap;

use super::*;
use crate::dump::edit::edit;

const SCRIPT: &str = include_str!("../../../tests/fixtures/dumps/26.10.8/restore.py");

fn stored(table: &str, key: &str) -> Stored {
    match (table, key) {
        ("contacts_partner" | "contacts_person", "100" | "101" | "102") | ("own_table", "1") => {
            Stored::Once(key.to_owned())
        }
        ("contacts_partner", "109") => Stored::Several,
        ("countries_country", "BE" | "EE" | "7") => Stored::Once(format!("'{key}'")),
        _ => Stored::Missing,
    }
}

fn these(keys: &[&str]) -> Scope {
    Scope::These(keys.iter().map(|key| (*key).to_owned()).collect())
}

fn decision(model: &str, rows: Scope, choice: Choice) -> Decision {
    Decision { model: model.into(), rows, choice, because: "it is wrong".into() }
}

fn set(field: &str, given: Given) -> Choice {
    Choice::Set(BTreeMap::from([(field.to_owned(), given)]))
}

fn pair(one: &str, other: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(one.to_owned(), other.to_owned())])
}

fn field(name: &str, attname: &str, null: bool, db_type: &str, target: Option<&str>) -> Field {
    Field {
        name: name.into(),
        attname: attname.into(),
        null,
        db_type: Some(db_type.into()),
        target: target.map(str::to_owned),
        ..Field::default()
    }
}

fn models() -> Models {
    let partner = Model {
        model: "contacts.Partner".into(),
        table: "contacts_partner".into(),
        pk: "id".into(),
        fields: vec![
            field("name", "name", false, "varchar(200)", None),
            field("country", "country_id", true, "varchar(2)", Some("countries.Country")),
            field("remarks", "remarks", false, "text", None),
            field("vat", "vat", false, "varchar(20)", None),
            field("since", "since", false, "date", None),
        ],
        ..Model::default()
    };
    Models { models: vec![partner], ..Models::default() }
}

fn fitted(decisions: Vec<Decision>, models: Option<&Models>) -> Fit {
    let script = Script::read(SCRIPT);
    let mut list = Decisions::default();
    list.add(decisions).unwrap();
    fit(&list, &Known { script: &script, key: &stored, before: None, after: models })
}

fn assigned(decision: Decision, models: Option<&Models>) -> Result<(String, String), String> {
    let found = fitted(vec![decision], models);
    match (found.changes.first().map(|change| &change.what), found.unfit.first()) {
        (Some(What::Assign(values)), None) => Ok(values[0].clone()),
        (None, Some(unfit)) => Err(unfit.sentence.clone()),
        other => Err(format!("{other:?}")),
    }
}

#[test]
fn a_decision_becomes_a_change_with_the_keys_as_the_row_file_writes_them() {
    let found =
        fitted(vec![decision("contacts.Partner", these(&["102", "101"]), Choice::Empty(vec!["remarks".into()]))], None);
    let change = Change {
        table: "contacts_partner".into(),
        rows: Rows::These { key: "id".into(), literals: vec!["102".into(), "101".into()] },
        what: What::Assign(vec![("remarks".into(), "''".into())]),
        note: "2 rows: remarks is emptied, because: it is wrong".into(),
    };
    assert_eq!(found, Fit { changes: vec![change], decisions: vec![0], unfit: Vec::new() });
}

#[test]
fn values_are_typed_by_what_the_create_function_does() {
    let after = models();
    let account =
        |name: &str, given: Given| assigned(decision("accounting.Account", Scope::All(1), set(name, given)), None);
    let partner = |name: &str, given: Given| {
        assigned(decision("contacts.Partner", these(&["101"]), set(name, given)), Some(&after))
    };
    let country = |given: Given| assigned(decision("countries.Country", these(&["BE"]), set("name", given)), None);
    let of = |name: &str, value: &str| Ok((name.to_owned(), value.to_owned()));
    assert_eq!(account("amount", Given::Float(12.5)), of("amount", "'12.5'"));
    assert_eq!(account("amount", Given::Text("x".into())), Err("The field amount takes a decimal number.".into()));
    assert_eq!(account("common_account", Given::Int(4000)), of("common_account", "'4000'"));
    assert_eq!(account("flag", Given::Bool(true)), of("flag", "True"));
    assert_eq!(account("data", Given::When("2024-02-29".parse().unwrap())), of("data", "date(2024,2,29)"));
    assert_eq!(
        account("data", Given::When("2024-02-29T01:30:00+02:00".parse().unwrap())),
        of("data", "dt(2024,2,28,23,30,0)")
    );
    assert_eq!(account("data", Given::When("01:30:00".parse().unwrap())), of("data", "time(1,30,0)"));
    assert_eq!(country(Given::Text("it's".into())), of("name", "[\"it's\", None, None]"));
    assert_eq!(country(Given::Texts(vec!["a".into(), "b".into()])), of("name", "['a', 'b', None]"));
    assert_eq!(country(Given::Int(1)), Err("The field name takes one text for each language.".into()));
    assert_eq!(partner("country", Given::Int(7)), of("country_id", "'7'"));
    assert_eq!(partner("vat", Given::Text("-".into())), of("vat", "'-'"));
    assert_eq!(partner("vta", Given::Text("-".into())), Err("contacts_partner has no field vta.".into()));
    let owner = set("owner_type", Given::Text("contacts.Person".into()));
    assert_eq!(assigned(decision("memo.Mention", Scope::All(1), owner), None), of("owner_type_id", "contacts_Person"));
    let owner = set("owner_type", Given::Text("nobody.Knows".into()));
    assert_eq!(
        assigned(decision("memo.Mention", Scope::All(1), owner), None),
        Err("The field owner_type_id takes the name of a model.".into())
    );
}

#[test]
fn a_field_is_emptied_as_it_takes_it() {
    let after = models();
    let emptied = |model: &str, field: &str, models: Option<&Models>| {
        assigned(decision(model, Scope::All(1), Choice::Empty(vec![field.into()])), models).map(|(_, value)| value)
    };
    assert_eq!(emptied("contacts.Partner", "country", Some(&after)), Ok("None".into()));
    assert_eq!(emptied("contacts.Partner", "country", None), Ok("None".into()));
    assert_eq!(emptied("contacts.Partner", "remarks", Some(&after)), Ok("''".into()));
    assert_eq!(
        emptied("contacts.Partner", "since", Some(&after)),
        Err("The field since must have a value in the new version.".into())
    );
    assert_eq!(emptied("countries.Country", "name", None), Ok("None".into()));
    assert_eq!(emptied("accounting.Account", "amount", None), Ok("None".into()));
    assert_eq!(
        emptied("contacts.Person", "partner_ptr", None),
        Err("The field partner_ptr_id is the key of the rows; it cannot be empty.".into())
    );
}

#[test]
fn a_foreign_key_points_to_rows_that_will_be_there() {
    let after = models();
    let point = |key: &str| decision("contacts.Partner", these(&["101"]), Choice::Point(pair("country", key)));
    assert_eq!(assigned(point("EE"), Some(&after)), Ok(("country_id".into(), "'EE'".into())));
    assert_eq!(assigned(point("XX"), Some(&after)), Err("The snapshot has no row XX in countries_country.".into()));
    let left_out = decision("countries.Country", these(&["EE"]), Choice::LeaveOut);
    let found = fitted(vec![point("EE"), left_out], Some(&after));
    assert_eq!(found.unfit[0].sentence, "The row EE of countries.Country is left out; nothing can point to it.");
}

#[test]
fn what_is_not_there_any_more_is_told_and_the_rest_is_applied() {
    let found = fitted(
        vec![
            decision("gone.Model", Scope::All(3), Choice::LeaveOut),
            decision(
                "contacts.Partner",
                these(&["101", "500", "109"]),
                Choice::Empty(vec!["remarks".into(), "fax".into()]),
            ),
            decision("contacts.Partner", these(&["501", "502", "503", "504", "505", "506", "507"]), Choice::LeaveOut),
            decision("contacts.Partner", Scope::All(1), Choice::Drop(vec!["phone".into()])),
            decision("cycle.Right", Scope::All(1), Choice::Copy(pair("other", "left"))),
            decision("contacts.Person", these(&["100"]), Choice::Undecided),
        ],
        None,
    );
    let unfit = |decision, at, sentence: &str| Unfit { decision, at, sentence: sentence.into() };
    let expected = [
        unfit(0, At::Model, "The snapshot has no table of gone.Model."),
        unfit(1, At::Rows(vec!["500".into()]), "The snapshot has no row 500 in contacts_partner."),
        unfit(
            1,
            At::Rows(vec!["109".into()]),
            "More than one row of contacts_partner has the key 109; edit its row file by hand.",
        ),
        unfit(1, At::Field("fax".into()), "contacts_partner has no field fax."),
        unfit(
            2,
            At::Rows(["501", "502", "503", "504", "505", "506", "507"].map(str::to_owned).to_vec()),
            "7 of the rows are not in contacts_partner of the snapshot: 501, 502, 503, 504, 505 and 2 more.",
        ),
        unfit(3, At::Field("phone".into()), "contacts_partner has no field phone."),
    ];
    assert_eq!(found.unfit, expected);
    let changes: Vec<(&str, &What)> =
        found.changes.iter().map(|change| (change.table.as_str(), &change.what)).collect();
    let assign = What::Assign(vec![("remarks".into(), "''".into())]);
    // The table of cycle.Right has a name of its own.
    let copy = What::Copy { from: "left_id".into(), to: "other_id".into() };
    assert_eq!(changes, [("contacts_partner", &assign), ("own_table", &copy)]);
    assert_eq!(found.decisions, [1, 4]);
    assert_eq!(edit(SCRIPT, &found.changes).refused, []);
}

#[test]
fn a_renamed_field_must_be_one_of_the_new_version() {
    let after = models();
    let copy = |to: &str| {
        fitted(vec![decision("contacts.Partner", Scope::All(1), Choice::Copy(pair(to, "remarks")))], Some(&after))
    };
    assert_eq!(copy("vat").changes[0].what, What::Copy { from: "remarks".into(), to: "vat".into() });
    assert_eq!(copy("vta").unfit[0].sentence, "The new version has no field vta in contacts.Partner.");
}

#[test]
fn a_text_that_was_translated_goes_to_a_plain_field_in_the_main_language() {
    let country = |title: Field| Models {
        models: vec![Model { model: "countries.Country".into(), fields: vec![title], ..Model::default() }],
        ..Models::default()
    };
    let line = |after: &Models| {
        let choice = Choice::Copy(pair("title", "name"));
        let found = fitted(vec![decision("countries.Country", Scope::All(1), choice)], Some(after));
        assert_eq!(found.unfit, []);
        let text = edit(SCRIPT, &found.changes).text;
        text.lines().find(|line| line.contains("title") && !line.contains('#')).unwrap().to_owned()
    };
    let plain = field("title", "title", false, "varchar(200)", None);
    assert_eq!(line(&country(plain.clone())), "    if name is not None: kw.update(title=name[0] or '')");
    let choice = Choice::Copy(pair("name", "name"));
    let own = Field { name: "name".into(), attname: "name".into(), ..plain.clone() };
    let found = fitted(vec![decision("countries.Country", Scope::All(1), choice)], Some(&country(own)));
    let edited = edit(SCRIPT, &found.changes);
    assert_eq!((found.unfit, edited.refused), (Vec::new(), Vec::new()));
    assert!(edited.text.contains("\n    if name is not None: kw.update(name=name[0] or '')\n"), "{}", edited.text);
    let translated = Field { babel: true, ..plain };
    assert_eq!(line(&country(translated)), "    if name is not None: kw.update(bv2kw('title',name))");
}

#[test]
fn a_renamed_model_is_known_by_both_names() {
    let found = fitted(
        vec![
            decision("own_table", Scope::All(1), Choice::Rename("cycle.Second".into())),
            decision("cycle.Second", these(&["1"]), Choice::LeaveOut),
        ],
        None,
    );
    assert_eq!((found.unfit, found.changes[1].table.as_str()), (Vec::new(), "own_table"));
}

#[test]
fn the_key_of_a_child_is_its_pointer_to_the_parent() {
    let found = fitted(vec![decision("contacts.Person", these(&["100"]), Choice::LeaveOut)], None);
    assert_eq!(found.changes[0].rows, Rows::These { key: "partner_ptr_id".into(), literals: vec!["100".into()] });
}
