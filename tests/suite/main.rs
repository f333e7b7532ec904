//! The suite: real processes, real terminals, real sites.

mod architecture;
mod runner;
mod shop;
mod site;
mod ui_fake;
mod upgrade;
