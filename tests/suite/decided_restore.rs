//! Upgrades of real sites whose new version refuses rows: with decisions, without them, and with rows that get lost.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use lino_upgrade::engine::{Event, Keys, Wish};
use lino_upgrade::procedure::{StepId, StepState};
use serde_json::Value;

use crate::rehearsal_by_wish::{opened, planned};
use crate::shop::{PROGRAM, Shop, WHOLE, all, ended, without_pip_settings};

/// How the steps end: no package is missing, since Lino stays as it is.
fn whole() -> Vec<(String, String)> {
    all(&WHOLE.map(|(step, state)| (step, if step == "install" { "skipped" } else { state })))
}

/// Rehearses a dump of the running site, and returns the rows to be decided as a file.
fn rehearsed(shop: &Shop) -> String {
    let file = shop.dir.join("written.toml");
    let mut command = Command::new(PROGRAM);
    command.arg("--site").arg(&shop.dir).args(["rehearse", "--dump", "--write-decisions"]).arg(&file);
    without_pip_settings(&mut command);
    let output = command.env("LC_ALL", "C.UTF-8").stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::read_to_string(&file).unwrap()
}

fn upgrade(shop: &Shop, decisions: &str) -> (Option<i32>, Vec<Value>, String) {
    let file = shop.dir.join("mine.toml");
    std::fs::write(&file, decisions).unwrap();
    let mut child = shop.headless().arg("--decisions").arg(&file).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let events = lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    let output = child.wait_with_output().unwrap();
    (output.status.code(), events, String::from_utf8(output.stderr).unwrap())
}

fn end_of<'a>(events: &'a [Value], step: &str) -> &'a Value {
    events.iter().rfind(|event| event["event"] == "step_ended" && event["step"] == step).unwrap()
}

/// Subject and text of what a step found.
fn told(end: &Value) -> Vec<(&str, &str)> {
    let findings = end["findings"].as_array().unwrap().iter();
    findings.map(|finding| (finding["subject"].as_str().unwrap(), finding["text"].as_str().unwrap())).collect()
}

const RESTORE: &str = "[answers]\n\"compare.verdict\" = \"r\"\n";

#[test]
fn a_site_is_upgraded_with_decisions_and_every_missing_row_is_explained() {
    let shop = Shop::of_one_lino("short_name");
    let written = rehearsed(&shop);
    let (head, undecided) = written.split_once("[[decision]]").unwrap();
    let decided = undecided.replacen("undecided = true", "set = { name = \"Short\" }", 1);
    let sale = "[[decision]]\nmodel = \"shop.Sale\"\nrows = [\"200\"]\nbecause = \"wrong\"\nleave_out = true\n";
    let (status, events, said) = upgrade(&shop, &format!("{head}{RESTORE}\n[[decision]]{decided}\n{sale}"));
    assert_eq!((status, said.as_str()), (Some(0), "The site was upgraded from 1.0 to 2.0.\n"));
    assert_eq!(ended(&events), whole());
    let end = end_of(&events, "restore");
    assert_eq!(end["state"]["summary"], "405 rows of the snapshot are in the database, 1 are left out");
    assert_eq!(
        told(end),
        [
            ("account", "396 rows of the snapshot are in the database with equal values."),
            ("shop_partner", "9 rows have other values in name (9). This is by decision 1."),
            ("shop_sale", "1 row was left out by decision 2, because: wrong"),
        ]
    );
    let plan = events.iter().rfind(|event| event["event"] == "plan_made").unwrap();
    assert_eq!(plan["steps"][8]["commands"][0], "python manage.py run snapshot/restore_decided.py");
    let run = events.iter().find(|event| event["event"] == "command_started" && event["step"] == "restore").unwrap();
    assert_eq!(run["line"], "python manage.py run snapshot/restore_decided.py --noinput");
    assert_eq!(shop.rows().iter().find(|(table, _)| table == "shop_sale").unwrap().1, 199);
    let kept = std::fs::read_to_string(shop.dir.join(".lino-upgrade/decisions.toml")).unwrap();
    assert_eq!(kept.matches("[[decision]]").count(), 2, "{kept}");
}

