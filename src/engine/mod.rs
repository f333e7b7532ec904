//! Executes the procedure: one dispatcher, wishes in, events out.
//!
//! The engine is the only one that changes a site. Each change is written to the journal as intent before and
//! outcome after. `ui` and `cli` send [`Wish`]es and fold [`Event`]s; they never touch the site themselves.

mod clock;
mod context;
mod dispatcher;
mod event;
mod learning;
mod lines;
mod packages;
mod record;
mod start;
pub mod steps;
mod tail;
mod watch;
mod wish;

pub use context::Attendance;
use dispatcher::StepEnd;
pub use event::{Ask, Event, NoticeLevel, Outcome, PlannedStep, Versions};
pub use start::{Handle, Options, open};
pub use wish::{Cancel, Keys, Wish};

use crate::runner::Operator;

/// Returns an operator in a few words, for example "anna on pts/3 from 10.0.0.7".
#[must_use]
pub fn operator_text(operator: &Operator) -> String {
    let mut text = operator.user.clone();
    if let Some(tty) = &operator.tty {
        text.push_str(" on ");
        text.push_str(tty);
    }
    if let Some(from) = &operator.from {
        text.push_str(" from ");
        text.push_str(from);
    }
    text
}
