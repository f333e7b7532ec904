use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use lino_upgrade::error::Tell;
use lino_upgrade::site::facts::{FactsError, ask, connection};
use lino_upgrade::site::{Engine, Site};

use super::World;

/// A site whose python answers the first question with a file and the second with a line.
fn answering(world: &World, facts: &str, line: &str) -> Site {
    world.write("facts.json", facts);
    world.write("line", line);
    world.script(
        "prod/env/bin/python",
        &format!(
            "#!/bin/sh\nif [ \"$3\" = --connection ]; then cat {0}/line; else cp {0}/facts.json \"$3\"; fi\n",
            world.base().display()
        ),
    );
    let site = world.site();
    // Without it a question creates nothing in the site.
    site.prepare_state_dir().unwrap();
    site
}

fn left_behind(world: &World) -> usize {
    std::fs::read_dir(world.path("prod/.lino-upgrade")).map_or(0, Iterator::count)
}

const FACTS: &str = r#"{"format": 1, "django": "5.2", "lino": "25.1.6", "future": {"x": 1},
  "site": {"name": "Lino Noi", "version": "25.1.1", "settings_module": "prod.settings", "languages": ["en", "de"]},
  "database": {"engine": "postgresql", "backend": "b", "name": "prod", "host": "db", "server_version": "15.14 (Debian)"},
  "models": [
    {"model": "a.Normal", "table": "a_normal", "managed": true, "proxy": false, "pk": "id", "pk_column": "id",
     "fields": [{"name": "x", "attname": "x_id", "column": "x_id", "choices": [["1", "one"], [2, null]]}]},
    {"model": "a.Proxy", "table": "a_normal", "managed": true, "proxy": true},
    {"model": "a.Normal_tags", "table": "a_normal_tags", "managed": true, "auto_created": true},
    {"model": "sessions.Session", "table": "django_session", "managed": true}
  ], "skipped_in_dump": ["sessions.Session"], "commands": ["dump2py"]}"#;

#[tokio::test]
async fn facts_are_read_and_leave_no_files() {
    let world = World::with_tools();
    let facts = ask(&answering(&world, FACTS, "")).await.unwrap();
    let names = |models: Vec<&lino_upgrade::site::facts::ModelFacts>| -> Vec<String> {
        models.iter().map(|model| model.model.clone()).collect()
    };
    assert_eq!(names(facts.dumped_models().collect()), ["a.Normal"]);
    assert_eq!(names(facts.undumped_models().collect()), ["a.Normal_tags", "sessions.Session"]);
    assert_eq!(facts.version(), "25.1.1");
    assert_eq!(facts.database_line(), "PostgreSQL 15.14, prod on db");
    assert!(facts.offers("dump2py") && !facts.offers("buildindexes"));
    assert_eq!(left_behind(&world), 0);
}

#[tokio::test]
async fn broken_settings_are_told_with_file_and_line() {
    let world = World::with_tools();
    let site = world.path("prod");
    let traceback = format!(
        "Traceback (most recent call last):\n  File \"{0}/.lino-upgrade/ask/facts.py\", line 76, in at_stage\n  File \
         \"{0}/env/lib/python3.11/site-packages/django/conf/__init__.py\", line 98, in __getattr__\n  File \
         \"{0}/settings.py\", line 12, in <module>\n    DEBUG = Flase\n  File \"{0}/env/lib/x.py\", line \
         3\nNameError: name 'Flase' is not defined\n",
        site.display()
    );
    let json = serde_json::json!({"format": 1, "installed": {"lino": "25.1.6"}, "error":
        {"stage": "settings", "exception": "NameError", "message": "name 'Flase' is not defined", "traceback": traceback}});
    let error = ask(&answering(&world, &json.to_string(), "")).await.unwrap_err();
    let report = error.tell();
    assert_eq!(
        report.what,
        format!(
            "Lino does not start, at line 12 of {}/settings.py: NameError: name 'Flase' is not defined.",
            site.display()
        )
    );
    assert_eq!(
        report.next.first().unwrap(),
        &format!("Look at line 12 of {}/settings.py and correct it.", site.display())
    );
    let FactsError::Refused(refusal) = error else { panic!("{error:?}") };
    assert_eq!(refusal.facts.installed.get("lino").map(String::as_str), Some("25.1.6"));
    assert!(!refusal.wants_packages());
}

