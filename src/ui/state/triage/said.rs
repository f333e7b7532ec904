//! What the list and the detail say: the messages of a cause, and what is decided for a row.

use super::{Node, Triaging, dialog, standing, tree};
use crate::triage::{Cause, Choice, Standing, Triage, saying};
use crate::ui::text;

/// Characters of a message that are shown.
const LONGEST: usize = 2_000;

impl Triaging {
    /// Finds the words for rows that are shown now. Looking through all decisions of a row takes its time.
    pub fn say(&mut self, lines: std::ops::Range<usize>) {
        /// More are not kept.
        const KEPT: usize = 4096;
        if self.said.len() > KEPT {
            self.said.clear();
        }
        let Self { triage, tree, said, .. } = self;
        for line in tree.lines.get(lines).unwrap_or_default() {
            if let Node::Row(row) = line.node {
                said.entry(row).or_insert_with(|| decided(triage, row));
            }
        }
    }

    /// Counts the rows whose words were looked for since something changed.
    #[cfg(test)]
    pub fn looked_at(&self) -> usize {
        self.said.len()
    }

    /// Returns what is decided for a row, in words.
    #[must_use]
    pub fn said(&self, row: usize) -> String {
        self.said.get(&row).cloned().unwrap_or_else(|| decided(&self.triage, row))
    }

    /// Returns the messages of a cause for an operator: the field, and what is said of it.
    #[must_use]
    pub fn messages(&self, cause: &Cause) -> Vec<(String, String)> {
        let first = cause.rows.first().and_then(|row| self.triage.causes.failures.get(*row));
        let said = |text: &str| {
            let text = text::head_of(text, LONGEST);
            first.map_or_else(|| text.clone(), |failure| saying(failure, &text))
        };
        cause.messages.iter().map(|(field, text)| (field.clone(), said(text))).collect()
    }
}

/// Says what is decided for a row.
fn decided(triage: &Triage, row: usize) -> String {
    let Some(failure) = triage.causes.failures.get(row) else { return String::new() };
    let leader = triage.causes.leader(row);
    let of_row = || triage.decisions.of_row(failure);
    let words = || {
        let said: Vec<String> = of_row().into_iter().map(|decision| dialog::words(&decision.choice)).collect();
        said.into_iter().filter(|words| !words.is_empty()).collect::<Vec<_>>().join(", ")
    };
    match standing(triage, row) {
        Standing::Undecided if of_row().iter().any(|decision| decision.choice == Choice::Undecided) => {
            "kept undecided".to_owned()
        }
        Standing::Undecided => match leader {
            Some(leader) if tree::is_open(triage, leader) => "follows".to_owned(),
            Some(_) => "undecided: what it follows from is left out".to_owned(),
            None => {
                let so_far = words();
                if so_far.is_empty() { "undecided".to_owned() } else { format!("undecided; so far {so_far}") }
            }
        },
        Standing::Asked => {
            let note = of_row().into_iter().rev().find_map(|decision| match &decision.choice {
                Choice::Ask(note) => Some(note.clone()),
                _ => None,
            });
            format!("asked: {}", text::head_of(&note.unwrap_or_default(), LONGEST))
        }
        Standing::Follows => "loads with it".to_owned(),
        Standing::LeftOut => "left out".to_owned(),
        Standing::Changed => words(),
    }
}
