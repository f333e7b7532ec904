//! Which packages are installed in an environment. Reads only.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::error::{Kind, Report};
use crate::site::Site;

/// Tells them; those that come from a repository with its revision, because their version says little.
const SCRIPT: &str = include_str!("../../assets/python/packages.py");

/// Asks the site's python for the installed packages: name to version.
pub async fn installed(site: &Site) -> Result<BTreeMap<String, String>, Report> {
    installed_in(site, (&[], &site.python)).await
}

/// Asks the same of another python, behind the words of `within`.
pub async fn installed_in(
    site: &Site,
    (within, python): (&[String], &Path),
) -> Result<BTreeMap<String, String>, Report> {
    let failed = |text: String| {
        Report::new(Kind::Failed, format!("The installed packages cannot be listed: {text}"))
            .unchanged("Nothing was changed by this.")
            .next("Look whether the site's python starts: env/bin/python --version")
    };
    let python = python.to_string_lossy();
    let mut words = within.iter().map(String::as_str).chain([&*python, "-B", "-I", "-c", SCRIPT]);
    let output = tokio::process::Command::new(words.next().unwrap_or_default())
        .args(words)
        .current_dir(&site.dir)
        .env_remove("PYTHONHOME")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(Duration::from_mins(2), output)
        .await
        .map_err(|_| failed("no answer within two minutes.".into()))?
        .map_err(|error| failed(format!("{error}.")))?;
    if !output.status.success() {
        return Err(failed(format!("python ended with {}.", output.status)));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| failed(format!("{error}.")))
}
