//! What it costs to verify a large snapshot by its content: checksums, every row counted, no key twice. Beside it
//! `unzip -tqq`, which checks the checksums alone.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::place::{PROGRAM, scratch};
use super::processes;
use super::table::{self, Series};

const ROUNDS: usize = 5;
/// How many rows `dump2py` puts into a file.
pub(super) const FILE: u64 = 50_000;
/// The tables: name, its arguments, rows.
pub(super) const TABLES: [(&str, u64); 3] =
    [("contacts_partner", 1_500_000), ("contacts_person", 1_500_000), ("comments_comment", 1_000_000)];

/// Words of which names and texts are made; some need more than one byte a letter, as in real ones.
const WORDS: [&str; 16] = [
    "Bäckerei",
    "Ausdemwald",
    "Mießen",
    "Garage",
    "Mergelsberg",
    "Groteclaes",
    "Hilgers",
    "Vandenmeulenbos",
    "Kõljalg",
    "Eierschal",
    "Malmendier",
    "Radermacher",
    "Dubois",
    "Charlier",
    "Arens",
    "Chantraine",
];

/// Pseudo-random numbers (Lehmer); always the same.
pub(super) struct Dice(pub u64);

impl Dice {
    /// Throws it.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0xda94_2042_e4dd_58b5).wrapping_add(1);
        (self.0 >> 33) % limit
    }

    fn word(&mut self) -> &'static str {
        WORDS[usize::try_from(self.below(16)).unwrap()]
    }
}

/// Writes a row as `dump2py` does.
pub(super) fn row(table: &str, key: u64, dice: &mut Dice, into: &mut String) {
    let (one, other) = (dice.word(), dice.word());
    match table {
        "contacts_partner" => {
            let number = dice.below(90);
            write!(
                into,
                "loader.save(create_contacts_partner({key},'{one}.{other}@example.com','de',None,'+32 87/{number}12{number}',\
                 '','BE',{},'4700','','Rue de la Station',{number},'','','{one} {other}','','{one} {other}\\nRue de la \
                 Station {number}\\n4700 Eupen',None,None,dt(2024,{},5,8,30,0),dt(2025,1,{},9,0,0),'',None))",
                dice.below(90) + 1,
                dice.below(12) + 1,
                dice.below(28) + 1,
            )
        }
        "contacts_person" => {
            write!(into, "loader.save(create_contacts_person({key},'','{one}','','{other}','{}',None))", dice.below(2) + 1)
        }
        _ => {
            let text = (0..4).fold(String::new(), |mut text, _| {
                let _ = write!(text, "{} was here, and so was {} ({}). ", dice.word(), dice.word(), dice.below(5000));
                text
            });
            write!(
                into,
                "loader.save(create_comments_comment({key},False,None,tickets_Ticket,{},dt(2024,{},{},10,{},0),\
                 dt(2024,5,6,7,8,9),{},'<p>{text}</p>','{one} was here','<p>{text}</p>','10',None))",
                dice.below(20_000) + 1,
                dice.below(12) + 1,
                dice.below(28) + 1,
                dice.below(60),
                dice.below(40) + 1,
            )
        }
    }
    .unwrap();
    into.push('\n');
}

