//! What an operator may rely on after a failure, and what to do about it.

use super::reading::{CommandKind, DatabaseState, FailureCause, Judgement, Reading};

impl Reading {
    /// What the command left as it was, in a sentence.
    #[must_use]
    pub fn unchanged(&self) -> &'static str {
        if matches!(self.judgement, Judgement::Failed { cause: FailureCause::NotStarted, .. }) {
            return "Nothing was changed.";
        }
        match (self.kind, self.database) {
            (CommandKind::Restore, DatabaseState::Untouched) => "The database is as it was.",
            (CommandKind::Restore, DatabaseState::Filled) => "The database is filled.",
            (CommandKind::Restore, DatabaseState::HalfFilled) => {
                "The database was emptied and is not complete; the snapshot still has every row."
            }
            (CommandKind::Restore, DatabaseState::Unknown) => {
                "The output does not tell what the database holds now; the snapshot still has every row."
            }
            (CommandKind::Dump | CommandKind::SimulatedDump | CommandKind::Snapshot, _) => {
                "The database was only read."
            }
            (CommandKind::CheckData, _) => "What was repaired so far stays repaired; nothing else was changed.",
            (CommandKind::CollectStatic | CommandKind::BuildCache, _) => "The database was not touched.",
            (CommandKind::CollectStaticDryRun | CommandKind::InstallList | CommandKind::PipDryRun, _) => {
                "Nothing was changed."
            }
            (CommandKind::Install | CommandKind::Pull, _) => {
                "The database was not touched; some packages may have changed already."
            }
            (CommandKind::Other, _) => "The log of this step shows how far the command came.",
        }
    }
}

impl FailureCause {
    /// What the trouble is about, in a few words.
    #[must_use]
    pub fn subject(&self) -> &'static str {
        match self {
            Self::Abandoned | Self::RowsLost | Self::IndependentRow | Self::TooManyDeferred => "rows",
            Self::DatabaseLocked | Self::DatabaseUnreachable | Self::MissingDatabase | Self::DatabaseErrors => {
                "database"
            }
            Self::MissingTable | Self::MissingColumn => "database structure",
            Self::DatabasePermission | Self::FilePermission => "permissions",
            Self::UnknownCommand | Self::ProgramMissing { .. } | Self::NotStarted => "program",
            Self::ImportError { .. } | Self::NoSuchPackage { .. } | Self::PackageConflict => "packages",
            Self::ChangedApi | Self::SystemCheck | Self::SyntaxError => "code of the site",
            Self::MissingFile => "files",
            Self::RemovedModel | Self::UnexpectedField | Self::MigratorBroken => "data migration",
            Self::DumpExists | Self::IncompleteDump | Self::ArchiveFailed => "snapshot",
            Self::RedisMissing => "Redis",
            Self::DiskFull => "disk space",
            Self::OutOfMemory => "memory",
            Self::NoSyslog => "system log",
            Self::SudoNeedsTerminal => "sudo",
            Self::NetworkDown => "network",
            Self::Other => "command",
        }
    }

    /// What to do about it, in a sentence or two.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Abandoned => "Decide in the step Triage what is to become of these rows.",
            Self::RowsLost => {
                "Look in the log for the rows that were left out. If the migrator of the application made them, ask its \
                 developer; then restore again."
            }
            Self::DatabaseLocked => "Stop every program that uses the database, web server included, then retry.",
            Self::DatabaseUnreachable => {
                "Start the database server, or correct its address in the site's settings, then retry."
            }
            Self::DatabasePermission => {
                "Let the database administrator grant the site's database user what the message names (or correct the \
                 password in the settings), then retry."
            }
            Self::MissingDatabase => "Create the database, or correct its name in the site's settings, then retry.",
            Self::MissingTable | Self::MissingColumn => {
                "The code is newer than the database. Before the restore this means that the old code is not in place \
                 any more; after it, that the restore has to be run again."
            }
            Self::UnknownCommand => "Correct the command in lino-upgrade.toml; this site's version does not have it.",
            Self::ImportError { .. } => {
                "Install the package that has this module into the site's environment, or correct the site's code, \
                 then retry."
            }
            Self::ChangedApi => "Change settings.py as the message says, then retry.",
            Self::SystemCheck => "Correct what the log lists below ERRORS, then retry.",
            Self::SyntaxError => "Correct the file and line that the log names, then retry.",
            Self::MissingFile => {
                "Bring the file back, then retry. If it belongs to the snapshot, make the snapshot again."
            }
            Self::FilePermission => {
                "Give the user who runs the upgrade the right to use that file (its owner, group or mode), then retry."
            }
            Self::ProgramMissing { .. } | Self::NotStarted => {
                "Install the program, or correct the command in lino-upgrade.toml, then retry."
            }
            Self::IndependentRow => {
                "Correct that row in snapshot/restore.py or its row file, or let the developer write a migrator for \
                 it, then restore again."
            }
            Self::TooManyDeferred => {
                "The message names what these rows lack. Let the application developer look at it; correct \
                 snapshot/restore.py, then restore again."
            }
            Self::RemovedModel | Self::UnexpectedField => {
                "Ask the application developer for a migrator, or change the create function in snapshot/restore.py, \
                 then restore again."
            }
            Self::MigratorBroken => {
                "Show the log to the developer of the application; the migrator needs a correction."
            }
            Self::DumpExists => "Remove or rename the folder that the message names, then retry.",
            Self::DatabaseErrors => {
                "Find out why the database reported errors: the code may be newer than its tables. Then make the \
                 snapshot again, without --tolerate."
            }
            Self::IncompleteDump => {
                "Make the snapshot again, without --simulate (-s) and --tolerate (-t) in the script or command that \
                 makes it."
            }
            Self::ArchiveFailed => "Correct what the message names, then make the snapshot again.",
            Self::NoSuchPackage { .. } => {
                "Check the name and version of the package, and that the server it comes from can be reached, then \
                 retry."
            }
            Self::PackageConflict => {
                "The log tells which packages contradict each other. Change the versions that are asked for, then \
                 retry."
            }
            Self::RedisMissing => "Start the Redis server (for example: sudo service redis-server start), then retry.",
            Self::DiskFull => "Free some space on the disk that the message names, then retry.",
            Self::OutOfMemory => "Stop what eats memory (web servers of other sites, for example), then retry.",
            Self::NoSyslog => {
                "Start the system log, or remove the lines with `logger` from the script, or name another command in \
                 lino-upgrade.toml: [commands] pull = \"…\". Then retry."
            }
            Self::SudoNeedsTerminal => {
                "Let sudo run without a password for this command, or run the upgrade where it can ask, then retry."
            }
            Self::NetworkDown => "Check the connection to the network and the proxy settings, then retry.",
            Self::Other => "Read the end of the log of this step, correct what it names, then retry.",
        }
    }
}
