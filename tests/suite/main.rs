//! The suite.

mod site;
