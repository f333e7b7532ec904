//! The primary keys of a table, in little memory: a bit or two for most numbers, eight bytes for a text.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use roaring::RoaringTreemap;

use super::literal;

/// A key, as far as it must be known to find it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// A whole number.
    Number(i64),
    /// The hash of a text. Two texts may share one: who finds it twice looks again.
    Text(u64),
}

impl Key {
    /// Reads a key as the database shows it.
    #[must_use]
    pub fn of(text: &str) -> Self {
        // What Python or a database would write otherwise, `+7` or `007`, is a text.
        match text.parse::<i64>() {
            Ok(number) if number.to_string() == text => Self::Number(number),
            _ => {
                let mut hasher = DefaultHasher::new();
                text.hash(&mut hasher);
                Self::Text(hasher.finish())
            }
        }
    }

    /// Makes a key of what Python wrote for a value of another kind.
    #[must_use]
    pub fn of_bytes(raw: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        raw.hash(&mut hasher);
        Self::Text(hasher.finish())
    }

    /// Reads a key as a row file writes it; none for a kind that is compared by count alone (dates, calls, names).
    #[must_use]
    pub fn read(raw: &[u8]) -> Option<Self> {
        number(raw).map(Self::Number).or_else(|| literal::key(raw).map(|text| Self::of(&text)))
    }
}

/// Reads a whole number that is written without superfluous signs or zeros.
fn number(raw: &[u8]) -> Option<i64> {
    let (negative, digits) = match raw {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    // As many digits as always fit.
    if digits.is_empty() || digits.len() > 18 || (digits.len() > 1 || negative) && digits.first() == Some(&b'0') {
        return None;
    }
    let mut value: i64 = 0;
    for digit in digits {
        value = value * 10 + i64::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
    }
    Some(if negative { -value } else { value })
}

/// A set of keys.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Keys {
    numbers: RoaringTreemap,
    texts: HashSet<u64>,
}

impl Keys {
    /// Adds a key; tells whether it was not there.
    pub fn insert(&mut self, key: Key) -> bool {
        match key {
            Key::Number(number) => self.numbers.insert(place(number)),
            Key::Text(hash) => self.texts.insert(hash),
        }
    }

    /// Removes a key; tells whether it was there.
    pub fn remove(&mut self, key: Key) -> bool {
        match key {
            Key::Number(number) => self.numbers.remove(place(number)),
            Key::Text(hash) => self.texts.remove(&hash),
        }
    }

    /// Tells whether a key is there.
    #[must_use]
    pub fn contains(&self, key: Key) -> bool {
        match key {
            Key::Number(number) => self.numbers.contains(place(number)),
            Key::Text(hash) => self.texts.contains(&hash),
        }
    }

    /// Returns how many there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.numbers.len() + self.texts.len() as u64
    }

    /// Tells whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty() && self.texts.is_empty()
    }

    /// Adds all keys of another set.
    pub fn extend(&mut self, other: Self) {
        self.numbers |= other.numbers;
        self.texts.extend(other.texts);
    }

    /// Adds the keys of a file, which it may reorder; returns those that were there already or come twice in it.
    #[must_use]
    pub fn add(&mut self, numbers: &mut [i64], texts: &[u64]) -> Self {
        let mut twice = Self::default();
        if !numbers.is_sorted() {
            numbers.sort_unstable();
        }
        let mut own = RoaringTreemap::new();
        let mut last = None;
        let ascending = numbers.iter().copied().filter(|number| {
            let fresh = last.replace(*number) != Some(*number);
            if !fresh {
                twice.numbers.insert(place(*number));
            }
            fresh
        });
        let added = own.append(ascending.map(place));
        debug_assert!(added.is_ok(), "sorted numbers have sorted places");
        twice.numbers |= &own & &self.numbers;
        self.numbers |= own;
        for hash in texts.iter().filter(|hash| !self.texts.insert(**hash)) {
            twice.texts.insert(*hash);
        }
        twice
    }
}

/// Places numbers in their own order, the negative ones before the others.
const fn place(number: i64) -> u64 {
    number.cast_unsigned() ^ (1 << 63)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_is_the_same_in_a_row_file_and_in_the_database() {
        for (raw, text) in [("7", "7"), ("-7", "-7"), ("0", "0"), ("'BE'", "BE"), (r"'\xe9'", "é"), ("'7'", "7")] {
            assert_eq!(Key::read(raw.as_bytes()), Some(Key::of(text)), "{raw}");
        }
        assert_eq!(Key::of("7"), Key::Number(7));
        assert_eq!(Key::read(b"9223372036854775807"), Some(Key::Number(i64::MAX)));
        for text in ["007", "-0", "+7", "9223372036854775808", "", "-", "7 "] {
            assert!(matches!(Key::of(text), Key::Text(_)), "{text}");
        }
        for raw in ["None", "date(2020,1,1)", "", "x"] {
            assert_eq!(Key::read(raw.as_bytes()), None, "{raw}");
        }
    }

    proptest! {
        #[test]
        fn keys_that_come_twice_are_those_that_a_set_refuses(
            files in proptest::collection::vec(proptest::collection::vec(-40_i64..40, 0..30), 0..4)
        ) {
            let (mut keys, mut seen, mut twice) = (Keys::default(), HashSet::new(), HashSet::new());
            let mut told = Keys::default();
            for file in &files {
                for number in file {
                    if !seen.insert(*number) {
                        twice.insert(*number);
                    }
                }
                let texts: Vec<u64> = file.iter().map(|number| number.cast_unsigned()).collect();
                let found = keys.add(&mut file.clone(), &texts);
                told.extend(found);
            }
            prop_assert_eq!(keys.len(), 2 * seen.len() as u64);
            let expected = Keys {
                numbers: twice.iter().map(|number| place(*number)).collect(),
                texts: twice.iter().map(|number| number.cast_unsigned()).collect(),
            };
            prop_assert_eq!(told, expected);
            for number in -45..45 {
                prop_assert_eq!(keys.contains(Key::Number(number)), seen.contains(&number));
                prop_assert_eq!(keys.remove(Key::Number(number)), seen.contains(&number));
            }
        }
    }
}
