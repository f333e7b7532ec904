//! What Lino's facts teach the run: they become knowledge and the versions on the title bar.

use super::Versions;
use crate::procedure::Knowledge;
use crate::site::Facts;

/// Lino's own default: the development server, and no address of a site.
const DEVELOPMENT: &str = "http://127.0.0.1:8000";

/// Folds facts that the site's own Python told into what is known.
pub fn from_facts(knowledge: &mut Knowledge, facts: &Facts) {
    knowledge.engine.clone_from(&facts.database.engine);
    knowledge.url = facts.site.url.clone().filter(|url| url.trim_end_matches('/') != DEVELOPMENT);
    let version = facts.site.version.clone();
    if knowledge.packages_changed.is_none() {
        knowledge.old_version = version;
    } else {
        knowledge.new_version = version;
    }
    knowledge.missing_requirements = Some(facts.missing_requirements.clone());
    knowledge.uses_checkdata = Some(facts.uses.checkdata);
    if knowledge.lines.buildindexes.is_none() {
        knowledge.lines.buildindexes =
            facts.uses.search_index_command.as_ref().map(|name| format!("python manage.py {name}"));
    }
    knowledge.uses_index = Some(knowledge.lines.buildindexes.is_some());
}

/// Returns the versions as the title bar shows them.
#[must_use]
pub fn versions(knowledge: &Knowledge, facts: &Facts) -> Versions {
    let now = facts.site.version.clone();
    let old = knowledge.old_version.clone().or_else(|| now.clone()).unwrap_or_default();
    let new = now.filter(|now| knowledge.packages_changed.is_some() && *now != old);
    Versions {
        application: facts.site.name.clone().unwrap_or_default(),
        old,
        new,
        lino: facts.lino.clone(),
        django: facts.django.clone(),
    }
}

/// Returns the database in a few words, for example "sqlite default.db".
#[must_use]
pub fn database(facts: &Facts) -> String {
    facts.database_line()
}
