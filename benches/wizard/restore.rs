//! What a restore of a real SQLite site costs when it does not wait for the disk: beside the plain command line.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lino_upgrade::site::{Surroundings, find, restore};
use serde_json::Value;

use super::place::PROGRAM;
use super::processes;
use super::share::Shop;
use super::table::{self, Series};
use super::terminal::environment;

const ROUNDS: usize = 3;
/// How many times the rows of the large tables are written.
const TIMES: u64 = 12;
/// Their keys are so far from each other.
const APART: u64 = 1_000;
const PLAIN: &str = "python manage.py run large/restore.py --noinput";

/// Runs a command line of the site; returns wall time and CPU time.
fn timed(shop: &Path, line: &str, environment: &BTreeMap<String, String>) -> (Duration, f64) {
    let own = i32::try_from(std::process::id()).unwrap();
    let before = processes::cpu(own).children;
    let begun = Instant::now();
    let mut command = Command::new("bash");
    command.args(["-c", &format!(". env/bin/activate && {line}")]).current_dir(shop).env_clear().envs(environment);
    let output = command.stdin(Stdio::null()).output().unwrap();
    let wall = begun.elapsed();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    (wall, processes::cpu(own).children - before)
}

/// Writes a snapshot with more partners and sales; returns how many rows it has.
fn enlarge(from: &Path, to: &Path) -> u64 {
    fs::create_dir(to).unwrap();
    let mut all = 0;
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            continue;
        }
        let mut text = fs::read_to_string(&path).unwrap();
        let table = name.trim_end_matches(".py");
        let start = format!("loader.save(create_{table}(");
        let rows: Vec<String> = text.lines().filter(|line| line.starts_with(&start)).map(str::to_owned).collect();
        let mut count = rows.len() as u64;
        if ["shop_partner", "shop_sale"].contains(&table) {
            let more = (1..TIMES).flat_map(|time| rows.iter().map(move |row| (time, row)));
            let more = more.fold(String::new(), |mut more, (time, row)| {
                let (key, rest) = row[start.len()..].split_once(',').unwrap();
                let _ = writeln!(more, "{start}{},{rest}", key.parse::<u64>().unwrap() + time * APART);
                more
            });
            let begin = text.find(&start).unwrap();
            text.insert_str(begin, &more);
            text = text.replacen(&format!("Loading {count} "), &format!("Loading {} ", count * TIMES), 1);
            count *= TIMES;
        }
        all += count;
        fs::write(to.join(name), text).unwrap();
    }
    all
}

/// Measures.
pub fn run() {
    let rounds = super::rounds(ROUNDS);
    let shop = match Shop::build("restore") {
        Ok(shop) => shop,
        Err(why) => {
            table::heading("restore: a SQLite site");
            println!("  left out: {why}");
            return;
        }
    };
    let dir = shop.dir();
    let environment: BTreeMap<String, String> =
        environment().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    timed(&dir, "python manage.py dump2py small", &environment);
    let rows = enlarge(&dir.join("small"), &dir.join("large"));
    table::heading(&format!("restore: {rows} rows into a SQLite site, {rounds} rounds"));
    let site = find(Some(&dir), &dir, &Surroundings::of_this_process()).unwrap();
    restore::prepare(&site).unwrap();
    let fast = restore::line(&site, "sqlite", PLAIN).unwrap();
    let [mut wall, mut cpu, mut plain_wall, mut plain_cpu]: [Series; 4] = Default::default();
    let mut equal = 0;
    for _ in 0..rounds {
        let (time, busy) = timed(&dir, PLAIN, &environment);
        plain_wall.push_time(time);
        plain_cpu.push(busy);
        timed(&dir, "python manage.py dump2py -o plain", &environment);
        let (time, busy) = timed(&dir, &fast, &environment);
        wall.push_time(time);
        cpu.push(busy);
        timed(&dir, "python manage.py dump2py -o fast", &environment);
        let output = Command::new(PROGRAM).args(["account", "--json", "plain", "fast"]).current_dir(&dir).output();
        let found: Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
        let sums = ["changed", "missing", "new"].map(|name| found[name].as_u64().unwrap());
        assert_eq!(sums, [0; 3], "the databases differ: {found}");
        equal = found["equal"].as_u64().unwrap();
    }
    let line = |name: &str, own: &Series, peer: &Series, goal: Option<f64>| {
        let ratio = peer.ratio(own);
        let goal =
            goal.map_or_else(String::new, |goal| format!("{goal}: {}", if ratio >= goal { "yes" } else { "NO" }));
        vec![name.to_owned(), own.show(1.0, 2), format!("{ratio:.2}"), goal]
    };
    let lines = [
        line("python manage.py run, wall", &plain_wall, &plain_wall, None),
        line("the same without waiting for the disk, wall", &wall, &plain_wall, Some(1.5)),
        line("python manage.py run, CPU", &plain_cpu, &plain_cpu, None),
        line("the same without waiting for the disk, CPU", &cpu, &plain_cpu, None),
    ];
    table::print(&["", "seconds (least to most)", "times faster", "goal"], &lines);
    // This Lino loses rows that point to each other, whoever runs it.
    println!("  after both, a second dump has the same {equal} rows with the same values");
}
