//! Which steps of the application's migrator would run for a jump from one version to another.
//!
//! The rule is that of `install_migrations()` in `lino/utils/dpy.py`, the same from 2014 to 26.10: the step whose name
//! is exactly that of the dump's version runs, and tells the version for the next look-up, until there is no step of
//! that name. Versions in between are never matched. That no step runs proves nothing: most applications have none.

use serde::{Deserialize, Serialize};

/// The migrator of the new version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migrator {
    /// Its class; none when the application has no migrator.
    pub class: Option<String>,
    /// Why it cannot be imported: then the restore stops before it begins.
    pub error: Option<String>,
    /// Its steps.
    pub steps: Vec<Step>,
}

/// A step, in Python a method `migrate_from_…`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Step {
    /// Version that it migrates from, with dots.
    pub from: String,
    /// Version that it says it reaches; none when only running it would tell.
    pub to: Option<String>,
    /// What its author says of it.
    pub doc: Option<String>,
    /// Tables whose create functions its source names.
    pub creates: Vec<String>,
}

/// What the migrator does for a jump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Course {
    /// The application has no version, so that no step is looked for.
    Unversioned,
    /// Both versions are the same, so that no step is looked for.
    SameVersion,
    /// The migrator cannot be imported: the restore would stop before it touches the database.
    Broken {
        /// Why.
        because: String,
    },
    /// No step has the name of the old version. The restore says "No method for migrating", and goes on.
    NoStep,
    /// Steps run.
    Steps {
        /// Those that run, in order.
        steps: Vec<Step>,
        /// How it ends.
        end: End,
    },
}

/// How a chain of steps ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// At the new version.
    Reached,
    /// At another version, from which no step leads on. The restore says so and goes on.
    At(String),
    /// After a step that does not tell in its source where it leads.
    Unknown,
    /// With an exception, before the database is touched: the last step does not lead to a greater version.
    Refused(String),
}

impl Migrator {
    /// Follows the steps from the version of the dump to that of the site.
    #[must_use]
    pub fn course(&self, old: Option<&str>, new: Option<&str>) -> Course {
        if let Some(because) = &self.error {
            return Course::Broken { because: because.clone() };
        }
        let Some(new) = new else { return Course::Unversioned };
        // A dump of an application without a version says "None".
        let old = old.unwrap_or("None");
        if old == new {
            return Course::SameVersion;
        }
        let mut steps: Vec<Step> = Vec::new();
        let mut version = old.to_owned();
        let end = loop {
            let Some(step) = self.step(&version) else {
                break if version == new { End::Reached } else { End::At(version) };
            };
            steps.push(step.clone());
            let Some(to) = &step.to else { break End::Unknown };
            match (numbers(&version), numbers(to)) {
                (Some(from), Some(next)) if next > from => version.clone_from(to),
                (Some(_), Some(_)) => break End::Refused(to.clone()),
                _ => break End::Unknown,
            }
        };
        if steps.is_empty() { Course::NoStep } else { Course::Steps { steps, end } }
    }

    fn step(&self, version: &str) -> Option<&Step> {
        // Methods have underscores for dots, and Lino looks for the method of the version, not the other way round.
        let name = |version: &str| version.replace('.', "_");
        self.steps.iter().find(|step| name(&step.from) == name(version))
    }
}

/// Returns the numbers of a plain version without zeros at its end; none for one with letters, whose order is more
/// than we need to know.
fn numbers(version: &str) -> Option<Vec<u64>> {
    let mut numbers = version.split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u64>>>()?;
    while numbers.last() == Some(&0) {
        numbers.pop();
    }
    Some(numbers)
}

impl Course {
    /// Tells whether the restore would change rows on their way, which copying the database would not.
    #[must_use]
    pub const fn migrates(&self) -> bool {
        matches!(self, Self::Steps { .. })
    }

