//! Output that no command of Lino prints, but a broken disk, a wrong file or a joker might: calm and bounded memory.

use proptest::prelude::*;

use super::{CommandKind, Ended, Reader, line};

/// What a reader may hold, as its debug text; that escapes some characters, so it is larger than the memory.
const MOST_HELD: usize = 4 << 20;
/// How long the pieces are in which a log is handed over (`engine::context`).
const PIECE: usize = 1 << 20;

const KINDS: [CommandKind; 13] = [
    CommandKind::Restore,
    CommandKind::Dump,
    CommandKind::SimulatedDump,
    CommandKind::CheckData,
    CommandKind::CollectStatic,
    CommandKind::CollectStaticDryRun,
    CommandKind::InstallList,
    CommandKind::Install,
    CommandKind::PipDryRun,
    CommandKind::BuildCache,
    CommandKind::Snapshot,
    CommandKind::Pull,
    CommandKind::Other,
];

/// Starts of lines after which a reader keeps what follows, and a command in which it does.
const KEPT: [(CommandKind, &str); 20] = [
    (CommandKind::Other, ""),
    (CommandKind::Restore, "Traceback (most recent call last):"),
    (CommandKind::Dump, "CommandError: "),
    (CommandKind::Install, "ERROR: "),
    (CommandKind::Restore, "Exception: Abandoning with 3 unsaved instances:"),
    (CommandKind::Restore, "- a.B "),
    (CommandKind::Restore, "- a."),
    (CommandKind::Restore, "Ignored unknown object "),
    (CommandKind::Dump, "Tolerating database error "),
    (CommandKind::Restore, "Source version is "),
    (CommandKind::Restore, "Loading 5 objects to table "),
    (CommandKind::CheckData, "Found 1 and fixed 2 problems in "),
    (CommandKind::InstallList, "lino"),
    (CommandKind::Pull, "Do you have a snapshot of all Lino sites ? [yN] "),
    (CommandKind::PipDryRun, "Collecting "),
    (CommandKind::SimulatedDump, "Writing "),
    (CommandKind::Install, "ERROR: No matching distribution found for "),
    (CommandKind::Snapshot, "sh: 1: "),
    (CommandKind::Pull, "sudo: a terminal is required "),
    (CommandKind::CollectStatic, "django.db.utils.OperationalError: "),
];

/// Feeds bytes as the engine does: lines, and long lines in pieces.
fn feed(reader: &mut Reader, bytes: &[u8]) {
    for raw in bytes.split(|&byte| byte == b'\n') {
        for piece in raw.chunks(PIECE) {
            reader.feed_line(&line::plain(piece));
        }
    }
}

fn held(reader: &Reader) -> usize {
    format!("{reader:?}").len()
}

#[test]
fn one_line_of_ten_million_characters_is_survived() {
    let long = "x".repeat(10_000_000);
    for (kind, start) in KEPT {
        let mut reader = Reader::new(kind);
        if start.starts_with('-') {
            reader.feed_line("Abandoning with 1 unsaved instances:");
        }
        reader.feed_line(&format!("{start}{long}"));
        let _ = reader.progress();
        assert!(held(&reader) < MOST_HELD, "{kind:?} {start}");
        let text = format!("{:?}", reader.finish(Some(Ended::Exited { code: 1 })));
        assert!(text.len() < 100_000, "{kind:?} {start}");
    }
}

#[test]
fn endless_output_without_any_line_end_is_survived() {
    let mut reader = Reader::new(CommandKind::Snapshot);
    let noise: Vec<u8> = (0..3 * PIECE).map(|at| u8::try_from(at * 7919 % 251).unwrap()).filter(|b| *b != 10).collect();
    for _ in 0..3 {
        feed(&mut reader, &noise);
        assert!(held(&reader) < MOST_HELD);
    }
}

#[test]
fn many_long_lines_are_not_kept() {
    for kind in [CommandKind::Restore, CommandKind::CheckData, CommandKind::InstallList] {
        let mut reader = Reader::new(kind);
        reader.feed_line("Abandoning with 1 unsaved instances:");
        for (_, start) in KEPT {
            let long = format!("{start}{}", "a".repeat(100_000));
            for _ in 0..3 {
                reader.feed_line(&long);
            }
        }
        assert!(held(&reader) < MOST_HELD, "{kind:?}");
    }
}

fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    let start = prop::sample::select(KEPT.map(|(_, start)| start).to_vec());
    let filling = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..40),
        prop::sample::select(vec![
            b"x".to_vec(),
            b"\xff\xfe".to_vec(),
            b"\xe2\x80\xae".to_vec(),
            b"\x1b[31m".to_vec(),
            b"\x1b]0;".to_vec(),
            b"\r".to_vec(),
            b"\x08".to_vec(),
            b"\0".to_vec(),
            b"\n".to_vec(),
            b" (1 object(s) with primary key 1)".to_vec(),
            "é".as_bytes().to_vec(),
        ]),
    ];
    (start, filling, prop::sample::select(vec![1_usize, 3, 1000, 20_000]))
        .prop_map(|(start, filling, times)| [start.as_bytes(), &filling.repeat(times)].concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_bytes_upset_the_reader_or_stay_in_memory(
        kind in prop::sample::select(KINDS.to_vec()),
        parts in prop::collection::vec(any_bytes(), 1..8),
        code in prop::option::of(0..256),
    ) {
        let mut reader = Reader::new(kind);
        for part in &parts {
            feed(&mut reader, part);
            let _ = reader.progress();
        }
        prop_assert!(held(&reader) < MOST_HELD);
        let reading = format!("{:?}", reader.finish(code.map(|code| Ended::Exited { code })));
        prop_assert!(reading.len() < MOST_HELD);
    }
}
