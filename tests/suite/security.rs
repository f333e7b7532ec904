//! What hostile input and curious eyes may not do: passwords, private files, other users, control sequences, odd names.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test stops at the first surprise, and says what it skips"
)]

mod control;
mod files;
mod journals;
mod names;
mod passwords;
mod users;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::shop::{PROGRAM, Shop, without_pip_settings};

/// Prepares `lino-upgrade ARGUMENTS` for the site.
fn program(shop: &Shop, arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.arg("--site").arg(&shop.dir).args(arguments).env("LC_ALL", "C.UTF-8").env_remove("NO_COLOR");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    without_pip_settings(&mut command);
    command
}

/// Returns the exit status, what was printed and what was said.
fn ended(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Runs it to its end.
fn ran(shop: &Shop, arguments: &[&str]) -> (Option<i32>, String, String) {
    ended(program(shop, arguments).output().unwrap())
}

/// Lets the site's web server start.
fn web_starts(shop: &Shop) {
    let status = Command::new("./web.sh").arg("start").current_dir(&shop.dir).stdout(Stdio::null()).status().unwrap();
    assert!(status.success());
}

/// All files and directories below a directory, links not followed, sorted.
fn below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left = vec![dir.to_owned()];
    while let Some(dir) = left.pop() {
        // What is gone meanwhile is none of our business.
        for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                left.push(entry.path());
            }
            found.push(entry.path());
        }
    }
    found.sort();
    found
}

/// Tells whether this is root, who alone can make users; says what is skipped when it is not.
fn is_root(skipped: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("skipped: only root can {skipped}");
    }
    root
}
