//! What went wrong in a rehearsal and is no row: why it stopped, row files that cannot be read, decisions that do not fit.

use ratatui::text::{Line, Span};

use crate::triage::Broken;
use crate::ui::state::{State, Triaging};
use crate::ui::style::Role;
use crate::ui::text;

/// Things that are told; the others are counted.
const TOLD: usize = 3;
/// Rows of one of them at most.
const ROWS: usize = 2;
/// Characters of a message that are shown.
const SHOWN: usize = 400;

/// Builds the lines for this width; none when nothing went wrong.
#[must_use]
pub fn lines(state: &State, triaging: &Triaging, width: usize) -> Vec<Line<'static>> {
    if !triaging.is_troubled() {
        return Vec::new();
    }
    let triage = &triaging.triage;
    let mut said: Vec<(Role, String)> = Vec::new();
    if let Some(stopped) = &triage.stopped {
        let what = exception(&stopped.exception, &stopped.message);
        said.push((Role::Bad, format!("The rehearsal could not go on, so there may be more than this: {what}")));
    }
    said.extend(triage.broken.iter().map(|broken| (Role::Bad, of_broken(broken))));
    let unfit = triage.unfit.iter();
    said.extend(unfit.map(|sentence| (Role::Warning, format!("A decision is not applied: {}", short(sentence)))));
    let more = said.len().saturating_sub(TOLD);
    let mut lines = Vec::new();
    for (role, sentence) in said.into_iter().take(TOLD) {
        let style = state.colours.of(role);
        let mut rows = text::wrap(&sentence, width.saturating_sub(4));
        if rows.len() > ROWS {
            rows.truncate(ROWS);
            if let Some(last) = rows.last_mut() {
                *last = text::cut(&format!("{last} …"), width.saturating_sub(4));
            }
        }
        for (at, row) in rows.into_iter().enumerate() {
            let mark = if at == 0 { " ! " } else { "   " };
            lines.push(Line::from(vec![Span::styled(mark, style), Span::styled(row, style)]));
        }
    }
    if more > 0 {
        lines.push(Line::styled(
            format!("   and {more} more; the log of the rehearsal has them."),
            state.colours.of(Role::Dim),
        ));
    }
    lines
}

/// Says what a row file, a table or a handler did.
fn of_broken(broken: &Broken) -> String {
    let what = exception(&broken.exception, &broken.message);
    match (&broken.file, broken.line, &broken.table, &broken.handler) {
        (Some(file), Some(line), _, _) => {
            format!(
                "The row file {} cannot be read from line {line} on, and its rows are not loaded: {what}",
                short(file)
            )
        }
        (Some(file), None, _, _) => format!("The row file {} cannot be loaded: {what}", short(file)),
        (None, _, Some(table), _) => {
            format!("The table {} could not be made, so none of its rows is loaded: {what}", short(table))
        }
        (None, _, None, Some(handler)) => format!("What runs after the rows ({}) failed: {what}", short(handler)),
        (None, _, None, None) => what,
    }
}

fn exception(class: &str, message: &str) -> String {
    let class = class.rsplit('.').next().unwrap_or_default();
    let said = if class.is_empty() { short(message) } else { format!("{}: {}", short(class), short(message)) };
    if said.ends_with(['.', '!', '?']) { said } else { format!("{said}.") }
}

fn short(message: &str) -> String {
    let cut: String = message.chars().take(SHOWN).collect();
    text::clean(&cut)
}
