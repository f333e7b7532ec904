//! Two dumps made from the same rows: the account must say exactly what was done to the second.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::dump::Script;

const FUNCTION: &str = "def create_a_one(id, name, price, at):\n    if price is not None: price = Decimal(price)\n    \
                        kw = dict()\n    kw.update(id=id)\n    kw.update(name=name)\n    kw.update(price=price)\n    \
                        kw.update(at=at)\n    return a_One(**kw)\n";

/// The files of the table in one dump.
type Files = Vec<String>;

fn plan(before: &str, after: &str) -> Plan {
    let scripts = [Script::read(before), Script::read(after)];
    let functions = scripts.each_ref().map(|script| script.function("a_one"));
    let languages = scripts.each_ref().map(|script| script.languages.as_slice());
    Plan::new("a_one", functions, languages, &Known::default())
}

/// A dump that is given in windows.
struct Fed<'a> {
    files: &'a Files,
    file: usize,
    at: usize,
    line: u64,
    size: usize,
}

impl<'a> Fed<'a> {
    const fn new(files: &'a Files, size: usize) -> Self {
        Self { files, file: 0, at: 0, line: 1, size }
    }

    fn window(&mut self) -> Option<Window<'a>> {
        while self.at >= self.files.get(self.file)?.len() {
            (self.file, self.at, self.line) = (self.file + 1, 0, 1);
        }
        let rest = &self.files[self.file].as_bytes()[self.at..];
        let least = self.size.min(rest.len());
        let end = memchr::memchr(b'\n', &rest[least - 1..]).map_or(rest.len(), |end| least + end);
        let place = Place { file: u32::try_from(self.file).unwrap(), offset: self.at as u64 };
        Some(Window { bytes: &rest[..end], place, line: self.line, valid: true })
    }

    fn pass(&mut self, passed: Consumed) {
        self.at += passed.bytes;
        self.line += passed.lines;
    }

    /// Reads a line again.
    fn again(&self, place: Place) -> (u64, &'a [u8]) {
        let (before, rest) =
            self.files[place.file as usize].as_bytes().split_at(usize::try_from(place.offset).unwrap());
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
        (memchr::memchr_iter(b'\n', before).count() as u64 + 1, &rest[..end])
    }
}

/// Accounts for a dump in memory.
fn account(plan: &Plan, dumps: [&Files; 2], sizes: [usize; 2]) -> Concluded {
    let names = dumps.map(|files| (1..=files.len()).map(|part| format!("a_one_{part}.py")).collect::<Vec<_>>());
    let mut matcher = Matcher::new(plan, Heads { before: &names[0], after: &names[1] });
    let (mut mine, mut theirs) = (Fed::new(dumps[0], sizes[0]), Fed::new(dumps[1], sizes[1]));
    loop {
        match (mine.window(), theirs.window()) {
            (Some(before), Some(after)) => {
                let [one, other] = matcher.meet(before, after);
                mine.pass(one);
                theirs.pass(other);
            }
            (Some(window), None) => mine.pass(matcher.rest(Side::Before, window)),
            (None, Some(window)) => theirs.pass(matcher.rest(Side::After, window)),
            (None, None) => break,
        }
    }
    let joined = matcher.join();
    for Pair { before, after } in joined.pairs() {
        let [one, other] =
            [(&mine, before, 0), (&theirs, after, 1)].map(|(fed, place, side): (&Fed<'_>, Place, usize)| {
                let (line, text) = fed.again(place);
                (text, Origin { file: names[side][place.file as usize].clone(), line })
            });
        matcher.look(one, other);
    }
    for (side, places) in Side::BOTH.into_iter().zip(joined.lonely(10)) {
        for place in places {
            let fed = if side == Side::Before { &mine } else { &theirs };
            let (line, text) = fed.again(place);
            matcher.alone(side, (place, line), text);
        }
    }
    matcher.conclude(&joined)
}

/// What is in a row of the model.
#[derive(Clone, Debug, PartialEq)]
struct Values {
    name: String,
    price: u32,
}

