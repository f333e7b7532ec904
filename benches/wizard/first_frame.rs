//! How soon the wizard's first frame is on the terminal.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::place::{Place, until};
use super::table::{self, Series, below};
use super::terminal::environment;

const ROUNDS: usize = 21;

fn wizard() -> Duration {
    let place = Place::new("true");
    let wizard = place.wizard();
    let first = until("the first frame", || wizard.first_text());
    let took = first - wizard.started;
    // The runner is being launched: it is waited for, so that it disturbs no later round.
    until("the runner", || place.runner()[0]);
    drop(wizard);
    took
}

fn command(program: &str, arguments: &[&str]) -> Option<Duration> {
    let begun = Instant::now();
    let status = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(environment())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success()).then(|| begun.elapsed())
}

/// The shared environment with an old Lino that the tests keep, when they have made it.
pub fn lino() -> Option<PathBuf> {
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or(home)?.join("lino-upgrade-tests");
    let complete = std::fs::read_dir(cache).ok()?.flatten().map(|entry| entry.path()).find(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("env-old-") && name.ends_with(".complete")
    })?;
    Some(complete.with_extension(""))
}

/// The interpreter itself: `python3` may be a wrapper that looks for it.
fn interpreter() -> String {
    let output = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

/// Measures.
pub fn run() {
    let rounds = super::rounds(ROUNDS);
    table::heading(&format!("first-frame: milliseconds until the first frame is there, {rounds} rounds"));
    let [mut ours, mut python, mut manage] = [Series::default(), Series::default(), Series::default()];
    let manage_py = super::share::Shop::build("first-frame");
    if let Err(because) = &manage_py {
        println!("  manage.py is left out: {because}");
    }
    let interpreter = interpreter();
    wizard();
    for round in 0..rounds {
        ours.push_time(wizard());
        if let Some(took) = command(&interpreter, &["-c", "pass"]) {
            python.push_time(took);
        }
        if let Ok(shop) = &manage_py
            && round % 7 == 0
        {
            let (python, script) = (shop.dir().join("env/bin/python"), shop.dir().join("manage.py"));
            if let Some(took) = command(&python.to_string_lossy(), &[&script.to_string_lossy(), "--version"]) {
                manage.push_time(took);
            }
        }
    }
    let row = |name: &str, series: &Series, goal: &str| {
        vec![
            name.to_owned(),
            series.show(1000.0, 1),
            format!("{:.2}", series.median() / ours.median()),
            goal.to_owned(),
        ]
    };
    let goal = format!("below 20 ms: {}", below(ours.median(), 0.020));
    let mut rows = vec![row("the wizard", &ours, &goal), row("python3 -c pass", &python, "")];
    if manage_py.is_ok() {
        rows.push(row("manage.py --version", &manage, ""));
    }
    table::print(&["", "milliseconds (least to most)", "ratio to the wizard", "goal"], &rows);
}
