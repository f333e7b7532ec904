//! Reads a command's output line by line into facts. How the facts are judged is in `judge`.
//!
//! Memory is bounded whatever is fed: of lines only counters, the last exception and a limited list of groups remain.

mod work;

use self::work::split_number;
use super::abandon::{Abandoned, cut};
use super::cause;
use super::dump_signs::DumpSigns;
use super::ended::Ended;
use super::pip_signs::PipSigns;
use super::reading::{Checked, CommandKind, FailureCause, Fatal, Reading};
use super::severity::{is_exception_name, strip_log_prefix};

const MOST_LIST: usize = 10_000;
const MOST_TEXT: usize = 4000;
const MOST_NAME: usize = 300;
/// Bytes of a line that are looked at; nothing that Lino prints needs more.
const MOST_LINE: usize = 1 << 20;

/// A traceback as it comes: frames, then the exception, perhaps over several lines.
#[derive(Debug, Default)]
pub(super) enum Trace {
    /// Not in a traceback.
    #[default]
    Outside,
    /// Among the indented lines.
    Frames,
    /// Behind the exception's first line.
    Message,
}

/// Folds the lines of one command.
#[expect(clippy::struct_excessive_bools, reason = "each is one independent sign seen in the output")]
#[derive(Debug)]
pub struct Reader {
    pub(super) kind: CommandKind,
    pub(super) trace: Trace,
    /// The exception after which nothing went on so far.
    pub(super) fatal: Option<Fatal>,
    /// The last exception after which something went on.
    pub(super) passed: Option<Fatal>,
    pub(super) migrating: bool,
    pub(super) in_initdb: bool,
    pub(super) in_confirm: bool,
    pub(super) complaint: Option<(FailureCause, String)>,
    pub(super) last_error: Option<String>,
    pub(super) abandoning: bool,
    listing: bool,
    pub(super) abandoned: Abandoned,
    pub(super) unsaved: u64,
    pub(super) loaded: Option<u64>,
    pub(super) announced: u64,
    before_table: u64,
    table: String,
    /// Evidence that the database was emptied.
    pub(super) flushed: bool,
    /// Evidence that messages of level INFO are printed.
    pub(super) informative: bool,
    pub(super) done_lines: u64,
    pub(super) copied: Option<u64>,
    pub(super) unmodified: Option<u64>,
    pub(super) checked: Vec<Checked>,
    pub(super) problems: Option<(u64, u64)>,
    pub(super) requirements: Vec<String>,
    pub(super) source_version: Option<String>,
    pub(super) dump: DumpSigns,
    pub(super) pip: PipSigns,
    /// Objects that the loader left out, and the first of them.
    pub(super) ignored: u64,
    pub(super) first_ignored: String,
    /// Something other than its own text followed the exception.
    pub(super) went_on: bool,
    /// The traceback that comes is about something Python itself passes over.
    passed_over: bool,
    /// One process said "Done" twice: Lino does so when it is asked to stop.
    pub(super) done_twice: bool,
    last_done: String,
    pub(super) cache_built: bool,
    pub(super) question: Option<String>,
    pub(super) last_line: String,
    steps: u64,
    percent: Option<(u64, u64)>,
    text: String,
}

impl Reader {
    /// Starts reading the output of a command.
    #[must_use]
    pub fn new(kind: CommandKind) -> Self {
        Self {
            kind,
            trace: Trace::Outside,
            fatal: None,
            passed: None,
            migrating: false,
            in_initdb: false,
            in_confirm: false,
            complaint: None,
            last_error: None,
            abandoning: false,
            listing: false,
            abandoned: Abandoned::default(),
            unsaved: 0,
            loaded: None,
            announced: 0,
            before_table: 0,
            table: String::new(),
            flushed: false,
            informative: false,
            done_lines: 0,
            copied: None,
            unmodified: None,
            checked: Vec::new(),
            problems: None,
            requirements: Vec::new(),
            source_version: None,
            dump: DumpSigns::default(),
            pip: PipSigns::default(),
            ignored: 0,
            first_ignored: String::new(),
            went_on: false,
            passed_over: false,
            done_twice: false,
            last_done: String::new(),
            cache_built: false,
            question: None,
            last_line: String::new(),
            steps: 0,
            percent: None,
            text: String::new(),
        }
    }

