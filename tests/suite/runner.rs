//! The runner: the real program, real terminals, real commands.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test may panic, and says what it skips")]

use std::collections::BTreeMap;
use std::future::Future;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use assert_fs::TempDir;
use lino_upgrade::runner::{
    Client, CommandSpec, CommandState, Ended, Operator, Role, RunnerError, RunnerEvent, state_on_disk,
};
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::power;

const OK: Ended = Ended::Exited { code: 0 };

/// A runner's directory, with the logs beside it. Ends what is left of the runner when the test fails.
struct Place {
    _root: TempDir,
    dir: PathBuf,
    logs: PathBuf,
}

impl Place {
    fn new() -> Self {
        Self::below("")
    }

    fn below(name: &str) -> Self {
        let root = TempDir::new().unwrap();
        let base = root.path().canonicalize().unwrap().join(name);
        let (dir, logs) = (base.join("runner"), base.join("logs"));
        std::fs::create_dir_all(&logs).unwrap();
        Self { _root: root, dir, logs }
    }

    async fn attach(&self, user: &str, role: Role) -> Result<Wizard, RunnerError> {
        let exe = Path::new(env!("CARGO_BIN_EXE_lino-upgrade"));
        let attached = soon(Client::attach_or_launch(&self.dir, Some(exe), operator(user), role)).await;
        attached.map(|(client, events)| Wizard { client, events, logs: self.logs.clone() })
    }

    async fn drive(&self) -> Wizard {
        self.attach("first", Role::Driver).await.unwrap()
    }

