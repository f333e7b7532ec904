//! Causes of failures, made up.

use std::collections::BTreeMap;

use super::*;

/// `a.Partner 3` refused at `field` with `text`.
fn failure(model: &str, key: &str, field: &str, text: &str) -> Failure {
    Failure {
        model: Some(model.into()),
        table: model.replace('.', "_").to_lowercase(),
        key: key.into(),
        file: "x.py".into(),
        line: 1,
        phase: Phase::Save,
        exception: "django.core.exceptions.ValidationError".into(),
        messages: BTreeMap::from([(field.to_owned(), vec![text.to_owned()])]),
        object: Some(format!("The {key}th")),
        points: Vec::new(),
        traceback: None,
        forbidden: false,
    }
}

fn pointing(model: &str, key: &str, points: &[(&str, &str, &str)]) -> Failure {
    let mut found =
        failure(model, key, points[0].0, &format!("instance with id {} is not a valid choice.", points[0].2));
    found.points = points.iter().map(|point| Point(point.0.into(), point.1.into(), point.2.into())).collect();
    found
}

/// Of each cause: model, messages, keys of its rows, followers.
type Said<'a> = (&'a str, Vec<(&'a str, &'a str)>, Vec<&'a str>, usize);

fn said<'a>(causes: &'a Causes, cause: &'a Cause) -> Said<'a> {
    let messages = cause.messages.iter().map(|(field, text)| (field.as_str(), text.as_str())).collect();
    let keys = cause.rows.iter().map(|&row| causes.failures[row].key.as_str()).collect();
    (cause.model.as_str(), messages, keys, cause.follow)
}

fn told(causes: &Causes) -> Vec<Said<'_>> {
    causes.causes.iter().map(|cause| said(causes, cause)).collect()
}

const TOO_LONG: &str = "at most 20 characters (it has 2";

#[test]
fn rows_with_one_reason_are_one_cause_and_the_row_itself_is_taken_out() {
    let mut named = failure("a.Partner", "9", "vat", "The 9th has no number");
    named.messages.insert("name".into(), vec!["too long".into()]);
    let causes = Causes::of(vec![
        failure("a.Partner", "1", "name", &format!("{TOO_LONG}1).")),
        failure("a.Partner", "2", "name", &format!("{TOO_LONG}2).")),
        failure("a.Company", "2", "name", &format!("{TOO_LONG}2).")),
        named,
        failure("a.Partner", "4", "name", &format!("{TOO_LONG}2).")),
    ]);
    assert_eq!(
        told(&causes),
        [
            ("a.Partner", vec![("name", "at most 20 characters (it has …).")], vec!["1", "2", "4"], 0),
            ("a.Company", vec![("name", "at most 20 characters (it has 22).")], vec!["2"], 0),
            ("a.Partner", vec![("name", "too long"), ("vat", "The 9th has no number")], vec!["9"], 0),
        ]
    );
    assert_eq!(causes.summary(), "3 causes, 5 rows refused");
}

#[test]
fn a_choice_that_is_gone_is_a_cause_and_a_name_is_not() {
    let mut failures: Vec<Failure> = (0..4)
        .map(|n| failure("a.Sale", &n.to_string(), "", &format!("Unresolved value '{}' for States", n % 2)))
        .collect();
    failures.extend((0..30).map(|n| failure("a.Note", &n.to_string(), "title", &format!("'title {n}' is taken"))));
    let causes = Causes::of(failures);
    let told: Vec<(&str, &str, usize)> =
        causes.causes.iter().map(|cause| (&*cause.model, &*cause.messages[0].1, cause.rows.len())).collect();
    assert_eq!(
        told,
        [
            ("a.Note", "'…' is taken", 30),
            ("a.Sale", "Unresolved value '0' for States", 2),
            ("a.Sale", "Unresolved value '1' for States", 2),
        ]
    );
}

#[test]
fn the_name_of_a_row_is_left_out_where_there_are_several() {
    let of = |key: &str| failure("a.Partner", key, "vat", &format!("The {key}th has no number"));
    let causes = Causes::of(vec![of("7"), of("9")]);
    assert_eq!(told(&causes), [("a.Partner", vec![("vat", "… has no number")], vec!["7", "9"], 0)]);
}

