//! Decimal numbers as Python's `Decimal` reads them from a text.

/// A decimal number as it is written: not yet what it is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decimal {
    /// Whether there is a minus before it.
    pub negative: bool,
    /// All its digits, from 0 to 9.
    pub digits: Vec<u8>,
    /// How many of them stand behind the point.
    pub places: i64,
    /// The power of ten that it is multiplied with.
    pub exponent: i32,
}

impl Decimal {
    /// Reads a number; none for what is not finite or no number.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digit = |byte: u8| byte.is_ascii_digit().then(|| byte - b'0');
        let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).map(digit).collect::<Option<_>>()?;
        let places = i64::try_from(fraction.len()).ok()?;
        (!digits.is_empty()).then_some(Self { negative, digits, places, exponent })
    }
}
