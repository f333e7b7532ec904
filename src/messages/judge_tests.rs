//! Commands that end with status 0 and did not do their work, and causes that have a name and a remedy.
//!
//! The wordings are those of Lino 25.1 to 26.10, getlino's scripts, pip, the shell, zip and the database drivers.

use super::{CommandKind, DatabaseState, Ended, FailureCause, Judgement, Reader, Reading};

const OK: Option<Ended> = Some(Ended::Exited { code: 0 });
const ONE: Option<Ended> = Some(Ended::Exited { code: 1 });
const WROTE: &str = "Wrote 402 objects to /srv/lino/shop/snapshot/restore.py and siblings.";
const LAST: &str = "make_snapshot terminated successfully";
const QUESTION: &str = "Do you have a snapshot of all Lino sites ? [yN] ";

fn read(kind: CommandKind, lines: &[&str], ended: Option<Ended>) -> Reading {
    let mut reader = Reader::new(kind);
    for line in lines {
        reader.feed_line(line);
    }
    reader.finish(ended)
}

/// The judgement in a word, with the cause of a failure.
fn word(reading: &Reading) -> String {
    match &reading.judgement {
        Judgement::Finished { .. } => "Finished".into(),
        Judgement::Unproved { .. } => "Unproved".into(),
        Judgement::Failed { cause, .. } => format!("Failed {cause:?}"),
        Judgement::Interrupted { .. } => "Interrupted".into(),
        Judgement::Refused { .. } => "Refused".into(),
    }
}

fn judged(kind: CommandKind, lines: &[&str], ended: Option<Ended>) -> String {
    word(&read(kind, lines, ended))
}

fn because(reading: &Reading) -> &str {
    match &reading.judgement {
        Judgement::Finished { summary } => summary,
        Judgement::Unproved { because }
        | Judgement::Failed { because, .. }
        | Judgement::Interrupted { because }
        | Judgement::Refused { because } => because,
    }
}

#[test]
fn objects_that_a_restore_ignored_are_lost_rows() {
    let lines = [
        "Loading 3 objects to table shop_category...",
        "Ignored unknown object 17",
        "Ignored unknown object True",
        "Loaded 3 objects",
    ];
    let reading = read(CommandKind::Restore, &lines, OK);
    assert_eq!(word(&reading), "Failed RowsLost");
    assert_eq!((reading.ignored, reading.database), (2, DatabaseState::HalfFilled));
    assert!(because(&reading).contains("2 objects") && because(&reading).contains("17"), "{}", because(&reading));
    let crashed = [&lines[..3], &["Traceback (most recent call last):", "  File \"x\"", "MemoryError"]].concat();
    let reading = read(CommandKind::Restore, &crashed, ONE);
    assert_eq!((word(&reading).as_str(), reading.ignored), ("Failed OutOfMemory", 2));
}

#[test]
fn ignored_objects_are_told_beside_abandoned_rows() {
    let lines = [
        "Loading 3 objects to table shop_sale...",
        "Ignored unknown object 17",
        "Abandoning with 1 unsaved instances:",
        "- shop.Sale text (1 object(s) with primary key 3)",
        "Loaded 2 objects",
    ];
    let reading = read(CommandKind::Restore, &lines, OK);
    assert_eq!((word(&reading).as_str(), reading.unsaved, reading.ignored), ("Failed Abandoned", 1, 1));
    assert!(because(&reading).contains("ignored"), "{}", because(&reading));
}

#[test]
fn a_dump_that_tolerated_errors_is_refused() {
    let error = "Tolerating database error no such table: shop_gadget in shop_gadget";
    for kind in [CommandKind::Dump, CommandKind::SimulatedDump, CommandKind::Snapshot] {
        let reading = read(kind, &[error, WROTE, LAST], OK);
        assert_eq!(word(&reading), "Failed DatabaseErrors", "{kind:?}");
        assert!(because(&reading).contains("no such table: shop_gadget"), "{}", because(&reading));
    }
}

