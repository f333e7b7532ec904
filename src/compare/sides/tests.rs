//! Real scripts beside each other, and texts that are none.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::*;

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/dumps").join(name).join("restore.py");
    fs::read_to_string(path).unwrap()
}

fn of_texts(old: &str, new: &str) -> Sides {
    Sides::new((old, &Script::read(old)), (new, &Script::read(new)))
}

#[test]
fn functions_of_one_table_belong_together_in_their_order() {
    let function = |name: &str| format!("def create_a_b(id, {name}):\n    kw = dict()\n    return a_B(**kw)\n");
    let script = |names: &[&str]| names.iter().map(|name| function(name)).collect::<String>();
    let sides = of_texts(&script(&["one", "two", "three"]), &script(&["one", "second"]));
    let found: Vec<_> =
        sides.sections.iter().map(|section| (section.state, section.old.clone(), section.new.clone())).collect();
    assert_eq!(found, [(State::Equal, 0..3, 0..3), (State::Changed, 3..6, 3..6), (State::Removed, 6..9, 0..0)]);
}

fn changed(from: &str, to: &str) -> Sides {
    let old = fixture("26.10.8");
    assert!(old.contains(from), "{from}");
    of_texts(&old, &old.replace(from, to))
}

/// Names the sections that are not equal.
fn unequal(sides: &Sides) -> Vec<(String, State)> {
    let differ = sides.sections.iter().filter(|section| section.state != State::Equal);
    differ.map(|section| (name(section), section.state)).collect()
}

fn name(section: &Section) -> String {
    match &section.part {
        Part::Function { table, model } => format!("{table} {}", model.as_deref().unwrap_or("?")),
        Part::Other(name) => (*name).to_owned(),
    }
}

/// Shows a side as text, what differs in brackets.
fn shown(line: Option<&Line>) -> String {
    let Some(line) = line else { return "-".to_owned() };
    let mark = |(text, differs): &(String, bool)| if *differs { format!("[{text}]") } else { text.clone() };
    format!("{} {}", line.number, line.pieces.iter().map(mark).collect::<String>())
}

fn unequal_pairs(sides: &Sides, wanted: &str) -> Vec<(String, String)> {
    let at = sides.sections.iter().position(|section| name(section).starts_with(wanted)).unwrap();
    let pairs = sides.pairs(at).into_iter().filter(|pair| !pair.is_equal());
    pairs.map(|pair| (shown(pair.old.as_ref()), shown(pair.new.as_ref()))).collect()
}

/// Joins the lines of one side, in the order of their numbers.
fn rebuilt(sides: &Sides, side: impl Fn(Pair) -> Option<Line>) -> Vec<String> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for at in 0..sides.sections.len() {
        let section: Vec<Line> = sides.pairs(at).into_iter().filter_map(&side).collect();
        assert!(section.is_sorted_by_key(|line| line.number));
        lines.extend(
            section.into_iter().map(|line| (line.number, line.pieces.into_iter().map(|(text, _)| text).collect())),
        );
    }
    lines.sort();
    let numbers: Vec<usize> = lines.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=lines.len()).collect::<Vec<_>>());
    lines.into_iter().map(|(_, text)| text).collect()
}

fn assert_covers(old: &str, new: &str) {
    let sides = of_texts(old, new);
    assert_eq!(rebuilt(&sides, |pair| pair.old), old.lines().collect::<Vec<_>>());
    assert_eq!(rebuilt(&sides, |pair| pair.new), new.lines().collect::<Vec<_>>());
    assert!(sides.pairs(sides.sections.len()).is_empty());
    for (at, section) in sides.sections.iter().enumerate() {
        assert_eq!(section.state == State::Equal, sides.pairs(at).iter().all(Pair::is_equal), "{section:?}");
    }
}

