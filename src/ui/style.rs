//! Styles by role, in one place: the sixteen ANSI colours, and none at all with `NO_COLOR`. It decides no state.

use ratatui::style::{Color, Modifier, Style};

use crate::compare::{Class, Verdict};
use crate::engine::NoticeLevel;
use crate::procedure::{Level, StepState};

/// Whether colours may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colours {
    /// The sixteen colours of the terminal.
    #[default]
    Sixteen,
    /// Only bold, dim, underlined and reversed (`NO_COLOR`).
    None,
}

/// What a piece of the screen is, as far as its look goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Ordinary text.
    Text,
    /// Less important text.
    Dim,
    /// Headings.
    Title,
    /// That the run goes back, and not on.
    Undo,
    /// Frame lines.
    Border,
    /// The frame line of the pane that has the focus.
    Focus,
    /// The selected row of a list.
    Selected,
    /// A key in the key bar or a choice.
    Key,
    /// A command line.
    Command,
    /// Something that goes on.
    Running,
    /// Something that is well.
    Good,
    /// Something that needs attention.
    Warning,
    /// Something that went wrong.
    Bad,
    /// What the search found.
    Match,
    /// The match the search stands at.
    CurrentMatch,
    /// Where the operator types.
    Input,
    /// A line that only the old script has, or that differs there.
    Old,
    /// A line that only the new script has, or that differs there.
    New,
    /// The words in it that differ.
    OldWord,
    /// The words in it that differ.
    NewWord,
}

impl Colours {
    /// Reads the `NO_COLOR` convention: any non-empty value switches colours off.
    #[must_use]
    pub fn from_no_color(value: Option<&std::ffi::OsStr>) -> Self {
        if value.is_some_and(|value| !value.is_empty()) { Self::None } else { Self::Sixteen }
    }

    /// Returns the style of a role.
    #[must_use]
    pub fn of(self, role: Role) -> Style {
        let plain = Style::new();
        let (colour, modifier) = match role {
            Role::Text => (None, Modifier::empty()),
            Role::Dim | Role::Border => (Some(Color::DarkGray), Modifier::empty()),
            Role::Title => (None, Modifier::BOLD),
            Role::Undo => (Some(Color::Yellow), Modifier::REVERSED.union(Modifier::BOLD)),
            Role::Focus => (Some(Color::Cyan), Modifier::BOLD),
            Role::Selected | Role::CurrentMatch => (None, Modifier::REVERSED.union(Modifier::BOLD)),
            Role::Key => (Some(Color::Yellow), Modifier::BOLD),
            Role::Command => (Some(Color::Cyan), Modifier::empty()),
            Role::Running => (Some(Color::Blue), Modifier::BOLD),
            Role::Good | Role::New => (Some(Color::Green), Modifier::empty()),
            Role::Warning => (Some(Color::Yellow), Modifier::empty()),
            Role::Bad => (Some(Color::Red), Modifier::BOLD),
            Role::Match => (None, Modifier::REVERSED),
            Role::Input => (Some(Color::Yellow), Modifier::REVERSED),
            Role::Old => (Some(Color::Red), Modifier::empty()),
            Role::OldWord => (Some(Color::Red), Modifier::BOLD.union(Modifier::UNDERLINED)),
            Role::NewWord => (Some(Color::Green), Modifier::BOLD.union(Modifier::UNDERLINED)),
        };
        let style = plain.add_modifier(modifier);
        match (self, colour) {
            (Self::Sixteen, Some(colour)) => style.fg(colour),
            (Self::None, Some(Color::DarkGray)) => style.add_modifier(Modifier::DIM),
            _ => style,
        }
    }

    /// Drops the colours of a style when none may be used.
    #[must_use]
    pub const fn allow(self, style: Style) -> Style {
        match self {
            Self::Sixteen => style,
            Self::None => Style { fg: None, bg: None, underline_color: None, ..style },
        }
    }
}

/// Returns the role of a step's state.
#[must_use]
pub const fn of_state(state: &StepState) -> Role {
    match state {
        StepState::Pending => Role::Text,
        StepState::Running => Role::Running,
        StepState::Done { .. } => Role::Good,
        StepState::Skipped { .. } | StepState::WillNotRun { .. } => Role::Dim,
        StepState::Failed { .. } => Role::Bad,
        StepState::Interrupted { .. } => Role::Warning,
    }
}

/// Returns the role and the symbol of a finding.
#[must_use]
pub const fn of_level(level: Level) -> (Role, &'static str) {
    match level {
        Level::Pass => (Role::Good, "✔"),
        Level::Warn => (Role::Warning, "!"),
        Level::Fail => (Role::Bad, "✘"),
    }
}

/// Returns the role of a difference of this class.
#[must_use]
pub const fn of_class(class: Class) -> Role {
    match class {
        Class::Noise => Role::Dim,
        Class::Additive => Role::Good,
        Class::DataDependent => Role::Warning,
        Class::Destructive => Role::Bad,
    }
}

/// Returns the role, the symbol and the words of a verdict.
#[must_use]
pub const fn of_verdict(verdict: Verdict) -> (Role, &'static str, &'static str) {
    match verdict {
        Verdict::Skip => (Role::Good, "✔", "SKIP"),
        Verdict::Restore => (Role::Warning, "▶", "RESTORE"),
        Verdict::Decide => (Role::Bad, "?", "RESTORE after decisions"),
    }
}

/// Returns the role and the symbol of a notice.
#[must_use]
pub const fn of_notice(level: NoticeLevel) -> (Role, &'static str) {
    match level {
        NoticeLevel::Info => (Role::Text, "·"),
        NoticeLevel::Warning => (Role::Warning, "!"),
        NoticeLevel::Error => (Role::Bad, "✘"),
    }
}
