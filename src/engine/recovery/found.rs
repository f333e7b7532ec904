//! What was found when a run was taken up, what follows from it, and how it is said.

use std::collections::BTreeSet;

use super::super::Ask;
use super::super::steps::load;
use super::RESUME;
use crate::procedure::{Knowledge, StepId};

/// What the database holds of the rows that it should.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Tables that should have rows,
    pub tables: usize,
    /// that have all of them,
    pub full: usize,
    /// that have none.
    pub empty: usize,
    /// Rows that are there,
    pub rows: u64,
    /// of so many.
    pub of_rows: u64,
    /// Whether a table has more rows than it should.
    pub more: bool,
}

impl Held {
    fn is_whole(&self) -> bool {
        self.full == self.tables
    }

    fn said(&self) -> String {
        if self.tables == 0 {
            return "It is not known how many rows the database should hold.".into();
        }
        if self.is_whole() {
            return format!("The database holds as many rows as the snapshot in all {} tables.", self.tables);
        }
        if self.empty == self.tables {
            return format!("The database is empty: it holds none of {} rows.", self.of_rows);
        }
        format!(
            "The database holds {} of {} tables whole, and {} of {} rows.",
            self.full, self.tables, self.rows, self.of_rows
        )
    }
}

/// What was found: a reason for all that is not as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Services that run although they were stopped.
    pub running: Vec<String>,
    /// Services that do not run although they were started.
    pub stopped: Vec<String>,
    /// What is wrong with the verified snapshot.
    pub snapshot: Option<String>,
    /// The file of the snapshot that was changed since.
    pub edited: Option<String>,
    /// What is wrong with the copies for the way back.
    pub copies: Option<String>,
    /// Which package is not the one that was pulled.
    pub packages: Option<String>,
    /// Why the code does not start.
    pub python: Option<String>,
    /// The simulated dump that is not there any more.
    pub simulated: Option<String>,
    /// What the database holds, where that was looked at.
    pub database: Option<Held>,
    /// Why it could not be looked at.
    pub unread: Option<String>,
}

/// Steps that are settled, and the snapshot as soon as one was begun.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing(pub BTreeSet<StepId>);

impl Standing {
    fn has(&self, step: StepId) -> bool {
        self.0.contains(&step)
    }
}

/// What follows from what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conclusion {
    /// Steps whose result is not true any more, with a sentence each, in order.
    pub untrue: Vec<(StepId, String)>,
    /// What else the operator should know.
    pub notes: Vec<String>,
    /// Why going on is not recommended.
    pub grave: Option<String>,
}

/// Draws the conclusions.
pub fn conclude(found: &Found, known: &Knowledge, standing: &Standing) -> Conclusion {
    let mut end = Conclusion::default();
    let mut untrue = |steps: &[StepId], why: &str| {
        for step in steps {
            if !end.untrue.iter().any(|(known, _)| known == step) {
                end.untrue.push((*step, why.to_owned()));
            }
        }
    };
    let pulled = standing.has(StepId::Pull) || known.packages_changed.is_some();
    let snapshot = [StepId::Snapshot, StepId::VerifySnapshot, StepId::Protect];
    if !found.running.is_empty() {
        let why = format!("{} runs again, and had been stopped", found.running.join(", "));
        untrue(&[StepId::StopServices], &why);
        if !pulled && !known.database_changed && standing.has(StepId::Snapshot) {
            untrue(&snapshot, &format!("{why}: somebody may have entered rows since"));
        }
    }
    if let Some(why) = found.snapshot.as_ref().filter(|_| !pulled && !known.database_changed) {
        untrue(&snapshot, &format!("the snapshot has changed since it was verified: {why}"));
    }
    if let Some(why) = found.copies.as_ref().filter(|_| !pulled && !known.database_changed) {
        untrue(&[StepId::Protect], why);
    }
    let code = found.packages.clone();
    // Before the requirements are installed, code that does not start is nothing new.
    let code =
        code.or_else(|| found.python.clone().filter(|_| standing.has(StepId::Pull) && standing.has(StepId::Install)));
    if let Some(why) = &code {
        untrue(&[StepId::Pull], why);
        if standing.has(StepId::Install) {
            untrue(&[StepId::Install], why);
        }
        if standing.has(StepId::Compare) && !standing.has(StepId::Restore) {
            untrue(&[StepId::Compare], why);
        }
    }
    if let Some(path) = &found.simulated {
        untrue(&[StepId::Compare], &format!("the simulated dump {path} is not there any more"));
    }
    let held = found.database.as_ref().filter(|_| standing.has(StepId::Restore));
    if let Some(held) = held.filter(|held| !held.is_whole()) {
        untrue(&[StepId::Restore, StepId::Triage, StepId::CheckData], held.said().trim_end_matches('.'));
    }
    if !found.stopped.is_empty() {
        untrue(&[StepId::StartServices], &format!("{} was started, and does not run", found.stopped.join(", ")));
    }
    end.untrue.sort_by_key(|(step, _)| *step);
    let restoring = pulled && !standing.has(StepId::Restore);
    if let Some(why) = found.snapshot.as_ref().filter(|_| restoring) {
        end.grave = Some(format!(
            "The snapshot is not the one that was verified ({why}), and the new version cannot make it again."
        ));
    } else if let Some(why) = found.snapshot.as_ref().filter(|_| standing.has(StepId::Restore)) {
        end.notes.push(format!("The snapshot has changed since it was restored: {why}."));
    }
    if let Some(name) = found.edited.as_ref().filter(|_| !standing.has(StepId::Restore)) {
        end.notes.push(format!("{name} of the snapshot was changed since it was verified; look at it before it is restored, unless it was you."));
    }
    if let Some(why) = found.copies.as_ref().filter(|_| pulled || known.database_changed) {
        end.notes.push(format!("The way back is not whole any more: {why}."));
    }
    if !found.running.is_empty() && restoring && !known.database_changed {
        let changed = found.database.as_ref().is_none_or(|held| held.more || !held.is_whole());
        if changed && end.grave.is_none() {
            end.grave = Some(
                "The site ran again after its snapshot was made, and its rows are others than those of the snapshot. \
                 A restore would lose what was entered."
                    .into(),
            );
        }
    }
    if let Some(why) = &found.unread {
        end.notes.push(format!("The database could not be looked at: {}.", why.trim_end_matches('.')));
    }
    end
}