#[test]
fn a_script_consists_of_what_it_has() {
    let text = fixture("26.10.8");
    let sides = of_texts(&text, &text);
    let sections: Vec<(String, State, usize, usize)> = sides
        .sections
        .iter()
        .map(|section| (name(section), section.state, section.old.start, section.new.end))
        .collect();
    let expected = [
        ("heading", 0, 57),
        ("models", 57, 67),
        ("cycles", 67, 71),
        ("accounting_account accounting.Account", 71, 82),
        ("countries_country countries.Country", 82, 88),
        ("contacts_partner contacts.Partner", 88, 96),
        ("contacts_person contacts.Person", 96, 102),
        ("memo_mention memo.Mention", 102, 113),
        ("memo_empty memo.Empty", 113, 118),
        ("cycle_left cycle.Left", 118, 124),
        ("own_table cycle.Right", 124, 133),
        ("load order", 133, 151),
        ("end", 151, 167),
    ];
    assert_eq!(sections, expected.map(|(name, start, end)| (name.to_owned(), State::Equal, start, end)));
}

#[test]
fn a_changed_function_is_marked_to_the_word() {
    let sides = changed("remarks", "notes");
    assert_eq!(unequal(&sides), [("contacts_partner contacts.Partner".to_owned(), State::Changed)]);
    assert_eq!(
        unequal_pairs(&sides, "contacts_partner"),
        [
            (
                "89 def create_contacts_partner(id, name, country_id, [remarks]):".to_owned(),
                "89 def create_contacts_partner(id, name, country_id, [notes]):".to_owned()
            ),
            ("94     kw.update([remarks]=[remarks])".to_owned(), "94     kw.update([notes]=[notes])".to_owned()),
        ]
    );
}

#[test]
fn lines_that_are_not_alike_stand_alone() {
    let sides = changed(
        "    kw.update(id=id)\n    kw.update(name=name)\n",
        "    kw.update(name=name, id=id)\n    x = 1\n    y = 2\n",
    );
    let pairs = unequal_pairs(&sides, "contacts_partner");
    let text = |(one, other): (&str, &str)| (one.to_owned(), other.to_owned());
    assert_eq!(
        pairs,
        [
            ("91     kw.update(id=id)", "-"),
            ("92     kw.update(name=name)", "91     kw.update(name=name[, id=id])"),
            ("-", "92 [    x = 1]"),
            ("-", "93 [    y = 2]"),
        ]
        .map(|(one, other)| text((&one.replace("91     kw.update(id=id)", "91 [    kw.update(id=id)]"), other)))
    );
}

#[test]
fn moved_functions_and_what_is_noise_are_recognised() {
    let whole = fixture("26.10.8");
    let (at, end) = (whole.find("def create_memo_empty").unwrap(), whole.find("def create_cycle_left").unwrap());
    let empty = &whole[at..end];
    let moved = whole
        .replace(empty, "")
        .replace("def create_countries_country", &format!("{empty}def create_countries_country"))
        .replace("(id, name, country_id, remarks)", "(id, country_id, name, remarks)")
        .replace("'1.2.3'", "'1.2.4'")
        .replace("(1 rows", "(2 rows");
    let sides = of_texts(&whole, &moved);
    let noise = |name: &str| (name.to_owned(), State::Noise);
    assert_eq!(unequal(&sides), [noise("heading"), noise("cycles"), noise("contacts_partner contacts.Partner")]);
    let order: Vec<String> = sides.sections.iter().map(name).collect();
    assert_eq!(
        order[3..6],
        ["accounting_account accounting.Account", "memo_empty memo.Empty", "countries_country countries.Country"]
    );
    // Older versions tell no circles.
    let sides = changed(
        "# There are 2 models with circular dependencies :\n# - cycle.Left (1 rows, depends on cycle.Right)\n# - cycle.Right (1 rows, depends on cycle.Left)\n# \n",
        "",
    );
    assert_eq!(unequal(&sides), [noise("cycles")]);
    let sides = changed("contacts_partner_2.py", "contacts_partner_4.py");
    assert_eq!(unequal(&sides), [noise("load order")]);
}

#[test]
fn what_is_gone_stands_at_its_old_place() {
    let whole = fixture("26.10.8");
    let (at, end) = (whole.find("def create_memo_empty").unwrap(), whole.find("def create_cycle_left").unwrap());
    let without = whole
        .replace(&whole[at..end], "")
        .replace("memo_Empty = resolve_model(\"memo.Empty\")\n", "")
        .replace("    execfile(\"memo_empty.py\", *args)\n", "");
    let sides = of_texts(&whole, &without);
    let expected =
        [("models", State::Changed), ("memo_empty memo.Empty", State::Removed), ("load order", State::Changed)];
    assert_eq!(unequal(&sides), expected.map(|(name, state)| (name.to_owned(), state)));
    assert_eq!(sides.sections.iter().position(|section| section.state == State::Removed), Some(8));
    let sides = of_texts(&without, &whole);
    let expected =
        [("models", State::Changed), ("memo_empty memo.Empty", State::Added), ("load order", State::Changed)];
    assert_eq!(unequal(&sides), expected.map(|(name, state)| (name.to_owned(), state)));
}

