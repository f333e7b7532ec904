//! Decimal numbers as Django's `DecimalValidator` measures them.

use std::cmp::Ordering;

use crate::dump::Decimal;

/// A decimal number: its digits without zeros in front, and how many of them come after the point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number {
    negative: bool,
    digits: Vec<u8>,
    /// Negative when zeros follow the digits.
    places: i64,
}

/// Exponents beyond this are no values of a database.
const GREATEST: u32 = 10_000;

impl Number {
    /// Reads a number; none for what is no finite number.
    pub fn read(text: &str) -> Option<Self> {
        let Decimal { negative, digits, places, exponent } = Decimal::read(text)?;
        if exponent.unsigned_abs() > GREATEST {
            return None;
        }
        let places = places - i64::from(exponent);
        let zeros = digits.iter().take_while(|digit| **digit == 0).count().min(digits.len() - 1);
        Some(Self { negative, digits: digits.into_iter().skip(zeros).collect(), places })
    }

    /// Tells whether Django takes it into a field of so many digits, so many of them after the point.
    pub fn has_at_most(&self, digits: u64, places: u64) -> bool {
        let mine = self.digits.len() as u64;
        let (all, after) = if self.places <= 0 {
            let zeros = if self.digits == [0] { 0 } else { self.places.unsigned_abs() };
            (mine + zeros, 0)
        } else {
            let after = self.places.unsigned_abs();
            (mine.max(after), after)
        };
        all <= digits && after <= places && all - after <= digits.saturating_sub(places)
    }

    /// Returns it when it is a whole number.
    pub fn whole(&self) -> Option<i128> {
        let mut digits = self.digits.clone();
        for _ in 0..self.places.max(0) {
            if digits.pop().is_some_and(|digit| digit != 0) {
                return None;
            }
        }
        digits.extend(std::iter::repeat_n(0, usize::try_from(-self.places.min(0)).ok()?));
        let number =
            digits.iter().try_fold(0_i128, |sum, digit| sum.checked_mul(10)?.checked_add(i128::from(*digit)))?;
        Some(if self.negative { -number } else { number })
    }

    /// Compares two numbers.
    pub fn compare(&self, other: &Self) -> Ordering {
        let zero = |number: &Self| number.digits.iter().all(|digit| *digit == 0);
        match (zero(self), zero(other)) {
            (true, true) => return Ordering::Equal,
            (true, false) => return if other.negative { Ordering::Greater } else { Ordering::Less },
            (false, true) => return if self.negative { Ordering::Less } else { Ordering::Greater },
            (false, false) => {}
        }
        match (self.negative, other.negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => self.size(other),
            (true, true) => other.size(self),
        }
    }

    fn size(&self, other: &Self) -> Ordering {
        let whole = |number: &Self| i64::try_from(number.digits.len()).unwrap_or(i64::MAX) - number.places;
        let longest = self.digits.len().max(other.digits.len());
        let padded = |number: &Self| -> Vec<u8> {
            number.digits.iter().copied().chain(std::iter::repeat(0)).take(longest).collect()
        };
        whole(self).cmp(&whole(other)).then_with(|| padded(self).cmp(&padded(other)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_counted_as_django_counts_them() {
        let fits = |text: &str, digits, places| Number::read(text).unwrap().has_at_most(digits, places);
        for (text, digits, places, expected) in [
            ("1.50", 3, 2, true),
            ("1.50", 3, 1, false),
            ("12.5", 3, 2, false),
            ("0.05", 2, 2, true),
            ("0.005", 2, 2, false),
            ("-99.99", 4, 2, true),
            ("1E+3", 4, 0, true),
            ("1E+3", 3, 0, false),
            ("0E+3", 1, 0, true),
            ("007", 1, 0, true),
        ] {
            assert_eq!(fits(text, digits, places), expected, "{text} {digits} {places}");
        }
    }

    #[test]
    fn what_is_no_number_is_not_read() {
        for text in ["", "abc", "1.2.3", "NaN", "Infinity", "1e", "1e99999999999", "٣", "--1", "1 2"] {
            assert_eq!(Number::read(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_compared_by_value() {
        let sorted = ["-10", "-9.5", "-0.01", "0", "0.001", "1E-2", "1.0", "9.99", "10", "1e2"];
        let numbers: Vec<Number> = sorted.iter().map(|text| Number::read(text).unwrap()).collect();
        for (index, number) in numbers.iter().enumerate() {
            for (other, against) in numbers.iter().enumerate() {
                assert_eq!(number.compare(against), index.cmp(&other), "{} {}", sorted[index], sorted[other]);
            }
        }
        assert_eq!(Number::read("1.0").unwrap().compare(&Number::read("01").unwrap()), Ordering::Equal);
        assert_eq!(Number::read("-0").unwrap().compare(&Number::read("0.0").unwrap()), Ordering::Equal);
    }

    #[test]
    fn whole_numbers_are_told_from_others() {
        let whole = |text: &str| Number::read(text).unwrap().whole();
        assert_eq!(
            ["12.00", "12.50", "-3", "1e3", "0.0", "1e60"].map(whole),
            [Some(12), None, Some(-3), Some(1000), Some(0), None]
        );
    }
}
