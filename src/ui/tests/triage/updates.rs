//! What keys, mouse and events do to the triage.

use std::collections::BTreeMap;

use crossterm::event::{KeyCode, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use super::{aligned, decided, first, keys, later, opened, shown, tell, these, with};
use crate::engine::{Deciding, Event, Rehearsing, Wish};
use crate::procedure::DumpScripts;
use crate::triage::{Choice, Decision, Decisions, Failure, Given, Phase, PointedAt, RowDetail, Scope, Triage};
use crate::ui::keymap::{Command, Context, hints};
use crate::ui::layout::triage::areas;
use crate::ui::row_reader::RowReader;
use crate::ui::state::{Action, Dialog, Looked, Msg, Node, Part, Reach, RowPlace, Screen, Which};
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
fn a_key_that_has_nothing_to_do_says_so() {
    let notice = |wizard: &Wizard| wizard.state.notice.as_ref().map(|notice| notice.text.clone());
    let mut wizard = opened(120, 36, &later());
    assert!(shown(&wizard).triage.decisions.is_empty());
    assert_eq!(wizard.keys("R"), vec![]);
    assert_eq!(notice(&wizard).as_deref(), Some("R has nothing to do just now; ? explains the keys."));
    // One that this screen does not know takes the notice away.
    assert_eq!(wizard.keys("§"), vec![]);
    assert_eq!(notice(&wizard), None);
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
        because: "The field user_id must have a value.".into(),
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
        let because = "The new version has no fields summary, description.".to_owned();
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
        let because = "The new version has no model cal_eventtype.".to_owned();
        take(vec![Decision { model: "cal_eventtype".into(), rows: Scope::All(3), choice, because }])
    };
    keys(&mut wizard, "mx");
    assert!(wizard.screen().contains("Leave out all rows of cal_eventtype?"), "{}", wizard.screen());
    assert_eq!(wizard.keys("y"), of(Choice::LeaveOut));
    keys(&mut wizard, "x");
    let question = "Leave out all 3 rows of cal_eventtype, a model that the new version does not have?";
    assert!(wizard.screen().contains(question), "{}", wizard.screen());
    assert_eq!(wizard.keys("y"), of(Choice::LeaveOut), "rows that come later are covered");
    assert_eq!(shown(&wizard).reach, Reach::Row, "the next decision is for one row again");
    keys(&mut wizard, "M");
    wizard.keys("calendar.EventType");
    wizard.key(KeyCode::Enter);
    assert_eq!(wizard.keys("y"), of(Choice::Rename("calendar.EventType".into())));
}

#[test]
fn of_a_model_that_is_gone_one_row_or_those_that_are_shown_can_be_left_out() {
    let mut wizard = opened(120, 36, &first());
    keys(&mut wizard, "/cal_eventtype");
    wizard.key(KeyCode::Enter);
    let out = |keys: &[&str], because: &str| {
        take(vec![Decision { because: because.into(), ..these("cal_eventtype", keys, Choice::LeaveOut) }])
    };
    keys(&mut wizard, "gx");
    assert_eq!(wizard.keys("y"), out(&["1", "2", "3"], ""));
    keys(&mut wizard, "n");
    let why = "The new version has no model cal_eventtype.";
    assert_eq!([keys(&mut wizard, "x"), wizard.keys("y")].concat(), out(&["1"], why));
}

/// A cause whose message names no field.
fn unknown_choice() -> Triage {
    let told = |key: &str, line: u64| Failure {
        model: Some("contacts.Partner".into()),
        table: "contacts_partner".into(),
        key: key.into(),
        file: "contacts_partner.py".into(),
        line,
        phase: Phase::Save,
        exception: "Exception".into(),
        messages: BTreeMap::from([(
            String::new(),
            vec!["Unresolved value '10' (<class 'str'>) for vat.VatRegimes (set Site.strict to False)".into()],
        )]),
        object: None,
        points: Vec::new(),
        traceback: None,
        forbidden: false,
    };
    super::triage_of(vec![told("101", 5), told("104", 8)], Decisions::default())
}

