//! Strings and bytes as Python writes them: borrowed when nothing is escaped, decoded otherwise.

use std::borrow::Cow;

use super::parser::Parser;
use super::place::Fault;
use super::value::Value;

/// What stands before the quote.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Prefix {
    length: usize,
    raw: bool,
    bytes: bool,
    formatted: bool,
}

/// Tells whether a string begins at the parser.
pub(super) fn begins(parser: &Parser<'_>) -> bool {
    prefix(parser).is_some()
}

fn prefix(parser: &Parser<'_>) -> Option<Prefix> {
    let mut found = Prefix { length: 0, raw: false, bytes: false, formatted: false };
    let mut unicode = false;
    loop {
        let flag = match parser.after(found.length)? {
            b'\'' | b'"' => return (!unicode || found.length == 1).then_some(found),
            b'r' | b'R' => &mut found.raw,
            b'b' | b'B' => &mut found.bytes,
            b'f' | b'F' => &mut found.formatted,
            b'u' | b'U' => &mut unicode,
            _ => return None,
        };
        if *flag || found.length == 2 {
            return None;
        }
        *flag = true;
        found.length += 1;
    }
}

/// A string while it is put together.
enum Content<'a> {
    Text(Cow<'a, str>),
    /// Code points, since a half of a surrogate pair was met.
    Points(Vec<u32>),
    Bytes(Cow<'a, [u8]>),
    /// There is a character by name: the text is given as Python wrote it.
    Named,
}

/// Reads a string, and those that follow it directly, which Python joins.
pub(super) fn read<'a>(parser: &mut Parser<'a>) -> Result<Value<'a>, Fault> {
    let start = parser.at;
    let mut whole: Option<Content<'a>> = None;
    let mut end = start;
    while let Some(prefix) = prefix(parser) {
        let part = one(parser, prefix)?;
        whole = Some(match whole {
            None => part,
            Some(before) => join(before, part).ok_or_else(|| Fault::new(start, "bytes and text are mixed"))?,
        });
        end = parser.at;
        parser.space();
    }
    parser.at = end;
    Ok(match whole {
        Some(Content::Text(text)) => Value::Text(text),
        Some(Content::Points(points)) => Value::Surrogates(points),
        Some(Content::Bytes(bytes)) => Value::Bytes(bytes),
        Some(Content::Named) => Value::Named(parser.text.get(start..end).unwrap_or_default()),
        None => return Err(parser.fault("formatted strings are not read")),
    })
}

fn join<'a>(before: Content<'a>, part: Content<'a>) -> Option<Content<'a>> {
    Some(match (before, part) {
        (Content::Bytes(mut bytes), Content::Bytes(more)) => {
            bytes.to_mut().extend_from_slice(&more);
            Content::Bytes(bytes)
        }
        (Content::Bytes(_), _) | (_, Content::Bytes(_)) => return None,
        (Content::Named, _) | (_, Content::Named) => Content::Named,
        (Content::Text(mut text), Content::Text(more)) => {
            text.to_mut().push_str(&more);
            Content::Text(text)
        }
        (before, part) => {
            let mut points = points(before);
            points.extend(self::points(part));
            Content::Points(points)
        }
    })
}

fn points(content: Content<'_>) -> Vec<u32> {
    match content {
        Content::Points(points) => points,
        Content::Text(text) => text.chars().map(u32::from).collect(),
        Content::Bytes(_) | Content::Named => Vec::new(),
    }
}

fn one<'a>(parser: &mut Parser<'a>, prefix: Prefix) -> Result<Content<'a>, Fault> {
    let start = parser.at;
    if prefix.formatted {
        return Err(parser.fault("formatted strings are not read"));
    }
    let inner = delimited(parser, prefix.length)?;
    let (from, text) = (inner, parser.text.get(inner..parser.at).unwrap_or_default());
    let triple = from - start - prefix.length == 3;
    parser.at += from - start - prefix.length;
    if let Some(at) = memchr::memchr(0, text.as_bytes()) {
        return Err(Fault::new(from + at, "Python refuses a zero byte"));
    }
    if prefix.bytes
        && let Some(at) = text.bytes().position(|byte| !byte.is_ascii())
    {
        return Err(Fault::new(from + at, "bytes may hold ASCII characters only"));
    }
    let text = if triple { line_ends(text) } else { Cow::Borrowed(text) };
    if prefix.raw || memchr::memchr(b'\\', text.as_bytes()).is_none() {
        return Ok(if prefix.bytes { Content::Bytes(into_bytes(text)) } else { Content::Text(text) });
    }
    if prefix.bytes { bytes(&text, from) } else { decoded(&text, from) }
}

fn into_bytes(text: Cow<'_, str>) -> Cow<'_, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

/// Turns line ends into line feeds, as Python does when it reads a file.
fn line_ends(text: &str) -> Cow<'_, str> {
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n").into() } else { text.into() }
}

/// Finds the inner text of the string whose prefix is so long: returns its start and sets the parser to its end.
fn delimited(parser: &mut Parser<'_>, prefix: usize) -> Result<usize, Fault> {
    let begin = parser.at;
    let bytes = parser.text.as_bytes();
    let unended = || Fault::new(begin, "the string has no end");
    let quote = parser.after(prefix).ok_or_else(unended)?;
    let open = begin + prefix;
    let triple = bytes.get(open..open + 3) == Some(&[quote; 3]);
    let start = open + if triple { 3 } else { 1 };
    let mut at = start;
    loop {
        let rest = bytes.get(at..).ok_or_else(unended)?;
        at += memchr::memchr2(quote, b'\\', rest).ok_or_else(unended)?;
        if bytes.get(at) == Some(&b'\\') {
            at += if bytes.get(at + 1..at + 3) == Some(b"\r\n") { 3 } else { 2 };
        } else if !triple || bytes.get(at..at + 3) == Some(&[quote; 3]) {
            break;
        } else {
            at += 1;
        }
    }
    if !triple && broken_line(bytes.get(start..at).unwrap_or_default()) {
        return Err(unended());
    }
    parser.at = at;
    Ok(start)
}

