//! A command line: program and arguments, never interpreted unless the operator wrote it for a shell.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::text::printable;

/// Program and arguments. Shown as one would type it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommandLine(Vec<String>);

impl CommandLine {
    /// Takes program and arguments.
    pub fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self(argv.into_iter().map(Into::into).collect())
    }

    /// Takes a line that the operator wrote for a shell.
    #[must_use]
    pub fn shell(line: &str) -> Self {
        Self::new(["/bin/sh", "-c", line])
    }

    /// Returns program and arguments.
    #[must_use]
    pub fn argv(&self) -> &[String] {
        &self.0
    }

    /// Takes program and arguments out.
    #[must_use]
    pub fn into_argv(self) -> Vec<String> {
        self.0
    }

    /// Returns the line that a shell gets, when this is one.
    #[must_use]
    pub fn shell_line(&self) -> Option<&str> {
        match self.0.as_slice() {
            [sh, c, line] if sh == "/bin/sh" && c == "-c" => Some(line),
            _ => None,
        }
    }

    /// Puts words before the program, for example `sudo`.
    #[must_use]
    pub fn behind(&self, prefix: &[&str]) -> Self {
        Self(prefix.iter().map(|word| (*word).to_owned()).chain(self.0.iter().cloned()).collect())
    }

    /// Returns the command as it is run when nobody can type a password: `sudo` then fails instead of asking.
    #[must_use]
    pub fn unattended(&self) -> Self {
        match self.0.as_slice() {
            [sudo, rest @ ..] if sudo == "sudo" && rest.first().is_none_or(|word| word != "-n") => {
                Self::new(rest.iter().cloned()).behind(&["sudo", "-n"])
            }
            _ => self.clone(),
        }
    }
}

impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.shell_line() {
            return f.write_str(&printable(line));
        }
        let words: Vec<String> = self.0.iter().map(|word| quote(word)).collect();
        f.write_str(&words.join(" "))
    }
}

/// Quotes a word for a shell, when it needs quoting.
#[must_use]
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./=:,@%+~".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", printable(word).replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_shown_as_one_would_type_them() {
        let command = CommandLine::new(["supervisorctl", "stop", "x y:*", "it's", ""]);
        assert_eq!(command.to_string(), r"supervisorctl stop 'x y:*' 'it'\''s' ''");
        assert_eq!(CommandLine::shell("a && b").to_string(), "a && b");
    }

    #[test]
    fn sudo_does_not_ask_when_nobody_is_there() {
        let status = CommandLine::new(["sudo", "supervisorctl", "status"]);
        assert_eq!(status.unattended(), CommandLine::new(["sudo", "-n", "supervisorctl", "status"]));
        assert_eq!(status.unattended().unattended(), status.unattended());
        assert_eq!(CommandLine::new(["true"]).unattended(), CommandLine::new(["true"]));
    }
}
