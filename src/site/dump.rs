//! A dump of the site while it runs, for a rehearsal: `manage.py dump2py` by the site's own Python.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;

use super::find::Site;
use super::process::Group;
use super::rehearse::{command, copy_lines};
use crate::messages::{CommandKind, Ended, Reader, Reading};

/// The environment variable with options for connections to PostgreSQL, and its value for a dump: without it `dump2py`
/// loses rows of large tables, which it reads in slices without an order.
#[must_use]
pub fn postgres_options() -> (&'static str, String) {
    let options = std::env::var("PGOPTIONS").unwrap_or_default();
    ("PGOPTIONS", format!("{options} -c synchronize_seqscans=off").trim().to_owned())
}

/// Dumps the site into a directory, which must not exist, for its owner only. Each line that Lino prints goes to the log
/// and to `printed`. Returns what the lines say. Dropping the future ends Python.
///
/// # Errors
/// What the system says when a file cannot be written or Python cannot be started.
pub async fn dump(site: &Site, dir: &Path, log: &Path, mut printed: impl FnMut(&str)) -> io::Result<Reading> {
    let mut reader = Reader::new(CommandKind::Dump);
    let mut command = command(site, (&[], &site.python))?;
    command.args(["manage.py", "dump2py"]).arg(dir).env("LINO_LOGLEVEL", "INFO");
    if let Some(rows) = site.config.snapshot.max_row_count {
        command.arg("--max-row-count").arg(rows.to_string());
    }
    // Other databases ignore it.
    let (name, value) = postgres_options();
    command.env(name, value);
    let log: File = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(log)?;
    let (from, to) = io::pipe()?;
    command.stdin(Stdio::null()).stdout(to.try_clone()?).stderr(to);
    let mut child = command.spawn()?;
    // The command holds the other end of the pipe.
    drop(command);
    let _group = Group::of(&child);
    let mut feed = |line: &str| {
        reader.feed_line(line);
        printed(line);
    };
    copy_lines(from, log, &mut feed).await?;
    let status = child.wait().await?;
    if dir.is_dir() {
        std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700))?;
    }
    let ended = match (status.code(), status.signal()) {
        (_, Some(signal)) => Ended::Signalled { signal },
        (code, None) => Ended::Exited { code: code.unwrap_or_default() },
    };
    Ok(reader.finish(Some(ended)))
}
