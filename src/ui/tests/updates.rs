//! What messages do: lists of messages, lists of actions.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use super::{LOG, NOW, Wizard, question};
use crate::engine::{Cancel, Event, Keys, NoticeLevel, Outcome, Wish};
use crate::error::{Kind, Report};
use crate::procedure::{StepId, StepState};
use crate::ui::keymap::{Command, Context};
use crate::ui::layout::{areas, key_bar};
use crate::ui::state::{Action, Msg, Popup};

fn typed(bytes: &[u8]) -> Action {
    Action::Send(Wish::Type(Keys::new(bytes)))
}

fn awaited(secret: bool) -> Event {
    Event::InputAwaited { step: Some(StepId::Restore), prompt: "Sure? ".into(), secret, certain: true }
}

#[test]
fn enter_begins_and_quit_leaves_while_all_is_quiet() {
    let mut wizard = Wizard::planned(80, 24);
    assert_eq!(wizard.key(KeyCode::Enter), vec![Action::Send(Wish::Continue)]);
    assert_eq!(wizard.keys("q"), vec![Action::Send(Wish::Leave), Action::Quit]);
}

#[test]
fn quitting_while_a_step_runs_asks_first() {
    let mut wizard = Wizard::restoring(80, 24, LOG);
    assert_eq!(wizard.keys("q"), vec![]);
    assert_eq!(wizard.state.popup, Some(Popup::Quit));
    assert_eq!(wizard.key(KeyCode::Enter), vec![]);
    assert_eq!(wizard.keys("y"), vec![Action::Send(Wish::Leave), Action::Quit]);
}

#[test]
fn a_question_is_answered_by_its_keys_alone() {
    let mut wizard = Wizard::planned(80, 24);
    wizard.tell(Event::Asked { ask: question() });
    assert_eq!(wizard.key(KeyCode::Enter), vec![]);
    assert_eq!(wizard.keys("yq"), vec![]);
    let answer = Wish::Choose { question: "stop-services.confirm".into(), key: 's' };
    assert_eq!(wizard.keys("s"), vec![Action::Send(answer)]);
    assert_eq!(Context::of(&wizard.state), Context::Main);
}

#[test]
fn a_question_put_aside_comes_back() {
    let mut wizard = Wizard::planned(80, 24);
    wizard.tell(Event::Asked { ask: question() });
    wizard.key(KeyCode::Esc);
    assert_eq!(wizard.key(KeyCode::Enter), vec![], "nothing starts while a question is open");
    wizard.keys("a");
    assert_eq!(Context::of(&wizard.state), Context::Ask);
}

#[test]
fn an_answer_by_somebody_else_closes_the_question() {
    let mut wizard = Wizard::planned(80, 24);
    wizard.tell(Event::Asked { ask: question() });
    wizard.tell(Event::Chosen { question: "stop-services.confirm".into(), key: 's', by: "--yes".into() });
    assert!(wizard.state.asks.is_empty());
}

#[test]
fn keys_go_to_a_command_that_waits() {
    let mut wizard = Wizard::restoring(80, 24, LOG);
    wizard.tell(awaited(false));
    assert_eq!(wizard.keys("y"), vec![typed(b"y")]);
    assert_eq!(wizard.key(KeyCode::Enter), vec![typed(b"\r")]);
    assert_eq!(wizard.control('c'), vec![typed(b"\x03")]);
    wizard.key(KeyCode::Esc);
    assert_eq!(wizard.keys("q"), vec![]);
    assert_eq!(wizard.state.popup, Some(Popup::Quit));
}

#[test]
fn the_rest_of_an_answer_never_becomes_a_command_of_the_wizard() {
    let mut wizard = Wizard::restoring(80, 24, LOG);
    wizard.tell(awaited(false));
    wizard.keys("y");
    wizard.tell(Event::InputTaken);
    assert_eq!(wizard.keys("es"), vec![typed(b"e"), typed(b"s")]);
    wizard.send(Msg::Clock(NOW * 1000 + 5_000));
    assert_eq!(Context::of(&wizard.state), Context::Main);
}

