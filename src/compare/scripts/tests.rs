//! Scripts that a version of `dump2py` wrote, compared with themselves after one change. Whole values throughout.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/dumps")
}

fn fixture(name: &str) -> String {
    fs::read_to_string(fixtures().join(name).join("restore.py")).unwrap()
}

fn of_texts(old: &str, new: &str) -> Comparison {
    compare(&Script::read(old), &Script::read(new))
}

/// The script of a small database, and what is found after these replacements.
fn changed(replacements: &[(&str, &str)]) -> (String, String) {
    let old = fixture("26.10.8");
    let mut new = old.clone();
    for (from, to) in replacements {
        assert!(new.contains(from), "{from}");
        new = new.replace(from, to);
    }
    (old, new)
}

/// Says a comparison in lines: class, sentence, questions; then guesses; then what was left out.
fn said(found: &Comparison) -> Vec<String> {
    let class = |class: Class| match class {
        Class::Noise => "noise",
        Class::Additive => "additive",
        Class::DataDependent => "data-dependent",
        Class::Destructive => "destructive",
    };
    let differences = found.differences.iter().map(|difference| {
        let questions: Vec<String> =
            difference.questions.iter().map(|question| format!(" [{} {:?}]", question.table, question.rows)).collect();
        format!("{}: {}{}", class(difference.class), difference.sentence, questions.concat())
    });
    let guesses = found.guesses.iter().map(|guess| format!("{} → {}? {}", guess.from, guess.to, guess.because));
    differences.chain(guesses).chain(found.left_out.iter().map(|text| format!("left out: {text}"))).collect()
}

/// What is found when the new script differs in this from the old one.
fn found(replacements: &[(&str, &str)]) -> Vec<String> {
    let (old, new) = changed(replacements);
    said(&of_texts(&old, &new))
}

/// The same the other way round.
fn found_back(replacements: &[(&str, &str)]) -> Vec<String> {
    let (old, new) = changed(replacements);
    said(&of_texts(&new, &old))
}

const NOTHING: [String; 0] = [];

/// What adds the field `vat` to partners.
const FIELD: [(&str, &str); 2] = [
    ("create_contacts_partner(id, name,", "create_contacts_partner(id, name, vat,"),
    (
        "    kw.update(name=name)\n    kw.update(country_id",
        "    kw.update(name=name)\n    kw.update(vat=vat)\n    kw.update(country_id",
    ),
];

#[test]
fn a_difference_is_a_whole_value() {
    let (old, new) = changed(&FIELD);
    let expected = Difference {
        class: Class::Destructive,
        subject: Subject::Field("contacts.Partner".into(), "vat".into()),
        change: Change::Removed,
        sentence: "contacts.Partner.vat is gone: its values have no place in the new version.".into(),
        questions: vec![Question { table: "contacts_partner".into(), rows: Rows::NotEmpty("vat".into()) }],
    };
    assert_eq!(of_texts(&new, &old), Comparison { differences: vec![expected], guesses: vec![], left_out: vec![] });
}

#[test]
fn fields_come_and_go() {
    assert_eq!(
        found(&FIELD),
        ["additive: contacts.Partner.vat is new; the script does not tell whether it must have a value."]
    );
    let name = [("isocode, name)", "isocode)"), ("    if name is not None: kw.update(bv2kw('name',name))\n", "")];
    assert_eq!(
        found(&name),
        ["destructive: countries.Country.name is gone: its values have no place in the new version. \
          [countries_country NotEmpty(\"name\")] [countries_country NotEmpty(\"name_de\")] \
          [countries_country NotEmpty(\"name_fr\")]"]
    );
}

#[test]
fn models_come_and_go() {
    let broken = [
        ("memo_Empty = resolve_model(\"memo.Empty\")\n", ""),
        ("def create_memo_empty(id):\n    kw = dict()\n    kw.update(id=id)\n    return memo_Empty(**kw)\n\n", ""),
        ("    execfile(\"memo_empty.py\", *args)\n", ""),
    ];
    assert_eq!(
        found(&broken),
        ["destructive: memo.Empty is gone: its rows have no place in the new version. [memo_empty All]"]
    );
    assert_eq!(found_back(&broken), ["additive: memo.Empty is new."]);
}

