//! What somebody changed by hand in checkouts: `pull` would refuse to go on, or mix with it.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

use crate::procedure::Finding;
use crate::site::editable;
use crate::site::find::Site;
use crate::site::process;
use crate::site::surroundings::Surroundings;
use crate::site::text::printable;

const SUBJECT: &str = "local changes";
const PATIENCE: Duration = Duration::from_secs(20);

/// Looks into the project directory and into the packages that are installed from checkouts.
pub async fn local_changes(site: &Site, around: &Surroundings) -> Vec<Finding> {
    let mut findings = Vec::new();
    let packages = editable(&site.env_dir).unwrap_or_else(|error| {
        // Without this directory there is no package.
        if error.kind() != io::ErrorKind::NotFound {
            let shown = site.env_dir.display();
            let text = format!("Nobody can tell which packages of {shown} are installed from checkouts: {error}.");
            let remedy = "Look which file below lib of the environment cannot be read (direct_url.json, *.egg-link).";
            findings.push(Finding::warn(SUBJECT, printable(&text), remedy));
        }
        Vec::new()
    });
    let places: BTreeSet<PathBuf> = std::iter::once(site.dir.clone())
        .chain(packages.into_iter().map(|package| package.dir))
        .filter(|place| place.ancestors().any(|dir| dir.join(".git").exists()))
        .collect();
    if places.is_empty() {
        if findings.is_empty() {
            findings.push(Finding::pass(SUBJECT, "Neither the site nor its packages are git checkouts."));
        }
        return findings;
    }
    let Some(git) = around.which("git") else {
        let text = format!("Git is not installed, though {} are checkouts.", named(&places));
        findings.push(Finding::warn(SUBJECT, text, "Install git, then check again."));
        return findings;
    };
    for place in &places {
        findings.extend(status(&git, place).await);
    }
    if findings.is_empty() {
        findings.push(Finding::pass(SUBJECT, format!("Nothing is uncommitted in {}.", named(&places))));
    }
    findings
}

fn named(places: &BTreeSet<PathBuf>) -> String {
    places.iter().map(|place| place.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// Asks git, which writes nothing here: not even its index. It runs nothing that the checkout's configuration names.
async fn status(git: &Path, place: &Path) -> Option<Finding> {
    let mut command = Command::new(git);
    command.args(["--no-optional-locks", "-c", "core.fsmonitor=false", "status", "--porcelain"]);
    command.args(["--untracked-files=no", "--ignore-submodules", "-z", "--", "."]);
    command.env("GIT_TERMINAL_PROMPT", "0").env("GIT_OPTIONAL_LOCKS", "0").env("LC_ALL", "C");
    let shown = place.display();
    let typed = crate::site::quote(&place.to_string_lossy());
    let unknown = |why: &str| {
        let text = printable(&format!("Git does not say whether something is uncommitted in {shown}: {why}."));
        Some(Finding::warn(SUBJECT, text, format!("Look yourself: git -C {typed} status")))
    };
    let answer = match process::run(command, place, PATIENCE).await {
        Ok(answer) if answer.status.success() => answer,
        Ok(answer) => {
            let said = String::from_utf8_lossy(&answer.stderr);
            return unknown(said.lines().next().unwrap_or("it failed").trim_end_matches('.'));
        }
        Err(error) => return unknown(&error.to_string()),
    };
    let files = changed(&String::from_utf8_lossy(&answer.stdout));
    if files.is_empty() {
        return None;
    }
    let shown_files: Vec<&str> = files.iter().take(5).map(String::as_str).collect();
    let more = match files.len().saturating_sub(shown_files.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let text = printable(&format!("{shown} has uncommitted changes: {}{more}.", shown_files.join(", ")));
    let remedy =
        format!("Commit them, or put them aside (git -C {typed} stash): pull could fail on them or lose them.");
    Some(Finding::warn(SUBJECT, text, remedy))
}

/// Reads the files from `git status --porcelain -z`. The former name of a renamed file follows it.
fn changed(text: &str) -> Vec<String> {
    let mut entries = text.split('\0').filter(|entry| !entry.is_empty());
    let mut found = Vec::new();
    while let Some(entry) = entries.next() {
        if entry.starts_with(['R', 'C']) {
            entries.next();
        }
        found.extend(entry.get(3..).map(ToOwned::to_owned));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_files_are_read_with_spaces_and_new_names() {
        assert_eq!(changed(" M a b.py\0R  new.py\0old.py\0D  gone.py\0"), ["a b.py", "new.py", "gone.py"]);
        assert_eq!(changed(""), Vec::<String>::new());
    }
}
