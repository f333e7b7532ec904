//! The comparison: what its keys do, and what it looks like at 80×24 and 120×36.

mod evidence;
mod looks;
pub mod random;
mod updates;

use std::sync::Arc;

use proptest::prelude::*;

use super::{Wizard, properties, question};
use crate::compare::Evidence;
use crate::engine::{Ask, Event};
use crate::procedure::{DumpScripts, StepId, StepState};
use crate::ui::keymap::Context;
use crate::ui::scripts_view::Aligned;
use crate::ui::state::{Action, Compared, Msg, Screen, VERDICT};

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

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics_in_the_comparison(
        event in random::event(),
        scripts in random::scripts(),
        msgs in prop::collection::vec(
            prop_oneof![
                12 => properties::key(),
                4 => properties::mouse(),
                1 => random::event().prop_map(Msg::Engine),
                1 => random::scripts(),
                2 => (80..200_u16, 24..60_u16).prop_map(|(columns, rows)| Msg::Resize(columns, rows)),
                1 => (0..300_u16, 0..300_u16).prop_map(|(columns, rows)| Msg::Resize(columns, rows)),
            ],
            0..40,
        ),
    ) {
        let mut wizard = Wizard::planned(80, 24);
        wizard.tell(event);
        wizard.keys("d");
        wizard.send(scripts);
        for msg in msgs {
            wizard.send(msg);
            if wizard.state.screen == Screen::Main && Context::of(&wizard.state) == Context::Main {
                wizard.keys("d");
            }
            let steers = wizard.screen().contains(['\u{1b}', '\u{9b}', '\u{202e}']);
            prop_assert!(!steers);
        }
    }
}
