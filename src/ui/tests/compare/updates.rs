//! What keys, mouse and events do to the comparison.

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use super::evidence::{decide, restore, skip};
use super::{aligned, compared, opened, paths, shown, verdict_question};
use crate::engine::{Event, Wish};
use crate::procedure::{DumpScripts, StepId, StepState};
use crate::ui::keymap::{Command, Context, hints};
use crate::ui::layout::compare::areas;
use crate::ui::scripts_view::{Aligned, Mode, Place};
use crate::ui::state::{Action, Entry, Extent, Folding, Msg, Pane, Screen, Scripts};
use crate::ui::tests::{LOG, Wizard};

fn place(wizard: &Wizard) -> Place {
    shown(wizard).view.place
}

fn mouse(wizard: &mut Wizard, kind: MouseEventKind, column: u16, row: u16) {
    wizard.send(Msg::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }));
}

#[test]
fn the_key_is_offered_only_when_there_is_evidence() {
    let mut wizard = Wizard::planned(80, 24);
    assert_eq!(wizard.keys("d"), vec![]);
    assert_eq!(wizard.state.screen, Screen::Main);
    assert!(hints(&wizard.state).iter().all(|hint| hint.command != Command::Diff));
    wizard.tell(Event::Compared { evidence: Box::new(skip()), scripts: None });
    assert!(hints(&wizard.state).iter().any(|hint| hint.command == Command::Diff));
    assert_eq!(wizard.keys("d"), vec![]);
    assert_eq!(Context::of(&wizard.state), Context::Compare);
}

#[test]
fn it_opens_at_the_first_difference_that_matters() {
    assert_eq!(shown(&opened(120, 36, &decide())).chosen, Entry::Found(0));
    assert_eq!(shown(&opened(120, 36, &skip())).chosen, Entry::Summary);
    assert_eq!(place(&opened(120, 36, &decide())), Place { section: 1, row: 0 });
}

#[test]
fn the_list_has_classes_worst_first_with_renamings_below_what_they_explain() {
    use crate::compare::Class;
    let wizard = opened(120, 36, &decide());
    let expected = vec![
        Entry::Summary,
        Entry::Heading(Class::Destructive),
        Entry::Found(0),
        Entry::Found(1),
        Entry::Found(2),
        Entry::Found(3),
        Entry::Renaming(0),
        Entry::Heading(Class::DataDependent),
        Entry::Found(4),
        Entry::Found(5),
        Entry::Heading(Class::Additive),
        Entry::Found(6),
        Entry::Found(7),
        Entry::Found(8),
        Entry::Noise,
    ];
    assert_eq!(shown(&wizard).entries(), expected);
}

#[test]
fn escape_and_q_go_back_to_the_steps_and_never_leave_the_wizard() {
    for key in [KeyCode::Esc, KeyCode::Char('q'), KeyCode::Char('d')] {
        let mut wizard = opened(120, 36, &decide());
        assert_eq!(wizard.key(key), vec![], "{key:?}");
        assert_eq!(wizard.state.screen, Screen::Main, "{key:?}");
    }
    let mut wizard = opened(120, 36, &decide());
    assert_eq!(wizard.control('c'), vec![]);
    assert_eq!(wizard.state.screen, Screen::Main);
}

#[test]
fn on_a_narrow_screen_escape_goes_one_step_back_at_a_time() {
    let mut wizard = opened(80, 24, &decide());
    wizard.key(KeyCode::Enter);
    assert_eq!(shown(&wizard).pane, Pane::Scripts);
    wizard.key(KeyCode::Enter);
    assert_eq!(shown(&wizard).extent, Extent::ScriptsAlone);
    wizard.key(KeyCode::Esc);
    assert_eq!((shown(&wizard).extent, shown(&wizard).pane), (Extent::Panes, Pane::Scripts));
    wizard.key(KeyCode::Esc);
    assert_eq!(shown(&wizard).pane, Pane::List);
    wizard.key(KeyCode::Esc);
    assert_eq!(wizard.state.screen, Screen::Main);
}

#[test]
fn the_question_about_the_verdict_comes_back_after_the_evidence() {
    let mut wizard = compared(80, 24, &decide(), None);
    wizard.tell(Event::Asked { ask: verdict_question() });
    wizard.keys("d");
    assert_eq!(Context::of(&wizard.state), Context::Compare);
    wizard.key(KeyCode::Esc);
    assert_eq!(Context::of(&wizard.state), Context::Ask);
    let answer = Wish::Choose { question: "compare.verdict".into(), key: 'r' };
    assert_eq!(wizard.keys("r"), vec![Action::Send(answer)]);
}

