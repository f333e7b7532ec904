//! The lines below "Abandoning with N unsaved instances:", folded into groups.
//!
//! A message may span lines, and newer releases put the row's own name into it, which would make every row its own group.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::reading::{Group, Unsaved};

/// Groups kept; a hundred thousand broken rows may each have another message.
const MOST_GROUPS: usize = 1000;
/// Characters of primary keys kept for a group.
const MOST_KEYS: usize = 400;
/// Characters of a message kept.
const MOST_MESSAGE: usize = 2000;
/// Characters of a model's name kept.
const MOST_MODEL: usize = 200;
/// Bytes of one entry that still wait for their end.
const MOST_PENDING: usize = 1 << 20;
/// The same, when every entry is kept: it may have a million keys.
const MOST_KEPT: usize = 128 << 20;
/// Bytes of a message that are kept whole; of a longer one the beginning and the end are kept.
const MOST_WHOLE: usize = 1 << 20;

/// Bytes of the longest escape in a text of Python, `\U0001F600`.
const LONGEST_ESCAPE: usize = 10;

const TAIL: &str = " object(s) with primary key ";

/// Folds the lines of an abandon list.
#[derive(Debug, Default)]
pub(super) struct Abandoned {
    pending: String,
    groups: Vec<Group>,
    /// Where each group is, by the hash of what makes it one: long messages are kept cut, but told apart whole.
    places: BTreeMap<u64, usize>,
    left_off: u64,
    /// Every entry whole, when somebody wants to look at the rows themselves.
    kept: Option<Vec<Unsaved>>,
}

impl Abandoned {
    /// Keeps every entry whole from here on: memory grows with the list.
    pub(super) fn keep(&mut self) {
        self.kept.get_or_insert_default();
    }

    /// Tells whether it keeps every entry whole.
    pub(super) const fn keeps(&self) -> bool {
        self.kept.is_some()
    }

    /// Takes the entries that were kept. The last of them may still wait for its end.
    pub(super) fn take_kept(&mut self) -> Vec<Unsaved> {
        self.flush();
        self.kept.take().unwrap_or_default()
    }

    /// Takes one line of the list. Returns false when the line does not belong to it.
    pub(super) fn take(&mut self, line: &str) -> bool {
        if starts_entry(line) {
            self.flush();
            line.clone_into(&mut self.pending);
        } else if self.pending.is_empty() {
            return false;
        } else if self.pending.len() + line.len() < if self.keeps() { MOST_KEPT } else { MOST_PENDING } {
            self.pending.push('\n');
            self.pending.push_str(line);
        }
        if let Some(whole) = Whole::read(&self.pending) {
            let entry = whole.entry();
            if let Some(kept) = &mut self.kept {
                kept.push(whole.unsaved());
            }
            self.pending.clear();
            self.add(entry);
        }
        true
    }

    fn flush(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let entry = std::mem::take(&mut self.pending);
        if let Some((model, message)) = entry.strip_prefix("- ").and_then(|rest| rest.split_once(' ')) {
            if let Some(kept) = &mut self.kept {
                let (model, message) = (model.to_owned(), shortened(message));
                kept.push(Unsaved { model, message, count: 0, keys: String::new() });
            }
            self.add(Entry::new(model, message, 1, "?"));
        }
    }

    fn add(&mut self, Entry { group, place }: Entry) {
        if let Some(known) = self.places.get(&place).and_then(|&index| self.groups.get_mut(index)) {
            known.count = known.count.saturating_add(group.count);
            if known.keys.len() < MOST_KEYS {
                known.keys = cut(&format!("{}, {}", known.keys, group.keys), MOST_KEYS);
            }
        } else if self.groups.len() < MOST_GROUPS {
            self.places.insert(place, self.groups.len());
            self.groups.push(group);
        } else {
            self.left_off += 1;
        }
    }

