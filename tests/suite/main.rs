//! The suite: real processes, real terminals, real sites.

mod site;
mod ui_fake;
mod upgrade;