#[test]
fn a_dump_without_rows_is_no_snapshot() {
    let wrote = "Wrote 0 objects to /srv/lino/shop/snapshot/restore.py and siblings.";
    assert_eq!(judged(CommandKind::Dump, &[wrote], OK), "Failed IncompleteDump");
    assert_eq!(judged(CommandKind::Snapshot, &[wrote, LAST], OK), "Failed IncompleteDump");
    assert_eq!(judged(CommandKind::SimulatedDump, &[wrote], OK), "Finished");
}

#[test]
fn a_dump_made_with_simulate_or_tolerate_is_no_snapshot() {
    let table = [
        ("Started manage.py dump2py snapshot (using shop.settings) --> PID 5", "Finished"),
        ("Started manage.py dump2py -s snapshot (using shop.settings) --> PID 5", "Failed IncompleteDump"),
        ("Started manage.py dump2py -ot snapshot (using shop.settings) --> PID 5", "Failed IncompleteDump"),
        ("+ python manage.py dump2py --simulate snapshot", "Failed IncompleteDump"),
        ("+ python manage.py dump2py --tolerate --overwrite snapshot", "Failed IncompleteDump"),
        ("python manage.py dump2py --tol snapshot && echo -s", "Failed IncompleteDump"),
        ("python manage.py dump2py -o -m 500 snapshot && cp -t /tmp -s x", "Finished"),
        ("python manage.py dump2py -m500 -v2 --settings a.st snapshot", "Finished"),
        ("python manage.py dump2py snapshot-s; ls -ts", "Finished"),
    ];
    for (line, expected) in table {
        assert_eq!(judged(CommandKind::Dump, &[line, WROTE], OK), expected, "{line}");
        assert_eq!(judged(CommandKind::Snapshot, &[line, WROTE, LAST], OK), expected, "{line}");
        let mut reader = Reader::of_line(CommandKind::Dump, line);
        reader.feed_line(WROTE);
        assert_eq!(word(&reader.finish(OK)), expected, "{line}");
    }
}

#[test]
fn a_snapshot_script_that_went_on_after_an_error_failed() {
    let crash = ["Traceback (most recent call last):", "  File \"x.py\", line 1, in y", "KeyError: 'x'"];
    let of = |lines: &[&str]| {
        judged(CommandKind::Snapshot, &[lines, &["  adding: snapshot/ (stored 0%)", LAST]].concat(), OK)
    };
    assert_eq!(of(&crash), "Failed Other");
    assert_eq!(of(&[&crash[..], &["Done manage.py dump2py snapshot (PID 7)"]].concat()), "Failed Other");
    assert_eq!(of(&[&crash[..], &[WROTE]].concat()), "Finished");
    assert_eq!(of(&[&[WROTE, "Exception ignored in: <function A.__del__ at 0x7f>"], &crash[..]].concat()), "Finished");
    assert_eq!(of(&["CommandError: Unable to serialize database: x"]), "Failed Other");
    assert_eq!(
        of(&[WROTE, "./make_snapshot.sh: line 81: zip: command not found"]),
        "Failed ProgramMissing { program: \"zip\" }"
    );
    assert_eq!(of(&[WROTE, "zip I/O error: No space left on device"]), "Failed DiskFull");
    assert_eq!(of(&[WROTE, "zip error: Output file write failure (write error on zip file)"]), "Failed ArchiveFailed");
    assert_eq!(
        of(&["./make_snapshot.sh: line 69: 15477 Killed                  python manage.py dump2py $SNAPSHOTDIR"]),
        "Failed OutOfMemory"
    );
    assert_eq!(of(&[WROTE, "  adding: media/uploads/Permission denied (deflated 3%)"]), "Finished");
    assert_eq!(of(&[WROTE, "  adding: media/uploads/No space left on device.pdf (stored 0%)"]), "Finished");
    let text = read(CommandKind::Snapshot, &[&crash[..], &[LAST]].concat(), OK);
    assert!(because(&text).contains("KeyError: 'x'"), "{}", because(&text));
}

