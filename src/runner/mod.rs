//! The runner: a process of its own that leads a session with a pseudo-terminal and runs the steps' commands in it.
//!
//! ```text
//! wizard ──unix socket──► runner ──pty master──► shim (session leader on the slave) ──► command of the step
//!    └───── reads ──────► logs on disk ◄── appends ──┘
//! ```
//!
//! It decides nothing: it runs what it is told, keeps every byte, and reports how commands end.

pub mod log;
mod spec;

pub use spec::{CommandSpec, CommandState, Ended, Operator};
