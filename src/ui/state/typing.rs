//! Where keys go that are not for the wizard: to a command that waits, to the shell.

use crate::ui::emulator::Emulator;

/// A command that waits for input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its unfinished last line.
    pub prompt: String,
    /// Whether it hides what is typed.
    pub secret: bool,
    /// Whether the system says that it waits.
    pub certain: bool,
}

/// Keys go to the running command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Typing {
    /// Who began it.
    pub by: TypingBy,
    /// When it ends by itself, milliseconds since 1970: the command went on, and more keys are unlikely.
    pub until: Option<i64>,
    /// Whether Enter was the last key.
    pub entered: bool,
}

/// Who began to type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypingBy {
    /// The wizard, because the command waits.
    Wizard,
    /// The operator.
    Operator,
}

/// The shell in the log pane.
#[derive(Debug, PartialEq)]
pub struct Shell {
    /// Its screen.
    pub emulator: Emulator,
    /// Whether keys go to it.
    pub focus: ShellFocus,
}

/// Where keys go while a shell is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShellFocus {
    /// To the shell.
    Shell,
    /// To the wizard.
    Wizard,
}
