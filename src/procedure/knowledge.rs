//! What is known of a run so far: the facts on which skip rules, command lines and the way back rest.
//!
//! It is recorded in the journal after each step, so that a restarted wizard knows it again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{LastRehearsal, PackageChange, StepId, StepState, Undoing, with_copy};
use crate::triage::Accounted;

/// Command lines as the site's configuration or its files give them; shown and run as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lines {
    /// How to make a snapshot, for example `./make_snapshot.sh`.
    pub snapshot: String,
    /// How to pull the new version; none when nobody knows how.
    pub pull: Option<String>,
    /// How to restore.
    pub restore: String,
    /// How to do the same in less time where the database is SQLite: without decisions, and with the copy of the dump
    /// script that has them.
    #[serde(default)]
    pub swift: [Option<String>; 2],
    /// How to check data.
    pub checkdata: String,
    /// How to collect static files.
    pub collectstatic: String,
    /// How to build indexes, when the site uses any.
    pub buildindexes: Option<String>,
    /// How to install missing packages; `{missing}` stands for their names.
    pub install: String,
    /// How to write a simulated dump.
    #[serde(default)]
    pub simulate: String,
    /// How services are stopped, in order.
    pub stop: Vec<String>,
    /// How services are started, in order.
    pub start: Vec<String>,
}

/// The question under which the journal keeps that the operator acted against the verdict.
pub const OVERRULED: &str = "compare.overruled";

/// What the comparison says about the restore.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// The restore may be skipped; the text says on what proof.
    Skip {
        /// The proof, one sentence.
        because: String,
    },
    /// The restore must run; the text says why.
    Restore {
        /// The reason, one sentence.
        because: String,
    },
}

/// The dump scripts of two versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DumpScripts {
    /// Of the verified snapshot, written by the old version.
    pub snapshot: String,
    /// Of the simulated dump, written by the new version. Must never be restored.
    pub simulated: String,
}

/// The native copy and the environment copy that `protect` made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protection {
    /// The copy of the database.
    pub database_copy: Option<String>,
    /// The command line that brings the copy back.
    pub database_back: Option<String>,
    /// The database user whose password that command line asks for.
    pub database_asks: Option<String>,
    /// The copy of the virtualenv.
    pub environment_copy: Option<String>,
    /// The command line that brings the environment back.
    pub environment_back: Option<String>,
    /// Where the environment is, without links.
    #[serde(default)]
    pub environment: Option<String>,
    /// The copy of the static files; none when they are in the environment, or not there yet.
    #[serde(default)]
    pub static_copy: Option<String>,
    /// Where the static files are.
    #[serde(default)]
    pub static_root: Option<String>,
}

/// What is known of a run so far. Everything is optional: unknown never means "not needed".
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Knowledge {
    /// The command lines of this site.
    pub lines: Lines,
    /// `sqlite`, `postgresql` or `mysql`.
    pub engine: String,
    /// Where the site says that browsers find it; none when it does not say.
    pub url: Option<String>,
    /// Version of the application before and now.
    pub old_version: Option<String>,
    /// Version after `pull`, when it was asked.
    pub new_version: Option<String>,
    /// What `pull` changed; none before it ran.
    pub packages_changed: Option<Vec<PackageChange>>,
    /// All packages of the new version, when they were asked after `pull`.
    pub packages: Option<BTreeMap<String, String>>,
    /// Packages that the code in place requires and that are not installed; none when unknown.
    pub missing_requirements: Option<Vec<String>>,
    /// What is compared; none when the new version wrote no simulated dump.
    pub dump_scripts: Option<DumpScripts>,
    /// The result of comparing.
    pub verdict: Option<Verdict>,
    /// Whether this Lino has an index command and the site uses it; none when unknown.
    pub uses_index: Option<bool>,
    /// Whether this site has `checkdata`; none when unknown.
    pub uses_checkdata: Option<bool>,
    /// Files that a dry run of `collectstatic` would copy; none when unknown.
    pub static_to_copy: Option<u64>,
    /// Rows per table in the verified snapshot.
    pub snapshot_rows: BTreeMap<String, u64>,
    /// Length and modification time (seconds since 1970) of the verified snapshot's script.
    pub snapshot_stamp: Option<(u64, i64)>,
    /// Rows that the restore did not save; none before it ran.
    pub unsaved: Option<u64>,
    /// The groups of unsaved rows as Lino printed them.
    pub abandoned: Vec<String>,
    /// Rows per source file for the next snapshot, when a restore died for lack of memory.
    pub max_row_count: Option<u32>,
    /// Whether a restore has begun to change the database since the snapshot was verified.
    pub database_changed: bool,
    /// When the services were stopped, seconds since 1970; none while they run.
    pub down_since: Option<i64>,
    /// The copies for the way back.
    pub protection: Protection,
    /// The last rehearsal; none when there was none, or nothing is known of it.
    pub rehearsal: Option<LastRehearsal>,
    /// How many decisions for refused rows are in force.
    pub decided: u64,
    /// Whether somebody has changed the copy of the dump script by hand.
    pub decided_by_hand: bool,
    /// Where the rows of the snapshot went; none before the restore, and when no second dump could be made.
    pub account: Option<Accounted>,
    /// Whether the operator wants the services started although rows are missing without a decision.
    pub start_anyway: bool,
    /// Steps that the configuration leaves out or insists on.
    pub configured: BTreeMap<StepId, Configured>,
    /// What this run undoes; none when it is an upgrade.
    pub undoing: Option<Undoing>,
}

