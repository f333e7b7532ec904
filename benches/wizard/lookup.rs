//! What it costs to find rows of a large dump by their keys: beside `grep`, which has to read everything each time.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use lino_upgrade::snapshot::index::Index;
use lino_upgrade::triage::Stored;

use super::place::scratch;
use super::table::{self, Series, below};
use super::verify::{Dice, FILE, row};

const ROUNDS: usize = 9;
const TABLE: &str = "comments_comment";
const ROWS: u64 = 1_000_000;
/// Keys of the first lookup.
const KEYS: u64 = 100;
/// Lookups that come later.
const LATER: u64 = 2_000;
/// The heading of a row file has so many lines.
const HEAD: u64 = 3;

/// Writes a dump of one table; returns its bytes.
fn make(dir: &Path) -> u64 {
    let parts = ROWS.div_ceil(FILE);
    let mut script = format!(
        "#!/usr/bin/env python\n# -*- coding: UTF-8 -*-\n# This is a Python dump created using dump2py.\n\
         SOURCE_VERSION = '25.1.1'\ncomments_Comment = resolve_model(\"comments.Comment\")\n\
         def create_{TABLE}(id, private, comment_type_id, owner_type_id, owner_id, modified, created, user_id, body, \
         body_short_preview, body_full_preview, emotion, reply_to_id):\n    kw = dict()\n    \
         return comments_Comment(**kw)\n\ndef main(args):\n"
    );
    let (mut dice, mut size) = (Dice(1), 0);
    for part in 1..=parts {
        let mut text = format!(
            "# -*- coding: UTF-8 -*-\nlogger.info(\"Loading {ROWS} objects (part {part} of {parts}) to table \
             {TABLE}...\")\n# fields: id\n"
        );
        for at in 0..FILE {
            // Not in the order of their keys.
            row(TABLE, (part - 1) * FILE + at * 7919 % FILE + 1, &mut dice, &mut text);
        }
        text.push_str("\nloader.flush_deferred_objects()\n");
        fs::write(dir.join(format!("{TABLE}_{part}.py")), &text).unwrap();
        size += text.len() as u64;
        writeln!(script, "    execfile(\"{TABLE}_{part}.py\", *args)").unwrap();
    }
    script.push_str("    loader.finalize()\n\nif __name__ == '__main__':\n    main(None)\n");
    fs::write(dir.join("restore.py"), script).unwrap();
    size
}

/// Measures.
pub fn run() {
    let rounds = super::rounds(ROUNDS);
    let place = scratch();
    let dir = place.path();
    let size = make(dir);
    table::heading(&format!("lookup: {KEYS} keys in {ROWS} rows, {} MB, {rounds} rounds", size / 1_000_000));
    let patterns = dir.join("keys.txt");
    let files: Vec<String> = (1..=ROWS / FILE).map(|part| format!("{TABLE}_{part}.py")).collect();
    let [mut first, mut peer, mut by_key, mut by_line]: [Series; 4] = Default::default();
    let (mut bytes, mut slowest) = (0, 0.0_f64);
    for round in 0..=rounds {
        let mut dice = Dice(round as u64 + 7);
        let keys: Vec<String> = (0..KEYS).map(|_| (dice.below(ROWS) + 1).to_string()).collect();
        let wanted = keys.iter().fold(String::new(), |mut all, key| {
            let _ = writeln!(all, "create_{TABLE}({key},");
            all
        });
        fs::write(&patterns, wanted).unwrap();

        let begun = Instant::now();
        let index = Index::open(dir, None).unwrap();
        for key in &keys {
            let found = index.row(TABLE, key).unwrap().unwrap();
            assert_eq!((found.key.as_str(), found.fields.len()), (key.as_str(), 13));
        }
        let ours = begun.elapsed();

        let mut grep = Command::new("grep");
        grep.args(["-hF", "-f", "keys.txt"]).args(&files).current_dir(dir).env("LC_ALL", "C").stdin(Stdio::null());
        let begun = Instant::now();
        let Ok(said) = grep.output() else {
            println!("  left out: grep is missing");
            return;
        };
        let theirs = begun.elapsed();
        let lines = String::from_utf8(said.stdout).unwrap().lines().count();
        assert_eq!(lines, keys.iter().collect::<BTreeSet<_>>().len());

        // The first round only fills the page cache.
        if round == 0 {
            continue;
        }
        first.push_time(ours);
        peer.push_time(theirs);
        let mut took = Series::default();
        for _ in 0..LATER {
            let key = (dice.below(ROWS) + 1).to_string();
            let begun = Instant::now();
            let found = index.row(TABLE, &key).unwrap();
            took.push_time(begun.elapsed());
            assert_eq!(found.unwrap().key, key);
        }
        slowest = took.0.iter().copied().fold(slowest, f64::max);
        by_key.push(took.median());
        let mut took = Series::default();
        for _ in 0..LATER {
            let (part, line) = (dice.below(ROWS / FILE) + 1, dice.below(FILE) + HEAD + 1);
            let file = format!("{TABLE}_{part}.py");
            let begun = Instant::now();
            let found = index.at(&file, line).unwrap();
            took.push_time(begun.elapsed());
            assert_eq!(found.unwrap().line, line);
        }
        slowest = took.0.iter().copied().fold(slowest, f64::max);
        by_line.push(took.median());
        assert_eq!(index.stored(TABLE, "0"), Stored::Missing);
        bytes = index.bytes();
    }
    let ratio = first.ratio(&peer);
    let mark = |yes: bool| if yes { "yes" } else { "NO" };
    let line = |name: &str, series: &Series, unit: f64, ratio: String, goal: String| {
        vec![name.to_owned(), series.show(unit, 3), ratio, goal]
    };
    let later = |series: &Series| format!("below 1 ms: {}", below(series.median(), 1e-3));
    let rows = [
        line("LC_ALL=C grep -hF -f, seconds", &peer, 1.0, "1".into(), String::new()),
        line(
            "first lookup, index included, seconds",
            &first,
            1.0,
            format!("{ratio:.2}"),
            format!("1.0: {}", mark(ratio <= 1.0)),
        ),
        line("each later lookup by key, ms", &by_key, 1e3, String::new(), later(&by_key)),
        line("each later lookup by file and line, ms", &by_line, 1e3, String::new(), later(&by_line)),
    ];
    table::print(&["", "median (least to most)", "of grep", "goal"], &rows);
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let each = bytes as f64 / ROWS as f64;
    println!("  the slowest of all later lookups took {:.3} ms", slowest * 1e3);
    println!("  {each:.1} bytes a row in memory; goal: about 16");
}
