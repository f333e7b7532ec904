//! Values against Python's own parser: one process judges thousands of cases.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value as Json, json};

use super::{Problem, Rows, Value, parse};

/// Has Python compare sources with the reader's answers; `mode` is `both` or `sound`.
pub(super) fn judged(cases: &[(Vec<u8>, Json)], mode: &str) {
    let mut input = String::new();
    for (source, answer) in cases {
        for byte in source {
            write!(input, "{byte:02x}").unwrap();
        }
        writeln!(input, " {answer}").unwrap();
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/dumps/values.py");
    let mut child = Command::new("python3")
        .args([script, mode])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is installed");
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{} cases\n", cases.len()));
}

/// Says a value in the words of the Python script.
pub(super) fn said(value: &Value<'_>) -> Json {
    let all = |values: &[Value<'_>]| values.iter().map(said).collect::<Vec<_>>();
    match value {
        Value::None => json!(["constant", null]),
        Value::Bool(value) => json!(["constant", value]),
        Value::Int(value) => json!(["constant", value]),
        Value::Large(text) => json!(["large", text]),
        Value::Float(value) => json!(["float", format!("{:016x}", value.to_bits())]),
        Value::Text(text) => json!(["text", text.chars().map(u32::from).collect::<Vec<_>>()]),
        Value::Surrogates(points) => json!(["text", points]),
        Value::Named(text) => json!(["named", text]),
        Value::Bytes(bytes) => json!(["bytes", bytes]),
        Value::List(values) => json!(["list", all(values)]),
        Value::Tuple(values) => json!(["tuple", all(values)]),
        Value::Set(values) => json!(["set", all(values)]),
        Value::Dict(pairs) => {
            json!(["dict", pairs.iter().map(|(key, value)| json!([said(key), said(value)])).collect::<Vec<_>>()])
        }
        Value::Name(name) => json!(["name", name]),
        Value::Call { function, arguments } => json!([
            "call",
            function,
            arguments.iter().map(|argument| json!([argument.name, said(&argument.value)])).collect::<Vec<_>>()
        ]),
    }
}

fn answer(source: &[u8]) -> Json {
    parse(source).map_or_else(|problem| json!(["error", problem.to_string()]), |value| said(&value))
}

fn samples(strategy: impl Strategy<Value = String>, count: usize) -> Vec<String> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

/// What can stand inside a string: pieces of source.
fn piece(quote: char) -> impl Strategy<Value = String> {
    let escapes = [
        r"\n",
        r"\t",
        r"\r",
        r"\\",
        r"\'",
        r#"\""#,
        r"\a",
        r"\b",
        r"\f",
        r"\v",
        r"\0",
        r"\12",
        r"\1234",
        r"\777",
        r"\x41",
        r"\xe9",
        r"\x00",
        r"\u20ac",
        r"\U0001F600",
        r"\ud83d",
        r"\ude00",
        r"\q",
        r"\N{BULLET}",
        r"\N{LATIN SMALL LETTER E}",
        r"\{",
        r"\ ",
        r"\é",
    ];
    let other = if quote == '"' { "'" } else { "\"" };
    prop_oneof![
        3 => proptest::sample::select(escapes.to_vec()).prop_map(str::to_owned),
        3 => "[ -!#-&(-\\[\\]-~]{0,6}",
        2 => "[é日😀\u{2028}\u{85}\u{feff}\u{ad}]{1,3}",
        1 => Just(other.to_owned()),
        1 => Just("loader.save(create_a(1))#".to_owned()),
    ]
}

/// Damage that makes a string wrong in a way that Python notices as well.
fn wrong_piece() -> impl Strategy<Value = String> {
    let wrong = [r"\x4", r"\xg1", r"\u12", r"\U00110000", r"\N", r"\N{}", "\\", "\n", "\r", "\u{0}"];
    proptest::sample::select(wrong.to_vec()).prop_map(str::to_owned)
}

fn string() -> impl Strategy<Value = String> {
    let prefixes = ["", "", "", "", "r", "R", "u", "U", "b", "B", "rb", "bR", "ur", "f"];
    let style = (proptest::sample::select(prefixes.to_vec()), prop::bool::ANY, prop::bool::weighted(0.15));
    (style, prop::bool::weighted(0.03)).prop_flat_map(|((prefix, double, triple), wrong)| {
        let quote = if double { '"' } else { '\'' };
        let pieces = prop::collection::vec(piece(quote), 0..5);
        let damage = if wrong { wrong_piece().boxed() } else { Just(String::new()).boxed() };
        (pieces, damage).prop_map(move |(pieces, damage)| {
            let delimiter = quote.to_string().repeat(if triple { 3 } else { 1 });
            format!("{prefix}{delimiter}{}{damage}{delimiter}", pieces.concat())
        })
    })
}

fn number() -> impl Strategy<Value = String> {
    let odd = [
        "0",
        "-0",
        "00",
        "0_0",
        "01",
        "0x_ff",
        "0XFF",
        "0b1_0",
        "0o17",
        "0o8",
        "1_000",
        "1__0",
        "1_",
        "-0x8000000000000000",
        "1e400",
        "-1e400",
        "1e-400",
        ".5",
        "5.",
        "-.5e-3",
        "1_0.0_1e1_0",
        "1_.5",
        "1._5",
        "1e_5",
        "01.5",
        "0e0",
        "09e1",
        "1j",
        "10L",
        "1a",
        "0xg",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "+7",
        "- 7",
        "--7",
        "inf",
        "nan",
        "1.7976931348623157e308",
        "5e-324",
        "2.2250738585072011e-308",
        "0.1",
        "9007199254740993.0",
    ];
    prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        any::<i128>().prop_map(|number| number.to_string()),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(|number| format!("{number:?}")),
        "-?[1-9][0-9]{30,60}",
        "-?0x[0-9a-fA-F]{1,40}",
        proptest::sample::select(odd.to_vec()).prop_map(str::to_owned),
    ]
}

fn name() -> impl Strategy<Value = String> {
    let names = [
        "None",
        "True",
        "False",
        "contacts_Partner",
        "settings.SITE.x",
        "é_1",
        "日本",
        "ﬁx",
        "_",
        "lambda",
        "not",
        "a.None",
        "b",
        "rb",
        "ufo",
        "€",
        "dt",
    ];
    proptest::sample::select(names.to_vec()).prop_map(str::to_owned)
}

fn expression() -> impl Strategy<Value = String> {
    let strings = prop::collection::vec(string(), 1..3).prop_map(|parts| parts.join(" "));
    let leaf = prop_oneof![3 => number(), 5 => string(), 1 => strings, 3 => name()];
    leaf.prop_recursive(4, 24, 5, |inner| {
        let list = prop::collection::vec(inner.clone(), 0..5);
        let pairs = prop::collection::vec((inner.clone(), inner.clone()), 0..4);
        let separator = proptest::sample::select(vec![",", ", ", " ,"]);
        let end = proptest::sample::select(vec!["", "", "", ",", " "]);
        let shape = proptest::sample::select(vec!["[]", "()", "{}", "dt()", "Decimal()", "a.b ()"]);
        let named = ("[a-z]{1,5}", inner).prop_map(|(name, value)| format!("timedelta({name} = {value})"));
        prop_oneof![
            5 => (shape, list, separator.clone(), end.clone()).prop_map(|(shape, list, separator, end)| {
                let (open, close) = shape.split_at(shape.len() - 1);
                format!("{open}{}{end}{close}", list.join(separator))
            }),
            2 => (pairs, separator, end).prop_map(|(pairs, separator, end)| {
                let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}: {value}")).collect();
                format!("{{{}{end}}}", pairs.join(separator))
            }),
            1 => named,
        ]
    })
}

