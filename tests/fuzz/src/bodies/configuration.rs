//! What is read as configuration, or as what a program of ours wrote: the settings of the operator, facts, evidence, states
//! of commands, and files of the system that name services.
//!
//! The first byte chooses.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};

use assert_fs::TempDir;
use lino_upgrade::compare::{Evidence, Models};
use lino_upgrade::procedure::{Knowledge, LastRehearsal, StepId};
use lino_upgrade::runner::{CommandSpec, CommandState, RunnerEvent, state_on_disk};
use lino_upgrade::site::facts::Answers;
use lino_upgrade::site::{Config, ConfigError, Facts, Site, Surroundings, config, detect, editable, local_path, quote};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::decisions::caret;
use super::{choice, is_calm};

pub fn run(mut data: &[u8]) {
    let kind = choice(&mut data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    match kind % 10 {
        0 => settings(text),
        1 => services_of_the_system(text),
        2 => round::<Facts>(text),
        3 => round::<Evidence>(text),
        4 => round::<Knowledge>(text),
        5 => round::<CommandSpec>(text),
        6 => round::<RunnerEvent>(text),
        7 => record(text),
        8 => round::<LastRehearsal>(text),
        _ => packages(text),
    }
}

fn settings(text: &str) {
    let path = Path::new("/site/lino-upgrade.toml");
    match Config::parse(text, path) {
        Ok(config) => {
            assert_eq!(Config::parse(text, path).ok().as_ref(), Some(&config));
            let inside = &config.snapshot.directory;
            assert!(inside.is_relative() && !inside.starts_with(".."), "{}", inside.display());
            for step in StepId::ALL {
                let _ = (config.choice(step), config.commands.of(step).map(ToString::to_string));
            }
            commented(config);
        }
        Err(ConfigError::Wrong { line, column, message, excerpt, hint, .. }) => {
            let there = text.split('\n').nth(line - 1).unwrap_or_else(|| panic!("there is no line {line}"));
            assert!((1..=there.chars().count() + 1).contains(&column), "{column} in {there:?}");
            assert!(is_calm(&message, &[]), "{message:?}");
            assert!(hint.is_none_or(|hint| is_calm(&hint, &[])));
            caret(&excerpt, &message);
        }
        Err(error) => panic!("{error}"),
    }
}

fn site(config: Config) -> Site {
    Site {
        dir: "/srv/site".into(),
        shown: "/srv/site".into(),
        name: config.site.name.clone().unwrap_or_else(|| "site".to_owned()),
        python: config.site.python.clone().unwrap_or_else(|| "/srv/site/env/bin/python".into()),
        env_dir: config.site.env.clone().unwrap_or_else(|| "/srv/site/env".into()),
        manage_py: "/srv/site/manage.py".into(),
        make_snapshot: None,
        pull: None,
        config,
        config_file: None,
        state_dir: "/srv/site/.lino-upgrade".into(),
        environment: BTreeMap::new(),
        answers: Answers::default(),
    }
}

fn around(system: &Path) -> Surroundings {
    let none = None::<PathBuf>;
    Surroundings {
        virtual_env: none.clone(),
        path: Vec::new(),
        user_state: none,
        root: true,
        system: system.to_owned(),
    }
}

/// The file that `init` writes is read again; with its settings switched on it says what was found.
fn commented(config: Config) {
    let site = site(config);
    let found = detect(&site, &around(Path::new("/nowhere")));
    let text = config::render_commented(&site, &found.services, None);
    assert!(is_calm(&text, &['\n']), "{text:?}");
    let path = Path::new("lino-upgrade.toml");
    assert_eq!(Config::parse(&text, path).ok(), Some(Config::default()));
    let switched_on = |line: &str| match line.strip_prefix('#') {
        Some(setting) if !setting.starts_with(' ') => setting.to_owned(),
        _ => line.to_owned(),
    };
    let text: String = text.lines().map(|line| switched_on(line) + "\n").collect();
    let again = Config::parse(&text, path).unwrap_or_else(|error| panic!("{error} in\n{text}"));
    assert_eq!(again.site.name.as_deref(), Some(site.name.as_str()));
    assert_eq!(again.snapshot.directory, site.config.snapshot.directory);
    for (name, service) in site.config.services.iter().flatten() {
        let same = again.services.iter().flatten().find(|(other, _)| other == name).expect("every service is there");
        assert_eq!(service.stop.as_ref().or(same.1.stop.as_ref()), same.1.stop.as_ref());
    }
}

/// What is written of a value is read again as that value.
fn round<T: Serialize + DeserializeOwned + PartialEq + Debug>(text: &str) {
    let Ok(value) = serde_json::from_str::<T>(text) else { return };
    let written = serde_json::to_string(&value).unwrap();
    let again: T = serde_json::from_str(&written).unwrap_or_else(|error| panic!("{error}: {written}"));
    assert_eq!(again, value);
}

thread_local! {
    static DIR: RefCell<Option<TempDir>> = const { RefCell::new(None) };
}

fn with_dir(work: impl FnOnce(&Path)) {
    DIR.with_borrow_mut(|dir| {
        let dir = dir.get_or_insert_with(|| {
            let dir = TempDir::new().unwrap();
            for path in ["etc/supervisor/conf.d", "etc/apache2/sites-enabled", "etc/cron.d", "etc/systemd/system"] {
                fs::create_dir_all(dir.path().join(path)).unwrap();
            }
            fs::create_dir_all(dir.path().join("run/systemd/system")).unwrap();
            fs::create_dir_all(dir.path().join("commands")).unwrap();
            fs::create_dir_all(dir.path().join("lib/python3/site-packages/a.dist-info")).unwrap();
            fs::create_dir_all(dir.path().join("site")).unwrap();
            fs::write(dir.path().join("site/manage.py"), "").unwrap();
            dir
        });
        work(dir.path());
    });
}

fn services_of_the_system(text: &str) {
    with_dir(|dir| {
        let files =
            ["supervisor/conf.d/a.conf", "apache2/sites-enabled/a.conf", "cron.d/a", "systemd/system/a.service"];
        let real = dir.join("site").canonicalize().unwrap();
        let text = text.replace("@SITE@", &real.display().to_string());
        for file in files {
            fs::write(dir.join("etc").join(file), &text).unwrap();
        }
        let mut site = site(Config::default());
        (site.dir, site.shown) = (real.clone(), real);
        let found = detect(&site, &around(dir));
        assert_eq!(found, detect(&site, &around(dir)));
        for service in &found.services {
            for command in [&service.status, &service.stop, &service.start] {
                let words = command.argv();
                assert!(words.iter().all(|word| !word.is_empty() && !word.contains('\n')), "{words:?}");
                let _ = quote(&command.to_string());
            }
        }
    });
}

/// A record that a runner wrote, or that a full disk or a joker left.
fn record(text: &str) {
    round::<CommandState>(text);
    with_dir(|dir| {
        fs::write(dir.join("commands/1.json"), text).unwrap();
        let state = state_on_disk(dir, 1);
        assert!(!matches!(state, CommandState::Running { .. }), "no runner lives here");
        assert_eq!(state_on_disk(dir, 2), CommandState::Unknown);
    });
}

/// What pip and setuptools note of working copies.
fn packages(text: &str) {
    let _ = local_path(text);
    round::<Models>(text);
    with_dir(|dir| {
        let packages = dir.join("lib/python3/site-packages");
        fs::write(packages.join("a.dist-info/direct_url.json"), text).unwrap();
        fs::write(packages.join("b.egg-link"), text).unwrap();
        let found = editable(dir).unwrap();
        assert!((1..=2).contains(&found.len()), "{found:?}");
    });
}
