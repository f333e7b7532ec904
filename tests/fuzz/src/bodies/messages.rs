//! What commands print: it is read alike from a terminal, a pipe and Lino's log file, in one piece or in any pieces, and
//! nothing of it steers a terminal.
//!
//! The first three bytes choose the command, how it ended, and how long the pieces are.

use std::cell::RefCell;
use std::time::Duration;

use assert_fs::TempDir;
use lino_upgrade::engine::tail::Tail;
use lino_upgrade::messages::line::{plain, severity, styled};
use lino_upgrade::messages::{
    CommandKind, Ended, Judgement, Reader, Reading, Refusals, RestoreLog, prompts, strip_log_prefix,
};
use lino_upgrade::triage::Rehearsed;

use super::{choice, is_calm};

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

/// What Lino's log file puts before each message.
const PREFIX: &str = "202611-20 21:07:58 INFO [lino 3354 140504402557824] : ";

pub fn run(mut data: &[u8]) {
    let kind = KINDS[usize::from(choice(&mut data)) % KINDS.len()];
    let ended = match choice(&mut data) {
        2 => None,
        3 => Some(Ended::NotStarted { errno: 2 }),
        4 => Some(Ended::Signalled { signal: 15 }),
        code => Some(Ended::Exited { code: i32::from(code) }),
    };
    let piece = 7 * usize::from(choice(&mut data)) + 31;
    let lines: Vec<String> = data.split(|byte| *byte == b'\n').map(shown).collect();
    let reading = read(kind, ended, &lines);
    judged(&reading, ended);
    rehearsed(&lines);
    assert_eq!(reading, in_pieces(kind, ended, data, piece), "pieces of {piece}");
    let terminal: Vec<String> = data.split(|byte| *byte == b'\n').map(|raw| shown(&[raw, b"\r\n"].concat())).collect();
    assert_eq!(lines, terminal);
    let log = log(ended, &lines);
    // A line that looks like one of a log file itself is another one behind what the file puts before it.
    if lines.iter().all(|line| strip_log_prefix(line).len() == line.len()) {
        let prefixed: Vec<String> = lines.iter().map(|line| format!("{PREFIX}{line}")).collect();
        assert_eq!(reading, read(kind, ended, &prefixed));
        assert_eq!(log, self::log(ended, &prefixed));
    }
    assert!(log.unsaved.iter().all(|row| is_calm(&row.message, &['\n', '\t'])));
}

/// Cleans a line, and looks at it in every other way.
fn shown(raw: &[u8]) -> String {
    let line = plain(raw).into_owned();
    assert!(is_calm(&line, &['\t']), "{line:?}");
    assert_eq!(plain(line.as_bytes()), line, "what is clean stays as it is");
    let pieces = styled(raw.strip_suffix(b"\r\n").unwrap_or(raw));
    assert!(pieces.windows(2).all(|two| two[0].style != two[1].style));
    assert_eq!(pieces.into_iter().map(|piece| piece.text).collect::<String>(), line);
    let _ = (severity(&line), prompts::explain(&line));
    line
}

fn read(kind: CommandKind, ended: Option<Ended>, lines: &[String]) -> Reading {
    let mut reader = Reader::new(kind);
    for line in lines {
        reader.feed_line(line);
        if let Some((_, _, text)) = reader.progress() {
            assert!(is_calm(&text, &['\t']), "{text:?}");
        }
    }
    reader.finish(ended)
}

fn log(ended: Option<Ended>, lines: &[String]) -> Refusals {
    let mut log = RestoreLog::default();
    for line in lines {
        log.feed_line(line);
    }
    log.finish(ended)
}

fn judged(reading: &Reading, ended: Option<Ended>) {
    let text = match &reading.judgement {
        Judgement::Finished { summary } => {
            assert_eq!(ended, Some(Ended::Exited { code: 0 }), "nothing but the exit status 0 is success: {summary}");
            summary
        }
        Judgement::Failed { because, .. }
        | Judgement::Unproved { because }
        | Judgement::Refused { because }
        | Judgement::Interrupted { because } => because,
    };
    assert!(!text.is_empty() && is_calm(text, &['\n', '\t']), "{text:?}");
    for group in &reading.groups {
        assert!(is_calm(&group.to_string(), &['\n', '\t']), "{group}");
    }
    if let Some(fatal) = &reading.fatal {
        assert!(is_calm(&fatal.exception, &[]) && is_calm(&fatal.message, &['\n', '\t']), "{fatal:?}");
    }
}

/// The same lines as what a rehearsal tells.
fn rehearsed(lines: &[String]) {
    let mut told = Rehearsed::default();
    for line in lines {
        if let Err(why) = told.take(line) {
            assert!(is_calm(&why, &['\t']), "{why:?}");
        }
    }
    let _ = (told.is_clean(), told.ended.as_ref().map(lino_upgrade::triage::Ended::all));
}

thread_local! {
    static DIR: RefCell<Option<TempDir>> = const { RefCell::new(None) };
}

/// Reads the log as it grows.
fn in_pieces(kind: CommandKind, ended: Option<Ended>, data: &[u8], piece: usize) -> Reading {
    let path = DIR.with_borrow_mut(|dir| dir.get_or_insert_with(|| TempDir::new().unwrap()).path().join("log"));
    std::fs::write(&path, data).unwrap();
    let mut reader = Reader::new(kind);
    let mut tail = Tail::new(&path, 0);
    let mut lines = 0;
    let mut feed = |line: &str| {
        reader.feed_line(line);
        lines += 1;
    };
    for end in (0..data.len() + piece).step_by(piece) {
        while tail.read(end as u64, Duration::from_mins(1), &mut feed) {}
    }
    tail.finish(&mut feed);
    assert_eq!(tail.position(), data.len() as u64);
    // Behind the last line end there is no line.
    if data.is_empty() || data.ends_with(b"\n") {
        reader.feed_line("");
    }
    reader.finish(ended)
}
