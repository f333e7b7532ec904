//! Replaces texts of rows wherever they occur: in messages, tracebacks, edits.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::super::decision::{Choice, Decision, Given};
use super::super::failure::Failure;

/// What stands in place of a text.
pub(super) const MASK: &str = "▒▒▒";
/// A shorter text is only replaced where it stands alone: `a` is in every word.
const WORD: usize = 6;
/// Of a long text so much of the beginning is as telling as all of it: messages cut what is long.
const BEGINNING: usize = 12;

/// So many beginnings are looked for one after the other. Of more, those are taken that are there.
const FEW: usize = 64;

/// A text with its number of letters, in the order in which they are looked for: longest first, so that no part of a text
/// is replaced before the whole.
type Wanted = (Reverse<usize>, String);

/// The texts that are to be replaced.
#[derive(Clone, Debug, Default)]
pub(super) struct Mask {
    /// By their beginnings.
    texts: HashMap<String, BTreeSet<Wanted>, foldhash::fast::RandomState>,
}

impl Mask {
    /// Adds a text, as it is and as Python writes it.
    pub fn add(&mut self, text: &str) {
        let trimmed = text.trim();
        if trimmed.is_empty() || is_number(trimmed) {
            return;
        }
        // What comes first may be escaped, so nothing is looked for by it.
        let own = trimmed.trim_start_matches(is_special);
        if !own.is_empty() {
            let anchor = own.chars().take_while(|letter| !is_special(*letter)).take(BEGINNING).collect();
            self.texts.entry(anchor).or_default().insert((Reverse(own.chars().count()), own.to_owned()));
        }
        // Programs that print a text line by line may tell one of its lines alone.
        if text.contains('\n') {
            text.lines().filter(|line| line.trim().chars().count() >= 3).for_each(|line| self.add(line));
        }
    }

    /// Adds how a row calls itself, but for what its model calls all its rows, such as `Sale 7`.
    pub fn add_object(&mut self, object: &str, failure: &Failure) {
        let class = failure.model_or_table().rsplit('.').next().unwrap_or_default();
        let rest = object.replace(&failure.key, "").to_lowercase().replace(&class.to_lowercase(), "");
        if rest.chars().any(char::is_alphabetic) {
            self.add(object);
        }
    }

    /// Adds what somebody has typed.
    pub fn add_decision(&mut self, decision: &Decision) {
        if let Choice::Set(values) = &decision.choice {
            for value in values.values() {
                match value {
                    Given::Text(text) => self.add(text),
                    Given::Texts(texts) => texts.iter().for_each(|text| self.add(text)),
                    _ => {}
                }
            }
        }
    }

    /// Adds all of another.
    pub fn extend(&mut self, other: Self) {
        for (anchor, mut texts) in other.texts {
            self.texts.entry(anchor).or_default().append(&mut texts);
        }
    }

    /// Replaces the texts, however often they are escaped.
    pub fn text(&self, text: &str) -> String {
        let mut found = text.to_owned();
        let wanted = self.wanted(text);
        // Texts may begin alike: what is there whole must not be taken for the beginning of another.
        for part in [Part::Whole, Part::Beginning] {
            for ((Reverse(letters), own), anchor) in &wanted {
                if found.contains(*anchor) {
                    found = without(&found, (own, *letters), anchor, part);
                }
            }
        }
        found
    }

    /// Returns the texts whose beginnings are in a text, in the order in which they are looked for, with their beginnings.
    fn wanted(&self, text: &str) -> BTreeMap<&Wanted, &str> {
        let own = |(anchor, texts)| {
            let (anchor, texts): (&String, &BTreeSet<Wanted>) = (anchor, texts);
            texts.iter().map(|text| (text, anchor.as_str()))
        };
        if self.texts.len() <= FEW {
            return self.texts.iter().flat_map(own).collect();
        }
        let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        let pieces = ends.iter().enumerate().flat_map(|(first, begin)| {
            let ends = ends.iter().skip(first + 1).take(BEGINNING);
            ends.filter_map(|end| text.get(*begin..*end))
        });
        pieces.filter_map(|piece| self.texts.get_key_value(piece)).flat_map(own).collect()
    }

    /// Replaces the texts, and the arguments of rows that a traceback quotes.
    pub fn traceback(&self, text: &str) -> String {
        let line = |line: &str| match line.find("loader.save(create_") {
            Some(at) => {
                let call = line.get(at..).unwrap_or_default();
                let end = call.find('(').and_then(|first| call.get(first + 1..)?.find('(').map(|at| first + at + 2));
                let end = end.unwrap_or(call.len());
                format!("{}{}…))", line.get(..at).unwrap_or_default(), call.get(..end).unwrap_or_default())
            }
            None => line.to_owned(),
        };
        let lines: Vec<String> = text.lines().map(line).collect();
        self.text(&lines.join("\n"))
    }
}

/// Whether a text says no more than a number, a date or a time does.
pub(super) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter.is_ascii_digit() || " .,:+-/".contains(letter))
}

/// Whether a letter is written otherwise within quotes.
fn is_special(letter: char) -> bool {
    matches!(letter, '\\' | '\'' | '"') || letter.is_control()
}

/// How much of a text is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    /// As much as a message has that cuts what is long.
    Beginning,
}

/// Replaces a text with so many letters. `anchor` is how it begins.
fn without(text: &str, (own, letters): (&str, usize), anchor: &str, part: Part) -> String {
    let mut found = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(anchor) {
        let (before, here) = rest.split_at(at);
        found.push_str(before);
        let (same, bytes) = common(here, own);
        let after = here.get(bytes..).unwrap_or_default();
        let beside = |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
        let alone = !beside(found.chars().next_back()) && !beside(after.chars().next());
        let whole = same == letters && (alone || letters >= WORD);
        if whole || part == Part::Beginning && same >= BEGINNING {
            found.push_str(MASK);
            rest = after;
        } else {
            found.push_str(anchor);
            rest = here.get(anchor.len()..).unwrap_or_default();
        }
    }
    found.push_str(rest);
    found
}

/// How many letters of `own` a text begins with, and how many bytes they take there: with as many backslashes as there
/// may be, and line ends as letters.
fn common(text: &str, own: &str) -> (usize, usize) {
    let mut letters = text.char_indices().peekable();
    let (mut same, mut bytes, mut escaped) = (0, 0, false);
    for wanted in own.chars() {
        if wanted == '\\' {
            // There are some, or there were: how many is nobody's business.
            same += 1;
            escaped = true;
            continue;
        }
        while letters.next_if(|(_, letter)| *letter == '\\').is_some() {
            escaped = true;
        }
        let fits = |letter: char| {
            letter == wanted
                || escaped && matches!((wanted, letter), ('\n', 'n') | ('\r', 'r') | ('\t', 't'))
                || wanted == '\n' && letter == ' '
        };
        let Some((at, letter)) = letters.next_if(|(_, letter)| fits(*letter)) else { break };
        same += 1;
        bytes = at + letter.len_utf8();
        escaped = false;
    }
    (same, bytes)
}
