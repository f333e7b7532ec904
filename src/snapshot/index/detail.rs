//! A row with all that a person wants to see of it.

use std::sync::Arc;

use super::{State, Written};
use crate::dump::Conversion;
use crate::snapshot::verify::SnapshotError;
use crate::triage::{self, Link, RowDetail, Target};

impl State {
    pub(super) fn detail(&mut self, file: &str, line: u64, row: &Written) -> Result<RowDetail, SnapshotError> {
        let known = Arc::clone(&self.known);
        let Some((table, arguments)) = row.call() else { return Ok(RowDetail::default()) };
        let table = String::from_utf8_lossy(table).into_owned();
        let function = known.script.function(&table);
        let mut fields =
            function.map(|function| triage::fields(&known.script, function, arguments)).unwrap_or_default();
        for place in 0..fields.len() {
            let target = match known.link(&table, place) {
                Some(known) => Some((known.model.clone(), known.target.clone(), known.target_place)),
                None => known.any_model(&table, &fields, place),
            };
            let (Some(field), Some((model, target, target_place))) = (fields.get_mut(place), target) else { continue };
            let Some(value) = field.value.as_deref() else { continue };
            let name = match &target {
                Some(target) => self.name((target, target_place), value)?,
                None => None,
            };
            field.target = Some(Target { model, name });
        }
        let place = known.keys.get(&table).copied().unwrap_or_default();
        Ok(RowDetail {
            model: function.and_then(|function| known.script.model_of(function)).map(str::to_owned),
            key: fields.get(place).and_then(|field| field.value.clone()).unwrap_or_default(),
            table,
            file: file.to_owned(),
            line,
            fields,
            pointed_at: Vec::new(),
            new_fields: Vec::new(),
            cut: row.cut,
        })
    }

    /// Returns how a row is called; a row of a child without a name of its own is called as its parent.
    fn name(&mut self, (table, place): (&str, usize), value: &str) -> Result<Option<String>, SnapshotError> {
        /// Models inherit from few others.
        const PARENTS: usize = 4;
        let known = Arc::clone(&self.known);
        let (mut table, mut place, mut key) = (table, place, value.to_owned());
        for generation in 0..PARENTS {
            let Some(hit) = self.find((table, place), &key, 1)?.into_iter().next() else {
                return Ok((generation > 0).then(|| value.to_owned()));
            };
            let Some(function) = known.script.function(table) else { break };
            let links: Vec<usize> =
                known.links.iter().filter(|link| link.table == table).map(|link| link.place).collect();
            let arguments = hit.written.call().map(|(_, arguments)| arguments).unwrap_or_default();
            if let Some(name) = triage::called_by(&known.script, function, arguments, &links) {
                return Ok(Some(name));
            }
            let is_parent = |link: &&Link| {
                let parameter = function.parameters.get(link.place);
                link.table == table && parameter.is_some_and(|parameter| parameter.conversion == Conversion::ParentLink)
            };
            let Some(link) = known.links.iter().find(is_parent) else { break };
            let (Some(parent), Some(of)) = (link.target.as_deref(), known.value(&hit.written, link.place)) else {
                break;
            };
            (table, place, key) = (parent, link.target_place, of);
        }
        Ok(Some(value.to_owned()))
    }
}
