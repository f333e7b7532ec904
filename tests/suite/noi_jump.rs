//! The whole way of a real site of Noi 25.1.1 to 26.9.2: every failure in one rehearsal, decisions in a file, the
//! restore of the decided copy, and the account of every row.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::shop::{PROGRAM, Shop, sites, without_pip_settings};

const DECISIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/noi-25.1.1-26.9.2.decisions.toml");

/// What the new version refuses: model or table, message, rows.
const CAUSES: [(&str, &str, u64); 22] = [
    ("cal_calendar", "'UnresolvedModel' object is not callable", 1),
    ("cal_event", "'UnresolvedModel' object has no attribute '_meta'", 256),
    ("cal_eventpolicy", "'UnresolvedModel' object is not callable", 6),
    ("cal_eventtype", "'UnresolvedModel' object is not callable", 4),
    ("cal_recurrentevent", "'UnresolvedModel' object is not callable", 15),
    ("contacts.Partner", "Partner() got unexpected keyword arguments: 'payment_term_id'", 82),
    ("contacts.Partner", "VAT identification number is greater than 19999999", 3),
    ("excerpts.ExcerptType", "ExcerptType() got unexpected keyword arguments: 'attach_to_email', 'email_template'", 5),
    (
        "linod.SystemTask",
        "Unresolved value 'event_notification_scheduler' (<class 'str'>) for linod.Procedures (set \
         Site.strict_choicelist_values to False to ignore this)",
        1,
    ),
    (
        "linod.SystemTask",
        "Unresolved value 'generate_calendar_entries' (<class 'str'>) for linod.Procedures (set \
         Site.strict_choicelist_values to False to ignore this)",
        1,
    ),
    (
        "lists.List",
        "List() got unexpected keyword arguments: 'designation', 'designation_de', 'designation_fr', 'list_type_id', \
         'remarks'",
        8,
    ),
    ("lists.Member", "Member() got unexpected keyword arguments: 'partner_id'", 82),
    ("lists_listtype", "'UnresolvedModel' object is not callable", 3),
    ("notify.Message", "NOT NULL constraint failed: notify_message.user_id", 1),
    (
        "products.Product",
        "Unresolved value '10' (<class 'str'>) for products.DeliveryUnits (set Site.strict_choicelist_values to False \
         to ignore this)",
        3,
    ),
    (
        "products.Product",
        "Unresolved value '20' (<class 'str'>) for products.DeliveryUnits (set Site.strict_choicelist_values to False \
         to ignore this)",
        7,
    ),
    (
        "system.SiteConfig",
        "SiteConfig() got unexpected keyword arguments: 'site_company_id', 'next_partner_id', 'default_event_type_id', \
         'site_calendar_id', 'max_auto_events', 'hide_events_before'",
        1,
    ),
    ("tickets.Ticket", "Ticket() got unexpected keyword arguments: 'summary', 'description'", 116),
    ("tinymce_textfieldtemplate", "'UnresolvedModel' object is not callable", 2),
    ("trading.InvoiceItem", "InvoiceItem() got unexpected keyword arguments: 'discount'", 0),
    ("trading.PaperType", "PaperType() got unexpected keyword arguments: 'name', 'name_de', 'name_fr'", 2),
    ("users.User", "User() got unexpected keyword arguments: 'event_type_id'", 7),
];

/// Rows that are left out by a decision: table, rows.
const LEFT_OUT: [(&str, u64); 10] = [
    ("cal_calendar", 1),
    ("cal_event", 256),
    ("cal_eventpolicy", 6),
    ("cal_eventtype", 4),
    ("cal_recurrentevent", 15),
    ("linod_systemtask", 2),
    ("lists_listtype", 3),
    ("lists_member", 82),
    ("notify_message", 1),
    ("tinymce_textfieldtemplate", 2),
];

