use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use lino_upgrade::error::Tell;
use lino_upgrade::site::{SiteError, find, find_unproved};

use super::World;

#[test]
fn site_is_found_from_below_and_by_name() {
    let world = World::new();
    std::fs::create_dir_all(world.path("prod/media/uploads")).unwrap();
    let from_below = find(None, &world.path("prod/media/uploads"), &world.around).unwrap();
    let by_name = find(Some(Path::new("prod/")), &world.base(), &world.around).unwrap();
    let by_file = find(Some(Path::new("prod/manage.py")), &world.base(), &world.around).unwrap();
    assert_eq!(from_below, by_name);
    assert_eq!(by_name, by_file);
    assert_eq!(by_name.name, "prod");
    assert_eq!(by_name.python, world.path("prod/env/bin/python"));
    assert_eq!(by_name.state_dir, world.path("prod/.lino-upgrade"));
}

#[test]
fn directory_is_shown_as_the_operator_knows_it() {
    let world = World::new();
    symlink(world.path("prod"), world.path("link")).unwrap();
    let site = find(Some(Path::new("./link")), &world.base(), &world.around).unwrap();
    assert_eq!((site.dir, site.shown), (world.path("prod"), world.path("link")));
}

#[test]
fn a_named_directory_without_a_site_is_not_searched_upwards() {
    let world = World::new();
    std::fs::create_dir(world.path("prod/media")).unwrap();
    let error = find(Some(Path::new("media")), &world.path("prod"), &world.around).unwrap_err();
    assert!(matches!(error, SiteError::NoSite { parents: false, .. }), "{error:?}");
    let error = find(Some(Path::new("nowhere")), &world.base(), &world.around).unwrap_err();
    assert!(matches!(error, SiteError::NoSuchDirectory(_)), "{error:?}");
}

#[test]
fn where_there_is_no_site_the_operator_is_told_what_to_do() {
    let world = World::new();
    let report = find(None, &world.base(), &world.around).unwrap_err().tell();
    assert_eq!(
        report.to_string(),
        format!(
            "There is no Lino site in {} or above it: no manage.py.\nNothing was changed.\n\
             → Go to the project directory of the site (often `go NAME`), or name it: --site DIR.\n\
             → To try lino-upgrade without a site: lino-upgrade demo.",
            world.base().display()
        )
    );
    assert_eq!(report.kind.exit_status(), 2);
}

#[test]
fn env_may_be_a_link() {
    let world = World::new();
    std::fs::rename(world.path("prod/env"), world.path("shared")).unwrap();
    symlink(world.path("shared"), world.path("prod/env")).unwrap();
    assert_eq!(world.site().env_dir, world.path("prod/env"));
    std::fs::remove_dir_all(world.path("shared")).unwrap();
    let error = world.try_find().unwrap_err();
    assert!(matches!(&error, SiteError::BrokenLink { target, .. } if *target == world.path("shared")), "{error:?}");
    assert!(find_unproved(None, &world.path("prod"), &world.around).is_ok());
}

#[test]
fn activated_virtualenv_is_taken_when_the_site_has_none() {
    let mut world = World::new();
    std::fs::rename(world.path("prod/env"), world.path("other")).unwrap();
    assert!(matches!(world.try_find(), Err(SiteError::NoVirtualenv { candidate: None, .. })));
    world.around.virtual_env = Some(world.path("other"));
    assert_eq!(world.site().python, world.path("other/bin/python"));
}

#[test]
fn virtualenv_of_another_name_is_suggested() {
    let world = World::new();
    std::fs::rename(world.path("prod/env"), world.path("prod/.venv")).unwrap();
    let report = world.try_find().unwrap_err().tell();
    assert!(report.next.first().unwrap().contains("env = \".venv\""), "{report}");
    world.write("prod/lino-upgrade.toml", "[site]\nenv = \".venv\"\n");
    assert_eq!(world.site().python, world.path("prod/.venv/bin/python"));
}