#[test]
fn what_a_hand_has_changed_is_no_noise() {
    for (from, to, section) in [
        (
            "    kw.update(flag=flag)\n",
            "    kw.update(flag=flag)\n    # ask Luc\n",
            "accounting_account accounting.Account",
        ),
        ("    kw.update(flag=flag)\n", "", "accounting_account accounting.Account"),
        ("\nimport os\n", "\nimport os\nx = 1\n", "heading"),
        ("en=values[0]", "ee=values[0]", "heading"),
        ("    execfile(\"memo_empty", "#    execfile(\"memo_empty", "load order"),
        ("    call_command('resetsequences')\n", "    call_command('resetsequences')\n    x = 1\n", "end"),
    ] {
        assert_eq!(unequal(&changed(from, to)), [(section.to_owned(), State::Changed)], "{to}");
    }
}

#[test]
fn a_model_in_another_table_stays_beside_itself() {
    let sides = changed("own_table", "cycle_right");
    let expected = [("cycle_right cycle.Right", State::Changed), ("load order", State::Changed)];
    assert_eq!(unequal(&sides), expected.map(|(name, state)| (name.to_owned(), state)));
}

#[test]
fn every_line_of_real_scripts_is_shown_once() {
    assert_covers(&fixture("noi-25.1.1"), &fixture("noi-26.9.2-simulated"));
    assert_covers(&fixture("2014-12"), &fixture("26.10.8-tolerated"));
    assert_covers(&fixture("26.10.8"), &fixture("26.10.8").replace('\n', "\r\n"));
    assert_covers(&fixture("26.10.8"), "");
}

#[test]
fn endless_lines_and_endless_changes_end() {
    let long = |word: &str| format!("SOURCE_VERSION = '{}{word}{}'", "ab ".repeat(3_000_000), "é".repeat(1_000_000));
    let sides = of_texts(&long("x"), &long("yz"));
    let pair = &sides.pairs(0)[0];
    let marked: Vec<&str> =
        pair.new.iter().flat_map(|line| &line.pieces).filter(|piece| piece.1).map(|piece| piece.0.as_str()).collect();
    assert_eq!((marked, pair.new.as_ref().unwrap().pieces.len()), (vec!["yz"], 3));
    let lines = |word: &str| {
        let lines: Vec<String> = (0..200_000).map(|at| format!("{word} {at} {}", at * 7919 % 1000)).collect();
        lines.join("\n")
    };
    let (old, new) = (lines("a"), lines("b"));
    assert_eq!(of_texts(&old, &new).pairs(0).len(), 400_000);
}

proptest! {
    #[test]
    fn every_line_of_any_text_is_shown_once(
        old in prop::collection::vec("(?s)(def create_[ab]_[cd]\\(id\\):|    kw.update\\(id=id\\)|    return a_C\\(\\*\\*kw\\)|a_C = resolve_model\\(\"a.C\"\\)|    execfile\\(\"a_c.py\"\\)|# There are |.{0,8}|é\u{301}|\r)", 0..12),
        new in prop::collection::vec("(?s)(def create_[ab]_[cd]\\(id\\):|    kw.update\\(id=id\\)|    return a_C\\(\\*\\*kw\\)|a_C = resolve_model\\(\"a.C\"\\)|    execfile\\(\"a_c.py\"\\)|# - a.C \\(depends on b.D\\)|.{0,8})", 0..12)
    ) {
        assert_covers(&old.join("\n"), &new.join("\n"));
    }

    #[test]
    fn marked_lines_are_the_lines(old in ".{0,60}", new in ".{0,60}", budget in 0_usize..200) {
        let (mine, theirs) = words::Marks::of_budget(budget).of(&old, &new);
        let joined = |pieces: words::Pieces| pieces.into_iter().map(|(text, _)| text).collect::<String>();
        prop_assert_eq!((joined(mine), joined(theirs)), (old, new));
    }
}
