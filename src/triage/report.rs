//! The report for the developer of the application: what the new version refused, why, and what was decided so far.
//!
//! Unless it is asked otherwise, it holds no text of the site's rows: they are masked here, before anybody writes the
//! report in one form or another. Numbers and keys stay, as without them nobody finds the rows.

mod html;
mod markdown;
mod mask;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use super::cause::{Cause, Causes, Why};
use super::decision::{Choice, Decision, Decisions, Given, Scope};
use super::failure::{Failure, Phase};
use super::rehearsed::{Broken, Stopped};
use mask::Mask;

pub use html::html;
pub use markdown::markdown;

/// Rows shown of each cause.
const SAMPLES: usize = 3;
/// Rows of each cause whose texts are looked for in messages and tracebacks.
const KNOWN: usize = 1_000;
/// Causes that are told one by one.
pub const MOST_CAUSES: usize = 200;
/// Decisions that are told one by one.
const MOST_DECISIONS: usize = 1_000;
/// Characters of a value or of a message that are shown.
const LONGEST: usize = 2_000;
/// Bytes of the edits, and of the migrator: longer ones are left off, as nobody reads them.
const MOST_EDITS: usize = 200 << 10;

/// Whether texts of rows may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// Every text that comes from a row is replaced.
    Masked,
    /// All is told.
    Told,
}

/// A value of a row, as far as a report knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Nothing.
    Null,
    /// A text.
    Text(String),
    /// Texts, one for each language.
    Texts(Vec<String>),
    /// A number, a date, a key, a choice: it stays.
    Other(String),
}

/// Names and values of rows, by file and line.
pub type Fields = HashMap<(String, u64), Vec<(String, Shown)>>;

/// What a report is made from.
#[derive(Clone, Debug, Default)]
pub struct Material<'a> {
    /// Where it comes from, for the first lines: `Rehearsal of …`; full sentences.
    pub origin: Vec<String>,
    /// What has versions, with the old and the new one, where they are known.
    pub versions: Vec<(String, Option<String>, Option<String>)>,
    /// The rows.
    pub causes: Option<&'a Causes>,
    /// The rows whose texts may be told or have to be masked.
    pub rows: Fields,
    /// What failed and is no row.
    pub broken: &'a [Broken],
    /// Why it could not go on.
    pub stopped: Option<&'a Stopped>,
    /// The decisions.
    pub decisions: Option<&'a Decisions>,
    /// How the dump script was edited, as a unified diff.
    pub edits: Option<String>,
    /// A migrator that does the same.
    pub migrator: Option<String>,
}

/// A report, ready to be written: all that is to be masked is masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Where it comes from.
    pub origin: Vec<String>,
    /// Whether texts of rows were replaced.
    pub values: Values,
    /// What has versions, with the old and the new one.
    pub versions: Vec<(String, String, String)>,
    /// How many causes and rows, in a sentence.
    pub summary: String,
    /// The causes.
    pub causes: Vec<Told>,
    /// Causes beyond those.
    pub more: usize,
    /// What failed and is no row: place, exception, traceback.
    pub broken: Vec<(String, String, Option<String>)>,
    /// The decisions, in sentences.
    pub decisions: Vec<String>,
    /// How the dump script was edited.
    pub edits: Option<String>,
    /// A migrator that does the same.
    pub migrator: Option<String>,
}

/// A cause as it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The model, or the table of one that is gone.
    pub model: String,
    /// How many rows.
    pub rows: usize,
    /// Where they were refused, in a sentence.
    pub phase: &'static str,
    /// The class of the exception.
    pub exception: String,
    /// The messages by field.
    pub messages: Vec<(String, String)>,
    /// How many rows of which models follow.
    pub follow: Vec<(String, usize)>,
    /// Some of its rows.
    pub samples: Vec<Sample>,
    /// The traceback.
    pub traceback: Option<String>,
}

/// A row as it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Its primary key.
    pub key: String,
    /// Its file and line; none when the snapshot does not have it.
    pub place: Option<String>,
    /// Its fields that have a value: name, kind, and value.
    pub fields: Vec<(String, String, String)>,
    /// Names of fields without a value, and of those with an empty text.
    pub empty: [Vec<String>; 2],
}

