//! The wizard's own share of an upgrade: a real Lino site is upgraded by the program, and a fresh copy of it by a bare
//! shell script with the same commands.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use assert_fs::TempDir;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use serde_json::Value;

use super::first_frame::lino;
use super::place::{Place, headless, scratch, until};
use super::processes::{self, Cpu};
use super::table::{self, Series, below};
use super::terminal::environment;

const ROUNDS: usize = 3;
const SILENCE: Duration = Duration::from_secs(20);

/// A site of `tests/sites`.
pub struct Shop {
    root: TempDir,
}

impl Shop {
    /// Builds it from what the tests keep; says what is missing.
    pub fn build(name: &str) -> Result<Self, String> {
        lino().ok_or("the tests have not made their environment with Lino yet: tests/sites/make_env old")?;
        let shop = Self { root: scratch() };
        let log = File::create(shop.root.path().join("make_site.log")).unwrap();
        let made = sites("make_site")
            // Nothing is downloaded for a measurement.
            .env("PIP_NO_INDEX", "1")
            .args(["--env", "old", "--name", &format!("bench_{}", name.replace('-', "_")), "--dir"])
            .arg(shop.dir())
            .stdout(Stdio::null())
            .stderr(log)
            .status();
        match made {
            Ok(status) if status.success() => {}
            Ok(_) => return Err(fs::read_to_string(shop.root.path().join("make_site.log")).unwrap_or_default()),
            Err(error) => return Err(error.to_string()),
        }
        // The wheels of the tests do not hold what this Lino would like to have and runs without.
        let config = shop.dir().join("lino-upgrade.toml");
        let text = fs::read_to_string(&config).unwrap();
        fs::write(&config, format!("{text}\n[steps]\ninstall = \"skip\"\n")).unwrap();
        Ok(shop)
    }

