//! What the keys of the way back do.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use super::{LOG, Loses, does_it_look_right, failed, impossible, plan, shown, steps, tell, undoing};
use crate::engine::{Cancel, Event, Outcome, Versions, Wish};
use crate::procedure::{StepId, StepState};
use crate::ui::keymap::{Command, Context, hints};
use crate::ui::layout::{areas, key_bar};
use crate::ui::state::{Action, Msg, Obstacle, Popup};
use crate::ui::tests::{NOW, Wizard};

fn ask() -> Vec<Action> {
    vec![Action::Send(Wish::PlanUndo)]
}

fn undo() -> Vec<Action> {
    vec![Action::Send(Wish::Undo { run: 3 })]
}

fn offered(wizard: &Wizard) -> Vec<Command> {
    hints(&wizard.state).into_iter().map(|hint| hint.command).collect()
}

fn title(wizard: &Wizard) -> String {
    wizard.screen().lines().next().unwrap().to_owned()
}

#[test]
fn the_key_asks_for_the_plan_and_begins_nothing() {
    let mut wizard = failed(80, 24);
    assert_eq!(wizard.keys("u"), ask());
    assert_eq!(Context::of(&wizard.state), Context::Undo);
    assert_eq!(wizard.keys("yb"), vec![], "there is no plan yet");
    assert_eq!(wizard.key(KeyCode::Enter), vec![]);
    wizard.key(KeyCode::Esc);
    assert_eq!(wizard.state.popup, None);
    tell(&mut wizard, plan(Loses::Nothing));
    assert_eq!(wizard.state.popup, None, "an answer that nobody waits for opens nothing");
}

#[test]
fn an_undo_that_loses_nothing_begins_with_one_key() {
    let mut wizard = shown(80, 24, plan(Loses::Nothing));
    assert_eq!(wizard.key(KeyCode::Enter), vec![]);
    assert_eq!(wizard.keys("b"), vec![]);
    assert_eq!(wizard.keys("y"), undo());
    assert_eq!(wizard.state.popup, None);
}

#[test]
fn an_undo_that_loses_rows_asks_once_more_with_another_key() {
    let mut wizard = shown(80, 24, plan(Loses::Rows));
    assert_eq!(wizard.keys("yyyy"), vec![], "a key that is held down answers one question");
    assert_eq!(wizard.state.popup, Some(Popup::UndoSure));
    assert_eq!(wizard.key(KeyCode::Enter), vec![]);
    assert_eq!(wizard.keys("n"), vec![]);
    assert_eq!(wizard.state.popup, Some(Popup::Undo));
    assert_eq!(wizard.keys("y"), vec![]);
    assert_eq!(wizard.keys("b"), undo());
}

#[test]
fn a_plan_that_has_changed_is_shown_before_it_is_begun() {
    let mut wizard = shown(80, 24, plan(Loses::Rows));
    wizard.keys("y");
    tell(&mut wizard, plan(Loses::Rows));
    assert_eq!(wizard.state.popup, Some(Popup::UndoSure));
    tell(&mut wizard, crate::engine::UndoPlan { seconds: Some(7), ..plan(Loses::Rows) });
    assert_eq!(wizard.state.popup, Some(Popup::Undo));
    assert_eq!(wizard.keys("b"), vec![]);
}

#[test]
fn what_the_operator_left_out_is_lost_and_what_is_back_is_not_lost_again() {
    let with = |id: StepId, state: StepState| {
        let mut plan = plan(Loses::Rows);
        plan.steps.iter_mut().filter(|step| step.step == id).for_each(|step| step.state = state.clone());
        crate::ui::state::loses_rows(&plan)
    };
    let skipped = |because: &str| StepState::Skipped { because: because.into() };
    assert!(with(StepId::UndoKeep, skipped("left out by the operator")));
    assert!(!with(StepId::UndoKeep, skipped("the database stays as it is")));
    assert!(with(StepId::UndoDatabase, StepState::Failed { because: String::new() }));
    assert!(!with(StepId::UndoDatabase, StepState::Done { summary: String::new() }));
}