#[test]
fn other_conversions_are_told_with_the_rows_to_count() {
    let amount = "    if amount is not None: amount = Decimal(amount)\n";
    assert_eq!(
        found(&[(amount, "")]),
        ["data-dependent: accounting.Account.amount is a plain value instead of a decimal number. \
          [accounting_account Unfit(\"amount\", \"a plain value\")]"]
    );
    assert_eq!(
        found_back(&[(amount, "")]),
        ["data-dependent: accounting.Account.amount is a decimal number instead of a plain value: values that are no \
          numbers are refused. [accounting_account Unfit(\"amount\", \"numeric\")]"]
    );
    let list = "#    if common_account: common_account = settings.SITE.models.accounting.CommonAccounts.get_by_value(common_account)\n";
    assert_eq!(
        found(&[(list, "")]),
        ["data-dependent: accounting.Account.common_account is a plain value and takes no values of the choicelist \
          accounting.CommonAccounts any more. [accounting_account Unfit(\"common_account\", \"a plain value\")]"]
    );
    assert_eq!(
        found_back(&[(list, "")]),
        ["data-dependent: accounting.Account.common_account may only have values of the choicelist \
          accounting.CommonAccounts now. [accounting_account Unfit(\"common_account\", \"a choice of \
          accounting.CommonAccounts\")]"]
    );
    assert_eq!(
        found(&[("models.accounting.CommonAccounts", "models.ledger.CommonAccounts")]),
        [
            "data-dependent: accounting.Account.common_account takes its values from the choicelist ledger.CommonAccounts \
          instead of accounting.CommonAccounts. [accounting_account Unfit(\"common_account\", \"a choice of \
          ledger.CommonAccounts\")]"
        ]
    );
    let content = "    owner_type_id = new_content_type_id(owner_type_id)\n";
    assert_eq!(
        found(&[(content, "")]),
        ["data-dependent: memo.Mention.owner_type_id is a plain value instead of a content type. \
          [memo_mention Unfit(\"owner_type_id\", \"a plain value\")]"]
    );
    let babel = [("    if name is not None: kw.update(bv2kw('name',name))\n", "    kw.update(name=name)\n")];
    assert_eq!(
        found(&babel),
        ["destructive: countries.Country.name has one text for all languages now: the translations have no place. \
          [countries_country NotEmpty(\"name_de\")] [countries_country NotEmpty(\"name_fr\")]"]
    );
    assert_eq!(found_back(&babel), ["additive: countries.Country.name has one text per language now."]);
}

#[test]
fn another_parent_is_one_difference() {
    let parent = [
        ("create_contacts_person(partner_ptr_id,", "create_contacts_person(account_ptr_id,"),
        ("create_mti_child(contacts_Partner, partner_ptr_id,", "create_mti_child(accounting_Account, account_ptr_id,"),
    ];
    assert_eq!(
        found(&parent),
        ["destructive: contacts.Person was a part of contacts.Partner and is one of accounting.Account. \
          [contacts_person All]"]
    );
    let none = [
        ("create_contacts_person(partner_ptr_id,", "create_contacts_person(id,"),
        ("    kw.update(first_name=", "    kw.update(id=id)\n    kw.update(first_name="),
        ("create_mti_child(contacts_Partner, partner_ptr_id, contacts_Person, **kw)", "contacts_Person(**kw)"),
    ];
    assert_eq!(
        found(&none),
        [
            "destructive: contacts.Person was a part of contacts.Partner and is one of nothing. [contacts_person All]",
            "additive: contacts.Person.id is new; the script does not tell whether it must have a value.",
        ]
    );
}

#[test]
fn a_model_in_another_table_is_the_same_model() {
    assert_eq!(
        found(&[("create_own_table(", "create_cycle_right("), ("own_table.py", "cycle_right.py")]),
        ["additive: cycle.Right moves from table own_table to cycle_right."]
    );
}

#[test]
fn languages_come_go_and_lead() {
    let line = "en=values[0],de=values[1],fr=values[2]";
    assert_eq!(
        found(&[(line, "en=values[0],de=values[1],fr=values[2],bn=values[3]")]),
        ["additive: The site gains the language bn: each translated field has a column more."]
    );
    assert_eq!(
        found(&[(line, "en=values[0],fr=values[1]")]),
        ["destructive: The site loses the language de: the texts in that language have no place. \
          [countries_country NotEmpty(\"name_de\")]"]
    );
    assert_eq!(
        found(&[(line, "de=values[0],en=values[1],fr=values[2]")]),
        [
            "data-dependent: The main language of the site is de instead of en: texts move to other columns, which only a \
          restore does. [countries_country NotEmpty(\"name\")]"
        ]
    );
    assert_eq!(
        found(&[(line, "en=values[0],fr=values[1],de=values[2]")]),
        ["noise: The languages have another order."]
    );
}

