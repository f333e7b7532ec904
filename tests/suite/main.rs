//! The suite: real processes, real terminals, real sites.

mod getlino;
mod runner;
mod shop;
mod site;
mod ui_fake;
mod upgrade;
