use std::path::Path;

use lino_upgrade::error::Tell;
use lino_upgrade::procedure::StepId;
use lino_upgrade::site::config::{FILE_NAME, render_commented};
use lino_upgrade::site::{CommandLine, Config, Facts, Role, StepChoice, detect};

use super::World;

fn refused(text: &str) -> String {
    Config::parse(text, Path::new("/site/lino-upgrade.toml")).unwrap_err().tell().to_string()
}

#[test]
fn all_settings_are_read() {
    let text = r#"
        [site]
        name = "prod"
        url = "https://prod.example.com"
        [commands]
        pull = "pull.sh && true"
        snapshot = ["./make_snapshot.sh", "a b"]
        [services.zope]
        stop = "stop-zope"
        [services.apache2]
        [services.nginx]
        role = "proxy"
        [steps]
        stop-services = "run"
        checkdata = "skip"
        [snapshot]
        max_row_count = 5000
        [limits]
        stuck_after_minutes = 3
    "#;
    let config = Config::parse(text, Path::new(FILE_NAME)).unwrap();
    assert_eq!(config.commands.pull, Some(CommandLine::shell("pull.sh && true")));
    assert_eq!(config.commands.of(StepId::Snapshot), Some(&CommandLine::new(["./make_snapshot.sh", "a b"])));
    let services = config.services.as_ref().unwrap();
    let names: Vec<(&str, Role)> = services.iter().map(|(name, service)| (name.as_str(), service.role)).collect();
    assert_eq!(names, [("zope", Role::Writer), ("apache2", Role::Writer), ("nginx", Role::Proxy)]);
    assert_eq!(config.choice(StepId::CheckData), StepChoice::Skip);
    assert_eq!(config.choice(StepId::StopServices), StepChoice::Run);
    assert_eq!(config.choice(StepId::Restore), StepChoice::Auto);
    assert_eq!((config.snapshot.max_row_count, config.limits.stuck_after_minutes), (Some(5000), 3));
}

#[test]
fn empty_and_missing_files_mean_the_default() {
    assert_eq!(Config::parse("", Path::new(FILE_NAME)).unwrap(), Config::default());
    assert_eq!(Config::load(Path::new("/nonexistent")).unwrap(), Config::default());
}

#[test]
fn unknown_step_is_shown_with_line_and_caret() {
    assert_eq!(
        refused("[steps]\ncheckdata = \"skip\"\n  snapshoot = \"run\"\n"),
        "Line 3 of /site/lino-upgrade.toml is wrong.
 --> lino-upgrade.toml:3:3
  |
3 |   snapshoot = \"run\"
  |   ^^^^^^^^^ unknown name `snapshoot`
Nothing was begun.
→ Did you mean `snapshot`?
→ Correct the line; `lino-upgrade init` in a directory without the file shows all settings."
    );
}

#[test]
fn wrong_type_is_shown_with_line_and_caret() {
    assert_eq!(
        refused("# a remark\n[snapshot]\nmax_row_count = \"ümany\"\n"),
        "Line 3 of /site/lino-upgrade.toml is wrong.
 --> lino-upgrade.toml:3:17
  |
3 | max_row_count = \"ümany\"
  |                 ^^^^^^^ invalid type: string \"ümany\", expected u32
Nothing was begun.
→ Correct the line; `lino-upgrade init` in a directory without the file shows all settings."
    );
}

#[test]
fn mistakes_are_named() {
    let table = [
        ("[sites]\n", "Did you mean `site`?"),
        ("[site]\nurll = \"x\"\n", "Did you mean `url`?"),
        ("[commands]\npull = 3\n", "expected a command: a line of text for the shell"),
        ("[commands]\npull = \"\"\n", "a command cannot be empty"),
        ("[commands]\npull = []\n", "a command cannot be empty"),
        ("[services.x]\nrole = \"prox\"\n", "Did you mean `proxy`?"),
        ("[services.x]\nrole = \"reader\"\n", "Possible here: writer, proxy."),
        ("[steps]\nverify-snapshot = \"skip\"\n", "the step `verify-snapshot` cannot be skipped"),
        ("[snapshot]\nmax_row_count = 0\n", "must be at least 1"),
        ("[snapshot]\ndirectory = \"../other\"\n", "must be a directory inside the site"),
        ("[site\n", "Line 1"),
        ("[site]\nname = \"a\"\nname = \"b\"\n", "duplicate key"),
    ];
    for (text, expected) in table {
        let told = refused(text);
        assert!(told.contains(expected), "{text:?}: {told}");
        assert!(told.contains('^'), "{told}");
    }
}

#[test]
fn file_that_is_no_text_is_refused() {
    let world = World::new();
    std::fs::write(world.path("prod/lino-upgrade.toml"), b"[site]\nname = \"\xff\"\n").unwrap();
    let report = world.try_find().unwrap_err().tell();
    assert!(report.excerpt.as_ref().unwrap().contains("2:9"), "{report}");
    assert!(report.to_string().contains("this is not UTF-8 text"), "{report}");
}

#[test]
fn control_characters_of_the_file_stay_harmless() {
    assert!(!refused("[site]\nname = 3 # \u{1b}[2J\n").contains('\u{1b}'));
}

/// Removes the `#` of each setting.
fn uncommented(text: &str) -> String {
    let setting = |line: &str| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).map(ToOwned::to_owned);
    text.lines().map(|line| setting(line).unwrap_or_else(|| line.to_owned()) + "\n").collect()
}

#[test]
fn written_file_changes_nothing_and_uncommented_says_what_was_found() {
    for fixture in ["getlino", "apache", "systemd", "groups"] {
        for root in [true, false] {
            let mut world = World::new();
            world.around.root = root;
            world.script("prod/make_snapshot.sh", "");
            world.script("prod/env/bin/pull.sh", "");
            world.install(fixture);
            let site = world.site();
            let found = detect(&site, &world.around).services;
            let mut facts = Facts::default();
            facts.site.title = Some("The \"site\"\nof \u{7f}ours".to_owned());
            let text = render_commented(&site, &found, Some(&facts));
            assert_eq!(Config::parse(&text, Path::new(FILE_NAME)).unwrap(), Config::default(), "{text}");

            world.write("prod/lino-upgrade.toml", &uncommented(&text));
            let again = world.site();
            assert_eq!(again.config.site.title.as_deref(), Some("The \"site\"\nof \u{7f}ours"));
            assert_eq!(
                (&again.python, &again.env_dir, &again.state_dir, &again.name),
                (&site.python, &site.env_dir, &site.state_dir, &site.name)
            );
            assert_eq!(again.pull_command(), site.pull_command());
            assert_eq!(again.snapshot_command(), site.snapshot_command());
            let mut services = detect(&again, &world.around).services;
            for (service, original) in services.iter_mut().zip(&found) {
                service.source.clone_from(&original.source);
                service.note.clone_from(&original.note);
            }
            assert_eq!(services, found, "{text}");
        }
    }
}
