//! The verdict at the top of the comparison: symbol, words, sentence.

use ratatui::text::{Line, Span};

use crate::compare::Evidence;
use crate::ui::state::{Compared, State};
use crate::ui::style::{Role, of_verdict};
use crate::ui::text;

/// Rows that the verdict has at most.
const ROWS: usize = 3;

/// Returns the verdict as symbol and words, and the sentence that says why.
#[must_use]
pub fn words(evidence: &Evidence) -> (String, String) {
    let (_, symbol, word) = of_verdict(evidence.verdict);
    let sentence = text::clean(&evidence.sentence);
    // The sentence may begin with the very words.
    let rest = sentence.strip_prefix(word).and_then(|rest| rest.strip_prefix(':')).map(str::trim_start);
    (format!("{symbol} {word}:"), rest.unwrap_or(&sentence).to_owned())
}

/// Builds the lines of the verdict.
#[must_use]
pub fn lines(state: &State, compared: &Compared, width: usize) -> Vec<Line<'static>> {
    let (role, _, _) = of_verdict(compared.evidence.verdict);
    let (label, sentence) = words(&compared.evidence);
    let mut rows = text::wrap(&format!("{label} {sentence}"), width);
    if rows.len() > ROWS {
        rows.truncate(ROWS);
        if let Some(last) = rows.last_mut() {
            // Cut even where it would fit: the ellipsis says that the summary has the rest.
            *last = text::cut(&format!("{last} …"), width);
        }
    }
    let style = state.colours.of(role);
    let mut lines = Vec::new();
    for (at, row) in rows.into_iter().enumerate() {
        lines.push(match row.strip_prefix(&label).filter(|_| at == 0) {
            Some(rest) => Line::from(vec![Span::styled(label.clone(), style), Span::raw(rest.to_owned())]),
            None => Line::styled(row, state.colours.of(Role::Text)),
        });
    }
    lines
}
