//! `check`: whether everything an upgrade needs is in place. Reads only, may be repeated at any time.

use super::super::StepEnd;
use super::super::context::Context;
use super::judged;
use crate::error::{Report, Tell};
use crate::procedure::{Finding, Level};
use crate::site::check::{Demand, environment, tree_size};
use crate::site::{self, Db, Facts, Site, Surroundings};

/// Runs the checklist as step 1 of a run.
pub async fn check(context: &Context) -> Result<StepEnd, Report> {
    let (findings, facts) = look(&context.site).await;
    for finding in &findings {
        context.note(&line(finding))?;
    }
    if let Some(facts) = facts {
        context.learn(|knowledge| super::super::learning::from_facts(knowledge, &facts)).await?;
        super::code::packages_before(context).await?;
    }
    Ok(judged(findings, "checks"))
}

/// Returns a finding as one line of a checklist.
#[must_use]
pub fn line(finding: &Finding) -> String {
    let word = match finding.level {
        Level::Pass => "PASS",
        Level::Warn => "WARN",
        Level::Fail => "FAIL",
    };
    let remedy = finding.remedy.as_ref().map_or_else(String::new, |remedy| format!(" → {remedy}"));
    format!("{word} {}: {}{remedy}", finding.subject, finding.text)
}

/// Looks at everything; returns the findings, and Lino's facts when it starts.
pub async fn look(site: &Site) -> (Vec<Finding>, Option<Facts>) {
    let mut findings = Vec::new();
    let facts = match site::facts::ask(site).await {
        Ok(facts) => {
            let version = facts.site.version.clone().unwrap_or_else(|| "without version".into());
            findings.push(Finding::pass(
                "Lino",
                format!(
                    "{} {version} starts, with Lino {} and Django {}.",
                    facts.site.name.as_deref().unwrap_or("Lino"),
                    facts.lino,
                    facts.django
                ),
            ));
            Some(facts)
        }
        Err(error) => {
            let report = error.tell();
            let remedy = report.next.first().cloned().unwrap_or_else(|| "Correct it, then check again.".into());
            findings.push(Finding::fail("Lino", report.what, remedy));
            None
        }
    };
    let mut database_bytes = None;
    if facts.is_some() {
        let (finding, bytes) = database(site).await;
        findings.push(finding);
        database_bytes = bytes;
    }
    let around = Surroundings::of_this_process();
    let env_dir = site.env_dir.clone();
    let env = tokio::task::spawn_blocking(move || tree_size(&env_dir)).await.unwrap_or_default();
    let demand = Demand { database: database_bytes.unwrap_or_default(), env };
    findings.extend(environment(site, &around, demand).await);
    findings.extend(site::detect(site, &around).findings);
    (findings, facts)
}

async fn database(site: &Site) -> (Finding, Option<u64>) {
    let remedy = "Start the database server, or correct DATABASES in settings.py; then check again.";
    let connection = match site::facts::connection(site).await {
        Ok(connection) => connection,
        Err(error) => return (Finding::fail("database", error.tell().what, remedy), None),
    };
    let mut db = match Db::connect_read_only(&connection).await {
        Ok(db) => db,
        Err(error) => return (Finding::fail("database", error.tell().what, remedy), None),
    };
    let version = db.server_version().await;
    let bytes = db.size().await.ok();
    let tables = db.tables().await;
    db.close().await;
    match (version, tables) {
        (Ok(version), Ok(tables)) => {
            let text = format!("{} {version} answers; {} tables.", connection.engine, tables.len());
            (Finding::pass("database", text), bytes)
        }
        (Err(error), _) | (_, Err(error)) => (Finding::fail("database", error.tell().what, remedy), bytes),
    }
}
