//! The comparison: what its keys do, and what it looks like at 80×24 and 120×36.

mod evidence;
mod looks;
mod updates;

use std::sync::Arc;

use super::{Wizard, question};
use crate::compare::Evidence;
use crate::engine::{Ask, Event};
use crate::procedure::{DumpScripts, StepId, StepState};
use crate::ui::scripts_view::Aligned;
use crate::ui::state::{Action, Compared, Msg, VERDICT};

fn paths() -> DumpScripts {
    DumpScripts { snapshot: "/srv/site/snapshot/restore.py".into(), simulated: "/srv/site/t/restore.py".into() }
}

fn verdict_question() -> Ask {
    Ask {
        question: VERDICT.into(),
        step: StepId::Compare,
        title: "Restore the snapshot, or leave that out?".into(),
        text: "315 rows belong to models that are gone.".into(),
        choices: vec![('r', "Restore it".into()), ('l', "Leave the restore out".into())],
        recommended: Some('r'),
    }
}

/// A wizard after the comparison, with the main screen.
fn compared(columns: u16, rows: u16, evidence: &Evidence, scripts: Option<DumpScripts>) -> Wizard {
    let mut wizard = Wizard::planned(columns, rows);
    for step in StepId::ALL.into_iter().take_while(|step| *step != StepId::Restore) {
        wizard.ended(step, StepState::Done { summary: "All is well.".into() }, 8.0);
    }
    wizard.tell(Event::DownSince { at: Some(super::NOW - 300) });
    wizard.tell(Event::Compared { evidence: Box::new(evidence.clone()), scripts });
    wizard
}

/// A wizard whose comparison is open and has its scripts.
fn opened(columns: u16, rows: u16, evidence: &Evidence) -> Wizard {
    let mut wizard = compared(columns, rows, evidence, Some(paths()));
    assert_eq!(wizard.keys("d"), vec![Action::ReadScripts(paths())]);
    wizard.send(Msg::Scripts { paths: paths(), read: Ok(aligned()) });
    wizard
}

fn aligned() -> Arc<Aligned> {
    Arc::new(Aligned::known(evidence::sections()))
}

fn shown(wizard: &Wizard) -> &Compared {
    wizard.state.comparison().unwrap()
}
