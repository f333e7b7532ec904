//! How a decision takes its place among those that were taken before it, or is refused.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Choice, Decision, Refused, Scope, canonical};

/// Refuses what says nothing, and what makes sense for all rows only. Each row is named once.
pub(super) fn checked(mut decision: Decision) -> Result<Decision, Refused> {
    if let Scope::These(keys) = &mut decision.rows {
        let count = keys.iter().map(String::as_str).collect::<HashSet<_>>().len();
        if count < keys.len() {
            let mut seen = HashSet::with_capacity(count);
            keys.retain(|key| seen.insert(key.clone()));
        }
    }
    let is_for_all = matches!(decision.rows, Scope::All(_));
    let model = &decision.model;
    if model.trim().is_empty() || decision.choice.is_empty() || decision.rows == Scope::These(Vec::new()) {
        return Err(Refused::Empty(model.clone()));
    }
    if decision.choice.is_for_all() && !is_for_all {
        return Err(Refused::ForAllOnly(model.clone()));
    }
    Ok(decision)
}

/// Tells why a decision is not taken beside another of the same model.
pub(super) fn refused(known: &Decision, decision: &Decision) -> Option<Refused> {
    let is_for_all = matches!(decision.rows, Scope::All(_));
    let replaces_all = is_for_all && (decision.choice == Choice::LeaveOut || decision.choice.is_open());
    if matches!(known.rows, Scope::All(_)) && known.choice == Choice::LeaveOut && !replaces_all {
        return Some(Refused::LeftOut(decision.model.clone()));
    }
    let Choice::Drop(fields) = &known.choice else { return None };
    let values = decision.choice.values();
    let field = values.into_iter().find(|field| fields.iter().any(|dropped| dropped == field))?;
    Some(Refused::Dropped(decision.model.clone(), field.to_owned()))
}

/// Puts a decision behind the others, and takes out of them what it replaces.
pub(super) fn place(list: &mut Vec<Arc<Decision>>, decision: Decision) -> Result<(), Refused> {
    let decision = checked(decision)?;
    let is_for_all = matches!(decision.rows, Scope::All(_));
    let same = canonical(&decision.model);
    let is_same = |known: &Decision| known.model == decision.model || canonical(&known.model) == same;
    if let Some(why) = list.iter().filter(|known| is_same(known)).find_map(|known| refused(known, &decision)) {
        return Err(why);
    }
    let rows: HashSet<&str> = match &decision.rows {
        Scope::All(_) => HashSet::new(),
        Scope::These(keys) => keys.iter().map(String::as_str).collect(),
    };
    let mut kept = Vec::with_capacity(list.len() + 2);
    for known in list.drain(..) {
        if !is_same(&known) {
            kept.push(known);
        } else if is_for_all {
            kept.extend(beside_all(known, &decision));
        } else {
            kept.extend(beside_some(known, &decision, &rows));
        }
    }
    kept.push(Arc::new(decision));
    *list = kept;
    Ok(())
}

/// Returns what is left of a decision once a later one is taken for all rows of the same model.
fn beside_all(known: Arc<Decision>, later: &Decision) -> Option<Arc<Decision>> {
    let mut left = Decision::clone(&known);
    let places = later.choice.places();
    match &later.choice {
        Choice::LeaveOut => return None,
        // What is said of the model as a whole replaces what was said of it so.
        Choice::Undecided | Choice::Ask(_) | Choice::Rename(_) => {
            let is_name = |choice: &Choice| matches!(choice, Choice::Rename(_));
            let is_replaced = matches!(known.rows, Scope::All(_))
                && (known.choice.is_whole() || is_name(&known.choice))
                && is_name(&known.choice) == is_name(&later.choice);
            return (!is_replaced).then_some(known);
        }
        // The value of a field that is dropped does not matter.
        Choice::Drop(_) => left.choice.without(&places, &places),
        Choice::Copy(_) => left.choice.without(&[], &places),
        _ => left.choice.without(&later.choice.values(), &[]),
    }
    (!left.choice.is_empty()).then(|| Arc::new(left))
}

/// Returns what is left of a decision once a later one is taken for some rows of the same model.
fn beside_some(known: Arc<Decision>, later: &Decision, rows: &HashSet<&str>) -> Vec<Arc<Decision>> {
    let Scope::These(keys) = &known.rows else { return vec![known] };
    if !keys.iter().any(|key| rows.contains(key.as_str())) {
        return vec![known];
    }
    let (taken, others): (Vec<String>, Vec<String>) = keys.iter().cloned().partition(|key| rows.contains(key.as_str()));
    let part = |keys: Vec<String>| Decision { rows: Scope::These(keys), ..Decision::clone(&known) };
    let mut left = vec![part(others)];
    if !later.choice.is_whole() && !known.choice.is_whole() {
        let mut same_rows = part(taken);
        same_rows.choice.without(&later.choice.values(), &[]);
        if same_rows.choice == known.choice {
            return vec![known];
        }
        left.push(same_rows);
    }
    left.retain(|decision| !decision.choice.is_empty() && decision.rows != Scope::These(Vec::new()));
    left.into_iter().map(Arc::new).collect()
}
