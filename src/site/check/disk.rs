//! Whether the disk has room for everything that an upgrade writes before it may delete anything.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::procedure::Finding;
use crate::site::find::Site;

const SUBJECT: &str = "free disk space";

/// What the copies will take, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand<'a> {
    /// Size of the database.
    pub database: u64,
    /// Size of the virtualenv.
    pub env: u64,
    /// Size of the uploaded files, which make_snapshot.sh packs as well.
    pub media: u64,
    /// Directory of the database file; none where a server keeps the data.
    pub data: Option<&'a Path>,
}

/// The same, kept for later.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// Size of the database.
    pub database: u64,
    /// Size of the virtualenv.
    pub env: u64,
    /// Size of the uploaded files.
    pub media: u64,
    /// Directory of the database file; none where a server keeps the data.
    pub data: Option<PathBuf>,
}

impl Sizes {
    /// What the copies will take.
    #[must_use]
    pub fn demand(&self) -> Demand<'_> {
        Demand { database: self.database, env: self.env, media: self.media, data: self.data.as_deref() }
    }
}

/// Compares the free space with what will be written: in the site the dump (about the size of the database), its
/// archive (a third of it, as measured, and all uploaded files); the restored database beside the old one; in the state directory the copies of
/// database and virtualenv, and the dump that is made after the restore; in the virtualenv the packages of the new version.
#[must_use]
pub fn disk_space(site: &Site, demand: Demand<'_>) -> Vec<Finding> {
    let needed = Places::default().with(places(site, demand));
    needed.into_iter().map(|(place, needed)| finding(&place, needed)).collect()
}

/// What will be written where.
pub(super) fn places(site: &Site, demand: Demand<'_>) -> [(PathBuf, u64); 4] {
    let dump = demand.database;
    let zip = demand.database / 3;
    [
        (existing(&site.dir), dump.saturating_add(zip).saturating_add(demand.media)),
        (existing(demand.data.unwrap_or(&site.dir)), demand.database),
        (existing(&site.state_dir), dump.saturating_add(demand.database).saturating_add(demand.env)),
        (existing(&site.env_dir), demand.env / 2),
    ]
}

/// Places by their file system: those on one share its space.
#[derive(Default)]
pub(super) struct Places(BTreeMap<u64, (PathBuf, u64)>);

impl Places {
    pub(super) fn with(mut self, needs: impl IntoIterator<Item = (PathBuf, u64)>) -> Self {
        for (place, bytes) in needs {
            let disk = place.metadata().map(|data| data.dev()).unwrap_or_default();
            let (_, sum) = self.0.entry(disk).or_insert((place, 0));
            *sum = sum.saturating_add(bytes);
        }
        self
    }
}

impl IntoIterator for Places {
    type Item = (PathBuf, u64);
    type IntoIter = std::collections::btree_map::IntoValues<u64, (PathBuf, u64)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_values()
    }
}

fn finding(place: &Path, needed: u64) -> Finding {
    let Ok(stat) = rustix::fs::statvfs(place) else {
        return Finding::warn(
            SUBJECT,
            format!("The free space below {} is unknown.", place.display()),
            format!("Look yourself (df {}): {} are needed.", place.display(), human_size(needed)),
        );
    };
    judge(place, needed, stat.f_bavail.saturating_mul(stat.f_frsize), stat.f_files > 0 && stat.f_favail < 10_000)
}

fn judge(place: &Path, needed: u64, free: u64, few_inodes: bool) -> Finding {
    let place = place.display();
    let (has, wants) = (human_size(free), human_size(needed));
    if free < needed {
        Finding::fail(
            SUBJECT,
            format!("{has} are free below {place}; the upgrade may need {wants}."),
            "Delete old snapshots or backups there, or let state_dir in lino-upgrade.toml point to another disk.",
        )
    } else if free < needed.saturating_mul(2) {
        Finding::warn(
            SUBJECT,
            format!("{has} are free below {place}; the upgrade may need {wants}."),
            "Keep an eye on it, or make room before the upgrade.",
        )
    } else if few_inodes {
        Finding::warn(
            SUBJECT,
            format!("{has} are free below {place}, but the disk has room for few more files."),
            "Delete directories with many small files there (caches, sessions).",
        )
    } else {
        Finding::pass(SUBJECT, format!("{has} are free below {place}; the upgrade may need {wants}."))
    }
}

/// Returns the nearest directory that exists.
pub(super) fn existing(path: &Path) -> PathBuf {
    path.ancestors().find(|path| path.exists()).unwrap_or(path).to_owned()
}

/// Returns the bytes that a directory takes on disk. Links are not followed, but for the directory itself; a file
/// with several names counts once. Takes seconds on a cold disk: run it where blocking is allowed.
#[must_use]
pub fn tree_size(dir: &Path) -> u64 {
    let mut seen = std::collections::HashSet::new();
    let mut waiting = vec![dir.to_owned()];
    let mut sum = 0u64;
    while let Some(dir) = waiting.pop() {
        let Ok(entries) = std::fs::read_dir(&dir) else { continue };
        for entry in entries.filter_map(Result::ok) {
            let Ok(data) = entry.metadata() else { continue };
            if data.is_dir() {
                waiting.push(entry.path());
            } else if data.nlink() > 1 && !seen.insert((data.dev(), data.ino())) {
                continue;
            }
            sum = sum.saturating_add(data.blocks().saturating_mul(512));
        }
    }
    sum
}

/// Writes a number of bytes for people, for example `1.4 GB`.
#[must_use]
pub fn human_size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    let mut tenths = u128::from(bytes) * 10;
    let mut unit = "bytes";
    for next in UNITS {
        if tenths < 10_000 {
            break;
        }
        tenths /= 1000;
        unit = next;
    }
    if unit == "bytes" || tenths >= 1000 {
        format!("{} {unit}", tenths / 10)
    } else {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use crate::procedure::Level;

    #[test]
    fn sizes_are_short() {
        let table =
            [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (1_440_000_000, "1.4 GB"), (99_950, "99.9 kB")];
        for (bytes, text) in table {
            assert_eq!(human_size(bytes), text);
        }
        assert_eq!(human_size(123_456_789), "123 MB");
        assert!(human_size(u64::MAX).ends_with(" TB"));
    }

    #[test]
    fn scarce_space_warns_before_it_fails() {
        let level = |free, inodes| judge(Path::new("/srv"), 100, free, inodes).level;
        assert_eq!(
            [level(99, false), level(199, false), level(200, false), level(200, true)],
            [Level::Fail, Level::Warn, Level::Pass, Level::Warn]
        );
    }

    #[test]
    fn a_file_with_two_names_counts_once() {
        let dir = assert_fs::TempDir::new().unwrap();
        std::fs::create_dir(dir.path().join("sub")).unwrap();
        std::fs::write(dir.path().join("sub/a"), vec![b'x'; 100_000]).unwrap();
        let once = tree_size(dir.path());
        std::fs::hard_link(dir.path().join("sub/a"), dir.path().join("b")).unwrap();
        std::os::unix::fs::symlink("/", dir.path().join("root")).unwrap();
        assert_eq!(tree_size(dir.path()), once);
    }
}
