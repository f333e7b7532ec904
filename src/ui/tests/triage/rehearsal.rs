//! The way to rehearse from the first screen: what is offered, shown and sent.

use crossterm::event::KeyCode;
use insta::assert_snapshot;

use super::{later, tell};
use crate::engine::{Cancel, Event, Rehearsing, Wish};
use crate::procedure::{StepId, StepState};
use crate::ui::keymap::{Command, Context, hints};
use crate::ui::state::{Action, Popup};
use crate::ui::tests::{NOW, Wizard};

const LOG: &[&str] = &[
    "Copying the environment of the site…",
    "Collecting lino-noi==26.9.2",
    "Loading 82 objects to table contacts_partner...",
    "Deferred Company #101 : FOREIGN KEY constraint failed",
];

fn rehearsing(columns: u16, rows: u16) -> Wizard {
    let mut wizard = Wizard::planned(columns, rows);
    assert_eq!(wizard.keys("h"), vec![Action::Send(Wish::Rehearse(Rehearsing::Whole))]);
    wizard.log = LOG.iter().map(|line| (*line).to_owned()).collect();
    wizard.tell(Event::RehearsalStarted { retry: false, log: "/state/rehearsal.log".into(), from: 0, at: NOW - 42 });
    wizard.tell(Event::Rehearsing { done: 4152, total: Some(6806), text: "Loading contacts_partner".into() });
    wizard.grew();
    wizard
}

fn over(columns: u16, rows: u16, clean: bool) -> Wizard {
    let mut wizard = rehearsing(columns, rows);
    let refused = if clean { 0 } else { 15 };
    wizard.tell(Event::RehearsalEnded { seconds: 72.4, loaded: 6806 - refused, refused, clean, problem: None });
    if !clean {
        tell(&mut wizard, &later());
    }
    wizard
}

/// Snapshots a scene at both sizes.
fn both(name: &str, scene: impl Fn(u16, u16) -> Wizard) {
    for (columns, rows) in [(80, 24), (120, 36)] {
        assert_snapshot!(format!("{name}_{columns}x{rows}"), scene(columns, rows).screen());
    }
}

#[test]
fn a_rehearsal_that_runs() {
    both("running", rehearsing);
}

#[test]
fn a_rehearsal_that_is_over() {
    both("over_clean", |columns, rows| over(columns, rows, true));
    both("over_refused", |columns, rows| over(columns, rows, false));
}

#[test]
fn a_rehearsal_without_a_result() {
    both("problem", |columns, rows| {
        let mut wizard = rehearsing(columns, rows);
        let problem = Some("The disk is full: 12 MB are free in /srv/lino, and 1.3 GB are needed.".to_owned());
        wizard.tell(Event::RehearsalEnded { seconds: 2.0, loaded: 0, refused: 0, clean: false, problem });
        wizard
    });
}

#[test]
fn the_question_after_a_restore_leads_to_the_rows() {
    both("question", |columns, rows| {
        let mut wizard = Wizard::planned(columns, rows);
        tell(&mut wizard, &later());
        let mut ask = crate::ui::tests::question();
        ask.question = "triage.unsaved".into();
        ask.step = StepId::Triage;
        ask.title = "15 rows were not saved.".into();
        ask.choices = vec![('t', "Look at them".into()), ('r', "Restore again".into()), ('x', "Leave them out".into())];
        wizard.tell(Event::Asked { ask });
        wizard
    });
}

#[test]
fn the_key_of_the_rows_never_answers_the_question_about_them() {
    let mut wizard = Wizard::planned(80, 24);
    tell(&mut wizard, &later());
    let mut ask = crate::ui::tests::question();
    ask.question = "triage.unsaved".into();
    ask.choices = vec![('t', "Look at them".into()), ('r', "Restore again".into())];
    wizard.tell(Event::Asked { ask });
    let sent = wizard.keys("t");
    assert!(sent.iter().all(|action| matches!(action, Action::ReadRow(_))), "{sent:?}");
    assert_eq!(Context::of(&wizard.state), Context::Triage);
    wizard.keys("q");
    assert_eq!(Context::of(&wizard.state), Context::Ask);
    let answer = Wish::Choose { question: "triage.unsaved".into(), key: 'r' };
    assert_eq!(wizard.keys("r"), vec![Action::Send(answer)]);
}

#[test]
fn a_rehearsal_is_offered_while_the_site_is_as_it_was() {
    let offers = |wizard: &Wizard| hints(&wizard.state).iter().any(|hint| hint.command == Command::Rehearse);
    let mut wizard = Wizard::planned(80, 24);
    assert!(offers(&wizard));
    wizard.ended(StepId::Check, StepState::Done { summary: "All is well.".into() }, 3.0);
    assert!(offers(&wizard));
    wizard.ended(StepId::StopServices, StepState::Done { summary: "Stopped.".into() }, 3.0);
    assert!(!offers(&wizard));
    assert_eq!(wizard.keys("h"), vec![]);
}

#[test]
fn nothing_else_begins_while_it_runs() {
    let mut wizard = rehearsing(80, 24);
    assert_eq!(wizard.key(KeyCode::Enter), vec![]);
    assert_eq!(wizard.keys("h!rsp"), vec![]);
    assert_eq!(wizard.state.popup, None);
}

#[test]
fn it_is_ended_after_a_yes() {
    let mut wizard = rehearsing(80, 24);
    assert_eq!(wizard.keys("c"), vec![]);
    assert_eq!(wizard.state.popup, Some(Popup::EndRehearsal));
    assert_eq!(wizard.keys("n"), vec![]);
    wizard.keys("c");
    assert_eq!(wizard.keys("y"), vec![Action::Send(Wish::Cancel(Cancel::Interrupt))]);
}

#[test]
fn the_question_to_end_it_goes_when_it_is_over() {
    let mut wizard = rehearsing(80, 24);
    wizard.keys("c");
    wizard.tell(Event::RehearsalEnded { seconds: 1.0, loaded: 0, refused: 0, clean: true, problem: None });
    assert_eq!(wizard.state.popup, None);
}

#[test]
fn its_log_is_shown_until_somebody_looks_at_a_step_and_comes_back_by_f() {
    let mut wizard = rehearsing(80, 24);
    assert_eq!(wizard.state.log.path.as_deref(), Some(std::path::Path::new("/state/rehearsal.log")));
    wizard.key(KeyCode::Down);
    assert_eq!(wizard.state.log.path, None);
    assert!(wizard.screen().contains("2 Stop services"), "{}", wizard.screen());
    wizard.keys("f");
    assert_eq!(wizard.state.log.path.as_deref(), Some(std::path::Path::new("/state/rehearsal.log")));
}

#[test]
fn a_step_that_begins_takes_its_place() {
    let mut wizard = over(80, 24, true);
    assert_eq!(wizard.key(KeyCode::Enter), vec![Action::Send(Wish::Continue)]);
    wizard.start(StepId::Check, &["Checking"]);
    assert!(wizard.state.shown_rehearsal().is_none());
}

#[test]
fn leaving_while_it_runs_is_asked() {
    let mut wizard = rehearsing(80, 24);
    wizard.keys("q");
    assert_eq!(wizard.state.popup, Some(Popup::Quit));
    assert!(wizard.screen().contains("It goes on in the background"), "{}", wizard.screen());
    assert!(wizard.screen().contains("Leave; the rehearsal goes on."), "{}", wizard.screen());
    assert!(wizard.screen().contains("A rehearsal is running."), "{}", wizard.screen());
}
