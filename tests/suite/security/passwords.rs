//! Passwords: those of the database's settings, and those that are typed. Nobody sees them in a list of processes, and no
//! file that the upgrade, its undo or a report wrote holds them, however they are spelled.

use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use assert_fs::TempDir;
use base64::Engine as _;

use super::{below, ran};
use crate::servers::Servers;
use crate::shop::{PROGRAM, Shop};
use crate::tmux::Tmux;

/// What is typed at first, by mistake, and then.
const TYPED: [&str; 2] = ["Mistyped:pa'ss \"w\" 41", "tYped=pä'ss\"w$(rd)\\x| 42"];

/// A password in all the ways in which it may be written somewhere.
fn spellings(secret: &str) -> Vec<Vec<u8>> {
    let base64 = base64::engine::general_purpose::STANDARD;
    let mut all = vec![
        secret.to_owned(),
        percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC).to_string(),
        serde_json::to_string(secret).unwrap().trim_matches('"').to_owned(),
        secret.replace('\'', "''"),
        secret.replace('\'', r"'\''"),
        secret.replace('\\', r"\\").replace(':', r"\:"),
        secret.replace('\\', r"\\").replace('"', "\\\""),
        secret.bytes().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        }),
    ];
    // Where it begins within three bytes decides how it looks.
    for before in 0..3 {
        let text = base64.encode([vec![b'x'; before], secret.as_bytes().to_vec()].concat());
        all.push(text[4..text.len() - 4].to_owned());
    }
    all.sort();
    all.dedup();
    all.into_iter().map(String::into_bytes).collect()
}

fn holds(bytes: &[u8], spellings: &[Vec<u8>]) -> bool {
    spellings.iter().any(|spelling| memchr::memmem::find(bytes, spelling).is_some())
}

/// Looks at the command line and the environment of every process, again and again.
struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<(u64, Vec<String>)>,
}

impl Watch {
    fn begin(spellings: Vec<Vec<u8>>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let (mut looks, mut found) = (0, Vec::new());
            while !seen.load(Ordering::SeqCst) {
                for process in std::fs::read_dir("/proc").unwrap().flatten() {
                    for what in ["cmdline", "environ"] {
                        let bytes = std::fs::read(process.path().join(what)).unwrap_or_default();
                        if holds(&bytes, &spellings) {
                            found.push(format!("{what} of {}", String::from_utf8_lossy(&bytes)));
                        }
                    }
                }
                looks += 1;
                std::thread::park_timeout(Duration::from_millis(5));
            }
            (looks, found)
        });
        Self { stop, thread }
    }

    /// Returns how often it looked, and what it has seen.
    fn end(self) -> (u64, Vec<String>) {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().unwrap()
    }
}

/// A user of the database server with a password of his own; gone in the end.
struct Role<'a> {
    servers: &'a Servers,
    name: String,
    password: String,
}

impl<'a> Role<'a> {
    fn create(servers: &'a Servers) -> Self {
        let name = format!("security_{}", std::process::id());
        let role = Self { servers, name, password: r#"d:b=pa's\s"w%r$(d) #43"#.to_owned() };
        let password = role.password.replace('\'', "''");
        role.administer(&format!("CREATE ROLE {} LOGIN PASSWORD '{password}' IN ROLE lino", role.name));
        role
    }

    fn administer(&self, wish: &str) {
        let mut child = Command::new(Path::new(self.servers.get("PG_BIN")).join("psql"))
            .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "postgres"])
            .args(["-h", self.servers.get("PG_HOST"), "-p", self.servers.get("PG_PORT")])
            .env("PGPASSWORD", self.servers.get("PG_PASSWORD"))
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(format!("{wish};\n").as_bytes()).unwrap();
        assert!(child.wait().unwrap().success(), "{wish}");
    }

    /// Lets the site use the database as this user.
    fn serves(&self, shop: &Shop) {
        let settings = shop.dir.join("settings.py");
        let text = std::fs::read_to_string(&settings).unwrap();
        let old = format!("\"PASSWORD\": \"{}\"", self.servers.get("PG_PASSWORD"));
        assert!(text.contains(&old));
        let new = format!("\"PASSWORD\": {}", serde_json::to_string(&self.password).unwrap());
        let text = text.replace(&old, &new).replace("\"USER\": \"lino\"", &format!("\"USER\": \"{}\"", self.name));
        std::fs::write(settings, text).unwrap();
    }
}

impl Drop for Role<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.administer(&format!("DROP ROLE {}", self.name));
        }
    }
}

/// Lets the services be stopped by a script that asks for a password as `sudo` does, once. A fake: it knows only the
/// digest of the right one.
fn with_fake_sudo(shop: &Shop, password: &str) {
    let digest = Command::new("sha256sum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut digest = digest.unwrap();
    digest.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
    let digest = String::from_utf8(digest.wait_with_output().unwrap().stdout).unwrap();
    let script = format!(
        "#!/bin/bash\n\
         try=0\n\
         until [ -e asked ]; do\n\
         \x20 read -rs -p \"[fake sudo] password for anna, try $((++try)): \" typed; echo\n\
         \x20 digest=$(printf %s \"$typed\" | sha256sum)\n\
         \x20 if [ \"$digest\" = '{}' ]; then touch asked; else echo 'Sorry, try again.'; fi\n\
         done\n\
         exec ./web.sh stop\n",
        digest.trim_end()
    );
    let path = shop.dir.join("fake_sudo.sh");
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    shop.configure(&[("stop = \"./web.sh stop\"", "stop = \"./fake_sudo.sh\"")]);
}

/// Types a password letter by letter: `tmux` itself would show it in its command line. A semicolon it would not type.
fn types(tmux: &Tmux, password: &str) {
    for letter in password.chars() {
        tmux.text(&letter.to_string());
    }
    tmux.keys(&["Enter"]);
}

/// Files that hold the password because the site, not the upgrade, wrote it there.
fn is_the_sites_own(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "settings.py")
        || path.components().any(|part| part.as_os_str() == "__pycache__")
}

