//! The account after the restore: the new version dumps the database again, and every row of the snapshot is looked for
//! in that dump. What is missing is held against the decisions.

mod room;

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use super::super::StepEnd;
use super::super::context::{Command, CommandEnd, Context};
use super::super::decided::write_private;
use super::super::rehearse;
use super::{blocking, unfinished};
use crate::dump::Script;
use crate::error::{Kind, Report, Tell};
use crate::messages::{CommandKind, Ended, FailureCause, Judgement};
use crate::procedure::{Finding, StepId};
use crate::site::check::speaks_of_full;
use crate::site::{self, Site, quote};
use crate::snapshot;
use crate::triage::{Accounted, AccountedTable, Decisions, DecisionsFile, Lost, accounted};

/// The name of the command that dumps; those that do it once more are numbered.
const DUMP: &str = "account";
/// Tables that findings name.
const NAMED: usize = 40;

/// Where the account is made.
pub(super) fn dir(site: &Site) -> PathBuf {
    site.state_dir.join("account")
}

fn unwritable(dir: &Path, error: &dyn std::fmt::Display) -> Report {
    Report::new(Kind::Environment, format!("{} cannot be written: {error}.", dir.display()))
        .next("Free some disk space, then retry.")
}

/// Keeps the decisions with which the snapshot is restored now: those of later explain nothing of it.
pub fn keep_decisions(site: &Site, file: &DecisionsFile) -> Result<(), Report> {
    site::prepare_private(&dir(site))
        .and_then(|()| {
            write_private(&dir(site).join("decisions.toml"), &crate::triage::write(&BTreeMap::new(), &file.decisions))
        })
        .map_err(|error| unwritable(&dir(site), &error))
}

/// Returns the rows that were missing without a decision when the account was made.
pub fn lost(site: &Site) -> Lost {
    let text = std::fs::read(dir(site).join("lost.json")).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// Why there is no account.
pub struct NoAccount {
    /// In a sentence.
    pub why: String,
    /// What to do about it.
    pub findings: Vec<Finding>,
    lack: Lack,
}

/// What an account that could not be made lacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lack {
    /// Room on a disk.
    Room,
    /// A database that answers.
    Server,
    /// Its dump was killed by somebody else.
    Life,
    /// The version in place cannot dump, or what it dumped cannot be read.
    Ability,
}

impl NoAccount {
    /// Tells whether there would be one with more room.
    fn lacks_room(&self) -> bool {
        self.lack == Lack::Room
    }

    /// Tells whether the operator can mend what keeps the version in place from dumping.
    pub(super) fn can_be_mended(&self) -> bool {
        matches!(self.lack, Lack::Room | Lack::Server)
    }

    fn of(report: Report) -> Self {
        let lack = if speaks_of_full(&report.what) { Lack::Room } else { Lack::Ability };
        Self { why: report.what, findings: Vec::new(), lack }
    }

    fn after(end: &CommandEnd, stopped: StepEnd) -> Self {
        let lack = match (&end.reading.judgement, end.ended) {
            (Judgement::Failed { cause: FailureCause::DiskFull, .. }, _) => Lack::Room,
            (Judgement::Failed { cause: FailureCause::DatabaseUnreachable, .. }, _) => Lack::Server,
            // 137 and 143 are what a shell says of a program that was killed or terminated.
            (_, Some(Ended::Signalled { .. } | Ended::Exited { code: 137 | 143 })) => Lack::Life,
            _ => Lack::Ability,
        };
        Self { why: stopped.state.text().to_owned(), findings: stopped.findings, lack }
    }
}

