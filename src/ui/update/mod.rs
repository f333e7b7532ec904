//! Folds messages into the state. Pure and total: no message in any state fails, and all effects are [`Action`]s.
//!
//! ```text
//! Msg ──► engine | commands | mouse | here ──► settle ──► Vec<Action>
//! ```

mod commands;
mod compare;
mod engine;
mod mouse;
mod scrolling;
mod triage;
mod undo;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind};
use secrecy::zeroize::Zeroize;

use super::encode::{self, Arrows, Bracketed};
use super::keymap::{Command, Context, command, idle};
use super::layout::{areas, fit_shell, terminal_size};
use super::log_view::{Found, Rows};
use super::reader::Request;
use super::state::{Action, Engine, LogNews, Msg, Notice, ShellFocus, State, TypingBy};
use crate::engine::{Keys, NoticeLevel, Wish};
use crate::error::{Kind, Report};
use crate::ui::state::Popup;

/// How long a notice stays, in milliseconds.
const NOTICE: i64 = 6_000;
/// How long keys still go to a command that went on although Enter was not pressed, in milliseconds.
const GRACE: i64 = 1_500;

/// Takes in one message.
pub fn update(state: &mut State, msg: Msg) -> Vec<Action> {
    let mut actions = Vec::new();
    match msg {
        Msg::Clock(now) => clock(state, now),
        Msg::Key(key) if key.kind != KeyEventKind::Release => {
            state.touched = state.now;
            on_key(state, key, &mut actions);
        }
        Msg::Key(_) => {}
        Msg::Paste(text) => paste(state, text, &mut actions),
        Msg::Mouse(event) => mouse::on_mouse(state, event, &mut actions),
        Msg::Resize(columns, rows) => state.size = (columns, rows),
        Msg::Engine(event) => engine::on_event(state, event, &mut actions),
        // After its last word, or after it said what went wrong, its end is no news.
        Msg::EngineGone
            if matches!(state.engine, Engine::Over { .. }) || matches!(state.popup, Some(Popup::Trouble(_))) => {}
        Msg::EngineGone => {
            state.popup = Some(Popup::Trouble(
                Report::new(Kind::Environment, "The part of the program that does the work has ended unexpectedly.")
                    .unchanged("A command that was running goes on by itself.")
                    .next("Leave with q and start lino-upgrade again: it continues from what is recorded."),
            ));
        }
        Msg::Log(news) => on_log(state, news, &mut actions),
        Msg::Scripts { paths, read } => {
            triage::on_scripts(state, &paths, &read);
            compare::on_scripts(state, &paths, read);
        }
        Msg::Row(looked) => triage::on_row(state, looked),
        Msg::Stopped => actions.push(Action::Suspend),
        Msg::Resumed => actions.push(Action::Redraw),
        Msg::Terminated => {
            actions.push(Action::Send(Wish::Leave));
            actions.push(Action::Quit);
        }
    }
    settle(state, &mut actions);
    actions
}

fn clock(state: &mut State, now: i64) {
    state.now = now;
    if state.notice.as_ref().is_some_and(|notice| notice.until <= now) {
        state.notice = None;
    }
    if state.typing.and_then(|typing| typing.until).is_some_and(|until| until <= now) {
        state.typing = None;
    }
}

/// Shows a line at the bottom for a while.
fn notice(state: &mut State, level: NoticeLevel, text: impl Into<String>) {
    state.notice = Some(Notice { level, text: text.into(), until: state.now.saturating_add(NOTICE) });
}

fn on_key(state: &mut State, key: KeyEvent, actions: &mut Vec<Action>) {
    match command(state, key) {
        Some(command) => commands::run(state, command, actions),
        None => match Context::of(state) {
            Context::Search => search_key(state, key, actions),
            Context::Shell => shell_key(state, key, actions),
            Context::Typing => typing_key(state, key, actions),
            Context::CompareSearch => compare::search_key(state, key),
            Context::TriageFilter => triage::filter_key(state, key),
            Context::TriageType => triage::type_key(state, key),
            Context::Main | Context::Compare | Context::Triage | Context::TriageEdit => match idle(state, key) {
                // Enter and arrows are tried everywhere, and Escape is pressed to be rid of something.
                Some(shown) if matches!(key.code, KeyCode::Char(_)) => {
                    notice(
                        state,
                        NoticeLevel::Info,
                        format!("{shown} has nothing to do just now; ? explains the keys."),
                    );
                }
                _ => state.notice = None,
            },
            _ => {}
        },
    }
}

