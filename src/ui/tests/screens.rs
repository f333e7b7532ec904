//! What the screens look like, at 80×24 and 120×36.

use crossterm::event::KeyCode;
use insta::assert_snapshot;

use super::{LOG, NOW, Wizard, question};
use crate::engine::{Event, NoticeLevel, Outcome};
use crate::error::{Kind, Report};
use crate::procedure::{Finding, StepId, StepState};
use crate::ui::state::{LogNews, Msg};

/// Snapshots a scene at both sizes.
fn both(name: &str, scene: impl Fn(u16, u16) -> Wizard) {
    for (columns, rows) in [(80, 24), (120, 36)] {
        assert_snapshot!(format!("{name}_{columns}x{rows}"), scene(columns, rows).screen());
    }
}

#[test]
fn first_frame() {
    both("first_frame", Wizard::new);
}

#[test]
fn plan_known() {
    both("plan_known", Wizard::planned);
}

#[test]
fn running_with_log() {
    both("running", |columns, rows| Wizard::restoring(columns, rows, LOG));
}

#[test]
fn waiting_for_input() {
    both("waiting", |columns, rows| {
        let mut wizard = Wizard::restoring(columns, rows, &LOG[..2]);
        wizard.tell(Event::InputAwaited {
            step: Some(StepId::Restore),
            prompt: "Are you sure [y,n] ?".into(),
            secret: false,
            certain: true,
        });
        wizard
    });
}

#[test]
fn waiting_for_a_password() {
    both("waiting_secret", |columns, rows| {
        let mut wizard = Wizard::restoring(columns, rows, &["[sudo] password for lino: "]);
        wizard.tell(Event::InputAwaited {
            step: Some(StepId::Restore),
            prompt: "[sudo] password for lino: ".into(),
            secret: true,
            certain: true,
        });
        wizard.keys("secret");
        wizard
    });
}

#[test]
fn a_question() {
    both("question", |columns, rows| {
        let mut wizard = Wizard::planned(columns, rows);
        wizard.tell(Event::Asked { ask: question() });
        wizard
    });
}

#[test]
fn a_question_with_a_long_text_keeps_its_choices_visible() {
    let mut wizard = Wizard::planned(80, 24);
    let mut ask = question();
    ask.text = "A rather long sentence that tells what is at stake. ".repeat(60);
    wizard.tell(Event::Asked { ask });
    wizard.key(KeyCode::PageDown);
    assert_snapshot!("question_long", wizard.screen());
}

#[test]
fn a_question_put_aside() {
    let mut wizard = Wizard::planned(80, 24);
    wizard.tell(Event::Asked { ask: question() });
    wizard.key(KeyCode::Esc);
    assert_snapshot!("question_aside", wizard.screen());
}

fn failed(columns: u16, rows: u16) -> Wizard {
    let mut wizard = Wizard::restoring(columns, rows, LOG);
    wizard.tell(Event::CommandEnded { step: StepId::Restore, command: 1, exit: Some(0), signal: None, seconds: 71.0 });
    wizard.tell(Event::StepEnded {
        step: StepId::Restore,
        attempt: 1,
        state: StepState::Failed { because: "8 of 6 806 rows were not saved.".into() },
        seconds: 71.0,
        findings: vec![
            Finding::pass("exit status", "The command ended with 0."),
            Finding::fail(
                "rows",
                "3 partners were refused, and 5 rows that point to them.",
                "Go on with step 10, Triage, or edit snapshot/restore.py and run this step again.",
            ),
            Finding::warn("log", "The log has one warning.", "Press e to see it."),
        ],
    });
    wizard.tell(Event::Rested { outcome: Outcome::Failed, summary: "Step 9 failed.".into() });
    wizard
}

#[test]
fn failed_step_with_findings() {
    both("failed", failed);
}

#[test]
fn run_done() {
    both("done", |columns, rows| {
        let mut wizard = Wizard::restoring(columns, rows, LOG);
        for step in [StepId::Restore, StepId::CheckData, StepId::StartServices, StepId::SignIn] {
            wizard.ended(step, StepState::Done { summary: "All is well.".into() }, 72.0);
        }
        for step in [StepId::Triage, StepId::BuildIndexes, StepId::CollectStatic] {
            wizard.ended(step, StepState::Skipped { because: "not needed: nothing to do".into() }, 0.0);
        }
        wizard.tell(Event::DownSince { at: None });
        wizard.tell(Event::RunEnded { outcome: Outcome::Done, summary: "The site runs noi 26.9.2 now.".into() });
        wizard
    });
}

#[test]
fn help() {
    both("help", |columns, rows| {
        let mut wizard = Wizard::planned(columns, rows);
        wizard.keys("?");
        wizard
    });
}

#[test]
fn too_small() {
    let mut wizard = Wizard::restoring(80, 24, LOG);
    wizard.send(Msg::Resize(40, 10));
    assert_snapshot!("too_small", wizard.screen());
}

#[test]
fn watching() {
    both("watching", |columns, rows| {
        let mut wizard = Wizard::restoring(columns, rows, LOG);
        wizard.tell(Event::Watching { operator: "anna on pts/3".into(), since: NOW - 480 });
        wizard
    });
}

#[test]
fn trouble() {
    both("trouble", |columns, rows| {
        let mut wizard = Wizard::planned(columns, rows);
        let report = Report::new(Kind::Environment, "The configuration of the site cannot be read.")
            .unchanged("The site was not touched.")
            .next("Correct line 3 of lino-upgrade.toml and start again.")
            .excerpt("3 | stop = 7\n           ^ expected a list")
            .log("/state/run-3/check.log");
        wizard.tell(Event::Troubled { report });
        wizard
    });
}

#[test]
fn search() {
    both("search", |columns, rows| {
        let mut wizard = Wizard::restoring(columns, rows, LOG);
        wizard.keys("/loading");
        wizard
    });
}

#[test]
fn shell() {
    both("shell", |columns, rows| {
        let mut wizard = Wizard::planned(columns, rows);
        wizard.tell(Event::ShellOpened { log: "/log/shell".into(), from: 0 });
        let bytes = b"\x1b[1mlino@server\x1b[0m:~$ ls\r\nmanage.py  settings.py\r\nlino@server:~$ ".to_vec();
        wizard.send(Msg::Log(LogNews::Shell { bytes, skipped: false }));
        wizard
    });
}

#[test]
fn log_alone() {
    both("log_alone", |columns, rows| {
        let mut wizard = Wizard::restoring(columns, rows, LOG);
        wizard.keys("z");
        wizard
    });
}

#[test]
fn cancel() {
    both("cancel", |columns, rows| {
        let mut wizard = Wizard::restoring(columns, rows, LOG);
        wizard.control('c');
        wizard
    });
}

#[test]
fn skip() {
    let mut wizard = Wizard::planned(80, 24);
    wizard.keys("s");
    assert_snapshot!("skip", wizard.screen());
}

#[test]
fn a_notice() {
    let mut wizard = Wizard::planned(80, 24);
    wizard.tell(Event::Noticed { level: NoticeLevel::Warning, text: "cron\nran \u{1b}[31mmake_snapshot.sh".into() });
    assert_snapshot!("notice", wizard.screen());
}
