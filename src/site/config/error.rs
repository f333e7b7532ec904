//! What is wrong with a configuration file, shown with its line and a caret.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::super::excerpt::locate;
use super::super::text::{did_you_mean, one_line, printable};
use crate::error::{Kind, Report, Tell};

/// Why the configuration was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is there but cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something in it is wrong.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What is wrong, lower case, without a period.
        message: String,
        /// What was probably meant.
        hint: Option<String>,
        /// The line with a caret below it.
        excerpt: String,
    },
}

impl ConfigError {
    /// Builds the error for a span of `text`; without a span it is about the whole file.
    pub(super) fn wrong(path: &Path, text: &str, span: Option<Range<usize>>, message: String) -> Self {
        let (line, column, excerpt) = locate(text, &span.unwrap_or(0..0), &name(path), &message);
        Self::Wrong { path: path.to_owned(), line, column, message, hint: None, excerpt }
    }

    /// Translates what the TOML reader says.
    pub(super) fn from_toml(path: &Path, text: &str, error: &toml::de::Error) -> Self {
        let (message, hint) = explain(error.message());
        let (line, column, excerpt) = locate(text, &error.span().unwrap_or(0..0), &name(path), &message);
        Self::Wrong { path: path.to_owned(), line, column, message, hint, excerpt }
    }

    pub(super) fn not_utf8(path: &Path, error: &std::string::FromUtf8Error) -> Self {
        let at = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes());
        Self::wrong(path, &text, Some(at..at + 1), "this is not UTF-8 text".to_owned())
    }
}

impl Tell for ConfigError {
    fn tell(&self) -> Report {
        match self {
            Self::Unreadable { path, source } => {
                Report::new(Kind::Environment, format!("Cannot read {}: {source}.", path.display()))
                    .unchanged("Nothing was begun.")
                    .next("Make the file readable for you, or remove it: it is optional.")
            }
            Self::Wrong { path, line, excerpt, hint, .. } => {
                let what = format!("Line {line} of {} is wrong.", path.display());
                let report =
                    Report::new(Kind::Environment, what).unchanged("Nothing was begun.").excerpt(excerpt.clone());
                let report = match hint {
                    Some(hint) => report.next(hint.clone()),
                    None => report,
                };
                report.next("Correct the line; `lino-upgrade init` in a directory without the file shows all settings.")
            }
        }
    }
}

/// Rewords serde's messages; returns the message and a hint.
fn explain(message: &str) -> (String, Option<String>) {
    let message = printable(message.trim());
    let words: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let unknown = message.starts_with("unknown field") || message.starts_with("unknown variant");
    let Some((given, known)) = words.split_first().filter(|_| unknown) else {
        let first = message.lines().next().unwrap_or_default().to_owned();
        return (first, None);
    };
    let hint = match did_you_mean(given, known.iter().copied()) {
        Some(meant) => format!("Did you mean `{meant}`?"),
        None => format!("Possible here: {}.", known.join(", ")),
    };
    (one_line(&format!("unknown name `{given}`")), Some(hint))
}

/// Returns the name under which a file is shown.
fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
