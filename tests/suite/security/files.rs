//! Files: what lino-upgrade writes is for its owner alone, whatever the umask of the operator.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{below, ended};
use crate::shop::{PROGRAM, Shop, without_pip_settings};

/// Runs lino-upgrade with a umask that closes nothing.
fn openly(shop: &Shop, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "umask 000; exec \"$@\"", "sh", PROGRAM, "--site"]).arg(&shop.dir).args(arguments);
    command.env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    without_pip_settings(&mut command);
    ended(command.output().unwrap())
}

/// Where modes are somebody else's. All of it lies in directories that nobody else can enter.
fn is_an_exception(path: &Path) -> bool {
    let parts: Vec<&str> = path.iter().filter_map(|part| part.to_str()).collect();
    // Copies of the environment and of static files keep the modes that bring the site back as it was.
    let copy = matches!(parts.as_slice(), ["protect", _, "env" | "static", ..] | ["rehearsal", "env", ..]);
    // What Lino itself writes there has the modes of the operator's umask: dumps; and what Python compiles.
    let dump = matches!(parts.as_slice(), ["compare", _, "t", ..] | ["account", "after" | "undone", ..]);
    copy || dump || parts.contains(&"__pycache__")
}

/// Fails when others can do anything with a file or directory below the state directory, or enter that.
pub(super) fn assert_private(shop: &Shop) {
    let state = shop.dir.join(".lino-upgrade");
    let mut open = Vec::new();
    for path in below(&state).into_iter().chain([state.clone()]) {
        let data = path.symlink_metadata().unwrap();
        let inner = path.strip_prefix(&state).unwrap();
        if data.permissions().mode() & 0o077 != 0 && !data.is_symlink() && !is_an_exception(inner) {
            open.push(format!("{:o} {}", data.permissions().mode(), inner.display()));
        }
    }
    assert_eq!(open, Vec::<String>::new());
}

#[test]
#[ignore = "takes a minute; tests/run --full asks for it"]
fn matrix_what_an_upgrade_its_undo_and_a_rehearsal_write_is_for_their_owner_alone_whatever_the_umask() {
    let shop = Shop::light_on("sqlite", "new_blank");
    let (status, _, said) = openly(&shop, &["run", "--headless", "--yes"]);
    assert_eq!((status, said.as_str()), (Some(0), "The site was upgraded from 1.0 to 2.0.\n"));
    assert_private(&shop);
    let (status, _, said) = openly(&shop, &["undo", "--yes", "--json"]);
    assert_eq!((status, said.as_str()), (Some(0), "The old version is back: 1.0.\n"));
    assert_private(&shop);
    // What the upgrade keeps beside the site can be entered by no more people than what it was made from.
    for path in std::fs::read_dir(&shop.dir).unwrap().map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("env.") {
            assert_eq!(mode(&path), mode(&shop.dir.join("env")), "{name}");
        }
    }
    for name in ["restore_decided.py", "restore_decided.py.merged"] {
        let path = shop.dir.join("snapshot").join(name);
        assert!(!path.exists() || mode(&path) == 0o600, "{name}");
    }
    let (status, _, said) = openly(&shop, &["rehearse", "--json"]);
    assert_eq!(status, Some(0), "{said}");
    assert_private(&shop);
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}
