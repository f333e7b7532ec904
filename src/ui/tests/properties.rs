//! No message in any state panics, at no size of the terminal.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use proptest::prelude::*;

use super::compare::random;
use super::triage::random as refused;
use super::undo::random as undone;
use super::{LOG, NOW, Wizard, planned, question};
use crate::engine::{Event, NoticeLevel, Outcome};
use crate::error::{Kind, Report};
use crate::procedure::{Finding, StepId, StepState};
use crate::ui::log_view::Counted;
use crate::ui::state::{LogNews, Msg};

fn step() -> impl Strategy<Value = StepId> {
    let all: Vec<StepId> = StepId::ALL.into_iter().chain(StepId::UNDO).collect();
    prop::sample::select(all)
}

fn state() -> impl Strategy<Value = StepState> {
    prop_oneof![
        Just(StepState::Pending),
        Just(StepState::Running),
        ".{0,40}".prop_map(|summary| StepState::Done { summary }),
        ".{0,40}".prop_map(|because| StepState::Skipped { because }),
        ".{0,400}".prop_map(|because| StepState::Failed { because }),
        ".{0,40}".prop_map(|because| StepState::WillNotRun { because }),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        ".{0,300}".prop_map(|name| Event::SiteFound { name, dir: "/x".into(), python: None, config: None }),
        (0..16_usize).prop_map(|n| Event::PlanMade { steps: StepId::ALL.into_iter().take(n).map(planned).collect() }),
        (step(), any::<u32>(), any::<i64>()).prop_map(|(step, attempt, at)| Event::StepStarted {
            step,
            attempt,
            log: format!("/{step}").into(),
            at: at / 4
        }),
        step().prop_map(|step| Event::CommandStarted { step, command: 1, line: "x".into(), at: NOW }),
        step().prop_map(|step| Event::CommandEnded { step, command: 1, exit: None, signal: None, seconds: f64::NAN }),
        (step(), any::<u64>(), any::<Option<u64>>(), ".{0,80}")
            .prop_map(|(step, done, total, text)| Event::Progressed { step, done, total, text }),
        (".{0,300}", any::<bool>(), any::<bool>()).prop_map(|(prompt, secret, certain)| Event::InputAwaited {
            step: None,
            prompt,
            secret,
            certain
        }),
        Just(Event::InputTaken),
        (step(), state(), any::<f64>(), ".{0,200}").prop_map(|(step, state, seconds, text)| Event::StepEnded {
            step,
            attempt: 1,
            state,
            seconds,
            findings: vec![Finding::warn("s", text, "r")],
        }),
        any::<Option<i64>>().prop_map(|at| Event::DownSince { at: at.map(|at| at / 4) }),
        ".{0,400}".prop_map(|text| {
            let mut ask = question();
            ask.text = text;
            Event::Asked { ask }
        }),
        Just(Event::Chosen { question: "stop-services.confirm".into(), key: 's', by: "x".into() }),
        Just(Event::ShellOpened { log: "/shell".into(), from: 0 }),
        Just(Event::ShellClosed),
        Just(Event::Rested { outcome: Outcome::Failed, summary: "x".into() }),
        Just(Event::DriverLeft),
        (".{0,99}", any::<i64>()).prop_map(|(operator, since)| Event::Watching { operator, since: since / 4 }),
        Just(Event::Driving),
        ".{0,300}".prop_map(|text| Event::Noticed { level: NoticeLevel::Error, text }),
        ".{0,200}".prop_map(|what| Event::Troubled { report: Report::new(Kind::Failed, what) }),
        Just(Event::RunEnded { outcome: Outcome::Done, summary: "x".into() }),
        Just(Event::RunOpened { run: 1, resumed: true, started: NOW, state_dir: "/".into(), undoes: None }),
    ]
}

