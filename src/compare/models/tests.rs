//! Made-up models, compared as whole values. Real ones are in `tests/suite/catalogue.rs`.

use super::super::model::Validator;
use super::*;

fn field(name: &str, db_type: &str) -> Field {
    Field {
        name: name.into(),
        attname: name.into(),
        column: Some(name.into()),
        class: "CharField".into(),
        db_type: Some(db_type.into()),
        ..Field::default()
    }
}

fn models(fields: Vec<Field>) -> Models {
    let key =
        Field { class: "BigAutoField".into(), primary_key: true, unique: true, blank: true, ..field("id", "bigint") };
    let model = Model {
        model: "shop.Partner".into(),
        table: "shop_partner".into(),
        managed: true,
        pk: "id".into(),
        pk_column: "id".into(),
        fields: [vec![key], fields].concat(),
        ..Model::default()
    };
    Models { languages: vec!["en".into(), "de".into()], models: vec![model], rules: None }
}

/// Compares a model with these fields only.
fn found(before: Vec<Field>, after: Vec<Field>) -> Comparison {
    compare(&models(before), &models(after))
}

/// What is said of one field that both have.
fn of_field(before: Field, after: Field) -> Vec<(Class, Change, Vec<Rows>)> {
    let found = found(vec![before], vec![after]);
    assert_eq!(found.guesses, []);
    let rows = |questions: Vec<Question>| questions.into_iter().map(|question| question.rows).collect();
    found.differences.into_iter().map(|found| (found.class, found.change, rows(found.questions))).collect()
}

fn choices(values: &[(&str, &str)]) -> Vec<(serde_json::Value, Option<String>)> {
    values.iter().map(|(value, text)| ((*value).into(), Some((*text).to_owned()))).collect()
}

#[test]
fn a_difference_is_a_whole_value() {
    let found = found(vec![field("name", "varchar(80)")], vec![field("name", "varchar(20)")]);
    let expected = Difference {
        class: Class::DataDependent,
        subject: Subject::Field("shop.Partner".into(), "name".into()),
        change: Change::Length { from: Some(80), to: Some(20) },
        sentence: "shop.Partner.name takes 20 characters instead of 80; longer texts are refused.".into(),
        questions: vec![Question { table: "shop_partner".into(), rows: Rows::LongerThan("name".into(), 20) }],
    };
    assert_eq!(found, Comparison { differences: vec![expected], guesses: vec![] });
}

#[test]
fn the_same_models_have_no_differences() {
    let fields = vec![
        field("name", "varchar(80)"),
        Field { choices: Some(choices(&[("1", "One")])), ..field("kind", "varchar(9)") },
    ];
    assert_eq!(found(fields.clone(), fields), Comparison::default());
}

#[test]
fn what_older_versions_of_django_call_otherwise_is_no_difference() {
    assert_eq!(of_field(field("x", "serial"), field("x", "integer")), []);
    let before = Field { db_check: Some("\"x\" >= 0".into()), ..field("x", "integer") };
    assert_eq!(of_field(before.clone(), before), []);
}

#[test]
fn empty_values_are_asked_for_when_they_are_refused() {
    let optional = Field { null: true, blank: true, ..field("x", "date") };
    let blank = Field { null: false, ..optional.clone() };
    let required = Field { blank: false, ..blank.clone() };
    let is = |class, change, rows| vec![(class, change, rows)];
    let empty = || vec![Rows::Empty("x".into())];
    assert_eq!(of_field(optional.clone(), required.clone()), is(Class::DataDependent, Change::Required, empty()));
    assert_eq!(of_field(blank.clone(), required.clone()), is(Class::DataDependent, Change::Required, empty()));
    let null = vec![Rows::IsNull("x".into())];
    assert_eq!(of_field(optional.clone(), blank.clone()), is(Class::DataDependent, Change::NotNull, null));
    assert_eq!(of_field(required.clone(), optional), is(Class::Additive, Change::Nullable, vec![]));
    assert_eq!(of_field(required, blank), is(Class::Noise, Change::Optional, vec![]));
}

