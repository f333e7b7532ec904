//! What the way back looks like.

use crossterm::event::KeyCode;
use insta::assert_snapshot;

use super::{LOG, Loses, WAY_BACK, does_it_look_right, failed, impossible, plan, shown, undoing};
use crate::engine::{Event, Outcome};
use crate::procedure::{Finding, StepId, StepState};
use crate::ui::tests::{NOW, Wizard};

/// Snapshots a scene at both sizes.
fn both(name: &str, scene: impl Fn(u16, u16) -> Wizard) {
    for (columns, rows) in [(80, 24), (120, 36)] {
        assert_snapshot!(format!("{name}_{columns}x{rows}"), scene(columns, rows).screen());
    }
}

#[test]
fn a_failed_step_offers_the_undo() {
    both("offered", failed);
}

#[test]
fn the_way_back_is_being_worked_out() {
    both("asked", |columns, rows| {
        let mut wizard = failed(columns, rows);
        wizard.keys("u");
        wizard
    });
}

#[test]
fn a_plan_that_loses_rows() {
    both("rows_lost", |columns, rows| shown(columns, rows, plan(Loses::Rows)));
    let mut wizard = shown(80, 24, plan(Loses::Rows));
    wizard.key(KeyCode::End);
    assert_snapshot!("rows_lost_end", wizard.screen());
}

#[test]
fn the_question_before_rows_are_lost() {
    both("sure", |columns, rows| {
        let mut wizard = shown(columns, rows, plan(Loses::Rows));
        wizard.keys("y");
        wizard
    });
}

#[test]
fn a_plan_that_loses_nothing() {
    both("nothing_lost", |columns, rows| shown(columns, rows, plan(Loses::Nothing)));
}

#[test]
fn nothing_to_undo() {
    both("impossible", |columns, rows| shown(columns, rows, impossible()));
}

#[test]
fn what_comes_first() {
    both("running_first", |columns, rows| {
        let mut wizard = Wizard::restoring(columns, rows, LOG);
        for step in &mut wizard.state.steps {
            step.plan.way_back = WAY_BACK.into();
        }
        wizard.keys("u");
        wizard
    });
    both("asked_first", |columns, rows| {
        let mut wizard = Wizard::restoring(columns, rows, LOG);
        for step in &mut wizard.state.steps {
            step.plan.way_back = WAY_BACK.into();
        }
        wizard.tell(Event::Asked { ask: does_it_look_right() });
        wizard.keys("u");
        wizard
    });
    both("watching_first", |columns, rows| {
        let mut wizard = Wizard::restoring(columns, rows, LOG);
        wizard.tell(Event::Watching { operator: "anna on pts/3".into(), since: NOW - 480 });
        wizard.keys("u");
        wizard
    });
}

#[test]
fn the_first_screen_after_an_upgrade() {
    both("first_screen", |columns, rows| {
        let mut wizard = Wizard::planned(columns, rows);
        wizard.tell(Event::RunOpened {
            run: 4,
            resumed: false,
            started: NOW,
            state_dir: "/state".into(),
            undoes: None,
        });
        wizard
    });
}

#[test]
fn a_step_of_an_undo() {
    both("step", |columns, rows| {
        let mut wizard = undoing(columns, rows, 3);
        wizard.start(StepId::UndoDatabase, LOG);
        wizard.tell(Event::Progressed {
            step: StepId::UndoDatabase,
            done: 0,
            total: None,
            text: "bringing the database back".into(),
        });
        wizard
    });
}

#[test]
fn the_log_of_an_undo_alone() {
    let mut wizard = undoing(80, 24, 3);
    wizard.start(StepId::UndoDatabase, LOG);
    wizard.keys("z");
    assert_snapshot!("log_alone", wizard.screen());
}

#[test]
fn a_failed_step_of_an_undo() {
    both("step_failed", |columns, rows| {
        let mut wizard = undoing(columns, rows, 3);
        wizard.start(StepId::UndoDatabase, LOG);
        wizard.tell(Event::StepEnded {
            step: StepId::UndoDatabase,
            attempt: 1,
            state: StepState::Failed { because: "the database is not as in the snapshot".into() },
            seconds: 12.0,
            findings: vec![Finding::fail(
                "cal_event",
                "284 rows are in the snapshot, 12 in the database.",
                "Retry this step; if it stays so, ask the application developer.",
            )],
        });
        wizard.tell(Event::Rested { outcome: Outcome::Failed, summary: "Step 4 failed.".into() });
        wizard
    });
}

#[test]
fn the_question_whether_the_old_site_looks_right() {
    both("confirm", |columns, rows| {
        let mut wizard = undoing(columns, rows, 7);
        wizard.start(StepId::UndoConfirm, LOG);
        wizard.tell(Event::Asked { ask: does_it_look_right() });
        wizard
    });
}

#[test]
fn the_end_of_an_undo() {
    let over = |columns, rows| {
        let mut wizard = undoing(columns, rows, 8);
        wizard.tell(Event::DownSince { at: None });
        let summary = "The old version is back: 25.1.1.".into();
        wizard.tell(Event::RunEnded { outcome: Outcome::Done, summary });
        wizard
    };
    both("done", over);
    let mut wizard = over(80, 24);
    wizard.key(KeyCode::End);
    assert_snapshot!("done_end", wizard.screen());
}
