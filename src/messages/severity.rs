//! How much a line of output matters to the reader, and the prefix that Lino's log file adds to each line.

/// How a line is to stand out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing special.
    Normal,
    /// A milestone or a question.
    Notice,
    /// Worth reading; the command goes on.
    Warning,
    /// Something failed.
    Error,
}

const ERRORS: [&str; 12] = [
    "CommandError",
    "SystemCheckError",
    "Abandoning with ",
    "Abandoned with ",
    "Unknown command:",
    "Traceback (most recent call last):",
    "ERROR:",
    "error:",
    "fatal:",
    "sudo: ",
    "Killed",
    "Segmentation fault",
];

/// Postponed rows ("Deferred …") are none: nearly every restore has them and saves them later.
const WARNINGS: [&str; 7] = [
    "WARNING:",
    "warning:",
    "No method for migrating ",
    "Tolerating database error ",
    "Ignored unknown object ",
    "Failed to save ",
    "There are ",
];

const NOTICES: [&str; 12] = [
    "Loaded ",
    "Wrote ",
    "Started ",
    "Done ",
    "`initdb ` started",
    "`buildcache` ",
    "Migrating from version ",
    "Source version is ",
    "Successfully installed ",
    "make_snapshot terminated successfully",
    "We are going to flush your database",
    "Are you sure",
];

/// Weighs one clean line.
#[must_use]
pub fn severity(line: &str) -> Severity {
    let (level, text) = split_log_prefix(line);
    let starts = |table: &[&str]| table.iter().any(|start| text.starts_with(start));
    if matches!(level, Some("ERROR" | "CRITICAL"))
        || starts(&ERRORS)
        || is_exception_line(text)
        || text.ends_with("Traceback (most recent call last):")
    {
        Severity::Error
    } else if level == Some("WARNING")
        || (starts(&WARNINGS) && (!text.starts_with("There are ") || text.contains("circular dependencies")))
        || text.contains("auto_now_add is True : values will be lost")
        || text.contains("Warning: ")
    {
        Severity::Warning
    } else if starts(&NOTICES) || text.contains("[Y/n]") || text.contains("[Y,n]") || text.contains("[yN]") {
        Severity::Notice
    } else {
        Severity::Normal
    }
}

/// Removes what Lino's log file puts before a message, for example
/// `202611-20 21:07:58 INFO [lino 3354 140504402557824] : `.
#[must_use]
pub fn strip_log_prefix(line: &str) -> &str {
    split_log_prefix(line).1
}

fn split_log_prefix(line: &str) -> (Option<&str>, &str) {
    match parse_log_prefix(line) {
        Some((level, text)) => (Some(level), text),
        None => (None, line),
    }
}

fn parse_log_prefix(line: &str) -> Option<(&str, &str)> {
    let numeric = |text: &str, marks: &[char]| {
        !text.is_empty() && text.chars().all(|character| character.is_ascii_digit() || marks.contains(&character))
    };
    let (date, rest) = line.split_once(' ')?;
    let (time, rest) = rest.split_once(' ')?;
    let (level, rest) = rest.split_once(' ')?;
    let rest = rest.strip_prefix('[')?;
    let (origin, text) = rest.split_once("] :")?;
    let known = matches!(level, "DEBUG" | "INFO" | "WARNING" | "ERROR" | "CRITICAL");
    let shaped = numeric(date, &['-']) && numeric(time, &[':', ',', '.']) && origin.split(' ').count() == 3;
    (known && shaped).then(|| (level, text.strip_prefix(' ').unwrap_or(text)))
}

/// Whether the line looks like the last line of a traceback: `pkg.SomeError: text`.
pub(super) fn is_exception_line(text: &str) -> bool {
    let name = text.split_once(": ").map_or(text, |(name, _)| name);
    let last = name.rsplit('.').next().unwrap_or(name);
    let identifier = is_exception_name(name);
    let telling = ["Error", "Exception", "Interrupt", "DoesNotExist", "ChangedAPI", "UnresolvedChoice"];
    identifier && (telling.iter().any(|end| last.ends_with(end)) || name == "click.exceptions.Abort")
}

/// Whether the text could name a Python class: identifiers joined by dots.
pub(super) fn is_exception_name(name: &str) -> bool {
    !name.is_empty()
        && name.split('.').all(|part| {
            let mut characters = part.chars();
            characters.next().is_some_and(|first| first.is_alphabetic() || first == '_')
                && characters.all(|character| character.is_alphanumeric() || character == '_')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_gets_its_weight() {
        let table = [
            ("CommandError: User abort.", Severity::Error),
            ("django.db.utils.OperationalError: database is locked", Severity::Error),
            ("KeyboardInterrupt", Severity::Error),
            ("click.exceptions.Abort", Severity::Error),
            ("Exception: Abandoning with 20 unsaved instances:", Severity::Error),
            ("Abandoning with 4 unsaved instances:", Severity::Error),
            ("ERROR: No matching distribution found for lino-nosuch", Severity::Error),
            ("WARNING: Retrying (Retry(total=4)) after connection broken", Severity::Warning),
            ("No method for migrating from version 1.0 to 2.0", Severity::Warning),
            ("202611-20 21:07:58 ERROR [lino 3354 140504402557824] : oops", Severity::Error),
            ("202611-20 21:07:58 WARNING [lino 3354 140504402557824] : hm", Severity::Warning),
            ("Loaded 402 objects", Severity::Notice),
            ("Are you sure? [Y/n]: ", Severity::Notice),
            ("Loading 3 objects to table shop_category...", Severity::Normal),
            ("Deferred Sale #3 ('Sale 3') : FOREIGN KEY constraint failed", Severity::Normal),
            ("202611-20 21:07:58 INFO [lino 3354 1405] : Deferred Sale #3 ('x') : text", Severity::Normal),
            ("Save intermediate Partner without country=CI", Severity::Normal),
            ("Ignored unknown object 5", Severity::Warning),
            ("", Severity::Normal),
        ];
        for (line, expected) in table {
            assert_eq!(severity(line), expected, "{line}");
        }
    }

    #[test]
    fn the_log_prefix_goes_and_other_text_stays() {
        assert_eq!(strip_log_prefix("202611-20 21:07:58 INFO [lino 3354 1405] : Saved 2 objects."), "Saved 2 objects.");
        assert_eq!(strip_log_prefix("202611-20 21:07:58 INFO [dump2py 1755 1406] : Wrote 4"), "Wrote 4");
        assert_eq!(strip_log_prefix("- shop.Sale [a b c] : text"), "- shop.Sale [a b c] : text");
        assert_eq!(strip_log_prefix("Started x"), "Started x");
    }
}