#[test]
fn a_dump_that_was_stopped_half_way_is_no_snapshot() {
    let begun = "Writing /srv/lino/shop/snapshot/restore.py...";
    let done = "Done manage.py dump2py snapshot (PID 1755)";
    assert_eq!(judged(CommandKind::Snapshot, &[begun, done, done, LAST], OK), "Interrupted");
    assert_eq!(judged(CommandKind::Dump, &[begun, done, done], OK), "Interrupted");
    assert_eq!(judged(CommandKind::Snapshot, &[begun, WROTE, done, LAST], OK), "Finished");
    let other = "Done manage.py checkdata (PID 1756)";
    assert_eq!(judged(CommandKind::Snapshot, &[begun, WROTE, done, other, LAST], OK), "Finished");
    let silent = read(CommandKind::Snapshot, &[begun, LAST], OK);
    assert_eq!(word(&silent), "Unproved");
    assert!(because(&silent).contains("LINO_LOGLEVEL"), "{}", because(&silent));
}

#[test]
fn an_install_that_was_declined_installed_nothing() {
    let click = "/srv/env/bin/python -m pip install --upgrade pip lino-xl ? [Y/n]: ";
    let older = "/srv/env/bin/python -m pip install --upgrade pip lino-xl (y/n) ? [Y,n]?";
    let of = |lines: &[&str]| judged(CommandKind::Install, lines, OK);
    for question in [click, older] {
        assert_eq!(of(&[&format!("{question}n")]), "Refused");
        assert_eq!(of(&[&format!("{question}N"), "Done manage.py install (PID 7)"]), "Refused");
        assert_eq!(of(&[&format!("{question}x"), "Please answer Y or N", &format!("{question}n")]), "Refused");
        assert_eq!(of(&[&format!("{question}n"), &format!("{question}y"), "Collecting pip"]), "Finished");
        assert_eq!(of(&[question, "Requirement already satisfied: pip in /srv/env (25.0)"]), "Finished");
        assert_eq!(of(&[question]), "Unproved");
    }
    assert_eq!(of(&[]), "Finished");
}

#[test]
fn a_package_that_pip_does_not_find_fails_even_with_status_zero() {
    let missing = "Failed NoSuchPackage { requirement: \"lino-nosuch\" }";
    let both = [
        "ERROR: Could not find a version that satisfies the requirement lino-nosuch (from versions: none)",
        "ERROR: No matching distribution found for lino-nosuch",
    ];
    for kind in [CommandKind::Install, CommandKind::PipDryRun, CommandKind::Pull] {
        for lines in [&both[..], &both[..1], &both[1..]] {
            assert_eq!(judged(kind, lines, OK), missing, "{kind:?}");
            assert_eq!(judged(kind, lines, ONE), missing, "{kind:?}");
        }
    }
    let called = "subprocess.CalledProcessError: Command 'pip install x' returned non-zero exit status 1.";
    let raised = [both[0], "Traceback (most recent call last):", "  File \"x.py\", line 1, in y", called];
    assert_eq!(judged(CommandKind::Install, &raised, ONE), missing);
    let conflict = [
        "ERROR: Cannot install lino-noi==25.1 and lino==26.10 because these package versions have conflicting dependencies.",
        "ERROR: ResolutionImpossible: for help visit https://pip.pypa.io/en/latest/topics/dependency-resolution/",
    ];
    assert_eq!(judged(CommandKind::Pull, &conflict, OK), "Failed PackageConflict");
    let harmless = [
        "ERROR: pip's dependency resolver does not currently take into account all the packages that are installed.",
        "Successfully installed lino-26.10.8",
    ];
    assert_eq!(judged(CommandKind::Pull, &harmless, OK), "Finished");
}

#[test]
fn a_silent_pull_proves_nothing() {
    assert_eq!(judged(CommandKind::Pull, &[], OK), "Unproved");
    assert_eq!(judged(CommandKind::Pull, &["", "  "], OK), "Unproved");
    assert_eq!(judged(CommandKind::Pull, &["Already up to date."], OK), "Finished");
}

