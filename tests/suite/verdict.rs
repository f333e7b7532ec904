//! Upgrades of real sites whose restore is skipped: because it is proved that it may be, or because somebody says so.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use assert_fs::TempDir;
use lino_upgrade::compare::{Evidence, Source, Verdict};
use lino_upgrade::engine::{Attendance, Event, Handle, Keys, Options, Wish, open};
use lino_upgrade::procedure::StepId;
use serde_json::Value;

use crate::demo::rows;
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
    let because = "the tables of the database are already as the new version wants them, every stored value fits its column and choices, and no other code checks the rows";
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
#[ignore = "takes a minute or two; tests/run --full asks for it"]
async fn matrix_rows_in_the_way_are_for_a_person_to_decide_who_may_act_against_the_evidence() {
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

    // The column has its old name, so that skipping is a mistake here; but it is the operator's to make.
    let (status, events, said) = upgrade(&shop, &[("compare.verdict", "s")]);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("no such column: shop_partner.e_mail"), "{said}");
    let steps = ["compare", "restore", "triage", "buildindexes", "collectstatic", "checkdata"];
    let how = ["done", "skipped", "skipped", "skipped", "done", "failed"];
    assert_eq!(ended(&events), all(&std::array::from_fn::<_, 6, _>(|at| (steps[at], how[at]))));
    // What was found is told when the run is taken up, and found again by the new attempt.
    assert_eq!(evidence(&events), [told_again.clone(), told_again]);
    let skipped = events.iter().find(|event| event["event"] == "step_ended" && event["step"] == "restore").unwrap();
    assert_eq!(skipped["state"]["because"], "left out by the operator, although it would stop at shop_partner.py");
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

/// A file of the demo site, with its placeholders replaced.
fn demo(name: &str, port: u16) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo").join(name);
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.replace("{{app}}", "noi").replace("{{title}}", "Noi").replace("{{secret}}", "nobody-needs-it");
    text.replace("{{port}}", &port.to_string())
}

/// Runs a line in the shell there, which must work.
fn shell(dir: &std::path::Path, line: &str) {
    let mut command = Command::new("sh");
    command.args(["-c", line]).current_dir(dir).env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {said}");
}

/// Two releases of Lino of one month differ in what happens when a user is deleted, and in nothing that a table knows.
#[test]
#[ignore = "builds a site from the package index; tests/run --full asks for it"]
fn matrix_the_next_release_of_lino_is_not_restored_where_it_changes_no_table() {
    let home = TempDir::new().unwrap();
    let dir = home.path();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for name in ["manage.py", "settings.py", "migrate.py", "make_snapshot.sh", "pull.sh", "web.sh", "lino-upgrade.toml"]
    {
        std::fs::write(dir.join(name), demo(name, port)).unwrap();
    }
    let new = demo("noi-26.9.2.txt", port);
    let old = new.replace("lino==26.10.8", "lino==26.10.6").replace("lino-xl==26.10.5", "lino-xl==26.10.4");
    assert_ne!(old, new);
    std::fs::write(dir.join("packages.txt"), new).unwrap();
    std::fs::write(dir.join("old.txt"), old).unwrap();
    std::fs::write(dir.join("web.port"), port.to_string()).unwrap();
    std::fs::create_dir(dir.join("log")).unwrap();
    shell(dir, "chmod +x *.sh manage.py && python3 -m venv env && env/bin/python -m pip install -q setuptools==79.0.1");
    shell(dir, "env/bin/python -m pip install -q --no-build-isolation -r old.txt");
    shell(dir, "env/bin/python manage.py prep --noinput && env/bin/python manage.py collectstatic --noinput");
    shell(dir, "./web.sh start > web.log 2>&1");
    let mut command = Command::new(PROGRAM);
    command.arg("--site").arg(dir).args(["run", "--headless", "--yes"]).env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    let output = command.output().unwrap();
    shell(dir, "./web.sh stop");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let events: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(ended(&events), without_restore());
    let found = evidence(&events).remove(0);
    let quiet = found.noise.iter().filter(|found| found.sources == [Source::Models]);
    let quiet: Vec<&str> = quiet.map(|found| found.difference.sentence.as_str()).collect();
    assert_eq!(quiet, ["notify.Message.user behaves otherwise when its target is deleted."]);
    assert_eq!((found.verdict, found.found.as_slice(), found.left_out.as_slice()), (Verdict::Skip, &[][..], &[][..]));
    // What `checkdata` writes is its own affair.
    let goods = |database: &str| {
        let mut rows = rows(dir, database);
        rows.retain(|table, _| !["checkdata_message", "memo_mention"].contains(&table.as_str()));
        rows
    };
    let before = goods(".lino-upgrade/protect/run-0001/database.sqlite");
    assert!(before.values().sum::<u64>() > 3000, "{before:?}");
    assert_eq!(goods("default.db"), before);
}
