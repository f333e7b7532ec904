//! A million refused rows: a key and a frame look at what is on the screen, and not at all rows.

use std::collections::BTreeMap;

use crossterm::event::KeyCode;

use super::{opened, shown, triage_of};
use crate::engine::{Deciding, Wish};
use crate::triage::{Decisions, Failure, Phase, Point};
use crate::ui::state::{Action, Node, TriageLine};

const ROWS: usize = 1_000_000;
/// Every so many rows one is the cause of the others.
const STEP: usize = 10;

fn failure(model: &str, key: usize, field: &str, text: &str) -> Failure {
    Failure {
        model: Some(model.into()),
        table: model.replace('.', "_").to_lowercase(),
        key: key.to_string(),
        file: "x.py".into(),
        line: 1,
        phase: Phase::Save,
        exception: "django.core.exceptions.ValidationError".into(),
        messages: BTreeMap::from([(field.to_owned(), vec![text.to_owned()])]),
        object: None,
        points: Vec::new(),
        traceback: None,
        forbidden: false,
    }
}

/// 100 000 partners that are refused, each with nine sales that point to it.
fn failures() -> Vec<Failure> {
    let row = |at: usize| {
        let leader = at / STEP * STEP;
        if at == leader {
            return failure("a.Partner", at, "name", "This field cannot be blank.");
        }
        let mut row = failure("a.Sale", at, "partner", "partner instance is not a valid choice.");
        row.points = vec![Point("partner".into(), "a.Partner".into(), leader.to_string())];
        row
    };
    (0..ROWS).map(row).collect()
}

#[test]
fn a_million_rows_are_folded_unfolded_and_decided() {
    let mut wizard = opened(120, 36, &triage_of(failures(), Decisions::default()));
    assert_eq!(shown(&wizard).tree.lines.len(), 1);
    assert_eq!((shown(&wizard).open(), shown(&wizard).following()), (ROWS / STEP, ROWS - ROWS / STEP));

    wizard.key(KeyCode::Enter);
    assert_eq!(shown(&wizard).tree.lines.len(), 1 + ROWS / STEP);
    let laid = shown(&wizard).tree.laid;
    for _ in 0..50 {
        wizard.key(KeyCode::Down);
        wizard.key(KeyCode::PageDown);
        let _ = wizard.screen();
    }
    wizard.key(KeyCode::End);
    let _ = wizard.screen();
    assert_eq!(shown(&wizard).row(), Some(ROWS - STEP));
    let looked = shown(&wizard).tree.lines.len();
    assert_eq!(shown(&wizard).tree.laid, laid, "moving lays nothing out anew");
    assert!(shown(&wizard).looked_at() < 102 * 20, "{} of {looked}", shown(&wizard).looked_at());

    wizard.keys("+");
    assert_eq!(shown(&wizard).tree.lines.len(), 1 + ROWS);
    wizard.key(KeyCode::End);
    let last = TriageLine { node: Node::Row(ROWS - 1), cause: 0, depth: 1 };
    assert_eq!(shown(&wizard).tree.lines.last(), Some(&last));
    let _ = wizard.screen();

    wizard.keys("-x");
    let screen = wizard.screen();
    assert!(screen.contains("Leave out 100 000 rows of a.Partner?"), "{screen}");
    assert!(screen.contains("900 000 rows that follow them"), "{screen}");
    let actions = wizard.keys("y");
    let [Action::Send(Wish::Decide(Deciding::Take(taken)))] = actions.as_slice() else { panic!("{actions:?}") };
    assert_eq!(taken.iter().map(|decision| decision.rows.count()).sum::<u64>(), (ROWS / STEP) as u64);
}

#[test]
fn a_filter_on_many_rows_finds_the_few() {
    let mut wizard = opened(80, 24, &triage_of(failures().into_iter().take(ROWS / 50).collect(), Decisions::default()));
    wizard.keys("/19999");
    let rows: Vec<Node> = shown(&wizard).tree.lines.iter().map(|line| line.node).collect();
    assert_eq!(rows, [Node::Cause(0), Node::Row(19_999)]);
    wizard.key(KeyCode::Esc);
    assert_eq!(shown(&wizard).tree.lines.len(), 1 + ROWS / 50, "all stays unfolded");
}

#[test]
fn a_row_with_megabytes_of_text_is_shown_by_its_beginning() {
    let mut huge = failure("a.Partner", 1, "", &"x'\u{1b}".repeat(5 << 20));
    huge.object = Some("name\u{202e}".repeat(1 << 20));
    huge.key = "k\n".repeat(1 << 20);
    let mut wizard = opened(80, 24, &triage_of(vec![huge], Decisions::default()));
    wizard.key(KeyCode::Enter);
    wizard.key(KeyCode::Down);
    for keys in ["", "s", "x"] {
        wizard.keys(keys);
        let screen = wizard.screen();
        assert!(!screen.contains(['\u{1b}', '\u{202e}']), "{screen}");
    }
}
