//! Upgrades of real sites whose new version refuses rows: with decisions, without them, and with rows that get lost.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use lino_upgrade::engine::{Deciding, Event, Keys, NoticeLevel, Wish};
use lino_upgrade::procedure::{RESTORE_AGAIN, StepId, StepState};
use lino_upgrade::triage::Origin;
use serde_json::{Value, json};

use crate::rehearsal_by_wish::{opened, planned, set_name, until};
use crate::shop::{PROGRAM, Shop, WHOLE, all, ended, without_pip_settings};

/// How the steps end: no package is missing, since Lino stays as it is.
fn whole() -> Vec<(String, String)> {
    all(&WHOLE.map(|(step, state)| (step, if step == "install" { "skipped" } else { state })))
}

fn rehearse(shop: &Shop, options: &[&str]) -> Option<i32> {
    let mut command = Command::new(PROGRAM);
    command.arg("--site").arg(&shop.dir).arg("rehearse").args(options);
    without_pip_settings(&mut command);
    command.env("LC_ALL", "C.UTF-8").stdin(Stdio::null()).output().unwrap().status.code()
}

/// Rehearses a dump of the running site, and returns the rows to be decided as a file.
fn rehearsed(shop: &Shop) -> String {
    let file = shop.dir.join("written.toml");
    assert_eq!(rehearse(shop, &["--dump", "--write-decisions", file.to_str().unwrap()]), Some(1));
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
    let decisions = format!("{head}{RESTORE}\n[[decision]]{decided}\n{sale}");
    let state = shop.dir.join(".lino-upgrade");
    std::fs::write(state.join("decisions.toml"), &decisions).unwrap();
    assert_eq!(rehearse(&shop, &["--retry"]), Some(0));
    // What somebody changes in the copy of the rehearsal is in the copy that is restored.
    let copy = state.join("rehearsal/snapshot/restore_decided.py");
    let text = std::fs::read_to_string(&copy).unwrap();
    std::fs::write(&copy, text.replacen("def create_shop_note(", "# by hand\ndef create_shop_note(", 1)).unwrap();
    let (status, events, said) = upgrade(&shop, &decisions);
    let restored = std::fs::read_to_string(shop.dir.join("snapshot/restore_decided.py")).unwrap();
    assert!(restored.contains("# by hand\ndef create_shop_note(") && restored.contains("'Short'"), "{restored}");
    assert_eq!((status, said.as_str()), (Some(0), "The site was upgraded from 1.0 to 2.0.\n"));
    assert_eq!(ended(&events), whole());
    let end = end_of(&events, "restore");
    assert_eq!(end["state"]["summary"], "405 rows of the snapshot are in the database, 1 left out by decisions");
    assert_eq!(
        told(end),
        [
            ("account", "396 rows of the snapshot are in the database with equal values."),
            ("shop_partner", "9 rows have other values in name (9). This is by decision 1."),
            ("shop_sale", "1 row was left out by decision 2, because: wrong"),
        ]
    );
    let plan = events.iter().rfind(|event| event["event"] == "plan_made").unwrap();
    let planned = &plan["steps"][8];
    assert_eq!(
        planned["commands"][0],
        "python .lino-upgrade/python/restore.py manage.py run snapshot/restore_decided.py"
    );
    let purpose = planned["purpose"].as_str().unwrap();
    assert!(purpose.ends_with(" In the last rehearsal, 2.0 took every row with these decisions."), "{purpose}");
    assert_eq!(planned["forecast_from"], "from the rehearsal");
    let run = events.iter().find(|event| event["event"] == "command_started" && event["step"] == "restore").unwrap();
    let line = "python .lino-upgrade/python/restore.py manage.py run snapshot/restore_decided.py --noinput";
    assert_eq!(run["line"], line);
    assert_eq!(shop.rows().iter().find(|(table, _)| table == "shop_sale").unwrap().1, 199);
    // The decisions are those of this upgrade, and of no later one.
    assert!(!state.join("decisions.toml").exists());
    let kept = std::fs::read_to_string(state.join("decisions/run-0001.toml")).unwrap();
    assert_eq!(kept.matches("[[decision]]").count(), 2, "{kept}");

    // The command line says the same of the two dumps.
    let account = |decisions: &[&str]| {
        let mut command = Command::new(PROGRAM);
        command.arg("account").arg(shop.dir.join("snapshot")).arg(state.join("account/after")).args(decisions);
        command.stdin(Stdio::null()).output().unwrap().stdout
    };
    let file = state.join("decisions/run-0001.toml");
    let found: Value = serde_json::from_slice(&account(&["--decisions", file.to_str().unwrap(), "--json"])).unwrap();
    assert_eq!((&found["missing"], &found["unexplained"]), (&json!(1), &json!(0)));
    let because = json!({"shop_sale": [{"decision": 2, "rows": 1, "because": "wrong"}]});
    assert_eq!((&found["explained"], &found["decisions"][1]["choice"]), (&because, &json!("leave_out")));
    let text = String::from_utf8(account(&["--decisions", file.to_str().unwrap()])).unwrap();
    assert!(text.contains("\n  Left out by decision 2: 1 row: wrong\n"), "{text}");
    assert!(text.contains("\n1 of the missing rows explained, 0 not.\n"), "{text}");
}