#[test]
fn renamed_fields_and_models_are_guessed() {
    let field = [
        ("create_contacts_partner(id, name,", "create_contacts_partner(id, names,"),
        ("    kw.update(name=name)", "    kw.update(names=names)"),
    ];
    assert_eq!(
        found(&field),
        [
            "destructive: contacts.Partner.name is gone: its values have no place in the new version. \
             [contacts_partner NotEmpty(\"name\")]",
            "additive: contacts.Partner.names is new; the script does not tell whether it must have a value.",
            "contacts.Partner.name → contacts.Partner.names? name is gone, names of the same kind is new, and the names \
             are alike.",
        ]
    );
    let only = [("remarks", "notes")];
    assert_eq!(
        found(&only)[2..],
        ["contacts.Partner.remarks → contacts.Partner.notes? remarks is the only field of its kind that is gone, and \
          notes the only new one."]
    );
    let model =
        [("memo.Mention", "memo.Mentions"), ("memo_Mention", "memo_Mentions"), ("memo_mention", "memo_mentions")];
    assert_eq!(
        found(&model)[2..],
        ["memo.Mention → memo.Mentions? memo.Mention is gone, memo.Mentions is new, and 5 of their 5 fields have the \
          same names."]
    );
}

#[test]
fn noise_is_called_so() {
    for (from, to, expected) in [
        ("'1.2.3'", "'1.3.0'", "The version of the application is 1.3.0 instead of 1.2.3."),
        ("shop.settings", "shadow", "The settings module has another name."),
        ("Europe/Brussels", "UTC", "The time zone of the settings is another one."),
        ("from datetime import time, date\n", "", "The scripts import different things."),
        (", strict=True", "", "The loader is made otherwise."),
        ("'-b', '--noinput', '--batch'", "'--noinput'", "The scripts have different options on the command line."),
        (
            "# - cycle.Left (1 rows, depends on cycle.Right)\n",
            "",
            "Other models depend on each other in circles, or they are told otherwise.",
        ),
        (
            "memo_Mention = resolve_model(\"memo.Mention\")\nmemo_Empty = resolve_model(\"memo.Empty\")\n",
            "memo_Empty = resolve_model(\"memo.Empty\")\nmemo_Mention = resolve_model(\"memo.Mention\")\n",
            "The models are looked up in another order.",
        ),
        (
            "    execfile(\"memo_mention.py\", *args)\n    execfile(\"memo_empty.py\", *args)\n",
            "    execfile(\"memo_empty.py\", *args)\n    execfile(\"memo_mention.py\", *args)\n",
            "The tables are loaded in another order.",
        ),
        (
            "    execfile(\"contacts_partner_1.py\", *args)\n    execfile(\"contacts_partner_2.py\", *args)\n    \
             execfile(\"contacts_partner_3.py\", *args)\n",
            "    execfile(\"contacts_partner.py\", *args)\n",
            "The rows of contacts_partner are in other row files.",
        ),
        (
            "(id, name, country_id, remarks)",
            "(remarks, id, country_id, name)",
            "contacts.Partner has its fields in another order.",
        ),
        ("#    if common_account", "    if common_account", "accounting.Account has its choices looked up elsewhere."),
        (
            "\nimport os\n",
            "\nraise SystemExit(\"This is a simulated dump without data: restoring it would empty the database. \
             Nothing was done.\")  # lino-upgrade\nimport os\n",
            "Only one script ends at once, because it is a simulated dump.",
        ),
        (
            "# This is a Python dump created using dump2py.\n",
            "# This is a Python dump created using Lino 1.6.\n",
            "The scripts were written by other programs.",
        ),
        ("\nimport os\n", "\nOTHER_SOURCES = {'lino_xl': '1'}\nimport os\n", "The versions of plugins differ."),
    ] {
        assert_eq!(found(&[(from, to)]), [format!("noise: {expected}")], "{to}");
        assert_eq!(found_back(&[(from, to)]).len(), 1, "{to}");
    }
    // What the reader does not even keep.
    let admins = "settings.ADMINS = []  # Avoid spamming admins with useless error messages\n\n";
    assert_eq!(found(&[(admins, "")]), NOTHING);
    assert_eq!(found(&[("(1 rows, ", "(70000 rows, ")]), NOTHING);
    let functions = fixture("26.10.8");
    let (at, end) =
        (functions.find("def create_memo_empty").unwrap(), functions.find("def create_cycle_left").unwrap());
    let empty = &functions[at..end];
    let moved = functions
        .replace(empty, "")
        .replace("def create_countries_country", &format!("{empty}def create_countries_country"));
    assert_eq!(said(&of_texts(&functions, &moved)), ["noise: The create functions have another order."]);
}

