//! Arguments of a row as Python wrote them: where they begin and end, and the text of a key.

/// Returns the raw argument at `index` of a call's argument list (without its parentheses); none when the list is
/// shorter or broken off in the middle of a string or bracket.
#[must_use]
pub fn argument(arguments: &[u8], index: usize) -> Option<&[u8]> {
    self::arguments(arguments).nth(index)
}

/// Splits an argument list (without its parentheses) at its commas; ends where it is broken off.
#[must_use]
pub const fn arguments(list: &[u8]) -> Arguments<'_> {
    Arguments { rest: Some(list) }
}

/// The raw arguments of a call.
#[derive(Clone, Debug)]
pub struct Arguments<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for Arguments<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let list = self.rest.take()?;
        let mut depth = 0_u32;
        let mut at = 0;
        while let Some(byte) = list.get(at).copied() {
            match byte {
                b'\'' | b'"' => {
                    at = string_end(list, at)?;
                    continue;
                }
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' => depth = depth.checked_sub(1)?,
                b',' if depth == 0 => {
                    self.rest = list.get(at + 1..);
                    return list.get(..at).map(<[u8]>::trim_ascii);
                }
                _ => {}
            }
            at += 1;
        }
        (depth == 0).then(|| list.trim_ascii())
    }
}

/// Returns the position behind the string that begins at `start`, also in three quotes, as a hand may write it; none when
/// it has no end.
#[must_use]
pub fn string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let quote = *bytes.get(start)?;
    let three = [quote; 3];
    let is_long = bytes.get(start..)?.starts_with(&three);
    let mut at = start + if is_long { 3 } else { 1 };
    loop {
        at += memchr::memchr2(quote, b'\\', bytes.get(at..)?)?;
        if bytes.get(at) == Some(&b'\\') {
            at += 2;
        } else if !is_long {
            return Some(at + 1);
        } else if bytes.get(at..)?.starts_with(&three) {
            return Some(at + 3);
        } else {
            at += 1;
        }
    }
}

/// Returns the text of a key as the database shows it: digits as they are, strings decoded. None for other values
/// (dates, calls, names), which are compared by count alone, and for what only a hand writes: superfluous zeros, strings
/// that Python joins.
#[must_use]
pub fn key(raw: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(raw).ok()?;
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let is_usual = text == "0" || !digits.starts_with('0');
        return is_usual.then(|| text.to_owned());
    }
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    decode(text.strip_prefix(quote)?.strip_suffix(quote)?, quote)
}

fn decode(inner: &str, quote: char) -> Option<String> {
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if c == quote {
            return None;
        }
        text.push(if c == '\\' { escaped(&mut chars)? } else { c });
    }
    Some(text)
}

/// Reads what follows a backslash in a Python string.
fn escaped(chars: &mut std::str::Chars<'_>) -> Option<char> {
    let digits = match chars.next()? {
        'n' => return Some('\n'),
        't' => return Some('\t'),
        'r' => return Some('\r'),
        c @ ('\\' | '\'' | '"') => return Some(c),
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => return None,
    };
    let number: String = chars.by_ref().take(digits).filter(char::is_ascii_hexdigit).collect();
    if number.len() < digits {
        return None;
    }
    u32::from_str_radix(&number, 16).ok().and_then(char::from_u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(arguments: &str, index: usize) -> Option<&str> {
        argument(arguments.as_bytes(), index).and_then(|raw| std::str::from_utf8(raw).ok())
    }

    #[test]
    fn arguments_are_split_at_commas_of_their_own_level() {
        let row = r#"7,'a, b',"it's",dt(2020,1,2,3,4,5),['x','y, z'],None,'\\'"#;
        let found: Vec<_> = (0..8).map(|index| text(row, index)).collect();
        assert_eq!(
            found,
            [
                Some("7"),
                Some("'a, b'"),
                Some("\"it's\""),
                Some("dt(2020,1,2,3,4,5)"),
                Some("['x','y, z']"),
                Some("None"),
                Some("'\\\\'"),
                None
            ]
        );
    }

    #[test]
    fn strings_in_three_quotes_are_not_split() {
        assert_eq!(text("1,'''it's, \"so\"''',2", 1), Some("'''it's, \"so\"'''"));
        assert_eq!(text("1,'',2", 1), Some("''"));
        assert_eq!(text("1,'''a,2", 1), None);
    }

    #[test]
    fn a_list_that_is_broken_off_has_no_last_argument() {
        assert_eq!(text("1,'abc", 0), Some("1"));
        assert_eq!(text("1,'abc", 1), None);
        assert_eq!(text("1,dt(2020", 1), None);
        assert_eq!(text("1),2", 1), None);
    }

    #[test]
    fn keys_are_shown_as_the_database_shows_them() {
        let cases = [
            ("42", Some("42")),
            ("-1", Some("-1")),
            ("'BE'", Some("BE")),
            ("\"it's\"", Some("it's")),
            (r"'a\n\xe9\u20ac\\'", Some("a\n\u{e9}\u{20ac}\\")),
            ("date(2020,1,1)", None),
            ("None", None),
            ("'unfinished", None),
            // A hand may have written these.
            ("0", Some("0")),
            ("-0", None),
            ("007", None),
            ("'a' 'b'", None),
            ("'''a'''", None),
            (r"'\x+1'", None),
            (r"'\xe'", None),
        ];
        let found: Vec<_> = cases.iter().map(|(raw, _)| (*raw, key(raw.as_bytes()))).collect();
        let expected: Vec<_> = cases.iter().map(|(raw, text)| (*raw, text.map(str::to_owned))).collect();
        assert_eq!(found, expected);
    }
}