#[test]
#[ignore = "takes a minute or two; tests/run --full asks for it"]
fn matrix_a_clean_rehearsal_answers_only_for_the_packages_that_it_had() {
    let shop = Shop::of_one_lino("short_name");
    let decided = rehearsed(&shop).replace("\nundecided = true", "\nset = { name = \"Short\" }");
    let state = shop.dir.join(".lino-upgrade");
    std::fs::write(state.join("decisions.toml"), &decided).unwrap();
    assert_eq!(rehearse(&shop, &["--retry"]), Some(0));
    let file = state.join("rehearsal/rehearsed.json");
    let kept = std::fs::read_to_string(&file).unwrap();
    let mut setting: Value = serde_json::from_str(&kept).unwrap();
    let django = setting["packages"]["Django"].as_str().unwrap().to_owned();
    setting["packages"]["Django"] = json!("5.0");
    std::fs::write(&file, setting.to_string()).unwrap();
    let (status, events, said) = upgrade(&shop, &decided);
    assert_eq!(status, Some(3), "{said}");
    assert!(said.contains("A decision is needed. compare.verdict: Rows are in the way of the restore."), "{said}");
    let older = format!(
        "In the last rehearsal, 2.0 took every row with these decisions. But it is older than what is installed now: \
         django was 5.0 and is {django}."
    );
    let end = told(end_of(&events, "compare"));
    assert!(end.contains(&("rehearsal", &older)), "{end:?}");

    // With the packages of the upgrade it does.
    std::fs::write(&file, &kept).unwrap();
    let (status, events, said) = upgrade(&shop, &decided);
    assert_eq!((status, said.as_str()), (Some(0), "The site was upgraded from 1.0 to 2.0.\n"));
    let clean = "In the last rehearsal, 2.0 took every row with these decisions.";
    let end = told(end_of(&events, "compare"));
    assert!(end.contains(&("rehearsal", clean)), "{end:?}");
}

