//! Looks whether what the steps of a run have done is still so. Reads only.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::packages;
use super::super::record::Records;
use super::found::{Found, Held};
use crate::procedure::{Knowledge, StepId, StepState, by_name};
use crate::site::services::{ServiceState, ask};
use crate::site::{self, Db, Role, Site, Surroundings, detect};

/// What is looked at, and what is known of it.
pub struct Subject {
    pub site: Arc<Site>,
    pub knowledge: Knowledge,
    pub records: Records,
    /// The step whose command was lost.
    pub lost: Option<StepId>,
    /// The files of the verified snapshot with their lengths.
    pub files: BTreeMap<String, u64>,
    /// Rows per table when the restore had ended.
    pub restored: BTreeMap<String, u64>,
}

/// Returns the names of the services that write, of which this is true.
pub async fn services(site: &Site, is: impl Fn(&ServiceState) -> bool) -> Vec<String> {
    let services = detect(site, &Surroundings::of_this_process()).services;
    let mut found = Vec::new();
    for service in services.into_iter().filter(|service| service.role == Role::Writer) {
        if is(&ask(&service, &site.dir).await) {
            found.push(service.name);
        }
    }
    found
}

/// Tells whether a service runs.
pub fn runs(state: &ServiceState) -> bool {
    *state == ServiceState::Running
}

impl Subject {
    fn is_done(&self, step: StepId) -> bool {
        matches!(self.records.state(step), StepState::Done { .. })
    }

    fn is_untouched(&self, step: StepId) -> bool {
        self.records.of(step).attempts == 0
    }

    /// Looks at all of it.
    pub async fn look(&self) -> Found {
        let mut found = Found::default();
        let down = self.is_done(StepId::StopServices) && self.is_untouched(StepId::StartServices);
        let up = self.is_done(StepId::StartServices);
        if down {
            found.running = services(&self.site, runs).await;
        }
        if up {
            found.stopped = services(&self.site, ServiceState::is_stopped).await;
        }
        if self.is_done(StepId::VerifySnapshot) {
            (found.snapshot, found.edited) = self.snapshot();
        }
        if self.is_done(StepId::Protect) {
            found.copies = self.copies();
        }
        if self.is_done(StepId::Pull) {
            found.packages = self.packages().await;
        }
        if self.is_done(StepId::Compare) && !self.records.state(StepId::Restore).is_settled() {
            let simulated = self.knowledge.dump_scripts.as_ref().map(|scripts| &scripts.simulated);
            found.simulated = simulated.filter(|path| !Path::new(path).is_file()).cloned();
        }
        let untouched = self.is_untouched(StepId::CheckData) && self.is_untouched(StepId::StartServices);
        let loaded = self.is_done(StepId::Restore) && untouched;
        // What users may have entered meanwhile is told from what is missing.
        let changed = self.knowledge.packages_changed.as_ref().is_some_and(|changed| !changed.is_empty());
        let entered = !found.running.is_empty() && changed && !self.knowledge.database_changed;
        if self.lost == Some(StepId::Restore) || loaded || entered {
            match self.database(loaded).await {
                Ok(held) => found.database = Some(held),
                Err(why) => found.unread = Some(why),
            }
        }
        found
    }

    /// What is wrong with the snapshot, and which file of it somebody has changed, as operators and developers do.
    fn snapshot(&self) -> (Option<String>, Option<String>) {
        let dir = self.site.dir.join(&self.site.config.snapshot.directory);
        let mut edited = None;
        for (name, length) in &self.files {
            match std::fs::metadata(dir.join(name)) {
                Ok(data) if data.len() == *length => {}
                Ok(data) if data.len() == 0 => return (Some(format!("{name} is empty")), None),
                Ok(_) => edited = Some(name.clone()),
                Err(error) => return (Some(format!("{name} cannot be read: {error}")), None),
            }
        }
        match super::super::steps::stamp(&dir.join("restore.py")) {
            Ok(stamp) if Some(stamp) == self.knowledge.snapshot_stamp => (None, edited),
            Ok(_) => (None, edited.or_else(|| Some("restore.py".to_owned()))),
            Err(report) => (Some(report.what.trim_end_matches('.').to_owned()), None),
        }
    }

    fn copies(&self) -> Option<String> {
        let protection = &self.knowledge.protection;
        if let Some(copy) = &protection.database_copy {
            match std::fs::metadata(copy) {
                Ok(data) if data.len() > 0 => {}
                Ok(_) => return Some(format!("the copy of the database {copy} is empty")),
                Err(error) => return Some(format!("the copy of the database {copy} cannot be read: {error}")),
            }
            if let Err(error) = std::fs::File::open(copy) {
                return Some(format!("the copy of the database {copy} cannot be read: {error}"));
            }
        }
        let copy = PathBuf::from(protection.environment_copy.as_ref()?);
        (!copy.join("bin").is_dir()).then(|| format!("the copy of the environment {} is not there", copy.display()))
    }

    /// What `pull` has brought, and is not there any more.
    async fn packages(&self) -> Option<String> {
        let changes = self.knowledge.packages_changed.as_ref()?;
        let now = match packages::installed(&self.site).await {
            Ok(now) => by_name(&now),
            Err(report) => return Some(report.what),
        };
        let back = changes.iter().find(|change| now.get(&change.name) != change.new.as_ref())?;
        let is = now.get(&back.name).map_or("not installed", String::as_str);
        let was = back.new.as_deref().unwrap_or("removed");
        Some(format!("{} is {is}, and was {was} when the new version had been pulled", back.name))
    }

    async fn database(&self, loaded: bool) -> Result<Held, String> {
        let expected = if loaded && !self.restored.is_empty() { &self.restored } else { &self.knowledge.snapshot_rows };
        let tell = |error: &dyn std::fmt::Display| error.to_string();
        let connection = site::facts::connection(&self.site).await.map_err(|error| tell(&error))?;
        let mut db = Db::connect_read_only(&connection).await.map_err(|error| tell(&error))?;
        let tables = db.tables().await.map_err(|error| tell(&error))?;
        let mut held = Held::default();
        for (table, rows) in expected.iter().filter(|(_, rows)| **rows > 0) {
            held.tables += 1;
            held.of_rows += rows;
            let now = if tables.contains(table) { db.count(table).await.map_err(|error| tell(&error))? } else { 0 };
            held.rows += now.min(*rows);
            held.full += usize::from(now >= *rows);
            held.empty += usize::from(now == 0);
            held.more |= now > *rows;
        }
        db.close().await;
        Ok(held)
    }
}
