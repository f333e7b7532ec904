//! Which packages are installed in the site's environment, and what changed between two moments. Reads only.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use crate::error::{Kind, Report};
use crate::procedure::PackageChange;
use crate::site::Site;

const SCRIPT: &str = "import importlib.metadata as m, json, sys; \
     json.dump({d.metadata['Name']: d.version for d in m.distributions() if d.metadata['Name']}, sys.stdout)";

/// Asks the site's python for the installed packages: name to version.
pub async fn installed(site: &Site) -> Result<BTreeMap<String, String>, Report> {
    let failed = |text: String| {
        Report::new(Kind::Failed, format!("The installed packages cannot be listed: {text}"))
            .unchanged("Nothing was changed by this.")
            .next("Look whether the site's python starts: env/bin/python --version")
    };
    let output = tokio::process::Command::new(&site.python)
        .args(["-B", "-I", "-c", SCRIPT])
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

/// Returns what changed from `old` to `new`, by name. Names are compared as pip does: case, `_`, `.` and `-` alike.
#[must_use]
pub fn changes(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Vec<PackageChange> {
    let normal = |map: &BTreeMap<String, String>| -> BTreeMap<String, String> {
        map.iter().map(|(name, version)| (name.to_lowercase().replace(['_', '.'], "-"), version.clone())).collect()
    };
    let (old, new) = (normal(old), normal(new));
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .filter(|name| old.get(*name) != new.get(*name))
        .map(|name| PackageChange { name: name.clone(), old: old.get(name).cloned(), new: new.get(name).cloned() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned())).collect()
    }

    #[test]
    fn changed_new_and_vanished_packages_are_listed() {
        let old = map(&[("lino", "25.1.6"), ("Django", "5.2"), ("lino_react", "25.1.5"), ("old", "1")]);
        let new = map(&[("lino", "26.10.8"), ("django", "5.2"), ("lino-react", "25.1.5"), ("new", "2")]);
        let change = |name: &str, old: Option<&str>, new: Option<&str>| PackageChange {
            name: name.into(),
            old: old.map(Into::into),
            new: new.map(Into::into),
        };
        assert_eq!(
            changes(&old, &new),
            vec![
                change("lino", Some("25.1.6"), Some("26.10.8")),
                change("new", None, Some("2")),
                change("old", Some("1"), None),
            ]
        );
    }
}
