//! Packages of an environment, and what differs between two lists of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A package whose version changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageChange {
    /// Its name.
    pub name: String,
    /// Version before; none when it is new.
    pub old: Option<String>,
    /// Version after; none when it is gone.
    pub new: Option<String>,
}

/// Returns the versions by names as pip compares them: case, `_`, `.` and `-` alike.
#[must_use]
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
