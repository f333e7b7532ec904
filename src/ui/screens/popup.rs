//! What stands in front of the panes: questions, warnings, the help, the summary. The text scrolls, the choices stay.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph};

use super::page::Page;
use super::triage::dialog;
use super::{help, undo, words};
use crate::engine::{Ask, Outcome};
use crate::error::Report;
use crate::procedure::{StepId, StepState};
use crate::ui::state::{Engine, Popup, State};
use crate::ui::style::{Role, of_state};
use crate::ui::text;

/// What a popup holds.
pub(super) struct Content {
    pub(super) title: String,
    pub(super) role: Role,
    pub(super) body: Vec<Line<'static>>,
    pub(super) choices: Vec<(String, String)>,
}

/// Draws the popup, when there is one.
pub fn draw(state: &State, frame: &mut Frame) {
    let Some((content, area)) = placed(state) else { return };
    let style = state.colours.of(content.role);
    frame.render_widget(Clear, area);
    let block = Block::bordered().border_style(style).title(Span::styled(format!(" {} ", content.title), style));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let choices = choice_lines(state, &content, usize::from(inner.width));
    let room = room(inner, choices.len());
    let most = content.body.len().saturating_sub(usize::from(room));
    let from = state.popup_scroll.min(most);
    let more = content.body.len() > from + usize::from(room);
    let visible: Vec<Line> = content.body.into_iter().skip(from).take(usize::from(room)).collect();
    let text_area = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), height: room, ..inner };
    frame.render_widget(Paragraph::new(visible), text_area);
    if more {
        let hint = " more: ↓ PgDn ";
        let columns = text::cells(text::width(hint)).min(area.width);
        let corner = Rect::new(area.right().saturating_sub(columns + 2), area.bottom().saturating_sub(1), columns, 1);
        frame.render_widget(Paragraph::new(Span::styled(hint, state.colours.of(Role::Key))), corner);
    }
    if !choices.is_empty() {
        let height = text::cells(choices.len()).min(inner.height);
        let below = Rect { y: inner.bottom().saturating_sub(height), height, ..text_area };
        frame.render_widget(Paragraph::new(choices), below);
    }
}

/// Returns how many rows of text the popup has, and how many of them it shows at once.
#[must_use]
pub fn height(state: &State) -> (usize, usize) {
    let Some((content, area)) = placed(state) else { return (0, 0) };
    let inner = Block::bordered().inner(area);
    let choices = choice_lines(state, &content, usize::from(inner.width)).len();
    (content.body.len(), usize::from(room(inner, choices)))
}

fn room(inner: Rect, choices: usize) -> u16 {
    let choices = text::cells(choices);
    inner.height.saturating_sub(if choices > 0 { choices + 1 } else { 0 })
}

fn choice_lines(state: &State, content: &Content, width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let columns = content.choices.iter().map(|(key, _)| text::width(key)).max().unwrap_or(1).max(1);
    for (key, label) in &content.choices {
        for (at, part) in text::wrap(label, width.saturating_sub(columns + 4)).into_iter().enumerate() {
            let key = if at == 0 { format!("{key:<columns$}  ") } else { " ".repeat(columns + 2) };
            lines.push(Line::from(vec![Span::styled(key, state.colours.of(Role::Key)), Span::raw(part)]));
        }
    }
    lines
}

fn placed(state: &State) -> Option<(Content, Rect)> {
    let (columns, rows) = state.size;
    let width = columns.saturating_sub(6).clamp(20, 96).min(columns);
    let content = content(state, usize::from(width.saturating_sub(4)))?;
    let choices = choice_lines(state, &content, usize::from(width.saturating_sub(2))).len();
    let wanted = content.body.len() + choices + if choices > 0 { 3 } else { 2 };
    // The status line and the key bar stay visible below it.
    let height = text::cells(wanted).min(rows.saturating_sub(4));
    let area = Rect::new((columns - width) / 2, (rows.saturating_sub(3 + height)) / 2, width, height);
    Some((content, area))
}