#[test]
fn an_empty_or_stopped_list_of_requirements_proves_nothing() {
    let started = "Started manage.py install --list (using shop.settings) --> PID 9";
    let done = "Done manage.py install --list (PID 9)";
    let of = |lines: &[&str], ended| judged(CommandKind::InstallList, lines, ended);
    assert_eq!(of(&[], OK), "Unproved");
    assert_eq!(of(&[started, "", done], OK), "Unproved");
    assert_eq!(of(&["No requirements"], OK), "Unproved");
    for noise in ["Terminated", "Killed", "Hangup", "Oops!"] {
        assert_eq!(of(&[noise], OK), "Unproved", "{noise}");
    }
    assert_eq!(of(&["Aborted!"], OK), "Refused");
    assert_eq!(of(&["lino-xl!=25.1", "Django>=5", "a[b]~=1"], OK), "Finished");
    assert_eq!(of(&[started, done, done], OK), "Interrupted");
    assert_eq!(of(&[started, "Pillow", done, done], OK), "Interrupted");
    assert_eq!(of(&[], Some(Ended::Signalled { signal: 15 })), "Interrupted");
    assert_eq!(of(&[], Some(Ended::Exited { code: 143 })), "Interrupted");
    assert_eq!(of(&[started, "Pillow", done], OK), "Finished");
}

#[test]
fn a_traceback_as_the_last_thing_is_a_failure_whatever_the_status() {
    let crash = ["Traceback (most recent call last):", "  File \"x.py\", line 1, in y"];
    let of = |kind, rest: &[&str]| judged(kind, &[&crash[..], rest].concat(), OK);
    assert_eq!(of(CommandKind::Other, &["KeyError: 'x'"]), "Failed Other");
    assert_eq!(of(CommandKind::Other, &["KeyError: 'x'", "", "Done manage.py x (PID 4)"]), "Failed Other");
    let table =
        ["django.db.utils.ProgrammingError: relation \"a_b\" does not exist", "LINE 1: SELECT 1", "         ^", ""];
    assert_eq!(of(CommandKind::Other, &table), "Failed MissingTable");
    assert_eq!(of(CommandKind::Other, &["KeyError: 'x'", "Everything was done in another way."]), "Finished");
    assert_eq!(of(CommandKind::Other, &["KeyboardInterrupt"]), "Interrupted");
    let row = "django.db.utils.IntegrityError: FOREIGN KEY constraint failed";
    assert_eq!(of(CommandKind::Other, &[row]), "Failed Other");
    assert_eq!(of(CommandKind::Restore, &[row]), "Unproved");
    assert_eq!(of(CommandKind::Pull, &["KeyError: 'x'"]), "Failed Other");
    assert_eq!(judged(CommandKind::Other, &["CommandError: text"], OK), "Failed Other");
    assert_eq!(judged(CommandKind::Other, &["pg_dump: done"], OK), "Finished");
    let incomplete = "CommandError: There were 3 database errors. The dump in snapshot is not complete.";
    assert_eq!(judged(CommandKind::Dump, &[WROTE, incomplete], OK), "Failed DatabaseErrors");
}

#[test]
fn a_pull_that_ends_right_after_its_question_says_so() {
    let silent = read(CommandKind::Pull, &[&format!("{QUESTION}y")], ONE);
    assert!(because(&silent).contains("system log"), "{}", because(&silent));
    let logger = [&format!("{QUESTION}y"), "logger: socket /dev/log: No such file or directory"];
    assert_eq!(judged(CommandKind::Pull, &logger.map(|line| line as &str), ONE), "Failed NoSyslog");
}

#[test]
fn complaints_of_programs_have_causes() {
    let table = [
        (
            "pg_dump: error: connection to server at \"localhost\" (::1), port 5432 failed: Connection refused",
            "DatabaseUnreachable",
        ),
        (
            "mysqldump: Got error: 2002: \"Can't connect to local MySQL server through socket '/run/mysqld.sock' (2)\"",
            "DatabaseUnreachable",
        ),
        ("pg_dump: error: query failed: ERROR:  permission denied for table a_b", "DatabasePermission"),
        (
            "mysqldump: Got error: 1045: \"Access denied for user 'a'@'localhost' (using password: YES)\"",
            "DatabasePermission",
        ),
        ("rm: cannot remove 'snapshot/restore.py': Permission denied", "FilePermission"),
        ("/bin/sh: 1: ./make_snapshot.sh: Permission denied", "FilePermission"),
        ("cp: error writing 'env.part/x': No space left on device", "DiskFull"),
        ("/bin/sh: 1: zip: not found", "ProgramMissing { program: \"zip\" }"),
        ("bash: line 3: zip: command not found", "ProgramMissing { program: \"zip\" }"),
        ("./pull.sh: line 40: logger: command not found", "NoSyslog"),
        ("Killed", "OutOfMemory"),
        ("bash: 21749 Killed                  pg_dump -Fc prod", "OutOfMemory"),
        ("k.sh: line 2: 21759 Killed                  python manage.py dump2py snapshot", "OutOfMemory"),
        ("Killed sessions: 3", "Other"),
        ("GET /static: 404: the page you want: not found", "Other"),
        ("git@github.com: Permission denied (publickey).", "Other"),
    ];
    for (line, expected) in table {
        assert_eq!(judged(CommandKind::Other, &[line], ONE), format!("Failed {expected}"), "{line}");
    }
}

