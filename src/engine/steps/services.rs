//! `stop-services` and `start-services`: judged by asking the services and by looking who has the database open.

use std::path::Path;
use std::time::{Duration, Instant};

use super::super::clock::now;
use super::super::context::{Command, Context};
use super::super::{Ask, StepEnd};
use super::{done, failed, interrupted, skipped};
use crate::error::{Report, Tell};
use crate::messages::CommandKind;
use crate::procedure::{Finding, Level, TRIAGE_AGAIN};
use crate::site::services::{Service, ServiceState, ask};
use crate::site::{Db, Engine, Role, Surroundings, detect, writers};
use crate::triage::AccountedTable;

/// How long a service may take until its state is what was asked for.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a service should be.
#[derive(Clone, Copy)]
enum Wished {
    Running,
    Stopped,
}

impl Wished {
    const fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
        }
    }
}

/// Stops what may write to the database.
pub async fn stop(context: &Context) -> Result<StepEnd, Report> {
    let detected = detect(&context.site, &Surroundings::of_this_process());
    let all = detected.services;
    let writers: Vec<&Service> = all.iter().filter(|service| service.role == Role::Writer).collect();
    let mut running = Vec::new();
    for service in &writers {
        if !ask(service, &context.site.dir).await.is_stopped() {
            running.push(*service);
        }
    }
    // A command that this attempt already began must be followed to its end, whatever the service says now.
    if !context.has_commands().await? {
        let text = if writers.is_empty() {
            "No service of this site is known. If a web server or another program uses its database, stop it in \
             another window first. From here on nobody may use the site."
                .to_owned()
        } else {
            let names: Vec<&str> = running.iter().map(|service| service.name.as_str()).collect();
            let names = if names.is_empty() { "nothing, all are stopped already".into() } else { names.join(", ") };
            format!("From here on users cannot reach the site. To be stopped: {names}.")
        };
        // The checklist has said so, but may have scrolled by: a nightly job could wipe the snapshot of this upgrade.
        let warnings = detected.findings.iter().filter(|finding| finding.level != Level::Pass);
        let text = warnings.fold(text, |text, finding| {
            let remedy = finding.remedy.as_deref().unwrap_or_default();
            format!("{text}\n! {} {remedy}", finding.text)
        });
        let answer = context
            .ask(Ask {
                question: "stop-services.confirm".into(),
                step: context.step,
                title: "Take the site down now?".into(),
                text,
                choices: vec![('y', "yes, stop them".into()), ('n', "not now".into())],
                recommended: Some('y'),
            })
            .await;
        if answer != Some('y') {
            return Ok(interrupted("the site stays up; nothing was stopped"));
        }
        context.learn(|knowledge| knowledge.down_since = Some(now())).await?;
    }
    let mut findings = stopped(context, &running).await?;
    findings.extend(open_sessions(context).await?);
    let obstacles = findings.iter().any(|finding| finding.level == Level::Fail);
    if obstacles {
        return Ok(failed("something can still write to the database").with(findings));
    }
    Ok(match running.len() {
        0 => done("nothing runs that could write").with(findings),
        count => done(format!("{count} stopped, nobody has the database open")).with(findings),
    })
}

/// Stops services, and tells how they are then.
async fn stopped(context: &Context, running: &[&Service]) -> Result<Vec<Finding>, Report> {
    let mut findings = Vec::new();
    for service in running {
        let name = format!("stop {}", service.name);
        context.command(Command::new(name, CommandKind::Other, service.stop.to_string())).await?;
        findings.push(settled(context, service, Wished::Stopped).await);
    }
    Ok(findings)
}

