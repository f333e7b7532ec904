//! The dump scripts, side by side or one below the other, with marks at lines and words that differ.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line as Shown;
use ratatui::widgets::Paragraph;

use crate::compare::sides::{Line, Pair, Part, Section, State as Differs};
use crate::ui::scripts_view::{Aligned, Cells, Columns, Look, Mode, Row, ScriptsView, Side, shown};
use crate::ui::state::{Compared, Scripts, State};
use crate::ui::style::Role;
use crate::ui::text;

/// Two scripts as they are shown, and what they are called.
#[derive(Clone, Copy)]
pub struct Both<'a> {
    /// The scripts.
    pub scripts: &'a Scripts,
    /// How they are shown.
    pub view: &'a ScriptsView,
    /// The part that is meant.
    pub chosen: Option<usize>,
    /// What the old one and the new one are called.
    pub names: [&'static str; 2],
}

impl<'a> Both<'a> {
    /// Takes those of the comparison.
    #[must_use]
    pub fn of(compared: &'a Compared) -> Self {
        let (scripts, view) = (&compared.scripts, &compared.view);
        Self { scripts, view, chosen: compared.section(), names: ["the snapshot", "the simulated dump"] }
    }
}

/// Draws the scripts, or says why there are none.
pub fn draw(state: &State, both: Both<'_>, frame: &mut Frame, area: Rect) {
    let aligned = match both.scripts {
        Scripts::Read(aligned) => aligned,
        other => return nothing(state, other, frame, area),
    };
    let Some(look) = both.view.look() else { return };
    let (chosen, names) = (both.chosen, both.names);
    for (y, (section, row)) in (area.y..area.bottom()).zip(both.view.visible()) {
        let area = Rect { y, height: 1, ..area };
        let mut pen = Pen { state, look, buffer: frame.buffer_mut(), current: false, chosen, names };
        pen.current = both.view.found == Some((section, row.pair));
        pen.row(aligned, both.view.pair(section, row.pair), (section, row), area);
    }
}

fn nothing(state: &State, scripts: &Scripts, frame: &mut Frame, area: Rect) {
    let (role, sentences) = match scripts {
        Scripts::Unreadable(because) => (Role::Warning, because.clone()),
        Scripts::Reading => (Role::Running, vec!["Reading the dump scripts…".to_owned()]),
        _ => {
            (Role::Dim, vec!["There are no dump scripts to show. The differences come from the other sources.".into()])
        }
    };
    let width = usize::from(area.width).saturating_sub(2);
    let lines = sentences.iter().flat_map(|sentence| text::wrap(sentence, width));
    let lines: Vec<Shown> = lines.map(|line| Shown::styled(format!(" {line}"), state.colours.of(role))).collect();
    frame.render_widget(Paragraph::new(lines), area);
}

/// Returns the title of the pane: how the scripts stand, and where one is in them.
#[must_use]
pub fn title(compared: &Compared) -> (String, String) {
    let Scripts::Read(aligned) = &compared.scripts else { return ("scripts".to_owned(), String::new()) };
    let lost = compared.chosen.is_difference() && compared.section().is_none();
    let mode = match compared.view.shown_mode() {
        _ if lost => "scripts: no part belongs to this",
        Mode::Sides => "scripts: snapshot | simulated dump",
        Mode::Unified => "scripts: - snapshot + simulated dump",
    };
    let (at, of) = (compared.view.place.section + 1, aligned.sections().len());
    (mode.to_owned(), if of == 0 { String::new() } else { format!("part {at} of {of}") })
}

fn name(section: &Section) -> String {
    match &section.part {
        Part::Function { model: Some(model), .. } => text::clean(model),
        Part::Function { table, model: None } => text::clean(&format!("table {table}")),
        Part::Other(name) => text::clean(name),
    }
}

fn word(state: Differs, [old, new]: [&str; 2]) -> String {
    match state {
        Differs::Equal => "equal".to_owned(),
        Differs::Changed => "differs".to_owned(),
        Differs::Noise => "differs in noise only".to_owned(),
        Differs::Removed => format!("only in {old}"),
        Differs::Added => format!("only in {new}"),
    }
}

/// Returns `1 equal line`, `14 equal lines`, `2 lines of noise`.
fn counted(lines: usize, what: &str) -> String {
    let what = if lines == 1 { what.to_owned() } else { what.replacen("line", "lines", 1) };
    format!("{} {what}", text::number(lines as u64))
}

/// Draws rows.
struct Pen<'a> {
    state: &'a State,
    look: &'a Look,
    buffer: &'a mut Buffer,
    /// Whether the search stands at this row.
    current: bool,
    /// The part that belongs to the chosen difference.
    chosen: Option<usize>,
    names: [&'static str; 2],
}

