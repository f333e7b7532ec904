//! `check`: whether everything an upgrade needs is in place. Reads only, may be repeated at any time.

use super::super::StepEnd;
use super::super::context::Context;
use super::judged;
use crate::error::{Report, Tell};
use crate::procedure::{Finding, Level};
use crate::site::check::{Demand, database_programs, environment, tree_size};
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
    let around = Surroundings::of_this_process();
    let mut database_bytes = None;
    if facts.is_some() {
        let (found, bytes) = database(site, &around).await;
        findings.extend(found);
        database_bytes = bytes;
    }
    let env_dir = site.env_dir.clone();
    let env = tokio::task::spawn_blocking(move || tree_size(&env_dir)).await.unwrap_or_default();
    let demand = Demand { database: database_bytes.unwrap_or_default(), env };
    findings.extend(environment(site, &around, demand).await);
    findings.extend(site::detect(site, &around).findings);
    (findings, facts)
}

async fn database(site: &Site, around: &Surroundings) -> (Vec<Finding>, Option<u64>) {
    let failed = |what: String| {
        let remedy = "Start the database server, or correct DATABASES in settings.py; then check again.";
        vec![Finding::fail("database", what, remedy)]
    };
    let connection = match site::facts::connection(site).await {
        Ok(connection) => connection,
        Err(error) => return (failed(error.tell().what), None),
    };
    let mut db = match Db::connect_read_only(&connection).await {
        Ok(db) => db,
        Err(error) => return (failed(error.tell().what), None),
    };
    let version = db.server_version().await;
    let bytes = db.size().await.ok();
    let tables = db.tables().await;
    db.close().await;
    match (version, tables) {
        (Ok(version), Ok(tables)) => {
            let text = format!("{} {version} answers; {} tables.", connection.engine, tables.len());
            let mut findings = vec![Finding::pass("database", text)];
            findings.extend(database_programs(connection.engine, &version, &site.dir, around).await);
            (findings, bytes)
        }
        (Err(error), _) | (_, Err(error)) => (failed(error.tell().what), bytes),
    }
}
