//! The operator's terminal as it is on a bad day: no size at all, ten thousand sizes, slow, gone, stopped, and fed with
//! control sequences that never end. The wizard is the real one, on a real site.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test stops at the first surprise")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::pty::{Held, becomes, comes_to_rest, memory, signal, still};
use crate::shop::{PROGRAM, Shop};

const SIZE: (u16, u16) = (120, 36);
/// How the help begins.
const HELP: &str = "This wizard upgrades one Lino site";
/// What the step shows that stops the services.
const STOPS: &str = "▶  2 Stop services";

/// A small site whose services are stopped by a command that first does what `noise` says.
fn site(noise: &str) -> Shop {
    let shop = Shop::light_on("sqlite", "new_blank");
    let script = shop.dir.join("noise.sh");
    fs::write(&script, format!("#!/bin/sh\n{noise}\n")).unwrap();
    fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    shop.configure(&[("stop = \"./web.sh stop\"", "stop = \"./noise.sh && ./web.sh stop\"")]);
    let started = Command::new("./web.sh").arg("start").current_dir(&shop.dir).stdout(Stdio::null()).status().unwrap();
    assert!(started.success());
    shop
}

/// Prints much until there is a file `enough`.
const FLOOD: &str = "seq 1 20000 | sed 's/$/ lines of a command that has much to say/' > chunk\n\
                     until [ -e enough ]; do cat chunk; sleep 0.05; done\n\
                     rm enough; echo That was all.";

/// Goes by keys into the step that stops the services.
fn stopping(terminal: &Held) {
    terminal.shows(&["Press Enter to begin with step 1"]);
    terminal.keys("\r");
    terminal.shows(&["Take the site down now?"]);
    terminal.keys("y");
}

fn enough(shop: &Shop) {
    fs::write(shop.dir.join("enough"), "").unwrap();
}

/// Waits until the journal says how a step ended.
fn is_recorded(shop: &Shop, step: &str, state: &str) {
    let limit = Instant::now() + Duration::from_mins(3);
    let wanted = (step.to_owned(), state.to_owned());
    while !shop.attempts().contains(&wanted) {
        assert!(Instant::now() < limit, "{step} never was {state}: {:?}", shop.attempts());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_terminal_may_shrink_to_nothing_and_come_back_on_every_screen() {
    let shop = site("echo Stopping.; until [ -e enough ]; do sleep 0.1; done");
    let terminal = Held::wizard(&shop.dir, SIZE);
    let shrinks = |name: &str, texts: &[&str]| {
        terminal.shows(texts);
        for size in [(1, 1), (0, 0), (1, 200), (300, 1), (79, 23), (0, 24)] {
            terminal.resize(size);
            // Drawn or not, keys and signals are heard.
            still(|| terminal.taken());
        }
        terminal.resize(SIZE);
        terminal.shows(texts);
        let screen = terminal.is_as_freshly_drawn(SIZE);
        assert!(texts.iter().all(|text| screen.contains(text)), "{name}:\n{screen}");
    };
    shrinks("begin", &["Press Enter to begin with step 1"]);
    terminal.keys("?");
    shrinks("help", &[HELP]);
    terminal.keys("\x1b");
    terminal.until(|screen| !screen.contains(HELP), "the screen behind the help");
    terminal.keys("\r");
    shrinks("question", &["Take the site down now?"]);
    terminal.keys("y");
    shrinks("running", &[STOPS, "Stopping."]);
    comes_to_rest(terminal.pid());
    enough(&shop);
    is_recorded(&shop, "stop-services", "done");
}

/// Numbers that look random, always the same ones.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u16 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u16::try_from((self.0 >> 33) % limit).unwrap()
    }
}

#[test]
#[ignore = "takes half a minute; tests/run --full asks for it"]
fn matrix_ten_thousand_sizes_while_a_command_floods_the_log_leave_the_screen_right_and_the_wizard_idle() {
    let shop = site(FLOOD);
    let terminal = Held::wizard(&shop.dir, SIZE);
    stopping(&terminal);
    terminal.shows(&[STOPS, "much to say"]);
    let mut dice = Dice(5);
    for number in 0..10_000 {
        // From nothing to what no monitor has; now and then as it was.
        let size = match number % 10 {
            0 => (0, 0),
            1 => (1, 1),
            2 => SIZE,
            _ => (dice.below(300), dice.below(120)),
        };
        terminal.resize(size);
        std::thread::sleep(Duration::from_micros(500));
    }
    terminal.resize(SIZE);
    terminal.shows(&[STOPS, "much to say"]);
    enough(&shop);
    terminal.shows(&["That was all."]);
    is_recorded(&shop, "stop-services", "done");
    // It stops at the question that comes next, or at the end of a step.
    terminal.keys("\x1b");
    let most = memory(terminal.pid());
    assert!(most < 300, "{most} MB");
    comes_to_rest(terminal.pid());
    terminal.is_as_freshly_drawn(SIZE);
}

