//! No room for the account: its dump waits for some, and whoever has none may have the rows counted instead.

use std::path::Path;
use std::time::Duration;

use super::super::super::context::Context;
use super::super::super::{Ask, Event};
use crate::error::{Kind, Report};
use crate::site::check::{free_space, human_size, tree_size};

/// How often it is looked whether there is room.
const LOOK: Duration = Duration::from_secs(1);

/// Asks what to do without room, and waits for it; false when the account is to be left out. `lacks` counts how often
/// there was no room in this attempt: each time more is waited for.
pub async fn made(context: &Context, dir: &Path, why: &str, lacks: u64) -> bool {
    let snapshot = context.site.dir.join(&context.site.config.snapshot.directory);
    let size = tokio::task::spawn_blocking(move || tree_size(&snapshot)).await.unwrap_or_default();
    let wanted = wanted(size, lacks);
    if context.ask(question(context, dir, why, wanted)).await != Some('r') {
        return false;
    }
    let mut told = false;
    loop {
        let free = free(dir);
        if free >= wanted || context.is_cancelled() {
            return !context.is_cancelled();
        }
        if !told {
            told = true;
            let what =
                format!("The dump for the account of every row cannot be written down: {} are free.", human_size(free));
            let next = format!(
                "Free some space below {} (old archives, logs, caches); it goes on by itself when {} are free.",
                dir.display(),
                human_size(wanted)
            );
            let report = Report::new(Kind::Environment, what)
                .unchanged("The rows are restored; only nobody has counted them yet.");
            let _ = context.events.send(Event::Troubled { report: report.next(next) });
        }
        context.progress(0, None, format!("waiting for room: {} of {} are free", human_size(free), human_size(wanted)));
        tokio::time::sleep(LOOK).await;
    }
}

/// A dump takes about as much as that of the snapshot, and what failed before was too little.
fn wanted(snapshot: u64, lacks: u64) -> u64 {
    (snapshot / 4).saturating_mul(4 + lacks).max(1_000_000)
}

/// Where the system does not say how much is free, it is just tried again.
fn free(dir: &Path) -> u64 {
    free_space(dir).unwrap_or(u64::MAX)
}

fn question(context: &Context, dir: &Path, why: &str, wanted: u64) -> Ask {
    Ask {
        question: "account.room".into(),
        step: context.step,
        title: "No room for the account".into(),
        text: format!(
            "The snapshot is restored. To prove that every row of it is there, the new version dumps the database into {}, \
             and that failed: {why} The disk of {} is full: {} are free there, and about {} are needed. Free some space \
             (old archives, logs, caches).",
            dir.display(),
            dir.display(),
            human_size(free(dir)),
            human_size(wanted),
        ),
        choices: vec![
            ('r', "dump again, as soon as there is room".into()),
            ('c', "no account: only count the rows of each table".into()),
        ],
        recommended: Some('r'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_is_waited_for_each_time_and_never_nothing() {
        let size = 400_000_000;
        assert_eq!([1, 2, 4].map(|lacks| wanted(size, lacks)), [500_000_000, 600_000_000, 800_000_000]);
        assert_eq!(wanted(0, 1), 1_000_000);
    }
}