#[test]
fn values_are_what_python_reads() {
    let mut sources: Vec<String> = samples(expression(), 6_000);
    for depth in [1, 100, 199, 200, 201, 5_000] {
        sources.push("[".repeat(depth) + &"]".repeat(depth));
    }
    for digits in [4_299, 4_300, 4_301] {
        sources.push("7".repeat(digits));
        sources.push(format!("0x{}", "7".repeat(digits)));
    }
    for text in [
        "'''a\r\nb\rc\n'''",
        "'a\\\nb'",
        "'a\\\r\nb'",
        "b'a\\\nb'",
        "[1,\n2 # two\n]",
        "()",
        "(1)",
        "(1,)",
        "{}",
        "{1}",
    ] {
        sources.push(text.to_owned());
    }
    let cases: Vec<_> = sources.into_iter().map(|source| (answer(source.as_bytes()), source.into_bytes())).collect();
    let accepted = cases.iter().filter(|(answer, _)| answer[0] != "error").count();
    assert!(accepted * 2 > cases.len(), "only {accepted} were values");
    judged(&cases.into_iter().map(|(answer, source)| (source, answer)).collect::<Vec<_>>(), "both");
}

#[test]
fn damaged_values_are_never_read_as_others() {
    let mut cases = Vec::new();
    for (number, source) in samples(expression(), 3_000).into_iter().enumerate() {
        let mut bytes = source.into_bytes();
        let at = (number * 7919) % (bytes.len() + 1);
        match number % 3 {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, b"'\"\\([{)]},:=.\n#\0 9x\xff"[number % 20]),
            _ => drop(bytes.splice(at..bytes.len().min(at + 1), [])),
        }
        cases.push((bytes.clone(), answer(&bytes)));
    }
    judged(&cases, "sound");
}