#[test]
fn choices_that_go_are_asked_for_and_other_texts_are_noise() {
    let with = |values: &[(&str, &str)]| Field { choices: Some(choices(values)), ..field("x", "varchar(9)") };
    let both = with(&[("1", "One"), ("2", "Two")]);
    let change = |added: &[&str], removed: &[&str]| Change::Choices {
        added: added.iter().map(|value| (*value).to_owned()).collect(),
        removed: removed.iter().map(|value| (*value).to_owned()).collect(),
    };
    let one = with(&[("1", "One")]);
    let rows = vec![Rows::NotIn("x".into(), vec!["1".into()])];
    assert_eq!(of_field(both.clone(), one.clone()), [(Class::DataDependent, change(&[], &["2"]), rows.clone())]);
    assert_eq!(of_field(one.clone(), both.clone()), [(Class::Additive, change(&["2"], &[]), vec![])]);
    assert_eq!(of_field(both, with(&[("1", "Uno"), ("2", "Two")])), [(Class::Noise, change(&[], &[]), vec![])]);
    let free = field("x", "varchar(9)");
    assert_eq!(of_field(free.clone(), one.clone()), [(Class::DataDependent, Change::Limited(vec!["1".into()]), rows)]);
    assert_eq!(of_field(one, free), [(Class::Additive, Change::Unlimited, vec![])]);
}

#[test]
fn a_default_is_noise_and_a_stricter_class_is_not() {
    let with = Field { has_default: true, default: Some("'x'".into()), ..field("x", "varchar(9)") };
    let change = Change::Default { from: None, to: Some("'x'".into()) };
    assert_eq!(of_field(field("x", "varchar(9)"), with), [(Class::Noise, change, vec![])]);
    let mail = Field { class: "EmailField".into(), ..field("x", "varchar(9)") };
    let change = |from: &str, to: &str| Change::Class { from: from.into(), to: to.into() };
    let rows = vec![Rows::Unfit("x".into(), "EmailField".into())];
    let plain = field("x", "varchar(9)");
    assert_eq!(
        of_field(plain.clone(), mail.clone()),
        [(Class::DataDependent, change("CharField", "EmailField"), rows)]
    );
    assert_eq!(of_field(mail, plain), [(Class::Noise, change("EmailField", "CharField"), vec![])]);
}

#[test]
fn new_fields_without_a_value_are_data_dependent() {
    let class =
        |field: Field| found(vec![], vec![field]).differences.into_iter().map(|found| found.class).collect::<Vec<_>>();
    let text = || field("x", "varchar(9)");
    assert_eq!(class(text()), [Class::DataDependent]);
    assert_eq!(class(Field { blank: true, ..text() }), [Class::Additive]);
    assert_eq!(class(Field { has_default: true, ..text() }), [Class::Additive]);
    assert_eq!(class(Field { blank: true, ..field("x", "date") }), [Class::DataDependent]);
    assert_eq!(class(Field { blank: true, null: true, ..field("x", "date") }), [Class::Additive]);
    // Django's validation passes over what nobody may change.
    let hidden = Field { editable: Some(false), null: true, ..field("x", "date") };
    assert_eq!(class(Field { editable: Some(true), ..hidden.clone() }), [Class::DataDependent]);
    assert_eq!(class(hidden), [Class::Additive]);
}

#[test]
fn a_renamed_field_is_guessed_and_still_told_as_gone_and_new() {
    let other = Field { blank: true, ..field("remark", "text") };
    let new = |name: &str| Field { blank: true, ..field(name, "varchar(80)") };
    let found = found(vec![new("email"), new("phone")], vec![new("gsm_phone"), new("e_mail"), other]);
    let told: Vec<&str> = found.differences.iter().map(|found| found.sentence.as_str()).collect();
    assert_eq!(
        told,
        [
            "shop.Partner.e_mail is new.",
            "shop.Partner.email is gone: its values have no place in the new version.",
            "shop.Partner.gsm_phone is new.",
            "shop.Partner.phone is gone: its values have no place in the new version.",
            "shop.Partner.remark is new.",
        ]
    );
    let guesses: Vec<String> = found.guesses.iter().map(|guess| format!("{} {}", guess.from, guess.to)).collect();
    assert_eq!(guesses, ["shop.Partner.email shop.Partner.e_mail", "shop.Partner.phone shop.Partner.gsm_phone"]);
}

#[test]
fn the_only_field_of_a_type_is_guessed_whatever_its_name() {
    let summary = || Field { blank: true, ..field("summary", "varchar(200)") };
    let title = || Field { blank: true, ..field("title", "varchar(200)") };
    let because = "summary is the only field of its type that is gone, and title the only new one.";
    let guess = found(vec![summary()], vec![title()]).guesses;
    assert_eq!(guess.iter().map(|guess| guess.because.as_str()).collect::<Vec<_>>(), [because]);
    let heading = Field { blank: true, ..field("heading", "varchar(200)") };
    assert_eq!(found(vec![summary()], vec![title(), heading]).guesses, []);
    let date = Field { blank: true, null: true, ..field("title", "date") };
    assert_eq!(found(vec![summary()], vec![date]).guesses, []);
}

