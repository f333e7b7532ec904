//! The fifteen steps and those of an undo: their ids, order, titles and purposes. Not what they do to a machine: that is
//! `engine`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One of the fifteen steps of the procedure, in order, or one of those of an undo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "`title` and `purpose` document each step")]
pub enum StepId {
    Check,
    StopServices,
    Snapshot,
    VerifySnapshot,
    Protect,
    Pull,
    Install,
    Compare,
    Restore,
    Triage,
    #[serde(rename = "buildindexes")]
    BuildIndexes,
    #[serde(rename = "collectstatic")]
    CollectStatic,
    #[serde(rename = "checkdata")]
    CheckData,
    StartServices,
    SignIn,
    UndoStop,
    UndoKeep,
    UndoEnvironment,
    UndoDatabase,
    UndoStatic,
    UndoIndexes,
    UndoAccount,
    UndoStart,
    UndoConfirm,
}

impl StepId {
    /// All steps of an upgrade in the order in which they run.
    pub const ALL: [Self; 15] = [
        Self::Check,
        Self::StopServices,
        Self::Snapshot,
        Self::VerifySnapshot,
        Self::Protect,
        Self::Pull,
        Self::Install,
        Self::Compare,
        Self::Restore,
        Self::Triage,
        Self::BuildIndexes,
        Self::CollectStatic,
        Self::CheckData,
        Self::StartServices,
        Self::SignIn,
    ];

    /// All steps of an undo in the order in which they run.
    pub const UNDO: [Self; 9] = [
        Self::UndoStop,
        Self::UndoKeep,
        Self::UndoEnvironment,
        Self::UndoDatabase,
        Self::UndoStatic,
        Self::UndoIndexes,
        Self::UndoAccount,
        Self::UndoStart,
        Self::UndoConfirm,
    ];

    /// Tells whether it is a step of an undo.
    #[must_use]
    pub const fn is_undo(self) -> bool {
        self as u8 >= Self::UndoStop as u8
    }

    /// Tells whether it brings other packages into the site's environment.
    #[must_use]
    pub const fn changes_packages(self) -> bool {
        matches!(self, Self::Pull | Self::Install | Self::UndoEnvironment)
    }

    /// Returns the number that people see, from 1, among the steps of an upgrade or of an undo.
    #[must_use]
    pub const fn number(self) -> u8 {
        let first = if self.is_undo() { Self::UndoStop } else { Self::Check };
        self as u8 - first as u8 + 1
    }

