//! The suite.

mod ui_fake;
