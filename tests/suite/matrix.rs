//! What is said of a jump before it, and what Lino's restore really does: for each kind of change, on real sites.
//!
//! One site of the old version with its snapshot serves all kinds: only the new version's code differs, by the switches
//! of `tests/sites/shop`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use lino_upgrade::compare::judge::{Described, Looked, Merged, Sources, merge};
use lino_upgrade::compare::{Catalogue, Change, Effect, Evidence, Found, Question, Subject, Touched, Verdict};
use lino_upgrade::dump::Script;
use lino_upgrade::messages::{CommandKind, Ended, FailureCause, Judgement, Reader, Reading};
use lino_upgrade::site::facts::{ask, connection};
use lino_upgrade::site::{Db, Site, Surroundings, find};
use lino_upgrade::snapshot::{count, verify};

use crate::shop::Shop;

const SIMULATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/python/simulate.py");

use Verdict::{Decide, Restore, Skip};

/// A kind of change: its name, what is in the environment of the new version, and the verdict. A name that is a
/// switch of the shop is in force. PARTS, which the shop does not know, says whose dump has tables in several files.
type Kind = (&'static str, &'static [(&'static str, &'static str)], Verdict);

const KINDS: [Kind; 61] = [
    ("nothing", &[("SITEVER", "1.0")], Skip),
    ("only_version", &[], Skip),
    ("only_order", &[("SCHEMA", "other_order")], Skip),
    ("bigger_weight", &[], Restore),
    ("category_gone", &[], Decide),
    ("country_required", &[], Decide),
    ("drop_email", &[], Decide),
    ("email_field", &[], Skip),
    ("fewer_digits", &[], Restore),
    ("heavy", &[], Decide),
    ("light", &[], Skip),
    ("long_name", &[], Restore),
    ("memo_required", &[], Decide),
    ("new_blank", &[], Restore),
    ("new_default", &[], Skip),
    ("new_in_circle", &[], Restore),
    ("new_model", &[], Restore),
    ("new_required", &[], Decide),
    ("new_state", &[], Skip),
    ("new_table", &[], Restore),
    ("no_registered", &[], Decide),
    ("on_delete", &[], Skip),
    ("other_column", &[], Restore),
    ("other_target", &[], Decide),
    ("other_words", &[], Skip),
    ("partner_gone", &[], Decide),
    ("positive_weight", &[], Restore),
    ("remembered", &[], Restore),
    ("rename_email", &[], Decide),
    ("renamed_table", &[], Restore),
    ("sale_unique", &[], Restore),
    ("setting_unique", &[], Restore),
    ("short_first_name", &[], Decide),
    ("short_name", &[], Decide),
    ("strict_code", &[], Restore),
    ("text_required", &[], Skip),
    ("translated", &[], Restore),
    ("unloved", &[], Restore),
    ("untranslated", &[], Decide),
    ("value_gone", &[], Decide),
    ("value_number", &[], Restore),
    ("value_optional", &[], Restore),
    ("value_strict", &[], Restore),
    ("weight_date", &[], Decide),
    ("weight_decimal", &[], Restore),
    ("whole_amount", &[], Decide),
    ("whole_quantity", &[], Restore),
    ("language_added", &[("LANGS", "en de fr nl")], Restore),
    ("language_removed", &[("LANGS", "en de")], Decide),
    ("main_language", &[("LANGS", "de en fr")], Restore),
    ("migrator", &[("SCHEMA", "value_gone"), ("MIGR", "migrate.Migrator")], Restore),
    ("broken_migrator", &[("MIGR", "nowhere.Migrator")], Decide),
    ("renamed_category", &[], Decide),
    ("renamed_note", &[], Decide),
    ("renamed_product", &[], Decide),
    ("more_rows", &[("PARTS", "new")], Skip),
    ("fewer_rows", &[("PARTS", "old")], Skip),
    ("fewer_rows_short_name", &[("PARTS", "old"), ("SCHEMA", "short_name")], Decide),
    // No row uses the choice, and the column is as wide as it was.
    ("no_offered", &[], Skip),
    ("setting_entry", &[], Restore),
    // The authors have keys of partners.
    ("author_partner", &[], Decide),
];

/// SQLite keeps digits in no column, and refuses no text for its length.
const ON_SQLITE: [(&str, Verdict); 2] = [("fewer_digits", Skip), ("short_first_name", Restore)];

