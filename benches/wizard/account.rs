//! What it costs to account for every row of a large dump: beside `cmp` when the dumps are equal, beside `sort` and
//! `comm` when they are not.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::place::{PROGRAM, scratch};
use super::processes;
use super::table::{self, Series};
use super::verify::{Dice, FILE, TABLES, row};

const ROUNDS: usize = 5;
/// Of so many rows one is changed.
const CHANGED: u64 = 100;

/// What was done to a dump.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// As it was made.
    Plain,
    /// In another order, with changed rows.
    Shuffled,
    /// The same, and every row has one value more.
    Longer,
}

/// The parameters of the create functions.
fn parameters(table: &str, form: Form) -> String {
    let fields = match table {
        "contacts_partner" => {
            "id, email, language, url, phone, gsm, country_id, city_id, zip_code, region_id, street, street_no, \
             street_box, addr2, name, remarks, address, payment_term_id, vat_id, modified, created, prefix, purchase_account_id"
        }
        "contacts_person" => "partner_ptr_id, title, first_name, middle_name, last_name, gender, birth_date",
        _ => {
            "id, private, comment_type_id, owner_type_id, owner_id, modified, created, user_id, body, \
             body_short_preview, body_full_preview, emotion, reply_to_id"
        }
    };
    format!("{fields}{}", if form == Form::Longer { ", remark" } else { "" })
}

/// Writes a dump; returns its bytes.
fn make(dir: &Path, form: Form) -> u64 {
    fs::create_dir(dir).unwrap();
    let mut script = "#!/usr/bin/env python\n# -*- coding: UTF-8 -*-\n# This is a Python dump created using dump2py.\n\
                      SOURCE_VERSION = '25.1.1'\n"
        .to_owned();
    let mut loads = String::new();
    let mut size = 0;
    for (table, rows) in TABLES {
        let fields = parameters(table, form);
        writeln!(script, "def create_{table}({fields}):\n    kw = dict()\n    return {table}(**kw)\n").unwrap();
        let mut order: Vec<u64> = (0..rows).collect();
        if form != Form::Plain {
            let mut dice = Dice(7);
            for at in (1..rows).rev() {
                order.swap(usize::try_from(at).unwrap(), usize::try_from(dice.below(at + 1)).unwrap());
            }
        }
        let parts = rows.div_ceil(FILE);
        for (part, keys) in (1..).zip(order.chunks(usize::try_from(FILE).unwrap())) {
            let mut text = format!(
                "# -*- coding: UTF-8 -*-\nlogger.info(\"Loading {rows} objects (part {part} of {parts}) to table \
                 {table}...\")\n# fields: id\n"
            );
            for place in keys {
                // Partners are dumped in the order of their names: their keys jump about.
                let jumps = table == "contacts_partner";
                let key = 1 + if jumps { place / FILE * FILE + place % FILE * 7919 % FILE } else { *place };
                let changed = form != Form::Plain && key.is_multiple_of(CHANGED);
                row(table, key, &mut Dice(key * 2 + u64::from(changed)), &mut text);
                if form == Form::Longer {
                    text.truncate(text.len() - 3);
                    text.push_str(",''))\n");
                }
            }
            text.push_str("\nloader.flush_deferred_objects()\n");
            fs::write(dir.join(format!("{table}_{part}.py")), &text).unwrap();
            size += text.len() as u64;
            writeln!(loads, "    execfile(\"{table}_{part}.py\", *args)").unwrap();
        }
    }
    writeln!(script, "\ndef main(args):\n{loads}    loader.finalize()\n\nif __name__ == '__main__':\n    main(None)")
        .unwrap();
    fs::write(dir.join("restore.py"), &script).unwrap();
    size
}

/// Runs a command to its end.
fn timed(command: &mut Command, expected: i32) -> Duration {
    let begun = Instant::now();
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(expected), "{command:?}");
    begun.elapsed()
}

/// Runs a command to its end; returns the most memory it had.
fn memory(command: &mut Command) -> u64 {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let pid = i32::try_from(child.id()).unwrap();
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        most = most.max(processes::peak_memory(pid).unwrap_or_default());
        std::thread::sleep(Duration::from_millis(1));
    }
    most
}

