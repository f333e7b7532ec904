//! Guesses of the scripts, looked at by the light of the models: scripts know neither types nor targets.

use super::super::difference::{Guess, Subject};
use super::super::model::{Field, Models};
use super::super::models::kind;
use super::Sources;
use super::ground::named;

/// Returns the guess in the words of the models; none when they know better.
pub fn checked(sources: &Sources, guess: Guess) -> Option<Guess> {
    let (Ok([before, after]), Subject::Field(of, from), Subject::Field(model, to)) =
        (&sources.models, &guess.from, &guess.to)
    else {
        return Some(guess);
    };
    let (Some(old), Some(new)) = (field(before, of, from), field(after, model, to)) else { return Some(guess) };
    let subject = |model: &str, field: &Field| Subject::Field(model.to_owned(), field.name.clone());
    let guess = Guess { from: subject(of, old), to: subject(model, new), because: guess.because.clone() };
    (kind(old) == kind(new)).then_some(guess)
}

fn field<'a>(models: &'a Models, model: &str, attribute: &str) -> Option<&'a Field> {
    named(models, model)?.fields.iter().find(|field| field.attname == attribute)
}
