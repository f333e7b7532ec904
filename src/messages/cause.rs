//! From an exception or a complaint of the machine to a cause with a name and a sentence.

use super::reading::{FailureCause, Fatal};

/// Recognises an exception. `migrating` tells that it passed through Lino's migration code.
pub(super) fn of_exception(fatal: &Fatal, migrating: bool) -> FailureCause {
    let name = fatal.exception.rsplit('.').next().unwrap_or_default();
    let message = fatal.message.as_str();
    if migrating || message.starts_with("Oops") || message.starts_with("Cannot override <") {
        return FailureCause::MigratorBroken;
    }
    if fatal.exception.starts_with("redis.") || redis_refused(message) {
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
            .or_else(|| of_name(name))
            .unwrap_or(FailureCause::Other),
    }
}

fn of_name(name: &str) -> Option<FailureCause> {
    match name {
        "FileNotFoundError" => Some(FailureCause::MissingFile),
        "PermissionError" => Some(FailureCause::FilePermission),
        _ => None,
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
        () => return None,
    })
}

/// The client library of Redis, or asyncio on its port.
fn redis_refused(text: &str) -> bool {
    let client = text.split_once("Error ").and_then(|(_, rest)| rest.split_once(" connecting to "));
    let client = client.is_some_and(|(number, _)| number.parse::<i32>().is_ok());
    let refused = text.contains("Connect call failed") || text.to_lowercase().contains("connection refused");
    client || refused && (text.contains(":6379") || text.contains(", 6379"))
}

/// Recognises what SQLite, PostgreSQL, MySQL and their drivers say.
fn of_database(text: &str) -> Option<FailureCause> {
    let has = |part: &str| text.contains(part);
    let any = |parts: &[&str]| parts.iter().any(|part| has(part));
    let locked = [
        "database is locked",
        "database table is locked",
        "being accessed by other users",
        "lock timeout",
        "Lock wait timeout exceeded",
    ];
    let refused = [
        "permission denied for ",
        "permission denied to ",
        "must be owner of ",
        "command denied to user",
        "Access denied for user",
        "authentication failed for user",
        "no pg_hba.conf entry",
    ];
    let unreachable = [
        "could not connect to server",
        "connection to server at ",
        "connection to server on socket ",
        "could not translate host name ",
        "server closed the connection unexpectedly",
        "terminating connection due to ",
        "the database system is ",
        "Can't connect to local MySQL server",
        "Can't connect to MySQL server",
        "Can't connect to local server",
        "Can't connect to server on ",
        "MySQL server has gone away",
        "Lost connection to MySQL server",
        "Lost connection to server",
    ];
    Some(match () {
        () if any(&locked) => FailureCause::DatabaseLocked,
        () if any(&refused) => FailureCause::DatabasePermission,
        () if has("database \"") && has("\" does not exist") || has("Unknown database '") => {
            FailureCause::MissingDatabase
        }
        () if any(&["no such column: ", " has no column named ", "Unknown column '"]) => FailureCause::MissingColumn,
        () if has("column ") && has(" does not exist") => FailureCause::MissingColumn,
        () if has("no such table: ") => FailureCause::MissingTable,
        () if has("relation \"") && has("\" does not exist") => FailureCause::MissingTable,
        () if has("Table '") && has("' doesn't exist") => FailureCause::MissingTable,
        () if any(&unreachable) => FailureCause::DatabaseUnreachable,
        () => return None,
    })
}

/// The program in `x.sh: line 80: zip: command not found` (bash) and `sh: 1: zip: not found` (dash).
fn missing_program(line: &str) -> Option<String> {
    let line = line.trim_end();
    let program = if let Some(before) = line.strip_suffix(": command not found") {
        before.rsplit(": ").next()?
    } else {
        let (place, program) = line.strip_suffix(": not found")?.rsplit_once(": ")?;
        let (_, number) = place.rsplit_once(": ")?;
        number.parse::<u32>().ok()?;
        program
    };
    (!program.is_empty() && !program.contains(char::is_whitespace)).then(|| super::abandon::cut(program, 100))
}

