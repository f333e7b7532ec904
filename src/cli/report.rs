//! `report`: what the developer of the application is told of a rehearsal or of a restore.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::args;
use super::triaged::plainly;
use super::{inspect, unprintable};
use crate::dump::edit::migrator;
use crate::dump::{Conversion, Rows, Script, Value};
use crate::engine::decisions;
use crate::engine::rehearse::{read, script};
use crate::error::{Kind, Report, Tell};
use crate::messages::Ended;
use crate::site::{Site, rehearse};
use crate::snapshot::index::Index;
use crate::snapshot::triage_log;
use crate::triage::report::{self, Material, Shown, Values};
use crate::triage::{Broken, Causes, DecisionsFile, Known, Stopped, fit};

/// Where decisions are kept in the state directory of a site.
const DECISIONS: &str = "decisions.toml";
/// The name of the copy of the dump script that has the decisions.
const COPY: &str = "restore_decided.py";
/// Rows of each cause that are fetched.
const FETCHED: usize = 1_000;

/// What there is to report.
struct Source {
    origin: Vec<String>,
    causes: Causes,
    broken: Vec<Broken>,
    stopped: Option<Stopped>,
    script: PathBuf,
    /// Versions of the application, Lino, Django and Python, of the new side.
    after: [Option<String>; 4],
}

/// Writes the report.
pub fn run(args: &args::Report, site: Option<&Path>, out: &mut dyn Write) -> Result<u8, Report> {
    let (site, source) = if let (Some(log), Some(snapshot)) = (&args.log, &args.snapshot) {
        (site.map(|site| inspect::find(Some(site))).transpose()?, of_log(log, snapshot, args)?)
    } else {
        let site = inspect::find(site)?;
        let source = of_rehearsal(&site, args.snapshot.as_deref())?;
        (Some(site), source)
    };
    let unreadable = |error: &dyn std::fmt::Display| {
        Report::new(Kind::Environment, format!("{} cannot be read: {error}.", source.script.display()))
            .unchanged("Nothing was changed.")
    };
    let text = std::fs::read(&source.script).map_err(|error| unreadable(&error))?;
    let text = String::from_utf8_lossy(&text);
    let dump = Script::read(&text);
    let kept = site.as_ref().map(|site| site.state_dir.join(DECISIONS)).filter(|path| path.is_file());
    let decided = match args.decisions.as_ref().or(kept.as_ref()) {
        Some(path) => decisions::read(path)?,
        None => DecisionsFile::default(),
    };
    let copy = std::fs::read_to_string(source.script.with_file_name(COPY)).ok();
    let edits = copy.filter(|copy| *copy != *text).map(|copy| {
        similar::TextDiff::from_lines(&*text, &copy)
            .unified_diff()
            .context_radius(3)
            .header("restore.py", COPY)
            .to_string()
    });
    let material = Material {
        versions: versions(&source, &dump),
        causes: Some(&source.causes),
        rows: rows(&source, &dump).map_err(|error| unreadable(&error))?,
        broken: &source.broken,
        stopped: source.stopped.as_ref(),
        migrator: skeleton(&source, &text, &dump, &decided)?,
        decisions: Some(&decided.decisions),
        edits,
        origin: source.origin.clone(),
    };
    let values = if args.with_values { Values::Told } else { Values::Masked };
    let told = report::Report::of(&material, values);
    let (path, text) = match (&args.html, &args.markdown) {
        (Some(path), _) => (Some(path), report::html(&told)),
        (None, path) => (path.as_ref(), report::markdown(&told)),
    };
    match path.filter(|path| path.as_os_str() != "-") {
        None => out.write_all(text.as_bytes()).map_err(|error| unprintable(&error))?,
        Some(path) => write(path, &text).map_err(|error| {
            Report::new(Kind::Environment, format!("{} cannot be written: {error}.", path.display()))
                .unchanged("The site was not touched.")
        })?,
    }
    Ok(0)
}

/// Keys are in it, and perhaps values: it is for its owner until somebody gives it away.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

fn of_log(log: &Path, snapshot: &Path, args: &args::Report) -> Result<Source, Report> {
    let script = script(snapshot)?;
    let found = triage_log(log, &script, args.exit.map(|code| Ended::Exited { code })).map_err(|error| error.tell())?;
    let mut origin = vec!["This is what the log of a restore tells.".to_owned()];
    origin.extend(found.notes);
    // The exception of a row is told with the row.
    let fatal = found.fatal.filter(|_| found.fatal_row.is_none());
    let stopped =
        fatal.map(|fatal| Stopped { exception: fatal.exception, message: fatal.message, traceback: String::new() });
    Ok(Source { origin, causes: found.causes, broken: Vec::new(), stopped, script, after: [const { None }; 4] })
}

