//! What many messages have in common: which of their numbers and quoted texts belong to the row.

use std::borrow::Cow;

/// A message taken apart: what is always the same, and between it numbers and quoted texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wording {
    /// The message with a mark for each part that may differ.
    pub frame: String,
    /// The numbers, in their order.
    pub numbers: Vec<String>,
    /// The quoted texts without their quotes, in their order.
    pub quoted: Vec<String>,
}

const NUMBER: char = '\u{1}';
const QUOTED: char = '\u{2}';
/// What is shown for a part that differs from row to row.
const DIFFERS: &str = "…";
/// So many texts at the same place still make groups of their own; more are the rows' own.
const MOST_TEXTS: usize = 12;

impl Wording {
    /// Takes a message apart. `object` is how the row calls itself, which is its own text wherever it stands.
    pub fn of(message: &str, object: Option<&str>) -> Self {
        let mut found = Self::default();
        let whole = match object.filter(|text| text.chars().nth(2).is_some() && message.contains(*text)) {
            Some(own) => Cow::Owned(message.replace(own, DIFFERS)),
            None => Cow::Borrowed(message),
        };
        let mut rest: &str = &whole;
        let mut before = ' ';
        while let Some(letter) = rest.chars().next() {
            if let Some(text) = quoted(rest, before) {
                found.frame.push(letter);
                found.frame.push(QUOTED);
                found.quoted.push(text.to_owned());
                rest = rest.get(letter.len_utf8() + text.len()..).unwrap_or_default();
                let end = rest.chars().next().unwrap_or_default();
                found.frame.push(end);
                rest = rest.get(end.len_utf8()..).unwrap_or_default();
                before = end;
                continue;
            }
            // A digit within a word is a part of it, as in `field2`.
            if letter.is_ascii_digit() && !before.is_alphanumeric() && before != '_' {
                let end = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
                found.frame.push(NUMBER);
                found.numbers.push(rest.get(..end).unwrap_or_default().to_owned());
                rest = rest.get(end..).unwrap_or_default();
                before = '0';
                continue;
            }
            found.frame.push(letter);
            before = letter;
            rest = rest.get(letter.len_utf8()..).unwrap_or_default();
        }
        found
    }
}

/// Returns the text between quotes that begin here; none where an apostrophe only is one.
fn quoted(rest: &str, before: char) -> Option<&str> {
    let open = rest.chars().next()?;
    let close = match open {
        '\'' | '"' if !before.is_alphanumeric() => open,
        '“' => '”',
        '«' => '»',
        '‘' => '’',
        _ => return None,
    };
    let inner = rest.get(open.len_utf8()..)?;
    let end = inner.find(close)?;
    inner.get(..end).filter(|text| !text.contains('\n'))
}

/// Messages with the same frame, and what of them is the same in all.
#[derive(Clone, Debug)]
pub struct Common {
    numbers: Vec<Option<String>>,
    quoted: Vec<Vec<String>>,
}

impl Common {
    /// Begins with one message.
    pub fn new(first: &Wording) -> Self {
        Self {
            numbers: first.numbers.iter().cloned().map(Some).collect(),
            quoted: first.quoted.iter().map(|text| vec![text.clone()]).collect(),
        }
    }

    /// Adds another with the same frame.
    pub fn add(&mut self, other: &Wording) {
        for (known, number) in self.numbers.iter_mut().zip(&other.numbers) {
            if known.as_ref() != Some(number) {
                *known = None;
            }
        }
        for (known, text) in self.quoted.iter_mut().zip(&other.quoted) {
            if known.len() <= MOST_TEXTS && !known.contains(text) {
                known.push(text.clone());
            }
        }
    }

    /// Returns the places of quoted texts that tell messages apart: few texts, but more than one, each perhaps of many
    /// rows.
    pub fn telling(&self) -> Vec<bool> {
        self.quoted.iter().map(|texts| (2..=MOST_TEXTS).contains(&texts.len())).collect()
    }

    /// Writes the message with this frame as one for all: what differs is left out.
    pub fn text(&self, frame: &str) -> String {
        let mut numbers = self.numbers.iter();
        let mut quoted = self.quoted.iter();
        let mut text = String::new();
        for letter in frame.chars() {
            match letter {
                NUMBER => text.push_str(numbers.next().and_then(|number| number.as_deref()).unwrap_or(DIFFERS)),
                QUOTED => text.push_str(match quoted.next().map(Vec::as_slice) {
                    Some([only]) => only,
                    _ => DIFFERS,
                }),
                letter => text.push(letter),
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn common(messages: &[&str]) -> String {
        let all: Vec<Wording> = messages.iter().map(|message| Wording::of(message, None)).collect();
        let mut common = Common::new(&all[0]);
        for wording in &all {
            common.add(wording);
        }
        assert!(all.iter().all(|wording| wording.frame == all[0].frame), "{all:?}");
        common.text(&all[0].frame)
    }

    #[test]
    fn only_what_differs_is_left_out() {
        let cases: [(&[&str], &str); 5] = [
            (
                &["at most 20 characters (it has 21).", "at most 20 characters (it has 33)."],
                "at most 20 characters (it has …).",
            ),
            (&["Value 'x' is no choice.", "Value 'y' is no choice."], "Value '…' is no choice."),
            (&["isn't 'a'", "isn't 'bc'"], "isn't '…'"),
            (&["field2 is 3", "field2 is 4"], "field2 is …"),
            (&["“ä” and «b» and 1.5", "“ö” and «b» and 2.5"], "“…” and «b» and ….5"),
        ];
        for (messages, expected) in cases {
            assert_eq!(common(messages), expected);
        }
    }

    #[test]
    fn the_row_itself_is_taken_out() {
        let wording = Wording::of("Garage Müller has no VAT number 7", Some("Garage Müller"));
        assert_eq!(Common::new(&wording).text(&wording.frame), "… has no VAT number 7");
    }

    #[test]
    fn few_texts_tell_messages_apart_and_many_do_not() {
        let all: Vec<Wording> = (0..20).map(|n| Wording::of(&format!("'{}' in '{n}'", n % 2), None)).collect();
        let mut common = Common::new(&all[0]);
        for wording in &all {
            common.add(wording);
        }
        assert_eq!(common.telling(), [true, false]);
    }
}