#[test]
fn rows_without_a_decision_stop_the_upgrade_until_they_are_left_out() {
    let shop = Shop::of_one_lino("short_name");
    let (status, events, said) = upgrade(&shop, RESTORE);
    assert_eq!(status, Some(3), "{said}");
    assert!(said.contains("A decision is needed. triage.unsaved: 41 rows were not saved."), "{said}");
    let told = told(end_of(&events, "restore"));
    assert!(
        told.iter().any(|(subject, text)| *subject == "shop_partner" && text.contains(" are missing: ")),
        "{told:?}"
    );

    let (status, events, said) = upgrade(&shop, &format!("{RESTORE}\"triage.unsaved\" = \"x\"\n"));
    assert_eq!((status, said.as_str()), (Some(0), "The site was upgraded from 1.0 to 2.0.\n"));
    assert_eq!(end_of(&events, "triage")["state"]["state"], "done");
    let kept = std::fs::read_to_string(shop.dir.join(".lino-upgrade/decisions.toml")).unwrap();
    assert!(kept.contains("model = \"shop.Partner\"") && kept.contains("leave_out = true"), "{kept}");
}

/// A wizard without a screen that answers as recommended; `each` may answer other questions, and ends it by false.
async fn drive(shop: &Shop, mut each: impl FnMut(&Event, &mut Vec<Wish>) -> bool) {
    let mut handle = opened(shop);
    planned(&mut handle).await;
    handle.wish(Wish::Continue);
    while let Some(event) = handle.events.recv().await {
        if let Event::Asked { ask } = &event
            && let Some(key) = ask.recommended
        {
            handle.wish(Wish::Choose { question: ask.question.clone(), key });
        }
        if let Event::InputAwaited { certain: true, .. } = &event {
            handle.wish(Wish::Type(Keys::new(*b"y\r")));
        }
        let mut wishes = Vec::new();
        let on = each(&event, &mut wishes);
        wishes.into_iter().for_each(|wish| handle.wish(wish));
        if !on {
            break;
        }
    }
    handle.wish(Wish::Leave);
    while handle.events.recv().await.is_some() {}
}

fn choose(question: &str, key: char) -> Wish {
    Wish::Choose { question: question.into(), key }
}

#[tokio::test]
async fn services_do_not_start_while_an_old_lino_has_lost_rows_of_a_circle() {
    let shop = Shop::build();
    shop.configure(&[("[commands]\n", "[commands]\npull = \"true\"\n"), ("[steps]\n", "[steps]\nrestore = \"run\"\n")]);
    let mut asked = Vec::new();
    let mut states = Vec::new();
    drive(&shop, |event, wishes| {
        match event {
            Event::Asked { ask } => {
                asked.push((ask.question.clone(), ask.title.clone(), ask.recommended));
                match ask.question.as_str() {
                    "triage.unsaved" => wishes.push(choose("triage.unsaved", 'w')),
                    "start-services.missing" => wishes.push(choose("start-services.missing", 't')),
                    _ => {}
                }
            }
            Event::Rested { .. } if asked.last().unwrap().0 == "triage.unsaved" => {
                wishes.extend([Wish::Skip(StepId::Triage), Wish::Continue]);
                asked.push(("skipped".into(), String::new(), None));
            }
            Event::PlanMade { steps } => states = steps.iter().map(|step| step.state.clone()).collect(),
            Event::Rested { .. } if asked.last().unwrap().0 == "start-services.missing" => return false,
            Event::RunEnded { .. } => panic!("it must not end"),
            _ => {}
        }
        true
    })
    .await;
    let asked: Vec<(&str, &str, Option<char>)> =
        asked.iter().map(|(name, title, key)| (name.as_str(), title.as_str(), *key)).collect();
    assert_eq!(
        asked[1..],
        [
            ("triage.unsaved", "4 rows were not saved", None),
            ("skipped", "", None),
            ("start-services.missing", "4 rows of the snapshot are missing", None),
        ]
    );
    assert!(matches!(states[8], StepState::Done { .. }), "{states:?}");
    assert_eq!((&states[9], &states[13]), (&StepState::Pending, &StepState::Pending));
}
