//! A real site of Noi 25.1.1 on its way to 26.9.2: all that differs between them is explained, and nothing else.
//!
//! What differs is asked of Django by `tests/sites/describe_models.py`, which knows nothing of this program.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use lino_upgrade::compare::{Change, Class, Difference, Evidence, Found, Subject, Verdict};
use serde_json::Value;

use crate::matrix::told;
use crate::shop::{Shop, all, ended};

const GONE: [&str; 16] = [
    "cal.Calendar",
    "cal.EntryRepeater",
    "cal.Event",
    "cal.EventPolicy",
    "cal.EventType",
    "cal.Guest",
    "cal.GuestRole",
    "cal.RecurrentEvent",
    "cal.RemoteCalendar",
    "cal.Room",
    "cal.Subscription",
    "cal.Task",
    "invoicing.SalesRule",
    "lists.ListType",
    "tinymce.TextFieldTemplate",
    "users.Authority",
];

const NEW: [&str; 6] = [
    "lists.SubscribeToListRequest",
    "matrix.UserTrait",
    "peppol.Supplier",
    "sepa.Account",
    "trading.TradingRule",
    "users.Authorization",
];

/// Model, field (empty for the model itself), and what of it differs.
type Witnessed = (String, String, String);

type Models = BTreeMap<String, Value>;

/// What Django says of the models of the version that is installed now.
fn models(shop: &Shop) -> Models {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sites/describe_models.py");
    let mut command = Command::new("env/bin/python");
    let output = command.arg(script).current_dir(&shop.dir).env("LC_ALL", "C.UTF-8").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn only_in<'a>(one: &'a Models, other: &Models) -> Vec<&'a str> {
    one.keys().filter(|name| !other.contains_key(*name)).map(String::as_str).collect()
}

/// The words of two descriptions whose values differ.
fn differing<'a>(old: &'a Value, new: &'a Value) -> BTreeSet<&'a str> {
    let words = old.as_object().unwrap().keys().chain(new.as_object().unwrap().keys()).map(String::as_str);
    words.filter(|word| old.get(word) != new.get(word)).collect()
}

fn witnessed(old: &Models, new: &Models) -> Vec<Witnessed> {
    let mut found: Vec<Witnessed> = Vec::new();
    let mut say = |model: &str, field: &str, what: &str| found.push((model.into(), field.into(), what.into()));
    for (models, others, what) in [(old, new, "removed"), (new, old, "added")] {
        for model in only_in(models, others) {
            say(model, "", what);
        }
    }
    for (model, before, after) in old.iter().filter_map(|(model, before)| Some((model, before, new.get(model)?))) {
        for what in differing(before, after).into_iter().filter(|what| *what != "fields") {
            say(model, "", what);
        }
        for field in differing(&before["fields"], &after["fields"]) {
            match (before["fields"].get(field), after["fields"].get(field)) {
                (Some(_), None) => say(model, field, "removed"),
                (None, Some(_)) => say(model, field, "added"),
                (before, after) => {
                    let (before, after) = (before.unwrap(), after.unwrap());
                    let words = differing(before, after).into_iter();
                    for what in words.filter(|what| !means_nothing(what, before, after)) {
                        say(model, field, what);
                    }
                }
            }
        }
    }
    found
}

/// Lino's fields for amounts are given a greatest length, which neither their column nor their validation knows.
fn means_nothing(what: &str, before: &Value, after: &Value) -> bool {
    let is_number =
        |field: &Value| ["decimal", "numeric"].iter().any(|name| field["type"].as_str().unwrap().starts_with(name));
    what == "max_length" && is_number(before) && is_number(after)
}

/// Tells whether a change is what the witness saw.
fn is(change: &Change, what: &str) -> bool {
    match what {
        "removed" => matches!(change, Change::Removed),
        "added" => matches!(change, Change::Added),
        "null" | "blank" => {
            matches!(change, Change::NotNull | Change::Nullable | Change::Required | Change::Optional)
        }
        "choices" => matches!(change, Change::Choices { .. } | Change::Limited(_) | Change::Unlimited),
        // The value of a default choice follows from the choices.
        "default" => matches!(change, Change::Default { .. } | Change::Choices { .. }),
        "choicelist" => matches!(change, Change::Class { .. }),
        "class" => matches!(change, Change::Class { .. } | Change::Translated | Change::Untranslated),
        "type" | "max_length" => {
            matches!(change, Change::Type { .. } | Change::Length { .. } | Change::Digits { .. })
        }
        "max_digits" | "decimal_places" => matches!(change, Change::Digits { .. }),
        "on_delete" => matches!(change, Change::OnDelete { .. }),
        "target" => matches!(change, Change::Target { .. }),
        "validators" => matches!(change, Change::Validators { .. } | Change::Length { .. } | Change::Digits { .. }),
        "unique" | "unique_together" => matches!(change, Change::Unique(_) | Change::NotUnique(_)),
        _ => false,
    }
}

