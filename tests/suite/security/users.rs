//! Who runs it: other users are kept out of the runner, and root, `sudo` and an ordinary user find the same run of a site
//! or are told what to do. Core dumps of lino-upgrade there are none.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};

use assert_fs::TempDir;
use lino_upgrade::runner::{Client, CommandSpec, Operator, Role};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{ended, is_root, ran};
use crate::crash_site::can_reboot;
use crate::shop::{PROGRAM, Shop, without_pip_settings};
use crate::wizard::User;

fn operator() -> Operator {
    Operator { user: "owner".into(), pid: 7, tty: None, from: None, since: 0 }
}

/// Says hello to a runner as another user does; returns what came back, or why nothing did.
fn hello_of(user: &str, socket: &Path) -> String {
    let script = "import socket, sys\n\
        s = socket.socket(socket.AF_UNIX)\n\
        s.settimeout(30)\n\
        try:\n\
        \x20   s.connect(sys.argv[1])\n\
        \x20   s.sendall(b'{\"n\":1,\"request\":\"hello\",\"protocol\":1,\"operator\":{\"user\":\"x\",\"pid\":1,\"tty\":null,'\n\
        \x20             b'\"from\":null,\"since\":0},\"role\":\"driver\"}\\n')\n\
        \x20   print('answer', s.recv(1000))\n\
        except OSError as error:\n\
        \x20   print(type(error).__name__)\n";
    let mut command = Command::new("runuser");
    command.args(["-u", user, "--", "python3", "-c", script]).arg(socket).current_dir("/");
    let output = command.output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn the_runner_answers_its_own_user_and_root_and_nobody_else() {
    if !is_root("become another user") {
        return;
    }
    let root = TempDir::new().unwrap();
    let dir = root.path().join("runner");
    let exe = Path::new(PROGRAM);
    let (client, _events) = Client::attach_or_launch(&dir, Some(exe), operator(), Role::Driver).await.unwrap();
    let socket = dir.join("sock");
    let modes = [dir.metadata(), socket.symlink_metadata()].map(|data| data.unwrap().mode() & 0o777);
    assert_eq!(modes, [0o700, 0o600]);
    assert_eq!(hello_of("nobody", &socket), "PermissionError\n");
    // Even when somebody has opened the way.
    for (path, mode) in [(root.path(), 0o755), (&dir, 0o755), (&socket, 0o666)] {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }
    let said = hello_of("nobody", &socket);
    assert!(["answer b''\n", "BrokenPipeError\n", "ConnectionResetError\n"].contains(&said.as_str()), "{said}");
    assert!(hello_of("root", &socket).starts_with("answer b'{\"line\":\"answer\",\"n\":1"));
    client.shutdown().await.unwrap();
}

#[tokio::test]
async fn root_may_talk_to_the_runner_of_another_user() {
    let Some(user) = User::create("peer") else { return };
    let dir = user.home.path().join("runner");
    let mut launch = Command::new("runuser");
    launch.args(["-u", &user.name, "--"]).arg(user.program()).arg("internal-runner").arg(&dir).current_dir("/");
    assert_eq!(ended(launch.output().unwrap()), (Some(0), "ready\n".into(), String::new()));
    let (client, _events) = Client::attach_or_launch(&dir, None, operator(), Role::Driver).await.unwrap();
    // It is the user's, not root's.
    assert_eq!(dir.join("sock").symlink_metadata().unwrap().uid(), user.home.path().metadata().unwrap().uid());
    client.shutdown().await.unwrap();
}

/// The processes of lino-upgrade that serve this directory.
fn runners(dir: &Path) -> Vec<std::path::PathBuf> {
    let serves = |path: &Path| {
        let line = std::fs::read(path.join("cmdline")).unwrap_or_default();
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        words.len() > 2 && words[1].starts_with(b"internal-") && words[2] == dir.as_os_str().as_encoded_bytes()
    };
    let all = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    all.filter(|path| serves(path)).collect()
}

#[tokio::test]
async fn runner_and_shim_leave_no_core_dump_and_commands_get_the_usual_limits() {
    let Some(user) = User::create("core") else { return };
    let dir = user.home.path().join("runner");
    let log = user.home.path().join("log");
    let mut launch = Command::new("runuser");
    launch.args(["-u", &user.name, "--"]).arg(user.program()).arg("internal-runner").arg(&dir).current_dir("/");
    assert!(launch.output().unwrap().status.success());
    let (client, mut events) = Client::attach_or_launch(&dir, None, operator(), Role::Driver).await.unwrap();
    let spec = CommandSpec {
        id: 1,
        label: "test".into(),
        argv: ["sh", "-c", "stat -c %u /proc/$$; ulimit -c; read x"].map(str::to_owned).to_vec(),
        cwd: "/".into(),
        env: BTreeMap::new(),
        log: log.clone(),
        on_disk: Vec::new(),
    };
    client.run(spec).await.unwrap();
    // Both lines, each with its end.
    while std::fs::read_to_string(&log).unwrap_or_default().matches('\n').count() < 2 {
        let _ = tokio::time::timeout(std::time::Duration::from_secs(1), events.recv()).await;
    }
    // Now the command is another program; until then it is a copy of the shim.
    let found = runners(&dir);
    assert_eq!(found.len(), 2, "runner and shim: {found:?}");
    // The system gives the memory of a process that must not be dumped to root.
    assert_eq!(found.iter().map(|path| path.join("mem").metadata().unwrap().uid()).collect::<Vec<_>>(), [0, 0]);
    let uid = user.home.path().metadata().unwrap().uid();
    let limit = Command::new("sh").args(["-c", "ulimit -c"]).output().unwrap().stdout;
    let limit = String::from_utf8(limit).unwrap();
    let said = std::fs::read_to_string(&log).unwrap();
    let lines: Vec<&str> = said.lines().map(str::trim_end).collect();
    assert_eq!(lines[..2], [uid.to_string().as_str(), limit.trim_end()]);
    client.kill().await.unwrap();
    let _ = tokio::time::timeout(std::time::Duration::from_secs(30), async {
        while client.shutdown().await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Prepares `lino-upgrade ARGUMENTS` for the site as a user, with this environment besides.
fn as_user(user: &User, shop: &Shop, env: &[(&str, &str)], arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new("runuser");
    command.args(["-u", &user.name, "--", "env"]).args(env.iter().map(|(name, value)| format!("{name}={value}")));
    command.arg(user.program()).arg("--site").arg(&shop.dir).args(arguments).current_dir("/");
    command.env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    without_pip_settings(&mut command);
    ended(command.output().unwrap())
}

/// The same by the real `sudo`, which asks this user for no password; it and `sudoers` are as the machine has them.
fn by_sudo(user: &User, shop: &Shop, options: &[&str], arguments: &[&str]) -> (Option<i32>, String, String) {
    let sudoers = user.home.path().join("sudoers");
    if !sudoers.exists() {
        let text = format!("{} ALL=(ALL:ALL) NOPASSWD:SETENV: ALL\n", user.name);
        std::fs::write(&sudoers, text).unwrap();
        std::fs::set_permissions(&sudoers, PermissionsExt::from_mode(0o440)).unwrap();
    }
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", "mount --bind \"$0\" /etc/sudoers && exec \"$@\""]).arg(sudoers);
    command.args(["runuser", "-u", &user.name, "--", "sudo", "-n"]).args(options);
    command.arg(user.program()).arg("--site").arg(&shop.dir).args(arguments).current_dir("/");
    command.env("LC_ALL", "C.UTF-8").env("HOME", user.home.path()).stdin(Stdio::null());
    without_pip_settings(&mut command);
    ended(command.output().unwrap())
}

#[test]
fn whoever_comes_by_sudo_is_named_and_finds_the_run_of_the_site() {
    if !can_reboot() {
        return println!("not tested: a list of those who may use sudo cannot be mounted here");
    }
    let Some(user) = User::create("home") else { return };
    let shop = Shop::owned_by(&user.name);
    let until = |step| ["run", "--headless", "--yes", "--until", step];
    let (status, _, said) = by_sudo(&user, &shop, &[], &until("check"));
    assert_eq!(status, Some(4), "{said}");
    // It belongs to root, and is the site's: neither `/root` nor the user's home has any of it.
    let state = shop.dir.join(".lino-upgrade").metadata().unwrap();
    assert_eq!((state.uid(), state.mode() & 0o777), (0, 0o700));
    assert!(!user.home.path().join(".local").exists());
    let expected = vec![(1, user.name.clone())];
    for options in
        [&[][..], &["-H"], &["-E"], &["--preserve-env=HOME"], &["HOME=/nonexistent", "XDG_STATE_HOME=/nonexistent"]]
    {
        let (status, printed, said) = by_sudo(&user, &shop, options, &["history", "--json"]);
        assert_eq!((status, runs(&printed)), (Some(0), expected.clone()), "{options:?}: {said}");
    }
    refused(&user, &shop);
    let (status, _, said) = by_sudo(&user, &shop, &["-E"], &until("stop-services"));
    assert_eq!(status, Some(4), "{said}");
    let (status, _, said) = by_sudo(&user, &shop, &[], &["undo", "--yes"]);
    assert_eq!(status, Some(0), "{said}");
}

fn runs(printed: &str) -> Vec<(i64, String)> {
    let runs: Vec<Value> = serde_json::from_str(printed).unwrap();
    runs.iter().map(|run| (run["run"].as_i64().unwrap(), run["operator"].as_str().unwrap().to_owned())).collect()
}

#[test]
#[ignore = "takes a minute; tests/run --full asks for it"]
fn matrix_a_run_belongs_to_the_site_and_who_cannot_go_on_with_it_is_told_why_and_what_to_do() {
    let Some(user) = User::create("home") else { return };
    let shop = Shop::owned_by(&user.name);
    let state = shop.dir.join(".lino-upgrade");
    let until = ["run", "--headless", "--yes", "--until", "check"];
    let home = user.home.path().to_str().unwrap();
    let (status, _, said) = as_user(&user, &shop, &[("HOME", home), ("USER", user.name.as_str())], &until);
    assert_eq!(status, Some(4), "{said}");
    let expected = vec![(1, user.name.clone())];
    for home in [home, "/nonexistent", "/root"] {
        let env = [("HOME", home), ("XDG_STATE_HOME", "/nonexistent/state"), ("SUDO_USER", "somebody")];
        let (status, printed, said) = as_user(&user, &shop, &env, &["history", "--json"]);
        assert_eq!((status, runs(&printed)), (Some(0), expected.clone()), "{home}: {said}");
    }

    // Root finds the same run, and goes on with it.
    let (status, printed, said) = ran(&shop, &["history", "--json"]);
    assert_eq!((status, runs(&printed)), (Some(0), expected.clone()), "{said}");
    let (status, _, said) = ran(&shop, &["run", "--headless", "--yes", "--until", "stop-services"]);
    assert_eq!(status, Some(4), "{said}");
    refused(&user, &shop);
    // As if root had begun it.
    assert!(Command::new("chown").args(["-R", "root"]).arg(&state).status().unwrap().success());
    refused(&user, &shop);

    // The remedy that was told helps, once nothing of the other's runs.
    for runner in runners(&state.canonicalize().unwrap().join("runner")) {
        let pid = runner.file_name().unwrap().to_str().unwrap().parse().unwrap();
        let _ = kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
    }
    assert!(Command::new("chown").args(["-R", &user.name]).arg(&state).status().unwrap().success());
    let (status, printed, said) = as_user(&user, &shop, &[], &["history", "--json"]);
    assert_eq!((status, runs(&printed)), (Some(0), expected), "{said}");
    let (status, _, said) = as_user(&user, &shop, &[], &["run", "--headless", "--yes", "--until", "snapshot"]);
    assert_eq!(status, Some(4), "{said}");
}

/// Fails unless the user is told that root's run is in the way, whatever is wished.
fn refused(user: &User, shop: &Shop) {
    let state = shop.dir.canonicalize().unwrap().join(".lino-upgrade");
    let remedy = format!(
        "→ Or, when nothing of it runs any more, hand it over, as root: chown -R {} {}\n",
        user.name,
        state.display()
    );
    for arguments in
        [&["run", "--headless", "--yes"][..], &["status"], &["history"], &["undo"], &["undo", "--copies"], &["report"]]
    {
        let (status, _, said) = as_user(user, shop, &[], arguments);
        assert_eq!(status, Some(2), "{arguments:?}: {said}");
        assert!(said.contains("belongs to another user (root)") && said.contains(&remedy), "{arguments:?}: {said}");
    }
}
