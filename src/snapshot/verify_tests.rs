//! Tests of verifying, on a real dump that is damaged in one way each.

use std::fs;
use std::io::Write;
use std::path::Path;

use assert_fs::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

const SCRIPT: &str = "#!/usr/bin/env python\n# This is a Python dump created using dump2py.\nSOURCE_VERSION = '1.0'\n\
    def create_shop_note(id, text):\n    return 1\n\ndef create_shop_land(name, isocode):\n    return 1\n\n\
    def main(args):\n    execfile(\"shop_note_1.py\", *args)\n    execfile(\"shop_note_2.py\", *args)\n\
    \x20   execfile(\"shop_land.py\", *args)\n    loader.finalize()\n\nif __name__ == '__main__':\n    main(args)\n";

fn files() -> Vec<(&'static str, String)> {
    vec![
        ("restore.py", SCRIPT.to_owned()),
        (
            "shop_note_1.py",
            "logger.info(\"Loading 3 objects (part 1 of 2) to table shop_note...\")\n\
             loader.save(create_shop_note(1,'a'))\nloader.save(create_shop_note(2,'b'))\n"
                .into(),
        ),
        (
            "shop_note_2.py",
            "logger.info(\"Loading 3 objects (part 2 of 2) to table shop_note...\")\n\
             loader.save(create_shop_note(3,'c'))\n\nloader.flush_deferred_objects()\n"
                .into(),
        ),
        (
            "shop_land.py",
            "logger.info(\"Loading 2 objects to table shop_land...\")\n\
             loader.save(create_shop_land(['B','b'],'BE'))\nloader.save(create_shop_land('E','EE'))\n"
                .into(),
        ),
    ]
}

fn keys() -> BTreeMap<String, String> {
    BTreeMap::from([("shop_note".into(), "id".into()), ("shop_land".into(), "isocode".into())])
}

fn written(change: impl Fn(&str, &str) -> Option<String>) -> TempDir {
    let dir = TempDir::new().unwrap();
    for (name, text) in files() {
        if let Some(text) = change(name, &text) {
            fs::write(dir.path().join(name), text).unwrap();
        }
    }
    dir
}

fn problems(path: &Path) -> Vec<(String, Option<u64>, String)> {
    let found = verify(path, &keys()).unwrap();
    found.problems.into_iter().map(|problem| (problem.path, problem.line, problem.message)).collect()
}

fn problem(path: &str, line: Option<u64>, message: &str) -> (String, Option<u64>, String) {
    (path.into(), line, message.into())
}

#[test]
fn a_whole_snapshot_has_no_problem_and_counts_the_parts_of_a_table_together() {
    let dir = written(|_, text| Some(text.to_owned()));
    let found = verify(dir.path(), &keys()).unwrap();
    assert_eq!(found.problems, vec![]);
    assert_eq!(found.source_version, Some("1.0".into()));
    let rows: Vec<(&str, u64)> = found.tables.iter().map(|(table, entry)| (table.as_str(), entry.rows)).collect();
    assert_eq!(rows, [("shop_land", 2), ("shop_note", 3)]);
}

#[test]
fn a_lost_row_is_noticed() {
    let dir = written(|_, text| Some(text.replace("loader.save(create_shop_note(2,'b'))\n", "")));
    assert_eq!(
        problems(dir.path()),
        [problem("shop_note_2.py", None, "Table shop_note should have 3 rows and has 2.")]
    );
}

#[test]
fn a_key_that_comes_twice_is_named_also_across_parts() {
    let dir = written(|_, text| Some(text.replace("note(3,'c')", "note(1,'c')").replace("'EE'", "'BE'")));
    assert_eq!(
        problems(dir.path()),
        [
            problem("shop_note_2.py", Some(2), "The key 1 of table shop_note comes twice."),
            problem("shop_land.py", Some(3), "The key BE of table shop_land comes twice."),
        ]
    );
}

#[test]
fn a_file_that_is_cut_off_is_noticed() {
    let dir = written(|name, text| {
        let cut = if name == "shop_land.py" { text.len() - 6 } else { text.len() };
        Some(text[..cut].to_owned())
    });
    assert_eq!(
        problems(dir.path()),
        [
            problem("shop_land.py", Some(3), "The row is cut off."),
            problem("shop_land.py", None, "Table shop_land should have 2 rows and has 1."),
        ]
    );
}