#[test]
fn what_only_follows_hangs_below_its_cause_over_all_levels() {
    let mut parent = pointing("a.Person", "1", &[("partner_ptr", "a.Partner", "1")]);
    parent.messages = BTreeMap::from([(String::new(), vec!["FOREIGN KEY constraint failed".into()])]);
    let mut both = pointing("a.Sale", "12", &[("partner", "a.Partner", "1")]);
    both.messages.insert("state".into(), vec!["gone".into()]);
    let causes = Causes::of(vec![
        // In another order than that of their causes.
        pointing("a.Line", "30", &[("sale", "a.Sale", "10")]),
        pointing("a.Sale", "10", &[("seller", "a.Person", "1"), ("partner", "a.Partner", "2")]),
        failure("a.Partner", "1", "vat", "wrong"),
        parent,
        // It points to a row that was not refused.
        pointing("a.Sale", "11", &[("partner", "a.Partner", "99")]),
        both,
    ]);
    assert_eq!(
        told(&causes),
        [
            ("a.Partner", vec![("vat", "wrong")], vec!["1"], 3),
            ("a.Sale", vec![("partner", "instance with id 99 is not a valid choice.")], vec!["11"], 0),
            ("a.Sale", vec![("state", "gone")], vec!["12"], 0),
        ]
    );
    assert_eq!(
        (causes.followers(2), causes.followers(3), causes.all_followers(2)),
        (&[3][..], &[1][..], vec![3, 1, 0])
    );
    assert_eq!((causes.leader(0), causes.leader(2)), (Some(1), None));
    assert_eq!(causes.summary(), "3 causes, 3 rows refused, 3 rows that follow");
}

#[test]
fn rows_that_wait_for_each_other_are_a_circle() {
    let causes = Causes::of(vec![
        pointing("a.Author", "1", &[("favorite", "a.Book", "1")]),
        pointing("a.Author", "2", &[("favorite", "a.Book", "2")]),
        pointing("a.Book", "1", &[("author", "a.Author", "1")]),
        pointing("a.Book", "2", &[("author", "a.Author", "2")]),
        pointing("a.Page", "1", &[("book", "a.Book", "2")]),
        // A row that points to itself has a reason of its own.
        pointing("a.Place", "5", &[("parent", "a.Place", "5")]),
    ]);
    let said: Vec<(Why, &str, usize, usize)> =
        causes.causes.iter().map(|cause| (cause.why, &*cause.model, cause.rows.len(), cause.follow)).collect();
    assert_eq!(said, [(Why::Circle, "a.Author", 2, 3), (Why::Own, "a.Place", 1, 0)]);
}

#[test]
fn a_model_that_is_gone_is_named_by_its_table() {
    let mut gone = failure("a.Category", "1", "", "'UnresolvedModel' object is not callable");
    (gone.model, gone.phase, gone.object) = (None, Phase::Create, None);
    let causes = Causes::of(vec![gone]);
    assert_eq!((causes.causes[0].model.as_str(), causes.causes[0].phase.stops()), ("a_category", true));
}

#[test]
fn nothing_refused_is_no_cause() {
    assert_eq!(Causes::of(Vec::new()).summary(), "0 causes, 0 rows refused");
}

#[test]
fn a_row_that_was_made_without_a_field_is_told_besides_and_leads_nobody() {
    let made =
        Failure { phase: Phase::Create, ..failure("a.Partner", "1", "", "got an unexpected keyword argument 'x'") };
    let refused = failure("a.Partner", "1", "name", "too long");
    let follower = pointing("a.Sale", "7", &[("partner", "a.Partner", "1")]);
    let told_besides = Causes::of(vec![made.clone(), refused, follower.clone()]);
    assert_eq!(
        told(&told_besides),
        [
            ("a.Partner", vec![("name", "too long")], vec!["1"], 1),
            ("a.Partner", vec![("", "got an unexpected keyword argument 'x'")], vec!["1"], 0),
        ]
    );
    assert_eq!(told_besides.summary(), "2 causes, 1 row refused, 1 row that follows");
    assert_eq!(told_besides.rows(), 2);
    // What points to it is refused for another reason.
    assert_eq!(Causes::of(vec![made, follower]).leader(1), None);
}

#[test]
fn tens_of_thousands_of_circles_are_one_cause() {
    const CIRCLES: usize = 50_000;
    let row = |row: usize| {
        let other = (row ^ 1).to_string();
        pointing("a.B", &row.to_string(), &[("c", "a.B", &other)])
    };
    let causes = Causes::of((0..2 * CIRCLES).map(row).collect());
    assert_eq!((causes.causes.len(), causes.causes[0].why), (1, Why::Circle));
    assert_eq!((causes.causes[0].rows.len(), causes.causes[0].follow), (CIRCLES, CIRCLES));
    assert_eq!(causes.summary(), "1 cause, 50000 rows refused, 50000 rows that follow");
    assert_eq!((causes.followers(0), causes.leader(1), causes.followers(1)), (&[1][..], Some(0), &[][..]));
}

#[test]
fn each_of_a_hundred_thousand_rows_may_have_a_cause_of_its_own() {
    const ROWS: usize = 100_000;
    // Letters: numbers would not tell the messages apart.
    let word = |row: usize| row.to_string().bytes().map(|digit| char::from(digit + b'a' - b'0')).collect::<String>();
    let row = |row: usize| failure("a.B", &row.to_string(), "name", &format!("Reason {}.", word(row)));
    let causes = Causes::of((0..ROWS).map(row).collect());
    assert_eq!((causes.causes.len(), causes.rows()), (ROWS, ROWS));
    let mut rows: Vec<usize> = causes.causes.iter().flat_map(|cause| cause.rows.clone()).collect();
    rows.sort_unstable();
    assert!(rows == (0..ROWS).collect::<Vec<_>>());
}
