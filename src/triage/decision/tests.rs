//! What decisions do to each other, and to the rows that are shown.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::cause::Causes;
use super::super::failure::{Phase, Point};
use super::*;

fn failure(model: &str, key: &str, field: &str, points: &[(&str, &str, &str)]) -> Failure {
    Failure {
        model: Some(model.into()),
        table: canonical(model),
        key: key.into(),
        file: format!("{}.py", canonical(model)),
        line: 1,
        phase: Phase::Save,
        exception: "E".into(),
        messages: BTreeMap::from([(field.to_owned(), vec!["Partner() got unexpected keyword: 'email'".to_owned()])]),
        object: None,
        points: points.iter().map(|(of, to, key)| Point((*of).into(), (*to).into(), (*key).into())).collect(),
        traceback: None,
        forbidden: false,
    }
}

fn these(model: &str, keys: &[&str], choice: Choice) -> Decision {
    let keys = keys.iter().map(|key| (*key).to_owned()).collect();
    Decision { model: model.into(), rows: Scope::These(keys), choice, because: String::new() }
}

fn all(model: &str, choice: Choice) -> Decision {
    Decision { model: model.into(), rows: Scope::All(9), choice, because: String::new() }
}

fn set(fields: &[&str]) -> Choice {
    Choice::Set(fields.iter().map(|field| ((*field).to_owned(), Given::Int(1))).collect())
}

fn empty(fields: &[&str]) -> Choice {
    Choice::Empty(fields.iter().map(|field| (*field).to_owned()).collect())
}

fn dropped(field: &str) -> Choice {
    Choice::Drop(vec![field.to_owned()])
}

fn copied(new: &str, old: &str) -> Choice {
    Choice::Copy(BTreeMap::from([(new.to_owned(), old.to_owned())]))
}

fn taken(decisions: Vec<Decision>) -> Decisions {
    let mut list = Decisions::default();
    for decision in decisions {
        list.add([decision]).unwrap();
    }
    list
}

fn listed(decisions: &Decisions) -> Vec<Decision> {
    decisions.iter().cloned().collect()
}

const P: &str = "shop.Partner";

#[test]
fn a_later_decision_for_the_same_row_and_field_wins() {
    let list = taken(vec![these(P, &["1", "2", "3"], set(&["a", "b"])), these("shop_partner", &["2"], empty(&["a"]))]);
    let expected = [
        these(P, &["1", "3"], set(&["a", "b"])),
        these(P, &["2"], set(&["b"])),
        these("shop_partner", &["2"], empty(&["a"])),
    ];
    assert_eq!(listed(&list), expected);
}

#[test]
fn a_decision_for_the_row_as_a_whole_replaces_all_of_its_own() {
    let first = || these(P, &["1", "2"], set(&["a"]));
    for choice in [Choice::LeaveOut, Choice::Undecided, Choice::Ask("why?".into())] {
        let list = taken(vec![first(), these(P, &["2"], choice.clone())]);
        assert_eq!(listed(&list), [these(P, &["1"], set(&["a"])), these(P, &["2"], choice.clone())]);
        let list = taken(vec![these(P, &["1", "2"], choice.clone()), these(P, &["2"], set(&["a"]))]);
        assert_eq!(listed(&list), [these(P, &["1"], choice), these(P, &["2"], set(&["a"]))]);
    }
}

#[test]
fn decisions_for_all_rows_replace_those_of_the_same_field() {
    let own = || these(P, &["1"], set(&["a", "b"]));
    let cases = [
        (all(P, set(&["a"])), vec![these(P, &["1"], set(&["b"]))]),
        (all(P, dropped("a")), vec![these(P, &["1"], set(&["b"]))]),
        (all(P, copied("x", "a")), vec![own()]),
        (all(P, Choice::LeaveOut), vec![]),
        (all(P, Choice::Undecided), vec![own()]),
        (all(P, Choice::Rename("shop.Other".into())), vec![own()]),
        (all("shop.Other", Choice::LeaveOut), vec![own()]),
    ];
    for (later, mut expected) in cases {
        expected.push(later.clone());
        assert_eq!(listed(&taken(vec![own(), later])), expected);
    }
    let list =
        taken(vec![all(P, copied("x", "a")), all(P, dropped("b")), all(P, dropped("a")), all(P, copied("y", "b"))]);
    assert_eq!(listed(&list), [all(P, dropped("a")), all(P, copied("y", "b"))]);
    let list = taken(vec![all(P, Choice::LeaveOut), all(P, Choice::Undecided)]);
    assert_eq!(listed(&list), [all(P, Choice::Undecided)]);
}

