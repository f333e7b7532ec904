//! What pip prints about packages it cannot have, and whether it worked at all.

use super::abandon::cut;
use super::reading::FailureCause;

/// Signs of pip's work.
#[derive(Debug, Default)]
pub(super) struct PipSigns {
    /// It fetched, kept or installed something.
    pub(super) worked: bool,
    /// It gave up asking a server.
    pub(super) unreached: bool,
    failure: Option<FailureCause>,
}

impl PipSigns {
    /// Reads one line. Returns true when it says what pip does now.
    pub(super) fn read(&mut self, line: &str) -> bool {
        let line = line.trim_start();
        let starts = |signs: &[&str]| signs.iter().any(|sign| line.starts_with(sign));
        let busy = starts(&[
            "Collecting ",
            "Downloading ",
            "Installing collected packages",
            "Building wheel",
            "Uninstalling ",
        ]);
        self.worked |= busy || starts(&["Requirement already satisfied", "Successfully installed", "Would install "]);
        self.unreached |= line.contains("Retrying (Retry(total=0,") && line.contains("after connection broken by");
        let text = line.strip_prefix("ERROR: ").unwrap_or(line);
        // The first complaint names the package; what follows repeats it or gives up.
        if self.failure.is_none() {
            self.failure = failure(text);
        }
        busy
    }

    /// What pip could not have, whatever the status.
    pub(super) fn failure(&self) -> Option<FailureCause> {
        self.failure.clone()
    }
}

fn failure(text: &str) -> Option<FailureCause> {
    if let Some(rest) = text.strip_prefix("Could not find a version that satisfies the requirement ") {
        let requirement = rest.split_once(" (from").map_or(rest, |(requirement, _)| requirement);
        return Some(FailureCause::NoSuchPackage { requirement: cut(requirement.trim(), 200) });
    }
    if let Some(requirement) = text.strip_prefix("No matching distribution found for ") {
        return Some(FailureCause::NoSuchPackage { requirement: cut(requirement.trim(), 200) });
    }
    let conflict = text.starts_with("Cannot install ") && text.contains("conflicting dependencies")
        || text.starts_with("ResolutionImpossible");
    conflict.then_some(FailureCause::PackageConflict)
}