#[test]
fn names_of_one_meaning_are_guessed_when_there_is_one_of_them() {
    let text = |name: &str| Field { blank: true, ..field(name, "varchar(200)") };
    let guesses = |gone: &[&str], new: &[&str]| -> Vec<String> {
        let fields = |names: &[&str]| names.iter().map(|name| text(name)).collect();
        found(fields(gone), fields(new)).guesses.into_iter().map(|guess| guess.because).collect()
    };
    let because = "summary is gone, title of the same type is new, and both are names for a heading.";
    assert_eq!(guesses(&["summary", "ordered"], &["subtitle", "title"]), [because]);
    assert_eq!(guesses(&["summary"], &["heading", "title"]), [""; 0]);
    assert_eq!(guesses(&["summary"], &["body", "subtitle"]), [""; 0]);
    let number = Field { null: true, ..field("title", "integer") };
    assert_eq!(found(vec![text("summary"), text("ordered")], vec![number, text("subtitle")]).guesses, []);
    // Its translations would have no place.
    let mut before = babel(&["en", "de"]);
    before.models[0].fields.push(text("ordered"));
    let after = models(vec![text("title"), text("subtitle")]);
    assert_eq!(compare(&before, &after).guesses, []);
}

#[test]
fn a_new_field_that_is_null_at_first_makes_no_rows_equal() {
    let number = Field { null: true, blank: true, ..field("number", "integer") };
    let together = |after: Field| {
        let (before, mut after) = (models(vec![field("name", "text")]), models(vec![field("name", "text"), after]));
        after.models[0].unique_together = vec![vec!["name".into(), "number".into()]];
        let mut found = compare(&before, &after).differences;
        let unique = found.iter().position(|found| matches!(found.change, Change::Unique(_))).unwrap();
        let Difference { class, questions, .. } = found.remove(unique);
        (class, questions)
    };
    assert_eq!(together(number.clone()), (Class::Additive, vec![]));
    let equal = Rows::Duplicates(vec!["name".into(), "number".into()]);
    let asked = vec![Question { table: "shop_partner".into(), rows: equal }];
    let with_default = Field { has_default: true, default: Some("1".into()), ..number };
    assert_eq!(together(with_default), (Class::DataDependent, asked));
}

fn babel(languages: &[&str]) -> Models {
    let [main, others @ ..] = languages else { return Models::default() };
    let own = Field { babel: true, class: "BabelCharField".into(), ..field("name", "varchar(80)") };
    let translation = |language: &&str| Field {
        babel: true,
        babel_of: Some("name".into()),
        blank: true,
        ..field(&format!("name_{language}"), "varchar(80)")
    };
    let fields = std::iter::once(own).chain(others.iter().map(translation)).collect();
    Models { languages: std::iter::once(main).chain(others).map(|name| (*name).to_owned()).collect(), ..models(fields) }
}

#[test]
fn languages_are_told_once_for_the_site() {
    let question = |column: &str| Question { table: "shop_partner".into(), rows: Rows::NotEmpty(column.into()) };
    let told = |before: &[&str], after: &[&str]| {
        let found = compare(&babel(before), &babel(after));
        assert_eq!(found.guesses, []);
        found.differences.into_iter().map(|found| (found.class, found.change, found.questions)).collect::<Vec<_>>()
    };
    assert_eq!(
        told(&["en", "de"], &["en", "de", "fr"]),
        [(Class::Additive, Change::LanguageAdded("fr".into()), vec![])]
    );
    assert_eq!(
        told(&["en", "de", "fr"], &["en", "de"]),
        [(Class::Destructive, Change::LanguageRemoved("fr".into()), vec![question("name_fr")])]
    );
    let main = Change::MainLanguage { from: "en".into(), to: "de".into() };
    let both = vec![question("name"), question("name_de")];
    assert_eq!(told(&["en", "de"], &["de", "en"]), [(Class::DataDependent, main.clone(), both.clone())]);
    assert_eq!(
        told(&["en", "de"], &["de"]),
        [
            (Class::Destructive, Change::LanguageRemoved("en".into()), vec![question("name")]),
            (Class::DataDependent, main, both),
        ]
    );
}

