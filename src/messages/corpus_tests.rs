//! Every real log against what a person expects of it (`tests/fixtures/logs/expected.tsv`).

use std::fmt::Write as _;
use std::path::PathBuf;

use super::{CommandKind, Ended, FailureCause, Judgement, Reader, Reading, line};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/logs")
}

fn kind(word: &str) -> CommandKind {
    match word {
        "Restore" => CommandKind::Restore,
        "Dump" => CommandKind::Dump,
        "SimulatedDump" => CommandKind::SimulatedDump,
        "CheckData" => CommandKind::CheckData,
        "CollectStatic" => CommandKind::CollectStatic,
        "CollectStaticDryRun" => CommandKind::CollectStaticDryRun,
        "InstallList" => CommandKind::InstallList,
        "Install" => CommandKind::Install,
        "PipDryRun" => CommandKind::PipDryRun,
        "BuildCache" => CommandKind::BuildCache,
        "Other" => CommandKind::Other,
        word => panic!("unknown kind {word}"),
    }
}

pub(super) fn read(log: &str, kind: CommandKind, code: i32) -> Reading {
    let bytes = std::fs::read(folder().join(format!("{log}.log"))).unwrap();
    let mut reader = Reader::new(kind);
    for raw in bytes.split(|&byte| byte == b'\n') {
        reader.feed_line(&line::plain(raw));
    }
    reader.finish(Some(Ended::Exited { code }))
}

fn outcome(judgement: &Judgement) -> (&str, String) {
    match judgement {
        Judgement::Finished { .. } => ("Finished", String::from("-")),
        Judgement::Unproved { .. } => ("Unproved", String::from("-")),
        Judgement::Failed { cause: FailureCause::ImportError { module }, .. } => {
            ("Failed", format!("ImportError {module}"))
        }
        Judgement::Failed { cause, .. } => ("Failed", format!("{cause:?}")),
        Judgement::Interrupted { .. } => ("Interrupted", String::from("-")),
        Judgement::Refused { .. } => ("Refused", String::from("-")),
    }
}

fn sentence(judgement: &Judgement) -> &str {
    match judgement {
        Judgement::Finished { summary } => summary,
        Judgement::Unproved { because }
        | Judgement::Failed { because, .. }
        | Judgement::Interrupted { because }
        | Judgement::Refused { because } => because,
    }
}

#[test]
fn every_real_log_is_judged_as_expected() {
    let table = std::fs::read_to_string(folder().join("expected.tsv")).unwrap();
    let mut mismatches = String::new();
    let mut count = 0;
    for row in table.lines().skip(1) {
        let fields: Vec<&str> = row.split('\t').collect();
        let code = fields[2].parse().unwrap();
        let reading = read(fields[0], kind(fields[1]), code);
        let (word, cause) = outcome(&reading.judgement);
        let loaded = reading.loaded.map_or_else(|| String::from("-"), |loaded| loaded.to_string());
        let found = format!(
            "{}\t{}\t{code}\t{word}\t{cause}\t{loaded}\t{}\t{}\t{:?}",
            fields[0],
            fields[1],
            reading.unsaved,
            reading.groups.len(),
            reading.database
        );
        if found != row {
            writeln!(mismatches, "expected {row}\n   found {found}").unwrap();
        }
        let text = sentence(&reading.judgement);
        if !text.ends_with('.')
            || text.ends_with("..")
            || !text.starts_with(char::is_uppercase) && !text.starts_with(|c: char| c.is_ascii_digit() || c == 'p')
        {
            writeln!(mismatches, "{}: not a sentence: {text}", fields[0]).unwrap();
        }
        let rows: u64 = reading.groups.iter().map(|group| group.count).sum();
        if rows != reading.unsaved {
            writeln!(mismatches, "{}: groups hold {rows} rows, {} are unsaved", fields[0], reading.unsaved).unwrap();
        }
        count += 1;
    }
    assert_eq!(mismatches, "");
    assert_eq!(count, 110);
}
