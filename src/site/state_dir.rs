//! The place of journal, logs and copies: one per site, not one per user, so that two operators meet in it.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::surroundings::{Surroundings, is_writable};

/// Its name in the site's directory.
pub const NAME: &str = ".lino-upgrade";

/// Decides where the state of the site in `dir` (canonical) is kept:
/// 1. in the site, when it is there already or can be made;
/// 2. below `/var/lib` for root: `HOME` may be somebody else's under `sudo`;
/// 3. in the user's own state directory.
#[must_use]
pub fn choose(dir: &Path, around: &Surroundings) -> PathBuf {
    let own = dir.join(NAME);
    // One that is there is the place, even if it is another user's: two operators must not miss each other.
    if own.symlink_metadata().is_ok() || is_writable(dir) {
        return own;
    }
    let system = around.system("var/lib");
    if around.root && is_writable(&system) {
        return system.join("lino-upgrade").join(key(dir));
    }
    match &around.user_state {
        Some(state) => state.join("lino-upgrade").join(key(dir)),
        // Preparing it will fail and say why.
        None => own,
    }
}

/// Returns a name for the site that a person recognises and that no other site has.
fn key(dir: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    // FNV-1a: no secret is at stake, only that two sites do not meet.
    let hash =
        dir.as_os_str().as_bytes().iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    let name = dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).take(40).collect();
    format!("{}-{hash:016x}", if name.is_empty() { "site" } else { &name })
}

/// Something in a state directory with which this user cannot work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// The file or directory.
    pub path: PathBuf,
    /// The number of the user whom it belongs to.
    pub owner: u32,
}

/// Finds what another user has left in the state directory, so that this one cannot go on; none for root, and none when
/// there is no state yet. What is readable does no harm, whoever owns it.
pub fn foreign(dir: &Path) -> Option<Foreign> {
    if rustix::process::geteuid().is_root() {
        return None;
    }
    let own = std::fs::symlink_metadata(dir).ok()?;
    if own.uid() != rustix::process::geteuid().as_raw() {
        return Some(Foreign { path: dir.to_owned(), owner: own.uid() });
    }
    let entries = |dir: &Path| std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries(dir).find_map(|entry| {
        closed(&entry.path()).or_else(|| {
            let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
            is_dir.then(|| entries(&entry.path()).find_map(|entry| closed(&entry.path()))).flatten()
        })
    })
}

fn closed(path: &Path) -> Option<Foreign> {
    use rustix::fs::Access;
    let data = std::fs::symlink_metadata(path).ok().filter(|data| !data.is_symlink())?;
    let wanted = match (data.is_dir(), path.file_name().is_some_and(|name| name == "journal.sqlite")) {
        (true, _) => Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK,
        (false, true) => Access::READ_OK | Access::WRITE_OK,
        (false, false) => Access::READ_OK,
    };
    let is_closed = rustix::fs::access(path, wanted).is_err();
    is_closed.then(|| Foreign { path: path.to_owned(), owner: data.uid() })
}

/// Creates the directory with mode 0700, also below a directory that is setgid and with any umask. Refuses one that
/// belongs to somebody else: passwords of steps and rows of the site may pass through its logs.
pub fn prepare(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let data = std::fs::symlink_metadata(dir)?;
    if data.is_symlink() {
        return Err(io::Error::other("it is a link, which could lead anywhere"));
    }
    let me = rustix::process::geteuid();
    if data.uid() != me.as_raw() && !me.is_root() {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("it belongs to another user (id {}): upgrade the site as that user or as root", data.uid()),
        ));
    }
    // mkdir keeps the setgid bit of the parent; chmod takes it away.
    if data.permissions().mode() & 0o7777 != 0o700 {
        std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}
