//! Writes the file of `lino-upgrade init`: every setting with what was found, all of it commented out.
//!
//! `# ` begins a remark, `#` alone a setting: removing the `#` of a setting changes nothing until it is edited.

use std::fmt::Write as _;
use std::path::Path;

use super::super::command::CommandLine;
use super::super::find::Site;
use super::super::services::Service;
use super::super::text;
use super::{Limits, Role, SnapshotConfig};
use crate::procedure::StepId;
use crate::site::facts::Facts;

/// Renders the file for a site. Facts may be missing: then Lino's own words are, too.
#[must_use]
pub fn render_commented(site: &Site, services: &[Service], facts: Option<&Facts>) -> String {
    let mut file = Out(String::new());
    file.remark(&format!("Settings of lino-upgrade for the site in {}.", site.shown.display()));
    file.remark("All of them are optional. The values below are what lino-upgrade found by itself: to change one,");
    file.remark("remove the # before it and before the [section] above it.");
    site_section(&mut file, site, facts);
    commands_section(&mut file, site);
    services_section(&mut file, services);
    steps_section(&mut file);
    let snapshot = &site.config.snapshot;
    let usual = SnapshotConfig::default();
    file.section("snapshot", "The snapshot.");
    file.remark("Rows per file. A smaller number helps when a restore ran out of memory.");
    file.setting("max_row_count", &snapshot.max_row_count.unwrap_or(50_000).to_string());
    file.remark("Its directory in the site.");
    file.text("directory", &path(if snapshot == &usual { &usual.directory } else { &snapshot.directory }));
    file.section("limits", "Limits.");
    file.remark("Minutes without a word from a command until lino-upgrade says that it may be stuck.");
    file.setting("stuck_after_minutes", &Limits::default().stuck_after_minutes.to_string());
    file.0
}

fn site_section(file: &mut Out, site: &Site, facts: Option<&Facts>) {
    file.section("site", "The site itself.");
    file.text("name", &site.name);
    let said = |text: Option<&String>| text.filter(|text| !text.is_empty()).cloned();
    let title = site.config.site.title.clone().or_else(|| said(facts.and_then(|facts| facts.site.title.as_ref())));
    let title = title.or_else(|| said(facts.and_then(|facts| facts.site.name.as_ref())));
    file.text("title", title.as_deref().unwrap_or(&site.name));
    file.remark("Where a browser finds the site; asked for a page at the end.");
    let url = site.config.site.url.clone().or_else(|| said(facts.and_then(|facts| facts.site.url.as_ref())));
    file.text("url", url.as_deref().unwrap_or("http://localhost/"));
    file.remark("The virtualenv or a link to it, and its Python.");
    file.text("env", &in_site(site, &site.env_dir));
    file.text("python", &in_site(site, &site.python));
    file.remark("Where journal, logs and copies are kept. They need room for the database and the virtualenv.");
    file.text("state_dir", &in_site(site, &site.state_dir));
}

fn commands_section(file: &mut Out, site: &Site) {
    file.section("commands", "Commands of steps: a line for the shell, or a list of program and arguments.");
    let dir = path(&site.config.snapshot.directory);
    let snapshot = site.snapshot_command();
    file.command("snapshot", &snapshot.unwrap_or_else(|| site.manage(["dump2py", &dir])));
    match site.pull_command() {
        Some(pull) => file.command("pull", &pull),
        None => file.remark("pull = [\"env/bin/pip\", \"install\", \"-U\", \"…\"]   (nothing was found)"),
    }
    file.command("install", &site.manage(["install"]));
    file.command("restore", &site.manage(["run", &format!("{dir}/restore.py")]));
    file.remark("Only on sites that use a search index.");
    file.command("buildindexes", &site.manage(["rebuild_index"]));
    file.command("collectstatic", &site.manage(["collectstatic"]));
    file.command("checkdata", &site.manage(["checkdata", "--fix"]));
}

fn services_section(file: &mut Out, services: &[Service]) {
    file.remark("");
    file.remark("Services. As soon as one is given here, none is looked for any more: name all of them.");
    file.remark("role = \"writer\": stopped before the snapshot, started at the end.");
    file.remark("role = \"proxy\": stays up, restarted at the end.");
    file.remark("Without commands it is a service of the system with that name.");
    if services.is_empty() {
        file.remark("None was found. For example:");
        file.bare_section("services.apache2");
        file.text("role", "writer");
    }
    for service in services {
        file.remark(&format!("Found in {}.", service.source));
        file.bare_section(&format!("services.{}", quoted(&service.name)));
        file.text("role", if service.role == Role::Writer { "writer" } else { "proxy" });
        file.command("status", &service.status);
        file.command("stop", &service.stop);
        file.command("start", &service.start);
        if let Some(restart) = &service.restart {
            file.command("restart", restart);
        }
    }
}

fn steps_section(file: &mut Out) {
    file.section("steps", "Steps: \"run\" in any case, \"skip\" in any case, or \"auto\" as the evidence says.");
    for step in StepId::ALL {
        file.text(step.id(), "auto");
    }
}

/// Returns a path, short when it lies in the site.
fn in_site(site: &Site, of: &Path) -> String {
    path(of.strip_prefix(&site.dir).unwrap_or(of))
}

fn path(of: &Path) -> String {
    of.to_string_lossy().into_owned()
}

/// Writes a TOML string on one line, as a commented one must be: JSON's escapes are TOML's, too. What would steer a
/// terminal is escaped as well.
fn quoted(text: &str) -> String {
    let mut written = String::new();
    for letter in serde_json::Value::from(text).to_string().chars() {
        if text::printable(letter.encode_utf8(&mut [0; 4])) == letter.to_string() {
            written.push(letter);
        } else {
            let _ = write!(written, "\\u{:04x}", u32::from(letter));
        }
    }
    written
}

struct Out(String);

impl Out {
    fn line(&mut self, line: &str) {
        self.0.push_str(line.trim_end());
        self.0.push('\n');
    }

    fn remark(&mut self, text: &str) {
        if text.is_empty() { self.line("") } else { self.line(&format!("# {}", text::one_line(text))) }
    }

    fn section(&mut self, name: &str, remark: &str) {
        self.line("");
        self.remark(remark);
        self.bare_section(name);
    }

    fn bare_section(&mut self, name: &str) {
        self.line(&format!("#[{name}]"));
    }

    fn setting(&mut self, key: &str, value: &str) {
        let _ = writeln!(self.0, "#{key} = {value}");
    }

    fn text(&mut self, key: &str, value: &str) {
        self.setting(key, &quoted(value));
    }

    fn command(&mut self, key: &str, command: &CommandLine) {
        if let Some(line) = command.shell_line() {
            self.text(key, line);
        } else {
            let words: Vec<String> = command.argv().iter().map(|word| quoted(word)).collect();
            self.setting(key, &format!("[{}]", words.join(", ")));
        }
    }
}