/// Tells whether the difference is the one that the witness saw.
fn explains(difference: &Difference, (model, field, what): &Witnessed) -> bool {
    let (of, name) = difference.subject.place();
    if of != model || !matches!(difference.subject, Subject::Model(_) | Subject::Field(..)) {
        return false;
    }
    // The columns of a translated field come and go with it.
    let translated = ["de", "fr"].iter().find_map(|language| field.strip_suffix(&format!("_{language}")));
    let unique_alone = what == "unique_together" || what == "unique";
    if translated == Some(name) {
        return match what.as_str() {
            "added" => matches!(difference.change, Change::Added | Change::Translated),
            "removed" => matches!(difference.change, Change::Removed | Change::Untranslated),
            _ => false,
        };
    }
    let added_unique = what == "added" && matches!(difference.change, Change::Unique(_));
    (name == field || (unique_alone && field.is_empty())) && (is(&difference.change, what) || added_unique)
}

/// What scripts, catalogue and code say that is no difference between models.
fn is_of_others(found: &Found) -> bool {
    match (&found.difference.subject, &found.difference.change) {
        (_, Change::Code { .. }) => true,
        (Subject::Site | Subject::Model(_), Change::Written { .. }) => found.difference.class == Class::Noise,
        (Subject::Table(table), _) => table == "django_migrations",
        // Pointers to models that are gone.
        (Subject::Field(..), Change::Choices { added, removed }) => added.is_empty() && *removed == GONE,
        _ => false,
    }
}

fn is_explained(engine: &'static str) -> String {
    let noi = Shop::of_noi_on(engine);
    let old = models(&noi);
    let (status, events, said) = noi.upgrade();
    let new = models(&noi);
    assert_eq!(status, Some(3), "{said}");
    assert!(said.starts_with("A decision is needed. compare.verdict: Rows are in the way of the restore."), "{said}");
    let steps = ["check", "stop-services", "snapshot", "verify-snapshot", "protect", "pull", "install", "compare"];
    let how = ["done", "done", "done", "done", "done", "done", "done", "interrupted"];
    assert_eq!(ended(&events), all(&std::array::from_fn::<_, 8, _>(|at| (steps[at], how[at]))));
    let compared = events.iter().find(|event| event["event"] == "compared").unwrap();
    let evidence: Evidence = serde_json::from_value(compared["evidence"].clone()).unwrap();
    assert_eq!((evidence.verdict, evidence.left_out.as_slice()), (Verdict::Decide, &[][..]));

    assert_eq!(only_in(&old, &new), GONE);
    assert_eq!(only_in(&new, &old), NEW);
    let witnessed = witnessed(&old, &new);
    let told_of: Vec<&Found> = evidence.found.iter().chain(&evidence.noise).collect();
    let by_nobody = |it: &&Witnessed| !told_of.iter().any(|found| explains(&found.difference, it));
    assert_eq!(witnessed.iter().filter(by_nobody).collect::<Vec<_>>(), Vec::<&Witnessed>::new());
    let seen = |found: &&&Found| witnessed.iter().any(|it| explains(&found.difference, it));
    let invented = told_of.iter().filter(|found| !seen(found) && !is_of_others(found));
    let invented: Vec<&str> = invented.map(|found| found.difference.sentence.as_str()).collect();
    assert_eq!(invented, Vec::<&str>::new());
    let text = told(&evidence);
    // The demo data makes as many invoices as the order of unsorted rows wants.
    let [vouchers, items] = ["accounting_voucher", "trading_invoiceitem"].map(|table| rows(&noi, table));
    let text = text.replace(&format!("rows {vouchers}, unknown: acc"), "rows (all), unknown: acc");
    let text = text.replace(&format!("0 of {items} rows have"), "0 of (all) rows have");
    let text = without_numbers(&text, "it may refuse any of ", " rows");
    format!("{} differences seen by the witness\n{:#?}\n{text}", witnessed.len(), evidence.said)
}

/// Replaces what stands between these words by "(all)".
fn without_numbers(text: &str, before: &str, after: &str) -> String {
    let mut parts = text.split(before);
    let mut found = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (_, rest) = part.split_once(after).unwrap();
        for text in [before, "(all)", after, rest] {
            found.push_str(text);
        }
    }
    found
}

fn rows(shop: &Shop, table: &str) -> String {
    let script = format!("cursor.execute('select count(*) from {table}')\nprint(cursor.fetchone()[0])\n");
    shop.query(&script).trim().to_owned()
}

#[test]
#[ignore = "takes a minute; tests/run --full asks for it"]
fn matrix_noi_25_1_1_to_26_9_2_is_explained_completely() {
    insta::assert_snapshot!(is_explained("sqlite"));
}

#[test]
#[ignore = "takes a minute; tests/run --full asks for it"]
fn matrix_noi_25_1_1_to_26_9_2_is_explained_completely_on_postgresql() {
    insta::assert_snapshot!(is_explained("postgresql"));
}
