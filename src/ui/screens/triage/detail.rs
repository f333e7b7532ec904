//! What is known of the chosen line: a cause with what follows from it, or a row with all its fields.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::words;
use crate::triage::{Blamed, Cause, Failure, FieldValue, RowDetail, blamed, saying};
use crate::ui::screens::page::{self, Page};
use crate::ui::state::{Folding, Node, Part, State, Triaging};
use crate::ui::style::Role;
use crate::ui::text;

/// Characters of a value that are shown.
const LONGEST: usize = 4_000;
/// Columns of a field's name at most.
const NAME: usize = 24;
/// Messages of a row that are shown.
const FIELDS: usize = 200;
/// Keys of a cause that are named.
const KEYS: usize = 12;

/// Draws the detail.
pub fn draw(state: &State, triaging: &Triaging, frame: &mut Frame, area: Rect) {
    let lines = lines(state, triaging, usize::from(area.width));
    let hint = if triaging.part == Part::Detail { " more: ↓ " } else { " more: Tab ↓ " };
    let inner = Rect { x: area.x + 1, width: area.width.saturating_sub(1), ..area };
    page::draw(state, frame, (area, inner), lines, (triaging.scroll, hint));
}

/// Returns the title of the pane.
#[must_use]
pub fn title(triaging: &Triaging) -> String {
    match (triaging.failure(), triaging.cause()) {
        (Some(failure), _) => {
            text::clean(&format!("{} {} ── {}:{}", failure.model_or_table(), failure.key, failure.file, failure.line))
        }
        (None, Some((_, cause))) => text::clean(&cause.model),
        (None, None) => String::new(),
    }
}

/// Counts what follows from the chosen cause by model, once for each that is chosen.
pub fn count_kinds(triaging: &mut Triaging) {
    if let (Some(Node::Cause(_)), Some((at, _))) = (triaging.node(), triaging.cause())
        && triaging.kinds.as_ref().is_none_or(|(known, _)| *known != at)
    {
        triaging.kinds = Some((at, words::count_kinds(triaging, at)));
    }
}

/// Builds the lines for a pane of this width.
#[must_use]
pub fn lines(state: &State, triaging: &Triaging, width: usize) -> Vec<Line<'static>> {
    let mut page = Page::new(state, width.saturating_sub(2));
    match (triaging.row(), triaging.failure(), triaging.cause()) {
        (Some(row), Some(failure), Some((_, cause))) => of_row(&mut page, triaging, row, &shortened(failure), cause),
        (_, _, Some((at, cause))) => of_cause(&mut page, triaging, at, cause),
        _ => {}
    }
    page.lines
}

/// Returns the beginning of a text: a row of megabytes is not laid out for a screen.
fn beginning(value: &str) -> String {
    text::head_of(value, LONGEST)
}

/// Returns a failure with what is shown of its texts.
fn shortened(failure: &Failure) -> Failure {
    let messages = failure
        .messages
        .iter()
        .take(FIELDS)
        .map(|(field, texts)| (field.clone(), texts.iter().take(FIELDS).map(|text| beginning(text)).collect()));
    Failure {
        messages: messages.collect(),
        traceback: failure.traceback.as_deref().map(|text| text::tail_of(text, LONGEST)),
        model: failure.model.clone(),
        table: failure.table.clone(),
        key: beginning(&failure.key),
        file: failure.file.clone(),
        line: failure.line,
        phase: failure.phase,
        exception: failure.exception.clone(),
        object: failure.object.as_deref().map(beginning),
        points: failure.points.clone(),
        forbidden: failure.forbidden,
    }
}

/// Adds the beginning of a text after a label.
fn put(page: &mut Page<'_>, label: &str, label_role: Role, body: &str, role: Role) {
    page.put(label, label_role, &beginning(body), role);
}