/// What `[steps]` in `lino-upgrade.toml` says about a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Configured {
    /// Run it even when a skip rule would leave it out.
    Run,
    /// Leave it out.
    Skip,
}

impl Knowledge {
    /// Tells why `step` is not needed, or none when it has to run.
    ///
    /// `states` are the states of the steps before it.
    #[must_use]
    pub fn skip(&self, step: StepId, states: &dyn Fn(StepId) -> StepState) -> Option<String> {
        if step.is_undo() {
            return self.skip_undo(step);
        }
        match self.configured.get(&step) {
            Some(Configured::Run) => return None,
            Some(Configured::Skip) => return Some("left out by lino-upgrade.toml".into()),
            None => {}
        }
        let restored = matches!(states(StepId::Restore), StepState::Done { .. });
        let unchanged = self.packages_changed.as_ref().is_some_and(Vec::is_empty);
        match step {
            StepId::Install => match &self.missing_requirements {
                Some(missing) if missing.is_empty() => Some("no required package is missing".into()),
                _ => None,
            },
            StepId::Compare if unchanged => Some("no package changed".into()),
            StepId::Restore => match &self.verdict {
                Some(Verdict::Skip { because }) => Some(because.clone()),
                None if unchanged => Some("no package changed".into()),
                Some(Verdict::Restore { .. }) | None => None,
            },
            StepId::Triage if self.lost() > 0 => None,
            StepId::Triage => match self.unsaved {
                Some(0) if self.account.as_ref().is_some_and(|account| account.explained > 0) => {
                    Some("every row was saved, or left out by a decision".into())
                }
                Some(0) => Some("every row was saved".into()),
                Some(_) => None,
                None if restored => None,
                None => Some("nothing was restored".into()),
            },
            StepId::BuildIndexes => match self.uses_index {
                Some(false) => Some("this site uses no index".into()),
                _ if unchanged && !restored => Some("no package changed".into()),
                _ if !restored && matches!(self.verdict, Some(Verdict::Skip { .. })) => {
                    Some("the database is as before".into())
                }
                _ => None,
            },
            StepId::CollectStatic => match self.static_to_copy {
                Some(0) => Some("a dry run would copy nothing".into()),
                _ => None,
            },
            StepId::CheckData if self.uses_checkdata == Some(false) => Some("this site has no data checkers".into()),
            _ => None,
        }
    }