#[test]
fn python_that_is_missing_broken_or_closed_is_told() {
    let world = World::new();
    let python = world.path("prod/env/bin/python");
    std::fs::set_permissions(&python, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(world.try_find(), Err(SiteError::NotExecutable { .. })));
    std::fs::remove_file(&python).unwrap();
    assert!(matches!(world.try_find(), Err(SiteError::NoPython { .. })));
    symlink("/usr/bin/python2.9", &python).unwrap();
    assert!(matches!(world.try_find(), Err(SiteError::BrokenLink { .. })));
}

#[test]
fn pull_script_is_taken_from_project_then_env_then_path() {
    let world = World::new();
    assert_eq!(world.site().pull, None);
    let on_path = world.script("bin/pull.sh", "");
    assert_eq!(world.site().pull, Some(on_path));
    let in_env = world.script("prod/env/bin/pull.sh", "");
    assert_eq!(world.site().pull, Some(in_env.clone()));
    assert_eq!(world.site().pull_command().unwrap().to_string(), in_env.display().to_string());
    world.write("prod/pull.sh", "");
    assert_eq!(world.site().pull_command().unwrap().to_string(), "bash ./pull.sh");
    world.write("prod/lino-upgrade.toml", "[commands]\npull = \"pip install -U lino && true\"\n");
    assert_eq!(world.site().pull_command().unwrap().argv(), ["/bin/sh", "-c", "pip install -U lino && true"]);
}

#[test]
fn commands_are_shown_as_typed() {
    let world = World::new();
    world.script("prod/make_snapshot.sh", "");
    let site = world.site();
    assert_eq!(site.snapshot_command().unwrap().to_string(), "./make_snapshot.sh");
    let python = world.path("prod/env/bin/python");
    let expected = format!("{} manage.py run snapshot/restore.py", python.display());
    assert_eq!(site.manage(["run", "snapshot/restore.py"]).to_string(), expected);
    let path = site.environment["PATH"].clone().unwrap();
    assert!(path.starts_with(&*world.path("prod/env/bin").to_string_lossy()), "{path}");
}

#[test]
fn state_directory_is_private_also_below_setgid() {
    let world = World::new();
    std::fs::set_permissions(world.path("prod"), std::fs::Permissions::from_mode(0o2775)).unwrap();
    let site = world.site();
    site.prepare_state_dir().unwrap();
    site.prepare_state_dir().unwrap();
    assert_eq!(site.state_dir.metadata().unwrap().permissions().mode() & 0o7777, 0o700);
}

#[test]
fn state_directory_that_is_a_link_is_refused() {
    let world = World::new();
    symlink(world.path("home"), world.path("prod/.lino-upgrade")).unwrap();
    let report = world.site().prepare_state_dir().unwrap_err().tell();
    assert!(report.what.contains("it is a link"), "{report}");
}

#[test]
fn a_directory_that_no_command_line_or_path_can_name_is_refused() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let names: [(&[u8], &str); 4] = [
        (b"a:b", "its name has a colon, which separates directories in PATH"),
        (b"a\nb", "its name has control characters, for example a line end"),
        (b"a\x1b[2Jb", "its name has control characters, for example a line end"),
        (b"a\xffb", "its name is not valid UTF-8"),
    ];
    for (name, why) in names {
        let world = World::new();
        let dir = world.base().join(OsStr::from_bytes(name));
        std::fs::rename(world.path("prod"), &dir).unwrap();
        let error = find(Some(&dir), &world.base(), &world.around).unwrap_err();
        assert!(matches!(&error, SiteError::Name { why: said, .. } if *said == why), "{error:?}");
    }
    let world = World::new();
    let dir = world.base().join("-it's a \"site\"; $(x) & ü");
    std::fs::rename(world.path("prod"), &dir).unwrap();
    assert_eq!(find(Some(&dir), &world.base(), &world.around).unwrap().dir, dir);
}