fn content(state: &State, width: usize) -> Option<Content> {
    match &state.popup {
        Some(Popup::Help) => Some(Content {
            title: "Help".to_owned(),
            role: Role::Focus,
            body: help::lines(state, width),
            choices: Vec::new(),
        }),
        Some(Popup::Cancel) => Some(cancel(state, width)),
        Some(Popup::Kill) => Some(Content {
            title: "Kill the command?".to_owned(),
            role: Role::Bad,
            body: plain(
                "It gets no chance to finish what it writes: a file may be cut off, the database may be half loaded. \
                 Press k once more to kill it, Esc to leave it alone.",
                width,
            ),
            choices: vec![choice("k", "Kill it now."), choice("Esc", "Change nothing.")],
        }),
        Some(Popup::Skip(step)) => Some(confirm(
            format!("Leave out step {}, {}?", step.number(), step.title()),
            words::without(*step),
            "Leave it out.",
            width,
        )),
        Some(Popup::Again(step)) => Some(confirm(
            format!("Run step {} again, {}?", step.number(), step.title()),
            "It is settled already. Running it again replaces its result; the steps after it may have to run again, too.",
            "Run it again.",
            width,
        )),
        Some(Popup::Quit) => Some(confirm(
            "Leave the wizard?".to_owned(),
            if state.is_rehearsing() {
                "A rehearsal is running. It goes on in the background and does not touch the site. When you start lino-upgrade \
                 again in the same directory, it is shown again, with its result once it is over."
            } else {
                "A step is running. Its command goes on without the wizard, and nothing new starts while nobody watches. Start \
             lino-upgrade again in the same directory to come back to it."
            },
            if state.is_rehearsing() { "Leave; the rehearsal goes on." } else { "Leave; the command goes on." },
            width,
        )),
        Some(Popup::EndRehearsal) => Some(confirm(
            "End the rehearsal?".to_owned(),
            "The site is not touched by it, and you can rehearse again whenever you like. What it found so far is lost.",
            "End it.",
            width,
        )),
        Some(Popup::TakeOver) => Some(confirm(
            format!("Take this {} over?", words::what(state)),
            &if state.watched.as_ref().is_some_and(|watched| !watched.is_driven()) {
                "Nobody drives it now. After this you do. A running command is not touched.".to_owned()
            } else {
                format!(
                    "{} drives it now. After this you drive, and the other wizard only watches. A running command is not \
                 touched. Better tell them first.",
                    state.watched.as_ref().map(|watched| text::clean(&watched.operator)).unwrap_or_default()
                )
            },
            "Take it over.",
            width,
        )),
        Some(Popup::Undo) => Some(undo::plan(state, width)),
        Some(Popup::UndoSure) => Some(undo::sure(state, width)),
        Some(Popup::NoUndo) => Some(undo::obstacle(state, width)),
        Some(Popup::Summary) => summary(state, width),
        Some(Popup::Trouble(report)) => Some(trouble(state, report, width)),
        None => state.ask().map(|ask| question(state, ask, width)).or_else(|| deciding(state, width)),
    }
}

/// What is asked on the triage screen.
fn deciding(state: &State, width: usize) -> Option<Content> {
    let triaging = state.triaging()?;
    let asked = triaging.dialog.as_ref()?;
    Some(Content {
        title: dialog::title(triaging, asked),
        role: Role::Key,
        body: dialog::lines(state, asked, width),
        choices: dialog::choices(asked),
    })
}

fn plain(body: &str, width: usize) -> Vec<Line<'static>> {
    text::wrap(body, width).into_iter().map(Line::raw).collect()
}

pub(super) fn choice(key: &str, label: &str) -> (String, String) {
    (key.to_owned(), label.to_owned())
}

fn confirm(title: String, body: &str, yes: &str, width: usize) -> Content {
    Content {
        title,
        role: Role::Warning,
        body: plain(body, width),
        choices: vec![choice("y", yes), choice("n", "Change nothing.")],
    }
}

fn question(state: &State, ask: &Ask, width: usize) -> Content {
    let mut choices: Vec<(String, String)> = ask
        .choices
        .iter()
        .map(|(key, label)| {
            let mark = if ask.recommended == Some(*key) { " (recommended)" } else { "" };
            (text::clean(&key.to_string()), format!("{}{mark}", text::clean(label)))
        })
        .collect();
    if state.asks_for_verdict() && !ask.choices.iter().any(|(key, _)| *key == 'd') {
        choices
            .push(choice("d", "Look at the evidence first: what differs, and what it means. The question comes back."));
    }
    if state.asks_for_triage() {
        choices.retain(|(key, _)| key != "t");
        choices.push(choice("t", "Look at the rows, and decide what becomes of them. The question comes back."));
    }
    choices.push(choice("Esc", "Look around first; the question stays."));
    Content {
        title: format!("{} · step {}", text::clean(&ask.title), ask.step.number()),
        role: Role::Key,
        body: plain(&ask.text, width),
        choices,
    }
}

