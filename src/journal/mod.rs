//! The record of runs: SQLite through sqlx.