#[test]
fn where_nobody_has_entered_anything_it_is_asked_once() {
    let mut wizard = shown(80, 24, crate::engine::UndoPlan { rows_lost: Some(0), ..plan(Loses::Rows) });
    assert_eq!(wizard.keys("y"), undo());
    let mut wizard = shown(80, 24, crate::engine::UndoPlan { rows_lost: None, ..plan(Loses::Rows) });
    assert_eq!(wizard.keys("y"), vec![]);
}

#[test]
fn a_run_in_which_nothing_was_begun_becomes_the_undo_and_says_what_comes_back() {
    let mut wizard = failed(80, 24);
    let opened = |undoes| Event::RunOpened { run: 4, resumed: false, started: NOW, state_dir: "/state".into(), undoes };
    wizard.tell(opened(None));
    wizard.keys("u");
    tell(&mut wizard, plan(Loses::Nothing));
    wizard.keys("y");
    wizard.tell(opened(Some(3)));
    assert_eq!((wizard.state.is_undo(), wizard.state.back_to()), (true, "noi 25.1.1".to_owned()));
}

#[test]
fn where_nothing_can_be_undone_no_key_begins_it() {
    let mut wizard = shown(80, 24, impossible());
    assert_eq!(wizard.keys("yb"), vec![]);
    assert_eq!(wizard.state.popup, Some(Popup::Undo));
    wizard.keys("q");
    assert_eq!(wizard.state.popup, None);
}

#[test]
fn a_running_step_is_cancelled_first() {
    let mut wizard = Wizard::restoring(80, 24, LOG);
    assert_eq!(wizard.keys("u"), vec![]);
    assert_eq!((&wizard.state.popup, wizard.state.undo_obstacle()), (&Some(Popup::NoUndo), Some(Obstacle::Running)));
    assert_eq!(wizard.control('c'), vec![]);
    assert_eq!(wizard.state.popup, Some(Popup::Cancel));
    assert_eq!(wizard.keys("i"), vec![Action::Send(Wish::Cancel(Cancel::Interrupt))]);
    wizard.ended(StepId::Restore, StepState::Interrupted { because: "Ctrl-C".into() }, 3.0);
    wizard.tell(Event::Rested { outcome: Outcome::Interrupted, summary: "Interrupted.".into() });
    assert_eq!(wizard.keys("u"), ask());
}

#[test]
fn a_rehearsal_is_ended_first() {
    let mut wizard = Wizard::planned(80, 24);
    wizard.tell(Event::RehearsalStarted { retry: false, log: "/log".into(), from: 0, at: NOW });
    assert_eq!(wizard.keys("u"), vec![]);
    assert_eq!(wizard.state.undo_obstacle(), Some(Obstacle::Rehearsing));
    assert_eq!(wizard.keys("c"), vec![]);
    assert_eq!(wizard.state.popup, Some(Popup::EndRehearsal));
}

#[test]
fn a_shell_is_left_first() {
    let mut wizard = Wizard::planned(80, 24);
    wizard.tell(Event::ShellOpened { log: "/log/shell".into(), from: 0 });
    wizard.key(KeyCode::F(12));
    assert_eq!(wizard.keys("u"), vec![]);
    assert_eq!(wizard.state.undo_obstacle(), Some(Obstacle::Shell));
    wizard.keys("!");
    assert_eq!(Context::of(&wizard.state), Context::Shell);
}

#[test]
fn a_question_is_left_unanswered_when_the_old_version_shall_come_back() {
    let mut wizard = Wizard::restoring(80, 24, LOG);
    wizard.tell(Event::Asked { ask: does_it_look_right() });
    assert!(offered(&wizard).contains(&Command::WayBack));
    assert_eq!(wizard.keys("u"), vec![]);
    assert_eq!((&wizard.state.popup, wizard.state.undo_obstacle()), (&Some(Popup::NoUndo), Some(Obstacle::Asked)));
    assert_eq!(wizard.keys("u"), vec![Action::Send(Wish::Cancel(Cancel::Interrupt))]);
    assert_eq!(Context::of(&wizard.state), Context::Main);
    wizard.ended(StepId::Restore, StepState::Interrupted { because: "not confirmed yet".into() }, 3.0);
    let rested = Event::Rested { outcome: Outcome::Interrupted, summary: "Interrupted.".into() };
    assert_eq!(wizard.tell(rested.clone()), ask());
    assert_eq!(wizard.state.popup, Some(Popup::Undo));
    wizard.key(KeyCode::Esc);
    assert_eq!(wizard.tell(rested), vec![]);
}

