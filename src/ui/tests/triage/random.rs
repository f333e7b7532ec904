//! Failures, rows and decisions as nobody would expect them.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::{Wizard, shown, triage_of, with};
use crate::engine::{Deciding, Event, Wish};
use crate::triage::{
    Choice, Decision, Decisions, Failure, FieldValue, Given, Phase, Point, PointedAt, RowDetail, Scope, Target, Triage,
};
use crate::ui::keymap::Context;
use crate::ui::layout::triage::areas;
use crate::ui::state::{Action, Looked, Msg, Node, Part, Reach, RowPlace, Screen};
use crate::ui::tests::properties;

fn model() -> impl Strategy<Value = String> {
    prop_oneof![3 => Just("a.Partner".to_owned()), 2 => Just("a.Sale".to_owned()), 1 => "[a-z.]{0,9}", 1 => ".{0,20}"]
}

fn failure() -> impl Strategy<Value = Failure> {
    let phase = prop::sample::select(vec![Phase::Create, Phase::Stop, Phase::Save]);
    let messages = prop_oneof![
        3 => Just(BTreeMap::from([("partner".to_owned(), vec!["is no choice".to_owned()])])),
        2 => Just(BTreeMap::from([(String::new(), vec!["T() got unexpected keyword arguments: 'a', 'b'".to_owned()])])),
        2 => prop::collection::btree_map(".{0,9}", prop::collection::vec(".{0,90}", 0..3), 0..3),
    ];
    let point = (prop::sample::select(vec!["partner", "x"]), model(), 0..12_u32)
        .prop_map(|(field, model, key)| Point(field.into(), model, key.to_string()));
    let texts = (any::<Option<String>>(), any::<Option<String>>(), ".{0,30}");
    (prop::option::weighted(0.9, model()), 0..12_u32, phase, messages, prop::collection::vec(point, 0..3), texts)
        .prop_map(|(model, key, phase, messages, points, (object, traceback, file))| Failure {
            table: model.clone().unwrap_or("gone".into()).replace('.', "_").to_lowercase(),
            model,
            key: key.to_string(),
            file,
            line: 4,
            phase,
            exception: "some.Error".into(),
            messages,
            object,
            points,
            traceback,
            forbidden: false,
        })
}

fn decision() -> impl Strategy<Value = Decision> {
    let choice = prop_oneof![
        Just(Choice::LeaveOut),
        Just(Choice::Undecided),
        ".{1,40}".prop_map(Choice::Ask),
        (".{1,9}", ".{0,20}").prop_map(|(field, text)| Choice::Set(BTreeMap::from([(field, Given::Text(text))]))),
        ".{1,9}".prop_map(|field| Choice::Empty(vec![field])),
    ];
    let rows = prop_oneof![
        Just(Scope::All(3)),
        prop::collection::vec((0..12_u32).prop_map(|key| key.to_string()), 1..6).prop_map(Scope::These)
    ];
    (model(), rows, choice).prop_map(|(model, rows, choice)| Decision { model, rows, choice, because: String::new() })
}

fn triage() -> impl Strategy<Value = Triage> {
    (prop::collection::vec(failure(), 0..30), prop::collection::vec(decision(), 0..4), any::<bool>()).prop_map(
        |(failures, decided, copy)| {
            let mut triage = triage_of(failures, Decisions::default());
            for decision in decided {
                let mut decisions = triage.decisions.clone();
                if decisions.add([decision.clone()]).is_ok() {
                    triage = with(&triage, [decision]);
                }
            }
            triage.copy = copy.then(|| "/nowhere/restore_decided.py".to_owned());
            triage
        },
    )
}