#[test]
fn a_marked_directory_or_archive_is_refused() {
    let dir = written(|_, text| Some(text.to_owned()));
    fs::write(dir.path().join(MARK), "").unwrap();
    let archive = dir.path().join("snapshot.zip");
    let mut zip = ZipWriter::new(fs::File::create(&archive).unwrap());
    for name in ["t/restore.py", "t/NEVER_RESTORE"] {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(SCRIPT.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
    for path in [dir.path().to_owned(), dir.path().join("restore.py"), archive] {
        let error = verify(&path, &keys()).unwrap_err();
        assert!(matches!(error, SnapshotError::Simulated { .. }), "{error}");
        let what = "is a simulated dump. It has no data: restoring it would empty the database.";
        assert_eq!(error.tell().what, format!("{} {what}", path.display()));
    }
}

#[test]
fn row_files_without_data_are_noticed() {
    let raise =
        "raise Exception(\"The data of table shop_note has not been dumped because --simulate was specified.\")\n";
    let head =
        "# -*- coding: UTF-8 -*-\nlogger.info(\"Loading 0 objects to table shop_note...\")\n# fields: id, text\n";
    let dir = written(|name, text| {
        Some(if name.starts_with("shop_note") { format!("{head}{raise}") } else { text.to_owned() })
    });
    let message = "It has no rows, only an error: it was made with --simulate or --tolerate.";
    assert_eq!(
        problems(dir.path()),
        [problem("shop_note_1.py", None, message), problem("shop_note_2.py", None, message)]
    );
}

#[test]
fn a_missing_file_is_named_and_a_simulated_dump_is_recognised() {
    let dir = written(|name, text| (name != "shop_land.py").then(|| text.to_owned()));
    assert_eq!(problems(dir.path()), [problem("shop_land.py", None, "restore.py loads it, but it is missing.")]);
    let dir = written(|name, text| (name == "restore.py").then(|| text.to_owned()));
    assert_eq!(
        problems(dir.path()),
        [problem("restore.py", None, "It has no row file at all: it was made with --simulate.")]
    );
}

#[test]
fn a_tolerated_dump_is_recognised() {
    let raise = "raise Exception(\"The data of table shop_land has not been dumped because an error x occured.\")";
    let dir = written(|_, text| Some(text.replace("    execfile(\"shop_land.py\", *args)", raise)));
    assert_eq!(
        problems(dir.path()),
        [problem("restore.py", None, "The rows of table shop_land are missing: it was made with --tolerate.")]
    );
}

#[test]
fn what_is_no_dump_is_refused() {
    let dir = TempDir::new().unwrap();
    let say = |dir: &TempDir| verify(dir.path(), &keys()).unwrap_err().to_string();
    assert_eq!(say(&dir), format!("{} is no snapshot: it has no restore.py", dir.path().display()));
    fs::write(dir.path().join("restore.py"), "import os\n").unwrap();
    let text = "its restore.py was not written by dump2py";
    assert_eq!(say(&dir), format!("{} is no snapshot: {text}", dir.path().display()));
}

fn zipped(dir: &TempDir, extra: &[(&str, &[u8])]) -> std::path::PathBuf {
    let path = dir.path().join("snapshot.zip");
    let mut zip = ZipWriter::new(fs::File::create(&path).unwrap());
    let plain = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, text) in files() {
        zip.start_file(format!("snapshot/{name}"), plain).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    for (name, bytes) in extra {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
    path
}

#[test]
fn an_archive_is_read_like_its_directory() {
    let dir = written(|_, text| Some(text.to_owned()));
    let archive = zipped(&dir, &[("settings.py", b"x = 1\n")]);
    assert_eq!(problems(&archive), []);
    // The copy with decisions that the restore writes is no part of the snapshot.
    fs::write(dir.path().join("restore_decided.py"), "import os\n").unwrap();
    assert_eq!(crate::snapshot::same_as_directory(&archive, dir.path()).unwrap(), vec![]);
    fs::write(dir.path().join("shop_land.py"), "changed").unwrap();
    let different = crate::snapshot::same_as_directory(&archive, dir.path()).unwrap();
    let message = "It differs between the archive and the directory.".to_owned();
    assert_eq!(different, vec![Problem { path: "shop_land.py".into(), line: None, message }]);
}

#[test]
fn a_flipped_byte_in_an_archive_is_noticed() {
    let dir = written(|_, text| Some(text.to_owned()));
    let archive = zipped(&dir, &[]);
    let mut bytes = fs::read(&archive).unwrap();
    let at = memchr::memmem::find(&bytes, b"note(3,'c')").unwrap();
    bytes[at + 8] ^= 1;
    fs::write(&archive, bytes).unwrap();
    let error = verify(&archive, &keys()).unwrap_err().to_string();
    assert_eq!(error, format!("{} cannot be read: shop_note_2.py: Invalid checksum", archive.display()));
}

#[test]
fn a_truncated_archive_is_refused() {
    let dir = written(|_, text| Some(text.to_owned()));
    let archive = zipped(&dir, &[]);
    let bytes = fs::read(&archive).unwrap();
    for cut in [0, 10, bytes.len() / 2, bytes.len() - 5] {
        fs::write(&archive, &bytes[..cut]).unwrap();
        assert!(matches!(verify(&archive, &keys()), Err(SnapshotError::Unreadable { .. })), "{cut}");
    }
}

#[test]
fn an_entry_that_leaves_its_directory_and_a_bomb_are_problems() {
    let dir = written(|_, text| Some(text.to_owned()));
    let bomb = vec![b' '; 40 << 20];
    let archive = zipped(&dir, &[("../evil.py", b"x"), ("big.py", &bomb)]);
    let mut found = problems(&archive);
    found.retain(|(path, ..)| path != "big.py" || bomb.len() as u64 / 1_200 > 0);
    assert_eq!(
        found.first(),
        Some(&problem("../evil.py", None, "Its name leaves the directory; it is not part of a snapshot."))
    );
}
