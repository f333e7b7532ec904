//! What a command says of its work while nothing goes wrong: how far it is, and what it has done.

use super::{MOST_LIST, MOST_NAME, MOST_TEXT, Reader, cut};
use crate::messages::reading::{Checked, CommandKind};

impl Reader {
    pub(super) fn read_work(&mut self, line: &str) {
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

    pub(super) fn ask(&mut self, line: &str) {
        const SIGNS: [&str; 6] = ["[Y/n]", "[y/N]", "[Y,n]", "[yN]", "Type 'yes' to continue", "Are you sure you want"];
        if SIGNS.iter().any(|sign| line.contains(sign)) {
            self.question = Some(cut(line.trim(), MOST_TEXT));
        }
    }
}

fn source_version(line: &str) -> Option<&str> {
    if let Some(rest) = line.strip_prefix("Source version is ") {
        return rest.split_once(" :").map(|(version, _)| version);
    }
    let rest = line.strip_prefix("No method for migrating from version ");
    let rest = rest.or_else(|| line.strip_prefix("Migrating from version "))?;
    rest.split_once(" to ").map(|(version, _)| version)
}

pub(super) fn split_number(text: &str) -> Option<(u64, &str)> {
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
