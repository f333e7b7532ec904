//! The wizard itself: in a real terminal, by its keys, on a real site.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test stops at the first surprise")]

use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use assert_fs::TempDir;

use rustix::process::{Pid, Signal, kill_process};

use crate::shop::{PROGRAM, Shop, WHOLE, all_but_install};
use crate::tmux::Tmux;

const PASSWORD: &str = "a-Secret:word 7";

/// An ordinary user of this machine who has a password and may use sudo with it. Removed in the end.
pub struct User {
    pub name: String,
    /// A directory that belongs to the user; holds the program, since the checkout may be closed to others.
    pub home: TempDir,
}

impl User {
    /// None without root, who alone can make users.
    pub fn create(name: &str) -> Option<Self> {
        if !rustix::process::getuid().is_root() {
            eprintln!("skipped: only root can make the user of this test");
            return None;
        }
        let user = Self { name: format!("lino-{name}-{}", std::process::id()), home: TempDir::new().unwrap() };
        let home = user.home.path();
        succeed(
            Command::new("useradd")
                .args(["--no-create-home", "--shell", "/bin/sh", "--home-dir"])
                .arg(home)
                .arg(&user.name),
        );
        let mut child = Command::new("chpasswd").stdin(Stdio::piped()).spawn().unwrap();
        writeln!(child.stdin.take().unwrap(), "{}:{PASSWORD}", user.name).unwrap();
        assert!(child.wait().unwrap().success());
        let rule = user.rule();
        std::fs::write(&rule, format!("{} ALL=(ALL:ALL) PASSWD: ALL\n", user.name)).unwrap();
        std::fs::set_permissions(&rule, PermissionsExt::from_mode(0o440)).unwrap();
        let id = Command::new("id").args(["-u", &user.name]).output().unwrap().stdout;
        let id: u32 = String::from_utf8_lossy(&id).trim().parse().unwrap();
        std::fs::copy(PROGRAM, user.program()).unwrap();
        chown(home, Some(id), None).unwrap();
        std::fs::set_permissions(home, PermissionsExt::from_mode(0o755)).unwrap();
        Some(user)
    }

    fn rule(&self) -> PathBuf {
        Path::new("/etc/sudoers.d").join(&self.name)
    }

    pub fn program(&self) -> PathBuf {
        self.home.path().join("lino-upgrade")
    }

    /// Opens a terminal in which the user runs the wizard.
    fn wizard(&self, dir: &Path, size: (u16, u16)) -> Tmux {
        let line = format!(
            "stty -g > ~/before; {} --site {}; status=$?; stty -g > ~/after; echo left with $status; exec cat",
            self.program().display(),
            dir.display()
        );
        Tmux::open(self.home.path(), Some(&self.name), size, &format!("HOME={}; {line}", self.home.path().display()))
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let _ = Command::new("pkill").args(["-KILL", "-u", &self.name]).status();
        let _ = Command::new("userdel").args(["--force", &self.name]).stderr(Stdio::null()).status();
        let _ = std::fs::remove_file(self.rule());
    }
}