#[test]
fn a_babel_field_comes_and_goes_with_its_translations() {
    let plain = Models { languages: vec!["en".into(), "de".into()], ..models(vec![]) };
    let gone = compare(&babel(&["en", "de"]), &plain).differences;
    let rows: Vec<Rows> =
        gone.iter().flat_map(|found| found.questions.iter().map(|question| question.rows.clone())).collect();
    assert_eq!((gone.len(), rows), (1, vec![Rows::NotEmpty("name".into()), Rows::NotEmpty("name_de".into())]));
    let field = Models { languages: vec!["en".into(), "de".into()], ..models(vec![field("name", "varchar(80)")]) };
    let changes = |found: Comparison| found.differences.into_iter().map(|found| found.change).collect::<Vec<_>>();
    assert_eq!(changes(compare(&babel(&["en", "de"]), &field)), [Change::Untranslated]);
    assert_eq!(changes(compare(&field, &babel(&["en", "de"]))), [Change::Translated]);
}

#[test]
fn a_model_that_is_gone_is_destructive_and_may_be_a_renamed_one() {
    let mut after = models(vec![field("name", "varchar(80)")]);
    let before = after.clone();
    for model in &mut after.models {
        model.model = "contacts.Partner".into();
    }
    let found = compare(&before, &after);
    let told: Vec<(Class, &str)> =
        found.differences.iter().map(|found| (found.class, found.sentence.as_str())).collect();
    assert_eq!(
        told,
        [
            (Class::Additive, "contacts.Partner is new."),
            (Class::Destructive, "shop.Partner is gone: its rows have no place in the new version."),
        ]
    );
    let guess = Guess {
        from: Subject::Model("shop.Partner".into()),
        to: Subject::Model("contacts.Partner".into()),
        because: "shop.Partner is gone, contacts.Partner is new, and 1 of their 1 fields have the same names.".into(),
    };
    assert_eq!(found.guesses, [guess]);
}

#[test]
fn validators_ask_for_the_rows_that_they_refuse() {
    let with = |class: &str, arguments: &str| Field {
        validators: vec![Validator { class: format!("django.core.validators.{class}"), arguments: arguments.into() }],
        ..field("x", "integer")
    };
    for (class, arguments, rows) in [
        ("MinValueValidator", "10", Rows::Below("x".into(), "10".into())),
        ("MaxValueValidator", "-1.5", Rows::Above("x".into(), "-1.5".into())),
        ("MinLengthValidator", "3", Rows::ShorterThan("x".into(), 3)),
        ("MaxLengthValidator", "9", Rows::LongerThan("x".into(), 9)),
        ("RegexValidator", "'^a'", Rows::Unfit("x".into(), "django.core.validators.RegexValidator".into())),
    ] {
        let change = Change::Validators { added: vec![format!("{class}({arguments})")], removed: vec![] };
        let found = of_field(field("x", "integer"), with(class, arguments));
        assert_eq!(found, [(Class::DataDependent, change, vec![rows])]);
        assert_eq!(of_field(with(class, arguments), with(class, arguments)), []);
        let change = Change::Validators { added: vec![], removed: vec![format!("{class}({arguments})")] };
        assert_eq!(of_field(with(class, arguments), field("x", "integer")), [(Class::Noise, change, vec![])]);
    }
}

#[test]
fn rules_of_the_database_are_known_to_differ_but_not_asked() {
    let with = |rules: &[&str]| {
        let mut models = models(vec![]);
        models.models[0].constraints = rules.iter().map(|rule| (*rule).to_owned()).collect();
        models
    };
    let rule = "CheckConstraint(name='x')";
    let differences = |before: &[&str], after: &[&str]| compare(&with(before), &with(after)).differences;
    assert_eq!(differences(&[rule], &[rule]), []);
    let found = differences(&[], &[rule]);
    assert_eq!(
        (found[0].class, found[0].questions[0].rows.clone()),
        (Class::DataDependent, Rows::Unfit("id".into(), "constraint".into()))
    );
    assert_eq!(
        (differences(&[rule], &[])[0].class, differences(&[rule], &[])[0].questions.len()),
        (Class::Additive, 0)
    );
}

#[test]
fn a_time_that_django_writes_itself_is_missing_in_no_row() {
    let created = Field { auto_now: true, editable: Some(false), ..field("created", "datetime") };
    let found = found(vec![], vec![Field { blank: true, ..created }]);
    assert_eq!(found.differences[0].class, Class::Additive);
}