fn shell_key(state: &mut State, key: KeyEvent, actions: &mut Vec<Action>) {
    let Some(shell) = &mut state.shell else { return };
    shell.emulator.scroll(isize::MIN);
    if let Some(bytes) = encode::key(key, shell.emulator.arrows()) {
        actions.push(Action::Send(Wish::Type(Keys::new(bytes))));
    }
}

fn typing_key(state: &mut State, key: KeyEvent, actions: &mut Vec<Action>) {
    let secret = state.waiting.as_ref().is_some_and(|waiting| waiting.secret);
    let held =
        key.modifiers.intersects(crossterm::event::KeyModifiers::CONTROL.union(crossterm::event::KeyModifiers::ALT));
    let keys = if secret {
        match key.code {
            KeyCode::Enter => Some(state.secret.send()),
            KeyCode::Backspace => {
                state.secret.pop();
                None
            }
            KeyCode::Char('u') if held => {
                state.secret.wipe();
                None
            }
            KeyCode::Char(_) if held => {
                state.secret.wipe();
                encode::key(key, Arrows::Normal).map(Keys::new)
            }
            KeyCode::Char(c) => {
                state.secret.push(c);
                None
            }
            _ => None,
        }
    } else {
        encode::key(key, Arrows::Normal).map(Keys::new)
    };
    let Some(keys) = keys else { return };
    if let Some(typing) = &mut state.typing {
        typing.entered = key.code == KeyCode::Enter;
        if let Some(until) = &mut typing.until {
            *until = state.now.saturating_add(GRACE);
        }
    }
    state.log.last();
    actions.push(Action::Send(Wish::Type(keys)));
}

fn search_key(state: &mut State, key: KeyEvent, actions: &mut Vec<Action>) {
    let Some(search) = &mut state.log.search else { return };
    match key.code {
        KeyCode::Char('u') if key.modifiers.contains(crossterm::event::KeyModifiers::CONTROL) => search.needle.clear(),
        KeyCode::Char(c) if !c.is_control() && search.needle.len() < 200 => search.needle.push(c),
        KeyCode::Backspace => {
            search.needle.pop();
        }
        _ => return,
    }
    look_again(state, actions);
}

/// Looks for the needle as it stands now, from where the search was begun.
fn look_again(state: &mut State, actions: &mut Vec<Action>) {
    let Some(search) = &mut state.log.search else { return };
    search.counted = None;
    if search.needle.is_empty() {
        search.found = Found::Nothing;
        actions.push(Action::Ask(Request::Forget));
        return;
    }
    search.found = Found::Looking;
    actions.push(Action::Ask(Request::Find {
        needle: search.needle.clone(),
        case_sensitive: search.case_sensitive(),
        from: search.origin,
        way: super::reader::Way::Down,
    }));
}

fn paste(state: &mut State, mut pasted: String, actions: &mut Vec<Action>) {
    state.touched = state.now;
    match Context::of(state) {
        Context::Typing if state.waiting.as_ref().is_some_and(|waiting| waiting.secret) => {
            for c in pasted.trim_end_matches(['\r', '\n']).chars() {
                state.secret.push(c);
            }
        }
        Context::Typing => {
            let bytes = encode::paste(&pasted, Bracketed::Plain);
            state.log.last();
            if let Some(typing) = &mut state.typing {
                typing.entered = bytes.ends_with(b"\r");
            }
            actions.push(Action::Send(Wish::Type(Keys::new(bytes))));
        }
        Context::Shell => {
            if let Some(shell) = &state.shell {
                let asked = shell.emulator.screen().bracketed_paste();
                let bracketed = if asked { Bracketed::Brackets } else { Bracketed::Plain };
                actions.push(Action::Send(Wish::Type(Keys::new(encode::paste(&pasted, bracketed)))));
            }
        }
        Context::Search => {
            if let Some(search) = &mut state.log.search {
                let room = 200_usize.saturating_sub(search.needle.len());
                search.needle.extend(pasted.chars().filter(|c| !c.is_control()).take(room));
            }
            look_again(state, actions);
        }
        Context::CompareSearch => compare::type_needle(state, &pasted.replace(char::is_control, "")),
        Context::TriageFilter => triage::type_needle(state, &pasted.replace(char::is_control, "")),
        Context::TriageType => triage::type_text(state, &pasted.replace(char::is_control, " ")),
        _ => {}
    }
    pasted.zeroize();
}

