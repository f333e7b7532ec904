//! What was probably only renamed.
//!
//! A wrong guess costs a question, a missing one only that the operator must see it himself; so alike is enough here.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::super::column_type::ColumnType;
use super::super::difference::{Guess, Subject};
use super::{Field, Model, Models, languages, named};

/// How alike names must be, from 0 to 100.
const ALIKE: usize = 50;

pub(super) fn guess(before: &Models, after: &Models) -> Vec<Guess> {
    let gone: Vec<&Model> = before.models.iter().filter(|model| named(after, &model.model).is_none()).collect();
    let new: Vec<&Model> = after.models.iter().filter(|model| named(before, &model.model).is_none()).collect();
    let mut guesses = pairs(&gone, &new, models_alike, |model| Subject::Model(model.model.clone()));
    let told = languages::changed(before, after);
    for model in &after.models {
        let Some(former) = named(before, &model.model) else { continue };
        let own = |field: &&Field| !languages::explains(told, former, model, field);
        let gone =
            former.fields.iter().filter(|field| model.field(&field.name).is_none()).filter(own).collect::<Vec<_>>();
        let new =
            model.fields.iter().filter(|field| former.field(&field.name).is_none()).filter(own).collect::<Vec<_>>();
        let subject = |field: &Field| Subject::Field(model.model.clone(), field.name.clone());
        guesses.extend(pairs(&gone, &new, fields_alike, subject));
        for guess in only_pair(&gone, &new, &subject) {
            if !guesses.iter().any(|known| known.from == guess.from || known.to == guess.to) {
                guesses.push(guess);
            }
        }
    }
    guesses
}

/// Pairs what is most alike first; each is used once.
fn pairs<T>(
    gone: &[&T],
    new: &[&T],
    alike: impl Fn(&T, &T) -> Option<(usize, String)>,
    subject: impl Fn(&T) -> Subject,
) -> Vec<Guess> {
    let mut found: Vec<(usize, Guess)> = Vec::new();
    for (old, other) in gone.iter().flat_map(|old| new.iter().map(move |other| (old, other))) {
        if let Some((points, because)) = alike(old, other) {
            found.push((points, Guess { from: subject(old), to: subject(other), because }));
        }
    }
    found.sort_by_key(|(points, _)| Reverse(*points));
    let mut guesses: Vec<Guess> = Vec::new();
    for (_, guess) in found {
        if !guesses.iter().any(|known| known.from == guess.from || known.to == guess.to) {
            guesses.push(guess);
        }
    }
    guesses
}

fn kind(field: &Field) -> (String, Option<&String>) {
    let text = field.db_type.as_deref().unwrap_or_default();
    (ColumnType::read(text, field.db_check.as_deref()).name, field.target.as_ref())
}

fn fields_alike(old: &Field, new: &Field) -> Option<(usize, String)> {
    if kind(old) != kind(new) {
        return None;
    }
    let points = likeness(&old.name, &new.name);
    let because = format!("{} is gone, {} of the same type is new, and the names are alike.", old.name, new.name);
    (points >= ALIKE).then_some((points, because))
}

/// The only field of its type that is gone, and the only one that is new.
fn only_pair(gone: &[&Field], new: &[&Field], subject: &impl Fn(&Field) -> Subject) -> impl Iterator<Item = Guess> {
    gone.iter().filter_map(move |old| {
        let twins = gone.iter().filter(|other| kind(other) == kind(old)).count();
        let mut fitting = new.iter().filter(|other| kind(other) == kind(old));
        let (Some(other), None, 1) = (fitting.next(), fitting.next(), twins) else { return None };
        let because =
            format!("{} is the only field of its type that is gone, and {} the only new one.", old.name, other.name);
        Some(Guess { from: subject(old), to: subject(other), because })
    })
}

fn models_alike(old: &Model, new: &Model) -> Option<(usize, String)> {
    let names = |model: &Model| -> BTreeSet<String> {
        model.fields.iter().filter(|field| !field.primary_key).map(|field| field.name.clone()).collect()
    };
    let (mine, theirs) = (names(old), names(new));
    let common = mine.intersection(&theirs).count();
    let all = mine.union(&theirs).count();
    let share = (100 * common).checked_div(all).unwrap_or(0);
    let class = |model: &Model| model.model.rsplit('.').next().unwrap_or_default().to_owned();
    let name = likeness(&class(old), &class(new));
    let app = |model: &Model| model.model.split('.').next().unwrap_or_default().to_owned();
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
}