    /// The groups, causes before consequences, and how many groups were left off.
    pub(super) fn finish(mut self) -> (Vec<Group>, u64) {
        self.flush();
        let names: BTreeSet<String> = self.groups.iter().map(|group| class_name(&group.model)).collect();
        self.groups.sort_by_key(|group| distance(group, &names));
        (self.groups, self.left_off)
    }
}

/// One line of the list.
struct Entry {
    group: Group,
    place: u64,
}

impl Entry {
    fn new(model: &str, message: &str, count: u64, keys: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        (model, message).hash(&mut hasher);
        let group = Group {
            model: cut(model, MOST_MODEL),
            message: cut(message, MOST_MESSAGE),
            count,
            keys: cut(keys, MOST_KEYS),
        };
        Self { group, place: hasher.finish() }
    }
}

/// How far a group is from the root of the trouble. A row that points to a row of a model with unsaved rows probably
/// only follows from those; the name in the message is the model's verbose name, so a translated one counts as a cause.
fn distance(group: &Group, unsaved: &BTreeSet<String>) -> u8 {
    let pointed_at = group.message.split_once(" instance with ").map(|(before, _)| {
        let name = before.rsplit(['\'', '"']).next().unwrap_or(before);
        name.replace(' ', "").to_lowercase()
    });
    match pointed_at {
        Some(name) if unsaved.contains(&name) => 2,
        None if group.message.to_lowercase().contains("foreign key constraint") => 1,
        _ => 0,
    }
}

fn class_name(model: &str) -> String {
    model.rsplit('.').next().unwrap_or(model).to_lowercase()
}

/// Whether the line begins like `- shop.Sale …`.
fn starts_entry(line: &str) -> bool {
    let word = |text: &str| !text.is_empty() && text.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
    line.strip_prefix("- ")
        .and_then(|rest| rest.split_once(' '))
        .and_then(|(model, _)| model.split_once('.'))
        .is_some_and(|(app, model)| word(app) && word(model))
}

/// An entry as it is printed: `- app.Model MESSAGE (N object(s) with primary key KEYS)`.
struct Whole<'a> {
    model: &'a str,
    message: &'a str,
    count: u64,
    keys: &'a str,
}

impl<'a> Whole<'a> {
    /// Reads it from its end, as a message may hold anything.
    fn read(entry: &'a str) -> Option<Self> {
        let body = entry.strip_prefix("- ")?.trim_end().strip_suffix(')')?;
        let (head, keys) = body.rsplit_once(TAIL)?;
        let (head, count) = head.rsplit_once(" (")?;
        let (model, message) = head.split_once(' ')?;
        Some(Self { model, message, count: count.parse().ok()?, keys })
    }

    fn entry(&self) -> Entry {
        Entry::new(self.model, &without_row_name(self.message), self.count, self.keys)
    }

    fn unsaved(&self) -> Unsaved {
        let (model, message, keys) = (self.model.to_owned(), shortened(self.message), self.keys.to_owned());
        Unsaved { model, message, count: self.count, keys }
    }
}

/// Returns a message without the middle of what is too long: at its end stands what was refused.
fn shortened(message: &str) -> String {
    if message.len() <= MOST_WHOLE {
        return message.to_owned();
    }
    let before = message.get(..message.floor_char_boundary(MOST_WHOLE / 2)).unwrap_or_default();
    let after = message.get(message.floor_char_boundary(message.len() - MOST_WHOLE / 2)..).unwrap_or_default();
    // No escape is cut in two: its rest would be another text.
    let escape = before.rfind('\\').filter(|at| before.len() - at <= LONGEST_ESCAPE);
    let before = before.get(..escape.unwrap_or(before.len())).unwrap_or_default().trim_end_matches('\\');
    format!("{before}…{after}")
}

/// Turns `["Sale 3 : {'product': ['text']}"]` into `{'product': ['text']}`, undoing Python's quoting.
pub(super) fn without_row_name(message: &str) -> String {
    inner(message).unwrap_or_else(|| message.to_owned())
}