#[tokio::test]
async fn a_mistake_beside_the_password_does_not_tell_it() {
    let world = World::with_tools();
    let settings = "DATABASES = {'default': {\n    'USER': 'shop', 'PASSWORD': 'Wintergarten' 7,\n}}\n";
    let script = format!(
        "import sys\nsource = {settings:?}\nimport linecache\n\
         linecache.cache['settings.py'] = (len(source), None, source.splitlines(True), 'settings.py')\n\
         compile(source, 'settings.py', 'exec')\n"
    );
    let output = std::process::Command::new("python3").args(["-c", &script]).output().unwrap();
    let traceback = String::from_utf8(output.stderr).unwrap();
    assert!(traceback.contains("Wintergarten"), "{traceback}");
    let json = serde_json::json!({"format": 1, "error":
        {"stage": "settings", "exception": "SyntaxError", "message": "invalid syntax", "traceback": traceback}});
    let told = ask(&answering(&world, &json.to_string(), "")).await.unwrap_err().tell().to_string();
    assert!(told.contains("'PASSWORD…") && !told.contains("Wintergarten"), "{told}");
}

#[tokio::test]
async fn missing_packages_are_recognised() {
    let world = World::with_tools();
    let json = serde_json::json!({"format": 1, "error":
        {"stage": "models", "exception": "ModuleNotFoundError", "message": "No module named 'lino_extjs'", "traceback": ""}});
    let error = ask(&answering(&world, &json.to_string(), "")).await.unwrap_err();
    assert!(error.tell().next.first().unwrap().contains("The Python module lino_extjs is missing"), "{}", error.tell());
    let FactsError::Refused(refusal) = error else { panic!("{error:?}") };
    assert!(refusal.wants_packages());
}

#[tokio::test]
async fn connection_is_found_among_what_the_site_prints() {
    let world = World::with_tools();
    let line = "hello from settings\n\n@lino-upgrade-connection {\"format\": 1, \"engine\": \"postgresql\", \"backend\": \
                \"b\", \"name\": \"prod\", \"host\": null, \"port\": null, \"user\": \"lino\", \"password\": \"secret\", \
                \"socket\": \"/run/postgresql\", \"options\": {}}\n";
    let found = connection(&answering(&world, "", line)).await.unwrap();
    assert_eq!((found.engine, found.name.as_str(), found.user.as_deref()), (Engine::Postgres, "prod", Some("lino")));
    assert!(found.password.is_some());
    assert!(!format!("{found:?}").contains("secret"));
}

#[tokio::test]
async fn password_does_not_show_in_an_error_about_the_connection() {
    let world = World::with_tools();
    let line = "@lino-upgrade-connection {\"engine\": 7, \"password\": \"secret\"}\n";
    let error = connection(&answering(&world, "", line)).await.unwrap_err();
    assert!(!format!("{error:?} {}", error.tell()).contains("secret"), "{error:?}");
}

#[tokio::test]
async fn python_that_dies_is_told_with_its_last_words() {
    let world = World::with_tools();
    world.script("prod/env/bin/python", "#!/bin/sh\necho \"\\033[31mboom\" >&2\nkill -11 $$\n");
    let report = ask(&world.site()).await.unwrap_err().tell();
    assert_eq!(report.what, "The site's Python ended with signal 11 and gave no answer.");
    assert_eq!(report.excerpt.as_deref(), Some("\u{fffd}[31mboom"));
}

