//! What the output of `dump2py`, and of a script around it, tells about the worth of the dump.

use super::abandon::cut;
use super::reading::FailureCause;

const MOST_TEXT: usize = 300;

/// Signs that a dump lacks something, although the command ended well.
#[derive(Debug, Default)]
pub(super) struct DumpSigns {
    /// It said where it writes.
    pub(super) begun: bool,
    /// It said how many rows it wrote.
    pub(super) written: Option<u64>,
    /// The option as typed, when `--simulate` or `--tolerate` was given.
    option: Option<&'static str>,
    tolerated: u64,
    first_tolerated: String,
    archive_error: Option<String>,
}

impl DumpSigns {
    /// Reads one line of output, or the command line itself.
    pub(super) fn read(&mut self, line: &str) {
        if let Some((_, arguments)) = line.split_once("dump2py ") {
            self.option = telling_option(arguments);
        }
        self.begun |= line.starts_with("Writing ") && line.trim_end().ends_with("restore.py...");
        if let Some(error) = line.strip_prefix("Tolerating database error ") {
            self.tolerated += 1;
            if self.tolerated == 1 {
                self.first_tolerated = cut(error.trim_end_matches('.'), MOST_TEXT);
            }
        }
        let failed = ["zip error: ", "zip I/O error: ", "zip warning: could not open for reading"];
        if failed.iter().any(|start| line.trim_start().starts_with(start)) {
            self.archive_error.get_or_insert_with(|| cut(line.trim().trim_end_matches('.'), MOST_TEXT));
        }
    }

    /// What is wrong with the dump, whatever the status; `real` when it is to hold rows.
    pub(super) fn flaw(&self, real: bool) -> Option<(FailureCause, String)> {
        if self.tolerated > 0 {
            let errors = if self.tolerated == 1 { "an error" } else { "errors" };
            let first = &self.first_tolerated;
            let because = format!("The dump is not complete because the database reported {errors}: {first}.");
            return Some((FailureCause::DatabaseErrors, because));
        }
        if !real {
            return None;
        }
        let because = match (self.option, self.written) {
            (Some("--simulate"), _) => "The dump was only simulated (--simulate), so it holds no rows.",
            (Some(_), _) => "The dump was made with --tolerate, so rows may be missing in it without a word.",
            (None, Some(0)) => "The dump holds no rows at all: it was simulated, or the database is empty.",
            (None, _) => return None,
        };
        Some((FailureCause::IncompleteDump, because.to_owned()))
    }

    /// What kept the archive from being written whole.
    pub(super) fn archive_flaw(&self) -> Option<(FailureCause, String)> {
        let error = self.archive_error.as_ref()?;
        Some((FailureCause::ArchiveFailed, format!("The archive of the snapshot is not complete: {error}.")))
    }
}

/// Finds `--simulate` and `--tolerate` in any form that Python's argparse takes: abbreviated, or among short options.
fn telling_option(arguments: &str) -> Option<&'static str> {
    let mut words = arguments.split_whitespace();
    while let Some(word) = words.next() {
        if word.starts_with(['(', '&', '|', ';', '>', '<']) {
            break;
        }
        if let Some(long) = word.strip_prefix("--") {
            let abbreviates = |option: &str| long.len() >= 2 && option.starts_with(long);
            if abbreviates("simulate") {
                return Some("--simulate");
            }
            if abbreviates("tolerate") {
                return Some("--tolerate");
            }
        } else if let Some(short) = word.strip_prefix('-') {
            // -m and -v take a value, so what follows them in the word is no option.
            let end = short.find(['m', 'v']);
            let letters = short.get(..end.unwrap_or(short.len())).unwrap_or_default();
            if letters.contains('s') {
                return Some("--simulate");
            }
            if letters.contains('t') {
                return Some("--tolerate");
            }
            if end.is_some_and(|end| end + 1 == short.len()) {
                words.next();
            }
        }
        if word.ends_with(';') {
            break;
        }
    }
    None
}