#[test]
fn after_enter_the_keys_are_the_wizards_again() {
    let mut wizard = Wizard::restoring(80, 24, LOG);
    wizard.tell(awaited(false));
    wizard.keys("y");
    wizard.key(KeyCode::Enter);
    wizard.tell(Event::InputTaken);
    assert_eq!(Context::of(&wizard.state), Context::Main);
}

#[test]
fn a_password_is_sent_at_once_and_forgotten() {
    let mut wizard = Wizard::restoring(80, 24, LOG);
    wizard.tell(awaited(true));
    assert_eq!(wizard.keys("sesam"), vec![]);
    assert_eq!(wizard.send(Msg::Paste("öffne\n".into())), vec![]);
    assert!(!format!("{:?}", wizard.state).contains("sesam"));
    assert!(!wizard.screen().contains("sesam"));
    assert_eq!(wizard.key(KeyCode::Enter), vec![typed("sesamöffne\r".as_bytes())]);
    assert_eq!(wizard.state.secret.len(), 0);
}

#[test]
fn a_password_that_was_not_sent_is_wiped() {
    for end in [
        Event::InputTaken,
        Event::CommandEnded { step: StepId::Restore, command: 1, exit: None, signal: Some(2), seconds: 1.0 },
    ] {
        let mut wizard = Wizard::restoring(80, 24, LOG);
        wizard.tell(awaited(true));
        wizard.keys("sesam");
        wizard.tell(end);
        assert_eq!(wizard.state.secret.len(), 0);
    }
}

#[test]
fn cancelling_has_three_levels_and_killing_two_strokes() {
    let mut wizard = Wizard::restoring(80, 24, LOG);
    wizard.control('c');
    assert_eq!(wizard.keys("i"), vec![Action::Send(Wish::Cancel(Cancel::Interrupt))]);
    wizard.control('c');
    assert_eq!(wizard.keys("k"), vec![]);
    assert_eq!(wizard.keys("k"), vec![Action::Send(Wish::Cancel(Cancel::Kill))]);
    wizard.control('c');
    assert_eq!(wizard.keys("f"), vec![Action::Send(Wish::Cancel(Cancel::AfterStep))]);
    wizard.control('c');
    assert_eq!(wizard.keys("l"), vec![Action::Send(Wish::Leave), Action::Quit]);
}

#[test]
fn skipping_names_the_consequence_first() {
    let mut wizard = Wizard::planned(80, 24);
    assert_eq!(wizard.keys("s"), vec![]);
    assert_eq!(wizard.keys("y"), vec![Action::Send(Wish::Skip(StepId::Check))]);
}

#[test]
fn a_failed_step_is_run_again_at_once_a_settled_one_after_a_question() {
    let mut wizard = Wizard::planned(80, 24);
    wizard.ended(StepId::Check, StepState::Failed { because: "no".into() }, 1.0);
    wizard.tell(Event::Rested { outcome: Outcome::Failed, summary: "no".into() });
    assert_eq!(wizard.keys("r"), vec![Action::Send(Wish::Run(StepId::Check))]);
    wizard.ended(StepId::Check, StepState::Done { summary: "yes".into() }, 1.0);
    assert_eq!(wizard.keys("r"), vec![]);
    assert_eq!(wizard.keys("y"), vec![Action::Send(Wish::Run(StepId::Check))]);
}

#[test]
fn a_watcher_can_only_watch_or_take_over() {
    let mut wizard = Wizard::restoring(80, 24, LOG);
    wizard.tell(Event::Watching { operator: "anna".into(), since: NOW });
    assert_eq!(wizard.keys("ip!rs"), vec![]);
    assert_eq!(wizard.state.popup, None);
    wizard.keys("t");
    assert_eq!(wizard.keys("y"), vec![Action::Send(Wish::TakeOver)]);
    wizard.tell(Event::Driving);
    assert_eq!(wizard.keys("p"), vec![Action::Send(Wish::PauseAfterStep)]);
}

