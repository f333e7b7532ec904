//! A scripted engine for looking at the wizard by hand and for driving it in a pseudo-terminal. No part of the product.
//!
//! `cargo test --test suite -- --ignored --exact ui_fake::wizard --nocapture`, with `UI_FAKE` naming a scene: `watch`,
//! `trouble`, `panic`, `compare` (begins with the comparison), `long` (the same with scripts of 150,000 lines), `lost`
//! (the same with a script that is not there), `over` (an upgrade is over, and can be undone). In all of them `h`
//! rehearses, with rows that were refused by a real site, and `u` undoes: nothing at first, without a loss after the
//! failed check of the data, and with rows that are lost after the end.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::format_push_string, reason = "a test tool")]

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lino_upgrade::engine::{Ask, Event, NoticeLevel, Outcome, PlannedStep, Rehearsing, Versions, Wish};
use lino_upgrade::error::{Kind, Report};
use lino_upgrade::procedure::{DumpScripts, Finding, StepId, StepState};
use lino_upgrade::ui::{Options, run};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::ui_fake_evidence;
use crate::ui_fake_triage::Refused;
use crate::ui_fake_undo::{self, Upgrade};

/// Answers wishes like an engine would, without any site.
struct Fake {
    events: UnboundedSender<Event>,
    wishes: UnboundedReceiver<Wish>,
    dir: PathBuf,
    steps: Vec<PlannedStep>,
    refused: Option<Refused>,
    upgrade: Upgrade,
}

