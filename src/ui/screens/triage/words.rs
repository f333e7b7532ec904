//! The sentences of the triage screen: how things stand, what a yes means, what to do now.

use std::collections::BTreeMap;

use crate::triage::{Cause, Choice, Decision, Origin, Phase, Scope, Standing, Why};
use crate::ui::screens::words;
use crate::ui::state::{Part, Reach, Scripts, State, Triaging, Which, standing as stands, to_decide};
use crate::ui::style::Role;
use crate::ui::text;

/// Columns of the filter in the head line.
const NEEDLE: usize = 24;
/// Characters of a name or a key that are shown.
const NAME: usize = 200;

/// Returns the messages of a cause or a row in one line.
#[must_use]
pub fn message(messages: &[(String, String)]) -> String {
    let said =
        messages.iter().map(|(field, said)| if field.is_empty() { said.clone() } else { format!("{field}: {said}") });
    said.collect::<Vec<_>>().join(" ")
}

/// Returns the head line: what this is and how it stands, and how long the site is down.
#[must_use]
pub fn heading(state: &State, triaging: &Triaging, down: &str) -> (String, String) {
    let triage = &triaging.triage;
    let what = match triage.origin {
        Origin::Rehearsal => "rehearsal",
        Origin::Restore => "restore",
    };
    let [old, new] = triage.versions.each_ref().map(|version| text::clean(version));
    let filter = triaging.tree.filtered();
    let which = match filter.which {
        Which::All => "",
        Which::Undecided => "only undecided · ",
        Which::Decided => "only decided · ",
    };
    let needle = text::cut(&text::clean(&filter.needle), NEEDLE);
    let needle = if needle.is_empty() { needle } else { format!("only “{needle}” · ") };
    let title = format!("Triage · {which}{needle}{what} of {old} → {new}");
    let number = |count: usize, one: &str, many: &str| {
        if count == 1 { format!("1 {one}") } else { format!("{} {many}", text::number(count as u64)) }
    };
    let mut parts = Vec::new();
    if !triage.causes.causes.is_empty() {
        parts.push(number(triage.causes.causes.len(), "cause", "causes"));
    }
    if triaging.following() > 0 {
        parts.push(number(triaging.following(), "row follows", "rows follow"));
    }
    parts.push(match triaging.open() {
        0 if triage.causes.failures.is_empty() => "nothing refused".to_owned(),
        0 => "all decided".to_owned(),
        open => format!("{} undecided", text::number(open as u64)),
    });
    let counts = parts.join(", ");
    if down.is_empty() {
        return (title, counts);
    }
    let room = usize::from(state.size.0).saturating_sub(text::width(&title) + text::width(&counts) + 10);
    let down = if text::width(down) <= room { format!("{counts} · {down}") } else { counts };
    (title, down)
}

/// Says what the deciding keys apply to.
#[must_use]
pub fn reach(triaging: &Triaging) -> String {
    if triaging.node().is_none() {
        return String::new();
    }
    let filtered = !triaging.tree.filtered().is_empty();
    let follows = triaging.row().is_some_and(|row| triaging.triage.causes.leader(row).is_some());
    let count = text::rows(triaging.reached());
    match triaging.reach {
        Reach::Row if triaging.row().is_some() => "keys: this row".to_owned(),
        Reach::Row | Reach::Cause if follows => {
            format!("keys: {count} of {} that follow", text::clean(triaging.model_name().unwrap_or_default()))
        }
        Reach::Row | Reach::Cause => format!("keys: {count} of this cause"),
        Reach::Shown if filtered => format!("keys: all {count} that the filter shows"),
        Reach::Shown => format!("keys: all {count}"),
        Reach::Model => format!("keys: the whole model {}", text::clean(triaging.model_name().unwrap_or_default())),
    }
}

/// Says how many lines stand below the list.
#[must_use]
pub fn below(triaging: &Triaging, height: usize) -> String {
    match triaging.tree.lines.len().saturating_sub(triaging.top + height) {
        0 => String::new(),
        below => format!("{} more ↓", text::number(below as u64)),
    }
}

/// Returns how a cause stands.
#[must_use]
pub fn standing(cause: &Cause, tally: crate::ui::state::Tally) -> (Role, String) {
    match tally.open {
        0 if tally.left_out == cause.rows.len() + cause.follow => (Role::Dim, "left out".to_owned()),
        0 => (Role::Good, "decided".to_owned()),
        open if tally.asked == open => (Role::Key, "asked".to_owned()),
        open => (Role::Text, format!("{} undecided", text::number(open as u64))),
    }
}

/// Returns the key and the row's own name; in front of them the model, where it is not that of the cause.
#[must_use]
pub fn row_name(triaging: &Triaging, row: usize) -> String {
    let causes = &triaging.triage.causes;
    let Some(failure) = causes.failures.get(row) else { return String::new() };
    // Some objects cannot even say what they are called.
    let name = failure.object.as_deref().filter(|name| !name.trim().is_empty() && !name.starts_with('<'));
    let name = name.map(|name| format!(" {}", text::head_of(name, NAME).trim())).unwrap_or_default();
    let model = if causes.leader(row).is_some() { format!("{} ", failure.model_or_table()) } else { String::new() };
    format!("{model}{}{name}", text::head_of(&failure.key, NAME))
}

