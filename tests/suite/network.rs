//! The network is lost while `pull.sh` runs: pip asks an index that cuts the connection, or that is not there.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::shop::{PROGRAM, Shop, WHOLE, all, ended, without_pip_settings};

const WHEEL: &str = "lino_shop-2.0-py3-none-any.whl";

/// A fake index of packages. It has one file, and breaks the connection in the middle of it until it is told not to.
struct FakeIndex {
    port: u16,
    cuts: Arc<AtomicBool>,
}

impl FakeIndex {
    fn open(wheel: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let cuts = Arc::new(AtomicBool::new(true));
        let cut = Arc::clone(&cuts);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, &wheel, cut.load(Ordering::SeqCst));
            }
        });
        Self { port, cuts }
    }
}

fn answer(mut stream: TcpStream, wheel: &[u8], cuts: bool) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let Some(wish) = lines.next() else { return };
    let _ = lines.find(String::is_empty);
    let page = format!("<a href=\"/file/{WHEEL}\">{WHEEL}</a>");
    let (kind, body) = if wish.contains("/simple/lino-shop/") {
        ("text/html", page.as_bytes())
    } else if wish.contains(WHEEL) {
        ("application/zip", wheel)
    } else {
        ("text/plain", &b""[..])
    };
    let status = if body.is_empty() { "404 Not Found" } else { "200 OK" };
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    let sent = if cuts && kind == "application/zip" { length / 2 } else { length };
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.split_at(sent).0));
    let _ = stream.shutdown(Shutdown::Both);
}

/// A site whose `pull.sh` asks that index.
fn site() -> (Shop, FakeIndex) {
    let shop = Shop::light_on("sqlite", "new_blank");
    let path = shop.dir.join("pull.sh");
    let text = std::fs::read_to_string(&path).unwrap();
    let wheels: Vec<PathBuf> = text
        .lines()
        .find_map(|line| line.strip_prefix("export PIP_FIND_LINKS="))
        .unwrap()
        .trim_matches('"')
        .split(' ')
        .map(|dir| Path::new(dir).join(WHEEL))
        .collect();
    let wheel = wheels.iter().find_map(|path| std::fs::read(path).ok()).unwrap();
    let index = FakeIndex::open(wheel);
    let asks = |line: &str| match line {
        "export PIP_NO_INDEX=1" => {
            format!("export PIP_CONFIG_FILE=/dev/null PIP_INDEX_URL=http://127.0.0.1:{}/simple", index.port)
        }
        _ if line.starts_with("export PIP_FIND_LINKS=") => "export PIP_FIND_LINKS=".to_owned(),
        // It is not in this index.
        "python -m pip install -U pip" => String::new(),
        line => line.to_owned(),
    };
    std::fs::write(&path, text.lines().map(asks).collect::<Vec<_>>().join("\n")).unwrap();
    (shop, index)
}

fn run(shop: &Shop, arguments: &[&str], fault: Option<&str>) -> (Option<i32>, Vec<serde_json::Value>, String) {
    let mut command = Command::new(PROGRAM);
    command.arg("--site").arg(&shop.dir).args(arguments).env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    command.envs(fault.map(|fault| ("LINO_UPGRADE_FAULT", fault)));
    without_pip_settings(&mut command);
    let output = command.output().unwrap();
    let events = String::from_utf8(output.stdout).unwrap();
    let events = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (output.status.code(), events, String::from_utf8(output.stderr).unwrap())
}

const UPGRADE: [&str; 3] = ["run", "--headless", "--yes"];
const REMEDY: &str = "→ Check the connection to the network and the proxy settings, then retry.";

#[test]
#[ignore = "takes a minute; tests/run --full asks for it"]
fn matrix_a_network_that_is_lost_in_the_middle_of_pull_is_named_and_the_next_attempt_goes_on() {
    let (shop, index) = site();
    let goods = shop.goods();
    let (status, events, said) = run(&shop, &UPGRADE, None);
    assert_eq!(status, Some(1), "{said}");
    assert_eq!(ended(&events).last(), all(&[("pull", "failed")]).last());
    assert!(said.contains("FAIL network: ") && said.contains(REMEDY), "{said}");

    // An index that is not there at all: pip takes what is installed for the newest, and ends with status 0.
    let (status, events, said) = run(&shop, &UPGRADE, Some("offline@pull"));
    assert_eq!(status, Some(1), "{said}");
    assert_eq!(ended(&events), all(&[("pull", "failed")]));
    let because = "pip could not reach the server that has the packages, and nothing was updated";
    assert!(said.contains(because) && said.contains(REMEDY), "{said}");

    index.cuts.store(false, Ordering::SeqCst);
    let (status, events, said) = run(&shop, &UPGRADE, None);
    assert_eq!((status, said.as_str()), (Some(0), "The site was upgraded from 1.0 to 2.0.\n"));
    assert_eq!(ended(&events)[0], all(&WHOLE[5..6])[0]);
    shop.unrepair();
    let rows = |goods: &crate::shop::Contents| -> Vec<(String, u64)> {
        goods.iter().map(|(table, (rows, _))| (table.clone(), *rows)).collect()
    };
    assert_eq!(rows(&shop.goods()), rows(&goods));
}

#[test]
#[ignore = "takes a minute; tests/run --full asks for it"]
fn matrix_a_pull_that_has_lost_the_network_is_undone() {
    let (shop, _index) = site();
    let contents = shop.contents();
    assert_eq!(run(&shop, &UPGRADE, None).0, Some(1));
    let (status, _, said) = run(&shop, &["undo", "--yes", "--json"], None);
    assert_eq!((status, said.as_str()), (Some(0), "The old version is back: 1.0.\n"));
    assert_eq!(shop.contents(), contents);
    let script = "import importlib.metadata as m; print(m.version('lino-shop'))";
    let output = Command::new("env/bin/python").args(["-I", "-c", script]).current_dir(&shop.dir).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "1.0");
}