fn written(rows: &[(i64, Values)], part: usize) -> Files {
    let mut files = Files::new();
    for (at, rows) in rows.chunks(part).enumerate() {
        let mut text = format!("# -*- coding: UTF-8 -*-\nlogger.info(\"Loading (part {at})...\")\n# fields: id\n");
        for (id, Values { name, price }) in rows {
            writeln!(text, "loader.save(create_a_one({id},'{name}','{price}.00',dt(2024,1,2,3,4,5)))").unwrap();
        }
        text.push_str("\nloader.flush_deferred_objects()\n");
        files.push(text);
    }
    files
}

/// What is done to a row of the first dump.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Kept,
    Renamed,
    Priced,
    Both,
    Removed,
}

fn fates() -> impl Strategy<Value = Fate> {
    use Fate::{Both, Kept, Priced, Removed, Renamed};
    prop_oneof![8 => Just(Kept), 1 => Just(Renamed), 1 => Just(Priced), 1 => Just(Both), 1 => Just(Removed)]
}

/// The order in which the second dump has its rows.
#[derive(Clone, Debug)]
enum Order {
    Same,
    Reversed,
    /// Some rows are moved.
    Moved(Vec<(Index, Index)>),
    Shuffled(Vec<u64>),
}

fn orders() -> impl Strategy<Value = Order> {
    prop_oneof![
        Just(Order::Same),
        Just(Order::Reversed),
        proptest::collection::vec((any::<Index>(), any::<Index>()), 1..5).prop_map(Order::Moved),
        proptest::collection::vec(any::<u64>(), 300).prop_map(Order::Shuffled),
    ]
}

fn ordered(mut rows: Vec<(i64, Values)>, order: &Order) -> Vec<(i64, Values)> {
    match order {
        Order::Reversed => rows.reverse(),
        Order::Moved(moves) if !rows.is_empty() => {
            for (from, to) in moves {
                let row = rows.remove(from.index(rows.len()));
                rows.insert(to.index(rows.len() + 1), row);
            }
        }
        Order::Same | Order::Moved(_) => {}
        Order::Shuffled(dice) => {
            let mut dice = dice.iter().cycle();
            rows.sort_by_cached_key(|_| *dice.next().unwrap());
        }
    }
    rows
}

proptest! {
    #[test]
    fn the_account_says_exactly_what_was_done(
        rows in proptest::collection::btree_map(-20_i64..2000, (fates(), "[a-cé]{0,5}", 0_u32..5), 0..200),
        added in proptest::collection::btree_map(-20_i64..2000, "[a-c]{0,5}", 0..8),
        first in orders(),
        second in orders(),
        parts in (1_usize..80, 1_usize..80),
        sizes in (1_usize..4000, 1_usize..4000),
    ) {
        let mut expected = TableAccount { table: "a_one".into(), ..TableAccount::default() };
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for (id, (fate, name, price)) in &rows {
            let values = Values { name: name.clone(), price: *price };
            before.push((*id, values.clone()));
            let mut fields: &[&str] = &[];
            let renamed = Values { name: format!("{name}x"), ..values.clone() };
            match fate {
                Fate::Kept => after.push((*id, values)),
                Fate::Renamed => { fields = &["name"]; after.push((*id, renamed)); }
                Fate::Priced => { fields = &["price"]; after.push((*id, Values { price: price + 1, ..values })); }
                Fate::Both => { fields = &["name", "price"]; after.push((*id, Values { price: price + 1, ..renamed })); }
                Fate::Removed => { expected.missing += 1; expected.missing_pks.push(Pk::Number(*id)); continue; }
            }
            if fields.is_empty() { expected.equal += 1 } else { expected.changed += 1 }
            for field in fields {
                *expected.fields.entry((*field).into()).or_default() += 1;
            }
        }
        for (id, name) in added.into_iter().filter(|(id, _)| !rows.contains_key(id)) {
            expected.new += 1;
            after.push((id, Values { name, price: 1 }));
        }
        let (before, after) = (ordered(before, &first), ordered(after, &second));
        let (one, other) = (written(&before, parts.0), written(&after, parts.1));
        let mut found = account(&plan(FUNCTION, FUNCTION), [&one, &other], [sizes.0, sizes.1]);
        prop_assert_eq!(found.problems, vec![]);
        for sample in std::mem::take(&mut found.account.samples) {
            for (files, origin) in [(&one, sample.before), (&other, sample.after)] {
                let Some(Origin { file, line }) = origin else { continue };
                let part: usize = file.trim_start_matches("a_one_").trim_end_matches(".py").parse().unwrap();
                let text = files[part - 1].lines().nth(usize::try_from(line).unwrap() - 1).unwrap();
                prop_assert!(text.contains(&format!("create_a_one({},", sample.pk)), "{} is not in {}", sample.pk, text);
            }
        }
        prop_assert_eq!(found.account, expected);
    }

    #[test]
    fn no_bytes_make_it_panic(
        one in proptest::collection::vec(any::<u8>(), 0..300),
        other in proptest::collection::vec(any::<u8>(), 0..300),
        size in 1_usize..50,
    ) {
        let text = |bytes: &[u8]| {
            let tail = String::from_utf8_lossy(bytes).into_owned();
            vec![format!("loader.save(create_a_one({tail}))\nloader.save(create_a_one(1,'{tail}"), tail]
        };
        let (one, other) = (text(&one), text(&other));
        let found = account(&plan(FUNCTION, FUNCTION), [&one, &other], [size, size + 7]);
        prop_assert!(!found.account.is_equal());
    }
}

