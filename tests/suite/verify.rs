//! `verify` against the database of a real site: a dump in which dump2py lost rows is refused with table and keys, and
//! the snapshot that the procedure makes of the same database is complete.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::shop::{PROGRAM, Shop, all, ended};

/// How many products are added: two slices of dump2py, and more than a quarter of the server's memory for tables.
const PRODUCTS: u64 = 75_000;

fn verify(shop: &Shop, snapshot: &Path, options: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(PROGRAM);
    command.arg("verify").arg(snapshot).args(options).current_dir(shop.dir.parent().unwrap());
    let output = command.stderr(Stdio::inherit()).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

fn with_site(shop: &Shop, snapshot: &Path) -> (Option<i32>, Value) {
    let (status, text) = verify(shop, snapshot, &["--json", "--site", shop.dir.to_str().unwrap()]);
    (status, serde_json::from_str(&text).unwrap())
}

#[test]
fn a_dump_in_which_rows_were_lost_is_refused_and_the_snapshot_of_the_procedure_has_them_all() {
    let shop = Shop::build_on("postgresql");
    shop.query(&format!(
        "cursor.execute('insert into shop_product (name, name_de, name_fr, category_id, price, active) \
         select repeat(md5(g::text), 6), repeat(md5(g::text), 6), repeat(md5(g::text), 6), p.category_id, g, true \
         from generate_series(1, {PRODUCTS}) g, (select * from shop_product limit 1) p')"
    ));
    let products = shop.rows().into_iter().find(|(table, _)| table == "shop_product").unwrap().1;
    let plain = shop.dir.join("plain");
    let dumped = Command::new("env/bin/python")
        .args(["manage.py", "dump2py", "plain"])
        .current_dir(&shop.dir)
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap();
    assert!(dumped.status.success(), "{}", String::from_utf8_lossy(&dumped.stderr));

    let (status, found) = with_site(&shop, &plain);
    assert_eq!((status, &found["ok"]), (Some(1), &json!(false)));
    let keys = keys(&plain);
    let lost = products - keys.len() as u64;
    assert!(lost > 0, "plain dump2py lost nothing");
    let problems = found["problems"].as_array().unwrap();
    let messages: Vec<&str> = problems.iter().map(|problem| problem["message"].as_str().unwrap()).collect();
    // As many lines as rows, so that counting alone would see nothing.
    assert!(!messages.iter().any(|message| message.contains("should have")), "{messages:?}");
    let twice = messages.iter().filter(|message| message.ends_with(" of table shop_product comes twice.")).count();
    assert!(twice >= 10 && twice == messages.len() - 1, "{messages:?}");
    let missing = messages.iter().find(|message| message.contains("are missing")).unwrap();
    assert!(missing.starts_with(&format!("{lost} rows of shop_product are missing, with the keys ")), "{missing}");
    let named = missing.split("with the keys ").nth(1).unwrap().split(" and ").next().unwrap();
    assert!(named.split(", ").all(|key| !keys.contains(&key.parse::<u64>().unwrap())), "{named}");
    // Without its site, it is refused for what comes twice.
    let (status, text) = verify(&shop, &plain, &[]);
    assert_eq!((status, text.contains("of table shop_product comes twice.")), (Some(1), true));
    std::fs::remove_dir_all(&plain).unwrap();

    // Far enough: what comes later takes long and is tested elsewhere.
    std::fs::write(shop.dir.join("pull.sh"), "#!/bin/sh\nexit 1\n").unwrap();
    let (status, events, said) = shop.upgrade();
    let pull = ("pull", "failed");
    let before = ["check", "stop-services", "snapshot", "verify-snapshot", "protect"].map(|step| (step, "done"));
    assert_eq!((status, ended(&events)), (Some(1), all(&[before.as_slice(), &[pull]].concat())), "{said}");
    for snapshot in ["snapshot", "snapshot.zip"] {
        let (status, found) = with_site(&shop, &shop.dir.join(snapshot));
        assert_eq!((status, &found["ok"], &found["problems"]), (Some(0), &json!(true), &json!([])), "{snapshot}");
    }
    let (status, text) = verify(&shop, &shop.dir.join("snapshot.zip"), &[]);
    assert_eq!(status, Some(0));
    assert!(text.contains("Whether it has all rows of a database was not looked at"), "{text}");
}

/// The keys of the products in a dump, read without the program.
fn keys(dump: &Path) -> BTreeSet<u64> {
    let files = std::fs::read_dir(dump).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("shop_product"));
    let mut keys = BTreeSet::new();
    for text in files.map(|path| std::fs::read_to_string(path).unwrap()) {
        let rows = text.lines().filter_map(|line| line.strip_prefix("loader.save(create_shop_product("));
        keys.extend(rows.map(|row| row.split(',').next().unwrap().parse::<u64>().unwrap()));
    }
    keys
}
