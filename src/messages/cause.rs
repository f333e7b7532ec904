//! From an exception or a complaint of the machine to a cause with a name and a sentence.

use super::reading::{FailureCause, Fatal};

/// Recognises an exception. `migrating` tells that it passed through Lino's migration code.
pub(super) fn of_exception(fatal: &Fatal, migrating: bool) -> FailureCause {
    let name = fatal.exception.rsplit('.').next().unwrap_or_default();
    let message = fatal.message.as_str();
    if migrating || message.starts_with("Oops") || message.starts_with("Cannot override <") {
        return FailureCause::MigratorBroken;
    }
    if fatal.exception.starts_with("redis.") || (message.contains(":6379") && name.contains("Connection")) {
        return FailureCause::RedisMissing;
    }
    match name {
        "MemoryError" => FailureCause::OutOfMemory,
        "ModuleNotFoundError" | "ImportError" => FailureCause::ImportError { module: module_of(message) },
        "ChangedAPI" => FailureCause::ChangedApi,
        "SystemCheckError" => FailureCause::SystemCheck,
        "SyntaxError" | "IndentationError" | "TabError" => FailureCause::SyntaxError,
        "TypeError" if message.contains("UnresolvedModel") => FailureCause::RemovedModel,
        "TypeError" if message.contains("unexpected keyword argument") => FailureCause::UnexpectedField,
        _ => of_message(message)
            .or_else(|| of_complaint(message))
            .or_else(|| (name == "FileNotFoundError").then_some(FailureCause::MissingFile))
            .unwrap_or(FailureCause::Other),
    }
}

fn of_message(message: &str) -> Option<FailureCause> {
    let has = |text: &str| message.contains(text);
    Some(match () {
        () if has("Failed to save independent ") => FailureCause::IndependentRow,
        () if message.starts_with("More than ") && has(" deferred objects") => FailureCause::TooManyDeferred,
        () if has("already exists. Delete it yourself") => FailureCause::DumpExists,
        () if has(" database errors. The dump in ") => FailureCause::DatabaseErrors,
        () if message.starts_with("Unknown command: ") => FailureCause::UnknownCommand,
        () if has("database is locked") || has("database table is locked") => FailureCause::DatabaseLocked,
        () if has("being accessed by other users") || has("lock timeout") => FailureCause::DatabaseLocked,
        () if has("Lock wait timeout exceeded") => FailureCause::DatabaseLocked,
        () if has("no such table: ") => FailureCause::MissingTable,
        () if has("relation \"") && has("\" does not exist") && !has("column ") => FailureCause::MissingTable,
        () if has("Table '") && has("' doesn't exist") => FailureCause::MissingTable,
        () => return None,
    })
}

/// Recognises what the shell, pip, sudo and the system complain of, in any line that is not about a row.
pub(super) fn of_complaint(line: &str) -> Option<FailureCause> {
    let has = |text: &str| line.contains(text);
    let offline = [
        "Temporary failure in name resolution",
        "Name or service not known",
        "Could not resolve host",
        "Network is unreachable",
        "No route to host",
        "Failed to establish a new connection",
        "Max retries exceeded with url",
        "Read timed out",
        "Connection timed out",
    ];
    Some(match () {
        () if has("No space left on device") || has("database or disk is full") => FailureCause::DiskFull,
        () if has("Disk quota exceeded") => FailureCause::DiskFull,
        () if has("Cannot allocate memory") || has("Out of memory") => FailureCause::OutOfMemory,
        () if has("sudo: a terminal is required") || has("sudo: a password is required") => {
            FailureCause::SudoNeedsTerminal
        }
        () if has("sudo: no tty present") => FailureCause::SudoNeedsTerminal,
        () if has("logger: socket ") || has("logger: command not found") || has("logger: not found") => {
            FailureCause::NoSyslog
        }
        () if has("Unknown command: '") => FailureCause::UnknownCommand,
        () if offline.iter().any(|text| has(text)) => FailureCause::NetworkDown,
        () => return None,
    })
}

/// The module in `No module named 'x'` and `cannot import name 'a' from 'x' (…)`.
fn module_of(message: &str) -> String {
    let after = message
        .split_once(" from partially initialized module ")
        .or_else(|| message.split_once(" from "))
        .or_else(|| message.split_once("o module named "))
        .map_or(message, |(_, after)| after);
    let quoted = after.split(['\'', '"']).nth(1);
    quoted.unwrap_or_else(|| after.split_whitespace().next().unwrap_or_default()).to_owned()
}

