use std::os::unix::net::{UnixDatagram, UnixListener};

use lino_upgrade::procedure::{Finding, Level};
use lino_upgrade::site::Engine;
use lino_upgrade::site::check::{
    Demand, database_programs, disk_space, environment, local_changes, logger, other_sites, pull_script, python_starts,
};

use super::World;

#[tokio::test]
async fn a_good_environment_passes() {
    let world = World::with_tools();
    world.script("prod/env/bin/python", "#!/bin/sh\necho 3.11.2\n");
    world.script("prod/env/bin/pull.sh", "#!/bin/bash\n");
    let findings =
        environment(&world.site(), &world.around, Demand { database: 1000, env: 1000, ..Demand::default() }).await;
    let bad: Vec<&Finding> = findings.iter().filter(|finding| finding.level != Level::Pass).collect();
    assert_eq!(bad, Vec::<&Finding>::new());
    assert!(findings.len() >= 5);
}

#[tokio::test]
async fn python_that_does_not_start_or_is_too_old_fails() {
    let world = World::with_tools();
    for (text, told) in [
        ("echo 'error while loading libpython3.9.so' >&2; exit 127", "error while loading libpython3.9.so"),
        ("echo 2.7.18", "is Python 2.7.18; at least 3.7 is needed."),
        ("exit 1", "does not start: "),
    ] {
        world.script("prod/env/bin/python", &format!("#!/bin/sh\n{text}\n"));
        let finding = python_starts(&world.site()).await;
        assert_eq!(finding.level, Level::Fail);
        assert!(finding.text.contains(told), "{finding:?}");
    }
}

#[test]
fn too_small_a_disk_fails_with_numbers() {
    let world = World::new();
    let findings = disk_space(&world.site(), Demand { database: u64::MAX / 8, ..Demand::default() });
    assert!(findings.iter().any(|finding| finding.level == Level::Fail), "{findings:?}");
}

#[test]
fn missing_pull_script_is_an_obstacle() {
    let world = World::new();
    assert_eq!(pull_script(&world.site()).level, Level::Fail);
    world.write("prod/lino-upgrade.toml", "[commands]\npull = \"true\"\n");
    assert_eq!(pull_script(&world.site()), Finding::pass("pull.sh", "The new version comes by: true."));
}

#[test]
fn pull_script_that_writes_to_a_system_log_needs_one() {
    let world = World::new();
    world.script("prod/env/bin/pull.sh", "#!/bin/bash\nset -e\n# logger\n");
    assert_eq!(logger(&world.site(), &world.around), None);
    world.script("prod/env/bin/pull.sh", "#!/bin/bash\nset -e\nlogger -s Started\n");
    let level = || logger(&world.site(), &world.around).unwrap();
    assert!(level().text.contains("not installed"));
    world.script("bin/logger", "");
    assert_eq!(level().level, Level::Fail);
    assert!(level().text.contains("/dev/log is missing"));
    std::fs::create_dir(world.path("system/dev")).unwrap();
    let socket = world.path("system/dev/log");
    let taken = Finding::pass("logger", "pull.sh writes to the system's log, which takes it.");
    let messages = UnixDatagram::bind(&socket).unwrap();
    assert_eq!(level(), taken);
    // Whoever is killed leaves its socket behind.
    drop(messages);
    let told = "pull.sh calls logger, but no system log listens (nobody reads /dev/log, whatever made it has ended): it \
                would end at once.";
    assert_eq!((level().level, level().text.as_str()), (Level::Fail, told));
    std::fs::remove_file(&socket).unwrap();
    let _stream = UnixListener::bind(&socket).unwrap();
    assert_eq!(level(), taken);
}

#[tokio::test]
async fn programs_that_copy_the_database_must_be_there_and_new_enough() {
    let world = World::new();
    let told = async |engine, version| {
        let finding = database_programs(engine, version, &world.path("prod"), &world.around).await;
        finding.map(|finding| (finding.level, finding.text))
    };
    let pass = Some((Level::Pass, "The programs are there that copy the database and bring it back.".to_owned()));
    let fail = |text: &str| Some((Level::Fail, text.to_owned()));
    assert_eq!(told(Engine::Sqlite, "3.46.0").await, None);
    let expected = fail("pg_dump is not installed; without it the database cannot be copied.");
    assert_eq!(told(Engine::Postgres, "15.18 (Debian 15.18-0+deb12u1)").await, expected);
    world.script("bin/pg_dump", "#!/bin/sh\necho 'pg_dump (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)'\n");
    world.script("bin/psql", "");
    assert_eq!(told(Engine::Postgres, "15.18 (Debian 15.18-0+deb12u1)").await, pass);
    let expected = fail("pg_dump is of version 15 and refuses a server of version 17.");
    assert_eq!(told(Engine::Postgres, "17.2").await, expected);
    world.script("bin/mysqldump", "");
    let expected = fail("mariadb or mysql is not installed; without it the database cannot be copied.");
    assert_eq!(told(Engine::MySql, "10.11.19-MariaDB-0+deb12u1").await, expected);
    world.script("bin/mariadb", "");
    assert_eq!(told(Engine::MySql, "10.11.19-MariaDB-0+deb12u1").await, pass);
}

