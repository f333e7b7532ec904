//! Makes text that others wrote harmless before it goes into a message.

/// Replaces control characters, so that nothing from outside steers the terminal; line ends and tabs stay.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars()
        .filter(|c| *c != '\r')
        .map(|c| match c {
            '\n' => '\n',
            '\t' => ' ',
            // The bidirectional controls reorder what follows them; the separators end a line.
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// Does the same, and makes one line of it.
#[must_use]
pub fn one_line(text: &str) -> String {
    printable(text).replace('\n', " ")
}

/// Returns the last `lines` lines of `text`, printable.
#[must_use]
pub fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    let rest = all.get(all.len().saturating_sub(lines)..).unwrap_or_default();
    printable(&rest.join("\n"))
}

/// Cuts lines of source code that Python shows in a traceback where they name a secret: a mistake in the settings must
/// not bring the password beside it into messages and the journal.
#[must_use]
pub fn without_secrets(traceback: &str) -> String {
    const NAMES: [&str; 4] = ["password", "passwd", "secret", "token"];
    let cut = |line: &str| {
        let lower = line.to_ascii_lowercase();
        let end = NAMES.iter().filter_map(|name| Some(lower.find(name)? + name.len())).min();
        match end.and_then(|end| line.get(..end)) {
            Some(shown) if line.starts_with("    ") => format!("{shown}…"),
            _ => line.to_owned(),
        }
    };
    traceback.lines().map(cut).collect::<Vec<_>>().join("\n")
}

/// Returns the candidate that `word` was probably meant to be: at most a third of its characters differ.
#[must_use]
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1);
    candidates.into_iter().map(|c| (distance(word, c), c)).filter(|(d, _)| *d <= limit).min().map(|(_, c)| c)
}

/// Counts the insertions, deletions and replacements that turn one word into the other; `-` equals `_`.
fn distance(a: &str, b: &str) -> usize {
    let plain = |c: char| if c == '_' { '-' } else { c.to_ascii_lowercase() };
    let b: Vec<char> = b.chars().map(plain).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().map(plain).enumerate() {
        let mut next = vec![i + 1];
        for ((y, above), left_above) in b.iter().zip(row.iter().skip(1)).zip(row.iter()) {
            let left = next.last().copied().unwrap_or_default();
            next.push((above + 1).min(left + 1).min(left_above + usize::from(x != *y)));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_sequences_lose_their_power() {
        assert_eq!(printable("a\x1b[31mb\r\nc\td\u{202e}"), "a\u{fffd}[31mb\nc d\u{fffd}");
        assert_eq!(printable("\u{61c}\u{200f}\u{2028}\u{2069}"), "\u{fffd}".repeat(4));
    }

    #[test]
    fn secrets_in_source_lines_are_cut() {
        let text = "Traceback:\n  File \"secret/settings.py\", line 9\n    'HOST': '', 'PASSWORD': 'a' 'b\n              ^^^\n    \
                    SECRET_KEY = 3\nOperationalError: password authentication failed for \"x\"";
        let cut = "Traceback:\n  File \"secret/settings.py\", line 9\n    'HOST': '', 'PASSWORD…\n              ^^^\n    \
                   SECRET…\nOperationalError: password authentication failed for \"x\"";
        assert_eq!(without_secrets(text), cut);
    }

    #[test]
    fn near_words_are_found() {
        let steps = ["snapshot", "restore", "stop-services"];
        assert_eq!(did_you_mean("snapshoot", steps), Some("snapshot"));
        assert_eq!(did_you_mean("stop_services", steps), Some("stop-services"));
        assert_eq!(did_you_mean("compile", steps), None);
    }
}