fn of_rehearsal(site: &Site, snapshot: Option<&Path>) -> Result<Source, Report> {
    site.prove_state_dir().map_err(|error| error.tell())?;
    let places = rehearse::places(site);
    if !places.told.is_file() {
        return Err(Report::new(Kind::Environment, "This site was not rehearsed yet.")
            .unchanged("Nothing was changed.")
            .next("Rehearse it: lino-upgrade rehearse.")
            .next("Or report the log of a restore: --log LOG --snapshot DIR."));
    }
    let told = read(&places)?;
    let rehearsed = rehearsed_script(&places.told).filter(|path| snapshot.is_none() && path.is_file());
    let mut path = match rehearsed {
        Some(path) => path,
        None => script(&snapshot.map_or_else(|| site.dir.join("snapshot"), Path::to_owned))?,
    };
    if path.file_name().is_some_and(|name| name == COPY) {
        path.set_file_name("restore.py");
    }
    let after = told.begun.map_or([const { None }; 4], |begun| {
        [begun.version, begun.lino, begun.django, begun.python]
            .map(|version| Some(version).filter(|text| !text.is_empty()))
    });
    let loaded = told.ended.as_ref().map_or_else(
        || "It did not come to its end.".to_owned(),
        |ended| format!("{} objects were loaded.", ended.loaded),
    );
    let mut origin = vec![format!("The new version loaded a snapshot of the site into a scratch database. {loaded}")];
    origin.extend(told.repaired.iter().map(|what| format!("Repaired for it: {what}.")));
    Ok(Source {
        origin,
        causes: Causes::of(told.failures),
        broken: told.broken,
        stopped: told.stopped,
        script: path,
        after,
    })
}

/// The dump script that was rehearsed, as the first line of the rehearsal tells.
fn rehearsed_script(told: &Path) -> Option<PathBuf> {
    let text = io::BufRead::lines(io::BufReader::new(std::fs::File::open(told).ok()?)).next()?.ok()?;
    let line: serde_json::Value = serde_json::from_str(&text).ok()?;
    line.get("script")?.as_str().map(PathBuf::from)
}

fn versions(source: &Source, dump: &Script) -> Vec<(String, Option<String>, Option<String>)> {
    // `make_snapshot.sh` lists the packages of the old version beside the dump.
    let list = std::fs::read(source.script.with_file_name("requirements.txt")).unwrap_or_default();
    let list = String::from_utf8_lossy(&list);
    let package = |name: &str| {
        let of = |line: &str| {
            line.split_once("==")
                .filter(|(found, _)| found.eq_ignore_ascii_case(name))
                .map(|(_, it)| it.trim().to_owned())
        };
        list.lines().find_map(of)
    };
    let [application, lino, django, python] = source.after.clone();
    let row = |what: &str, old, new| (what.to_owned(), old, new);
    vec![
        row("application", dump.source_version.clone(), application),
        row("Lino", package("lino"), lino),
        row("Django", package("django"), django),
        row("Python", None, python),
    ]
}

/// Fetches the rows whose texts may be told or have to be masked.
fn rows(source: &Source, dump: &Script) -> io::Result<report::Fields> {
    let causes = &source.causes;
    let with_traceback = causes.failures.iter().filter(|failure| failure.traceback.is_some());
    let first = causes.causes.iter().take(report::MOST_CAUSES).flat_map(|cause| cause.rows.iter().take(FETCHED));
    let wanted = first.filter_map(|row| causes.failures.get(*row)).chain(with_traceback);
    let tables: HashMap<(String, u64), &str> =
        wanted.map(|failure| ((failure.file.clone(), failure.line), failure.table.as_str())).collect();
    let places: BTreeSet<(String, u64)> = tables.keys().cloned().collect();
    let mut lines = BTreeMap::new();
    if let Ok(index) = Index::open(&source.script, None) {
        for place in places.into_iter().filter(|(_, line)| *line > 0) {
            if let Some(row) = index.written(&place.0, place.1).map_err(io::Error::other)? {
                lines.insert(place, row.bytes);
            }
        }
    }
    let row = |(place, line): (&(String, u64), &Vec<u8>)| {
        let function = dump.function(tables.get(place)?)?;
        let row = Rows::new(line).next()?;
        let fields = function.parameters.iter().zip(row.values().map_while(Result::ok));
        let fields = fields.map(|(parameter, value)| {
            let choice = matches!(parameter.conversion, Conversion::Choice { .. });
            (parameter.name.to_string(), of(&value, choice))
        });
        Some((place.clone(), fields.collect()))
    };
    Ok(lines.iter().filter_map(row).collect())
}

fn of(value: &Value<'_>, choice: bool) -> Shown {
    match value {
        Value::None => Shown::Null,
        Value::Text(text) if !choice => Shown::Text(text.clone().into_owned()),
        Value::List(values) | Value::Tuple(values) => {
            Shown::Texts(values.iter().map(|value| plainly(&super::triaged::of(value))).collect())
        }
        Value::Bytes(_) | Value::Dict(_) | Value::Set(_) | Value::Surrogates(_) | Value::Named(_) => {
            Shown::Text(plainly(&super::triaged::of(value)))
        }
        value => Shown::Other(plainly(&super::triaged::of(value))),
    }
}

/// A migrator with the decisions, to begin with; none while there is none.
fn skeleton(source: &Source, text: &str, dump: &Script, decided: &DecisionsFile) -> Result<Option<String>, Report> {
    if decided.decisions.is_empty() {
        return Ok(None);
    }
    let index = Index::open(&source.script, None).map_err(|error| error.tell())?;
    let key = |table: &str, key: &str| index.stored(table, key);
    let fitted = fit(&decided.decisions, &Known { script: dump, key: &key, before: None, after: None });
    index.trouble().map_or(Ok(()), |error| Err(error.tell()))?;
    let to = source.after.first().cloned().flatten().unwrap_or_else(|| "NEW".to_owned());
    Ok(migrator(text, &fitted.changes, &[], &to).filter(|_| !fitted.changes.is_empty()))
}
