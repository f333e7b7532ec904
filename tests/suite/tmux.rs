//! A real terminal: a private tmux server with one window of a fixed size, its keys and its screen.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a screen may take to show what is waited for: a machine of two cores upgrades several sites at once.
const LIMIT: Duration = Duration::from_mins(6);

/// A terminal in which a program runs.
pub struct Tmux {
    socket: PathBuf,
    user: Option<String>,
}

impl Tmux {
    /// Opens a terminal of so many columns and rows, in which `line` is run by a shell, as `user` if one is given.
    /// `dir` holds the server's socket and belongs to that user.
    pub fn open(dir: &Path, user: Option<&str>, (columns, rows): (u16, u16), line: &str) -> Self {
        let number = std::fs::read_dir(dir).unwrap().count();
        let tmux = Self { socket: dir.join(format!("tmux-{number}")), user: user.map(str::to_owned) };
        let size = [columns.to_string(), rows.to_string()];
        let status = tmux
            .command(&["-u", "-f", "/dev/null", "new-session", "-d", "-x", &size[0], "-y", &size[1], line])
            .env_remove("TMUX")
            .stdin(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "tmux: {status}");
        tmux
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = match &self.user {
            Some(user) => {
                let mut command = Command::new("runuser");
                command.args(["-u", user, "--", "tmux"]);
                command
            }
            None => Command::new("tmux"),
        };
        command.arg("-S").arg(&self.socket).args(words).env("LC_ALL", "C.UTF-8").env("SHELL", "/bin/sh");
        command.env_remove("NO_COLOR").current_dir("/");
        command
    }

    /// Returns what the screen shows.
    pub fn screen(&self) -> String {
        let output = self.command(&["capture-pane", "-p"]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Presses keys, named as tmux names them.
    pub fn keys(&self, keys: &[&str]) {
        let mut words = vec!["send-keys"];
        words.extend(keys);
        assert!(self.command(&words).status().unwrap().success());
    }

    /// Types text.
    pub fn text(&self, text: &str) {
        assert!(self.command(&["send-keys", "-l", text]).status().unwrap().success());
    }

    /// Waits until the screen shows all of the texts; returns it.
    pub fn shows(&self, texts: &[&str]) -> String {
        let limit = Instant::now() + LIMIT;
        loop {
            let screen = self.screen();
            if texts.iter().all(|text| screen.contains(text)) {
                return screen;
            }
            assert!(Instant::now() < limit, "{texts:?} never showed; the screen is\n{screen}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Returns the process of the window.
    pub fn pid(&self) -> i32 {
        let output = self.command(&["display-message", "-p", "#{pane_pid}"]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().parse().unwrap()
    }

    /// Waits until the program has ended, and the terminal with it.
    pub fn ends(&self) {
        let limit = Instant::now() + LIMIT;
        while self.command(&["has-session"]).stderr(Stdio::null()).status().unwrap().success() {
            assert!(Instant::now() < limit, "the program does not end; its screen is\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends the server and with it the terminal.
    pub fn kill(&self) {
        let _ = self.command(&["kill-server"]).stderr(Stdio::null()).status();
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        self.kill();
    }
}
