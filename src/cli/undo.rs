//! `undo`: the plan, the question, and the same engine without a screen; what is kept for it, and how that is deleted.

use std::io::{self, BufRead, IsTerminal, Write};
use std::time::Duration;

use super::args::{Format, Undo};
use super::run::{Driver, complain};
use super::{output, stopped, unprintable};
use crate::engine::{
    Ask, Attendance, Cancel, Event, Handle, NoticeLevel, Options, Outcome, PlannedStep, UndoPlan, Wish, steps,
};
use crate::error::{Kind, Report, Tell};
use crate::journal::Journal;
use crate::procedure::{Level, StepId, StepState};
use crate::site::check::human_size;
use crate::site::{self, Surroundings};

/// How long a command may take to end after Ctrl-C before it is killed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs the subcommand; returns the exit status.
pub async fn run(options: Options, args: &Undo) -> Result<u8, Report> {
    if args.copies {
        return copies(&options, format(args)).await;
    }
    if let Some(run) = args.forget {
        return forget(&options, run, args.yes).await;
    }
    let options = Options { attendance: Attendance::Headless, ..options };
    stopped::end_by_signal()?;
    let mut handle = crate::engine::open(options);
    let mut undo = Undoer {
        args,
        asks: !args.yes && !args.json && io::stdin().is_terminal() && io::stdout().is_terminal(),
        driver: Driver::new(args.yes, handle.wishes.clone()),
        stage: Stage::Opening,
        running: None,
        run: 0,
        begun: false,
    };
    loop {
        let patience = if matches!(undo.stage, Stage::Cancelling) { PATIENCE } else { Duration::from_hours(24 * 365) };
        match tokio::time::timeout(patience, handle.events.recv()).await {
            Err(_) => handle.wish(Wish::Cancel(Cancel::Kill)),
            Ok(None) => return Ok(Outcome::Interrupted.exit_status()),
            Ok(Some(event)) => {
                if let Some(status) = undo.on(&handle, &event)? {
                    return Ok(status);
                }
            }
        }
    }
}

const fn format(args: &Undo) -> Format {
    if args.json { Format::Json } else { Format::Text }
}

/// How far the subcommand is.
#[derive(Clone, Copy)]
enum Stage {
    /// The site is opened; its plan is awaited.
    Opening,
    /// The plan of the undo is awaited.
    Planning,
    /// A step of the upgrade is cancelled and has to end first.
    Cancelling,
    /// A step of the undo went on by itself and has to end first.
    Waiting,
    /// The undo runs.
    Undoing,
}

struct Undoer<'a> {
    args: &'a Undo,
    /// Whether somebody sits at a terminal who answers.
    asks: bool,
    driver: Driver,
    stage: Stage,
    running: Option<StepId>,
    run: i64,
    /// Whether the undo was seen to begin.
    begun: bool,
}