fn planned(step: StepId) -> PlannedStep {
    PlannedStep {
        step,
        title: step.title().into(),
        purpose: step.purpose().into(),
        commands: vec![format!("python manage.py {step} --with some --options that are long")],
        forecast: Some(4),
        forecast_from: Some("from the run of 2026-11-01".into()),
        way_back: "u brings 25.1.1 back; nothing of it was changed so far.".into(),
        state: StepState::Pending,
        attempts: 0,
        seconds: None,
        log: None,
        findings: Vec::new(),
    }
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

impl Fake {
    fn tell(&self, event: Event) {
        let _ = self.events.send(event);
    }

    fn log(&self, step: StepId) -> PathBuf {
        self.dir.join(format!("{step}.log"))
    }

    fn print(&self, step: StepId, text: &[u8]) {
        append(&self.log(step), text);
    }

    async fn play(mut self) {
        let scene = std::env::var("UI_FAKE").unwrap_or_default();
        tokio::time::sleep(Duration::from_millis(300)).await;
        self.tell(Event::SiteFound {
            name: "myproject".into(),
            dir: "/srv/lino/myproject".into(),
            python: None,
            config: None,
        });
        tokio::time::sleep(Duration::from_millis(300)).await;
        self.tell(Event::FactsLearned {
            versions: Versions {
                application: "noi".into(),
                old: "25.1.1".into(),
                new: Some("26.9.2".into()),
                lino: "25.1.2".into(),
                django: "5.2.4".into(),
            },
            database: "postgresql".into(),
            models: 95,
            languages: vec!["en".into(), "de".into(), "fr".into()],
        });
        self.tell(Event::RunOpened {
            run: 3,
            resumed: false,
            started: now(),
            state_dir: self.dir.clone(),
            undoes: None,
        });
        self.tell(Event::PlanMade { steps: self.steps.clone() });
        if scene == "watch" {
            self.tell(Event::Watching { operator: "anna on pts/3".into(), since: now() });
        }
        if scene == "trouble" {
            self.tell(Event::Troubled {
                report: Report::new(Kind::Environment, "The disk with the journal is full.")
                    .unchanged("The site was not touched.")
                    .next("Free some space on /var and start again.")
                    .log("/var/lib/lino-upgrade/run-3.log"),
            });
        }
        if scene == "panic" {
            let _ = std::thread::spawn(|| {
                std::thread::sleep(Duration::from_secs(1));
                #[expect(clippy::panic, reason = "this scene shows what a fault leaves of the terminal")]
                {
                    panic!("a fault");
                }
            });
        }
        if ["compare", "long", "lost"].contains(&scene.as_str()) {
            self.compare(&scene).await;
        }
        if scene == "over" {
            self.over();
        }
        while let Some(wish) = self.wishes.recv().await {
            match wish {
                Wish::PlanUndo => self.plan_undo(),
                Wish::Undo { run } => self.undo(run).await,
                Wish::Continue | Wish::Run(_) => self.go().await,
                Wish::Leave => return,
                Wish::OpenShell => self.shell().await,
                Wish::Skip(step) => self.tell(Event::StepEnded {
                    step,
                    attempt: 0,
                    state: StepState::Skipped { because: "left out by the operator".into() },
                    seconds: 0.0,
                    findings: vec![],
                }),
                Wish::TakeOver => self.tell(Event::Driving),
                Wish::Rehearse(what) => self.rehearse(what).await,
                Wish::Decide(wish) => {
                    if let Some(refused) = &mut self.refused {
                        let problem = refused.decide(wish);
                        let told = refused.told();
                        self.tell(told);
                        if let Some(event) = problem {
                            self.tell(event);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// Loads rows for some seconds, and tells which were refused.
    async fn rehearse(&mut self, what: Rehearsing) {
        let log = self.dir.join("rehearsal.log");
        append(&log, b"of before\n");
        let from = std::fs::metadata(&log).unwrap().len();
        self.tell(Event::RehearsalStarted { retry: what == Rehearsing::Retry, log: log.clone(), from, at: now() });
        for n in 1..=40_u64 {
            append(&log, format!("Loading {n} objects to table contacts_partner...\n").as_bytes());
            self.tell(Event::Rehearsing { done: n * 170, total: Some(6806), text: "Loading contacts_partner".into() });
            tokio::time::sleep(Duration::from_millis(60)).await;
            if matches!(self.wishes.try_recv(), Ok(Wish::Cancel(_))) {
                let problem = Some("The rehearsal was ended before it was over.".to_owned());
                self.tell(Event::RehearsalEnded { seconds: 1.0, loaded: 0, refused: 0, clean: false, problem });
                return;
            }
        }
        match (&mut self.refused, what) {
            (Some(refused), Rehearsing::Retry) => refused.retry(),
            (Some(_), Rehearsing::Whole) => self.refused = Some(Refused::of(&self.dir, "noi-decided")),
            (None, _) => self.refused = Some(Refused::of(&self.dir, "noi-first")),
        }
        let refused = self.refused.as_ref().map_or(0, Refused::rows);
        let (loaded, clean) = (6806 - refused, refused == 0);
        self.tell(Event::RehearsalEnded { seconds: 2.4, loaded, refused, clean, problem: None });
        let told = self.refused.as_ref().map(Refused::told);
        if let Some(event) = told {
            self.tell(event);
        }
    }

    /// Tells evidence, and asks what is to be done.
    async fn compare(&mut self, scene: &str) {
        let fixture = |name| format!("{}/tests/fixtures/dumps/{name}/restore.py", env!("CARGO_MANIFEST_DIR"));
        let mut scripts = DumpScripts { snapshot: fixture("noi-25.1.1"), simulated: fixture("noi-26.9.2-simulated") };
        if scene == "long" {
            for (path, side) in [(&mut scripts.snapshot, "25.1.1"), (&mut scripts.simulated, "26.9.2")] {
                let file = self.dir.join(side);
                std::fs::write(&file, ui_fake_evidence::long_script(150_000, side)).unwrap();
                *path = file.display().to_string();
            }
        } else if scene == "lost" {
            scripts.simulated = "/nowhere/t/restore.py".into();
        }
        let told = |decided| Event::Compared {
            evidence: Box::new(ui_fake_evidence::evidence(decided)),
            scripts: Some(scripts.clone()),
        };
        self.tell(told(None));
        self.tell(Event::Asked {
            ask: Ask {
                question: "compare.verdict".into(),
                step: StepId::Compare,
                title: "Restore the snapshot?".into(),
                text: "The restore is needed, and 315 rows are in its way.".into(),
                choices: vec![('r', "Restore it".into()), ('l', "Leave the restore out".into())],
                recommended: None,
            },
        });
        while let Some(wish) = self.wishes.recv().await {
            match wish {
                Wish::Renamed { renamed, .. } => self.tell(told(renamed)),
                Wish::Choose { question, key } => {
                    self.tell(Event::Chosen { question, key, by: "operator".into() });
                    return;
                }
                Wish::Leave => std::process::exit(0),
                _ => {}
            }
        }
    }

    async fn shell(&mut self) {
        let log = self.dir.join("shell.log");
        append(&log, b"old bytes\r\n");
        self.tell(Event::ShellOpened { log: log.clone(), from: 11 });
        append(&log, b"\x1b[1;32mlino@server\x1b[0m:~/myproject$ ");
        while let Some(wish) = self.wishes.recv().await {
            match wish {
                Wish::Type(keys) if keys.expose() == b"\x04" => break,
                Wish::Type(keys) => {
                    append(&log, &String::from_utf8_lossy(keys.expose()).replace('\r', "\r\n").into_bytes());
                }
                Wish::Leave => std::process::exit(0),
                _ => {}
            }
        }
        self.tell(Event::ShellClosed);
    }

    async fn go(&mut self) {
        for step in StepId::ALL {
            self.tell(Event::StepStarted { step, attempt: 1, log: self.log(step), at: now() });
            self.tell(Event::CommandStarted { step, command: 1, line: format!("manage.py {step}"), at: now() });
            match step {
                StepId::StopServices => {
                    self.ask(step).await;
                    self.tell(Event::DownSince { at: Some(now()) });
                }
                StepId::Compare => self.compare("compare").await,
                StepId::Snapshot => self.input(step, "Are you sure you want to make a snapshot? [y/n] ", false).await,
                StepId::Pull => self.input(step, "[sudo] password for lino: ", true).await,
                StepId::Restore => {
                    for n in 0..2_000_000_u64 {
                        if n.is_multiple_of(2000) {
                            let mut lines = String::new();
                            for k in n..n + 2000 {
                                lines
                                    .push_str(&format!("Loading {k} objects to table contacts_person of the site\r\n"));
                            }
                            if n == 4000 {
                                lines.push_str("WARNING something is odd\r\nValueError: Traceback (most recent)\r\n");
                            }
                            self.print(step, lines.as_bytes());
                            self.tell(Event::Progressed {
                                step,
                                done: n,
                                total: Some(2_000_000),
                                text: format!("{n} rows loaded"),
                            });
                            tokio::time::sleep(Duration::from_millis(1)).await;
                        }
                    }
                }
                StepId::CheckData => {
                    self.tell(Event::StepEnded {
                        step,
                        attempt: 1,
                        state: StepState::Failed { because: "checkdata ended with status 1".into() },
                        seconds: 3.2,
                        findings: vec![Finding::fail(
                            "checkdata",
                            "The command could not import lino_xl.lib.cal.",
                            "Install it with pip, then press r to run this step again.",
                        )],
                    });
                    self.upgrade = Upgrade::Stuck;
                    self.tell(Event::Rested { outcome: Outcome::Failed, summary: "Step 13 failed.".into() });
                    while let Some(wish) = self.wishes.recv().await {
                        match wish {
                            Wish::Run(_) | Wish::Continue => break,
                            Wish::OpenShell => self.shell().await,
                            Wish::PlanUndo => self.plan_undo(),
                            Wish::Undo { run } => return self.undo(run).await,
                            Wish::Leave => return,
                            _ => {}
                        }
                    }
                }
                _ => {
                    for n in 0..40 {
                        self.print(
                            step,
                            format!("\x1b[32mline {n}\x1b[0m of {step}, which says some rather long words\r\n")
                                .as_bytes(),
                        );
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
            }
            self.tell(Event::CommandEnded { step, command: 1, exit: Some(0), signal: None, seconds: 1.0 });
            self.tell(Event::StepEnded {
                step,
                attempt: 1,
                state: StepState::Done { summary: "all is well, 6 806 rows".into() },
                seconds: 1.0,
                findings: vec![Finding::pass("exit status", "The command ended with 0.")],
            });
        }
        self.tell(Event::DownSince { at: None });
        self.tell(Event::Noticed { level: NoticeLevel::Info, text: "The site is up again.".into() });
        self.over();
    }

    /// Tells that the upgrade is over.
    fn over(&mut self) {
        self.upgrade = Upgrade::Over;
        for step in &mut self.steps {
            step.state = StepState::Done { summary: "all is well, 6 806 rows".into() };
            step.attempts = 1;
        }
        self.tell(Event::PlanMade { steps: self.steps.clone() });
        self.tell(Event::RunEnded { outcome: Outcome::Done, summary: "The site runs noi 26.9.2.".into() });
    }

    fn plan_undo(&self) {
        self.tell(Event::UndoPlanned { plan: Box::new(ui_fake_undo::plan(self.upgrade)) });
    }

    /// Goes back, step by step.
    async fn undo(&mut self, run: i64) {
        let steps = ui_fake_undo::plan(self.upgrade).steps;
        self.tell(Event::RunOpened {
            run: 4,
            resumed: false,
            started: now(),
            state_dir: self.dir.clone(),
            undoes: Some(run),
        });
        self.tell(Event::PlanMade { steps: steps.clone() });
        self.tell(Event::DownSince { at: Some(now()) });
        for step in steps.into_iter().filter(|step| !step.state.is_settled()).map(|step| step.step) {
            self.tell(Event::StepStarted { step, attempt: 1, log: self.log(step), at: now() });
            self.tell(Event::CommandStarted { step, command: 1, line: format!("({step})"), at: now() });
            for n in 0..40 {
                self.print(step, format!("line {n} of {step}\r\n").as_bytes());
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            self.tell(Event::CommandEnded { step, command: 1, exit: Some(0), signal: None, seconds: 2.0 });
            if step == StepId::UndoConfirm {
                self.tell(Event::DownSince { at: None });
                self.tell(Event::Asked { ask: ui_fake_undo::question() });
                self.answered().await;
            }
            let (summary, findings) = ui_fake_undo::ended(step);
            let state = StepState::Done { summary: summary.into() };
            self.tell(Event::StepEnded { step, attempt: 1, state, seconds: 2.0, findings });
        }
        self.upgrade = Upgrade::Undone;
        let summary = "The old version is back: 25.1.1.".into();
        self.tell(Event::RunEnded { outcome: Outcome::Done, summary });
    }

    async fn ask(&mut self, step: StepId) {
        self.tell(Event::Asked {
            ask: Ask {
                question: "stop-services.confirm".into(),
                step,
                title: "Stop the services now?".into(),
                text: "Users cannot reach the site from here on, until step 14. The upgrade will probably take 12 minutes.".into(),
                choices: vec![('s', "Stop them".into()), ('w', "Wait, stop nothing yet".into())],
                recommended: Some('s'),
            },
        });
        self.answered().await;
    }

    /// Waits for an answer.
    async fn answered(&mut self) {
        while let Some(wish) = self.wishes.recv().await {
            if let Wish::Choose { question, key } = wish {
                self.tell(Event::Chosen { question, key, by: "operator".into() });
                return;
            }
        }
    }

    async fn input(&mut self, step: StepId, prompt: &str, secret: bool) {
        self.print(step, b"Preparing.\r\n");
        self.print(step, prompt.as_bytes());
        tokio::time::sleep(Duration::from_millis(100)).await;
        self.tell(Event::InputAwaited { step: Some(step), prompt: prompt.into(), secret, certain: true });
        while let Some(wish) = self.wishes.recv().await {
            if let Wish::Type(keys) = wish {
                if !secret {
                    self.print(step, keys.expose());
                }
                if keys.expose().ends_with(b"\r") {
                    break;
                }
            }
        }
        self.tell(Event::InputTaken);
        self.print(step, b"\r\nThank you.\r\n");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn append(path: &Path, text: &[u8]) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(text).unwrap();
}

#[test]
#[ignore = "needs a terminal and somebody who looks at it"]
fn wizard() {
    let dir = assert_fs::TempDir::new().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (wish_sender, wishes) = unbounded_channel();
    let (events, event_receiver) = unbounded_channel();
    let fake = Fake {
        events,
        wishes,
        dir: dir.path().to_owned(),
        steps: StepId::ALL.into_iter().map(planned).collect(),
        refused: None,
        upgrade: Upgrade::NotBegun,
    };
    runtime.spawn(fake.play());
    let end = runtime.block_on(run(wish_sender, event_receiver, Options::from_environment()));
    runtime.shutdown_background();
    println!("{end:?}");
}
