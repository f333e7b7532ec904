//! The command lines of a site: from its configuration, else from the files that are there.

use crate::procedure::{Configured, Knowledge, Lines, with_copy};
use crate::site::{self, CommandLine, Role, Site, StepChoice, Surroundings, beside, detect, quote, simulate};

/// Fills the command lines and the configured steps into what is known of this run.
pub fn of_site(knowledge: &mut Knowledge, site: &Site, run: i64) {
    let config = &site.config;
    let directory = directory(&config.snapshot.directory.to_string_lossy());
    let found = detect(site, &Surroundings::of_this_process()).services;
    let known_index = knowledge.lines.buildindexes.take();
    let commands = &config.commands;
    let max_row_count = knowledge.max_row_count.or(config.snapshot.max_row_count);
    let restore = or_else(commands.restore.as_ref(), || format!("python manage.py run {directory}/restore.py"));
    let swift = |line: &str| site::restore::line(site, "sqlite", line);
    knowledge.lines = Lines {
        swift: [swift(&restore), with_copy(&restore).and_then(|copy| swift(&copy))],
        restore,
        snapshot: match (&commands.snapshot, &site.make_snapshot, max_row_count) {
            (Some(line), ..) => line.line(),
            (None, Some(_), None) => site.snapshot_command().map(|line| line.line()).unwrap_or_default(),
            // make_snapshot.sh takes no options: with a row limit its work is done by hand.
            (None, _, limit) => {
                let limit = limit.map_or_else(String::new, |rows| format!(" --max-row-count {rows}"));
                format!(
                    "rm -rf {directory} && python manage.py dump2py --noinput{limit} {directory} && \
                     python -m zipfile -c snapshot.zip {directory} && echo make_snapshot terminated successfully"
                )
            }
        },
        pull: site.pull_command().map(|line| line.line()),
        checkdata: or_else(commands.checkdata.as_ref(), || "python manage.py checkdata --fix".into()),
        collectstatic: or_else(commands.collectstatic.as_ref(), || "python manage.py collectstatic --noinput".into()),
        buildindexes: commands.buildindexes.as_ref().map(CommandLine::line).or(known_index),
        simulate: simulate::line(site, run),
        install: or_else(commands.install.as_ref(), || beside::INSTALL.into()),
        stop: found.iter().filter(|one| one.role == Role::Writer).map(|one| one.stop.line()).collect(),
        start: found
            .iter()
            .map(|one| match (&one.role, &one.restart) {
                (Role::Proxy, Some(restart)) => restart.line(),
                _ => one.start.line(),
            })
            .collect(),
    };
    knowledge.configured = config
        .steps
        .iter()
        .filter_map(|(step, setting)| match setting {
            StepChoice::Run => Some((*step, Configured::Run)),
            StepChoice::Skip => Some((*step, Configured::Skip)),
            StepChoice::Auto => None,
        })
        .collect();
}

/// Returns the directory as a word of a command line, which no program takes for an option.
fn directory(name: &str) -> String {
    if name.starts_with('-') { quote(&format!("./{name}")) } else { quote(name) }
}

fn or_else(configured: Option<&CommandLine>, usual: impl FnOnce() -> String) -> String {
    configured.map_or_else(usual, CommandLine::line)
}
