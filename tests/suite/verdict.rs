//! Upgrades of real sites whose restore is skipped: because it is proved that it may be, or because somebody says so.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::io::{BufRead, BufReader};

use lino_upgrade::compare::{Evidence, Verdict};
use lino_upgrade::engine::{Attendance, Event, Handle, Keys, Options, Wish, open};
use lino_upgrade::procedure::StepId;
use serde_json::Value;

use crate::shop::{PROGRAM, Shop, WHOLE, all, ended};

/// How the steps end: no package is missing, since Lino stays as it is.
fn whole() -> Vec<(String, String)> {
    all(&WHOLE.map(|(step, state)| (step, if step == "install" { "skipped" } else { state })))
}

/// How they end when the restore is skipped.
fn without_restore() -> Vec<(String, String)> {
    let skipped = |step: &str| step == "restore";
    whole()
        .into_iter()
        .map(|(step, state)| if skipped(&step) { (step, "skipped".into()) } else { (step, state) })
        .collect()
}

fn evidence(events: &[Value]) -> Vec<Evidence> {
    let compared = events.iter().filter(|event| event["event"] == "compared");
    compared.map(|event| serde_json::from_value(event["evidence"].clone()).unwrap()).collect()
}

/// Upgrades with these answers.
fn upgrade(shop: &Shop, answers: &[(&str, &str)]) -> (Option<i32>, Vec<Value>, String) {
    let file = shop.dir.join("decisions.toml");
    let lines: Vec<String> = answers.iter().map(|(question, key)| format!("\"{question}\" = \"{key}\"\n")).collect();
    std::fs::write(&file, format!("[answers]\n{}", lines.concat())).unwrap();
    let mut child = shop.headless().arg("--decisions").arg(&file).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let events = lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    let output = child.wait_with_output().unwrap();
    (output.status.code(), events, String::from_utf8(output.stderr).unwrap())
}

/// Step, question and choice of each decision in the journal.
fn decisions(shop: &Shop) -> String {
    shop.query(
        "import sqlite3\n\
         c = sqlite3.connect('file:.lino-upgrade/journal.sqlite?mode=ro', uri=True)\n\
         for row in c.execute(\"select step, question, choice from decisions where step in ('compare', 'restore') order by id\"):\n\
         \x20   print(*row)\n\
         print(*[row[0] for row in c.execute('select verdict from evidence order by id')])\n",
    )
}

#[test]
fn a_new_version_that_changes_no_table_is_not_restored_and_the_site_works() {
    let shop = Shop::of_one_lino("other_words,new_default,light");
    let before = shop.goods();
    let (status, events, said) = shop.upgrade();
    assert_eq!((status, said.as_str()), (Some(0), "The site was upgraded from 1.0 to 2.0.\n"));
    assert_eq!(ended(&events), without_restore());
    let found = evidence(&events);
    assert_eq!(found.iter().map(|found| found.verdict).collect::<Vec<_>>(), [Verdict::Skip]);
    assert_eq!((found[0].found.as_slice(), found[0].left_out.as_slice()), (&[][..], &[][..]));
    let skipped = events.iter().find(|event| event["event"] == "step_ended" && event["step"] == "restore").unwrap();
    let because =
        "the tables of the database are already as the new version wants them, and no value of any row is refused";
    assert_eq!(skipped["state"]["because"], because);
    shop.unrepair();
    assert_eq!(shop.goods(), before);
    assert_eq!(decisions(&shop), "skip\n");
}

#[test]
#[ignore = "takes a minute; tests/run --full asks for it"]
fn matrix_a_table_that_somebody_changed_by_hand_makes_the_restore_needed() {
    let shop = Shop::of_one_lino("");
    let before = shop.goods();
    shop.query("cursor.execute('alter table shop_partner add column legacy varchar(10) null')");
    let (status, events, said) = shop.upgrade();
    assert_eq!(status, Some(0), "{said}");
    assert_eq!(ended(&events), whole());
    let found = &evidence(&events)[0];
    let told: Vec<&str> = found.found.iter().map(|found| found.difference.sentence.as_str()).collect();
    assert_eq!(
        (found.verdict, told),
        (Verdict::Restore, vec!["Column legacy of table shop_partner is of no use to the new version."])
    );
    shop.unrepair();
    assert_eq!(shop.goods(), before);
}

