//! What the wizard costs, as ratios against peers measured in the same run. `benches/README.md` says what each figure
//! means. It judges nothing: the goals stand beside the figures.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a measurement stops at the first surprise, and prints what it found"
)]

mod account;
mod compare;
mod disk;
mod first_frame;
mod lines;
mod lookup;
mod memory;
mod place;
mod processes;
mod restore;
mod share;
mod table;
mod terminal;
mod verify;

/// A measurement: its name on the command line, and what runs it.
type Bench = (&'static str, fn());

const ALL: [Bench; 10] = [
    ("first-frame", first_frame::run),
    ("lines", lines::run),
    ("memory", memory::run),
    ("share", share::run),
    ("verify", verify::run),
    ("compare", compare::run),
    ("account", account::run),
    ("lookup", lookup::run),
    ("restore", restore::run),
    ("disk", disk::run),
];

/// How many rounds are measured: what `--rounds=N` says, else as many as usual.
fn rounds(usual: usize) -> usize {
    std::env::args().find_map(|argument| argument.strip_prefix("--rounds=")?.parse().ok()).unwrap_or(usual)
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --benches` starts it without this flag, to see that it builds.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let wanted: Vec<&str> =
        arguments.iter().map(String::as_str).filter(|argument| !argument.starts_with("--")).collect();
    if let Some(unknown) = wanted.iter().find(|name| !ALL.iter().any(|(known, _)| known == *name)) {
        println!("There is no measurement `{unknown}`. There are: {}.", ALL.map(|(name, _)| name).join(", "));
        std::process::exit(2);
    }
    for (name, bench) in ALL {
        if wanted.is_empty() || wanted.contains(&name) {
            bench();
        }
    }
}
