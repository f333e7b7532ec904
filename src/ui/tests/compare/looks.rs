//! What the comparison looks like.

use crossterm::event::KeyCode;
use insta::assert_snapshot;

use super::evidence::{decide, restore, skip};
use super::{compared, opened, paths, verdict_question};
use crate::engine::Event;
use crate::ui::state::Msg;
use crate::ui::tests::Wizard;

/// Snapshots a scene at both sizes.
fn both(name: &str, scene: impl Fn(u16, u16) -> Wizard) {
    for (columns, rows) in [(80, 24), (120, 36)] {
        assert_snapshot!(format!("{name}_{columns}x{rows}"), scene(columns, rows).screen());
    }
}

#[test]
fn the_step_tells_the_verdict() {
    both("step", |columns, rows| {
        let mut wizard = compared(columns, rows, &decide(), Some(paths()));
        wizard.keys("jjjjjjj");
        wizard
    });
}

#[test]
fn rows_are_in_the_way() {
    both("decide", |columns, rows| opened(columns, rows, &decide()));
}

#[test]
fn the_restore_may_be_left_out() {
    both("skip", |columns, rows| opened(columns, rows, &skip()));
}

#[test]
fn nothing_proves_that_the_restore_may_be_left_out() {
    both("restore", |columns, rows| {
        let mut wizard = opened(columns, rows, &restore());
        wizard.key(KeyCode::Enter);
        wizard
    });
}

#[test]
fn a_difference_with_its_scripts() {
    both("difference", |columns, rows| {
        let mut wizard = opened(columns, rows, &decide());
        wizard.keys("nnn");
        wizard.key(KeyCode::Enter);
        wizard
    });
}

#[test]
fn one_below_the_other() {
    both("unified", |columns, rows| {
        let mut wizard = opened(columns, rows, &decide());
        wizard.keys("nnn");
        wizard.key(KeyCode::Enter);
        wizard.keys("v");
        wizard
    });
}

#[test]
fn the_noise_unfolded() {
    both("noise", |columns, rows| {
        let mut wizard = opened(columns, rows, &decide());
        wizard.keys("fG");
        wizard
    });
}

#[test]
fn the_scripts_alone() {
    both("alone", |columns, rows| {
        let mut wizard = opened(columns, rows, &decide());
        wizard.keys("z");
        wizard
    });
}

#[test]
fn search_in_the_scripts() {
    both("search_scripts", |columns, rows| {
        let mut wizard = opened(columns, rows, &decide());
        wizard.key(KeyCode::Enter);
        wizard.keys("/value_9");
        wizard
    });
}

#[test]
fn search_in_the_list() {
    both("search_list", |columns, rows| {
        let mut wizard = opened(columns, rows, &decide());
        wizard.keys("/ticket");
        wizard.key(KeyCode::Enter);
        wizard
    });
}

#[test]
fn help() {
    both("help", |columns, rows| {
        let mut wizard = opened(columns, rows, &decide());
        wizard.keys("?");
        wizard
    });
}

#[test]
fn a_renaming_to_decide_and_decided() {
    both("renaming", |columns, rows| {
        let mut wizard = opened(columns, rows, &decide());
        wizard.keys("nnnn");
        wizard
    });
    both("renamed", |columns, rows| {
        let mut wizard = opened(columns, rows, &decide());
        wizard.keys("nnnn");
        let mut said = decide();
        said.renamings[0].decided = Some(true);
        wizard.tell(Event::Compared { evidence: Box::new(said), scripts: Some(paths()) });
        wizard
    });
}

#[test]
fn no_scripts() {
    both("no_scripts", |columns, rows| {
        let mut wizard = compared(columns, rows, &decide(), None);
        wizard.keys("d");
        wizard.key(KeyCode::Enter);
        wizard
    });
}

#[test]
fn scripts_that_cannot_be_read() {
    both("unreadable", |columns, rows| {
        let mut wizard = compared(columns, rows, &decide(), Some(paths()));
        wizard.keys("d");
        let because = "The script /srv/site/t/restore.py cannot be read: permission denied.".to_owned();
        wizard.send(Msg::Scripts { paths: paths(), read: Err(vec![because]) });
        wizard.key(KeyCode::Enter);
        wizard
    });
}

#[test]
fn scripts_that_are_being_read() {
    let mut wizard = compared(120, 36, &decide(), Some(paths()));
    wizard.keys("d");
    assert_snapshot!("reading", wizard.screen());
}

#[test]
fn the_question_offers_the_evidence() {
    both("question", |columns, rows| {
        let mut wizard = compared(columns, rows, &decide(), Some(paths()));
        wizard.tell(Event::Asked { ask: verdict_question() });
        wizard
    });
}

#[test]
fn another_question_over_the_comparison() {
    both("over", |columns, rows| {
        let mut wizard = opened(columns, rows, &decide());
        wizard.tell(Event::Asked { ask: super::question() });
        wizard
    });
}