#[tokio::test]
async fn a_cancelled_question_ends_everything_it_started() {
    let world = World::with_tools();
    let pid = world.path("pid");
    let text = format!("#!/bin/sh\nsh -c 'echo $$ > {}; sleep 600'\n", pid.display());
    world.script("prod/env/bin/python", &text);
    let site = world.site();
    let started = Instant::now();
    let asking = tokio::spawn(async move { ask(&site).await.map(|_| ()) });
    let number = loop {
        match std::fs::read_to_string(&pid) {
            Ok(text) if text.ends_with('\n') => break text.trim().to_owned(),
            _ => tokio::time::sleep(Duration::from_millis(10)).await,
        }
        assert!(started.elapsed() < Duration::from_secs(20));
    };
    asking.abort();
    let _ = asking.await;
    let state = || std::fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
    while !(state().is_empty() || state().contains(") Z ")) {
        assert!(started.elapsed() < Duration::from_secs(20), "{}", state());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(left_behind(&world), 0);
}

/// What the script really said on real sites.
#[tokio::test]
async fn answers_of_real_sites_are_read() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/facts");
    let paths: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    let answers: Vec<_> = paths.iter().filter(|path| path.extension().is_some_and(|ext| ext == "json")).collect();
    assert!(answers.len() >= 6, "{answers:?}");
    for path in answers {
        let text = std::fs::read_to_string(path).unwrap();
        let world = World::with_tools();
        match ask(&answering(&world, &text, "")).await {
            Ok(facts) => {
                assert!(!facts.lino.is_empty() && !facts.site.settings_module.is_empty(), "{}", path.display());
                assert!(facts.dumped_models().all(|model| !model.pk_column.is_empty()), "{}", path.display());
            }
            Err(FactsError::Refused(refusal)) => {
                assert!(refusal.place.is_some(), "{}", path.display());
                assert!(!refusal.facts.installed.is_empty(), "{}", path.display());
            }
            Err(error) => panic!("{}: {error}", path.display()),
        }
    }
}

/// Two versions of the same code by what they do, and one that does something else.
const CODE: [&str; 3] = [
    r#"
def helper(value):
    return value > 3
class Base:
    def full_clean(self):
        "Checks."
        if helper(self.x): raise ValueError("too big")
class Model(Base):
    _meta = type("Meta", (), {"local_concrete_fields": []})
    def save(self): self.compute()
    def compute(self): self.y = 1
    def unused(self): return 1
"#,
    r#"
def helper(value: int) -> bool:
    """Says whether it is big."""
    return (value > 3)  # really


class Base:
    def full_clean(self):
        if helper(self.x):
            raise ValueError('too big')


class Model(Base):
    _meta = type("Meta", (), {"local_concrete_fields": []})

    def save(self):
        self.compute()

    def compute(self):
        self.y = 1

    def unused(self):
        return 2
"#,
    r#"
def helper(value):
    return value > 2
class Base:
    def full_clean(self):
        if helper(self.x): raise ValueError("too big")
class Model(Base):
    _meta = type("Meta", (), {"local_concrete_fields": []})
    def save(self): self.compute()
    def compute(self): self.y = 2
    def clean(self): pass
"#,
];

#[test]
fn code_that_runs_for_rows_is_known_by_what_it_does() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/python/facts.py");
    let ask = "import importlib.util, json, sys\n\
        spec = importlib.util.spec_from_file_location('facts', sys.argv[1])\n\
        facts = importlib.util.module_from_spec(spec); spec.loader.exec_module(facts)\n\
        site = type('Site', (), {'installed_plugins': [type('Plugin', (), {'app_name': 'app'})]})\n\
        rules = facts.Rules(site)\n\
        sys.path.insert(0, sys.argv[2])\n\
        import app\n\
        print(json.dumps([rules.of(app.Model), rules.found]))";
    let answers = CODE.map(|code| {
        let world = World::with_tools();
        world.write("app.py", code);
        let done =
            std::process::Command::new("python3").args(["-B", "-c", ask, script]).arg(world.base()).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        serde_json::from_slice::<(Vec<String>, BTreeMap<String, String>)>(&done.stdout).unwrap()
    });
    let [one, same, other] = &answers;
    assert_eq!(one.0, ["app.Base.full_clean", "app.Model.compute", "app.Model.save", "app.helper"]);
    assert_eq!(one, same);
    assert_eq!(
        other.0,
        ["app.Base.full_clean", "app.Model.clean", "app.Model.compute", "app.Model.save", "app.helper"]
    );
    let differing: Vec<&String> =
        other.1.iter().filter(|(name, print)| one.1.get(*name) != Some(print)).map(|(name, _)| name).collect();
    assert_eq!(differing, ["app.Model.clean", "app.Model.compute", "app.helper"]);
}