/// Accounts for the rows of the snapshot, and keeps the result in what is known.
pub async fn account(context: &Context) -> Result<Result<Vec<Finding>, NoAccount>, Report> {
    let site = &context.site;
    let after = match dump(context, dir(site).join("after")).await? {
        Ok(after) => after,
        Err(none) => return Ok(Err(none)),
    };
    context.progress(0, None, "looking for every row of the snapshot in the new dump");
    let known = site::facts::ask(site).await.map(|facts| snapshot::known(&facts)).unwrap_or_default();
    let used = std::fs::read_to_string(dir(site).join("decisions.toml")).unwrap_or_default();
    let used = DecisionsFile::read(&used).map(|file| file.decisions).unwrap_or_default();
    let makes = std::sync::Arc::new((std::sync::Arc::clone(site), after, known, used));
    let mut lacks = 0;
    let (found, flagged) = loop {
        let makes = std::sync::Arc::clone(&makes);
        let made = blocking(move || {
            let (site, after, known, used) = &*makes;
            make(site, &site.dir.join(&site.config.snapshot.directory), after, known, used)
        });
        let none = match made.await? {
            Ok(made) => break made,
            Err(report) => NoAccount::of(report),
        };
        lacks += 1;
        if !none.lacks_room() || !room::made(context, &dir(site), &none.why, lacks).await {
            return Ok(Err(none));
        }
    };
    let findings = findings(&found, &flagged);
    for finding in &findings {
        context.note(&super::checklist_line(finding))?;
    }
    context.learn(|knowledge| knowledge.account = Some(found)).await?;
    Ok(Ok(findings))
}

/// Lets the code in place dump the database into this directory, in the place of an older one. A dump that
/// somebody else has killed is made once more: the rows are there, and only nobody has counted them. After a restore, one
/// that finds no room waits for some: a failed step would be a restore that is done again.
pub(super) async fn dump(context: &Context, after: PathBuf) -> Result<Result<PathBuf, NoAccount>, Report> {
    let (mut begun, mut kills, mut lacks) = (0, 0, 0);
    loop {
        if let Err(error) = prepare(context, &command(begun), &after).await? {
            let none = NoAccount::of(unwritable(&after, &error));
            lacks += 1;
            if !waited(context, &none, kills, lacks).await {
                return Ok(Err(none));
            }
            continue;
        }
        let end = dump_by(context, command(begun), &after).await?;
        begun += 1;
        let Some(stopped) = unfinished(&end) else { return Ok(Ok(after)) };
        let none = NoAccount::after(&end, stopped);
        kills += u64::from(none.lack == Lack::Life);
        lacks += u64::from(none.lacks_room());
        // What comes next was begun before the wizard left.
        if !context.has_command(&command(begun)).await? {
            if context.is_cancelled() || !waited(context, &none, kills, lacks).await {
                return Ok(Err(none));
            }
            context.note(&format!("The dump for the account was stopped: {} It is made once more.", none.why))?;
        }
    }
}

/// The name of the command that dumps after so many others.
fn command(begun: u32) -> String {
    if begun == 0 { DUMP.to_owned() } else { format!("{DUMP}-{}", begun + 1) }
}

/// Tells whether a dump is to be made once more after this, and waits until it can.
async fn waited(context: &Context, none: &NoAccount, kills: u64, lacks: u64) -> bool {
    match none.lack {
        Lack::Life => kills == 1,
        Lack::Room if context.step == StepId::Restore => {
            room::made(context, &dir(&context.site), &none.why, lacks).await
        }
        Lack::Room | Lack::Server | Lack::Ability => false,
    }
}

/// Makes place for a dump, unless the command that makes it has begun.
async fn prepare(context: &Context, command: &str, after: &Path) -> Result<std::io::Result<()>, Report> {
    if context.has_command(command).await? {
        return Ok(Ok(()));
    }
    let made = after.parent().map_or(Ok(()), site::prepare_private);
    Ok(made.and_then(|()| if after.exists() { std::fs::remove_dir_all(after) } else { Ok(()) }))
}