    /// Its directory.
    pub fn dir(&self) -> PathBuf {
        self.root.path().join("shop")
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = sites("drop_site").arg(self.dir()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

fn sites(script: &str) -> Command {
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sites").join(script));
    command.stdin(Stdio::null());
    command
}

/// A command as the program ran it.
struct Ran {
    step: String,
    line: String,
    seconds: f64,
}

/// An upgrade by the program.
struct Upgrade {
    commands: Vec<Ran>,
    /// Wall seconds of each step, in order.
    steps: Vec<(String, f64)>,
    wall: f64,
    wizard: Cpu,
    runner: f64,
}

impl Upgrade {
    fn run(shop: &Shop) -> Self {
        let begun = Instant::now();
        let mut child = headless(&shop.dir());
        let (mut commands, mut steps, mut open) = (Vec::new(), Vec::new(), BTreeMap::new());
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
            let text = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
            match event["event"].as_str() {
                Some("step_started") => drop(open.insert(text("step"), Instant::now())),
                Some("step_ended") => {
                    let seconds = open.remove(&text("step")).map_or(0.0, |at| at.elapsed().as_secs_f64());
                    steps.push((text("step"), seconds));
                }
                Some("command_started") => {
                    open.insert(event["command"].to_string(), Instant::now());
                    commands.push(Ran { step: text("step"), line: text("line"), seconds: 0.0 });
                }
                Some("command_ended") => {
                    let seconds = open.remove(&event["command"].to_string()).map(|at| at.elapsed().as_secs_f64());
                    commands.last_mut().unwrap().seconds = seconds.unwrap_or_default();
                }
                _ => {}
            }
        }
        // It has ended but was not waited for: what it used can still be read.
        let pid = i32::try_from(child.id()).unwrap();
        let options = WaitIdOptions::EXITED.union(WaitIdOptions::NOWAIT);
        waitid(WaitId::Pid(Pid::from_raw(pid).unwrap()), options).unwrap();
        let wall = begun.elapsed().as_secs_f64();
        let wizard = processes::cpu(pid);
        let dir = shop.dir().join(".lino-upgrade/runner");
        let runner = ["internal-runner", "internal-shim"]
            .into_iter()
            .filter_map(|role| processes::find(role, &dir))
            .map(|pid| processes::cpu(pid).own)
            .sum();
        let status = child.wait().unwrap();
        assert!(status.success(), "the upgrade ended with {status}; see {}", shop.dir().display());
        Self { commands, steps, wall, wizard, runner }
    }

    fn seconds(&self, wanted: impl Fn(&Ran) -> bool) -> f64 {
        self.commands.iter().filter(|ran| wanted(ran)).map(|ran| ran.seconds).sum()
    }

    /// CPU of the program's own processes, without the commands and without the site's Python.
    fn own(&self) -> f64 {
        self.wizard.own + self.runner
    }
}

/// What the program does in addition is not in the script of an operator: the way back is recorded, and a simulated
/// dump is written by a script of its own, which a fresh copy of the site does not have.
fn in_script(ran: &Ran) -> bool {
    !["protect", "compare"].contains(&ran.step.as_str())
}

/// Runs the same commands in a fresh copy by a shell script; returns the seconds of each.
fn script(shop: &Shop, model: &Upgrade, from: &Path) -> Vec<f64> {
    let dir = shop.dir();
    let mut text = String::from("date +%s.%N\n");
    for ran in model.commands.iter().filter(|ran| in_script(ran)) {
        let line = ran.line.replace(&*from.to_string_lossy(), &dir.to_string_lossy());
        let _ = writeln!(text, "( {line} ) >> log/bare.log 2>&1\ndate +%s.%N");
    }
    fs::write(shop.root.path().join("upgrade.sh"), text).unwrap();
    fs::write(shop.root.path().join("answers"), "y\n".repeat(100)).unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new("sh")
        .arg("../upgrade.sh")
        .current_dir(&dir)
        .env_clear()
        .envs(environment())
        .env("VIRTUAL_ENV", dir.join("env"))
        .env("PATH", format!("{}:{path}", dir.join("env/bin").display()))
        .env("PYTHONUNBUFFERED", "1")
        .stdin(File::open(shop.root.path().join("answers")).unwrap())
        .output()
        .unwrap();
    let times: Vec<f64> = String::from_utf8_lossy(&output.stdout).lines().map(|line| line.parse().unwrap()).collect();
    times.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

/// Measures what wizard and runner use while a command is silent; returns shares of the wall time.
fn silent() -> [f64; 2] {
    let place = Place::new(&format!("sleep {}", SILENCE.as_secs() + 5));
    let wizard = place.wizard();
    let log = until("the command", || {
        wizard.press("\r");
        std::thread::sleep(Duration::from_millis(50));
        place.log().exists().then(|| place.log())
    });
    // Until the screen shows it and the runner has looked at it for a while.
    until("the log", || std::fs::metadata(&log).is_ok_and(|log| log.len() > 0).then_some(()));
    std::thread::sleep(Duration::from_secs(2));
    let used = || {
        let runner = place.runner().into_iter().flatten().map(|pid| processes::cpu(pid).own).sum::<f64>();
        [processes::cpu(wizard.pid()).own, runner]
    };
    let (before, begun) = (used(), Instant::now());
    std::thread::sleep(SILENCE);
    let (after, wall) = (used(), begun.elapsed().as_secs_f64());
    [(after[0] - before[0]) / wall, (after[1] - before[1]) / wall]
}

/// Measures.
pub fn run() {
    let rounds = super::rounds(ROUNDS);
    table::heading("share: CPU of one core while a command is silent, the wizard on screen");
    let [wizard, runner] = silent();
    let row = |name: &str, share: f64| {
        vec![name.to_owned(), format!("{:.2} %", share * 100.0), below(share, 0.01).to_owned()]
    };
    table::print(&["", "of the wall time", "below 1 %"], &[row("the wizard", wizard), row("the runner", runner)]);
    table::heading(&format!("share: a Lino site on SQLite is upgraded, {rounds} rounds"));
    let mut measured = Vec::new();
    let mut totals = Series::default();
    for _ in 0..rounds {
        let shops = Shop::build("ours").and_then(|ours| Shop::build("bare").map(|bare| (ours, bare)));
        let (ours, bare) = match shops {
            Ok(shops) => shops,
            Err(because) => {
                println!("  left out: {}", because.trim());
                return;
            }
        };
        let upgrade = Upgrade::run(&ours);
        let seconds = script(&bare, &upgrade, &ours.dir());
        totals.push(seconds.iter().sum());
        measured.push((upgrade, seconds));
    }
    show_commands(&measured);
    show_shares(&measured, &totals);
}

fn series<'a>(rounds: &'a [(Upgrade, Vec<f64>)], value: impl Fn(&'a Upgrade) -> f64) -> Series {
    Series(rounds.iter().map(|(upgrade, _)| value(upgrade)).collect())
}

fn show_commands(rounds: &[(Upgrade, Vec<f64>)]) {
    let (first, _) = &rounds[0];
    let rows: Vec<Vec<String>> = first
        .commands
        .iter()
        .enumerate()
        .map(|(at, ran)| {
            let ours = series(rounds, |upgrade| upgrade.commands[at].seconds);
            let place = first.commands[..at].iter().filter(|ran| in_script(ran)).count();
            let (bare, ratio) = if in_script(ran) {
                let bare = Series(rounds.iter().map(|(_, seconds)| seconds[place]).collect());
                (format!("{:.2}", bare.median()), format!("{:.2}", ours.ratio(&bare)))
            } else {
                ("not in it".into(), "-".into())
            };
            let line: String = ran.line.chars().take(48).collect();
            vec![ran.step.clone(), line, bare, format!("{:.2}", ours.median()), ratio]
        })
        .collect();
    table::print(&["step", "command", "script, s", "here, s", "ratio"], &rows);
}

fn show_shares(rounds: &[(Upgrade, Vec<f64>)], totals: &Series) {
    let same = series(rounds, |upgrade| upgrade.seconds(in_script));
    let protect = series(rounds, |upgrade| upgrade.seconds(|ran| !in_script(ran)));
    let between = series(rounds, |upgrade| {
        let steps: f64 = upgrade.steps.iter().map(|(_, seconds)| seconds).sum();
        steps - upgrade.seconds(|_| true)
    });
    let wall = series(rounds, |upgrade| upgrade.wall);
    let questions = series(rounds, |upgrade| upgrade.wizard.children);
    let wizard = series(rounds, |upgrade| upgrade.wizard.own);
    let runner = series(rounds, |upgrade| upgrade.runner);
    let own = series(rounds, Upgrade::own);
    let percent = |series: &Series| format!("{:.2} %", series.ratio(totals) * 100.0);
    let row =
        |name: &str, value: &Series, goal: String| vec![name.to_owned(), value.show(1.0, 2), percent(value), goal];
    println!();
    table::print(
        &["", "seconds (least to most)", "of the script", "goal"],
        &[
            row("the commands in a bare script, wall", totals, String::new()),
            row("the same commands under lino-upgrade, wall", &same, String::new()),
            row("CPU of wizard and runner themselves", &own, format!("below 1 %: {}", below(own.ratio(totals), 0.01))),
            row("  of the wizard", &wizard, String::new()),
            row("  of the runner", &runner, String::new()),
            row("not in the script: way back, simulated dump", &protect, String::new()),
            row("not in the script: questions and proofs, wall", &between, String::new()),
            row("  of which the site's Python answering, CPU", &questions, String::new()),
            row("the whole upgrade, wall", &wall, String::new()),
        ],
    );
}
