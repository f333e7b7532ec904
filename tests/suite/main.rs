//! The suite: real processes, real terminals, real sites.

mod runner;
mod servers;
mod shop;
mod site;
mod ui_fake;
mod upgrade;
