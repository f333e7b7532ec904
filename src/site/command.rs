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

    /// Returns the line that a shell executes, exactly.
    #[must_use]
    pub fn line(&self) -> String {
        if let Some(line) = self.shell_line() {
            return line.to_owned();
        }
        let words = self.0.iter().enumerate().map(|(number, word)| {
            // As the first word it would set a variable.
            if number == 0 && word.contains('=') { quoted(word) } else { quote(word) }
        });
        words.collect::<Vec<_>>().join(" ")
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
    /// Shows the command. What is executed is [`CommandLine::line`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.line()))
    }
}

/// Quotes a word for a shell, when it needs quoting: whatever the word holds, the shell makes exactly that word of it.
#[must_use]
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { quoted(word) }
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
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
    fn a_shell_makes_of_every_quoted_word_the_word_itself() {
        let hostile = [
            "lino>=25",
            "lino_xl",
            "a b",
            "it's",
            "$(touch /tmp/x)",
            "`id`",
            "",
            "-rf",
            "--",
            "~",
            "~root/x",
            "a;b",
            "a&&b",
            "a\nb",
            "\n",
            "a\\",
            "\\'",
            "'",
            "''",
            "\"$HOME\"",
            "*",
            "[a]",
            "{a,b}",
            "#no",
            "!x",
            "a\tb",
            "x=y",
            "=ls",
            "ö 日",
            "\u{1b}[2J",
            "\u{202e}x",
            "a\r",
            "%s",
            "<(x)",
            "> x",
            "|",
            "\u{7f}",
        ];
        for word in hostile {
            let line = format!("for word in {}; do printf '%s.' \"$word\"; done", quote(word));
            let output = std::process::Command::new("/bin/sh").args(["-c", &line]).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{word}."), "{line:?}");
        }
        let words =
            CommandLine::new(["printf".to_owned(), "%s.".to_owned()].into_iter().chain(hostile.map(str::to_owned)));
        let output = std::process::Command::new("/bin/sh").args(["-c", &words.line()]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), hostile.map(|word| format!("{word}.")).concat());
    }

    #[test]
    fn what_is_shown_has_no_control_characters_and_what_is_executed_has_them() {
        let words = CommandLine::new(["echo", "\u{1b}[2J"]);
        assert_eq!((words.to_string(), words.line()), ("echo '\u{fffd}[2J'".to_owned(), "echo '\u{1b}[2J'".to_owned()));
        let shell = CommandLine::shell("printf 'a\tb'");
        assert_eq!((shell.to_string(), shell.line()), ("printf 'a b'".to_owned(), "printf 'a\tb'".to_owned()));
        assert_eq!(CommandLine::new(["A=b", "c=d"]).line(), "'A=b' c=d");
    }

    #[test]
    fn sudo_does_not_ask_when_nobody_is_there() {
        let status = CommandLine::new(["sudo", "supervisorctl", "status"]);
        assert_eq!(status.unattended(), CommandLine::new(["sudo", "-n", "supervisorctl", "status"]));
        assert_eq!(status.unattended().unattended(), status.unattended());
        assert_eq!(CommandLine::new(["true"]).unattended(), CommandLine::new(["true"]));
    }
}
