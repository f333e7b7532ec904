//! The steps of an undo: what was entered is kept, environment, database and static files come back, and the account
//! proves it. Each may be executed again after it was broken off anywhere.

mod database;
mod environment;
mod files;
mod keep;
mod listed;
pub(super) mod since;
mod swap;

use std::path::PathBuf;

pub use database::{account, database};
pub use environment::environment;
pub use files::{indexes, static_files};
pub use keep::{ENTERED, keep};

use super::super::context::Context;
use super::super::undo::kept_in;
use crate::error::{Kind, Report};
use crate::procedure::Undoing;
use crate::site;

/// Returns what this undo knows of the run that it undoes.
fn undoing(context: &Context) -> Undoing {
    context.known().undoing.unwrap_or_default()
}

/// Changes what this undo knows.
async fn learn(context: &Context, change: impl FnOnce(&mut Undoing)) -> Result<(), Report> {
    context.learn(|knowledge| change(knowledge.undoing.get_or_insert_with(Undoing::default))).await
}

/// Returns the private directory of what is kept, and makes it.
fn prepare(context: &Context) -> Result<PathBuf, Report> {
    let dir = kept_in(&context.site, undoing(context).run);
    site::prepare_private(&dir).map_err(|error| {
        Report::new(Kind::Environment, format!("{} cannot be created: {error}.", dir.display()))
            .unchanged("Nothing was changed by this step.")
            .next("Free some disk space, and look who owns the directory.")
    })?;
    Ok(dir)
}
