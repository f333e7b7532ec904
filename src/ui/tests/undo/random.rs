//! Any plan of an undo, for the property tests.

use proptest::prelude::*;

use super::{Loses, plan, steps};
use crate::engine::{Event, UndoPlan};
use crate::procedure::StepState;
use crate::ui::tests::NOW;

fn any_plan() -> impl Strategy<Value = UndoPlan> {
    let texts = || prop::collection::vec(".{0,300}", 0..4);
    let given = (any::<bool>(), 0..10_usize, any::<Option<u32>>(), prop::option::of(".{0,200}"));
    (given, ".{0,30}", texts(), texts()).prop_map(|((rows, left, seconds, impossible), version, losses, missing)| {
        let mut plan = plan(if rows { Loses::Rows } else { Loses::Nothing });
        plan.steps.truncate(left);
        if let Some(step) = plan.steps.first_mut() {
            step.attempts = seconds.unwrap_or_default();
            step.state = StepState::Interrupted { because: version.clone() };
        }
        UndoPlan { to_version: version, seconds, losses, missing, impossible, ..plan }
    })
}

pub fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => any_plan().prop_map(|plan| Event::UndoPlanned { plan: Box::new(plan) }),
        1 => prop::option::of(0..4_i64).prop_map(|undoes| Event::RunOpened {
            run: 4,
            resumed: false,
            started: NOW,
            state_dir: "/".into(),
            undoes,
        }),
        1 => any::<bool>().prop_map(|rows| Event::PlanMade {
            steps: steps(if rows { Loses::Rows } else { Loses::Nothing }),
        }),
    ]
}