#[test]
fn rows_are_what_python_reads() {
    let mut cases = Vec::new();
    for values in samples(prop::collection::vec(expression(), 0..6).prop_map(|values| values.join(",")), 2_000) {
        if values.contains(['\n', '\r', '\u{0}']) {
            continue;
        }
        let line = format!("loader.save(create_shop_x({values}))");
        let rows: Vec<_> = Rows::new(line.as_bytes()).collect();
        let found: Result<Vec<Json>, Problem> =
            rows[0].values().map(|value| value.map(|value| json!([null, said(&value)]))).collect();
        let answer = match found {
            Ok(values) => json!(["call", "loader.save", [[null, ["call", "create_shop_x", values]]]]),
            Err(problem) => json!(["error", problem.to_string()]),
        };
        cases.push((line.into_bytes(), answer));
    }
    // Named arguments belong to a call, not to a row: what Python accepts there is a problem here.
    judged(&cases, "both");
}

#[test]
fn rows_of_dumps_are_what_python_reads() {
    let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/dumps");
    let mut cases = Vec::new();
    for folder in ["1.7.0", "26.10.8", "noi-25.1.1"] {
        for entry in std::fs::read_dir(fixtures.join(folder)).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            for row in Rows::new(&bytes) {
                let values: Vec<Json> = row.values().map(|value| json!([null, said(&value.unwrap())])).collect();
                let table = String::from_utf8_lossy(row.table);
                let call =
                    ["loader.save(create_", &table, "(", std::str::from_utf8(row.arguments.unwrap()).unwrap(), "))"];
                let answer = json!(["call", "loader.save", [[null, ["call", format!("create_{table}"), values]]]]);
                cases.push((call.concat().into_bytes(), answer));
            }
        }
    }
    assert!(cases.len() > 200);
    judged(&cases, "both");
}

#[test]
fn a_problem_names_its_place() {
    let place = |source: &str| {
        let problem = parse(source.as_bytes()).unwrap_err();
        (problem.line, problem.column, problem.text)
    };
    let cases = [
        ("'abc", (1, 1, "the string has no end")),
        ("[1,\n 'é', §]", (2, 7, "'§' is not expected here")),
        ("dt(2020,1", (1, 10, "the value ends too early")),
        ("10L", (1, 1, "this is a long integer of Python 2")),
        ("'ab\\x1'", (1, 4, "an escaped character is incomplete or too large")),
        ("f'{x}'", (1, 1, "formatted strings are not read")),
        ("1 + 2", (1, 3, "'+' is not expected here")),
        ("", (1, 1, "the value ends too early")),
    ];
    for (source, (line, column, text)) in cases {
        assert_eq!(place(source), (line, column, text.to_owned()), "{source}");
    }
    assert_eq!(parse(b"'a\xff'").unwrap_err().to_string(), "line 1, column 3: this is not valid UTF-8");
}

#[test]
fn a_row_gives_its_values_up_to_its_first_problem() {
    let file = "\nloader.save(create_é(1,'é',x y,3))\nloader.save(create_a(1,'x\n";
    let rows: Vec<_> = Rows::new(file.as_bytes()).collect();
    let found: Vec<_> = rows[0].values().collect();
    let problem = |line, column, text: &str| Problem { line, column, text: text.into() };
    assert_eq!(
        found,
        [Ok(Value::Int(1)), Ok(Value::Text("é".into())), Err(problem(2, 30, "'y' is not expected here"))]
    );
    assert_eq!(rows[0].value(3), Some(Ok(Value::Int(3))));
    assert_eq!(rows[0].value(2), Some(Err(problem(2, 30, "'y' is not expected here"))));
    assert_eq!(rows[0].value(4), None);
    assert_eq!(rows[1].values().collect::<Vec<_>>(), [Err(problem(3, 21, "the row is cut off"))]);
}

#[test]
fn plain_values_are_borrowed() {
    use std::borrow::Cow::Borrowed;

    let source = b"['abc', b'abc', r'a\\b', 123456789012345678901234567890]";
    let Ok(Value::List(values)) = parse(source) else { panic!("a list") };
    assert!(matches!(
        values.as_slice(),
        [
            Value::Text(Borrowed("abc")),
            Value::Bytes(Borrowed(b"abc")),
            Value::Text(Borrowed("a\\b")),
            Value::Large(Borrowed(_))
        ]
    ));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes);
        for row in Rows::new(&[b"loader.save(create_a(", bytes.as_slice(), b"))"].concat()) {
            let _ = row.values().count();
            let _ = row.value(1);
        }
    }

    #[test]
    fn arbitrary_python_never_panics(text in "[-'\"\\\\(\\[{)\\]},:=.0-9a-zA-Z_ #\n\ré😀]{0,60}") {
        let _ = parse(text.as_bytes());
    }
}
