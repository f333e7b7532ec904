//! The decisions file: what is written is read again, and mistakes are found at their place.

use proptest::prelude::*;

use super::super::decision::Choice;
use super::super::decision::Given;
use super::*;

const SAMPLE: &str = r#"
[answers]
"sign-in.confirm" = "y"

[[decision]]
model = "shop.Partner"
rows = ["101", 102]
because = "the number is too large"
set = { vat_id = "", since = 2024-02-29, rate = 1.5, names = ["a", "b"] }

[[decision]]
model = "shop.Sale"
rows = ["7"]
point = { partner = "104" }

[[decision]]
model = "shop.Partner"
rows = "all"
count = 80
copy = { e_mail = "email" }

[[decision]]
model = "shop.Category"
rows = "all"
leave_out = true
"#;

#[test]
fn a_file_by_hand_is_read() {
    let file = DecisionsFile::read(SAMPLE).unwrap();
    assert_eq!(file.answers, BTreeMap::from([("sign-in.confirm".to_owned(), "y".to_owned())]));
    let decision = |model: &str, rows, choice, because: &str| Decision {
        model: model.into(),
        rows,
        choice,
        because: because.into(),
    };
    let these = |keys: &[&str]| Scope::These(keys.iter().map(|key| (*key).to_owned()).collect());
    let values = BTreeMap::from([
        ("vat_id".to_owned(), Given::Text(String::new())),
        ("since".to_owned(), Given::When("2024-02-29".parse().unwrap())),
        ("rate".to_owned(), Given::Float(1.5)),
        ("names".to_owned(), Given::Texts(vec!["a".into(), "b".into()])),
    ]);
    let expected = [
        decision("shop.Partner", these(&["101", "102"]), Choice::Set(values), "the number is too large"),
        decision("shop.Sale", these(&["7"]), Choice::Point(BTreeMap::from([("partner".into(), "104".into())])), ""),
        decision("shop.Partner", Scope::All(80), Choice::Copy(BTreeMap::from([("e_mail".into(), "email".into())])), ""),
        decision("shop.Category", Scope::All(0), Choice::LeaveOut, ""),
    ];
    assert_eq!(file.decisions.iter().cloned().collect::<Vec<_>>(), expected);
}

#[test]
fn a_file_is_written_for_people() {
    let file = DecisionsFile::read(SAMPLE).unwrap();
    insta::assert_snapshot!(write(&file.answers, &file.decisions));
}

#[test]
fn mistakes_are_found_at_their_place() {
    let head = "[[decision]]\nmodel = \"shop.Partner\"\n";
    let cases = [
        ("rows = []\nleave_out = true", "[]", "The list of rows is empty."),
        ("rows = [\"1\"]\nempty = []", "[]", "The list of fields is empty."),
        ("rows = [\"1\"]\nset = {}", "{}", "No field is named."),
        (
            "rows = [\"1\"]\nempty = [\"a\"]\nleave_out = true",
            "true",
            "A decision has one kind, but this one has empty and leave_out.",
        ),
        ("rows = [\"1\"]\ndrop = [\"a\"]", "[\"1\"]", "“drop” is for all rows of a model: rows = \"all\"."),
        ("rows = [\"1\"]\nleave_out = false", "false", "“leave_out” is true, or it is not there."),
        ("rows = [\"1\"]\nask = \"\"", "\"\"", "The text is empty."),
        ("rows = [\"1\"]\nset = { a = [1] }", "[1]", "A list of values has one text for each language."),
        ("rows = [\"1\"]\nset = { a = nan }", "nan", "A field cannot have such a value."),
        ("rows = \"none\"\nleave_out = true", "\"none\"", "Rows are \"all\" or a list of primary keys."),
        (
            "rows = [\"1\"]",
            "\"shop.Partner\"",
            "The decision says nothing; it needs one of set, empty, point, copy, drop, leave_out, rename, undecided, ask.",
        ),
        (
            "rows = \"all\"\nleave_out = true\n[[decision]]\nmodel = \"shop_partner\"\nrows = [\"1\"]\nempty = [\"vat\"]",
            "[\"vat\"]",
            "shop_partner is left out as a whole; take that back first.",
        ),
    ];
    for (rest, marked, message) in cases {
        let text = format!("{head}{rest}\n");
        let mistake = DecisionsFile::read(&text).unwrap_err();
        assert_eq!((&text[mistake.span.clone()], mistake.message.as_str()), (marked, message), "{text}");
    }
}

