//! The suite: real processes, real terminals, real sites.

mod architecture;
mod catalogue;
mod getlino;
mod runner;
mod servers;
mod shop;
mod site;
mod tmux;
mod ui_fake;
mod upgrade;
mod wizard;