/// A wizard without a screen: it answers as recommended, and does what `each` wants after each event, until that
/// returns false.
async fn drive(shop: &Shop, mut each: impl FnMut(&Event, &Handle) -> bool) {
    let options = Options {
        site: Some(shop.dir.clone()),
        cwd: shop.dir.clone(),
        attendance: Attendance::Headless,
        exe: Some(PROGRAM.into()),
    };
    let mut handle = open(options);
    while let Some(event) = handle.events.recv().await {
        if let Event::Asked { ask } = &event
            && let Some(key) = ask.recommended
        {
            handle.wish(Wish::Choose { question: ask.question.clone(), key });
        }
        if let Event::InputAwaited { certain: true, .. } = &event {
            handle.wish(Wish::Type(Keys::new(*b"y")));
        }
        if !each(&event, &handle) {
            break;
        }
    }
    handle.wish(Wish::Leave);
    while handle.events.recv().await.is_some() {}
}

#[tokio::test]
async fn rows_in_the_way_are_for_a_person_to_decide_who_may_act_against_the_evidence() {
    let shop = Shop::of_one_lino("rename_email");
    let before = shop.goods();
    let (status, events, said) = shop.upgrade();
    assert_eq!(status, Some(3), "{said}");
    assert!(said.contains("A decision is needed. compare.verdict: Rows are in the way of the restore."), "{said}");
    assert_eq!(ended(&events).last().unwrap(), &("compare".to_owned(), "interrupted".to_owned()));
    let first = evidence(&events).remove(0);
    let sentence = "RESTORE after decisions: it would stop at shop_partner.py.";
    assert_eq!((first.verdict, first.sentence.as_str()), (Verdict::Decide, sentence));
    let told_again = what_is_said_of_a_renaming_is_kept(&shop, &first).await;

    let (status, events, said) = upgrade(&shop, &[("compare.verdict", "s")]);
    assert_eq!(status, Some(0), "{said}");
    assert_eq!(ended(&events), without_restore()[7..]);
    // What was found is told when the run is taken up, and found again by the new attempt.
    assert_eq!(evidence(&events), [told_again.clone(), told_again]);
    let skipped = events.iter().find(|event| event["event"] == "step_ended" && event["step"] == "restore").unwrap();
    assert_eq!(skipped["state"]["because"], "left out by the operator, although it would stop at shop_partner.py");
    shop.unrepair();
    assert_eq!(shop.goods(), before);
    let expected = "compare compare.renamed renamed: shop.Partner.email → shop.Partner.e_mail\n\
        compare compare.verdict s\ncompare compare.overruled skip\ndecide decide decide\n";
    assert_eq!(decisions(&shop), expected);
}

/// Says that it was renamed, and comes back later.
async fn what_is_said_of_a_renaming_is_kept(shop: &Shop, first: &Evidence) -> Evidence {
    let mut seen: Vec<Evidence> = Vec::new();
    drive(shop, |event, handle| {
        let Event::Compared { evidence, .. } = event else { return true };
        if seen.is_empty() {
            handle.wish(Wish::Renamed { index: 0, renamed: Some(true) });
        }
        seen.push((**evidence).clone());
        seen.len() < 2
    })
    .await;
    drive(shop, |event, _| {
        let Event::Compared { evidence, .. } = event else { return true };
        seen.push((**evidence).clone());
        false
    })
    .await;
    let remedy = "Write `e_mail=email` instead of `email=email` in the create function in the copy of restore.py, or let \
                  a migrator do so with @override.";
    let mut renamed = first.clone();
    renamed.renamings[0].decided = Some(true);
    renamed.found[0].remedy = Some(remedy.to_owned());
    assert_eq!(seen, [first.clone(), renamed.clone(), renamed.clone()]);
    renamed
}

#[tokio::test]
#[ignore = "takes a minute; tests/run --full asks for it"]
async fn matrix_a_restore_that_may_be_skipped_can_be_wanted_and_this_is_recorded() {
    let shop = Shop::of_one_lino("");
    let before = shop.goods();
    let mut begun = false;
    let mut ends = Vec::new();
    drive(&shop, |event, handle| {
        match event {
            Event::PlanMade { .. } if !begun => {
                begun = true;
                handle.wish(Wish::Continue);
            }
            Event::StepStarted { step: StepId::Compare, .. } => handle.wish(Wish::PauseAfterStep),
            Event::Rested { .. } => handle.wish(Wish::Run(StepId::Restore)),
            Event::StepEnded { step, state, .. } => ends.push((step.to_string(), state.word().to_owned())),
            _ => {}
        }
        !matches!(event, Event::RunEnded { .. })
    })
    .await;
    assert_eq!(ends, whole());
    assert_eq!(decisions(&shop), "restore compare.overruled restore\nskip\n");
    shop.unrepair();
    assert_eq!(shop.goods(), before);
}