/// Stops what may write to the database before the old version is brought back. That was agreed to with the undo.
pub async fn stop_for_undo(context: &Context) -> Result<StepEnd, Report> {
    let all = detect(&context.site, &Surroundings::of_this_process()).services;
    let mut running = Vec::new();
    for service in all.iter().filter(|service| service.role == Role::Writer) {
        if !ask(service, &context.site.dir).await.is_stopped() {
            running.push(service);
        }
    }
    context
        .learn(|knowledge| {
            // They were stopped by the upgrade, or by an earlier attempt: somebody has let users in.
            let by_hand = knowledge.down_since.is_some() && !running.is_empty();
            let undoes = knowledge.undoing.clone().is_some_and(|undoing| knowledge.undoes_database(&undoing));
            if let Some(undoing) = knowledge.undoing.as_mut().filter(|undoing| undoing.open_since.is_none())
                && by_hand
                && undoes
            {
                undoing.by_hand = true;
                undoing.open_since = Some(now());
            }
            knowledge.down_since.get_or_insert_with(now);
        })
        .await?;
    let mut findings = stopped(context, &running).await?;
    match open_sessions(context).await {
        Ok(found) => {
            let connection = crate::site::facts::connection(&context.site).await.map_err(|error| error.tell())?;
            super::undo::since::when_stopped(context, &connection).await?;
            findings.extend(found);
        }
        // A pull that broke off leaves packages with which nothing starts. The database is looked at again before it is
        // replaced.
        Err(report) => {
            let around = Surroundings::of_this_process();
            let open = writers::site_processes(&context.site, &around, &writers::Own::default()).writers;
            findings.extend(open.iter().map(still_open));
            findings.push(Finding::warn(
                "database",
                format!("It cannot be asked who has it open: {}", report.what),
                "Nothing to do: it is asked again when the old packages are back.",
            ));
        }
    }
    if findings.iter().any(|finding| finding.level == Level::Fail) {
        return Ok(failed("something can still write to the database").with(findings));
    }
    Ok(match running.len() {
        0 => done("nothing runs that could write").with(findings),
        count => done(format!("{count} stopped")).with(findings),
    })
}

fn still_open(writer: &writers::Writer) -> Finding {
    let text = format!("{} ({}) {}.", writer.who, writer.id, writer.what);
    Finding::fail("process", text, "End this program, then retry this step.")
}

/// Starts the services again.
pub async fn start(context: &Context) -> Result<StepEnd, Report> {
    if let Some(end) = missing(context).await? {
        return Ok(end);
    }
    start_all(context).await
}

/// Starts the services again, whatever is missing.
pub async fn start_all(context: &Context) -> Result<StepEnd, Report> {
    let all = detect(&context.site, &Surroundings::of_this_process()).services;
    if all.is_empty() {
        context.learn(|knowledge| knowledge.down_since = None).await?;
        return Ok(skipped("no service is known; start what you stopped"));
    }
    let mut findings = Vec::new();
    for service in &all {
        let (name, line) = match (&service.role, &service.restart) {
            (Role::Proxy, Some(restart)) => ("restart", restart),
            _ => ("start", &service.start),
        };
        if service.role == Role::Writer
            && ask(service, &context.site.dir).await == ServiceState::Running
            && !context.has_commands().await?
        {
            findings.push(Finding::pass(&service.name, "It runs already."));
            continue;
        }
        if let Some(wake) = &service.wake
            && ask(service, &context.site.dir).await == ServiceState::ManagerDown
        {
            let name = format!("wake {}", service.name);
            context.command(Command::new(name, CommandKind::Other, wake.to_string())).await?;
        }
        let name = format!("{name} {}", service.name);
        context.command(Command::new(name, CommandKind::Other, line.to_string())).await?;
        findings.push(settled(context, service, Wished::Running).await);
    }
    if findings.iter().any(|finding| finding.level == Level::Fail) {
        findings.extend(unreachable(context).await);
        return Ok(failed("a service did not start").with(findings));
    }
    context.learn(|knowledge| knowledge.down_since = None).await?;
    Ok(done(format!("{} running", all.len())).with(findings))
}

/// Tells that the database cannot be reached, when it cannot: no service of the site starts without.
async fn unreachable(context: &Context) -> Option<Finding> {
    let connection = crate::site::facts::connection(&context.site).await.ok()?;
    match Db::connect_read_only(&connection).await {
        Ok(db) => {
            db.close().await;
            None
        }
        Err(error) => {
            let report = error.tell();
            Some(Finding::fail("database", report.what, report.next.join(" ")))
        }
    }
}