fn succeed(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Walks the whole upgrade of a site whose services are stopped and started by sudo.
fn walk(size: (u16, u16)) {
    let Some(user) = User::create(&size.0.to_string()) else { return };
    let shop = Shop::owned_by(&user.name);
    let before = shop.rows();
    shop.configure(&[
        ("stop = \"./web.sh stop\"", "stop = \"sudo ./web.sh stop\""),
        ("start = \"./web.sh start\"", &format!("start = \"sudo -u {} ./web.sh start\"", user.name)),
    ]);
    succeed(Command::new("runuser").args(["-u", &user.name, "--", "./web.sh", "start"]).current_dir(&shop.dir));
    let tmux = user.wizard(&shop.dir, size);

    keep(&tmux.shows(&["Press Enter to begin with step 1"]), "begin", size);
    tmux.keys(&["Enter"]);
    keep(&tmux.shows(&["Take the site down now?"]), "down", size);
    tmux.keys(&["y"]);
    keep(&tmux.shows(&["[sudo] password for", "waits for your answer:"]), "sudo", size);
    tmux.text(PASSWORD);
    keep(&tmux.shows(&["•"]), "typed", size);
    tmux.keys(&["Enter"]);
    keep(&tmux.shows(&["Do you have a snapshot", "[yN]", "waits for your answer:"]), "pull", size);
    tmux.keys(&["y"]);
    keep(&tmux.shows(&["Are you sure", "waits for your answer:"]), "restore", size);
    tmux.keys(&["y", "Enter"]);
    keep(&tmux.shows(&["Does the new site look right?"]), "sign-in", size);
    tmux.keys(&["y"]);
    keep(&tmux.shows(&["The site was upgraded from 1.0 to 2.0."]), "done", size);
    tmux.keys(&["q"]);
    tmux.shows(&["left with 0"]);
    let modes = ["before", "after"].map(|name| std::fs::read_to_string(user.home.path().join(name)).unwrap());
    assert_eq!(modes[0], modes[1]);
    assert_eq!(shop.rows(), before);
    // The password went to sudo alone, once: sudo remembered it until the services were started.
    assert_eq!(shop.files_with(PASSWORD), Vec::<PathBuf>::new());
    assert_eq!(shop.log_lines("[sudo] password for"), 1);
}

/// Keeps a screen for a person to look at, when SCREENS names a directory.
fn keep(screen: &str, name: &str, size: (u16, u16)) {
    if let Some(dir) = std::env::var_os("SCREENS") {
        std::fs::write(Path::new(&dir).join(format!("{name}-{}x{}", size.0, size.1)), screen).unwrap();
    }
}

#[test]
fn an_upgrade_is_walked_by_keys_at_80x24() {
    walk((80, 24));
}

#[test]
#[ignore = "takes a minute or two; tests/run --full asks for it"]
fn matrix_an_upgrade_is_walked_by_keys_at_120x36() {
    walk((120, 36));
}

/// Opens a wizard on a site in a terminal of its own.
fn wizard(home: &TempDir, shop: &Shop) -> Tmux {
    Tmux::open(home.path(), None, (120, 36), &format!("exec {PROGRAM} --site {}", shop.dir.display()))
}

/// Goes by keys from the beginning into the restore; returns its process, stopped.
fn restoring(tmux: &Tmux, shop: &Shop) -> Pid {
    tmux.shows(&["Press Enter to begin with step 1"]);
    tmux.keys(&["Enter"]);
    tmux.shows(&["Take the site down now?"]);
    tmux.keys(&["y"]);
    tmux.shows(&["Do you have a snapshot", "waits for your answer:"]);
    tmux.keys(&["y"]);
    tmux.shows(&["Are you sure", "waits for your answer:"]);
    let pid = shop.process("snapshot/restore.py");
    tmux.keys(&["y", "Enter"]);
    tmux.shows(&["Loading "]);
    kill_process(pid, Signal::STOP).unwrap();
    pid
}

/// Goes by keys from a restore that has ended to the end of the run.
fn finish(tmux: &Tmux, shop: &Shop, rows: &[(String, u64)]) {
    tmux.shows(&["Press Enter to go on"]);
    tmux.keys(&["Enter"]);
    tmux.shows(&["Does the new site look right?"]);
    tmux.keys(&["y"]);
    tmux.shows(&["The site was upgraded from 1.0 to 2.0."]);
    assert_eq!(shop.rows(), rows);
    assert_eq!(shop.attempts(), all_but_install(&WHOLE));
}

#[test]
fn a_restore_survives_its_killed_wizard_and_is_shown_by_the_next() {
    let (home, shop) = (TempDir::new().unwrap(), Shop::light_on("sqlite", "new_blank"));
    let before = shop.rows();
    let first = wizard(&home, &shop);
    let restore = restoring(&first, &shop);
    kill_process(Pid::from_raw(first.pid()).unwrap(), Signal::KILL).unwrap();
    first.ends();
    assert_eq!(shop.process("snapshot/restore.py"), restore);
    let second = wizard(&home, &shop);
    second.shows(&["›▶  9 Restore the snapshot", "Loading "]);
    kill_process(restore, Signal::CONT).unwrap();
    finish(&second, &shop, &before);
}

#[test]
fn a_restore_survives_its_terminal_and_a_second_wizard_watches_and_takes_it_over() {
    let (home, shop) = (TempDir::new().unwrap(), Shop::light_on("sqlite", "new_blank"));
    let before = shop.rows();
    let first = wizard(&home, &shop);
    let restore = restoring(&first, &shop);
    first.kill();
    assert_eq!(shop.process("snapshot/restore.py"), restore);
    let second = wizard(&home, &shop);
    second.shows(&["›▶  9 Restore the snapshot", "Loading "]);
    let third = wizard(&home, &shop);
    third.shows(&["you are watching. t takes over.", "›▶  9 Restore the snapshot", "Loading "]);
    third.keys(&["t"]);
    third.shows(&["Take this upgrade over?"]);
    third.keys(&["y"]);
    second.shows(&["you are watching. t takes over."]);
    third.shows(&["Step 9 is running"]);
    kill_process(restore, Signal::CONT).unwrap();
    finish(&third, &shop, &before);
    second.shows(&["✔ 15 Sign in", "The site was upgraded from 1.0 to 2.0."]);
    third.keys(&["q"]);
    third.ends();
    second.keys(&["Escape"]);
    second.shows(&["Whoever drove this upgrade has left."]);
}
