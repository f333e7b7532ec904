//! Whether two values mean the same, however Python wrote them.

use super::super::{Argument, Decimal, Problem, Value, parse};
use super::found::{Both, Reason, Side};
use super::markup;

/// What a value is to its create function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// What it says.
    Plain,
    /// A decimal number, whose digits may be written as text.
    Number,
    /// A list of texts, one for each language.
    Babel,
    /// A text before, and a list of texts now.
    Translated,
}

/// How two values relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// They mean the same.
    Equal,
    /// They differ in what Lino itself changes.
    ByLino(Reason),
    /// They differ.
    Different,
}

impl Relation {
    /// Returns why Lino itself changed the value, when the two values show it.
    pub const fn reason(self) -> Option<Reason> {
        match self {
            Self::ByLino(reason) => Some(reason),
            Self::Equal | Self::Different => None,
        }
    }
}

/// Arguments of `dt(…)` that are always written: up to the seconds.
const TO_SECONDS: usize = 6;

/// Compares two values. `languages` pairs the positions of the languages when the two dumps have different ones.
pub(super) fn compare(
    raw: Both<&[u8]>,
    kind: Kind,
    languages: Option<&[Both<usize>]>,
) -> Result<Relation, (Side, Problem)> {
    let before = parse(raw[0]).map_err(|problem| (Side::Before, problem))?;
    let after = parse(raw[1]).map_err(|problem| (Side::After, problem))?;
    Ok(match (kind, languages) {
        (Kind::Number, _) => number(&before, &after),
        (Kind::Babel, Some(languages)) => babel(&before, &after, languages),
        (Kind::Translated, _) => translated(&before, &after),
        _ => values(&before, &after),
    })
}

fn equal(equal: bool) -> Relation {
    if equal { Relation::Equal } else { Relation::Different }
}

fn values(before: &Value<'_>, after: &Value<'_>) -> Relation {
    match (before, after) {
        (Value::Call { function: mine, arguments: before }, Value::Call { function: theirs, arguments: after })
            if mine == theirs =>
        {
            match *mine {
                "dt" | "datetime" => time(before, after, TO_SECONDS),
                "time" => time(before, after, 3),
                "Decimal" => match (&before[..], &after[..]) {
                    ([before], [after]) => number(&before.value, &after.value),
                    _ => equal(before == after),
                },
                _ => equal(before == after),
            }
        }
        (Value::List(before), Value::List(after)) => lists(before, after),
        (Value::Text(mine), Value::Text(theirs)) if mine != theirs && markup::same(mine, theirs) => {
            Relation::ByLino(Reason::Markup)
        }
        _ => equal(before == after),
    }
}

/// Compares a text with texts whose first one is that of the main language.
fn translated(before: &Value<'_>, after: &Value<'_>) -> Relation {
    let Value::List(texts) = after else { return values(before, after) };
    let nothing =
        |value: &Value<'_>| matches!(value, Value::None) || matches!(value, Value::Text(text) if text.is_empty());
    match texts.split_first() {
        Some((main, others)) if others.iter().all(nothing) && (main == before || nothing(main) && nothing(before)) => {
            Relation::ByLino(Reason::Translated)
        }
        _ => Relation::Different,
    }
}

fn lists(before: &[Value<'_>], after: &[Value<'_>]) -> Relation {
    if before.len() != after.len() {
        return Relation::Different;
    }
    let relations = before.iter().zip(after).map(|(before, after)| values(before, after));
    worst(relations)
}

fn worst(relations: impl Iterator<Item = Relation>) -> Relation {
    relations.fold(Relation::Equal, |worst, relation| match (worst, relation) {
        (Relation::Different, _) | (_, Relation::Different) => Relation::Different,
        (Relation::ByLino(reason), _) | (_, Relation::ByLino(reason)) => Relation::ByLino(reason),
        _ => Relation::Equal,
    })
}

/// Compares moments. What is not written is zero; a dump has no parts of a second, so those of another source are lost.
fn time(before: &[Argument<'_>], after: &[Argument<'_>], seconds: usize) -> Relation {
    let (Some(before), Some(after)) = (parts(before), parts(after)) else { return equal(before == after) };
    let part = |parts: &[i64], at: usize| parts.get(at).copied().unwrap_or_default();
    let longest = before.len().max(after.len());
    let differs = (0..longest).find(|at| part(&before, *at) != part(&after, *at));
    match differs {
        None => Relation::Equal,
        Some(at) if at == seconds && longest == seconds + 1 && part(&after, at) == 0 => {
            Relation::ByLino(Reason::Microseconds)
        }
        Some(_) => Relation::Different,
    }
}

fn parts(arguments: &[Argument<'_>]) -> Option<Vec<i64>> {
    let part = |argument: &Argument<'_>| match argument {
        Argument { name: None, value: Value::Int(number) } => Some(*number),
        _ => None,
    };
    arguments.iter().map(part).collect()
}

/// Compares two decimal numbers by what they are worth.
fn number(before: &Value<'_>, after: &Value<'_>) -> Relation {
    match (digits(before), digits(after)) {
        (Some(before), Some(after)) => equal(before == after),
        _ => values(before, after),
    }
}

/// A decimal number without superfluous zeros: its sign, its digits, and where the point is.
#[derive(PartialEq, Eq)]
struct Digits {
    negative: bool,
    significant: Vec<u8>,
    exponent: i64,
}

fn digits(value: &Value<'_>) -> Option<Digits> {
    match value {
        Value::Int(number) => decimal(&number.to_string()),
        Value::Large(text) | Value::Text(text) => decimal(text),
        Value::Float(number) if number.is_finite() => decimal(&number.to_string()),
        Value::Call { function: "Decimal", arguments } => match &arguments[..] {
            [argument] => digits(&argument.value),
            _ => None,
        },
        _ => None,
    }
}