fn file(rows: &[&str]) -> Files {
    let rows: Vec<String> = rows.iter().map(|row| format!("loader.save(create_a_one({row}))\n")).collect();
    vec![rows.concat()]
}

fn of(before: &[&str], after: &[&str]) -> Concluded {
    account(&plan(FUNCTION, FUNCTION), [&file(before), &file(after)], [1000, 1000])
}

fn counts(found: &Concluded) -> [u64; 6] {
    let TableAccount { equal, changed, missing, new, unreadable, .. } = found.account;
    [equal, changed, missing, new, unreadable[0], unreadable[1]]
}

#[test]
fn spelling_means_nothing_and_meaning_does() {
    let before = ["1,'it\\'s','1.0',dt(2024,1,2,3,0,0)", "2,'',None,None", "3,'a','1',dt(2024,1,2,3,4,5,678)"];
    let after = ["1, \"it's\" ,'1.00',dt(2024,1,2,3),", "2,None,None,None", "3,'a','1.0',dt(2024,1,2,3,4,5)"];
    let found = of(&before, &after);
    assert_eq!((counts(&found), found.problems.len()), ([2, 1, 0, 0, 0, 0], 0));
    assert_eq!(found.account.by_lino, 1);
    assert_eq!(found.account.lino, BTreeMap::from([(Reason::Microseconds, BTreeMap::from([("at".into(), 1)]))]));
    assert_eq!(found.account.fields, BTreeMap::from([("name".into(), 1)]));
    let place = Some(Origin { file: "a_one_1.py".into(), line: 2 });
    let (before, after) = (place.clone(), place);
    let sample = Sample { state: State::Changed, pk: Pk::Number(2), before, after, fields: vec!["name".into()] };
    assert_eq!(found.account.samples, [sample]);
}

#[test]
fn a_key_that_comes_twice_is_told_and_each_row_counts() {
    let (one, other) = ("1,'a',None,None", "1,'b',None,None");
    let found = |before: &[&str], after: &[&str]| {
        let dumps = [&file(before), &file(after)];
        let plan = plan(FUNCTION, FUNCTION);
        let names = [vec!["x.py".to_owned()], vec!["x.py".to_owned()]];
        let mut matcher = Matcher::new(&plan, Heads { before: &names[0], after: &names[1] });
        let window = |files: &Files| Fed::new(files, 1000).window().map(|window| window.bytes.to_vec());
        let texts = dumps.map(|files| window(files).unwrap());
        let place = Place { file: 0, offset: 0 };
        let [before, after] = texts.each_ref().map(|bytes| Window { bytes, place, line: 1, valid: true });
        let passed = matcher.meet(before, after);
        for (side, window, passed) in [(Side::Before, before, passed[0]), (Side::After, after, passed[1])] {
            let bytes = &window.bytes[passed.bytes..];
            let place = Place { file: 0, offset: passed.bytes as u64 };
            matcher.rest(side, Window { bytes, place, ..window });
        }
        let joined = matcher.join();
        let twice = Side::BOTH.map(|side| matcher.twice(side).len());
        (twice, counts(&matcher.conclude(&joined)))
    };
    assert_eq!(found(&[one, one], &[one, one]), ([1, 1], [2, 0, 0, 0, 0, 0]));
    assert_eq!(found(&[one, other], &[one]), ([1, 0], [1, 0, 1, 0, 0, 0]));
    assert_eq!(found(&[one], &[one, "2,'',None,None", other]), ([0, 1], [1, 0, 0, 2, 0, 0]));
}