pub fn key() -> impl Strategy<Value = Msg> {
    let code = prop_oneof![
        4 => prop::char::range(' ', '~').prop_map(KeyCode::Char),
        1 => any::<char>().prop_map(KeyCode::Char),
        4 => prop::sample::select(vec![
            KeyCode::Enter, KeyCode::Esc, KeyCode::Tab, KeyCode::BackTab, KeyCode::Up, KeyCode::Down, KeyCode::Left,
            KeyCode::Right, KeyCode::PageUp, KeyCode::PageDown, KeyCode::Home, KeyCode::End, KeyCode::Backspace,
            KeyCode::F(1), KeyCode::F(12), KeyCode::Delete,
        ]),
    ];
    (code, any::<bool>()).prop_map(|(code, control)| {
        Msg::Key(KeyEvent::new(code, if control { KeyModifiers::CONTROL } else { KeyModifiers::NONE }))
    })
}

pub fn mouse() -> impl Strategy<Value = Msg> {
    let kind = prop::sample::select(vec![
        MouseEventKind::Down(MouseButton::Left),
        MouseEventKind::Up(MouseButton::Left),
        MouseEventKind::Drag(MouseButton::Left),
        MouseEventKind::ScrollUp,
        MouseEventKind::ScrollDown,
    ]);
    (kind, 0..300_u16, 0..300_u16)
        .prop_map(|(kind, column, row)| Msg::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }))
}

fn news() -> impl Strategy<Value = Msg> {
    prop_oneof![
        (any::<u64>(), any::<u64>(), any::<bool>()).prop_map(|(lines, bytes, more)| LogNews::Grew {
            lines,
            bytes,
            more
        }),
        (0..20_u64).prop_map(|lines| LogNews::Grew { lines, bytes: 1, more: false }),
        any::<Option<u64>>().prop_map(|line| LogNews::Found { line }),
        any::<Option<u64>>().prop_map(|line| LogNews::FoundTrouble { line }),
        (any::<Option<u64>>(), any::<u64>()).prop_map(|(current, total)| LogNews::Counted(Counted {
            current,
            total,
            complete: false
        })),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(|bytes| LogNews::Shell { bytes, skipped: false }),
        ".{0,9}".prop_map(|because| LogNews::Unreadable { because }),
    ]
    .prop_map(Msg::Log)
}

fn msg() -> impl Strategy<Value = Msg> {
    prop_oneof![
        6 => key(),
        2 => mouse(),
        4 => event().prop_map(Msg::Engine),
        1 => random::event().prop_map(Msg::Engine),
        1 => random::scripts(),
        1 => refused::event().prop_map(Msg::Engine),
        1 => refused::looked(),
        2 => undone::event().prop_map(Msg::Engine),
        2 => news(),
        1 => (0..300_u16, 0..300_u16).prop_map(|(columns, rows)| Msg::Resize(columns, rows)),
        1 => prop::sample::select(vec![(80, 24), (120, 36)]).prop_map(|(columns, rows)| Msg::Resize(columns, rows)),
        1 => ".{0,80}".prop_map(Msg::Paste),
        1 => any::<i64>().prop_map(Msg::Clock),
        1 => prop::sample::select(vec![0, 1, 2]).prop_map(|which| match which { 0 => Msg::EngineGone, 1 => Msg::Resumed, _ => Msg::Stopped }),
    ]
}

#[test]
fn a_terminal_without_rows_or_columns_is_survived() {
    let mut wizard = Wizard::restoring(80, 24, LOG);
    let before = wizard.screen();
    for size in [(0, 0), (0, 24), (80, 0), (1, 1)] {
        wizard.send(Msg::Resize(size.0, size.1));
        let _ = wizard.screen();
    }
    wizard.send(Msg::Resize(80, 24));
    assert_eq!(wizard.screen(), before);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn no_messages_panic(planned in any::<bool>(), msgs in prop::collection::vec(msg(), 0..40)) {
        let mut wizard = if planned { Wizard::restoring(80, 24, LOG) } else { Wizard::new(80, 24) };
        for msg in msgs {
            wizard.send(msg);
            let _ = wizard.screen();
        }
    }
}
