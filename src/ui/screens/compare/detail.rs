//! What is known of the chosen entry: a difference, a renaming, or in the summary what each source says.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::compare::{Class, Effect, Found, Renaming, Source, Touched};
use crate::ui::screens::page::{self, Page};
use crate::ui::state::{Compared, Entry, Pane, State, class_word, renamed, rows, symbol};
use crate::ui::style::{Role, of_class, of_verdict};
use crate::ui::text;

/// Examples that are named.
const EXAMPLES: usize = 5;

/// Draws the detail.
pub fn draw(state: &State, compared: &Compared, frame: &mut Frame, area: Rect) {
    let lines = lines(state, compared, usize::from(area.width));
    let hint = if compared.pane == Pane::Detail { " more: ↓ " } else { " more: Tab ↓ " };
    let inner = Rect { x: area.x + 1, width: area.width.saturating_sub(1), ..area };
    page::draw(state, frame, (area, inner), lines, (compared.scroll, hint));
}

/// Returns the title of the pane.
#[must_use]
pub fn title(compared: &Compared) -> String {
    match compared.chosen {
        Entry::Summary | Entry::Heading(_) | Entry::Renamings => "what each source says".to_owned(),
        Entry::Noise => "noise".to_owned(),
        entry => match (compared.found(entry), compared.renaming(entry)) {
            (Some(found), _) => text::clean(&found.difference.subject.to_string()),
            (None, Some(renaming)) => renamed(&renaming.guess),
            (None, None) => String::new(),
        },
    }
}

/// Builds the lines for a pane of this width.
#[must_use]
pub fn lines(state: &State, compared: &Compared, width: usize) -> Vec<Line<'static>> {
    let mut page = Page::new(state, width.saturating_sub(2));
    match compared.chosen {
        Entry::Found(_) | Entry::Quiet(_) => {
            if let Some(found) = compared.found(compared.chosen) {
                let renaming = compared.decidable().and_then(|at| compared.evidence.renamings.get(at));
                of_difference(&mut page, found, renaming);
            }
        }
        Entry::Renaming(_) => {
            if let Some(renaming) = compared.renaming(compared.chosen) {
                let guess = &renaming.guess;
                page.put("", Role::Text, &format!("Probably {} was renamed to {}.", guess.from, guess.to), Role::Title);
                of_renaming(&mut page, renaming);
            }
        }
        Entry::Noise => {
            let count = compared.evidence.noise.len();
            let things = if count == 1 { "difference touches" } else { "differences touch" };
            let said = format!("{count} {things} neither rows nor columns: versions, imports, order, names of files.");
            page.put("", Role::Text, &said, Role::Text);
        }
        Entry::Summary | Entry::Heading(_) | Entry::Renamings => summary(&mut page, compared),
    }
    page.lines
}

fn of_difference(page: &mut Page<'_>, found: &Found, renaming: Option<&Renaming>) {
    let difference = &found.difference;
    let label = format!("{} {}  ", symbol(&difference.change), class_word(difference.class));
    let role = of_class(difference.class);
    page.put("", role, &format!("{label}{}", rows(&found.touched)), role);
    page.put("", Role::Text, &difference.sentence, Role::Text);
    if let Some(renaming) = renaming {
        page.put("Renamed? ", Role::Title, &format!("{}.", renamed(&renaming.guess)), Role::Text);
        of_renaming(page, renaming);
    }
    let (role, effect) = effect(&found.effect);
    page.put("Restore  ", Role::Title, &effect, role);
    if let Some(remedy) = &found.remedy {
        page.put("→ ", Role::Key, remedy, Role::Text);
    }
    if let Touched::Unknown(because) = &found.touched {
        page.put("Rows     ", Role::Title, &format!("Nobody can tell how many: {because}."), Role::Warning);
    }
    examples(page, found);
    let sources: Vec<&str> = found.sources.iter().map(|source| source_word(*source)).collect();
    page.put("Said by  ", Role::Title, &sources.join(" · "), Role::Dim);
}

fn examples(page: &mut Page<'_>, found: &Found) {
    let mut named: Vec<String> = Vec::new();
    for example in found.examples.iter().take(EXAMPLES) {
        named.push(format!("{}:{} (key {})", example.file, example.line, example.key));
    }
    if named.is_empty() {
        return;
    }
    let shown = named.len() as u64;
    let more = match found.touched {
        Touched::Rows(rows) if rows > shown => format!(" and {} more", text::number(rows - shown)),
        _ => String::new(),
    };
    page.put("Rows     ", Role::Title, &format!("{}{more}", named.join(", ")), Role::Text);
}

fn of_renaming(page: &mut Page<'_>, renaming: &Renaming) {
    let word = match renaming.decided {
        None => ("? ", Role::Key, "Only you know: press y if it was renamed, x if it is gone."),
        Some(true) => ("✔ ", Role::Good, "You said: it was renamed. y takes your word back."),
        Some(false) => ("✘ ", Role::Warning, "You said: it is gone. x takes your word back."),
    };
    page.put("", Role::Text, &renaming.guess.because, Role::Text);
    page.put(word.0, word.1, word.2, word.1);
}

fn summary(page: &mut Page<'_>, compared: &Compared) {
    let evidence = &compared.evidence;
    let (role, symbol, word) = of_verdict(evidence.verdict);
    page.put(&format!("{symbol} "), role, &format!("{word}: {}", super::verdict::words(evidence).1), Role::Text);
    let version = |at: usize| evidence.versions.get(at).and_then(Option::as_deref).unwrap_or("unknown");
    page.put("Versions     ", Role::Title, &format!("{} → {}", version(0), version(1)), Role::Text);
    for (source, sentence) in &evidence.said {
        page.put(&format!("{:<13}", source_title(*source)), Role::Title, sentence, Role::Text);
    }
    for sentence in &evidence.left_out {
        page.put("! not looked at: ", Role::Warning, sentence, Role::Text);
    }
    let counts = [Class::Destructive, Class::DataDependent, Class::Additive].map(|class| {
        let count = evidence.found.iter().filter(|found| found.difference.class == class).count();
        format!("{count} {}", class_word(class))
    });
    let counted = format!("{}, {} noise", counts.join(", "), evidence.noise.len());
    page.put("Differences  ", Role::Title, &counted, Role::Text);
}

fn effect(effect: &Effect) -> (Role, String) {
    match effect {
        Effect::Loads => (Role::Good, "All rows are loaded.".to_owned()),
        Effect::Fails(count) => {
            (Role::Bad, format!("{} would not be saved, nor those that point to them.", text::rows(*count)))
        }
        Effect::Loses(count) => {
            (Role::Bad, format!("{} would be loaded without a value that they have.", text::rows(*count)))
        }
        Effect::Stops { file } => {
            (Role::Bad, format!("It stops at the first row of {file}, after it has emptied the database."))
        }
        Effect::Refuses => (Role::Warning, "It stops before it touches the database.".to_owned()),
        Effect::Unknown => (Role::Warning, "Only a rehearsal can tell what it does.".to_owned()),
    }
}

const fn source_word(source: Source) -> &'static str {
    match source {
        Source::Scripts => "scripts",
        Source::Models => "models",
        Source::Catalogue => "catalogue",
        Source::Migrator => "migrator",
    }
}

const fn source_title(source: Source) -> &'static str {
    match source {
        Source::Scripts => "Scripts",
        Source::Models => "Models",
        Source::Catalogue => "Catalogue",
        Source::Migrator => "Migrator",
    }
}