#[test]
fn before_anything_is_down_no_question_offers_an_undo() {
    let mut wizard = Wizard::planned(80, 24);
    wizard.start(StepId::StopServices, LOG);
    wizard.tell(Event::Asked { ask: does_it_look_right() });
    assert!(!offered(&wizard).contains(&Command::WayBack));
    assert_eq!(wizard.keys("u"), vec![]);
    assert_eq!(wizard.state.popup, None);
}

#[test]
fn a_question_is_answered_first() {
    let mut wizard = undoing(80, 24, 7);
    wizard.start(StepId::UndoConfirm, LOG);
    wizard.tell(Event::Asked { ask: does_it_look_right() });
    wizard.key(KeyCode::Esc);
    assert_eq!(wizard.keys("u"), vec![]);
    assert_eq!(wizard.state.undo_obstacle(), Some(Obstacle::Asked));
    wizard.keys("a");
    assert_eq!(Context::of(&wizard.state), Context::Ask);
    let answer = Wish::Choose { question: "undo-confirm.confirm".into(), key: 'y' };
    assert_eq!(wizard.keys("y"), vec![Action::Send(answer)]);
}

#[test]
fn a_watcher_is_told_why_and_may_take_over() {
    for (event, obstacle) in [
        (Event::Watching { operator: "anna".into(), since: NOW }, Obstacle::Watching),
        (Event::DriverLeft, Obstacle::Left),
    ] {
        let mut wizard = failed(80, 24);
        wizard.tell(event);
        assert_eq!(wizard.keys("u"), vec![]);
        assert_eq!(wizard.state.undo_obstacle(), Some(obstacle));
        wizard.keys("t");
        assert_eq!(wizard.keys("y"), vec![Action::Send(Wish::TakeOver)]);
    }
}

#[test]
fn a_plan_cannot_be_begun_once_somebody_else_drives() {
    let mut wizard = shown(80, 24, plan(Loses::Rows));
    wizard.keys("y");
    wizard.tell(Event::Watching { operator: "anna".into(), since: NOW });
    assert_eq!(wizard.keys("b"), vec![]);
    wizard.keys("n");
    assert_eq!(wizard.keys("y"), vec![]);
    assert_eq!(offered(&wizard), [Command::Back]);
}

#[test]
fn a_click_on_the_key_asks_as_the_key_does() {
    let mut wizard = failed(80, 24);
    let bar = areas(&wizard.state).keys;
    let hint = key_bar(&wizard.state, bar).into_iter().find(|placed| placed.command == Command::WayBack).unwrap();
    let click = MouseEvent {
        kind: MouseEventKind::Down(MouseButton::Left),
        column: hint.area.x,
        row: hint.area.y,
        modifiers: KeyModifiers::NONE,
    };
    assert_eq!(wizard.send(Msg::Mouse(click)), ask());
}

#[test]
fn an_undo_shows_its_own_steps_and_offers_what_is_possible() {
    let mut wizard = undoing(80, 24, 0);
    assert_eq!(wizard.state.steps.len(), 9);
    assert_eq!(wizard.state.selected, 0);
    assert!(title(&wizard).contains("myproject · back to noi 25.1.1"), "{}", title(&wizard));
    let never = [Command::Rehearse, Command::Triage, Command::Diff];
    assert!(!offered(&wizard).iter().any(|command| never.contains(command)));
    assert_eq!(wizard.keys("htd"), vec![]);
    assert_eq!(wizard.key(KeyCode::Enter), vec![Action::Send(Wish::Continue)]);
    assert_eq!(wizard.keys("s"), vec![]);
    assert_eq!(wizard.keys("y"), vec![Action::Send(Wish::Skip(StepId::UndoStop))]);
}

