//! The restore of a site with a SQLite database: the same command line, run by a script of ours in the same process,
//! which does not wait for the disk at each row. An undo restores by it on any engine, since an old Lino would give up
//! rows that point to each other. The script is `assets/python/restore.py`; running it is the engine's business.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use super::command::quote;
use super::find::Site;
use super::state_dir;

const SCRIPT: &str = include_str!("../../assets/python/restore.py");

/// Returns the command line that restores as `line` does, in less time; none when it is not known to do the same: for
/// another engine than `sqlite`, and for a line that does more than to run `manage.py` in Python.
#[must_use]
pub fn line(site: &Site, engine: &str, line: &str) -> Option<String> {
    if engine == "sqlite" { by_script(site, line) } else { None }
}

/// Returns the command line that has the script run what `line` does, on any engine; none when that is not known to be
/// the same.
#[must_use]
pub fn by_script(site: &Site, line: &str) -> Option<String> {
    let (python, rest) = line.trim().split_once(" manage.py run ")?;
    let is_python = python.rsplit('/').next().is_some_and(|name| name.starts_with("python"));
    // Words before Python, and whatever the shell would do with the rest, are the operator's own.
    let plain = |text: &str| !text.contains(|letter: char| "|&;<>()$`\\\"'*?[#~=%!{}\n".contains(letter));
    if !is_python || python.contains(char::is_whitespace) || !plain(python) || !plain(rest) {
        return None;
    }
    let script = script(site);
    let script = script.strip_prefix(&site.dir).unwrap_or(&script);
    Some(format!("{python} {} manage.py run {rest}", quote(&script.to_string_lossy())))
}

/// Writes the script to where the command line finds it.
///
/// # Errors
/// What the system says when it cannot be written.
pub fn prepare(site: &Site) -> io::Result<()> {
    let script = script(site);
    script.parent().map_or(Ok(()), state_dir::prepare)?;
    let part = script.with_extension("part");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    file.write_all(SCRIPT.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&part, script)
}

fn script(site: &Site) -> PathBuf {
    site.state_dir.join("python/restore.py")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::{Surroundings, find};
    use super::*;

    #[test]
    fn only_a_line_that_runs_manage_py_of_a_sqlite_site_is_replaced() {
        let dir = assert_fs::TempDir::new().unwrap();
        std::fs::create_dir_all(dir.path().join("env/bin")).unwrap();
        for name in ["manage.py", "env/bin/python"] {
            std::fs::write(dir.path().join(name), "").unwrap();
            std::fs::set_permissions(dir.path().join(name), PermissionsExt::from_mode(0o755)).unwrap();
        }
        let site = find(Some(dir.path()), dir.path(), &Surroundings::of_this_process()).unwrap();
        let told = |text: &str| line(&site, "sqlite", text);
        let ours = |text: &str| Some(text.replace("SCRIPT", ".lino-upgrade/python/restore.py"));
        assert_eq!(
            told("python manage.py run snapshot/restore.py --noinput"),
            ours("python SCRIPT manage.py run snapshot/restore.py --noinput")
        );
        assert_eq!(told("env/bin/python3.11 manage.py run r.py"), ours("env/bin/python3.11 SCRIPT manage.py run r.py"));
        let others = [
            "./restore.sh",
            "python manage.py run a/restore.py && ./more.sh",
            "FOO=1 python manage.py run a/restore.py",
            "nice python manage.py run a/restore.py",
            "python -m cProfile manage.py run a/restore.py",
            "python manage.py run $(cat name)",
            "cd x; python manage.py run a/restore.py",
            "echo manage.py run x",
        ];
        assert_eq!(others.map(told), [const { None }; 8]);
        assert_eq!(line(&site, "postgresql", "python manage.py run snapshot/restore.py"), None);
    }
}
