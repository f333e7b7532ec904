//! What a hand has changed in the copy of a dump script, carried over into a new one.

use similar::{MergeRegion, TextMerge};

use super::super::place::Lines;

/// What became of three texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// The text. Where a conflict is, it holds both sides between marks, and is no Python.
    pub text: String,
    /// Places where the hand and the new script disagree.
    pub conflicts: Vec<Conflict>,
}

/// A place that both sides have changed, and not alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Its lines in the merged text, marks included.
    pub lines: Lines,
    /// What was generated last time.
    pub base: Side,
    /// What the hand made of it.
    pub mine: Side,
    /// What would be generated now.
    pub new: Side,
}

/// One side of a conflict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// The first of its lines, from 1; where it has none, the line before which they would stand.
    pub first: usize,
    /// Its text, with line ends.
    pub text: String,
}

/// The marks at the lines of a conflict.
const MARKS: [&str; 3] = ["<<<<<<< changed by hand", "=======", ">>>>>>> from the new snapshot"];

/// Merges what a hand has made of `base` (`mine`) with what is generated now (`new`).
#[must_use]
pub fn merge(base: &str, mine: &str, new: &str) -> Merged {
    let merge = TextMerge::from_lines(base, mine, new);
    let end = if new.contains("\r\n") { "\r\n" } else { "\n" };
    let mut merged = Merged { text: String::new(), conflicts: Vec::new() };
    for region in merge.regions() {
        let sides = Sides::of(&merge, region);
        if !region.is_conflict() {
            // Which of them changed it is the same as saying which differs from the base.
            merged.text.push_str(if sides.mine.text == sides.base.text { &sides.new.text } else { &sides.mine.text });
            continue;
        }
        let first = count(&merged.text) + 1;
        let [before, between, after] = MARKS;
        for (mark, side) in [(before, Some(&sides.mine)), (between, Some(&sides.new)), (after, None)] {
            merged.text.push_str(mark);
            merged.text.push_str(end);
            if let Some(side) = side.filter(|side| !side.text.is_empty()) {
                merged.text.push_str(&side.text);
                if !side.text.ends_with('\n') {
                    merged.text.push_str(end);
                }
            }
        }
        let line = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let lines = Lines { first: line(first), last: line(count(&merged.text)) };
        merged.conflicts.push(Conflict { lines, base: sides.base, mine: sides.mine, new: sides.new });
    }
    merged
}

struct Sides {
    base: Side,
    mine: Side,
    new: Side,
}

impl Sides {
    fn of(merge: &TextMerge<'_, '_, '_, str>, region: &MergeRegion) -> Self {
        let (base, mine, new) = (region.base_range(), region.ours_range(), region.theirs_range());
        Self {
            base: Side { first: base.start + 1, text: base.filter_map(|line| merge.base_line(line)).collect() },
            mine: Side { first: mine.start + 1, text: mine.filter_map(|line| merge.ours_line(line)).collect() },
            new: Side { first: new.start + 1, text: new.filter_map(|line| merge.theirs_line(line)).collect() },
        }
    }
}

fn count(text: &str) -> usize {
    text.matches('\n').count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_conflict_names_both_sides_and_their_lines() {
        let merged = merge("a\nb\nc\nd\n", "a\nB\nc\nd\n", "new\na\nb2\nb3\nc\nD\n");
        let text = "new\na\n<<<<<<< changed by hand\nB\n=======\nb2\nb3\n>>>>>>> from the new snapshot\nc\nD\n";
        let side = |first, text: &str| Side { first, text: text.into() };
        let conflict = Conflict {
            lines: Lines { first: 3, last: 8 },
            base: side(2, "b\n"),
            mine: side(2, "B\n"),
            new: side(3, "b2\nb3\n"),
        };
        assert_eq!(merged, Merged { text: text.into(), conflicts: vec![conflict] });
    }

    #[test]
    fn a_text_without_a_last_line_end_is_merged() {
        let merged = merge("a\nb", "a\nB", "a\nX");
        assert_eq!(merged.text, "a\n<<<<<<< changed by hand\nB\n=======\nX\n>>>>>>> from the new snapshot\n");
    }

    fn text() -> impl Strategy<Value = String> {
        proptest::collection::vec(0..4_u8, 0..12).prop_map(|lines| {
            lines.iter().flat_map(|line| ["line ", ["a\n", "b\n", "c\n", "d\n"][usize::from(*line)]]).collect()
        })
    }

    proptest! {
        #[test]
        fn what_only_one_side_changed_is_taken(base in text(), other in text()) {
            prop_assert_eq!(merge(&base, &other, &base), Merged { text: other.clone(), conflicts: Vec::new() });
            prop_assert_eq!(merge(&base, &base, &other), Merged { text: other.clone(), conflicts: Vec::new() });
            prop_assert_eq!(merge(&base, &other, &other), Merged { text: other, conflicts: Vec::new() });
        }

        #[test]
        fn no_line_of_either_side_is_lost(base in text(), mine in text(), new in text()) {
            let merged = merge(&base, &mine, &new);
            for own in mine.lines().chain(new.lines()) {
                let was_there = base.lines().any(|line| line == own);
                prop_assert!(was_there || merged.text.lines().any(|line| line == own));
            }
        }
    }
}