#[test]
fn what_a_hand_has_changed_is_named_with_its_lines() {
    let function =
        [("    kw.update(remarks=remarks)\n", "    if id == 101: return None\n    # kw.update(remarks=remarks)\n")];
    assert_eq!(
        found_back(&function),
        [
            "data-dependent: Somebody edited the create function of contacts.Partner in the old script (lines 94 to 95): \
          what it does to the rows is not known. It does not store remarks any more. [contacts_partner All]"
        ]
    );
    assert_eq!(
        found(&function),
        [
            "data-dependent: Somebody edited the create function of contacts.Partner in the new script (lines 94 to 95): \
          what it does to the rows is not known. It does not store remarks any more."
        ]
    );
    assert_eq!(
        found_back(&[("    kw.update(remarks=remarks)\n", "")]),
        [
            "data-dependent: Somebody edited the create function of contacts.Partner in the old script (lines 89 to 94): \
          what it does to the rows is not known. It does not store remarks any more. [contacts_partner All]"
        ]
    );
    let skipped = [("    execfile(\"memo_empty.py\"", "#    execfile(\"memo_empty.py\"")];
    assert_eq!(
        found_back(&skipped),
        ["destructive: The rows of memo.Empty are not loaded: somebody commented out line 149 of the old script. \
          [memo_empty All]"]
    );
    assert_eq!(
        found_back(&[("    execfile(\"memo_empty.py\", *args)\n", "")]),
        ["destructive: The rows of memo.Empty are not loaded: somebody removed the line of the old script that does. \
          [memo_empty All]"]
    );
    assert_eq!(
        found_back(&[("    execfile(\"contacts_partner_2", "    # execfile(\"contacts_partner_2")]),
        [
            "destructive: Some of the rows of contacts.Partner are not loaded: somebody commented out line 145 of the old \
             script. [contacts_partner All]",
        ]
    );
    let handler =
        [("    loader.initialize()\n", "    loader.initialize()\n    loader.before_load_handlers.append(clean)\n")];
    assert_eq!(
        found_back(&handler),
        ["data-dependent: Line 140 of the old script runs something before the rows are loaded."]
    );
    let elsewhere = [
        ("\nimport os\n", "\nimport os\nprint(\"\u{1b}[2J\")\nx = 1\n"),
        ("    loader.finalize()", "    y = 2\n    loader.finalize()"),
    ];
    assert_eq!(
        found_back(&elsewhere),
        [
            "data-dependent: The old script has lines that dump2py does not write (lines 13 to 14, 154): somebody edited it."
        ]
    );
    // What both have by hand is no difference.
    for replacements in [&function[..], &skipped, &handler, &elsewhere] {
        let (_, edited) = changed(replacements);
        assert_eq!(said(&of_texts(&edited, &edited)), NOTHING);
    }
}

#[test]
fn what_cannot_be_compared_is_said() {
    let whole = fixture("26.10.8");
    let cut = |end: &str| said(&of_texts(&whole, &whole[..whole.find(end).unwrap()]));
    assert_eq!(
        cut("    kw.update(right_id=right_id)"),
        [
            "left out: The new script breaks off at line 121: the script ends before it loads and starts everything. What \
             should follow could not be compared.",
            "left out: The fields of cycle.Left and cycle.Right could not be compared: the new script has no complete \
             create function for them.",
        ]
    );
    // It may break off before the last model.
    let early = cut("cycle_Left = resolve_model");
    assert_eq!(
        early[0],
        "left out: The new script breaks off at line 61: the script ends before it loads and starts \
        everything. What should follow could not be compared."
    );
    assert_eq!(early.len(), 2);
    assert_eq!(
        found(&[("kw.update(flag=flag)", "kw.update(flag=flag")]).last().unwrap(),
        "left out: Python cannot read the new script at line 79: the bracket is never closed. What stands \
         there may be missing in the comparison."
    );
    assert_eq!(
        found(&[("SOURCE_VERSION = '1.2.3'\n", "")]),
        ["left out: The new script does not say of which version it is."]
    );
    let python2 = said(&of_texts(&fixture("1.7.5"), &whole));
    assert_eq!(
        python2.last().unwrap(),
        "left out: The old script was written for Python 2, so that today's Lino cannot run it; its models and fields \
         were compared all the same."
    );
    let tolerated = fixture("26.10.8-tolerated");
    let real =
        |found: &Comparison| said(found).into_iter().filter(|line| !line.starts_with("noise")).collect::<Vec<_>>();
    assert_eq!(
        real(&of_texts(&tolerated, &whole)),
        [
            "destructive: memo.Broken is gone: its rows have no place in the new version. [memo_broken All]",
            "left out: The old script has no rows of memo_broken: dump2py met an error of the database there and went on.",
        ]
    );
    assert_eq!(real(&of_texts(&whole, &tolerated)), ["additive: memo.Broken is new."]);
}

