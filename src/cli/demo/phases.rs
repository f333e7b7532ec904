//! The phases of the build, as the operator sees them.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use tokio::io::AsyncReadExt;
use tokio::process::Command;

use crate::cli::sieve::harmless_lines;
use crate::error::{Kind, Report};

/// Columns that every terminal has.
const NARROWEST: usize = 79;

/// Shows the phases of the build, and keeps all output in `build.log`.
pub struct Phases<'a> {
    dir: &'a Path,
    number: u32,
    total: u32,
    live: bool,
}

impl<'a> Phases<'a> {
    pub fn new(dir: &'a Path, total: u32) -> Self {
        Self { dir, number: 0, total, live: io::stderr().is_terminal() }
    }

    pub fn begin(&mut self, title: &str) {
        self.number += 1;
        let line = format!("  {}/{} {title} …", self.number, self.total);
        let end = if self.live { "" } else { "\n" };
        let _ = write!(io::stderr().lock(), "{line}{end}");
    }

    pub fn last(&mut self, title: &str) {
        self.number += 1;
        say(&format!("  {}/{} {title}", self.number, self.total));
    }

    pub async fn run(&mut self, title: &str, program: &str, args: &[&str]) -> Result<(), Report> {
        self.begin(title);
        let started = Instant::now();
        let log = self.dir.join("build.log");
        let result = self.output(title, program, args, &log).await;
        if self.live {
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
        }
        let status = result.map_err(|error| {
            Report::new(Kind::Environment, format!("{title}: {program} cannot be run: {error}.")).log(&log)
        })?;
        if status.success() {
            if self.live {
                let seconds = started.elapsed().as_secs();
                say(&format!("  {}/{} {title} ({seconds} s)", self.number, self.total));
            }
            return Ok(());
        }
        let tail = tail(&log);
        let mut report = Report::new(Kind::Environment, format!("{title} failed: {program} ended with {status}."))
            .unchanged("Nothing outside of this directory was touched.")
            .excerpt(&tail)
            .log(&log);
        let network = ["Temporary failure in name resolution", "Could not find a version", "NewConnectionError"];
        report = if network.iter().any(|text| tail.contains(text)) {
            report.next("Packages come from PyPI: check the network (and pip's proxy settings), then start again.")
        } else {
            report.next("Start again with --reset after the cause is removed.")
        };
        Err(report)
    }

    async fn output(
        &self,
        title: &str,
        program: &str,
        args: &[&str],
        log: &Path,
    ) -> io::Result<std::process::ExitStatus> {
        let mut file = fs::OpenOptions::new().create(true).append(true).open(log)?;
        writeln!(file, "$ {program} {}", args.join(" "))?;
        let mut child = Command::new(program)
            .args(args)
            .current_dir(self.dir)
            .env("PYTHONUNBUFFERED", "1")
            .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
            .env_remove("DJANGO_SETTINGS_MODULE")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file.try_clone()?)
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut output) = child.stdout.take() {
            let mut buffer = vec![0; 64 * 1024];
            loop {
                let count = tokio::select! {
                    count = output.read(&mut buffer) => count?,
                    // A server that was started keeps the pipe open: the command itself has ended.
                    status = child.wait() => return status,
                };
                if count == 0 {
                    break;
                }
                let bytes = buffer.get(..count).unwrap_or_default();
                file.write_all(bytes)?;
                if self.live {
                    self.show(title, bytes);
                }
            }
        }
        child.wait().await
    }

    fn show(&self, title: &str, bytes: &[u8]) {
        let text = crate::messages::line::plain(
            bytes.trim_ascii_end().rsplit(|byte| *byte == b'\n').next().unwrap_or_default(),
        );
        let head = format!("  {}/{} {title} … ", self.number, self.total);
        // A line that is wrapped could not be written over.
        let room = NARROWEST.saturating_sub(head.chars().count());
        let short: String = text.chars().filter(char::is_ascii).take(room).collect();
        let _ = write!(io::stderr().lock(), "\r\x1b[K{head}{short}");
    }
}

fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let lines: Vec<_> = text.rsplit(|byte| *byte == b'\n').take(8).map(crate::messages::line::plain).collect();
    lines.into_iter().rev().filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

pub fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", harmless_lines(text));
}
