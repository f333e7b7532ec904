//! Rehearsals that the wizard starts on a running site, and the decisions that follow: through the engine, as the wizard
//! uses it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::path::PathBuf;
use std::sync::Arc;

use lino_upgrade::engine::{Attendance, Cancel, Deciding, Event, Handle, NoticeLevel, Options, Rehearsing, Wish, open};
use lino_upgrade::triage::{Choice, Decision, Given, Origin, Triage, bulk};

use crate::shop::{PROGRAM, Shop};

pub fn opened(shop: &Shop) -> Handle {
    open(Options {
        site: Some(shop.dir.clone()),
        cwd: shop.dir.clone(),
        attendance: Attendance::Wizard,
        exe: Some(PROGRAM.into()),
    })
}

/// Waits for the first event of which `wanted` makes something.
pub async fn until<T>(handle: &mut Handle, mut wanted: impl FnMut(Event) -> Option<T>) -> T {
    while let Some(event) = handle.events.recv().await {
        if let Event::Troubled { report } = &event {
            panic!("{report}");
        }
        if let Some(found) = wanted(event) {
            return found;
        }
    }
    panic!("the engine has ended");
}

pub async fn planned(handle: &mut Handle) {
    until(handle, |event| matches!(event, Event::PlanMade { .. }).then_some(())).await;
}

async fn triaged(handle: &mut Handle) -> Arc<Triage> {
    until(handle, |event| if let Event::Triaged { triage, .. } = event { triage } else { None }).await
}

async fn copied(handle: &mut Handle) -> Arc<Triage> {
    until(handle, |event| match event {
        Event::Triaged { triage: Some(triage), .. } if triage.copy.is_some() => Some(triage),
        _ => None,
    })
    .await
}

async fn leave(mut handle: Handle) {
    handle.wish(Wish::Leave);
    while handle.events.recv().await.is_some() {}
}

pub fn set_name(triage: &Triage, name: &str) -> Vec<Decision> {
    let rows = triage.causes.causes[0].rows.clone();
    bulk(&triage.causes, rows, &Choice::Set([("name".to_owned(), Given::Text(name.into()))].into()), "too long")
        .decisions
}

/// Causes, rows, undecided rows, and whether it is outdated.
fn sums(triage: &Triage) -> (usize, usize, usize, bool) {
    (triage.causes.causes.len(), triage.causes.failures.len(), triage.open(), triage.outdated)
}

