//! The way back: what its keys do, and what it looks like at 80×24 and 120×36.

mod looks;
pub mod random;
mod updates;

use super::{LOG, NOW, Wizard, planned};
use crate::engine::{Ask, Event, PlannedStep, UndoPlan};
use crate::procedure::{Finding, Level, StepId, StepState};

const WAY_BACK: &str = "All of this is done by u in the wizard, or by one command, in about 2 minutes: lino-upgrade undo\n\
    Bring the database back: dropdb lino && createdb lino && psql lino < /var/lib/lino/run-3/database.sql\n\
    Start the services again: supervisorctl start all";
const PART: &str = "Only a part is back. Go on with the undo, in the wizard or by a command: lino-upgrade undo";
const UNTOUCHED: &str = "the database was not changed";

/// What may be lost by an undo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loses {
    /// What was entered.
    Rows,
    /// Nothing: nobody could enter anything.
    Nothing,
}

/// The steps of an undo, all of them still to come but those that are not needed.
fn steps(loses: Loses) -> Vec<PlannedStep> {
    let skip = |because: &str| StepState::Skipped { because: because.into() };
    StepId::UNDO
        .into_iter()
        .map(|step| PlannedStep {
            forecast: (step != StepId::UndoConfirm).then_some(14),
            forecast_from: (step != StepId::UndoConfirm).then(|| "from the upgrade".into()),
            way_back: PART.into(),
            state: match (step, loses) {
                (StepId::UndoKeep, Loses::Nothing) => {
                    skip("nobody could enter anything: the services were not started again")
                }
                (StepId::UndoDatabase | StepId::UndoAccount, Loses::Nothing) => skip(UNTOUCHED),
                (StepId::UndoStatic, _) => skip("no static file was changed"),
                (StepId::UndoIndexes, Loses::Nothing) => skip("no index was built"),
                _ => StepState::Pending,
            },
            ..planned(step)
        })
        .collect()
}

/// What an undo of run 3 would do.
fn plan(loses: Loses) -> UndoPlan {
    let steps = steps(loses);
    let left = steps.iter().filter(|step| !step.state.is_settled());
    UndoPlan {
        run: 3,
        from_version: "26.9.2".into(),
        to_version: "25.1.1".into(),
        seconds: Some(left.filter_map(|step| step.forecast).sum()),
        steps,
        losses: match loses {
            Loses::Rows => vec![
                "12 rows were entered, changed or deleted since 21:04, when the services were started with the new \
                 version. The old database does not have that. It is listed and exported first, into \
                 /var/lib/lino-upgrade/myproject/undone/run-0003."
                    .into(),
                "Files that were uploaded meanwhile stay where they are, but the old database does not know them."
                    .into(),
            ],
            Loses::Nothing => vec!["No row is lost: the database stays as it is.".into()],
        },
        rows_lost: match loses {
            Loses::Rows => Some(12),
            Loses::Nothing => Some(0),
        },
        missing: match loses {
            Loses::Rows => vec![
                "There is no copy of the environment: the packages of before are installed again, from wherever pip \
                 finds them. What else is in the environment stays as it is."
                    .into(),
            ],
            Loses::Nothing => Vec::new(),
        },
        impossible: None,
    }
}

fn impossible() -> UndoPlan {
    UndoPlan { impossible: Some("The last upgrade was undone already, by run 4.".into()), ..UndoPlan::default() }
}

fn tell(wizard: &mut Wizard, plan: UndoPlan) {
    wizard.tell(Event::UndoPlanned { plan: Box::new(plan) });
}

/// A wizard whose restore failed.
fn failed(columns: u16, rows: u16) -> Wizard {
    let mut wizard = Wizard::restoring(columns, rows, LOG);
    for step in &mut wizard.state.steps {
        step.plan.way_back = WAY_BACK.into();
    }
    let because = "8 of 6 806 rows were not saved.".into();
    wizard.ended(StepId::Restore, StepState::Failed { because }, 71.0);
    wizard.tell(Event::Rested { outcome: crate::engine::Outcome::Failed, summary: "Step 9 failed.".into() });
    wizard
}

/// A wizard that shows what an undo would do.
fn shown(columns: u16, rows: u16, plan: UndoPlan) -> Wizard {
    let mut wizard = failed(columns, rows);
    wizard.keys("u");
    tell(&mut wizard, plan);
    wizard
}

/// A wizard in the undo, after so many of its steps that are needed.
fn undoing(columns: u16, rows: u16, done: usize) -> Wizard {
    let mut wizard = shown(columns, rows, plan(Loses::Rows));
    wizard.keys("yb");
    wizard.tell(Event::RunOpened {
        run: 4,
        resumed: false,
        started: NOW - 90,
        state_dir: "/state".into(),
        undoes: Some(3),
    });
    wizard.tell(Event::PlanMade { steps: steps(Loses::Rows) });
    let needed = steps(Loses::Rows).into_iter().filter(|step| step.state == StepState::Pending);
    for step in needed.take(done) {
        wizard.start(step.step, LOG);
        wizard.tell(Event::StepEnded {
            step: step.step,
            attempt: 1,
            state: StepState::Done { summary: summary(step.step).into() },
            seconds: 12.0,
            findings: findings(step.step),
        });
    }
    wizard
}

const fn summary(step: StepId) -> &'static str {
    match step {
        StepId::UndoKeep => "12 rows are others than when the data had been checked; they are exported",
        StepId::UndoDatabase => "6806 rows are back from its copy",
        _ => "all is as before",
    }
}

fn findings(step: StepId) -> Vec<Finding> {
    const UNDONE: &str = "/var/lib/lino-upgrade/myproject/undone/run-0003";
    let again = "Enter again by hand what is needed, from these files.";
    let table =
        |name: &str, text: &str| Finding { level: Level::Warn, subject: name.into(), text: text.into(), remedy: None };
    match step {
        StepId::UndoKeep => vec![
            Finding::pass("database", format!("Copied as it is now to {UNDONE}/database.sql and read back.")),
            Finding::warn("rows", format!("Rows that differ are in {UNDONE}/rows, a file for each table."), again),
            table("tickets_ticket", "9 new (117, 118 and 7 more)."),
            table("cal_event", "2 new, 1 changed (12, 13, 7)."),
        ],
        StepId::UndoConfirm => vec![Finding::pass(
            "copies",
            "Kept until you delete them: database 1.2 GB, environment 310 MB, what was entered 1.2 GB.",
        )],
        _ => Vec::new(),
    }
}

fn does_it_look_right() -> Ask {
    Ask {
        question: "undo-confirm.confirm".into(),
        step: StepId::UndoConfirm,
        title: "Does the old site look right?".into(),
        text:
            "Open the site at https://lino.example.com in a browser, sign in, and look at a few records that you know. \
               The copies that were brought back are kept, until you delete them."
                .into(),
        choices: vec![
            ('y', "yes, it looks right".into()),
            ('n', "no, something is wrong".into()),
            ('w', "wait, decide later".into()),
        ],
        recommended: Some('y'),
    }
}
