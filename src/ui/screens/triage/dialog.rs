//! What is asked before a decision is taken: the text of the popup.

use ratatui::text::{Line, Span};

use super::words::counted;
use crate::ui::state::{Asking, Dialog, Purpose, Reach, State, Triaging, decision_words, given, literal};
use crate::ui::style::Role;
use crate::ui::text;

/// Values and new fields that are named at once, and characters of each.
const ADMITTED: usize = 12;
const NAME: usize = 40;
/// Fields that are shown at once.
const FIELDS: usize = 8;

/// Returns the title.
#[must_use]
pub fn title(triaging: &Triaging, dialog: &Dialog) -> String {
    let of = whom(triaging);
    match dialog {
        Dialog::Confirm { .. } => "Is that meant?".to_owned(),
        Dialog::Type { ask, .. } => match ask {
            Asking::Field(Purpose::Set, _) => format!("Set which field of {of}?"),
            Asking::Field(Purpose::Empty, _) => format!("Empty which field of {of}?"),
            Asking::Field(Purpose::Point, _) => format!("Point which field of {of} to another row?"),
            Asking::Field(Purpose::Copy, _) => "Which field is called otherwise now?".to_owned(),
            Asking::Field(Purpose::Drop, _) => "Drop which field of the model?".to_owned(),
            Asking::Value(Purpose::Set, field, _) => format!("Set {} of {of}", text::clean(field)),
            Asking::Value(Purpose::Copy, field, _) => format!("{} is called", text::clean(field)),
            Asking::Value(_, field, _) => format!("Point {} of {of} to the row with the key", text::clean(field)),
            Asking::Note => format!("Ask the developer about {of}"),
            Asking::Name => "The model is called".to_owned(),
        },
    }
}

/// Names what the keys apply to.
fn whom(triaging: &Triaging) -> String {
    match (triaging.reach, triaging.failure()) {
        (Reach::Model, _) => {
            format!("all rows of {}", text::clean(triaging.model_name().unwrap_or_default()))
        }
        (Reach::Row, Some(failure)) => text::clean(&format!("{} {}", failure.model_or_table(), failure.key)),
        _ => counted(triaging.reached()),
    }
}

/// Builds the lines.
#[must_use]
pub fn lines(state: &State, dialog: &Dialog, width: usize) -> Vec<Line<'static>> {
    let mut page = Page { state, width, lines: Vec::new() };
    match dialog {
        Dialog::Confirm { question, meaning, .. } => {
            page.put(question, Role::Title);
            page.put(meaning, Role::Text);
        }
        Dialog::Type { ask, typed, at } => {
            match ask {
                Asking::Field(..) => {
                    page.fields(dialog, *at);
                    page.whose();
                }
                Asking::Value(_, _, now) => {
                    if let Some(now) = now {
                        page.put(&format!("Now: {}", text::cut(&text::clean(now), width * 3)), Role::Dim);
                    }
                }
                Asking::Note => {
                    page.put("The rows stay undecided; the report for the developer has your note.", Role::Text);
                }
                Asking::Name => page.put("Its name in the new version, with the application: cal.Event", Role::Text),
            }
            page.input(typed);
            page.preview(ask, typed);
            page.admitted(ask, typed);
        }
    }
    page.lines
}

/// Returns the keys with what they do.
#[must_use]
pub fn choices(dialog: &Dialog) -> Vec<(String, String)> {
    let choice = |key: &str, label: &str| (key.to_owned(), label.to_owned());
    match dialog {
        Dialog::Confirm { .. } => vec![choice("y", "Yes."), choice("n", "Change nothing.")],
        Dialog::Type { ask: Asking::Field(..), .. } => vec![
            choice("↑ ↓", "Choose one, or type a name."),
            choice("Enter", "Take it."),
            choice("Esc", "Change nothing."),
        ],
        Dialog::Type { .. } => vec![choice("Enter", "Take it."), choice("Esc", "Change nothing.")],
    }
}

struct Page<'a> {
    state: &'a State,
    width: usize,
    lines: Vec<Line<'static>>,
}