    /// Returns the exact command lines of `step`, or what is done instead of a command.
    #[must_use]
    pub fn commands(&self, step: StepId) -> Vec<String> {
        let lines = &self.lines;
        match step {
            StepId::Check => vec!["(reads the site, the database and the disk)".into()],
            StepId::StopServices if lines.stop.is_empty() => vec!["(no service is known)".into()],
            StepId::StopServices => lines.stop.clone(),
            StepId::Snapshot => vec![lines.snapshot.clone()],
            StepId::VerifySnapshot => vec!["(reads the snapshot and counts the rows of the database)".into()],
            StepId::Protect => {
                let copy = match self.engine.as_str() {
                    "postgresql" => "pg_dump",
                    "mysql" => "mariadb-dump",
                    _ => "(copies the database file)",
                };
                vec![copy.into(), "cp -a --reflink=auto env (copy)".into()]
            }
            StepId::Pull => vec![lines.pull.clone().unwrap_or_else(|| "(no pull.sh was found)".into())],
            StepId::Install => {
                let missing = self.missing_requirements.as_ref().map_or_else(String::new, |names| names.join(" "));
                vec![lines.install.replace("{missing}", &missing).trim_end().to_owned()]
            }
            StepId::Compare => vec![lines.simulate.clone()],
            StepId::Restore => vec![self.restore_line().unwrap_or_else(|| lines.restore.clone())],
            StepId::Triage => vec!["(shows the rows that were not saved)".into()],
            StepId::BuildIndexes => {
                vec![lines.buildindexes.clone().unwrap_or_else(|| "(no index command is known)".into())]
            }
            StepId::CollectStatic => vec![lines.collectstatic.clone()],
            StepId::CheckData => vec![lines.checkdata.clone()],
            StepId::StartServices if lines.start.is_empty() => vec!["(no service is known)".into()],
            StepId::StartServices => lines.start.clone(),
            StepId::SignIn => vec!["(asks the site for a page)".into()],
            _ => self.undo_commands(step),
        }
    }

    /// Returns the line that restores: with the copy of the dump script when something is decided. None when it should
    /// be and the line does not name the script.
    #[must_use]
    pub fn restore_line(&self) -> Option<String> {
        let [plain, copy] = &self.lines.swift;
        let swift = |line: &Option<String>| line.clone().filter(|_| self.engine == "sqlite");
        if self.decided == 0 && !self.decided_by_hand {
            return swift(plain).or_else(|| Some(self.lines.restore.clone()));
        }
        swift(copy).or_else(|| with_copy(&self.lines.restore))
    }

    /// Counts the rows of the snapshot that are missing without a decision.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.account.as_ref().map_or(0, |account| account.missing)
    }

    /// Returns what brings the old site back if the operator stops now, a sentence a line: first the undo, which takes
    /// about so many seconds, then what can be typed instead. Of an undo, that it is to go on.
    #[must_use]
    pub fn way_back(&self, seconds: Option<u32>) -> String {
        if self.undoing.is_some() {
            return "Only a part is back. Go on with the undo, in the wizard or by a command: lino-upgrade undo".into();
        }
        let mut parts = Vec::new();
        if self.database_changed {
            if self.down_since.is_none() {
                parts.push(services("Stop the services", &self.lines.stop));
            }
            parts.push(match (&self.protection.database_back, &self.protection.database_asks) {
                (Some(line), Some(user)) => {
                    format!("Bring the database back (this asks for the database password of {user}): {line}")
                }
                (Some(line), None) => format!("Bring the database back: {line}"),
                (None, _) => "Bring the database back from your own copy: no copy was made.".into(),
            });
        }
        if self.packages_changed.as_ref().is_none_or(|changed| !changed.is_empty())
            && (self.packages_changed.is_some() || self.pull_may_have_begun())
        {
            parts.push(match &self.protection.environment_back {
                Some(line) => format!("Bring the old packages back: {line}"),
                None => "Install the old packages again: no copy of the environment was made.".into(),
            });
        }
        if self.down_since.is_some() || self.database_changed {
            parts.push(services("Start the services again", &self.lines.start));
        }
        if parts.is_empty() {
            return "Nothing was changed: just leave.".into();
        }
        let takes = match seconds {
            None => String::new(),
            Some(0..60) => ", in less than a minute".into(),
            Some(seconds) => format!(", in about {} minutes", seconds.div_ceil(60).max(2)),
        };
        parts.insert(0, format!("All of this is done by u in the wizard, or by one command{takes}: lino-upgrade undo"));
        parts.join("\n")
    }

    /// Returns what a finished run did, as one sentence.
    #[must_use]
    pub fn summary(&self) -> String {
        let lino = self.packages_changed.iter().flatten().find(|change| change.name == "lino");
        let lino = lino.and_then(|change| Some((change.old.as_ref()?, change.new.as_ref()?)));
        match (&self.old_version, &self.new_version, lino) {
            (Some(old), Some(new), _) if old != new => format!("The site was upgraded from {old} to {new}."),
            (Some(version), _, Some((old, new))) => {
                format!("Lino was upgraded from {old} to {new}; the application is {version}, as before.")
            }
            (Some(version), _, None) => format!("The site runs; its version is {version}, as before."),
            (None, ..) => "The site runs.".to_owned(),
        }
    }

    fn pull_may_have_begun(&self) -> bool {
        self.protection.environment_back.is_some()
    }
}

