//! `lino-upgrade compare` as somebody calls it: what it prints, its exit status, and what it says of bad input.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use assert_fs::TempDir;
use serde_json::{Value, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::shop::PROGRAM;

const BASIS: &str = "The dump scripts alone: they do not show lengths, null, unique, types, choices, defaults or \
                     required values, and not what the database has.";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/dumps").join(name)
}

fn script(name: &str) -> String {
    fs::read_to_string(fixture(name).join("restore.py")).unwrap()
}

fn compare(old: &Path, new: &Path, options: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.env_clear().env("COLUMNS", "80").stdin(Stdio::null());
    command.arg("compare").args([old, new]).args(options).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Writes the script of the small database with some changes.
fn changed(dir: &TempDir) -> PathBuf {
    let text = script("26.10.8")
        .replace("remarks", "notes")
        .replace("'1.2.3'", "'1.3.0'")
        .replace("    if amount is not None: amount = Decimal(amount)\n", "")
        .replace("memo_Empty = resolve_model(\"memo.Empty\")\n", "")
        .replace(
            "def create_memo_empty(id):\n    kw = dict()\n    kw.update(id=id)\n    return memo_Empty(**kw)\n\n",
            "",
        )
        .replace("    execfile(\"memo_empty.py\", *args)\n", "")
        .replace("(id, left_id)", "(left_id, id)")
        .replace("\nimport six\n", "\nimport six\nprint('\u{1b}[31m')\n");
    let path = dir.path().join("restore.py");
    fs::write(&path, text).unwrap();
    path
}

fn archive(dir: &TempDir, entries: &[(&str, &[u8])]) -> PathBuf {
    let path = dir.path().join("snapshot.zip");
    let mut zip = ZipWriter::new(fs::File::create(&path).unwrap());
    for (name, bytes) in entries {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
    path
}

#[test]
fn the_text_fits_a_narrow_and_a_wide_terminal() {
    let dir = TempDir::new().unwrap();
    let new = changed(&dir);
    let narrow = compare(&fixture("26.10.8"), &new, &[]);
    assert_eq!((narrow.status.code(), narrow.stderr.is_empty()), (Some(1), true));
    insta::assert_snapshot!("compare_80", text(&narrow));
    let mut command = Command::new(PROGRAM);
    command.env_clear().env("COLUMNS", "140").arg("compare").args([&fixture("26.10.8"), &new]).arg("--text");
    let wide = text(&command.output().unwrap());
    insta::assert_snapshot!("compare_140", wide);
    for (columns, text) in [(80, text(&narrow)), (140, wide)] {
        assert!(text.lines().all(|line| line.chars().count() <= columns), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let dir = TempDir::new().unwrap();
    let new = changed(&dir);
    // A terminal, as `script` makes it.
    let shown = |before: &str, options: &str| {
        let line = format!(
            "{before} COLUMNS=120 {PROGRAM} compare {} {} {options}",
            fixture("26.10.8").display(),
            new.display()
        );
        let output = Command::new("script").args(["-qec", &line, "/dev/null"]).stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        text(&output)
    };
    let coloured = shown("", "");
    assert!(coloured.contains("\u{1b}[1;4;31mremarks\u{1b}[0m"), "{coloured}");
    assert!(coloured.contains("print('␛[31m')"), "{coloured}");
    assert!(!shown("NO_COLOR=1", "").contains('\u{1b}'));
    assert!(!shown("", "--no-color").contains('\u{1b}'));
}

#[test]
fn json_is_a_whole_value() {
    let dir = TempDir::new().unwrap();
    let new = changed(&dir);
    let output = compare(&fixture("26.10.8"), &new, &["--json"]);
    assert_eq!(output.status.code(), Some(1));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let expected = json!({
        "verdict": "restore",
        "basis": BASIS,
        "source_version": ["1.2.3", "1.3.0"],
        "models": {
            "added": [],
            "removed": ["memo.Empty"],
            "changed": [
                {
                    "model": "accounting.Account",
                    "fields_added": [],
                    "fields_removed": [],
                    "fields_renamed_maybe": [],
                    "other": ["accounting.Account.amount is a plain value instead of a decimal number."],
                },
                {
                    "model": "contacts.Partner",
                    "fields_added": ["notes"],
                    "fields_removed": ["remarks"],
                    "fields_renamed_maybe": [["remarks", "notes"]],
                    "other": [],
                },
            ],
            "renamed_maybe": [],
        },
        "site": ["The new script has lines that dump2py does not write (line 14): somebody edited it."],
        "noise": 2,
        "left_out": [],
    });
    assert_eq!(said, expected);
}

#[test]
fn only_noise_is_equal_and_says_that_this_proves_little() {
    let output = compare(&fixture("25.8.0"), &fixture("26.10.8").join("restore.py"), &["--json"]);
    assert_eq!(output.status.code(), Some(0));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let models = json!({"added": [], "removed": [], "changed": [], "renamed_maybe": []});
    assert_eq!((&said["verdict"], &said["models"], &said["basis"]), (&json!("skip"), &models, &json!(BASIS)));
    let output = compare(&fixture("25.8.0"), &fixture("26.10.8"), &[]);
    assert_eq!(output.status.code(), Some(0));
    let first = "The dump scripts (both 1.2.3) differ in nothing that matters, which alone does\nnot prove that the \
                 restore may be skipped.\n";
    assert!(text(&output).starts_with(first), "{}", text(&output));
}

#[test]
fn what_was_left_out_makes_the_verdict_unknown() {
    let dir = TempDir::new().unwrap();
    let whole = script("26.10.8");
    fs::write(dir.path().join("restore.py"), &whole[..whole.find("def main(").unwrap()]).unwrap();
    let output = compare(dir.path(), &fixture("26.10.8"), &["--json"]);
    assert_eq!(output.status.code(), Some(1));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["verdict"], "unknown");
    assert_eq!(
        said["left_out"][0],
        "The old script breaks off at line 133: the script ends before it loads and starts everything. What should \
         follow could not be compared."
    );
}

#[test]
fn noi_is_explained_from_25_1_to_26_9_also_out_of_an_archive() {
    let dir = TempDir::new().unwrap();
    let zip = archive(&dir, &[("snapshot/restore.py", script("noi-25.1.1").as_bytes()), ("snapshot/x.py", b"")]);
    // A simulated dump is there to be compared.
    fs::write(dir.path().join("restore.py"), script("noi-26.9.2-simulated")).unwrap();
    fs::write(dir.path().join("NEVER_RESTORE"), "").unwrap();
    let output = compare(&zip, dir.path(), &["--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let count = |list: &str| said["models"][list].as_array().unwrap().len();
    assert_eq!([count("removed"), count("added"), count("changed")], [16, 6, 22]);
    assert_eq!((&said["source_version"], &said["left_out"]), (&json!(["25.1.1", "26.9.2"]), &json!([])));
    let ticket = &said["models"]["changed"].as_array().unwrap().iter().find(|one| one["model"] == "tickets.Ticket");
    let expected = json!({
        "model": "tickets.Ticket",
        "fields_added": ["body", "body_full_preview", "body_short_preview", "subtitle", "title"],
        "fields_removed": ["description", "summary"],
        "fields_renamed_maybe": [["summary", "title"], ["description", "body"]],
        "other": [],
    });
    assert_eq!(ticket.unwrap(), &expected);
}

#[test]
fn bad_input_is_named_with_file_and_line() {
    let dir = TempDir::new().unwrap();
    let whole = script("26.10.8");
    let file = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let folder = dir.path().join("folder");
    fs::create_dir(&folder).unwrap();
    let mut zip = fs::read(archive(&dir, &[("restore.py", whole.as_bytes())])).unwrap();
    let truncated = file("truncated.zip", &zip[..zip.len() / 2]);
    zip[60] ^= 0xff;
    let damaged = file("damaged.zip", &zip);
    let name_dump = "Name a directory written by dump2py, or a snapshot.zip.";
    // What it claims to become is in its directory at the end.
    let mut forged = fs::read(archive(&dir, &[("restore.py", whole.as_bytes())])).unwrap();
    let central = forged.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    forged[central + 24..central + 28].copy_from_slice(&(3_u32 << 30).to_le_bytes());
    let bomb = file("bomb.zip", &forged);
    let large = file("large.py", b"");
    fs::File::options().write(true).open(&large).unwrap().set_len(600 << 20).unwrap();
    let outside_dir = TempDir::new().unwrap();
    let outside = archive(&outside_dir, &[("restore.py", whole.as_bytes()), ("../../evil.py", b"")]);
    let no_script_dir = TempDir::new().unwrap();
    let no_script = archive(&no_script_dir, &[("x.py", b"")]);
    let odd = whole.replace("kw.update(flag=flag)", "kw.update(flag=flag) # \u{e9}").into_bytes();
    let latin: Vec<u8> = odd.into_iter().filter(|byte| *byte != 0xc3).collect();
    for (path, what, next) in [
        (folder.clone(), "is no snapshot: it has no restore.py.", name_dump),
        (dir.path().join("none"), "is no snapshot: it does not exist.", name_dump),
        (file("empty.py", b""), "is no snapshot: the file is empty.", name_dump),
        (
            file("other.py", b"\n\x1b[2Jimport os\nprint(1)\n"),
            "is no snapshot: nothing in it says that dump2py wrote it; line 2 is \u{201c}import os\u{201d}.",
            name_dump,
        ),
        (file("latin.py", &latin), "cannot be read: line 79 is not valid UTF-8.", "Make a new snapshot."),
        (truncated, "cannot be read: invalid Zip archive: Could not find EOCD.", "Make a new snapshot."),
        (
            bomb,
            "cannot be read: it is no archive that make_snapshot.sh writes. restore.py: It would become far too large when \
             unpacked; it was not read.",
            "Make a new snapshot.",
        ),
        (
            outside,
            "cannot be read: it is no archive that make_snapshot.sh writes. ../../evil.py: Its name leaves the \
             directory; it is not part of a snapshot.",
            "Make a new snapshot.",
        ),
        (large, "cannot be read: it has 600 MB, and no dump script is that large.", "Make a new snapshot."),
        (no_script, "is no snapshot: it has no restore.py.", name_dump),
        (
            file("python2.py", script("1.7.5").as_bytes()),
            "was written for Python 2, as line 8 shows. No Lino of today can read it.",
            "Upgrade the site to a Lino of 2018 or later with its own Python first, and make a new snapshot.",
        ),
    ] {
        for (old, new) in [(&path, &fixture("26.10.8")), (&fixture("26.10.8"), &path)] {
            let output = compare(old, new, &["--json"]);
            assert_eq!((output.status.code(), text(&output)), (Some(2), String::new()), "{}", path.display());
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(said, format!("{} {what}\n→ {next}\n", path.display()));
        }
    }
    let output = compare(&damaged, &fixture("26.10.8"), &[]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert_eq!(compare(&folder, &folder, &["--json", "--text"]).status.code(), Some(2));
}

#[test]
fn an_endless_line_is_shown_to_where_somebody_would_read() {
    let dir = TempDir::new().unwrap();
    let line = |word: &str| script("26.10.8").replace("'1.2.3'", &format!("'{}{word}'", "a ".repeat(20_000_000)));
    fs::write(dir.path().join("old.py"), line("1")).unwrap();
    fs::write(dir.path().join("new.py"), line("2").replace("en=values[0]", "ee=values[0]")).unwrap();
    let output = compare(&dir.path().join("old.py"), &dir.path().join("new.py"), &[]);
    let text = text(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("bytes more"), "{text}");
    assert!(text.len() < 20_000, "{}", text.len());
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let line = format!(
        "{PROGRAM} compare {} {} | head -1; echo ${{PIPESTATUS[0]}}",
        fixture("noi-25.1.1").display(),
        fixture("noi-26.9.2-simulated").display()
    );
    let output = Command::new("bash").args(["-c", &line]).output().unwrap();
    let first = "The dump scripts (25.1.1 and 26.9.2) differ: 16 models gone, 6 models new, 22\n1\n";
    assert_eq!((text(&output).as_str(), output.stderr.as_slice()), (first, b"".as_slice()));
}