#[tokio::test]
async fn what_cannot_be_read_of_checkouts_is_not_called_none() {
    let world = World::with_tools();
    let note = world.path("prod/env/lib/python3.11/site-packages/old.egg-link");
    std::fs::create_dir_all(note.parent().unwrap()).unwrap();
    std::fs::write(&note, b"/srv/b\xe4ckerei\n.").unwrap();
    let site = world.site();
    let expected = Finding::warn(
        "local changes",
        format!(
            "Nobody can tell which packages of {} are installed from checkouts: stream did not contain valid UTF-8.",
            site.env_dir.display()
        ),
        "Look which file below lib of the environment cannot be read (direct_url.json, *.egg-link).",
    );
    assert_eq!(local_changes(&site, &world.around).await, [expected]);
}

#[tokio::test]
async fn uncommitted_files_of_the_site_and_of_its_checkouts_are_named_and_nothing_is_written() {
    let world = World::with_tools();
    let none = Finding::pass("local changes", "Neither the site nor its packages are git checkouts.");
    assert_eq!(local_changes(&world.site(), &world.around).await, [none]);
    let package = "prod/env/lib/python3.11/site-packages/lino_x-1.dist-info/direct_url.json";
    let checkout = world.path("lino x");
    std::fs::create_dir_all(world.path(package).parent().unwrap()).unwrap();
    world.write(
        package,
        &format!("{{\"url\": \"file://{}\", \"dir_info\": {{\"editable\": true}}}}", checkout.display()),
    );
    std::fs::create_dir(&checkout).unwrap();
    let git = |arguments: &[&str]| {
        let mut command = std::process::Command::new("git");
        command.args(["-c", "user.name=me", "-c", "user.email=me@example.com"]).args(arguments).current_dir(&checkout);
        assert!(command.output().unwrap().status.success(), "{arguments:?}");
    };
    git(&["init", "--quiet"]);
    world.write("lino x/a b.py", "1\n");
    world.write("lino x/c.py", "1\n");
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message", "x"]);
    let clean = Finding::pass("local changes", format!("Nothing is uncommitted in {}.", checkout.display()));
    assert_eq!(local_changes(&world.site(), &world.around).await, [clean]);
    world.write("lino x/a b.py", "22\n");
    world.write("lino x/new.py", "not known to git\n");
    let index = || std::fs::read(checkout.join(".git/index")).unwrap();
    let before = index();
    let shown = checkout.display();
    let expected = Finding::warn(
        "local changes",
        format!("{shown} has uncommitted changes: a b.py."),
        format!("Commit them, or put them aside (git -C '{shown}' stash): pull could fail on them or lose them."),
    );
    assert_eq!(local_changes(&world.site(), &world.around).await, [expected]);
    assert_eq!(index(), before);
}

#[test]
fn sites_that_use_the_same_environment_are_named_wherever_they_are() {
    let world = World::new();
    let told = || other_sites(&world.site(), &world.around);
    assert_eq!(told(), None);

    // One beside it, by a link with a usual name, and neighbours that have nothing to do with it.
    world.write("second/manage.py", "");
    std::os::unix::fs::symlink(world.path("prod/env"), world.path("second/.venv")).unwrap();
    world.write("other/manage.py", "");
    world.write("other/env/bin/python", "");
    world.write("no site/env/bin/python", "");
    let base = world.base();
    let base = base.display();
    let one = format!(
        "{base}/second uses {base}/prod/env, too: the new version comes for all of them, but only this site's data is \
         converted."
    );
    let remedy = format!(
        "Stop its services during this upgrade, and upgrade right afterwards, one after the other: lino-upgrade --site \
         {base}/second. Or give this site an environment of its own first."
    );
    assert_eq!(told(), Some(Finding::warn("other sites", one, remedy)));

    // One elsewhere, whose program runs; this site's own programs and those of other environments do not count.
    world.write("far/away/manage.py", "");
    std::fs::create_dir_all(world.path("far/away/log")).unwrap();
    for (pid, cwd, program) in [
        (7, "far/away/log", world.path("prod/env/bin/python").display().to_string()),
        (8, "prod", "env/bin/python".to_owned()),
        (9, "other", "env/bin/python".to_owned()),
        (10, "bin", "python".to_owned()),
    ] {
        let dir = format!("system/proc/{pid}");
        world.write(&format!("{dir}/cmdline"), &format!("{program}\0manage.py\0linod\0"));
        std::os::unix::fs::symlink(world.path(cwd), world.path(&format!("{dir}/cwd"))).unwrap();
    }
    let both = told().unwrap();
    let named = format!("{base}/far/away, {base}/second use {base}/prod/env, too: ");
    assert!(both.text.starts_with(&named), "{}", both.text);
    assert_eq!(both.level, Level::Warn);
}

#[test]
fn an_environment_outside_of_the_site_is_said_to_be_used_by_nobody_else() {
    let world = World::new();
    std::fs::create_dir_all(world.path("shared")).unwrap();
    std::fs::rename(world.path("prod/env"), world.path("shared/env")).unwrap();
    std::os::unix::fs::symlink(world.path("shared/env"), world.path("prod/env")).unwrap();
    let text = format!("No other site is seen that uses {}.", world.path("shared/env").display());
    assert_eq!(other_sites(&world.site(), &world.around), Some(Finding::pass("other sites", text)));
}