/// The files that hold one of the spellings.
fn telling(dirs: &[&Path], spellings: &[Vec<u8>]) -> Vec<PathBuf> {
    let files = dirs.iter().flat_map(|dir| below(dir)).filter(|path| path.is_file() && !is_the_sites_own(path));
    files.filter(|path| holds(&std::fs::read(path).unwrap(), spellings)).collect()
}

#[test]
fn passwords_are_in_no_process_list_and_in_no_file_after_an_upgrade_its_report_and_its_undo() {
    let servers = Servers::start();
    let shop = Shop::light_on("postgresql", "new_blank");
    let role = Role::create(&servers);
    role.serves(&shop);
    super::web_starts(&shop);
    with_fake_sudo(&shop, TYPED[1]);
    let secrets: Vec<Vec<u8>> = [TYPED[0], TYPED[1], &role.password].iter().flat_map(|text| spellings(text)).collect();
    let before = shop.contents();
    let watch = Watch::begin(secrets.clone());

    let home = TempDir::new().unwrap();
    let line = format!("umask 000; TMPDIR={} exec {PROGRAM} --site {}", home.path().display(), shop.dir.display());
    let tmux = Tmux::open(home.path(), None, (120, 36), &line);
    tmux.shows(&["Press Enter to begin with step 1"]);
    tmux.keys(&["Enter"]);
    tmux.shows(&["Take the site down now?"]);
    tmux.keys(&["y"]);
    for (attempt, password) in (1..).zip(TYPED) {
        tmux.shows(&[&format!("› [fake sudo] password for anna, try {attempt}:")]);
        types(&tmux, password);
    }
    tmux.shows(&["Do you have a snapshot", "waits for your answer:"]);
    tmux.keys(&["y"]);
    tmux.shows(&["Are you sure", "waits for your answer:"]);
    tmux.keys(&["y", "Enter"]);
    tmux.shows(&["Does the new site look right?"]);
    tmux.keys(&["y"]);
    tmux.shows(&["The site was upgraded from 1.0 to 2.0."]);
    tmux.keys(&["q"]);
    tmux.ends();

    let report = home.path().join("report");
    let log = below(&shop.dir.join(".lino-upgrade/logs"));
    let log = log.iter().find(|path| path.to_string_lossy().contains("restore")).unwrap();
    let snapshot = shop.dir.join("snapshot");
    for format in ["--html", "--markdown"] {
        let words = ["report", "--log", log.to_str().unwrap(), "--snapshot", snapshot.to_str().unwrap(), "--exit", "0"];
        let (status, _, said) =
            ran(&shop, &[&words[..], &[format, report.to_str().unwrap(), "--with-values"]].concat());
        assert_eq!((status, said.as_str()), (Some(0), ""));
        assert_eq!(telling(&[home.path()], &secrets), Vec::<PathBuf>::new(), "{format}");
    }
    for (number, words) in [&["check", "--json"][..], &["status", "--json"], &["history"], &["undo", "--yes", "--json"]]
        .into_iter()
        .enumerate()
    {
        let (status, printed, said) = ran(&shop, words);
        assert!(matches!(status, Some(0 | 1)), "{words:?}: {said}");
        std::fs::write(home.path().join(format!("printed-{number}")), printed + &said).unwrap();
    }
    assert_eq!(shop.contents(), before);

    let (looks, seen) = watch.end();
    assert!(looks > 100, "{looks}");
    assert_eq!(seen, Vec::<String>::new());
    assert_eq!(telling(&[&shop.dir, home.path()], &secrets), Vec::<PathBuf>::new());
    // The operator's umask closed nothing.
    super::files::assert_private(&shop);
    // The database's own programs did use the password.
    assert!(shop.dir.join(".lino-upgrade/protect/run-0001/database.sql").is_file());
    assert_eq!(secret_files(&shop), Vec::<PathBuf>::new());
    drop(shop);
    drop(role);
}

/// The files by which the server's programs get the password.
fn secret_files(shop: &Shop) -> Vec<PathBuf> {
    let all = below(&shop.dir.join(".lino-upgrade"));
    all.into_iter().filter(|path| path.file_name().is_some_and(|name| name == "secret")).collect()
}

#[test]
#[ignore = "takes a minute; tests/run --full asks for it"]
fn matrix_a_password_file_that_a_crash_has_left_behind_is_private_and_goes_when_the_site_is_opened_again() {
    let shop = Shop::light_on("mariadb", "new_blank");
    let mut left = Vec::new();
    for write in 1..10 {
        // Killed right after a file was written beside the snapshot, one after the other.
        let mut command = shop.headless();
        command.args(["--until", "protect"]).env("LINO_UPGRADE_FAULT", format!("kill-after@snapshot:{write}"));
        let _ = command.output().unwrap();
        left = secret_files(&shop);
        if !left.is_empty() {
            break;
        }
    }
    let [secret] = left.as_slice() else { panic!("no crash has left a password file behind") };
    assert_eq!(std::fs::metadata(secret).unwrap().permissions().mode() & 0o777, 0o600);
    let (status, _, said) = ran(&shop, &["run", "--headless", "--yes", "--until", "protect"]);
    assert_eq!(status, Some(4), "{said}");
    assert_eq!(secret_files(&shop), Vec::<PathBuf>::new());
}