const MIGRATOR: &str = "from lino.utils.dpy import Migrator as Base, override\n\n\
    class Migrator(Base):\n    def migrate_from_1_0(self, globals_dict):\n        \"Forgets the values.\"\n\
    \x20       @override(globals_dict)\n\
    \x20       def create_shop_setting(id, name, value):\n\
    \x20           return globals_dict['shop_Setting'](id=id, name=name)\n\
    \x20       return '2.0'\n";

/// A site of the old version, and all that is looked at before the new one comes.
struct Old {
    shop: Shop,
    before: Described,
    catalogue: Catalogue,
    rows: BTreeMap<String, u64>,
}

fn site(shop: &Shop, environment: &[(&str, &str)]) -> Site {
    let mut site = find(Some(&shop.dir), &shop.dir, &Surroundings::of_this_process()).unwrap();
    for (name, value) in environment {
        site.environment.insert((*name).to_owned(), Some((*value).to_owned()));
    }
    site
}

async fn described(shop: &Shop, environment: &[(&str, &str)]) -> Described {
    let facts = ask(&site(shop, environment)).await.unwrap();
    Described { version: facts.site.version.clone(), models: facts.described(), migrator: facts.migrator() }
}

fn python(shop: &Shop, environment: &[(&str, &str)], words: &[&str]) -> Output {
    let mut command = Command::new("env/bin/python");
    command.args(words).current_dir(&shop.dir).env("LC_ALL", "C.UTF-8").env("PYTHONUNBUFFERED", "1");
    command.envs(environment.iter().copied()).output().unwrap()
}

fn dump(shop: &Shop, version: &str, directory: &str, options: &[&str]) {
    let words = [&["manage.py", "dump2py", directory], options].concat();
    let output = python(shop, &[("SITEVER", version)], &words);
    assert!(output.status.success(), "{}", said(&output));
}

