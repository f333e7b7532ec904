//! `check`: whether everything an upgrade needs is in place. Reads only, may be repeated at any time.

mod former;

use std::path::{Path, PathBuf};

use super::super::context::Context;
use super::super::{StepEnd, room};
use super::judged;
use crate::error::{Report, Tell};
use crate::procedure::{Finding, Level};
use crate::site::check::{self, Sizes, database_programs, environment, tree_size};
use crate::site::{self, Db, Facts, Site, Surroundings};

/// Runs the checklist as step 1 of a run.
pub async fn check(context: &Context) -> Result<StepEnd, Report> {
    let Looked { findings, facts, sizes } = look(&context.site, Some(context.run)).await;
    for finding in &findings {
        context.note(&line(finding))?;
    }
    room::remember(context, &sizes).await?;
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

/// What the checklist has found.
pub struct Looked {
    /// Line by line.
    pub findings: Vec<Finding>,
    /// What Lino told, when it starts.
    pub facts: Option<Facts>,
    /// What the upgrade will write about.
    pub sizes: Sizes,
}

/// Looks at everything. `run` is the run under way, if any.
pub async fn look(site: &Site, run: Option<i64>) -> Looked {
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
    let (mut bytes, mut file) = (0, None);
    if let Some(facts) = &facts {
        let (database, offered, text) = tokio::join!(
            database(site, &around),
            check::new_versions(site, &facts.installed),
            check::text_and_time(site, facts)
        );
        findings.extend(database.findings);
        (bytes, file) = (database.bytes, database.file);
        findings.extend(check::version_jump(site, facts));
        findings.extend([offered, text]);
    }
    let media = facts.as_ref().and_then(|facts| facts.media_root.clone()).map(PathBuf::from);
    let media = media.unwrap_or_else(|| site.dir.join("media"));
    let (env_dir, copies) = (site.env_dir.clone(), site.state_dir.join("protect"));
    let sizes = tokio::task::spawn_blocking(move || (tree_size(&env_dir), tree_size(&media), former::copies(&copies)));
    let (env, media, copies) = sizes.await.unwrap_or_default();
    let data = file.as_deref().and_then(Path::parent).map(Path::to_owned);
    let sizes = Sizes { database: bytes, env, media, data };
    findings.extend(environment(site, &around, sizes.demand()).await);
    findings.extend(check::memory(&around, bytes));
    findings.extend(check::local_changes(site, &around).await);
    findings.extend(site::detect(site, &around).findings);
    findings.extend(check::second_operator(site, &around));
    findings.extend(check::other_sites(site, &around));
    findings.push(former::run(&site.state_dir, run).await);
    findings.push(former::told(&copies, super::super::clock::now()));
    Looked { findings, facts, sizes }
}

/// What the database said.
struct Asked {
    findings: Vec<Finding>,
    bytes: u64,
    file: Option<PathBuf>,
}

async fn database(site: &Site, around: &Surroundings) -> Asked {
    let failed = |what: String, file: Option<PathBuf>| {
        let remedy = "Start the database server, or correct DATABASES in settings.py; then check again.";
        Asked { findings: vec![Finding::fail("database", what, remedy)], bytes: 0, file }
    };
    let connection = match site::facts::connection(site).await {
        Ok(connection) => connection,
        Err(error) => return failed(error.tell().what, None),
    };
    let file = connection.file();
    let mut db = match Db::connect_read_only(&connection).await {
        Ok(db) => db,
        Err(error) => return failed(error.tell().what, file),
    };
    let version = db.server_version().await;
    let bytes = db.size().await.unwrap_or_default();
    let tables = db.tables().await;
    let rights = check::database_rights(&connection, &mut db).await;
    db.close().await;
    match (version, tables) {
        (Ok(version), Ok(tables)) => {
            let text = format!("{} {version} answers; {} tables.", connection.engine, tables.len());
            let mut findings = vec![Finding::pass("database", text)];
            findings.extend(rights);
            findings.extend(database_programs(connection.engine, &version, &site.dir, around).await);
            Asked { findings, bytes, file }
        }
        (Err(error), _) | (_, Err(error)) => failed(error.tell().what, file),
    }
}