async fn dump_by(context: &Context, command: String, after: &Path) -> Result<CommandEnd, Report> {
    let line = format!("umask 077; python manage.py dump2py -o {}", quote(&after.to_string_lossy()));
    let mut command = Command::new(command, CommandKind::Dump, line);
    if context.known().engine == "postgresql" {
        let (name, value) = site::dump::postgres_options();
        command = command.env(name, &value);
    }
    let end = context.command(command).await?;
    if end.ended.is_none() {
        // Not that the version cannot dump: nobody knows. Without an account nothing may go on as if there were one.
        return Err(Report::new(Kind::Interrupted, "A dump of the database was interrupted: its runner is gone.")
            .next("Start lino-upgrade again."));
    }
    Ok(end)
}

/// By table, the first keys of lost rows that the rehearsal did not refuse.
type Flagged = BTreeMap<String, Vec<String>>;

fn make(
    site: &Site,
    before: &Path,
    after: &Path,
    known: &crate::dump::account::Known,
    decisions: &Decisions,
) -> Result<(Accounted, Flagged), Report> {
    let found = snapshot::account_knowing(before, after, known).map_err(|error| error.tell())?;
    let text = std::fs::read(before.join("restore.py")).map_err(|error| unwritable(&dir(site), &error))?;
    let (found, lost) = accounted(&found, decisions, &Script::read(&String::from_utf8_lossy(&text)));
    let json = serde_json::to_string(&lost).map_err(|error| unwritable(&dir(site), &error))?;
    write_private(&dir(site).join("lost.json"), &json).map_err(|error| unwritable(&dir(site), &error))?;
    Ok((found, flagged(site, &lost)))
}

/// Finds the lost rows that the last rehearsal of a dump took: something has changed since.
fn flagged(site: &Site, lost: &Lost) -> Flagged {
    let Ok(Some(former)) = rehearse::former(site) else { return Flagged::new() };
    if !former.setting.script.starts_with(rehearse::dumped(site)) {
        return Flagged::new();
    }
    let refused: HashSet<(&str, &str)> =
        former.causes.failures.iter().map(|failure| (failure.table.as_str(), failure.key.as_str())).collect();
    let new = |table: &String, keys: &Vec<String>| -> Vec<String> {
        keys.iter().filter(|key| !refused.contains(&(table.as_str(), key.as_str()))).cloned().collect()
    };
    lost.iter().map(|(table, keys)| (table.clone(), new(table, keys))).filter(|(_, keys)| !keys.is_empty()).collect()
}

fn rows(count: u64, one: &str, many: &str) -> String {
    if count == 1 { format!("1 row {one}") } else { format!("{count} rows {many}") }
}

