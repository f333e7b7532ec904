//! Plans of an undo for the scripted engine. No part of the product.

use lino_upgrade::engine::{Ask, PlannedStep, UndoPlan};
use lino_upgrade::procedure::{Finding, Level, StepId, StepState};

/// What the upgrade has done when somebody asks for its undo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upgrade {
    /// Nothing so far.
    NotBegun,
    /// It came to the check of the data; the services are still stopped.
    Stuck,
    /// It is over, and users have worked with the new version.
    Over,
    /// It was undone.
    Undone,
}

const KEPT_IN: &str = "/var/lib/lino-upgrade/myproject/undone/run-0003";

/// Says what an undo would do.
pub fn plan(upgrade: Upgrade) -> UndoPlan {
    let impossible = match upgrade {
        Upgrade::NotBegun => Some("No upgrade was begun here: there is nothing to undo.".to_owned()),
        Upgrade::Undone => Some("The last upgrade was undone already, by run 4.".to_owned()),
        Upgrade::Stuck | Upgrade::Over => None,
    };
    if impossible.is_some() {
        return UndoPlan { impossible, ..UndoPlan::default() };
    }
    let steps: Vec<PlannedStep> = StepId::UNDO.into_iter().map(|step| planned(step, upgrade)).collect();
    let left = steps.iter().filter(|step| !step.state.is_settled());
    let (losses, missing) = if upgrade == Upgrade::Over {
        (
            vec![
                format!(
                    "12 rows were entered, changed or deleted since 21:04, when the services were started with the new \
                     version. The old database does not have that. It is listed and exported first, into {KEPT_IN}."
                ),
                "Files that were uploaded meanwhile stay where they are, but the old database does not know them."
                    .to_owned(),
            ],
            vec![
                "There is no copy of the environment: the packages of before are installed again, from wherever pip \
                 finds them. What else is in the environment stays as it is."
                    .to_owned(),
            ],
        )
    } else {
        let nothing = "No row is lost: the services were not started since the snapshot was made, so nobody could enter \
                       anything.";
        (vec![nothing.to_owned()], Vec::new())
    };
    UndoPlan {
        run: 3,
        from_version: "26.9.2".into(),
        to_version: "25.1.1".into(),
        seconds: Some(left.filter_map(|step| step.forecast).sum()),
        steps,
        losses,
        rows_lost: Some(if upgrade == Upgrade::Stuck { 0 } else { 12 }),
        missing,
        impossible: None,
    }
}

fn planned(step: StepId, upgrade: Upgrade) -> PlannedStep {
    let skipped = match step {
        StepId::UndoKeep if upgrade == Upgrade::Stuck => {
            Some("nobody could enter anything: the services were not started again")
        }
        StepId::UndoStatic => Some("no static file was changed"),
        _ => None,
    };
    let known = step != StepId::UndoConfirm;
    PlannedStep {
        step,
        title: step.title().into(),
        purpose: step.purpose().into(),
        commands: vec![format!("(what {step} does)")],
        forecast: known.then_some(3),
        forecast_from: known.then(|| "from the upgrade".into()),
        way_back: "Only a part is back. Go on with the undo, in the wizard or by a command: lino-upgrade undo".into(),
        state: skipped.map_or(StepState::Pending, |because| StepState::Skipped { because: because.into() }),
        attempts: 0,
        seconds: None,
        log: None,
        findings: Vec::new(),
    }
}

/// Returns what a step of the undo came to, and what it found.
pub fn ended(step: StepId) -> (&'static str, Vec<Finding>) {
    let again = "Enter again by hand what is needed, from these files.";
    let table =
        |name: &str, text: &str| Finding { level: Level::Warn, subject: name.into(), text: text.into(), remedy: None };
    match step {
        StepId::UndoKeep => (
            "12 rows are others than when the data had been checked; they are exported",
            vec![
                Finding::pass("database", format!("Copied as it is now to {KEPT_IN}/database.sql and read back.")),
                Finding::warn("rows", format!("Rows that differ are in {KEPT_IN}/rows, a file for each table."), again),
                table("tickets_ticket", "9 new (117, 118 and 7 more)."),
                table("cal_event", "2 new, 1 changed (12, 13, 7)."),
            ],
        ),
        StepId::UndoDatabase => ("6806 rows are back from its copy", Vec::new()),
        StepId::UndoAccount => ("all 6806 rows of the snapshot are there", Vec::new()),
        _ => ("all is as before", Vec::new()),
    }
}

/// Asks whether the old site looks right.
pub fn question() -> Ask {
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
