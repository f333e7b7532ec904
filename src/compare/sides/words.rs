//! Two lines word by word: how alike they are, and what differs in them.

use std::collections::HashMap;
use std::time::Duration;

use similar::{Algorithm, DiffTag, TextDiff};

/// Longer lines, in bytes, are only compared from their beginning and from their end.
pub(super) const LONGEST: usize = 20_000;
/// How alike lines must be, from 0 to 100, to have their words compared.
pub(super) const ALIKE: usize = 60;
/// How long the words of two lines may be searched.
const PATIENCE: Duration = Duration::from_millis(20);
/// Bytes of lines whose words are compared in one section; the rest is compared like the longest lines.
const BUDGET: usize = 4 << 20;

/// The text of a line in pieces, and whether each differs.
pub(super) type Pieces = Vec<(String, bool)>;

/// The words of a line, and how often each comes.
pub(super) struct Words<'a> {
    counts: HashMap<&'a str, usize>,
    letters: usize,
}

impl<'a> Words<'a> {
    pub fn new(line: &'a str) -> Self {
        let mut counts = HashMap::new();
        let mut letters = 0;
        for word in tokens(line).into_iter().filter(|word| word.starts_with(is_letter)) {
            *counts.entry(word).or_default() += 1;
            letters += word.len();
        }
        Self { counts, letters }
    }

    /// Tells how alike two lines are, from 0 to 100: the share of letters in words that both have.
    pub fn likeness(&self, other: &Self) -> usize {
        let common: usize =
            self.counts.iter().map(|(word, count)| word.len() * *count.min(other.counts.get(word).unwrap_or(&0))).sum();
        (200 * common).checked_div(self.letters + other.letters).unwrap_or(0)
    }
}

fn is_letter(c: char) -> bool {
    c == '_' || c.is_ascii_alphanumeric() || !c.is_ascii()
}

/// Cuts a line into words, spaces, and single other characters.
fn tokens(line: &str) -> Vec<&str> {
    let kind = |c: char| if is_letter(c) { 1 } else { u8::from(c != ' ') * 2 };
    let mut tokens = Vec::new();
    let mut start = 0;
    let mut last = None;
    for (at, c) in line.char_indices() {
        let kind = kind(c);
        if last.is_some_and(|last| last != kind || kind == 2) {
            tokens.extend(line.get(start..at));
            start = at;
        }
        last = Some(kind);
    }
    tokens.extend(line.get(start..).filter(|rest| !rest.is_empty()));
    tokens
}

/// Marks what differs, within a budget.
pub(super) struct Marks {
    left: usize,
}

impl Default for Marks {
    fn default() -> Self {
        Self { left: BUDGET }
    }
}

impl Marks {
    /// Returns both lines in pieces.
    pub fn of(&mut self, old: &str, new: &str) -> (Pieces, Pieces) {
        let length = old.len() + new.len();
        if length > LONGEST || length > self.left {
            return ends(old, new);
        }
        self.left -= length;
        if Words::new(old).likeness(&Words::new(new)) < ALIKE {
            return (whole(old), whole(new));
        }
        by_word(old, new)
    }
}

fn whole(line: &str) -> Pieces {
    vec![(line.to_owned(), true)]
}

fn by_word(old: &str, new: &str) -> (Pieces, Pieces) {
    let (before, after) = (tokens(old), tokens(new));
    let diff = TextDiff::configure().algorithm(Algorithm::Myers).timeout(PATIENCE).diff_slices(&before, &after);
    let (mut mine, mut theirs) = (Pieces::new(), Pieces::new());
    for op in diff.ops() {
        let differs = op.tag() != DiffTag::Equal;
        push(&mut mine, &before.get(op.old_range()).unwrap_or_default().concat(), differs);
        push(&mut theirs, &after.get(op.new_range()).unwrap_or_default().concat(), differs);
    }
    (mine, theirs)
}

/// Marks everything between the common beginning and the common end.
fn ends(old: &str, new: &str) -> (Pieces, Pieces) {
    let same = |(one, other): &(u8, u8)| one == other;
    let shared = old.bytes().zip(new.bytes()).take_while(same).count();
    let both = |at: &usize| old.is_char_boundary(*at) && new.is_char_boundary(*at);
    let prefix = (0..=shared).rev().find(both).unwrap_or_default();
    let rest = old.len().min(new.len()) - prefix;
    let shared = old.bytes().rev().zip(new.bytes().rev()).take(rest).take_while(same).count();
    let both = |at: &usize| old.is_char_boundary(old.len() - at) && new.is_char_boundary(new.len() - at);
    let suffix = (0..=shared).rev().find(both).unwrap_or_default();
    let cut = |line: &str| {
        let mut pieces = Pieces::new();
        let end = line.len() - suffix;
        push(&mut pieces, line.get(..prefix).unwrap_or_default(), false);
        push(&mut pieces, line.get(prefix..end).unwrap_or_default(), true);
        push(&mut pieces, line.get(end..).unwrap_or_default(), false);
        pieces
    };
    (cut(old), cut(new))
}

fn push(pieces: &mut Pieces, text: &str, differs: bool) {
    match pieces.last_mut() {
        _ if text.is_empty() => {}
        Some((last, known)) if *known == differs => last.push_str(text),
        _ => pieces.push((text.to_owned(), differs)),
    }
}