/// Says why the list is empty.
#[must_use]
pub fn nothing(triaging: &Triaging) -> (Role, String) {
    if !triaging.triage.causes.failures.is_empty() {
        return (Role::Warning, "The filter lets no row through. Esc ends it.".to_owned());
    }
    if triaging.is_troubled() {
        return (Role::Warning, "No row was refused by itself; read above what went wrong.".to_owned());
    }
    (Role::Good, "No row is refused any more. Esc goes back to the plan.".to_owned())
}

/// Names models with their numbers: `3 rows of contacts.Partner and 2 rows of cal.Event`.
fn named(take: &[Decision]) -> String {
    let named: Vec<String> = take
        .iter()
        .map(|decision| format!("{} of {}", text::rows(decision.rows.count()), text::clean(&decision.model)))
        .collect();
    match named.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [first, second] => format!("{first} and {second}"),
        [first, second, more @ ..] => format!("{first}, {second} and rows of {} more models", more.len()),
    }
}

/// Asks whether decisions are meant, with the exact number of rows.
#[must_use]
pub fn question(triaging: &Triaging, take: &[Decision], count: u64, choice: &Choice) -> String {
    let several = take.len() > 1;
    let of = if several { format!("{} ({})", text::rows(count), named(take)) } else { named(take) };
    let model = take.first().map(|decision| text::clean(&decision.model)).unwrap_or_default();
    let all = take.iter().any(|decision| matches!(decision.rows, Scope::All(_)));
    let is_gone = triaging.is_lost_model();
    let of = match all {
        true if is_gone && count > 1 => format!("all {} of {model}", text::rows(count)),
        true if is_gone => format!("the only row of {model}"),
        true => format!("all rows of {model}"),
        false => of,
    };
    let of = if is_gone && all { format!("{of}, a model that the new version does not have") } else { of };
    let list = |names: Vec<&str>| text::clean(&names.join(", "));
    match choice {
        Choice::LeaveOut => format!("Leave out {of}?"),
        Choice::Set(_) | Choice::Point(_) => {
            format!("{} in {of}?", text::clean(&text::cut(&crate::ui::state::decision_words(choice), 200)))
        }
        Choice::Empty(fields) => format!("Empty {} in {of}?", list(fields.iter().map(String::as_str).collect())),
        Choice::Copy(_) => format!("{} in {of}?", text::clean(&crate::ui::state::decision_words(choice))),
        Choice::Drop(fields) => format!("Drop {} of {of}?", list(fields.iter().map(String::as_str).collect())),
        Choice::Rename(name) => format!("{model} is called {} now?", text::clean(name)),
        Choice::Undecided => format!("Keep {of} undecided?"),
        Choice::Ask(_) => format!("Ask the developer about {of}?"),
    }
}

/// Says what follows from a yes.
#[must_use]
pub fn meaning(triaging: &Triaging, take: &[Decision], choice: &Choice, left: usize) -> String {
    let mut said = Vec::new();
    if take.iter().any(|decision| matches!(decision.rows, Scope::All(_)))
        && !triaging.is_lost_model()
        && let Some((_, count)) = triaging.model()
    {
        said.push(format!("{} of them {} refused.", text::rows(count), if count == 1 { "was" } else { "were" }));
    }
    match choice {
        Choice::LeaveOut => {
            let one = take.iter().map(|decision| decision.rows.count()).sum::<u64>() == 1;
            let (subject, them) = if one { ("It is", "it") } else { ("They are", "them") };
            said.push(format!("{subject} not loaded; the snapshot keeps {them}."));
            match left {
                0 => {}
                1 => said.push(format!("1 row that follows {them} would then be refused, too.")),
                left => {
                    let left = text::number(left as u64);
                    said.push(format!("{left} rows that follow {them} would then be refused, too."));
                }
            }
        }
        Choice::Drop(_) => said.push("The values of the field are not loaded, the rows are.".to_owned()),
        Choice::Undecided => said.push("What was decided for them before is taken back.".to_owned()),
        Choice::Ask(note) => said.push(format!("They stay undecided, with the note: {}", text::clean(note))),
        _ => {}
    }
    if triaging.reach == Reach::Shown && !triaging.tree.filtered().is_empty() {
        said.push("These are exactly the rows that the filter shows.".to_owned());
    }
    said.push("u takes it back.".to_owned());
    said.join(" ")
}

/// Counts by model what follows, for a sentence: `3 of contacts.Company, 5 of contacts.Role`.
#[must_use]
pub fn kinds(kinds: &[(String, usize)]) -> String {
    let named: Vec<String> = kinds
        .iter()
        .map(|(model, count)| format!("{} of {}", text::number(*count as u64), text::clean(model)))
        .collect();
    named.join(", ")
}

