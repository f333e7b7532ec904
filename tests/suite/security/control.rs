//! Control sequences: what programs print, what dumps and logs hold and how files are called never steers the terminal.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use assert_fs::TempDir;
use lino_upgrade::site::quote;
use serde_json::Value;

use crate::shop::{PROGRAM, Shop, without_pip_settings};
use crate::tmux::Tmux;

/// Whatever can do harm, ended and unended, in 7 and 8 bits, with a word by which it is known when it gets through.
const HOSTILE: &[u8] =
    b"\x1b]52;c;SEFDS0VE\x07\x1b]0;HACKED\x07\x1b]2;HACKED\x1b\\\x1bP+q544e\x1b\\\x1b[?1049l\x1b[?25h\
    \x1b[2J\x1b[6n\x1b[c\x1b[3;7H\x1bc\x1b#8\x1b_HACKED\x1b\\\x9b2J\x9d0;HACKED\x9c\xc2\x9b2J\xc2\x9d0;x\xc2\x9c\
    \xe2\x80\xae\xe2\x81\xa6\xe2\x80\x8f\x7f\x08\x08\x0e\x0f\x05\x1b[31m";

/// The same without what no file name and no text of JSON can hold.
fn hostile_text() -> String {
    String::from_utf8_lossy(HOSTILE).replace('\u{fffd}', "")
}

/// Returns what in the output of a terminal steers it and is not among `known`, of which any number may come.
fn powers(bytes: &[u8], known: &dyn Fn(&str) -> bool) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let mut found = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if c == '\u{1b}' {
            let mut sequence = String::new();
            if rest.next_if_eq(&'[').is_some() {
                sequence.push('[');
                while let Some(next) = rest.next_if(|next| (' '..='?').contains(next)) {
                    sequence.push(next);
                }
            }
            sequence.extend(rest.next());
            if !known(&sequence) {
                found.push(format!("ESC {sequence:?}"));
            }
        } else if !matches!(c, '\r' | '\n' | '\t') && steers(c) {
            found.push(format!("{c:?}"));
        }
    }
    found
}

/// Controls in 7 and 8 bits, and what turns the direction of text.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Colours alone.
fn is_colour(sequence: &str) -> bool {
    let numbers = sequence.strip_prefix('[').and_then(|rest| rest.strip_suffix('m'));
    numbers.is_some_and(|numbers| numbers.bytes().all(|byte| byte.is_ascii_digit() || byte == b';'))
}

/// What the wizard draws with: colours, places, clearing, and its own screen, mouse and paste, taken and given back.
fn is_drawing(sequence: &str) -> bool {
    let place = sequence.strip_prefix('[').and_then(|rest| rest.strip_suffix('H'));
    is_colour(sequence)
        || place.is_some_and(|place| place.bytes().all(|byte| byte.is_ascii_digit() || byte == b';'))
        || ["[2J", "[?25l", "[?25h", "[?1049h", "[?1049l", "[?2004h", "[?2004l"].contains(&sequence)
        || ["1000", "1002", "1006"]
            .iter()
            .any(|mode| [format!("[?{mode}h"), format!("[?{mode}l")].contains(&sequence.to_owned()))
}

/// Returns what `script` has recorded, without what it adds itself.
fn recorded(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).unwrap();
    let begin = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let end = memchr::memmem::rfind(&bytes, b"\nScript done").unwrap_or(bytes.len());
    bytes[begin..end].to_vec()
}

/// Runs `lino-upgrade WORDS` in a terminal, and returns all that it sent there.
fn in_terminal(dir: &Path, words: &[&Path]) -> Vec<u8> {
    let typescript = dir.join("typescript");
    let line = words.iter().fold(OsString::from(PROGRAM), |mut line, word| {
        line.push(" ");
        let word = word.as_os_str().as_bytes();
        line.push(OsString::from_vec([b"'", word.replace_quotes().as_slice(), b"'"].concat()));
        line
    });
    let mut command = Command::new("script");
    command
        .args(["-q", "-f", "-c"])
        .arg(line)
        .arg(&typescript)
        .env("LC_ALL", "C.UTF-8")
        .env("TERM", "xterm-256color")
        .env("SHELL", "/bin/sh")
        .env_remove("NO_COLOR")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    without_pip_settings(&mut command);
    assert!(command.status().unwrap().success());
    recorded(&typescript)
}

trait ReplaceQuotes {
    fn replace_quotes(&self) -> Vec<u8>;
}

impl ReplaceQuotes for [u8] {
    fn replace_quotes(&self) -> Vec<u8> {
        self.iter().flat_map(|byte| if *byte == b'\'' { b"'\\''".to_vec() } else { vec![*byte] }).collect()
    }
}