#[test]
fn unknown_names_are_mistakes() {
    let mistake = |text: &str| DecisionsFile::read(text).unwrap_err();
    let text = "[[decision]]\nmodel = \"a.B\"\nrow = [\"1\"]\n";
    let found = mistake(text);
    assert_eq!(&text[found.span], "row");
    assert!(found.message.starts_with("Unknown field `row`, expected one of"), "{}", found.message);
    assert!(mistake("[decisions]\n").message.starts_with("Unknown field `decisions`"));
    assert!(!mistake("[[decision]\n").message.is_empty());
}

#[test]
fn what_does_not_fit_is_found_in_the_file() {
    let file = DecisionsFile::read(SAMPLE).unwrap();
    let cases = [
        (0, At::Rows(vec!["102".into()]), "102"),
        (0, At::Field("vat_id".into()), "vat_id"),
        (1, At::Field("partner".into()), "partner"),
        (2, At::Field("email".into()), "e_mail"),
        (3, At::Model, "\"shop.Category\""),
    ];
    for (decision, at, marked) in cases {
        let mistake = file.mistake(&Unfit { decision, at, sentence: "No.".into() }).unwrap();
        assert_eq!((&SAMPLE[mistake.span], mistake.message.as_str()), (marked, "No."));
    }
    assert_eq!(file.mistake(&Unfit { decision: 9, at: At::Model, sentence: String::new() }), None);
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just("a".to_owned()), Just("vat_id".to_owned()), any::<String>()]
}

fn given() -> impl Strategy<Value = Given> {
    prop_oneof![
        any::<bool>().prop_map(Given::Bool),
        any::<i64>().prop_map(Given::Int),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Given::Float),
        text().prop_map(Given::Text),
        Just(Given::When("2024-02-29T12:30:00+02:00".parse().unwrap())),
        Just(Given::When("23:59:59".parse().unwrap())),
        proptest::collection::vec(text(), 1..4).prop_map(Given::Texts),
    ]
}

fn choice() -> impl Strategy<Value = Choice> {
    let names = || proptest::collection::btree_map(text(), text(), 1..3);
    let fields = || proptest::collection::vec(text(), 1..3);
    prop_oneof![
        proptest::collection::btree_map(text(), given(), 1..4).prop_map(Choice::Set),
        fields().prop_map(Choice::Empty),
        names().prop_map(Choice::Point),
        names().prop_map(Choice::Copy),
        fields().prop_map(Choice::Drop),
        Just(Choice::LeaveOut),
        Just(Choice::Undecided),
        text().prop_map(Choice::Ask),
        text().prop_map(Choice::Rename),
    ]
}

fn decisions() -> impl Strategy<Value = Decisions> {
    let rows =
        prop_oneof![(0..9_u64).prop_map(Scope::All), proptest::collection::vec(text(), 1..30).prop_map(Scope::These)];
    let one = (prop_oneof![Just("a.B".to_owned()), text()], rows, choice(), text());
    proptest::collection::vec(one, 0..6).prop_map(|all| {
        let mut list = Decisions::default();
        for (model, rows, choice, because) in all {
            // What is refused is not there to be written.
            let _ = list.add([Decision { model, rows, choice, because }]);
        }
        list
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(
        answers in proptest::collection::btree_map(text(), text(), 0..3),
        decisions in decisions(),
    ) {
        let text = write(&answers, &decisions);
        let file = DecisionsFile::read(&text).map_err(|mistake| TestCaseError::fail(format!("{mistake:?}\n{text}")))?;
        prop_assert_eq!(&file.decisions, &decisions, "{}", text);
        prop_assert_eq!(&file.answers, &answers);
        prop_assert_eq!(write(&file.answers, &file.decisions), text);
    }

    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        let _ = DecisionsFile::read(&text);
    }
}
