//! Which packages are installed in an environment. Reads only.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::error::{Kind, Report};
use crate::site::{Site, local_path};

/// Tells them; those that come from a repository with its revision, because their version says little.
const SCRIPT: &str = include_str!("../../assets/python/packages.py");

/// Lists what says of itself in the environment that it is installed, and is not whole: without its description, or
/// without a file that it should have.
const BROKEN: &str = "import importlib.metadata as m, json, os, sys\n\
     found = []\n\
     for d in m.distributions():\n\
     \x20   path = str(getattr(d, '_path', ''))\n\
     \x20   name = os.path.basename(path)\n\
     \x20   if not path.startswith(sys.prefix + os.sep) or not name.endswith('.dist-info') or name[0] == '~': continue\n\
     \x20   files = [f for f in d.files or [] if not str(f).endswith('.pyc')]\n\
     \x20   whole = d.metadata['Name'] and d.files is not None and all(os.path.exists(d.locate_file(f)) for f in files)\n\
     \x20   if not whole: found.append(path)\n\
     json.dump(found, sys.stdout)";

/// Returns the `.dist-info` directories of packages that were not installed to the end.
pub async fn broken(site: &Site) -> Result<Vec<PathBuf>, Report> {
    ask(site, (&[], &site.python), BROKEN).await
}

/// Asks the site's python for the installed packages: name to version.
pub async fn installed(site: &Site) -> Result<BTreeMap<String, String>, Report> {
    installed_in(site, (&[], &site.python)).await
}

/// Asks the same of another python, behind the words of `within`.
pub async fn installed_in(site: &Site, python: (&[String], &Path)) -> Result<BTreeMap<String, String>, Report> {
    ask(site, python, SCRIPT).await
}

/// Runs a script that answers in JSON, which changes nothing.
async fn ask<T: DeserializeOwned>(
    site: &Site,
    (within, python): (&[String], &Path),
    script: &str,
) -> Result<T, Report> {
    let failed = |text: String| {
        Report::new(Kind::Failed, format!("The installed packages cannot be listed: {text}"))
            .unchanged("Nothing was changed by this.")
            .next("Look whether the site's python starts: env/bin/python --version")
    };
    let python = python.to_string_lossy();
    let mut words = within.iter().map(String::as_str).chain([&*python, "-B", "-I", "-c", script]);
    let output = tokio::process::Command::new(words.next().unwrap_or_default())
        .args(words)
        .current_dir(&site.dir)
        .env_remove("PYTHONHOME")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(Duration::from_mins(2), output)
        .await
        .map_err(|_| failed("no answer within two minutes.".into()))?
        .map_err(|error| failed(format!("{error}.")))?;
    if !output.status.success() {
        return Err(failed(format!("python ended with {}.", output.status)));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| failed(format!("{error}.")))
}

/// Where packages come from that no index has: to be brought back, they need more than a version.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Origins {
    /// By package, what pip installs it from: `lino @ git+https://…@REVISION`.
    pub pinned: BTreeMap<String, String>,
    /// By working copy, its revision.
    pub checkouts: BTreeMap<String, String>,
}

const ORIGINS: &str = "import importlib.metadata as m, json, os, sys\n\
    found = {}\n\
    for d in m.distributions():\n\
    \x20   name = d.metadata['Name']\n\
    \x20   url = d.read_text('direct_url.json')\n\
    \x20   place = os.path.realpath(str(d.locate_file('')))\n\
    \x20   outside = not place.startswith(os.path.realpath(sys.prefix) + os.sep)\n\
    \x20   outside = outside and not place.startswith(os.path.realpath(sys.base_prefix) + os.sep)\n\
    \x20   if name and (url or outside):\n\
    \x20       found[name] = {'url': json.loads(url) if url else None, 'place': place if outside else None}\n\
    json.dump(found, sys.stdout)";

/// What the site's python says of a package.
#[derive(serde::Deserialize)]
struct Direct {
    url: Option<serde_json::Value>,
    place: Option<String>,
}

/// Asks the site's python where packages come from, and git for the revisions of working copies. What cannot be found
/// out is left out.
pub async fn origins(site: &Site) -> Origins {
    let found: BTreeMap<String, Direct> = ask(site, (&[], &site.python), ORIGINS).await.unwrap_or_default();
    let mut origins = Origins::default();
    for (name, direct) in found {
        let text = |pointer: &str| direct.url.as_ref().and_then(|url| url.pointer(pointer)?.as_str());
        let local = text("/url").and_then(local_path);
        if let (Some(url), Some(vcs), Some(revision)) =
            (text("/url"), text("/vcs_info/vcs"), text("/vcs_info/commit_id"))
        {
            let below = text("/subdirectory").map_or_else(String::new, |dir| format!("#subdirectory={dir}"));
            origins.pinned.insert(name, format!("{vcs}+{url}@{revision}{below}"));
        } else if let Some(dir) = local.or_else(|| direct.place.clone().map(PathBuf::from))
            && let Some((top, revision)) = revision(&dir).await
        {
            origins.checkouts.insert(top, revision);
        }
    }
    origins
}

/// Returns the working copy to which a directory belongs, and its revision; none when it is none.
pub async fn revision(dir: &Path) -> Option<(String, String)> {
    let output = tokio::process::Command::new("git")
        // A working copy of somebody else is only read.
        .args(["-c", "safe.directory=*", "rev-parse", "--show-toplevel", "HEAD"])
        .current_dir(dir)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(Duration::from_secs(20), output).await.ok()?.ok()?;
    let text = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    let (top, revision) = text.trim_end().split_once('\n')?;
    Some((top.to_owned(), revision.to_owned()))
}
