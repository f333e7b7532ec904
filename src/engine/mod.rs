//! Executes the procedure: one dispatcher, wishes in, events out.
//!
//! The engine is the only one that changes a site. Each change is written to the journal as intent before and
//! outcome after. `ui` and `cli` send [`Wish`]es and fold [`Event`]s; they never touch the site themselves.

mod asking;
mod checked;
mod clock;
mod context;
pub mod copies;
pub mod decided;
mod deciding;
pub mod decisions;
mod dispatcher;
mod event;
mod evidence;
mod faulty;
mod guard;
mod learning;
mod lines;
mod packages;
mod record;
mod recovery;
pub mod rehearse;
mod rehearsing;
mod restored;
mod room;
mod start;
pub mod steps;
pub mod tail;
mod unchanged;
mod undo;
mod unrecorded;
mod watch;
mod wish;

pub use context::Attendance;
use dispatcher::StepEnd;
pub use event::{Ask, Event, NoticeLevel, Outcome, PlannedStep, UndoPlan, Versions};
pub use faulty::sentence as faults_switched_on;
pub use start::{Handle, Options, open, operator};
pub use wish::{Cancel, Deciding, Keys, Rehearsing, Wish};
