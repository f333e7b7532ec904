//! What the triage looks like.

use std::sync::Arc;

use crossterm::event::KeyCode;
use insta::assert_snapshot;

use super::{Wizard, aligned, decided, first, keys, later, look_up, opened};
use crate::procedure::DumpScripts;
use crate::triage::{Broken, Stopped, Triage};
use crate::ui::state::Msg;

/// Snapshots a scene at both sizes.
fn both(name: &str, scene: impl Fn(u16, u16) -> Wizard) {
    for (columns, rows) in [(80, 24), (120, 36)] {
        assert_snapshot!(format!("{name}_{columns}x{rows}"), scene(columns, rows).screen());
    }
}

#[test]
fn causes_folded() {
    both("folded", |columns, rows| opened(columns, rows, &later()));
}

#[test]
fn causes_of_a_first_rehearsal() {
    both("first", |columns, rows| opened(columns, rows, &first()));
}

#[test]
fn a_row_with_its_fields() {
    both("row", |columns, rows| {
        let mut wizard = opened(columns, rows, &decided());
        keys(&mut wizard, "n");
        wizard
    });
}

#[test]
fn rows_that_follow_over_two_levels() {
    both("levels", |columns, rows| {
        let mut wizard = opened(columns, rows, &decided());
        keys(&mut wizard, "+j");
        wizard
    });
}

#[test]
fn a_filter_and_the_question_for_all_that_it_shows() {
    both("filter", |columns, rows| {
        let mut wizard = opened(columns, rows, &later());
        wizard.keys("/role");
        wizard.key(KeyCode::Enter);
        keys(&mut wizard, "gx");
        wizard
    });
    both("filtering", |columns, rows| {
        let mut wizard = opened(columns, rows, &later());
        keys(&mut wizard, "/mie");
        wizard
    });
}

#[test]
fn rows_of_a_cause_are_left_out_with_what_follows() {
    both("leave_out", |columns, rows| {
        let mut wizard = opened(columns, rows, &later());
        keys(&mut wizard, "x");
        wizard
    });
}

#[test]
fn setting_a_field() {
    both("set_field", |columns, rows| {
        let mut wizard = opened(columns, rows, &decided());
        keys(&mut wizard, "ns");
        wizard
    });
    both("set_value", |columns, rows| {
        let mut wizard = opened(columns, rows, &decided());
        keys(&mut wizard, "ns");
        wizard.key(KeyCode::Enter);
        wizard.keys("BE 0123.456.789");
        wizard
    });
}

#[test]
fn a_field_that_is_gone_is_dropped() {
    both("drop", |columns, rows| {
        let mut wizard = opened(columns, rows, &first());
        keys(&mut wizard, "/ticket");
        wizard.key(KeyCode::Enter);
        keys(&mut wizard, "d");
        wizard
    });
}

#[test]
fn everything_is_decided() {
    both("decided", |columns, rows| {
        let triage = super::with(
            &decided(),
            [
                super::these("contacts.Partner", &["104"], crate::triage::Choice::Empty(vec!["vat_id".into()])),
                super::these("notify.Message", &["253"], crate::triage::Choice::LeaveOut),
            ],
        );
        let mut wizard = opened(columns, rows, &triage);
        let actions = wizard.key(KeyCode::Enter);
        look_up(&mut wizard, actions);
        wizard
    });
}

#[test]
fn no_row_is_refused_any_more() {
    both("clean", |columns, rows| opened(columns, rows, &Triage { causes: Arc::default(), ..later() }));
}

#[test]
fn what_is_no_row_and_went_wrong() {
    both("trouble", |columns, rows| {
        let triage = Triage {
            stopped: Some(Stopped {
                exception: "django.db.utils.OperationalError".into(),
                message: "database or disk is full".into(),
                traceback: String::new(),
            }),
            broken: vec![
                Broken {
                    file: Some("shop_note.py".into()),
                    line: Some(4),
                    exception: "SyntaxError".into(),
                    message: "'(' was never closed (shop_note.py, line 4)".into(),
                    ..Broken::default()
                },
                Broken {
                    handler: Some("last".into()),
                    exception: "ValueError".into(),
                    message: "no\u{1b}[31m".into(),
                    ..Broken::default()
                },
            ],
            unfit: vec!["The snapshot has no row 2000 in shop_sale.".into(); 2],
            ..later()
        };
        opened(columns, rows, &triage)
    });
}

#[test]
fn the_edit_that_decisions_become() {
    both("edit", |columns, rows| {
        let mut triage = decided();
        triage.copy = Some("/srv/lino/noi/snapshot/restore_decided.py".into());
        let mut wizard = opened(columns, rows, &triage);
        wizard.keys("E");
        let paths = DumpScripts { snapshot: triage.script.clone(), simulated: triage.copy.clone().unwrap() };
        wizard.send(Msg::Scripts { paths, read: Ok(aligned(&triage)) });
        wizard
    });
}

#[test]
fn a_traceback() {
    both("traceback", |columns, rows| {
        let mut wizard = opened(columns, rows, &later());
        keys(&mut wizard, "T");
        wizard
    });
}

#[test]
fn help() {
    both("help", |columns, rows| {
        let mut wizard = opened(columns, rows, &later());
        keys(&mut wizard, "?");
        wizard
    });
}
