//! What was probably only renamed, whichever source says what vanished and what came.
//!
//! A wrong guess costs a question, a missing one only that the operator must see it himself; so alike is enough here.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::difference::{Guess, Subject};

/// How alike names must be, from 0 to 100.
const ALIKE: usize = 50;

/// More pairs than these are not looked at: so much does not vanish from one version to the next, and the time grows
/// with their number.
const MOST_PAIRS: usize = 100_000;

/// Longer names, in characters, are not compared letter by letter.
const LONGEST_NAME: usize = 200;

/// Names for the heading of something, and for its text: Lino's applications have used all of them.
const MEANINGS: [(&str, &[&str]); 2] = [
    ("a heading", &["title", "summary", "designation", "name", "subject", "heading", "caption", "label"]),
    ("a longer text", &["body", "description", "remark", "remarks", "text", "memo", "note", "notes", "content"]),
];

/// A field that vanished or came.
pub(super) struct Candidate {
    /// What it is.
    pub subject: Subject,
    /// Its name.
    pub name: String,
    /// What both must have in common.
    pub kind: String,
}

/// A model that vanished or came.
pub(super) struct Shape {
    /// Its name, with that of its plugin.
    pub model: String,
    /// The names of its fields, the primary key not among them.
    pub fields: BTreeSet<String>,
}

/// Guesses which models were renamed.
pub(super) fn models(gone: &[Shape], new: &[Shape]) -> Vec<Guess> {
    pairs(gone, new, models_alike, |shape| Subject::Model(shape.model.clone()))
}

/// Guesses which fields of one model were renamed. `kind` is the word for what both have in common.
pub(super) fn fields(gone: &[Candidate], new: &[Candidate], kind: &str) -> Vec<Guess> {
    let mut guesses =
        pairs(gone, new, |old, other| fields_alike(old, other, kind), |candidate| candidate.subject.clone());
    for guess in only_pairs(gone, new, kind).chain(pairs_of_one_meaning(gone, new, kind)) {
        if !is_told(&guesses, &guess) {
            guesses.push(guess);
        }
    }
    guesses
}

fn is_told(guesses: &[Guess], guess: &Guess) -> bool {
    guesses.iter().any(|known| known.from == guess.from || known.to == guess.to)
}

/// Pairs what is most alike first; each is used once.
fn pairs<T>(
    gone: &[T],
    new: &[T],
    alike: impl Fn(&T, &T) -> Option<(usize, String)>,
    subject: impl Fn(&T) -> Subject,
) -> Vec<Guess> {
    if gone.len().saturating_mul(new.len()) > MOST_PAIRS {
        return Vec::new();
    }
    let mut found: Vec<(usize, Guess)> = Vec::new();
    for (old, other) in gone.iter().flat_map(|old| new.iter().map(move |other| (old, other))) {
        if let Some((points, because)) = alike(old, other) {
            found.push((points, Guess { from: subject(old), to: subject(other), because }));
        }
    }
    found.sort_by_key(|(points, _)| Reverse(*points));
    let mut guesses: Vec<Guess> = Vec::new();
    for (_, guess) in found {
        if !is_told(&guesses, &guess) {
            guesses.push(guess);
        }
    }
    guesses
}

fn fields_alike(old: &Candidate, new: &Candidate, kind: &str) -> Option<(usize, String)> {
    if old.kind != new.kind {
        return None;
    }
    let points = likeness(&old.name, &new.name);
    let because = format!("{} is gone, {} of the same {kind} is new, and the names are alike.", old.name, new.name);
    (points >= ALIKE).then_some((points, because))
}