#[test]
fn an_undo_that_is_taken_up_again_has_its_steps_and_its_title_before_the_plan() {
    let mut wizard = Wizard::new(80, 24);
    wizard.tell(Event::SiteFound { name: "myproject".into(), dir: "/x".into(), python: None, config: None });
    wizard.tell(Event::RunOpened { run: 4, resumed: true, started: NOW, state_dir: "/state".into(), undoes: Some(3) });
    assert!(title(&wizard).contains("myproject · back to the old version"), "{}", title(&wizard));
    wizard.start(StepId::UndoEnvironment, LOG);
    wizard.tell(Event::PlanMade { steps: steps(Loses::Rows) });
    assert_eq!(wizard.state.steps[2].plan.step, StepId::UndoEnvironment);
    wizard.tell(Event::FactsLearned {
        versions: Versions { application: "noi".into(), old: "25.1.1".into(), ..Versions::default() },
        database: "sqlite".into(),
        models: 95,
        languages: Vec::new(),
    });
    assert!(title(&wizard).contains("myproject · back to noi 25.1.1"), "{}", title(&wizard));
}

#[test]
fn what_is_known_of_the_new_version_is_never_called_the_old_one() {
    let mut wizard = Wizard::planned(80, 24);
    // Somebody else has begun an undo: this wizard has seen no plan of it.
    wizard.tell(Event::RunOpened { run: 4, resumed: false, started: NOW, state_dir: "/state".into(), undoes: Some(3) });
    assert!(title(&wizard).contains("myproject · back to the old version"), "{}", title(&wizard));
}

#[test]
fn a_long_name_of_a_site_leaves_the_direction_visible() {
    let mut wizard = undoing(80, 24, 0);
    wizard.state.site.as_mut().unwrap().name = "a very long name of a site ".repeat(9);
    assert!(title(&wizard).contains("… · back to noi 25.1.1"), "{}", title(&wizard));
}

#[test]
fn an_upgrade_that_is_over_can_still_be_undone_from_its_summary() {
    let mut wizard = Wizard::planned(80, 24);
    for step in StepId::ALL {
        wizard.ended(step, StepState::Done { summary: "All is well.".into() }, 8.0);
    }
    wizard.tell(Event::RunEnded { outcome: Outcome::Done, summary: "The site runs noi 26.9.2 now.".into() });
    assert!(wizard.screen().contains("lino-upgrade undo --forget 3"), "{}", wizard.screen());
    assert_eq!(wizard.keys("u"), ask());
    tell(&mut wizard, plan(Loses::Nothing));
    assert_eq!(wizard.keys("y"), undo());
    wizard.tell(Event::RunOpened { run: 4, resumed: false, started: NOW, state_dir: "/state".into(), undoes: Some(3) });
    assert_eq!((wizard.state.popup.clone(), Context::of(&wizard.state)), (None, Context::Main));
}

#[test]
fn an_undo_that_is_over_says_so_and_asks_nothing_of_the_upgrade() {
    let mut wizard = undoing(80, 24, 8);
    wizard.tell(Event::RunEnded { outcome: Outcome::Done, summary: "The old version is back: 25.1.1.".into() });
    let screen = wizard.screen();
    assert!(screen.contains("The old version is back"), "{screen}");
    assert!(screen.contains("Run 4, the undo of run 3"), "{screen}");
    wizard.key(KeyCode::Esc);
    assert_eq!(wizard.keys("u"), ask());
}

#[test]
fn released_keys_begin_nothing() {
    let mut wizard = shown(80, 24, plan(Loses::Nothing));
    let mut key = KeyEvent::new(KeyCode::Char('y'), KeyModifiers::NONE);
    key.kind = crossterm::event::KeyEventKind::Release;
    assert_eq!(wizard.send(Msg::Key(key)), vec![]);
}
