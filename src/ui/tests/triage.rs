//! The triage: what its keys do, and what it looks like at 80×24 and 120×36. The rows are those of real rehearsals.

mod looks;
mod many;
pub mod random;
mod rehearsal;
mod updates;

use std::sync::Arc;

use super::Wizard;
use crate::dump::Script;
use crate::dump::edit::edit;
use crate::engine::Event;
use crate::triage::{
    Causes, Choice, Decision, Decisions, Failure, Known, Origin, Rehearsed, Scope, Stored, Triage, fit,
};
use crate::ui::row_reader::{self, RowReader};
use crate::ui::scripts_view::Aligned;
use crate::ui::state::{Action, Looked, Msg, RowPlace, Triaging};

fn told(lines: &str) -> Rehearsed {
    let mut told = Rehearsed::default();
    lines.lines().for_each(|line| told.take(line).unwrap());
    told
}

fn triage_of(failures: Vec<Failure>, decisions: Decisions) -> Triage {
    let versions = ["25.1.1".to_owned(), "26.9.2".to_owned()];
    let script = format!("{}/tests/fixtures/dumps/noi-25.1.1/restore.py", env!("CARGO_MANIFEST_DIR"));
    Triage::new(Origin::Rehearsal, versions, Causes::of(failures), decisions, script)
}

/// What was refused after fields were dropped and models left out.
fn later() -> Triage {
    triage_of(told(include_str!("../../../tests/fixtures/triage/noi-decided.jsonl")).failures, Decisions::default())
}

/// What was refused at first.
fn first() -> Triage {
    triage_of(told(include_str!("../../../tests/fixtures/triage/noi-first.jsonl")).failures, Decisions::default())
}

/// The same with these decisions.
fn with(triage: &Triage, decided: impl IntoIterator<Item = Decision>) -> Triage {
    let mut decisions = triage.decisions.clone();
    decisions.add(decided).unwrap();
    let causes = triage.causes.clone();
    let standings = decisions.standings(&causes);
    Triage { decisions, standings, causes, outdated: true, ..triage.clone() }
}

fn these(model: &str, keys: &[&str], choice: Choice) -> Decision {
    let rows = Scope::These(keys.iter().map(|key| (*key).to_owned()).collect());
    Decision { model: model.into(), rows, choice, because: String::new() }
}

/// What the picture of the design shows: two partners get an empty number, the third is open, the tasks are left out.
fn decided() -> Triage {
    with(
        &later(),
        [
            these("contacts.Partner", &["101", "102"], Choice::Empty(vec!["vat_id".into()])),
            these("linod.SystemTask", &["1", "2"], Choice::LeaveOut),
            these("notify.Message", &["253"], Choice::Ask("Who is it for?".into())),
            these("uploads.Volume", &["1"], Choice::LeaveOut),
        ],
    )
}

fn tell(wizard: &mut Wizard, triage: &Triage) -> Vec<Action> {
    wizard.tell(Event::Triaged {
        origin: triage.origin,
        causes: triage.causes.causes.len(),
        rows: triage.causes.failures.len(),
        undecided: triage.open(),
        outdated: triage.outdated,
        triage: Some(Arc::new(triage.clone())),
    })
}

/// A wizard whose triage is open.
fn opened(columns: u16, rows: u16, triage: &Triage) -> Wizard {
    let mut wizard = Wizard::planned(columns, rows);
    tell(&mut wizard, triage);
    assert_eq!(keys(&mut wizard, "t"), vec![]);
    wizard
}

/// Presses keys, and has rows looked up as the wizard does; returns the other actions.
fn keys(wizard: &mut Wizard, keys: &str) -> Vec<Action> {
    let actions = wizard.keys(keys);
    look_up(wizard, actions)
}

fn look_up(wizard: &mut Wizard, actions: Vec<Action>) -> Vec<Action> {
    let mut others = Vec::new();
    for action in actions {
        match action {
            Action::ReadRow(place) => {
                let dir = row_reader::tests::noi();
                let script = dir.path().join("restore.py").display().to_string();
                let models = Some(dir.path().join("models.json").display().to_string());
                RowReader::default().read(&RowPlace { script, models, ..place.clone() }, |looked| {
                    let place = place.clone();
                    others.extend(wizard.send(Msg::Row(Looked { place, ..looked })));
                });
            }
            other => others.push(other),
        }
    }
    if others.iter().any(|action| matches!(action, Action::ReadRow(_))) {
        return look_up(wizard, others);
    }
    others
}

fn shown(wizard: &Wizard) -> &Triaging {
    wizard.state.triaging().unwrap()
}

/// The dump script and its copy with the decisions, as the engine would write it.
fn aligned(triage: &Triage) -> Arc<Aligned> {
    let text = std::fs::read_to_string(&triage.script).unwrap();
    let script = Script::read(&text);
    let key = |_: &str, key: &str| Stored::Once(key.to_owned());
    let fitted = fit(&triage.decisions, &Known { script: &script, key: &key, before: None, after: None });
    Arc::new(Aligned::new(&text, &edit(&text, &fitted.changes).text))
}