#[test]
#[ignore = "takes half a minute; tests/run --full asks for it"]
fn matrix_a_terminal_that_takes_nothing_holds_up_neither_the_upgrade_nor_the_keys() {
    let shop = site(FLOOD);
    let terminal = Held::wizard(&shop.dir, SIZE);
    stopping(&terminal);
    terminal.shows(&[STOPS, "much to say"]);
    // A thousand bytes in a second are less than one screen.
    terminal.speed(1000);
    let taken = terminal.taken();
    let limit = Instant::now() + Duration::from_mins(1);
    while terminal.taken() < taken + 3000 && Instant::now() < limit {
        std::thread::sleep(Duration::from_millis(50));
    }
    terminal.speed(0);
    enough(&shop);
    // The step ends, and the next ones, while nobody can see it.
    is_recorded(&shop, "stop-services", "done");
    is_recorded(&shop, "verify-snapshot", "done");
    let most = memory(terminal.pid());
    assert!(most < 300, "{most} MB");
    terminal.keys("?");
    terminal.fast();
    terminal.shows(&[HELP]);
    terminal.keys("\x1b");
    terminal.until(|screen| !screen.contains(HELP), "the screen behind the help");
}

#[test]
fn a_terminal_that_is_gone_takes_the_wizard_with_it_and_not_the_command() {
    let shop = site("echo Working.; until [ -e enough ]; do sleep 0.1; done; echo That was all.");
    let mut terminal = Held::wizard(&shop.dir, SIZE);
    stopping(&terminal);
    terminal.shows(&[STOPS, "Working."]);
    terminal.hang_up();
    let status = terminal.ends();
    assert_eq!((status.code(), status.signal()), (Some(4), None));
    let second = Held::wizard(&shop.dir, SIZE);
    second.shows(&[STOPS, "Working."]);
    enough(&shop);
    second.shows(&["That was all."]);
    is_recorded(&shop, "stop-services", "done");
    assert_eq!(shop.attempts().iter().filter(|(step, _)| step == "stop-services").count(), 1);
}

#[test]
fn control_sequences_without_end_neither_stop_the_log_nor_fill_the_memory() {
    // Each ten megabytes long: a title, a device control string, a function with arguments, one with a wrong end.
    let endless = "filler() { head -c 10000000 /dev/zero | tr '\\0' \"$1\"; }\n\
        printf 'before\\n\\033]0;'; filler x; printf '\\nafter OSC\\n\\033P'; filler x; printf '\\nafter DCS\\n\\033['; \
        filler 1; printf '\\nafter CSI\\n\\033_'; filler ';'; printf '\\nafter APC\\n\\033[?1049l\\033[?25h\\033c'\n\
        until [ -e enough ]; do sleep 0.1; done; printf '\\033]52;c;eA==\\007\\033[31'";
    let shop = site(endless);
    let terminal = Held::wizard(&shop.dir, SIZE);
    stopping(&terminal);
    terminal.shows(&[STOPS, "after APC"]);
    comes_to_rest(terminal.pid());
    let most = memory(terminal.pid());
    assert!(most < 300, "{most} MB");
    // Neither the screen nor the clipboard were the command's.
    assert!(terminal.is_taken());
    terminal.is_as_freshly_drawn(SIZE);
    enough(&shop);
    is_recorded(&shop, "stop-services", "done");
    terminal.shows(&["✔  2 Stop services"]);
    terminal.keys("?");
    terminal.shows(&[HELP]);
    assert!(!terminal.last().contains("\x1b]52;"), "{:?}", terminal.last());
}