#[test]
fn rows_that_cannot_be_read_are_told_and_are_never_equal() {
    let text = "loader.save(create_a_one(1,'a',None,None))\nloader.save(create_a_one(2,'a\n\
                loader.save(create_b_two(3))\nloader.save(create_a_one(4,'a'))\nimport os\n\
                loader.save(create_a_one(5,'a',None,'x'y))\nraise Exception(\"The data of table a_one\")\n";
    let same = vec![text.to_owned()];
    let other = vec![text.replace("(4,'a'))", "(4,'b'))").replace("'x'y", "'z'y")];
    let found = account(&plan(FUNCTION, FUNCTION), [&same, &other], [1000, 1000]);
    assert_eq!(counts(&found), [1, 2, 0, 0, 2, 2]);
    let told: Vec<(Side, Option<u64>, &str)> =
        found.problems.iter().map(|fault| (fault.side, fault.line, fault.message.as_str())).collect();
    let values = "The row cannot be compared: it has not 4 values, as the create function in restore.py takes.";
    let both = |line, text| [(Side::Before, Some(line), text), (Side::After, Some(line), text)];
    let expected = [
        both(2, "The row is cut off."),
        both(3, "The row belongs to another table than the file."),
        both(4, values),
        both(5, "This line is no row. What it does is not known."),
    ];
    assert_eq!(told[..8], expected.concat());
    assert_eq!(told[8], (Side::Before, Some(6), "The value of at cannot be read: 'y' is not expected here."));
    let refused = "Its rows are missing: the dump was made with --simulate or --tolerate.";
    assert_eq!(told[9..], both(7, refused));
}

#[test]
fn fields_that_come_and_go_are_set_apart() {
    let function = |fields: &str| {
        let parameters = fields.replace(' ', "").split(',').fold(String::new(), |mut text, field| {
            let _ = writeln!(text, "    kw.update({field}={field})");
            text
        });
        format!("def create_a_one({fields}):\n    kw = dict()\n{parameters}    return a_One(**kw)\n")
    };
    let plan = plan(&function("id, name, email, fax"), &function("name, id, phone"));
    let before = file(&["1,'a','a@b',None", "2,'b','',''", "3,'c','c@d',''"]);
    let after = file(&["'a',1,'7'", "'x',2,None"]);
    for sizes in [[1000, 1000], [1, 1]] {
        let found = account(&plan, [&before, &after], sizes);
        assert_eq!((counts(&found), found.problems), ([1, 1, 1, 0, 0, 0], vec![]));
        let account = found.account;
        let named = |pairs: &[(&str, u64)]| -> BTreeMap<String, u64> {
            pairs.iter().map(|(name, rows)| ((*name).to_owned(), *rows)).collect()
        };
        assert_eq!(account.fields, named(&[("name", 1)]));
        assert_eq!(account.fields_gone, named(&[("email", 2), ("fax", 0)]));
        assert_eq!(account.fields_new, named(&[("phone", 1)]));
        assert_eq!(account.missing_pks, [Pk::Number(3)]);
    }
}