/// Returns `wish` with its command lines, or alone when none is known.
fn services(wish: &str, lines: &[String]) -> String {
    if lines.is_empty() { format!("{wish}.") } else { format!("{wish}: {}", lines.join(" && ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(_: StepId) -> StepState {
        StepState::Pending
    }

    fn restored(step: StepId) -> StepState {
        if step == StepId::Restore { StepState::Done { summary: String::new() } } else { StepState::Pending }
    }

    fn skipped(knowledge: &Knowledge, states: &dyn Fn(StepId) -> StepState) -> Vec<(&'static str, String)> {
        StepId::ALL
            .into_iter()
            .filter_map(|step| knowledge.skip(step, states).map(|because| (step.id(), because)))
            .collect()
    }

    #[test]
    fn what_is_unknown_is_never_a_reason_to_skip_the_restore() {
        let skipped = skipped(&Knowledge::default(), &pending);
        assert_eq!(skipped, vec![("triage", "nothing was restored".to_owned())]);
    }

    #[test]
    fn nothing_pulled_leaves_out_compare_restore_and_indexes() {
        let knowledge = Knowledge {
            packages_changed: Some(Vec::new()),
            missing_requirements: Some(Vec::new()),
            static_to_copy: Some(0),
            uses_checkdata: Some(true),
            ..Knowledge::default()
        };
        let ids: Vec<&str> = skipped(&knowledge, &pending).into_iter().map(|(id, _)| id).collect();
        assert_eq!(ids, ["install", "compare", "restore", "triage", "buildindexes", "collectstatic"]);
    }

    #[test]
    fn a_restore_verdict_wins_over_unchanged_packages() {
        let knowledge = Knowledge {
            packages_changed: Some(Vec::new()),
            verdict: Some(Verdict::Restore { because: "nothing was proved".into() }),
            ..Knowledge::default()
        };
        assert_eq!(knowledge.skip(StepId::Restore, &pending), None);
    }

    #[test]
    fn triage_is_left_out_only_when_every_row_was_saved() {
        let mut knowledge = Knowledge { unsaved: Some(0), ..Knowledge::default() };
        assert_eq!(knowledge.skip(StepId::Triage, &restored), Some("every row was saved".into()));
        knowledge.unsaved = Some(3);
        assert_eq!(knowledge.skip(StepId::Triage, &restored), None);
        knowledge.unsaved = None;
        assert_eq!(knowledge.skip(StepId::Triage, &restored), None);
    }

    #[test]
    fn rows_that_are_lost_without_a_word_are_for_triage() {
        let mut knowledge = Knowledge { unsaved: Some(0), ..Knowledge::default() };
        knowledge.account = Some(Accounted { missing: 1, ..Accounted::default() });
        assert_eq!(knowledge.skip(StepId::Triage, &restored), None);
        knowledge.account = Some(Accounted { explained: 1, ..Accounted::default() });
        let because = "every row was saved, or left out by a decision";
        assert_eq!(knowledge.skip(StepId::Triage, &restored), Some(because.into()));
    }

    #[test]
    fn decisions_change_the_line_of_the_restore() {
        let mut knowledge = Knowledge::default();
        knowledge.lines.restore = "python manage.py run snapshot/restore.py".into();
        assert_eq!(knowledge.commands(StepId::Restore), ["python manage.py run snapshot/restore.py"]);
        knowledge.decided = 1;
        assert_eq!(knowledge.commands(StepId::Restore), ["python manage.py run snapshot/restore_decided.py"]);
        knowledge.lines.swift = [Some("swift".into()), Some("swift with decisions".into())];
        assert_eq!(knowledge.commands(StepId::Restore), ["python manage.py run snapshot/restore_decided.py"]);
        knowledge.engine = "sqlite".into();
        assert_eq!(knowledge.commands(StepId::Restore), ["swift with decisions"]);
        knowledge.decided = 0;
        assert_eq!(knowledge.commands(StepId::Restore), ["swift"]);
        knowledge.decided = 1;
        knowledge.lines.swift = [None, None];
        knowledge.lines.restore = "./restore.sh".into();
        assert_eq!(knowledge.restore_line(), None);
    }

    #[test]
    fn the_configuration_wins_over_every_rule() {
        let mut knowledge = Knowledge { static_to_copy: Some(0), ..Knowledge::default() };
        knowledge.configured.insert(StepId::CollectStatic, Configured::Run);
        knowledge.configured.insert(StepId::CheckData, Configured::Skip);
        assert_eq!(knowledge.skip(StepId::CollectStatic, &pending), None);
        assert_eq!(knowledge.skip(StepId::CheckData, &pending), Some("left out by lino-upgrade.toml".into()));
    }

    #[test]
    fn the_summary_names_lino_when_the_application_kept_its_version() {
        let mut knowledge = Knowledge { old_version: Some("25.1.0".into()), ..Knowledge::default() };
        assert_eq!(knowledge.summary(), "The site runs; its version is 25.1.0, as before.");
        knowledge.new_version = Some("25.1.0".into());
        let lino = PackageChange { name: "lino".into(), old: Some("25.1.6".into()), new: Some("25.2.1".into()) };
        knowledge.packages_changed = Some(vec![lino]);
        let both = "Lino was upgraded from 25.1.6 to 25.2.1; the application is 25.1.0, as before.";
        assert_eq!(knowledge.summary(), both);
        knowledge.new_version = Some("25.3.0".into());
        assert_eq!(knowledge.summary(), "The site was upgraded from 25.1.0 to 25.3.0.");
    }

    #[test]
    fn the_way_back_grows_with_what_was_changed() {
        let mut knowledge = Knowledge::default();
        assert_eq!(knowledge.way_back(None), "Nothing was changed: just leave.");
        knowledge.lines.start = vec!["service supervisor start".into(), "service nginx restart".into()];
        knowledge.down_since = Some(1);
        assert_eq!(
            knowledge.way_back(None),
            "All of this is done by u in the wizard, or by one command: lino-upgrade undo\n\
             Start the services again: service supervisor start && service nginx restart"
        );
        knowledge.packages_changed =
            Some(vec![PackageChange { name: "lino".into(), old: Some("25".into()), new: Some("26".into()) }]);
        knowledge.protection.environment_back = Some("mv ENV env".into());
        knowledge.database_changed = true;
        knowledge.protection.database_back = Some("cp COPY default.db".into());
        assert_eq!(
            knowledge.way_back(Some(59)),
            "All of this is done by u in the wizard, or by one command, in less than a minute: lino-upgrade undo\n\
             Bring the database back: cp COPY default.db\nBring the old packages back: mv ENV env\n\
             Start the services again: service supervisor start && service nginx restart"
        );
        knowledge.lines.stop = vec!["service supervisor stop".into()];
        knowledge.down_since = None;
        knowledge.protection.database_asks = Some("lino".into());
        assert_eq!(
            knowledge.way_back(Some(61)),
            "All of this is done by u in the wizard, or by one command, in about 2 minutes: lino-upgrade undo\n\
             Stop the services: service supervisor stop\n\
             Bring the database back (this asks for the database password of lino): cp COPY default.db\n\
             Bring the old packages back: mv ENV env\n\
             Start the services again: service supervisor start && service nginx restart"
        );
    }
}
