//! What a triage screen shows: the rows that were refused, and how each of them stands.

use std::sync::Arc;

use super::cause::Causes;
use super::decision::{Decisions, Standing};
use super::rehearsed::{Broken, Stopped};

/// Who refused the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A rehearsal: the site still has its old version.
    Rehearsal,
    /// The restore itself.
    Restore,
}

/// Rows that were refused, and what is decided for them. It is made anew whenever something of it changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Triage {
    /// Who refused them.
    pub origin: Origin,
    /// The versions of the application before and after.
    pub versions: [String; 2],
    /// The rows by cause. They are shared: a decision changes none of them.
    pub causes: Arc<Causes>,
    /// What failed and is no row.
    pub broken: Vec<Broken>,
    /// Why loading could not go on.
    pub stopped: Option<Stopped>,
    /// The decisions.
    pub decisions: Decisions,
    /// How each failure of `causes` stands, in their order.
    pub standings: Vec<Standing>,
    /// Decisions that do not fit this snapshot and are not applied: one sentence each.
    pub unfit: Vec<String>,
    /// The dump script of the snapshot whose rows these are.
    pub script: String,
    /// The dump script with the decisions; none while there is none.
    pub copy: Option<String>,
    /// The file with what is known of the models of both versions; none where nobody has asked them.
    pub models: Option<String>,
    /// Whether decisions were taken or taken back since these rows were loaded: a retry would show what they do.
    pub outdated: bool,
}

impl Triage {
    /// Puts together what was refused and what is decided; nothing is unfit yet, and there is no copy.
    #[must_use]
    pub fn new(
        origin: Origin,
        versions: [String; 2],
        causes: impl Into<Arc<Causes>>,
        decisions: Decisions,
        script: String,
    ) -> Self {
        let causes = causes.into();
        let standings = decisions.standings(&causes);
        Self {
            origin,
            versions,
            causes,
            broken: Vec::new(),
            stopped: None,
            decisions,
            standings,
            unfit: Vec::new(),
            script,
            copy: None,
            models: None,
            outdated: false,
        }
    }

    /// Counts the rows that somebody has still to decide. One may be refused for two reasons.
    #[must_use]
    pub fn open(&self) -> usize {
        let standings = self.standings.iter().enumerate();
        self.causes.count(standings.filter(|(_, standing)| standing.is_open()).map(|(failure, _)| failure))
    }
}