#[test]
fn looking_at_another_step_stays_there_until_following_again() {
    let mut wizard = Wizard::planned(80, 24);
    wizard.start(StepId::Check, LOG);
    wizard.key(KeyCode::Down);
    assert_eq!((wizard.state.selected, wizard.state.log.path.is_none()), (1, true));
    wizard.ended(StepId::Check, StepState::Done { summary: "yes".into() }, 1.0);
    wizard.start(StepId::StopServices, LOG);
    wizard.key(KeyCode::Up);
    wizard.ended(StepId::StopServices, StepState::Done { summary: "yes".into() }, 1.0);
    wizard.start(StepId::Snapshot, LOG);
    assert_eq!(wizard.state.selected, 0);
    wizard.keys("f");
    assert_eq!(wizard.state.selected, 2);
}

#[test]
fn the_shell_takes_all_keys_but_the_way_out() {
    let mut wizard = Wizard::planned(80, 24);
    assert_eq!(wizard.keys("!"), vec![Action::Send(Wish::OpenShell)]);
    let opened = wizard.tell(Event::ShellOpened { log: "/log/shell".into(), from: 7 });
    assert!(matches!(opened[..], [Action::Send(Wish::Resize { columns: 78, .. })]), "{opened:?}");
    assert_eq!(wizard.keys("q?"), vec![typed(b"q"), typed(b"?")]);
    assert_eq!(wizard.control('c'), vec![typed(b"\x03")]);
    assert_eq!(wizard.key(KeyCode::F(12)), vec![]);
    assert_eq!(wizard.key(KeyCode::Down), vec![]);
    assert_eq!(wizard.state.selected, 1);
    wizard.keys("!");
    assert_eq!(wizard.key(KeyCode::Esc), vec![typed(b"\x1b")]);
    wizard.tell(Event::ShellClosed);
    assert_eq!(Context::of(&wizard.state), Context::Main);
}

#[test]
fn a_long_absence_is_ended_by_a_call() {
    let mut wizard = Wizard::restoring(80, 24, LOG);
    wizard.send(Msg::Clock((NOW + 60) * 1000));
    let actions = wizard.tell(awaited(false));
    assert!(actions.contains(&Action::Notify("The command waits for your answer.")), "{actions:?}");
    let actions = wizard.tell(Event::RunEnded { outcome: Outcome::Done, summary: "Done.".into() });
    assert!(actions.contains(&Action::Notify("The run is over.")), "{actions:?}");
}

#[test]
fn a_search_goes_along_with_every_letter() {
    let mut wizard = Wizard::restoring(80, 24, LOG);
    wizard.keys("/lo");
    assert_eq!(wizard.state.log.search.as_ref().map(|search| search.found), Some(crate::ui::log_view::Found::At(2)));
    wizard.key(KeyCode::Enter);
    wizard.keys("n");
    assert_eq!(wizard.state.log.search.as_ref().map(|search| search.found), Some(crate::ui::log_view::Found::At(5)));
    wizard.key(KeyCode::Esc);
    assert_eq!(wizard.state.log.search, None);
}

#[test]
fn copying_says_how_much_was_copied() {
    let mut wizard = Wizard::restoring(80, 24, LOG);
    assert_eq!(wizard.keys("y"), vec![Action::Clipboard("text\n".into())]);
    assert!(wizard.screen().contains("to your clipboard."));
}

#[test]
fn a_click_on_a_key_of_the_key_bar_is_that_key() {
    let mut wizard = Wizard::planned(80, 24);
    let bar = areas(&wizard.state).keys;
    let hint = key_bar(&wizard.state, bar).into_iter().find(|placed| placed.command == Command::Go).unwrap();
    let click = MouseEvent {
        kind: MouseEventKind::Down(MouseButton::Left),
        column: hint.area.x,
        row: hint.area.y,
        modifiers: KeyModifiers::NONE,
    };
    assert_eq!(wizard.send(Msg::Mouse(click)), vec![Action::Send(Wish::Continue)]);
}

