//! Tells whether a configuration file speaks of the site.

use std::path::{Path, PathBuf};

use crate::site::find::Site;

/// The paths by which a site is known.
#[derive(Clone, Debug)]
pub(in crate::site) struct Mention {
    dir: PathBuf,
    shown: PathBuf,
}

impl Mention {
    pub(in crate::site) fn of(site: &Site) -> Self {
        Self { dir: site.dir.clone(), shown: site.shown.clone() }
    }

    /// Tells whether some line that is no comment names a path of the site.
    pub(in crate::site) fn is_in(&self, text: &str) -> bool {
        text.lines()
            .map(str::trim)
            .filter(|line| !line.starts_with(['#', ';']))
            .any(|line| paths(line).any(|path| self.owns(&path)))
    }

    /// Tells whether a path belongs to the site, and not to another site below its directory.
    pub(in crate::site) fn owns(&self, path: &Path) -> bool {
        let known = |path: &Path| {
            let real = match path.strip_prefix(&self.shown) {
                Ok(rest) => self.dir.join(rest),
                Err(_) => path.to_owned(),
            };
            let site = real.ancestors().find(|dir| dir.join("manage.py").is_file())?.to_owned();
            (real.starts_with(&self.dir) && site == self.dir).then_some(())
        };
        // Another way to the same place: /usr/local/lino may be a link, for example.
        known(path).or_else(|| known(&path.canonicalize().ok()?)).is_some()
    }
}

/// Returns what looks like an absolute path in a line.
fn paths(line: &str) -> impl Iterator<Item = PathBuf> {
    let ends = |c: char| c.is_whitespace() || "\"'=;,:()<>|&{}".contains(c);
    line.split(ends).filter(|word| word.len() > 1 && word.starts_with('/')).map(PathBuf::from)
}