impl Pen<'_> {
    fn style(&self, role: Role) -> Style {
        self.state.colours.of(role)
    }

    fn row(&mut self, aligned: &Aligned, pair: Option<&Pair>, (section, row): (usize, Row), area: Rect) {
        let width = usize::from(area.width);
        match row.cells {
            Cells::Heading | Cells::Closed(_) => {
                let chosen = self.chosen == Some(section);
                let Some(section) = aligned.sections().get(section) else { return };
                let role = match section.state {
                    _ if chosen => Role::Focus,
                    Differs::Equal | Differs::Noise => Role::Dim,
                    Differs::Changed | Differs::Removed | Differs::Added => Role::Title,
                };
                let mark = if chosen { "▶" } else { "▪" };
                let folded = match row.cells {
                    Cells::Closed(lines) => format!(" · {} folded", counted(lines, "line")),
                    _ => String::new(),
                };
                let heading = format!("{mark} {} · {}{folded}", name(section), word(section.state, self.names));
                self.buffer.set_stringn(area.x, area.y, text::cut(&heading, width), width, self.style(role));
            }
            Cells::Fold(lines) => {
                let noise = aligned.sections().get(section).is_some_and(|section| section.state == Differs::Noise);
                let what = if noise { "line of noise" } else { "equal line" };
                let fold = format!("  ── {} ──", counted(lines, what));
                self.buffer.set_stringn(area.x, area.y, fold, width, self.style(Role::Dim));
            }
            Cells::Sides(old, new) => {
                let Some(pair) = pair else { return };
                let (left, right) = self.look.halves();
                let (left, right) = (text::cells(left), text::cells(right));
                let middle = area.x.saturating_add(left);
                let equal = pair.is_equal();
                self.half(pair, Side::Old, old, equal, Rect { width: left.min(area.width), ..area });
                if middle < area.right() {
                    self.buffer.set_string(middle, area.y, "│", self.style(Role::Border));
                    let width = right.min(area.right() - middle - 1);
                    self.half(pair, Side::New, new, equal, Rect { x: middle + 1, width, ..area });
                }
            }
            Cells::One(side, columns) => {
                let Some(pair) = pair else { return };
                self.half(pair, side, Some(columns), pair.is_equal(), area);
            }
        }
    }

    /// Draws the piece of a line of one side, with its mark and number where the line begins.
    fn half(&mut self, pair: &Pair, side: Side, columns: Option<Columns>, equal: bool, area: Rect) {
        let (line, other) = match side {
            Side::Old => (&pair.old, &pair.new),
            Side::New => (&pair.new, &pair.old),
        };
        let (Some(line), Some(columns)) = (line, columns) else { return };
        let (mark, role, word) = match (equal, side, other.is_some()) {
            (true, _, _) => (" ", Role::Text, Role::Text),
            (_, Side::Old, false) => ("-", Role::Old, Role::Old),
            (_, Side::New, false) => ("+", Role::New, Role::New),
            (_, Side::Old, true) => (self.both("-"), Role::Text, Role::OldWord),
            (_, Side::New, true) => (self.both("+"), Role::Text, Role::NewWord),
        };
        let digits = self.look.digits;
        let mark_role = match (equal, side) {
            (true, _) => Role::Dim,
            (_, Side::Old) => Role::Old,
            (_, Side::New) => Role::New,
        };
        if columns.0 == self.look.left {
            let gutter = format!("{mark}{:>digits$}", line.number);
            self.buffer.set_stringn(area.x, area.y, gutter, usize::from(area.width), self.style(mark_role));
        }
        let gutter = text::cells(self.look.gutter()).min(area.width);
        let area = Rect { x: area.x.saturating_add(gutter), width: area.width - gutter, ..area };
        self.text(line, columns, (role, word), area);
    }

    /// Returns the mark of a line that both sides have and that differs.
    const fn both(&self, unified: &'static str) -> &'static str {
        match self.look.mode {
            Mode::Sides => "~",
            Mode::Unified => unified,
        }
    }

    fn text(&mut self, line: &Line, columns: Columns, (role, word): (Role, Role), area: Rect) {
        let pieces = shown(line);
        let characters = || pieces.iter().flat_map(|(piece, _)| piece.chars());
        let needle = self.look.needle.as_deref().unwrap_or_default();
        let matches = text::matches(characters(), needle, text::case_sensitive(needle));
        let (plain, word) = (self.style(role), self.style(word));
        let hit = self.style(if self.current { Role::CurrentMatch } else { Role::Match });
        let (mut column, mut at, mut x) = (0, 0, area.x);
        let mut glyph = String::new();
        let mut style = plain;
        for (piece, differs) in &pieces {
            for c in piece.chars() {
                let width = text::char_width(c);
                if width > 0 {
                    self.put(&mut glyph, &mut x, area, style);
                    style = if *differs { word } else { plain };
                    if matches.iter().any(|range| range.contains(&at)) {
                        style = style.patch(hit);
                    }
                }
                if column >= columns.0 && column + width <= columns.1 && (width > 0 || !glyph.is_empty()) {
                    glyph.push(c);
                }
                column += width;
                at += 1;
                if column > columns.1 {
                    self.put(&mut glyph, &mut x, area, style);
                    return;
                }
            }
        }
        self.put(&mut glyph, &mut x, area, style);
    }

    /// Writes a character with what is combined with it.
    fn put(&mut self, glyph: &mut String, x: &mut u16, area: Rect, style: Style) {
        if !glyph.is_empty() && *x < area.right() {
            let room = usize::from(area.right() - *x);
            let (end, _) = self.buffer.set_stringn(*x, area.y, glyph.as_str(), room, style);
            *x = end;
        }
        glyph.clear();
    }
}
