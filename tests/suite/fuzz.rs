//! Replays what fuzzing has kept: the corpus of each target (`tests/fuzz/corpus`), and its findings
//! (`tests/fixtures/fuzz`). The fuzzer itself is not needed.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[path = "../fuzz/src/bodies/mod.rs"]
mod bodies;

use std::fs::{self, File};
use std::io::Read;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use zip::ZipArchive;

/// The inputs of a target with their names: findings first, then the corpus.
fn inputs(target: &str) -> Vec<(String, Vec<u8>)> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut inputs = Vec::new();
    if let Ok(findings) = fs::read_dir(tests.join("fixtures/fuzz").join(target)) {
        let mut paths: Vec<PathBuf> = findings.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        inputs.extend(paths.into_iter().map(|path| (path.display().to_string(), fs::read(&path).unwrap())));
    }
    let mut corpus = ZipArchive::new(File::open(tests.join(format!("fuzz/corpus/{target}.zip"))).unwrap()).unwrap();
    for index in 0..corpus.len() {
        let mut entry = corpus.by_index(index).unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        inputs.push((entry.name().unwrap().into_owned(), bytes));
    }
    inputs
}

fn replay(target: &str) {
    let (_, run) = bodies::TARGETS.iter().find(|(name, _)| *name == target).unwrap();
    let inputs = inputs(target);
    assert!(inputs.len() > 10, "{} inputs", inputs.len());
    for (name, bytes) in inputs {
        assert!(catch_unwind(|| run(&bytes)).is_ok(), "{name}");
    }
}

#[test]
fn archives_are_bounded_and_the_same_as_directories() {
    replay("archives");
}

#[test]
fn configuration_is_read_or_refused_at_its_place() {
    replay("configuration");
}

#[test]
fn decisions_are_written_as_they_were_read() {
    replay("decisions");
}

#[test]
fn dump_scripts_stay_dump_scripts_when_they_are_edited() {
    replay("dump");
}

#[test]
fn the_emulator_survives_everything() {
    replay("emulator");
}

#[test]
fn messages_are_read_alike_however_they_come() {
    replay("messages");
}

#[test]
fn rows_are_read_and_found_as_they_were_written() {
    replay("rows");
}

#[test]
fn scripts_are_compared_line_by_line() {
    replay("scripts");
}