fn shell(script: &str, dirs: [&Path; 2], scratch: &Path) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh"]).args(dirs).current_dir(scratch).env("LC_ALL", "C").env("TMPDIR", scratch);
    command
}

const CMP: &str = "for file in \"$1\"/*.py; do cmp -s \"$file\" \"$2/${file##*/}\" || exit 1; done";
const SORT: &str = "sort -o one \"$1\"/*.py; sort -o other \"$2\"/*.py; comm -3 one other > differences; rm one other";

/// Measures.
pub fn run() {
    let rounds = super::rounds(ROUNDS);
    let place = scratch();
    let dir = |name: &str| place.path().join(name);
    let size = make(&dir("plain"), Form::Plain);
    make(&dir("same"), Form::Plain);
    make(&dir("shuffled"), Form::Shuffled);
    make(&dir("longer"), Form::Longer);
    let rows: u64 = TABLES.iter().map(|(_, rows)| rows).sum();
    table::heading(&format!("account: two dumps of {rows} rows, {} MB each, {rounds} rounds", size / 1_000_000));
    let account = |other: &str| {
        let mut command = Command::new(PROGRAM);
        command.args(["account", "--json"]).args([dir("plain"), dir(other)]);
        command
    };
    let peers = ["cmp", "sort", "comm"]
        .map(|name| Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok());
    if peers != [true; 3] {
        println!("  left out: cmp, sort or comm is missing");
        return;
    }
    let [mut equal, mut cmp, mut shuffled, mut sort, mut longer]: [Series; 5] = Default::default();
    for round in 0..=rounds {
        let ours = timed(&mut account("same"), 0);
        let theirs = timed(&mut shell(CMP, [&dir("plain"), &dir("same")], place.path()), 0);
        // The first round only fills the page cache.
        if round == 0 {
            continue;
        }
        equal.push_time(ours);
        cmp.push_time(theirs);
        shuffled.push_time(timed(&mut account("shuffled"), 1));
        longer.push_time(timed(&mut account("longer"), 1));
        sort.push_time(timed(&mut shell(SORT, [&dir("plain"), &dir("shuffled")], place.path()), 0));
    }
    let output = account("shuffled").stdin(Stdio::null()).output().unwrap();
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let [same, changed, missing, new] =
        ["equal", "changed", "missing", "new"].map(|name| found[name].as_u64().unwrap());
    assert_eq!([same + changed, missing, new], [rows, 0, 0]);
    // Of the few words that a person's row is made of, the same may have come again.
    assert!((rows * 9 / 10..=rows).contains(&(changed * CHANGED)), "{changed} rows changed");
    let judged = |yes: bool| if yes { "yes" } else { "NO" };
    let within = equal.ratio(&cmp);
    let faster = sort.ratio(&shuffled);
    let line = |name: &str, series: &Series, ratio: String, goal: String| {
        vec![name.to_owned(), series.show(1.0, 2), ratio, goal]
    };
    let rows_of = [
        line("cmp of equal dumps", &cmp, "1 of cmp".into(), String::new()),
        line("account of equal dumps", &equal, format!("{within:.2} of cmp"), format!("3: {}", judged(within <= 3.0))),
        line("sort, sort, comm of shuffled dumps", &sort, "1 of sort".into(), String::new()),
        line(
            "account of shuffled dumps, 1 % changed",
            &shuffled,
            format!("{faster:.1} times faster than sort"),
            format!("10: {}", judged(faster >= 10.0)),
        ),
        line(
            "account of shuffled dumps, one field more",
            &longer,
            format!("{:.1} times faster than sort", sort.ratio(&longer)),
            String::new(),
        ),
    ];
    table::print(&["", "seconds (least to most)", "ratio", "goal"], &rows_of);
    let per_row: Vec<Vec<String>> = ["same", "shuffled", "longer"]
        .into_iter()
        .map(|name| {
            let bytes = memory(&mut account(name));
            #[expect(clippy::cast_precision_loss, reason = "sizes of processes are far below 2^52")]
            let each = bytes as f64 / rows as f64;
            vec![name.to_owned(), (bytes >> 20).to_string(), format!("{each:.1}"), judged(each < 64.0).to_owned()]
        })
        .collect();
    table::print(&["memory", "MiB at most", "bytes a row", "below 64"], &per_row);
}