#[test]
fn the_question_can_be_answered_over_the_evidence_and_leads_back_to_the_steps() {
    let mut wizard = compared(80, 24, &decide(), None);
    wizard.tell(Event::Asked { ask: verdict_question() });
    wizard.keys("da");
    assert_eq!((wizard.state.screen, Context::of(&wizard.state)), (Screen::Compare, Context::Ask));
    wizard.keys("r");
    assert_eq!((wizard.state.screen, Context::of(&wizard.state)), (Screen::Main, Context::Main));
}

#[test]
fn evidence_is_not_offered_by_other_questions() {
    let mut wizard = compared(80, 24, &decide(), None);
    wizard.tell(Event::Asked { ask: super::question() });
    wizard.keys("d");
    assert_eq!((wizard.state.screen, Context::of(&wizard.state)), (Screen::Main, Context::Ask));
}

#[test]
fn a_key_in_the_comparison_never_answers_a_command_that_waits() {
    let mut wizard = Wizard::restoring(80, 24, LOG);
    wizard.tell(Event::Compared { evidence: Box::new(decide()), scripts: None });
    wizard.keys("d");
    let prompt = "Are you sure [y,n] ?".to_owned();
    wizard.tell(Event::InputAwaited { step: Some(StepId::Restore), prompt, secret: false, certain: true });
    assert_eq!(wizard.keys("ynx"), vec![]);
    wizard.keys("q");
    assert_eq!(Context::of(&wizard.state), Context::Typing);
}

#[test]
fn a_renaming_is_decided_and_the_word_taken_back_by_the_same_key() {
    let word = |renamed| vec![Action::Send(Wish::Renamed { index: 0, renamed })];
    let mut wizard = opened(120, 36, &decide());
    assert_eq!(wizard.keys("yx"), vec![], "the chosen model was not renamed");
    wizard.keys("nnn");
    assert_eq!(shown(&wizard).chosen, Entry::Found(3));
    assert_eq!(wizard.keys("y"), word(Some(true)), "the difference stands for its renaming");
    wizard.keys("n");
    assert_eq!(shown(&wizard).chosen, Entry::Renaming(0));
    assert_eq!(wizard.keys("x"), word(Some(false)));
    let mut said = decide();
    said.renamings[0].decided = Some(false);
    wizard.tell(Event::Compared { evidence: Box::new(said), scripts: Some(paths()) });
    assert_eq!(shown(&wizard).chosen, Entry::Renaming(0));
    assert_eq!(wizard.keys("x"), word(None));
    assert_eq!(wizard.keys("y"), word(Some(true)));
}

#[test]
fn who_only_watches_decides_nothing() {
    let mut wizard = opened(120, 36, &decide());
    wizard.tell(Event::Watching { operator: "anna".into(), since: 0 });
    wizard.keys("nnnn");
    assert_eq!(wizard.keys("yx"), vec![]);
}

#[test]
fn what_is_chosen_stays_chosen_when_the_evidence_changes() {
    let mut wizard = opened(120, 36, &decide());
    wizard.keys("nnnnn");
    assert_eq!(shown(&wizard).chosen, Entry::Found(4));
    let mut fewer = decide();
    fewer.found.remove(0);
    fewer.found[3].touched = crate::compare::Touched::Rows(0);
    wizard.tell(Event::Compared { evidence: Box::new(fewer), scripts: Some(paths()) });
    assert_eq!(shown(&wizard).chosen, Entry::Found(3));
    assert!(matches!(shown(&wizard).scripts, Scripts::Read(_)), "the scripts are the same");
    wizard.tell(Event::Compared { evidence: Box::new(restore()), scripts: Some(paths()) });
    assert_eq!(shown(&wizard).chosen, Entry::Summary);
}

#[test]
fn other_scripts_are_read_at_once_while_the_screen_is_open() {
    let mut wizard = opened(120, 36, &decide());
    let other = DumpScripts { snapshot: "/other".into(), ..paths() };
    let actions = wizard.tell(Event::Compared { evidence: Box::new(decide()), scripts: Some(other.clone()) });
    assert_eq!(actions, vec![Action::ReadScripts(other)]);
    assert_eq!(shown(&wizard).scripts, Scripts::Reading);
    wizard.send(Msg::Scripts { paths: paths(), read: Ok(aligned()) });
    assert_eq!(shown(&wizard).scripts, Scripts::Reading, "an answer about scripts of before is dropped");
}