/// Names keys, and how many more there are.
fn keys(named: &[String], all: u64) -> String {
    let shown: Vec<String> =
        named.iter().take(20).map(|key| crate::messages::line::plain(key.as_bytes()).into_owned()).collect();
    let more = all.saturating_sub(shown.len() as u64);
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

fn fields(fields: &BTreeMap<String, u64>) -> String {
    let named = |(name, rows): (&String, &u64)| format!("{name} ({rows})");
    fields.iter().map(named).collect::<Vec<_>>().join(", ")
}

fn findings(found: &Accounted, flagged: &Flagged) -> Vec<Finding> {
    let mut findings = Vec::new();
    let of_lino = if found.by_lino == 0 {
        String::new()
    } else {
        format!(" In {} of them values differ that Lino itself changes.", found.by_lino)
    };
    let equal = rows(found.equal, "of the snapshot is", "of the snapshot are");
    findings.push(Finding::pass("account", format!("{equal} in the database with equal values.{of_lino}")));
    for table in found.tables.iter().take(NAMED) {
        of_table(table, &mut findings);
        if let Some(new) = flagged.get(&table.table) {
            let text = format!("The rehearsal did not refuse these rows: {}.", keys(new, new.len() as u64));
            let remedy = "Something has changed since: look for them in the log of the restore, and rehearse again.";
            findings.push(Finding::warn(format!("{}: new", table.table), text, remedy));
        }
    }
    if found.tables.len() > NAMED {
        let text = format!("{} more tables differ.", found.tables.len() - NAMED);
        findings.push(Finding::warn("account", text, "`lino-upgrade account` tells all of them."));
    }
    if found.unreadable > 0 {
        let text = format!("{} could not be compared.", rows(found.unreadable, "or file", "or files"));
        findings.push(Finding::warn("account", text, "`lino-upgrade account` tells which."));
    }
    findings
}

fn of_table(table: &AccountedTable, findings: &mut Vec<Finding>) {
    let subject = &table.table;
    if table.missing > 0 {
        let missing = rows(table.missing, "of the snapshot is missing", "of the snapshot are missing");
        let text = format!("{missing}: {}.", keys(&table.missing_keys, table.missing));
        let remedy = "Decide in triage what becomes of them, then restore again; the snapshot still has them.";
        findings.push(Finding::fail(subject, text, remedy));
    }
    for explained in &table.explained {
        let text = if let Some(number) = explained.decision {
            let because =
                if explained.because.is_empty() { String::new() } else { format!(", because: {}", explained.because) };
            format!("{} by decision {number}{because}", rows(explained.rows, "was left out", "were left out"))
        } else {
            format!("{}. {}", rows(explained.rows, "is not there", "are not there"), explained.because)
        };
        findings.push(Finding::pass(subject, text));
    }
    if table.changed > 0 {
        let text =
            format!("{} in {}.", rows(table.changed, "has other values", "have other values"), fields(&table.fields));
        if table.changed_by.is_empty() {
            let remedy = "The new version changed them while it loaded them; look whether that is right.";
            findings.push(Finding::warn(subject, text, remedy));
        } else {
            let numbers: Vec<String> = table.changed_by.iter().map(ToString::to_string).collect();
            let text = format!("{} This is by decision {}.", text, numbers.join(", "));
            findings.push(Finding::pass(subject, text));
        }
    }
    if !table.fields_gone.is_empty() {
        let text = format!("The new version has no field for values of {}.", fields(&table.fields_gone));
        findings.push(Finding::warn(subject, text, "The snapshot still has them; ask the application developer."));
    }
    if table.new > 0 {
        findings.push(Finding::pass(
            subject,
            format!("{} that the snapshot does not have.", rows(table.new, "is there", "are there")),
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triage::Explained;

    #[test]
    fn every_table_that_differs_is_told_with_its_keys_and_decisions() {
        let table = AccountedTable {
            table: "shop_partner".into(),
            changed: 9,
            fields: BTreeMap::from([("name".into(), 9)]),
            changed_by: vec![2],
            explained: vec![Explained { decision: Some(1), rows: 1, because: "too long".into() }],
            missing: 22,
            missing_keys: (1..=20).map(|key| key.to_string()).collect(),
            new: 1,
            ..AccountedTable::default()
        };
        let found = Accounted { equal: 300, by_lino: 4, tables: vec![table], missing: 22, ..Accounted::default() };
        let flagged = Flagged::from([("shop_partner".to_owned(), vec!["7".to_owned()])]);
        let told: Vec<(String, String)> =
            findings(&found, &flagged).into_iter().map(|finding| (finding.subject, finding.text)).collect();
        let one = |subject: &str, text: &str| (subject.to_owned(), text.to_owned());
        assert_eq!(
            told,
            [
                one(
                    "account",
                    "300 rows of the snapshot are in the database with equal values. In 4 of them values differ that \
                     Lino itself changes."
                ),
                one(
                    "shop_partner",
                    "22 rows of the snapshot are missing: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, \
                     18, 19, 20 and 2 more."
                ),
                one("shop_partner", "1 row was left out by decision 1, because: too long"),
                one("shop_partner", "9 rows have other values in name (9). This is by decision 2."),
                one("shop_partner", "1 row is there that the snapshot does not have."),
                one("shop_partner: new", "The rehearsal did not refuse these rows: 7."),
            ]
        );
    }
}