#[test]
fn texts_are_compared_by_language() {
    let script = |languages: &str| {
        let values: Vec<String> =
            languages.split(' ').enumerate().map(|(at, code)| format!("{code}=values[{at}]")).collect();
        format!(
            "def bv2kw(fieldname, values):\n    return settings.SITE.babelkw(fieldname, {})\n\n\
             def create_a_one(id, name):\n    kw = dict()\n    kw.update(id=id)\n    \
             if name is not None: kw.update(bv2kw('name',name))\n    return a_One(**kw)\n",
            values.join(",")
        )
    };
    let plan = plan(&script("en de fr"), &script("de en et"));
    let before = file(&["1,['a', 'b', 'c']", "2,['a', 'b', '']", "3,['a', 'b', '']"]);
    let after = file(&["1,['b', 'a', '']", "2,['b', 'a', 'e']", "3,['a', 'b', '']"]);
    let found = account(&plan, [&before, &after], [1000, 1000]);
    assert_eq!((counts(&found), found.problems), ([2, 1, 0, 0, 0, 0], vec![]));
    assert_eq!(found.account.fields_gone, BTreeMap::from([("name (fr)".into(), 1)]));
    assert_eq!(found.account.fields_new, BTreeMap::from([("name (et)".into(), 1)]));
}

#[test]
fn a_row_is_known_by_its_key_wherever_the_function_takes_it() {
    let key = |signature: &str| {
        let text = format!("def create_a_one({signature}):\n    kw = dict()\n    return a_One(**kw)\n");
        plan(&text, &text).key(Side::Before)
    };
    assert_eq!(key("name, isocode"), 1);
    assert_eq!(key("name, id"), 1);
    assert_eq!(key("partner_id, name"), 0);
    let babel = "def create_a_one(name, code):\n    if name is not None: kw.update(bv2kw('name',name))\n    \
                 return a_One(**kw)\n";
    assert_eq!(plan(babel, babel).key(Side::After), 1);
    let found = of(&["'a',1,None,None", "'ä',1,None,None"], &["'\\xe4',1,None,None", "date(2024,1,1),1,None,None"]);
    assert_eq!(counts(&found), [1, 0, 1, 1, 0, 0]);
    assert_eq!(found.account.missing_pks, [Pk::Text("a".into())]);
    let new = found.account.samples.iter().find(|sample| sample.state == State::New).unwrap();
    assert_eq!(new.pk, Pk::Text("date(2024,1,1)".into()));
}

#[test]
fn what_lino_changes_itself_is_named_only_where_the_values_show_it() {
    let function = "def create_a_one(id, body_short_preview, build_method):\n    kw = dict()\n    return a_One(**kw)\n";
    let plan = plan(function, function);
    let before = file(&["1,'x',None", "2,'x','a'", "3,'x',None", "4,'[ERROR a]',None"]);
    let after = file(&["1,'y','b'", "2,'x','b'", "3,'[ERROR q]',None", "4,'[ERROR b]',None"]);
    let found = account(&plan, [&before, &after], [1000, 1000]);
    assert_eq!((counts(&found), found.account.by_lino), ([3, 1, 0, 0, 0, 0], 3));
    let field = |name: &str, rows| BTreeMap::from([(name.to_owned(), rows)]);
    let expected = [
        (Reason::Previews, field("body_short_preview", 2)),
        (Reason::PreviewErrors, field("body_short_preview", 1)),
        (Reason::Defaults, field("build_method", 1)),
    ];
    assert_eq!(found.account.lino, BTreeMap::from(expected));
    assert_eq!(found.account.fields, field("build_method", 1));
}

#[test]
fn one_row_more_or_less_keeps_the_sides_in_step() {
    let rows: Vec<String> = (0..500).map(|at| format!("{},'a',None,None", at * 7919 % 1000)).collect();
    let before: Vec<&str> = rows.iter().map(String::as_str).collect();
    let mut after = before.clone();
    after.remove(100);
    after.insert(300, "2000,'a',None,None");
    after.remove(400);
    let plan = plan(FUNCTION, FUNCTION);
    let names = [vec!["x.py".to_owned()], vec!["x.py".to_owned()]];
    let mut matcher = Matcher::new(&plan, Heads { before: &names[0], after: &names[1] });
    let dumps = [file(&before), file(&after)];
    let place = Place { file: 0, offset: 0 };
    let [one, other] = dumps.each_ref().map(|files| Window { bytes: files[0].as_bytes(), place, line: 1, valid: true });
    matcher.meet(one, other);
    assert_eq!(matcher.pending.each_ref().map(Vec::len), [2, 1]);
}