/// Starts nothing while rows of the snapshot are missing without a decision, unless the operator wants it.
async fn missing(context: &Context) -> Result<Option<StepEnd>, Report> {
    let known = context.known();
    let Some(account) = known.account.filter(|account| account.missing > 0 && !known.start_anyway) else {
        return Ok(None);
    };
    if context.has_commands().await? {
        return Ok(None);
    }
    let tables: Vec<&AccountedTable> = account.tables.iter().filter(|table| table.missing > 0).collect();
    let named: Vec<String> =
        tables.iter().take(8).map(|table| format!("{} of {}", table.missing, table.table)).collect();
    let more = tables.len().saturating_sub(named.len());
    let more = if more == 0 { String::new() } else { format!(" and of {more} more tables") };
    let title = match account.missing {
        1 => String::from("1 row of the snapshot is missing"),
        count => format!("{count} rows of the snapshot are missing"),
    };
    let ask = Ask {
        question: "start-services.missing".into(),
        step: context.step,
        title,
        text: format!(
            "No decision explains it: {}{more}. The snapshot still has them. Once users work with the new site, they \
             can be brought back only by hand.",
            named.join(", ")
        ),
        choices: vec![
            ('g', "go back to triage: decide what becomes of them, and restore again".into()),
            ('s', "start the services anyway; this is recorded as your decision".into()),
            ('w', "wait, decide later".into()),
        ],
        recommended: None,
    };
    match context.ask(ask).await {
        Some('s') => {
            context.learn(|knowledge| knowledge.start_anyway = true).await?;
            Ok(None)
        }
        Some('g') => Ok(Some(interrupted(TRIAGE_AGAIN))),
        _ => Ok(Some(interrupted("rows are missing, and nothing is decided yet"))),
    }
}

/// Waits until the service is as wished and says so, or says how it is instead.
async fn settled(context: &Context, service: &Service, wished: Wished) -> Finding {
    let begin = Instant::now();
    loop {
        let state = ask(service, &context.site.dir).await;
        let reached = match wished {
            Wished::Running => state == ServiceState::Running,
            Wished::Stopped => state.is_stopped(),
        };
        if reached {
            return Finding::pass(&service.name, format!("It is {}.", word(&state)));
        }
        if begin.elapsed() > PATIENCE || context.is_cancelled() {
            return Finding::fail(
                &service.name,
                format!("It is {}, and should be {}.", word(&state), wished.word()),
                format!("Look at its own log, correct it in a shell (!), then retry. Its state: {}", service.status),
            );
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

fn word(state: &ServiceState) -> String {
    match state {
        ServiceState::Unknown { text } => format!("in an unknown state ({text})"),
        known => known.word().to_owned(),
    }
}

/// Names whoever still has the database open.
pub(super) async fn open_sessions(context: &Context) -> Result<Vec<Finding>, Report> {
    let connection = crate::site::facts::connection(&context.site).await.map_err(|error| error.tell())?;
    let around = Surroundings::of_this_process();
    let begin = Instant::now();
    loop {
        let mut open = writers::site_processes(&context.site, &around, &writers::Own::default()).writers;
        if connection.engine == Engine::Sqlite {
            let file = Path::new(&connection.name);
            open.extend(writers::open_handles(file, &around, &writers::Own::default()).writers);
        } else {
            let mut db = Db::connect_read_only(&connection).await.map_err(|error| error.tell())?;
            open.extend(db.sessions().await.map_err(|error| error.tell())?);
            db.close().await;
        }
        if open.is_empty() {
            return Ok(vec![Finding::pass("database", "Nobody has it open.")]);
        }
        // A server may need a moment to notice that its client is gone.
        if begin.elapsed() > Duration::from_secs(10) || context.is_cancelled() {
            let who: Vec<String> = open.iter().map(|one| format!("{} ({}) {}", one.who, one.id, one.what)).collect();
            return Ok(vec![Finding::fail(
                "database",
                format!("Still open by: {}.", who.join("; ")),
                "End these programs, then retry this step.",
            )]);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