#[test]
fn what_cannot_be_meant_is_refused_and_changes_nothing() {
    let mut list = taken(vec![all(P, dropped("a")), all("shop.Gone", Choice::LeaveOut)]);
    let before = list.clone();
    let cases = [
        (these(P, &["1"], set(&["a"])), Refused::Dropped(P.into(), "a".into())),
        (these("shop_gone", &["1"], set(&["a"])), Refused::LeftOut("shop_gone".into())),
        (these(P, &["1"], dropped("b")), Refused::ForAllOnly(P.into())),
        (these(P, &[], set(&["b"])), Refused::Empty(P.into())),
        (these(P, &["1"], set(&[])), Refused::Empty(P.into())),
        (these(P, &["1"], Choice::Ask(" ".into())), Refused::Empty(P.into())),
    ];
    for (decision, why) in cases {
        assert_eq!(list.add([these(P, &["7"], set(&["c"])), decision]), Err(why));
        assert_eq!(list, before);
    }
    assert_eq!(list.iter().len(), 2);
}

#[test]
fn steps_are_taken_back_and_done_again() {
    let mut list = taken(vec![these(P, &["1"], set(&["a"])), all(P, Choice::LeaveOut)]);
    assert!(list.undo());
    assert_eq!(listed(&list), [these(P, &["1"], set(&["a"]))]);
    assert!(list.redo() && !list.redo());
    assert_eq!(listed(&list), [all(P, Choice::LeaveOut)]);
    list.remove(0);
    assert!(list.is_empty());
    list.remove(0);
    assert!(list.undo() && list.undo() && list.undo() && !list.undo());
    assert!(list.is_empty());
    list.add([these(P, &["1"], set(&["a"]))]).unwrap();
    assert!(!list.redo());
}

#[test]
fn followers_need_nothing_once_their_cause_is_changed() {
    use Standing::{Asked, Changed, Follows, LeftOut, Undecided};

    let causes = Causes::of(vec![
        failure(P, "1", "vat_id", &[]),
        failure("shop.Sale", "7", "partner", &[("partner", P, "1")]),
        failure("shop.Line", "8", "sale", &[("sale", "shop.Sale", "7")]),
        failure("shop.Other", "9", "x", &[]),
    ]);
    let standings = |decisions: Vec<Decision>| -> Vec<Standing> {
        let list = taken(decisions);
        let found = list.standings(&causes);
        let open: Vec<usize> = (0..4).filter(|row| found[*row].is_open()).collect();
        assert_eq!(list.undecided(&causes), open);
        found
    };
    assert_eq!(standings(vec![]), [Undecided; 4]);
    assert_eq!(standings(vec![these(P, &["1"], empty(&["vat_id"]))]), [Changed, Follows, Follows, Undecided]);
    assert_eq!(standings(vec![these(P, &["1"], Choice::LeaveOut)]), [LeftOut, Undecided, Undecided, Undecided]);
    let list = vec![these(P, &["1"], Choice::LeaveOut), all("shop.Sale", Choice::LeaveOut)];
    assert_eq!(standings(list), [LeftOut, LeftOut, Undecided, Undecided]);
    let pointed = Choice::Point(BTreeMap::from([("partner".to_owned(), "2".to_owned())]));
    let list = vec![these(P, &["1"], Choice::LeaveOut), these("shop.Sale", &["7"], pointed)];
    assert_eq!(standings(list), [LeftOut, Changed, Follows, Undecided]);
    let list = vec![these("shop.Other", &["9"], Choice::Ask("?".into())), these(P, &["1"], Choice::Undecided)];
    assert_eq!(standings(list), [Undecided, Undecided, Undecided, Asked]);
}

#[test]
fn a_row_with_unknown_fields_stands_open_until_each_of_them_is_decided() {
    let said = "Ticket() got unexpected keyword arguments: 'summary', 'name', 'name_de', 'kind_id'";
    let mut row = failure("shop.Ticket", "1", "", &[]);
    row.messages = BTreeMap::from([(String::new(), vec![said.to_owned()])]);
    let causes = Causes::of(vec![row]);
    let standing = |decisions: Vec<Decision>| taken(decisions).standings(&causes)[0];
    let ticket = |choice: Choice| all("shop.Ticket", choice);
    assert_eq!(standing(vec![ticket(dropped("kind"))]), Standing::Undecided);
    let mut list = vec![ticket(copied("title", "summary"))];
    assert_eq!(standing(list.clone()), Standing::Undecided);
    list.extend([ticket(dropped("kind")), ticket(copied("label", "name"))]);
    assert_eq!(standing(list), Standing::Changed);
    let mut only = failure("shop.Ticket", "1", "", &[]);
    only.messages =
        BTreeMap::from([(String::new(), vec!["Ticket() got unexpected keyword arguments: 'kind_id'".into()])]);
    let alone = taken(vec![ticket(dropped("kind"))]).standings(&Causes::of(vec![only]));
    assert_eq!(alone, [Standing::Changed]);
    assert_eq!(standing(vec![these("shop.Ticket", &["1"], empty(&["summary"]))]), Standing::Undecided);
    assert_eq!(standing(vec![ticket(Choice::Rename("shop.Task".into()))]), Standing::Changed);
    assert_eq!(standing(vec![these("shop.Ticket", &["1"], Choice::LeaveOut)]), Standing::LeftOut);
}

