//! Tests of the wizard: messages in, actions and screens out. The clock stands at 2026-11-21 21:12:00 UTC.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod compare;
mod properties;
mod screens;
mod triage;
mod undo;
mod updates;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::tz::TimeZone;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::line;
use super::log_view::Rows;
use super::reader::Request;
use super::state::{Action, LogNews, Msg, State};
use super::style::Colours;
use super::update::update;
use crate::engine::{Ask, Event, PlannedStep, Versions};
use crate::procedure::{StepId, StepState};

/// Now, in seconds since 1970.
const NOW: i64 = 1_795_295_520;

/// A wizard without a terminal, whose log reader has a log in memory.
struct Wizard {
    state: State,
    log: Vec<String>,
}

impl Wizard {
    fn new(columns: u16, rows: u16) -> Self {
        let state = State::new(NOW * 1000, TimeZone::UTC, Colours::None, (columns, rows));
        let mut wizard = Self { state, log: Vec::new() };
        wizard.send(Msg::Resize(columns, rows));
        wizard
    }

    /// A wizard that knows site, facts, run and plan.
    fn planned(columns: u16, rows: u16) -> Self {
        let mut wizard = Self::new(columns, rows);
        wizard.tell(Event::SiteFound {
            name: "myproject".into(),
            dir: "/srv/lino/myproject".into(),
            python: None,
            config: None,
        });
        wizard.tell(Event::FactsLearned {
            versions: Versions {
                application: "noi".into(),
                old: "25.1.1".into(),
                new: Some("26.9.2".into()),
                lino: "25.1.2".into(),
                django: "5.2.4".into(),
            },
            database: "postgresql".into(),
            models: 95,
            languages: vec!["en".into(), "de".into()],
        });
        wizard.tell(Event::RunOpened {
            run: 3,
            resumed: false,
            started: NOW - 600,
            state_dir: "/state".into(),
            undoes: None,
        });
        wizard.tell(Event::PlanMade { steps: StepId::ALL.into_iter().map(planned).collect() });
        wizard
    }

    /// A wizard in the middle of the restore, with this log.
    fn restoring(columns: u16, rows: u16, log: &[&str]) -> Self {
        let mut wizard = Self::planned(columns, rows);
        for step in StepId::ALL.into_iter().take_while(|step| *step != StepId::Restore) {
            wizard.ended(step, StepState::Done { summary: "All is well.".into() }, 8.0);
        }
        wizard.tell(Event::DownSince { at: Some(NOW - 300) });
        wizard.start(StepId::Restore, log);
        wizard.tell(Event::Progressed {
            step: StepId::Restore,
            done: 4152,
            total: Some(6806),
            text: "12 waiting, 205 saved in the last round".into(),
        });
        wizard
    }

    fn start(&mut self, step: StepId, log: &[&str]) {
        self.log = log.iter().map(|line| (*line).to_owned()).collect();
        self.tell(Event::StepStarted { step, attempt: 1, log: format!("/log/{step}").into(), at: NOW - 72 });
        self.tell(Event::CommandStarted { step, command: 1, line: "python manage.py".into(), at: NOW - 72 });
        self.grew();
    }

    fn ended(&mut self, step: StepId, state: StepState, seconds: f64) -> Vec<Action> {
        self.tell(Event::StepEnded { step, attempt: 1, state, seconds, findings: Vec::new() })
    }

    /// The log reader tells how long the log is.
    fn grew(&mut self) {
        let lines = self.log.len() as u64;
        self.send(Msg::Log(LogNews::Grew { lines, bytes: lines * 80, more: false }));
    }

    fn tell(&mut self, event: Event) -> Vec<Action> {
        self.send(Msg::Engine(event))
    }

    fn key(&mut self, code: KeyCode) -> Vec<Action> {
        self.send(Msg::Key(KeyEvent::new(code, KeyModifiers::NONE)))
    }

    fn control(&mut self, c: char) -> Vec<Action> {
        self.send(Msg::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL)))
    }

    fn keys(&mut self, keys: &str) -> Vec<Action> {
        keys.chars().flat_map(|c| self.key(KeyCode::Char(c))).collect()
    }

    /// Takes in a message and plays the log reader; returns the actions that are not for the reader.
    fn send(&mut self, msg: Msg) -> Vec<Action> {
        let mut others = Vec::new();
        let mut actions = update(&mut self.state, msg);
        for _ in 0..4 {
            let mut news = Vec::new();
            for action in actions {
                match action {
                    Action::Ask(request) => news.extend(self.read(&request)),
                    other => others.push(other),
                }
            }
            actions = news.into_iter().flat_map(|news| update(&mut self.state, Msg::Log(news))).collect();
        }
        others
    }

    fn read(&self, request: &Request) -> Option<LogNews> {
        let first_with = |from: u64, likes: &dyn Fn(&str) -> bool| {
            let from = usize::try_from(from).unwrap();
            let later = self.log.iter().enumerate().skip(from).find(|(_, line)| likes(line));
            later.or_else(|| self.log.iter().enumerate().find(|(_, line)| likes(line))).map(|(at, _)| at as u64)
        };
        match request {
            Request::Lines(range) => {
                let first = usize::try_from(range.first).unwrap();
                let rows = self.log.iter().skip(first).take(range.count);
                let rows = rows.map(|text| line::row(text.as_bytes(), false)).collect();
                Some(LogNews::Read { rows: Rows { first: range.first, rows } })
            }
            Request::Find { needle, from, .. } => {
                Some(LogNews::Found { line: first_with(*from, &|line| line.to_lowercase().contains(needle)) })
            }
            Request::FindTrouble { from, .. } => {
                Some(LogNews::FoundTrouble { line: first_with(*from, &|line| line::is_trouble(line.as_bytes())) })
            }
            Request::Copy(range) => Some(LogNews::Copied { text: "text\n".into(), lines: range.count, whole: true }),
            _ => None,
        }
    }

    fn screen(&self) -> String {
        let (columns, rows) = self.state.size;
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
        terminal.draw(|frame| super::screens::draw(&self.state, frame)).unwrap();
        // The backend of tests cannot show a screen without columns; that it was drawn is what counts.
        if columns == 0 { String::new() } else { terminal.backend().to_string() }
    }
}

fn planned(step: StepId) -> PlannedStep {
    PlannedStep {
        step,
        title: step.title().into(),
        purpose: step.purpose().into(),
        commands: vec![format!("python manage.py {step}")],
        forecast: Some(110),
        forecast_from: Some("from the run of 2026-11-01".into()),
        way_back: "u brings 25.1.1 back (about 40 seconds).".into(),
        state: StepState::Pending,
        attempts: 0,
        seconds: None,
        log: None,
        findings: Vec::new(),
    }
}

fn question() -> Ask {
    Ask {
        question: "stop-services.confirm".into(),
        step: StepId::StopServices,
        title: "Stop the services now?".into(),
        text: "Users cannot reach the site from here on, until step 14. That will probably take 12 minutes.".into(),
        choices: vec![('s', "Stop them".into()), ('w', "Wait, stop nothing yet".into())],
        recommended: Some('s'),
    }
}

const LOG: &[&str] = &[
    "Going to drop all tables of myproject_db.",
    "Are you sure [y,n] ?y",
    "Loading 212 objects to table contacts_person",
    "Deferred Role #4 : partner instance with id 101 does not exist",
    "WARNING: something is odd",
    "Loading 19 objects to table \u{1b}[31mcal_event\u{1b}[0m \u{202e}evil",
    "日本語 and a combining e\u{301} in a line that is certainly longer than the pane is wide at eighty columns",
];
