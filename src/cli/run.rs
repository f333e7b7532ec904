//! `run --headless`: the same engine without a screen, one line of JSON for each event.
//!
//! Questions are answered by a decisions file, else, with `--yes`, by their recommended answer; anything else ends
//! the run with exit status 3 and leaves the site as it stands, to be continued.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use super::args::{Format, Run};
use super::sieve::harmless_lines;
use super::{output, stopped};
use crate::engine::{Ask, Cancel, Deciding, Event, Handle, Keys, Outcome, Wish, decisions, faults_switched_on, steps};
use crate::error::{Kind, Report};
use crate::messages::prompts;
use crate::procedure::Level;
use crate::triage::{Decision, DecisionsFile};

/// Drives the engine until it rests; returns the exit status.
pub async fn drive(mut handle: Handle, args: &Run) -> Result<u8, Report> {
    let decisions = args.decisions.as_deref().map(decisions::read).transpose()?.unwrap_or_default();
    let mut sink = open_sink(&args.events)?;
    stopped::end_by_signal()?;
    let mut driver = Driver { decisions, ..Driver::new(args.yes, handle.wishes.clone()) };
    let mut sent = false;
    if let Some(text) = faults_switched_on() {
        complain(&text);
    }
    while let Some(event) = next_event(&mut handle).await {
        let line = serde_json::to_string(&event)
            .map_err(|error| Report::new(Kind::Failed, format!("An event cannot be written as JSON: {error}.")))?;
        writeln!(sink, "{line}").and_then(|()| sink.flush()).map_err(|error| {
            Report::new(Kind::Interrupted, format!("Events can no longer be written: {error}."))
                .unchanged("The running command goes on; start again to continue.")
        })?;
        if let Event::PlanMade { steps } = &event
            && !sent
        {
            sent = true;
            if steps.first().is_some_and(|step| step.step.is_undo()) {
                complain("An undo of this site was begun and is not finished. Go on with it: lino-upgrade undo");
                return Ok(Outcome::Refused.exit_status());
            }
            let until = steps.iter().find(|step| Some(step.step) == args.until);
            if let Some(done) = until.filter(|step| step.state.is_settled()) {
                complain(&format!("{} is {} already; nothing was started.", done.step.title(), done.state.word()));
                return Ok(Outcome::Interrupted.exit_status());
            }
            let rows: Vec<Decision> = driver.decisions.decisions.iter().cloned().collect();
            if !rows.is_empty() {
                handle.wish(Wish::Decide(Deciding::Take(rows)));
            }
            if let Some(step) = args.until {
                handle.wish(Wish::Until(step));
            }
            handle.wish(Wish::Continue);
        }
        if let Some(status) = driver.react(&event) {
            return Ok(status);
        }
    }
    Ok(Outcome::Interrupted.exit_status())
}

async fn next_event(handle: &mut Handle) -> Option<Event> {
    handle.events.recv().await
}

fn open_sink(path: &Path) -> Result<Box<dyn Write>, Report> {
    if path == Path::new("-") {
        return Ok(Box::new(output(Format::Json)));
    }
    fs::File::create(path).map(|file| Box::new(file) as Box<dyn Write>).map_err(|error| {
        Report::new(Kind::Environment, format!("{} cannot be written: {error}.", path.display()))
            .unchanged("Nothing was started.")
    })
}

/// Answers what can be answered without a person, and says on standard error what people must know.
pub(super) struct Driver {
    yes: bool,
    decisions: DecisionsFile,
    handle_wishes: tokio::sync::mpsc::UnboundedSender<Wish>,
    needed: Option<String>,
    way_back: Option<String>,
    drives: bool,
}

impl Driver {
    /// Begins; `yes` takes every recommended answer.
    pub(super) fn new(yes: bool, wishes: tokio::sync::mpsc::UnboundedSender<Wish>) -> Self {
        let decisions = DecisionsFile::default();
        Self { yes, decisions, handle_wishes: wishes, needed: None, way_back: None, drives: false }
    }

    /// Answers a question as a person has chosen.
    pub(super) fn choose(&self, ask: &Ask, key: char) {
        self.wish(Wish::Choose { question: ask.question.clone(), key });
    }

    fn wish(&self, wish: Wish) {
        let _ = self.handle_wishes.send(wish);
    }

    fn need(&mut self, text: String) {
        self.needed = Some(text);
        self.wish(Wish::Cancel(Cancel::Interrupt));
    }

