//! Decisions on the triage screen: what is asked, what is confirmed with its exact count, and what is sent.

use std::collections::BTreeMap;

use super::notice;
use crate::engine::{Deciding, NoticeLevel, Wish};
use crate::triage::{Blamed, Choice, Decision, Failure, Given, Scope, blamed};
use crate::ui::keymap::Command;
use crate::ui::screens::triage::words::{meaning, question};
use crate::ui::state::{Action, Asking, Dialog, Field, Purpose, Reach, State, Triaging, given};
use crate::ui::text;

/// Characters of a value that are shown.
const VALUE: usize = 400;

/// Carries out a command that decides; tells whether it is one.
pub fn run(state: &mut State, command: Command, actions: &mut Vec<Action>) -> bool {
    let Some(triaging) = state.triaged.as_deref_mut() else { return false };
    match command {
        Command::SetField => ask(triaging, Purpose::Set),
        Command::EmptyField => ask(triaging, Purpose::Empty),
        Command::PointField => ask(triaging, Purpose::Point),
        Command::CopyField => ask(triaging, Purpose::Copy),
        Command::DropField => ask(triaging, Purpose::Drop),
        Command::AskDeveloper => triaging.dialog = Some(Dialog::ask(Asking::Note)),
        Command::RenameModel => triaging.dialog = Some(Dialog::ask(Asking::Name)),
        Command::LeaveOut => decide(state, &Choice::LeaveOut, actions),
        Command::KeepUndecided => decide(state, &Choice::Undecided, actions),
        Command::AcceptTyped => accept(state, actions),
        Command::Up | Command::Down => return walk(triaging, command),
        Command::Confirm => {
            let Some(Dialog::Confirm { take, .. }) = triaging.dialog.take() else { return false };
            // The next decision is for one row again, unless it is said otherwise.
            triaging.reach = Reach::Row;
            send(take, actions);
        }
        _ => return false,
    }
    true
}

fn send(take: Vec<Decision>, actions: &mut Vec<Action>) {
    actions.push(Action::Send(Wish::Decide(Deciding::Take(take))));
}

/// Proposes the fields of the row, which was read while the field is asked for. What is chosen stays so.
pub fn propose(triaging: &mut Triaging) {
    let Some(Dialog::Type { ask: Asking::Field(purpose, _), at, .. }) = &triaging.dialog else { return };
    let chosen = triaging.dialog.as_ref().and_then(|dialog| dialog.matching().get(*at).map(|field| field.name.clone()));
    let proposed = fields(triaging, *purpose);
    let moved = *at > 0;
    if let Some(Dialog::Type { ask: Asking::Field(_, fields), .. }) = &mut triaging.dialog {
        *fields = proposed;
    }
    let matching = triaging.dialog.as_ref().map(Dialog::matching).unwrap_or_default();
    let place = matching.iter().position(|field| moved && Some(&field.name) == chosen.as_ref()).unwrap_or_default();
    if let Some(Dialog::Type { at, .. }) = &mut triaging.dialog {
        *at = place;
    }
}

/// Asks for the field. Of a cause those of its first row are proposed, as soon as that row was looked up.
fn ask(triaging: &mut Triaging, purpose: Purpose) {
    let fields = fields(triaging, purpose);
    triaging.dialog = Some(Dialog::ask(Asking::Field(purpose, fields)));
}

/// Says what was decided before for fields of a row: by field what it becomes.
fn settled(triaging: &Triaging, failure: &Failure) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for decision in triaging.triage.decisions.of_row(failure) {
        match &decision.choice {
            Choice::Copy(names) => {
                found.extend(names.iter().map(|(new, old)| (old.clone(), format!("→ {new}"))));
            }
            Choice::Drop(fields) => found.extend(fields.iter().map(|field| (field.clone(), "dropped".to_owned()))),
            _ => {}
        }
    }
    found
}

