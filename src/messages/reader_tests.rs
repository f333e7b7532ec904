//! Wordings and endings that the real logs do not show, and the promises of memory and calm.

use proptest::prelude::*;

use super::corpus_tests::read;
use super::{Checked, CommandKind, DatabaseState, Ended, FailureCause, Judgement, Reader, Reading, line};

const OK: Option<Ended> = Some(Ended::Exited { code: 0 });
const ONE: Option<Ended> = Some(Ended::Exited { code: 1 });

fn reading(kind: CommandKind, lines: &[&str], ended: Option<Ended>) -> Reading {
    let mut reader = Reader::new(kind);
    for line in lines {
        reader.feed_line(line);
    }
    reader.finish(ended)
}

fn cause(reading: &Reading) -> Option<FailureCause> {
    match &reading.judgement {
        Judgement::Failed { cause, .. } => Some(cause.clone()),
        _ => None,
    }
}

#[test]
fn a_table_in_parts_counts_once() {
    let lines = [
        "Loading 120000 objects (part 1 of 3) to table a_b...",
        "Loading 120000 objects (part 2 of 3) to table a_b...",
        "Loading 120000 objects (part 3 of 3) to table a_b...",
        "Loading 7 objects to table a_c...",
    ];
    let mut reader = Reader::new(CommandKind::Restore);
    for line in &lines[..2] {
        reader.feed_line(line);
    }
    assert_eq!(reader.progress(), Some((40000, None, String::from("Loading 120000 rows into a_b"))));
    for line in &lines[2..] {
        reader.feed_line(line);
    }
    reader.feed_line("Loaded 120007 objects");
    let reading = reader.finish(OK);
    assert_eq!(reading.announced, 120_007);
    assert!(matches!(reading.judgement, Judgement::Finished { .. }));
    assert_eq!(reading.database, DatabaseState::Filled);
}

#[test]
fn fewer_loaded_rows_than_announced_are_lost_rows() {
    let lines = ["Loading 5 objects to table a_b...", "Loaded 4 objects"];
    let reading = reading(CommandKind::Restore, &lines, OK);
    assert_eq!(cause(&reading), Some(FailureCause::RowsLost));
    assert_eq!(reading.database, DatabaseState::HalfFilled);
}

#[test]
fn every_abandon_wording_fails_even_with_status_zero() {
    for text in [
        "Abandoning with 2 unsaved instances:",
        "Exception: Abandoning with 2 unsaved instances:",
        "Abandoned with 2 unsaved instances.",
        "Exception: Abandoned with 2 unsaved instances. See dblog for details.",
        "Abandoning with 2 unsaved instances from x.py:",
    ] {
        let reading =
            reading(CommandKind::Restore, &["Loading 5 objects to table a_b...", text, "Loaded 5 objects"], OK);
        assert_eq!((cause(&reading), reading.unsaved), (Some(FailureCause::Abandoned), 2), "{text}");
    }
}

#[test]
fn a_lost_or_killed_restore_is_interrupted() {
    let killed = |code| Some(Ended::Exited { code });
    let endings = [None, killed(129), killed(130), killed(137), killed(143), Some(Ended::Signalled { signal: 9 })];
    for ended in endings {
        let reading = reading(CommandKind::Restore, &["Loading 5 objects to table a_b..."], ended);
        assert!(matches!(reading.judgement, Judgement::Interrupted { .. }), "{ended:?}");
        assert_eq!(reading.database, DatabaseState::HalfFilled);
    }
    let memory = reading(CommandKind::Restore, &[], Some(Ended::Exited { code: 137 }));
    assert!(matches!(memory.judgement, Judgement::Interrupted { because } if because.contains("memory")));
}

#[test]
fn silence_proves_nothing() {
    for kind in [CommandKind::Restore, CommandKind::Dump, CommandKind::CheckData, CommandKind::Snapshot] {
        let reading = reading(kind, &[], OK);
        assert!(matches!(reading.judgement, Judgement::Unproved { .. }), "{kind:?}");
    }
}

#[test]
fn a_command_that_never_started_touched_nothing() {
    let reading = reading(CommandKind::Restore, &[], Some(Ended::NotStarted { errno: 2 }));
    assert_eq!((cause(&reading), reading.database), (Some(FailureCause::NotStarted), DatabaseState::Untouched));
}

#[test]
fn a_snapshot_is_proved_by_its_last_line() {
    let last = "make_snapshot terminated successfully";
    let of = |lines: &[&str], ended| reading(CommandKind::Snapshot, lines, ended).judgement;
    assert!(matches!(of(&["adding: x", last, ""], OK), Judgement::Finished { .. }));
    assert!(matches!(of(&[last, "zip error: Nothing to do"], OK), Judgement::Unproved { .. }));
    assert!(matches!(of(&[last], ONE), Judgement::Failed { .. }));
    let full = reading(CommandKind::Snapshot, &["zip I/O error: No space left on device"], ONE);
    assert_eq!(cause(&full), Some(FailureCause::DiskFull));
}

