//! Where every row of a dump went: two dumps of one application are set beside each other, table by table and row by
//! row. A row is known by its table and its primary key; order, files and spelling mean nothing.
//!
//! ```text
//!   blocks of both ──► Matcher::meet ── same key at both heads ──► equal, or field by field
//!                            │
//!                            └─ else: key, hash and place are kept ──► Matcher::join ──► missing, new, pairs to look at
//! ```
//!
//! It opens no file. Who feeds it reads again the few rows that `join` names.

mod ahead;
mod counted;
mod found;
mod join;
mod line;
mod markup;
mod matcher;
mod pair;
mod plan;
mod same;

pub use found::{Account, Fault, Origin, Pk, Reason, Sample, Side, State, TableAccount};
pub use join::{Concluded, Joined, Pair};
pub use line::{Consumed, Place, Window};
pub use matcher::{Heads, Matcher};
pub use plan::{Known, Plan, explained};

#[cfg(test)]
mod tests;
