//! Two dump scripts, with a line `===` between them: compared, and beside each other.

use std::collections::BTreeSet;

use lino_upgrade::compare::Class;
use lino_upgrade::compare::scripts::{Comparison, compare};
use lino_upgrade::compare::sides::{Line, Sides};
use lino_upgrade::dump::Script;

use super::parts;

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let parts = parts(text, "===");
    let (old, new) = (parts[0], parts.last().copied().unwrap_or_default());
    let (mine, theirs) = (Script::read(old), Script::read(new));
    let found = compare(&mine, &theirs);
    assert_eq!(found, compare(&mine, &theirs));
    told(&found);
    told(&compare(&theirs, &mine));
    let same = compare(&mine, &mine);
    told(&same);
    let worst = same.differences.iter().filter(|it| it.class != Class::Noise).collect::<Vec<_>>();
    assert!(worst.is_empty() && same.guesses.is_empty(), "a script differs from itself: {worst:?} {:?}", same.guesses);
    beside((old, &mine), (new, &theirs));
}

fn told(found: &Comparison) {
    for difference in &found.differences {
        assert!(difference.sentence.ends_with('.'), "{difference:?}");
    }
    assert!(found.left_out.iter().all(|sentence| sentence.ends_with('.')), "{:?}", found.left_out);
}

/// Every line of both sides is shown once, in its order and with its text.
fn beside(old: (&str, &Script), new: (&str, &Script)) {
    let sides = Sides::new(old, new);
    let (mut mine, mut theirs) = (Vec::new(), Vec::new());
    for section in 0..sides.sections.len() {
        for pair in sides.pairs(section) {
            assert!(pair.old.is_some() || pair.new.is_some());
            let _ = pair.is_equal();
            mine.extend(pair.old);
            theirs.extend(pair.new);
        }
    }
    for ((text, _), mut shown) in [(old, mine), (new, theirs)] {
        shown.sort_by_key(|line| line.number);
        let numbers: BTreeSet<usize> = shown.iter().map(|line| line.number).collect();
        assert_eq!(numbers.len(), shown.len(), "a line is shown twice");
        let lines: Vec<&str> = text.split_inclusive('\n').map(|line| line.trim_end_matches(['\n', '\r'])).collect();
        let text = |line: &Line| line.pieces.iter().map(|(text, _)| text.as_str()).collect::<String>();
        let shown: Vec<String> = shown.iter().map(text).map(|line| line.trim_end_matches('\r').to_owned()).collect();
        assert_eq!(shown, lines);
    }
}
