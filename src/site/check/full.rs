//! Whether a disk that an upgrade writes to is full now, and how that is said: where, how much is free, how much may be
//! needed, and what to do about it.

use std::path::{Path, PathBuf};

use super::disk::{Demand, Places, human_size, places};
use crate::procedure::Finding;
use crate::site::find::Site;

/// What findings about a full disk are about.
pub const SUBJECT: &str = "disk space";
/// With less than this a disk counts as full: one transaction of the journal takes as much.
const NOTHING: u64 = 64 << 10;
/// With fewer files than this left, too.
const FEW: u64 = 8;

/// Tells whether this was said because a disk is full.
#[must_use]
pub fn speaks_of_full(text: &str) -> bool {
    let words = ["no space left on", "disk is full", "os error 28", "errno 28", "disk quota exceeded"];
    let text = text.to_lowercase();
    words.iter().any(|word| text.contains(word))
}

/// Says that the disk of `dir` is full, when it is.
#[must_use]
pub fn shortage(dir: &Path) -> Option<String> {
    let dir = super::disk::existing(dir);
    let room = Room::at(&dir)?;
    room.is_nothing().then(|| room.said(&dir))
}

/// Returns the bytes that may still be written below a directory, there or not; none when the system does not say.
#[must_use]
pub fn free_space(dir: &Path) -> Option<u64> {
    Room::at(&super::disk::existing(dir)).map(|room| room.free)
}

/// Names the disks that an upgrade writes to and that are full. Where a disk is known to have been full (`was_full`) and
/// none is any more, the one with the least room is named: what had filled it may be gone again.
#[must_use]
pub fn full_disks(site: &Site, demand: Demand<'_>, was_full: bool) -> Vec<Finding> {
    let mut known: Vec<(PathBuf, u64, Room)> = Places::default()
        .with(places(site, demand))
        // pip unpacks there.
        .with([(super::disk::existing(&std::env::temp_dir()), demand.env / 2)])
        .into_iter()
        .filter_map(|(place, needed)| Room::at(&place).map(|room| (place, needed, room)))
        .collect();
    known.sort_by_key(|(_, _, room)| room.free);
    let full = |(_, needed, room): &&(PathBuf, u64, Room)| room.is_nothing() || was_full && room.free < *needed;
    let mut named: Vec<_> = known.iter().filter(full).collect();
    if named.is_empty() && was_full {
        named.extend(known.first());
    }
    named.into_iter().map(|(place, needed, room)| finding(place, *needed, *room)).collect()
}

fn finding(place: &Path, needed: u64, room: Room) -> Finding {
    let said = if room.is_nothing() {
        room.said(place)
    } else {
        format!("The disk of {} has little room: {} are free there.", place.display(), human_size(room.free))
    };
    let needed = match needed {
        0 => String::new(),
        needed => format!(" An upgrade may need {} there.", human_size(needed)),
    };
    Finding::fail(
        SUBJECT,
        format!("{said}{needed}"),
        format!("Free some space below {} (old archives, logs, caches), then retry.", place.display()),
    )
}

/// What is left of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Room {
    free: u64,
    /// How many files may be created; none where that has no limit.
    files: Option<u64>,
}

impl Room {
    fn at(place: &Path) -> Option<Self> {
        let disk = rustix::fs::statvfs(place).ok()?;
        let files = (disk.f_files > 0).then_some(disk.f_favail);
        Some(Self { free: disk.f_bavail.saturating_mul(disk.f_frsize), files })
    }

    fn few_files(self) -> bool {
        self.files.is_some_and(|files| files < FEW)
    }

    fn is_nothing(self) -> bool {
        self.free < NOTHING || self.few_files()
    }

    fn said(self, place: &Path) -> String {
        let place = place.display();
        if self.free >= NOTHING && self.few_files() {
            let free = human_size(self.free);
            return format!("The disk of {place} is full: it takes no more files, although {free} are free there.");
        }
        format!("The disk of {place} is full: {} are free there.", human_size(self.free))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_by_bytes_or_by_files() {
        let room = |free, files| Room { free, files };
        let place = Path::new("/srv");
        assert!(!room(NOTHING, None).is_nothing());
        assert_eq!(room(4096, None).said(place), "The disk of /srv is full: 4.0 kB are free there.");
        assert_eq!(
            room(5_000_000, Some(0)).said(place),
            "The disk of /srv is full: it takes no more files, although 5.0 MB are free there."
        );
        let found = finding(place, 12_000_000, room(0, Some(500)));
        assert_eq!(
            (found.text.as_str(), found.remedy.as_deref()),
            (
                "The disk of /srv is full: 0 bytes are free there. An upgrade may need 12.0 MB there.",
                Some("Free some space below /srv (old archives, logs, caches), then retry.")
            )
        );
    }

    #[test]
    fn words_of_a_full_disk_are_known() {
        let words = [
            "OSError: [Errno 28] No space left on device",
            "database or disk is full",
            "No space left on device (os error 28)",
        ];
        assert!(words.iter().all(|words| speaks_of_full(words)));
        assert!(!speaks_of_full("the table is full of rows"));
    }
}
