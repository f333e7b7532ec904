//! Finds the services of a site: in its configuration, else in what the system's own configuration says.
//!
//! A file speaks of the site when it names a path that belongs to it. Files are only read; nothing is run.

mod cron;
mod mention;
mod supervisor;
mod systemd;

use std::path::{Path, PathBuf};

use super::{Service, ServiceKind};
use crate::procedure::Finding;
use crate::site::command::CommandLine;
use crate::site::config::{Role, ServiceConfig};
use crate::site::find::Site;
use crate::site::surroundings::Surroundings;
pub(super) use mention::Mention;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detected {
    /// The services, writers first, in the order in which they are stopped.
    pub services: Vec<Service>,
    /// What the operator should know: cron jobs, services that cannot be handled.
    pub findings: Vec<Finding>,
}

impl Detected {
    /// Returns the services that may write to the database.
    pub fn writers(&self) -> impl Iterator<Item = &Service> {
        self.services.iter().filter(|service| service.role == Role::Writer)
    }

    /// Returns the services that only pass requests on.
    pub fn proxies(&self) -> impl Iterator<Item = &Service> {
        self.services.iter().filter(|service| service.role == Role::Proxy)
    }
}

/// Directories in which a web server's configuration of one site lies, with the name of its service.
const WEB_SERVERS: [(&str, &str, Role); 9] = [
    ("etc/apache2/sites-enabled", "apache2", Role::Writer),
    ("etc/apache2/conf-enabled", "apache2", Role::Writer),
    ("etc/httpd/conf.d", "httpd", Role::Writer),
    ("etc/uwsgi/apps-enabled", "uwsgi", Role::Writer),
    ("etc/uwsgi-emperor/vassals", "uwsgi-emperor", Role::Writer),
    ("etc/uwsgi.d", "uwsgi", Role::Writer),
    ("etc/nginx/sites-enabled", "nginx", Role::Proxy),
    ("etc/nginx/conf.d", "nginx", Role::Proxy),
    ("etc/caddy", "caddy", Role::Proxy),
];
/// Files that come with a web server and serve no site.
const STOCK: [&str; 7] =
    ["000-default.conf", "default", "default-ssl.conf", "default.conf", "README", "autoindex.conf", "welcome.conf"];

/// Finds the services of a site and what else could write to its database.
#[must_use]
pub fn detect(site: &Site, around: &Surroundings) -> Detected {
    let system = System { around, mention: Mention::of(site) };
    let mut found = Detected::default();
    if let Some(configured) = &site.config.services {
        found.services = configured.iter().map(|(name, config)| system.configured(name, config)).collect();
    } else {
        found.services.extend(system.web_servers(Role::Writer));
        let (units, findings) = systemd::units(&system);
        found.services.extend(units);
        found.findings.extend(findings);
        found.services.extend(supervisor::programs(&system));
        found.services.extend(system.web_servers(Role::Proxy));
    }
    found.findings.push(services_finding(&found.services));
    found.findings.extend(sudo_finding(&found.services, around));
    found.findings.extend(cron::jobs(&system));
    found
}

fn services_finding(services: &[Service]) -> Finding {
    if services.iter().any(|service| service.role == Role::Writer) {
        let names: Vec<&str> = services.iter().map(|service| service.name.as_str()).collect();
        Finding::pass("services", format!("These programs serve the site: {}.", names.join(", ")))
    } else {
        Finding::warn(
            "services",
            "No program was found that serves this site and could write to its database.",
            "If there is one (web server, supervisor, systemd unit), name it in lino-upgrade.toml below [services.NAME].",
        )
    }
}

fn sudo_finding(services: &[Service], around: &Surroundings) -> Option<Finding> {
    let needed = services.iter().flat_map(|service| [&service.stop, &service.start]).any(needs_sudo);
    if !needed {
        return None;
    }
    Some(if around.which("sudo").is_some() {
        Finding::pass("sudo", "Stopping and starting services goes through sudo, which is there.")
    } else {
        Finding::fail(
            "sudo",
            "Only root may stop and start the services of this site, and there is no sudo.",
            "Start lino-upgrade as root, or install sudo.",
        )
    })
}

fn needs_sudo(command: &CommandLine) -> bool {
    command.argv().first().is_some_and(|word| word == "sudo")
}

/// The system's configuration and which site is looked for in it.
pub(super) struct System<'a> {
    pub(super) around: &'a Surroundings,
    pub(super) mention: Mention,
}

