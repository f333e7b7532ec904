//! Units that the administrator wrote for the site, with the timers and sockets that would start them again.

use std::path::PathBuf;

use super::super::{Service, ServiceKind};
use super::System;
use crate::procedure::Finding;
use crate::site::config::Role;

const DIR: &str = "etc/systemd/system";

pub(super) fn units(system: &System<'_>) -> (Vec<Service>, Vec<Finding>) {
    if !system.around.has_systemd() {
        return (Vec::new(), Vec::new());
    }
    let mut services = Vec::new();
    let mut findings = Vec::new();
    for (path, text) in system.files(DIR) {
        let Some(unit) = path.file_name().map(|name| name.to_string_lossy().into_owned()) else { continue };
        let Some(stem) = unit.strip_suffix(".service") else { continue };
        let drop_ins = system.files(&format!("{DIR}/{unit}.d"));
        if !system.mention.is_in(&text) && !drop_ins.iter().any(|(_, text)| system.mention.is_in(text)) {
            continue;
        }
        if stem.ends_with('@') {
            findings.push(Finding::warn(
                "services",
                format!("{} is a template; its instances were not looked for.", system.name(&path)),
                "Name the instances that serve this site in lino-upgrade.toml below [services.NAME].",
            ));
            continue;
        }
        services.push(service(system, &unit, stem, &path));
    }
    (services, findings)
}

fn service(system: &System<'_>, unit: &str, stem: &str, path: &std::path::Path) -> Service {
    let beside = |end: &str| {
        let name = format!("{stem}.{end}");
        let there = |path: &PathBuf| path.exists();
        Some(system.around.system(DIR).join(&name)).filter(there).map(|_| name)
    };
    let timer = beside("timer");
    let starters: Vec<String> = [timer.clone(), beside("socket"), beside("path")].into_iter().flatten().collect();
    // What starts the unit is stopped first; a timer starts its unit by itself when it is time.
    let all: Vec<&str> = starters.iter().map(String::as_str).chain([unit]).collect();
    let started: Vec<&str> = if timer.is_some() { starters.iter().map(String::as_str).collect() } else { all.clone() };
    let command = |action: &str, units: &[&str]| {
        let words = ["systemctl", action].into_iter().chain(units.iter().copied());
        crate::site::command::CommandLine::new(words)
    };
    let privileged = |action: &str, units: &[&str]| command(action, units).behind(system.around.privilege());
    Service {
        name: stem.to_owned(),
        role: Role::Writer,
        kind: ServiceKind::Systemd,
        status: command("is-active", &all),
        stop: privileged("stop", &all),
        start: privileged("start", &started),
        restart: Some(privileged("restart", &started)),
        wake: None,
        source: system.name(path),
        note: timer.map(|timer| format!("{timer} starts it from time to time.")),
    }
}
