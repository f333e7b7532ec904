//! Which rows point to a row.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::State;
use super::known::AnyLink;
use crate::snapshot::verify::SnapshotError;
use crate::triage::{Link, PointedAt};

/// Keys that are told of the rows which point to one.
const FIRST_KEYS: usize = 5;

impl State {
    pub(super) fn pointed_at(&mut self, table: &str, key: &str) -> Result<Vec<PointedAt>, SnapshotError> {
        let known = Arc::clone(&self.known);
        let own = known.keys.get(table).copied();
        let links: Vec<&Link> = known.links.iter().filter(|link| link.target.as_deref() == Some(table)).collect();
        let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        let all = links.iter().map(|link| (link.table.as_str(), link.place));
        for (table, place) in all.chain(known.any_links.iter().map(|link| (link.table.as_str(), link.place))) {
            places.entry(table).or_default().push(place);
        }
        // All at once, so that all cores have something to do.
        for (table, places) in &mut places {
            places.extend(known.keys.get(*table));
        }
        self.files.read(&known.script, places.into_iter().flat_map(|(table, places)| known.wants(table, &places)))?;
        let mut found = Vec::new();
        for link in links {
            let value = match own {
                Some(own) if own != link.target_place => {
                    let row = self.find((table, own), key, 1)?.into_iter().next();
                    row.and_then(|hit| known.value(&hit.written, link.target_place))
                }
                _ => Some(key.to_owned()),
            };
            let Some(value) = value else { continue };
            let (count, hits) = self.hits((&link.table, link.place), &value, FIRST_KEYS)?;
            if count > 0 {
                let place = known.keys.get(&link.table).copied().unwrap_or_default();
                let keys = hits.iter().filter_map(|hit| known.value(&hit.written, place)).collect();
                found.push(PointedAt { model: known.model(&link.table), field: link.field.clone(), count, keys });
            }
        }
        let model = known.model(table);
        for AnyLink { table, place, kind, field } in &known.any_links {
            // The key alone does not tell to which model it belongs.
            let (_, mut hits) = self.hits((table, *place), key, usize::MAX)?;
            hits.retain(|hit| known.value(&hit.written, *kind).as_deref() == Some(model.as_str()));
            if !hits.is_empty() {
                let place = known.keys.get(table).copied().unwrap_or_default();
                let keys = hits.iter().take(FIRST_KEYS).filter_map(|hit| known.value(&hit.written, place)).collect();
                let count = hits.len();
                found.push(PointedAt { model: known.model(table), field: field.clone(), count, keys });
            }
        }
        Ok(found)
    }
}