impl Page<'_> {
    fn put(&mut self, body: &str, role: Role) {
        let style = self.state.colours.of(role);
        self.lines.extend(text::wrap(body, self.width).into_iter().map(|line| Line::styled(line, style)));
    }

    /// Adds the fields around the chosen one, with their values.
    fn fields(&mut self, dialog: &Dialog, at: usize) {
        let fields = dialog.matching();
        let from = at.saturating_sub(FIELDS / 2).min(fields.len().saturating_sub(FIELDS));
        let longest = fields.iter().map(|field| text::width(&field.name)).max().unwrap_or_default().min(self.width / 2);
        for (place, field) in fields.iter().enumerate().skip(from).take(FIELDS) {
            let mark = if place == at { "›" } else { " " };
            let refused = match &field.done {
                Some(_) => "✎",
                None if field.refused => "✗",
                None => " ",
            };
            let name = text::cut(&text::clean(&field.name), longest);
            let gap = " ".repeat(longest.saturating_sub(text::width(&name)));
            let value = field.done.as_deref().or(field.value.as_deref()).unwrap_or_default();
            let value: String = value.chars().take(200).collect();
            let line = format!("{mark} {refused} {name}{gap}  {}", text::clean(&value));
            let mut style = self.state.colours.of(match &field.done {
                Some(_) => Role::Dim,
                None if field.refused => Role::Bad,
                None => Role::Text,
            });
            if place == at {
                style = style.patch(self.state.colours.of(Role::Selected));
            }
            self.lines.push(Line::styled(text::cut(&line, self.width), style));
        }
        if fields.is_empty() && self.is_reading() {
            self.put("Reading the row…", Role::Running);
        } else if fields.is_empty() {
            self.put("No known field is called like that. Enter takes what you typed.", Role::Dim);
        } else if fields.len() > FIELDS {
            self.put(&format!("    {} of {} fields", FIELDS, fields.len()), Role::Dim);
        }
    }

    /// Tells which values or fields the new version has, where that is known: those that match what is typed.
    fn admitted(&mut self, ask: &Asking, typed: &str) {
        let Some(detail) = self.state.triaging().and_then(Triaging::detail) else { return };
        let (head, known): (&str, Vec<String>) = match ask {
            Asking::Value(Purpose::Set, field, _) => {
                let is = |name: &str| name == field || name.strip_suffix("_id") == Some(field);
                let choices = detail.fields.iter().filter(|known| is(&known.name)).flat_map(|known| &known.choices);
                ("The new version admits", choices.map(|(value, said)| format!("{value} {said}")).collect())
            }
            Asking::Value(Purpose::Copy, ..) => ("New in this version", detail.new_fields.clone()),
            _ => return,
        };
        let wanted = typed.trim().to_lowercase();
        let matching: Vec<&String> = known.iter().filter(|one| one.to_lowercase().contains(&wanted)).collect();
        // What is typed in full or like none of them is no reason to hide them all.
        let shown: Vec<&String> = if matching.is_empty() { known.iter().collect() } else { matching };
        if shown.is_empty() {
            return;
        }
        let named: Vec<String> =
            shown.iter().take(ADMITTED).map(|one| text::clean(&text::head_of(one, NAME)).trim().to_owned()).collect();
        let more = match shown.len().saturating_sub(ADMITTED) {
            0 => ".".to_owned(),
            more => format!(" and {more} more; type a part of one to find it."),
        };
        self.put(&format!("{head}: {}{more}", named.join(" · ")), Role::Text);
    }

    fn is_reading(&self) -> bool {
        self.state.triaging().is_some_and(|triaging| triaging.place().is_some() && triaging.looked().is_none())
    }

    /// Says whose values these are, where the keys apply to several rows.
    fn whose(&mut self) {
        let Some(triaging) = self.state.triaging() else { return };
        let is_one = triaging.reach == Reach::Row && triaging.row().is_some();
        if let Some(failure) = triaging.example().filter(|_| !is_one && triaging.detail().is_some()) {
            let key = text::clean(&text::head_of(&failure.key, self.width));
            self.put(&format!("The values are those of row {key}."), Role::Dim);
        }
        if let Some(Err(because)) = triaging.looked() {
            self.put(&text::clean(because), Role::Warning);
        }
    }

    fn input(&mut self, typed: &str) {
        let shown = text::tail(&text::clean(typed), self.width.saturating_sub(4));
        let gap = " ".repeat(self.width.saturating_sub(text::width(&shown) + 3));
        self.lines.push(Line::from(vec![
            Span::styled("› ", self.state.colours.of(Role::Key)),
            Span::styled(format!("{shown}▏{gap}"), self.state.colours.of(Role::Input)),
        ]));
    }

    /// Says what would be written, and how it is read.
    fn preview(&mut self, ask: &Asking, typed: &str) {
        match ask {
            Asking::Value(Purpose::Set, field, _) => {
                let says = match given(typed) {
                    None => format!("{field} is emptied."),
                    Some(value) => format!("Written as: {field} = {}", literal(&value)),
                };
                self.put(&text::cut(&text::clean(&says), self.width * 3), Role::Good);
                let hint = "Nothing or None empties it. Numbers, true and false are what they look like; quotes make a \
                            text of them: '12'.";
                self.put(hint, Role::Dim);
            }
            Asking::Value(Purpose::Point, ..) => {
                self.put("The key of a row of the snapshot that is not left out.", Role::Dim);
            }
            Asking::Value(Purpose::Copy, field, _) => {
                if !typed.trim().is_empty() {
                    let choice = crate::triage::Choice::Copy([(typed.trim().to_owned(), field.clone())].into());
                    self.put(&text::clean(&decision_words(&choice)), Role::Good);
                }
                self.put("For all rows of the model.", Role::Dim);
            }
            _ => {}
        }
    }
}