#[test]
fn a_decision_for_a_field_speaks_to_rows_that_were_refused_for_it() {
    let causes = Causes::of(vec![failure(P, "1", "", &[]), failure(P, "2", "vat_id", &[])]);
    assert_eq!(taken(vec![all(P, dropped("email"))]).undecided(&causes), [1]);
    assert_eq!(taken(vec![all(P, copied("e_mail", "email"))]).undecided(&causes), [1]);
    assert_eq!(taken(vec![all(P, set(&["vat_id"]))]).undecided(&causes), [0]);
    assert_eq!(taken(vec![all(P, set(&["vat"]))]).undecided(&causes), [0, 1]);
}

#[test]
fn a_hundred_thousand_rows_are_decided_at_once() {
    let causes = Causes::of((0..100_000).map(|row| failure(P, &row.to_string(), "name", &[])).collect());
    let mut list = Decisions::default();
    for choice in [set(&["name"]), Choice::LeaveOut, empty(&["name"])] {
        let prepared = bulk(&causes, 0..100_000, &choice, "");
        assert_eq!(prepared.count, 100_000);
        list.add(prepared.decisions).unwrap();
    }
    assert_eq!((list.iter().len(), list.undecided(&causes).len()), (1, 0));
}

/// Rows each of which points to the one before it.
fn chain(rows: usize) -> Causes {
    let row = |row: usize| {
        let before = row.checked_sub(1).map(|row| row.to_string());
        let points: Vec<_> = before.iter().map(|before| ("parent", P, before.as_str())).collect();
        failure(P, &row.to_string(), "parent", &points)
    };
    Causes::of((0..rows).map(row).collect())
}

#[test]
fn rows_that_follow_over_a_hundred_thousand_levels_stand_as_the_first_of_them() {
    const ROWS: usize = 100_000;
    let causes = chain(ROWS);
    assert_eq!((causes.causes.len(), causes.causes[0].follow, causes.rows()), (1, ROWS - 1, ROWS));
    let changed = taken(vec![these(P, &["0"], set(&["a"]))]);
    let mut expected = vec![Standing::Follows; ROWS];
    expected[0] = Standing::Changed;
    assert!(changed.standings(&causes) == expected);
    let (middle, left_out) = (ROWS / 2, taken(vec![these(P, &["50000"], Choice::LeaveOut)]));
    expected.fill(Standing::Undecided);
    expected[middle] = Standing::LeftOut;
    assert!(left_out.standings(&causes) == expected);
}

#[test]
fn a_decision_for_each_of_fifty_thousand_rows_is_a_step_of_its_own() {
    const ROWS: usize = 50_000;
    let single = |row: usize| these(P, &[&row.to_string()], Choice::Ask(row.to_string()));
    let mut list = Decisions::each((0..ROWS).map(single).chain([all(P, copied("x", "a"))])).unwrap();
    let mut together = Decisions::default();
    together.add((0..ROWS).map(single).chain([all(P, copied("x", "a"))])).unwrap();
    assert!(list == together);
    assert!(together.undo() && together.is_empty() && !together.undo());
    for left in [ROWS, ROWS - 1, ROWS - 2] {
        assert!(list.undo());
        assert_eq!(list.iter().len(), left);
    }
    assert!(list.redo() && list.redo());
    assert_eq!(list.iter().next_back(), Some(&single(ROWS - 1)));
    let refused = Decisions::each([single(1), these(P, &["2"], dropped("a"))]);
    assert_eq!(refused.unwrap_err(), (1, Refused::ForAllOnly(P.into())));
}

#[test]
fn decisions_that_are_taken_keep_those_that_they_do_not_touch() {
    let mut list = taken(vec![these(P, &["1", "2"], set(&["a"])), these("shop.Sale", &["1"], set(&["a"]))]);
    let before = list.now.clone();
    list.add([these(P, &["3"], Choice::LeaveOut), these("shop.Sale", &["1"], Choice::LeaveOut)]).unwrap();
    assert!(Arc::ptr_eq(&before[0], &list.now[0]));
    assert_eq!(list.iter().len(), 3);
}