fn on_log(state: &mut State, news: LogNews, actions: &mut Vec<Action>) {
    match news {
        LogNews::Grew { lines, bytes, more } => {
            state.log.lines = lines;
            state.log.bytes = bytes;
            state.log.reading = more;
            // The last line may have changed without any line being added.
            if state
                .log
                .asked
                .is_none_or(|asked| asked.first.saturating_add(asked.count as u64) >= lines.saturating_sub(1))
            {
                state.log.asked = None;
            }
        }
        LogNews::Read { rows } => {
            // An answer that was overtaken by a newer question is still better than nothing, unless it is far away.
            if state.log.asked.is_none_or(|asked| asked.first == rows.first) || state.log.window.rows.is_empty() {
                state.log.window = rows;
            }
        }
        LogNews::Found { line } => {
            if let Some(search) = &mut state.log.search
                && search.found == Found::Looking
            {
                search.found = line.map_or(Found::Nowhere, Found::At);
                if let Some(line) = line {
                    state.log.go_to(line);
                }
            }
        }
        LogNews::FoundTrouble { line: Some(line) } => {
            state.log.selection = Some((line, line));
            state.log.go_to(line);
        }
        LogNews::FoundTrouble { line: None } => notice(state, NoticeLevel::Info, "The log shows no error or warning."),
        LogNews::Counted(counted) => {
            if let Some(search) = state.log.search.as_mut().filter(|search| matches!(search.found, Found::At(_))) {
                search.counted = Some(counted);
            }
        }
        LogNews::Copied { text, lines, whole } => {
            let rest = if whole { "." } else { "; the rest is too long for a terminal's clipboard." };
            let word = if lines == 1 { "line" } else { "lines" };
            notice(state, NoticeLevel::Info, format!("Copied {lines} {word} to your clipboard{rest}"));
            state.log.selection = None;
            actions.push(Action::Clipboard(text));
        }
        LogNews::Shell { bytes, skipped } => {
            if let Some(shell) = &mut state.shell {
                shell.emulator.feed(&bytes);
            }
            if skipped {
                notice(
                    state,
                    NoticeLevel::Warning,
                    "The shell writes faster than it can be shown; some of it was skipped.",
                );
            }
        }
        LogNews::Unreadable { because } => {
            state.log.window = Rows::default();
            notice(state, NoticeLevel::Error, format!("The log cannot be read: {because}."));
        }
    }
}

/// Brings what follows from the state up to date: sizes, the shown log, the lines that are needed.
fn settle(state: &mut State, actions: &mut Vec<Action>) {
    state.selected = state.selected.min(state.steps.len().saturating_sub(1));
    if Context::of(state) == Context::Small {
        return;
    }
    compare::settle(state);
    triage::settle(state, actions);
    let (path, from) = match state.shown_rehearsal() {
        Some(rehearsal) => (Some(rehearsal.log.clone()), rehearsal.from),
        None => (state.step().and_then(|step| step.plan.log.clone()), 0),
    };
    if state.log.show(path.as_deref(), from) {
        actions.push(Action::Ask(Request::Show { path, from }));
    }
    let log = areas(state).log;
    state.log.size = (usize::from(log.width), usize::from(log.height));
    let size = terminal_size(state);
    if state.told != Some(size) {
        state.told = Some(size);
        actions.push(Action::Send(Wish::Resize { rows: size.1, columns: size.0 }));
    }
    if let Some(shell) = &mut state.shell {
        fit_shell(shell, size);
        return;
    }
    let wanted = state.log.wanted().filter(|_| state.log.lines > 0);
    if let Some(range) = wanted.filter(|range| state.log.asked != Some(*range)) {
        state.log.asked = Some(range);
        actions.push(Action::Ask(Request::Lines(range)));
    }
}

/// Ends typing to the command and wipes what was typed.
fn end_typing(state: &mut State) {
    state.typing = None;
    state.secret.wipe();
}

/// Tells who began to type, if anybody types.
fn typing_by(state: &State) -> Option<TypingBy> {
    state.typing.map(|typing| typing.by)
}

/// Tells whether keys go to the shell.
fn in_shell(state: &State) -> bool {
    state.shell.as_ref().is_some_and(|shell| shell.focus == ShellFocus::Shell)
}

/// Commands that the mouse may give by a click on the key bar.
fn clicked(state: &mut State, command: Command, actions: &mut Vec<Action>) {
    state.touched = state.now;
    commands::run(state, command, actions);
}
