//! What the deciding keys of the triage touch, and the decisions that they prepare.

use super::{Line, Node, Reach, Triaging};
use crate::triage::{Choice, Decision, Failure, Phase, Scope, bulk};

impl Triaging {
    /// Returns the rows that the deciding keys touch now.
    #[must_use]
    pub fn targets(&self) -> Vec<usize> {
        let Some((at, cause)) = self.cause() else { return Vec::new() };
        let causes = &self.triage.causes;
        let own = || cause.rows.iter().copied().filter(|row| self.tree.passes(*row)).collect();
        let shown = |line: Line| match line.node {
            Node::Row(row) => Some(row),
            Node::Cause(_) => None,
        };
        match (self.reach, self.node()) {
            (Reach::Shown, _) => self.tree.rows(&self.triage).filter_map(shown).collect(),
            (Reach::Row, Some(Node::Row(row))) => vec![row],
            (Reach::Cause, Some(Node::Row(row))) if causes.leader(row).is_some() => {
                let model = |row: usize| causes.failures.get(row).map(Failure::model_or_table);
                let rows = self.tree.rows_of(&self.triage, at).filter_map(shown);
                rows.filter(|other| causes.leader(*other).is_some() && model(*other) == model(row)).collect()
            }
            _ => own(),
        }
    }

    /// Counts the rows that the deciding keys touch now, once for each line and reach.
    pub fn count_reached(&mut self) {
        let Some(key) = self.node().map(|node| (node, self.reach)) else { return };
        if self.reached.is_none_or(|(known, _)| known != key) {
            let tally = self.cause().and_then(|(at, _)| self.tree.tallies.get(at)).copied().unwrap_or_default();
            let count = match key {
                (Node::Row(_), Reach::Row) => 1,
                (Node::Cause(_), Reach::Row | Reach::Cause) => tally.own as u64,
                (_, Reach::Shown) => self.tree.rows[2] as u64,
                (_, Reach::Model) => self.model().map_or(0, |(_, count)| count),
                (Node::Row(_), Reach::Cause) => self.triage.causes.count(self.targets()) as u64,
            };
            self.reached = Some((key, count));
        }
    }

    /// Returns how many rows the deciding keys touch now.
    #[must_use]
    pub fn reached(&self) -> u64 {
        self.reached.map_or(0, |(_, count)| count)
    }

    /// Returns the model of the chosen line.
    #[must_use]
    pub fn model_name(&self) -> Option<&str> {
        match self.failure() {
            Some(failure) => Some(failure.model_or_table()),
            None => Some(self.cause()?.1.model.as_str()),
        }
    }

    /// Returns the model of the chosen line, and how many of its rows were refused.
    #[must_use]
    pub fn model(&self) -> Option<(String, u64)> {
        let model = self.model_name()?;
        let causes = &self.triage.causes;
        let failures = causes.failures.iter().enumerate();
        let of_model = failures.filter(|(_, failure)| failure.model_or_table() == model).map(|(row, _)| row);
        Some((model.to_owned(), causes.count(of_model) as u64))
    }

    /// Returns the reason of the chosen rows in words for people, as a decision tells it.
    #[must_use]
    pub fn because(&self) -> String {
        let Some((_, cause)) = self.cause() else { return String::new() };
        if self.reach == Reach::Shown {
            return String::new();
        }
        let said = self.messages(cause).into_iter();
        let said = said.map(|(field, text)| if field.is_empty() { text } else { format!("{field}: {text}") });
        said.collect::<Vec<_>>().join(" ")
    }

    /// Prepares decisions for what the keys apply to now: the decisions, and how many refused rows they touch.
    #[must_use]
    pub fn prepare(&self, choice: &Choice) -> (Vec<Decision>, u64) {
        let is_for_all = self.reach == Reach::Model || choice.is_for_all();
        if is_for_all || matches!(choice, Choice::LeaveOut | Choice::Undecided | Choice::Ask(_)) && self.is_lost_model()
        {
            let Some((model, count)) = self.model() else { return (Vec::new(), 0) };
            let rows = Scope::All(count);
            return (vec![Decision { model, rows, choice: choice.clone(), because: self.because() }], count);
        }
        let bulk = bulk(&self.triage.causes, self.targets(), choice, &self.because());
        (bulk.decisions, bulk.count)
    }

    /// Tells whether the keys apply to all rows of a model that the new version does not have: what is decided for them
    /// is decided for the model, so that rows that come later are covered, too.
    #[must_use]
    pub fn is_lost_model(&self) -> bool {
        let of_cause = match self.reach {
            Reach::Row => matches!(self.node(), Some(Node::Cause(_))),
            Reach::Cause => true,
            Reach::Shown | Reach::Model => false,
        };
        let Some((_, cause)) = self.cause().filter(|(_, cause)| of_cause && cause.phase == Phase::Create) else {
            return false;
        };
        let failures = &self.triage.causes.failures;
        let Some(first) = cause.rows.first().and_then(|row| failures.get(*row)) else { return false };
        // Rows that the filter hides are protected, and rows of another cause are another matter.
        let of_table = failures.iter().filter(|failure| failure.table == first.table).count();
        let targets = self.targets();
        let is_gone =
            |row: &usize| failures.get(*row).is_some_and(|row| row.model.is_none() && row.table == first.table);
        targets.len() == of_table && targets.iter().all(is_gone)
    }

    /// Counts the rows that follow from the rows that the keys apply to, and are not among them.
    #[must_use]
    pub fn left_behind(&self) -> usize {
        let causes = &self.triage.causes;
        let targets = match self.reach {
            Reach::Model => {
                let Some((model, _)) = self.model() else { return 0 };
                let rows = causes.failures.iter().enumerate();
                rows.filter(|(_, failure)| failure.model_or_table() == model).map(|(row, _)| row).collect()
            }
            _ => self.targets(),
        };
        let mut known = vec![false; causes.failures.len()];
        for &row in &targets {
            known.get_mut(row).into_iter().for_each(|known| *known = true);
        }
        let mut next: Vec<usize> = targets.iter().flat_map(|row| causes.followers(*row)).copied().collect();
        let mut count = 0;
        while let Some(row) = next.pop() {
            if let Some(known) = known.get_mut(row).filter(|known| !**known) {
                *known = true;
                count += 1;
                next.extend_from_slice(causes.followers(row));
            }
        }
        count
    }
}