#[test]
fn a_click_selects_a_step() {
    let mut wizard = Wizard::planned(80, 24);
    let click =
        MouseEvent { kind: MouseEventKind::Down(MouseButton::Left), column: 9, row: 5, modifiers: KeyModifiers::NONE };
    wizard.send(Msg::Mouse(click));
    assert_eq!(wizard.state.selected, 4);
}

#[test]
fn a_lost_terminal_ends_the_wizard() {
    let mut wizard = Wizard::restoring(80, 24, LOG);
    assert_eq!(wizard.send(Msg::Terminated), vec![Action::Send(Wish::Leave), Action::Quit]);
}

#[test]
fn the_last_line_says_what_to_do_as_long_as_the_step_waits_for_it() {
    let mut wizard = Wizard::restoring(80, 24, LOG);
    let report = Report::new(Kind::Environment, "The disk is full.").next("Free some space below /srv/site.");
    wizard.tell(Event::Troubled { report });
    wizard.key(KeyCode::Esc);
    assert_eq!(crate::ui::screens::words::now(&wizard.state), "Step 9 waits. Free some space below /srv/site.");
    wizard.tell(Event::Noticed { level: NoticeLevel::Info, text: "It goes on.".into() });
    let told = crate::ui::screens::words::now(&wizard.state);
    assert_eq!(told, "Step 9 is running: Restore the snapshot. There is nothing for you to do.");
}

#[test]
fn a_refusal_stays_readable_although_the_engine_ends_after_it() {
    let mut wizard = Wizard::new(80, 24);
    let report = Report::new(Kind::Environment, "There is no site here.").next("Go to its directory.");
    wizard.tell(Event::Troubled { report: report.clone() });
    wizard.tell(Event::RunEnded { outcome: Outcome::Refused, summary: "There is no site here.".into() });
    wizard.send(Msg::EngineGone);
    assert_eq!(wizard.state.popup, Some(Popup::Trouble(report)));
    wizard.key(KeyCode::Esc);
    assert_eq!(wizard.keys("q"), vec![Action::Send(Wish::Leave), Action::Quit]);
}

#[test]
fn released_keys_do_nothing() {
    let mut wizard = Wizard::planned(80, 24);
    let mut key = KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE);
    key.kind = crossterm::event::KeyEventKind::Release;
    assert_eq!(wizard.send(Msg::Key(key)), vec![]);
}

#[test]
fn nothing_hostile_of_a_log_reaches_the_screen() {
    let mut wizard = Wizard::restoring(120, 36, LOG);
    wizard.tell(Event::InputAwaited {
        step: None,
        prompt: "\u{1b}]0;evil\u{7}\u{202e}Sure? ".into(),
        secret: false,
        certain: false,
    });
    let screen = wizard.screen();
    assert_eq!(screen.chars().find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}'), None);
}

#[test]
fn who_leaves_reads_how_the_site_is_left_behind() {
    let said = |wizard: &Wizard| crate::ui::screens::farewell(&wizard.state);
    let mut wizard = Wizard::planned(80, 24);
    wizard.ended(StepId::Check, StepState::Done { summary: "All is well.".into() }, 8.0);
    assert_eq!(said(&wizard), None);
    let mut wizard = Wizard::restoring(80, 24, &[]);
    let next = "The site is down since 21:07. To go on: lino-upgrade. To go back to the old version: lino-upgrade undo";
    assert_eq!(
        said(&wizard).unwrap(),
        format!("The upgrade goes on by itself with step 9, Restore the snapshot. {next}")
    );
    wizard.ended(StepId::Restore, StepState::Failed { because: "a row".into() }, 8.0);
    assert_eq!(said(&wizard).unwrap(), format!("The upgrade stands at step 9, Restore the snapshot: failed. {next}"));
    wizard.ended(StepId::Restore, StepState::Done { summary: "All is well.".into() }, 8.0);
    assert_eq!(said(&wizard).unwrap(), format!("The upgrade waits before step 10, Triage. {next}"));
    let summary = "The site was upgraded from 1.0 to 2.0.".to_owned();
    wizard.tell(Event::RunEnded { outcome: Outcome::Done, summary: summary.clone() });
    assert_eq!(said(&wizard), Some(summary));
}
