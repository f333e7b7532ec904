//! `protect`: the way back is recorded: copies of database, environment and static files, the list of packages, and the
//! revisions of working copies.

use std::path::{Path, PathBuf};

use super::super::context::{Command, Context};
use super::super::{Ask, StepEnd};
use super::{blocking, done, failed, interrupted, unfinished};
use crate::error::{Kind, Report, Tell};
use crate::messages::CommandKind;
use crate::procedure::{Finding, StepId};
use crate::site::check::{free_space, human_size, tree_size};
use crate::site::{self, Connection, Db, Engine, quote};
use crate::snapshot::protect::{self, ServerDump};

/// Room that stays free beside the copies.
const MARGIN: u64 = 50_000_000;

/// Records the way back: database, environment, packages.
pub async fn protect(context: &Context) -> Result<StepEnd, Report> {
    if let Some(end) = too_late(context).await? {
        return Ok(end);
    }
    let dir = context.site.state_dir.join("protect").join(format!("run-{:04}", context.run));
    site::prepare_private(&dir).map_err(|error| {
        Report::new(Kind::Failed, format!("{} cannot be created: {error}.", dir.display()))
            .next("Free some disk space.")
    })?;
    super::code::packages_before(context).await?;
    let mut findings = Vec::new();
    let connection = site::facts::connection(&context.site).await.map_err(|error| error.tell())?;
    let env = context.site.env_dir.canonicalize().unwrap_or_else(|_| context.site.env_dir.clone());
    let root = static_root(context, &env).await?;
    let scope = match room(context, &connection, &dir, (&env, root.as_deref())).await? {
        Ok(scope) => scope,
        Err(end) => return Ok(end),
    };
    let mut copies = Copies::default();
    if scope.database {
        match database_copy(context, &connection, &dir).await? {
            Ok(copy) => {
                findings.push(Finding::pass("database", format!("Copied to {} and read back.", copy.display())));
                copies.database = Some(copy);
            }
            Err(end) => return Ok(end),
        }
    } else {
        findings.push(Finding::warn(
            "database",
            "It was not copied, as you have decided: there is no room.",
            "An undo loads the snapshot again with the old version. That takes as long as a restore.",
        ));
    }
    let trees = [("environment", "env", Some(env.as_path())), ("static", "static", root.as_deref())];
    for (name, target, from) in trees {
        let Some(from) = from.filter(|from| from.is_dir() && !(name == "static" && from.starts_with(&env))) else {
            continue;
        };
        let what = if name == "static" { "static files" } else { name };
        if !scope.files {
            findings.push(Finding::warn(
                what,
                format!("{} was not copied, as you have decided: there is no room.", from.display()),
                "An undo installs the old packages again from wherever pip finds them, and collects static files anew.",
            ));
            continue;
        }
        let copy = dir.join(target);
        let part = quote(&dir.join(format!("{target}.part")).to_string_lossy());
        let [from, to] = [from, &copy].map(|path| quote(&path.to_string_lossy()));
        let line = format!("rm -rf {part} {to} && cp -a --reflink=auto {from} {part} && mv {part} {to}");
        let end = context.command(Command::new(name, CommandKind::Other, line)).await?;
        if let Some(end) = unfinished(&end) {
            return Ok(end.with(findings));
        }
        findings.push(Finding::pass(what, format!("Copied to {}.", copy.display())));
        *(if name == "static" { &mut copies.files } else { &mut copies.environment }) = Some(copy);
    }
    remember(context, &connection, &dir, (&env, root), copies).await?;
    let what = match (scope.database, scope.files) {
        (true, true) => "database and environment are copied",
        (true, false) => "the database is copied, the environment is not",
        (false, _) => "nothing is copied, as you have decided",
    };
    Ok(done(what).with(findings))
}

/// What was copied.
#[derive(Default)]
struct Copies {
    database: Option<PathBuf>,
    environment: Option<PathBuf>,
    files: Option<PathBuf>,
}

async fn remember(
    context: &Context,
    connection: &Connection,
    dir: &Path,
    (env, root): (&Path, Option<PathBuf>),
    copies: Copies,
) -> Result<(), Report> {
    let text = |path: &PathBuf| path.display().to_string();
    let back = copies.database.as_ref().map(|copy| protect::bring_back_line(connection, &dir.join(EMPTY), copy));
    let asks = connection.password.as_ref().and(connection.user.clone());
    let environment_back = copies.environment.as_ref().map(|copy| {
        let [from, to] = [env, copy].map(|path| quote(&path.to_string_lossy()));
        format!("mv {from} {from}.new && cp -a --reflink=auto {to} {from}")
    });
    context
        .learn(|knowledge| {
            let protection = &mut knowledge.protection;
            protection.database_copy = copies.database.as_ref().map(text);
            protection.database_back = back;
            protection.database_asks = asks;
            protection.environment_copy = copies.environment.as_ref().map(text);
            protection.environment_back = environment_back;
            protection.environment = Some(env.display().to_string());
            protection.static_root = root.as_ref().map(text);
            protection.static_copy = copies.files.as_ref().map(text);
        })
        .await
}