fn manage(shop: &Shop, python: &Path, words: &[&str]) -> String {
    let mut command = Command::new(python);
    command.arg("manage.py").args(words).current_dir(&shop.dir).env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    without_pip_settings(&mut command);
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{words:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

fn rehearse(shop: &Shop, python: &Path, options: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.arg("--site").arg(&shop.dir).args(["rehearse", "--json", "--python"]).arg(python).args(options);
    without_pip_settings(&mut command);
    command.env("LC_ALL", "C.UTF-8").stdin(Stdio::null()).output().unwrap()
}

fn said(output: &Output) -> Value {
    let stderr = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"))
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

/// Counts the rows of a snapshot by table.
pub fn counted(snapshot: &Path) -> BTreeMap<String, u64> {
    let files = std::fs::read_dir(snapshot).unwrap().map(|entry| entry.unwrap().path());
    let tables = files.filter(|path| path.extension().is_some_and(|ending| ending == "py"));
    let count = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let rows = text.lines().filter(|line| line.starts_with("loader.save(create_")).count() as u64;
        (path.file_stem().unwrap().to_str().unwrap().to_owned(), rows)
    };
    tables.map(count).filter(|(_, rows)| *rows > 0).collect()
}

/// Where rows that Lino makes itself are in its way, they are left out, too.
const MENTIONS: &str = "
[[decision]]
model = \"memo.Mention\"
rows = \"all\"
because = \"Lino finds mentions itself\"
leave_out = true
";

fn goes_all_the_way(engine: &'static str) {
    let noi = Shop::of_noi_on(engine);
    let env = sites("make_env").arg("noi-26.9.2").stderr(Stdio::inherit()).output().unwrap();
    let new = PathBuf::from(String::from_utf8(env.stdout).unwrap().trim()).join("bin/python");
    manage(&noi, &noi.dir.join("env/bin/python"), &["dump2py", "snapshot"]);
    let snapshot = noi.dir.join("snapshot");
    let rows = counted(&snapshot);
    let all: u64 = rows.values().sum();

    // One rehearsal finds all that is refused.
    let output = rehearse(&noi, &new, &[]);
    let found = said(&output);
    assert_eq!((output.status.code(), text(&found, "outcome")), (Some(1), "crashed"));
    let groups = found["groups"].as_array().unwrap();
    let (causes, following): (Vec<&Value>, Vec<&Value>) = groups.iter().partition(|group| group["cause"].is_null());
    let mut told: Vec<(&str, &str, u64)> =
        causes.iter().map(|it| (text(it, "model"), text(it, "message"), it["count"].as_u64().unwrap())).collect();
    told.sort_unstable();
    // The demo data makes as many invoices as the order of unsorted rows wants.
    let expected = CAUSES.map(|(model, message, count)| match model {
        "trading.InvoiceItem" => (model, message, rows["trading_invoiceitem"]),
        _ => (model, message, count),
    });
    assert_eq!(told, expected);
    let leaders: BTreeSet<&str> = following.iter().map(|group| text(&group["cause"], "model")).collect();
    assert_eq!(leaders, BTreeSet::from(["contacts.Partner", "products.Product"]));
    // Each row counts once, also where it is refused for two reasons.
    let refused = groups.iter().flat_map(|group| group["rows"].as_array().unwrap());
    let refused: BTreeSet<(&str, u64)> =
        refused.map(|row| (text(row, "file"), row["line"].as_u64().unwrap())).collect();
    let refused = refused.len() as u64;
    assert_eq!((&found["unsaved"], &found["loaded"]), (&json!(refused), &json!(all - refused)));

    // With the decisions nothing is refused.
    let decisions = noi.dir.join("decisions.toml");
    let name = decisions.to_str().unwrap();
    std::fs::copy(DECISIONS, &decisions).unwrap();
    let mut left_out: BTreeMap<&str, u64> = BTreeMap::from(LEFT_OUT);
    if engine == "postgresql" {
        // The restore itself would abandon this ticket: Lino gives a new mention a number that is taken.
        let found = said(&rehearse(&noi, &new, &["--decisions", name]));
        let group = &found["groups"][0];
        assert_eq!(
            (&found["unsaved"], text(group, "model"), text(group, "message"), text(&group["rows"][0], "pk")),
            (&json!(1), "tickets.Ticket", "UNIQUE constraint failed: memo_mention.id", "13")
        );
        std::fs::write(&decisions, std::fs::read_to_string(DECISIONS).unwrap() + MENTIONS).unwrap();
        left_out.insert("memo_mention", rows["memo_mention"]);
    }
    let output = rehearse(&noi, &new, &["--decisions", name]);
    let found = said(&output);
    let loaded = all - left_out.values().sum::<u64>();
    let told = (output.status.code(), text(&found, "outcome"), &found["loaded"], &found["groups"]);
    assert_eq!(told, (Some(0), "loaded", &json!(loaded), &json!([])));

    // The real restore takes the decided copy.
    let printed = manage(&noi, &new, &["run", "snapshot/restore_decided.py", "--noinput"]);
    assert!(printed.contains(&format!("\nLoaded {loaded} objects\n")), "{printed}");
    manage(&noi, &new, &["dump2py", "after"]);
    accounted([&snapshot, &noi.dir.join("after"), &decisions], all);
}

/// Every row of the snapshot is there, changed, left out by a decision, or one that Lino makes itself.
pub fn accounted([before, after, decisions]: [&Path; 3], all: u64) {
    let mut command = Command::new(PROGRAM);
    command.arg("account").args([before, after]).arg("--json").arg("--decisions").arg(decisions);
    let account = said(&command.output().unwrap());
    let rows = |name: &str| account[name].as_u64().unwrap();
    assert_eq!((rows("equal") + rows("changed") + rows("missing"), &account["problems"]), (all, &json!([])));
    // Mentions are found by Lino itself.
    let tables = account["tables"].as_array().unwrap().iter().filter(|table| table["table"] != "memo_mention");
    let by_table = |name: &str| -> Vec<(&str, u64)> {
        let rows = tables.clone().map(|table| (text(table, "table"), table[name].as_u64().unwrap()));
        let mut found: Vec<(&str, u64)> = rows.filter(|(_, rows)| *rows > 0).collect();
        found.sort_unstable();
        found
    };
    assert_eq!(by_table("missing"), LEFT_OUT);
    // By decisions, and the tickets by Noi itself: those of a private group are private now.
    assert_eq!(by_table("changed"), [("contacts_partner", 3), ("products_product", 10), ("tickets_ticket", 19)]);
    assert_eq!(by_table("new"), []);
    assert_eq!(account["unexplained"], json!(0));
    // Rows of a table may be left out by several decisions.
    let mut explained: BTreeMap<(&str, bool), u64> = BTreeMap::new();
    for (table, reasons) in
        account["explained"].as_object().unwrap().iter().filter(|(table, _)| *table != "memo_mention")
    {
        for reason in reasons.as_array().unwrap() {
            *explained.entry((table.as_str(), reason["decision"].is_number())).or_default() +=
                reason["rows"].as_u64().unwrap();
        }
    }
    assert_eq!(explained, BTreeMap::from(LEFT_OUT.map(|(table, rows)| ((table, true), rows))));
}

#[test]
#[ignore = "takes three minutes; tests/run --full asks for it"]
fn matrix_noi_is_rehearsed_decided_restored_and_accounted_for_on_sqlite() {
    goes_all_the_way("sqlite");
}

#[test]
#[ignore = "takes three minutes; tests/run --full asks for it"]
fn matrix_noi_is_rehearsed_decided_restored_and_accounted_for_on_postgresql() {
    goes_all_the_way("postgresql");
}
