//! Moving in the list: choosing, filtering, folding, the next row that somebody has to decide.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Filter, Line, Node, Reach, Tree, Triaging, to_decide};
use crate::ui::state::Folding;

impl Triaging {
    pub(super) fn clamp(&mut self) {
        self.at = self.at.min(self.tree.lines.len().saturating_sub(1));
    }

    /// Chooses a line by its place.
    pub fn choose(&mut self, at: usize) {
        let before = self.at;
        self.at = at;
        self.clamp();
        if self.at != before {
            self.scroll = 0;
            if matches!(self.reach, Reach::Model) {
                self.reach = Reach::Row;
            }
        }
    }

    /// Shows what a filter lets through, and keeps the chosen line where it does.
    pub fn filter(&mut self, filter: Filter) {
        let chosen = self.node();
        let triage = Arc::clone(&self.triage);
        self.tree.filter(&triage, filter);
        self.reached = None;
        let place = chosen.and_then(|node| self.tree.place(node)).unwrap_or_default();
        self.choose(place);
    }

    /// Folds or unfolds the chosen line; a line that has nothing to fold leads to the one above it.
    pub fn fold(&mut self, folding: Folding) {
        let Some(node) = self.node() else { return };
        let triage = Arc::clone(&self.triage);
        let open = self.tree.is_open(node) && Tree::has_more(&triage, node);
        if folding == Folding::Folded && !open {
            let depth = self.tree.lines.get(self.at).map_or(0, |line| line.depth);
            let above = |line: &Line| matches!(line.node, Node::Cause(_)) || line.depth < depth;
            let place = self.tree.lines.get(..self.at).and_then(|lines| lines.iter().rposition(above));
            if let (Some(place), Node::Row(_)) = (place, node) {
                self.choose(place);
            }
        } else if Tree::has_more(&triage, node) {
            self.tree.fold(&triage, node, folding);
            self.clamp();
        }
    }

    /// Folds or unfolds everything.
    pub fn fold_all(&mut self, folding: Folding) {
        let cause = self.cause().map(|(cause, _)| Node::Cause(cause));
        let chosen = self.node();
        let triage = Arc::clone(&self.triage);
        self.tree.lay_all(&triage, folding);
        let place = chosen.and_then(|node| self.tree.place(node));
        let place = place.or_else(|| cause.and_then(|node| self.tree.place(node)));
        self.choose(place.unwrap_or_default());
    }

    /// Goes to the next row that somebody has to decide, or to the one before; tells whether there is one.
    pub fn next_open(&mut self, forward: bool) -> bool {
        let triage = Arc::clone(&self.triage);
        let open: Vec<usize> = self
            .tree
            .rows(&triage)
            .filter_map(|line| match line.node {
                Node::Row(row) if to_decide(&triage, row) => Some(row),
                _ => None,
            })
            .collect();
        let places: HashMap<usize, usize> = self
            .tree
            .rows(&triage)
            .enumerate()
            .filter_map(|(place, line)| match line.node {
                Node::Row(row) => Some((row, place)),
                Node::Cause(_) => None,
            })
            .collect();
        let place = |row: &usize| places.get(row).copied().unwrap_or_default();
        let here = match self.node() {
            Some(Node::Row(row)) => Some(place(&row)),
            Some(Node::Cause(cause)) => self.tree.rows_of(&triage, cause).next().and_then(|line| match line.node {
                Node::Row(row) => place(&row).checked_sub(1),
                Node::Cause(_) => None,
            }),
            None => None,
        };
        let next = if forward {
            open.iter().find(|row| here.is_none_or(|here| place(row) > here)).or_else(|| open.first())
        } else {
            open.iter().rfind(|row| here.is_some_and(|here| place(row) < here)).or_else(|| open.last())
        };
        let Some(&row) = next else { return false };
        self.tree.reveal(&triage, row);
        if let Some(at) = self.tree.place(Node::Row(row)) {
            self.choose(at);
        }
        true
    }
}
