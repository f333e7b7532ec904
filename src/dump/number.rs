//! Numbers as Python writes them.

use std::borrow::Cow;

use super::parser::{Parser, continues_name};
use super::place::Fault;
use super::value::Value;

/// Decimal digits that Python converts; a longer literal is an error of its compiler (since 3.11).
const LONGEST: usize = 4300;

/// Reads the number at the parser; `sign` is empty or a minus.
pub(super) fn read<'a>(parser: &mut Parser<'a>, sign: &str) -> Result<Value<'a>, Fault> {
    let start = parser.at;
    let value = match (parser.peek(), parser.after(1)) {
        (Some(b'0'), Some(b'x' | b'X')) => based(parser, sign, 16),
        (Some(b'0'), Some(b'o' | b'O')) => based(parser, sign, 8),
        (Some(b'0'), Some(b'b' | b'B')) => based(parser, sign, 2),
        _ => decimal(parser, sign),
    }?;
    match parser.text.get(parser.at..).and_then(|rest| rest.chars().next()) {
        Some('l' | 'L') => Err(Fault::new(start, "this is a long integer of Python 2")),
        Some('j' | 'J') => Err(Fault::new(start, "complex numbers are not read")),
        Some(c) if continues_name(c) => Err(parser.fault("a number is followed by a letter or digit")),
        _ => Ok(value),
    }
}

fn based<'a>(parser: &mut Parser<'a>, sign: &str, base: u32) -> Result<Value<'a>, Fault> {
    let start = parser.at;
    parser.at += 2;
    if parser.peek() == Some(b'_') {
        parser.at += 1;
    }
    digits(parser, base)?;
    let literal = without_underscores(parser.text.get(start..parser.at).unwrap_or_default());
    let signed = format!("{sign}{}", literal.get(2..).unwrap_or_default());
    Ok(i64::from_str_radix(&signed, base).map_or_else(|_| Value::Large(format!("{sign}{literal}").into()), Value::Int))
}

fn decimal<'a>(parser: &mut Parser<'a>, sign: &str) -> Result<Value<'a>, Fault> {
    let start = parser.at;
    if parser.peek() != Some(b'.') {
        digits(parser, 10)?;
    }
    let whole = parser.at;
    if parser.peek() == Some(b'.') {
        parser.at += 1;
        if parser.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            digits(parser, 10)?;
        }
    }
    exponent(parser)?;
    let literal = without_underscores(parser.text.get(start..parser.at).unwrap_or_default());
    if parser.at > whole {
        let number: f64 = literal.parse().map_err(|_| Fault::new(start, "this is no number"))?;
        return Ok(Value::Float(if sign.is_empty() { number } else { -number }));
    }
    integer(start, literal, sign)
}

fn integer<'a>(start: usize, literal: Cow<'a, str>, sign: &str) -> Result<Value<'a>, Fault> {
    if literal.starts_with('0') && literal.bytes().any(|byte| byte != b'0') {
        return Err(Fault::new(start, "a whole number begins with 0"));
    }
    if literal.len() > LONGEST {
        return Err(Fault::new(start, "the number is longer than Python reads"));
    }
    let signed: Cow<'a, str> = if sign.is_empty() { literal } else { format!("{sign}{literal}").into() };
    Ok(signed.parse().map_or_else(|_| Value::Large(signed.clone()), Value::Int))
}

/// Passes `e`, a sign and digits, if digits are there.
fn exponent(parser: &mut Parser<'_>) -> Result<(), Fault> {
    if !matches!(parser.peek(), Some(b'e' | b'E')) {
        return Ok(());
    }
    let sign = usize::from(matches!(parser.after(1), Some(b'-' | b'+')));
    if parser.after(1 + sign).is_some_and(|byte| byte.is_ascii_digit()) {
        parser.at += 1 + sign;
        digits(parser, 10)?;
    }
    Ok(())
}

/// Passes digits with single underscores between them.
fn digits(parser: &mut Parser<'_>, base: u32) -> Result<(), Fault> {
    loop {
        let start = parser.at;
        while parser.peek().is_some_and(|byte| char::from(byte).is_digit(base)) {
            parser.at += 1;
        }
        if parser.at == start {
            return Err(parser.fault("a digit is missing"));
        }
        if parser.peek() != Some(b'_') {
            return Ok(());
        }
        parser.at += 1;
    }
}

fn without_underscores(literal: &str) -> Cow<'_, str> {
    if literal.contains('_') { literal.replace('_', "").into() } else { literal.into() }
}