#[test]
#[ignore = "takes half a minute; tests/run --full asks for it"]
fn matrix_the_shell_survives_control_sequences_without_end() {
    let shop = site("true");
    fs::write(
        shop.dir.join("endless.sh"),
        "for start in ']0;' P '[' _ X; do printf '\\033%s' \"$start\"; head -c 3000000 /dev/zero | tr '\\0' '1'; \
         printf '\\030\\n'; done; echo still here",
    )
    .unwrap();
    let terminal = Held::wizard(&shop.dir, SIZE);
    terminal.shows(&["Press Enter to begin with step 1"]);
    terminal.keys("!");
    terminal.shows(&["A shell is open in the site's environment."]);
    terminal.keys("sh endless.sh\r");
    terminal.shows(&["still here"]);
    let most = memory(terminal.pid());
    assert!(most < 300, "{most} MB");
    comes_to_rest(terminal.pid());
    terminal.keys("exit\r");
    terminal.shows(&["Press Enter to begin with step 1"]);
    terminal.is_as_freshly_drawn(SIZE);
}

/// How signals are sent.
#[derive(Clone, Copy, Debug)]
enum To {
    Process,
    Group,
}

fn send(to: To, pid: Pid, which: Signal) {
    match to {
        To::Process => signal(pid, which),
        To::Group => kill_process_group(pid, which).unwrap(),
    }
}

#[test]
fn signals_that_end_the_wizard_give_the_terminal_back_and_the_next_one_continues() {
    let shop = site("echo Working.; until [ -e enough ]; do sleep 0.1; done; echo That was all.");
    let mut terminal = Held::wizard(&shop.dir, SIZE);
    stopping(&terminal);
    let ways = [
        (To::Process, Signal::TERM),
        (To::Group, Signal::INT),
        (To::Process, Signal::HUP),
        (To::Group, Signal::QUIT),
        (To::Group, Signal::HUP),
        (To::Process, Signal::INT),
    ];
    for (to, which) in ways {
        terminal.shows(&[STOPS, "Working."]);
        assert!(terminal.is_taken());
        send(to, terminal.pid(), which);
        let status = terminal.ends();
        assert_eq!((status.code(), status.signal()), (Some(4), None), "{which:?} to the {to:?}");
        terminal.is_sane();
        terminal = Held::wizard(&shop.dir, SIZE);
    }
    terminal.shows(&[STOPS, "Working."]);
    enough(&shop);
    terminal.shows(&["That was all."]);
    is_recorded(&shop, "stop-services", "done");
    assert_eq!(shop.attempts().iter().filter(|(step, _)| step == "stop-services").count(), 1);
}

/// A shell that runs the wizard as a job, and continues it when there is a file `go`.
fn in_a_shell(shop: &Shop) -> (Held, Pid) {
    let script = "set -m; \"$0\" --site \"$1\"; while [ $? -gt 128 ]; do \
                  until [ -e \"$1/go\" ]; do sleep 0.1; done; rm \"$1/go\"; fg; done";
    let command = pty_process::blocking::Command::new("bash").env("TERM", "xterm-256color");
    let terminal = Held::run(command.args(["-c", script, PROGRAM]).arg(&shop.dir), SIZE);
    terminal.shows(&["Press Enter to begin with step 1"]);
    let shell = terminal.pid().as_raw_nonzero();
    let children = fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).unwrap();
    (terminal, Pid::from_raw(children.trim().parse().unwrap()).unwrap())
}

#[test]
fn a_wizard_that_is_stopped_gives_the_terminal_back_until_it_is_continued() {
    let shop = site("echo Working.; until [ -e enough ]; do sleep 0.1; done; echo That was all.");
    let (terminal, pid) = in_a_shell(&shop);
    stopping(&terminal);
    terminal.shows(&[STOPS, "Working."]);
    let stops: [&dyn Fn(); 3] =
        [&|| terminal.keys("\x1a"), &|| send(To::Process, pid, Signal::TSTP), &|| send(To::Group, pid, Signal::TSTP)];
    for stop in stops {
        stop();
        becomes(pid, 'T');
        terminal.is_sane();
        fs::write(shop.dir.join("go"), "").unwrap();
        terminal.until(|screen| screen.contains(STOPS) && terminal.is_taken(), "the wizard");
        terminal.is_as_freshly_drawn(SIZE);
    }
    // Others come and go without effect, however many there are.
    for number in 0..2000 {
        let which = [Signal::PIPE, Signal::WINCH, Signal::CONT, Signal::CHILD].into_iter().nth(number % 4).unwrap();
        send(To::Process, pid, which);
    }
    terminal.is_as_freshly_drawn(SIZE);
    comes_to_rest(pid);
    enough(&shop);
    terminal.shows(&["That was all."]);
}

