//! Packages that are used where they lie, outside of the environment's own directory: working copies that somebody
//! installed with `pip install -e`.

use std::io;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use serde::Deserialize;

/// A package that is used where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Editable {
    /// Its name, with the version where pip noted one.
    pub name: String,
    /// Where it lies.
    pub dir: PathBuf,
}

/// Finds these packages in an environment, as pip and setuptools note them (`direct_url.json`, `*.egg-link`).
///
/// # Errors
/// When a directory or note cannot be read: then nobody knows.
pub fn editable(env: &Path) -> io::Result<Vec<Editable>> {
    #[derive(Deserialize)]
    struct Direct {
        url: String,
        dir_info: Option<DirInfo>,
    }
    #[derive(Deserialize)]
    struct DirInfo {
        #[serde(default)]
        editable: bool,
    }
    let mut found = Vec::new();
    for directory in site_packages(env)? {
        for entry in std::fs::read_dir(directory)? {
            let path = entry?.path();
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if path.extension().is_some_and(|ending| ending == "egg-link") {
                let text = std::fs::read_to_string(&path)?;
                found.push(Editable { name, dir: text.lines().next().unwrap_or_default().into() });
                continue;
            }
            let Ok(text) = std::fs::read_to_string(path.join("direct_url.json")) else { continue };
            if let Ok(Direct { url, dir_info: Some(DirInfo { editable: true }) }) = serde_json::from_str(&text) {
                found.push(Editable { name, dir: local_path(&url).unwrap_or_else(|| url.into()) });
            }
        }
    }
    Ok(found)
}

/// Finds the directories of an environment in which packages are installed.
pub(super) fn site_packages(env: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(env.join("lib"))? {
        let directory = entry?.path().join("site-packages");
        if directory.is_dir() {
            found.push(directory);
        }
    }
    Ok(found)
}

/// Returns the path of a `file://` URL; none when it is another one.
#[must_use]
pub fn local_path(url: &str) -> Option<PathBuf> {
    let path = url.strip_prefix("file://")?;
    Some(percent_decode_str(path).decode_utf8_lossy().into_owned().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_urls_are_decoded() {
        let cases = [
            ("file:///srv/a%20b/%C3%BC", Some("/srv/a b/ü")),
            ("file:///100%", Some("/100%")),
            ("file:///%zz", Some("/%zz")),
            ("https://example.org/x", None),
        ];
        let found = cases.map(|(url, _)| (url, local_path(url)));
        assert_eq!(found, cases.map(|(url, path)| (url, path.map(PathBuf::from))));
    }
}
