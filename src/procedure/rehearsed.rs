//! What the last rehearsal says about the restore, and when it no longer says it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Knowledge, PackageChange, StepId, changes};

/// Packages that are named where several differ.
const NAMED: usize = 3;
/// Packages that load no row.
const ASIDE: [&str; 1] = ["pip"];

/// The last rehearsal, as far as the plan is concerned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LastRehearsal {
    /// How long loading took.
    pub seconds: u32,
    /// How many rows its snapshot had.
    pub rows: u64,
    /// The new version of the application.
    pub version: String,
    /// The packages of the environment that loaded it; none when they are unknown.
    pub packages: Option<BTreeMap<String, String>>,
    /// Whether every row was loaded with the decisions that are in force now.
    pub clean: bool,
}

impl Knowledge {
    /// Says what the last rehearsal means for a step: a sentence or two, empty when nothing.
    #[must_use]
    pub fn rehearsed(&self, step: StepId) -> String {
        let clean = self.rehearsal.as_ref().filter(|rehearsal| step == StepId::Restore && rehearsal.clean);
        let Some(rehearsal) = clean else { return String::new() };
        let version = if rehearsal.version.is_empty() { "the new version" } else { &rehearsal.version };
        let decided = if self.decided == 0 { "" } else { " with these decisions" };
        let said = format!("In the last rehearsal, {version} took every row{decided}.");
        match self.differs(rehearsal) {
            None => said,
            Some(what) => format!("{said} But it is older than what is installed now: {what}."),
        }
    }

    /// Tells whether the last rehearsal has shown that the version in place takes every row: it was clean, and with the
    /// very packages that are installed now.
    #[must_use]
    pub fn is_rehearsed(&self) -> bool {
        let rehearsal = self.rehearsal.as_ref().filter(|rehearsal| rehearsal.clean && self.new_version.is_some());
        rehearsal.is_some_and(|rehearsal| self.differs(rehearsal).is_none())
    }

    /// Says what the rehearsal had otherwise. Before the new version is in its place nothing is known to differ.
    fn differs(&self, rehearsal: &LastRehearsal) -> Option<String> {
        let version = self.new_version.as_ref()?;
        if *version != rehearsal.version {
            return Some(format!("this is {version}"));
        }
        let (Some(then), Some(now)) = (&rehearsal.packages, &self.packages) else {
            return Some("it is unknown whether the packages are the same".into());
        };
        let mut differing = changes(then, now);
        differing.retain(|change| !ASIDE.contains(&change.name.as_str()));
        let named: Vec<String> = differing.iter().take(NAMED).map(other).collect();
        match differing.len().saturating_sub(NAMED) {
            0 if named.is_empty() => None,
            0 => Some(named.join(", ")),
            1 => Some(format!("{} and another package", named.join(", "))),
            more => Some(format!("{} and {more} other packages", named.join(", "))),
        }
    }

    /// Foretells from the last rehearsal how many seconds a step takes.
    #[must_use]
    pub fn forecast(&self, step: StepId) -> Option<u32> {
        if let Some(undoing) = &self.undoing {
            return undoing.forecast(step);
        }
        let rehearsal = self.rehearsal.as_ref().filter(|_| step == StepId::Restore)?;
        let rows: u64 = self.snapshot_rows.values().sum();
        let seconds = u64::from(rehearsal.seconds);
        let scaled = if rows == 0 || rehearsal.rows == 0 {
            seconds
        } else {
            seconds.saturating_mul(rows).div_ceil(rehearsal.rows)
        };
        u32::try_from(scaled).ok()
    }
}