/// Tells whether the dump of the `old` or the `new` version has tables in several files.
fn is_in_parts(environment: &[(&str, &str)], of: &str) -> bool {
    environment.contains(&("PARTS", of))
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

impl Old {
    async fn build(engine: &'static str) -> Self {
        let shop = Shop::build_new_on(engine);
        std::fs::write(shop.dir.join("migrate.py"), MIGRATOR).unwrap();
        dump(&shop, "1.0", "snapshot", &[]);
        // As if it were a table of more than 50,000 rows.
        dump(&shop, "1.0", "snapshot_in_parts", &["--max-row-count", "30"]);
        dump(&shop, "2.0", "t_in_parts", &["--max-row-count", "30"]);
        let before = described(&shop, &[("SITEVER", "1.0")]).await;
        let connection = connection(&site(&shop, &[])).await.unwrap();
        let mut db = Db::connect_read_only(&connection).await.unwrap();
        let catalogue = db.catalogue().await.unwrap();
        db.close().await;
        let found = verify(&shop.dir.join("snapshot"), &BTreeMap::new()).unwrap();
        let rows = found.tables.iter().map(|(table, entry)| (table.clone(), entry.rows)).collect();
        if engine == "sqlite" {
            std::fs::copy(shop.dir.join("default.db"), shop.dir.join("before.db")).unwrap();
        }
        Self { shop, before, catalogue, rows }
    }

    fn snapshot(&self, environment: &[(&str, &str)]) -> PathBuf {
        self.shop.dir.join(if is_in_parts(environment, "old") { "snapshot_in_parts" } else { "snapshot" })
    }

    /// Gathers the evidence as the step `compare` does.
    async fn evidence(&self, environment: &[(&str, &str)]) -> Evidence {
        let snapshot = self.snapshot(environment);
        let out = self.shop.dir.join(".lino-upgrade/t");
        std::fs::create_dir_all(out.parent().unwrap()).unwrap();
        let broken = environment.iter().any(|(_, value)| value.starts_with("nowhere"));
        let without: Vec<(&str, &str)> =
            environment.iter().copied().filter(|(name, _)| *name != "MIGR" || !broken).collect();
        let output = python(&self.shop, &without, &[SIMULATE, &out.to_string_lossy()]);
        assert!(output.status.success(), "{environment:?}: {}", said(&output));
        let out = if is_in_parts(environment, "new") { self.shop.dir.join("t_in_parts") } else { out };
        let script = |dir: &Path| Script::read(&std::fs::read_to_string(dir.join("restore.py")).unwrap());
        let mut sources = Sources::new(Looked {
            before: Ok(self.before.clone()),
            after: Ok(described(&self.shop, environment).await),
            old: Ok(script(&snapshot)),
            new: Ok(script(&out)),
            catalogue: Ok(self.catalogue.clone()),
            engine: self.shop.engine.replace("mariadb", "mysql"),
            rows: self.rows.clone(),
            left_out: Vec::new(),
        });
        let merged = merge(&sources);
        // Nothing has been found in the site's data yet, nobody has signed in.
        sources.aside = sources.tables_aside(&merged).into_iter().map(|table| (table, 0)).collect();
        let questions: Vec<Vec<Question>> = merged.iter().map(Merged::questions).collect();
        let keys = sources.keys();
        let counts = count::count(&snapshot, sources.setting(&keys).unwrap(), &questions);
        Evidence::gather(&sources, merged, counts)
    }

    /// Restores the snapshot by the new version.
    fn restore(&self, environment: &[(&str, &str)]) -> (Reading, Option<String>) {
        let script = self.snapshot(environment).join("restore.py");
        let words = ["manage.py", "run", &script.to_string_lossy(), "--noinput"];
        let output = python(&self.shop, environment, &words);
        let mut reader = Reader::new(CommandKind::Restore);
        let text = said(&output);
        text.lines().for_each(|line| reader.feed_line(line));
        let file = text.lines().rev().find_map(|line| line.strip_prefix("Execute file ")?.strip_suffix(" ..."));
        let file = file.map(str::to_owned);
        if self.shop.engine == "sqlite" {
            std::fs::copy(self.shop.dir.join("before.db"), self.shop.dir.join("default.db")).unwrap();
        }
        (reader.finish(Some(Ended::Exited { code: output.status.code().unwrap() })), file)
    }
}

fn environment(kind: &Kind) -> Vec<(&'static str, &'static str)> {
    let (name, more, _) = kind;
    let mut environment = vec![("SITEVER", "2.0")];
    if more.is_empty() && *name != "only_version" {
        environment.push(("SCHEMA", name));
    }
    environment.extend(more.iter().copied());
    environment
}

/// One line for each difference that is no noise.
pub fn told(evidence: &Evidence) -> String {
    let mut text = format!("{}\n", evidence.sentence);
    for found in &evidence.found {
        let touched = match &found.touched {
            Touched::Rows(rows) => rows.to_string(),
            Touched::Unknown(why) => format!("? ({why})"),
        };
        let sources: Vec<String> = found.sources.iter().map(|source| format!("{source:?}")).collect();
        writeln!(
            text,
            "  {:?}, rows {touched}, {}: {} [{}]",
            found.difference.class,
            effect(&found.effect),
            found.difference.sentence,
            sources.join(", ")
        )
        .unwrap();
    }
    for renaming in &evidence.renamings {
        writeln!(text, "  Guess: {} → {}: {}", renaming.guess.from, renaming.guess.to, renaming.guess.because).unwrap();
    }
    let quiet = evidence.noise.iter().filter(|found| !matches!(found.difference.subject, Subject::Table(_)));
    for found in quiet.filter(|found| !matches!(found.difference.change, Change::Written { .. })) {
        writeln!(text, "  Noise: {}", found.difference.sentence).unwrap();
    }
    for line in &evidence.left_out {
        writeln!(text, "  Left out: {line}").unwrap();
    }
    text
}

fn effect(effect: &Effect) -> String {
    match effect {
        Effect::Loads => "loads".to_owned(),
        Effect::Fails(rows) => format!("fails {rows}"),
        Effect::Loses(rows) => format!("loses {rows}"),
        Effect::Stops { file } => format!("stops at {file}"),
        Effect::Refuses => "refuses".to_owned(),
        Effect::Unknown => "unknown".to_owned(),
    }
}

/// What a restore did, in the words in which it was foretold.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Happened {
    Loaded,
    /// By model, the rows that were refused themselves; those that only point to them are not counted.
    Refused(BTreeMap<String, u64>),
    Stopped(String),
    DidNotBegin,
}

fn happened(reading: &Reading, file: Option<String>) -> Happened {
    match &reading.judgement {
        Judgement::Finished { .. } => Happened::Loaded,
        Judgement::Failed { cause: FailureCause::Abandoned, .. } => {
            let mut refused = BTreeMap::new();
            for group in reading.groups.iter().filter(|group| !follows(reading, &group.message)) {
                *refused.entry(group.model.clone()).or_default() += group.count;
            }
            Happened::Refused(refused)
        }
        _ => file.map_or(Happened::DidNotBegin, Happened::Stopped),
    }
}