    /// Says it to a person.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Unversioned => "The application has no version, so its migrator does nothing.".to_owned(),
            Self::SameVersion => "The version of the application stays, so its migrator does nothing.".to_owned(),
            Self::Broken { because } => {
                format!(
                    "The migrator cannot be loaded, so the restore would stop at once: {}.",
                    because.trim_end_matches('.')
                )
            }
            Self::NoStep => {
                "No step of a migrator runs for this jump, which proves nothing: most applications have none."
                    .to_owned()
            }
            Self::Steps { steps, end } => {
                let versions: Vec<&str> = steps.iter().map(|step| step.from.as_str()).collect();
                let steps = format!("The migrator changes rows on their way from {}", versions.join(", then from "));
                match end {
                    End::Reached => format!("{steps}."),
                    End::At(version) => format!("{steps}, and ends at {version}, before the new version."),
                    End::Unknown => format!("{steps}, and does not say to which version."),
                    End::Refused(to) => format!("{steps}, and fails because {to} is not a later version."),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(from: &str, to: &str) -> Step {
        Step { from: from.into(), to: Some(to.into()), ..Step::default() }
    }

    fn course(steps: &[Step], old: &str, new: &str) -> Course {
        let migrator = Migrator { class: Some("x.Migrator".into()), error: None, steps: steps.to_vec() };
        migrator.course(Some(old), Some(new))
    }

    #[test]
    fn one_step_leads_there_directly() {
        let steps = [step("1.0", "2.0"), step("0.9", "1.0")];
        let expected = Course::Steps { steps: vec![step("1.0", "2.0")], end: End::Reached };
        assert_eq!(course(&steps, "1.0", "2.0"), expected);
        assert_eq!(expected.sentence(), "The migrator changes rows on their way from 1.0.");
        assert!(expected.migrates());
    }

    #[test]
    fn steps_form_a_chain() {
        let steps = [step("1.0", "1.5"), step("1.5", "2.0"), step("1.2", "1.5")];
        let expected = Course::Steps { steps: vec![step("1.0", "1.5"), step("1.5", "2.0")], end: End::Reached };
        assert_eq!(course(&steps, "1.0", "2.0"), expected);
        assert_eq!(expected.sentence(), "The migrator changes rows on their way from 1.0, then from 1.5.");
    }

    #[test]
    fn versions_in_between_are_not_matched() {
        let steps = [step("25.1.0", "25.2.0"), step("25.2.0", "26.0.0")];
        assert_eq!(course(&steps, "25.1.1", "26.0.0"), Course::NoStep);
        assert_eq!(course(&[], "25.1.1", "26.0.0"), Course::NoStep);
    }

    #[test]
    fn a_chain_may_end_before_or_beyond_the_new_version() {
        for (to, new) in [("1.5", "2.0"), ("3.0", "2.0")] {
            let expected = Course::Steps { steps: vec![step("1.0", to)], end: End::At(to.into()) };
            assert_eq!(course(&[step("1.0", to)], "1.0", new), expected);
        }
    }

    #[test]
    fn a_step_that_leads_nowhere_ends_the_chain() {
        for to in ["1.0", "0.9", "1.0.0"] {
            let expected = Course::Steps { steps: vec![step("1.0", to)], end: End::Refused(to.into()) };
            assert_eq!(course(&[step("1.0", to)], "1.0", "2.0"), expected);
        }
        let silent = Step { to: None, ..step("1.0", "") };
        let expected = Course::Steps { steps: vec![silent.clone()], end: End::Unknown };
        assert_eq!(course(&[silent], "1.0", "2.0"), expected);
        let expected = Course::Steps { steps: vec![step("1.0", "2.0rc1")], end: End::Unknown };
        assert_eq!(course(&[step("1.0", "2.0rc1")], "1.0", "2.0"), expected);
    }

    #[test]
    fn without_a_jump_no_step_runs() {
        let migrator = Migrator { steps: vec![step("1.0", "2.0")], ..Migrator::default() };
        assert_eq!(migrator.course(Some("1.0"), Some("1.0")), Course::SameVersion);
        assert_eq!(migrator.course(Some("1.0"), None), Course::Unversioned);
        assert_eq!(migrator.course(None, Some("2.0")), Course::NoStep);
        let broken = Migrator { error: Some("ImportError: x".into()), ..migrator };
        assert_eq!(broken.course(Some("1.0"), Some("1.0")), Course::Broken { because: "ImportError: x".into() });
    }
}