impl System<'_> {
    /// Puts `sudo` before a command when it is needed.
    pub(super) fn privileged<const N: usize>(&self, argv: [&str; N]) -> CommandLine {
        CommandLine::new(argv).behind(self.around.privilege())
    }

    /// Returns the files of a directory of the system with their texts, sorted by name; none when there is none.
    pub(super) fn files(&self, dir: &str) -> Vec<(PathBuf, String)> {
        let Ok(entries) = std::fs::read_dir(self.around.system(dir)) else { return Vec::new() };
        let mut paths: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
        paths.sort();
        // Links are followed, as the programs do that read them; a broken one is no file.
        paths.into_iter().filter(|path| path.is_file()).filter_map(|path| Some((path.clone(), read(&path)?))).collect()
    }

    /// Returns a path as the system knows it: without the root that tests put before it.
    pub(super) fn name(&self, path: &Path) -> String {
        match path.strip_prefix(&self.around.system) {
            Ok(rest) => format!("/{}", rest.display()),
            Err(_) => path.display().to_string(),
        }
    }

    /// Builds a service that the system itself runs.
    pub(super) fn system_service(&self, name: &str, role: Role, source: String) -> Service {
        let service = self.around.which("service").map_or_else(
            // Ordinary users of Debian do not have it on their PATH, yet may run it.
            || "/usr/sbin/service".to_owned(),
            |_| "service".to_owned(),
        );
        let (kind, status) = if self.around.has_systemd() {
            (ServiceKind::Systemd, CommandLine::new(["systemctl", "is-active", name]))
        } else {
            (ServiceKind::Init, CommandLine::new([&service, name, "status"]))
        };
        Service {
            name: name.to_owned(),
            role,
            kind,
            status,
            stop: self.service_action(name, "stop"),
            start: self.service_action(name, "start"),
            restart: Some(self.service_action(name, "restart")),
            wake: None,
            source,
            note: None,
        }
    }

    /// Returns the command that does something with a service of the system.
    pub(super) fn service_action(&self, name: &str, action: &str) -> CommandLine {
        if self.around.has_systemd() {
            self.privileged(["systemctl", action, name])
        } else {
            self.privileged(["service", name, action])
        }
    }

    fn configured(&self, name: &str, config: &ServiceConfig) -> Service {
        let source = crate::site::config::FILE_NAME.to_owned();
        let usual = self.system_service(name, config.role, source);
        let kind = config.status.as_ref().map_or(usual.kind, ServiceKind::of_status);
        Service {
            kind,
            wake: (kind == ServiceKind::Supervisor).then(|| self.service_action(supervisor::manager(self), "start")),
            status: config.status.clone().unwrap_or(usual.status),
            stop: config.stop.clone().unwrap_or(usual.stop),
            start: config.start.clone().unwrap_or(usual.start),
            // Own commands to stop and start do not go with a foreign one to restart.
            restart: config
                .restart
                .clone()
                .or_else(|| usual.restart.filter(|_| config.stop.is_none() && config.start.is_none())),
            ..usual
        }
    }

    fn web_servers(&self, wanted: Role) -> Vec<Service> {
        let mut found: Vec<Service> = Vec::new();
        for (dir, name, role) in WEB_SERVERS {
            if role != wanted || found.iter().any(|service| service.name == name) {
                continue;
            }
            let (own, others): (Vec<_>, Vec<_>) =
                self.files(dir).into_iter().partition(|(_, text)| self.mention.is_in(text));
            let Some((path, _)) = own.first() else { continue };
            let mut service = self.system_service(name, role, self.name(path));
            let others: Vec<String> = others
                .iter()
                .filter_map(|(path, _)| Some(path.file_name()?.to_string_lossy().into_owned()))
                .filter(|name| !STOCK.contains(&name.as_str()))
                .collect();
            if role == Role::Writer && !others.is_empty() {
                service.note = Some(format!("Stopping it also stops what these serve: {}.", others.join(", ")));
            }
            found.push(service);
        }
        found
    }
}

/// Reads a configuration file, when it is one: large ones and binaries are not.
fn read(path: &Path) -> Option<String> {
    const LARGEST: u64 = 1024 * 1024;
    if path.metadata().ok()?.len() > LARGEST {
        return None;
    }
    Some(String::from_utf8_lossy(&std::fs::read(path).ok()?).into_owned())
}
