//! The disks that a command writes to: it counts as ended when all of it is on them, so that no power cut takes back
//! what a record promises.

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::fs::{Mode, OFlags, fstat, open, syncfs};
use rustix::io::Errno;

/// The file systems of some directories.
pub(super) struct Disks(Vec<OwnedFd>);

impl Disks {
    /// Opens them before anything is written: what goes wrong from now on is told by [`Self::flush`]. A directory that
    /// is not there or cannot be read is left out.
    pub fn of(dirs: &[PathBuf]) -> Self {
        let mut known = Vec::new();
        let mut disks = Vec::new();
        for dir in dirs {
            let Ok(disk) = open(dir, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) else {
                continue;
            };
            let Ok(device) = fstat(&disk).map(|data| data.st_dev) else { continue };
            if !known.contains(&device) {
                known.push(device);
                disks.push(disk);
            }
        }
        Self(disks)
    }

    /// Waits until everything that was written is on the disks; says when one of them could not write it.
    pub fn flush(&self) -> Result<(), Errno> {
        for disk in &self.0 {
            // Some file systems know no such thing, and say so by other errors.
            if let Err(error @ (Errno::IO | Errno::NOSPC | Errno::DQUOT)) = syncfs(disk) {
                return Err(error);
            }
        }
        Ok(())
    }
}
