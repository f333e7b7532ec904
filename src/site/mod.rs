//! The site: finding it, asking it for its facts, its services and its database catalogue. Read only.
//!
//! [`find`] looks at files alone and takes milliseconds; [`facts::ask`] starts Lino and takes seconds;
//! [`services`] asks the machine; [`Db`] looks into the database. Nothing here stops, starts or writes anything,
//! except [`Site::prepare_state_dir`], [`simulate::prepare`], [`rehearse::run`] and the configuration file of `lino-upgrade init`.

#![allow(clippy::doc_markdown, reason = "SQLite, PostgreSQL, MySQL and MariaDB are names, not code")]

pub mod beside;
pub mod check;
mod command;
pub mod config;
pub mod connection;
pub mod database;
pub mod dump;
mod editable;
pub mod excerpt;
pub mod facts;
mod find;
mod process;
pub mod rehearse;
pub mod restore;
pub mod services;
pub mod simulate;
mod state_dir;
mod surroundings;
pub mod text;
pub mod writers;

pub use command::{CommandLine, quote};
pub use config::{Config, ConfigError, Role, StepChoice};
pub use connection::{Connection, Engine};
pub use database::{Changed, Db, DbError, Fingerprint};
pub use editable::{Editable, editable, local_path};
pub use facts::{Facts, FactsError};
pub use find::{Site, SiteError, find, find_unproved};
pub use services::{Detected, Service, ServiceKind, ServiceState, detect};
pub use state_dir::prepare as prepare_private;
pub use surroundings::{Surroundings, is_executable, is_writable};
