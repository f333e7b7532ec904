//! The site: finding it, asking it for its facts, its services and its database catalogue. Read only.

pub mod connection;
pub mod database;
pub mod text;

pub use connection::{Connection, Engine};
pub use database::{Db, DbError};
