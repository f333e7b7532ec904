//! Other sites that use the same Python environment: what is pulled for one is pulled for all of them.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::procedure::Finding;
use crate::site::find::Site;
use crate::site::quote;
use crate::site::surroundings::Surroundings;
use crate::site::text::printable;
use crate::site::writers::work_dirs;

/// How many neighbours are looked at: a site is seldom beside ten thousand others.
const NEIGHBOURS: usize = 10_000;
/// The names that environments have in the directories of sites, besides the one that it has in this site.
const USUAL: [&str; 3] = ["env", "venv", ".venv"];
/// How many sites are named.
const NAMED: usize = 5;

/// Looks for other sites that use the environment: beside this one, and among the running programs. None when the
/// environment is the site's own and nobody else is seen.
#[must_use]
pub fn other_sites(site: &Site, around: &Surroundings) -> Option<Finding> {
    const SUBJECT: &str = "other sites";
    let env = site.env_dir.canonicalize().ok()?;
    let mut others = beside(site, &env);
    let dirs = work_dirs(&env.join("bin"), around);
    others.extend(dirs.iter().filter_map(|dir| dir.ancestors().find(|dir| is_site(dir))).map(Path::to_owned));
    others.retain(|other| !other.starts_with(&site.dir));
    let shown = env.display();
    if others.is_empty() {
        let is_own = env.starts_with(&site.dir);
        return (!is_own)
            .then(|| Finding::pass(SUBJECT, printable(&format!("No other site is seen that uses {shown}."))));
    }
    let named: Vec<String> = others.iter().take(NAMED).map(|other| other.display().to_string()).collect();
    let more = others.len().saturating_sub(NAMED);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let (they, their) = if others.len() == 1 { ("uses", "its") } else { ("use", "their") };
    let text = format!(
        "{}{more} {they} {shown}, too: the new version comes for all of them, but only this site's data is converted.",
        named.join(", ")
    );
    let first = others.first().map(|other| quote(&other.to_string_lossy())).unwrap_or_default();
    let remedy = format!(
        "Stop {their} services during this upgrade, and upgrade right afterwards, one after the other: \
         lino-upgrade --site {first}. Or give this site an environment of its own first."
    );
    Some(Finding::warn(SUBJECT, printable(&text), printable(&remedy)))
}

fn is_site(dir: &Path) -> bool {
    dir.join("manage.py").exists()
}

/// Finds the sites in the directories beside this one whose environment is this one, or a link to it.
fn beside(site: &Site, env: &Path) -> BTreeSet<PathBuf> {
    let entries = site.dir.parent().and_then(|parent| std::fs::read_dir(parent).ok());
    let own = site.env_dir.file_name().unwrap_or_default();
    let uses = |dir: &Path| {
        let mut names = USUAL.iter().map(OsStr::new).chain([own]);
        names.any(|name| dir.join(name).canonicalize().is_ok_and(|place| place == env))
    };
    let dirs = entries.into_iter().flatten().take(NEIGHBOURS).filter_map(|entry| Some(entry.ok()?.path()));
    dirs.filter(|dir| is_site(dir) && uses(dir)).filter_map(|dir| dir.canonicalize().ok()).collect()
}
