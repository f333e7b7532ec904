//! A report of rows that were made up, in all its forms, and what may not be in it.

use proptest::prelude::*;

use super::super::failure::Point;
use super::*;

fn failure(key: &str, name: &str, messages: &[(&str, &str)], object: Option<&str>) -> Failure {
    Failure {
        model: Some("a.Partner".into()),
        table: "a_partner".into(),
        key: key.into(),
        file: "a_partner.py".into(),
        line: key.parse::<u64>().unwrap_or(90) + 3,
        phase: Phase::Save,
        exception: "django.core.exceptions.ValidationError".into(),
        messages: messages.iter().map(|(field, text)| ((*field).to_owned(), vec![(*text).to_owned()])).collect(),
        object: object.map(str::to_owned),
        points: vec![Point("country".into(), "a.Country".into(), "BE".into())],
        traceback: (key == "1").then(|| {
            format!(
                "Traceback (most recent call last):\n  File \"a_partner.py\", line 4, in <module>\n    \
                 loader.save(create_a_partner(1,{name:?},'BE'))\n  File \"dpy.py\", line 9, in save\n\
                 django.core.exceptions.ValidationError: {messages:?}"
            )
        }),
        forbidden: false,
    }
}

fn fields(rows: &[(&str, &str)]) -> Fields {
    let row = |(key, name): &(&str, &str)| {
        let values = vec![
            ("id".to_owned(), Shown::Other((*key).to_owned())),
            ("name".to_owned(), Shown::Text((*name).to_owned())),
            ("names".to_owned(), Shown::Texts(vec![format!("{name} (de)"), String::new()])),
            ("country_id".to_owned(), Shown::Text("BE".into())),
            ("price".to_owned(), Shown::Text("12.50".into())),
            ("fax".to_owned(), Shown::Null),
        ];
        (("a_partner.py".to_owned(), key.parse::<u64>().unwrap_or(90) + 3), values)
    };
    rows.iter().map(row).collect()
}

const ODD: &str = "O'Neill <b>\"&\"</b>\nsecond | line `x`";

fn report(values: Values) -> Report {
    let said = format!("'{}' is no name, and neither is {ODD}", escape(ODD));
    let too_long = "Ensure this value has at most 20 characters (it has 33).";
    let mut follower = failure("7", "x", &[("partner", "partner instance with id 1 is not a valid choice.")], None);
    follower.model = Some("a.Sale".into());
    follower.points = vec![Point("partner".into(), "a.Partner".into(), "1".into())];
    let causes = Causes::of(vec![
        failure("1", ODD, &[("name", &said)], Some(ODD)),
        failure("2", "Miller", &[("names", too_long)], Some("Miller")),
        follower,
    ]);
    let decisions = "[[decision]]\nmodel = \"a.Partner\"\nrows = [\"1\"]\nset = { name = \"Typed in\" }\n\n\
                     [[decision]]\nmodel = \"a.Partner\"\nrows = [\"2\"]\nleave_out = true\n";
    let decisions = super::super::DecisionsFile::read(decisions).unwrap().decisions;
    let stopped =
        Stopped { exception: "Exception".into(), message: "Half way with Miller.".into(), traceback: String::new() };
    let material = Material {
        origin: vec!["The new version loaded a snapshot.".into()],
        versions: vec![("Lino".into(), Some("25.1.6".into()), Some("26.10.8".into())), ("Python".into(), None, None)],
        causes: Some(&causes),
        rows: fields(&[("1", ODD), ("2", "Miller")]),
        broken: &[],
        stopped: Some(&stopped),
        decisions: Some(&decisions),
        edits: Some("--- restore.py\n+++ restore_decided.py\n@@ -1 +1 @@\n-    x\n+    name = 'Typed in'\n".into()),
        migrator: Some("class Migrator:\n    name = 'Typed in'\n".into()),
    };
    Report::of(&material, values)
}

#[test]
fn a_report_is_written_as_markdown_without_texts_of_rows() {
    insta::assert_snapshot!(markdown(&report(Values::Masked)));
}

#[test]
fn a_report_is_written_as_markdown_with_texts_of_rows() {
    insta::assert_snapshot!(markdown(&report(Values::Told)));
}

#[test]
fn a_report_is_written_as_one_html_file_in_which_nothing_is_markup() {
    let masked = html(&report(Values::Masked));
    insta::assert_snapshot!(masked.split_once("</style>").unwrap().1);
    let told = html(&report(Values::Told));
    assert!(told.contains("O&#39;Neill &lt;b&gt;&quot;&amp;&quot;&lt;/b&gt;") && !told.contains("<b>"), "{told}");
    for text in [&masked, &told] {
        assert!(!text.contains("http:") && !text.contains("https:") && !text.contains("<script"));
    }
}

