//! A child prints a million lines: into the wizard, into a detached tmux, and into a terminal that is only read.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use assert_fs::TempDir;

use super::place::{Place, scratch, until};
use super::table::{self, Series, below};
use super::terminal::{SIZE, Terminal, environment};

const LINES: u64 = 1_000_000;
const ROUNDS: usize = 5;

/// The child: a file of lines, and a script that prints it and says when it began and when its last line was written.
pub struct Child {
    dir: TempDir,
    count: u64,
}

impl Child {
    /// Writes the lines, 80 characters each.
    pub fn new(count: u64) -> Self {
        let dir = scratch();
        let mut out = BufWriter::new(File::create(dir.path().join("lines")).unwrap());
        for number in 1..=count {
            writeln!(out, "{}", line(number)).unwrap();
        }
        out.flush().unwrap();
        let at = dir.path().display();
        let script = format!(
            "date +%s.%N > {at}/begun\ncat {at}/lines\ndate +%s.%N > {at}/ended\n\
             while [ -d {at} ] && [ ! -e {at}/leave ]; do sleep 0.05; done\n"
        );
        fs::write(dir.path().join("child.sh"), script).unwrap();
        Self { dir, count }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The command line that runs it.
    pub fn command(&self) -> String {
        format!("sh {}", self.path("child.sh").display())
    }

    /// Forgets what the last run left.
    pub fn forget(&self) {
        for name in ["begun", "ended", "leave"] {
            let _ = fs::remove_file(self.path(name));
        }
    }

    /// Lets it end.
    pub fn leave(&self) {
        fs::write(self.path("leave"), "").unwrap();
    }

    /// When it began, in seconds since 1970; none while it has not.
    pub fn begun(&self) -> Option<f64> {
        moment(&self.path("begun"))
    }

    /// When its last line was written.
    pub fn ended(&self) -> Option<f64> {
        moment(&self.path("ended"))
    }

    /// Bytes of its output, as a terminal passes them on: each line ends with two.
    pub fn bytes(&self) -> u64 {
        82 * self.count
    }

    /// Compares a log with the lines, byte by byte.
    pub fn is_kept_in(&self, log: &Path) -> bool {
        let mut kept = BufReader::with_capacity(1 << 20, File::open(log).unwrap());
        kept.seek(SeekFrom::Start(header(log))).unwrap();
        let mut found = [0; 82];
        (1..=self.count).all(|number| {
            kept.read_exact(&mut found).is_ok() && found[..80] == *line(number).as_bytes() && found[80..] == *b"\r\n"
        })
    }

    /// What the screen shows when it shows the last line.
    pub fn last_line(&self) -> String {
        line(self.count).split_at(30).0.to_owned()
    }
}

fn line(number: u64) -> String {
    format!("{number:0>8} row {:0>7} of this table was loaded, as many commands say in words", number * 7 % 9_999_991)
        .chars()
        .chain(std::iter::repeat('.'))
        .take(80)
        .collect()
}

fn moment(path: &Path) -> Option<f64> {
    let text = fs::read_to_string(path).ok()?;
    text.ends_with('\n').then(|| text.trim().parse().ok())?
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// Seconds of one run.
pub struct Seconds {
    /// Until the child had written its last line.
    pub child: f64,
    /// Until all of it was in the log.
    pub kept: f64,
    /// Until the last line was on the screen.
    pub shown: f64,
}

/// Starts the upgrade in the wizard and follows it until the last line is on its screen.
pub fn in_wizard(place: &Place, child: &Child, wizard: &Terminal) -> Seconds {
    child.forget();
    let begun = until("the command", || {
        // Enter means nothing until the wizard has its plan; then it begins the upgrade.
        if child.begun().is_none() {
            wizard.press("\r");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        child.begun()
    });
    let header = header(&place.log());
    let kept = until("the log", || (fs::metadata(place.log()).ok()?.len() >= header + child.bytes()).then(now));
    let last = child.last_line();
    let shown = until("the screen", || wizard.screen().contains(&last).then(now));
    let ended = until("the child", || child.ended());
    Seconds { child: ended - begun, kept: kept - begun, shown: shown - begun }
}

/// Runs the upgrade in the wizard with a child that ends at once; returns the seconds until its step was judged.
fn judged(child: &Child) -> f64 {
    let place = Place::new(&child.command());
    let wizard = place.wizard();
    child.forget();
    child.leave();
    let next = place.dir().join(".lino-upgrade/logs/0001-04-verify-snapshot-1.log");
    let at = until("the next step", || {
        if child.begun().is_none() {
            wizard.press("\r");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        next.exists().then(now)
    });
    at - child.begun().unwrap()
}

/// Bytes before the command's output: what the wizard itself wrote.
fn header(log: &Path) -> u64 {
    let mut head = Vec::new();
    File::open(log).unwrap().take(4096).read_to_end(&mut head).unwrap();
    let command = memchr::memmem::find(&head, b"\n$ ").unwrap() + 1;
    (command + memchr::memchr(b'\n', &head[command..]).unwrap() + 1) as u64
}

fn wizard(child: &Child) -> Seconds {
    let place = Place::new(&child.command());
    let wizard = place.wizard();
    let seconds = in_wizard(&place, child, &wizard);
    assert!(child.is_kept_in(&place.log()), "the log does not hold what the child printed");
    child.leave();
    drop(wizard);
    seconds
}

fn bare(child: &Child) -> f64 {
    child.forget();
    child.leave();
    let mut terminal = Terminal::start_unseen("sh", &[&child.path("child.sh").to_string_lossy()], child.dir.path());
    terminal.wait();
    child.ended().unwrap() - child.begun().unwrap()
}

fn tmux(child: &Child) -> f64 {
    child.forget();
    let name = format!("lino-upgrade-bench-{}", std::process::id());
    let tmux = |arguments: &[&str]| {
        let mut command = Command::new("tmux");
        command.args(["-L", &name, "-f", "/dev/null"]).args(arguments).env_clear().envs(environment());
        assert!(command.stdin(Stdio::null()).status().unwrap().success(), "tmux {arguments:?}");
    };
    let (columns, rows) = (SIZE.0.to_string(), SIZE.1.to_string());
    tmux(&["new-session", "-d", "-x", &columns, "-y", &rows, &child.command()]);
    let ended = until("tmux", || child.ended());
    tmux(&["kill-server"]);
    ended - child.begun().unwrap()
}

/// Measures.
pub fn run() {
    let rounds = super::rounds(ROUNDS);
    table::heading(&format!("lines: a child prints {LINES} lines of 80 characters, {rounds} rounds"));
    let has_tmux = Command::new("tmux").arg("-V").stdout(Stdio::null()).status().is_ok_and(|status| status.success());
    if !has_tmux {
        println!("  tmux is not installed: it is left out (Debian: apt-get install tmux).");
    }
    let child = Child::new(LINES);
    let (mut pty, mut mux) = (Series::default(), Series::default());
    let [mut written, mut kept, mut shown, mut read] = [const { Series(Vec::new()) }; 4];
    bare(&child);
    for _ in 0..rounds {
        pty.push(bare(&child));
        let seconds = wizard(&child);
        written.push(seconds.child);
        kept.push(seconds.kept);
        shown.push(seconds.shown);
        read.push(judged(&child));
        if has_tmux {
            mux.push(tmux(&child));
        }
    }
    let row = |name: &str, series: &Series, goal: &str| {
        let bare = series.ratio(&pty);
        let against = if has_tmux { format!("{:.2}", series.ratio(&mux)) } else { "-".into() };
        vec![name.to_owned(), series.show(1.0, 3), format!("{bare:.2}"), against, goal.to_owned()]
    };
    let goal = |series: &Series| {
        let tmux = if has_tmux { below(series.ratio(&mux), 1.0) } else { "-" };
        format!("< 1.2 bare: {}, < tmux: {tmux}", below(series.ratio(&pty), 1.2))
    };
    let mut rows = vec![row("a terminal that is read and thrown away", &pty, "")];
    if has_tmux {
        rows.push(row("tmux, detached", &mux, ""));
    }
    rows.push(row("the wizard: the child has written its last line", &written, &goal(&written)));
    rows.push(row("the wizard: every byte is in the log", &kept, &goal(&kept)));
    rows.push(row("the wizard: the last line is on the screen", &shown, ""));
    rows.push(row("the wizard: all of it was read and judged", &read, ""));
    table::print(&["", "seconds (least to most)", "ratio to bare", "ratio to tmux", "goal"], &rows);
}