    /// Starts reading the output of a command whose line is known as it was typed.
    #[must_use]
    pub fn of_line(kind: CommandKind, line: &str) -> Self {
        let mut reader = Self::new(kind);
        reader.dump.read(line);
        reader
    }

    /// Takes the next line, already cleaned by [`plain`](super::line::plain).
    pub fn feed_line(&mut self, line: &str) {
        let whole = strip_log_prefix(line);
        let line = bounded(whole);
        if !line.trim().is_empty() {
            self.last_line = cut(line.trim(), MOST_TEXT);
        }
        if line.starts_with("Done ") && line.contains("(PID ") {
            self.read_done(line);
            return;
        }
        if let Some(before) = line.trim_end().strip_suffix("Traceback (most recent call last):") {
            self.ask(before);
            self.begin_trace();
            return;
        }
        if self.read_trace(line) {
            return;
        }
        if self.listing {
            // The list of rows may have a million keys in one line.
            let entry = if self.abandoned.keeps() { whole } else { line };
            if !self.goes_on(line) && self.abandoned.take(entry) {
                return;
            }
            self.listing = self.listing && line.is_empty();
        }
        self.read_failure(line);
        self.read_work(line);
    }

    /// How far the command is: units done, units in total when known, and what it does.
    #[must_use]
    pub fn progress(&self) -> Option<(u64, Option<u64>, String)> {
        if self.text.is_empty() {
            return None;
        }
        let (done, total) = match (self.kind, self.percent) {
            (CommandKind::Restore, _) => (self.before_table, None),
            (_, Some((done, total))) => (done, Some(total)),
            (_, None) => (self.steps, None),
        };
        Some((done, total, self.text.clone()))
    }

    /// Ends the reading. `ended` is how the command ended; `None` when nobody knows.
    #[must_use]
    pub fn finish(self, ended: Option<Ended>) -> Reading {
        super::judge::judge(self, ended)
    }

    /// Whether anything that was printed comes from a restore, or may: a traceback can end one before it says a word.
    pub(super) const fn is_restore(&self) -> bool {
        let said = self.flushed || self.abandoning || self.loaded.is_some() || self.source_version.is_some();
        said || self.announced > 0 || self.fatal.is_some() || self.passed.is_some()
    }

    fn read_done(&mut self, line: &str) {
        let line = cut(line.trim(), MOST_TEXT);
        self.done_lines += 1;
        self.done_twice |= self.last_done == line;
        self.last_done = line;
        self.trace = Trace::Outside;
        self.listing = false;
    }

    fn begin_trace(&mut self) {
        if std::mem::take(&mut self.passed_over) {
            return;
        }
        self.went_on = false;
        self.trace = Trace::Frames;
        self.fatal = None;
        self.migrating = false;
        self.in_initdb = false;
        self.in_confirm = false;
        self.listing = false;
    }

    /// Returns true when the line belongs to a traceback and says nothing else.
    fn read_trace(&mut self, line: &str) -> bool {
        match self.trace {
            Trace::Outside => {
                self.went_on |= !belongs_to_message(line);
                false
            }
            Trace::Frames if line.starts_with([' ', '\t']) || line.is_empty() => {
                self.migrating |= line.ends_with(", in install_migrations") || line.contains(", in migrate_from_");
                self.in_initdb |= line.contains("/initdb.py\", line ");
                self.in_confirm |= line.ends_with(", in confirm") || line.ends_with(", in prompt");
                true
            }
            Trace::Frames => {
                let (name, message) = line.split_once(':').unwrap_or((line, ""));
                if is_exception_name(name) && !self.goes_on(line) {
                    self.trace = Trace::Message;
                    self.set_fatal(name, message.trim_start());
                    return true;
                }
                false
            }
            Trace::Message
                if line.starts_with("During handling of ") || line.starts_with("The above exception was ") =>
            {
                true
            }
            Trace::Message if self.goes_on(line) => {
                self.trace = Trace::Outside;
                self.passed = self.fatal.take();
                false
            }
            Trace::Message if self.listing => {
                self.abandoned.take(line);
                true
            }
            Trace::Message => {
                self.went_on |= !belongs_to_message(line);
                // The end of a message cannot be seen, so its later lines are read as ordinary ones too.
                self.continue_message(line);
                false
            }
        }
    }