#[test]
fn opening_again_reads_again_and_keeps_the_place() {
    let mut wizard = opened(80, 24, &decide());
    wizard.keys("nnn");
    wizard.key(KeyCode::Enter);
    wizard.key(KeyCode::Down);
    let before = place(&wizard);
    assert_eq!(wizard.keys("qd"), vec![Action::ReadScripts(paths())]);
    wizard.send(Msg::Scripts { paths: paths(), read: Ok(aligned()) });
    assert_eq!(place(&wizard), before);
}

#[test]
fn noise_is_unfolded_and_folded() {
    let mut wizard = opened(120, 36, &decide());
    wizard.keys("f");
    assert_eq!(shown(&wizard).noise, Folding::Unfolded);
    wizard.keys("G");
    assert_eq!(shown(&wizard).chosen, Entry::Quiet(1));
    wizard.keys("f");
    assert_eq!((shown(&wizard).noise, shown(&wizard).chosen), (Folding::Folded, Entry::Noise));
    wizard.key(KeyCode::Enter);
    assert_eq!(shown(&wizard).noise, Folding::Unfolded);
}

#[test]
fn choosing_a_difference_shows_its_part_of_the_scripts() {
    let mut wizard = opened(120, 36, &decide());
    wizard.keys("nnn");
    // The last parts fit the pane, so it shows the end of the scripts, with the ticket in it.
    let visible = shown(&wizard).view.visible();
    assert!(visible.iter().any(|(section, _)| *section == 3), "{visible:?}");
    wizard.keys("ppp");
    assert_eq!(place(&wizard), Place { section: 1, row: 0 });
}

#[test]
fn the_arrows_move_in_the_pane_with_the_focus() {
    let mut wizard = opened(80, 24, &decide());
    wizard.key(KeyCode::Down);
    assert_eq!(shown(&wizard).chosen, Entry::Found(1));
    wizard.key(KeyCode::Up);
    wizard.key(KeyCode::Up);
    assert_eq!(shown(&wizard).chosen, Entry::Summary, "headings are stepped over");
    wizard.keys("nz");
    wizard.key(KeyCode::Home);
    assert_eq!(place(&wizard), Place { section: 0, row: 0 });
    wizard.keys("f");
    wizard.key(KeyCode::PageDown);
    assert_ne!(place(&wizard), Place { section: 0, row: 0 });
    wizard.key(KeyCode::End);
    assert_eq!(shown(&wizard).view.visible().last().map(|(section, row)| (*section, row.pair)), Some((3, 21)));
    for _ in 0..99 {
        wizard.key(KeyCode::Up);
    }
    assert_eq!(place(&wizard), Place { section: 0, row: 0 });
}

#[test]
fn equal_lines_are_unfolded_in_place() {
    let mut wizard = opened(80, 24, &decide());
    wizard.keys("zf");
    assert_eq!(shown(&wizard).view.equal, Folding::Unfolded);
    assert_eq!(place(&wizard), Place { section: 1, row: 0 });
}

#[test]
fn the_view_follows_the_width_until_the_operator_says_otherwise() {
    let mut wizard = opened(120, 36, &decide());
    assert_eq!(shown(&wizard).view.shown_mode(), Mode::Sides);
    wizard.send(Msg::Resize(104, 30));
    assert_eq!(shown(&wizard).view.shown_mode(), Mode::Unified);
    wizard.keys("v");
    assert_eq!(shown(&wizard).view.shown_mode(), Mode::Sides);
    wizard.send(Msg::Resize(160, 30));
    wizard.keys("v");
    assert_eq!(shown(&wizard).view.shown_mode(), Mode::Unified);
}

#[test]
fn a_search_in_the_scripts_finds_folded_lines_and_goes_around() {
    let mut wizard = opened(120, 36, &decide());
    wizard.key(KeyCode::Enter);
    wizard.keys("/KW");
    assert_eq!(shown(&wizard).view.found, None, "a capital letter makes case matter");
    wizard.control('u');
    wizard.keys("field_2");
    assert_eq!(shown(&wizard).view.found, Some((2, 2)));
    wizard.key(KeyCode::Enter);
    wizard.keys("n");
    assert_eq!(shown(&wizard).view.found, Some((2, 20)));
    wizard.keys("NN");
    assert_eq!(shown(&wizard).view.found, Some((2, 29)));
    wizard.keys("n");
    assert_eq!(shown(&wizard).view.found, Some((2, 2)));
    wizard.key(KeyCode::Esc);
    assert_eq!((shown(&wizard).search.clone(), wizard.state.screen), (None, Screen::Compare));
}

