//! Reads a command's output line by line into facts. How the facts are judged is in `judge`.
//!
//! Memory is bounded whatever is fed: of lines only counters, the last exception and a limited list of groups remain.

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

    fn read_work(&mut self, line: &str) {
        self.read_restore(line);
        self.read_dump(line);
        match self.kind {
            CommandKind::CheckData => self.read_checkdata(line),
            CommandKind::InstallList => self.read_requirement(line),
            CommandKind::Install | CommandKind::PipDryRun | CommandKind::Pull => self.read_pip(line),
            _ => {}
        }
        self.read_static(line);
        self.ask(line);
        if line.contains("Build JS cache for ") || line.starts_with("Build site cache ") {
            self.step(line);
        }
        self.cache_built |= line.contains(" files have been built in ")
            || line.starts_with("JS cache has been built in ")
            || line.starts_with("`buildcache` finished ");
    }

    fn step(&mut self, text: &str) {
        self.steps += 1;
        self.text = cut(text.trim().trim_end_matches('.'), 200);
    }

    fn read_restore(&mut self, line: &str) {
        if let Some(version) = source_version(line) {
            self.source_version.get_or_insert_with(|| cut(version, MOST_NAME));
        }
        if line.starts_with("`initdb ` started on database ") {
            self.flushed = true;
            self.informative = true;
            self.question = None;
            self.step("Creating the tables");
        } else if ["Operations to perform:", "Synchronizing apps without", "    Creating table ", "Execute file "]
            .iter()
            .any(|sign| line.starts_with(sign))
        {
            self.flushed = true;
            self.question = None;
        } else if let Some(rest) = line.strip_prefix("Loading ") {
            self.read_loading(rest);
        } else if let Some(count) = between(line, "Loaded ", " objects") {
            self.loaded = Some(count);
        } else if let Some(object) = line.strip_prefix("Ignored unknown object ") {
            self.ignored += 1;
            if self.ignored == 1 {
                self.first_ignored = cut(object.trim(), MOST_NAME);
            }
        } else if let Some(count) = between(line, "Trying to save ", " deferred objects.") {
            self.step(&format!("Saving {count} postponed rows"));
        } else if between(line, "Finalize ", " after_load handlers").is_some() {
            self.step("Finishing");
        }
    }

    /// Reads `N objects to table T...` and `N objects (part I of K) to table T...`; N is always the whole table.
    fn read_loading(&mut self, rest: &str) {
        let Some((count, rest)) = split_number(rest) else { return };
        let Some(rest) = rest.strip_prefix(" object") else { return };
        let Some((part, table)) = rest.split_once(" to table ") else { return };
        let table = table.trim_end().trim_end_matches("...");
        self.flushed = true;
        self.informative = true;
        let part = part.split_once("(part ").and_then(|(_, part)| part.trim_end_matches(')').split_once(" of "));
        let (part, parts) =
            part.map_or((1, 1), |(part, parts)| (part.parse().unwrap_or(1), parts.parse().unwrap_or(1)));
        if parts == 1 || part <= 1 || table != self.table {
            self.announced = self.announced.saturating_add(count);
        }
        let share = count.saturating_mul(u64::saturating_sub(part, 1)) / u64::max(parts, 1);
        self.before_table = self.announced.saturating_sub(count).saturating_add(share);
        self.table = cut(table, 200);
        self.text = format!("Loading {count} rows into {}", self.table);
    }

    fn read_dump(&mut self, line: &str) {
        self.dump.read(line);
        if let Some(count) = between(line, "Wrote ", " objects to ") {
            self.dump.written = Some(count);
        } else if let Some(rest) = line.strip_prefix("Writing ") {
            self.text = format!("Writing {}", cut(rest.trim_end_matches('.'), 200));
        } else if let Some(bar) = line.trim_start().strip_prefix('[')
            && let Some((marks, rest)) = bar.split_once(']')
            && marks.chars().all(|mark| matches!(mark, '#' | '-' | ' '))
        {
            let word = rest.split_whitespace().next().unwrap_or_default();
            let percent = word.strip_suffix('%').and_then(|number| number.parse().ok()).map(|done| (done, 100));
            let steps = word.split_once('/').and_then(|(done, total)| Some((done.parse().ok()?, total.parse().ok()?)));
            self.percent = percent.or(steps).or(self.percent);
        }
    }

    fn read_checkdata(&mut self, line: &str) {
        if let Some(rest) = line.strip_prefix("Run ").or_else(|| line.strip_prefix("Running "))
            && let Some((_, names)) = rest.split_once(" checkers on ")
        {
            self.step(&format!("Checking {names}"));
        }
        let lower = line.to_lowercase();
        let found = number_after(&lower, "found ").or_else(|| number_after(&lower, "created "));
        let (Some(found), Some(fixed)) = (found, number_after(&lower, "fixed ")) else { return };
        if lower.contains("have been run.") || (lower.starts_with("done ") && lower.contains(" check")) {
            self.problems = Some((found, fixed));
        } else if let Some((_, names)) = line.rsplit_once(" in ").or_else(|| line.rsplit_once(" for "))
            && (line.starts_with("Found ") || line.starts_with("Fixed "))
            && (found, fixed) != (0, 0)
            && self.checked.len() < MOST_LIST
        {
            let names = cut(names.trim_end_matches('.'), MOST_NAME);
            self.checked.push(Checked { names, found, fixed });
        }
    }

    /// Reads `N static files copied to 'DIR', M unmodified.` in Django's variants.
    fn read_static(&mut self, line: &str) {
        let Some((count, rest)) = split_number(line.trim_start()) else { return };
        let rest = rest.strip_prefix(" static file").map(|rest| rest.strip_prefix('s').unwrap_or(rest));
        let Some(rest) = rest.filter(|rest| rest.starts_with(" copied") || rest.starts_with(" symlinked")) else {
            return;
        };
        self.copied = Some(count);
        let unmodified = rest.rsplit(", ").find_map(|part| part.split_once(" unmodified").map(|(number, _)| number));
        self.unmodified = unmodified.and_then(|number| number.parse().ok());
    }

    /// Lines of `install --list` are names with an optional version; everything else printed has a space in its name.
    fn read_requirement(&mut self, line: &str) {
        let line = line.trim_end();
        let end = line.find(|letter: char| !letter.is_ascii_alphanumeric() && !"._-".contains(letter));
        let (name, rest) = line.split_at(end.unwrap_or(line.len()));
        let rest = match rest.strip_prefix('[') {
            Some(extras) => extras.split_once(']').map(|(_, rest)| rest),
            None => Some(rest),
        };
        let fits = rest.is_some_and(|rest| {
            rest.is_empty() || ["<", ">", "==", "!=", "~="].iter().any(|operator| rest.starts_with(operator))
        });
        // What a shell says of a process that was ended by a signal.
        let fits = fits && !matches!(line, "Terminated" | "Killed" | "Hangup");
        let named = name.starts_with(|letter: char| letter.is_ascii_alphanumeric());
        if named && fits && line.len() <= MOST_NAME && self.requirements.len() < MOST_LIST {
            self.requirements.push(line.to_owned());
        }
    }

    fn read_pip(&mut self, line: &str) {
        if self.pip.read(line) {
            self.step(line);
        }
    }

    fn ask(&mut self, line: &str) {
        const SIGNS: [&str; 6] = ["[Y/n]", "[y/N]", "[Y,n]", "[yN]", "Type 'yes' to continue", "Are you sure you want"];
        if SIGNS.iter().any(|sign| line.contains(sign)) {
            self.question = Some(cut(line.trim(), MOST_TEXT));
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

fn source_version(line: &str) -> Option<&str> {
    if let Some(rest) = line.strip_prefix("Source version is ") {
        return rest.split_once(" :").map(|(version, _)| version);
    }
    let rest = line.strip_prefix("No method for migrating from version ");
    let rest = rest.or_else(|| line.strip_prefix("Migrating from version "))?;
    rest.split_once(" to ").map(|(version, _)| version)
}

fn split_number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    number.parse().ok().map(|number| (number, rest))
}

fn between(line: &str, before: &str, after: &str) -> Option<u64> {
    let (number, rest) = split_number(line.strip_prefix(before)?)?;
    rest.starts_with(after).then_some(number)
}

fn number_after(text: &str, word: &str) -> Option<u64> {
    text.match_indices(word).find_map(|(at, _)| split_number(text.get(at + word.len()..)?)).map(|(number, _)| number)
}
