//! The procedure: the ordered steps of an upgrade and of its undo, what each is for, when it may be skipped, how to get
//! back.
//!
//! Pure: it knows no clock, file or process. What a step does to the machine lives in `engine`.

mod decided;
mod knowledge;
mod packages;
mod rehearsed;
mod state;
mod step;
mod undo;

pub use decided::{COPY, with_copy};
pub use knowledge::{Configured, DumpScripts, Knowledge, Lines, OVERRULED, Protection, Verdict};
pub use packages::{PackageChange, by_name, changes};
pub use rehearsed::LastRehearsal;
pub use state::{Finding, Level, StepState};
pub use step::StepId;
pub use undo::{Begun, Kept, Undoing};

/// The reason of an end of the start of services that goes back to triage.
pub const TRIAGE_AGAIN: &str = "back to triage, before anything is started";

/// The reason of a triage that ends in a new attempt of the restore.
pub const RESTORE_AGAIN: &str = "the snapshot is restored again";

/// The reason of a step of an undo that ended before it changed anything: users were let in, so what they entered has to be
/// kept first, once more.
pub const KEEP_AGAIN: &str =
    "somebody has used the site since; it is stopped again, and what was entered is kept, when the undo goes on";

/// The same where nobody can tell whether somebody did.
pub const KEEP_IN_DOUBT: &str = "nobody can tell whether somebody has used the site since; what may have been entered is kept when the undo goes on";