/// The sentence for an operator.
pub(super) fn sentence(cause: &FailureCause, fatal: Option<&Fatal>) -> String {
    let told = fatal.map(told).unwrap_or_default();
    match cause {
        FailureCause::DatabaseLocked => {
            String::from("The database is held by another process; the site's services may still be running.")
        }
        FailureCause::MissingTable => format!("The database lacks a table that the new code expects: {told}."),
        FailureCause::UnknownCommand => format!("This site's manage.py does not know the command: {told}."),
        FailureCause::ImportError { module } => {
            format!("Python could not import what it needs from the module {module}: {told}.")
        }
        FailureCause::ChangedApi => format!("The site's own code uses something that Lino has renamed: {told}."),
        FailureCause::SystemCheck => String::from("Django's system check found errors in the site's code or settings."),
        FailureCause::SyntaxError => format!("A Python file cannot be read because of a syntax error: {told}."),
        FailureCause::MissingFile => format!("A file is missing: {told}."),
        FailureCause::IndependentRow => {
            format!("A row that depends on no other row was refused, and the restore stopped there: {told}.")
        }
        FailureCause::TooManyDeferred => {
            format!("Too many rows had to be postponed for the same reason, and the restore stopped: {told}.")
        }
        FailureCause::RemovedModel => {
            String::from("The dump contains rows of a model that no longer exists, and the restore stopped there.")
        }
        FailureCause::UnexpectedField => {
            format!("The dump contains a field that no longer exists, and the restore stopped there: {told}.")
        }
        FailureCause::MigratorBroken => format!("The migrator is at fault: {told}."),
        FailureCause::DumpExists => String::from("The folder for the dump exists already, so nothing was written."),
        FailureCause::DatabaseErrors => {
            format!("The dump is not complete because the database reported errors: {told}.")
        }
        FailureCause::RedisMissing => String::from("The Redis server does not answer."),
        FailureCause::DiskFull => String::from("There is no space left on the disk."),
        FailureCause::OutOfMemory => String::from("There was not enough memory."),
        FailureCause::NoSyslog => {
            String::from("The script writes to the system log, and this machine has none, so it ended before its work.")
        }
        FailureCause::SudoNeedsTerminal => {
            String::from("The command uses sudo, and sudo could not ask for a password.")
        }
        FailureCause::NetworkDown => String::from("A server in the network could not be reached."),
        FailureCause::Abandoned | FailureCause::RowsLost | FailureCause::NotStarted | FailureCause::Other => {
            if told.is_empty() {
                String::from("The command failed, and its output does not tell why.")
            } else {
                format!("The command failed: {told}.")
            }
        }
    }
}

/// The exception in one line, without a final period.
fn told(fatal: &Fatal) -> String {
    let message = fatal.message.lines().map(str::trim).filter(|line| !line.is_empty()).take(3).collect::<Vec<_>>();
    let message = super::abandon::cut(&message.join(" "), 300);
    let plain = matches!(fatal.exception.as_str(), "CommandError" | "Exception" | "ERROR");
    let text = match (message.is_empty(), plain) {
        (true, _) => fatal.exception.clone(),
        (false, true) => message,
        (false, false) => format!("{}: {message}", fatal.exception),
    };
    text.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fatal(exception: &str, message: &str) -> Fatal {
        Fatal { exception: exception.to_owned(), message: message.to_owned() }
    }

    #[test]
    fn exceptions_have_causes() {
        let import = |module: &str| FailureCause::ImportError { module: module.to_owned() };
        let table = [
            ("ModuleNotFoundError", "No module named 'lino_extjs'", import("lino_extjs")),
            ("ImportError", "No module named lino_xl", import("lino_xl")),
            (
                "ImportError",
                "cannot import name 'utc' from 'django.utils.timezone' (/a/b.py)",
                import("django.utils.timezone"),
            ),
            (
                "ImportError",
                "cannot import name 'a' from partially initialized module 'b.c' (most likely due to a circular import)",
                import("b.c"),
            ),
            ("django.db.utils.ProgrammingError", "relation \"a_b\" does not exist", FailureCause::MissingTable),
            ("django.db.utils.ProgrammingError", "column \"a\" of relation \"b\" does not exist", FailureCause::Other),
            ("django.db.utils.ProgrammingError", "(1146, \"Table 'a.b' doesn't exist\")", FailureCause::MissingTable),
            ("TypeError", "__init__() got an unexpected keyword argument 'x'", FailureCause::UnexpectedField),
            ("TypeError", "unsupported operand", FailureCause::Other),
            ("redis.exceptions.ConnectionError", "Error 111", FailureCause::RedisMissing),
            (
                "ConnectionRefusedError",
                "[Errno 111] Connect call failed ('127.0.0.1:6379')",
                FailureCause::RedisMissing,
            ),
            ("OSError", "[Errno 28] No space left on device", FailureCause::DiskFull),
            ("OSError", "[Errno 12] Cannot allocate memory", FailureCause::OutOfMemory),
            ("FileNotFoundError", "[Errno 2] No such file or directory: 'x'", FailureCause::MissingFile),
            ("CommandError", "Unknown command: 'checkdata'", FailureCause::UnknownCommand),
            ("IndentationError", "unexpected indent", FailureCause::SyntaxError),
            ("Exception", "Oops, x didn't return a string!", FailureCause::MigratorBroken),
        ];
        for (exception, message, expected) in table {
            assert_eq!(of_exception(&fatal(exception, message), false), expected, "{message}");
        }
    }

    #[test]
    fn sentences_end_once() {
        let told = fatal("CommandError", "There were 3 database errors. The dump in t is not complete.");
        let text = sentence(&FailureCause::DatabaseErrors, Some(&told));
        assert!(text.ends_with("is not complete."), "{text}");
        assert!(sentence(&FailureCause::Other, None).ends_with('.'));
    }
}