impl Report {
    /// Makes a report.
    #[must_use]
    pub fn of(material: &Material<'_>, values: Values) -> Self {
        let none = Causes::default();
        let causes = material.causes.unwrap_or(&none);
        let mut all = Mask::default();
        let mut told = Vec::new();
        for cause in causes.causes.iter().take(MOST_CAUSES) {
            let mask = mask_of(cause, causes, material, values);
            told.push(tell(cause, causes, material, &mask, values));
            all.extend(mask);
        }
        if values == Values::Masked {
            material.decisions.into_iter().flat_map(Decisions::iter).for_each(|decision| all.add_decision(decision));
        }
        let decided = material.decisions.map(Decisions::iter).into_iter().flatten();
        let mut decisions: Vec<String> = decided.take(MOST_DECISIONS).map(|it| all.text(&cut(&decision(it)))).collect();
        let others = material.decisions.map_or(0, |all| all.iter().len()).saturating_sub(decisions.len());
        if others > 0 {
            decisions.push(format!("{others} more decisions are left off."));
        }
        let version = |version: &Option<String>| version.clone().unwrap_or_else(|| "not known".to_owned());
        let mut broken: Vec<(String, String, Option<String>)> = material
            .broken
            .iter()
            .map(|broken| {
                let place = match (&broken.file, broken.line) {
                    (Some(file), Some(line)) => format!("{file}, line {line}"),
                    (Some(file), None) => file.clone(),
                    _ => broken.table.clone().or_else(|| broken.handler.clone()).unwrap_or_default(),
                };
                let said = all.text(&cut(&format!("{}: {}", broken.exception, broken.message)));
                (place, said, broken.traceback.as_deref().map(|text| all.traceback(text)))
            })
            .collect();
        if let Some(stopped) = material.stopped {
            let said = all.text(&cut(&format!("{}: {}", stopped.exception, stopped.message)));
            let traceback = (!stopped.traceback.is_empty()).then(|| all.traceback(&stopped.traceback));
            broken.push(("It could not go on".to_owned(), said, traceback));
        }
        let summary = if causes.failures.is_empty() { "No row was refused".to_owned() } else { causes.summary() };
        Self {
            origin: material.origin.clone(),
            values,
            versions: material
                .versions
                .iter()
                .map(|(what, old, new)| (what.clone(), version(old), version(new)))
                .collect(),
            summary: format!("{summary}."),
            more: causes.causes.len() - told.len(),
            causes: told,
            broken,
            decisions,
            edits: material.edits.as_deref().map(|text| bounded(text, &all, "; they are in the copy of restore.py")),
            migrator: material.migrator.as_deref().map(|text| bounded(text, &all, "")),
        }
    }
}

/// Masks what was edited; when it is too long to be read, it is only said where it is.
fn bounded(text: &str, mask: &Mask, place: &str) -> String {
    if text.len() <= MOST_EDITS {
        return mask.text(text);
    }
    format!("# {} lines are left off{place}.", text.lines().count())
}

/// Returns the beginning of a long text.
fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Knows the texts of the rows of a cause; of rows that share a traceback the first has it.
fn mask_of(cause: &Cause, causes: &Causes, material: &Material<'_>, values: Values) -> Mask {
    let mut mask = Mask::default();
    if values == Values::Told {
        return mask;
    }
    let with_traceback =
        cause.rows.iter().filter(|row| causes.failures.get(**row).is_some_and(|it| it.traceback.is_some()));
    for failure in cause.rows.iter().take(KNOWN).chain(with_traceback).filter_map(|row| causes.failures.get(*row)) {
        if let Some(fields) = material.rows.get(&(failure.file.clone(), failure.line)) {
            let keys: Vec<&str> = keys_of(failure);
            for (_, value) in fields {
                match value {
                    Shown::Text(text) if !keys.contains(&text.as_str()) => mask.add(text),
                    Shown::Texts(texts) => texts.iter().for_each(|text| mask.add(text)),
                    _ => {}
                }
            }
        }
        if let Some(object) = failure.object.as_deref().filter(|text| *text != failure.key) {
            mask.add_object(object, failure);
        }
    }
    mask
}

/// The keys in a row: its own, and those of the rows that it points to.
fn keys_of(failure: &Failure) -> Vec<&str> {
    failure.points.iter().map(|point| point.2.as_str()).chain([failure.key.as_str()]).collect()
}

fn tell(cause: &Cause, causes: &Causes, material: &Material<'_>, mask: &Mask, values: Values) -> Told {
    let mut follow: BTreeMap<String, usize> = BTreeMap::new();
    for follower in cause.rows.iter().flat_map(|row| causes.all_followers(*row)) {
        let model = causes.failures.get(follower).map_or("", Failure::model_or_table);
        *follow.entry(model.to_owned()).or_default() += 1;
    }
    let sample = |failure: &Failure| Sample {
        key: failure.key.clone(),
        place: (failure.line > 0).then(|| format!("{}, line {}", failure.file, failure.line)),
        fields: material
            .rows
            .get(&(failure.file.clone(), failure.line))
            .into_iter()
            .flatten()
            .filter(|(_, value)| emptiness(value).is_none())
            .map(|(name, value)| {
                let (kind, shown) = shown(value, &keys_of(failure), values);
                (name.clone(), kind, shown)
            })
            .collect(),
        empty: [Emptiness::Nothing, Emptiness::Text].map(|wanted| {
            let fields = material.rows.get(&(failure.file.clone(), failure.line)).into_iter().flatten();
            fields.filter(|(_, value)| emptiness(value) == Some(wanted)).map(|(name, _)| name.clone()).collect()
        }),
    };
    Told {
        model: cause.model.clone(),
        rows: cause.rows.len(),
        phase: match (cause.why, cause.phase) {
            (Why::Circle, _) => "These rows point to rows that point back to them, so none can be loaded first.",
            (Why::Own, Phase::Create) => "Refused in the create function: a restore stops at the first of them.",
            (Why::Own, Phase::Stop) => {
                "Refused when it was saved, as a row of a model that points to nothing: a restore stops at the first of \
                 them."
            }
            (Why::Own, Phase::Save) => "Refused when it was validated or saved: a restore gives them up at its end.",
        },
        exception: cause.exception.clone(),
        messages: cause.messages.iter().map(|(field, text)| (field.clone(), mask.text(&cut(text)))).collect(),
        follow: follow.into_iter().collect(),
        samples: cause.rows.iter().take(SAMPLES).filter_map(|row| causes.failures.get(*row)).map(sample).collect(),
        traceback: cause
            .traceback
            .as_deref()
            .map(|text| if values == Values::Masked { mask.traceback(text) } else { text.to_owned() }),
    }
}

