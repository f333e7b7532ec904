//! The simulated dump: where the script lies that writes it in the site's Python, and the command line that runs it.
//! The script is `assets/python/simulate.py`; running it is the engine's business.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::command::quote;
use super::find::Site;
use super::state_dir;

/// The scripts, for every Lino from 20 to 26; the first is run and needs the second beside it.
const SCRIPTS: [(&str, &str); 2] = [
    ("simulate.py", include_str!("../../assets/python/simulate.py")),
    ("facts.py", include_str!("../../assets/python/facts.py")),
];

/// Returns the directory of the simulated dump of a run. The documents call it `t`.
#[must_use]
pub fn directory(site: &Site, run: i64) -> PathBuf {
    site.state_dir.join("compare").join(format!("run-{run:04}")).join("t")
}

/// Returns the command line, for the project directory and an active virtualenv.
#[must_use]
pub fn line(site: &Site, run: i64) -> String {
    let word = |path: &Path| quote(&path.strip_prefix(&site.dir).unwrap_or(path).to_string_lossy());
    format!("python {} {}", word(&scripts(site).join("simulate.py")), word(&directory(site, run)))
}

/// Writes the scripts to where the command line finds them, and makes room for the dump.
pub fn prepare(site: &Site, run: i64) -> io::Result<()> {
    let scripts = scripts(site);
    state_dir::prepare(&scripts)?;
    for (name, text) in SCRIPTS {
        let part = scripts.join(format!("{name}.part"));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&part, scripts.join(name))?;
    }
    directory(site, run).parent().map_or(Ok(()), state_dir::prepare)
}

fn scripts(site: &Site) -> PathBuf {
    site.state_dir.join("python")
}