impl Undoer<'_> {
    /// Takes in an event; returns the exit status when all is over.
    fn on(&mut self, handle: &Handle, event: &Event) -> Result<Option<u8>, Report> {
        match event {
            Event::StepStarted { step, .. } => self.running = Some(*step),
            Event::StepEnded { .. } => self.running = None,
            _ => {}
        }
        match (self.stage, event) {
            (Stage::Opening, Event::PlanMade { .. }) => {
                self.stage = Stage::Planning;
                handle.wish(Wish::PlanUndo);
            }
            (Stage::Planning, Event::UndoPlanned { plan }) => return self.planned(handle, plan),
            (Stage::Cancelling | Stage::Waiting, Event::Rested { .. }) => self.begin(handle),
            (Stage::Undoing, _) | (Stage::Waiting, Event::Asked { .. } | Event::InputAwaited { .. }) => {
                return self.follow(event);
            }
            (_, Event::Troubled { report }) => complain(&report.to_string()),
            (_, Event::Watching { .. } | Event::RunEnded { .. }) => return Ok(self.driver.react(event)),
            _ => {}
        }
        Ok(None)
    }

    fn planned(&mut self, handle: &Handle, plan: &UndoPlan) -> Result<Option<u8>, Report> {
        if self.args.json {
            if self.args.plan {
                let line = serde_json::to_string(plan).map_err(|error| no_json(&error))?;
                print_json(&line)?;
            } else {
                line(&Event::UndoPlanned { plan: Box::new(plan.clone()) })?;
            }
        } else {
            print(&described(plan))?;
        }
        if plan.impossible.is_some() {
            return Ok(Some(Outcome::Refused.exit_status()));
        }
        if self.args.plan {
            return Ok(Some(0));
        }
        if !self.args.yes {
            if !self.asks {
                complain("A decision is needed: look at the plan, then repeat this with --yes.");
                return Ok(Some(Outcome::DecisionNeeded.exit_status()));
            }
            if !matches!(question("Undo it now? [y/N] ")?.as_str(), "y" | "Y" | "yes") {
                complain("Nothing was changed.");
                return Ok(Some(Outcome::Interrupted.exit_status()));
            }
        }
        self.run = plan.run;
        match self.running {
            None => self.begin(handle),
            Some(step) => {
                if step.is_undo() {
                    self.stage = Stage::Waiting;
                } else {
                    self.stage = Stage::Cancelling;
                    complain(&format!("{} is running; it is cancelled first.", step.title()));
                    handle.wish(Wish::Cancel(Cancel::Interrupt));
                }
            }
        }
        Ok(None)
    }

    fn begin(&mut self, handle: &Handle) {
        self.stage = Stage::Undoing;
        handle.wish(Wish::Undo { run: self.run });
    }

    /// Shows what the undo does, and answers what can be answered.
    fn follow(&mut self, event: &Event) -> Result<Option<u8>, Report> {
        if self.args.json {
            line(event)?;
        } else if let Some(text) = told(event) {
            print(&text)?;
        }
        match event {
            Event::Asked { ask } if self.asks => {
                if let Some(key) = choice(ask)? {
                    self.driver.choose(ask, key);
                    return Ok(None);
                }
            }
            Event::RunOpened { .. } | Event::StepStarted { .. } | Event::StepEnded { .. } => self.begun = true,
            // It was refused.
            Event::Noticed { level: NoticeLevel::Warning, text } if !self.begun => {
                complain(text);
                return Ok(Some(Outcome::Refused.exit_status()));
            }
            _ => {}
        }
        Ok(self.driver.react(event))
    }
}

/// Prints an event as a line of JSON.
fn line(event: &Event) -> Result<(), Report> {
    print_json(&serde_json::to_string(event).map_err(|error| no_json(&error))?)
}

fn no_json(error: &serde_json::Error) -> Report {
    Report::new(Kind::Failed, format!("This cannot be written as JSON: {error}."))
}

fn print(text: &str) -> Result<(), Report> {
    printed(Format::Text, text)
}

fn print_json(text: &str) -> Result<(), Report> {
    printed(Format::Json, text)
}

fn printed(format: Format, text: &str) -> Result<(), Report> {
    let mut out = output(format);
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(|error| unprintable(&error))
}

/// Asks at the terminal; returns what was typed.
fn question(text: &str) -> Result<String, Report> {
    let mut out = io::stdout().lock();
    write!(out, "{text}").and_then(|()| out.flush()).map_err(|error| unprintable(&error))?;
    let mut typed = String::new();
    io::stdin().lock().read_line(&mut typed).map_err(|error| {
        Report::new(Kind::Interrupted, format!("The answer cannot be read: {error}."))
            .unchanged("Nothing was changed by this.")
    })?;
    Ok(typed.trim().to_owned())
}

/// Asks a question of a step at the terminal; none when the answer is none of its keys.
fn choice(ask: &Ask) -> Result<Option<char>, Report> {
    print(&format!("\n{}\n{}", ask.title, ask.text))?;
    for (key, label) in &ask.choices {
        print(&format!("  {key}  {label}"))?;
    }
    let typed = question("> ")?;
    let mut letters = typed.chars();
    let key = letters.next().filter(|key| letters.next().is_none() && ask.choices.iter().any(|(one, _)| one == key));
    Ok(key)
}

fn seconds(seconds: u32) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        _ => format!("{} min", seconds.div_ceil(60)),
    }
}

