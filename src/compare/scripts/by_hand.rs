//! What somebody has edited in one of the scripts. It is named with its lines; what it does to rows nobody can tell here.

use std::collections::BTreeMap;

use foldhash::{HashMap, HashMapExt, HashSet};

use super::super::difference::{Change, Class, Difference, Question, Rows, Subject};
use super::noise::is_ours;
use super::side::Side;
use crate::dump::{Edit, Function, Lines, Moment, Script};

/// Places that are named.
const PLACES: usize = 6;
/// Characters of an edit that are kept in a difference.
const KEPT: usize = 2_000;

/// Finds what only one of the scripts has by hand.
pub(super) fn compare(old: &Side<'_>, new: &Side<'_>, found: &mut Vec<Difference>) {
    for (side, other) in [(old, new), (new, old)] {
        let mut edits = only_here(side, other);
        loads(side, other, found);
        edits.retain(|edit| !side.script.loads.iter().any(|load| load.skipped && load.lines == edit.lines));
        functions(side, other, &mut edits, found);
        handlers(side, &mut edits, found);
        rest(side, &edits, found);
    }
}

/// The edits that the other script does not have; what stands in both is no difference.
fn only_here<'a>(side: &Side<'a>, other: &Side<'_>) -> Vec<&'a Edit> {
    edits_only_here(side.script, other.script)
}

/// The same for scripts.
pub(in super::super) fn edits_only_here<'a>(script: &'a Script, other: &Script) -> Vec<&'a Edit> {
    let mut known: HashMap<&str, usize> = HashMap::new();
    for edit in edits(other) {
        *known.entry(edit.text.as_str()).or_default() += 1;
    }
    let mut mine = Vec::new();
    for edit in edits(script).filter(|edit| !is_ours(&edit.text)) {
        match known.get_mut(edit.text.as_str()) {
            Some(count) if *count > 0 => *count -= 1,
            _ => mine.push(edit),
        }
    }
    mine
}

/// What a hand has written, as far as the script is whole there.
fn edits(script: &Script) -> impl Iterator<Item = &Edit> {
    let end = script.cut_off.as_ref().map_or(u64::MAX, |problem| problem.line);
    script.edits.iter().filter(move |edit| u64::from(edit.lines.last) < end)
}

fn change(side: &Side<'_>, text: &str) -> Change {
    let text = Some(text.chars().take(KEPT).collect());
    if side.word == "old" { Change::Written { from: text, to: None } } else { Change::Written { from: None, to: text } }
}

/// The tables whose rows it loads, or would if the database had let it.
fn loaded(script: &Script) -> HashSet<&str> {
    let live = script.loads.iter().filter(|load| !load.skipped).map(|load| load.table.as_str());
    live.chain(script.tolerated.iter().map(|tolerated| tolerated.table.as_str())).collect()
}

/// Tables that only this script does not load although it has a create function for them.
fn loads(side: &Side<'_>, other: &Side<'_>, found: &mut Vec<Difference>) {
    if !side.has_all_loads() || !other.has_all_loads() {
        return;
    }
    let (mine, theirs) = (loaded(side.script), loaded(other.script));
    let mut skipped: BTreeMap<&str, Vec<Lines>> = BTreeMap::new();
    for load in side.script.loads.iter().filter(|load| load.skipped) {
        skipped.entry(load.table.as_str()).or_default().push(load.lines);
    }
    for (model, function) in side.functions() {
        let table = function.table.as_str();
        if mine.contains(table) && !skipped.contains_key(table) {
            continue;
        }
        let elsewhere = other.function(model).map(|function| function.table.as_str());
        let lines = skipped.get(table);
        let whole = !mine.contains(table) && elsewhere.is_none_or(|table| theirs.contains(table));
        let twin = || other.script.loads.iter().any(|load| load.skipped && Some(load.table.as_str()) == elsewhere);
        let part = mine.contains(table) && lines.is_some() && !twin();
        if !whole && !part {
            continue;
        }
        let some = if part { "Some of the rows" } else { "The rows" };
        let how = match lines {
            Some(lines) => format!("somebody commented out {} of the {} script", places(lines), side.word),
            None => format!("somebody removed the line of the {} script that does", side.word),
        };
        let subject = Subject::Model(model.to_owned());
        found.push(Difference {
            class: Class::Destructive,
            sentence: format!("{some} of {model} are not loaded: {how}."),
            change: change(side, table),
            subject,
            questions: vec![Question { table: table.to_owned(), rows: Rows::All }],
        });
    }
}

