//! The direction of knowledge (`docs/architecture.md`), read from the sources themselves.
//!
//! Comments, the text of string literals and tests inside the modules do not count.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Rooms that decide and fold, and touch no machine.
const PURE: [&str; 5] = ["compare", "dump", "messages", "procedure", "triage"];
/// Rooms that touch the machine, and decide nothing.
const ADAPTERS: [&str; 4] = ["journal", "runner", "site", "snapshot"];
/// What people see.
const EDGES: [&str; 2] = ["cli", "ui"];

/// Crates that do input and output or read the clock.
const MACHINE_CRATES: [&str; 8] =
    ["tokio", "sqlx", "ratatui", "crossterm", "rustix", "pty_process", "ureq", "directories"];
/// Parts of the standard library that do.
const MACHINE_STD: [&str; 5] = ["fs", "env", "net", "process", "thread"];

struct Source {
    path: String,
    room: String,
    /// How many `super::` lead out of the room.
    depth: usize,
    code: String,
}

#[test]
fn pure_modules_know_no_machine_and_only_each_other() {
    let mut offences = Vec::new();
    for source in sources().iter().filter(|source| PURE.contains(&source.room.as_str())) {
        for name in rooms_named(source).iter().filter(|name| !PURE.contains(&name.as_str())) {
            offences.push(format!("{} names crate::{name}", source.path));
        }
        for name in after(&source.code, "std").iter().filter(|name| MACHINE_STD.contains(&name.as_str())) {
            offences.push(format!("{} names std::{name}", source.path));
        }
        let words: BTreeSet<&str> = words(&source.code).collect();
        for name in MACHINE_CRATES.iter().chain(&["SystemTime", "Instant"]).filter(|name| words.contains(**name)) {
            offences.push(format!("{} names {name}", source.path));
        }
    }
    assert_eq!(offences, Vec::<String>::new());
}

#[test]
fn adapters_and_the_engine_know_nothing_above_them() {
    let mut offences = Vec::new();
    for source in sources() {
        let room = source.room.as_str();
        let above = |name: &str| match room {
            "engine" => EDGES.contains(&name),
            "error" | "fault" => true,
            _ => ADAPTERS.contains(&room) && (name == "engine" || EDGES.contains(&name)),
        };
        for name in rooms_named(&source).iter().filter(|name| above(name)) {
            offences.push(format!("{} names crate::{name}", source.path));
        }
    }
    assert_eq!(offences, Vec::<String>::new());
}

#[test]
fn every_room_has_its_place() {
    let known: BTreeSet<&str> =
        PURE.into_iter().chain(ADAPTERS).chain(EDGES).chain(["engine", "error", "fault"]).collect();
    let rooms: BTreeSet<String> = sources().into_iter().map(|source| source.room).collect();
    let homeless: Vec<&String> = rooms.iter().filter(|room| !known.contains(room.as_str())).collect();
    assert_eq!(homeless, Vec::<&String>::new());
    for room in ["messages", "dump", "compare", "procedure", "site", "engine", "ui"] {
        assert!(rooms.contains(room), "no source of {room} was read");
    }
}

