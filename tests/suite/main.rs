//! The suite: real processes, real terminals, real sites.

mod account;
mod architecture;
mod catalogue;
mod compare;
mod decided_restore;
mod decisions;
mod demo;
mod getlino;
mod matrix;
mod noi;
mod noi_jump;
mod noi_site;
mod rehearsal_by_wish;
mod rehearse;
mod runner;
mod servers;
mod shop;
mod simulate;
mod site;
mod tmux;
mod ui_fake;
mod ui_fake_evidence;
mod upgrade;
mod verdict;
mod verify;
mod wizard;
