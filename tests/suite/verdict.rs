//! Upgrades of real sites whose restore is skipped: because it is proved that it may be, or because somebody says so.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::io::{BufRead, BufReader};

use lino_upgrade::compare::{Evidence, Verdict};
use serde_json::Value;

use crate::shop::{Shop, WHOLE, all, ended};

/// How the steps end when the restore is skipped.
fn without_restore() -> Vec<(String, String)> {
    let state = |step: &str, state: &'static str| if step == "restore" { "skipped" } else { state };
    all(&WHOLE.map(|(step, end)| (step, state(step, end))))
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
fn a_table_that_somebody_changed_by_hand_makes_the_restore_needed() {
    let shop = Shop::of_one_lino("");
    let before = shop.goods();
    shop.query("cursor.execute('alter table shop_partner add column legacy varchar(10) null')");
    let (status, events, said) = shop.upgrade();
    assert_eq!(status, Some(0), "{said}");
    assert_eq!(ended(&events), all(&WHOLE));
    let found = &evidence(&events)[0];
    let told: Vec<&str> = found.found.iter().map(|found| found.difference.sentence.as_str()).collect();
    assert_eq!(
        (found.verdict, told),
        (Verdict::Restore, vec!["Column legacy of table shop_partner is of no use to the new version."])
    );
    shop.unrepair();
    assert_eq!(shop.goods(), before);
}

#[test]
fn rows_in_the_way_are_for_a_person_to_decide_who_may_act_against_the_evidence() {
    let shop = Shop::of_one_lino("drop_email");
    let before = shop.goods();
    let (status, events, said) = shop.upgrade();
    assert_eq!(status, Some(3), "{said}");
    assert!(said.contains("A decision is needed. compare.verdict: Rows are in the way of the restore."), "{said}");
    assert_eq!(ended(&events).last().unwrap(), &("compare".to_owned(), "interrupted".to_owned()));
    let first = evidence(&events);
    let sentence = "RESTORE after decisions: it would stop at shop_partner.py.";
    assert_eq!((first[0].verdict, first[0].sentence.as_str()), (Verdict::Decide, sentence));

    let (status, events, said) = upgrade(&shop, &[("compare.verdict", "s")]);
    assert_eq!(status, Some(0), "{said}");
    assert_eq!(ended(&events), without_restore()[7..]);
    // What was found is told when the run is taken up, and found again by the new attempt.
    assert_eq!(evidence(&events), [first[0].clone(), first[0].clone()]);
    let skipped = events.iter().find(|event| event["event"] == "step_ended" && event["step"] == "restore").unwrap();
    assert_eq!(skipped["state"]["because"], "left out by the operator, although it would stop at shop_partner.py");
    shop.unrepair();
    assert_eq!(shop.goods(), before);
    let expected = "compare compare.verdict s\ncompare compare.overruled skip\ndecide decide\n";
    assert_eq!(decisions(&shop), expected);
}