#[test]
fn the_scanner_sees_every_way_to_name_a_room() {
    let named = |code: &str, depth| {
        let source = Source { path: String::new(), room: "messages".into(), depth, code: code_of(code) };
        rooms_named(&source).into_iter().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(named("use crate::runner::Ended;", 1), "runner");
    assert_eq!(named("use crate::{site::{self, Db}, ui as screen,\n    cli};", 1), "cli site ui");
    assert_eq!(named("let end = crate::journal::Journal::open(path);", 1), "journal");
    assert_eq!(named("use super::super::engine;", 2), "engine");
    assert_eq!(named("use super::{site, runner::Ended};", 1), "runner site");
    assert_eq!(named("use super::cause;", 2), "");
    assert_eq!(named("let kind = super::super::Kind::A;", 3), "");
    assert_eq!(named("// use crate::ui;\n/* crate::ui */ let text = \"crate::ui \\\" crate::ui\";", 1), "");
    assert_eq!(named("let url = \"http://x\"; use crate::cli;", 1), "cli");
    assert_eq!(named("let mark = '\"'; use crate::cli;", 1), "cli");
    assert_eq!(named("let raw = r#\"a \" b\"#; use crate::cli;", 1), "cli");
    assert_eq!(named("fn a() {}\n#[cfg(test)]\nmod tests {\n    use crate::ui;\n}\n", 1), "");
    assert_eq!(named("#[cfg(test)]\nmod corpus_tests;\nuse crate::ui;\n", 1), "ui");
    assert_eq!(named("use othercrate::ui; pub(in crate::messages) fn a() {}", 1), "messages");
    assert_eq!(after(&code_of("use std::{fmt, env::{self}, fs};"), "std"), set(&["fmt", "env", "fs"]));
    assert_eq!(after(&code_of("std::fs::read(path)"), "std"), set(&["fs"]));
    assert!(words(&code_of("let at = Instant::now();")).any(|word| word == "Instant"));
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Every file of the library that is not a test, with the room it lives in.
fn sources() -> Vec<Source> {
    let top = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&top, &mut files);
    let mut sources: Vec<Source> = files.iter().filter_map(|file| source(&top, file)).collect();
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    sources
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn source(top: &Path, file: &Path) -> Option<Source> {
    let path = file.strip_prefix(top).unwrap().with_extension("");
    let mut modules: Vec<&str> = path.iter().map(|part| part.to_str().unwrap()).collect();
    if modules.last() == Some(&"mod") {
        modules.pop();
    }
    let about_tests = modules.iter().any(|module| *module == "tests" || module.ends_with("_tests"));
    let room = (*modules.first()?).to_owned();
    if about_tests || room == "lib" || room == "main" {
        return None;
    }
    let code = code_of(&fs::read_to_string(file).unwrap());
    Some(Source { path: file.display().to_string(), room, depth: modules.len(), code })
}

/// The rooms that a source names, by `crate::` or by `super::` far enough to leave its own.
fn rooms_named(source: &Source) -> BTreeSet<String> {
    let mut rooms = after(&source.code, "crate");
    let way_out = vec!["super"; source.depth].join("::");
    rooms.extend(after(&source.code, &way_out).into_iter().filter(|name| name != "super"));
    rooms
}

/// The names that follow `root::` directly, also those in braces.
fn after(code: &str, root: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let opening = format!("{root}::");
    for (at, _) in code.match_indices(&opening) {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|letter| is_word(letter) || letter == ':') {
            continue;
        }
        let rest = code[at + opening.len()..].trim_start();
        match rest.strip_prefix('{') {
            Some(group) => names.extend(group_heads(group)),
            None => names.extend(words(rest).next().map(str::to_owned)),
        }
    }
    names
}

/// The first word of each item of a `{…}` group whose opening brace was taken.
fn group_heads(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut heads = Vec::new();
    let mut item = String::new();
    for letter in group.chars() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => heads.extend(words(&std::mem::take(&mut item)).next().map(str::to_owned)),
            other if depth == 0 => item.push(other),
            _ => {}
        }
    }
    heads.extend(words(&item).next().map(str::to_owned));
    heads
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|letter: char| !is_word(letter)).filter(|word| !word.is_empty())
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// The text without comments, literals and the tests at its end.
fn code_of(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let mut code = String::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if rest.starts_with("r#\"") {
            rest.find("\"#").map_or(rest.len(), |end| end + 2)
        } else if letter == '"' {
            literal(rest)
        } else if letter == '\'' {
            quoted_letter(rest)
        } else {
            0
        };
        if skipped == 0 {
            code.push(letter);
            rest = &rest[letter.len_utf8()..];
        } else {
            code.push(' ');
            rest = &rest[skipped..];
        }
    }
    code
}

/// The length of a string literal that begins the text.
fn literal(text: &str) -> usize {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of a character literal that begins the text; 0 for a lifetime.
fn quoted_letter(text: &str) -> usize {
    let mut letters = text.char_indices().skip(1);
    match (letters.next(), letters.next()) {
        (Some((_, '\\')), Some(_)) => letters.find(|(_, letter)| *letter == '\'').map_or(0, |(at, _)| at + 1),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 0,
    }
}