#[test]
fn zip_that_may_not_read_a_file_leaves_it_out() {
    let zip = [
        WROTE,
        "  adding: media/uploads/b",
        "zip warning: Permission denied",
        "\tzip warning: could not open for reading: media/uploads/b",
        "  adding: media/uploads/a (stored 0%)",
        "",
        "zip warning: Not all files were readable",
        "  files/entries read:  1 (2 bytes)  skipped:  1 (2 bytes)",
    ];
    assert_eq!(judged(CommandKind::Snapshot, &zip, Some(Ended::Exited { code: 18 })), "Failed FilePermission");
    assert_eq!(judged(CommandKind::Snapshot, &[&zip[..], &[LAST]].concat(), OK), "Failed FilePermission");
    let gone = [WROTE, "\tzip warning: could not open for reading: media/uploads/b", LAST];
    assert_eq!(judged(CommandKind::Snapshot, &gone, OK), "Failed ArchiveFailed");
}

#[test]
fn an_unknown_failure_quotes_the_last_line() {
    let line = "rm: cannot remove 'snapshot/*': No such file or directory";
    let reading = read(CommandKind::Snapshot, &["Move existing snapshot.zip", line, ""], ONE);
    assert_eq!(because(&reading), format!("The command failed with status 1; its last line is: {line}."));
    let silent = read(CommandKind::Other, &[], ONE);
    assert_eq!(because(&silent), "The command failed with status 1, and it printed nothing.");
}

#[test]
fn every_failure_tells_what_is_unchanged_and_what_to_do() {
    let causes = [
        FailureCause::Abandoned,
        FailureCause::RowsLost,
        FailureCause::DatabaseLocked,
        FailureCause::DatabaseUnreachable,
        FailureCause::DatabasePermission,
        FailureCause::MissingDatabase,
        FailureCause::MissingTable,
        FailureCause::MissingColumn,
        FailureCause::UnknownCommand,
        FailureCause::ImportError { module: "x".into() },
        FailureCause::ChangedApi,
        FailureCause::SystemCheck,
        FailureCause::SyntaxError,
        FailureCause::MissingFile,
        FailureCause::FilePermission,
        FailureCause::ProgramMissing { program: "zip".into() },
        FailureCause::IndependentRow,
        FailureCause::TooManyDeferred,
        FailureCause::RemovedModel,
        FailureCause::UnexpectedField,
        FailureCause::MigratorBroken,
        FailureCause::DumpExists,
        FailureCause::DatabaseErrors,
        FailureCause::IncompleteDump,
        FailureCause::ArchiveFailed,
        FailureCause::NoSuchPackage { requirement: "x".into() },
        FailureCause::PackageConflict,
        FailureCause::RedisMissing,
        FailureCause::DiskFull,
        FailureCause::OutOfMemory,
        FailureCause::NoSyslog,
        FailureCause::SudoNeedsTerminal,
        FailureCause::NetworkDown,
        FailureCause::NotStarted,
        FailureCause::Other,
    ];
    for cause in causes {
        let remedy = cause.remedy();
        assert!(remedy.ends_with('.') && remedy.starts_with(char::is_uppercase), "{cause:?}: {remedy}");
        assert!(cause.subject().chars().count() <= 20, "{cause:?}");
    }
    let half = read(CommandKind::Restore, &["Loading 5 objects to table a_b...", "Loaded 4 objects"], OK);
    assert!(half.unchanged().contains("snapshot still has every row"), "{}", half.unchanged());
    assert_eq!(read(CommandKind::Snapshot, &[], ONE).unchanged(), "The database was only read.");
}