    /// The process that serves this directory.
    fn runner(&self) -> Option<Pid> {
        std::fs::read_dir("/proc").unwrap().flatten().find_map(|entry| {
            let line = std::fs::read(entry.path().join("cmdline")).ok()?;
            let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
            let found = words.get(1..3)? == [b"internal-runner", self.dir.as_os_str().as_encoded_bytes()];
            if found { Pid::from_raw(entry.file_name().to_str()?.parse().ok()?) } else { None }
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(pid) = self.runner()
        {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

struct Wizard {
    client: Client,
    events: UnboundedReceiver<RunnerEvent>,
    logs: PathBuf,
}

impl Wizard {
    fn spec(&self, id: i64, argv: &[&str]) -> CommandSpec {
        CommandSpec {
            id,
            label: "test".into(),
            argv: argv.iter().map(|word| (*word).to_owned()).collect(),
            cwd: "/".into(),
            env: BTreeMap::new(),
            log: self.logs.join("log"),
            on_disk: Vec::new(),
        }
    }

    async fn start(&mut self, id: i64, argv: &[&str]) -> i32 {
        let spec = self.spec(id, argv);
        let state = soon(self.client.run(spec)).await.unwrap();
        assert!(matches!(state, CommandState::Running { .. }), "{state:?}");
        self.until(|event| match event {
            RunnerEvent::Started { id: started, pid } if started == id => Some(pid),
            _ => None,
        })
        .await
    }

    /// Waits for the event that `wanted` wants.
    async fn until<T>(&mut self, wanted: impl Fn(RunnerEvent) -> Option<T>) -> T {
        soon(async {
            loop {
                if let Some(found) = wanted(self.events.recv().await.unwrap()) {
                    return found;
                }
            }
        })
        .await
    }

    async fn ended(&mut self, id: i64) -> Ended {
        self.until(|event| match event {
            RunnerEvent::Ended { id: other, ended } if other == id => Some(ended),
            _ => None,
        })
        .await
    }

    /// Waits until a command asks with this prompt.
    async fn asked(&mut self, wanted: &str) -> RunnerEvent {
        self.until(|event| match &event {
            RunnerEvent::Awaiting { prompt, .. } if prompt.contains(wanted) => Some(event),
            _ => None,
        })
        .await
    }

    /// The output of a finished command, as its state says where it is.
    async fn output(&self, id: i64) -> Vec<u8> {
        let state = soon(self.client.state(id)).await.unwrap();
        let CommandState::Finished { log_start, log_end, .. } = state else { panic!("{state:?}") };
        let log = std::fs::read(self.logs.join("log")).unwrap();
        log.get(usize::try_from(log_start).unwrap()..usize::try_from(log_end).unwrap()).unwrap().to_vec()
    }

    async fn run(&mut self, id: i64, argv: &[&str]) -> (Ended, String) {
        self.start(id, argv).await;
        let ended = self.ended(id).await;
        (ended, String::from_utf8(self.output(id).await).unwrap())
    }

    async fn sh(&mut self, id: i64, script: &str) -> (Ended, String) {
        self.run(id, &["/bin/sh", "-c", script]).await
    }

    async fn shutdown(self) {
        soon(self.client.shutdown()).await.unwrap();
    }
}

fn operator(user: &str) -> Operator {
    Operator { user: user.into(), pid: 7, tty: Some("pts/3".into()), from: None, since: 1_700_000_000 }
}

/// A test that hangs fails.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_mins(1), what).await.unwrap()
}

/// Waits for a condition that no event announces.
async fn becomes(condition: impl Fn() -> bool) {
    soon(async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

fn lives(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn text(ended: Ended, output: &str) -> (Ended, String) {
    (ended, output.to_owned())
}

#[tokio::test]
async fn the_end_of_a_command_is_reported_as_it_was() {
    let place = Place::new();
    let mut wizard = place.drive().await;
    assert_eq!(wizard.sh(1, "echo fine").await, text(OK, "fine\r\n"));
    assert_eq!(wizard.sh(2, "echo bad >&2; exit 7").await, text(Ended::Exited { code: 7 }, "bad\r\n"));
    assert_eq!(wizard.sh(3, "kill -KILL $$").await, text(Ended::Signalled { signal: 9 }, ""));
    assert_eq!(wizard.sh(4, "exit 255").await, text(Ended::Exited { code: 255 }, ""));
    wizard.shutdown().await;
}

#[tokio::test]
async fn what_a_command_wrote_is_on_the_disk_when_it_counts_as_ended() {
    if !power::can_lose_power() {
        return;
    }
    let place = Place::new();
    let disk = power::Disk::mount();
    let mut wizard = place.drive().await;
    let file = disk.place().join("file");
    let writing =
        format!("mkdir {0}/new && echo kept > {0}/new/file && mv {0}/new/file {0}/file", disk.place().display());
    let spec = CommandSpec { on_disk: vec![disk.place().into()], ..wizard.spec(1, &["/bin/sh", "-c", &writing]) };
    soon(wizard.client.run(spec)).await.unwrap();
    assert_eq!(wizard.ended(1).await, OK);
    disk.cut();
    disk.come_back();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "kept\n");
    wizard.shutdown().await;
}

#[tokio::test]
async fn a_command_whose_disk_fails_in_the_end_did_not_end_well() {
    if !power::can_lose_power() {
        return;
    }
    let place = Place::new();
    let disk = power::Disk::mount();
    let mut wizard = place.drive().await;
    let failing = format!("echo lost > {0}/file && {1} {0}", disk.place().display(), power::CUT);
    let spec = CommandSpec { on_disk: vec![disk.place().into()], ..wizard.spec(1, &["/bin/sh", "-c", &failing]) };
    soon(wizard.client.run(spec)).await.unwrap();
    assert_eq!(wizard.ended(1).await, Ended::Exited { code: 74 });
    let said = String::from_utf8(wizard.output(1).await).unwrap();
    assert_eq!(said, "lino-upgrade: not all that was written is on the disk: Input/output error (os error 5)\r\n");
    wizard.shutdown().await;
}

#[tokio::test]
async fn a_command_that_does_not_exist_is_reported_with_its_name() {
    let place = Place::new();
    let mut wizard = place.drive().await;
    soon(wizard.client.run(wizard.spec(1, &["/nowhere/pip"]))).await.unwrap();
    assert_eq!(wizard.ended(1).await, Ended::NotStarted { errno: 2 });
    let said = String::from_utf8(wizard.output(1).await).unwrap();
    assert_eq!(said, "/nowhere/pip: No such file or directory (os error 2)\r\n");
    assert_eq!(wizard.sh(2, "echo next").await, text(OK, "next\r\n"));
    wizard.shutdown().await;
}

#[tokio::test]
async fn every_byte_of_the_output_is_in_the_log_also_invalid_utf_8() {
    let place = Place::new();
    let mut wizard = place.drive().await;
    wizard.start(1, &["/bin/sh", "-c", r"printf 'a\377\000\200b\n\033[1mc\033[0m'"]).await;
    assert_eq!(wizard.ended(1).await, OK);
    assert_eq!(wizard.output(1).await, b"a\xff\0\x80b\r\n\x1b[1mc\x1b[0m");
    assert_eq!(wizard.sh(2, "echo two").await, text(OK, "two\r\n"));
    assert_eq!(std::fs::read(place.logs.join("log")).unwrap(), b"a\xff\0\x80b\r\n\x1b[1mc\x1b[0mtwo\r\n");
    wizard.shutdown().await;
}

#[tokio::test]
async fn a_known_number_is_never_run_twice() {
    let place = Place::new();
    let mut wizard = place.drive().await;
    let count = place.logs.join("count");
    let script = format!("echo once >> {}", count.display());
    assert_eq!(wizard.sh(1, &script).await, text(OK, ""));
    let known = soon(wizard.client.state(1)).await.unwrap();
    let again = soon(wizard.client.run(wizard.spec(1, &["/bin/sh", "-c", &script]))).await.unwrap();
    assert_eq!(again, known);
    wizard.shutdown().await;
    becomes(|| place.runner().is_none()).await;
    let mut wizard = place.drive().await;
    let again = soon(wizard.client.run(wizard.spec(1, &["/bin/sh", "-c", &script]))).await.unwrap();
    assert_eq!(again, known);
    assert_eq!(wizard.sh(2, "echo after").await, text(OK, "after\r\n"));
    assert_eq!(std::fs::read_to_string(count).unwrap(), "once\n");
    wizard.shutdown().await;
}

/// What the runner inherited would be out of date when a later wizard has other variables.
#[tokio::test]
async fn variables_come_with_each_command_and_not_from_the_runner() {
    let place = Place::new();
    let mut wizard = place.drive().await;
    let here = env!("CARGO_MANIFEST_DIR");
    assert_eq!(wizard.sh(1, "echo $CARGO_MANIFEST_DIR").await, text(OK, &format!("{here}\r\n")));
    let runner = place.runner().unwrap().as_raw_nonzero();
    match std::fs::read_to_string(format!("/proc/{runner}/environ")) {
        Ok(inherited) => {
            let names: Vec<&str> = inherited.split('\0').filter_map(|pair| pair.split('=').next()).collect();
            assert!(names.contains(&"PATH") && !names.contains(&"CARGO_MANIFEST_DIR"), "{names:?}");
        }
        // Only root can look into a runner.
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied),
    }
    wizard.shutdown().await;
}

#[tokio::test]
async fn a_second_command_is_refused_while_one_runs() {
    let place = Place::new();
    let mut wizard = place.drive().await;
    wizard.start(1, &["cat"]).await;
    let refused = soon(wizard.client.run(wizard.spec(2, &["true"]))).await.unwrap_err();
    assert_eq!(refused.to_string(), "the runner refused: another command runs");
    let refused = soon(wizard.client.shutdown()).await.unwrap_err();
    assert_eq!(refused.to_string(), "the runner refused: a command runs");
    wizard.client.input(b"\x04").await.unwrap();
    assert_eq!(wizard.ended(1).await, OK);
    assert_eq!(soon(wizard.client.state(2)).await.unwrap(), CommandState::Unknown);
    wizard.shutdown().await;
}

#[tokio::test]
async fn a_command_goes_on_when_its_wizard_is_gone() {
    let place = Place::new();
    let mut wizard = place.drive().await;
    let mut watcher = place.attach("second", Role::Watcher).await.unwrap();
    let gate = place.logs.join("gate");
    let script = format!("echo one; until test -e {}; do sleep 0.02; done; echo two", gate.display());
    let pid = wizard.start(1, &["/bin/sh", "-c", &script]).await;
    drop(wizard);
    watcher.until(|event| (event == RunnerEvent::DriverChanged { driver: None, you: false }).then_some(())).await;
    let mut wizard = place.attach("third", Role::Driver).await.unwrap();
    let state = soon(wizard.client.state(1)).await.unwrap();
    let CommandState::Running { started, .. } = state else { panic!("{state:?}") };
    assert_eq!(state, CommandState::Running { pid, started, log_start: 0 });
    assert_eq!(state_on_disk(&place.dir, 1), state);
    std::fs::write(gate, "").unwrap();
    assert_eq!(wizard.ended(1).await, OK);
    assert_eq!(wizard.output(1).await, b"one\r\ntwo\r\n");
    wizard.shutdown().await;
}

#[tokio::test]
async fn there_is_one_driver_and_others_watch_or_take_over() {
    let place = Place::new();
    let mut first = place.drive().await;
    first.start(1, &["cat"]).await;
    let Err(RunnerError::Busy { driver }) = place.attach("second", Role::Driver).await else { panic!("not busy") };
    assert_eq!(driver, operator("first"));
    let mut watcher = place.attach("second", Role::Watcher).await.unwrap();
    let Err(RunnerError::Busy { driver }) = watcher.client.input(b"x").await else { panic!("not busy") };
    assert_eq!(driver, operator("first"));
    watcher.client.take_over().await.unwrap();
    let second = Some(operator("second"));
    watcher
        .until(|event| (event == RunnerEvent::DriverChanged { driver: second.clone(), you: true }).then_some(()))
        .await;
    first
        .until(|event| (event == RunnerEvent::DriverChanged { driver: second.clone(), you: false }).then_some(()))
        .await;
    let Err(RunnerError::Busy { driver }) = first.client.input(b"x").await else { panic!("not busy") };
    assert_eq!(driver, operator("second"));
    watcher.client.input(b"\x04").await.unwrap();
    assert_eq!((first.ended(1).await, watcher.ended(1).await), (OK, OK));
    watcher.shutdown().await;
}

#[tokio::test]
async fn a_question_is_noticed_and_answered() {
    let place = Place::new();
    let mut wizard = place.drive().await;
    wizard.start(1, &["bash", "-c", "read -p 'Go on? [y,N] ' -n 1 x; echo; echo got=$x"]).await;
    let asked = RunnerEvent::Awaiting { prompt: "Go on? [y,N] ".into(), secret: false, certain: true };
    assert_eq!(wizard.asked("").await, asked);
    let mut late = place.attach("late", Role::Watcher).await.unwrap();
    assert_eq!(late.asked("").await, asked, "who comes later is told too");
    wizard.client.input(b"y").await.unwrap();
    assert_eq!(wizard.ended(1).await, OK);
    assert_eq!(String::from_utf8(wizard.output(1).await).unwrap(), "Go on? [y,N] y\r\ngot=y\r\n");
    wizard.shutdown().await;
}

#[tokio::test]
async fn a_password_is_asked_as_a_secret_and_is_in_no_file() {
    let place = Place::new();
    let mut wizard = place.drive().await;
    wizard.start(1, &["sh", "-c", "printf 'Password: '; stty -echo; read x; stty echo; echo; echo ${#x}"]).await;
    let asked = wizard.asked("").await;
    assert_eq!(asked, RunnerEvent::Awaiting { prompt: "Password: ".into(), secret: true, certain: true });
    wizard.client.input(b"hunter2-secret\r").await.unwrap();
    assert_eq!(wizard.ended(1).await, OK);
    assert_eq!(String::from_utf8(wizard.output(1).await).unwrap(), "Password: \r\n14\r\n");

    wizard.start(2, &["python3", "-c", "import getpass; print(len(getpass.getpass()))"]).await;
    let asked = wizard.asked("Password").await;
    assert_eq!(asked, RunnerEvent::Awaiting { prompt: "Password: ".into(), secret: true, certain: true });
    wizard.client.input(b"hunter2-secret\r").await.unwrap();
    assert_eq!(wizard.ended(2).await, OK);
    assert_eq!(String::from_utf8(wizard.output(2).await).unwrap(), "Password: \r\n14\r\n");
    let files = files(&place.dir).into_iter().chain(files(&place.logs));
    let telling: Vec<PathBuf> =
        files.filter(|path| memchr::memmem::find(&std::fs::read(path).unwrap(), b"hunter2").is_some()).collect();
    assert_eq!(telling, Vec::<PathBuf>::new());
    wizard.shutdown().await;
}

/// All files below a directory that can be read as such.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            found.extend(files(&entry.path()));
        } else if !kind.is_socket() {
            found.push(entry.path());
        }
    }
    found
}

#[tokio::test]
async fn ctrl_c_ends_the_command_and_the_next_runs_in_the_same_session() {
    let place = Place::new();
    let mut wizard = place.drive().await;
    let before = wizard.sh(1, "ps -o sid= -p $$; tty").await;
    wizard.start(2, &["sleep", "600"]).await;
    wizard.client.interrupt().await.unwrap();
    assert_eq!(wizard.ended(2).await, Ended::Signalled { signal: 2 });
    assert_eq!(wizard.output(2).await, b"^C");
    let after = wizard.sh(3, "ps -o sid= -p $$; tty").await;
    assert_eq!(after, before);
    assert_eq!(before.0, OK);
    assert!(before.1.contains("/dev/pts/"), "{before:?}");
    wizard.shutdown().await;
}

#[tokio::test]
async fn ctrl_c_reaches_a_command_that_made_the_terminal_raw() {
    let place = Place::new();
    let mut wizard = place.drive().await;
    wizard.start(1, &["sh", "-c", "stty raw; printf 'ready> '; exec cat"]).await;
    let asked = wizard.asked("ready").await;
    assert_eq!(asked, RunnerEvent::Awaiting { prompt: "ready> ".into(), secret: false, certain: true });
    wizard.client.interrupt().await.unwrap();
    assert_eq!(wizard.ended(1).await, Ended::Signalled { signal: 2 });
    assert_eq!(wizard.sh(2, "echo next").await, text(OK, "next\r\n"));
    wizard.shutdown().await;
}

#[tokio::test]
async fn kill_ends_also_a_command_that_ignores_term() {
    let place = Place::new();
    let mut wizard = place.drive().await;
    // The marker finds also what left the session.
    let script = "trap '' TERM; setsid sleep 600 & echo $!; printf 'deaf> '; while :; do read x; done";
    wizard.start(1, &["sh", "-c", script]).await;
    wizard.asked("deaf").await;
    wizard.client.kill().await.unwrap();
    assert_eq!(wizard.ended(1).await, Ended::Signalled { signal: 9 });
    let output = String::from_utf8(wizard.output(1).await).unwrap();
    let away: i32 = output.lines().next().unwrap().trim().parse().unwrap();
    becomes(|| !lives(away)).await;
    assert_eq!(wizard.sh(2, "echo next").await, text(OK, "next\r\n"));
    wizard.shutdown().await;
}

#[tokio::test]
async fn a_command_whose_runner_was_killed_is_lost_and_a_new_runner_comes() {
    let place = Place::new();
    let mut wizard = place.drive().await;
    assert_eq!(wizard.sh(1, "echo kept").await, text(OK, "kept\r\n"));
    let kept = soon(wizard.client.state(1)).await.unwrap();
    let pid = wizard.start(2, &["sleep", "600"]).await;
    let CommandState::Running { started, log_start, .. } = soon(wizard.client.state(2)).await.unwrap() else {
        panic!("it does not run")
    };
    let runner = place.runner().unwrap();
    kill_process(runner, Signal::KILL).unwrap();
    soon(async { while wizard.events.recv().await.is_some() {} }).await;
    let lost = CommandState::Lost { started, log_start };
    becomes(|| state_on_disk(&place.dir, 2) == lost).await;
    assert_eq!(state_on_disk(&place.dir, 1), kept);
    becomes(|| !lives(pid)).await;
    let gone = soon(wizard.client.state(2)).await.unwrap_err();
    assert!(matches!(gone, RunnerError::Gone(_)), "{gone:?}");

    let mut wizard = place.drive().await;
    assert_ne!(place.runner(), Some(runner));
    assert_eq!(state_on_disk(&place.dir, 2), lost, "the new runner does not run it");
    assert_eq!(soon(wizard.client.state(2)).await.unwrap(), lost);
    assert_eq!(wizard.sh(3, "echo anew").await, text(OK, "anew\r\n"));
    wizard.shutdown().await;
}

#[tokio::test]
async fn much_output_is_complete_and_in_order() {
    use std::fmt::Write as _;
    let place = Place::new();
    let mut wizard = place.drive().await;
    wizard.start(1, &["seq", "1", "200000"]).await;
    assert_eq!(wizard.ended(1).await, OK);
    let mut expected = String::new();
    for number in 1..=200_000 {
        write!(expected, "{number}\r\n").unwrap();
    }
    assert!(wizard.output(1).await == expected.as_bytes(), "the numbers differ");
    wizard.shutdown().await;
}

#[tokio::test]
async fn a_process_left_in_the_background_neither_delays_the_end_nor_dies() {
    let place = Place::new();
    let mut wizard = place.drive().await;
    let (ended, output) = wizard.sh(1, "sleep 600 & echo $!; setsid sleep 600 & echo $!; echo done").await;
    let mut lines = output.lines();
    let mut pid = || lines.next().unwrap().parse::<i32>().unwrap();
    let (near, far) = (pid(), pid());
    assert_eq!((ended, lines.next()), (OK, Some("done")));
    assert_eq!(wizard.sh(2, "echo next").await, text(OK, "next\r\n"));
    assert_eq!((lives(near), lives(far)), (true, true));
    wizard.shutdown().await;
    becomes(|| place.runner().is_none()).await;
    assert!(lives(far));
    for pid in [near, far] {
        let _ = kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
    }
}

#[tokio::test]
async fn a_terminal_left_raw_is_repaired() {
    let place = Place::new();
    let mut wizard = place.drive().await;
    let before = wizard.sh(1, "stty -g").await;
    assert_eq!(wizard.sh(2, "stty raw -echo; echo raw").await, text(OK, "raw\n"));
    assert_eq!(wizard.sh(3, "stty -g").await, before);
    assert_eq!(before.0, OK);
    wizard.shutdown().await;
}

#[tokio::test]
async fn an_interactive_shell_can_be_opened_and_left() {
    let place = Place::new();
    let mut wizard = place.drive().await;
    let mut spec = wizard.spec(1, &["bash", "--norc", "--noprofile", "-i"]);
    spec.env = BTreeMap::from([("PS1".into(), Some("shell> ".into())), ("HISTFILE".into(), None)]);
    soon(wizard.client.run(spec)).await.unwrap();
    let asked = RunnerEvent::Awaiting { prompt: "shell> ".into(), secret: false, certain: true };
    assert_eq!(wizard.asked("").await, asked);
    wizard.client.input(b"echo typed-$((6*7)); sleep 0.5\r").await.unwrap();
    wizard.until(|event| (event == RunnerEvent::Taken).then_some(())).await;
    assert_eq!(wizard.asked("shell").await, asked);
    wizard.client.input(b"exit 3\r").await.unwrap();
    assert_eq!(wizard.ended(1).await, Ended::Exited { code: 3 });
    let output = String::from_utf8(wizard.output(1).await).unwrap();
    assert!(output.contains("typed-42\r\n"), "{output:?}");
    assert_eq!(wizard.sh(2, "echo next").await, text(OK, "next\r\n"));
    wizard.shutdown().await;
}

#[tokio::test]
async fn a_very_long_path_of_the_state_directory_works() {
    let place = Place::below(&format!("{}/{}", "long".repeat(30), "path".repeat(30)));
    assert!(place.dir.as_os_str().len() > 200);
    let mut wizard = place.drive().await;
    assert_eq!(wizard.sh(1, "echo far away").await, text(OK, "far away\r\n"));
    wizard.shutdown().await;
}

/// A mount, undone at the end.
struct Mount(PathBuf);

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_full_disk_halts_the_log_and_loses_nothing() {
    let root = TempDir::new().unwrap();
    let small = root.path().canonicalize().unwrap().join("small");
    std::fs::create_dir(&small).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(&small).output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no small file system can be mounted here");
        return;
    }
    let _mount = Mount(small.clone());
    let place = Place { _root: root, dir: small.join("runner"), logs: small.clone() };
    let mut wizard = place.drive().await;
    assert_eq!(wizard.sh(1, "echo before").await, text(OK, "before\r\n"));
    let ballast = small.join("ballast");
    // Fills the disk but for 16 KiB.
    let _ = std::fs::write(&ballast, vec![0; 64 * 1024]);
    let full = std::fs::metadata(&ballast).unwrap().len();
    std::fs::OpenOptions::new().write(true).open(&ballast).unwrap().set_len(full - 16 * 1024).unwrap();
    // It ends although its log is full: the terminal holds the rest.
    let script = "echo begin; head -c 20000 /dev/zero | tr '\\0' x; exit 4";
    soon(wizard.client.run(wizard.spec(2, &["sh", "-c", script]))).await.unwrap();
    let trouble = wizard
        .until(|event| match event {
            RunnerEvent::LogTrouble { message } => Some(message),
            _ => None,
        })
        .await;
    assert_eq!(trouble, "No space left on device (os error 28)");
    let early = tokio::time::timeout(Duration::from_secs(4), wizard.ended(2)).await;
    assert!(early.is_err(), "it counts as ended without its output: {early:?}");
    std::fs::remove_file(&ballast).unwrap();
    wizard.until(|event| (event == RunnerEvent::LogRecovered).then_some(())).await;
    assert_eq!(wizard.ended(2).await, Ended::Exited { code: 4 });
    let output = String::from_utf8(wizard.output(2).await).unwrap();
    let expected = format!("begin\r\n{}", "x".repeat(20000));
    assert!(output == expected, "{} of {} bytes", output.len(), expected.len());
    assert_eq!(wizard.sh(3, "echo after").await, text(OK, "after\r\n"));
    wizard.shutdown().await;
    becomes(|| place.runner().is_none()).await;
}

#[tokio::test]
async fn a_program_that_is_replaced_while_it_runs_goes_on() {
    let place = Place::new();
    let program = place.logs.join("lino-upgrade");
    std::fs::copy(env!("CARGO_BIN_EXE_lino-upgrade"), &program).unwrap();
    let attach = || Client::attach_or_launch(&place.dir, Some(&program), operator("first"), Role::Driver);
    let (client, events) = soon(attach()).await.unwrap();
    let mut wizard = Wizard { client, events, logs: place.logs.clone() };
    // As a package manager does: the old file is gone, another one has its name.
    std::fs::write(place.logs.join("new"), "no program at all").unwrap();
    std::fs::rename(place.logs.join("new"), &program).unwrap();
    assert_eq!(wizard.sh(1, "echo one").await, text(OK, "one\r\n"));
    // What kills its parent at once may be over before its start was told.
    let killer = wizard.spec(2, &["/bin/sh", "-c", "kill -KILL $PPID"]);
    assert!(matches!(soon(wizard.client.run(killer)).await.unwrap(), CommandState::Running { .. }));
    assert_eq!(wizard.ended(2).await, Ended::Signalled { signal: 9 });
    assert_eq!(wizard.sh(3, "echo three").await, text(OK, "three\r\n"));
    drop(wizard);
    let (client, events) = soon(attach()).await.unwrap();
    let mut wizard = Wizard { client, events, logs: place.logs.clone() };
    assert_eq!(wizard.sh(4, "echo four").await, text(OK, "four\r\n"));
    wizard.shutdown().await;
}

/// Numbers of processes are used again; what a record says of one proves nothing.
#[tokio::test]
async fn a_command_of_a_dead_runner_is_lost_although_a_process_has_its_number() {
    let place = Place::new();
    let mut wizard = place.drive().await;
    wizard.start(1, &["sleep", "600"]).await;
    kill_process(place.runner().unwrap(), Signal::KILL).unwrap();
    becomes(|| place.runner().is_none()).await;
    let path = place.dir.join("commands/1.json");
    let mut record: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    record["pid"] = std::process::id().into();
    std::fs::write(&path, record.to_string()).unwrap();
    // A process gives its files back a moment after it cannot be seen any more.
    becomes(|| matches!(state_on_disk(&place.dir, 1), CommandState::Lost { .. })).await;
    drop(wizard);
    let mut wizard = place.drive().await;
    assert!(matches!(soon(wizard.client.state(1)).await.unwrap(), CommandState::Lost { .. }));
    assert_eq!(wizard.sh(2, "echo two").await, text(OK, "two\r\n"));
    wizard.shutdown().await;
}
