//! Upgrades of real Lino sites by the real program: `tests/sites` builds them, pip really upgrades them.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::io::{BufRead, BufReader};
use std::process::Child;

use serde_json::Value;

use crate::shop::{Shop, WHOLE, all, ended};

#[test]
fn a_real_site_is_upgraded_and_keeps_all_its_rows() {
    let shop = Shop::build();
    let before = shop.goods();
    let (status, events, said) = shop.upgrade();
    assert_eq!((status, said.as_str()), (Some(0), "The site was upgraded from 1.0 to 2.0.\n"));
    assert_eq!(ended(&events), all(&WHOLE));
    assert_eq!(before.values().map(|(rows, _)| rows).sum::<u64>(), 402, "{before:?}");
    shop.unrepair();
    assert_eq!(shop.goods(), before);
}

fn next_event(lines: &mut impl Iterator<Item = std::io::Result<String>>, wanted: impl Fn(&Value) -> bool) {
    for line in lines {
        let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
        if wanted(&event) {
            return;
        }
    }
    panic!("the event did not come");
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
#[ignore = "takes a minute or two; tests/run --full asks for it"]
fn matrix_a_restore_goes_on_when_its_operator_is_killed_and_is_taken_up_again() {
    let shop = Shop::light_on("sqlite", "new_blank");
    let before = shop.goods();
    let mut first = shop.headless().spawn().unwrap();
    let mut lines = BufReader::new(first.stdout.take().unwrap()).lines();
    next_event(&mut lines, |event| event["event"] == "command_started" && event["step"] == "restore");
    kill(first);
    let (status, events, said) = shop.upgrade();
    assert_eq!((status, said.as_str()), (Some(0), "The site was upgraded from 1.0 to 2.0.\n"));
    assert_eq!(ended(&events), all(&WHOLE[8..]));
    let started: Vec<&Value> =
        events.iter().filter(|event| event["event"] == "step_started" && event["step"] == "restore").collect();
    assert_eq!(started.iter().map(|event| &event["attempt"]).collect::<Vec<_>>(), [1]);
    shop.unrepair();
    assert_eq!(shop.goods(), before);
}

#[test]
fn nothing_starts_after_the_wished_step_though_it_is_left_out() {
    let shop = Shop::light_on("sqlite", "new_blank");
    let output = shop.headless().args(["--until", "install"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("Install requirements is skipped; stopped here as wished.\n"), "{said}");
    assert_eq!(output.status.code(), Some(4));
    let attempts: Vec<String> = shop.attempts().into_iter().map(|(step, _)| step).collect();
    assert_eq!(attempts.last().map(String::as_str), Some("install"), "{attempts:?}");
}

#[test]
fn a_second_operator_is_refused_and_told_who_is_at_work() {
    let shop = Shop::light_on("sqlite", "new_blank");
    let mut first = shop.headless().spawn().unwrap();
    let mut lines = BufReader::new(first.stdout.take().unwrap()).lines();
    next_event(&mut lines, |event| event["event"] == "run_opened");
    let (status, events, said) = shop.upgrade();
    assert_eq!(status, Some(2), "{said}");
    assert!(said.ends_with("is upgrading this site.\n"), "{said}");
    assert_eq!(ended(&events), vec![]);
    kill(first);
}
