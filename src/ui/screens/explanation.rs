//! The explanation of the selected step: what it is for, what it runs, what it found, and how to get back.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::compare::verdict;
use super::rehearsal;
use crate::procedure::{Level, StepId, StepState};
use crate::ui::state::{Focus, Progress, State, Step};
use crate::ui::style::{Role, of_level, of_state, of_verdict};
use crate::ui::text;

/// Draws the explanation.
pub fn draw(state: &State, frame: &mut Frame, area: Rect) {
    let lines = lines(state, usize::from(area.width));
    let most = lines.len().saturating_sub(usize::from(area.height));
    let from = state.explanation.min(most);
    let more = lines.len() > from + usize::from(area.height);
    let visible: Vec<Line> = lines.into_iter().skip(from).take(usize::from(area.height)).collect();
    frame.render_widget(Paragraph::new(visible), area);
    if more && area.height > 0 && area.width > 12 {
        let hint = " more: Tab ↓ ";
        let columns = text::cells(text::width(hint));
        let corner = Rect::new(area.right() - columns, area.bottom() - 1, columns, 1);
        frame.render_widget(Paragraph::new(Span::styled(hint, state.colours.of(Role::Key))), corner);
    }
}

/// Builds the lines of the explanation for a pane of this width.
#[must_use]
pub fn lines(state: &State, width: usize) -> Vec<Line<'static>> {
    if let Some(rehearsal) = state.shown_rehearsal() {
        return rehearsal::lines(state, rehearsal, width);
    }
    let Some(step) = state.step() else { return Vec::new() };
    let mut page = Page::new(state, width);
    if state.may_rehearse() && state.first_open() == Some(state.selected) {
        page.put("", Role::Title, "What now?", Role::Title);
        rehearsal::choices(&mut page, state);
        page.lines.push(Line::raw(""));
    }
    page.heading(step);
    let grave = matches!(step.plan.state, StepState::Failed { .. } | StepState::Interrupted { .. });
    if grave {
        page.result(step);
        page.verdict(step);
        page.refused(step);
        page.findings(step);
        page.put("If you stop now: ", Role::Title, &step.plan.way_back, Role::Text);
        page.purpose(step);
    } else {
        page.verdict(step);
        page.refused(step);
        page.purpose(step);
        page.result(step);
        page.findings(step);
        page.put("If you stop now: ", Role::Title, &step.plan.way_back, Role::Text);
    }
    page.lines
}

/// The lines of an explanation while they are built.
pub(super) struct Page<'a> {
    state: &'a State,
    width: usize,
    pub(super) lines: Vec<Line<'static>>,
}

impl<'a> Page<'a> {
    /// Begins a page for a pane of this width.
    pub(super) fn new(state: &'a State, width: usize) -> Self {
        Self { state, width: width.saturating_sub(1).max(8), lines: Vec::new() }
    }

    fn style(&self, role: Role) -> Style {
        self.state.colours.of(role)
    }

    /// Adds wrapped text after a label; nothing when the text is empty.
    pub(super) fn put(&mut self, label: &str, label_role: Role, body: &str, role: Role) {
        if body.is_empty() {
            return;
        }
        let (label_style, style) = (self.style(label_role), self.style(role));
        for (at, line) in text::wrap(&format!("{label}{body}"), self.width).into_iter().enumerate() {
            match line.strip_prefix(label.trim_end()) {
                Some(rest) if at == 0 && !label.is_empty() => self.lines.push(Line::from(vec![
                    Span::styled(label.trim_end().to_owned(), label_style),
                    Span::styled(rest.to_owned(), style),
                ])),
                _ => self.lines.push(Line::styled(line, style)),
            }
        }
    }

    fn heading(&mut self, step: &Step) {
        let state = &step.plan.state;
        let attempt = if step.plan.attempts > 1 { format!(", attempt {}", step.plan.attempts) } else { String::new() };
        let word = if *state == StepState::Pending { String::new() } else { format!(" — {}{attempt}", state.word()) };
        let heading = format!("{} {}{word}", step.plan.step.number(), step.plan.title);
        let role = if self.state.focus == Focus::Explanation { Role::Focus } else { Role::Title };
        self.put("", role, &heading, role);
    }

    fn purpose(&mut self, step: &Step) {
        self.put("", Role::Text, &step.plan.purpose, Role::Text);
        for command in &step.plan.commands {
            self.put("$ ", Role::Dim, command, Role::Command);
        }
        if step.plan.state == StepState::Running {
            self.progress(step);
        }
        if let (Some(seconds), StepState::Pending | StepState::Running) = (step.plan.forecast, &step.plan.state) {
            let from = step.plan.forecast_from.as_deref().map(|from| format!(", {from}")).unwrap_or_default();
            self.put("", Role::Dim, &format!("Takes about {}{from}.", text::duration(seconds.into())), Role::Dim);
        }
    }

    fn progress(&mut self, step: &Step) {
        if let Some(progress) = &step.progress {
            self.bar(progress);
        }
    }

    /// Adds how far something is.
    pub(super) fn bar(&mut self, progress: &Progress) {
        if let Some(percent) = progress.percent() {
            let room = self.width.saturating_sub(6).min(30);
            let full = usize::try_from(percent).unwrap_or(0) * room / 100;
            let bar = format!("{}{} {percent} %", "▓".repeat(full), "░".repeat(room - full));
            self.lines.push(Line::styled(bar, self.style(Role::Running)));
        }
        self.put("", Role::Running, &progress.text, Role::Running);
    }

    /// Adds what the comparison came to, once it did.
    fn verdict(&mut self, step: &Step) {
        let Some(compared) = self.state.compared.as_deref().filter(|_| step.plan.step == StepId::Compare) else {
            return;
        };
        let (role, _, _) = of_verdict(compared.evidence.verdict);
        let (label, body) = verdict::words(&compared.evidence);
        self.put(&format!("{label} "), role, &body, Role::Text);
        self.put("d ", Role::Key, "opens the comparison: what differs, and what it means.", Role::Text);
    }

    /// Adds what was refused, at the steps that it matters for.
    fn refused(&mut self, step: &Step) {
        // After a clean rehearsal there is nothing to open.
        let refused = self.state.triaged.as_deref().filter(|triaging| !triaging.triage.causes.causes.is_empty());
        let Some(triaging) = refused else { return };
        if matches!(step.plan.step, StepId::Restore | StepId::Triage) && self.state.watched.is_none() {
            let (causes, open) = (triaging.triage.causes.causes.len(), triaging.open() as u64);
            let causes = if causes == 1 { "1 cause".to_owned() } else { format!("{causes} causes") };
            let open = if open == 0 { "all decided".to_owned() } else { format!("{} undecided", text::number(open)) };
            self.put("t ", Role::Key, &format!("opens the triage: {causes}, {open}."), Role::Text);
        }
    }

    fn result(&mut self, step: &Step) {
        let state = &step.plan.state;
        if !state.text().is_empty() {
            let role = of_state(state);
            self.put(&format!("{} ", state.symbol()), role, state.text(), role);
        }
    }

    /// Adds what was found, the gravest first.
    fn findings(&mut self, step: &Step) {
        for level in [Level::Fail, Level::Warn, Level::Pass] {
            for finding in step.plan.findings.iter().filter(|finding| finding.level == level) {
                let (role, symbol) = of_level(level);
                let body = format!("{}: {}", finding.subject, finding.text);
                self.put(&format!("{symbol} "), role, &body, if level == Level::Pass { Role::Text } else { role });
                if let Some(remedy) = &finding.remedy {
                    self.put("→ ", Role::Key, remedy, Role::Text);
                }
            }
        }
    }
}