/// Runs it without a terminal; returns what it printed and said.
fn in_pipes(words: &[&Path]) -> [Vec<u8>; 2] {
    let mut command = Command::new(PROGRAM);
    command.args(words).env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    let output = command.output().unwrap();
    [output.stdout, output.stderr]
}

/// A dump in which every name and value is hostile, of rows `1..=rows`.
fn dump(dir: &Path, rows: usize, field: &str) {
    fs::create_dir_all(dir).unwrap();
    let hostile = hostile_text();
    let script = format!(
        "# This is a Python dump created using dump2py.\n# DJANGO_SETTINGS_MODULE was 'a{hostile}', TIME_ZONE was 'UTC'.\n\
         SOURCE_VERSION = '1{hostile}'\nshop_Note = resolve_model(\"shop.Note{hostile}\")\n\
         shop_Tag = resolve_model(\"shop.Tag\")\n\n\
         def create_shop_note(id, {field}):\n    kw = dict()\n    kw.update(id=id)\n    kw.update({field}={field})\n    \
         return shop_Note(**kw)\n\n\
         def create_shop_tag{rows}(id, {hostile}):\n    return shop_Tag(**kw)\n\n\
         def main(args):\n    loader = DpyLoader(globals(), quick=args.quick)\n    \
         execfile(\"shop_note.py\", *args)\n    execfile(\"shop_gone{hostile}.py\", *args)\n    {hostile}\n    \
         loader.finalize()\n"
    );
    fs::write(dir.join("restore.py"), script).unwrap();
    let rows = (1..=rows).fold(String::new(), |mut text, row| {
        writeln!(text, "loader.save(create_shop_note('k{row}{hostile}','v{hostile}{field}'))").unwrap();
        text
    });
    let head = "# -*- coding: UTF-8 -*-\nlogger.info(\"Loading 9 objects to table shop_note...\")\n# fields: id, x\n";
    fs::write(dir.join("shop_note.py"), format!("{head}{rows}{hostile}(\n")).unwrap();
    fs::write(dir.join(format!("x{}.py", hostile.replace('/', ""))), &rows).unwrap();
}

