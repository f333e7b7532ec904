use std::os::unix::fs::PermissionsExt;

use lino_upgrade::procedure::{Finding, Level};
use lino_upgrade::site::services::ask;
use lino_upgrade::site::{Detected, Service, ServiceState, detect};

use super::World;

fn lines(found: &Detected) -> Vec<String> {
    found
        .services
        .iter()
        .map(|s| format!("{:?} {} | {} | {} | {}", s.role, s.name, s.status, s.stop, s.start))
        .collect()
}

fn finding<'a>(found: &'a Detected, subject: &str) -> Vec<&'a Finding> {
    found.findings.iter().filter(|finding| finding.subject == subject).collect()
}

#[test]
fn site_made_by_getlino_has_supervisor_and_nginx() {
    let world = World::new();
    world.install("getlino");
    let found = detect(&world.site(), &world.around);
    assert_eq!(
        lines(&found),
        [
            "Writer prod-uwsgi:* | supervisorctl status 'prod-uwsgi:*' | supervisorctl stop 'prod-uwsgi:*' | \
             supervisorctl start 'prod-uwsgi:*'",
            "Proxy nginx | /usr/sbin/service nginx status | service nginx stop | service nginx start",
        ]
    );
    let [uwsgi, nginx] = found.services.as_slice() else { panic!("{found:?}") };
    assert_eq!(uwsgi.source, "/etc/supervisor/conf.d/prod-uwsgi.conf");
    assert_eq!(uwsgi.wake.as_ref().unwrap().to_string(), "service supervisor start");
    assert_eq!(nginx.restart.as_ref().unwrap().to_string(), "service nginx restart");
}

#[test]
fn cron_job_that_wipes_the_snapshot_is_found_unless_it_cannot_run() {
    let world = World::new();
    world.install("getlino");
    let job = world.path("system/etc/cron.daily/make_snapshot_prod");
    let found = detect(&world.site(), &world.around);
    assert_eq!(finding(&found, "cron jobs").first().unwrap().level, Level::Pass);
    std::fs::set_permissions(&job, std::fs::Permissions::from_mode(0o755)).unwrap();
    let found = detect(&world.site(), &world.around);
    let expected = Finding::warn(
        "cron jobs",
        "/etc/cron.daily/make_snapshot_prod works on this site. It makes snapshots: it would wipe the snapshot of this \
         upgrade and may start services.",
        "Keep it from running until the upgrade is done: chmod -x /etc/cron.daily/make_snapshot_prod; afterwards chmod \
         +x.",
    );
    assert_eq!(finding(&found, "cron jobs"), [&expected]);
}

#[test]
fn apache_is_stopped_with_a_warning_about_other_sites() {
    let mut world = World::new();
    world.around.root = false;
    world.install("apache");
    let found = detect(&world.site(), &world.around);
    assert_eq!(
        lines(&found),
        ["Writer apache2 | /usr/sbin/service apache2 status | sudo service apache2 stop | sudo service apache2 start"]
    );
    let note = found.services.first().unwrap().note.as_deref();
    assert_eq!(note, Some("Stopping it also stops what these serve: other.conf."));
    assert_eq!(finding(&found, "cron jobs").first().unwrap().level, Level::Warn);
    assert_eq!(finding(&found, "sudo").first().unwrap().level, Level::Fail);
    world.script("bin/sudo", "");
    assert_eq!(finding(&detect(&world.site(), &world.around), "sudo").first().unwrap().level, Level::Pass);
}

#[test]
fn systemd_units_are_stopped_with_what_would_start_them() {
    let world = World::new();
    world.install("systemd");
    let found = detect(&world.site(), &world.around);
    assert_eq!(
        lines(&found),
        [
            "Writer prod-mail | systemctl is-active prod-mail.service | systemctl stop prod-mail.service | systemctl \
             start prod-mail.service",
            "Writer prod-night | systemctl is-active prod-night.timer prod-night.service | systemctl stop \
             prod-night.timer prod-night.service | systemctl start prod-night.timer",
            "Writer prod-web | systemctl is-active prod-web.socket prod-web.service | systemctl stop prod-web.socket \
             prod-web.service | systemctl start prod-web.socket prod-web.service",
        ]
    );
    assert!(found.findings.iter().any(|f| f.text.contains("prod-linod@.service is a template")), "{found:?}");
}

#[test]
fn units_do_not_count_where_systemd_does_not_run() {
    let world = World::new();
    world.install("systemd");
    std::fs::remove_dir_all(world.path("system/run")).unwrap();
    assert_eq!(detect(&world.site(), &world.around).services, []);
}

#[test]
fn groups_of_supervisor_are_named_as_it_wants_them() {
    let world = World::new();
    world.install("groups");
    let found = detect(&world.site(), &world.around);
    let names: Vec<&str> = found.services.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["prod:*", "mixed:prod_mail"]);
}

#[test]
fn configured_services_replace_the_found_ones() {
    let world = World::new();
    world.install("getlino");
    world.write("prod/lino-upgrade.toml", "[services.mine]\nstatus = \"exit 3\"\nstop = [\"stop-mine\"]\n");
    let found = detect(&world.site(), &world.around);
    assert_eq!(lines(&found), ["Writer mine | exit 3 | stop-mine | service mine start"]);
    world.write("prod/lino-upgrade.toml", "[services]\n");
    let found = detect(&world.site(), &world.around);
    assert_eq!(found.services, []);
    assert_eq!(finding(&found, "services").first().unwrap().level, Level::Warn);
}

async fn asked(status: &str) -> ServiceState {
    let world = World::new();
    world.write("prod/lino-upgrade.toml", &format!("[services.mine]\nstatus = {status:?}\n"));
    let site = world.site();
    let found = detect(&site, &world.around);
    let service: &Service = found.services.first().unwrap();
    ask(service, &site.dir).await
}

#[tokio::test]
async fn services_are_asked() {
    let unknown = |text: &str| ServiceState::Unknown { text: text.to_owned() };
    assert_eq!(asked("true").await, ServiceState::Running);
    assert_eq!(asked("exit 3").await, ServiceState::Stopped);
    assert_eq!(asked("echo oh; exit 4").await, unknown("oh"));
    assert_eq!(asked("kill -9 $$").await, unknown("ended by a signal"));
    // A daemon that keeps the pipe open does not keep us.
    assert_eq!(asked("sleep 60 & exit 3").await, ServiceState::Stopped);
}