/// Reads what a decimal number is worth.
fn decimal(text: &str) -> Option<Digits> {
    let Decimal { negative, mut digits, places, exponent } = Decimal::read(text)?;
    let mut exponent = i64::from(exponent) - places;
    while digits.last() == Some(&0) {
        digits.pop();
        exponent += 1;
    }
    let zeros = digits.iter().take_while(|digit| **digit == 0).count();
    digits.drain(..zeros);
    if digits.is_empty() {
        return Some(Digits { negative: false, significant: digits, exponent: 0 });
    }
    Some(Digits { negative, significant: digits, exponent })
}

/// Compares the texts of the languages that both dumps have.
fn babel(before: &Value<'_>, after: &Value<'_>, languages: &[Both<usize>]) -> Relation {
    let (Value::List(mine), Value::List(theirs)) = (before, after) else { return values(before, after) };
    worst(languages.iter().map(|at| match (mine.get(at[0]), theirs.get(at[1])) {
        (Some(mine), Some(theirs)) => values(mine, theirs),
        (None, None) => Relation::Equal,
        _ => Relation::Different,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relation(kind: Kind, before: &str, after: &str) -> Relation {
        compare([before.as_bytes(), after.as_bytes()], kind, None).unwrap()
    }

    #[test]
    fn values_are_equal_by_meaning_and_not_by_spelling() {
        let equal = [
            (Kind::Plain, "'it\\'s'", "\"it's\""),
            (Kind::Plain, "'\\xe9'", "'é'"),
            (Kind::Plain, "dt(2024,1,2,3,0,0)", "dt(2024,1,2,3)"),
            (Kind::Plain, "dt(2024, 1, 2, 3, 4, 5)", "dt(2024,1,2,3,4,5,0)"),
            (Kind::Plain, "time(9,30,0)", "time(9,30)"),
            (Kind::Plain, "['a', 'b']", "[\"a\",'b',]"),
            (Kind::Number, "'10.00'", "'10.0'"),
            (Kind::Number, "'10.00'", "10"),
            (Kind::Number, "'0.00'", "'-0'"),
            (Kind::Number, "'1E+2'", "'100'"),
            (Kind::Number, "'0.10'", "'.1'"),
            (Kind::Plain, "Decimal('1.0')", "Decimal('1.00')"),
        ];
        for (kind, before, after) in equal {
            assert_eq!(relation(kind, before, after), Relation::Equal, "{before} {after}");
        }
    }

    #[test]
    fn values_that_mean_something_else_differ() {
        let different = [
            (Kind::Plain, "None", "''"),
            (Kind::Plain, "'1'", "1"),
            (Kind::Plain, "'10.00'", "'10.0'"),
            (Kind::Plain, "['a', '']", "['a', None]"),
            (Kind::Plain, "['a']", "['a', 'b']"),
            (Kind::Plain, "contacts_Person", "contacts_Company"),
            (Kind::Plain, "date(2024,1,2)", "dt(2024,1,2)"),
            (Kind::Plain, "dt(2024,1,2,3,4,5,6)", "dt(2024,1,2,3,4,6)"),
            (Kind::Plain, "dt(2024,1,2,3,4,5)", "dt(2024,1,2,3,4,5,6)"),
            (Kind::Number, "'10.01'", "'10.1'"),
            (Kind::Number, "'100'", "'10'"),
            (Kind::Number, "None", "''"),
            (Kind::Number, "'NaN'", "'0'"),
        ];
        for (kind, before, after) in different {
            assert_eq!(relation(kind, before, after), Relation::Different, "{before} {after}");
        }
        let cut = Relation::ByLino(Reason::Microseconds);
        assert_eq!(relation(Kind::Plain, "dt(2024,1,2,3,4,5,678)", "dt(2024,1,2,3,4,5)"), cut);
        assert_eq!(relation(Kind::Plain, "time(3,4,5,678)", "time(3,4,5)"), cut);
    }

    #[test]
    fn texts_of_languages_are_compared_by_language() {
        let compared = |before: &str, after: &str| {
            compare([before.as_bytes(), after.as_bytes()], Kind::Babel, Some(&[[0, 1], [1, 0]])).unwrap()
        };
        assert_eq!(compared("['a', 'b', 'c']", "['b', 'a']"), Relation::Equal);
        assert_eq!(compared("['a', 'b', 'c']", "['a', 'b']"), Relation::Different);
    }

    #[test]
    fn a_text_that_can_be_translated_now_is_the_same_in_the_main_language() {
        let translated = Relation::ByLino(Reason::Translated);
        for (before, after) in [("'a'", "['a', '', None]"), ("None", "['', '']"), ("''", "[None]")] {
            assert_eq!(relation(Kind::Translated, before, after), translated, "{before} {after}");
        }
        for (before, after) in [("'a'", "['b', '']"), ("'a'", "['', 'a']"), ("'a'", "['a', 'b']"), ("'a'", "[]")] {
            assert_eq!(relation(Kind::Translated, before, after), Relation::Different, "{before} {after}");
        }
        assert_eq!(relation(Kind::Plain, "'a é'", "'<p>a &eacute;</p>'"), Relation::ByLino(Reason::Markup));
    }

    #[test]
    fn what_python_cannot_read_is_a_problem_of_its_side() {
        let side = |before: &str, after: &str| {
            compare([before.as_bytes(), after.as_bytes()], Kind::Plain, None).unwrap_err().0
        };
        assert_eq!(side("'x", "'x'"), Side::Before);
        assert_eq!(side("1", "1 +"), Side::After);
    }
}