/// The step that was lost with its command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostStep {
    pub step: StepId,
    /// The command that was lost, and those before it that had ended.
    pub command: String,
    pub kept: Vec<String>,
    /// Whether the machine was started again since.
    pub by_reboot: bool,
    /// Seconds that the step will probably take.
    pub forecast: Option<u32>,
}

/// Asks how to go on; none when nothing was left in the middle.
pub fn question(lost: Option<&LostStep>, found: &Found, conclusion: &Conclusion) -> Option<Ask> {
    let step = lost.map(|lost| lost.step).or_else(|| conclusion.untrue.first().map(|(step, _)| *step))?;
    let mut said: Vec<String> = Vec::new();
    let mut choices = Vec::new();
    let mut recommended;
    if let Some(lost) = lost {
        let how = if lost.by_reboot { "by a restart of the machine" } else { "when its runner was killed" };
        said.push(format!("{} was interrupted {how}; nobody knows how far it came.", lost.step.title()));
        if lost.step == StepId::Restore && lost.command.starts_with(load::RESTORE) {
            said.extend(found.database.as_ref().map(Held::said));
        }
    }
    for (untrue, why) in &conclusion.untrue {
        said.push(format!("{} has to be done again: {why}.", untrue.title()));
    }
    said.extend(conclusion.notes.iter().cloned());
    let about = lost
        .and_then(|lost| lost.forecast)
        .map_or_else(String::new, |seconds| format!(" (about {}:{:02})", seconds / 60, seconds % 60));
    match lost {
        Some(lost) if !lost.kept.is_empty() => {
            let kept = lost.kept.join(", ");
            choices.push(('c', format!("continue: only {} is run again", lost.command)));
            choices.push(('r', format!("repeat the whole step{about}")));
            recommended = Some('c');
            said.push(format!(
                "Recommended: continue, because what came before it in this step has ended well enough to be kept \
                 ({kept})."
            ));
        }
        Some(_) => {
            choices.push(('r', format!("repeat the step from its beginning{about}")));
            recommended = Some('r');
            said.push(format!("Recommended: repeat it{about}. {}", because(step)));
        }
        None => {
            choices.push(('c', format!("continue with step {}, {}", step.number(), step.title())));
            recommended = Some('c');
            said.push("Recommended: continue; what is not true any more is done again.".into());
        }
    }
    if let Some(grave) = &conclusion.grave {
        recommended = None;
        said.retain(|sentence| !sentence.starts_with("Recommended"));
        said.push(format!("{grave} Recommended: go back to the old version."));
    }
    choices.push(('u', "undo: go back to the old version".into()));
    choices.push(('w', "wait, decide later".into()));
    let title = match lost {
        Some(_) => "A step was left in the middle",
        None => "Something is not as it was left",
    };
    Some(Ask { question: RESUME.into(), step, title: title.into(), text: said.join(" "), choices, recommended })
}

