//! The whole way of a real site of Noi 25.1.1 to 26.9.2 in the wizard, by its keys: every failure in one rehearsal,
//! decisions on the screen, the upgrade, and the account of every row.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::time::{Duration, Instant};

use assert_fs::TempDir;

use crate::noi_jump::{accounted, counted};
use crate::shop::{PROGRAM, Shop};
use crate::tmux::Tmux;

/// What an operator presses for a cause.
#[derive(Clone, Copy)]
enum Press {
    /// The rows are left out.
    LeaveOut,
    /// A field gets a value.
    Set(&'static str, &'static str),
    /// A field is emptied.
    Empty(&'static str),
    /// A field is dropped.
    Gone(&'static str),
    /// A field has another name.
    Called(&'static str, &'static str),
}

use Press::{Called, Empty, Gone, LeaveOut, Set};

/// The causes as the screen tells them, by model and a part of the message, with what is pressed.
const CAUSES: [(&str, &str, &[Press]); 22] = [
    ("cal_calendar", "no model", &[LeaveOut]),
    ("cal_event ", "no model", &[LeaveOut]),
    ("cal_eventpolicy", "no model", &[LeaveOut]),
    ("cal_eventtype", "no model", &[LeaveOut]),
    ("cal_recurrentevent", "no model", &[LeaveOut]),
    ("contacts.Partner", "payment_term", &[Gone("payment_term")]),
    ("contacts.Partner", "VAT", &[Empty("vat_id")]),
    ("excerpts.ExcerptType", "attach_to_email", &[Gone("attach_to_email"), Gone("email_template")]),
    ("linod.SystemTask", "event_notification_scheduler", &[LeaveOut]),
    ("linod.SystemTask", "generate_calendar_entries", &[LeaveOut]),
    ("lists.List ", "designation", &[Called("designation", "title"), Called("remarks", "body"), Gone("list_type")]),
    ("lists.Member", "partner", &[LeaveOut]),
    ("lists_listtype", "no model", &[LeaveOut]),
    ("notify.Message", "user", &[LeaveOut]),
    ("products.Product", "'10'", &[Set("delivery_unit", "HUR")]),
    ("products.Product", "'20'", &[Set("delivery_unit", "XPP")]),
    (
        "system.SiteConfig",
        "site_company",
        &[
            Gone("site_company"),
            Gone("next_partner_id"),
            Gone("default_event_type"),
            Gone("site_calendar"),
            Gone("max_auto_events"),
            Gone("hide_events_before"),
        ],
    ),
    ("tickets.Ticket", "summary", &[Called("summary", "title"), Called("description", "body")]),
    ("tinymce_textfieldtemplate", "no model", &[LeaveOut]),
    ("trading.InvoiceItem", "discount", &[Called("discount", "discount_rate")]),
    ("trading.PaperType", "name", &[Called("name", "designation")]),
    ("users.User", "event_type", &[Gone("event_type")]),
];

/// A cause is chosen, and its line is wide enough for all of its message.
const SIZE: (u16, u16) = (200, 60);

/// Returns the line of the chosen cause.
fn chosen(tmux: &Tmux) -> String {
    let screen = tmux.shows(&["›"]);
    screen.lines().find(|line| line.starts_with("│›")).unwrap_or_else(|| panic!("{screen}")).to_owned()
}

/// Returns the model and the message of a cause, without how it stands.
fn named(line: &str) -> Vec<&str> {
    line.trim_start_matches(['│', '›', '▶', ' ']).split("  ").take(2).collect()
}

/// Waits until the screen is as wished; returns it.
fn until(tmux: &Tmux, what: &str, wished: impl Fn(&str) -> bool) -> String {
    let limit = Instant::now() + Duration::from_mins(1);
    loop {
        let screen = tmux.screen();
        if wished(&screen) {
            return screen;
        }
        assert!(Instant::now() < limit, "{what} never showed; the screen is\n{screen}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Says yes where the wizard asks; one row alone is decided at once.
fn agree(tmux: &Tmux) {
    let is_open = |screen: &str| screen.contains("Esc    Change nothing.");
    let screen = until(tmux, "the end of the dialog", |screen| screen.contains("Is that meant?") || !is_open(screen));
    if screen.contains("Is that meant?") {
        tmux.keys(&["y"]);
        until(tmux, "the decision", |screen| !screen.contains("Is that meant?"));
    }
}

fn press(tmux: &Tmux, press: Press) {
    let field = |key: &str, name: &str| {
        tmux.keys(&[key]);
        tmux.shows(&["Esc    Change nothing."]);
        tmux.text(name);
        tmux.shows(&[&format!("› {name}▏")]);
        tmux.keys(&["Enter"]);
    };
    match press {
        LeaveOut => {
            tmux.keys(&["x"]);
            let is_left_out = |line: &str| line.starts_with("│›") && line.contains("left out");
            until(tmux, "the answer to x", |screen| {
                screen.contains("Is that meant?") || screen.lines().any(is_left_out)
            });
        }
        Set(name, value) => {
            field("s", name);
            tmux.shows(&[&format!("Set {name} of")]);
            tmux.text(value);
            tmux.shows(&[&format!("{name} = '{value}'")]);
            tmux.keys(&["Enter"]);
        }
        Empty(name) => field("e", name),
        Gone(name) => field("d", name),
        Called(name, now) => {
            field("c", name);
            tmux.shows(&[&format!("{name} is called")]);
            tmux.text(now);
            tmux.shows(&[&format!("› {now}▏")]);
            tmux.keys(&["Enter"]);
        }
    }
    agree(tmux);
}

/// Decides every cause, from the first to the last.
fn decide(tmux: &Tmux) {
    let mut left = CAUSES.to_vec();
    while !left.is_empty() {
        let line = chosen(tmux);
        let text = line.trim_start_matches(['│', '›', '▶', ' ']);
        let place = left.iter().position(|(model, part, _)| text.starts_with(model) && text.contains(part));
        let (_, _, presses) = left.remove(place.unwrap_or_else(|| panic!("this cause is not expected: {line}")));
        for what in presses {
            press(tmux, *what);
        }
        if !left.is_empty() {
            tmux.keys(&["Down"]);
            until(tmux, "the next cause", |_| named(&chosen(tmux)) != named(&line));
        }
    }
}

#[test]
#[ignore = "takes five minutes; tests/run --full asks for it"]
fn matrix_noi_is_rehearsed_decided_and_upgraded_by_keys() {
    let (home, noi) = (TempDir::new().unwrap(), Shop::of_noi_on("sqlite"));
    let tmux = Tmux::open(home.path(), None, SIZE, &format!("exec {PROGRAM} --site {}", noi.dir.display()));
    tmux.shows(&["h rehearse", "Lino Noi 25.1.1"]);
    tmux.keys(&["h"]);
    tmux.shows(&["Rehearsal — over", "22 causes", "t triage"]);
    tmux.keys(&["t"]);
    tmux.shows(&["Triage · rehearsal of 25.1.1 → 26.9.2", "22 causes"]);
    decide(&tmux);
    tmux.shows(&["all decided"]);
    tmux.keys(&["R"]);
    tmux.shows(&["No row is refused any more."]);
    tmux.keys(&["Escape"]);
    tmux.shows(&["Enter upgrade now"]);
    tmux.keys(&["Enter"]);
    tmux.shows(&["Take the site down now?"]);
    tmux.keys(&["y"]);
    tmux.shows(&["Do you have a snapshot", "waits for your answer:"]);
    tmux.keys(&["y"]);
    // What the rehearsal has shown is not asked again: the restore begins.
    tmux.shows(&["restore_decided.py", "Are you sure", "waits for your answer:"]);
    tmux.keys(&["Enter"]);
    tmux.shows(&["Does the new site look right?"]);
    tmux.keys(&["y"]);
    tmux.shows(&["The site was upgraded from 25.1.1 to 26.9.2."]);
    let state = noi.dir.join(".lino-upgrade");
    let snapshot = noi.dir.join("snapshot");
    let all = counted(&snapshot).values().sum();
    accounted([&snapshot, &state.join("account/after"), &state.join("decisions/run-0001.toml")], all);
}
