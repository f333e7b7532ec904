//! What is asked before a decision is taken: the text of the popup.

use ratatui::text::{Line, Span};

use crate::ui::screens::page::Page;
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
        _ => text::rows(triaging.reached()),
    }
}

/// Builds the lines.
#[must_use]
pub fn lines(state: &State, dialog: &Dialog, width: usize) -> Vec<Line<'static>> {
    let mut page = Page::new(state, width);
    match dialog {
        Dialog::Confirm { question, meaning, .. } => {
            page.say(question, Role::Title);
            page.say(meaning, Role::Text);
        }
        Dialog::Type { ask, typed, at } => {
            match ask {
                Asking::Field(..) => {
                    fields(&mut page, dialog, *at);
                    whose(&mut page);
                }
                Asking::Value(_, _, now) => {
                    if let Some(now) = now {
                        page.say(&format!("Now: {}", text::cut(&text::clean(now), width * 3)), Role::Dim);
                    }
                }
                Asking::Note => {
                    page.say("The rows stay undecided; the report for the developer has your note.", Role::Text);
                }
                Asking::Name => page.say("Its name in the new version, with the application: cal.Event", Role::Text),
            }
            input(&mut page, typed);
            preview(&mut page, ask, typed);
            admitted(&mut page, ask, typed);
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

/// Adds the fields around the chosen one, with their values.
fn fields(page: &mut Page<'_>, dialog: &Dialog, at: usize) {
    let fields = dialog.matching();
    let from = at.saturating_sub(FIELDS / 2).min(fields.len().saturating_sub(FIELDS));
    let longest = fields.iter().map(|field| text::width(&field.name)).max().unwrap_or_default().min(page.width / 2);
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
        let mut style = page.state.colours.of(match &field.done {
            Some(_) => Role::Dim,
            None if field.refused => Role::Bad,
            None => Role::Text,
        });
        if place == at {
            style = style.patch(page.state.colours.of(Role::Selected));
        }
        page.lines.push(Line::styled(text::cut(&line, page.width), style));
    }
    if fields.is_empty() && is_reading(page.state) {
        page.say("Reading the row…", Role::Running);
    } else if fields.is_empty() {
        page.say("No known field is called like that. Enter takes what you typed.", Role::Dim);
    } else if fields.len() > FIELDS {
        page.say(&format!("    {} of {} fields", FIELDS, fields.len()), Role::Dim);
    }
}

fn is_reading(state: &State) -> bool {
    state.triaging().is_some_and(|triaging| triaging.place().is_some() && triaging.looked().is_none())
}

/// Says whose values these are, where the keys apply to several rows.
fn whose(page: &mut Page<'_>) {
    let Some(triaging) = page.state.triaging() else { return };
    let is_one = triaging.reach == Reach::Row && triaging.row().is_some();
    if let Some(failure) = triaging.example().filter(|_| !is_one && triaging.detail().is_some()) {
        let key = text::clean(&text::head_of(&failure.key, page.width));
        page.say(&format!("The values are those of row {key}."), Role::Dim);
    }
    if let Some(Err(because)) = triaging.looked() {
        page.say(&text::clean(because), Role::Warning);
    }
}

fn input(page: &mut Page<'_>, typed: &str) {
    let shown = text::tail(&text::clean(typed), page.width.saturating_sub(4));
    let gap = " ".repeat(page.width.saturating_sub(text::width(&shown) + 3));
    page.lines.push(Line::from(vec![
        Span::styled("› ", page.state.colours.of(Role::Key)),
        Span::styled(format!("{shown}▏{gap}"), page.state.colours.of(Role::Input)),
    ]));
}

/// Says what would be written, and how it is read.
fn preview(page: &mut Page<'_>, ask: &Asking, typed: &str) {
    match ask {
        Asking::Value(Purpose::Set, field, _) => {
            let says = match given(typed) {
                None => format!("{field} is emptied."),
                Some(value) => format!("Written as: {field} = {}", literal(&value)),
            };
            page.say(&text::cut(&text::clean(&says), page.width * 3), Role::Good);
            let hint = "Nothing or None empties it. Numbers, true and false are what they look like; quotes make a \
                        text of them: '12'.";
            page.say(hint, Role::Dim);
        }
        Asking::Value(Purpose::Point, ..) => {
            page.say("The key of a row of the snapshot that is not left out.", Role::Dim);
        }
        Asking::Value(Purpose::Copy, field, _) => {
            if !typed.trim().is_empty() {
                let choice = crate::triage::Choice::Copy([(typed.trim().to_owned(), field.clone())].into());
                page.say(&text::clean(&decision_words(&choice)), Role::Good);
            }
            page.say("For all rows of the model.", Role::Dim);
        }
        _ => {}
    }
}

/// Tells which values or fields the new version has, where that is known: those that match what is typed.
fn admitted(page: &mut Page<'_>, ask: &Asking, typed: &str) {
    let Some(detail) = page.state.triaging().and_then(Triaging::detail) else { return };
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
    page.say(&format!("{head}: {}{more}", named.join(" · ")), Role::Text);
}
