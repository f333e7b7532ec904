//! What Lino's commands print, as facts, and how a command is judged by them. Pure.
//!
//! The exit status and the "Done" line alone prove nothing (`docs/architecture.md`); every judgement here rests on
//! what was printed and on how the process ended.
