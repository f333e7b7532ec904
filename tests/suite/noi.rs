//! A real jump, Noi 25.1.1 to 26.9.2: what the two dump scripts tell, counted in the row files that matter.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use lino_upgrade::compare::judge::{Looked, Merged, Sources, merge};
use lino_upgrade::compare::{Change, Effect, Evidence, Found, Subject, Touched, Verdict};
use lino_upgrade::dump::Script;
use lino_upgrade::snapshot::count;

fn dump(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/dumps").join(name)
}

/// The tables whose row files are there, with their rows; Python's own parser counted them.
const TABLES: [(&str, u64); 25] = [
    ("cal_calendar", 1),
    ("cal_entryrepeater", 0),
    ("cal_event", 284),
    ("cal_eventpolicy", 6),
    ("cal_eventtype", 4),
    ("cal_guest", 0),
    ("cal_guestrole", 0),
    ("cal_recurrentevent", 15),
    ("cal_remotecalendar", 0),
    ("cal_room", 0),
    ("cal_subscription", 0),
    ("cal_task", 0),
    ("contacts_partner", 82),
    ("excerpts_excerpttype", 5),
    ("invoicing_salesrule", 0),
    ("lists_list", 8),
    ("lists_listtype", 3),
    ("lists_member", 82),
    ("system_siteconfig", 1),
    ("tickets_ticket", 116),
    ("tinymce_textfieldtemplate", 2),
    ("trading_invoiceitem", 115),
    ("trading_papertype", 2),
    ("users_authority", 0),
    ("users_user", 7),
];

fn evidence() -> Evidence {
    let script = |name: &str| Ok(Script::read(&fs::read_to_string(dump(name).join("restore.py")).unwrap()));
    let not_asked = || "Only the scripts are looked at.".to_owned();
    let sources = Sources::new(Looked {
        before: Err(not_asked()),
        after: Err(not_asked()),
        old: script("noi-25.1.1"),
        new: script("noi-26.9.2-simulated"),
        catalogue: Err(not_asked()),
        engine: "postgresql".into(),
        rows: TABLES.map(|(table, rows)| (table.to_owned(), rows)).into(),
        left_out: Vec::new(),
    });
    let merged = merge(&sources);
    let questions: Vec<_> = merged.iter().map(Merged::questions).collect();
    let keys = BTreeMap::new();
    let counts = count::count(&dump("noi-25.1.1"), sources.setting(&keys).unwrap(), &questions);
    Evidence::gather(&sources, merged, counts)
}

/// What is gone, how many rows that touches, and where the restore would stop.
fn gone(evidence: &Evidence, wanted: impl Fn(&Subject) -> bool) -> Vec<(String, Touched, Option<String>)> {
    let all = evidence.found.iter().chain(&evidence.noise);
    let mut gone: Vec<_> = all
        .filter(|found| found.difference.change == Change::Removed && wanted(&found.difference.subject))
        .map(|found| (found.difference.subject.to_string(), found.touched.clone(), stops_at(found)))
        .collect();
    gone.sort_by(|one, other| one.0.cmp(&other.0));
    gone
}

fn stops_at(found: &Found) -> Option<String> {
    match &found.effect {
        Effect::Stops { file } => Some(file.clone()),
        _ => None,
    }
}

#[test]
fn rows_of_models_that_are_gone_from_noi_are_counted() {
    let expected = [
        ("cal.Calendar", 1, Some("cal_calendar.py")),
        ("cal.EntryRepeater", 0, None),
        ("cal.Event", 284, Some("cal_event.py")),
        ("cal.EventPolicy", 6, Some("cal_eventpolicy.py")),
        ("cal.EventType", 4, Some("cal_eventtype.py")),
        ("cal.Guest", 0, None),
        ("cal.GuestRole", 0, None),
        ("cal.RecurrentEvent", 15, Some("cal_recurrentevent.py")),
        ("cal.RemoteCalendar", 0, None),
        ("cal.Room", 0, None),
        ("cal.Subscription", 0, None),
        ("cal.Task", 0, None),
        ("invoicing.SalesRule", 0, None),
        ("lists.ListType", 3, Some("lists_listtype.py")),
        ("tinymce.TextFieldTemplate", 2, Some("tinymce_textfieldtemplate.py")),
        ("users.Authority", 0, None),
    ];
    let evidence = evidence();
    let expected = expected.map(|(model, rows, file)| (model.to_owned(), Touched::Rows(rows), file.map(Into::into)));
    assert_eq!(gone(&evidence, |subject| matches!(subject, Subject::Model(_))), expected);
    assert_eq!(evidence.verdict, Verdict::Decide);
    assert!(
        evidence.sentence.starts_with("RESTORE after decisions: 315 rows belong to models that are gone; "),
        "{}",
        evidence.sentence
    );
}

#[test]
fn values_of_fields_that_are_gone_from_noi_are_counted() {
    let expected = [
        ("contacts.Partner.payment_term_id", 82, "contacts_partner.py"),
        ("excerpts.ExcerptType.attach_to_email", 5, "excerpts_excerpttype.py"),
        ("excerpts.ExcerptType.email_template", 0, "excerpts_excerpttype.py"),
        ("lists.List.designation", 8, "lists_list.py"),
        ("lists.List.list_type_id", 8, "lists_list.py"),
        ("lists.List.remarks", 0, "lists_list.py"),
        ("lists.Member.partner_id", 82, "lists_member.py"),
        ("system.SiteConfig.default_event_type_id", 1, "system_siteconfig.py"),
        ("system.SiteConfig.hide_events_before", 1, "system_siteconfig.py"),
        ("system.SiteConfig.max_auto_events", 1, "system_siteconfig.py"),
        ("system.SiteConfig.next_partner_id", 1, "system_siteconfig.py"),
        ("system.SiteConfig.site_calendar_id", 1, "system_siteconfig.py"),
        ("system.SiteConfig.site_company_id", 1, "system_siteconfig.py"),
        ("tickets.Ticket.description", 2, "tickets_ticket.py"),
        ("tickets.Ticket.summary", 116, "tickets_ticket.py"),
        ("trading.InvoiceItem.discount", 0, "trading_invoiceitem.py"),
        ("trading.PaperType.name", 2, "trading_papertype.py"),
        ("users.User.event_type_id", 0, "users_user.py"),
    ];
    let expected = expected.map(|(field, rows, file)| (field.to_owned(), Touched::Rows(rows), Some(file.into())));
    assert_eq!(gone(&evidence(), |subject| matches!(subject, Subject::Field(..))), expected);
}
