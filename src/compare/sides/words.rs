//! Two lines word by word: how alike they are, and what differs in them.

use std::time::Duration;

use foldhash::{HashMap, HashMapExt};
use similar::{Algorithm, DiffTag, TextDiff};

/// Longer lines, in bytes, are only compared from their beginning and from their end.
pub(super) const LONGEST: usize = 20_000;
/// How alike lines must be, from 0 to 100, to be put beside each other among others.
pub(super) const ALIKE: usize = 60;
/// How alike two lines that stand beside each other must be to have their words marked: else marks only confuse.
const MARKED: usize = 30;
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
        Self::of(&tokens(line))
    }

    fn of(tokens: &[&'a str]) -> Self {
        let mut counts = HashMap::new();
        let mut letters = 0;
        for word in tokens.iter().filter(|token| token.starts_with(is_letter)) {
            *counts.entry(*word).or_default() += 1;
            letters += word.len();
        }
        Self { counts, letters }
    }

    /// Tells how alike two lines are, from 0 to 100: the share of letters in words that both have.
    pub fn likeness(&self, other: &Self) -> usize {
        self.likeness_beside(other, 0)
    }

    /// Tells the same of two lines that have so many more letters of words in common.
    fn likeness_beside(&self, other: &Self, shared: usize) -> usize {
        let common: usize =
            self.counts.iter().map(|(word, count)| word.len() * *count.min(other.counts.get(word).unwrap_or(&0))).sum();
        (200 * (shared + common)).checked_div(2 * shared + self.letters + other.letters).unwrap_or(0)
    }
}

/// Tells how alike two lines are; most have their beginning and end in common, in which nothing need be counted.
fn likeness(mut old: &[&str], mut new: &[&str]) -> usize {
    let mut shared = 0;
    let mut letters = |token: &str| shared += if token.starts_with(is_letter) { token.len() } else { 0 };
    while let (Some((one, mine)), Some((other, theirs))) = (old.split_first(), new.split_first())
        && one == other
    {
        letters(one);
        (old, new) = (mine, theirs);
    }
    while let (Some((one, mine)), Some((other, theirs))) = (old.split_last(), new.split_last())
        && one == other
    {
        letters(one);
        (old, new) = (mine, theirs);
    }
    Words::of(old).likeness_beside(&Words::of(new), shared)
}

fn is_letter(c: char) -> bool {
    c == '_' || c.is_ascii_alphanumeric() || !c.is_ascii()
}

/// Cuts a line into words, spaces, and single other characters.
fn tokens(line: &str) -> Vec<&str> {
    // All bytes of a character that is not ASCII are letters, so that bytes need not be put together.
    let kind = |byte: u8| if is_letter(char::from(byte)) { 1 } else { u8::from(byte != b' ') * 2 };
    let mut tokens = Vec::with_capacity(line.len() / 4);
    let mut start = 0;
    let mut last = None;
    for (at, byte) in line.bytes().enumerate() {
        let kind = kind(byte);
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
    #[cfg(test)]
    pub const fn of_budget(left: usize) -> Self {
        Self { left }
    }

    /// Returns both lines in pieces.
    pub fn of(&mut self, old: &str, new: &str) -> (Pieces, Pieces) {
        let length = old.len() + new.len();
        if length > LONGEST || length > self.left {
            return ends(old, new);
        }
        self.left -= length;
        let (before, after) = (tokens(old), tokens(new));
        if likeness(&before, &after) < MARKED {
            return (whole(old), whole(new));
        }
        by_word(&before, &after)
    }
}

fn whole(line: &str) -> Pieces {
    vec![(line.to_owned(), true)]
}

fn by_word(before: &[&str], after: &[&str]) -> (Pieces, Pieces) {
    let diff = TextDiff::configure().algorithm(Algorithm::Myers).timeout(PATIENCE).diff_slices(before, after);
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