/// The only field of its kind that is gone, and the only one that is new.
fn only_pairs<'a>(gone: &'a [Candidate], new: &'a [Candidate], word: &'a str) -> impl Iterator<Item = Guess> + 'a {
    let few = gone.len().saturating_mul(gone.len().max(new.len())) <= MOST_PAIRS;
    gone.iter().filter(move |_| few).filter_map(move |old| {
        let twins = gone.iter().filter(|other| other.kind == old.kind).count();
        let mut fitting = new.iter().filter(|other| other.kind == old.kind);
        let (Some(other), None, 1) = (fitting.next(), fitting.next(), twins) else { return None };
        let (from, to) = (old.subject.clone(), other.subject.clone());
        let because =
            format!("{} is the only field of its {word} that is gone, and {} the only new one.", old.name, other.name);
        Some(Guess { from, to, because })
    })
}

/// The only field with a name of some meaning that is gone, and the only one that is new.
fn pairs_of_one_meaning<'a>(
    gone: &'a [Candidate],
    new: &'a [Candidate],
    word: &'a str,
) -> impl Iterator<Item = Guess> + 'a {
    MEANINGS.iter().filter_map(move |(meaning, names)| {
        let only = |fields: &'a [Candidate]| -> Option<&'a Candidate> {
            let mut named = fields.iter().filter(|field| names.contains(&field.name.as_str()));
            named.next().filter(|_| named.next().is_none())
        };
        let (old, other) = (only(gone)?, only(new)?);
        let because = format!(
            "{} is gone, {} of the same {word} is new, and both are names for {meaning}.",
            old.name, other.name
        );
        let (from, to) = (old.subject.clone(), other.subject.clone());
        (old.kind == other.kind).then_some(Guess { from, to, because })
    })
}

fn models_alike(old: &Shape, new: &Shape) -> Option<(usize, String)> {
    let common = old.fields.intersection(&new.fields).count();
    let all = old.fields.union(&new.fields).count();
    let share = (100 * common).checked_div(all).unwrap_or(0);
    let class = |shape: &Shape| shape.model.rsplit('.').next().unwrap_or_default().to_owned();
    let name = likeness(&class(old), &class(new));
    let app = |shape: &Shape| shape.model.split('.').next().unwrap_or_default().to_owned();
    // By the name, or by so many fields that chance is out of the question.
    let enough = (name >= ALIKE && (share >= 50 || app(old) == app(new))) || (common >= 4 && share >= 75);
    let because =
        format!("{} is gone, {} is new, and {common} of their {all} fields have the same names.", old.model, new.model);
    enough.then_some((share + name, because))
}

/// Tells how alike two names are, from 0 to 100: the share of pairs of letters that both have (Dice's coefficient).
fn likeness(one: &str, other: &str) -> usize {
    let letters = |name: &str| -> Vec<char> {
        name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let (one, other) = (letters(one), letters(other));
    if one == other {
        return 100;
    }
    if one.len().max(other.len()) > LONGEST_NAME {
        return 0;
    }
    let pairs = |letters: &[char]| -> Vec<Vec<char>> { letters.windows(2).map(<[char]>::to_vec).collect() };
    let (mine, mut theirs) = (pairs(&one), pairs(&other));
    let all = mine.len() + theirs.len();
    let mut common: usize = 0;
    for pair in &mine {
        if let Some(at) = theirs.iter().position(|known| known == pair) {
            theirs.swap_remove(at);
            common += 1;
        }
    }
    (200 * common).checked_div(all).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::likeness;

    #[test]
    fn names_are_more_or_less_alike() {
        assert_eq!(likeness("email", "e_mail"), 100);
        assert_eq!(likeness("Authority", "Authorization"), 60);
        assert_eq!(likeness("summary", "title"), 0);
        assert_eq!(likeness("a", "b"), 0);
    }

    #[test]
    fn very_long_names_are_alike_only_when_they_are_equal() {
        assert_eq!(likeness(&"ab".repeat(1_000_000), &"ab".repeat(999_999)), 0);
        assert_eq!(likeness(&"ab".repeat(1_000_000), &"ab".repeat(1_000_000)), 100);
    }
}
