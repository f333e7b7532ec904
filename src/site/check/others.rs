//! Who else is at work on the site at this moment, besides the services that serve it.

use crate::procedure::Finding;
use crate::site::find::Site;
use crate::site::surroundings::Surroundings;
use crate::site::writers::{Own, site_processes};

/// Words in the command lines of programs that serve the site; those are stopped with the services.
const SERVING: [&str; 10] =
    ["runserver", "linod", "wsgi", "asgi", "gunicorn", "daphne", "uvicorn", "hypercorn", "celery", "runworker"];

/// Finds those who run commands of the site, or make snapshots of it.
#[must_use]
pub fn second_operator(site: &Site, around: &Surroundings) -> Vec<Finding> {
    const SUBJECT: &str = "second operator";
    let found = site_processes(site, around, &Own::default());
    let busy: Vec<Finding> = found
        .writers
        .iter()
        .filter(|writer| !SERVING.iter().any(|word| writer.who.contains(word)))
        .map(|writer| {
            Finding::warn(
                SUBJECT,
                format!("{} ({}) {}.", writer.who, writer.id, writer.what),
                "Wait until it has ended, or ask whoever started it: what it writes could be lost.",
            )
        })
        .collect();
    if !busy.is_empty() {
        return busy;
    }
    vec![match found.unseen {
        0 => Finding::pass(SUBJECT, "Nobody else is at work on the site."),
        // Seldom: the program of another user whose directory is hidden.
        unseen => Finding::pass(
            SUBJECT,
            format!("Nobody else is seen at work on the site; {unseen} processes of others could not be looked into."),
        ),
    }]
}
