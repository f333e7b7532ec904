//! A copied directory takes its old place again, in exchange with what is there.
//!
//! ```text
//!   copy ──cp──► DIR.part-NNNN ──rename──► DIR.undone-NNNN ◄──exchange──► DIR
//! ```

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::super::super::StepEnd;
use super::super::super::clock::now;
use super::super::super::context::{Command, Context};
use super::super::unfinished;
use super::undoing;
use crate::error::{Kind, Report, Tell};
use crate::messages::CommandKind;
use crate::procedure::Finding;
use crate::site::quote;

/// The command that makes a copy of the copy.
pub const COMMAND: &str = "copy";

/// The journal's fact by which a copy is known again: its inode.
fn fact(what: &str) -> String {
    format!("undo-{what}")
}

/// Tells whether a copy is in its old place.
pub async fn is_in_place(context: &Context, what: &str, place: &Path) -> Result<bool, Report> {
    let copied: Option<i64> = context.journal.fact(context.run, &fact(what)).await.map_err(|error| error.tell())?;
    Ok(copied.is_some() && inode(place) == copied)
}

fn inode(path: &Path) -> Option<i64> {
    std::fs::symlink_metadata(path).ok().map(|data| data.ino().cast_signed())
}

/// Puts a copy of the copy in its old place, and what is there aside; returns where that is, or the end of the step.
pub async fn swap(
    context: &Context,
    what: &str,
    copy: &Path,
    place: &Path,
) -> Result<Result<PathBuf, StepEnd>, Report> {
    // The copy is known again by its inode when it is in its place.
    let fact = fact(what);
    let beside = |suffix: String| {
        let mut name = place.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let number = undoing(context).run;
    let (part, aside) = (beside(format!(".part-{number:04}")), beside(format!(".undone-{number:04}")));
    let spare = beside(format!(".spare-{number:04}"));
    let recorded: Option<i64> = context.journal.fact(context.run, &fact).await.map_err(|error| error.tell())?;
    let is_copy = |path: &Path| recorded.is_some() && inode(path) == recorded;
    let copied = if let Some(copied) = recorded.filter(|_| is_copy(place) || is_copy(&aside)) {
        copied
    } else {
        let [from, to] = [copy, &part].map(|path| quote(&path.to_string_lossy()));
        let line = format!("rm -rf {to} && cp -a --reflink=auto {from} {to}");
        let end = context.command(Command::new(COMMAND, CommandKind::Other, line)).await?;
        if let Some(end) = unfinished(&end) {
            return Ok(Err(end.with(vec![Finding::fail(
                what,
                format!("The copy cannot be made in {}.", place.parent().unwrap_or(place).display()),
                "Free some disk space there, or start lino-upgrade as a user who may write there, then retry.",
            )])));
        }
        let gone = || unmovable(&part, &"it is not there");
        let copied = inode(&part).ok_or_else(gone)?;
        context.journal.record(context.run, &fact, &copied, now()).await.map_err(|error| error.tell())?;
        if aside.symlink_metadata().is_ok() {
            // Put aside by an attempt that nobody knows of any more.
            let other = beside(format!(".undone-{number:04}-{}", now()));
            std::fs::rename(&aside, other).map_err(|error| unmovable(&aside, &error))?;
        }
        std::fs::rename(&part, &aside).map_err(|error| unmovable(&part, &error))?;
        copied
    };
    exchange(copied, &aside, place, &spare).map_err(|error| unmovable(place, &error))?;
    Ok(Ok(aside))
}

fn unmovable(path: &Path, error: &dyn std::fmt::Display) -> Report {
    Report::new(Kind::Environment, format!("{} cannot be moved: {error}.", path.display()))
        .next("Start lino-upgrade as a user who may write there (as root, or by sudo), then retry.")
}

/// Exchanges the copy, known by its inode, with what is in its place, as far as this was not done before. There
/// is never nothing in that place, where the file system knows how.
fn exchange(copied: i64, aside: &Path, place: &Path, spare: &Path) -> std::io::Result<()> {
    if inode(aside) == Some(copied) {
        if place.symlink_metadata().is_ok() {
            match renameat_with(CWD, aside, CWD, place, RenameFlags::EXCHANGE) {
                Ok(()) => return Ok(()),
                Err(rustix::io::Errno::NOSYS | rustix::io::Errno::INVAL | rustix::io::Errno::NOTSUP) => {}
                Err(error) => return Err(error.into()),
            }
            std::fs::rename(place, spare)?;
        }
        std::fs::rename(aside, place)?;
    }
    if spare.symlink_metadata().is_ok() {
        std::fs::rename(spare, aside)?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use assert_fs::TempDir;

    use super::*;

    /// Returns what is in the place, aside and spare.
    fn look(paths: &[PathBuf; 3]) -> [Option<String>; 3] {
        [0, 1, 2].map(|at| std::fs::read_to_string(paths.get(at).unwrap().join("name")).ok())
    }

    fn put(path: &Path, name: &str) -> i64 {
        std::fs::create_dir(path).unwrap();
        std::fs::write(path.join("name"), name).unwrap();
        inode(path).unwrap()
    }

    #[test]
    fn an_exchange_that_was_broken_off_anywhere_is_brought_to_its_end() {
        // What is in the place, aside and spare when it begins again.
        let cases: [[Option<&str>; 3]; 4] = [
            [Some("new"), Some("copy"), None],
            [None, Some("copy"), Some("new")],
            [Some("copy"), None, Some("new")],
            [Some("copy"), Some("new"), None],
        ];
        for case in cases {
            let dir = TempDir::new().unwrap();
            let paths = ["env", "env.undone", "env.spare"].map(|name| dir.path().join(name));
            let mut copied = 0;
            for (path, name) in paths.iter().zip(case) {
                let Some(name) = name else { continue };
                let inode = put(path, name);
                copied = if name == "copy" { inode } else { copied };
            }
            let [place, aside, spare] = &paths;
            exchange(copied, aside, place, spare).unwrap();
            let expected = [Some("copy".to_owned()), Some("new".to_owned()), None];
            assert_eq!(look(&paths), expected, "{case:?}");
            exchange(copied, aside, place, spare).unwrap();
            assert_eq!(look(&paths), expected, "{case:?}");
        }
    }
}