#[test]
fn pull_is_refused_only_when_the_answer_was_no() {
    let question = "Do you have a snapshot of all Lino sites ? [yN] ";
    let of = |lines: &[&str]| reading(CommandKind::Pull, lines, ONE);
    assert!(matches!(of(&[&format!("{question}n")]).judgement, Judgement::Refused { .. }));
    assert!(matches!(of(&[question.trim_end()]).judgement, Judgement::Refused { .. }));
    assert_eq!(cause(&of(&[&format!("{question}y")])), Some(FailureCause::Other));
    let syslog = format!("{question}ylogger: socket /dev/log: No such file or directory");
    assert_eq!(cause(&of(&[&syslog])), Some(FailureCause::NoSyslog));
    let sudo = "sudo: a terminal is required to read the password; either use the -S option";
    assert_eq!(cause(&of(&[&format!("{question}y"), sudo])), Some(FailureCause::SudoNeedsTerminal));
    let network = [
        "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError: Temporary failure in name resolution'",
        "ERROR: No matching distribution found for lino",
    ];
    assert_eq!(cause(&of(&network)), Some(FailureCause::NetworkDown));
    assert!(matches!(reading(CommandKind::Pull, &[question], OK).judgement, Judgement::Finished { .. }));
}

#[test]
fn pip_errors_are_told() {
    let lines = ["Collecting lino==1", "ERROR: No matching distribution found for lino==1"];
    let reading = reading(CommandKind::Install, &lines, ONE);
    assert!(matches!(reading.judgement, Judgement::Failed { because, .. } if because.contains("lino==1.")));
}

#[test]
fn unknown_commands_and_system_checks_are_recognised() {
    let unknown = ["Unknown command: 'checkdata'", "Type 'manage.py help' for usage."];
    assert_eq!(cause(&reading(CommandKind::CheckData, &unknown, ONE)), Some(FailureCause::UnknownCommand));
    let check = ["SystemCheckError: System check identified some issues:", "", "ERRORS:", "a.B.c: (fields.E300) text"];
    assert_eq!(cause(&reading(CommandKind::Dump, &check, ONE)), Some(FailureCause::SystemCheck));
}

#[test]
fn checkdata_numbers_are_bound_by_words() {
    let table = [
        ("22 checks have been run. Found 3 and fixed 4 problems.", (3, 4)),
        ("1 check have been run. Found 3 and fixed 4 problems.", (3, 4)),
        ("Done 9 checks, found 3 and fixed 4 problems.", (3, 4)),
        ("Done 9 checks, fixed 4 problems and created 3 messages.", (3, 4)),
    ];
    for (line, expected) in table {
        let reading = reading(CommandKind::CheckData, &[line], OK);
        assert_eq!(reading.problems, Some(expected), "{line}");
        assert!(matches!(reading.judgement, Judgement::Finished { .. }), "{line}");
    }
    let checked = |names: &str| vec![Checked { names: names.to_owned(), found: 3, fixed: 4 }];
    for (line, names) in [
        ("Found 3 and fixed 4 problems in Comments.", "Comments"),
        ("Found 3 and fixed 4 data problems in Comments.", "Comments"),
        ("Fixed 4 problems and created 3 messages in Sales invoices.", "Sales invoices"),
        ("Found 3 and fixed 4 checkdata messages for Find orphaned files.", "Find orphaned files"),
    ] {
        assert_eq!(reading(CommandKind::CheckData, &[line], OK).checked, checked(names), "{line}");
    }
}

#[test]
fn static_files_are_counted() {
    let of = |text: &str| {
        let reading = reading(CommandKind::CollectStatic, &[text], OK);
        (reading.copied, reading.unmodified)
    };
    assert_eq!(of("2 static files copied to '/a, b/c', 1190 unmodified."), (Some(2), Some(1190)));
    assert_eq!(of("1 static file copied to '/a'."), (Some(1), None));
    assert_eq!(of("0 static files symlinked to '/a', 5 unmodified, 3 post-processed."), (Some(0), Some(5)));
    assert_eq!(of("no static files"), (None, None));
}

