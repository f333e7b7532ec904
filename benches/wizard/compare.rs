//! Comparing two large dump scripts, beside GNU `diff -y`; and the time until the first screen of it could be drawn.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lino_upgrade::compare::scripts;
use lino_upgrade::compare::sides::{Sides, State};
use lino_upgrade::dump::Script;

use super::place::{PROGRAM, scratch};
use super::table::{self, Series, below};

const ROUNDS: usize = 9;
/// Models of the site: together with their functions and row files about 150,000 lines.
const MODELS: usize = 5_200;
const FIELDS: usize = 22;
/// Of so many models one has a field renamed, another one added.
const CHANGED: usize = 7;
/// Rows of the first screen.
const SCREEN: usize = 50;

#[derive(Clone, Copy, PartialEq)]
enum Version {
    Old,
    New,
}

fn names(model: usize, version: Version) -> Vec<String> {
    let mut fields: Vec<String> = (0..FIELDS).map(|field| format!("field_{field}_of_{}", model % 97)).collect();
    if version == Version::New {
        match model % (2 * CHANGED) {
            0 => fields[model % FIELDS] = format!("other_{model}"),
            CHANGED => fields.insert(model % FIELDS, format!("new_{model}")),
            _ => {}
        }
    }
    fields
}

fn script(version: Version) -> String {
    let mut text = String::from(
        "#!/usr/bin/env python\n# This is a Python dump created using dump2py.\n\
         # DJANGO_SETTINGS_MODULE was 'settings', TIME_ZONE was 'UTC'.\n",
    );
    let number = if version == Version::Old { "25.1.1" } else { "26.9.2" };
    let _ = writeln!(text, "SOURCE_VERSION = '{number}'\nimport os\n");
    // A few models come and go.
    let here =
        |model: &usize| !(version == Version::Old && model % 900 == 1 || version == Version::New && model % 900 == 2);
    let models: Vec<usize> = (0..MODELS).filter(here).collect();
    for model in &models {
        let _ = writeln!(text, "app_Model{model} = resolve_model(\"app.Model{model}\")");
    }
    text.push('\n');
    for model in &models {
        let fields = names(*model, version);
        let _ = writeln!(text, "def create_app_model{model}(id, {}):", fields.join(", "));
        let _ = writeln!(
            text,
            "    if {0} is not None: {0} = Decimal({0})\n    kw = dict()\n    kw.update(id=id)",
            fields[1]
        );
        for field in &fields {
            let _ = writeln!(text, "    kw.update({field}={field})");
        }
        let _ = writeln!(text, "    return app_Model{model}(**kw)\n");
    }
    text.push_str("def main(args):\n    loader = DpyLoader(globals(), quick=args.quick)\n");
    for model in &models {
        let _ = writeln!(text, "    execfile(\"app_model{model}.py\", *args)");
    }
    text.push_str("    loader.finalize()\n\nif __name__ == '__main__':\n    main(args)\n");
    text
}

fn timed(command: &mut Command, expected: i32) -> Duration {
    let begun = Instant::now();
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    let time = begun.elapsed();
    assert_eq!(status.code(), Some(expected), "{command:?}");
    time
}

/// Counts the rows that can be seen: folded lines are one, noise is not shown.
fn first_screen(sides: &Sides) -> usize {
    let mut rows = 0;
    for (at, section) in sides.sections.iter().enumerate() {
        rows += 1;
        if matches!(section.state, State::Equal | State::Noise) {
            continue;
        }
        rows += sides.pairs(at).iter().filter(|pair| !pair.is_equal()).count();
        if rows >= SCREEN {
            break;
        }
    }
    rows
}

/// Measures.
pub fn run() {
    let rounds = super::rounds(ROUNDS);
    let (old, new) = (script(Version::Old), script(Version::New));
    let place = scratch();
    let (old_file, new_file) = (place.path().join("old.py"), place.path().join("new.py"));
    fs::write(&old_file, &old).unwrap();
    fs::write(&new_file, &new).unwrap();
    let lines = [old.lines().count(), new.lines().count()];
    table::heading(&format!("compare: scripts of {} and {} lines, {rounds} rounds", lines[0], lines[1]));
    let diff = |options: &[&str], old: &Path, new: &Path| {
        let mut command = Command::new("diff");
        command.args(["-y", "-W", "200"]).args(options).args([old, new]);
        command
    };
    if Command::new("diff").arg("--version").stdout(Stdio::null()).status().is_err() {
        println!("  left out: there is no diff");
        return;
    }
    let [mut whole, mut short, mut ours, mut read, mut compared, mut first, mut all]: [Series; 7] = Default::default();
    for _ in 0..rounds {
        whole.push_time(timed(&mut diff(&[], &old_file, &new_file), 1));
        let mut command = Command::new(PROGRAM);
        command.env("COLUMNS", "200").args(["compare", "--text"]).args([&old_file, &new_file]);
        ours.push_time(timed(&mut command, 1));
        short.push_time(timed(&mut diff(&["--suppress-common-lines"], &old_file, &new_file), 1));
        let begun = Instant::now();
        let (before, after) = (Script::read(&old), Script::read(&new));
        read.push_time(begun.elapsed());
        let begun = Instant::now();
        let found = scripts::compare(&before, &after);
        compared.push_time(begun.elapsed());
        assert!(found.left_out.is_empty(), "{:?}", found.left_out);
        let begun = Instant::now();
        let sides = Sides::new((&old, &before), (&new, &after));
        assert!(first_screen(&sides) >= SCREEN);
        first.push_time(begun.elapsed());
        let begun = Instant::now();
        let sides = Sides::new((&old, &before), (&new, &after));
        let rows: usize = (0..sides.sections.len()).map(|at| sides.pairs(at).len()).sum();
        assert!(rows >= lines[0]);
        all.push_time(begun.elapsed());
    }
    let row = |name: &str, series: &Series, goal: String| {
        let ratio = format!("{:.2}", series.ratio(&whole));
        vec![name.to_owned(), series.show(1e3, 1), ratio, goal]
    };
    let goal = format!("not above 1: {}", below(ours.ratio(&whole), 1.0));
    let soon = format!("below 50 ms: {}", below(first.median(), 0.05));
    table::print(
        &["", "milliseconds (least to most)", "of diff -y", "goal"],
        &[
            row("GNU diff -y -W 200", &whole, String::new()),
            row("  with all lines suppressed that both have", &short, String::new()),
            row("lino-upgrade compare --text", &ours, goal),
            row("  of which reading both scripts, one after the other", &read, String::new()),
            row("  of which comparing the models", &compared, String::new()),
            row("the first screen, when both are read", &first, soon),
            row("all lines of all parts", &all, String::new()),
        ],
    );
}
