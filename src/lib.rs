//! Upgrades Lino sites: the library behind the `lino-upgrade` program.
//!
//! Knowledge flows one way: pure modules (`messages`, `dump`, `compare`, `triage`, `procedure`) know no machine; adapters
//! (`site`, `snapshot`, `runner`, `journal`) touch it and decide nothing; the `engine` is the only one that changes a
//! site; `ui` and `cli` show it to people. `docs/architecture.md` has the picture.

pub mod cli;
pub mod compare;
pub mod dump;
pub mod engine;
pub mod error;
pub mod fault;
pub mod journal;
pub mod messages;
pub mod procedure;
pub mod runner;
pub mod site;
pub mod snapshot;
pub mod triage;
pub mod ui;