/// The engine tells what was refused.
pub fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => triage().prop_map(|triage| Event::Triaged {
            origin: triage.origin,
            causes: 1,
            rows: 1,
            undecided: 1,
            outdated: triage.outdated,
            triage: Some(Arc::new(triage)),
        }),
        1 => any::<i64>().prop_map(|at| Event::RehearsalStarted { retry: at > 0, log: "/l".into(), from: 7, at: at / 4 }),
        1 => (any::<u64>(), any::<Option<u64>>(), ".{0,90}")
            .prop_map(|(done, total, text)| Event::Rehearsing { done, total, text }),
        1 => (any::<f64>(), any::<u64>(), any::<u64>(), any::<bool>(), any::<Option<String>>()).prop_map(
            |(seconds, loaded, refused, clean, problem)| Event::RehearsalEnded { seconds, loaded, refused, clean, problem }
        ),
    ]
}

fn row() -> impl Strategy<Value = RowDetail> {
    let target = (".{0,20}", any::<Option<String>>()).prop_map(|(model, name)| Target { model, name });
    let languages = prop::collection::vec((".{0,4}", any::<Option<String>>()), 0..3);
    let field = (".{0,30}", any::<Option<String>>(), languages, prop::option::of(target)).prop_map(
        |(name, value, languages, target)| FieldValue { name, value, languages, target, choices: Vec::new() },
    );
    let by = (".{0,20}", any::<usize>(), prop::collection::vec(".{0,9}", 0..3))
        .prop_map(|(model, count, keys)| PointedAt { model, field: "x".into(), count, keys });
    (prop::collection::vec(field, 0..9), prop::collection::vec(by, 0..3), any::<bool>())
        .prop_map(|(fields, pointed_at, cut)| RowDetail { fields, pointed_at, cut, ..RowDetail::default() })
}

/// What is sent as an answer to the question about a row; the place is filled in later.
fn read() -> impl Strategy<Value = Result<Option<RowDetail>, String>> {
    prop_oneof![6 => row().prop_map(|row| Ok(Some(row))), 1 => Just(Ok(None)), 1 => ".{0,90}".prop_map(Err)]
}

/// Answers what the screen wants to know.
fn answer(wizard: &mut Wizard, actions: Vec<Action>, read: &Result<Option<RowDetail>, String>) -> Vec<Action> {
    let (asked, others): (Vec<Action>, Vec<Action>) =
        actions.into_iter().partition(|action| matches!(action, Action::ReadRow(_)));
    for action in asked {
        let Action::ReadRow(place) = action else { continue };
        wizard.send(Msg::Row(Looked { place, read: read.clone() }));
    }
    others
}

/// The rows that the deciding keys touch, found by looking at every line of the screen.
fn expected(wizard: &Wizard) -> Vec<(String, String)> {
    let triaging = shown(wizard);
    let triage = &triaging.triage;
    let mut all = triaging.clone();
    all.fold_all(crate::ui::state::Folding::Unfolded);
    let visible: Vec<usize> = all
        .tree
        .lines
        .iter()
        .filter_map(|line| match line.node {
            Node::Row(row) => Some(row),
            Node::Cause(_) => None,
        })
        .collect();
    let cause = triaging.cause().unwrap().0;
    let of_cause = |row: &usize| triaging.tree.root(*row) == Some(cause);
    let own = |row: &usize| triage.causes.leader(*row).is_none();
    let model = |row: usize| triage.causes.failures[row].model_or_table().to_owned();
    let rows: Vec<usize> = match (triaging.reach, triaging.row()) {
        (Reach::Shown, _) => visible,
        (Reach::Row, Some(row)) => vec![row],
        (Reach::Cause, Some(chosen)) if !own(&chosen) => {
            visible.into_iter().filter(|row| of_cause(row) && !own(row) && model(*row) == model(chosen)).collect()
        }
        _ => visible.into_iter().filter(|row| of_cause(row) && own(row)).collect(),
    };
    let mut rows: Vec<(String, String)> =
        rows.into_iter().map(|row| (canonical(&model(row)), triage.causes.failures[row].key.clone())).collect();
    rows.sort();
    rows.dedup();
    rows
}

