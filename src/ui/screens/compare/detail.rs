//! What is known of the chosen entry: a difference, a renaming, or in the summary what each source says.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::compare::{Class, Effect, Found, Renaming, Source, Touched};
use crate::ui::state::{Compared, Entry, Pane, State, class_word, renamed, rows, symbol};
use crate::ui::style::{Role, of_class, of_verdict};
use crate::ui::text;

/// Examples that are named.
const EXAMPLES: usize = 5;

/// Draws the detail.
pub fn draw(state: &State, compared: &Compared, frame: &mut Frame, area: Rect) {
    let lines = lines(state, compared, usize::from(area.width));
    let height = usize::from(area.height);
    let from = compared.scroll.min(lines.len().saturating_sub(height));
    let more = lines.len() > from + height;
    let visible: Vec<Line> = lines.into_iter().skip(from).take(height).collect();
    let inner = Rect { x: area.x + 1, width: area.width.saturating_sub(1), ..area };
    frame.render_widget(Paragraph::new(visible), inner);
    if more && area.height > 0 && area.width > 14 {
        let hint = if compared.pane == Pane::Detail { " more: ↓ " } else { " more: Tab ↓ " };
        let columns = text::cells(text::width(hint));
        let corner = Rect::new(area.right() - columns, area.bottom() - 1, columns, 1);
        frame.render_widget(Paragraph::new(Span::styled(hint, state.colours.of(Role::Key))), corner);
    }
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
    let mut page = Page { state, width: width.saturating_sub(2).max(8), lines: Vec::new() };
    match compared.chosen {
        Entry::Found(_) | Entry::Quiet(_) => {
            if let Some(found) = compared.found(compared.chosen) {
                let renaming = compared.decidable().and_then(|at| compared.evidence.renamings.get(at));
                page.found(found, renaming);
            }
        }
        Entry::Renaming(_) => {
            if let Some(renaming) = compared.renaming(compared.chosen) {
                let guess = &renaming.guess;
                page.put("", Role::Text, &format!("Probably {} was renamed to {}.", guess.from, guess.to), Role::Title);
                page.renaming(renaming);
            }
        }
        Entry::Noise => {
            let count = compared.evidence.noise.len();
            let things = if count == 1 { "difference touches" } else { "differences touch" };
            let said = format!("{count} {things} neither rows nor columns: versions, imports, order, names of files.");
            page.put("", Role::Text, &said, Role::Text);
        }
        Entry::Summary | Entry::Heading(_) | Entry::Renamings => page.summary(compared),
    }
    page.lines
}

struct Page<'a> {
    state: &'a State,
    width: usize,
    lines: Vec<Line<'static>>,
}

impl Page<'_> {
    /// Adds wrapped text after a label; nothing when the text is empty.
    fn put(&mut self, label: &str, label_role: Role, body: &str, role: Role) {
        if body.is_empty() {
            return;
        }
        let (label_style, style) = (self.state.colours.of(label_role), self.state.colours.of(role));
        let indent = text::width(label).min(self.width / 2);
        let rows = text::wrap(body, self.width.saturating_sub(indent));
        for (at, row) in rows.into_iter().enumerate() {
            let before = if at == 0 { label.to_owned() } else { " ".repeat(indent) };
            self.lines.push(Line::from(vec![Span::styled(before, label_style), Span::styled(row, style)]));
        }
    }

    fn found(&mut self, found: &Found, renaming: Option<&Renaming>) {
        let difference = &found.difference;
        let label = format!("{} {}  ", symbol(&difference.change), class_word(difference.class));
        let role = of_class(difference.class);
        self.put("", role, &format!("{label}{}", rows(&found.touched)), role);
        self.put("", Role::Text, &difference.sentence, Role::Text);
        if let Some(renaming) = renaming {
            self.put("Renamed? ", Role::Title, &format!("{}.", renamed(&renaming.guess)), Role::Text);
            self.renaming(renaming);
        }
        let (role, effect) = effect(&found.effect);
        self.put("Restore  ", Role::Title, &effect, role);
        if let Some(remedy) = &found.remedy {
            self.put("→ ", Role::Key, remedy, Role::Text);
        }
        if let Touched::Unknown(because) = &found.touched {
            self.put("Rows     ", Role::Title, &format!("Nobody can tell how many: {because}."), Role::Warning);
        }
        self.examples(found);
        let sources: Vec<&str> = found.sources.iter().map(|source| source_word(*source)).collect();
        self.put("Said by  ", Role::Title, &sources.join(" · "), Role::Dim);
    }

    fn examples(&mut self, found: &Found) {
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
        self.put("Rows     ", Role::Title, &format!("{}{more}", named.join(", ")), Role::Text);
    }

    fn renaming(&mut self, renaming: &Renaming) {
        let word = match renaming.decided {
            None => ("? ", Role::Key, "Only you know: press y if it was renamed, x if it is gone."),
            Some(true) => ("✔ ", Role::Good, "You said: it was renamed. y takes your word back."),
            Some(false) => ("✘ ", Role::Warning, "You said: it is gone. x takes your word back."),
        };
        self.put("", Role::Text, &renaming.guess.because, Role::Text);
        self.put(word.0, word.1, word.2, word.1);
    }

    fn summary(&mut self, compared: &Compared) {
        let evidence = &compared.evidence;
        let (role, symbol, word) = of_verdict(evidence.verdict);
        self.put(&format!("{symbol} "), role, &format!("{word}: {}", super::verdict::words(evidence).1), Role::Text);
        let version = |at: usize| evidence.versions.get(at).and_then(Option::as_deref).unwrap_or("unknown");
        self.put("Versions     ", Role::Title, &format!("{} → {}", version(0), version(1)), Role::Text);
        for (source, sentence) in &evidence.said {
            self.put(&format!("{:<13}", source_title(*source)), Role::Title, sentence, Role::Text);
        }
        for sentence in &evidence.left_out {
            self.put("! not looked at: ", Role::Warning, sentence, Role::Text);
        }
        let counts = [Class::Destructive, Class::DataDependent, Class::Additive].map(|class| {
            let count = evidence.found.iter().filter(|found| found.difference.class == class).count();
            format!("{count} {}", class_word(class))
        });
        let counted = format!("{}, {} noise", counts.join(", "), evidence.noise.len());
        self.put("Differences  ", Role::Title, &counted, Role::Text);
    }
}

fn effect(effect: &Effect) -> (Role, String) {
    let rows = |rows: u64| if rows == 1 { "1 row".to_owned() } else { format!("{} rows", text::number(rows)) };
    match effect {
        Effect::Loads => (Role::Good, "All rows are loaded.".to_owned()),
        Effect::Fails(count) => {
            (Role::Bad, format!("{} would not be saved, nor those that point to them.", rows(*count)))
        }
        Effect::Loses(count) => {
            (Role::Bad, format!("{} would be loaded without a value that they have.", rows(*count)))
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