/// Returns the fields that may be meant: first what was refused and is open, at last what is done.
fn fields(triaging: &Triaging, purpose: Purpose) -> Vec<Field> {
    let Some(failure) = triaging.example() else { return Vec::new() };
    let detail = triaging.detail();
    let values = detail.map_or(&[][..], |detail| &detail.fields);
    let settled = settled(triaging, failure);
    let done = |name: &str| settled.get(name).or_else(|| settled.get(name.strip_suffix("_id")?)).cloned();
    let points = |name: &str| {
        failure.points.iter().any(|point| point.0 == name || format!("{}_id", point.0) == name)
            || values.iter().any(|field| field.name == name && field.target.is_some())
    };
    let value = |name: &str| {
        let value = values.iter().find(|field| field.name == name)?.value.as_deref()?;
        Some(text::head_of(value, VALUE))
    };
    let mut found: Vec<Field> = Vec::new();
    let mut put = |name: &str, refused: bool| {
        if found.iter().all(|known| known.name != name) && (purpose != Purpose::Point || points(name)) {
            found.push(Field { name: name.to_owned(), value: value(name), refused, done: done(name) });
        }
    };
    let refused = blamed(failure, values);
    // What is gone from the model is told in one message; dropping all of it is one decision.
    let named: Vec<&str> = refused
        .iter()
        .filter(|(name, how)| *how == Blamed::Named && done(name).is_none())
        .map(|(name, _)| name.as_str())
        .collect();
    if purpose == Purpose::Drop && named.len() > 1 {
        put(&named.join(", "), true);
    }
    for (name, _) in &refused {
        put(name, true);
    }
    for field in values {
        put(&field.name, false);
    }
    failure.points.iter().for_each(|point| {
        if values.iter().all(|field| field.name != format!("{}_id", point.0)) {
            put(&point.0, false);
        }
    });
    // The order is kept otherwise.
    found.sort_by_key(|field| (field.done.is_some(), !field.refused));
    found
}

/// Chooses another field of those that are proposed.
fn walk(triaging: &mut Triaging, command: Command) -> bool {
    let count = triaging.dialog.as_ref().map_or(0, |dialog| dialog.matching().len());
    let Some(Dialog::Type { ask, at, .. }) = &mut triaging.dialog else { return false };
    if matches!(ask, Asking::Field(..)) {
        *at = match command {
            Command::Up => at.saturating_sub(1),
            _ => (*at + 1).min(count.saturating_sub(1)),
        };
    }
    true
}

/// Goes on with what was typed.
fn accept(state: &mut State, actions: &mut Vec<Action>) {
    let Some(triaging) = state.triaged.as_deref_mut() else { return };
    let Some(Dialog::Type { ask, typed, .. }) = &triaging.dialog else { return };
    let plain = typed.trim().to_owned();
    let choice = match ask {
        Asking::Field(purpose, _) => {
            let purpose = *purpose;
            let fields = triaging.dialog.as_ref().map(Dialog::fields).unwrap_or_default();
            let names: Vec<String> = fields.iter().flat_map(|name| name.split(", ")).map(str::to_owned).collect();
            match (purpose, names.as_slice()) {
                (_, []) => None,
                (Purpose::Empty, _) => Some(Choice::Empty(names)),
                (Purpose::Drop, _) => Some(Choice::Drop(names)),
                (_, [field, ..]) => {
                    let known = self::fields(triaging, purpose).into_iter().find(|known| known.name == *field);
                    // Of several rows it is the value of the first one only.
                    let is_one = triaging.reach == Reach::Row && triaging.row().is_some();
                    let now = known.and_then(|field| field.value).filter(|_| is_one && purpose != Purpose::Copy);
                    triaging.dialog = Some(Dialog::ask(Asking::Value(purpose, field.clone(), now)));
                    return;
                }
            }
        }
        Asking::Value(Purpose::Set, field, _) => Some(match given(typed) {
            None => Choice::Empty(vec![field.clone()]),
            Some(value) => Choice::Set(BTreeMap::<String, Given>::from([(field.clone(), value)])),
        }),
        Asking::Value(..) | Asking::Note | Asking::Name if plain.is_empty() => None,
        Asking::Value(Purpose::Copy, field, _) => Some(Choice::Copy(BTreeMap::from([(plain, field.clone())]))),
        Asking::Value(_, field, _) => Some(Choice::Point(BTreeMap::from([(field.clone(), plain)]))),
        Asking::Note => Some(Choice::Ask(plain)),
        Asking::Name => Some(Choice::Rename(plain)),
    };
    // Nothing was typed: it is asked further.
    if let Some(choice) = choice {
        triaging.dialog = None;
        decide(state, &choice, actions);
    }
}

/// Takes a decision for what the keys apply to: at once for one row that nothing follows from, else after a yes.
fn decide(state: &mut State, choice: &Choice, actions: &mut Vec<Action>) {
    let Some(triaging) = state.triaged.as_deref_mut() else { return };
    let (take, count) = triaging.prepare(choice);
    if count == 0 {
        notice(
            state,
            NoticeLevel::Info,
            "The filter hides the rows of this cause. g: the keys apply to all that it shows.",
        );
        return;
    }
    let whole = take.iter().any(|decision| matches!(decision.rows, Scope::All(_)));
    let left = if *choice == Choice::LeaveOut { triaging.left_behind() } else { 0 };
    if count == 1 && left == 0 && !whole && triaging.reach != Reach::Shown {
        triaging.reach = Reach::Row;
        send(take, actions);
        return;
    }
    let question = question(triaging, &take, count, choice);
    let meaning = meaning(triaging, &take, choice, left);
    triaging.dialog = Some(Dialog::Confirm { take, question, meaning });
}