/// Says in a few words how a package was rehearsed and how it is.
fn other(change: &PackageChange) -> String {
    let name = &change.name;
    match (&change.old, &change.new) {
        (Some(then), Some(now)) => format!("{name} was {then} and is {now}"),
        (Some(then), None) => format!("{name} was {then} and is gone"),
        (None, Some(now)) => format!("{name} was not there and is {now}"),
        (None, None) => name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packages(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned())).collect()
    }

    const THEN: [(&str, &str); 4] = [("Django", "5.2.1"), ("lino", "26.10.8 (1f2e)"), ("pip", "25.0"), ("six", "1")];

    /// After `pull`, with a clean rehearsal of these packages.
    fn rehearsed() -> Knowledge {
        let rehearsal = LastRehearsal {
            seconds: 10,
            rows: 100,
            version: "2.0".into(),
            packages: Some(packages(&THEN)),
            clean: true,
        };
        Knowledge {
            rehearsal: Some(rehearsal),
            new_version: Some("2.0".into()),
            packages: Some(packages(&THEN)),
            ..Knowledge::default()
        }
    }

    const SAID: &str = "In the last rehearsal, 2.0 took every row.";

    #[test]
    fn a_rehearsal_foretells_the_restore_by_its_rows() {
        let mut knowledge = rehearsed();
        assert_eq!((knowledge.forecast(StepId::Restore), knowledge.forecast(StepId::Pull)), (Some(10), None));
        knowledge.snapshot_rows.insert("a".into(), 151);
        assert_eq!(knowledge.forecast(StepId::Restore), Some(16));
    }

    #[test]
    fn a_clean_rehearsal_with_the_packages_of_now_answers() {
        let mut knowledge = rehearsed();
        assert_eq!((knowledge.is_rehearsed(), knowledge.rehearsed(StepId::Restore)), (true, SAID.into()));
        assert_eq!(knowledge.rehearsed(StepId::Compare), "");
        knowledge.decided = 2;
        assert_eq!(
            knowledge.rehearsed(StepId::Restore),
            "In the last rehearsal, 2.0 took every row with these decisions."
        );
        knowledge.packages =
            Some(packages(&[("django", "5.2.1"), ("lino", "26.10.8 (1f2e)"), ("pip", "26"), ("six", "1")]));
        assert!(knowledge.is_rehearsed(), "names are compared as pip does, and pip itself loads nothing");
        if let Some(rehearsal) = &mut knowledge.rehearsal {
            rehearsal.clean = false;
        }
        assert_eq!((knowledge.is_rehearsed(), knowledge.rehearsed(StepId::Restore)), (false, String::new()));
    }

    #[test]
    fn before_the_new_version_is_there_a_rehearsal_is_told_and_answers_nothing() {
        let knowledge = Knowledge { new_version: None, packages: None, ..rehearsed() };
        assert_eq!((knowledge.is_rehearsed(), knowledge.rehearsed(StepId::Restore)), (false, SAID.into()));
    }

    #[test]
    fn a_rehearsal_with_other_packages_is_called_older_and_answers_nothing() {
        let older = |now: &[(&str, &str)]| {
            let knowledge = Knowledge { packages: Some(packages(now)), ..rehearsed() };
            assert!(!knowledge.is_rehearsed());
            let said = knowledge.rehearsed(StepId::Restore);
            said.strip_prefix(&format!("{SAID} But it is older than what is installed now: ")).unwrap().to_owned()
        };
        let mut now = THEN;
        now[1].1 = "26.10.8 (3d4c)";
        assert_eq!(older(&now), "lino was 26.10.8 (1f2e) and is 26.10.8 (3d4c).");
        assert_eq!(
            older(&[("Django", "5.2.1"), ("lino", "27"), ("new", "1")]),
            "lino was 26.10.8 (1f2e) and is 27, new was not there and is 1, six was 1 and is gone."
        );
        assert_eq!(
            older(&[("a", "1"), ("b", "2")]),
            "a was not there and is 1, b was not there and is 2, django was 5.2.1 and is gone and 2 other packages."
        );
        let unknown = Knowledge { packages: None, ..rehearsed() };
        assert_eq!(
            (unknown.is_rehearsed(), unknown.rehearsed(StepId::Restore)),
            (
                false,
                format!(
                    "{SAID} But it is older than what is installed now: it is unknown whether the packages are the same."
                )
            )
        );
        let other = Knowledge { new_version: Some("2.1".into()), ..rehearsed() };
        assert_eq!(
            (other.is_rehearsed(), other.rehearsed(StepId::Restore)),
            (false, format!("{SAID} But it is older than what is installed now: this is 2.1."))
        );
    }
}