#[test]
fn facts_of_real_logs_are_read() {
    let list = read("noi-install-list-b", CommandKind::InstallList, 0).requirements;
    assert_eq!((list.len(), list.first().map(String::as_str)), (13, Some("Pillow")));
    assert_eq!(list.last().map(String::as_str), Some("social-auth-app-django"));
    let checked = read("noi-checkdata-f-problems-a", CommandKind::CheckData, 0);
    assert_eq!(checked.checked, [Checked { names: String::from("Comments"), found: 0, fixed: 4 }]);
    let copied = read("noi-collectstatic-dry2-b", CommandKind::CollectStaticDryRun, 0);
    assert_eq!((copied.copied, copied.unmodified), (Some(2), Some(1190)));
    assert_eq!(read("noi-restore-b", CommandKind::Restore, 1).source_version.as_deref(), Some("25.1.1"));
    assert_eq!(read("ok-new-simdump", CommandKind::SimulatedDump, 0).written, Some(0));
    let locked = read("db_locked-simdump-b", CommandKind::SimulatedDump, 1).fatal.unwrap();
    assert_eq!(locked.exception, "django.db.utils.OperationalError");
    assert_eq!(locked.message, "database is locked");
}

#[test]
fn causes_come_before_consequences() {
    let groups = read("dangling_fk-a-restore", CommandKind::Restore, 0).groups;
    let models: Vec<&str> = groups.iter().take(2).map(|group| group.model.as_str()).collect();
    assert_eq!(models, ["shop.Partner", "shop.Person"]);
    assert!(groups.first().unwrap().message.contains("isocode 'CI'"));
    let groups = read("no_registered-a-restore", CommandKind::Restore, 0).groups;
    assert!(groups.first().unwrap().message.starts_with("Unresolved value '20'"));
}

#[test]
fn a_message_of_a_row_is_not_taken_for_a_complaint_of_the_machine() {
    let lines = [
        "Deferred Note #1 ('x') : Out of memory, No space left on device",
        "Traceback (most recent call last):",
        "  File \"x.py\", line 1, in y",
        "django.core.exceptions.ValidationError: ['No space left on device']",
        "Loading 1 objects to table a_b...",
        "Traceback (most recent call last):",
        "  File \"x.py\", line 1, in y",
        "TypeError: B() got unexpected keyword arguments: 'c'",
    ];
    assert_eq!(cause(&reading(CommandKind::Restore, &lines, ONE)), Some(FailureCause::UnexpectedField));
}

#[test]
fn the_reader_stays_small_whatever_it_reads() {
    let mut reader = Reader::new(CommandKind::Restore);
    reader.feed_line("Abandoning with 1 unsaved instances:");
    for number in 0..200_000 {
        reader.feed_line(&format!("- a.B message {number} without an end"));
    }
    let reading = reader.finish(OK);
    assert_eq!(reading.groups.len(), 1000);
    assert!(reading.groups.iter().all(|group| group.message.len() < 10_000));
}

fn any_kind() -> impl Strategy<Value = CommandKind> {
    prop::sample::select(vec![
        CommandKind::Restore,
        CommandKind::CheckData,
        CommandKind::InstallList,
        CommandKind::Pull,
        CommandKind::Snapshot,
        CommandKind::Other,
    ])
}

fn any_line() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::sample::select(vec![
        "Loading ",
        "Loaded ",
        "Abandoning with ",
        " unsaved instances:",
        "- a.B ",
        " (",
        " object(s) with primary key ",
        "18446744073709551615",
        "9",
        " objects",
        " (part ",
        " of ",
        " to table ",
        "...",
        "Traceback (most recent call last):",
        "  File",
        "CommandError: ",
        "Found ",
        " and fixed ",
        " problems in ",
        "[",
        "]",
        "%",
        "é",
        "\u{1b}[31m",
        ")",
        "'",
        "\"",
        " : {",
        "Exception: ",
        "Done ",
        "(PID ",
        " static files copied to ",
        " unmodified",
        "Run ",
        " checkers on ",
    ]);
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..80),
        prop::collection::vec(words, 0..10).prop_map(|words| words.concat().into_bytes()),
    ]
}

proptest! {
    #[test]
    fn no_output_upsets_the_reader(
        kind in any_kind(),
        lines in prop::collection::vec(any_line(), 0..40),
        code in prop::option::of(0..256),
    ) {
        let mut reader = Reader::new(kind);
        for raw in &lines {
            reader.feed_line(&line::plain(raw));
            let _ = line::severity(&line::plain(raw));
            let _ = reader.progress();
        }
        let reading = reader.finish(code.map(|code| Ended::Exited { code }));
        let clean = |text: &str| !text.chars().any(|letter| letter.is_control() && !matches!(letter, '\t' | '\n'));
        prop_assert!(reading.groups.iter().all(|group| clean(&group.to_string())));
        let judgement = format!("{:?}", reading.judgement);
        prop_assert!(clean(&judgement));
    }
}