#[test]
fn a_wizard_that_no_shell_would_continue_is_not_stopped() {
    let shop = site("true");
    let terminal = Held::wizard(&shop.dir, SIZE);
    terminal.shows(&["Press Enter to begin with step 1"]);
    comes_to_rest(terminal.pid());
    for stop in [&(|| terminal.keys("\x1a")) as &dyn Fn(), &|| send(To::Group, terminal.pid(), Signal::TSTP)] {
        stop();
        terminal.shows(&["There is no shell behind this wizard"]);
        terminal.keys("?");
        terminal.shows(&[HELP]);
        terminal.keys("\x1b");
        terminal.until(|screen| !screen.contains(HELP), "the screen behind the help");
    }
}

#[test]
#[ignore = "takes a minute; tests/run --full asks for it"]
fn matrix_a_run_without_a_screen_that_is_ended_by_a_signal_says_so_and_is_continued() {
    let shop = site("echo Working.; until [ -e enough ]; do sleep 0.1; done");
    let started = || {
        let child = shop.headless().spawn().unwrap();
        let pid = Pid::from_child(&child);
        (child, pid)
    };
    for (name, which) in [("SIGINT", Signal::INT), ("SIGTERM", Signal::TERM), ("SIGHUP", Signal::HUP)] {
        let (mut child, pid) = started();
        let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
        let mut seen = Vec::new();
        let runs = lines.any(|line| {
            seen.extend(line);
            seen.last().is_some_and(|line| line.contains("\"event\":\"command_started\""))
        });
        assert!(runs, "{name}: {seen:?}, {:?}", child.wait_with_output());
        // Nobody reads a pipe that is broken, and nobody dies of it.
        signal(pid, Signal::PIPE);
        comes_to_rest(pid);
        signal(pid, which);
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        let expected =
            format!("Ended by {name}. A command that was running goes on by itself; start again to continue.\n");
        assert_eq!((output.status.code(), said), (Some(4), expected));
    }
    // Nobody reads its events any more: it ends at the next one.
    let (mut child, _) = started();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("Events can no longer be written: Broken pipe"), "{said}");
    assert_eq!(output.status.code(), Some(4));
    // Somebody has stopped reading them, but holds the other end: signals are heard nevertheless.
    let command = pty_process::blocking::Command::new(PROGRAM).arg("--site").arg(&shop.dir);
    let mut stuck = Held::run(command.args(["run", "--headless", "--yes"]), SIZE);
    stuck.shows(&["{"]);
    stuck.speed(0);
    still(|| stuck.taken());
    signal(stuck.pid(), Signal::TERM);
    assert_eq!(stuck.ends().code(), Some(4));
    enough(&shop);
    let output = shop.headless().args(["--until", "stop-services"]).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", String::from_utf8_lossy(&output.stderr));
    let stops: Vec<(String, String)> =
        shop.attempts().into_iter().filter(|(step, _)| step == "stop-services").collect();
    assert_eq!(stops, [("stop-services".to_owned(), "done".to_owned())]);
}

#[test]
fn what_is_no_terminal_is_refused_in_words() {
    let dir = assert_fs::TempDir::new().unwrap();
    let refused = |command: &mut Command| {
        let output = command.arg("--site").arg(dir.path()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let nothing = "The wizard needs a terminal.\nNothing was started.\n→ Start it in a terminal, or run the procedure \
                   without a screen: lino-upgrade run --headless\n";
    let mut plain = Command::new(PROGRAM);
    assert_eq!(refused(plain.stdin(Stdio::null()).env("TERM", "xterm")), (Some(2), nothing.to_owned()));
    let mut closed = Command::new("sh");
    closed.args(["-c", "exec \"$0\" \"$@\" <&- >&-", PROGRAM]);
    assert_eq!(refused(&mut closed), (Some(2), nothing.to_owned()));
    for (kind, what) in [
        ("dumb", "The wizard cannot draw on this terminal: TERM=dumb."),
        ("", "The wizard needs to know the kind of this terminal, and TERM is not set."),
    ] {
        let command = pty_process::blocking::Command::new(PROGRAM).arg("--site").arg(dir.path()).env("TERM", kind);
        let mut terminal = Held::run(command, SIZE);
        assert_eq!(terminal.ends().code(), Some(2));
        terminal.is_sane();
        let expected = format!(
            "{what}\nNothing was started.\n→ Set TERM to what your terminal is, for example: export \
             TERM=xterm-256color\n→ Or run the procedure without a screen: lino-upgrade run --headless"
        );
        assert_eq!(terminal.screen().trim(), expected);
    }
}