/// What a field without content has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Emptiness {
    Nothing,
    Text,
}

fn emptiness(value: &Shown) -> Option<Emptiness> {
    match value {
        Shown::Null => Some(Emptiness::Nothing),
        Shown::Text(text) if text.is_empty() => Some(Emptiness::Text),
        _ => None,
    }
}

impl Sample {
    /// Names the fields that are empty: a head and their names.
    fn empties(&self) -> impl Iterator<Item = (&'static str, String)> {
        let named = ["None", "Empty text"].into_iter().zip(&self.empty);
        named.filter(|(_, names)| !names.is_empty()).map(|(head, names)| (head, names.join(", ")))
    }
}

/// Returns the kind of a value, and what is shown of it.
fn shown(value: &Shown, keys: &[&str], values: Values) -> (String, String) {
    let letters = |text: &str| match text.chars().count() {
        1 => "1 letter".to_owned(),
        count => format!("{count} letters"),
    };
    match value {
        Shown::Null => ("nothing".to_owned(), "None".to_owned()),
        Shown::Other(text) => ("value".to_owned(), cut(text)),
        Shown::Text(text) if text.is_empty() => ("text, empty".to_owned(), String::new()),
        Shown::Text(text) => {
            let stays = values == Values::Told || keys.contains(&text.as_str()) || mask::is_number(text);
            (format!("text, {}", letters(text)), if stays { cut(text) } else { mask::MASK.to_owned() })
        }
        Shown::Texts(texts) => {
            let one = |text: &String| match values {
                Values::Masked if !text.is_empty() => mask::MASK.to_owned(),
                _ => text.clone(),
            };
            let kinds: Vec<String> = texts.iter().map(|text| letters(text)).collect();
            (format!("texts, {}", kinds.join(", ")), cut(&texts.iter().map(one).collect::<Vec<_>>().join(" / ")))
        }
    }
}

/// Says what was decided.
fn decision(decision: &Decision) -> String {
    let rows = match &decision.rows {
        Scope::All(1) => format!("the only row of {}", decision.model),
        Scope::All(count) => format!("all {count} rows of {}", decision.model),
        Scope::These(keys) => {
            let named: Vec<&str> = keys.iter().take(8).map(String::as_str).collect();
            let more = keys.len() - named.len();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("{} {}{more}", decision.model, named.join(", "))
        }
    };
    let list = |pairs: Vec<String>| pairs.join(", ");
    match &decision.choice {
        Choice::Set(fields) => {
            format!(
                "Set in {rows}: {}.",
                list(fields.iter().map(|(name, value)| format!("{name} = {}", given(value))).collect())
            )
        }
        Choice::Empty(fields) => format!("Empty in {rows}: {}.", fields.join(", ")),
        Choice::Point(fields) => {
            format!(
                "Point from {rows}: {}.",
                list(fields.iter().map(|(name, key)| format!("{name} to {key}")).collect())
            )
        }
        Choice::Copy(names) => {
            format!(
                "Renamed in {rows}: {}.",
                list(names.iter().map(|(new, old)| format!("{old} is {new} now")).collect())
            )
        }
        Choice::Drop(fields) => format!("Dropped from {rows}: {}.", fields.join(", ")),
        Choice::LeaveOut => format!("Left out: {rows}."),
        Choice::Rename(name) => format!("Renamed: {} is {name} now.", decision.model),
        Choice::Undecided => format!("Not decided yet: {rows}."),
        Choice::Ask(text) => format!("A question to you about {rows}: {text}"),
    }
}

fn given(value: &Given) -> String {
    match value {
        Given::Bool(yes) => yes.to_string(),
        Given::Int(number) => number.to_string(),
        Given::Float(number) => number.to_string(),
        Given::Text(text) => format!("\u{201c}{text}\u{201d}"),
        Given::When(when) => when.to_string(),
        Given::Texts(texts) => texts.join(" / "),
    }
}
