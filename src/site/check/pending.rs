//! What `pull` would bring: asked of the package index, without changing anything.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::process::Command;

use crate::procedure::Finding;
use crate::site::find::Site;
use crate::site::process;
use crate::site::text::printable;

const SUBJECT: &str = "new versions";
/// The index may be far away, and the site waits for nobody.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many packages are asked for.
const MOST: usize = 6;

/// Asks which newer releases of Lino and its companions there are.
pub async fn new_versions(site: &Site, installed: &BTreeMap<String, String>) -> Finding {
    let mut names: Vec<(&String, &String)> =
        installed.iter().filter(|(name, _)| name.to_lowercase().starts_with("lino")).collect();
    names.sort_by_key(|(name, _)| name.len());
    names.truncate(MOST);
    let asked = names.into_iter().map(|(name, version)| async move { (name, version, newest(site, name).await) });
    let answers = futures_util::future::join_all(asked).await;
    let newer: Vec<String> = answers
        .iter()
        .filter_map(|(name, old, new)| new.as_ref().filter(|new| new != old).map(|new| format!("{name} {old} → {new}")))
        .collect();
    let unknown = answers.iter().filter(|(.., new)| new.is_none()).count();
    let text = printable(&newer.join(", "));
    match (newer.is_empty(), unknown) {
        (true, 0) => Finding::pass(SUBJECT, "No newer release of Lino and its packages is offered."),
        (true, _) => Finding::warn(
            SUBJECT,
            "The package index does not say which releases of Lino there are.",
            "Look whether the index of packages is reachable: pull needs it, too.",
        ),
        (false, _) => Finding::pass(SUBJECT, format!("Offered are: {text}.")),
    }
}

/// Asks pip for the newest release of a package; none when nothing answers in time.
async fn newest(site: &Site, name: &str) -> Option<String> {
    let mut command = Command::new(&site.python);
    command.args(["-B", "-m", "pip", "index", "versions", "--no-cache-dir", "--disable-pip-version-check"]);
    command.args(["--no-input", "--retries", "0", "--timeout", "10", name]);
    for (name, value) in &site.environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    let answer = process::run(command, &site.dir, PATIENCE).await.ok()?;
    answer.status.success().then(|| first_version(&String::from_utf8_lossy(&answer.stdout)))?
}

/// Reads the newest version from `lino (26.10.8)`.
fn first_version(text: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (_, rest) = line.split_once(" (")?;
        let version = rest.strip_suffix(')')?;
        version.starts_with(|c: char| c.is_ascii_digit()).then(|| version.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_is_read_from_what_pip_says() {
        let text = "lino (26.10.8)\nAvailable versions: 26.10.8, 26.10.7\n  INSTALLED: 25.1.6\n  LATEST:    26.10.8\n";
        assert_eq!(first_version(text), Some("26.10.8".into()));
        assert_eq!(first_version("ERROR: No matching distribution found for lino"), None);
    }
}
