use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use lino_upgrade::site::writers::{Own, open_handles, site_processes};

use super::World;

#[test]
fn open_files_show_who_holds_them() {
    let mut world = World::new();
    world.around.system = PathBuf::from("/");
    let file = world.write("prod/default.db", "");
    assert_eq!(open_handles(&file, &world.around, &Own::default()).writers, []);
    let mut holder = Command::new("sleep").arg("600").stdin(std::fs::File::open(&file).unwrap()).spawn().unwrap();
    // The child's stdin is in place before its program is.
    let writers = open_handles(&file, &world.around, &Own::default()).writers;
    holder.kill().unwrap();
    holder.wait().unwrap();
    let [writer] = writers.as_slice() else { panic!("{writers:?}") };
    assert_eq!(writer.id, u64::from(holder.id()));
    let begin = format!("has {} open as ", file.display());
    assert!(writer.what.starts_with(&begin) && writer.what.len() > begin.len(), "{writer:?}");
}

/// Starts a program of the site in its directory; returns it when it runs.
fn program_of(world: &World, script: &str) -> Child {
    let script = world.write(script, "echo ready; read line\n");
    let mut command = Command::new("env/bin/python3");
    command.arg(&script).arg("runserver").current_dir(world.path("prod")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut program = command.spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(program.stdout.take().unwrap()), &mut line).unwrap();
    program
}

#[test]
fn programs_of_the_site_are_found_by_their_command_but_not_our_own() {
    let mut world = World::new();
    world.around.system = PathBuf::from("/");
    std::os::unix::fs::symlink("/bin/sh", world.path("prod/env/bin/python3")).unwrap();
    world.write("prod/serve.py", "");
    let mut programs = ["prod/manage.py", "prod/.lino-upgrade/ask-1/facts.py"].map(|script| program_of(&world, script));
    let writers = site_processes(&world.site(), &world.around, &Own::default()).writers;
    for program in &mut programs {
        program.kill().unwrap();
        program.wait().unwrap();
    }
    let [writer] = writers.as_slice() else { panic!("{writers:?}") };
    assert_eq!(writer.id, u64::from(programs[0].id()));
    assert!(writer.who.contains("manage.py runserver"), "{writer:?}");
}
