//! Programs that supervisor runs for the site. Only they are stopped: others may belong to other sites.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::super::{Service, ServiceKind};
use super::System;
use crate::site::config::Role;

/// A section of a configuration file, for example `[program:mysite]`.
struct Section {
    kind: String,
    name: String,
    text: String,
    file: PathBuf,
}

/// Where the sections lie, and the name of the service that reads them.
const PLACES: [(&str, &str); 2] = [("etc/supervisor/conf.d", "supervisor"), ("etc/supervisord.d", "supervisord")];

/// Returns the name of the service that runs the programs.
pub(super) fn manager(system: &System<'_>) -> &'static str {
    let there = |(dir, _): &&(&str, &str)| system.around.system(dir).is_dir();
    PLACES.iter().find(there).map_or("supervisor", |(_, manager)| manager)
}

pub(super) fn programs(system: &System<'_>) -> Vec<Service> {
    PLACES.into_iter().flat_map(|(dir, manager)| programs_in(system, dir, manager)).collect()
}

fn programs_in(system: &System<'_>, dir: &str, manager: &str) -> Vec<Service> {
    let sections: Vec<Section> = system
        .files(dir)
        .into_iter()
        .filter(|(file, _)| file.extension().is_some_and(|end| end == "conf" || end == "ini"))
        .flat_map(|(file, text)| sections(&file, &text))
        .collect();
    let groups: BTreeMap<String, String> = sections
        .iter()
        .filter(|section| section.kind == "group")
        .flat_map(|group| members(&group.text).into_iter().map(|program| (program, group.name.clone())))
        .collect();
    let programs: Vec<&Section> =
        sections.iter().filter(|s| matches!(s.kind.as_str(), "program" | "fcgi-program" | "eventlistener")).collect();
    let own = |program: &&&Section| system.mention.is_in(&program.text);
    let mut found: Vec<Service> = Vec::new();
    for program in programs.iter().filter(own) {
        // A program outside of groups forms one of its own name; `:*` also covers one with several processes.
        let target = match groups.get(&program.name) {
            None => format!("{}:*", program.name),
            Some(group) => {
                let mut fellows = programs.iter().filter(|other| groups.get(&other.name) == Some(group));
                if fellows.all(|other| own(&other)) {
                    format!("{group}:*")
                } else {
                    format!("{group}:{}", program.name)
                }
            }
        };
        if found.iter().any(|service| service.name == target) {
            continue;
        }
        found.push(Service {
            role: Role::Writer,
            kind: ServiceKind::Supervisor,
            status: system.privileged(["supervisorctl", "status", &target]),
            stop: system.privileged(["supervisorctl", "stop", &target]),
            start: system.privileged(["supervisorctl", "start", &target]),
            restart: Some(system.privileged(["supervisorctl", "restart", &target])),
            wake: Some(system.service_action(manager, "start")),
            source: system.name(&program.file),
            note: None,
            name: target,
        });
    }
    found
}

fn sections(file: &std::path::Path, text: &str) -> Vec<Section> {
    let mut found: Vec<Section> = Vec::new();
    for line in text.lines() {
        if let Some(header) = line.trim().strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            let (kind, name) = header.split_once(':').unwrap_or((header, ""));
            let (kind, name) = (kind.trim().to_owned(), name.trim().to_owned());
            found.push(Section { kind, name, text: String::new(), file: file.to_owned() });
        } else if let Some(section) = found.last_mut() {
            section.text.push_str(line);
            section.text.push('\n');
        }
    }
    found
}

/// Returns the programs of a group.
fn members(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(key, _)| key.trim() == "programs")
        .flat_map(|(_, names)| names.split(',').map(|name| name.trim().to_owned()))
        .collect()
}