/// Tells whether a line ends in a string, other than behind a backslash.
fn broken_line(inner: &[u8]) -> bool {
    memchr::memchr2_iter(b'\n', b'\r', inner).any(|at| {
        let before = inner.get(..at).unwrap_or_default();
        let before = if inner.get(at) == Some(&b'\n') { before.strip_suffix(b"\r").unwrap_or(before) } else { before };
        before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 0
    })
}

/// Decodes the escapes of a text that begins at `from`.
fn decoded(text: &str, from: usize) -> Result<Content<'static>, Fault> {
    let mut found = Content::Text(Cow::Owned(String::with_capacity(text.len())));
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        let (plain, escape) = rest.split_at(at);
        push_text(&mut found, plain);
        let position = from + (text.len() - escape.len());
        let (kind, length) = escaped(escape, false, position)?;
        match kind {
            Escape::Point(point) => push(&mut found, point),
            Escape::Nothing => {}
            Escape::Name => found = Content::Named,
        }
        rest = escape.get(length..).unwrap_or_default();
    }
    push_text(&mut found, rest);
    Ok(found)
}

fn push_text(content: &mut Content<'static>, plain: &str) {
    match content {
        Content::Text(text) => text.to_mut().push_str(plain),
        Content::Points(points) => points.extend(plain.chars().map(u32::from)),
        Content::Bytes(_) | Content::Named => {}
    }
}

fn push(content: &mut Content<'static>, point: u32) {
    match (&mut *content, char::from_u32(point)) {
        (Content::Text(text), Some(c)) => text.to_mut().push(c),
        (Content::Text(text), None) => {
            let mut points: Vec<u32> = text.chars().map(u32::from).collect();
            points.push(point);
            *content = Content::Points(points);
        }
        (Content::Points(points), _) => points.push(point),
        (Content::Bytes(_) | Content::Named, _) => {}
    }
}

fn bytes(text: &str, from: usize) -> Result<Content<'static>, Fault> {
    let mut found = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        let (plain, escape) = rest.split_at(at);
        found.extend_from_slice(plain.as_bytes());
        let (kind, length) = escaped(escape, true, from + (text.len() - escape.len()))?;
        if let Escape::Point(point) = kind {
            found.push(u8::try_from(point & 0xff).unwrap_or_default());
        }
        rest = escape.get(length..).unwrap_or_default();
    }
    found.extend_from_slice(rest.as_bytes());
    Ok(Content::Bytes(found.into()))
}

enum Escape {
    Point(u32),
    /// A line end behind a backslash.
    Nothing,
    /// `\N{…}`.
    Name,
}

/// Reads the escape at the start of a text: what it means and its length in bytes.
fn escaped(escape: &str, bytes: bool, position: usize) -> Result<(Escape, usize), Fault> {
    let follows = escape.as_bytes().get(1).copied();
    let simple = |point: u8| Ok((Escape::Point(u32::from(point)), 2));
    match follows {
        Some(b'\n') => Ok((Escape::Nothing, 2)),
        Some(b'\r') => Ok((Escape::Nothing, if escape.as_bytes().get(2) == Some(&b'\n') { 3 } else { 2 })),
        Some(byte @ (b'\\' | b'\'' | b'"')) => simple(byte),
        Some(b'a') => simple(7),
        Some(b'b') => simple(8),
        Some(b'f') => simple(12),
        Some(b'n') => simple(b'\n'),
        Some(b'r') => simple(b'\r'),
        Some(b't') => simple(b'\t'),
        Some(b'v') => simple(11),
        Some(b'0'..=b'7') => Ok(octal(escape)),
        Some(b'x') => hexadecimal(escape, 2, position),
        Some(b'u') if !bytes => hexadecimal(escape, 4, position),
        Some(b'U') if !bytes => hexadecimal(escape, 8, position),
        Some(b'N') if !bytes => {
            let named = escape.get(2..).and_then(|name| name.strip_prefix('{')).and_then(|name| name.find('}'));
            match named {
                Some(length) if length > 0 => Ok((Escape::Name, length + 4)),
                _ => Err(Fault::new(position, "a character has no name in braces")),
            }
        }
        // Python leaves a backslash that means nothing where it is.
        _ => Ok((Escape::Point(u32::from(b'\\')), 1)),
    }
}

fn octal(escape: &str) -> (Escape, usize) {
    let digits = escape.bytes().skip(1).take(3).take_while(|byte| matches!(byte, b'0'..=b'7'));
    let (point, length) =
        digits.fold((0, 1), |(point, length), digit| (point * 8 + u32::from(digit - b'0'), length + 1));
    (Escape::Point(point), length)
}

fn hexadecimal(escape: &str, digits: usize, position: usize) -> Result<(Escape, usize), Fault> {
    let number = escape.get(2..2 + digits).filter(|number| number.bytes().all(|byte| byte.is_ascii_hexdigit()));
    match number.and_then(|number| u32::from_str_radix(number, 16).ok()).filter(|point| *point <= 0x0010_ffff) {
        Some(point) => Ok((Escape::Point(point), 2 + digits)),
        None => Err(Fault::new(position, "an escaped character is incomplete or too large")),
    }
}