fn inner(message: &str) -> Option<String> {
    let quoted = message.strip_prefix('[')?.strip_suffix(']')?;
    let quote = quoted.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
    let text = quoted.strip_prefix(quote)?.strip_suffix(quote)?;
    let at = text.rfind(" : {").or_else(|| text.rfind(" : ["))?;
    let cause = text.get(at + 3..)?;
    Some(cause.replace("\\'", "'").replace("\\\"", "\"").replace("\\\\", "\\"))
}

/// Cuts a text to a number of characters and says so.
pub(super) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(lines: &[&str]) -> Vec<String> {
        let mut list = Abandoned::default();
        for line in lines {
            list.take(line);
        }
        list.finish().0.iter().map(Group::to_string).collect()
    }

    #[test]
    fn a_message_may_hold_anything() {
        let lines = [
            "- a.Sale {'partner': ['partner instance with id 7 is not a valid choice.']} (1 object(s) with primary key 9)",
            "- a.Doc odd (2 object(s) with primary key x) text (1 object(s) with primary key Nõue 0, osa «0»)",
            "- a.Note first line",
            "- not a model",
            "last line) (3 object(s) with primary key 1, 2, 3)",
        ];
        assert_eq!(
            groups(&lines),
            [
                "a.Sale: {'partner': ['partner instance with id 7 is not a valid choice.']} (1 row, primary key 9)",
                "a.Doc: odd (2 object(s) with primary key x) text (1 row, primary key Nõue 0, osa «0»)",
                "a.Note: first line\n- not a model\nlast line) (3 rows, primary key 1, 2, 3)",
            ]
        );
    }

    #[test]
    fn rows_that_differ_only_by_their_own_name_are_one_group() {
        let lines = [
            r#"- a.Partner ['Miller : {\'country\': ["isocode \'CI\' is not there."]}'] (1 object(s) with primary key 3)"#,
            r#"- a.Partner ["O'Neill : {'country': [\"isocode 'CI' is not there.\"]}"] (1 object(s) with primary key 7)"#,
            r#"- a.Setting ["mail : ['Invalid sender']"] (1 object(s) with primary key 1)"#,
        ];
        assert_eq!(
            groups(&lines),
            [
                r#"a.Partner: {'country': ["isocode 'CI' is not there."]} (2 rows, primary key 3, 7)"#,
                "a.Setting: ['Invalid sender'] (1 row, primary key 1)",
            ]
        );
    }

    #[test]
    fn long_messages_that_differ_only_in_what_is_not_kept_stay_apart() {
        let entry = |end: &str, key: u64| {
            format!("- a.B {}{end} (2 object(s) with primary key {key})", "x".repeat(MOST_MESSAGE + 10))
        };
        let mut list = Abandoned::default();
        for line in [entry("one", 1), entry("two", 2), entry("one", 3)] {
            list.take(&line);
        }
        let (groups, left_off) = list.finish();
        let found: Vec<(u64, &str)> = groups.iter().map(|group| (group.count, group.keys.as_str())).collect();
        assert_eq!((found, left_off), (vec![(4, "1, 3"), (2, "2")], 0));
    }

    #[test]
    fn no_part_of_a_group_is_long() {
        let long = "y".repeat(100_000);
        let mut list = Abandoned::default();
        list.take(&format!("- a.{long} {long} (1 object(s) with primary key {long})"));
        list.take(&format!("- a.{long} never ended"));
        let (groups, _) = list.finish();
        assert_eq!(groups.len(), 2);
        assert!(groups.iter().all(|group| group.to_string().len() < 3000), "{groups:?}");
    }

    #[test]
    fn groups_are_bounded() {
        let mut list = Abandoned::default();
        for number in 0..5000 {
            list.take(&format!("- a.B message {number} (1 object(s) with primary key {number})"));
        }
        let (groups, left_off) = list.finish();
        assert_eq!((groups.len(), left_off), (MOST_GROUPS, 4000));
    }
}