#[test]
fn rows_without_a_decision_stop_the_upgrade_until_they_are_left_out() {
    let shop = Shop::of_one_lino("short_name");
    let gone = "\n[[decision]]\nmodel = \"shop.Sale\"\nrows = [\"2000\"]\nleave_out = true\n";
    let before = shop.rows();
    let (status, _, said) = upgrade(&shop, &format!("{RESTORE}{gone}"));
    assert_eq!((status, shop.rows()), (Some(3), before), "{said}");
    assert!(said.contains("shop.Sale: The snapshot has no row 2000 in shop_sale."), "{said}");

    let (status, events, said) = upgrade(&shop, &format!("{RESTORE}\"restore.unfit\" = \"r\"\n"));
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
    let kept = std::fs::read_to_string(shop.dir.join(".lino-upgrade/decisions/run-0001.toml")).unwrap();
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
        for wish in wishes {
            handle.wish(wish);
        }
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
    shop.configure(&[("[site]\n", "[commands]\npull = \"echo pulled\"\n\n[steps]\ninstall = \"skip\"\ncheckdata = \"skip\"\nrestore = \"run\"\n\n[site]\n")]);
    let mut asked = Vec::new();
    let mut states = Vec::new();
    drive(&shop, |event, wishes| {
        match event {
            Event::Asked { ask } => {
                asked.push((ask.question.clone(), ask.title.clone(), ask.recommended));
                match ask.question.as_str() {
                    "triage.unsaved" => wishes.push(choose("triage.unsaved", 'w')),
                    "start-services.missing" => wishes.push(choose("start-services.missing", 'g')),
                    _ => {}
                }
            }
            Event::Rested { .. } if asked.last().unwrap().0 == "triage.unsaved" => {
                wishes.extend([Wish::Skip(StepId::Triage), Wish::Continue]);
                asked.push(("skipped".into(), String::new(), None));
            }
            Event::PlanMade { steps } => states = steps.iter().map(|step| step.state.clone()).collect(),
            Event::Rested { .. } if asked.last().unwrap().0 == "start-services.missing" => return false,
            Event::Rested { summary, .. } if summary == "Triage was left out." => {}
            Event::Rested { summary, .. } | Event::RunEnded { summary, .. } => panic!("{summary}"),
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

    // A wizard that is opened later shows the rows that the restore refused.
    let mut later = opened(&shop);
    let told = until(&mut later, |event| match event {
        Event::Triaged { origin, rows, undecided, .. } => Some((origin, rows, undecided)),
        _ => None,
    })
    .await;
    assert_eq!(told, (Origin::Restore, 4, 4));
    later.wish(Wish::Leave);
    while later.events.recv().await.is_some() {}
}

#[tokio::test]
#[ignore = "takes a minute or two; tests/run --full asks for it"]
async fn matrix_all_reasons_are_found_after_the_restore_too_and_decisions_are_restored_again() {
    let shop = Shop::of_one_lino("short_name");
    let mut questions = Vec::new();
    let mut found = Vec::new();
    let mut outcome = None;
    drive(&shop, |event, wishes| {
        match event {
            Event::Asked { ask } if ask.question == "compare.verdict" => wishes.push(choose("compare.verdict", 'r')),
            Event::Asked { ask } if ask.question == "triage.unsaved" => {
                // The log of the restore has told the rows before anybody is asked.
                assert_eq!(found.first(), Some(&(Origin::Restore, 1, 41, 41)));
                questions.push(ask.text.rsplit_once(". ").unwrap().1.to_owned());
                wishes.push(choose("triage.unsaved", if questions.len() == 1 { 'h' } else { 'r' }));
            }
            Event::Triaged { triage: Some(triage), .. } => {
                found.push((triage.origin, triage.causes.causes.len(), triage.causes.failures.len(), triage.open()));
                // As soon as the causes are known, before the question comes again.
                if found.len() == 1 {
                    wishes.push(Wish::Decide(Deciding::Take(set_name(triage, "Short"))));
                }
            }
            Event::Noticed { level: NoticeLevel::Warning | NoticeLevel::Error, text } => panic!("{text}"),
            Event::Rested { summary, .. } if summary.ends_with(RESTORE_AGAIN) => wishes.push(Wish::Continue),
            Event::Rested { summary, .. } => panic!("{summary}"),
            Event::RunEnded { summary, .. } => {
                outcome = Some(summary.clone());
                return false;
            }
            _ => {}
        }
        true
    })
    .await;
    assert_eq!(found[..2], [(Origin::Restore, 1, 41, 41), (Origin::Restore, 1, 41, 0)]);
    // The rehearsal and the second restore have refused nothing, and say so.
    assert_eq!(found.last(), Some(&(Origin::Restore, 0, 0, 0)), "{found:?}");
    assert_eq!(questions.len(), 2, "{questions:?}");
    assert_eq!(outcome.as_deref(), Some("The site was upgraded from 1.0 to 2.0."));
    assert_eq!(shop.rows().iter().map(|(_, rows)| rows).sum::<u64>(), 402);
}