fn of_cause(page: &mut Page<'_>, triaging: &Triaging, at: usize, cause: &Cause) {
    let causes = &triaging.triage.causes;
    unfolded_traceback(page, triaging, cause.traceback.as_deref());
    for (field, said) in triaging.messages(cause) {
        let field = if field.is_empty() { String::new() } else { format!("{field}: ") };
        put(page, "✗ ", Role::Bad, &format!("{field}{said}"), Role::Text);
    }
    if triaging.tree.tallies.get(at).is_some_and(|tally| tally.open > 0) {
        put(page, "→ ", Role::Key, words::advice(triaging, cause), Role::Text);
    }
    let keys: Vec<&str> = cause
        .rows
        .iter()
        .take(KEYS)
        .filter_map(|row| causes.failures.get(*row))
        .map(|failure| failure.key.as_str())
        .collect();
    let more = cause.rows.len().saturating_sub(keys.len());
    let more = if more > 0 { format!(" and {} more", text::number(more as u64)) } else { String::new() };
    put(page, "Keys      ", Role::Title, &format!("{}{more}", keys.join(", ")), Role::Text);
    if let Some((_, kinds)) = triaging.kinds.as_ref().filter(|(known, kinds)| *known == at && !kinds.is_empty()) {
        put(page, "Follow    ", Role::Title, &words::kinds(kinds), Role::Text);
    }
    if cause.phase.stops() {
        put(page, "! ", Role::Warning, "A restore would stop at the first of them.", Role::Warning);
    }
    let first = triaging.example().map(shortened);
    let messages: Vec<(String, String)> =
        cause.messages.iter().map(|(field, said)| (field.clone(), beginning(said))).collect();
    original(page, first.as_ref(), &messages);
    offer_traceback(page, triaging, cause.traceback.as_deref());
    if let (Some(failure), Some(detail)) = (first, triaging.detail()) {
        let refused = blamed(&failure, &detail.fields);
        let which = if cause.rows.len() == 1 { "The row" } else { "The first of them" };
        put(page, "", Role::Title, &format!("{which}, {}:{}", failure.file, failure.line), Role::Title);
        fields(page, &failure, &detail.fields, &refused);
    } else {
        missing(page, triaging);
    }
}

/// Says why the row of the snapshot is not shown.
fn missing(page: &mut Page<'_>, triaging: &Triaging) {
    match triaging.looked() {
        None => put(page, "", Role::Running, "Reading the row…", Role::Running),
        Some(Err(because)) => put(page, "! ", Role::Warning, because, Role::Warning),
        Some(Ok(None)) => {
            let body = "The snapshot has no such row in this place: it is not the one that was loaded, or was changed.";
            put(page, "! ", Role::Warning, body, Role::Warning);
        }
        Some(Ok(Some(_))) => {}
    }
}

/// Adds what was said in the words of Lino, where the screen says it otherwise.
fn original(page: &mut Page<'_>, failure: Option<&Failure>, messages: &[(String, String)]) {
    let Some(failure) = failure else { return };
    for (_, said) in messages.iter().filter(|(_, said)| saying(failure, said) != *said) {
        let class = failure.exception.rsplit('.').next().unwrap_or_default();
        put(page, "Lino says ", Role::Dim, &format!("{class}: {said}"), Role::Dim);
    }
}

/// Says that there is a traceback, while it is not shown.
fn offer_traceback(page: &mut Page<'_>, triaging: &Triaging, traceback: Option<&str>) {
    if traceback.is_some() && triaging.traceback == Folding::Folded {
        put(page, "T ", Role::Key, "shows the traceback, for a developer.", Role::Dim);
    }
}

/// Adds the traceback on request: above all else, where it is seen at once.
fn unfolded_traceback(page: &mut Page<'_>, triaging: &Triaging, traceback: Option<&str>) {
    if let (Some(traceback), Folding::Unfolded) = (traceback, triaging.traceback) {
        put(page, "", Role::Title, "Traceback of the first of them:", Role::Title);
        // Spaces at the beginning of a line would be lost where it is wrapped.
        let lines = text::tail_of(traceback, LONGEST);
        let lines = lines.lines().map(|line| {
            let plain = line.trim_start();
            format!("{}{plain}", "\u{a0}".repeat((line.len() - plain.len()).min(8)))
        });
        put(page, "", Role::Dim, &lines.collect::<Vec<_>>().join("\n"), Role::Dim);
    }
}

fn of_row(page: &mut Page<'_>, triaging: &Triaging, row: usize, failure: &Failure, cause: &Cause) {
    let causes = &triaging.triage.causes;
    let traceback = failure.traceback.as_deref().or(cause.traceback.as_deref());
    unfolded_traceback(page, triaging, traceback);
    let detail = triaging.detail();
    let values = detail.map_or(&[][..], |detail| &detail.fields);
    let refused = blamed(failure, values);
    for (field, said) in &failure.messages {
        let known = values.iter().any(|value| value.name == *field || value.name == format!("{field}_id"));
        for said in said.iter().filter(|_| !known) {
            let field = if field.is_empty() { String::new() } else { format!("{field}: ") };
            put(page, "✗ ", Role::Bad, &format!("{field}{}", saying(failure, said)), Role::Text);
        }
    }
    if let Some(leader) = causes.leader(row) {
        let model = causes.failures.get(leader).map_or("", Failure::model_or_table);
        let name = triaging.triage.causes.failures.get(leader).map_or("", |failure| failure.key.as_str());
        let body = format!("{model} {name}, which was refused itpage.");
        put(page, "Follows from ", Role::Title, &body, Role::Text);
    }
    let decided = triaging.said(row);
    put(page, "Stands    ", Role::Title, &decided, Role::Text);
    fields(page, failure, values, &refused);
    match triaging.detail() {
        Some(detail) => surroundings(page, triaging, row, detail),
        None => missing(page, triaging),
    }
    if failure.forbidden {
        let body = "The rehearsal lets nothing write files of the site or reach a server; a restore may.";
        put(page, "! ", Role::Warning, body, Role::Warning);
    }
    let messages: Vec<(String, String)> = failure
        .messages
        .iter()
        .flat_map(|(field, texts)| texts.iter().map(move |text| (field.clone(), text.clone())))
        .collect();
    original(page, Some(failure), &messages);
    offer_traceback(page, triaging, traceback);
}