/// Takes the edits within create functions, and finds what they do not store any more.
fn functions(side: &Side<'_>, other: &Side<'_>, edits: &mut Vec<&Edit>, found: &mut Vec<Difference>) {
    for (model, function) in side.functions().filter(|(_, function)| function.edited) {
        let (inside, outside): (Vec<&Edit>, Vec<&Edit>) =
            edits.iter().partition(|edit| function.lines.contains(edit.lines.first));
        *edits = outside;
        let dropped = dropped(function, other.function(model));
        if inside.is_empty() && dropped.is_empty() {
            continue;
        }
        let lines =
            if inside.is_empty() { vec![function.lines] } else { inside.iter().map(|edit| edit.lines).collect() };
        let without = if dropped.is_empty() {
            String::new()
        } else {
            format!(" It does not store {} any more.", super::named(&dropped))
        };
        let old = side.word == "old";
        let rows = Question { table: function.table.clone(), rows: Rows::All };
        found.push(Difference {
            class: Class::DataDependent,
            subject: Subject::Model(model.to_owned()),
            change: change(side, &inside.iter().map(|edit| edit.text.as_str()).collect::<Vec<_>>().join("\n")),
            sentence: format!(
                "Somebody edited the create function of {model} in the {} script ({}): what it does to the rows is not \
                 known.{without}",
                side.word,
                places(&lines)
            ),
            questions: if old { vec![rows] } else { Vec::new() },
        });
    }
}

/// Fields that it takes and does not give to the model, although the other script does.
fn dropped<'a>(function: &'a Function, other: Option<&Function>) -> Vec<&'a str> {
    // A name may stand there twice, which Python does not read.
    let is_stored = |function: &Function, name: &str| {
        function.parameters.iter().any(|parameter| parameter.name == name && parameter.stored.is_some())
    };
    let dropped = function.parameters.iter().filter(|parameter| parameter.stored.is_none());
    let dropped = dropped.map(|parameter| parameter.name.as_str()).filter(|name| !is_stored(function, name));
    let is_there = |name: &str| other.is_none_or(|other| other.parameter(name).is_none() || is_stored(other, name));
    dropped.filter(|name| is_there(name)).collect()
}

/// Takes the edits that let something run before, between or after the row files.
fn handlers(side: &Side<'_>, edits: &mut Vec<&Edit>, found: &mut Vec<Difference>) {
    for handler in &side.script.handlers {
        let Some(at) = edits.iter().position(|edit| edit.lines == handler.lines) else { continue };
        edits.remove(at);
        let when = match handler.moment {
            Moment::BeforeLoad => "before the rows are loaded",
            Moment::AfterLoad => "after the rows were loaded",
            Moment::FlushDeferred => "between the row files",
        };
        found.push(Difference {
            class: Class::DataDependent,
            subject: Subject::Site,
            change: change(side, &handler.text),
            sentence: format!("Line {} of the {} script runs something {when}.", handler.lines.first, side.word),
            questions: Vec::new(),
        });
    }
}

/// Tells the edits that are nowhere special.
fn rest(side: &Side<'_>, edits: &[&Edit], found: &mut Vec<Difference>) {
    if edits.is_empty() {
        return;
    }
    let lines: Vec<Lines> = edits.iter().map(|edit| edit.lines).collect();
    let text: String = edits.iter().map(|edit| edit.text.as_str()).take(100).collect::<Vec<_>>().join("\n");
    found.push(Difference {
        class: Class::DataDependent,
        subject: Subject::Site,
        change: change(side, &text),
        sentence: format!(
            "The {} script has lines that dump2py does not write ({}): somebody edited it.",
            side.word,
            places(&lines)
        ),
        questions: Vec::new(),
    });
}

/// Names lines, neighbours as one place.
fn places(lines: &[Lines]) -> String {
    let mut joined: Vec<Lines> = Vec::new();
    for lines in lines {
        match joined.last_mut() {
            Some(last) if last.last + 1 >= lines.first => last.last = last.last.max(lines.last),
            _ => joined.push(*lines),
        }
    }
    let more = joined.len().saturating_sub(PLACES);
    let one = joined.len() == 1 && joined.iter().all(|lines| lines.first == lines.last);
    let named: Vec<String> = joined
        .iter()
        .take(PLACES)
        .map(|lines| {
            if lines.first == lines.last {
                lines.first.to_string()
            } else {
                format!("{} to {}", lines.first, lines.last)
            }
        })
        .collect();
    let word = if one { "line" } else { "lines" };
    let more = if more == 0 { String::new() } else { format!(" and {more} more places") };
    format!("{word} {}{more}", named.join(", "))
}