/// Writes the plan for people.
fn described(plan: &UndoPlan) -> String {
    if let Some(impossible) = &plan.impossible {
        return impossible.clone();
    }
    let takes = plan.seconds.map_or_else(String::new, |known| format!(", in about {}", seconds(known)));
    let mut lines = vec![format!("Undo of run {}: {} → {}{takes}", plan.run, plan.from_version, plan.to_version)];
    lines.extend(plan.steps.iter().map(step_line));
    lines.extend(plan.losses.iter().cloned());
    lines.extend(plan.missing.iter().map(|text| format!("! {text}")));
    lines.join("\n")
}

fn step_line(step: &PlannedStep) -> String {
    let what = match (&step.state, step.forecast) {
        (StepState::Pending, Some(known)) => seconds(known),
        (StepState::Pending, None) => String::new(),
        (state, _) if state.text().is_empty() => state.word().to_owned(),
        (state, _) => format!("{}: {}", state.word(), state.text()),
    };
    format!("{} {:>2} {:<22} {what}", step.state.symbol(), step.step.number(), step.title).trim_end().to_owned()
}

/// Says what an event means for people who only read lines; none for most.
fn told(event: &Event) -> Option<String> {
    match event {
        Event::StepStarted { step, .. } => Some(format!("▶ {:>2} {}", step.number(), step.title())),
        Event::StepEnded { step, state, findings, .. } => {
            let mut lines = vec![format!("{} {:>2} {}: {}", state.symbol(), step.number(), step.title(), state.text())];
            let warned = findings.iter().filter(|finding| finding.level == Level::Warn);
            lines.extend(warned.map(|finding| format!("     {}", steps::checklist_line(finding))));
            Some(lines.join("\n"))
        }
        _ => None,
    }
}

/// Opens the journal of the site; none when there is none.
async fn journal(options: &Options) -> Result<(site::Site, Option<Journal>), Report> {
    let site = site::find_unproved(options.site.as_deref(), &options.cwd, &Surroundings::of_this_process())
        .map_err(|error| error.tell())?;
    site.prove_state_dir().map_err(|error| error.tell())?;
    let path = site.state_dir.join("journal.sqlite");
    if !path.exists() {
        return Ok((site, None));
    }
    let journal = Journal::open(&path).await.map_err(|error| error.tell())?;
    Ok((site, Some(journal)))
}

/// Lists the copies that are kept.
async fn copies(options: &Options, format: Format) -> Result<u8, Report> {
    let (site, journal) = journal(options).await?;
    let found = match &journal {
        Some(journal) => crate::engine::copies::of(&site, journal).await?,
        None => Vec::new(),
    };
    if format == Format::Json {
        print_json(&serde_json::to_string(&found).map_err(|error| no_json(&error))?)?;
        return Ok(0);
    }
    if found.is_empty() {
        print("No copies are kept.")?;
    }
    for one in &found {
        print(&one.line())?;
    }
    Ok(0)
}

/// Deletes the copies of a run, after a confirmation.
async fn forget(options: &Options, run: i64, yes: bool) -> Result<u8, Report> {
    let refused = |text: String| {
        Report::new(Kind::Environment, text)
            .unchanged("Nothing was deleted.")
            .next("lino-upgrade undo --copies lists them.")
    };
    let (site, journal) = journal(options).await?;
    let found = match &journal {
        Some(journal) => crate::engine::copies::of(&site, journal).await?,
        None => Vec::new(),
    };
    let copies = found.into_iter().find(|copies| copies.run == run);
    let (Some(journal), Some(copies)) = (journal, copies) else {
        return Err(refused(format!("No copies of run {run} are kept.")));
    };
    if copies.unfinished {
        return Err(refused(format!("Run {run} is not finished: its copies are the way back.")));
    }
    print(&copies.line())?;
    for path in &copies.paths {
        print(&format!("  {}", path.display()))?;
    }
    if !yes {
        if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
            complain("A decision is needed: repeat this with --yes. Nothing was deleted.");
            return Ok(Outcome::DecisionNeeded.exit_status());
        }
        let text = format!("Delete them? Run {run} can then not be undone any more. [y/N] ");
        if !matches!(question(&text)?.as_str(), "y" | "Y" | "yes") {
            complain("Nothing was deleted.");
            return Ok(Outcome::Interrupted.exit_status());
        }
    }
    crate::engine::copies::forget(&copies, &journal, &crate::engine::operator().user).await?;
    print(&format!("Deleted, {} are free again.", human_size(copies.bytes)))?;
    Ok(0)
}
