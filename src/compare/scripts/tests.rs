//! Scripts that a version of `dump2py` wrote, compared with themselves after one change. Whole values throughout.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::*;

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/dumps").join(name).join("restore.py");
    fs::read_to_string(path).unwrap()
}

fn of_texts(old: &str, new: &str) -> Comparison {
    compare(&Script::read(old), &Script::read(new))
}

#[test]
fn real() {
    let found = of_texts(&fixture("noi-25.1.1"), &fixture("noi-26.9.2-simulated"));
    for difference in &found.differences {
        println!("{:?} {} {:?}", difference.class, difference.sentence, difference.questions);
    }
    println!("{:#?}\n{:#?}", found.guesses, found.left_out);
}
