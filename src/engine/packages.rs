//! Which packages are installed in the site's environment, and what changed between two moments. Reads only.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::error::{Kind, Report};
use crate::procedure::PackageChange;
use crate::site::Site;

/// What pip has set aside and could not delete before it was killed begins with `~`: it is not installed. Of two of one
/// name the first is imported.
const SCRIPT: &str = "import importlib.metadata as m, json, os, sys\n\
     found = {}\n\
     for d in m.distributions():\n\
     \x20   aside = os.path.basename(str(getattr(d, '_path', ''))).startswith('~')\n\
     \x20   if d.metadata['Name'] and not aside: found.setdefault(d.metadata['Name'], d.version)\n\
     json.dump(found, sys.stdout)";

/// Lists what says of itself in the environment that it is installed, and is not whole: without its description, or
/// without a file that it should have.
const BROKEN: &str = "import importlib.metadata as m, json, os, sys\n\
     found = []\n\
     for d in m.distributions():\n\
     \x20   path = str(getattr(d, '_path', ''))\n\
     \x20   name = os.path.basename(path)\n\
     \x20   if not path.startswith(sys.prefix + os.sep) or not name.endswith('.dist-info') or name[0] == '~': continue\n\
     \x20   files = [f for f in d.files or [] if not str(f).endswith('.pyc')]\n\
     \x20   whole = d.metadata['Name'] and d.files is not None and all(os.path.exists(d.locate_file(f)) for f in files)\n\
     \x20   if not whole: found.append(path)\n\
     json.dump(found, sys.stdout)";

/// Returns the `.dist-info` directories of packages that were not installed to the end.
pub async fn broken(site: &Site) -> Result<Vec<PathBuf>, Report> {
    ask(site, BROKEN).await
}

/// Asks the site's python for the installed packages: name to version.
pub async fn installed(site: &Site) -> Result<BTreeMap<String, String>, Report> {
    ask(site, SCRIPT).await
}

async fn ask<T: DeserializeOwned>(site: &Site, script: &str) -> Result<T, Report> {
    let failed = |text: String| {
        Report::new(Kind::Failed, format!("The installed packages cannot be listed: {text}"))
            .unchanged("Nothing was changed by this.")
            .next("Look whether the site's python starts: env/bin/python --version")
    };
    let output = tokio::process::Command::new(&site.python)
        .args(["-I", "-c", script])
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

/// Returns the versions by names as pip compares them: case, `_`, `.` and `-` alike.
pub fn by_name(installed: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    installed.iter().map(|(name, version)| (name.to_lowercase().replace(['_', '.'], "-"), version.clone())).collect()
}

/// Returns what changed from `old` to `new`, by name.
#[must_use]
pub fn changes(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Vec<PackageChange> {
    let (old, new) = (by_name(old), by_name(new));
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