#[test]
fn a_report_of_nothing_is_short() {
    let nothing = Report::of(&Material::default(), Values::Masked);
    assert_eq!(nothing.summary, "No row was refused.");
    assert!(markdown(&nothing).ends_with("## Causes\n\nNo row was refused.\n"));
}

#[test]
fn messages_that_were_cut_and_short_texts_are_masked_too() {
    let mut mask = Mask::default();
    mask.add("A long text that a message cuts somewhere");
    mask.add("Ann");
    mask.add("Bakery of the Millers");
    mask.add("Bakery of the Zimmermanns");
    mask.add("2024-01-02");
    let cases = [
        ("'A long text that a mess…' is too long", "'▒▒▒…' is too long"),
        ("Ann and Annual, 'Ann'", "▒▒▒ and Annual, '▒▒▒'"),
        ("on 2024-01-02", "on 2024-01-02"),
        ("Bakery of the Millers", "▒▒▒"),
        ("A long te", "A long te"),
    ];
    for (text, expected) in cases {
        assert_eq!(mask.text(text), expected);
    }
}

proptest! {
    /// Texts that no report has by itself: with a letter that stands nowhere else.
    #[test]
    fn no_text_of_a_row_is_anywhere_in_a_masked_report(
        name in "ж[a-z '\"\\\\\n<>&`]{0,30}ж",
        quoted in prop::sample::select(vec![0, 1, 2]),
        end in "[a-z]{0,5}",
    ) {
        let inner = match quoted {
            0 => name.clone(),
            1 => escape(&name),
            _ => escape(&escape(&name)),
        };
        let said = format!("The name '{inner}' {end}, not ok");
        let causes = Causes::of(vec![failure("1", &name, &[("name", &said)], Some(&name))]);
        let material = Material { causes: Some(&causes), rows: fields(&[("1", &name)]), ..Material::default() };
        let report = Report::of(&material, Values::Masked);
        for text in [markdown(&report), html(&report)] {
            prop_assert!(!text.contains('ж'), "{}", text);
        }
    }
}

/// As Python does it where a text has both kinds of quotes.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('\'', "\\'")
}

#[test]
fn of_a_thousand_texts_exactly_those_of_rows_are_masked() {
    let name = |number: usize| format!("{:06x} Müller", number * 7919);
    let mut mask = Mask::default();
    (0..1_000).for_each(|number| mask.add(&name(number)));
    let said = |shown: &dyn Fn(usize) -> String| (0..1_200).map(shown).collect::<Vec<_>>().join("», «");
    let expected = said(&|number| if number < 1_000 { mask::MASK.to_owned() } else { name(number) });
    assert_eq!(mask.text(&said(&name)), expected);
}

#[test]
fn what_nobody_would_read_is_left_off() {
    let failures = (0..300).map(|key| {
        let reason: String = format!("{key}").bytes().map(|digit| char::from(digit + 49)).collect();
        failure(&key.to_string(), "x", &[("name", &format!("{reason} {}", "long ".repeat(1_000)))], None)
    });
    let causes = Causes::of(failures.collect());
    let decision = |key: usize| Decision {
        model: "a.Partner".into(),
        rows: Scope::These(vec![key.to_string()]),
        choice: Choice::LeaveOut,
        because: String::new(),
    };
    let decisions = Decisions::each((0..1_234).map(decision)).unwrap();
    let edits = "+ line\n".repeat(100_000);
    let material = Material {
        causes: Some(&causes),
        decisions: Some(&decisions),
        edits: Some(edits.clone()),
        migrator: Some(edits),
        ..Material::default()
    };
    let report = Report::of(&material, Values::Told);
    assert_eq!((report.causes.len(), report.more), (200, 100));
    assert!(report.causes.iter().all(|cause| cause.messages[0].1.chars().count() == LONGEST + 1));
    assert_eq!(report.decisions.len(), MOST_DECISIONS + 1);
    assert_eq!(report.decisions.last().unwrap(), "234 more decisions are left off.");
    let left_off = "# 100000 lines are left off; they are in the copy of restore.py.";
    assert_eq!(
        (report.edits.as_deref(), report.migrator.as_deref()),
        (Some(left_off), Some("# 100000 lines are left off."))
    );
}