#[test]
fn no_subcommand_prints_what_steers_the_terminal_whatever_it_reads_and_however_files_are_called() {
    let home = TempDir::new().unwrap();
    let hostile = home.path().join(OsString::from_vec(HOSTILE.to_vec()));
    let (old, new) = (hostile.join("old"), hostile.join("new"));
    dump(&old, 3, "one");
    dump(&new, 2, "other");
    let (log, zip, broken) = (hostile.join("restore.log"), hostile.join("snapshot.zip"), hostile.join("broken.zip"));
    let text = hostile_text();
    let log_text = format!(
        "Source version is 1{text} : no migration needed\n`initdb ` started on database {text}.\n\
         Loading 3 objects to table shop_note...\nDeferred Note #k1{text} ('{text}') : {{'one': ['{text}']}}\n\
         Abandoning with 2 unsaved instances:\n- shop.Note{text} {{'one': ['Bad {text}']}} (1 object(s) with primary key \
         k1{text})\n- shop.Note {{'one{text}': ['Worse']}} (1 object(s) with primary key k2{text})\nTraceback (most recent \
         call last):\n  File \"{text}\", line 1, in <module>\nValueError: {text}\n"
    );
    fs::write(&log, [log_text.as_bytes(), HOSTILE].concat()).unwrap();
    let status = Command::new("python3").args(["-m", "zipfile", "-c"]).arg(&zip).arg(&old).status().unwrap();
    assert!(status.success());
    fs::write(&broken, HOSTILE).unwrap();
    let site = hostile.join("site");
    fs::create_dir_all(site.join("env/bin")).unwrap();
    fs::write(site.join("manage.py"), "").unwrap();
    let damaged = hostile.join("damaged");
    fs::create_dir_all(damaged.join("env/bin")).unwrap();
    fs::write(damaged.join("manage.py"), "").unwrap();
    fs::write(
        damaged.join("lino-upgrade.toml"),
        format!("[site]\nname = \"{}\"\n\"{}\" = 1\n", "x", "\\u001b]0;HACKED\\u0007\\u009b"),
    )
    .unwrap();
    let missing = hostile.join("missing");
    let p = Path::new;
    let commands: Vec<Vec<&Path>> = vec![
        vec![p("verify"), &old],
        vec![p("verify"), &old, p("--json")],
        vec![p("verify"), &zip],
        vec![p("verify"), &broken],
        vec![p("verify"), &missing],
        vec![p("compare"), &old, &new],
        vec![p("compare"), &old, &new, p("--json")],
        vec![p("compare"), &old, &missing],
        vec![p("account"), &old, &new, p("--all")],
        vec![p("account"), &old, &new, p("--json")],
        vec![p("account"), &old, &missing],
        vec![p("triage"), &log, p("--snapshot"), &old],
        vec![p("triage"), &log, p("--snapshot"), &old, p("--json")],
        vec![p("triage"), &missing, p("--snapshot"), &missing],
        vec![p("report"), p("--log"), &log, p("--snapshot"), &old, p("--with-values")],
        vec![p("report"), p("--log"), &log, p("--snapshot"), &old],
        vec![p("report"), p("--log"), &log, p("--snapshot"), &old, p("--html"), p("-"), p("--with-values")],
        vec![p("--site"), &site, p("check")],
        vec![p("--site"), &missing, p("check")],
        vec![p("--site"), &damaged, p("check")],
        vec![p("--site"), &damaged, p("status"), p("--json")],
        vec![p("verify"), &old, &hostile],
        vec![&hostile],
        vec![p("--site"), &site, p("history")],
        vec![p("--site"), &site, p("undo")],
        vec![p("--site"), &site, p("rehearse")],
        vec![p("--site"), &site, p("init")],
        vec![p("--site"), &site, p("run"), p("--headless"), p("--decisions"), &missing],
    ];
    let mut found = Vec::new();
    for words in commands {
        let shown = words.iter().map(|word| word.display().to_string().replace(&*hostile.to_string_lossy(), "H"));
        let shown = shown.collect::<Vec<_>>().join(" ");
        let sent = in_terminal(home.path(), &words);
        assert!(!sent.is_empty(), "{shown}");
        let [printed, said] = in_pipes(&words);
        for (where_to, bytes) in [("terminal", &sent), ("output", &printed), ("errors", &said)] {
            let powers = powers(bytes, &is_colour);
            if !powers.is_empty() {
                let text = String::from_utf8_lossy(bytes).escape_debug().to_string();
                found.push(format!("{shown}, {where_to}: {powers:?} in {text}"));
            }
        }
        if words.contains(&p("--json")) && !printed.is_empty() {
            serde_json::from_slice::<Value>(&printed).unwrap();
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n\n"));
}

/// A site that prints what it should not, and whose data and names hold it.
fn hostile_shop() -> Shop {
    let shop = Shop::light_on("sqlite", "short_name");
    super::web_starts(&shop);
    fs::write(shop.dir.join("hostile"), HOSTILE).unwrap();
    for (script, before) in [("web.sh", "stop() {\n"), ("pull.sh", "echo \"This upgrades")] {
        let path = shop.dir.join(script);
        let text = fs::read_to_string(&path).unwrap();
        let line = "echo before; cat hostile; echo after; cat hostile >&2\n";
        let new = if script == "web.sh" { format!("{before}{line}") } else { format!("{line}{before}") };
        assert!(text.contains(before));
        fs::write(&path, text.replacen(before, &new, 1)).unwrap();
    }
    let ask = shop.dir.join("ask.sh");
    // What is unended stands right before the question.
    let script = "#!/bin/bash\ncat hostile\nread -r -p $'Name\\e]0;HACKED\\a\\xc2\\x9b2J\\xe2\\x80\\xae of the fake? ' x\n\
                  printf '\\e]0;HACKED'\nexec ./web.sh stop\n";
    fs::write(&ask, script).unwrap();
    fs::set_permissions(&ask, PermissionsExt::from_mode(0o755)).unwrap();
    let name = "name = \"shop\\u001b]0;HACKED\\u0007\\u009b2J\\u202e\"\nurl = ";
    shop.configure(&[("url = ", name), ("stop = \"./web.sh stop\"", "stop = \"./ask.sh\"")]);
    let text = serde_json::to_string(&hostile_text()).unwrap();
    shop.query(&format!(
        "cursor.execute('update shop_partner set name = %s where id in (1, 2)', ['Long ' + {text}[:100]])\n\
         cursor.execute('update shop_setting set value = %s where id = 1', [{text}[:60]])\n"
    ));
    shop
}

/// Opens the wizard on a hostile site, and goes by keys until the services are stopped; all that it sends is recorded.
fn wizard(home: &TempDir, shop: &Shop) -> (Tmux, PathBuf) {
    let typescript: PathBuf = home.path().join("typescript");
    let program = format!("{PROGRAM} --site {}", shop.dir.display());
    let line = format!("exec script -q -f -c {} {}", quote(&program), quote(&typescript.to_string_lossy()));
    let tmux = Tmux::open(home.path(), None, (120, 36), &line);
    tmux.shows(&["Press Enter to begin with step 1"]);
    tmux.keys(&["Enter"]);
    tmux.shows(&["Take the site down now?"]);
    tmux.keys(&["y"]);
    tmux.shows(&["of the fake?", "waits for your answer:"]);
    tmux.text("anna");
    tmux.keys(&["Enter"]);
    tmux.shows(&["Do you have a snapshot", "waits for your answer:"]);
    (tmux, typescript)
}

/// Fails when anything went to the terminal that the wizard does not draw with.
fn assert_only_drawn(typescript: &Path, shop: &Shop) {
    let sent = recorded(typescript);
    // By this the wizard itself calls the operator.
    let calls = ["The command waits for your answer.", "A question needs you.", "The run is over."];
    let without = |text: String, call: &str| text.replace(&format!("\u{7}\u{1b}]9;lino-upgrade: {call}\u{7}"), "");
    let sent = calls.into_iter().fold(String::from_utf8_lossy(&sent).into_owned(), without).into_bytes();
    assert_eq!(powers(&sent, &is_drawing), Vec::<String>::new());
    // The screen was taken once and given back once, in the end.
    for mode in [b"\x1b[?1049h", b"\x1b[?1049l"] {
        assert_eq!(memchr::memmem::find_iter(&sent, mode).count(), 1);
    }
    // The log has what was printed, byte by byte.
    let mut logs = super::below(&shop.dir.join(".lino-upgrade/logs")).into_iter().map(|path| fs::read(path).unwrap());
    assert!(logs.any(|log| memchr::memmem::find(&log, b"\x1b]52;c;SEFDS0VE\x07").is_some()));
}

#[test]
fn the_wizard_sends_only_what_it_draws_itself_to_the_terminal() {
    let (home, shop) = (TempDir::new().unwrap(), hostile_shop());
    let (tmux, typescript) = wizard(&home, &shop);
    tmux.keys(&["n"]);
    tmux.shows(&["Step 6 was interrupted"]);
    tmux.keys(&["q"]);
    tmux.ends();
    assert_only_drawn(&typescript, &shop);
}

#[test]
#[ignore = "takes a minute; tests/run --full asks for it"]
fn matrix_the_wizard_sends_only_what_it_draws_itself_on_all_its_screens() {
    let (home, shop) = (TempDir::new().unwrap(), hostile_shop());
    let (tmux, typescript) = wizard(&home, &shop);
    tmux.keys(&["y"]);
    tmux.shows(&["Rows are in the way of the restore", "s    skip"]);
    tmux.keys(&["d"]);
    tmux.shows(&["Compare · snapshot", "shop.Partner.name"]);
    tmux.keys(&["Down", "Enter", "Down"]);
    tmux.keys(&["Escape"]);
    tmux.shows(&["s    skip"]);
    tmux.keys(&["r"]);
    tmux.shows(&["Are you sure", "waits for your answer:"]);
    tmux.keys(&["y", "Enter"]);
    tmux.shows(&["rows were not saved", "t    Look at the rows"]);
    tmux.keys(&["t"]);
    tmux.shows(&["Triage · restore", "shop.Partner"]);
    tmux.keys(&["Enter", "Down", "Down"]);
    tmux.keys(&["Escape"]);
    tmux.shows(&["w    wait"]);
    tmux.keys(&["w"]);
    tmux.shows(&["was interrupted"]);
    tmux.keys(&["u"]);
    tmux.shows(&["Begin. You can stop"]);
    tmux.keys(&["n"]);
    tmux.shows(&["Step 10 was interrupted", "q quit"]);
    tmux.keys(&["q"]);
    tmux.ends();
    assert_only_drawn(&typescript, &shop);
    the_command_line_cleans_what_the_site_says(&shop, home.path());
}

fn the_command_line_cleans_what_the_site_says(shop: &Shop, home: &Path) {
    let p = Path::new;
    let site = [p("--site"), &shop.dir];
    let commands: [&[&Path]; 9] = [
        &[p("check")],
        &[p("check"), p("--json")],
        &[p("status")],
        &[p("status"), p("--json")],
        &[p("history")],
        &[p("undo"), p("--plan")],
        &[p("verify"), p("snapshot-of-the-site")],
        &[p("rehearse")],
        &[p("report"), p("--with-values")],
    ];
    let snapshot = shop.dir.join("snapshot");
    let mut found = Vec::new();
    for words in commands {
        let words: Vec<&Path> = site
            .into_iter()
            .chain(words.iter().map(|word| if *word == p("snapshot-of-the-site") { &*snapshot } else { word }))
            .collect();
        let sent = in_terminal(home, &words);
        // A line of progress is written over.
        let known = |sequence: &str| is_colour(sequence) || sequence == "[K";
        let powers = powers(&sent, &known);
        if !powers.is_empty() {
            found.push(format!("{words:?}: {powers:?} in {}", String::from_utf8_lossy(&sent).escape_debug()));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n\n"));
}