/// Once the new version has begun to come in, a copy would be one of the new version.
async fn too_late(context: &Context) -> Result<Option<StepEnd>, Report> {
    let attempts = context.journal.attempts(context.run).await.map_err(|error| error.tell())?;
    let later = [StepId::Pull, StepId::Install, StepId::Restore];
    let begun = attempts.iter().any(|attempt| {
        let skipped = matches!(attempt.state, Some(crate::procedure::StepState::Skipped { .. }));
        later.contains(&attempt.step) && !skipped
    });
    if !begun || context.has_commands().await? {
        return Ok(None);
    }
    let text = "The new version is in place already, or a part of it: a copy would be one of the new version.";
    Ok(Some(if context.known().protection.environment.is_some() {
        let finding = Finding::warn("copies", text, "Nothing to do: those that were made before it stay.");
        done("the copies that were made before stay").with(vec![finding])
    } else {
        let finding = Finding::fail("copies", text, "Leave this step out. There is no recorded way back.");
        failed("it is too late to copy the old version").with(vec![finding])
    }))
}

/// Finds where the static files are.
async fn static_root(context: &Context, env: &Path) -> Result<Option<PathBuf>, Report> {
    let facts = site::facts::ask(&context.site).await.map_err(|error| error.tell())?;
    let root = facts.static_root.map(|root| context.site.dir.join(root));
    let root = root.map(|root| root.canonicalize().unwrap_or(root));
    // Whoever collects into the site or above it cannot want a copy of all that.
    Ok(root.filter(|root| !context.site.dir.starts_with(root) && !env.starts_with(root)))
}

/// What is copied: everything, unless there is no room and the operator has decided.
#[derive(Clone, Copy, serde::Serialize, serde::Deserialize)]
struct Scope {
    attempt: i64,
    database: bool,
    files: bool,
}

/// The fact that holds what the operator has decided to copy.
const SCOPE: &str = "protect-scope";

/// Looks whether there is room for the copies, before anything is copied, and asks when there is not.
async fn room(
    context: &Context,
    connection: &Connection,
    dir: &Path,
    (env, root): (&Path, Option<&Path>),
) -> Result<Result<Scope, StepEnd>, Report> {
    let attempt = context.attempt;
    let all = Scope { attempt, database: true, files: true };
    if context.has_commands().await? {
        let known: Option<Scope> = context.journal.fact(context.run, SCOPE).await.map_err(|error| error.tell())?;
        return Ok(Ok(known.filter(|known| known.attempt == attempt).unwrap_or(all)));
    }
    context.progress(0, None, "looking whether there is room for the copies");
    let mut db = Db::connect_read_only(connection).await.map_err(|error| error.tell())?;
    let database = db.size().await.unwrap_or_default();
    db.close().await;
    let trees: Vec<PathBuf> =
        [Some(env), root.filter(|root| !root.starts_with(env))].into_iter().flatten().map(Path::to_owned).collect();
    let files = blocking(move || trees.iter().map(|tree| tree_size(tree)).sum::<u64>()).await?;
    loop {
        let Some(free) = free_space(dir) else { return Ok(Ok(all)) };
        if free >= database.saturating_add(files).saturating_add(MARGIN) {
            return Ok(Ok(all));
        }
        let without_files = free >= database.saturating_add(MARGIN);
        let key = context.ask(no_room(context, dir, (free, database, files), without_files)).await;
        let scope = match key {
            Some('r') => continue,
            Some('e') if without_files => Scope { attempt, database: true, files: false },
            Some('n') => Scope { attempt, database: false, files: false },
            _ => {
                let text = format!("{} are free below {}.", human_size(free), dir.display());
                let remedy =
                    "Free some space, or let state_dir in lino-upgrade.toml point to another disk; then retry.";
                let finding = Finding::fail("free disk space", text, remedy);
                return Ok(Err(interrupted("there is no room for the copies").with(vec![finding])));
            }
        };
        context
            .journal
            .record(context.run, SCOPE, &scope, super::super::clock::now())
            .await
            .map_err(|error| error.tell())?;
        return Ok(Ok(scope));
    }
}