/// What a decision does to a row, told the simple way: each step is looked at for each row by itself.
#[derive(Clone, Debug, Default, PartialEq)]
struct Told {
    whole: Option<Choice>,
    values: BTreeMap<String, Choice>,
}

fn tell(told: &mut BTreeMap<(String, String), Told>, rows: &[(String, String)], choice: &Choice) {
    for row in rows {
        let of_row = told.entry(row.clone()).or_default();
        if choice.values().is_empty() {
            *of_row = Told { whole: Some(choice.clone()), values: BTreeMap::new() };
        } else {
            of_row.whole = None;
            for field in choice.values() {
                of_row.values.insert(field.to_owned(), only(choice, field));
            }
        }
    }
}

fn only(choice: &Choice, field: &str) -> Choice {
    match choice {
        Choice::Set(values) => Choice::Set(BTreeMap::from([(field.to_owned(), values[field].clone())])),
        _ => empty(&[field]),
    }
}

/// Reads the same from the decisions.
fn read(decisions: &Decisions, causes: &Causes) -> BTreeMap<(String, String), Told> {
    let mut found: BTreeMap<(String, String), Told> = BTreeMap::new();
    for failure in &causes.failures {
        for decision in decisions.of_row(failure) {
            let row = (failure.model_or_table().to_owned(), failure.key.clone());
            let of_row = found.entry(row).or_default();
            if decision.choice.values().is_empty() {
                of_row.whole = Some(decision.choice.clone());
            }
            for field in decision.choice.values() {
                of_row.values.insert(field.to_owned(), only(&decision.choice, field));
            }
        }
    }
    found
}

fn choices() -> impl Strategy<Value = Choice> {
    prop_oneof![
        Just(set(&["a"])),
        Just(set(&["a", "b"])),
        Just(empty(&["b"])),
        Just(empty(&["a", "c"])),
        Just(Choice::LeaveOut),
        Just(Choice::Undecided),
        Just(Choice::Ask("?".into())),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Bulk(Vec<bool>, Choice),
    Undo,
    Redo,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let bulk =
        (proptest::collection::vec(any::<bool>(), 12), choices()).prop_map(|(shown, choice)| Step::Bulk(shown, choice));
    proptest::collection::vec(prop_oneof![4 => bulk, 1 => Just(Step::Undo), 1 => Just(Step::Redo)], 1..14)
}

proptest! {
    #[test]
    fn a_bulk_action_touches_exactly_the_rows_shown(steps in steps()) {
        let models = ["shop.Partner", "shop.Sale", "shop.Note"];
        let failures = (0..12).map(|row| failure(models[row % 3], &(row / 3).to_string(), "x", &[])).collect();
        let causes = Causes::of(failures);
        let mut list = Decisions::default();
        let mut past = Vec::new();
        let mut future = Vec::new();
        let mut told = BTreeMap::new();
        for step in steps {
            match step {
                Step::Bulk(shown, choice) => {
                    let shown: Vec<usize> = (0..12).filter(|row| shown[*row]).collect();
                    let prepared = bulk(&causes, shown.iter().copied(), &choice, "");
                    prop_assert_eq!(prepared.count, shown.len() as u64);
                    let row_of = |row: usize| {
                        let failure = &causes.failures[row];
                        (failure.model_or_table().to_owned(), failure.key.clone())
                    };
                    let touched: BTreeSet<(String, String)> = prepared.decisions.iter().flat_map(|decision| {
                        let Scope::These(keys) = &decision.rows else { return Vec::new() };
                        keys.iter().map(|key| (decision.model.clone(), key.clone())).collect()
                    }).collect();
                    prop_assert_eq!(touched, shown.iter().map(|row| row_of(*row)).collect::<BTreeSet<_>>());
                    let before = list.clone();
                    let mut one_by_one = list.clone();
                    prepared.decisions.iter().for_each(|decision| one_by_one.add([decision.clone()]).unwrap());
                    list.add(prepared.decisions).unwrap();
                    prop_assert_eq!(&list, &one_by_one);
                    if list != before {
                        past.push(told.clone());
                        future.clear();
                    }
                    tell(&mut told, &shown.iter().map(|row| row_of(*row)).collect::<Vec<_>>(), &choice);
                }
                Step::Undo => {
                    prop_assert_eq!(list.undo(), !past.is_empty());
                    if let Some(before) = past.pop() {
                        future.push(std::mem::replace(&mut told, before));
                    }
                }
                Step::Redo => {
                    prop_assert_eq!(list.redo(), !future.is_empty());
                    if let Some(after) = future.pop() {
                        past.push(std::mem::replace(&mut told, after));
                    }
                }
            }
            prop_assert_eq!(read(&list, &causes), told.clone());
        }
    }
}