#[test]
fn a_search_in_the_list_finds_what_is_folded_away() {
    let mut wizard = opened(120, 36, &decide());
    wizard.keys("/make_aware");
    assert_eq!((shown(&wizard).chosen, shown(&wizard).noise), (Entry::Quiet(1), Folding::Unfolded));
    wizard.control('u');
    wizard.keys("nothing of that kind");
    assert_eq!(shown(&wizard).search.as_ref().and_then(|search| search.found), Some(false));
}

#[test]
fn an_empty_search_ends_by_enter() {
    let mut wizard = opened(120, 36, &decide());
    wizard.keys("/");
    wizard.key(KeyCode::Enter);
    assert_eq!(shown(&wizard).search, None);
}

#[test]
fn a_click_chooses_and_the_wheel_scrolls_what_is_under_it() {
    let mut wizard = opened(120, 36, &decide());
    let there = areas(&wizard.state, shown(&wizard));
    mouse(&mut wizard, MouseEventKind::Down(MouseButton::Left), there.list.x + 3, there.list.y + 3);
    assert_eq!(shown(&wizard).chosen, Entry::Found(1));
    mouse(&mut wizard, MouseEventKind::Down(MouseButton::Left), there.list.x + 3, there.list.y + 1);
    assert_eq!(shown(&wizard).chosen, Entry::Found(1), "a heading cannot be chosen");
    mouse(&mut wizard, MouseEventKind::ScrollDown, there.list.x + 3, there.list.y + 1);
    assert_eq!(shown(&wizard).chosen, Entry::Found(2));
    wizard.keys("f");
    wizard.key(KeyCode::Tab);
    wizard.keys("f");
    wizard.key(KeyCode::BackTab);
    let there = areas(&wizard.state, shown(&wizard));
    wizard.keys("p");
    let before = place(&wizard);
    mouse(&mut wizard, MouseEventKind::ScrollDown, there.scripts.x + 3, there.scripts.y + 1);
    assert_ne!(place(&wizard), before);
    assert_eq!(shown(&wizard).pane, Pane::List);
    mouse(&mut wizard, MouseEventKind::Down(MouseButton::Left), there.scripts.x + 3, there.scripts.y + 1);
    assert_eq!(shown(&wizard).pane, Pane::Scripts);
}

#[test]
fn empty_scripts_are_no_trouble() {
    let mut wizard = compared(120, 36, &decide(), Some(paths()));
    wizard.keys("d");
    wizard.send(Msg::Scripts { paths: paths(), read: Ok(Arc::new(Aligned::default())) });
    wizard.keys("z/x");
    wizard.key(KeyCode::Enter);
    wizard.keys("nG");
    assert!(wizard.screen().contains("part 1") || wizard.screen().contains("scripts"));
}

#[test]
fn evidence_of_before_is_forgotten_when_it_is_compared_again() {
    let again = Event::StepStarted { step: StepId::Compare, attempt: 2, log: "/log".into(), at: crate::ui::tests::NOW };
    let other_run = Event::RunOpened { run: 4, resumed: false, started: 0, state_dir: "/state".into(), undoes: None };
    for event in [again, other_run] {
        let mut wizard = opened(120, 36, &decide());
        wizard.tell(event);
        assert_eq!((wizard.state.screen, &wizard.state.compared), (Screen::Main, &None));
    }
    let mut wizard = opened(120, 36, &decide());
    wizard.tell(Event::RunOpened { run: 3, resumed: true, started: 0, state_dir: "/state".into(), undoes: None });
    assert_eq!(wizard.state.screen, Screen::Compare, "the same run was taken up");
}

#[test]
fn a_step_that_fails_meanwhile_is_told() {
    let mut wizard = opened(80, 24, &decide());
    wizard.ended(StepId::Restore, StepState::Failed { because: "The disk is full.".into() }, 3.0);
    assert!(wizard.screen().contains("Step 9 failed: q leads to the steps."), "{}", wizard.screen());
}