/// Counts rows by their model.
#[must_use]
pub fn count_kinds(triaging: &Triaging, cause: usize) -> Vec<(String, usize)> {
    let causes = &triaging.triage.causes;
    let mut by_model: BTreeMap<&str, usize> = BTreeMap::new();
    let rows = causes.causes.get(cause).map_or(&[][..], |cause| &cause.rows);
    for row in rows.iter().flat_map(|row| causes.all_followers(*row)) {
        if let Some(failure) = causes.failures.get(row) {
            *by_model.entry(failure.model_or_table()).or_default() += 1;
        }
    }
    by_model.into_iter().map(|(model, count)| (model.to_owned(), count)).collect()
}

/// Says what an operator can do about a cause.
#[must_use]
pub fn advice(triaging: &Triaging, cause: &Cause) -> &'static str {
    let first = cause.rows.first().and_then(|row| triaging.triage.causes.failures.get(*row));
    match (cause.phase, first.is_some_and(|failure| failure.model.is_none())) {
        (Phase::Create, true) => {
            "M says how the model is called now, if it was renamed. If it is gone: x leaves all its rows out."
        }
        (Phase::Create, false) => {
            "d drops the field: its values are not loaded, the rows are. c gives its values to a field that is called \
             otherwise now."
        }
        _ if first.is_some_and(|failure| failure.forbidden) => {
            "Probably there is nothing to decide: a restore may do what the rehearsal may not. k keeps it as it is."
        }
        _ if cause.why == Why::Circle => {
            "These rows point to rows that point back, so none can be the first. e empties the field that points, p \
             points it elsewhere."
        }
        _ => "s sets a field, e empties one, p points it to another row, x leaves the row out, a asks the developer.",
    }
}

/// Returns one sentence that says what the operator is to do now.
#[must_use]
pub fn now(state: &State, triaging: &Triaging) -> String {
    if state.waiting.is_some() && state.watched.is_none() {
        return "A command waits for your answer: q leads to it.".to_owned();
    }
    if state.ask().is_some() || state.watched.is_some() {
        return words::now(state);
    }
    if state.is_rehearsing() {
        return format!("{} Decisions wait until it is over.", words::rehearsing(state));
    }
    if triaging.part == Part::Edit {
        return match triaging.scripts {
            Scripts::Missing => "There is no copy: no decision changes anything so far.".to_owned(),
            _ => "The copy is what will be loaded. The snapshot itself is never changed. Esc goes back.".to_owned(),
        };
    }
    let open = triaging.open();
    let empty = triaging.triage.causes.failures.is_empty();
    if empty && !triaging.is_troubled() {
        return "The new version takes every row. Esc goes back to the plan.".to_owned();
    }
    if open == 0 && !empty {
        return "All decided. R tries them, Esc goes back to the plan.".to_owned();
    }
    let Some((_, cause)) = triaging.cause() else { return "Esc goes back to the plan.".to_owned() };
    match triaging.row() {
        Some(row) if to_decide(&triaging.triage, row) && stands(&triaging.triage, row) == Standing::Asked => {
            "The developer is asked. With the answer, decide it as any other row; n goes to the next.".to_owned()
        }
        Some(row) if to_decide(&triaging.triage, row) => choose(triaging, cause).to_owned(),
        Some(row) if stands(&triaging.triage, row) == Standing::Undecided => {
            "It follows from the row above it: decide that one (← goes there).".to_owned()
        }
        Some(_) => format!("Decided. {} undecided: n goes to the next.", text::number(open as u64)),
        None if triaging.tree.tallies.iter().all(|tally| tally.open == 0) => "All decided.".to_owned(),
        None if triaging
            .cause()
            .is_some_and(|(at, _)| triaging.tree.tallies.get(at).is_some_and(|tally| tally.open == 0)) =>
        {
            format!("Decided. {} undecided: n goes to the next.", text::number(open as u64))
        }
        None if triaging.reached() == 1 => choose(triaging, cause).to_owned(),
        None => format!("The keys below decide all {} at once; Enter shows them.", text::rows(triaging.reached())),
    }
}

/// Says in short how the chosen row can be decided.
fn choose(triaging: &Triaging, cause: &Cause) -> &'static str {
    let first = cause.rows.first().and_then(|row| triaging.triage.causes.failures.get(*row));
    match (cause.phase, first.is_some_and(|failure| failure.model.is_none())) {
        (Phase::Create, true) => "The model is gone: m, then x leaves it out. If it was renamed: M.",
        (Phase::Create, false) => "A field is gone: d drops it, c gives its values to another one.",
        _ if first.is_some_and(|failure| failure.forbidden) => {
            "Only the rehearsal forbids this: x leaves it out, k keeps it as it is."
        }
        _ => "Undecided: choose a key below. g lets it apply to more rows than this one.",
    }
}