/// Writes a snapshot.zip; returns the bytes of its files.
fn make(path: &Path) -> u64 {
    let mut zip = ZipWriter::new(BufWriter::new(File::create(path).unwrap()));
    let options = SimpleFileOptions::default();
    let mut script = "#!/usr/bin/env python\n# -*- coding: UTF-8 -*-\n# This is a Python dump created using dump2py.\n\
                      SOURCE_VERSION = '25.1.1'\n"
        .to_owned();
    let mut loads = String::new();
    for (table, rows) in TABLES {
        writeln!(script, "def create_{table}(id, rest):\n    kw = dict()\n    return {table}(**kw)\n").unwrap();
        for part in 1..=rows.div_ceil(FILE) {
            writeln!(loads, "    execfile(\"{table}_{part}.py\", *args)").unwrap();
        }
    }
    script.push_str("\ndef main(args):\n");
    script.push_str(&loads);
    script.push_str("    loader.finalize()\n\nif __name__ == '__main__':\n    main(None)\n");
    let mut size = script.len() as u64;
    zip.start_file("snapshot/restore.py", options).unwrap();
    zip.write_all(script.as_bytes()).unwrap();
    let mut dice = Dice(1);
    for (table, rows) in TABLES {
        let parts = rows.div_ceil(FILE);
        for part in 1..=parts {
            let mut text = format!(
                "# -*- coding: UTF-8 -*-\nlogger.info(\"Loading {rows} objects (part {part} of {parts}) to table \
                 {table}...\")\n# fields: id\n"
            );
            for at in 0..FILE {
                // Partners are dumped in the order of their names: their keys jump about.
                let key = if table == "contacts_partner" {
                    (part - 1) * FILE + at * 7919 % FILE
                } else {
                    (part - 1) * FILE + at
                };
                row(table, key + 1, &mut dice, &mut text);
            }
            text.push_str("\nloader.flush_deferred_objects()\n");
            zip.start_file(format!("snapshot/{table}_{part}.py"), options).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
            size += text.len() as u64;
        }
    }
    zip.finish().unwrap().flush().unwrap();
    size
}

/// Runs a command; returns wall time and CPU time of all its threads.
fn measured(command: &mut Command) -> Option<(Duration, f64)> {
    let own = i32::try_from(std::process::id()).unwrap();
    let before = processes::cpu(own).children;
    let begun = Instant::now();
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
    let wall = begun.elapsed();
    assert!(status.success(), "{command:?}: {status}");
    Some((wall, processes::cpu(own).children - before))
}

/// Measures.
pub fn run() {
    let rounds = super::rounds(ROUNDS);
    table::heading(&format!("verify: a snapshot.zip, checked by its content, {rounds} rounds"));
    let dir = scratch();
    let archive = dir.path().join("snapshot.zip");
    let size = make(&archive);
    let packed = fs::metadata(&archive).unwrap().len();
    let rows: u64 = TABLES.iter().map(|(_, rows)| rows).sum();
    println!("  {rows} rows, {} MB, packed {} MB", size / 1_000_000, packed / 1_000_000);
    let [mut wall, mut cpu, mut peer_wall, mut peer_cpu] = [const { Series(Vec::new()) }; 4];
    for round in 0..=rounds {
        let ours = measured(Command::new(PROGRAM).arg("verify").arg(&archive)).unwrap();
        let Some(theirs) = measured(Command::new("unzip").arg("-tqq").arg(&archive)) else {
            println!("  left out: unzip is missing");
            return;
        };
        // The first round only fills the page cache.
        if round > 0 {
            wall.push_time(ours.0);
            cpu.push(ours.1);
            peer_wall.push_time(theirs.0);
            peer_cpu.push(theirs.1);
        }
    }
    let line = |name: &str, own: &Series, goal: Option<f64>, peer: &Series| {
        let ratio = peer.ratio(own);
        let goal =
            goal.map_or_else(String::new, |goal| format!("{goal}: {}", if ratio >= goal { "yes" } else { "NO" }));
        vec![name.to_owned(), own.show(1.0, 2), format!("{ratio:.2}"), goal]
    };
    let rows = [
        line("lino-upgrade verify, CPU", &cpu, Some(5.0), &peer_cpu),
        line("unzip -tqq, CPU", &peer_cpu, None, &peer_cpu),
        line("lino-upgrade verify, wall", &wall, Some(10.0), &peer_wall),
        line("unzip -tqq, wall", &peer_wall, None, &peer_wall),
    ];
    table::print(&["", "seconds (least to most)", "times faster than unzip", "goal"], &rows);
}