/// Tells whether a message says that another row is missing, one of a model that has refused rows.
fn follows(reading: &Reading, message: &str) -> bool {
    if message.contains("already exists") {
        return false;
    }
    let Some((before, _)) = message.split_once(" instance with ") else {
        return message.to_lowercase().contains("foreign key constraint");
    };
    let name = before.rsplit(['\'', '"']).next().unwrap().to_lowercase();
    reading
        .groups
        .iter()
        .any(|group| group.model.to_lowercase().ends_with(&format!(".{name}")) && group.message != message)
}

/// What the evidence foretells; none when it says that only a rehearsal can tell.
fn foretold(evidence: &Evidence, order: &[String]) -> Option<Happened> {
    let effects = || evidence.found.iter().map(|found| &found.effect);
    if effects().any(|effect| *effect == Effect::Refuses) {
        return Some(Happened::DidNotBegin);
    }
    if effects().any(|effect| *effect == Effect::Unknown) && !evidence.found.iter().any(Found::is_in_the_way) {
        return None;
    }
    let place = |file: &String| order.iter().position(|known| known == file);
    let stops = effects().filter_map(|effect| match effect {
        Effect::Stops { file } => Some(file),
        _ => None,
    });
    if let Some(first) = stops.min_by_key(|file| place(file)) {
        return Some(Happened::Stopped(first.clone()));
    }
    let mut refused = BTreeMap::new();
    for found in &evidence.found {
        if let (Effect::Fails(rows), (model, _)) = (&found.effect, found.difference.subject.place()) {
            *refused.entry(model.to_owned()).or_default() += rows;
        }
    }
    Some(if refused.is_empty() { Happened::Loaded } else { Happened::Refused(refused) })
}

async fn is_foretold(engine: &'static str, kinds: &[Kind]) -> String {
    let old = Old::build(engine).await;
    let mut text = String::new();
    let mut wrong = Vec::new();
    for kind in kinds {
        let environment = environment(kind);
        let evidence = old.evidence(&environment).await;
        let (reading, file) = old.restore(&environment);
        let happened = happened(&reading, file);
        let script = std::fs::read_to_string(old.snapshot(&environment).join("restore.py")).unwrap();
        let order: Vec<String> = Script::read(&script).loads.into_iter().map(|load| load.file).collect();
        let foretold = foretold(&evidence, &order);
        writeln!(text, "{}: {}  → {happened:?}\n", kind.0, told(&evidence)).unwrap();
        let special = ON_SQLITE.iter().find(|(name, _)| engine == "sqlite" && *name == kind.0);
        let verdict = special.map_or(kind.2, |(_, verdict)| *verdict);
        if evidence.verdict != verdict {
            wrong.push(format!("{}: {:?} instead of {verdict:?}", kind.0, evidence.verdict));
        }
        if foretold.is_some_and(|foretold| foretold != happened) {
            wrong.push(format!("{}: {happened:?} was not foretold", kind.0));
        }
    }
    assert_eq!(wrong, Vec::<String>::new(), "{text}");
    text
}

#[tokio::test]
async fn what_the_restore_will_do_is_foretold() {
    let wanted = [
        "only_version",
        "no_registered",
        "rename_email",
        "short_name",
        "language_removed",
        "heavy",
        "renamed_product",
        "author_partner",
    ];
    let kinds: Vec<Kind> = KINDS.into_iter().filter(|kind| wanted.contains(&kind.0)).collect();
    insta::assert_snapshot!(is_foretold("sqlite", &kinds).await);
}

#[tokio::test]
#[ignore = "takes four minutes; tests/run --full asks for it"]
async fn matrix_of_all_kinds_of_change_on_sqlite() {
    insta::assert_snapshot!(is_foretold("sqlite", &KINDS).await);
}

#[tokio::test]
#[ignore = "takes four minutes; tests/run --full asks for it"]
async fn matrix_of_all_kinds_of_change_on_postgresql() {
    insta::assert_snapshot!(is_foretold("postgresql", &KINDS).await);
}

#[tokio::test]
#[ignore = "takes four minutes; tests/run --full asks for it"]
async fn matrix_of_all_kinds_of_change_on_mariadb() {
    insta::assert_snapshot!(is_foretold("mariadb", &KINDS).await);
}