fn proposed(wizard: &Wizard) -> Vec<(String, Option<String>)> {
    let fields = shown(wizard).dialog.as_ref().unwrap().matching();
    fields.into_iter().map(|field| (field.name.clone(), field.value.clone())).collect()
}

#[test]
fn the_fields_of_the_first_row_of_a_cause_are_proposed_and_first_the_one_whose_value_is_quoted() {
    let mut wizard = opened(120, 36, &unknown_choice());
    assert_eq!(keys(&mut wizard, "s"), vec![]);
    let fields = proposed(&wizard);
    assert_eq!(fields[0], ("vat_regime".to_owned(), Some("10".to_owned())));
    assert!(fields.contains(&("name".to_owned(), Some("Bäckerei Ausdemwald".to_owned()))), "{fields:?}");
    assert!(wizard.screen().contains("The values are those of row 101."), "{}", wizard.screen());
    wizard.keys("zip");
    assert_eq!(proposed(&wizard), [("zip_code".to_owned(), Some("4700".to_owned()))]);
}

#[test]
fn a_row_that_is_read_while_the_field_is_asked_for_is_proposed_then() {
    let mut wizard = Wizard::planned(120, 36);
    tell(&mut wizard, &unknown_choice());
    let mut reading = wizard.keys("t");
    reading.extend(wizard.keys("s"));
    assert_eq!(proposed(&wizard), []);
    assert!(wizard.screen().contains("Reading the row…"), "{}", wizard.screen());
    super::look_up(&mut wizard, reading);
    assert_eq!(proposed(&wizard)[0].0, "vat_regime");
}

#[test]
fn fields_that_are_decided_already_stand_behind_those_that_are_open() {
    let copied = Decision {
        rows: Scope::All(3),
        ..these("tickets.Ticket", &[], Choice::Copy(BTreeMap::from([("title".into(), "summary".into())])))
    };
    let mut wizard = opened(120, 36, &with(&first(), [copied]));
    keys(&mut wizard, "/ticket");
    wizard.key(KeyCode::Enter);
    keys(&mut wizard, "d");
    let fields = shown(&wizard).dialog.as_ref().unwrap().matching();
    assert_eq!((fields[0].name.as_str(), &fields[0].done), ("description", &None));
    let last = fields.last().unwrap();
    assert_eq!((last.name.as_str(), last.done.as_deref()), ("summary", Some("→ title")));
}

#[test]
fn what_points_to_a_row_comes_after_the_row_and_leaves_what_is_asked_alone() {
    let mut wizard = Wizard::planned(120, 36);
    tell(&mut wizard, &unknown_choice());
    wizard.keys("t");
    let place = shown(&wizard).place().unwrap();
    let row = RowDetail { key: "101".into(), ..RowDetail::default() };
    wizard.send(Msg::Row(Looked { place: place.clone(), read: Ok(Some(row.clone())) }));
    let by = PointedAt { model: "contacts.Role".into(), field: "company".into(), count: 1, keys: vec!["2".into()] };
    let whole = RowDetail { pointed_at: vec![by], ..row };
    assert_eq!(wizard.send(Msg::Row(Looked { place: place.clone(), read: Ok(Some(whole.clone())) })), vec![]);
    assert_eq!(shown(&wizard).detail(), Some(&whole));
    let late = RowPlace { key: "7".into(), ..place };
    wizard.send(Msg::Row(Looked { place: late, read: Ok(None) }));
    assert_eq!(shown(&wizard).detail(), Some(&whole), "an answer about another row is none about this one");
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
    let failures = decided().causes.failures.iter().filter(|failure| failure.key == "102").cloned().collect();
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
    let mut next = Vec::new();
    RowReader::default().read(&place, |looked| next.extend(wizard.send(Msg::Row(looked))));
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
    wizard.tell(Event::RunOpened { run: 4, resumed: false, started: 0, state_dir: "/state".into(), undoes: None });
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