#[test]
fn dumps_of_different_applications_are_recognised() {
    let one = fixture("26.10.8");
    let other = one.replace("contacts", "persons").replace("cycle", "circle").replace("memo", "notes");
    let other = other.replace("accounting", "ledger").replace("own_table", "circle_right");
    let found = of_texts(&one, &other);
    assert_eq!(
        found.left_out,
        [
            "Only 1 of the 8 models of the old script are among the 8 of the new one: they are probably dumps of different \
          applications, so the differences say little."
        ]
    );
    assert_eq!(of_texts(&fixture("noi-25.1.1"), &one).left_out, NOTHING);
}

#[test]
fn all_generations_of_dump2py_say_the_same_of_the_same_database() {
    let mut names: Vec<String> = fs::read_dir(fixtures())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| fixtures().join(name).is_dir() && !name.contains("noi") && !name.ends_with("tolerated"))
        .collect();
    names.sort();
    assert_eq!(names.len(), 18);
    let newest = Script::read(&fixture("26.10.8"));
    for name in names {
        let found = compare(&Script::read(&fixture(&name)), &newest);
        let real: Vec<&Difference> = found.differences.iter().filter(|one| one.class != Class::Noise).collect();
        assert_eq!(real, Vec::<&Difference>::new(), "{name}");
        assert_eq!(found.guesses, vec![], "{name}");
    }
}

#[test]
fn noi_is_explained_from_25_1_to_26_9() {
    insta::assert_snapshot!(said(&of_texts(&fixture("noi-25.1.1"), &fixture("noi-26.9.2-simulated"))).join("\n"));
}

#[test]
fn an_enormous_script_takes_no_enormous_time() {
    let models = |app: &str| -> String {
        let one = |at: usize| {
            format!(
                "{app}_M{at} = resolve_model(\"{app}.M{at}\")\ndef create_{app}_m{at}(id, a{at}):\n    return {app}_M{at}(**kw)\n"
            )
        };
        (0..20_000).map(one).collect()
    };
    let found = of_texts(&models("a"), &models("b"));
    assert_eq!(found.guesses, vec![]);
    assert_eq!(found.left_out.len(), 5);
}

proptest! {
    #[test]
    fn any_two_texts_can_be_compared(old in "(?s).{0,200}", new in "(?s).{0,200}") {
        let _ = of_texts(&old, &new);
    }

    #[test]
    fn damaged_scripts_can_be_compared_and_are_equal_to_themselves(
        at in any::<prop::sample::Index>(), length in 0_usize..400, new in "[-'\"\\\\(){}:=,#\n\té a]{0,12}"
    ) {
        let whole = fixture("26.10.8");
        let damaged = damaged(&whole, at.index(whole.len()), length, &new);
        let itself = of_texts(&damaged, &damaged);
        prop_assert_eq!((itself.differences, itself.guesses), (vec![], vec![]));
        let (there, back) = (of_texts(&whole, &damaged), of_texts(&damaged, &whole));
        let subjects = |found: &Comparison, change: &Change| -> Vec<String> {
            let named = found.differences.iter().filter(|one| one.change == *change);
            named.map(|one| one.subject.to_string()).collect()
        };
        prop_assert_eq!(subjects(&there, &Change::Added), subjects(&back, &Change::Removed));
        prop_assert_eq!(subjects(&there, &Change::Removed), subjects(&back, &Change::Added));
    }
}

/// Replaces a part of a text.
fn damaged(text: &str, at: usize, length: usize, new: &str) -> String {
    let from = (0..=at).rfind(|at| text.is_char_boundary(*at)).unwrap();
    let to = (from + length..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    let mut text = text.to_owned();
    text.replace_range(from..to, new);
    text
}