    /// Returns the id as it stands in the journal, in JSON and in `lino-upgrade.toml`.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::StopServices => "stop-services",
            Self::Snapshot => "snapshot",
            Self::VerifySnapshot => "verify-snapshot",
            Self::Protect => "protect",
            Self::Pull => "pull",
            Self::Install => "install",
            Self::Compare => "compare",
            Self::Restore => "restore",
            Self::Triage => "triage",
            Self::BuildIndexes => "buildindexes",
            Self::CollectStatic => "collectstatic",
            Self::CheckData => "checkdata",
            Self::StartServices => "start-services",
            Self::SignIn => "sign-in",
            Self::UndoStop => "undo-stop",
            Self::UndoKeep => "undo-keep",
            Self::UndoEnvironment => "undo-environment",
            Self::UndoDatabase => "undo-database",
            Self::UndoStatic => "undo-static",
            Self::UndoIndexes => "undo-indexes",
            Self::UndoAccount => "undo-account",
            Self::UndoStart => "undo-start",
            Self::UndoConfirm => "undo-confirm",
        }
    }

    /// Returns a title of at most 22 characters.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Check => "Check the site",
            Self::StopServices | Self::UndoStop => "Stop services",
            Self::Snapshot => "Make a snapshot",
            Self::VerifySnapshot => "Verify the snapshot",
            Self::Protect => "Record the way back",
            Self::Pull => "Pull the new version",
            Self::Install => "Install requirements",
            Self::Compare => "Compare",
            Self::Restore => "Restore the snapshot",
            Self::Triage => "Triage",
            Self::BuildIndexes | Self::UndoIndexes => "Build indexes",
            Self::CollectStatic => "Collect static files",
            Self::CheckData => "Check data",
            Self::StartServices | Self::UndoStart => "Start services",
            Self::SignIn | Self::UndoConfirm => "Sign in",
            Self::UndoKeep => "Keep what was entered",
            Self::UndoEnvironment => "Bring packages back",
            Self::UndoDatabase => "Bring database back",
            Self::UndoStatic => "Static files back",
            Self::UndoAccount => "Account for every row",
        }
    }

    /// Returns one or two sentences for a person who is no developer.
    #[must_use]
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::Check => "Looks whether everything an upgrade needs is in place. It only reads.",
            Self::StopServices => {
                "Stops the programs that could write to the database while it is copied. From here on users cannot \
                 reach the site."
            }
            Self::Snapshot => {
                "Writes all data of the site into files (the snapshot). The new version will load them again."
            }
            Self::VerifySnapshot => {
                "Proves that the snapshot is complete: every file is readable and every row of the database is in it."
            }
            Self::Protect => {
                "Copies what is needed to bring the old version back: the database, the list of installed packages \
                 and the Python environment."
            }
            Self::Pull => "Downloads and installs the new version of Lino and of the application.",
            Self::Install => "Installs further Python packages that the new version asks for.",
            Self::Compare => {
                "Compares the old with the new database structure to find out whether the restore may be skipped."
            }
            Self::Restore => {
                "Drops all tables, creates them again as the new version wants them, and loads every row of the \
                 snapshot."
            }
            Self::Triage => "Shows the rows that the new version did not accept, so that none is lost unnoticed.",
            Self::BuildIndexes => "Builds the index of the full-text search again.",
            Self::CollectStatic => {
                "Copies images, style sheets and scripts of the new version to where the web server finds them."
            }
            Self::CheckData => "Lets Lino check all data and repair what it can repair by itself.",
            Self::StartServices => "Starts the web server and the other programs of the site again.",
            Self::SignIn | Self::UndoConfirm => {
                "Asks the site for a page, then asks you to sign in and to look whether all is well."
            }
            Self::UndoStop => {
                "Stops the programs that could write to the database while the old version is brought back. From here on \
                 users cannot reach the site."
            }
            Self::UndoKeep => {
                "Writes down what users have entered since the services were started with the new version, since the \
                 old database does not have it: the database as it is now, and the rows in files that can be read."
            }
            Self::UndoEnvironment => {
                "Brings the Python environment of the old version back, at its old place. That of the new version is put \
                 aside."
            }
            Self::UndoDatabase => {
                "Replaces the database by the copy that was made before the new version was pulled, and counts its rows."
            }
            Self::UndoStatic => "Brings the images, style sheets and scripts of the old version back.",
            Self::UndoIndexes => "Builds the index of the full-text search again, with the old version.",
            Self::UndoAccount => {
                "Lets the old version write out the database again, and looks for every row of the snapshot in it."
            }
            Self::UndoStart => "Starts the web server and the other programs of the site again, with the old version.",
        }
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl FromStr for StepId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().chain(Self::UNDO).find(|step| step.id() == text).ok_or_else(|| {
            let ids: Vec<&str> = Self::ALL.into_iter().map(Self::id).collect();
            format!("`{text}` is no step; the steps are {}", ids.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_has_the_id_of_its_json_form() {
        for step in StepId::ALL.into_iter().chain(StepId::UNDO) {
            assert_eq!(serde_json::to_value(step).ok(), Some(serde_json::Value::from(step.id())));
            assert_eq!(step.id().parse(), Ok(step));
        }
    }

    #[test]
    fn numbers_run_from_one() {
        let numbers: Vec<u8> = StepId::ALL.into_iter().chain(StepId::UNDO).map(StepId::number).collect();
        assert_eq!(numbers, (1..=15).chain(1..=9).collect::<Vec<u8>>());
    }

    #[test]
    fn titles_fit_the_step_list() {
        let titles = StepId::ALL.into_iter().chain(StepId::UNDO).map(StepId::title);
        let long: Vec<&str> = titles.filter(|title| title.chars().count() > 22).collect();
        assert_eq!(long, Vec::<&str>::new());
    }
}