    fn set_fatal(&mut self, exception: &str, message: &str) {
        self.went_on = false;
        self.fatal = Some(Fatal { exception: cut(exception, MOST_NAME), message: cut(message, MOST_TEXT) });
        if let Some(count) = abandon_count(message) {
            self.abandoning = true;
            self.listing = true;
            self.unsaved = count;
        }
    }

    fn continue_message(&mut self, line: &str) {
        if let Some(fatal) = self.fatal.as_mut()
            && fatal.message.len() + line.len() < MOST_TEXT
        {
            fatal.message.push('\n');
            fatal.message.push_str(line);
        }
    }

    /// Whether the line shows that a restore or dump goes on: what came before it did not end the command.
    pub(super) fn goes_on(&self, line: &str) -> bool {
        const SIGNS: [&str; 12] = [
            "Loading ",
            "Loaded ",
            "Execute file ",
            "Deferred ",
            "Trying to save ",
            "Saved ",
            "Save intermediate ",
            "Finalize ",
            "Running after_load handler ",
            "Wrote ",
            "Tolerating database error ",
            "Abandoning with ",
        ];
        let restoring = matches!(self.kind, CommandKind::Restore | CommandKind::Other);
        SIGNS.iter().any(|sign| line.starts_with(sign))
            && (restoring
                || matches!(self.kind, CommandKind::Dump | CommandKind::SimulatedDump | CommandKind::Snapshot))
    }

    fn read_failure(&mut self, line: &str) {
        if let Some(count) = abandon_count(line) {
            self.abandoning = true;
            self.listing = true;
            self.unsaved = count;
            self.informative = true;
            return;
        }
        if line.starts_with("Deferred ") || line.starts_with("- ") || line.starts_with("  adding: ") {
            return;
        }
        self.passed_over = line.starts_with("Exception ignored ") || line == "--- Logging error ---";
        for name in ["CommandError", "SystemCheckError"] {
            if let Some(message) = line.strip_prefix(name).and_then(|rest| rest.strip_prefix(": ")) {
                self.set_fatal(name, message);
                self.migrating = false;
                self.trace = Trace::Message;
                return;
            }
        }
        // Without a traceback: Python's own complaint about a file named on the command line, and `Aborted!` of click.
        if line == "Aborted!" {
            self.set_fatal("click.exceptions.Abort", "");
        }
        if let Some(message) = line.strip_prefix("ERROR: ").or_else(|| line.strip_prefix("error: ")) {
            self.last_error.get_or_insert_with(|| cut(message, MOST_TEXT));
        }
        self.note_complaint(line);
    }

    fn note_complaint(&mut self, line: &str) {
        // Programs complain in short lines; a long one is data.
        let line = line.get(..line.floor_char_boundary(MOST_TEXT)).unwrap_or(line).trim_end();
        if let Some(cause) = cause::of_complaint(line) {
            self.complaint = Some((cause, cut(line, MOST_TEXT)));
        }
    }
}

/// Whether the line belongs to the text of an exception: databases add lines to theirs.
fn belongs_to_message(line: &str) -> bool {
    let added = ["LINE ", "DETAIL:", "HINT:", "CONTEXT:", "QUERY:", "STATEMENT:"];
    line.trim().is_empty() || line.starts_with([' ', '\t']) || added.iter().any(|start| line.starts_with(start))
}

/// The beginning of a line, cut between two characters.
fn bounded(line: &str) -> &str {
    line.get(..line.floor_char_boundary(MOST_LINE)).unwrap_or(line)
}

/// The number in any wording of the abandon line.
fn abandon_count(line: &str) -> Option<u64> {
    let rest = line.strip_prefix("Exception: ").unwrap_or(line);
    let rest = rest.strip_prefix("Abandoning with ").or_else(|| rest.strip_prefix("Abandoned with "))?;
    let (count, rest) = split_number(rest)?;
    rest.starts_with(" unsaved instance").then_some(count)
}