/// `Killed` alone (dash), `bash: 15477 Killed   command`, and `x.sh: line 69: 15477 Killed   command`.
fn killed(line: &str) -> bool {
    let by_bash =
        line.split_once(" Killed ").and_then(|(before, _)| before.rsplit_once(": ")).is_some_and(|(_, pid)| {
            let pid = pid.trim_start();
            !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit())
        });
    line.trim_end() == "Killed" || line.contains("died with <Signals.SIGKILL") || by_bash
}

/// Whether the system, not SSH, refuses a file.
fn file_refused(line: &str) -> bool {
    let line = line.trim_end();
    line.ends_with(": Permission denied")
        || line.contains("(Permission denied)")
        || line.contains("[Errno 13] Permission denied")
        || line.ends_with(": Operation not permitted")
        || line.contains("Read-only file system")
        || line.contains("attempt to write a readonly database")
        || line.contains("unable to open database file")
}

/// Recognises what the shell, pip, sudo and the system complain of, in any line that is not about a row.
pub(super) fn of_complaint(line: &str) -> Option<FailureCause> {
    if let Some(program) = missing_program(line).filter(|program| program != "logger") {
        return Some(FailureCause::ProgramMissing { program });
    }
    if let Some(cause) = of_database(line) {
        return Some(cause);
    }
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
        // pip gave up in the middle of a file.
        "not enough bytes were received",
        "issue with network connectivity",
        "Connection broken: ",
        "Remote end closed connection without response",
        "Failed to connect to ",
    ];
    Some(match () {
        () if has("No space left on device") || has("database or disk is full") => FailureCause::DiskFull,
        () if has("Disk quota exceeded") || has("The table '") && has("' is full") => FailureCause::DiskFull,
        () if has("Cannot allocate memory") || has("ut of memory") || killed(line) => FailureCause::OutOfMemory,
        () if has("sudo: a terminal is required") || has("sudo: a password is required") => {
            FailureCause::SudoNeedsTerminal
        }
        () if has("sudo: no tty present") => FailureCause::SudoNeedsTerminal,
        () if has("logger: socket ") || has("logger: command not found") || has("logger: not found") => {
            FailureCause::NoSyslog
        }
        () if has("logger: ") && has("/dev/log") => FailureCause::NoSyslog,
        () if has("Unknown command: '") => FailureCause::UnknownCommand,
        () if redis_refused(line) => FailureCause::RedisMissing,
        () if file_refused(line) => FailureCause::FilePermission,
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
        FailureCause::MissingTable => with("The database lacks a table that the new code expects", &told),
        FailureCause::DatabaseUnreachable => {
            with("The database server does not answer or refuses the connection", &told)
        }
        FailureCause::DatabasePermission => with("The database does not permit what the command needs", &told),
        FailureCause::MissingDatabase => with("The database server has no database of this name", &told),
        FailureCause::MissingColumn => with("The database lacks a column that the code expects", &told),
        FailureCause::FilePermission => with("The system does not permit the use of a file or directory", &told),
        FailureCause::ProgramMissing { program } => {
            format!("The command needs the program {program}, which is not installed.")
        }
        FailureCause::IncompleteDump => with("The dump does not hold all rows", &told),
        FailureCause::ArchiveFailed => with("The archive of the snapshot is not complete", &told),
        FailureCause::NoSuchPackage { requirement } => format!("pip finds no package for {requirement}."),
        FailureCause::PackageConflict => {
            String::from("The packages that are asked for contradict each other, so pip installed none of them.")
        }
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
            String::from("The script writes to the system log, and none listens here, so it ended before its work.")
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

/// A sentence with what the program said behind a colon, when it said something.
fn with(what: &str, told: &str) -> String {
    if told.is_empty() { format!("{what}.") } else { format!("{what}: {told}.") }
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
            ("PermissionError", "[Errno 13] Permission denied: '/srv/x'", FailureCause::FilePermission),
            ("django.db.utils.OperationalError", "attempt to write a readonly database", FailureCause::FilePermission),
            ("OSError", "[Errno 30] Read-only file system: '/srv/x'", FailureCause::FilePermission),
            (
                "ConnectionRefusedError",
                "[Errno 111] Connect call failed ('127.0.0.1', 6379)",
                FailureCause::RedisMissing,
            ),
            (
                "OSError",
                "Multiple exceptions: [Errno 111] Connect call failed ('::1', 6379, 0, 0), [Errno 111] Connect call \
                 failed ('127.0.0.1', 6379)",
                FailureCause::RedisMissing,
            ),
            (
                "kombu.exceptions.OperationalError",
                "Error 111 connecting to localhost:6379. Connection refused.",
                FailureCause::RedisMissing,
            ),
            (
                "ConnectionError",
                "Error -2 connecting to cache:6380. Name or service not known.",
                FailureCause::RedisMissing,
            ),
            ("ConnectionRefusedError", "[Errno 111] Connection refused", FailureCause::Other),
            ("subprocess.CalledProcessError", "Command 'x' died with <Signals.SIGKILL: 9>.", FailureCause::OutOfMemory),
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
    fn what_databases_say_has_causes() {
        let table = [
            ("django.db.utils.ProgrammingError", "relation \"a_b\" does not exist", FailureCause::MissingTable),
            (
                "django.db.utils.ProgrammingError",
                "column \"a\" of relation \"b\" does not exist",
                FailureCause::MissingColumn,
            ),
            ("django.db.utils.ProgrammingError", "column a_b.c does not exist", FailureCause::MissingColumn),
            ("django.db.utils.OperationalError", "no such column: a_b.c", FailureCause::MissingColumn),
            ("django.db.utils.OperationalError", "table a_b has no column named c", FailureCause::MissingColumn),
            (
                "django.db.utils.OperationalError",
                "(1054, \"Unknown column 'a_b.c' in 'field list'\")",
                FailureCause::MissingColumn,
            ),
            ("django.db.utils.OperationalError", "no such table: a_b", FailureCause::MissingTable),
            ("django.db.utils.OperationalError", "database is locked", FailureCause::DatabaseLocked),
            ("django.db.utils.OperationalError", "database or disk is full", FailureCause::DiskFull),
            ("django.db.utils.OperationalError", "(1114, \"The table 'a_b' is full\")", FailureCause::DiskFull),
            ("django.db.utils.ProgrammingError", "permission denied for table a_b", FailureCause::DatabasePermission),
            (
                "django.db.utils.ProgrammingError",
                "permission denied for schema public",
                FailureCause::DatabasePermission,
            ),
            ("django.db.utils.ProgrammingError", "must be owner of table a_b", FailureCause::DatabasePermission),
            (
                "django.db.utils.OperationalError",
                "(1142, \"SELECT command denied to user 'a'@'localhost' for table 'a_b'\")",
                FailureCause::DatabasePermission,
            ),
            (
                "django.db.utils.OperationalError",
                "connection to server at \"localhost\" (::1), port 5432 failed: FATAL:  password authentication failed \
                 for user \"a\"",
                FailureCause::DatabasePermission,
            ),
            (
                "django.db.utils.OperationalError",
                "connection to server at \"localhost\" (127.0.0.1), port 5432 failed: Connection refused\n\tIs the \
                 server running on that host and accepting TCP/IP connections?",
                FailureCause::DatabaseUnreachable,
            ),
            (
                "psycopg2.OperationalError",
                "could not connect to server: Connection refused",
                FailureCause::DatabaseUnreachable,
            ),
            (
                "django.db.utils.OperationalError",
                "connection to server on socket \"/var/run/postgresql/.s.PGSQL.5432\" failed: No such file or directory",
                FailureCause::DatabaseUnreachable,
            ),
            (
                "django.db.utils.OperationalError",
                "could not translate host name \"db\" to address: Name or service not known",
                FailureCause::DatabaseUnreachable,
            ),
            (
                "django.db.utils.OperationalError",
                "(2002, \"Can't connect to local MySQL server through socket '/run/mysqld/mysqld.sock' (2)\")",
                FailureCause::DatabaseUnreachable,
            ),
            (
                "django.db.utils.OperationalError",
                "(2003, \"Can't connect to MySQL server on 'localhost:3306' (111)\")",
                FailureCause::DatabaseUnreachable,
            ),
            (
                "django.db.utils.OperationalError",
                "connection to server at \"localhost\" (::1), port 5432 failed: FATAL:  database \"prod\" does not exist",
                FailureCause::MissingDatabase,
            ),
            ("django.db.utils.OperationalError", "(1049, \"Unknown database 'prod'\")", FailureCause::MissingDatabase),
            ("django.db.utils.ProgrammingError", "(1146, \"Table 'a.b' doesn't exist\")", FailureCause::MissingTable),
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