fn canonical(model: &str) -> String {
    model.replace('.', "_").to_lowercase()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics_in_the_triage(
        triage in triage(),
        read in read(),
        msgs in prop::collection::vec(
            prop_oneof![
                14 => properties::key(),
                4 => properties::mouse(),
                1 => event().prop_map(Msg::Engine),
                1 => ".{0,30}".prop_map(Msg::Paste),
                2 => (80..200_u16, 24..60_u16).prop_map(|(columns, rows)| Msg::Resize(columns, rows)),
                1 => (0..300_u16, 0..300_u16).prop_map(|(columns, rows)| Msg::Resize(columns, rows)),
            ],
            0..60,
        ),
    ) {
        let mut wizard = Wizard::planned(80, 24);
        super::tell(&mut wizard, &triage);
        wizard.keys("t");
        for msg in msgs {
            let actions = wizard.send(msg);
            answer(&mut wizard, actions, &read);
            if wizard.state.screen == Screen::Main && Context::of(&wizard.state) == Context::Main {
                let actions = wizard.keys("t");
                answer(&mut wizard, actions, &read);
            }
            let steers = wizard.screen().contains(['\u{1b}', '\u{9b}', '\u{202e}']);
            prop_assert!(!steers);
            if let Some(triaging) = wizard.state.triaging()
                && Context::of(&wizard.state) != Context::Small
                && triaging.part != Part::Edit
                && !triaging.tree.lines.is_empty()
            {
                let height = usize::from(areas(&wizard.state, triaging).list.height);
                prop_assert!((triaging.top..triaging.top + height).contains(&triaging.at));
                prop_assert!(triaging.at < triaging.tree.lines.len());
            }
        }
    }

    #[test]
    fn a_wish_names_exactly_the_rows_that_are_shown(
        triage in triage(),
        needle in prop_oneof![Just(String::new()), Just("Sale".to_owned()), "[0-9a]{1,2}"],
        which in 0..3_usize,
        moves in prop::collection::vec(prop::sample::select(vec!['n', 'g', '+', '-', 'j', 'l', 'h', 'G']), 0..12),
        deciding in prop::sample::select(vec!['x', 'k']),
    ) {
        let mut wizard = Wizard::planned(80, 24);
        super::tell(&mut wizard, &triage);
        wizard.keys("t");
        wizard.keys(&"f".repeat(which));
        wizard.keys("/");
        wizard.keys(&needle);
        wizard.key(crossterm::event::KeyCode::Enter);
        for key in moves {
            wizard.keys(&key.to_string());
        }
        prop_assume!(shown(&wizard).node().is_some());
        let expected = expected(&wizard);
        let said = format!("{} row", expected.len());
        let mut actions = wizard.keys(&deciding.to_string());
        if Context::of(&wizard.state) == Context::TriageConfirm {
            let screen = wizard.screen();
            let only = expected.len() == 1 && screen.contains("the only row of");
            prop_assert!(only || screen.contains(&said), "{said}\n{screen}");
            actions.extend(wizard.keys("y"));
        }
        let taken: Vec<Decision> = actions
            .into_iter()
            .filter_map(|action| match action {
                Action::Send(Wish::Decide(Deciding::Take(taken))) => Some(taken),
                _ => None,
            })
            .flatten()
            .collect();
        let mut named: Vec<(String, String)> = taken
            .iter()
            .flat_map(|decision| match &decision.rows {
                Scope::These(keys) => keys.iter().map(|key| (canonical(&decision.model), key.clone())).collect::<Vec<_>>(),
                // All rows of a model that is gone were chosen one by one: the decision holds for those that come later.
                Scope::All(_) => {
                    let failures = triage.causes.failures.iter();
                    let of_model = failures.filter(|failure| failure.model_or_table() == decision.model);
                    of_model.map(|failure| (canonical(&decision.model), failure.key.clone())).collect()
                }
            })
            .collect();
        named.sort();
        named.dedup();
        prop_assert_eq!(named, expected);
    }
}

/// A row of the snapshot was looked up, which may be any.
pub fn looked() -> impl Strategy<Value = Msg> {
    (".{0,9}", read()).prop_map(|(text, read)| {
        let place = RowPlace {
            script: text.clone(),
            models: None,
            table: text.clone(),
            key: text.clone(),
            file: text,
            line: 4,
        };
        Msg::Row(Looked { place, read })
    })
}
