//! The list of differences: classes with their numbers, worst first, and below each its differences.

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::compare::Class;
use crate::ui::state::{Compared, Entry, Folding, Pane, State, rows, symbol};
use crate::ui::style::{Role, of_class};
use crate::ui::text;
use crate::ui::widgets::list_row::{Chosen, ListRow};

/// Draws the list.
pub fn draw(state: &State, compared: &Compared, frame: &mut Frame, area: Rect) {
    let entries = compared.entries();
    let visible = entries.iter().skip(compared.top).take(usize::from(area.height));
    for (y, entry) in (area.y..).zip(visible) {
        row(state, compared, *entry, frame, Rect { y, height: 1, ..area });
    }
    if entries.len() > compared.top + usize::from(area.height) && area.width > 8 && area.height > 0 {
        let left = entries.len() - compared.top - usize::from(area.height);
        let hint = format!(" {left} more ↓ ");
        let x = area.right().saturating_sub(text::cells(text::width(&hint)) + 1);
        frame.buffer_mut().set_string(x, area.bottom(), hint, state.colours.of(Role::Key));
    }
}

fn row(state: &State, compared: &Compared, entry: Entry, frame: &mut Frame, area: Rect) {
    let (role, before, after) = parts(compared, entry);
    let chosen = match compared.pane {
        _ if entry != compared.chosen => Chosen::No,
        Pane::List => Chosen::Here,
        _ => Chosen::Elsewhere,
    };
    let row = ListRow { role, before, label: compared.label(entry), after };
    let (from, label) = row.draw(state, frame, area, chosen);
    if let Some(search) = compared.search.as_ref().filter(|search| search.pane == Pane::List) {
        let hit = state.colours.of(if chosen == Chosen::No { Role::Match } else { Role::CurrentMatch });
        let case_sensitive = text::case_sensitive(&search.text);
        for range in text::matches(label.chars(), &search.text, case_sensitive) {
            let columns = |characters: usize| -> usize { label.chars().take(characters).map(text::char_width).sum() };
            let (start, end) = (columns(range.start), columns(range.end));
            let x = from.saturating_add(text::cells(start));
            let size = text::cells(end - start).min(area.right().saturating_sub(x));
            frame.buffer_mut().set_style(Rect { x, width: size, ..area }, hit);
        }
    }
}

/// Returns the role of a row, what stands before its label, and what stands at its right edge.
fn parts(compared: &Compared, entry: Entry) -> (Role, String, String) {
    let count = |class: Class| {
        compared.evidence.found.iter().filter(|found| found.difference.class == class).count().to_string()
    };
    match entry {
        Entry::Summary => {
            let left_out = compared.evidence.left_out.len();
            let after = if left_out == 0 { String::new() } else { format!("{left_out} not looked at") };
            (Role::Title, "= ".to_owned(), after)
        }
        Entry::Heading(class) => (title_role(class), String::new(), count(class)),
        Entry::Renamings => (Role::Title, String::new(), String::new()),
        Entry::Found(_) | Entry::Quiet(_) => {
            let Some(found) = compared.found(entry) else { return (Role::Text, String::new(), String::new()) };
            let role = if found.difference.class == Class::Noise { Role::Dim } else { Role::Text };
            (role, format!(" {} ", symbol(&found.difference.change)), rows(&found.touched))
        }
        Entry::Renaming(_) => {
            let decided = compared.renaming(entry).and_then(|renaming| renaming.decided);
            let (role, symbol, word) = match decided {
                None => (Role::Key, "?", "renamed?"),
                Some(true) => (Role::Good, "✔", "renamed"),
                Some(false) => (Role::Text, "✘", "gone"),
            };
            (role, format!("   {symbol} "), word.to_owned())
        }
        Entry::Noise => {
            let mark = if compared.noise == Folding::Folded { "▸ " } else { "▾ " };
            (Role::Dim, mark.to_owned(), compared.evidence.noise.len().to_string())
        }
    }
}

const fn title_role(class: Class) -> Role {
    match class {
        Class::Additive => Role::Title,
        class => of_class(class),
    }
}
