//! Compares two rows of one key, field by field.

use super::found::{Both, Origin, Pick, Pk, Sample, Side, State};
use super::line::{self, Line};
use super::matcher::Matcher;
use super::same::{self, Relation};

impl Matcher<'_> {
    /// Compares two rows of the same key that were read again, since they did not meet.
    pub fn look(&mut self, before: (&[u8], Origin), after: (&[u8], Origin)) {
        let rows = [Line::read(before.0, &self.call), Line::read(after.0, &self.call)];
        let ([Line::Row(mine), Line::Row(theirs)], origins) = (rows, [before.1, after.1]) else {
            // The files were written over meanwhile.
            self.counted.changed += 1;
            return;
        };
        let values = self.values([mine, theirs], &origins);
        self.compare(line::key(mine, self.plan.key[0]).unwrap_or_default(), values, origins);
    }

    /// Splits two rows into their values; tells it when one of them has a wrong number.
    pub(super) fn values<'b>(
        &mut self,
        arguments: Both<&'b [u8]>,
        origins: &Both<Origin>,
    ) -> Option<Both<Vec<&'b [u8]>>> {
        let mut split = Side::BOTH.map(|side| {
            let values = self.plan.split(side, arguments.of(side));
            if values.is_none() {
                let expected = self.plan.values.of(side).unwrap_or_default();
                let message = format!(
                    "The row cannot be compared: it has not {expected} values, as the create function in restore.py takes."
                );
                let origin = origins.of(side);
                self.counted.problem(side, origin.file.clone(), Some(origin.line), &message);
            }
            values
        });
        Some([split[0].take()?, split[1].take()?])
    }

    /// Compares two rows field by field and counts them.
    pub(super) fn compare(&mut self, raw: &[u8], values: Option<Both<Vec<&[u8]>>>, origins: Both<Origin>) {
        let mut fields = Vec::new();
        let (mut by_lino, mut whole) = (false, values.is_some());
        let [mine, theirs] = values.unwrap_or_default();
        // Without a create function nobody knows what the values are.
        whole &= !self.plan.common.is_empty() || mine == theirs;
        for (index, field) in self.plan.common.iter().enumerate() {
            let (Some(before), Some(after)) = (mine.get(field.at[0]), theirs.get(field.at[1])) else { continue };
            if before == after && (self.plan.languages.is_none() || field.kind != same::Kind::Babel) {
                continue;
            }
            match same::compare([before, after], field.kind, self.plan.languages.as_deref()) {
                Ok(Relation::Equal) => {}
                Ok(relation) => {
                    if let Some(reason) = relation.reason().or_else(|| field.reason?.explains([before, after])) {
                        by_lino = true;
                        *self.counted.lino.entry((reason, index)).or_default() += 1;
                    } else {
                        fields.push(index);
                        if let Some(rows) = self.counted.fields.get_mut(index) {
                            *rows += 1;
                        }
                    }
                }
                Err((side, problem)) => {
                    whole = false;
                    let message = format!("The value of {} cannot be read: {}.", field.name, problem.text);
                    let origin = origins.of(side);
                    self.counted.problem(side, origin.file.clone(), Some(origin.line), &message);
                }
            }
        }
        if whole && fields.is_empty() {
            self.counted.equal += 1;
            self.counted.by_lino += u64::from(by_lino);
            return;
        }
        self.counted.changed += 1;
        if self.counted.wants(State::Changed) {
            let [before, after] = origins;
            let names = fields.iter().filter_map(|index| self.plan.common.get(*index));
            let fields = names.map(|field| field.name.clone()).collect();
            let (before, after) = (Some(before), Some(after));
            self.counted.sample(Sample { state: State::Changed, pk: Pk::read(raw), before, after, fields });
        }
    }

    /// Counts the values in fields that only one side has.
    pub(super) fn own(&mut self, side: Side, values: &[&[u8]]) {
        let fields = self.plan.own.of(side);
        for (field, rows) in fields.iter().zip(self.counted.own.of_mut(side)) {
            *rows += u64::from(field.has_value(values));
        }
    }
}