/// Adds the fields: what was refused first, empty ones together at the end.
fn fields(page: &mut Page<'_>, failure: &Failure, values: &[FieldValue], refused: &[(String, Blamed)]) {
    let how = |field: &FieldValue| refused.iter().find(|(name, _)| *name == field.name).map(|(_, how)| *how);
    let is_empty = |field: &FieldValue| {
        let nothing = |value: &Option<String>| value.as_deref().is_none_or(str::is_empty);
        nothing(&field.value) && field.languages.iter().all(|(_, value)| nothing(value))
    };
    let longest = values.iter().map(|field| text::width(&field.name)).max().unwrap_or_default().min(NAME);
    let (first, others): (Vec<&FieldValue>, Vec<&FieldValue>) = values.iter().partition(|field| how(field).is_some());
    let (empty, full): (Vec<&FieldValue>, Vec<&FieldValue>) = others.into_iter().partition(|field| is_empty(field));
    for field in first.into_iter().chain(full) {
        of_field(page, failure, field, how(field), longest);
    }
    if !empty.is_empty() {
        let names: Vec<&str> = empty.iter().map(|field| field.name.as_str()).collect();
        put(page, "Empty: ", Role::Dim, &text::clean(&names.join(", ")), Role::Dim);
    }
}

fn of_field(page: &mut Page<'_>, failure: &Failure, field: &FieldValue, how: Option<Blamed>, longest: usize) {
    let name = text::cut(&text::clean(&field.name), longest);
    let gap = " ".repeat(longest.saturating_sub(text::width(&name)));
    let mut body = if field.languages.is_empty() {
        match field.value.as_deref() {
            None => "None".to_owned(),
            Some("") => "''".to_owned(),
            Some(value) => beginning(value),
        }
    } else {
        let said = field.languages.iter().map(|(language, value)| {
            format!("{language} {}", value.as_deref().map_or_else(|| "–".to_owned(), beginning))
        });
        said.collect::<Vec<_>>().join(" · ")
    };
    if let Some(target) = &field.target {
        body = match &target.name {
            Some(name) => format!("{body} → {} {name}", target.model),
            None => format!("{body} → {}: the snapshot has no such row", target.model),
        };
    }
    let plain = field.name.strip_suffix("_id").unwrap_or(&field.name);
    let said = failure.messages.get(&field.name).or_else(|| failure.messages.get(plain));
    match (how, said) {
        (None, _) => put(page, &format!("  {name}{gap}  "), Role::Title, &body, Role::Text),
        (Some(how), said) => {
            let why = match (said, how) {
                (Some(said), _) => saying(failure, &said.join(" ")),
                (None, Blamed::Named) => "this was refused".to_owned(),
                (None, Blamed::Likely) => "probably this".to_owned(),
            };
            put(page, &format!("✗ {name}{gap}  "), Role::Bad, &format!("{body}   ✗ {why}"), Role::Bad);
        }
    }
}

/// Adds what points to the row, and what follows from it.
fn surroundings(page: &mut Page<'_>, triaging: &Triaging, row: usize, detail: &RowDetail) {
    if detail.cut {
        put(page, "! ", Role::Warning, "The row is longer than what is shown of it.", Role::Warning);
    }
    let pointing: Vec<String> = detail
        .pointed_at
        .iter()
        .map(|by| {
            let more = by.count.saturating_sub(by.keys.len());
            let more = if more > 0 { format!(" and {} more", text::number(more as u64)) } else { String::new() };
            format!("{} {}{more}", by.model, by.keys.join(", "))
        })
        .collect();
    put(page, "Pointed at by ", Role::Title, &pointing.join("; "), Role::Text);
    let follow = triaging.tree.follow(row);
    if follow > 0 {
        let verb = if follow == 1 { "follows" } else { "follow" };
        let said = format!("{} {verb} from it and would load with it.", text::rows(follow as u64));
        put(page, "", Role::Text, &said, Role::Text);
    }
}