fn cancel(state: &State, width: usize) -> Content {
    let mut choices = Vec::new();
    if state.pausing {
        choices.push(choice("–", &format!("The {} stops after this step anyway.", words::what(state))));
    } else {
        choices.push(choice("f", "Finish this step, then stop. Nothing is broken off; you can go on later."));
    }
    if state.commanding {
        choices.push(choice(
            "i",
            "Interrupt the command, as Ctrl-C in a terminal does. It may tidy up; the step counts as interrupted and can \
             run again.",
        ));
        choices.push(choice(
            "k",
            "Kill the command and everything it started (asks once more). What it was writing may be left half done.",
        ));
    }
    choices.push(choice("l", "Leave the wizard. The command goes on; start lino-upgrade again to come back to it."));
    choices.push(choice("Esc", "Change nothing."));
    let mut body = String::new();
    if let Some(step) = state.running().and_then(|at| state.steps.get(at)) {
        body = format!("Step {} is running: {}.", step.plan.step.number(), step.plan.title);
        if step.plan.step == StepId::Restore && state.commanding {
            body.push_str(" An interrupted restore leaves the database incomplete; it has to be restored again.");
        }
        if step.plan.step == StepId::UndoDatabase && state.commanding {
            body.push_str(" The database may be incomplete after that; then this step has to run again.");
        }
    }
    Content { title: "Cancel?".to_owned(), role: Role::Warning, body: plain(&body, width), choices }
}

fn trouble(state: &State, report: &Report, width: usize) -> Content {
    let mut body: Vec<Line<'static>> = Vec::new();
    let style = |role| state.colours.of(role);
    let mut put = |label: &str, value: &str, role: Role| {
        for line in text::wrap(&format!("{label}{value}"), width) {
            body.push(Line::styled(line, style(role)));
        }
    };
    put("", &report.what, Role::Title);
    // Not wrapped: a caret stands under what it points at.
    let excerpt = report.excerpt.as_deref().unwrap_or_default().lines();
    let excerpt: Vec<Line> =
        excerpt.map(|line| Line::styled(text::cut(&text::clean(line), width), style(Role::Command))).collect();
    if let Some(unchanged) = &report.unchanged {
        put("", unchanged, Role::Good);
    }
    for next in &report.next {
        put("→ ", next, Role::Text);
    }
    if let Some(log) = &report.log {
        put("The whole output is in ", &format!("{}.", log.display()), Role::Dim);
    }
    let at = text::wrap(&report.what, width).len().min(body.len());
    body.splice(at..at, excerpt);
    Content {
        title: "Something went wrong".to_owned(),
        role: Role::Bad,
        body,
        choices: vec![choice("Esc", "Close this.")],
    }
}

fn summary(state: &State, width: usize) -> Option<Content> {
    let Engine::Over { outcome, summary } = &state.engine else { return None };
    let (symbol, title) = words::outcome(state, *outcome);
    let mut body = plain(summary, width);
    if let Some(run) = state.run {
        let took = text::duration(state.seconds() - run.started);
        let undone = run.undoes.map(|undone| format!(", the undo of run {undone}")).unwrap_or_default();
        let begun = words::clock(state, run.started);
        body.push(Line::raw(format!("Run {}{undone}, begun {begun}, took {took}.", run.number)));
    }
    if let Some(down) = state.down_since {
        let since = words::clock(state, down);
        body.push(Line::styled(format!("The site is still down, since {since}."), state.colours.of(Role::Warning)));
    }
    if *outcome == Outcome::Done {
        let mut page = Page::new(state, width);
        if state.is_undo() {
            undo::kept(&mut page);
        }
        undo::copies(&mut page);
        body.append(&mut page.lines);
    }
    body.push(Line::raw(""));
    for step in &state.steps {
        let plan = &step.plan;
        let said = if plan.state.text().is_empty() { plan.state.word() } else { plan.state.text() };
        let line = format!("{} {:>2} {}: {}", plan.state.symbol(), plan.step.number(), plan.title, text::clean(said));
        body.push(Line::styled(text::cut(&line, width), state.colours.of(of_state(&plan.state))));
    }
    let role = if state.steps.iter().any(|step| matches!(step.plan.state, StepState::Failed { .. })) {
        Role::Bad
    } else {
        Role::Good
    };
    Some(Content {
        title: format!("{symbol} {title}"),
        role,
        body,
        choices: vec![choice("Esc", "Back to the steps and their logs; q leaves.")],
    })
}
