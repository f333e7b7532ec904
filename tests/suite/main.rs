//! The suite: real processes, real terminals, real sites.

mod account;
mod architecture;
mod catalogue;
mod compare;
mod decisions;
mod demo;
mod getlino;
mod log_matrix;
mod matrix;
mod noi;
mod noi_site;
mod rehearse;
mod runner;
mod servers;
mod shop;
mod simulate;
mod site;
mod tmux;
mod triage;
mod ui_fake;
mod ui_fake_evidence;
mod upgrade;
mod verdict;
mod verify;
mod wizard;