fn no_room(context: &Context, dir: &Path, (free, database, files): (u64, u64, u64), without_files: bool) -> Ask {
    let mut choices = vec![('r', "I have freed some space: look again".to_owned())];
    if without_files {
        choices.push(('e', "copy the database only".into()));
    }
    choices.push(('n', "copy nothing".into()));
    choices.push(('w', "wait, decide later".into()));
    Ask {
        question: "protect.space".into(),
        step: context.step,
        title: "No room for the copies".into(),
        text: format!(
            "{} are free below {}. The copies need {}: {} for the database, {} for the environment and static files. \
             Without the copy of the environment, an undo can only install the old packages again, from wherever pip \
             finds them. Without that of the database, it loads the snapshot again, which takes as long as a restore.",
            human_size(free),
            dir.display(),
            human_size(database.saturating_add(files)),
            human_size(database),
            human_size(files)
        ),
        choices,
        recommended: None,
    }
}

/// Copies the database, and reads the copy back.
async fn database_copy(
    context: &Context,
    connection: &Connection,
    dir: &Path,
) -> Result<Result<PathBuf, StepEnd>, Report> {
    if connection.engine != Engine::Sqlite {
        return server_copy(context, connection, dir).await;
    }
    let copy = dir.join("database.sqlite");
    context.progress(0, None, "copying the database");
    context.note(&format!("VACUUM INTO {}", copy.display()))?;
    protect::sqlite_copy(Path::new(&connection.name), &copy).await.map_err(|text| {
        Report::new(Kind::Failed, format!("The database cannot be copied: {text}."))
            .unchanged("The database itself was only read.")
            .next("Free some disk space, then retry.")
    })?;
    Ok(Ok(copy))
}

/// The statements that empty the database before its copy is loaded.
const EMPTY: &str = "empty.sql";

/// Lets a program of the database server run. The file with its password is gone afterwards, whatever happens.
pub(super) async fn server_program(
    context: &Context,
    name: &str,
    prepared: ServerDump,
    secret: &Path,
) -> Result<Option<StepEnd>, Report> {
    let mut command = Command::new(name, CommandKind::Other, prepared.line);
    for (name, value) in &prepared.env {
        command = command.env(name, value);
    }
    let end = context.command(command).await;
    let _ = std::fs::remove_file(secret);
    Ok(unfinished(&end?))
}

async fn server_copy(
    context: &Context,
    connection: &Connection,
    dir: &Path,
) -> Result<Result<PathBuf, StepEnd>, Report> {
    let mut db = Db::connect_read_only(connection).await.map_err(|error| error.tell())?;
    let emptying = protect::emptying(&mut db, connection).await.map_err(|error| error.tell())?;
    db.close().await;
    let copy = dir.join("database.sql");
    // One name: when the wizard died while the dump ran, this writes over what it left behind.
    let secret = dir.join(protect::SECRET);
    let prepared = protect::write_private(&dir.join(EMPTY), &emptying)
        .and_then(|()| protect::server_dump(connection, &copy, &secret))
        .map_err(|error| {
            Report::new(Kind::Failed, format!("The copy of the database cannot be prepared: {error}."))
                .next("Free some disk space, then retry.")
        })?;
    if let Some(end) = server_program(context, "database", prepared, &secret).await? {
        return Ok(Err(end));
    }
    let line = protect::read_back_line(connection.engine, &copy);
    let end = context.command(Command::new("read-back", CommandKind::Other, line)).await?;
    if let Some(end) = unfinished(&end) {
        return Ok(Err(end));
    }
    let missing = whole(context, connection, &copy).await?;
    Ok(if missing.is_empty() {
        Ok(copy)
    } else {
        let text = format!("These tables are not in the copy: {}.", missing.join(", "));
        let remedy = "Look whether the user of the site may read them, then retry.";
        Err(failed("the copy of the database is not whole").with(vec![Finding::fail("database", text, remedy)]))
    })
}

/// Names the tables that are not in a dump of the server, or empty there although they have rows.
async fn whole(context: &Context, connection: &Connection, copy: &Path) -> Result<Vec<String>, Report> {
    context.progress(0, None, "reading the copy back");
    let path = copy.to_owned();
    let (created, filled) = blocking(move || protect::tables_of(&path)).await?.map_err(|error| {
        Report::new(Kind::Failed, format!("The copy of the database cannot be read back: {error}."))
    })?;
    let mut db = Db::connect_read_only(connection).await.map_err(|error| error.tell())?;
    let mut missing = Vec::new();
    for table in db.tables().await.map_err(|error| error.tell())? {
        let is_whole = created.contains(&table)
            && (filled.contains(&table) || db.count(&table).await.map_err(|error| error.tell())? == 0);
        if !is_whole {
            missing.push(table);
        }
    }
    db.close().await;
    Ok(missing)
}