#[tokio::test]
async fn a_rehearsal_survives_its_wizard_and_its_rows_are_decided() {
    let shop = Shop::of_one_lino("short_name");
    let contents = shop.contents();
    let mut first = opened(&shop);
    planned(&mut first).await;
    first.wish(Wish::Rehearse(Rehearsing::Whole));
    let log: PathBuf = until(&mut first, |event| match event {
        Event::RehearsalStarted { retry: false, log, .. } => Some(log),
        _ => None,
    })
    .await;
    // Nothing else starts meanwhile.
    first.wish(Wish::Continue);
    let refused = until(&mut first, |event| match event {
        Event::Noticed { level: NoticeLevel::Warning, text } => Some(text),
        Event::StepStarted { .. } => panic!("a step was started"),
        _ => None,
    })
    .await;
    assert_eq!(refused, "A rehearsal is running; wait for its end or cancel it.");
    leave(first).await;

    let mut second = opened(&shop);
    let (mut started, mut total) = (None, None);
    let ended = until(&mut second, |event| match event {
        Event::RehearsalStarted { log, .. } => {
            started = Some(log);
            None
        }
        Event::Rehearsing { total: rows, .. } => {
            total = rows.or(total);
            None
        }
        Event::RehearsalEnded { loaded, refused, clean, problem, .. } => Some((loaded, refused, clean, problem)),
        _ => None,
    })
    .await;
    assert_eq!((started, total), (Some(log.clone()), Some(406)), "{}", std::fs::read_to_string(&log).unwrap());
    assert_eq!(ended, (365, 41, false, None), "{}", std::fs::read_to_string(&log).unwrap());
    let triage = triaged(&mut second).await;
    assert_eq!((triage.origin, triage.versions.clone()), (Origin::Rehearsal, ["1.0".to_owned(), "2.0".to_owned()]));
    assert_eq!(sums(&triage), (1, 41, 41, false));
    assert_eq!(shop.contents(), contents);

    // A decision is written at once, and becomes a copy of the script beside the dump.
    let file = shop.dir.join(".lino-upgrade/decisions.toml");
    second.wish(Wish::Decide(Deciding::Take(set_name(&triage, "Short"))));
    let decided = triaged(&mut second).await;
    assert_eq!((sums(&decided), decided.copy.clone()), ((1, 41, 0, true), None));
    assert!(std::fs::read_to_string(&file).unwrap().contains("set = { name = \"Short\" }"));
    let with_copy = copied(&mut second).await;
    assert_eq!((sums(&with_copy), with_copy.unfit.clone()), ((1, 41, 0, true), vec![]));
    let copy = PathBuf::from(with_copy.copy.clone().unwrap());
    assert_eq!(copy, PathBuf::from(&with_copy.script).with_file_name("restore_decided.py"));
    assert!(std::fs::read_to_string(&copy).unwrap().contains("'Short'"));
    second.wish(Wish::Decide(Deciding::Undo));
    let undone = triaged(&mut second).await;
    assert_eq!((sums(&undone), undone.decisions.is_empty()), ((1, 41, 41, false), true));
    assert!(!std::fs::read_to_string(&file).unwrap().contains("Short"));
    second.wish(Wish::Decide(Deciding::Redo));
    assert_eq!(sums(copied(&mut second).await.as_ref()), (1, 41, 0, true));
    leave(second).await;

    // What somebody changes in the file between two sessions counts.
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("\"Short\"", "\"By hand\"")).unwrap();
    let mut third = opened(&shop);
    let found = triaged(&mut third).await;
    assert_eq!(sums(&found), (1, 41, 0, true));
    assert!(format!("{:?}", found.decisions).contains("By hand"));
    third.wish(Wish::Rehearse(Rehearsing::Retry));
    let ended = until(&mut third, |event| match event {
        Event::RehearsalEnded { loaded, clean, problem, .. } => Some((loaded, clean, problem)),
        _ => None,
    })
    .await;
    assert_eq!(ended, (406, true, None));
    // Only what was refused was loaded.
    let told = std::fs::read_to_string(shop.dir.join(".lino-upgrade/rehearsal/rehearsal.jsonl")).unwrap();
    assert!(told.contains("\"kept\": 365") && !told.contains("\"anew\""), "{told}");
    assert_eq!(sums(triaged(&mut third).await.as_ref()), (0, 0, 0, false));
    assert_eq!(shop.contents(), contents);
    leave(third).await;

    // A mistake is told with its line, and the file stays as it is.
    let wrong = std::fs::read_to_string(&file).unwrap().replace("set = ", "sett = ");
    std::fs::write(&file, &wrong).unwrap();
    let mut fourth = opened(&shop);
    let told = loop {
        if let Some(Event::Troubled { report }) = fourth.events.recv().await {
            break report;
        }
    };
    assert!(told.excerpt.as_ref().unwrap().contains("| sett = { name"), "{told}");
    fourth.wish(Wish::Decide(Deciding::Take(set_name(&triage, "Other"))));
    loop {
        if let Some(Event::Troubled { .. }) = fourth.events.recv().await {
            break;
        }
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), wrong);
    leave(fourth).await;
}

#[tokio::test]
async fn a_rehearsal_is_cancelled_and_leaves_nothing_running() {
    let shop = Shop::of_one_lino("short_name");
    let mut handle = opened(&shop);
    planned(&mut handle).await;
    handle.wish(Wish::Rehearse(Rehearsing::Whole));
    until(&mut handle, |event| matches!(event, Event::Rehearsing { .. }).then_some(())).await;
    // A second one does not begin beside it.
    let mut second = std::process::Command::new(PROGRAM);
    second.arg("--site").arg(&shop.dir).args(["rehearse", "--dump"]).stdin(std::process::Stdio::null());
    let output = second.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.starts_with("Another rehearsal of this site runs already.\n"), "{said}");
    handle.wish(Wish::Cancel(Cancel::Interrupt));
    let problem = until(&mut handle, |event| match event {
        Event::RehearsalEnded { problem, .. } => Some(problem),
        _ => None,
    })
    .await;
    assert_eq!(problem.as_deref(), Some("The rehearsal was stopped before its end."));
    leave(handle).await;
}
