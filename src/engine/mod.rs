//! Executes the procedure: one dispatcher, wishes in, events out.
//!
//! The engine is the only one that changes a site. Each change is written to the journal as intent before and
//! outcome after. `ui` and `cli` send [`Wish`]es and fold [`Event`]s; they never touch the site themselves.

mod event;
mod wish;

pub use event::{Ask, Event, NoticeLevel, Outcome, PlannedStep, Versions};
pub use wish::{Cancel, Keys, Wish};