    /// Answers what can be answered; returns the exit status when all is over.
    pub(super) fn react(&mut self, event: &Event) -> Option<u8> {
        match event {
            Event::Asked { ask } => {
                let decided = self.decisions.answers.get(&ask.question).and_then(|text| text.chars().next());
                let key = decided.or(if self.yes { ask.recommended } else { None });
                match key {
                    Some(key) => self.wish(Wish::Choose { question: ask.question.clone(), key }),
                    None => self.need(format!("{}: {} {}", ask.question, sentence(&ask.title), ask.text)),
                }
                None
            }
            Event::InputAwaited { prompt, secret, certain, .. } => {
                match prompts::explain(prompt).and_then(|known| known.yes) {
                    Some(keys) if self.yes && !*secret => self.wish(Wish::Type(Keys::new(keys))),
                    _ if *certain || *secret => self.need(format!("a command asks: {prompt}")),
                    _ => {}
                }
                None
            }
            Event::RunOpened { .. } => {
                self.drives = true;
                None
            }
            Event::Watching { operator, .. } if self.drives => {
                complain(&format!("{operator} took this upgrade over."));
                Some(Outcome::Interrupted.exit_status())
            }
            Event::Watching { operator, .. } => {
                complain(&format!("{operator} is upgrading this site."));
                Some(Outcome::Refused.exit_status())
            }
            Event::StepEnded { findings, .. } => {
                for finding in findings.iter().filter(|finding| finding.level == Level::Fail) {
                    complain(&steps::checklist_line(finding));
                }
                None
            }
            Event::Troubled { report } => {
                complain(&report.to_string());
                None
            }
            Event::PlanMade { steps } => {
                self.way_back = steps.first().map(|step| step.way_back.clone());
                None
            }
            Event::Rested { outcome, summary } => {
                let status = if let Some(needed) = self.needed.take() {
                    complain(&format!("A decision is needed. {needed}"));
                    Outcome::DecisionNeeded.exit_status()
                } else {
                    complain(summary);
                    outcome.exit_status()
                };
                if let Some(way_back) = &self.way_back {
                    complain(&format!("Start again to continue. If you stop here:\n{way_back}"));
                }
                Some(status)
            }
            Event::RunEnded { outcome, summary } => {
                complain(summary);
                Some(outcome.exit_status())
            }
            _ => None,
        }
    }
}

/// Returns the text with a period, unless it ends a sentence by itself.
fn sentence(text: &str) -> String {
    if text.ends_with(['.', '?', '!']) { text.to_owned() } else { format!("{text}.") }
}

pub(super) fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", harmless_lines(text));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::procedure::StepId;

    fn driver(yes: bool, answers: &[(&str, &str)]) -> (Driver, tokio::sync::mpsc::UnboundedReceiver<Wish>) {
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        let answers = answers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let mut decisions = DecisionsFile::default();
        decisions.answers = answers;
        (Driver { decisions, ..Driver::new(yes, sender) }, receiver)
    }

    fn ask(recommended: Option<char>) -> Event {
        Event::Asked {
            ask: Ask {
                question: "triage.unsaved".into(),
                step: StepId::Triage,
                title: String::new(),
                text: "8 rows.".into(),
                choices: vec![('r', String::new()), ('x', String::new())],
                recommended,
            },
        }
    }

    fn prompt(text: &str, secret: bool, certain: bool) -> Event {
        Event::InputAwaited { step: None, prompt: text.into(), secret, certain }
    }

    fn wishes(events: &[Event], yes: bool, answers: &[(&str, &str)]) -> (Vec<Wish>, Option<u8>) {
        let (mut driver, mut receiver) = driver(yes, answers);
        let status = events.iter().find_map(|event| driver.react(event));
        let mut wishes = Vec::new();
        while let Ok(wish) = receiver.try_recv() {
            wishes.push(wish);
        }
        (wishes, status)
    }

    #[test]
    fn a_question_without_recommendation_needs_a_decision_even_with_yes() {
        let rested = Event::Rested { outcome: Outcome::Interrupted, summary: String::new() };
        assert_eq!(wishes(&[ask(None), rested], true, &[]), (vec![Wish::Cancel(Cancel::Interrupt)], Some(3)));
    }

    #[test]
    fn a_decisions_file_answers_first() {
        let expected = vec![Wish::Choose { question: "triage.unsaved".into(), key: 'x' }];
        assert_eq!(wishes(&[ask(Some('r'))], true, &[("triage.unsaved", "x")]), (expected, None));
    }

    #[test]
    fn the_snapshot_question_of_pull_is_answered_with_one_key() {
        let event = prompt("Do you have a snapshot of all Lino sites ? [yN] ", false, true);
        assert_eq!(wishes(std::slice::from_ref(&event), true, &[]), (vec![Wish::Type(Keys::new(*b"y"))], None));
        assert_eq!(wishes(&[event], false, &[]), (vec![Wish::Cancel(Cancel::Interrupt)], None));
    }

    #[test]
    fn a_password_is_never_invented_and_a_slow_progress_line_is_no_question() {
        let sudo = prompt("[sudo] password for anna: ", true, true);
        assert_eq!(wishes(&[sudo], true, &[]), (vec![Wish::Cancel(Cancel::Interrupt)], None));
        assert_eq!(wishes(&[prompt("Loading... ", false, false)], true, &[]), (Vec::new(), None));
    }
}