/// Why a step can be repeated without harm.
const fn because(step: StepId) -> &'static str {
    match step {
        StepId::Restore => "It begins by emptying the database, and the verified snapshot has every row.",
        StepId::Snapshot => "It only reads the database, and writes the snapshot anew.",
        StepId::Pull | StepId::Install => "pip installs again what is not whole.",
        StepId::CheckData => "What is repaired already stays so.",
        _ => "It can be repeated without harm.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing() -> Standing {
        Standing(BTreeSet::from([StepId::Snapshot]))
    }

    fn pulled() -> Standing {
        Standing(BTreeSet::from([StepId::Snapshot, StepId::Pull, StepId::Install, StepId::Compare]))
    }

    fn restored() -> Standing {
        let mut standing = pulled();
        standing.0.insert(StepId::Restore);
        standing
    }

    fn steps(conclusion: &Conclusion) -> Vec<&'static str> {
        conclusion.untrue.iter().map(|(step, _)| step.id()).collect()
    }

    #[test]
    fn nothing_found_is_nothing_to_ask() {
        let conclusion = conclude(&Found::default(), &Knowledge::default(), &pulled());
        assert_eq!(conclusion, Conclusion::default());
        assert_eq!(question(None, &Found::default(), &conclusion), None);
    }

    #[test]
    fn a_service_that_came_up_makes_the_snapshot_old_until_the_code_was_pulled() {
        let found = Found { running: vec!["web".into()], ..Found::default() };
        let before = conclude(&found, &Knowledge::default(), &standing());
        assert_eq!(steps(&before), ["stop-services", "snapshot", "verify-snapshot", "protect"]);
        let known = Knowledge { packages_changed: Some(Vec::new()), database_changed: true, ..Knowledge::default() };
        let after = conclude(&found, &known, &restored());
        assert_eq!((steps(&after), after.grave), (vec!["stop-services"], None));
    }

    #[test]
    fn rows_entered_after_the_snapshot_cannot_be_kept_by_going_on() {
        let held = Held { tables: 1, full: 1, rows: 5, of_rows: 5, more: true, empty: 0 };
        let found = Found { running: vec!["web".into()], database: Some(held.clone()), ..Found::default() };
        let known = Knowledge { packages_changed: Some(Vec::new()), ..Knowledge::default() };
        let conclusion = conclude(&found, &known, &pulled());
        let ask = question(None, &found, &conclusion).unwrap();
        assert_eq!(ask.recommended, None);
        assert!(ask.text.ends_with("Recommended: go back to the old version."), "{}", ask.text);
        let same = Found { database: Some(Held { more: false, ..held }), ..found };
        assert_eq!(conclude(&same, &known, &pulled()).grave, None);
    }

    #[test]
    fn a_snapshot_that_changed_is_made_again_while_the_old_code_can() {
        let found =
            Found { snapshot: Some("a.py has 0 bytes, and had 7 when it was verified".into()), ..Found::default() };
        let before = conclude(&found, &Knowledge::default(), &standing());
        assert_eq!(steps(&before), ["snapshot", "verify-snapshot", "protect"]);
        let after = conclude(&found, &Knowledge::default(), &pulled());
        assert!(after.untrue.is_empty() && after.grave.is_some(), "{after:?}");
    }

    #[test]
    fn old_packages_make_pull_and_what_rests_on_it_pending() {
        let found = Found { packages: Some("lino is 25.1".into()), ..Found::default() };
        assert_eq!(steps(&conclude(&found, &Knowledge::default(), &pulled())), ["pull", "install", "compare"]);
        assert_eq!(steps(&conclude(&found, &Knowledge::default(), &restored())), ["pull", "install"]);
    }

    #[test]
    fn an_interrupted_restore_is_told_with_what_the_database_holds() {
        let held = Held { tables: 57, full: 3, empty: 53, rows: 120, of_rows: 6_806, more: false };
        let found = Found { database: Some(held), ..Found::default() };
        let lost = LostStep {
            step: StepId::Restore,
            command: "restore".into(),
            kept: Vec::new(),
            by_reboot: true,
            forecast: Some(130),
        };
        let ask = question(Some(&lost), &found, &Conclusion::default()).unwrap();
        assert_eq!(
            ask.text,
            "Restore the snapshot was interrupted by a restart of the machine; nobody knows how far it came. The \
             database holds 3 of 57 tables whole, and 120 of 6806 rows. Recommended: repeat it (about 2:10). It begins \
             by emptying the database, and the verified snapshot has every row."
        );
        let keys: String = ask.choices.iter().map(|(key, _)| *key).collect();
        assert_eq!((keys.as_str(), ask.recommended), ("ruw", Some('r')));
    }

    #[test]
    fn what_had_ended_in_the_lost_step_is_kept() {
        let lost = LostStep {
            step: StepId::Restore,
            command: "account".into(),
            kept: vec!["restore".into()],
            by_reboot: false,
            forecast: None,
        };
        let ask = question(Some(&lost), &Found::default(), &Conclusion::default()).unwrap();
        let keys: String = ask.choices.iter().map(|(key, _)| *key).collect();
        assert_eq!((keys.as_str(), ask.recommended), ("cruw", Some('c')));
    }
}
