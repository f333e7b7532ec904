//! What keys, mouse and events do to the triage.

use std::collections::BTreeMap;

use crossterm::event::{KeyCode, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use super::{aligned, decided, first, keys, later, opened, shown, tell, these, with};
use crate::engine::{Deciding, Event, Rehearsing, Wish};
use crate::procedure::DumpScripts;
use crate::triage::{Choice, Decision, Decisions, Given, Scope};
use crate::ui::keymap::{Command, Context, hints};
use crate::ui::layout::triage::areas;
use crate::ui::state::{Action, Dialog, Msg, Node, Part, Reach, Screen, Which};
use crate::ui::tests::{NOW, Wizard};

fn take(decisions: Vec<Decision>) -> Vec<Action> {
    vec![Action::Send(Wish::Decide(Deciding::Take(decisions)))]
}

const TOO_GREAT: &str = "VAT identification number is greater than 19999999";

fn partner(keys: &[&str], choice: Choice) -> Vec<Decision> {
    vec![Decision { because: TOO_GREAT.into(), ..these("contacts.Partner", keys, choice) }]
}

fn row(wizard: &Wizard) -> &str {
    &shown(wizard).failure().unwrap().key
}

#[test]
fn the_key_is_offered_only_when_rows_were_refused() {
    let mut wizard = Wizard::planned(80, 24);
    assert_eq!(wizard.keys("t"), vec![]);
    assert_eq!(wizard.state.screen, Screen::Main);
    tell(&mut wizard, &later());
    assert!(hints(&wizard.state).iter().any(|hint| hint.command == Command::Triage));
    wizard.keys("t");
    assert_eq!(Context::of(&wizard.state), Context::Triage);
}

#[test]
fn escape_q_and_t_go_back_to_the_steps_and_never_leave_the_wizard() {
    for key in [KeyCode::Esc, KeyCode::Char('q'), KeyCode::Char('t')] {
        let mut wizard = opened(120, 36, &later());
        assert_eq!(wizard.key(key), vec![], "{key:?}");
        assert_eq!(wizard.state.screen, Screen::Main, "{key:?}");
    }
}

#[test]
fn a_cause_is_unfolded_into_rows_and_these_into_what_follows() {
    let mut wizard = opened(120, 36, &later());
    assert_eq!(shown(&wizard).tree.lines.len(), 5);
    keys(&mut wizard, " ");
    assert_eq!(shown(&wizard).tree.lines.len(), 8);
    keys(&mut wizard, "jll");
    let depths: Vec<usize> = shown(&wizard).tree.lines.iter().map(|line| line.depth).collect();
    assert_eq!(depths, [0, 0, 1, 0, 0, 0, 0, 0, 0]);
    keys(&mut wizard, "jl");
    let depths: Vec<usize> = shown(&wizard).tree.lines.iter().map(|line| line.depth).collect();
    assert_eq!(depths, [0, 0, 1, 2, 2, 0, 0, 0, 0, 0, 0]);
    keys(&mut wizard, "j");
    assert_eq!((row(&wizard), shown(&wizard).failure().unwrap().table.as_str()), ("1", "contacts_role"));
    keys(&mut wizard, "hh");
    assert_eq!(shown(&wizard).tree.lines.len(), 9, "← goes to the row above, and folds it");
    assert_eq!(shown(&wizard).failure().unwrap().table, "contacts_company");
}

#[test]
fn one_row_is_decided_at_once_and_others_wait_for_a_yes() {
    let mut wizard = opened(120, 36, &later());
    keys(&mut wizard, "/notify");
    wizard.key(KeyCode::Enter);
    let left = Decision {
        because: "NOT NULL constraint failed: notify_message.user_id".into(),
        ..these("notify.Message", &["253"], Choice::LeaveOut)
    };
    assert_eq!(keys(&mut wizard, "x"), take(vec![left]));
    wizard.key(KeyCode::Esc);
    wizard.key(KeyCode::Home);
    assert_eq!(keys(&mut wizard, "x"), vec![]);
    assert_eq!(Context::of(&wizard.state), Context::TriageConfirm);
    assert_eq!(keys(&mut wizard, "n"), vec![]);
    assert_eq!(shown(&wizard).dialog, None);
    keys(&mut wizard, "x");
    assert_eq!(keys(&mut wizard, "y"), take(partner(&["101", "102", "104"], Choice::LeaveOut)));
}

#[test]
fn a_row_with_followers_is_left_out_after_a_yes_that_counts_them() {
    let mut wizard = opened(120, 36, &later());
    keys(&mut wizard, "njx");
    assert!(wizard.screen().contains("2 rows that follow it would then"), "{}", wizard.screen());
    assert_eq!(keys(&mut wizard, "y"), take(partner(&["102"], Choice::LeaveOut)));
}

#[test]
fn a_field_is_set_with_what_is_proposed_and_typed() {
    let mut wizard = opened(120, 36, &later());
    keys(&mut wizard, "n");
    keys(&mut wizard, "s");
    let Some(dialog) = &shown(&wizard).dialog else { panic!() };
    assert_eq!(dialog.fields(), ["vat_id"], "what was refused is proposed first");
    wizard.key(KeyCode::Enter);
    wizard.keys("BE 1");
    assert!(wizard.screen().contains("Written as: vat_id = 'BE 1'"), "{}", wizard.screen());
    let set = |given| Choice::Set(BTreeMap::from([("vat_id".to_owned(), given)]));
    assert_eq!(wizard.key(KeyCode::Enter), take(partner(&["101"], set(Given::Text("BE 1".into())))));
    for (typed, choice) in [
        ("12", set(Given::Int(12))),
        ("'12'", set(Given::Text("12".into()))),
        ("true", set(Given::Bool(true))),
        ("None", Choice::Empty(vec!["vat_id".into()])),
    ] {
        keys(&mut wizard, "s");
        wizard.key(KeyCode::Enter);
        wizard.keys(typed);
        assert_eq!(wizard.key(KeyCode::Enter), take(partner(&["101"], choice)), "{typed}");
    }
}

#[test]
fn a_field_can_be_chosen_by_its_name_or_by_the_arrows() {
    let mut wizard = opened(120, 36, &later());
    keys(&mut wizard, "n");
    keys(&mut wizard, "e");
    wizard.keys("street");
    let names = |wizard: &Wizard| shown(wizard).dialog.as_ref().unwrap().fields();
    assert_eq!(names(&wizard), ["street"]);
    wizard.key(KeyCode::Down);
    wizard.control('u');
    wizard.keys("zip");
    assert_eq!(names(&wizard), ["zip_code"]);
    assert_eq!(wizard.key(KeyCode::Enter), take(partner(&["101"], Choice::Empty(vec!["zip_code".into()]))));
}

#[test]
fn a_foreign_key_is_pointed_to_another_row() {
    let mut wizard = opened(120, 36, &later());
    keys(&mut wizard, "n");
    keys(&mut wizard, "p");
    wizard.keys("country");
    wizard.key(KeyCode::Enter);
    assert_eq!(wizard.key(KeyCode::Enter), vec![], "without a key nothing is decided");
    wizard.keys("DE");
    let to = Choice::Point(BTreeMap::from([("country_id".to_owned(), "DE".to_owned())]));
    assert_eq!(wizard.key(KeyCode::Enter), take(partner(&["101"], to)));
}

#[test]
fn the_developer_is_asked_with_a_note() {
    let mut wizard = opened(120, 36, &later());
    keys(&mut wizard, "n");
    keys(&mut wizard, "a");
    wizard.send(Msg::Paste("Which number\nis right?".into()));
    let ask = Choice::Ask("Which number is right?".into());
    assert_eq!(wizard.key(KeyCode::Enter), take(partner(&["101"], ask)));
}

#[test]
fn what_is_gone_is_dropped_copied_renamed_or_left_out_for_the_whole_model() {
    let of = |choice| {
        let because = "T() got unexpected keyword arguments: 'summary', 'description'";
        let because = because.replace("T()", "Ticket()");
        take(vec![Decision { model: "tickets.Ticket".into(), rows: Scope::All(3), choice, because }])
    };
    let mut wizard = opened(120, 36, &first());
    keys(&mut wizard, "/ticket");
    wizard.key(KeyCode::Enter);
    keys(&mut wizard, "d");
    wizard.key(KeyCode::Enter);
    assert_eq!(wizard.keys("y"), of(Choice::Drop(vec!["summary".into(), "description".into()])));
    keys(&mut wizard, "c");
    wizard.keys("summ");
    wizard.key(KeyCode::Enter);
    wizard.keys("title");
    wizard.key(KeyCode::Enter);
    assert!(wizard.screen().contains("summary is called title in all rows of tickets.Ticket?"), "{}", wizard.screen());
    assert_eq!(wizard.keys("y"), of(Choice::Copy(BTreeMap::from([("title".into(), "summary".into())]))));

    wizard.key(KeyCode::Esc);
    keys(&mut wizard, "/cal_eventtype");
    wizard.key(KeyCode::Enter);
    let of = |choice| {
        let because = "'UnresolvedModel' object is not callable".to_owned();
        take(vec![Decision { model: "cal_eventtype".into(), rows: Scope::All(3), choice, because }])
    };
    keys(&mut wizard, "mx");
    assert!(wizard.screen().contains("Leave out all rows of cal_eventtype?"), "{}", wizard.screen());
    assert_eq!(wizard.keys("y"), of(Choice::LeaveOut));
    assert_eq!(shown(&wizard).reach, Reach::Row, "the next decision is for one row again");
    keys(&mut wizard, "M");
    wizard.keys("calendar.EventType");
    wizard.key(KeyCode::Enter);
    assert_eq!(wizard.keys("y"), of(Choice::Rename("calendar.EventType".into())));
}

#[test]
fn a_filter_limits_what_a_decision_for_all_touches() {
    let mut wizard = opened(120, 36, &later());
    keys(&mut wizard, "/role");
    wizard.key(KeyCode::Enter);
    keys(&mut wizard, "gx");
    assert!(wizard.screen().contains("Leave out 5 rows of contacts.Role?"), "{}", wizard.screen());
    let expected = these("contacts.Role", &["1", "5", "6", "2", "8"], Choice::LeaveOut);
    assert_eq!(wizard.keys("y"), take(vec![expected]));
    wizard.key(KeyCode::Esc);
    assert_eq!(shown(&wizard).tree.filtered().needle, "");
}

#[test]
fn a_filter_that_hides_the_rows_of_a_cause_protects_them() {
    let mut wizard = opened(120, 36, &later());
    keys(&mut wizard, "/role");
    wizard.key(KeyCode::Enter);
    assert_eq!(keys(&mut wizard, "x"), vec![]);
    assert_eq!(shown(&wizard).dialog, None);
    assert!(wizard.screen().contains("The filter hides the rows of this cause."), "{}", wizard.screen());
}

#[test]
fn rows_are_filtered_by_how_they_stand() {
    let rows = |wizard: &Wizard| {
        let lines = shown(wizard).tree.lines.iter();
        lines.filter(|line| matches!(line.node, Node::Row(_))).count()
    };
    let mut wizard = opened(120, 36, &decided());
    keys(&mut wizard, "+");
    assert_eq!(rows(&wizard), 15);
    keys(&mut wizard, "f");
    assert_eq!((rows(&wizard), shown(&wizard).tree.filtered().which), (2, Which::Undecided));
    keys(&mut wizard, "f");
    assert_eq!((rows(&wizard), shown(&wizard).tree.filtered().which), (10, Which::Decided));
    keys(&mut wizard, "f");
    assert_eq!((rows(&wizard), shown(&wizard).tree.filtered().which), (15, Which::All));
}

#[test]
fn n_goes_around_the_undecided_rows() {
    let mut wizard = opened(120, 36, &decided());
    keys(&mut wizard, "n");
    assert_eq!(row(&wizard), "104");
    keys(&mut wizard, "n");
    assert_eq!(row(&wizard), "253");
    keys(&mut wizard, "n");
    assert_eq!(row(&wizard), "104");
    keys(&mut wizard, "N");
    assert_eq!(row(&wizard), "253");
}

#[test]
fn decisions_are_taken_back_and_taken_again() {
    let mut wizard = opened(120, 36, &decided());
    assert_eq!(keys(&mut wizard, "u"), vec![Action::Send(Wish::Decide(Deciding::Undo))]);
    assert_eq!(keys(&mut wizard, "U"), vec![Action::Send(Wish::Decide(Deciding::Redo))]);
    assert_eq!(wizard.control('r'), vec![Action::Send(Wish::Decide(Deciding::Redo))]);
    assert_eq!(keys(&mut wizard, "R"), vec![Action::Send(Wish::Rehearse(Rehearsing::Retry))]);
}

#[test]
fn nothing_is_decided_while_a_rehearsal_runs_or_somebody_else_drives() {
    let begun = Event::RehearsalStarted { retry: true, log: "/l".into(), from: 0, at: NOW };
    for event in [begun, Event::Watching { operator: "anna".into(), since: 0 }] {
        let mut wizard = opened(120, 36, &decided());
        wizard.tell(event);
        assert_eq!(keys(&mut wizard, "xsekuUR"), vec![]);
        assert_eq!(shown(&wizard).dialog, None);
    }
}

#[test]
fn what_is_chosen_and_unfolded_stays_so_when_something_is_decided() {
    let mut wizard = opened(120, 36, &later());
    keys(&mut wizard, "nj");
    assert_eq!(row(&wizard), "102");
    tell(&mut wizard, &decided());
    assert_eq!((row(&wizard), shown(&wizard).tree.lines.len()), ("102", 8));
    // A retry: the tasks are gone, one partner is left.
    let failures = decided().causes.failures.into_iter().filter(|failure| failure.key == "102").collect();
    tell(&mut wizard, &super::triage_of(failures, Decisions::default()));
    assert_eq!((row(&wizard), shown(&wizard).tree.lines.len()), ("102", 2));
}

#[test]
fn rows_are_looked_up_one_at_a_time() {
    let mut wizard = Wizard::planned(120, 36);
    tell(&mut wizard, &later());
    let first = wizard.keys("t");
    let [Action::ReadRow(place)] = first.as_slice() else { panic!("{first:?}") };
    assert_eq!(place.key, "101", "of a cause the first row is shown");
    assert_eq!(wizard.keys("njj"), vec![]);
    let place = place.clone();
    let read = crate::ui::row_reader::read(&place);
    let next = wizard.send(Msg::Row(crate::ui::state::Looked { place, read }));
    let [Action::ReadRow(next)] = next.as_slice() else { panic!("{next:?}") };
    assert_eq!(next.key, "104", "what was passed by is not read");
}

#[test]
fn the_edit_is_read_and_read_again_when_decisions_change() {
    let mut triage = decided();
    triage.copy = Some("/srv/copy.py".into());
    let paths = DumpScripts { snapshot: triage.script.clone(), simulated: "/srv/copy.py".into() };
    let mut wizard = opened(120, 36, &triage);
    assert_eq!(keys(&mut wizard, "E"), vec![Action::ReadScripts(paths.clone())]);
    wizard.send(Msg::Scripts { paths: paths.clone(), read: Ok(aligned(&triage)) });
    assert!(wizard.screen().contains("vat_id = ''"), "{}", wizard.screen());
    keys(&mut wizard, "n");
    assert!(wizard.screen().contains("linod.SystemTask · differs"), "{}", wizard.screen());
    assert_eq!(tell(&mut wizard, &triage), vec![Action::ReadScripts(paths)]);
    wizard.key(KeyCode::Esc);
    assert_eq!((shown(&wizard).part, wizard.state.screen), (Part::List, Screen::Triage));
}

#[test]
fn a_click_chooses_and_unfolds_and_the_wheel_scrolls() {
    let mut wizard = opened(120, 36, &later());
    let mouse = |wizard: &mut Wizard, kind, row| {
        wizard.send(Msg::Mouse(MouseEvent { kind, column: 9, row, modifiers: KeyModifiers::NONE }));
    };
    let list = areas(&wizard.state, shown(&wizard)).list;
    mouse(&mut wizard, MouseEventKind::Down(MouseButton::Left), list.y + 1);
    assert_eq!(shown(&wizard).at, 1);
    mouse(&mut wizard, MouseEventKind::Down(MouseButton::Left), list.y + 1);
    assert_eq!(shown(&wizard).tree.lines.len(), 6);
    mouse(&mut wizard, MouseEventKind::ScrollUp, list.y + 1);
    assert_eq!(shown(&wizard).at, 0);
    let detail = areas(&wizard.state, shown(&wizard)).detail;
    mouse(&mut wizard, MouseEventKind::Down(MouseButton::Left), detail.y);
    assert_eq!(shown(&wizard).part, Part::Detail);
}

#[test]
fn another_run_forgets_what_was_refused() {
    let mut wizard = opened(120, 36, &later());
    wizard.tell(Event::RunOpened { run: 4, resumed: false, started: 0, state_dir: "/state".into() });
    assert_eq!((wizard.state.screen, &wizard.state.triaged), (Screen::Main, &None));
}

#[test]
fn a_question_that_is_open_is_dropped_when_other_rows_are_refused() {
    let mut wizard = opened(120, 36, &later());
    keys(&mut wizard, "x");
    assert!(matches!(shown(&wizard).dialog, Some(Dialog::Confirm { .. })));
    tell(&mut wizard, &with(&later(), [these("linod.SystemTask", &["1"], Choice::LeaveOut)]));
    assert!(shown(&wizard).dialog.is_some(), "the rows are the same");
    tell(&mut wizard, &first());
    assert_eq!(shown(&wizard).dialog, None);
}
