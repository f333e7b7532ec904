//! The command that loads the snapshot: an upgrade's restore, and the one by which an undo brings the old rows back.

use super::super::context::{Command, CommandEnd, Context};
use crate::error::{Kind, Report};
use crate::messages::{CommandKind, FailureCause, Judgement};

/// What the names of these commands begin with.
pub const RESTORE: &str = "restore";
/// The one that is run once more.
const AGAIN: &str = "restore-again";

/// Writes the script by which a restore may be run.
pub fn prepare(context: &Context) -> Result<(), Report> {
    crate::site::restore::prepare(&context.site).map_err(|error| {
        Report::new(Kind::Environment, format!("The script that restores cannot be written: {error}."))
            .unchanged("The database was not changed.")
            .next("Free some disk space, then retry.")
    })
}

/// What becomes of rows that point to each other, which Lino before 25.8 gives up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Circles {
    /// The upgrade shows what the new version makes of the snapshot.
    AsLinoDoes,
    /// They are loaded all the same: the old rows have to be back (`assets/python/restore.py`).
    Closed,
}

/// Runs a restore; once more where it has stumbled over what a killed one has left behind.
///
/// On PostgreSQL `initdb` of Lino writes migrations into the packages of Lino, and deletes them when it ends, also when it
/// fails. Those of one that was killed stay: the next one lacks tables, fails before it has loaded anything, and deletes
/// them.
pub async fn load(context: &Context, line: String, circles: Circles) -> Result<CommandEnd, Report> {
    let command = |name: &str, line: String| match circles {
        Circles::AsLinoDoes => Command::new(name, CommandKind::Restore, line),
        Circles::Closed => Command::new(name, CommandKind::Restore, line).env("LINO_UPGRADE_CIRCLES", "close"),
    };
    let end = context.command(command(RESTORE, line.clone())).await?;
    let lacks_table = matches!(&end.reading.judgement, Judgement::Failed { cause: FailureCause::MissingTable, .. });
    let has_stumbled = lacks_table && end.reading.loaded.is_none() && context.known().engine == "postgresql";
    if !has_stumbled || context.is_cancelled() {
        return Ok(end);
    }
    context.note(
        "A restore that is killed on PostgreSQL leaves migrations behind in the packages of Lino; the next one fails \
         because of them, and deletes them. So it is restored once more.",
    )?;
    // It was asked already whether the database may be emptied.
    let line = if line.contains("--noinput") { line } else { format!("{line} --noinput") };
    context.command(command(AGAIN, line)).await
}
